"""The points of a scan: an experiment in which some quantities vary, on a grid, by sampling, or both."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from math import prod
from typing import Any, overload

import numpy as np

from stdyn.checks import Array, choice, integer, number
from stdyn.errors import InputError
from stdyn.model.activations import BUILT_IN, Activation, find, known
from stdyn.model.experiment import Experiment
from stdyn.model.problem import LARGEST_RATE, RATES, Problem
from stdyn.model.state import OrderParameters
from stdyn.settings import check_name, from_values
from stdyn.text import shown
from stdyn.values import Frozen, frozen

TEXTS = ("rule", "activation", "activation_teacher")
NUMBERS = {
    "N": "input dimension",
    "eta": "learning rate of the first layer",
    "eta_v": "learning rate of the second layer",
    "sigma": "standard deviation of the label noise",
    "decay": "weight decay of the first layer",
    "decay_v": "weight decay of the second layer",
    "q": "squared norm of the student vectors at the start",
    "r": "overlap R_nn of a prepared start",
    "v_scale": "standard deviation of the random v at the start; of a given one, a factor",
    "b_scale": "standard deviation of the random feedback weights; of given ones, a factor",
    "R_scale": "factor on R at the start",
    "Q_scale": "factor on Q at the start",
    "b_angle": "angle in degrees of the feedback weights to v at the start",
    "draw": "seed of the random start: first layer, v and b",
}
_ACTIVATIONS = ("activation", "activation_teacher")
_ENTRY = re.compile(r"(R|Q|T|v|v_teacher|b)\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\]")
_KEYS = ("from", "to", "number", "spacing")
_MOST = 10**7  # points: their coordinates alone take a minute to write


@dataclass(frozen=True, eq=False)
class Variations(Frozen, Sequence[Problem]):
    """A sequence of problems: an experiment with some of its quantities varied. A point is made when it is asked for.

    Parameters
    ----------
    experiment : Experiment
        What does not vary. Its rule "both" makes two points of each, of the same start.
    vary : mapping of str to values
        For each quantity either the values it takes (a list, or {"from", "to", "number", "spacing"}): an axis of a
        grid; or {"from", "to", "spacing"} without a number: it is sampled. Spacing is "linear" (the default) or "log".
        Quantities are the keys of `NUMBERS` and `TEXTS`, single entries such as "R[0,1]", "v[2]" or "b[0,1]", and
        several that take the same value, such as "eta=eta_v". {"draw": "each"} gives each sample a draw of its own,
        {"draw": {"from": 1, "number": 100}} an axis of 100 draws.
    sample : {"random", "sobol"}
        How the sampled quantities are drawn: independently, or a scrambled Sobol sequence (scipy.stats.qmc).
    number : int, optional
        The number of samples; needed if a quantity is sampled, else refused.

    The points are the product of the samples and of all axes, the last axis running fastest.

    Raises
    ------
    InputError
        If a quantity is unknown, a value cannot be used, or a quantity would change nothing.
    """

    experiment: Experiment
    vary: Mapping[str, Any] = field(default_factory=dict)
    sample: str = "random"
    number: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.experiment, Experiment):
            raise InputError(f"experiment must be an Experiment, but is {type(self.experiment).__name__}")
        if not isinstance(self.vary, Mapping):
            raise InputError(f"vary must be a mapping of quantities to values, but is {shown(self.vary)}")
        object.__setattr__(self, "vary", dict(self.vary))
        super().__post_init__()
        choice("sample", self.sample, ("random", "sobol"))
        named: dict[str, Any] = {name: find(each, name) for name, each in self._named.items()}
        replace(self.experiment, **named).check()
        _ = self.axes, self.samples  # checks every value
        units = self.experiment.K + self.experiment.M
        for name, values in (self.axes | self.samples).items():
            if "N" in _parts(name) and values.min() < units:
                raise InputError(f"{name} must be at least K + M = {units}, but is {values.min()}")
        if prod(self.shape) > _MOST:
            sizes = " x ".join(str(size) for size in self.shape if size > 1)
            raise InputError(f"vary must make at most {_MOST} points, but makes {sizes} = {prod(self.shape)}")

    @property
    def _named(self) -> dict[str, Any]:
        """The activations that the experiment names."""
        named = {name: getattr(self.experiment, name) for name in _ACTIVATIONS}
        return {name: each for name, each in named.items() if each is not None}

    @property
    def activations(self) -> dict[str, Activation]:
        """All that the problems have, by name."""
        varied = (each for quantity, values in self.axes.items() if _of_activations(quantity) for each in values)
        return {str(name): find(name) for name in {*self._named.values(), *varied}}

    @cached_property
    def axes(self) -> dict[str, np.ndarray]:
        """The axes of the grid: {quantity: values}."""
        axes = {}
        named: list[str] = []
        for name, values in self.vary.items():
            self._check_name(name)
            named += _parts(name)
            if isinstance(values, Mapping):
                _check_keys(name, values, _KEYS)
            if not is_sampled(name, values):
                axes[name] = axis_values(name, values)
                for part in _of_activations(name):
                    for each in axes[name]:
                        find(each, part)
        if len(set(named)) < len(named):
            twice = next(name for name in named if named.count(name) > 1)
            raise InputError(f"{twice} must vary once, but is named twice: {', '.join(self.vary)}")
        if len(self.experiment.rules) > 1 and "rule" not in self.vary:
            axes["rule"] = np.array(self.experiment.rules, dtype=object)
        return frozen(axes)

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """The sampled quantities: {quantity: (samples,) values}."""
        names = [name for name, values in self.vary.items() if is_sampled(name, values)]
        if not names:
            if self.number is not None:
                raise InputError(
                    f"number = {shown(self.number)} is the number of samples, but nothing is sampled (a quantity is if"
                    ' its table has "from" and "to" and no "number", or with draw = "each")'
                )
            return {}
        if self.number is None:
            raise InputError(f"number, how often {', '.join(names)} are sampled, is needed")
        count = integer("number", self.number, 1, _MOST)
        drawn = [name for name in names if name != "draw"]
        rng = self.experiment.rng("samples")
        if self.sample == "sobol" and drawn:
            unit = _sobol(len(drawn), count, rng)
        else:
            unit = rng.random((count, len(drawn)))
        samples = {name: _spread(name, self.vary[name], unit[:, j]) for j, name in enumerate(drawn)}
        if "draw" in names:
            samples["draw"] = np.arange(1, count + 1)
        return frozen(samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of samples and the lengths of the axes."""
        return (int(self.number) if self.samples and self.number else 1, *map(len, self.axes.values()))

    def __len__(self) -> int:
        return prod(self.shape)

    def values(self, index: int | np.ndarray) -> dict[str, Any]:
        """The values of all varied quantities at a point, or at many."""
        at = np.unravel_index(index, self.shape)
        values = {name: each[at[0]] for name, each in self.samples.items()}
        return values | {name: each[at[j]] for j, (name, each) in enumerate(self.axes.items(), 1)}

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The values of all varied quantities: {quantity: (points,) values}; activations by their names."""
        values = self.values(np.arange(len(self)))
        named = {name: np.array(plain([*each]), dtype=object) for name, each in values.items() if _of_activations(name)}
        return values | named

    @overload
    def __getitem__(self, index: int) -> Problem: ...

    @overload
    def __getitem__(self, index: slice) -> list[Problem]: ...

    def __getitem__(self, index: int | slice) -> Problem | list[Problem]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"point {index} of {len(self)}")
        return self.recipe(index % len(self))()

    def recipe(self, index: int) -> Callable[[], Problem]:
        """A function that makes the problem of a point; it is small when pickled.

        It has activations instead of their names: another process may not know what was made in this one.
        """
        values = self._named | self.values(index)
        found = {name: find(each) for name, each in values.items() if _of_activations(name)}
        return partial(problem_at, self.experiment, values | found)

    def __iter__(self) -> Iterator[Problem]:
        return (self[index] for index in range(len(self)))

    @property
    def description(self) -> dict[str, Any]:
        """Everything that is needed to make these points again, of plain types; `from_description` does."""
        experiment = {each.name: getattr(self.experiment, each.name) for each in fields(self.experiment)}
        return {
            "experiment": {name: plain(value) for name, value in experiment.items() if value is not None},
            "vary": {name: plain(values) for name, values in self.vary.items()},
            "sample": self.sample,
            "number": plain(self.number),
        }

    @classmethod
    def from_description(
        cls, description: Mapping[str, Any], activations: Mapping[str, Any] | None = None
    ) -> "Variations":
        """The points that `description` describes; `activations` are the values of g and g' that a file has, by name.

        No name is looked up in a "file.py": the description is that of a file, which may be anybody's.
        """
        found = {name: known(name, np.asarray(values, dtype=float)) for name, values in (activations or {}).items()}

        def known_here(name: Any) -> Any:  # not as a name: whoever takes it out of here would have it looked up
            if not isinstance(name, str) or name in BUILT_IN:
                return name
            return found[name] if name in found else known(name, None)

        rest = dict(description)
        experiment = from_values(rest.pop("experiment"), Experiment)
        named: dict[str, Any] = {name: known_here(getattr(experiment, name)) for name in _ACTIVATIONS}
        vary = {
            name: [known_here(each) for each in values]
            if _of_activations(name) and isinstance(values, list)
            else values
            for name, values in rest.pop("vary", {}).items()
        }
        return cls(replace(experiment, **named), vary, **rest)

    # -----------------------------------------------------------------------------------------------------------------

    def _check_name(self, name: str) -> None:
        experiment = self.experiment
        for part in _parts(str(name)):
            if part in ("K", "M", "outputs", "points", "alpha_max", "alpha_min", "spacing", "rtol"):
                raise InputError(f"{part} cannot vary: all points of a scan have the same shapes and alphas")
            entry = _ENTRY.fullmatch(part)
            if entry is None:
                check_name(part, [*NUMBERS, *TEXTS], "vary: there is no quantity")
            else:
                _check_entry(experiment, entry)
            if part == "r" and experiment.start != "prepared":
                raise InputError(f'r is the overlap of start = "prepared" and cannot vary with {experiment.start!r}')
            if part in ("q", "r") and experiment.R is not None:
                raise InputError(f"{part} would change nothing, because R and Q are given; R_scale and Q_scale do")
            if part in ("b_angle", "b_scale", "b") and "fa" not in self._rules:
                raise InputError(f"{part} would change nothing: backpropagation has no feedback weights")

    @property
    def _rules(self) -> Sequence[str]:
        return self.vary.get("rule", self.experiment.rules)


def problem_at(experiment: Experiment, values: Mapping[str, Any]) -> Problem:
    """The problem of `experiment` with these values of the varied quantities, in this order whatever theirs is:

    the draw and what else are parameters of the experiment, factors, single entries, the angle of b, the rule.
    """
    values = {part.strip(): value for name, value in values.items() for part in name.split("=")}
    rule = values.pop("rule", experiment.rule)
    changes: dict[str, Any] = {"rule": "fa"}  # b is drawn, and dropped in the end if not wanted: all else is the same
    changes |= {name: plain(values[name]) for name in ("N", "q", "r", *RATES) if name in values}
    changes |= {name: values[name] for name in _ACTIVATIONS if name in values}
    for name in ("v", "b"):
        if f"{name}_scale" in values and getattr(experiment, name) is None:
            changes[f"{name}_scale"] = float(values.pop(f"{name}_scale"))
    if "draw" in values:
        changes["seed"] = int(values["draw"])
    problem = replace(experiment, **changes).problem("fa")
    start, b = problem.start, problem.b
    assert b is not None
    arrays = {name: np.array(getattr(start, name)) for name in ("R", "Q", "T", "v", "v_teacher")} | {"b": np.array(b)}
    for name in ("R", "Q", "v", "b"):
        arrays[name] *= float(values.get(f"{name}_scale", 1.0))
    for name, value in values.items():
        entry = _ENTRY.fullmatch(name)
        if entry is not None:
            array, *at = entry.groups()
            place = tuple(int(i) for i in at if i is not None)
            arrays[array][place] = value
            if array in ("Q", "T"):
                arrays[array][place[::-1]] = value
    b = arrays.pop("b")
    if any(not np.array_equal(getattr(start, name), array) for name, array in arrays.items()):
        start = OrderParameters(**arrays)
    if rule != "fa":
        return replace(problem, start=start, rule="bp", b=None)
    if "b_angle" in values:
        b = turned(b, start.v, float(values["b_angle"]))
    return replace(problem, start=start, b=b)


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


def plain(value: Any) -> Any:
    """Lists, numbers and texts instead of NumPy's types, tuples and activations."""
    if isinstance(value, Activation):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(each) for each in value]
    return value


def _check_entry(experiment: Experiment, entry: re.Match[str]) -> None:
    K, M, O = experiment.K, experiment.M, experiment.outputs
    units = M if entry[1] == "v_teacher" else K
    shapes: dict[str, tuple[int, ...]] = {"R": (K, M), "Q": (K, K), "T": (M, M)}
    shape = shapes.get(entry[1], (units,) if O == 1 else (units, O))
    at = [int(i) for i in entry.groups()[1:] if i is not None]
    if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape, strict=True)):
        raise InputError(f"{entry[0]} is no entry of {entry[1]}, which has shape {shape} and is counted from 0")


def _parts(name: str) -> list[str]:
    """The quantities that are put equal to each other in a name."""
    return [part.strip() for part in name.split("=")]


def _of_activations(name: str) -> list[str]:
    """The parts of a quantity's name that are activations."""
    return [part for part in _parts(name) if part in _ACTIVATIONS]


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
        count = integer(f"{name}: number", values["number"], 1, _MOST)
        if name == "draw" and "to" not in values:
            first = integer("draw: from", values.get("from", 1), 0)
            _check_keys(name, values, ("from", "number"))
            return np.arange(first, first + count)
        return _spread(name, values, np.linspace(0, 1, count))
    is_one = isinstance(values, str | bytes) or (isinstance(values, np.ndarray) and values.ndim == 0)
    if is_one or not isinstance(values, Sequence | np.ndarray) or len(values) == 0:
        raise InputError(
            f"{name} must vary over a list of values or a table with from, to and number, but is {shown(values)}"
        )
    checked = [_value(name, value) for value in values]
    if len(set(checked)) < len(checked):
        raise InputError(f"{name} must not take a value twice, but is {shown(plain(values))}")
    return np.array(checked, dtype=object if isinstance(checked[0], str) else None)


def _spread(name: str, table: Mapping[str, Any], unit: Array) -> np.ndarray:
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
        spread = first * (last / first) ** unit
    elif spacing == "linear":
        spread = first + (last - first) * unit
    else:
        raise InputError(f'{name}: spacing must be "linear" or "log", but is {shown(spacing)}')
    if set(_parts(name)) & {"N", "draw"}:
        spread = np.rint(spread).astype(int)
    return spread


def _check_keys(name: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise InputError(f"{name} must be a table with {', '.join(keys)}, but has {shown(key)}")


def _value(name: str, value: Any) -> Any:
    """One value of a quantity, refused if the quantity cannot take it at any point."""
    for part in _parts(name):
        if part in TEXTS:
            if part == "rule" and value not in ("fa", "bp"):
                raise InputError(f"rule must be one of fa, bp, but is {shown(value)}")
            if part in _ACTIVATIONS and not isinstance(value, str | Activation):
                raise InputError(f"{part} must be a name or a stdyn.Activation, but is {shown(value)}")
        elif part in ("N", "draw"):
            value = integer(part, value, 0 if part == "draw" else 1)
        elif part == "b_angle":
            value = number(part, value, 0, 180)
        else:
            signed = part in ("r", "R_scale") or _ENTRY.fullmatch(part)
            most = LARGEST_RATE if part in RATES else sys.float_info.max
            value = number(part, value, -np.inf if signed else 0, most)
    return value


def _sobol(dimensions: int, count: int, rng: np.random.Generator) -> Array:
    """The first `count` points of a scrambled Sobol sequence."""
    from scipy.stats import qmc  # a third of a second, which no worker need pay

    exponent = int(np.ceil(np.log2(count))) if count > 1 else 0
    return qmc.Sobol(dimensions, scramble=True, rng=rng).random_base2(exponent)[:count]
