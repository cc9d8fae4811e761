"""Many runs of the same process in coordinates, without N-dimensional vectors (theory.md, section 4)."""

from math import ceil

import numpy as np

from stdyn.kernels.parameters import Plain
from stdyn.kernels.reduced import reduced_record, reduced_run, reduced_steps
from stdyn.model.initial import coordinates
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.course import Course
from stdyn.simulation.streams import AT_ONCE, BLOCK, Records

_TOGETHER = 64  # runs that one thread takes its steps for at once
PADDING = 8  # to a multiple of which their number is filled up: whole SIMD vectors


def groups(generators: list[np.random.Generator], workers: int) -> list[list[np.random.Generator]]:
    """The generators of runs that are side by side: as many groups for each worker."""
    parts = workers * ceil(len(generators) / (_TOGETHER * workers))
    size = PADDING * ceil(len(generators) / (PADDING * parts))
    return [generators[first : first + size] for first in range(0, len(generators), size)]


class Reduced:
    """Reduced runs, side by side in the last axis of every array."""

    def __init__(self, problem: Problem, generators: list[np.random.Generator], fast: bool) -> None:
        self.runs, self.N = len(generators), problem.N
        self.generators = [generator.spawn(2) for generator in generators]
        self.streams = None
        lanes = self.runs
        if fast and self.runs > 1:  # the last run is repeated to fill up the SIMD vectors
            lanes += -self.runs % PADDING
        if fast:
            padded = self.generators + self.generators[-1:] * (lanes - self.runs)
            self.streams = tuple(np.hstack([streams.stream(pair[which]) for pair in padded]) for which in range(2))
        start = problem.start
        L, A, S = coordinates(start)
        self.L = np.ascontiguousarray(L)
        self.A, self.S, self.v = (
            np.repeat(array[..., None], lanes, axis=2) for array in (A, S, start.v.reshape(start.K, -1))
        )
        self.course = Course(problem)
        self.rows = start.K + start.M + (problem.outputs if self.course.noisy else 0)
        self.alive, self.taken = np.ones(lanes), np.zeros(lanes)
        self.at_once = max((AT_ONCE if fast else BLOCK) // (self.rows * lanes), 1)
        self.steps, self.recorded = 0, 0

    @property
    def diverged_at(self) -> np.ndarray:
        return np.where(self.alive > 0, np.inf, self.taken)[: self.runs]

    def go_to(self, until: int, marks: np.ndarray, records: Records) -> None:
        state = self.A, self.S, self.v, self.L, self.alive
        until = until if self.streams else min(until, int(marks[self.recorded]))
        parameters, until = self.course.parameters(self.steps, until)
        if self.streams:
            self.recorded = reduced_run(
                *(*state, self.taken, self.N, self.streams),
                *(self.steps, until, marks, self.recorded, records, parameters, self.course.noisy),
            )
        else:
            self._take(until - self.steps, parameters)
            if until == marks[self.recorded]:
                reduced_record(*state, self.recorded, records)
                self.recorded += 1
        self.steps = until

    def _take(self, steps: int, parameters: Plain) -> None:
        """Take steps with NumPy's random numbers."""
        degrees = self.N - len(self.L) - len(self.A)
        g, chi2 = np.empty((steps, self.rows, self.runs)), np.zeros((steps, self.runs))
        for run, (normals, lengths) in enumerate(self.generators):
            g[:, :, run] = normals.standard_normal((steps, self.rows))
            if degrees:
                chi2[:, run] = lengths.chisquare(degrees, steps)
        state = self.A, self.S, self.v, self.L, self.alive, self.taken
        reduced_steps(*state, self.N, g, chi2, parameters, 0)
