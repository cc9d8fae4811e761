"""Reduced runs of inputs with a spectrum: coordinates in every group of directions (theory.md, section 11)."""

import numpy as np

from stdyn.kernels.parameters import Plain
from stdyn.kernels.reduced_groups import in_groups, reduced_groups_record, reduced_groups_run, reduced_groups_steps
from stdyn.model.initial import root
from stdyn.model.problem import Problem
from stdyn.simulation.reduced import Reduced
from stdyn.simulation.streams import Records


class ReducedGroups(Reduced):
    """Reduced runs, whose coordinates have one more axis in front, the groups."""

    def __init__(self, problem: Problem, generators: list[np.random.Generator], fast: bool) -> None:
        super().__init__(problem, generators, fast)
        start = problem.start
        self.sizes, self.variances = start.inputs.directions(self.N), start.inputs.variances
        self.hidden = root(start.T_hidden) if start.T_hidden.any() else np.empty((0, 0))
        self.units, O = start.K + start.M, self.width - (start.K + start.M)
        self.width = start.inputs.groups * self.units + len(self.hidden) + O
        self.at_once = max(self.at_once // start.inputs.groups, 1)

    def _run(self, until: int, marks: np.ndarray, records: Records, parameters: Plain) -> int:
        assert self.streams is not None
        course, state = self.course, (self.A, self.S, self.v, self.L, self.hidden, self.alive, self.taken, self.N)
        what = self.streams[:2], self.steps, until, marks, self.recorded, records, parameters, course.noisy
        return int(reduced_groups_run(*state, self.sizes, course.lengths, course.batch, *what))

    def _record(self, records: Records) -> None:
        reduced_groups_record(self.A, self.S, self.v, self.L, self.alive, self.recorded, records)

    def _take(self, steps: int, parameters: Plain) -> None:
        if not steps:
            return
        batch, groups, K = self.course.batch, len(self.sizes), self.A.shape[1]
        n, used = 1 if batch == 1 else K, batch * self.width
        g, rest = np.empty((steps, used, self.runs)), np.zeros((steps, groups, n, n, self.runs))
        for run, (normals, lengths, *_) in enumerate(self.generators):
            numbers = normals.standard_normal((steps, used + groups * (n * (n - 1) // 2)))
            g[..., run] = numbers[:, :used]
            self._bartlett(rest[..., run], numbers[:, used:], lengths)
        in_groups(self.variances, self.sizes, self.units, batch, self.width, g, rest)
        state = self.A, self.S, self.v, self.L, self.hidden, self.alive, self.taken, self.N
        reduced_groups_steps(*state, self.course.lengths, batch, self.width, g, rest, parameters, 0)

    def _bartlett(self, rest: np.ndarray, below: np.ndarray, lengths: np.random.Generator) -> None:
        """Fill the triangles of all groups (steps, groups, n, n), zero at first; step by step, whatever the block."""
        steps, groups, n, _ = rest.shape
        degrees = (self.sizes - self.units)[:, None] - np.arange(n)
        i, j = np.tril_indices(n, -1)
        rest[:, :, i, j] = np.where(degrees[:, j] > 0, below.reshape(steps, groups, -1), 0)
        group, k = np.nonzero(degrees > 0)
        rest[:, group, k, k] = lengths.chisquare(degrees[group, k], (steps, len(k)))
