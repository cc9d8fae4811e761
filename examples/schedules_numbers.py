"""A learning rate that falls, in a problem with label noise: python examples/schedules_numbers.py [FOLDER]

K = M = 2, sigma = 0.3, backpropagation. Into the folder, figures/ by default, goes schedules_generalization.png: eta =
eta_v constant, falling as 1 / alpha from the beginning (two of them), and from alpha = 200 on. (2 minutes)
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import stdyn
from stdyn import schedule
from stdyn.figures.pairs import pair_up

NAMED = (30.0, 100.0, 300.0, 1000.0, 3000.0)  # alphas
ALPHAS = np.unique([0.0, *np.geomspace(1, 3000, 81), *NAMED])
NETWORKS, REDUCED = 2, 16
RATES = {
    "constant": 1.0,
    "falling fast": schedule.hyperbolic(value=1, scale=20),
    "falling": schedule.hyperbolic(value=1, scale=50),
    "falling later": schedule.pieces(at=[0, 200], value=[1, schedule.hyperbolic(value=1, scale=50)]),
}


def main(folder="figures"):
    """Draw and print."""
    problem = stdyn.Experiment(K=2, M=2, N=500, sigma=0.3, eta=1.0, eta_v=1.0).problem("bp")
    found = []
    for name, rate in RATES.items():
        each = replace(problem, eta=rate, eta_v=rate)
        theory = stdyn.integrate(each, ALPHAS)
        network = stdyn.simulate_network(each, ALPHAS, runs=NETWORKS, rng=np.random.default_rng(1))
        found += [theory, network, stdyn.simulate_reduced(each, ALPHAS, runs=REDUCED, rng=np.random.default_rng(2))]
        eps_g = theory.eps_g[np.searchsorted(theory.alphas, NAMED)]
        slope = np.log(eps_g[-1] / eps_g[-2]) / np.log(NAMED[-1] / NAMED[-2])
        print(f"{name}: eps_g at alpha = 30, 100, 300, 1000, 3000:", *(f"{each:.2g}" for each in eps_g),
              f"falls as alpha^{slope:.2f} at the end")  # fmt: skip
        print(f"    eps_g alpha / sigma^2 at the end: {eps_g[-1] * NAMED[-1] / 0.3**2:.2f}")
    stdyn.plot.generalization_figure(pair_up(found), brief=True).savefig(Path(folder) / "schedules_generalization.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
