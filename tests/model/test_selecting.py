"""Parts of trajectories, and ensembles put together of parts: against indexing of arrays, and of each other."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from own_activations import ELU
from protocols import PROBLEMS as PROTOCOLS
from structured_problems import PROBLEMS as STRUCTURED

from stdyn import (
    DivergenceWarning,
    InputError,
    Trajectory,
    compare,
    concat,
    integrate,
    load,
    simulate_network,
    simulate_reduced,
)

ALPHAS = np.array([0, 0.5, 1, 1.5, 2, 2.5])
NAMES = (
    "R", "Q", "v", "F", "alignment", "F_per_output", "alignment_per_output", "eps_g", "eps_g_per_task", "eps_g_test",
    "R_group", "Q_group", "cosines",
)  # fmt: skip
PROBLEMS = PROTOCOLS | {f"inputs: {name}": problem for name, problem in STRUCTURED.items()}
QUADRATURE = random_problem(2, 2, activation="gelu", quadrature=2**11)
GELU_RUNS = random_problem(2, 2, N=20, activation="gelu")


def some_runs(problem, runs=4, rng=1, **more):
    return simulate_reduced(problem, ALPHAS, runs, rng=rng, **more)


@pytest.fixture(scope="module")
def diverging():
    """Runs of which some diverge, at alphas of their own, and which do and do not: N = 6 is few for linear units."""
    problem = random_problem(
        1, 1, seed=3, activation="linear", rule="bp", eta=1.8, eta_v=0.0, decay=0.0, decay_v=0.0, N=6
    )
    problem = replace(problem, start=replace(problem.start, v=[1.0]))
    with pytest.warns(DivergenceWarning, match="of 40 runs diverged"):
        runs = simulate_reduced(problem, np.linspace(0, 400, 41), 40, rng=0)
    gone = np.isfinite(runs.diverged_at)
    assert 2 <= gone.sum() <= 38
    return runs, np.flatnonzero(gone), np.flatnonzero(~gone)


def check_cut(part, whole, at, runs=slice(None)):
    """Every quantity of the part is that of the whole at these positions; all of it is in a file, too."""
    np.testing.assert_array_equal(part.alphas, whole.alphas[at])
    assert part.problem == whole.problem
    for name in NAMES:
        mine, theirs = getattr(part, name), getattr(whole, name)
        assert (mine is None) == (theirs is None), name
        if theirs is not None:
            expected = theirs[at] if whole.runs is None else theirs[runs][:, at]
            rounding = 1e-13 if name.startswith("eps_g") else 0  # sums over points in another order
            np.testing.assert_allclose(mine, expected, rtol=rounding, atol=0, err_msg=name)
    if whole.problem.rule == "kp":
        np.testing.assert_array_equal(part.b, whole.b[at] if whole.runs is None else whole.b[runs][:, at])


# ---------------------------------------------------------------------------------------------------------------------
# Cutting


def test_positions_and_truth_values_may_be_of_pandas_and_xarray():
    """Whatever is an array of them: also what a condition on a table or a data set gives."""
    problem = random_problem(2, 2, sigma=0.0)
    runs = some_runs(problem)
    last = runs.to_dataframe("eps_g").query("alpha == 2.5").set_index("run")["value"]
    wanted = np.flatnonzero(runs.eps_g[:, -1] > np.median(runs.eps_g[:, -1]))
    for found in (last > last.median(), last.index[last > last.median()], last[last > last.median()].index.to_series()):
        assert runs.isel(run=found) == runs.isel(run=wanted)
    data = runs.to_xarray()
    assert runs.isel(alpha=data.alpha > 1) == runs.sel(alpha=slice(1.5, None))
    assert runs.sel(alpha=data.alpha[2:], run=data.run[:1]) == runs.isel(alpha=slice(2, None), run=0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_alphas_of_the_theory_are_cut(tmp_path, name):
    """Whatever is recorded; read again it is the same, and integrated at these alphas it is the same solution."""
    whole = integrate(PROBLEMS[name], ALPHAS)
    part = whole.isel(alpha=[1, 3, 4])
    check_cut(part, whole, [1, 3, 4])
    assert load(part.save(tmp_path / "part.h5")) == part
    assert part == whole.sel(alpha=[0.5, 1.5, 2.0])


@pytest.mark.parametrize("name", [name for name, each in PROBLEMS.items() if not each.flow and each.N > 1])
def test_alphas_and_runs_of_ensembles_are_cut(tmp_path, name):
    """The same of runs, in any order; what learns ("kp") has the feedback of these steps."""
    whole = some_runs(PROBLEMS[name])
    part = whole.isel(alpha=slice(1, None, 2), run=[2, 0])
    check_cut(part, whole, slice(1, None, 2), [2, 0])
    assert part.runs == 2
    assert load(part.save(tmp_path / "part.h5")) == part
    assert json.loads(part.attributes["selected_runs"]) == {"runs": [2, 0], "of": 4}
    assert "selected_runs    2, 0 of 4" in part.summary()
    assert part.attributes["seed"] == whole.attributes["seed"]


def test_axes_stay():
    """A single alpha, a single run: what takes trajectories takes them."""
    problem = random_problem(2, 2, sigma=0.0)
    theory, runs = integrate(problem, ALPHAS), some_runs(problem, 3)
    assert theory.isel(alpha=-1).R.shape == (1, 2, 2)
    part = runs.sel(alpha=2, run=1)
    assert part.R.shape == (1, 1, 2, 2)
    assert part.at(0, run=0) == runs.at(4, run=1)
    assert compare(runs.isel(alpha=[2, 4]), theory).theory["R"].shape == (2, 2, 2)
    goes_on = integrate(theory.isel(alpha=slice(3)).problem_at(-1), [0, 1.0])
    np.testing.assert_allclose(theory.isel(alpha=slice(3)).join(goes_on).R[-1], theory.R[4], atol=1e-7)


def test_errors_by_quadrature_and_values_of_unknown_activations_are_cut(tmp_path):
    """They are of the alphas, too."""
    theory = integrate(QUADRATURE, ALPHAS)
    part = theory.isel(alpha=[0, 2])
    for name, values in theory.error.items():
        np.testing.assert_array_equal(part.error[name], values[[0, 2]])
    unknown = replace(theory, eps_g_read=2 * theory.eps_g)
    np.testing.assert_array_equal(unknown.isel(alpha=[1, 4]).eps_g, 2 * theory.eps_g[[1, 4]])
    runs = some_runs(GELU_RUNS)
    unknown = replace(runs, eps_g_read=2 * runs.eps_g)
    np.testing.assert_array_equal(unknown.isel(run=[3, 1], alpha=[5]).eps_g, 2 * runs.eps_g[[3, 1]][:, [5]])


def test_an_activation_of_ones_own_is_cut(tmp_path):
    """And saved."""
    part = integrate(random_problem(2, 2, activation=ELU, quadrature=2**11), ALPHAS).sel(alpha=slice(1, 2))
    assert load(part.save(tmp_path / "part.h5")) == part


def test_diverged_runs_are_cut(tmp_path, diverging):
    """They say where they diverged; of those that did not nothing is said. All-NaN alphas can be saved and compared."""
    runs, gone, left = diverging
    mixed = runs.isel(run=[left[0], gone[0], gone[1]])
    np.testing.assert_array_equal(mixed.diverged_at, runs.diverged_at[[left[0], gone[0], gone[1]]])
    whole = runs.isel(run=left)
    assert whole.diverged_at is None
    assert "warning" not in whole.attributes
    assert "warning" in mixed.attributes
    none_left = runs.isel(run=gone)
    assert np.isnan(none_left.eps_g[:, -1]).all()
    for part in (mixed, whole, none_left, mixed.isel(alpha=[0, 2, 31]), none_left.isel(alpha=-1, run=0)):
        assert load(part.save(tmp_path / "part.h5", overwrite=True)) == part
        assert repr(part)
        assert part.summary()


def test_tests_on_examples_are_cut(tmp_path):
    """The errors that were recorded on them."""
    problem = random_problem(2, 2, N=20)
    runs = simulate_network(problem, ALPHAS, 3, rng=1, test=np.random.default_rng(2).standard_normal((30, 20)))
    part = runs.isel(alpha=[1, 5], run=[2, 0])
    check_cut(part, runs, [1, 5], [2, 0])
    assert load(part.save(tmp_path / "part.h5")) == part


def test_what_was_cut_twice_says_which_runs_it_has():
    """Their numbers in the ensemble that the seed makes."""
    runs = some_runs(random_problem(2, 2, N=20), 8)
    part = runs.isel(run=slice(None, None, 2)).isel(run=[3, 1])
    assert json.loads(part.attributes["selected_runs"]) == {"runs": [6, 2], "of": 8}
    np.testing.assert_array_equal(part.R, runs.R[[6, 2]])
    assert "selected_runs" not in runs.isel(run=slice(None)).attributes
    for spoilt in (
        '{"runs": [1, 2, 3], "of": 8}',
        "{}",
        '{"runs": 3, "of": null}',
        '{"runs": ["a"], "of": 1}',
        "no JSON",
    ):
        one = replace(part, attributes={"selected_runs": spoilt}).isel(run=[1])
        assert json.loads(one.attributes["selected_runs"]) == {"runs": [1], "of": 2}
        assert "selected_runs    1 of 2" in str(one)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (1, [2]), (np.array(1.5), [3]), ([0, 2.5], [0, 5]), (np.float32([0.5, 1]), [1, 2]), (slice(None), range(6)),
        (slice(0.5, 1.5), [1, 2, 3]), (slice(0.6, 1.6), [2, 3]), (slice(2, None), [4, 5]), (slice(None, 0), [0]),
        (slice(-5, 99), range(6)), (1.5 * (1 + 1e-15), [3]),
    ],
)  # fmt: skip
def test_values_of_alpha(alpha, expected):
    """Both ends of a slice belong to it, as in xarray, which finds the same."""
    theory = integrate(random_problem(1, 1), ALPHAS)
    part = theory.sel(alpha=alpha)
    np.testing.assert_array_equal(part.alphas, ALPHAS[list(expected)])
    if isinstance(alpha, slice):
        np.testing.assert_array_equal(part.R, theory.to_xarray().R.sel(alpha=alpha))


def test_the_nearest_alpha():
    """Of values between, below and above them; as xarray finds it."""
    theory = integrate(random_problem(1, 1), ALPHAS)
    wanted = [0.1, 0.6, 1.9, 99]
    part = theory.sel(alpha=wanted, method="nearest")
    np.testing.assert_array_equal(part.alphas, theory.to_xarray().alpha.sel(alpha=wanted, method="nearest"))
    np.testing.assert_array_equal(part.R, theory.R[[0, 1, 4, 5]])
    with pytest.raises(InputError, match=r'but 1\.9 is not: the nearest is 2 \(method = "nearest" takes it\)'):
        theory.sel(alpha=1.9)


@pytest.mark.parametrize(
    "index",
    [2, -1, slice(1, 4), slice(None, None, 3), [0, -1], range(1, 5, 2), np.array([1, 3]), np.arange(6) % 2 == 0],
)
def test_positions(index):
    """As NumPy takes them, but that axes stay."""
    theory = integrate(random_problem(1, 1), ALPHAS)
    np.testing.assert_array_equal(theory.isel(alpha=index).alphas, np.atleast_1d(ALPHAS[index]))


def test_nothing_that_was_asked_for_is_all():
    """sel() and isel() are the whole."""
    theory = integrate(random_problem(1, 1), ALPHAS)
    assert theory.sel() == theory.isel() == theory


# ---------------------------------------------------------------------------------------------------------------------
# Putting together


@pytest.mark.parametrize("name", ["steps", "kp", "a task that comes back", "inputs: three groups", "inputs: tasks"])
def test_what_was_divided_is_put_together_again(tmp_path, name):
    """In any number of parts; also from files, whose format it keeps."""
    whole = some_runs(PROBLEMS[name], 5)
    parts = [whole.isel(run=[0, 1]), whole.isel(run=2), whole.isel(run=slice(3, None))]
    assert concat(parts) == whole
    assert concat([concat(parts[:2]), parts[2]]) == concat([parts[0], concat(parts[1:])]) == whole
    files = [part.save(tmp_path / f"{n}.h5") for n, part in enumerate(parts)]
    again = concat(map(load, files))
    assert again == whole
    assert load(again.save(tmp_path / "whole.h5")) == whole
    assert again.attributes["wall_time"] == whole.attributes["wall_time"]  # the same simulation is counted once
    said = json.loads(again.attributes["concatenated"])["parts"]
    assert [part["runs"] for part in said] == [2, 1, 2]
    assert [part["selected_runs"] for part in said] == [[0, 1], [2], [3, 4]]
    assert [part["of"] for part in said] == [5, 5, 5]
    assert again.attributes["seed"] == whole.attributes["seed"]


def test_more_runs_are_added(tmp_path):
    """What each says of its own stays; alone it is itself, and three are three however they are added."""
    problem = random_problem(2, 2, N=20)
    one, two, three = (some_runs(problem, 2, rng=seed) for seed in (1, 2, 3))
    both = concat([one, two])
    np.testing.assert_array_equal(both.R, np.concatenate([one.R, two.R]))
    assert both.eps_g.shape == (4, 6)
    assert concat([one]) is one
    whole = concat([both, three])
    assert whole == concat(iter([one, two, three]))
    listed = json.loads(whole.attributes["concatenated"])["parts"]
    assert [json.loads(part["seed"])["entropy"] for part in listed] == [1, 2, 3]
    assert [part["runs"] for part in listed] == [2, 2, 2]
    assert "seed" not in whole.attributes
    times = [each.attributes["wall_time"] for each in (one, two, three)]
    assert whole.attributes["wall_time"] == pytest.approx(sum(times))
    assert "concatenated     3 ensembles" in whole.summary()
    assert load(whole.save(tmp_path / "whole.h5")) == whole


def test_parts_of_what_was_put_together_say_where_they_are_from():
    """Runs 1 and 2 of four are one of each simulation."""
    problem = random_problem(2, 2, N=20)
    one, two, three = (some_runs(problem, 2, rng=seed) for seed in (1, 2, 3))
    middle = concat([one, two]).isel(run=[1, 2])
    np.testing.assert_array_equal(middle.R, np.stack([one.R[1], two.R[0]]))
    first, last = json.loads(concat([middle, three]).attributes["concatenated"])["parts"]
    assert first["selected_runs"] == [1, 2]
    assert [json.loads(each["seed"])["entropy"] for each in first["concatenated"]] == [1, 2]
    assert json.loads(last["seed"])["entropy"] == 3


def test_diverged_runs_are_put_together(tmp_path, diverging):
    """Infinity of those that did not; with what was warned of."""
    runs, gone, left = diverging
    order = [*left, *gone]
    again = concat([runs.isel(run=left), runs.isel(run=gone)])
    assert again == runs.isel(run=order)
    assert again.attributes["warning"] == runs.attributes["warning"]
    assert concat([runs.isel(run=left[:1]), runs.isel(run=left[1:])]).diverged_at is None
    assert load(again.save(tmp_path / "again.h5")) == again


def test_tests_on_examples_are_put_together():
    """All of them or none."""
    problem = random_problem(2, 2, N=20)
    test = np.random.default_rng(2).standard_normal((30, 20))
    runs = simulate_network(problem, ALPHAS, 3, rng=1, test=test)
    assert concat([runs.isel(run=0), runs.isel(run=[1, 2])]) == runs
    without = simulate_network(problem, ALPHAS, 3, rng=2)
    with pytest.raises(InputError, match=r"ensembles\[1\] must be as the first, but has no error on test examples"):
        concat([runs, without])
    with pytest.raises(InputError, match="but has one error on test examples, where that has none"):
        concat([without, runs])


def test_an_error_that_was_read_stays():
    """Where an activation was not known in one of two files."""
    runs = some_runs(GELU_RUNS)
    read = replace(runs, eps_g_read=np.array(runs.eps_g))
    for parts in ([read, runs], [runs, read]):
        first, second = parts[0].isel(run=[0, 1]), parts[1].isel(run=[2, 3])
        np.testing.assert_array_equal(concat([first, second]).eps_g, runs.eps_g)


def test_what_does_not_belong_together_is_refused():
    """With the first difference."""
    problem = random_problem(2, 2, N=20)
    runs = some_runs(problem)
    others = {
        r"eta: 0\.7 and 0\.1": some_runs(replace(problem, eta=0.1), rng=2),
        "method 'reduced', but is by 'network'": simulate_network(problem, ALPHAS, 2, rng=2),
        r"alphas of the first, 6 from 0 to 2\.5, but has 5 from 0 to 2": runs.isel(alpha=slice(5)),
        r"its run 0 is run 2 of ensembles\[0\]: each needs an rng of its own": runs.isel(run=[2, 3]),
        r"its run 0 is run 0 of ensembles\[0\]": some_runs(problem, 2),  # by the same seed
        "must be an ensemble of runs, but is the theory": integrate(problem, ALPHAS),
    }
    for words, other in others.items():
        with pytest.raises(InputError, match=rf"ensembles\[1\] .*{words}"):
            concat([runs, other])


def test_runs_in_which_nothing_moves_are_put_together():
    """They are alike, whatever the seed."""
    problem = random_problem(2, 2, N=20, eta=0.0, eta_v=0.0, decay=0.0, decay_v=0.0, sigma=0.0)
    one, two = (some_runs(problem, 2, rng=seed) for seed in (1, 2))
    assert isinstance(concat([one, two]), Trajectory)
