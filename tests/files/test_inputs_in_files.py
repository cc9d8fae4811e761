"""Files of problems whose inputs are not isotropic: all of it comes back, and contradictions are found."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray
from conftest import random_problem
from structured_problems import ALPHAS, PROBLEMS, THREE

from stdyn import DivergenceWarning, InputError, Inputs, integrate, load, simulate_network, simulate_reduced

ADDED = {"inputs_variances", "inputs_fractions", "R_group", "Q_group", "R_group_start", "Q_group_start", "T_group",
         "T_hidden", "group"}  # fmt: skip


@pytest.fixture(scope="module")
def theories():
    """Every problem, solved."""
    return {name: integrate(problem, ALPHAS) for name, problem in PROBLEMS.items()}


@pytest.fixture(scope="module")
def tested():
    """Runs on examples that were given, with test examples."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 60))
    return simulate_network(PROBLEMS["three groups"], ALPHAS, 3, rng=rng, examples=X, test=X[:20])


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_field_of_a_problem_comes_back(tmp_path, theories, name):
    """Of the theory, to the last bit, in a file of format 3, in which nothing is missing."""
    theory = theories[name]
    back = load(theory.save(tmp_path / "a.h5"))
    assert back == theory
    assert back.problem.difference(PROBLEMS[name]) is None
    assert back.attributes == theory.attributes
    for what in ("R", "Q", "R_group", "Q_group", "eps_g", "F"):
        np.testing.assert_equal(getattr(back, what), getattr(theory, what))
    start, wanted = back.problem.start, PROBLEMS[name].start
    for what in ("R", "Q", "T", "R_group", "Q_group", "T_group", "T_hidden"):
        np.testing.assert_equal(getattr(start, what), getattr(wanted, what))
    assert theory.to_xarray().attrs["format_version"] == 3
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) >= ADDED


def test_r_and_q_are_the_sums_over_groups(tmp_path, theories):
    """By plain loops over what h5py reads: the covariances of the fields are in the file beside what they are of."""
    for name in ("three groups", "hidden", "spread"):
        with h5py.File(theories[name].save(tmp_path / f"{name}.h5")) as file:
            omega = file["inputs_variances"][()]
            for what, end in (("R", ""), ("Q", ""), ("R", "_start"), ("Q", "_start")):
                each = file[f"{what}_group{end}"][()]
                total = sum(w * np.take(each, n, axis=each.ndim - 3) for n, w in enumerate(omega))
                np.testing.assert_allclose(file[f"{what}{end}"][()], total, rtol=1e-12, atol=1e-14)
            T = sum(w * t for w, t in zip(omega, file["T_group"][()], strict=True)) + file["T_hidden"][()]
            np.testing.assert_allclose(file["T"][()], T, rtol=1e-12)


@pytest.mark.parametrize("name", ["three groups", "outputs", "hidden", "tasks"])
def test_xarray_opens_it_as_the_same(tmp_path, theories, name):
    """With an axis of the groups; and what it writes is read as the file itself."""
    theory = theories[name]
    with xarray.open_dataset(theory.save(tmp_path / "a.h5"), engine="h5netcdf") as opened:
        assert opened.identical(theory.to_xarray())
        assert opened.R_group.dims == ("alpha", "group", "student", "teacher")
        assert opened.Q_group_start.dims == ("group", "student", "student_2")
        assert opened.T_group.dims == ("group", "teacher", "teacher_2")
        assert opened.T_hidden.dims == ("teacher", "teacher_2")
        assert opened.inputs_variances.dims == opened.inputs_fractions.dims == ("group",)
    theory.to_xarray().to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert load(tmp_path / "b.nc") == theory


def test_runs_come_back(tmp_path, tested):
    """Of networks, with the error on test examples."""
    back = load(tested.save(tmp_path / "a.h5"))
    assert back == tested
    np.testing.assert_equal(back.eps_g_test, tested.eps_g_test)
    data = tested.to_xarray()
    assert data.Q_group.dims == ("run", "alpha", "group", "student", "student_2")
    assert data.eps_g_test.dims == ("run", "alpha")
    assert back != replace(back, eps_g_test=None)


@pytest.mark.parametrize("name", ["three groups", "hidden"])
def test_reduced_runs_come_back(tmp_path, name):
    """Of a teacher that the inputs explain, or not."""
    runs = simulate_reduced(PROBLEMS[name], ALPHAS, 2, rng=np.random.default_rng(1))
    assert load(runs.save(tmp_path / "a.h5")) == runs
    assert runs.R_group.shape == (2, len(ALPHAS), 3, 2, 2)


def test_test_examples_of_isotropic_inputs_come_back(tmp_path):
    """Older versions, which do not know them, refuse the file."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 50))
    runs = simulate_network(random_problem(2, 2), [0, 0.5, 1.0], 2, rng=rng, examples=X, test=X)
    back = load(runs.save(tmp_path / "a.h5"))
    assert back == runs
    assert back.eps_g_test.shape == (2, 3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["format_version"] == 3
        assert not ADDED & set(file)
    assert replace(runs, eps_g_test=None).to_xarray().attrs["format_version"] == 1


def test_runs_that_diverged_come_back(tmp_path):
    """What is by group is NaN where R is."""
    problem = replace(PROBLEMS["three groups"], activation="linear", eta=20.0, eta_v=0.0)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 60))
    with pytest.warns(DivergenceWarning):
        runs = simulate_network(problem, np.arange(0, 4, 0.05), 3, rng=rng, examples=X, test=X[:20])
    back = load(runs.save(tmp_path / "a.h5"))
    assert back == runs
    gone = np.isnan(back.R[..., 0, 0])
    assert gone.any()
    for what in ("R_group", "Q_group", "eps_g_test"):
        unknown = np.isnan(getattr(back, what)).reshape(*gone.shape, -1)
        np.testing.assert_array_equal(unknown.all(axis=-1), gone)
        np.testing.assert_array_equal(unknown.any(axis=-1), gone)


@pytest.mark.parametrize(
    "inputs",
    [
        Inputs.from_covariance([[2, 1], [1, 2]]),
        Inputs.from_eigenvalues([4, 1, 1, 0.3], groups=2),
        Inputs.hidden_manifold("erf", latent=5, N=12, groups=3, rng=np.random.default_rng(1)),
        Inputs.spectrum(np.geomspace(1e-3, 1e3, 97), np.full(97, 1 / 97)),
        Inputs.power_law(1.3, 1000, groups=31, bins="variance"),
    ],
    ids=["covariance", "eigenvalues", "manifold", "many", "power law"],
)
def test_inputs_come_back_as_equal_ones(tmp_path, inputs):
    """Of any constructor: variances and fractions to the bit; axes are not in a file."""
    problem = replace(random_problem(2, 2), inputs=inputs)
    theory = integrate(problem, [0, 0.5], rtol=1e-5)
    back = load(theory.save(tmp_path / "a.h5")).problem.inputs
    assert back == inputs
    np.testing.assert_array_equal(back.variances, inputs.variances)
    np.testing.assert_array_equal(back.fractions, inputs.fractions)
    assert (back.axes, back.eigenvalues, back.manifold) == (None, None, None)


def test_isotropic_inputs_change_no_file(tmp_path):
    """Given or not: format 1, no variable more."""
    plain = integrate(random_problem(2, 2), [0, 1])
    given = integrate(replace(random_problem(2, 2), inputs=Inputs.isotropic()), [0, 1])
    plain.save(tmp_path / "a.h5")
    given.save(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
        assert a.attrs["format_version"] == b.attrs["format_version"] == 1
        assert set(a) == set(b)
        assert not ADDED & set(a)
        for name in a:
            np.testing.assert_array_equal(a[name][()], b[name][()])
    assert load(tmp_path / "a.h5").problem.inputs.is_isotropic


def test_the_summary_says_the_inputs(theories, tested):
    """In one line, and the error on test examples in another."""
    (line,) = [line for line in theories["three groups"].summary().splitlines() if line.startswith("inputs")]
    assert line == "inputs           3 groups: variances 3, 1, 0.2 of fractions 0.2, 0.3, 0.5"
    assert "inputs  " not in integrate(random_problem(1, 1), [0, 1]).summary()
    first, last = tested.eps_g_test.mean(axis=0)[[0, -1]]
    assert f"on test examples {first:.4g} at the first alpha, {last:.4g} at the last" in tested.summary()


def test_a_joined_trajectory_comes_back(tmp_path):
    """Sums that were made in two parts are those of the file."""
    first = integrate(PROBLEMS["three groups"], [0, 1.0])
    whole = first.join(integrate(first.problem_at(-1), [0, 1.0]))
    assert load(whole.save(tmp_path / "a.h5")) == whole


# ---------------------------------------------------------------------------------------------------------------------
# What contradicts itself


def changed(name, change):
    """Other values of a variable."""

    def made(file):
        values = change(file[name][()])
        del file[name]
        file[name] = values

    return made


def entry(name, where, value):
    """One value is another one."""

    def change(values):
        values[where] = value
        return values

    return changed(name, change)


def without(*names):
    """Variables are gone."""

    def change(file):
        for name in names:
            del file[name]

    return change


SUM = "must be the sum of inputs_variances times "
CONTRADICTIONS = {
    "no variances": (without("inputs_variances"), "holds no 'inputs_variances', which a trajectory needs"),
    "no fractions": (without("inputs_fractions"), "holds no 'inputs_fractions'"),
    "no R_group": (without("R_group"), "holds no 'R_group'"),
    "no start": (without("Q_group_start"), "holds no 'Q_group_start'"),
    "no T_group": (without("T_group"), "holds no 'T_group'"),
    "no T_hidden": (without("T_hidden"), "holds no 'T_hidden'"),
    "nothing of it": (without(*ADDED), "holds no '"),
    "no variance": (entry("inputs_variances", 1, 0.0), "R " + SUM),
    "a negative variance": (entry("inputs_variances", 1, -1.0), "inputs_variances[1] must be a finite number from 0"),
    "another variance": (entry("inputs_variances", 1, 1.5), "R " + SUM),
    "fractions of more than 1": (changed("inputs_fractions", lambda p: p * 1.1), "inputs_fractions must sum to 1"),
    "a fraction of 0": (changed("inputs_fractions", lambda p: p * 0), "inputs_fractions must be positive"),
    "another R": (entry("R", (1, 0, 1), 0.0), "R " + SUM + "R_group, but R[0, 1, 0, 1] is"),
    "another Q": (changed("Q", lambda Q: Q * (1 + 1e-6)), "Q " + SUM),
    "another R_group": (entry("R_group", (1, 0, 0, 0), 0.05), "R " + SUM),
    "Q_group is not symmetric": (entry("Q_group", (2, 1, 0, 1), 0.07), "Q_group must be symmetric, but Q_group[0, 2"),
    "R_group too large": (entry("R_group", (2, 1, 0, 0), 5.0), "R_group must be an overlap of vectors of the lengths"),
    "T_group of no vectors": (entry("T_group", (0, 0, 0), -1.0), "T_group"),
    "another T_group": (changed("T_group", lambda T: T * 1.01), "T must be the sum of inputs.variances times T_group"),
    "another start": (entry("R_group_start", (0, 0, 0), 0.0), "R must be the sum of inputs.variances times R_group"),
    "T_hidden of no covariance": (changed("T_hidden", lambda T: T - np.eye(2)), "T_hidden must have no negative"),
    "another T_hidden": (changed("T_hidden", lambda T: T + np.eye(2)), "T must be the sum of"),
    "a group more": (changed("R_group", lambda R: R[:, [0, 1, 2, 2]]), "must have the axes (alpha, group, student"),
    "NaN": (entry("R_group", (1, 0, 0, 0), np.nan), "R_group[1, 0, 0, 0] must be a finite number"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_itself_is_refused(tmp_path, theories, change, message):
    """With the file, the variable and what was expected; by load as by whoever reads."""
    theories["hidden"].save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        change(file)
    with pytest.raises(InputError) as refused:
        load(tmp_path / "a.h5")
    assert message in str(refused.value)
    assert str(tmp_path / "a.h5") in str(refused.value)
    assert len(str(refused.value)) - len(str(tmp_path)) < 400


TESTS = {
    "NaN": (entry("eps_g_test", (1, 1), np.nan), "eps_g_test must be NaN where R is, and only there"),
    "negative": (entry("eps_g_test", (1, 1), -0.1), "eps_g_test[1, 1] must be a finite number of at least 0"),
    "of another run": (changed("eps_g_test", lambda x: x[:2]), "eps_g_test must have the axes (run, alpha)"),
    "symmetric": (entry("Q_group", (1, 2, 0, 0, 1), 0.3), "Q_group must be symmetric"),
    "R of a run": (entry("R", (2, 1, 0, 0), 0.0), "R " + SUM + "R_group, but R[2, 1, 0, 0]"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), TESTS.values(), ids=TESTS)
def test_runs_that_contradict_themselves_are_refused(tmp_path, tested, change, message):
    """The same of ensembles, and of their errors on test examples."""
    tested.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        change(file)
    with pytest.raises(InputError) as refused:
        load(tmp_path / "a.h5")
    assert message in str(refused.value)


def test_three_is_what_it_says():
    """The inputs of these tests: none of the sums above is that of isotropic inputs."""
    assert THREE.mean_variance == pytest.approx(1.0)
    assert not THREE.is_isotropic
