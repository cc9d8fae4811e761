"""What is read off trajectories and order parameters: cosines, errors, when they are small and how fast they fall."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import NUMPY_FUNCTIONS, random_overlaps, random_problem
from protocols import ALPHAS, PROBLEMS

from stdyn import InputError, OrderParameters, Problem, fixed_points, initial, integrate, simulate_reduced, weights

THEORY = integrate(random_problem(2, 3, seed=1), [0, 1, 2])
RUNS = simulate_reduced(random_problem(2, 3, seed=1), [0, 1, 2], 3, rng=1)


def of_curves(alphas, eps_g):
    """A trajectory, or an ensemble, whose generalization error is given."""
    alphas, eps_g = np.asarray(alphas, dtype=float), np.asarray(eps_g, dtype=float)
    like = THEORY if eps_g.ndim == 1 else RUNS
    arrays = {
        name: np.broadcast_to(np.take(values, 0, like.R.ndim - 3), (*eps_g.shape, *block.shape)).copy()
        if eps_g.ndim == 1
        else np.broadcast_to(values[0, 0], (*eps_g.shape, *block.shape)).copy()
        for (name, values), block in zip(like.order_parameters.items(), like.problem.layout.blocks, strict=True)
    }
    return replace(like, alphas=alphas, eps_g_read=eps_g, error=None, diverged_at=None, **arrays)


# ---------------------------------------------------------------------------------------------------------------------
# Cosines and errors of a state


@pytest.mark.parametrize("O", [None, 3])
def test_cosines_are_those_of_the_vectors(O):
    """Of weights that have the overlaps; of a trajectory at every alpha and of every run."""
    state = random_overlaps(3, 2, O)
    W, W_teacher = weights(state, 40, 1)
    lengths = np.outer(np.linalg.norm(W, axis=1), np.linalg.norm(W_teacher, axis=1))
    np.testing.assert_allclose(state.cosines, W @ W_teacher.T / lengths, atol=1e-13)
    assert THEORY.cosines.shape == (3, 2, 3)
    np.testing.assert_array_equal(THEORY.cosines[2], THEORY.at(2).cosines)
    np.testing.assert_array_equal(RUNS.cosines[1, 2], RUNS.at(2, run=1).cosines)


def test_a_vector_without_length_has_no_cosine():
    """0; NaN of a diverged run stays; what cannot be written to is not."""
    state = OrderParameters([[0.0, 0.0], [0.0, 0.5]], [[0.0, 0.0], [0.0, 1.0]], np.eye(2), [1, 1], [1, 1])
    np.testing.assert_array_equal(state.cosines, [[0, 0], [0, 0.5]])
    gone = {name: values.copy() for name, values in RUNS.order_parameters.items()}
    for values in gone.values():
        values[1, 2] = np.nan
    gone = replace(RUNS, diverged_at=np.array([np.inf, 1.5, np.inf]), **gone)
    assert np.isnan(gone.cosines[1, 2]).all()
    assert np.isfinite(gone.cosines[[0, 2]]).all()
    with pytest.raises(ValueError, match="read-only"):
        gone.cosines[0] = 0


@pytest.mark.parametrize("names", [("erf", None), ("relu", None), ("erf", "tanh"), ("gelu", None), ("square", "erf")])
@pytest.mark.parametrize("O", [None, 2])
def test_the_error_of_a_state_is_the_mean_over_inputs(O, names):
    """Of half a million of them, with weights that have the overlaps: five standard errors."""
    state = random_overlaps(2, 3, O, seed=3)
    W, W_teacher = weights(state, 8, 1)
    xi = np.random.default_rng(2).standard_normal((500_000, 8))
    student, teacher = (NUMPY_FUNCTIONS[name][0] for name in (names[0], names[1] or names[0]))
    delta = student(xi @ W.T) @ state.v.reshape(2, -1) - teacher(xi @ W_teacher.T) @ state.v_teacher.reshape(3, -1)
    squares = 0.5 * (delta**2).sum(axis=1)
    error = state.eps_g(*names)
    assert type(error) is float
    assert abs(squares.mean() - error) < 5 * squares.std() / np.sqrt(len(squares))
    wrong = state.eps_g("linear", names[1])
    assert abs(squares.mean() - wrong) > 5 * squares.std() / np.sqrt(len(squares))


@pytest.mark.parametrize("activation", ["erf", "relu", "gelu"])
def test_the_error_of_a_state_is_that_of_the_trajectory(activation):
    """At any alpha and of any run; of the activation that the problem has."""
    theory = integrate(random_problem(2, 2, 2, activation=activation, quadrature=2**11), [0, 1])
    assert theory.at(1).eps_g(activation) == pytest.approx(theory.eps_g[1], rel=1e-12)
    assert RUNS.at(1, run=2).eps_g() == pytest.approx(RUNS.eps_g[2, 1], rel=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# When an error is below a level


@pytest.mark.parametrize("alphas", [np.linspace(0, 20, 11), np.linspace(3, 20, 7), np.geomspace(0.1, 20, 9)])
def test_a_level_is_met_where_an_exponential_meets_it(alphas):
    """0.3 e^(-0.4 alpha), at any grid and any level: ln(0.3 / level) / 0.4."""
    theory = of_curves(alphas, 0.3 * np.exp(-0.4 * alphas))
    for level in (0.08, 0.01, 1e-3):
        assert theory.alpha_below(level) == pytest.approx(np.log(0.3 / level) / 0.4, rel=1e-12)
    assert type(theory.alpha_below(0.01)) is float


def test_levels_that_are_met_at_once_or_never():
    """The first alpha; infinity, also of no alphas and of runs that diverged before; a zero is below every level."""
    alphas = np.array([1.0, 2, 3, 4])
    runs = of_curves(alphas, [[0.1, 0.2, 0.3, 0.4], [2, 2, 2, 2], [2, np.nan, np.nan, np.nan], [2, 0.5, 0, 0]])
    np.testing.assert_array_equal(runs.alpha_below(0.1), [1, np.inf, np.inf, runs.alpha_below(0.1)[3]])
    assert 2 < runs.alpha_below(0.1)[3] < 3
    assert runs.alpha_below(1e-300)[3] == 3
    np.testing.assert_array_equal(runs.alpha_below(0.5)[[0, 3]], [1, 2])
    np.testing.assert_array_equal(of_curves([], np.empty((4, 0))).alpha_below(1), [np.inf] * 4)
    with pytest.raises(ValueError, match="read-only"):
        runs.alpha_below(0.1)[0] = 0


def test_an_error_that_rises_again_counts_once():
    """The first time, as of a task that is forgotten; what comes back from NaN has no line to it."""
    alphas = np.arange(5.0)
    curves = np.array([[4, 1, 4, 1, 1], [4, 4, 4, 1, 1], [np.inf, 1, 4, 1, 1], [np.nan, 1, 4, 1, 1]])
    found = of_curves(alphas, curves).alpha_below(2.0)
    np.testing.assert_allclose(found, [0.5, 2.5, 1, 1])


def test_errors_of_tasks_and_on_examples_have_their_levels():
    """Of each task alone, in every run; on test examples where there are any."""
    problem = PROBLEMS["a head each"]
    theory, runs = integrate(problem, ALPHAS), simulate_reduced(problem, ALPHAS, 3, rng=1)
    level = float(np.sqrt(theory.eps_g_per_task[0] * theory.eps_g_per_task[-1]).min())
    for trajectory, shape in ((theory, (2,)), (runs, (3, 2))):
        for name in ("alpha_below", "decay_rate"):
            arguments = (level,) if name == "alpha_below" else (0.5,)
            found = getattr(trajectory, name)(*arguments, what="eps_g_per_task")
            assert found.shape == shape
            for where in np.ndindex(shape):
                curve = trajectory.eps_g_per_task[(*where[:-1], slice(None), where[-1])]
                assert getattr(of_curves(trajectory.alphas, curve), name)(*arguments) == pytest.approx(found[where])
    with_test = replace(runs, eps_g_test=runs.eps_g * 2)
    np.testing.assert_allclose(with_test.alpha_below(2 * level, "eps_g_test"), runs.alpha_below(level))
    with pytest.raises(InputError, match="what must be one of eps_g, eps_g_per_task, but is 'eps_g_test'"):
        runs.alpha_below(level, "eps_g_test")


# ---------------------------------------------------------------------------------------------------------------------
# How fast an error falls


@pytest.mark.parametrize("last", [0.0, 0.2, 0.5, 1.0])
def test_the_rate_of_an_exponential_is_found(last):
    """Whatever part it is fitted to; of a sum of two only at the end."""
    alphas = np.linspace(2, 50, 61)
    runs = of_curves(alphas, [0.3 * np.exp(-0.4 * alphas), 1e-9 * np.exp(0.1 * alphas), np.full(61, 0.2)])
    np.testing.assert_allclose(runs.decay_rate(last), [0.4, -0.1, 0], atol=1e-12)
    assert type(of_curves(alphas, 0.3 * np.exp(-0.4 * alphas)).decay_rate(last)) is float


def test_the_rate_is_that_of_the_last_part():
    """Of a curve that changes its rate at alpha = 80: of the last fifth of 0 … 100 the later one, of more a mixture."""
    alphas = np.linspace(0, 100, 201)
    late = of_curves(alphas, np.exp(-0.1 * np.minimum(alphas, 80) - 0.3 * np.maximum(alphas - 80, 0)))
    assert late.decay_rate() == pytest.approx(0.3, rel=1e-12)
    assert late.decay_rate(0.1) == pytest.approx(0.3, rel=1e-12)
    assert 0.1 < late.decay_rate(0.6) < 0.3
    assert late.sel(alpha=slice(0, 80)).decay_rate() == pytest.approx(0.1, rel=1e-12)


def test_few_alphas_at_the_end():
    """Three are taken at least, if there are as many: of logarithmic ones the last fifth may have one."""
    alphas = np.array([1.0, 10, 100, 1000])
    curve = np.exp(-0.01 * alphas)
    assert of_curves(alphas, curve).decay_rate(0.01) == pytest.approx(0.01)
    assert of_curves(alphas[:2], curve[:2]).decay_rate() == pytest.approx(0.01)
    assert np.isnan(of_curves(alphas[:1], curve[:1]).decay_rate())
    assert np.isnan(of_curves([], np.empty((2, 0))).decay_rate()).all()


def test_errors_without_a_logarithm_have_no_rate():
    """NaN: zero at the end, diverged, infinite; the others have theirs."""
    alphas = np.linspace(0, 10, 41)
    curves = np.tile(np.exp(-alphas), (4, 1))
    curves[0, -1], curves[1, 30:], curves[2, -2] = 0, np.nan, np.inf
    np.testing.assert_allclose(of_curves(alphas, curves).decay_rate(), [np.nan, np.nan, np.nan, 1])


def test_the_rate_of_a_solution_is_that_of_the_linearised_equations():
    """Twice the slowest rate at perfect learning, as eps_g is of second order in the modes that are slowest here."""
    problem = Problem(initial.prepared(2, 2, r=0.2), eta=0.5, eta_v=0.0)
    theory = integrate(problem, np.linspace(0, 320, 321))
    perfect = fixed_points(problem, [initial.prepared(2, 2, q=1.0, r=1.0)])[0]
    slowest = -perfect.eigenvalues.real.max()
    assert perfect.eps_g < 1e-12
    assert theory.decay_rate(0.1) == pytest.approx(2 * slowest, rel=5e-3)
    assert theory.decay_rate(0.1) != pytest.approx(slowest, rel=0.5)
