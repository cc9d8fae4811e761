"""
Plateaus, and the saddles that they hang on
===========================================

Two student units with a fixed second layer (a soft committee) under BP and under FA, from one start. The plateau of a
solution of the ODEs hangs on a saddle. How near the solution comes to it, and how fast its unstable direction grows,
predict when the plateau is left.
"""

import numpy as np

import stdyn

results = []
experiment = stdyn.Experiment(K=2, M=2, eta_v=0.0, v=1.0, b=[1.0, 0.5], alpha_max=3000, points=161)
for rule in ("fa", "bp"):
    theory = stdyn.integrate(experiment.problem(rule), experiment.alphas())
    plateaus = stdyn.plateaus(theory)
    points = stdyn.fixed_points(theory.problem, number_of_starts=30, rng=1)
    results.append((theory, plateaus, points))
    for each in plateaus:
        print(f"{rule}: plateau from {each.start:.3g} to {each.end:.3g}, predicted end {each.predicted_end:.3g}")

stdyn.theoryplot.plateaus_figure(results)

# %%
# The fixed points of FA: perfect learning is stable, the others are saddles.
for point in results[0][2]:
    print(point)

# %%
# The same plateau against the learning rate, for both rules. ``stdyn.study`` follows its saddle and its length.
varied = {"eta": np.geomspace(0.1, 1.5, 6)}
study = stdyn.study(stdyn.Variations(experiment, varied), experiment.alphas())
stdyn.theoryplot.study_figure(study, "plateau_length")
