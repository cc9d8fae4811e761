"""Tasks and rules in pictures: the points are the numbers, every task is drawn, b of Kolen-Pollack moves."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import legends, made, results, unreadable
from matplotlib.colors import to_rgb

import stdyn
from stdyn import InputError, plot, protocolplot, schedule
from stdyn.figures import pages, panels, style
from stdyn.figures.pairs import Pair, pair_up
from stdyn.model.initial import random_weights

ALPHAS = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
SWITCH = 2  # where among them the second task begins


def learned(rule, similarity, runs=None):
    """Two tasks with a head each; the theory, or reduced runs."""
    T, tasks = stdyn.similar(1, similarity, at=[0, ALPHAS[SWITCH]], heads=2)
    start = random_weights(2, 2, 100, 0.2, np.random.default_rng(1), T, 0.1 * np.eye(2), tasks.v_teacher[0])
    b = None if rule == "bp" else np.array([[1.0, -0.5], [0.3, 1.0]])
    problem = stdyn.Problem(start, N=20, rule=rule, b=b, eta=1.0, eta_v=1.0, tasks=tasks)
    if runs is None:
        return stdyn.integrate(problem, ALPHAS)
    return stdyn.simulate_reduced(problem, ALPHAS, runs=runs, rng=np.random.default_rng(2))


@pytest.fixture(scope="module")
def compared():
    """(name, similarity, theory, runs), not in the order of similarity."""
    return [(rule.upper(), s, learned(rule, s), learned(rule, s, 3)) for s in (0.8, 0.0, 0.4) for rule in ("fa", "bp")]


def test_points_of_the_figure_of_forgetting_are_the_numbers(compared):
    """eps_g of task 1 at the end less that at the switch; of task 2 at the start less that at the switch."""
    figure = protocolplot.forgetting_figure(compared)
    assert not unreadable(figure)
    for ax, of in zip(figure.axes, (lambda e: e[-1, 0] - e[SWITCH, 0], lambda e: e[0, 1] - e[SWITCH, 1]), strict=True):
        curves = [line for line in ax.lines if line.get_linestyle() != "None" and len(line.get_xdata()) == 3]
        for name, line in zip(("FA", "BP"), curves, strict=True):
            found = {s: of(theory.eps_g_per_task) for called, s, theory, _ in compared if called == name}
            np.testing.assert_array_equal(line.get_xdata(), [0.0, 0.4, 0.8])
            np.testing.assert_allclose(line.get_ydata(), [found[s] for s in (0.0, 0.4, 0.8)], rtol=1e-12)
        for name, bars in zip(("FA", "BP"), ax.containers, strict=True):
            of_runs = {s: [of(e) for e in runs.eps_g_per_task] for called, s, _, runs in compared if called == name}
            means, ends = bars.lines[0].get_ydata(), [each[:, 1] for each in bars.lines[2][0].get_segments()]
            for s, mean, (low, high) in zip((0.0, 0.4, 0.8), means, ends, strict=True):
                assert mean == pytest.approx(np.mean(of_runs[s]), rel=1e-12)
                assert (high - low) / 2 == pytest.approx(np.std(of_runs[s]), rel=1e-9)
    assert [text.get_text() for text in legends(figure)[0].get_texts()] == ["FA", "BP"]
    assert "similarity" in figure.axes[1].get_xlabel()
    assert "mean ± s.d. of 3 reduced runs at N = 20" in figure.get_suptitle()


def test_forgetting_needs_several_tasks():
    one = made(random_problem(2, 2))
    with pytest.raises(InputError, match="several tasks, but one has a single task"):
        protocolplot.forgetting_figure([("FA", 0.0, one, None)])
    with pytest.raises(InputError, match="of a rule with feedback weights"):
        protocolplot.rules_figure(pair_up([made(random_problem(2, 2, rule="bp"))]))


def test_every_task_is_drawn(compared):
    """Its eps_g, with a colour and a dash of its own; of two problems in a panel each, of one in one axes."""
    of = [[theory, runs] for _, s, theory, runs in compared if s == 0.4]
    figure = plot.figures([each for both in of for each in both])["generalization"]
    assert not unreadable(figure)
    assert [ax.get_title() for ax in figure.axes] == ["FA", "BP"]
    assert "dotted upright: task switch" in figure.get_suptitle()
    panels = [*zip(figure.axes, of, strict=True), (plot.figures(of[0])["generalization"].axes[0], of[0])]
    for ax, (theory, runs) in panels:
        upright, *curves = sorted(ax.lines, key=lambda line: len(line.get_xdata()))
        assert upright.get_xdata()[0] == ALPHAS[SWITCH]
        assert len(curves) == 2
        assert len({line.get_color() for line in curves}) == len({line.get_linestyle() for line in curves}) == 2
        for task, line in enumerate(curves):
            np.testing.assert_allclose(line.get_ydata(), theory.eps_g_per_task[:, task], rtol=1e-12)
        tops = [each.get_paths()[0].vertices[:, 1].max() for each in ax.collections]
        np.testing.assert_allclose(tops, np.percentile(runs.eps_g_per_task, 95, axis=0).max(axis=0), rtol=1e-9)
    names = [text.get_text() for text in legends(figure)[0].get_texts()]
    assert {"task 1, ODE", "task 2, ODE"} <= set(names)


@pytest.mark.parametrize("O", [None, 2])
def test_feedback_weights_of_kolen_pollack_are_drawn_as_they_move(O):
    """Dashed if there is one output, else pale; at the right edge the end of them; those of other rules are ticks."""
    problem = replace(random_problem(2, 2, O, decay_v=0.5), rule="kp")
    theory, runs = made(problem), made(problem, 3, "network")
    ax = panels.second_layer(pages.page(4, 3)[1][0], Pair(theory, runs))
    edge = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == 4]
    np.testing.assert_allclose(edge, theory.b[-1].ravel(), rtol=1e-12)
    assert np.abs(theory.b[-1] - problem.b).max() > 0.1
    if O is None:
        moving = [line for line in ax.lines if line.get_linestyle() == "--" and line.get_linewidth() == 0.8]
    else:
        moving = [line for line in ax.lines if line.get_alpha() == 0.35]
        assert [line.get_linestyle() for line in moving] == 2 * ["-", "--"]
    for line, values in zip(moving, theory.b.reshape(len(theory.alphas), -1).T, strict=True):
        np.testing.assert_allclose(line.get_ydata(), values, rtol=1e-12)
    assert ("dashed" if O is None else "pale") in ax.get_ylabel()
    np.testing.assert_allclose(panels.feedback(Pair(runs=runs)), runs.b.mean(axis=0), rtol=1e-12)
    fixed = Pair(made(replace(problem, rule="fa")))
    still = panels.second_layer(pages.page(4, 3)[1][0], fixed).lines
    assert not [line for line in still if line.get_linewidth() == 0.8 or line.get_alpha()]
    np.testing.assert_array_equal(panels.feedback(fixed), np.broadcast_to(problem.b, fixed.theory.v.shape))


@pytest.mark.slow
def test_the_figures_of_every_rule():
    """Nothing cut off; F and its cosine of the rules that have b, eps_g of backpropagation."""
    fa = results(2, 2, None, "fa", decay_v=0.01)
    several = {
        rule: [made(replace(each.problem, rule=rule, **more), each.runs, each.method) for each in fa]
        for rule, more in (("kp", {}), ("mixed", {"mixture": 0.5}))
    }
    figures = plot.figures([*fa, *several["kp"], *several["mixed"]])
    names = {f"{rule}_order_parameters" for rule in ("fa", "kp", "mixed")}
    assert set(figures) == names | {"alignment", "generalization"}
    for name, figure in figures.items():
        assert not unreadable(figure)
        if name in names:
            assert figure.axes[3].get_ylabel() == r"$F = v \cdot b$"


@pytest.mark.parametrize("decay_v", [0.02, schedule.steps([0, 30], [0.1, 0.01])])
def test_rules_of_one_start(decay_v):
    """|b - v| of Kolen-Pollack is on its law, that of feedback alignment is not; four panels, a name for every rule."""
    some = results(2, 2, None, "fa", decay_v=decay_v)
    problems = [replace(some[0].problem, rule=rule) for rule in ("fa", "kp")]
    problems.append(replace(some[0].problem, rule="bp", b=None))
    every = [made(problem, each.runs, each.method) for problem in problems for each in some]
    figure = protocolplot.rules_figure(pair_up(every))
    assert decay_v != 0.02 or not unreadable(figure)
    apart, (fa, kp) = figure.axes[2], (made(each) for each in problems[:2])
    lines = {line.get_label(): line for line in apart.lines if len(line.get_xdata()) == len(kp.alphas)}
    (law,) = (line for name, line in lines.items() if "lambda_v" in name)
    np.testing.assert_allclose(lines["KP"].get_ydata(), law.get_ydata(), rtol=1e-12)
    alphas = kp.alphas
    used = 0.02 * alphas if decay_v == 0.02 else np.where(alphas < 30, 0.1 * alphas, 3 + 0.01 * (alphas - 30))
    start = np.linalg.norm(kp.problem.b - kp.problem.start.v)
    np.testing.assert_allclose(law.get_ydata(), start * np.exp(-used), rtol=1e-12)
    np.testing.assert_allclose(lines["FA"].get_ydata(), np.linalg.norm(fa.b - fa.v, axis=-1), rtol=1e-12)
    assert np.abs(np.log(lines["FA"].get_ydata() / law.get_ydata())).max() > 0.1
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["FA", "KP", "BP"]
    assert figure.axes[3].get_title() == "KP: full $v$, dashed $b$"


def test_rules_of_which_none_is_kolen_pollack():
    """Have no panel of its b and v."""
    figure = protocolplot.rules_figure(pair_up([made(random_problem(2, 2))]))
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]


def test_distance_of_runs_without_theory():
    """A band and its mean, a single run as a line, networks as markers."""
    problem = replace(random_problem(2, 2), rule="kp")
    for runs in (Pair(reduced=made(problem, 3, "reduced")), Pair(reduced=made(problem, 1, "reduced")),
                 Pair(runs=made(problem, 3, "network"))):  # fmt: skip
        ax = protocolplot.distance(pages.page(4, 3)[1][0], runs, style.RULES["kp"], "KP")
        assert "KP" in ax.get_legend_handles_labels()[1]
        assert to_rgb(ax.lines[0].get_color()) == to_rgb(style.RULES["kp"].colour)
    with pytest.raises(InputError, match="pair must be of a rule with feedback weights"):
        protocolplot.decayed(pages.page(4, 3)[1][0], Pair(made(random_problem(2, 2, rule="bp"))))
