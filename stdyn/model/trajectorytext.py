"""A trajectory in words: what it is, how it ends, and where it comes from."""

from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.parameters import RATES
from stdyn.model.joining import begins_of_parts
from stdyn.model.problem import Problem
from stdyn.model.schedule import text
from stdyn.model.shapes import short
from stdyn.text import listing

Trajectory = Any  # the class, which stands on this module


def summary(trajectory: Trajectory) -> str:
    """In lines."""
    problem, start = trajectory.problem, trajectory.problem.start
    solver = f"{trajectory.runs} {trajectory.method} runs at N = {problem.N}"
    lines = {
        "what": f"{problem.rule.upper()}, {'ODEs, N -> infinity' if trajectory.runs is None else solver}",
        "units": f"K = {start.K}, M = {start.M}, outputs = {problem.outputs}, activation {problem.activations_text}",
        "rates": _rates(problem),
        **({} if start.inputs is None else {"inputs": str(start.inputs).removeprefix("Inputs of ")}),
        **_regimes(problem),
        "alpha": "none was reached",
    }
    if len(trajectory.alphas):
        lines |= _curves(trajectory) | _tasks(trajectory)
    if trajectory.error is not None and len(trajectory.alphas):
        most = {name: np.fmax.reduce(values, axis=None) for name, values in trajectory.error.items()}
        largest = ", ".join(f"{name} {value:.1g}" for name, value in most.items())
        lines["quadrature"] = f"standard error up to {largest}"
    if trajectory.diverged_at is not None:
        count, first = np.isfinite(trajectory.diverged_at).sum(), trajectory.diverged_at.min()
        lines["diverged"] = f"{count}, the first at alpha = {first:g}"
    if trajectory.failed_at is not None:
        lines["solver gave up"] = f"at alpha = {trajectory.failed_at:g}"
    for name, value in trajectory.attributes.items():
        lines[name] = f"{value:g}" if isinstance(value, float) else str(value)
    if "joined" in trajectory.attributes:
        begins = begins_of_parts(trajectory.attributes)
        lines["joined"] = f"{len(begins)} parts, from alpha = {short(begins)[1:-1]}"
    return listing(lines)


def _rates(problem: Problem) -> str:
    """Those that every problem has, and the others where they are not the default."""
    rates = {name: getattr(problem, name) for name in RATES}
    if rates["drift"] == 0:
        del rates["drift"]
    if problem.mixture is not None:
        rates["mixture"] = problem.mixture
    return ", ".join(f"{name} = {text(value)}" for name, value in rates.items())


def _regimes(problem: Problem) -> dict[str, str]:
    """What is not as in plain online SGD."""
    said = [f"{problem.batch} examples a step"] if problem.batch > 1 else []
    said += ["gradient flow"] if problem.flow else []
    said += ["the student's vectors keep their lengths"] if problem.sphere else []
    return {"regime": ", ".join(said)} if said else {}


def _curves(trajectory: Trajectory) -> dict[str, str]:
    """From where to where the alphas go, and what eps_g and the alignment are at both."""
    alphas = trajectory.alphas
    lines = {"alpha": f"{len(alphas)} values from {alphas[0]:g} to {alphas[-1]:g}"}
    for said, name in (("eps_g", "eps_g"), ("on test examples", "eps_g_test"), ("alignment", "alignment")):
        values = getattr(trajectory, name)
        if values is not None:
            first, last = _known_mean(values[..., 0]), _known_mean(values[..., -1])
            lines[said] = f"{first:.4g} at the first alpha, {last:.4g} at the last"
    if trajectory.alignment_per_output is not None and trajectory.problem.outputs > 1:
        lines["of each output"] = f"{_each(trajectory.alignment_per_output[..., -1, :])} at the last alpha"
    return lines


def _tasks(trajectory: Trajectory) -> dict[str, str]:
    """Which task is learned from when, and what is known of each, the mean over runs."""
    tasks = trajectory.problem.tasks
    if tasks is None:
        return {}
    return {
        "tasks": tasks.words,
        "eps_g of each task": f"{_each(trajectory.eps_g_per_task[..., -1, :])} at the last alpha",
        "forgetting": f"{_each(trajectory.forgetting)} since the end of its turn",
        "transfer": f"{_each(trajectory.transfer)} before its turn",
    }


def _each(values: Array) -> str:
    """Numbers along the last axis, means over runs; a dash where there is none."""
    means = [_known_mean(each) for each in np.moveaxis(values, -1, 0)]
    return ", ".join("–" if np.isnan(mean) else f"{mean:.4g}" for mean in means)


def _known_mean(values: Array) -> float:
    """The mean of what is known; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan
