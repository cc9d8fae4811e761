"""Beyond the mean: derivatives of the ODEs and the noise of a step, in the coordinates w = (R, Q_across, v)."""

from math import sqrt

import numpy as np
from numba.extending import overload

from stdyn.kernels.activation import activate
from stdyn.kernels.algebra import covariance, largest, minus, output_weights, overlaps, plus, power
from stdyn.kernels.averages import analytic, averages
from stdyn.kernels.compile import compiled
from stdyn.kernels.deltas import errors
from stdyn.kernels.equations import by_group, drift
from stdyn.kernels.groups import VARIANCE, across_by_group, place_q
from stdyn.kernels.parameters import backward, named
from stdyn.kernels.state import pack, place_Q, place_R, place_v, unpack

_STEP = 3e-4  # of first differences: errors h^4 f^(5)/30 and 1e-16/h, both below 1e-10 here
_WIDE = 3e-3  # of second differences, in which an error of 1e-5 is of no account
_BORDER = 1e-6  # a step inside that would be smaller: differences are taken to one side
_ACROSS = 1e-7  # their step
_INSIDE = 0.1  # of the way to where Q_across is singular: no difference steps further, if averages end there
TOGETHER = 256  # points at a time: what is computed of all of them stays in the cache


@compiled
def step_inside(w, step, least, parameters):
    """The step of differences around w: `step`, but less where that would leave the states that are possible.

    Where averages are analytic across the border, where Q_across is singular, nothing is left. Those of ReLU have a
    singularity there, and quadrature has no points beyond. `least` is for states on the border itself.
    """
    p = named(parameters)
    if analytic(p) or not largest(w) < np.inf:
        return step
    return max(least, min(step, _INSIDE * _to_the_border(p, w)))


def _to_the_border(p, w):
    """How far Q_across may change before it is singular: its least eigenvalue, for the largest variance of inputs."""


@compiled
def _isotropic_to_the_border(p, w):
    _, Q_across, _ = unpack(w, p.b.shape[0], p.T.shape[0], p.b.shape[1])
    return np.linalg.eigvalsh(Q_across)[0]


@compiled
def _to_the_border_by_group(p, w):
    return np.linalg.eigvalsh(across_by_group(p, w))[0] / largest(p.groups[VARIANCE])


@overload(_to_the_border)
def _of_to_the_border(p, w):
    return (_to_the_border_by_group if by_group(p) else _isotropic_to_the_border).py_func


def _groups(p):
    """The number of groups of the inputs' directions."""


@overload(_groups)
def _of_groups(p):
    return (lambda p: p.groups.shape[1]) if by_group(p) else (lambda p: 1)


@compiled
def jacobian(w, parameters):
    """J_ab = d(dw_a/dalpha)/dw_b, by central differences of fourth order.

    Where Q_across is all but singular, and averages end there, those with respect to Q_across are one-sided.
    """
    p = named(parameters)
    (K, O), M, L = p.b.shape, p.T.shape[0], len(w)
    J = np.zeros((L, L))
    moved, inside = w.copy(), step_inside(w, _STEP, 0.0, parameters)
    first, last = place_q(0, 0, 0, K, M, _groups(p)), L - K * O  # Q_across, which alone is bounded
    for j in range(L):
        if first <= j < last and inside < _BORDER:
            continue
        h = (inside if first <= j < last else _STEP) * (1 + abs(w[j]))
        for step, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
            moved[j] = w[j] + step * h
            there = drift(moved, parameters)
            for a in range(L):
                J[a, j] += weight / (12 * h) * there[a]
        moved[j] = w[j]
    if inside < _BORDER:
        _one_sided(J, w, parameters)
    return J


@compiled
def _one_sided(J, w, parameters):
    """Fill the columns of J that belong to Q_across by differences to the inside.

    From f(h) and f(4h): what f - f(0) has of order h^3/2 (ReLU) cancels.
    """
    p = named(parameters)
    K, M, L = p.b.shape[0], p.T.shape[0], _groups(p)
    here = drift(w, parameters)
    for group in range(L):
        for i in range(K):
            for k in range(i, K):  # along (e_i + e_k)(e_i + e_k)^T, which is possible
                for times, weight in ((1, 8.0), (4, -1.0)):
                    there = drift(_lengthened(w, times * _ACROSS, group, i, k, K, M, L), parameters)
                    for a in range(len(w)):
                        J[a, place_q(group, i, k, K, M, L)] += weight * (there[a] - here[a]) / (4 * _ACROSS)
        for i in range(K):
            for k in range(i + 1, K):
                for a in range(len(w)):
                    alone = J[a, place_q(group, i, i, K, M, L)] + J[a, place_q(group, k, k, K, M, L)]
                    J[a, place_q(group, i, k, K, M, L)] -= alone


@compiled
def _lengthened(w, length, group, i, k, K, M, L):
    """w with `length` e e^T added to Q_across (of a group), e = e_i + e_k, or e_i if they are the same."""
    moved = w.copy()
    moved[place_q(group, i, i, K, M, L)] += length
    if i != k:
        moved[place_q(group, k, k, K, M, L)] += length
        moved[place_q(group, i, k, K, M, L)] += length
    return moved


@compiled
def curvature(w, directions, parameters):
    """sum_ab D_ab d^2(dw/dalpha)/dw_a dw_b / 2 with D = sum_k d_k d_k^T, the d_k being the rows of `directions`."""
    total, moved = np.zeros(len(w)), np.empty(len(w))
    wide = step_inside(w, _WIDE, 1e-5, parameters)
    here = drift(w, parameters)
    for k in range(len(directions)):
        square = 0.0
        for a in range(len(w)):
            square += directions[k, a] ** 2
        for sign in (1.0, -1.0):
            if square > 0:
                for a in range(len(w)):
                    moved[a] = w[a] + sign * directions[k, a] * (wide / sqrt(square))
                there = drift(moved, parameters)
                for a in range(len(w)):
                    total[a] += (there[a] - here[a]) * (square / (2 * wide**2))
    return total


@compiled
def finite_size_drift(w, parameters):
    """N times what the mean change of w in a step, times N, differs from dw/dalpha, for N -> infinity.

    Of isotropic inputs, and of the student's step alone, without drift and sphere. Only that of Q_across does: by the
    length of an example across the teacher's space (of as many dimensions as T has rank), which is not independent of
    its fields, by the decay of both factors of an overlap, and by pairs of examples of one step,
    <delta_i xi>.<delta_k xi>.
    """
    p = named(parameters)
    (K, O), M = p.b.shape, p.T.shape[0]
    R, Q_across, v = unpack(w, K, M, O)
    Q_along = overlaps(overlaps(R, p.T_inverse), R)
    u, b = output_weights(v, p.v_teacher), backward(p, v)
    C = covariance(R, plus(Q_along, 1.0, Q_across), p.T)
    more, less = (
        covariance(R, plus(Q_along, 1 + _STEP, Q_across), p.T),
        covariance(R, plus(Q_along, 1 - _STEP, Q_across), p.T),
    )
    G, H, _ = averages(p, C, C, u, b)
    _, H_more, _ = averages(p, more, more, u, b)
    _, H_less, _ = averages(p, less, less, u, b)
    G_across = minus(G[:, :K], overlaps(G[:, K:], overlaps(R, p.T_inverse)))
    rank = 0.0  # the trace of the projector T T^+
    for n in range(M):
        for m in range(M):
            rank += p.T[n, m] * p.T_inverse[m, n]
    dQ = np.empty((K, K))
    for i in range(K):
        for k in range(K):
            lengths = (H_more[i, k] - H_less[i, k]) / _STEP - rank * H[i, k]
            dQ[i, k] = p.eta**2 * p.square * lengths + p.decay**2 * Q_across[i, k]
            dQ[i, k] += p.decay * p.eta * (G_across[i, k] + G_across[k, i])
    if p.square < 1:
        pairs = overlaps(overlaps(G_across, power(Q_across, -1.0)), G_across)
        dQ = plus(dQ, p.eta**2 * (1 - p.square), pairs)
    return pack(np.zeros((K, M)), dQ, np.zeros((K, O)))


@compiled
def diffusion(w, roots, g, parameters):
    """D_ab = Cov[f_a, f_b] of f = N times the change of w in a step, |xi|^2 = N, for each set of points g.

    Of isotropic inputs and the student's step alone, as in `finite_size_drift`. Of several examples a step it is that
    of their mean.

    roots = (T^1/2, T^+1/2, Q_across^1/2); g (sets, rows, points) are standard normal: M components along the teacher's
    space, K across it and, if sigma > 0, O of the noise. Returns (sets, L, L).
    """
    p = named(parameters)
    (K, O), M, L = p.b.shape, p.T.shape[0], len(w)
    R, Q_across, v = unpack(w, K, M, O)
    mean = unpack(drift(w, parameters), K, M, O)
    u, back = output_weights(v, p.v_teacher), backward(p, v)
    along = overlaps(R, roots[1])
    z, g_z, g_prime = np.empty((K + M, TOGETHER)), np.empty((K + M, TOGETHER)), np.empty((K + M, TOGETHER))
    across, delta, Delta = np.empty((K, TOGETHER)), np.empty((K, TOGETHER)), np.empty((O, TOGETHER))
    f = np.empty((L, TOGETHER))
    D = np.zeros((len(g), L, L))
    for which in range(len(g)):
        for first in range(0, g.shape[2], TOGETHER):
            points = g[which, :, first : first + TOGETHER]
            _fields(along, roots, points, across, z)
            activate(p.codes, K * TOGETHER, z.ravel(), g_z.ravel(), g_prime.ravel())
            for o in range(O):
                for r in range(TOGETHER):
                    Delta[o, r] = -p.sigma * points[K + M + o, r] if p.sigma > 0 else 0.0
            errors(g_z, g_prime, u, back, Delta, delta)
            _changes(p, (R, Q_across, v), mean, across, z, g_z, delta, Delta, f)
            add_covariance(f, D[which])
        for a in range(L):
            for c in range(a + 1):
                D[which, a, c] *= p.square / g.shape[2]
                D[which, c, a] = D[which, a, c]
    return D


@compiled
def _fields(along, roots, points, across, z):
    """Fill z (K+M, points) with the fields, and across (K, points) with those across the teacher's space."""
    K, M = along.shape
    for i in range(K):
        for r in range(TOGETHER):
            across[i, r] = 0.0
        for k in range(K):
            for r in range(TOGETHER):
                across[i, r] += roots[2][i, k] * points[M + k, r]
        for r in range(TOGETHER):
            z[i, r] = across[i, r]
        for n in range(M):
            for r in range(TOGETHER):
                z[i, r] += along[i, n] * points[n, r]
    for n in range(M):
        for r in range(TOGETHER):
            z[K + n, r] = 0.0
        for m in range(M):
            for r in range(TOGETHER):
                z[K + n, r] += roots[0][n, m] * points[m, r]


@compiled
def _changes(p, state, mean, across, z, g_z, delta, Delta, f):
    """Fill f (L, points) with N times the change of w in a step, less its mean."""
    (R, Q_across, v), (mean_R, mean_Q, mean_v) = state, mean
    (K, M), O = R.shape, v.shape[1]
    for i in range(K):
        for n in range(M):
            rest = p.decay * R[i, n] + mean_R[i, n]
            for r in range(TOGETHER):
                f[place_R(i, n, K, M), r] = -p.eta * delta[i, r] * z[K + n, r] - rest
        for k in range(i, K):
            rest = 2 * p.decay * Q_across[i, k] + mean_Q[i, k]
            for r in range(TOGETHER):
                change = delta[i, r] * across[k, r] + delta[k, r] * across[i, r]
                square = p.eta**2 * p.square * delta[i, r] * delta[k, r]
                f[place_Q(i, k, K, M), r] = square - p.eta * change - rest
        for o in range(O):
            rest = p.decay_v * v[i, o] + mean_v[i, o]
            for r in range(TOGETHER):
                f[place_v(i, o, K, M, O), r] = -p.eta_v * p.m[o] * Delta[o, r] * g_z[i, r] - rest


@compiled
def add_covariance(f, D):
    """Add sum_r f_ar f_cr to D_ac, a >= c."""
    for a in range(len(f)):
        for c in range(a + 1):
            total = 0.0
            for r in range(f.shape[1]):
                total += f[a, r] * f[c, r]
            D[a, c] += total
