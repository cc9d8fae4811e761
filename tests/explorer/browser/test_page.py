"""The page in a browser: every control changes the right curve, and the numbers are those of `integrate`."""

import numpy as np
import pytest

import stdyn
from stdyn.explorer.state import BEGINNING, wanted


def assert_shows(shown, state):
    """The curves of the page are those of the state, to the bit."""
    found = wanted(state)
    of = found.experiment
    for rule, problem in found.problems().items():
        theory = stdyn.integrate(problem, of.alphas(), of.ode_method, of.rtol, error=False)
        for name in ("alphas", "eps_g", "R", "Q", "v"):
            np.testing.assert_array_equal(shown.curve(rule, name), np.ravel(getattr(theory, name)))


def test_it_begins_with_fa_and_bp(shown):
    """What is shown first is the beginning, by the default tolerances."""
    assert_shows(shown, BEGINNING)
    assert shown.of("e => Object.keys(e.curves)") == ["fa", "bp"]


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [("eta", "0.8", 0.8), ("sigma", "0.1", 0.1), ("K", "2", 2), ("b_angle", "60", 60), ("alpha_max", "200", 200)],
)
def test_a_typed_number_is_taken(shown, name, typed, value):
    """And what is drawn is its solution."""
    shown.typed(name, typed)
    assert shown.of("(e, name) => e.state[name]", name) == value
    assert_shows(shown, {**BEGINNING, name: value})
