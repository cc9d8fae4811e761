"""
Runs in the ellipses that theory predicts
=========================================

How runs of N = 2000 inputs scatter around the ODEs, in planes of two order parameters. The ellipses are predicted, 1 and 2
standard deviations wide, with no parameter fitted. Dots are 300 reduced runs.
"""

import matplotlib.pyplot as plt
import numpy as np

import stdyn

problem = stdyn.Experiment(K=2, M=2, N=2000, seed=2).problem("bp")
alphas = np.linspace(0, 120, 13)
found = stdyn.fluctuations(problem, alphas)
runs = stdyn.simulate_reduced(problem, alphas, runs=300, rng=1)
