"""What inputs with a spectrum cost to solve and to simulate: python benchmarks/structured.py [--quick]

Everything is measured in turns in one run, warm, on one core, in CPU seconds; a ratio is the median of the ratios of
each turn, of groups over isotropic inputs, or over one group.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import sys
from time import process_time

import numpy as np
from run import in_turns

import stdyn
from stdyn.kernels.equations import drift
from stdyn.theory import quadrature
from stdyn.theory.expansion import Expansion

REPEATS = 5 if "--quick" in sys.argv[1:] else 15
STEPS, RUNS, EVALUATIONS = 4000, 64, 2000


def problem(K, L, N):
    """FA from a random start, K = M, erf, both layers; L = 0: isotropic, else a power law in L groups of equal size."""
    rng = np.random.default_rng(1)
    inputs = stdyn.Inputs.power_law(1.0, N, L) if L else None
    start = stdyn.initial.random_weights(K, K, N, 0.2, rng, "random", 0.1 * rng.standard_normal(K), inputs=inputs)
    return stdyn.Problem(start, N=N, rule="fa", b=rng.standard_normal(K), eta=0.5, eta_v=0.5)


def runs_of(simulate, problem, runs, steps, **more):
    """A call that takes so many steps."""
    return lambda: simulate(problem, [steps / problem.N], runs, rng=np.random.default_rng(1), workers=1, **more)


def row(name, cases, calls, of_each):
    """A line of the table for every case: microseconds a step of a run, and the ratio to the first."""
    seconds = in_turns(calls, REPEATS, process_time)
    ratios = np.median(seconds / seconds[:, :1], axis=0)
    for case, time, ratio in zip(cases, np.median(seconds, axis=0), ratios, strict=True):
        print(f"| {name} | {case} | {1e6 * time / of_each:.3f} | {ratio:.2f} |", flush=True)


def odes(K):
    """The right-hand side and an integration, of equal groups: the same solution in the same steps of the solver."""
    rng = np.random.default_rng(1)
    start = stdyn.initial.random_weights(K, K, 500, 0.2, rng, v=0.5 * rng.standard_normal(K))
    cases = (0, 2, 4, 16, 64)
    equal = [stdyn.Inputs.spectrum(np.ones(L), np.full(L, 1 / L)) if L else None for L in cases]
    problems = [stdyn.Problem(start, inputs=each, eta=0.3, eta_v=0.3) for each in equal]
    names = [f"L = {L}" if L else "isotropic" for L in cases]
    states = [(Expansion(each).coordinates(each.start), quadrature.parameters(each)) for each in problems]
    calls = [lambda each=each: [drift(*each) for _ in range(EVALUATIONS)] for each in states]
    row(f"right-hand side, K = M = {K}", names, calls, EVALUATIONS)
    alphas = np.linspace(0, 1000, 101)
    row(f"integrate to 1000, K = M = {K}", names, [lambda p=p: stdyn.integrate(p, alphas) for p in problems], 1)


def all_directions():
    """A group for each of the 784 directions of a power law."""
    rng = np.random.default_rng(1)
    inputs = stdyn.Inputs.power_law(1.0, 784, 784)
    start = stdyn.initial.random_weights(2, 2, 784, 0.2, rng, "random", 0.5 * rng.standard_normal(2), inputs=inputs)
    problem, alphas = stdyn.Problem(start, eta=0.1, eta_v=0.1), np.linspace(0, 100, 101)
    row("integrate to 100, K = M = 2", ["L = 784"], [lambda: stdyn.integrate(problem, alphas)], 1)


def reduced(K):
    """Against the number of groups, and against N."""
    for name, cases in (
        ("groups", [(0, 2048), (1, 2048), (4, 2048), (16, 2048), (64, 2048)]),
        ("inputs", [(16, 64), (16, 512), (16, 4096), (16, 32768)]),
    ):
        calls = [runs_of(stdyn.simulate_reduced, problem(K, *case), RUNS, STEPS) for case in cases]
        said = [f"L = {L}, N = {N}" if L else f"isotropic, N = {N}" for L, N in cases]
        row(f"reduced, K = M = {K}, {RUNS} runs, by {name}", said, calls, RUNS * STEPS)


def network(K):
    """Generated inputs of 16 groups, and given examples, beside isotropic ones."""
    for N in (500, 2000):
        X = np.random.default_rng(1).standard_normal((STEPS, N))
        problems = problem(K, 0, N), problem(K, 16, N), problem(K, 16, N)
        calls = [
            runs_of(stdyn.simulate_network, each, 2, STEPS, **more)
            for each, more in zip(problems, ({}, {}, {"examples": X}), strict=True)
        ]
        said = ["isotropic", "16 groups", "16 groups, given examples"]
        row(f"network, K = M = {K}, N = {N}", said, calls, 2 * STEPS)


if __name__ == "__main__":
    print("| what | case | µs of a step of a run, or of a call | ratio to the first |\n|---|---|---|---|")
    all_directions()
    for K in (2, 5):
        odes(K)
        reduced(K)
        network(K)
