"""The figures: what is drawn is the data, everything is labelled, nothing needs a screen."""

import numpy as np
import pytest
from conftest import random_problem

from stdyn import InputError, Trajectory, initial, integrate, plot, simulate_network
from stdyn.problem import Problem

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
    shown = plot.markers_at(runs.alphas)
    np.testing.assert_allclose(markers, np.column_stack([runs.alphas[shown], runs.F[:, shown].mean(axis=0)]))


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2), slice(2, 4)], ids=["theory", "runs", "bp"])
def test_any_part_can_be_drawn_alone(results, chosen):
    """Theory without runs, runs without theory, one rule only."""
    assert "generalization" in plot.figures(results[chosen])


def test_several_outputs_and_many_students():
    """v has one curve an output; more students than colours."""
    figures = plot.figures([*pair("fa", O=2), *pair("fa", K=9)])
    assert list(figures)[:2] == ["fa_order_parameters", "fa_order_parameters_2"]


def test_the_symmetric_start_gets_its_figure():
    """Only where the theory never tells the teacher units apart."""
    problem = Problem(initial.prepared(2, 2), N=20, eta=0.5, eta_v=0.0)
    runs = simulate_network(problem, ALPHAS, runs=2, rng=np.random.default_rng(1))
    figure = plot.figures([integrate(problem, ALPHAS), runs])["symmetry"]
    assert len(figure.axes) == 2
    spread = plot.teacher_spread(runs.R)
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
