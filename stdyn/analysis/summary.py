"""A trajectory in a few numbers: where it ends, the plateau of its generalization error, how many units specialise."""

from dataclasses import dataclass

import numpy as np

from stdyn.checks import Array
from stdyn.model import averages
from stdyn.model.trajectory import Trajectory

SUMMARY = {
    "eps_g_start": "generalization error at alpha = 0",
    "eps_g_final": "generalization error at the last alpha; NaN if it diverged before",
    "b_norm": "length of the feedback weights b; NaN for backpropagation",
    "b_smallest": "smallest of the |b_i| of the student units; NaN for backpropagation",
    "alignment_start": "cosine of v and b at alpha = 0; NaN for backpropagation",
    "alignment_final": "cosine of v and b at the last alpha; NaN for backpropagation, or if it diverged before",
    "plateau_height": "eps_g where d log eps_g / d log alpha is nearest to zero; NaN without a plateau",
    "plateau_start": "last alpha before that at which eps_g is twice the height",
    "plateau_end": "first alpha after that at which eps_g is half the height; inf if that was not reached",
    "plateau_length": "plateau_end - plateau_start",
    "specialised": "student units whose weights have a cosine of 0.9 or more with a teacher unit's at the last alpha",
    "diverged_at": "alpha at which it diverged; inf if it did not",
}

WINDOW = np.log(1.6)  # the slope at alpha is that of a straight line through all alphas within a factor of 1.6
FALLING = 0.5  # eps_g falls where it goes down faster than alpha^-1/2, else it is flat
LEARNED = 1e-7  # an eps_g below this is no plateau: the student has learned
SPECIALISED = 0.9  # on a symmetric plateau the cosine is at most 1/sqrt 2, for K = 2


def summarise(trajectory: Trajectory, alphas: Array) -> dict[str, Array]:
    """Every number of SUMMARY, of shape () for the theory and (runs,) for an ensemble.

    `alphas` are those that were asked for: a trajectory that ends before the last of them has diverged.
    """
    start, runs = trajectory.problem.start, trajectory.runs
    shape = () if runs is None else (runs,)
    b, O = trajectory.problem.b, trajectory.problem.outputs
    eps_g_start = averages.eps_g(
        start.R, start.Q, start.T, start.v.reshape(start.K, O), start.v_teacher.reshape(start.M, O),
        trajectory.problem.activations,
    )  # fmt: skip
    curves = trajectory.eps_g.reshape(runs or 1, len(trajectory.alphas))
    plateaus = np.array([plateau(trajectory.alphas, curve) for curve in curves])
    begin, height, end = plateaus.T.reshape(3, *shape)
    ended = trajectory.positions(alphas[-1:])[0] >= 0
    values = {
        "eps_g_start": eps_g_start,
        "eps_g_final": trajectory.eps_g[..., -1] if ended else np.nan,
        "b_norm": np.nan if b is None else np.linalg.norm(b),
        "b_smallest": np.nan if b is None else np.linalg.norm(b.reshape(start.K, O), axis=1).min(),
        "alignment_start": _cosine(start.v, b),
        "alignment_final": trajectory.alignment[..., -1] if ended and trajectory.alignment is not None else np.nan,
        "plateau_height": height,
        "plateau_start": begin,
        "plateau_end": end,
        "plateau_length": end - begin,
        "specialised": _specialised(trajectory) if ended else np.nan,
        "diverged_at": np.inf if trajectory.diverged_at is None else trajectory.diverged_at,
    }
    return {name: np.broadcast_to(np.asarray(values[name], dtype=float), shape) for name in SUMMARY}


def plateau(alphas: Array, eps_g: Array) -> tuple[float, float, float]:
    """Start, height and end of the plateau of one curve eps_g(alpha); NaN if there is none (docs/scans.md).

    Of several, the flattest that ends, or the flattest if none does.
    """
    found = flat_stretches(alphas, eps_g)
    if not found:
        return np.nan, np.nan, np.nan
    best = min(found, key=lambda stretch: (np.isinf(stretch.end), stretch.slope))
    return best.start, best.height, best.end


@dataclass(frozen=True)
class Stretch:
    """A flat stretch of a curve eps_g(alpha); `slope` is |d log eps_g / d log alpha| at its flattest alpha, `at`."""

    start: float
    at: float
    height: float
    end: float
    slope: float


def flat_stretches(alphas: Array, eps_g: Array) -> list[Stretch]:
    """The plateaus of one curve, in order (docs/scans.md).

    With x = log alpha and y = log eps_g, let s(x) be the slope of the straight line fitted to all alphas within a
    factor of 1.6. The curve falls where s < -1/2 and is flat elsewhere. Each flat stretch after the first fall hangs on
    its flattest alpha; eps_g there, which must exceed 1e-7, is its height. It starts at the last alpha before at which
    eps_g is twice the height (else the first alpha there is) and ends at the first alpha after at which eps_g is half
    of it, or at infinity.
    """
    there = (alphas > 0) & np.isfinite(eps_g)
    if there.sum() < 3:
        return []
    x, y = np.log(alphas[there]), np.log(np.maximum(eps_g[there], 1e-16))
    s = slopes(x, y)
    flat = s >= -FALLING
    flat[: np.argmin(flat)] = False  # before the first fall
    if flat.all():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
    found = []
    for first, last in edges.reshape(-1, 2):
        at = first + int(np.abs(s[first:last]).argmin())
        if y[at] > np.log(LEARNED):
            end = _crossing(x[at:], y[at:], y[at] - np.log(2))
            begin = _crossing(x[at::-1], -y[at::-1], -y[at] - np.log(2))
            begin = x[0] if np.isinf(begin) else begin
            start, flattest, height, end = (float(np.exp(each)) for each in (begin, x[at], y[at], end))
            found.append(Stretch(start, flattest, height, end, float(abs(s[at]))))
    return found


def slopes(x: Array, y: Array) -> Array:
    """The slope at every x of the line fitted by least squares to the points within WINDOW of it, at least to 3."""
    n = np.arange(len(x))
    low = np.clip(np.minimum(np.searchsorted(x, x - WINDOW), n - 1), 0, max(len(x) - 3, 0))
    high = np.clip(np.maximum(np.searchsorted(x, x + WINDOW, side="right"), n + 2), min(3, len(x)), len(x))
    x, y = x - x.mean(), y - y.mean()

    def sums(values: Array) -> Array:
        total = np.concatenate([[0.0], np.cumsum(values)])
        return total[high] - total[low]

    count = high - low
    return (sums(x * y) - sums(x) * sums(y) / count) / (sums(x * x) - sums(x) ** 2 / count)


def _crossing(x: Array, y: Array, level: float) -> float:
    """The first x, by linear interpolation, at which y has come down to the level; infinity if it does not."""
    below = np.flatnonzero(y <= level)
    if not below.size or below[0] == 0:
        return np.inf
    j = int(below[0])
    return float(x[j - 1] + (x[j] - x[j - 1]) * (y[j - 1] - level) / (y[j - 1] - y[j]))


def _cosine(v: Array, b: Array | None) -> float:
    """F / (|v| |b|), 0 where v or b is zero as in Trajectory.alignment; NaN for backpropagation."""
    if b is None:
        return np.nan
    norms = float(np.linalg.norm(v) * np.linalg.norm(b))
    return float(np.sum(v * b)) / norms if norms else 0.0


def _specialised(trajectory: Trajectory) -> Array:
    """How many students have a cosine of at least SPECIALISED with a teacher unit at the last alpha; () or (runs,)."""
    R, Q = trajectory.R[..., -1, :, :], trajectory.Q[..., -1, :, :]
    norms = np.sqrt(np.einsum("...ii->...i", Q)[..., :, None] * np.diag(trajectory.T))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = np.where(norms > 0, np.abs(R) / norms, 0.0)
    count = (cosines.max(axis=-1) >= SPECIALISED).sum(axis=-1)
    return np.where(np.isfinite(R[..., 0, 0]), count, np.nan)
