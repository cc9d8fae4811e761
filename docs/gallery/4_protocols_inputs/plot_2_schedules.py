"""
A learning rate that falls, where labels are noisy
==================================================

With label noise a constant learning rate ends on a floor. One that falls as 1/α goes on to learn. It can fall too
early, though: then the plateau is left later.
"""

from dataclasses import replace

import numpy as np

import stdyn
from stdyn import schedule

problem = stdyn.Experiment(K=2, M=2, N=500, sigma=0.3, eta=1.0, eta_v=1.0).problem("bp")
alphas = np.concatenate([[0], np.geomspace(1, 3000, 81)])
rates = {
    "constant": 1.0,
    "falling fast": schedule.hyperbolic(value=1, scale=20),
    "falling": schedule.hyperbolic(value=1, scale=50),
    "falling later": schedule.pieces(at=[0, 200], value=[1, schedule.hyperbolic(value=1, scale=50)]),
}

theories = [stdyn.integrate(replace(problem, eta=rate, eta_v=rate), alphas) for rate in rates.values()]
for name, theory in zip(rates, theories, strict=True):
    print(f"{name}: eps_g = {theory.eps_g[-1]:.2g} at alpha = {alphas[-1]:g}")

stdyn.plot.generalization_figure(stdyn.plot.pair_up(theories))
