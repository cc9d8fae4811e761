"""
When networks leave a symmetric plateau
=======================================

From a start that treats the teacher units alike the ODEs never leave the plateau. Networks do: their noise, of order
1/√N, grows on the saddle with its rate λ, so that they leave at about ln(N) / 2λ. The distribution is predicted, and
held to reduced runs.
"""

from dataclasses import replace

import numpy as np

import stdyn

start = stdyn.initial.prepared(2, 2, q=0.2, r=0.0)
symmetric = stdyn.Problem(start, eta=1.5, eta_v=0.0)
times = stdyn.escape_times(symmetric, draws=100, rng=1)
print(times.saddle)

# %%
# Runs have left when eps_g falls below half of the saddle's.
seen = {}
for N, runs in {100: 400, 1000: 64}.items():
    alphas = np.linspace(0, 1.1 * np.percentile(times.at(N), 99), 201)
    ensemble = stdyn.simulate_reduced(replace(symmetric, N=N), alphas, runs=runs, rng=N)
    seen[N] = ensemble.alpha_below(times.level)
print(times.report("bp", seen))

# %%
# When runs leave against N, and as distributions without the ln(N) / 2λ, which then are one.
stdyn.theoryplot.escape_figure([(symmetric, times, seen)])
