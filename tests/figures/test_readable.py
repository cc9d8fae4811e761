"""What is drawn is what is known: rounding, what has not ended, what is not there; ticks and legends that say so."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import ALPHAS, Made, legends, made, results, saddle
from matplotlib.ticker import LogFormatterSciNotation

from stdyn import Experiment, InputError, Variations, plot, scanplot, theoryplot
from stdyn.analysis.summary import SUMMARY
from stdyn.figures import scanpanels, style
from stdyn.figures.pages import page
from stdyn.figures.scales import ROUNDING, logarithmic
from stdyn.scans.studies import STUDIED, Study


def entries(figure):
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1e-3, 1, ["10^{-3}", "10^{-2}", "10^{-1}", "10^{0}"]),
        (9, 210, ["10", "20", "50", "100", "200"]),
        (60, 130, ["60", "80", "100", "120"]),
        (1.5e-6, 6e-6, [f"{factor} \\times 10^{{-6}}" for factor in (2, 3, 4, 5, 6)]),
        (2.1861e11, 2.1864e11, [f"2.186{digit} \\times 10^{{11}}" for digit in "1234"]),
        (1.23456e-7, 1.23457e-7, [f"1.2345{end} \\times 10^{{-7}}" for end in ("6", "65", "7")]),
        (1, 1.00002, ["1", "1.000005", "1.00001", "1.000015", "1.00002"]),
        (0.02, 0.3, ["0.02", "0.05", "0.1", "0.2"]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_written_in_one_way(low, high, words):
    """Powers of ten only, or plain numbers only, or all with their power; nothing on the minor ticks."""
    figure, (ax,) = page(4, 3)
    ax.plot([1, 2], [low, high])
    logarithmic(ax.yaxis)
    ax.set_ylim(low, high)
    figure.canvas.draw()
    ticks = ax.yaxis.get_major_ticks()
    shown = [tick.label1.get_text() for tick in ticks if low * 0.999 <= tick.get_loc() <= high * 1.001]
    assert [text.replace("$\\mathdefault{", "").replace("}$", "") for text in shown] == words
    assert not any(label.get_text() for label in ax.get_yticklabels(minor=True))
    assert not isinstance(ax.yaxis.get_major_formatter(), LogFormatterSciNotation)


def test_rounding_is_no_trend():
    """An error that falls to 1e-18 leaves the axis at 1e-15; one that never was larger is said to be rounding."""
    falling = replace(made(random_problem(2, 2)), eps_g_read=np.geomspace(1, 1e-18, len(ALPHAS)))
    ax = plot.generalization_figure(plot.pair_up([falling])).axes[0]
    assert ax.get_ylim()[0] == ROUNDING
    falling = replace(falling, eps_g_read=1e-17 * falling.eps_g)
    figure = plot.generalization_figure(plot.pair_up([falling]))
    assert figure.axes[0].get_ylim()[0] == ROUNDING
    assert [text.get_text() for text in figure.axes[0].texts] == ["below 1e-15: rounding"]
    assert not entries(figure)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_order_parameters_that_differ_by_rounding_are_flat(value):
    """The axis is not blown up to differences of 1e-16."""
    noise = 1e-16 * np.random.default_rng(1).normal(size=(len(ALPHAS), 2, 2))
    theory = made(random_problem(2, 2, rule="bp"), values=value)
    theory = type(theory)(theory.problem, ALPHAS, theory.R + noise, theory.Q, theory.v, "ode", eps_g_read=theory.eps_g)
    low, high = plot.order_parameters_figure(plot.pair_up([theory])[0]).axes[0].get_ylim()
    assert high - low > 0.1


def test_a_legend_has_what_is_drawn_and_nothing_else():
    """Not a theory that is NaN, not a mean over runs of which nothing is known."""
    theory, runs, _ = results(2, 2, None, "fa")
    gone = made(theory.problem, values=np.nan)
    assert entries(plot.generalization_figure(plot.pair_up([gone, runs]))) == ["FA, 3 runs, N = 20"]
    same = [made(random_problem(2, 2, N=N), 9, "reduced", [0.0, 1.0]) for N in (20, 40, 80)]
    figure = plot.figures([made(random_problem(2, 2, N=20), alphas=[0.0, 1.0]), *same])["deviation"]
    (name,) = (each for each in entries(figure) if "mean" in each)
    assert name in ("FA, mean over runs", "FA, mean: at most (2 s.e.)")


def test_the_second_of_two_cosines_is_not_cut_off():
    """The limits are those of all that is drawn."""
    first, second = (
        replace(each, v=np.broadcast_to(sign * each.problem.b, each.v.shape))
        for sign, eta in ((1, 0.1), (-1, 0.2))
        for each in [made(random_problem(2, 2, eta=eta))]
    )
    right = plot.alignment_figure(plot.pair_up([first, second])).axes[1]
    np.testing.assert_allclose(second.alignment, -1)
    assert right.get_ylim()[0] < -1
    assert right.get_ylabel() == "alignment $F/(|v||b|)$"


def test_a_plateau_that_is_not_left_is_counted_apart():
    """Of 60 points every second pair is not left: the bars are the others, and the legend says how many there are."""
    length = np.where(np.arange(60) // 2 % 2 == 0, np.inf, 100.0 + np.arange(60))
    scan = Made(fill={"plateau_length": length})
    ax = scanplot.histograms_figure(scan).axes[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        f"{rule}: 15 of 30 (15 not left by 300)" for rule in ("FA", "BP")
    ]
    assert ax.get_xlim()[1] < 200  # nothing at the last alpha
    counted = sum(np.histogram(length[np.isfinite(length)][::2], 41)[0])
    assert counted == 15
    mesh = scanplot.map_figure(scan, "plateau_length", "eta", "sigma").axes[0].collections[0]
    assert mesh.norm.vmax == np.max(length[np.isfinite(length)])


def test_fa_above_bp_is_a_share_of_those_that_are_decided():
    """Two plateaus that are not left, or two errors that are rounding, are not."""
    inf, nan = np.inf, np.nan
    first = scanpanels.above(np.array([1.0, 3.0, inf]), np.array([2.0, 2.0, 2.0]))
    assert first == "FA above BP for 67 % of the starts"
    some = scanpanels.above(np.array([1.0, inf, inf, nan]), np.array([2.0, inf, 5.0, 1.0]))
    assert some == "FA above BP for 50 % of 2 starts, 1 undecided"
    assert "undecided for all" in scanpanels.above(np.full(3, inf), np.full(3, inf))
    title = scanplot.rules_figure(Made(fill={"plateau_length": inf, "eps_g_final": 1e-17})).axes
    assert ["0 %" in ax.get_title() for ax in title] == [False, False]
    assert all("undecided for all" in ax.get_title() for ax in title)


def test_a_running_median_counts_what_is_not_left():
    """Above all others: where it is more than half there is no median, else it is theirs and not that of the rest."""
    length = np.tile([1.0, 2.0, np.inf, 3.0, np.inf], 100)
    scan = Made(500, ("fa",), fill={"plateau_length": length}, draw=np.arange(500))
    (line,) = scanplot.against_figure(scan, "plateau_length", "draw").axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), 3.0)
    scan = Made(500, ("fa",), fill={"plateau_length": np.where(length > 1, np.inf, 1.0)}, draw=np.arange(500))
    (line,) = scanplot.against_figure(scan, "plateau_length", "draw").axes[0].lines
    assert np.isnan(line.get_ydata()).all()


def test_fixed_points_that_differ_have_ticks_that_differ():
    """With four digits where these do; those of one error have one text."""
    problem, (_, (ax, other)) = random_problem(2, 2), page(4, 3, 1, 2)
    for panel, errors in ((ax, (1e-12, 0.01234, 0.01235, 0.5, 0.5)), (other, (2e-6, 0.1, 0.1))):
        theoryplot.spectra(panel, problem, [saddle(problem, error) for error in errors], [])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "0.01234", "0.01235", "0.50000", "0.50000"]
    assert [text.get_text() for text in other.get_yticklabels()] == ["0.000002", "0.100000", "0.100000"]


def test_where_values_repeat_there_is_a_median_at_each():
    """And nothing between them, where nothing was computed; not where more than half are not left."""
    eta, length = np.repeat([0.1, 0.2, 0.5, 50.0], 15), np.arange(60.0) ** 2
    length[30:40] = np.inf
    scan = Made(60, ("fa",), fill={"plateau_length": length}, eta=eta)
    (line,) = scanplot.against_figure(scan, "plateau_length", "eta").axes[0].lines
    assert line.get_linestyle() == "None"
    np.testing.assert_array_equal(line.get_xdata(), [0.1, 0.2, 0.5, 50.0])
    np.testing.assert_array_equal(line.get_ydata(), [7.0**2, 22.0**2, np.nan, 52.0**2])
    few = Made(3, ("fa",), fill={"plateau_length": 1.0}, eta=np.array([0.1, 0.2, 0.5]))
    assert not scanplot.against_figure(few, "plateau_length", "eta").axes[0].lines


@pytest.mark.parametrize("x", ["b_angle", "b[0]", "b_smallest"])
def test_backpropagation_has_no_axis_of_feedback_weights(x):
    """FA alone is drawn against them; a scan of BP alone is refused."""
    angle = {"b_angle": np.linspace(0, 180, 60), "b[0]": np.linspace(0, 1, 60)}
    for figure in (
        scanplot.against_figure(Made(**angle), "eps_g_final", x),
        scanplot.map_figure(Made(**angle), "eps_g_final", x, "eta"),
    ):
        assert figure.axes[0].get_title() in ("FA", "")
        assert not any("BP" in ax.get_title() for ax in figure.axes)
    with pytest.raises(InputError, match=f"{re.escape(x)} is of the feedback weights"):
        scanplot.against_figure(Made(rules=("bp",), **angle), "eps_g_final", x)
    names = list(scanplot.figures(Made(rules=("bp",), **angle)))
    assert names[0] == "plateau_length_map"  # of eta and sigma


def test_a_study_shows_where_a_plateau_is_not_left():
    """As triangles above the axes, which the legend explains on any scale; those of both rules are seen."""
    values = np.array([0.1, 0.2, 0.4])
    variations, said = Variations(Experiment(K=2, M=2), {"eta": values.tolist()}), r"not left by the last $\alpha$"
    for size in (1.0, 100.0):
        numbers = {name: np.array([np.inf, 2.0, 1.0]) * size for name in STUDIED}
        figure = theoryplot.study_figure(
            Study(variations, "eta", values, dict.fromkeys(("fa", "bp"), numbers)), "plateau_length"
        )
        assert {f"FA, {said}", f"BP, {said}"} <= set(entries(figure))
        fa, bp = (line for line in figure.axes[0].lines if str(line.get_label()).endswith(said))
        for line in (fa, bp):
            np.testing.assert_array_equal(line.get_xdata(), [0.1])
            assert line.get_ydata()[0] > 1
            assert line.get_markerfacecolor() == "none"
        assert fa.get_markersize() > 1.5 * bp.get_markersize()


@pytest.mark.parametrize("first", [np.inf, np.nan])
@pytest.mark.parametrize("rest", [np.inf, np.nan, 1.0])
def test_a_study_has_all_its_values_on_the_axis(first, rest):
    """Those without a number, too, and where none has one."""
    values = np.array([0.1, 1.0, 100.0])
    numbers = {name: np.array([first, rest, first]) for name in STUDIED}
    variations = Variations(Experiment(K=2, M=2, rule="fa"), {"eta": values.tolist()})
    ax = theoryplot.study_figure(Study(variations, "eta", values, {"fa": numbers}), "plateau_length").axes[0]
    low, high = ax.get_xlim()
    assert low < 0.1 < 100 < high
    assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 2
    assert [text.get_text() for text in ax.texts] == ([] if rest == 1 else ["none finite"])


def test_every_quantity_has_a_label():
    assert set(SUMMARY) <= set(style.LABELS)
    assert style.label("cosine") == "$F/(|v||b|)$"
