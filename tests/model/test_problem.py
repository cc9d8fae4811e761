"""OrderParameters and Problem: what they refuse, saying why, and what they keep."""

import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from own_activations import ELU, HARD, SIGN

from stdyn import (
    InputError,
    NoGradientWarning,
    OrderParameters,
    Problem,
    SameRuleWarning,
    Tasks,
    activation,
    initial,
    integrate,
    schedule,
)

ONE = {"R": [[0.1]], "Q": [[0.2]], "T": [[1.0]], "v": [1.0], "v_teacher": [1.0]}
TWO = {"R": np.zeros((2, 3)), "Q": np.eye(2), "T": np.eye(3), "v": np.ones(2), "v_teacher": np.ones(3)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"R": np.zeros(2)}, "R must have 2 axes, but has shape (2,)"),
        ({"R": np.zeros((0, 3))}, "R must not be empty, but has shape (0, 3)"),
        ({"R": [[0, 1], [2]]}, "R must be an array of numbers"),
        ({"Q": np.eye(3)}, "Q must have shape (K, K) with K, M = 2, 3 from R, but has shape (3, 3)"),
        ({"T": np.eye(2)}, "T must have shape (M, M) with K, M = 2, 3 from R, but has shape (2, 2)"),
        ({"v": np.ones(3)}, "v must have shape (K,) or (K, O) with K, M = 2, 3 from R, but has shape (3,)"),
        ({"v": np.ones((2, 2))}, "same number of outputs, but have shapes (2, 2) and (3,)"),
        ({"v": [1, np.nan]}, "v must be finite, but v[1] is nan"),
        ({"Q": 1j * np.eye(2)}, "complex numbers are not meant"),
        ({"v": [True, False]}, "truth values are not meant"),
        ({"T": np.diag([1, 1, np.inf])}, "T must be finite, but T[2, 2] is inf"),
        ({"Q": [[1, 0.5], [0.4, 1]]}, "Q must be symmetric, but Q[0,1] = 0.5 and Q[1,0] = 0.4"),
        ({"R": [[1.1, 0, 0], [0, 0, 0]]}, "but the smallest is -0.1 (is some |R_in| above sqrt(Q_ii T_nn)?)"),
        ({"Q": -np.eye(2)}, "the smallest is -1"),
        ({"Q": [[0, 0], [0, 0]], "R": [[1e-4, 0, 0], [0, 0, 0]]}, "no weights have these overlaps"),
    ],
)
def test_what_no_weights_can_have_is_refused(changes, message):
    """With the name of the argument, its value and what was expected."""
    with pytest.raises(InputError, match=re.escape(message)):
        OrderParameters(**(TWO | changes))


def test_singular_overlaps_are_ordinary():
    """Perfect learning, two equal students, a zero student: a vanishing eigenvalue is no error, rounding included."""
    for seed in range(50):
        T = random_overlaps(3, 3, seed=seed).T
        OrderParameters(T, T, T, np.ones(3), np.ones(3))
        A = np.random.default_rng(seed).normal(size=(4, 3))
        OrderParameters(A @ T, A @ T @ A.T, T, np.ones(4), np.ones(3))
    OrderParameters(np.zeros((2, 3)), np.zeros((2, 2)), np.eye(3), np.zeros(2), np.ones(3))


def test_values_are_copied_and_cannot_be_changed():
    """A problem, once checked, stays what was checked."""
    R = np.zeros((2, 3))
    start = OrderParameters(**(TWO | {"R": R}))
    R[0, 0] = 5
    assert start.R[0, 0] == 0
    for array in (start.R, start.Q, start.T, start.v, start.v_teacher):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(FrozenInstanceError):
        start.R = R


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eta": -0.1}, "eta must be finite and at least 0, but is -0.1"),
        ({"eta": np.nan}, "eta must be finite and at least 0, but is nan"),
        ({"eta_v": "fast"}, "eta_v must be a number, but is 'fast'"),
        ({"sigma": -1}, "sigma must be finite and at least 0, but is -1"),
        ({"decay": np.inf}, "decay must be finite and at least 0, but is inf"),
        ({"decay_v": None}, "decay_v must be a number, but is None"),
        ({"N": 0}, "N must be at least 1, but is 0"),
        ({"N": 500.5}, "N must be an integer, but is 500.5"),
        ({"N": -1}, "N must be at least 1, but is -1"),
        ({"N": np.inf}, "N must be an integer, but is inf"),
        ({"activation": "tanhh"}, "stdyn.activation, or file.py:name, but is 'tanhh'"),
        ({"rule": "hebb"}, 'rule must be "bp", "fa", "kp" or "mixed", but is \'hebb\''),
        ({"rule": "dfa"}, 'b, the feedback weights, is needed with rule = "dfa"'),
        ({"rule": "kp"}, 'b, the feedback weights, is needed with rule = "kp"'),
        (
            {"rule": "mixed", "b": [1, 1]},
            'mixture, the part of v in the backward weights, is needed with rule = "mixed"',
        ),
        ({"mixture": 0.5}, "mixture, the part of v in the backward weights, is refused (nothing is mixed) with rule ="),
        ({"rule": "mixed", "b": [1, 1], "mixture": 1.5}, "mixture must be at most 1, but is 1.5"),
        ({"eta": None}, "eta, a learning rate, is needed (unless flow = True, where it is 1)"),
        ({"eta_v": None}, "eta_v, a learning rate, is needed (unless flow = True, where it is 1)"),
        ({"batch": 0}, "batch must be at least 1, but is 0"),
        ({"flow": "yes"}, "flow must be True or False, but is 'yes'"),
        ({"flow": True, "batch": 2}, "batch must be 1 with flow = True, which has no steps, but is 2"),
        ({"tasks": [[1, 1, 1]]}, "tasks must be a Tasks, but is list"),
        ({"rule": "fa"}, 'b, the feedback weights, is needed with rule = "fa"'),
        ({"b": [1, 1]}, 'b, the feedback weights, is refused (backpropagation goes back through v) with rule = "bp"'),
        ({"rule": "fa", "b": [1, 1, 1]}, "b must have the shape of v, (2,), but has shape (3,)"),
        ({"rule": "fa", "b": [1, np.nan]}, "b must be finite, but b[1] is nan"),
        ({"start": np.eye(2)}, "start must be OrderParameters, but is ndarray"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(changes, message):
    """The argument, its value and what was expected."""
    values = {"start": OrderParameters(**TWO), "eta": 0.5, "eta_v": 0.5} | changes
    with pytest.raises(InputError, match=re.escape(message)):
        Problem(**values)


def test_learning_rates_must_be_chosen():
    """They have no default; only in gradient flow, where alpha is then the time in which they are 1."""
    with pytest.raises(InputError, match="eta, a learning rate, is needed"):
        Problem(OrderParameters(**ONE))
    flow = Problem(OrderParameters(**ONE), flow=True)
    assert (flow.eta, flow.eta_v) == (1.0, 1.0)


def test_dfa_is_taken_for_what_it_is():
    """Feedback alignment, where there is one hidden layer, and it is said."""
    start = OrderParameters(**TWO)
    with pytest.warns(SameRuleWarning, match='rule = "dfa" is feedback alignment'):
        problem = Problem(start, rule="dfa", b=[1, 2], eta=0.1, eta_v=0.1)
    assert problem == Problem(start, rule="fa", b=[1, 2], eta=0.1, eta_v=0.1)


def test_schedules_and_tasks_are_compared():
    """By what they are; b of "kp", too."""
    problem = random_problem(3, 2)
    one, other = (replace(problem, eta=schedule.hyperbolic(1, scale)) for scale in (50, 60))
    assert one == replace(problem, eta={"kind": "hyperbolic", "value": 1, "scale": 50}) != other
    assert hash(one) == hash(replace(problem, eta={"kind": "hyperbolic", "value": 1, "scale": 50}))
    assert one.difference(other) == "eta: hyperbolic(value = 1, scale = 50) and hyperbolic(value = 1, scale = 60)"
    assert one.difference(problem) == "eta: hyperbolic(value = 1, scale = 50) and 0.7"
    kp = replace(problem, rule="kp")
    assert kp.difference(replace(kp, b=2 * kp.b)).startswith("b: ")
    tasks = [Tasks([[1, 0], [0, 1]], at=[0, at]) for at in (1, 2)]
    one, other = (replace(problem, tasks=each) for each in tasks)
    assert one.difference(other).startswith(
        "tasks: Tasks of 2 teacher units: task 1 from alpha = 0, task 2 from alpha = 1"
    )
    assert replace(problem, flow=True).difference(problem) == "flow: True and False"


def test_difference_names_the_first_parameter_that_differs():
    """And says None for problems that are the same in every value."""
    problem = random_problem(3, 2)
    assert problem.difference(random_problem(3, 2)) is None
    assert problem.difference(replace(problem, eta=0.5)) == "eta: 0.7 and 0.5"
    assert problem.difference(random_problem(3, 2, seed=1)).startswith("R: ")
    assert problem.difference(random_problem(2, 2)) == "R: shapes (3, 2) and (2, 2)"
    assert problem.difference(random_problem(3, 2, rule="bp")).startswith("rule: fa and bp")


def test_initial_prepared_is_the_reference_start():
    """R = 0, Q = 0.2, T = 1, v = v_teacher = 1, exactly; r, graded teachers and K != M where asked for."""
    start = initial.prepared(5, 5)
    np.testing.assert_array_equal(start.C, np.diag([0.2] * 5 + [1.0] * 5))
    np.testing.assert_array_equal(start.v, np.ones(5))
    start = initial.prepared(2, 3, q=0.5, r=0.1, teacher="graded", v=[[1, 2], [3, 4]], v_teacher=np.ones((3, 2)))
    np.testing.assert_array_equal(start.R, [[0.1, 0, 0], [0, 0.1, 0]])
    np.testing.assert_array_equal(start.T, np.diag([1, 2, 3]))
    assert start.v.shape == (2, 2)
    with pytest.raises(InputError, match="teacher must be an"):
        initial.prepared(2, 2, teacher="isotopic")
    with pytest.raises(InputError, match="smallest is -0"):
        initial.prepared(2, 2, q=0.2, r=0.5)


def test_initial_random_weights_have_the_law_of_iid_gaussian_weights():
    """Kolmogorov-Smirnov of R and Q against weights drawn entry by entry; false alarm 1e-6, q wrong by 10 % fails."""
    from scipy.stats import ks_2samp

    K, M, N, q, n = 2, 2, 9, 0.3, 20_000
    T = np.array([[1.0, 0.4], [0.4, 2.0]])
    rng = np.random.default_rng(1)
    _, W_teacher = initial.weights(OrderParameters(np.zeros((K, M)), np.eye(K), T, np.ones(K), np.ones(M)), N, rng)
    W = rng.normal(size=(n, K, N)) * np.sqrt(q / N)

    def smallest_p(q):
        drawn = [initial.random_weights(K, M, N, q, rng, teacher=T) for _ in range(n // 4)]
        pairs = [
            (W @ W_teacher.T, np.stack([s.R for s in drawn])),
            (W @ W.swapaxes(1, 2), np.stack([s.Q for s in drawn])),
        ]
        return min(ks_2samp(a[:, i, k], b[:, i, k]).pvalue for a, b in pairs for i in range(2) for k in range(2))

    assert smallest_p(q) > 1e-6 / 8
    assert smallest_p(1.1 * q) < 1e-6 / 8
    with pytest.raises(InputError, match=r"N must be at least the rank of T, 2, but is 1"):
        initial.random_weights(2, 2, 1, 0.2, rng)


def test_a_student_that_cannot_move_says_so():
    """g' of a sign is zero: a warning if eta > 0, and indeed R and Q stay; none with eta = 0, nor for a teacher.

    A step that is soft between two of the 23 points where activations are known can move.
    """
    start = initial.prepared(2, 2, r=0.1, v=[0.5, -0.3])
    with pytest.warns(NoGradientWarning, match="never learns: g' of sign is zero everywhere and eta = 0.5"):
        problem = Problem(start, activation=SIGN, eta=0.5, eta_v=0.1)
    theory = integrate(problem, [1.0])
    np.testing.assert_array_equal(theory.R[0], start.R)
    np.testing.assert_array_equal(theory.Q[0], start.Q)
    assert np.abs(theory.v[0] - start.v).max() > 0.01
    Problem(start, activation=SIGN, eta=0.0, eta_v=0.1)
    Problem(start, activation="erf", activation_teacher=SIGN, eta=0.5, eta_v=0.1)
    soft = activation(
        lambda x: min(max(10 * (x - 0.5), 0.0), 1.0), lambda x: 10.0 if 0.5 < x < 0.6 else 0.0, name="soft step"
    )
    assert not soft.values[1].any()
    Problem(start, activation=soft, eta=0.5, eta_v=0.1)


def test_averages_over_a_student_that_jumps_are_not_smooth():
    """Jumps of g or g' of the student, by quadrature; those of the teacher, whose fields stay, do not matter."""
    start = initial.prepared(1, 1)
    for student, teacher, smooth in (
        (SIGN, "erf", False), (HARD, "erf", False), ("relu", "erf", False), ("relu", None, True), ("gelu", SIGN, True),
        (ELU, "erf", True),
    ):  # fmt: skip
        assert Problem(start, activation=student, activation_teacher=teacher, eta=0, eta_v=0.1).smooth == smooth


@pytest.mark.parametrize(("K", "M", "N"), [(1, 1, 2), (2, 3, 5), (5, 5, 500)])
def test_weights_have_exactly_the_overlaps_asked_for(K, M, N):
    """To rounding, at every N of at least the rank of C, also where that is less than K + M (perfect learning)."""
    learned = initial.prepared(K, M, q=1, r=1)
    rank = np.linalg.matrix_rank(learned.C)
    for start, inputs in ((random_overlaps(K, M, seed=3), N), (learned, N), (learned, rank)):
        W, W_teacher = initial.weights(start, inputs, np.random.default_rng(0))
        assert W.shape == (K, inputs)
        np.testing.assert_allclose(W @ W.T, start.Q, atol=1e-14)
        np.testing.assert_allclose(W @ W_teacher.T, start.R, atol=1e-14)
        np.testing.assert_allclose(W_teacher @ W_teacher.T, start.T, atol=1e-14)
    with pytest.raises(InputError, match=f"N must be at least the rank of .*, {K + M}, but is {K + M - 1}"):
        initial.weights(random_overlaps(K, M, seed=3), K + M - 1, np.random.default_rng(0))


def test_weights_are_uniform_over_rotations():
    """A teacher vector in N = 3: each squared component is Beta(1/2, 1); false alarm 1e-6 a component."""
    from scipy.stats import beta, kstest

    start, rng = initial.prepared(1, 1), np.random.default_rng(4)
    directions = np.stack([initial.weights(start, 3, rng)[1][0] for _ in range(4000)])
    for component in directions.T:
        assert kstest(component**2, beta(0.5, 1).cdf).pvalue > 1e-6
        assert abs(np.mean(np.sign(component))) < 5 / np.sqrt(4000)
