"""Feedback alignment, Kolen-Pollack and backpropagation from one start: python examples/rules_numbers.py [FOLDER]

The reference experiment with a weight decay of the second layer. Into the folder, figures/ by default, goes
rules_rules.png. (2 minutes)
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import stdyn
from stdyn.figures.pairs import pair_up

DECAY_V = 0.005
NAMED = (10.0, 100.0, 300.0, 1000.0)  # alphas
ALPHAS = np.unique([0.0, *np.geomspace(0.1, 1000, 81), *NAMED])
NETWORKS, REDUCED = 4, 32
LEFT = 0.02  # eps_g below the plateau


def main(folder="figures"):
    """Draw and print."""
    fa = replace(stdyn.Experiment().problem("fa"), decay_v=DECAY_V)
    problems = [fa, replace(fa, rule="kp"), replace(fa, rule="bp", b=None)]
    found = []
    for each in problems:
        theory = stdyn.integrate(each, ALPHAS)
        network = stdyn.simulate_network(each, ALPHAS, runs=NETWORKS, rng=np.random.default_rng(1))
        reduced = stdyn.simulate_reduced(each, ALPHAS, runs=REDUCED, rng=np.random.default_rng(2))
        found += [theory, network, reduced]
        numbers(theory, network)
    stdyn.protocolplot.rules_figure(pair_up(found)).savefig(Path(folder) / "rules_rules.png")


def numbers(theory, network):
    """eps_g, the cosine of v and b, and how far they are apart."""
    at = np.searchsorted(theory.alphas, NAMED)
    left = theory.alphas[np.argmax((theory.eps_g < LEFT) & (theory.alphas > 1))]
    print(f"{theory.problem.rule}: eps_g < {LEFT} from alpha = {left:.0f}; at alpha = 10, 100, 300, 1000:")
    print("    eps_g", *(f"{eps_g:.2g}" for eps_g in theory.eps_g[at]))
    if theory.b is None:
        return
    print("    cosine of v and b", *(f"{cosine:.4f}" for cosine in theory.alignment[at]))
    print("    |b - v|", *(f"{apart:.2g}" for apart in np.linalg.norm(theory.b - theory.v, axis=-1)[at]))
    if theory.problem.rule == "kp":
        start, N = np.linalg.norm(theory.problem.b - theory.problem.start.v), theory.problem.N
        apart = np.linalg.norm(network.b - network.v, axis=-1)
        law = start * (1 - DECAY_V / N) ** np.rint(network.alphas * N)
        print(f"    |b - v| of the networks is |b - v|(0) (1 - decay_v / N)^steps to {np.abs(apart - law).max():.0e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
