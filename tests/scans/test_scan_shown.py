"""How scans show themselves, finished or not, and their table."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import random_problem
from shown import check, check_html

import stdyn
from stdyn import InputError, integrate
from stdyn.scans.description import describe
from stdyn.scans.newscan import create

ALPHAS = [0.0, 1.0, 2.0]
PROBLEMS = [random_problem(2, 2, N=40, eta=eta) for eta in (0.2, 0.4, 0.6)]
EXPERIMENT = stdyn.Experiment(K=2, M=2, N=40)


def broken_at_first(problem, alphas):
    """What fails for one of the problems."""
    if problem.eta == 0.2:
        raise RuntimeError("<b>broken</b>\n\x1b[31m")
    return integrate(problem, alphas)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scans")


@pytest.fixture(scope="module")
def of_runs(folder):
    """Two etas, two rules, three runs each; one eta at a time is varied, and so is the rule."""
    points = stdyn.Variations(EXPERIMENT, {"eta": [0.1, 0.3], "rule": ["fa", "bp"]})
    return stdyn.scan(points, ALPHAS, folder / "runs.h5", solve=stdyn.simulate_reduced, seed=1)


@pytest.fixture(scope="module")
def failed(folder):
    """Three problems of which one fails, whose coordinates have names of columns; a file of an odd name."""
    named = {"value": [1.0, 2.0, 3.0], "run": ["a", "b", "<i>"]}
    path = folder / "<script>alert(1)<.h5"
    return stdyn.scan(PROBLEMS, ALPHAS, path, solve=broken_at_first, coordinates=named)


@pytest.fixture(scope="module")
def unfinished(folder):
    """Of which no point is done."""
    path = folder / "todo.h5"
    alphas = np.array(ALPHAS)
    create(path, PROBLEMS, alphas, integrate, describe(PROBLEMS, alphas, integrate, None, "all", None), None, False)
    return stdyn.open_scan(path)


def test_a_scan_in_one_line_and_in_a_notebook(of_runs):
    """How many points over what, and how far; its lines, and the errors in order of their size."""
    found = check(of_runs, "runs.h5: 4 points over eta, rule, 4 done")
    assert found.tags.count("polyline") == 1
    assert "eta (2 values), rule (2 values)" in found.words
    assert str(of_runs) == f"<stdyn.Scan>\n{of_runs.text()}"
    assert [line.split()[1:] for line in str(of_runs).splitlines() if "diverged_at" in line] == [["none", "did"]]
    for line in of_runs.text().splitlines()[1:]:
        assert line.split(maxsplit=1)[0] in found.words


def test_failures_and_names_are_said_and_are_no_markup(failed):
    """Of files, of coordinates and in messages."""
    found = check(failed, "<script>alert(1)<.h5: 3 points over value, run, 2 done and 1 failed")
    assert any("<b>broken</b>" in words and r"\x1b[31m" in words for words in found.words)


def test_unfinished_damaged_and_lost_files_show_themselves(unfinished, folder):
    """One line says what was known; where the file cannot be read any more, a notebook shows no more than it."""
    assert check(unfinished, "todo.h5: 3 points over eta, 0 done").tags.count("polyline") == 0
    copy = folder / "gone.h5"
    copy.write_bytes((folder / "todo.h5").read_bytes())
    lost, damaged = stdyn.open_scan(copy), stdyn.open_scan(copy)
    copy.write_bytes(b"no file")
    assert check(damaged, "gone.h5: 3 points").words == [repr(damaged)]
    copy.unlink()
    assert check(lost, "gone.h5: 3 points").words == [repr(lost)]
    half = stdyn.Scan.__new__(stdyn.Scan)
    assert repr(half) == "<Scan that cannot be shown>"
    check_html(half._repr_html_())
    with pytest.raises(InputError):
        lost.to_dataframe()


def test_runs_as_a_table(of_runs):
    """Every number of the summary in a row of its point, run and quantity, with the values that vary."""
    table = of_runs.to_dataframe()
    assert list(table) == ["point", "state", "eta", "rule", "run", "quantity", "value"]
    assert len(table) == sum(values.size for values in of_runs.summary.values())
    for row in table.itertuples():
        np.testing.assert_equal(row.value, of_runs.summary[row.quantity][row.point, row.run])
        assert (row.eta, row.rule) == tuple(of_runs.coordinates[name][row.point] for name in ("eta", "rule"))
        assert row.state == "done"


def test_points_that_are_not_done_as_a_table(failed, unfinished):
    """Their numbers are not known; a coordinate of a column's name has another one."""
    table = failed.to_dataframe()
    assert list(table) == ["point", "state", "value_varied", "run_varied", "quantity", "value"]
    last = table[table["quantity"] == "eps_g_final"]
    assert last["state"].tolist() == ["failed", "done", "done"]
    np.testing.assert_array_equal(last["value"], failed.summary["eps_g_final"])
    assert last["run_varied"].tolist() == ["a", "b", "<i>"]
    expected = integrate(PROBLEMS[1], ALPHAS).eps_g[-1]
    assert last["value"].iloc[1] == pytest.approx(expected, rel=1e-12)
    todo = unfinished.to_dataframe()
    assert set(todo["state"]) == {"todo"}
    assert todo["value"].isna().all()


def beside(problem, alphas, other):
    """The solution of a problem, whatever else is given."""
    return integrate(problem, alphas)


def test_what_is_bound_to_a_solver_is_told_apart_by_what_it_holds(folder):
    """Though two values say the same of themselves in one line; equal ones are the same scan."""
    R = np.full((2, 2), 0.1)
    one, other = (replace(PROBLEMS[0], start=replace(PROBLEMS[0].start, R=each)) for each in (R, -R))
    assert repr(one) == repr(other)
    for n, bound in enumerate((lambda each: {"other": each}, lambda each: {"other": {"in": [each, 1]}})):
        path = folder / f"bound_{n}.h5"
        stdyn.scan(PROBLEMS, ALPHAS, path, solve=partial(beside, **bound(one)))
        again = replace(PROBLEMS[0], start=replace(PROBLEMS[0].start, R=R.copy()))
        assert len(stdyn.scan(PROBLEMS, ALPHAS, path, solve=partial(beside, **bound(again)))) == 3
        with pytest.raises(InputError, match="other"):
            stdyn.scan(PROBLEMS, ALPHAS, path, solve=partial(beside, **bound(other)))


def test_one_of_something_is_said_in_the_singular(folder):
    """A scan of one point, a study of one value."""
    assert repr(stdyn.scan(PROBLEMS[:1], ALPHAS, folder / "one.h5")) == "<Scan one.h5: 1 point, 1 done>"
    variations = stdyn.Variations(EXPERIMENT, {"eta": [0.1]})
    assert repr(stdyn.study(variations, np.linspace(0, 5, 6))) == "<Study eta = 0.1, fa, bp>"
