"""
The spectrum of the Jacobian along a trajectory
===============================================

How small displacements of the order parameters grow or shrink at every alpha, under FA and under BP: the eigenvalues
of the Jacobian of the ODEs along their solution. Directions that grow are above zero. While some do, trajectories
part and runs of finite N scatter; when the last one crosses zero the student is on its way to a stable end. Under BP
directions grow from the beginning; under FA none does from alpha = 0.1 on until the plateau is near.
"""

import matplotlib.pyplot as plt
import numpy as np

import stdyn

experiment = stdyn.Experiment(K=3, M=3, alpha_max=3000, points=241)
theories = {rule: stdyn.integrate(experiment.problem(rule), experiment.alphas()) for rule in ("fa", "bp")}
spectra = {rule: stdyn.flow(theory.problem).spectrum(theory) for rule, theory in theories.items()}

# %%
# Off a fixed point eigenvalues depend on the coordinates. These are of (R, upper triangle of Q, v), and say what small
# displacements do for a short while.
plt.style.use("stdyn.stdyn")
fig, axes = plt.subplots(2, 2, figsize=(9, 5.6), sharex=True, sharey="row", height_ratios=[2, 1], layout="constrained")
for column, (rule, theory) in zip(axes.T, theories.items(), strict=True):
    stdyn.views.spectrum(column[0], theory, spectra[rule])
    theory.plot("eps_g", ax=column[1], color="black")
    column[0].set(title=rule.upper(), xlabel="")
    column[0].label_outer()
    column[1].label_outer()
axes[0, 0].legend(loc="upper left")

# %%
# How many directions grow, and the largest rate at which one does.
for rule, values in spectra.items():
    for alpha in (1, 10, 100, 1000, 3000):
        at = np.abs(theories[rule].alphas - alpha).argmin()
        grow = int((values[at].real > 1e-6).sum())
        print(f"{rule}, alpha = {alpha}: {grow} grow, largest real part {values[at, 0].real:.2g}")
