"""Tables with a row for every number: put back into arrays they are what the trajectory holds."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from conftest import random_problem
from protocols import PROBLEMS as PROTOCOLS
from structured_problems import PROBLEMS as STRUCTURED

from stdyn import InputError, integrate, simulate_reduced
from stdyn.model import longform

ALPHAS = [0, 0.5, 2]
PROBLEMS = PROTOCOLS | {f"inputs: {name}": problem for name, problem in STRUCTURED.items()}
SOME = ["steps", "kp", "kp of outputs", "a head each", "inputs: three groups", "inputs: outputs", "inputs: tasks"]


def back(table, name, axes):
    """The array of a quantity, by the places that its rows give."""
    rows = table[table["quantity"] == name].drop(columns="quantity")
    places = [
        rows[axis].factorize(sort=True)[0] if axis == "alpha" else rows[axis].to_numpy(dtype=int) for axis in axes
    ]
    shape = [1 + place.max() for place in places]
    found = np.full(shape, np.inf)
    found[tuple(places)] = rows["value"]
    assert len(rows) == found.size
    return found


def check(trajectory, table, names):
    """Every quantity, by all its axes; those that it does not have are <NA>."""
    leading = ["alpha"] if trajectory.runs is None else ["run", "alpha"]
    assert list(dict.fromkeys(table["quantity"])) == names
    for name in names:
        values = getattr(trajectory, name)
        axes = leading + ["group"] * name.endswith("_group")
        axes += ["i", "j"][: values.ndim - len(axes)]
        np.testing.assert_array_equal(back(table, name, axes), values, err_msg=name)
        rows = table[table["quantity"] == name]
        for column in {"group", "i", "j"} & set(table.columns) - set(axes):
            assert rows[column].isna().all(), (name, column)
    np.testing.assert_array_equal(table["alpha"].unique(), trajectory.alphas)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("of_runs", [False, True])
def test_a_table_has_every_number_once(name, of_runs):
    """Of the theory and of runs, with outputs, tasks, groups and feedback that learns."""
    problem = PROBLEMS[name]
    found = simulate_reduced(problem, ALPHAS, 3, rng=1) if of_runs else integrate(problem, ALPHAS)
    table = found.to_dataframe()
    names = list(dict.fromkeys(table["quantity"]))
    expected = {"R", "Q", "v", "eps_g"} | ({"F", "alignment"} if problem.b is not None else set())
    expected |= {"b"} if problem.rule == "kp" else set()
    expected |= {"F_per_output", "alignment_per_output"} if problem.b is not None and problem.outputs > 1 else set()
    expected |= {"eps_g_per_task"} if problem.tasks is not None else set()
    expected |= {"R_group", "Q_group"} if problem.start.inputs is not None else set()
    assert set(names) == expected
    check(found, table, names)
    groups = ["group"] if problem.start.inputs is not None else []
    assert list(table.columns) == [*(["run"] if of_runs else []), "alpha", "quantity", *groups, "i", "j", "value"]
    assert (str(table["i"].dtype), str(table["j"].dtype), str(table["value"].dtype)) == ("Int64", "Int64", "float64")


def test_a_table_of_some_quantities():
    """Those that are asked for, in that order, each once; cosines too."""
    theory = integrate(random_problem(3, 2), ALPHAS)
    check(theory, theory.to_dataframe("cosines"), ["cosines"])
    check(theory, theory.to_dataframe(["v", "R", "v"]), ["v", "R"])
    assert theory.to_dataframe("eps_g")[["i", "j"]].isna().all(axis=None)
    with pytest.raises(InputError, match=r"what must be among R, Q, v, .*cosines, but is 'eps_g_test'"):
        theory.to_dataframe("eps_g_test")


def test_a_table_pivots():
    """As pandas does it: the diagonal of R against alpha."""
    theory = integrate(random_problem(2, 2), ALPHAS)
    table = theory.to_dataframe("R")
    wide = table[table["i"] == table["j"]].pivot(index="alpha", columns="i", values="value")
    np.testing.assert_array_equal(wide.to_numpy(), np.einsum("aii->ai", theory.R))


def test_tables_of_what_is_not_there():
    """Of a diverged run NaN, of tests on examples their errors, of no alphas no row."""
    runs = simulate_reduced(random_problem(2, 2), ALPHAS, 2, rng=1)
    gone = {name: values.copy() for name, values in runs.order_parameters.items()}
    for values in gone.values():
        values[1, 2] = np.nan
    gone = replace(runs, diverged_at=np.array([np.inf, 1.0]), eps_g_test=runs.eps_g * 2, **gone)
    table = gone.to_dataframe()
    there = table[(table["run"] == 1) & (table["alpha"] == 2) & (table["quantity"] != "eps_g_test")]
    assert there["value"].isna().all()
    check(gone, gone.to_dataframe("eps_g_test"), ["eps_g_test"])
    empty = replace(runs, alphas=np.empty(0), **{name: values[:, :0] for name, values in runs.arrays.items()})
    assert len(empty.to_dataframe()) == 0
    assert isinstance(empty.to_dataframe(), pandas.DataFrame)


def test_what_cannot_fit_into_memory_is_refused():
    """Before it is made: 10^12 numbers, of which only one is in memory here."""
    many = np.broadcast_to(0.0, (10**6, 10**6))
    with pytest.raises(InputError, match="the table must fit into memory"):
        longform.frame({"eps_g": (("run", "alpha"), many)}, {}, ("run", "alpha"))
