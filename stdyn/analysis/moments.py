"""Moments over runs, of which some may have diverged."""

import numpy as np

from stdyn.checks import Array


def mean_and_spread(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over the first axis of what is finite; NaN where nothing is."""
    there = np.isfinite(values)
    count = np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    mean = np.where(there, values, 0).sum(axis=0) / count
    return mean, np.sqrt(np.where(there, (values - mean) ** 2, 0).sum(axis=0) / count)


def mean_and_error(values: Array) -> tuple[Array, Array]:
    """Mean over the first axis of what is finite and its standard error, which one run has not."""
    mean, spread = mean_and_spread(values)
    number = np.isfinite(values).sum(axis=0)
    return mean, spread / np.sqrt(np.where(number > 1, number - 1, np.nan))
