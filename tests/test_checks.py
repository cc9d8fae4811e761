"""What is taken as a number, and overlaps in a coarser precision than float64."""

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import pytest

from stdyn import InputError, OrderParameters, Problem, initial
from stdyn.checks import frozen_array, integer, number
from stdyn.model.state import ROUNDING


@pytest.mark.parametrize(
    "value",
    [
        np.float32(0.1), np.float16(0.1), np.float64(0.1), np.array(0.1), np.longdouble(0.1), np.ma.array(0.1),
        Fraction(1, 10), Decimal("0.1"),
    ],
)  # fmt: skip
def test_real_scalars_are_numbers(value):
    """Of NumPy, also arrays without axes, and of the standard library; nothing overflows in the comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert number("eta", value) == float(value)
        assert Problem(initial.prepared(1, 1), eta=value, eta_v=value).eta == float(value)
    assert integer("N", np.array(3), 1) == integer("N", np.uint8(3), 1) == integer("N", np.float32(3), 1) == 3
    assert integer("N", Fraction(6, 2), 1) == integer("N", Decimal("3.0"), 1) == integer("N", np.ma.array(3), 1) == 3


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "1e400", "0.5"])
def test_decimals_that_are_no_integers_are_refused(value):
    """By the name, whatever int and float make of them."""
    with pytest.raises(InputError, match=r"^N must be"):
        integer("N", Decimal(value), 1)
    if value != "0.5":
        with pytest.raises(InputError, match=r"^eta must be finite"):
            number("eta", Decimal(value))


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.0, 3], np.array([1, 2, 3]), np.array([1, 2.0, np.int64(3)], dtype=object), pandas.Series([1, 2, 3]),
        pandas.Series([1, 2, 3], dtype="Int64"), (np.float32(1), np.array(2), 3), np.array([1, 2, 3], "f2"),
        np.ma.array([1, 2, 3]), np.ma.array([1, 2, 3], mask=False), [Fraction(1), Decimal(2), 3],
    ],
)  # fmt: skip
def test_numbers_of_any_kind_make_an_array(value):
    """Read-only floats, and a copy."""
    array = frozen_array("v", value, (1,))
    assert (array.tolist(), array.dtype, array.flags.writeable) == ([1.0, 2.0, 3.0], float, False)


@pytest.mark.parametrize(
    "value",
    [
        pandas.Series(pandas.to_datetime(["2020-01-01"])), pandas.Series(["1"]), pandas.Series([True]),
        pandas.Series([1, None], dtype="Int64"), pandas.Series(["1"], dtype="category"), [pandas.Timestamp(0)],
        pandas.Series([True, None], dtype="boolean"), pandas.Series([pandas.Timedelta(1)]),
    ],
)  # fmt: skip
def test_other_columns_of_pandas_do_not(value):
    """Dates, texts, truth values and what is missing."""
    with pytest.raises(InputError, match=r"^v must be"):
        frozen_array("v", value, (1,))


def overlaps_of(dtype, seed, K=3, M=2, N=400):
    """Of the same vectors, computed in that precision by sums in two orders: not exactly symmetric; rank-deficient."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((K + M, N)) / np.sqrt(N)
    W[1] = W[0]  # so that the smallest eigenvalue is zero
    W = W.astype(dtype)
    C = np.array([[sum(x[::-1] * y[::-1]) if i < j else sum(x * y) for j, y in enumerate(W)] for i, x in enumerate(W)])
    assert C.dtype == dtype
    return C[:K, K:], C[:K, :K], C[K:, K:]


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_overlaps_are_taken_to_the_precision_they_are_given_in(dtype):
    """What they become is symmetric, has no negative eigenvalue, and is within that precision of what was given."""
    for seed in range(20):
        R, Q, T = overlaps_of(dtype, seed, N=400 if dtype == "f4" else 8)
        s = OrderParameters(R, Q, T, np.ones(3), np.ones(2))
        assert np.array_equal(s.Q, s.Q.T)
        eigenvalues = np.linalg.eigvalsh(s.C)
        assert eigenvalues[0] >= -ROUNDING * eigenvalues[-1]
        room = 40 * np.finfo(dtype).eps * np.abs(Q).max()
        assert max(np.abs(s.Q - Q).max(), np.abs(s.T - T).max()) <= room
        np.testing.assert_array_equal(s.R, R)


def test_the_same_numbers_in_float64_are_held_to_float64():
    """And so is what is further off than float32 has it; both numbers of the message can be told apart."""
    Q = np.array([[1, 0.5], [np.nextafter(np.float32(0.5), np.float32(1)), 1]])
    rest = [[0.0], [0.0]], [[1.0]], [1, 1], [1]
    OrderParameters(rest[0], Q.astype("f4"), *rest[1:])
    with pytest.raises(InputError, match="Q must be symmetric") as error:
        OrderParameters(rest[0], Q, *rest[1:])
    assert str(Q[0, 1]) in str(error.value)
    assert str(Q[1, 0]) in str(error.value)
    with pytest.raises(InputError, match="no negative eigenvalue"):
        OrderParameters([[1.0 + 1e-3], [0]], np.eye(2, dtype="f4"), *rest[1:])
    with pytest.raises(InputError, match="Q must be symmetric"):
        OrderParameters(rest[0], np.array([[1, 0.5], [0.5001, 1]], "f4"), *rest[1:])


@pytest.mark.parametrize("value", [np.timedelta64(5, "Y"), np.timedelta64(1, "s"), np.timedelta64("NaT", "s")])
def test_times_are_no_numbers(value):
    """Though NumPy has them among its integers."""
    for check in (number, integer):
        with pytest.raises(InputError, match=r"^x must be"):
            check("x", value, 0)


@pytest.mark.parametrize("value", [b"12", bytearray(b"12"), memoryview(b"12")])
def test_bytes_are_no_numbers(value):
    """Though NumPy takes some of them for small integers."""
    with pytest.raises(InputError, match=r"^v must be an array of numbers"):
        frozen_array("v", value, (1,))
