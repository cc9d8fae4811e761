"""
Who learns whom: specialisation as a map and as a graph, animated
=================================================================

The cosines of student and teacher vectors in the reference experiment under FA, as a heat map and as a graph. On the
plateau every student has a part of every teacher; then each finds one of its own, or minus one with the sign of its v
turned.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import stdyn

problem = stdyn.Experiment(K=5, M=5).problem("fa")
frames = np.concatenate([[0], np.geomspace(0.3, 3000, 27)])
theory = stdyn.integrate(problem, frames)

# %%
# The start, the plateau, and the end. A line is as wide as its cosine; dashed ones are negative.
plt.style.use("stdyn.stdyn")
fig, axes = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained")
for (above, below), alpha in zip(axes.T, (0, 30, 3000), strict=True):
    at = int(np.abs(theory.alphas - alpha).argmin())
    stdyn.views.specialisation(above, theory.at(at))
    stdyn.views.specialisation_graph(below, theory.at(at))
    above.set_title(rf"$\alpha$ = {theory.alphas[at]:.4g}, $\epsilon_g$ = {theory.eps_g[at]:.2g}")

# %%
# On the way:
plt.rcParams["animation.html"] = "jshtml"
fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.6))
fig.subplots_adjust(left=0.08, right=0.98, bottom=0.14, top=0.88)


def draw(position):
    """One frame."""
    for ax in axes:
        ax.clear()
    stdyn.views.specialisation(axes[0], theory.at(position))
    stdyn.views.specialisation_graph(axes[1], theory.at(position))
    fig.suptitle(rf"$\alpha$ = {theory.alphas[position]:.4g}, $\epsilon_g$ = {theory.eps_g[position]:.2g}")


FuncAnimation(fig, draw, frames=len(frames), interval=125)
