"""Values: what is frozen stays so through copies, and results are equal where what they hold is."""

import copy
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn.layered import Network, random_network
from stdyn.layered.epochs import train_network
from stdyn.layered.mnist import Images

ALPHAS = [0, 0.5, 1]


def make_images():
    rng = np.random.default_rng(3)
    return Images(*(rng.integers(0, high, shape, np.uint8) for high, shape in 2 * ((9, (8, 4)), (2, (8,)))))


@pytest.fixture(scope="module")
def made():
    """One of every kind that holds arrays."""
    problem = random_problem(2, 2, 2)
    theory = stdyn.integrate(problem, ALPHAS)
    rng = np.random.default_rng(1)
    runs = stdyn.simulate_reduced(problem, ALPHAS, 3, rng=rng)
    images, network = make_images(), random_network([4, 3, 2], rng)
    history = train_network(network, images, epochs=1, lr=0.1, rng=rng)
    fixed = stdyn.fixed_points(problem, [problem.start], number_of_starts=0)
    of = [
        problem.start,
        problem,
        problem.activation,
        theory,
        runs,
        stdyn.compare(runs, theory),
        images,
        network,
        history,
    ]
    return {type(each).__name__ + str(n): each for n, each in enumerate([*of, *fixed, stdyn.Experiment(v=[1.0, 2.0])])}


KINDS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda each: pickle.loads(pickle.dumps(each))}


def arrays_of(value):
    """Every array that can be reached from a value without asking for anything hidden."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from arrays_of(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from arrays_of(each)
    elif type(value).__module__.startswith("stdyn") and hasattr(value, "__dict__"):
        yield from arrays_of(vars(value))


@pytest.mark.parametrize("kind", [*KINDS, "replace", "itself"])
def test_no_array_can_be_written_to_whatever_way_it_was_copied(made, kind):
    """Of the copy as of the original, those of cached properties too; it is equal to it, and has its hash."""
    for name, each in made.items():
        if hasattr(each, "eps_g") and hasattr(each, "F"):
            _ = each.eps_g, each.F, each.alignment, each.F_per_output
        one = {"replace": replace, "itself": lambda each: each, **KINDS}[kind](each)
        found = list(arrays_of(one))
        assert found or name.startswith(("Experiment", "Variations"))
        assert not any(array.flags.writeable for array in found), name
        assert one == each, name
        assert hash(one) == hash(each), name


def test_a_copied_problem_needs_no_other_machine_code():
    """numba tells read-only arrays from others: a copy has the types of the original."""
    from numba import typeof

    problem = random_problem(2, 2)
    for kind in KINDS.values():
        assert typeof(kind(problem).start.Q) == typeof(problem.start.Q)
        assert [typeof(each) for each in kind(problem).parameters] == [typeof(each) for each in problem.parameters]


def test_what_differs_is_not_equal(made):
    """Every field that is compared counts, in every kind."""
    for name, each in made.items():
        for f in fields(each):
            value = getattr(each, f.name)
            if (
                f.compare
                and isinstance(value, np.ndarray)
                and value.size
                and not isinstance(each, Images | Network | stdyn.Activation)
            ):
                other = copy.copy(each)
                changed = value + 1
                object.__setattr__(other, f.name, changed)
                assert other != each, (name, f.name)
        assert each != name
        assert each != None  # noqa: E711


def test_nan_is_equal_to_nan_in_the_same_place_and_nowhere_else():
    """Of runs that diverged."""
    problem = random_problem(2, 2)
    values = {"R": np.ones((1, 2, 2, 2)), "Q": np.ones((1, 2, 2, 2)), "v": np.ones((1, 2, 2))}
    values["R"][0, 1] = np.nan
    alphas = np.array([0.0, 1.0])
    one, same = (stdyn.Trajectory(problem, alphas, **values, method="network") for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    moved = values | {"R": values["R"][:, ::-1]}
    assert one != stdyn.Trajectory(problem, alphas, **moved, method="network")


@pytest.mark.parametrize("solve", ["theory", "runs"])
def test_what_is_loaded_is_equal_to_what_was_saved(tmp_path, solve):
    """Whatever its attributes (wall time, when it was made) and whatever quadrature was set and not used."""
    problem = replace(random_problem(2, 2), quadrature=2**12)
    if solve == "theory":
        trajectory = stdyn.integrate(problem, ALPHAS)
    else:
        trajectory = stdyn.simulate_network(problem, ALPHAS, 2, rng=np.random.default_rng(1))
    back = stdyn.load(trajectory.save(tmp_path / "t.h5"))
    assert back == trajectory
    assert hash(back) == hash(trajectory)
    assert back == replace(trajectory, attributes={})
    assert back != replace(trajectory, problem=replace(problem, eta=0.71))
    assert len({back, trajectory}) == 1


def test_equal_experiments_are_equal_and_others_are_not():
    """Also with lists, which no hash is of by itself, and arrays."""
    assert stdyn.Experiment(v=[1, 2]) == stdyn.Experiment(v=[1, 2])
    assert hash(stdyn.Experiment(v=[1, 2])) == hash(stdyn.Experiment(v=[1, 2]))
    assert stdyn.Experiment(R=np.eye(2), Q=np.eye(2)) == stdyn.Experiment(R=np.eye(2), Q=np.eye(2))
    assert stdyn.Experiment(R=np.eye(2), Q=np.eye(2)) != stdyn.Experiment(R=2 * np.eye(2), Q=np.eye(2))


def test_a_comparison_is_as_true_as_its_verdict():
    """`assert stdyn.compare(…)` is a test."""
    problem = random_problem(2, 2)
    runs = stdyn.simulate_reduced(problem, ALPHAS, 8, rng=np.random.default_rng(1))
    theory = stdyn.integrate(problem, ALPHAS)
    right = stdyn.compare(runs, theory, bias=100)
    wrong = stdyn.compare(runs, replace(theory, R=theory.R + 1))
    assert (right.agrees, bool(right)) == (True, True)
    assert (wrong.agrees, bool(wrong)) == (False, False)


@pytest.mark.parametrize("name", [*sorted(stdyn._WINGS), "layered"])
def test_a_tab_completes_public_names_only(name):
    """dir() of a public module has nothing that the module has imported."""
    module = getattr(stdyn, name)
    names = [each for each in dir(module) if not each.startswith("__")]
    assert names
    assert not {"np", "Any", "annotations", "InputError", "Array"} & set(names)
    for each in names:
        assert getattr(getattr(module, each), "__module__", module.__name__).startswith("stdyn")
