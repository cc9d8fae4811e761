"""The reduced simulation is the network: step by step on the same examples, and in law at every N."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_problem
from scipy.linalg import solve_triangular
from scipy.stats import f as fisher
from scipy.stats import ks_2samp, kstest
from test_simulate import CASES, generator

from stdyn import (
    DivergenceWarning,
    InputError,
    OrderParameters,
    Problem,
    averages,
    compare,
    initial,
    integrate,
    load,
    simulate_network,
    simulate_reduced,
    weights,
)
from stdyn.kernels import reduced as reduced_kernels

# ---------------------------------------------------------------------------------------------------------------------
# Pathwise


def microscopic(problem, steps, rng):
    """Plain NumPy: the network's R, Q, v after all steps, and what every step saw: x, y, |xi|^2, zeta."""
    W, W_teacher = weights(problem, problem.N, rng)
    _, v_teacher, b, *_ = problem.parameters
    eta, eta_v, sigma, decay, decay_v = problem.protocol.row(0.0)[:5]
    v, N, O, seen = problem.start.v.reshape(len(W), -1).copy(), problem.N, problem.outputs, []
    (g_of, slope_of), (g_teacher, _) = (NUMPY_FUNCTIONS[each.name] for each in problem.activations)
    for _ in range(steps):
        xi, zeta = rng.standard_normal(N), rng.standard_normal(O)
        x, y = W @ xi, W_teacher @ xi
        g, g_y, slope = g_of(x), g_teacher(y), slope_of(x)
        Delta = g @ v - g_y @ v_teacher - sigma * zeta
        delta = slope * ((v if problem.rule == "bp" else b) @ Delta)
        W = (1 - decay / N) * W - eta / N * np.outer(delta, xi)
        v = (1 - decay_v / N) * v - eta_v / N * np.outer(g, Delta)
        seen.append((x, y, xi @ xi, zeta, delta))
    return (W @ W_teacher.T, W @ W.T, v), seen


def in_overlaps(problem, seen):
    """theory.md, section 4, in overlaps: R and Q from the (x, y, |xi|^2) and delta that the network saw."""
    N, s = problem.N, 1 - problem.decay / problem.N
    R, Q = problem.start.R.copy(), problem.start.Q.copy()
    for x, y, square, _, delta in seen:
        c = -problem.eta / N * delta
        Q = s**2 * Q + s * (np.outer(c, x) + np.outer(x, c)) + np.outer(c, c) * square
        R = s * R + np.outer(c, y)
    return R, Q


def in_coordinates(problem, seen):
    """The kernel reduced_steps, given the components along the frame that give the (x, y, |xi|^2) the network saw."""
    L, A, S = (np.ascontiguousarray(array) for array in initial.coordinates(problem.start))
    A, S, v = (array[..., None].copy() for array in (A, S, problem.start.v.reshape(len(A), -1)))
    alive, taken = np.ones(1), np.zeros(1)
    for x, y, square, zeta, _ in seen:
        along = solve_triangular(L, y, lower=True)
        across = solve_triangular(S[..., 0], x - A[..., 0] @ along, lower=True)
        g = np.concatenate([along, across, zeta])
        rest = square - along @ along - across @ across
        reduced_kernels.reduced_steps(
            A, S, v, L, alive, taken, problem.N, g[None, :, None], np.array([[rest]]), problem.parameters, 0
        )
    assert taken[0] == len(seen)
    A, S, v = A[..., 0], S[..., 0], v[..., 0]
    return A @ L.T, A @ A.T + S @ S.T, v


@pytest.mark.parametrize(
    "problem",
    [
        random_problem(3, 2, rule="fa", N=200),
        random_problem(2, 3, rule="bp", N=200),
        random_problem(3, 3, 2, rule="fa", N=60),
        random_problem(5, 5, rule="bp", N=500, sigma=0.5),
        random_problem(2, 2, rule="fa", N=100, activation="linear", eta=0.3, eta_v=0.05),
        random_problem(2, 3, rule="bp", N=100, activation="relu", eta=0.3, eta_v=0.1),
        random_problem(3, 2, 2, rule="fa", N=100, activation="tanh", activation_teacher="sigmoid"),
    ],
    ids=["fa", "bp", "fa, two outputs", "bp, K = M = 5", "fa, linear", "bp, relu", "fa, tanh of sigmoid, two outputs"],
)
def test_on_the_examples_of_a_network_it_is_the_network(problem):
    """With noise and decay, 1e-10 after 10^4 steps; the update in overlaps gives the same."""
    (R, Q, v), seen = microscopic(problem, 10_000, generator())
    assert np.abs(R - problem.start.R).max() > 0.05  # it has gone somewhere
    for found in (in_overlaps(problem, seen), in_coordinates(problem, seen)):
        for ours, expected in zip(found, (R, Q, v), strict=False):
            np.testing.assert_allclose(ours, expected, atol=1e-10, rtol=0)


# ---------------------------------------------------------------------------------------------------------------------
# In law

FALSE_ALARM = 1e-6


def smallest_p(first, second):
    """The smallest p of Kolmogorov-Smirnov tests of all order parameters at all alphas > 0, times their number."""
    names = ["R", "Q", "v", "eps_g"] + ["F"] * (first.F is not None)
    p = []
    for name in names:
        a, b = (getattr(runs, name)[:, 1:].reshape(runs.runs, -1) for runs in (first, second))
        p += [ks_2samp(a[:, entry], b[:, entry]).pvalue for entry in range(a.shape[1])]
    return min(p) * len(p)


def law(K, M, O=None, **changes):
    """A problem with large fluctuations: a random start, noise and decay."""
    return random_problem(K, M, O, **({"eta": 1.0, "eta_v": 0.5, "sigma": 0.3, "decay": 0.1, "decay_v": 0.1} | changes))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "runs"),
    [
        (law(2, 2, rule="fa", N=20), 4000),
        (law(3, 2, rule="bp", N=20), 4000),
        (law(2, 3, 2, rule="fa", N=20), 4000),
        (law(2, 2, rule="fa", N=20, activation="linear", eta=0.3, eta_v=0.1), 4000),
        (law(2, 2, rule="fa", N=500), 1500),
        (law(2, 2, rule="bp", N=500), 1500),
        (law(2, 2, rule="fa", N=4), 4000),
        (law(1, 2, rule="bp", N=3), 4000),
        (law(2, 2, rule="bp", N=5), 4000),
    ],
    ids=["fa", "bp", "O = 2", "linear", "fa, 500", "bp, 500", "N = K + M", "N = K + M, K < M", "N = K + M + 1"],
)
def test_network_and_reduced_runs_obey_one_law(problem, runs):
    """All order parameters, false alarm 1e-6 a case; eta off by 10 % is seen."""
    alphas = [0, 1.0, 3.0]
    network = simulate_network(problem, alphas, runs, rng=generator(1))
    reduced = simulate_reduced(problem, alphas, runs, rng=generator(2))
    assert smallest_p(network, reduced) > FALSE_ALARM
    wrong = simulate_reduced(replace(problem, eta=1.1 * problem.eta), alphas, runs, rng=generator(2))
    assert smallest_p(network, replace(wrong, problem=problem)) < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_numpys_numbers_give_the_same_law(simulate):
    """normals = "numpy", the reference, against "fast"; false alarm 1e-6."""
    problem = law(2, 2, rule="fa", N=30)
    fast, numpy = (simulate(problem, [0, 2.0], 3000, rng=generator(3), normals=n) for n in ("fast", "numpy"))
    assert (fast.attributes["normals"], numpy.attributes["normals"]) == ("fast", "numpy")
    assert not np.array_equal(fast.R, numpy.R)
    assert smallest_p(fast, numpy) > FALSE_ALARM


@pytest.mark.slow
def test_the_length_of_the_example_matters():
    """One degree of freedom too many at N = K + M fails the test that the right number passes (false alarm 1e-6)."""
    problem = law(1, 1, rule="bp", N=2, eta_v=0.0, decay=0.0, decay_v=0.0, eta=1.0)
    network = simulate_network(problem, [0, 1.0], 8000, rng=generator(1))
    right, wrong = np.empty((8000, 1, 1)), np.empty((8000, 1, 1))
    for degrees, Q in ((0, right), (1, wrong)):
        rng = generator(5)
        L, A, S = initial.coordinates(problem.start)
        A, S, v = (np.repeat(a[..., None], 8000, axis=2) for a in (A, S, problem.start.v.reshape(1, 1)))
        g = rng.standard_normal((2, 3, 8000))
        chi2 = rng.standard_normal((2, 8000)) ** 2 * degrees
        alive, taken = np.ones(8000), np.zeros(8000)
        reduced_kernels.reduced_steps(A, S, v, L.copy(), alive, taken, 2, g, chi2, problem.parameters, 0)
        Q[:, 0, 0] = A[0, 0] ** 2 + S[0, 0] ** 2
    assert ks_2samp(network.Q[:, 1, 0, 0], right[:, 0, 0]).pvalue > FALSE_ALARM
    assert ks_2samp(network.Q[:, 1, 0, 0], wrong[:, 0, 0]).pvalue < FALSE_ALARM


@pytest.mark.parametrize("problem", CASES)
def test_mean_of_reduced_runs_follows_the_odes(problem):
    """256 runs at N = 500, all order parameters; false alarm 1e-6 a case, bias 5/N; eta off by 10 % fails."""
    alphas = np.array([0, 0.1, 0.5, 1, 2, 4, 7, 10])
    runs = simulate_reduced(problem, alphas, runs=256, rng=generator(11))
    assert compare(runs, integrate(problem, alphas), false_alarm=1e-6, bias=5).agrees
    wrong = integrate(replace(problem, eta=1.1 * problem.eta), alphas)
    assert not compare(runs, wrong, false_alarm=1e-6, bias=5).agrees


def test_fluctuations_shrink_like_1_over_the_root_of_N():
    """N Var(R_11) is the same at N = 10^2, 10^4 and 10^6 (F test, 400 runs and fewer, false alarm 1e-6); Var is not."""
    sizes, counts = [10**2, 10**4, 10**6], [400, 400, 64]
    problem = random_problem(2, 2, rule="fa")
    variances = [
        simulate_reduced(replace(problem, N=N), [0.2], runs, rng=generator(N)).R[:, 0, 0, 0].var(ddof=1)
        for N, runs in zip(sizes, counts, strict=True)
    ]
    for j in (0, 1):
        low, high = fisher(counts[2] - 1, counts[j] - 1).ppf([1e-6, 1 - 1e-6])
        assert low < variances[2] * sizes[2] / (variances[j] * sizes[j]) < high
        assert variances[2] / variances[j] < low


# ---------------------------------------------------------------------------------------------------------------------
# Singular covariances, and what is possible


def test_perfect_learning_stays():
    """Q = R = T, v = v_teacher, no noise; C is singular and S = 0."""
    for T in (np.eye(3), initial.teacher_overlaps(3, "graded"), random_problem(3, 3).start.T):
        start = OrderParameters(T, T, T, np.ones(3), np.ones(3))
        runs = simulate_reduced(Problem(start, N=50, eta=0.5, eta_v=0.5), [0, 100.0], runs=8, rng=generator())
        np.testing.assert_allclose(runs.R[:, 1], np.stack([T] * 8), atol=1e-13)
        np.testing.assert_allclose(runs.Q[:, 1], np.stack([T] * 8), atol=1e-13)


def singular(name):
    """Starts whose covariance has no inverse, but for a start from nothing."""
    T, v = np.eye(2), np.array([0.5, -0.3])
    R = np.array([[0.5, 0.2], [0.1, 0.4]])
    return {
        "perfect": lambda: OrderParameters(T, T, T, [1.0, 1.0], [1.0, 1.0]),
        "within the teacher's space": lambda: OrderParameters(R, R @ R.T, T, v, [1.0, 1.0]),
        "two equal students": lambda: OrderParameters(R[[0, 0]], np.full((2, 2), 0.7), T, v, [1.0, 1.0]),
        "opposite students": lambda: OrderParameters(
            [[0.5, 0.2], [-0.5, -0.2]], [[0.7, -0.7], [-0.7, 0.7]], T, v, [1.0, 1.0]
        ),
        "students of length 0": lambda: OrderParameters(np.zeros((2, 2)), np.zeros((2, 2)), T, v, [1.0, 1.0]),
        "equal teacher units": lambda: OrderParameters(
            [[0.5, 0.5], [0.1, 0.1]], [[0.6, 0.1], [0.1, 0.5]], np.ones((2, 2)), v, [1.0, 0.5]
        ),
    }[name]()


SINGULAR = [
    "perfect",
    "within the teacher's space",
    "two equal students",
    "opposite students",
    "students of length 0",
    "equal teacher units",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_covariances_obey_the_same_law(name):
    """Network against reduced from a singular start at N = 10, noise; false alarm 1e-6, and eta off by 10 % is seen."""
    problem = Problem(singular(name), N=10, rule="fa", b=[1.0, 0.7], eta=1.5, eta_v=0.5, sigma=0.5)
    alphas = [0, 0.1, 2.0]
    network = simulate_network(problem, alphas, 6000, rng=generator(1))
    reduced = simulate_reduced(problem, alphas, 6000, rng=generator(2))
    np.testing.assert_allclose(reduced.Q[0, 0], problem.start.Q, atol=1e-14)
    assert smallest_p(network, reduced) > FALSE_ALARM
    wrong = simulate_reduced(replace(problem, eta=1.1 * 1.5), alphas, 6000, rng=generator(2))
    assert smallest_p(network, replace(wrong, problem=problem)) < FALSE_ALARM


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize("sign", [1, -1])
def test_students_that_are_equal_stay_equal_to_the_last_bit(simulate, sign):
    """Equal (opposite) vectors with equal (opposite) v and b, through plateau and escape."""
    flip = np.array([1, sign, 1])
    R = np.array([[0.2, 0.1], [0.2, 0.1], [0.0, 0.3]]) * flip[:, None]
    Q = np.array([[0.5, 0.5, 0.1], [0.5, 0.5, 0.1], [0.1, 0.1, 0.6]]) * np.outer(flip, flip)
    start = OrderParameters(R, Q, np.eye(2), np.array([0.3, 0.3, 0.5]) * flip, [1.0, 1.0])
    for rule, b in (("bp", None), ("fa", np.array([0.4, 0.4, 0.1]) * flip)):
        problem = Problem(start, N=50, rule=rule, b=b, eta=0.5, eta_v=0.3, sigma=0.2)
        runs = simulate(problem, [0, 1, 10, 300.0], runs=5, rng=generator())
        np.testing.assert_array_equal(runs.R[..., 0, :], sign * runs.R[..., 1, :])
        np.testing.assert_array_equal(runs.Q[..., 0, 0], runs.Q[..., 1, 1])
        np.testing.assert_array_equal(runs.Q[..., 0, 0], sign * runs.Q[..., 0, 1])
        np.testing.assert_array_equal(runs.v[..., 0], sign * runs.v[..., 1])


@pytest.mark.slow
@pytest.mark.parametrize("N", [10, 40])
def test_order_parameters_are_possible_in_every_record(N):
    """C is positive semi-definite to rounding after 10^6 steps, close to perfect learning where its rank is M."""
    problem = Problem(initial.prepared(5, 5, r=0.3), N=N, eta=0.5, eta_v=0.5)
    runs = simulate_reduced(problem, np.geomspace(1, 1e6 / N, 40), runs=8, rng=generator())
    assert (runs.eps_g[:, -1] < 1e-14).any()
    eigenvalues = np.linalg.eigvalsh(averages.covariance(runs.R, runs.Q, runs.T))
    assert (eigenvalues[..., 0] > -2e-15 * eigenvalues[..., -1]).all()
    assert (eigenvalues[:, -1, 0] < 1e-12).any()


# ---------------------------------------------------------------------------------------------------------------------
# Coordinates and weights


@pytest.mark.parametrize("name", SINGULAR)
def test_coordinates_of_singular_overlaps(name):
    """They give the overlaps, are triangular, and those of equal vectors are equal."""
    start = singular(name)
    L, A, S = initial.coordinates(start)
    for found, expected in ((L @ L.T, start.T), (A @ L.T, start.R), (A @ A.T + S @ S.T, start.Q)):
        np.testing.assert_allclose(found, expected, atol=2e-15)
    assert not np.triu(L, 1).any()
    assert not np.triu(S, 1).any()
    W, W_teacher = weights(start, 7, generator())
    np.testing.assert_allclose(W @ W.T, start.Q, atol=3e-15)
    np.testing.assert_allclose(W @ W_teacher.T, start.R, atol=3e-15)
    np.testing.assert_allclose(W_teacher @ W_teacher.T, start.T, atol=3e-15)


def test_short_vectors_are_as_exact_as_long_ones():
    """Q of 1e-20 beside T of 1."""
    start = OrderParameters([[1e-11]], [[1e-20]], [[1.0]], [1.0], [1.0])
    L, A, S = initial.coordinates(start)
    np.testing.assert_allclose(A @ A.T + S @ S.T, start.Q, rtol=1e-14)
    np.testing.assert_allclose(A @ L.T, start.R, rtol=1e-14)


def test_weights_are_uniform_over_rotations():
    """A component of w/|w| squared is Beta(1/2, (N-1)/2); so is that of its part across the teacher, in N - 1.

    4000 draws, Kolmogorov-Smirnov, false alarm 1e-6 each; one dimension less fails.
    """
    from scipy.stats import beta

    N, start = 5, random_problem(1, 1).start
    rng, first, second = generator(), [], []
    for _ in range(4000):
        W, W_teacher = weights(start, N, rng)
        first.append(W[0, 0] ** 2 / (W[0] @ W[0]))
        teacher = W_teacher[0] / np.linalg.norm(W_teacher[0])
        across = W[0] - (W[0] @ teacher) * teacher
        direction = np.eye(N)[0] - teacher[0] * teacher
        second.append((across @ direction) ** 2 / (across @ across) / (direction @ direction))
    assert kstest(first, beta(1 / 2, (N - 1) / 2).cdf).pvalue > FALSE_ALARM
    assert kstest(second, beta(1 / 2, (N - 2) / 2).cdf).pvalue > FALSE_ALARM
    assert kstest(second, beta(1 / 2, (N - 1) / 2).cdf).pvalue < FALSE_ALARM


def test_weights_of_a_run_at_any_alpha():
    """From a point of a reduced trajectory: vectors with exactly its overlaps, in another N if wanted."""
    runs = simulate_reduced(random_problem(3, 2, N=40), [0, 5.0], runs=2, rng=generator())
    W, W_teacher = weights(runs.at(1, run=1), 40, generator())
    assert W.shape == (3, 40)
    np.testing.assert_allclose(W @ W.T, runs.Q[1, 1], atol=1e-14)
    np.testing.assert_allclose(W @ W_teacher.T, runs.R[1, 1], atol=1e-14)


# ---------------------------------------------------------------------------------------------------------------------
# Bookkeeping


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_fewer_inputs_than_the_rank_of_the_overlaps_are_refused(simulate):
    """No vectors of 4 dimensions have overlaps of rank 5."""
    problem = random_problem(2, 3, N=4)
    with pytest.raises(InputError, match=r"N must be at least the rank of \[\[Q, R\], \[R.T, T\]\], 5, but is 4"):
        simulate(problem, [1.0], rng=generator())


@pytest.mark.parametrize("normals", ["fast", "numpy"])
def test_a_run_depends_on_its_own_stream_alone(normals):
    """Bit by bit: not on the runs beside it (SIMD), the threads, nor the alphas asked for."""
    problem, alphas = random_problem(2, 3, 2, N=41), np.linspace(0, 3, 7)
    runs = simulate_reduced(problem, alphas, runs=70, rng=generator(), workers=1, normals=normals)
    for count, workers, grid in ((70, 3, alphas), (1, 2, alphas), (5, 1, np.linspace(0, 3, 61)), (8, 2, alphas[-1:])):
        other = simulate_reduced(problem, grid, count, rng=generator(), workers=workers, normals=normals)
        for name in "RQv":
            np.testing.assert_array_equal(getattr(other, name)[:, -1], getattr(runs, name)[:count, -1])
    assert len(np.unique(runs.R[:, -1, 0, 0])) == 70


def test_a_saved_ensemble_can_be_made_again(tmp_path):
    """From the seed in the file, as docs/format.md says."""
    import json

    runs = simulate_reduced(random_problem(2, 2, N=20), [0, 2.0], runs=3, rng=generator(5))
    found = load(runs.save(tmp_path / "a.h5"))
    assert (found.method, found.attributes["normals"]) == ("reduced", "fast")
    assert "3 reduced runs at N = 20" in found.summary()
    seed = json.loads(found.attributes["seed"])
    rng = np.random.Generator(getattr(np.random, seed["bit_generator"])(seed["entropy"]))
    np.testing.assert_array_equal(simulate_reduced(found.problem, found.alphas, 3, rng=rng).R, found.R)


def test_runs_that_diverge_are_nan_from_there_on():
    """A large eta of linear units: as many as in the network, and the others go on (binomial, false alarm 1e-5)."""
    problem = random_problem(
        1, 1, seed=3, activation="linear", rule="bp", eta=1.8, eta_v=0.0, decay=0.0, decay_v=0.0, N=6
    )
    problem = replace(problem, start=replace(problem.start, v=[1.0]))
    gone = []
    for simulate in (simulate_network, simulate_reduced):
        with pytest.warns(DivergenceWarning, match=r"of 400 runs diverged"):
            runs = simulate(problem, np.linspace(0, 400, 11), runs=400, rng=generator(0))
        left = ~np.isfinite(runs.diverged_at)
        assert np.isfinite(runs.R[left]).all()
        for run in np.flatnonzero(~left):
            alive = runs.alphas <= runs.diverged_at[run]
            assert np.isfinite(runs.R[run, alive]).all()
            assert np.isnan(runs.R[run, ~alive]).all()
        gone.append(left.mean())
    assert 0 < gone[0] < 1
    assert abs(gone[0] - gone[1]) < 4.5 * np.sqrt(2 * gone[0] * (1 - gone[0]) / 400)
