"""
The limit N → ∞, reached
========================

How far runs of N inputs are from the ODEs at alpha = 4. The deviation of a single run falls as 1/√N. That of the mean
of many runs falls as 1/N: it is the bias of finite N, and is seen where runs are so many that it stands out of their
scatter. Reduced runs have the law of networks without N-dimensional vectors, so that an example costs the same at any
N.
"""

from dataclasses import replace

import numpy as np

import stdyn

experiment = stdyn.Experiment(K=2, M=2, alpha_max=4, points=9, spacing="linear")
runs_at = {50: 8192, 100: 4096, 1000: 256, 10_000: 32}

found = []
for rule in ("fa", "bp"):
    problem = experiment.problem(rule)
    found.append(stdyn.integrate(problem, experiment.alphas()))
    for N, runs in runs_at.items():
        sized = replace(problem, N=N)
        found.append(stdyn.simulate_reduced(sized, experiment.alphas(), runs, rng=np.random.default_rng(N)))

stdyn.plot.figures(found)["deviation"]
