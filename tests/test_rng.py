"""What `rng` may be: an int is the generator that NumPy makes of it, the same one at every call, in every function."""

import inspect
import json
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn.layered import mnist
from stdyn.layered.epochs import train_network
from stdyn.values import same

PROBLEM = random_problem(2, 2, sigma=0.0, decay=0.0, decay_v=0.0)
ESCAPING = stdyn.Problem(stdyn.initial.prepared(2, 2, r=0.0, v=[1.0, 1.0], v_teacher=[1.0, 1.0]), eta=0.5, eta_v=0.0)
MANIFOLD = stdyn.Inputs.hidden_manifold("erf", latent=5, N=20, groups=2, rng=np.random.default_rng(0))
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6), dtype=np.uint8)
LABELS = (np.arange(40) % 3).astype(np.uint8)
IMAGES = mnist.Images(PIXELS, LABELS, PIXELS[:9], LABELS[:9])
NETWORK = stdyn.layered.random_network((6, 5, 3), np.random.default_rng(1))


def taught(rng):
    """A network trained by feedback alignment."""
    B = [np.ones((5, 3))]
    return train_network(NETWORK, IMAGES, "fa", B, epochs=1, lr=0.1, batch=4, rng=rng).network.W


TAKE = {
    "simulate_network": lambda rng: stdyn.simulate_network(PROBLEM, [0, 0.5], 2, rng=rng),
    "simulate_reduced": lambda rng: stdyn.simulate_reduced(PROBLEM, [0, 0.5], 2, rng=rng),
    "fixed_points": lambda rng: stdyn.fixed_points(PROBLEM, number_of_starts=2, rng=rng),
    "escape_times": lambda rng: stdyn.escape_times(ESCAPING, draws=8, rng=rng),
    "weights": lambda rng: stdyn.weights(PROBLEM, 20, rng),
    "random_weights": lambda rng: stdyn.initial.random_weights(2, 3, 50, 0.2, rng),
    "aligned_weights": lambda rng: stdyn.initial.aligned_weights(PROBLEM.start, 20, rng),
    "hidden_manifold": lambda rng: stdyn.Inputs.hidden_manifold("erf", 5, 20, 2, rng=rng).manifold.features,
    "of": lambda rng: stdyn.Inputs.of(
        {"kind": "hidden_manifold", "f": "erf", "latent": 5, "groups": 2}, 20, rng
    ).manifold.features,
    "examples": lambda rng: MANIFOLD.manifold.examples(3, rng),
    "random_network": lambda rng: stdyn.layered.random_network((6, 5, 3), rng).W,
    "random_feedback": lambda rng: stdyn.layered.random_feedback((6, 5, 3), "fa", rng),
    "train": taught,
}  # fmt: skip


def of_values(found):
    """Its numbers, without where they come from."""
    if isinstance(found, list | tuple):
        return [of_values(each) for each in found]
    if is_dataclass(found):
        return [of_values(getattr(found, each.name)) for each in fields(found) if each.name != "attributes"]
    return found


@pytest.mark.parametrize("name", TAKE)
def test_an_int_is_the_generator_of_numpy(name):
    """The same numbers at every call, by an int of Python or NumPy, the seed sequence, and bits; others of another."""
    make = TAKE[name]
    expected = of_values(make(np.random.default_rng(7)))
    for rng in (7, 7, np.int64(7), np.uint8(7), np.random.SeedSequence(7), np.random.PCG64(7)):
        assert same(of_values(make(rng)), expected), rng
    if name != "fixed_points":  # the roots are the same wherever one starts
        assert not same(of_values(make(8)), expected)


def test_every_function_with_a_generator_is_among_these():
    """Of the package, its public modules, and the classes in them; an experiment's `rng` is a name of a method."""
    found = set()
    modules = (stdyn, stdyn.initial, stdyn.layered, stdyn.averages, stdyn.summary, stdyn.mnist)
    for owner in (*modules, stdyn.Inputs, type(MANIFOLD.manifold), stdyn.OrderParameters, stdyn.Problem):
        for name in dir(owner):
            value = getattr(owner, name)
            if inspect.isroutine(value) and callable(value) and "rng" in _parameters(value):
                found |= {name} - {"__init__"}
    assert found <= set(TAKE)
    assert len(found) >= 12


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (ValueError, TypeError):  # of C
        return ()


@pytest.mark.parametrize("rng", [7, np.random.SeedSequence(7), np.random.SFC64(7), np.random.default_rng([1, 2])])
def test_the_seed_in_the_result_makes_the_runs_again(rng):
    """Whatever was given: the bit generator, its entropy and how often it had spawned (docs/format.md)."""
    first = stdyn.simulate_network(PROBLEM, [0, 0.5], 3, rng=rng)
    seed = json.loads(first.attributes["seed"])
    kind = getattr(np.random, seed.pop("bit_generator"))
    again = stdyn.simulate_network(PROBLEM, [0, 0.5], 3, rng=np.random.Generator(kind(np.random.SeedSequence(**seed))))
    np.testing.assert_array_equal(first.R, again.R)
    assert json.loads(again.attributes["seed"]) == json.loads(first.attributes["seed"])


def test_a_generator_and_its_bits_go_on_and_an_int_begins_anew():
    """Two calls with one generator, bit generator or seed sequence give runs of streams of their own."""
    for rng in (np.random.default_rng(1), np.random.PCG64(1), np.random.SeedSequence(1)):
        one, other = (stdyn.simulate_reduced(PROBLEM, [0, 0.5], rng=rng) for _ in range(2))
        assert not np.array_equal(one.R, other.R)
    draws = np.random.PCG64(1)
    assert not np.array_equal(*(stdyn.layered.random_network((6, 5, 3), draws).W[0] for _ in range(2)))
    one, other = (stdyn.simulate_reduced(PROBLEM, [0, 0.5], rng=1) for _ in range(2))
    assert one == other


def test_an_int_of_any_size_is_taken():
    """As NumPy takes it."""
    for rng in (0, 2**64, 10**60):
        expected = stdyn.initial.random_weights(2, 2, 50, 0.2, np.random.default_rng(rng))
        assert stdyn.initial.random_weights(2, 2, 50, 0.2, rng) == expected
        assert int(json.loads(stdyn.simulate_reduced(PROBLEM, [0.1], rng=rng).attributes["seed"])["entropy"]) == rng
