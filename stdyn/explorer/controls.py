"""What can be moved on the page: the parameters of an experiment, how far each may go, and how it is moved.

This table is all that the page knows of parameters, and the only place where their bounds stand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from stdyn.errors import InputError
from stdyn.model.experiment import Experiment
from stdyn.model.rules import NAMES
from stdyn.scans.quantities import ACTIVATIONS
from stdyn.text import shown

Value = Any  # of a parameter: a number, a word, a truth value, a table, a list of numbers, or None

UNITS = 20  # of a student or a teacher, at most
_LONGEST = 64  # numbers in a list, entries in a table
_DEEPEST = 4  # lists in lists
_FIELDS = {f.name: f for f in fields(Experiment)}
_USUAL: dict[str, Value] = {  # where nothing is said, if an experiment has something else or nothing
    "rules": ["fa", "bp"], "eta": 0.5, "eta_v": 0.5, "mixture": 0.5, "method": "reduced", "runs": 0,
}  # fmt: skip
_FARTHEST = 1e6  # numbers in a table are below it


@dataclass(frozen=True)
class Control:
    """One parameter on the page.

    Attributes
    ----------
    name : str
        Its key in the state of the page: a field of Experiment, "rules" or "b_angle".
    symbol : str
        What is written beside the slider.
    group : str
        Under which heading it stands.
    kind : str
        "number", "integer", "power" (of 2), "word", "words", "flag", "rate" (a number or the table of a schedule),
        "table" or "array".
    least, most : float, or None
        Its bounds here, which are at least as narrow as those of an experiment.
    low, high : float, or None
        Where its slider ends; numbers beyond it can be typed.
    log : bool
        Whether the slider is logarithmic.
    words : sequence of str
        Those that it can be.
    tables : mapping
        What a table begins as, by its kind.
    optional : bool
        Whether it may be None, which is what the experiment makes of it.
    """

    name: str
    symbol: str
    group: str
    kind: str
    least: float | None = None
    most: float | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    words: Sequence[str] = ()
    tables: Mapping[str, Mapping[str, Value]] | None = None
    optional: bool = False

    @property
    def usual(self) -> Value:
        """Its value where nothing is said."""
        if self.name in _USUAL:
            return _USUAL[self.name]
        return _FIELDS[self.name].default if self.name in _FIELDS else None

    @property
    def help(self) -> str:
        """What it is, in a sentence."""
        if self.name == "rules":
            return f"Learning rules: {', '.join(f'{rule} ({words})' for rule, words in NAMES.items())}."
        if self.name == "mixture":
            return f"{_FIELDS[self.name].metadata['help']} Of use where mixed is ticked."
        if self.name == "b_angle":
            return "Angle of the feedback weights b to v at the start, in degrees; b as it is drawn if empty."
        return str(_FIELDS[self.name].metadata["help"]).partition("  [")[0]

    def checked(self, value: Value) -> Value:
        """The value, refused if it is not one that this parameter takes."""
        if value is None and self.optional:
            return None
        return _CHECKS[self.kind](self, value)


def _number(of: Control, value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{of.name} must be a number, but is {shown(value)}")
    return _bounded(of, value)


def _bounded(of: Control, value: Any) -> Any:
    if of.least is not None and of.most is not None and not of.least <= value <= of.most:
        bounds = f"from {_written(of.least)} to {_written(of.most)}"
        raise InputError(f"{of.name} must be {bounds} here, but is {shown(value)}")
    return value


def _written(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _integer(of: Control, value: Value) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{of.name} must be a whole number, but is {shown(value)}")
    return int(_bounded(of, value))


def _power(of: Control, value: Value) -> int:
    value = _integer(of, value)
    if value & (value - 1):
        raise InputError(f"{of.name} must be a power of 2, but is {shown(value)}")
    return value


def _word(of: Control, value: Value) -> str:
    if not isinstance(value, str) or value not in of.words:
        raise InputError(f"{of.name} must be one of {', '.join(of.words)}, but is {shown(value)}")
    return value


def _words(of: Control, value: Value) -> list[str]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
        raise InputError(f"{of.name} must be a list of some of {', '.join(of.words)}, but is {shown(value)}")
    return [_word(of, each) for each in value]


def _flag(of: Control, value: Value) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{of.name} must be true or false, but is {shown(value)}")
    return value


def _rate(of: Control, value: Value) -> Value:
    return _table(of, value) if isinstance(value, dict) else _number(of, value)


def _table(of: Control, value: Value) -> dict[str, Value]:
    """A table of numbers, words and lists; what it may say is for the experiment to check."""
    if not isinstance(value, dict):
        raise InputError(f"{of.name} must be a table, but is {shown(value)}")
    _plain(of, value, _DEEPEST)
    return value


def _array(of: Control, value: Value) -> Value:
    if isinstance(value, list):
        _plain(of, value, _DEEPEST)
        return value
    if isinstance(value, str):
        raise InputError(f"{of.name} must be a number or a list of numbers, but is {shown(value)}")
    return _number(of, value)


def _plain(of: Control, value: Value, depth: int) -> None:
    """Refuse what no table or list of an experiment has in it, and what is too long or too large for a page."""
    if isinstance(value, dict | list):
        if depth == 0 or len(value) > _LONGEST:
            raise InputError(f"{of.name} must be at most {_LONGEST} numbers long, and {_DEEPEST} deep, here")
        for each in value.values() if isinstance(value, dict) else value:
            _plain(of, each, depth - 1)
    elif isinstance(value, str):
        if not value.isidentifier() or of.kind == "array":
            raise InputError(f"{of.name} must have {_inside(of)} in it, but has {shown(value)}")
    elif not isinstance(value, int | float) or not -_FARTHEST <= value <= _FARTHEST:
        raise InputError(f"{of.name} must have {_inside(of)} in it, but has {shown(value)}")
    elif of.kind == "array":
        _bounded(of, value)


def _inside(of: Control) -> str:
    return f"{'' if of.kind == 'array' else 'names and '}numbers from {-_FARTHEST:.0f} to {_FARTHEST:.0f}"


_CHECKS = {
    "number": _number,
    "integer": _integer,
    "power": _power,
    "word": _word,
    "words": _words,
    "flag": _flag,
    "rate": _rate,
    "table": _table,
    "array": _array,
}

_SCHEDULES: dict[str, dict[str, Value]] = {
    "steps": {"kind": "steps", "at": [0, 100], "value": [0.5, 0.1]},
    "linear": {"kind": "linear", "at": [0, 10], "value": [0, 0.5]},
    "hyperbolic": {"kind": "hyperbolic", "value": 0.5, "scale": 100},
    "power": {"kind": "power", "value": 0.5, "scale": 100, "exponent": 0.5},
    "exponential": {"kind": "exponential", "value": 0.5, "scale": 100, "end": 0},
    "cosine": {"kind": "cosine", "value": 0.5, "scale": 100, "end": 0.05},
}
_INPUTS: dict[str, dict[str, Value]] = {
    "power_law": {"kind": "power_law", "exponent": 1, "groups": 8},
    "spiked": {"kind": "spiked", "spikes": [20, 5]},
    "spectrum": {"kind": "spectrum", "variances": [3, 0.5], "fractions": [0.2, 0.8]},
    "hidden_manifold": {"kind": "hidden_manifold", "f": "erf", "latent": 100, "groups": 8},
}
_TASKS: dict[str, dict[str, Value]] = {"similar": {"similarity": 0.5, "similarity_v": 1, "at": [0, 100], "heads": 1}}


def _rate_of(name: str, symbol: str, low: float, high: float, log: bool, most: float, **more: Any) -> Control:
    return Control(name, symbol, "Rates", "rate", 0, most, low, high, log, tables=_SCHEDULES, **more)


CONTROLS = (
    Control("rules", "rules", "Rules", "words", words=tuple(NAMES)),
    _rate_of("eta", "η", 0.01, 4, True, 100),
    _rate_of("eta_v", "η_v", 0.01, 4, True, 100),
    _rate_of("sigma", "σ", 0, 1, False, 100),
    _rate_of("decay", "λ", 0, 0.1, False, 100),
    _rate_of("decay_v", "λ_v", 0, 0.1, False, 100),
    _rate_of("drift", "drift", 0, 0.1, False, 100),
    _rate_of("mixture", "μ", 0, 1, False, 1),
    Control("K", "K", "Networks", "integer", 1, UNITS, 1, 8),
    Control("M", "M", "Networks", "integer", 1, UNITS, 1, 8),
    Control("outputs", "O", "Networks", "integer", 1, 10, 1, 6),
    Control("N", "N", "Networks", "integer", 1, 10**5, 50, 10**4, True),
    Control("activation", "g", "Networks", "word", words=_FIELDS["activation"].metadata["choices"]),
    Control("activation_teacher", "teacher's g", "Networks", "word", optional=True,
            words=_FIELDS["activation_teacher"].metadata["choices"]),
    Control("quadrature", "points of g", "Networks", "power", 2**11, 2**17, 2**11, 2**17),
    Control("b_angle", "∠(b, v₀)", "Start", "number", 0, 180, 0, 180, optional=True),
    Control("seed", "seed", "Start", "integer", 0, 2**32, 1, 50),
    Control("start", "start", "Start", "word", words=_FIELDS["start"].metadata["choices"]),
    Control("teacher", "teacher", "Start", "word", words=_FIELDS["teacher"].metadata["choices"]),
    Control("q", "Q_ii(0)", "Start", "number", 0, 100, 0, 2),
    Control("r", "R_nn(0)", "Start", "number", -10, 10, -1, 1),
    Control("v_scale", "scale of v₀", "Start", "number", 0, 100, 0, 2),
    Control("b_scale", "scale of b", "Start", "number", 0, 100, 0, 4),
    Control("v", "v₀", "Start", "array", -100, 100, optional=True),
    Control("b", "b", "Start", "array", -100, 100, optional=True),
    Control("v_teacher", "teacher's v", "Start", "array", -100, 100),
    Control("R", "R(0)", "Start", "array", -100, 100, optional=True),
    Control("Q", "Q(0)", "Start", "array", -100, 100, optional=True),
    Control("T", "T", "Start", "array", -100, 100, optional=True),
    Control("batch", "batch", "Protocol", "integer", 1, 1000, 1, 100, True),
    Control("flow", "gradient flow", "Protocol", "flag"),
    Control("sphere", "on the sphere", "Protocol", "flag"),
    Control("tasks", "tasks", "Protocol", "table", tables=_TASKS, optional=True),
    Control("inputs", "inputs", "Inputs", "table", tables=_INPUTS, optional=True),
    Control("alpha_max", "α max", "Time", "number", 1e-3, 10**6, 10, 10**4, True),
    Control("alpha_min", "α min", "Time", "number", 1e-6, 10**5, 1e-3, 10, True),
    Control("points", "points", "Time", "integer", 2, 1000, 20, 400),
    Control("spacing", "spacing", "Time", "word", words=_FIELDS["spacing"].metadata["choices"]),
    Control("method", "simulated by", "Runs", "word", words=("network", "reduced")),
    Control("runs", "runs", "Runs", "integer", 0, 1000, 0, 64),
    Control("normals", "normal numbers", "Runs", "word", words=_FIELDS["normals"].metadata["choices"]),
    Control("ode_method", "solver", "Solver", "word", words=_FIELDS["ode_method"].metadata["choices"]),
    Control("rtol", "rtol", "Solver", "number", 1e-13, 1e-2, 1e-12, 1e-3, True),
)  # fmt: skip

BY_NAME = {control.name: control for control in CONTROLS}


def described(activations: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The table as plain values for the page; `activations` are further names that may be taken."""
    found = []
    for control in CONTROLS:
        each = asdict(control) | {"usual": control.usual, "help": control.help}
        if control.name in ACTIVATIONS:
            each["words"] = [*control.words, *activations]
        found.append(each)
    return found
