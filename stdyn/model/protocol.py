"""What of a problem changes with alpha: rates, the learning rule, the task (docs/theory.md, section 10)."""

from dataclasses import dataclass
from math import isnan, nextafter

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels.parameters import COLUMNS, DECAY_V, OF_B, OF_V, WEIGHTS, Plain
from stdyn.model.pieces import Function
from stdyn.model.rules import Backward
from stdyn.model.schedule import value_at
from stdyn.model.shapes import Remaining, Schedule
from stdyn.model.tasks import Tasks
from stdyn.text import shown
from stdyn.values import Frozen

_TRIED = 1001  # alphas at which functions of alpha are tried before any work starts


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

    @property
    def settled(self) -> float:
        """The alpha from which on nothing changes; infinity if there is none."""
        ends = [0.0, *(schedule.settled for _, schedule in self.schedules)]
        ends += self.tasks.breaks[-1:] if self.tasks is not None else []
        return max(ends)

    def task(self, alpha: float) -> tuple[Array, Array]:
        """v_teacher (M, O) and m (O,) of the task that is learned at alpha."""
        which = 0 if self.tasks is None else self.tasks.task_at(alpha)
        return np.array(self.v_teacher[which]), np.array(self.m[which])

    def row(self, alpha: float) -> Array:
        """The rates at alpha, and then m."""
        return np.array([*(value_at(each, alpha) for each in self.columns), *self.task(alpha)[1]])

    def at(self, alpha: float, parameters: Plain) -> Plain:
        """The parameters of kernels with what holds at alpha; nothing in those given is changed."""
        T, _, b, _, codes, table = parameters
        return T, self.task(alpha)[0], b, self.row(alpha)[None], codes, table

    def piece(self, begin: float, end: float, parameters: Plain) -> "Piece":
        """The parameters from one break to the next."""
        there = self.at(begin, parameters)
        changing = [(j, each) for j, each in self.schedules if each.settled > begin and each.kind != "steps"]
        return Piece(there, changing, nextafter(end, 0.0))

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
        if isinstance(self.columns[OF_B], Remaining):
            rows[:, OF_B] = kept * np.cumprod(np.append(1.0, 1 - rows[:-1, DECAY_V] / N))
        wrong = np.argwhere(np.isnan(rows))
        if wrong.size:
            step, j = wrong[0]
            raise InputError(self._wrong(int(j), float(alphas[step])))
        return rows

    def left(self, steps: int, N: int) -> float:
        """What decay has left after so many steps of a run of a weight that nothing else moves."""
        decay = self.columns[DECAY_V]
        if not isinstance(decay, Schedule):
            return float((1 - decay / N) ** steps)
        return float(np.prod(1 - decay(np.arange(steps) / N) / N))

    def check(self, alphas: Array) -> None:
        """Refuse a function of alpha that gives no number of at least 0, where it is tried."""
        last = float(alphas[-1])
        for j, schedule in self.schedules:
            if not _of_function(schedule):
                continue
            for alpha in np.unique(np.concatenate([alphas, np.linspace(0, last, _TRIED), self.breaks(last)])).tolist():
                if isnan(schedule.at(alpha)):
                    raise InputError(self._wrong(j, alpha))

    def _wrong(self, column: int, alpha: float) -> str:
        schedule = self.columns[column]
        given = getattr(schedule, "given", None)
        there = f"is {shown(given(alpha))}" if given else "is none"
        name = "mixture" if column in (OF_V, OF_B) else COLUMNS[column]
        return f"{name} must be a number of at least 0 at every alpha, but {there} at alpha = {alpha:g}"


def _of_function(schedule: Schedule) -> bool:
    """Whether a Python function is in it."""
    return isnan(schedule.largest) or isinstance(schedule, Function)


class Piece:
    """The parameters of kernels between two breaks: constant, but for the columns that change."""

    def __init__(self, parameters: Plain, changing: list[tuple[int, Schedule]], below: float) -> None:
        self.parameters, self.changing = parameters, changing
        self._below = below  # where a schedule has not jumped yet, though the solver's last stage is at the jump
        self._row, self._values = parameters[3][0], [(j, schedule.at) for j, schedule in changing]

    def at(self, alpha: float) -> Plain:
        """The parameters at alpha; the same arrays at every call, filled anew."""
        alpha, row = float(alpha), self._row
        if alpha > self._below:
            alpha = self._below
        for j, value in self._values:
            row[j] = value(alpha)
        return self.parameters
