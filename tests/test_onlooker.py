"""`stop` and `on_record` of integrate and simulate_*: ended early, and shown while it is computed, but not changed."""

import threading
import time
from functools import partial

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn import InputError, integrate, simulate_network, simulate_reduced
from stdyn.kernels.equations import drift
from stdyn.simulation import runs as runs_module
from stdyn.theory import stepping

ALPHAS = np.linspace(0, 20, 41)
PROBLEM = random_problem(2, 2, sigma=0.1, decay=0.0, decay_v=0.0)
SPHERE = random_problem(2, 2, sigma=0.1, decay=0.0, decay_v=0.0, sphere=True)
BY_POINTS = random_problem(2, 2, activation="gelu", quadrature=2048, sigma=0.1, decay=0.0, decay_v=0.0)
WAYS = {
    "ode": partial(integrate, PROBLEM),
    "ode, sphere": partial(integrate, SPHERE),
    "ode by points": partial(integrate, BY_POINTS),
    "network": lambda *arguments, **how: simulate_network(PROBLEM, *arguments, 3, rng=1, **how),
    "reduced": lambda *arguments, **how: simulate_reduced(PROBLEM, *arguments, 3, rng=1, **how),
}


def after(calls):
    """A function that is true from its `calls`-th call on."""
    left = iter([False] * calls)
    return lambda: next(left, True)


def assert_begins_like(part, whole):
    """A trajectory is the beginning of another, to the bit; eps_g by points is a sum whose order is that of BLAS."""
    count = len(part.alphas)
    np.testing.assert_array_equal(part.alphas, whole.alphas[:count])
    tolerance = 1e-14 if part.problem.by_quadrature else 0
    for name in ("R", "Q", "v", "eps_g"):
        rows = getattr(whole, name)[:, :count] if whole.runs is not None else getattr(whole, name)[:count]
        np.testing.assert_allclose(getattr(part, name), rows, rtol=tolerance if name == "eps_g" else 0, atol=0)


@pytest.mark.parametrize("way", WAYS)
def test_who_only_looks_on_changes_nothing(way, monkeypatch):
    """What is shown grows, begins like the result to the bit, and is the result at last."""
    monkeypatch.setattr("stdyn.onlooker._OFTEN", 0.0)
    seen = []
    found = WAYS[way](ALPHAS, stop=lambda: False, on_record=seen.append)
    plain = WAYS[way](ALPHAS)
    assert_begins_like(found, plain)
    assert len(found.alphas) == len(ALPHAS)
    assert "interrupted" not in found.attributes
    counts = [len(each.alphas) for each in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    assert seen[-1] is found
    for each in seen:
        assert_begins_like(each, plain)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_shown_seldom(way):
    """Not more often than every 0.05 seconds, but for the last time."""
    times = []
    WAYS[way](np.linspace(0, 200, 2001), on_record=lambda _: times.append(time.perf_counter()))
    assert len(times) >= 1
    assert (np.diff(times[:-1]) >= 0.05).all()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_stopped_has_what_was_reached(way):
    """It begins like the whole, and says that it was interrupted; nothing is raised."""
    grid = np.linspace(0, 2000, 4001)
    seen = []
    found = WAYS[way](grid, stop=after(8), on_record=seen.append)
    assert 0 < len(found.alphas) < len(grid)
    assert found.attributes["interrupted"] == "before alpha = 2000"
    assert seen[-1] is found
    assert_begins_like(found, WAYS[way](found.alphas) if way in ("network", "reduced") else WAYS[way](grid[:400]))


@pytest.mark.parametrize("way", WAYS)
def test_an_event_that_is_set_stops_at_once(way):
    """Also before the first alpha: there is none then."""
    event = threading.Event()
    event.set()
    found = WAYS[way]([1000.0], stop=event)
    assert found.alphas.shape == (0,)
    assert found.R.shape[-3:] == (0, 2, 2)
    assert "interrupted" in found.attributes


@pytest.mark.parametrize("way", WAYS)
def test_another_thread_stops_it_between_two_records(way):
    """Whatever takes long ends soon after the event is set: a newer request cancels the older."""
    event, done = threading.Event(), []
    endless = [0.0, 1e7] if way != "ode by points" else [0.0, 1e5]
    work = threading.Thread(target=lambda: done.append(WAYS[way](endless, stop=event)))
    work.start()
    time.sleep(0.3)
    assert work.is_alive()
    event.set()
    work.join(timeout=30)
    assert not work.is_alive()
    np.testing.assert_array_equal(done[0].alphas, [0.0])


@pytest.mark.parametrize("method", ["DOP853", "LSODA", "Radau", "BDF", "RK45", "RK23"])
@pytest.mark.parametrize("calls", [0, 1, 7, 40, 300])
def test_nothing_is_evaluated_after_a_solution_was_stopped(method, calls, monkeypatch):
    """Also within a step, which takes seconds where there are many units, and within a Jacobian."""
    evaluated, at_the_end, enough = [], [], after(calls)

    def evaluate(*arguments):
        evaluated.append(1)
        return drift(*arguments)

    def stop():
        if not enough():
            return False
        at_the_end.append(len(evaluated))
        return True

    monkeypatch.setattr(stepping, "drift", evaluate)
    found = integrate(PROBLEM, [1e7], method, stop=stop)
    assert at_the_end == [len(evaluated)]
    assert calls <= len(evaluated) <= calls + 1  # that which looks whether the start is finite
    assert found.attributes["interrupted"] == "before alpha = 1e+07"


NETWORK = "stdyn.simulation.runs.Network"
STRUCTURED = "stdyn.simulation.runs.StructuredNetwork"


@pytest.mark.parametrize(("kind", "more"), [(NETWORK, {}), (STRUCTURED, {"examples": np.ones((9, PROBLEM.N))})])
def test_no_run_is_set_up_after_runs_were_stopped(kind, more, monkeypatch):
    """Random weights of large networks take longer than their first steps; there is no alpha that all have reached."""
    made, really = [], getattr(runs_module, kind.rpartition(".")[2])
    monkeypatch.setattr(kind, lambda *arguments: made.append(1) or really(*arguments))
    seen = []
    found = simulate_network(PROBLEM, [0.0], 200, rng=1, stop=after(3), on_record=seen.append, **more)
    assert len(made) == 3
    assert found.R.shape == (200, 0, 2, 2)
    assert found.attributes["interrupted"] == "before alpha = 0"
    assert found.diverged_at is None
    assert seen == [found]


def test_no_block_of_reduced_runs_is_set_up_after_runs_were_stopped(monkeypatch):
    """As of networks."""
    made = []
    monkeypatch.setattr(runs_module, "Reduced", lambda *arguments: made.append(1))
    found = simulate_reduced(PROBLEM, [0.0], 2000, rng=1, workers=8, stop=after(2))
    assert (len(made), found.R.shape) == (2, (2000, 0, 2, 2))


def test_a_solution_that_is_stopped_while_its_error_is_found_is_whole():
    """The solution by all points is there, its error is not known where the sets of points had not come."""
    count = 0

    def stop():
        nonlocal count
        count += 1
        return count > steps + 3

    stepped = []
    integrate(BY_POINTS, ALPHAS, error=False, stop=lambda: stepped.append(1))
    steps = len(stepped)
    found = integrate(BY_POINTS, ALPHAS, stop=stop)
    assert len(found.alphas) == len(ALPHAS)
    assert np.isnan(found.error["R"][-1]).all()
    assert "interrupted" in found.attributes


@pytest.mark.parametrize("way", WAYS)
def test_what_on_record_raises_ends_it(way):
    """An error in it comes through as it is."""

    def fails(_):
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        WAYS[way](ALPHAS, on_record=fails)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "value"), [("stop", 3), ("stop", "soon"), ("on_record", 1.5), ("on_record", [])])
def test_what_is_no_function_is_refused(way, name, value):
    """Before anything is computed."""
    with pytest.raises(InputError, match=f"{name} must be a function"):
        WAYS[way](ALPHAS, **{name: value})


def test_a_stopped_trajectory_is_written_and_read(tmp_path):
    """As one that a signal has interrupted is."""
    found = integrate(PROBLEM, np.linspace(0, 2000, 4001), stop=after(8))
    found.save(tmp_path / "part.h5")
    assert_begins_like(stdyn.load(tmp_path / "part.h5"), found)
    assert stdyn.load(tmp_path / "part.h5").attributes["interrupted"] == "before alpha = 2000"
