"""Every parameter of a problem by name, as a file holds it, and the problem back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.files.format import Variables
from stdyn.model.activations import known
from stdyn.model.problem import RATES, Problem
from stdyn.model.state import OrderParameters
from stdyn.scans.variations import plain

SCALARS = ("N", "activation", "activation_teacher", "rule", "quadrature", *RATES)

_TEACHER = {"T": ("teacher", "teacher_2"), "v_teacher": ("teacher", "output")}  # what of a start never changes
_START = {f.name if f.name in _TEACHER else f"{f.name}_start": f.name for f in fields(OrderParameters)}
_VALUES = ("activation_values", "activation_teacher_values")
STORED = (*_START, "b", *_VALUES, *SCALARS)


def sizes(start: OrderParameters) -> dict[str, int]:
    """The axes of a starting point and their lengths."""
    return {axis: n for axes, values in _arrays(start).values() for axis, n in zip(axes, values.shape, strict=True)}


def _arrays(start: OrderParameters) -> dict[str, tuple[tuple[str, ...], Array]]:
    """The arrays of a starting point by their names in files: (axes, values)."""
    axes = {block.name: block.axes for block in start.layout.blocks} | _TEACHER
    arrays = {there: (axes[name], getattr(start, name)) for there, name in _START.items()}
    return {there: (axes[: values.ndim], values) for there, (axes, values) in arrays.items()}


def parameters(problem: Problem) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Every parameter by name: (axes, an array, a number or a text)."""
    start = problem.start
    arrays = _arrays(start)
    b = np.full(start.v.shape, np.nan) if problem.b is None else problem.b
    values = {
        name: (("function", "probe"), g.values_in_files) for name, g in zip(_VALUES, problem.activations, strict=True)
    }
    scalars = {name: getattr(problem, name) for name in SCALARS}
    scalars |= zip(("activation", "activation_teacher"), map(str, problem.activations), strict=True)
    return arrays | {"b": (arrays["v_start"][0], b)} | values | {name: ((), value) for name, value in scalars.items()}


def stored(problems: Sequence[Problem]) -> Variables:
    """Every parameter of every problem, of which `problem_of` makes them again."""
    shapes = {(problem.start.R.shape, problem.start.v.shape) for problem in problems}
    if len(shapes) > 1:
        raise InputError(f"all problems of a scan must have R and v of the same shapes, but there are {sorted(shapes)}")
    every = [parameters(problem) for problem in problems]
    variables: Variables = {}
    for name, (axes, _) in every[0].items():
        values = np.array([each[name][1] for each in every])
        variables[name] = (("point", *axes), texts_as_objects(values), f"{name} of the problem")
    return variables


def texts_as_objects(values: np.ndarray) -> np.ndarray:
    """The values, texts in the type that HDF5 takes."""
    return values.astype(object) if values.dtype.kind == "U" else values


def problem_of(values: Mapping[str, Any]) -> Problem:
    """The problem of which these are the parameters, by the names of STORED."""
    scalars = {name: plain(values[name]) for name in SCALARS}
    for name, there in zip(("activation", "activation_teacher"), _VALUES, strict=True):
        scalars[name] = known(scalars[name], values[there])
    start = OrderParameters(**{name: values[there] for there, name in _START.items()})
    return Problem(start, b=None if scalars["rule"] == "bp" else values["b"], **scalars)
