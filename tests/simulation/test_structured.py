"""Inputs with a spectrum: both simulators are the equations step by step, one law, and follow the ODEs."""

from dataclasses import replace

import numpy as np
import pytest
from structured import PlainRun, smallest_p, structured, with_inputs
from test_simulate import FastExamples, NumpysExamples, generator

from stdyn import (
    Inputs,
    OrderParameters,
    Problem,
    compare,
    initial,
    integrate,
    schedule,
    simulate_network,
    simulate_reduced,
    weights,
)
from stdyn.kernels.reduced_groups import reduced_groups_steps

FALSE_ALARM = 1e-6
THREE = ([3.0, 1.0, 0.3], [0.2, 0.3, 0.5])


# ---------------------------------------------------------------------------------------------------------------------
# Pathwise


@pytest.mark.parametrize(("normals", "examples"), [("numpy", NumpysExamples), ("fast", FastExamples)])
@pytest.mark.parametrize(
    "changes",
    [{}, {"hidden": 0.5}, {"axes": True, "sphere": True}, {"batch": 3, "hidden": 0.5, "axes": True, "rule": "bp"}],
    ids=["plain", "T_hidden", "axes, sphere", "batch, T_hidden, axes, bp"],
)
def test_a_network_run_is_the_steps_of_the_theory(normals, examples, changes):
    """In input space, recomputed from the same streams, one step at a time, with xi of covariance Omega."""
    problem = structured(2, 3, 20, *THREE, **changes)
    runs = simulate_network(problem, [0.0, 0.05, 0.5, 1.0], runs=2, rng=generator(7), normals=normals)
    inputs, hidden = problem.inputs, initial.root(problem.start.T_hidden)
    width = 20 + 3 * hidden.any()
    for run, stream in enumerate(generator(7).spawn(2)):
        frame, drawn, noise, _ = stream.spawn(4)
        plain = PlainRun(problem, *weights(problem, 20, frame))
        stream = examples(drawn, noise)
        for step in range(21):
            recorded = {0: 0, 1: 1, 10: 2, 20: 3}.get(step)
            if recorded is not None:
                for name, expected in zip(("R_group", "Q_group", "v"), plain.overlaps, strict=True):
                    np.testing.assert_allclose(getattr(runs, name)[run, recorded], expected, atol=1e-13)
            drawn = [stream.one(width) for _ in range(problem.batch)]
            z, zeta = (np.concatenate(each) for each in zip(*drawn, strict=True))
            xi = inputs.unrotated(z[:, :20] * inputs.scales(20))
            y = xi @ plain.W_teacher.T
            plain.step(xi, y + z[:, 20:] @ hidden if width > 20 else y, zeta[:, 0])
    np.testing.assert_allclose(runs.R, np.tensordot(runs.R_group, inputs.variances, [[2], [0]]), atol=1e-13)


@pytest.mark.parametrize(
    ("problem", "steps"),
    [
        (structured(3, 2, 120, *THREE), 1000),
        (structured(2, 3, 120, *THREE, rule="bp", hidden=0.6, sphere=True), 1000),
        (structured(2, 2, 100, *THREE, activation="relu", eta=0.3, eta_v=0.1), 600),
        (structured(5, 5, 200, [0.5, 1.5], [0.5, 0.5], rule="bp"), 1000),
        (structured(2, 2, 10, [4.0, 2.0, 0.5], [0.1, 0.3, 0.6]), 300),
        (structured(3, 2, 4, [4.0, 2.0, 1.0, 0.5], [0.25] * 4, rule="bp", hidden=0.3), 300),
    ],
    ids=["fa", "bp, T_hidden, sphere", "relu", "K = M = 5", "groups of 1, 3 and 6", "every direction alone"],
)
def test_on_the_examples_of_a_network_a_reduced_run_is_the_network(problem, steps):
    """The kernel, given the components along the frames that give the fields that the network saw: to 1e-10."""
    start, N, inputs, rng = problem.start, problem.N, problem.inputs, generator()
    K, M = start.K, start.M
    plain = PlainRun(problem, *weights(problem, N, rng))
    hidden = initial.root(start.T_hidden)
    root = hidden if hidden.any() else np.empty((0, 0))
    L, A, S = (np.ascontiguousarray(each) for each in initial.coordinates(start, N))
    A, S, v = (each[..., None].copy() for each in (A, S, start.v[:, None]))
    alive, taken = np.ones(1), np.zeros(1)
    lengths = np.array(start.lengths) if problem.sphere else np.empty(0)
    groups = np.repeat(np.arange(inputs.groups), inputs.directions(N))
    for _ in range(steps):
        xi, h, zeta = rng.standard_normal(N) * inputs.scales(N), rng.standard_normal(M), rng.standard_normal()
        g, rest = [], np.empty((inputs.groups, 1, 1, 1))
        for t in range(inputs.groups):
            there = groups == t
            fields = np.concatenate([plain.W_teacher[:, there] @ xi[there], plain.W[:, there] @ xi[there]])
            B = np.block([[L[t], np.zeros((M, K))], [A[t, ..., 0], S[t, ..., 0]]])
            part = np.linalg.lstsq(B, fields, rcond=1e-13)[0]
            g.append(part)
            rest[t] = max(xi[there] @ xi[there] - part @ part, 0) if there.sum() > K + M else 0.0
        numbers = np.concatenate([*g, h[: len(root)], [zeta]])
        width = len(numbers)
        what = lengths, 1, width, numbers[None, :, None], rest[None]
        reduced_groups_steps(A, S, v, L, root, alive, taken, N, *what, problem.parameters, 0)
        plain.step(xi[None], (plain.W_teacher @ xi + hidden @ h)[None], np.array([zeta]))
    assert taken[0] == steps
    R, Q, expected_v = plain.overlaps
    assert np.abs(R - start.R_group).max() > 0.02  # it has gone somewhere
    A, S = A[..., 0], S[..., 0]
    np.testing.assert_allclose(A @ np.swapaxes(L, 1, 2), R, atol=1e-10)
    np.testing.assert_allclose(A @ np.swapaxes(A, 1, 2) + S @ np.swapaxes(S, 1, 2), Q, atol=1e-10)
    np.testing.assert_allclose(v[:, 0, 0], expected_v, atol=1e-10)


# ---------------------------------------------------------------------------------------------------------------------
# In law


LAWS = {
    "fa": structured(2, 2, 20, *THREE),
    "bp, T_hidden": structured(2, 3, 20, *THREE, rule="bp", hidden=0.6),
    "relu": structured(2, 2, 20, *THREE, activation="relu", eta=0.4, eta_v=0.2),
    "one group": structured(2, 2, 12, [2.0], [1.0]),
    "groups of 1, 3 and 6": structured(2, 2, 10, [4.0, 2.0, 0.5], [0.1, 0.3, 0.6]),
    "every direction alone": structured(2, 2, 5, [3.0, 2.0, 1.0, 0.5, 0.2], [0.2] * 5, rule="bp"),
    "batch": structured(2, 2, 20, *THREE, batch=3, eta=2.0),
    "batch, groups of 1, 3 and 6, T_hidden": structured(
        2, 2, 10, [4.0, 2.0, 0.5], [0.1, 0.3, 0.6], batch=3, eta=2.0, hidden=0.5
    ),
    "sphere": structured(3, 2, 20, *THREE, rule="bp", sphere=True),
    "schedules": structured(
        2, 2, 20, *THREE, eta=schedule.hyperbolic(1.5, 2.0), sigma=schedule.steps([0, 1], [0.3, 0.6])
    ),
    "K = M = 5": structured(5, 5, 40, [2.0, 0.5], [0.4, 0.6], rule="bp"),
}  # fmt: skip
FAST = ["groups of 1, 3 and 6"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow, id=name) for name in LAWS]
)
def test_reduced_runs_and_networks_obey_one_law(name):
    """All overlaps by group, fields' covariances and v: false alarm 1e-6 a case; a wrong omega is seen."""
    problem, alphas, count = LAWS[name], [0, 1.0, 2.0], 800
    network = simulate_network(problem, alphas, count, rng=generator(1))
    reduced = simulate_reduced(problem, alphas, count, rng=generator(2))
    for runs in (network, reduced):
        np.testing.assert_allclose(runs.R_group[:, 0], np.stack([problem.start.R_group] * count), atol=1e-13)
    assert smallest_p(network, reduced) > FALSE_ALARM
    variances = np.array(problem.inputs.variances)
    variances[0] *= 1.5
    wrong = with_inputs(problem, variances=variances)
    assert smallest_p(network, simulate_reduced(wrong, alphas, 2 * count, rng=generator(3))) < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize("batch", [1, 3])
def test_numpys_numbers_give_the_same_law(simulate, batch):
    """normals = "numpy", the reference, against "fast"; false alarm 1e-6."""
    problem = structured(2, 2, 10, [4.0, 2.0, 0.5], [0.1, 0.3, 0.6], hidden=0.5, batch=batch)
    fast, numpy = (simulate(problem, [0, 2.0], 1000, rng=generator(3), normals=n) for n in ("fast", "numpy"))
    assert not np.array_equal(fast.R, numpy.R)
    assert smallest_p(fast, numpy) > FALSE_ALARM


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize(
    "problem",
    [
        structured(3, 2, 500, *THREE, hidden=0.5, sigma=0.1, eta=1.0, q=0.3),
        structured(2, 2, 500, *THREE, activation="relu", eta=0.6, eta_v=0.3, q=0.5, seed=2),
    ],
    ids=["erf, T_hidden", "relu"],
)
def test_the_mean_of_runs_follows_the_odes(simulate, problem):
    """All order parameters; false alarm 1e-6 a case, bias 5/N; p or omega that is wrong fails."""
    alphas, count = np.array([0, 0.1, 0.5, 1, 2, 4.0]), 256 if simulate is simulate_reduced else 32
    runs = simulate(problem, alphas, count, rng=generator(11))
    assert compare(runs, integrate(problem, alphas), false_alarm=1e-6, bias=5).agrees
    if simulate is simulate_reduced:
        for wrong in (
            with_inputs(problem, variances=[3.6, 1.0, 0.3]),
            with_inputs(problem, fractions=[0.3, 0.3, 0.4]),
        ):
            theory = replace(integrate(wrong, alphas), problem=problem)
            assert not compare(runs, theory, false_alarm=1e-6, bias=5).agrees


# ---------------------------------------------------------------------------------------------------------------------
# Isotropic inputs, and how they are divided


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_one_group_of_variance_1_is_isotropic_to_the_bit(simulate):
    """The same runs as of a problem without inputs."""
    start = initial.random_weights(2, 2, 20, 0.5, generator(), "graded", [0.5, 0.3])
    drawn = initial.random_weights(2, 2, 20, 0.5, generator(), "graded", [0.5, 0.3], inputs=Inputs.isotropic())
    assert drawn == start
    plain = Problem(start, N=20, eta=0.7, eta_v=0.3, sigma=0.1)
    same = Problem(drawn, N=20, eta=0.7, eta_v=0.3, sigma=0.1, inputs=Inputs.isotropic())
    first, second = (simulate(each, [0, 2.0], 3, rng=generator()) for each in (plain, same))
    for name in "RQv":
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_group_may_be_divided():
    """The same weights, two groups of the variance of one: the same run to 1e-12, of variance 1 the isotropic one."""
    N, rng = 30, generator()
    W, W_teacher = rng.normal(size=(2, N)) / N**0.5, rng.normal(size=(2, N)) / N**0.5
    found = []
    for inputs in (None, Inputs.spectrum([1.0, 1.0], [0.4, 0.6]), Inputs.spectrum([1.0] * 3, [0.4, 0.3, 0.3])):
        problem = Problem(initial.from_weights(W, W_teacher, [0.5, 0.2], inputs=inputs), N=N, eta=0.7, eta_v=0.3)
        found.append(simulate_network(problem, [0, 1, 3.0], 3, rng=generator(), weights=(W, W_teacher)))
    for other in found[1:]:
        for name in "RQv":
            np.testing.assert_allclose(getattr(other, name), getattr(found[0], name), atol=1e-12)
    np.testing.assert_allclose(found[2].Q_group[:, :, 1:].sum(axis=2), found[1].Q_group[:, :, 1], atol=1e-12)


def test_turned_inputs_change_nothing():
    """Weights and axes turned together: the same overlaps by group to 1e-12."""
    N, rng = 20, generator()
    axes = np.linalg.qr(rng.standard_normal((N, N))).Q
    W, W_teacher = rng.normal(size=(2, N)) / N**0.5, rng.normal(size=(2, N)) / N**0.5
    found = []
    for inputs, turn in ((Inputs(*THREE), np.eye(N)), (Inputs(*THREE, axes=axes), axes)):
        given = W @ turn, W_teacher @ turn
        problem = Problem(initial.from_weights(*given, [0.5, 0.2], inputs=inputs), N=N, eta=0.7, eta_v=0.3)
        found.append(simulate_network(problem, [0, 3.0], 2, rng=generator(), weights=given))
    np.testing.assert_allclose(found[0].R_group, found[1].R_group, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# Bookkeeping


@pytest.mark.parametrize("normals", ["fast", "numpy"])
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize("changes", [{}, {"batch": 2, "sphere": True, "eta": schedule.linear([0, 2], [1.0, 0.5])}])
def test_a_run_depends_on_its_own_stream_alone(simulate, normals, changes):
    """Bit by bit: not on the runs beside it (SIMD), the threads, nor the alphas asked for."""
    problem, alphas = structured(2, 3, 30, *THREE, hidden=0.5, **changes), np.linspace(0, 3, 4)
    runs = simulate(problem, alphas, 20, rng=generator(), workers=1, normals=normals)
    for count, workers, grid in ((20, 3, alphas), (1, 2, np.linspace(0, 3, 46)), (9, 1, alphas[-1:])):
        other = simulate(problem, grid, count, rng=generator(), workers=workers, normals=normals)
        for name, values in runs.arrays.items():
            np.testing.assert_array_equal(other.arrays[name][:, -1], values[:count, -1])
    assert len(np.unique(runs.R[:, -1, 0, 0])) == 20


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_equal_students_stay_equal_to_the_last_bit(simulate):
    """In every group, with equal v and b."""
    inputs = Inputs(*THREE)
    p = inputs.fractions[:, None, None]
    r, q = np.array([[0.2, 0.1], [0.2, 0.1], [0.0, 0.3]]), np.array([[0.5, 0.5, 0.1], [0.5, 0.5, 0.1], [0.1, 0.1, 0.6]])
    start = OrderParameters.by_group(inputs, p * r, p * q, p * np.eye(2), [0.3, 0.3, 0.5], [1.0, 1.0])
    problem = Problem(start, N=50, rule="fa", b=[0.4, 0.4, 0.1], eta=0.5, eta_v=0.3, sigma=0.2)
    runs = simulate(problem, [0, 1, 10, 50.0], runs=3, rng=generator())
    np.testing.assert_array_equal(runs.R_group[..., 0, :], runs.R_group[..., 1, :])
    np.testing.assert_array_equal(runs.Q_group[..., 0, 0], runs.Q_group[..., 1, 1])
    np.testing.assert_array_equal(runs.Q_group[..., 0, 0], runs.Q_group[..., 0, 1])
    np.testing.assert_array_equal(runs.v[..., 0], runs.v[..., 1])


def test_the_sphere_is_that_of_the_vectors():
    """The lengths |w| are kept, which are sums over groups; the variances of the fields are not."""
    problem = structured(2, 2, 30, *THREE, sphere=True)
    for simulate in (simulate_network, simulate_reduced):
        runs = simulate(problem, [0, 1.0, 3.0], 2, rng=generator())
        lengths = np.sqrt(np.diagonal(runs.Q_group.sum(axis=2), axis1=-2, axis2=-1))
        np.testing.assert_allclose(lengths, np.broadcast_to(problem.start.lengths, lengths.shape), rtol=1e-13)
        assert np.abs(runs.Q[:, -1] - problem.start.Q).max() > 0.05
