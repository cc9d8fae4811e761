"""What is scanned, in plain values: by them a file is told from another scan's, and its problems are made again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.problem import Problem
from stdyn.scans.parameters import groups_of, parameters
from stdyn.scans.points import Solve
from stdyn.scans.quantities import plain
from stdyn.scans.variations import Variations
from stdyn.values import Frozen

_IN_FILES = {  # by which names files know our solvers, wherever they are
    "stdyn.theory.ode.integrate": "stdyn.ode.integrate",
    "stdyn.simulation.runs.simulate_network": "stdyn.simulate.simulate_network",
    "stdyn.simulation.runs.simulate_reduced": "stdyn.simulate.simulate_reduced",
}


def describe(
    problems: Sequence[Problem], alphas: Array, solve: Solve, seed: int | None, keep: str | ArrayLike,
    coordinates: Mapping[str, ArrayLike] | None,
) -> dict[str, Any]:  # fmt: skip
    """Everything on which the numbers in the file depend."""
    return {
        "problems": _problems(problems, coordinates),
        "alphas": alphas.tolist(),
        "solve": _solver(solve),
        "seed": seed,
        "keep": keep if isinstance(keep, str) else plain(np.asarray(keep)),
        **_activations(problems),
    }


def _problems(problems: Sequence[Problem], coordinates: Mapping[str, ArrayLike] | None) -> dict[str, Any]:
    """What the problems are: their recipe, or a digest of all their numbers."""
    if isinstance(problems, Variations):
        return problems.description
    digest = hashlib.sha256()
    for index, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            raise InputError(f"problems must be a sequence of Problem, but problems[{index}] is {problem!r}")
        try:
            found = parameters(problem, groups_of([problem]))
        except InputError as error:  # what no file can hold
            raise InputError(f"problems[{index}]: {error}") from None
        for name, (_, value) in found.items():
            digest.update(f"{name}{np.shape(value)}{value if isinstance(value, str) else ''}".encode())
            if not isinstance(value, str):
                digest.update(np.ascontiguousarray(value, dtype=float).tobytes())
    named = {
        name: hashlib.sha256(repr(plain(np.asarray(c))).encode()).hexdigest() for name, c in (coordinates or {}).items()
    }
    return {"points": len(problems), "sha256": digest.hexdigest(), "coordinates": named}


def _activations(problems: Sequence[Problem]) -> dict[str, Any]:
    """The values of activations that a recipe names and that are not built in, by which they are told from others."""
    if not isinstance(problems, Variations):
        return {}
    made = {name: each for name, each in sorted(problems.activations.items()) if each.functions_needed}
    for each in made.values():
        _ = each.address  # refuses what is known by its name only: no point could be solved
    values = {name: each.values.tolist() for name, each in made.items()}
    return {"activations": values} if values else {}


def _solver(solve: Solve) -> dict[str, Any]:
    """The name of the solver and the arguments bound to it."""
    keywords: dict[str, Any] = {}
    positional: tuple[Any, ...] = ()
    while isinstance(solve, partial):
        keywords = solve.keywords | keywords
        positional = solve.args + positional
        solve = solve.func
    for name in ("workers", "progress", "max_steps"):  # have no influence on the result of a point that is done
        keywords.pop(name, None)
    name = f"{solve.__module__}.{getattr(solve, '__qualname__', repr(solve))}"
    said: dict[str, Any] = {"function": _IN_FILES.get(name, name)}
    said |= {name: value if _is_plain(value) else _written(value) for name, value in sorted(plain(keywords).items())}
    return said | ({"arguments": _written(positional)} if positional else {})


def _written(value: object) -> str:
    """A value in words that tell it from others: with a digest, where it shows itself in one line."""
    if not _has_one_of_ours(value):
        return repr(value)
    return f"{value!r} {hashlib.sha256(_content(value)).hexdigest()}"


def _has_one_of_ours(value: object) -> bool:
    """Whether a value that says less of itself than it holds is in it."""
    if isinstance(value, list | tuple | Mapping):
        return any(map(_has_one_of_ours, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, Frozen) and repr(value).startswith("<")


def _content(value: Any) -> bytes:
    """All that a value holds."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
    if isinstance(value, Frozen):
        return type(value).__name__.encode() + _content(value._compared())
    if isinstance(value, Mapping):
        return b"{" + b",".join(repr(name).encode() + _content(each) for name, each in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"(" + b",".join(map(_content, value)) + b")"
    return str(getattr(value, "__qualname__", repr(value))).encode()


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
