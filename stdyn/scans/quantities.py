"""The quantities of an experiment that vary in scans: their names, what each can take, and how values are given."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stdyn.checks import Array, choice, integer, number
from stdyn.errors import InputError
from stdyn.model.activations import Activation
from stdyn.model.beginning import is_similar
from stdyn.model.experiment import Experiment
from stdyn.model.inputs import Inputs
from stdyn.model.problem import LARGEST_RATE, RATES, SCHEDULED
from stdyn.model.rules import NAMES, WITH_FEEDBACK
from stdyn.model.shapes import Schedule
from stdyn.scans import tables
from stdyn.scans.names import NUMBERS, TEXTS
from stdyn.scans.spectra import Labelled, labelled
from stdyn.settings import check_name
from stdyn.text import shown

INTEGERS = ("N", "batch", "draw", "inputs.N", "inputs.groups", "inputs.latent")
ACTIVATIONS = ("activation", "activation_teacher")
_ENTRY = re.compile(r"(R|Q|T|v|v_teacher|b)\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\]")
_FURTHER = ", entries such as R[0,1] or v[0], and numbers in tables such as eta.scale, eta.at[1] or inputs.exponent"
KEYS = ("from", "to", "number", "spacing")
MOST = 10**7  # points: their coordinates alone take a minute to write


def plain(value: Any) -> Any:
    """Lists, numbers and texts instead of NumPy's types, tuples and activations."""
    if isinstance(value, Activation | Labelled):
        return str(value)
    if isinstance(value, Inputs):
        return plain(value.described)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(each) for each in value]
    return value


def entry_of(name: str) -> re.Match[str] | None:
    """Of the name of a single entry, such as "R[0,1]", the array and the positions."""
    return _ENTRY.fullmatch(name)


def check_quantity(experiment: Experiment, part: str, rules: Sequence[str]) -> None:
    """Refuse a quantity that is none, or that would change nothing with these rules."""
    if part in ("K", "M", "outputs", "points", "alpha_max", "alpha_min", "spacing", "rtol"):
        raise InputError(f"{part} cannot vary: all points of a scan have the same shapes and alphas")
    if part == "tasks":
        raise InputError("tasks cannot vary as a whole, but numbers in them can, such as tasks.similarity")
    entry = entry_of(part)
    if tables.parse(part):
        tables.check_place(experiment, part)
    elif entry is None:
        check_name(part, [*NUMBERS, *TEXTS], "vary: there is no quantity", _FURTHER)
    else:
        _check_entry(experiment, entry)
        if entry[1] == "v_teacher" and experiment.tasks is not None:
            raise InputError(f"{part} would change nothing, because tasks have v_teacher of their own")
        if entry[1] == "T" and is_similar(experiment.tasks):
            raise InputError(f"{part} cannot vary: T is that of tasks with a similarity, which can (tasks.similarity)")
    if part == "r" and experiment.start != "prepared":
        raise InputError(f'r is the overlap of start = "prepared" and cannot vary with {experiment.start!r}')
    if part in ("q", "r") and experiment.R is not None:
        raise InputError(f"{part} would change nothing, because R and Q are given; R_scale and Q_scale do")
    of_b = part in ("b_angle", "b_scale") or (entry is not None and entry[1] == "b")
    if of_b and not any(rule in WITH_FEEDBACK for rule in rules):
        raise InputError(f"{part} would change nothing: backpropagation has no feedback weights")
    field = part.partition(".")[0]
    if experiment.flow and field in ("sigma", "batch"):
        raise InputError(f"{part} would change nothing: flow = True has no {'noise' if field == 'sigma' else 'steps'}")
    if experiment.sphere and field == "decay":
        raise InputError(f"{part} would change nothing: sphere = True keeps the lengths of the student's vectors")
    if field == "mixture" and "mixed" not in rules:
        raise InputError(f"{part} would change nothing: it is of rule mixed, but rule is {', '.join(rules)}")


def _check_entry(experiment: Experiment, entry: re.Match[str]) -> None:
    K, M, O = experiment.K, experiment.M, experiment.outputs
    units = M if entry[1] == "v_teacher" else K
    shapes: dict[str, tuple[int, ...]] = {"R": (K, M), "Q": (K, K), "T": (M, M)}
    shape = shapes.get(entry[1], (units,) if O == 1 else (units, O))
    at = [int(i) for i in entry.groups()[1:] if i is not None]
    if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape, strict=True)):
        raise InputError(f"{entry[0]} is no entry of {entry[1]}, which has shape {shape} and is counted from 0")


def check_lengths(values: Mapping[str, Any]) -> None:
    """Refuse quantities with which a vector of the student has no length, on the sphere."""
    for name, given in values.items():
        entry = entry_of(name)
        is_length = entry is not None and entry[1] == "Q" and entry[2] == entry[3]
        if (name in ("q", "Q_scale") or is_length) and min(given) <= 0:
            raise InputError(f"{name} must be positive with sphere = True, but is {min(given):g}")


def parts(name: str) -> list[str]:
    """The quantities that are put equal to each other in a name."""
    return [part.strip() for part in name.split("=")]


def of_activations(name: str) -> list[str]:
    """The parts of a quantity's name that are activations."""
    return [part for part in parts(name) if part in ACTIVATIONS]


def is_sampled(name: str, values: object) -> bool:
    if name == "draw":
        return isinstance(values, str) and values == "each"
    return isinstance(values, Mapping) and "number" not in values


def axis_values(name: str, values: object) -> np.ndarray:
    """The values of an axis of the grid, checked."""
    if isinstance(values, Mapping):
        if "number" not in values:  # only draw, of which a range is no sample
            raise InputError(
                f'draw must be a list, a table with from and number, or "each", but is {shown(dict(values))}'
            )
        count = integer(f"{name}: number", values["number"], 1, MOST)
        if name == "draw" and "to" not in values:
            first = integer("draw: from", values.get("from", 1), 0)
            check_keys(name, values, ("from", "number"))
            return np.arange(first, first + count)
        return spread(name, values, np.linspace(0, 1, count))
    is_one = isinstance(values, str | bytes) or (isinstance(values, np.ndarray) and values.ndim == 0)
    if is_one or not isinstance(values, Sequence | np.ndarray) or len(values) == 0:
        raise InputError(
            f"{name} must vary over a list of values or a table with from, to and number, but is {shown(values)}"
        )
    if "inputs" in parts(name):
        return np.array(labelled(plain(list(values))), dtype=object)
    checked = [_value(name, value) for value in values]
    if len(set(checked)) < len(checked):
        raise InputError(f"{name} must not take a value twice, but is {shown(plain(values))}")
    return np.array(checked, dtype=object if isinstance(checked[0], str) else None)


def refuse_tables(name: str, values: object) -> None:
    """Refuse schedules among the values, or instead of them; and of inputs what is no list of tables."""
    if "inputs" in parts(name):
        if len(parts(name)) > 1:
            raise InputError(f"{name} cannot vary together: inputs take tables")
        if not isinstance(values, list | tuple):
            raise InputError(
                f"inputs must vary over a list of tables, [{{kind = …}}, …], but is {shown(values)}; of the table that"
                " inputs has its numbers vary, such as inputs.exponent"
            )
    of_rates = any(part in SCHEDULED for part in parts(name))
    listed = values if isinstance(values, list | tuple) else [values]
    if of_rates and any(
        isinstance(each, Schedule) or (isinstance(each, Mapping) and "kind" in each) for each in listed
    ):
        raise InputError(
            f"{name} must vary over numbers, but one value is a schedule; of a schedule that {name} has its numbers"
            f" vary, such as {name}.scale"
        )


def spread(name: str, table: Mapping[str, Any], unit: Array) -> np.ndarray:
    """Numbers from 0 to 1 taken to those from table["from"] to table["to"]."""
    if any(key not in table for key in ("from", "to")):
        raise InputError(f"{name} needs from and to, but is {shown(dict(table))}")
    first, last = _value(name, table["from"]), _value(name, table["to"])
    if isinstance(first, str) or isinstance(last, str):
        raise InputError(f"{name} varies over texts, which must be given as a list")
    spacing = table.get("spacing", "linear")
    if spacing == "log":
        if not (first > 0 and last > 0):
            raise InputError(f"{name} with spacing log must have from and to above 0, but is {shown(dict(table))}")
        values = first * (last / first) ** unit
    elif spacing == "linear":
        values = first + (last - first) * unit
    else:
        raise InputError(f'{name}: spacing must be "linear" or "log", but is {shown(spacing)}')
    if set(parts(name)) & set(INTEGERS):
        values = np.rint(values).astype(int)
    return values


def check_keys(name: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise InputError(f"{name} must be a table with {', '.join(keys)}, but has {shown(key)}")


def _value(name: str, value: Any) -> Any:
    """One value of a quantity, refused if the quantity cannot take it at any point."""
    for part in parts(name):
        if part in TEXTS:
            if part == "rule" and value == "dfa":
                raise InputError(
                    f"rule must be one of {', '.join(NAMES)}, but is 'dfa', which is fa (feedback alignment) here"
                )
            if part == "rule":
                choice(part, value, tuple(NAMES))
            if part in ACTIVATIONS and not isinstance(value, str | Activation):
                raise InputError(f"{part} must be a name or a stdyn.Activation, but is {shown(value)}")
        elif part in INTEGERS:
            value = integer(part, value, 0 if part == "draw" else 1)
        elif tables.parse(part):
            value = number(part, value, -np.inf)
        elif part == "b_angle":
            value = number(part, value, 0, 180)
        else:
            signed = part in ("r", "R_scale") or _ENTRY.fullmatch(part)
            most = LARGEST_RATE if part in RATES else 1.0 if part == "mixture" else sys.float_info.max
            value = number(part, value, -np.inf if signed else 0, most)
    return value


def turned(b: Array, v: Array, angle: float) -> Array:
    """b turned, in the plane of b and v and without changing its length, to `angle` degrees from v.

    Raises
    ------
    InputError
        If v or b is zero, or b is parallel to v and so does not say in which direction to turn.
    """
    length, v_length = np.linalg.norm(b), np.linalg.norm(v)
    if length == 0 or v_length == 0:
        raise InputError(f"b_angle is the angle of b to v, but {'v' if v_length == 0 else 'b'} is zero")
    along = v / v_length
    across = b - np.sum(b * along) * along
    if np.linalg.norm(across) <= 1e-12 * length:
        if angle in (0, 180):
            return length * along * (1 if angle == 0 else -1)
        raise InputError(f"b is parallel to v, so that there is no direction in which to turn it to {angle:g} degrees")
    radians = np.deg2rad(angle)
    return length * (np.cos(radians) * along + np.sin(radians) * across / np.linalg.norm(across))


def sobol(dimensions: int, count: int, rng: np.random.Generator) -> Array:
    """The first `count` points of a scrambled Sobol sequence."""
    from scipy.stats import qmc  # a third of a second, which no worker need pay

    exponent = int(np.ceil(np.log2(count))) if count > 1 else 0
    return qmc.Sobol(dimensions, scramble=True, rng=rng).random_base2(exponent)[:count]
