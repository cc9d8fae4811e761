"""The microscopic dynamics: online SGD of networks with N inputs (docs/theory.md, section 1)."""

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.algebra import overlaps
from stdyn.kernels.compile import compiled
from stdyn.kernels.parameters import DECAY, DECAY_V, ETA, ETA_V, OF_B, OF_V, SIGMA, named, rates_of
from stdyn.kernels.random import normals
from stdyn.kernels.state import DIVERGED

CACHED = 2**12  # normals drawn at a time, 32 kB: they are used while they are in the cache


@compiled
def dot(w, xi):
    """w.xi"""
    field = 0.0
    for j in range(len(w)):
        field += w[j] * xi[j]
    return field


@compiled
def _move_and_dot(w, keep, change, last_xi, xi):
    """w <- keep w + change last_xi in place, and w.xi with the new w: one pass over w instead of two."""
    field = 0.0
    for j in range(len(w)):
        w_j = keep * w[j] + change * last_xi[j]
        w[j] = w_j
        field += w_j * xi[j]
    return field


@compiled
def all_small(values):
    """Whether no value is beyond DIVERGED or NaN."""
    small = True
    for value in values:
        small &= abs(value) <= DIVERGED
    return small


@compiled
def network_steps(W, v, W_teacher, inputs, noise, parameters, row):
    """Online SGD on the examples `inputs`, one step each (docs/theory.md, section 1); W and v change in place.

    W (K, N), v (K, O), W_teacher (M, N); inputs (S, N) and noise (S, O) are standard normal, further columns are not
    used. Returns the number of steps taken: less than S if the next one has a field or an error beyond `DIVERGED`, in
    which case W and v are those before that step. The rates of the first step are in row `row` of those of the
    parameters; of constant ones there is one row.

    The change of W in a step is made in the next one, in the same pass over W that computes the new fields.
    """
    (K, N), M, O, S = W.shape, W_teacher.shape[0], v.shape[1], len(inputs)
    p, rates = named(parameters), rates_of(parameters)
    keep = 1.0
    z, g, g_prime = np.empty(K + M), np.empty(K + M), np.empty(K + M)
    change, Delta = np.empty(K), np.empty(O)
    for step in range(S):
        xi, now = inputs[step], rates[row + step if len(rates) > 1 else 0]
        for i in range(K):
            z[i] = dot(W[i], xi) if step == 0 else _move_and_dot(W[i], keep, change[i], inputs[step - 1], xi)
        for n in range(M):
            z[K + n] = dot(W_teacher[n], xi)
        activate(p.codes, K, z, g, g_prime)
        for o in range(O):
            Delta[o] = -now[SIGMA] * noise[step, o]
            for i in range(K):
                Delta[o] += v[i, o] * g[i]
            for n in range(M):
                Delta[o] -= p.v_teacher[n, o] * g[K + n]
        if not (all_small(z) and all_small(Delta)):
            return step
        keep, keep_v = 1 - now[DECAY] / N, 1 - now[DECAY_V] / N
        for o in range(O):
            Delta[o] *= p.m[o]
        for i in range(K):
            error = 0.0
            for o in range(O):
                error += (now[OF_V] * v[i, o] + now[OF_B] * p.b[i, o]) * Delta[o]
            change[i] = -now[ETA] / N * g_prime[i] * error
        for i in range(K):
            for o in range(O):
                v[i, o] = keep_v * v[i, o] - now[ETA_V] / N * Delta[o] * g[i]
    for i in range(K):
        _move_and_dot(W[i], keep, change[i], inputs[S - 1], inputs[S - 1])
    return S


@compiled
def network_record(W, v, W_teacher, R, Q, v_recorded):
    """Fill R (K, M), Q (K, K) and v_recorded (K, O) with the order parameters of the network."""
    of_teacher, of_students = overlaps(W, W_teacher), overlaps(W, W)
    for i in range(len(W)):  # in loops: numba takes seconds to compile assignments to whole arrays
        for n in range(len(W_teacher)):
            R[i, n] = of_teacher[i, n]
        for k in range(len(W)):
            Q[i, k] = of_students[i, k]
        for o in range(v.shape[1]):
            v_recorded[i, o] = v[i, o]


@compiled
def network_run(W, v, W_teacher, streams, step, end, marks, done, records, parameters, noisy):
    """`network_steps` from `step` to `end` on examples drawn from streams = (that of the inputs, that of the noise).

    The order parameters after marks[a] steps go to row a of the records = (R (A, K, M), Q (A, K, K), v (A, K, O));
    `done` rows are there, and end <= marks[-1]. Returns the step that was reached, less than `end` if the next one
    diverges, and how many rows there are.

    Every example takes the same whole number of draws from each lane, so that a run does not depend on how its steps
    are divided into calls. Examples are drawn a few at a time, to be used while they are in the cache. Rates that
    change have a row for each step from `step` on; noise is drawn if `noisy`, whether it is zero by then or not.
    """
    N, O, first = W.shape[1], v.shape[1], step
    R, Q, v_recorded = records
    lanes = streams[0].shape[1]
    rows = (N + 2 * lanes - 1) // (2 * lanes) * 2
    block = min(end - step, max(4, CACHED // N))
    xi, zeta = np.empty((block, rows * lanes)), np.zeros((block, (O + 1) // 2 * 2))
    while True:
        if done < len(marks) and step == marks[done]:
            network_record(W, v, W_teacher, R[done], Q[done], v_recorded[done])
            done += 1
        if step == end:
            break
        size = min(block, end - step, marks[done] - step)
        normals(streams[0], xi[:size].reshape(size * rows, lanes))
        if noisy:
            normals(streams[1], zeta[:size].reshape(-1, 1))
        taken = network_steps(W, v, W_teacher, xi[:size], zeta[:size], parameters, step - first)
        step += taken
        if taken < size:
            break
    return step, done
