"""Gaussian averages of truncated powers (x - s)_+^k / k!, of one field and of two: steps (k = 0), ramps (k = 1), …

All fields have variance 1 here. With m_k(s) = <(x - s)_+^k / k!> it is m_k = (m_k-2 - s m_k-1) / k, from m_0 = Phi(-s)
and m_-1 = phi(s), by Stein's lemma; so it is with two fields. <step step> is the bivariate normal distribution, by
Owen's T (Owen, Ann. Math. Stat. 27, 1075 (1956)).
"""

import numpy as np

from stdyn.checks import Array

_NEAREST = 1e-150  # of a threshold to 0, and of |rho| to 1: what is 0/0 there has its limit


def hermite(s: Array, c: list[Array], terms: int) -> Array:
    """<sum_k c_k (x - s)_+^k / k! He_n(x)> / sqrt(n!), for n < terms, in front of the axes of s.

    By parts it is sum_k c_k m_k-n(s) / sqrt(n!), with m_-n = phi He_n-1.
    """
    from scipy.special import factorial, ndtr

    h, moments = np.zeros((terms, *s.shape)), np.zeros((len(c) + 1, *s.shape))  # phi He_n / sqrt(n!); m_-1, m_0, …
    h[0] = moments[0] = np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)
    h[1] = s * h[0]
    for n in range(2, terms):
        h[n] = (s * h[n - 1] - np.sqrt(n - 1) * h[n - 2]) / np.sqrt(n)
    moments[1] = ndtr(-s)
    for k in range(1, len(c)):
        moments[k + 1] = (moments[k - 1] - s * moments[k]) / k
    total, axes = np.zeros_like(h), (-1, *[1] * s.ndim)
    for k in (k for k in range(len(c)) if np.any(c[k])):
        few, many = np.arange(k + 1), np.arange(k + 1.0, terms)
        total[: k + 1] += c[k] * moments[k + 1 - few] / np.sqrt(factorial(few)).reshape(axes)
        total[k + 1 :] += c[k] * h[: terms - k - 1] / np.sqrt(np.prod([many - j for j in few], axis=0)).reshape(axes)
    return total


def pair(s: Array, t: Array, rho: Array, root: Array, orders: tuple[int, int]) -> list[list[Array]]:
    """<(x - s)_+^p / p! (y - t)_+^q / q!> for p < orders[0] and q < orders[1], with root = sqrt(1 - rho^2)."""
    P, Q = orders
    root = np.maximum(root, _NEAREST)
    # the border terms <delta(x - s) (y - t)_+^q / q!>, and the same with x and y exchanged
    of_x, of_y = _edge(s, t, rho, root, Q), _edge(t, s, rho, root, P)
    m: list[list[Array]] = [[_both(s, t, rho, root)] * Q for _ in range(P)]
    for p in range(P):
        for q in range(Q):
            if p:
                less = of_x[q] if p == 1 else m[p - 2][q]
                mixed = m[p - 1][q - 1] if q else of_y[p - 1]
                m[p][q] = (less + rho * mixed - s * m[p - 1][q]) / p
            elif q:
                less = of_y[0] if q == 1 else m[0][q - 2]
                m[0][q] = (less + rho * of_x[q - 1] - t * m[0][q - 1]) / q
    return m


def _edge(s: Array, t: Array, rho: Array, root: Array, order: int) -> list[Array]:
    """phi(s) <(y - t)_+^q / q!> given x = s, for q < order."""
    from scipy.special import ndtr

    lacking = t - rho * s
    density = np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)
    found = [density * ndtr(-lacking / root)]
    if order > 1:
        found.append(density * root * np.exp(-((lacking / root) ** 2) / 2) / np.sqrt(2 * np.pi) - lacking * found[0])
    for q in range(2, order):
        found.append((root**2 * found[q - 2] - lacking * found[q - 1]) / q)
    return found


def _both(s: Array, t: Array, rho: Array, root: Array) -> Array:
    """The probability of x > s and y > t."""
    from scipy.special import ndtr, owens_t

    h, k = -np.where(s == 0, _NEAREST, s), -np.where(t == 0, _NEAREST, t)
    total = (ndtr(h) + ndtr(k)) / 2 - np.where(h * k > 0, 0.0, 0.5)
    # 1 - |rho| loses nothing near |rho| = 1 when taken from the root; that of T: (k - rho h) / (h root)
    rest = root**2 / (1 + np.abs(rho))
    sign = np.where(rho < 0, -1.0, 1.0)
    for one, other in ((h, k), (k, h)):
        total -= owens_t(one, ((other - sign * one) + sign * rest * one) / (one * root))
    return total
