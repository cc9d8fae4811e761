"""Matrices so small that a call of BLAS or NumPy takes longer than the work itself.

In loops: numba takes seconds to compile an expression of arrays.
"""

import numpy as np

from stdyn.kernels.compile import compiled, ordered


@compiled
def overlaps(A, B):
    """A B^T; for matrices this small a call of BLAS takes longer than the product."""
    product = np.zeros((A.shape[0], B.shape[0]))
    for i in range(A.shape[0]):
        for a in range(B.shape[0]):
            for o in range(A.shape[1]):
                product[i, a] += A[i, o] * B[a, o]
    return product


@compiled
def identity(P):
    """The identity (P, P)."""
    one = np.zeros((P, P))
    for a in range(P):
        one[a, a] = 1.0
    return one


@compiled
def transposed(A):
    """A^T, its rows one after the other: `overlaps` runs along them."""
    turned = np.empty((A.shape[1], A.shape[0]))
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            turned[j, i] = A[i, j]
    return turned


@compiled
def minus(A, B):
    """A - B"""
    difference = np.empty(B.shape)
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            difference[i, j] = A[i, j] - B[i, j]
    return difference


@compiled
def plus(A, scale, B):
    """A + scale B"""
    total = np.empty(B.shape)
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            total[i, j] = A[i, j] + scale * B[i, j]
    return total


@compiled
def power(A, exponent):
    """A^exponent of a symmetric matrix; eigenvalues that are negative, or zero but for rounding, count as zero."""
    if not largest(A.ravel()) < np.inf:
        return np.full(A.shape, np.nan)
    values, vectors = np.linalg.eigh(A)
    scaled, least = np.empty(A.shape), 1e-15 * len(A) * max(values[-1], 0.0)
    for j in range(A.shape[0]):
        factor = values[j] ** exponent if values[j] > least else 0.0
        for i in range(A.shape[0]):
            scaled[i, j] = vectors[i, j] * factor
    return overlaps(scaled, vectors)


@compiled
def covariance(R, Q, T):
    """C = [[Q, R], [R^T, T]], the covariance of the fields (x, y)."""
    K, M = R.shape
    C = np.empty((K + M, K + M))
    for i in range(K):
        for k in range(K):
            C[i, k] = Q[i, k]
        for n in range(M):
            C[i, K + n] = C[K + n, i] = R[i, n]
    for n in range(M):
        for m in range(M):
            C[K + n, K + m] = T[n, m]
    return C


@compiled
def output_weights(v, v_teacher):
    """u = [v; -v_teacher], the weights (K+M, O) of all fields in the error."""
    (K, O), M = v.shape, len(v_teacher)
    u = np.empty((K + M, O))
    for o in range(O):
        for i in range(K):
            u[i, o] = v[i, o]
        for n in range(M):
            u[K + n, o] = -v_teacher[n, o]
    return u


@ordered
def largest(y):
    """The largest |y|; NaN if there is one. In a loop of small steps NumPy's call takes longer than the comparison."""
    most = 0.0
    for value in y:
        if not abs(value) <= most:
            most = abs(value)
            if most != most:
                break
    return most
