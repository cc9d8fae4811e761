"""Fixed points and their spectra: exact results and the ODEs themselves."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import textbook
from conftest import random_problem

from stdyn import InputError, NothingFoundWarning, OrderParameters, Problem, fixed_points, initial, integrate
from stdyn.kernels import equations
from stdyn.theory import quadrature
from stdyn.theory.fixedpoints import fixed_point
from stdyn.theory.symmetry import equivalent


def soft_committee(K, eta=0.5, rule="bp", b=None, **more):
    """K = M, T = 1, v = v_teacher = 1, frozen unless eta_v is given."""
    return Problem(initial.prepared(K, K, 0.2, 0.0), rule=rule, b=b, **{"eta": eta, "eta_v": 0.0} | more)


def perfect(signs, order=None):
    """Every student is a teacher unit, with these signs, in this order."""
    signs, K = np.array(signs, dtype=float), len(signs)
    R = np.diag(signs)[:, list(order or range(K))]
    return OrderParameters(R, np.eye(K), np.eye(K), signs, np.ones(K))


@pytest.fixture(scope="module")
def found():
    """What is found for a soft committee of two, by the rule and whether the second layer learns."""
    rng = np.random.default_rng(1)
    problems = {
        (rule, eta_v): soft_committee(2, 0.5, rule, None if rule == "bp" else [1.0, 0.5], eta_v=eta_v)
        for rule in ("bp", "fa") for eta_v in (0.0, 0.5)
    }  # fmt: skip
    return {key: fixed_points(problem, number_of_starts=100, rng=rng) for key, problem in problems.items()}


@pytest.mark.parametrize("K", range(2, 9))
def test_symmetric_plateau_of_saad_and_solla(K):
    """As eta -> 0: Q_ik = 1/(2K-1), R_in = 1/sqrt(K(2K-1)), eps_g = K/pi (pi/6 - K asin(1/2K)), to 1e-10.

    From a start 5 % off, with equal students. At eta = 0.001 it is off by something linear in eta.
    """
    Q, R = 1 / (2 * K - 1), 1 / np.sqrt(K * (2 * K - 1))
    start = OrderParameters(np.full((K, K), 0.95 * R), np.full((K, K), Q), np.eye(K), np.ones(K), np.ones(K))
    point = fixed_point(soft_committee(K, 1e-12), start)
    np.testing.assert_allclose(point.state.Q, Q, rtol=0, atol=1e-10)
    np.testing.assert_allclose(point.state.R, R, rtol=0, atol=1e-10)
    assert abs(point.eps_g - K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K)))) < 1e-10
    assert point.kind == "saddle"
    one, two = (fixed_point(soft_committee(K, eta), start).state.R[0, 0] - R for eta in (1e-3, 2e-3))
    assert two / one == pytest.approx(2, rel=0.02)


def parting(point):
    """By how much the students differ: Q_11 - Q_12, in units of eta."""
    return (point.state.Q[0, 0] - point.state.Q[0, 1]) / point.problem.eta


@pytest.mark.parametrize("K", [2, 3, 5])
def test_symmetric_saddles_at_small_eta(K):
    """Equal students, and students that differ by O(eta): eps_g = that at eta -> 0 + O(eta), from 1e-6 to 1e-2.

    From the very point of Saad and Solla, at 5 % and 20 % from it, and with Q_across 10 eta. The slope in eta, and
    (Q_11 - Q_12)/eta at the second saddle, do not depend on eta, within O(eta) and what rounding leaves.
    """
    Q, R = 1 / (2 * K - 1), 1 / np.sqrt(K * (2 * K - 1))
    exact = K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K)))
    slopes, partings = [], []
    for eta in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        problem = soft_committee(K, eta)
        for factor in (1.0, 0.95, 0.8):
            R_start, Q_start = np.full((K, K), factor * R), np.full((K, K), Q)
            near = OrderParameters(R_start, Q_start, np.eye(K), np.ones(K), np.ones(K))
            equal = fixed_point(problem, near)
            apart = fixed_point(problem, replace(near, Q=Q_start + 10 * eta * np.eye(K)))
            for point in (equal, apart):
                np.testing.assert_allclose(point.state.R, R, rtol=0, atol=2 * eta)
                assert point.kind == "saddle"
            slopes.append((equal.eps_g - exact) / eta)
            assert parting(equal) == 0
            partings.append(parting(apart))
    assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=0.03)
    assert partings == pytest.approx([partings[-1]] * len(partings), rel=0.1)
    assert partings[0] > 0.05


@pytest.mark.parametrize("eta", [1e-5, 1e-3, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("rule", "b", "more"),
    [("bp", None, {}), ("bp", None, {"eta_v": 0.1}), ("fa", [1.0, 0.5], {}), ("bp", None, {"activation": "tanh"})],
)
def test_the_saddle_of_equal_students_is_always_found(rule, b, more, eta):
    """Without a random start, and whatever eta: R_in the same for all n, and unstable; K = M = 2."""
    if "eta_v" in more:
        more = {"eta_v": eta}
    points = fixed_points(soft_committee(2, eta, rule, b, **more), number_of_starts=0, rng=np.random.default_rng(1))
    assert any(point.kind == "saddle" and np.ptp(point.state.R, axis=1).max() < 1e-9 for point in points)


def test_equal_students_stay_equal():
    """K = M = 5, eta = 1: their saddle is unstable to parting, but ODEs from equal students keep them so, exactly."""
    equal = OrderParameters(np.full((5, 5), 0.15), np.full((5, 5), 0.12), np.eye(5), np.ones(5), np.ones(5))
    apart = replace(equal, Q=equal.Q + 1e-9 * np.eye(5))
    with_it, without = (
        integrate(replace(soft_committee(5, 1.0), start=start), [0, 300, 1000], "LSODA").Q for start in (equal, apart)
    )
    assert (np.ptp(with_it, axis=(1, 2)) == 0).all()
    assert np.ptp(without[-1]) > 0.1
    opposite = OrderParameters(
        np.outer([1, -1], [0.3, 0.3]), 0.2 * np.outer([1, -1], [1, -1]), np.eye(2), [1.0, -1.0], [1.0, 1.0]
    )
    end = integrate(replace(soft_committee(2, 1.0), start=opposite), [0, 1000], "LSODA")
    assert end.Q[1, 0, 0] == end.Q[1, 1, 1] == -end.Q[1, 0, 1]
    different = replace(soft_committee(2, 1.0, "fa", [1.0, 0.5]), start=equal_pair())
    assert np.ptp(integrate(different, [0, 10]).Q[1]) > 1e-3


def equal_pair():
    """Two equal students of two teacher units."""
    return OrderParameters(np.full((2, 2), 0.3), np.full((2, 2), 0.2), np.eye(2), np.ones(2), np.ones(2))


def test_why_nothing_is_found():
    """The warning counts how the searches ended: noise so strong that there is no fixed point."""
    hopeless = soft_committee(2, 20.0, sigma=3.0)
    with pytest.warns(NothingFoundWarning, match=r"no fixed point was found from 6 starts: [1-6] ") as said:
        assert fixed_points(hopeless, number_of_starts=2, rng=np.random.default_rng(1)) == []
    (message,) = [str(each.message) for each in said]
    counts = [int(part.split()[0]) for part in message.split(": ")[1].split(", ")]
    assert sum(counts) == 6
    with pytest.warns(NothingFoundWarning, match="from 0 starts"):
        assert fixed_points(hopeless, []) == []


def test_they_are_fixed_points(found):
    """dR, dQ and dv of the textbook vanish there to 1e-12; they are sorted, and their weights exist."""
    for points in found.values():
        assert len(points) >= 2
        for point in points:
            y = point.problem.layout.pack(point.state.order_parameters)
            assert np.abs(textbook.rhs(point.problem, y)).max() < 1e-12
        errors = [point.eps_g for point in points]
        assert errors == sorted(errors)


def test_what_backpropagation_has(found):
    """K = M = 2: perfect learning is stable, the symmetric plateau a saddle with one unstable direction."""
    for eta_v in (0.0, 0.5):
        points = found["bp", eta_v]
        assert points[0].eps_g < 1e-15
        assert points[0].kind == "stable"
        assert points[0].escape_time(0.01) == np.inf
        saddle = points[1]
        assert saddle.unstable == 1
        assert saddle.zero_modes == 0
        np.testing.assert_allclose(np.ptp(np.abs(saddle.state.R)), 0, atol=1e-11)
        weights = np.abs(saddle.eigenvectors[:4, 0].real)
        np.testing.assert_allclose(weights, 0.5, atol=1e-6)
        assert saddle.moves().count("R_") == 4
    assert [round(point.eps_g, 6) for point in found["bp", 0.0][:3]] == [0, 0.014645, 0.014677]
    assert found["bp", 0.0][2].unstable == 3  # equal students: they may also part


def test_what_feedback_alignment_has_instead(found):
    """b = (1, 0.5): the plateau lies elsewhere, and of the perfect solutions those with v_i b_i < 0 are saddles.

    Both layers: the four signs of (w_i, v_i) are images of one point under BP, and stable; under FA they are four
    points of eps_g = 0, of which the one aligned with b is stable. v frozen and b_2 < 0: perfect learning is a saddle.
    """
    saddle = found["fa", 0.0][1]
    assert saddle.eps_g == pytest.approx(0.0136295, abs=1e-7)
    assert saddle.unstable == 1
    unstable = {}
    for rule, b in (("bp", None), ("fa", [1.0, 0.5])):
        problem = soft_committee(2, 0.5, rule, b, eta_v=0.5)
        starts = [perfect(signs) for signs in product((1, -1), repeat=2)]
        points = fixed_points(problem, starts)
        assert all(point.eps_g < 1e-15 for point in points)
        unstable[rule] = sorted((tuple(np.sign(point.state.v)), point.unstable, point.found) for point in points)
    assert unstable["bp"] == [((1, 1), 0, 4)]
    assert unstable["fa"] == [((-1, -1), 7, 1), ((-1, 1), 4, 1), ((1, -1), 3, 1), ((1, 1), 0, 1)]
    frozen = fixed_points(soft_committee(2, 0.5, "fa", [1.0, -0.5]), [perfect([1, 1])])
    assert [point.kind for point in frozen] == ["saddle"]


@pytest.mark.parametrize(
    ("rule", "b", "R", "Q", "v", "eps_g"),
    [
        ("bp", None, (0.54, -3.4), (0.59, -3.7, 24.6), (1.65, 0.0376), 0.0158091),
        ("fa", [1.0, 0.5], (0.51, -2.84), (0.53, -2.9, 16.3), (1.75, 0.036), 0.0139810),
    ],
)
def test_a_trap_of_either_rule(rule, b, R, Q, v, eps_g):
    """Both layers: a stable point with one long, all but silent unit. The ODEs from 0.1 % beside it stay within 1 %."""
    start = OrderParameters(np.outer(R, [1, 1]), [[Q[0], Q[1]], [Q[1], Q[2]]], np.eye(2), v, np.ones(2))
    problem = soft_committee(2, 0.5, rule, b, eta_v=0.5)
    point = fixed_point(problem, start)
    assert point.kind == "stable"
    assert point.eps_g == pytest.approx(eps_g, abs=1e-7)
    state = point.state
    near = replace(state, R=1.001 * state.R, Q=1.001**2 * state.Q + 1e-4 * np.eye(2), v=1.001 * state.v)
    later = integrate(replace(problem, start=near), [0, 1e3, 1e5], "LSODA")
    np.testing.assert_allclose(later.Q[1:], [state.Q, state.Q], rtol=0.01)
    assert later.eps_g[2] == pytest.approx(eps_g, rel=1e-3)


@pytest.mark.parametrize(("rule", "eta_v"), [("bp", 0.0), ("fa", 0.0), ("bp", 0.5)])
def test_perturbations_grow_at_the_escape_rate(found, rule, eta_v):
    """The ODEs from the saddle, moved by 1e-6 along the eigenvector: e^(lambda alpha), within 1e-4; and escape_time."""
    saddle = next(
        point for point in found[rule, eta_v] if point.unstable == 1 and not point.zero_modes and point.eps_g > 0.01
    )
    i, k = np.triu_indices(2)
    vector = 1e-6 * saddle.eigenvectors[:, 0].real
    R, Q = saddle.state.R + vector[:4].reshape(2, 2), np.array(saddle.state.Q)
    Q[i, k] += vector[4:7]
    Q[k, i] = Q[i, k]
    v = saddle.state.v + (vector[7:] if eta_v else 0)
    start = replace(saddle.state, R=R, Q=Q, v=v)
    alpha = saddle.escape_time(1e-6, 1e-4)
    trajectory = integrate(replace(saddle.problem, start=start), [0, alpha], rtol=1e-12)
    apart = np.linalg.norm(np.concatenate([
        (trajectory.R[1] - saddle.state.R).ravel(), (trajectory.Q[1] - saddle.state.Q)[i, k],
        trajectory.v[1] - saddle.state.v,
    ]))  # fmt: skip
    assert apart == pytest.approx(1e-4, rel=3e-3)  # the growth is of order 1 + 1e-4/distance to other points


def test_images_are_merged():
    """Eight permutations and signs of one perfect student, reached from eight starts, are one fixed point."""
    starts = [perfect(signs, order) for signs in product((1, -1), repeat=2) for order in permutations(range(2))]
    problem = soft_committee(2, 0.5, eta_v=0.5)
    assert [point.found for point in fixed_points(problem, starts)] == [8]
    graded = Problem(initial.prepared(2, 2, 0.2, 0.0, "graded"), eta=0.5, eta_v=0.0)
    swapped = [OrderParameters(T[order], T[np.ix_(order, order)], T, [1.0, 1.0], [1.0, 1.0])
               for T in [np.diag([1.0, 2.0])] for order in ([0, 1], [1, 0])]  # fmt: skip
    assert [point.found for point in fixed_points(graded, swapped)] == [2]


def test_equivalence_is_that_of_the_group():
    """Against all permutations and signs by hand, K = M = 2, 3 students; a changed overlap or feedback is seen."""
    rng = np.random.default_rng(1)
    for rule in ("bp", "fa"):
        problem = random_problem(3, 2, None, 1, rule)
        s = problem.start
        for _ in range(10):
            order, sign = rng.permutation(3), rng.choice([-1.0, 1.0], 3)
            start = OrderParameters(
                sign[:, None] * s.R[order],
                np.outer(sign, sign) * s.Q[np.ix_(order, order)],
                s.T,
                sign * s.v[order],
                s.v_teacher,
            )
            b = None if problem.b is None else sign * problem.b[order]
            image = replace(problem, start=start, b=b)
            assert equivalent(problem, image, 1e-9)
            assert (
                rule == "bp"
                or (order == range(3)).all() & (sign > 0).all()
                or not equivalent(problem, replace(image, b=problem.b), 1e-9)
            )
            moved = start.R.copy()
            moved[rng.integers(3), rng.integers(2)] += 1e-3
            assert not equivalent(problem, replace(image, start=replace(start, R=moved)), 1e-9)
            assert equivalent(problem, replace(image, start=replace(start, R=moved)), 1e-2)


def test_perfect_learning_is_found_without_a_random_start():
    """Above the critical learning rate, where no trajectory ends there."""
    points = fixed_points(soft_committee(3, 4.0), number_of_starts=0, rng=np.random.default_rng(1))
    assert points[0].eps_g < 1e-15
    assert points[0].kind == "saddle"


def test_families_are_said_to_be_families(found):
    """BP, both layers, a student with v_i = 0: its weights are free, the point has zero modes and is kept once."""
    families = [point for point in found["bp", 0.5] if point.zero_modes]
    assert families
    assert len({round(point.eps_g, 6) for point in families}) == len(families)
    assert "one of a family" in repr(families[0])
    assert any(np.abs(point.state.v).min() < 1e-9 for point in families)


def test_decay_of_a_frozen_second_layer_moves_it():
    """eta_v = 0 with decay_v > 0: v decays, and the only fixed points have v = 0."""
    problem = soft_committee(1, 0.5, decay_v=0.1)
    for point in fixed_points(problem, [problem.start, perfect([1])]):
        np.testing.assert_allclose(point.state.v, 0, atol=1e-12)


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 2), (3, 2)])
def test_final_error_with_label_noise(K, M):
    """Frozen soft committee, eta -> 0: eps_g = sigma^2 eta (L + M/sqrt 3)/2 pi at the stable point (Goldt et al.)."""

    def error(eta):
        start = OrderParameters(np.eye(K, M), np.eye(K) * (np.arange(K) < M), np.eye(M), np.ones(K), np.ones(M))
        near = replace(start, Q=start.Q + 1e-2 * eta * np.eye(K))
        point = fixed_point(Problem(near, eta=eta, eta_v=0.0, sigma=0.3), near)
        assert point.kind == "stable"
        return point.eps_g / (0.3**2 * eta * ((K - M) + M / np.sqrt(3)) / (2 * np.pi))

    ratios = [error(eta) for eta in (0.02, 0.01)]
    assert ratios[1] == pytest.approx(1, abs=0.02)
    assert abs(ratios[1] - 1) < 0.6 * abs(ratios[0] - 1)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong input


def test_wrong_input_is_named():
    """The argument, its value and what was expected."""
    problem, rng = soft_committee(2), np.random.default_rng(1)
    with pytest.raises(InputError, match="eta must be positive for fixed points, but is 0"):
        fixed_points(replace(problem, eta=0.0), rng=rng)
    with pytest.raises(InputError, match=r"rng must be an int of at least 0 or a numpy\.random\.Generator"):
        fixed_points(problem)
    with pytest.raises(InputError, match="starts must be OrderParameters, but is or contains int"):
        fixed_points(problem, [3])
    with pytest.raises(InputError, match="starts must have the problem's teacher and shapes, but R differs"):
        fixed_points(problem, [initial.prepared(3, 2)])
    with pytest.raises(InputError, match="but T differs"):
        fixed_points(problem, [initial.prepared(2, 2, teacher="graded")])
    with pytest.raises(InputError, match="number_of_starts must be at least 0"):
        fixed_points(problem, number_of_starts=-1, rng=rng)
    with pytest.raises(InputError, match="starts must be a list of OrderParameters, but is a single one"):
        fixed_points(problem, problem.start)
    with pytest.raises(InputError, match="problem must be a Problem, but is str"):
        fixed_points("x", rng=rng)
    point = fixed_points(problem, [perfect([1, 1])])[0]
    with pytest.raises(InputError, match="distance must be finite and at least"):
        point.escape_time(0.0)
    with pytest.raises(InputError, match="direction must be at most 6"):
        point.moves(7)


def test_names_of_the_entries():
    """As they are packed, numbered from 1; the output only where there are several."""
    names = random_problem(2, 1, 2).layout.names
    assert names == ["R_11", "R_21", "Q_11", "Q_12", "Q_22", "v_11", "v_12", "v_21", "v_22"]
    assert random_problem(1, 2).layout.names[-1] == "v_1"


@pytest.mark.parametrize(("K", "M", "eta"), [(2, 2, 1e-5), (2, 3, 1e-5), (2, 2, 1e-3)])
def test_nothing_moves_at_what_is_found(K, M, eta):
    """By the right-hand side: at small eta, J has rates of order eta^2 that are no zero modes."""
    problem = Problem(initial.prepared(K, M), rule="fa", b=np.linspace(1, 0.5, K), eta=eta, eta_v=eta)
    found = fixed_points(problem, number_of_starts=6, rng=np.random.default_rng(1))
    assert found
    for point in found:
        y = problem.layout.pack(point.state.order_parameters)
        moved = equations.right_hand_side(y, quadrature.parameters(problem))
        assert np.abs(moved).max() < 1e-9 * eta
