"""Averages of products of two fields: closed forms, and Mehler's formula with jumps and kinks split off."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from stdyn.checks import Array
from stdyn.errors import NoAverageWarning, warn
from stdyn.kernels.activation import Code
from stdyn.model import truncated
from stdyn.model.activations import Activation
from stdyn.model.thresholds import powers


class _Rule(NamedTuple):
    """How finely the averages without a closed form are taken."""

    terms: int  # of an expansion in Hermite polynomials
    panels: int  # of Gauss-Legendre quadrature on either side of 0


_FINE, _FINER = _Rule(96, 4), _Rule(384, 16)  # the second where the first is not enough
_NODES = 40  # in a panel
_ENOUGH = 1e-9  # relative to <g^2>
_ROUNDING = 4e-16
_SEEN = 10.0  # in standard deviations: beyond it come 1e-23 of all fields
_FURTHEST = 14.0  # where exp(-x^2/4) is 1e-21

total_of = functools.partial(functools.reduce, np.add)


def diagonal(C: Array) -> Array:
    return np.diagonal(C, axis1=-2, axis2=-1)


@dataclass(frozen=True, eq=False)
class Fields:
    """Fields of one activation, their variances (..., P), and how their averages are taken."""

    activation: Activation
    variance: Array
    rule: _Rule = _FINE

    def finer(self, rows: Array) -> "Fields":
        """Those of some rows of the leading axes, by the finer rule."""
        return Fields(self.activation, self.variance[rows], _FINER)

    def _values(self, z: Array, x: Array) -> Array:
        """g(z) of z = sigma x, (sigma, nodes x); NaN at all nodes, and said, if it is not finite where fields come."""
        values = self.activation(z)[0]
        wrong = ~np.isfinite(values) & np.isfinite(z)
        values[wrong & (np.abs(x) > _SEEN)] = 0.0
        wrong &= np.abs(x) <= _SEEN
        for row in np.flatnonzero(wrong.any(axis=1))[:1]:
            warn(
                f"averages over {self.activation}, as in eps_g, are NaN where fields come to where it is not finite:"
                f" at {z[row][wrong[row]][0]:.1g}, say",
                NoAverageWarning,
            )
        values[wrong.any(axis=1)] = np.nan
        return values

    @cached_property
    def coefficients(self) -> "_Coefficients":
        """Computed once for every different variance."""
        different, where = np.unique(self.variance, return_inverse=True)
        where, thresholds = where.reshape(self.variance.shape), self.activation.thresholds
        sigma, (x, weights) = np.sqrt(np.maximum(different, 0)), _hermite_rule(self.rule)
        left, squares = np.empty((self.rule.terms, len(sigma))), np.empty(len(sigma))
        for part in np.array_split(np.arange(len(sigma)), len(sigma) // 2**14 + 1):
            z = sigma[part, None] * x
            values = self._values(z, x)
            if thresholds:
                values -= (sigma[part, None] > 0) * powers(z, thresholds)
            left[:, part] = (values @ weights).T
            squares[part] = values**2 @ weights[:, 0]
        missing = _beyond(left)
        lost = squares - np.sum(left**2, axis=0)  # by Parseval, if it is more than rounding
        missing = np.maximum(missing, np.where(lost > 1e-13 * squares, lost, 0.0))
        of_left = left[:, where], np.sqrt(missing)[where], _ROUNDING * squares[where]
        if not thresholds:
            return _Coefficients(*of_left, np.zeros(where.shape))
        split = np.zeros_like(left)
        for t, jumps in thresholds:
            split += truncated.hermite(*_in_units(t, jumps, different), self.rule.terms)
        return _Coefficients(*of_left, np.sqrt(_beyond(split))[where], split[:, where])


class _Coefficients(NamedTuple):
    """g_n = <g(sqrt(variance) x) He_n(x)> / sqrt(n!) for x ~ N(0, 1), of shape (terms, ..., P), in two parts.

    And norms (..., P) of what is beyond the last term, of either part; what rounding does to squares of the first.
    """

    left: Array
    left_beyond: Array
    rounding: Array
    split_beyond: Array
    split: Array | None = None  # of what is split off at thresholds

    @property
    def whole(self) -> Array:
        """Both together."""
        return self.left if self.split is None else self.left + self.split


def _beyond(g: Array) -> Array:
    """About sum_n g_n^2 over n beyond the last term, not less: it falls at least as the square of a step's, n^-3/2."""
    return 5 * np.sum(g[len(g) * 2 // 3 :] ** 2, axis=0)


def pair_averages(C_ac: Array, a: Fields, c: Fields) -> tuple[Array, Array]:
    """I2 (..., P, P') between fields a (P) and c (P'), and by how much it may be wrong."""
    one, other = a.activation, c.activation
    C_aa, C_cc = a.variance[..., :, None], c.variance[..., None, :]
    exact = np.zeros(C_ac.shape)
    if one.terms is not None and other.terms is not None:
        return total_of(
            c * c_ * _I2_erf(s * s_ * C_ac, s**2 * C_aa, s_**2 * C_cc)
            for (c, s), (c_, s_) in product(one.terms.tolist(), other.terms.tolist())
        ), exact
    if one.code == other.code == Code.LINEAR:
        return C_ac, exact
    if one.code == other.code == Code.RELU:
        root, theta = relu_angle(C_ac, C_aa, C_cc)
        return (root + C_ac * (np.pi / 2 + theta)) / (2 * np.pi), exact
    average, error, poor = _series(C_ac, a, c)
    if poor.any():
        finer = a.finer(poor)
        average[poor], error[poor], _ = _series(C_ac[poor], finer, finer if a is c else c.finer(poor))
    return average, error


def _series(C_ac: Array, a: Fields, c: Fields) -> tuple[Array, Array, Array]:
    """I2 by Mehler's formula, by how much it may be wrong, and in which rows (...) that is not good enough."""
    C_aa, C_cc = a.variance[..., :, None], c.variance[..., None, :]
    scale, leg = _hypotenuse_and_leg(C_ac, C_aa, C_cc)
    rho = np.clip(np.divide(C_ac, scale, out=np.zeros_like(C_ac), where=scale != 0), -1, 1)
    of_a, of_c = a.coefficients, c.coefficients
    if of_a.split is None or of_c.split is None:
        average = _mehler(of_a.whole, of_c.whole, rho)
    else:  # the series of what was split off, which converges slowly, is known in closed form
        root = np.divide(leg, scale, out=np.ones_like(leg), where=scale != 0)
        average = _mehler(of_a.left, of_c.whole, rho) + _mehler(of_a.split, of_c.left, rho) + _sharp(a, c, rho, root)
    error = (of_a.left_beyond + of_a.split_beyond)[..., :, None] * of_c.left_beyond[..., None, :]
    error += of_a.left_beyond[..., :, None] * of_c.split_beyond[..., None, :]
    if of_a.split is None or of_c.split is None:
        error += of_a.split_beyond[..., :, None] * of_c.split_beyond[..., None, :]
    size = [np.sqrt(np.sum(each.whole**2, axis=0)) for each in (of_a, of_c)]
    poor = error > _ENOUGH * size[0][..., :, None] * size[1][..., None, :]
    error += np.sqrt(of_a.rounding[..., :, None] * of_c.rounding[..., None, :])
    return average, error, poor.any(axis=(-2, -1))


def _mehler(g_a: Array, g_c: Array, rho: Array) -> Array:
    """sum_n g_n(a) g_n(c) rho^n"""
    sizes = [np.fmax.reduce(np.abs(g).reshape(len(g), -1), axis=1, initial=0) for g in (g_a, g_c)]  # diverged runs: NaN
    above = [size > _ROUNDING * size.max() for size in sizes]  # others, of polynomials most, are rounding
    total = np.zeros_like(rho)
    for n in range(max(np.flatnonzero(above[0] & above[1]), default=-1), -1, -1):
        total = total * rho + g_a[n][..., :, None] * g_c[n][..., None, :]
    known_a, known_c = (np.isfinite(g[0]) for g in (g_a, g_c))
    return np.where(known_a[..., :, None] & known_c[..., None, :], total, np.nan)


def _sharp(a: Fields, c: Fields, rho: Array, root: Array) -> Array:
    """<S(a) S(c)> of what is split off at the thresholds; nothing is where a field does not vary."""
    i, k = np.triu_indices(rho.shape[-1]) if a is c else np.indices(rho.shape[-2:]).reshape(2, -1)
    pairs, rho, root = np.zeros(rho[..., i, k].shape), rho[..., i, k], root[..., i, k]
    for (s, jumps), (t, jumps_c) in product(a.activation.thresholds, c.activation.thresholds):
        s_a, c_a = _in_units(s, jumps, a.variance[..., i])
        s_c, c_c = _in_units(t, jumps_c, c.variance[..., k])
        moments = truncated.pair(s_a, s_c, rho, root, (len(c_a), len(c_c)))
        for p, q in product(np.flatnonzero(jumps), np.flatnonzero(jumps_c)):
            pairs += c_a[p] * c_c[q] * moments[p][q]
    average = np.empty((*rho.shape[:-1], a.variance.shape[-1], c.variance.shape[-1]))
    average[..., i, k] = pairs
    if a is c:
        average[..., k, i] = pairs
    return average


def _in_units(t: float, jumps: Sequence[float], variance: Array) -> tuple[Array, list[Array]]:
    """A threshold and its jumps in units of the standard deviation; no jumps where that is zero."""
    varies = variance > 0
    sigma = np.sqrt(np.where(varies, variance, 1.0))
    return t / sigma, [np.where(varies, jump * sigma**k, 0.0) for k, jump in enumerate(jumps)]


def _I2_erf(C_ac: Array, C_aa: Array, C_cc: Array) -> Array:
    return 2 / np.pi * np.arcsin(C_ac / np.sqrt((1 + C_aa) * (1 + C_cc)))


@functools.cache
def _hermite_rule(rule: _Rule) -> tuple[Array, Array]:
    """Nodes x, and weights (nodes, n) of the averages over He_n(x)/sqrt(n!) times a function."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(-_FURTHEST, _FURTHEST, 2 * rule.panels + 1)  # one is 0
    x = ((edges[:-1] + edges[1:]) / 2 + np.diff(edges) / 2 * nodes[:, None]).ravel()
    density = np.repeat(weights, 2 * rule.panels) * np.exp(-(x**2) / 2)
    density /= density.sum()
    h = np.empty((rule.terms, len(x)))
    h[0], h[1] = 1, x
    for n in range(2, rule.terms):
        h[n] = (x * h[n - 1] - np.sqrt(n - 1) * h[n - 2]) / np.sqrt(n)
    return x, (h * density).T


def relu_angle(C_ac: Array, C_aa: Array, C_cc: Array) -> tuple[Array, Array]:
    """sqrt(C_aa C_cc - C_ac^2) and theta_ac = asin rho_ac.

    The angle is that of the two legs: asin loses half of its digits where |rho| is nearly one.
    """
    _, root = _hypotenuse_and_leg(C_ac, C_aa, C_cc)
    return root, np.arctan2(C_ac, root)


def _hypotenuse_and_leg(C_ac: Array, C_aa: Array, C_cc: Array) -> tuple[Array, Array]:
    """sqrt(C_aa C_cc), of equal fields exactly their variance, and sqrt(C_aa C_cc - C_ac^2)."""
    norm = np.sqrt(np.maximum(C_aa, 0) * np.maximum(C_cc, 0))
    return norm, np.sqrt(np.maximum((norm - np.abs(C_ac)) * (norm + np.abs(C_ac)), 0))
