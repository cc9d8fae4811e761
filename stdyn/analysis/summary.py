"""A trajectory in a few numbers: where it ends, the plateau of its generalization error, how many units specialise."""

from dataclasses import dataclass

import numpy as np

from stdyn.checks import Array, check_type, floats, time_grid
from stdyn.errors import InputError
from stdyn.model.forgetting import errors_at_start
from stdyn.model.readings import cosine
from stdyn.model.trajectory import Trajectory

SUMMARY = {
    "eps_g_start": "generalization error at alpha = 0",
    "eps_g_final": "generalization error at the last alpha; NaN if it ended before",
    "b_norm": "length of the feedback weights b at alpha = 0; NaN for backpropagation",
    "b_smallest": "smallest of the |b_i| of the student units at alpha = 0; NaN for backpropagation",
    "alignment_start": "cosine of v and b at alpha = 0; NaN for backpropagation",
    "alignment_final": "cosine of v and b at the last alpha; NaN for backpropagation, or if it diverged before",
    "plateau_height": "eps_g where d log eps_g / d log alpha is nearest to zero; NaN without a plateau",
    "plateau_start": "last alpha before that at which half of the fall to it was to come, or eps_g is twice as high",
    "plateau_end": "first alpha after that at which half of the fall from it is done, or eps_g is half of it; or inf",
    "plateau_length": "plateau_end - plateau_start",
    "specialised": "student units whose weights have a cosine of 0.9 or more with a teacher unit's at the last alpha",
    "diverged_at": "alpha at which it diverged; inf if it did not",
    "failed_at": "alpha at which the solver gave up, though nothing diverged; inf if it did not",
}

OF_TASK = {
    "eps_g_final": "generalization error of task {} at the last alpha; NaN if it ended before",
    "forgetting": "eps_g of task {} at the last alpha minus that at the end of its last finished turn; NaN if none is",
    "transfer": "eps_g of task {} at alpha = 0 minus that at the beginning of its first turn; NaN if it had none",
}  # of each task, numbered from 1: forgetting_1, …

WINDOW = np.log(1.25)  # the slope at alpha is that of a straight line through all alphas within a factor of 1.25
STEEPER = 2.0  # a fall is at least so many times as steep as what is flat on either side of it
LEAST = 0.1  # steepness |s| of a curve that is flat whatever is on either side of it
FLAT = 1.0  # the most that a plateau may have
RESTING = 0.5  # and one that is not left, as it has a fall on one side only
FALL = np.log(1.2)  # by which log eps_g goes down between two plateaus, at least
SEEN = 4.0  # and so many times the scatter of log eps_g around its fits
LEARNED = 1e-7  # an eps_g below this is no plateau: the student has learned
SPECIALISED = 0.9  # on a symmetric plateau the cosine is at most 1/sqrt 2, for K = 2


def columns(tasks: int = 0) -> dict[str, str]:
    """What `summarise` gives, and what it is.

    Parameters
    ----------
    tasks : int, default 0
        The number of tasks; of each there are three numbers more.

    Returns
    -------
    dict of str to str
        The meaning of every number, by its name.

    See Also
    --------
    summarise

    Examples
    --------
    >>> stdyn.summary.columns()["plateau_length"]
    'plateau_end - plateau_start'
    >>> len(stdyn.summary.columns(tasks=2)) - len(stdyn.summary.columns())
    6
    """
    numbers = range(1, tasks + 1)
    return SUMMARY | {f"{name}_{n}": meaning.format(n) for name, meaning in OF_TASK.items() for n in numbers}


def summarise(trajectory: Trajectory, alphas: Array) -> dict[str, Array]:
    """Every number that `columns` names of a trajectory.

    With tasks, eps_g jumps where another task begins, which is no plateau's end: the plateau is that of the task
    learned first, in its first turn, and infinitely long if it is not left in it.

    Parameters
    ----------
    trajectory : Trajectory
        Of the ODEs or of an ensemble.
    alphas : array_like, shape (A,)
        Those that were asked for: a trajectory that ends before the last of them has diverged, or its solver gave up.

    Returns
    -------
    dict of str to ndarray
        Arrays of shape () for the theory and (runs,) for an ensemble.

    Raises
    ------
    InputError
        If alphas are negative or do not increase.

    See Also
    --------
    columns, plateau, stdyn.Trajectory.summary, stdyn.scan

    Examples
    --------
    >>> numbers = stdyn.summary.summarise(theory, alphas)
    >>> print(f"{numbers['eps_g_start']:.3f}, {numbers['alignment_start']:.3f}, {numbers['specialised']:g}")
    0.340, 0.996, 0
    """
    check_type("trajectory", trajectory, Trajectory)
    alphas = time_grid(alphas)
    problem, start, runs = trajectory.problem, trajectory.problem.start, trajectory.runs
    shape = () if runs is None else (runs,)
    b, tasks = problem.b, problem.tasks
    begin, height, end = _plateaus(trajectory).T.reshape(3, *shape)
    ended = trajectory.positions(alphas[-1:])[0] >= 0
    values = {
        "eps_g_start": errors_at_start(trajectory)[..., 0 if tasks is None else tasks.task_at(0.0)],
        "eps_g_final": trajectory.eps_g[..., -1] if ended else np.nan,
        "b_norm": np.nan if b is None else np.linalg.norm(b),
        "b_smallest": np.nan if b is None else np.linalg.norm(b.reshape(start.K, -1), axis=1).min(),
        "alignment_start": cosine(start.v, b),
        "alignment_final": trajectory.alignment[..., -1] if ended and trajectory.alignment is not None else np.nan,
        "plateau_height": height,
        "plateau_start": begin,
        "plateau_end": end,
        "plateau_length": end - begin,
        "specialised": _specialised(trajectory) if ended else np.nan,
        "diverged_at": np.inf if trajectory.diverged_at is None else trajectory.diverged_at,
        "failed_at": np.inf if trajectory.failed_at is None else trajectory.failed_at,
    }
    for n in range(0 if tasks is None else len(tasks)):
        known = ended and len(trajectory.alphas) > 0
        values[f"eps_g_final_{n + 1}"] = trajectory.eps_g_per_task[..., -1, n] if known else np.nan
        values[f"forgetting_{n + 1}"] = trajectory.forgetting[..., n] if known else np.nan
        values[f"transfer_{n + 1}"] = trajectory.transfer[..., n]
    names = columns(0 if tasks is None else len(tasks))
    return {name: np.broadcast_to(np.asarray(values[name], dtype=float), shape) for name in names}


def _plateaus(trajectory: Trajectory) -> Array:
    """Start, height and end of the plateau of every curve (runs or 1, 3), with tasks of the first turn."""
    alphas, eps_g, tasks = trajectory.alphas, trajectory.eps_g, trajectory.problem.tasks
    if tasks is not None:
        end = np.searchsorted(alphas, tasks.breaks[0], side="right") if tasks.breaks else len(alphas)
        alphas, eps_g = alphas[:end], trajectory.eps_g_per_task[..., :end, tasks.task_at(0.0)]
    return np.array([plateau(alphas, curve) for curve in eps_g.reshape(trajectory.runs or 1, len(alphas))])


def censored(lengths: Array) -> tuple[float, float]:
    """Median of lengths of plateaus, infinite where one is not left, and the share of those that are not.

    NaN, no plateau, does not count. A mean would be infinite, or say nothing of what is not left; where more than half
    are not, the median is infinite.

    Parameters
    ----------
    lengths : array_like
        Of plateaus; inf of one that is not left, NaN of none.

    Returns
    -------
    median : float
        One of the lengths, the nearest to the middle; NaN if there are none.
    share : float
        Of the plateaus that are not left; NaN if there are none.

    Raises
    ------
    InputError
        If lengths are no numbers.

    See Also
    --------
    plateau, stdyn.Study

    Examples
    --------
    >>> stdyn.summary.censored([10.0, 30.0, 20.0, np.inf, np.nan])
    (30.0, 0.25)
    """
    lengths = floats("lengths", lengths)
    there = lengths[~np.isnan(lengths)]
    if not there.size:
        return np.nan, np.nan
    return float(np.percentile(there, 50, method="nearest")), float(np.mean(np.isinf(there)))


def plateau(alphas: Array, eps_g: Array) -> tuple[float, float, float]:
    """Start, height and end of the plateau of one curve eps_g(alpha).

    Of several, the flattest that ends, or the flattest if none does.

    Parameters
    ----------
    alphas : array_like, shape (A,)
        Not negative, strictly increasing.
    eps_g : array_like, shape (A,)
        The curve; what is not finite is left out.

    Returns
    -------
    start : float
        The alpha at which it begins; NaN if there is none.
    height : float
        Its eps_g; NaN if there is none.
    end : float
        The alpha at which it is left, or inf; NaN if there is none.

    Raises
    ------
    InputError
        If alphas are negative or do not increase, or the two have different shapes.

    See Also
    --------
    flat_stretches, stdyn.plateaus

    Notes
    -----
    How a plateau is found stands in docs/scans.md.

    Examples
    --------
    >>> alpha = np.linspace(0, 100, 201)
    >>> eps_g = 0.4 * np.exp(-alpha / 2) + 0.1 / (1 + np.exp(alpha - 60))
    >>> np.round(stdyn.summary.plateau(alpha, eps_g), 1)
    array([ 2.8,  0.1, 60. ])
    """
    found = flat_stretches(alphas, eps_g)
    if not found:
        return np.nan, np.nan, np.nan
    best = min(found, key=lambda stretch: (np.isinf(stretch.end), stretch.slope))
    return best.start, best.height, best.end


@dataclass(frozen=True)
class Stretch:
    """A flat stretch of a curve eps_g(alpha), found by `flat_stretches`.

    Attributes
    ----------
    start : float
        The alpha at which it begins.
    at : float
        The alpha at which it is flattest.
    height : float
        The eps_g there.
    end : float
        The alpha at which it is left; inf if it is not.
    level : float
        The eps_g at which it ends.
    slope : float
        ``|d log eps_g / d log alpha|`` where it is flattest.

    See Also
    --------
    flat_stretches, stdyn.Plateau

    Examples
    --------
    >>> alpha = np.linspace(0, 100, 201)
    >>> eps_g = 0.4 * np.exp(-alpha / 2) + 0.1 / (1 + np.exp(alpha - 60))
    >>> (stretch,) = stdyn.summary.flat_stretches(alpha, eps_g)
    >>> print(f"{stretch.height:.2f} from {stretch.start:.0f} to {stretch.end:.0f}")
    0.10 from 3 to 60
    """

    start: float
    at: float
    height: float
    end: float
    level: float
    slope: float


def flat_stretches(alphas: Array, eps_g: Array) -> list[Stretch]:
    """The plateaus of one curve, in order (docs/scans.md).

    Parameters
    ----------
    alphas : array_like, shape (A,)
        Not negative, strictly increasing.
    eps_g : array_like, shape (A,)
        The curve; what is not finite is left out.

    Returns
    -------
    list of Stretch
        Empty if there is none, or fewer than three alphas above 0.

    Raises
    ------
    InputError
        If alphas are negative or do not increase, or the two have different shapes.

    See Also
    --------
    plateau, Stretch, stdyn.plateaus

    Notes
    -----
    With x = log alpha and y = log eps_g, let s(x) be the slope of the straight line fitted to all alphas within a
    factor of 1.25. Each plateau hangs on an alpha where the curve is flattest between falls that are at least twice as
    steep: one before it and, unless it is not left, one after it. Its height is eps_g there, which must exceed 1e-7. It
    starts and ends where half of the fall is done, in y, or where eps_g is twice and half the height if that is nearer.

    Examples
    --------
    >>> alpha = np.linspace(0, 100, 201)
    >>> eps_g = 0.4 * np.exp(-alpha / 2) + 0.1 / (1 + np.exp(alpha - 60))
    >>> len(stdyn.summary.flat_stretches(alpha, eps_g))
    1
    """
    alphas, eps_g = _curve(alphas, eps_g)
    there = np.isfinite(eps_g)
    alphas, eps_g = alphas[there], eps_g[there]
    if (alphas > 0).sum() < 3:
        return []
    x = np.log(np.where(alphas > 0, alphas, alphas[1] / 2))  # alpha = 0 counts as half of the first one after it
    y, first = np.log(np.maximum(eps_g, 1e-16)), float(np.log(alphas[alphas > 0][0]))
    s, fitted, scatter = _fits(x, y)
    rests = [at for at in _rests(s, fitted, scatter) if y[at] > np.log(LEARNED)]
    found = []
    for before, at, after in zip([None, *rests], rests, [*rests[1:], None], strict=False):
        above = np.log(2) if before is None else min(np.log(2), (y[before] - y[at]) / 2)
        below = np.log(2) if after is None else min(np.log(2), (y[at] - y[after]) / 2)
        end = _crossing(x[at:], y[at:], y[at] - below)
        begin = _crossing(x[at::-1], -y[at::-1], -y[at] - above)
        begin = max(begin, first) if np.isfinite(begin) else first
        start, flattest, height, left, level = (float(np.exp(z)) for z in (begin, x[at], y[at], end, y[at] - below))
        found.append(Stretch(start, flattest, height, left, level, float(abs(s[at]))))
    return found


def _curve(alphas: Array, eps_g: Array) -> tuple[Array, Array]:
    """The two as arrays of one length; eps_g may be NaN or infinite."""
    alphas, eps_g = floats("alphas", alphas), floats("eps_g", eps_g)
    if alphas.shape != (0,):
        alphas = time_grid(alphas)
    if eps_g.shape != alphas.shape:
        raise InputError(f"eps_g must have the shape of alphas, {alphas.shape}, but has shape {np.shape(eps_g)}")
    return alphas, eps_g


def _rests(s: Array, y: Array, scatter: Array) -> list[int]:
    """Where a curve of slopes s is flattest between falls (docs/scans.md)."""
    steepness, highest = np.maximum(-s, LEAST), np.maximum.accumulate(y)

    def fallen(height: float, since: int, at: int) -> bool:
        return height - y[at] >= max(FALL, SEEN * float(np.hypot(scatter[since], scatter[at])))

    rests: list[int] = []
    for first, last, left in _valleys(steepness):
        at = first + int(np.abs(s[first : last + 1]).argmin())
        if steepness[at] > (FLAT if left else RESTING) or not fallen(highest[at], at, at):
            continue
        if rests and not fallen(y[rests[-1]], rests[-1], at):
            at = min(rests.pop(), at, key=lambda each: abs(s[each]))
        rests.append(at)
    return rests


def _valleys(steepness: Array) -> list[tuple[int, int, bool]]:
    """Where it is least between maxima that are at least STEEPER times as high: from, to, and whether one follows.

    There must be a maximum before. Most have one lowest point; those that are as low as LEAST, many.
    """
    found = []
    falling, first, last = True, 0, 0  # `first`: the highest point or the lowest so far; it is met again at `last`
    for n, value in enumerate(steepness.tolist()):
        extremum = steepness[first]
        if falling and value * STEEPER <= extremum:
            falling, first, last = False, n, n
        elif (value > extremum) if falling else (value < extremum):
            first = last = n
        elif not falling and value == extremum:
            last = n
        elif not falling and value >= STEEPER * extremum:
            found.append((first, last, True))
            falling, first = True, n
    return found if falling else [*found, (first, last, False)]


def _fits(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Lines fitted by least squares to the points within WINDOW of every x, at least to 3.

    Returns their slopes, their values there, and the standard deviation of the points from them.
    """
    n = np.arange(len(x))
    low = np.clip(np.minimum(np.searchsorted(x, x - WINDOW), n - 1), 0, max(len(x) - 3, 0))
    high = np.clip(np.maximum(np.searchsorted(x, x + WINDOW, side="right"), n + 2), min(3, len(x)), len(x))
    origin = y.mean()
    x, y = x - x.mean(), y - origin

    def sums(values: Array) -> Array:
        total = np.concatenate([[0.0], np.cumsum(values)])
        return total[high] - total[low]

    count, sum_x, sum_y = high - low, sums(x), sums(y)
    covariance, variance = sums(x * y) - sum_x * sum_y / count, sums(x * x) - sum_x**2 / count
    slopes = covariance / variance
    rest = sums(y * y) - sum_y**2 / count - slopes * covariance
    values = origin + sum_y / count + slopes * (x - sum_x / count)
    return slopes, values, np.sqrt(np.maximum(rest, 0) / np.maximum(count - 2, 1))


def _crossing(x: Array, y: Array, level: float) -> float:
    """The first x, by linear interpolation, at which y has come down to the level; infinity if it does not."""
    below = np.flatnonzero(y <= level)
    if not below.size or below[0] == 0:
        return np.inf
    j = int(below[0])
    return float(x[j - 1] + (x[j] - x[j - 1]) * (y[j - 1] - level) / (y[j - 1] - y[j]))


def _specialised(trajectory: Trajectory) -> Array:
    """How many students have a cosine of at least SPECIALISED with a teacher unit at the last alpha; () or (runs,)."""
    R, Q = trajectory.R[..., -1, :, :], trajectory.Q[..., -1, :, :]
    norms = np.sqrt(np.einsum("...ii->...i", Q)[..., :, None] * np.diag(trajectory.T))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = np.where(norms > 0, np.abs(R) / norms, 0.0)
    count = (cosines.max(axis=-1) >= SPECIALISED).sum(axis=-1)
    return np.where(np.isfinite(R[..., 0, 0]), count, np.nan)
