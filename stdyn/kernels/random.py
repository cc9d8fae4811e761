"""Random numbers: many generators side by side ("lanes"), so that the compiler can use SIMD.

Each lane is the SFC64 of NumPy (C. Doty-Humphrey's, PractRand); a stream is its state, (4, lanes): a, b, c and the
counter.
"""

from math import sqrt

import numpy as np

from stdyn.kernels.compile import inlined, ordered
from stdyn.kernels.elementary import ONE, bits_of, fast_log, from_bits, polynomial

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


@inlined
def _next(stream, lane):
    """64 random bits of one lane."""
    a, b, c = stream[0, lane], stream[1, lane], stream[2, lane]
    bits = a + b + stream[3, lane]
    stream[3, lane] += np.uint64(1)
    stream[0, lane] = b ^ (b >> np.uint64(11))
    stream[1, lane] = c + (c << np.uint64(3))
    stream[2, lane] = ((c << np.uint64(24)) | (c >> np.uint64(40))) + bits
    return bits


@inlined
def _uniform(bits):
    """A number in (0, 1]: (bits + 1/2) / 2^64."""
    return (np.float64(bits) + 0.5) * 2.0**-64


@inlined
def _normal_pair(stream, lane):
    """Two independent standard normal numbers, by Box and Muller's transform: radius sqrt(-2 log U), uniform angle."""
    radius = sqrt(-2 * fast_log(_uniform(_next(stream, lane))))
    bits = _next(stream, lane)
    t = from_bits((bits >> np.uint64(12)) | ONE) - 1.5  # uniform in [-1/2, 1/2): an angle pi t/2 in a quarter circle
    sine, cosine = t * polynomial(_SIN, t * t), polynomial(_COS, t * t)
    swapped = (bits & np.uint64(1)) != np.uint64(0)  # two more bits choose the quarter
    radius = from_bits(bits_of(radius) | ((bits & np.uint64(2)) << np.uint64(62)))
    return radius * (sine if swapped else cosine), radius * (cosine if swapped else sine)


@ordered
def normals(stream, out):
    """Fill out (rows, lanes), an even number of rows, with standard normal numbers; the stream moves on."""
    for row in range(0, out.shape[0], 2):
        for lane in range(out.shape[1]):
            first, second = _normal_pair(stream, lane)
            out[row, lane] = first
            out[row + 1, lane] = second


@ordered
def scaled_normals(stream, scales, out):
    """Fill the rows of out (rows, columns), an even number of draws of all lanes; the first columns are scaled."""
    for row in range(len(out)):
        normals(stream, out[row].reshape(-1, stream.shape[1]))
        for column in range(len(scales)):
            out[row, column] *= scales[column]


@inlined
def _chi_square(d, normal, uniform):
    """Marsaglia and Tsang's candidate for chi^2 of 2 d + 2/3 degrees of freedom; negative if it is rejected."""
    V = 1 + normal / sqrt(9 * d)
    V = V * V * V
    log_V = fast_log(V if V > 0 else 1.0)
    accepted = (V > 0) & (fast_log(uniform) < 0.5 * normal * normal + d - d * V + d * log_V)
    return 2 * d * V if accepted else -1.0


@ordered
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
