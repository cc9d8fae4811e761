"""A saved scan on the page: its points as a map, and the trajectory of one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stdyn.checks import Array, integer
from stdyn.errors import InputError, gathering
from stdyn.explorer.curves import SHARED, Arrays, arrays_of
from stdyn.explorer.state import State, state_of_problem
from stdyn.model.rules import NAMES
from stdyn.model.trajectory import Trajectory
from stdyn.scans.medians import over_runs
from stdyn.scans.points import DONE, FAILED
from stdyn.scans.scanfile import Scan
from stdyn.theory.ode import integrate

_MOST = 200_000  # points that a page shows
_WIDE = 8.0  # how many times the smallest value the largest is, at least, where an axis is logarithmic


def described(scan: Scan) -> dict[str, Any]:
    """What the points of a scan are told apart by, and what there is of each."""
    numbers, words = _coordinates(scan)
    state = np.asarray(scan.state)
    return {
        "name": scan.path.name,
        "points": min(len(scan), _MOST),
        "of": len(scan),
        "done": int((state == DONE).sum()),
        "failed": int((state == FAILED).sum()),
        "coordinates": list(numbers),
        "log": [name for name, values in numbers.items() if _is_logarithmic(scan, name, values)],
        "words": {name: _different(values) for name, values in words.items()},
        "values": list(scan.summary),
    }


def points(scan: Scan) -> Arrays:
    """Every coordinate and every summary quantity of the points; words by their place in the list of `described`."""
    numbers, words = _coordinates(scan)
    found: Arrays = {f"coordinate:{name}": values for name, values in numbers.items()}
    for name, each in words.items():
        place = {word: float(n) for n, word in enumerate(_different(each))}
        found[f"coordinate:{name}"] = np.array([place[word] for word in each])
    for name, values in scan.summary.items():
        found[f"value:{name}"] = over_runs(np.asarray(values, dtype=float)[:_MOST])
    return found


def point(scan: Scan, index: Any, stop: threading.Event | None = None) -> tuple[Trajectory, State | None, str]:
    """The trajectory of a point, the state of the page that has its problem if there is one, and words."""
    index = integer("index", index, 0, len(scan) - 1)
    problem, said = scan.problem(index), name(scan, index)
    try:
        trajectory = scan.trajectory(index)
        words = said if trajectory.runs is None else f"the first of {trajectory.runs} runs of {said}"
    except InputError:  # not kept, or not done
        with gathering():
            trajectory = integrate(problem, scan.alphas, "LSODA", error=False, stop=stop)
        words = f"the theory of {said}, solved now: it holds no trajectory of it"
    try:
        state: State | None = state_of_problem(problem)
    except InputError:
        state, words = None, f"{words} (the controls cannot have its problem)"
    if state is not None:
        state["alpha_max"] = float(scan.alphas[-1])
    return trajectory, state, words


def name(scan: Scan, index: Any) -> str:
    """What a point is called."""
    return f"point {index} of {scan.path.name}"


def curve(trajectory: Trajectory) -> Arrays:
    """The arrays of a trajectory; of runs those of the first."""
    arrays = arrays_of(trajectory)
    if trajectory.runs is not None:
        arrays |= {name: each[0] for name, each in arrays.items() if name not in SHARED}
    return arrays


def _coordinates(scan: Scan) -> tuple[dict[str, Array], dict[str, list[str]]]:
    """Those that are numbers, and those that are words."""
    numbers, words = {}, {}
    for name, values in scan.coordinates.items():
        if np.asarray(values).dtype.kind in "fiu":
            numbers[name] = np.asarray(values, dtype=float)[:_MOST]
        else:
            words[name] = [str(each) for each in values[:_MOST]]
    return numbers, words


def _different(words: Sequence[str]) -> list[str]:
    """The words that there are: rules in the order in which they are always named, FA first, the others sorted."""
    order = {rule: n for n, rule in enumerate(NAMES)}
    return sorted(set(words), key=lambda word: (order.get(word, len(order)), word))


def _is_logarithmic(scan: Scan, name: str, values: Array) -> bool:
    """Whether a coordinate is spaced so: as the scan says, or where factors between its values are more even."""
    said = scan.description["problems"].get("vary", {}).get(name)
    if isinstance(said, Mapping):
        return bool(said.get("spacing") == "log")
    there = np.unique(values[np.isfinite(values)])
    if len(there) < 3 or there[0] <= 0 or there[-1] < _WIDE * there[0]:
        return False
    steps, factors = np.diff(there), np.diff(np.log(there))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())
