"""The arguments of a scan, checked before any work starts."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

import numpy as np

from stdyn.checks import integer
from stdyn.errors import InputError, said
from stdyn.model.problem import Problem
from stdyn.scans.points import Solve
from stdyn.scans.variations import Variations
from stdyn.text import shown


def problems_of(problems: object) -> Sequence[Problem]:
    """The problems, each checked to be one; what gives them one by one is a list from here on."""
    if isinstance(problems, Variations):
        return problems
    if isinstance(problems, Problem | str | bytes) or not isinstance(problems, Iterable):
        raise InputError(f"problems must be a sequence of Problem, but is {shown(problems)}")
    found = problems if isinstance(problems, Sequence) else list(problems)
    if len(found) == 0:
        raise InputError("problems must not be empty")
    return found


def coordinates_of(coordinates: object) -> dict[str, np.ndarray] | None:
    """The coordinates by name as arrays of numbers or texts, which a file can hold."""
    if coordinates is None:
        return None
    if not isinstance(coordinates, Mapping):
        raise InputError(f"coordinates must be a mapping of names to values, but is {shown(coordinates)}")
    return {_name(name): _values(name, values) for name, values in coordinates.items()}


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise InputError(f"coordinates must have texts for names, but one is {shown(name)}")
    return name


def _values(name: str, values: object) -> np.ndarray:
    """The values of a coordinate, numbers or texts."""
    if isinstance(values, Iterable) and not isinstance(values, Sequence | np.ndarray) and not hasattr(values, "dtype"):
        values = list(values)
    wanted = f"coordinates[{name!r}] must be numbers or texts"
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{wanted}, but some may be masked; .filled(…) or .compressed() says what is meant")
    try:
        found = np.asarray(values)
        if found.dtype.kind == "O" and all(isinstance(each, Real) for each in found.flat):
            found = found.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{wanted}, but are {shown(values)} ({said(error)})") from None
    texts = found.dtype.kind == "O" and all(isinstance(each, str) for each in found.flat)
    if not texts and found.dtype.kind not in "biufU":
        raise InputError(f"{wanted}, but are of {found.dtype} (dates as texts, or as numbers of days)")
    return found


def check_solver(solve: Solve, seed: int | None) -> None:
    """Refuse a seed that is of no use, or the lack of one; and what is no solver."""
    if not callable(solve):
        raise InputError(f"solve must be a function solve(problem, alphas), but is {shown(solve)}")
    try:
        takes = inspect.signature(solve).parameters
    except (TypeError, ValueError):
        raise InputError(f"solve must be a function that says its parameters, but is {shown(solve)}") from None
    if ("rng" in takes) != (seed is not None):
        raise InputError(f"seed is {'needed: the solver draws random numbers' if seed is None else 'of no use here'}")
    if seed is not None:
        integer("seed", seed, 0, 2**128)
