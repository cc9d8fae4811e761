"""`plot` of values: what is read back from the axes are their arrays; nobody's settings are changed."""

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from drawn import ALPHAS, Made, escaping, made, plateau, saddle, scattered
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from structured_problems import PROBLEMS

import stdyn
from stdyn import Tasks, Variations
from stdyn.drawing import draw
from stdyn.figures import ofvalues, style
from stdyn.scans.studies import STUDIED, Study


@pytest.fixture
def ax():
    return Figure().add_subplot()


def curves(ax):
    """The lines that are no levels, jumps or limits."""
    return [line for line in ax.lines if line.get_transform() == ax.transData and len(line.get_xdata()) > 2]


def bands(ax):
    """The lower and the upper edge of every band, by x."""
    found = []
    for each in ax.collections:
        assert isinstance(each, PolyCollection)
        corners = np.concatenate([path.vertices for path in each.get_paths()])
        x = np.unique(corners[:, 0])
        ends = [(corners[corners[:, 0] == at, 1].min(), corners[corners[:, 0] == at, 1].max()) for at in x]
        found.append((x, *np.array(ends).T))
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Trajectories

FA = random_problem(2, 3, 2)
TASKS = replace(random_problem(2, 2), tasks=Tasks([[1.0, 0.5], [-1.0, 0.5]], at=[0, 10]))
EVERY = ["R", "Q", "v", "F", "alignment", "cosines", "F_per_output", "alignment_per_output", "eps_g"]


def expected_entries(name, shape):
    """All indices, of Q each pair once."""
    return [entry for entry in np.ndindex(shape) if not name.startswith("Q") or entry[-2] <= entry[-1]]


@pytest.mark.parametrize("name", EVERY)
def test_lines_of_a_theory_are_its_arrays(ax, name):
    theory = made(FA)
    assert draw("trajectory", theory, name, ax) is ax
    values = getattr(theory, name)
    drawn = curves(ax)
    entries = expected_entries(name, values.shape[1:])
    assert len(drawn) == len(entries)
    for line, entry in zip(drawn, entries, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), ALPHAS)
        np.testing.assert_array_equal(line.get_ydata(), values[(slice(None), *entry)])
    assert ax.get_xlabel() == style.label("alpha")
    assert ax.get_ylabel()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log" if name == "eps_g" else "linear")


def test_alphas_that_are_evenly_spaced_are_drawn_so():
    """However many decades they span, also with more between them; on the axes of others theirs is kept."""
    even, between, decades = np.arange(301.0), np.sort([*np.arange(0, 301, 2.0), 10.9]), np.geomspace(1, 300, 31)
    start = FA.start
    for alphas, scale in ((even, "linear"), (between, "linear"), (decades, "log"), (np.array([0, 1, 300.0]), "log")):
        problem = replace(FA, start=start, eta=0.1, eta_v=0.1)
        theory = stdyn.integrate(problem, alphas, method="LSODA")
        assert theory.plot(ax=Figure().add_subplot()).get_xscale() == scale, alphas
        said = stdyn.fluctuations(replace(problem, N=100), alphas)
        assert said.plot("R", ax=Figure().add_subplot()).get_xscale() == scale, alphas
        run = stdyn.simulate_reduced(replace(problem, N=100), np.unique(np.round(alphas, 1)), runs=2, rng=1)
        against = stdyn.compare(run, stdyn.integrate(problem, run.alphas, method="LSODA"))
        assert against.plot(ax=Figure().add_subplot()).get_xscale() == scale, alphas
    ax = theory.plot(ax=Figure().add_subplot())
    assert stdyn.integrate(problem, even).plot(ax=ax).get_xscale() == "log"


def test_errors_of_tasks_and_on_test_examples_are_drawn(ax):
    """A line for each task, with a line upright where the task changes."""
    theory = made(TASKS)
    ofvalues.trajectory(theory, "eps_g_per_task", ax)
    for line, errors in zip(curves(ax), theory.eps_g_per_task.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), np.where(errors > 0, errors, np.nan))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["task 1", "task 2"]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_gid() == "jump"] == [10]
    runs = made(FA, 3, "network")
    tested = replace(runs, eps_g_test=2 * runs.eps_g)
    at = ofvalues.trajectory(tested, "eps_g_test", Figure().add_subplot())
    np.testing.assert_allclose(curves(at)[0].get_ydata(), np.median(2 * runs.eps_g, axis=0))
    assert at.get_yscale() == "log"


@pytest.mark.parametrize("name", ["R_group", "Q_group"])
def test_overlaps_by_group_are_drawn(ax, name):
    theory = made(PROBLEMS["three groups"])
    ofvalues.trajectory(theory, name, ax)
    values = getattr(theory, name)
    entries = expected_entries(name, values.shape[1:])
    for line, entry in zip(curves(ax), entries, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values[(slice(None), *entry)])


@pytest.mark.parametrize("name", EVERY)
def test_lines_of_an_ensemble_are_means_in_their_spread(ax, name):
    """The median of eps_g with the range of the runs, the mean of all else with a standard deviation to both sides."""
    runs = made(FA, 4, "network")
    ofvalues.trajectory(runs, name, ax)
    values = getattr(runs, name)
    entries = expected_entries(name, values.shape[2:])
    for line, band, entry in zip(curves(ax), bands(ax), entries, strict=True):
        own = values[(slice(None), slice(None), *entry)]
        middle = np.median(own, axis=0) if name == "eps_g" else own.mean(axis=0)
        low, high = (
            (own.min(axis=0), own.max(axis=0)) if name == "eps_g" else (middle - own.std(0), middle + own.std(0))
        )
        np.testing.assert_allclose(line.get_ydata(), middle)
        np.testing.assert_allclose(band[0], ALPHAS)
        np.testing.assert_allclose(band[1], low)
        np.testing.assert_allclose(band[2], high)


def test_one_run_is_a_line_without_a_band(ax):
    runs = made(FA, 1, "network")
    ofvalues.trajectory(runs, "v", ax)
    assert not ax.collections
    np.testing.assert_array_equal(curves(ax)[0].get_ydata(), runs.v[0, :, 0, 0])


def test_runs_that_diverge_are_left_out_from_there_on(ax):
    runs = made(FA, 3, "network")
    R = runs.R.copy()
    R[0, 5:] = np.nan
    ofvalues.trajectory(replace(runs, R=R, diverged_at=np.array([1.0, np.inf, np.inf])), "R", ax, entries=[(0, 0)])
    np.testing.assert_allclose(curves(ax)[0].get_ydata()[5:], R[1:, 5:, 0, 0].mean(axis=0))


@pytest.mark.parametrize(("name", "diagonal"), [("R", [(0, 0), (1, 1)]), ("Q", [(0, 0), (1, 1)])])
def test_only_the_diagonal(ax, name, diagonal):
    """R_ii and Q_ii; beyond M students have none."""
    theory = made(FA)
    ofvalues.trajectory(theory, name, ax, diagonal=True)
    assert [line.get_label() for line in curves(ax)] == [f"${name}_{{{i + 1}{n + 1}}}$" for i, n in diagonal]
    for line, entry in zip(curves(ax), diagonal, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), getattr(theory, name)[(slice(None), *entry)])


def test_only_some_entries_in_their_colours(ax):
    """By tuples, from the end, and of an axis alone by numbers."""
    theory = made(random_problem(2, 3))
    ofvalues.trajectory(theory, "R", ax, entries=[(0, 2), (-1, 0)], color=["red", (0, 0, 1)], lw=3, ls="-.")
    ofvalues.trajectory(theory, "v", ax, entries=[1], color="green", label="mine")
    first, second, third = curves(ax)
    np.testing.assert_array_equal(first.get_ydata(), theory.R[:, 0, 2])
    np.testing.assert_array_equal(second.get_ydata(), theory.R[:, 1, 0])
    np.testing.assert_array_equal(third.get_ydata(), theory.v[:, 1])
    assert [line.get_color() for line in curves(ax)] == ["red", (0, 0, 1), "green"]
    assert (first.get_linewidth(), first.get_linestyle()) == (3, "-.")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["$R_{13}$", "$R_{21}$", "mine"]


def test_lines_of_one_axes_take_the_colours_of_its_user(ax):
    """One after the other, and a legend when there are two; its name before those of several lines."""
    theory = made(random_problem(2, 2))
    with mpl.rc_context({"axes.prop_cycle": mpl.cycler("color", ["#111111", "#222222"]), "lines.linewidth": 7}):
        ax = Figure().add_subplot()
        ofvalues.trajectory(theory, None, ax, label="one")
        assert ax.get_legend() is None
        ofvalues.trajectory(theory, "eps_g", ax, label="other")
        assert [line.get_color() for line in curves(ax)] == ["#111111", "#222222"]
        assert {line.get_linewidth() for line in curves(ax)} == {7}
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
        several = ofvalues.trajectory(theory, "v", Figure().add_subplot(), label="FA")
    assert [line.get_label() for line in curves(several)] == ["FA, $v_{1}$", "FA, $v_{2}$"]


def test_lines_are_told_apart_in_grey(ax):
    """By their dashes; many lines share that of their student."""
    ofvalues.trajectory(made(random_problem(2, 3)), "R", ax)
    assert len({str(line._unscaled_dash_pattern) for line in curves(ax)}) == 6
    many = ofvalues.trajectory(made(random_problem(4, 4)), "R", Figure().add_subplot())
    looks = [(line.get_color(), str(line._unscaled_dash_pattern)) for line in curves(many)]
    assert len(looks) == 16
    assert all(len(set(looks[4 * i : 4 * i + 4])) == 1 for i in range(4))
    assert len(set(looks)) == 4
    assert [text.get_text() for text in many.get_legend().get_texts()] == [f"$i$ = {i}" for i in range(1, 5)]


def test_a_new_figure_is_one_of_pyplot_and_settings_stay():
    """Those of its user hold: nothing is styled, and nothing is changed."""
    before = dict(mpl.rcParams)
    with mpl.rc_context({"figure.figsize": (3, 2), "axes.facecolor": "yellow"}):
        inside = dict(mpl.rcParams)
        ax = draw("trajectory", made(FA), "R")
        assert plt.get_fignums() == [ax.figure.number]
        assert tuple(ax.figure.get_size_inches()) == (3, 2)
        assert ax.get_facecolor() == (1, 1, 0, 1)
        assert dict(mpl.rcParams) == inside
    plt.close("all")
    assert dict(mpl.rcParams) == before


# ---------------------------------------------------------------------------------------------------------------------
# Overlaps, problems, points


@pytest.mark.parametrize("name", ["R", "Q", "C", "cosines"])
def test_maps_are_the_overlaps(ax, name):
    """White where 0; of a problem those of its start, of a fixed point those of its state."""
    problem = random_problem(2, 3)
    start = problem.start
    lengths = np.sqrt(np.outer(np.diag(start.Q), np.diag(start.T)))
    expected = start.R / lengths if name == "cosines" else getattr(start, name)
    for kind, value in (("order_parameters", start), ("problem", problem), ("fixed_point", saddle(problem))):
        drawn = draw(kind, value, name, Figure().add_subplot())
        np.testing.assert_allclose(drawn.images[-1].get_array(), expected)
        low, high = drawn.images[-1].get_clim()
        assert low == -high
        assert high == pytest.approx(1 if name == "cosines" else np.abs(expected).max())
    mine = draw("order_parameters", start, name, ax, cmap="viridis", vmin=0)
    assert (mine.images[-1].cmap.name, mine.images[-1].get_clim()[0]) == ("viridis", 0)


def test_the_graph_of_a_state_is_drawn_in_own_colours(ax):
    draw("order_parameters", random_overlaps(2, 2), "graph", ax, color=["red", "blue"], lw=10)
    joined = [line for line in ax.lines if line.get_gid() == "cosine"]
    assert len(joined) == 4
    assert {line.get_color() for line in joined} <= {"red", "blue"}


def test_rates_are_those_of_the_schedules(ax):
    """Also just before they jump; a constant is level, and what is 0 is not drawn."""
    eta = stdyn.schedule.steps(at=[0, 100], value=[0.5, 0.1])
    eta_v = stdyn.schedule.pieces(at=[0, 10], value=[0.2, stdyn.schedule.hyperbolic(value=1, scale=50)])
    problem = replace(random_problem(2, 2), eta=eta, eta_v=eta_v, sigma=0.3, decay=0, decay_v=0)
    draw("problem", problem, "rates", ax)
    drawn = {line.get_label(): line for line in ax.lines}
    assert list(drawn) == [style.label(name) for name in ("eta", "eta_v", "sigma")]
    for name, rate in (("eta", eta), ("eta_v", eta_v)):
        x, y = drawn[style.label(name)].get_data()
        np.testing.assert_allclose(y, [rate.at(float(alpha)) for alpha in x])
        assert {100.0, np.nextafter(100, 0), 10.0} <= set(x)
        assert x[-1] == 10 + 10 * 50
    assert set(drawn[style.label("sigma")].get_ydata()) == {0.3}
    at = draw("problem", problem, "rates", Figure().add_subplot(), alphas=[0.0, 1.0])
    np.testing.assert_array_equal(at.lines[0].get_xdata(), [0, 1])


def test_eigenvalues_of_a_fixed_point_are_drawn(ax):
    point = saddle(random_problem(2, 2))
    draw("fixed_point", point, None, ax, color="red", ms=9)
    others, grows = (line for line in ax.lines if line.get_marker() != "None")
    np.testing.assert_array_equal(grows.get_xdata(), point.eigenvalues.real[: point.unstable])
    np.testing.assert_array_equal(others.get_xdata(), point.eigenvalues.real[point.unstable :])
    np.testing.assert_array_equal(grows.get_ydata(), point.eigenvalues.imag[: point.unstable])
    assert {(line.get_color(), line.get_markersize()) for line in (others, grows)} == {("red", 9)}
    assert others.get_marker() != grows.get_marker()


def test_a_plateau_is_a_line_from_its_start_to_its_end_at_its_height(ax):
    """Over the eps_g of a trajectory; one that is not left goes on to the edge."""
    problem = random_problem(2, 2)
    found = plateau(problem)
    ofvalues.trajectory(made(problem), "eps_g", ax)
    ofvalues.plateau(found, None, ax)
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), [[3, 0.1], [100, 0.1]])
    edge = ax.get_xlim()[1]
    ofvalues.plateau(replace(found, end=np.inf), None, ax)
    np.testing.assert_array_equal(ax.lines[-1].get_xdata(), [3, edge])
    alone = ofvalues.plateau(replace(found, end=np.inf), None)
    assert (alone.get_yscale(), alone.get_xlabel()) == ("log", style.label("alpha"))
    plt.close("all")


def test_escape_times_are_drawn_as_their_law(ax):
    """Shares of the sample, against alpha for some N."""
    times = escaping(random_problem(2, 2))
    draw("escape_times", times, None, ax)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), np.sort(times.offsets))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), (np.arange(40) + 0.5) / 40)
    at = draw("escape_times", times, "law", Figure().add_subplot(), N=1000)
    np.testing.assert_allclose(at.lines[0].get_xdata(), np.sort(times.at(1000)))


# ---------------------------------------------------------------------------------------------------------------------
# Comparisons, fluctuations, studies, scans


@pytest.fixture(scope="module")
def compared():
    problem, alphas = random_problem(2, 2), np.linspace(0, 2, 5)
    theory = stdyn.integrate(problem, alphas)
    return stdyn.compare(stdyn.simulate_network(problem, alphas, runs=4, rng=np.random.default_rng(1)), theory)


@pytest.mark.parametrize("name", ["eps_g", "R", "Q", "v", "F"])
def test_deviations_are_drawn_in_standard_errors(ax, compared, name):
    draw("comparison", compared, name, ax)
    values = compared.in_errors[name]
    for line, entry in zip(curves(ax), expected_entries(name, values.shape[1:]), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), compared.alphas)
        np.testing.assert_array_equal(line.get_ydata(), values[(slice(None), *entry)])
    limits = [line.get_ydata()[0] for line in ax.lines if line.get_gid() == "allowed"]
    assert limits == [compared.allowed, -compared.allowed]


@pytest.mark.parametrize("name", ["eps_g", "R", "Q", "v", "F"])
def test_theory_has_its_predicted_standard_deviation_around_it(ax, name):
    """Where linear noise is valid."""
    found = scattered(made(random_problem(2, 2)))
    draw("fluctuations", found, name, ax)
    values, std = getattr(found.theory, name), getattr(found.std, name)
    entries = expected_entries(name, values.shape[1:])
    valid = found.valid
    assert 0 < valid.sum() < len(valid)
    for line, band, entry in zip(curves(ax), bands(ax), entries, strict=True):
        middle, spread = values[(slice(None), *entry)], std[(slice(None), *entry)]
        np.testing.assert_array_equal(line.get_ydata(), middle)
        np.testing.assert_array_equal(band[0], found.alphas[valid])
        low = middle - spread if name != "eps_g" else np.maximum(middle - spread, 1e-3 * middle)
        np.testing.assert_allclose(band[1], low[valid])
        np.testing.assert_allclose(band[2], (middle + spread)[valid])


@pytest.mark.parametrize("name", list(STUDIED))
def test_numbers_of_a_study_are_drawn_for_each_rule(ax, name):
    values = np.array([0.1, 0.2, 0.4])
    numbers = {
        rule: {each: np.array([1.0, np.inf, 3.0]) * n for each in STUDIED} for n, rule in enumerate(("fa", "bp"), 1)
    }
    variations = Variations(stdyn.Experiment(K=2, M=2), {"rule": ["fa", "bp"], "eta": values.tolist()})
    draw("study", Study(variations, "eta", values, numbers), name, ax, lw=2)
    for line, rule in zip(ax.lines, ("fa", "bp"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), values)
        np.testing.assert_array_equal(
            line.get_ydata(), np.where(np.isinf(numbers[rule][name]), np.nan, numbers[rule][name])
        )
        assert (line.get_label(), line.get_marker()) == (style.rule(rule), style.RULES[rule].marker)
    assert ax.get_xlabel() == style.label("eta")
    assert "_" not in ax.get_ylabel().replace(r"\epsilon_g", "")


def test_points_of_a_scan_are_drawn_for_each_rule(ax):
    """What is infinite at the last alpha, open; with y as colours, of one rule."""
    lengths = np.where(np.arange(60) % 7 == 0, np.inf, np.arange(60) + 1.0)
    scan = Made(fill={"plateau_length": lengths})
    draw("scan", scan, None, ax, x="eta", ms=2)
    for rule in ("fa", "bp"):
        (line,) = (each for each in ax.lines if each.get_label() == style.rule(rule))
        of = (scan.coordinates["rule"] == rule) & np.isfinite(lengths)
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([scan.coordinates["eta"][of], lengths[of]]))
        (open_,) = (each for each in ax.lines if each.get_label() == f"{style.rule(rule)}: not left by 300")
        assert set(open_.get_ydata()) == {300}
        assert line.get_marker() == style.RULES[rule].marker
    one = draw("scan", scan, "plateau_length", Figure().add_subplot(), x="eta", rule="bp", color="red", label="mine")
    assert [line.get_label() for line in one.lines] == ["mine", "mine: not left by 300"]
    flat = draw("scan", Made(), "eps_g_final", Figure().add_subplot(), x="eta", y="sigma", rule="fa")
    table = np.ma.filled(flat.collections[0].get_array(), np.nan)
    for n, (sigma, eta) in enumerate((sigma, eta) for sigma in (0.0, 0.1) for eta in (0.1, 0.2, 0.1 * 3)):
        at = Made()
        of = (
            (at.coordinates["rule"] == "fa")
            & np.isclose(at.coordinates["eta"], eta)
            & (at.coordinates["sigma"] == sigma)
        )
        assert table.ravel()[n] == pytest.approx(np.median(at.summary["eps_g_final"][of]))


# ---------------------------------------------------------------------------------------------------------------------
# Little to draw


def points_seen(ax):
    """How many lines have a single point that can be seen: by a marker."""
    lines = [line for line in ax.lines if line.get_transform() == ax.transData]
    single = [line for line in lines if np.isfinite(np.array(line.get_data(), dtype=float)).all(axis=0).sum() == 1]
    return sum(line.get_marker() not in ("", " ", "None", None) for line in single)


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("name", ["eps_g", "v", "R"])
def test_a_single_alpha_is_seen(name, at):
    """Of the theory as dots, of an ensemble with bars as long as the band would be wide."""
    theory, runs = made(FA).isel(alpha=at), made(FA, 4, "network").isel(alpha=at)
    number = len(expected_entries(name, getattr(theory, name).shape[1:]))
    assert points_seen(theory.plot(name, ax=Figure().add_subplot())) == number
    ax = runs.plot(name, ax=Figure().add_subplot())
    assert points_seen(ax) == number
    bars = [segment for each in ax.collections for segment in each.get_segments()]
    assert len(bars) == number
    own = getattr(runs, name).reshape(4, -1)
    middle = own.mean(axis=0)
    ends = (own.min(0), own.max(0)) if name == "eps_g" else (middle - own.std(0), middle + own.std(0))
    np.testing.assert_allclose([bar[:, 1] for bar in bars], np.transpose(ends))


def test_a_run_that_ends_after_one_alpha_is_seen(ax):
    """All else of it is NaN."""
    runs = made(FA, 1, "network")
    gone = replace(runs, **{each: getattr(runs, each).copy() for each in "RQv"}, diverged_at=runs.alphas[[1]])
    changed = {each: np.where(np.arange(len(ALPHAS)).reshape(1, -1, *(1,) * (getattr(gone, each).ndim - 2)) > 0,
                              np.nan, getattr(gone, each)) for each in "RQv"}  # fmt: skip
    assert points_seen(replace(gone, **changed).plot("v", ax=ax)) == 4


def test_single_alphas_of_comparisons_and_fluctuations_are_seen():
    """A marker that somebody gives stays."""
    theory, runs = made(FA).isel(alpha=-1), made(FA, 4, "network").isel(alpha=-1)
    compared = stdyn.compare(runs, theory)
    assert points_seen(compared.plot("v", ax=Figure().add_subplot())) == 4
    (line,) = theory.plot("v", ax=Figure().add_subplot(), entries=[(0, 0)], marker="s").lines
    assert line.get_marker() == "s"


def test_what_is_nowhere_known_is_said(ax):
    """A study without a plateau: axes without anything say so, once."""
    nothing = {name: np.full(2, np.nan) for name in STUDIED}
    variations = Variations(stdyn.Experiment(K=2, M=2), {"eta": [0.1, 0.2]})
    Study(variations, "eta", np.array([0.1, 0.2]), {"fa": nothing, "bp": nothing}).plot(ax=ax)
    assert [text.get_text() for text in ax.texts] == ["none"]


@pytest.mark.parametrize("options", [{}, {"linestyle": "--"}, {"ls": ":", "lw": "3"}])
def test_graphs_of_cosines_that_are_only_rounding_are_drawn(ax, options):
    """A line of 1e-16 points has no dashes: there would be no end of them."""
    state = stdyn.OrderParameters([[1.0, -1e-16], [-1e-9, 0.5]], np.eye(2), np.eye(2), [1.0, 1.0], [1.0, 1.0])
    state.plot("graph", ax=ax, **options)
    lines = [line for line in ax.lines if line.get_gid() == "cosine"]
    assert sorted(line.get_linewidth() for line in lines) == pytest.approx(
        sorted(float(options.get("lw", 6.0)) * np.array([1.0, 1e-16, 1e-9, 0.5]))
    )
    assert all(line.get_linestyle() == "-" for line in lines if line.get_linewidth() < 0.01)
    ax.figure.canvas.draw()
