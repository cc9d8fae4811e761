"""
The flow of the symmetric subspace, its saddle, and runs of N = 300
===================================================================

Two student units, two teacher units, backpropagation, the second layer fixed at 1. Where R₁₁ = R₂₂ = R and R₁₂ = R₂₁
= S, the ODEs keep it so. The arrows are dR/dα and dS/dα, with Q where it comes to rest when R and S are held. They
lead to a saddle on the line R = S, where the students are alike, and from there to perfect learning, (1, 0) or (0,
1).
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import stdyn

start = stdyn.initial.prepared(K=2, M=2, q=0.2, r=0.0, v=1.0)
problem = stdyn.Problem(start, N=300, eta=0.5, eta_v=0.0)
flow = stdyn.flow(problem)

# %%
# A state of the subspace has R, S, and what the vectors w₁ + w₂ and w₁ − w₂ have outside the teachers' plane: the
# eigenvalues of Q − R Rᵀ, which must not be negative.


def state(R, S, outside):
    """R, Q and v of states of the symmetric subspace; outside (…, 2)."""
    overlaps = np.stack([R, S, S, R], axis=-1).reshape(*R.shape, 2, 2)
    alike, apart = outside[..., 0] / 2, outside[..., 1] / 2
    more = np.stack([alike + apart, alike - apart, alike - apart, alike + apart], axis=-1).reshape(overlaps.shape)
    return {"R": overlaps, "Q": overlaps @ overlaps + more, "v": np.ones((*R.shape, 2))}


def rates(R, S, outside):
    """dR/dalpha, dS/dalpha and d(outside)/dalpha."""
    at = state(R, S, outside)
    d = flow.rhs(at)
    mixed = at["R"] @ d["R"]
    more = d["Q"] - mixed - np.swapaxes(mixed, -1, -2)
    return d["R"][..., 0, 0], d["R"][..., 0, 1], more[..., 0, :] @ np.array([[1, 1], [1, -1]])


# %%
# Where Q rests at given R and S: implicit Euler steps in growing times, from one guess for all cells. They end on rests
# that are stable. Where Q grows without end instead, a cell stays blank.


def rest(R, S, steps=40):
    """The outside (cells, 2) at rest, NaN where none is found."""
    outside, step, h = np.full((len(R), 2), 0.05), np.full(len(R), np.inf), 5.0
    for _ in range(steps):
        go = np.flatnonzero((step > 1e-9) & (outside.max(axis=1) < 100))
        x, J = outside[go], np.empty((len(go), 2, 2))
        F = rates(R[go], S[go], x)[2]
        for k in range(2):
            shift = np.zeros_like(x)
            shift[:, k] = 1e-6 * np.maximum(x[:, k], 1e-4)
            J[:, :, k] = (rates(R[go], S[go], x + shift)[2] - F) / shift[:, k, None]
        new = np.maximum(x + np.linalg.solve(np.eye(2) / h - J, F[..., None])[..., 0], 0)
        outside[go], step[go], h = new, np.abs(new - x).max(axis=1), 2 * h
    outside[step > 1e-6] = np.nan
    return outside


grid = np.linspace(-0.14, 1.16, 27)
R, S = np.meshgrid(grid, grid)
half = R >= S  # the other half is its mirror image
outside = np.full((*R.shape, 2), np.nan)
outside[half] = rest(R[half], S[half])
found = half & np.isfinite(outside).all(axis=-1)
U, V, eps_g = (np.full(R.shape, np.nan) for _ in range(3))
U[found], V[found], _ = rates(R[found], S[found], outside[found])

# %%
# The generalization error of these states is half the mean square of g(x₁) + g(x₂) − g(y₁) − g(y₂), of Gaussian fields
# with their covariance C.
there = state(R[found], S[found], outside[found])
T = np.broadcast_to(np.eye(2), there["Q"].shape)
C = np.block([[there["Q"], there["R"]], [there["R"], T]])
signs = np.array([1, 1, -1, -1])
eps_g[found] = signs @ stdyn.averages.I2(C) @ signs / 2
U, V, eps_g = np.where(half, U, V.T), np.where(half, V, U.T), np.where(half, eps_g, eps_g.T)
print(np.isnan(eps_g).sum(), "of", eps_g.size, "cells stay blank")

# %%
# Fixed points of all order parameters, networks of N = 300 by reduced runs, and the ODEs from a start that is not quite
# symmetric.
points = stdyn.fixed_points(problem, number_of_starts=30, rng=1)
for point in points:
    print(point, point.state.R.round(3).tolist())
saddle = next(point for point in points if point.unstable)
alphas = np.linspace(0, 300, 601)
runs = stdyn.simulate_reduced(problem, alphas, runs=12, rng=2)
near = stdyn.Problem(stdyn.initial.prepared(K=2, M=2, q=0.2, r=1e-3, v=1.0), eta=0.5, eta_v=0.0)
theory = stdyn.integrate(near, alphas)

# %%
# Runs are drawn by the means (R₁₁ + R₂₂)/2 and (R₁₂ + R₂₁)/2. They follow the arrows to the saddle, and chance decides
# on which side they leave it. Hatched cells are blank.
plt.style.use("stdyn.stdyn")
fig, ax = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
ax.patch.set(hatch="////", facecolor="white", edgecolor="0.7")  # where cells are blank
levels = np.geomspace(1e-4, 1, 17)
greys = plt.get_cmap("Greys")(np.linspace(0, 0.5, len(levels) + 1))
shade = ax.contourf(grid, grid, eps_g, levels, colors=greys, norm=LogNorm(), extend="both")
fig.colorbar(shade, ax=ax, label=r"$\epsilon_g$ with $Q$ at rest", ticks=[1e-4, 1e-3, 1e-2, 1e-1, 1], format="%g")
ax.streamplot(grid, grid, U, V, color="#0072B2", density=1.2, linewidth=0.7, arrowsize=0.8)
means = [(runs.R[..., 0, n] + runs.R[..., 1, 1 - n]).T / 2 for n in range(2)]
ax.plot(*means, color="#D55E00", lw=0.6, alpha=0.7, label=["12 runs, N = 300"] + 11 * [None])
ax.plot(theory.R[:, 0, 0], theory.R[:, 0, 1], "k--", lw=1.6, label="ODEs from R = 0.001, S = 0")
for mark, name, point in (("X", "saddle", saddle), ("o", "perfect learning", points[0])):
    R_there = point.state.R
    ax.plot(R_there[:, 0], R_there[:, 1], mark, color="k", mec="white", ms=10, zorder=5, label=name)
ax.set(xlabel=r"$R = R_{11} = R_{22}$", ylabel=r"$S = R_{12} = R_{21}$", aspect="equal")
ax.set(xlim=(grid[0], grid[-1]), ylim=(grid[0], grid[-1]))
fig.legend(loc="outside lower center", ncols=2)
