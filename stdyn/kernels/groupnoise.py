"""Beyond the mean, for inputs with a spectrum: the noise of a step in the overlaps of every group (docs/theory.md, 11).

The state and p.groups are those of kernels/groups.py.
"""

from math import sqrt

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.algebra import covariance, identity, output_weights
from stdyn.kernels.averages import averages
from stdyn.kernels.compile import compiled
from stdyn.kernels.deltas import errors
from stdyn.kernels.expansion import TOGETHER, add_covariance
from stdyn.kernels.groups import (
    FRACTION,
    OVERLAPS,
    VARIANCE,
    along_of,
    covariances,
    drift_by_group,
    pack_groups,
    place_q,
    place_r,
    unpack_groups,
)  # fmt: skip
from stdyn.kernels.parameters import backward, named

_STEP = 3e-4  # of differences


@compiled
def finite_size_drift_by_group(w, parameters):
    """N times what the mean change of w in a step, times N, differs from dw/dalpha, for N -> infinity.

    As `kernels.expansion.finite_size_drift`, of the student's step alone: only that of q_across does.
    """
    p = named(parameters)
    (K, O), L, M = p.b.shape, p.groups.shape[1], p.T.shape[0]
    P = K + M
    r, q_across, v = unpack_groups(w, L, K, M, O)
    R, Q = covariances(p, r, q_across, along_of(p, r))
    u, b = output_weights(v, p.v_teacher), backward(p, v)
    one = identity(P)
    Gamma, H, _ = averages(p, covariance(R, Q, p.T), one, u, b)
    dq, moved = np.empty((K, K, L)), Q.copy()
    for group in range(L):
        omega = p.groups[VARIANCE, group]
        rank = 0.0  # the trace of the projector t t^+
        for n in range(M):
            for m in range(M):
                rank += p.groups[OVERLAPS + n * M + m, group] * p.groups[OVERLAPS + M * M + m * M + n, group]
        lengths = np.zeros((K, K))  # 2 dH/ds, where s multiplies q_across of this group
        for sign in (1.0, -1.0):
            for i in range(K):
                for k in range(K):
                    moved[i, k] = Q[i, k] + sign * _STEP * omega * q_across[i, k, group]
            _, there, _ = averages(p, covariance(R, moved, p.T), one, u, b)
            for i in range(K):
                for k in range(K):
                    lengths[i, k] += sign * there[i, k] / _STEP
        mixed, pairs = np.zeros((K, K)), np.zeros((K, K))  # <delta_i xi>.w_k and <delta_i xi>.<delta_k xi>, both across
        for i in range(K):
            for k in range(K):
                for j in range(K):
                    mixed[i, k] += omega * Gamma[i, j] * q_across[j, k, group]
        for i in range(K):
            for k in range(K):
                for j in range(K):
                    pairs[i, k] += omega * mixed[i, j] * Gamma[k, j]
        for i in range(K):
            for k in range(K):
                change = p.eta**2 * p.square * omega * (lengths[i, k] - rank * H[i, k])
                change += p.decay**2 * q_across[i, k, group] + p.decay * p.eta * (mixed[i, k] + mixed[k, i])
                if p.square < 1:
                    change += p.eta**2 * (1 - p.square) * pairs[i, k]
                dq[i, k, group] = change
    return pack_groups(np.zeros((K, M, L)), dq, np.zeros((K, O)))


@compiled
def diffusion_by_group(w, roots_t, roots_q, hidden, g, parameters):
    """D_ab = Cov[f_a, f_b] of f = N times the change of w in a step, |xi|^2 = p omega N, for each set of points g.

    As `kernels.expansion.diffusion`. roots_t (L, M, M) and roots_q (L, K, K) are t^1/2 and q_across^1/2, hidden (M, H)
    a root of T_hidden; g (sets, rows, points) are standard normal: for each group M components along the teacher's
    space and K across it, then H, then, if sigma > 0, O of the noise. Returns (sets, S, S).
    """
    p = named(parameters)
    (K, O), L, M, S = p.b.shape, p.groups.shape[1], p.T.shape[0], len(w)
    r, q_across, v = unpack_groups(w, L, K, M, O)
    along, mean = along_of(p, r), drift_by_group(p, w)
    u, back = output_weights(v, p.v_teacher), backward(p, v)
    z, g_z, g_prime = np.empty((K + M, TOGETHER)), np.empty((K + M, TOGETHER)), np.empty((K + M, TOGETHER))
    y, across = np.empty((L, M, TOGETHER)), np.empty((L, K, TOGETHER))
    delta, Delta, f = np.empty((K, TOGETHER)), np.empty((O, TOGETHER)), np.empty((S, TOGETHER))
    D, rest = np.zeros((len(g), S, S)), L * (K + M)
    for which in range(len(g)):
        for first in range(0, g.shape[2], TOGETHER):
            points = g[which, :, first : first + TOGETHER]
            _parts(p, along, roots_t, roots_q, points, y, across, z)
            for n in range(M):
                for h in range(hidden.shape[1]):
                    for s in range(TOGETHER):
                        z[K + n, s] += hidden[n, h] * points[rest + h, s]
            activate(p.codes, K * TOGETHER, z.ravel(), g_z.ravel(), g_prime.ravel())
            for o in range(O):
                for s in range(TOGETHER):
                    Delta[o, s] = -p.sigma * points[rest + hidden.shape[1] + o, s] if p.sigma > 0 else 0.0
            errors(g_z, g_prime, u, back, Delta, delta)
            _changes(p, r, q_across, v, mean, y, across, g_z, delta, Delta, f)
            add_covariance(f, D[which])
        for a in range(S):
            for c in range(a + 1):
                D[which, a, c] *= p.square / g.shape[2]
                D[which, c, a] = D[which, a, c]
    return D


@compiled
def _parts(p, along, roots_t, roots_q, points, y, across, z):
    """Fill y (L, M, points) and across (L, K, points), the parts of fields in each group, and z, their sums."""
    K, M, L = along.shape
    for a in range(K + M):
        for s in range(TOGETHER):
            z[a, s] = 0.0
    for group in range(L):
        first, scale = group * (K + M), sqrt(p.groups[VARIANCE, group])
        for n in range(M):
            for s in range(TOGETHER):
                y[group, n, s] = 0.0
            for m in range(M):
                for s in range(TOGETHER):
                    y[group, n, s] += scale * roots_t[group, n, m] * points[first + m, s]
            for s in range(TOGETHER):
                z[K + n, s] += y[group, n, s]
        for i in range(K):
            for s in range(TOGETHER):
                across[group, i, s] = 0.0
            for k in range(K):
                for s in range(TOGETHER):
                    across[group, i, s] += scale * roots_q[group, i, k] * points[first + M + k, s]
            for s in range(TOGETHER):
                z[i, s] += across[group, i, s]
            for n in range(M):
                for s in range(TOGETHER):
                    z[i, s] += along[i, n, group] * y[group, n, s]


@compiled
def _changes(p, r, q_across, v, mean, y, across, g_z, delta, Delta, f):
    """Fill f (S, points) with N times the change of w in a step, less its mean."""
    (K, M, L), O = r.shape, v.shape[1]
    for group in range(L):
        length = p.groups[FRACTION, group] * p.groups[VARIANCE, group]
        for i in range(K):
            for n in range(M):
                place = place_r(group, i, n, K, M)
                rest = p.decay * r[i, n, group] + mean[place]
                for s in range(TOGETHER):
                    f[place, s] = -p.eta * delta[i, s] * y[group, n, s] - rest
            for k in range(i, K):
                place = place_q(group, i, k, K, M, L)
                rest = 2 * p.decay * q_across[i, k, group] + mean[place]
                for s in range(TOGETHER):
                    change = delta[i, s] * across[group, k, s] + delta[k, s] * across[group, i, s]
                    square = p.eta**2 * p.square * length * delta[i, s] * delta[k, s]
                    f[place, s] = square - p.eta * change - rest
    last = len(f) - K * O
    for i in range(K):
        for o in range(O):
            place = last + i * O + o
            rest = p.decay_v * v[i, o] + mean[place]
            for s in range(TOGETHER):
                f[place, s] = -p.eta_v * p.m[o] * Delta[o, s] * g_z[i, s] - rest
