"""A trajectory in words: what it is, how it ends, and where it comes from."""

from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.model.joining import begins_of_parts
from stdyn.model.problemtext import parameters, units
from stdyn.model.selecting import parts_of, selected_runs
from stdyn.model.shapes import short
from stdyn.text import counted, listing

Trajectory = Any  # the class, which stands on this module


_DEAREST = 2e6  # pairs of units of which averages are taken to show a value: a tenth of a second
_BY_QUADRATURE = 100  # times as dear as in closed form


def what(trajectory: Trajectory) -> str:
    """Which equations or runs."""
    problem = trajectory.problem
    if trajectory.runs is None:
        return f"{problem.rule.upper()}, ODEs, N -> infinity"
    runs = counted(trajectory.runs, f"{trajectory.method} run")
    return f"{problem.rule.upper()}, {runs} at N = {problem.N}"


def line(trajectory: Trajectory) -> str:
    """In one line."""
    problem, alphas = trajectory.problem, trajectory.alphas
    parts = [what(trajectory).removesuffix(", N -> infinity"), units(problem), problem.activations_text]
    if not len(alphas):
        return ", ".join([*parts, "no alpha was reached"])
    parts.append(f"alpha = {alphas[0]:g}" if len(alphas) == 1 else span(alphas))
    last = errors_at(trajectory, np.array([-1]))
    parts += [] if last is None else [f"eps_g {_known_mean(last):.3g} at the end"]
    return ", ".join([*parts, *ends(trajectory).values()])


def span(alphas: Array) -> str:
    """How many there are, from where to where."""
    return f"{len(alphas)} alphas from {alphas[0]:g} to {alphas[-1]:g}"


def errors_at(trajectory: Trajectory, positions: np.ndarray) -> Array | None:
    """eps_g at some alphas; None where it would take long."""
    if "eps_g" in vars(trajectory):
        return np.asarray(trajectory.eps_g[..., positions])
    points = len(positions) * (trajectory.runs or 1)
    return np.asarray(trajectory.isel(alpha=positions).eps_g) if points <= affordable(trajectory) else None


def affordable(trajectory: Trajectory) -> float:
    """Of how many order parameters eps_g can be shown."""
    if trajectory.eps_g_read is not None:
        return np.inf
    problem = trajectory.problem
    if not all(each.usable for each in problem.activations):
        return 0.0
    return _DEAREST / (problem.start.K + problem.start.M) ** 2 / (_BY_QUADRATURE if problem.by_quadrature else 1)


def ends(trajectory: Trajectory) -> dict[str, str]:
    """How it ended, if not as it should, by what happened."""
    said = {}
    if trajectory.diverged_at is not None:
        count, first = np.isfinite(trajectory.diverged_at).sum(), trajectory.diverged_at.min()
        said["diverged"] = f"{count} diverged, the first at alpha = {first:g}"
    if trajectory.failed_at is not None:
        said["solver gave up"] = f"the solver gave up at alpha = {trajectory.failed_at:g}"
    if "interrupted" in trajectory.attributes:
        said["interrupted"] = f"interrupted {trajectory.attributes['interrupted']}"
    return said


def summary(trajectory: Trajectory) -> str:
    """In lines."""
    lines = {"what": what(trajectory), **parameters(trajectory.problem), "alpha": "none was reached"}
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
    if "selected_runs" in trajectory.attributes and trajectory.runs is not None:
        runs, of = selected_runs(trajectory)
        lines["selected_runs"] = f"{short(runs).strip('[]')} of {of}"
    if "concatenated" in trajectory.attributes:
        lines["concatenated"] = f"{len(parts_of(trajectory.attributes))} ensembles"
    return listing(lines)


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
