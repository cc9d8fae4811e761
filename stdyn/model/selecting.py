"""Parts of a trajectory: some of its alphas, some runs of an ensemble."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from stdyn.checks import Array, choice, floats, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.text import shown

Trajectory = Any  # the class, which stands on this module

_SAME = 1e-12  # relative: alphas that are one but for rounding


def isel(trajectory: Trajectory, alpha: Any, run: Any) -> Trajectory:
    """The part at these positions of alphas and runs; None is all of them."""
    at = None if alpha is None else _in_order("alpha", alpha, _positions("alpha", alpha, len(trajectory.alphas)))
    return _part(trajectory, at, None if run is None else _runs(trajectory, run))


def sel(trajectory: Trajectory, alpha: Any, run: Any, method: str | None) -> Trajectory:
    """The part at these values of alpha, and of these runs."""
    if method is not None:
        choice("method", method, ("nearest",))
        if alpha is None or isinstance(alpha, slice):
            raise InputError(f"method is for values of alpha, but alpha is {shown(alpha)}")
    at = None
    if isinstance(alpha, slice):
        at = _between(alpha, trajectory.alphas)
    elif alpha is not None:
        at = _in_order("alpha", alpha, _among(alpha, trajectory.alphas, method))
    return _part(trajectory, at, None if run is None else _runs(trajectory, run))


def nearest(alphas: Array, to: Array) -> np.ndarray:
    """The position of the nearest of increasing `alphas` to each of `to`."""
    return np.searchsorted((alphas[1:] + alphas[:-1]) / 2, to)


# ---------------------------------------------------------------------------------------------------------------------
# Which


def _runs(trajectory: Trajectory, run: Any) -> np.ndarray:
    if trajectory.runs is None:
        raise InputError(f"run must be None, as the theory has no runs, but is {shown(run)}")
    found = _positions("run", run, trajectory.runs)
    if len(np.unique(found)) < len(found):
        raise InputError(f"run must name every run once, but is {shown(run)}")
    return found


def _positions(name: str, index: Any, size: int) -> np.ndarray:
    """The positions that an index of so many entries means: a number, a slice, a list of numbers or truth values."""
    if hasattr(index, "__array__") and not isinstance(index, np.ndarray | np.generic):  # of pandas or xarray
        index = np.asarray(index)
    if isinstance(index, slice):
        try:
            found = np.arange(size)[index]
        except (TypeError, ValueError):
            raise InputError(f"{name} must be a slice of integers, but is {shown(index)}") from None
    elif isinstance(index, np.ndarray) and index.dtype == bool and index.ndim == 1:
        if len(index) != size:
            raise InputError(f"{name} must have a truth value for each of the {size}, but has {len(index)}")
        found = np.flatnonzero(index)
    elif isinstance(index, list | tuple | range | np.ndarray) and not _single(index):
        numbers = list(index) if isinstance(index, range) else index
        shape = floats(name, numbers).shape
        if len(shape) != 1:
            raise InputError(f"{name} must be a number, a slice or a list of numbers, but has shape {shape}")
        found = np.array([entry(f"{name}[{n}]", each, size) for n, each in enumerate(numbers)], dtype=int)
    else:
        found = np.array([entry(name, index, size)])
    if not len(found):
        raise InputError(f"{name} must leave something of {size}, but is {shown(index)}")
    return found


def _single(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.ndim == 0


def entry(name: str, index: object, size: int) -> int:
    """An index of so many entries, counted from the end if it is negative."""
    if not size:
        raise InputError(f"{name} must be that of an entry, but there is none")
    return integer(name, index, -size, size - 1) % size


def _in_order(name: str, index: Any, found: np.ndarray) -> np.ndarray:
    if (np.diff(found) <= 0).any():
        raise InputError(f"{name} must increase strictly, but is {shown(index)}")
    return found


def _between(alpha: slice, alphas: Array) -> np.ndarray:
    """Those from start to stop, which belong to it, as labels do in xarray."""
    if alpha.step is not None:
        raise InputError(f"alpha must be a slice without a step, but is {shown(alpha)}")
    start, stop = (
        None if end is None else number(f"alpha.{name}", end, -np.inf)
        for name, end in (("start", alpha.start), ("stop", alpha.stop))
    )
    low = 0 if start is None else np.searchsorted(alphas, start - _SAME * abs(start))
    high = len(alphas) if stop is None else np.searchsorted(alphas, stop + _SAME * abs(stop), side="right")
    if low >= high:
        raise InputError(f"alpha must leave something, but no alpha is in {shown(alpha)}")
    return np.arange(low, high)


def _among(alpha: Any, alphas: Array, method: str | None) -> np.ndarray:
    wanted = np.atleast_1d(frozen_array("alpha", alpha, (0, 1)))
    if not len(alphas):
        raise InputError(f"alpha must be among the alphas, of which there are none, but is {shown(alpha)}")
    found = nearest(alphas, wanted)
    if method is None:
        apart = np.abs(alphas[found] - wanted) > _SAME * np.abs(wanted)
        if apart.any():
            value, near = wanted[apart][0], alphas[found][apart][0]
            raise InputError(
                f"alpha must be among the alphas, but {value:.12g} is not: the nearest is {near:.12g}"
                ' (method = "nearest" takes it)'
            )
    return found


# ---------------------------------------------------------------------------------------------------------------------
# What is left


def _part(trajectory: Trajectory, at: np.ndarray | None, runs: np.ndarray | None) -> Trajectory:
    """The trajectory at some positions of alphas, and of some runs."""
    there = slice(None) if at is None else at

    def of_runs(values: Any) -> Any:
        return values if runs is None else values[runs]

    def cut(values: Any) -> Any:
        values = values[there] if trajectory.runs is None else values[:, there]
        return of_runs(values)

    read = ("eps_g_read", "eps_g_per_task_read")
    changes: dict[str, Any] = {name: cut(values) for name, values in trajectory.arrays.items()}
    changes |= {name: cut(getattr(trajectory, name)) for name in read if getattr(trajectory, name) is not None}
    if trajectory.error is not None:
        changes["error"] = {name: values[there] for name, values in trajectory.error.items()}
    if runs is not None:
        diverged_at = None if trajectory.diverged_at is None else of_runs(trajectory.diverged_at)
        anything = diverged_at is not None and np.isfinite(diverged_at).any()
        changes["diverged_at"] = diverged_at if anything else None
        changes["attributes"] = _attributes(trajectory, runs, anything)
    return replace(trajectory, alphas=trajectory.alphas[there], **changes)


def _attributes(trajectory: Trajectory, runs: np.ndarray, diverged: bool) -> dict[str, Any]:
    """Those of the ensemble, and which of the runs that its seed makes these are."""
    found = dict(trajectory.attributes)
    if np.array_equal(runs, np.arange(trajectory.runs)):
        return found
    if not diverged and trajectory.diverged_at is not None:
        found.pop("warning", None)  # of others
    before, of = selected_runs(trajectory)
    chosen = {"runs": [before[run] for run in runs.tolist()], "of": of}
    return found | {"selected_runs": json.dumps(chosen)}


def selected_runs(trajectory: Trajectory) -> tuple[list[int], int]:
    """Of each run its number in the ensemble that it was taken from, and how many there were."""
    every = list(range(trajectory.runs)), trajectory.runs
    try:
        found = json.loads(trajectory.attributes.get("selected_runs", "{}"))
        runs, of = [int(each) for each in found["runs"]], int(found["of"])
    except (ValueError, TypeError, KeyError):  # there is none, or JSON, but nobody's numbers
        return every
    return (runs, of) if len(runs) == trajectory.runs else every


def parts_of(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said of each ensemble that one was put together of; none if it was not."""
    try:
        return [dict(each) for each in json.loads(attributes.get("concatenated", "{}"))["parts"]]
    except (ValueError, TypeError, KeyError):  # there is none, or JSON, but nobody's parts
        return []
