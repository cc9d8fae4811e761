"""Averages by quadrature over common points, for activations without a closed form."""

import numpy as np

from stdyn.kernels.activation import ADDRESS, STUDENT, fill
from stdyn.kernels.algebra import minus, overlaps, power
from stdyn.kernels.compile import compiled
from stdyn.kernels.deltas import add_products, errors
from stdyn.kernels.parameters import rows

ANALYTIC = False


@compiled
def averages(p, C, seen, u, b):
    """By quadrature, over common points: y and, for both signs of g2, x = R T^+ y + Q_across^1/2 g2.

    The rows of `points` (3M+K+1, points) are y, g(y), T^+1/2 g1, g2 (g1 and g2 standard normal) and the weights.

    With both signs nothing of odd order in g2 is left, so that the averages are smooth where Q_across vanishes; and
    where Delta vanishes at every point they vanish exactly. <delta y> of variables y other than the fields is that of
    the y that are expected at given fields, which are sums of T^+1/2 g1 and g2.
    """
    (K, O), P, sigma, points = b.shape, len(C), p.sigma, rows(p.table)
    M = P - K
    R, T = np.empty((K, M)), np.empty((M, M))
    for n in range(M):
        for i in range(K):
            R[i, n] = C[i, K + n]
        for m in range(M):
            T[n, m] = C[K + n, K + m]
    along = overlaps(R, power(T, -1.0))
    across = minus(C[:K, :K], overlaps(along, R))
    S, of_fields = power(across, 0.5), _same(C, seen)
    bb = overlaps(b, b)
    size = 256  # points at a time, which stay in the cache; their number is a multiple of it
    z, g, g_prime = np.empty((P, size)), np.empty((P, size)), np.empty((K, size))
    Delta, delta, weights = np.empty((O, size)), np.empty((K, size)), np.empty(size)
    G, H, h = np.zeros((K, P)), np.zeros((K, K)), np.zeros((K, O))
    numbers = np.empty((0 if of_fields else P, size))  # g2 and T^+1/2 g1, of which G is then
    for first in range(0, points.shape[1], size):
        for r in range(size):
            weights[r] = points[3 * M + K, first + r] / 2  # of either sign
        for n in range(M):
            for r in range(size):
                z[K + n, r] = points[n, first + r]
                g[K + n, r] = points[M + n, first + r]
        for sign in (1.0, -1.0):
            for i in range(K):
                for r in range(size):
                    z[i, r] = 0.0
                for n in range(M):
                    for r in range(size):
                        z[i, r] += R[i, n] * points[2 * M + n, first + r]
                for k in range(K):
                    for r in range(size):
                        z[i, r] += sign * S[i, k] * points[3 * M + k, first + r]
            fill(p.codes[STUDENT], p.codes[ADDRESS], z.ravel()[: K * size], g.ravel()[: K * size], g_prime.ravel())
            for o in range(O):
                for r in range(size):
                    Delta[o, r] = 0.0
            errors(g, g_prime, u, b, Delta, delta)
            for a in range(len(numbers)):
                for r in range(size):
                    numbers[a, r] = points[2 * M + a - K, first + r] if a >= K else sign * points[3 * M + a, first + r]
            add_products(delta, weights, z if of_fields else numbers, G)
            if p.square > 0:
                add_products(delta, weights, delta, H)
            add_products(g[:K], weights, Delta, h)
            if sigma > 0 and p.square > 0:
                J2 = np.zeros((K, K))
                add_products(g_prime, weights, g_prime, J2)
                for i in range(K):
                    for k in range(K):
                        H[i, k] += sigma**2 * bb[i, k] * J2[i, k]
    return (G if of_fields else _of_others(G, seen, power(across, -0.5), along)), H, h


@compiled
def _same(A, B):
    """Whether two matrices are the same."""
    if A.shape != B.shape:
        return False
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if A[i, j] != B[i, j]:
                return False
    return True


@compiled
def _of_others(of_numbers, seen, inverse, along):
    """<delta y> (K, Y) from <delta g2> and <delta T^+1/2 g1>, side by side in (K, K+M); inverse = Q_across^+1/2.

    At given fields y is cov(y, x across).Q_across^+1/2 g2 + cov(y, teachers' fields).T^+1/2 g1.
    """
    (K, M), Y = along.shape, seen.shape[1]
    of_across = overlaps(of_numbers[:, :K], inverse)
    G = np.zeros((K, Y))
    for i in range(K):
        for k in range(K):
            for j in range(Y):
                G[i, j] += of_across[i, k] * seen[k, j]
        for n in range(M):
            weight = of_numbers[i, K + n]
            for k in range(K):
                weight -= of_across[i, k] * along[k, n]
            for j in range(Y):
                G[i, j] += weight * seen[K + n, j]
    return G
