"""
How much runs scatter: bands that are predicted
===============================================

Theory beyond the mean predicts the covariance of the order parameters over runs of N inputs, and their bias, with no
parameter fitted. Here it is held to reduced runs of N = 500, under FA with K = M = 2. Where the linear theory is not
valid any more, when the plateau is left, it says so and the bands are grey.
"""

import numpy as np

import stdyn

problem = stdyn.Experiment(K=2, M=2, N=500).problem("fa")
alphas = np.unique(np.rint(np.geomspace(1, 400, 41) * 500)) / 500
alphas = np.concatenate([[0], alphas])
found = stdyn.fluctuations(problem, alphas)
runs = stdyn.simulate_reduced(problem, alphas, runs=64, rng=1)

stdyn.theoryplot.fluctuations_figure(found, [runs])

# %%
# The runs held to the ODEs, the bias and the scatter.
print(stdyn.compare(runs, found))
