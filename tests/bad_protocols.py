"""Bad arguments of schedules, tasks, rules and regimes, and of trajectories that go on: rows as in bad_arguments.py."""

from dataclasses import replace
from functools import partial

import numpy as np
from bad_arguments import (
    ALPHAS,
    INTEGER,
    MASKED,
    NOT_NUMBERS,
    NUMBER,
    PROBLEM,
    START,
    Odd,
    call,
    rows,
    trajectories,
)

import stdyn
from stdyn import schedule

WRONG = NOT_NUMBERS[:22]  # of any number of axes
LISTS = [row for row in WRONG if row[1] not in ("finite", "empty")]
BEGINS = [
    *WRONG,
    ([1, 2], "begin with 0"),
    ([0, 0], "increase strictly"),
    ([0, 2, 1], r"at[1] = 2 is followed by 1"),
    ([0, -1], "increase strictly"),
    ([0, 1e40], "at most"),
]  # of `at`
VALUES = [
    *WRONG,
    ([1], "for each of the 2"),
    ([1, 2, 3], "for each of the 2"),
    ([1, -0.5], "value[1] is -0.5"),
]
SCALE = [*NUMBER, (0, "positive"), (1e40, "at most")]
V = [[1, 0], [0, 1]]
TASKS = stdyn.Tasks(V, at=[0, 1])
NO_RATE = [
    ({"kind": "slow"}, "kind must be one of steps, linear"),
    ({"value": 1}, "kind must be one of"),
    ({"kind": "hyperbolic", "value": 1}, "has no 'scale'"),
    ({"kind": "hyperbolic", "value": -1, "scale": 1}, "value must be finite and at least 0, but is -1"),
    ({"kind": "steps", "at": [0, 2, 1], "value": [1, 1, 1]}, "increase strictly"),
    ({"kind": "steps", "at": [0, 1], "value": [1, 1], "scale": 1}, "has 'scale'"),
    ({"kind": "pieces", "at": [0], "value": ["a"]}, "value[0] must be a number"),
    (schedule.Schedule, "must be a number"),
]


def solved(**wrong):
    """A rate that is found to be none at some alpha, before the first step is taken."""
    return stdyn.integrate(stdyn.Problem(**PROBLEM | wrong), ALPHAS)


def late(value):
    """A function of alpha that is no rate from alpha = 0.75 on."""
    return lambda alpha: 0.1 if alpha < 0.75 else value


def failing(alpha):
    if alpha >= 0.75:
        raise ValueError("no more")
    return 0.1


NO_VALUE = [
    (late(np.nan), "but is nan at alpha = 0.75"),
    (late(-1), "but is -1 at alpha = 0.75"),
    (late("fast"), "but is 'fast' at alpha = 0.75"),
    (late(None), "but is None at alpha = 0.75"),
    (failing, "but is ValueError('no more') at alpha = 0.75"),
    (schedule.pieces([0, 0.75], [0.1, schedule.function(lambda _: np.inf)]), "at alpha = 0.75"),
]


def mixed(**changes):
    return stdyn.Problem(**PROBLEM | {"rule": "mixed", "mixture": 0.5} | changes)


def mixed_and_solved(**changes):
    return stdyn.integrate(mixed(**changes), ALPHAS)


def still(**changes):
    """A student of which one vector is zero."""
    start = replace(START, R=[[0.1, 0], [0, 0]], Q=[[1, 0], [0, 0]])
    return stdyn.Problem(**PROBLEM | {"start": start} | changes)


def goes_on(which, **changes):
    """Trajectory.problem_at, of the theory or of runs."""
    return trajectories()[which].problem_at(**({"position": 0, "run": None if which == 0 else 0} | changes))


def joined(**changes):
    return trajectories()[0].join(**changes)


def joined_to(name):
    """What goes on from the end of the theory, but for one thing."""

    def join(other):
        there = trajectories()[0].problem_at(-1)
        return trajectories()[0].join(stdyn.integrate(replace(there, **{name: other}), ALPHAS))

    return join


FUNCTIONS = [
    *[
        (partial(call, make, {"at": [0, 1], "value": [0.1, 0.2]}), {"at": BEGINS, "value": VALUES})
        for make in (schedule.steps, schedule.linear)
    ],
    (
        partial(call, schedule.hyperbolic, {"value": 1, "scale": 1}),
        {"value": [*NUMBER, (1e40, "at most")], "scale": SCALE},
    ),
    (
        partial(call, schedule.power, {"value": 1, "scale": 1, "exponent": 1}),
        {"value": NUMBER[:3], "scale": SCALE, "exponent": [*NUMBER, (1e4, "at most")]},
    ),
    (
        partial(call, schedule.exponential, {"value": 1, "scale": 1}),
        {"value": NUMBER[-5:], "scale": SCALE, "end": NUMBER},
    ),
    (
        partial(call, schedule.cosine, {"value": 1, "scale": 1}),
        {"value": NUMBER[-5:], "scale": SCALE, "end": NUMBER, "begin": [*NUMBER[:14], (1e40, "at most")]},
    ),
    (
        partial(call, schedule.pieces, {"at": [0, 1], "value": [0.1, schedule.hyperbolic(1, 1)]}),
        {
            "at": BEGINS,
            "value": [
                (None, "list of numbers and schedules"),
                ("ab", "list of numbers and schedules"),
                (3, "list of numbers and schedules"),
                (np.ones(2), "list of numbers and schedules"),
                ([0.1], "for each of the 2"),
                ([0.1, "fast"], "value[1] must be a number"),
                ([0.1, -1], "value[1] must be finite and at least 0"),
                ([0.1, Odd()], "cannot be shown"),
            ],
        },
    ),
    (
        partial(call, schedule.function, {"f": lambda _: 0.1}),
        {
            "f": [(None, "function"), (3, "function"), ("eta", "function")],
            "breaks": [
                ([0, 1], "positive"),
                ([2, 1], "increase"),
                ([-1], "positive"),
                ([np.nan], "positive"),
                (3, "positive"),
                ("12", "texts"),
                (MASKED, "masked"),
            ],
        },
    ),
    (
        partial(call, schedule.of, {}),
        {"description": [(None, "table"), ("steps", "table"), ([1], "table"), (Odd(), "cannot be shown")]},
    ),
    (
        partial(call, stdyn.Tasks, {"v_teacher": V, "at": [0, 1]}),
        {
            "v_teacher": [
                *LISTS,
                ([[1, np.nan]], "finite"),
                ([1, 2], "must have 2 or 3 axes"),
                (np.ones((2, 2, 2, 2)), "must have 2 or 3 axes"),
                ([[1, 2], [3]], "array of numbers"),
                ([[1, 2], [3, 1e40]], "at most"),
            ],
            "at": [*BEGINS[1:], *[(at, "for each of the 2 tasks") for at in ([0], [0, 1, 2])], (None, "empty")],
            "weights": [
                *LISTS[1:],
                ([[1], [np.inf]], "finite"),
                ([1, 2], "2 axes"),
                ([[1]], "shape (tasks, outputs) = (2, 1)"),
                ([[1, 1], [1, 1]], "shape (tasks, outputs) = (2, 1)"),
                ([[1], [-1]], "weights[1, 0] is -1"),
                ([[1], [0]], "weights[1] is all zero"),
                ([[1], [1e40]], "at most"),
            ],
            "order": [
                *WRONG[1:],
                ([0], "for each of the 2"),
                ([0, 2], "order[1] must be at most 1, but is 2"),
                ([0, -1], "order[1] must be at least 0"),
                ([0, 0.5], "order[1] must be an integer"),
            ],
        },
    ),
    (
        partial(call, stdyn.similar, {"units": 2, "similarity": 0.5, "at": [0, 1]}),
        {
            "units": [*INTEGER, (0, "at least"), (4097, "at most")],
            "similarity": [*[row for row in NUMBER if row[1] != "at least"], (1.1, "at most"), (-1.1, "at least -1")],
            "similarity_v": [*[row for row in NUMBER if row[1] != "at least"], (2, "at most"), (-1.1, "at least -1")],
            "at": [*BEGINS, ([1, 2], "begin with 0")],
            "heads": [*INTEGER, (0, "at least"), (3, "1 or as many as tasks, 2")],
            "v_teacher": [
                *WRONG,
                ([1, 2, 3], "shape"),
                (np.ones((2, 2)), "0 or 1 axes"),
            ],
        },
    ),
    (
        partial(call, stdyn.similar, {"units": 1, "similarity": 0.5, "similarity_v": 0.5}),
        {"units": [(1, "at least 2 for 2 tasks with similarity_v = 0.5")]},
    ),
    (
        partial(call, stdyn.similar, {"units": 2, "similarity": 0.5, "similarity_v": 0.5}),
        {"v_teacher": [(0, "no direction")]},
    ),
    (partial(call, stdyn.similar, {"similarity": 0.5, "at": range(3000)}), {"units": [(4000, "memory")]}),
    (
        partial(call, stdyn.Problem, PROBLEM),
        {
            **dict.fromkeys(("eta", "eta_v", "sigma", "decay", "decay_v"), NO_RATE),
            "drift": [*NUMBER, *NO_RATE, (1e40, "at most")],
            "mixture": [(0.5, "refused (nothing is mixed)")],
            "tasks": [
                ([V], "Tasks"),
                ("similar", "Tasks"),
                ({"at": [0]}, "Tasks"),
                (Odd(), "Tasks"),
                (stdyn.Tasks([[1, 2, 3]]), "shape of start.v_teacher, (2,), but have (3,)"),
                (stdyn.Tasks([[[1], [2]]]), "shape of start.v_teacher, (2,), but have (2, 1)"),
            ],
            "batch": [*INTEGER, (0, "at least 1")],
            "flow": [("yes", "True or False"), (1, "True or False"), (None, "True or False"), (Odd(), "True or False")],
            "sphere": [("yes", "True or False"), (0, "True or False"), (np.array([True]), "True or False")],
        },
    ),
    (
        mixed,
        {
            "mixture": [
                (None, "needed"),
                *[row for row in NUMBER if row[0] is not None],
                *NO_RATE,
                (1.1, "at most 1"),
                (schedule.linear([0, 1], [0, 2]), "at most 1, but linear"),
            ],
        },
    ),
    (mixed_and_solved, {"mixture": [*NO_VALUE[:1], (late(1.5), "but is 1.5 at alpha = 0.75")]}),
    (partial(call, stdyn.Problem, PROBLEM | {"flow": True}), {"batch": [(2, "batch must be 1 with flow = True")]}),
    (still, {"sphere": [(True, "but Q[1,1] is 0")]}),
    (solved, {"eta": NO_VALUE, **dict.fromkeys(("eta_v", "sigma", "decay", "decay_v", "drift"), NO_VALUE[:2])}),
    (
        partial(goes_on, 0),
        {"position": [(5, "at most"), ("1", "integer"), (None, "integer"), (0.5, "integer")], "run": [(0, "None")]},
    ),
    (
        partial(goes_on, 1),
        {"position": [(-3, "at least")], "run": [(None, "number of a run"), (2, "at most"), ("0", "integer")]},
    ),
    (joined, {"other": [*[(value, "Trajectory") for value in (None, 3, "a")], (stdyn.Problem(**PROBLEM), "Problem")]}),
    *[
        (joined_to(name), {"other": [(value, f"the same {name}")]})
        for name, value in (("N", 51), ("activation", "tanh"), ("batch", 3), ("sphere", True), ("flow", True))
    ],
    (joined_to("start"), {"other": [(START, "must start where this ends")]}),
]  # fmt: skip
PROTOCOLS = rows(FUNCTIONS)
