"""Measure the activations and print a table: python benchmarks/activations.py   (about three minutes)

The reference problem with each activation: right-hand side of the ODEs, whole integrations, a step of both simulators
beside that of erf. One core, warm; medians of what is measured in turns in the same run.
"""

from dataclasses import replace

import numpy as np
from run import cores, heading, in_turns, largest_error, looped, machine, packed, reference, row

import stdyn
from stdyn.kernels import equations
from stdyn.model.activations import BUILT_IN

TARGETS = {"relu": 3000, "tanh": 2000, "linear": 20}  # us of a right-hand side
RATIO = {"linear", "relu", "tanh"}  # whose simulators may take 1.3 times what erf does


def of(activation, **changes):
    """The reference problem with another activation."""
    return replace(reference(), activation=activation, **changes)


def right_hand_sides():
    """One evaluation at the random start; ReLU also where students lie 0.01 from their teachers."""
    heading("Right-hand side of the ODEs, K = M = 5, FA")
    for name in BUILT_IN:
        problem = of(name)
        arguments = packed(problem)
        number = 2000 if problem.activation.terms is not None or name == "linear" else 20
        time = np.median(in_turns([looped(equations.right_hand_side, *arguments, number=number)], 9)) / number
        row(name, time, "us", TARGETS.get(name), problem.by_quadrature * f"{problem.quadrature} points, both signs")
    near = learned(of("relu"), 0.01)
    loop = looped(equations.right_hand_side, *packed(near), number=100)
    row("relu, 0.01 from perfect learning", np.median(in_turns([loop], 9)) / 100, "us", TARGETS["relu"])
    square = replace(of("square"), start=stdyn.initial.prepared(2, 2, r=0.1), b=np.ones(2))
    loop = looped(equations.right_hand_side, *packed(square), number=1000)
    row("square, K = M = 2, exact", np.median(in_turns([loop], 9)) / 1000, "us")


def learned(problem, distance):
    """The problem where every student is its teacher plus a random vector of this length."""
    T, K = problem.start.T, problem.start.K
    noise = np.random.default_rng(1).standard_normal((K, 2 * K))
    W = np.hstack([np.linalg.cholesky(T), np.zeros((K, K))]) + distance * noise / np.sqrt(2 * K)
    start = replace(problem.start, R=W[:, :K] @ np.linalg.cholesky(T).T, Q=W @ W.T, v=problem.start.v_teacher)
    return replace(problem, start=start)


def odes():
    """stdyn.integrate to alpha = 100, with the error it reports; GELU beside four times the points."""
    heading("ODEs to alpha = 100, K = M = 5, both layers trained, eta = 0.2, 101 alphas")
    alphas = np.linspace(0, 100, 101)
    for name in ("erf", "linear", "relu", "tanh", "gelu", "sigmoid"):
        problem = of(name, eta=0.2, eta_v=0.2)
        theory = stdyn.integrate(problem, alphas)
        time = np.median(in_turns([lambda p=problem: stdyn.integrate(p, alphas)], 1 if theory.error else 5))
        note = ""
        if theory.error:
            said = max(error.max() for error in theory.error.values())
            better = stdyn.integrate(replace(problem, quadrature=4 * problem.quadrature), alphas)
            away = largest_error(theory, better)
            note = f"largest standard error reported {said:.1e}; {away:.1e} from the solution with 4 times the points"
        row(name, time, "s", note=note)


def simulators():
    """A step of the network and of 256 reduced runs, over that of erf measured in the same turns."""
    heading("A step of a simulation over that of erf, N = 500, K = M = 5, FA, one core")
    problems = [of(name, eta=0.01, eta_v=0.01) for name in BUILT_IN]

    def network(problem):
        return lambda: stdyn.simulate_network(problem, [20.0], rng=np.random.default_rng(1), workers=1)

    def reduced(problem):
        return lambda: stdyn.simulate_reduced(problem, [2.0], 256, rng=np.random.default_rng(1), workers=1)

    for label, simulate in (("network", network), ("256 reduced runs", reduced)):
        turns = in_turns([simulate(problem) for problem in problems], 9)
        for n, problem in enumerate(problems[1:], 1):
            target = 1.3 if str(problem.activation) in RATIO else None
            row(f"{label}, {problem.activation}", np.median(turns[:, n] / turns[:, 0]), "x", target)


def main():
    """Print the table."""
    print(f"{machine()}\n\n| quantity | measured | target | notes |\n|---|---|---|---|")
    with cores(1):
        right_hand_sides()
        odes()
        simulators()


if __name__ == "__main__":
    main()
