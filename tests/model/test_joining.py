"""Trajectories that go on from a point of theirs, and are joined: the one problem, solved in pieces or as a whole."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from own_activations import ELU
from protocols import ALPHAS, BREAK, PROBLEMS

from stdyn import (
    DivergenceWarning,
    InputError,
    Problem,
    Tasks,
    compare,
    integrate,
    load,
    schedule,
    simulate_network,
    simulate_reduced,
)

NAMES = ("R", "Q", "v", "F", "b", "eps_g", "eps_g_per_task")


def agree(one, other, atol):
    for name in NAMES:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, atol=atol, err_msg=name)


BEFORE = ("hyperbolic", "nested", "kp", "kp with a schedule", "mixed with a schedule", "a task that comes back")


@pytest.mark.parametrize(("name", "end"), [*((name, BREAK) for name in PROBLEMS), *((name, 1.0) for name in BEFORE)])
def test_two_parts_are_the_whole(tmp_path, name, end):
    """The same problem, and its solution to the solver's tolerance, also where the seam is a jump; in files, too."""
    problem = PROBLEMS[name]
    whole = integrate(problem, ALPHAS)
    first = integrate(problem, ALPHAS[end >= ALPHAS])
    second = integrate(first.problem_at(-1), ALPHAS[end <= ALPHAS] - end)
    joined = first.join(second)
    assert joined.problem == problem
    np.testing.assert_array_equal(joined.alphas, ALPHAS)
    agree(joined, whole, 2e-8)
    assert end == BREAK or load(joined.save(tmp_path / "joined.h5")) == joined


@pytest.mark.parametrize("name", ["kp", "kp with a schedule", "kp of outputs"])
def test_feedback_that_learns_goes_on_where_it_was(name):
    """b - v is that at the start times e^(-integral of decay_v), over the seam; and not that of the second part."""
    problem = PROBLEMS[name]
    first = integrate(problem, [0, 1.0])
    joined = first.join(integrate(first.problem_at(-1), [0.25, 0.5, 2.0]))
    decay = problem.decay_v
    for j, alpha in enumerate(joined.alphas):
        left = np.exp(-(decay.integral(alpha) if isinstance(decay, schedule.Schedule) else decay * alpha))
        np.testing.assert_allclose(joined.b[j] - joined.v[j], (problem.b - problem.start.v) * left, atol=1e-13)
    np.testing.assert_allclose(first.problem_at(-1).b, first.b[-1], atol=0)


@pytest.mark.parametrize("name", ["kp with a schedule", "a task that comes back", "sphere"])
@pytest.mark.parametrize("simulate", [simulate_network, simulate_reduced])
def test_one_run_goes_on(tmp_path, name, simulate):
    """From one run of an ensemble, or a run of its own; alphas stay multiples of 1/N."""
    problem = PROBLEMS[name]
    runs = simulate(problem, [0, 0.5, 1], 3, rng=np.random.default_rng(1))
    one = simulate(runs.problem_at(0, run=2), [0, 0.5, 1], 1, rng=np.random.default_rng(1))
    second = simulate(one.problem_at(-1, run=0), [0, 0.6, 1.5], 1, rng=np.random.default_rng(2))
    joined = one.join(second)
    assert joined.problem == one.problem
    np.testing.assert_array_equal(joined.alphas, np.array([0, 20, 40, 64, 100]) / 40)
    np.testing.assert_array_equal(joined.v[0, 2:], np.append(one.v[0, 2:], second.v[0, 1:], axis=0))
    if problem.rule == "kp":
        np.testing.assert_allclose(joined.b[0, 2:], np.append(one.b[0, 2:], second.b[0, 1:], axis=0), atol=1e-12)
    assert load(joined.save(tmp_path / "joined.h5")) == joined
    assert {"seed", "wall_time"} <= set(json.loads(joined.attributes["joined"])["parts"][1])
    with pytest.raises(InputError, match="join is for the theory or one run, but there are 3 runs"):
        runs.join(runs)


def test_rates_of_both_parts_are_those_of_the_whole():
    """Other rates make steps, schedules make pieces; solved as one problem it is the same solution."""
    problem = random_problem(2, 2)
    first = integrate(problem, [0, 1])
    changes = {"eta": 0.1, "sigma": schedule.linear([0, 1], [0.2, 0]), "decay": 0.05, "drift": 0.3}
    other = replace(first.problem_at(-1), **changes)
    joined = first.join(integrate(other, [0, 0.5, 2]))
    assert joined.problem.eta == schedule.steps([0, 1], [0.7, 0.1])
    assert joined.problem.sigma == schedule.pieces([0, 1], [0.2, changes["sigma"]])
    assert joined.problem.drift == schedule.steps([0, 1], [0, 0.3])
    assert joined.problem.decay == problem.decay
    agree(joined, integrate(joined.problem, joined.alphas), 1e-8)
    third = integrate(replace(joined.problem_at(-1), eta=0.2), [1])
    both, after = joined.join(third), integrate(joined.problem_at(-1), [0, 1]).problem
    assert both.problem.eta == schedule.steps([0, 1, 3], [0.7, 0.1, 0.2])
    assert both.problem.sigma == joined.problem.sigma
    assert after.eta == schedule.steps([0], [0.1])
    same = joined.join(integrate(replace(joined.problem_at(-1), eta=0.1), [0, 1]))
    assert same.problem == joined.problem
    assert first.join(integrate(replace(first.problem_at(-1), eta=schedule.steps([0], [0.7])), [1])).problem == problem
    assert "3 parts, from alpha = 0, 1, 3" in both.summary()
    parts = json.loads(both.attributes["joined"])["parts"]
    assert [part["from"] for part in parts] == [0, 1, 3]
    times = [part["wall_time"] for part in parts]
    assert both.attributes["wall_time"] == pytest.approx(sum(times))


def test_teachers_one_after_the_other_are_tasks():
    """Without tasks and with the same T; one that is there already comes back, a new one is one more."""
    problem = random_problem(2, 3, N=20)
    first = integrate(problem, [0, 2])
    start = first.at(-1)
    v = problem.start.v_teacher
    new = replace(start, v_teacher=-v)
    second = integrate(replace(problem, start=new), [0, 1])
    joined = first.join(second)
    assert joined.problem.tasks == Tasks([v, -v], at=[0, 2])
    agree(joined, integrate(joined.problem, joined.alphas), 1e-8)
    third = integrate(replace(problem, start=replace(second.at(-1), v_teacher=v)), [0, 1])
    assert joined.join(third).problem.tasks == Tasks([v, -v], at=[0, 2, 3], order=[0, 1, 0])
    fourth = integrate(replace(problem, start=replace(second.at(-1), v_teacher=2 * v)), [0, 1])
    assert joined.join(fourth).problem.tasks == Tasks([v, -v, 2 * v], at=[0, 2, 3])
    tasks = Tasks([-v, v], at=[0, 0.5])
    fifth = integrate(replace(problem, start=new, tasks=tasks), [0, 1])
    assert first.join(fifth).problem.tasks == Tasks([v, -v], at=[0, 2, 2.5], order=[0, 1, 0])
    assert first.join(integrate(replace(problem, start=start), [1])).problem.tasks is None


def test_a_function_of_alpha_goes_on():
    """It is shifted, and what it goes on in is the same function; joined to another, pieces hold both."""

    def eta(alpha):
        return 0.5 / (1 + alpha)

    problem = replace(random_problem(2, 2), eta=eta)
    first = integrate(problem, [0, 1])
    rest = integrate(first.problem_at(-1), [0, 1])
    joined = first.join(rest)
    assert joined.problem == problem
    agree(joined, integrate(problem, [0, 1, 2]), 1e-8)
    other = first.join(integrate(replace(first.problem_at(-1), eta=0.3), [0, 1]))
    np.testing.assert_allclose(other.problem.eta([0.5, 1, 1.5]), [1 / 3, 0.3, 0.3], atol=1e-15)


def test_ends_of_the_second_part_are_those_of_the_whole():
    """Where it diverged or gave up is shifted, and it stays NaN or short."""
    start = random_problem(2, 2).start
    steady = Problem(start, N=20, activation="linear", eta=0.1, eta_v=0.0)
    first = integrate(steady, [0, 1])
    with pytest.warns(DivergenceWarning):
        second = integrate(replace(first.problem_at(-1), eta=20.0), [0, 1, 5, 50])
    joined = first.join(second)
    assert joined.diverged_at == 1 + second.diverged_at
    assert len(joined.alphas) == 1 + len(second.alphas)
    assert joined.attributes["warning"] == f"where alpha counts from 1: {second.attributes['warning']}"
    cut = first.join(replace(second, diverged_at=None, attributes={"interrupted": "before alpha = 9"}))
    assert cut.attributes["interrupted"] == "before alpha = 9, where alpha counts from 1"
    for part, said in (
        (joined, "its diverged_at is"),
        (replace(first, failed_at=np.array(1.5)), "its failed_at is 1.5"),
        (replace(first, attributes={"interrupted": "before alpha = 9"}), "it was interrupted before alpha = 9"),
    ):
        with pytest.raises(InputError, match=f"join needs a first part that came to its end, but {said}"):
            part.join(second)
    with pytest.raises(InputError, match="join needs an end to go on from, but no alpha was reached"):
        replace(first, alphas=first.alphas[:0], **{k: a[:0] for k, a in first.order_parameters.items()}).join(second)


def test_errors_by_quadrature_are_those_of_the_parts(tmp_path):
    """NaN where one of them has none."""
    problem = random_problem(1, 2, activation=ELU, quadrature=2**11, tasks=Tasks([[1, 0], [0, 1]], at=[0, 1]))
    first = integrate(problem, [0, 1], rtol=1e-5)
    second = integrate(first.problem_at(-1), [0, 1], rtol=1e-4)
    joined = first.join(second)
    for name, error in joined.error.items():
        np.testing.assert_array_equal(error, np.append(first.error[name], second.error[name][1:], axis=0))
    assert "eps_g_per_task" in joined.error
    assert joined.attributes["rtol"] == 1e-4
    assert [part["rtol"] for part in json.loads(joined.attributes["joined"])["parts"]] == [1e-5, 1e-4]
    assert load(joined.save(tmp_path / "a.h5")) == joined
    other = replace(first.problem_at(-1), tasks=Tasks([[0, 1], [2, 2]], at=[0, 1]))
    more = first.join(integrate(other, [0, 1], rtol=1e-4))
    assert more.eps_g_per_task.shape == (3, 3)
    assert "eps_g_per_task" not in more.error
    runs = simulate_reduced(more.problem, more.alphas, 20, rng=np.random.default_rng(1))
    assert "eps_g_per_task" not in compare(runs, more, bias=50).mean
    assert "eps_g_per_task" in compare(runs, integrate(more.problem, more.alphas, rtol=1e-4), bias=50).mean
    without = first.join(integrate(first.problem_at(-1), [0, 1], rtol=1e-4, error=False))
    assert np.isnan(without.error["R"][2]).all()
    np.testing.assert_array_equal(without.error["R"][:2], first.error["R"])


def other(of, **changes):
    """A trajectory that goes on, of another problem."""
    return integrate(replace(of.problem_at(-1), **changes), [0, 1])


FIRST = integrate(random_problem(2, 2), [0, 1])
END = FIRST.at(-1)
B = FIRST.problem.b
REFUSED = {
    "T": (lambda: other(FIRST, start=replace(END, T=END.T + np.eye(2))), "other must have the same T"),
    "activation": (lambda: other(FIRST, activation="tanh"), "other must have the same activation, erf, but has tanh"),
    "rule": (
        lambda: other(FIRST, rule="bp", b=None),
        "other must have the same rule, 'fa', but has 'bp' (rule = \"mixed\" with a schedule of mixture goes from FA",
    ),
    "N": (lambda: other(FIRST, N=51), "other must have the same N, 50, but has 51"),
    "batch": (lambda: other(FIRST, batch=2), "other must have the same batch, 1, but has 2"),
    "sphere": (lambda: other(FIRST, sphere=True), "other must have the same sphere, False, but has True"),
    "flow": (lambda: other(FIRST, flow=True), "other must have the same flow, False, but has True"),
    "K": (lambda: integrate(random_problem(3, 2), [0, 1]), "other must have R of the shape (2, 2), but has (3, 2)"),
    "start": (
        lambda: other(FIRST, start=replace(END, Q=END.Q + 1e-3 * np.eye(2))),
        "other must start where this ends (problem_at(-1) gives that problem), but its Q is up to 0.001 from it",
    ),
    "b": (lambda: other(FIRST, b=B + np.array([0, 1e-2])), "but its b is up to 0.01 from it"),
    "method": (
        lambda: simulate_reduced(FIRST.problem_at(-1), [0, 1], 1, rng=np.random.default_rng(1)),
        "other must be of the theory, as what it follows, but is of 1 runs",
    ),
    "type": (lambda: FIRST.problem, "other must be a Trajectory, but is Problem"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_go_on_is_refused(what):
    """Naming what is another one; a start within 1e-6 is taken."""
    make, words = REFUSED[what]
    with pytest.raises(InputError, match=re.escape(words)) as error:
        FIRST.join(make())
    assert len(str(error.value)) < 300
    FIRST.join(other(FIRST, start=replace(END, Q=END.Q + 1e-7 * np.eye(2)), b=B + 1e-7))


def test_runs_of_another_method_and_ensembles_are_refused():
    one = simulate_reduced(FIRST.problem, [0, 1], 1, rng=np.random.default_rng(1))
    for solve, runs, words in (
        (simulate_network, 1, "other must be solved by the method 'reduced', but is by 'network'"),
        (simulate_reduced, 2, "other must be of one run, as what it follows, but is of 2 runs"),
    ):
        with pytest.raises(InputError, match=words):
            one.join(solve(one.problem_at(-1, 0), [0, 1], runs, rng=np.random.default_rng(1)))
    for position, run in ((2, 0), (0, None), (0, 1)):
        with pytest.raises(InputError, match="position must be" if position else "run must be"):
            one.problem_at(position, run)


@pytest.mark.parametrize("name", ["steps", "linear", "tasks that return", "kp"])
def test_three_parts_are_the_whole_whatever_is_joined_first(name):
    """(a b) c and a (b c), with shifts that round: the problem is that of the first, the solution that of the whole."""
    changes = {
        "steps": {"eta": schedule.steps([0, 5.3, 9.9], [0.5, 0.2, 0.4])},
        "linear": {"eta": schedule.linear([0, 5.3, 9.9], [0.5, 0.2, 0.4])},
        "tasks that return": {"eta": 0.5, "tasks": Tasks([[1, 0.5], [0.5, -1]], [0, 5.3, 9.9], order=[0, 1, 0])},
        "kp": {"eta": schedule.exponential(0.5, 7), "rule": "kp", "b": [1, -1], "decay_v": schedule.power(0.1, 3, 0.7)},
    }[name]
    problem = Problem(random_overlaps(2, 2, seed=3), eta_v=0.3, **changes)
    first = integrate(problem, [0, 3.1])
    second = integrate(first.problem_at(-1), [0, 1.6])
    third = integrate(second.problem_at(-1), [0, 2.2, 8.1])
    whole = integrate(problem, [0, 3.1, 4.7, 6.9, 12.8])
    for joined in (first.join(second).join(third), first.join(second.join(third))):
        assert joined.problem == problem
        np.testing.assert_allclose(joined.R, whole.R, rtol=0, atol=1e-8)


def test_tests_of_one_part_come_back_from_a_file(tmp_path):
    """NaN in the other one, which had none; runs that were not joined have them everywhere."""
    problem = random_problem(2, 2, N=20)
    first = simulate_network(problem, [0, 1.0], rng=1, test=np.random.default_rng(2).standard_normal((9, 20)))
    joined = first.join(simulate_network(first.problem_at(-1, run=0), [0, 1.0], rng=2))
    np.testing.assert_array_equal(np.isnan(joined.eps_g_test), [[False, False, True]])
    assert load(joined.save(tmp_path / "joined.h5")) == joined
    part = joined.isel(alpha=[0, 2])
    assert load(part.save(tmp_path / "part.h5")) == part
    spoilt = replace(first, eps_g_test=np.array([[0.1, np.nan]]))
    with pytest.raises(InputError, match="eps_g_test must be NaN where R is, and only there"):
        load(spoilt.save(tmp_path / "spoilt.h5"))
