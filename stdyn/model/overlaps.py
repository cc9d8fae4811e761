"""Overlaps as matrices: symmetric, positive semi-definite within rounding, by group; and their cosines."""

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError

ROUNDING = 1e-10  # relative to the largest eigenvalue: what counts as rounding in a symmetry or a negative eigenvalue


def symmetric(name: str, A: Array, rounding: float) -> Array:
    if A.shape[0] != A.shape[1]:
        raise InputError(f"{name} must be square, but has shape {A.shape}")
    gap = np.abs(A - A.T)
    if gap.max() > rounding * np.abs(A).max():
        i, k = np.unravel_index(np.argmax(gap), gap.shape)
        raise InputError(f"{name} must be symmetric, but {name}[{i},{k}] = {A[i, k]} and {name}[{k},{i}] = {A[k, i]}")
    return A / 2 + A.T / 2  # without an overflow


def blocks(r: Array, q: Array, t: Array) -> Array:
    """[[q, r], [r^T, t]] of every group."""
    above, below = np.concatenate([q, r], axis=2), np.concatenate([np.swapaxes(r, 1, 2), t], axis=2)
    return np.concatenate([above, below], axis=1)


def possible(r: Array, q: Array, t: Array, rounding: float) -> tuple[Array, Array]:
    """q and t of every group, given in few digits, with what they lack to be overlaps of vectors within rounding."""
    q, t = (np.array([symmetric(name, each, rounding) for each in A]) for name, A in (("Q_group", q), ("T_group", t)))
    values = np.linalg.eigvalsh(blocks(r, q, t))
    lacking = np.where(values[:, 0] >= -rounding * values[:, -1], np.maximum(-values[:, 0], 0), 0)[:, None, None]
    return q + lacking * np.eye(q.shape[1]), t + lacking * np.eye(t.shape[1])


def cosines(R: Array, Q: Array, T: Array) -> Array:
    """R_in / sqrt(Q_ii T_nn), shape (..., K, M); 0 where a vector has no length."""
    squares = np.einsum("...ii->...i", Q)[..., :, None] * np.diag(T)
    norms = np.sqrt(np.maximum(squares, 0.0))
    return np.divide(R, norms, out=np.zeros_like(R), where=norms != 0)
