"""
ReLU units, and the sign of the feedback
========================================

The reference experiment with ReLU units and η = 0.1, by the ODEs. A student unit whose feedback weight is negative
learns the opposite of what it should as long as its weight v is positive. An erf unit can turn around, w and v to −w
and −v, without a change of its output; a ReLU unit cannot. So FA ends with an error that BP does not have.
"""

from dataclasses import replace

import numpy as np

import stdyn

experiment = stdyn.Experiment(activation="relu", eta=0.1, eta_v=0.1, points=81)
fa, bp = experiment.problem("fa"), experiment.problem("bp")
positive = replace(fa, b=np.abs(fa.b))
print("b =", fa.b.round(2))

theories = [stdyn.integrate(each, experiment.alphas(), method="LSODA", rtol=1e-7) for each in (fa, positive, bp)]
for name, theory in zip(("FA with b", "FA with |b|", "BP"), theories, strict=True):
    print(f"{name}: eps_g = {theory.eps_g[-1]:.2g} at alpha = {theory.alphas[-1]:g}, v = {theory.v[-1].round(2)}")

# %%
# FA with these feedback weights ("b 1"), FA with their absolute values ("b 2"), and BP.
pairs = stdyn.plot.pair_up(theories)
stdyn.plot.generalization_figure(pairs)

# %%
# The order parameters under FA. Units 2 and 5 have the negative feedback weights, which stand as triangles on the right
# of (c). Their largest overlap (thick in (a)) becomes negative: they learn the opposite of teacher unit 2.
stdyn.plot.order_parameters_figure(pairs[0])
