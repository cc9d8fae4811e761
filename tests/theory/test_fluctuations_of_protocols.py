"""Scatter and bias of runs whose rates, rules and tasks change with alpha, of batches, with drift and on the sphere."""

from dataclasses import replace

import numpy as np
import pytest

import stdyn
from stdyn import Problem, Tasks, compare, fluctuations, schedule, simulate_reduced
from stdyn.theory.expansion import Expansion

RNG = np.random.default_rng(3)
START = stdyn.initial.random_weights(2, 2, 1000, 0.5, RNG, v=0.3 * RNG.standard_normal(2))
B = RNG.standard_normal(2)
RATES = {"eta": 0.7, "eta_v": 0.5}
TASKS = Tasks([[1.0, 0.5], [0.5, -1.0]], [0, 5], weights=[[1.0], [0.6]])
CASES = {
    "schedules": {"eta": schedule.hyperbolic(1, 5), "eta_v": schedule.steps([0, 5], [0.5, 0.1]),
                  "sigma": schedule.linear([0, 5], [0.5, 0]), "rule": "fa", "b": B},
    "tasks": RATES | {"tasks": TASKS},
    "kp": RATES | {"rule": "kp", "b": B, "decay_v": 0.4},
    "mixed": RATES | {"rule": "mixed", "b": B, "mixture": schedule.linear([0, 5], [0, 1])},
    "batch": {"eta": 1.5, "eta_v": 0.5, "batch": 4, "sigma": 0.2},
    "sphere": RATES | {"sphere": True, "sigma": 0.1},
    "drift": RATES | {"drift": 0.1},
}  # fmt: skip
WRONG = {
    "schedules": {"eta_v": schedule.steps([0, 4.5], [0.5, 0.1])},
    "tasks": {"tasks": Tasks([[1.0, 0.5], [0.5, -1.0]], [0, 5])},
    "kp": {"decay_v": 0.3},
    "mixed": {"mixture": schedule.linear([0, 6], [0, 1])},
    "batch": {"batch": 3},
    "sphere": {"sphere": False},
    "drift": {"drift": 0.05},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_runs_scatter_around_what_is_predicted(name):
    """1000 reduced runs at N = 200: means are at the ODEs and the bias, false alarm 1e-4 a case.

    Standard deviations are right to 5 s.e. and 3 %, what is beyond linear noise at this N. Seen: a switch 10 % too
    early, a wrong m, a slower decay, a slower mixture, three examples for four, no sphere, half the drift.
    """
    problem, alphas = Problem(START, N=200, **CASES[name]), np.array([0, 1, 3, 5, 7, 10.0])
    found = fluctuations(problem, alphas, points=2**10)
    runs = simulate_reduced(problem, alphas, 1000, rng=np.random.default_rng(1))
    assert compare(runs, found, false_alarm=1e-4).agrees
    for order in (name for name in found.theory.names if hasattr(found.std, name)):
        predicted, seen = getattr(found.std, order)[1:], getattr(runs, order).std(axis=0)[1:]
        kept = predicted > 0  # all but the lengths on the sphere
        np.testing.assert_allclose(seen[kept] / predicted[kept], 1, rtol=0, atol=5 / np.sqrt(2000) + 0.03)
        np.testing.assert_allclose(seen[~kept], 0, atol=1e-13)
    wrong = fluctuations(replace(problem, **WRONG[name]), alphas, points=2**10)
    assert not compare(runs, wrong, false_alarm=1e-4).agrees


def test_a_jump_is_gone_through_piece_by_piece():
    """The covariance over a jump is that over a line of 1e-6 alpha, which is no break of the equations; within 1e-5."""
    jump = Problem(START, N=200, eta=schedule.steps([0, 2], [1.0, 0.3]), eta_v=0.5)
    steep = replace(jump, eta=schedule.linear([0, 2 - 1e-6, 2], [1.0, 1.0, 0.3]))
    one, other = (fluctuations(each, [1.0, 2.0, 4.0], points=256) for each in (jump, steep))
    for order in ("R", "Q", "v"):
        values = [getattr(each.std, order) for each in (one, other)]
        assert np.abs(values[0] - values[1]).max() < 1e-5 * np.abs(values[0]).max()


@pytest.mark.parametrize(
    "eta",
    [schedule.linear([0, 1], [1.5, 0.1]), schedule.hyperbolic(1, 1), schedule.steps([0, 0.5], [1.5, 0.1]),
     schedule.steps([0, 0.51], [1.5, 0.1])],
    ids=str,
)  # fmt: skip
def test_the_bias_of_a_rate_that_changes(eta):
    """A linear student: the mean of R over runs is 1 - prod(1 - eta(n/N)/N), also if a jump is between two steps.

    A run takes the rate of the beginning of a step, and jumps at the first step from the jump on. To 2/N of the bias.
    """
    start, N = stdyn.OrderParameters([[0.0]], [[0.5]], [[1.0]], [1.0], [1.0]), 500
    problem = Problem(start, N=N, activation="linear", eta=eta, eta_v=0.0)
    found = fluctuations(problem, [0, 2.0], points=256)
    mean = 1 - np.prod(1 - eta(np.arange(2 * N) / N) / N)
    np.testing.assert_allclose(found.bias.R[-1, 0, 0], mean - found.theory.R[-1, 0, 0], rtol=0, atol=10 / N**2)
    assert found.bias.R[-1, 0, 0] > 100 / N**2


@pytest.mark.parametrize("decay_v", [2.0, schedule.linear([0, 1], [2, 0]), schedule.steps([0, 0.505], [2, 0])], ids=str)
def test_the_bias_of_b_of_kolen_pollack(decay_v):
    """Decay alone: v and b are p = prod(1 - decay_v(n/N)/N) times what they were in every run, F = v b; within 2 %."""
    start, N = stdyn.OrderParameters([[0.5]], [[0.5]], [[1.0]], [1.0], [1.0]), 500
    rates = {"eta": 0.0, "eta_v": 0.0, "decay_v": decay_v}
    problem = Problem(start, N=N, activation="linear", rule="kp", b=[2.0], **rates)
    found = fluctuations(problem, [0, 1.0], points=256)
    p = np.prod(1 - np.array([schedule.value_at(decay_v, n / N) for n in range(N)]) / N)
    exact = np.array([p - found.theory.v[-1, 0], 2 * p**2 - found.theory.F[-1]])
    predicted = np.array([found.bias.v[-1, 0], found.bias.F[-1]])
    np.testing.assert_allclose(predicted, exact, rtol=0.02)


def test_breaks_that_are_one_but_for_rounding():
    """0.3 and 0.1 + 0.2, a break at 1e-300, one just before the last alpha: of all methods, and of fluctuations."""
    eta, tasks = schedule.steps([0, 0.3], [0.5, 0.3]), Tasks(np.eye(2), [0, 0.1 + 0.2])
    problem = Problem(START, N=100, eta=eta, eta_v=0.5, tasks=tasks)
    one = replace(problem, tasks=Tasks(np.eye(2), [0, 0.3]))
    for method in ("DOP853", "LSODA"):
        found, expected = (stdyn.integrate(each, [0, 1.0], method) for each in (problem, one))
        np.testing.assert_allclose(found.R, expected.R, rtol=0, atol=1e-12)
    for alphas in ([0, 0.2, 1.0], [0, 0.2, 0.1 + 0.2]):
        found, expected = (fluctuations(each, alphas, points=256) for each in (problem, one))
        np.testing.assert_allclose(found.std.R, expected.std.R, rtol=1e-9, atol=0)
    early = replace(problem, eta=schedule.steps([0, 1e-300], [0.5, 0.3]), tasks=None)
    found, expected = (stdyn.integrate(each, [0, 1.0], "LSODA") for each in (early, replace(early, eta=0.3)))
    np.testing.assert_array_equal(found.R, expected.R)


def test_the_noise_of_a_turning_teacher():
    """Drift alone, K = M = 1: d Var(R)/d alpha = -2 kappa Var + 2 kappa (Q T - R^2)/N, R = R(0) e^(-kappa alpha).

    That is in closed form; Q does not scatter.
    """
    start, kappa, N = stdyn.initial.prepared(1, 1, q=1.0, r=0.6), 0.3, 500
    found = fluctuations(Problem(start, N=N, eta=0.0, eta_v=0.0, drift=kappa), [0.5, 1.0, 3.0], points=256)
    e = np.exp(-2 * kappa * found.alphas)
    variance = ((1 - e) - 0.36 * 2 * kappa * found.alphas * e) / N
    np.testing.assert_allclose(found.std.R[:, 0, 0] ** 2, variance, rtol=1e-6)
    np.testing.assert_allclose(found.std.Q, 0, atol=1e-9)


def test_the_way_back_to_the_sphere():
    """Its derivative is that of the map itself, by differences, and maps onto states of unchanged lengths."""
    problem = Problem(START, eta=0.5, eta_v=0.5, sphere=True)
    expansion = Expansion(problem)
    w = expansion.coordinates(START)
    norms, kept = np.diag(START.Q), expansion.on_sphere(w)
    by_differences = [
        (expansion._normal(w + h, norms) - expansion._normal(w - h, norms)) / 2e-6 for h in 1e-6 * np.eye(len(w))
    ]
    np.testing.assert_allclose(kept, np.array(by_differences).T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(expansion.slopes(w[None])[0][expansion.norms] @ kept, 0, atol=1e-15)
    np.testing.assert_allclose(kept @ expansion.drift(w), expansion.drift(w), atol=1e-15)
