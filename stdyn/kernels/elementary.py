"""Elementary functions without branches, so that loops over them vectorise; each is exact to rounding."""

from math import log, pi, sqrt

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stdyn.kernels.compile import compiled, inlined

ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0


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


@compiled
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


_LOG = (
    0.666666666666667,
    0.39999999999899505,
    0.28571428625975487,
    0.2222221113479508,
    0.18182889125261723,
    0.15331721600556042,
    0.14616449685043406,
)  # (log((1+s)/(1-s))/s - 2)/s^2 in s^2 < (3 - sqrt 8)^2


@intrinsic
def bits_of(_, x):
    """The 64 bits of a float as an unsigned integer."""

    def generate(_, builder, __, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def from_bits(_, bits):
    """The float that has these 64 bits."""

    def generate(_, builder, __, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@inlined
def polynomial(p, z):
    """p[0] + p[1] z + p[2] z^2 + …"""
    value = p[len(p) - 1]
    for power in range(len(p) - 2, -1, -1):
        value = value * z + p[power]
    return value


@inlined
def fast_exp(x):
    """exp(x) for -700 < x <= 0, without a branch."""
    shifted = x * (1 / log(2)) + 1.5 * 2.0**52  # the last bits of the sum are those of the nearest integer n
    n = shifted - 1.5 * 2.0**52
    remainder = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10  # log 2 in two parts
    return polynomial(_EXP, remainder) * from_bits((bits_of(shifted) << np.uint64(52)) + ONE)  # times 2^n


@inlined
def erf_unit(x):
    """erf(x/sqrt 2) and its derivative sqrt(2/pi) exp(-x^2/2), to 4e-16; no branch, so that a loop vectorises."""
    a = min(abs(x), 9.0)  # from 8.3 on the error function is 1 to rounding, and its derivative below 1e-15
    y = a * a
    gauss = fast_exp(-0.5 * y)
    far = 1 - gauss * polynomial(_ERFC, (a - 4) / (a + 4))
    value = far if y > 2 else a * polynomial(_ERF, y)
    return value if x >= 0 else -value, sqrt(2 / pi) * gauss


@inlined
def tanh_unit(x):
    """tanh(x) and its derivative, to 4e-16; no branch."""
    e = fast_exp(-2 * min(abs(x), 20.0))  # from 19.1 on tanh is 1 to rounding
    value = (1 - e) / (1 + e)
    return value if x >= 0 else -value, 4 * e / ((1 + e) * (1 + e))


@inlined
def fast_log(x):
    """log(x) for a positive, normal x, without a branch; to 1e-15 of the larger of its value and 1."""
    bits = bits_of(x)
    # 2^52 + (exponent + 1023), whose bits are simply put together, is turned into the exponent by a subtraction
    exponent = from_bits((bits >> np.uint64(52)) | np.uint64(0x4330000000000000)) - (2.0**52 + 1023)
    m = from_bits((bits & np.uint64(0x000FFFFFFFFFFFFF)) | ONE)  # x = m 2^exponent, 1 <= m < 2
    large = m > sqrt(2.0)
    m = 0.5 * m if large else m
    exponent = exponent + 1 if large else exponent
    s = (m - 1) / (m + 1)
    return exponent * log(2) + (2 * s + s * (s * s) * polynomial(_LOG, s * s))
