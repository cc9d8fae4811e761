"""Every compiled function: activations, Gaussian averages, the right-hand side of the ODEs, random numbers, step loops.

All of them are pure functions on arrays and follow the symbols of docs/theory.md. They share one file because
numba's on-disk cache notices an edit only in the file that holds the cached function: a kernel here that called
a function of another file would go on running that function's old code.

Fields are numbered a = 0 … K+M-1, the K students first. C is their covariance, u = [v; -v_teacher] their
(K+M, O) output weights, b the (K, O) feedback weights (BP: b = v). Integer `codes` say what the activations are: a
kernel that took functions would be compiled anew for each, and could not be cached.
"""

from enum import IntEnum
from inspect import isfunction
from math import asinh, atan2, ceil, copysign, cos, floor, hypot, log, pi, sin, sqrt
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

# Reassociation and fused multiply-add change a sum by rounding only; NaN, infinity and signed zero keep their meaning.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract"},
}
# Each operation rounded as IEEE 754 says: a run gives the same bits wherever it stands in an array, on any processor.
_ORDERED = _OPTIONS | {"fastmath": False}
_INLINE = _ORDERED | {"forceinline": True}  # a loop over a function vectorises only if the function is inlined

DIVERGED = 1e8  # a field, an error or an order parameter beyond this (all are O(1)) counts as diverged

_CACHED = 2**12  # normals drawn at a time, 32 kB: they are used while they are in the cache

_ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0

# (asin(s)/s - 1)/s^2 as a polynomial in z = s^2 on [0, 1/4]: Chebyshev fit, error 2e-17, lowest power first.
_ASIN = (
    0.16666666666666669,
    0.07499999999998433,
    0.04464285714635543,
    0.030381944138531247,
    0.02237217294214989,
    0.017352392720869973,
    0.013971212973552933,
    0.011479177415184906,
    0.01032281435018578,
    0.005457506718640358,
    0.01740087944269402,
    -0.014851887071247204,
    0.028757851367421566,
)


class Code(IntEnum):
    """How g and g' are evaluated: by a kernel's own formula, or by a C function at an address."""

    ERF = 0
    LINEAR = 1
    RELU = 2
    TANH = 3
    COMPILED = 4


class Averages(IntEnum):
    """How the Gaussian averages are taken: in closed form, or by quadrature over common points."""

    ERFS = 0  # g of every unit is a sum of terms c erf(s x / sqrt 2)
    LINEAR = 1
    RELU = 2
    POINTS = 3


# Every kernel takes the activations as two last arguments, `codes` and `table`. Entries of codes (int64):
AVERAGES, STUDENT, ADDRESS, TEACHER, ADDRESS_TEACHER, TERMS = range(6)
# how averages are taken (Averages); for students and for teachers the Code of their g and, if it is COMPILED, the
# address of the C function; and the number of terms of a student. Rows of table: if averages are ERFS the terms (c, s)
# of students, then of teachers; if they are POINTS those of `_averages_points`.


@njit(**_OPTIONS)
def arcsine(x):
    """asin(x) to 3e-16 without a branch, so that a loop over it vectorises; |x| > 1 is taken as |x| = 1."""
    a = abs(x)
    z = max(
        0.0, min(a * a, 0.5 * (1 - a))
    )  # the two agree at a = 1/2, where asin(a) = pi/2 - 2 asin(sqrt z) takes over
    s = sqrt(z)
    p = _ASIN[12]
    p = p * z + _ASIN[11]
    p = p * z + _ASIN[10]
    p = p * z + _ASIN[9]
    p = p * z + _ASIN[8]
    p = p * z + _ASIN[7]
    p = p * z + _ASIN[6]
    p = p * z + _ASIN[5]
    p = p * z + _ASIN[4]
    p = p * z + _ASIN[3]
    p = p * z + _ASIN[2]
    p = p * z + _ASIN[1]
    p = p * z + _ASIN[0]
    r = s + s * z * p
    r = 0.5 * pi - 2 * r if a > 0.5 else r
    return r if x >= 0 else -r


# Polynomials, lowest power first, from Chebyshev interpolation in 50 digits; each is exact to 2e-16 of its value.
# exp(r) on |r| < log(2)/2;  erf(x/sqrt 2)/x in x^2 < 2;  exp(x^2/2) erfc(x/sqrt 2) in (x-4)/(x+4), sqrt 2 < x < 9.
_EXP = (
    1.0,
    1.0,
    0.5000000000000019,
    0.1666666666666668,
    0.0416666666664881,
    0.008333333333319601,
    0.0013888888952314775,
    0.00019841269890047113,
    2.4801485482328494e-05,
    2.755724091857897e-06,
    2.763263963904103e-07,
    2.5110037605963777e-08,
)
_ERF = (
    0.7978845608028654,
    -0.13298076013381013,
    0.019947114020053745,
    -0.0023746564307935473,
    0.00023086937442241853,
    -1.8889310203097372e-05,
    1.3319344963149676e-06,
    -8.244830214579362e-08,
    4.543002164363612e-09,
    -2.2385017205187103e-10,
    9.474170585296521e-12,
    -2.691666467781966e-13,
)
_ERFC = (
    0.18882128260393788,
    -0.34079544309691107,
    0.24875851067852697,
    -0.1434148146754284,
    0.06172960821264373,
    -0.016984190967100514,
    0.0010151241481808073,
    0.0012776277865835044,
    -0.0003743684470274808,
    -9.111103779370114e-05,
    5.729480164541869e-05,
    9.273019141696274e-06,
    -8.587970998404604e-06,
    -1.6957926138611158e-06,
    1.2278634651968056e-06,
    4.4296673197612845e-07,
)


@intrinsic
def _bits(_, x):
    """The 64 bits of a float as an unsigned integer."""

    def generate(_, builder, __, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def _from_bits(_, bits):
    """The float that has these 64 bits."""

    def generate(_, builder, __, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@njit(**_INLINE)
def _polynomial(p, z):
    """p[0] + p[1] z + p[2] z^2 + …"""
    value = p[len(p) - 1]
    for power in range(len(p) - 2, -1, -1):
        value = value * z + p[power]
    return value


@njit(**_INLINE)
def _exp(x):
    """exp(x) for -700 < x <= 0, without a branch."""
    shifted = x * (1 / log(2)) + 1.5 * 2.0**52  # the last bits of the sum are those of the nearest integer n
    n = shifted - 1.5 * 2.0**52
    remainder = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10  # log 2 in two parts
    return _polynomial(_EXP, remainder) * _from_bits((_bits(shifted) << np.uint64(52)) + _ONE)  # times 2^n


@njit(**_INLINE)
def erf_unit(x):
    """erf(x/sqrt 2) and its derivative sqrt(2/pi) exp(-x^2/2), to 4e-16; no branch, so that a loop vectorises."""
    a = min(abs(x), 9.0)  # from 8.3 on the error function is 1 to rounding, and its derivative below 1e-15
    y = a * a
    gauss = _exp(-0.5 * y)
    far = 1 - gauss * _polynomial(_ERFC, (a - 4) / (a + 4))
    value = far if y > 2 else a * _polynomial(_ERF, y)
    return value if x >= 0 else -value, sqrt(2 / pi) * gauss


@njit(**_INLINE)
def tanh_unit(x):
    """tanh(x) and its derivative, to 4e-16; no branch."""
    e = _exp(-2 * min(abs(x), 20.0))  # from 19.1 on tanh is 1 to rounding
    value = (1 - e) / (1 + e)
    return value if x >= 0 else -value, 4 * e / ((1 + e) * (1 + e))


@intrinsic
def _call(_, address, z, g, g_prime):
    """Call the C function at `address`, made by `pointwise`, on three contiguous arrays of one length."""

    def generate(context, builder, signature, arguments):
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[1:], arguments[1:], strict=True)
        ]
        pointer = ir.DoubleType().as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, pointer, ir.IntType(64)])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        builder.call(function, [*(array.data for array in arrays), arrays[0].nitems])
        return context.get_dummy_value()

    return types.void(types.int64, z, g, g_prime), generate


def scalar(function):
    """A Python function, or one of numba's, as a function of numba's that divides as NumPy does and can be pickled."""
    function = getattr(function, "py_func", function)
    wrapped = function if isfunction(function) else lambda x: function(x)  # math.tanh, np.tanh
    return njit(error_model="numpy")(wrapped)


def pointwise(g, g_prime):
    """The C function that fills two arrays with g and g' of a third, from `scalar` functions; it has an `address`.

    Raises TypeError if they cannot be compiled to functions from a float to a float.
    """
    pointer = types.CPointer(types.float64)

    def fill_all(z, out, out_prime, n):
        for r in range(n):
            x = z[r]
            out[r] = g(x)
            out_prime[r] = g_prime(x)

    try:
        return cfunc(types.void(pointer, pointer, pointer, types.int64))(fill_all)
    except NumbaError as error:
        raise TypeError(str(error)) from None


@njit(**_ORDERED)
def fill(code, address, z, g, g_prime):
    """Fill g and g_prime with g(z) and g'(z); all three are contiguous, with one axis."""
    if code == Code.ERF:
        for r in range(len(z)):
            value, slope = erf_unit(z[r])
            g[r] = value
            g_prime[r] = slope
    elif code == Code.LINEAR:
        for r in range(len(z)):
            g[r] = z[r]
            g_prime[r] = 1.0
    elif code == Code.RELU:
        for r in range(len(z)):
            g[r] = z[r] if z[r] > 0 else 0.0
            g_prime[r] = 1.0 if z[r] > 0 else 0.0
    elif code == Code.TANH:
        for r in range(len(z)):
            value, slope = tanh_unit(z[r])
            g[r] = value
            g_prime[r] = slope
    else:
        _call(address, z, g, g_prime)


@njit(**_ORDERED)
def activate(codes, students, z, g, g_prime):
    """Fill g and g_prime with g(z) and g'(z); all three are contiguous, with one axis.

    The first `students` entries are fields of students, the rest of teachers.
    """
    if codes[STUDENT] == codes[TEACHER] and codes[ADDRESS] == codes[ADDRESS_TEACHER]:
        fill(codes[STUDENT], codes[ADDRESS], z, g, g_prime)
    else:
        fill(codes[STUDENT], codes[ADDRESS], z[:students], g[:students], g_prime[:students])
        fill(codes[TEACHER], codes[ADDRESS_TEACHER], z[students:], g[students:], g_prime[students:])


@njit(**_OPTIONS)
def overlaps(A, B):
    """A B^T; for matrices this small a call of BLAS takes longer than the product."""
    product = np.zeros((A.shape[0], B.shape[0]))
    for i in range(A.shape[0]):
        for a in range(B.shape[0]):
            for o in range(A.shape[1]):
                product[i, a] += A[i, o] * B[a, o]
    return product


# ---------------------------------------------------------------------------------------------------------------------
# Averages over the fields z ~ N(0, C) that the ODEs need:
#   G_ij = <delta_i z_j>  (K, K+M),   H_ik = <delta_i delta_k>  (K, K),   h_io = <Delta_o g(x_i)>  (K, O)
# with Delta_o = sum_a u_ao g(z_a) - sigma zeta_o and delta_i = g'(x_i) sum_o b_io Delta_o.


@njit(**_OPTIONS)
def _averages_linear(C, u, b, sigma):
    K = b.shape[0]
    beta = overlaps(b, u)
    G = overlaps(beta, C)
    H = overlaps(G, beta) + sigma**2 * overlaps(b, b)
    h = overlaps(C[:K], u.T)
    return G, H, h


@njit(**_OPTIONS)
def _G_erf(C, beta):
    """G_ij = sum_a beta_ia I3(i, j, a), with the factor 1/sqrt(Lambda_ia) that does not depend on j taken out."""
    K, P = beta.shape
    G = np.zeros((K, P))
    gamma = np.empty(P)
    for i in range(K):
        d_i = 1 + C[i, i]
        along_i = 0.0
        for a in range(P):
            gamma[a] = 2 / pi * beta[i, a] / sqrt(d_i * (1 + C[a, a]) - C[i, a] ** 2)
            along_i += gamma[a] * C[i, a]
        for a in range(P):
            for j in range(P):
                G[i, j] += gamma[a] * C[a, j]
        for j in range(P):
            G[i, j] -= along_i * C[i, j] / d_i
    return G


@njit(**_OPTIONS)
def _H_erf(C, beta, bb, sigma):
    """H_ik = J2(i,k) [ sum_ac beta_ia beta_kc I2'(a, c) + sigma^2 b_i.b_k ], I2' under the covariance tilted by (i, k).

    The tilted covariance is C' = C - U1 U1^T - U2 U2^T, where (U1, U2) = L^-1 (rows i and k of C) and
    L L^T = 1 + B_ik. All pairs i <= k are done together, the pair being the last and contiguous index.
    """
    K, P = beta.shape
    n = (K * (K + 1) // 2 + 7) // 8 * 8  # filled up with zeros to whole SIMD vectors
    J2 = np.empty(n)
    U1, U2, scale = np.zeros((P, n)), np.zeros((P, n)), np.empty((P, n))
    beta_i, beta_k = np.zeros((P, n)), np.zeros((P, n))
    p = 0
    for i in range(K):
        for k in range(i, K):
            L11 = sqrt(1 + C[i, i])
            L21 = C[i, k] / L11
            L22 = sqrt(1 + C[k, k] - L21 * L21)
            J2[p] = 2 / pi / (L11 * L22)
            for a in range(P):
                U1[a, p] = C[i, a] / L11
                U2[a, p] = (C[k, a] - L21 * U1[a, p]) / L22
                beta_i[a, p] = beta[i, a]
                beta_k[a, p] = beta[k, a]
            p += 1
    for a in range(P):
        for p in range(n):
            scale[a, p] = 1 / sqrt(1 + C[a, a] - U1[a, p] ** 2 - U2[a, p] ** 2)
            U1[a, p] *= scale[a, p]
            U2[a, p] *= scale[a, p]
    total = np.zeros(n)
    for a in range(P):
        for c in range(a, P):
            half = 0.5 if a == c else 1.0
            for p in range(n):
                sine = C[a, c] * scale[a, p] * scale[c, p] - U1[a, p] * U1[c, p] - U2[a, p] * U2[c, p]
                weight = half * (beta_i[a, p] * beta_k[c, p] + beta_i[c, p] * beta_k[a, p])
                total[p] += weight * arcsine(sine)
    H = np.empty((K, K))
    p = 0
    for i in range(K):
        for k in range(i, K):
            H[i, k] = H[k, i] = J2[p] * (2 / pi * total[p] + sigma**2 * bb[i, k])
            p += 1
    return H


@njit(**_OPTIONS)
def _h_erf(C, u, K):
    """h_io = sum_a u_ao I2(i, a)."""
    P, O = u.shape
    h = np.zeros((K, O))
    for i in range(K):
        for a in range(P):
            I2 = 2 / pi * arcsine(C[i, a] / sqrt((1 + C[i, i]) * (1 + C[a, a])))
            for o in range(O):
                h[i, o] += u[a, o] * I2
    return h


# ---------------------------------------------------------------------------------------------------------------------
# ReLU, g(x) = max(0, x) and g'(x) = theta(x), zero at x = 0: a field of zero variance contributes nothing.
#
# Averages over two or three different fields are elementary in the angles theta_ac = asin rho_ac, rho the correlation.
# Four different fields: in the plane spanned by the fields a and b, in which (a, b) has the polar coordinates (r, phi),
# both are positive in the wedge -theta_ab < phi < pi/2. There c = r gamma_c(phi) + c', where c' has the covariance C'
# of the fields at given a and b, and the integral over r and C' is elementary (Stein's lemma):
#   I4 = (1/2 pi) int dphi J(phi),   J = int r exp(-r^2/2) dr <(r gamma_c + c')_+ (r gamma_d + d')_+>
# J is positive, and every quantity in it stays bounded where C is singular: the error is that of a covariance changed
# by rounding. At the boundary J only gets kinks, of known place and width, to which the panels of the quadrature adapt.


def _gauss_legendre(most):
    """Nodes and weights (rule, 2, most) on [-1, 1]: rule m has 4 m points, `most` at the most, then zeros."""
    rules = np.zeros((most // 4 + 1, 2, most))
    for m in range(1, most // 4 + 1):
        rules[m, :, : 4 * m] = np.polynomial.legendre.leggauss(4 * m)
    return rules


_POINTS = 32
_DIGITS = 17.0
_RULES = _gauss_legendre(_POINTS)
_PARALLEL = 4e-16  # below, 1 - rho^2 is rounding of the overlaps: the fields are parallel


@njit(**_INLINE)
def _exact_product(x, y):
    """x y as the sum of a rounded product and its error (Veltkamp and Dekker, Numer. Math. 18, 224 (1971))."""
    big_x, big_y = 134217729.0 * x, 134217729.0 * y  # 2^27 + 1 halves the 53 bits
    high_x, high_y = big_x - (big_x - x), big_y - (big_y - y)
    low_x, low_y = x - high_x, y - high_y
    product = x * y
    return product, low_x * low_y - (((product - high_x * high_y) - low_x * high_y) - high_x * low_y)


@njit(**_INLINE)
def _root_minor(x, y, c):
    """sqrt(x y - c^2) without cancellation; zero if rounding has left a covariance with a negative minor."""
    product, error = _exact_product(x, y)
    square, square_error = _exact_product(c, c)
    return sqrt(max(0.0, (product - square) + (error - square_error)))


@njit(**_OPTIONS)
def _angles(C):
    """Standard deviations (P,) of the fields; sine = rho, cosine and theta = asin rho of all pairs, each (P, P).

    Of a field of zero variance the three are zero.
    """
    P = C.shape[0]
    scale = np.empty(P)
    sine, cosine, theta = np.zeros((P, P)), np.zeros((P, P)), np.zeros((P, P))
    for a in range(P):
        scale[a] = sqrt(max(0.0, C[a, a]))
        for c in range(a + 1):
            norm = scale[a] * scale[c]
            if norm > 0:
                root = _root_minor(C[a, a], C[c, c], C[a, c])
                sine[a, c] = sine[c, a] = C[a, c] / norm
                cosine[a, c] = cosine[c, a] = root / norm
                theta[a, c] = theta[c, a] = atan2(C[a, c], root)
    return scale, sine, cosine, theta


@njit(**_OPTIONS)
def _G_relu(C, beta):
    """G_ij = sum_a beta_ia I3(i, j, a), I3 = C_ij sqrt(C_ii C_aa - C_ia^2)/(2 pi C_ii) + C_aj (1/4 + theta_ia/2 pi)."""
    K, P = beta.shape
    scale, _, cosine, theta = _angles(C)
    G = np.zeros((K, P))
    for i in range(K):
        if scale[i] == 0:
            continue
        along_i = 0.0
        for a in range(P):
            along_i += beta[i, a] * scale[a] * cosine[i, a] / (2 * pi * scale[i])
            gamma = beta[i, a] * (0.25 + theta[i, a] / (2 * pi))
            for j in range(P):
                G[i, j] += gamma * C[a, j]
        for j in range(P):
            G[i, j] += along_i * C[i, j]
    return G


@njit(**_OPTIONS)
def _h_relu(C, u, K):
    """h_io = sum_a u_ao I2(i, a), I2 = sqrt(C_ii C_aa) [cos theta + sin theta (pi/2 + theta)]/(2 pi), theta_ia."""
    P, O = u.shape
    scale, sine, cosine, theta = _angles(C)
    h = np.zeros((K, O))
    for i in range(K):
        for a in range(P):
            I2 = scale[i] * scale[a] * (cosine[i, a] + sine[i, a] * (0.5 * pi + theta[i, a])) / (2 * pi)
            for o in range(O):
                h[i, o] += u[a, o] * I2
    return h


@njit(**_OPTIONS)
def _one_step(angles, b, c, d):
    """<theta(b) c_+ d_+>, to which I4 comes down where fields coincide, from Stein's lemma; c = d is allowed."""
    scale, sine, cosine, theta = angles
    orthant = 0.125 + (theta[b, c] + theta[b, d] + theta[c, d]) / (4 * pi)
    edges = cosine[c, d] + sine[b, d] * cosine[b, c] + sine[b, c] * cosine[b, d]
    return scale[c] * scale[d] * (sine[c, d] * orthant + edges / (4 * pi))


@njit(**_OPTIONS)
def _square(angles, a, b, c):
    """<theta(a) theta(b) c_+^2>; with (rho_ac, m) the components of c in the plane of a and b, |m| <= 1."""
    scale, sine, cosine, theta = angles
    orthant = 0.125 + (theta[a, b] + theta[a, c] + theta[b, c]) / (4 * pi)
    edges = sine[a, c] * cosine[a, c] + sine[b, c] * cosine[b, c]
    if cosine[a, b] > 0:
        m = min(max((sine[b, c] - sine[a, b] * sine[a, c]) / cosine[a, b], -1.0), 1.0)
        edges += cosine[a, b] * (sine[a, b] * (sine[a, c] ** 2 - m * m) + 2 * cosine[a, b] * sine[a, c] * m)
    return scale[c] ** 2 * (orthant + edges / (4 * pi))


@njit(**_ORDERED)
def _given(C, angles, a, b):
    """Of all fields, (3, P): the component along a, the covariance with what b has across a, the variance given a."""
    scale, sine, _, _ = angles
    P = C.shape[0]
    x = np.empty((3, P))
    for c in range(P):
        x[0, c] = C[a, c] / scale[a]
        x[1, c] = C[b, c] / scale[b] - sine[a, b] * x[0, c]
        x[2, c] = C[c, c] - x[0, c] ** 2
    return x


@njit(**_ORDERED)
def _lifted(n_c, n_d, S_cc, S_dd, S_cd, square):
    """S - n n^T/square as (variance of c, of d, covariance), and what its variances lack to be of a covariance."""
    inverse = 1 / square if square > 0 else 0.0
    variance_c, variance_d = S_cc - n_c * n_c * inverse, S_dd - n_d * n_d * inverse
    kappa = S_cd - n_c * n_d * inverse
    mean, gap = 0.5 * (variance_c + variance_d), hypot(0.5 * (variance_c - variance_d), kappa)
    minor = variance_c * variance_d - kappa**2
    lift = gap - mean if mean <= 0 else max(0.0, -minor / (mean + gap))
    return variance_c, variance_d, kappa, lift


@njit(**_ORDERED)
def _in_plane(n_c, n_d, S_cc, S_dd, S_cd, across):
    """(c2, d2, sigma_c, sigma_d, rho, across): c and d across a in the plane of a and b, and what is outside of it.

    (n_c, n_d) are their covariances with what b has across a, of variance across^2, and S is their covariance given a.
    Rounding may have left S - n n^T/across^2 a negative eigenvalue. Then across^2 is raised, to n^T S^-1 n or less, and
    both variances by the eigenvalue that is left, if this is less in all. Either is a change of C by a rounding error,
    while to cut a component or a correlation to its bounds would be one by the root of it.
    """
    square = across**2
    if square < _PARALLEL:
        n_c = n_d = square = 0.0
    variance_c, variance_d, kappa, lift = _lifted(n_c, n_d, S_cc, S_dd, S_cd, square)
    if lift > 0 and square > 0:
        minor = S_cc * S_dd - S_cd * S_cd
        full = (n_c * (n_c * S_dd - n_d * S_cd) + n_d * (n_d * S_cc - n_c * S_cd)) / minor if minor > 0 else 0.0
        only_c, only_d = n_c**2 / S_cc if S_cc > 0 else 0.0, n_d**2 / S_dd if S_dd > 0 else 0.0
        start, least = square, lift
        for raised in (only_c, only_d, full):
            if start < raised < start + least:
                trial = _lifted(n_c, n_d, S_cc, S_dd, S_cd, raised)
                if raised - start + trial[3] < least:
                    least, square = raised - start + trial[3], raised
                    variance_c, variance_d, kappa, lift = trial
    sigma_c, sigma_d = sqrt(max(0.0, variance_c + lift)), sqrt(max(0.0, variance_d + lift))
    norm, across = sigma_c * sigma_d, sqrt(square)
    rho = min(max(kappa / norm, -1.0), 1.0) if norm > 0 else 0.0
    return n_c / across if across > 0 else 0.0, n_d / across if across > 0 else 0.0, sigma_c, sigma_d, rho, across


@njit(**_ORDERED)
def _kinks(c1, c2, sigma_c, d1, d2, sigma_d, rho):
    """Where J is singular: (phi, width), at phi + i width modulo pi, of each of var c, var d and det cov(c, d).

    At angle phi these are gamma_c^2 + sigma_c^2, with gamma_c = c1 cos phi + c2 sin phi, the same of d, and
    sigma_c^2 sigma_d^2 (1 - rho^2) + |gamma_c d' - gamma_d c'|^2 = mean - half cos 2 (phi - place).
    """
    kappa = rho * sigma_c * sigma_d
    n11 = (c1 * sigma_d) ** 2 - 2 * c1 * d1 * kappa + (d1 * sigma_c) ** 2
    n22 = (c2 * sigma_d) ** 2 - 2 * c2 * d2 * kappa + (d2 * sigma_c) ** 2
    n12 = c1 * c2 * sigma_d**2 - (c1 * d2 + c2 * d1) * kappa + d1 * d2 * sigma_c**2
    mean = 0.5 * (n11 + n22) + (sigma_c * sigma_d) ** 2 * (1 - rho) * (1 + rho)
    half = hypot(0.5 * (n11 - n22), n12)
    width = np.inf if half == 0 else asinh(sqrt(max(0.0, mean - half) / (2 * half)))
    return (
        (-atan2(c1, c2), asinh(sigma_c / hypot(c1, c2))),
        (-atan2(d1, d2), asinh(sigma_d / hypot(d1, d2))),
        (0.5 * atan2(-n12, 0.5 * (n22 - n11)), width),
    )


@njit(**_OPTIONS)
def _nearest(middle, half, kinks):
    """The singularity nearest to a panel: its real part in half-lengths, and the rho of its Bernstein ellipse."""
    nearest, axes = 0.0, np.inf
    for place, width in kinks:
        offset = place - middle
        u, w = (offset - pi * floor(offset / pi + 0.5)) / half, width / half
        sum_of_axes = 0.5 * (hypot(u - 1, w) + hypot(u + 1, w))
        if sum_of_axes < axes:
            nearest, axes = u, sum_of_axes
    return nearest, axes + sqrt(max(0.0, axes * axes - 1))


@njit(**_ORDERED)
def _panel(middle, half, points, c1, c2, sigma_c, d1, d2, sigma_d, rho):
    """The integral of J over middle ± half, without its constant term, by the Gauss-Legendre rule of `points` points.

    J = 2 gamma_c gamma_d L_r + [gamma_d (2 gamma_c^2 + sigma_c^2) + gamma_c C'_cd] L_c / s_c + (c <-> d) + I2(C'):
    L_c = <theta(r) theta(d) | c = 0>, s_c^2 = gamma_c^2 + sigma_c^2, rho the correlation of c' and d'. Where d is all
    but c or -c, the tangents of L_c and L_d must have the same rounding error to cancel: that of `gap`.
    """
    kappa, root = rho * sigma_c * sigma_d, sqrt((1 - rho) * (1 + rho))
    sign = copysign(1.0, rho)
    # The angles know of the ratio sigma_c : sigma_d only; where both vanish any ratio gives the same J.
    part_c, part_d = (sigma_c, sigma_d) if sigma_c + sigma_d > 0 else (1.0, 1.0)
    gap1, gap2 = d1 * part_c - sign * c1 * part_d, d2 * part_c - sign * c2 * part_d
    L_r = 0.25 + atan2(rho, root) / (2 * pi)
    rule = _RULES[points // 4]
    total = 0.0
    for m in range(points):
        phi = middle + half * rule[0, m]
        cosine, sine = cos(phi), sin(phi)
        gamma_c, gamma_d = c1 * cosine + c2 * sine, d1 * cosine + d2 * sine
        s_c, s_d = sqrt(gamma_c**2 + sigma_c**2), sqrt(gamma_d**2 + sigma_d**2)
        gap = gap1 * cosine + gap2 * sine
        L_c = 0.25 + atan2((sign - rho) * part_d * gamma_c + gap, s_c * part_d * root) / (2 * pi)
        L_d = 0.25 + atan2((sign - rho) * part_c * gamma_d - sign * gap, s_d * part_c * root) / (2 * pi)
        J = 2 * gamma_c * gamma_d * L_r
        J += (gamma_d * (gamma_c**2 + s_c**2) + gamma_c * kappa) * L_c / s_c
        J += (gamma_c * (gamma_d**2 + s_d**2) + gamma_d * kappa) * L_d / s_d
        total += rule[1, m] * J
    return half * total


@njit(**_ORDERED)
def _wedge(c1, c2, sigma_c, d1, d2, sigma_d, rho, theta_ab):
    """<theta(a) theta(b) c_+ d_+> = (1/2 pi) int J dphi over -theta_ab < phi < pi/2.

    The n-point rule is in error by h^2 rho^(-2n) on a panel of half-length h: rho belongs to the ellipse through the
    nearest singularity, and a kink cannot be worth more than h^2. A panel that would need too many points is cut.
    """
    fields = (c1, c2, sigma_c, d1, d2, sigma_d, rho)
    kinks = _kinks(*fields)
    ends = np.empty(64)
    ends[0], ends[1] = 0.5 * pi, -theta_ab
    top, total = 1, 0.0
    root = sqrt((1 - rho) * (1 + rho))
    I2 = sigma_c * sigma_d * (root + rho * (0.5 * pi + atan2(rho, root))) / (2 * pi)
    while top > 0:
        half, middle = 0.5 * (ends[top - 1] - ends[top]), 0.5 * (ends[top - 1] + ends[top])
        if half <= 0:
            top -= 1
            continue
        nearest, ellipse = _nearest(middle, half, kinks)
        needed = (_DIGITS + log(half)) / log(ellipse)
        if needed > _POINTS and top < 63:
            ends[top + 1] = ends[top]
            ends[top] = middle + half * (nearest if abs(nearest) < 0.9 else copysign(0.6, nearest))
            top += 1
        else:
            total += _panel(middle, half, min(max(4, 4 * ceil(needed / 4)), _POINTS), *fields)
            top -= 1
    return (total + I2 * (0.5 * pi + theta_ab)) / (2 * pi)


@njit(**_OPTIONS)
def _I4_relu(C, angles, a, b, I4):
    """Fill the symmetric I4 (P, P) with <theta(a) theta(b) c_+ d_+> for all c and d; the fields may coincide."""
    scale, sine, cosine, _ = angles
    P = C.shape[0]
    if scale[a] * scale[b] == 0:
        I4[:] = 0
        return
    x = _given(C, angles, a, b)
    for c in range(P):
        for d in range(c + 1):
            if scale[c] * scale[d] == 0:
                value = 0.0
            elif a == b or c == a or d == a:
                value = _one_step(angles, b, c, d)
            elif c == b or d == b:
                value = _one_step(angles, a, c, d)
            elif c == d:
                value = _square(angles, a, b, c)
            else:
                S_cd = C[c, d] - x[0, c] * x[0, d]
                rest = _in_plane(x[1, c], x[1, d], x[2, c], x[2, d], S_cd, cosine[a, b])
                c2, d2, sigma_c, sigma_d, rho, across = rest
                value = _wedge(x[0, c], c2, sigma_c, x[0, d], d2, sigma_d, rho, atan2(sine[a, b], across))
            I4[c, d] = I4[d, c] = value


@njit(**_OPTIONS)
def I4_relu(C):
    """<theta(z_a) theta(z_b) g(z_c) g(z_d)>, shape (P, P, P, P), of ReLU fields of covariance C (P, P)."""
    P = C.shape[0]
    angles = _angles(C)
    I4 = np.empty((P, P, P, P))
    for a in range(P):
        for b in range(a + 1):
            _I4_relu(C, angles, a, b, I4[a, b])
            I4[b, a] = I4[a, b]
    return I4


@njit(**_OPTIONS)
def _H_relu(C, beta, bb, sigma):
    """H_ik = sum_ac beta_ia beta_kc I4(i, k, a, c) + sigma^2 b_i.b_k J2(i, k), J2 = 1/4 + theta_ik/2 pi."""
    K, P = beta.shape
    angles = _angles(C)
    scale, _, _, theta = angles
    H, I4 = np.zeros((K, K)), np.empty((P, P))
    for i in range(K):
        for k in range(i + 1):
            if scale[i] * scale[k] > 0:
                _I4_relu(C, angles, i, k, I4)
                total = sigma**2 * bb[i, k] * (0.25 + theta[i, k] / (2 * pi))
                for a in range(P):
                    for c in range(P):
                        total += beta[i, a] * beta[k, c] * I4[a, c]
                H[i, k] = H[k, i] = total
    return H


@njit(**_OPTIONS)
def _averages_erf(C, u, b, sigma):
    beta = overlaps(b, u)
    return _G_erf(C, beta), _H_erf(C, beta, overlaps(b, b), sigma), _h_erf(C, u, b.shape[0])


@njit(**_OPTIONS)
def _averages_erfs(C, u, b, sigma, terms, terms_teacher):
    """Those of g(x) = sum_m c_m erf(s_m x / sqrt 2): of erf units, one for each term, with fields s_m z_a."""
    (K, O), P = b.shape, len(C)
    n, students = len(terms), b.shape[0] * len(terms)
    size = students + (P - K) * len(terms_teacher)
    unit, c, s = np.empty(size, np.int64), np.empty(size), np.empty(size)
    for p in range(size):
        if p < students:
            unit[p], (c[p], s[p]) = p // n, terms[p % n]
        else:
            t, rest = len(terms_teacher), p - students
            unit[p], (c[p], s[p]) = K + rest // t, terms_teacher[rest % t]
    C_terms, u_terms, b_terms = np.empty((size, size)), np.empty((size, O)), np.empty((students, O))
    for p in range(size):
        for q in range(size):
            C_terms[p, q] = s[p] * s[q] * C[unit[p], unit[q]]
        for o in range(O):
            u_terms[p, o] = c[p] * u[unit[p], o]
            if p < students:
                b_terms[p, o] = c[p] * s[p] * b[unit[p], o]
    G_terms, H_terms, h_terms = _averages_erf(C_terms, u_terms, b_terms, sigma)
    G, H, h = np.zeros((K, P)), np.zeros((K, K)), np.zeros((K, O))
    for p in range(students):
        for q in range(size):  # any term of unit j will do: its field is s z_j
            G[unit[p], unit[q]] += G_terms[p, q] / s[q] / (n if q < students else len(terms_teacher))
        for q in range(students):
            H[unit[p], unit[q]] += H_terms[p, q]
        for o in range(O):
            h[unit[p], o] += c[p] * h_terms[p, o]
    return G, H, h


@njit(**_OPTIONS)
def _minus(A, B):
    """A - B"""
    difference = np.empty(B.shape)
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            difference[i, j] = A[i, j] - B[i, j]
    return difference


@njit(**_OPTIONS)
def _power(A, exponent):
    """A^exponent of a symmetric matrix; eigenvalues that are negative, or zero but for rounding, count as zero."""
    if not largest(A.ravel()) < np.inf:
        return np.full(A.shape, np.nan)
    values, vectors = np.linalg.eigh(A)
    scaled, least = np.empty(A.shape), 1e-15 * len(A) * max(values[-1], 0.0)
    for j in range(A.shape[0]):
        power = values[j] ** exponent if values[j] > least else 0.0
        for i in range(A.shape[0]):
            scaled[i, j] = vectors[i, j] * power
    return overlaps(scaled, vectors)


@njit(**_OPTIONS)
def _averages_points(C, u, b, sigma, codes, points):
    """By quadrature, over common points: y and, for both signs of g2, x = R T^+ y + Q_across^1/2 g2.

    The rows of `points` (3M+K+1, points) are y, g(y), T^+1/2 g1, g2 (g1 and g2 standard normal) and the weights.

    With both signs nothing of odd order in g2 is left, so that the averages are smooth where Q_across vanishes; and
    where Delta vanishes at every point they vanish exactly.
    """
    (K, O), P = b.shape, len(C)
    M = P - K
    R, T = np.empty((K, M)), np.empty((M, M))
    for n in range(M):
        for i in range(K):
            R[i, n] = C[i, K + n]
        for m in range(M):
            T[n, m] = C[K + n, K + m]
    S = _power(_minus(C[:K, :K], overlaps(overlaps(R, _power(T, -1.0)), R)), 0.5)
    bb = overlaps(b, b)
    size = 256  # points at a time, which stay in the cache; their number is a multiple of it
    z, g, g_prime = np.empty((P, size)), np.empty((P, size)), np.empty((K, size))
    Delta, delta, weights = np.empty((O, size)), np.empty((K, size)), np.empty(size)
    G, H, h = np.zeros((K, P)), np.zeros((K, K)), np.zeros((K, O))
    for first in range(0, points.shape[1], size):
        for r in range(size):
            weights[r] = points[3 * M + K, first + r] / 2  # of either sign
        for n in range(M):
            for r in range(size):
                z[K + n, r] = points[n, first + r]
                g[K + n, r] = points[M + n, first + r]
        for sign in (1.0, -1.0):
            for i in range(K):
                for r in range(size):
                    z[i, r] = 0.0
                for n in range(M):
                    for r in range(size):
                        z[i, r] += R[i, n] * points[2 * M + n, first + r]
                for k in range(K):
                    for r in range(size):
                        z[i, r] += sign * S[i, k] * points[3 * M + k, first + r]
            fill(codes[STUDENT], codes[ADDRESS], z.ravel()[: K * size], g.ravel()[: K * size], g_prime.ravel())
            for o in range(O):
                for r in range(size):
                    Delta[o, r] = 0.0
            _errors(g, g_prime, u, b, Delta, delta)
            _add_products(delta, weights, z, G)
            _add_products(delta, weights, delta, H)
            _add_products(g[:K], weights, Delta, h)
            if sigma > 0:
                J2 = np.zeros((K, K))
                _add_products(g_prime, weights, g_prime, J2)
                for i in range(K):
                    for k in range(K):
                        H[i, k] += sigma**2 * bb[i, k] * J2[i, k]
    return G, H, h


@njit(**_OPTIONS)
def _errors(g, g_prime, u, b, Delta, delta):
    """Add sum_a u_ao g_a to Delta_o (O, points), which holds the noise, and fill delta_i = g'_i sum_o b_io Delta_o."""
    (K, O), P = b.shape, len(u)
    for o in range(O):
        for a in range(P):
            for r in range(g.shape[1]):
                Delta[o, r] += u[a, o] * g[a, r]
    for i in range(K):
        for r in range(g.shape[1]):
            delta[i, r] = 0.0
        for o in range(O):
            for r in range(g.shape[1]):
                delta[i, r] += b[i, o] * Delta[o, r]
        for r in range(g.shape[1]):
            delta[i, r] *= g_prime[i, r]


@njit(**_OPTIONS)
def _add_products(A, weights, B, total):
    """Add sum_r weights_r A_ir B_jr to total_ij."""
    for i in range(A.shape[0]):
        for j in range(B.shape[0]):
            product = 0.0
            for r in range(len(weights)):
                product += weights[r] * A[i, r] * B[j, r]
            total[i, j] += product


@njit(**_OPTIONS)
def averages(codes, table, C, u, b, sigma):
    """The three averages (G, H, h) defined above."""
    if codes[AVERAGES] == Averages.LINEAR:
        return _averages_linear(C, u, b, sigma)
    if codes[AVERAGES] == Averages.RELU:
        beta = overlaps(b, u)
        return _G_relu(C, beta), _H_relu(C, beta, overlaps(b, b), sigma), _h_relu(C, u, b.shape[0])
    if codes[AVERAGES] == Averages.POINTS:
        return _averages_points(C, u, b, sigma, codes, table)
    if codes[STUDENT] == Code.ERF and codes[TEACHER] == Code.ERF:
        return _averages_erf(C, u, b, sigma)
    return _averages_erfs(C, u, b, sigma, table[: codes[TERMS]], table[codes[TERMS] :])


# ---------------------------------------------------------------------------------------------------------------------
# The ODEs. Their state is the vector y = (R row by row, upper triangle of Q row by row, v row by row).


@njit(**_OPTIONS)
def pack(R, Q, v):
    """The state vector y of the order parameters R (K, M), Q (K, K), v (K, O)."""
    K, M = R.shape
    O = v.shape[1]
    y = np.empty(K * M + K * (K + 1) // 2 + K * O)
    at = 0
    for i in range(K):
        for n in range(M):
            y[at] = R[i, n]
            at += 1
    for i in range(K):
        for k in range(i, K):
            y[at] = Q[i, k]
            at += 1
    for i in range(K):
        for o in range(O):
            y[at] = v[i, o]
            at += 1
    return y


@njit(**_OPTIONS)
def unpack(y, K, M, O):
    """R (K, M), Q (K, K) and v (K, O) of the state vector y."""
    R, Q, v = np.empty((K, M)), np.empty((K, K)), np.empty((K, O))
    at = 0
    for i in range(K):
        for n in range(M):
            R[i, n] = y[at]
            at += 1
    for i in range(K):
        for k in range(i, K):
            Q[i, k] = Q[k, i] = y[at]
            at += 1
    for i in range(K):
        for o in range(O):
            v[i, o] = y[at]
            at += 1
    return R, Q, v


@njit(**_OPTIONS)
def covariance(R, Q, T):
    """C = [[Q, R], [R^T, T]], the covariance of the fields (x, y)."""
    K, M = R.shape
    C = np.empty((K + M, K + M))
    for i in range(K):  # loops: numba takes four seconds to compile the assignments to slices
        for k in range(K):
            C[i, k] = Q[i, k]
        for n in range(M):
            C[i, K + n] = C[K + n, i] = R[i, n]
    for n in range(M):
        for m in range(M):
            C[K + n, K + m] = T[n, m]
    return C


@njit(**_ORDERED)
def largest(y):
    """The largest |y|; NaN if there is one. In a loop of small steps NumPy's call takes longer than the comparison."""
    most = 0.0
    for value in y:
        if not abs(value) <= most:
            most = abs(value)
            if most != most:
                break
    return most


@njit(**_OPTIONS)
def right_hand_side(y, T, v_teacher, b, fixed_feedback, rates, codes, table):
    """dy/dalpha of the ODEs (docs/theory.md, section 3).

    y is the packed state, T (M, M), v_teacher (M, O), b (K, O). With `fixed_feedback` (FA) the backward weights are b,
    else (BP) they are the current v and only the shape of b is used. rates = (eta, eta_v, sigma, decay, decay_v).
    """
    K, O = b.shape
    M = T.shape[0]
    eta, eta_v, sigma, decay, decay_v = rates[0], rates[1], rates[2], rates[3], rates[4]
    R, Q, v = unpack(y, K, M, O)
    C = covariance(R, Q, T)
    u = np.concatenate((v, -v_teacher))
    G, H, h = averages(codes, table, C, u, b if fixed_feedback else v, sigma)
    dy = np.empty_like(y)
    at = 0
    for i in range(K):
        for n in range(M):
            dy[at] = -eta * G[i, K + n] - decay * R[i, n]
            at += 1
    for i in range(K):
        for k in range(i, K):
            dy[at] = -eta * (G[i, k] + G[k, i]) - 2 * decay * Q[i, k] + eta**2 * H[i, k]
            at += 1
    for i in range(K):
        for o in range(O):
            dy[at] = -eta_v * h[i, o] - decay_v * v[i, o]
            at += 1
    return dy


# ---------------------------------------------------------------------------------------------------------------------
# Beyond the mean: the ODEs in the coordinates w = (R, Q_across, v), packed as y is, with Q_across = Q - R T^+ R^T the
# overlaps of what the students have across the teacher's space. Near perfect learning Q_across is as small as eps_g,
# where in Q it is the difference of numbers of order 1. `T_inverse` is T^+, the (pseudo-)inverse of T.

_STEP = 3e-4  # of first differences: errors h^4 f^(5)/30 and 1e-16/h, both below 1e-10 here
_WIDE = 3e-3  # of second differences, in which an error of 1e-5 is of no account
_BORDER = 1e-6  # a step inside that would be smaller: differences are taken to one side
_ACROSS = 1e-7  # their step
_INSIDE = 0.1  # of the way to where Q_across is singular: no difference steps further, if averages end there


@njit(**_OPTIONS)
def _mixed(A, B):
    """A B^T + B A^T"""
    product = overlaps(A, B)
    return product + product.T


@njit(**_OPTIONS)
def drift(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table):
    """dw/dalpha: `right_hand_side` in the coordinates w = (R, Q_across, v)."""
    K, O = b.shape
    M = T.shape[0]
    R, Q_across, v = unpack(w, K, M, O)
    along = overlaps(R, T_inverse)
    y = pack(R, Q_across + overlaps(along, R), v)
    dR, dQ, dv = unpack(right_hand_side(y, T, v_teacher, b, fixed_feedback, rates, codes, table), K, M, O)
    return pack(dR, dQ - _mixed(dR, along), dv)


@njit(**_OPTIONS)
def step_inside(w, step, least, K, M, O, codes):
    """The step of differences around w: `step`, but less where that would leave the states that are possible.

    Averages over erf and linear units are analytic across the border, where Q_across is singular; those of ReLU have a
    singularity there, and quadrature has no points beyond. `least` is for states on the border itself.
    """
    if codes[AVERAGES] == Averages.ERFS or codes[AVERAGES] == Averages.LINEAR:
        return step
    _, Q_across, _ = unpack(w, K, M, O)
    if not largest(w) < np.inf:
        return step
    return max(least, min(step, _INSIDE * np.linalg.eigvalsh(Q_across)[0]))


@njit(**_OPTIONS)
def jacobian(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table):
    """J_ab = d(dw_a/dalpha)/dw_b, by central differences of fourth order.

    Where Q_across is all but singular, and averages end there, those with respect to Q_across are one-sided, from
    f(h) and f(4h): what f - f(0) has of order h^3/2 (ReLU) cancels.
    """
    (K, O), M = b.shape, T.shape[0]
    J = np.empty((len(w), len(w)))
    moved, inside = w.copy(), step_inside(w, _STEP, 0.0, K, M, O, codes)
    first, last = K * M, K * M + K * (K + 1) // 2  # Q_across, which alone is bounded
    for j in range(len(w)):
        if first <= j < last and inside < _BORDER:
            continue
        h = (inside if first <= j < last else _STEP) * (1 + abs(w[j]))
        column = np.zeros(len(w))
        for step, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
            moved[j] = w[j] + step * h
            column += weight / (12 * h) * drift(moved, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table)
        moved[j] = w[j]
        J[:, j] = column
    if inside < _BORDER:
        here, at = drift(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table), first
        for i in range(K):
            for k in range(i, K):  # along (e_i + e_k)(e_i + e_k)^T, which is possible
                one = drift(
                    _lengthened(w, _ACROSS, i, k, K, M), T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table
                )
                four = drift(
                    _lengthened(w, 4 * _ACROSS, i, k, K, M),
                    T,
                    T_inverse,
                    v_teacher,
                    b,
                    fixed_feedback,
                    rates,
                    codes,
                    table,
                )
                J[:, at] = (8 * (one - here) - (four - here)) / (4 * _ACROSS)
                at += 1
        for i in range(K):
            for k in range(i + 1, K):
                ii, kk, ik = _diagonal(i, K), _diagonal(k, K), _diagonal(i, K) + k - i
                J[:, first + ik] -= J[:, first + ii] + J[:, first + kk]
    return J


@njit(**_OPTIONS)
def _diagonal(i, K):
    """Where entry (i, i) stands in the upper triangle of a matrix (K, K)."""
    return i * K - i * (i - 1) // 2


@njit(**_OPTIONS)
def _lengthened(w, length, i, k, K, M):
    """w with `length` e e^T added to Q_across, e = e_i + e_k, or e_i if they are the same."""
    moved = w.copy()
    moved[K * M + _diagonal(i, K)] += length
    if i != k:
        moved[K * M + _diagonal(k, K)] += length
        moved[K * M + _diagonal(i, K) + k - i] += length
    return moved


@njit(**_OPTIONS)
def curvature(w, directions, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table):
    """sum_ab D_ab d^2(dw/dalpha)/dw_a dw_b / 2 with D = sum_k d_k d_k^T, the d_k being the rows of `directions`."""
    total = np.zeros(len(w))
    wide = step_inside(w, _WIDE, 1e-5, b.shape[0], T.shape[0], b.shape[1], codes)
    here = drift(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table)
    for k in range(len(directions)):
        length = sqrt(np.sum(directions[k] ** 2))
        if length > 0:
            step = directions[k] * (wide / length)
            there = drift(w + step, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table)
            there += drift(w - step, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table)
            total += (there - 2 * here) * (length**2 / (2 * wide**2))
    return total


@njit(**_OPTIONS)
def finite_size_drift(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table):
    """N times what the mean change of w in a step, times N, differs from dw/dalpha, for N -> infinity.

    Only that of Q_across does: by the length of an example across the teacher's space (of as many dimensions as T has
    rank), which is not independent of its fields, and by the decay of both factors of an overlap.
    """
    K, O = b.shape
    M = T.shape[0]
    eta, decay = rates[0], rates[3]
    R, Q_across, v = unpack(w, K, M, O)
    Q_along = overlaps(overlaps(R, T_inverse), R)
    u = np.concatenate((v, -v_teacher))
    b = b if fixed_feedback else v
    G, H, _ = averages(codes, table, covariance(R, Q_along + Q_across, T), u, b, rates[2])
    _, H_more, _ = averages(codes, table, covariance(R, Q_along + (1 + _STEP) * Q_across, T), u, b, rates[2])
    _, H_less, _ = averages(codes, table, covariance(R, Q_along + (1 - _STEP) * Q_across, T), u, b, rates[2])
    G_across = G[:, :K] - overlaps(G[:, K:], overlaps(R, T_inverse))
    rank = 0.0  # the trace of the projector T T^+
    for n in range(M):
        for m in range(M):
            rank += T[n, m] * T_inverse[m, n]
    dQ = eta**2 * ((H_more - H_less) / _STEP - rank * H) + decay * eta * (G_across + G_across.T) + decay**2 * Q_across
    return pack(np.zeros((K, M)), dQ, np.zeros((K, O)))


@njit(**_OPTIONS)
def diffusion(w, roots, g, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table):
    """D_ab = Cov[f_a, f_b] of f = N times the change of w in a step, |xi|^2 = N, for each set of points g.

    roots = (T^1/2, T^+1/2, Q_across^1/2); g (sets, rows, points) are standard normal: M components along the teacher's
    space, K across it and, if sigma > 0, O of the noise. Returns (sets, L, L).
    """
    K, O = b.shape
    M, L, sigma = T.shape[0], len(w), rates[2]
    eta, eta_v, decay, decay_v = rates[0], rates[1], rates[3], rates[4]
    R, Q_across, v = unpack(w, K, M, O)
    mean = drift(w, T, T_inverse, v_teacher, b, fixed_feedback, rates, codes, table)
    mean_R, mean_Q, mean_v = unpack(mean, K, M, O)
    u, back = np.concatenate((v, -v_teacher)), b if fixed_feedback else v
    along, root = overlaps(R, roots[1]), roots[2]
    size = 256  # points at a time: f of all of them stays in the cache
    z, g_z, g_prime = np.empty((K + M, size)), np.empty((K + M, size)), np.empty((K + M, size))
    across, delta, Delta, f = np.empty((K, size)), np.empty((K, size)), np.empty((O, size)), np.empty((L, size))
    D = np.zeros((len(g), L, L))
    for which in range(len(g)):
        for first in range(0, g.shape[2], size):
            points = g[which, :, first : first + size]
            for i in range(K):
                across[i] = 0
                for k in range(K):
                    across[i] += root[i, k] * points[M + k]
                z[i] = across[i]
                for n in range(M):
                    z[i] += along[i, n] * points[n]
            for n in range(M):
                z[K + n] = 0
                for m in range(M):
                    z[K + n] += roots[0][n, m] * points[m]
            activate(codes, K * size, z.ravel(), g_z.ravel(), g_prime.ravel())
            for o in range(O):
                Delta[o] = 0
                if sigma > 0:
                    Delta[o] = -sigma * points[K + M + o]
            _errors(g_z, g_prime, u, back, Delta, delta)
            at = 0
            for i in range(K):
                for n in range(M):
                    f[at] = -eta * delta[i] * z[K + n] - (decay * R[i, n] + mean_R[i, n])
                    at += 1
            for i in range(K):
                for k in range(i, K):
                    f[at] = eta**2 * delta[i] * delta[k] - eta * (delta[i] * across[k] + delta[k] * across[i])
                    f[at] -= 2 * decay * Q_across[i, k] + mean_Q[i, k]
                    at += 1
            for i in range(K):
                for o in range(O):
                    f[at] = -eta_v * Delta[o] * g_z[i] - (decay_v * v[i, o] + mean_v[i, o])
                    at += 1
            for a in range(L):
                for c in range(a + 1):
                    total = 0.0
                    for r in range(size):
                        total += f[a, r] * f[c, r]
                    D[which, a, c] += total
    for a in range(L):
        for c in range(a):
            D[:, c, a] = D[:, a, c]
    return D / g.shape[2]


# ---------------------------------------------------------------------------------------------------------------------
# Random numbers: many generators side by side ("lanes"), so that the compiler can use SIMD. Each lane is the SFC64 of
# NumPy (C. Doty-Humphrey's, PractRand); a stream is its state, (4, lanes): a, b, c and the counter.

_LOG = (
    0.666666666666667,
    0.39999999999899505,
    0.28571428625975487,
    0.2222221113479508,
    0.18182889125261723,
    0.15331721600556042,
    0.14616449685043406,
)  # (log((1+s)/(1-s))/s - 2)/s^2 in s^2 < (3 - sqrt 8)^2
_SIN = (
    1.5707963267948966,
    -0.6459640975062443,
    0.07969262624604301,
    -0.004681754132340976,
    0.0001604411507421909,
    -3.59864335298231e-06,
    5.633933781537854e-08,
)  # sin(pi t/2)/t in t^2 < 1/4
_COS = (
    1.0,
    -1.2337005501361513,
    0.25366950789986475,
    -0.02086348073494657,
    0.000919259950041661,
    -2.520013526428479e-05,
    4.6552961874867623e-07,
)  # cos(pi t/2) in t^2 < 1/4


@njit(**_INLINE)
def _next(stream, lane):
    """64 random bits of one lane."""
    a, b, c = stream[0, lane], stream[1, lane], stream[2, lane]
    bits = a + b + stream[3, lane]
    stream[3, lane] += np.uint64(1)
    stream[0, lane] = b ^ (b >> np.uint64(11))
    stream[1, lane] = c + (c << np.uint64(3))
    stream[2, lane] = ((c << np.uint64(24)) | (c >> np.uint64(40))) + bits
    return bits


@njit(**_INLINE)
def _log(x):
    """log(x) for a positive, normal x, without a branch; to 1e-15 of the larger of its value and 1."""
    bits = _bits(x)
    # 2^52 + (exponent + 1023), whose bits are simply put together, is turned into the exponent by a subtraction
    exponent = _from_bits((bits >> np.uint64(52)) | np.uint64(0x4330000000000000)) - (2.0**52 + 1023)
    m = _from_bits((bits & np.uint64(0x000FFFFFFFFFFFFF)) | _ONE)  # x = m 2^exponent, 1 <= m < 2
    large = m > sqrt(2.0)
    m = 0.5 * m if large else m
    exponent = exponent + 1 if large else exponent
    s = (m - 1) / (m + 1)
    return exponent * log(2) + (2 * s + s * (s * s) * _polynomial(_LOG, s * s))


@njit(**_INLINE)
def _uniform(bits):
    """A number in (0, 1]: (bits + 1/2) / 2^64."""
    return (np.float64(bits) + 0.5) * 2.0**-64


@njit(**_INLINE)
def _normal_pair(stream, lane):
    """Two independent standard normal numbers, by Box and Muller's transform: radius sqrt(-2 log U), uniform angle."""
    radius = sqrt(-2 * _log(_uniform(_next(stream, lane))))
    bits = _next(stream, lane)
    t = _from_bits((bits >> np.uint64(12)) | _ONE) - 1.5  # uniform in [-1/2, 1/2): an angle pi t/2 in a quarter circle
    sine, cosine = t * _polynomial(_SIN, t * t), _polynomial(_COS, t * t)
    swapped = (bits & np.uint64(1)) != np.uint64(0)  # two more bits choose the quarter
    radius = _from_bits(_bits(radius) | ((bits & np.uint64(2)) << np.uint64(62)))
    return radius * (sine if swapped else cosine), radius * (cosine if swapped else sine)


@njit(**_ORDERED)
def normals(stream, out):
    """Fill out (rows, lanes), an even number of rows, with standard normal numbers; the stream moves on."""
    for row in range(0, out.shape[0], 2):
        for lane in range(out.shape[1]):
            first, second = _normal_pair(stream, lane)
            out[row, lane] = first
            out[row + 1, lane] = second


@njit(**_INLINE)
def _chi_square(d, normal, uniform):
    """Marsaglia and Tsang's candidate for chi^2 of 2 d + 2/3 degrees of freedom; negative if it is rejected."""
    V = 1 + normal / sqrt(9 * d)
    V = V * V * V
    log_V = _log(V if V > 0 else 1.0)
    accepted = (V > 0) & (_log(uniform) < 0.5 * normal * normal + d - d * V + d * log_V)
    return 2 * d * V if accepted else -1.0


@njit(**_ORDERED)
def chi_squares(stream, degrees, normal, out):
    """Fill out (lanes) with chi^2 of 0, 1, 2, … degrees of freedom; `normal` (lanes) are standard normal numbers.

    Exact, by Marsaglia and Tsang's rejection (ACM Trans. Math. Softw. 26, 363, 2000); `stream` provides the rest.
    """
    if degrees < 2:
        for lane in range(len(out)):
            out[lane] = degrees * normal[lane] * normal[lane]
        return
    d = degrees / 2 - 1 / 3
    for lane in range(len(out)):
        out[lane] = _chi_square(d, normal[lane], _uniform(_next(stream, lane)))
    for lane in range(len(out)):
        while out[lane] < 0:
            again, _ = _normal_pair(stream, lane)
            out[lane] = _chi_square(d, again, _uniform(_next(stream, lane)))


# ---------------------------------------------------------------------------------------------------------------------
# The microscopic dynamics.


@njit(**_OPTIONS)
def _dot(w, xi):
    """w.xi"""
    field = 0.0
    for j in range(len(w)):
        field += w[j] * xi[j]
    return field


@njit(**_OPTIONS)
def _move_and_dot(w, keep, change, last_xi, xi):
    """w <- keep w + change last_xi in place, and w.xi with the new w: one pass over w instead of two."""
    field = 0.0
    for j in range(len(w)):
        w_j = keep * w[j] + change * last_xi[j]
        w[j] = w_j
        field += w_j * xi[j]
    return field


@njit(**_OPTIONS)
def network_steps(W, v, W_teacher, inputs, noise, v_teacher, b, fixed_feedback, rates, codes, table):
    """Online SGD on the examples `inputs`, one step each (docs/theory.md, section 1); W and v change in place.

    W (K, N), v (K, O), W_teacher (M, N); inputs (S, N) and noise (S, O) are standard normal, further columns are not
    used; v_teacher (M, O), b (K, O), `fixed_feedback`, rates, codes and table as in `right_hand_side`. Returns the
    number of steps taken: less than S if the next one has a field or an error beyond `DIVERGED`, in which case W and v
    are those before that step.

    The change of W in a step is made in the next one, in the same pass over W that computes the new fields.
    """
    (K, N), M, O, S = W.shape, W_teacher.shape[0], v.shape[1], len(inputs)
    eta, eta_v, sigma = rates[0], rates[1], rates[2]
    keep, keep_v = 1 - rates[3] / N, 1 - rates[4] / N
    z, g, g_prime = np.empty(K + M), np.empty(K + M), np.empty(K + M)
    change, Delta = np.empty(K), np.empty(O)
    for step in range(S):
        xi = inputs[step]
        for i in range(K):
            z[i] = _dot(W[i], xi) if step == 0 else _move_and_dot(W[i], keep, change[i], inputs[step - 1], xi)
        for n in range(M):
            z[K + n] = _dot(W_teacher[n], xi)
        activate(codes, K, z, g, g_prime)
        for o in range(O):
            Delta[o] = -sigma * noise[step, o]
            for i in range(K):
                Delta[o] += v[i, o] * g[i]
            for n in range(M):
                Delta[o] -= v_teacher[n, o] * g[K + n]
        if not (_all_small(z) and _all_small(Delta)):
            return step
        for i in range(K):
            error = 0.0
            for o in range(O):
                error += (b[i, o] if fixed_feedback else v[i, o]) * Delta[o]
            change[i] = -eta / N * g_prime[i] * error
        for i in range(K):
            for o in range(O):
                v[i, o] = keep_v * v[i, o] - eta_v / N * Delta[o] * g[i]
    for i in range(K):
        _move_and_dot(W[i], keep, change[i], inputs[S - 1], inputs[S - 1])
    return S


@njit(**_OPTIONS)
def _all_small(values):
    """Whether no value is beyond DIVERGED or NaN."""
    small = True
    for value in values:
        small &= abs(value) <= DIVERGED
    return small


@njit(**_OPTIONS)
def network_run(W, v, W_teacher, streams, steps, v_teacher, b, fixed_feedback, rates, codes, table):
    """`network_steps` on `steps` fresh examples, drawn from streams = (that of the inputs, that of the noise).

    Every example takes the same whole number of draws from each lane, so that a run does not depend on how its steps
    are divided into calls. Examples are drawn a few at a time, to be used while they are in the cache.
    """
    N, O = W.shape[1], v.shape[1]
    lanes = streams[0].shape[1]
    rows = (N + 2 * lanes - 1) // (2 * lanes) * 2
    block = min(steps, max(4, _CACHED // N))
    xi, zeta = np.empty((block, rows * lanes)), np.zeros((block, (O + 1) // 2 * 2))
    taken = 0
    while taken < steps:
        size = min(block, steps - taken)
        normals(streams[0], xi[:size].reshape(size * rows, lanes))
        if rates[2] > 0:
            normals(streams[1], zeta[:size].reshape(-1, 1))
        done = network_steps(W, v, W_teacher, xi[:size], zeta[:size], v_teacher, b, fixed_feedback, rates, codes, table)
        taken += done
        if done < size:
            break
    return taken


# ---------------------------------------------------------------------------------------------------------------------
# The reduced dynamics: the same process in coordinates (docs/theory.md, section 4).


@njit(**_ORDERED)
def _project_out(S, g, M, tail, keep, x, length):
    """x = S g, length = sqrt(|g|^2 + tail), and S <- the triangular factor of keep^2 S (1 - g g^T/length^2) S^T.

    The g meant here are rows M … M+K-1 of g, the components of the example along the frame of S; tail (runs) is the
    squared length of what lies outside of the frame. The factor is keep S G, with the triangular G that has
    G G^T = 1 - g g^T/length^2:
    G_jj = sqrt(tau_j/tau_(j-1)), G_ij = -g_i g_j/sqrt(tau_j tau_(j-1)) (i > j), tau_j = tail + sum_(l>j) g_l^2.
    """
    K, runs = x.shape
    diagonal, below, tau = np.empty((K, runs)), np.empty((K, runs)), np.empty(runs)
    for r in range(runs):
        tau[r] = tail[r]
    for j in range(K - 1, -1, -1):
        for r in range(runs):
            tau_j = tau[r]
            tau[r] = tau_j + g[M + j, r] * g[M + j, r]
            diagonal[j, r] = keep * sqrt(tau_j / tau[r]) if tau[r] > 0 else 0.0
            below[j, r] = g[M + j, r] * diagonal[j, r] / tau_j if tau_j > 0 else 0.0
    for r in range(runs):
        length[r] = sqrt(tau[r])
    for i in range(K):
        for r in range(runs):
            x[i, r] = 0.0
        for j in range(i, -1, -1):
            for r in range(runs):
                S_ij = S[i, j, r]
                S[i, j, r] = S_ij * diagonal[j, r] - x[i, r] * below[j, r]
                x[i, r] += S_ij * g[M + j, r]


@njit(**_ORDERED)
def _add_square(S, p):
    """S becomes the triangular factor of S S^T + p p^T, and p is used up; S (K, K, runs), p (K, runs).

    By rotations, which need no positive pivot. Rows of S and p that are equal stay equal, bit by bit: for these the
    rotation gives the new p as a difference of the same two products, exactly zero.
    """
    K, runs = p.shape
    pivot, along, scale = np.empty(runs), np.empty(runs), np.empty(runs)
    for j in range(K):
        for r in range(runs):
            square = S[j, j, r] * S[j, j, r] + p[j, r] * p[j, r]
            pivot[r] = S[j, j, r] if square > 0 else 1.0
            along[r] = p[j, r] if square > 0 else 0.0
            scale[r] = 1 / sqrt(square) if square > 0 else 1.0
        for i in range(j, K):
            for r in range(runs):
                S_ij = S[i, j, r]
                S[i, j, r] = (pivot[r] * S_ij + along[r] * p[i, r]) * scale[r]
                p[i, r] = (pivot[r] * p[i, r] - along[r] * S_ij) * scale[r]


@njit(**_ORDERED)
def reduced_steps(A, S, v, L, alive, taken, N, g, chi2, v_teacher, b, fixed_feedback, rates, codes, table):
    """Online SGD in coordinates, many runs at once (docs/theory.md, section 4); A, S, v, alive, taken change in place.

    A (K, M, runs) and S (K, K, runs), lower triangular, are the coordinates of the students along and across the
    teacher's space, L (M, M), lower triangular, those of the teacher; v (K, O, runs). The rows of g (steps, rows, runs)
    are standard normal: the K+M components of the example and, if sigma > 0, the O of the noise; further ones are not
    used. chi2 (steps, runs) is chi^2 of N - K - M degrees of freedom. `alive` (runs) is 1, and `taken` counts the
    steps, until a field or an error of the run is beyond `DIVERGED`; from there on it is 0 and the run without meaning.
    """
    (K, M, runs), O, P = A.shape, v.shape[1], A.shape[0] + A.shape[1]
    eta, eta_v, sigma = rates[0], rates[1], rates[2]
    keep, keep_v = 1 - rates[3] / N, 1 - rates[4] / N
    z, g_z, g_prime = np.empty((P, runs)), np.empty((P, runs)), np.empty((P, runs))
    Delta, error, change = np.empty((O, runs)), np.empty(runs), np.empty(runs)
    p, length = np.empty((K, runs)), np.empty(runs)
    for step in range(len(chi2)):
        _project_out(S, g[step], M, chi2[step], keep, p, length)
        for i in range(K):
            for r in range(runs):
                z[i, r] = p[i, r]
            for j in range(M):
                for r in range(runs):
                    z[i, r] += A[i, j, r] * g[step, j, r]
        for n in range(M):
            for r in range(runs):
                z[K + n, r] = 0.0
            for j in range(n + 1):
                for r in range(runs):
                    z[K + n, r] += L[n, j] * g[step, j, r]
        activate(codes, K * runs, z.ravel(), g_z.ravel(), g_prime.ravel())
        for o in range(O):
            for r in range(runs):
                Delta[o, r] = 0.0
            if sigma > 0:
                for r in range(runs):
                    Delta[o, r] = -sigma * g[step, P + o, r]
            for i in range(K):
                for r in range(runs):
                    Delta[o, r] += v[i, o, r] * g_z[i, r]
            for n in range(M):
                for r in range(runs):
                    Delta[o, r] -= v_teacher[n, o] * g_z[K + n, r]
            for r in range(runs):
                alive[r] = alive[r] if abs(Delta[o, r]) <= DIVERGED else 0.0
        for a in range(P):
            for r in range(runs):
                alive[r] = alive[r] if abs(z[a, r]) <= DIVERGED else 0.0
        for r in range(runs):
            taken[r] += alive[r]
        for i in range(K):
            for r in range(runs):
                error[r] = 0.0
            for o in range(O):
                for r in range(runs):
                    error[r] += (b[i, o] if fixed_feedback else v[i, o, r]) * Delta[o, r]
            for r in range(runs):
                change[r] = -eta / N * g_prime[i, r] * error[r]
                p[i, r] = change[r] * length[r] + (keep * p[i, r] / length[r] if length[r] > 0 else 0.0)
            for j in range(M):
                for r in range(runs):
                    A[i, j, r] = keep * A[i, j, r] + change[r] * g[step, j, r]
        for i in range(K):
            for o in range(O):
                for r in range(runs):
                    v[i, o, r] = keep_v * v[i, o, r] - eta_v / N * Delta[o, r] * g_z[i, r]
        _add_square(S, p)


@njit(**_ORDERED)
def reduced_overlaps(A, S, L):
    """R = A L^T (runs, K, M) and Q = A A^T + S S^T (runs, K, K); A (K, M, runs), S (K, K, runs), L (M, M)."""
    K, M, runs = A.shape
    R, Q = np.zeros((runs, K, M)), np.zeros((runs, K, K))
    for r in range(runs):
        for i in range(K):
            for n in range(M):
                for j in range(n + 1):
                    R[r, i, n] += A[i, j, r] * L[n, j]
            for k in range(K):
                for j in range(M):
                    Q[r, i, k] += A[i, j, r] * A[k, j, r]
                for j in range(K):
                    Q[r, i, k] += S[i, j, r] * S[k, j, r]
    return R, Q


@njit(**_ORDERED)
def reduced_run(A, S, v, L, alive, taken, N, streams, steps, v_teacher, b, fixed_feedback, rates, codes, table):
    """`reduced_steps` for `steps` steps with random numbers from streams = (normals, chi^2), of a lane a run.

    Every step takes the same number of normals from each lane, so that a run depends neither on how its steps are
    divided into calls nor on the runs beside it.
    """
    P, runs = A.shape[0] + A.shape[1], A.shape[2]
    last = P + v.shape[1] if rates[2] > 0 else P  # the row of the normal numbers that chi^2 needs
    rows = (last + 2) // 2 * 2
    block = min(steps, max(1, _CACHED // (rows * runs)))
    draws, chi2 = np.empty((block, rows, runs)), np.empty((block, runs))
    for first in range(0, steps, block):
        size = min(block, steps - first)
        normals(streams[0], draws[:size].reshape(size * rows, runs))
        for step in range(size):
            chi_squares(streams[1], N - P, draws[step, last], chi2[step])
        reduced_steps(
            A, S, v, L, alive, taken, N, draws[:size], chi2[:size], v_teacher, b, fixed_feedback, rates, codes, table
        )
