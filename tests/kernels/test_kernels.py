"""The compiled kernels against plain NumPy: the polynomial arcsine, the right-hand side, the step."""

from dataclasses import replace

import numpy as np
import pytest
import textbook
from conftest import NUMPY_FUNCTIONS, random_problem
from scipy.special import erf

from stdyn import Problem, initial
from stdyn.kernels import activation as activation_kernels
from stdyn.kernels import elementary, equations, network, state
from stdyn.theory import quadrature

SHAPES = [(1, 1, None), (2, 3, None), (5, 5, None), (4, 2, 3), (1, 3, 2), (3, 1, 1)]


def right_hand_side(problem, function=equations.right_hand_side):
    """dR, dQ, dv by the kernel."""
    s = problem.start
    y = state.pack(s.R, s.Q, s.v.reshape(s.K, -1))
    return state.unpack(function(y, quadrature.parameters(problem)), s.K, s.M, problem.outputs)


def test_arcsine_is_exact_to_rounding():
    """Within 2 units of the last place of NumPy's, over the whole interval and at its ends."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-1, 1, 20_000), 1 - 10.0 ** rng.uniform(-16, 0, 5000), [-1, -0.5, 0, 0.5, 1]])
    ours = np.array([elementary.arcsine(value) for value in x])
    np.testing.assert_allclose(ours, np.arcsin(x), rtol=5e-16, atol=0)
    assert elementary.arcsine(1 + 1e-15) == np.pi / 2


def test_erf_and_its_derivative_are_exact_to_rounding():
    """Within 4 units of the last place of SciPy's, of tiny x too; g' within 2e-15 of its value to |x| = 9."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-10, 10, 40_000), 10.0 ** rng.uniform(-300, 0, 5000), [0, np.sqrt(2), 50, 1e300]])
    g, g_prime = np.empty((1, len(x))), np.empty((1, len(x)))
    activation_kernels.fill(int(activation_kernels.Code.ERF), 0, x, g[0], g_prime[0])
    np.testing.assert_allclose(g[0], erf(x / np.sqrt(2)), rtol=9e-16, atol=0)
    near = np.abs(x) < 9
    np.testing.assert_allclose(g_prime[0, near], np.sqrt(2 / np.pi) * np.exp(-(x[near] ** 2) / 2), rtol=2e-15)
    assert (g_prime[0, ~near] < 1e-17).all()


def test_linear_units_are_linear():
    """g(x) = x, g'(x) = 1."""
    x, g, g_prime = np.linspace(-3, 3, 12).reshape(3, 4), np.empty((3, 4)), np.empty((3, 4))
    activation_kernels.fill(int(activation_kernels.Code.LINEAR), 0, x.ravel(), g.ravel(), g_prime.ravel())
    np.testing.assert_array_equal(g, x)
    np.testing.assert_array_equal(g_prime, 1)


@pytest.mark.parametrize("activation", ["erf", "linear", "relu", "tanh"])
@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_right_hand_side_is_the_textbook_one(K, M, O, rule, activation):
    """Tilted, packed and vectorised, it equals the sums over I2, I3, I4 and J2, noise and decay included."""
    for seed in range(3):
        problem = random_problem(K, M, O, seed, rule, activation=activation)
        y = problem.layout.pack(problem.start.order_parameters)
        expected = problem.layout.unpack(textbook.rhs(problem, y)).values()
        for ours, theirs in zip(right_hand_side(problem), expected, strict=True):
            np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=1e-12, atol=1e-13)


def test_right_hand_side_vanishes_at_perfect_learning():
    """Q = R = T, v = v_teacher, without noise; C is singular there."""
    for K in (1, 3, 5):
        problem = random_problem(K, K, seed=K, sigma=0.0, decay=0.0, decay_v=0.0)
        s = problem.start
        perfect = replace(problem, start=replace(s, R=s.T, Q=s.T, v=s.v_teacher))
        for derivative in right_hand_side(perfect):
            np.testing.assert_allclose(derivative, 0, atol=1e-14)


@pytest.mark.parametrize("K", [2, 3, 5, 8])
def test_right_hand_side_vanishes_at_the_symmetric_plateau_to_order_eta(K):
    """Saad & Solla: at Q_ik = 1/(2K-1), R_in = 1/sqrt(K(2K-1)) only the eta^2 term of dQ is left."""
    start = initial.prepared(K, K)
    plateau = replace(start, Q=np.full((K, K), 1 / (2 * K - 1)), R=np.full((K, K), 1 / np.sqrt(K * (2 * K - 1))))
    dR, dQ, _ = right_hand_side(Problem(plateau, eta=1e-4, eta_v=0.0))
    np.testing.assert_allclose(dR / 1e-4, 0, atol=1e-13)
    np.testing.assert_allclose(dQ / 1e-4, 0, atol=1e-4)
    assert np.abs(dQ).max() > 0


def test_right_hand_side_does_not_depend_on_the_names_of_the_units():
    """Permuting students and teachers permutes the derivatives; so do signs: (w, v, b) -> -(w, v, b)."""
    problem = random_problem(4, 3, 2, seed=7)
    s, p, q = problem.start, [2, 0, 3, 1], [1, 2, 0]
    sign = np.array([1, -1, -1, 1.0])[:, None]
    start = replace(s, R=sign * s.R[p][:, q], Q=sign * s.Q[np.ix_(p, p)] * sign.T, T=s.T[np.ix_(q, q)],
                    v=sign * s.v[p], v_teacher=s.v_teacher[q])  # fmt: skip
    dR, dQ, dv = right_hand_side(problem)
    renamed = right_hand_side(replace(problem, start=start, b=sign * problem.b[p]))
    expected = sign * dR[p][:, q], sign * dQ[np.ix_(p, p)] * sign.T, sign * dv[p]
    for ours, theirs in zip(renamed, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_compiled_and_interpreted_kernels_agree():
    """The Python source of a kernel is its reference."""
    problem = random_problem(2, 2, seed=1)
    for ours, expected in zip(
        right_hand_side(problem), right_hand_side(problem, equations.right_hand_side.py_func), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("activation", ["erf", "linear", "relu", "tanh", "gelu", "relu of erf", "sigmoid of gelu"])
@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_a_step_is_that_of_the_theory(K, M, O, rule, activation):
    """theory.md, section 1, in five lines of NumPy, for five steps: both layers use the values before the step."""
    student, _, teacher = activation.partition(" of ")
    problem = random_problem(K, M, O, 3, rule, N=17, activation=student, activation_teacher=teacher or None)
    N, rng = problem.N, np.random.default_rng(0)
    _, v_teacher, b, *_ = problem.parameters
    eta, eta_v, sigma, decay, decay_v = problem.protocol.row(0.0)[:5]
    W, W_teacher = initial.weights(problem, N, rng)
    v = problem.start.v.reshape(K, -1).copy()
    xi, zeta = rng.standard_normal((5, N)), rng.standard_normal((5, problem.outputs))
    (g, dg), (g_teacher, _) = NUMPY_FUNCTIONS[student], NUMPY_FUNCTIONS[teacher or student]

    W_ours, v_ours = W.copy(), v.copy()
    assert network.network_steps(W_ours, v_ours, W_teacher, xi, zeta, problem.parameters, 0) == 5
    for t in range(5):
        x, y = W @ xi[t], W_teacher @ xi[t]
        Delta = g(x) @ v - g_teacher(y) @ v_teacher - sigma * zeta[t]
        delta = dg(x) * ((v if rule == "bp" else b) @ Delta)
        W = (1 - decay / N) * W - eta / N * np.outer(delta, xi[t])
        v = (1 - decay_v / N) * v - eta_v / N * np.outer(g(x), Delta)
    np.testing.assert_allclose(W_ours, W, atol=1e-14)
    np.testing.assert_allclose(v_ours, v, atol=1e-14)


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e12])
def test_a_step_that_would_diverge_is_not_taken(bad):
    """The kernel stops before it and leaves the weights as they were."""
    problem = random_problem(2, 2, N=10)
    rng = np.random.default_rng(0)
    W, W_teacher = initial.weights(problem, 10, rng)
    v = problem.start.v.reshape(2, -1).copy()
    xi, zeta = rng.standard_normal((4, 10)), np.zeros((4, 1))
    xi[2, 0] = bad
    expected_W, expected_v = W.copy(), v.copy()
    assert network.network_steps(expected_W, expected_v, W_teacher, xi[:2], zeta[:2], problem.parameters, 0) == 2
    assert network.network_steps(W, v, W_teacher, xi, zeta, problem.parameters, 0) == 2
    np.testing.assert_array_equal(W, expected_W)
    np.testing.assert_array_equal(v, expected_v)
