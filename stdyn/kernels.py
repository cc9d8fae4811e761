"""Every compiled function: activations, Gaussian averages, the right-hand side of the ODEs, the step loop.

All of them are pure functions on arrays and follow the symbols of docs/theory.md. They share one file because
numba's on-disk cache notices an edit only in the file that holds the cached function: a kernel here that called
a function of another file would go on running that function's old code.

Fields are numbered a = 0 … K+M-1, the K students first. C is their covariance, u = [v; -v_teacher] their
(K+M, O) output weights, b the (K, O) feedback weights (BP: b = v). Activations are chosen by integer code.
"""

from enum import IntEnum
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
from numba import njit

# Reassociation and fused multiply-add change a sum by rounding only; NaN, infinity and signed zero keep their meaning.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract"},
}

DIVERGED = 1e8  # a field, an error or an order parameter beyond this (all are O(1)) counts as diverged

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


class Activation(IntEnum):
    """The activation functions g that have closed-form averages; the value is the kernels' code for it."""

    ERF = 0
    LINEAR = 1


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


@njit(**_OPTIONS)
def g(code, x):
    """The activation g(x)."""
    if code == Activation.LINEAR:
        return x
    return erf(x / sqrt(2.0))


@njit(**_OPTIONS)
def g_prime(code, x):
    """The derivative g'(x)."""
    if code == Activation.LINEAR:
        return 1.0
    return sqrt(2 / pi) * exp(-0.5 * x * x)


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


@njit(**_OPTIONS)
def averages(code, C, u, b, sigma):
    """The three averages (G, H, h) defined above, in closed form."""
    if code == Activation.LINEAR:
        return _averages_linear(C, u, b, sigma)
    beta = overlaps(b, u)
    return _G_erf(C, beta), _H_erf(C, beta, overlaps(b, b), sigma), _h_erf(C, u, b.shape[0])


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


@njit(**_OPTIONS)
def right_hand_side(y, T, v_teacher, b, fixed_feedback, rates, code):
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
    G, H, h = averages(code, C, u, b if fixed_feedback else v, sigma)
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
# The microscopic dynamics.


@njit(**_OPTIONS)
def _dot(w, xi):
    """w.xi"""
    field = 0.0
    for j in range(len(xi)):
        field += w[j] * xi[j]
    return field


@njit(**_OPTIONS)
def _move_and_dot(w, keep, change, last_xi, xi):
    """w <- keep w + change last_xi in place, and w.xi with the new w: one pass over w instead of two."""
    field = 0.0
    for j in range(len(xi)):
        w_j = keep * w[j] + change * last_xi[j]
        w[j] = w_j
        field += w_j * xi[j]
    return field


@njit(**_OPTIONS)
def network_steps(W, v, W_teacher, inputs, noise, v_teacher, b, fixed_feedback, rates, code):
    """Online SGD on the examples `inputs`, one step each (docs/theory.md, section 1); W and v change in place.

    W (K, N), v (K, O), W_teacher (M, N); inputs (S, N) and noise (S, O) are standard normal; v_teacher (M, O),
    b (K, O), `fixed_feedback`, rates and code as in `right_hand_side`. Returns the number of steps taken: less than S
    if the next one has a field or an error beyond `DIVERGED`, in which case W and v are those before that step.

    The change of W in a step is made in the next one, in the same pass over W that computes the new fields.
    """
    (K, N), M, (S, O) = W.shape, W_teacher.shape[0], noise.shape
    eta, eta_v, sigma = rates[0], rates[1], rates[2]
    keep, keep_v = 1 - rates[3] / N, 1 - rates[4] / N
    x, g_x, change, Delta = np.empty(K), np.empty(K), np.empty(K), np.empty(O)
    for step in range(S):
        xi = inputs[step]
        for i in range(K):
            x[i] = _dot(W[i], xi) if step == 0 else _move_and_dot(W[i], keep, change[i], inputs[step - 1], xi)
            g_x[i] = g(code, x[i])
        for o in range(O):
            Delta[o] = -sigma * noise[step, o]
            for i in range(K):
                Delta[o] += v[i, o] * g_x[i]
        for n in range(M):
            g_y = g(code, _dot(W_teacher[n], xi))
            for o in range(O):
                Delta[o] -= v_teacher[n, o] * g_y
        if not (_all_small(x) and _all_small(Delta)):
            return step
        for i in range(K):
            error = 0.0
            for o in range(O):
                error += (b[i, o] if fixed_feedback else v[i, o]) * Delta[o]
            change[i] = -eta / N * g_prime(code, x[i]) * error
        for i in range(K):
            for o in range(O):
                v[i, o] = keep_v * v[i, o] - eta_v / N * Delta[o] * g_x[i]
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
