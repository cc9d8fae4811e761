"""
A learning rate that falls, where labels are noisy
==================================================

With label noise a constant learning rate ends on a floor. One that falls as 1/α goes on to learn. It can fall too
early, though: then the plateau is left later (dashed).
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import stdyn
from stdyn import schedule

problem = stdyn.Experiment(K=2, M=2, N=500, sigma=0.3, eta=1.0, eta_v=1.0).problem("bp")
alphas = np.concatenate([[0], np.geomspace(1, 3000, 81)])
rates = {
    "1": 1.0,
    "1 / (1 + α / 20)": schedule.hyperbolic(value=1, scale=20),
    "1 / (1 + α / 50)": schedule.hyperbolic(value=1, scale=50),
    "1 until 200, then 1 / (1 + (α − 200) / 50)": schedule.pieces(
        at=[0, 200], value=[1, schedule.hyperbolic(value=1, scale=50)]
    ),
}

theories = [stdyn.integrate(replace(problem, eta=rate, eta_v=rate), alphas) for rate in rates.values()]
for name, theory in zip(rates, theories, strict=True):
    print(f"{name}: eps_g = {theory.eps_g[-1]:.2g} at alpha = {alphas[-1]:g}")

plt.style.use("stdyn.stdyn")
fig, ax = plt.subplots(layout="constrained")
for name, theory, style in zip(rates, theories, ("-", "--", ":", "-."), strict=True):
    theory.plot(ax=ax, label=name, linestyle=style)
ax.legend(title=r"$\eta = \eta_v$")
