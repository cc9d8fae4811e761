"""Schedules: values, integrals, breaks and what they are written as, against formulas of their own."""

import copy
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from stdyn import InputError, schedule


def stairs(at, value):
    return lambda x: value[sum(x >= a for a in at) - 1]


def lines(at, value):
    def f(x):
        for (a, u), (b, w) in pairwise(zip(at, value, strict=True)):
            if a <= x < b:
                return u * (b - x) / (b - a) + w * (x - a) / (b - a)
        return value[-1]

    return f


def half_cosine(value, scale, end=0.0, begin=0.0):
    return lambda x: (
        value if x < begin else end if x > begin + scale
        else end + (value - end) * np.cos(np.pi * (x - begin) / scale / 2) ** 2
    )  # fmt: skip


def clip(x):
    return abs(x - 3.0) if x < 5 else 0.5


WARM_UP, SLOWER = schedule.linear([0, 2], [0, 1]), schedule.hyperbolic(1, 50)
# each schedule, its value at alpha by another formula, breaks, where it settles, a bound of its values
CASES = {
    "steps": (schedule.steps([0, 1, 4], [0.5, 0.1, 0.3]), stairs([0, 1, 4], [0.5, 0.1, 0.3]), (1, 4), 4, 0.5),
    "steps that stay": (schedule.steps([0, 1, 4], [0.5, 0.1, 0.1]), stairs([0, 1], [0.5, 0.1]), (1,), 1, 0.5),
    "one step": (schedule.steps([0], [0.5]), lambda x: 0.5, (), 0, 0.5),
    "linear": (schedule.linear([0, 2, 5], [0, 1, 0.4]), lines([0, 2, 5], [0, 1, 0.4]), (2, 5), 5, 1),
    "straight": (schedule.linear([0, 2, 5], [0, 2, 5]), lambda x: min(x, 5), (5,), 5, 5),
    "hyperbolic": (schedule.hyperbolic(2, 3), lambda x: 6 / (3 + x), (), np.inf, 2),
    "power": (schedule.power(2, 3, 0.5), lambda x: 2 / np.sqrt(1 + x / 3), (), np.inf, 2),
    "power 1": (schedule.power(2, 3, 1), lambda x: 6 / (3 + x), (), np.inf, 2),
    "exponential": (schedule.exponential(1, 4, 0.25), lambda x: 0.25 + 0.75 * 2 ** (-x / 4 / np.log(2)), (), np.inf, 1),
    "growing": (schedule.exponential(0, 4, 3), lambda x: 3 - 3 * np.exp(-0.25 * x), (), np.inf, 3),
    "cosine": (schedule.cosine(1, 6, 0.2), half_cosine(1, 6, 0.2), (6,), 6, 1),
    "late cosine": (schedule.cosine(1, 4, 0, 2), half_cosine(1, 4, 0, 2), (2, 6), 6, 1),
    "early cosine": (schedule.cosine(1, 4, 0, -2), half_cosine(1, 4, 0, -2), (2,), 2, 1),
    "pieces": (
        schedule.pieces([0, 3], [WARM_UP, SLOWER]), lambda x: min(x / 2, 1) if x < 3 else 50 / (47 + x),
        (2, 3), np.inf, 1,
    ),
    "nested": (
        schedule.pieces([0, 1], [0.5, schedule.pieces([0, 2], [schedule.steps([0, 1, 9], [0.1, 0.2, 7]), WARM_UP])]),
        lambda x: stairs([0, 1, 2], [0.5, 0.1, 0.2])(x) if x < 3 else min((x - 3) / 2, 1), (1, 2, 3, 5), 5, 1,
    ),
    "function": (schedule.function(clip, [3, 5]), clip, (3, 5), np.inf, np.nan),
    "pieces with a function": (
        schedule.pieces([0, 1], [0.5, schedule.function(clip, [3, 5])]),
        lambda x: 0.5 if x < 1 else clip(x - 1), (1, 4, 6), np.inf, np.nan,
    ),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", CASES)
NAMED = pytest.mark.parametrize("name", [name for name in CASES if "function" not in name])
ALPHAS = np.array([0, 0.3, 0.999, 1, 1.5, 2, 2.5, 3, 3.7, 4, 5, 5.5, 6, 7.25, 20])


@EVERY
def test_values_are_those_of_the_formula(name):
    """At one alpha and at many, of any shape; at a jump the new one; a plain float where alpha is one."""
    made, formula, *_ = CASES[name]
    expected = np.array([formula(x) for x in ALPHAS])
    np.testing.assert_allclose(made(ALPHAS), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose([made.at(x) for x in ALPHAS], expected, rtol=1e-14, atol=1e-15)
    assert made(ALPHAS.reshape(3, 5)).shape == (3, 5)
    assert type(made(1)) is float
    assert np.nanmax(made(ALPHAS)) <= made.largest or np.isnan(made.largest)


@EVERY
def test_breaks_and_where_it_settles(name):
    made, _, breaks, settled, largest = CASES[name]
    np.testing.assert_array_equal(made.breaks, breaks)
    assert made.settled == settled
    np.testing.assert_equal(made.largest, largest)
    if np.isfinite(settled):
        assert set(made(settled + np.array([0.0, 0.1, 3.0, 1e6]))) == {made.at(settled)}


@EVERY
@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0, 4.5, 30.0])
def test_the_integral_is_that_by_quadrature(name, alpha):
    """scipy's quad between the breaks; over them, nothing is lost or counted twice."""
    made, formula, breaks, *_ = CASES[name]
    ends = [0, *(each for each in breaks if each < alpha), alpha]
    parts = [quad(formula, *part, epsabs=1e-13, epsrel=1e-13)[0] for part in pairwise(ends)]
    assert made.integral(alpha) == pytest.approx(sum(parts), rel=1e-12, abs=1e-12)


@EVERY
@pytest.mark.parametrize("by", [0.0, 0.4, 1.0, 3.0, 4.25, 50.0])
def test_a_shifted_one_goes_on(name, by):
    """Its value at alpha is that at alpha + by, also shifted twice; its breaks are those that are left."""
    made = CASES[name][0]
    there = made.shifted(by)
    for other in (there, made.shifted(by / 2).shifted(by / 2)):
        np.testing.assert_allclose(other(ALPHAS), made(ALPHAS + by), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(there.breaks, [each - by for each in made.breaks if each > by], atol=1e-14)
    assert there.integral(2.0) == pytest.approx(made.integral(by + 2.0) - made.integral(by), rel=1e-10, abs=1e-12)
    np.testing.assert_allclose(there.settled, max(made.settled - by, 0), atol=1e-14)


@NAMED
def test_what_is_written_makes_the_same(name):
    """Through JSON: equal, of one hash; and after pickle and deepcopy."""
    made = CASES[name][0]
    for again in (
        schedule.of(json.loads(json.dumps(made.description))), pickle.loads(pickle.dumps(made)), copy.deepcopy(made),
    ):  # fmt: skip
        assert again == made
        assert hash(again) == hash(made)
        np.testing.assert_array_equal(again(ALPHAS), made(ALPHAS))
    assert made.named


def test_two_are_equal_if_their_numbers_are():
    """Of one kind; what they are made of does not matter, nor how pieces are nested."""
    assert schedule.steps([0, 1], [1, 2]) == schedule.steps((0.0, 1.0), np.array([1, 2]))
    assert schedule.steps([0, 1], [1, 2]) != schedule.steps([0, 1], [1, 3])
    assert schedule.steps([0, 1], [1, 2]) != schedule.linear([0, 1], [1, 2])
    assert schedule.power(1, 2, 1) != schedule.hyperbolic(1, 2)
    assert len({CASES[name][0] for name in CASES}) == len(CASES)
    inner = schedule.pieces([0, 2], [0.1, SLOWER])
    assert schedule.pieces([0, 1], [WARM_UP, inner]) == schedule.pieces([0, 1, 3], [WARM_UP, 0.1, SLOWER])
    assert schedule.function(clip, [3]) == schedule.function(clip, [3.0]) != schedule.function(clip)


def test_nothing_in_one_can_be_changed():
    """Nor through what it was made of."""
    at, value = np.array([0.0, 1.0]), np.array([0.5, 0.1])
    made = schedule.steps(at, value)
    at[1], value[1] = 9, 9
    assert made.at(1.0) == 0.1
    with pytest.raises(AttributeError, match="cannot assign"):
        made.value = [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        made.value[0] = 3
    made.description["value"][0] = 7
    assert made.at(0.0) == 0.5


def test_a_jump_inside_of_a_piece_is_hit_exactly():
    """At the break that it says itself, the new value: begin + at is rounded, and alpha - begin may be below at."""
    for begin in np.linspace(0.1, 3, 30):
        inner = schedule.steps([0, 0.1, 0.3], [1, 2, 3])
        made = schedule.pieces([0, begin], [0, inner])
        assert [made.at(each) for each in made.breaks] == [1, 2, 3]
        assert schedule.pieces([0, 0.7], [5, made]).breaks[1:] == tuple(0.7 + each for each in made.breaks)
        jumping = schedule.pieces([0, begin], [0, schedule.function(lambda x: float(x >= 0.3), [0.3])])
        assert [jumping.at(each) for each in jumping.breaks] == [0, 1]


def test_a_function_has_a_name_and_cannot_be_written():
    """Also inside of pieces, whose text says it; where it gives no rate it is NaN."""
    made = CASES["pieces with a function"][0]
    for each in (made, CASES["function"][0]):
        assert not each.named
        assert "function clip" in str(each)
        with pytest.raises(InputError, match=r"function clip.* is a Python function, and a file holds named schedules"):
            each.description  # noqa: B018
    for wrong in (lambda x: -1.0, lambda x: np.nan, lambda x: "a", lambda x: 1 / 0):
        assert np.isnan(schedule.function(wrong).at(0.0))
    bounded = schedule.rate("mixture", schedule.pieces([0, 1], [0.5, schedule.function(lambda x: 2.0)]), 1.0)
    assert np.isnan(bounded.at(1.0))  # of a rate that is at most 1


def test_a_long_one_is_a_short_text():
    """Of a drifting teacher in 600 pieces, say."""
    long = schedule.steps(np.arange(600), np.linspace(0, 1, 600))
    assert str(long) == "steps(at = [0, 1, 2, 3, …, 599], value = [0, 0.00166945, 0.0033389, 0.00500835, …, 1])"
    assert len(str(schedule.pieces(np.arange(600), [long] * 600))) < 600
