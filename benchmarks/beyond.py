"""Measure theory beyond the mean and print a table: python benchmarks/beyond.py   (about two minutes)

Fluctuations of the reference problem to alpha = 1000, 121 alphas; their parts; fixed points. Medians of 5, warm.
"""

from time import perf_counter

import numpy as np
from run import heading, machine, row

import stdyn
from stdyn.theory.expansion import Expansion
from stdyn.theory.propagation import quadrature_points


def median(function, *arguments, repeats=5, times=1):
    """The median time of a call, the first one not counted; of as many as `times` at once."""
    function(*arguments)
    elapsed = []
    for _ in range(repeats):
        began = perf_counter()
        for _ in range(times):
            function(*arguments)
        elapsed.append((perf_counter() - began) / times)
    return float(np.median(elapsed))


def fluctuating(units):
    """Fluctuations of both rules, and what they are made of."""
    experiment = stdyn.Experiment(K=units, M=units, alpha_max=1000.0)
    heading(f"Fluctuations to alpha = 1000, K = M = {units}, both layers, 121 alphas")
    for rule in ("fa", "bp"):
        problem = experiment.problem(rule)
        found = stdyn.fluctuations(problem, experiment.alphas())
        time = median(stdyn.fluctuations, problem, experiment.alphas())
        note = f"quadrature error {found.quadrature_error:.1%} of a standard deviation"
        row(f"`stdyn.fluctuations`, {rule.upper()}", time, "s", 20 if units == 5 else None, note)
    expansion, start = Expansion(problem), problem.start
    w = expansion.to_w(expansion.pack(start.R, start.Q, start.v))
    row("Jacobian", median(expansion.jacobian, w, times=100), "ms")
    row(
        "diffusion, 8 x 4096 examples, one core",
        median(expansion.diffusion, w, quadrature_points(expansion, 2**12)),
        "ms",
    )


def fixed(units):
    """Fixed points from 50 random starts."""
    problem = stdyn.Experiment(K=units, M=units).problem("bp")

    def search():
        return stdyn.fixed_points(problem, number_of_starts=50, rng=np.random.default_rng(1))

    found = search()
    note = f"{sum(point.found for point in found)} roots, {len(found)} different"
    row(f"`stdyn.fixed_points`, 50 random starts, BP, K = M = {units}", median(search, repeats=3), "s", note=note)


def main():
    """Print the table."""
    print(f"{machine()}\n\n| quantity | measured | target | notes |\n|---|---|---|---|")
    for units in (2, 5):
        fluctuating(units)
    heading("Fixed points, both layers")
    for units in (2, 5):
        fixed(units)


if __name__ == "__main__":
    main()
