"""The length of the plateau against the spectrum of the inputs: python examples/spectrum_numbers.py [FOLDER]

K = M = 2, by the ODEs, FA and BP, with the second layer fixed and learned. Into the folder, figures/ by default, goes
spectrum_plateaus.png: against the exponent of a power law, and against the condition number of two groups of equal
size. (2 minutes)
"""

import sys
from pathlib import Path

import numpy as np

import stdyn

N, GROUPS = 1000, 32  # of the power law
ETA, FEEDBACK = 0.2, [1.2, 0.8]
EXPONENTS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
CONDITIONS = (1, 2, 3, 4, 6, 8, 12, 16)
ALPHAS = np.array([0, *np.geomspace(0.05, 1e4, 300)])
CURVES = {  # rule, eta_v, v at the start
    "BP, v fixed": ("bp", 0.0, 1.0),
    "FA, v fixed": ("fa", 0.0, 1.0),
    "BP, v learned": ("bp", ETA, 0.1),
    "FA, v learned": ("fa", ETA, 0.1),
}


def problem(curve, inputs):
    """Two students that are alike but for an overlap of 0.001 with a teacher unit each, spread over all directions."""
    rule, eta_v, v = CURVES[curve]
    start = stdyn.initial.prepared(2, 2, q=0.2, r=0.001, v=v, inputs=inputs)
    return stdyn.Problem(start, rule=rule, b=FEEDBACK if rule == "fa" else None, eta=ETA, eta_v=eta_v)


def two_groups(condition):
    """Two groups of equal size and mean variance 1."""
    return stdyn.Inputs.spectrum(np.array([condition, 1]) * 2 / (condition + 1), [0.5, 0.5])


def solved(curve, inputs):
    """The theory, and what its plateaus are."""
    theory = stdyn.integrate(problem(curve, inputs), ALPHAS, method="LSODA", rtol=1e-8)
    found = stdyn.summary.flat_stretches(theory.alphas, theory.eps_g)
    said = "; ".join(f"{each.start:.3g} to {each.end:.4g} at {each.height:.3g}" for each in found)
    return theory, said or "none"


def main(folder="figures"):
    """Draw and print."""
    exponents, conditions = [], []
    for curve in CURVES:
        print(f"{curve}: plateaus of eps_g, by the exponent of the spectrum and by the condition number")
        for exponent in EXPONENTS:
            inputs = stdyn.Inputs.power_law(exponent, N, GROUPS, bins="variance")
            theory, said = solved(curve, inputs)
            exponents.append((curve, exponent, theory))
            print(f"  exponent {exponent:g}: {said}", flush=True)
        for condition in CONDITIONS:
            theory, said = solved(curve, two_groups(condition))
            conditions.append((curve, condition, theory))
            print(f"  condition number {condition:g}: {said}")
    for groups in (GROUPS // 2, GROUPS, 2 * GROUPS):
        inputs = stdyn.Inputs.power_law(0.5, N, groups, bins="variance")
        print(f"BP, v fixed, exponent 0.5 in {inputs.groups} groups: {solved('BP, v fixed', inputs)[1]}")
    figure = stdyn.inputplot.spectrum_figure(exponents, conditions)
    figure.savefig(Path(folder) / "spectrum_plateaus.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
