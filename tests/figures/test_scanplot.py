"""The figures of scans: which are drawn, what is in them, and what is refused."""

from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure

from stdyn import Experiment, InputError, Variations, scan, scanplot, simulate_reduced
from stdyn.figures import scanpanels, scanpoints
from stdyn.scans.scanfile import open_scan

BASE = Experiment(K=2, M=2, N=20, alpha_max=200, points=41)
GRID = Variations(BASE, {"eta": [0.2, 0.4, 0.8], "sigma": [0.0, 0.1], "draw": {"from": 1, "number": 5}})


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """60 points: a grid of eta and sigma, five draws, both rules."""
    return scan(GRID, BASE.alphas(), tmp_path_factory.mktemp("grid") / "grid.h5", keep="curves")


@pytest.fixture(scope="module")
def draws(tmp_path_factory):
    """50 random starts of both rules, and nothing else."""
    path = tmp_path_factory.mktemp("draws") / "draws.h5"
    return scan(Variations(BASE, {"draw": {"from": 1, "number": 50}}), BASE.alphas(), path, keep="curves")


def test_a_grid_gets_a_map_of_medians(grid):
    """A panel a rule; each cell is the median over the draws, over the top of the colours if that is infinite."""
    figure = scanplot.figures(grid)["plateau_length_map"]
    panels = figure.axes[:2]
    assert [ax.get_title() for ax in panels] == ["FA", "BP"]
    for rule, ax in zip(("fa", "bp"), panels, strict=True):
        (mesh,) = ax.collections
        shown = np.asarray(mesh.get_array())
        assert shown.shape == (2, 3)
        for row, sigma in enumerate((0.0, 0.1)):
            for column, eta in enumerate((0.2, 0.4, 0.8)):
                c = grid.coordinates
                there = (c["rule"] == rule) & (c["eta"] == eta) & (c["sigma"] == sigma)
                assert there.sum() == 5
                median = np.nanmedian(grid.summary["plateau_length"][there])
                if np.isinf(median):
                    assert shown[row, column] > mesh.norm.vmax
                else:
                    assert shown[row, column] == median


def test_what_is_not_a_grid_is_scattered(draws):
    """Any two numbers of the summary may be the axes of a map: a dot a point."""
    figure = scanplot.figures(draws, value="eps_g_final", x="plateau_start", y="plateau_height")["eps_g_final_map"]
    fa = draws.coordinates["rule"] == "fa"
    dots = figure.axes[0].collections[0]
    np.testing.assert_allclose(np.asarray(dots.get_offsets())[:, 0], draws.summary["plateau_start"][fa])
    np.testing.assert_allclose(np.asarray(dots.get_array()), draws.summary["eps_g_final"][fa])


def test_draws_alone_are_drawn_against_the_alignment_at_the_start(draws):
    """FA only, for BP has no alignment; with a running median."""
    figures = scanplot.figures(draws)
    assert list(figures) == ["plateau_length_against_alignment_start", "histograms", "fa_bp", "trajectories"]
    (ax,) = figures["plateau_length_against_alignment_start"].axes
    left = np.isfinite(draws.summary["plateau_length"][draws.coordinates["rule"] == "fa"]).sum()
    assert ax.get_title() == f"FA: {left} of 50 ({50 - left} not left by 200)"
    dots = sum(len(each.get_offsets()) for each in ax.collections)
    assert dots == np.isfinite(draws.summary["alignment_start"]).sum() == 50
    assert len(ax.lines) == 1


def test_fa_and_bp_of_the_same_starts_are_paired(grid):
    """Each pair differs in nothing but the rule."""
    fa, bp = scanpoints.pairs(grid)
    assert len(fa) == len(bp) == 30
    for name, values in grid.coordinates.items():
        if name == "rule":
            assert set(values[fa]) == {"fa"}
            assert set(values[bp]) == {"bp"}
        else:
            np.testing.assert_array_equal(values[fa], values[bp])
    panel = scanplot.rules_figure(grid).axes[1]
    offsets = np.asarray(panel.collections[0].get_offsets())
    np.testing.assert_allclose(offsets, np.stack([grid.summary["eps_g_final"][bp], grid.summary["eps_g_final"][fa]], 1))
    above = np.mean(grid.summary["eps_g_final"][fa] > grid.summary["eps_g_final"][bp])
    assert f"FA above BP for {100 * above:.0f} %" in panel.get_title()


def test_histograms_count_every_point(draws):
    """The highest bar is the most frequent number of specialised units."""
    assert len(scanplot.histograms_figure(draws).axes) == 4
    (ax,) = scanpanels.histogram(Figure().subplots(), draws, "specialised").figure.axes
    outline = ax.patches[1].get_path().vertices[:, 1]
    assert outline.max() == max(np.bincount(draws.summary["specialised"][::2].astype(int)))


def test_trajectories_are_picked_by_the_length_of_their_plateau(draws):
    """From the 5 % to the 95 % quantile, in order; each curve is that of its point."""
    panel = scanplot.trajectories_figure(draws).axes[0]
    picked = [line for line in panel.lines if "point" in str(line.get_label())]
    points = [int(str(line.get_label()).split()[3].strip(",")) for line in picked]
    lengths = draws.summary["plateau_length"][points]
    assert [str(line.get_label()).endswith(", not left") for line in picked] == np.isinf(lengths).tolist()
    assert len(points) == 5
    assert (np.diff(lengths[np.isfinite(lengths)]) >= 0).all()
    np.testing.assert_array_equal(picked[2].get_ydata(), draws.read("eps_g", points[2]))


def test_ensembles_and_unfinished_scans_are_drawn(tmp_path):
    """The median over runs; what is done so far; what kept no curves has no trajectories."""
    solve = partial(simulate_reduced, runs=3)
    problems = Variations(BASE, {"eta": [0.2, 0.4], "draw": {"from": 1, "number": 3}})
    alphas = np.linspace(0, 20, 11)
    ensembles = scan(problems, alphas, tmp_path / "runs.h5", solve, seed=1)
    assert set(scanplot.figures(ensembles)) == {"plateau_length_against_eta", "histograms", "fa_bp", "trajectories"}

    def stopped(problem, alphas, runs=3, *, rng):
        if problem.eta == 0.4:
            raise KeyboardInterrupt
        return solve(problem, alphas, rng=rng)

    with pytest.raises(KeyboardInterrupt):
        scan(problems, alphas, tmp_path / "half.h5", stopped, seed=1, keep="summary")
    half = open_scan(tmp_path / "half.h5")
    assert (half.state == 1).sum() == 6
    assert set(scanplot.figures(half, value="eps_g_final")) == {"eps_g_final_against_eta", "histograms", "fa_bp"}


def test_what_cannot_be_drawn_is_refused(grid, tmp_path):
    """Unknown quantities, texts, y without x, a scan without a point."""
    with pytest.raises(
        InputError, match=r"'etta' is not in .*grid\.h5 as a number; there are eta, sigma, draw, eps_g_start"
    ):
        scanplot.figures(grid, x="etta")
    with pytest.raises(InputError, match="'rule' is not in"):
        scanplot.figures(grid, value="rule")
    with pytest.raises(InputError, match="x is needed with it"):
        scanplot.figures(grid, y="eta")
    nothing = scan(Variations(BASE, {"eta": [0.1]}), [0.0, 1.0], tmp_path / "nothing.h5", lambda problem, alphas: 1 / 0)
    with pytest.raises(InputError, match=r"no point of .* is done, there is nothing to draw"):
        scanplot.figures(nothing)
