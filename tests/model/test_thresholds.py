"""Where activations jump and bend is found, by how much, and what cannot be resolved is refused."""

from math import cos, exp, floor, sin, sqrt

import numpy as np
import pytest
from own_activations import CLIPPED, ELU, GATED, HARD, LEAKY, SHIFTED, SIGN, SINE, SOFTPLUS, STAIRS, STEP, TANH

import stdyn
from stdyn import InputError
from stdyn.model.thresholds import powers

HARD_SWISH = stdyn.activation(
    lambda x: x * min(max(x + 3.0, 0.0), 6.0) / 6,
    lambda x: 0.0 if x < -3 else (1.0 if x > 3 else (2 * x + 3) / 6),
    name="hard swish",
)
MANY = {  # where, and the jumps of g, g', g'', …
    STEP: {0.3: [1]},
    SIGN: {0: [2]},
    HARD: {-1: [0, 1], 1: [0, -1]},
    LEAKY: {0: [0, 0.9]},
    CLIPPED: {0: [0, 1], 2: [0, -1]},
    STAIRS: {-1.2: [1], -0.2: [1], 0.8: [1]},
    HARD_SWISH: {-3: [0, -0.5, 1 / 3], 3: [0, -0.5, -1 / 3]},
    ELU: {0: [0, 0, -1, -1, -1]},
    GATED: {-0.4: [cos(0.4), sin(0.4), -cos(0.4), -sin(0.4), cos(0.4)]},
    SINE: {}, SOFTPLUS: {}, SHIFTED: {}, TANH: {},
}  # fmt: skip


@pytest.mark.parametrize("activation", MANY, ids=str)
def test_thresholds_are_found_wherever_they_are(activation):
    """Jumps of g and g' to rounding, kinks of g' to 1e-9; sizes to 1e-9, of the third and fourth derivative 1e-5."""
    expected = MANY[activation]
    assert len(activation.thresholds) == len(expected)
    for (at, jumps), (t, exact) in zip(activation.thresholds, expected.items(), strict=True):
        assert at == pytest.approx(t, abs=1e-15 if any(exact[:2]) else 1e-9)
        assert jumps[:3] == pytest.approx(exact[:3], abs=1e-9)
        assert jumps[3:5] == pytest.approx(exact[3:5], abs=1e-5)
        assert len(exact) == 5 or len(jumps) == len(exact)
    assert activation.smooth == (not any(any(jumps[:2]) for jumps in expected.values()))


@pytest.mark.parametrize("activation", [STEP, HARD, STAIRS, HARD_SWISH], ids=str)
def test_what_is_left_of_a_piecewise_polynomial_is_a_polynomial(activation):
    """So that its averages are exact."""
    x = np.random.default_rng(1).uniform(-8, 8, 2000)
    left = activation(x)[0] - powers(x, activation.thresholds)
    fit = np.polynomial.Polynomial.fit(x, left, 2)
    np.testing.assert_allclose(left, fit(x), atol=1e-10)


def jumping(one, other, up=False):
    """A function with a step of 1 at two places, the second one down."""

    def g(x):
        return (1.0 if x > one else 0.0) + ((1.0 if up else -1.0) if x > other else 0.0)

    return g


@pytest.mark.parametrize(
    ("g", "g_prime", "message"),
    [
        (floor, lambda x: 0.0, "must have at most 40 jumps and kinks, but has 199 from -99 to 99"),
        (lambda x: x - floor(x), lambda x: 1.0, "must have at most 40 jumps and kinks"),
        (jumping(0.3, 0.3004), lambda x: 0.0, "at least 0.001 apart, but has them at 0.3 and 0.3004"),
        (jumping(0.3, 0.30001, up=True), lambda x: 0.0, "at least 0.001 apart, but has them at 0.3 and 0.30001"),
        (jumping(-20.0005, -20.0, up=True), lambda x: 0.0, "at least 0.001 apart, but has them at -20.0005 and -20"),
        (lambda x: sqrt(abs(x)), lambda x: 0.5 / sqrt(abs(x) + 1e-300) * np.sign(x), "it grows without bound at 0"),
        (lambda x: sin(1e5 * x), lambda x: 1e5 * cos(1e5 * x), "jumps or turns within 0.0005"),
    ],
)
def test_what_cannot_be_resolved_is_refused(g, g_prime, message):
    """Before any work starts, with the reason."""
    with pytest.raises(InputError) as caught:
        stdyn.activation(g, g_prime, name="rough")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kinks_at_the_points_of_a_check_are_no_wrong_derivative():
    """A triangle wave to |x| = 12, but not a wrong g' of it."""

    def g(x):
        return abs(x - 2 * floor(x / 2) - 1) if abs(x) < 12 else 1.0

    made = stdyn.activation(g, lambda x: (1.0 if x % 2 > 1 else -1.0) if abs(x) < 12 else 0.0, name="triangle")
    np.testing.assert_allclose([t for t, _ in made.thresholds], np.arange(-12, 13), atol=1e-12)
    with pytest.raises(InputError, match="g_prime must be the derivative of g, but g_prime"):
        stdyn.activation(g, lambda x: (-1.0 if x % 2 > 1 else 1.0) if abs(x) < 12 else 0.0)


def test_functions_that_agree_at_the_points_of_files_are_told_apart():
    """Steps at 0.2 and 0.3 have the same 23 values: two activations, of two names where they are given none."""
    one, other = (stdyn.activation(lambda x, t=t: 1.0 if x > t else 0.0, lambda x: 0.0) for t in (0.2, 0.3))
    np.testing.assert_array_equal(one.values, other.values)
    assert one != other
    assert one.name != other.name
    again = stdyn.activation(lambda x: 1.0 if x > 0.2 else 0.0, lambda x: 0.0)
    assert again == one
    start = stdyn.initial.prepared(1, 1)
    problem = stdyn.Problem(start, activation=one, activation_teacher=other, eta=0, eta_v=0.1)
    assert problem.activations == (one, other)


def test_parity_and_degree_look_between_the_points_of_files():
    """Odd, and a polynomial, at the 23 points; but not at 0.5, where a bump sits."""

    made = stdyn.activation(
        lambda x: x + 0.01 * exp(-((x - 0.55) ** 2) / 1e-3),
        lambda x: 1 - 20 * (x - 0.55) * exp(-((x - 0.55) ** 2) / 1e-3),
        name="linear with a bump",
    )
    assert (made.parity, made.degree) == (0, None)
    assert (SIGN.parity, HARD.parity, STEP.parity, STEP.degree) == (-1, -1, 0, None)


def test_overflow_far_out_is_no_jump():
    """x^2 e^x for x < 700, else infinite."""
    made = stdyn.activation(lambda x: x * x * exp(x), lambda x: (x * x + 2 * x) * exp(x), name="steep far out")
    assert made.thresholds == ()
