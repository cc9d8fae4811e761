"""Errors and deltas of many examples at once."""

from stdyn.kernels.compile import woven


@woven
def errors(g, g_prime, u, b, Delta, delta):
    """Add sum_a u_ao g_a to Delta_o (O, points), which holds the noise, and fill delta_i = g'_i sum_o b_io Delta_o."""
    (K, O), P = b.shape, len(u)
    for o in range(O):
        for a in range(P):
            for r in range(g.shape[1]):
                Delta[o, r] += u[a, o] * g[a, r]
    for i in range(K):
        for r in range(g.shape[1]):
            delta[i, r] = 0.0
        for o in range(O):
            for r in range(g.shape[1]):
                delta[i, r] += b[i, o] * Delta[o, r]
        for r in range(g.shape[1]):
            delta[i, r] *= g_prime[i, r]


@woven
def add_products(A, weights, B, total):
    """Add sum_r weights_r A_ir B_jr to total_ij."""
    for i in range(A.shape[0]):
        for j in range(B.shape[0]):
            product = 0.0
            for r in range(len(weights)):
                product += weights[r] * A[i, r] * B[j, r]
            total[i, j] += product
