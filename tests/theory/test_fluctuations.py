"""Fluctuations at finite N: the predicted law held to networks and reduced runs; files and bad input."""

from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest
from conftest import random_problem
from scipy.stats import chi2, kstest, kstwobign, kurtosis, norm

from stdyn import (
    Experiment,
    InputError,
    Problem,
    compare,
    fluctuations,
    initial,
    load,
    load_fluctuations,
    simulate_network,
    simulate_reduced,
    z_scores,
)

NAMES = ("R", "Q", "v", "F", "eps_g")
ALPHAS = {100: (1, 4, 10), 500: (1, 4, 10), 5000: (1, 2)}


# ---------------------------------------------------------------------------------------------------------------------
# The law of runs


@cache
def predicted(K, rule, sigma, N):
    """What linear noise says."""
    experiment = Experiment(K=K, M=K, sigma=sigma)
    return fluctuations(replace(experiment.problem(rule), N=N), ALPHAS[N])


def wrong_deviations(found, runs, factor=1.0, false_alarm=1e-5):
    """Names of what has a standard deviation that chance (false_alarm over all entries) and 2/N do not explain.

    Of n normal numbers s^2/sigma^2 is chi^2/(n-1); its scatter grows by sqrt(1 + kurtosis/2) where they are not normal.
    """
    n, wrong = runs.runs, []
    entries = found.covariance[0].shape[0] + 2
    for name in NAMES:
        if getattr(runs, name) is None:
            continue
        x, std = getattr(runs, name), np.sqrt(factor) * getattr(found.std, name)
        low, high = np.sqrt(chi2.isf([1 - false_alarm / (2 * entries * len(runs.alphas)),
                                      false_alarm / (2 * entries * len(runs.alphas))], n - 1) / (n - 1))  # fmt: skip
        wide = np.sqrt(1 + np.maximum(kurtosis(x, axis=0), 0) / 2)
        ratio, room = x.std(axis=0, ddof=1) / std - 1, 2 / found.problem.N + 2 * found.quadrature_error
        if ((ratio > (high - 1) * wide + room) | (ratio < (low - 1) * wide - room)).any():
            wrong.append(name)
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize("rule", ["bp", "fa"])
@pytest.mark.parametrize("K", [2, 5])
@pytest.mark.parametrize("N", [100, 500, 5000])
def test_runs_scatter_as_predicted(N, K, rule, sigma):
    """4000 (K = 5: 2000) reduced runs: standard deviations, means and single runs; false alarm 3e-5 a case.

    The standard deviation of every order parameter is predicted but for chance and 2/N; the mean is the ODEs and the
    bias (where linear noise is valid); z-scores of runs are standard normal, Kolmogorov-Smirnov, up to 0.7/sqrt N: by
    skewness, which is of that order, and largest (1.5) in a Q_ii at N = 100.
    """
    found = predicted(K, rule, sigma, N)
    runs = simulate_reduced(found.problem, ALPHAS[N], 4000 if K == 2 else 2000, rng=np.random.default_rng(N + K))
    assert found.valid.all()
    assert wrong_deviations(found, runs) == []
    assert compare(runs, found, false_alarm=1e-5).agrees
    z = np.concatenate([values.reshape(*values.shape[:2], -1) for values in z_scores(runs, found).values()], axis=2)
    columns = [column for column in z.reshape(len(z), -1).T if np.isfinite(column).all()]
    largest = max(kstest(column, norm.cdf).statistic for column in columns)
    assert largest < kstwobign.isf(1e-5 / len(columns)) / np.sqrt(runs.runs) + 0.7 / np.sqrt(N)


def test_a_wrong_diffusion_is_seen():
    """D wrong by 20 % either way, at N = 500: 4000 runs see it in the deviations and in the z-scores."""
    found = predicted(2, "fa", 0.3, 500)
    runs = simulate_reduced(found.problem, ALPHAS[500], 4000, rng=np.random.default_rng(1))
    assert wrong_deviations(found, runs) == []
    z = z_scores(runs, found)["F"][:, -1]
    assert kstest(z, norm.cdf).pvalue > 1e-5
    for factor in (0.8, 1.2):
        assert "F" in wrong_deviations(found, runs, factor)
    assert np.std(z / np.sqrt(1.2)) < 1 - 5.6 / np.sqrt(2 * len(z))


def test_single_networks_are_standard_normal():
    """300 networks of N = 100, every one by itself held to linear noise: z of F at alpha = 10, false alarm 1e-6."""
    found = predicted(2, "fa", 0.3, 100)
    runs = simulate_network(found.problem, ALPHAS[100], 300, rng=np.random.default_rng(2))
    z = z_scores(runs, found)["F"][:, -1]
    assert kstest(z, norm.cdf).pvalue > 1e-6
    assert kstest(2 * z, norm.cdf).pvalue < 1e-6
    alone = simulate_network(found.problem, ALPHAS[100], 1, rng=np.random.default_rng(3))
    verdict = compare(alone, found)
    assert verdict.agrees
    assert verdict.predicted
    assert "1 network run at N = 100 against linear noise around the ODEs" in str(verdict)
    assert "with 32 runs" not in str(verdict)
    shifted = replace(alone, v=alone.v + 6 * found.std.v)
    assert not compare(shifted, found).agrees


def test_the_bias_is_that_of_runs():
    """N = 50, decay, two outputs, noise: 20000 runs are off the ODEs and at the bias; false alarm 1e-3."""
    experiment = Experiment(K=2, M=2, outputs=2, N=50, eta=0.3, eta_v=0.2, sigma=0.3, decay=0.3, decay_v=0.1)
    found = fluctuations(experiment.problem("fa"), [2.0, 6.0])
    runs = simulate_reduced(found.problem, found.alphas, 20_000, rng=np.random.default_rng(1))
    assert compare(runs, found).agrees
    assert not compare(runs, found.theory).agrees


@pytest.mark.slow
@pytest.mark.parametrize("N", [100, 400, 1600])
def test_the_bias_is_of_order_one_over_n(N):
    """FA, K = M = 2 on the plateau: 16000 runs are at the ODEs and the bias at three N, false alarm 1e-4 each.

    At N = 100 and 400 they are not at the ODEs alone.
    """
    found = fluctuations(replace(Experiment(K=2, M=2).problem("fa"), N=N), [5.0])
    runs = simulate_reduced(found.problem, [5.0], 16_000, rng=np.random.default_rng(N))
    assert compare(runs, found, false_alarm=1e-4).agrees
    assert N > 400 or not compare(runs, found.theory, false_alarm=1e-4).agrees


def test_the_bias_with_equal_teacher_units():
    """T = 1 everywhere, of rank 1: an example has N - 1 components across its space. 20000 runs, false alarm 1e-3."""
    start = initial.prepared(2, 2, 0.2, 0.0, np.ones((2, 2)))
    found = fluctuations(Problem(start, N=50, eta=1.5, eta_v=0.0), [1.0, 3.0])
    runs = simulate_reduced(found.problem, found.alphas, 20_000, rng=np.random.default_rng(1))
    assert compare(runs, found).agrees
    assert found.bias.Q[1, 0, 0] > 0.02
    assert not compare(runs, found.theory).agrees


def test_eps_g_where_it_is_not_valid_is_left_out():
    """BP, K = M = 2, N = 100 on the plateau: its s.e. is no number, it does not count, and the rest does."""
    problem = Experiment(K=2, M=2, N=100).problem("bp")
    found = fluctuations(problem, [1, 20, 30, 40])
    np.testing.assert_array_equal(found.valid, True)
    np.testing.assert_array_equal(found.valid_eps_g, [True, False, False, False])
    runs = simulate_reduced(problem, found.alphas, 500, rng=np.random.default_rng(1))
    verdict = compare(runs, found)
    assert np.isnan(verdict.in_errors["eps_g"][1:]).all()
    assert verdict.entries == 4 * 9 + 1
    assert verdict.agrees
    line = next(line for line in str(verdict).splitlines() if line.lstrip().startswith("eps_g"))
    assert line.split()[2] == "1"  # the largest deviation that counts is at alpha = 1
    later = replace(found, theory=replace(found.theory))
    assert "eps_g at 3 of 4 alphas, from 20 to 40" in str(compare(runs, later))


def test_runs_that_record_beside_the_alphas_of_the_prediction():
    """Whole steps of 1/30, and a prediction that ends in NaN: moved by a spline where there is something to move."""
    problem = Problem(initial.prepared(2, 2, 0.2, 0.0), N=30, eta=1.5, eta_v=0.0)
    alphas = [0, 1.234567, 2.3456, 1000.0]
    found = fluctuations(problem, alphas, points=2**10)
    np.testing.assert_array_equal(found.valid, [True, True, True, False])
    runs = simulate_reduced(problem, alphas, 400, rng=np.random.default_rng(1))
    assert compare(runs, found, bias=5.0).agrees
    z = z_scores(runs, found)["R"]
    assert np.isfinite(z[:, :3]).all()
    assert np.isnan(z[:, 3]).all()


@pytest.mark.slow
def test_what_is_flagged_is_wrong():
    """BP, K = M = 2, N = 500, sigma = 0.3: valid on the plateau, not while it is left.

    2000 runs: at all valid alphas the standard deviations are right to 5 % and chance, at alpha = 250 wrong by 50 %.
    """
    problem = Experiment(K=2, M=2, sigma=0.3).problem("bp")
    found = fluctuations(problem, [20, 60, 100, 250])
    np.testing.assert_array_equal(found.valid, [True, True, True, False])
    runs = simulate_reduced(problem, found.alphas, 2000, rng=np.random.default_rng(1))
    ratio = runs.R.std(axis=0) / found.std.R
    assert (np.abs(ratio[:3] - 1) < 0.05 + 5 / np.sqrt(4000)).all()
    assert (np.abs(ratio[3] - 1) > 0.5).any()
    verdict = compare(runs, found)
    np.testing.assert_array_equal(verdict.alphas, [20, 60, 100])
    assert "linear noise is not valid there: all at 1 of 4 alphas, from 250 to 250" in str(verdict)
    assert np.isnan(z_scores(runs, found)["R"][:, 3]).all()
    with pytest.raises(InputError, match="at no alpha > 0 that runs have are linear noise valid"):
        compare(simulate_reduced(problem, [0, 250], 2, rng=np.random.default_rng(1)), fluctuations(problem, [0, 250]))


def test_a_symmetric_start_scatters_along_the_unstable_direction():
    """R = 0: the ODEs keep the symmetry, runs do not; their R scatter as predicted. 2000 runs, false alarm 1e-6."""
    start = initial.prepared(2, 2, 0.2, 0.0, v=[0.5, 0.8])
    problem = Problem(start, N=2000, rule="fa", b=[1.0, 0.7], eta=0.5, eta_v=0.2)
    found = fluctuations(problem, [3.0, 10.0])
    runs = simulate_reduced(problem, found.alphas, 2000, rng=np.random.default_rng(1))
    assert (np.ptp(found.theory.R, axis=2) == 0).all()
    assert found.valid.all()
    difference = (runs.R[..., 0] - runs.R[..., 1]).std(axis=0)
    of = found.covariance
    predicted = np.sqrt(
        [[S[2 * i, 2 * i] + S[2 * i + 1, 2 * i + 1] - 2 * S[2 * i, 2 * i + 1] for i in (0, 1)] for S in of]
    )
    assert (np.abs(difference / predicted - 1) < 5.3 / np.sqrt(4000) + 2 / 2000 + 0.01).all()


# ---------------------------------------------------------------------------------------------------------------------
# Around it


def test_saved_and_loaded(tmp_path):
    """Every number comes back; what reads another kind of file says so."""
    found = fluctuations(random_problem(2, 3, 2), [0, 1.0], points=2**8)
    back = load_fluctuations(found.save(tmp_path / "f.h5"))
    for kind in ("std", "bias"):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(getattr(back, kind), name), getattr(getattr(found, kind), name))
    np.testing.assert_array_equal(back.covariance, found.covariance)
    np.testing.assert_array_equal(back.theory.R, found.theory.R)
    assert back.problem.difference(found.problem) is None
    assert str(back) == str(found)
    assert back.theory.attributes == found.theory.attributes
    data = found.to_xarray()
    assert data.std_R.dims == ("alpha", "student", "teacher")
    assert data.covariance.dims == ("alpha", "order_parameter", "order_parameter_2")
    with pytest.raises(InputError, match="holds a fluctuations, not a trajectory"):
        load(tmp_path / "f.h5")
    with pytest.raises(InputError, match="exists and is not overwritten"):
        found.save(tmp_path / "f.h5")
    found.theory.save(tmp_path / "t.h5")
    with pytest.raises(InputError, match="holds a trajectory, not a fluctuations"):
        load_fluctuations(tmp_path / "t.h5")


def test_wrong_types_and_problems_are_named():
    """What is held to what, and that both are of one problem."""
    problem = random_problem(2, 2)
    found = fluctuations(problem, [0, 1.0], points=2**8)
    runs = simulate_reduced(problem, [0, 1.0], 2, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="predicted must be a Fluctuations, but is Trajectory"):
        z_scores(runs, found.theory)
    with pytest.raises(InputError, match="runs must be a Trajectory, but is Fluctuations"):
        compare(found, found)
    with pytest.raises(InputError, match="problem must be a Problem, but is str"):
        fluctuations("x", [1.0])
    with pytest.raises(InputError, match="must be of one problem, but differ in N: 50 and 500"):
        z_scores(runs, fluctuations(replace(problem, N=500), [0, 1.0], points=2**8))


def test_a_file_that_lacks_something_is_named(tmp_path):
    """As that of a trajectory is."""
    found = fluctuations(random_problem(1, 1), [0, 1.0], points=2**8)
    path = found.save(tmp_path / "f.h5")
    with h5py.File(path, "r+") as file:
        del file["std_Q"]
    with pytest.raises(InputError, match="holds no 'std_Q', which fluctuations need"):
        load_fluctuations(path)


@pytest.mark.parametrize(("points", "message"), [(100, "points must be at least 256"), (300, "must be a power of 2")])
def test_points_are_a_power_of_two(points, message):
    """Sobol's points are balanced only then."""
    with pytest.raises(InputError, match=message):
        fluctuations(random_problem(1, 1), [1.0], points=points)
