"""
Feedback alignment and backpropagation, runs on theory
======================================================

Five student units learn both layers from five teacher units, by feedback alignment (FA) and by backpropagation (BP).
Lines are the ODEs for N → ∞, markers are networks of N = 500 inputs, and bands are reduced runs, which have the same
law. The figures of the project go to alpha = 3000 with 16 networks; these stop at 600 with two, which takes seconds.
"""

import numpy as np

import stdyn

experiment = stdyn.Experiment(K=5, M=5, N=500, alpha_max=600, points=81)
alphas = experiment.alphas()

found = []
for rule in ("fa", "bp"):
    problem = experiment.problem(rule)
    found += [
        stdyn.integrate(problem, alphas),
        stdyn.simulate_network(problem, alphas, runs=2, rng=np.random.default_rng(1)),
        stdyn.simulate_reduced(problem, alphas, runs=8, rng=np.random.default_rng(2)),
    ]
figures = stdyn.plot.figures(found)

# %%
# The generalization error falls, waits on a plateau while all student units are alike, and falls again when they
# specialise.
figures["generalization"]

# %%
# Under FA the second layer turns towards the fixed feedback weights b: F = v · b grows, and so does the cosine.
figures["alignment"]

# %%
# The order parameters of FA. Thick lines in the first panel are the overlap of a student unit with the teacher unit
# that it ends on.
figures["fa_order_parameters"]

# %%
# Those of BP, from the same start.
figures["bp_order_parameters"]

# %%
# How far the networks are from the theory, and whether chance allows it. Two networks are too few to decide much, so
# the reduced runs are compared.
print(stdyn.compare(found[2], found[0]))
