"""Arguments that the functions and classes of the package must refuse: call, argument, value, words of the answer."""

from dataclasses import replace
from functools import cache, partial

import numpy as np

import stdyn
from stdyn import layered
from stdyn.layered.mnist import Images

MASKED = np.ma.array([1.0, 2.0], mask=[True, False])
DATES = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
RNG = np.random.default_rng(1)
ALPHAS = [0.0, 1.0]


class Odd:
    """An object whose repr fails."""

    def __repr__(self):
        raise RuntimeError


NOT_NUMBERS = [
    (None, "array of numbers"),
    ("12", "texts are not meant"),
    (["1", "2"], "texts are not meant"),
    ([1, "2"], "texts are not meant"),
    ([True, 2.0], "truth values are not meant"),
    (np.array([True, False]), "truth"),
    ([1 + 2j, 1], "complex numbers"),
    (MASKED, "masked values"),
    ([np.ma.masked, 1.0], "masked values"),
    (DATES, "dates"),
    (DATES - DATES, "times"),
    (np.array(["a", 1], dtype=object), "is no number"),
    (np.array([1, None]), "is no number"),
    (np.array([1.0, True], dtype=object), "is no number"),
    ([10**400, 1], "too large"),
    ([1, [2]], "array of numbers"),
    (iter([1, 2]), "must be an array of numbers, but is"),
    ({1, 2}, "must be an array of numbers, but is {1, 2}"),
    (Odd(), "cannot be shown"),
    (b"12", "texts are not meant"),
    ([np.nan, 1], "finite"),
    ([np.inf, 1], "finite"),
    ([], "empty"),
    (np.zeros((2, 0)), "empty"),
    (1, "must have 1"),
    (np.ones((2, 2, 2)), "must have 1"),
    ([1, 2, 3], "shape"),
]
NUMBER = [
    ("1", "number"),
    (None, "number"),
    (True, "number"),
    (np.True_, "number"),
    (1j, "number"),
    ([1], "number"),
    (np.array([1.0]), "number"),
    (np.ma.masked, "number"),
    (DATES[0], "number"),
    (Odd(), "cannot be shown"),
    (np.nan, "finite"),
    (np.float32("nan"), "finite"),
    (np.inf, "finite"),
    (10**400, "finite"),
    (-1, "at least"),
    (-np.float32(1e-3), "at least"),
    (np.array(-1.0), "at least"),
]
INTEGER = [
    ("2", "integer"),
    (None, "integer"),
    (2.5, "integer"),
    (np.nan, "integer"),
    (True, "integer"),
    (np.array([2]), "integer"),
    (-1, "at least"),
    (10**20_000, "at most"),
]
GENERATOR = [
    (None, "Generator"),
    *[(wrong, "an int of at least 0 or a numpy.random.Generator") for wrong in (True, np.True_, -1, np.int64(-3), 1.0)],
    *[(wrong, "Generator") for wrong in ("1", [1, 2], np.array([1]), np.random.RandomState(1), np.random)],
]
PATH = [(None, "path"), (3, "path"), ("", "path"), ("a\0b", "path")]
NAME = [
    ("hebb", "must be"),
    (3, "must be"),
    (None, "must be"),
    (["bp", "fa"], "must be"),
    (np.array(["a", "b"]), "must be"),
    ("x" * 600_000, "must be"),
]

TWO = {"R": [[0.1, 0], [0, 0.1]], "Q": [[1, 0], [0, 1]], "T": [[1, 0], [0, 1]], "v": [1, 1], "v_teacher": [1, 1]}
START = stdyn.OrderParameters(**TWO)
PROBLEM = {"start": START, "rule": "fa", "b": [1, 2], "eta": 0.5, "eta_v": 0.5}
RANDOM = {"K": 2, "M": 2, "N": 50, "q": 0.2, "rng": RNG}
NETWORK = {"W": [np.ones((3, 4)), np.ones((2, 3))], "b": [np.zeros(3), np.zeros(2)]}
IMAGES = {
    name: np.ones(shape, np.uint8)
    for name, shape in zip(
        ("train_images", "train_labels", "test_images", "test_labels"), 2 * ((6, 4), (6,)), strict=True
    )
}


@cache
def trajectories():
    """Theory, and runs."""
    problem = stdyn.Problem(**PROBLEM)
    return stdyn.integrate(problem, ALPHAS), stdyn.simulate_reduced(problem, ALPHAS, 2, rng=np.random.default_rng(1))


def at(which, **changes):
    """Trajectory.at, of the theory or of runs."""
    return trajectories()[which].at(**({"position": 0, "run": None if which == 0 else 0} | changes))


def save(**changes):
    return trajectories()[0].save(**changes)


def made(**changes):
    """A Trajectory with other fields."""
    return replace(trajectories()[0], **changes)


def train_network(**changes):
    network, images = layered.Network(**NETWORK), Images(**IMAGES)
    given = {"network": network, "images": images, "epochs": 1, "lr": 0.1, "rng": np.random.default_rng(1)}
    return layered.train(**given | changes)


def call(function, valid, **changes):
    """With valid arguments, but for one."""
    return function(**valid | changes)


def problem_of(**changes):
    """That of an experiment, as small as can be."""
    given = {"rule": "fa", "K": 2, "M": 2}
    experiment = stdyn.Experiment(**given | changes)
    experiment.check()
    return experiment.problem(experiment.rules[0])


def g_of(**changes):
    return stdyn.activation(**{"g": lambda x: x, "g_prime": lambda x: 1.0, "name": "mine"} | changes)


FUNCTIONS = [
    (
        partial(call, stdyn.OrderParameters, TWO),
        {
            "v": NOT_NUMBERS,
            "R": [*NOT_NUMBERS[:12], ([[5, 0], [0, 0]], "no negative eigenvalue")],
            "v_teacher": NOT_NUMBERS[6:10],
            "Q": [
                *NOT_NUMBERS[3:9],
                ([[1, 0.5], [0.4, 1]], "symmetric"),
                ([[1, 2e-9], [1e-9, 1]], "symmetric"),
                ([[-1, 0], [0, 1]], "no negative eigenvalue"),
                ([[1]], "shape"),
            ],
            "T": [*NOT_NUMBERS[3:9], ([[1, 2], [3, 4]], "symmetric"), (np.eye(3), "shape")],
        },
    ),
    (
        partial(call, stdyn.Problem, PROBLEM),
        {
            "eta": [(None, "is needed"), *[row for row in NUMBER if row[0] is not None], (1e308, "at most")],
            "eta_v": [(None, "is needed"), NUMBER[0], NUMBER[2]],
            "sigma": NUMBER[9:14],
            "decay": NUMBER[:3],
            "decay_v": NUMBER[-3:],
            "N": INTEGER,
            "b": NOT_NUMBERS[1:],
            "rule": NAME,
            "activation": [*NAME, (np.tanh, "name"), (Odd(), "cannot be shown")],
            "activation_teacher": [NAME[0], NAME[1]],
            "quadrature": [*INTEGER, (3000, "power of 2")],
            "start": [
                (None, "OrderParameters"),
                ("random", "OrderParameters"),
                (TWO, "OrderParameters"),
                (Odd(), "Odd"),
            ],
        },
    ),
    (
        g_of,
        {
            "g": [(None, "function"), (3, "function"), (lambda x: x.foo, "compile"), (lambda x: x + 1e999, "finite")],
            "g_prime": [("1", "function"), (lambda x: 2.0, "derivative")],
            "name": [(3, "text"), ("", "text"), ("erf", "text")],
        },
    ),
    (
        partial(call, stdyn.initial.prepared, {"K": 2, "M": 2}),
        {
            "K": INTEGER,
            "M": INTEGER[:3],
            "q": NUMBER[-8:],
            "r": NUMBER[:4] + NUMBER[10:12],
            "v": NOT_NUMBERS[:6],
            "v_teacher": NOT_NUMBERS[6:9],
            "teacher": [("odd", "must be"), (None, "array of numbers"), (MASKED, "masked")],
        },
    ),
    (
        partial(call, stdyn.initial.random_weights, RANDOM),
        {
            "K": INTEGER[:2],
            "N": [*INTEGER[:3], (1, "at least the rank of T, 2")],
            "q": NUMBER[:3],
            "rng": GENERATOR,
            "teacher": [("odd", "must be")],
            "v": NOT_NUMBERS[:2],
            "M": INTEGER[-2:],
            "v_teacher": NOT_NUMBERS[:2],
        },
    ),
    (partial(call, stdyn.initial.teacher_overlaps, {"M": 2}), {"M": INTEGER, "teacher": [*NAME[:1], (3, "axes")]}),
    (partial(call, stdyn.initial.root, {}), {"C": NOT_NUMBERS[:4]}),
    (partial(call, stdyn.initial.coordinates, {}), {"state": [(None, "OrderParameters"), (np.eye(2), "ndarray")]}),
    (
        partial(call, stdyn.weights, {"state": START, "N": 20, "rng": RNG}),
        {
            "state": [(None, "OrderParameters"), (Odd(), "Problem"), (np.eye(2), "ndarray")],
            "N": [*INTEGER, (3, "at least")],
            "rng": GENERATOR,
        },
    ),
    *[
        (
            partial(call, function, {"C": np.eye(2)}),
            {
                "C": [*NOT_NUMBERS[:6], (MASKED, "masked"), (1, "shape"), (np.ones((2, 3)), "shape")],
                "activation": NAME[:2],
            },
        )
        for function in (stdyn.averages.I2, stdyn.averages.I3, stdyn.averages.J2, stdyn.averages.I4)
    ],
    (partial(call, stdyn.averages.I3, {"C": np.eye(2)}), {"activation": [("gelu", "erf, linear, relu, tanh")]}),
    *[
        (
            partial(call, function, TWO | {"v": [[1], [1]], "v_teacher": [[1], [1]]}),
            {
                "R": [(None, "numbers"), (1, "shape")],
                "Q": [(MASKED, "masked"), (np.eye(3), "axes")],
                "T": [("1", "texts")],
                "v": [([1, 1], "axes"), (None, "numbers")],
                "v_teacher": [([[1, 2], [3, 4]], "axes")],
                "activation": NAME[:2],
            },
        )
        for function in (stdyn.averages.eps_g, stdyn.averages.eps_g_error, stdyn.averages.eps_g_formula)
    ],
    (
        problem_of,
        {
            "K": INTEGER,
            "M": INTEGER[:2],
            "N": INTEGER[:4],
            "outputs": INTEGER,
            "eta": [
                *NUMBER[:1],
                *NUMBER[2:4],
                (lambda alpha: 1.0, "which a file can hold"),
                (stdyn.schedule.function(abs), "is a Python function, and a file holds named schedules only"),
            ],
            "tasks": [(3, "table"), ([1], "table"), (Odd(), "table")],
            "inputs": [
                (3, "table"),
                ([1], "table"),
                (Odd(), "table"),
                ({"kind": "spectrum", "variances": [1, Odd()], "fractions": [0.5, 0.5]}, "variances must be"),
                ({"kind": "power_law", "exponent": lambda x: x}, "exponent must be a number"),
            ],
            "flow": [(1, "True or False")],
            "batch": [*INTEGER[:1], *INTEGER[2:], (0, "at least")],
            "v": NOT_NUMBERS[1:9],
            "b": NOT_NUMBERS[1:4],
            "R": [([[1]], "given together")],
            "T": NOT_NUMBERS[1:3],
            "seed": INTEGER,
            "points": INTEGER,
            "alpha_max": NUMBER[:8],
            "alpha_min": [("1", "number"), (1e9, "below alpha_max")],
            "spacing": NAME,
            "start": NAME,
            "rule": NAME,
            "method": NAME,
            "normals": NAME,
            "ode_method": NAME,
            "rtol": NUMBER[:4],
            "teacher": NAME[:1],
            "runs": [("16", "integer"), (0, "at least"), (10**12, "at most")],
            "reduced_runs": [(0.5, "integer")],
            "r": [(0.1, "prepared")],
        },
    ),
    (
        made,
        {
            "problem": [(None, "Problem"), (3, "Problem")],
            "method": NAME,
            "alphas": [([0, 1], "float64"), (None, "float64")],
            "R": [(np.ones(3), "shape"), (None, "float64")],
            "Q": [("1", "float64")],
            "v": [(np.ones((2, 2), int), "float64")],
        },
    ),
    (
        partial(at, 0),
        {"position": [(5, "at most"), ("1", "integer"), (None, "integer"), (0.5, "integer")], "run": [(0, "None")]},
    ),
    (
        partial(at, 1),
        {"position": [(-3, "at least")], "run": [(None, "number of a run"), (2, "at most"), ("0", "integer")]},
    ),
    (save, {"path": PATH}),
    (partial(call, stdyn.load, {}), {"path": PATH}),
    (
        partial(call, layered.Network, NETWORK),
        {
            "W": [
                (None, "list"),
                ([], "as many"),
                ([np.ones((3, 4), int)] * 2, "float"),
                ([np.ones((3, 4))] * 2, "shape"),
                ([np.ma.array(np.ones((3, 4)), mask=True)] * 2, "masked"),
                (["a", "b"], "texts"),
                (np.ones((2, 2)), "list"),
            ],
            "b": [(None, "list"), ([np.zeros(3)], "as many"), ([np.zeros(2)] * 2, "shape")],
        },
    ),
    (
        partial(call, layered.random_network, {"widths": [4, 3, 2], "rng": RNG}),
        {
            "widths": [
                (None, "numbers of inputs"),
                ([3], "numbers of inputs"),
                ([3, 0], "at least"),
                ([3, "a"], "integer"),
                ("432", "numbers of inputs"),
                ([3, 10**20], "at most"),
            ],
            "rng": GENERATOR,
            "dtype": [("int", "float32"), (None, "float32"), ("x", "float32"), ([], "float32"), (3, "float32")],
        },
    ),
    (
        partial(call, layered.random_feedback, {"widths": [4, 3, 2], "rule": "fa", "rng": RNG}),
        {
            "widths": [(None, "inputs")],
            "rule": NAME,
            "rng": GENERATOR,
        },
    ),
    (
        train_network,
        {
            "network": [(None, "Network"), ("a", "Network")],
            "images": [(None, "Images")],
            "rule": NAME,
            "feedback": [([np.ones((3, 2))], "refused")],
            "epochs": INTEGER,
            "lr": NUMBER[:6],
            "batch": INTEGER[:4],
            "rng": GENERATOR,
            "measured": INTEGER[:4],
            "threads": [(0, "at least"), (3, "at most"), ("1", "integer")],
        },
    ),
    (
        partial(call, Images, IMAGES),
        {
            "train_images": [
                (None, "numbers"),
                (np.ones((6, 4)), "uint8"),
                (np.ma.array(np.ones((6, 4), "u1"), mask=True), "masked"),
            ],
            "train_labels": [(np.ones(5, np.uint8), "as many")],
            "test_images": [(np.ones((6, 3), np.uint8), "pixels")],
            "test_labels": [([], "uint8")],
        },
    ),
    (
        partial(call, stdyn.mnist.load, {}),
        {"folder": [(3, "path"), ("none", "does not exist"), ("~nobody-there", "home")]},
    ),
    (partial(call, stdyn.mnist.read, {}), {"folder": PATH}),
    (
        partial(call, stdyn.mnist.fetch, {}),
        {"folder": PATH[1:], "mirrors": [(3, "addresses"), ("http://a", "addresses")]},
    ),
    (
        partial(call, stdyn.Training, {}),
        {
            "rule": [*NAME[:3], (["bp", "bp"], "repeat"), ([], "at least one")],
            "widths": [*INTEGER[:5], ([0], "at least")],
            "epochs": INTEGER,
            "lr": NUMBER,
            "batch": INTEGER[:4],
            "seeds": [*INTEGER[:4], ([1, 1], "repeat")],
            "feedback_scale": NUMBER[:4],
            "weight_scale": NUMBER[-8:],
            "train_size": [("1", "integer"), (0, "at least")],
            "measured": INTEGER[:4],
        },
    ),
]


def rows(functions):
    """(call, argument, value, words of the answer), one for each value."""
    return [
        (function, argument, value, words)
        for function, arguments in functions
        for argument, values in arguments.items()
        for value, words in values
    ]


ARGUMENTS = rows(FUNCTIONS)
