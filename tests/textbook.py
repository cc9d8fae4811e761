"""The right-hand side of the ODEs by the textbook averages I2, I3, I4 and J2, for every kind of problem; for the tests.

Neither a kernel nor the coordinates in which the package solves are in it: theory.md, sections 3, 10 and 11, in NumPy.
"""

import numpy as np
import scipy.integrate

from stdyn import averages


def value(rate, alpha):
    """Of a rate, which may be a schedule, at an alpha."""
    return float(rate(alpha)) if callable(rate) else rate


def backward(problem, v, alpha):
    """The weights (K, O) by which errors go back, without those of the losses."""
    if problem.rule == "bp":
        return v
    b = problem.b.reshape(v.shape)
    if problem.rule == "fa":
        return b
    if problem.rule == "mixed":
        return value(problem.mixture, alpha) * v + (1 - value(problem.mixture, alpha)) * b
    breaks = [1.5] if alpha > 1.5 else None
    lost = scipy.integrate.quad(lambda a: value(problem.decay_v, a), 0, alpha, points=breaks)[0]
    return v + np.exp(-lost) * (b - problem.start.v.reshape(v.shape))


def rhs(problem, y, alpha=0.0, eta_squared=1.0):
    """dy/dalpha (L,) at a state y (L,); the term in eta^2 is `eta_squared` times what it is."""
    start, named = problem.start, problem.state_layout.unpack(y)
    r, q, v = named.values()
    isotropic = start.inputs is None
    r, q, t = (r[None], q[None], start.T[None]) if isotropic else (r, q, start.T_group)
    omega, p = problem.inputs.variances, problem.inputs.fractions
    K, M, P, L = start.K, start.M, start.K + start.M, len(omega)
    v, v_teacher, m = v.reshape(K, -1), start.v_teacher.reshape(M, -1), np.ones(problem.outputs)
    if problem.tasks is not None:
        which = problem.tasks.task_at(alpha)
        v_teacher, m = problem.tasks.v_teacher[which].reshape(M, -1), problem.tasks.weights[which]
    names = ("eta", "eta_v", "sigma", "decay", "decay_v", "drift")
    eta, eta_v, sigma, decay, decay_v, drift = (value(getattr(problem, name), alpha) for name in names)
    back, u = backward(problem, v, alpha) * m, np.vstack([v, -v_teacher])

    by_group = np.block([[q, r], [np.swapaxes(r, 1, 2), t]])
    parts = omega[:, None, None] * by_group
    C = parts.sum(axis=0)
    C[K:, K:] = start.T  # with what of the teacher the inputs do not explain
    whole = np.zeros((P + L * P, P + L * P))  # the covariance of the fields, then of their parts in each group
    whole[:P, :P] = C
    for group in range(L):
        here = slice(P + group * P, P + (group + 1) * P)
        whole[:P, here] = whole[here, :P] = whole[here, here] = parts[group]
    beta, g = back @ u.T, problem.activation
    G = np.einsum("ia,iya->iy", beta, averages.I3(whole, g)[:K, P:, :P]).reshape(K, L, P).swapaxes(0, 1)
    H = np.einsum("ia,kc,ikac->ik", beta, beta, averages.I4(C, g)[:K, :K])
    H += sigma**2 * back @ back.T * averages.J2(C, g)[:K, :K]
    square = 0.0 if problem.flow else eta_squared / problem.batch
    dr = -eta * G[:, :, K:] - (decay + drift) * r
    dq = -eta * (G[:, :, :K] + np.swapaxes(G[:, :, :K], 1, 2)) - 2 * decay * q
    dq = dq + eta**2 * square * (p * omega)[:, None, None] * H
    dv = -eta_v * m * (averages.I2(C, g)[:K] @ u) - decay_v * v
    if problem.sphere:
        growth = np.einsum("tii->i", dq) / np.einsum("tii->i", q) / 2
        dr, dq = dr - growth[:, None] * r, dq - (growth[:, None] + growth) * q
    found = (dr[0], dq[0], dv) if isotropic else (dr, dq, dv)
    return problem.state_layout.pack(dict(zip(named, found, strict=True)))


def jacobian(problem, y, alpha=0.0, h=2e-3):
    """The derivatives of `rhs` by central differences of sixth order, (L, L)."""
    columns = []
    for step in np.eye(len(y)) * h * (1 + np.abs(y)):
        sides = [rhs(problem, y + n * step, alpha) - rhs(problem, y - n * step, alpha) for n in (1, 2, 3)]
        columns.append((45 * sides[0] - 9 * sides[1] + sides[2]) / (60 * step.sum()))
    return np.array(columns).T
