"""Simulations of other activations than erf held to their theory."""

from dataclasses import replace

import numpy as np
import pytest
from own_activations import ERF, HARD, SHIFTED, SIGN, specialising

from stdyn import compare, fluctuations, integrate, simulate_network, simulate_reduced

CASES = [
    pytest.param(specialising(3, 2, activation="relu"), "gelu", id="relu, fa, K > M"),
    pytest.param(specialising(2, 3, 2, rule="bp", activation="relu"), "gelu", id="relu, bp, two outputs, K < M"),
    pytest.param(specialising(2, 3, activation="tanh"), "erf", id="tanh, fa, K < M"),
    pytest.param(specialising(3, 2, rule="bp", activation="tanh"), "erf", id="tanh, bp, K > M"),
    pytest.param(specialising(2, 3, activation="linear"), "tanh", id="linear, fa"),
    pytest.param(specialising(3, 2, activation="gelu"), "relu", id="gelu, fa, K > M"),
    pytest.param(specialising(2, 3, 2, rule="bp", activation="gelu"), "relu", id="gelu, bp, two outputs, K < M"),
    pytest.param(specialising(3, 2, activation=SHIFTED), "sigmoid", id="shifted sigmoid, fa"),
    pytest.param(specialising(2, 1, rule="bp", activation=SHIFTED), "sigmoid", id="shifted sigmoid, bp"),
    pytest.param(specialising(2, 1, eta=0.05, activation="square"), "hermite2", id="square, fa"),
    pytest.param(specialising(1, 2, rule="bp", eta=0.05, activation="square"), "linear", id="square, bp"),
    pytest.param(specialising(2, 1, activation="hermite3", eta=0.1, N=5000), "erf", id="hermite3, fa"),
    pytest.param(specialising(1, 2, rule="bp", activation="hermite3", eta=0.1, N=5000), "erf", id="hermite3, bp"),
    pytest.param(specialising(3, 2, activation="relu", activation_teacher="erf"), "tanh", id="relu of erf, fa"),
    pytest.param(specialising(2, 3, activation=HARD, activation_teacher=SIGN), "erf", id="hard tanh of sign, fa"),
    pytest.param(specialising(2, 3, rule="bp", activation="erf", activation_teacher="tanh"), "tanh", id="erf of tanh"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "other"), CASES)
def test_mean_of_runs_follows_the_odes(problem, other):
    """256 reduced runs at N = 2000: false alarm 1e-6 a case, bias 5/N; eta off by 20 % and another g do not agree."""
    alphas = np.array([0, 0.5, 1, 3, 6, 10])
    runs = simulate_reduced(problem, alphas, runs=256, rng=np.random.Generator(np.random.SFC64(3)))
    settings = {"false_alarm": 1e-6, "bias": 5}
    assert compare(runs, integrate(problem, alphas), **settings).agrees
    for wrong in (replace(problem, eta=1.2 * problem.eta), replace(problem, activation=other, activation_teacher=None)):
        assert not compare(runs, integrate(wrong, alphas), **settings).agrees


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh", SHIFTED])
def test_network_and_reduced_runs_have_one_law(activation):
    """Means of 128 runs each at N = 100 within 5 standard errors of their difference; false alarm 1e-5 a case."""
    problem = specialising(2, 2, activation=activation, N=100)
    both = [f(problem, [1.0, 4.0], 128, rng=np.random.default_rng(4)) for f in (simulate_network, simulate_reduced)]
    for name in ("R", "Q", "v"):
        one, other = (getattr(runs, name) for runs in both)
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 128)
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 5.5 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_fluctuations_predict_the_spread_of_runs(activation):
    """2000 reduced runs at N = 2000: standard deviations within 10 % + 5 s.e.; those of N = 4000 are not."""
    problem = specialising(1, 1, activation=activation, eta=0.3, N=2000)
    alphas = [1.0, 4.0]
    runs = simulate_reduced(problem, alphas, 2000, rng=np.random.default_rng(2))
    ours, wrong = (fluctuations(replace(problem, N=N), alphas, points=2**10) for N in (2000, 4000))
    assert ours.valid.all()
    for name in ("R", "Q", "v", "eps_g"):
        seen = getattr(runs, name).std(axis=0)
        allowed = (0.1 + 5 / np.sqrt(4000)) * seen
        assert (np.abs(getattr(ours.std, name) - seen) < allowed).all()
        assert (np.abs(getattr(wrong.std, name) - seen) > allowed).all()


@pytest.mark.slow
def test_the_error_of_quadrature_is_part_of_the_comparison():
    """A theory whose points are few is held to runs with the error they make: it agrees, and says so."""
    exact = specialising(2, 2, activation="erf", N=10_000)
    alphas = np.linspace(0, 3, 7)
    runs = simulate_reduced(exact, alphas, runs=256, rng=np.random.default_rng(1))
    theory = integrate(replace(exact, activation=ERF, quadrature=2**11), alphas)
    comparison = compare(replace(runs, problem=theory.problem), theory, false_alarm=1e-4)
    assert comparison.agrees
    assert "quadrature" in comparison.notes[-1]
    bare = compare(replace(runs, problem=theory.problem), replace(theory, error=None), false_alarm=1e-4)
    for name in ("R", "Q", "v"):
        assert (comparison.standard_error[name] >= bare.standard_error[name]).all()
    assert comparison.standard_error["Q"][-1].max() > 1.001 * bare.standard_error["Q"][-1].max()


def test_an_unknown_error_leaves_alphas_out():
    """Where a set of points has ended early there is no error of the theory: said, and not held to."""
    problem = specialising(2, 2, activation=SHIFTED, quadrature=2**11)
    alphas = [0.5, 1.0, 2.0]
    theory = integrate(problem, alphas)
    error = {
        name: np.where(np.arange(3).reshape(-1, *[1] * (e.ndim - 1)) == 2, np.nan, e)
        for name, e in theory.error.items()
    }
    runs = simulate_reduced(problem, alphas, 32, rng=np.random.default_rng(1))
    comparison = compare(runs, replace(theory, error=error))
    np.testing.assert_array_equal(comparison.alphas, runs.alphas[:2])
    assert comparison.notes[-1] == "left out, as the error of quadrature is not known there: all from alpha = 2"
