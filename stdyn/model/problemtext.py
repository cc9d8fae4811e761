"""Problems and order parameters in words: in one line, and in a few."""

from typing import Any

import numpy as np

from stdyn.kernels.parameters import RATES
from stdyn.model.schedule import text
from stdyn.text import counted, listing

Problem = Any  # the classes, which stand on this module
OrderParameters = Any


def of_problem(problem: Problem) -> str:
    """A problem in one line."""
    parts = [problem.rule.upper(), units(problem), problem.activations_text, _short_rates(problem), f"N = {problem.N}"]
    if problem.start.inputs is not None:
        parts.append(f"inputs of {counted(problem.start.inputs.groups, 'group')}")
    parts += [counted(len(problem.tasks), "task")] if problem.tasks is not None else []
    return ", ".join([*parts, *regimes(problem)])


def of_state(state: OrderParameters) -> str:
    """Order parameters in one line."""
    with np.errstate(all="ignore"):
        lengths, cosine = state.lengths, np.abs(state.cosines).max()
    shortest, longest = (f"{each:.3g}" for each in (lengths.min(), lengths.max()))
    said = f"|w| = {longest}" if shortest == longest else f"|w| from {shortest} to {longest}"
    groups = "" if state.inputs is None else f", {state.inputs.groups} groups"
    return f"{_sizes(state)}, {said}, cosines up to {cosine:.3g}{groups}"


def units(problem: Problem) -> str:
    """How many there are."""
    return _sizes(problem.start)


def _sizes(state: OrderParameters) -> str:
    outputs = state.v.size // state.K
    said = f"K = M = {state.K}" if state.K == state.M else f"K = {state.K}, M = {state.M}"
    return said + f", {outputs} outputs" * (outputs > 1)


def _short_rates(problem: Problem) -> str:
    """eta and eta_v, and the others that are not zero."""
    eta, eta_v = text(problem.eta), text(problem.eta_v)
    said = [f"eta = eta_v = {eta}"] if eta == eta_v else [f"eta = {eta}", f"eta_v = {eta_v}"]
    rest = {name: getattr(problem, name) for name in (*RATES, "mixture") if name not in ("eta", "eta_v")}
    said += [f"{name} = {text(value)}" for name, value in rest.items() if value is not None and value != 0]
    return ", ".join(said)


def parameters(problem: Problem) -> dict[str, str]:
    """Units, rates, inputs and what is not as in plain online SGD, by name."""
    start = problem.start
    return {
        "units": f"K = {start.K}, M = {start.M}, outputs = {problem.outputs}, activation {problem.activations_text}",
        "rates": _rates(problem),
        **({} if start.inputs is None else {"inputs": str(start.inputs).removeprefix("Inputs of ")}),
        **({"regime": ", ".join(regimes(problem))} if regimes(problem) else {}),
    }


def _rates(problem: Problem) -> str:
    """Those that every problem has, and the others where they are not the default."""
    rates = {name: getattr(problem, name) for name in RATES}
    if rates["drift"] == 0:
        del rates["drift"]
    if problem.mixture is not None:
        rates["mixture"] = problem.mixture
    return ", ".join(f"{name} = {text(value)}" for name, value in rates.items())


def regimes(problem: Problem) -> list[str]:
    """What is not as in plain online SGD."""
    said = [f"{problem.batch} examples a step"] if problem.batch > 1 else []
    said += ["gradient flow"] if problem.flow else []
    return said + (["the student's vectors keep their lengths"] if problem.sphere else [])


def summary(problem: Problem) -> str:
    """A problem in lines."""
    return "<stdyn.Problem>\n" + listing(lines(problem))


def lines(problem: Problem) -> dict[str, str]:
    """All that it is, by name."""
    found = {"rule": problem.rule.upper(), "N": str(problem.N), **parameters(problem)}
    if problem.tasks is not None:
        found["tasks"] = problem.tasks.words
    if problem.by_quadrature:
        found["quadrature"] = f"{problem.quadrature} points"
    return found | {"start": of_state(problem.start)}


def arrays(state: OrderParameters) -> str:
    """Order parameters in numbers; of large arrays the corners."""
    said = ["<stdyn.OrderParameters>"]
    for name in ("R", "Q", "T", "v", "v_teacher"):
        values = getattr(state, name)
        said.append(
            f"{name} {values.shape}\n{np.array2string(values, precision=4, suppress_small=True, threshold=400)}"
        )
    return "\n".join(said)
