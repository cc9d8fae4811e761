"""The state of the page, a JSON object, and what it says: an experiment, its rules and their problems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.explorer.controls import BY_NAME, CONTROLS
from stdyn.model.activations import Activation
from stdyn.model.experiment import Experiment
from stdyn.model.problem import RATES, Problem
from stdyn.scans.quantities import ACTIVATIONS, plain
from stdyn.scans.variations import problem_at
from stdyn.settings import check_name
from stdyn.text import shown

State = dict[str, Any]

_OWN = ("rules", "b_angle", "runs")  # keys of the state that mean something else in an experiment, or nothing
_GIVEN = ("R", "Q", "T", "v", "v_teacher", "b")
BEGINNING: State = {"K": 3, "M": 3, "alpha_max": 1000.0, "runs": 8}  # of a page of nothing given


@dataclass(frozen=True)
class Wanted:
    """What a state says."""

    experiment: Experiment
    rules: tuple[str, ...]
    b_angle: float | None
    runs: int

    @cached_property
    def problems(self) -> dict[str, Problem]:
        """That of each rule."""
        return {rule: self._made(rule) for rule in self.rules}

    def problem(self, rule: str) -> Problem:
        """That of one of the rules."""
        return self.problems[rule]

    def _made(self, rule: str) -> Problem:
        turned = {} if self.b_angle is None or rule == "bp" else {"b_angle": self.b_angle}
        return problem_at(self.experiment, {"rule": rule, **turned})

    def without_use(self) -> dict[str, str]:
        """The parameters that change nothing, whichever the rule, each with words that say why."""
        each = [replace(self.experiment, rule=rule).without_use() for rule in self.rules]
        found = {name: _why(name, each, self.rules) for name in set(each[0]).intersection(*each[1:])}
        if self.rules == ("bp",):
            found["b_angle"] = "of no use with rule bp"
        if not any(problem.by_quadrature for problem in self.problems.values()):
            found["quadrature"] = "of no use where all averages have closed forms"
        if self.experiment.start != "prepared":
            found.setdefault("r", "of no use where the start is random")
        if self.runs == 0:
            found |= dict.fromkeys(("method", "normals"), "of no use where nothing is simulated")
        return found


def wanted(state: Any, activations: Mapping[str, Activation] | None = None) -> Wanted:
    """What a state says, refused if it is none: no key is taken that is no control, no name of an activation that is
    neither built in nor among `activations`.
    """  # fmt: skip
    if not isinstance(state, Mapping):
        raise InputError(f"state must be an object, but is {shown(state)}")
    values = {name: BY_NAME[name].usual for name in _OWN}
    known = dict(activations or {})
    for name, value in state.items():
        check_name(str(name), list(BY_NAME), "there is no parameter")
        of_own = name in ACTIVATIONS and isinstance(value, str) and value in known
        values[name] = known[value] if of_own else BY_NAME[name].checked(value)
    own = {name: values.pop(name) for name in _OWN}
    rules = tuple(rule for rule in BY_NAME["rules"].words if rule in own["rules"])
    _as_seen(values, rules)
    rule = "mixed" if "mixed" in rules else rules[0]  # with which alphas have the jumps of the mixture
    experiment = Experiment(**values, rule=rule, runs=own["runs"] or None)
    found = Wanted(experiment, rules, own["b_angle"], own["runs"] or 0)
    experiment.check()
    _ = found.problems  # each is refused here, if it is
    return found


def _as_seen(values: State, rules: tuple[str, ...]) -> None:
    """Give the experiment what the page shows where it is not set, and an experiment would take another value."""
    values.setdefault("method", BY_NAME["method"].usual)  # one at a time
    if values.get("flow") is True:
        for name in ("eta", "eta_v"):
            values.setdefault(name, BY_NAME[name].usual)
    if values.get("start", "random") != "prepared":
        values.pop("r", None)  # of another start: it stays on the page
    if "mixed" not in rules:
        values.pop("mixture", None)  # as is that of another rule
    else:
        values.setdefault("mixture", BY_NAME["mixture"].usual)


def blamed(words: str, state: Any, activations: Mapping[str, Activation] | None = None) -> str | None:
    """The parameter that a refusal of a state is of.

    It is that with which the words begin, if it is set; else one that, were it not set, would leave a state that is
    not refused, and of these one that the words name, or the last.
    """
    if not isinstance(state, Mapping):
        return None
    named = [_NAMES.get(word, word) for word in re.findall(r"\w+", words)]
    unknown = [name for name in state if name not in BY_NAME]
    if unknown or (named and named[0] in state):
        return str((unknown or named)[0])
    of_it = [name for name in state if _is_taken({each: state[each] for each in state if each != name}, activations)]
    said = [name for name in named if name in of_it]
    return next((name for name in [*said, *of_it[::-1], *named[:1]] if name in BY_NAME), None)


_NAMES = {"rule": "rules", "reduced_runs": "runs"}  # what an experiment calls other parameters of the page


def _is_taken(state: State, activations: Mapping[str, Activation] | None) -> bool:
    try:
        wanted(state, activations)
    except InputError:
        return False
    return True


def _why(name: str, each: list[dict[str, tuple[str, ...]]], rules: tuple[str, ...]) -> str:
    """Why a parameter is of no use, in words."""
    reasons = sorted({reason for found in each for reason in found[name]} - {"rule"})
    words = [f"{reason} as it is" for reason in reasons]
    if any("rule" in found[name] for found in each):
        words.append(f"rule {' and '.join(rules)}")
    return f"of no use with {' and '.join(words)}"


def state_of(experiment: Experiment) -> State:
    """The state in which a page of an experiment begins."""
    usual = {f.name: f.default for f in fields(Experiment)}
    state: State = {"rules": list(experiment.rules)}
    for control in CONTROLS:
        if control.name in usual and control.name not in _OWN:
            state[control.name] = plain(getattr(experiment, control.name))
    state["method"] = experiment.methods[-1]
    state["runs"] = BEGINNING["runs"] if experiment.runs is None else experiment.runs
    return {name: value for name, value in state.items() if value is not None}


def state_of_problem(problem: Problem) -> State:
    """The state whose problem is this one; refused if there is none, as of a start that differs by group."""
    start = problem.start
    given: dict[str, Any] = {name: getattr(start, name) for name in _GIVEN if hasattr(start, name)}
    if problem.b is not None:
        given["b"] = problem.b
    names = ("N", "quadrature", "batch", "flow", "sphere", "mixture", *RATES)
    rest = {name: getattr(problem, name) for name in names}
    K, M = start.R.shape
    activation, of_teacher = problem.activations
    sizes = {"K": K, "M": M, "outputs": problem.outputs}
    experiment = Experiment(
        **sizes, **rest, **{name: np.asarray(each).tolist() for name, each in given.items()}, rule=problem.rule,
        activation=activation,  # type: ignore[arg-type]  # taken, if it has a name of its own
        activation_teacher=of_teacher, tasks=problem.tasks, inputs=start.inputs,
    )  # fmt: skip
    try:
        there: Problem | None = experiment.problem(problem.rule)
    except InputError:
        there = None
    if there != problem:
        raise InputError("problem must have a start that is the same in every group of inputs, and tasks of a table")
    teacher = None if of_teacher == activation else str(of_teacher)
    return state_of(replace(experiment, activation=str(activation), activation_teacher=teacher))
