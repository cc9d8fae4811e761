"""The fast random numbers: the bits are NumPy's SFC64, the normal and chi^2 numbers have their law."""

import re

import numpy as np
import pytest
from numba import njit
from scipy.stats import binom, chi2, kstest, norm

from stdyn import InputError
from stdyn.checks import check_normals
from stdyn.kernels import random as random_kernels
from stdyn.simulation import streams


@njit
def _raw(stream, out):
    """64-bit integers of every lane, (numbers, lanes)."""
    for row in range(out.shape[0]):
        for lane in range(out.shape[1]):
            out[row, lane] = random_kernels._next(stream, lane)


def raw(stream, numbers):
    out = np.empty((numbers, stream.shape[1]), dtype=np.uint64)
    _raw(stream, out)
    return out


def normals(seed, rows, lanes):
    out = np.empty((rows, lanes))
    random_kernels.normals(streams.stream(np.random.default_rng(seed), lanes), out)
    return out


# ---------------------------------------------------------------------------------------------------------------------
# Bits


def test_one_lane_is_the_generator_of_numpy():
    """Seeded by the same SeedSequence, whatever the generator's own bits are."""
    stream = streams.stream(np.random.default_rng(np.random.SeedSequence(5)))
    expected = np.random.SFC64(np.random.SeedSequence(5)).random_raw(1000)
    np.testing.assert_array_equal(raw(stream, 1000)[:, 0], expected)


def test_every_lane_is_a_generator_of_numpy():
    """With the seed words of the lane as its state, mixed by 12 draws."""
    words = np.random.SeedSequence(7).generate_state(15, np.uint64).reshape(5, 3)
    found = raw(streams.stream(np.random.default_rng(7), 5), 100)
    for lane in range(5):
        bits = np.random.SFC64()
        bits.state = {**bits.state, "state": {"state": np.append(words[lane], np.uint64(1))}}
        bits.random_raw(12)
        np.testing.assert_array_equal(found[:, lane], bits.random_raw(100))


def test_normals_are_box_and_mullers_of_the_bits():
    """Against NumPy's functions at long double precision, to 4e-15 of the largest that can come."""
    bits = raw(streams.stream(np.random.default_rng(3), 8), 20_000)
    u, angle = bits[0::2], bits[1::2]
    radius = np.sqrt(-2 * np.log((u.astype(np.longdouble) + np.longdouble(0.5)) / np.longdouble(2) ** 64))
    t = (angle >> np.uint64(12)).astype(np.longdouble) / np.longdouble(2) ** 52 - np.longdouble(0.5)
    quarter = np.longdouble(np.pi) / 2
    sine, cosine = np.sin(quarter * t), np.cos(quarter * t)
    swapped, sign = (angle & np.uint64(1)) == 1, np.where((angle & np.uint64(2)) == 0, 1, -1)
    found = normals(3, 20_000, 8)
    np.testing.assert_allclose(found[0::2], sign * radius * np.where(swapped, sine, cosine), atol=4e-15, rtol=0)
    np.testing.assert_allclose(found[1::2], sign * radius * np.where(swapped, cosine, sine), atol=4e-15, rtol=0)


def test_the_most_extreme_bits_are_no_trouble():
    """All zero bits give the largest number, 9.4; all ones give a radius of 0. None is NaN or infinite."""
    for a in (0, 2**64 - 1):
        stream = np.array([[a], [0], [0], [0]], dtype=np.uint64)  # the first output is a + b + counter = a
        out = np.empty((2, 1))
        random_kernels.normals(stream, out)
        assert np.isfinite(out).all()
        expected = np.sqrt(-2 * np.log(0.5 * 2.0**-64)) if a == 0 else 0.0
        np.testing.assert_allclose(np.hypot(*out[:, 0]), expected, rtol=1e-14)


# ---------------------------------------------------------------------------------------------------------------------
# Laws. Each test has a false-alarm probability of 1e-6 or less a statistic, by the normal law of sums (|z| < 5) or KS.

MANY = 2**22


@pytest.fixture(scope="module")
def sample():
    return normals(1, MANY // 32, 32)


def test_moments(sample):
    """<z^k> up to k = 8 within 5 standard errors, each known from the moments of the normal law."""
    moment = [1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395, 0, 135135, 0, 2027025]
    for k in range(1, 9):
        error = np.sqrt((moment[2 * k] - moment[k] ** 2) / sample.size)
        assert abs(np.mean(sample**k) - moment[k]) < 5 * error


def test_kolmogorov_smirnov(sample):
    """All of them, and the two of a pair apart; the sum of 12 uniform numbers, nearly normal, fails."""
    for values in (sample, sample[0::2], sample[1::2]):
        assert kstest(values.ravel(), "norm").pvalue > 1e-6
    false = np.random.default_rng(1).random((12, MANY // 4)).sum(axis=0) - 6
    assert kstest(false, "norm").pvalue < 1e-6


@pytest.mark.parametrize("beyond", [2, 3, 4, 4.5])
def test_tails(sample, beyond):
    """The number of those beyond, on either side, is binomial: both tails together 2e-6."""
    for values in (sample, -sample):
        count, p = int((values > beyond).sum()), norm.sf(beyond)
        assert binom.cdf(count, sample.size, p) > 5e-7
        assert binom.sf(count - 1, sample.size, p) > 5e-7


def test_successive_numbers_and_lanes_are_independent(sample):
    """Correlations of z and of z^2 between the two of a pair, at lags 1 … 8 in a lane, and between lanes."""
    for values in (sample, (sample**2 - 1) / np.sqrt(2)):
        pairs = [(values[0::2], values[1::2])]
        pairs += [(values[:-lag], values[lag:]) for lag in range(1, 9)]
        pairs += [(values[:, lane], values[:, (lane + step) % 32]) for lane in range(32) for step in (1, 16)]
        for first, second in pairs:
            assert abs(np.mean(first * second)) * np.sqrt(first.size) < 5


def test_streams_of_different_runs_are_independent():
    """200 spawned streams: no two correlate, and none begins like another."""
    runs = np.random.default_rng(4).spawn(200)
    values = np.hstack([_first(run) for run in runs])
    correlation = np.corrcoef(values.T)[np.triu_indices(200, 1)]
    assert np.abs(correlation).max() * np.sqrt(len(values)) < 6.2  # 19900 pairs at 1e-5 in all
    assert len(np.unique(values[0])) == 200


def _first(generator):
    out = np.empty((2000, 1))
    random_kernels.normals(streams.stream(generator), out)
    return out


# ---------------------------------------------------------------------------------------------------------------------
# chi^2


def chi_squares(degrees, rows, lanes=32, seed=1):
    candidates, out = normals(seed, rows, lanes), np.empty((rows, lanes))
    stream = streams.stream(np.random.default_rng(seed + 100), lanes)
    for row in range(rows):
        random_kernels.chi_squares(stream, degrees, candidates[row], out[row])
    return out


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 10, 490, 999_990, 10**12])
def test_chi_squares_have_their_law(degrees):
    """Kolmogorov-Smirnov of 160 000, false alarm 1e-6; a relative error of 3 % in the spread fails."""
    values = chi_squares(degrees, 5000).ravel()
    assert (values >= 0).all()
    assert kstest(values, chi2(degrees).cdf).pvalue > 1e-6
    assert kstest(degrees + 1.03 * (values - degrees), chi2(degrees).cdf).pvalue < 1e-6
    if degrees < 20:
        assert kstest(values, chi2(degrees + 1).cdf).pvalue < 1e-6


def test_chi_square_of_no_degrees_is_zero():
    """N = K + M: nothing is left of the example outside of the frame."""
    np.testing.assert_array_equal(chi_squares(0, 10), 0)


def test_a_lane_does_not_depend_on_the_others():
    """Bit by bit, the rejections included."""
    states = streams.stream(np.random.default_rng(1), 8)
    alone, together = states[:, 3:4].copy(), states.copy()
    candidates = normals(2, 3000, 8)
    for row in candidates:
        out, single = np.empty(8), np.empty(1)
        random_kernels.chi_squares(together, 2, row, out)
        random_kernels.chi_squares(alone, 2, row[3:4].copy(), single)
        assert single[0] == out[3]
    np.testing.assert_array_equal(alone[:, 0], together[:, 3])


# ---------------------------------------------------------------------------------------------------------------------


def test_bad_arguments_are_named():
    """A source of normals that is not there; a generator that cannot be spawned from."""
    with pytest.raises(InputError, match=re.escape("normals must be one of fast, numpy, but is 'slow'")):
        check_normals("slow")

    class Words(np.random.bit_generator.ISeedSequence):
        def generate_state(self, n_words, dtype=np.uint32):
            return np.ones(n_words, dtype)

    with pytest.raises(InputError, match="rng must be made from a seed or a SeedSequence"):
        streams.stream(np.random.Generator(np.random.PCG64(Words())))
