"""Many runs of the same process in coordinates, without N-dimensional vectors (theory.md, section 4)."""

from math import ceil

import numpy as np

from stdyn.kernels.parameters import Plain
from stdyn.kernels.reduced import reduced_record, reduced_run, reduced_steps
from stdyn.kernels.reduced_regimes import reduced_regime_run, reduced_regime_steps
from stdyn.model.initial import coordinates
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.course import Course
from stdyn.simulation.streams import AT_ONCE, BLOCK, Records

_TOGETHER = 64  # runs that one thread takes its steps for at once
PADDING = 8  # to a multiple of which their number is filled up: whole SIMD vectors


def side_by_side(generators: list[np.random.Generator], workers: int) -> list[list[np.random.Generator]]:
    """The generators of runs that are side by side: as many parts for each worker."""
    parts = workers * ceil(len(generators) / (_TOGETHER * workers))
    size = PADDING * ceil(len(generators) / (PADDING * parts))
    return [generators[first : first + size] for first in range(0, len(generators), size)]


class Reduced:
    """Reduced runs, side by side in the last axis of every array."""

    def __init__(self, problem: Problem, generators: list[np.random.Generator], fast: bool) -> None:
        self.runs, self.N = len(generators), problem.N
        self.course = Course(problem)
        self.generators = [generator.spawn(4) for generator in generators]  # the last two turn the teacher
        self.streams = None
        lanes = self.runs
        if fast and self.runs > 1:  # the last run is repeated to fill up the SIMD vectors
            lanes += -self.runs % PADDING
        if fast:
            padded, needed = self.generators + self.generators[-1:] * (lanes - self.runs), 2 if self.course.plain else 4
            self.streams = tuple(np.hstack([streams.stream(each[which]) for each in padded]) for which in range(needed))
        start = problem.start
        L, A, S = coordinates(start, self.N)
        self.L = np.ascontiguousarray(L)
        self.A, self.S, self.v = (
            np.repeat(array[..., None], lanes, axis=-1) for array in (A, S, start.v.reshape(start.K, -1))
        )
        self.width = start.K + start.M + (problem.outputs if self.course.noisy else 0)
        self.alive, self.taken = np.ones(lanes), np.zeros(lanes)
        self.at_once = max((AT_ONCE if fast else BLOCK) // (self.width * lanes * problem.batch), 1)
        self.steps, self.recorded = 0, 0

    @property
    def diverged_at(self) -> np.ndarray:
        return np.where(self.alive > 0, np.inf, self.taken)[: self.runs]

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        until = until if self.streams else min(until, int(marks[self.recorded]))
        parameters, until = self.course.parameters(self.steps, until)
        if self.streams:
            self.recorded = self._run(until, marks, records, parameters)
        else:
            self._take(until - self.steps, parameters)
            if until == marks[self.recorded]:
                self._record(records)
                self.recorded += 1
        self.steps = until

    def _run(self, until: int, marks: np.ndarray, records: Records, parameters: Plain) -> int:
        """Go to a step with fast random numbers; the records that there are then."""
        state, course = (self.A, self.S, self.v, self.L, self.alive, self.taken, self.N), self.course
        what = self.streams, self.steps, until, marks, self.recorded, records, parameters, course.noisy
        if course.plain:
            return int(reduced_run(*state, *what))
        return int(reduced_regime_run(*state, course.lengths, course.batch, *what, course.drifting))

    def _record(self, records: Records) -> None:
        reduced_record(self.A, self.S, self.v, self.L, self.alive, self.recorded, records)

    def _take(self, steps: int, parameters: Plain) -> None:
        """Take steps with NumPy's random numbers."""
        if steps and self.course.plain:
            self._take_plain(steps, parameters)
        elif steps:
            self._take_in_regime(steps, parameters)

    def _take_plain(self, steps: int, parameters: Plain) -> None:
        """Those of one example, free lengths and a teacher that stays."""
        units, state = len(self.L) + len(self.A), (self.A, self.S, self.v, self.L, self.alive, self.taken, self.N)
        g, chi2 = np.empty((steps, self.width, self.runs)), np.zeros((steps, self.runs))
        for run, (normals, lengths, *_) in enumerate(self.generators):
            g[:, :, run] = normals.standard_normal((steps, self.width))
            if units < self.N:
                chi2[:, run] = lengths.chisquare(self.N - units, steps)
        g[:, self.N : units] = 0
        reduced_steps(*state, g, chi2, parameters, 0)

    def _take_in_regime(self, steps: int, parameters: Plain) -> None:
        """Those of any others."""
        (K, M), batch, course = self.A.shape[:2], self.course.batch, self.course
        n, beyond = 1 if batch == 1 else K, max(self.N - K - M, 0)  # directions beyond the frame
        used, turning = batch * self.width, steps if course.drifting else 0
        g, rest = np.empty((steps, used, self.runs)), np.zeros((steps, n, n, self.runs))
        across, triangles = np.zeros((turning, M, K, self.runs)), np.zeros((turning, M, M, self.runs))
        for run, (normals, lengths, turn_normals, turn_lengths) in enumerate(self.generators):
            numbers = normals.standard_normal((steps, used + n * (n - 1) // 2))
            g[..., run] = numbers[:, :used]
            _bartlett(rest[..., run], numbers[:, used:], lengths, beyond)
            numbers = turn_normals.standard_normal((turning, M * K + M * (M - 1) // 2))
            across[..., run] = numbers[:, : M * K].reshape(turning, M, K)
            _bartlett(triangles[..., run], numbers[:, M * K :], turn_lengths, beyond)
        across[:, :, max(self.N - M, 0) :] = 0
        g.reshape(steps, batch, self.width, self.runs)[:, :, self.N : K + M] = 0
        state = self.A, self.S, self.v, self.L, self.alive, self.taken, self.N
        what = course.lengths, batch, self.width, g, rest, (across, triangles)
        reduced_regime_steps(*state, *what, parameters, 0)


def _bartlett(triangles: np.ndarray, below: np.ndarray, lengths: np.random.Generator, degrees: int) -> None:
    """Fill triangles (steps, n, n), zero at first, as `kernels.reduced_regimes.bartlett` does."""
    steps, n, _ = triangles.shape
    i, j = np.tril_indices(n, -1)
    triangles[:, i, j] = np.where(j < degrees, below, 0)
    some = min(n, degrees)
    if some:
        triangles[:, range(some), range(some)] = lengths.chisquare(degrees - np.arange(some), (steps, some))
