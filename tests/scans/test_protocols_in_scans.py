"""Schedules, tasks and rules in scans: they vary, and every parameter of every problem is in the file."""

import json
import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray
from conftest import random_problem

import stdyn
from stdyn import Experiment, InputError, Problem, ScanInterrupted, Variations, integrate, open_scan, scan, schedule
from stdyn.analysis.summary import summarise
from stdyn.scans.parameters import problem_of, stored

HYPERBOLIC = {"kind": "hyperbolic", "value": 1, "scale": 10}
STEPS = {"kind": "steps", "at": [0, 2, 4], "value": [0.5, 0.2, 0.1]}
TASKS = {"similarity": 0.25, "at": [0, 2]}
BASE = Experiment(K=2, M=4, N=30, alpha_max=5, points=5, rule="fa", eta=HYPERBOLIC, sigma=STEPS, tasks=TASKS)
ALPHAS = BASE.alphas()


def one(vary, **changes):
    """The problem of the only point."""
    (problem,) = Variations(replace(BASE, **changes), vary)
    return problem


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("eta.scale", 50, {"eta": HYPERBOLIC | {"scale": 50}}),
        ("eta.value", 0.3, {"eta": HYPERBOLIC | {"value": 0.3}}),
        ("sigma.value[1]", 0.4, {"sigma": STEPS | {"value": [0.5, 0.4, 0.1]}}),
        ("sigma.at[2]", 3.5, {"sigma": STEPS | {"at": [0, 2, 3.5]}}),
        ("tasks.similarity", -0.5, {"tasks": TASKS | {"similarity": -0.5}}),
        ("tasks.similarity_v", 0.5, {"tasks": TASKS | {"similarity_v": 0.5}}),
        ("tasks.at[1]", 3, {"tasks": TASKS | {"at": [0, 3]}}),
        ("drift", 0.1, {"drift": 0.1}),
        ("batch", 4, {"batch": 4}),
        ("eta", 0.2, {"eta": 0.2}),
    ],
)
def test_a_number_in_a_table_varies_and_nothing_else(name, value, changes):
    """The problem is that of an experiment with this number; the experiment itself stays as it was."""
    before = pickle.dumps(BASE)
    problem = one({name: [value]})
    assert problem.difference(replace(BASE, **changes).problem("fa")) is None
    assert problem.difference(BASE.problem("fa")) is not None
    assert pickle.dumps(BASE) == before


def test_numbers_in_pieces_and_in_arrays_of_tasks_vary():
    """Any depth: an entry of a list in a table in a list."""
    pieces = {"kind": "pieces", "at": [0, 2], "value": [0.5, HYPERBOLIC]}
    problem = one({"decay.value[1].scale": [7.0], "decay.value[0]": [0.25]}, decay=pieces)
    expected = schedule.pieces([0, 2], [0.25, schedule.hyperbolic(1, 7)])
    assert problem.decay == expected
    tasks = {"v_teacher": [[1, 1, 0, 0], [0, 0, 1, 1]], "at": [0, 2]}
    assert one({"tasks.v_teacher[1,3]": [-2.0]}, tasks=tasks).tasks.v_teacher.tolist() == [[1, 1, 0, 0], [0, 0, 1, -2]]


def test_alphas_that_vary_together_are_checked_together():
    """at = [0, 2, 4] becomes [0, 5, 6], though [0, 5, 4] would be refused."""
    assert one({"sigma.at[1]": [5], "sigma.at[2]": [6]}).sigma == schedule.steps([0, 5, 6], [0.5, 0.2, 0.1])
    with pytest.raises(InputError, match=r"sigma.at\[1\] = 5: sigma: at must increase strictly"):
        one({"sigma.at[1]": [5]})
    with pytest.raises(InputError, match=r"eta and eta\.scale cannot both vary"):
        one({"eta": [0.1], "eta.scale": [3]})


def test_rules_share_start_and_feedback():
    """All four from the same start and b, turned to the same angle; BP has none."""
    points = Variations(replace(BASE, mixture=0.3), {"b_angle": [40], "rule": ["fa", "bp", "kp", "mixed"]})
    fa, bp, kp, mixed = points
    assert [problem.rule for problem in points] == ["fa", "bp", "kp", "mixed"]
    assert all(problem.start == fa.start for problem in points)
    assert np.array_equal(kp.b, fa.b)
    assert np.array_equal(mixed.b, fa.b)
    assert bp.b is None
    assert [problem.mixture for problem in points] == [None, None, None, 0.3]
    assert mixed.difference(replace(fa, rule="mixed", mixture=0.3)) is None
    parts = Variations(replace(BASE, rule="mixed"), {"mixture": {"from": 0.1, "to": 0.9, "number": 3}})
    assert [problem.mixture for problem in parts] == pytest.approx([0.1, 0.5, 0.9])


def test_a_scan_over_schedules_and_tasks_goes_on_and_is_opened_with_equal_problems(tmp_path):
    """Interrupted after two points, it ends in what it would have been; reopened it has every problem."""
    points = Variations(replace(BASE, rule="both"), {"eta.scale": [5, 50], "tasks.similarity": [0.5]})
    solved = []

    def solve(problem, alphas):
        if len(solved) == 2:
            raise KeyboardInterrupt
        solved.append(problem)
        return integrate(problem, alphas)

    solve.__module__, solve.__qualname__ = integrate.__module__, integrate.__qualname__
    with pytest.raises(ScanInterrupted):
        scan(points, ALPHAS, tmp_path / "scan.h5", solve)
    scan(points, ALPHAS, tmp_path / "scan.h5")
    found = open_scan(tmp_path / "scan.h5")
    assert (found.state == 1).all()
    assert found.attributes["format_version"] == 2
    assert found.coordinates["eta.scale"].tolist() == [5, 5, 50, 50]
    for index, problem in enumerate(points):
        assert found.problem(index).difference(problem) is None
        np.testing.assert_array_equal(found.trajectory(index).R, integrate(problem, ALPHAS).R)
        np.testing.assert_array_equal(found.read("eps_g", index), integrate(problem, ALPHAS).eps_g)
        expected = summarise(integrate(problem, ALPHAS), ALPHAS)
        assert {"forgetting_1", "transfer_2", "eps_g_final_2"} <= expected.keys() == found.summary.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found.summary[name][index], value)
    other = Variations(replace(BASE, rule="both"), {"eta.scale": [5, 60], "tasks.similarity": [0.5]})
    with pytest.raises(InputError, match=r"problems.vary.eta.scale\[1\] is 50 there and 60 here"):
        scan(other, ALPHAS, tmp_path / "scan.h5")
    with xarray.open_dataset(tmp_path / "scan.h5", engine="h5netcdf") as data:
        assert {"eta.scale", "tasks.similarity"} <= set(data.coords)


def every_kind():
    """Problems of one shape with each of what a problem may have."""
    plain = random_problem(2, 4)
    T, tasks = stdyn.similar(2, 0.5, at=[0, 3])
    of_tasks = stdyn.OrderParameters(plain.start.R * 0, plain.start.Q, T, plain.start.v, plain.start.v_teacher)
    return [
        plain,
        replace(plain, rule="bp", b=None),
        replace(plain, rule="kp"),
        replace(plain, rule="mixed", mixture=0.25),
        replace(plain, rule="mixed", mixture=schedule.linear([0, 1], [0.5, 1])),
        replace(plain, eta=schedule.hyperbolic(1, 5)),
        replace(plain, decay=schedule.pieces([0, 1], [0.1, schedule.cosine(0.2, 3)]), drift=0.2),
        replace(plain, drift=schedule.steps([0, 2], [0, 0.1])),
        replace(plain, start=of_tasks, tasks=tasks),
        replace(plain, batch=3, sphere=True),
        replace(plain, flow=True),
    ]


@pytest.fixture(scope="module")
def file_of_every_kind(tmp_path_factory):
    """A scan of all of them."""
    path = tmp_path_factory.mktemp("kinds") / "every.h5"
    assert (scan(every_kind(), [0.0, 0.1], path).state == 1).all()
    return path


def test_a_problem_alone_is_stored_and_comes_back():
    """Only what is not as in every problem of before is stored besides."""
    sizes = set()
    for problem in every_kind():
        variables = stored([problem])
        assert problem_of({name: values[0] for name, (_, values, _) in variables.items()}).difference(problem) is None
        sizes.add((len(variables), problem.needs_protocols))
    least = min(size for size, _ in sizes)
    assert (least, False) in sizes
    assert all(new for size, new in sizes if size > least)


def test_a_list_of_problems_comes_back_as_it_was(file_of_every_kind):
    """Number by number, schedules and tasks as JSON; the same scan is recognised."""
    problems = every_kind()
    again = open_scan(file_of_every_kind)
    assert again.attributes["format_version"] == 2
    for index, problem in enumerate(problems):
        assert again.problem(index).difference(problem) is None
        np.testing.assert_array_equal(again.trajectory(index).v, integrate(problem, [0.0, 0.1]).v)
    assert {"eta", "decay", "drift", "mixture", "tasks", "batch", "flow", "sphere", "rule"} <= set(again.coordinates)
    assert scan(problems, [0.0, 0.1], file_of_every_kind) == again
    with xarray.open_dataset(file_of_every_kind, engine="h5netcdf") as data:
        assert json.loads(str(data.eta.values[5])) == {"kind": "hyperbolic", "value": 1.0, "scale": 5.0}


def test_files_without_anything_of_this_are_what_they_were(tmp_path):
    """No further variables, keys or another format, so that earlier versions read them and theirs are gone on with."""
    scan([random_problem(2, 2)], [0.0, 0.1], tmp_path / "list.h5")
    with h5py.File(tmp_path / "list.h5") as file:
        assert not {"drift", "mixture", "tasks", "batch", "flow", "sphere"} & set(file)
        assert file.attrs["format_version"] == 1
    points = Variations(Experiment(rule="fa", K=2, M=2), {"sigma": [0.1]})
    assert not {"drift", "mixture", "tasks", "batch", "flow", "sphere"} & set(points.description["experiment"])
    assert points.description["experiment"]["eta"] == 0.5
    for vary, version in (({"eta": [1]}, 1), ({"drift": [0]}, 2), ({"rule": ["fa", "kp"]}, 2)):
        assert Variations(Experiment(K=2, M=2), vary).format_version == version


def test_a_coordinate_of_the_name_of_a_parameter_is_not_taken_for_it(tmp_path):
    """`batch` of one's own, as files of before may have it; refused where the problems have one that is stored."""
    mine = {"batch": [7], "tasks": [1.5], "forgetting_1": ["no"]}
    found = scan([random_problem(2, 2)], [0.0, 0.1], tmp_path / "a.h5", coordinates=mine)
    assert {name: values.tolist() for name, values in found.coordinates.items()} == mine
    assert "forgetting_1" not in found.summary
    assert open_scan(tmp_path / "a.h5").problem(0) == random_problem(2, 2)
    with pytest.raises(InputError, match="names without / and space that are not taken, but one is 'batch'"):
        scan([random_problem(2, 2, batch=2)], [0.0, 0.1], tmp_path / "b.h5", coordinates={"batch": [7]})


def test_functions_of_alpha_cannot_be_scanned(tmp_path):
    """They are in no file: refused with the point and the rate before anything is written or solved."""
    plain = random_problem(2, 2)
    for rate in (lambda alpha: 0.5, schedule.pieces([0, 1], [0.5, schedule.function(abs)])):
        with pytest.raises(InputError, match=r"problems\[1\]: sigma: .* is a Python function, and a file holds named"):
            scan([plain, replace(plain, sigma=rate)], [0.0, 0.1], tmp_path / "scan.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("eta", "{}", "eta: kind must be one of"),
        ("eta", "[1", "JSONDecodeError"),
        ("eta", '{"kind": "steps", "at": [0, 0], "value": [1, 2]}', "eta: at must increase strictly"),
        ("tasks", '{"similarity": 1}', "similarity"),
        ("tasks", "3", "TypeError"),
        ("mixture", "2", "mixture must be at most 1"),
    ],
)
def test_what_is_no_schedule_in_a_file_is_refused(tmp_path, file_of_every_kind, name, text, words):
    """The file is named."""
    (tmp_path / "scan.h5").write_bytes(file_of_every_kind.read_bytes())
    with h5py.File(tmp_path / "scan.h5", "r+") as file:
        file[name][4] = text
    with pytest.raises(InputError) as refused:
        open_scan(tmp_path / "scan.h5").problem(4)
    assert str(refused.value).startswith(str(tmp_path))
    assert words in str(refused.value)


def test_a_description_of_before_makes_its_points():
    """Without a word of what is new."""
    experiment = {"rule": "bp", "K": 2, "M": 2, "N": 30, "eta": 0.5, "eta_v": 0.25, "sigma": 0.0, "decay": 0.1}
    (made,) = Variations.from_description({"experiment": experiment, "vary": {"q": [0.3]}})
    assert made == Experiment(**experiment, q=0.3).problem("bp")
    assert isinstance(made, Problem)
    assert (made.drift, made.batch, made.tasks, made.flow, made.sphere) == (0, 1, None, False, False)


def test_the_recorded_alphas_have_every_switch_and_jump():
    """The multiple of 1/N there, or those on both sides, up to alpha_max; in scans of every point."""
    pieces = {"kind": "pieces", "at": [0, 1.51], "value": [0.1, {"kind": "steps", "at": [0, 1, 9], "value": [1, 2, 1]}]}
    plain = Experiment(K=2, M=4, N=30, alpha_max=5, points=5)
    grid = [0.0, 3 / 30, 11 / 30, 41 / 30, 5.0]  # of plain
    assert plain.alphas().tolist() == pytest.approx(grid, abs=1e-15)
    smooth = {"kind": "linear", "at": [0, 2.5], "value": [0, 1]}
    assert replace(plain, eta=HYPERBOLIC, decay=smooth).alphas().tolist() == plain.alphas().tolist()
    for changes, steps in (
        ({"tasks": {"similarity": 0.25, "at": [0, 2.01]}}, [60, 61]),  # 60.3
        ({"tasks": {"similarity": 0.25, "at": [0, 2.1]}}, [63]),  # 2.1 * 30 is 63 but for rounding
        ({"tasks": {"similarity": 0.25, "at": [0, 100]}}, []),
        ({"sigma": STEPS}, [60, 120]),
        ({"decay": pieces}, [45, 46, 75, 76]),  # 45.3, 75.3
        ({"rule": "mixed", "mixture": STEPS}, [60, 120]),
        ({"rule": "fa", "mixture": STEPS}, []),  # of no use
    ):
        expected = sorted({*plain.alphas().tolist(), *(step / 30 for step in steps)})
        assert replace(plain, **changes).alphas().tolist() == expected
        assert Variations(replace(plain, **changes), {"q": [1]}).alphas().tolist() == expected
    of_scan = Variations(BASE, {"tasks.at[1]": [1, 3.01]})
    expected = {*BASE.alphas().tolist(), 30 / 30, 90 / 30, 91 / 30}
    assert of_scan.alphas().tolist() == sorted(expected)
