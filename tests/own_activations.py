"""Activations that are not built in, shared by the tests; problems to hold them to, and their right-hand sides."""

from math import erf, exp, log1p, pi, sqrt, tanh

import numpy as np

import stdyn
from stdyn import Problem, initial
from stdyn.kernels import equations, state
from stdyn.theory import quadrature

LEAKY = stdyn.activation(lambda x: x if x > 0 else 0.1 * x, lambda x: 1.0 if x > 0 else 0.1, name="leaky_relu")
SOFTPLUS = stdyn.activation(lambda x: log1p(exp(x)), lambda x: 1 / (1 + exp(-x)), name="softplus")
SHIFTED = stdyn.activation(lambda x: 1 / (1 + exp(1 - x)), lambda x: exp(1 - x) / (1 + exp(1 - x)) ** 2, name="shifted")
ERF = stdyn.activation(lambda x: erf(x / sqrt(2)), lambda x: sqrt(2 / pi) * exp(-x * x / 2), name="erf by points")
TANH = stdyn.activation(tanh, lambda x: 1 - tanh(x) ** 2, name="tanh by points")
RELU = stdyn.activation(lambda x: max(x, 0.0), lambda x: 1.0 if x > 0 else 0.0, name="relu by points")


def specialising(K, M, O=None, rule="fa", **changes):
    """R_nn = 0.1; no symmetry is left."""
    rng = np.random.default_rng(K + 10 * M)
    shape = () if O is None else (O,)
    v, v_teacher, b = 0.5 * rng.normal(size=(K, *shape)), rng.normal(size=(M, *shape)), rng.normal(size=(K, *shape))
    rates = {"eta": 0.2, "eta_v": 0.1, "N": 2000, "sigma": 0.1} | changes
    start = initial.prepared(K, M, q=0.4, r=0.1, v=v, v_teacher=v_teacher)
    return Problem(start, rule=rule, b=b if rule == "fa" else None, **rates)


def right_hand_side(problem, which=None):
    """dy/dalpha at the start, packed."""
    s = problem.start
    y = state.pack(s.R, s.Q, s.v.reshape(s.K, -1))
    return equations.right_hand_side(y, quadrature.parameters(problem, which))
