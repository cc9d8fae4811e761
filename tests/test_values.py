"""Values: what is frozen stays so through copies, and results are equal where what they hold is."""

import copy
import importlib
import pickle
import pkgutil
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from functools import cached_property
from types import ModuleType

import numpy as np
import pytest
from conftest import random_problem, write_images

import stdyn
from stdyn.layered import Network, random_network
from stdyn.layered.epochs import train_network
from stdyn.layered.mnist import Images

ALPHAS = [0, 0.5, 1]


def make_images():
    rng = np.random.default_rng(3)
    return Images(*(rng.integers(0, high, shape, np.uint8) for high, shape in 2 * ((9, (8, 4)), (2, (8,)))))


def made_scan(folder, name="s.h5", etas=(0.1, 0.2)):
    """One with all that it reads when it is asked for."""
    scan = stdyn.scan([random_problem(2, 2, eta=eta) for eta in etas], ALPHAS, folder / name)
    _ = scan.coordinates, scan.summary, scan.message
    return scan


def made_training(folder, name="t.h5", **changes):
    """The same of a training."""
    write_images(folder / "images", 20, 10)
    training = stdyn.Training(**{"rule": "fa", "widths": [3], "epochs": 1, "seeds": [1]} | changes)
    histories = stdyn.train(training, folder / name, folder / "images")
    _ = histories.histories
    return histories


@pytest.fixture(scope="module")
def made(tmp_path_factory):
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
    of += [*fixed, stdyn.Experiment(v=[1.0, 2.0]), made_scan(tmp_path_factory.mktemp("scan"))]
    of.append(made_training(tmp_path_factory.mktemp("training")))
    return {type(each).__name__ + str(n): each for n, each in enumerate(of)}


KINDS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda each: pickle.loads(pickle.dumps(each))}


def reached(value, hidden):
    """A value and all that can be reached from it by entries and attributes, those with a hidden name only if asked."""
    yield value
    within = ()
    if isinstance(value, dict):
        within = value.values()
    elif isinstance(value, list | tuple):
        within = value
    elif type(value).__module__.startswith("stdyn") and hasattr(value, "__dict__"):
        within = [each for name, each in vars(value).items() if hidden or not name.startswith("_")]
    for each in within:
        yield from reached(each, hidden)


def arrays_of(value):
    """Every array that can be reached, also from what is hidden."""
    return (each for each in reached(value, hidden=True) if isinstance(each, np.ndarray))


def dicts_of(value):
    """Every dict that can be reached from public names."""
    return (each for each in reached(value, hidden=False) if isinstance(each, dict))


@pytest.mark.parametrize("kind", [*KINDS, "replace", "itself"])
def test_no_array_can_be_written_to_whatever_way_it_was_copied(made, kind):
    """Of the copy as of the original, those of cached properties too; it is equal to it, and has its hash."""
    for name, each in made.items():
        if hasattr(each, "eps_g") and hasattr(each, "F"):
            _ = each.eps_g, each.F, each.alignment, each.F_per_output
        if kind == "replace" and not is_dataclass(each):
            continue
        one = {"replace": replace, "itself": lambda each: each, **KINDS}[kind](each)
        found = list(arrays_of(one))
        assert found or name.startswith(("Experiment", "Variations"))
        assert not any(array.flags.writeable for array in found), name
        assert one == each, name
        assert hash(one) == hash(each), name


@pytest.mark.parametrize("kind", [*KINDS, "replace", "itself"])
def test_no_dict_can_be_changed_whatever_way_it_was_copied(made, kind):
    """In no way; a plain dict of it can."""
    every = []
    for each in made.values():
        if kind != "replace" or is_dataclass(each):
            every += dicts_of({"replace": replace, "itself": lambda each: each, **KINDS}[kind](each))
    assert len(every) > 8
    for each in every:
        before = dict(each)
        for change in (
            lambda d: d.update(x=1), lambda d: d.setdefault("x", 1), lambda d: d.pop("x", 1), lambda d: d.popitem(),
            lambda d: d.__setitem__("x", 1), lambda d: d.__delitem__("x"), lambda d: d.clear(), lambda d: d.__ior__({}),
        ):  # fmt: skip
            with pytest.raises(TypeError, match="read-only"):
                change(each)
        assert dict(each) == before


def writable(value):
    """A copy whose arrays can be written to, and those arrays."""
    if isinstance(value, np.ndarray):
        array = value.copy()
        return array, [array]
    if isinstance(value, dict | list | tuple):
        pairs = [writable(each) for each in (value.values() if isinstance(value, dict) else value)]
        arrays = [array for _, found in pairs for array in found]
        copies = [each for each, _ in pairs]
        return dict(zip(value, copies, strict=True)) if isinstance(value, dict) else type(value)(copies), arrays
    return value, []


def test_no_property_gives_what_may_be_written_to_in_vain(made):
    """Arrays and dicts that a value makes when it is asked are read-only as those that it holds."""
    found = []
    for name, each in made.items():
        for attribute in dir(type(each)):
            if isinstance(getattr(type(each), attribute), property | cached_property) and attribute[0] != "_":
                value = getattr(each, attribute)
                found += [(name, attribute, array.flags.writeable) for array in arrays_of(value)]
                found += [(name, attribute, type(of) is dict) for of in dicts_of(value)]
    assert len({attribute for _, attribute, _ in found}) > 12
    assert {(name, attribute) for name, attribute, bad in found if bad and attribute != "parameters"} == set()


def test_nothing_can_be_set_or_made_writable(made):
    """No attribute, and no array that a value was given or read."""
    for name, each in made.items():
        for attribute in list(vars(each)):
            with pytest.raises(FrozenInstanceError):
                setattr(each, attribute, 1)
            with pytest.raises(FrozenInstanceError):
                delattr(each, attribute)
        with pytest.raises((FrozenInstanceError, TypeError)):
            each.of_mine = 1
        for attribute, value in vars(each).items():
            if isinstance(value, np.ndarray) and not attribute.startswith("_"):
                with pytest.raises(ValueError, match="WRITEABLE"):
                    value.flags.writeable = True
                assert not value.flags.writeable, (name, attribute)


def test_equality_with_an_array_is_one_truth_value(made):
    """NumPy does not compare entry by entry."""
    for each in made.values():
        for array in (np.ones(3), np.float64(1), np.array([each, each], dtype=object)[:1]):
            assert (each == array) is False
            assert (each != array) is True
            assert (array == each) is False


def seen(value):
    """The same with read-only views of its arrays."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, dict):
        return {name: seen(each) for name, each in value.items()}
    return type(value)(map(seen, value)) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("view", [False, True])
def test_what_a_value_was_made_of_may_be_changed(made, view):
    """It holds copies of what others can write to, also through a read-only view."""
    count = 0
    for name, each in made.items():
        if not is_dataclass(each):
            continue
        arguments, arrays = writable({f.name: getattr(each, f.name) for f in fields(each) if f.init})
        if view:
            arguments = seen(arguments)
        one = type(each)(**arguments)
        for array in arrays:
            array[...] = 1 if array.dtype.kind in "uif" else array
            count += 1
        assert one == each, name
    assert count > 20


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
        for f in fields(each) if is_dataclass(each) else ():
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


def test_a_scan_and_a_training_are_equal_to_others_of_the_same_content(tmp_path):
    """In whatever file; not to one of other problems or parameters, or of which less is done."""
    scan = made_scan(tmp_path)
    assert scan == stdyn.open_scan(tmp_path / "s.h5") == made_scan(tmp_path, "again.h5")
    assert hash(scan) == hash(stdyn.open_scan(tmp_path / "again.h5"))
    assert scan != made_scan(tmp_path, "other.h5", (0.1, 0.3))
    trained = made_training(tmp_path)
    assert trained == stdyn.open_training(tmp_path / "t.h5") == made_training(tmp_path, "again_t.h5")
    assert hash(trained) == hash(stdyn.open_training(tmp_path / "again_t.h5"))
    assert trained not in (scan, made_training(tmp_path, "other_t.h5", lr=0.02))
    more = made_training(tmp_path, "t.h5", epochs=2)
    assert more != trained
    for array in (scan.alphas, scan.state, scan.summary["eps_g_final"], trained.epochs_done, trained.wall_time):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


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


def public(module):
    """What a tab completes."""
    return [each for each in dir(module) if not each.startswith("__")]


@pytest.mark.parametrize("name", [*sorted(stdyn._WINGS), "layered"])
def test_a_tab_completes_public_names_only(name):
    """dir() of a public module has nothing that the module has imported, nor what is meant for itself."""
    module = getattr(stdyn, name)
    assert public(module)
    assert not [each for each in public(module) if each.startswith("_")]
    for each in public(module):
        found = getattr(module, each)
        assert not isinstance(found, ModuleType) or each == "mnist", each
        assert getattr(found, "__module__", module.__name__).startswith("stdyn"), each


def test_a_tab_after_the_package_completes_what_it_offers():
    """Also after everything was imported, by another name or another way."""
    for module in pkgutil.walk_packages(stdyn.__path__, "stdyn."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert sorted(public(stdyn)) == sorted(set(stdyn.__all__) - {"__version__"})
    assert sorted(public(stdyn.layered)) == sorted(stdyn.layered.__all__)
    for name in public(stdyn):
        assert getattr(stdyn, name) is not None


@pytest.mark.parametrize(
    "said",
    [
        "Experiment()", "Experiment(K=2, eta=0.5, flow=True)", "Experiment(flow=True)",
        "Experiment(R=[[0.1]], Q=[[1]])", "Experiment(eta={'kind': 'hyperbolic', 'value': 1, 'scale': 10})",
        "Training()", "Training(epochs=3, seeds=(4,))",
    ],
)  # fmt: skip
def test_parameters_say_what_is_not_usual(said):
    """Python that makes them again, and no default."""
    value = eval(said, vars(stdyn) | {name: getattr(stdyn, name) for name in ("Experiment", "Training")})
    assert repr(value) == said
