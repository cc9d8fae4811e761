"""Many runs of the same process in coordinates, without N-dimensional vectors (theory.md, section 4)."""

import threading
from math import ceil

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.reduced import reduced_overlaps, reduced_run, reduced_steps
from stdyn.model.initial import coordinates
from stdyn.model.problem import Problem
from stdyn.simulation import streams
from stdyn.simulation.streams import AT_ONCE, BLOCK

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
        self.rows = start.K + start.M + (problem.outputs if problem.sigma > 0 else 0)
        self.parameters = problem.parameters
        self.alive, self.taken = np.ones(lanes), np.zeros(lanes)
        self.steps = 0

    @property
    def diverged_at(self) -> np.ndarray:
        return np.where(self.alive > 0, np.inf, self.taken)[: self.runs]

    def advance(self, steps: int, stop: threading.Event) -> None:
        normals = (AT_ONCE if self.streams else BLOCK) // (self.rows * len(self.taken))
        while self.steps < steps and np.isinf(self.diverged_at).any() and not stop.is_set():
            size = min(max(normals, 1), steps - self.steps)
            self._take(size)
            self.steps += size

    def _take(self, steps: int) -> None:
        state, N = (self.A, self.S, self.v, self.L, self.alive, self.taken), self.N
        if self.streams:
            reduced_run(*state, N, self.streams, steps, self.parameters)
            return
        degrees = N - len(self.L) - len(self.A)
        g, chi2 = np.empty((steps, self.rows, self.runs)), np.zeros((steps, self.runs))
        for run, (normals, lengths) in enumerate(self.generators):
            g[:, :, run] = normals.standard_normal((steps, self.rows))
            if degrees:
                chi2[:, run] = lengths.chisquare(degrees, steps)
        reduced_steps(*state, N, g, chi2, self.parameters)

    def order_parameters(self) -> dict[str, Array]:
        R, Q = reduced_overlaps(self.A, self.S, self.L)
        return {"R": R[: self.runs], "Q": Q[: self.runs], "v": np.moveaxis(self.v, -1, 0)[: self.runs]}
