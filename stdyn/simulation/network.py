"""A run of online SGD in the network itself (theory.md, section 1)."""

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.network import network_record, network_run, network_steps
from stdyn.kernels.network_regimes import network_regime_run, network_regime_steps
from stdyn.kernels.parameters import Plain
from stdyn.model import initial
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.course import Course
from stdyn.simulation.streams import AT_ONCE, BLOCK, Records

LANES = 32  # generators side by side that draw one example
_FEWEST = 4  # examples a block: the change of a step is made in the next one of its block


class Network:
    """One run of a network: its weights and its streams of random numbers."""

    runs = 1

    def __init__(
        self, problem: Problem, rng: np.random.Generator, fast: bool, weights: tuple[Array, Array] | None
    ) -> None:
        frame, self.inputs, self.noise, self.turns = rng.spawn(4)
        if weights is None:
            self.W, self.W_teacher = initial.weights(problem, problem.N, frame)
        else:
            self.W, self.W_teacher = (np.array(array) for array in weights)
        self.v = np.array(problem.start.v.reshape(problem.start.K, -1))
        self.course = Course(problem)
        self.streams: tuple[streams.Stream, ...] | None = None
        if fast:
            self.streams = streams.stream(self.inputs, LANES), streams.stream(self.noise)
        self.regime = None if self.course.plain else self._regime(problem)
        self.at_once = max((AT_ONCE if fast else BLOCK) // (problem.N * problem.batch), 1 if self.regime else _FEWEST)
        self.steps, self.recorded = 0, 0
        self.diverged_at = np.full(1, np.inf)

    def _regime(self, problem: Problem) -> tuple[Array, Array, Array, int]:
        """The teacher's coordinates and frame, the lengths that are kept and the batch."""
        if self.streams:
            self.streams = *self.streams, streams.stream(self.turns, LANES)
        M = len(self.W_teacher)
        if not self.course.drifting:
            return np.empty((M, M)), np.empty((M, problem.N)), self.course.lengths, problem.batch
        frame, triangle = np.linalg.qr(self.W_teacher.T)
        signs = np.where(np.diag(triangle) < 0, -1, 1)  # W_teacher = L E with no negative L_nn
        L, E = triangle.T * signs, (frame * signs).T
        return np.ascontiguousarray(L), np.ascontiguousarray(E), self.course.lengths, problem.batch

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        rows = tuple(record[0] for record in records)
        until = until if self.streams else min(until, int(marks[self.recorded]))
        parameters, until = self.course.parameters(self.steps, until)
        if self.streams:
            weights, what = (self.W, self.v, self.W_teacher), (self.streams, self.steps, until, marks, self.recorded)
            if self.regime is None:
                reached = network_run(*weights, *what, rows, parameters, self.course.noisy)
            else:
                how = self.course.noisy, self.course.drifting
                reached = network_regime_run(*weights, *self.regime, *what, rows, parameters, *how)
            self.steps, self.recorded = reached
        else:
            self._take(until - self.steps, parameters)
            if self.steps == marks[self.recorded]:
                network_record(self.W, self.v, self.W_teacher, *(row[self.recorded] for row in rows))
                self.recorded += 1
        if self.steps < until:
            self.diverged_at[0] = self.steps

    def _take(self, steps: int, parameters: Plain) -> None:
        """Take the steps that do not diverge, with NumPy's random numbers."""
        if not steps:
            return
        (M, N), weights, batch = self.W_teacher.shape, (self.W, self.v, self.W_teacher), self.course.batch
        xi = self.inputs.standard_normal((steps * batch, N))
        shape = (steps * batch, self.v.shape[1])
        zeta = self.noise.standard_normal(shape) if self.course.noisy else np.zeros(shape)
        if self.regime is None:
            self.steps += network_steps(*weights, xi, zeta, parameters, 0)
        else:
            turns = self.turns.standard_normal((steps if self.course.drifting else 0, M, N))
            self.steps += network_regime_steps(*weights, *self.regime, xi, zeta, turns, parameters, 0)
