"""
Where feedback alignment ends, over its feedback weights
========================================================

Two student units learn from two teacher units by FA, from one start, with every pair of feedback weights (b₁, b₂).
The first map is the generalization error at alpha = 1000, the second when it falls below 0.01. The arrow has the
direction of the second layer at the start, v(0).
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import stdyn

problem = stdyn.Experiment(K=2, M=2, seed=1).problem("fa")
alphas = np.concatenate([[0], np.geomspace(1, 1000, 61)])
grid = np.linspace(-2, 2, 21)

final, learned, partner = (np.empty((len(grid), len(grid))) for _ in range(3))
for row, column in np.ndindex(final.shape):
    b = [grid[column], grid[row]]
    theory = stdyn.integrate(replace(problem, b=b), alphas, method="LSODA", rtol=1e-6)
    below = theory.alphas[theory.eps_g < 0.01]
    final[row, column] = theory.eps_g[-1]
    learned[row, column] = below[0] if len(below) else np.nan
    partner[row, column] = abs(theory.R[-1, 0, 0]) - abs(theory.R[-1, 0, 1])  # of student unit 1

# %%
# Where a feedback weight is zero, the first layer of that unit does not learn, and an error stays: the bright cross.
# White cells are above 0.01 until the end. The dashed line parts the feedback weights for which student unit 1 ends on
# teacher unit 1 from those for which it ends on teacher unit 2. Near it a student takes long to decide, and learning is
# slow. The line is that of the first layer at the start: with v(0) turned around, or another one of this size, it stays
# where it is.
plt.style.use("stdyn.stdyn")
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), sharey=True, layout="constrained")
for ax, values, label, ticks in (
    (axes[0], np.maximum(final, 1e-9), r"$\epsilon_g$ at $\alpha = 1000$", [1e-8, 1e-6, 1e-4, 1e-2]),
    (axes[1], learned, r"$\epsilon_g < 0.01$ from $\alpha$ on", [100, 200, 500, 1000]),
):
    cells = ax.pcolormesh(grid, grid, values, norm=LogNorm(), cmap="viridis")
    fig.colorbar(cells, ax=ax, label=label, ticks=ticks, format="%g").minorticks_off()
    ax.annotate("", 3 * problem.start.v, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 2, "color": "white"})
    ax.annotate("", 3 * problem.start.v, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 1, "color": "black"})
    ax.set(xlabel="$b_1$", aspect="equal")
axes[0].set_ylabel("$b_2$")
on_one = np.ma.masked_where(np.minimum(*np.abs(np.meshgrid(grid, grid))) == 0, np.sign(partner))
axes[1].contour(grid, grid, on_one, levels=[0], colors="white", linestyles="dashed", linewidths=1.8)
fig.suptitle(r"FA, K = M = 2, $\eta = \eta_v = 0.5$; arrow: direction of $v(0)$", fontsize=10)

# %%
# But for its sign, the second layer ends as the teacher's, with the signs of b. So the cosine of v and b ends at
# :math:`(|b_1| + |b_2|) / \sqrt{2} |b|`, which is 1 where :math:`|b_1| = |b_2|`.
for b in ([1, 1], [1, -1], [1.5, 0.5]):
    theory = stdyn.integrate(replace(problem, b=b), alphas)
    expected = np.abs(b).sum() / np.sqrt(2) / np.linalg.norm(b)
    print(f"b = {b}: v = {theory.v[-1].round(3)}, cosine {theory.alignment[-1]:.4f}, expected {expected:.4f}")
