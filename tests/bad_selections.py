"""Parts, ensembles and readings of trajectories, and states of the explorer, that must be refused, as those of
bad_arguments.py.
"""

from functools import partial

import numpy as np
import pandas
from bad_arguments import DATES, INTEGER, MASKED, NAME, NOT_NUMBERS, NUMBER, START, Odd, rows, trajectories

import stdyn


def of(which, name, **arguments):
    """A method of the theory (0) or of runs (1), at the alphas 0 and 1."""
    return getattr(trajectories()[which], name)(**arguments)


def concat(**changes):
    runs = trajectories()[1]
    other = stdyn.simulate_reduced(runs.problem, runs.alphas, 1, rng=2)
    return stdyn.concat(**{"ensembles": [runs, other]} | changes)


def second(**changes):
    """Together with what is no other ensemble of the problem; `ensembles` is named with its place."""
    return stdyn.concat([trajectories()[1], changes["ensembles"]])


def explorer(**given):
    """With one argument."""
    return stdyn.Explorer(**given)


def explored(**state):
    """Where one parameter is set to what it cannot be; nothing is changed by it."""
    found = stdyn.Explorer()
    before = found.state
    try:
        found.state = state
    finally:
        assert found.state == before
        found.close()


POSITION = [
    *[row for row in INTEGER if not isinstance(row[0], np.ndarray) and row[0] not in (None, -1)],
    (np.array([2]), "at most 1"),
    (2, "at most 1"),
    (-3, "at least -2"),
    ("0", "integer"),
    (True, "integer"),
    ([0, 2], "at most 1"),
    ([0.5], "integer"),
    ([[0]], "must be a number, a slice or a list of numbers, but has shape (1, 1)"),
    ([], "must leave something of 2"),
    (slice(1, 0), "must leave something of 2"),
    (slice(0.5, 1), "slice of integers"),
    (slice("a"), "slice of integers"),
    (slice(None, None, 0), "slice of integers"),
    (np.array([True, False, True]), "a truth value for each of the 2, but has 3"),
    (np.array([False, False]), "must leave something of 2"),
    ([True, False], "truth values"),
    (pandas.Series([0.5]), "integer"),
    (pandas.Series(["a"], dtype=object), "is no number"),
    (pandas.Series([True, False, True]), "a truth value for each of the 2, but has 3"),
    (["a"], "texts"),
    (MASKED, "masked"),
    (DATES, "dates"),
    ([[0], [0, 1]], "differ in length"),
    (Odd(), "integer"),
    ({"a": 1}, "integer"),
]
VALUE = [
    *[row for row in NOT_NUMBERS if row[0] is not None and row[1] not in ("empty", "shape", "must have 1")],
    ([], "empty"),
    ([[0.0]], "axes"),
    (0.3, 'is not: the nearest is 0 (method = "nearest" takes it)'),
    ([0, 7], "but 7 is not: the nearest is 1"),
    ([1, 0], "increase strictly"),
    ([1, 1], "increase strictly"),
    (np.nan, "finite"),
    (slice(0.2, 0.8), "no alpha is in slice(0.2, 0.8"),
    (slice(2, None), "no alpha is in"),
    (slice("a", None), "number"),
    (slice(None, None, 2), "without a step"),
    (slice(0, np.inf), "finite"),
]
WHAT = [*NAME, ("R", "one of eps_g, but is 'R'"), ("eps_g_test", "one of eps_g, but is 'eps_g_test'")]
ACTIVATION = [row for row in NAME if row[0] is not None]
FUNCTIONS = [
    *[
        (
            partial(of, which, "isel"),
            {"alpha": [*POSITION, ([1, 0], "increase strictly"), ([0, -2], "increase strictly")]},
        )
        for which in (0, 1)
    ],
    (partial(of, 1, "isel"), {"run": [*POSITION, ([1, 1], "once"), ([0, -2], "once")]}),
    (partial(of, 0, "isel"), {"run": [(0, "no runs"), ([0], "no runs"), (slice(None), "no runs")]}),
    (partial(of, 0, "sel"), {"alpha": VALUE, "run": [(0, "no runs")]}),
    (partial(of, 1, "sel"), {"alpha": VALUE, "run": [(2, "at most 1"), ("a", "integer")]}),
    (
        partial(of, 0, "sel", alpha=0.3),
        {"method": [(name, "must be one of nearest") for name in ("pad", "ffill", 3, True, ["nearest"])]},
    ),
    (partial(of, 0, "sel", alpha=slice(0, 1)), {"method": [("nearest", "method is for values of alpha")]}),
    (partial(of, 0, "sel"), {"method": [("nearest", "but alpha is None")]}),
    (
        partial(of, 0, "alpha_below"),
        {"level": [*NUMBER, (0, "positive"), (-0.0, "positive")]},
    ),
    (partial(of, 1, "alpha_below", level=0.1), {"what": WHAT}),
    (partial(of, 0, "decay_rate"), {"last": [*NUMBER, (1.1, "at most 1")], "what": WHAT}),
    (
        partial(of, 0, "to_dataframe"),
        {
            "what": [
                ("nothing", "among R, Q, v"),
                (3, "name or a list"),
                ([], "name or a list"),
                (["R", 3], "among"),
                (["R", "eps_g_test"], "among"),
                ({"R": 1}, "name or a list"),
                (Odd(), "name or a list"),
            ]
        },
    ),
    (START.eps_g, {"activation": NAME, "activation_teacher": ACTIVATION}),
    (
        concat,
        {
            "ensembles": [
                (None, "list of Trajectory"),
                (3, "list of Trajectory"),
                (trajectories()[1], "list of Trajectory"),
                ([], "at least one"),
                (iter(()), "at least one"),
                ([3], "ensembles[0] must be a Trajectory, but is int"),
                ([trajectories()[0]], "must be an ensemble of runs, but is the theory"),
                ("runs", "ensembles[0] must be a Trajectory"),
                (Odd(), "list of Trajectory"),
                ({"a": 1}, "ensembles[0] must be a Trajectory"),
            ]
        },
    ),
    (
        second,
        {
            "ensembles": [
                (None, "ensembles[1] must be a Trajectory, but is NoneType"),
                (trajectories()[0], "is the theory"),
                (trajectories()[1], "its run 0 is run 0 of ensembles[0]: each needs an rng of its own"),
            ]
        },
    ),
    (
        explorer,
        {
            "problem": [
                *[(value, "a Problem, an Experiment or a Scan") for value in (3, "fa", [], {"K": 2}, MASKED, Odd())],
                (trajectories()[0], "a Problem, an Experiment or a Scan, but is"),
            ]
        },
    ),
    (
        explored,
        {
            "eta": [("0.1", "number"), (True, "number"), (np.nan, "number"), (-1, "from 0"), ({"kind": "odd"}, "kind")],
            "K": [
                ("2", "whole number"),
                (2.5, "whole number"),
                (0, "from 1 to 20"),
                (21, "from 1 to 20"),
                ([2], "whole"),
            ],
            "rules": [("fa", "list"), ([], "list"), (["fa", "fa"], "list"), (["hebb"], "one of"), (None, "list")],
            "activation": [("gelo", "one of"), (3, "one of"), (Odd(), "one of")],
            "b_angle": [(181, "from 0 to 180"), ("x", "number")],
            "pace": [(1, "there is no parameter")],
        },
    ),
]
SELECTIONS = rows(FUNCTIONS)
