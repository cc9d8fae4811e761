"""eps_g of every activation, built in and own, against an independent computation (tests/brute_force.py)."""

import numpy as np
import pytest
from brute_force import average
from conftest import NUMPY_FUNCTIONS
from own_activations import GATED, HARD, LEAKY, SIGN, SOFTPLUS, STAIRS, STEP, THRESHOLDS
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal

import stdyn
from stdyn import averages
from stdyn.model.activations import BUILT_IN, find

ALL = [*BUILT_IN, *THRESHOLDS]
COVARIANCES = {  # Q, T and the correlation
    "generic": (0.8, 1.3, 0.4),
    "no overlap": (1, 1, 0),
    "opposite": (1.7, 1, -0.9),
    "near": (1, 1, 0.99),
    "nearer": (1, 1, 1 - 1e-6),
    "singular": (1, 1, -1),
    "of two lengths": (0.5, 1.2, 1),
    "silent student": (0, 1.4, 0),
    "small": (1e-4, 1e-3, 0.5),
}


def function(activation):
    """g in NumPy, by another formula than the package's where there is one; and where it jumps or bends."""
    if isinstance(activation, str):
        return NUMPY_FUNCTIONS[activation][0], [0] if activation == "relu" else []
    return lambda x: activation(x)[0], THRESHOLDS[activation]


def covariance(name):
    """C (2, 2)."""
    Q, T, rho = COVARIANCES[name]
    return np.array([[Q, rho * np.sqrt(Q * T)], [rho * np.sqrt(Q * T), T]])


def eps_g(C, activation, v=1.0, v_teacher=1.0):
    """eps_g of a student and a teacher unit, and by how much it may be wrong."""
    arguments = C[:1, 1:], C[:1, :1], C[1:, 1:], np.array([[v]]), np.array([[v_teacher]]), activation
    return averages.eps_g(*arguments), averages.eps_g_error(*arguments)


def test_the_brute_force_knows_what_is_known():
    """Sheppard's 2/pi asin rho, Cho and Saul's kernel, and SciPy's dblquad of a function with jumps off zero."""
    for rho in (0, 0.5, -0.99, 1 - 1e-8, 1):
        C = np.array([[1, 2 * rho], [2 * rho, 4]])
        sign = average(lambda x, y: np.sign(x) * np.sign(y), C, [0], [0])
        assert sign == pytest.approx(2 / np.pi * np.arcsin(rho), abs=1e-12 + 1e-9 * (abs(rho) > 0.999))
        relu = average(lambda x, y: np.maximum(x, 0) * np.maximum(y, 0), C, [0], [0])
        expected = 2 * (np.sqrt(1 - rho**2) + rho * (np.pi / 2 + np.arcsin(rho))) / (2 * np.pi)
        assert relu == pytest.approx(expected, abs=1e-13)
    C = covariance("generic")
    law = multivariate_normal([0, 0], C)
    beyond, _ = dblquad(lambda y, x: x * law.pdf([x, y]), -1.2, 12, 0.3, 12, epsabs=1e-11)
    ours = average(lambda x, y: x * (x > -1.2) * (y > 0.3), C, [-1.2], [0.3])
    assert ours == pytest.approx(beyond, abs=1e-10)


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_eps_g_is_that_of_brute_force(activation):
    """To 1e-9 of <g^2>, as near perfect learning to 1e-6 of itself (tanh: 3e-5); and within the error it reports."""
    (g, breaks), tanh = function(activation), activation == "tanh"
    for v, v_teacher, names in ((1.0, 1.0, COVARIANCES), (0.7, -1.2, ("generic", "near"))):
        for name in names:
            C = covariance(name)
            ours, error = eps_g(C, activation, v, v_teacher)
            expected = average(lambda x, y: (v * g(x) - v_teacher * g(y)) ** 2 / 2, C, breaks, breaks)  # noqa: B023
            squares = average(lambda x, y: ((v * g(x)) ** 2 + (v_teacher * g(y)) ** 2) / 2, C, breaks, breaks)  # noqa: B023
            assert ours == pytest.approx(expected, abs=(3e-5 if tanh else 1e-9) * squares + 1e-15)
            assert tanh or abs(ours - expected) <= error + 5e-14 * squares
            if name == "nearer" and v == v_teacher:
                assert ours == pytest.approx(expected, rel=3e-5 if tanh else 1e-6)


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        (STEP, HARD), (SIGN, "erf"), ("erf", SIGN), ("relu", STEP), (GATED, "gelu"), ("linear", STAIRS),
        (SOFTPLUS, LEAKY), ("tanh", "square"),
    ],
    ids=str,
)  # fmt: skip
def test_eps_g_of_networks_is_that_of_brute_force(student, teacher):
    """K = 2, M = 2, two outputs, students and teachers of different activations: a sum over pairs, to 1e-9 (tanh 3e-6).

    Two trajectories' shapes at once; one of the students is equal to the other, and one of a teacher's length.
    """
    rng = np.random.default_rng(5)
    W = rng.normal(size=(2, 4, 9)) / 3
    W[:, 2:] = W[0, 2:]  # one teacher
    W[1, 0] = W[1, 1]
    C = W @ np.swapaxes(W, 1, 2)
    v, v_teacher = rng.normal(size=(2, 2, 2)), rng.normal(size=(2, 2))
    ours = averages.eps_g(C[:, :2, 2:], C[:, :2, :2], C[0, 2:, 2:], v, v_teacher, (find(student), find(teacher)))
    functions = [function(student)] * 2 + [function(teacher)] * 2
    for each, second, total in zip(C, v, ours, strict=True):
        u, expected = np.vstack([second, -v_teacher]), 0.0
        for a, (g, breaks) in enumerate(functions):
            for c, (h, more) in enumerate(functions):
                pair = each[np.ix_([a, c], [a, c])]
                expected += u[a] @ u[c] / 2 * average(lambda x, y, g=g, h=h: g(x) * h(y), pair, breaks, more)
        tolerance = 3e-6 if "tanh" in (student, teacher) else 1e-9
        assert total == pytest.approx(expected, abs=tolerance * np.sum(u**2))


def test_eps_g_of_a_sign_and_of_a_step_in_closed_form():
    """1 - 2/pi asin rho at unit lengths, the case of the issue: at rho = 0.99 it was wrong by half.

    A step at t: Phi(-t) - P(x > t, y > t), by SciPy's bivariate normal distribution.
    """
    for rho in (0, 0.3, 0.99, 1 - 1e-6, 1 - 1e-12, 1):
        C = np.array([[1, rho], [rho, 1]])
        ours, _ = eps_g(C, SIGN)
        exact = 2 / np.pi * np.arctan2(np.sqrt((1 - rho) * (1 + rho)), rho)  # acos, without its loss of digits
        assert ours == pytest.approx(exact, rel=1e-9, abs=1e-15)
    for rho in (0.0, 0.3, 0.99):
        both = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([-0.3, -0.3])
        ours, _ = eps_g(np.array([[1, rho], [rho, 1]]), STEP)
        assert ours == pytest.approx(multivariate_normal(0, 1).cdf(-0.3) - both, abs=1e-10)


def test_what_is_not_resolved_is_in_the_error():
    """tanh(50 x) is too steep for its series: the error is reported, not too small, nor a thousand times too large."""
    steep = stdyn.activation(lambda x: np.tanh(50 * x), lambda x: 50 * (1 - np.tanh(50 * x) ** 2), name="steep")
    edges = [-0.3, -0.1, -0.03, 0, 0.03, 0.1, 0.3]
    for name in ("generic", "near", "nearer"):
        C = covariance(name)
        ours, error = eps_g(C, steep)
        expected = average(lambda x, y: (np.tanh(50 * x) - np.tanh(50 * y)) ** 2 / 2, C, edges, edges)
        assert abs(ours - expected) > 0.01 * expected
        assert abs(ours - expected) < error < 0.1


@pytest.mark.parametrize("activation", ["gelu", "relu", STEP, HARD, ("erf", SIGN)], ids=str)
def test_runs_that_diverged_are_nan_and_leave_the_others_alone(activation):
    """NaN in one row of three; the others are what they are without it."""
    R, Q, v = np.full((3, 2, 2), 0.2), np.stack([np.eye(2)] * 3), np.ones((3, 2, 1))
    whole = averages.eps_g(R, Q, np.eye(2), v, np.ones((2, 1)), activation)
    R[1] = Q[1] = np.nan
    ours = averages.eps_g(R, Q, np.eye(2), v, np.ones((2, 1)), activation)
    np.testing.assert_allclose(ours[[0, 2]], whole[[0, 2]], rtol=1e-14)
    assert np.isnan(ours[1])


def x_plus_sine(end):
    """x + sin x, which is NaN beyond `end`."""
    return stdyn.activation(lambda x: x + np.sin(x) if abs(x) < end else np.nan, lambda x: 1 + np.cos(x), f"to{end}")


@pytest.mark.parametrize("q", [1.0, 9.0, 10.0, 25.0, 400.0])
def test_an_activation_without_a_value_where_fields_come_has_no_eps_g(q):
    """NaN, and said once, not half of <teacher^2>; where no field ever comes (ten standard deviations) it is exact."""
    C = np.array([[q, 0.0], [0.0, 1.0]])
    cut, whole = x_plus_sine(31.0), x_plus_sine(np.inf)
    if q < 9.5:
        assert eps_g(C, cut)[0] == eps_g(C, whole)[0]
        return
    with pytest.warns(RuntimeWarning, match="averages over to31.0, as in eps_g, are NaN where fields come") as said:
        assert np.isnan(eps_g(C, cut)[0])
    assert len({str(each.message) for each in said}) == 1


def test_eps_g_of_runs_of_which_none_is_left_is_not_known():
    """NaN, not that of a student without output."""
    C = np.stack([np.full((2, 2), np.nan)] * 3)
    assert np.isnan(averages.I2(C, SOFTPLUS)).all()
