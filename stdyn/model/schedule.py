"""Schedules: rates that change with alpha (docs/protocols.md).

A schedule is a function of alpha, `schedule(alpha)` of a number or an array. It says where it jumps or bends, `breaks`,
so that a solver can start anew there, and its integral, by which weights decay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

from numpy.typing import ArrayLike

from stdyn.checks import number
from stdyn.errors import InputError
from stdyn.model.pieces import Function, Pieces
from stdyn.model.shapes import LARGEST, Cosine, Exponential, Hyperbolic, Linear, Power, Schedule, Steps
from stdyn.text import shown

__all__ = [
    "Schedule", "cosine", "exponential", "function", "hyperbolic", "linear", "of", "pieces", "power", "steps",
]  # fmt: skip


def steps(at: ArrayLike, value: ArrayLike) -> Schedule:
    """Constant pieces: from alpha = at[j] on the value is value[j].

    Parameters
    ----------
    at : array_like, shape (n,)
        From 0, strictly increasing.
    value : array_like, shape (n,)
        Not negative.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `at` does not begin with 0 and increase strictly, or a value is negative.

    See Also
    --------
    linear, pieces

    Examples
    --------
    >>> rate = stdyn.schedule.steps(at=[0, 100], value=[0.5, 0.1])
    >>> rate(99), rate(100)
    (0.5, 0.1)
    >>> faster = dataclasses.replace(problem, eta=rate)
    """
    return Steps(at, value)  # type: ignore[arg-type]


def linear(at: ArrayLike, value: ArrayLike) -> Schedule:
    """Straight lines through (at[j], value[j]); after the last one the value stays.

    Parameters
    ----------
    at : array_like, shape (n,)
        From 0, strictly increasing.
    value : array_like, shape (n,)
        Not negative.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `at` does not begin with 0 and increase strictly, or a value is negative.

    See Also
    --------
    steps, cosine

    Examples
    --------
    >>> warm_up = stdyn.schedule.linear(at=[0, 10], value=[0.0, 1.0])
    >>> warm_up([0, 5, 20])
    array([0. , 0.5, 1. ])
    """
    return Linear(at, value)  # type: ignore[arg-type]


def hyperbolic(value: float, scale: float) -> Schedule:
    """value / (1 + alpha / scale): for large alpha eta_0 / alpha with eta_0 = value scale.

    Parameters
    ----------
    value : float
        At alpha = 0; not negative.
    scale : float
        The alpha at which it is half of that; positive.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `value` is negative, or `scale` not positive.

    See Also
    --------
    power, exponential

    Examples
    --------
    >>> stdyn.schedule.hyperbolic(value=1, scale=50)(50)
    0.5
    """
    return Hyperbolic(value, scale)


def power(value: float, scale: float, exponent: float) -> Schedule:
    """value (1 + alpha / scale)^-exponent.

    Parameters
    ----------
    value : float
        At alpha = 0; not negative.
    scale : float
        The alpha at which it begins to fall as a power; positive.
    exponent : float
        At least 0; 1 is `hyperbolic`.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `value` or `exponent` is negative, or `scale` not positive.

    See Also
    --------
    hyperbolic, exponential

    Examples
    --------
    >>> stdyn.schedule.power(value=1, scale=1, exponent=0.5)(3)
    0.5
    """
    return Power(value, scale, exponent)


def exponential(value: float, scale: float, end: float = 0.0) -> Schedule:
    """end + (value - end) e^(-alpha / scale).

    Parameters
    ----------
    value : float
        At alpha = 0; not negative.
    scale : float
        The alpha after which the distance from `end` is 1/e of what it was; positive.
    end : float, default 0
        What it goes to; not negative.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `value` or `end` is negative, or `scale` not positive.

    See Also
    --------
    hyperbolic, cosine

    Examples
    --------
    >>> rate = stdyn.schedule.exponential(value=1, scale=10, end=0.2)
    >>> rate([0, 10, 100]).round(3)
    array([1.   , 0.494, 0.2  ])
    """
    return Exponential(value, scale, end)


def cosine(value: float, scale: float, end: float = 0.0, begin: float = 0.0) -> Schedule:
    """From `value` to `end` by half a period of a cosine, from alpha = begin to begin + scale; constant outside.

    Parameters
    ----------
    value : float
        Up to alpha = begin; not negative.
    scale : float
        How long it takes; positive.
    end : float, default 0
        From alpha = begin + scale on; not negative.
    begin : float, default 0
        The alpha at which it begins to change; may be negative.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `value` or `end` is negative, or `scale` not positive.

    See Also
    --------
    linear, exponential

    Examples
    --------
    >>> rate = stdyn.schedule.cosine(value=1, scale=100, begin=20)
    >>> rate([0, 70, 120]).round(3)
    array([1. , 0.5, 0. ])
    """
    return Cosine(value, scale, end, begin)


def pieces(at: ArrayLike, value: Sequence[float | Schedule]) -> Schedule:
    """Schedules one after the other: from alpha = at[j] on it is value[j], whose own alpha begins with 0 there.

    Parameters
    ----------
    at : array_like, shape (n,)
        From 0, strictly increasing.
    value : sequence of float or Schedule, n of them
        The pieces; a number is a constant one.

    Returns
    -------
    Schedule
        A function of alpha.

    Raises
    ------
    InputError
        If `at` does not begin with 0 and increase strictly, or a piece cannot be a rate.

    See Also
    --------
    steps

    Examples
    --------
    >>> warm_up = stdyn.schedule.linear(at=[0, 10], value=[0, 1])
    >>> stdyn.schedule.pieces(at=[0, 10], value=[warm_up, stdyn.schedule.hyperbolic(value=1, scale=50)])(60)
    0.5
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"value must be a list of numbers and schedules, but is {shown(value)}")
    parts = (rate(f"value[{j}]", each) for j, each in enumerate(value))
    return Pieces(at, [steps([0], [each]) if isinstance(each, float) else each for each in parts])  # type: ignore[arg-type]


def function(f: Callable[[float], float], breaks: ArrayLike = ()) -> Schedule:
    """Any function of alpha, with the alphas at which it jumps or bends; not for files.

    A function without breaks need not be wrapped: `Problem(…, eta=f)` does it.

    Parameters
    ----------
    f : callable
        Of a float, alpha, to a number of at least 0.
    breaks : array_like, shape (n,), default none
        The alphas at which it jumps or bends, positive and strictly increasing: there solvers start anew.

    Returns
    -------
    Schedule
        A function of alpha, NaN where `f` gives no number of at least 0.

    Raises
    ------
    InputError
        If `f` cannot be called, or `breaks` are not positive and increasing.

    See Also
    --------
    steps, stdyn.Problem

    Examples
    --------
    >>> stdyn.schedule.function(lambda alpha: 0.1 if alpha < 5 else 0.2, breaks=[5])(5)
    0.2
    """
    return Function(f, breaks)  # type: ignore[arg-type]


_KINDS: dict[str, Callable[..., Schedule]] = {
    "steps": steps, "linear": linear, "hyperbolic": hyperbolic, "power": power, "exponential": exponential,
    "cosine": cosine, "pieces": pieces,
}  # fmt: skip
_KEYS = {
    "steps": ("at", "value"), "linear": ("at", "value"), "pieces": ("at", "value"), "hyperbolic": ("value", "scale"),
    "power": ("value", "scale", "exponent"), "exponential": ("value", "scale", "end"),
    "cosine": ("value", "scale", "end", "begin"),
}  # fmt: skip
_OPTIONAL = ("end", "begin")


def of(description: Mapping[str, Any]) -> Schedule:
    """The schedule that a table of a TOML file or a dict describes.

    Parameters
    ----------
    description : mapping
        Its kind is "steps", "linear", "hyperbolic", "power", "exponential", "cosine" or "pieces"; the other keys are
        the arguments of the function of that name.

    Returns
    -------
    Schedule
        What that function returns.

    Raises
    ------
    InputError
        If the kind is none of these, a key is unknown or missing, or a value is not as the function says.

    See Also
    --------
    stdyn.Schedule

    Examples
    --------
    >>> stdyn.schedule.of({"kind": "hyperbolic", "value": 1, "scale": 50})
    hyperbolic(value = 1, scale = 50)
    """
    if not isinstance(description, Mapping):
        raise InputError(f"description must be a table such as {{kind, value, scale}}, but is {shown(description)}")
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError(f"kind must be one of {', '.join(_KINDS)}, but is {shown(kind)}")
    rest = {name: value for name, value in description.items() if name != "kind"}
    needed = [name for name in _KEYS[kind] if name not in _OPTIONAL]
    further = [name for name in _KEYS[kind] if name in _OPTIONAL]
    keys = f"the keys {', '.join(needed)}{' and may have ' * bool(further)}{', '.join(further)}"
    for name in rest:
        if name not in _KEYS[kind]:
            raise InputError(f"kind = {kind!r} must have {keys}, but has {shown(name)}")
    for name in needed:
        if name not in rest:
            raise InputError(f"kind = {kind!r} must have {keys}, but has no {name!r}")
    return _KINDS[kind](**rest)


RateLike = float | Schedule | Mapping[str, Any] | Callable[[float], float]


def rate(name: str, value: Any, most: float = LARGEST) -> float | Schedule:
    """A rate as it is used: a number of at least 0, or a Schedule; of a table or a function the one that it is."""
    if isinstance(value, Schedule):
        return _at_most(name, value, most)
    if isinstance(value, Mapping):
        try:
            made = of(value)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return _at_most(name, made, most)
    if callable(value) and not isinstance(value, type):
        return Function(value, most=most)
    return number(name, value, most=most)


def _at_most(name: str, schedule: Schedule, most: float) -> Schedule:
    """The schedule, refused if its values exceed what they may be."""
    if isinstance(schedule, Function):
        return replace(schedule, most=min(most, schedule.most))
    if isinstance(schedule, Pieces) and isnan(schedule.largest):
        return replace(schedule, value=[_at_most(name, part, most) for part in schedule.value])
    if schedule.largest > most:
        raise InputError(f"{name} must be at most {most:g}, but {schedule} is {schedule.largest:g} at its largest")
    return schedule


def value_at(rate: float | Schedule, alpha: float) -> float:
    """The value of a rate at alpha."""
    return rate.at(alpha) if isinstance(rate, Schedule) else rate


def text(rate: float | Schedule) -> str:
    """A rate in words: its number, or its schedule."""
    return str(rate) if isinstance(rate, Schedule) else f"{rate:g}"


def described(rate: float | Schedule) -> Any:
    """A rate as it stands in a file: a number, or the table of its schedule."""
    return rate.description if isinstance(rate, Schedule) else rate
