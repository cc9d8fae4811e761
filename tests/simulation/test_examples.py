"""Examples that are given to network runs: their order, fields of the teacher, again and again, errors on test sets."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_problem
from structured import PlainRun, smallest_p, structured
from test_simulate import generator

from stdyn import (
    DivergenceWarning,
    InputError,
    Inputs,
    Problem,
    Tasks,
    initial,
    integrate,
    schedule,
    simulate_network,
    weights,
)

FALSE_ALARM = 1e-6
THREE = ([3.0, 1.0, 0.3], [0.2, 0.3, 0.5])


def gaussian(problem, count, rng):
    """Examples from N(0, Omega), in input space."""
    return problem.inputs.unrotated(rng.standard_normal((count, problem.N)) * problem.inputs.scales(problem.N))


def isotropic(**changes):
    """Without inputs: the unit overlaps are those of the fields."""
    return random_problem(2, 3, N=20, decay_v=0.02, **changes)


@pytest.mark.parametrize("normals", ["fast", "numpy"])
@pytest.mark.parametrize("fields", [False, True], ids=["W_teacher", "fields"])
@pytest.mark.parametrize(
    ("problem", "count", "repeat"),
    [
        (structured(2, 3, 20, *THREE, sigma=0.0), 20, False),
        (structured(2, 3, 20, *THREE, sigma=0.0, rule="bp", axes=True, batch=3, sphere=True), 17, True),
        (isotropic(sigma=0.0), 7, True),
        (structured(2, 3, 20, *THREE, sigma=0.0, eta=schedule.linear([0, 1], [1.0, 0.5])), 40, True),
    ],
    ids=["once", "batch, sphere, axes, again", "isotropic, again", "schedule"],
)
def test_a_run_takes_each_example_once_a_pass(problem, count, repeat, fields, normals):
    """Recomputed in input space, in the order of the run's own stream; batches go over the ends of passes."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(count, 20)) + 0.2, rng.normal(size=(count, 3))
    given = {"teacher_fields": y} if fields else {}
    alphas = [0.0, 0.35, 1.0]
    runs = simulate_network(problem, alphas, 2, rng=generator(7), normals=normals, examples=X, repeat=repeat, **given)
    orders = []
    for run, stream in enumerate(generator(7).spawn(2)):
        frame, inputs, *_ = stream.spawn(4)
        W, W_teacher = weights(problem, 20, frame)
        plain, passes = PlainRun(problem, W, W_teacher), []
        while len(passes) * count < 20 * problem.batch:
            passes.append(inputs.permutation(count))
        order = np.concatenate(passes)
        orders.append(order[:count])
        for step in range(21):
            if step / 20 in alphas:
                R, Q, v = plain.overlaps
                place = alphas.index(step / 20)
                names = ("R_group", "Q_group") if problem.start.inputs is not None else ("R", "Q")
                for name, expected in zip((*names, "v"), (R, Q, v), strict=True):
                    found = getattr(runs, name)[run, place]
                    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-13)
            now = order[step * problem.batch : (step + 1) * problem.batch]
            if len(now):
                eta = problem.eta if isinstance(problem.eta, float) else problem.eta(step / 20)
                plain.problem = replace(problem, eta=eta)
                plain.step(X[now], y[now] if fields else X[now] @ W_teacher.T, np.zeros(len(now)))
    assert not np.array_equal(*orders)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
def test_examples_of_the_spectrum_are_generated_inputs_in_law(batch):
    """40 of 20000 drawn from N(0, Omega) in each run; false alarm 1e-6, and those of another Omega fail."""
    problem, alphas, rng = structured(2, 2, 10, *THREE, axes=True, batch=batch), [0, 1.0, 2.0], np.random.default_rng(3)
    other = structured(2, 2, 10, [4.5, 1.0, 0.3], THREE[1], axes=True, batch=batch)
    generated = simulate_network(problem, alphas, 1000, rng=generator(1))
    for spectrum, same in ((problem, True), (other, False)):
        given = {"examples": gaussian(spectrum, 20_000, rng)}
        runs = simulate_network(problem, alphas, 1000, rng=generator(2), **given)
        assert (smallest_p(generated, runs) > FALSE_ALARM) == same


@pytest.mark.slow
def test_fields_with_a_hidden_part_are_T_hidden_in_law():
    """Fields W_teacher xi + h with h ~ N(0, T_hidden): the generated runs; false alarm 1e-6; without h it fails."""
    problem, alphas, rng = structured(2, 2, 10, *THREE, hidden=0.8), [0, 1.0, 2.0], np.random.default_rng(3)
    W = weights(problem, 10, rng)
    root = np.linalg.cholesky(problem.start.T_hidden)
    generated = simulate_network(problem, alphas, 1000, rng=generator(1), weights=W)
    X = gaussian(problem, 20_000, rng)
    for part, same in ((1.0, True), (0.0, False)):
        y = X @ W[1].T + part * rng.standard_normal((len(X), 2)) @ root.T
        given = {"examples": X, "teacher_fields": y, "weights": W}
        runs = simulate_network(problem, alphas, 1000, rng=generator(2), **given)
        assert (smallest_p(generated, runs) > FALSE_ALARM) == same


@pytest.mark.slow
def test_a_hidden_manifold_follows_the_theory_of_its_spectrum():
    """N = 400, D = 130, xi = f(F c), the teacher on c: eps_g of 8 networks within 6 % of theory."""
    rng = np.random.default_rng(2)
    inputs = Inputs.hidden_manifold("erf", latent=130, N=400, groups=17, rng=rng)
    manifold, alphas = inputs.manifold, np.array([0, 1.0, 2, 5, 10])
    theta = rng.normal(size=(2, 130)) / 130**0.5
    W_teacher, T_hidden = manifold.teacher(theta, inputs)
    W = np.sqrt(0.5 / 400) * rng.normal(size=(2, 400))
    problem = Problem(initial.from_weights(W, W_teacher, inputs=inputs, T_hidden=T_hidden), N=400, eta=0.4, eta_v=0.0)
    X, c = manifold.examples(400 * 10 * 2, rng)
    test = manifold.examples(4000, rng)
    runs = simulate_network(
        problem, alphas, 8, rng=generator(), examples=X, teacher_fields=c @ theta.T, weights=(W, W_teacher),
        test=(test[0], test[1] @ theta.T),
    )  # fmt: skip
    theory = integrate(problem, alphas)
    np.testing.assert_allclose(runs.eps_g.mean(axis=0), theory.eps_g, rtol=0.06)
    np.testing.assert_allclose(runs.eps_g_test.mean(axis=0), theory.eps_g, rtol=0.06)
    assert theory.eps_g[-1] < 0.5 * theory.eps_g[0]


# ---------------------------------------------------------------------------------------------------------------------
# Test examples


@pytest.mark.parametrize("problem", [structured(2, 3, 20, *THREE, axes=True), isotropic()], ids=["groups", "isotropic"])
def test_the_error_on_test_examples_is_that_of_the_network(problem):
    """Of the weights that are given, at alpha = 0; the runs are not changed by it."""
    rng = np.random.default_rng(5)
    W, W_teacher = weights(problem, 20, rng)
    X, start = rng.normal(size=(50, 20)), problem.start
    g = NUMPY_FUNCTIONS["erf"][0]
    fields, two = X[:, :3], list(X[:2])
    for test, y in ((X, X @ W_teacher.T), ((X, fields), fields), ([X, fields], fields), (two, two @ W_teacher.T)):
        runs = simulate_network(problem, [0, 1.0], 2, rng=generator(), weights=(W, W_teacher), test=test)
        Delta = g((X[:2] if test is two else X) @ W.T) @ start.v - g(y) @ start.v_teacher
        np.testing.assert_allclose(runs.eps_g_test[:, 0], np.mean(Delta**2) / 2, rtol=1e-12)
        assert runs.eps_g_test.shape == (2, 2)
        without = simulate_network(problem, [0, 1.0], 2, rng=generator(), weights=(W, W_teacher))
        np.testing.assert_allclose(runs.R, without.R, atol=1e-13)
        assert without.eps_g_test is None


def test_the_error_on_many_examples_is_eps_g():
    """4000 Gaussian ones, within 6 standard errors (false alarm 2e-9 each); of tasks with weights, the one at hand."""
    rng, v_teacher = np.random.default_rng(5), np.array([[[1.0, 0.3], [0.5, -0.8]], [[-1.0, 0.5], [2.0, 0.1]]])
    tasks = Tasks(v_teacher, [0, 1], weights=[[1.0, 0.2], [0.5, 1.0]])
    start = initial.random_weights(2, 2, 30, 0.5, rng, "random", rng.normal(size=(2, 2)), v_teacher[0], Inputs(*THREE))
    problem = Problem(start, N=30, eta=0.3, eta_v=0.3, sigma=0.5, tasks=tasks)
    runs = simulate_network(problem, [0, 0.9, 1, 2.0], 3, rng=generator(), test=gaussian(problem, 4000, rng))
    np.testing.assert_allclose(runs.eps_g_test, runs.eps_g, rtol=6 * 2 / 4000**0.5)
    assert np.abs(runs.eps_g[:, 2] / runs.eps_g[:, 1] - 1).min() > 0.5  # the tasks differ by more than that


# ---------------------------------------------------------------------------------------------------------------------
# Bookkeeping


def test_a_run_on_examples_depends_on_its_own_stream_alone(tmp_path):
    """Bit by bit, whatever runs beside it, threads and alphas; and the result says what it was given."""
    problem, X = structured(2, 2, 20, *THREE), np.random.default_rng(1).normal(size=(30, 20))
    given = {"examples": X, "repeat": True, "test": X}
    runs = simulate_network(problem, [0, 1.0, 4.0], 3, rng=generator(), workers=1, **given)
    other = simulate_network(problem, np.linspace(0, 4, 81), 2, rng=generator(), workers=2, **given)
    for name, values in runs.arrays.items():
        np.testing.assert_array_equal(other.arrays[name][:, -1], values[:2, -1])
    assert runs.attributes["examples"] == "30 that were given, again and again, in a new order each time"
    assert runs.attributes["test"] == "30 examples that were given"
    assert "30 that were given, again" in runs.summary()
    once = simulate_network(problem, [1.0], rng=generator(), examples=X, teacher_fields=X[:, :2])
    assert once.attributes["examples"] == "30 that were given, each at most once, with the teacher's fields"
    assert "examples" not in simulate_network(problem, [1.0], rng=generator()).attributes


def test_a_run_that_diverges_ends_there():
    """NaN from there on, the error on test examples too; and the others go on."""
    X = np.random.default_rng(1).normal(size=(40, 20))
    problem = structured(2, 2, 20, *THREE, activation="linear", eta=300.0, eta_v=0.0)
    with pytest.warns(DivergenceWarning, match="runs diverged"):
        runs = simulate_network(problem, [0, 0.1, 2.0, 5.0], 2, rng=generator(), examples=X, repeat=True, test=X)
    gone = runs.alphas[None] > runs.diverged_at[:, None]
    for values in runs.arrays.values():
        assert np.array_equal(np.isnan(values.reshape(*values.shape[:2], -1)[..., 0]), gone)


BAD = np.ones((30, 20))
HOLE = np.where(np.arange(20) == 3, np.nan, BAD)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"examples": BAD[:19]}, "examples must be at least the 20 that 20 steps take to alphas[-1], but are 19"),
        ({"examples": BAD[:, :5]}, "examples must have shape (P, N) with N = 20 of the problem, but has shape (30, 5)"),
        ({"examples": BAD[0]}, "examples must have shape (P, N) with N = 20 of the problem, but has shape (20,)"),
        ({"examples": HOLE}, "examples must be finite, but examples[0, 3] is nan"),
        ({"examples": "mnist"}, "examples must be an array of numbers"),
        ({"examples": BAD, "teacher_fields": BAD[:, :2]}, "teacher_fields must have shape (P, M) = (30, 3)"),
        ({"examples": BAD, "teacher_fields": HOLE[:, 1:4]}, "teacher_fields[0, 2] is nan"),
        ({"examples": BAD, "repeat": 1}, "repeat must be True or False, but is 1"),
        ({"repeat": True}, "repeat needs examples"),
        ({"teacher_fields": BAD[:, :3]}, "teacher_fields needs examples"),
        ({"test": BAD[:, :5]}, "test must have shape (P, N) with N = 20"),
        ({"test": (BAD, BAD)}, "test[1] must have shape (P, M) = (30, 3), but has shape (30, 20)"),
        ({"test": HOLE}, "test must be finite, but test[0, 3] is nan"),
        ({"examples": BAD, "teacher_fields": BAD[:, :3], "test": BAD}, "test must be a pair (X, fields"),
    ],
)  # fmt: skip
def test_examples_that_cannot_be_used_are_refused(given, message):
    """In a line that names the argument, before any work starts."""
    with pytest.raises(InputError, match=re.escape(message)) as error:
        simulate_network(structured(2, 3, 20, *THREE), [0, 1.0], rng=generator(), **given)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("name", ["examples", "test"])
def test_what_no_input_tells_must_be_given(name):
    """With T_hidden the labels of given examples need the teacher's fields."""
    problem = structured(2, 3, 20, *THREE, hidden=0.5)
    with pytest.raises(InputError, match=f"{'teacher_fields' if name == 'examples' else 'test'} must be given"):
        simulate_network(problem, [0, 1.0], rng=generator(), **{name: BAD})


def test_given_weights_are_those_of_the_problem_by_group():
    """The same R, Q and T of the fields do not suffice."""
    problem = structured(2, 2, 20, [1.0, 1.0], [0.5, 0.5])
    W, W_teacher = weights(problem, 20, generator())
    simulate_network(problem, [0, 1.0], rng=generator(), weights=(W, W_teacher))
    with pytest.raises(InputError, match=r"but have Q_group\[0,0,0\] = "):
        simulate_network(problem, [0, 1.0], rng=generator(), weights=(W[:, ::-1], W_teacher[:, ::-1]))


@pytest.mark.parametrize("name", ["examples", "test"])
def test_a_teacher_that_turns_is_refused(name):
    """Its vectors would stay as they are, though inputs are isotropic and it turns without examples."""
    problem = Problem(initial.prepared(2, 2, 0.2), N=20, eta=0.1, eta_v=0.0, drift=0.1)
    with pytest.raises(InputError, match=f"drift must be 0 with {name}"):
        simulate_network(problem, [0, 1.0], rng=generator(), **{name: BAD})
