"""Points of a scan that end before the last alpha; what is said of them, in any thread; and scans that never begin."""

import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn import (
    DivergenceWarning,
    Experiment,
    InputError,
    NoAverageWarning,
    ScanInterrupted,
    Variations,
    integrate,
    open_scan,
    scan,
)
from stdyn.stopping import SIGNALS

ALPHAS = np.linspace(0, 20, 21)
PROBLEMS = [random_problem(2, 2, seed=seed, decay=decay) for seed, decay in enumerate([0.05, 300.0, 0.05])]
LIMITED = partial(integrate, max_steps=300)


def test_a_point_whose_solver_gives_up_has_failed_and_keeps_what_it_reached(tmp_path):
    """It does not hold its worker for ever. Asked again with more steps it is what it is alone."""
    found = scan(PROBLEMS, ALPHAS, tmp_path / "scan.h5", LIMITED)
    assert found.state.tolist() == [1, 2, 1]
    assert "limit of steps, max_steps = 300" in found.message[1]
    assert 0 < found.summary["failed_at"][1] < 20
    assert found.summary["failed_at"][[0, 2]].tolist() == [np.inf, np.inf]
    assert np.isnan(found.summary["plateau_length"][1])
    alone = integrate(PROBLEMS[1], ALPHAS, max_steps=10**6)
    reached = found.trajectory(1)
    assert 1 <= len(reached.alphas) < len(ALPHAS)
    assert (reached.diverged_at, reached.failed_at) == (None, found.summary["failed_at"][1])
    np.testing.assert_array_equal(reached.R, alone.R[: len(reached.alphas)])
    assert "1 failed" in found.text()
    again = scan(PROBLEMS, ALPHAS, tmp_path / "scan.h5", partial(integrate, max_steps=10**6), retry_failed=True)
    assert again.state.tolist() == [1, 1, 1]
    assert np.isinf(again.summary["failed_at"]).all()
    np.testing.assert_array_equal(again.trajectory(1).R, alone.R)


def test_one_point_that_cannot_begin_does_not_end_a_scan(tmp_path):
    large = replace(PROBLEMS[1], start=replace(PROBLEMS[1].start, v_teacher=np.full(2, 1e200)))
    found = scan([PROBLEMS[0], large, PROBLEMS[2]], ALPHAS, tmp_path / "scan.h5")
    assert found.state.tolist() == [1, 2, 1]
    assert "ODEs that are finite at the start" in found.message[1]


def test_scans_in_two_threads_leave_the_warnings_of_the_process_alone(tmp_path):
    """What points warn of is in their messages, and nobody else's warnings are muted, meanwhile or afterwards."""
    rates = {"eta": 8.0, "eta_v": 0.0, "decay_v": 0.0, "activation": "linear"}
    diverging = [random_problem(2, 2, seed=seed, **rates) for seed in range(6)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with ThreadPoolExecutor(2) as pool:
            scans = [pool.submit(scan, diverging, ALPHAS, tmp_path / f"{n}.h5") for n in range(2)]
            found = [each.result() for each in scans]
        assert warnings.filters == before
        assert caught == []
        integrate(diverging[0], ALPHAS)
        assert {each.category for each in caught} == {DivergenceWarning}
    for each in found:
        assert (each.state == 1).all()
        ended = np.isfinite(each.summary["diverged_at"])
        assert ended.sum() >= 3
        assert ["the ODEs diverged at alpha" in message for message in each.message] == ended.tolist()


def test_eps_g_of_an_activation_that_is_not_there_is_that_of_the_file(tmp_path, monkeypatch):
    made = stdyn.activation(lambda x: 0.3 * x * x, lambda x: 0.6 * x, name="forgotten")
    problems = [random_problem(2, 2, seed=seed, activation=made) for seed in range(2)]
    there = scan(problems, [0, 0.1, 0.2], tmp_path / "scan.h5").trajectory(1).eps_g
    monkeypatch.delitem(stdyn.model.activations._known, "forgotten")
    found = open_scan(tmp_path / "scan.h5").trajectory(1)
    assert not found.problem.activation.usable
    np.testing.assert_array_equal(found.eps_g, there)


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


def test_what_gives_problems_and_coordinates_one_by_one_is_taken(tmp_path):
    """Generators, fractions and NumPy's arrays of objects, as lists of the same."""
    halves = {"half": (Fraction(n, 2) for n in range(3)), "word": iter("abc")}
    found = scan((each for each in PROBLEMS[::2] + PROBLEMS[:1]), [0, 1], tmp_path / "scan.h5", coordinates=halves)
    np.testing.assert_array_equal(found.coordinates["half"], [0, 0.5, 1])
    assert found.coordinates["word"].tolist() == ["a", "b", "c"]


def test_what_a_solver_returns_is_known_of_each_point(tmp_path):
    """That it is no Trajectory is said of the point, which has failed."""
    found = scan(PROBLEMS, [0, 1], tmp_path / "scan.h5", lambda problem, alphas: 3)
    assert "solve must return a Trajectory" in found.message[0]


@pytest.mark.parametrize("vary", [
    {"eta": {"from": 0.1, "to": 1, "number": 10**9}},
    {"eta": {"from": 0.1, "to": 1, "number": 10**4}, "draw": {"from": 1, "number": 10**4}},
    {"eta": {"from": 0.1, "to": 1, "number": 10**6}, "sigma": {"from": 0, "to": 1, "number": 10**6}, "N": [10, 20]},
])  # fmt: skip
def test_more_points_than_a_file_can_have_are_refused_at_once(vary):
    with pytest.raises(InputError, match=r"at most 10000000, but is 1000000000|at most 10000000 points, but makes"):
        Variations(Experiment(), vary)


# ---------------------------------------------------------------------------------------------------------------------
# Worker processes


SESSION = """
import stdyn
from math import tanh
own = stdyn.activation(lambda x: tanh(x / 2), lambda x: (1 - tanh(x / 2) ** 2) / 2, name="own")
experiment = stdyn.Experiment(K=1, M=1, rule="bp", activation=own, quadrature=2048)
def mine(problem, alphas):
    return stdyn.integrate(problem, alphas, "LSODA")
def main():
    for name, solve in (("integrate", stdyn.integrate), ("mine", mine)):
        try:
            with stdyn.processes(1) as executor:
                points = stdyn.Variations(experiment, {"eta": [0.1]})
                print(stdyn.scan(points, [0, 1], name + ".h5", solve, executor).state)
        except stdyn.InputError as error:
            print(error)
"""


@pytest.mark.slow
def test_what_a_notebook_defines_is_solved_or_refused_with_the_reason(tmp_path):
    """Activations get to workers; other functions of a session, which has no file, do not."""
    run = [sys.executable, "-c", SESSION + "main()"]
    found = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    first, second = found.stdout.splitlines()
    assert first == "[1]"
    assert "must be in a module that these can import, not in a notebook" in second
    assert "Can't get attribute 'mine'" in second
    assert found.stderr == ""


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so(tmp_path):
    """In one line of the process that was started, nothing of its workers; no file is left. With a guard it works."""
    script = tmp_path / "script.py"
    script.write_text(SESSION + "main()")
    found = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert found.stdout.count('if __name__ == "__main__":') == 2
    assert found.stderr == ""
    assert not list(tmp_path.glob("*.h5"))
    script.write_text(SESSION + 'if __name__ == "__main__":\n    main()')
    found = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert found.stdout == "[1]\n[1]\n", found.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_never_a_points_failure(tmp_path, number):
    """numba, as it compiles, makes a RuntimeError of it: the point is still to do, and so it is in the next scan."""

    def compiling(problem, alphas):
        try:
            if problem is PROBLEMS[2]:
                os.kill(os.getpid(), number)
                time.sleep(1)
        except KeyboardInterrupt:
            raise RuntimeError("what numba makes of it") from None
        return integrate(problem, alphas)

    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        with pytest.raises(ScanInterrupted, match="interrupted: 2 done of 3 points"):
            scan([PROBLEMS[0]] * 2 + [PROBLEMS[2]], ALPHAS, tmp_path / "scan.h5", compiling)
    finally:
        signal.signal(number, before)
    assert open_scan(tmp_path / "scan.h5").state.tolist() == [1, 1, 0]


@pytest.mark.filterwarnings("ignore::stdyn.NoAverageWarning")
def test_points_without_eps_g_are_in_a_file_that_loads(tmp_path):
    """Of an activation that is not finite where fields come; those where it is have theirs. Trajectories, too."""
    g = stdyn.activation(lambda x: x if x < 31 else np.nan, lambda x: 1.0, "ends")
    near, far = (replace(PROBLEMS[0], start=stdyn.initial.prepared(2, 2, q=q), activation=g) for q in (0.3, 30.0))
    found, theory = scan([near, far], ALPHAS, tmp_path / "scan.h5"), integrate(far, ALPHAS)
    with pytest.warns(NoAverageWarning, match="averages over ends"):
        theory.save(tmp_path / "theory.h5")
    again = stdyn.load(tmp_path / "theory.h5")
    assert np.isnan(found.summary["eps_g_start"]).tolist() == [False, True]
    assert np.isfinite(found.read("R")).all()
    np.testing.assert_array_equal(again.R, theory.R)
    np.testing.assert_array_equal(again.eps_g, theory.eps_g)
    assert np.isnan(again.eps_g[[0, -1]]).tolist() == [True, False]
    assert "eps_g            nan at the first alpha" in str(again)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
def test_a_scan_whose_file_is_removed_has_it_again(tmp_path):
    """With all points, those that were in it before, too."""
    path, count = tmp_path / "scan.h5", iter(range(10**6))

    def solve(problem, alphas):
        if next(count) == 1:
            path.unlink()
        return integrate(problem, alphas)

    found = scan(PROBLEMS, ALPHAS, path, solve)
    expected = scan(PROBLEMS, ALPHAS, tmp_path / "whole.h5")
    assert (found.state == 1).all()
    np.testing.assert_array_equal(found.read("R"), expected.read("R"))
