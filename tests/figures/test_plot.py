"""The figures: what is drawn is the data, everything is labelled, nothing needs a screen."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from matplotlib.collections import PolyCollection

from stdyn import InputError, Trajectory, initial, integrate, outputplot, plot, simulate_network, simulate_reduced
from stdyn.analysis import comparison
from stdyn.figures import panels
from stdyn.figures.finiteplot import teacher_spread
from stdyn.model.problem import Problem

ALPHAS = np.concatenate([[0], np.geomspace(0.1, 30, 12)])


def pair(rule, O=None, K=3):
    problem = random_problem(K, 2, O, rule=rule, N=20)
    runs = simulate_network(problem, ALPHAS, runs=3, rng=np.random.default_rng(1))
    return [integrate(problem, ALPHAS), runs]


@pytest.fixture(scope="module")
def results():
    return [*pair("fa"), *pair("bp")]


def test_the_figures_of_the_main_job(results, tmp_path):
    """Order parameters of both rules, alignment and generalization error; every axes labelled, every file a PNG."""
    figures = plot.figures(results)
    assert list(figures) == ["fa_order_parameters", "bp_order_parameters", "alignment", "generalization"]
    for name, figure in figures.items():
        for ax in figure.axes:
            assert ax.get_xlabel()
            assert ax.get_ylabel()
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_lines_are_the_theory_and_markers_the_mean_of_the_runs(results):
    """The coordinates in the axes are the numbers of the trajectories."""
    theory, runs = results[:2]
    ax = plot.figures(results)["alignment"].axes[0]
    line = ax.get_lines()[0]
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([theory.alphas, theory.F]))
    markers = ax.containers[0][0].get_xydata()
    shown = panels.markers_at(runs.alphas)
    np.testing.assert_allclose(markers, np.column_stack([runs.alphas[shown], runs.F[:, shown].mean(axis=0)]))


def test_reduced_runs_are_bands(results):
    """Mean and standard deviation of the reduced runs around F; 5 and 95 % of eps_g."""
    theory, runs = results[:2]
    reduced = simulate_reduced(runs.problem, ALPHAS, runs=40, rng=np.random.default_rng(2))
    figures = plot.figures([theory, runs, reduced])
    F, eps_g = reduced.F, reduced.eps_g
    wanted = {
        "alignment": (F.mean(axis=0) - F.std(axis=0), F.mean(axis=0) + F.std(axis=0)),
        "generalization": np.percentile(eps_g, [5, 95], axis=0),
    }
    for name, (low, high) in wanted.items():
        bands = [each for each in figures[name].axes[0].collections if isinstance(each, PolyCollection)]
        corners = bands[0].get_paths()[0].vertices
        for edge in (low, high):
            for point in zip(reduced.alphas, edge, strict=True):
                assert np.isclose(corners, point).all(axis=1).any()


def test_reduced_runs_can_be_drawn_alone():
    """With their mean as a line; a figure of every kind."""
    problem = random_problem(3, 2, N=20)
    reduced = simulate_reduced(problem, ALPHAS, runs=9, rng=np.random.default_rng(1))
    ax = plot.figures([reduced])["alignment"].axes[0]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), reduced.F.mean(axis=0))


def test_ensembles_of_several_sizes_are_drawn_against_N():
    """The points are the numbers of comparison.finite_size; two sizes are not enough for this figure."""
    problem = random_problem(2, 2, N=20)
    theory = integrate(problem, [0, 1.0])
    ensembles = [
        simulate_reduced(replace(problem, N=N), [0, 1.0], runs=400, rng=np.random.default_rng(N)) for N in (40, 10, 20)
    ]
    figures = plot.figures([*ensembles, theory])
    assert list(figures) == ["deviation"]
    lines = figures["deviation"].axes[0].get_lines()
    points = next(line for line in lines if line.get_label() == "FA, a single run").get_xydata()
    wanted = [(runs.problem.N, comparison.finite_size(runs, theory)[0]) for runs in ensembles]
    np.testing.assert_allclose(points, sorted(wanted))
    assert "deviation" not in plot.figures([*ensembles[:2], theory])
    assert {"deviation", "generalization"} < plot.figures([*ensembles, theory, *pair("bp")]).keys()


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2), slice(2, 4)], ids=["theory", "runs", "bp"])
def test_any_part_can_be_drawn_alone(results, chosen):
    """Theory without runs, runs without theory, one rule only."""
    assert "generalization" in plot.figures(results[chosen])


def test_several_outputs_and_many_students():
    """v has one curve an output; more students than colours."""
    figures = plot.figures([*pair("fa", O=2), *pair("fa", K=9)])
    assert list(figures)[:2] == ["fa_order_parameters", "fa_order_parameters_2"]


@pytest.mark.parametrize(("place", "names"), [(0, ("F", "F_per_output")), (1, ("alignment", "alignment_per_output"))])
def test_the_alignment_of_each_output_is_drawn_beside_that_of_all(place, names):
    """Thin, each with a dash and a marker of its own; bands and markers of the runs as for all."""
    theory, runs = pair("fa", O=3)
    reduced = simulate_reduced(runs.problem, ALPHAS, runs=9, rng=np.random.default_rng(2))
    ax = plot.figures([theory, runs, reduced])["alignment"].axes[place]
    drawn = dict(zip(("all outputs", "output 1", "output 2", "output 3"), ax.containers, strict=True))
    assert [each.get_label() for each in ax.containers] == list(drawn)
    lines = [line for line in ax.get_lines() if np.array_equal(line.get_xdata(), ALPHAS)]
    wanted = np.column_stack([getattr(theory, names[0]), getattr(theory, names[1])])
    np.testing.assert_array_equal(np.column_stack([line.get_ydata() for line in lines]), wanted)
    assert lines[0].get_linewidth() > max(line.get_linewidth() for line in lines[1:])
    assert len({line.get_linestyle() for line in lines}) == len({each[0].get_marker() for each in ax.containers}) == 4
    shown = panels.markers_at(runs.alphas)
    means = getattr(runs, names[1])[:, shown].mean(axis=0)
    np.testing.assert_allclose(np.column_stack([each[0].get_ydata() for each in ax.containers[1:]]), means)
    assert sum(isinstance(each, PolyCollection) for each in ax.collections) == 4


def test_six_outputs_are_drawn():
    """There are dashes for all of them, in v and in the alignment."""
    theory = integrate(random_problem(2, 2, 6, N=20), ALPHAS)
    figures = plot.figures([theory])
    cosines = [line.get_ydata() for line in figures["alignment"].axes[1].get_lines()[1:7]]
    np.testing.assert_array_equal(np.column_stack(cosines), theory.alignment_per_output)
    layer = [
        line for line in figures["fa_order_parameters"].axes[2].get_lines() if len(line.get_xdata()) == len(ALPHAS)
    ]
    np.testing.assert_array_equal(np.column_stack([line.get_ydata() for line in layer]), theory.v.reshape(-1, 12))


@pytest.mark.parametrize("O", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_outputs_of_runs_alone_are_told_apart_by_lines_through_their_means(O):
    """In the dash that the legend gives an output; the legend covers no curve. With a theory its lines have them."""
    theory, runs = pair("fa", O=O)
    for given in ([runs], [theory, runs]):
        figure = plot.figures(given)["fa_order_parameters"]
        ax = figure.axes[2]
        lines = [
            line for line in ax.get_lines() if len(line.get_xdata()) == len(ALPHAS) and line.get_marker() == "None"
        ]
        legend = ax.get_legend()
        dashes = [line._unscaled_dash_pattern for line in legend.get_lines()]
        assert len({str(dash) for dash in dashes}) == O
        assert [line._unscaled_dash_pattern for line in lines] == 3 * dashes
        wanted = runs.v.mean(axis=0) if given == [runs] else theory.v
        np.testing.assert_allclose([line.get_ydata() for line in lines], wanted.reshape(len(ALPHAS), -1).T)
        figure.canvas.draw()
        box = legend.get_window_extent()
        for line in lines:
            path = line.get_path().interpolated(20).vertices
            assert not any(box.contains(*at) for at in line.get_transform().transform(path[path[:, 0] > 0]))


def test_one_output_is_drawn_as_all():
    """No curves of single outputs, whether or not v has an axis of outputs."""
    for O in (None, 1):
        ax = plot.figures(pair("fa", O=O))["alignment"].axes[1]
        assert len(ax.containers) == 1
        assert ax.get_legend() is None


def test_several_numbers_of_outputs_are_drawn_side_by_side(tmp_path):
    """One page: a column for each, eps_g of both rules above the alignment of all outputs and of each."""
    trajectories = [*pair("bp", O=3), *pair("fa", O=3), *pair("fa"), *pair("bp")]
    (name, figure), *rest = outputplot.figures(trajectories).items()
    assert (name, rest) == ("outputs", [])
    errors, cosines = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title().partition(",")[0] for ax in errors] == ["O = 1", "O = 3"]
    assert errors[0].get_ylim() == errors[1].get_ylim()
    for ax, some in zip(errors, (trajectories[4:], trajectories[2:4] + trajectories[:2]), strict=True):
        lines = [line.get_ydata() for line in ax.get_lines() if line.get_label().endswith("ODE")]
        np.testing.assert_array_equal(lines, [some[0].eps_g, some[2].eps_g])
    assert [len(ax.containers) for ax in cosines] == [1, 4]
    squares = np.sum(trajectories[0].problem.start.v_teacher ** 2, axis=1)
    assert f"= {squares.mean():.2g}" in errors[1].get_title()
    figure.savefig(tmp_path / "page.png")
    assert len(outputplot.figures([*pair("bp"), *pair("bp", O=2)])["outputs"].axes) == 2  # without feedback
    assert list(outputplot.figures(pair("bp"))) == list(plot.figures(pair("bp")))


def test_the_page_of_outputs_says_what_its_columns_share():
    """A rate that differs is left to the legend; a column without feedback stays empty below."""
    one, two = (integrate(replace(random_problem(2, 2, 2, N=20), eta=eta), ALPHAS) for eta in (0.3, 0.4))
    figure = outputplot.figures([one, two, *pair("bp")])["outputs"]
    assert "eta$ = 0.3" not in figure.axes[1].get_title()
    assert "FA, eta = 0.4, ODE" in figure.axes[1].get_legend_handles_labels()[1]
    assert not figure.axes[2].axison
    assert figure.axes[3].get_legend_handles_labels()[1].count("output 2") == 2
    empty = replace(one, alphas=one.alphas[:0], R=one.R[:0], Q=one.Q[:0], v=one.v[:0])
    with pytest.raises(InputError, match="nothing to draw"):
        outputplot.figures([empty, *pair("bp")])


def test_the_symmetric_start_gets_its_figure():
    """Only where the theory never tells the teacher units apart."""
    problem = Problem(initial.prepared(2, 2), N=20, eta=0.5, eta_v=0.0)
    runs = simulate_network(problem, ALPHAS, runs=2, rng=np.random.default_rng(1))
    figure = plot.figures([integrate(problem, ALPHAS), runs])["symmetry"]
    assert len(figure.axes) == 2
    spread = teacher_spread(runs.R)
    assert spread.shape == (2, len(ALPHAS))
    assert (spread[:, -1] > 0).all()


def test_runs_that_diverged_leave_the_others_drawn():
    """NaN of a diverged run is left out of mean and spread."""
    theory, runs = pair("fa")
    R = runs.R.copy()
    R[0, 5:] = np.nan
    figures = plot.figures([theory, Trajectory(runs.problem, runs.alphas, R, runs.Q, runs.v, "network")])
    assert "alignment" in figures


def test_nothing_to_draw_is_said():
    """A trajectory without an alpha."""
    theory = pair("bp")[0]
    empty = Trajectory(theory.problem, theory.alphas[:0], theory.R[:0], theory.Q[:0], theory.v[:0], "ode")
    with pytest.raises(InputError, match="nothing to draw"):
        plot.figures([empty])
