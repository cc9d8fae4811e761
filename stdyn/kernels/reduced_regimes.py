"""The reduced dynamics with many examples a step, lengths that are kept, a teacher that turns (docs/theory.md, 4)."""

from math import sqrt

import numpy as np

from stdyn.kernels.activation import activate
from stdyn.kernels.compile import ordered
from stdyn.kernels.network import CACHED
from stdyn.kernels.parameters import DECAY, DECAY_V, DRIFT, ETA, ETA_V, OF_B, OF_V, SIGMA, named, rates_of
from stdyn.kernels.random import chi_squares, normals
from stdyn.kernels.reduced import add_square, count, errors, fields, reduced_record, reduced_steps


@ordered
def bartlett(stream, degrees, numbers, factor):
    """Fill factor (n, n, runs): Bartlett's triangle of n normal vectors of so many components.

    Normal below the diagonal, chi^2 on it (the squares of what stands there), zero above and where there is no
    component. `numbers` (n (n + 1)/2, runs) are standard normal; `stream` provides the rest.
    """
    n, _, runs = factor.shape
    used = 0
    for i in range(n):
        for j in range(n):
            for r in range(runs):
                factor[i, j, r] = numbers[used + j, r] if j < min(i, degrees) else 0.0
        used += i
        chi_squares(stream, max(degrees - i, 0), numbers[used], factor[i, i])
        used += 1


@ordered
def _see(A, S, v, L, alive, N, batch, width, numbers, p, now, moved):
    """Show the examples of a step to students that stay as they are; alive, and what is `moved`, change in place.

    moved = (A (K, M, runs), across (K, K, runs), v (K, O, runs), spread (K, K, runs)), zero at first: the changes along
    the teacher's space and along the frame across it, that of v, and the triangular factor of C C^T, with the changes
    C (K, batch) of the students per unit of each example.
    """
    (K, M, runs), O, P = A.shape, v.shape[1], A.shape[0] + A.shape[1]
    to_A, to_across, to_v, spread = moved
    z, g_z, g_prime = np.empty((P, runs)), np.empty((P, runs)), np.empty((P, runs))
    Delta, x, change = np.empty((O, runs)), np.empty((K, runs)), np.empty((K, runs))
    error, taken = np.empty(runs), np.empty(runs)
    rate, rate_v, of_v, of_b = now[ETA] / (N * batch), now[ETA_V] / (N * batch), now[OF_V], now[OF_B]
    for each in range(batch):
        g = numbers[each * width : (each + 1) * width]
        for i in range(K):
            for r in range(runs):
                x[i, r] = 0.0
            for j in range(i + 1):
                for r in range(runs):
                    x[i, r] += S[i, j, r] * g[M + j, r]
        fields(A, L, x, g, z)
        activate(p.codes, K * runs, z.ravel(), g_z.ravel(), g_prime.ravel())
        errors(p, now[SIGMA], v, g_z, g, Delta)
        count(z, Delta, alive, taken)
        for i in range(K):
            for r in range(runs):
                error[r] = 0.0
            for o in range(O):
                m_o, b_io = p.m[o], of_b * p.b[i, o]
                for r in range(runs):
                    error[r] += (of_v * v[i, o, r] + b_io) * m_o * Delta[o, r]
            for r in range(runs):
                change[i, r] = -rate * g_prime[i, r] * error[r]
            for j in range(M):
                for r in range(runs):
                    to_A[i, j, r] += change[i, r] * g[j, r]
            for j in range(K):
                for r in range(runs):
                    to_across[i, j, r] += change[i, r] * g[M + j, r]
            for o in range(O):
                factor = rate_v * p.m[o]
                for r in range(runs):
                    to_v[i, o, r] -= factor * Delta[o, r] * g_z[i, r]
        add_square(spread, change)


@ordered
def _batch_step(A, S, v, L, alive, taken, N, batch, width, numbers, rest, p, now):
    """A step of the mean change of `batch` examples; numbers (batch x width, runs), rest (K, K, runs).

    Across the teacher's space the students become keep S + C g^T along the frame and C X along the directions beyond
    it, in which the examples X are normal. Given C, C X has the law of (the triangular factor of C C^T) x (a K x K
    triangle of Bartlett's), which is `rest`, whatever the batch. The new S is the triangular factor of both.
    """
    (K, M, runs), O = A.shape, v.shape[1]
    moved = np.zeros(A.shape), np.zeros(S.shape), np.zeros(v.shape), np.zeros(S.shape)
    _see(A, S, v, L, alive, N, batch, width, numbers, p, now, moved)
    to_A, to_across, to_v, spread = moved
    keep, keep_v = 1 - now[DECAY] / N, 1 - now[DECAY_V] / N
    for r in range(runs):
        taken[r] += alive[r]
    for i in range(K):
        for j in range(M):
            for r in range(runs):
                A[i, j, r] = keep * A[i, j, r] + to_A[i, j, r]
        for o in range(O):
            for r in range(runs):
                v[i, o, r] = keep_v * v[i, o, r] + to_v[i, o, r]
        for j in range(K):
            for r in range(runs):
                S[i, j, r] = to_across[i, j, r] + keep * S[i, j, r]
    factor_of_all(S, spread, rest)


@ordered
def factor_of_all(S, spread, rest):
    """S becomes the triangular factor of [S, spread Y]: any S (K, K, runs), and Y of `bartlett`, which is `rest`."""
    K, _, runs = S.shape
    across, column = np.empty(S.shape), np.empty((K, runs))
    for i in range(K):
        for j in range(K):
            for r in range(runs):
                across[i, j, r] = S[i, j, r]
                S[i, j, r] = 0.0
    for j in range(K):
        for i in range(K):
            for r in range(runs):
                column[i, r] = across[i, j, r]
        add_square(S, column)
    for j in range(K):
        for i in range(K):
            for r in range(runs):
                column[i, r] = spread[i, j, r] * sqrt(rest[j, j, r]) if i >= j else 0.0
            for c in range(j + 1, i + 1):
                for r in range(runs):
                    column[i, r] += spread[i, c, r] * rest[c, j, r]
        add_square(S, column)


@ordered
def _keep_lengths(A, S, lengths):
    """Bring the students back to their lengths (K,)."""
    (K, M, runs) = A.shape
    scale = np.empty(runs)
    for i in range(K):
        for r in range(runs):
            scale[r] = 0.0
        for j in range(M):
            for r in range(runs):
                scale[r] += A[i, j, r] * A[i, j, r]
        for j in range(i + 1):
            for r in range(runs):
                scale[r] += S[i, j, r] * S[i, j, r]
        for r in range(runs):
            scale[r] = lengths[i] / sqrt(scale[r]) if scale[r] > 0 else 1.0
        for j in range(M):
            for r in range(runs):
                A[i, j, r] *= scale[r]
        for j in range(i + 1):
            for r in range(runs):
                S[i, j, r] *= scale[r]


@ordered
def _turn(A, S, N, rate, across, triangle):
    """Turn the teacher's frame: A and S become the students' coordinates along and across the new one.

    The rows of the new frame are a times the old ones plus normal vectors across these, made orthonormal one after the
    other. Of these vectors `across` (M, K, runs) has the components along the frame of S, `triangle` (M, M, runs), of
    `bartlett` with N - K - M degrees of freedom, what is beyond. In rotated directions, in which the triangular factor
    of [a 1, s across, s triangle; A, S, 0] is written, the new rows are the first M, and its lower rows the students.
    """
    (K, M, runs), P = A.shape, A.shape[0] + A.shape[1]
    angle = rate / N
    scale = sqrt(angle * (2 - angle) / (N - M))  # s/sqrt(N): a^2 + scale^2 (N - M) = 1
    factor, column = np.zeros((P, P, runs)), np.empty((P, runs))
    for r in range(runs):
        for n in range(M):
            factor[n, n, r] = 1 - angle
            for i in range(K):
                factor[M + i, n, r] = A[i, n, r]
    for j in range(K + M):
        for r in range(runs):
            for n in range(M):
                number = across[n, j, r] if j < K else triangle[n, j - K, r]
                column[n, r] = scale * (sqrt(number) if n == j - K else number)
            for i in range(K):
                column[M + i, r] = S[i, j, r] if j < K else 0.0
        add_square(factor, column)
    for i in range(K):
        for r in range(runs):
            for n in range(M):
                A[i, n, r] = factor[M + i, n, r]
            for j in range(K):
                S[i, j, r] = factor[M + i, M + j, r]


@ordered
def reduced_regime_steps(A, S, v, L, alive, taken, N, lengths, batch, width, numbers, rest, turns, parameters, row):
    """`reduced_steps` with `batch` examples a step, students that keep their `lengths` and a teacher that turns.

    numbers (steps, rows, runs) has `width` rows for every example of a step, those of g; rest (steps, n, n, runs), of
    `bartlett` with N - K - M degrees of freedom, has n = K, but n = 1 for a batch of 1. lengths (K,), or (0,) if they
    are free. turns = (across (steps, M, K, runs), triangles (steps, M, M, runs)), see `_turn`, or (0, …) if the teacher
    never turns.
    """
    p, rates = named(parameters), rates_of(parameters)
    across, triangles = turns
    for step in range(len(numbers)):
        now = rates[row + step if len(rates) > 1 else 0]
        if batch == 1:
            chi2 = rest[step, 0]
            reduced_steps(A, S, v, L, alive, taken, N, numbers[step : step + 1], chi2, parameters, row + step)
        else:
            _batch_step(A, S, v, L, alive, taken, N, batch, width, numbers[step], rest[step], p, now)
        if len(lengths):
            _keep_lengths(A, S, lengths)
        if len(across) and now[DRIFT] > 0:
            _turn(A, S, N, now[DRIFT], across[step], triangles[step])


@ordered
def _draw_turns(streams, N, draws, across, triangles):
    """Fill what turns the teacher in some steps."""
    size, M, K, runs = across.shape
    normals(streams[0], draws.reshape(-1, runs))
    for step in range(size):
        for n in range(M):
            for k in range(K):
                for r in range(runs):
                    across[step, n, k, r] = draws[step, n * K + k, r] if M + k < N else 0.0
        bartlett(streams[1], max(N - M - K, 0), draws[step, M * K :], triangles[step])


@ordered
def reduced_regime_run(
    A, S, v, L, alive, taken, N, lengths, batch, streams, step, end, marks, done, records, parameters, noisy, drifting
):  # fmt: skip
    """`reduced_run` with what `reduced_regime_steps` has besides.

    The streams are those of `reduced_run` and two more, normals and chi^2, for the turning of the teacher.
    """
    (K, M, runs), P, first = A.shape, A.shape[0] + A.shape[1], step
    width, n = (P + v.shape[1] if noisy else P), (1 if batch == 1 else K)
    used, more = batch * width, M * K + M * (M + 1) // 2
    rows, more = (used + n * (n + 1) // 2 + 1) // 2 * 2, (more + 1) // 2 * 2 if drifting else 0
    block = min(end - step, max(1, CACHED // ((rows + more) * runs)))
    draws, rest = np.empty((block, rows, runs)), np.empty((block, n, n, runs))
    turning = block if drifting else 0
    turn_draws, across = np.empty((turning, more, runs)), np.empty((turning, M, K, runs))
    triangles = np.empty((turning, M, M, runs))
    while True:
        if done < len(marks) and step == marks[done]:
            reduced_record(A, S, v, L, alive, done, records)
            done += 1
        if step == end:
            break
        size = min(block, end - step, marks[done] - step)
        numbers, turns = draws[:size], (across[:size], triangles[:size])
        normals(streams[0], numbers.reshape(size * rows, runs))
        for each in range(size):
            bartlett(streams[1], max(N - P, 0), draws[each, used:], rest[each])
            for example in range(batch):  # no components in directions that there are not
                for beyond in range(N, P):
                    for r in range(runs):
                        draws[each, example * width + beyond, r] = 0.0
        if drifting:
            _draw_turns(streams[2:], N, turn_draws[:size], turns[0], turns[1])
        what = lengths, batch, width, numbers, rest[:size], turns
        reduced_regime_steps(A, S, v, L, alive, taken, N, *what, parameters, step - first)
        step += size
    return done
