"""
Feedback that is fixed, learned, or that of backpropagation
===========================================================

FA, the rule of Kolen and Pollack (KP) and BP from one start, with weight decay of the second layer. Under KP the
feedback weights b learn by the same change as v, so that their difference decays as exp(−decay_v α), and KP becomes
BP.
"""

from dataclasses import replace

import numpy as np

import stdyn

fa = replace(stdyn.Experiment().problem("fa"), decay_v=0.005)
problems = [fa, replace(fa, rule="kp"), replace(fa, rule="bp", b=None)]
alphas = np.concatenate([[0], np.geomspace(0.1, 1000, 81)])

found = []
for problem in problems:
    found.append(stdyn.integrate(problem, alphas))
    found.append(stdyn.simulate_reduced(problem, alphas, runs=4, rng=1))

stdyn.protocolplot.rules_figure(stdyn.plot.pair_up(found))

# %%
# The law of KP, to rounding.
kp = found[2]
apart = np.linalg.norm(kp.b - kp.v, axis=1)
print(np.abs(apart / (apart[0] * np.exp(-0.005 * alphas)) - 1).max())
