"""The summary of a trajectory: plateaus of curves that are known, specialised units, ends."""

import numpy as np
import pytest
from conftest import random_problem

from stdyn import DivergenceWarning, OrderParameters, Problem, integrate, simulate_reduced
from stdyn.analysis.summary import SUMMARY, WINDOW, _fits, censored, plateau, summarise
from stdyn.model.experiment import Experiment
from stdyn.model.trajectory import Trajectory

ALPHAS = np.concatenate([[0], np.geomspace(0.01, 1e4, 601)])


def piecewise(*corners):
    """eps_g on ALPHAS whose logarithm is a straight line in log alpha between (alpha, eps_g) corners."""
    alpha, eps_g = np.array(corners).T
    return np.exp(np.interp(np.log(np.maximum(ALPHAS, 1e-9)), np.log(alpha), np.log(eps_g)))


def test_slopes_are_those_of_fitted_lines():
    """Against numpy.polyfit over the same windows, on noise; at the ends, and on grids so coarse that 3 points do."""
    rng = np.random.default_rng(1)
    for x in (np.log(np.geomspace(0.1, 100, 60)), np.log(np.linspace(1, 500, 200)), np.arange(7.0)):
        y = rng.normal(size=len(x))
        for at, slope in enumerate(_fits(x, y)[0]):
            near = np.abs(x - x[at]) <= WINDOW
            near[max(0, min(at - 1, len(x) - 3)) : max(at + 2, 3)] = True
            assert slope == pytest.approx(np.polyfit(x[near], y[near], 1)[0], abs=1e-9)


def test_plateau_of_a_curve_made_of_straight_lines():
    """Falls as 1/alpha to 0.1 at 10, hardly until 300, then as alpha^-3: heights and alphas follow from the corners."""
    eps_g = piecewise((1e-9, 1), (1, 1), (10, 0.1), (300, 0.0999), (1e4, 0.0999 * (300 / 1e4) ** 3))
    start, height, end = plateau(ALPHAS, eps_g)
    assert height == pytest.approx(0.1, rel=2e-3)
    assert start == pytest.approx(5, rel=2e-3)
    assert end == pytest.approx(300 * 2 ** (1 / 3), rel=2e-3)


def test_the_flat_beginning_is_no_plateau():
    """A curve that is constant, or falls once and for all, has none."""
    for eps_g in (np.full(len(ALPHAS), 0.3), piecewise((1e-9, 1), (1, 1), (1e4, 1e-4))):
        assert np.isnan(plateau(ALPHAS, eps_g)).all()


def test_a_plateau_that_is_not_left_ends_at_infinity():
    """And one that is left is preferred to the noise floor on which the curve ends, however flat that is."""
    falling = [(1e-9, 1), (1, 1), (10, 0.1)]
    start, height, end = plateau(ALPHAS, piecewise(*falling, (1e4, 0.099)))
    assert (start, height, end) == (pytest.approx(5, rel=0.01), pytest.approx(0.1, rel=0.02), np.inf)
    _, height, end = plateau(ALPHAS, piecewise(*falling, (300, 0.095), (1000, 1e-3), (1e4, 1e-3)))
    assert height == pytest.approx(0.0975, rel=0.03)
    assert 300 < end < 500


def test_the_flattest_of_two_plateaus_is_taken():
    """Whichever comes first."""
    for second, height in ((0.0999, 0.1), (0.06, 0.01)):
        corners = [(1e-9, 1), (1, 1), (10, 0.1), (100, second), (200, 0.01), (2000, 0.0099), (1e4, 1e-6)]
        assert plateau(ALPHAS, piecewise(*corners))[1] == pytest.approx(height, rel=0.05)


def test_what_is_learned_is_no_plateau():
    """A curve that comes to rest below 1e-7, at 0 or at rounding errors of either sign."""
    for rest in (1e-9, 0.0, -1e-17):
        eps_g = piecewise((1e-9, 1), (1, 1), (100, 1e-8), (1e4, 1e-8))
        eps_g[ALPHAS > 100] = rest
        assert np.isnan(plateau(ALPHAS, eps_g)).all()


def test_plateau_of_the_theory_does_not_depend_on_the_grid():
    """The reference experiment: 61, 121 or 481 alphas to 3000 give its height to 2 %, its length to 3 %."""
    problem = Experiment().problem("bp")
    lengths, heights = [], []
    for points in (61, 121, 481):
        alphas = np.geomspace(0.1, 3000, points)
        summary = summarise(integrate(problem, alphas, "LSODA"), alphas)
        lengths.append(float(summary["plateau_length"]))
        heights.append(float(summary["plateau_height"]))
    assert lengths == pytest.approx([lengths[-1]] * 3, rel=0.03)
    assert heights == pytest.approx([heights[-1]] * 3, rel=0.02)
    assert 200 < lengths[0] < 600
    assert 0.04 < heights[0] < 0.07


def test_plateaus_of_networks_are_near_that_of_the_theory():
    """The fluctuations of eps_g at N = 500 do not make or unmake a plateau: 8 reduced runs of the reference."""
    problem, alphas = Experiment().problem("fa"), Experiment(alpha_max=1000).alphas()
    theory = summarise(integrate(problem, alphas, "LSODA"), alphas)
    runs = summarise(simulate_reduced(problem, alphas, 8, rng=np.random.default_rng(1)), alphas)
    assert runs["plateau_height"] == pytest.approx([float(theory["plateau_height"])] * 8, rel=0.1)
    assert runs["plateau_length"] == pytest.approx([float(theory["plateau_length"])] * 8, rel=0.5)


def test_every_number_has_the_shape_of_the_runs():
    """() for the theory, (runs,) for an ensemble; no alignment for BP."""
    alphas = np.linspace(0, 5, 11)
    for rule in ("fa", "bp"):
        problem = random_problem(3, 2, rule=rule, N=20)
        for trajectory, shape in (
            (integrate(problem, alphas), ()),
            (simulate_reduced(problem, alphas, 4, rng=np.random.default_rng(1)), (4,)),
        ):
            summary = summarise(trajectory, alphas)
            assert list(summary) == list(SUMMARY)
            assert all(value.shape == shape and value.dtype == float for value in summary.values())
            assert np.isnan(summary["alignment_final"]).all() == (rule == "bp")
            np.testing.assert_array_equal(summary["eps_g_final"], trajectory.eps_g[..., -1])
            np.testing.assert_allclose(summary["eps_g_start"], trajectory.eps_g[..., 0], rtol=1e-12)
            if rule == "fa":
                np.testing.assert_allclose(summary["alignment_start"], trajectory.alignment[..., 0], rtol=1e-12)
                np.testing.assert_allclose(summary["b_norm"] ** 2, (problem.b**2).sum(), rtol=1e-12)
                np.testing.assert_array_equal(summary["b_smallest"], np.abs(problem.b).min())


def test_specialised_units_are_counted():
    """Cosines 1, 0.9 exactly, -0.95 (a unit turned round, g is odd) count; 1/sqrt 2 and a vector of length 0 do not."""
    cosines = np.array([[1, 0], [0.9, 0], [0, -0.95], [0.5**0.5, 0.5**0.5], [0, 0]])
    lengths = np.array([1, 2, 0.5, 3, 0])
    R = cosines * lengths[:, None]
    Q = R @ R.T + np.diag((1 - (cosines**2).sum(axis=1)) * lengths**2)
    start = OrderParameters(R, Q, np.eye(2), np.ones(5), np.ones(2))
    trajectory = Trajectory(Problem(start, eta=1, eta_v=1), np.zeros(1), R[None], Q[None], start.v[None], "ode")
    assert summarise(trajectory, np.zeros(1))["specialised"] == 3


def test_a_diverged_trajectory_has_no_end():
    """Final values NaN, the alpha of the divergence, and the start as it was; with no alpha reached too."""
    problem = random_problem(2, 2, activation="linear", eta=8.0, eta_v=0.0, decay_v=0.0)
    for alphas in (np.linspace(0, 1000, 2001), np.array([1000.0])):
        with pytest.warns(DivergenceWarning):
            trajectory = integrate(problem, alphas)
        summary = summarise(trajectory, alphas)
        assert np.isnan(summary["eps_g_final"])
        assert np.isnan(summary["specialised"])
        assert summary["diverged_at"] == trajectory.diverged_at
        assert np.isfinite(summary["eps_g_start"])


def test_the_median_of_lengths_counts_what_is_not_left():
    """A plateau that is not left is longer than any that is; none does not count."""
    assert censored(np.array([1, 2, np.inf, np.nan])) == (2, 1 / 3)
    assert censored(np.array([1, np.inf, np.inf])) == (np.inf, 2 / 3)
    assert np.isnan(censored(np.array([np.nan, np.nan]))).all()
