"""
Runs in the ellipses that theory predicts
=========================================

How runs of N = 200 inputs scatter around the ODEs under FA, in two planes of order parameters. The ellipses are
predicted, 1 and 2 standard deviations wide, with no parameter fitted. Dots are 400 reduced runs.
"""

import matplotlib.pyplot as plt
import numpy as np

import stdyn

problem = stdyn.Experiment(K=2, M=2, N=200, seed=2).problem("fa")
alphas = [0, 1, 3, 10, 40, 80]
found = stdyn.fluctuations(problem, alphas)
runs = stdyn.simulate_reduced(problem, alphas, runs=400, rng=1)

# %%
# Student unit 1 first goes along both teacher units alike (R₁₁ = R₁₂), and runs differ in how far they are. On the
# plateau the ellipses turn: runs differ in how far unit 1 has made up its mind, so that R₁₁ and R₁₂ are anticorrelated.
plt.style.use("stdyn.stdyn")
fig, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, (x, y) in zip(axes, (("R[0,0]", "R[0,1]"), ("v[0]", "v[1]")), strict=True):
    stdyn.views.ellipses(ax, found, x, y, alphas=alphas[1:], runs=[runs])
axes[1].legend(loc="upper right")

# %%
# How many runs are in the ellipses, in the first plane. Of a normal distribution 39 % are within one standard deviation
# and 86 % within two.
for k, alpha in enumerate(alphas[1:], start=1):
    covariance = found.covariance[k][:2, :2]  # R[0,0] and R[0,1] come first
    apart = runs.R[:, k, 0] - (found.theory.R[k, 0] + found.bias.R[k, 0])
    squares = np.sum(apart * np.linalg.solve(covariance, apart.T).T, axis=1)
    print(f"alpha = {alpha:g}: {np.mean(squares < 1):.0%} and {np.mean(squares < 4):.0%}")
