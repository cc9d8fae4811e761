"""The reduced dynamics of inputs with a spectrum (docs/theory.md, section 11): coordinates in each group of directions.

The components of an example come with the standard deviation of their group, and what is beyond its frame with the
group's variance. A step is that of isotropic inputs in every group, but for the fields, which are sums over groups.
"""

from math import sqrt

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.compile import ordered
from stdyn.kernels.groups import VARIANCE
from stdyn.kernels.network import CACHED
from stdyn.kernels.parameters import DECAY, DECAY_V, ETA, ETA_V, OF_B, OF_V, SIGMA, named, rates_of
from stdyn.kernels.random import normals
from stdyn.kernels.reduced import add_square, count, errors, project_out, reduced_record
from stdyn.kernels.reduced_regimes import bartlett, factor_of_all


@ordered
def _sum_fields(A, L, hidden, across, g, z):
    """Fill z (P, runs) with the fields; across (groups, K, runs) are those of students across the teacher's space."""
    groups, K, M, runs = A.shape
    for a in range(K + M):
        for r in range(runs):
            z[a, r] = 0.0
    for group in range(groups):
        first = group * (K + M)
        for i in range(K):
            for r in range(runs):
                z[i, r] += across[group, i, r]
            for j in range(M):
                for r in range(runs):
                    z[i, r] += A[group, i, j, r] * g[first + j, r]
        for n in range(M):
            for j in range(n + 1):
                L_nj = L[group, n, j]
                for r in range(runs):
                    z[K + n, r] += L_nj * g[first + j, r]
    for n in range(len(hidden)):
        for j in range(len(hidden)):
            for r in range(runs):
                z[K + n, r] += hidden[n, j] * g[groups * (K + M) + j, r]


@ordered
def _respond(p, now, per, v, z, noise, alive, taken, change, to_v):
    """Fill change (K, runs), that of the students for each unit of an example, and add that of v to to_v (K, O, runs).

    Rates are divided by `per`; the noise is in rows P … P+O-1.
    """
    (K, O, runs), P = v.shape, len(z)
    g_z, g_prime, Delta, error = np.empty((P, runs)), np.empty((P, runs)), np.empty((O, runs)), np.empty(runs)
    activate(p.codes, K * runs, z.ravel(), g_z.ravel(), g_prime.ravel())
    errors(p, now[SIGMA], v, g_z, noise, Delta)
    count(z, Delta, alive, taken)
    rate, rate_v, of_v, of_b = now[ETA] / per, now[ETA_V] / per, now[OF_V], now[OF_B]
    for i in range(K):
        for r in range(runs):
            error[r] = 0.0
        for o in range(O):
            m_o, b_io, rate_o = p.m[o], of_b * p.b[i, o], rate_v * p.m[o]
            for r in range(runs):
                error[r] += (of_v * v[i, o, r] + b_io) * m_o * Delta[o, r]
                to_v[i, o, r] -= rate_o * Delta[o, r] * g_z[i, r]
        for r in range(runs):
            change[i, r] = -rate * g_prime[i, r] * error[r]


@ordered
def _decay(A, keep, moved):
    """A <- keep A + moved, of arrays (…, …, runs)."""
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            for r in range(A.shape[2]):
                A[i, j, r] = keep * A[i, j, r] + moved[i, j, r]


@ordered
def _step(A, S, v, L, hidden, alive, taken, N, g, rest, p, now):
    """A step of one example; rest (groups, 1, 1, runs) is the squared length beyond the frame of every group."""
    (groups, K, M, runs), P = A.shape, A.shape[1] + A.shape[2]
    keep = 1 - now[DECAY] / N
    x, length = np.empty((groups, K, runs)), np.empty((groups, runs))
    z, change, to_v = np.empty((P, runs)), np.empty((K, runs)), np.zeros(v.shape)
    for group in range(groups):
        part = g[group * P : (group + 1) * P]
        project_out(S[group], part, M, rest[group, 0, 0], keep, x[group], length[group])
    _sum_fields(A, L, hidden, x, g, z)
    _respond(p, now, N, v, z, g[groups * P + len(hidden) - P :], alive, taken, change, to_v)
    for group in range(groups):
        for i in range(K):
            for r in range(runs):
                far = length[group, r]
                x[group, i, r] = change[i, r] * far + (keep * x[group, i, r] / far if far > 0 else 0.0)
            for j in range(M):
                for r in range(runs):
                    A[group, i, j, r] = keep * A[group, i, j, r] + change[i, r] * g[group * P + j, r]
        add_square(S[group], x[group])
    _decay(v, 1 - now[DECAY_V] / N, to_v)


@ordered
def _batch_step(A, S, v, L, hidden, alive, taken, N, batch, width, numbers, rest, p, now):
    """A step of the mean change of many examples; rest (groups, K, K, runs), see `reduced_regimes`."""
    (groups, K, M, runs), P = A.shape, A.shape[1] + A.shape[2]
    to_A, to_across, to_v, spread = np.zeros(A.shape), np.zeros(S.shape), np.zeros(v.shape), np.zeros((K, K, runs))
    x, z, change, not_yet = np.empty((groups, K, runs)), np.empty((P, runs)), np.empty((K, runs)), np.empty(runs)
    for each in range(batch):
        g = numbers[each * width : (each + 1) * width]
        for group in range(groups):
            for i in range(K):
                for r in range(runs):
                    x[group, i, r] = 0.0
                for j in range(i + 1):
                    for r in range(runs):
                        x[group, i, r] += S[group, i, j, r] * g[group * P + M + j, r]
        _sum_fields(A, L, hidden, x, g, z)
        _respond(p, now, N * batch, v, z, g[groups * P + len(hidden) - P :], alive, not_yet, change, to_v)
        for group in range(groups):
            for i in range(K):
                for j in range(M):
                    for r in range(runs):
                        to_A[group, i, j, r] += change[i, r] * g[group * P + j, r]
                for j in range(K):
                    for r in range(runs):
                        to_across[group, i, j, r] += change[i, r] * g[group * P + M + j, r]
        add_square(spread, change)
    keep = 1 - now[DECAY] / N
    for r in range(runs):
        taken[r] += alive[r]
    for group in range(groups):
        _decay(A[group], keep, to_A[group])
        _decay(S[group], keep, to_across[group])
        factor_of_all(S[group], spread, rest[group])
    _decay(v, 1 - now[DECAY_V] / N, to_v)


@ordered
def _keep_lengths(A, S, lengths):
    """Bring the students back to their lengths (K,), which are those in all groups together."""
    groups, K, M, runs = A.shape
    scale = np.empty(runs)
    for i in range(K):
        for r in range(runs):
            scale[r] = 0.0
        for group in range(groups):
            for j in range(M):
                for r in range(runs):
                    scale[r] += A[group, i, j, r] * A[group, i, j, r]
            for j in range(i + 1):
                for r in range(runs):
                    scale[r] += S[group, i, j, r] * S[group, i, j, r]
        for r in range(runs):
            scale[r] = lengths[i] / sqrt(scale[r]) if scale[r] > 0 else 1.0
        for group in range(groups):
            for j in range(M):
                for r in range(runs):
                    A[group, i, j, r] *= scale[r]
            for j in range(i + 1):
                for r in range(runs):
                    S[group, i, j, r] *= scale[r]


@ordered
def reduced_groups_steps(
    A, S, v, L, hidden, alive, taken, N, lengths, batch, width, numbers, rest, parameters, row
):  # fmt: skip
    """Steps of many runs at once; A (groups, K, M, runs), S (groups, K, K, runs), v, alive and taken change in place.

    L (groups, M, M) is lower triangular; hidden (M, M), a root of T_hidden, or (0, 0). lengths (K,) are kept, (0,) not.
    numbers (steps, rows, runs), scaled by `in_groups`, has `width` rows for each of the `batch` examples of a step:
    K + M for every group, M if anything is hidden, and O of the noise if there is any. rest (steps, groups, n, n,
    runs), scaled as well, is of `bartlett`: n = 1 of a batch of 1, else K. All else is as in `reduced.reduced_steps`.
    """
    p, rates = named(parameters), rates_of(parameters)
    for step in range(len(numbers)):
        now = rates[row + step if len(rates) > 1 else 0]
        if batch == 1:
            _step(A, S, v, L, hidden, alive, taken, N, numbers[step], rest[step], p, now)
        else:
            _batch_step(A, S, v, L, hidden, alive, taken, N, batch, width, numbers[step], rest[step], p, now)
        if len(lengths):
            _keep_lengths(A, S, lengths)


@ordered
def in_groups(variances, sizes, P, batch, width, numbers, rest):
    """Scale standard normal numbers and Bartlett's triangles of some steps by the variances of the groups.

    There are `sizes` directions in a group: components beyond them are zero.
    """
    steps, groups, n, _, runs = rest.shape
    for step in range(steps):
        for group in range(groups):
            deviation = sqrt(variances[group])
            for each in range(batch):
                for a in range(P):
                    component = each * width + group * P + a
                    for r in range(runs):
                        numbers[step, component, r] = (
                            deviation * numbers[step, component, r] if a < sizes[group] else 0.0
                        )
            for i in range(n):
                for j in range(i + 1):
                    factor = variances[group] if i == j else deviation
                    for r in range(runs):
                        rest[step, group, i, j, r] *= factor


@ordered
def reduced_groups_record(A, S, v, L, alive, row, records):
    """Fill row `row` of the records of the runs that are alive: R and Q (runs, rows, groups, …), v as ever."""
    R, Q, v_recorded = records
    for group in range(len(A)):
        reduced_record(A[group], S[group], v, L[group], alive, row, (R[:, :, group], Q[:, :, group], v_recorded))


@ordered
def reduced_groups_run(
    A, S, v, L, hidden, alive, taken, N, sizes, lengths, batch, streams, step, end, marks, done, records, parameters,
    noisy,
):  # fmt: skip
    """`reduced_groups_steps` as `reduced.reduced_run` takes steps; a group has `sizes` (groups,) directions."""
    (groups, K, _, runs), P, first = A.shape, A.shape[1] + A.shape[2], step
    width, n = groups * P + len(hidden) + (v.shape[1] if noisy else 0), (1 if batch == 1 else K)
    used, each_rest = batch * width, n * (n + 1) // 2
    rows = (used + groups * each_rest + 1) // 2 * 2
    block = min(end - step, max(1, CACHED // (rows * runs)))
    draws, rest = np.empty((block, rows, runs)), np.empty((block, groups, n, n, runs))
    variances = named(parameters).groups[VARIANCE]
    while True:
        if done < len(marks) and step == marks[done]:
            reduced_groups_record(A, S, v, L, alive, done, records)
            done += 1
        if step == end:
            break
        size = min(block, end - step, marks[done] - step)
        numbers = draws[:size]
        normals(streams[0], numbers.reshape(size * rows, runs))
        for each in range(size):
            for group in range(groups):
                begin = used + group * each_rest
                bartlett(
                    streams[1], max(sizes[group] - P, 0), draws[each, begin : begin + each_rest], rest[each, group]
                )
        in_groups(variances, sizes, P, batch, width, numbers, rest[:size])
        what = lengths, batch, width, numbers, rest[:size]
        reduced_groups_steps(A, S, v, L, hidden, alive, taken, N, *what, parameters, step - first)
        step += size
    return done
