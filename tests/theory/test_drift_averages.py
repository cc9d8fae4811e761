"""The right-hand side of the ODEs of every activation, built in and own, against an independent computation."""

from dataclasses import replace
from math import tanh

import numpy as np
import pytest
from brute_force import average
from conftest import NUMPY_FUNCTIONS, random_problem
from own_activations import ABS, CLIPPED, GATED, HARD, LEAKY, SIGN, STAIRS, STEP, THRESHOLDS, right_hand_side
from scipy.stats import t as student_t

from stdyn import OrderParameters, Problem, activation, integrate
from stdyn.kernels import equations, state
from stdyn.kernels.averages import table
from stdyn.model.activations import BUILT_IN
from stdyn.theory import quadrature

PAIRS = [
    *((each, each) for each in (*BUILT_IN, *THRESHOLDS)),
    ("erf", SIGN), (HARD, SIGN), ("relu", STEP), ("gelu", STAIRS), ("linear", ABS), (LEAKY, HARD), (CLIPPED, GATED),
]  # fmt: skip
CLOSED = {"erf": 1e-10, "linear": 1e-10, "relu": 1e-10, "tanh": 1e-4, "square": 1e-10, "hermite2": 1e-10}


def functions(activation):
    """g and g' in NumPy, and where they jump."""
    if isinstance(activation, str):
        return *NUMPY_FUNCTIONS[activation], [0] if activation == "relu" else []
    return lambda x: activation(x)[0], lambda x: activation(x)[1], THRESHOLDS[activation]


def expected(problem, student, teacher):
    """dR, dQ, dv of one student and one teacher unit, backpropagation and noise, as they are defined."""
    (g, g_prime, breaks), (h, _, more) = functions(student), functions(teacher)
    s, eta = problem.start, problem.eta

    def mean(f):
        return average(lambda x, y: f(x, y, s.v[0] * g(x) - s.v_teacher[0] * h(y)), s.C, breaks, more)

    along = mean(lambda x, y, Delta: s.v[0] * g_prime(x) * Delta * x)
    across = mean(lambda x, y, Delta: s.v[0] * g_prime(x) * Delta * y)
    squares = mean(lambda x, y, Delta: (s.v[0] * g_prime(x)) ** 2 * (Delta**2 + problem.sigma**2))
    of_v = mean(lambda x, y, Delta: Delta * g(x))
    return np.array([-eta * across, -2 * eta * along + eta**2 * squares, -problem.eta_v * of_v])


def with_error(problem):
    """The right-hand side, and how far from the truth it may be by its 8 sets of points: false alarm 1e-5 in all."""
    ours = right_hand_side(problem)
    sets = [right_hand_side(problem, which) for which in range(quadrature.SETS)]
    error = np.std(sets, axis=0, ddof=1) / np.sqrt(quadrature.SETS)
    return ours, student_t.isf(1e-5 / (2 * len(ours)), quadrature.SETS - 1) * error + 1e-9


@pytest.mark.filterwarnings("ignore::stdyn.NoGradientWarning")
@pytest.mark.parametrize(("student", "teacher"), PAIRS, ids=str)
def test_the_right_hand_side_is_that_of_brute_force(student, teacher):
    """Closed forms to 1e-10 (tanh 1e-4), quadrature within the error it reports; with eta and eta_v off by 10 % not."""
    start = OrderParameters([[0.35]], [[0.7]], [[1.2]], [0.8], [1.3])
    rates = {"eta": 0.6, "eta_v": 0.4, "sigma": 0.3}
    problem = Problem(start, activation=student, activation_teacher=teacher, **rates)
    exact = expected(problem, student, teacher)
    if student == teacher and (student in CLOSED or student == "hermite3"):
        ours, allowed = right_hand_side(problem), CLOSED.get(student, 1e-9)
    else:
        ours, allowed = with_error(problem)
    assert (np.abs(ours - exact) <= allowed).all()
    wrong = expected(replace(problem, eta=0.66, eta_v=0.44), student, teacher)
    assert (np.abs(ours - wrong) > allowed).any()


def test_averages_over_a_sign_teacher_are_those_of_an_infinitely_steep_one():
    """K = 2, M = 3, two outputs: erf students of sign teachers; exact is erf(s y/sqrt 2), s = 1e5, by closed forms."""
    problem = random_problem(2, 3, 2, 4, activation="erf", activation_teacher=SIGN)
    s = problem.start
    y = state.pack(s.R, s.Q, s.v)
    exact = equations.right_hand_side(y, problem.parameters_with(table("erfs", np.array([[1.0, 1.0], [1.0, 1e5]]))))
    ours, allowed = with_error(problem)
    assert (np.abs(ours - exact) < allowed).all()
    soft = equations.right_hand_side(y, problem.parameters_with(table("erfs", np.array([[1.0, 1.0], [1.0, 5.0]]))))
    assert (np.abs(ours - soft) > allowed).any()


def test_the_error_of_a_solution_holds_what_is_wrong_with_eps_g():
    """A student too steep for the series: the error of eps_g is that of its formula at least; of a step it is not."""
    steep = activation(lambda x: tanh(40 * x), lambda x: 40 * (1 - tanh(40 * x) ** 2), name="very steep")
    start = OrderParameters([[0.6]], [[1.0]], [[1.0]], [1.0], [1.0])
    edges = [-0.3, -0.1, -0.03, 0, 0.03, 0.1, 0.3]
    for teacher, breaks in ((steep, edges), (SIGN, [0])):
        problem = Problem(start, activation="erf", activation_teacher=teacher, eta=1e-9, eta_v=0, quadrature=2**11)
        theory = integrate(problem, [1e-6])
        g, h = NUMPY_FUNCTIONS["erf"][0], lambda y, teacher=teacher: teacher(y)[0]
        exact = average(lambda x, y, g=g, h=h: (g(x) - h(y)) ** 2 / 2, start.C, [], breaks)
        assert abs(theory.eps_g[0] - exact) <= theory.error["eps_g"][0] + 1e-9
        assert theory.error["eps_g"][0] == pytest.approx(float(theory.eps_g_error[0]), abs=1e-9)
        assert (theory.error["eps_g"][0] > 1e-4) == (teacher is steep)
