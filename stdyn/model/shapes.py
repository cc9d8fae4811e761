"""The shapes of schedules, a class each: their values, breaks, integrals, and how they stand in a file."""

from bisect import bisect_right
from dataclasses import dataclass, fields
from math import cos, exp, expm1, inf, isfinite, log1p, pi, sin
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, frozen_array, number
from stdyn.errors import InputError
from stdyn.html import card, sparkline
from stdyn.values import Frozen

LARGEST = 1e30  # of values: their square is far from an overflow
_LATEST = 1e30  # of alphas
SHOWN = 6  # numbers of a list that are shown in words


class Schedule(Frozen):
    """A number that changes with alpha; made by `steps`, `linear`, `hyperbolic`, …, or from a function.

    Called with a number or an array of alphas it gives its values. Two are equal if they are of one kind and have the
    same numbers.

    See Also
    --------
    stdyn.schedule.steps, stdyn.schedule.linear, stdyn.schedule.hyperbolic, stdyn.schedule.power
    stdyn.schedule.exponential, stdyn.schedule.cosine, stdyn.schedule.pieces, stdyn.schedule.function
    stdyn.schedule.of

    Notes
    -----
    Solvers start anew at its `breaks`, and take its integral, by which weights decay (docs/protocols.md).

    Examples
    --------
    >>> rate = stdyn.schedule.steps(at=[0, 100], value=[0.5, 0.1])
    >>> rate
    steps(at = [0, 100], value = [0.5, 0.1])
    >>> rate([50, 150]), rate.at(150)
    (array([0.5, 0.1]), 0.1)
    >>> rate.breaks, rate.integral(200)
    ((100.0,), 60.0)
    >>> rate.shifted(90).breaks
    (10.0,)
    """

    kind: ClassVar[str]

    def __call__(self, alpha: ArrayLike) -> Any:
        """Its value at alpha, a number or an array of any shape. At a jump it is the new one."""
        array = np.asarray(alpha, dtype=float)
        return self.at(float(array)) if array.ndim == 0 else self._many(array)

    def at(self, alpha: float) -> float:
        """Its value at one alpha.

        Parameters
        ----------
        alpha : float
            Examples divided by N.

        Returns
        -------
        float
            The value; at a jump the new one.
        """
        raise NotImplementedError

    def _many(self, alphas: Array) -> Array:
        return np.array([self.at(alpha) for alpha in alphas.ravel().tolist()]).reshape(alphas.shape)

    @property
    def breaks(self) -> tuple[float, ...]:
        """The alphas above 0 at which it jumps or bends, in their order."""
        return ()

    @property
    def settled(self) -> float:
        """The alpha from which on it does not change; infinity if there is none."""
        return inf

    @property
    def largest(self) -> float:
        """A bound of its values; NaN of a function, whose values are not known."""
        return max(float(np.max(getattr(self, name, 0.0))) for name in ("value", "end"))

    def integral(self, alpha: float) -> float:
        """Its integral from 0 to alpha.

        Parameters
        ----------
        alpha : float
            Where the integral ends.

        Returns
        -------
        float
            In closed form, of a Python function by quadrature.
        """
        raise NotImplementedError

    def shifted(self, by: float) -> "Schedule":
        """The schedule whose value at alpha is that of this one at alpha + by.

        Parameters
        ----------
        by : float
            By how much; at least 0.

        Returns
        -------
        Schedule
            With the breaks that are left.
        """
        raise NotImplementedError

    @property
    def named(self) -> bool:
        """Whether a file can hold it: no Python function is in it."""
        return True

    @property
    def description(self) -> dict[str, Any]:
        """Its kind and numbers, of plain types, as they stand in a file; `of` makes it again."""
        return {"kind": self.kind} | {
            f.name: getattr(self, f.name)
            for f in fields(self)  # type: ignore[arg-type]
        }

    def __str__(self) -> str:
        return f"{self.kind}({_listed(self.description)})"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return card(str(self), _curve(self))


def _curve(schedule: Schedule) -> str:
    """What it does until it is settled, or has changed most; of a Python function nothing, which may take long."""
    if not schedule.named:
        return ""
    scale = getattr(schedule, "scale", 0.0)
    last = schedule.settled if isfinite(schedule.settled) else max(5 * scale, 0.0)
    last = 1.25 * max([last, *schedule.breaks]) or 1.0
    alphas = np.union1d(np.linspace(0, last, 81), [at for each in schedule.breaks for at in (each * (1 - 1e-9), each)])
    return sparkline(alphas.tolist(), [schedule(alphas).tolist()], f"from alpha = 0 to {last:g}", logarithmic=False)


def _listed(description: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {short(value)}" for name, value in description.items() if name != "kind")


def short(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['kind']}({_listed(value)})"
    if not isinstance(value, list):
        return f"{value:g}"
    texts = [*map(short, value[:4]), "…", short(value[-1])] if len(value) > SHOWN else map(short, value)
    return f"[{', '.join(texts)}]"


def begins_of(at: ArrayLike) -> Array:
    """The alphas from which on something holds: the first is 0, each is larger than the one before."""
    array = frozen_array("at", at, (1,))
    if array[0] != 0:
        raise InputError(f"at must begin with 0, the first alpha, but begins with {array[0]:g}")
    wrong = np.flatnonzero(np.diff(array) <= 0)
    if wrong.size:
        j = int(wrong[0])
        raise InputError(f"at must increase strictly, but at[{j}] = {array[j]:g} is followed by {array[j + 1]:g}")
    if array[-1] > _LATEST:
        raise InputError(f"at must be at most {_LATEST:g}, but at[{len(array) - 1}] is {array[-1]:g}")
    return array


def _values(value: ArrayLike, at: Array) -> Array:
    array = frozen_array("value", value, (1,))
    if len(array) != len(at):
        raise InputError(f"value must have a number for each of the {len(at)} of at, but has {len(array)}")
    if array.min() < 0 or array.max() > LARGEST:
        j = int(array.argmin() if array.min() < 0 else array.argmax())
        raise InputError(f"value must be from 0 to {LARGEST:g}, but value[{j}] is {array[j]:g}")
    return array


@dataclass(frozen=True, eq=False, repr=False)
class _Points(Schedule):
    """What is given by values at alphas."""

    at_: Array
    value: Array

    def __post_init__(self) -> None:
        at = begins_of(self.at_)
        self._set(at_=at, value=_values(self.value, at))
        object.__setattr__(self, "_lists", (at.tolist(), self.value.tolist()))

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": self.at_.tolist(), "value": self.value.tolist()}

    @property
    def settled(self) -> float:
        return float(self.at_[max(np.flatnonzero(np.diff(self.value)), default=-1) + 1])


class Steps(_Points):
    kind = "steps"

    def at(self, alpha: float) -> float:
        at, value = self._lists  # type: ignore[attr-defined]
        return float(value[max(bisect_right(at, alpha) - 1, 0)])

    def _many(self, alphas: Array) -> Array:
        return np.asarray(self.value[np.maximum(np.searchsorted(self.at_, alphas, side="right") - 1, 0)])

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(self.at_[1:][np.diff(self.value) != 0].tolist())

    def integral(self, alpha: float) -> float:
        spans = np.diff(np.append(np.minimum(self.at_, alpha), alpha))
        return float(spans @ self.value)

    def shifted(self, by: float) -> Schedule:
        now = max(int(np.searchsorted(self.at_, by, side="right")) - 1, 0)
        return Steps(np.append(0.0, self.at_[now + 1 :] - by), self.value[now:])


class Linear(_Points):
    kind = "linear"

    def at(self, alpha: float) -> float:
        at, value = self._lists  # type: ignore[attr-defined]
        n = bisect_right(at, alpha)
        if n == len(at):
            return float(value[-1])
        if n == 0:
            return float(value[0])
        part = (alpha - at[n - 1]) / (at[n] - at[n - 1])
        return float(value[n - 1] + part * (value[n] - value[n - 1]))

    def _many(self, alphas: Array) -> Array:
        return np.asarray(np.interp(alphas, self.at_, self.value))

    @property
    def breaks(self) -> tuple[float, ...]:
        slopes = np.append(np.diff(self.value) / np.diff(self.at_), 0)
        bends = np.abs(np.diff(slopes)) > 1e-12 * (np.abs(slopes[1:]) + np.abs(slopes[:-1]))  # by more than rounding
        return tuple(self.at_[1:][bends].tolist())

    def integral(self, alpha: float) -> float:
        ends = np.append(self.at_[self.at_ < alpha], alpha)
        values = self._many(ends)
        return float(np.diff(ends) @ (values[1:] + values[:-1])) / 2

    def shifted(self, by: float) -> Schedule:
        later = self.at_ > by
        return Linear(np.append(0.0, self.at_[later] - by), np.append(self.at(by), self.value[later]))


def _numbers(self: Any, **least: float) -> None:
    """Check and set the numbers of a schedule."""
    for name, low in least.items():
        most = _LATEST if name in ("scale", "begin") else 1e3 if name == "exponent" else LARGEST
        value = number(name, getattr(self, name), low, most)
        if name == "scale" and value == 0:
            raise InputError("scale must be positive, but is 0")
        object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False, repr=False)
class Hyperbolic(Schedule):
    kind: ClassVar[str] = "hyperbolic"
    value: float
    scale: float

    def __post_init__(self) -> None:
        _numbers(self, value=0, scale=0)

    def at(self, alpha: float) -> float:
        return self.value / (1 + alpha / self.scale)

    def _many(self, alphas: Array) -> Array:
        return self.value / (1 + alphas / self.scale)

    def integral(self, alpha: float) -> float:
        return self.value * self.scale * log1p(alpha / self.scale)

    def shifted(self, by: float) -> Schedule:
        return Hyperbolic(self.at(by), self.scale + by)


@dataclass(frozen=True, eq=False, repr=False)
class Power(Schedule):
    kind: ClassVar[str] = "power"
    value: float
    scale: float
    exponent: float

    def __post_init__(self) -> None:
        _numbers(self, value=0, scale=0, exponent=0)

    def at(self, alpha: float) -> float:
        return float(self.value * (1 + alpha / self.scale) ** -self.exponent)

    def _many(self, alphas: Array) -> Array:
        return np.asarray(self.value * (1 + alphas / self.scale) ** -self.exponent)

    def integral(self, alpha: float) -> float:
        rest, grown = 1 - self.exponent, log1p(alpha / self.scale)
        return self.value * self.scale * (expm1(rest * grown) / rest if rest else grown)

    def shifted(self, by: float) -> Schedule:
        return Power(self.at(by), self.scale + by, self.exponent)


@dataclass(frozen=True, eq=False, repr=False)
class Exponential(Schedule):
    kind: ClassVar[str] = "exponential"
    value: float
    scale: float
    end: float = 0.0

    def __post_init__(self) -> None:
        _numbers(self, value=0, scale=0, end=0)

    def at(self, alpha: float) -> float:
        return self.end + (self.value - self.end) * exp(-alpha / self.scale)

    def _many(self, alphas: Array) -> Array:
        return np.asarray(self.end + (self.value - self.end) * np.exp(-alphas / self.scale))

    def integral(self, alpha: float) -> float:
        return self.end * alpha - (self.value - self.end) * self.scale * expm1(-alpha / self.scale)

    def shifted(self, by: float) -> Schedule:
        return Exponential(self.at(by), self.scale, self.end)


@dataclass(frozen=True, eq=False, repr=False)
class Cosine(Schedule):
    kind: ClassVar[str] = "cosine"
    value: float
    scale: float
    end: float = 0.0
    begin: float = 0.0

    def __post_init__(self) -> None:
        _numbers(self, value=0, scale=0, end=0, begin=-_LATEST)

    def at(self, alpha: float) -> float:
        part = min(max((alpha - self.begin) / self.scale, 0.0), 1.0)
        return self.end + (self.value - self.end) * (1 + cos(pi * part)) / 2

    def _many(self, alphas: Array) -> Array:
        part = np.clip((alphas - self.begin) / self.scale, 0, 1)
        return np.asarray(self.end + (self.value - self.end) * (1 + np.cos(pi * part)) / 2)

    @property
    def breaks(self) -> tuple[float, ...]:
        bends = (self.begin, self.begin + self.scale) if self.value != self.end else ()
        return tuple(each for each in bends if each > 0)

    @property
    def settled(self) -> float:
        return max(self.begin + self.scale, 0.0) if self.value != self.end else 0.0

    def _until(self, alpha: float) -> float:
        """The integral from far before the bend, less what is constant there."""
        x = alpha - self.begin
        if x <= 0:
            return self.value * x
        x, after = min(x, self.scale), max(x - self.scale, 0.0)
        half = (self.value - self.end) / 2
        return (self.end + half) * x + half * self.scale / pi * sin(pi * x / self.scale) + self.end * after

    def integral(self, alpha: float) -> float:
        return self._until(alpha) - self._until(0.0)

    def shifted(self, by: float) -> Schedule:
        return Cosine(self.value, self.scale, self.end, self.begin - by)


@dataclass(frozen=True, eq=False, repr=False)
class Remaining(Schedule):
    """e^(-integral of a rate): what decay leaves of a weight that nothing else moves."""

    kind: ClassVar[str] = "remaining"
    decay: Schedule

    def at(self, alpha: float) -> float:
        return exp(-self.decay.integral(alpha))

    @property
    def breaks(self) -> tuple[float, ...]:
        return self.decay.breaks
