"""The curves of the page: theory, quickly while something is dragged and well afterwards, and runs as they grow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stdyn.analysis.summary import summarise
from stdyn.checks import Array
from stdyn.errors import gathering
from stdyn.explorer.state import Wanted
from stdyn.model.jumps import jumps
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.simulation.runs import simulate_network, simulate_reduced
from stdyn.theory.ode import integrate

DRAFT = ("LSODA", 1e-5)  # while something is dragged
_PATIENCE = 0.1  # seconds of its thread's work that the draft of a rule may take
_AT_MOST = 1.0  # seconds that it may take on a machine that does much else
_OF_DRAFT = 81  # alphas of a draft
_COARSE = 2**11  # points of the averages by quadrature in a draft

SHARED = ("alphas", "T", "v_teacher", "begins")  # arrays that all runs have in common

Stop = Callable[[], bool]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Curve:
    """A solution of the ODEs, and what was said of it."""

    trajectory: Trajectory
    words: list[str]

    @property
    def header(self) -> dict[str, Any]:
        """What is said of it beside its numbers."""
        alphas = self.trajectory.alphas
        return {
            "words": self.words,
            "reached": float(alphas[-1]) if len(alphas) else None,
            "cut": "interrupted" in self.trajectory.attributes,
        }


def drafts(wanted: Wanted, stop: threading.Event) -> dict[str, Curve]:
    """Solutions by loose tolerances at fewer alphas, each up to where its patience has led it.

    Patience is counted in the work of the thread: what else the machine does cuts no draft that is quick.
    """
    of = wanted.experiment
    alphas = replace(of, points=min(_OF_DRAFT, of.points)).alphas()
    coarse = {rule: replace(each, quadrature=min(_COARSE, of.quadrature)) for rule, each in wanted.problems.items()}
    return {rule: _solved(each, alphas, *DRAFT, _until(stop)) for rule, each in coarse.items()}


def _until(stop: threading.Event) -> Stop:
    """What stops when it is asked to, or when the patience with what begins now is over."""
    work, end = time.thread_time() + _PATIENCE, time.perf_counter() + _AT_MOST
    return lambda: stop.is_set() or time.thread_time() > work or time.perf_counter() > end


def solutions(wanted: Wanted, stop: threading.Event) -> dict[str, Curve]:
    """Solutions of all rules, by the method and the tolerance of the experiment."""
    return {rule: solution(wanted, rule, stop) for rule in wanted.rules}


def solution(wanted: Wanted, rule: str, stop: threading.Event) -> Curve:
    """That of one rule."""
    of = wanted.experiment
    return _solved(wanted.problem(rule), of.alphas(), of.ode_method, of.rtol, stop.is_set)


def _solved(problem: Problem, alphas: Array, method: str, rtol: float, stop: Stop) -> Curve:
    with gathering() as words:
        trajectory = integrate(problem, alphas, method, rtol, error=False, stop=stop)
    return Curve(trajectory, words)


def simulated(
    wanted: Wanted, rule: str, stop: threading.Event, on_record: Callable[[Trajectory], object] | None
) -> Trajectory:
    """Runs of one rule, shown as they grow."""
    of = wanted.experiment
    simulate = {"network": simulate_network, "reduced": simulate_reduced}[of.method]
    with gathering():
        return simulate(
            wanted.problem(rule), of.alphas(), wanted.runs, rng=of.rng(of.method), normals=of.normals, workers=1,
            stop=stop, on_record=on_record,
        )  # fmt: skip


def arrays_of(trajectory: Trajectory) -> Arrays:
    """The order parameters of a solution by name, with what the page draws beside them."""
    found = {"alphas": trajectory.alphas, "eps_g": trajectory.eps_g, "T": trajectory.T}
    found |= {name: getattr(trajectory, name) for name in ("R", "Q", "v")}
    more = ["F", "alignment", "eps_g_per_task"]
    if trajectory.problem.outputs > 1:
        more += ["F_per_output", "alignment_per_output"]
    for name in more:
        value = getattr(trajectory, name, None)
        if value is not None:
            found[name] = value
    if trajectory.problem.tasks is not None:
        found["v_teacher"] = trajectory.problem.protocol.v_teacher  # (tasks, M, O): which units are of which task
        found["begins"] = trajectory.problem.tasks.at
    return {name: np.asarray(value, dtype=float) for name, value in found.items()}


def jumps_of(curves: Mapping[str, Curve], wanted: Wanted) -> list[float]:
    """The alphas at which a rate or the task of any of these jumps."""
    each = [jumps(curve.trajectory.problem, wanted.experiment.alpha_max) for curve in curves.values()]
    return sorted({alpha for found in each for alphas in found.values() for alpha in alphas})


def table(curves: Mapping[str, Curve], wanted: Wanted) -> dict[str, dict[str, Any]]:
    """Plateau, escape and final error of every rule."""
    alphas = wanted.experiment.alphas()
    rows = {}
    for rule, curve in curves.items():
        with gathering():
            numbers = summarise(curve.trajectory, alphas)
        rows[rule] = {name: float(value) for name, value in numbers.items()}
    return rows
