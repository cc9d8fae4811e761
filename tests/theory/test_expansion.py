"""The expansion of the ODEs at a point: the drift, its Jacobian J and curvature, and the diffusion D of a step."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_problem
from scipy.stats import norm

from stdyn import OrderParameters, Problem, integrate
from stdyn.kernels import equations
from stdyn.theory import quadrature
from stdyn.theory.expansion import Expansion
from stdyn.theory.fluctuations import _local
from stdyn.theory.propagation import quadrature_points

SHAPES = [(1, 1, None), (2, 3, None), (3, 2, 2)]


def start_of(problem):
    """The expansion of a problem, and the coordinates w of its start."""
    expansion = Expansion(problem)
    return expansion, expansion.coordinates(problem.start)


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


def test_drift_in_w_is_the_right_hand_side():
    """A teacher with two equal units, whose T has no inverse: dQ comes back from dQ_across by the product rule."""
    start = OrderParameters(np.full((2, 2), 0.1), 0.5 * np.eye(2), np.ones((2, 2)), [1.0, 0.3], [1.0, 0.7])
    problem = Problem(start, eta=0.3, eta_v=0.2, rule="fa", b=[1.0, -0.5])
    expansion, w = start_of(problem)
    slopes = expansion.slopes(w[None])[0, :-1]
    s = problem.start
    y = expansion.pack(s.R, s.Q, s.v)
    expected = equations.right_hand_side(y, quadrature.parameters(problem))
    np.testing.assert_allclose(slopes @ expansion.drift(w), expected, atol=1e-13)


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
    b, v_start = problem.b, problem.start.v
    for rule, b_at in (("fa", lambda v: b), ("kp", lambda v: v + b - v_start)):
        problem = replace(problem, rule=rule)
        expansion, w = start_of(problem)

        def values(w, expansion=expansion, b_at=b_at):
            R, Q, v = expansion.order_parameters(w)
            return np.concatenate([expansion.pack(R, Q, v), [np.sum(v * b_at(v)), expansion.eps_g(w)]])

        expected = [(values(w + h) - values(w - h)) / 2e-5 for h in 1e-5 * np.eye(len(w))]
        found, *_ = _local(integrate(problem, [0.0]), expansion, w[None], np.zeros((1, len(w), len(w))))
        np.testing.assert_allclose(found[0], np.array(expected).T, rtol=0, atol=1e-8)


def test_curvature_of_eps_g_and_q():
    """What curvature adds to the mean of Q, F and eps_g for w ~ N(w, S): 2e5 samples, false alarm 1e-6.

    With rule "kp" F = v.(v + B) has a curvature of its own.
    """
    problem = replace(random_problem(2, 2, None, 2), rule="kp")
    B = problem.b - problem.start.v
    expansion, w = start_of(problem)
    rng = np.random.default_rng(1)
    root = 0.02 * rng.normal(size=(len(w), len(w)))
    _, means, variance = _local(integrate(problem, [0.0]), expansion, w[None], (root @ root.T)[None])
    x = root @ rng.standard_normal((len(w), 100_000))
    both = [w + sign * x.T for sign in (1, -1)]  # in pairs, so that what is linear drops out
    samples = []
    for here in (*both, w[None]):
        R, Q, v = expansion.order_parameters(here)
        samples.append(
            np.column_stack(
                [expansion.pack(R, Q, v), np.sum(v[..., 0] * (v[..., 0] + B), axis=-1), expansion.eps_g(here)]
            )
        )
    added = (samples[0] + samples[1]) / 2 - samples[2]
    error = added.std(axis=0) / np.sqrt(len(added))
    assert (np.abs(added.mean(axis=0) - means[0]) < 5.7 * error + 2e-3 * np.abs(means[0]) + 1e-12).all()
    assert abs(added[:, -1].var() - variance[0]) < 0.05 * variance[0]
    assert (np.abs(means[0, [4, 6]]) > 50 * error[[4, 6]]).all()  # Q_ii: it is seen at all


# ---------------------------------------------------------------------------------------------------------------------
# D


@pytest.mark.slow
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
    points = quadrature_points(expansion, 2**13)
    slopes = expansion.slopes(w[None])[0, :-1]
    D = slopes @ expansion.diffusion(w, points).mean(axis=0) @ slopes.T
    products = f[:, :, None] * f[:, None, :]
    error = products.std(axis=0) / np.sqrt(runs)
    scale = np.sqrt(np.outer(np.diag(D), np.diag(D)))
    allowed = norm.isf(1e-6 / (2 * D.size)) * error + 0.01 * scale  # 1 %: the quadrature
    assert (np.abs(products.mean(axis=0) - D) < allowed).all()
    assert (np.abs(products.mean(axis=0) - 1.2 * D) > allowed).any()


@pytest.mark.slow
def test_diffusion_of_a_linear_unit_is_exact():
    """K = M = 1: <Delta^2 y^2> - <Delta y>^2 = <Delta^2> T + <Delta y>^2 (Isserlis); quadrature within 0.5 %."""
    problem = random_problem(1, 1, None, 4, activation="linear", sigma=0.0)
    s, b = problem.start, problem.b[0]
    expansion, w = start_of(problem)
    D = expansion.diffusion(w, quadrature_points(expansion, 2**14)).mean(axis=0)
    v, v_teacher, R, Q, T = s.v[0], s.v_teacher[0], s.R[0, 0], s.Q[0, 0], s.T[0, 0]
    square, cross = v**2 * Q - 2 * v * v_teacher * R + v_teacher**2 * T, v * R - v_teacher * T
    assert D[0, 0] == pytest.approx(problem.eta**2 * b**2 * (square * T + cross**2), rel=5e-3)
