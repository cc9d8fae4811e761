"""
ReLU units, and the sign of the feedback
========================================

The reference experiment with ReLU units and η = 0.1, by the ODEs. A student unit whose feedback weight is negative
learns the opposite of what it should as long as its weight v is positive. An erf unit can turn around, w and v to −w
and −v, without a change of its output; a ReLU unit cannot. So FA ends with an error that BP does not have.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import stdyn

experiment = stdyn.Experiment(activation="relu", eta=0.1, eta_v=0.1, points=81)
fa, bp = experiment.problem("fa"), experiment.problem("bp")
positive = replace(fa, b=np.abs(fa.b))
print("b =", fa.b.round(2))

theories = {}
for name, problem in {"FA with b": fa, "FA with |b|": positive, "BP": bp}.items():
    theories[name] = theory = stdyn.integrate(problem, experiment.alphas(), method="LSODA", rtol=1e-7)
    print(f"{name}: eps_g = {theory.eps_g[-1]:.2g} at the end, v = {theory.v[-1].round(2)}")

# %%
# FA with these feedback weights stays above 0.1. With their absolute values it learns like BP.
plt.style.use("stdyn.stdyn")
fig, ax = plt.subplots(layout="constrained")
for (name, theory), style in zip(theories.items(), ("-", "--", ":"), strict=True):
    theory.plot(ax=ax, label=name, linestyle=style)
ax.legend()

# %%
# The order parameters under FA. Units 2 and 5 have the negative feedback weights, which stand as triangles on the right
# of (c). Their largest overlap (thick in (a)) becomes negative: they learn the opposite of teacher unit 2.
(pair,) = stdyn.plot.pair_up([theories["FA with b"]])
stdyn.plot.order_parameters_figure(pair)
