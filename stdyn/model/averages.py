"""Gaussian averages of the activations, one formula beside its source, in plain NumPy.

The fields are z ~ N(0, C) with C of shape (..., P, P), positive semi-definite; any leading axes are carried along.
These are the textbook forms. The compiled right-hand side of the ODEs (kernels/averages) groups them differently for
speed; the tests hold one to the other. Sums of erfs (tanh) are averaged term by term.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, as_floats
from stdyn.errors import InputError, NoAverageWarning, warn
from stdyn.kernels.activation import Code
from stdyn.kernels.averages import relu
from stdyn.model import truncated
from stdyn.model.activations import Activation, find
from stdyn.model.thresholds import Threshold, powers
from stdyn.text import shown

Thresholds = Sequence[Threshold]


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

_total = functools.partial(functools.reduce, np.add)


def _covariance(C: ArrayLike) -> Array:
    C = as_floats("C", C)
    if C.ndim < 2 or C.shape[-1] != C.shape[-2]:
        raise InputError(f"C must have shape (..., P, P), but has shape {C.shape}")
    return C


def _closed(activation: Any) -> Activation:
    """The activation, which must have a closed form of all averages."""
    found = find(activation)
    if found.code == Code.COMPILED:
        raise InputError(f"activation must be one of erf, linear, relu, tanh, but is {shown(found.name)}")
    return found


def _diagonal(C: Array) -> Array:
    return np.diagonal(C, axis1=-2, axis2=-1)


def _terms(activation: Activation, fields: int) -> list[tuple[tuple[float, ...], ...]]:
    """The terms c erf(s x / sqrt 2) of a product over `fields` fields: ((c, …), (s, …)) of each."""
    assert activation.terms is not None
    return [tuple(zip(*each, strict=True)) for each in product(activation.terms.tolist(), repeat=fields)]


def I2(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g(z_a) g(z_c)>, of every pair of fields.

    Parameters
    ----------
    C : array_like, shape (..., P, P)
        Covariance of the fields, positive semi-definite.
    activation : str, Activation or sequence of P of them, default "erf"
        That of all fields, or those of each.

    Returns
    -------
    ndarray, shape (..., P, P)
        The average over z ~ N(0, C).

    Raises
    ------
    InputError
        If C is not finite or not of that shape, or there is no such activation.

    Warns
    -----
    NoAverageWarning
        An activation is not finite where fields come: its averages are NaN.

    See Also
    --------
    eps_g, I3, J2, I4

    Notes
    -----
    erf: (2/pi) asin(C_ac / sqrt((1 + C_aa)(1 + C_cc))), in (-1, 1). linear: C_ac. Saad & Solla, PRE 52, 4225 (1995).
    relu: [sqrt(C_aa C_cc - C_ac^2) + C_ac (pi/2 + asin rho)] / 2 pi. Cho & Saul, NeurIPS 2009.
    Any other: sum_n g_n(a) g_n(c) rho^n, with the coefficients g_n(a) = <g(sqrt(C_aa) x) He_n(x)> / sqrt(n!) of
    Mehler's formula, 96 terms; jumps of g and of its derivatives are split off, and averaged in closed form. Exact to
    rounding if what is left is smooth on the scale of its argument; else `eps_g_error` says what it makes of eps_g.

    Examples
    --------
    >>> C = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> stdyn.averages.I2(C).round(3)
    array([[0.333, 0.161],
           [0.161, 0.333]])
    >>> stdyn.averages.I2(C, ["erf", "relu"]).round(3)
    array([[0.333, 0.141],
           [0.141, 0.5  ]])
    """
    C = _covariance(C)
    P = C.shape[-1]
    several = isinstance(activation, Sequence) and not isinstance(activation, str)
    each = [find(one) for one in activation] if several else [find(activation)] * P
    if len(each) != P:
        raise InputError(f"activation must be one or a sequence of P = {P}, but has {len(each)}")
    variance, average = _diagonal(C), np.empty(C.shape)
    where = {kind: np.array([n for n, one in enumerate(each) if one == kind]) for kind in dict.fromkeys(each)}
    fields = {kind: _Fields(kind, variance[..., units]) for kind, units in where.items()}
    for one, other in combinations_with_replacement(where, 2):
        a, c = where[one], where[other]
        block, _ = _I2(C[..., a[:, None], c], fields[one], fields[other])
        average[..., a[:, None], c] = block
        average[..., c[:, None], a] = np.swapaxes(block, -1, -2)
    return average


@dataclass(frozen=True, eq=False)
class _Fields:
    """Fields of one activation, their variances (..., P), and how their averages are taken."""

    activation: Activation
    variance: Array
    rule: _Rule = _FINE

    def finer(self, rows: Array) -> "_Fields":
        """Those of some rows of the leading axes, by the finer rule."""
        return _Fields(self.activation, self.variance[rows], _FINER)

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


def _I2(C_ac: Array, a: _Fields, c: _Fields) -> tuple[Array, Array]:
    """I2 (..., P, P') between fields a (P) and c (P'), and by how much it may be wrong."""
    one, other = a.activation, c.activation
    C_aa, C_cc = a.variance[..., :, None], c.variance[..., None, :]
    exact = np.zeros(C_ac.shape)
    if one.terms is not None and other.terms is not None:
        return _total(
            c * c_ * _I2_erf(s * s_ * C_ac, s**2 * C_aa, s_**2 * C_cc)
            for (c, s), (c_, s_) in product(one.terms.tolist(), other.terms.tolist())
        ), exact
    if one.code == other.code == Code.LINEAR:
        return C_ac, exact
    if one.code == other.code == Code.RELU:
        root, theta = _relu_angle(C_ac, C_aa, C_cc)
        return (root + C_ac * (np.pi / 2 + theta)) / (2 * np.pi), exact
    average, error, poor = _series(C_ac, a, c)
    if poor.any():
        finer = a.finer(poor)
        average[poor], error[poor], _ = _series(C_ac[poor], finer, finer if a is c else c.finer(poor))
    return average, error


def _series(C_ac: Array, a: _Fields, c: _Fields) -> tuple[Array, Array, Array]:
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


def _sharp(a: _Fields, c: _Fields, rho: Array, root: Array) -> Array:
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


def I3(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g'(z_a) z_b g(z_c)>, of every three fields.

    Parameters
    ----------
    C : array_like, shape (..., P, P)
        Covariance of the fields, positive semi-definite.
    activation : {"erf", "linear", "relu", "tanh"}, default "erf"
        One with a closed form.

    Returns
    -------
    ndarray, shape (..., P, P, P)
        The average over z ~ N(0, C), indexed [a, b, c].

    Raises
    ------
    InputError
        If C is not finite or not of that shape, or the activation has no closed form.

    See Also
    --------
    I2, J2, I4

    Notes
    -----
    erf: (2/pi) [C_bc (1 + C_aa) - C_ab C_ac] / [(1 + C_aa) sqrt(Lambda_ac)],
    Lambda_ac = (1 + C_aa)(1 + C_cc) - C_ac^2. linear: C_bc. Saad & Solla, PRE 52, 4225 (1995).
    relu: C_ab sqrt(C_aa C_cc - C_ac^2) / (2 pi C_aa) + C_bc (1/4 + asin(rho_ac) / 2 pi).

    Examples
    --------
    >>> stdyn.averages.I3([[1.0, 0.5], [0.5, 1.0]])[0, 1].round(3)  # <g'(z_0) z_1 g(z_c)>
    array([0.092, 0.288])
    """
    C, activation = _covariance(C), _closed(activation)
    if activation.code == Code.RELU:
        return _relu_I3(C)
    C_ab, C_ac, C_bc = C[..., :, :, None], C[..., :, None, :], C[..., None, :, :]
    if activation.code == Code.LINEAR:
        return np.broadcast_to(C_bc, (*C.shape, C.shape[-1])).copy()
    variance = _diagonal(C)
    C_aa, C_cc = variance[..., :, None, None], variance[..., None, None, :]
    return _total(
        c_a * s_a * c_c * _I3_erf(1 + s_a**2 * C_aa, 1 + s_c**2 * C_cc, s_a * C_ab, s_a * s_c * C_ac, s_c * C_bc)
        for (c_a, c_c), (s_a, s_c) in _terms(activation, 2)
    )


def _I3_erf(d_a: Array, d_c: Array, C_ab: Array, C_ac: Array, C_bc: Array) -> Array:
    return 2 / np.pi * (C_bc * d_a - C_ab * C_ac) / (d_a * np.sqrt(d_a * d_c - C_ac**2))


def J2(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g'(z_a) g'(z_b)>, of every pair of fields.

    Parameters
    ----------
    C : array_like, shape (..., P, P)
        Covariance of the fields, positive semi-definite.
    activation : {"erf", "linear", "relu", "tanh"}, default "erf"
        One with a closed form.

    Returns
    -------
    ndarray, shape (..., P, P)
        The average over z ~ N(0, C).

    Raises
    ------
    InputError
        If C is not finite or not of that shape, or the activation has no closed form.

    See Also
    --------
    I2, I3, I4

    Notes
    -----
    erf: (2/pi) / sqrt((1 + C_aa)(1 + C_bb) - C_ab^2). linear: 1. relu: 1/4 + asin(rho_ab) / 2 pi. Of the label noise in
    the equation of Q, theory.md, section 3.

    Examples
    --------
    >>> stdyn.averages.J2([[1.0, 0.5], [0.5, 1.0]]).round(3)
    array([[0.368, 0.329],
           [0.329, 0.368]])
    """
    C, activation = _covariance(C), _closed(activation)
    if activation.code == Code.RELU:
        return _relu_J2(C)
    if activation.code == Code.LINEAR:
        return np.ones_like(C)
    variance = _diagonal(C)
    C_aa, C_bb = variance[..., :, None], variance[..., None, :]
    return _total(
        c_a * s_a * c_b * s_b * 2 / np.pi / np.sqrt((1 + s_a**2 * C_aa) * (1 + s_b**2 * C_bb) - (s_a * s_b * C) ** 2)
        for (c_a, c_b), (s_a, s_b) in _terms(activation, 2)
    )


def I4(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)>, of every four fields.

    Parameters
    ----------
    C : array_like, shape (..., P, P)
        Covariance of the fields, positive semi-definite.
    activation : {"erf", "linear", "relu", "tanh"}, default "erf"
        One with a closed form.

    Returns
    -------
    ndarray, shape (..., P, P, P, P)
        The average over z ~ N(0, C), indexed [a, b, c, d].

    Raises
    ------
    InputError
        If C is not finite or not of that shape, or the activation has no closed form.

    See Also
    --------
    I2, I3, J2

    Notes
    -----
    erf: (4/pi^2) Lambda_4^(-1/2) asin(Lambda_0 / sqrt(Lambda_1 Lambda_2)) with Lambda_0 … Lambda_4 as in
    Saad & Solla, PRE 52, 4225 (1995). linear: C_cd. relu: elementary where fields coincide, else an integral over one
    angle, to 1e-14.

    Examples
    --------
    >>> stdyn.averages.I4([[1.0, 0.5], [0.5, 1.0]])[0, 0].round(3)  # <g'(z_0)^2 g(z_c) g(z_d)>
    array([[0.059, 0.025],
           [0.025, 0.11 ]])
    """
    C, activation = _covariance(C), _closed(activation)
    if activation.code == Code.RELU:
        return _relu_I4(C)
    P = C.shape[-1]
    if activation.code == Code.LINEAR:
        return np.broadcast_to(C[..., None, None, :, :], (*C.shape[:-2], P, P, P, P)).copy()
    total = np.zeros((*C.shape[:-2], P, P, P, P))
    for c, s in _terms(activation, 4):
        total += np.prod(c) * s[0] * s[1] * _I4_erf(C, *s)
    return total


def _I4_erf(C: Array, s_a: float, s_b: float, s_c: float, s_d: float) -> Array:
    """I4 of erf for the fields s_a z_a, s_b z_b, s_c z_c, s_d z_d."""
    C_ab, C_cd = s_a * s_b * C[..., :, :, None, None], s_c * s_d * C[..., None, None, :, :]
    C_ac, C_ad = s_a * s_c * C[..., :, None, :, None], s_a * s_d * C[..., :, None, None, :]
    C_bc, C_bd = s_b * s_c * C[..., None, :, :, None], s_b * s_d * C[..., None, :, None, :]
    variance = _diagonal(C)
    d_a, d_b = 1 + s_a**2 * variance[..., :, None, None, None], 1 + s_b**2 * variance[..., None, :, None, None]
    d_c, d_d = 1 + s_c**2 * variance[..., None, None, :, None], 1 + s_d**2 * variance[..., None, None, None, :]
    Lambda_4 = d_a * d_b - C_ab**2
    Lambda_0 = Lambda_4 * C_cd - C_bc * C_bd * d_a - C_ac * C_ad * d_b + C_ab * C_ac * C_bd + C_ab * C_ad * C_bc
    Lambda_1 = Lambda_4 * d_c - C_bc**2 * d_a - C_ac**2 * d_b + 2 * C_ab * C_ac * C_bc
    Lambda_2 = Lambda_4 * d_d - C_bd**2 * d_a - C_ad**2 * d_b + 2 * C_ab * C_ad * C_bd
    return 4 / np.pi**2 / np.sqrt(Lambda_4) * np.arcsin(Lambda_0 / np.sqrt(Lambda_1 * Lambda_2))


def _relu_angle(C_ac: Array, C_aa: Array, C_cc: Array) -> tuple[Array, Array]:
    """sqrt(C_aa C_cc - C_ac^2) and theta_ac = asin rho_ac.

    The angle is that of the two legs: asin loses half of its digits where |rho| is nearly one.
    """
    _, root = _hypotenuse_and_leg(C_ac, C_aa, C_cc)
    return root, np.arctan2(C_ac, root)


def _hypotenuse_and_leg(C_ac: Array, C_aa: Array, C_cc: Array) -> tuple[Array, Array]:
    """sqrt(C_aa C_cc), of equal fields exactly their variance, and sqrt(C_aa C_cc - C_ac^2)."""
    norm = np.sqrt(np.maximum(C_aa, 0) * np.maximum(C_cc, 0))
    return norm, np.sqrt(np.maximum((norm - np.abs(C_ac)) * (norm + np.abs(C_ac)), 0))


def _relu_I3(C: Array) -> Array:
    """<g'(z_a) z_b g(z_c)> for g(x) = max(0, x), shape (..., P, P, P), indexed [a, b, c]; zero where C_aa = 0.

    C_ab sqrt(C_aa C_cc - C_ac^2) / (2 pi C_aa) + C_bc (1/4 + asin rho_ac / 2 pi), by Stein's lemma.
    """
    variance = _diagonal(C)
    varies = variance > 0
    root, theta = _relu_angle(C, variance[..., :, None], variance[..., None, :])
    C_aa = np.where(varies, variance, 1.0)[..., :, None, None]
    first = C[..., :, :, None] * root[..., :, None, :] / (2 * np.pi * C_aa)
    second = C[..., None, :, :] * (0.25 + theta[..., :, None, :] / (2 * np.pi))
    return np.where(varies[..., :, None, None], first + second, 0.0)


def _relu_J2(C: Array) -> Array:
    """<g'(z_a) g'(z_b)> for g(x) = max(0, x), shape (..., P, P); zero where C_aa = 0 or C_bb = 0.

    1/4 + asin rho_ab / 2 pi. Sheppard, Phil. Trans. A 192, 101 (1899).
    """
    variance = _diagonal(C)
    varies = variance > 0
    _, theta = _relu_angle(C, variance[..., :, None], variance[..., None, :])
    return np.where(varies[..., :, None] & varies[..., None, :], 0.25 + theta / (2 * np.pi), 0.0)


def _relu_I4(C: Array) -> Array:
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)> for g(x) = max(0, x), shape (..., P, P, P, P), indexed [a, b, c, d].

    Elementary where fields coincide, else an integral over one angle (kernels/averages/relu.py). To 1e-14, but for a
    and b parallel but for an angle s: there the average changes by 1e-16/s with the rounding of C.
    """
    P = C.shape[-1]
    stack = np.ascontiguousarray(C.reshape(-1, P, P))
    return np.array([relu.I4_relu(matrix) for matrix in stack]).reshape(*C.shape[:-2], P, P, P, P)


def covariance(R: ArrayLike, Q: ArrayLike, T: ArrayLike) -> Array:
    """The covariance C = [[Q, R], [R^T, T]] of the fields of students and teachers.

    Parameters
    ----------
    R : array_like, shape (..., K, M)
        Overlaps of students with teachers.
    Q : array_like, shape (..., K, K)
        Overlaps of students.
    T : array_like, shape (M, M)
        Overlaps of teachers.

    Returns
    -------
    ndarray, shape (..., K+M, K+M)
        What `I2` and its like take.

    Raises
    ------
    InputError
        If a value is not finite, or shapes disagree.

    See Also
    --------
    I2, stdyn.OrderParameters.C

    Examples
    --------
    >>> stdyn.averages.covariance(R=[[0.1]], Q=[[0.2]], T=[[1.0]])
    array([[0.2, 0.1],
           [0.1, 1. ]])
    """
    R, Q, T = _overlaps(R, Q, T)
    T = np.broadcast_to(T, (*R.shape[:-2], *T.shape))
    above, below = np.concatenate((Q, R), axis=-1), np.concatenate((np.swapaxes(R, -1, -2), T), axis=-1)
    return np.concatenate((above, below), axis=-2)


def _overlaps(R: ArrayLike, Q: ArrayLike, T: ArrayLike) -> tuple[Array, Array, Array]:
    """The overlaps as floats, of shapes that agree."""
    R, Q, T = as_floats("R", R), as_floats("Q", Q), as_floats("T", T)
    if R.ndim < 2:
        raise InputError(f"R must have shape (..., K, M), but has shape {R.shape}")
    _check_axes("Q", Q, R.shape[-2:-1] * 2, R)
    _check_axes("T", T, R.shape[-1:] * 2, R)
    return R, Q, T


def _check_axes(name: str, array: Array, last: tuple[int, ...], R: Array) -> None:
    if array.shape[-2:] != last:
        raise InputError(f"{name} must have axes {last} as R has shape {R.shape}, but has shape {array.shape}")


def eps_g(
    R: ArrayLike, Q: ArrayLike, T: ArrayLike, v: ArrayLike, v_teacher: ArrayLike, activation: Any = "erf"
) -> Array:  # fmt: skip
    """Generalization error 1/2 <Delta^2> without label noise, the sum over outputs.

    Parameters
    ----------
    R : array_like, shape (..., K, M)
        Overlaps of students with teachers.
    Q : array_like, shape (..., K, K)
        Overlaps of students.
    T : array_like, shape (M, M)
        Overlaps of teachers.
    v : array_like, shape (..., K, O)
        Second layer of the student.
    v_teacher : array_like, shape (M, O)
        Second layer of the teacher.
    activation : str, Activation or pair of them, default "erf"
        That of student and teacher, or those of each.

    Returns
    -------
    ndarray, shape (...)
        With u = [v; -v_teacher] it is 1/2 sum_ac (u_a . u_c) I2(a, c); what rounding leaves below zero near perfect
        learning is returned as zero.

    Raises
    ------
    InputError
        If a value is not finite, shapes disagree, or there is no such activation.

    Warns
    -----
    NoAverageWarning
        An activation is not finite where fields come: the error is NaN.

    See Also
    --------
    eps_g_formula, eps_g_error, I2, stdyn.Trajectory.eps_g

    Notes
    -----
    Theory.md, section 2.

    Examples
    --------
    >>> s = problem.start
    >>> round(float(stdyn.averages.eps_g(s.R, s.Q, s.T, s.v[:, None], s.v_teacher[:, None])), 4)
    0.3405
    """
    return np.maximum(eps_g_formula(R, Q, T, v, v_teacher, activation), 0.0)


def eps_g_formula(
    R: ArrayLike, Q: ArrayLike, T: ArrayLike, v: ArrayLike, v_teacher: ArrayLike, activation: Any = "erf"
) -> Array:  # fmt: skip
    """`eps_g` with what rounding leaves below zero, smooth in its arguments: for derivatives.

    Parameters
    ----------
    R, Q, T, v, v_teacher : array_like
        As of `eps_g`.
    activation : str, Activation or pair of them, default "erf"
        That of student and teacher, or those of each.

    Returns
    -------
    ndarray, shape (...)
        The error, which may be negative by rounding.

    Raises
    ------
    InputError
        If a value is not finite, shapes disagree, or there is no such activation.

    See Also
    --------
    eps_g, eps_g_error

    Examples
    --------
    >>> one = [[1.0]]
    >>> bool(abs(stdyn.averages.eps_g_formula(one, one, one, one, one)) < 1e-15)  # perfect learning
    True
    >>> up, down = (stdyn.averages.eps_g_formula([[0.5 + h]], one, one, one, one) for h in (1e-6, -1e-6))
    >>> print(f"{(up - down) / 2e-6:.3f}")  # its derivative by R
    -0.329
    """
    return _eps_g(R, Q, T, v, v_teacher, activation)[0]


def eps_g_error(
    R: ArrayLike, Q: ArrayLike, T: ArrayLike, v: ArrayLike, v_teacher: ArrayLike, activation: Any = "erf"
) -> Array:  # fmt: skip
    """By how much `eps_g` may be wrong: a bound of what is beyond the last terms, and rounding.

    Parameters
    ----------
    R, Q, T, v, v_teacher : array_like
        As of `eps_g`.
    activation : str, Activation or pair of them, default "erf"
        That of student and teacher, or those of each.

    Returns
    -------
    ndarray, shape (...)
        The bound; 0 where there is a closed form.

    Raises
    ------
    InputError
        If a value is not finite, shapes disagree, or there is no such activation.

    See Also
    --------
    eps_g, eps_g_formula

    Examples
    --------
    >>> one = [[1.0]]
    >>> bool(stdyn.averages.eps_g_error([[0.5]], one, one, one, one, "sigmoid") < 1e-12)
    True
    >>> float(stdyn.averages.eps_g_error([[0.5]], one, one, one, one, "erf"))
    0.0
    """
    return _eps_g(R, Q, T, v, v_teacher, activation)[1]


def _eps_g(R: Any, Q: Any, T: Any, v: Any, v_teacher: Any, activation: Any) -> tuple[Array, Array]:
    """Half the sum over students, over teachers, and over pairs of both, whose sign is the other one; and its error."""
    is_pair = isinstance(activation, tuple) and len(activation) == 2
    student, teacher = map(find, activation if is_pair else (activation, activation))
    R, Q, T = _overlaps(R, Q, T)
    v, v_teacher = as_floats("v", v), as_floats("v_teacher", v_teacher)
    for name, array, units in (("v", v, R.shape[-2]), ("v_teacher", v_teacher, R.shape[-1])):
        _check_axes(name, array, (units, *v.shape[-1:]), R)
    variance, teachers = _diagonal(T), (*R.shape[:-2], R.shape[-1])
    x, y = _Fields(student, _diagonal(Q)), _Fields(teacher, variance)
    total, error = np.zeros(R.shape[:-2]), np.zeros(R.shape[:-2])
    for sign, one, other, (average, wrong) in (
        (0.5, v, v, _I2(Q, x, x)),
        (0.5, v_teacher, v_teacher, _I2(T, y, y)),
        (-1.0, v, v_teacher, _I2(R, x, _Fields(teacher, np.broadcast_to(variance, teachers)))),
    ):
        products = np.einsum("...io,...ko->...ik", one, other)
        total = total + sign * np.einsum("...ik,...ik->...", products, average)
        error = error + abs(sign) * np.einsum("...ik,...ik->...", np.abs(products), wrong)
    return total, error
