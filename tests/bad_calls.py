"""Calls of what solves, simulates, compares and scans that must be refused, as those of bad_arguments.py."""

from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from bad_arguments import (
    DATES,
    GENERATOR,
    INTEGER,
    MASKED,
    NAME,
    NOT_NUMBERS,
    NUMBER,
    PATH,
    PROBLEM,
    TWO,
    Odd,
    call,
    rows,
    trajectories,
)

import stdyn

ALPHAS = [0.0, 1.0]
TIMES = [
    *[(value, words) for value, words in NOT_NUMBERS[:-1] if words != "empty"],
    ([], "empty"),
    ([0, 1, 1], "increase"),
    ([1, 0], "increase"),
    ([-1, 1], "negative"),
    (np.float32([0, np.nan]), "finite"),
]
TOLERANCE = [*NUMBER, (0, "at least"), (1, "at most")]
PROBLEM_AT = stdyn.Problem(**PROBLEM)
START = {name: TWO[name] for name in ("R", "Q", "v")}
OTHER = stdyn.OrderParameters([[0.1]], [[1]], [[1]], [1], [1])  # of other sizes
PARITY = stdyn.Problem(stdyn.initial.prepared(2, 2, r=0.1), eta=0.1, eta_v=0.1)


def kinds(name):
    """What is none of the objects of this kind."""
    return [(None, name), (3, name), ("text", name), ({"a": 1}, name), (MASKED, name), (DATES, name), (Odd(), name)]


def bits():
    """A generator of its own for every call."""
    return np.random.default_rng(1)


@cache
def predicted():
    return stdyn.fluctuations(PROBLEM_AT, ALPHAS, points=256)


@cache
def saddle():
    """A fixed point that perturbations leave."""
    return next(p for p in stdyn.fixed_points(PARITY, number_of_starts=4, rng=bits()) if p.kind == "saddle")


@cache
def escape():
    return stdyn.EscapeTimes(saddle(), 0.1, 1.0, np.array([0.0]))


@cache
def file_of_scan():
    """A finished scan."""
    path = Path(mkdtemp()) / "s.h5"
    return stdyn.scan([replace(PROBLEM_AT, eta=eta) for eta in (0.1, 0.2)], ALPHAS, path)


def flow_at():
    return stdyn.flow(PROBLEM_AT)


def scan(**changes):
    given = {"problems": [PROBLEM_AT], "alphas": ALPHAS, "path": "new.h5"}
    return stdyn.scan(**given | changes)


def train(**changes):
    return stdyn.train(**{"training": stdyn.Training(), "path": "new.h5", "data": "nothing"} | changes)


def method(of, name, **arguments):
    """A method of what is made when it is asked for."""
    return getattr(of(), name)(**arguments)


def entered(workers):
    with stdyn.processes(workers):
        raise AssertionError


def compared(**changes):
    theory, runs = trajectories()
    return stdyn.compare(**{"runs": runs, "theory": theory} | changes)


def matched(**changes):
    theory, runs = trajectories()
    return stdyn.match_teachers(**{"runs": runs, "theory": theory} | changes)


def scored(**changes):
    return stdyn.z_scores(**{"runs": trajectories()[1], "predicted": predicted()} | changes)


def of_runs(trajectory):
    """Of runs, not of the theory, which is asked for when it is called."""
    return stdyn.plateaus(trajectory or trajectories()[1])


def exchanged(function, runs):
    """The theory as runs, and runs as the theory."""
    theory, ensemble = trajectories()
    return function(runs or theory, ensemble)


def summarised(**changes):
    return stdyn.summary.summarise(**{"trajectory": trajectories()[0], "alphas": ALPHAS} | changes)


STATES = [
    *NOT_NUMBERS[:20],
    (1, "9 entries"),
    ([1, 2], "9 entries"),
    ([np.nan] * 9, "finite"),
    ([np.inf] * 9, "finite"),
    (np.full((2, 9), 1e8), "below 1e+08"),
    (PROBLEM_AT, "array of numbers"),
    (OTHER, "shapes"),
    ({}, "R, Q, v"),
    ({"R": 1, "Q": 1}, "R, Q, v"),
    (TWO, "nothing else"),
    ({"R": 1, "Q": 1, "v": 1}, "state['R'] must have shape (2, 2)"),
    ({**START, "Q": [[1, 0.1], [0, 1]]}, "state['Q'] must be symmetric"),
    ({**START, "Q": [[1, np.nan], [np.nan, 1]]}, "symmetric"),
    ({**START, "v": [1, 2, 3]}, "state['v'] must have shape (2,)"),
    ({**START, "v": ["a", 2]}, "state['v'] must be an array of numbers"),
]
SIMULATE = {
    "problem": kinds("Problem"),
    "alphas": [*TIMES, ([0, 1e300], "at most")],
    "runs": [*INTEGER, (0, "at least"), (10**12, "memory")],
    "rng": GENERATOR,
    "normals": NAME,
    "workers": [*INTEGER[:1], *INTEGER[2:], (0, "at least")],
}
SOLVE = {"problem": PROBLEM_AT, "alphas": ALPHAS}
FUNCTIONS = [
    (
        partial(call, stdyn.integrate, SOLVE),
        {
            "problem": kinds("Problem"),
            "alphas": TIMES,
            "method": NAME,
            "rtol": TOLERANCE,
            "atol": [*NUMBER[:1], *NUMBER[2:], (0, "at least")],
            "max_steps": [*INTEGER, (0, "at least")],
        },
    ),
    *[
        (partial(call, function, SOLVE | {"rng": bits()}), SIMULATE)
        for function in (stdyn.simulate_network, stdyn.simulate_reduced)
    ],
    (
        partial(call, stdyn.fluctuations, SOLVE),
        {
            "problem": kinds("Problem"),
            "alphas": TIMES,
            "points": [*INTEGER, (128, "at least"), (1000, "power of 2")],
            "method": NAME,
            "rtol": TOLERANCE,
        },
    ),
    (partial(call, stdyn.load_fluctuations, {}), {"path": PATH}),
    (
        partial(call, stdyn.fixed_points, {"problem": PROBLEM_AT, "number_of_starts": 0, "rng": bits()}),
        {
            "problem": kinds("Problem"),
            "starts": [
                (3, "OrderParameters"),
                ("text", "OrderParameters"),
                (PROBLEM_AT.start, "OrderParameters"),
                ([3], "OrderParameters"),
                ([None], "OrderParameters"),
                ([OTHER], "shape"),
                (np.ones((2, 2)), "OrderParameters"),
                (MASKED, "OrderParameters"),
                (Odd(), "OrderParameters"),
            ],
            "number_of_starts": INTEGER,
            "rng": GENERATOR,
        },
    ),
    (
        partial(call, stdyn.critical_eta, {"problem": PARITY}),
        {
            "problem": kinds("Problem"),
            "at": [*kinds("OrderParameters")[1:], (OTHER, "shape"), (PARITY.start, "fixed point")],
        },
    ),
    (
        partial(method, saddle, "escape_time", distance=1e-3),
        {"distance": [*NUMBER, (0, "at least")], "to": [*NUMBER, (1e-4, "at least")]},
    ),
    (
        partial(method, saddle, "moves"),
        {"direction": [*INTEGER, (100, "at most")], "most": [*INTEGER, (0, "at least")]},
    ),
    (
        partial(call, stdyn.flow, {"problem": PROBLEM_AT}),
        {"problem": kinds("Problem"), "alpha": NUMBER},
    ),
    (partial(call, stdyn.Flow, {"problem": PROBLEM_AT}), {"problem": kinds("Problem"), "alpha": NUMBER}),
    *[(partial(method, flow_at, name), {"state": STATES}) for name in ("pack", "rhs", "jacobian")],
    (
        partial(method, flow_at, "unpack"),
        {"y": [*NOT_NUMBERS[:20], (1, "9 entries"), ([1, 2], "9 entries"), ({}, "array of numbers")]},
    ),
    (partial(method, flow_at, "spectrum"), {"trajectory": kinds("Trajectory")}),
    (
        compared,
        {
            "runs": kinds("Trajectory"),
            "theory": kinds("Trajectory"),
            "false_alarm": [*NUMBER, (0, "between"), (1, "between")],
            "bias": NUMBER,
        },
    ),
    (matched, {"runs": kinds("Trajectory"), "theory": kinds("Trajectory")}),
    (scored, {"runs": kinds("Trajectory"), "predicted": kinds("Fluctuations")}),
    (
        partial(call, stdyn.plateaus, {}),
        {"trajectory": kinds("Trajectory")},
    ),
    (of_runs, {"trajectory": [(None, "solution of the ODEs")]}),
    *[(partial(exchanged, each), {"runs": [(None, "ensemble")]}) for each in (stdyn.compare, stdyn.match_teachers)],
    (
        partial(call, stdyn.escape_times, {"problem": PROBLEM_AT, "rng": bits()}),
        {"problem": kinds("Problem"), "draws": [*INTEGER, (0, "at least")], "rng": GENERATOR},
    ),
    (partial(method, escape, "at"), {"N": [*NUMBER[:16], (0, "at least")]}),
    (summarised, {"trajectory": kinds("Trajectory"), "alphas": TIMES}),
    *[
        (
            partial(call, function, {"alphas": [1.0, 2.0, 3.0], "eps_g": [1.0, 0.5, 0.2]}),
            {
                "alphas": [*[row for row in TIMES if row[1] not in ("empty", "shape")], ([0, 1], "shape")],
                "eps_g": [*NOT_NUMBERS[:20], (1, "shape"), ([1, 2], "shape")],
            },
        )
        for function in (stdyn.summary.plateau, stdyn.summary.flat_stretches)
    ],
    (partial(call, stdyn.summary.censored, {}), {"lengths": NOT_NUMBERS[:20]}),
    (
        scan,
        {
            "problems": [
                *kinds("Problem"),
                (PROBLEM_AT, "sequence"),
                ([], "empty"),
                ([PROBLEM_AT, 3], "Problem"),
                ([PROBLEM_AT, stdyn.Problem(OTHER, eta=0.1, eta_v=0)], "same shapes"),
                (iter([3]), "Problem"),
                (iter(()), "empty"),
                (stdyn.Experiment(), "Problem"),
            ],
            "alphas": TIMES,
            "path": PATH,
            "solve": [
                (None, "function"),
                ("ode", "function"),
                (3, "function"),
                (Odd(), "function"),
                (max, "parameters"),
            ],
            "executor": [
                ("processes", "Executor"),
                (2, "Executor"),
                (stdyn.processes, "Executor"),
                (Odd(), "Executor"),
            ],
            "seed": [(1, "no use"), ("1", "no use")],
            "keep": [
                ("nothing", "must be one of"),
                (3, "must have 1 axis"),
                ({}, "must be an array of numbers, but is {}"),
                (None, "array of numbers"),
                (True, "truth"),
                (b"all", "texts"),
                ([0.5], "some of the alphas"),
                ([1, 0], "increase"),
                ([], "empty"),
                ([np.nan], "finite"),
                (MASKED, "masked"),
                (DATES, "dates"),
                (np.array(["all"]), "texts"),
                ("x" * 10**5, "must be one of"),
            ],
            "coordinates": [
                ([1], "mapping"),
                ("eta", "mapping"),
                ({1: [1]}, "texts for names"),
                ({"x": [1, 2]}, "each of the 1 points"),
                ({"x": DATES[:1]}, "dates"),
                ({"x": MASKED[1:]}, "masked"),
                ({"x": [None]}, "numbers or texts"),
                ({"x": [1j]}, "numbers or texts"),
                ({"x": 3}, "each of the"),
                ({"a b": [1]}, "space"),
                ({"": [1]}, "names"),
                ({"eps_g": [1]}, "taken"),
                ({"x": [Odd()]}, "numbers or texts"),
                ({"x": [np.nan, 1]}, "each of the"),
                ({"x": [date(2026, 1, 1)]}, "numbers or texts"),
                ({"x": [[1], [2, 3]]}, "numbers or texts"),
                ({"x": None}, "numbers or texts"),
            ],
            "in_flight": [*INTEGER, (0, "at least")],
        },
    ),
    (
        partial(scan, solve=stdyn.simulate_reduced),
        {"seed": [(None, "needed"), *INTEGER[:1], *INTEGER[2:7], (np.random.default_rng(1), "integer")]},
    ),
    (partial(call, stdyn.open_scan, {}), {"path": PATH}),
    (partial(call, stdyn.open_training, {}), {"path": PATH}),
    (partial(call, stdyn.Scan, {}), {"path": PATH}),
    (partial(call, stdyn.Histories, {}), {"path": PATH}),
    (
        lambda **wrong: file_of_scan().read(**{"name": "state"} | wrong),
        {
            "name": [("nothing", "holds no"), (None, "holds no"), (["state"], "holds no")],
            "points": [("a", "points"), (1.5, "points"), (9, "points"), ([9], "points"), (None, "points")],
        },
    ),
    *[
        (
            partial(method, file_of_scan, name),
            {
                "index": [
                    ("0", "integer"),
                    (None, "integer"),
                    (2, "at most"),
                    (-3, "at least"),
                    (0.5, "integer"),
                    (True, "integer"),
                ]
            },
        )
        for name in ("problem", "trajectory")
    ],
    (
        partial(
            call,
            stdyn.study,
            {"variations": stdyn.Variations(stdyn.Experiment(K=2, M=2), {"eta": [0.1, 0.2]}), "alphas": ALPHAS},
        ),
        {
            "variations": [
                *kinds("Variations"),
                ([PROBLEM_AT], "Variations"),
            ],
            "alphas": TIMES,
        },
    ),
    (
        partial(call, stdyn.Variations, {"experiment": stdyn.Experiment(K=2, M=2), "vary": {"eta": [0.1, 0.2]}}),
        {
            "experiment": [*kinds("Experiment"), (PROBLEM_AT, "Experiment")],
            "vary": [
                (None, "mapping"),
                ("eta", "mapping"),
                ([("eta", [1])], "mapping"),
                ({3: [1]}, "quantity"),
                ({"etaa": [1]}, "nearest one is 'eta'"),
                ({"x" * 10**5: [1]}, "there are N, eta"),
            ],
            "sample": [*NAME[:4]],
            "number": [(3, "nothing is sampled"), ("3", "nothing is sampled")],
        },
    ),
    (
        lambda **vary: stdyn.Variations(stdyn.Experiment(K=2, M=2), vary),
        {
            "eta": [
                *[([value], words) for value, words in NUMBER if not isinstance(value, list | type(None))],
                (3, "list of values"),
                ("0.1", "list of values"),
                (None, "list of values"),
                ([], "list of values"),
                ({1, 2}, "list of values"),
                ([0.1, 0.1], "twice"),
                (MASKED, "masked"),
                (DATES, "number"),
                (np.ones((2, 2)), "number"),
                (np.array(0.1), "list of values"),
                ({"from": 1, "number": 2}, "to"),
                ({"from": 1, "to": 2, "step": 3}, "step"),
                ({"from": 1, "to": "2", "number": 2}, "number"),
                ({"from": 1, "to": 2, "number": 0}, "at least"),
                ({"from": 1, "to": 2, "number": "2"}, "integer"),
                ({"from": 1, "to": 2, "number": 10**20}, "at most"),
                ({"from": 0, "to": 2, "number": 2, "spacing": "log"}, "above 0"),
                ({"from": 0, "to": 2, "number": 2, "spacing": 3}, "spacing"),
                ([1e308], "at most"),
                ({"from": 0, "to": 1e308, "number": 2}, "at most"),
                ([Odd()], "cannot be shown"),
            ],
            "rule": [(["fa", "hebb"], "one of fa, bp"), ([3], "one of"), ("fa", "list")],
            "activation": [(["gelo"], "one of"), ([3], "name"), ([None], "name")],
            "N": [([2.5], "integer"), (["9"], "integer"), ([0], "at least"), ([-3], "at least")],
            "draw": [([-1], "at least"), (["a"], "integer"), ("all", "list"), ({"from": 1, "to": 2}, "draw")],
            "b_angle": [([181], "at most"), ([-1], "at least"), ([np.nan], "finite")],
            "K": [([2, 3], "cannot vary")],
        },
    ),
    (
        lambda **sampled: stdyn.Variations(stdyn.Experiment(K=2, M=2), {"eta": {"from": 0, "to": 1}}, **sampled),
        {"sample": NAME, "number": [(None, "needed"), *INTEGER[:1], *INTEGER[2:], (0, "at least"), (10**9, "at most")]},
    ),
    (
        train,
        {
            "training": kinds("Training"),
            "path": PATH,
            "data": [(3, "path"), ("", "path"), (b"x", "path")],
            "executor": [("processes", "Executor"), (2, "Executor")],
            "threads": [*INTEGER[:1], *INTEGER[2:], (0, "at least")],
        },
    ),
    (entered, {"workers": [*INTEGER[:1], *INTEGER[2:7], (0, "at least")]}),
    (
        partial(call, stdyn.ClusterExecutor, {}),
        {"client": [(None, "distributed.Client"), ("tcp://x:1", "distributed.Client"), (Odd(), "distributed.Client")]},
    ),
]
CALLS = rows(FUNCTIONS)
