"""The reference experiment in plain NumPy: the script one writes without stdyn, and what stdyn is timed against.

Feedback alignment with erf units, both layers trained: online SGD in N dimensions, one fresh example a step, and the
ODEs of the order parameters by Euler steps, with the averages in their textbook form (Saad & Solla, PRE 52, 4225
(1995)). It is correct (run.py holds it to stdyn before timing it), and no effort was made to speed it up beyond
writing array expressions instead of loops.
"""

import numpy as np
from scipy.special import erf

N, K, M = 500, 5, 5
ETA, ETA_V = 0.5, 0.5


def g(x):
    """The activation."""
    return erf(x / np.sqrt(2))


def g_prime(x):
    """Its derivative."""
    return np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)


def simulate(W, v, W_teacher, v_teacher, b, steps, rng, eta=ETA, eta_v=ETA_V):
    """W (K, N) and v (K,) after `steps` steps of online SGD, one fresh example of `rng` a step."""
    W, v = W.copy(), v.copy()
    N = W.shape[1]
    for _ in range(steps):
        xi = rng.standard_normal(N)
        x, y = W @ xi, W_teacher @ xi
        g_x = g(x)
        error = v @ g_x - v_teacher @ g(y)
        W -= eta / N * np.outer(g_prime(x) * b * error, xi)
        v -= eta_v / N * error * g_x
    return W, v


def I2(C, a, c):
    """<g(a) g(c)>"""
    return 2 / np.pi * np.arcsin(C[a, c] / np.sqrt((1 + C[a, a]) * (1 + C[c, c])))


def I3(C, a, b, c):
    """<g'(a) b g(c)>"""
    d_a, d_c = 1 + C[a, a], 1 + C[c, c]
    return 2 / np.pi * (C[b, c] * d_a - C[a, b] * C[a, c]) / (d_a * np.sqrt(d_a * d_c - C[a, c] ** 2))


def I4(C, a, b, c, d):
    """<g'(a) g'(b) g(c) g(d)>"""
    d_a, d_b, d_c, d_d = 1 + C[a, a], 1 + C[b, b], 1 + C[c, c], 1 + C[d, d]
    ab, ac, ad, bc, bd, cd = C[a, b], C[a, c], C[a, d], C[b, c], C[b, d], C[c, d]
    L4 = d_a * d_b - ab**2
    L0 = L4 * cd - bc * bd * d_a - ac * ad * d_b + ab * ac * bd + ab * ad * bc
    L1 = L4 * d_c - bc**2 * d_a - ac**2 * d_b + 2 * ab * ac * bc
    L2 = L4 * d_d - bd**2 * d_a - ad**2 * d_b + 2 * ab * ad * bd
    return 4 / np.pi**2 / np.sqrt(L4) * np.arcsin(L0 / np.sqrt(L1 * L2))


def right_hand_side(R, Q, v, T, v_teacher, b, eta=ETA, eta_v=ETA_V):
    """dR/dalpha (K, M), dQ/dalpha (K, K) and dv/dalpha (K,)."""
    K, P = len(Q), len(Q) + len(T)
    C = np.block([[Q, R], [R.T, T]])
    u = np.concatenate([v, -v_teacher])
    beta = np.outer(b, u)
    students, fields = range(K), range(P)
    G = np.einsum("ia,ija->ij", beta, I3(C, *np.ix_(students, fields, fields)))
    H = np.einsum("ia,kc,ikac->ik", beta, beta, I4(C, *np.ix_(students, students, fields, fields)))
    h = I2(C, *np.ix_(students, fields)) @ u
    return -eta * G[:, K:], -eta * (G[:, :K] + G[:, :K].T) + eta**2 * H, -eta_v * h


def euler(R, Q, v, T, v_teacher, b, alpha, dt, eta=ETA, eta_v=ETA_V):
    """R, Q and v at 0, dt, 2 dt, … alpha: arrays of shape (steps + 1, …)."""
    path = [(R, Q, v)]
    for _ in range(round(alpha / dt)):
        dR, dQ, dv = right_hand_side(R, Q, v, T, v_teacher, b, eta, eta_v)
        R, Q, v = R + dt * dR, Q + dt * dQ, v + dt * dv
        path.append((R, Q, v))
    return [np.array(values) for values in zip(*path, strict=True)]


def main(alpha=20):
    """Run both from the same random start and print the diagonal of R at the end."""
    rng = np.random.default_rng(1)
    W, W_teacher = np.sqrt(0.2 / N) * rng.standard_normal((K, N)), np.linalg.qr(rng.standard_normal((N, M)))[0].T
    v, v_teacher, b = 0.1 * rng.standard_normal(K), np.ones(M), rng.standard_normal(K)
    R, Q, T = W @ W_teacher.T, W @ W.T, W_teacher @ W_teacher.T
    W, _ = simulate(W, v, W_teacher, v_teacher, b, alpha * N, rng)
    path, _, _ = euler(R, Q, v, T, v_teacher, b, alpha, dt=0.01)
    print("R_nn of the network:", np.diag(W @ W_teacher.T).round(3))
    print("R_nn of the ODEs:   ", np.diag(path[-1]).round(3))


if __name__ == "__main__":
    main()
