"""Every public function that may work for long listens to signals while it does, and keeps what it can."""
# ruff: noqa: PT012  (a signal comes in the middle of a block)

import os
import signal
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn import Interrupted, integrate, simulate_network
from stdyn.theory import fixedpoints, fluctuations

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

RNG = partial(np.random.default_rng, 1)
ALPHAS = np.geomspace(0.1, 100, 20)
PROBLEM = random_problem(2, 2, sigma=0.0, decay=0.0, decay_v=0.0)
RUNS = simulate_network(PROBLEM, ALPHAS, 3, rng=RNG())
THEORY = integrate(PROBLEM, ALPHAS)
STUDY = stdyn.Variations(stdyn.Experiment(K=2, M=2, rule="bp"), {"eta": [0.1, 0.2]})
ESCAPING = stdyn.Problem(stdyn.initial.prepared(2, 2, r=0.0, v=[1.0, 1.0], v_teacher=[1.0, 1.0]), eta=0.5, eta_v=0.0)

LONG = {
    "compare": lambda: stdyn.compare(RUNS, THEORY),
    "critical_eta": lambda: stdyn.critical_eta(PROBLEM),
    "escape_times": lambda: stdyn.escape_times(ESCAPING, draws=20, rng=RNG()),
    "fixed_points": lambda: stdyn.fixed_points(PROBLEM, number_of_starts=3, rng=RNG()),
    "flow": lambda: stdyn.flow(PROBLEM).spectrum(THEORY),
    "fluctuations": lambda: stdyn.fluctuations(PROBLEM, [1.0]),
    "integrate": lambda: integrate(PROBLEM, ALPHAS),
    "match_teachers": lambda: stdyn.match_teachers(RUNS, THEORY),
    "plateaus": lambda: stdyn.plateaus(THEORY),
    "simulate_network": lambda: simulate_network(PROBLEM, ALPHAS, 3, rng=RNG()),
    "simulate_reduced": lambda: stdyn.simulate_reduced(PROBLEM, ALPHAS, 3, rng=RNG()),
    "study": lambda: stdyn.study(STUDY, ALPHAS),
}
WINGS = ("analysis", "scans", "simulation", "theory")


@pytest.fixture(autouse=True)
def defaults():
    """The handlers that a process starts with."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", LONG)
def test_what_may_take_long_listens_to_sigterm(name):
    """From where it begins to listen, before anything that is called more than a few times, to its end."""
    calls = []

    def look(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.parent.name in WINGS:
            listens = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            calls.append((listens, f"{path.name}: {frame.f_code.co_name}"))

    try:
        sys.setprofile(look)
        LONG[name]()
    finally:
        sys.setprofile(None)
    first = next(n for n, (listens, _) in enumerate(calls) if listens)
    assert first < 25, calls[:first]
    assert [call for listens, call in calls[first:] if not listens] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_fixed_points_found_until_a_signal_are_kept(monkeypatch, number):
    """In the exception, as `fixed_points` gives them."""
    found, search = [], fixedpoints._reached

    def counted(problem, start):
        if len(found) == 6:
            os.kill(os.getpid(), number)
        found.append(search(problem, start))
        return found[-1]

    monkeypatch.setattr(fixedpoints, "_reached", counted)
    with pytest.raises(KeyboardInterrupt) as caught:
        stdyn.fixed_points(ESCAPING, number_of_starts=20, rng=RNG())
    expected = fixedpoints.merged(point for point in found if not isinstance(point, str))
    assert len(found) == 6
    assert expected
    assert [point.eps_g for point in caught.value.fixed_points] == [point.eps_g for point in expected]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_solution_is_kept_where_fluctuations_have_hardly_begun(monkeypatch, number):
    """Before any of them is known."""

    def interrupted(*_):
        os.kill(os.getpid(), number)
        yield

    monkeypatch.setattr(fluctuations, "propagate", interrupted)
    with pytest.raises(Interrupted) as caught:
        stdyn.fluctuations(PROBLEM, ALPHAS)
    np.testing.assert_array_equal(caught.value.trajectory.R, THEORY.R)


@pytest.mark.parametrize(("simulated", "category"), [(True, stdyn.DivergenceWarning), (False, stdyn.SolverWarning)])
def test_warnings_made_exceptions_have_the_result(simulated, category):
    """As pytest and careful users make them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(category) as caught:
            if simulated:
                simulate_network(replace(PROBLEM, eta=1e3, eta_v=1e3), ALPHAS, 3, rng=RNG())
            else:
                integrate(PROBLEM, ALPHAS, max_steps=20)
    trajectory = caught.value.trajectory
    assert 0 < len(trajectory.alphas) < len(ALPHAS)
    assert np.isfinite(trajectory.R).any(axis=0).all()


@pytest.mark.parametrize("eta", [1e-300, 1e-160])
def test_rates_at_the_edge_of_numbers_are_no_warnings_of_numpys(eta):
    """What overflows is no root."""
    problem = replace(PROBLEM, eta=eta)
    with pytest.warns(stdyn.NothingFoundWarning) as said:
        assert stdyn.fixed_points(problem, number_of_starts=3, rng=RNG()) == []
    assert len(said) == 1
