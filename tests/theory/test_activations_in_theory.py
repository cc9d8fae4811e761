"""What the theory says of other activations than erf: linear networks, spectra, perfect learning, symmetries."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from own_activations import ERF, right_hand_side, specialising
from scipy.linalg import expm

from stdyn import InputError, OrderParameters, Problem, critical_eta, fixed_points, initial, integrate
from stdyn.kernels import state
from stdyn.theory.expansion import Expansion
from stdyn.theory.fixedpoints import perfect_learning
from stdyn.theory.symmetry import find_orbits


def test_a_linear_network_is_solved_exactly():
    """v frozen: R and Q obey an affine equation; the whole trajectory against the exponential of its matrix."""
    for rule in ("fa", "bp"):
        problem = random_problem(3, 2, seed=2, rule=rule, activation="linear", eta=0.2, eta_v=0.0, decay_v=0.0)
        s, b = problem.start, problem.start.v if rule == "bp" else problem.b
        beta = np.outer(b, np.concatenate([s.v, -s.v_teacher]))

        def rate(R, Q, b=b, beta=beta, problem=problem):
            C = np.block([[Q, R], [R.T, problem.start.T]])
            eta, decay, G = problem.eta, problem.decay, beta @ C
            dQ = -eta * (G[:, :3] + G[:, :3].T) + eta**2 * (G @ beta.T + problem.sigma**2 * np.outer(b, b))
            return np.concatenate([(-eta * G[:, 3:] - decay * R).ravel(), (dQ - 2 * decay * Q).ravel()])

        constant = rate(np.zeros((3, 2)), np.zeros((3, 3)))
        columns = [rate(e[:6].reshape(3, 2), (e[6:].reshape(3, 3) + e[6:].reshape(3, 3).T) / 2) for e in np.eye(15)]
        generator = np.zeros((16, 16))
        generator[:15, :15], generator[:15, 15] = np.array(columns).T - constant[:, None], constant
        alphas = np.linspace(0, 20, 41)
        theory, start = integrate(problem, alphas), np.concatenate([s.R.ravel(), s.Q.ravel(), [1]])
        for j, alpha in enumerate(alphas):
            exact = expm(alpha * generator) @ start
            np.testing.assert_allclose(theory.R[j].ravel(), exact[:6], atol=1e-8)
            np.testing.assert_allclose(theory.Q[j].ravel(), exact[6:15], atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_jacobian_stays_among_possible_states(activation):
    """Near perfect learning, where averages end: against one-sided differences of a much smaller step, to 1 %."""
    T = np.eye(2)
    W = np.hstack([T, 0.02 * np.eye(2)])
    start = OrderParameters(W[:, :2] @ T, W @ W.T, T, [1.0, 1.2], [1.0, 1.2])
    expansion = Expansion(Problem(start, activation=activation, eta=0.3, eta_v=0.2))
    w = expansion.coordinates(start)
    J, h = expansion.jacobian(w), 1e-8
    numerical = np.array([(expansion.drift(w + h * e) - expansion.drift(w)) / h for e in np.eye(len(w))]).T
    np.testing.assert_allclose(J, numerical, atol=0.01 * np.abs(J).max())


@pytest.mark.slow
def test_spectra_at_perfect_learning():
    """Where averages end: those of erf by points are erf's to 1 %, and critical rates are those worked out by hand.

    K = M = 1, v = 1 frozen: -2 eta <g'^2> + eta^2 <g'^4> = 0 at perfect learning.
    """
    start = initial.prepared(2, 2, r=0.2)
    spectra = []
    for activation in ("erf", ERF):
        problem = Problem(start, activation=activation, eta=0.5, eta_v=0.3)
        (point,) = fixed_points(problem, [perfect_learning(problem)])
        spectra.append(np.sort(point.eigenvalues.real))
    np.testing.assert_allclose(spectra[1], spectra[0], rtol=0.03)
    for name, exact in (("relu", 2), ("square", 1 / 6), ("hermite3", 2 / 45)):
        problem = Problem(initial.prepared(1, 1, r=0.2), activation=name, eta=0.5, eta_v=0.0)
        assert critical_eta(problem) == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
def test_perfect_learning_is_a_fixed_point_of_every_activation():
    """And it is found from a start near by, with eps_g = 0; a teacher of another activation cannot be learned."""
    for activation in ("relu", "tanh", "gelu"):
        problem = specialising(2, 2, activation=activation, sigma=0.0)
        perfect = perfect_learning(problem)
        assert np.abs(right_hand_side(replace(problem, start=perfect))).max() < 1e-12
        (point,) = fixed_points(problem, [perfect])
        assert point.eps_g < 1e-9
    with pytest.raises(
        InputError, match="perfect learning needs the teacher's activation, erf, but that of the student"
    ):
        perfect_learning(specialising(2, 2, activation="relu", activation_teacher="erf"))


# ---------------------------------------------------------------------------------------------------------------------
# Symmetries


def test_signs_are_symmetries_of_odd_and_even_functions_only():
    """K = M = 2, R = 0, v = (1, -1): odd, students are images of each other; even, R stays zero; else neither."""
    start = initial.prepared(2, 2, v=[1, -1])
    orbits = {
        name: find_orbits(Problem(start, activation=name, eta=1, eta_v=1)) for name in ("erf", "relu", "square", "gelu")
    }
    assert orbits["erf"].free == 4  # R, Q_ii, Q_ik, v
    assert orbits["relu"].free == orbits["gelu"].free == 2 + 3 + 2  # R_1n, R_2n; Q_11, Q_22, Q_12; v
    opposite = initial.prepared(2, 2, v=[1, -1], v_teacher=[1, -1])  # the output turns, students and teachers swap
    for name, free in (("relu", 2 + 2 + 1), ("gelu", 2 + 2 + 1), ("square", 2)):
        assert find_orbits(Problem(opposite, activation=name, eta=1, eta_v=1)).free == free
    assert (orbits["square"].sign[:4] == 0).all()  # y -> -y
    assert orbits["square"].sign[5] == 0  # Q_12: x_1 -> -x_1
    assert orbits["square"].free == 2 + 2


@pytest.mark.parametrize("activation", ["relu", "square", "gelu"])
def test_symmetric_starts_stay_symmetric(activation):
    """The solution in the space of the symmetries is that of the whole, and exactly symmetric."""
    problem = Problem(initial.prepared(2, 2, v=[0.5, -0.5]), activation=activation, eta=0.1, eta_v=0.1)
    theory = integrate(problem, [0.5, 1.0])
    assert (theory.R[:, :, 0] == theory.R[:, :, 1]).all()
    s = problem.start
    step = 1e-6
    y = state.pack(s.R, s.Q, s.v[:, None]) + step * right_hand_side(problem)
    R, Q, v = state.unpack(y, 2, 2, 1)
    first = integrate(problem, [step])
    for ours, expected in zip((first.R[0], first.Q[0], first.v[0]), (R, Q, v[:, 0]), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-9)
