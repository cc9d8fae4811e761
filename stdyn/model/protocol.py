"""What of a problem changes with alpha: rates, the learning rule, the task (docs/theory.md, section 10)."""

from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nextafter
from typing import NamedTuple

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels.parameters import COLUMNS, DECAY, DECAY_V, DRIFT, OF_B, OF_V, WEIGHTS, Plain
from stdyn.model.pieces import Function
from stdyn.model.rules import Backward
from stdyn.model.schedule import value_at
from stdyn.model.shapes import Remaining, Schedule
from stdyn.model.tasks import Tasks
from stdyn.text import shown
from stdyn.values import Frozen

_TRIED = 1001  # alphas at which functions of alpha are tried before any work starts
_TOGETHER = 1e-13  # breaks that are closer, relative to their alpha, are one
_NOTHING = 1e-18  # and so are 0 and one that is below this part of the last alpha
_AT_ONCE = 2**18  # steps of which a product is taken at a time
_PER_STEP = (DECAY, DECAY_V, DRIFT)  # rates of which a step takes 1 - rate / N


@dataclass(frozen=True, eq=False)
class Protocol(Frozen):
    """The rates of kernels, each a number or a schedule, and v_teacher and m of every task.

    Attributes
    ----------
    columns : tuple
        In the order of stdyn/kernels/parameters.py: COLUMNS.
    backward : Backward
        What the learning rule makes of v and b.
    tasks : Tasks, or None
        When each task is learned.
    v_teacher, m : ndarray, shapes (tasks, M, O), (tasks, O)
    """

    columns: tuple[float | Schedule, ...]
    backward: Backward
    tasks: Tasks | None
    v_teacher: Array
    m: Array

    @property
    def schedules(self) -> list[tuple[int, Schedule]]:
        """The columns that change, and their schedules."""
        return [(j, each) for j, each in enumerate(self.columns) if isinstance(each, Schedule)]

    @property
    def constant(self) -> bool:
        """Whether nothing changes."""
        return not self.schedules and not (self.tasks is not None and self.tasks.breaks)

    def breaks(self, last: float) -> list[float]:
        """The alphas between 0 and the last at which anything jumps or bends, in their order."""
        found = {each for _, schedule in self.schedules for each in schedule.breaks}
        found.update(self.tasks.breaks if self.tasks is not None else ())
        return sorted(each for each in found if 0 < each < last)

    def spans(self, last: float) -> list["Span"]:
        """From 0 to the last alpha, piece by piece; breaks that stand together but for rounding are one."""
        groups = [[0.0]]
        for each in (*self.breaks(last), last):
            together = each - groups[-1][-1] <= _TOGETHER * each or (len(groups) == 1 and each <= _NOTHING * last)
            groups[-1:] = [[*groups[-1], each]] if together else [groups[-1], [each]]
        ends = [0.0, *(group[-1] for group in groups[1:])]
        return [
            Span(begin, end, here[-1], nextafter(there[0], 0.0))
            for (begin, end), (here, there) in zip(pairwise(ends), pairwise(groups), strict=True)
        ]

    def task(self, alpha: float) -> tuple[Array, Array]:
        """v_teacher (M, O) and m (O,) of the task that is learned at alpha."""
        which = 0 if self.tasks is None else self.tasks.task_at(alpha)
        return np.array(self.v_teacher[which]), np.array(self.m[which])

    def row(self, alpha: float) -> Array:
        """The rates at alpha, and then m."""
        return np.array([*(value_at(each, alpha) for each in self.columns), *self.task(alpha)[1]])

    def at(self, alpha: float, parameters: Plain, span: "Span | None" = None) -> Plain:
        """The parameters of kernels with what holds at alpha, of a span; nothing in those given is changed."""
        alpha = alpha if span is None else span.inside(alpha)
        teacher, _, b, _, *rest = parameters
        return (teacher, self.task(alpha)[0], b, self.row(alpha)[None], *rest)  # type: ignore[return-value]

    def piece(self, span: "Span", parameters: Plain) -> "Piece":
        """The parameters from one break to the next."""
        there = self.at(span.low, parameters)
        changing = [(j, each) for j, each in self.schedules if each.settled > span.low and each.kind != "steps"]
        return Piece(there, changing, span)

    def rows(self, steps: np.ndarray, N: int, kept: float) -> Array:
        """The rates of steps of one task that follow each other (steps, columns), or one row if no rate changes.

        `kept` is what decay has left until the first step of a weight that nothing else moves: in a run the product of
        1 - decay_v / N over the steps, where theory has an exponential.
        """
        alphas = steps / N
        if not self.schedules:
            return self.row(float(alphas[0]))[None]
        rows = np.empty((len(steps), WEIGHTS + self.m.shape[1]))
        rows[:, WEIGHTS:] = self.task(float(alphas[0]))[1]
        for j, each in enumerate(self.columns):
            if not isinstance(each, Remaining):
                rows[:, j] = each(alphas) if isinstance(each, Schedule) else each
        if isinstance(self.columns[OF_B], Remaining) and isinstance(self.columns[DECAY_V], Schedule):
            rows[:, OF_B] = np.cumprod(np.append(kept, 1 - rows[:-1, DECAY_V] / N))  # in the order of the steps
        elif isinstance(self.columns[OF_B], Remaining):
            rows[:, OF_B] = self.left(steps, N)
        wrong = np.argwhere(np.isnan(rows))
        if wrong.size:
            step, j = wrong[0]
            raise InputError(self._wrong(int(j), float(alphas[step])))
        for j in _PER_STEP:
            if rows[:, j].max() > N:
                raise InputError(_too_large(j, float(rows[:, j].max()), float(alphas[rows[:, j].argmax()]), N))
        return rows

    def left(self, steps: np.ndarray, N: int) -> Array:
        """What decay has left, after each of increasing numbers of steps of a run, of a weight that nothing else moves.

        The product of 1 - decay_v / N in the order of the steps, some at a time; a power, where that is constant.
        """
        found, decay, kept = np.ones(len(steps)), self.columns[DECAY_V], 1.0
        if not isinstance(decay, Schedule):
            return np.asarray((1 - decay / N) ** steps)
        for first in range(0, int(steps[-1]) if len(steps) else 0, _AT_ONCE):
            alphas = np.arange(first, min(first + _AT_ONCE, int(steps[-1]))) / N
            product = np.cumprod(np.append(kept, 1 - decay(alphas) / N))
            there = (steps > first) & (steps <= first + len(alphas))
            found[there] = product[steps[there] - first]
            kept = float(product[-1])
        return found

    def check(self, alphas: Array, N: int | None = None) -> None:
        """Refuse a function of alpha that gives no number of at least 0, where it is tried; with N one too large for
        steps, which multiply by 1 - its value / N.
        """
        last = float(alphas[-1])
        for j, schedule in self.schedules:
            if not _of_function(schedule):
                continue
            for alpha in np.unique(np.concatenate([alphas, np.linspace(0, last, _TRIED), self.breaks(last)])).tolist():
                value = schedule.at(alpha)
                if isnan(value):
                    raise InputError(self._wrong(j, alpha))
                if N is not None and j in _PER_STEP and value > N:
                    raise InputError(_too_large(j, value, alpha, N))

    def _wrong(self, column: int, alpha: float) -> str:
        schedule = self.columns[column]
        given = getattr(schedule, "given", None)
        there = f"is {shown(given(alpha))}" if given else "is none"
        of = "from 0 to 1" if column in (OF_V, OF_B) else "of at least 0"
        name = "mixture" if column in (OF_V, OF_B) else COLUMNS[column]
        return f"{name} must be a number {of} at every alpha, but {there} at alpha = {alpha:g}"


def _of_function(schedule: Schedule) -> bool:
    """Whether a Python function is in it."""
    return isnan(schedule.largest) or isinstance(schedule, Function)


def _too_large(column: int, value: float, alpha: float, N: int) -> str:
    name = COLUMNS[column]
    return (
        f"{name} must be at most N = {N}, as a step multiplies by 1 - {name} / N, but is {value:g} at alpha = {alpha:g}"
    )


class Span(NamedTuple):
    """From one break to the next. Schedules are asked for values from `low` to `high` alone.

    The solver's last stage is at the end, where they may have jumped; breaks that are one may stand at both ends.
    """

    begin: float
    end: float
    low: float
    high: float

    def inside(self, alpha: float) -> float:
        """The alpha at which schedules are asked."""
        return min(max(alpha, self.low), self.high)


class Piece:
    """The parameters of kernels between two breaks: constant, but for the columns that change."""

    def __init__(self, parameters: Plain, changing: list[tuple[int, Schedule]], span: Span) -> None:
        self.parameters, self.changing = parameters, changing
        self._low, self._high = span.low, span.high
        self._row, self._values = parameters[3][0], [(j, schedule.at) for j, schedule in changing]

    def at(self, alpha: float) -> Plain:
        """The parameters at alpha; the same arrays at every call, filled anew."""
        alpha, row = float(alpha), self._row
        if alpha > self._high:
            alpha = self._high
        elif alpha < self._low:
            alpha = self._low
        for j, value in self._values:
            row[j] = value(alpha)
        return self.parameters
