"""Where a function g, or its first or second derivative, jumps, and by how much: found from values of g and g' alone.

What is split off at these thresholds t, sum c_k (x - t)_+^k / k! (a step, a ramp, …), leaves a smooth function. Its
Gaussian averages are in stdyn/model/truncated.py.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from stdyn.checks import Array
from stdyn.errors import InputError

Function = Callable[[Array], tuple[Array, Array]]  # g and g' at the points of an array

ORDERS = 7  # jumps of g and of its derivatives up to the sixth are split off
MOST = 40  # thresholds of one function
NEAREST = 1e-3  # what thresholds are apart, at least
_INNER, _OUTER = 10.0, 100.0  # looked at in steps of 5e-4, and of 5e-4 x
_FINE = 5e-4
_WIDE = 1e-5  # of the differences for the second derivative
_HALVINGS = 4  # of all steps; then of those that seem to hold a jump
_DEGREE = 15  # of the polynomials by which derivatives on either side are known
_FURTHEST = 0.5  # how far they reach


class Threshold(NamedTuple):
    """A point `at`, and by how much g, g', g'', … are larger above it than below."""

    at: float
    jumps: tuple[float, ...]


def find_thresholds(function: Function, name: str) -> tuple[Threshold, ...]:
    """All thresholds of a function between -100 and 100, in order.

    Raises InputError if they cannot be told apart: jumps or kinks closer than 1e-3, or more than 40 of them.
    """
    x = _grid()

    def g(z: Array) -> Array:
        return function(z)[0]

    def slope(z: Array) -> Array:
        return function(z)[1]

    with np.errstate(all="ignore"):  # far out g may overflow
        sharp = np.concatenate([_jumps(f, x[:-1], x[1:], name) for f in (g, slope)])
        steps = sharp + NEAREST * np.concatenate([np.linspace(-1, -1e-6, 65), np.linspace(1e-6, 1, 65)])[:, None]
        low, high = (np.delete(part, 64, axis=0).ravel() for part in (steps[:-1], steps[1:]))  # others beside them
        again = [_jumps(f, low, high, name) for f in (g, slope)]
        bends = _jumps(lambda z: (slope(z + _WIDE) - slope(z - _WIDE)) / (2 * _WIDE), x[:-1], x[1:], name, False)
        places = _apart(np.concatenate([sharp, *again]), 1e-10)
        bent = [t for t in bends.tolist() if all(abs(t - other) > 1e-4 * max(1, abs(t)) for other in places)]
        bent = [_bend(function, t, [*places, *bent]) for t in _apart(np.array(bent), 1e-4)]
        places = sorted([*places, *bent])
        found = [each for each in (_threshold(function, t, places) for t in places) if any(each.jumps)]
    _check(name, found)
    return tuple(found)


def _check(name: str, found: list[Threshold]) -> None:
    """Refuse thresholds that cannot be resolved."""
    if len(found) > MOST:
        raise InputError(
            f"activation {name!r} must have at most {MOST} jumps and kinks, but has {len(found)} from"
            f" {found[0].at:g} to {found[-1].at:g}: its averages cannot be resolved (let it be smooth far out)"
        )
    clear = np.array([each.at for each in found if any(each.jumps[:2])])
    close = np.flatnonzero(np.diff(clear) < NEAREST)
    if len(close):
        raise InputError(
            f"activation {name!r} must have jumps and kinks at least {NEAREST:g} apart, but has them at"
            f" {clear[close[0]]:.9g} and {clear[close[0] + 1]:.9g}: its averages cannot be resolved"
        )


def _apart(places: Array, distance: float) -> list[float]:
    """The places without those that are the same but for rounding."""
    kept: list[float] = []
    for t in np.sort(places).tolist():
        if not kept or t - kept[-1] > distance * max(1, abs(t)):
            kept.append(0.0 if abs(t) < 1e-15 else t)
    return kept


def powers(x: Array, thresholds: tuple[Threshold, ...]) -> Array:
    """What is split off at x: sum over thresholds of c_k (x - t)_+^k / k!."""
    total = np.zeros_like(x)
    for t, jumps in thresholds:
        if len(jumps) > 1:
            beyond = np.maximum(x - t, 0)
            value = beyond * (jumps[-1] / (len(jumps) - 1))
            for k in range(len(jumps) - 2, 0, -1):
                value = (value + jumps[k]) * (beyond / k)
            total += value
        if jumps[0]:
            total += jumps[0] * (x > t)
    return total


def _grid() -> Array:
    """Points at which no threshold should be: not at round numbers."""
    inner = np.arange(-_INNER, _INNER, _FINE) + 1e-4 * np.sqrt(2)
    outer = (_INNER + _FINE) * np.exp(np.arange(0, np.log(_OUTER / _INNER), _FINE))
    return np.concatenate([-outer[::-1], inner, outer])


def _jumps(f: Callable[[Array], Array], low: Array, high: Array, name: str, to_the_end: bool = True) -> Array:
    """Where f jumps: intervals are halved, always to the half with the larger difference; `to_the_end`, or four times.

    The difference over what is smooth halves with the interval; that over a jump stays.
    """
    if not len(low):
        return low
    f_low, f_high = f(low), f(high)
    size = np.abs(f_low)
    typical = np.median(size) + 1e-3 * np.max(size, initial=0, where=np.abs(low) < 3)
    before = np.abs(f_high - f_low)
    for _ in range(_HALVINGS):
        before = np.abs(f_high - f_low)
        low, high, f_low, f_high = _half(f, low, high, f_low, f_high)
    after = np.abs(f_high - f_low)
    large = (1e-7 if to_the_end else 1e-4) * (typical + np.abs(f_low) + np.abs(f_high))  # than rounding
    kept = (after > 0.53 * before) & (after > large)
    if kept.sum() > 100 * MOST:
        raise InputError(
            f"activation {name!r} must be smooth but for at most {MOST} jumps and kinks, but at {kept.sum()} places it"
            f" jumps or turns within {_FINE:g}: its averages cannot be resolved"
        )
    low, high, f_low, f_high, after = low[kept], high[kept], f_low[kept], f_high[kept], after[kept]
    if not to_the_end:
        return (low + high) / 2
    for _ in range(60):
        low, high, f_low, f_high = _half(f, low, high, f_low, f_high)
    return ((low + high) / 2)[np.abs(f_high - f_low) > 0.01 * after]  # one of several


def _half(f: Callable[[Array], Array], low: Array, high: Array, f_low: Array, f_high: Array) -> tuple[Array, ...]:
    """The halves of intervals over which f differs more."""
    middle = (low + high) / 2
    f_middle = f(middle)
    upper = np.abs(f_high - f_middle) > np.abs(f_middle - f_low)
    return (
        np.where(upper, middle, low),
        np.where(upper, high, middle),
        np.where(upper, f_middle, f_low),
        np.where(upper, f_high, f_middle),
    )


def _bend(function: Function, t: float, places: list[float]) -> float:
    """Where the two branches of g' meet that do so near t."""
    below, above, _ = _both_sides(function, t, places)
    if below is None or above is None or above[2] == below[2]:
        return t
    shift = float((above[1] - below[1]) / (above[2] - below[2]))
    return t - shift if abs(shift) < 1e-4 else t


def _threshold(function: Function, t: float, places: list[float]) -> Threshold:
    """The jumps at t, of derivatives as far as polynomials on both sides tell them."""
    below, above, reach = _both_sides(function, t, places)
    size = float(np.abs(function(t + np.linspace(-reach, reach, 8))).max())  # even: not at t
    if below is None or above is None:  # too steep for polynomials
        step = 1e-9 * max(1.0, abs(t))
        values = np.array(function(t + step * np.array([-1e4, -2, -1, 1, 2, 1e4])))
        slopes = np.abs(values[1])
        if max(slopes[2:4]) > 10 * max(slopes[0], slopes[5]):
            raise InputError(f"g' must be finite, but it grows without bound at {t:.9g}")
        jumps, noise = list(2 * (values[:, 3] - values[:, 2]) - (values[:, 4] - values[:, 1])), [1e-7, 1e-6]
    else:
        jumps = list(above - below)
        n = _DEGREE**2 * 2 / reach  # a derivative of Chebyshev's polynomials is up to that times larger
        noise = [1e-11, *(1e-13 * max(n**k, 100) / prod(range(1, 2 * k, 2)) for k in range(ORDERS - 1))]
    jumps = [float(jump) if abs(jump) > floor * size else 0.0 for jump, floor in zip(jumps, noise, strict=True)]
    steep = [k for k, jump in enumerate(jumps) if k >= 2 and abs(jump) > 1e3 * size]
    if steep:  # what grows much faster than g would cost more digits than it gains
        jumps = jumps[: steep[0]]
    while jumps and not jumps[-1]:
        jumps.pop()
    return Threshold(t, tuple(jumps))


def _both_sides(function: Function, t: float, places: list[float]) -> tuple[Array | None, Array | None, float]:
    """g and its derivatives below and above t, and how far the nearer of the next places is."""
    reach = [min([_FURTHEST, *(abs(other - t) for other in places if (other - t) * side > 0)]) for side in (-1, 1)]
    below, above = (_derivatives(function, t, side * far) for side, far in zip((-1, 1), reach, strict=True))
    return below, above, min(reach)


def _derivatives(function: Function, t: float, reach: float) -> Array | None:
    """g and its derivatives at t, from the side of the sign of `reach`; None if g is too steep there."""
    nodes = chebyshev.chebpts1(_DEGREE + 1)
    for _ in range(6):
        fits = [chebyshev.chebfit(nodes, values, _DEGREE) for values in function(t + reach * (nodes + 1) / 2)]
        if all(np.abs(fit[-3:]).max() <= 1e-11 * np.abs(fit).max() for fit in fits):
            g, slope = fits
            more = [chebyshev.chebval(-1.0, chebyshev.chebder(slope, k, scl=2 / reach)) for k in range(ORDERS - 1)]
            return np.array([chebyshev.chebval(-1.0, g), *more])
        reach /= 2
    return None
