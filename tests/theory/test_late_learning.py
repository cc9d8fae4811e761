"""Late in learning: eps_g falls to rounding at the right rate, and no solver crawls where nothing moves any more."""

from itertools import product

import mpmath
import numpy as np
import pytest
import scipy.integrate

import stdyn
from stdyn import OrderParameters, Problem
from stdyn.theory import stepping

IMPLICIT = ("LSODA", "Radau", "BDF")


def learning(K=3, activation="erf", eta=0.3, rule="bp", seed=0):
    """Students of as many orthogonal teacher units that will learn perfectly; the second layer is the teacher's."""
    rng = np.random.default_rng(seed)
    start = stdyn.initial.random_weights(K, K, 500, 0.3, rng, v=np.ones(K), v_teacher=np.ones(K))
    b = np.ones(K) if rule == "fa" else None
    return Problem(start, N=500, activation=activation, rule=rule, b=b, eta=eta, eta_v=0.0)


# ---------------------------------------------------------------------------------------------------------------------
# K = M = 1 by hand: the averages of erf by Saad and Solla, in 40 digits


def _I3(C, a, b, c):
    Lambda = (1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2
    return 2 / mpmath.pi * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / ((1 + C[a, a]) * mpmath.sqrt(Lambda))


def _I4(C, c, d):
    """<g'(x)^2 g(z_c) g(z_d)> of the student's field x = z_0: fields a and b are the same, and Lambda is short."""
    Lambda4 = (1 + C[0, 0]) ** 2 - C[0, 0] ** 2
    Lambda0 = Lambda4 * C[c, d] - 2 * C[0, c] * C[0, d]
    Lambda1, Lambda2 = (Lambda4 * (1 + C[n, n]) - 2 * C[0, n] ** 2 for n in (c, d))
    return 4 / mpmath.pi**2 / mpmath.sqrt(Lambda4) * mpmath.asin(Lambda0 / mpmath.sqrt(Lambda1 * Lambda2))


def _by_hand(R, across, eta):
    """dR/dalpha and dQ_across/dalpha of one student of one teacher unit of length 1, all second-layer weights 1."""
    C, u = mpmath.matrix([[across + R**2, R], [R, 1]]), (1, -1)
    dR = -eta * sum(u[a] * _I3(C, 0, 1, a) for a in (0, 1))
    noise = sum(u[c] * u[d] * _I4(C, c, d) for c, d in product((0, 1), repeat=2))
    dQ = -2 * eta * sum(u[a] * _I3(C, 0, 0, a) for a in (0, 1)) + eta**2 * noise
    return dR, dQ - 2 * R * dR


def _rates_by_hand(eta):
    """The rates at which R - 1 and Q_across decay near perfect learning, where neither moves Q_across but itself."""
    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -15
        of_R, of_across = _by_hand(1 + h, mpmath.mpf(0), eta), _by_hand(mpmath.mpf(1), h, eta)
        assert abs(of_R[1] / h) < 1e-12
        return float(-of_R[0] / h), float(-of_across[1] / h)


@pytest.mark.parametrize("method", ["DOP853", "LSODA"])
def test_eps_g_falls_to_rounding_at_the_rate_of_its_slowest_mode(method):
    """From 1e-10 to 1e-14 at default tolerances; a floor of 1e-10 would make the slope 0."""
    eta = 0.5
    start = OrderParameters([[0.3]], [[0.5]], [[1.0]], [1.0], [1.0])
    theory = stdyn.integrate(Problem(start, eta=eta, eta_v=0.0), np.linspace(0, 200, 401), method)
    inside = (theory.eps_g < 1e-10) & (theory.eps_g > 1e-14)
    assert inside.sum() > 20
    slope = np.polyfit(theory.alphas[inside], np.log(theory.eps_g[inside]), 1)[0]
    of_R, of_across = _rates_by_hand(eta)
    assert -slope == pytest.approx(min(2 * of_R, of_across), rel=2e-3)  # eps_g ~ (R - 1)^2 + Q_across


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh"])
@pytest.mark.parametrize("method", ["DOP853", "LSODA"])
def test_eps_g_has_no_floor(activation, method):
    """Solved in Q instead of Q_across it stays at 1e-10 to 1e-12."""
    problem = learning(2, activation, eta={"erf": 0.5, "relu": 0.1, "tanh": 0.5}[activation])
    theory = stdyn.integrate(problem, [0, 5000], method)
    assert theory.eps_g[-1] < 1e-13


@pytest.mark.parametrize("method", ["DOP853", "LSODA"])
def test_eps_g_has_no_floor_if_one_student_is_idle(method):
    """K > M: its Q_across stays, and tolerances must follow those of the others."""
    rng, T = np.random.default_rng(3), np.array([[1.0, 0.4], [0.4, 2.0]])
    v = 0.3 * rng.standard_normal(3)
    start = stdyn.initial.random_weights(K=3, M=2, N=200, q=0.3, rng=rng, v=v, teacher=T)
    problem, alphas = Problem(start, eta=0.5, eta_v=0.5), [2062.0, 2462.0, 5000.0]
    found = stdyn.integrate(problem, alphas, method).eps_g
    finest = stdyn.integrate(problem, alphas[:2], rtol=3e-13).eps_g
    assert 1e-11 < finest[1] < 1e-10 < finest[0] < 1e-9
    np.testing.assert_allclose(found[:2], finest, rtol=3e-3)
    assert found[2] < 1e-13


def evaluations(monkeypatch, problem, alphas, method):
    """How many right-hand sides a solution takes, and the solution."""
    count, drift = [], stepping.drift

    def counted(*arguments):
        count.append(1)
        return drift(*arguments)

    monkeypatch.setattr(stepping, "drift", counted)
    theory = stdyn.integrate(problem, alphas, method, error=False)
    return theory, len(count)


@pytest.mark.parametrize("method", IMPLICIT)
def test_implicit_methods_do_not_crawl_at_perfect_learning(monkeypatch, method):
    """Their own Jacobians are rounding there: LSODA took 550,000 right-hand sides instead of 7,000."""
    theory, count = evaluations(monkeypatch, learning(5), np.linspace(0, 20000, 11), method)
    assert theory.eps_g[-1] < 1e-13
    assert count < 40_000


@pytest.mark.parametrize("apart", [0.0, 1e-8, 1e-4])
def test_relu_students_that_share_a_teacher_do_not_crawl(monkeypatch, apart):
    """Two students with half of a teacher unit each: Q_across is singular there, and so are the averages of ReLU."""
    K, M, eta = 3, 2, 0.01
    W = np.zeros((K, K + M))
    W[[0, 1, 2], [0, 1, 0]] = 0.5, 1, 0.5
    W += apart * np.random.default_rng(1).standard_normal(W.shape) / np.sqrt(K + M)
    start = OrderParameters(W[:, :M], W @ W.T, np.eye(M), np.ones(K), np.ones(M))
    problem = Problem(start, activation="relu", eta=eta, eta_v=0.0)
    theory, count = evaluations(monkeypatch, problem, np.linspace(0, 600 / eta, 13), "LSODA")
    assert theory.eps_g[-1] < 1e-10
    assert count < 3000


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_the_coordinates_do_not_change_the_solution(rule):
    """Against SciPy's solver and the right-hand side in R, Q and v, to the tolerance of both."""
    from stdyn.kernels.equations import right_hand_side
    from stdyn.theory import quadrature

    problem, alphas = learning(3, rule=rule), np.linspace(0, 300, 7)
    parameters, layout = quadrature.parameters(problem), problem.layout
    ours = layout.pack(stdyn.integrate(problem, alphas).order_parameters)
    theirs = scipy.integrate.solve_ivp(
        lambda _, y: right_hand_side(y, parameters), (0, 300), layout.pack(problem.start.order_parameters), "DOP853",
        alphas, rtol=1e-12, atol=1e-14,
    ).y.T  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)


def test_a_solver_that_gives_up_where_nothing_is_large_does_not_say_that_it_diverged(monkeypatch):
    class GivesUp(scipy.integrate.RK45):
        def step(self):
            if self.t > 1:
                self.status = "failed"
            else:
                super().step()

    monkeypatch.setattr(scipy.integrate, "RK45", GivesUp)
    with pytest.warns(stdyn.SolverWarning, match="GivesUp gave up, though nothing is large, .*take another method"):
        theory = stdyn.integrate(learning(2), [0, 0.5, 100], "RK45")
    assert theory.alphas.tolist() == [0, 0.5]
    assert theory.diverged_at is None
    assert 1 < theory.failed_at < 100
