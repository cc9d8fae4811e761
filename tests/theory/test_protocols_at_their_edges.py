"""Protocols at an edge: functions that fail, a v that comes to rest, lengths that do not fit, bits of runs."""

from dataclasses import replace

import numpy as np
import pytest

import stdyn
from stdyn import InputError, Problem, fixed_points, initial, integrate, schedule, simulate_network, simulate_reduced

START = initial.prepared(2, 2, q=0.5, r=0.1)
RATES = {"eta": 0.5, "eta_v": 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eta": lambda alpha: [1][int(alpha)]}, "eta must be a number of at least 0 .* IndexError"),
        ({"eta": lambda alpha: "0.5"}, "eta must be a number of at least 0 .* is '0.5' at alpha = 0"),
        ({"eta": lambda: 1.0}, "eta must be a number of at least 0 .* TypeError"),
        ({"sigma": schedule.pieces([0, 1], [0.1, lambda alpha: np.nan])}, "sigma must be a number .* at alpha = 1"),
        (
            {"rule": "mixed", "b": [1, 1], "mixture": lambda alpha: alpha},
            "mixture must be a number from 0 to 1 .* 1.00",
        ),
    ],
    ids=["IndexError", "text", "TypeError", "NaN in pieces", "mixture"],
)
def test_a_function_that_gives_no_rate_is_named_with_the_alpha(changes, words):
    """Before any work starts, in theory and simulation."""
    problem = Problem(START, N=50, **RATES | changes)
    for solve in (integrate, lambda *of: simulate_reduced(*of, rng=np.random.default_rng(1))):
        with pytest.raises(InputError, match=words):
            solve(problem, [0, 3.0])


@pytest.mark.parametrize("name", ["decay", "decay_v", "drift"])
def test_a_function_that_turns_weights_over_is_refused(name):
    """A step multiplies by 1 - rate / N: more than N is refused of functions, too, alone and in pieces."""
    for rate in (lambda alpha: 149.0, schedule.pieces([0, 1], [0.1, lambda alpha: 149.0])):
        problem = Problem(START, N=50, **RATES, **{name: rate})
        for simulate in (simulate_network, simulate_reduced):
            with pytest.raises(InputError, match=rf"{name} must be at most N = 50.* is 149 at alpha"):
                simulate(problem, [0, 2.0], rng=np.random.default_rng(1))


@pytest.mark.parametrize("decay_v", [0.05, schedule.linear([0, 2, 4], [0.0, 0.3, 0.1])], ids=str)
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_runs_of_kolen_pollack_have_the_same_bits(simulate, decay_v):
    """Whatever is recorded, and by however many workers."""
    problem = Problem(START, N=60, rule="kp", b=[1.0, -2.0], decay_v=decay_v, **RATES)
    often, seldom = (
        simulate(problem, alphas, runs=3, rng=np.random.default_rng(1), workers=workers)
        for alphas, workers in ((np.linspace(0, 20, 401), 1), ([0, 0.05, 20.0], 2))
    )
    for name in ("R", "Q", "v", "b"):
        np.testing.assert_array_equal(getattr(often, name)[:, -1], getattr(seldom, name)[:, -1])


def test_what_is_left_is_the_product_over_steps():
    """At any steps, over more than are taken at a time."""
    problem = Problem(START, N=10**5, rule="kp", b=[1.0, -2.0], decay_v=schedule.hyperbolic(0.5, 2.0), **RATES)
    steps = np.array([0, 1, 1000, 262_144, 262_145, 600_000])
    factors = 1 - 0.5 / (1 + np.arange(600_000) / 2e5) / 1e5
    expected = [np.prod(factors[:count]) for count in steps]
    np.testing.assert_allclose(problem.protocol.left(steps, 10**5), expected, rtol=1e-11)


COMES_TO_REST = (
    {"eta_v": schedule.steps([0, 10], [0.5, 0])},
    {"eta_v": 0.0, "decay_v": schedule.steps([0, 10], [0.1, 0])},
)


@pytest.mark.parametrize("changes", COMES_TO_REST, ids=str)
def test_a_second_layer_that_comes_to_rest_rests_where_it_is(changes):
    """Fixed points have the v that the ODEs have led it to by then."""
    problem = Problem(START, eta=0.5, **changes)
    end = integrate(problem, [0, 5000.0], "LSODA", 1e-11)
    (point,) = fixed_points(problem, [end.at(-1)])
    np.testing.assert_allclose(point.state.v, end.v[-1], rtol=1e-8)
    assert np.abs(point.state.v - START.v).max() > 0.01


def test_perfect_learning_on_another_sphere_is_refused():
    """Lengths are kept: with others than the teacher's nothing is learned perfectly."""
    start = initial.prepared(2, 2, q=1.0, r=0.1)
    problem = Problem(start, eta=1.0, eta_v=0.0, sphere=True)
    free = stdyn.critical_eta(replace(problem, sphere=False))
    assert stdyn.critical_eta(problem) == pytest.approx(free, rel=1e-6)
    with pytest.raises(InputError, match="students of the lengths of perfect learning"):
        stdyn.critical_eta(replace(problem, start=START))


def test_problems_of_functions_can_be_hashed():
    """Of those, too, that are objects without a hash."""
    problem = Problem(START, eta=np.poly1d([0.5]), eta_v=0.5)
    assert hash(problem) == hash(replace(problem))
    with pytest.raises(InputError, match="flow must be False for escape times"):
        stdyn.escape_times(Problem(START, flow=True), rng=np.random.default_rng(1))
