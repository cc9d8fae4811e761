"""Gaussian averages of ReLU, g(x) = max(0, x): references without the quadrature of the kernels, identities, limits."""

from itertools import combinations

import numpy as np
import pytest
from conftest import random_overlaps
from scipy.integrate import quad

from stdyn import averages
from stdyn.kernels.averages import relu as relu_kernels

NEAR = [1e-2, 1e-4, 1e-6, 1e-8]


def gram(W):
    """W W^T in extended precision, row by row alike, then rounded: equal rows have bitwise equal overlaps."""
    W = np.asarray(W, dtype=np.longdouble)
    return np.array([[np.sum(x * y) for y in W] for x in W], dtype=float)


def rhs_averages(C, u, b, sigma=0.0):
    """G, H, h by the kernels."""
    beta = b @ u.T
    G, H = relu_kernels._G_relu(C, C, beta), relu_kernels._H_relu(C, beta, b @ b.T, sigma)
    return G, H, relu_kernels._h_relu(C, u, len(b))


def edge(R, f, g):
    """<theta(h) theta(k) | z_f = z_g = 0> of the other two of four fields of correlation R."""
    h, k = (x for x in range(4) if x not in (f, g))
    B, A = R[np.ix_([h, k], [f, g])], R[np.ix_([f, g], [f, g])]
    S = R[np.ix_([h, k], [h, k])] - B @ np.linalg.solve(A, B.T)
    return 0.25 + np.arctan2(S[0, 1], np.sqrt(max(0.0, S[0, 0] * S[1, 1] - S[0, 1] ** 2))) / (2 * np.pi)


def I4_by_plackett(C):
    """I4(0, 1, 2, 3) = C_cd P(all > 0) + six terms of Stein's lemma; P by Plackett, along (1 - t) 1 + t R."""
    scale = np.sqrt(np.diag(C))
    R = C / np.outer(scale, scale)
    pairs = list(combinations(range(4), 2))

    def slope(t):
        Rt = t * R + (1 - t) * np.eye(4)
        return sum(R[f, g] / np.sqrt(1 - Rt[f, g] ** 2) * edge(Rt, f, g) for f, g in pairs) / (2 * np.pi)

    total = R[2, 3] * (1 / 16 + quad(slope, 0, 1, epsabs=1e-14, epsrel=1e-13, limit=200)[0])
    for f, g in pairs:
        r, (cf, cg), (df, dg) = R[f, g], R[2, [f, g]], R[3, [f, g]]
        total += (cf * dg + cg * df - r * (cf * df + cg * dg)) / np.sqrt(1 - r * r) * edge(R, f, g) / (2 * np.pi)
    return scale[2] * scale[3] * total


def test_relu_averages_equal_the_reference(gaussian_averages):
    """Within 5 standard errors of randomized quasi-Monte-Carlo; a covariance wrong by 1 % is seen."""

    def inside(factor):
        for case in gaussian_averages:
            C, expected, error = factor * np.array(case["cov"]), case["relu"], case["relu_standard_error"]
            yield abs(averages.I2(C, "relu")[0, 1] - expected["I2_ab"]) < 5 * error["I2_ab"]
            yield abs(averages.I3(C, "relu")[0, 1, 2] - expected["I3_abc"]) < 5 * error["I3_abc"]
            yield abs(averages.I4(C, "relu")[0, 1, 2, 3] - expected["I4_abcd"]) < 5 * error["I4_abcd"]
            yield abs(averages.J2(C, "relu")[0, 1] - expected["J2_ab"]) < 5 * error["J2_ab"]

    assert all(inside(1.0))
    assert not any(list(inside(1.01))[:3])


def test_I4_equals_placketts_integral():
    """To 1e-13 on 40 covariances: another path, another integrand."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        C = gram(rng.normal(size=(4, 6)) / 2)
        assert averages.I4(C, "relu")[0, 1, 2, 3] == pytest.approx(I4_by_plackett(C), abs=1e-13, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "d"),
    [
        ("c=a", 1e-3), ("c=a", 1e-6), ("c=-a", 1e-6), ("c=a, d=b", 1e-6), ("d=c", 1e-5), ("d=-c", 1e-6),
        ("c=a+b", 1e-6), ("b=a", 1e-6), ("b=-a", 1e-4),
    ],
)  # fmt: skip
def test_I4_keeps_its_accuracy_where_fields_nearly_coincide(which, d):
    """To 1e-13 against Stein and Plackett in 40 digits; b = a against the covariance as it was rounded."""
    mp = pytest.importorskip("mpmath")
    rng = np.random.default_rng(2)
    W, noise = rng.integers(-64, 65, size=(4, 5)) / 64, d * rng.normal(size=(4, 5))
    pairs = {"c=a": [(2, 0, 1)], "c=-a": [(2, 0, -1)], "d=-c": [(3, 2, -1)], "d=c": [(3, 2, 1)], "b=a": [(1, 0, 1)],
             "b=-a": [(1, 0, -1)], "c=a, d=b": [(2, 0, 1), (3, 1, 1)], "c=a+b": []}[which]  # fmt: skip
    for f, g, sign in pairs:
        W[f] = sign * W[g] + noise[f]
    if which == "c=a+b":
        W[2] = W[0] + W[1] + noise[2]
    C = gram(W)
    with mp.workdps(40):
        expected = I4_in_many_digits(mp, C)
    assert averages.I4(C, "relu")[0, 1, 2, 3] == pytest.approx(float(expected), abs=1e-13)


def I4_in_many_digits(mp, C):
    """`I4_by_plackett` in mpmath, the double precision numbers C taken as exact."""
    C = mp.matrix(C.tolist())
    scale = [mp.sqrt(C[f, f]) for f in range(4)]
    R = mp.matrix(4, 4)
    for f in range(4):
        for g in range(4):
            R[f, g] = C[f, g] / scale[f] / scale[g]
    pairs = list(combinations(range(4), 2))

    def edge(t, f, g):
        h, k = (x for x in range(4) if x not in (f, g))
        r, det = t * R[f, g], 1 - (t * R[f, g]) ** 2

        def given(x, y):
            xf, xg, yf, yg = t * R[x, f], t * R[x, g], t * R[y, f], t * R[y, g]
            return (1 if x == y else t * R[x, y]) - (xf * yf + xg * yg - r * (xf * yg + xg * yf)) / det

        minor = given(h, h) * given(k, k) - given(h, k) ** 2
        return mp.mpf(1) / 4 + mp.atan2(given(h, k), mp.sqrt(abs(minor))) / (2 * mp.pi)

    def slope(s):  # t = 1 - exp(-s)
        t = 1 - mp.exp(-s)
        return mp.exp(-s) * sum(R[f, g] * edge(t, f, g) / mp.sqrt(1 - (t * R[f, g]) ** 2) for f, g in pairs)

    ends = [0, 1, 3, 6, 9, 12, 16, 20, 24, 28, 32, 40, 60]
    total = R[2, 3] * (mp.mpf(1) / 16 + mp.quad(slope, ends, maxdegree=4) / (2 * mp.pi))
    for f, g in pairs:
        r, cf, cg, df, dg = R[f, g], R[2, f], R[2, g], R[3, f], R[3, g]
        total += (cf * dg + cg * df - r * (cf * df + cg * dg)) / mp.sqrt(1 - r * r) * edge(mp.mpf(1), f, g) / 2 / mp.pi
    return scale[2] * scale[3] * total


@pytest.mark.parametrize("lattice", [False, True])
def test_equal_fields_may_have_one_name_or_two(lattice):
    """A field and its copies give the same averages: the quadrature on a singular C against the elementary forms.

    Also for small integer vectors: fields linearly dependent, opposite, orthogonal and zero.
    """
    rng = np.random.default_rng(3)
    for n in (1, 2, 3, 4, 6):
        W = rng.integers(-1, 2, size=(4, n)) if lattice else rng.normal(size=(4, n)) / np.sqrt(n)
        I4 = averages.I4(gram(np.concatenate([W, W, W])), "relu")
        one, two, three = slice(0, 4), slice(4, 8), slice(8, 12)
        expected = I4[one, one, one, one]
        for names in [(one, one, two, two), (one, one, two, three), (one, two, one, two), (one, two, three, three)]:
            np.testing.assert_allclose(I4[names], expected, atol=2e-14)


@pytest.mark.parametrize("d", [0.3, *NEAR])
def test_a_field_and_its_opposite_add_up(d):
    """theta(a) + theta(-a) = 1 and c = c_+ - (-c)_+, whatever is nearly degenerate: students, teachers or both."""
    W = np.random.default_rng(4).normal(size=(3, 4)) / 2
    noise = d * np.random.default_rng(5).normal(size=(3, 4))
    W = np.concatenate([W, W + noise])
    C = gram(np.concatenate([W, -W]))
    I4 = averages.I4(C, "relu")
    half = np.einsum("bbcd->bcd", I4)
    error = 1e-14 + 1e-15 / d  # the first two fields may be parallel but for d
    np.testing.assert_allclose(
        (I4[:6] + I4[6:])[:, :, :6, :6], np.broadcast_to(half[:, :6, :6], (6, 12, 6, 6)), atol=error
    )
    signed = I4[..., :6, :6] - I4[..., 6:, :6] - I4[..., :6, 6:] + I4[..., 6:, 6:]  # <theta(a) theta(b) c d>
    np.testing.assert_allclose(np.einsum("aacd->acd", signed), np.broadcast_to(C[:6, :6] / 2, (12, 6, 6)), atol=1e-14)
    np.testing.assert_allclose(
        (signed[:6] + signed[6:])[:, :6], np.broadcast_to(C[:6, :6] / 2, (6, 6, 6, 6)), atol=error
    )


def test_I4_is_symmetric_and_homogeneous():
    """In the two derivatives, of order zero, and in the two functions, of order one."""
    C = random_overlaps(3, 2, seed=1).C
    s = np.random.default_rng(1).uniform(0.2, 3, 5)
    I4 = averages.I4(C, "relu")
    np.testing.assert_allclose(I4, I4.transpose(1, 0, 2, 3), atol=1e-15)
    np.testing.assert_allclose(I4, I4.transpose(0, 1, 3, 2), atol=1e-15)
    turned = averages.I4(C[::-1, ::-1], "relu")[::-1, ::-1, ::-1, ::-1]
    np.testing.assert_allclose(I4, turned, atol=1e-15)
    np.testing.assert_allclose(averages.I4(C * np.outer(s, s), "relu"), I4 * np.outer(s, s), atol=1e-14)


def test_fields_of_zero_variance_contribute_nothing():
    """g(0) = g'(0) = 0."""
    C = random_overlaps(2, 2, seed=1).C.copy()
    C[1] = C[:, 1] = 0
    for average, functions in [(averages.I2, (0, 1)), (averages.I3, (0, 1, 2)), (averages.J2, (0, 1)),
                               (averages.I4, (0, 1, 2, 3))]:  # fmt: skip
        value = average(C, "relu")
        assert np.isfinite(value).all()
        for axis in functions:
            assert (np.take(value, 1, axis) == 0).all()
    u, b = np.ones((4, 1)), np.ones((2, 1))
    G, H, h = rhs_averages(C, u, b, sigma=1.0)
    assert (G[1] == 0).all()
    assert (H[1] == 0).all()
    assert (h[1] == 0).all()


def test_leading_axes_are_carried_along():
    """A stack of covariances gives the stack of averages."""
    C = np.stack([random_overlaps(2, 2, seed=s).C for s in range(3)])
    for average in (averages.I2, averages.I3, averages.J2, averages.I4):
        np.testing.assert_array_equal(average(C, "relu")[1], average(C[1], "relu"))


@pytest.mark.parametrize(("K", "M", "O"), [(5, 5, 1), (2, 3, 2), (1, 1, 1)])
def test_kernels_are_the_sums_over_the_textbook_averages(K, M, O):
    """G, H with label noise and h."""
    s = random_overlaps(K, M, O, seed=6)
    C, u, b = s.C, np.concatenate([s.v, -s.v_teacher]), np.random.default_rng(1).normal(size=(K, O))
    beta, sigma = b @ u.T, 0.3
    G, H, h = rhs_averages(C, u, b, sigma)
    np.testing.assert_allclose(G, np.einsum("ia,ija->ij", beta, averages.I3(C, "relu")[:K]), atol=1e-13)
    expected = np.einsum("ia,kc,ikac->ik", beta, beta, averages.I4(C, "relu")[:K, :K])
    np.testing.assert_allclose(H, expected + sigma**2 * (b @ b.T) * averages.J2(C, "relu")[:K, :K], atol=1e-13)
    np.testing.assert_allclose(h, averages.I2(C, "relu")[:K] @ u, atol=1e-13)


@pytest.mark.parametrize("K", [1, 3, 5])
def test_averages_vanish_at_perfect_learning_and_as_the_distance_to_it(K):
    """Students = permuted teachers: zero to 1e-13. At distance d G and h are of order d, H of d^2, down to 1e-14."""
    rng = np.random.default_rng(K)
    W, noise = rng.normal(size=(2, K, 2 * K)) / np.sqrt(2 * K)
    v, b, order = rng.normal(size=(K, 1)), rng.normal(size=(K, 1)), rng.permutation(K)
    u = np.concatenate([v[order], -v])
    for average in rhs_averages(gram(np.concatenate([W[order], W])), u, b):
        np.testing.assert_allclose(average, 0, atol=1e-13)
    H_limit = rhs_averages(gram(np.concatenate([W[order] + 1e-5 * noise, W])), u, b)[1] / 1e-10
    for d in [1e-3, 1e-4, 1e-6, 1e-7, 1e-9]:
        H = rhs_averages(gram(np.concatenate([W[order] + d * noise, W])), u, b)[1]
        np.testing.assert_allclose(H, d**2 * H_limit, atol=10 * d**3 + d**2 * 1e-3 + 1e-14)


def test_students_in_one_place_or_opposite_are_exact():
    """rho = 1: both derivatives are one; rho = -1: they are never both on."""
    W = np.random.default_rng(7).normal(size=(4, 5)) / 2
    C = gram(np.concatenate([W, W[:1], -W[:1]]))
    I4 = averages.I4(C, "relu")
    np.testing.assert_allclose(I4[0, 4], I4[0, 0], atol=1e-14)
    np.testing.assert_allclose(I4[0, 5], 0, atol=1e-15)


def test_compiled_and_interpreted_I4_agree():
    """The Python source of the kernel is its reference."""
    C = random_overlaps(2, 2, seed=1).C.copy()
    np.testing.assert_allclose(relu_kernels.I4_relu(C), relu_kernels.I4_relu.py_func(C), atol=1e-15)
