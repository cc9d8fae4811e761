"""Ensembles of one problem as one."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np

from stdyn.checks import check_type
from stdyn.errors import InputError
from stdyn.model.selecting import parts_of, selected_runs
from stdyn.model.trajectory import Trajectory
from stdyn.text import shown
from stdyn.values import same

_ORIGIN = ("seed", "created", "wall_time", "joined")  # what parts of one ensemble have in common
_OF_PART = ("wall_time", "created", "warning", "interrupted", "concatenated", "selected_runs")  # not those of the whole

_STILL = 1e-9  # by which an order parameter has not moved


def concat(ensembles: Iterable[Trajectory]) -> Trajectory:
    """The runs of several ensembles of one problem, one after the other.

    More runs of the same problem, by another `rng`, are added to those that there are; what `Trajectory.isel` divided
    is put together again.

    Parameters
    ----------
    ensembles : iterable of Trajectory
        Runs of one problem, simulated by one method, at the same alphas.

    Returns
    -------
    Trajectory
        All runs, in the order of the ensembles. Its `attributes` are those on which all agree, the latest `created` and
        the sum of the times; "concatenated" is the JSON of how many runs each had and what it says of its own.

    Raises
    ------
    InputError
        Saying which one and why, if something is no ensemble, or of another problem, method or alphas; or if a run is
        there twice, as of two simulations with the same seed.

    See Also
    --------
    Trajectory.isel : Some runs of an ensemble.
    Trajectory.join : A trajectory and what goes on from its end.

    Examples
    --------
    >>> more = stdyn.simulate_network(problem, alphas, runs=8, rng=2)
    >>> stdyn.concat([runs, more]).runs
    16
    """
    parts = _checked(ensembles)
    first = parts[0]
    if len(parts) == 1:
        return first
    _check_runs(parts)
    names = [*first.arrays, *(["diverged_at"] if any(each.diverged_at is not None for each in parts) else [])]
    whole: dict[str, Any] = {name: np.concatenate([_of(each, name) for each in parts]) for name in names}
    for name in ("eps_g", "eps_g_per_task"):
        known = any(getattr(each, f"{name}_read") is not None for each in parts)
        whole[f"{name}_read"] = np.concatenate([getattr(each, name) for each in parts]) if known else None
    return replace(first, attributes=_attributes(parts), **whole)


def _of(part: Trajectory, name: str) -> Any:
    return np.full(part.runs, np.inf) if getattr(part, name) is None else getattr(part, name)


def _checked(ensembles: object) -> list[Trajectory]:
    """The ensembles, of one problem, method and alphas."""
    if isinstance(ensembles, Trajectory) or not isinstance(ensembles, Iterable):
        raise InputError(f"ensembles must be a list of Trajectory, but is {shown(ensembles)}")
    parts = list(ensembles)
    if not parts:
        raise InputError("ensembles must hold at least one Trajectory, but is empty")
    for n, each in enumerate(parts):
        check_type(f"ensembles[{n}]", each, Trajectory)
        if each.runs is None:
            raise InputError(f"ensembles[{n}] must be an ensemble of runs, but is the theory")
    for n, each in enumerate(parts[1:], 1):
        _check_alike(f"ensembles[{n}]", each, parts[0])
    return parts


def _check_alike(name: str, part: Trajectory, first: Trajectory) -> None:
    """Refuse what is of another problem, method or alphas than the first, with the difference."""
    difference = first.problem.difference(part.problem)
    if difference is not None:
        raise InputError(f"{name} must be of the problem of the first, but they differ in {difference}")
    if part.method != first.method:
        raise InputError(f"{name} must be simulated by the method {first.method!r}, but is by {part.method!r}")
    if not same(part.alphas, first.alphas):
        raise InputError(f"{name} must have the alphas of the first, {_span(first)}, but has {_span(part)}")
    if part.arrays.keys() != first.arrays.keys():
        there, missing = ("no", "one") if part.eps_g_test is None else ("one", "none")
        raise InputError(
            f"{name} must be as the first, but has {there} error on test examples, where that has {missing}"
        )


def _span(part: Trajectory) -> str:
    alphas = part.alphas
    return f"{len(alphas)} from {alphas[0]:g} to {alphas[-1]:g}" if len(alphas) else "none"


def _check_runs(parts: Sequence[Trajectory]) -> None:
    """Refuse a run that is in two of the ensembles, unless nothing in it has moved."""
    met: dict[bytes, tuple[int, int]] = {}
    starts = parts[0].problem.start.order_parameters.values()
    for n, part in enumerate(parts):
        arrays = [np.ascontiguousarray(values) for values in part.order_parameters.values()]
        for run in range(part.runs):
            if all(np.allclose(each[run], start, _STILL, _STILL) for each, start in zip(arrays, starts, strict=True)):
                continue
            found = blake2b(b"".join(values[run].tobytes() for values in arrays)).digest()
            before = met.setdefault(found, (n, run))
            if before[0] != n:
                raise InputError(
                    f"ensembles[{n}] must hold other runs, but its run {run} is run {before[1]} of"
                    f" ensembles[{before[0]}]: each needs an rng of its own"
                )


def _attributes(parts: Sequence[Trajectory]) -> dict[str, Any]:
    """What all say alike; the latest date, the sum of the times; and what each says of its own."""
    said = [dict(each.attributes) for each in parts]
    found = {
        name: value
        for name, value in said[0].items()
        if name not in _OF_PART and all(name in each and same(each[name], value) for each in said)
    }
    if all("created" in each for each in said):
        found["created"] = max(said, key=lambda each: str(each["created"]))["created"]
    if all("wall_time" in each for each in said):
        simulations = {tuple(str(each.get(name)) for name in _ORIGIN): each["wall_time"] for each in said}
        found["wall_time"] = sum(simulations.values())
    for name in ("warning", "interrupted"):
        texts = dict.fromkeys(str(each[name]) for each in said if name in each)
        found |= {name: "; ".join(texts)} if texts else {}
    listed = [part for each, own in zip(parts, said, strict=True) for part in _listed(each, own, found)]
    return found | {"concatenated": json.dumps({"parts": listed}, default=str)}


def _listed(part: Trajectory, own: dict[str, Any], of_all: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said of each simulation whose runs a part has, and which of them, where it is not all."""
    before = parts_of(own)
    kept = {name: value for name, value in own.items() if name not in ("concatenated", "selected_runs")}
    kept = {name: value for name, value in kept.items() if name not in of_all or name in _OF_PART}
    if before and "selected_runs" not in own:
        return [kept | each for each in before]
    chosen = dict(zip(("selected_runs", "of"), selected_runs(part), strict=True)) if "selected_runs" in own else {}
    within = {"concatenated": before} if before else {}
    return [{"runs": part.runs} | kept | chosen | within]
