"""Activations that are not built in, shared by the tests; problems to hold them to, and their right-hand sides."""

from math import cos, erf, exp, floor, log1p, pi, sin, sqrt, tanh

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

STEP = stdyn.activation(lambda x: 1.0 if x > 0.3 else 0.0, lambda x: 0.0, name="step at 0.3")
SIGN = stdyn.activation(lambda x: 1.0 if x > 0 else (-1.0 if x < 0 else 0.0), lambda x: 0.0, name="sign")
HARD = stdyn.activation(lambda x: min(max(x, -1.0), 1.0), lambda x: 1.0 if abs(x) < 1 else 0.0, name="hard tanh")
ABS = stdyn.activation(abs, lambda x: 1.0 if x > 0 else -1.0, name="abs")
CLIPPED = stdyn.activation(lambda x: min(max(x, 0.0), 2.0), lambda x: 1.0 if 0 < x < 2 else 0.0, name="clipped relu")
ELU = stdyn.activation(lambda x: x if x > 0 else exp(x) - 1, lambda x: 1.0 if x > 0 else exp(x), name="elu")
SINE = stdyn.activation(lambda x: sin(2 * x + 1), lambda x: 2 * cos(2 * x + 1), name="sine")
STAIRS = stdyn.activation(lambda x: min(max(floor(x + 0.2), -2.0), 1.0), lambda x: 0.0, name="stairs")
GATED = stdyn.activation(
    lambda x: cos(x) if x > -0.4 else 0.0, lambda x: -sin(x) if x > -0.4 else 0.0, name="gated cosine"
)
THRESHOLDS = {  # where own activations, and the built-in ones that have any, jump or bend
    LEAKY: [0], STEP: [0.3], SIGN: [0], HARD: [-1, 1], ABS: [0], CLIPPED: [0, 2], ELU: [0], SINE: [], SOFTPLUS: [],
    SHIFTED: [], STAIRS: [-1.2, -0.2, 0.8], GATED: [-0.4],
}  # fmt: skip


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
