"""The ODEs (docs/theory.md, section 3), in the order parameters and in the coordinates of expansions."""

import numpy as np

from stdyn.kernels.algebra import covariance, minus, mixed, output_weights, overlaps, plus
from stdyn.kernels.averages import averages
from stdyn.kernels.compile import compiled
from stdyn.kernels.parameters import backward, named
from stdyn.kernels.state import pack, place_Q, place_R, place_v, unpack


@compiled
def right_hand_side(y, parameters):
    """dy/dalpha of the packed state y = (R, Q, v)."""
    p = named(parameters)
    (K, O), M = p.b.shape, p.T.shape[0]
    R, Q, v = unpack(y, K, M, O)
    G, H, h = averages(p, covariance(R, Q, p.T), output_weights(v, p.v_teacher), backward(p, v))
    dy = np.empty(len(y))
    for i in range(K):
        for n in range(M):
            dy[place_R(i, n, K, M)] = -p.eta * G[i, K + n] - p.decay * R[i, n]
        for k in range(i, K):
            change = -p.eta * (G[i, k] + G[k, i]) - 2 * p.decay * Q[i, k] + p.eta**2 * H[i, k]
            dy[place_Q(i, k, K, M)] = change
        for o in range(O):
            dy[place_v(i, o, K, M, O)] = -p.eta_v * h[i, o] - p.decay_v * v[i, o]
    return dy


@compiled
def drift(w, parameters):
    """dw/dalpha: `right_hand_side` in the coordinates w = (R, Q_across, v), packed as y is.

    Q_across = Q - R T^+ R^T are the overlaps of what the students have across the teacher's space. Near perfect
    learning it is as small as eps_g, where in Q it is the difference of numbers of order 1.
    """
    p = named(parameters)
    (K, O), M = p.b.shape, p.T.shape[0]
    R, Q_across, v = unpack(w, K, M, O)
    along = overlaps(R, p.T_inverse)
    y = pack(R, plus(Q_across, 1.0, overlaps(along, R)), v)
    dR, dQ, dv = unpack(right_hand_side(y, parameters), K, M, O)
    return pack(dR, minus(dQ, mixed(dR, along)), dv)
