"""Every parameter of a problem by name, as a file holds it, and the problem back."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.files.format import Variables
from stdyn.model.activations import known
from stdyn.model.problem import OPTIONAL, RATES, SCHEDULED, Problem
from stdyn.model.schedule import Schedule
from stdyn.model.state import OrderParameters
from stdyn.model.tasks import Tasks
from stdyn.scans import spectra
from stdyn.scans.quantities import plain

SCALARS = (
    "N", "activation", "activation_teacher", "rule", "quadrature", *(name for name in RATES if name not in OPTIONAL)
)  # fmt: skip

_TEACHER = {"T": ("teacher", "teacher_2"), "v_teacher": ("teacher", "output")}  # what of a start never changes
_START = {name if name in _TEACHER else f"{name}_start": name for name in ("R", "Q", "T", "v", "v_teacher")}
_VALUES = ("activation_values", "activation_teacher_values")
STORED = (*_START, "b", *_VALUES, *SCALARS)


def sizes(start: OrderParameters, groups: int) -> dict[str, int]:
    """The axes of a starting point and their lengths, with room for so many groups."""
    found = {axis: n for axes, values in _arrays(start).values() for axis, n in zip(axes, values.shape, strict=True)}
    return found | ({"group": groups} if groups else {})


def groups_of(problems: Sequence[Problem]) -> int:
    """The most groups that the inputs of a problem have; 0 if all are isotropic."""
    return max(0 if problem.start.inputs is None else problem.inputs.groups for problem in problems)


def _arrays(start: OrderParameters) -> dict[str, tuple[tuple[str, ...], Array]]:
    """The arrays of a starting point by their names in files: (axes, values)."""
    axes = {block.name: block.axes for block in start.layout.blocks} | _TEACHER
    arrays = {there: (axes[name], getattr(start, name)) for there, name in _START.items()}
    return {there: (axes[: values.ndim], values) for there, (axes, values) in arrays.items()}


def parameters(problem: Problem, groups: int) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Every parameter by name: (axes, an array, a number or a text); with room for so many groups of directions."""
    start = problem.start
    arrays = _arrays(start) | (spectra.columns(problem, groups) if groups else {})
    b = np.full(start.v.shape, np.nan) if problem.b is None else problem.b
    values = {
        name: (("function", "probe"), g.values_in_files) for name, g in zip(_VALUES, problem.activations, strict=True)
    }
    scalars = {name: _written(name, getattr(problem, name)) for name in SCALARS}
    scalars |= zip(("activation", "activation_teacher"), map(str, problem.activations), strict=True)
    others = {name: getattr(problem, name) for name in OPTIONAL}
    scalars |= {name: _written(name, value) for name, value in others.items() if value != OPTIONAL[name]}
    return arrays | {"b": (arrays["v_start"][0], b)} | values | {name: ((), value) for name, value in scalars.items()}


def _written(name: str, value: Any) -> Any:
    """A number or a text: of a schedule and of tasks the JSON of what describes them."""
    if isinstance(value, Schedule | Tasks):
        try:
            return json.dumps(value.description)
        except InputError as error:  # of a Python function
            raise InputError(f"{name}: {error}") from None
    return int(value) if isinstance(value, bool) else value


def stored(problems: Sequence[Problem]) -> Variables:
    """Every parameter of every problem, of which `problem_of` makes them again."""
    shapes = {(problem.start.R.shape, problem.start.v.shape) for problem in problems}
    if len(shapes) > 1:
        raise InputError(f"all problems of a scan must have R and v of the same shapes, but there are {sorted(shapes)}")
    groups = groups_of(problems)
    every = [parameters(problem, groups) for problem in problems]
    first = every[0] | {name: ((), OPTIONAL[name]) for name in OPTIONAL if any(name in each for each in every)}
    variables: Variables = {}
    for name, (axes, usual) in first.items():
        values = _column(name, [each.get(name, (axes, usual))[1] for each in every])
        variables[name] = (("point", *axes), texts_as_objects(values), f"{name} of the problem")
    return variables


def _column(name: str, values: list[Any]) -> np.ndarray:
    """The values of a parameter; JSON if one is that of a schedule or of tasks."""
    if name == "tasks" or (name in SCHEDULED and any(isinstance(each, str) for each in values)):
        return np.array([each if isinstance(each, str) else json.dumps(each) for each in values], dtype=object)
    return np.array([np.nan if each is None else int(each) if isinstance(each, bool) else each for each in values])


def stored_names(there: Collection[str], coordinates: Collection[str]) -> list[str]:
    """The parameters of the problems among the variables of a file, of which some are coordinates that were given."""
    further = [name for name in (*OPTIONAL, *spectra.COLUMNS, "group") if name in there and name not in coordinates]
    by_group = spectra.COLUMNS if {*spectra.COLUMNS, "group"} & {*further} else ()  # all, if one is there
    return [*STORED, *(name for name in further if name in OPTIONAL), *by_group]


def texts_as_objects(values: np.ndarray) -> np.ndarray:
    """The values, texts in the type that HDF5 takes."""
    return values.astype(object) if values.dtype.kind == "U" else values


def problem_of(values: Mapping[str, Any]) -> Problem:
    """The problem of which these are the parameters, by name."""
    given = {name: plain(values[name]) for name in (*SCALARS, *OPTIONAL) if name in values}
    for name in (*SCHEDULED, "tasks"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    if given.get("mixture") != given.get("mixture"):  # NaN, of a rule that has none
        given["mixture"] = None
    if given.get("tasks") is not None:
        given["tasks"] = Tasks(**given["tasks"])
    given |= {name: bool(given[name]) for name in ("flow", "sphere") if name in given}
    for name, there in zip(("activation", "activation_teacher"), _VALUES, strict=True):
        given[name] = known(given[name], values[there])
    start = OrderParameters(**{name: values[there] for there, name in _START.items()}, **spectra.of_columns(values))
    return Problem(start, b=None if given["rule"] == "bp" else values["b"], **given)
