"""The state vector of the ODEs as kernels see it: `stdyn.model.layout.Layout` for everybody else.

It is R row by row, the upper triangle of Q row by row, v row by row. The state w of the expansions has Q_across = Q -
R T^+ R^T in the place of Q. Of inputs with a spectrum R and Q stand for those of one group of directions after the
other, see kernels/groups.py.
"""

import numpy as np

from stdyn.kernels.compile import compiled, inlined

DIVERGED = 1e8  # a field, an error or an order parameter beyond this (all are O(1)) counts as diverged


@inlined
def place_R(i, n, K, M):
    """Where R_in stands."""
    return i * M + n


@inlined
def place_Q(i, k, K, M):
    """Where Q_ik stands, i <= k."""
    return K * M + i * K - i * (i - 1) // 2 + k - i


@inlined
def place_v(i, o, K, M, O):
    """Where v_io stands."""
    return K * M + K * (K + 1) // 2 + i * O + o


@compiled
def pack(R, Q, v):
    """The state vector y of the order parameters R (K, M), Q (K, K), v (K, O)."""
    K, M = R.shape
    O = v.shape[1]
    y = np.empty(place_v(K, 0, K, M, O))
    for i in range(K):
        for n in range(M):
            y[place_R(i, n, K, M)] = R[i, n]
        for k in range(i, K):
            y[place_Q(i, k, K, M)] = Q[i, k]
        for o in range(O):
            y[place_v(i, o, K, M, O)] = v[i, o]
    return y


@compiled
def unpack(y, K, M, O):
    """R (K, M), Q (K, K) and v (K, O) of the state vector y."""
    R, Q, v = np.empty((K, M)), np.empty((K, K)), np.empty((K, O))
    for i in range(K):
        for n in range(M):
            R[i, n] = y[place_R(i, n, K, M)]
        for k in range(i, K):
            Q[i, k] = Q[k, i] = y[place_Q(i, k, K, M)]
        for o in range(O):
            v[i, o] = y[place_v(i, o, K, M, O)]
    return R, Q, v
