"""
Students in the plane of their teachers, animated
=================================================

Two teacher vectors span a plane. The overlaps say exactly where in it the student vectors are, at any N: R gives the
components in the plane, and Q the length outside, which is drawn as a disc. Three students learn by FA. One frame is
one alpha.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import stdyn

experiment = stdyn.Experiment(K=3, M=2, seed=3)
problem = experiment.problem("fa")
frames = np.concatenate([[0], np.geomspace(0.5, 3000, 27)])
theory = stdyn.integrate(problem, frames)

# %%
# At the end:
plt.style.use("stdyn.stdyn")
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
stdyn.views.teachers_plane(ax, theory)
ax.legend(loc="upper left")

# %%
# On the way there:
plt.rcParams["animation.html"] = "jshtml"
fig, ax = plt.subplots(figsize=(5, 4.8))


def draw(alpha):
    """One frame."""
    ax.clear()
    stdyn.views.teachers_plane(ax, theory, alpha)
    at = np.abs(theory.alphas - alpha).argmin()
    ax.set_title(rf"$\alpha$ = {alpha:.4g}, $\epsilon_g$ = {theory.eps_g[at]:.2g}")
    ax.legend(loc="upper left")


FuncAnimation(fig, draw, frames=frames, interval=125)
