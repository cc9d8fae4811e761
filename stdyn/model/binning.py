"""Many eigenvalues in few groups: equal ones stay together, and the groups are as even as that allows."""

import numpy as np

from stdyn.checks import Array, choice, integer
from stdyn.errors import InputError

BINS = ("number", "variance", "log")
_LEAST = 1e-100  # of variances


def sizes_of_groups(eigenvalues: Array, groups: int | None, bins: str, rounding: float) -> np.ndarray:
    """How many of the eigenvalues, which decrease, are in each group.

    Parameters
    ----------
    eigenvalues : ndarray, shape (N,)
        Positive, each at most as large as the one before.
    groups : int or None
        At most as many groups as these; None: one for every different eigenvalue.
    bins : {"number", "variance", "log"}
        What the groups have equal shares of: the number of eigenvalues, their sum, or the range of their logarithm.
    rounding : float
        Neighbours are equal if they differ by no more than that.

    Returns
    -------
    sizes : ndarray of int, shape (L,)
        L is `groups`, or the number of different eigenvalues if that is smaller.

    Raises
    ------
    InputError
        If there are more groups than eigenvalues, or no such bins.
    """
    choice("bins", bins, BINS)
    begins = np.flatnonzero(np.append(True, eigenvalues[:-1] - eigenvalues[1:] > rounding))  # of equal ones
    if groups is not None:
        count = integer("groups", groups, 1)
        if count > len(eigenvalues):
            raise InputError(f"groups must be at most the number of directions, N = {len(eigenvalues)}, but is {count}")
        if bins == "log":
            weights = _ranges(np.log(eigenvalues[begins]))
        else:
            weights = np.add.reduceat(np.ones(len(eigenvalues)) if bins == "number" else eigenvalues, begins)
        begins = begins[_first_levels(weights, count)]
    return np.diff(np.append(begins, len(eigenvalues)))


def _ranges(levels: Array) -> Array:
    """What of the range of decreasing levels is nearest to each, a positive number; 1 of a single one."""
    if len(levels) == 1:
        return np.ones(1)
    edges = np.concatenate([levels[:1], (levels[:-1] + levels[1:]) / 2, levels[-1:]])
    return np.asarray(edges[:-1] - edges[1:])


def means(eigenvalues: Array, sizes: np.ndarray) -> Array:
    """The mean of the eigenvalues of every group; without rounding where they are equal."""
    begins = np.cumsum(sizes) - sizes
    first = eigenvalues[begins]
    return first + np.add.reduceat(eigenvalues - np.repeat(first, sizes), begins) / sizes


def power_law(exponent: float, N: int) -> Array:
    """The eigenvalues (N,) proportional to j^-exponent, j = 1 … N, of mean 1."""
    falling = np.exp(-exponent * np.log(np.arange(1.0, N + 1)))
    eigenvalues = falling / falling.mean()
    if eigenvalues[-1] < _LEAST:
        raise InputError(f"exponent must leave the smallest of N = {N} variances above {_LEAST:g}, but is {exponent:g}")
    return np.asarray(eigenvalues)


def _first_levels(weights: Array, groups: int) -> np.ndarray:
    """The first level of each group, of levels that are not to be divided.

    A level that is heavier than the share of a group is a group of its own; those between such levels are divided
    evenly.
    """
    if groups >= len(weights):
        return np.arange(len(weights))
    heavy = _heavy(weights, groups)
    runs = _runs(~heavy)
    while heavy.sum() + len(runs) > groups:  # more than there may be: the lightest of them is divided like others
        heavy[np.flatnonzero(heavy)[np.argmin(weights[heavy])]] = False
        runs = _runs(~heavy)
    totals, room = (np.array([f(weights[run]) for run in runs]) for f in (np.sum, np.size))
    parts = np.ones(len(runs), dtype=int)
    for _ in range(groups - int(heavy.sum()) - len(runs)):
        parts[np.argmax(np.where(parts < room, totals / (parts + 1), -1))] += 1
    begins = [run.start + _cuts(weights[run], count) for run, count in zip(runs, parts.tolist(), strict=True)]
    return np.sort(np.concatenate([np.flatnonzero(heavy), *begins]))


def _heavy(weights: Array, groups: int) -> np.ndarray:
    """Which levels are heavier than the share of a group in what is left without them."""
    heavy = np.zeros(len(weights), dtype=bool)
    while True:
        share = weights[~heavy].sum() / max(groups - int(heavy.sum()), 1)
        more = ~heavy & (weights > share * (1 + 1e-9))
        if not more.any() or heavy.sum() + more.sum() >= groups:
            return heavy
        heavy |= more


def _runs(there: np.ndarray) -> list[slice]:
    """Where levels stand one beside the other."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    return [slice(*pair) for pair in edges.reshape(-1, 2).tolist()]


def _cuts(weights: Array, parts: int) -> np.ndarray:
    """The first level of each of as many parts of equal weight, as nearly as can be; none is empty."""
    sums = np.append(0.0, np.cumsum(weights))
    k = np.arange(1, parts)
    targets = sums[-1] * k / parts
    above = np.clip(np.searchsorted(sums, targets), 1, len(weights))
    nearest = np.where(targets - sums[above - 1] < sums[above] - targets, above - 1, above)
    cuts = np.maximum.accumulate(np.maximum(nearest, k) - k) + k
    return np.append(0, np.minimum(cuts, len(weights) - parts + k))


def check_whole(name: str, fractions: Array, N: int) -> None:
    """Refuse fractions of which a group would divide a direction."""
    counts = fractions * N
    wrong = np.flatnonzero(np.abs(counts - np.rint(counts)) > 1e-6)
    if wrong.size:
        raise InputError(
            f"fractions must be whole numbers of the {N} {name}, but fractions[{wrong[0]}] is"
            f" {counts[wrong[0]]:.6g} of them"
        )


def whole_numbers(fractions: Array, N: int) -> np.ndarray:
    """fractions N as whole numbers that sum to N, by largest remainders; refused if one is less than 1."""
    exact = fractions * N
    small = int(exact.argmin())
    if exact[small] < 1 - 1e-6:
        raise InputError(
            f"N must let every group have a direction, but of N = {N} the fraction fractions[{small}] ="
            f" {fractions[small]:.4g} has {exact[small]:.4g}"
        )
    whole = np.floor(exact + 1e-6).astype(int)
    last = np.argsort(whole - exact, kind="stable")[: N - int(whole.sum())]
    whole[last] += 1
    return whole
