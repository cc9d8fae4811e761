"""Phase retrieval on the sphere: from R ~ 1/sqrt(N) the search takes ln N / (2 lambda) (Ben Arous et al. 2021)."""

import numpy as np
import pytest
from test_simulate import generator

from stdyn import OrderParameters, Problem, integrate, simulate_reduced


def retrieval(N, R, batch=1):
    """One unit that learns one of its kind, g(x) = x^2, at the eta at which R grows fastest."""
    start = OrderParameters([[R]], [[1.0]], [[1.0]], [1.0], [1.0])
    return Problem(start, N=N, activation="square", eta=batch / 12, eta_v=0.0, sphere=True, batch=batch)


def rate_of_growth(batch):
    """lambda in dR/dalpha = lambda R: 4 eta - 24 eta^2 / batch.

    With Q = T = 1 and R -> 0: <delta y> = 2 <x^3 y - x y^3> = 0, <delta x> = 2 <x^4 - x^2 y^2> = 4, <delta^2> =
    4 <x^2 (x^2 - y^2)^2> = 4 (15 - 6 + 3) = 48, and the sphere adds R (eta <delta x> - eta^2 <delta^2> / (2 batch)).
    """
    eta = batch / 12
    return 4 * eta - 24 * eta**2 / batch


@pytest.mark.parametrize("batch", [1, 16])
def test_the_overlap_grows_at_the_rate_of_the_linear_equation(batch):
    """The ODE from R = 1e-6, to 1e-6."""
    alphas = np.array([0, 6.0 / batch])
    R = integrate(retrieval(100, 1e-6, batch), alphas, rtol=1e-10, atol=1e-14).R[:, 0, 0]
    np.testing.assert_allclose(np.log(R[1] / R[0]) / alphas[1], rate_of_growth(batch), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "sizes", "counts"),
    [(1, (10**3, 10**4), (256, 128)), (16, (10**3, 10**4, 10**6), (512, 256, 8))],
)
def test_the_search_takes_a_time_that_grows_as_the_logarithm_of_N(batch, sizes, counts):
    """The median time to |R| = 1/2 from R = 4/sqrt(N): its slope in ln N is 1/(2 lambda), within 4.5 standard errors
    (false alarm 1e-5) of less than 6 % each; a lambda that is half as large again fails."""
    growth, medians, errors = rate_of_growth(batch), [], []
    for N, runs in zip(sizes, counts, strict=True):
        problem = retrieval(N, 4 / np.sqrt(N), batch)
        last = (np.log(np.sqrt(N) / 8) + 1) / growth
        alphas = np.linspace(0, last, 400)
        R = np.abs(simulate_reduced(problem, alphas, runs, rng=generator(N), workers=1).R[..., 0, 0])
        times = np.where((R > 0.5).any(axis=1), alphas[(R > 0.5).argmax(axis=1)], np.inf)
        medians.append(np.median(times))
        low, high = np.quantile(times, norm_quantiles(runs), method="nearest")
        errors.append((high - low) / 2)
    assert np.isfinite(medians).all()
    x, weights = np.log(sizes), 1 / np.array(errors)
    (slope, _), covariance = np.polyfit(x, medians, 1, w=weights, cov="unscaled")
    error = np.sqrt(covariance[0, 0])
    assert error < 0.06 * slope
    assert abs(slope - 1 / (2 * growth)) < 4.5 * error
    assert abs(slope - 1 / (3 * growth)) > 4.5 * error


def norm_quantiles(runs):
    """Of a sample, between which the median is with the probability of one standard error to either side."""
    return np.clip(0.5 + np.array([-0.5, 0.5]) / np.sqrt(runs), 0, 1)
