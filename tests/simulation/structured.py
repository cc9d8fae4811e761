"""Problems with structured inputs, and online SGD on given examples in plain NumPy, for the tests to hold to."""

from dataclasses import replace

import numpy as np
from conftest import NUMPY_FUNCTIONS
from scipy.stats import ks_2samp

from stdyn import Inputs, OrderParameters, Problem, initial


def structured(K, M, N, variances, fractions, rule="fa", seed=0, q=0.8, hidden=0.0, axes=False, **changes):
    """A problem with nothing zero: random vectors of student and teacher in groups of any size, noise and decay."""
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.standard_normal((N, N))).Q if axes else None
    inputs = Inputs(variances, fractions, axes=turned)
    v, b = rng.normal(size=K), rng.normal(size=K)
    start = initial.random_weights(K, M, N, q, rng, "random", v, rng.normal(size=M), inputs)
    if hidden:
        root = hidden * rng.normal(size=(M, M))
        start = OrderParameters.by_group(inputs, *start.groups, v, start.v_teacher, root @ root.T)
    rates = {"eta": 1.0, "eta_v": 0.5, "sigma": 0.3, "decay": 0.1, "decay_v": 0.1} | changes
    return Problem(start, N=N, rule=rule, b=b if rule == "fa" else None, **rates)


def with_inputs(problem, variances=None, fractions=None):
    """The same vectors, of inputs with other variances or fractions."""
    start, inputs = problem.start, problem.inputs
    other = Inputs(
        inputs.variances if variances is None else variances, inputs.fractions if fractions is None else fractions
    )
    moved = OrderParameters.by_group(other, *start.groups, start.v, start.v_teacher, start.T_hidden)
    return replace(problem, start=moved, inputs=None)


def smallest_p(first, second):
    """The smallest p of Kolmogorov-Smirnov tests of all that was recorded at all alphas > 0, times their number."""
    p = []
    for name, values in first.arrays.items():
        a, b = (each[:, 1:].reshape(len(each), -1) for each in (values, second.arrays[name]))
        p += [ks_2samp(*pair).pvalue for pair in zip(a.T, b.T, strict=True)]
    return min(p) * len(p)


class PlainRun:
    """W, v and their changes in input space; the teacher acts by the fields that it is given."""

    def __init__(self, problem, W, W_teacher):
        self.problem, self.W, self.W_teacher = problem, W.copy(), W_teacher
        self.v = problem.start.v.copy()
        self.lengths = np.linalg.norm(W, axis=1)

    def step(self, xi, y, zeta):
        """On examples xi (batch, N) with the teacher's fields y (batch, M) and noise zeta (batch,)."""
        problem, N, batch = self.problem, self.problem.N, len(xi)
        (g, slope), (g_teacher, _) = (NUMPY_FUNCTIONS[each.name] for each in problem.activations)
        x = xi @ self.W.T
        Delta = g(x) @ self.v - g_teacher(y) @ problem.start.v_teacher - problem.sigma * zeta
        back = self.v if problem.rule == "bp" else problem.b
        delta = slope(x) * back * Delta[:, None]
        self.W = (1 - problem.decay / N) * self.W - problem.eta / (N * batch) * delta.T @ xi
        self.v = (1 - problem.decay_v / N) * self.v - problem.eta_v / (N * batch) * Delta @ g(x)
        if problem.sphere:
            self.W *= (self.lengths / np.linalg.norm(self.W, axis=1))[:, None]

    @property
    def overlaps(self):
        """R and Q by group, and v."""
        inputs = self.problem.inputs
        return inputs.overlaps(self.W, self.W_teacher), inputs.overlaps(self.W, self.W), self.v
