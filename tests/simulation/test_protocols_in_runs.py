"""Runs whose rates, tasks, batch and teacher are anything: step by step those of plain NumPy, and on the theory."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_overlaps
from plain_network import PlainNetwork, value
from test_simulate import generator

from stdyn import InputError, Problem, Tasks, compare, initial, integrate, schedule, simulate_network, simulate_reduced
from stdyn.kernels import reduced_regimes
from stdyn.simulation.course import Course

# What a problem is given, and the same as plain functions of alpha.
ETA = schedule.hyperbolic(0.9, 1.5), lambda alpha: 0.9 / (1 + alpha / 1.5)
ETA_V = (
    schedule.steps([0, 0.5, 1.3], [0.4, 0.1, 0.3]),
    lambda alpha: 0.4 if alpha < 0.5 else 0.1 if alpha < 1.3 else 0.3,
)
SIGMA = schedule.linear([0, 1, 2], [0.0, 0.5, 0.1]), lambda alpha: np.interp(alpha, [0, 1, 2], [0, 0.5, 0.1])
DECAY = (lambda alpha: 0.2 * np.sin(alpha) ** 2,) * 2
DECAY_V = schedule.exponential(0.5, 2.0, 0.1), lambda alpha: 0.1 + 0.4 * np.exp(-alpha / 2)
DRIFT = (
    schedule.steps([0, 0.4, 1.1], [0.5, 0.0, 1.5]),
    lambda alpha: 0.5 if alpha < 0.4 else 0.0 if alpha < 1.1 else 1.5,
)
MIXTURE = schedule.linear([0, 2], [0.0, 1.0]), lambda alpha: min(alpha / 2, 1)
SCHEDULES = {"eta": ETA, "eta_v": ETA_V, "sigma": SIGMA, "decay": DECAY, "decay_v": DECAY_V}
CONSTANT = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.2, "decay": 0.05, "decay_v": 0.1}

CASES = {
    "schedules": {"rule": "fa"} | SCHEDULES,
    "tasks with weights": {"rule": "bp", "tasks": True} | CONSTANT,
    "kp": {"rule": "kp", "eta": 0.7, "eta_v": 0.5, "decay_v": DECAY_V},
    "kp, constant decay": {"rule": "kp"} | CONSTANT,
    "mixed": {"rule": "mixed", "mixture": MIXTURE} | CONSTANT,
    "batch": {"rule": "fa", "batch": 4} | CONSTANT,
    "a batch smaller than K": {"rule": "bp", "batch": 2} | CONSTANT,
    "sphere": {"rule": "fa", "sphere": True} | CONSTANT,
    "drift": {"rule": "bp", "drift": 0.8} | CONSTANT,
    "everything": {"rule": "mixed", "mixture": MIXTURE, "tasks": True, "batch": 5, "sphere": True, "drift": DRIFT}
    | SCHEDULES,
}


def both(name, N):
    """A problem, and the same for PlainNetwork: what it is given, and its tasks."""
    start, rng = random_overlaps(3, 2, 2, seed=5), np.random.default_rng(6)
    case = CASES[name]
    first = {key: each[0] if isinstance(each, tuple) else each for key, each in case.items()}
    second = {key: each[1] if isinstance(each, tuple) else each for key, each in case.items()}
    b = None if case["rule"] == "bp" else rng.normal(size=(3, 2))
    if not case.get("tasks"):
        return Problem(start, N=N, b=b, **first), second | {"b": b}, lambda alpha: (start.v_teacher, np.ones(2))
    v_teacher, m = rng.normal(size=(2, 2, 2)), np.array([[1.0, 0.0], [0.3, 2.0]])
    first["tasks"] = Tasks(v_teacher, at=[0, 0.55, 1.4], weights=m, order=[0, 1, 0])

    def task(alpha):
        which = 1 if 0.55 <= alpha < 1.4 else 0
        return v_teacher[which], m[which]

    return Problem(start, N=N, b=b, **first), second | {"b": b}, task


@pytest.mark.parametrize("name", CASES)
def test_a_network_is_that_of_the_equations(name):
    """Every order parameter after every one of 34 steps at N = 17, b of Kolen-Pollack too, to 1e-13."""
    problem, given, task = both(name, 17)
    steps, batch, O = 34, problem.batch, 2
    runs = simulate_network(problem, np.arange(steps + 1) / 17, runs=1, rng=generator(7), normals="numpy")
    frame, inputs, noise, turns = generator(7).spawn(1)[0].spawn(4)
    plain = PlainNetwork(*initial.weights(problem, 17, frame), problem.start.v, task, given)
    for step in range(steps + 1):
        R, Q, T = plain.overlaps
        for ours, expected in ((runs.R, R), (runs.Q, Q), (runs.v, plain.v)):
            np.testing.assert_allclose(ours[0, step], expected, atol=1e-13, rtol=0)
        np.testing.assert_allclose(T, problem.start.T, atol=1e-13)
        if problem.rule == "kp":
            np.testing.assert_allclose(runs.b[0, step], plain.b, atol=1e-13, rtol=0)
        if problem.sphere:
            np.testing.assert_allclose(np.diag(runs.Q[0, step]), np.diag(problem.start.Q), rtol=1e-14)
        zeta = noise.standard_normal((batch, O)) if Course(problem).noisy else np.zeros((batch, O))
        xi = inputs.standard_normal((batch, 17))
        plain.step(xi, zeta, turns.standard_normal((2, 17)) if Course(problem).drifting else None)
    assert np.abs(runs.R[0, -1] - runs.R[0, 0]).max() > 0.03  # it has gone somewhere


def triangle(gram):
    """Bartlett's, with the squares on the diagonal, of vectors with these overlaps."""
    L = np.linalg.cholesky(gram)
    return np.tril(L, -1) + np.diag(np.diag(L) ** 2)


def in_frame(plain, L, A, S, xi):
    """The components of inputs xi (n, N) along the frame of coordinates (L, A, S), n x (M + K), and the rest."""
    F_teacher = np.linalg.solve(L, plain.W_teacher)
    F = np.vstack([F_teacher, np.linalg.solve(S, plain.W - A @ F_teacher)])
    np.testing.assert_allclose(F @ F.T, np.eye(len(F)), atol=1e-7)
    g = xi @ F.T
    return g, xi - g @ F


@pytest.mark.parametrize("name", CASES)
def test_a_reduced_run_on_the_examples_of_a_network_is_that_network(name):
    """300 steps at N = 60, 1e-10: the kernel is given what the examples are in its own frame."""
    N, steps = 60, 300
    problem, given, task = both(name, N)
    rng, course, batch = generator(3), Course(problem), problem.batch
    plain = PlainNetwork(*initial.weights(problem, N, rng), problem.start.v, task, given)
    L, A, S = (np.ascontiguousarray(each) for each in initial.coordinates(problem.start))
    A, S, v = (each[..., None].copy() for each in (A, S, problem.start.v))
    alive, taken, (K, M), O = np.ones(1), np.zeros(1), A.shape[:2], 2
    for step in range(steps):
        xi, zeta = rng.standard_normal((batch, N)), rng.standard_normal((batch, O))
        g, beyond = in_frame(plain, L, A[..., 0], S[..., 0], xi)
        changes = -plain.at("eta") / (N * batch) * plain.deltas(xi, zeta)[0].T
        if batch == 1:
            rest = beyond @ beyond.T
        else:  # changes = spread O^T with a triangular spread; rest is the triangle of O^T beyond
            directions, spread = np.linalg.qr(changes.T)
            directions = directions * np.sign(np.diag(spread))
            rest = np.zeros((K, K))
            some = directions.shape[1]
            rest[:some, :some] = triangle(directions.T @ beyond @ beyond.T @ directions)
        numbers = np.hstack([g, zeta]).reshape(1, -1, 1) if course.noisy else g.reshape(1, -1, 1)
        parameters, _ = course.parameters(step, step + 1)
        what = problem.N, course.lengths, batch, numbers.shape[1] // batch, numbers, rest[None, ..., None]
        turns = np.empty((0, M, K, 1)), np.empty((0, M, M, 1))
        if course.drifting:  # the turn is given in the frame that there is after the student's step
            Z = rng.standard_normal((M, N))
            moved = A.copy(), S.copy()
            reduced_regimes.reduced_regime_steps(*moved, v.copy(), L, alive, taken * 0, *what, turns, parameters, 0)
            plain.step(xi, zeta)
            part, beyond = in_frame(plain, L, moved[0][..., 0], moved[1][..., 0], Z)
            turns = part[None, :, M:, None].copy(), triangle(beyond @ beyond.T)[None, ..., None]
            plain.turn(value(given["drift"], step / N), Z)
        else:
            plain.step(xi, zeta)
        reduced_regimes.reduced_regime_steps(A, S, v, L, alive, taken, *what, turns, parameters, 0)
    assert taken[0] == steps
    A, S = A[..., 0], S[..., 0]
    for ours, expected in zip((A @ L.T, A @ A.T + S @ S.T, v[..., 0]), (*plain.overlaps[:2], plain.v), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-10, rtol=0)
    assert np.abs(plain.overlaps[0] - problem.start.R).max() > 0.03


# ---------------------------------------------------------------------------------------------------------------------
# On the theory


def learning(rule="bp", O=1, **changes):
    """K = 3, M = 2 from a start that is not symmetric; v of its own for every unit."""
    rng = np.random.default_rng(8)
    v, v_teacher, b = rng.normal(size=(3, O)), rng.normal(size=(2, O)), rng.normal(size=(3, O))
    start = initial.prepared(3, 2, q=0.4, r=0.1, v=v, v_teacher=v_teacher)
    rates = {"eta": 0.8, "eta_v": 0.4, "sigma": 0.2, "decay_v": 0.1, "N": 1000} | changes
    return Problem(start, rule=rule, b=None if rule == "bp" else b, **rates)


def tasks(m, at=2.0):
    """Two heads: the first is learned, then the second one."""
    v_teacher = np.random.default_rng(9).normal(size=(2, 2, 2))
    return Tasks(v_teacher, at=[0, at], weights=[[1.0, 0.2], [0.0, m]])


HELD = {  # a problem, and a theory that must fail
    "hyperbolic eta, shifted by 10 %": (
        {"eta": schedule.hyperbolic(2.0, 1.0)},
        {"eta": schedule.hyperbolic(2.0 / 1.1, 1.1)},  # eta at alpha + 0.1
    ),
    "steps, 10 % later": (
        {"eta": schedule.steps([0, 2], [0.2, 1.5]), "eta_v": schedule.steps([0, 2], [0.1, 1.0])},
        {"eta": schedule.steps([0, 2.2], [0.2, 1.5]), "eta_v": schedule.steps([0, 2.2], [0.1, 1.0])},
    ),
    "tasks, wrong m": ({"tasks": tasks(1.5), "O": 2}, {"tasks": tasks(1.0)}),
    "tasks, 10 % later": ({"tasks": tasks(1.5), "O": 2}, {"tasks": tasks(1.5, at=2.2)}),
    "batch, one example more": ({"batch": 2, "eta": 3.0}, {"batch": 3}),
    "sphere, eta off by 10 %": ({"sphere": True, "eta": 1.5}, {"eta": 1.65}),
    "drift, half of it": ({"drift": 0.4}, {"drift": 0.2}),
    "noise that comes and goes": (
        {"sigma": schedule.linear([0, 2, 4], [0.0, 3.0, 0.0]), "eta": 1.5},
        {"sigma": schedule.linear([0, 2.2, 4.4], [0.0, 3.0, 0.0])},
    ),
}
RULES = {  # rules of their own
    "kp": ({"rule": "kp", "decay_v": 0.5}, {"decay_v": 0.0}),
    "mixed": ({"rule": "mixed", "mixture": 0.5}, {"mixture": 0.9}),
    "mixed, with a schedule": (
        {"rule": "mixed", "mixture": schedule.linear([0, 4], [0.0, 1.0])},
        {"mixture": schedule.linear([0, 4], [1.0, 0.0])},
    ),
}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [pytest.param({"rule": rule} | given, wrong, id=f"{rule}, {name}")
     for name, (given, wrong) in HELD.items() for rule in ("bp", "fa")]
    + [pytest.param(given, wrong, id=name) for name, (given, wrong) in RULES.items()],
)  # fmt: skip
def test_runs_are_on_the_theory_and_not_on_a_wrong_one(given, wrong):
    """256 reduced runs at N = 1000 to alpha = 4, false alarm 1e-6 a case, bias 5/N."""
    problem, alphas = learning(**given), np.array([0, 0.5, 1, 2, 2.2, 3, 4])
    runs = simulate_reduced(problem, alphas, runs=256, rng=generator(12))
    assert compare(runs, integrate(problem, alphas), false_alarm=1e-6, bias=5).agrees
    assert not compare(runs, integrate(replace(problem, **wrong), alphas), false_alarm=1e-6, bias=5).agrees


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_b_of_kolen_pollack_goes_to_v_in_every_run(simulate):
    """b - v = (b - v)(0) prod (1 - decay_v / N) to rounding; with a schedule too."""
    for decay_v, left in ((0.5, 0.99**100), (DECAY_V[0], np.prod([1 - DECAY_V[1](s / 50) / 50 for s in range(100)]))):
        problem = learning("kp", decay_v=decay_v, N=50)
        runs = simulate(problem, [0, 1, 2.0], runs=3, rng=generator())
        gap = (problem.b - problem.start.v) * left
        np.testing.assert_allclose(runs.b[:, -1] - runs.v[:, -1], np.stack([gap] * 3), atol=1e-14)


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_lengths_and_the_teacher_are_kept_to_rounding(simulate):
    """Q_ii on the sphere after 50,000 steps; with T kept, R of a student that does not learn decays by the drift."""
    problem = learning("fa", sphere=True, drift=0.5, batch=2, N=50)
    runs = simulate(problem, [0, 10.0, 1000.0], runs=8, rng=generator())
    lengths = np.broadcast_to(np.diag(problem.start.Q), (8, 3, 3))
    np.testing.assert_allclose(np.einsum("raii->rai", runs.Q), lengths, rtol=1e-14)
    assert np.abs(runs.R).max() <= np.sqrt(0.4) + 1e-12
    still = Problem(initial.prepared(2, 2, q=1, r=1), N=50, eta=0.0, eta_v=0.0, drift=0.5)
    runs = simulate(still, [0.0, 1.0, 2.0], runs=400, rng=generator())
    for position, expected in ((1, 0.99**50), (2, 0.99**100)):
        own = np.einsum("rii->ri", runs.R[:, position])
        assert abs(own.mean() - expected) < 0.003 + 5 * own.std() / np.sqrt(800)
        assert abs(own.mean() - np.sqrt(expected)) > 0.1


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize("normals", ["fast", "numpy"])
def test_a_run_depends_on_its_own_streams_alone(simulate, normals):
    """Bit by bit with batch, sphere and drift: not on the runs beside it, the threads, nor the alphas asked for."""
    problem = replace(both("everything", 20)[0], batch=3)
    runs = simulate(problem, np.linspace(0, 2, 5), 9, rng=generator(), workers=1, normals=normals)
    for count, workers, grid in ((9, 2, np.linspace(0, 2, 41)), (1, 1, np.array([2.0]))):
        other = simulate(problem, grid, count, rng=generator(), workers=workers, normals=normals)
        for name in "RQv":
            np.testing.assert_array_equal(getattr(other, name)[:, -1], getattr(runs, name)[:count, -1])
    assert len(np.unique(runs.R[:, -1, 0, 0])) == 9


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_a_drift_of_nothing_changes_nothing(simulate):
    """The turning has streams of its own: a drift that is zero leaves the reduced runs as they are to the last bit."""
    problem = learning("fa", N=30)
    still = replace(problem, drift=schedule.steps([0, 100], [0.0, 1.0]))
    runs, same = (simulate(each, [0, 3.0], runs=4, rng=generator()) for each in (problem, still))
    np.testing.assert_allclose(same.R, runs.R, atol=0 if simulate is simulate_reduced else 1e-13, rtol=0)


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_equal_students_stay_equal_in_batches_on_the_sphere_with_drift(simulate):
    """To the last bit, as without these."""
    R, Q = np.array([[0.2, 0.1], [0.2, 0.1], [0, 0.3]]), np.array([[0.5, 0.5, 0.1], [0.5, 0.5, 0.1], [0.1, 0.1, 0.6]])
    start = replace(initial.prepared(3, 2), R=R, Q=Q, v=[0.3, 0.3, 0.5])
    problem = Problem(start, N=30, eta=0.5, eta_v=0.3, sigma=0.2, batch=3, sphere=True, drift=0.3)
    runs = simulate(problem, [0, 1, 100.0], runs=5, rng=generator())
    np.testing.assert_array_equal(runs.R[..., 0, :], runs.R[..., 1, :])
    np.testing.assert_array_equal(runs.Q[..., 0, 0], runs.Q[..., 0, 1])
    np.testing.assert_array_equal(runs.v[..., 0], runs.v[..., 1])


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_what_a_run_cannot_do_is_refused(simulate):
    """Drift without a direction to turn to, or that turns the teacher over; gradient flow."""
    start = replace(random_overlaps(1, 2), R=[[0.0, 0.0]], Q=[[0.0]])
    with pytest.raises(
        InputError, match="drift needs an N above M = 2, directions for the teacher to turn to, but N is 2"
    ):
        simulate(Problem(start, N=2, eta=0.1, eta_v=0.1, drift=0.1), [1.0], rng=generator())
    with pytest.raises(InputError, match="drift must be at most N = 50"):
        simulate(learning(drift=51.0, N=50), [1.0], rng=generator())
    with pytest.raises(InputError, match="flow must be False for a simulation"):
        simulate(Problem(start, N=20, flow=True), [1.0], rng=generator())
