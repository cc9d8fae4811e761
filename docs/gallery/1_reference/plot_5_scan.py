"""
A scan: many starts, learning rates and feedback angles
=======================================================

``stdyn.scan`` solves many problems into one file. Here the learning rate and the angle between b and v(0) vary, and every
point has a random start of its own, under FA and under BP. The file is in a temporary folder. A scan of thousands of
points goes on where it was stopped.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import stdyn

experiment = stdyn.Experiment(K=2, M=2, rule="both", alpha_max=3000, points=81)
varied = {"eta=eta_v": np.geomspace(0.1, 1, 7), "b_angle": np.linspace(0, 180, 7), "draw": range(1, 7)}
points = stdyn.Variations(experiment, varied)
print(len(points), "points")

folder = TemporaryDirectory()
scan = stdyn.scan(points, experiment.alphas(), Path(folder.name) / "scan.h5", keep="curves")

# %%
# The length of the plateau over both, in the median over the draws.
stdyn.scanplot.map_figure(scan, "plateau_length", "eta=eta_v", "b_angle")

# %%
# How the numbers of all points are distributed.
stdyn.scanplot.histograms_figure(scan)

# %%
# FA against BP of the same starts.
stdyn.scanplot.rules_figure(scan)

# %%
# The same as an ``xarray.Dataset``.
data = scan.to_xarray()
print(data.plateau_length)
folder.cleanup()
