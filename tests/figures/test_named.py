"""What axes, legends and titles call things, in words that a reader knows."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import Made, legends, made

import stdyn
from stdyn import Experiment, InputError, Variations, plot, scan, scanplot
from stdyn.analysis.summary import OF_TASK
from stdyn.figures import scanpanels, scanpoints, style
from stdyn.figures.pairs import distinctions, pair_up
from stdyn.model.trajectoryvariables import variables

EXAMPLES, STEPS = r"$\alpha$ = examples / $N$", r"$\alpha$ = steps / $N$"
TIME, BOTH = r"$\alpha$ = time (gradient flow)", r"$\alpha$ = steps / $N$ or time (gradient flow)"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ([{}], EXAMPLES), ([{"batch": 5}], STEPS), ([{"flow": True}], TIME), ([{}, {"batch": 5}], STEPS),
        ([{"flow": True}, {}], BOTH), ([{}, {"batch": 5}, {"flow": True}], BOTH),
        ([{"flow": True}, {"flow": True, "eta": 0.2}], TIME),
    ],
)  # fmt: skip
def test_the_axis_of_alpha_says_what_it_counts(changes, label):
    """Examples, steps where there are batches, the time of gradient flow; of different problems what is true of all."""
    figures = plot.figures([made(random_problem(2, 2, **each)) for each in changes])
    assert {ax.get_xlabel() for name in ("alignment", "generalization") for ax in figures[name].axes} == {label}


@pytest.mark.parametrize(
    ("changes", "meaning"),
    [({}, "examples / N"), ({"batch": 5}, "steps / N"), ({"flow": True}, "time (gradient flow)")],
)
def test_alpha_of_a_file_says_what_it_counts(changes, meaning):
    assert variables(made(random_problem(2, 2, **changes)))["alpha"][2] == meaning


@pytest.mark.parametrize(
    ("flows", "label", "meaning"),
    [
        ([False], EXAMPLES, "steps / N (of batches of 1: examples / N)"),
        ([True], TIME, "time (gradient flow)"),
        ([False, True], BOTH, "steps / N (of batches of 1: examples / N) or time (gradient flow)"),
    ],
)
def test_alpha_of_a_scan_says_what_it_counts(tmp_path, flows, label, meaning):
    """In its file and its picture."""
    problems = [random_problem(2, 2, flow=flow) for flow in flows]
    found = scan(problems, np.linspace(0, 1, 5), tmp_path / "scan.h5", keep="curves")
    assert found.to_xarray().alpha.attrs["long_name"] == meaning
    assert scanplot.figures(found, x="eps_g_start")["trajectories"].axes[0].get_xlabel() == label


class OfTasks(Made):
    """A scan of two tasks, the second of which begins at 60, or where its points say; no plateau is left."""

    def __init__(self, begins=60.0, **coordinates):
        super().__init__(fill={"plateau_length": np.inf, "plateau_end": np.inf}, **coordinates)
        self.begins = np.broadcast_to(begins, 60)
        self.summary |= {f"{name}_{n}": np.full(60, 0.1 * n) for name in OF_TASK for n in (1, 2)}

    def problem(self, point):
        problem = super().problem(point)
        tasks = stdyn.Tasks([problem.start.v_teacher, -problem.start.v_teacher], at=[0, self.begins[point]])
        return replace(problem, tasks=tasks)

    def read(self, name, point=None):
        return self.begins.astype(str) if name == "tasks" else super().read(name, point)


class OfList(OfTasks):
    """Whose points have tasks of their own in its file."""

    names = ("eps_g", "tasks")


SEVERAL = np.where(np.arange(60) % 3 == 0, 60.0, 120.0)


@pytest.mark.parametrize(
    ("found", "said", "ends"),
    [
        (OfTasks(), "not left in the first turn (to 60)", 60.0),
        (OfTasks(1000.0), "not left by 300", 300.0),
        (OfTasks(SEVERAL, **{"tasks.at[1]": SEVERAL}), "not left in the first turn", SEVERAL),
        (OfList(SEVERAL), "not left in the first turn", SEVERAL),
    ],
)
def test_plateaus_with_tasks_are_not_left_in_the_first_turn(found, said, ends):
    """Which is where they are drawn; what has not diverged has not by the last alpha."""
    figures = scanplot.figures(found, x="eta", y="eps_g_start")
    bar = figures["plateau_length_map"].axes[-1]
    assert f"(triangles: {said})" in bar.get_ylabel()
    (names,) = (legends(figures["histograms"])[0].get_texts(),)
    assert [text.get_text() for text in names] == [f"{rule}: 0 of 30 (30 {said})" for rule in ("FA", "BP")]
    np.testing.assert_array_equal(scanpoints.drawn_at(found, "plateau_length"), np.broadcast_to(ends, 60))
    assert scanpoints.endless(found, "diverged_at") == "not diverged by 300"
    assert (scanpoints.drawn_at(found, "diverged_at") == 300).all()


def test_numbers_of_tasks_are_among_those_that_there_are():
    """Where another is asked for."""
    with pytest.raises(InputError, match=r"'nope' is not in .* there are eta, .*, eps_g_final_1.*, transfer_2"):
        scanplot.figures(OfTasks(), value="nope")
    with pytest.raises(InputError, match=r"there are eta, sigma, draw, .*, failed_at$"):
        scanplot.figures(Made(), value="nope")


@pytest.mark.parametrize(
    ("decays", "said"),
    [
        ((0.0, 0.05), "decay_v = 0.05"), ((0.05, 0.0), "decay = 0.05"), ((0.1, 0.05), "decay = 0.1, decay_v = 0.05"),
        ((0.05, 0.05), "decay = decay_v = 0.05"), ((0.0, 0.0), ""),
    ],
)  # fmt: skip
def test_titles_say_which_layer_decays(decays, said):
    problem = random_problem(2, 2, decay=decays[0], decay_v=decays[1])
    parts = style.parameters(problem).split(", ")
    assert ", ".join(part for part in parts if "decay" in part) == said
    assert not any("decay" in part for part in style.parameters(problem, ["decay", "decay_v"]).split(", "))


def test_legends_tell_regimes_apart_in_words():
    """Gradient flow has no batches, which those that have are told apart by."""
    pairs = pair_up([made(random_problem(2, 2, **each)) for each in ({"flow": True}, {}, {"batch": 10})])
    said = ["gradient flow", "one example a step, online learning", "batches of 10, online learning"]
    assert distinctions(pairs) == said


def test_titles_say_whose_a_mixture_is():
    """Of three rules one has it; of mixed ones alone all, and those that differ in it are told apart by it."""
    fa = random_problem(2, 2)
    mixed = [replace(fa, rule="mixed", mixture=mixture) for mixture in (0.5, 0.2)]
    title = plot.figures([made(each) for each in (fa, replace(fa, rule="kp"), mixed[0])])["alignment"].get_suptitle()
    assert r", mixed with mixture $\mu$ = 0.5" in title
    assert r", mixture $\mu$ = 0.5" in plot.figures([made(mixed[0])])["alignment"].get_suptitle()
    assert "mixture" not in plot.figures([made(each) for each in (fa, *mixed)])["alignment"].get_suptitle()


VARIED = {"eta.scale": np.arange(60.0), "tasks.similarity": np.arange(60.0)}


@pytest.mark.parametrize(
    ("found", "said", "labels"),
    [
        (OfTasks(), ["2 tasks (next at 60)", r"$\eta_v$ = 0.3", "decay = 0.05"], {"eta": r"$\eta$"}),
        (
            OfTasks(**VARIED),
            ["2 tasks (next at 60, similarity varies)"],
            {"tasks.similarity": "similarity of the tasks", "forgetting_1": r"forgetting of task 1 ($\epsilon_g$)"},
        ),
        (
            OfTasks(SEVERAL, **{"tasks.at[1]": SEVERAL, "eta.value[1]=eta_v.value[1]": SEVERAL}),
            ["2 tasks (at[1] varies)", r"$\eta_v$ (value[1] varies)"],
            {
                "tasks.at[1]": "at[1] of the tasks",
                "eta.value[1]=eta_v.value[1]": r"value[1] of $\eta$ = value[1] of $\eta_v$",
            },
        ),
        (
            Made(),
            ["decay_v = 0.02"],
            {"eps_g_final": r"final $\epsilon_g$", "b[0]": "b[0]", "drift": "drift of the teacher"},
        ),
    ],
)
def test_scans_name_schedules_and_tasks(found, said, labels):
    """In titles, whether their numbers vary or not; axes have words where there are some."""
    title = scanpanels.caption(found).replace("\n", " ")
    for words in said:
        assert f", {words}, " in title
    assert {name: style.on_axis(name) for name in labels} == labels


def test_scans_name_the_kind_of_a_schedule(tmp_path):
    """Of which a number varies; and say whose a mixture is."""
    experiment = Experiment(
        K=2, M=2, N=20, rule="both", alpha_max=1, points=3, eta={"kind": "hyperbolic", "value": 1, "scale": 5},
        eta_v=0.1, mixture=0.5,
    )  # fmt: skip
    points = Variations(experiment, {"eta.scale": [1.0, 10.0], "rule": ["fa", "mixed"]})
    found = scan(points, experiment.alphas(), tmp_path / "scan.h5", keep="summary")
    title = scanpanels.caption(found)
    assert r", $\eta$ (hyperbolic, scale varies), $\eta_v$ = 0.1, mixed with mixture $\mu$ = 0.5, " in title
