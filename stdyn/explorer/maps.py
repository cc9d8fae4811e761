"""Maps: what becomes of every point of a plane of two parameters, on grids that get finer and finer."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain, product
from typing import Any

import numpy as np

from stdyn.analysis.summary import summarise
from stdyn.checks import Array, choice
from stdyn.errors import InputError, gathering
from stdyn.explorer.curves import Stop
from stdyn.explorer.state import Wanted, state_of
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
from stdyn.model.readings import cosine
from stdyn.scans.variations import problem_at
from stdyn.text import shown
from stdyn.theory.ode import integrate

QUANTITIES = ("eps_g_final", "plateau_height", "plateau_end", "plateau_length", "alignment_final", "specialised")
SHAPE = (49, 65)  # rows and columns of the finest grid
STRIDES = (16, 8, 4, 2, 1)  # of the grids, in rows and columns of the finest
METHOD = ("LSODA", 1e-6)
_SHARE = 0.2  # seconds after which the worker hands over what it has
_RUNS_AND_SOLVER = ("runs", "method", "normals", "ode_method", "rtol")  # what the numbers of a map do not depend on


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


@cache
def places() -> Array:
    """(points, 2) row and column of every place, in the order in which they are computed.

    Each grid has the points of those before it.
    """
    grids = (product(range(0, SHAPE[0], stride), range(0, SHAPE[1], stride)) for stride in STRIDES)
    return np.array([*dict.fromkeys(chain.from_iterable(grids))])


@dataclass(frozen=True)
class Map:
    """The points of a map: an experiment, the rule, the two axes, and where on them the experiment itself is."""

    experiment: Experiment
    rule: str
    x: Axis
    y: Axis
    here: tuple[float, float] | None

    @classmethod
    def of(cls, wanted: Wanted, kind: Any, rule: Any) -> Map:
        """The map that is asked for; refused if there is none."""
        choice("map", kind, tuple(KINDS))
        if rule not in wanted.rules or rule == "bp":
            raise InputError(f"rule must be one with feedback weights that is ticked, but is {shown(rule)}")
        problem = wanted.problem(rule)
        experiment = replace(wanted.experiment, rule=rule)
        found = (_over_b if kind == "b_b" else _over_eta)(experiment, problem)
        try:
            found.problem(SHAPE[0] // 2 + 1, SHAPE[1])
        except InputError as error:  # b parallel to v, which says no direction
            raise InputError(f"this map has no points: {error}") from None
        return found

    def problem(self, rows: int, columns: int) -> Problem:
        """That of a place: so many rows and columns, counted from 1."""
        x, y = float(self.x.at(columns - 1, SHAPE[1])), float(self.y.at(rows - 1, SHAPE[0]))
        return problem_at(self.experiment, {"rule": self.rule, self.x.name: x, self.y.name: y})

    def key(self) -> str:
        """What tells its numbers from those of another map."""
        experiment = self.experiment
        if self.x.name == "eta":
            experiment = replace(experiment, eta=self.x.high)
        else:
            b = np.array(experiment.b)
            b.reshape(len(b), -1)[:2, 0] = 0
            experiment = replace(experiment, b=b.tolist())
        without_use = {*experiment.without_use(), *_RUNS_AND_SOLVER}
        told = {name: each for name, each in state_of(experiment).items() if name not in without_use}
        return hashlib.sha256(json.dumps([self.x.name, told], sort_keys=True).encode()).hexdigest()[:16]

    def header(self) -> dict[str, Any]:
        """What the page gets to know of it."""
        axes = {"x": asdict(self.x), "y": asdict(self.y), "shape": SHAPE, "strides": STRIDES}
        return {"key": self.key(), "rule": self.rule, "here": self.here, "b": self.experiment.b, **axes}

    def done(self, have: Any) -> int:
        """How many of the places the page has, by what it says of the key and the number of those."""
        count = have.get("count") if isinstance(have, Mapping) and have.get("key") == self.key() else 0
        return min(max(count, 0), len(places())) if isinstance(count, int) else 0

    def solve(self, begin: int, stop: Stop = lambda: False) -> list[list[float]]:
        """The quantities at the places from `begin` on, as many as there are in a while, and at least at one.

        They are NaN where there is no problem; none if `stop` says so.
        """
        end = time.perf_counter() + _SHARE
        found: list[list[float]] = []
        for j, i in places()[begin:].tolist():
            if found and time.perf_counter() > end:
                break
            numbers = self._numbers(j, i, stop)
            if stop():
                return []
            found.append(numbers)
        return found

    def _numbers(self, j: int, i: int, stop: Stop) -> list[float]:
        try:
            problem = self.problem(j + 1, i + 1)
        except InputError:  # which no place has alone, but an activation or inputs that cannot be used so far out
            return [float("nan")] * len(QUANTITIES)
        alphas = self.experiment.alphas()
        with gathering():
            numbers = summarise(integrate(problem, alphas, *METHOD, error=False, stop=stop), alphas)
        return [float(numbers[name]) for name in QUANTITIES]


def _over_eta(experiment: Experiment, problem: Problem) -> Map:
    """The map over eta and the angle of b to v."""
    x, y = KINDS["eta_angle"]
    if not isinstance(experiment.eta, int | float):
        raise InputError(f"a map over eta needs a number eta, but eta is the schedule {shown(experiment.eta)}")
    angle = np.degrees(np.arccos(np.clip(cosine(problem.start.v, problem.b), -1, 1)))
    return Map(experiment, experiment.rule, x, y, (float(experiment.eta), float(angle)))


def _over_b(experiment: Experiment, problem: Problem) -> Map:
    """The map over the feedback weights of the first two hidden units; of several outputs those from the first."""
    x, y = KINDS["b_b"]
    if problem.start.K < 2:
        raise InputError(f"a map over b_1 and b_2 needs K of at least 2, but K is {problem.start.K}")
    assert problem.b is not None
    experiment = replace(experiment, b=problem.b.tolist())  # turned, if it is
    first = problem.b.reshape(problem.start.K, -1)[:, 0]
    if problem.outputs > 1:
        x, y = replace(x, name="b[0,0]"), replace(y, name="b[1,0]")
    return Map(experiment, experiment.rule, x, y, (float(first[0]), float(first[1])))
