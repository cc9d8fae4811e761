"""The ODEs where rates, rules and tasks change with alpha, with drift, batches, gradient flow and on the sphere.

Held to converged trajectories, to closed results, and to right-hand sides by the textbook averages.
"""

import json
from dataclasses import replace
from itertools import pairwise

import hold_to
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from conftest import REFERENCE, random_overlaps

import stdyn
from stdyn import InputError, Problem, Tasks, averages, fixed_points, integrate, schedule
from stdyn.kernels import equations
from stdyn.model.rules import backward
from stdyn.theory import quadrature, stepping

FILES = sorted((REFERENCE / "extended").glob("*.json"))
CHANGING = {
    "eta": schedule.hyperbolic(1.0, 20.0),
    "eta_v": schedule.steps([0, 3], [0.5, 0.1]),
    "sigma": schedule.linear([0, 4], [0.5, 0.0]),
    "decay": schedule.exponential(0.1, 5.0),
    "decay_v": schedule.cosine(0.1, 6.0, end=0.02),
    "drift": schedule.power(0.1, 2.0, 0.5),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_converged_trajectories(path):
    """To 1e-6 at the default tolerances and 1e-8 at tight ones."""
    content = json.loads(path.read_text())
    assert max(hold_to.deviations(content).values()) < 1e-6
    assert max(hold_to.deviations(content, **hold_to.TIGHT).values()) < 1e-8


def test_a_wrong_protocol_is_seen():
    """Negative controls: a schedule shifted by 10 %, a wrong m, and KP taken for FA are far beyond the tolerance."""
    names = {path.stem.partition("_")[0]: json.loads(path.read_text()) for path in FILES}
    wrong = names["schedule"] | {"eta": names["schedule"]["eta"] | {"at": [0, 11, 110]}}
    assert hold_to.deviations(wrong)["R"] > 1e-3
    tasks = names["tasks"] | {"m": names["tasks"]["m"] | {"value": [[1.0, 0], [0, 0.9]]}}
    assert hold_to.deviations(tasks)["R"] > 1e-3
    assert hold_to.deviations(names["kp"] | {"rule": "fa"})["R"] > 1e-3


def test_it_is_a_command(capsys, tmp_path):
    """A line for each file: what deviates by how much; one that it does not know is said to be so."""
    other = tmp_path / "deep.json"
    other.write_text(json.dumps(json.loads(FILES[0].read_text()) | {"U": [1.0]}))
    assert hold_to.main(FILES[:1])
    assert not hold_to.main([other])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(FILES[0].name)
    assert "R " in first
    assert "eps_g" in first
    assert "NotHeld: U" in second


# ---------------------------------------------------------------------------------------------------------------------
# The right-hand side


def plain_derivatives(problem, alpha, R, Q, v, b):
    """dR, dQ, dv, db/dalpha by the textbook averages, b learning by its own equation; erf."""
    at = {name: schedule.value_at(getattr(problem, name), alpha) for name in (*CHANGING, "eta")}
    which = 0 if problem.tasks is None else problem.tasks.task_at(alpha)
    v_teacher, m = (getattr(problem.protocol, name)[which] for name in ("v_teacher", "m"))
    K, T = len(Q), problem.start.T
    part = None if problem.mixture is None else schedule.value_at(problem.mixture, alpha)
    back = {"bp": v, "fa": b, "kp": b, "mixed": None if part is None else part * v + (1 - part) * b}[problem.rule]
    u, C = np.vstack([v, -v_teacher]), np.block([[Q, R], [R.T, T]])
    weights = back * m
    beta = weights @ u.T
    G = np.einsum("ia,ija->ij", beta, averages.I3(C)[:K])
    H = np.einsum("ia,kc,ikac->ik", beta, beta, averages.I4(C)[:K, :K])
    H += at["sigma"] ** 2 * weights @ weights.T * averages.J2(C)[:K, :K]
    h = averages.I2(C)[:K] @ u
    square = 0.0 if problem.flow else 1 / problem.batch
    dR = -at["eta"] * G[:, K:] - (at["decay"] + at["drift"]) * R
    dQ = -at["eta"] * (G[:, :K] + G[:, :K].T) - 2 * at["decay"] * Q + at["eta"] ** 2 * square * H
    if problem.sphere:
        along = np.diag(dQ) / np.diag(Q) / 2
        dR, dQ = dR - along[:, None] * R, dQ - (along[:, None] + along) * Q
    change = -at["eta_v"] * m * h
    return dR, dQ, change - at["decay_v"] * v, (change - at["decay_v"] * b) * (problem.rule == "kp")


def changing_problem(rule, seed=0, **more):
    """Two students, three teacher units, two outputs, two tasks, and every rate a schedule."""
    start = random_overlaps(2, 3, 2, seed)
    rng = np.random.default_rng(seed)
    tasks = Tasks(rng.normal(size=(2, 3, 2)), [0, 2], weights=[[1.0, 0.3], [0.0, 2.0]])
    b = None if rule == "bp" else rng.normal(size=(2, 2))
    mixture = schedule.linear([0, 5], [0.2, 0.9]) if rule == "mixed" else None
    return Problem(start, rule=rule, b=b, mixture=mixture, tasks=tasks, **CHANGING | more)


@pytest.mark.parametrize("more", [{}, {"batch": 3}, {"flow": True}, {"sphere": True}], ids=str)
@pytest.mark.parametrize("rule", ["bp", "fa", "kp", "mixed"])
def test_right_hand_side(rule, more):
    """That of the kernels is that of the textbook averages at every alpha, on both sides of a switch; to 1e-13."""
    problem = changing_problem(rule, **more)
    s, layout = problem.start, problem.layout
    for alpha in (0.0, 1.99, 2.0, 4.5):
        left = schedule.value_at(backward(rule, s.v, problem.b, problem.mixture, problem.decay_v).of_b, alpha)
        b = s.v + left * (problem.b - s.v) if rule == "kp" else s.v if rule == "bp" else problem.b
        parameters = problem.protocol.at(alpha, quadrature.parameters(problem))
        found = layout.unpack(equations.right_hand_side(layout.pack(s.order_parameters), parameters))
        for name, expected in zip("RQv", plain_derivatives(problem, alpha, s.R, s.Q, s.v, b), strict=False):
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-13, err_msg=f"{name} at {alpha}")


@pytest.mark.parametrize("rule", ["kp", "mixed"])
def test_a_solution_is_that_of_the_plain_equations(rule):
    """R, Q, v and a b that learns by itself, piece by piece between the breaks with another solver; to 1e-8."""
    problem = changing_problem(rule)
    s = problem.start
    shapes = [s.R.shape, s.Q.shape, s.v.shape, s.v.shape]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def parts(y):
        return [each.reshape(shape) for each, shape in zip(np.split(y, ends), shapes, strict=True)]

    y = np.concatenate([s.R.ravel(), s.Q.ravel(), s.v.ravel(), problem.b.ravel()])
    edges = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    trajectory = integrate(problem, edges, rtol=1e-11)
    for end, (low, high) in enumerate(pairwise(edges), 1):

        def change(alpha, y, high=high):
            derivatives = plain_derivatives(problem, min(alpha, np.nextafter(high, 0)), *parts(y))
            return np.concatenate([each.ravel() for each in derivatives])

        y = scipy.integrate.solve_ivp(change, (low, high), y, method="LSODA", rtol=1e-11, atol=1e-13).y[:, -1]
        for name, expected in zip("RQvb", parts(y), strict=True):
            found = getattr(trajectory, name)
            found = found if name == "b" and rule == "mixed" else found[end]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8, err_msg=f"{name} at {high}")


# ---------------------------------------------------------------------------------------------------------------------
# Jumps and kinks


def test_pieces_by_hand_are_the_whole():
    """A solution over a jump is the solution to it and, from its end, that with the new rates; to the tolerance."""
    start, b = random_overlaps(2, 2), [0.5, -1.0]
    problem = Problem(start, rule="fa", b=b, eta=schedule.steps([0, 3.7], [0.9, 0.2]), eta_v=0.3)
    whole = integrate(problem, [0, 1, 3.7, 5, 8], rtol=1e-11)
    first = integrate(replace(problem, eta=0.9), [0, 1, 3.7], rtol=1e-11)
    second = integrate(replace(problem, start=first.at(-1), eta=0.2), [0, 1.3, 4.3], rtol=1e-11)
    for name in ("R", "Q", "v", "eps_g"):
        np.testing.assert_array_equal(getattr(whole, name)[:3], getattr(first, name))
        np.testing.assert_allclose(getattr(whole, name)[2:], getattr(second, name), rtol=0, atol=1e-10)
    kept = integrate(replace(problem, eta=0.9), [0, 1, 3.7, 5, 8], rtol=1e-11)
    assert np.abs(whole.R[-1] - kept.R[-1]).max() > 1e-2


@pytest.mark.parametrize("method", ["DOP853", "RK45", "LSODA", "Radau", "BDF"])
def test_a_switch_costs_one_restart(method, monkeypatch):
    """A solver is made anew at each break, and nowhere else; every method hits the jump."""
    made, kind = [], getattr(stepping.scipy.integrate, method)

    class Counted(kind):
        def __init__(self, *arguments, **more):
            made.append((more["t0"], more["t_bound"]))
            super().__init__(*arguments, **more)

    Counted.__name__ = method
    monkeypatch.setattr(stepping.scipy.integrate, method, Counted)
    tasks = Tasks([[1.0, 0.5], [0.5, -1.0]], [0, 4])
    problem = Problem(random_overlaps(2, 2), eta=schedule.linear([0, 2, 5], [0.3, 0.8, 0.8]), eta_v=0.3, tasks=tasks)
    found = integrate(problem, [0, 4, 10], method, 1e-8)
    assert made == [(0.0, 2.0), (2.0, 4.0), (4.0, 10.0)]
    monkeypatch.setattr(stepping.scipy.integrate, method, kind)
    exact = integrate(problem, [0, 4, 10], rtol=1e-11)
    assert np.abs(found.R - exact.R).max() < 1e-5
    np.testing.assert_allclose(exact.eps_g, [exact.eps_g_per_task[0, 0], *exact.eps_g_per_task[1:, 1]])


def test_functions_are_what_they_are_called():
    """A Python function with its breaks gives the named schedule's solution; where it gives no number that is said."""
    problem = Problem(random_overlaps(2, 2), eta=schedule.hyperbolic(1, 10), eta_v=schedule.steps([0, 3], [0.5, 0.1]))
    by_function = replace(
        problem,
        eta=lambda alpha: 1 / (1 + alpha / 10),
        eta_v=schedule.function(lambda alpha: 0.5 if alpha < 3 else 0.1, breaks=[3]),
    )
    one, other = (integrate(each, [0, 3, 7]) for each in (problem, by_function))
    np.testing.assert_allclose(one.R, other.R, rtol=0, atol=1e-14)
    for value, text in ((np.nan, "is nan"), (-1.0, "is -1"), ("a", "is 'a'")):
        wrong = replace(problem, eta=lambda alpha, value=value: value if alpha > 4 else 1.0)
        with pytest.raises(
            InputError, match=rf"eta must be a number of at least 0 at every alpha, but {text}.* at alpha"
        ):
            integrate(wrong, [0, 7])
    late = replace(problem, eta=lambda alpha: np.nan if 3.998 < alpha < 4.003 else 1.0)
    with pytest.warns(stdyn.SolverWarning, match="eta is no number of at least 0 at alpha = 3.99"):
        ended = integrate(late, [0, 1, 7], "RK23", 1e-11)
    assert len(ended.alphas) == 2


# ---------------------------------------------------------------------------------------------------------------------
# Closed results


def linear_perceptron(**more):
    """K = M = 1, g(x) = x, v = 1 frozen."""
    return Problem(stdyn.initial.prepared(1, 1, q=0.5, r=0.2), activation="linear", eta_v=0.0, **more)


def test_annealing_of_a_linear_perceptron():
    """eta = 1/tau, tau = 1 + alpha: 2 eps_g tau^2 e^(1/tau) = const + sigma^2 int e^(1/s) ds; eps_g -> sigma^2/2 alpha.

    x = 2 eps_g = Q - 2R + T has dx/dtau = -2x/tau + (x + sigma^2)/tau^2; held to 1e-9 of its value.
    """
    sigma, alphas = 0.7, np.array([0, 1, 10, 100, 1000, 1e4])
    found = integrate(linear_perceptron(eta=schedule.hyperbolic(1, 1), sigma=sigma), alphas, rtol=1e-11)
    x = np.empty(len(alphas))
    for n, tau in enumerate(1 + alphas):
        pieces = np.geomspace(1, tau, 12) if tau > 1 else [1.0]
        grown = sum(scipy.integrate.quad(lambda s: np.exp(1 / s), *ends)[0] for ends in pairwise(pieces))
        x[n] = (2 * found.eps_g[0] * np.e + sigma**2 * grown) / (tau**2 * np.exp(1 / tau))
    np.testing.assert_allclose(found.eps_g, x / 2, rtol=1e-9)
    assert found.eps_g[-1] * 2 * alphas[-1] / sigma**2 == pytest.approx(1, abs=2e-3)


def test_a_linear_student_of_a_drifting_teacher():
    """It lags behind: R = eta T/(eta + kappa), Q = (2R + eta (T - 2R + sigma^2))/(2 - eta); the fixed point, too."""
    eta, kappa, sigma = 0.4, 0.1, 0.3
    problem = linear_perceptron(eta=eta, drift=kappa, sigma=sigma)
    R = eta / (eta + kappa)
    Q = (2 * R + eta * (1 - 2 * R + sigma**2)) / (2 - eta)
    found = integrate(problem, [0, 100], rtol=1e-12)
    np.testing.assert_allclose([found.R[-1, 0, 0], found.Q[-1, 0, 0]], [R, Q], rtol=1e-10)
    (point,) = fixed_points(problem, [problem.start])
    np.testing.assert_allclose([point.state.R[0, 0], point.state.Q[0, 0]], [R, Q], rtol=1e-12)
    half = integrate(replace(problem, drift=kappa / 2), [100.0])
    assert abs(half.R[-1, 0, 0] - R) > 0.05


def test_drift_alone_turns_the_teacher_away():
    """R decays as e^(-int kappa), Q stays, to the tolerance."""
    kappa = schedule.steps([0, 2], [0.3, 0.1])
    problem = Problem(random_overlaps(2, 3), eta=0.0, eta_v=0.0, drift=kappa)
    found = integrate(problem, [0, 2, 5], rtol=1e-11)
    expected = np.exp(-np.array([0, 0.6, 0.9]))[:, None, None] * problem.start.R
    np.testing.assert_allclose(found.R, expected, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.Q, np.broadcast_to(problem.start.Q, found.Q.shape), rtol=0, atol=1e-11)


@pytest.mark.parametrize("decay_v", [0.0, 0.05, schedule.linear([0, 20, 40], [0.0, 0.1, 0.02])])
def test_kp_forgets_the_difference(decay_v):
    """b - v is (b - v)(0) e^(-int lambda_v) to rounding; with lambda_v > 0 the alignment goes to 1."""
    b = np.array([1.0, -0.7, 0.4])
    problem = Problem(random_overlaps(3, 2), rule="kp", b=b, eta=0.5, eta_v=0.3, decay_v=decay_v)
    found = integrate(problem, [0, 5, 30, 200])
    integrals = []
    for end in found.alphas:
        pieces = pairwise([0, *(bend for bend in (20, 40) if bend < end), end])
        integrals.append(
            sum(scipy.integrate.quad(lambda a: schedule.value_at(decay_v, a), *piece)[0] for piece in pieces)
        )
    expected = np.exp(-np.array(integrals))[:, None] * (b - problem.start.v)
    np.testing.assert_allclose(found.b - found.v, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(found.F, np.sum(found.v * found.b, axis=1), rtol=1e-14)
    if decay_v != 0:
        assert found.alignment[-1] > 0.9 > found.alignment[0]


def test_a_batch_is_a_smaller_learning_rate_at_equal_examples():
    """B examples a step at eta, at alpha, are single ones at eta/B at B alpha: all rates are per step; to 1e-9."""
    start, b = random_overlaps(2, 3), [0.3, -1.0]
    rates = {"eta": 0.8, "eta_v": 0.4, "decay": 0.02, "decay_v": 0.04, "drift": 0.03}
    alphas, B = np.array([0, 1, 5, 20.0]), 4
    one = integrate(Problem(start, rule="fa", b=b, sigma=0.3, batch=B, **rates), alphas, rtol=1e-11)
    single = {name: rate / B for name, rate in rates.items()}
    other = integrate(Problem(start, rule="fa", b=b, sigma=0.3, **single), B * alphas, rtol=1e-11)
    for name in "RQv":
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-9)
    whole = integrate(Problem(start, rule="fa", b=b, sigma=0.3, **rates), alphas)
    assert np.abs(whole.Q - one.Q).max() > 1e-2


def test_flow_is_the_limit_of_small_learning_rates(monkeypatch):
    """Solutions at eta and eta/2 in the time eta alpha extrapolate to it; eta_v goes along; no H is computed."""
    start, times = random_overlaps(2, 2), np.array([0, 1, 5, 20.0])
    flow = integrate(Problem(start, flow=True, eta_v=0.5), times, rtol=1e-11)
    small = [integrate(Problem(start, eta=eta, eta_v=0.5 * eta), times / eta, rtol=1e-11) for eta in (1e-3, 5e-4)]
    for name in "RQv":
        first, second = (getattr(each, name) for each in small)
        np.testing.assert_allclose(2 * second - first, getattr(flow, name), rtol=0, atol=3e-7)
        assert np.abs(first - getattr(flow, name)).max() > 1e-6 or name == "v"
    noisy = integrate(Problem(start, flow=True, eta_v=0.5, sigma=5.0), times, rtol=1e-11)
    np.testing.assert_array_equal(noisy.R, flow.R)


def test_the_plateau_of_gradient_flow():
    """K = M = 2: Q = 1/3, R = 1/sqrt 6 and eps_g of section 7 on the symmetric saddle, without an eta; to 1e-10."""
    start = stdyn.OrderParameters(np.zeros((2, 2)), np.full((2, 2), 0.2), np.eye(2), [1.0, 1.0], [1.0, 1.0])
    problem = Problem(start, flow=True, eta_v=0.0)
    found = integrate(problem, [0, 300], rtol=1e-12, atol=1e-14)
    eps_g = 2 / np.pi * (np.pi / 6 - 2 * np.arcsin(1 / 4))
    np.testing.assert_allclose(found.Q[-1], np.full((2, 2), 1 / 3), rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.R[-1], np.full((2, 2), 1 / np.sqrt(6)), rtol=0, atol=1e-10)
    assert found.eps_g[-1] == pytest.approx(eps_g, abs=1e-10)
    points = fixed_points(problem, [found.at(-1)])
    assert points[0].eps_g == pytest.approx(eps_g, abs=1e-10)
    assert points[0].unstable == 1


def test_phase_retrieval_on_the_sphere():
    """g = He_2/sqrt 2, |w| = 1, gradient flow: m = R obeys dm/dt = 2 m (1 - m^2), so m^2/(1 - m^2) grows as e^(4t)."""
    start = stdyn.initial.prepared(1, 1, q=1.0, r=1e-3)
    times = np.array([0, 0.5, 1, 2, 3, 4])
    found = integrate(Problem(start, activation="hermite2", flow=True, eta_v=0.0, sphere=True), times, rtol=1e-12)
    odds = 1e-6 / (1 - 1e-6) * np.exp(4 * times)
    np.testing.assert_allclose(found.R[:, 0, 0] ** 2, odds / (1 + odds), rtol=1e-9)
    np.testing.assert_array_equal(found.Q, np.ones((len(times), 1, 1)))
    np.testing.assert_allclose(found.eps_g, 1 - found.R[:, 0, 0] ** 2, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_the_sphere_keeps_all_lengths(rule):
    """Q_ii of several students, of several lengths, are those of the start to the last bit, and Q stays possible."""
    b = None if rule == "bp" else [1.0, 0.5, -1.0]
    problem = Problem(random_overlaps(3, 2), rule=rule, b=b, eta=1.0, eta_v=0.3, sigma=0.2, decay=0.1, sphere=True)
    found = integrate(problem, np.linspace(0, 50, 11))
    np.testing.assert_array_equal(np.einsum("aii->ai", found.Q), np.tile(np.diag(problem.start.Q), (11, 1)))
    assert np.linalg.eigvalsh(averages.covariance(found.R, found.Q, found.T)).min() > -1e-9
    assert np.abs(found.Q[-1] - found.Q[0]).max() > 0.05


def test_fewer_inputs_than_units():
    """The theory knows no N."""
    start = random_overlaps(3, 3)
    one, other = (integrate(Problem(start, N=N, eta=0.5, eta_v=0.5), [0, 5]) for N in (1, 500))
    np.testing.assert_array_equal(one.R, other.R)


def test_dfa_is_fa_with_one_hidden_layer():
    """It is taken as that, and said."""
    start, b = random_overlaps(2, 2), [1.0, -1.0]
    with pytest.warns(stdyn.SameRuleWarning, match='rule = "dfa" is feedback alignment'):
        problem = Problem(start, rule="dfa", b=b, eta=0.5, eta_v=0.5)
    assert problem == Problem(start, rule="fa", b=b, eta=0.5, eta_v=0.5)


def test_mixtures_at_their_ends_are_bp_and_fa():
    """mixture = 1 and 0, to the last bit."""
    start, b, rates = random_overlaps(2, 3), [1.0, -0.4], {"eta": 0.5, "eta_v": 0.5, "sigma": 0.2}
    mixed = [integrate(Problem(start, rule="mixed", b=b, mixture=part, **rates), [0, 5.0]) for part in (1.0, 0.0)]
    plain = [integrate(Problem(start, **rates), [0, 5.0]), integrate(Problem(start, rule="fa", b=b, **rates), [0, 5.0])]
    for one, other in zip(mixed, plain, strict=True):
        np.testing.assert_allclose(one.R, other.R, rtol=0, atol=1e-14)


# ---------------------------------------------------------------------------------------------------------------------
# Symmetric starts


def test_a_start_is_as_symmetric_as_all_of_its_tasks():
    """Units that one task treats alike and another does not are not held alike; nor are outputs of other weights."""
    start = stdyn.initial.prepared(2, 2, q=0.2, v_teacher=[1.0, 1.0])
    alike, apart = Tasks([[1.0, 1.0], [2.0, 2.0]], [0, 5]), Tasks([[1.0, 1.0], [1.0, 2.0]], [0, 5])
    orbits = [integrate(Problem(start, eta=0.5, eta_v=0.5, tasks=each), [0, 8.0]) for each in (alike, apart)]
    assert orbits[0].attributes["orbits"] < orbits[1].attributes["orbits"]
    assert np.abs(np.diff(orbits[0].R[-1], axis=1)).max() == 0
    assert np.abs(np.diff(orbits[1].R[-1], axis=1)).max() > 1e-3
    two = stdyn.initial.prepared(2, 2, q=0.2, v=np.ones((2, 2)), v_teacher=np.ones((2, 2)))
    layer = np.ones((1, 2, 2))
    orbits = [Problem(two, eta=0.5, eta_v=0.5, tasks=Tasks(layer, weights=[m])) for m in ([1.0, 1.0], [1.0, 0.5])]
    assert [integrate(each, [0, 1.0]).attributes["orbits"] for each in orbits] == [4, 5]


# ---------------------------------------------------------------------------------------------------------------------
# Fixed points


def test_fixed_points_of_what_a_problem_becomes():
    """Those of the last rates and task; refused where a rate changes for ever, and said which."""
    start = stdyn.initial.prepared(2, 2, q=0.5, r=0.1)
    steps = Problem(start, eta=schedule.steps([0, 10], [1.0, 0.5]), eta_v=0.0)
    (one,), (other,) = (fixed_points(each, [start]) for each in (steps, replace(steps, eta=0.5)))
    assert one.eps_g == other.eps_g
    np.testing.assert_array_equal(one.eigenvalues, other.eigenvalues)
    with pytest.raises(InputError, match=r"eta must not change from some alpha on .* hyperbolic\(value = 1"):
        fixed_points(replace(steps, eta=schedule.hyperbolic(1, 5)), [start])
    tasks = Tasks([[1.0, -1.0], [1.0, 1.0]], [0, 3])
    (last,) = fixed_points(replace(steps, tasks=tasks), [start])
    assert last.eps_g == pytest.approx(other.eps_g, abs=1e-12)


def test_fixed_points_on_the_sphere():
    """The lengths are those of the start, eigenvalues have no zero mode for them, and the ODEs end there."""
    problem = Problem(stdyn.initial.prepared(2, 2, q=0.5, r=0.1), eta=0.5, eta_v=0.0, sphere=True)
    end = integrate(problem, [3000.0], "LSODA").at(-1)
    (point,) = fixed_points(problem, [end])
    np.testing.assert_allclose(point.state.R, end.R, atol=1e-7)
    np.testing.assert_allclose(np.diag(point.state.Q), 0.5, rtol=1e-12)
    assert point.kind == "stable"
    assert len(point.eigenvalues) == 5


def test_kp_ends_where_bp_does():
    """With decay_v > 0 b - v vanishes; without it the fixed points are those of b = v + (b - v)(0)."""
    start, rates = stdyn.initial.prepared(2, 2, q=0.5, r=0.1), {"eta": 0.5, "eta_v": 0.5}
    decaying = Problem(start, rule="kp", b=[1.0, 2.0], decay_v=0.01, **rates)
    end = integrate(decaying, [5000.0], "LSODA")
    (kp,), (bp,) = (fixed_points(each, [end.at(-1)]) for each in (decaying, replace(decaying, rule="bp", b=None)))
    assert kp.eps_g == bp.eps_g
    np.testing.assert_allclose(kp.state.v, end.v[-1], atol=1e-6)
    problem = Problem(start, rule="kp", b=[1.0, 2.0], **rates)
    end = integrate(problem, [5000.0], "LSODA")
    (point,) = fixed_points(problem, [end.at(-1)])
    np.testing.assert_allclose(point.state.v, end.v[-1], atol=1e-6)


def test_a_critical_learning_rate_of_batches():
    """The term in eta^2 is divided by B: eta_c is B times as large."""
    problem = Problem(stdyn.initial.prepared(2, 2, q=1.0, r=0.1), eta=1.0, eta_v=0.0)
    one, four = (stdyn.critical_eta(replace(problem, batch=B)) for B in (1, 4))
    assert four == pytest.approx(4 * one, rel=1e-8)


def test_what_changes_for_ever_is_refused():
    """Plateaus and escape times are of problems that do not change; flow has no fluctuations and no critical eta."""
    problem = Problem(stdyn.initial.prepared(2, 2, q=0.2), eta=schedule.hyperbolic(1, 5), eta_v=0.0)
    flow = replace(problem, eta=1.0, flow=True)
    for call, words in (
        (lambda: stdyn.plateaus(integrate(problem, [0, 5])), "problem must not change with alpha for plateaus"),
        (lambda: stdyn.escape_times(problem, rng=np.random.default_rng(1)), "must not change with alpha for escape"),
        (lambda: stdyn.fluctuations(flow, [0, 5]), "flow must be False for fluctuations"),
        (lambda: stdyn.critical_eta(flow), "flow must be False for a critical learning rate"),
    ):
        with pytest.raises(InputError, match=words):
            call()
