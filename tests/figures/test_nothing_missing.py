"""Of few results and of odd ones: a figure shows each of them, where it belongs, and says what there is."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from conftest import random_problem
from drawn import ALPHAS, Made, legends, made, results, trained, unreadable
from matplotlib.backends.backend_agg import FigureCanvasAgg

from stdyn import activation, layerplot, outputplot, plot, scanplot
from stdyn.figures import layout, panels
from stdyn.figures.pages import page
from stdyn.figures.scales import logarithmic


def entries(figure):
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


# ---------------------------------------------------------------------------------------------------------------------
# Maps


def grid(etas, sigmas, **more):
    """A scan of one rule over this grid."""
    eta, sigma = (values.ravel() for values in np.meshgrid(etas, sigmas))
    scan = Made(len(eta), ("fa",), eta=eta, sigma=sigma, draw=np.zeros(len(eta)), **more)
    return scanplot.map_figure(scan, "plateau_length", "eta", "sigma").axes[0]


DECADES, EVEN = [1e-3, 1e-2, 1e-1, 1.0], [0.1, 0.2, 0.3]


@pytest.mark.parametrize(("across", "up"), [(DECADES, EVEN), (EVEN, DECADES), (DECADES, DECADES), (EVEN, EVEN)])
def test_cells_lie_around_their_values_on_either_axis(across, up):
    """In decades from 10^-3.5 on, in even steps of 0.1 from 0.05 on; and the axes are the cells, without a margin."""
    ax = grid(across, up)
    corners = ax.collections[0].get_coordinates()
    for values, edges, limits, scale in (
        (across, corners[0, :, 0], ax.get_xlim(), ax.get_xscale()),
        (up, corners[:, 0, 1], ax.get_ylim(), ax.get_yscale()),
    ):  # fmt: skip
        expected = 10 ** np.arange(-3.5, 1) if values is DECADES else np.array([0.05, 0.15, 0.25, 0.35])
        assert scale == ("log" if values is DECADES else "linear")
        np.testing.assert_allclose(edges, expected, rtol=1e-12)
        np.testing.assert_allclose(limits, expected[[0, -1]], rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.02, 1.0, 300.0])
def test_one_value_alone_is_a_cell_around_it(value):
    """Of a positive number without numbers below 0."""
    ax = grid([value], EVEN)
    low, high = ax.collections[0].get_coordinates()[0, :, 0]
    assert low < value < high
    assert low > 0 or value == 0
    assert ax.get_xlim() == (low, high)


def test_what_is_white_or_hatched_in_a_map_is_explained():
    """White is what has not come to its end, hatched what has no number; a colour bar of neither says neither."""
    length = np.arange(12.0)
    for gone, said in ((np.nan, "(hatched: none)"), (np.inf, "(white: not left by 300)"), (1.0, "")):
        with_gap = np.where(np.arange(12) == 5, gone, length)
        figure = grid(DECADES, EVEN, fill={"plateau_length": with_gap}).figure
        assert figure.axes[-1].get_ylabel().partition("\n")[2] == said
        assert bool(figure.axes[0].patch.get_hatch()) == ("hatched" in said)
    figure = grid(DECADES, EVEN, fill={"plateau_length": np.nan}).figure
    assert not len(figure.axes[-1].get_yticks())  # of no number


# ---------------------------------------------------------------------------------------------------------------------
# One run, one point


def test_one_reduced_run_is_a_line():
    """In every figure that has a band of several, in order parameters and errors, and it is called what it is."""
    theory, network, reduced = results(2, 2, None, "fa", runs=1)
    figures = plot.figures([theory, network, reduced])
    found = {
        "generalization": reduced.eps_g[0],
        "alignment": reduced.F[0],
        "fa_order_parameters": reduced.Q[0, :, 0, 0],
    }
    for name, values in found.items():
        assert any(
            np.array_equal(line.get_ydata(), values) for line in figures[name].axes[name.startswith("fa")].lines
        ), name
    words = [word for figure in figures.values() for word in (figure.get_suptitle(), *entries(figure))]
    assert not any(wrong in word for word in words for wrong in ("1 runs", "1 reduced runs", "±", "range", "5 – 95"))
    assert "markers: 1 run at N = 20; thin lines: 1 reduced run" in figures["alignment"].get_suptitle()
    assert {"FA, 1 run, N = 20", "FA, 1 reduced run, N = 20"} <= set(entries(figures["generalization"]))
    two = plot.figures(results(2, 2, None, "fa", runs=2))["alignment"].get_suptitle()
    assert "markers: mean ± s.d. of 2 runs at N = 20; bands: mean ± s.d. of 2 reduced runs" in two
    page_ = outputplot.outputs_page([reduced, *results(2, 2, 2, "fa", runs=1)[2:]])
    assert page_.get_suptitle() == "thin lines: a reduced run each"


def test_runs_of_which_some_diverge_are_said_to_be_fewer():
    """There the markers are of those that are left."""
    theory, network, _ = results(2, 2, None, "fa", runs=2)
    some = replace(network, diverged_at=np.array([np.inf, 10.0]))
    said = "runs that diverge are left out from there on"
    for runs in (network, some):
        figure = plot.generalization_figure(plot.pair_up([theory, runs]))
        assert (said in figure.get_suptitle()) == (runs is some)


def test_one_point_of_a_scan():
    """ "1 point"; a histogram around its number, with no numbers below 0; a trajectory, and no quantiles of it."""
    fill = {"plateau_length": 80.0, "plateau_height": 0.0145, "eps_g_final": 7.5e-5, "specialised": 2.0}
    figures = scanplot.figures(Made(1, ("fa",), fill=fill))
    assert all(figure.get_suptitle().startswith("1 point,") for figure in figures.values())
    for ax, value in zip(figures["histograms"].axes[:3], list(fill.values())[:3], strict=True):
        low, high = ax.get_xlim()
        assert 0 < low < value < high < 3 * value
        assert ax.patches[1].get_path().vertices[:, 1].max() == 1
    assert entries(figures["trajectories"]) == ["point 0"]
    assert legends(figures["trajectories"])[0].get_title().get_text() == ""


def test_a_theory_at_one_alpha_is_a_dot():
    """Of a line with one point nothing would be seen."""
    figure = plot.figures([made(random_problem(2, 2), alphas=[0.0])])["generalization"]
    assert figure.axes[0].lines[0].get_marker() == "o"


@pytest.mark.parametrize(("end", "first"), [(10.0, 0.0), (1000.0, 1.0)])
def test_markers_begin_at_0_where_the_axis_has_it(end, first):
    """A logarithmic one has not."""
    alphas = np.concatenate([[0.0], np.geomspace(1, end, 5)])
    assert alphas[panels.markers_at(alphas)][0] == first


# ---------------------------------------------------------------------------------------------------------------------
# Nothing


def test_panels_without_anything_say_so():
    """Without ticks, which would be of no numbers; in a panel beside a full one they are that one's."""
    nan = np.nan
    figures = scanplot.figures(Made(fill={"plateau_length": nan}), x="eta")
    empty = [*figures["plateau_length_against_eta"].axes, figures["fa_bp"].axes[0], figures["histograms"].axes[0]]
    for ax in empty:
        assert [text.get_text() for text in ax.texts] == ["none"]
        assert not len(ax.get_xticks())
        assert not len(ax.get_yticks())
    half = Made(fill={"plateau_length": np.where(np.arange(60) % 2 == 0, nan, np.arange(60.0))})
    fa, bp = scanplot.against_figure(half, "plateau_length", "eta").axes
    assert [text.get_text() for text in fa.texts] == ["none"]
    assert not bp.texts
    assert len(bp.get_yticks())


def test_trajectories_without_a_plateau_are_picked_by_their_final_error():
    """The numbers that the quantiles are of are in the legend's title."""
    errors = np.random.default_rng(1).permutation(60) + 1.0
    figure = scanplot.trajectories_figure(Made(fill={"plateau_length": np.nan, "eps_g_final": errors}))
    for ax in figure.axes:
        assert ax.get_legend().get_title().get_text() == r"quantile of final $\epsilon_g$"
        points = [int(text.get_text().rpartition(" ")[2]) for text in ax.get_legend().get_texts()]
        assert (np.diff(errors[points]) > 0).all()
    usual = scanplot.trajectories_figure(Made()).axes[0].get_legend().get_title().get_text()
    assert usual == "quantile of the plateau's length"


def test_networks_that_all_diverged_are_said_to_have():
    """There is no mean of them; of several of which one did, that one is counted."""
    gone = [
        replace(trained("fa", seed, epochs=0), diverged=(1, 3), update_angle=np.full((1, 2), np.nan)) for seed in (1, 2)
    ]
    figures = layerplot.figures(gone)
    for figure in figures.values():
        title = figure.get_suptitle().replace("\n", " ")
        assert "all 2 networks of FA diverged: drawn as far as they got" in title
        assert "mean and range" not in title
    assert [text.get_text() for text in figures["angles"].axes[1].texts] == ["none"]
    assert all(line.get_marker() == "o" for line in figures["fa_outputs"].axes[0].lines[:-1])  # of alpha = 0 alone
    title = layerplot.errors_figure([gone[0], trained("fa", 3), trained("fa", 4)]).get_suptitle()
    assert "mean and range of 2 networks; 1 of 3 networks of FA diverged, left out" in title.replace("\n", " ")


# ---------------------------------------------------------------------------------------------------------------------
# Room


SMALL, MORE = [(7.5e-5, 2.5e-4), (0.001, 0.0075)], [(0.0141, 0.0172), (1.2e-7, 9e-6), (1, 1.00002), (12345.5, 98765)]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [*SMALL, *(pytest.param(*ends, marks=pytest.mark.slow) for ends in MORE)])
def test_tick_labels_leave_room_in_a_small_panel(low, high, log):
    """On either axis, of long numbers too; there is one at least."""
    figure, axes = page(2.2, 1.5)
    for ax in axes:
        ax.plot([low, high], [low, high])
        if log:
            logarithmic(ax.xaxis)
            logarithmic(ax.yaxis)
    layout.finished(figure)
    assert not unreadable(figure)
    for ax in axes[:1]:
        assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 1


@pytest.mark.slow
def test_scans_of_small_numbers_have_ticks_that_can_be_read():
    """One point, a few and many, of numbers of many digits."""
    rng = np.random.default_rng(1)
    for points in (2, 60):
        fill = {
            "plateau_height": 0.0141 + 0.003 * rng.random(points),
            "eps_g_final": 7e-5 * (1 + 2 * rng.random(points)),
        }
        figures = scanplot.figures(Made(points, fill=fill))
        assert {name: found for name, figure in figures.items() if (found := unreadable(figure))} == {}


@pytest.mark.parametrize(
    "name", ["W" * 200, *(pytest.param(each, marks=pytest.mark.slow) for each in ("n" * 200, "$^_" * 70))]
)
def test_long_names_of_activations_fit(name):
    """In titles and legends; two that are alike but for their middle are told apart."""
    first, second = (activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2, name=f"{name}{each}{name}") for each in "ab")
    theory = made(random_problem(2, 2))
    some = [replace(theory, problem=replace(theory.problem, activation=each)) for each in (first, second)]
    figures = plot.figures(some)
    assert {key: found for key, figure in figures.items() if (found := unreadable(figure))} == {}
    assert len(set(entries(figures["generalization"]))) == 2


@pytest.mark.parametrize("K", [1, 3])
def test_the_legend_of_the_feedback_covers_no_curve(K):
    """Neither of F, nor of the cosine, which for K = 1 is 1 everywhere; and grey overlaps are said where they are."""
    problem = random_problem(K, 2)
    theory = made(problem)
    theory = replace(theory, v=np.geomspace(1e-3, 1, len(ALPHAS))[:, None] * problem.b)
    figure = plot.order_parameters_figure(plot.pair_up([theory])[0])
    FigureCanvasAgg(figure).draw()
    assert not unreadable(figure)
    d, cosine = figure.axes[3:5]
    box = d.get_legend().get_window_extent()
    for ax in (d, cosine):
        for line in ax.lines:
            path = line.get_path().interpolated(20).vertices
            assert not any(box.contains(*at) for at in line.get_transform().transform(path))
    assert ("grey" in figure.axes[1].get_ylabel()) == (K > 1)


def test_bands_of_a_cosine_end_at_1():
    """And so do error bars; the mean is in between."""
    some = results(2, 2, None, "fa", runs=3)
    signs = np.array([1, 1, -1]).reshape(3, 1, 1)
    theory, *runs = [
        replace(each, v=np.broadcast_to(each.problem.b * (signs if each.runs else 1), each.v.shape)) for each in some
    ]
    right = plot.alignment_figure(plot.pair_up([theory, *runs])).axes[1]
    for collection in right.collections:
        for path in collection.get_paths():
            assert np.abs(path.vertices[:, 1]).max() <= 1
    assert isinstance(right.collections[0], mpl.collections.PolyCollection)
