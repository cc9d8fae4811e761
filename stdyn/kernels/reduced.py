"""The reduced dynamics: the same process in coordinates (docs/theory.md, section 4), many runs at once."""

from math import sqrt

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.compile import ordered
from stdyn.kernels.network import CACHED
from stdyn.kernels.parameters import DECAY, DECAY_V, ETA, ETA_V, OF_B, OF_V, SIGMA, named, rates_of
from stdyn.kernels.random import chi_squares, normals
from stdyn.kernels.state import DIVERGED


@ordered
def project_out(S, g, M, tail, keep, x, length):
    """x = S g, length = sqrt(|g|^2 + tail), and S <- the triangular factor of keep^2 S (1 - g g^T/length^2) S^T.

    The g meant here are rows M … M+K-1 of g, the components of the example along the frame of S; tail (runs) is the
    squared length of what lies outside of the frame. The factor is keep S G, with the triangular G that has
    G G^T = 1 - g g^T/length^2:
    G_jj = sqrt(tau_j/tau_(j-1)), G_ij = -g_i g_j/sqrt(tau_j tau_(j-1)) (i > j), tau_j = tail + sum_(l>j) g_l^2.
    """
    K, runs = x.shape
    diagonal, below, tau = np.empty((K, runs)), np.empty((K, runs)), np.empty(runs)
    for r in range(runs):
        tau[r] = tail[r]
    for j in range(K - 1, -1, -1):
        for r in range(runs):
            tau_j = tau[r]
            tau[r] = tau_j + g[M + j, r] * g[M + j, r]
            diagonal[j, r] = keep * sqrt(tau_j / tau[r]) if tau[r] > 0 else 0.0
            below[j, r] = g[M + j, r] * diagonal[j, r] / tau_j if tau_j > 0 else 0.0
    for r in range(runs):
        length[r] = sqrt(tau[r])
    for i in range(K):
        for r in range(runs):
            x[i, r] = 0.0
        for j in range(i, -1, -1):
            for r in range(runs):
                S_ij = S[i, j, r]
                S[i, j, r] = S_ij * diagonal[j, r] - x[i, r] * below[j, r]
                x[i, r] += S_ij * g[M + j, r]


@ordered
def add_square(S, p):
    """S becomes the triangular factor of S S^T + p p^T, and p is used up; S (K, K, runs), p (K, runs).

    By rotations, which need no positive pivot. Rows of S and p that are equal stay equal, bit by bit: for these the
    rotation gives the new p as a difference of the same two products, exactly zero.
    """
    K, runs = p.shape
    pivot, along, scale = np.empty(runs), np.empty(runs), np.empty(runs)
    for j in range(K):
        for r in range(runs):
            square = S[j, j, r] * S[j, j, r] + p[j, r] * p[j, r]
            pivot[r] = S[j, j, r] if square > 0 else 1.0
            along[r] = p[j, r] if square > 0 else 0.0
            scale[r] = 1 / sqrt(square) if square > 0 else 1.0
        for i in range(j, K):
            for r in range(runs):
                S_ij = S[i, j, r]
                S[i, j, r] = (pivot[r] * S_ij + along[r] * p[i, r]) * scale[r]
                p[i, r] = (pivot[r] * p[i, r] - along[r] * S_ij) * scale[r]


@ordered
def reduced_steps(A, S, v, L, alive, taken, N, g, chi2, parameters, row):
    """Online SGD in coordinates, many runs at once (docs/theory.md, section 4); A, S, v, alive, taken change in place.

    A (K, M, runs) and S (K, K, runs), lower triangular, are the coordinates of the students along and across the
    teacher's space, L (M, M), lower triangular, those of the teacher; v (K, O, runs). The rows of g (steps, rows, runs)
    are standard normal: the K+M components of the example and, if sigma > 0, the O of the noise; further ones are not
    used. chi2 (steps, runs) is chi^2 of N - K - M degrees of freedom. Where N < K + M, it and the components from N on
    are zero. `alive` (runs) is 1, and `taken` counts the steps, until a field or an error of the run is beyond
    `DIVERGED`; from there on it is 0 and the run without meaning.
    The rates of the first step are in row `row` of those of the parameters; of constant ones there is one row.
    """
    p, rates = named(parameters), rates_of(parameters)
    (K, M, runs), O, P = A.shape, v.shape[1], A.shape[0] + A.shape[1]
    z, g_z, g_prime = np.empty((P, runs)), np.empty((P, runs)), np.empty((P, runs))
    Delta, error, change = np.empty((O, runs)), np.empty(runs), np.empty(runs)
    x, length = np.empty((K, runs)), np.empty(runs)  # x: the students' fields across, then what is added to S S^T
    for step in range(len(chi2)):
        now = rates[row + step if len(rates) > 1 else 0]
        keep, keep_v = 1 - now[DECAY] / N, 1 - now[DECAY_V] / N
        rate, rate_v = now[ETA] / N, now[ETA_V] / N
        of_v, of_b = now[OF_V], now[OF_B]  # an entry of an array would be read anew for every run
        project_out(S, g[step], M, chi2[step], keep, x, length)
        fields(A, L, x, g[step], z)
        activate(p.codes, K * runs, z.ravel(), g_z.ravel(), g_prime.ravel())
        errors(p, now[SIGMA], v, g_z, g[step], Delta)
        count(z, Delta, alive, taken)
        for o in range(O):
            m_o = p.m[o]
            if m_o != 1:
                for r in range(runs):
                    Delta[o, r] *= m_o
        for i in range(K):
            for r in range(runs):
                error[r] = 0.0
            for o in range(O):
                b_io = of_b * p.b[i, o]
                if of_v == 0:
                    for r in range(runs):
                        error[r] += b_io * Delta[o, r]
                else:
                    for r in range(runs):
                        error[r] += (of_v * v[i, o, r] + b_io) * Delta[o, r]
            for r in range(runs):
                change[r] = -rate * g_prime[i, r] * error[r]
                x[i, r] = change[r] * length[r] + (keep * x[i, r] / length[r] if length[r] > 0 else 0.0)
            for j in range(M):
                for r in range(runs):
                    A[i, j, r] = keep * A[i, j, r] + change[r] * g[step, j, r]
        for i in range(K):
            for o in range(O):
                for r in range(runs):
                    v[i, o, r] = keep_v * v[i, o, r] - rate_v * Delta[o, r] * g_z[i, r]
        add_square(S, x)


@ordered
def fields(A, L, across, g, z):
    """Fill z (P, runs): fields of students, A g and what they have across the teacher's space, and of teachers, L g."""
    K, M, runs = A.shape
    for i in range(K):
        for r in range(runs):
            z[i, r] = across[i, r]
        for j in range(M):
            for r in range(runs):
                z[i, r] += A[i, j, r] * g[j, r]
    for n in range(M):
        for r in range(runs):
            z[K + n, r] = 0.0
        for j in range(n + 1):
            for r in range(runs):
                z[K + n, r] += L[n, j] * g[j, r]


@ordered
def errors(p, sigma, v, g_z, g, Delta):
    """Fill Delta (O, runs); the noise is in the last rows of g."""
    (K, O, runs), P = v.shape, len(g_z)
    for o in range(O):
        for r in range(runs):
            Delta[o, r] = 0.0
        if sigma > 0:
            for r in range(runs):
                Delta[o, r] = -sigma * g[P + o, r]
        for i in range(K):
            for r in range(runs):
                Delta[o, r] += v[i, o, r] * g_z[i, r]
        for n in range(P - K):
            for r in range(runs):
                Delta[o, r] -= p.v_teacher[n, o] * g_z[K + n, r]


@ordered
def count(z, Delta, alive, taken):
    """Count the step of the runs that are alive, which those are not that have a large field or error."""
    for values in (z, Delta):
        for a in range(len(values)):
            for r in range(len(alive)):
                alive[r] = alive[r] if abs(values[a, r]) <= DIVERGED else 0.0
    for r in range(len(alive)):
        taken[r] += alive[r]


@ordered
def reduced_record(A, S, v, L, alive, row, records):
    """Fill row `row` of the records of the runs that are alive.

    These are R = A L^T (runs, rows, K, M), Q = A A^T + S S^T (runs, rows, K, K) and v (runs, rows, K, O). There may be
    fewer runs in them than in A (K, M, runs), S (K, K, runs) and v (K, O, runs).
    """
    R, Q, v_recorded = records
    (K, M), O = A.shape[:2], v.shape[1]
    for r in range(len(R)):
        if alive[r] == 0:
            continue
        for i in range(K):
            for n in range(M):
                R_in = 0.0
                for j in range(n + 1):
                    R_in += A[i, j, r] * L[n, j]
                R[r, row, i, n] = R_in
            for k in range(K):
                Q_ik = 0.0
                for j in range(M):
                    Q_ik += A[i, j, r] * A[k, j, r]
                for j in range(K):
                    Q_ik += S[i, j, r] * S[k, j, r]
                Q[r, row, i, k] = Q_ik
            for o in range(O):
                v_recorded[r, row, i, o] = v[i, o, r]


@ordered
def reduced_run(A, S, v, L, alive, taken, N, streams, step, end, marks, done, records, parameters, noisy):
    """`reduced_steps` from `step` to `end` with random numbers from streams = (normals, chi^2), of a lane a run.

    What there is after marks[a] steps goes to row a of the records, see `reduced_record`; `done` rows are there, and
    end <= marks[-1]. Returns how many rows there are.

    Every step takes the same number of normals from each lane, so that a run depends neither on how its steps are
    divided into calls nor on the runs beside it. Rates that change have a row for each step from `step` on; noise is
    drawn if `noisy`, whether it is zero by then or not.
    """
    P, runs, first = A.shape[0] + A.shape[1], A.shape[2], step
    last = P + v.shape[1] if noisy else P  # the row of the normal numbers that chi^2 needs
    rows = (last + 2) // 2 * 2
    block = min(end - step, max(1, CACHED // (rows * runs)))
    draws, chi2 = np.empty((block, rows, runs)), np.empty((block, runs))
    while True:
        if done < len(marks) and step == marks[done]:
            reduced_record(A, S, v, L, alive, done, records)
            done += 1
        if step == end:
            break
        size = min(block, end - step, marks[done] - step)
        normals(streams[0], draws[:size].reshape(size * rows, runs))
        for each in range(size):
            chi_squares(streams[1], max(N - P, 0), draws[each, last], chi2[each])
            for beyond in range(N, P):  # no components in directions that there are not
                for r in range(runs):
                    draws[each, beyond, r] = 0.0
        reduced_steps(A, S, v, L, alive, taken, N, draws[:size], chi2[:size], parameters, step - first)
        step += size
    return done
