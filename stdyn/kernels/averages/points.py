"""Averages by quadrature over common points, for activations without a closed form."""

import numpy as np

from stdyn.kernels.activation import ADDRESS, STUDENT, fill
from stdyn.kernels.algebra import minus, overlaps, power
from stdyn.kernels.compile import compiled
from stdyn.kernels.deltas import add_products, errors
from stdyn.kernels.parameters import rows

ANALYTIC = False


@compiled
def averages(p, C, u, b):
    """By quadrature, over common points: y and, for both signs of g2, x = R T^+ y + Q_across^1/2 g2.

    The rows of `points` (3M+K+1, points) are y, g(y), T^+1/2 g1, g2 (g1 and g2 standard normal) and the weights.

    With both signs nothing of odd order in g2 is left, so that the averages are smooth where Q_across vanishes; and
    where Delta vanishes at every point they vanish exactly.
    """
    (K, O), P, sigma, points = b.shape, len(C), p.sigma, rows(p.table)
    M = P - K
    R, T = np.empty((K, M)), np.empty((M, M))
    for n in range(M):
        for i in range(K):
            R[i, n] = C[i, K + n]
        for m in range(M):
            T[n, m] = C[K + n, K + m]
    S = power(minus(C[:K, :K], overlaps(overlaps(R, power(T, -1.0)), R)), 0.5)
    bb = overlaps(b, b)
    size = 256  # points at a time, which stay in the cache; their number is a multiple of it
    z, g, g_prime = np.empty((P, size)), np.empty((P, size)), np.empty((K, size))
    Delta, delta, weights = np.empty((O, size)), np.empty((K, size)), np.empty(size)
    G, H, h = np.zeros((K, P)), np.zeros((K, K)), np.zeros((K, O))
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
            add_products(delta, weights, z, G)
            if p.square > 0:
                add_products(delta, weights, delta, H)
            add_products(g[:K], weights, Delta, h)
            if sigma > 0 and p.square > 0:
                J2 = np.zeros((K, K))
                add_products(g_prime, weights, g_prime, J2)
                for i in range(K):
                    for k in range(K):
                        H[i, k] += sigma**2 * bb[i, k] * J2[i, k]
    return G, H, h
