"""compare and match_teachers: their statistics, on trajectories whose law is known."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem

from stdyn import (
    DivergenceWarning,
    InputError,
    Trajectory,
    compare,
    initial,
    integrate,
    match_teachers,
    simulate_network,
    simulate_reduced,
)
from stdyn.analysis import comparison
from stdyn.model.problem import Problem

ALPHAS = np.linspace(0, 5, 11)


@pytest.fixture(scope="module")
def theory():
    return integrate(random_problem(2, 2, N=100), ALPHAS)


def noisy(theory, runs, seed, shift=0.0):
    """An ensemble of normal deviations around the theory, shifted by `shift` standard deviations."""
    rng = np.random.default_rng(seed)

    def scatter(values):
        return values + 0.01 * (rng.standard_normal((runs, *values.shape)) + shift)

    Q = scatter(theory.Q)
    Q = (Q + Q.swapaxes(-1, -2)) / 2
    return Trajectory(theory.problem, theory.alphas, scatter(theory.R), Q, scatter(theory.v), "network")


def test_deviation_in_standard_errors_is_students_t(theory):
    """1000 ensembles of 10 runs around the theory, v_1: Kolmogorov-Smirnov, false alarm 1e-6; twice the width fails."""
    from scipy.stats import kstest
    from scipy.stats import t as student_t

    z = [compare(noisy(theory, 10, seed), theory).in_errors["v"][3, 0] for seed in range(1000)]
    assert kstest(z, student_t(9).cdf).pvalue > 1e-6
    assert kstest(z, student_t(9, scale=2).cdf).pvalue < 1e-6


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_finite_size_tells_bias_from_scatter(theory, shift):
    """Runs scatter by 0.01 and are off by 0.01 shift: 200 ensembles of 24, false alarm 1e-6; and the error is one.

    Of the 9 order parameters Q_12, a mean of two, scatters by 0.01/sqrt(2). 4.9 standard errors; the scatter of the 200
    estimates over their standard error is 1 within a factor 1.5.
    """
    results = np.array([comparison.finite_size(noisy(theory, 24, seed, shift), theory) for seed in range(200)])
    deviation, squared, error = results.T
    mean, scatter = squared.mean(), squared.std(ddof=1)
    assert abs(mean - (0.01 * shift) ** 2) < 4.9 * scatter / np.sqrt(200)
    assert 1 / 1.5 < np.sqrt(np.mean(error**2)) / scatter < 1.5
    expected = 0.01 * np.sqrt(shift**2 + 1 - 0.5 / 9)
    assert abs(deviation.mean() - expected) < 4.9 * deviation.std(ddof=1) / np.sqrt(200) + 0.01 * expected
    naive = np.mean([(noisy(theory, 24, seed).v[:, -1].mean(axis=0) - theory.v[-1]) ** 2 for seed in range(200)])
    assert naive > 4.9 * scatter / np.sqrt(200)  # what it would be with the chance left in


def test_finite_size_needs_eight_runs(theory):
    """Else there is nothing to take the chance out with."""
    with pytest.raises(InputError, match="runs must be at least 8, but is 7"):
        comparison.finite_size(noisy(theory, 7, 1), theory)


def test_false_alarms_are_as_rare_as_said(theory):
    """At false_alarm = 0.5 Bonferroni lets fewer than half of 200 true ensembles disagree, but not none of them."""
    wrong = sum(
        not all(compare(runs, theory, false_alarm=0.5).within(name).all() for name in ("R", "Q", "v", "F"))
        for runs in (noisy(theory, 20, seed) for seed in range(200))
    )
    assert 5 < wrong < 100


def test_a_shift_is_seen_and_a_granted_bias_is_not(theory):
    """A mean off by one standard deviation of a run is 8 standard errors of 64 runs; bias / N grants just that."""
    shifted = noisy(theory, 64, 1, shift=1.0)
    assert compare(noisy(theory, 64, 1), theory).within("v").all()
    assert not compare(shifted, theory).agrees
    assert compare(shifted, theory, bias=0.01 * theory.problem.N).within("v").all()


def test_mean_and_standard_error_are_those_of_the_runs(theory):
    """For all order parameters, eps_g and F."""
    runs = noisy(theory, 7, 3)
    comparison = compare(runs, theory)
    for name in ("R", "Q", "v", "F", "eps_g"):
        samples = getattr(runs, name)
        np.testing.assert_allclose(comparison.mean[name], samples.mean(axis=0))
        np.testing.assert_allclose(comparison.standard_error[name], samples.std(axis=0, ddof=1) / np.sqrt(7))
        np.testing.assert_allclose(comparison.deviation[name], samples.mean(axis=0) - getattr(theory, name))


def test_the_common_start_is_no_deviation():
    """At alpha = 0 all runs are at the same point, to rounding: 0 standard errors, not 0/0."""
    problem = random_problem(2, 2, N=20)
    runs = simulate_network(problem, [0, 1], runs=3, rng=np.random.default_rng(1))
    comparison = compare(runs, integrate(problem, [0, 1]))
    for values in comparison.in_errors.values():
        np.testing.assert_array_equal(values[0], 0)


def test_theory_is_moved_to_the_alphas_that_were_recorded():
    """A logarithmic grid falls between steps: the theory at the recorded alphas, to the accuracy of the spline."""
    problem = random_problem(2, 2, N=20)
    alphas = np.geomspace(0.1, 10, 60)
    runs = simulate_network(problem, alphas, runs=3, rng=np.random.default_rng(1))
    moved = compare(runs, integrate(problem, alphas)).theory
    assert not np.array_equal(runs.alphas, alphas)
    exact = integrate(problem, np.unique(runs.alphas))
    np.testing.assert_allclose(moved["R"], exact.R[np.searchsorted(exact.alphas, runs.alphas)], atol=2e-6)


def test_a_deviation_below_the_accuracy_of_the_theory_is_none():
    """Both sides have learned perfectly: what is left, 1e-9 against a scatter of 1e-14, is the solver's tolerance."""
    problem = Problem(initial.prepared(2, 2, r=0.1), N=20, rule="bp", activation="linear", eta=0.5, eta_v=0.0)
    alphas = [0.0, 1.0, 300.0]
    runs = simulate_network(problem, alphas, runs=4, rng=np.random.default_rng(1))
    comparison = compare(runs, integrate(problem, alphas))
    assert comparison.standard_error["eps_g"][2] < 1e-12
    assert comparison.within("eps_g")[2]


def test_the_table_says_that_runs_diverged_where_the_theory_did_not():
    """And until where both were compared."""
    start = initial.prepared(1, 1, v=1.0)
    problem = Problem(start, N=4, activation="linear", eta=1.9, eta_v=0.0)
    with pytest.warns(DivergenceWarning):
        runs = simulate_network(problem, np.arange(200.0), runs=4, rng=np.random.default_rng(1))
    theory = integrate(problem, np.arange(200.0))
    text = str(compare(runs, theory))
    assert re.search(r"compared to alpha = \d+ only, of 199: one side ends there", text)
    assert re.search(r"\d runs diverged, from alpha = [\d.]+ on", text)
    with pytest.raises(InputError, match="nothing is left to compare"):
        compare(replace(runs, diverged_at=np.full(4, 0.5)), theory)


def test_the_table_can_be_read(theory):
    """One row an order parameter, the verdict beside it, and what the two sides differ in."""
    text = str(compare(noisy(theory, 9, 1), theory))
    assert text.splitlines()[0] == "fa: 9 network runs at N = 100 against the ODEs, 11 alphas from 0 to 5"
    assert [line.split()[0] for line in text.splitlines()[2:7]] == ["R", "Q", "v", "F", "eps_g"]
    assert text.count("everywhere") == 5
    other = replace(theory, problem=replace(theory.problem, eta=0.6))
    assert "the two sides differ in eta: 0.7 and 0.6" in str(compare(noisy(theory, 9, 1), other))
    assert "not from alpha = 0" in str(compare(noisy(theory, 50, 1, shift=5), theory))


def test_what_cannot_be_compared_is_refused(theory):
    """Each with its reason."""
    runs = noisy(theory, 3, 1)
    with pytest.raises(InputError, match=r"^runs, the first argument, must be an ensemble of runs"):
        compare(theory, runs)
    with pytest.raises(InputError, match=r"^theory, the second argument, must be"):
        compare(runs, runs)
    with pytest.raises(InputError, match="runs must be at least 2 to have a standard error, but is 1"):
        compare(noisy(theory, 1, 1), theory)
    with pytest.raises(InputError, match=r"same alphas .* but runs have 1\.5 and the nearest of the theory is 1\.2"):
        compare(runs, integrate(theory.problem, ALPHAS * 1.2))
    with pytest.raises(InputError, match=r"\(\(2, 2\), \(2,\)\) at an alpha, but theory has \(\(3, 2\), \(3,\)\)"):
        compare(runs, integrate(random_problem(3, 2), ALPHAS))
    with pytest.raises(InputError, match="false_alarm must be between 0 and 1, but is 2"):
        compare(runs, theory, false_alarm=2)


def test_matching_undoes_any_renaming_of_exchangeable_teacher_units():
    """T = 1, equal v_teacher: every permutation of the teacher units of a run is found back, and only R is touched."""
    b = [1.0, -0.5, 0.3]
    problem = Problem(
        initial.random_weights(3, 4, 50, 0.2, np.random.default_rng(1)), rule="fa", b=b, eta=0.5, eta_v=0.1
    )
    theory = integrate(problem, np.linspace(0, 200, 21))
    rng = np.random.default_rng(2)
    R = np.stack([theory.R[..., rng.permutation(4)] for _ in range(10)])
    runs = Trajectory(problem, theory.alphas, R, np.stack([theory.Q] * 10), np.stack([theory.v] * 10), "network")
    matched = match_teachers(runs, theory)
    np.testing.assert_array_equal(matched.R, np.stack([theory.R] * 10))
    np.testing.assert_array_equal(matched.Q, runs.Q)


def test_matching_leaves_an_unspecialised_student_alone():
    """On the plateau there is nothing to match but noise, and sorting the noise would bias the mean."""
    b = [1.0, -0.5]
    problem = Problem(initial.prepared(2, 3), N=100, rule="fa", b=b, eta=0.5, eta_v=0.1)
    alphas = np.linspace(0, 5, 6)
    runs = simulate_network(problem, alphas, runs=16, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(match_teachers(runs, integrate(problem, alphas)).R, runs.R)
    with pytest.raises(InputError, match="at an alpha, but theory has"):
        match_teachers(runs, integrate(random_problem(2, 2), alphas))


def test_teacher_units_that_differ_are_never_exchanged():
    """A graded teacher, or different second layers: no units are exchangeable."""
    for changes in ({"teacher": "graded"}, {"v_teacher": [1.0, 2.0, 3.0]}):
        start = initial.random_weights(2, 3, 50, 0.2, np.random.default_rng(1), **changes)
        theory = integrate(Problem(start, eta=0.5, eta_v=0.1), [0.0, 10.0])
        runs = Trajectory(theory.problem, theory.alphas, theory.R[None, :, :, ::-1].copy(), theory.Q[None].copy(),
                          theory.v[None].copy(), "network")  # fmt: skip
        np.testing.assert_array_equal(match_teachers(runs, theory).R, runs.R)


@pytest.mark.parametrize("at", [[1], [1, 2], [1, 2, 4]])
def test_a_theory_that_was_cut_says_what_it_cannot_tell(at):
    """Alphas off the grid of steps: the whole theory is moved to those of the runs, a cut one has too few for that."""
    problem = random_problem(2, 2, N=50)
    alphas = np.linspace(0, 1, 7)
    runs, theory = simulate_reduced(problem, alphas, 4, rng=1), integrate(problem, alphas)
    cut = runs.isel(alpha=at)
    exact = integrate(problem, [0, *cut.alphas]).R[1:]
    whole = compare(cut, theory)
    np.testing.assert_allclose(whole.theory["R"], exact, atol=1e-4)
    assert not any("too few" in note for note in whole.notes)
    assert any(f"{len(at)} alpha" in note and "too few" in note for note in compare(cut, theory.isel(alpha=at)).notes)
    on_grid = runs.isel(alpha=[3]), theory.isel(alpha=[3])
    assert not any("too few" in note for note in compare(*on_grid).notes)
