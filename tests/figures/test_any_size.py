"""Every figure of any number of units, outputs, seeds, problems, runs and alphas, and of 0, NaN or rounding only."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import (
    ALPHAS,
    Made,
    escaping,
    legends,
    made,
    plateau,
    results,
    saddle,
    scattered,
    trained,
    unreadable,
)  # fmt: skip

from stdyn import Experiment, Variations, layerplot, outputplot, plot, scanplot, theoryplot
from stdyn.analysis.summary import SUMMARY
from stdyn.figures import style
from stdyn.scans.studies import STUDIED, Study

SIZES = [  # K, M, O, rule, alphas, what everything is
    (5, 2, 4, "fa", ALPHAS[:4], None), (30, 10, None, "bp", ALPHAS[:3], None),
]  # fmt: skip
MORE = [
    (2, 5, 5, "bp", ALPHAS[:4], None),
    (1, 1, None, "fa", ALPHAS, None), (8, 30, None, "fa", ALPHAS[:3], None), (3, 3, 12, "fa", ALPHAS[:3], None),
    (3, 3, None, "bp", [0.0], None), (2, 2, 2, "fa", [5.0], None), (2, 2, None, "fa", ALPHAS, 0.0),
    (2, 2, 2, "fa", ALPHAS, np.nan), (2, 2, None, "fa", ALPHAS, 1e-18),
]  # fmt: skip


def slow(case):
    return pytest.param(*case, marks=pytest.mark.slow)


def all_readable(figures):
    wrong = {name: found for name, figure in figures.items() if (found := unreadable(figure))}
    assert not wrong
    return figures


@pytest.mark.parametrize(("K", "M", "O", "rule", "alphas", "values"), [*SIZES, *map(slow, MORE)])
def test_trajectories_of_any_size(K, M, O, rule, alphas, values):
    """Nothing is cut off, no tick labels overlap, no warning."""
    all_readable(plot.figures(results(K, M, O, rule, alphas, values=values)))


def test_every_student_has_a_colour_and_an_entry_of_its_own():
    """Thirty of them; the colours get lighter from the first to the last, so that they read in grey."""
    for number in (7, 8, 30):
        assert len(set(style.colours(number))) == number
    rgb = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in style.colours(30)]
    assert (np.diff(np.array(rgb) @ [0.299, 0.587, 0.114]) > 0).all()
    (legend,) = plot.order_parameters_figure(plot.pair_up(results(30, 1, None, "bp", [0.0, 1.0]))[0]).legends
    assert [text.get_text() for text in legend.get_texts()] == [f"i = {i}" for i in range(1, 31)]


@pytest.mark.slow
def test_many_problems_and_columns_of_outputs():
    """A colour and an entry each, with the digits that tell them apart; a column for each number of outputs."""
    etas = np.linspace(0.1, 1, 12)
    theories = [made(random_problem(2, 2, eta=eta)) for eta in etas]
    figure = plot.generalization_figure(plot.pair_up(theories))
    assert not unreadable(figure)
    (legend,) = legends(figure)
    assert [text.get_text() for text in legend.get_texts()] == [f"FA, eta = {eta:.3g}" for eta in etas]
    assert "eta$ = 0.1" not in figure.get_suptitle()  # which only the first has
    assert not unreadable(plot.alignment_figure(plot.pair_up(theories)))
    columns = [each for O, rule in ((None, "fa"), (4, "fa"), (10, "bp"), (10, "fa"))
               for each in results(2, 2, O, rule, ALPHAS[:4])]  # fmt: skip
    all_readable(outputplot.figures(columns))


@pytest.mark.slow
def test_sizes_against_N_and_too_few_runs_for_it():
    """Fewer than eight runs are drawn as any runs are."""
    theory = made(random_problem(2, 2, N=20), alphas=[0.0, 1.0])
    for runs, name in ((9, "deviation"), (3, "generalization")):
        many = [made(random_problem(2, 2, N=N), runs, "reduced", [0.0, 1.0]) for N in (20, 40, 80)]
        figures = plot.figures([theory, *many])
        assert not unreadable(figures[name])
        assert ("deviation" in figures) == (runs == 9)


FILLS = {
    "usual": None, "endless": {"plateau_length": np.inf}, "missing": dict.fromkeys(SUMMARY, np.nan),
    "zero": dict.fromkeys(SUMMARY, 0.0), "rounding": dict.fromkeys(SUMMARY, 1e-18),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fill", FILLS)
def test_scans_of_anything(fill):
    all_readable(scanplot.figures(Made(fill=FILLS[fill])))


@pytest.mark.slow
def test_other_figures_of_scans():
    """A single point, ensembles, any quantities as axes."""
    for scan in (Made(1, ("bp",)), Made(runs=(3,))):
        all_readable(scanplot.figures(scan))
    scan = Made(fill=FILLS["endless"])
    all_readable({"against": scanplot.against_figure(scan, "eps_g_final", "draw"),
                  "map": scanplot.map_figure(scan, "plateau_length", "plateau_start", "plateau_height")})  # fmt: skip


TRAININGS = {
    "usual": [trained(rule, seed) for rule in ("fa", "bp", "dfa") for seed in (1, 2)],
    "deep": [trained(rule, widths=(9, *[5] * 9, 4)) for rule in ("fa", "dfa")],
    "one epoch": [trained("fa", epochs=1)],
    "no epoch": [trained("fa", epochs=0)],
    "zero": [trained("fa", values=0.0), trained("bp", values=0.0)],
    "missing": [trained("dfa", values=np.nan)],
    "many classes": [trained("fa", widths=(9, 5, 100))],
    "one layer": [trained("bp", widths=(9, 4))],
}


@pytest.mark.parametrize("name", ["one epoch", *(slow([name]) for name in TRAININGS if name != "one epoch")])
def test_trainings_of_any_size(name):
    """With ticks at whole epochs only."""
    figures = all_readable(layerplot.figures(TRAININGS[name]))
    ticks = figures["errors"].axes[1].xaxis.get_major_locator()()
    np.testing.assert_array_equal(ticks, np.rint(ticks))


@pytest.mark.slow
def test_one_page_for_cosines_that_are_negative():
    """No band is cut off below, on either side."""
    history = trained("fa")
    history = replace(history, alignment=-0.5 * history.alignment)
    figure = layerplot.alignment_page(results(2, 2, None, "fa"), [history, history])
    assert not unreadable(figure)
    for ax in figure.axes:
        assert ax.get_ylim()[0] < min(-0.5, ax.dataLim.y0)


@pytest.mark.parametrize(
    ("alphas", "valid", "std", "O"), [(ALPHAS, 0.5, 0.1, 3), (ALPHAS, 0, 0.0, None), ([0.0], 1, 1, None)]
)
def test_fluctuations_of_anything(alphas, valid, std, O):  # fmt: skip
    some = results(2, 2, O, "fa", alphas)
    all_readable(theoryplot.fluctuations_figures(scattered(some[0], valid, std), some))


@pytest.mark.slow
def test_plateaus_and_spectra_of_anything():
    """None at all; one that is never left; eigenvalues over ten decades."""
    theory = made(random_problem(2, 2))
    problem = theory.problem
    points = [saddle(problem, 1e-12, 1e-5), *(saddle(problem, 0.01 * n, 10.0 ** (n % 6)) for n in range(15))]
    for result in ((theory, [], []), (theory, [plateau(problem), plateau(problem, np.inf)], points)):
        assert not unreadable(theoryplot.plateaus_figure([result]))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "fill"), [(30, 1.0), (1, np.inf), (1, np.nan), (30, 1e-18)])
def test_studies_of_anything(number, fill):
    values = np.geomspace(0.01, 1, number)
    variations = Variations(Experiment(K=2, M=2, eta_v=0.0, v=1.0, rule="both"), {"eta": values.tolist()})
    rules = {rule: {name: fill * (1.0 + np.arange(number)) for name in STUDIED} for rule in ("fa", "bp")}
    all_readable(theoryplot.study_figures(Study(variations, "eta", values, rules)))


@pytest.mark.slow
def test_escapes_of_anything():
    """Of many N, of runs that have not left, of a single run."""
    problem = random_problem(2, 2)
    times, one = escaping(problem), escaping(problem, np.array([3.0]))
    some = {100: times.at(100)[:9], 1000: np.append(times.at(1000)[:9], np.inf)}
    never = {10**power: np.full(3, np.inf) for power in range(2, 12)}
    for result in ((times, some), (times, never), (one, {100: np.array([5.0])})):
        assert not unreadable(theoryplot.escape_figure([(problem, *result)]))
