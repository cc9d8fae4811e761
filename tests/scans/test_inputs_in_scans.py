"""Scans of problems whose inputs are not isotropic: as lists, as values that vary, and by numbers in their tables."""

import os
import pickle
from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest
from conftest import random_problem
from structured_problems import ALPHAS, PROBLEMS

import stdyn
from stdyn import Experiment, InputError, Inputs, Variations, initial, integrate, open_scan, scan, simulate_network

POWER = {"kind": "power_law", "exponent": 1, "groups": 4}
BASE = Experiment(rule="fa", K=2, M=2, N=40, alpha_max=2, points=5)
LISTED = [PROBLEMS["hidden"], PROBLEMS["spread"], replace(random_problem(2, 2), N=60), PROBLEMS["one group"]]


def test_problems_of_a_list_come_back(tmp_path):
    """Of groups of different number, and of none: problems, trajectories and files, and again from the file."""
    found = scan(LISTED, ALPHAS, tmp_path / "a.h5")
    assert (found.state == 1).all()
    for index, problem in enumerate(LISTED):
        assert found.problem(index) == problem
        assert found.problem(index).difference(problem) is None
        assert found.trajectory(index) == integrate(problem, ALPHAS)
        assert stdyn.load(found.trajectory(index).save(tmp_path / f"{index}.h5")) == found.trajectory(index)
    content = (tmp_path / "a.h5").read_bytes()
    assert scan(LISTED, ALPHAS, tmp_path / "a.h5") == open_scan(tmp_path / "a.h5") == found
    assert (tmp_path / "a.h5").read_bytes() == content
    data = found.to_xarray()
    assert data.attrs["format_version"] == 3
    assert data.R_group.dims == ("point", "alpha", "group", "student", "teacher")
    assert data.inputs_fractions.dims == ("point", "group")
    assert (~np.isnan(data.inputs_fractions)).sum("group").values.tolist() == [3, 7, 0, 1]
    assert np.isnan(data.R_group[2]).all()
    assert np.isnan(data.T_hidden[2]).all()
    with pytest.raises(InputError, match="another scan"):
        scan([*LISTED[:3], replace(LISTED[3], inputs=None, start=random_problem(2, 2).start)], ALPHAS, found.path)


@pytest.mark.parametrize("keep", ["curves", "summary", [0.0, 2.0]])
def test_what_is_kept(tmp_path, keep):
    """By group there is what there is of R; problems come back whatever is kept."""
    found = scan(LISTED[:2], ALPHAS, tmp_path / "a.h5", keep=keep)
    kept = isinstance(keep, list)
    assert ("R" in found.names, "R_group" in found.names) == (kept, kept)
    for index, problem in enumerate(LISTED[:2]):
        assert found.problem(index) == problem
        if kept:
            there = np.searchsorted(ALPHAS, keep)
            np.testing.assert_array_equal(found.trajectory(index).Q_group, integrate(problem, ALPHAS).Q_group[there])


def test_isotropic_problems_have_the_files_that_they_had(tmp_path):
    """Format 1 and no variable more, of lists and of recipes; the same bytes described as before there were inputs."""
    scan([random_problem(2, 2)], ALPHAS, tmp_path / "a.h5")
    scan(Variations(BASE, {"eta": [0.1]}), BASE.alphas(), tmp_path / "b.h5")
    scan(Variations(replace(BASE, inputs={"kind": "isotropic"}), {"eta": [0.1]}), BASE.alphas(), tmp_path / "c.h5")
    for name in "abc":
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert file.attrs["format_version"] == 1
            assert not [each for each in file if "group" in each or each in ("T_hidden", "inputs")]
    assert "inputs" not in Variations(BASE, {"eta": [0.1]}).description["experiment"]


def test_runs_of_a_scan_come_back(tmp_path):
    """Of networks, with the axis of runs before that of groups; each point as if it were solved alone."""
    found = scan(LISTED[1:], ALPHAS, tmp_path / "a.h5", partial(simulate_network, runs=2), seed=3)
    assert (found.state == 1).all()
    assert found.to_xarray().R_group.dims == ("point", "run", "alpha", "group", "student", "teacher")
    for index in range(len(LISTED) - 1):
        trajectory = found.trajectory(index)
        assert trajectory.runs == 2
        start = trajectory.problem.start
        if start.inputs is not None:
            np.testing.assert_allclose(trajectory.R_group[:, 0], [start.R_group] * 2, atol=1e-12)


def test_a_point_that_diverges_is_nan_by_group(tmp_path):
    """From where on R is."""
    fast = replace(PROBLEMS["three groups"], activation="linear", eta=20.0, eta_v=0.0, sigma=0.0)
    alphas = np.arange(0, 4, 0.25)
    found = scan([fast, PROBLEMS["hidden"]], alphas, tmp_path / "a.h5", partial(simulate_network, runs=2), seed=3)
    gone = np.isnan(found.read("R", 0)).all((2, 3))
    assert gone.any()
    np.testing.assert_array_equal(np.isnan(found.read("Q_group", 0)).all((2, 3, 4)), gone)
    trajectory = found.trajectory(0)
    np.testing.assert_array_equal(np.isnan(trajectory.R_group).any((2, 3, 4)), gone[:, : len(trajectory.alphas)])
    assert stdyn.load(trajectory.save(tmp_path / "b.h5")) == trajectory
    assert not np.isnan(found.trajectory(1).R_group).any()


# ---------------------------------------------------------------------------------------------------------------------
# What varies


def test_inputs_vary_as_a_whole(tmp_path):
    """As Inputs and as tables: each point has the start of its inputs, and the values are told apart by texts."""
    spectrum = Inputs.spectrum([3, 0.5], [0.2, 0.8])
    values = [POWER, {"kind": "isotropic"}, spectrum, Inputs.power_law(0.5, 40, groups=3)]
    points = Variations(BASE, {"inputs": values, "eta": [0.1, 0.5]})
    assert len(points) == 8
    assert points[5].inputs == spectrum
    expected = [Inputs.power_law(1, 40, groups=4), Inputs.isotropic(), spectrum, Inputs.power_law(0.5, 40, groups=3)]
    assert [points[2 * n].inputs for n in range(4)] == expected
    alone = replace(BASE, inputs=POWER, eta=0.5).problem("fa")
    assert points[1] == alone
    found = scan(points, BASE.alphas(), tmp_path / "a.h5")
    assert found.coordinates["inputs"].tolist()[::2] == [
        "power_law(exponent=1, groups=4)", "isotropic()", "spectrum(variances=[3, 0.5], fractions=[0.2, 0.8])",
        "power_law(exponent=0.5, N=40, groups=3, bins=number)",
    ]  # fmt: skip
    assert found.axes == ("inputs", "eta")
    for index, problem in enumerate(points):
        assert found.problem(index) == problem
        assert found.trajectory(index) == integrate(problem, BASE.alphas())
    again = Variations(BASE, {"inputs": [POWER, {"kind": "isotropic"}, spectrum, values[3]], "eta": [0.1, 0.5]})
    assert scan(again, BASE.alphas(), found.path) == found
    assert pickle.loads(pickle.dumps(points.recipe(3)))() == points[3]


def test_long_tables_of_one_text_are_told_apart(tmp_path):
    """Spectra of many groups that begin alike."""
    fractions = np.full(8, 1 / 8)
    tables = [Inputs.spectrum([4, 3, 2, 1.5, 1, 1, 1, last], fractions) for last in (0.5, 0.6)]
    points = Variations(BASE, {"inputs": tables})
    labels = points.coordinates["inputs"].tolist()
    assert labels[0] == "spectrum(variances=[4, 3, 2, 1.5, … 8], fractions=[0.125, 0.125, 0.125, 0.125, … 8])"
    assert labels[1] == f"{labels[0]} #2"
    found = scan(points, BASE.alphas(), tmp_path / "a.h5")
    assert [found.problem(n).inputs for n in range(2)] == tables


@pytest.mark.parametrize(
    ("table", "vary", "inputs"),
    [
        (POWER, {"inputs.exponent": [0, 0.5, 2]}, lambda x: Inputs.power_law(x, 40, groups=4)),
        (POWER, {"inputs.groups": [1, 3, 8]}, lambda x: Inputs.power_law(1, 40, groups=x)),
        (POWER | {"N": 100}, {"N": [40, 80, 90]}, lambda x: Inputs.power_law(1, 100, groups=4)),
        ({"kind": "spiked", "spikes": [20, 5]}, {"inputs.spikes[1]": [2, 7, 9]}, lambda x: Inputs.spiked([20, x], 40)),
        (
            {"kind": "spectrum", "variances": [1, 2], "fractions": [0.5, 0.5]},
            {"inputs.variances[0]": {"from": 0.1, "to": 10, "number": 3, "spacing": "log"}},
            lambda x: Inputs.spectrum([x, 2], [0.5, 0.5]),
        ),
    ],
)
def test_numbers_in_inputs_vary(tmp_path, table, vary, inputs):
    """By their names, as those of schedules and tasks do."""
    points = Variations(replace(BASE, inputs=table, teacher="random"), vary)
    (values,) = points.axes.values()
    assert [problem.inputs for problem in points] == [inputs(x) for x in values.tolist()]
    found = scan(points, BASE.alphas(), tmp_path / "a.h5")
    for index, problem in enumerate(points):
        assert found.problem(index) == problem
        assert found.trajectory(index) == integrate(problem, BASE.alphas())


def test_sampled_numbers_in_inputs(tmp_path):
    """At random, with an isotropic one, if it is drawn."""
    points = Variations(replace(BASE, inputs=POWER), {"inputs.exponent": {"from": 0, "to": 2}}, number=4)
    found = scan(points, BASE.alphas(), tmp_path / "a.h5")
    assert [found.problem(n) == points[n] for n in range(4)] == [True] * 4
    assert len({problem.inputs.variances[0] for problem in points}) == 4


def test_a_start_that_is_given_is_spread(tmp_path):
    """R, Q and T are those of the fields, whatever the inputs; factors and entries change them as they say."""
    given = replace(BASE, R=[[0.1, 0.02], [0, 0.1]], Q=[[0.3, 0], [0, 0.2]], T=[[1, 0.1], [0.1, 1]])
    vary = {"inputs": [POWER, Inputs.spectrum([2, 0.5], [0.4, 0.6])], "R_scale": [1, 0.5], "Q[0,1]": [0, 0.05]}
    for index, problem in enumerate(Variations(given, vary)):
        scale, entry = [1, 1, 0.5, 0.5][index % 4], [0, 0.05][index % 2]
        start = problem.start
        np.testing.assert_allclose(start.R, scale * np.array(given.R), rtol=1e-12)
        np.testing.assert_allclose(start.Q, [[0.3, entry], [entry, 0.2]], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(start.T, given.T, rtol=1e-12)
        parts = (start.inputs.fractions / start.inputs.mean_variance)[:, None, None]
        for name in "RQT":
            np.testing.assert_allclose(getattr(start, f"{name}_group"), parts * getattr(start, name), atol=1e-14)


def test_factors_act_on_every_group_and_entries_are_spread():
    """Of a random start, which is another one in every group: by hand."""
    base = replace(BASE, inputs=POWER)
    plain = base.problem("fa").start
    parts = (plain.inputs.fractions / plain.inputs.mean_variance)[:, None, None]
    scaled = Variations(base, {"R_scale": [0.5], "Q_scale": [2.0]})[0].start
    np.testing.assert_allclose(scaled.R_group, 0.5 * plain.R_group, rtol=1e-12)
    np.testing.assert_allclose(scaled.Q_group, 2 * plain.Q_group, rtol=1e-12)
    np.testing.assert_array_equal(scaled.T_group, plain.T_group)
    other = Variations(base, {"R[0,1]": [plain.R[0, 1] + 0.1]})[0].start
    change = np.zeros((2, 2))
    change[0, 1] = 0.1
    np.testing.assert_allclose(other.R_group, plain.R_group + parts * change, rtol=1e-9, atol=1e-15)


def test_a_hidden_manifold_in_a_scan(tmp_path):
    """Each draw has its features and its teacher; they are the same when they are made again."""
    table = {"kind": "hidden_manifold", "f": "erf", "latent": 10, "groups": 3}
    points = Variations(replace(BASE, inputs=table), {"draw": [1, 2], "inputs.latent": [8, 10]})
    found = scan(points, BASE.alphas(), tmp_path / "a.h5")
    assert [found.problem(n) for n in range(4)] == list(points)
    assert len({problem.inputs.variances[0] for problem in points}) == 4
    assert all(problem.start.T_hidden.any() for problem in points)


def test_a_scan_goes_on(tmp_path):
    """Killed after two points it has the same in the end."""
    points = Variations(BASE, {"inputs": [POWER, Inputs.spectrum([3, 0.5], [0.2, 0.8])], "eta": [0.1, 0.5]})
    calls = []

    def solve(problem, alphas):
        calls.append(problem)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return integrate(problem, alphas)

    with pytest.raises(stdyn.errors.ScanInterrupted):
        scan(points, BASE.alphas(), tmp_path / "a.h5", solve)
    found = scan(points, BASE.alphas(), tmp_path / "a.h5", solve)
    whole = scan(points, BASE.alphas(), tmp_path / "b.h5", solve)
    assert len(calls) == 2 + 1 + 2 + 4
    for name in ("R_group", "Q_group", "R", "eps_g"):
        np.testing.assert_array_equal(found.read(name), whole.read(name))


def test_a_file_makes_no_inputs_of_anybodys_code(tmp_path):
    """f is looked up nowhere, and is built in; what is too large to be made again is not made."""
    (tmp_path / "evil.py").write_text(f"open({os.fspath(tmp_path / 'ran')!r}, 'w')\n")
    for f, N, message in ((f"{tmp_path}/evil.py:f", 40, "f must be built in"), ("erf", 10**6, "too large")):
        table = {"kind": "hidden_manifold", "f": f, "latent": 100, "N": N}
        for recipe in (
            {"experiment": {"K": 2, "M": 2, "inputs": table}, "vary": {"eta": [0.1]}},
            {"experiment": {"K": 2, "M": 2}, "vary": {"inputs": [table]}},
        ):
            with pytest.raises(InputError, match=message):
                Variations.from_description(recipe)
    assert not (tmp_path / "ran").exists()


def test_the_start_follows_the_inputs():
    """A prepared one has the plain overlaps of every group's fraction, a random one is drawn in every group."""
    prepared = Variations(replace(BASE, start="prepared", r=0.1, v=[0.3, 0.1]), {"inputs": [POWER]})[0]
    inputs = Inputs.power_law(1, 40, groups=4)
    assert prepared.start == initial.prepared(2, 2, r=0.1, v=[0.3, 0.1], inputs=inputs)
    random = Variations(BASE, {"inputs": [POWER]})[0].start
    assert random.inputs == inputs
    np.testing.assert_allclose(random.T_group, inputs.fractions[:, None, None] * np.eye(2), rtol=1e-12)
    assert len({*random.R_group[:, 0, 0].tolist()}) == 4
