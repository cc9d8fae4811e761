"""Fluctuations at finite N: J, D, their propagation, and the predicted law held to reduced runs."""

from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_problem
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.stats import chi2, kstest, kstwobign, kurtosis, norm

from stdyn import (
    DivergenceWarning,
    Experiment,
    InputError,
    OrderParameters,
    Problem,
    compare,
    fluctuations,
    initial,
    integrate,
    load,
    load_fluctuations,
    simulate_network,
    simulate_reduced,
    z_scores,
)
from stdyn.kernels import equations
from stdyn.theory import propagation, quadrature
from stdyn.theory.expansion import Expansion

NAMES = ("R", "Q", "v", "F", "eps_g")
SHAPES = [(1, 1, None), (2, 3, None), (3, 2, 2)]


def start_of(problem):
    """The expansion of a problem, and the coordinates w of its start."""
    expansion, s = Expansion(problem), problem.start
    return expansion, expansion.to_w(expansion.pack(s.R, s.Q, s.v))


# ---------------------------------------------------------------------------------------------------------------------
# J


def complex_drift(problem, w):
    """dw/dalpha from the textbook averages, for complex w: so that its derivative can be taken by a complex step."""
    s, O = problem.start, problem.outputs
    K, M = s.K, s.M
    i, k = np.triu_indices(K)
    R, v = w[: K * M].reshape(K, M), w[K * M + len(i) :].reshape(K, O)
    across = np.zeros((K, K), dtype=complex)
    across[i, k] = across[k, i] = w[K * M : K * M + len(i)]
    T_inverse = np.linalg.inv(s.T)
    C = np.block([[across + R @ T_inverse @ R.T, R], [R.T, s.T.astype(complex)]])
    u = np.concatenate([v, -s.v_teacher.reshape(M, O)])
    b = v if problem.b is None else problem.b.reshape(K, O)
    beta, P, d = b @ u.T, K + M, 1 + np.diag(C)
    G, H = np.zeros((K, P), dtype=complex), np.zeros((K, K), dtype=complex)
    for a in range(K):
        for c in range(P):
            root = np.sqrt(d[a] * d[c] - C[a, c] ** 2)
            G[a] += beta[a, c] * 2 / np.pi * (C[:, c] * d[a] - C[a] * C[a, c]) / (d[a] * root)
        for e in range(K):
            B, rows = C[np.ix_([a, e], [a, e])], C[[a, e]]
            J2 = 2 / np.pi / np.sqrt((1 + B[0, 0]) * (1 + B[1, 1]) - B[0, 1] ** 2)
            tilted = C - rows.T @ np.linalg.inv(np.eye(2) + B) @ rows
            n = np.sqrt(1 + np.diag(tilted))
            I2 = 2 / np.pi * np.arcsin(tilted / np.outer(n, n))
            H[a, e] = J2 * (beta[a] @ I2 @ beta[e] + problem.sigma**2 * b[a] @ b[e])
    I2 = 2 / np.pi * np.arcsin(C / np.sqrt(np.outer(d, d)))[:K]
    dR = -problem.eta * G[:, K:] - problem.decay * R
    dQ = -problem.eta * (G[:, :K] + G[:, :K].T) - 2 * problem.decay * C[:K, :K] + problem.eta**2 * H
    mixed = dR @ T_inverse @ R.T
    dv = -problem.eta_v * I2 @ u - problem.decay_v * v
    return np.concatenate([dR.ravel(), (dQ - mixed - mixed.T)[i, k], dv.ravel()])


@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_jacobian_is_exact(K, M, O, rule):
    """J by differences is the derivative by a complex step, which is exact to rounding, within 1e-10."""
    for seed in range(3):
        problem = random_problem(K, M, O, seed, rule)
        expansion, w = start_of(problem)
        np.testing.assert_allclose(expansion.drift(w), complex_drift(problem, w + 0j).real, rtol=0, atol=1e-13)
        steps = 1e-30j * np.eye(len(w))
        exact = np.array([complex_drift(problem, w + step).imag / 1e-30 for step in steps]).T
        np.testing.assert_allclose(expansion.jacobian(w), exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_curvature_is_the_derivative_of_the_jacobian(rule):
    """sum_ab D_ab d^2F/dw_a dw_b / 2 = sum_k (d_k . dJ/dw) d_k / 2, by a step of J; within 1e-5."""
    expansion, w = start_of(random_problem(2, 3, None, 1, rule))
    root = np.random.default_rng(1).normal(size=(len(w), len(w))) / 10
    expected = np.zeros(len(w))
    for d in root.T:
        expected += (expansion.jacobian(w + 1e-4 * d) - expansion.jacobian(w - 1e-4 * d)) @ d / 4e-4
    np.testing.assert_allclose(expansion.curvature(w, root @ root.T), expected, rtol=0, atol=1e-5)


def test_slopes_of_the_order_parameters():
    """d(R, Q, v, F, eps_g)/dw are what differences say, at a teacher with correlated units; within 1e-8."""
    problem = random_problem(2, 3, 2, 1)
    expansion, w = start_of(problem)

    def values(w):
        R, Q, v = expansion.order_parameters(w)
        return np.concatenate([expansion.pack(R, Q, v), [np.sum(v * problem.b), expansion.eps_g(w)]])

    expected = [(values(w + h) - values(w - h)) / 2e-5 for h in 1e-5 * np.eye(len(w))]
    np.testing.assert_allclose(expansion.slopes(w[None])[0], np.array(expected).T, rtol=0, atol=1e-8)


def test_curvature_of_eps_g_and_q():
    """What curvature adds to the mean of Q, F and eps_g for w ~ N(w, S): 2e5 samples, false alarm 1e-6."""
    problem = random_problem(2, 2, None, 2)
    expansion, w = start_of(problem)
    rng = np.random.default_rng(1)
    root = 0.02 * rng.normal(size=(len(w), len(w)))
    means, variance = expansion.second_order(w[None], (root @ root.T)[None])
    x = root @ rng.standard_normal((len(w), 100_000))
    both = [w + sign * x.T for sign in (1, -1)]  # in pairs, so that what is linear drops out
    samples = []
    for here in (*both, w[None]):
        R, Q, v = expansion.order_parameters(here)
        samples.append(np.column_stack([expansion.pack(R, Q, v), v[..., 0] @ problem.b, expansion.eps_g(here)]))
    added = (samples[0] + samples[1]) / 2 - samples[2]
    error = added.std(axis=0) / np.sqrt(len(added))
    assert (np.abs(added.mean(axis=0) - means[0]) < 5.7 * error + 2e-3 * np.abs(means[0]) + 1e-12).all()
    assert abs(added[:, -1].var() - variance[0]) < 0.05 * variance[0]
    assert (np.abs(means[0, [4, 6]]) > 50 * error[[4, 6]]).all()  # Q_ii: it is seen at all


# ---------------------------------------------------------------------------------------------------------------------
# D


@pytest.mark.parametrize("activation", ["erf", "relu", "gelu"])
@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_diffusion_is_the_covariance_of_a_step(K, M, O, rule, activation):
    """D against 400000 steps from fields drawn with NumPy, in R, Q and v: false alarm 1e-6; D wrong by 20 % is seen."""
    problem = random_problem(K, M, O, 3, rule, activation=activation)
    expansion, w = start_of(problem)
    s, O = problem.start, problem.outputs
    rng, runs = np.random.default_rng(5), 400_000
    z = rng.multivariate_normal(np.zeros(K + M), s.C, runs)
    g, g_prime = (function(z) for function in NUMPY_FUNCTIONS[activation])
    u = np.concatenate([s.v.reshape(K, O), -s.v_teacher.reshape(M, O)])
    Delta = g @ u - problem.sigma * rng.standard_normal((runs, O))
    b = s.v if problem.b is None else problem.b
    delta = g_prime[:, :K] * (Delta @ b.reshape(K, O).T)
    i, k = np.triu_indices(K)
    f_R = -problem.eta * delta[:, :, None] * z[:, None, K:]
    f_Q = problem.eta**2 * delta[:, i] * delta[:, k] - problem.eta * (delta[:, i] * z[:, k] + delta[:, k] * z[:, i])
    f_v = -problem.eta_v * Delta[:, None, :] * g[:, :K, None]
    f = np.hstack([f_R.reshape(runs, -1), f_Q, f_v.reshape(runs, -1)])
    f -= f.mean(axis=0)
    points = propagation.quadrature_points(expansion, 2**13)
    slopes = expansion.slopes(w[None])[0, :-2]
    D = slopes @ expansion.diffusion(w, points).mean(axis=0) @ slopes.T
    products = f[:, :, None] * f[:, None, :]
    error = products.std(axis=0) / np.sqrt(runs)
    scale = np.sqrt(np.outer(np.diag(D), np.diag(D)))
    allowed = norm.isf(1e-6 / (2 * D.size)) * error + 0.01 * scale  # 1 %: the quadrature
    assert (np.abs(products.mean(axis=0) - D) < allowed).all()
    assert (np.abs(products.mean(axis=0) - 1.2 * D) > allowed).any()


def test_diffusion_of_a_linear_unit_is_exact():
    """K = M = 1: <Delta^2 y^2> - <Delta y>^2 = <Delta^2> T + <Delta y>^2 (Isserlis); quadrature within 0.5 %."""
    problem = random_problem(1, 1, None, 4, activation="linear", sigma=0.0)
    s, b = problem.start, problem.b[0]
    expansion, w = start_of(problem)
    D = expansion.diffusion(w, propagation.quadrature_points(expansion, 2**14)).mean(axis=0)
    v, v_teacher, R, Q, T = s.v[0], s.v_teacher[0], s.R[0, 0], s.Q[0, 0], s.T[0, 0]
    square, cross = v**2 * Q - 2 * v * v_teacher * R + v_teacher**2 * T, v * R - v_teacher * T
    assert D[0, 0] == pytest.approx(problem.eta**2 * b**2 * (square * T + cross**2), rel=5e-3)


# ---------------------------------------------------------------------------------------------------------------------
# Propagation


def test_propagators_are_exact():
    """Against the exponential of the block matrix [[J, D], [0, -J^T]] (Van Loan), and quadrature; stiff J too."""
    rng = np.random.default_rng(1)
    for scale, h in ((1.0, 0.7), (8.0, 1.0), (0.01, 30.0)):
        J, D = scale * (rng.normal(size=(4, 4)) - 2 * np.eye(4)), rng.normal(size=(2, 4, 4))
        D = D + D.swapaxes(1, 2)
        Phi, Psi, constant, linear = propagation.propagators(J, D, h)
        np.testing.assert_allclose(Phi, expm(J * h), rtol=1e-9, atol=1e-12)
        for source, found in zip(D, Psi, strict=True):
            block = expm(np.block([[J, source], [np.zeros((4, 4)), -J.T]]) * h / 4)
            step, part = block[:4, :4], block[:4, 4:] @ block[:4, :4].T
            total = sum(np.linalg.matrix_power(step, n) @ part @ np.linalg.matrix_power(step, n).T for n in range(4))
            np.testing.assert_allclose(found, total, rtol=1e-6, atol=1e-9 * np.abs(total).max())
        s, weights = np.polynomial.legendre.leggauss(40)
        flow = np.array([expm(J * h * (1 + x) / 2) for x in s]) * (weights * h / 2)[:, None, None]
        np.testing.assert_allclose(constant, flow.sum(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(linear, (flow * ((1 - s) / 2)[:, None, None]).sum(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_covariance_solves_its_equation(rule):
    """K = 1, M = 2 to alpha = 30: LSODA on R, Q, v and covariance together, D anew at every step; within 2e-4."""
    problem = random_problem(1, 2, None, 3, rule, N=1000)
    alphas = np.array([0, 0.5, 3, 30.0])
    found = fluctuations(problem, alphas)
    expansion, w = start_of(problem)
    points, L = propagation.quadrature_points(expansion, 2**12), len(w)

    def derivative(_, state):
        w, S = state[:L], state[L:].reshape(L, L)
        JS = expansion.jacobian(w) @ S
        return np.concatenate([expansion.drift(w), (JS + JS.T + expansion.diffusion(w, points).mean(axis=0)).ravel()])

    start = np.concatenate([w, np.zeros(L * L)])
    states = solve_ivp(derivative, (0, 30), start, "LSODA", alphas, rtol=1e-7, atol=1e-9).y.T
    slopes = expansion.slopes(states[:, :L])[:, :L]
    expected = slopes @ states[:, L:].reshape(-1, L, L) @ slopes.swapaxes(1, 2) / problem.N
    scale = np.sqrt(np.einsum("ai,aj->aij", *2 * [np.diagonal(expected, axis1=1, axis2=2)]))
    assert (np.abs(found.covariance - expected) <= 2e-4 * scale).all()
    assert found.covariance[-1].any()


def test_recording_does_not_change_the_prediction():
    """Other alphas in between, and an alpha = 0 that is left out, change the standard deviations by less than 1e-4."""
    problem = random_problem(2, 2, None, 1)
    one, many = fluctuations(problem, [10.0]), fluctuations(problem, np.linspace(0, 10, 41))
    for name in NAMES:
        for kind, tolerance in (("std", 1e-4), ("bias", 5e-3)):
            a, b = (getattr(getattr(each, kind), name)[-1] for each in (one, many))
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


def test_bands_close_as_n_grows():
    """std falls like 1/sqrt N and the bias like 1/N exactly; what is valid grows."""
    problem = Experiment(K=2, M=2, alpha_max=150, points=16).problem("bp")
    alphas = Experiment(alpha_max=150, points=16).alphas()
    small, large = (fluctuations(replace(problem, N=N), alphas, points=2**10) for N in (100, 10_000))
    for name in ("R", "Q", "v", "eps_g"):
        np.testing.assert_allclose(getattr(small.std, name), 10 * getattr(large.std, name), rtol=1e-12)
        np.testing.assert_allclose(getattr(small.bias, name), 100 * getattr(large.bias, name), rtol=1e-9)
    assert small.valid.sum() < large.valid.sum()
    assert (large.valid | ~small.valid).all()


def test_a_start_alone():
    """At alpha = 0 nothing has happened yet."""
    found = fluctuations(random_problem(2, 2), [0.0])
    assert not found.covariance.any()
    assert not found.bias.Q.any()
    assert found.valid.all()


def test_nothing_moves_at_perfect_learning():
    """Without noise the teacher stays where it is, and so does every copy: no fluctuations, no bias."""
    start = initial.prepared(2, 2, 1.0, 1.0)
    found = fluctuations(Problem(start, eta=0.5, eta_v=0.5), [0, 1, 10])
    assert np.abs(found.covariance).max() < 1e-25
    assert np.abs(found.bias.Q).max() < 1e-12


# ---------------------------------------------------------------------------------------------------------------------
# The law of runs

ALPHAS = {100: (1, 4, 10), 500: (1, 4, 10), 5000: (1, 2)}


@cache
def predicted(K, rule, sigma, N):
    """What linear noise says."""
    experiment = Experiment(K=K, M=K, sigma=sigma)
    return fluctuations(replace(experiment.problem(rule), N=N), ALPHAS[N])


def wrong_deviations(found, runs, factor=1.0, false_alarm=1e-5):
    """Names of what has a standard deviation that chance (false_alarm over all entries) and 2/N do not explain.

    Of n normal numbers s^2/sigma^2 is chi^2/(n-1); its scatter grows by sqrt(1 + kurtosis/2) where they are not normal.
    """
    n, wrong = runs.runs, []
    entries = found.covariance[0].shape[0] + 2
    for name in NAMES:
        if getattr(runs, name) is None:
            continue
        x, std = getattr(runs, name), np.sqrt(factor) * getattr(found.std, name)
        low, high = np.sqrt(chi2.isf([1 - false_alarm / (2 * entries * len(runs.alphas)),
                                      false_alarm / (2 * entries * len(runs.alphas))], n - 1) / (n - 1))  # fmt: skip
        wide = np.sqrt(1 + np.maximum(kurtosis(x, axis=0), 0) / 2)
        ratio, room = x.std(axis=0, ddof=1) / std - 1, 2 / found.problem.N + 2 * found.quadrature_error
        if ((ratio > (high - 1) * wide + room) | (ratio < (low - 1) * wide - room)).any():
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize("K", [2, 5])
@pytest.mark.parametrize("N", [100, 500, 5000])
def test_runs_scatter_as_predicted(N, K, rule, sigma):
    """4000 (K = 5: 2000) reduced runs: standard deviations, means and single runs; false alarm 3e-5 a case.

    The standard deviation of every order parameter is predicted but for chance and 2/N; the mean is the ODEs and the
    bias (where linear noise is valid); z-scores of runs are standard normal, Kolmogorov-Smirnov, up to 0.7/sqrt N: by
    skewness, which is of that order, and largest (1.5) in a Q_ii at N = 100.
    """
    found = predicted(K, rule, sigma, N)
    runs = simulate_reduced(found.problem, ALPHAS[N], 4000 if K == 2 else 2000, rng=np.random.default_rng(N + K))
    assert found.valid.all()
    assert wrong_deviations(found, runs) == []
    assert compare(runs, found, false_alarm=1e-5).agrees
    z = np.concatenate([values.reshape(*values.shape[:2], -1) for values in z_scores(runs, found).values()], axis=2)
    columns = [column for column in z.reshape(len(z), -1).T if np.isfinite(column).all()]
    largest = max(kstest(column, norm.cdf).statistic for column in columns)
    assert largest < kstwobign.isf(1e-5 / len(columns)) / np.sqrt(runs.runs) + 0.7 / np.sqrt(N)


def test_a_wrong_diffusion_is_seen():
    """D wrong by 20 % either way, at N = 500: 4000 runs see it in the deviations and in the z-scores."""
    found = predicted(2, "fa", 0.3, 500)
    runs = simulate_reduced(found.problem, ALPHAS[500], 4000, rng=np.random.default_rng(1))
    assert wrong_deviations(found, runs) == []
    z = z_scores(runs, found)["F"][:, -1]
    assert kstest(z, norm.cdf).pvalue > 1e-5
    for factor in (0.8, 1.2):
        assert "F" in wrong_deviations(found, runs, factor)
    assert np.std(z / np.sqrt(1.2)) < 1 - 5.6 / np.sqrt(2 * len(z))


def test_single_networks_are_standard_normal():
    """300 networks of N = 100, every one by itself held to linear noise: z of F at alpha = 10, false alarm 1e-6."""
    found = predicted(2, "fa", 0.3, 100)
    runs = simulate_network(found.problem, ALPHAS[100], 300, rng=np.random.default_rng(2))
    z = z_scores(runs, found)["F"][:, -1]
    assert kstest(z, norm.cdf).pvalue > 1e-6
    assert kstest(2 * z, norm.cdf).pvalue < 1e-6
    alone = simulate_network(found.problem, ALPHAS[100], 1, rng=np.random.default_rng(3))
    verdict = compare(alone, found)
    assert verdict.agrees
    assert verdict.predicted
    assert "1 network run at N = 100 against linear noise around the ODEs" in repr(verdict)
    assert "with 32 runs" not in repr(verdict)
    shifted = replace(alone, v=alone.v + 6 * found.std.v)
    assert not compare(shifted, found).agrees


def test_the_bias_is_that_of_runs():
    """N = 50, decay, two outputs, noise: 20000 runs are off the ODEs and at the bias; false alarm 1e-3."""
    experiment = Experiment(K=2, M=2, outputs=2, N=50, eta=0.3, eta_v=0.2, sigma=0.3, decay=0.3, decay_v=0.1)
    found = fluctuations(experiment.problem("fa"), [2.0, 6.0])
    runs = simulate_reduced(found.problem, found.alphas, 20_000, rng=np.random.default_rng(1))
    assert compare(runs, found).agrees
    assert not compare(runs, found.theory).agrees


@pytest.mark.parametrize("N", [100, 400, 1600])
def test_the_bias_is_of_order_one_over_n(N):
    """FA, K = M = 2 on the plateau: 16000 runs are at the ODEs and the bias at three N, false alarm 1e-4 each.

    At N = 100 and 400 they are not at the ODEs alone.
    """
    found = fluctuations(replace(Experiment(K=2, M=2).problem("fa"), N=N), [5.0])
    runs = simulate_reduced(found.problem, [5.0], 16_000, rng=np.random.default_rng(N))
    assert compare(runs, found, false_alarm=1e-4).agrees
    assert N > 400 or not compare(runs, found.theory, false_alarm=1e-4).agrees


def test_the_bias_with_equal_teacher_units():
    """T = 1 everywhere, of rank 1: an example has N - 1 components across its space. 20000 runs, false alarm 1e-3."""
    start = initial.prepared(2, 2, 0.2, 0.0, np.ones((2, 2)))
    found = fluctuations(Problem(start, N=50, eta=1.5, eta_v=0.0), [1.0, 3.0])
    runs = simulate_reduced(found.problem, found.alphas, 20_000, rng=np.random.default_rng(1))
    assert compare(runs, found).agrees
    assert found.bias.Q[1, 0, 0] > 0.02
    assert not compare(runs, found.theory).agrees


def test_eps_g_where_it_is_not_valid_is_left_out():
    """BP, K = M = 2, N = 100 on the plateau: its s.e. is no number, it does not count, and the rest does."""
    problem = Experiment(K=2, M=2, N=100).problem("bp")
    found = fluctuations(problem, [1, 20, 30, 40])
    np.testing.assert_array_equal(found.valid, True)
    np.testing.assert_array_equal(found.valid_eps_g, [True, False, False, False])
    runs = simulate_reduced(problem, found.alphas, 500, rng=np.random.default_rng(1))
    verdict = compare(runs, found)
    assert np.isnan(verdict.in_errors["eps_g"][1:]).all()
    assert verdict.entries == 4 * 9 + 1
    assert verdict.agrees
    line = next(line for line in repr(verdict).splitlines() if line.lstrip().startswith("eps_g"))
    assert line.split()[2] == "1"  # the largest deviation that counts is at alpha = 1
    later = replace(found, theory=replace(found.theory))
    assert "eps_g at 3 of 4 alphas, from 20 to 40" in repr(compare(runs, later))


def test_runs_that_record_beside_the_alphas_of_the_prediction():
    """Whole steps of 1/30, and a prediction that ends in NaN: moved by a spline where there is something to move."""
    problem = Problem(initial.prepared(2, 2, 0.2, 0.0), N=30, eta=1.5, eta_v=0.0)
    alphas = [0, 1.234567, 2.3456, 1000.0]
    found = fluctuations(problem, alphas, points=2**10)
    np.testing.assert_array_equal(found.valid, [True, True, True, False])
    runs = simulate_reduced(problem, alphas, 400, rng=np.random.default_rng(1))
    assert compare(runs, found, bias=5.0).agrees
    z = z_scores(runs, found)["R"]
    assert np.isfinite(z[:, :3]).all()
    assert np.isnan(z[:, 3]).all()


def test_what_is_flagged_is_wrong():
    """BP, K = M = 2, N = 500, sigma = 0.3: valid on the plateau, not while it is left.

    2000 runs: at all valid alphas the standard deviations are right to 5 % and chance, at alpha = 250 wrong by 50 %.
    """
    problem = Experiment(K=2, M=2, sigma=0.3).problem("bp")
    found = fluctuations(problem, [20, 60, 100, 250])
    np.testing.assert_array_equal(found.valid, [True, True, True, False])
    runs = simulate_reduced(problem, found.alphas, 2000, rng=np.random.default_rng(1))
    ratio = runs.R.std(axis=0) / found.std.R
    assert (np.abs(ratio[:3] - 1) < 0.05 + 5 / np.sqrt(4000)).all()
    assert (np.abs(ratio[3] - 1) > 0.5).any()
    verdict = compare(runs, found)
    np.testing.assert_array_equal(verdict.alphas, [20, 60, 100])
    assert "linear noise is not valid there: all at 1 of 4 alphas, from 250 to 250" in repr(verdict)
    assert np.isnan(z_scores(runs, found)["R"][:, 3]).all()
    with pytest.raises(InputError, match="at no alpha > 0 that runs have are linear noise valid"):
        compare(simulate_reduced(problem, [0, 250], 2, rng=np.random.default_rng(1)), fluctuations(problem, [0, 250]))


def test_a_symmetric_start_scatters_along_the_unstable_direction():
    """R = 0: the ODEs keep the symmetry, runs do not; their R scatter as predicted. 2000 runs, false alarm 1e-6."""
    start = initial.prepared(2, 2, 0.2, 0.0, v=[0.5, 0.8])
    problem = Problem(start, N=2000, rule="fa", b=[1.0, 0.7], eta=0.5, eta_v=0.2)
    found = fluctuations(problem, [3.0, 10.0])
    runs = simulate_reduced(problem, found.alphas, 2000, rng=np.random.default_rng(1))
    assert (np.ptp(found.theory.R, axis=2) == 0).all()
    assert found.valid.all()
    difference = (runs.R[..., 0] - runs.R[..., 1]).std(axis=0)
    of = found.covariance
    predicted = np.sqrt(
        [[S[2 * i, 2 * i] + S[2 * i + 1, 2 * i + 1] - 2 * S[2 * i, 2 * i + 1] for i in (0, 1)] for S in of]
    )
    assert (np.abs(difference / predicted - 1) < 5.3 / np.sqrt(4000) + 2 / 2000 + 0.01).all()


def test_where_the_spread_is_without_bounds():
    """R = 0 to alpha = 1e5: on the saddle the spread grows like e^(lambda alpha), without end; then it is NaN."""
    start = initial.prepared(2, 2, 0.2, 0.0)
    found = fluctuations(Problem(start, eta=1.5, eta_v=0.0), [0, 10, 1e3, 1e5], points=2**8)
    assert np.isfinite(found.std.R[:2]).all()
    assert np.isnan(found.std.R[2:]).all()
    assert np.isnan(found.bias.eps_g[2:]).all()
    np.testing.assert_array_equal(found.valid, [True, True, False, False])
    assert "not valid at 2 alphas, from 1000 to 100000" in repr(found)
    nothing = fluctuations(found.problem, [1e3], points=2**8)
    assert np.isnan(nothing.covariance).all()
    assert nothing.covariance.shape == (1, 9, 9)
    assert "not valid at 1 alphas" in repr(nothing)


# ---------------------------------------------------------------------------------------------------------------------
# Around it


def test_saved_and_loaded(tmp_path):
    """Every number comes back; what reads another kind of file says so."""
    found = fluctuations(random_problem(2, 3, 2), [0, 1.0], points=2**8)
    back = load_fluctuations(found.save(tmp_path / "f.h5"))
    for kind in ("std", "bias"):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(getattr(back, kind), name), getattr(getattr(found, kind), name))
    np.testing.assert_array_equal(back.covariance, found.covariance)
    np.testing.assert_array_equal(back.theory.R, found.theory.R)
    assert back.problem.difference(found.problem) is None
    assert repr(back) == repr(found)
    assert back.theory.attributes == found.theory.attributes
    data = found.to_xarray()
    assert data.std_R.dims == ("alpha", "student", "teacher")
    assert data.covariance.dims == ("alpha", "order_parameter", "order_parameter_2")
    with pytest.raises(InputError, match="holds a fluctuations, not a trajectory"):
        load(tmp_path / "f.h5")
    with pytest.raises(InputError, match="exists and is not overwritten"):
        found.save(tmp_path / "f.h5")
    found.theory.save(tmp_path / "t.h5")
    with pytest.raises(InputError, match="holds a trajectory, not a fluctuations"):
        load_fluctuations(tmp_path / "t.h5")


def test_wrong_types_and_problems_are_named():
    """What is held to what, and that both are of one problem."""
    problem = random_problem(2, 2)
    found = fluctuations(problem, [0, 1.0], points=2**8)
    runs = simulate_reduced(problem, [0, 1.0], 2, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="predicted must be a Fluctuations, but is Trajectory"):
        z_scores(runs, found.theory)
    with pytest.raises(InputError, match="runs must be a Trajectory, but is Fluctuations"):
        compare(found, found)
    with pytest.raises(InputError, match="problem must be a Problem, but is str"):
        fluctuations("x", [1.0])
    with pytest.raises(InputError, match="must be of one problem, but differ in N: 50 and 500"):
        z_scores(runs, fluctuations(replace(problem, N=500), [0, 1.0], points=2**8))


def test_a_file_that_lacks_something_is_named(tmp_path):
    """As that of a trajectory is."""
    found = fluctuations(random_problem(1, 1), [0, 1.0], points=2**8)
    path = found.save(tmp_path / "f.h5")
    with h5py.File(path, "r+") as file:
        del file["std_Q"]
    with pytest.raises(InputError, match="holds no 'std_Q', which fluctuations need"):
        load_fluctuations(path)


@pytest.mark.parametrize(("points", "message"), [(100, "points must be at least 256"), (300, "must be a power of 2")])
def test_points_are_a_power_of_two(points, message):
    """Sobol's points are balanced only then."""
    with pytest.raises(InputError, match=message):
        fluctuations(random_problem(1, 1), [1.0], points=points)


def test_a_diverged_theory_has_fluctuations_up_to_there():
    """They end where the ODEs do."""
    problem = random_problem(2, 2, activation="linear", eta=8.0, eta_v=0.0, decay_v=0.0)
    problem = replace(problem, start=replace(problem.start, v=np.ones(2)))
    alphas = np.linspace(0, 100, 101)
    with pytest.warns(DivergenceWarning):
        theory = integrate(problem, alphas)
    with pytest.warns(DivergenceWarning):
        found = fluctuations(problem, alphas, points=2**8)
    np.testing.assert_array_equal(found.alphas, theory.alphas)
    assert len(found.alphas) < 101


def test_drift_in_w_is_the_right_hand_side():
    """A teacher with two equal units, whose T has no inverse: dQ comes back from dQ_across by the product rule."""
    start = OrderParameters(np.full((2, 2), 0.1), 0.5 * np.eye(2), np.ones((2, 2)), [1.0, 0.3], [1.0, 0.7])
    problem = Problem(start, eta=0.3, eta_v=0.2, rule="fa", b=[1.0, -0.5])
    expansion, w = start_of(problem)
    slopes = expansion.slopes(w[None])[0, :-2]
    s = problem.start
    y = expansion.pack(s.R, s.Q, s.v)
    expected = equations.right_hand_side(y, quadrature.parameters(problem))
    np.testing.assert_allclose(slopes @ expansion.drift(w), expected, atol=1e-13)
