"""Schedules that are made of others, or of a Python function."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, nan
from typing import Any, ClassVar

import numpy as np
import scipy.integrate

from stdyn.checks import Array, floats
from stdyn.errors import InputError
from stdyn.model.shapes import LARGEST, SHOWN, Schedule, Steps, begins_of, short
from stdyn.text import shown


@dataclass(frozen=True, eq=False, repr=False)
class Pieces(Schedule):
    kind: ClassVar[str] = "pieces"
    at_: Array
    value: Sequence[Any]  # of schedules

    def __post_init__(self) -> None:
        at = begins_of(self.at_)
        if len(self.value) != len(at):
            raise InputError(f"value must have an entry for each of the {len(at)} of at, but has {len(self.value)}")
        found: dict[float, Schedule] = {}  # by where they begin: each jump is such a place, which rounding cannot miss
        for begin, end, part in _spans(at.tolist(), self.value):
            for each, rest in _unbroken(part):
                if begin + each >= end:
                    break
                found[begin + each] = rest
        self._set(at_=np.array(list(found)), value=tuple(found.values()))
        object.__setattr__(self, "_begins", list(found))

    def _part(self, alpha: float) -> int:
        return max(bisect_right(self._begins, alpha) - 1, 0)  # type: ignore[attr-defined]

    def at(self, alpha: float) -> float:
        j = self._part(alpha)
        return float(self.value[j].at(alpha - self._begins[j]))  # type: ignore[attr-defined]

    def _many(self, alphas: Array) -> Array:
        which = np.maximum(np.searchsorted(self.at_, alphas, side="right") - 1, 0)
        found = np.empty(alphas.shape)
        for j in np.unique(which):
            found[which == j] = self.value[j](alphas[which == j] - self.at_[j])
        return found

    @property
    def breaks(self) -> tuple[float, ...]:
        found = []
        for begin, end, part in _spans(self.at_.tolist(), self.value):
            found += [begin, *(begin + each for each in part.breaks if begin + each < end)]
        return tuple(found[1:])

    @property
    def settled(self) -> float:
        return float(self.at_[-1]) + self.value[-1].settled

    @property
    def largest(self) -> float:
        return float(np.max([part.largest for part in self.value]))  # NaN if one is

    @property
    def named(self) -> bool:
        return all(part.named for part in self.value)

    def integral(self, alpha: float) -> float:
        spans = _spans(self.at_.tolist(), self.value)
        return float(sum(part.integral(min(end, alpha) - begin) for begin, end, part in spans if begin < alpha))

    def shifted(self, by: float) -> Schedule:
        now = self._part(by)
        first = self.value[now].shifted(by - float(self.at_[now]))
        return Pieces(np.append(0.0, self.at_[now + 1 :] - by), (first, *self.value[now + 1 :]))

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": self.at_.tolist(), "value": [each.description for each in self.value]}

    def __str__(self) -> str:
        value = (
            [*map(str, self.value[:4]), "…", str(self.value[-1])] if len(self.value) > SHOWN else map(str, self.value)
        )
        return f"pieces(at = {short(self.at_.tolist())}, value = [{', '.join(value)}])"

    __repr__ = __str__


def _spans(begins: list[float], parts: Sequence[Schedule]) -> list[tuple[float, float, Schedule]]:
    """From where to where each part holds."""
    return list(zip(begins, [*begins[1:], inf], parts, strict=True))


def _unbroken(schedule: Schedule) -> Iterator[tuple[float, Schedule]]:
    """Parts of a schedule that do not jump, in their order, and where they begin."""
    if isinstance(schedule, Pieces):
        yield from zip(schedule.at_.tolist(), schedule.value, strict=True)
    elif isinstance(schedule, Steps):
        yield from ((at, Steps([0.0], [schedule.at(at)])) for at in schedule.at_.tolist())  # type: ignore[arg-type]
    elif isinstance(schedule, Function):
        yield from ((at, schedule.shifted(at)) for at in (0.0, *schedule.breaks))
    else:
        yield 0.0, schedule


@dataclass(frozen=True, eq=False, repr=False)
class Function(Schedule):
    kind: ClassVar[str] = "function"
    function: Callable[[float], float]
    bends: tuple[float, ...] = ()
    offset: float = 0.0
    most: float = LARGEST

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InputError(f"f must be a function of alpha, but is {shown(self.function)}")
        bends = floats("breaks", self.bends)
        if bends.ndim != 1 or not np.isfinite(bends).all() or (bends <= 0).any() or (np.diff(bends) <= 0).any():
            raise InputError(f"breaks must be positive alphas that increase strictly, but are {shown(self.bends)}")
        object.__setattr__(self, "bends", tuple(bends.tolist()))

    def at(self, alpha: float) -> float:
        """NaN where the function gives no number of at least 0."""
        try:
            given = self.function(alpha + self.offset)
            value = nan if isinstance(given, str | bytes) else float(given)
        except Exception:  # of somebody else's code; `given` says which
            return nan
        return value if isfinite(value) and 0 <= value <= self.most else nan

    def __hash__(self) -> int:  # that of the function may not be had
        return hash((self.kind, self.bends, self.offset, self.most))

    def given(self, alpha: float) -> Any:
        """What the function itself gives there, or what it raises."""
        try:
            return self.function(alpha + self.offset)
        except Exception as error:
            return error

    @property
    def largest(self) -> float:
        return nan

    @property
    def named(self) -> bool:
        return False

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(each - self.offset for each in self.bends if each > self.offset)

    def integral(self, alpha: float) -> float:
        ends = [0.0, *(each for each in self.breaks if each < alpha), alpha]
        return float(
            sum(scipy.integrate.quad(self.at, *part, epsabs=0, epsrel=1e-12, limit=200)[0] for part in pairwise(ends))
        )

    def shifted(self, by: float) -> Schedule:
        return Function(self.function, self.bends, self.offset + by, self.most)

    @property
    def description(self) -> dict[str, Any]:
        raise InputError(f"{self} is a Python function, and a file holds named schedules only (stdyn.schedule)")

    def __str__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return f"function {name}" + (f" of alpha + {self.offset:g}" if self.offset else "")

    __repr__ = __str__
