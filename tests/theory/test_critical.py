"""The critical learning rate: closed forms, the whole Jacobian, and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm
from test_fixedpoints import soft_committee

from stdyn import InputError, OrderParameters, Problem, critical_eta, fixed_points, initial, simulate_reduced
from stdyn.theory.critical import _blocks
from stdyn.theory.expansion import Expansion
from stdyn.theory.fixedpoints import free_places, perfect_learning

DERIVATIVES = {
    "erf": lambda x: np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2),
    "relu": lambda x: float(x > 0),
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "gelu": lambda x: norm.cdf(x) + x * norm.pdf(x),
}


def closed(K, activation):
    """eta_c of an isotropic soft committee by one-dimensional quadrature.

    Delta = sum_j g'(y_j) x_j across the teacher's space, so dQ/dalpha = -eta (A Q + Q A) + eta^2 H[Q] with A_ij =
    <g'_i g'_j> and H_ik = sum_jl <g'_i g'_k g'_j g'_l> Q_jl. By symmetry it is enough to apply this to one Q of
    each irreducible part: in the span of I and the matrix of ones; of those of u = (1, -1, 0...); and u' u^T.
    """
    g = DERIVATIVES[activation]
    m = [sum(quad(lambda x, p=p: g(x) ** p * norm.pdf(x), *to, epsabs=1e-14)[0] for to in ((-12, 0), (0, 12)))
         for p in range(5)]  # fmt: skip

    def moment(*units):
        return np.prod([m[units.count(unit)] for unit in set(units)])

    A = np.full((K, K), m[1] ** 2) + (m[2] - m[1] ** 2) * np.eye(K)

    def square(Q):
        there = np.argwhere(Q)
        return np.array([[sum(moment(i, k, j, l) * Q[j, l] for j, l in there) for k in range(K)] for i in range(K)])

    one, u = np.ones(K), np.eye(K)[0] - (np.eye(K)[1] if K > 1 else 0)
    spans = [[np.eye(K), np.outer(one, one) - np.eye(K)]]
    if K > 1:
        spans.append([np.diag(u), np.outer(u, one) + np.outer(one, u) - 2 * np.diag(u)])
    if K > 3:
        w = np.eye(K)[2] - np.eye(K)[3]
        spans.append([np.outer(u, w) + np.outer(w, u)])
    parts = []
    for span in spans:
        basis = np.array([Q.ravel() for Q in span if Q.any()]).T
        images = [np.array([(of(Q)).ravel() for Q in span if Q.any()]).T for of in (lambda Q: -A @ Q - Q @ A, square)]
        parts.append([np.linalg.lstsq(basis, image)[0] for image in images])

    def growth(eta):
        return max(np.linalg.eigvals(linear + eta * square).real.max() for linear, square in parts)

    return brentq(growth, 0.01, 10, xtol=1e-14)


@pytest.mark.parametrize("K", [1, 2, 3, 6])
def test_critical_eta_of_an_isotropic_committee(K):
    """1e-9 for erf; ReLU 1e-6, tanh as its sum of erfs 1e-6; the same if the second layer learns."""
    for activation, digits in (("erf", 1e-9), ("relu", 1e-6), ("tanh", 1e-6)):
        for eta_v in (0.0, 0.3):
            problem = soft_committee(K, 1.0, activation=activation, eta_v=eta_v)
            assert critical_eta(problem) == pytest.approx(closed(K, activation), rel=digits)


def test_critical_eta_by_quadrature():
    """GELU, K = 2: within the error of its points, 0.3 %."""
    assert critical_eta(soft_committee(2, 1.0, activation="gelu")) == pytest.approx(closed(2, "gelu"), rel=3e-3)


def test_critical_eta_of_twenty_units():
    """The block is no larger than at K = 4, and the value that of the closed form."""
    problem = soft_committee(20, 1.0)
    (block,) = _blocks(replace(problem, start=perfect_learning(problem)))
    assert len(block.linear) == 17
    assert critical_eta(problem) == pytest.approx(closed(20, "erf"), rel=1e-9)


def problems():
    """With a symmetry of another kind each: of all units, of classes, of pairs, of signs alone, of outputs, none."""
    rng = np.random.default_rng(1)
    W, V = rng.standard_normal((4, 6)) / 6**0.5, rng.standard_normal((3, 2))
    pairs = np.kron(np.eye(2), [[1, 0.3], [0.3, 1]])
    for rates in ({"eta": 1.0, "eta_v": 0.0}, {"eta": 1.0, "eta_v": 0.4}):
        yield soft_committee(4, 1.0, eta_v=rates["eta_v"])
        yield soft_committee(4, 1.0, "fa", [1.0, 0.6, 0.6, -0.6], eta_v=rates["eta_v"])
        for T in (np.diag([1.0, 1, 2, 2, 2]), pairs, W @ W.T):
            yield Problem(initial.prepared(len(T), len(T), 0.2, 0.0, T), **rates)
        for weights in (V, np.eye(3, 2), np.eye(2)):
            yield Problem(initial.prepared(*[len(weights)] * 2, 0.2, 0.0, v=weights, v_teacher=weights), **rates)


@pytest.mark.parametrize("problem", list(problems()), ids=lambda problem: f"{problem.rule}{problem.start.v.shape}")
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_blocks_have_the_eigenvalues_of_the_whole_jacobian(problem, activation):
    """Each has one of the others within 1e-8 (ReLU, by differences at its singularity, 1e-4), at two eta."""
    problem = replace(problem, activation=activation)
    problem = replace(problem, start=perfect_learning(problem))
    free, blocks = free_places(problem), list(_blocks(problem))
    for eta in (0.5, 3.0):
        expansion = Expansion(replace(problem, eta=eta))
        whole = np.linalg.eigvals(expansion.jacobian(expansion.coordinates(problem.start))[np.ix_(free, free)]) / eta
        parts = np.concatenate([
            np.linalg.eigvals(block.constant / eta + block.linear + eta * block.square) for block in blocks
        ])  # fmt: skip
        apart = np.abs(whole[:, None] - parts)
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < (1e-8 if activation == "erf" else 1e-4)


@pytest.mark.parametrize("T", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("v", "b"), [(1.0, None), (2.0, None), (2.0, 0.7)])
@pytest.mark.parametrize("eta_v", [0.0, 0.4])
def test_critical_eta_of_one_unit(T, v, b, eta_v):
    """pi sqrt((1 + 4T)/(1 + 2T)) / (b v), b = v for BP (docs/theory.md, section 9), within 1e-9."""
    start = initial.prepared(1, 1, 0.2, 0.0, [[T]], v, v)
    problem = Problem(start, rule="bp" if b is None else "fa", b=None if b is None else [b], eta=1.0, eta_v=eta_v)
    expected = np.pi * np.sqrt((1 + 4 * T) / (1 + 2 * T)) / ((v if b is None else b) * v)
    assert critical_eta(problem) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("K", "rule", "b"), [(1, "bp", None), (2, "bp", None), (2, "fa", [1.0, 0.6])])
def test_simulations_on_both_sides_of_the_critical_eta(K, rule, b):
    """N = 10000, from 1e-6 beside perfect learning, to alpha = 30: learned below, unlearned above, by all 32 runs.

    10 % below and above it: eps_g falls below a tenth, and rises above ten times the start's. Rates differ by O(1/N).
    """
    problem = soft_committee(K, 1.0, rule, b)
    eta = critical_eta(problem)
    assert fixed_points(replace(problem, eta=0.999 * eta), [perfect_learning(problem)])[0].kind == "stable"
    assert fixed_points(replace(problem, eta=1.001 * eta), [perfect_learning(problem)])[0].kind == "saddle"
    start = replace(problem.start, R=np.eye(K), Q=(1 + 1e-6) * np.eye(K))
    changes = {}
    for factor in (0.9, 1.1):
        near = replace(problem, start=start, eta=factor * eta, N=10_000)
        runs = simulate_reduced(near, [0, 30], 32, rng=np.random.default_rng(1))
        changes[factor] = runs.eps_g[:, 1] / runs.eps_g[:, 0]
    assert (changes[0.9] < 0.1).all()
    assert (changes[1.1] > 10).all()


def test_critical_eta_where_there_is_none():
    """Against the feedback perfect learning is unstable at every eta; and noise or K != M leave none to ask for."""
    assert critical_eta(soft_committee(2, 1.0, "fa", [1.0, -1.0])) == 0
    assert 0 < critical_eta(soft_committee(2, 1.0, "fa", [1.0, -1.0], eta_v=0.5)) < np.inf
    with pytest.raises(InputError, match="sigma must be 0 for perfect learning"):
        critical_eta(soft_committee(2, 1.0, sigma=0.1))
    with pytest.raises(InputError, match="perfect learning needs K = M, but K = 3 and M = 2"):
        critical_eta(Problem(initial.prepared(3, 2), eta=1.0, eta_v=0.0))
    with pytest.raises(InputError, match="v must be ± v_teacher where it is frozen"):
        critical_eta(Problem(initial.prepared(2, 2, v=[1.0, 0.5]), eta=1.0, eta_v=0.0))
    with pytest.raises(InputError, match="at must be a fixed point at every eta"):
        critical_eta(soft_committee(2), initial.prepared(2, 2, 0.2, 0.1))


def test_critical_eta_at_a_given_state():
    """K = 3, M = 2: the third student silent (v_3 = 0, w_3 = 0) is a fixed point with zero modes; it has one, too."""
    state = OrderParameters(np.eye(3, 2), np.diag([1.0, 1, 0]), np.eye(2), [1.0, 1, 0], [1.0, 1])
    problem = Problem(state, eta=1.0, eta_v=0.3)
    assert critical_eta(problem, state) == pytest.approx(critical_eta(soft_committee(2)), rel=1e-8)


def test_wrong_input_is_named():
    """The argument and what was expected."""
    problem = soft_committee(2)
    with pytest.raises(InputError, match="at must have the problem's teacher and shapes, but T differs"):
        critical_eta(problem, initial.prepared(2, 2, 1.0, 1.0, "graded"))
    with pytest.raises(InputError, match="at must be OrderParameters, but is or contains str"):
        critical_eta(problem, "x")
