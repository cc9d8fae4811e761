"""A saved scan on the page: what is shown of its points, and the trajectory of each."""

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from explorer_session import Heard
from structured_problems import by_group

import stdyn
from stdyn.explorer import scans
from stdyn.explorer.source import Source
from stdyn.explorer.state import wanted
from stdyn.scans.medians import over_runs

EXPERIMENT = stdyn.Experiment(K=2, M=2, rule="both", N=60, alpha_max=20, points=21)
CURVE = ("eps_g", "R", "Q", "v")


def saved(path, vary, experiment=EXPERIMENT, solve=stdyn.integrate, number=None, **more):
    points = stdyn.Variations(experiment, vary, number=number)
    return stdyn.scan(points, points.alphas(), path / "scan.h5", solve, **more)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Two rules, four rates, two draws."""
    vary = {"eta": {"from": 0.1, "to": 4, "number": 4, "spacing": "log"}, "draw": {"from": 1, "number": 2}}
    return saved(tmp_path_factory.mktemp("grid"), vary, replace(EXPERIMENT, rule="both"))


def test_its_coordinates_and_numbers_are_those_of_the_file(grid):
    """Numbers as they are; a word is its place in a list, in which fa comes before bp."""
    said, arrays = scans.described(grid), scans.points(grid)
    assert (said["points"], said["of"], said["done"], said["failed"]) == (16, 16, 16, 0)
    assert (said["coordinates"], said["words"]) == (["eta", "draw"], {"rule": ["fa", "bp"]})
    assert said["values"] == list(grid.summary)
    for name in said["coordinates"]:
        np.testing.assert_array_equal(arrays[f"coordinate:{name}"], grid.coordinates[name])
    words = [said["words"]["rule"][int(n)] for n in arrays["coordinate:rule"]]
    assert words == grid.coordinates["rule"].tolist()
    for name in said["values"]:
        np.testing.assert_array_equal(arrays[f"value:{name}"], grid.summary[name])
    assert np.isnan(arrays["value:alignment_final"]).sum() == 8, "BP has none"
    assert np.isinf(arrays["value:diverged_at"]).all()


def test_axes_are_logarithmic_where_the_scan_is(tmp_path):
    """As it says of a range; where a list has factors."""
    vary = {"eta": {"from": 0.1, "to": 2, "number": 3, "spacing": "log"}, "eta_v": {"from": 0.1, "to": 2, "number": 3}}
    experiment = replace(EXPERIMENT, rule="fa", points=3)
    assert scans.described(saved(tmp_path, vary, experiment))["log"] == ["eta"]
    vary = {"eta": [0.1, 0.3, 1.0], "eta_v": [0.1, 0.4, 0.8], "sigma": [0.0, 0.1, 1.0], "q": [0.1, 1.0]}
    assert scans.described(saved(tmp_path, vary, experiment, overwrite=True))["log"] == ["eta"]
    vary = {"eta": {"from": 0.01, "to": 2}, "eta_v": {"from": 0.01, "to": 2, "spacing": "log"}}
    sampled = saved(tmp_path, vary, experiment, number=20, overwrite=True)
    assert scans.described(sampled)["log"] == ["eta_v"]
    listed = stdyn.scan([sampled.problem(n) for n in range(20)], sampled.alphas, tmp_path / "list.h5")
    assert scans.described(listed)["log"] == ["eta_v"]  # which does not say how it was made


@pytest.mark.parametrize("index", [0, 7, 15])
def test_a_point_is_what_the_file_has(grid, index):
    """Its trajectory to the bit, and a state of the page that has its problem."""
    trajectory, state, words = scans.point(grid, index)
    assert words == f"point {index} of scan.h5"
    arrays = scans.curve(trajectory)
    for name in CURVE:
        np.testing.assert_array_equal(arrays[name], grid.read(name, index)[: len(trajectory.alphas)])
    found = wanted(state)
    assert found.problem(trajectory.problem.rule) == grid.problem(index)
    assert found.experiment.alpha_max == grid.alphas[-1]
    assert found.rules == (trajectory.problem.rule,)


@pytest.mark.parametrize("index", [-1, 16, 1.5, "1", None, True, 10**30, [0], float("nan")])
def test_there_are_no_other_points(grid, index):
    """Whatever the page says."""
    with pytest.raises(stdyn.InputError, match="index"):
        scans.point(grid, index)


@pytest.mark.parametrize("keep", ["summary", "curves"])
def test_a_point_that_was_not_kept_is_solved(tmp_path, keep):
    """And that is said."""
    scan = saved(tmp_path, {"eta": [0.2, 0.5]}, keep=keep)
    trajectory, state, words = scans.point(scan, 1)
    assert words == "the theory of point 1 of scan.h5, solved now: it holds no trajectory of it"
    theory = stdyn.integrate(scan.problem(1), scan.alphas)
    np.testing.assert_allclose(trajectory.eps_g, theory.eps_g, rtol=1e-5)
    assert wanted(state).problem(theory.problem.rule) == theory.problem


def test_solving_it_ends_when_it_is_not_wanted(tmp_path):
    """As another point is clicked."""
    stop = threading.Event()
    stop.set()
    trajectory, _, _ = scans.point(saved(tmp_path, {"eta": [0.2]}, keep="summary"), 0, stop)
    assert len(trajectory.alphas) < 21


def test_of_runs_there_are_medians_and_the_first(tmp_path):
    """Of networks, which have no theory in the file."""
    simulate = partial(stdyn.simulate_network, runs=3)
    scan = saved(tmp_path, {"sigma": [0.01, 0.1]}, replace(EXPERIMENT, rule="fa"), simulate, seed=1)
    arrays = scans.points(scan)
    for name, values in scan.summary.items():
        for n, row in enumerate(values):
            there = row[~np.isnan(row)]
            expected = np.sort(there)[1] if len(there) == 3 else np.nan if not len(there) else np.median(there)
            np.testing.assert_array_equal(arrays[f"value:{name}"][n], expected)
    trajectory, _, words = scans.point(scan, 1)
    assert words == "the first of 3 runs of point 1 of scan.h5"
    np.testing.assert_array_equal(scans.curve(trajectory)["eps_g"], scan.trajectory(1).eps_g[0])
    assert scans.curve(trajectory)["R"].shape == (21, 2, 2)


def test_infinite_and_missing_numbers_of_runs():
    """The median of two infinite ones is infinite; of none there is none."""
    inf, nan = np.inf, np.nan
    of_runs = np.array([[inf, inf, 1], [nan, nan, nan], [1, nan, 3], [inf, nan, inf]])
    np.testing.assert_array_equal(over_runs(of_runs), [inf, nan, 2, inf])


def test_a_scan_that_is_not_finished(tmp_path):
    """Says so, and its points are solved."""

    class Enough(Exception):
        pass

    done = []

    def solve(problem, alphas):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(problem)
        return stdyn.integrate(problem, alphas)

    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, {"eta": [0.1, 0.2, 0.3, 0.4]}, replace(EXPERIMENT, rule="fa"), solve)
    scan = stdyn.open_scan(tmp_path / "scan.h5")
    said = scans.described(scan)
    assert (said["of"], said["done"], said["failed"]) == (4, 2, 0)
    assert np.isnan(scans.points(scan)["value:eps_g_final"]).tolist() == [False, False, True, True]
    assert [scans.point(scan, n)[2].startswith("the theory of") for n in range(4)] == [False, False, True, True]


def test_a_scan_of_problems_has_no_coordinates(tmp_path):
    """But the numbers of its points; rules are told apart all the same."""
    problems = [EXPERIMENT.problem(rule) for rule in ("bp", "fa")]
    scan = stdyn.scan(problems, EXPERIMENT.alphas(), tmp_path / "list.h5")
    said = scans.described(scan)
    assert (said["coordinates"], said["words"], said["log"]) == ([], {"rule": ["fa", "bp"]}, [])
    assert scans.points(scan)["coordinate:rule"].tolist() == [1, 0]


def test_a_point_that_the_page_cannot_have(tmp_path):
    """As its start differs by group of inputs: its curve is drawn, the controls stay."""
    problem = stdyn.Problem(by_group(stdyn.Inputs([3.0, 0.5], [0.5, 0.5]), 2, 2), eta=0.3, eta_v=0.3)
    scan = stdyn.scan([problem], EXPERIMENT.alphas(), tmp_path / "group.h5")
    trajectory, state, words = scans.point(scan, 0)
    assert state is None
    assert words == "point 0 of group.h5 (the controls cannot have its problem)"
    np.testing.assert_array_equal(scans.curve(trajectory)["eps_g"], scan.read("eps_g", 0))


@pytest.mark.parametrize("source", [Source.of, lambda scan: Source.read(scan.path)], ids=["notebook", "command"])
def test_a_page_of_it(grid, source):
    """What it is told, asks and gets is the same in a notebook, of an open scan, and by the command, of its path."""
    page = Heard(source=source(grid))
    page.session.hello()
    assert page.headers[0]["scan"] == scans.described(grid)
    _, arrays = page.asked("scan")
    for name, expected in scans.points(grid).items():
        np.testing.assert_array_equal(arrays[name], expected)
    header, arrays = page.asked("point", index=5)
    np.testing.assert_array_equal(arrays["eps_g"], grid.read("eps_g", 5))
    assert wanted(header["state"]).problem(grid.problem(5).rule) == grid.problem(5)
    assert (header["name"], header["words"]) == ("point 5 of scan.h5", "point 5 of scan.h5")
    assert page.asked("point", index=5, alone=True)[0]["state"] is None
    header, _ = page.asked("point", index=16)
    assert (header["kind"], header["of"]) == ("refused", "point")
    page.close()


def test_without_a_scan_there_is_none():
    """And whoever asks is told so."""
    page = Heard()
    for kind in ("scan", "point"):
        header, _ = page.asked(kind, index=0)
        assert (header["kind"], header["words"]) == ("refused", "no scan is open")
    page.close()
