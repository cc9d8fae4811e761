"""The points of a scan in numbers: which there are, by rule and in pairs, and what is drawn of them."""

import numpy as np

from stdyn.analysis.summary import SUMMARY
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.model.problem import Problem
from stdyn.scans.points import DONE
from stdyn.scans.scanfile import Scan


def done(scan: Scan) -> np.ndarray:
    """Which points are done."""
    return scan.state == DONE


def example(scan: Scan) -> Problem:
    """The first point that is done."""
    return scan.problem(int(np.flatnonzero(done(scan))[0]))


def by_rule(scan: Scan) -> dict[str, np.ndarray]:
    """The points that are done, by rule."""
    if "rule" not in scan.coordinates:
        return {example(scan).rule: done(scan)}
    found = {rule: done(scan) & (scan.coordinates["rule"] == rule) for rule in ("fa", "bp")}
    return {rule: points for rule, points in found.items() if points.any()}


def pairs(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The points of FA and of BP that share their start: in all varied quantities but the rule they are the same."""
    others = [values for name, values in scan.coordinates.items() if name != "rule"]
    keys = list(zip(*others, strict=True)) if others else [()] * len(scan)
    found: dict[tuple[object, ...], dict[str, int]] = {}
    for point in np.flatnonzero(done(scan)):
        found.setdefault(keys[point], {})[scan.coordinates["rule"][point]] = int(point)
    both = [pair for pair in found.values() if len(pair) == 2]
    return np.array([pair["fa"] for pair in both], dtype=int), np.array([pair["bp"] for pair in both], dtype=int)


def numbers(scan: Scan, name: str) -> Array:
    """A varied quantity or a number of the summary (of an ensemble the median over runs), at every point."""
    if name in scan.coordinates and scan.coordinates[name].dtype.kind in "iuf":
        return scan.coordinates[name].astype(float)
    if name not in scan.summary:
        numeric = [each for each, values in scan.coordinates.items() if values.dtype.kind in "iuf"]
        raise InputError(f"{name!r} is not in {scan.path} as a number; there are {', '.join([*numeric, *SUMMARY])}")
    values = scan.summary[name]
    if values.ndim == 1:
        return values
    with np.errstate(invalid="ignore"):
        return np.median(values, axis=1)


def finite(scan: Scan, name: str) -> Array:
    """The numbers, infinity (a plateau that was not left) as the last alpha."""
    values = numbers(scan, name)
    return np.where(np.isinf(values), scan.alphas[-1], values)


def there(scan: Scan, name: str) -> np.ndarray:
    """Which points are done and have this number."""
    return np.isfinite(numbers(scan, name)) & done(scan)


def varied(scan: Scan) -> list[str]:
    """The varied quantities that are numbers, have several values and are not just the draw."""
    return [
        name
        for name, values in scan.coordinates.items()
        if name != "draw" and values.dtype.kind in "iuf" and len(np.unique(values)) > 1
    ]


def unlimited(scan: Scan, name: str) -> str:
    """How many of the numbers are infinite, in words for an axis that shows them at the last alpha."""
    count = int(np.isinf(numbers(scan, name)[done(scan)]).sum())
    return f"\n({count} not left by {scan.alphas[-1]:g}: drawn there)" if count else ""


def curve(scan: Scan, point: int) -> Array:
    """eps_g of one point (of an ensemble the median over runs), for a logarithmic axis."""
    values = scan.read("eps_g", int(point))
    values = values if values.ndim == 1 else np.nanmedian(values, axis=0)
    return style.positive(values)
