"""Streams follow the state of the generator that is given: the same in every process, others for another state."""

import json
import subprocess
import sys

import numpy as np
import pytest

import stdyn
from stdyn.layered import random_network
from stdyn.layered.epochs import train_network
from stdyn.layered.mnist import Images

KINDS = ["PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937"]


def problem(N=50):
    start = stdyn.initial.random_weights(2, 2, N, 0.5, np.random.default_rng(0), v=np.ones(2), v_teacher=np.ones(2))
    return stdyn.Problem(start, N=N, eta=0.3, eta_v=0.3)


def run(rng, method=stdyn.simulate_network):
    return method(problem(), [0, 1], 2, rng=rng)


def restored(kind, seed, draws=0):
    """A generator of the system's entropy that is given the state of another one."""
    source = np.random.Generator(getattr(np.random, kind)(seed))
    source.standard_normal(draws)
    target = np.random.Generator(getattr(np.random, kind)())
    target.bit_generator.state = source.bit_generator.state
    return target


def jumped(kind, seed):
    return np.random.Generator(getattr(np.random, kind)(seed).jumped())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [stdyn.simulate_network, stdyn.simulate_reduced])
def test_a_restored_state_gives_the_same_numbers_again(kind, method):
    one, same, other = (run(restored(kind, seed, 3), method) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.R, same.R)
    assert not np.array_equal(one.R, other.R)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "SFC64"])  # which cannot be jumped
def test_a_jumped_generator_gives_the_same_numbers_again(kind):
    one, same, other = run(jumped(kind, 1)), run(jumped(kind, 1)), run(np.random.Generator(getattr(np.random, kind)(1)))
    np.testing.assert_array_equal(one.R, same.R)
    assert not np.array_equal(one.R, other.R)


@pytest.mark.parametrize("make", [restored, jumped])
def test_two_calls_with_one_generator_differ(make):
    rng = make("PCG64", 1)
    assert not np.array_equal(run(rng).R, run(rng).R)


def _philox(counter):
    return np.random.Generator(np.random.Philox(1, counter=[0, 0, 0, counter]))


def _advanced(kind, steps):
    rng = np.random.Generator(getattr(np.random, kind)(1))
    rng.bit_generator.advance(steps)
    return rng


def _jumped_in_place(kind, jumps):
    rng = np.random.Generator(getattr(np.random, kind)(1))
    rng.bit_generator.state = rng.bit_generator.jumped(jumps).state
    return rng


STREAMS = [
    pytest.param(make, arguments, id=f"{make.__name__} {arguments[0][0]}")
    for make, arguments in (
        (_philox, [(0,), (1,), (2,)]),
        *((_advanced, [(kind, 0), (kind, 2**100), (kind, 3 * 2**90)]) for kind in ("PCG64", "PCG64DXSM", "Philox")),
        *((_jumped_in_place, [(kind, n) for n in range(3)]) for kind in ("PCG64", "PCG64DXSM", "Philox", "MT19937")),
    )
]


@pytest.mark.parametrize(("make", "arguments"), STREAMS)
def test_streams_that_numpy_calls_independent_give_other_runs(make, arguments):
    """And the same ones again; the first of each is the plain generator of the seed."""
    found = [run(make(*each)).R for each in arguments]
    for n, R in enumerate(found):
        np.testing.assert_array_equal(run(make(*arguments[n])).R, R)
        assert not any(np.array_equal(R, other) for other in found[:n])
    if make is not _philox:
        np.testing.assert_array_equal(found[0], run(np.random.Generator(getattr(np.random, arguments[0][0])(1))).R)


def test_the_seed_in_the_file_has_the_size_of_the_pool():
    first = run(np.random.default_rng(np.random.SeedSequence(5, pool_size=8)))
    assert json.loads(first.attributes["seed"])["pool_size"] == 8
    assert not np.array_equal(first.R, run(np.random.default_rng(np.random.SeedSequence(5))).R)


def test_streams_of_a_seed_are_those_of_before():
    """Numbers drawn from it change nothing, streams spawned before do, as NumPy's spawn has it."""
    drawn, spawned = np.random.default_rng(1), np.random.default_rng(1)
    drawn.standard_normal(5)
    spawned.spawn(2)
    first = run(np.random.default_rng(1)).R
    np.testing.assert_array_equal(run(drawn).R, first)
    again = np.random.default_rng(1)
    run(again)
    np.testing.assert_array_equal(run(spawned).R, run(again).R)


@pytest.mark.parametrize("make", [restored, jumped])
def test_the_seed_in_the_result_makes_the_runs_again(make):
    """docs/format.md says how."""
    first = run(make("PCG64", 4))
    seed = json.loads(first.attributes["seed"])
    sequence = np.random.SeedSequence(
        seed["entropy"],
        spawn_key=seed["spawn_key"],
        n_children_spawned=seed["n_children_spawned"],
        pool_size=seed["pool_size"],
    )
    again = run(np.random.Generator(getattr(np.random, seed["bit_generator"])(sequence)))
    np.testing.assert_array_equal(first.R, again.R)


def test_another_process_gives_the_same_numbers(tmp_path):
    """The case of the report: the streams came from the system's entropy."""
    script = tmp_path / "run.py"
    script.write_text(
        "import numpy as np, stdyn\n"
        "start = stdyn.OrderParameters([[0.3]], [[0.5]], [[1.0]], [1.0], [1.0])\n"
        "rng = np.random.Generator(np.random.PCG64(1).jumped())\n"
        "problem = stdyn.Problem(start, N=20, eta=0.3, eta_v=0.3)\n"
        "print(stdyn.simulate_network(problem, [1.0], rng=rng).R.ravel())\n"
    )
    said = {subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout for _ in "ab"}
    assert len(said) == 1


def test_training_of_layers_follows_the_state_too():
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (40, 6), dtype=np.uint8), (np.arange(40) % 3).astype(np.uint8)
    images = Images(pixels, labels, pixels[:9], labels[:9])
    network = random_network((6, 5, 3), np.random.default_rng(1))

    def weights(made):
        return train_network(network, images, rule="bp", rng=made, epochs=1, lr=0.1, batch=4).network.W[0]

    np.testing.assert_array_equal(weights(restored("PCG64", 1)), weights(restored("PCG64", 1)))
    assert not np.array_equal(weights(restored("PCG64", 1)), weights(restored("PCG64", 2)))


# ---------------------------------------------------------------------------------------------------------------------
# Records


@pytest.mark.parametrize("method", [stdyn.simulate_network, stdyn.simulate_reduced])
def test_a_step_is_recorded_once(method):
    """Alphas closer than 1/N: SciPy, xarray and `integrate` refuse repeated ones."""
    N = 50
    fine = np.linspace(0, 1, 401)
    runs = method(problem(N), fine, 2, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(runs.alphas, np.arange(N + 1) / N)
    coarse = method(problem(N), np.arange(N + 1) / N, 2, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(runs.R, coarse.R)
    assert len(stdyn.integrate(problem(N), runs.alphas).alphas) == N + 1
    assert float(runs.to_xarray().eps_g.sel(alpha=0.5)[0]) == runs.eps_g[0, N // 2]


def test_runs_are_held_to_a_theory_at_finer_alphas():
    """By the alphas that the runs have; the theory at others is refused as before."""
    fine = np.linspace(0, 2, 801)
    runs = stdyn.simulate_reduced(problem(), fine, 64, rng=np.random.default_rng(3))
    theory = stdyn.integrate(problem(), fine)
    at_runs = stdyn.integrate(problem(), runs.alphas)
    held, expected = (stdyn.compare(runs, each) for each in (theory, at_runs))
    for name in expected.theory:
        np.testing.assert_allclose(held.theory[name], expected.theory[name], atol=1e-8)
    with pytest.raises(stdyn.InputError, match="must have the same alphas"):
        stdyn.compare(runs, stdyn.integrate(problem(), [0, 0.5, 2]))


def test_a_scan_of_runs_keeps_every_alpha_that_was_asked_for(tmp_path):
    """At the nearest step: the file has one axis alpha for all points."""
    fine = np.linspace(0, 1, 201)
    path = tmp_path / "scan.h5"
    scanned = stdyn.scan([problem()], fine, path, solve=stdyn.simulate_reduced, seed=1)
    kept = scanned.read("R")[0, 0]
    steps = np.unique(np.rint(fine * 50), return_inverse=True)[1]
    one = scanned.trajectory(0)
    assert kept.shape[0] == 201
    assert np.isfinite(scanned.summary["eps_g_final"]).all()
    np.testing.assert_array_equal(kept, kept[np.searchsorted(steps, steps)])
    assert len(one.alphas) == 201
