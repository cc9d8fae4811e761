"""
Two tasks, one after the other: what is forgotten
=================================================

A student learns one task until alpha = 100 and then another one, whose teacher units are more or less similar to
those of the first. Each task has a head of its own. Forgetting is the error of the first task at the end less that at
the end of its turn; transfer is how much better the second task begins than at alpha = 0.
"""

import numpy as np

import stdyn

K, N, turn = 4, 1000, 100.0
alphas = np.linspace(0, 2 * turn, 81)


def problem(rule, similarity):
    """Two tasks of two teacher units each, with this similarity; start and b are the same for all."""
    T, tasks = stdyn.similar(units=2, similarity=similarity, at=[0, turn], heads=2)
    rng = np.random.default_rng(2)
    v, b = 0.1 * rng.standard_normal((K, 2)), rng.standard_normal((K, 2))
    start = stdyn.initial.random_weights(K, 4, N, 0.2, rng, T, v, tasks.v_teacher[0])
    return stdyn.Problem(start, N=N, rule=rule, b=b if rule == "fa" else None, eta=1.0, eta_v=1.0, tasks=tasks)


results = []
for rule in ("fa", "bp"):
    for similarity in (0.0, 0.25, 0.5, 0.75, 1.0):
        given = problem(rule, similarity)
        theory = stdyn.integrate(given, alphas)
        runs = stdyn.simulate_reduced(given, alphas, runs=4, rng=2)
        results.append((rule.upper(), similarity, theory, runs))

# %%
# The error of both tasks at similarity 0.5. The dotted line is the switch.
half = [each for _, similarity, *both in results if similarity == 0.5 for each in both]
stdyn.plot.generalization_figure(stdyn.plot.pair_up(half))

# %%
# Forgetting and transfer against the similarity. In this draw of start and b transfer under FA is negative: the second
# task begins worse than at alpha = 0, the more so the more similar it is.
stdyn.protocolplot.forgetting_figure(results)
