"""Batches, spheres, drift and fewer inputs than units: reduced runs are networks in law; weights that are given."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from scipy.stats import norm
from test_simulate import generator

from stdyn import InputError, OrderParameters, Problem, initial, simulate_network, simulate_reduced, weights

FALSE_ALARM = 1e-6
ALPHAS = [0, 1.0, 2.0]


def largest_z(first, second):
    """The largest |z| of the differences of means, and of variances, of R, Q and v at all alphas > 0, and how many."""
    z = []
    for name in "RQv":
        a, b = (getattr(runs, name)[:, 1:].reshape(runs.runs, -1) for runs in (first, second))
        squares = [(each - each.mean(axis=0)) ** 2 for each in (a, b)]
        for one, other in ((a, b), squares):
            error = np.sqrt(one.var(axis=0) / len(one) + other.var(axis=0) / len(other))
            moved = error > 1e-12
            z += (np.abs(one.mean(axis=0) - other.mean(axis=0))[moved] / error[moved]).tolist()
            np.testing.assert_allclose(one.mean(axis=0)[~moved], other.mean(axis=0)[~moved], atol=1e-10)
    return max(z), len(z)


def one_law(first, second):
    """Whether the two ensembles may have one law: false alarm 1e-6 in all, normal means."""
    z, count = largest_z(first, second)
    return z < norm.isf(FALSE_ALARM / (2 * count))


def narrow(K, M, N, **changes):
    """A problem of vectors in N < K + M dimensions."""
    start = initial.random_weights(K, M, N, 0.8, np.random.default_rng(5), v=np.linspace(0.5, 1, K), v_teacher=1.0)
    return Problem(start, N=N, eta=1.0, eta_v=0.5, sigma=0.3, decay=0.1, **changes)


def lively(N, rule="fa", **changes):
    return random_problem(2, 2, rule=rule, N=N, **({"eta": 1.0, "eta_v": 0.5, "sigma": 0.3, "decay": 0.1} | changes))


LAWS = {  # a problem, and what must fail
    "batch": (lively(8, batch=3, eta=2.0), {"batch": 4}),
    "batch, N - K - M < K": (lively(5, batch=3, eta=2.0), {"batch": 4}),
    "batch larger than N": (lively(6, "bp", batch=12, eta=4.0), {"eta": 4.4}),
    "sphere": (lively(8, "bp", sphere=True), {"eta": 1.2}),
    "drift": (lively(8, drift=0.5), {"drift": 0.25}),
    "drift, one direction left": (lively(5, "bp", drift=0.5), {"drift": 0.25}),
    "N < K + M": (narrow(3, 2, 4), {"eta": 1.2}),
    "N = M": (narrow(2, 3, 3), {"eta": 1.2}),
    "N < M": (
        Problem(initial.random_weights(2, 3, 2, 0.8, np.random.default_rng(5), teacher=np.ones((3, 3))),
                N=2, eta=1.0, eta_v=0.5, sigma=0.3),
        {"eta": 1.2},
    ),
    "all, N < K + M": (narrow(3, 2, 4, batch=3, sphere=True, drift=0.5), {"drift": 0.25}),
    "all": (lively(9, batch=2, sphere=True, drift=0.5, eta=2.0), {"drift": 0.25}),
}  # fmt: skip
FAST = ["all", "N < K + M"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow, id=name) for name in LAWS]
)
def test_reduced_runs_and_networks_obey_one_law(name):
    """Means and variances, false alarm 1e-6 a case; a batch, a drift or an eta that is wrong is seen."""
    problem, wrong = LAWS[name]
    count = 1500
    network = simulate_network(problem, ALPHAS, count, rng=generator(1))
    assert one_law(network, simulate_reduced(problem, ALPHAS, count, rng=generator(2)))
    # more of the wrong ones, which cost less
    assert not one_law(network, simulate_reduced(replace(problem, **wrong), ALPHAS, 2 * count, rng=generator(3)))


@pytest.mark.slow
def test_the_examples_beyond_the_frame_matter():
    """At N = K + M there is nothing beyond: one N more, with the same eta/N, is seen in the law (false alarm 1e-6)."""
    changes = {"batch": 2, "eta_v": 0.0, "decay": 0.0, "decay_v": 0.0, "sigma": 0.3}
    problem = random_problem(1, 1, rule="bp", N=2, eta=2.0, **changes)
    network = simulate_network(problem, [0, 1.0], 3000, rng=generator(1))
    assert one_law(network, simulate_reduced(problem, [0, 1.0], 3000, rng=generator(2)))
    wider = replace(problem, N=3, eta=3.0)
    assert not one_law(network, simulate_reduced(wider, [0, 2 / 3], 3000, rng=generator(3)))


# ---------------------------------------------------------------------------------------------------------------------
# Fewer inputs than units


@pytest.mark.parametrize(("K", "M", "N"), [(3, 2, 4), (3, 2, 3), (2, 3, 3), (2, 2, 2), (4, 1, 1)])
def test_vectors_in_few_dimensions(K, M, N):
    """N < K + M: the coordinates are triangular, use N directions, and give the overlaps; so do the weights."""
    start = initial.random_weights(K, M, N, 0.7, np.random.default_rng(3))
    assert np.linalg.matrix_rank(start.C, tol=1e-12) == N
    L, A, S = initial.coordinates(start, N)
    assert not np.triu(L, 1).any()
    assert not np.triu(S, 1).any()
    assert not np.hstack([A, S])[:, N:].any()
    W, W_teacher = weights(start, N, generator())
    assert (W.shape, W_teacher.shape) == ((K, N), (M, N))
    for ours in ((A @ L.T, A @ A.T + S @ S.T, L @ L.T), (W @ W_teacher.T, W @ W.T, W_teacher @ W_teacher.T)):
        for found, expected in zip(ours, (start.R, start.Q, start.T), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-14)
    for simulate in (simulate_network, simulate_reduced):
        runs = simulate(Problem(start, N=N, eta=0.5, eta_v=0.5), [0, 3.0, 200.0], runs=4, rng=generator())
        np.testing.assert_allclose(runs.Q[:, 0], np.stack([start.Q] * 4), atol=1e-14)
        C = np.block([[runs.Q[0, 1], runs.R[0, 1]], [runs.R[0, 1].T, start.T]])
        assert np.linalg.eigvalsh(C)[: K + M - N].max() < 1e-12  # the rank stays


@pytest.mark.parametrize(
    ("K", "M", "N", "teacher"), [(3, 2, 4, "graded"), (2, 3, 2, np.ones((3, 3))), (2, 2, 3, "graded")]
)
def test_random_weights_in_few_dimensions_have_the_law_of_vectors(K, M, N, teacher):
    """R and Q as of vectors that are drawn: means and variances of 1500, false alarm 1e-6; q off by half is seen."""
    rng, q = np.random.default_rng(1), 0.7
    T = initial.teacher_overlaps(M, teacher)
    frame = np.linalg.qr(rng.standard_normal((N, N))).Q
    values, vectors = np.linalg.eigh(T)
    W_teacher = (vectors[:, -N:] * np.sqrt(values[-N:].clip(0))) @ frame[: min(M, N)]

    def sample(draw):
        return np.array([np.concatenate([each.ravel() for each in draw()]) for _ in range(1500)])

    def drawn():
        W = rng.standard_normal((K, N)) * np.sqrt(q / N)
        return W @ W_teacher.T, W @ W.T

    def ours(q=q):
        start = initial.random_weights(K, M, N, q, rng, teacher)
        return start.R, start.Q

    def z(a, b):
        pairs = ((a, b), ((a - a.mean(axis=0)) ** 2, (b - b.mean(axis=0)) ** 2))
        return max(
            np.max(np.abs(x.mean(axis=0) - y.mean(axis=0)) / np.sqrt((x.var(axis=0) + y.var(axis=0)) / 1500))
            for x, y in pairs
        )

    expected, most = sample(drawn), norm.isf(FALSE_ALARM / 40)
    assert z(sample(ours), expected) < most
    assert z(sample(lambda: ours(1.5 * q)), expected) > most


def test_a_teacher_that_needs_more_dimensions_is_refused():
    """Two orthogonal teacher units have no vectors in one dimension."""
    with pytest.raises(InputError, match="N must be at least the rank of T, 2, but is 1"):
        initial.random_weights(1, 2, 1, 1.0, np.random.default_rng(1))


# ---------------------------------------------------------------------------------------------------------------------
# Given weights


@pytest.mark.parametrize("N", [1, 3, 9])
def test_every_run_starts_with_the_weights_that_are_given(N):
    """Any N >= 1; the runs see other examples; the weights stay as they were; a run is that of its weights."""
    rng = np.random.default_rng(2)
    W, W_teacher = rng.normal(size=(2, N)) / np.sqrt(N), rng.normal(size=(2, N)) / np.sqrt(N)
    start = OrderParameters(W @ W_teacher.T, W @ W.T, W_teacher @ W_teacher.T, [0.5, 1.0], [1.0, 1.0])
    problem, before = Problem(start, N=N, eta=0.5, eta_v=0.1), W.copy()
    runs = simulate_network(problem, [0, 1.0], runs=3, rng=generator(), weights=(W, W_teacher))
    np.testing.assert_array_equal(W, before)
    np.testing.assert_allclose(runs.R[:, 0], np.stack([start.R] * 3), atol=1e-15)
    assert len(np.unique(runs.R[:, 1, 0, 0])) == 3
    again = simulate_network(problem, [0, 1.0], runs=3, rng=generator(), weights=(W.tolist(), W_teacher.tolist()))
    np.testing.assert_array_equal(again.R, runs.R)
    if N > 1:  # other weights with the same overlaps see other fields
        turned = W[:, ::-1], W_teacher[:, ::-1]
        other = simulate_network(problem, [0, 1.0], runs=3, rng=generator(), weights=turned)
        assert not np.isclose(other.R[:, 1], runs.R[:, 1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda W, _: W, "weights must be a pair (W, W_teacher), but is"),
        (lambda W, U: (W[:1], U), "weights[0] must have shape (K, N) = (2, 5), but has shape (1, 5)"),
        (lambda W, U: (W, U[:, :4]), "weights[1] must have shape (M, N) = (3, 5), but has shape (3, 4)"),
        (lambda W, U: (W * np.nan, U), "weights[0] must be finite, but weights[0][0, 0] is nan"),
        (lambda W, U: (W * (1 + 1e-8), U), "have the overlaps of problem.start to 1e-09, but have Q[0,0] ="),
        (lambda W, U: (-W, U), "to 1e-09, but have R[0,0] ="),
        (lambda W, U: (W, U[[0, 1, 1]]), "but have R[0,2] ="),
    ],
)  # fmt: skip
def test_weights_that_are_not_those_of_the_problem_are_refused(change, message):
    """Named, before any work starts."""
    problem = random_problem(2, 3, N=5)
    given = change(*weights(problem, 5, generator()))
    with pytest.raises(InputError, match=re.escape(message)):
        simulate_network(problem, [1.0], rng=generator(), weights=given)
