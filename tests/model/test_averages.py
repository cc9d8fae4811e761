"""The Gaussian averages against independent quadrature, exact values and symmetries."""

import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_overlaps
from own_activations import ABS, LEAKY, RELU, TANH

from stdyn import InputError, averages


def grid(C, step, reach):
    """Fields (P, …) on a regular grid of standard normal numbers, and the weights: exact to e^(-2 pi d/step).

    d is the distance of the nearest pole of what is averaged, in standard deviations.
    """
    x = np.arange(-reach, reach + step / 2, step)
    w = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * step
    points = np.array(np.meshgrid(*[x] * len(C), indexing="ij"))
    weights = np.prod(np.meshgrid(*[w] * len(C), indexing="ij"), axis=0)
    return np.einsum("ij,j...->i...", np.linalg.cholesky(C), points), weights


def brute_force(C, g, g_prime):
    """I2[0,1], I3[0,1,2], I4[0,1,2,3] and J2[0,1] over four fields."""
    (a, b, c, d), weights = grid(C, 0.5, 7)
    products = g(a) * g(b), g_prime(a) * b * g(c), g_prime(a) * g_prime(b) * g(c) * g(d), g_prime(a) * g_prime(b)
    return [np.sum(weights * product) for product in products]


def test_erf_averages_equal_brute_force_quadrature(gaussian_averages):
    """To 1e-10, as good as the reference's own quadrature."""
    for case in gaussian_averages:
        C, expected = np.array(case["cov"]), case["erf"]
        assert averages.I2(C)[0, 1] == pytest.approx(expected["I2_ab"], abs=1e-10)
        assert averages.I3(C)[0, 1, 2] == pytest.approx(expected["I3_abc"], abs=1e-10)
        assert averages.I4(C)[0, 1, 2, 3] == pytest.approx(expected["I4_abcd"], abs=1e-10)
        assert averages.J2(C)[0, 1] == pytest.approx(expected["J2_ab"], abs=1e-10)


@pytest.mark.parametrize("activation", ["erf", "linear"])
def test_averages_equal_monte_carlo_also_for_coincident_fields(activation):
    """Within 6 standard errors of 10^6 samples (false alarm 3e-7 in all); a covariance wrong by 10 % is seen."""
    from scipy.special import erf

    C = random_overlaps(2, 1, seed=5).C
    z = np.random.default_rng(1).multivariate_normal(np.zeros(3), C, size=10**6)
    g, dg = (
        (z, np.ones_like(z)) if activation == "linear" else (erf(z / np.sqrt(2)), 0.7978845608 * np.exp(-(z**2) / 2))
    )

    def check(matrix):
        for a, b, c, d in [(0, 1, 2, 2), (0, 0, 1, 2), (0, 0, 0, 0), (1, 0, 0, 1)]:
            for sample, exact in [
                (g[:, a] * g[:, c], averages.I2(matrix, activation)[a, c]),
                (dg[:, a] * z[:, b] * g[:, c], averages.I3(matrix, activation)[a, b, c]),
                (dg[:, a] * dg[:, b], averages.J2(matrix, activation)[a, b]),
                (dg[:, a] * dg[:, b] * g[:, c] * g[:, d], averages.I4(matrix, activation)[a, b, c, d]),
            ]:
                error = sample.std() / 1000 + 1e-9
                yield abs(sample.mean() - exact) < 6 * error

    assert all(check(C))
    assert not all(check(1.1 * C))


def test_I4_is_symmetric_where_its_definition_is():
    """Under exchange of the two derivatives and of the two functions."""
    I4 = averages.I4(random_overlaps(2, 2, seed=1).C)
    np.testing.assert_allclose(I4, I4.transpose(1, 0, 2, 3), atol=1e-15)
    np.testing.assert_allclose(I4, I4.transpose(0, 1, 3, 2), atol=1e-15)


def test_averages_are_odd_in_a_field_that_g_is_odd_in():
    """Turning the sign of a field turns the sign of I2 and I3 in it."""
    C = random_overlaps(2, 2, seed=2).C
    turn = np.diag([1, -1, 1, 1])
    sign = np.diag(turn)
    np.testing.assert_allclose(averages.I2(turn @ C @ turn), averages.I2(C) * np.outer(sign, sign), atol=1e-15)
    expected = averages.I3(C) * sign[None, :, None] * sign[None, None, :]
    np.testing.assert_allclose(averages.I3(turn @ C @ turn), expected, atol=1e-15)


def test_leading_axes_are_carried_along():
    """A stack of covariances gives the stack of averages."""
    C = np.stack([random_overlaps(2, 2, seed=s).C for s in range(3)])
    for average in (averages.I2, averages.I3, averages.J2, averages.I4):
        np.testing.assert_array_equal(average(C)[1], average(C[1]))


def test_eps_g_is_half_the_mean_squared_error():
    """Against Monte Carlo over fields with three outputs, 6 standard errors; without the 1/2 it is far off."""
    from scipy.special import erf

    s = random_overlaps(3, 2, O=3, seed=3)
    z = np.random.default_rng(2).multivariate_normal(np.zeros(5), s.C, size=200_000)
    Delta = erf(z / np.sqrt(2)) @ np.concatenate([s.v, -s.v_teacher])
    sample = 0.5 * np.sum(Delta**2, axis=1)
    exact = averages.eps_g(s.R, s.Q, s.T, s.v, s.v_teacher)
    error = sample.std() / np.sqrt(len(sample))
    assert abs(sample.mean() - exact) < 6 * error
    assert abs(sample.mean() - 2 * exact) > 100 * error


@pytest.mark.parametrize("K", range(1, 9))
def test_eps_g_of_the_symmetric_plateau_is_that_of_saad_and_solla(K):
    """(K/pi)[pi/6 - K asin(1/2K)] at Q_ik = 1/(2K-1), R_in = 1/sqrt(K(2K-1)), v = v_teacher = 1."""
    Q, R = np.full((K, K), 1 / (2 * K - 1)), np.full((K, K), 1 / np.sqrt(K * (2 * K - 1)))
    one = np.ones((K, 1))
    expected = K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K)))
    assert averages.eps_g(R, Q, np.eye(K), one, one) == pytest.approx(expected, abs=1e-14)


def test_eps_g_of_perfect_learning_is_zero_and_never_negative():
    """R = Q = T and v = v_teacher, whatever T is; rounding must not leave a negative error."""
    for seed in range(20):
        s = random_overlaps(4, 4, O=2, seed=seed)
        eps_g = averages.eps_g(s.T, s.T, s.T, s.v_teacher, s.v_teacher)
        assert 0 <= eps_g < 1e-14


def test_tanh_averages_are_those_of_tanh(gaussian_averages):
    """The closed forms, of the sum of erfs, against sums over a grid of tanh itself: 2e-5, twice the error of g'."""
    for case in gaussian_averages[:2]:
        C = np.array(case["cov"])
        expected = brute_force(C, np.tanh, lambda x: 1 / np.cosh(x) ** 2)
        ours = averages.I2(C, "tanh")[0, 1], averages.I3(C, "tanh")[0, 1, 2], averages.I4(C, "tanh")[0, 1, 2, 3]
        np.testing.assert_allclose([*ours, averages.J2(C, "tanh")[0, 1]], expected, atol=2e-5)
        wrong = averages.I2(C)[0, 1], averages.I3(C)[0, 1, 2], averages.I4(C)[0, 1, 2, 3], averages.J2(C)[0, 1]
        assert np.abs(np.array(wrong) - expected).min() > 1e-4


@pytest.mark.parametrize(
    ("activation", "tolerance"),
    [("erf", 1e-13), ("tanh", 1e-12), (TANH, 1e-10), ("gelu", 1e-10), ("sigmoid", 1e-10), ("hermite3", 1e-12)],
)
def test_I2_by_mehlers_formula(activation, tolerance):
    """Over smooth functions it equals a sum over a fine grid; so it does between two activations."""
    C = random_overlaps(1, 1, seed=3).C
    (a, c), weights = grid(C, 0.1, 10)
    g, h = NUMPY_FUNCTIONS[getattr(activation, "name", activation).removesuffix(" by points")][0], np.tanh
    atol = max(tolerance, 2e-6 if activation == "tanh" else 0)
    assert averages.I2(C, activation)[0, 1] == pytest.approx(np.sum(weights * g(a) * g(c)), abs=atol)
    mixed = averages.I2(C, [activation, TANH])
    assert mixed[0, 1] == pytest.approx(np.sum(weights * g(a) * h(c)), abs=max(atol, 1e-10))
    np.testing.assert_array_equal(mixed, mixed.T)


def test_I2_of_a_hermite_polynomial_is_a_power_of_the_overlap():
    """<He_n(a) He_n(c)> / n! = rho^n at unit variance; hermite2 and hermite3 are orthogonal. An own ReLU is ReLU."""
    C = np.array([[1, 0.6, -0.3], [0.6, 1, 0.2], [-0.3, 0.2, 1]])
    np.testing.assert_allclose(averages.I2(C, "hermite2"), C**2, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, "hermite3"), C**3, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, ["hermite2", "hermite3", "hermite2"])[1, [0, 2]], 0, atol=1e-13)
    np.testing.assert_allclose(averages.I2(C, RELU), averages.I2(C, "relu"), atol=1e-14)


def test_I2_where_a_field_does_not_vary():
    """g(0)^2 with itself, g(0) <g> with others; leading axes are carried along."""
    C = np.array([[[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.5, 1.0]]])
    I2 = averages.I2(C, "sigmoid")
    np.testing.assert_allclose(I2[0, 0], [0.25, 0.25], atol=1e-14)  # <sigmoid> = 1/2
    np.testing.assert_allclose(I2[1], averages.I2(C[1], "sigmoid"), rtol=1e-14)


@pytest.mark.parametrize("kinked", [LEAKY, ABS])
def test_eps_g_with_a_kink_is_right_near_perfect_learning(kinked):
    """1/2 <(g(x) - g(y))^2> of x and y of overlap 1 - d: ReLU's closed forms combined, to 1e-7 of it."""
    left = 0.1 if kinked is LEAKY else -1.0  # g(x) = relu(x) - left relu(-x)
    for d in (1e-2, 1e-6):
        C = np.array([[1, 1 - d], [1 - d, 1]])
        same, opposite = averages.I2(C, "relu"), averages.I2(C * [[1, -1], [-1, 1]], "relu")
        expected = (1 + left**2) * same - 2 * left * opposite
        expected[[0, 1], [0, 1]] = (1 + left**2) / 2
        ours = averages.I2(C, kinked)
        assert ours[0, 0] - ours[0, 1] == pytest.approx(expected[0, 0] - expected[0, 1], rel=1e-7)


def test_bad_input_is_named():
    """The argument, its value and what was expected."""
    with pytest.raises(InputError, match=r"activation must be one of erf, linear, relu, tanh, .*, but is 'relu6'"):
        averages.I2(np.eye(2), "relu6")
    with pytest.raises(InputError, match=r"C must have shape \(\.\.\., P, P\), but has shape \(2, 3\)"):
        averages.J2(np.ones((2, 3)))
