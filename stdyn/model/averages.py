"""Gaussian averages of the activations, one formula beside its source, in plain NumPy.

The fields are z ~ N(0, C) with C of shape (..., P, P), positive semi-definite; any leading axes are carried along.
These are the textbook forms. The compiled right-hand side of the ODEs (kernels/averages) groups them differently for
speed; the tests hold one to the other. Sums of erfs (tanh) are averaged term by term.
"""

import functools
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels.activation import Code
from stdyn.kernels.averages import relu
from stdyn.model.activations import Activation, find

_HERMITE = 96  # terms of an expansion in Hermite polynomials
_NODES = 160  # of Gauss-Legendre quadrature on either side of 0, where g may have a kink
_FURTHEST = 14.0  # where exp(-x^2/4) is 1e-21


def _covariance(C: ArrayLike) -> Array:
    C = np.asarray(C, dtype=float)
    if C.ndim < 2 or C.shape[-1] != C.shape[-2]:
        raise InputError(f"C must have shape (..., P, P), but has shape {C.shape}")
    return C


def _closed(activation: Any) -> Activation:
    """The activation, which must have a closed form of all averages."""
    found = find(activation)
    if found.code == Code.COMPILED:
        raise InputError(f"activation must be one of erf, linear, relu, tanh, but is {found.name!r}")
    return found


def _diagonal(C: Array) -> Array:
    return np.diagonal(C, axis1=-2, axis2=-1)


def _terms(activation: Activation, fields: int) -> list[tuple[tuple[float, ...], ...]]:
    """The terms c erf(s x / sqrt 2) of a product over `fields` fields: ((c, …), (s, …)) of each."""
    assert activation.terms is not None
    return [tuple(zip(*each, strict=True)) for each in product(activation.terms.tolist(), repeat=fields)]


def _total(terms: Iterable[Array]) -> Array:
    return functools.reduce(np.add, terms)


def I2(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g(z_a) g(z_c)>, shape (..., P, P); `activation` is that of all fields, or a sequence of those of each.

    erf: (2/pi) asin(C_ac / sqrt((1 + C_aa)(1 + C_cc))), in (-1, 1). linear: C_ac. Saad & Solla, PRE 52, 4225 (1995).
    relu: [sqrt(C_aa C_cc - C_ac^2) + C_ac (pi/2 + asin rho)] / 2 pi. Cho & Saul, NeurIPS 2009.
    Any other: sum_n g_n(a) g_n(c) rho^n, with the coefficients g_n(a) = <g(sqrt(C_aa) x) He_n(x)> / sqrt(n!) of
    Mehler's formula: 96 terms, exact to rounding if g is smooth on the scale of its argument but for a kink at 0 (that
    of a ReLU, which is split off). With kinks elsewhere, or variances so large that g is steep: to 1e-4.
    """
    C = _covariance(C)
    P = C.shape[-1]
    several = isinstance(activation, Sequence) and not isinstance(activation, str)
    each = [find(one) for one in activation] if several else [find(activation)] * P
    if len(each) != P:
        raise InputError(f"activation must be one or a sequence of P = {P}, but has {len(each)}")
    kinds = list(dict.fromkeys(each))
    variance, average = _diagonal(C), np.empty(C.shape)
    for one, other in product(kinds, repeat=2):
        a, c = (np.array([n for n in range(P) if each[n] == kind]) for kind in (one, other))
        block = (..., a[:, None], c)
        average[block] = _I2(C[block], variance[..., a, None], variance[..., None, c], one, other)
    return average


def _I2(C_ac: Array, C_aa: Array, C_cc: Array, one: Activation, other: Activation) -> Array:
    """I2 between fields of two activations."""
    if one.terms is not None and other.terms is not None:
        return _total(
            c * c_ * _I2_erf(s * s_ * C_ac, s**2 * C_aa, s_**2 * C_cc)
            for (c, s), (c_, s_) in product(one.terms.tolist(), other.terms.tolist())
        )
    if one.code == other.code == Code.LINEAR:
        return C_ac
    if one.code == other.code == Code.RELU:
        root, theta = _relu_angle(C_ac, C_aa, C_cc)
        return (root + C_ac * (np.pi / 2 + theta)) / (2 * np.pi)
    kink_a, kink_c = one.kink, other.kink
    scale = np.sqrt(np.maximum(C_aa * C_cc, 0))
    rho = np.clip(np.divide(C_ac, scale, out=np.zeros_like(C_ac), where=scale > 0), -1, 1)
    g_a, g_c = _hermite_coefficients(one, C_aa), _hermite_coefficients(other, C_cc)
    if kink_a and kink_c:  # the series of the two ReLU in them, which converges slowly, is known in closed form
        relu = find("relu")
        relu_a, relu_c = kink_a * _hermite_coefficients(relu, C_aa), kink_c * _hermite_coefficients(relu, C_cc)
        closed = kink_a * kink_c * _I2(C_ac, C_aa, C_cc, relu, relu)
        return closed + _mehler(g_a - relu_a, g_c, rho) + _mehler(relu_a, g_c - relu_c, rho)
    return _mehler(g_a, g_c, rho)


def _mehler(g_a: Array, g_c: Array, rho: Array) -> Array:
    """sum_n g_n(a) g_n(c) rho^n"""
    total = np.zeros_like(rho)
    for n in range(_HERMITE - 1, -1, -1):
        total = total * rho + g_a[n] * g_c[n]
    return total


def _I2_erf(C_ac: Array, C_aa: Array, C_cc: Array) -> Array:
    return 2 / np.pi * np.arcsin(C_ac / np.sqrt((1 + C_aa) * (1 + C_cc)))


def _hermite_coefficients(activation: Activation, variance: Array) -> Array:
    """g_n = <g(sqrt(variance) x) He_n(x)> / sqrt(n!) for x ~ N(0, 1), in front of the axes of `variance`."""
    different, where = np.unique(variance, return_inverse=True)
    x, weights = _hermite_rule()
    parts = np.array_split(np.sqrt(np.maximum(different, 0)), len(different) // 2**14 + 1)
    coefficients = np.concatenate([activation(part[:, None] * x)[0] @ weights for part in parts])
    return np.moveaxis(coefficients[where.reshape(variance.shape)], -1, 0)


@functools.cache
def _hermite_rule() -> tuple[Array, Array]:
    """Nodes x, and weights (nodes, n) of the averages over He_n(x)/sqrt(n!) times a function."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    x = np.concatenate([_FURTHEST / 2 * (nodes - 1), _FURTHEST / 2 * (nodes + 1)])
    density = _FURTHEST / 2 * np.tile(weights, 2) * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    h = np.empty((_HERMITE, len(x)))
    h[0], h[1] = 1, x
    for n in range(2, _HERMITE):
        h[n] = (x * h[n - 1] - np.sqrt(n - 1) * h[n - 2]) / np.sqrt(n)
    return x, (h * density).T


def I3(C: ArrayLike, activation: Any = "erf") -> Array:
    """<g'(z_a) z_b g(z_c)>, shape (..., P, P, P), indexed [a, b, c].

    erf: (2/pi) [C_bc (1 + C_aa) - C_ab C_ac] / [(1 + C_aa) sqrt(Lambda_ac)],
    Lambda_ac = (1 + C_aa)(1 + C_cc) - C_ac^2. linear: C_bc. Saad & Solla, PRE 52, 4225 (1995).
    relu: C_ab sqrt(C_aa C_cc - C_ac^2) / (2 pi C_aa) + C_bc (1/4 + asin(rho_ac) / 2 pi).
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
    """<g'(z_a) g'(z_b)>, shape (..., P, P).

    erf: (2/pi) / sqrt((1 + C_aa)(1 + C_bb) - C_ab^2). linear: 1. relu: 1/4 + asin(rho_ab) / 2 pi.
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
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)>, shape (..., P, P, P, P), indexed [a, b, c, d].

    erf: (4/pi^2) Lambda_4^(-1/2) asin(Lambda_0 / sqrt(Lambda_1 Lambda_2)) with Lambda_0 … Lambda_4 as in
    Saad & Solla, PRE 52, 4225 (1995). linear: C_cd. relu: see `_relu_I4`.
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
    norm = np.sqrt(np.maximum(C_aa, 0) * np.maximum(C_cc, 0))  # of equal fields exactly their variance
    root = np.sqrt(np.maximum((norm - np.abs(C_ac)) * (norm + np.abs(C_ac)), 0))
    return root, np.arctan2(C_ac, root)


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


def covariance(R: Array, Q: Array, T: Array) -> Array:
    """C = [[Q, R], [R^T, T]], shape (..., K+M, K+M), for R (..., K, M), Q (..., K, K) and T (M, M)."""
    T = np.broadcast_to(T, (*R.shape[:-2], *T.shape))
    above, below = np.concatenate((Q, R), axis=-1), np.concatenate((np.swapaxes(R, -1, -2), T), axis=-1)
    return np.concatenate((above, below), axis=-2)


def eps_g(R: Array, Q: Array, T: Array, v: Array, v_teacher: Array, activation: Any = "erf") -> Array:
    """Generalization error 1/2 <|Delta|^2> without label noise, shape (...).

    R (..., K, M), Q (..., K, K), T (M, M), v (..., K, O), v_teacher (M, O). With u = [v; -v_teacher] it is
    1/2 sum_ac (u_a . u_c) I2(a, c); what rounding leaves below zero near perfect learning is returned as zero.
    `activation` is that of student and teacher, or a pair of them.
    """
    return np.maximum(eps_g_formula(R, Q, T, v, v_teacher, activation), 0.0)


def eps_g_formula(R: Array, Q: Array, T: Array, v: Array, v_teacher: Array, activation: Any = "erf") -> Array:
    """`eps_g` with what rounding leaves below zero, smooth in its arguments: for derivatives."""
    K, M = R.shape[-2:]
    student, teacher = activation if isinstance(activation, tuple) else (activation, activation)
    u = np.concatenate((v, -np.broadcast_to(v_teacher, (*v.shape[:-2], *v_teacher.shape))), axis=-2)
    average = I2(covariance(R, Q, T), [student] * K + [teacher] * M)
    return np.einsum("...ao,...co,...ac->...", u, u, average, optimize=True) / 2
