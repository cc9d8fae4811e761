"""One number of each point of a scan, where every run of it has one."""

import numpy as np

from stdyn.checks import Array


def over_runs(values: Array) -> Array:
    """A number of points (points, runs): the median over the runs that have it, NaN where none has; else as it is."""
    if values.ndim == 1:
        return values
    found = np.full(len(values), np.nan)
    there = ~np.isnan(values).all(axis=1)
    with np.errstate(invalid="ignore"):  # the mean of two infinite ones
        found[there] = np.nanmedian(values[there], axis=1)
    return found
