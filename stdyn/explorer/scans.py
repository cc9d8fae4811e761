"""A saved scan on the page: its points as a map, and the trajectory of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from stdyn.analysis.summary import SUMMARY
from stdyn.checks import Array, integer
from stdyn.errors import InputError, gathering
from stdyn.explorer.curves import SHARED, Arrays, arrays_of
from stdyn.explorer.state import State, state_of_problem
from stdyn.model.trajectory import Trajectory
from stdyn.scans.points import DONE
from stdyn.scans.scanfile import Scan
from stdyn.theory.ode import integrate

_MOST = 200_000  # points that a page shows


def described(scan: Scan) -> dict[str, Any]:
    """What the points of a scan are told apart by, and what there is of each."""
    numbers, words = _coordinates(scan)
    return {
        "name": scan.path.name,
        "points": min(len(scan), _MOST),
        "of": len(scan),
        "coordinates": list(numbers),
        "words": {name: sorted(set(values)) for name, values in words.items()},
        "values": [name for name in SUMMARY if name in scan.summary],
    }


def points(scan: Scan) -> Arrays:
    """Every coordinate and every summary quantity of the points; words by their place in the sorted list of them."""
    numbers, words = _coordinates(scan)
    found: Arrays = {f"coordinate:{name}": values for name, values in numbers.items()}
    for name, each in words.items():
        found[f"coordinate:{name}"] = np.searchsorted(sorted(set(each)), each).astype(float)
    for name in SUMMARY:
        if name in scan.summary:
            found[f"value:{name}"] = _middle(np.asarray(scan.summary[name], dtype=float)[:_MOST])
    found["done"] = (np.asarray(scan.state)[:_MOST] == DONE).astype(float)
    return found


def point(scan: Scan, index: Any) -> tuple[Trajectory, State | None, str]:
    """The trajectory of a point, the state of the page that has its problem if there is one, and words."""
    index = integer("index", index, 0, len(scan) - 1)
    try:
        trajectory, words = scan.trajectory(index), f"point {index} of {scan.path.name}"
    except InputError:  # not kept, or not done
        with gathering():
            trajectory = integrate(scan.problem(index), scan.alphas, "LSODA", error=False)
        words = f"point {index} of {scan.path.name}, solved anew"
    try:
        state: State | None = state_of_problem(trajectory.problem)
    except InputError:
        state = None
    if state is not None:
        state["alpha_max"] = float(scan.alphas[-1])
    return trajectory, state, words


def curve(trajectory: Trajectory) -> Arrays:
    """The arrays of a trajectory; of runs those of the first."""
    arrays = arrays_of(trajectory)
    if trajectory.runs is not None:
        arrays |= {name: each[0] for name, each in arrays.items() if name not in SHARED}
    return arrays


def _coordinates(scan: Scan) -> tuple[dict[str, Array], dict[str, list[str]]]:
    numbers, words = {}, {}
    for name, values in scan.coordinates.items():
        if np.asarray(values).dtype.kind in "fiu":
            numbers[name] = np.asarray(values, dtype=float)[:_MOST]
        else:
            words[name] = [str(each) for each in values[:_MOST]]
    return numbers, words


def _middle(values: Array) -> Array:
    """The median over runs, if there are some."""
    if values.ndim == 1:
        return values
    with np.errstate(all="ignore"):
        return np.array([np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan for row in values])
