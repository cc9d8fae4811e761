"""A run of online SGD in the network itself (theory.md, section 1)."""

import numpy as np

from stdyn.kernels.network import network_record, network_run, network_steps
from stdyn.kernels.parameters import Plain
from stdyn.model.initial import weights
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.course import Course
from stdyn.simulation.streams import AT_ONCE, BLOCK, Records

_LANES = 32  # generators side by side that draw one example
_FEWEST = 4  # examples a block: the change of a step is made in the next one of its block


class Network:
    """One run of a network: its weights and its streams of random numbers."""

    runs = 1

    def __init__(self, problem: Problem, rng: np.random.Generator, fast: bool) -> None:
        frame, self.inputs, self.noise = rng.spawn(3)
        self.W, self.W_teacher = weights(problem, problem.N, frame)
        self.v = np.array(problem.start.v.reshape(problem.start.K, -1))
        self.course = Course(problem)
        self.streams = (streams.stream(self.inputs, _LANES), streams.stream(self.noise)) if fast else None
        self.at_once = max((AT_ONCE if fast else BLOCK) // problem.N, _FEWEST)
        self.steps, self.recorded = 0, 0
        self.diverged_at = np.full(1, np.inf)

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        rows = tuple(record[0] for record in records)
        until = until if self.streams else min(until, int(marks[self.recorded]))
        parameters, until = self.course.parameters(self.steps, until)
        if self.streams:
            self.steps, self.recorded = network_run(
                *(self.W, self.v, self.W_teacher, self.streams),
                *(self.steps, until, marks, self.recorded, rows, parameters, self.course.noisy),
            )
        else:
            self._take(until - self.steps, parameters)
            if self.steps == marks[self.recorded]:
                network_record(self.W, self.v, self.W_teacher, *(row[self.recorded] for row in rows))
                self.recorded += 1
        if self.steps < until:
            self.diverged_at[0] = self.steps

    def _take(self, steps: int, parameters: Plain) -> None:
        """Take the steps that do not diverge, with NumPy's random numbers."""
        if steps:
            xi = self.inputs.standard_normal((steps, self.W.shape[1]))
            shape = (steps, self.v.shape[1])
            zeta = self.noise.standard_normal(shape) if self.course.noisy else np.zeros(shape)
            self.steps += network_steps(self.W, self.v, self.W_teacher, xi, zeta, parameters, 0)
