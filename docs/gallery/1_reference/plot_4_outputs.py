"""
Three outputs, aligning one by one
==================================

The reference experiment with one output and with three. With three outputs each has a feedback vector of its own, and
each column of the second layer turns towards its own. Thin lines are the single outputs.
"""

import numpy as np

import stdyn

# %%
# Each teacher unit has a vector of length 1 to the three outputs, so that it is as strong as at one output. The labels
# of the outputs are uncorrelated and of equal variance.
angles = 2 * np.pi * np.arange(5) / 5
v_teacher = np.sqrt(np.column_stack([np.ones(5), 2 * np.ones(5), 2 * np.ones(5)]) / 3)
v_teacher[:, 1] *= np.cos(angles)
v_teacher[:, 2] *= np.sin(angles)
one = stdyn.Experiment(alpha_max=600, points=81)
three = stdyn.Experiment(
    outputs=3, v_teacher=v_teacher, v_scale=0.1 / 3**0.5, b_scale=1 / 3**0.5, alpha_max=600, points=81
)

# %%
# One output on the left, three on the right.
found = []
for experiment in (one, three):
    for rule in ("fa", "bp"):
        problem = experiment.problem(rule)
        found.append(stdyn.integrate(problem, experiment.alphas()))
        found.append(stdyn.simulate_reduced(problem, experiment.alphas(), 8, rng=np.random.default_rng(1)))

stdyn.outputplot.outputs_page(found)

# %%
# The order parameters of the student with three outputs under FA.
(fa,) = stdyn.plot.pair_up(found[4:6])
stdyn.plot.order_parameters_figure(fa)
