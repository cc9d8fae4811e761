"""Averages by quadrature: against closed forms, exact for polynomials, and the error that solutions report."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from own_activations import ERF, RELU, TANH, right_hand_side, specialising
from scipy.stats import t as student_t

from stdyn import DivergenceWarning, OrderParameters, Problem, averages, initial, integrate
from stdyn.theory import quadrature

CLOSED = [
    pytest.param("erf", None, ERF, None, id="erf"),
    pytest.param("tanh", None, TANH, None, id="tanh"),
    pytest.param("relu", None, RELU, None, id="relu"),
    pytest.param("erf", "tanh", ERF, TANH, id="erf of tanh"),
    pytest.param("tanh", "erf", TANH, ERF, id="tanh of erf"),
]


def eps_g(problem):
    """eps_g of the start."""
    s, O = problem.start, problem.outputs
    return float(averages.eps_g(s.R, s.Q, s.T, s.v.reshape(-1, O), s.v_teacher.reshape(-1, O), problem.activations))


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
    start = OrderParameters([[R]], [[Q]], [[T]], [1.0], [1.0])
    dR, dQ, _ = right_hand_side(Problem(start, activation="square", eta=eta, eta_v=0.0))
    along, across = 2 * (3 * Q * Q - Q * T - 2 * R * R), 2 * (3 * Q * R - 3 * R * T)  # <2x (x^2 - y^2) x>, … y>
    # <4 x^2 (x^2 - y^2)^2> by <x^6> = 15 Q^3, <x^4 y^2> = 3 Q^2 T + 12 Q R^2, <x^2 y^4> = 3 Q T^2 + 12 R^2 T
    H = 4 * (15 * Q**3 - 2 * (3 * Q**2 * T + 12 * Q * R**2) + 3 * Q * T**2 + 12 * R**2 * T)
    assert dR == pytest.approx(-eta * across, rel=1e-13)
    assert dQ == pytest.approx(-2 * eta * along + eta**2 * H, rel=1e-13)


def test_quadrature_vanishes_at_perfect_learning_and_is_smooth_there():
    """Delta is zero at every point; near by, at a distance d, the drift of R is of order d and eps_g of d^2."""
    T = random_overlaps(3, 3, seed=1).Q + np.eye(3)
    perfect = Problem(OrderParameters(T, T, T, [1, 2, -1], [1, 2, -1]), activation="gelu", eta=0.3, eta_v=0.3)
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


@pytest.mark.slow
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


def test_quadrature_that_diverges_says_so():
    """Order parameters that are not finite end the solution, not the program."""
    problem = Problem(initial.prepared(1, 1, r=0.2), activation="hermite3", eta=8.0, eta_v=0.0)
    with pytest.warns(DivergenceWarning, match="the ODEs diverged"):
        integrate(problem, [1.0, 20.0])
