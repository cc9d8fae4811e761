"""Angles between what a learning rule does and what backpropagation would do, in degrees (theory.md, section 8)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from stdyn.layered.blas import Array

Norm = Callable[[Array], np.floating | float | Array]  # of all that is given, or of every row


def angle(x: Array, y: Array, norm: Norm = np.linalg.norm) -> Array:
    """The angle between x and y in degrees; exact near 0 and 180, where the arc cosine is not. NaN if one is zero.

    Kahan, "How futile are mindless assessments of roundoff in floating-point computation?" (2006), section 12.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = x / norm(x), y / norm(y)
    return np.degrees(2 * np.arctan2(norm(x - y), norm(x + y)))


def feedback_angles(W: Sequence[Array], rule: str, feedback: Sequence[Array] | None) -> tuple[Array, Array]:
    """Those between weights and feedback: of each hidden layer, and of each output."""
    return weight_angles(W, rule, feedback), output_angles(W, rule, feedback)


def weight_angles(W: Sequence[Array], rule: str, feedback: Sequence[Array] | None) -> Array:
    """Of each hidden layer: the angle between the way back of backpropagation and its feedback matrix, as vectors.

    For "fa" that between W^{l+1} transposed and B^l, for "dfa" between W^{l+1}^T … W^L^T and B^l. Shape (L-1,); zero
    for "bp", which goes back through W itself.
    """
    angles = np.zeros(len(W) - 1)
    if rule == "bp" or feedback is None:
        return angles
    path = np.eye(len(W[-1]))
    for l in reversed(range(len(W) - 1)):
        path = path @ W[l + 1] if rule == "dfa" else np.asarray(W[l + 1], dtype=float)
        angles[l] = angle(path.T, np.asarray(feedback[l], dtype=float))
    return angles


def output_angles(W: Sequence[Array], rule: str, feedback: Sequence[Array] | None) -> Array:
    """Of each output: the angle between its vector W^L_o and its column of the last feedback matrix, shape (n_L,)."""
    if rule == "bp" or feedback is None or len(W) == 1:
        return np.zeros(len(W[-1]))
    rows = lambda values: np.linalg.norm(values, axis=1, keepdims=True)  # noqa: E731
    return angle(W[-1].astype(float), np.asarray(feedback[-1], dtype=float).T, rows)[:, 0]


def update_angles(h: Sequence[Array], delta: Sequence[Array], delta_bp: Sequence[Array]) -> tuple[Array, Array]:
    """Of each layer, for one batch: the angles between the change of W and that of backpropagation, shapes (L,), (L,).

    First of the changes as vectors, sum delta h^T. Their products are sums over pairs of examples of (delta . delta')
    (h . h'), for which no such matrix is needed. Then of the deltas, the mean over the examples.
    """
    updates, deltas = np.zeros(len(delta)), np.zeros(len(delta))
    for l, (one, other) in enumerate(zip(delta, delta_bp, strict=True)):
        if one is other:
            continue
        activity, one, other = (each.astype(float) for each in (h[l], one, other))
        overlaps = activity @ activity.T
        updates[l] = angle(one, other, lambda d, G=overlaps: np.sqrt(max(0.0, np.sum((d @ d.T) * G))))  # type: ignore[misc]
        each_example = angle(one, other, lambda d: np.linalg.norm(d, axis=1, keepdims=True))
        deltas[l] = mean(each_example[:, 0])
    return updates, deltas


def mean(values: ArrayLike) -> Array:
    """The mean over the first axis of what is not NaN; NaN if nothing is."""
    numbers = np.asarray(values, dtype=float)
    there = ~np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        return np.where(there, numbers, 0.0).sum(axis=0) / there.sum(axis=0)
