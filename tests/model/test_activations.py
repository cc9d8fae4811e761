"""Activations: functions and derivatives, averages in closed form and by quadrature, names, files and processes."""

import pickle
import subprocess
import sys
from dataclasses import replace
from math import erf, exp, log1p, pi, sqrt, tanh

import h5py
import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_overlaps, random_problem
from numba import njit
from scipy.stats import t as student_t

import stdyn
from stdyn import InputError, Problem, averages, compare, initial, integrate, simulate_reduced
from stdyn.kernels import equations
from stdyn.kernels import state as state_kernels
from stdyn.model.activations import BUILT_IN, find, known
from stdyn.theory import quadrature
from stdyn.theory.fixedpoints import perfect_learning
from stdyn.theory.symmetry import find_orbits

LEAKY = stdyn.activation(lambda x: x if x > 0 else 0.1 * x, lambda x: 1.0 if x > 0 else 0.1, name="leaky_relu")
SOFTPLUS = stdyn.activation(lambda x: log1p(exp(x)), lambda x: 1 / (1 + exp(-x)), name="softplus")
SHIFTED = stdyn.activation(lambda x: 1 / (1 + exp(1 - x)), lambda x: exp(1 - x) / (1 + exp(1 - x)) ** 2, name="shifted")
ERF = stdyn.activation(lambda x: erf(x / sqrt(2)), lambda x: sqrt(2 / pi) * exp(-x * x / 2), name="erf by points")
TANH = stdyn.activation(tanh, lambda x: 1 - tanh(x) ** 2, name="tanh by points")
RELU = stdyn.activation(lambda x: max(x, 0.0), lambda x: 1.0 if x > 0 else 0.0, name="relu by points")


def stdyn_command(folder, *arguments):
    """The stdyn command in a folder; a warning fails."""
    command = [sys.executable, "-W", "error", "-m", "stdyn", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def right_hand_side(problem, which=None):
    """dy/dalpha at the start, packed."""
    s = problem.start
    y = state_kernels.pack(s.R, s.Q, s.v.reshape(s.K, -1))
    return equations.right_hand_side(y, quadrature.parameters(problem, which))


def grid(C, step, reach):
    """Fields (P, …) on a regular grid of standard normal numbers, and the weights: exact to e^(-2 pi d/step).

    d is the distance of the nearest pole of what is averaged, in standard deviations.
    """
    x = np.arange(-reach, reach + step / 2, step)
    w = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * step
    points = np.array(np.meshgrid(*[x] * len(C), indexing="ij"))
    weights = np.prod(np.meshgrid(*[w] * len(C), indexing="ij"), axis=0)
    return np.einsum("ij,j...->i...", np.linalg.cholesky(C), points), weights


def brute_force(C, g, g_prime):
    """I2[0,1], I3[0,1,2], I4[0,1,2,3] and J2[0,1] over four fields."""
    (a, b, c, d), weights = grid(C, 0.5, 7)
    products = g(a) * g(b), g_prime(a) * b * g(c), g_prime(a) * g_prime(b) * g(c) * g(d), g_prime(a) * g_prime(b)
    return [np.sum(weights * product) for product in products]


# ---------------------------------------------------------------------------------------------------------------------
# The functions


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_functions_are_what_their_names_say(name):
    """g and g' against NumPy and SciPy, to 1e-14, from -30 to 30 and on arrays of any shape."""
    x = np.random.default_rng(1).uniform(-30, 30, (20, 500)) * np.geomspace(1e-6, 1, 20)[:, None]
    g, g_prime = find(name)(x)
    for ours, expected in zip((g, g_prime), NUMPY_FUNCTIONS[name], strict=True):
        np.testing.assert_allclose(ours, expected(x), rtol=1e-14, atol=2e-15)


@pytest.mark.parametrize("name", [*BUILT_IN, LEAKY, SOFTPLUS, SHIFTED])
def test_derivatives_are_those_of_the_functions(name):
    """By differences of fourth order, at 1000 points away from a kink at 0, to 1e-9; another one's are not."""
    x = np.random.default_rng(2).uniform(0.01, 5, 1000) * np.tile([1, -1], 500)
    h, activation = 1e-3, find(name)
    (more, _), (less, _), (most, _), (least, _) = (activation(x + n * h) for n in (1, -1, 2, -2))
    slopes = (8 * (more - less) - (most - least)) / (12 * h)
    np.testing.assert_allclose(activation(x)[1], slopes, rtol=1e-9, atol=1e-9)
    other = find("gelu" if activation != "gelu" else "erf")
    assert np.abs(other(x)[1] - slopes).max() > 0.1


def test_tanh_is_a_sum_of_erfs_to_the_stated_error():
    """|tanh - sum| <= 1.1e-6 and |tanh' - sum'| <= 9.5e-6 at all x: the values are those of the docstring."""
    x = np.linspace(0, 15, 150_001)
    c, s = find("tanh").terms.T[:, :, None]
    from scipy.special import erf as erf_of

    value, slope = np.sum(c * erf_of(s * x / sqrt(2)), axis=0), np.sum(c * s * np.exp(-((s * x) ** 2) / 2), axis=0)
    assert 1e-6 < np.abs(value - np.tanh(x)).max() < 1.1e-6
    assert 9e-6 < np.abs(sqrt(2 / pi) * slope - 1 / np.cosh(x) ** 2).max() < 9.5e-6


def test_parity_degree_and_smoothness_are_recognised():
    """From values at 23 points; a function that is linear to |x| = 5 only is no polynomial."""
    parity = {name: find(name).parity for name in BUILT_IN}
    assert parity == {
        "erf": -1, "linear": -1, "relu": 0, "tanh": -1, "gelu": 0, "sigmoid": 0, "square": 1, "hermite2": 1,
        "hermite3": -1,
    }  # fmt: skip
    assert {n: find(n).degree for n in BUILT_IN if find(n).degree} == {
        "linear": 1, "square": 2, "hermite2": 2, "hermite3": 3,
    }  # fmt: skip
    assert [n for n in BUILT_IN if not find(n).smooth] == ["relu"]
    assert [each.smooth for each in (LEAKY, SOFTPLUS, SHIFTED, ERF)] == [False, True, True, True]
    clipped = stdyn.activation(lambda x: min(max(x, -5.0), 5.0), lambda x: 1.0 if abs(x) < 5 else 0.0, "clipped")
    assert (clipped.degree, clipped.smooth, clipped.parity) == (None, False, -1)
    assert (LEAKY.parity, LEAKY.degree, ERF.parity) == (0, None, -1)


# ---------------------------------------------------------------------------------------------------------------------
# Averages


def test_tanh_averages_are_those_of_tanh(gaussian_averages):
    """The closed forms, of the sum of erfs, against sums over a grid of tanh itself: 2e-5, twice the error of g'."""
    for case in gaussian_averages[:2]:
        C = np.array(case["cov"])
        expected = brute_force(C, np.tanh, lambda x: 1 / np.cosh(x) ** 2)
        ours = averages.I2(C, "tanh")[0, 1], averages.I3(C, "tanh")[0, 1, 2], averages.I4(C, "tanh")[0, 1, 2, 3]
        np.testing.assert_allclose([*ours, averages.J2(C, "tanh")[0, 1]], expected, atol=2e-5)
        wrong = averages.I2(C)[0, 1], averages.I3(C)[0, 1, 2], averages.I4(C)[0, 1, 2, 3], averages.J2(C)[0, 1]
        assert np.abs(np.array(wrong) - expected).min() > 1e-4


@pytest.mark.parametrize(
    ("activation", "tolerance"),
    [("erf", 1e-13), ("tanh", 1e-12), (TANH, 1e-10), ("gelu", 1e-10), ("sigmoid", 1e-10), ("hermite3", 1e-12)],
)
def test_I2_by_mehlers_formula(activation, tolerance):
    """Over smooth functions it equals a sum over a fine grid; so it does between two activations."""
    C = random_overlaps(1, 1, seed=3).C
    (a, c), weights = grid(C, 0.1, 10)
    g, h = NUMPY_FUNCTIONS[getattr(activation, "name", activation).removesuffix(" by points")][0], np.tanh
    atol = max(tolerance, 2e-6 if activation == "tanh" else 0)
    assert averages.I2(C, activation)[0, 1] == pytest.approx(np.sum(weights * g(a) * g(c)), abs=atol)
    mixed = averages.I2(C, [activation, TANH])
    assert mixed[0, 1] == pytest.approx(np.sum(weights * g(a) * h(c)), abs=max(atol, 1e-10))
    np.testing.assert_array_equal(mixed, mixed.T)


def test_I2_of_a_hermite_polynomial_is_a_power_of_the_overlap():
    """<He_n(a) He_n(c)> / n! = rho^n at unit variance; hermite2 and hermite3 are orthogonal. With a kink: to 1e-4."""
    C = np.array([[1, 0.6, -0.3], [0.6, 1, 0.2], [-0.3, 0.2, 1]])
    np.testing.assert_allclose(averages.I2(C, "hermite2"), C**2, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, "hermite3"), C**3, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, ["hermite2", "hermite3", "hermite2"])[1, [0, 2]], 0, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, RELU), averages.I2(C, "relu"), atol=1e-4)


def test_I2_where_a_field_does_not_vary():
    """g(0)^2 with itself, g(0) <g> with others; leading axes are carried along."""
    C = np.array([[[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.5, 1.0]]])
    I2 = averages.I2(C, "sigmoid")
    np.testing.assert_allclose(I2[0, 0], [0.25, 0.25], atol=1e-14)  # <sigmoid> = 1/2
    np.testing.assert_allclose(I2[1], averages.I2(C[1], "sigmoid"), rtol=1e-14)


CLOSED = [
    pytest.param("erf", None, ERF, None, id="erf"),
    pytest.param("tanh", None, TANH, None, id="tanh"),
    pytest.param("relu", None, RELU, None, id="relu"),
    pytest.param("erf", "tanh", ERF, TANH, id="erf of tanh"),
    pytest.param("tanh", "erf", TANH, ERF, id="tanh of erf"),
]


@pytest.mark.parametrize(("student", "teacher", "student_points", "teacher_points"), CLOSED)
@pytest.mark.parametrize(("K", "M", "O", "rule"), [(2, 3, None, "fa"), (3, 2, 2, "bp")])
def test_quadrature_agrees_with_closed_forms_within_its_error(
    K, M, O, rule, student, teacher, student_points, teacher_points
):
    """Right-hand sides, in errors from 8 sets of points: Student's t, false alarm 1e-4; eta off by 1 % is seen."""
    exact = random_problem(K, M, O, 4, rule, activation=student, activation_teacher=teacher)
    problem = replace(exact, activation=student_points, activation_teacher=teacher_points, quadrature=2**15)
    ours = right_hand_side(problem)
    sets = [right_hand_side(problem, which) for which in range(quadrature.SETS)]
    error = np.std(sets, axis=0, ddof=1) / np.sqrt(quadrature.SETS)
    allowed = student_t.isf(1e-4 / (2 * len(ours)), quadrature.SETS - 1) * error + 1e-5
    assert (np.abs(ours - right_hand_side(exact)) < allowed).all()
    assert (np.abs(ours - right_hand_side(replace(exact, eta=1.01 * exact.eta))) > allowed).any()
    np.testing.assert_allclose(ours, np.mean(sets, axis=0), atol=1e-14)


@pytest.mark.parametrize("name", ["square", "hermite2", "hermite3"])
@pytest.mark.parametrize(("K", "M", "O"), [(1, 1, None), (2, 1, 2), (1, 3, None)])
def test_polynomials_are_averaged_exactly(name, K, M, O, monkeypatch):
    """Three more nodes in each field change nothing; two less do; quasi-Monte Carlo agrees to 10 %."""
    problem = random_problem(K, M, O, 5, activation=name, quadrature=2**20)
    exact, ours = quadrature.exact_nodes(problem), right_hand_side(problem)
    scale = np.abs(ours).max()
    for nodes, agrees in ((exact + 3, True), (exact - 2, False)):
        monkeypatch.setattr(quadrature, "exact_nodes", lambda _, nodes=nodes: nodes)
        assert np.allclose(right_hand_side(problem), ours, rtol=1e-12, atol=1e-12 * scale) == agrees
    monkeypatch.setattr(quadrature, "exact_nodes", lambda _: None)
    np.testing.assert_allclose(right_hand_side(problem), ours, atol=0.1 * scale)


def test_phase_retrieval_in_closed_form():
    """K = M = 1, g(x) = x^2, frozen v = 1: G, H and dQ, dR by Isserlis' theorem (Wick contractions by hand)."""
    R, Q, T, eta = 0.3, 0.8, 1.3, 0.2
    start = stdyn.OrderParameters([[R]], [[Q]], [[T]], [1.0], [1.0])
    dR, dQ, _ = right_hand_side(Problem(start, activation="square", eta=eta, eta_v=0.0))
    along, across = 2 * (3 * Q * Q - Q * T - 2 * R * R), 2 * (3 * Q * R - 3 * R * T)  # <2x (x^2 - y^2) x>, … y>
    # <4 x^2 (x^2 - y^2)^2> by <x^6> = 15 Q^3, <x^4 y^2> = 3 Q^2 T + 12 Q R^2, <x^2 y^4> = 3 Q T^2 + 12 R^2 T
    H = 4 * (15 * Q**3 - 2 * (3 * Q**2 * T + 12 * Q * R**2) + 3 * Q * T**2 + 12 * R**2 * T)
    assert dR == pytest.approx(-eta * across, rel=1e-13)
    assert dQ == pytest.approx(-2 * eta * along + eta**2 * H, rel=1e-13)


def test_quadrature_vanishes_at_perfect_learning_and_is_smooth_there():
    """Delta is zero at every point; near by, at a distance d, the drift of R is of order d and eps_g of d^2."""
    T = random_overlaps(3, 3, seed=1).Q + np.eye(3)
    perfect = Problem(stdyn.OrderParameters(T, T, T, [1, 2, -1], [1, 2, -1]), activation="gelu", eta=0.3, eta_v=0.3)
    np.testing.assert_allclose(right_hand_side(perfect), 0, atol=1e-14)
    moved = []
    for d in (1e-2, 1e-4):
        W = np.hstack([np.linalg.cholesky(T), np.zeros((3, 3))])
        W = W + d * np.random.default_rng(3).normal(size=W.shape)
        start = replace(perfect.start, R=W[:, :3] @ np.linalg.cholesky(T).T, Q=W @ W.T)
        moved.append(
            (np.abs(right_hand_side(replace(perfect, start=start))).max(), eps_g(replace(perfect, start=start)))
        )
    assert moved[0][0] / moved[1][0] == pytest.approx(100, rel=0.1)
    assert moved[0][1] / moved[1][1] == pytest.approx(1e4, rel=0.1)


def eps_g(problem):
    """eps_g of the start."""
    s, O = problem.start, problem.outputs
    return float(averages.eps_g(s.R, s.Q, s.T, s.v.reshape(-1, O), s.v_teacher.reshape(-1, O), problem.activations))


@pytest.mark.parametrize("pair", [("gelu", None), ("relu", "erf"), ("linear", "tanh"), ("square", "sigmoid")])
def test_eps_g_is_that_of_samples(pair):
    """1/2 <|Delta|^2> over 10^6 examples within 5 standard errors (false alarm 6e-7); with another g it is not."""
    problem = random_problem(2, 2, 2, 6, activation=pair[0], activation_teacher=pair[1])
    s = problem.start
    z = np.random.default_rng(1).multivariate_normal(np.zeros(4), s.C, 10**6)
    student, teacher = problem.activations
    squares = np.sum((student(z[:, :2])[0] @ s.v - teacher(z[:, 2:])[0] @ s.v_teacher) ** 2, axis=1) / 2
    error = squares.std() / 1000
    assert abs(squares.mean() - eps_g(problem)) < 5 * error
    assert abs(squares.mean() - eps_g(replace(problem, activation="erf"))) > 5 * error


# ---------------------------------------------------------------------------------------------------------------------
# Theory and simulation


def specialising(K, M, O=None, rule="fa", **changes):
    """R_nn = 0.1; no symmetry is left."""
    rng = np.random.default_rng(K + 10 * M)
    shape = () if O is None else (O,)
    v, v_teacher, b = 0.5 * rng.normal(size=(K, *shape)), rng.normal(size=(M, *shape)), rng.normal(size=(K, *shape))
    rates = {"eta": 0.2, "eta_v": 0.1, "N": 2000, "sigma": 0.1} | changes
    start = initial.prepared(K, M, q=0.4, r=0.1, v=v, v_teacher=v_teacher)
    return Problem(start, rule=rule, b=b if rule == "fa" else None, **rates)


CASES = [
    pytest.param(specialising(3, 2, activation="relu"), "gelu", id="relu, fa, K > M"),
    pytest.param(specialising(2, 3, 2, rule="bp", activation="relu"), "gelu", id="relu, bp, two outputs, K < M"),
    pytest.param(specialising(2, 3, activation="tanh"), "erf", id="tanh, fa, K < M"),
    pytest.param(specialising(3, 2, rule="bp", activation="tanh"), "erf", id="tanh, bp, K > M"),
    pytest.param(specialising(2, 3, activation="linear"), "tanh", id="linear, fa"),
    pytest.param(specialising(3, 2, activation="gelu"), "relu", id="gelu, fa, K > M"),
    pytest.param(specialising(2, 3, 2, rule="bp", activation="gelu"), "relu", id="gelu, bp, two outputs, K < M"),
    pytest.param(specialising(3, 2, activation=SHIFTED), "sigmoid", id="shifted sigmoid, fa"),
    pytest.param(specialising(2, 1, rule="bp", activation=SHIFTED), "sigmoid", id="shifted sigmoid, bp"),
    pytest.param(specialising(2, 1, eta=0.05, activation="square"), "hermite2", id="square, fa"),
    pytest.param(specialising(1, 2, rule="bp", eta=0.05, activation="square"), "linear", id="square, bp"),
    pytest.param(specialising(2, 1, activation="hermite3", eta=0.1, N=5000), "erf", id="hermite3, fa"),
    pytest.param(specialising(1, 2, rule="bp", activation="hermite3", eta=0.1, N=5000), "erf", id="hermite3, bp"),
    pytest.param(specialising(3, 2, activation="relu", activation_teacher="erf"), "tanh", id="relu of erf, fa"),
    pytest.param(specialising(2, 3, rule="bp", activation="erf", activation_teacher="tanh"), "tanh", id="erf of tanh"),
]


@pytest.mark.parametrize(("problem", "other"), CASES)
def test_mean_of_runs_follows_the_odes(problem, other):
    """256 reduced runs at N = 2000: false alarm 1e-6 a case, bias 5/N; eta off by 20 % and another g do not agree."""
    alphas = np.array([0, 0.5, 1, 3, 6, 10])
    runs = simulate_reduced(problem, alphas, runs=256, rng=np.random.Generator(np.random.SFC64(3)))
    settings = {"false_alarm": 1e-6, "bias": 5}
    assert compare(runs, integrate(problem, alphas), **settings).agrees
    for wrong in (replace(problem, eta=1.2 * problem.eta), replace(problem, activation=other, activation_teacher=None)):
        assert not compare(runs, integrate(wrong, alphas), **settings).agrees


@pytest.mark.parametrize("activation", ["relu", "tanh", SHIFTED])
def test_network_and_reduced_runs_have_one_law(activation):
    """Means of 128 runs each at N = 100 within 5 standard errors of their difference; false alarm 1e-5 a case."""
    from stdyn import simulate_network

    problem = specialising(2, 2, activation=activation, N=100)
    both = [f(problem, [1.0, 4.0], 128, rng=np.random.default_rng(4)) for f in (simulate_network, simulate_reduced)]
    for name in ("R", "Q", "v"):
        one, other = (getattr(runs, name) for runs in both)
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 128)
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 5.5 * error).all()


def test_a_linear_network_is_solved_exactly():
    """v frozen: R and Q obey an affine equation; the whole trajectory against the exponential of its matrix."""
    from scipy.linalg import expm

    for rule in ("fa", "bp"):
        problem = random_problem(3, 2, seed=2, rule=rule, activation="linear", eta=0.2, eta_v=0.0, decay_v=0.0)
        s, b = problem.start, problem.start.v if rule == "bp" else problem.b
        beta = np.outer(b, np.concatenate([s.v, -s.v_teacher]))

        def rate(R, Q, b=b, beta=beta, problem=problem):
            C = np.block([[Q, R], [R.T, problem.start.T]])
            eta, decay, G = problem.eta, problem.decay, beta @ C
            dQ = -eta * (G[:, :3] + G[:, :3].T) + eta**2 * (G @ beta.T + problem.sigma**2 * np.outer(b, b))
            return np.concatenate([(-eta * G[:, 3:] - decay * R).ravel(), (dQ - 2 * decay * Q).ravel()])

        constant = rate(np.zeros((3, 2)), np.zeros((3, 3)))
        columns = [rate(e[:6].reshape(3, 2), (e[6:].reshape(3, 3) + e[6:].reshape(3, 3).T) / 2) for e in np.eye(15)]
        generator = np.zeros((16, 16))
        generator[:15, :15], generator[:15, 15] = np.array(columns).T - constant[:, None], constant
        alphas = np.linspace(0, 20, 41)
        theory, start = integrate(problem, alphas), np.concatenate([s.R.ravel(), s.Q.ravel(), [1]])
        for j, alpha in enumerate(alphas):
            exact = expm(alpha * generator) @ start
            np.testing.assert_allclose(theory.R[j].ravel(), exact[:6], atol=1e-8)
            np.testing.assert_allclose(theory.Q[j].ravel(), exact[6:15], atol=1e-8)


def test_the_error_of_quadrature_is_that_of_the_solution():
    """erf by points against erf: the deviation is about the error reported; ten times less would not do."""
    exact = specialising(2, 2, activation="erf")
    alphas = np.linspace(0, 20, 9)[1:]
    ours, closed = integrate(replace(exact, activation=ERF), alphas), integrate(exact, alphas)
    assert closed.error is None
    assert set(ours.error) == {"R", "Q", "v", "F", "eps_g"}
    z = np.concatenate([
        ((getattr(ours, name) - getattr(closed, name)) / ours.error[name]).ravel() for name in ("R", "Q", "v", "F")
    ])  # fmt: skip
    assert 0.3 < np.sqrt(np.mean(z**2)) < 4
    assert np.abs(ours.eps_g - closed.eps_g).max() < 10 * ours.error["eps_g"].max()
    assert "quadrature" in ours.summary()
    bare = integrate(ours.problem, alphas, error=False)
    assert bare.error is None
    np.testing.assert_array_equal(bare.R, ours.R)


def test_the_error_of_quadrature_is_part_of_the_comparison():
    """A theory whose points are few is held to runs with the error they make: it agrees, and says so."""
    exact = specialising(2, 2, activation="erf", N=10_000)
    alphas = np.linspace(0, 3, 7)
    runs = simulate_reduced(exact, alphas, runs=256, rng=np.random.default_rng(1))
    theory = integrate(replace(exact, activation=ERF, quadrature=2**11), alphas)
    comparison = compare(replace(runs, problem=theory.problem), theory, false_alarm=1e-4)
    assert comparison.agrees
    assert "quadrature" in comparison.notes[-1]
    bare = compare(replace(runs, problem=theory.problem), replace(theory, error=None), false_alarm=1e-4)
    for name in ("R", "Q", "v"):
        assert (comparison.standard_error[name] >= bare.standard_error[name]).all()
    assert comparison.standard_error["Q"][-1].max() > 1.001 * bare.standard_error["Q"][-1].max()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_fluctuations_predict_the_spread_of_runs(activation):
    """2000 reduced runs at N = 2000: standard deviations within 10 % + 5 s.e.; those of N = 4000 are not."""
    problem = specialising(1, 1, activation=activation, eta=0.3, N=2000)
    alphas = [1.0, 4.0]
    runs = simulate_reduced(problem, alphas, 2000, rng=np.random.default_rng(2))
    ours, wrong = (stdyn.fluctuations(replace(problem, N=N), alphas, points=2**10) for N in (2000, 4000))
    assert ours.valid.all()
    for name in ("R", "Q", "v", "eps_g"):
        seen = getattr(runs, name).std(axis=0)
        allowed = (0.1 + 5 / np.sqrt(4000)) * seen
        assert (np.abs(getattr(ours.std, name) - seen) < allowed).all()
        assert (np.abs(getattr(wrong.std, name) - seen) > allowed).all()


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_jacobian_stays_among_possible_states(activation):
    """Near perfect learning, where averages end: against one-sided differences of a much smaller step, to 1 %."""
    from stdyn.theory.expansion import Expansion

    T = np.eye(2)
    W = np.hstack([T, 0.02 * np.eye(2)])
    start = stdyn.OrderParameters(W[:, :2] @ T, W @ W.T, T, [1.0, 1.2], [1.0, 1.2])
    expansion = Expansion(Problem(start, activation=activation, eta=0.3, eta_v=0.2))
    w = expansion.coordinates(start)
    J, h = expansion.jacobian(w), 1e-8
    numerical = np.array([(expansion.drift(w + h * e) - expansion.drift(w)) / h for e in np.eye(len(w))]).T
    np.testing.assert_allclose(J, numerical, atol=0.01 * np.abs(J).max())


def test_spectra_at_perfect_learning():
    """Where averages end: those of erf by points are erf's to 1 %, and critical rates are those worked out by hand.

    K = M = 1, v = 1 frozen: -2 eta <g'^2> + eta^2 <g'^4> = 0 at perfect learning.
    """
    start = initial.prepared(2, 2, r=0.2)
    spectra = []
    for activation in ("erf", ERF):
        problem = Problem(start, activation=activation, eta=0.5, eta_v=0.3)
        (point,) = stdyn.fixed_points(problem, [perfect_learning(problem)])
        spectra.append(np.sort(point.eigenvalues.real))
    np.testing.assert_allclose(spectra[1], spectra[0], rtol=0.03)
    for name, exact in (("relu", 2), ("square", 1 / 6), ("hermite3", 2 / 45)):
        problem = Problem(initial.prepared(1, 1, r=0.2), activation=name, eta=0.5, eta_v=0.0)
        assert stdyn.critical_eta(problem) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_quadrature_leaves_a_symmetric_plateau_when_the_odes_do(rule):
    """From R_11 = 1e-5, erf by points against erf: points that treat teacher units differently leave it far sooner."""
    start = initial.prepared(2, 2)
    start = replace(start, R=[[1e-5, 0], [0, 0]])
    exact = Problem(start, eta=0.5, eta_v=0.0, rule=rule, b=[1, 0.7] if rule == "fa" else None)
    alphas = np.linspace(0, 600, 31)
    theory, ours = integrate(exact, alphas), integrate(replace(exact, activation=ERF), alphas)
    assert np.abs(theory.R[-1, 0, 0] - theory.R[-1, 0, 1]) > 0.5  # it has been left by then
    deviation = np.abs(ours.eps_g - theory.eps_g)[1:]
    assert (deviation < 6 * ours.error["eps_g"][1:] + 1e-5).all()


@pytest.mark.parametrize("kinked", [LEAKY, stdyn.activation(abs, lambda x: 1.0 if x > 0 else -1.0, name="abs")])
def test_eps_g_with_a_kink_is_right_near_perfect_learning(kinked):
    """1/2 <(g(x) - g(y))^2> of x and y of overlap 1 - d: ReLU's closed forms combined, to 1e-7 of it."""
    left = 0.1 if kinked is LEAKY else -1.0  # g(x) = relu(x) - left relu(-x)
    for d in (1e-2, 1e-6):
        C = np.array([[1, 1 - d], [1 - d, 1]])
        same, opposite = averages.I2(C, "relu"), averages.I2(C * [[1, -1], [-1, 1]], "relu")
        expected = (1 + left**2) * same - 2 * left * opposite
        expected[[0, 1], [0, 1]] = (1 + left**2) / 2
        ours = averages.I2(C, kinked)
        assert ours[0, 0] - ours[0, 1] == pytest.approx(expected[0, 0] - expected[0, 1], rel=1e-7)


def test_perfect_learning_is_a_fixed_point_of_every_activation():
    """And it is found from a start near by, with eps_g = 0; a teacher of another activation cannot be learned."""
    for activation in ("relu", "tanh", "gelu"):
        problem = specialising(2, 2, activation=activation, sigma=0.0)
        perfect = perfect_learning(problem)
        assert np.abs(right_hand_side(replace(problem, start=perfect))).max() < 1e-12
        (point,) = stdyn.fixed_points(problem, [perfect])
        assert point.eps_g < 1e-9
    with pytest.raises(
        InputError, match="perfect learning needs the teacher's activation, erf, but that of the student"
    ):
        perfect_learning(specialising(2, 2, activation="relu", activation_teacher="erf"))


# ---------------------------------------------------------------------------------------------------------------------
# Symmetries


def test_signs_are_symmetries_of_odd_and_even_functions_only():
    """K = M = 2, R = 0, v = (1, -1): odd, students are images of each other; even, R stays zero; else neither."""
    start = initial.prepared(2, 2, v=[1, -1])
    orbits = {
        name: find_orbits(Problem(start, activation=name, eta=1, eta_v=1)) for name in ("erf", "relu", "square", "gelu")
    }
    assert orbits["erf"].free == 4  # R, Q_ii, Q_ik, v
    assert orbits["relu"].free == orbits["gelu"].free == 2 + 3 + 2  # R_1n, R_2n; Q_11, Q_22, Q_12; v
    opposite = initial.prepared(2, 2, v=[1, -1], v_teacher=[1, -1])  # the output turns, students and teachers swap
    for name, free in (("relu", 2 + 2 + 1), ("gelu", 2 + 2 + 1), ("square", 2)):
        assert find_orbits(Problem(opposite, activation=name, eta=1, eta_v=1)).free == free
    assert (orbits["square"].sign[:4] == 0).all()  # y -> -y
    assert orbits["square"].sign[5] == 0  # Q_12: x_1 -> -x_1
    assert orbits["square"].free == 2 + 2


@pytest.mark.parametrize("activation", ["relu", "square", "gelu"])
def test_symmetric_starts_stay_symmetric(activation):
    """The solution in the space of the symmetries is that of the whole, and exactly symmetric."""
    problem = Problem(initial.prepared(2, 2, v=[0.5, -0.5]), activation=activation, eta=0.1, eta_v=0.1)
    theory = integrate(problem, [0.5, 1.0])
    assert (theory.R[:, :, 0] == theory.R[:, :, 1]).all()
    s = problem.start
    step = 1e-6
    y = state_kernels.pack(s.R, s.Q, s.v[:, None]) + step * right_hand_side(problem)
    R, Q, v = state_kernels.unpack(y, 2, 2, 1)
    first = integrate(problem, [step])
    for ours, expected in zip((first.R[0], first.Q[0], first.v[0]), (R, Q, v[:, 0]), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# Names, files, processes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, lambda x: 1.0), "g must be a function of a number, but is 1"),
        ((lambda x: x, None), "g_prime must be a function of a number, but is None"),
        ((lambda x: x.upper(), lambda x: 1.0), "functions of a float that numba can compile, but: "),
        ((lambda x: 1 / x, lambda x: -1 / x**2), "g and g_prime must be finite, but at 0 they are"),
        ((lambda x: x * x, lambda x: x), "g_prime must be the derivative of g, but g_prime(-30) = -30 and the slope"),
        ((lambda x: x, lambda x: 1.0, "relu"), "name must be a text other than the names of built-in activations"),
        ((lambda x: x, lambda x: 1.0, 3), "name must be a text"),
    ],
)
def test_functions_that_cannot_be_used_are_named(arguments, message):
    """The argument, its value and what was expected, before any work starts."""
    with pytest.raises(InputError) as caught:
        stdyn.activation(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compiled_functions_and_kinks_are_taken():
    """numba's own functions; a function with two kinks; the name is that of the function."""

    @njit
    def hard_tanh(x):
        return min(max(x, -1.0), 1.0)

    made = stdyn.activation(hard_tanh, lambda x: 1.0 if abs(x) < 1 else 0.0)
    assert made.name == "hard_tanh"
    assert find("hard_tanh") is made
    np.testing.assert_array_equal(made(np.array([-2, 0.5, 3]))[0], [-1, 0.5, 1])


def test_names_tell_functions_apart(tmp_path):
    """Without a name a lambda is called by a digest of its values; two functions of one name are refused."""
    one, other = (stdyn.activation(lambda x, k=k: k * x, lambda x, k=k: k) for k in (1.5, 2.5))
    assert one.name != other.name
    assert find(one.name) is one
    start = initial.prepared(2, 2)
    theory = integrate(Problem(start, activation=one, activation_teacher=other, eta=0.1, eta_v=0.1), [1.0])
    assert stdyn.load(theory.save(tmp_path / "two.h5")).problem.activation_teacher is other
    again = stdyn.activation(lambda x: 3 * x, lambda x: 3.0, name=one.name)
    with pytest.raises(InputError, match="activation_teacher must have a name of its own, but both are called 'g_"):
        Problem(start, activation=one, activation_teacher=again, eta=1, eta_v=1)


def test_a_file_of_functions_that_fails_is_named(tmp_path, monkeypatch):
    """With the reason, in one line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("import stdyn\nraise RuntimeError('no')\n")
    with pytest.raises(
        InputError, match=r"activation is to come from broken.py, but running it fails: RuntimeError\('no'\)"
    ):
        Problem(initial.prepared(2, 2), activation="broken.py:g", eta=1, eta_v=1)


def test_quadrature_that_diverges_says_so():
    """Order parameters that are not finite end the solution, not the program."""
    problem = Problem(initial.prepared(1, 1, r=0.2), activation="hermite3", eta=8.0, eta_v=0.0)
    with pytest.warns(stdyn.DivergenceWarning, match="the ODEs diverged"):
        integrate(problem, [1.0, 20.0])


def test_an_unknown_error_leaves_alphas_out(tmp_path):
    """Where a set of points has ended early there is no error of the theory: said, and not held to."""
    problem = specialising(2, 2, activation=SHIFTED, quadrature=2**11)
    alphas = [0.5, 1.0, 2.0]
    theory = integrate(problem, alphas)
    error = {
        name: np.where(np.arange(3).reshape(-1, *[1] * (e.ndim - 1)) == 2, np.nan, e)
        for name, e in theory.error.items()
    }
    runs = simulate_reduced(problem, alphas, 32, rng=np.random.default_rng(1))
    comparison = compare(runs, replace(theory, error=error))
    np.testing.assert_array_equal(comparison.alphas, runs.alphas[:2])
    assert comparison.notes[-1] == "left out, as the error of quadrature is not known there: all from alpha = 2"


def test_what_needs_derivatives_refuses_jumps(tmp_path):
    """A ReLU student of an erf teacher: compare leaves fluctuations out, and theory refuses before any work."""
    problem = specialising(2, 2, activation="relu", activation_teacher="erf")
    with pytest.raises(InputError, match="activation must be smooth for derivatives of the ODEs, but g' of relu jumps"):
        stdyn.fluctuations(problem, [1.0])
    options = ["--K", "2", "--M", "2", "--activation", "relu", "--activation-teacher", "erf", "--alpha-max", "2"]
    options += ["--points", "4", "--rule", "bp", "--eta", "0.1", "--quadrature", "2048"]
    run = stdyn_command(tmp_path, "compare", "--runs", "4", *options)
    assert run.returncode == 0, run.stderr
    assert "no fluctuations are predicted: g' of the students jumps" in run.stdout
    run = stdyn_command(tmp_path, "theory", *options, "--name", "t")
    assert run.returncode == 2
    assert not (tmp_path / "data" / "t_bp_ode.h5").exists()


def test_quadrature_that_cannot_be_used_is_refused():
    """A power of 2, at least 2048."""
    start = initial.prepared(2, 2)
    for points in (1000, 3000):
        with pytest.raises(InputError, match=f"quadrature must be .*, but is {points}"):
            Problem(start, eta=1, eta_v=1, quadrature=points)
    with pytest.raises(InputError, match="activation_teacher must be one of erf, "):
        Problem(start, eta=1, eta_v=1, activation_teacher="cosine")


def test_a_file_holds_the_activations(tmp_path):
    """Both names, the values of functions that are not built in, the points and the error; nothing of it for erf."""
    problem = specialising(2, 2, activation=SHIFTED, activation_teacher="relu", quadrature=2**12)
    theory = integrate(problem, [1.0, 2.0])
    again = stdyn.load(theory.save(tmp_path / "theory.h5"))
    assert again.problem.difference(problem) is None
    assert again.problem.activation is SHIFTED
    for name, values in theory.error.items():
        np.testing.assert_array_equal(again.error[name], values)
    np.testing.assert_array_equal(again.eps_g, theory.eps_g)
    assert list(again.to_xarray()["error_R"].dims) == ["alpha", "student", "teacher"]
    plain = integrate(specialising(2, 2), [1.0]).save(tmp_path / "erf.h5")
    with h5py.File(plain) as file:
        assert file.attrs["activation"] == "erf"
        assert not {"activation_teacher", "quadrature"} & set(file.attrs)
        assert not [name for name in file if name.startswith(("error", "activation"))]


def test_a_file_can_be_read_where_its_function_is_not_known(tmp_path):
    """Another process has its numbers; it can compute nothing new, and says how it could."""
    theory = integrate(specialising(2, 2, activation=SOFTPLUS), [1.0, 2.0])
    theory.save(tmp_path / "theory.h5")
    code = (
        "import stdyn, numpy as np; t = stdyn.load('theory.h5'); print(t.problem.activation, t.eps_g[1])\n"
        "t.save('copy.h5')\n"
        "try:\n    stdyn.integrate(t.problem, [1.0])\nexcept stdyn.InputError as error:\n    print(error)\n"
        "stdyn.activation(lambda x: 2 * x, lambda x: 2.0, name='softplus')\n"
        "try:\n    stdyn.load('theory.h5')\nexcept stdyn.InputError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, second, third = run.stdout.splitlines()
    assert first == f"softplus {theory.eps_g[1]}"
    assert "make it with stdyn.activation(g, g_prime, name='softplus'), and load the file then" in second
    assert third == "activation 'softplus' is another one here than in the file: g or g' have other values"
    copy = stdyn.load(tmp_path / "copy.h5")
    assert copy.problem.activation is SOFTPLUS


def test_activations_can_be_sent_to_other_processes():
    """Functions of a session go along by value, built-in ones by name; equal is what has one name and equal values."""
    again = pickle.loads(pickle.dumps(LEAKY))
    assert again == LEAKY
    assert again is not LEAKY
    np.testing.assert_array_equal(again(np.array([-1.0, 2.0])), LEAKY(np.array([-1.0, 2.0])))
    assert pickle.loads(pickle.dumps(find("gelu"))) is find("gelu")
    assert str(find("gelu")) == "gelu"
    assert find("gelu") != "gelu"
    assert find("gelu") != find("relu")
    assert known("gelu", None) is find("gelu")


def test_a_scan_over_activations_in_processes(tmp_path):
    """A session's function, a built-in one and one of a file; resumed, and read back, by recipe and by problems."""
    (tmp_path / "own.py").write_text(
        "import stdyn\nown = stdyn.activation(lambda x: 0.5 * x, lambda x: 0.5, name='own')\n"
    )
    names = ["softplus", "tanh", "relu", f"{tmp_path / 'own.py'}:own"]
    experiment = stdyn.Experiment(K=2, M=2, rule="bp", eta=0.1, eta_v=0.1, quadrature=2**11)
    variations = stdyn.Variations(experiment, {"activation": names})
    with stdyn.processes(2) as executor:
        scan = stdyn.scan(variations, [0.5, 1.0], tmp_path / "scan.h5", executor=executor)
        listed = stdyn.scan(list(variations), [0.5, 1.0], tmp_path / "listed.h5", executor=executor)
    assert (scan.state == 1).all(), scan.message
    for n, name in enumerate(names):
        expected = integrate(variations[n], [0.5, 1.0])
        for each in (scan, listed):
            np.testing.assert_allclose(each.trajectory(n).eps_g, expected.eps_g, rtol=1e-12)
            assert str(each.problem(n).activation) == name
    assert list(listed.coordinates) == ["activation"]


def test_a_scan_goes_on_with_the_same_function_only(tmp_path):
    """Its values are in the file: another function of the name is refused; another process can look at the points."""
    made = stdyn.activation(lambda x: 0.5 * x * x, lambda x: x, name="scanned")
    variations = stdyn.Variations(stdyn.Experiment(K=2, M=2, rule="bp", activation="scanned"), {"eta": [0.05, 0.1]})
    stdyn.scan(variations, [0.1], tmp_path / "scan.h5")
    code = "import stdyn; s = stdyn.open_scan('scan.h5'); print(s.problem(1).activation, s.trajectory(1).alphas)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout == "scanned [0.1]\n", run.stderr
    stdyn.activation(lambda x: 0.7 * x * x, lambda x: 1.4 * x, name="scanned")
    with pytest.raises(InputError, match=r"holds another scan .*activations\.scanned"):
        stdyn.scan(variations, [0.1], tmp_path / "scan.h5")
    assert made.degree == 2


def test_the_command_line_takes_any_activation(tmp_path):
    """One of a file, for the student, and a built-in one for the teacher; wrong ones are named in one line."""
    (tmp_path / "own.py").write_text(
        "from math import sin, cos\nimport stdyn\nsine = stdyn.activation(lambda x: sin(x), lambda x: cos(x))\nx = 1\n"
    )
    run = stdyn_command(
        tmp_path, "compare", "--K", "2", "--M", "2", "--activation", "own.py:sine", "--activation-teacher", "relu",
        "--alpha-max", "2", "--method", "reduced", "--runs", "64", "--eta", "0.1", "--quadrature", "2048",
        "--no-fluctuations",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "disagrees" not in run.stdout
    assert "quadrature" in run.stdout
    drawn = stdyn_command(
        tmp_path, "plot", "data/reference_fa_ode.h5", "data/reference_fa_reduced.h5", "--name", "again"
    )
    assert drawn.returncode == 0, drawn.stderr  # which needs no functions
    info = stdyn_command(tmp_path, "info", "data/reference_fa_ode.h5")
    assert "own.py:sine of relu" in info.stdout
    for name, message in (("own.py:x", "has no such 'x'"), ("no.py:x", "there is no file no.py"), ("cos", "'cos'")):
        refused = stdyn_command(tmp_path, "integrate", "--activation", name)
        assert refused.returncode == 2
        assert message in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
