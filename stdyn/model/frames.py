"""Vectors of given overlaps: roots of matrices, coordinates, and vectors in a random frame."""

import numpy as np

from stdyn.checks import Array, frozen_array
from stdyn.errors import InputError
from stdyn.model.overlaps import ROUNDING


def triangle_of(units: int, dimensions: int, rng: np.random.Generator) -> Array:
    """Standard normal vectors of so many dimensions, in directions in which they are a lower triangle: (units, …).

    Bartlett's decomposition; of fewer dimensions than units it is the vectors themselves.
    """
    if dimensions < units:
        return rng.standard_normal((units, dimensions))
    triangle = np.tril(rng.standard_normal((units, units)), -1)
    triangle[np.diag_indices(units)] = np.sqrt(rng.chisquare(dimensions - np.arange(units)))
    return triangle


def root(C: Array) -> Array:
    """The symmetric square root of a positive semi-definite matrix, singular or not.

    Parameters
    ----------
    C : array_like, shape (P, P)
        Symmetric; what rounding leaves of eigenvalues below zero counts as zero.

    Returns
    -------
    ndarray, shape (P, P)
        B with B B = C.

    Raises
    ------
    InputError
        If C is not finite or has not two axes.

    See Also
    --------
    coordinates

    Examples
    --------
    >>> stdyn.initial.root([[4.0, 0.0], [0.0, 9.0]])
    array([[2., 0.],
           [0., 3.]])
    """
    C = frozen_array("C", C, (2,))
    eigenvalues, vectors = np.linalg.eigh(C)
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T


def coordinates_in(C: Array, M: int, N: int | None, needs: str) -> tuple[Array, Array, Array]:
    """Those of vectors with the overlaps C = [[Q, R], [R.T, T]] in N dimensions."""
    P = len(C)
    K = P - M
    order = np.r_[K:P, :K]
    C = C[np.ix_(order, order)]
    norms = np.sqrt(np.maximum(np.diag(C), 0))
    scale = np.where(norms > 0, norms, 1)
    directions = C / np.outer(scale, scale)  # so that short vectors are as exact as long ones
    if N is None or N >= P:
        triangle = np.linalg.qr(root(directions)).R.T  # directions = root root^T = triangle triangle^T
    else:
        triangle = np.zeros((P, P))
        triangle[:, :N] = np.linalg.qr(narrow_root(directions, needs, N).T).R.T
    B = norms[:, None] * np.tril(triangle) * np.where(np.diag(triangle) < 0, -1, 1)
    for a in range(P):
        for c in range(a):
            if C[a, a] == C[c, c] == abs(C[a, c]):
                B[a] = np.sign(C[a, c]) * B[c]
                break
    return B[:M, :M], B[M:, :M], B[M:, M:]


def narrow_root(C: Array, needs: str, N: int) -> Array:
    """B (P, N) with B B^T = C (P, P), in as few dimensions as N; `needs` says that its {rank} is larger."""
    eigenvalues, vectors = np.linalg.eigh(C)
    rank = int((eigenvalues > ROUNDING * eigenvalues[-1]).sum())
    if rank > N:
        raise InputError(needs.format(rank=rank))
    return vectors[:, -N:] * np.sqrt(np.maximum(eigenvalues[-N:], 0))


def in_frame(L: Array, A: Array, S: Array, N: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The vectors of these coordinates in a random orthonormal frame of R^N."""
    K, M = A.shape
    frame, triangle = np.linalg.qr(rng.standard_normal((N, min(N, K + M))))
    frame = (frame * np.sign(np.diag(triangle))).T  # makes the law of the frame uniform
    students = np.hstack([A, S])
    W, W_teacher = np.zeros((K, N)), np.zeros((M, N))
    for a in range(len(frame)):  # row by row, so that equal units get the same weights to the last bit
        W += students[:, a, None] * frame[a]
        if a < M:
            W_teacher += L[:, a, None] * frame[a]
    return W, W_teacher
