"""Gaussian averages of the activations, one formula beside its source, in plain NumPy.

The fields are z ~ N(0, C) with C of shape (..., P, P), positive semi-definite; any leading axes are carried along.
These are the textbook forms. The compiled right-hand side of the ODEs (kernels.py) groups them differently for
speed; the tests hold one to the other.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stdyn import kernels
from stdyn.errors import InputError
from stdyn.problem import Array


def _covariance(C: ArrayLike, activation: str) -> Array:
    if activation not in ("erf", "linear"):
        raise InputError(f"activation must be one of erf, linear, but is {activation!r}")
    C = np.asarray(C, dtype=float)
    if C.ndim < 2 or C.shape[-1] != C.shape[-2]:
        raise InputError(f"C must have shape (..., P, P), but has shape {C.shape}")
    return C


def _diagonal(C: Array) -> Array:
    return np.diagonal(C, axis1=-2, axis2=-1)


def I2(C: ArrayLike, activation: str = "erf") -> Array:
    """<g(z_a) g(z_c)>, shape (..., P, P).

    erf: (2/pi) asin(C_ac / sqrt((1 + C_aa)(1 + C_cc))), in (-1, 1). linear: C_ac.
    Saad & Solla, PRE 52, 4225 (1995).
    """
    C = _covariance(C, activation)
    if activation == "linear":
        return C.copy()
    scale = np.sqrt(1 + _diagonal(C))
    return 2 / np.pi * np.arcsin(C / (scale[..., :, None] * scale[..., None, :]))


def I3(C: ArrayLike, activation: str = "erf") -> Array:
    """<g'(z_a) z_b g(z_c)>, shape (..., P, P, P), indexed [a, b, c].

    erf: (2/pi) [C_bc (1 + C_aa) - C_ab C_ac] / [(1 + C_aa) sqrt(Lambda_ac)],
    Lambda_ac = (1 + C_aa)(1 + C_cc) - C_ac^2. linear: C_bc.
    Saad & Solla, PRE 52, 4225 (1995).
    """
    C = _covariance(C, activation)
    C_ab, C_ac, C_bc = C[..., :, :, None], C[..., :, None, :], C[..., None, :, :]
    if activation == "linear":
        return np.broadcast_to(C_bc, (*C.shape, C.shape[-1])).copy()
    d = 1 + _diagonal(C)
    d_a, d_c = d[..., :, None, None], d[..., None, None, :]
    return 2 / np.pi * (C_bc * d_a - C_ab * C_ac) / (d_a * np.sqrt(d_a * d_c - C_ac**2))


def J2(C: ArrayLike, activation: str = "erf") -> Array:
    """<g'(z_a) g'(z_b)>, shape (..., P, P).

    erf: (2/pi) / sqrt((1 + C_aa)(1 + C_bb) - C_ab^2). linear: 1.
    """
    C = _covariance(C, activation)
    if activation == "linear":
        return np.ones_like(C)
    d = 1 + _diagonal(C)
    return 2 / np.pi / np.sqrt(d[..., :, None] * d[..., None, :] - C**2)


def I4(C: ArrayLike, activation: str = "erf") -> Array:
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)>, shape (..., P, P, P, P), indexed [a, b, c, d].

    erf: (4/pi^2) Lambda_4^(-1/2) asin(Lambda_0 / sqrt(Lambda_1 Lambda_2)) with Lambda_0 … Lambda_4 as in
    Saad & Solla, PRE 52, 4225 (1995). linear: C_cd.
    """
    C = _covariance(C, activation)
    P = C.shape[-1]
    C_ab, C_cd = C[..., :, :, None, None], C[..., None, None, :, :]
    if activation == "linear":
        return np.broadcast_to(C_cd, (*C.shape[:-2], P, P, P, P)).copy()
    C_ac, C_ad = C[..., :, None, :, None], C[..., :, None, None, :]
    C_bc, C_bd = C[..., None, :, :, None], C[..., None, :, None, :]
    d = 1 + _diagonal(C)
    d_a, d_b = d[..., :, None, None, None], d[..., None, :, None, None]
    d_c, d_d = d[..., None, None, :, None], d[..., None, None, None, :]
    Lambda_4 = d_a * d_b - C_ab**2
    Lambda_0 = Lambda_4 * C_cd - C_bc * C_bd * d_a - C_ac * C_ad * d_b + C_ab * C_ac * C_bd + C_ab * C_ad * C_bc
    Lambda_1 = Lambda_4 * d_c - C_bc**2 * d_a - C_ac**2 * d_b + 2 * C_ab * C_ac * C_bc
    Lambda_2 = Lambda_4 * d_d - C_bd**2 * d_a - C_ad**2 * d_b + 2 * C_ab * C_ad * C_bd
    return 4 / np.pi**2 / np.sqrt(Lambda_4) * np.arcsin(Lambda_0 / np.sqrt(Lambda_1 * Lambda_2))


def _relu_angle(C: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """sqrt(C_aa C_cc - C_ac^2) and theta_ac = asin rho_ac, each (..., P, P), and whether C_aa > 0, (..., P).

    The angle is that of the two legs: asin loses half of its digits where |rho| is nearly one.
    """
    scale = np.sqrt(np.maximum(_diagonal(C), 0))
    norm = scale[..., :, None] * scale[..., None, :]
    root = np.sqrt(np.maximum((norm - np.abs(C)) * (norm + np.abs(C)), 0))
    return root, np.arctan2(C, root), scale > 0


def relu_I2(C: Array) -> Array:
    """<g(z_a) g(z_c)> for g(x) = max(0, x), shape (..., P, P).

    [sqrt(C_aa C_cc - C_ac^2) + C_ac (pi/2 + asin rho_ac)] / 2 pi. Cho & Saul, NeurIPS 2009 (arc-cosine kernel of
    order 1).
    """
    root, theta, _ = _relu_angle(C)
    return (root + C * (np.pi / 2 + theta)) / (2 * np.pi)


def relu_I3(C: Array) -> Array:
    """<g'(z_a) z_b g(z_c)> for g(x) = max(0, x), shape (..., P, P, P), indexed [a, b, c]; zero where C_aa = 0.

    C_ab sqrt(C_aa C_cc - C_ac^2) / (2 pi C_aa) + C_bc (1/4 + asin rho_ac / 2 pi), by Stein's lemma.
    """
    root, theta, varies = _relu_angle(C)
    C_aa = np.where(varies, _diagonal(C), 1.0)[..., :, None, None]
    first = C[..., :, :, None] * root[..., :, None, :] / (2 * np.pi * C_aa)
    second = C[..., None, :, :] * (0.25 + theta[..., :, None, :] / (2 * np.pi))
    return np.where(varies[..., :, None, None], first + second, 0.0)


def relu_J2(C: Array) -> Array:
    """<g'(z_a) g'(z_b)> for g(x) = max(0, x), shape (..., P, P); zero where C_aa = 0 or C_bb = 0.

    1/4 + asin rho_ab / 2 pi. Sheppard, Phil. Trans. A 192, 101 (1899).
    """
    _, theta, varies = _relu_angle(C)
    return np.where(varies[..., :, None] & varies[..., None, :], 0.25 + theta / (2 * np.pi), 0.0)


def relu_I4(C: Array) -> Array:
    """<g'(z_a) g'(z_b) g(z_c) g(z_d)> for g(x) = max(0, x), shape (..., P, P, P, P), indexed [a, b, c, d].

    Elementary where fields coincide, else an integral over one angle (kernels.py, ReLU). To 1e-14, but for a and b
    parallel but for an angle s: there the average changes by 1e-16/s with the rounding of C.
    """
    C = np.asarray(C, dtype=float)
    P = C.shape[-1]
    stack = np.ascontiguousarray(C.reshape(-1, P, P))
    return np.array([kernels.I4_relu(matrix) for matrix in stack]).reshape(*C.shape[:-2], P, P, P, P)


def covariance(R: Array, Q: Array, T: Array) -> Array:
    """C = [[Q, R], [R^T, T]], shape (..., K+M, K+M), for R (..., K, M), Q (..., K, K) and T (M, M)."""
    T = np.broadcast_to(T, (*R.shape[:-2], *T.shape))
    above, below = np.concatenate((Q, R), axis=-1), np.concatenate((np.swapaxes(R, -1, -2), T), axis=-1)
    return np.concatenate((above, below), axis=-2)


def eps_g(R: Array, Q: Array, T: Array, v: Array, v_teacher: Array, activation: str = "erf") -> Array:
    """Generalization error 1/2 <|Delta|^2> without label noise, shape (...).

    R (..., K, M), Q (..., K, K), T (M, M), v (..., K, O), v_teacher (M, O). With u = [v; -v_teacher] it is
    1/2 sum_ac (u_a . u_c) I2(a, c); what rounding leaves below zero near perfect learning is returned as zero.
    """
    return np.maximum(eps_g_formula(R, Q, T, v, v_teacher, activation), 0.0)


def eps_g_formula(R: Array, Q: Array, T: Array, v: Array, v_teacher: Array, activation: str = "erf") -> Array:
    """`eps_g` with what rounding leaves below zero, smooth in its arguments: for derivatives."""
    u = np.concatenate((v, -np.broadcast_to(v_teacher, (*v.shape[:-2], *v_teacher.shape))), axis=-2)
    total = np.einsum("...ao,...co,...ac->...", u, u, I2(covariance(R, Q, T), activation), optimize=True)
    return total / 2
