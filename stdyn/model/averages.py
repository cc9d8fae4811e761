"""Gaussian averages of the activations, one formula beside its source, in plain NumPy.

The fields are z ~ N(0, C) with C of shape (..., P, P), positive semi-definite; any leading axes are carried along.
These are the textbook forms. The compiled right-hand side of the ODEs (kernels/averages) groups them differently for
speed; the tests hold one to the other. Sums of erfs (tanh) are averaged term by term.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, as_floats
from stdyn.errors import InputError
from stdyn.kernels.activation import Code
from stdyn.model.activations import Activation, find
from stdyn.model.closedforms import I3_erf, I3_relu, I4_erf, I4_relu, J2_relu, terms_of
from stdyn.model.pairs import Fields, diagonal, pair_averages, total_of
from stdyn.text import shown


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
    variance, average = diagonal(C), np.empty(C.shape)
    where = {kind: np.array([n for n, one in enumerate(each) if one == kind]) for kind in dict.fromkeys(each)}
    fields = {kind: Fields(kind, variance[..., units]) for kind, units in where.items()}
    for one, other in combinations_with_replacement(where, 2):
        a, c = where[one], where[other]
        block, _ = pair_averages(C[..., a[:, None], c], fields[one], fields[other])
        average[..., a[:, None], c] = block
        average[..., c[:, None], a] = np.swapaxes(block, -1, -2)
    return average


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
        return I3_relu(C)
    C_ab, C_ac, C_bc = C[..., :, :, None], C[..., :, None, :], C[..., None, :, :]
    if activation.code == Code.LINEAR:
        return np.broadcast_to(C_bc, (*C.shape, C.shape[-1])).copy()
    variance = diagonal(C)
    C_aa, C_cc = variance[..., :, None, None], variance[..., None, None, :]
    return total_of(
        c_a * s_a * c_c * I3_erf(1 + s_a**2 * C_aa, 1 + s_c**2 * C_cc, s_a * C_ab, s_a * s_c * C_ac, s_c * C_bc)
        for (c_a, c_c), (s_a, s_c) in terms_of(activation, 2)
    )


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
        return J2_relu(C)
    if activation.code == Code.LINEAR:
        return np.ones_like(C)
    variance = diagonal(C)
    C_aa, C_bb = variance[..., :, None], variance[..., None, :]
    return total_of(
        c_a * s_a * c_b * s_b * 2 / np.pi / np.sqrt((1 + s_a**2 * C_aa) * (1 + s_b**2 * C_bb) - (s_a * s_b * C) ** 2)
        for (c_a, c_b), (s_a, s_b) in terms_of(activation, 2)
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
        return I4_relu(C)
    P = C.shape[-1]
    if activation.code == Code.LINEAR:
        return np.broadcast_to(C[..., None, None, :, :], (*C.shape[:-2], P, P, P, P)).copy()
    total = np.zeros((*C.shape[:-2], P, P, P, P))
    for c, s in terms_of(activation, 4):
        total += np.prod(c) * s[0] * s[1] * I4_erf(C, *s)
    return total


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
    variance, teachers = diagonal(T), (*R.shape[:-2], R.shape[-1])
    x, y = Fields(student, diagonal(Q)), Fields(teacher, variance)
    total, error = np.zeros(R.shape[:-2]), np.zeros(R.shape[:-2])
    for sign, one, other, (average, wrong) in (
        (0.5, v, v, pair_averages(Q, x, x)),
        (0.5, v_teacher, v_teacher, pair_averages(T, y, y)),
        (-1.0, v, v_teacher, pair_averages(R, x, Fields(teacher, np.broadcast_to(variance, teachers)))),
    ):
        products = np.einsum("...io,...ko->...ik", one, other)
        total = total + sign * np.einsum("...ik,...ik->...", products, average)
        error = error + abs(sign) * np.einsum("...ik,...ik->...", np.abs(products), wrong)
    return total, error
