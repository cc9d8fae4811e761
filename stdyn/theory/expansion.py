"""The ODEs of a problem around a point: the coordinates beyond the mean, Jacobian, curvature and noise.

The coordinates are w = (R, Q_across, v) of stdyn/kernels/equations.py, in which nothing cancels near perfect learning
(theory.md, section 5).
"""

from copy import copy
from functools import cached_property

import numpy as np
import scipy.integrate

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels import equations, groupnoise
from stdyn.kernels import expansion as kernels
from stdyn.kernels.parameters import DECAY_V, DRIFT, OF_B, SPHERE, WEIGHTS, Plain
from stdyn.model import averages
from stdyn.model.initial import root
from stdyn.model.problem import Problem
from stdyn.model.protocol import Span
from stdyn.model.schedule import value_at
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


def late(alpha: float, N: int) -> float:
    """The part of a step by which what happens at an alpha happens later in a run: at the first step from there on."""
    steps = alpha * N
    return float(np.ceil(steps * (1 - 1e-13)) - steps)


def check_size(problem: Problem, of: str, most: int) -> None:
    """Refuse what grows with the square of the overlaps by group, where these are more than `most`."""
    if too_many(problem, most):
        raise InputError(
            f"inputs must be of fewer groups for {of} than {problem.inputs.groups}: the state has"
            f" {problem.state_layout.size} overlaps, and at most {most} are followed"
        )


def too_many(problem: Problem, most: int) -> bool:
    """Whether inputs are not isotropic, and the state has more overlaps than that."""
    return problem.start.inputs is not None and problem.state_layout.size > most


class Expansion:
    """Functions of a state w (L,), for one problem at one alpha; it holds no state itself.

    Where nothing is said of alpha, it is 0.
    """

    def __init__(self, problem: Problem) -> None:
        check_smooth(problem)
        self.problem, self.layout = problem, problem.state_layout
        self.K, self.M, self.O = problem.start.K, problem.start.M, problem.outputs
        self.parameters, self.alpha = quadrature.parameters(problem), 0.0
        self.span: Span | None = None
        self.isotropic = problem.start.inputs is None
        self.T, self.T_inverse = problem.start.T, problem.start.T_inverse

    def at(self, alpha: float, span: Span | None = None) -> "Expansion":
        """That at another alpha; of a span, at whose ends something may jump, or at a jump as it is then."""
        protocol = self.problem.protocol
        if protocol.constant:
            return self
        there = copy(self)
        vars(there).pop("shift_of_b", None)
        there.alpha, there.span = alpha, span
        there.parameters = protocol.at(alpha, self.parameters, span)
        return there

    @cached_property
    def shift_of_b(self) -> Array:
        """N times what b of a run of rule "kp" differs from that of the theory with the same v, (K, O).

        Decay multiplies b - v by 1 - decay_v / N in a step, with the value at its beginning, and by e^(-decay_v / N)
        all the time in theory.
        """
        B, row = self.parameters[2], self._row
        if self.problem.rule != "kp" or not self.alpha:
            return np.zeros_like(B)
        protocol, lost = self.problem.protocol, 0.0
        decay, before = protocol.columns[DECAY_V], None
        for span in protocol.spans(self.alpha):
            low, high = value_at(decay, span.low), value_at(decay, span.high)
            square = scipy.integrate.quad(
                lambda a, span=span: value_at(decay, span.inside(a)) ** 2, span.begin, span.end
            )[0]
            lost += (square + low - high) / 2
            lost += 0.0 if before is None else late(span.begin, self.problem.N) * (before - low)
            before = high
        return np.asarray(-lost * row[OF_B] * B)

    @property
    def _row(self) -> Array:
        """The rates."""
        return self.parameters[3][0]

    @property
    def _student(self) -> Plain:
        """The parameters of the student's step alone: the teacher rests, and nothing is brought back to the sphere."""
        teacher, v_teacher, b, rates, *rest = self.parameters
        alone = rates.copy()
        alone[:, [DRIFT, SPHERE]] = 0.0
        return (teacher, v_teacher, b, alone, *rest)  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """How many numbers a state has."""
        return self.layout.size

    def to_w(self, y: Array) -> Array:
        """The state of packed order parameters y (..., L)."""
        return across(y, self.layout, self.T_inverse)

    def pack(self, R: Array, Q: Array, v: Array) -> Array:
        """R (..., K, M), the upper triangle of Q (..., K, K) and v (..., K, O) or (..., K) in a row (..., L).

        Of inputs that are not isotropic R and Q have an axis of the groups before these.
        """
        return self.layout.pack(dict(zip(self.layout.places, (R, Q, v), strict=True)))

    def parts(self, w: Array) -> tuple[Array, Array, Array]:
        """R, Q or Q_across and v (..., K, O) of a row (..., L), as `pack` takes them."""
        R, Q, v = self.layout.unpack(w).values()
        return R, Q, v.reshape(*w.shape[:-1], self.K, self.O)

    def order_parameters(self, w: Array) -> tuple[Array, Array, Array]:
        """R, Q and v of states (..., L): covariances of the fields, not by group."""
        R, Q, v = self.parts(whole(w, self.layout, self.T_inverse))
        if not self.isotropic:
            R, Q = map(self.problem.inputs.summed, (R, Q))
        return R, Q, v

    def coordinates(self, state: OrderParameters) -> Array:
        """The state w (L,) of order parameters."""
        return self.to_w(self.layout.pack(state.state))

    def state(self, w: Array) -> OrderParameters:
        """The order parameters at w (L,), whose Q_across is made possible where it is slightly negative."""
        R, Q_across, v = self.parts(w)
        values, axes = np.linalg.eigh(Q_across)
        possible = (axes * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(axes, -1, -2)
        R, Q, v = self.parts(whole(self.pack(R, possible, v), self.layout, self.T_inverse))
        start = self.problem.start
        if self.isotropic:
            return OrderParameters(R, Q, start.T, v.reshape(start.v.shape), start.v_teacher)
        second = v.reshape(start.v.shape), start.v_teacher
        return OrderParameters.by_group(start.inputs, R, Q, start.T_group, *second, start.T_hidden)

    def slopes(self, w: Array) -> Array:
        """The derivatives of R, Q, v as `parts` has them, and of eps_g, by w at states (A, L): (A, L + 1, L)."""
        along = self.parts(w)[0] @ self.T_inverse  # Q = Q_across + R T^+ R^T
        A, L = w.shape
        dR, dQ, dv = self.parts(np.eye(L))  # of a change in each of the entries of w
        mixed = dR @ np.swapaxes(along, -1, -2)[:, None]
        of_y = self.pack(
            np.broadcast_to(dR, (A, *dR.shape)),
            dQ + mixed + np.swapaxes(mixed, -1, -2),
            np.broadcast_to(dv, (A, *dv.shape)),
        )
        of_eps_g = np.array([self._eps_g_slope(each) for each in w]).reshape(A, L, 1)
        return np.swapaxes(np.concatenate([of_y, of_eps_g], axis=2), 1, 2)

    @property
    def norms(self) -> np.ndarray:
        """Where Q_ii stand."""
        rows, columns = np.triu_indices(self.K)
        return np.r_[self.layout.places["Q"]][rows == columns]

    @cached_property
    def of_fields(self) -> Array:
        """The matrix that makes R, Q and v of the fields of those by group, rows of `problem.layout`, columns of w."""
        if self.isotropic:
            return np.eye(self.size)
        R, Q, v = self.parts(np.eye(self.size))
        summed = self.problem.inputs.summed
        return self.problem.layout.pack({"R": summed(R), "Q": summed(Q), "v": v}).T

    def second_order(self, w: Array, covariance: Array) -> tuple[Array, Array]:
        """What the curvature of R, Q, v of the fields and eps_g adds, if w (A, L) scatters with `covariance` (A, L, L).

        Returns what it adds to their means (A, rows of `of_fields` + 1), and to the variance of eps_g (A,).
        """
        A, _ = w.shape
        there = self.layout.places[self.layout.blocks[0].name]
        groups = self.problem.inputs.groups
        of_R = covariance[:, there, there].reshape(A, groups, self.K, self.M, groups, self.K, self.M)
        T_inverse = self.T_inverse[None] if self.isotropic else self.T_inverse
        Q = np.einsum("atintkm,tnm->atik", of_R, T_inverse)
        Q = Q[:, 0] if self.isotropic else Q
        R, _, v = self.parts(np.zeros_like(w))
        means = np.zeros((A, len(self.of_fields) + 1))
        means[:, :-1] = self.pack(R, Q, v) @ self.of_fields.T
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
        """The covariance D of the change of w, times N, in the student's step, by each set of points: (sets, L, L).

        That of the whole step is `of_step`.
        """
        Q_across = self.parts(w)[1]
        if self.isotropic:
            return kernels.diffusion(w, (*self._roots, root(Q_across)), points, self._student)
        roots = np.array([root(each) for each in Q_across])
        return groupnoise.diffusion_by_group(w, self._roots[0], roots, self._roots[1], points, self._student)

    @cached_property
    def _roots(self) -> tuple[Array, Array]:
        """T^1/2 and T^+1/2; by group t^1/2 (L, M, M) and a root (M, H) of T_hidden."""
        if self.isotropic:
            return root(self.T), root(self.T_inverse)
        hidden = root(self.problem.start.T_hidden)[:, : self.hidden_fields]
        return np.array([root(each) for each in self.problem.start.T_group]), np.ascontiguousarray(hidden)

    @property
    def hidden_fields(self) -> int:
        """How many normal numbers an example has of what the inputs do not explain."""
        start = self.problem.start
        return self.M if not self.isotropic and start.T_hidden.any() else 0

    @property
    def normals(self) -> int:
        """How many normal numbers an example has, of the label noise too: rows of the points of `diffusion`."""
        noise = 0 if self.problem.sigma == 0 else self.O
        return self.problem.inputs.groups * (self.K + self.M) + self.hidden_fields + noise

    def of_step(self, w: Array, D: Array) -> Array:
        """The covariance of the change of w in a step, from that in the student's step alone, (…, L, L)."""
        if self._row[SPHERE]:
            kept = self.on_sphere(w)
            D = kept @ D @ kept.T
        return D + self._of_turning(w) if self._row[DRIFT] else D

    def curvature(self, w: Array, covariance: Array) -> Array:
        """sum_ab covariance_ab d^2(dw/dalpha)/dw_a dw_b / 2."""
        eigenvalues, vectors = np.linalg.eigh(covariance)
        directions = np.ascontiguousarray((vectors * np.sqrt(np.maximum(eigenvalues, 0))).T)
        return kernels.curvature(w, directions, self.parameters)

    def finite_size_drift(self, w: Array, D: Array) -> Array:
        """N times what the mean change of w in a step, times N, differs from that of a flow along the drift.

        `D` (L, L) is the covariance of the student's step, of which the sphere makes a change of the mean.
        """
        F = self.drift(w)
        h = self._step(w)
        JF = (self.drift(w + h * F) - self.drift(w - h * F)) / (2 * h)
        return self._beyond_drift(w, D) - (JF + self._explicit(w)) / 2

    def _explicit(self, w: Array) -> Array:
        """The derivative of the drift with respect to alpha alone: rates change, but not in the course of a step."""
        protocol, span = self.problem.protocol, self.span
        if span is None or not protocol.schedules:
            return np.zeros_like(w)
        h = min(1e-4 * max(1.0, self.alpha), (span.high - span.low) / 8)
        ends = [span.inside(self.alpha - h), span.inside(self.alpha + h)]
        before, after = (equations.drift(w, protocol.at(alpha, self.parameters)) for alpha in ends)
        return (after - before) / (ends[1] - ends[0])

    def _beyond_drift(self, w: Array, D: Array) -> Array:
        """N times what the mean change of w in a step, times N, differs from the drift.

        A step is that of the student, then the way back to the sphere, then the turn of the teacher.
        """
        moved = equations.drift(w, self._student)
        of_kind = kernels.finite_size_drift if self.isotropic else groupnoise.finite_size_drift_by_group
        more = of_kind(w, self._student) + self._by_shift_of_b(w)
        if self._row[SPHERE]:
            spread = D + np.outer(moved, moved)
            kept = self.on_sphere(w)
            moved, more = kept @ moved, kept @ more + self._curved_by_sphere(w, spread)
        kappa = self._row[DRIFT]
        if not kappa:
            return more
        R, Q_across, _ = self.parts(w)
        of_R = self.parts(moved)[0]
        along, mixed = R @ self.T_inverse @ R.T, of_R @ self.T_inverse @ R.T
        rank = float(np.sum(self.T * self.T_inverse))
        of_Q = 2 * kappa * (mixed + mixed.T) - kappa**2 * along - 2 * kappa * rank * Q_across
        return more + self.pack(-kappa * of_R, of_Q, np.zeros((self.K, self.O)))

    def _by_shift_of_b(self, w: Array) -> Array:
        """What `shift_of_b` makes of the drift."""
        teacher, v_teacher, B, rates, *rest = self._student
        shift = self.shift_of_b
        if not shift.any():
            return np.zeros_like(w)
        row = rates.copy()
        row[:, OF_B] = 1.0  # B is what there is of it, and what is added to it
        further, back = (
            equations.drift(w, (teacher, v_teacher, rates[0, OF_B] * B + h * shift, row, *rest))
            for h in (_STEP, -_STEP)
        )
        return (further - back) / (2 * _STEP)

    def _of_turning(self, w: Array) -> Array:
        """What the turning teacher adds to D: R_in scatters by 2 kappa Q_across_ik T_nm, and Q_across with it."""
        R, Q_across, _ = self.parts(w)
        turned = np.eye(R.size).reshape(-1, self.K, self.M)
        mixed = turned @ self.T_inverse @ R.T
        slopes = self.pack(turned, -mixed - np.swapaxes(mixed, -1, -2), np.zeros((len(turned), self.K, self.O)))
        return slopes.T @ np.kron(2 * self._row[DRIFT] * Q_across, self.T) @ slopes

    def on_sphere(self, w: Array) -> Array:
        """The matrix that takes from a small change of w what changes the norms Q_ii: the derivative of `_normal`."""
        R, Q_across, _ = self.parts(w)
        dR, dQ, dv = self.parts(np.eye(len(w)))
        along = R @ self.T_inverse
        norms = np.diag(Q_across) + np.sum(along * R, axis=1)
        growth = (np.einsum("...ii->...i", dQ) / 2 + np.sum(dR * along, axis=-1)) / norms
        kept = dR - growth[..., None] * R, dQ - (growth[:, :, None] + growth[:, None, :]) * Q_across
        return self.pack(*kept, dv).T

    def _normal(self, w: Array, norms: Array) -> Array:
        """States (..., L) with vectors brought to squared lengths (K,)."""
        R, Q_across, v = self.parts(w)
        there = np.einsum("...ii->...i", Q_across) + np.sum(R @ self.T_inverse * R, axis=-1)
        scale = np.sqrt(norms / there)[..., None]
        return self.pack(R * scale, Q_across * scale * np.swapaxes(scale, -1, -2), v)

    def _curved_by_sphere(self, w: Array, spread: Array) -> Array:
        """sum_ab spread_ab d^2 normal/dw_a dw_b / 2."""
        norms = np.diag(self.order_parameters(w)[1])
        values, axes = np.linalg.eigh(spread)
        steps = _STEP * axes.T
        second = self._normal(w + steps, norms) - 2 * w + self._normal(w - steps, norms)
        return values @ second / (2 * _STEP**2)

    def eps_g(self, w: Array) -> Array:
        """The generalization error of states (..., L), smooth: rounding may leave it below zero."""
        R, Q, v = self.order_parameters(w)
        v_teacher, weights = self.parameters[1], np.sqrt(self._row[WEIGHTS:])
        return averages.eps_g_formula(R, Q, self.T, v * weights, v_teacher * weights, self.problem.activations)

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
