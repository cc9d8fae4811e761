"""Several problems in one figure: titles say what is true of all, legends tell apart what is not."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import Made, escaping, legends, made, trained

from stdyn import Experiment, Variations, layerplot, outputplot, plot, scanplot, theoryplot
from stdyn.figures.pairs import common, distinctions, names, pair_up
from stdyn.scans.studies import STUDIED, Study


def entries(figure):
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


ERF, MORE = random_problem(1, 1), random_problem(12, 3, activation="tanh")


@pytest.mark.parametrize(
    ("other", "said", "gone"),
    [
        (MORE, ["K = 12, M = 3, activation = tanh", "K = 1, M = 1, activation = erf"], ["K = ", "M = ", "erf"]),
        (random_problem(1, 3), ["M = 1", "M = 3"], ["M = "]),
        (replace(ERF, activation="tanh"), ["activation = erf", "activation = tanh"], ["erf", "tanh"]),
        (replace(ERF, decay_v=0.2), ["decay_v = 0.02", "decay_v = 0.2"], ["decay_v"]),
    ],
)
def test_what_differs_is_in_the_legend_and_not_in_the_title(other, said, gone):
    """Units, activations, decays; what is left in the title is true of all, whichever is the first."""
    for some in ([ERF, other], [other, ERF]):
        figures = plot.figures([made(each) for each in some])
        for name in ("alignment", "generalization"):
            assert {each for text in entries(figures[name]) for each in said if each in text} == set(said)
            assert not any(each in figures[name].get_suptitle() for each in gone)
    assert "K = M = 1, erf" in plot.figures([made(ERF)])["generalization"].get_suptitle()


def test_columns_of_outputs_say_what_all_of_a_column_share():
    """And how long the vectors are from the least to the largest."""
    two = random_problem(2, 2, 2)
    longer = replace(two, activation="tanh", b=3 * two.b)
    title = outputplot.outputs_page([made(each) for each in (ERF, two, longer)]).axes[1].get_title()
    assert "O = 2, K = M = 2, $" in title
    squares = np.sum(two.b**2) / 2
    assert f"|b_i|^2$ = {squares:.2g} to {9 * squares:.2g}" in title


def test_results_of_one_problem_are_runs_of_it():
    """With other seeds; two starts are starts, of which FA and BP may have the same; all names differ."""
    same, other = random_problem(2, 2), random_problem(2, 2, seed=5)
    bp = replace(same, rule="bp", b=None)
    runs = [made(same, 3, "network") for _ in range(2)]
    figures = plot.figures(runs)
    assert entries(figures["generalization"]) == ["FA, runs 1, 3 runs, N = 50", "FA, runs 2, 3 runs, N = 50"]
    assert entries(figures["alignment"]) == ["runs 1", "runs 2"]
    assert distinctions(pair_up([made(same), made(same)])) == ["solution 1", "solution 2"]
    assert distinctions(pair_up([made(same), made(other)])) == ["start 1", "start 2"]
    assert distinctions(pair_up([made(same), made(replace(same, b=2 * same.b))])) == ["b 1", "b 2"]
    pairs = pair_up([made(same), made(bp), made(other), made(same), made(replace(same, eta=0.9))])
    assert [name for _, name in names(pairs)] == [
        f"FA, eta = {same.eta:g}, start 1, solution 1", f"BP, eta = {same.eta:g}, start 1",
        f"FA, eta = {same.eta:g}, start 2", f"FA, eta = {same.eta:g}, start 1, solution 2", "FA, eta = 0.9",
    ]  # fmt: skip


def test_scans_over_activations_name_all_of_them():
    """In the titles; in the legend of trajectories each has its own."""
    kinds = np.array(["erf", "tanh", "relu"])[np.arange(60) // 2 % 3]

    class Varied(Made):
        def problem(self, point):
            return random_problem(2, 2, rule=self.coordinates["rule"][point], activation=str(kinds[point]))

    figures = scanplot.figures(Varied(activation=kinds))
    assert all("K = M = 2, erf or tanh or relu, " in figure.get_suptitle() for figure in figures.values())
    for text in entries(figures["trajectories"]):
        point = int(text.split("point ")[1].partition(",")[0])
        assert text.endswith(f", {kinds[point]}")
    usual = scanplot.trajectories_figure(Made())
    assert "K = M = 2, erf, " in usual.get_suptitle()
    assert not any("erf" in text for text in entries(usual))


def test_theories_of_several_problems_share_what_their_title_says():
    """Plateaus, escape times, deviations against N, symmetric starts, studies, trainings."""
    one, two = (random_problem(2, 2, eta=eta, N=20) for eta in (0.25, 0.5))
    assert "eta$" not in common([one, two]).replace("eta_v", "")
    results = [(made(each), [], []) for each in (one, two)]
    figure = theoryplot.plateaus_figure(results)
    assert {"FA, eta = 0.25", "FA, eta = 0.5"} <= set(entries(figure))
    sizes = [made(replace(each, N=N), 9, "reduced", [0.0, 1.0]) for each in (one, two) for N in (20, 40, 80)]
    deviations = plot.figures([made(one, alphas=[0.0, 1.0]), made(two, alphas=[0.0, 1.0]), *sizes])["deviation"]
    assert {"FA, eta = 0.25, a single run", "FA, eta = 0.5, a single run"} <= set(entries(deviations))
    escapes = theoryplot.escape_figure([(each, escaping(each), {100: np.array([5.0])}) for each in (one, two)])
    alike = [made(each, values=0.5) for each in (one, two)]
    symmetry = plot.figures(alike)["symmetry"]
    assert entries(symmetry) == ["FA, eta = 0.25, ODE", "FA, eta = 0.5, ODE"]
    for each in (figure, deviations, escapes, symmetry):
        assert r"$\eta$" not in each.get_suptitle()
    variations = Variations(Experiment(K=2, M=2, rule="bp"), {"decay": [0.1, 0.2]})
    numbers = {name: np.array([2.0, 1.0]) for name in STUDIED}
    study = theoryplot.study_figure(Study(variations, "decay", np.array([0.1, 0.2]), {"bp": numbers}), "escape_rate")
    assert "decay" not in study.get_suptitle()
    histories = [trained("fa"), replace(trained("bp"), lr=0.3)]
    assert "learning rate 0.1 or 0.3, batches of 10" in layerplot.errors_figure(histories).get_suptitle()


def test_a_student_beside_a_layered_network_has_its_own_size():
    figure = layerplot.alignment_page([made(ERF), made(MORE)], [trained("fa")])
    assert "K = 1, M = 1; K = 12, M = 3" in figure.axes[0].get_title().replace("\n", " ")
