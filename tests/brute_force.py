"""Gaussian averages of two fields by nested Gauss-Legendre quadrature in panels, shared by the tests.

No formula of the package is in it: a function f(x, y) and the places where it may jump in x or in y are all it knows.
"""

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_REACH = 13.0  # standard deviations; what is beyond is 1e-38


def panels(edges):
    """Nodes and weights in the panels between edges (..., n), none where they are empty."""
    low, high = edges[..., :-1, None], edges[..., 1:, None]
    half = (high - low) / 2
    x, w = low + half * (1 + _NODES), half * _WEIGHTS
    return x.reshape(*edges.shape[:-1], -1), w.reshape(*edges.shape[:-1], -1)


def density(x):
    """Of a standard normal number."""
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def average(f, C, breaks_x=(), breaks_y=()):
    """<f(x, y)> of (x, y) ~ N(0, C), C (2, 2): y given x inside, x outside.

    `breaks_x` and `breaks_y` are where f may jump or bend. Given x, y = m x + s z; the inner integral changes over a
    width s/m where m x crosses a break of y, so that the outer panels are graded around there.
    """
    (a, r), (_, c) = np.array(C, dtype=float)
    if a == 0:
        x, w = np.zeros(1), np.ones(1)
        m, s = 0.0, np.sqrt(c)
    else:
        sigma, m, s = np.sqrt(a), r / a, np.sqrt(max(c - r * r / a, 0.0))
        edges = [np.linspace(-_REACH, _REACH, 14), np.array(breaks_x) / sigma]
        if m:
            width = max(s / abs(m), 1e-13)
            grades = width * np.concatenate([-(2.0 ** np.arange(6)[::-1]), [0], 2.0 ** np.arange(6)])
            edges += [(t / m + grades) / sigma for t in breaks_y]
        z, w = panels(np.unique(np.clip(np.concatenate(edges), -_REACH, _REACH)))
        x, w = sigma * z, w * density(z)
    if s == 0:
        return float(np.sum(w * f(x, m * x)))
    inner = [np.broadcast_to(np.linspace(-_REACH, _REACH, 8), (len(x), 8))]
    inner += [np.clip((t - m * x[:, None]) / s, -_REACH, _REACH) for t in breaks_y]
    z, w_inner = panels(np.sort(np.concatenate(inner, axis=1), axis=1))
    values = f(x[:, None], m * x[:, None] + s * z)
    return float(w @ np.sum(values * w_inner * density(z), axis=1))
