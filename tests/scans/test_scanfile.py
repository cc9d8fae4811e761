"""The file of a scan: by which method each point was solved, files of before, and problems kept number by number."""

from functools import partial

import h5py
import numpy as np
import pytest
from conftest import random_problem

from stdyn import (
    Experiment,
    InputError,
    Problem,
    Variations,
    initial,
    integrate,
    open_scan,
    scan,
    simulate_network,
    simulate_reduced,
)
from stdyn.scans.description import describe

BASE = Experiment(K=2, M=2, N=20, alpha_max=20, points=9, rule="fa")
ALPHAS = BASE.alphas()
VARIATIONS = Variations(BASE, {"eta": [0.2, 0.4, 0.6]})


def either(problem, alphas, runs=2, *, rng):
    """A solver of one's own: the reduced process where eta is small, else the network."""
    return (simulate_reduced if problem.eta < 0.3 else simulate_network)(problem, alphas, runs, rng=rng)


def without_method(path):
    """The file as it was written before there was the column, and with points 1 and 2 still to be solved."""
    with h5py.File(path, "r+") as file:
        del file["method"]
        file["state"][1:] = 0
    return path


def test_every_point_says_by_which_method_it_was_solved(tmp_path):
    """Of a solver of one's own too, whose name says nothing; a point that failed was solved by none."""

    def solve(problem, alphas, runs=2, *, rng):
        if problem.eta == 0.6:
            raise RuntimeError("not this one")
        return either(problem, alphas, runs, rng=rng)

    found = scan(VARIATIONS, ALPHAS, tmp_path / "scan.h5", solve, seed=1)
    assert found.read("method").tolist() == ["reduced", "network", ""]
    assert [found.trajectory(point).method for point in (0, 1)] == ["reduced", "network"]
    summary = scan(VARIATIONS, ALPHAS, tmp_path / "summary.h5", either, seed=1, keep="summary")
    assert summary.read("method").tolist() == ["reduced", "network", "network"]


@pytest.mark.parametrize(("solve", "method"), [(integrate, "ode"), (partial(simulate_reduced, runs=2), "reduced"),
                                               (partial(simulate_network, runs=2), "network")])  # fmt: skip
def test_a_file_without_the_method_is_read_and_gone_on_with(tmp_path, solve, method):
    """As it was written before; the name of our solvers says the method."""
    seed = None if solve is integrate else 1
    whole = scan(VARIATIONS, ALPHAS, tmp_path / "whole.h5", solve, seed=seed)
    path = tmp_path / "old.h5"
    scan(VARIATIONS, ALPHAS, path, solve, seed=seed)
    assert open_scan(without_method(path)).trajectory(0).method == method
    resumed = scan(VARIATIONS, ALPHAS, path, solve, seed=seed)
    assert (resumed.state == 1).all()
    assert "method" not in resumed.names
    for point in range(3):
        again = resumed.trajectory(point)
        assert again.method == method
        np.testing.assert_array_equal(again.R, whole.trajectory(point).R)


def test_what_is_written_of_a_point_is_not_taken_for_what_varies(tmp_path):
    """`method` is taken where there is the column; `run` and `R` are not in a scan of the theory's summaries."""
    problems = [random_problem(2, 2, None, seed) for seed in range(2)]
    with pytest.raises(InputError, match="that are not taken, but one is 'method'"):
        scan(problems, ALPHAS, tmp_path / "scan.h5", coordinates={"method": [1, 2]})
    given = {"run": [7, 8], "R": [0.5, 0.6]}
    for _ in range(2):
        found = scan(problems, ALPHAS, tmp_path / "scan.h5", keep="summary", coordinates=given)
        assert not found.message.any()
        assert (found.state == 1).all()
        assert {name: values.tolist() for name, values in found.coordinates.items()} == given


def test_axes_of_problems_that_are_kept_number_by_number(tmp_path):
    """K = 3, M = 2, O = 2: each parameter has its axes, and each axis its length."""
    scan([random_problem(3, 2, 2)], [1.0], tmp_path / "scan.h5")
    with h5py.File(tmp_path / "scan.h5") as file:
        axes = {name: tuple(dim[0].name[1:] for dim in file[name].dims) for name in file if not file[name].is_scale}
        lengths = {name: len(file[name]) for name in file if file[name].is_scale}
    assert axes["R_start"] == ("point", "student", "teacher")
    assert axes["Q_start"] == ("point", "student", "student_2")
    assert axes["T"] == ("point", "teacher", "teacher_2")
    assert axes["v_start"] == axes["b"] == ("point", "student", "output")
    assert axes["v_teacher"] == ("point", "teacher", "output")
    assert axes["v"] == ("point", "alpha", "student", "output")
    assert axes["eta"] == ("point",)
    assert {name: lengths[name] for name in ("student", "student_2", "teacher", "teacher_2", "output")} == {
        "student": 3, "student_2": 3, "teacher": 2, "teacher_2": 2, "output": 2
    }  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "digest"),
    [
        ("erf", "027d33fc7258a7adeb8b2ceb3a94705db7e497fdf67014f6f4dfa25a8bbb8535"),
        ("tanh", "38776de25786324ad24e92c35c039b9b6f7ad36e0cadeb70da43f22745de2611"),
    ],
)
def test_a_list_of_problems_has_the_digest_that_earlier_files_hold(activation, digest):
    """That of stdyn before it had wings, to go on with its files; nothing in it depends on the processor."""
    start = initial.prepared(2, 2, r=0.1)
    problem = Problem(start, activation=activation, eta=0.5, eta_v=0.25, N=100)
    made = describe([problem], np.array([1.0]), integrate, None, "all", None)
    assert made["problems"]["sha256"] == digest
