"""The ODEs of a problem around a point: the coordinates beyond the mean, Jacobian, curvature and noise.

The coordinates are w = (R, Q_across, v) of stdyn/kernels/equations.py, in which nothing cancels near perfect learning
(theory.md, section 5).
"""

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels import equations
from stdyn.kernels import expansion as kernels
from stdyn.model import averages
from stdyn.model.initial import root
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.theory import quadrature
from stdyn.theory.coordinates import across, whole

_STEP = 1e-3  # of differences


def check_smooth(problem: Problem) -> None:
    """Refuse a problem whose averages, as they are computed, have no derivatives."""
    if not problem.smooth:
        raise InputError(
            f"activation must be smooth for derivatives of the ODEs, but g' of {problem.activation} jumps, and averages"
            " are by quadrature"
        )


class Expansion:
    """Functions of a state w (L,), for one problem; it holds no state itself."""

    def __init__(self, problem: Problem) -> None:
        check_smooth(problem)
        self.problem, self.layout = problem, problem.layout
        self.K, self.M, self.O = problem.start.K, problem.start.M, problem.outputs
        self.parameters = quadrature.parameters(problem)
        (self.T, self.T_inverse), self.v_teacher, *_ = self.parameters
        self.roots = (root(self.T), root(self.T_inverse))

    @property
    def size(self) -> int:
        """L, the number of order parameters."""
        return self.layout.size

    def to_w(self, y: Array) -> Array:
        """The state of packed order parameters y (..., L)."""
        return across(y, self.layout, self.T_inverse)

    def pack(self, R: Array, Q: Array, v: Array) -> Array:
        """R (..., K, M), the upper triangle of Q (..., K, K) and v (..., K, O) or (..., K) in a row (..., L)."""
        return self.layout.pack({"R": R, "Q": Q, "v": v})

    def parts(self, w: Array) -> tuple[Array, Array, Array]:
        """R (..., K, M), Q or Q_across (..., K, K) and v (..., K, O) of a row (..., L)."""
        R, Q, v = self.layout.unpack(w).values()
        return R, Q, v.reshape(*w.shape[:-1], self.K, self.O)

    def order_parameters(self, w: Array) -> tuple[Array, Array, Array]:
        """R, Q and v of states (..., L)."""
        return self.parts(whole(w, self.layout, self.T_inverse))

    def coordinates(self, state: OrderParameters) -> Array:
        """The state w (L,) of order parameters."""
        return self.to_w(self.pack(state.R, state.Q, state.v))

    def state(self, w: Array) -> OrderParameters:
        """The order parameters at w (L,), whose Q_across is made possible where it is slightly negative."""
        R, Q_across, v = self.parts(w)
        values, axes = np.linalg.eigh(Q_across)
        R, Q, v = self.order_parameters(self.pack(R, (axes * np.maximum(values, 0)) @ axes.T, v))
        start = self.problem.start
        return OrderParameters(R, Q, start.T, v.reshape(start.v.shape), start.v_teacher)

    def slopes(self, w: Array) -> Array:
        """The derivatives of R, Q, v, F and eps_g with respect to w at states (A, L): (A, L + 2, L).

        The row of F is zero for backpropagation.
        """
        along = self.parts(w)[0] @ self.T_inverse  # Q = Q_across + R T^+ R^T
        A, L = w.shape
        dR, dQ, dv = self.parts(np.eye(L))  # of a change in each of the entries of w
        mixed = dR @ np.swapaxes(along, -1, -2)[:, None]
        of_y = self.pack(
            np.broadcast_to(dR, (A, *dR.shape)),
            dQ + mixed + np.swapaxes(mixed, -1, -2),
            np.broadcast_to(dv, (A, *dv.shape)),
        )
        of_F = np.zeros((A, L, 1))
        if self.problem.b is not None:
            of_F[:, self.layout.places["v"], 0] = self.problem.b.ravel()
        of_eps_g = np.array([self._eps_g_slope(each) for each in w]).reshape(A, L, 1)
        return np.swapaxes(np.concatenate([of_y, of_F, of_eps_g], axis=2), 1, 2)

    def second_order(self, w: Array, covariance: Array) -> tuple[Array, Array]:
        """What the curvature of R, Q, v, F and eps_g adds, if w (A, L) scatters with `covariance` (A, L, L).

        Returns what it adds to their means (A, L + 2), and to the variance of eps_g (A,).
        """
        A, L = w.shape
        there = self.layout.places["R"]
        of_R = covariance[:, there, there].reshape(A, self.K, self.M, self.K, self.M)
        Q = np.einsum("ainkm,nm->aik", of_R, self.T_inverse)
        means = np.zeros((A, L + 2))
        means[:, :L] = self.pack(np.zeros((A, self.K, self.M)), Q, np.zeros((A, self.K, self.O)))
        curvatures = [self._eps_g_curvature(*each) for each in zip(w, covariance, strict=True)]
        means[:, -1] = [np.trace(curved) / 2 for curved in curvatures]
        return means, np.array([np.sum(curved**2) / 2 for curved in curvatures])

    def drift(self, w: Array) -> Array:
        """dw/dalpha."""
        return equations.drift(np.ascontiguousarray(w), self.parameters)  # kernels are compiled for that alone

    def jacobian(self, w: Array) -> Array:
        """The derivative of the drift, (L, L)."""
        return kernels.jacobian(np.ascontiguousarray(w), self.parameters)

    def diffusion(self, w: Array, points: Array) -> Array:
        """The covariance D of a step's change of w, times N, by each set of points: (sets, L, L)."""
        return kernels.diffusion(w, (*self.roots, root(self.parts(w)[1])), points, self.parameters)

    def curvature(self, w: Array, covariance: Array) -> Array:
        """sum_ab covariance_ab d^2(dw/dalpha)/dw_a dw_b / 2."""
        eigenvalues, vectors = np.linalg.eigh(covariance)
        directions = np.ascontiguousarray((vectors * np.sqrt(np.maximum(eigenvalues, 0))).T)
        return kernels.curvature(w, directions, self.parameters)

    def finite_size_drift(self, w: Array) -> Array:
        """N times what the mean change of w in a step, times N, differs from that of a flow along the drift."""
        F = self.drift(w)
        h = self._step(w)
        JF = (self.drift(w + h * F) - self.drift(w - h * F)) / (2 * h)
        return kernels.finite_size_drift(w, self.parameters) - JF / 2

    def eps_g(self, w: Array) -> Array:
        """The generalization error of states (..., L), smooth: rounding may leave it below zero."""
        R, Q, v = self.order_parameters(w)
        return averages.eps_g_formula(R, Q, self.T, v, self.v_teacher, self.problem.activations)

    def _step(self, w: Array) -> float:
        """Of differences around w, within the states that are possible."""
        return kernels.step_inside(w, _STEP, 1e-5, self.parameters)

    def _eps_g_slope(self, w: Array) -> Array:
        """The gradient of eps_g at a state, (L,), by differences of fourth order."""
        h = self._step(w)
        steps = h * np.eye(len(w))
        one, two = (self.eps_g(w + n * steps) - self.eps_g(w - n * steps) for n in (1, 2))
        return (8 * one - two) / (12 * h)

    def _eps_g_curvature(self, w: Array, covariance: Array) -> Array:
        """The second derivatives of eps_g along the principal axes of the covariance, in units of their spread."""
        variances, axes = np.linalg.eigh(covariance)
        spread = np.sqrt(np.maximum(variances, 0))
        h = self._step(w)
        one, other = h * axes.T[:, None], h * axes.T[None, :]
        differences = self.eps_g(w + one + other) - self.eps_g(w + one - other)
        differences += self.eps_g(w - one - other) - self.eps_g(w - one + other)
        return np.outer(spread, spread) * differences / (4 * h**2)
