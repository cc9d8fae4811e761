"""Online SGD with everything that may change with alpha, in plain NumPy: from the equations, for the tests to hold to.

Nothing of the package's protocols is in it. Rates are numbers or Python functions of alpha, as each test gives them; b
of Kolen-Pollack is a variable of its own with an update of its own; the teacher is L E with orthonormal rows E.
"""

import numpy as np
from conftest import NUMPY_FUNCTIONS

RATES = {"eta": 0.0, "eta_v": 0.0, "sigma": 0.0, "decay": 0.0, "decay_v": 0.0, "drift": 0.0, "mixture": 0.0}


def value(rate, alpha):
    """Of a number, or a function of alpha."""
    return rate(alpha) if callable(rate) else rate


class PlainNetwork:
    """A student and its teacher, in steps of given examples.

    `task` gives (v_teacher (M, O), m (O,)) at an alpha; `given` has rule, b, batch, sphere and the rates.
    """

    def __init__(self, W, W_teacher, v, task, given, activation="erf"):
        self.W, self.v, self.task, self.given = W.copy(), v.copy(), task, RATES | given
        self.N, self.rule, self.g = W.shape[1], given["rule"], NUMPY_FUNCTIONS[activation]
        self.b = None if given.get("b") is None else np.reshape(given["b"], v.shape)
        self.lengths = np.linalg.norm(W, axis=1)
        self.L = np.linalg.cholesky(W_teacher @ W_teacher.T)
        self.E = np.linalg.solve(self.L, W_teacher)
        self.steps = 0

    @property
    def W_teacher(self):
        return self.L @ self.E

    @property
    def overlaps(self):
        """R, Q, T"""
        return self.W @ self.W_teacher.T, self.W @ self.W.T, self.W_teacher @ self.W_teacher.T

    def at(self, name):
        """A rate in the step to come."""
        return value(self.given[name], self.steps / self.N)

    def backward(self):
        """The weights that errors go back through."""
        mu = self.at("mixture")
        return {"bp": lambda: self.v, "fa": lambda: self.b, "kp": lambda: self.b,
                "mixed": lambda: mu * self.v + (1 - mu) * self.b}[self.rule]()  # fmt: skip

    def deltas(self, xi, zeta):
        """delta (batch, K), Delta m (batch, O) and g (batch, K) of the examples of a step."""
        g, slope = self.g
        v_teacher, m = self.task(self.steps / self.N)
        x, y = xi @ self.W.T, xi @ self.W_teacher.T
        weighted = m * (g(x) @ self.v - g(y) @ v_teacher - self.at("sigma") * zeta)
        return slope(x) * (weighted @ self.backward().T), weighted, g(x)

    def step(self, xi, zeta, Z=None):
        """On examples xi (batch, N) with noise zeta (batch, O); Z (M, N) turns the teacher."""
        N, batch, alpha = self.N, len(xi), self.steps / self.N
        delta, weighted, g = self.deltas(xi, zeta)
        self.W = (1 - self.at("decay") / N) * self.W - self.at("eta") / N * np.mean(
            [np.outer(d, example) for d, example in zip(delta, xi, strict=True)], axis=0
        )
        change = self.at("eta_v") / N * (g.T @ weighted) / batch
        self.v = (1 - self.at("decay_v") / N) * self.v - change
        if self.rule == "kp":
            self.b = (1 - self.at("decay_v") / N) * self.b - change
        if self.given.get("sphere"):
            self.W *= (self.lengths / np.linalg.norm(self.W, axis=1))[:, None]
        if Z is not None:
            self.turn(value(self.given["drift"], alpha), Z)
        self.steps += 1

    def across(self, Z):
        """The part of Z across the teacher."""
        return Z - Z @ self.E.T @ self.E

    def turn(self, kappa, Z):
        """E <- Gamma^-1 (a E + s Z across E)."""
        N, M = self.N, len(self.E)
        a = 1 - kappa / N
        E = a * self.E + np.sqrt((1 - a**2) * N / (N - M)) * self.across(Z) / np.sqrt(N)
        self.E = np.linalg.solve(np.linalg.cholesky(E @ E.T), E)
