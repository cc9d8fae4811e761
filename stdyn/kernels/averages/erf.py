"""Units g(x) = erf(x / sqrt 2), in closed form (Saad & Solla, PRE 52, 4225, 1995), grouped for speed."""

from math import pi, sqrt

import numpy as np

from stdyn.kernels.algebra import overlaps
from stdyn.kernels.compile import compiled
from stdyn.kernels.elementary import arcsine

ANALYTIC = True


@compiled
def G_erf(C, seen, beta):
    """G_ij = sum_a beta_ia I3(i, j, a), with the factor 1/sqrt(Lambda_ia) that does not depend on j taken out."""
    (K, P), Y = beta.shape, seen.shape[1]
    G = np.zeros((K, Y))
    gamma = np.empty(P)
    for i in range(K):
        d_i = 1 + C[i, i]
        along_i = 0.0
        for a in range(P):
            gamma[a] = 2 / pi * beta[i, a] / sqrt(d_i * (1 + C[a, a]) - C[i, a] ** 2)
            along_i += gamma[a] * C[i, a]
        for a in range(P):
            for j in range(Y):
                G[i, j] += gamma[a] * seen[a, j]
        for j in range(Y):
            G[i, j] -= along_i * seen[i, j] / d_i
    return G


@compiled
def H_erf(C, beta, bb, sigma):
    """H_ik = J2(i,k) [ sum_ac beta_ia beta_kc I2'(a, c) + sigma^2 b_i.b_k ], I2' under the covariance tilted by (i, k).

    The tilted covariance is C' = C - U1 U1^T - U2 U2^T, where (U1, U2) = L^-1 (rows i and k of C) and
    L L^T = 1 + B_ik. All pairs i <= k are done together, the pair being the last and contiguous index.
    """
    K, P = beta.shape
    n = (K * (K + 1) // 2 + 7) // 8 * 8  # filled up with zeros to whole SIMD vectors
    J2 = np.empty(n)
    U1, U2, scale = np.zeros((P, n)), np.zeros((P, n)), np.empty((P, n))
    beta_i, beta_k = np.zeros((P, n)), np.zeros((P, n))
    p = 0
    for i in range(K):
        for k in range(i, K):
            L11 = sqrt(1 + C[i, i])
            L21 = C[i, k] / L11
            L22 = sqrt(1 + C[k, k] - L21 * L21)
            J2[p] = 2 / pi / (L11 * L22)
            for a in range(P):
                U1[a, p] = C[i, a] / L11
                U2[a, p] = (C[k, a] - L21 * U1[a, p]) / L22
                beta_i[a, p] = beta[i, a]
                beta_k[a, p] = beta[k, a]
            p += 1
    for a in range(P):
        for p in range(n):
            scale[a, p] = 1 / sqrt(1 + C[a, a] - U1[a, p] ** 2 - U2[a, p] ** 2)
            U1[a, p] *= scale[a, p]
            U2[a, p] *= scale[a, p]
    total = np.zeros(n)
    for a in range(P):
        for c in range(a, P):
            half = 0.5 if a == c else 1.0
            for p in range(n):
                sine = C[a, c] * scale[a, p] * scale[c, p] - U1[a, p] * U1[c, p] - U2[a, p] * U2[c, p]
                weight = half * (beta_i[a, p] * beta_k[c, p] + beta_i[c, p] * beta_k[a, p])
                total[p] += weight * arcsine(sine)
    H = np.empty((K, K))
    p = 0
    for i in range(K):
        for k in range(i, K):
            H[i, k] = H[k, i] = J2[p] * (2 / pi * total[p] + sigma**2 * bb[i, k])
            p += 1
    return H


@compiled
def h_erf(C, u, K):
    """h_io = sum_a u_ao I2(i, a)."""
    P, O = u.shape
    h = np.zeros((K, O))
    for i in range(K):
        for a in range(P):
            I2 = 2 / pi * arcsine(C[i, a] / sqrt((1 + C[i, i]) * (1 + C[a, a])))
            for o in range(O):
                h[i, o] += u[a, o] * I2
    return h


@compiled
def averages(p, C, seen, u, b):
    """(G, H, h) of units g(x) = erf(x / sqrt 2)."""
    beta = overlaps(b, u)
    G, H, h = G_erf(C, seen, beta), np.zeros((len(b), len(b))), h_erf(C, u, b.shape[0])
    if p.square > 0:
        H = H_erf(C, beta, overlaps(b, b), p.sigma)
    return G, H, h
