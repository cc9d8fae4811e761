"""The network with many examples a step, lengths that are kept, a teacher that turns (docs/theory.md, section 1)."""

from math import sqrt

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.compile import compiled
from stdyn.kernels.network import CACHED, all_small, dot, network_record
from stdyn.kernels.parameters import DECAY, DECAY_V, DRIFT, ETA, ETA_V, OF_B, OF_V, SIGMA, named, rates_of
from stdyn.kernels.random import normals


@compiled
def _combine(w, keep, change, xi):
    """w <- keep w + change xi in place."""
    for j in range(len(w)):
        w[j] = keep * w[j] + change * xi[j]


@compiled
def _see(W, v, W_teacher, inputs, noise, p, now, to_W, to_v):
    """Show examples to a student that stays as it is, and fill the sums to_W (K, N) and to_v (K, O) of its changes.

    Returns whether all fields and errors are small.
    """
    (K, N), M, O, batch = W.shape, W_teacher.shape[0], v.shape[1], len(inputs)
    z, g, g_prime, Delta = np.empty(K + M), np.empty(K + M), np.empty(K + M), np.empty(O)
    for i in range(K):
        _combine(to_W[i], 0.0, 0.0, inputs[0])
        _combine(to_v[i], 0.0, 0.0, v[i])
    for each in range(batch):
        xi = inputs[each]
        for i in range(K):
            z[i] = dot(W[i], xi)
        for n in range(M):
            z[K + n] = dot(W_teacher[n], xi)
        activate(p.codes, K, z, g, g_prime)
        for o in range(O):
            Delta[o] = -now[SIGMA] * noise[each, o]
            for i in range(K):
                Delta[o] += v[i, o] * g[i]
            for n in range(M):
                Delta[o] -= p.v_teacher[n, o] * g[K + n]
        if not (all_small(z) and all_small(Delta)):
            return False
        for i in range(K):
            error = 0.0
            for o in range(O):
                error += (now[OF_V] * v[i, o] + now[OF_B] * p.b[i, o]) * p.m[o] * Delta[o]
                to_v[i, o] -= now[ETA_V] / (N * batch) * p.m[o] * Delta[o] * g[i]
            _combine(to_W[i], 1.0, -now[ETA] / (N * batch) * g_prime[i] * error, xi)
    return True


@compiled
def _turn(W_teacher, L, E, rate, turn):
    """Turn the teacher L E: the orthonormal rows of E (M, N) become a E + s Z, made orthonormal one after the other.

    turn (M, …), used up, is standard normal; Z is its part across E, s such that the mean squared lengths stay 1.
    """
    M, N = E.shape
    angle = rate / N
    scale = sqrt(angle * (2 - angle) / (N - M))
    for n in range(M):
        Z = turn[n, :N]
        for m in range(M):
            _combine(Z, 1.0, -dot(E[m], Z), E[m])
    for n in range(M):
        _combine(E[n], 1 - angle, scale, turn[n])
        for m in range(n):
            _combine(E[n], 1.0, -dot(E[n], E[m]), E[m])
        _combine(E[n], 1 / sqrt(dot(E[n], E[n])), 0.0, E[n])
    for n in range(M):
        for m in range(n + 1):
            _combine(W_teacher[n], 0.0 if m == 0 else 1.0, L[n, m], E[m])


@compiled
def network_regime_steps(W, v, W_teacher, L, E, lengths, batch, inputs, noise, turns, parameters, row):
    """`network_steps` with `batch` examples a step, students that keep their `lengths` and a teacher that turns.

    inputs (S x batch, N) and noise (S x batch, O) are those of all examples. lengths (K,), or (0,) if they are free.
    turns (S, M, N), used up, is standard normal and turns the teacher's frame E (M, N); or (0, …) if it never turns.
    """
    (K, N), steps = W.shape, len(inputs) // batch
    p, rates = named(parameters), rates_of(parameters)
    to_W, to_v = np.zeros(W.shape), np.zeros(v.shape)
    for step in range(steps):
        now = rates[row + step if len(rates) > 1 else 0]
        begin, end = step * batch, (step + 1) * batch
        if not _see(W, v, W_teacher, inputs[begin:end], noise[begin:end], p, now, to_W, to_v):
            return step
        for i in range(K):
            _combine(W[i], 1 - now[DECAY] / N, 1.0, to_W[i])
            _combine(v[i], 1 - now[DECAY_V] / N, 1.0, to_v[i])
            if len(lengths):
                length = sqrt(dot(W[i], W[i]))
                _combine(W[i], lengths[i] / length if length > 0 else 1.0, 0.0, W[i])
        if len(turns) and now[DRIFT] > 0:
            _turn(W_teacher, L, E, now[DRIFT], turns[step])
    return steps


@compiled
def network_regime_run(
    W, v, W_teacher, L, E, lengths, batch, streams, step, end, marks, done, records, parameters, noisy, drifting
):  # fmt: skip
    """`network_run` with what `network_regime_steps` has besides; the third stream turns the teacher."""
    N, M, O, first = W.shape[1], W_teacher.shape[0], v.shape[1], step
    R, Q, v_recorded = records
    lanes = streams[0].shape[1]
    rows = (N + 2 * lanes - 1) // (2 * lanes) * 2
    block = min(end - step, max(1, CACHED // (N * batch)))
    xi, zeta = np.empty((block * batch, rows * lanes)), np.zeros((block * batch, (O + 1) // 2 * 2))
    turns = np.empty((block if drifting else 0, M, rows * lanes))
    while True:
        if done < len(marks) and step == marks[done]:
            network_record(W, v, W_teacher, R[done], Q[done], v_recorded[done])
            done += 1
        if step == end:
            break
        size = min(block, end - step, marks[done] - step)
        examples = size * batch
        normals(streams[0], xi[:examples].reshape(examples * rows, lanes))
        if noisy:
            normals(streams[1], zeta[:examples].reshape(-1, 1))
        if drifting:
            normals(streams[2], turns[:size].reshape(size * M * rows, lanes))
        drawn = xi[:examples], zeta[:examples], turns[:size]
        taken = network_regime_steps(W, v, W_teacher, L, E, lengths, batch, *drawn, parameters, step - first)
        step += taken
        if taken < size:
            break
    return step, done
