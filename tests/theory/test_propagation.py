"""Propagation of fluctuations along the ODEs: propagators, the covariance, and what it is in known cases."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from stdyn import DivergenceWarning, Experiment, Problem, fluctuations, initial, integrate
from stdyn.theory.expansion import Expansion
from stdyn.theory.propagation import propagators, quadrature_points


def test_propagators_are_exact():
    """Against the exponential of the block matrix [[J, D], [0, -J^T]] (Van Loan), and quadrature; stiff J too."""
    rng = np.random.default_rng(1)
    for scale, h in ((1.0, 0.7), (8.0, 1.0), (0.01, 30.0)):
        J, D = scale * (rng.normal(size=(4, 4)) - 2 * np.eye(4)), rng.normal(size=(2, 4, 4))
        D = D + D.swapaxes(1, 2)
        Phi, Psi, constant, linear = propagators(J, D, h)
        np.testing.assert_allclose(Phi, expm(J * h), rtol=1e-9, atol=1e-12)
        for source, found in zip(D, Psi, strict=True):
            block = expm(np.block([[J, source], [np.zeros((4, 4)), -J.T]]) * h / 4)
            step, part = block[:4, :4], block[:4, 4:] @ block[:4, :4].T
            total = sum(np.linalg.matrix_power(step, n) @ part @ np.linalg.matrix_power(step, n).T for n in range(4))
            np.testing.assert_allclose(found, total, rtol=1e-6, atol=1e-9 * np.abs(total).max())
        s, weights = np.polynomial.legendre.leggauss(40)
        flow = np.array([expm(J * h * (1 + x) / 2) for x in s]) * (weights * h / 2)[:, None, None]
        np.testing.assert_allclose(constant, flow.sum(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(linear, (flow * ((1 - s) / 2)[:, None, None]).sum(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["bp", "fa"])
def test_covariance_solves_its_equation(rule):
    """K = 1, M = 2 to alpha = 30: LSODA on R, Q, v and covariance together, D anew at every step; within 2e-4."""
    problem = random_problem(1, 2, None, 3, rule, N=1000)
    alphas = np.array([0, 0.5, 3, 30.0])
    found = fluctuations(problem, alphas)
    expansion = Expansion(problem)
    w = expansion.coordinates(problem.start)
    points, L = quadrature_points(expansion, 2**12), len(w)

    def derivative(_, state):
        w, S = state[:L], state[L:].reshape(L, L)
        JS = expansion.jacobian(w) @ S
        return np.concatenate([expansion.drift(w), (JS + JS.T + expansion.diffusion(w, points).mean(axis=0)).ravel()])

    start = np.concatenate([w, np.zeros(L * L)])
    states = solve_ivp(derivative, (0, 30), start, "LSODA", alphas, rtol=1e-7, atol=1e-9).y.T
    slopes = expansion.slopes(states[:, :L])[:, :L]
    expected = slopes @ states[:, L:].reshape(-1, L, L) @ slopes.swapaxes(1, 2) / problem.N
    scale = np.sqrt(np.einsum("ai,aj->aij", *2 * [np.diagonal(expected, axis1=1, axis2=2)]))
    assert (np.abs(found.covariance - expected) <= 2e-4 * scale).all()
    assert found.covariance[-1].any()


def test_recording_does_not_change_the_prediction():
    """Other alphas in between, and an alpha = 0 that is left out, change the standard deviations by less than 1e-4."""
    problem = random_problem(2, 2, None, 1)
    one, many = fluctuations(problem, [10.0]), fluctuations(problem, np.linspace(0, 10, 41))
    for name in ("R", "Q", "v", "F", "eps_g"):
        for kind, tolerance in (("std", 1e-4), ("bias", 5e-3)):
            a, b = (getattr(getattr(each, kind), name)[-1] for each in (one, many))
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


def test_bands_close_as_n_grows():
    """std falls like 1/sqrt N and the bias like 1/N exactly; what is valid grows."""
    problem = Experiment(K=2, M=2, alpha_max=150, points=16).problem("bp")
    alphas = Experiment(alpha_max=150, points=16).alphas()
    small, large = (fluctuations(replace(problem, N=N), alphas, points=2**10) for N in (100, 10_000))
    for name in ("R", "Q", "v", "eps_g"):
        np.testing.assert_allclose(getattr(small.std, name), 10 * getattr(large.std, name), rtol=1e-12)
        np.testing.assert_allclose(getattr(small.bias, name), 100 * getattr(large.bias, name), rtol=1e-9)
    assert small.valid.sum() < large.valid.sum()
    assert (large.valid | ~small.valid).all()


def test_a_start_alone():
    """At alpha = 0 nothing has happened yet."""
    found = fluctuations(random_problem(2, 2), [0.0])
    assert not found.covariance.any()
    assert not found.bias.Q.any()
    assert found.valid.all()


def test_nothing_moves_at_perfect_learning():
    """Without noise the teacher stays where it is, and so does every copy: no fluctuations, no bias."""
    start = initial.prepared(2, 2, 1.0, 1.0)
    found = fluctuations(Problem(start, eta=0.5, eta_v=0.5), [0, 1, 10])
    assert np.abs(found.covariance).max() < 1e-25
    assert np.abs(found.bias.Q).max() < 1e-12


@pytest.mark.slow
def test_where_the_spread_is_without_bounds():
    """R = 0 to alpha = 1e5: on the saddle the spread grows like e^(lambda alpha), without end; then it is NaN."""
    start = initial.prepared(2, 2, 0.2, 0.0)
    found = fluctuations(Problem(start, eta=1.5, eta_v=0.0), [0, 10, 1e3, 1e5], points=2**8)
    assert np.isfinite(found.std.R[:2]).all()
    assert np.isnan(found.std.R[2:]).all()
    assert np.isnan(found.bias.eps_g[2:]).all()
    np.testing.assert_array_equal(found.valid, [True, True, False, False])
    assert "not valid at 2 alphas, from 1000 to 100000" in str(found)
    nothing = fluctuations(found.problem, [1e3], points=2**8)
    assert np.isnan(nothing.covariance).all()
    assert nothing.covariance.shape == (1, 9, 9)
    assert "not valid at 1 alphas" in str(nothing)


def test_a_diverged_theory_has_fluctuations_up_to_there():
    """They end where the ODEs do."""
    problem = random_problem(2, 2, activation="linear", eta=8.0, eta_v=0.0, decay_v=0.0)
    problem = replace(problem, start=replace(problem.start, v=np.ones(2)))
    alphas = np.linspace(0, 100, 101)
    with pytest.warns(DivergenceWarning):
        theory = integrate(problem, alphas)
    with pytest.warns(DivergenceWarning):
        found = fluctuations(problem, alphas, points=2**8)
    np.testing.assert_array_equal(found.alphas, theory.alphas)
    assert len(found.alphas) < 101
