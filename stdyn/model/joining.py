"""Trajectories that go on: the problem from a point of one on, and two that follow each other as one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.activations import Activation
from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule, pieces, steps
from stdyn.model.selecting import entry
from stdyn.model.state import OrderParameters
from stdyn.model.tasks import Tasks
from stdyn.text import shown
from stdyn.values import same

Trajectory = Any  # the class, which stands on this module

_APART = 1e-6  # of 1 + |order parameter|: what the start of a trajectory may be from the end of the one before
_ALIKE = ("rule", "N", "activation", "activation_teacher", "batch", "flow", "sphere")
_OF_WHOLE = ("wall_time", "created", "rtol", "atol", "warning", "interrupted", "joined")  # not those of a part

Rate = float | Schedule


def state_at(trajectory: Trajectory, position: int, run: int | None) -> OrderParameters:
    """The order parameters at alphas[position], which weights have."""
    if (run is None) != (trajectory.runs is None):
        raise InputError(
            f"run must be {'None' if trajectory.runs is None else 'the number of a run'}, but is {shown(run)}"
        )
    where: tuple[int, ...] = (entry("position", position, len(trajectory.alphas)),)
    if run is not None and trajectory.runs is not None:
        where = entry("run", run, trajectory.runs), *where
    start = trajectory.problem.start
    if np.isnan(trajectory.R[where]).any():
        raise InputError(f"position must be one that run {run} has reached, but is {position}: it diverged before")
    isotropic = start.inputs is None
    r, q = (
        (trajectory.R[where][None], trajectory.Q[where][None])
        if isotropic
        else (trajectory.R_group[where], trajectory.Q_group[where])
    )
    along = r @ start.T_inverse @ np.swapaxes(r, -1, -2)
    eigenvalues, vectors = np.linalg.eigh(q - along)
    q = q + (vectors * np.maximum(-eigenvalues, 0)[:, None]) @ np.swapaxes(vectors, -1, -2)
    v_teacher, _ = trajectory.problem.protocol.task(float(trajectory.alphas[where[-1]]))
    second = trajectory.v[where], v_teacher.reshape(start.v_teacher.shape)
    if isotropic:
        return OrderParameters(r[0], q[0], start.T, *second)
    return OrderParameters.by_group(start.inputs, r, q, start.T_group, *second, start.T_hidden)


def problem_at(trajectory: Trajectory, position: int, run: int | None) -> Problem:
    """What goes on from alphas[position]."""
    problem, start = trajectory.problem, trajectory.at(position, run)
    rest = problem.started(start, float(trajectory.alphas[position]))
    if problem.rule == "kp":  # of a run that of its steps
        rest = replace(rest, b=trajectory.b[(position,) if run is None else (run, position)])
    return rest


def _shifted(rate: Any, by: float) -> Any:
    return rate.shifted(by) if isinstance(rate, Schedule) else rate


def joined(first: Trajectory, other: Trajectory) -> Trajectory:
    """The two as one."""
    check_first(first)
    check_other(first, other)
    end, axis = float(first.alphas[-1]), 0 if first.runs is None else 1
    again = int(len(other.alphas) > 0 and other.alphas[0] == 0)  # the end of the first is there twice
    rest = np.arange(again, len(other.alphas))
    alphas, N = end + other.alphas[again:], first.problem.N
    alphas = alphas if first.method == "ode" else np.rint(alphas * N) / N

    def both(mine: Array, theirs: Array) -> Array:
        return np.concatenate([mine, theirs.take(rest, axis)], axis)

    arrays: dict[str, Any] = {}
    for name in {**first.arrays, **other.arrays}:  # eps_g_test may be of one of them, NaN where it is not known
        mine, theirs = (each.arrays.get(name, np.full_like(each.eps_g, np.nan)) for each in (first, other))
        arrays[name] = both(mine, theirs)
    read: dict[str, Any] = {
        name: both(getattr(first, name), getattr(other, name))
        for name in ("eps_g_read", *(["eps_g_per_task_read"] if _same_tasks(first.problem, other.problem) else []))
        if getattr(first, name) is not None and getattr(other, name) is not None
    }
    return replace(
        first,
        problem=_whole(first.problem, other.problem, end),
        alphas=np.append(first.alphas, alphas),
        diverged_at=None if other.diverged_at is None else end + other.diverged_at,
        failed_at=None if other.failed_at is None else end + other.failed_at,
        error=_errors(first, other, rest),
        attributes=_attributes(first, other, end),
        **{"eps_g_read": None, "eps_g_per_task_read": None} | read,
        **arrays,
    )


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be joined


def check_first(first: Trajectory) -> None:
    """Refuse what nothing can follow."""
    if first.runs not in (None, 1):
        raise InputError(
            f"join is for the theory or one run, but there are {first.runs} runs, each of which ends elsewhere"
        )
    if not len(first.alphas):
        raise InputError("join needs an end to go on from, but no alpha was reached")
    for name, said in (("diverged_at", first.diverged_at), ("failed_at", first.failed_at)):
        if said is not None and np.isfinite(said).any():
            raise InputError(f"join needs a first part that came to its end, but its {name} is {said.min():g}")
    if "interrupted" in first.attributes:
        raise InputError(
            f"join needs a first part that came to its end, but it was interrupted {first.attributes['interrupted']}"
        )


def check_other(first: Trajectory, other: Trajectory) -> None:
    """Refuse what does not follow, with the reason."""
    if other.runs != first.runs:
        there = "the theory" if other.runs is None else f"{other.runs} runs"
        here = "the theory" if first.runs is None else "one run"
        raise InputError(f"other must be of {here}, as what it follows, but is of {there}")
    if other.method != first.method:
        raise InputError(f"other must be solved by the method {first.method!r}, but is by {other.method!r}")
    mine, theirs = first.problem, other.problem
    for name in _ALIKE:
        here, there = getattr(mine, name), getattr(theirs, name)
        if here != there:
            more = ' (rule = "mixed" with a schedule of mixture goes from FA to BP)' if name == "rule" else ""
            raise InputError(f"other must have the same {name}, {_said(here)}, but has {_said(there)}{more}")
    if mine.by_quadrature and mine.quadrature != theirs.quadrature:
        raise InputError(f"other must have the same quadrature, {mine.quadrature}, but has {theirs.quadrature}")
    for name in ("R", "v", "v_teacher"):
        here, there = getattr(mine.start, name).shape, getattr(theirs.start, name).shape
        if here != there:
            raise InputError(f"other must have {name} of the shape {here}, but has {there}")
    if mine.inputs != theirs.inputs or mine.inputs.contradicts(theirs.inputs):
        raise InputError(f"other must have the same inputs, {mine.inputs}, but has {theirs.inputs}")
    if not same(mine.start.T, theirs.start.T) or not same(mine.start.T_group, theirs.start.T_group):
        raise InputError("other must have the same T, the overlaps of all teacher units, but has another one")
    _check_seam(first, theirs)


def _said(value: Any) -> str:
    return str(value) if isinstance(value, Activation) else shown(value)


def _check_seam(first: Trajectory, theirs: Problem) -> None:
    """Refuse a start that is not the end of what it follows."""
    last: Any = -1 if first.runs is None else (0, -1)
    ends = {name: (first.arrays[name][last], each) for name, each in theirs.start.state.items()}
    if theirs.b is not None:
        ends["b"] = (first.b[last] if theirs.rule == "kp" else first.b), theirs.b
    for name, (end, start) in ends.items():
        apart = np.abs(start - end)
        if (apart > _APART * (1 + np.abs(end))).any():
            raise InputError(
                f"other must start where this ends (problem_at(-1) gives that problem), but its {name} is up to"
                f" {apart.max():.2g} from it"
            )


# ---------------------------------------------------------------------------------------------------------------------
# The whole


def _whole(first: Problem, other: Problem, end: float) -> Problem:
    """The problem of both, which starts as the first one; the same one, if the other is what remains of it."""
    if end == 0:
        return other
    rates: dict[str, Any] = {name: _one_rate(getattr(first, name), getattr(other, name), end) for name in SCHEDULED}
    return replace(first, tasks=_one_list(first, other, end), **rates)


def _one_rate(first: Rate | None, other: Rate | None, end: float) -> Rate | None:
    """The first rate up to `end`, then the other one."""
    if first is None or other is None or _alike(_shifted(first, end), other):
        return first
    whole = pieces([0.0, end], [first, other])
    parts = list(zip(whole.at_.tolist(), whole.value, strict=True))  # type: ignore[attr-defined]
    if any(part.kind != "steps" for _, part in parts):
        return whole
    values = [part.at(0.0) for _, part in parts]
    kept = [j for j, value in enumerate(values) if j == 0 or value != values[j - 1]]
    if len(kept) == 1 and not isinstance(first, Schedule):
        return first
    return steps([parts[j][0] for j in kept], [values[j] for j in kept])


def _alike(one: Any, other: Any) -> bool:
    """Whether two rates, or tasks, are the same but for the rounding of alphas that were shifted more than once."""
    if one == other or isinstance(one, float) or type(one) is not type(other) or not getattr(one, "named", True):
        return bool(one == other)
    mine, theirs = (list(_leaves(each.description)) for each in (one, other))
    if len(mine) != len(theirs):
        return False
    pairs = list(zip(mine, theirs, strict=True))
    numbers = np.array([pair for pair in pairs if all(isinstance(each, float) for each in pair)]).reshape(-1, 2)
    rest = [a == b for a, b in pairs if not (isinstance(a, float) and isinstance(b, float))]
    return all(rest) and np.allclose(numbers[:, 0], numbers[:, 1], rtol=1e-12, atol=1e-12)


def _leaves(value: Any) -> Iterator[Any]:
    """The kinds, numbers and keys in a description; numbers as floats."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield float(value) if isinstance(value, int | float) else value


def _one_list(first: Problem, other: Problem, end: float) -> Tasks | None:
    """The tasks of both in their turns; a v_teacher alone is a task, too."""
    if first.tasks is None and other.tasks is None and same(first.start.v_teacher, other.start.v_teacher):
        return None
    mine, theirs = (each.tasks or Tasks(each.start.v_teacher[None]) for each in (first, other))
    if _alike(mine.shifted(end), theirs):
        return mine
    v_teacher, weights = list(mine.v_teacher), list(mine.weights)
    numbers = []
    for v, m in zip(theirs.v_teacher, theirs.weights, strict=True):
        found = [n for n in range(len(v_teacher)) if same(v_teacher[n], v) and same(weights[n], m)]
        numbers.append(found[0] if found else len(v_teacher))
        if not found:
            v_teacher.append(v)
            weights.append(m)
    before = mine.at < end
    at = np.append(mine.at[before], end + theirs.at)
    order = np.append(mine.order[before], np.array(numbers)[theirs.order])
    kept = np.append(True, np.diff(order) != 0)
    return Tasks(v_teacher, at[kept], weights, order[kept])


def _same_tasks(first: Problem, other: Problem) -> bool:
    """Whether they have the same tasks, whatever the order."""
    mine, theirs = first.tasks, other.tasks
    if mine is None or theirs is None:
        return False
    return same(mine.v_teacher, theirs.v_teacher) and same(mine.weights, theirs.weights)


def _errors(first: Trajectory, other: Trajectory, rest: np.ndarray) -> dict[str, Array] | None:
    """Errors by quadrature of both, each from its own start on; NaN of a part that has none."""
    if first.error is None and other.error is None:
        return None
    found, names = {}, {**(first.error or {}), **(other.error or {})}
    if not _same_tasks(first.problem, other.problem):  # there is none of a task in the part that does not know it
        names.pop("eps_g_per_task", None)
    for name in names:
        parts = []
        for each, there in ((first, slice(None)), (other, rest)):
            known = (each.error or {}).get(name)
            parts.append(np.full_like(getattr(each, name)[there], np.nan) if known is None else known[there])
        found[name] = np.concatenate(parts)
    return found


def _attributes(first: Trajectory, other: Trajectory, end: float) -> dict[str, Any]:
    """What both say alike; the larger tolerance, the sum of the times; and what each says of its own, by parts."""
    mine, theirs = dict(first.attributes), dict(other.attributes)
    found = {name: value for name, value in mine.items() if name in theirs and same(value, theirs[name])}
    where = f"where alpha counts from {end:g}"  # in what the other one says
    found |= {"created": theirs["created"]} if "created" in theirs else {}
    found |= {"interrupted": f"{theirs['interrupted']}, {where}"} if "interrupted" in theirs else {}
    found |= {name: max(mine[name], theirs[name]) for name in ("rtol", "atol") if name in mine and name in theirs}
    if "wall_time" in mine and "wall_time" in theirs:
        found["wall_time"] = mine["wall_time"] + theirs["wall_time"]
    said = [mine["warning"]] if "warning" in mine else []
    said += [f"{where}: {theirs['warning']}"] if "warning" in theirs else []
    found |= {"warning": "; ".join(said)} if said else {}
    parts = _parts(mine, 0.0) + _parts(theirs, end)
    apart = {name for part in parts for name in part if name not in found or name in _OF_WHOLE}
    listed = [{name: value for name, value in part.items() if name == "from" or name in apart} for part in parts]
    return found | {"joined": json.dumps({"parts": listed}, default=str)}


def _parts(attributes: dict[str, Any], begin: float) -> list[dict[str, Any]]:
    """What is said of each part that a trajectory is joined of, and from which alpha on it is."""
    own = {name: value for name, value in attributes.items() if name != "joined"}
    if "joined" not in attributes:
        return [{"from": begin} | own]
    parts = json.loads(attributes["joined"])["parts"]
    return [own | part | {"from": begin + part["from"]} for part in parts]


def begins_of_parts(attributes: dict[str, Any]) -> list[float]:
    """The alphas from which on the parts are that a trajectory is joined of; one if it is not."""
    try:
        return [float(part["from"]) for part in _parts(attributes, 0.0)]
    except (ValueError, TypeError, KeyError):  # JSON, but nobody's parts
        return [0.0]
