"""What schedules, tasks, rules and regimes cost: python benchmarks/protocols.py [--quick]

Everything is measured in turns in one run, warm, on one core, in CPU seconds; a ratio is the median of the ratios of
each turn, of a problem that changes with alpha over the same with constant rates.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import sys
from dataclasses import replace
from time import process_time

import numpy as np
from run import in_turns

import stdyn
from stdyn import schedule
from stdyn.theory import stepping

REPEATS = 5 if "--quick" in sys.argv[1:] else 21
ALPHAS = np.concatenate([[0], np.geomspace(0.1, 1000, 121)])
SHORT = np.linspace(0, 20, 21)


def problem(K, rule="fa", M=None, **more):
    """The reference experiment: N = 500, erf, both layers, from a random start."""
    rng = np.random.default_rng(1)
    start = stdyn.initial.random_weights(K, M or K, 500, 0.2, rng, v=0.1 * rng.standard_normal(K))
    b = None if rule == "bp" else rng.standard_normal(K)
    return stdyn.Problem(start, rule=rule, b=b, **{"eta": 0.5, "eta_v": 0.5} | more)


def right_hand_sides(problem, alphas):
    """How many right-hand sides a solution takes."""
    counted, call = [0], stepping.Equations.__call__

    def count(self, alpha, s):
        counted[0] += 1
        return call(self, alpha, s)

    stepping.Equations.__call__ = count
    try:
        stdyn.integrate(problem, alphas)
    finally:
        stepping.Equations.__call__ = call
    return counted[0]


def row(name, seconds, note=""):
    """A line of the table: the median, and the median ratio to the first column."""
    ratios = np.median(seconds[:, 1:] / seconds[:, :1], axis=0)
    times = " ".join(f"{1e3 * value:8.1f} ms" for value in np.median(seconds, axis=0))
    print(f"| {name} | {times} | {' '.join(f'{ratio:.3f}' for ratio in ratios)} | {note} |")


def integration(K):
    """Constant eta against schedules that are constant in value, and so take the same steps; against real ones."""
    constant = problem(K)
    same = [
        replace(constant, eta=schedule.hyperbolic(0.5, 1e30)),
        replace(constant, eta=schedule.hyperbolic(0.5, 1e30), eta_v=schedule.exponential(0.5, 1e30)),
    ]
    calls = [lambda each=each: stdyn.integrate(each, ALPHAS) for each in (constant, *same)]
    row(
        f"integrate, K = M = {K}: constant; eta hyperbolic; eta and eta_v",
        in_turns(calls, REPEATS, process_time),
        "the same steps",
    )
    annealed = replace(constant, eta=schedule.hyperbolic(1.0, 50.0))
    calls = [lambda each=each: stdyn.integrate(each, ALPHAS) for each in (constant, annealed)]
    counts = [right_hand_sides(each, ALPHAS) for each in (constant, annealed)]
    row(
        f"integrate, K = M = {K}: constant; 1/(1 + alpha/50)",
        in_turns(calls, REPEATS, process_time),
        f"right-hand sides: {counts}",
    )


def switch():
    """A switch to the same task again costs a restart; to another one what that takes to learn."""
    plain = problem(4, M=4)
    v_teacher = plain.start.v_teacher
    again = replace(plain, tasks=stdyn.Tasks([v_teacher, v_teacher.copy()], [0, 60]))
    calls = [lambda each=each: stdyn.integrate(each, ALPHAS) for each in (plain, again)]
    counts = [right_hand_sides(each, ALPHAS) for each in (plain, again)]
    row(
        "integrate, K = M = 4: one task; a switch to the same one",
        in_turns(calls, REPEATS, process_time),
        f"right-hand sides: {counts}",
    )


def simulation():
    """Steps of both simulators with a schedule, a batch, the sphere and drift."""
    constant = problem(5)
    cases = [
        constant,
        replace(constant, eta=schedule.hyperbolic(0.5, 1e30)),
        replace(constant, batch=4),
        replace(constant, sphere=True),
        replace(constant, drift=0.01),
    ]
    for name, simulate, runs in (("network", stdyn.simulate_network, 2), ("reduced", stdyn.simulate_reduced, 64)):
        calls = [
            lambda each=each, simulate=simulate, runs=runs: simulate(
                each, SHORT, runs, rng=np.random.default_rng(1), workers=1
            )
            for each in cases
        ]
        row(
            f"{name}, N = 500, K = M = 5: constant; hyperbolic; batch 4; sphere; drift",
            in_turns(calls, REPEATS, process_time),
            f"{runs} runs",
        )


if __name__ == "__main__":
    print("| what | CPU time | ratio to the first | notes |\n|---|---|---|---|")
    integration(2)
    integration(5)
    switch()
    simulation()
