"""What the file of a scan must hold (docs/format.md): its schema, and what its description must say."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from stdyn.analysis.summary import columns
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.files.schema import (
    PROVENANCE,
    AnyPath,
    Expected,
    Schema,
    Sizes,
    check,
    checked_values,
    counted,
    entry,
    json_object,
    numbers,
    read,
    refusing,
)
from stdyn.files.table import Table
from stdyn.model.experiment import Experiment
from stdyn.model.rules import NAMES
from stdyn.model.trajectoryfile import state_axes
from stdyn.scans.parameters import SCHEDULED, stored_names
from stdyn.scans.quantities import axis_values, is_sampled
from stdyn.scans.spectra import COLUMNS
from stdyn.text import shown

KEEP = ("all", "curves", "summary")
CURVES = {
    "eps_g": "generalization error",
    "F": "overlap of second layer and feedback weights v.b; NaN for backpropagation",
    "alignment": "cosine of the angle between v and b; NaN for backpropagation",
}
METHODS = ("ode", "network", "reduced")

_ATTRIBUTES = {"coordinates": Expected("text"), **PROVENANCE}
_ALPHAS = Expected(least=0, most=1e30)
_POINTS = 10**6  # alphas of an experiment, at most
_STATE = state_axes(("output",))
_AXES = {
    **_STATE,
    **{f"{name}_start": axes for name, axes in _STATE.items()},
    "T": ("teacher", "teacher_2"), "v_teacher": ("teacher", "output"), "b": _STATE["v"],
    "activation_values": ("function", "probe"), "activation_teacher_values": ("function", "probe"),
    **COLUMNS,
}  # fmt: skip  # of a problem's arrays
_NOT_NEGATIVE: dict[str, Any] = {"least": 0.0, "nan": True, "inf": True}
_COSINE: dict[str, Any] = {"least": -1 - 1e-9, "most": 1 + 1e-9, "nan": True}
_RANGES: dict[str, dict[str, Any]] = {
    "alignment": _COSINE, "alignment_start": _COSINE, "alignment_final": _COSINE,
    "F": {"nan": True}, "eps_g": _NOT_NEGATIVE, "forgetting": {"nan": True}, "transfer": {"nan": True},
}  # fmt: skip  # all else is not negative


class Checked:
    """What the schema has made of an open scan.

    Attributes
    ----------
    attributes, description : dict
    schema : Schema
        By which its variables are read.
    coordinates : tuple of str
        The names of what varies.
    sizes : dict of int
        The lengths of the axes.
    state : ndarray, shape (points,)
    """

    def __init__(self, table: Table) -> None:
        self.coordinates = _coordinates(table)
        self.description = json_object(table.path, "description", str(table.read("description")))
        problems = _problems(table.path, self.description)
        recipe = "experiment" in problems
        given = entry(table.path, "description: problems.coordinates", problems.get("coordinates", {}), dict)
        by_number = [] if recipe else stored_names(table.names(), given)
        self.schema = _schema(table, self.coordinates, by_number, self.description.get("keep"))
        self.attributes, self.sizes = check(table, self.schema)
        for name, each in self.schema.variables.items():
            if each.first is not None:  # an axis
                read(table, name, each)
        self.state = read(table, "state", self.schema.variables["state"]).astype(np.uint8)
        check_description(table.path, self.description, self.sizes)
        if recipe:
            _check_names(table.path, self.description["problems"], self.coordinates)


def _coordinates(table: Table) -> tuple[str, ...]:
    """The names of what varies, each a variable of the file."""
    names = table.attributes.get("coordinates", "")
    found = tuple(names.split()) if isinstance(names, str) else ()
    for name in found:
        if name not in table.names():
            raise InputError(f"{table.path}: coordinates must name variables of the file, but names {shown(name)}")
    if len(set(found)) < len(found):
        raise InputError(f"{table.path}: coordinates must name each variable once, but is {shown(names)}")
    return found


def _schema(table: Table, coordinates: tuple[str, ...], by_number: Sequence[str], keep: Any) -> Schema:
    """Of a scan with these coordinates, which come first: their names may be those of what it has not.

    Parameters of the problems that are kept `by_number` are variables of the file; a recipe has none.
    """
    there = set(table.names()) - set(coordinates)
    run = ("run",) if "run" in there else ()
    expected = {axis: counted(axis) for axis in ("student", "student_2", "teacher", "teacher_2", "output")}
    expected |= {"point": counted("point", needed=True), "description": Expected("JSON")}
    expected |= {"run": counted("run")} if run else {}
    expected |= {
        "alpha": Expected(axes=("alpha",), needed=False, least=0, most=1e30, increasing=True),
        "state": Expected("integer", ("point",), least=0, most=2),
        "message": Expected("text", ("point",)),
        "method": Expected("text", ("point",), needed=False, choices=("", *METHODS)),
    }
    for name in summary_columns(there):
        needed, limits = name == "diverged_at", _RANGES.get(name.rstrip("_0123456789"), _NOT_NEGATIVE)
        expected[name] = Expected("number", ("point", *run), needed, **limits)
    units = math.prod(table.shape("student")) if "student" in there else 10**4
    expected["specialised"] = replace(expected["specialised"], most=units)
    for name in CURVES:
        needed = name == "eps_g" and keep != "summary"
        expected[name] = Expected("number", ("point", *run, "alpha"), needed, **_RANGES[name])
    for name in _STATE:
        needed = keep not in ("curves", "summary")
        expected[name] = Expected("number", ("point", *run, "alpha", *_AXES[name]), needed, -1e20, 1e20, nan=True)
    if "group" in there:
        expected["group"] = counted("group")
        for name in ("R_group", "Q_group"):
            axes, needed = COLUMNS[f"{name}_start"], keep not in ("curves", "summary")
            expected[name] = Expected("number", ("point", *run, "alpha", *axes), needed, -1e20, 1e20, nan=True)
    if by_number:
        in_file = table.names()
        expected |= {name: _of_problem(name, name in in_file and table.dtype(name).kind == "O") for name in by_number}
        expected |= {axis: counted(axis) for axis in ("function", "probe")}
    if "output" not in there:
        expected = {
            name: replace(each, axes=tuple(axis for axis in each.axes if axis != "output"))
            for name, each in expected.items()
        }
    expected = {name: each for name, each in expected.items() if name in there or each.needed}
    expected |= {name: Expected("anything", ("point",)) for name in coordinates if name not in by_number}
    return Schema("scan", expected, _ATTRIBUTES)


def summary_columns(there: Collection[str]) -> dict[str, str]:
    """The columns of the summary in a file with these variables: with tasks there are some of each."""
    tasks = 0
    while f"forgetting_{tasks + 1}" in there:
        tasks += 1
    return columns(tasks)


def _of_problem(name: str, text: bool) -> Expected:
    """A parameter of every problem of a list; a rate may be the `text` of a schedule."""
    if name in ("rule", "activation", "activation_teacher"):
        return Expected("text", ("point",), choices=tuple(NAMES) if name == "rule" else ())
    if name == "tasks" or (name in SCHEDULED and text):
        return Expected("text", ("point",))
    if name in ("N", "quadrature", "batch"):
        return Expected("integer", ("point",), least=1, most=2**53)
    if name in ("flow", "sphere"):
        return Expected("integer", ("point",), least=0, most=1)
    if name in SCHEDULED:
        return Expected("number", ("point",), least=0, nan=name == "mixture")
    return Expected("number", ("point", *_AXES[name]), least=-1e30, most=1e30, nan=name == "b" or name in COLUMNS)


# ---------------------------------------------------------------------------------------------------------------------
# The description


def _problems(path: AnyPath, description: Mapping[str, Any]) -> dict[str, Any]:
    return entry(path, "description: problems", description.get("problems"), dict)


def check_description(path: AnyPath, description: dict[str, Any], sizes: Sizes) -> None:
    """Refuse a description that is not one of a scan, or of another one than the file holds."""
    alphas = numbers(path, "description: alphas", description.get("alphas"), _ALPHAS)
    if not len(alphas) or (np.diff(alphas) <= 0).any():
        raise InputError(f"{path}: description: alphas must increase, but is {shown(description['alphas'])}")
    kept = _kept(path, description.get("keep"), alphas)
    if sizes.get("alpha", 0) != kept:
        raise InputError(f"{path}: description: keep says {kept} alphas, but alpha has {sizes.get('alpha', 0)}")
    solve = entry(path, "description: solve", description.get("solve"), dict)
    entry(path, "description: solve.function", solve.get("function"), str)
    seed = entry(path, "description: seed", description.get("seed"), int, float, type(None))
    if seed is not None and seed < 0:
        raise InputError(f"{path}: description: seed must not be negative, but is {shown(seed)}")
    for name, values in entry(path, "description: activations", description.get("activations", {}), dict).items():
        found = numbers(path, f"description: activations.{shown(name)}", values, Expected(), ndim=2)
        if found.shape != (2, 23):
            raise InputError(f"{path}: description: activations must have shape (2, 23), but one has {found.shape}")
    problems = _problems(path, description)
    for axis in ("student", "teacher"):
        if sizes.get(f"{axis}_2", sizes.get(axis)) != sizes.get(axis):
            raise InputError(f"{path}: {axis}_2 must have the length of {axis}, but they are of {shown(sizes)}")
    points = _declared(path, problems, sizes) if "experiment" in problems else problems.get("points")
    if sizes["point"] == 0:
        raise InputError(f"{path}: point must have at least one value, but has none")
    if points != sizes["point"]:
        raise InputError(
            f"{path}: description: problems are {shown(points)}, but the file holds {sizes['point']} points"
        )


def _kept(path: AnyPath, keep: Any, alphas: Array) -> int:
    """How many alphas are kept."""
    if isinstance(keep, str):
        if keep not in KEEP:
            raise InputError(f"{path}: description: keep must be one of {', '.join(KEEP)}, but is {shown(keep)}")
        return 0 if keep == "summary" else len(alphas)
    return len(numbers(path, "description: keep", keep, _ALPHAS))


def _declared(path: AnyPath, recipe: dict[str, Any], sizes: Sizes) -> int:
    """How many points a recipe declares; what it declares besides is not more than the file has, or makes room for."""
    name = "description: problems"
    _only(path, name, recipe, ("experiment", "vary", "sample", "number"))
    experiment = entry(path, f"{name}.experiment", recipe["experiment"], dict)
    _only(path, f"{name}.experiment", experiment, [f.name for f in fields(Experiment)])
    there = {"K": sizes.get("student"), "M": sizes.get("teacher"), "outputs": sizes.get("output", 1)}
    for field, size in there.items():
        declared = experiment.get(field, getattr(Experiment, field))
        if declared != size:
            raise InputError(f"{path}: {name}.experiment.{field} is {shown(declared)}, but the file holds {size}")
    if not entry(path, f"{name}.experiment.points", experiment.get("points", 2), int, float) <= _POINTS:
        raise InputError(f"{path}: {name}.experiment.points must be at most {_POINTS}")
    points = entry(path, f"{name}.number", recipe.get("number"), int, float, type(None)) or 1
    vary = entry(path, f"{name}.vary", recipe.get("vary", {}), dict)
    for quantity, values in vary.items():
        entry(path, f"{name}.vary.{shown(quantity)}", values, list, dict, str)
        if isinstance(values, dict) and "number" in values:
            points *= entry(path, f"{name}.vary.{shown(quantity)}.number", values["number"], int, float)
        elif isinstance(values, list):
            points *= len(values)
    return points * (2 if experiment.get("rule", Experiment.rule) == "both" and "rule" not in vary else 1)


def _check_names(path: AnyPath, recipe: dict[str, Any], coordinates: tuple[str, ...]) -> None:
    """Refuse coordinates that are not what a recipe varies."""
    varied = {name.replace(" ", "") for name in recipe.get("vary", {})}
    varied |= {"rule"} if recipe["experiment"].get("rule", Experiment.rule) == "both" else set()
    if varied != set(coordinates):
        there = shown(" ".join(coordinates))
        raise InputError(f"{path}: coordinates must be what varies, {shown(sorted(varied))}, but are {there}")


def check_coordinates(path: AnyPath, recipe: dict[str, Any], coordinates: Mapping[str, np.ndarray]) -> None:
    """Refuse values of what varies that are not those of the recipe."""
    every: dict[str, Any] = {name.replace(" ", ""): (name, values) for name, values in recipe.get("vary", {}).items()}
    if "rule" not in every and "rule" in coordinates:
        every["rule"] = "rule", ["fa", "bp"]
    with refusing(path):
        axes = {name: axis_values(*each) for name, each in every.items() if not is_sampled(*each)}
        points = len(next(iter(coordinates.values()), ()))
        lengths = [len(values) for values in axes.values()]
        at = np.unravel_index(np.arange(points), (points // max(int(np.prod(lengths)), 1), *lengths))
        for j, (name, values) in enumerate(axes.items(), 1):
            _check_values(path, name, coordinates[name], values[at[j]])
        for name in every.keys() - axes.keys():
            _check_sampled(path, name, coordinates[name], every[name][1])


def _check_values(path: AnyPath, name: str, there: np.ndarray, expected: np.ndarray) -> None:
    """Texts are those of the recipe, numbers too, but for the last bits, which another machine may have made."""
    if there.dtype.kind in "iuf" and expected.dtype.kind in "iuf":
        wrong = ~np.isclose(there, expected, rtol=1e-12, atol=0)
    else:
        wrong = np.array([mine != other for mine, other in zip(there.tolist(), expected.tolist(), strict=True)])
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        value, other = there.tolist()[where], expected.tolist()[where]
        raise InputError(f"{path}: {name}[{where}] must be {shown(other)}, as in description, but is {shown(value)}")


def _check_sampled(path: AnyPath, name: str, there: np.ndarray, table: Any) -> None:
    """Sampled values are between the ends."""
    first, last = (1, len(there)) if isinstance(table, str) else sorted((table["from"], table["to"]))
    margin = 1e-9 * max(abs(first), abs(last))
    checked_values(path, name, there, Expected(least=first - margin, most=last + margin))


def _only(path: AnyPath, name: str, values: Mapping[str, Any], keys: Any) -> None:
    for key in values:
        if key not in keys:
            raise InputError(f"{path}: {name} must have no keys but {', '.join(keys)}, but has {shown(key)}")


def check_summary(path: AnyPath, done: np.ndarray, summary: Mapping[str, np.ndarray], own: bool) -> None:
    """Refuse numbers that are missing of points that are done: the last eps_g is that of what has not diverged.

    Where activations may be others than built-in ones (`own`) any eps_g may be unknown.
    """
    ended = np.isfinite(summary["diverged_at"])
    for name, may_lack in (("diverged_at", False), ("eps_g_start", own), ("eps_g_final", own | ended)):
        if name in summary:
            lacking = np.isnan(summary[name]) & ~np.asarray(may_lack)
            wrong = np.flatnonzero(done & lacking.reshape(len(done), -1).any(axis=1))
            if wrong.size:
                raise InputError(
                    f"{path}: {name} must be known of points that are done, but is NaN of point {wrong[0]}"
                )
