"""The simulated network: its start, its bookkeeping, and its law against the ODEs."""

import os
import re
import signal
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import random_problem

from stdyn import (
    DivergenceWarning,
    InputError,
    Interrupted,
    OrderParameters,
    Problem,
    averages,
    compare,
    initial,
    integrate,
    simulate_network,
    simulate_reduced,
)
from stdyn.kernels import network as network_kernels
from stdyn.kernels import random as random_kernels
from stdyn.onlooker import Onlooker
from stdyn.simulation import advancing, streams


def generator(seed=1):
    return np.random.Generator(np.random.SFC64(seed))


# ---------------------------------------------------------------------------------------------------------------------
# Bookkeeping


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize(
    ("K", "M", "O", "N"), [(1, 1, None, 2), (2, 3, None, 5), (3, 2, 2, 6), (5, 5, None, 500), (5, 5, None, 10**5)]
)
def test_runs_start_with_exactly_the_order_parameters_of_the_problem(simulate, K, M, O, N):
    """At every N >= K + M, in every run."""
    problem = random_problem(K, M, O, N=N)
    runs = simulate(problem, [0, 1 / N], runs=3, rng=generator())
    assert f"simulate_{runs.method}" == simulate.__name__
    for name in "RQv":
        start = getattr(problem.start, name)
        assert getattr(runs, name).shape == (3, 2, *start.shape)
        np.testing.assert_allclose(getattr(runs, name)[:, 0], np.stack([start] * 3), atol=1e-14)


class NumpysExamples:
    """The examples and the noise of a run with normals="numpy"."""

    def __init__(self, inputs, noise):
        self.inputs, self.noise = inputs, noise

    def one(self, N):
        return self.inputs.standard_normal((1, N)), self.noise.standard_normal((1, 1))


class FastExamples:
    """Those of "fast": an example takes the same whole number of draws from each of 32 lanes, a few too many."""

    def __init__(self, inputs, noise):
        self.inputs, self.noise = streams.stream(inputs, 32), streams.stream(noise)

    def one(self, N):
        xi, zeta = np.empty((-(-N // 64) * 2, 32)), np.empty((2, 1))
        random_kernels.normals(self.inputs, xi)
        random_kernels.normals(self.noise, zeta)
        return xi.reshape(1, -1)[:, :N].copy(), zeta[:1].copy()


@pytest.mark.parametrize(("normals", "examples"), [("numpy", NumpysExamples), ("fast", FastExamples)])
def test_a_run_is_the_steps_of_the_theory(normals, examples):
    """Recorded after the right number of steps: recomputed from the same streams, one step at a time."""
    problem = random_problem(2, 3, N=20)
    runs = simulate_network(problem, [0.0, 0.05, 0.5, 1.0], runs=2, rng=generator(7), normals=normals)
    for run, stream in enumerate(generator(7).spawn(2)):
        frame, inputs, noise = stream.spawn(3)
        W, W_teacher = initial.weights(problem, 20, frame)
        stream = examples(inputs, noise)
        v = problem.start.v.reshape(2, 1).copy()
        for step in range(21):
            recorded = {0: 0, 1: 1, 10: 2, 20: 3}.get(step)
            if recorded is not None:
                np.testing.assert_allclose(runs.R[run, recorded], W @ W_teacher.T, atol=1e-13)
                np.testing.assert_allclose(runs.Q[run, recorded], W @ W.T, atol=1e-13)
                np.testing.assert_allclose(runs.v[run, recorded], v[:, 0], atol=1e-13)
            xi, zeta = stream.one(20)
            network_kernels.network_steps(W, v, W_teacher, xi, zeta, problem.parameters, 0)


def test_a_run_depends_on_its_seed_alone():
    """Not on the number of threads, of other runs, nor on the alphas asked for (the blocks its examples come in)."""
    problem = random_problem(2, 2, N=400)
    alphas = np.linspace(0, 3, 7)
    runs = simulate_network(problem, alphas, runs=4, rng=generator(), workers=1)
    for other in (
        simulate_network(problem, alphas, runs=4, rng=generator(), workers=3),
        simulate_network(problem, alphas[-1:], runs=4, rng=generator()),
        simulate_network(problem, np.linspace(0, 3, 61), runs=6, rng=generator()),
    ):
        np.testing.assert_array_equal(other.R[:4, -1], runs.R[:, -1])
    assert not np.array_equal(simulate_network(problem, alphas, runs=4, rng=generator(2)).R, runs.R)
    assert not np.array_equal(runs.R[0], runs.R[1])


@pytest.mark.parametrize("normals", ["fast", "numpy"])
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_a_record_does_not_depend_on_the_others(simulate, normals):
    """Every step recorded, some, the last alone: the same bits, at the start and where a block of draws ends too."""
    problem = random_problem(2, 3, 2, N=50, sigma=0.1)
    every, some, last = (
        simulate(problem, np.array(steps) / 50, runs=3, rng=generator(), normals=normals, workers=2)
        for steps in (range(1001), [0, 1, 7, 81, 82, 500, 1000], [1000])
    )
    for name in "RQv":
        here = getattr(every, name)
        assert np.isfinite(here).all()
        assert len(np.unique(here[0, :, 0, 0])) == 1001
        np.testing.assert_array_equal(getattr(some, name), here[:, [0, 1, 7, 81, 82, 500, 1000]])
        np.testing.assert_array_equal(getattr(last, name), here[:, [1000]])


def test_successive_ensembles_from_one_generator_differ():
    """Each call spawns streams of its own."""
    problem, rng = random_problem(1, 1, N=10), generator()
    first, second = (simulate_network(problem, [5], rng=rng) for _ in range(2))
    assert not np.array_equal(first.R, second.R)


def test_alphas_are_those_recorded():
    """Whole numbers of steps over N, at most half a step from the requested ones."""
    problem = random_problem(1, 1, N=30)
    requested = np.geomspace(0.01, 3, 20)
    recorded = simulate_network(problem, requested, rng=generator()).alphas
    np.testing.assert_array_equal(recorded, np.unique(np.rint(requested * 30)) / 30)


@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rng": 1.0}, "int of at least 0 or a numpy.random.Generator (numpy.random.default_rng(1), say), but is 1.0"),
        ({"runs": 0}, "runs must be at least 1, but is 0"),
        ({"runs": 2.5}, "runs must be an integer, but is 2.5"),
        ({"normals": "NumPy"}, "normals must be one of fast, numpy, but is 'NumPy'"),
        ({"workers": 0}, "workers must be at least 1, but is 0"),
        ({"alphas": [1, 0]}, "alphas must increase strictly"),
        ({"alphas": [1e300]}, "alphas[-1] * N, the number of steps, must be at most"),
    ],
)
def test_bad_arguments_are_named(simulate, changes, message):
    """Before any work starts."""
    arguments = {"alphas": [1], "rng": generator()} | changes
    with pytest.raises(InputError, match=re.escape(message)):
        simulate(random_problem(1, 1), **arguments)


def test_a_decay_that_turns_weights_over_is_refused():
    """1 - decay / N must not be negative; the ODEs, where N is infinite, take any."""
    problem = random_problem(1, 1, N=5, decay_v=7.0)
    with pytest.raises(InputError, match="decay_v must be at most N = 5"):
        simulate_network(problem, [1.0], rng=generator())
    assert np.isfinite(integrate(problem, [1.0]).v).all()


@pytest.mark.parametrize(("simulate", "N"), [(simulate_network, 500), (simulate_reduced, 10**4)])
def test_interrupted_runs_are_kept(simulate, N):
    """Ctrl-C raises Interrupted with all runs up to the last alpha that all of them reached, equal to a full run's."""
    problem, alphas = random_problem(5, 5, N=N), np.arange(0, 4000, 1.0)
    simulate(problem, [1 / N], rng=generator())  # compiled
    signal.signal(signal.SIGINT, signal.default_int_handler)  # some launchers of background jobs ignore it
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    began = time.perf_counter()
    timer.start()
    with pytest.raises(Interrupted, match="interrupted at alpha = ") as caught:
        simulate(problem, alphas, runs=4, rng=generator())
    assert time.perf_counter() - began < 10
    kept = caught.value.trajectory
    assert 1 < len(kept.alphas) < len(alphas)
    assert np.isfinite(kept.R).all()
    again = simulate(problem, kept.alphas[:5], runs=4, rng=generator())
    np.testing.assert_array_equal(kept.R[:, :5], again.R)


# ---------------------------------------------------------------------------------------------------------------------
# Divergence


def test_all_runs_diverge():
    """The result ends where the last run did, has no row without a run left, and the warning says where."""
    problem = random_problem(2, 2, activation="linear", eta=30.0, eta_v=0.0, N=100)
    with pytest.warns(DivergenceWarning, match=r"3 of 3 runs diverged, the first at alpha = .*eta = 30"):
        runs = simulate_network(problem, np.linspace(0, 1000, 100_001), runs=3, rng=generator())
    assert (runs.diverged_at < 1000).all()
    assert runs.alphas[-1] <= runs.diverged_at.max() < runs.alphas[-1] + 0.02
    for run in range(3):
        alive = runs.alphas <= runs.diverged_at[run]
        assert np.isfinite(runs.R[run, alive]).all()
        assert np.isnan(runs.R[run, ~alive]).all()


@pytest.mark.parametrize("normals", ["fast", "numpy"])
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_one_run_diverges_and_the_others_go_on(simulate, normals):
    """NaN in the diverged run from there on, nothing in the others; compare leaves these alphas out."""
    problem = random_problem(
        1, 1, seed=3, activation="linear", rule="bp", eta=1.8, eta_v=0.0, decay=0.0, decay_v=0.0, N=6
    )
    problem = replace(problem, start=replace(problem.start, v=[1.0]))
    alphas = np.linspace(0, 400, 401)
    with pytest.warns(DivergenceWarning, match=r"of 20 runs diverged"):
        runs = simulate(problem, alphas, runs=20, rng=generator(0), normals=normals)
    gone = np.isfinite(runs.diverged_at)
    assert 0 < gone.sum() < 20
    assert len(runs.alphas) == len(alphas)
    assert np.isfinite(runs.R[~gone]).all()
    for run in range(20):
        assert np.isfinite(runs.Q[run, alphas <= runs.diverged_at[run]]).all()
        assert np.isnan(runs.Q[run, alphas > runs.diverged_at[run]]).all()
    comparison = compare(runs, integrate(problem, alphas))
    assert comparison.alphas[-1] < runs.diverged_at.min()


def test_an_interruption_beside_runs_that_diverged_keeps_the_others():
    """What was recorded of the others after some had diverged is not cut off where these ended."""

    class Walker:
        runs, at_once, steps, recorded = 1, 10**6, 0, 0

        def __init__(self, ends):
            self.ends, self.diverged_at = ends, np.full(1, np.inf)

        def go_to(self, until, marks, records):
            end = until + 1  # every step is recorded
            if end > self.ends:
                self.diverged_at[:] = self.ends
            self.recorded = min(end, self.ends)
            records[0][:, : self.recorded] = 1.0

    def interrupt():
        if walkers[1].recorded >= 100:
            raise KeyboardInterrupt

    walkers, bar = [Walker(3), Walker(10**6)], SimpleNamespace(n=0, update=lambda _: interrupt())
    look = advancing.Look(bar, Onlooker(None, None), lambda count, records: None)
    records, kept, interrupted = advancing.record(random_problem(1, 1), walkers, 2, np.arange(1000), 2, look)
    assert interrupted
    assert 100 <= kept == walkers[1].recorded < 1000
    np.testing.assert_array_equal(np.isfinite(records["R"][..., 0, 0]).sum(axis=1), [3, kept])


# ---------------------------------------------------------------------------------------------------------------------
# The law: simulation against theory


def specialising(K, M, O=None, **changes):
    """A start that is not symmetric: R_nn = 0.1."""
    rng = np.random.default_rng(K + 10 * M)
    shape = () if O is None else (O,)
    v, v_teacher = rng.normal(size=(K, *shape)), rng.normal(size=(M, *shape))
    b = rng.normal(size=v.shape) if changes.get("rule") == "fa" else None
    rates = {"eta": 0.5, "eta_v": 0.3, "N": 500} | changes
    return Problem(initial.prepared(K, M, r=0.1, v=v, v_teacher=v_teacher), b=b, **rates)


CASES = [
    pytest.param(specialising(3, 3, rule="bp"), id="bp"),
    pytest.param(specialising(5, 5, rule="fa"), id="fa, K = M = 5"),
    pytest.param(specialising(3, 2, rule="fa", sigma=0.5, decay=0.3, decay_v=0.2), id="fa, noise, decay, K > M"),
    pytest.param(specialising(2, 3, O=2, rule="bp", sigma=0.3, decay=0.2), id="bp, two outputs, noise, K < M"),
    pytest.param(specialising(2, 4, O=3, rule="fa", decay_v=0.5), id="fa, three outputs, K < M"),
    pytest.param(specialising(2, 2, rule="fa", activation="linear", sigma=0.2, eta_v=0.1), id="fa, linear"),
    pytest.param(specialising(2, 1, rule="bp", activation="linear", decay=0.1), id="bp, linear"),
]


@pytest.mark.slow
@pytest.mark.parametrize("problem", CASES)
def test_mean_of_runs_follows_the_odes(problem):
    """128 runs at N = 500, all order parameters; false alarm 1e-6 a case, bias 5/N; eta off by 10 % fails."""
    alphas = np.array([0, 0.1, 0.5, 1, 2, 4, 7, 10])
    runs = simulate_network(problem, alphas, runs=128, rng=generator(11))
    assert compare(runs, integrate(problem, alphas), false_alarm=1e-6, bias=5).agrees
    wrong = integrate(replace(problem, eta=1.1 * problem.eta), alphas)
    assert not compare(runs, wrong, false_alarm=1e-6, bias=5).agrees


@pytest.mark.parametrize("parameter", ["eta_v", "sigma", "decay", "decay_v"])
def test_every_other_rate_is_held_to_the_odes(parameter):
    """Each of them off by 30 % is seen by the same test (512 runs at N = 100), false alarm 1e-6, bias 5/N."""
    problem = specialising(3, 2, rule="fa", sigma=1.0, decay=0.5, decay_v=0.5, N=100)
    alphas = np.array([1.0, 5.0, 10.0])
    runs = simulate_network(problem, alphas, runs=512, rng=generator(12))
    assert compare(runs, integrate(problem, alphas), false_alarm=1e-6, bias=5).agrees
    wrong = integrate(replace(problem, **{parameter: 1.3 * getattr(problem, parameter)}), alphas)
    assert not compare(runs, wrong, false_alarm=1e-6, bias=5).agrees


@pytest.mark.slow
def test_deviation_from_the_odes_shrinks_like_1_over_N():
    """N times the bias of Q_11 is the same at N = 40, 80, 160 (false alarm 1e-5), the bias itself is not."""
    sizes, n = np.array([40, 80, 160]), 4000
    bias, error = np.empty(3), np.empty(3)
    for j, N in enumerate(sizes):
        problem = specialising(2, 2, rule="bp", N=int(N))
        Q = simulate_network(problem, [6.0], runs=n, rng=generator(j)).Q[:, 0, 0, 0]
        bias[j], error[j] = Q.mean() - integrate(problem, [6.0]).Q[0, 0, 0], Q.std() / np.sqrt(n)

    def chi2(values, errors):
        mean = np.average(values, weights=errors**-2)
        return np.sum(((values - mean) / errors) ** 2)

    quantile = 23.0  # chi^2 with 2 degrees of freedom exceeds it with probability 1e-5
    assert bias[0] > 6 * error[0]
    assert chi2(sizes * bias, sizes * error) < quantile
    assert chi2(bias, error) > quantile


def test_fa_along_a_frozen_second_layer_is_backpropagation_run_by_run():
    """b = v, eta_v = 0: the same weights from the same examples."""
    bp = random_problem(3, 2, rule="bp", eta_v=0.0, decay_v=0.0)
    fa = replace(bp, rule="fa", b=bp.start.v)
    first, second = (simulate_network(p, [1, 5], runs=2, rng=generator()) for p in (bp, fa))
    np.testing.assert_array_equal(first.R, second.R)


def test_backpropagation_without_overlap_and_second_layer_never_moves():
    """v(0) = 0 and R(0) = 0, in the ODEs exactly; at finite N only v feels the noise of the inputs."""
    start = OrderParameters(np.zeros((2, 2)), 0.2 * np.eye(2), np.eye(2), np.zeros(2), np.ones(2))
    theory = integrate(Problem(start, eta=0.5, eta_v=0.5), [0, 100])
    np.testing.assert_array_equal(theory.R[1], 0)
    np.testing.assert_array_equal(theory.Q[1], start.Q)
    frozen = simulate_network(Problem(start, eta=0.5, eta_v=0.0, N=50), [0, 100], rng=generator())
    np.testing.assert_array_equal(frozen.Q[0, 1], frozen.Q[0, 0])


def test_order_parameters_of_a_run_are_possible():
    """C stays positive semi-definite to rounding in every record."""
    problem = random_problem(4, 4, N=8)
    runs = simulate_network(problem, np.linspace(0, 50, 26), runs=4, rng=generator())
    C = averages.covariance(runs.R, runs.Q, runs.T)
    eigenvalues = np.linalg.eigvalsh(C)
    assert (eigenvalues[..., 0] > -1e-13 * eigenvalues[..., -1]).all()
    assert (np.linalg.eigvalsh(C - 0.1 * np.eye(8))[..., 0] < 0).any()  # and it comes near enough to be tested
