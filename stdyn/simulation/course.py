"""The parameters of the steps of a run: one row of rates if nothing changes, else a row for each step."""

import numpy as np

from stdyn.kernels.parameters import DECAY_V, OF_B, SIGMA, Plain
from stdyn.model.problem import Problem
from stdyn.model.schedule import Schedule

_MOST = 2**17  # rows of rates at a time, some megabytes


class Course:
    """What holds in the steps of the runs of a problem: a step uses the values at alpha = step / N."""

    def __init__(self, problem: Problem) -> None:
        self._protocol, self._N, self._whole = problem.protocol, problem.N, problem.parameters
        sigma = self._protocol.columns[SIGMA]
        self.noisy = isinstance(sigma, Schedule) or sigma > 0  # noise is drawn, whether it is zero by then or not
        drift = problem.drift
        self.drifting = isinstance(drift, Schedule) or drift > 0  # numbers that turn the teacher are drawn
        self.batch = problem.batch
        self.lengths = np.array(problem.start.lengths) if problem.sphere else np.empty(0)  # those that are kept
        self.plain = self.batch == 1 and not problem.sphere and not self.drifting
        switches = problem.tasks.breaks if problem.tasks is not None else ()
        self._switches = [_first_step(alpha, self._N) for alpha in switches]
        self._kept = 1.0  # what decay has left until now of a weight that nothing else moves

    def parameters(self, step: int, until: int) -> tuple[Plain, int]:
        """Those of the steps from `step` on, and how far they hold: to `until`, or to where the task changes.

        Asked for in the order of the steps.
        """
        if self._protocol.constant:
            return self._whole, until
        until = min([until, *(switch for switch in self._switches if switch > step)])
        until = min(until, step + _MOST) if self._protocol.schedules else until
        rows = self._protocol.rows(np.arange(step, max(until, step + 1)), self._N, self._kept)
        if 0 < len(rows) == until - step:
            self._kept = rows[-1, OF_B] * (1 - rows[-1, DECAY_V] / self._N)
        teacher, _, b, _, *rest = self._whole
        parameters = (teacher, self._protocol.task(step / self._N)[0], b, rows, *rest)
        return parameters, until  # type: ignore[return-value]


def _first_step(alpha: float, N: int) -> int:
    """The first step with step / N at alpha or beyond."""
    step = int(alpha * N)
    while step / N < alpha:
        step += 1
    return step
