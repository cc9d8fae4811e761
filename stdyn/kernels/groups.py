"""The ODEs of inputs with a spectrum (docs/theory.md, section 11): L groups of directions, in each of them overlaps.

The state is r row by row for one group after the other, then the upper triangles of q likewise, then v. In w there is
q_across = q - r t^+ r^T in the place of q. Here the group is the last axis of every array, along which loops run.

<delta_i y> of any Gaussian y is sum_a Gamma_ia cov(z_a, y). The averages see the fields' covariance C alone, so that
Gamma, H and h are computed once; what is left are products for each group:
  dr/dalpha = - eta omega (Gamma_x r + Gamma_y t) - lambda r
  dq_across/dalpha = - eta omega (Gamma_x q_across + its transpose) - 2 lambda q_across + eta^2 p omega H
with Gamma = [Gamma_x, Gamma_y]. In the latter what has to do with the teacher cancels, and so nothing does in numbers.
"""

import numpy as np

from stdyn.kernels.algebra import covariance, identity, minus, output_weights, overlaps, plus, power
from stdyn.kernels.averages import averages
from stdyn.kernels.compile import compiled, inlined
from stdyn.kernels.parameters import backward

VARIANCE, FRACTION, OVERLAPS = range(3)  # rows of `groups`; t begins with OVERLAPS, t^+ M^2 rows later


@inlined
def place_r(group, i, n, K, M):
    """Where r_in of a group stands."""
    return group * K * M + i * M + n


@inlined
def place_q(group, i, k, K, M, L):
    """Where q_ik of a group stands, i <= k."""
    return L * K * M + group * (K * (K + 1) // 2) + i * K - i * (i - 1) // 2 + k - i


@compiled
def unpack_groups(y, L, K, M, O):
    """r (K, M, L), q (K, K, L) and v (K, O) of the state vector y."""
    r, q, v = np.empty((K, M, L)), np.empty((K, K, L)), np.empty((K, O))
    for i in range(K):
        for n in range(M):
            for group in range(L):
                r[i, n, group] = y[place_r(group, i, n, K, M)]
        for k in range(i, K):
            for group in range(L):
                q[i, k, group] = q[k, i, group] = y[place_q(group, i, k, K, M, L)]
    last = len(y) - K * O
    for i in range(K):
        for o in range(O):
            v[i, o] = y[last + i * O + o]
    return r, q, v


@compiled
def pack_groups(r, q, v):
    """The state vector y of r (K, M, L), q (K, K, L) and v (K, O)."""
    (K, M, L), O = r.shape, v.shape[1]
    last = L * (K * M + K * (K + 1) // 2)
    y = np.empty(last + K * O)
    for i in range(K):
        for n in range(M):
            for group in range(L):
                y[place_r(group, i, n, K, M)] = r[i, n, group]
        for k in range(i, K):
            for group in range(L):
                y[place_q(group, i, k, K, M, L)] = q[i, k, group]
        for o in range(O):
            y[last + i * O + o] = v[i, o]
    return y


@compiled
def along_of(p, r):
    """r t^+ (K, M, L): the students' components along the teacher's vectors."""
    K, M, L = r.shape
    first = OVERLAPS + M * M
    along = np.zeros((K, M, L))
    for i in range(K):
        for n in range(M):
            for m in range(M):
                for group in range(L):
                    along[i, n, group] += r[i, m, group] * p.groups[first + m * M + n, group]
    return along


@compiled
def covariances(p, r, q_across, along):
    """R (K, M) and Q (K, K) of the fields."""
    K, M, L = r.shape
    omega, columns, all_r = p.groups[VARIANCE], M * L, r.reshape(K, M * L)
    R, Q, weighted = np.zeros((K, M)), np.zeros((K, K)), np.empty(columns)
    for i in range(K):
        for n in range(M):
            total = 0.0
            for group in range(L):
                total += omega[group] * r[i, n, group]
                weighted[n * L + group] = omega[group] * along[i, n, group]
            R[i, n] = total
        for k in range(i, K):
            total = 0.0
            for group in range(L):
                total += omega[group] * q_across[i, k, group]
            for j in range(columns):
                total += weighted[j] * all_r[k, j]
            Q[i, k] = Q[k, i] = total
    return R, Q


@compiled
def _products(Gamma, of_students, of_teachers):
    """Gamma_x of_students + Gamma_y of_teachers: rows (K, columns) and, one after the other, (M columns,) or (0,)."""
    K, columns = of_students.shape
    M = len(of_teachers) // columns
    total = np.zeros((K, columns))
    for i in range(K):
        for k in range(K):
            for j in range(columns):
                total[i, j] += Gamma[i, k] * of_students[k, j]
        for m in range(M):
            for j in range(columns):
                total[i, j] += Gamma[i, K + m] * of_teachers[m * columns + j]
    return total


@compiled
def _changes(p, r, q_across, v, along):
    """dr/dalpha (K, M, L), dq_across/dalpha (K, K, L), symmetric, and dv/dalpha (K, O)."""
    (K, M, L), O, P = r.shape, v.shape[1], r.shape[0] + r.shape[1]
    R, Q = covariances(p, r, q_across, along)
    Gamma, H, h = averages(p, covariance(R, Q, p.T), identity(P), output_weights(v, p.v_teacher), backward(p, v))
    dr, dq, dv = np.empty((K, M, L)), np.empty((K, K, L)), np.empty((K, O))
    t = p.groups.ravel()[OVERLAPS * L : (OVERLAPS + M * M) * L]
    to_r = _products(Gamma, r.reshape(K, M * L), t)
    to_q = _products(Gamma, q_across.reshape(K, K * L), t[:0])
    omega, fraction = p.groups[VARIANCE], p.groups[FRACTION]
    for i in range(K):
        for n in range(M):
            for group in range(L):
                dr[i, n, group] = -p.eta * omega[group] * to_r[i, n * L + group] - p.decay * r[i, n, group]
        for k in range(i, K):
            squares = p.eta**2 * p.square * H[i, k]
            for group in range(L):
                mixed = to_q[i, k * L + group] + to_q[k, i * L + group]
                change = omega[group] * (fraction[group] * squares - p.eta * mixed)
                dq[i, k, group] = dq[k, i, group] = change - 2 * p.decay * q_across[i, k, group]
        for o in range(O):
            dv[i, o] = -p.eta_v * p.m[o] * h[i, o] - p.decay_v * v[i, o]
    if p.sphere > 0:
        _keep_norms(r, q_across, along, dr, dq)
    return dr, dq, dv


@compiled
def _keep_norms(r, q_across, along, dr, dq):
    """Take from dr and dq_across what would change the norms |w_i|^2: the part of dw_i along w_i."""
    K, M, L = r.shape
    growth = np.empty(K)
    for i in range(K):
        norm, change = 0.0, 0.0
        for group in range(L):
            norm += q_across[i, i, group]
            change += dq[i, i, group]
            for n in range(M):
                norm += along[i, n, group] * r[i, n, group]
                change += 2 * along[i, n, group] * dr[i, n, group]
        growth[i] = change / (2 * norm)
    for i in range(K):
        for n in range(M):
            for group in range(L):
                dr[i, n, group] -= growth[i] * r[i, n, group]
        for k in range(K):
            for group in range(L):
                dq[i, k, group] -= (growth[i] + growth[k]) * q_across[i, k, group]


@compiled
def drift_by_group(p, w):
    """dw/dalpha of a state w = (r, q_across, v)."""
    (K, O), L, M = p.b.shape, p.groups.shape[1], p.T.shape[0]
    r, q_across, v = unpack_groups(w, L, K, M, O)
    dr, dq, dv = _changes(p, r, q_across, v, along_of(p, r))
    return pack_groups(dr, dq, dv)


@compiled
def across_by_group(p, w):
    """The covariance (K, K) of the students' fields across the teachers', of a state w.

    It is that of q_across, and of slopes that differ between the groups: with A = r t^+ and A' = R T^+ it is
    sum omega [q_across + (A - A') t (A - A')^T] + A' T_hidden A'^T. Nothing cancels.
    """
    (K, O), L, M = p.b.shape, p.groups.shape[1], p.T.shape[0]
    r, q_across, _ = unpack_groups(w, L, K, M, O)
    along, omega = along_of(p, r), p.groups[VARIANCE]
    R, _ = covariances(p, r, q_across, along)
    across, hidden = np.zeros((K, K)), np.empty((M, M))
    for n in range(M):
        for m in range(M):
            hidden[n, m] = p.T[n, m]
            for group in range(L):
                hidden[n, m] -= omega[group] * p.groups[OVERLAPS + n * M + m, group]
    for i in range(K):
        for k in range(K):
            for group in range(L):
                across[i, k] += omega[group] * q_across[i, k, group]
    mean = overlaps(R, power(p.T, -1.0))
    across = plus(across, 1.0, overlaps(overlaps(mean, hidden), mean))
    t = np.empty((M, M))
    for group in range(L):
        for n in range(M):
            for m in range(M):
                t[n, m] = p.groups[OVERLAPS + n * M + m, group]
        slope = minus(along[:, :, group], mean)
        across = plus(across, omega[group], overlaps(overlaps(slope, t), slope))
    return across
