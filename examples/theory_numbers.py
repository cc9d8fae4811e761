"""The numbers that docs give of theory beyond the mean: python examples/theory_numbers.py   (a minute)

Where linear noise is valid, and which fixed points feedback alignment has that backpropagation lacks.
"""

from dataclasses import replace
from itertools import product

import numpy as np

import stdyn
from stdyn.analysis.escape import time_below


def main():
    """Print them."""
    validity()
    perfect_solutions()
    plateaus()
    traps()
    slow_saddle()


def validity(runs=4000):
    """Predicted standard deviations against those of reduced runs, and `nonlinearity`, on and after a plateau."""
    for rule, N, sigma in (("fa", 100, 0.0), ("bp", 500, 0.3)):
        problem = stdyn.Experiment(K=2, M=2, N=N, sigma=sigma).problem(rule)
        found = stdyn.fluctuations(problem, np.rint(np.geomspace(1, 300, 13) * N) / N)
        seen = stdyn.simulate_reduced(problem, found.alphas, runs, rng=np.random.default_rng(1))
        for j, alpha in enumerate(found.alphas):
            names = ["R", "Q", "v"] + ["F"] * (rule == "fa")
            ratios = [(getattr(seen, name)[:, j].std(axis=0) / getattr(found.std, name)[j]).ravel() for name in names]
            wrong = np.abs(np.concatenate(ratios) - 1).max()
            print(
                f"{rule}, N = {N}, alpha = {alpha:.0f}: nonlinearity {found.nonlinearity[j]:.3f},"
                f" largest error of a standard deviation {wrong:.0%} (chance: {3 / np.sqrt(2 * runs):.0%})"
            )


def perfect_solutions():
    """The four signs of the perfect student of two units under either rule, both layers, b = (1, 0.5)."""
    start = stdyn.initial.prepared(2, 2, 0.2, 0.0)
    for rule, b in (("bp", None), ("fa", [1.0, 0.5])):
        problem = stdyn.Problem(start, rule=rule, b=b, eta=0.5, eta_v=0.5)
        starts = [
            stdyn.OrderParameters(np.diag(signs), np.eye(2), np.eye(2), np.array(signs, dtype=float), np.ones(2))
            for signs in product((1, -1), repeat=2)
        ]
        for point in stdyn.fixed_points(problem, starts):
            print(f"{rule}: v = {np.round(point.state.v)}, found from {point.found} of 4 signs: {point}")


def plateaus():
    """The saddle of the plateau of two units, v frozen at 1, under either rule; and what both layers have."""
    start = stdyn.initial.prepared(2, 2, 0.2, 0.0)
    for rule, b in (("bp", None), ("fa", [1.0, 0.5])):
        for eta_v in (0.0, 0.5):
            problem = stdyn.Problem(start, rule=rule, b=b, eta=0.5, eta_v=eta_v)
            points = stdyn.fixed_points(problem, number_of_starts=200, rng=np.random.default_rng(1))
            for point in points:
                print(f"{rule}, eta_v = {eta_v:g}: found {point.found}: {point}")
    problem = stdyn.Problem(start, rule="fa", b=[1.0, -0.5], eta=0.5, eta_v=0.0)
    for point in stdyn.fixed_points(problem, number_of_starts=200, rng=np.random.default_rng(1)):
        print(f"fa, b_2 < 0, v frozen: found {point.found}: {point}")


def traps():
    """The stable point with one long, all but silent unit that either rule has besides perfect learning."""
    for rule, b, near in (
        ("bp", None, [[0.54, 0.54], [-3.4, -3.4], [0.59, -3.7, 24.6], [1.65, 0.0376]]),
        ("fa", [1.0, 0.5], [[0.51, 0.51], [-2.84, -2.84], [0.53, -2.9, 16.3], [1.75, 0.036]]),
    ):
        first, second, Q, v = near
        start = stdyn.OrderParameters([first, second], [[Q[0], Q[1]], [Q[1], Q[2]]], np.eye(2), v, np.ones(2))
        problem = stdyn.Problem(start, rule=rule, b=b, eta=0.5, eta_v=0.5)
        for point in stdyn.fixed_points(problem, [start]):
            print(f"{rule}: {point}, Q_22 = {point.state.Q[1, 1]:.1f}, v = {np.round(point.state.v, 3)}")


def slow_saddle(runs=1000):
    """The median escape from R = 0, predicted and of reduced runs; the saddle has slow directions, and none."""
    start = stdyn.initial.prepared(2, 2, 0.2, 0.0)
    for eta in (0.5, 1.5):
        problem = stdyn.Problem(start, eta=eta, eta_v=0.0)
        times = stdyn.escape_times(problem, rng=np.random.default_rng(0))
        slowest = max(value for value in times.saddle.eigenvalues.real if value < 0)
        for N in (100, 1000):
            alphas = np.linspace(0, 500, 501)
            seen = stdyn.simulate_reduced(replace(problem, N=N), alphas, runs, rng=np.random.default_rng(1))
            middle = np.median(time_below(seen.alphas, seen.eps_g, times.level))
            print(
                f"eta = {eta:g}: lambda = {times.rate:.3f}, slowest decay {slowest:.3f}; N = {N}: left at alpha ="
                f" {middle:.0f} in the median, predicted {np.median(times.at(N)) / middle - 1:+.0%}"
            )


if __name__ == "__main__":
    main()
