"""The ODEs (docs/theory.md, section 3), in the order parameters and in the coordinates in which they are solved.

Those of inputs with a spectrum are in kernels/groups.py. Which of them a kernel holds is decided by the types of its
arguments, before it is compiled.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from stdyn.kernels.algebra import covariance, output_weights, overlaps
from stdyn.kernels.averages import averages
from stdyn.kernels.compile import compiled
from stdyn.kernels.groups import drift_by_group
from stdyn.kernels.parameters import backward, named
from stdyn.kernels.state import pack, unpack


@compiled
def _changes(p, R, Q, v):
    """dR/dalpha (K, M), the upper triangle of dQ/dalpha (K, K), and dv/dalpha (K, O)."""
    (K, M), O = R.shape, v.shape[1]
    C = covariance(R, Q, p.T)
    G, H, h = averages(p, C, C, output_weights(v, p.v_teacher), backward(p, v))
    dR, dQ, dv = np.empty((K, M)), np.empty((K, K)), np.empty((K, O))
    for i in range(K):
        for n in range(M):
            dR[i, n] = -p.eta * G[i, K + n] - (p.decay + p.drift) * R[i, n]
        for k in range(i, K):
            dQ[i, k] = -p.eta * (G[i, k] + G[k, i]) - 2 * p.decay * Q[i, k] + p.eta**2 * p.square * H[i, k]
        for o in range(O):
            dv[i, o] = -p.eta_v * p.m[o] * h[i, o] - p.decay_v * v[i, o]
    if p.sphere > 0:
        _keep_norms(R, Q, dR, dQ)
    return dR, dQ, dv


@compiled
def _keep_norms(R, Q, dR, dQ):
    """Take from dR and dQ what would change the norms Q_ii: the part of dw_i along w_i."""
    K, M = R.shape
    growth = np.empty(K)
    for i in range(K):
        growth[i] = dQ[i, i] / (2 * Q[i, i])
    for i in range(K):
        for n in range(M):
            dR[i, n] -= growth[i] * R[i, n]
        for k in range(i + 1, K):
            dQ[i, k] -= (growth[i] + growth[k]) * Q[i, k]
        dQ[i, i] = 0.0


@compiled
def right_hand_side(y, parameters):
    """dy/dalpha of the packed state y = (R, Q, v), of isotropic inputs."""
    p = named(parameters)
    (K, O), M = p.b.shape, p.T.shape[0]
    R, Q, v = unpack(y, K, M, O)
    dR, dQ, dv = _changes(p, R, Q, v)
    return pack(dR, dQ, dv)


@compiled
def drift(w, parameters):
    """dw/dalpha: `right_hand_side` in the coordinates w = (R, Q_across, v), or (r, q_across, v) by group.

    Q_across = Q - R T^+ R^T are the overlaps of what the students have across the teacher's space. Near perfect
    learning it is as small as eps_g, where in Q it is the difference of numbers of order 1.
    """
    return _drift(w, parameters)


def by_group(p: Any) -> bool:
    """Whether parameters of this type are those of inputs with a spectrum, for the compiler."""
    return bool(p[p.fields.index("groups")].ndim == 2)


def _drift(w, parameters):
    """That of the kind of parameters."""


@overload(_drift)
def _of_drift(w, parameters):
    return (_drift_by_group if parameters[-1].ndim == 2 else _isotropic_drift).py_func


@compiled
def _drift_by_group(w, parameters):
    return drift_by_group(named(parameters), w)


@compiled
def _isotropic_drift(w, parameters):
    p = named(parameters)
    (K, O), M = p.b.shape, p.T.shape[0]
    R, Q, v = unpack(w, K, M, O)
    along = overlaps(R, p.T_inverse)
    for i in range(K):
        for k in range(i, K):
            for n in range(M):
                Q[i, k] += along[i, n] * R[k, n]
            Q[k, i] = Q[i, k]
    dR, dQ, dv = _changes(p, R, Q, v)
    for i in range(K):
        for k in range(i, K):
            for n in range(M):
                dQ[i, k] -= dR[i, n] * along[k, n] + along[i, n] * dR[k, n]
    return pack(dR, dQ, dv)
