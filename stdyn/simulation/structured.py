"""A run of a network on inputs with a spectrum, or on examples that are given."""

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.network import network_record, network_steps
from stdyn.kernels.network_regimes import network_regime_steps
from stdyn.kernels.parameters import Plain
from stdyn.kernels.random import normals, scaled_normals
from stdyn.model import initial
from stdyn.model.initial import Coordinates
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.course import Course
from stdyn.simulation.given import Given
from stdyn.simulation.network import LANES
from stdyn.simulation.streams import AT_ONCE, BLOCK, Records


class StructuredNetwork:
    """One run, in weights along the directions of the groups.

    Kernels see a teacher with more columns than the student where there is something that it alone sees: the part of
    its fields that no input tells (T_hidden), or fields that are given, which are columns of the examples then.
    """

    runs = 1

    def __init__(
        self, problem: Problem, rng: np.random.Generator, fast: bool, weights: tuple[Array, Array] | None, given: Given,
        known: Coordinates | None,
    ) -> None:  # fmt: skip
        frame, self.inputs, self.noise, _ = rng.spawn(4)
        start, N, batch = problem.start, problem.N, problem.batch
        if weights is None:
            weights = initial.aligned_weights(start, N, frame, known)
        self.W, self.W_teacher = (np.array(array, order="C") for array in weights)
        self.v = np.array(start.v.reshape(start.K, -1))
        self.problem, self.given, self.course = problem, given, Course(problem)
        self.teacher = _teacher_as_seen(problem, self.W_teacher, given)
        self.scales, self.begins = _groups(problem, self.teacher.shape[1])
        self.fast = (streams.stream(self.inputs, LANES), streams.stream(self.noise)) if fast else None
        self.order, self.used = np.empty(0, int), 0  # of the given examples in this pass
        self.labels = np.empty(0) if given.test is None else self._teacher_on(given.test.X, given.test.fields)
        self.regime = None
        if not self.course.plain:
            self.regime = np.empty((start.M, start.M)), np.empty((start.M, N)), self.course.lengths, batch
        self.block, self.at_once = (max(count // (N * batch), 1) for count in (BLOCK, AT_ONCE))
        if fast and given.rows is None:  # the same whole number of draws from each lane for every example
            self.drawn = np.empty((self.block * batch, -(-len(self.scales) // (2 * LANES)) * 2 * LANES))
        self.steps, self.recorded = 0, 0
        self.diverged_at = np.full(1, np.inf)

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        until, first = min(until, int(marks[self.recorded])), self.steps
        parameters, until = self.course.parameters(first, until)
        while self.steps < until:
            size = min(self.block, until - self.steps)
            taken = self._take(size, parameters, self.steps - first)
            self.steps += taken
            if taken < size:
                self.diverged_at[0] = self.steps
                return
        if self.steps == marks[self.recorded]:
            self._record(records)
            self.recorded += 1

    def _take(self, steps: int, parameters: Plain, row: int) -> int:
        """Take the steps that do not diverge; how many."""
        state, count = (self.W, self.v, self.teacher), steps * self.course.batch
        drawn = self._examples(count), self._noise(count)
        if self.regime is None:
            return int(network_steps(*state, *drawn, parameters, row))
        turns = np.empty((0, *self.W_teacher.shape))
        return int(network_regime_steps(*state, *self.regime, *drawn, turns, parameters, row))

    def _examples(self, count: int) -> Array:
        """The next examples: those that are given, or Gaussian ones."""
        if self.given.rows is not None:
            return self.given.rows[self._next(count)]
        if self.fast is None:
            return self.inputs.standard_normal((count, len(self.scales))) * self.scales
        xi = self.drawn[:count]
        scaled_normals(self.fast[0], self.scales, xi)
        return xi

    def _next(self, count: int) -> np.ndarray:
        """The numbers of the next given examples, each pass in an order of its own."""
        parts = []
        while count:
            if self.used == len(self.order):
                assert self.given.rows is not None
                order = self.inputs.permutation(len(self.given.rows))
                self.order, self.used = order[: self.given.needed].copy(), 0  # many runs need not hold the others
            part = self.order[self.used : self.used + count]
            parts.append(part)
            self.used, count = self.used + len(part), count - len(part)
        return np.concatenate(parts)

    def _noise(self, count: int) -> Array:
        O = self.v.shape[1]
        if not self.course.noisy:
            return np.zeros((count, O))
        if self.fast is None:
            return self.noise.standard_normal((count, O))
        zeta = np.empty((count, (O + 1) // 2 * 2))
        normals(self.fast[1], zeta.reshape(-1, 1))
        return zeta

    def _record(self, records: Records) -> None:
        """Fill R, Q, or those by group, v, and the error on the test examples if there are some."""
        row = self.recorded
        R, Q, v = (record[0, row] for record in records[:3])
        if self.begins is None:
            network_record(self.W, self.v, self.W_teacher, R, Q, v)
        else:
            v[...] = self.v
            for i, w in enumerate(self.W):
                R[:, i] = np.add.reduceat(w * self.W_teacher, self.begins, axis=1).T
                Q[:, i] = np.add.reduceat(w * self.W, self.begins, axis=1).T
        if self.given.test is not None:
            records[3][0, row] = self._error(self.given.test.X)

    def _teacher_on(self, X: Array, fields: Array | None) -> Array:
        """What the teacher's units give on the test examples (P, M)."""
        return self.problem.activations[1](X @ self.W_teacher.T if fields is None else fields)[0]

    def _error(self, X: Array) -> float:
        """The mean of 1/2 sum_o m_o Delta_o^2 over the test examples, without noise, of the task at this step."""
        v_teacher, m = self.problem.protocol.task(self.steps / self.problem.N)
        Delta = self.problem.activations[0](X @ self.W.T)[0] @ self.v - self.labels @ v_teacher
        return float(np.mean(Delta**2 @ m)) / 2


def _teacher_as_seen(problem: Problem, W_teacher: Array, given: Given) -> Array:
    """The teacher's weights on the columns of an example: those of the input, and those that it alone sees."""
    hidden = problem.start.T_hidden
    if given.fields:
        return np.hstack([np.zeros(W_teacher.shape), np.eye(len(W_teacher))])
    if given.rows is None and hidden is not None and hidden.any():
        return np.hstack([W_teacher, initial.root(hidden)])
    return W_teacher


def _groups(problem: Problem, width: int) -> tuple[Array, np.ndarray | None]:
    """The standard deviations of the columns of an example, and where groups begin; None of isotropic inputs."""
    inputs, N = problem.start.inputs, problem.N
    if inputs is None:
        return np.ones(width), None
    return np.append(inputs.scales(N), np.ones(width - N)), np.append(0, np.cumsum(inputs.directions(N))[:-1])
