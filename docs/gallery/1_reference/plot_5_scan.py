"""
A scan: many starts and learning rates, FA and BP
=================================================

``stdyn.scan`` solves many problems into one file. Here the learning rate and the size of the second layer at the
start vary, with three random starts each, under FA and under BP. The file is in a temporary folder. A scan of
thousands of points goes on where it was stopped.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import stdyn

experiment = stdyn.Experiment(K=2, M=2, rule="both", alpha_max=3000, points=81)
varied = {"eta=eta_v": np.geomspace(0.1, 1.5, 6), "v_scale": np.geomspace(0.01, 1, 5), "draw": range(1, 4)}
points = stdyn.Variations(experiment, varied)
print(len(points), "points")

folder = TemporaryDirectory()
solve = partial(stdyn.integrate, method="LSODA", rtol=1e-6)
scan = stdyn.scan(points, experiment.alphas(), Path(folder.name) / "scan.h5", solve, keep="curves")

# %%
# The length of the plateau over both, in the median over the starts. Larger rates make it shorter, and
# it is shorter under FA almost everywhere.
stdyn.scanplot.map_figure(scan, "plateau_length", "eta=eta_v", "v_scale")

# %%
# How the numbers of all points are distributed.
stdyn.scanplot.histograms_figure(scan)

# %%
# FA against BP of the same starts.
stdyn.scanplot.rules_figure(scan)

# %%
# The numbers of the points are an ``xarray.Dataset``. The median length of the plateau:
data = scan.to_xarray()
for rule in ("fa", "bp"):
    lengths = data.plateau_length[data.rule == rule]
    print(f"{rule}: {float(lengths.median()):.0f}, not left at {int(np.isinf(lengths).sum())} of {lengths.size} points")
folder.cleanup()
