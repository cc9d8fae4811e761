"""Solutions that end before the last alpha, and why: not begun, at a limit, interrupted, given up, diverged."""

import signal
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.integrate
from conftest import random_problem
from own_activations import SOFTPLUS

import stdyn
from stdyn import Experiment, InputError, Interrupted, Problem, SolverWarning, initial, integrate, progress
from stdyn.checks import METHODS
from stdyn.model.protocol import Span
from stdyn.theory import propagation, stepping
from stdyn.theory.expansion import Expansion

ALPHAS = np.linspace(0, 20, 41)
STIFF = {"eta": 0.5, "eta_v": 0.5, "sigma": 0.0, "decay": 1e9, "decay_v": 0.0}


def symmetric(**changes):
    """Two students that stay alike."""
    return Problem(initial.prepared(2, 2), rule="fa", b=np.ones(2), eta=0.5, eta_v=0.5, **changes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [random_problem(2, 2), symmetric()], ids=["no symmetry", "symmetric"])
def test_a_right_hand_side_that_is_not_finite_is_refused_before_any_step(start, method):
    """Explicit methods would look for their first step for ever."""
    large = replace(start, start=replace(start.start, v_teacher=np.full(2, 1e200)))
    with pytest.raises(InputError, match=r"ODEs that are finite at the start, but d\w+/dalpha is"):
        integrate(large, ALPHAS, method)


@pytest.mark.parametrize("method", ["DOP853", "RK45", "RK23"])
def test_a_limit_of_steps_is_no_divergence(tmp_path, method):
    """An explicit method needs 1e9 steps for each unit of alpha; what is said of it is in the file, too."""
    problem = random_problem(2, 2, **STIFF)
    with pytest.warns(
        SolverWarning, match=rf"{method} would by far exceed its limit of steps, max_steps = 100: .* LSODA or Radau"
    ):
        found = integrate(problem, [0, 1e-9, 1], method, max_steps=100)
    assert found.alphas.tolist()[0] == 0
    assert len(found.alphas) < 3
    assert found.diverged_at is None
    assert 0 < found.failed_at < 1e-6
    assert "limit of steps" in found.attributes["warning"]
    assert "solver gave up" in found.summary()
    there = stdyn.load(found.save(tmp_path / "ended.h5"))
    assert (there.diverged_at, there.failed_at) == (None, found.failed_at)


def test_a_limit_of_steps_is_reached_late_where_there_is_hope():
    """All steps are taken where a tenth of them has led a thousandth of the way."""
    with pytest.warns(SolverWarning, match="RK23 reached its limit of steps, max_steps = 300: after 300 it is at"):
        found = integrate(random_problem(2, 2), [0, 1, 100], "RK23", max_steps=300)
    assert found.alphas.tolist() == [0, 1]


@pytest.mark.parametrize("method", ["LSODA", "Radau", "BDF"])
def test_an_implicit_method_takes_a_stiff_problem(method):
    """Where the first layer decays at once, its overlaps are of the order of the rate by the decay."""
    found = integrate(random_problem(2, 2, **STIFF), [0, 1], method, 1e-6)
    assert np.abs(found.R[-1]).max() < 1e-8


def test_the_number_of_steps_that_is_allowed_is_checked():
    for wrong in (0, 2.5, "many", None):
        with pytest.raises(InputError, match="max_steps must be"):
            integrate(random_problem(2, 2), ALPHAS, max_steps=wrong)


# ---------------------------------------------------------------------------------------------------------------------
# Ctrl-C


def interrupting(monkeypatch, at, how):
    """Let the right-hand side be interrupted when it is asked for the n-th time."""
    drift, count = stepping.drift, iter(range(10**9))

    def interrupted(*arguments):
        if next(count) == at:
            how()
        return drift(*arguments)

    monkeypatch.setattr(stepping, "drift", interrupted)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_keeps_what_was_reached(monkeypatch, method):
    """Also in the call-backs of LSODA: the alphas of the whole solution up to there, to the bit."""
    problem = random_problem(2, 2)
    whole = integrate(problem, ALPHAS, method, 1e-6)
    interrupting(monkeypatch, 150, ctrl_c)
    with pytest.raises(Interrupted, match="interrupted at alpha = ") as caught:
        integrate(problem, ALPHAS, method, 1e-6)
    reached = caught.value.trajectory
    assert 1 <= len(reached.alphas) < len(ALPHAS)
    np.testing.assert_array_equal(reached.alphas, ALPHAS[: len(reached.alphas)])
    np.testing.assert_array_equal(reached.R, whole.R[: len(reached.alphas)])
    assert (reached.diverged_at, reached.failed_at) == (None, None)
    assert reached.attributes["interrupted"] == "before alpha = 20"


def test_ctrl_c_while_the_error_of_quadrature_is_found_keeps_the_solution(monkeypatch):
    """The error is then not known, which is not the same as none."""
    problem = random_problem(1, 1, activation=SOFTPLUS, quadrature=2**11)
    solved = integrate(problem, [0, 1], error=False)
    solve, calls = stepping.solve, []

    def interrupted(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == 3:
            interrupting(monkeypatch, 5, ctrl_c)
        return solve(*arguments, **keywords)

    monkeypatch.setattr("stdyn.theory.ode.solve", interrupted)
    with pytest.raises(Interrupted) as caught:
        integrate(problem, [0, 1])
    assert len(calls) == 3
    np.testing.assert_array_equal(caught.value.trajectory.R, solved.R)
    assert np.isnan(caught.value.trajectory.error["R"]).any()


def test_ctrl_c_in_fluctuations_keeps_what_was_reached(monkeypatch):
    problem = random_problem(1, 1, N=100)
    whole = stdyn.fluctuations(problem, [0, 1, 2], points=256)
    magnus, count = propagation._magnus, iter(range(10**9))

    def interrupted(*arguments):
        if next(count) == len_of_one:
            raise KeyboardInterrupt
        return magnus(*arguments)

    len_of_one = 12
    monkeypatch.setattr(propagation, "_magnus", interrupted)
    with pytest.raises(Interrupted) as caught:
        stdyn.fluctuations(problem, [0, 1, 2], points=256)
    reached = caught.value.trajectory
    assert 1 <= len(reached.alphas) < 3
    np.testing.assert_array_equal(reached.std.R, whole.std.R[: len(reached.alphas)])


def test_noise_that_is_not_finite_ends_the_search_for_it(monkeypatch):
    """Panels are halved while that makes errors smaller; NaN is no reason to go on for ever."""
    expansion = Expansion(random_problem(1, 1))
    monkeypatch.setattr(Expansion, "diffusion", lambda self, w, g: np.full((8, len(w), len(w)), np.nan))
    with ThreadPoolExecutor(1) as pool:
        states = np.zeros((1, expansion.size))
        found = propagation._diffusion_along(
            expansion, lambda times: np.repeat(states, len(times), 0), Span(0.0, 1.0, 0.0, 1.0), 256, pool
        )
    assert np.isnan(found.values).all()


# ---------------------------------------------------------------------------------------------------------------------
# Solvers that give up


@pytest.mark.parametrize("seed", [1, 2, 4, 6])
def test_bdf_does_not_take_rest_for_failure(monkeypatch, seed):
    """A linear network comes to rest in a family of fixed points, where Newton's steps are nothing but rounding.

    SciPy takes those for divergent. Steps got smaller until it gave up, or took up to 7000 right-hand sides instead of
    1500. The end is that of LSODA.
    """
    problem = Experiment(K=2, M=1, activation="linear", eta=0.3, eta_v=0.3, seed=seed).problem("fa")
    theirs = integrate(problem, [0, 1e4], "LSODA")
    count, drift = [], stepping.drift
    monkeypatch.setattr(stepping, "drift", lambda *arguments: (count.append(1), drift(*arguments))[1])
    found = integrate(problem, [0, 1e4], "BDF")
    assert len(count) < 2000
    np.testing.assert_allclose(found.R[-1], theirs.R[-1], atol=1e-6)


class Tired(scipy.integrate.LSODA):
    """Its core gives up at the fifth step, as it does where corrections do not converge."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        integrator, steps = self._lsoda_solver._integrator, iter(range(10**9))
        run = integrator.runner
        integrator.runner = lambda *a: (*run(*a)[:2], -5 if next(steps) == 5 else 2)


def test_lsoda_that_gives_up_is_said_once_and_by_us(monkeypatch):
    """SciPy warns by itself, which could be kept from scans by filters only: these are of all threads."""
    monkeypatch.setattr(scipy.integrate, "LSODA", Tired)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = integrate(random_problem(2, 2), ALPHAS, "LSODA")
    assert [each.category for each in caught] == [SolverWarning]
    assert "gave up, though nothing is large" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert 0 < found.failed_at < 20
    assert found.diverged_at is None


@pytest.mark.parametrize("threads", [2, 8])
def test_lsoda_in_threads_is_that_in_one(threads):
    """To the bit, 24 problems at once; before SciPy 1.17 its state was that of all threads."""
    problems = [random_problem(2, 2, seed=seed) for seed in range(24)]
    solve = partial(integrate, alphas=ALPHAS, method="LSODA", rtol=1e-8)
    alone = [solve(problem) for problem in problems]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(solve, problems))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.R, other.R)
        np.testing.assert_array_equal(one.Q, other.Q)


def test_progress_that_is_asked_for_is_shown_wherever_stderr_goes(capsys, monkeypatch):
    """No terminal is needed; nothing is shown unasked."""
    monkeypatch.setattr("stdyn.progress._SELDOM", 0.0)
    integrate(random_problem(2, 2), ALPHAS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(stepping, "_SELDOM", 1)
    monkeypatch.setattr("stdyn.theory.ode.bar", lambda *a, delay, **how: progress.bar(*a, **how))
    found = integrate(random_problem(2, 2), ALPHAS, progress=True)
    assert "ODEs: 100%" in capsys.readouterr().err
    np.testing.assert_array_equal(found.R, integrate(random_problem(2, 2), ALPHAS).R)
