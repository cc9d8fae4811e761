"""The ODEs against independently computed trajectories, exact results and their own symmetries."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from conftest import REFERENCES, random_overlaps, random_problem, reference
from scipy.integrate import solve_ivp

from stdyn import DivergenceWarning, InputError, OrderParameters, Problem, SymmetryWarning, initial, integrate
from stdyn.kernels import equations, state
from stdyn.theory import quadrature, stepping
from stdyn.theory.symmetry import Orbits, find_orbits, generators


def largest_error(trajectory, columns):
    """Over all columns of a reference: eps_g, R_i_n, Q_i_k, v_i."""
    errors = []
    for column, expected in columns.items():
        name, *entry = (column,) if column == "eps_g" else column.split("_")
        errors.append(np.abs(getattr(trajectory, name)[(slice(None), *map(int, entry))] - expected).max())
    return max(errors)


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_trajectories(name):
    """To 1e-6 at the default tolerances and 1e-8 at rtol = 1e-11."""
    problem, alphas, columns = reference(name)
    assert largest_error(integrate(problem, alphas), columns) < 1e-6
    assert largest_error(integrate(problem, alphas, rtol=1e-11), columns) < 1e-8


@pytest.mark.parametrize("method", ["LSODA", "RK45", "Radau"])
def test_other_solvers_agree(method):
    """FA with noise, K > M."""
    problem, alphas, columns = reference("fa_k3m2_noise")
    assert largest_error(integrate(problem, alphas, method=method, rtol=1e-8), columns) < 1e-5


def test_a_wrong_parameter_is_seen():
    """Negative control: eta off by 1 % is a thousand times the tolerance."""
    problem, alphas, columns = reference("fa_k3m2_noise")
    assert largest_error(integrate(replace(problem, eta=1.01 * problem.eta), alphas), columns) > 1e-3


# ---------------------------------------------------------------------------------------------------------------------
# The time grid


def test_every_grid_is_hit_exactly():
    """The solution at an alpha does not depend on which other alphas are asked for."""
    problem = random_problem(2, 2)
    fine = integrate(problem, np.linspace(0, 10, 1001))
    for alphas in ([0.0], [10.0], [0, 10], [3.33, 3.34, 7.77], np.geomspace(0.01, 10, 7)):
        trajectory = integrate(problem, alphas)
        np.testing.assert_array_equal(trajectory.alphas, alphas)
        for alpha, R in zip(trajectory.alphas, trajectory.R, strict=True):
            alone = integrate(problem, [alpha])
            np.testing.assert_allclose(R, alone.R[0], atol=1e-9)
    np.testing.assert_allclose(fine.R[333], integrate(problem, [3.33]).R[0], atol=1e-9)


def test_the_start_is_returned_as_given():
    """alpha = 0 is the start itself, alone or first of a grid."""
    problem = random_problem(3, 2, 2)
    for alphas in ([0.0], [0.0, 1.0]):
        start = integrate(problem, alphas).at(0)
        for name in "RQTv":
            np.testing.assert_array_equal(getattr(start, name), getattr(problem.start, name))


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([1, 0.5], "alphas must increase strictly, but alphas[0] = 1.0 is followed by 0.5"),
        ([0, 1, 1], "alphas must increase strictly, but alphas[1] = 1.0 is followed by 1.0"),
        ([-1, 0], "alphas must not be negative, but alphas[0] is -1"),
        ([0, np.nan], "alphas must be finite, but alphas[1] is nan"),
        ([], "alphas must not be empty"),
        (5.0, "alphas must have 1 axis, but has shape ()"),
    ],
)
def test_grids_that_cannot_be_used_are_refused(alphas, message):
    """Unsorted, repeated, negative, not finite, empty."""
    with pytest.raises(InputError, match=re.escape(message)):
        integrate(random_problem(1, 1), alphas)


def test_bad_settings_of_the_solver_are_refused():
    """Before any work starts."""
    problem = random_problem(1, 1)
    with pytest.raises(InputError, match=r"method must be one of DOP853, .*, but is 'Euler'"):
        integrate(problem, [1], method="Euler")
    with pytest.raises(InputError, match="rtol must be finite and at least 1e-13, but is 0"):
        integrate(problem, [1], rtol=0)
    with pytest.raises(InputError, match="atol must be finite and at least 1e-18, but is 0"):
        integrate(problem, [1], atol=0)


# ---------------------------------------------------------------------------------------------------------------------
# Exact results and symmetries


def test_perfect_learning_stays():
    """Q = R = T, v = v_teacher and no noise: nothing moves, for FA and BP, but by the solver's atol of 1e-11."""
    T = random_overlaps(1, 3, seed=2).T
    start = OrderParameters(T, T, T, np.ones(3), np.ones(3))
    for rule, b in (("bp", None), ("fa", [1.0, -2.0, 0.5])):
        trajectory = integrate(Problem(start, rule=rule, b=b, eta=0.3, eta_v=0.3), [0, 50])
        np.testing.assert_allclose(trajectory.R[-1], T, atol=1e-12)
        assert trajectory.eps_g[-1] < 1e-11


def test_feedback_along_a_frozen_second_layer_is_backpropagation():
    """FA with b = v and eta_v = 0 equals BP with eta_v = 0; with another b it does not."""
    bp = random_problem(3, 2, rule="bp", eta_v=0.0, decay_v=0.0)
    alphas = np.linspace(0, 20, 21)
    fa = replace(bp, rule="fa", b=bp.start.v)
    np.testing.assert_array_equal(integrate(fa, alphas).R, integrate(bp, alphas).R)
    assert np.abs(integrate(replace(fa, b=bp.start.v[::-1]), alphas).R - integrate(bp, alphas).R).max() > 0.01


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 2), (3, 2)])
def test_label_noise_leaves_the_final_error_of_goldt_et_al(K, M):
    """eps_g = sigma^2 eta (L + M/sqrt 3)/2pi, L = K - M to O(eta): 2 % off at eta = 0.01, 4 % at 0.02."""
    ratios = []
    for eta in (0.02, 0.01):
        R = np.eye(K, M) * (1 - 1e-3)
        Q = np.diag([1.0] * M + [1e-3] * (K - M))
        start = OrderParameters(R, Q, np.eye(M), np.ones(K), np.ones(M))
        theory = integrate(Problem(start, eta=eta, eta_v=0.0, sigma=0.1), [400 / eta, 500 / eta])
        expected = 0.01 * eta * (K - M + M / np.sqrt(3)) / (2 * np.pi)
        assert theory.eps_g[1] == pytest.approx(theory.eps_g[0], rel=1e-3)  # stationary
        ratios.append(theory.eps_g[1] / expected - 1)
    assert 0 < ratios[1] < 0.02
    assert ratios[0] / ratios[1] == pytest.approx(2, rel=0.1)


def test_linear_network_is_solved_exactly():
    """g(x) = x, v frozen: dR/dalpha = -eta b (v.R - v_teacher.T) is linear; against the matrix exponential."""
    from scipy.linalg import expm

    problem = random_problem(3, 2, activation="linear", eta=0.2, eta_v=0.0, decay=0.0, decay_v=0.0)
    s, b = problem.start, problem.b
    pull = -problem.eta * np.outer(b, s.v)
    force = problem.eta * np.outer(b, s.v_teacher @ s.T)
    augmented = np.block([[pull, force], [np.zeros((2, 5))]])
    for alpha in (0.5, 3.0, 10.0):
        exact = (expm(alpha * augmented) @ np.concatenate([s.R, np.eye(2)]))[:3]
        np.testing.assert_allclose(integrate(problem, [alpha]).R[0], exact, atol=1e-9)


def test_small_rates_only_rescale_time():
    """eta -> 0 at fixed eta alpha: the eta^2 term goes, so that halving eta halves the distance to the limit."""
    problem = random_problem(2, 2, sigma=0.0, decay=0.0, decay_v=0.0)
    Q = [integrate(replace(problem, eta=e, eta_v=e), [2 / e]).Q[0] for e in (0.04, 0.02, 0.01, 1e-6)]
    first, second, third = (np.abs(q - Q[3]).max() for q in Q[:3])
    assert first / second == pytest.approx(2, rel=0.1)
    assert second / third == pytest.approx(2, rel=0.05)


# ---------------------------------------------------------------------------------------------------------------------
# Symmetric starts


def test_orbits_of_the_reference_start():
    """All units alike: one R, one Q_ii, one Q_ik, one v. FA with a random b: students differ, teacher units do not."""
    alike = Problem(initial.prepared(5, 5), eta=1, eta_v=1)
    assert find_orbits(alike).free == 4
    assert (find_orbits(alike).sign == 1).all()
    b = np.random.default_rng(1).normal(size=5)
    assert find_orbits(replace(alike, rule="fa", b=b)).free == 5 + 15 + 5
    assert generators(random_problem(4, 4)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"v": [1, -1, 1]}, 4),  # a sign flip makes students alike: R, Q_ii, Q_ik, v up to sign
        ({"v": [1, 1, 2]}, 2 + 4 + 2),
        ({"v": [0, 0, 0]}, 1),  # BP cannot move: R, Q_ik and v are zero by symmetry, Q_ii is left
        ({"r": 0.1}, 2 + 2 + 1),  # specialised: R_nn, R_in, Q_ii, Q_ik, v
        ({"teacher": "graded"}, 3 + 2 + 1),
    ],
)
def test_orbits_of_other_starts(changes, expected):
    """Counted by hand for K = M = 3."""
    orbits = find_orbits(Problem(initial.prepared(3, 3, **changes), eta=1, eta_v=1))
    assert orbits.free == expected
    R_sign = orbits.sign[:9].reshape(3, 3)
    if changes.get("v") == [1, -1, 1]:
        assert (R_sign[1] == -R_sign[0]).all()


def test_a_ring_is_recognised_that_no_swap_of_two_units_keeps():
    """R circulant, Q and T circulant: only the rotation of all units together is a symmetry."""
    R = np.array([np.roll([0.3, 0.1, 0.05, 0.0], i) for i in range(4)])
    start = OrderParameters(R, np.eye(4), np.eye(4), np.ones(4), np.ones(4))
    assert find_orbits(Problem(start, eta=0.5, eta_v=0.5)).free == 4 + 3 + 1
    trajectory = integrate(Problem(start, eta=0.5, eta_v=0.5), np.linspace(0, 500, 11))
    for i in range(4):
        np.testing.assert_array_equal(trajectory.R[:, i], np.roll(trajectory.R[:, 0], i, axis=-1))


def structured_problem(seed):
    """A start whose weights are small integers, so that many symmetries, and near misses, occur; C may be singular."""
    rng = np.random.default_rng(seed)
    K, M, O = rng.integers(1, 5), rng.integers(1, 5), rng.choice([None, 2, 3])
    shape = () if O is None else (O,)

    def pick(*size):
        return rng.choice([-1.0, 0.0, 1.0], size=size, p=rng.dirichlet([1, 1, 1]))

    W = pick(K + M, rng.integers(2, 6)) / 2
    C = W @ W.T
    v, v_teacher = pick(K, *shape), pick(M, *shape)
    rule = str(rng.choice(["bp", "fa"]))
    b = pick(K, *shape) if rule == "fa" else None
    start = OrderParameters(C[:K, K:], C[:K, :K], C[K:, K:], v, v_teacher)
    return Problem(start, rule=rule, b=b, eta=0.6, eta_v=0.4, sigma=0.3, decay=0.01)


@pytest.mark.slow
def test_integration_on_orbits_is_the_plain_integration(monkeypatch):
    """400 structured starts, most of them symmetric: to alpha = 3 both agree to 1e-8; with wrong orbits they do not."""

    def error(problem):
        s = problem.start
        y = state.pack(s.R, s.Q, s.v.reshape(s.K, -1))
        plain = solve_ivp(
            lambda _, y: equations.right_hand_side(y, quadrature.parameters(problem)), (0, 3), y, "DOP853",
            rtol=1e-10, atol=1e-12,
        ).y[:, -1]  # fmt: skip
        end = integrate(problem, [3.0])
        return np.abs(state.pack(end.R[0], end.Q[0], end.v[0].reshape(s.K, -1)) - plain).max()

    problems = [structured_problem(seed) for seed in range(400)]
    symmetric = [problem for problem in problems if not find_orbits(problem).trivial]
    assert 100 < len(symmetric) < 400
    assert max(map(error, problems)) < 1e-8

    def one_sign_wrong(problem, tolerance=0.0):
        found = find_orbits(problem, tolerance)
        sign = found.sign.copy()
        sign[np.flatnonzero(sign)[-1]] *= -1
        return Orbits(found.orbit, sign)

    monkeypatch.setattr(stepping, "find_orbits", one_sign_wrong)
    assert max(map(error, symmetric[:20])) > 1e-3


def test_symmetries_that_exchange_outputs_are_kept():
    """Teacher unit n feeds output n: exchange both, and nothing changes; round-off leaves this plateau by 20,000."""
    start = OrderParameters(np.full((4, 4), 0.025), 0.2 * np.eye(4) + 0.05, np.eye(4), np.ones((4, 4)) / 4, np.eye(4))
    problem = Problem(start, eta=0.5, eta_v=0.3)
    assert find_orbits(problem).free == 4
    trajectory = integrate(problem, [1000, 30_000])
    assert (trajectory.R[:, :, :1] == trajectory.R).all()
    assert trajectory.eps_g[1] == pytest.approx(trajectory.eps_g[0], rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_symmetries_are_found_without_trying_all(seed):
    """Q a random graph, each of 24 students with 3 neighbours: units that look alike at first and are not."""
    n, rng = 24, np.random.default_rng(seed)
    A = np.zeros((n, n))
    for shift in (1, 2):  # a ring, relabelled at random, and a random perfect matching
        order = rng.permutation(n)
        pairs = zip(order, np.roll(order, -1), strict=True) if shift == 1 else order.reshape(-1, 2)
        for i, k in pairs:
            A[i, k] = A[k, i] = 1
    start = OrderParameters(np.zeros((n, 1)), 0.25 * np.eye(n) + A / 64, np.eye(1), np.ones(n), np.ones(1))
    orbits = find_orbits(Problem(start, eta=0.5, eta_v=0.5))
    assert len(np.unique(orbits.orbit[:n])) > 4


@pytest.mark.parametrize(("rule", "eta_v"), [("bp", 0.0), ("fa", 0.2)])
def test_a_symmetric_start_stays_on_its_plateau_for_ever(rule, eta_v):
    """R = 0, K = M = 5 to alpha = 20,000, where round-off alone would long have broken the symmetry; no warning."""
    b = np.random.default_rng(2).normal(size=5) if rule == "fa" else None
    problem = Problem(initial.prepared(5, 5), rule=rule, b=b, eta=0.2, eta_v=eta_v)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trajectory = integrate(problem, [1000, 20_000])
    assert (trajectory.R[:, :, :1] == trajectory.R).all()
    assert trajectory.eps_g[-1] > 0.03


def test_the_symmetric_trajectory_is_the_reduced_one():
    """Breaking the symmetry by 1e-4 (far above rounding) gives the same plateau, before it is left."""
    start = initial.prepared(3, 3)
    R = 1e-4 * np.random.default_rng(1).normal(size=(3, 3))
    nearby = integrate(Problem(replace(start, R=R), eta=0.2, eta_v=0.1), [20])
    symmetric = integrate(Problem(start, eta=0.2, eta_v=0.1), [20])
    np.testing.assert_allclose(symmetric.R, nearby.R, atol=2e-3)
    np.testing.assert_allclose(symmetric.eps_g, nearby.eps_g, atol=1e-4)


def test_a_start_symmetric_but_for_rounding_is_told_when_it_breaks():
    """A start that was computed, to 3e-15: told from which alpha that sets the trajectory, and not told before."""
    R = np.full((3, 3), 0.3)
    R[0, 0] += 3e-15  # more than single roundings, which another order of operations may or may not make
    problem = Problem(replace(initial.prepared(3, 3, q=1.0), R=R), eta=1.0, eta_v=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integrate(problem, [0, 10])
    with pytest.warns(SymmetryWarning, match=r"symmetric but for differences of .*e-15.* at alpha = "):
        integrate(problem, np.linspace(0, 30_000, 31))


# ---------------------------------------------------------------------------------------------------------------------
# Divergence


@pytest.mark.parametrize(
    "changes",
    [{"eta": 8.0, "eta_v": 0.0, "decay_v": 0.0}, {"b": [-1.0, -1.0], "eta_v": 0.0, "decay": 0.0}],
    ids=["eta", "b against v"],
)
def test_a_diverging_solution_ends_where_it_diverged_and_says_so(changes):
    """The part before is kept and right, there is no NaN in it."""
    problem = replace(random_problem(2, 2, activation="linear"), **changes)
    problem = replace(problem, start=replace(problem.start, v=np.ones(2)))
    alphas = np.linspace(0, 1000, 20_001)
    with pytest.warns(DivergenceWarning, match=r"the ODEs diverged at alpha = "):
        trajectory = integrate(problem, alphas)
    n = len(trajectory.alphas)
    assert 1 < n < len(alphas)
    np.testing.assert_array_equal(trajectory.alphas, alphas[:n])
    assert alphas[n - 1] <= trajectory.diverged_at <= alphas[n] + 1e-9
    for name in ("R", "Q", "v", "eps_g"):
        assert np.isfinite(getattr(trajectory, name)).all()
    np.testing.assert_allclose(trajectory.R[n // 2], integrate(problem, alphas[: n // 2 + 1]).R[-1], rtol=1e-6)
