"""
Plateaus against the spectrum of the inputs
===========================================

Inputs whose variances fall as :math:`j^{-a}`, and inputs of two groups of equal size with other variances. The more the
spectrum is spread, the shorter the plateau. At a = 1 there is none.
"""

import numpy as np

import stdyn

alphas = np.concatenate([[0], np.geomspace(0.05, 1e4, 200)])


def solved(rule, inputs):
    """The ODEs of two students that are alike but for an overlap of 0.001 with a teacher unit each."""
    start = stdyn.initial.prepared(2, 2, q=0.2, r=0.001, v=1.0, inputs=inputs)
    b = [1.2, 0.8] if rule == "fa" else None
    problem = stdyn.Problem(start, rule=rule, b=b, eta=0.2, eta_v=0.0)
    return stdyn.integrate(problem, alphas, method="LSODA", rtol=1e-7)


exponents, conditions = [], []
for rule in ("bp", "fa"):
    for exponent in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        inputs = stdyn.Inputs.power_law(exponent, N=1000, groups=16, bins="variance")
        exponents.append((f"{rule.upper()}, v fixed", exponent, solved(rule, inputs)))
    for condition in (1, 2, 4, 8, 16):
        variances = np.array([condition, 1]) * 2 / (condition + 1)
        inputs = stdyn.Inputs.spectrum(variances, [0.5, 0.5])
        conditions.append((f"{rule.upper()}, v fixed", condition, solved(rule, inputs)))

stdyn.inputplot.spectrum_figure(exponents, conditions)
