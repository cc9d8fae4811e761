"""Maps: what becomes of every point of a plane of two parameters, on grids that get finer and finer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stdyn.analysis.summary import summarise
from stdyn.checks import Array
from stdyn.errors import InputError, gathering
from stdyn.explorer.curves import Stop
from stdyn.explorer.state import Wanted
from stdyn.model.experiment import Experiment
from stdyn.scans.variations import problem_at
from stdyn.text import shown
from stdyn.theory.ode import integrate

VALUES = ("eps_g_final", "plateau_end", "plateau_length", "alignment_final", "specialised")
SHAPE = (49, 65)  # rows and columns of the finest grid
STRIDES = (8, 4, 2, 1)  # of the grids, in rows and columns of the finest
_METHOD = ("LSODA", 1e-6)
_AT_ONCE = 8  # points that a worker does before it is asked for anything else


@dataclass(frozen=True)
class Axis:
    """One of the two parameters, and how far it goes."""

    name: str
    low: float
    high: float
    log: bool

    def at(self, places: Any, count: int) -> Array:
        """The values at places 0 to count - 1."""
        part = np.asarray(places) / (count - 1)
        return self.low * (self.high / self.low) ** part if self.log else self.low + (self.high - self.low) * part


KINDS = {
    "eta_angle": (Axis("eta", 0.05, 4.0, True), Axis("b_angle", 0.0, 180.0, False)),
    "b_b": (Axis("b[0]", -3.0, 3.0, False), Axis("b[1]", -3.0, 3.0, False)),
}


@dataclass(frozen=True)
class Map:
    """The points of a map: an experiment, the rule and the quantity, and the two axes."""

    experiment: Experiment
    rule: str
    value: str
    x: Axis
    y: Axis

    @classmethod
    def of(cls, wanted: Wanted, kind: Any, rule: Any, value: Any) -> Map:
        """The map that is asked for; refused if there is none."""
        if kind not in KINDS:
            raise InputError(f"kind of a map must be one of {', '.join(KINDS)}, but is {shown(kind)}")
        if value not in VALUES:
            raise InputError(f"value of a map must be one of {', '.join(VALUES)}, but is {shown(value)}")
        if rule not in wanted.rules or rule == "bp":
            raise InputError(f"rule of a map must be one with feedback weights that is ticked, but is {shown(rule)}")
        problem = wanted.problem(rule)
        x, y = KINDS[kind]
        experiment = replace(wanted.experiment, rule=rule)
        if kind == "b_b":
            if problem.start.K < 2:
                raise InputError("K must be at least 2 for a map of b_1 and b_2, but is 1")
            assert problem.b is not None
            experiment = replace(experiment, b=problem.b.tolist())  # turned, if it is
            if problem.b.ndim == 2 and problem.b.shape[1] > 1:
                x, y = replace(x, name="b[0,0]"), replace(y, name="b[1,0]")
        elif not isinstance(experiment.eta, int | float):
            raise InputError("eta must be a number for a map over eta, but is a schedule")
        return cls(experiment, rule, value, x, y)

    def chunks(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Places (row, column) of the finest grid, some at a time, with the stride of the grid that they belong to.

        Each grid has the points of those before it.
        """
        done: set[tuple[int, int]] = set()
        for stride in STRIDES:
            new = [(j, i) for j in range(0, SHAPE[0], stride) for i in range(0, SHAPE[1], stride) if (j, i) not in done]
            done.update(new)
            for begin in range(0, len(new), _AT_ONCE):
                yield stride, new[begin : begin + _AT_ONCE]

    def solve(self, places: Sequence[tuple[int, int]], stop: Stop = lambda: False) -> list[float]:
        """The quantity at places of the finest grid; NaN where there is none, nothing of use if `stop` says so."""
        alphas = self.experiment.alphas()
        found = []
        for j, i in places:
            if stop():
                break
            values = {
                "rule": self.rule,
                self.x.name: float(self.x.at(i, SHAPE[1])),
                self.y.name: float(self.y.at(j, SHAPE[0])),
            }
            try:
                with gathering():
                    trajectory = integrate(
                        problem_at(self.experiment, values), alphas, *_METHOD, error=False, stop=stop
                    )
                found.append(float(summarise(trajectory, alphas)[self.value]))
            except InputError:  # b parallel to v, which says no direction
                found.append(float("nan"))
        return found
