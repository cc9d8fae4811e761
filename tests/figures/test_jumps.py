"""What jumps is marked where it jumps, what bends is not; schedules, tasks and regimes are told apart by name."""

from dataclasses import replace

import pytest
from conftest import random_problem
from drawn import Made, legends, made, results, scattered, trained, unreadable

from stdyn import Tasks, layerplot, outputplot, plot, scanplot, schedule, theoryplot
from stdyn.figures import jumps, style
from stdyn.figures.pairs import common, distinctions, names, pair_up

WARM = schedule.linear(at=[0, 7], value=[0, 0.3])
TASKS = Tasks(v_teacher=[[1.0, 0.5], [-1.0, 0.5]], at=[0, 10])
JUMPING = {
    "eta": schedule.steps(at=[0, 5, 20], value=[0.5, 0.1, 0.1]), "eta_v": WARM,
    "sigma": schedule.pieces(at=[0, 7, 40], value=[WARM, 0.3, 0.1]), "tasks": TASKS,
}  # fmt: skip
AT = [5.0, 10.0, 40.0]


def marked(ax):
    """The alphas of the lines that mark a jump, behind the curves."""
    found = [line for line in ax.lines if line.get_gid() == jumps.GID]
    assert all(line.get_zorder() == 0 for line in found)
    return [line.get_xdata()[0] for line in found]


def test_jumps_are_steps_switches_and_pieces_that_do_not_join():
    """Not where a schedule bends, nor where a step, a task or a piece goes on with what there was."""
    problem = random_problem(2, 2, **JUMPING)
    assert jumps.jumps(problem, 300.0) == {"task": [10.0], "eta": [5.0], "sigma": [40.0]}
    assert jumps.jumps(problem, 10.0) == {"eta": [5.0]}  # nothing is seen of what jumps at the last alpha
    rates = {
        "decay": schedule.cosine(0.3, 5, begin=3), "eta": schedule.function(lambda alpha: 1.0 + (alpha >= 4), [2, 4]),
        "drift": schedule.steps([0, 3], [0, 1e-3]),
    }  # fmt: skip
    assert jumps.jumps(random_problem(2, 2, **rates), 9.0) == {"eta": [4.0], "drift": [3.0]}
    mixed = replace(random_problem(2, 2), rule="mixed", mixture=schedule.steps([0, 6], [1, 0.5]))
    assert jumps.jumps(mixed, 9.0) == {"mixture": [6.0]}
    again = replace(TASKS, at=[0, 3, 6], order=[0, 0, 1])
    assert jumps.jumps(random_problem(2, 2, tasks=again), 9.0) == {"task": [6.0]}


def of_trajectories():
    some = results(2, 2, None, "fa", values=0.5, **JUMPING)
    yield from plot.figures(some).values()
    yield theoryplot.fluctuations_figure(scattered(some[0]), some[1:])
    yield theoryplot.plateaus_figure([(some[0], [], [])])
    yield plot.symmetry_figure(pair_up(some))
    two = [made(random_problem(2, 2, 2, sigma=JUMPING["sigma"], eta=JUMPING["eta"]))]
    yield outputplot.outputs_page([made(random_problem(2, 2, sigma=two[0].problem.sigma)), *two])

    class Varied(Made):
        def problem(self, point):
            return replace(some[0].problem, eta=JUMPING["eta"])

    yield scanplot.trajectories_figure(Varied())


@pytest.mark.slow
def test_figures_with_jumps_can_be_read():
    """Nothing is cut off, whatever a title has to say."""
    for figure in of_trajectories():
        assert not unreadable(figure)


def test_every_figure_against_alpha_marks_them_once_and_says_so():
    """Each at its alpha, in axes that have a twin once."""
    for figure in of_trajectories():
        against = [ax for ax in figure.axes if "alpha$ = examples" in ax.get_xlabel()]
        places = {}
        for ax in against:
            places.setdefault(ax.get_subplotspec(), []).extend(marked(ax))
        assert places
        for found in places.values():
            assert set(found) <= set(AT)
            assert len(found) == len(set(found)) >= 1
        assert max(map(len, places.values())) == (3 if "task" in figure.get_suptitle() else 2)
        assert figure.get_suptitle().count("dotted upright: ") == 1
        assert "\\eta$" in figure.get_suptitle().partition("dotted upright: ")[2]


def test_nothing_is_marked_where_nothing_jumps():
    """A schedule that bends, constant rates: no line, no word."""
    for some in (results(2, 2, None, "fa", eta=WARM), results(2, 2, None, "bp")):
        for figure in plot.figures(some).values():
            assert not any(marked(ax) for ax in figure.axes if ax.lines)
            assert "dotted" not in figure.get_suptitle()


def test_a_student_beside_a_layered_network_has_its_jumps_marked():
    figure = layerplot.alignment_page([made(random_problem(2, 2, eta=JUMPING["eta"]))], [trained("fa")])
    assert marked(figure.axes[0]) == [5.0]
    assert any(r"dotted upright: jump of $\eta$" in text.get_text() for text in figure.axes[0].texts)


RATES = [
    (0.1, "0.1"), (schedule.steps([0, 30], [0.5, 0.1]), "0.5 → 0.1 (at 30)"),
    (schedule.steps([0, 40], [0.5, 0.1]), "0.5 → 0.1 (at 40)"), (WARM, "0 → 0.3 (linear to 7)"),
    (schedule.hyperbolic(1, 50), "1/(1 + α/50)"), (schedule.hyperbolic(1.0001, 50), "1.0001/(1 + α/50)"),
    (schedule.power(1, 50, 0.5), "1 (1 + α/50)^−0.5"), (schedule.exponential(1, 50, 0.2), "1 → 0.2 as e^(−α/50)"),
    (schedule.cosine(1, 100), "1 → 0 as a cosine from 0 in 100"), (schedule.steps([0], [0.7]), "0.7"),
    (schedule.pieces([0, 5], [1, schedule.hyperbolic(1, 50)]), "1 → 1/(1 + α/50) (at 5)"),
    (JUMPING["sigma"], "3 pieces"),
]  # fmt: skip


def test_rates_that_are_schedules_are_told_apart():
    """In the legend by their formulas, with as many digits as it takes; in the title where all have the same."""
    problems = [random_problem(2, 2, eta=rate) for rate, _ in RATES]
    figure = plot.generalization_figure(pair_up([made(each) for each in problems]))
    (legend,) = legends(figure)
    assert [text.get_text() for text in legend.get_texts()] == [f"FA, eta = {text}" for _, text in RATES]
    assert not unreadable(figure)
    for rate, text in RATES:
        assert f"$\\eta$ = {text}" in style.parameters(random_problem(2, 2, eta=rate))
        assert style.rate(rate) == text
    long = [schedule.steps(range(9), [0.5, *[0.2, 0.3] * 3, 0.2, last]) for last in (0.1, 0.1, 0.3)]
    long[1] = schedule.steps([0, 1, 2, 3, 4, 5, 6, 7, 80], long[0].value)
    assert distinctions(pair_up([made(random_problem(2, 2, eta=rate)) for rate in long])) == [
        "eta = 0.5 → … → 0.1 (9 in all) (1)", "eta = 0.5 → … → 0.1 (9 in all) (2)", "eta = 0.5 → … → 0.3 (9 in all)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"drift": 0.5}, ["drift = 0", "drift = 0.5"]),
        ({"batch": 4}, ["one example a step", "batches of 4"]),
        ({"flow": True}, ["online learning", "gradient flow"]),
        ({"sphere": True}, ["not on the sphere", "on the sphere"]),
        ({"tasks": TASKS}, ["a single task", "2 tasks (next at 10)"]),
        ({"eta": WARM, "eta_v": WARM}, ["eta = eta_v = 0.3", "eta = eta_v = 0 → 0.3 (linear to 7)"]),
    ],
)
def test_problems_that_differ_in_a_regime_are_told_apart(change, texts):
    """By words of the legend, which are not in the title; of one such problem they are."""
    one = random_problem(2, 2, eta=0.3, eta_v=0.3)
    other = replace(one, **change)
    found = distinctions(pair_up([made(one), made(other)]))
    assert [text.partition(", start")[0] for text in found] == texts
    assert texts[1] not in common([one, other])
    if "eta" not in change:
        assert texts[1] in common([other])


def test_rules_are_called_by_their_names_and_what_differs():
    """A mixture, which the others have none of, is in the title; a rate that one has otherwise is in the legend."""
    fa = random_problem(2, 2)
    kp, mixed, bp = replace(fa, rule="kp"), replace(fa, rule="mixed", mixture=0.5), replace(fa, rule="bp", b=None)
    pairs = pair_up([made(each) for each in (fa, kp, mixed, bp)])
    assert [name for _, name in names(pairs)] == ["FA", "KP", "mixed", "BP"]
    assert common([pair.problem for pair in pairs]).endswith(r", mixed with mixture $\mu$ = 0.5")
    figure = plot.alignment_figure(pairs[:3])
    assert [text.get_text() for text in legends(figure)[0].get_texts()] == ["FA", "KP", "mixed"]
    slower = pair_up([made(fa), made(replace(bp, eta=0.1))])
    assert [name for _, name in names(slower)] == ["FA, eta = 0.7", "BP, eta = 0.1"]
    assert r"$\eta$" not in common([pair.problem for pair in slower])


def test_scans_of_several_rules_have_a_panel_for_each():
    """FA is held to BP as before; a map and a histogram of every rule."""

    class Several(Made):
        def problem(self, point):
            rule = str(self.coordinates["rule"][point])
            return replace(random_problem(2, 2), rule=rule, b=None if rule == "bp" else [1.0, -0.5])

    figures = scanplot.figures(Several(90, rules=("fa", "kp", "bp")))
    assert "fa_bp" in figures
    assert [ax.get_title() for ax in figures["trajectories"].axes] == ["FA", "BP", "KP"]
    entries = [text.get_text() for text in legends(figures["histograms"])[0].get_texts()]
    assert [entry.partition(":")[0] for entry in entries] == ["FA", "BP", "KP"]


def test_rules_read_in_grey():
    """Those that can be in one figure of a student differ in marker and dash; and none is too light."""
    looks = [style.RULES[rule] for rule in ("fa", "bp", "kp", "mixed")]
    assert len({look.marker for look in looks}) == len({look.dash for look in looks}) == 4
    assert len({look.colour for look in looks}) == 4
    for look in looks:
        red, green, blue = (int(look.colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        assert 0.299 * red + 0.587 * green + 0.114 * blue < 0.65
