"""What a file must hold, declared once for each kind, and held to it before anything is computed or drawn.

A kind of file says what it expects of every variable and attribute. Types and shapes are checked before values are
read, values when they are read. Whatever is not as expected is an InputError that names the file, the variable, what
is there and what was expected. What a file holds beyond that is nobody's, and is not looked at.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.files.format import check_kind
from stdyn.files.reading import Points
from stdyn.files.table import Table, look
from stdyn.text import shown

AnyPath = str | os.PathLike[str]
Sizes = dict[str, int]  # the lengths of axes, by name

INTEGERS: dict[str, Any] = {"least": 0, "most": 2**53}


@dataclass(frozen=True)
class Expected:
    """What a variable or an attribute must be.

    Attributes
    ----------
    holds : {"number", "integer", "text", "JSON", "date", "rate", "anything"}
        "rate" is a number or the JSON of a schedule, of an attribute; "anything" is numbers or texts, as what varies in
        a scan.
    axes : tuple of str
        Those of a variable; an attribute has none.
    needed : bool
        Whether it must be there.
    least, most : float
        The range of numbers.
    nan, inf : bool
        Whether numbers may be NaN, or infinite.
    choices : tuple of str
        What a text may be, if not everything.
    first : int, optional
        The numbers are first, first + 1, …, as those of an axis that counts.
    increasing : bool
        Each number is larger than the one before.
    dtype : type
        In which numbers come.
    """

    holds: str = "number"
    axes: tuple[str, ...] = ()
    needed: bool = True
    least: float = -np.inf
    most: float = np.inf
    nan: bool = False
    inf: bool = False
    choices: tuple[str, ...] = ()
    first: int | None = None
    increasing: bool = False
    dtype: type = np.float64

    @property
    def words(self) -> str:
        """What one value must be, in words."""
        if self.choices:
            return f"one of {', '.join(map(repr, self.choices))}"
        if self.holds == "rate":
            return f"{replace(self, holds='number').words}, or the JSON of a schedule"
        if self.holds not in ("number", "integer"):
            return {"date": "a date and time (ISO 8601)", "anything": "a number or a text"}.get(
                self.holds, f"a {self.holds}"
            )
        of = "an integer" if self.holds == "integer" else "a number" if self.inf else "a finite number"
        low, high = (f"{end:g}" if np.isfinite(end) else "" for end in (self.least, self.most))
        span = (
            f" from {low} to {high}"
            if low and high
            else f" of at least {low}"
            if low
            else f" up to {high}" * bool(high)
        )
        return of + span + " or NaN" * self.nan


@dataclass(frozen=True)
class Schema:
    """What a kind of file must hold: its variables and attributes, by name."""

    kind: str
    variables: Mapping[str, Expected]
    attributes: Mapping[str, Expected] = field(default_factory=dict)


def counted(axis: str, first: int = 0, needed: bool = False) -> Expected:
    """The variable of an axis that counts."""
    return Expected("integer", (axis,), needed, first=first)


PROVENANCE = {"versions": Expected("JSON"), "created": Expected("date")}


def check(table: Table, schema: Schema) -> tuple[dict[str, Any], Sizes]:
    """The attributes of a file as the schema has them, and the lengths of its axes; refuses another kind of file.

    Nothing is read but attributes, types and shapes.
    """
    check_kind(table.path, table.attributes, schema.kind)
    attributes = checked_attributes(table.path, table.attributes, schema)
    return attributes, checked_shapes(table, schema)


def read_all(path: AnyPath, schema_of: Callable[[Table], Schema]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Every variable of a file that its schema knows, and all its attributes, checked."""

    def of(table: Table) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        schema = schema_of(table)
        attributes, _ = check(table, schema)
        there = set(table.names())
        return {name: read(table, name, each) for name, each in schema.variables.items() if name in there}, attributes

    return look(path, of)


def read(table: Table, name: str, expected: Expected, points: Points = ()) -> np.ndarray:
    """The values of a variable, or those of some points, checked."""
    return checked_values(table.path, name, table.read(name, points), expected)


# ---------------------------------------------------------------------------------------------------------------------
# Types and shapes


def checked_shapes(table: Table, schema: Schema) -> Sizes:
    """The lengths of the axes, on which all variables agree."""
    path, there = table.path, set(table.names())
    missing = [name for name, each in schema.variables.items() if each.needed and name not in there]
    if missing:
        raise InputError(_lacking(path, missing[0], schema))
    known = [name for name in schema.variables if name in there]
    for name in known:
        _check_type(path, name, table.dtype(name), schema.variables[name].holds)
    sizes: Sizes = {}
    for name in sorted(known, key=lambda name: schema.variables[name].axes != (name,)):  # those of axes first
        axes, shape = schema.variables[name].axes, table.shape(name)
        wanted = tuple(sizes.get(axis, n) for axis, n in zip(axes, shape, strict=False))
        if len(shape) != len(axes) or shape != wanted:
            named = f"({', '.join(axes)})"
            lengths = tuple(sizes.get(axis, "any") for axis in axes)
            raise InputError(f"{path}: {name} must have the axes {named} of lengths {lengths}, but has shape {shape}")
        sizes |= dict(zip(axes, shape, strict=True))
        if len(set(shape)) < len(shape):
            _check_order(table, name, axes)
    return sizes


def _check_order(table: Table, name: str, axes: tuple[str, ...]) -> None:
    """Refuse a variable whose axes are in another order, where their lengths do not tell."""
    try:
        there = table.axes(name)
    except InputError:  # copied without the variables of its axes
        return
    if there != axes and set(there) == set(axes):
        raise InputError(
            f"{table.path}: {name} must have the axes ({', '.join(axes)}), but has them in the order"
            f" ({', '.join(there)})"
        )


def _lacking(path: AnyPath, name: str, schema: Schema) -> str:
    who = "fluctuations need" if schema.kind == "fluctuations" else f"a {schema.kind} needs"
    return f"{path} is a stdyn file, but holds no {name!r}, which {who}"


def _check_type(path: AnyPath, name: str, dtype: np.dtype, holds: str) -> None:
    text, number = dtype.kind == "O", dtype.kind in "iuf"
    fits = {"number": number, "integer": number, "anything": text or number or dtype.kind == "b"}.get(holds, text)
    if not fits:
        there = "texts" if text else f"values of the type {dtype}"
        wanted = {"number": "numbers", "integer": "integers", "anything": "numbers or texts"}.get(holds, "texts")
        raise InputError(f"{path}: {name} must hold {wanted}, but holds {there}")


# ---------------------------------------------------------------------------------------------------------------------
# Values


def checked_values(path: AnyPath, name: str, values: Any, expected: Expected) -> np.ndarray:
    """The values of a variable: texts as objects, integers as int64, numbers as float64."""
    if expected.holds in ("text", "JSON", "date"):
        return _checked_texts(path, name, np.asarray(values, dtype=object), expected)
    values = np.asarray(values)
    if expected.holds == "anything":
        return values
    if not _plainly_right(values, expected):
        _check_each(path, name, values, expected)
    values = values.astype(np.int64 if expected.holds == "integer" else expected.dtype, copy=False)
    if expected.first is not None and not np.array_equal(values, expected.first + np.arange(len(values))):
        raise InputError(f"{path}: {name} must count from {expected.first}, but is {shown(values.tolist())}")
    if expected.increasing and (np.diff(values) <= 0).any():
        j = int((np.diff(values) <= 0).argmax())
        raise InputError(
            f"{path}: {name} must increase, but {name}[{j}] = {values[j]:g} is followed by {values[j + 1]:g}"
        )
    return values


def _plainly_right(values: np.ndarray, expected: Expected) -> bool:
    """Whether all numbers are finite and in their range, as nearly all are: quickly, by the ends of theirs."""
    if not values.size or (expected.holds == "integer" and values.dtype.kind not in "iu"):
        return False
    low, high = values.min(), values.max()  # NaN if one is
    return bool(max(expected.least, -(2**62)) <= low and high <= min(expected.most, 2**62))


def _check_each(path: AnyPath, name: str, values: np.ndarray, expected: Expected) -> None:
    """Refuse the first number that is not as expected."""
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= expected.least) & (values <= expected.most))
        wrong &= ~np.isnan(values) if expected.nan else True
        wrong |= np.isinf(values) & (not expected.inf)
        if expected.holds == "integer":
            wrong |= values != np.rint(values)
            wrong |= ~(np.abs(values.astype(float)) <= 2**63 - 2**10)
    if wrong.any():
        _refuse(path, name, values, np.argwhere(wrong)[0], expected)


def _checked_texts(path: AnyPath, name: str, values: np.ndarray, expected: Expected) -> np.ndarray:
    if expected.choices:
        for where in np.ndindex(values.shape):
            if values[where] not in expected.choices:
                _refuse(path, name, values, where, expected)
    return values


def _refuse(path: AnyPath, name: str, values: np.ndarray, where: Any, expected: Expected) -> None:
    at = tuple(map(int, where))
    entry, value = f"{name}{list(at)}" if at else name, values[at]
    value = value.item() if isinstance(value, np.generic) else value
    raise InputError(f"{path}: {entry} must be {expected.words}, but is {shown(value)}")


# ---------------------------------------------------------------------------------------------------------------------
# Attributes


def checked_attributes(path: AnyPath, attributes: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """All attributes of a file, those that the schema knows as it has them."""
    found = dict(attributes)
    for name, expected in schema.attributes.items():
        if name in attributes:
            found[name] = _checked_attribute(path, name, attributes[name], expected)
        elif expected.needed:
            raise InputError(_lacking(path, name, schema))
    return found


def _checked_attribute(path: AnyPath, name: str, value: Any, expected: Expected) -> Any:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool | complex | np.complexfloating)
    holds = expected.holds if expected.holds != "rate" else "number" if number else "JSON"
    if number != (holds in ("number", "integer")) or not (number or isinstance(value, str)):
        raise InputError(f"{path}: {name} must be {expected.words}, but is {shown(value)}")
    expected = replace(expected, holds=holds)
    if expected.holds == "JSON":
        json_object(path, name, value)
    elif expected.holds == "date":
        _check_date(path, name, value, expected)
    found = checked_values(path, name, value, expected)
    return found.item() if number else value


def _check_date(path: AnyPath, name: str, value: str, expected: Expected) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{path}: {name} must be {expected.words}, but is {shown(value)}") from None


# ---------------------------------------------------------------------------------------------------------------------
# What is said in JSON


def json_object(path: AnyPath, name: str, text: str) -> dict[str, Any]:
    """The JSON object that a text of a file is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # no JSON, or nested without end
        why = str(error) or type(error).__name__
        raise InputError(f"{path}: {name} must be JSON, but is {shown(text)} ({why})") from None
    return entry(path, name, value, dict)


def entry(path: AnyPath, name: str, value: Any, *kinds: type) -> Any:
    """A value of a description, refused if it is of another type; true and false are no numbers."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = {dict: "an object", list: "a list", str: "a text", int: "an integer", float: "a number"}
        wanted = " or ".join(names.get(kind, "nothing") for kind in kinds)
        raise InputError(f"{path}: {name} must be {wanted}, but is {shown(value)}")
    return value


def numbers(path: AnyPath, name: str, value: Any, expected: Expected, ndim: int = 1) -> np.ndarray:
    """A list of numbers of a description, or a list of lists."""
    try:
        array = np.array(entry(path, name, value, list))
    except (ValueError, OverflowError):  # of different lengths
        array = np.array("")
    if array.ndim != ndim or array.dtype.kind not in "iuf":
        raise InputError(f"{path}: {name} must be a list of numbers, but is {shown(value)}")
    return checked_values(path, name, array, expected)


@contextmanager
def refusing(path: AnyPath) -> Iterator[None]:
    """Say of which file it is that a class refuses what it is to be made of.

    The classes check their arguments for themselves, and say what was expected. Values that got as far as this are of
    the right types and shapes; what can still be wrong with them are combinations, which an eigenvalue or an index may
    notice first.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError, RecursionError) as error:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(text if text.startswith(str(path)) else f"{path}: {text}") from None
