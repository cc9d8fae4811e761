"""Bad arguments of inputs with a spectrum, and of what is done with them: rows as in bad_arguments.py."""

from functools import cache, partial

import numpy as np
from bad_arguments import GENERATOR, INTEGER, MASKED, NOT_NUMBERS, NUMBER, Odd, call, rows

import stdyn
from stdyn import Inputs

WRONG = NOT_NUMBERS[:22]  # of any number of axes
LISTS = [row for row in WRONG if row[1] not in ("finite", "empty")]
TWO = {"variances": [2, 1], "fractions": [0.5, 0.5]}
POSITIVE = [
    *WRONG,
    ([], "empty"),
    (1, "must have 1 axis"),
    (np.ones((2, 2)), "must have 1 axis"),
    ([1, 0], "[1] is 0"),
    ([1, -2], "must be positive, but"),
    ([1, 1e40], "1e-100 to 1e+30"),
    ([1, 1e-200], "1e-100 to 1e+30"),
]
BINS = [("count", "one of number, variance"), (None, "one of"), (3, "one of"), (Odd(), "cannot be shown")]
SOME = [row for row in INTEGER if row[0] is not None]
GROUPS = [*SOME, (0, "at least 1"), (11, "at most the number of directions, N = 10, but is 11")]
COUNT = [*INTEGER, (0, "at least 1"), (2**30, "at most")]
DATA = np.random.default_rng(1).normal(size=(40, 10))
OMEGA = np.cov(DATA.T)


def changed(array, where, value):
    other = np.array(array)
    other[where] = value
    return other


OMEGAS = [
    *LISTS,
    ([1, 2], "must have 2 axes"),
    (np.zeros((0, 0)), "empty"),
    (np.ones((2, 3)), "must be square, but has shape (2, 3)"),
    (changed(OMEGA, (2, 3), np.nan), "Omega[2, 3] is nan"),
    (changed(OMEGA, (2, 3), np.inf), "finite"),
    (changed(OMEGA, (2, 3), 9.0), "must be symmetric, but Omega[2, 3] = 9.0"),
    (np.zeros((2, 2)), "positive definite, but 2 of its 2"),
    ([[1, 2], [2, 1]], "positive definite, but 1 of its 2 eigenvalues are not (the smallest is -1)"),
    (np.ones((3, 3)), "positive definite, but 2 of its 3"),
]
XS = [
    *LISTS,
    ([1.0, 2.0], "must have shape (P, N)"),
    (np.ones((2, 2, 2)), "must have shape (P, N)"),
    (np.zeros((0, 3)), "must have shape (P, N)"),
    (changed(DATA, (3, 7), np.nan), "must be finite, but column 7 has NaN or infinity"),
    (changed(DATA, (slice(None), [1, 2]), np.inf), "2 columns (1, 2, counted from 0) have NaN"),
    (changed(DATA, (slice(None), 4), 0.3), "must vary in every column, but column 4 has one value only"),
    (changed(DATA, (slice(None), slice(8)), 1), "8 columns (0, 1, 2, 3, 4, 5, …, counted from 0)"),
    (changed(DATA, (slice(None), 4), DATA[:, 5]), "on its 9 leading principal components"),
    (DATA[:10], "more rows than its 10 columns"),
    (changed(DATA, (slice(None), 4), DATA[:, 5] - DATA[:, 6]), "1 of the 10 eigenvalues of its covariance are zero"),
    (1e200 * DATA, "a finite covariance"),
]
CONSTANT = stdyn.activation(lambda x: 0.7, lambda x: 0.0, name="a constant")
FAR = stdyn.activation(lambda x: x**200, lambda x: 200 * x**199, name="too large")
TABLES = [
    *[(value, "must be a table") for value in (None, "isotropic", 3, [1], Odd())],
    ({}, "kind must be one of isotropic, spectrum, power_law, spiked, hidden_manifold, but is None"),
    ({"kind": "steps"}, "but is 'steps'"),
    ({"kind": ["spectrum"]}, "kind must be one of"),
    ({"kind": "isotropic", "N": 3}, "must have no other key, but has 'N'"),
    ({"kind": "spectrum", "variances": [1]}, "has no 'fractions'"),
    ({"kind": "spectrum", "variances": [1], "fractions": [0.5]}, "fractions must sum to 1, but sum to 0.5"),
    ({"kind": "power_law", "N": 9}, "has no 'exponent'"),
    ({"kind": "power_law", "exponent": 1}, "has no 'N'"),
    ({"kind": "power_law", "exponent": -1, "N": 9}, "exponent must be finite and at least 0"),
    ({"kind": "power_law", "exponent": 1, "N": 9, "group": 3}, "and may have groups, bins, but has 'group'"),
    ({"kind": "spiked", "spikes": [0.0], "N": 9}, "spikes must be positive"),
    (
        {"kind": "hidden_manifold", "f": "erf", "latent": 3, "N": 9},
        "rng must be an int of at least 0 or a numpy.random.Generator",
    ),
    ({"kind": "hidden_manifold", "f": "erf", "N": 9}, "has no 'latent'"),
]


def of_table(table):
    """The key, or the whole, is named."""
    try:
        Inputs.of(table)
    except stdyn.InputError as error:
        raise stdyn.InputError(f"table: {error}") from None


@cache
def hidden():
    return Inputs.hidden_manifold("erf", 4, 10, 2, rng=np.random.default_rng(1))


@cache
def along():
    return Inputs.from_covariance(OMEGA, 3)


MANIFOLD = {"f": "erf", "latent": 4, "N": 10, "groups": 2}
AXES = np.eye(4)
FUNCTIONS = [
    *[
        (
            partial(call, make, TWO),
            {
                "variances": [*POSITIVE, ([1, 2, 3], "for each of the 3 variances")],
                "fractions": [
                    *POSITIVE,
                    ([0.5, 0.4], "must sum to 1, but sum to 0.9"),
                    ([0.5, 0.5 + 1e-8], "must sum to 1"),
                    ([1.0], "for each of the 2 variances"),
                ],
            },
        )
        for make in (Inputs, Inputs.spectrum)
    ],
    (
        partial(call, Inputs, TWO),
        {
            "axes": [
                *LISTS[1:],
                (np.ones(4), "must have 2 axes"),
                (np.ones((2, 4)), "must be square"),
                (2 * AXES, "orthonormal rows"),
                (AXES + 1e-3, "orthonormal rows"),
                (changed(AXES, (0, 1), np.nan), "axes[0, 1] is nan"),
                (np.eye(3), "whole numbers of the 3 axes, but fractions[0] is 1.5 of them"),
            ],
            "eigenvalues": [*POSITIVE[1:], ([3, 2, 1], "whole numbers of the 3 eigenvalues")],
            "manifold": [("erf", "HiddenManifold"), (3, "HiddenManifold"), (hidden().manifold, "axes and eigenvalues")],
        },
    ),
    (partial(call, Inputs, TWO | {"axes": AXES}), {"eigenvalues": [([2, 1], "for each of the 4 axes, but has 2")]}),
    (
        partial(call, Inputs.power_law, {"exponent": 1, "N": 10, "groups": 2}),
        {
            "exponent": [*NUMBER, (101, "at most 100")],
            "N": [*COUNT, (1, "at most the number of directions, N = 1,")],
            "groups": GROUPS,
            "bins": BINS,
        },
    ),
    (partial(call, Inputs.power_law, {"N": 10**4}), {"exponent": [(50, "above 1e-100, but is 50")]}),
    (
        partial(call, Inputs.spiked, {"spikes": [3, 2], "N": 10}),
        {"spikes": [*POSITIVE, (np.ones(11), "at most N = 10")], "N": COUNT, "variance": [*NUMBER, (0, "positive")]},
    ),
    (
        partial(call, Inputs.from_eigenvalues, {"eigenvalues": np.arange(1, 11)}),
        {"eigenvalues": POSITIVE, "groups": GROUPS, "bins": BINS},
    ),
    (
        partial(call, Inputs.from_covariance, {"Omega": OMEGA}),
        {"Omega": OMEGAS, "groups": GROUPS, "bins": BINS},
    ),
    (partial(call, Inputs.from_data, {"X": DATA, "groups": 3}), {"X": XS, "groups": GROUPS, "bins": BINS}),
    (partial(call, Inputs.from_data, {"groups": None}), {"X": [(MASKED, "masked")]}),
    (
        partial(call, Inputs.hidden_manifold, MANIFOLD | {"features": np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]]}),
        {
            "f": [
                ("nope", "must be one of erf"),
                (3, "a name or a stdyn.Activation"),
                (None, "a name or a stdyn.Activation"),
                (Odd(), "cannot be shown"),
                ("linear", "must not be linear where features have a rank below N (latent = 4, N = 10)"),
                (CONSTANT, "must not be constant, but a constant is"),
                (FAR, "must have Gaussian moments"),
            ],
            "latent": [*COUNT, (5, "(N, latent) = (10, 5), but has shape (10, 4)")],
            "N": [*COUNT, (5, "(N, latent) = (5, 4), but has shape (10, 4)")],
            "groups": GROUPS,
            "bins": BINS,
            "features": [
                *LISTS[1:],
                (np.ones((10, 4)), "features[0] has norm 2"),
                (np.zeros((10, 4)), "features[0] has norm 0"),
                (np.full((10, 4), np.nan), "finite"),
                (np.ones(4), "2 axes"),
            ],
        },
    ),
    (
        partial(call, Inputs.hidden_manifold, MANIFOLD),
        {"rng": GENERATOR},
    ),
    (of_table, {"table": TABLES}),
    (
        lambda N: Inputs.of({"kind": "power_law", "exponent": 1}, N),
        {"N": [*[row for row in COUNT if row[0] is not None], (None, "has no 'N'")]},
    ),
    (
        lambda rng: Inputs.of({"kind": "hidden_manifold", **MANIFOLD}, rng=rng),
        {"rng": GENERATOR},
    ),
    (
        lambda N: Inputs.spiked([3], 10).directions(N),
        {"N": [*INTEGER, (0, "at least 1"), (9, "of N = 9 the fraction fractions[0] = 0.1 has 0.9")]},
    ),
    (lambda N: along().directions(N), {"N": [(9, "must be 10, the number of axes"), (20, "must be 10")]}),
    (lambda N: along().scales(N), {"N": [(9, "must be 10, the number of axes"), (None, "integer")]}),
    *[
        (turn, {"X": [*LISTS, (np.ones(9), "(…, N) with N = 10, but has shape (9,)"), (3.0, "with N = 10")]})
        for turn in (lambda X: along().rotated(X), lambda X: along().unrotated(X))
    ],
    (
        partial(call, lambda A, B: along().overlaps(A, B), {"A": np.ones((2, 10)), "B": np.ones((3, 10))}),
        {
            "A": [*LISTS, (np.ones(10), "2 axes"), (np.full((1, 10), np.nan), "finite")],
            "B": [*LISTS, (np.ones(10), "2 axes"), (np.ones((2, 9)), "N = 10 of A, but has shape (2, 9)")],
        },
    ),
    (
        partial(call, lambda theta, inputs: hidden().manifold.teacher(theta, inputs), {"inputs": hidden()}),
        {"theta": [*LISTS, (np.ones(4), "2 axes"), (np.ones((2, 5)), "D = 4, but has shape (2, 5)")]},
    ),
    (
        lambda inputs: hidden().manifold.teacher(np.ones((1, 4)), inputs),
        {"inputs": [(None, "those of this manifold"), (Inputs.isotropic(), "those of this manifold")]},
    ),
    (
        partial(call, lambda count, rng: hidden().manifold.examples(count, rng), {"count": 2}),
        {"rng": GENERATOR},
    ),
    (
        lambda count: hidden().manifold.examples(count, np.random.default_rng(1)),
        {"count": [*INTEGER, (0, "at least 1"), (2**50, "memory")]},
    ),
]  # fmt: skip
INPUTS = rows(FUNCTIONS)
