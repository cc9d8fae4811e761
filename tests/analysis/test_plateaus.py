"""Where plateaus start and end: curves that are known, ODEs against their own fine solution, runs."""

from dataclasses import replace

import numpy as np
import pytest
from test_summary import ALPHAS, piecewise

from stdyn import OrderParameters, Problem, initial, integrate, plateaus, simulate_reduced
from stdyn.analysis.summary import flat_stretches, plateau

FALLING = [(1e-9, 1), (1, 1), (10, 0.1)]  # as 1/alpha to 0.1 at 10


def unrealizable(**more):
    """K = 2 soft committee, M = 3, students each a little along a teacher unit: two plateaus, 0.0285 and 0.0190."""
    start = replace(initial.prepared(2, 3, 0.2, 0.0), R=np.array([[0.05, 0, 0], [0, 0.05, 0]]))
    return Problem(start, **{"eta": 0.5, "eta_v": 0.0} | more)


def graded():
    """K = M = 3, T = diag(1, 0.5, 0.2), both layers: a second plateau from alpha = 230 to 630."""
    rng = np.random.default_rng(1)
    R, v = 0.01 * rng.standard_normal((3, 3)), np.array([0.5, 0.4, 0.3])
    return Problem(OrderParameters(R, 0.2 * np.eye(3), np.diag([1, 0.5, 0.2]), v, np.ones(3)), eta=0.5, eta_v=0.5)


@pytest.mark.parametrize("factor", [1.3, 1.44, 2, 3, 4, 10, 1000])
def test_half_of_the_fall_ends_a_plateau(factor):
    """0.1 until 1000, then down by a factor until 3000 and on: half of the way in log eps_g, or half of the height."""
    eps_g = piecewise(*FALLING, (1000, 0.1), (3000, 0.1 / factor), (1e4, 0.1 / factor))
    first, second = flat_stretches(ALPHAS, eps_g)
    share = min(0.5, np.log(2) / np.log(factor))
    assert first.end == pytest.approx(1000 * 3**share, rel=0.01)
    assert first.level == pytest.approx(0.1 / factor**share, rel=0.01)
    assert (first.start, first.height) == (pytest.approx(5, rel=0.01), pytest.approx(0.1, rel=0.01))
    assert second.start == pytest.approx(1000 * 3 ** (1 - share), rel=0.01)
    assert second.end == np.inf
    assert plateau(ALPHAS, eps_g)[2] == first.end


def test_a_floor_is_not_left():
    """The curve that ends on a floor, a drift on it by less than a fifth, and noise on it: one plateau, no end."""
    rng = np.random.default_rng(1)
    for end in (0.1, 0.09):
        rest = piecewise(*FALLING, (100, 0.1), (200, end), (1e4, end))
        for noise in (0, 0.05):
            (only,) = flat_stretches(ALPHAS, rest * np.exp(noise * rng.standard_normal(len(ALPHAS))))
            assert only.end == np.inf


def test_a_fall_that_is_cut_off():
    """While it is not known where a fall ends, a plateau ends at half its height, and not before."""
    eps_g = piecewise(*FALLING, (1000, 0.1), (1e4, 1e-4))
    for last, end in ((1150, np.inf), (1240, np.inf), (1300, 1000 * 2 ** (1 / 3)), (1e4, 1000 * 2 ** (1 / 3))):
        seen = last >= ALPHAS
        (only,) = flat_stretches(ALPHAS[seen], eps_g[seen])
        assert only.end == pytest.approx(end, rel=0.01)


def test_a_short_plateau_that_comes_late():
    """0.01 from 400 to 600, between falls as alpha^-2 and alpha^-4."""
    eps_g = piecewise(*FALLING, (126.5, 0.1), (400, 0.01), (600, 0.0095), (1e4, 0.0095 * (600 / 1e4) ** 4))
    first, second = flat_stretches(ALPHAS, eps_g)
    assert first.end == pytest.approx(126.5 * 2**0.5, rel=0.02)
    assert second.start == pytest.approx(400 / 2**0.5, rel=0.02)
    assert second.end == pytest.approx(600 * 2**0.25, rel=0.02)
    shoulder = piecewise(*FALLING, (126.5, 0.1), (400, 0.01), (600, 0.0054), (1e4, 0.0054 * (600 / 1e4) ** 4))
    assert len(flat_stretches(ALPHAS, shoulder)) == 1  # alpha^-1.5 between alpha^-2 and alpha^-4 is none


def test_alpha_zero_is_before_the_first_fall():
    """A grid whose first alpha after 0 is on the plateau already, as coarse linear ones are."""
    alphas = np.concatenate([[0], np.geomspace(20, 1e4, 101)])
    eps_g = np.interp(alphas, ALPHAS, piecewise(*FALLING, (300, 0.1), (1e4, 1e-4)))
    eps_g[0] = 1.0
    (only,) = flat_stretches(alphas, eps_g)
    assert only.start == pytest.approx(20)
    assert 300 < only.end < 500


def turning_points(solution):
    """eps_g where d log eps_g / d log alpha is largest after a fall, by differences of a fine solution, and alphas."""
    x, y = np.log(solution.alphas), np.log(solution.eps_g)
    slope = np.gradient(y, x)
    inner = np.flatnonzero((slope[1:-1] > slope[:-2]) & (slope[1:-1] >= slope[2:]) & (y[1:-1] > np.log(1e-6))) + 1
    return [(solution.alphas[n], solution.eps_g[n]) for n in inner if slope[n] > -0.9]


def test_both_plateaus_of_an_unrealizable_teacher():
    """K = 2, M = 3: from the fine solution its heights and where the middle between them is crossed, 1 %, any grid."""
    fine = integrate(unrealizable(), np.geomspace(0.1, 3000, 4001))
    (_, high), low = turning_points(fine)[0], fine.eps_g[-1]
    middle = float(np.interp(-np.log(high * low) / 2, -np.log(fine.eps_g), fine.alphas))
    assert high / low < 2
    for alphas in (np.geomspace(0.1, 3000, 61), np.geomspace(0.1, 3000, 481), np.linspace(0, 3000, 601)):
        solution = integrate(unrealizable(), alphas, "LSODA")
        first, second = flat_stretches(solution.alphas, solution.eps_g)
        assert (first.end, second.start, second.end) == (*[pytest.approx(middle, rel=0.02)] * 2, np.inf)
        assert (first.height, second.height) == (pytest.approx(high, rel=0.01), pytest.approx(low, rel=0.01))


def test_the_second_plateau_of_a_graded_teacher():
    """It is where the fine solution is flattest, and each of the two hangs on a saddle that says when it ends, 15 %."""
    alphas = np.geomspace(0.1, 3000, 241)
    fine = integrate(graded(), np.geomspace(0.1, 3000, 4001))
    turns = turning_points(fine)
    found = plateaus(integrate(graded(), alphas))
    assert len(found) == len(turns) == 2
    for each, (alpha, height) in zip(found, turns, strict=True):
        assert (each.at, each.height) == (pytest.approx(alpha, rel=0.1), pytest.approx(height, rel=0.01))
        assert each.end == pytest.approx(np.interp(-height / 2, -fine.eps_g, fine.alphas), rel=0.01)
        assert each.saddle.unstable
        assert each.predicted_end == pytest.approx(each.end, rel=0.15)


def test_the_saddle_of_a_plateau_with_a_small_fall_says_when_it_ends():
    """K = 2, M = 3: eps_g never gets to half the height, and the end is finite, as the saddle predicts, within 15 %."""
    first, second = plateaus(integrate(unrealizable(), np.geomspace(0.1, 3000, 241)))
    assert first.predicted_end == pytest.approx(first.end, rel=0.15)
    assert second.end == np.inf


def test_runs_have_the_plateaus_of_the_theory():
    """8 reduced runs of N = 500, K = 2, M = 3: each has the two, on a linear grid and a logarithmic one."""
    linear, logarithmic = np.linspace(0, 1000, 201), np.concatenate([[0], np.geomspace(0.1, 1000, 200)])
    alphas = np.union1d(linear, logarithmic)
    end = plateau(alphas, integrate(unrealizable(), alphas, "LSODA").eps_g)[2]
    runs = simulate_reduced(unrealizable(N=500), alphas, 8, rng=np.random.default_rng(1))
    for grid in (linear, logarithmic, alphas):
        for eps_g in runs.eps_g[:, np.isin(alphas, grid)]:
            first, second = flat_stretches(grid, eps_g)
            assert (first.end, second.end) == (pytest.approx(end, rel=0.2), np.inf)
