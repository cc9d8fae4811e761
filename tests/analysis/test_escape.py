"""Plateaus and their saddles, and when runs leave them: predicted, and seen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest, norm

from stdyn import (
    Experiment,
    InputError,
    OrderParameters,
    Problem,
    escape_times,
    initial,
    integrate,
    plateaus,
    simulate_reduced,
)
from stdyn.analysis.escape import time_below


def soft_committee(eta=1.5, rule="bp", b=None, R=0.0):
    """K = M = 2, frozen v = 1, T = 1, from R."""
    start = OrderParameters(R + np.zeros((2, 2)), 0.2 * np.eye(2), np.eye(2), np.ones(2), np.ones(2))
    return Problem(start, rule=rule, b=b, eta=eta, eta_v=0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "b"), [("bp", None), ("fa", [1.0, 0.7])])
@pytest.mark.parametrize("asymmetry", [1e-2, 1e-3, 1e-5])
def test_predicted_end_of_a_plateau(rule, b, asymmetry):
    """R_11 off by `asymmetry`: the saddle of the symmetric start, and the end of the plateau within 2 %."""
    problem = soft_committee(1.5, rule, b, R=[[asymmetry, 0], [0, 0]])
    found = plateaus(integrate(problem, np.concatenate([[0], np.geomspace(0.1, 1000, 400)])))
    assert len(found) == 1
    plateau = found[0]
    symmetric = integrate(soft_committee(1.5, rule, b), [0, 1000])
    assert plateau.saddle.eps_g == pytest.approx(symmetric.eps_g[1], rel=1e-8)
    assert plateau.saddle.unstable == 1
    assert plateau.height == pytest.approx(plateau.saddle.eps_g, rel=0.02)
    assert plateau.predicted_end == pytest.approx(plateau.end, rel=0.02)
    assert plateau.start < plateau.at < plateau.end
    assert plateau.distance < 0.1


def test_plateaus_of_the_reference_experiment():
    """BP, N = 500, K = M = 5, both layers: one plateau, on a saddle, left when that says, within 10 %."""
    experiment = Experiment()
    found = plateaus(integrate(experiment.problem("bp"), experiment.alphas()))
    assert len(found) == 1
    assert found[0].end == pytest.approx(410, abs=2)
    assert found[0].saddle.unstable >= 12
    assert found[0].predicted_end == pytest.approx(found[0].end, rel=0.1)


def test_a_plateau_without_a_saddle():
    """FA, K = M = 2, both layers, b of either sign: a slow drift; there is no fixed point of that eps_g near it."""
    experiment = Experiment(K=2, M=2)
    found = plateaus(integrate(experiment.problem("fa"), experiment.alphas()))
    assert len(found) == 1
    assert found[0].saddle is None
    assert np.isnan(found[0].predicted_end)
    assert np.isnan(found[0].distance)


def test_a_plateau_that_is_not_left():
    """An exactly symmetric start: the ODEs stay, and nothing leads away from the saddle."""
    found = plateaus(integrate(soft_committee(), np.concatenate([[0], np.geomspace(0.1, 1000, 200)])))
    assert [plateau.end for plateau in found] == [np.inf]
    assert [plateau.predicted_end for plateau in found] == [np.inf]
    assert found[0].distance < 1e-6


def test_an_ensemble_has_no_plateaus():
    """They are those of the theory."""
    runs = simulate_reduced(soft_committee(), [0, 1], 2, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="must be a solution of the ODEs, but is an ensemble of 2 runs"):
        plateaus(runs)


@pytest.fixture(scope="module", params=["bp", "fa"])
def predicted(request):
    """The law of the escape from the symmetric plateau under either rule."""
    problem = soft_committee(1.5, request.param, None if request.param == "bp" else [1.0, 0.7])
    return problem, escape_times(problem, draws=400, rng=np.random.default_rng(1))


@pytest.mark.slow
@pytest.mark.parametrize("N", [500, 2000])
def test_escape_times_of_runs_are_as_predicted(predicted, N):
    """400 reduced runs from R = 0: Kolmogorov-Smirnov against the predicted law, false alarm 1e-6.

    A law shifted by a fifth of log(N)/2 lambda, as of a rate wrong by that much, fails.
    """
    problem, times = predicted
    law = np.sort(times.at(N))
    alphas = np.arange(0, 1.2 * law[-1], 0.5)  # runs that have not left by then count as later than all of the law
    runs = simulate_reduced(replace(problem, N=N), alphas, 400, rng=np.random.default_rng(N))
    seen = time_below(runs.alphas, runs.eps_g, times.level)
    middle = (np.arange(len(law)) + 0.5) / len(law)

    def cumulative(shift):
        return kstest(seen, lambda alpha: np.interp(alpha, law + shift, middle, left=0, right=1)).pvalue

    assert cumulative(0.0) > 1e-6
    assert cumulative(0.2 * np.log(N) / (2 * times.rate)) < 1e-6
    assert cumulative(-0.2 * np.log(N) / (2 * times.rate)) < 1e-6


@pytest.mark.slow
def test_law_of_the_escape(predicted):
    """One unstable direction: offsets are c - log|g| / lambda with g standard normal, so their spread is known; 2 %."""
    _, times = predicted
    low, high = np.percentile(times.offsets, [20, 80])
    expected = np.log(norm.isf(0.1) / norm.isf(0.4)) / times.rate
    assert high - low == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(times.at(10_000) - times.at(100), np.log(100) / (2 * times.rate), rtol=1e-12)
    assert times.rate == times.saddle.escape_rate
    assert times.level == times.saddle.eps_g / 2


def test_a_start_that_leaves_has_no_such_law():
    """The ODEs must end on the saddle."""
    with pytest.raises(InputError, match="start must have a symmetry that keeps the ODEs on a saddle"):
        escape_times(soft_committee(R=[[0.1, 0], [0, 0]]), rng=np.random.default_rng(1))
    with pytest.raises(InputError, match=r"rng must be an int of at least 0 or a numpy\.random\.Generator"):
        escape_times(soft_committee(), rng="1")
    with pytest.raises(InputError, match="draws must be at least 1"):
        escape_times(soft_committee(), draws=0, rng=np.random.default_rng(1))


def test_starts_without_an_escape_to_speak_of():
    """On the saddle already; everything learned there; too slow to get there; an error that stays above half."""
    v0 = Problem(initial.prepared(2, 2, 0.2, 0.0, v=0.0), eta=1.5, eta_v=0.5)
    slow = Problem(initial.prepared(2, 2, 0.2, 0.0, v=0.5), eta=1.5, eta_v=0.01)
    against = Problem(initial.prepared(1, 1, 1.0, 1.0), rule="fa", b=[-1.0], eta=0.5, eta_v=0.0)
    noisy = replace(soft_committee(), sigma=0.5)
    for problem, message in (
        (slow, "the ODEs need until alpha = "), (against, "but on this one, eps_g = 0, everything is learned"),
        (noisy, r"must get below half of that, but these do not \(is sigma = 0.5"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            escape_times(problem, draws=4, rng=np.random.default_rng(1))
    saddle = escape_times(soft_committee(), draws=4, rng=np.random.default_rng(1)).saddle
    for there in (v0, replace(soft_committee(), start=saddle.state)):
        assert np.isfinite(escape_times(there, draws=4, rng=np.random.default_rng(1)).offsets).all()
    with pytest.raises(InputError, match="trajectory must be a Trajectory, but is int"):
        plateaus(1)


def test_time_below():
    """Linear between alphas; 0 if it is below at once, infinity if never; NaN is not below."""
    alphas = np.array([0.0, 1, 2, 4])
    curves = np.array([[4.0, 3, 2, 0], [0, 1, 1, 1], [4, 4, 4, 4], [4, np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(time_below(alphas, curves, 1.0), [3, 0, np.inf, np.inf])
    assert time_below(alphas, curves[0], 2.5) == pytest.approx(1.5)
