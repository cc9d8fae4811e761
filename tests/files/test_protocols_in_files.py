"""Files of problems that change with alpha: all of it comes back, and contradictions are found."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray
from conftest import random_overlaps, random_problem
from protocols import ALPHAS, PROBLEMS

from stdyn import (
    DivergenceWarning,
    InputError,
    Problem,
    Tasks,
    fluctuations,
    integrate,
    load,
    load_fluctuations,
    schedule,
    simulate_network,
    simulate_reduced,
)

MORE = {"drift", "mixture", "batch", "flow", "sphere"}  # attributes that are there only where they are not the default
EVERY = pytest.mark.parametrize("name", PROBLEMS)


@EVERY
def test_every_field_of_a_problem_comes_back(tmp_path, name):
    """Of the theory, in a file of format 2, with no attribute that is not needed."""
    problem = PROBLEMS[name]
    theory = integrate(problem, ALPHAS)
    back = load(theory.save(tmp_path / "a.h5"))
    assert back == theory
    assert back.problem.difference(problem) is None
    assert back.attributes == theory.attributes
    for what in ("b", "F", "alignment", "eps_g", "eps_g_per_task", "forgetting", "transfer"):
        np.testing.assert_equal(getattr(back, what), getattr(theory, what))
    attributes = theory.to_xarray().attrs
    assert attributes["format_version"] == 2
    assert (attributes.keys() & MORE) == {each for each in MORE if getattr(problem, each) not in (0, 1, None)} | (
        {each for each in ("flow", "sphere") if getattr(problem, each)}
    )


@pytest.mark.parametrize("name", ["kp of outputs", "a head each", "mixed with a schedule", "flow"])
def test_xarray_opens_it_as_the_same(tmp_path, name):
    """And what it writes is read as the file itself."""
    theory = integrate(PROBLEMS[name], ALPHAS)
    with xarray.open_dataset(theory.save(tmp_path / "a.h5"), engine="h5netcdf") as opened:
        assert opened.identical(theory.to_xarray())
    theory.to_xarray().to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert load(tmp_path / "b.nc") == theory


@pytest.mark.parametrize("name", ["kp with a schedule", "kp of outputs", "a head each", "mixed", "sphere", "drift"])
def test_runs_come_back(tmp_path, name):
    """b of "kp" has the axis of runs, too, and is that of every run."""
    runs = simulate_reduced(PROBLEMS[name], ALPHAS, 3, rng=np.random.default_rng(1))
    back = load(runs.save(tmp_path / "a.h5"))
    assert back == runs
    for what in ("b", "eps_g_per_task"):
        np.testing.assert_equal(getattr(back, what), getattr(runs, what))
    if runs.problem.rule == "kp":
        assert back.b.shape == runs.v.shape
        assert runs.to_xarray().b.dims == runs.to_xarray().v.dims
    if runs.problem.tasks is not None:
        data = runs.to_xarray()
        assert data.eps_g_per_task.dims == ("run", "alpha", "task")
        assert data.task_v_teacher.dims == ("task", "teacher", "output")
        assert data.task_weights.dims == ("task", "output")
        assert data.task_at.dims == data.task_order.dims == ("turn",)


def test_what_needs_nothing_of_it_is_in_format_1(tmp_path):
    """Of the names that it always had, so that older versions read it."""
    theory = integrate(random_problem(2, 2), [0, 1])
    with h5py.File(theory.save(tmp_path / "a.h5")) as file:
        assert file.attrs["format_version"] == 1
        assert not MORE & set(file.attrs)
        assert set(file) == {
            "R", "Q", "v", "R_start", "Q_start", "v_start", "T", "v_teacher", "b", "F", "alignment", "eps_g", "alpha",
            "student", "student_2", "teacher", "teacher_2",
        }  # fmt: skip
        assert type(file.attrs["eta"]) is np.float64
    assert theory.to_xarray().attrs["format_version"] == 1


def test_one_task_with_weights_is_in_format_2(tmp_path):
    """Nothing changes with alpha, but a version that knows no weights would give another eps_g."""
    problem = Problem(random_overlaps(2, 2, 2), eta=0.5, eta_v=0.5, tasks=Tasks(np.ones((1, 2, 2)), weights=[[1, 0.5]]))
    theory = integrate(problem, [0, 1.0])
    assert theory.to_xarray().attrs["format_version"] == 2
    assert load(theory.save(tmp_path / "a.h5")) == theory


def test_runs_that_diverged_come_back(tmp_path):
    """Feedback that learns and errors of tasks are NaN where R is."""
    problem = PROBLEMS["a task that comes back"]
    problem = replace(problem, activation="linear", eta=20.0, eta_v=0.0, rule="kp")
    with pytest.warns(DivergenceWarning):
        runs = simulate_reduced(problem, np.arange(0, 1, 0.025), 3, rng=np.random.default_rng(1))
    back = load(runs.save(tmp_path / "a.h5"))
    assert back == runs
    assert np.isnan(back.b).any()
    np.testing.assert_array_equal(np.isnan(back.eps_g_per_task).all(axis=-1), np.isnan(back.R[..., 0, 0]))


def test_fluctuations_come_back(tmp_path):
    """Of feedback that learns by a schedule, and of tasks."""
    small = random_problem(1, 1)
    for problem in (
        replace(small, rule="kp", decay_v=schedule.steps([0, 0.5], [0.3, 0.1])),
        PROBLEMS["one head"],
    ):
        found = fluctuations(problem, [0, 0.5, 1], points=2**8)
        assert load_fluctuations(found.save(tmp_path / f"{problem.rule}.h5")) == found
    with pytest.raises(InputError, match="eta is function"):
        replace(found, theory=replace(found.theory, problem=replace(problem, eta=lambda _: 0.1))).save(tmp_path / "c")
    assert len(list(tmp_path.iterdir())) == 2


def of_alpha(alpha):
    return 0.1 / (1 + alpha)


@pytest.mark.parametrize("name", ["eta", "eta_v", "sigma", "decay", "decay_v", "drift", "mixture"])
def test_a_python_function_is_not_written(tmp_path, name):
    """Refused before anything is made, with its name; xarray has its name as a text."""
    problem = random_problem(1, 1)
    for given in (of_alpha, schedule.pieces([0, 1], [0.1, schedule.function(of_alpha)])):
        more = {"rule": "mixed", "mixture": 0.5} if name == "mixture" else {}
        theory = integrate(replace(problem, **(more | {name: given})), [0, 1])
        with pytest.raises(InputError, match=f"{name} is .*function of_alpha.*: a Python function cannot be written"):
            theory.save(tmp_path / "new.h5")
        assert list(tmp_path.iterdir()) == []
        assert "function of_alpha" in theory.to_xarray().attrs[name]
        assert "function of_alpha" in theory.summary()


def test_a_schedule_of_any_length_is_written(tmp_path):
    """600 pieces of a drifting teacher's rate, and far more than HDF5 keeps in an attribute by itself."""
    long = schedule.steps(np.arange(20_000), np.random.default_rng(1).uniform(size=20_000))
    theory = integrate(replace(random_problem(1, 1), eta=long), [0, 0.5])
    assert load(theory.save(tmp_path / "a.h5")) == theory
    assert len(theory.summary()) < 2000


def test_a_small_network_is_written(tmp_path):
    """N below K + M, which versions before refuse as a file of theirs."""
    problem = Problem(random_problem(2, 2).start, N=3, eta=0.1, eta_v=0.1)
    theory = integrate(problem, [0, 1])
    back = load(theory.save(tmp_path / "a.h5"))
    assert back.problem.N == 3
    assert theory.to_xarray().attrs["format_version"] == 2


# ---------------------------------------------------------------------------------------------------------------------
# What contradicts itself


def _attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def _entries(name, change):
    def made(file):
        values = change(file[name][()])
        del file[name]
        file[name] = values

    return made


def _without(name):
    def change(file):
        del file[name]

    return change


def _json(**description):
    return json.dumps(description)


TASKS, KP, MIXED = "a task that comes back", "kp with a schedule", "mixed with a schedule"
CONTRADICTIONS = {
    "no JSON": (TASKS, _attribute("eta", "fast"), "eta must be JSON, but is 'fast'"),
    "no table": (TASKS, _attribute("eta", "[0.1]"), "eta must be an object, but is [0.1]"),
    "another kind": (TASKS, _attribute("eta", _json(kind="slow")), "eta: kind must be one of steps, linear"),
    "a key too many": (TASKS, _attribute("sigma", _json(kind="power", value=1, scale=1, exponent=1, x=1)), "sigma: k"),
    "unsorted": (TASKS, _attribute("eta", _json(kind="steps", at=[0, 2, 1], value=[1, 1, 1])), "eta: at must increase"),
    "a rate below 0": (TASKS, _attribute("decay", _json(kind="hyperbolic", value=-1, scale=1)), "decay: value must be"),
    "NaN": (TASKS, _attribute("drift", '{"kind": "hyperbolic", "value": NaN, "scale": 1}'), "drift: value must be"),
    "above 1": (MIXED, _attribute("mixture", _json(kind="steps", at=[0], value=[2])), "mixture must be at most 1"),
    "a function": (MIXED, _attribute("mixture", "function f"), "mixture must be JSON, but is 'function f'"),
    "a mixture of FA": (TASKS, _attribute("mixture", 0.5), "mixture, the part of v in the backward weights, is"),
    "no batch": (TASKS, _attribute("batch", 0), "batch must be an integer from 1"),
    "flow": (TASKS, _attribute("flow", "yes"), "flow must be an integer from 0 to 1, but is 'yes'"),
    "flow of batches": (KP, lambda file: file.attrs.update(flow=1, batch=2), "batch must be 1 with flow = True"),
    "no order": (TASKS, _without("task_order"), "holds no 'task_order'"),
    "no tasks": (TASKS, _without("task_v_teacher"), "holds no 'task_v_teacher'"),
    "no errors of tasks": (TASKS, _without("eps_g_per_task"), "holds no 'eps_g_per_task'"),
    "a task that is not": (TASKS, _entries("task_order", lambda n: n + 1), "task_order[3] must be an integer from 0"),
    "late": (TASKS, _entries("task_at", lambda at: at + 1), "task_at must begin with 0, but begins with 1"),
    "back": (TASKS, _entries("task_at", lambda at: at[[0, 2, 1, 3]]), "task_at must increase"),
    "a turn too many": (TASKS, _entries("task_at", lambda at: [*at, 9.0]), "must have the axes (turn)"),
    "of other units": (TASKS, _entries("task_v_teacher", lambda v: v[:, :1]), "task_v_teacher must have the axes"),
    "idle": (TASKS, _entries("task_weights", lambda m: 0 * m), "task_weights must let every task have a loss"),
    "another start": (TASKS, _entries("v_teacher", lambda v: v + 1), "v_teacher must be that of the task that is"),
    "a gap": (TASKS, _entries("eps_g_per_task", lambda e: np.where(e == e[1, 1], np.nan, e)),
              "eps_g_per_task must be NaN where R is, and only there, but at [1, 1] it is not so"),
    "a gap of b": (KP, _entries("b", lambda b: np.where(b == b[0, 1, 1], np.nan, b)), "b must be NaN where R is"),
    "b that stays": (KP, _entries("b", lambda b: b[0, 0]), "b must have the axes (run, alpha, student)"),
    "no b at the start": (KP, _without("b_start"), "holds no 'b_start'"),
    "parts": (KP, _attribute("joined", "two"), "joined must be JSON, but is 'two'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocols")
    runs = simulate_network(PROBLEMS[KP], ALPHAS, 2, rng=np.random.default_rng(1))
    found = {TASKS: integrate(PROBLEMS[TASKS], ALPHAS), KP: runs, MIXED: integrate(PROBLEMS[MIXED], ALPHAS)}
    return {name: each.save(folder / f"{n}.h5").read_bytes() for n, (name, each) in enumerate(found.items())}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_itself_is_refused(tmp_path, files, what):
    """In one line with the file and the variable."""
    name, change, words = CONTRADICTIONS[what]
    path = tmp_path / "a.h5"
    path.write_bytes(files[name])
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError) as error:
        load(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 500
