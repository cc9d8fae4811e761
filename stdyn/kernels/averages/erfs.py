"""Units that are sums of erfs, as tanh is to 1e-6: averages term by term."""

import numpy as np

from stdyn.kernels.activation import TERMS
from stdyn.kernels.algebra import overlaps
from stdyn.kernels.averages.erf import G_erf, H_erf, h_erf
from stdyn.kernels.compile import compiled
from stdyn.kernels.parameters import rows

ANALYTIC = True


@compiled
def averages(p, C, seen, u, b):
    """Those of g(x) = sum_m c_m erf(s_m x / sqrt 2): of erf units, one for each term, with fields s_m z_a.

    The table has a row (c, s) for each term of students, then of teachers.
    """
    terms = rows(p.table)
    return _by_terms(C, seen, u, b, p.sigma, p.square, terms[: p.codes[TERMS]], terms[p.codes[TERMS] :])


@compiled
def _by_terms(C, seen, u, b, sigma, square, terms, terms_teacher):
    (K, O), P, Y = b.shape, len(C), seen.shape[1]
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
    seen_terms = np.empty((size, Y))
    for p in range(size):
        for q in range(size):
            C_terms[p, q] = s[p] * s[q] * C[unit[p], unit[q]]
        for j in range(Y):
            seen_terms[p, j] = s[p] * seen[unit[p], j]
        for o in range(O):
            u_terms[p, o] = c[p] * u[unit[p], o]
            if p < students:
                b_terms[p, o] = c[p] * s[p] * b[unit[p], o]
    beta = overlaps(b_terms, u_terms)
    G_terms = G_erf(C_terms, seen_terms, beta)
    H_terms = np.zeros((students, students))
    if square > 0:
        H_terms = H_erf(C_terms, beta, overlaps(b_terms, b_terms), sigma)
    h_terms = h_erf(C_terms, u_terms, students)
    G, H, h = np.zeros((K, Y)), np.zeros((K, K)), np.zeros((K, O))
    for p in range(students):
        for j in range(Y):
            G[unit[p], j] += G_terms[p, j]
        for q in range(students):
            H[unit[p], unit[q]] += H_terms[p, q]
        for o in range(O):
            h[unit[p], o] += c[p] * h_terms[p, o]
    return G, H, h
