"""Numbers within tables, of schedules, tasks and inputs, which vary by names such as "eta.scale" and "eta.at[1]"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.model.experiment import Experiment
from stdyn.model.problem import RATES
from stdyn.text import shown

Path = tuple[str | int, ...]  # where in a table: keys and positions

_ENTRY = r"\[\s*\d+(?:\s*,\s*\d+)*\s*\]"
_NAME = re.compile(rf"({'|'.join(RATES)}|mixture|tasks|inputs)(\.\w+(?:\.\w+|{_ENTRY})*)")
_STEP = re.compile(r"\.(\w+)|\[([\d,\s]+)\]")


def parse(name: str) -> tuple[str, Path] | None:
    """The parameter and the place in its table that a quantity's name says; None if it is no such name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    path: list[str | int] = []
    for key, positions in _STEP.findall(found[2]):
        path += [key] if key else [int(each) for each in positions.split(",")]
    return found[1], tuple(path)


def changed(table: Any, path: Path, value: Any) -> Any:
    """A copy of a table, or of a list in it, with another value at a place."""
    key, *rest = path
    copied: Any = dict(table) if isinstance(table, Mapping) else list(table)
    copied[key] = changed(copied[key], tuple(rest), value) if rest else value
    return copied


def check_place(experiment: Experiment, name: str) -> None:
    """Refuse the name of what is no number of the experiment's schedules, tasks and inputs."""
    parsed = parse(name)
    assert parsed is not None
    field, path = parsed
    there: Any = getattr(experiment, field)
    if not isinstance(there, Mapping):
        kind = field if field in ("tasks", "inputs") else "a schedule"
        raise InputError(f"{name} cannot vary: {field} must be the table of {kind}, but is {shown(there)}")
    if path == ("heads",):
        raise InputError(f"{name} cannot vary: all points of a scan have the same shapes and alphas")
    for n, key in enumerate(path):
        last = n == len(path) - 1
        if isinstance(there, Mapping) and key in there:
            there = there[key]
        elif isinstance(there, Mapping) and isinstance(key, str) and last:
            return  # a number that need not be given; or the table is refused with it
        elif isinstance(there, list | tuple | np.ndarray) and isinstance(key, int) and key < len(there):
            there = there[key]
        else:
            raise InputError(f"{name} is no number of {field} = {shown(getattr(experiment, field))}, counted from 0")
    if not isinstance(there, Real) or isinstance(there, bool):
        raise InputError(f"{name} must be a single number of {field}, but is {shown(there)}")


def check_values(experiment: Experiment, rule: str, name: str, values: Sequence[Any]) -> None:
    """Refuse values with which there is no such schedule, or there are no such tasks."""
    for value in values:
        try:
            with_values(experiment, {name: value}).problem(rule)
        except InputError as error:
            raise InputError(f"{name} = {value:g}: {error}") from None


def with_values(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with these numbers in its tables."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        parsed = parse(name)
        assert parsed is not None
        field, path = parsed
        made[field] = changed(made.get(field, getattr(experiment, field)), path, value)
    return replace(experiment, **made) if made else experiment
