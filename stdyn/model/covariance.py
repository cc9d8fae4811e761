"""Covariances, those given and those of data, variances and axes: checked; and the eigenspaces of covariances."""

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, as_floats, check_memory, frozen_array
from stdyn.errors import InputError

_ROUNDING = 1e-10  # relative to the largest entry: what counts as rounding in a symmetry
_CHUNK = 4096  # rows that are centred at once
_NAMED = 6  # columns
LEAST, LARGEST = 1e-100, 1e30  # of variances


def of_matrix(name: str, Omega: ArrayLike) -> tuple[Array, str]:
    """A covariance (N, N), checked but for its eigenvalues, and what is said of it if one of these is not positive."""
    array = frozen_array(name, Omega, (2,))
    if array.shape[0] != array.shape[1]:
        raise InputError(f"{name} must be square, but has shape {array.shape}")
    gap = np.abs(array - array.T)
    if gap.max() > _ROUNDING * np.abs(array).max():
        i, k = (int(n) for n in np.unravel_index(np.argmax(gap), gap.shape))
        raise InputError(
            f"{name} must be symmetric, but {name}[{i}, {k}] = {array[i, k]} and {name}[{k}, {i}] = {array[k, i]}"
        )
    return array / 2 + array.T / 2, f"{name} must be positive definite, but {{below}} of its {{N}} eigenvalues are not"


def of_data(X: ArrayLike) -> tuple[Array, str]:
    """The covariance (N, N) of rows (P, N) about their mean, and what is said of it if an eigenvalue is zero."""
    X = as_floats("X", X)
    if X.ndim != 2 or X.size == 0:
        raise InputError(f"X must have shape (P, N), an example a row, but has shape {X.shape}")
    check_memory("columns of X", 8.0 * 4 * X.shape[1] ** 2)
    wrong = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if wrong.size:
        raise InputError(f"X must be finite, but {_columns(wrong)} NaN or infinity")
    P, N = X.shape
    if P <= N:
        raise InputError(
            f"X must have more rows than its {N} columns, so that its covariance has full rank, but has {P}"
        )
    constant = np.flatnonzero(X.min(axis=0) == X.max(axis=0))
    if constant.size:
        raise InputError(f"X must vary in every column, but {_columns(constant)} one value only: leave them out")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = X.mean(axis=0)
        Omega = sum(
            (rows.T @ rows for rows in (X[n : n + _CHUNK] - mean for n in range(0, P, _CHUNK))), np.zeros((N, N))
        )
    if not np.isfinite(Omega).all():
        raise InputError(f"X must have a finite covariance, but its largest number is {np.abs(X).max():g}")
    return Omega / P, (
        "X must vary in every direction, but {below} of the {N} eigenvalues of its covariance are zero: leave out"
        " columns that others determine, or project X on its {above} leading principal components"
    )


def eigenspaces(Omega: Array, words: str) -> tuple[Array, Array, float]:
    """The eigenvalues (N,) of a covariance, which decrease, its eigenvectors (N, N), the rows, and their rounding.

    Raises InputError, with these words, if an eigenvalue is not positive.
    """
    N = len(Omega)
    scale = float(np.abs(Omega).max()) or 1.0
    values, vectors = np.linalg.eigh(Omega / scale)
    rounding = N * float(np.finfo(float).eps) * float(np.abs(values).max())
    below = int((values <= rounding).sum())
    if below:
        raise InputError(f"{words.format(below=below, N=N, above=N - below)} (the smallest is {scale * values[0]:.2g})")
    return scale * values[::-1], vectors[:, ::-1].T, scale * rounding


def _columns(which: np.ndarray) -> str:
    """Their numbers, from 0."""
    text = ", ".join(map(str, which[:_NAMED].tolist())) + ", …" * (len(which) > _NAMED)
    return f"column {text} has" if len(which) == 1 else f"{len(which)} columns ({text}, counted from 0) have"


def positive(name: str, value: ArrayLike) -> Array:
    """Numbers above zero, one axis."""
    array = frozen_array(name, value, (1,))
    wrong = np.flatnonzero(~((array >= LEAST) & (array <= LARGEST)))
    if wrong.size:
        j = int(wrong[0])
        rule = "must be positive" if array[j] <= 0 else f"must be from {LEAST:g} to {LARGEST:g}"
        entry = f"{name}[{j}] is {array[j]:g}"
        raise InputError(f"{name} {rule}, but {entry}")
    return array


def orthonormal(value: ArrayLike) -> Array:
    """Axes (N, N), refused if their rows are not orthonormal: held to random vectors, not to each other."""
    axes = frozen_array("axes", value, (2,))
    if axes.shape[0] != axes.shape[1]:
        raise InputError(f"axes must be square, but have shape {axes.shape}")
    y = np.random.default_rng(0).standard_normal((len(axes), 4))
    apart = float(np.abs(axes @ (axes.T @ y) - y).max())
    if not apart < 1e-7:
        raise InputError(f"axes must have orthonormal rows, but axes @ axes.T differs from the identity by {apart:.2g}")
    return axes
