"""How problems, order parameters and trajectories show themselves: one line, lines, and a table in a notebook."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from own_activations import ELU
from protocols import PROBLEMS as PROTOCOLS
from shown import NAMELESS, check, check_html
from structured_problems import PROBLEMS as STRUCTURED

import stdyn
from stdyn import (
    DivergenceWarning,
    Inputs,
    NoAverageWarning,
    OrderParameters,
    Problem,
    Tasks,
    Trajectory,
    integrate,
    schedule,
)
from stdyn.model import averages
from stdyn.model.activations import Activation, Code
from stdyn.model.pieces import Function

ALPHAS = [0, 0.5, 1, 2]
PROBLEMS = PROTOCOLS | {f"inputs: {name}": problem for name, problem in STRUCTURED.items()}


# ---------------------------------------------------------------------------------------------------------------------
# What they say


def test_a_problem_in_one_line():
    """What it is, with what differs from plain online SGD."""
    start = stdyn.initial.prepared(5, 5, q=0.2, v=np.ones(5))
    problem = Problem(start, N=500, rule="fa", b=np.ones(5), eta=0.5, eta_v=0.5)
    assert repr(problem) == "<Problem FA, K = M = 5, erf, eta = eta_v = 0.5, N = 500>"
    assert repr(start) == "<OrderParameters K = M = 5, |w| = 0.447, cosines up to 0>"
    more = replace(
        problem, eta=schedule.hyperbolic(1, 50), sigma=0.1, activation="gelu", activation_teacher="erf", batch=3
    )
    assert repr(more) == (
        "<Problem FA, K = M = 5, gelu of erf, eta = hyperbolic(value = 1, scale = 50), eta_v = 0.5, sigma = 0.1,"
        " N = 500, 3 examples a step>"
    )
    assert "K = 2, M = 3, 2 outputs" in repr(random_problem(2, 3, 2))
    lines = str(more).splitlines()
    assert lines[0] == "<stdyn.Problem>"
    assert "quadrature       16384 points" in lines
    assert any(line.startswith("start ") for line in lines)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_shows_itself(name):
    """With its start; the rule and the number of units are in it."""
    problem = PROBLEMS[name]
    found = check(problem, problem.rule.upper(), f"N = {problem.N}", str(problem.activation))
    assert found.tags.count("rect") == problem.start.K * problem.start.M  # of the map of cosines
    check(problem.start, "|w|", "cosines")
    assert str(problem).startswith("<stdyn.Problem>\n")
    for name, values in problem.start.order_parameters.items():
        assert f"{name} {values.shape}" in str(problem.start)


@pytest.mark.parametrize("name", ["steps", "kp of outputs", "a task that comes back", "inputs: three groups"])
def test_trajectories_show_themselves(name):
    """Of the ODEs and of runs: from where to where, and where eps_g ends; a curve of it, with the range of runs."""
    problem = PROBLEMS[name]
    theory = integrate(problem, ALPHAS)
    runs = stdyn.simulate_reduced(problem, ALPHAS, 3, rng=1)
    found = check(theory, "ODEs", "4 alphas from 0 to 2", f"eps_g {theory.eps_g[-1]:.3g} at the end")
    assert found.tags.count("polyline") == 1
    found = check(runs, f"3 reduced runs at N = {problem.N}", f"eps_g {runs.eps_g[:, -1].mean():.3g} at the end")
    assert found.tags.count("polyline") == 3
    assert check(runs.isel(run=0), "1 reduced run at N").tags.count("polyline") == 1
    assert str(theory) == f"<stdyn.Trajectory>\n{theory.summary()}"
    assert check(theory.isel(alpha=1), "alpha = 0.5").tags.count("polyline") == 0


def test_the_curve_is_that_of_the_errors():
    """The picture of sixty of 2000 alphas has the points that eps_g has there, at the ends of its axes."""
    theory = integrate(random_problem(2, 2, sigma=0.0, decay=0.0, decay_v=0.0), np.linspace(0, 200, 2001))
    (line,) = [part for part in theory._repr_html_().split("<") if part.startswith("polyline")]
    points = np.array([pair.split(",") for pair in line.split('"')[1].split()], dtype=float)
    assert 20 < len(points) <= 60
    assert (np.diff(points[:, 0]) > 0).all()
    y = (points[:, 1] - points[0, 1]) / (points[-1, 1] - points[0, 1])
    at = np.exp(np.interp(points[:, 0], points[[0, -1], 0], np.log(theory.alphas[[1, -1]])))
    expected = np.log(np.interp(at, theory.alphas, theory.eps_g))
    expected = (expected - expected[0]) / (expected[-1] - expected[0])
    np.testing.assert_allclose(y, expected, atol=0.04)


def test_inputs_tasks_and_schedules_show_themselves():
    """Tables of groups and tasks, and a curve of a schedule; of a Python function none is drawn."""
    assert check_html(Inputs.spectrum([3, 1], [0.5, 0.5])._repr_html_()).tags.count("tr") == 3
    assert check_html(Inputs.power_law(1, 1000, groups=100)._repr_html_()).tags.count("tr") == 18
    assert "isotropic" in Inputs.isotropic()._repr_html_()
    tasks = Tasks([[1, 0], [0, 1]], at=[0, 5])
    assert check_html(tasks._repr_html_()).tags.count("tr") == 3
    assert check_html(Tasks(np.eye(300), at=np.arange(300.0))._repr_html_()).tags.count("tr") == 18
    for each in (
        schedule.steps([0, 5], [1, 2]), schedule.linear([0, 5], [1, 2]), schedule.hyperbolic(1, 50),
        schedule.power(1, 2, 0.5), schedule.exponential(1, 10), schedule.cosine(1, 100),
        schedule.pieces([0, 10], [0.5, schedule.hyperbolic(1, 5)]), schedule.steps([0], [0.5]),
    ):  # fmt: skip
        assert check_html(each._repr_html_()).tags.count("polyline") == 1, each
    of_function = schedule.function(lambda alpha: 1 / (1 + alpha))
    assert isinstance(of_function, Function)
    assert check_html(of_function._repr_html_()).tags.count("polyline") == 0


# ---------------------------------------------------------------------------------------------------------------------
# Whatever is in them


def test_what_ended_before_says_so():
    """Diverged, given up, interrupted; nothing reached."""
    problem = random_problem(2, 2, eta=40.0, decay=0.0, decay_v=0.0, activation="linear", rule="bp", N=20)
    with pytest.warns(DivergenceWarning):
        gone = stdyn.simulate_network(problem, np.linspace(0, 20, 41), 4, rng=1)
    check(gone, "4 diverged, the first at alpha")
    check(gone.isel(run=0), "1 diverged")
    theory = integrate(random_problem(2, 2), ALPHAS)
    check(replace(theory, failed_at=np.array(2.5)), "the solver gave up at alpha = 2.5")
    check(replace(theory, attributes={"interrupted": "before alpha = 9"}), "interrupted before alpha = 9")
    check(replace(theory, attributes={"interrupted": NAMELESS}), "interrupted <script>")
    nothing = replace(theory, alphas=np.empty(0), **{name: values[:0] for name, values in theory.arrays.items()})
    check(nothing, "no alpha was reached")
    unknown = replace(theory, **{name: np.full_like(values, np.nan) for name, values in theory.arrays.items()})
    check(unknown, "eps_g nan at the end")
    runs = stdyn.simulate_reduced(random_problem(2, 2), ALPHAS, 3, rng=1)
    unknown = replace(runs, **{name: np.full_like(values, np.nan) for name, values in runs.arrays.items()})
    assert check(unknown).tags.count("polyline") == 0


def test_names_of_others_are_written_out():
    """Of an activation that a file names and nobody here knows: no markup, no command of a terminal, one line."""
    values = np.ones((2, 23))
    named = Activation(NAMELESS, Code.COMPILED, None, values)
    start = random_overlaps(2, 2)
    problem = Problem(start, activation=named, eta=0.1, eta_v=0.1)
    found = check(problem, "<script>", r"\n\x1b[31m")
    assert any("<script>" in words for words in found.words)  # as a text
    check(replace(problem, activation="erf", activation_teacher=named), "erf of <script>")
    theory = integrate(replace(problem, activation="erf"), ALPHAS)
    eps_g = np.array(theory.eps_g)
    check(replace(theory, problem=problem, eps_g_read=eps_g), f"eps_g {eps_g[-1]:.3g} at the end")
    long = Activation("x" * 10**6, Code.COMPILED, None, values)
    check(replace(theory, problem=replace(problem, activation=long), eps_g_read=eps_g), "…")


def test_what_cannot_be_computed_is_left_out():
    """Of an activation that is not known here, without its errors: the rest is shown, and nothing is raised."""
    named = Activation("far away", Code.COMPILED, None, np.ones((2, 23)))
    theory = integrate(random_problem(2, 2, rule="bp"), ALPHAS)
    unknown = replace(theory, problem=replace(theory.problem, activation=named))
    for text in (repr(unknown), unknown._repr_html_()):
        assert "far away" in text
        assert "4 alphas from 0 to 2" in text


def test_nothing_is_warned_of():
    """Of averages that an activation does not have, which `eps_g` warns of where it is asked for."""
    g = stdyn.activation(lambda x: x if x < 31 else np.nan, lambda x: 1.0, "ends there")
    problem = Problem(stdyn.initial.prepared(2, 2, q=30.0), activation=g, eta=0.1, eta_v=0.1)
    theory = integrate(problem, ALPHAS)
    check(theory, "ends there", "eps_g nan")
    with pytest.warns(NoAverageWarning):
        assert np.isnan(theory.eps_g[0])


def test_what_is_half_made_does_not_raise():
    """As a debugger sees it."""
    for cls in (Trajectory, Problem, OrderParameters):
        assert repr(cls.__new__(cls)) == f"<{cls.__name__} that cannot be shown>"
        check_html(cls.__new__(cls)._repr_html_())


@pytest.mark.parametrize("size", [1, 300])
def test_numbers_of_any_size_are_shown(size):
    """Overlaps of 10^150 and of 10^-300, zero vectors, one unit and hundreds of them."""
    for scale in (1e150, 1e-150, 0.0):
        R = 0.1 * scale * np.eye(size, 1)
        check(OrderParameters(R, scale * np.eye(size), [[scale]], scale * np.ones(size), [scale]), "cosines up to")
    state = OrderParameters(np.zeros((size, size)), np.eye(size), np.eye(size), np.ones((size, 3)), np.ones((size, 3)))
    found = check(Problem(state, eta=0.1, eta_v=0.1), "3 outputs")
    assert found.tags.count("rect") <= 24 * 24
    assert len(str(state)) < 20_000


@pytest.mark.parametrize(("activation", "dear"), [("erf", 1), ("gelu", 100)])
def test_few_averages_are_taken_to_show_a_trajectory(monkeypatch, activation, dear):
    """Of 200 runs of 20 x 20 units at 2000 alphas, whose errors would take a minute: what takes 0.1 s.

    An average of pairs of units by quadrature takes some hundred times as long as one in closed form.
    """
    counted = []
    usual = averages.eps_g
    monkeypatch.setattr(averages, "eps_g", lambda R, *more: counted.append(np.size(R)) or usual(R, *more))
    for runs, K in ((200, 20), (5, 3), (1, 300 // dear)):
        state = stdyn.initial.prepared(K, K)
        problem = Problem(state, N=500, eta=0.1, eta_v=0.1, activation=activation)
        shapes = {name: (runs, 2000, *values.shape) for name, values in state.order_parameters.items()}
        arrays = {name: np.broadcast_to(getattr(state, name), shape) for name, shape in shapes.items()}
        found = Trajectory.__new__(Trajectory)  # as it would be, without the gigabytes that it would hold
        rest = dict.fromkeys(("diverged_at", "failed_at", "error", "eps_g_read", "eps_g_per_task_read", "eps_g_test"))
        rest |= {"R_group": None, "Q_group": None, "attributes": {}, "method": "network"}
        found.__dict__.update(problem=problem, alphas=np.linspace(0, 10, 2000), **arrays, **rest)
        check(found, "2000 alphas")
        assert sum(counted) * 4 <= 2 * 2e6 / dear
        if runs == 5:
            assert len(counted) == 2
            assert "at the end" in repr(found)
        counted.clear()


def test_an_activation_of_ones_own_shows_its_name():
    """And its errors, which are by quadrature."""
    theory = integrate(random_problem(2, 2, activation=ELU, quadrature=2**11), ALPHAS)
    check(theory, str(theory.problem.activation), "at the end")


# ---------------------------------------------------------------------------------------------------------------------
# Pictures


def test_they_are_drawn_by_the_wing_of_figures(monkeypatch):
    """With all that was said; matplotlib is not imported for anything else."""
    calls = []
    monkeypatch.setattr("stdyn.model.forms.draw", lambda *given, **more: calls.append((given, more)) or "axes")
    for module in ("state", "problem"):
        monkeypatch.setattr(f"stdyn.model.{module}.draw", lambda *given, **more: calls.append((given, more)) or "axes")
    theory = integrate(random_problem(2, 2), ALPHAS)
    assert theory.plot("R", diagonal=True, linewidth=2) == "axes"
    theory.plot(ax="mine", entries=[(0, 1)], color="red")
    theory.at(1).plot("graph", "mine", cmap="gray")
    theory.problem.plot(alpha=0.5)
    assert calls == [
        (("trajectory", theory, "R", None), {"diagonal": True, "entries": None, "color": None, "linewidth": 2}),
        (("trajectory", theory, "eps_g", "mine"), {"diagonal": False, "entries": [(0, 1)], "color": "red"}),
        (("order_parameters", theory.at(1), "graph", "mine"), {"cmap": "gray"}),
        (("problem", theory.problem, "C", None), {"alpha": 0.5}),
    ]
