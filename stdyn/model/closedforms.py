"""Closed forms of averages of three and four fields, and of two derivatives: of erf and of ReLU."""

from itertools import product

import numpy as np

from stdyn.checks import Array
from stdyn.kernels.averages import relu
from stdyn.model.activations import Activation
from stdyn.model.pairs import diagonal, relu_angle


def terms_of(activation: Activation, fields: int) -> list[tuple[tuple[float, ...], ...]]:
    """The terms c erf(s x / sqrt 2) of a product over `fields` fields: ((c, …), (s, …)) of each."""
    assert activation.terms is not None
    return [tuple(zip(*each, strict=True)) for each in product(activation.terms.tolist(), repeat=fields)]


def I3_erf(d_a: Array, d_c: Array, C_ab: Array, C_ac: Array, C_bc: Array) -> Array:
    return 2 / np.pi * (C_bc * d_a - C_ab * C_ac) / (d_a * np.sqrt(d_a * d_c - C_ac**2))


def I4_erf(C: Array, s_a: float, s_b: float, s_c: float, s_d: float) -> Array:
    """I4 of erf for the fields s_a z_a, s_b z_b, s_c z_c, s_d z_d."""
    C_ab, C_cd = s_a * s_b * C[..., :, :, None, None], s_c * s_d * C[..., None, None, :, :]
    C_ac, C_ad = s_a * s_c * C[..., :, None, :, None], s_a * s_d * C[..., :, None, None, :]
    C_bc, C_bd = s_b * s_c * C[..., None, :, :, None], s_b * s_d * C[..., None, :, None, :]
    variance = diagonal(C)
    d_a, d_b = 1 + s_a**2 * variance[..., :, None, None, None], 1 + s_b**2 * variance[..., None, :, None, None]
    d_c, d_d = 1 + s_c**2 * variance[..., None, None, :, None], 1 + s_d**2 * variance[..., None, None, None, :]
    Lambda_4 = d_a * d_b - C_ab**2
    Lambda_0 = Lambda_4 * C_cd - C_bc * C_bd * d_a - C_ac * C_ad * d_b + C_ab * C_ac * C_bd + C_ab * C_ad * C_bc
    Lambda_1 = Lambda_4 * d_c - C_bc**2 * d_a - C_ac**2 * d_b + 2 * C_ab * C_ac * C_bc
    Lambda_2 = Lambda_4 * d_d - C_bd**2 * d_a - C_ad**2 * d_b + 2 * C_ab * C_ad * C_bd
    return 4 / np.pi**2 / np.sqrt(Lambda_4) * np.arcsin(Lambda_0 / np.sqrt(Lambda_1 * Lambda_2))


def I3_relu(C: Array) -> Array:
    """<g'(z_a) z_b g(z_c)> for g(x) = max(0, x), shape (..., P, P, P), indexed [a, b, c]; zero where C_aa = 0.

    C_ab sqrt(C_aa C_cc - C_ac^2) / (2 pi C_aa) + C_bc (1/4 + asin rho_ac / 2 pi), by Stein's lemma.
    """
    variance = diagonal(C)
    varies = variance > 0
    root, theta = relu_angle(C, variance[..., :, None], variance[..., None, :])
    C_aa = np.where(varies, variance, 1.0)[..., :, None, None]
    first = C[..., :, :, None] * root[..., :, None, :] / (2 * np.pi * C_aa)
    second = C[..., None, :, :] * (0.25 + theta[..., :, None, :] / (2 * np.pi))
    return np.where(varies[..., :, None, None], first + second, 0.0)


def J2_relu(C: Array) -> Array:
    """<g'(z_a) g'(z_b)> for g(x) = max(0, x), shape (..., P, P); zero where C_aa = 0 or C_bb = 0.

    1/4 + asin rho_ab / 2 pi. Sheppard, Phil. Trans. A 192, 101 (1899).
    """
    variance = diagonal(C)
    varies = variance > 0
    _, theta = relu_angle(C, variance[..., :, None], variance[..., None, :])
    return np.where(varies[..., :, None] & varies[..., None, :], 0.25 + theta / (2 * np.pi), 0.0)


def I4_relu(C: Array) -> Array:
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)> for g(x) = max(0, x), shape (..., P, P, P, P), indexed [a, b, c, d].

    Elementary where fields coincide, else an integral over one angle (kernels/averages/relu.py). To 1e-14, but for a
    and b parallel but for an angle s: there the average changes by 1e-16/s with the rounding of C.
    """
    P = C.shape[-1]
    stack = np.ascontiguousarray(C.reshape(-1, P, P))
    return np.array([relu.I4_relu(matrix) for matrix in stack]).reshape(*C.shape[:-2], P, P, P, P)
