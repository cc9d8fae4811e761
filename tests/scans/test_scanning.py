"""Scans: what is in the file is what each problem gives alone, whoever solves it and however often it is cut off."""

import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest
import xarray
from conftest import random_problem

import stdyn
from stdyn import (
    Experiment,
    InputError,
    ScanInterrupted,
    ScanStopped,
    Variations,
    integrate,
    open_scan,
    scan,
    simulate_network,
    simulate_reduced,
)
from stdyn.analysis.summary import SUMMARY, summarise
from stdyn.files.provenance import difference

BASE = Experiment(K=2, M=2, N=20, alpha_max=20, points=9)
ALPHAS = BASE.alphas()
VARIATIONS = Variations(BASE, {"eta": [0.2, 0.4, 0.6], "draw": {"from": 1, "number": 4}})  # 24 points
RUNS = partial(simulate_reduced, runs=3)


def variables(path):
    """Every variable of the file, read by h5py."""
    with h5py.File(path) as file:
        return {name: np.asarray(dataset[()]) for name, dataset in file.items()}


def assert_same(one, other):
    """Bit by bit, all that is in two files."""
    mine, theirs = variables(one), variables(other)
    assert mine.keys() == theirs.keys()
    for name, values in mine.items():
        assert values.dtype == theirs[name].dtype
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


class Broken(RuntimeError):
    """What a solver raises here."""


def failing_at(*points):
    """`integrate`, but it raises at the points with these numbers."""
    problems = [VARIATIONS[point] for point in points]

    def solve(problem, alphas):
        for point, bad in zip(points, problems, strict=True):
            if problem.difference(bad) is None:
                raise Broken(f"point {point}\nis bad")
        return integrate(problem, alphas)

    return named_integrate(solve)


def named_integrate(solve):
    """`solve`, which passes for `integrate` as far as the file can tell."""
    solve.__module__, solve.__qualname__ = integrate.__module__, integrate.__qualname__
    return solve


# ---------------------------------------------------------------------------------------------------------------------
# What is in it


def test_every_point_is_what_its_problem_gives_alone(tmp_path):
    """Order parameters, eps_g, F, alignment and summary, bit by bit; NaN for what BP has not."""
    result = scan(VARIATIONS, ALPHAS, tmp_path / "scan.h5")
    assert (result.state == 1).all()
    assert not result.message.any()
    stored = variables(tmp_path / "scan.h5")
    for point, problem in enumerate(VARIATIONS):
        alone = integrate(problem, ALPHAS)
        for name in ("R", "Q", "v", "eps_g", "F", "alignment"):
            expected = getattr(alone, name)
            expected = np.full(len(ALPHAS), np.nan) if expected is None else expected
            np.testing.assert_array_equal(stored[name][point], expected)
        for name, value in summarise(alone, ALPHAS).items():
            np.testing.assert_array_equal(stored[name][point], value)
        again = result.trajectory(point)
        assert again.problem.difference(problem) is None
        assert again.method == "ode"
        np.testing.assert_array_equal(again.R, alone.R)
        np.testing.assert_array_equal(again.eps_g, alone.eps_g)
    for name, values in VARIATIONS.coordinates.items():
        np.testing.assert_array_equal(result.coordinates[name], values)


def test_the_file_opens_in_xarray_with_the_varied_as_coordinates(tmp_path):
    """By h5netcdf, lazily; to_xarray gives the same; all axes have names."""
    path = tmp_path / "scan.h5"
    result = scan(VARIATIONS, ALPHAS, path)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert {"eta", "draw", "rule"} <= set(data.coords)
        assert data.R.dims == ("point", "alpha", "student", "teacher")
        assert data.Q.dims == ("point", "alpha", "student", "student_2")
        assert data.plateau_length.dims == ("point",)
        np.testing.assert_array_equal(data.alpha, ALPHAS)
        chosen = data.where((data.rule == "fa") & (data.eta == 0.4), drop=True)
        assert chosen.sizes["point"] == 4
        grid = data.eps_g_final.set_index(point=["eta", "draw", "rule"]).unstack("point")
        assert dict(grid.sizes) == {"eta": 3, "draw": 4, "rule": 2}
        assert float(grid.sel(eta=0.4, draw=2, rule="bp")) == integrate(VARIATIONS[11], ALPHAS).eps_g[-1]
        loaded = result.to_xarray()
        assert set(loaded.variables) == set(data.variables)
        assert set(loaded.coords) == set(data.coords)
        for name in data.variables:
            np.testing.assert_array_equal(loaded[name], data[name])
    with h5py.File(path) as file:
        assert file["R"].chunks is not None
        assert file["R"].compression == "gzip"
        assert json.loads(file["description"].asstr()[()])["problems"] == VARIATIONS.description


def test_ensembles_have_runs(tmp_path):
    """Network and reduced; each point has a stream of its own, which depends on the seed and its number alone."""
    for solve in (RUNS, partial(simulate_network, runs=3)):
        path = tmp_path / f"{solve.func.__name__}.h5"
        result = scan(VARIATIONS, ALPHAS, path, solve, seed=5)
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            assert data.R.dims == ("point", "run", "alpha", "student", "teacher")
            assert data.plateau_length.dims == ("point", "run")
        stored = result.read("R")
        same_start = np.flatnonzero(result.coordinates["draw"] == 1)
        assert len({stored[point].tobytes() for point in same_start}) == len(same_start)
        point = result.trajectory(7)
        assert (point.runs, point.method) == (3, solve.func.__name__.removeprefix("simulate_"))
        few = scan(VARIATIONS[:8], ALPHAS, tmp_path / f"few_{path.name}", solve, seed=5)
        np.testing.assert_array_equal(few.read("R"), stored[:8])
        other = scan(VARIATIONS[:8], ALPHAS, tmp_path / f"other_{path.name}", solve, seed=6)
        assert not (other.read("R")[:, :, -1] == stored[:8, :, -1]).any()


def test_any_problems_can_be_scanned_and_had_back(tmp_path):
    """A list, K != M and two outputs: what differs becomes a coordinate, unless named; the file has every parameter."""
    problems = [random_problem(3, 2, 2, seed, rule, eta=eta) for seed, rule, eta in
                ((1, "fa", 0.1), (2, "bp", 0.1), (3, "fa", 0.2))]  # fmt: skip
    result = scan(problems, [0, 1.0, 2.0], tmp_path / "list.h5")
    assert set(result.coordinates) == {"rule", "eta"}
    for point, problem in enumerate(problems):
        assert result.problem(point).difference(problem) is None
        np.testing.assert_array_equal(result.trajectory(point).v, integrate(problem, [0, 1.0, 2.0]).v)
    named = scan(problems, [1.0], tmp_path / "named.h5", coordinates={"temperature": [1, 2, 3]})
    assert named.coordinates["temperature"].tolist() == [1, 2, 3]
    changed = [*problems[:2], replace(problems[2], sigma=0.3)]
    with pytest.raises(InputError, match=r"holds another scan .* problems\.sha256 is"):
        scan(changed, [0, 1.0, 2.0], tmp_path / "list.h5")


@pytest.mark.parametrize("keep", ["curves", "summary", [0.0, ALPHAS[4], 20.0]])
def test_less_can_be_kept(tmp_path, keep):
    """What is kept is the same; the summary is there always, and from all alphas."""
    everything = scan(VARIATIONS, ALPHAS, tmp_path / "all.h5")
    some = scan(VARIATIONS, ALPHAS, tmp_path / "some.h5", keep=keep)
    for name in SUMMARY:
        np.testing.assert_array_equal(some.read(name), everything.read(name))
    names = set(some.names)
    if keep == "summary":
        assert not names & {"R", "Q", "v", "eps_g", "F", "alignment", "alpha"}
    elif keep == "curves":
        assert not names & {"R", "Q", "v"}
        np.testing.assert_array_equal(some.read("eps_g"), everything.read("eps_g"))
    else:
        np.testing.assert_array_equal(some.read("alpha"), keep)
        np.testing.assert_array_equal(some.read("R"), everything.read("R")[:, [0, 4, 8]])
        np.testing.assert_array_equal(some.trajectory(3).alphas, keep)
    if isinstance(keep, str):
        with pytest.raises(InputError, match="kept no order parameters"):
            some.trajectory(0)


# ---------------------------------------------------------------------------------------------------------------------
# Where it is solved


@pytest.mark.parametrize(("solve", "seed"), [(integrate, None), (partial(integrate, method="LSODA"), None), (RUNS, 3),
                                             (partial(simulate_network, runs=2), 3)])  # fmt: skip
def test_workers_change_nothing(tmp_path, solve, seed):
    """In this process, in two processes, and few at a time: the same file, bit by bit."""
    scan(VARIATIONS, ALPHAS, tmp_path / "here.h5", solve, seed=seed)
    with stdyn.processes(2) as executor:
        scan(VARIATIONS, ALPHAS, tmp_path / "two.h5", solve, executor, seed=seed)
        scan(VARIATIONS, ALPHAS, tmp_path / "few.h5", solve, executor, seed=seed, in_flight=1)
    assert_same(tmp_path / "here.h5", tmp_path / "two.h5")
    assert_same(tmp_path / "here.h5", tmp_path / "few.h5")


def test_threads_are_an_executor_too(tmp_path):
    """Any concurrent.futures.Executor."""
    scan(VARIATIONS, ALPHAS, tmp_path / "here.h5")
    with ThreadPoolExecutor(3) as executor:
        scan(VARIATIONS, ALPHAS, tmp_path / "threads.h5", executor=executor)
    assert_same(tmp_path / "here.h5", tmp_path / "threads.h5")


class Scrambled(Executor):
    """Solves in this process, hands results back in another order, and loses its workers after some."""

    def __init__(self, lost_after=None):
        self.left, self.held = lost_after, []

    def submit(self, function, /, *arguments):
        future = Future()
        self.held.append((future, function, arguments))
        if len(self.held) == 7:
            self.release()
        return future

    def release(self):
        for future, function, arguments in reversed(self.held):
            if self.left == 0:
                future.set_exception(RuntimeError("the machine is gone"))
                continue
            future.set_result(function(*arguments))
            self.left = self.left - 1 if self.left is not None else None
        self.held.clear()


def test_points_may_arrive_in_any_order(tmp_path):
    """7 at a time, backwards."""
    scan(VARIATIONS[:21], ALPHAS, tmp_path / "here.h5")
    scan(VARIATIONS[:21], ALPHAS, tmp_path / "scrambled.h5", executor=Scrambled(), in_flight=7)
    assert_same(tmp_path / "here.h5", tmp_path / "scrambled.h5")


def test_what_arrived_before_the_workers_were_lost_is_kept(tmp_path):
    """10 of 24 points arrive, some after the first that is lost; the same call goes on to the same file."""
    scan(VARIATIONS, ALPHAS, tmp_path / "here.h5")
    path = tmp_path / "lost.h5"
    with pytest.raises(
        ScanStopped, match=r"the executor cannot go on \(RuntimeError: the machine is gone\); 10 done of 24 points"
    ):
        scan(VARIATIONS, ALPHAS, path, executor=Scrambled(lost_after=10), in_flight=24)
    assert (open_scan(path).state == 1).sum() == 10
    scan(VARIATIONS, ALPHAS, path)
    assert_same(path, tmp_path / "here.h5")


def test_a_solver_that_cannot_be_sent_is_refused_with_the_reason(tmp_path):
    """A function made on the spot has no name that another process could find."""
    with stdyn.processes(1) as executor, pytest.raises(InputError, match="must be in a module that these can import"):
        scan(VARIATIONS, ALPHAS, tmp_path / "lambda.h5", lambda problem, alphas: None, executor)
    assert not (tmp_path / "lambda.h5").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Cut off, and gone on with


def test_a_scan_goes_on_where_it_was_interrupted(tmp_path):
    """Ctrl-C at the 10th point, then at the 20th: what is done is not solved again, the end is the same."""
    solved = []

    def interrupted(at):
        def solve(problem, alphas):
            if len(solved) == at:
                raise KeyboardInterrupt
            solved.append(problem)
            return integrate(problem, alphas)

        return named_integrate(solve)

    path = tmp_path / "scan.h5"
    for at in (10, 20):
        with pytest.raises(
            ScanInterrupted, match=f"{at} done of 24 points in .*scan.h5; the same call goes on from there"
        ):
            scan(VARIATIONS, ALPHAS, path, interrupted(at))
        assert (open_scan(path).state == 1).sum() == at
    scan(VARIATIONS, ALPHAS, path, interrupted(None))
    assert len(solved) == 24
    scan(VARIATIONS, ALPHAS, tmp_path / "whole.h5")
    assert_same(path, tmp_path / "whole.h5")
    scan(VARIATIONS, ALPHAS, path, interrupted(24))  # nothing is left to do


def test_failures_are_recorded_and_do_not_stop_the_others(tmp_path):
    """With their message, in one line; the rest is as without them; retried only if asked."""
    path = tmp_path / "scan.h5"
    solve = failing_at(3, 17)
    result = scan(VARIATIONS, ALPHAS, path, solve)
    assert np.flatnonzero(result.state == 2).tolist() == [3, 17]
    assert result.message[3] == "Broken: point 3 is bad"
    assert np.isnan(result.read("R", 3)).all()
    assert np.isnan(result.summary["eps_g_final"][[3, 17]]).all()
    assert "22 done and 2 failed" in str(result)
    assert "first failure    point 3: Broken: point 3 is bad" in str(result)
    with pytest.raises(InputError, match="point 3 is failed: Broken: point 3 is bad"):
        result.trajectory(3)
    assert (scan(VARIATIONS, ALPHAS, path).state == 2).sum() == 2
    assert (scan(VARIATIONS, ALPHAS, path, retry_failed=True).state == 1).all()
    whole = scan(VARIATIONS, ALPHAS, tmp_path / "whole.h5")
    for name in ("R", "Q", "v", "eps_g", "state", "message", *SUMMARY):
        np.testing.assert_array_equal(open_scan(path).read(name), whole.read(name))


def test_points_that_no_weights_have_fail_alone(tmp_path):
    """A grid may have corners that are impossible."""
    result = scan(Variations(replace(BASE, rule="fa"), {"R[0,0]": [5.0, 0.1, 0.2]}), ALPHAS, tmp_path / "scan.h5")
    assert result.state.tolist() == [2, 1, 1]
    assert result.message[0].startswith("InputError: no weights have these overlaps")


@pytest.mark.parametrize("solve", [integrate, partial(simulate_reduced, runs=2)])
def test_divergence_is_a_result(tmp_path, solve):
    """Done, with the alpha and the reason; NaN from there on; the other points go on, no warning is shown."""
    base = replace(BASE, activation="linear", rule="fa", b=[-1, -1], v=[1, 1], eta_v=0.0)
    seed = None if solve is integrate else 1
    result = scan(Variations(base, {"eta": [0.1, 8.0]}), ALPHAS, tmp_path / "scan.h5", solve, seed=seed)
    assert result.state.tolist() == [1, 1]
    assert "diverged" in result.message[1]
    assert np.isfinite(result.summary["diverged_at"][1]).all()
    assert np.isnan(result.read("eps_g", 1)[..., -1]).all()
    assert np.isfinite(result.read("eps_g", 1)[..., 0]).all()
    alone = result.trajectory(1)
    assert np.all(alone.diverged_at == result.summary["diverged_at"][1])
    assert len(alone.alphas) < len(ALPHAS)
    assert alone.attributes["warning"] == result.message[1]


# ---------------------------------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"problems": Variations(BASE, {"eta": [0.2, 0.4], "draw": [1]})},
            "problems.vary.eta is [0.2, 0.4, 0.6] there",
        ),
        (
            {"problems": Variations(replace(BASE, sigma=0.1), VARIATIONS.vary)},
            "experiment.sigma is 0.0 there and 0.1 here",
        ),
        ({"alphas": ALPHAS[:-1]}, "alphas is "),
        ({"alphas": [*ALPHAS[:-1], 21.0]}, "alphas[8] is 20.0 there and 21.0 here"),
        ({"solve": partial(integrate, method="LSODA")}, "solve.method is null there and"),
        ({"solve": RUNS, "seed": 1}, "solve.function is"),
        ({"keep": "curves"}, 'keep is "all" there and "curves" here'),
    ],
)
def test_a_file_of_another_scan_is_refused_with_the_first_difference(tmp_path, changes, words):
    """And left as it is; with overwrite it is begun anew."""
    path = tmp_path / "scan.h5"
    scan(VARIATIONS, ALPHAS, path)
    before = path.read_bytes()
    arguments = {"problems": VARIATIONS, "alphas": ALPHAS, "path": path} | changes
    with pytest.raises(InputError) as refusal:
        scan(**arguments)
    assert "holds another scan and is not overwritten unless asked" in str(refusal.value)
    assert words in str(refusal.value)
    assert path.read_bytes() == before
    scan(**arguments, overwrite=True)
    scan(**arguments)


def test_difference_names_the_first_place():
    """In nested descriptions; None if there is none."""
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) is None
    assert difference({"a": [1, {"b": 2}], "c": 1}, {"a": [1, {"b": 3}], "c": 2}) == "a[1].b is 2 there and 3 here"
    assert difference({"a": 1}, {"a": 1, "new": 2}) == "new is null there and 2 here"
    assert difference([1, 2], [1, 2, 3], "x") == "x is [1, 2] there and [1, 2, 3] here"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problems": []}, "problems must not be empty"),
        ({"problems": [1, 2]}, r"problems must be a sequence of Problem, but problems\[0\] is 1"),
        (
            {"problems": [random_problem(2, 2), random_problem(3, 2)]},
            "all problems of a scan must have R and v of the same",
        ),
        ({"alphas": [1, 0.5]}, "alphas must increase strictly"),
        ({"keep": "everything"}, "keep must be one of all, curves, summary, or alphas, but is 'everything'"),
        ({"keep": 5}, "keep must have 1 axis, but has shape"),
        ({"keep": [0.0, 3.0]}, "keep must be some of the alphas, but 3 is not"),
        ({"seed": 1}, "seed is of no use here"),
        ({"solve": RUNS}, "seed is needed: the solver draws random numbers"),
        ({"solve": RUNS, "seed": -1}, "seed must be at least 0, but is -1"),
        ({"executor": stdyn.processes(2)}, r"executor must be a concurrent\.futures\.Executor .* but is <contextlib"),
        ({"in_flight": 0}, "in_flight must be at least 1, but is 0"),
        ({"problems": VARIATIONS[:2], "coordinates": {"x": [1]}}, "must have a value for each of the 2 points"),
        ({"problems": VARIATIONS[:2], "coordinates": {"R": [1, 2]}}, "that are not taken, but one is 'R'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, changes, words):
    """With what was expected, and no file left."""
    arguments = {"problems": VARIATIONS, "alphas": ALPHAS, "path": tmp_path / "scan.h5"} | changes
    with pytest.raises(InputError, match=words):
        scan(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_scans_and_trajectories_are_told_apart(tmp_path):
    """Each reader refuses the other's file and says which reads it; a scan never overwrites a trajectory."""
    scan(VARIATIONS[:2], ALPHAS, tmp_path / "scan.h5")
    integrate(VARIATIONS[0], ALPHAS).save(tmp_path / "ode.h5")
    with pytest.raises(InputError, match=r"holds a scan, not a trajectory; stdyn\.open_scan reads it"):
        stdyn.load(tmp_path / "scan.h5")
    with pytest.raises(InputError, match=r"holds a trajectory, not a scan; stdyn\.load reads it"):
        open_scan(tmp_path / "ode.h5")
    before = (tmp_path / "ode.h5").read_bytes()
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds a trajectory, not a scan, and is not overwritten"):
            scan(VARIATIONS[:2], ALPHAS, tmp_path / "ode.h5", overwrite=overwrite)
    assert (tmp_path / "ode.h5").read_bytes() == before
    for name, content in (("text.h5", b"no HDF5"), ("cut.h5", (tmp_path / "scan.h5").read_bytes()[:3000])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"is (not an|a damaged) HDF5 file|is truncated"):
            scan(VARIATIONS[:2], ALPHAS, tmp_path / name)
    with pytest.raises(InputError, match="is not there"):
        open_scan(tmp_path / "missing.h5")
    with pytest.raises(InputError, match=r"holds no 'W', but "):
        open_scan(tmp_path / "scan.h5").read("W")


def test_a_scan_made_by_other_versions_goes_on_with_a_warning(tmp_path):
    """The last bits may differ, and that is said."""
    path = tmp_path / "scan.h5"
    scan(VARIATIONS[:2], ALPHAS, path)
    with h5py.File(path, "r+") as file:
        file.attrs["versions"] = json.dumps(json.loads(file.attrs["versions"]) | {"numpy": "1.0"})
    with pytest.warns(UserWarning, match=r"begun with other versions \(numpy 1\.0 -> "):
        scan(VARIATIONS[:2], ALPHAS, path)
