"""What is forgotten of a task, against its similarity to the next one: python examples/tasks_numbers.py [FOLDER]

Two tasks of two teacher units each, one after the other, with a head of their own, learned by K = 4 student units: the
case of Lee, Goldt & Saxe (ICML 2021). Into the folder, figures/ by default, go tasks_forgetting.png and
tasks_generalization.png, of one draw of start and feedback weights with runs of N = 1000. The table is of 50 draws, by
the ODEs. (2 minutes)
"""

import sys
import warnings
from pathlib import Path

import numpy as np

import stdyn

K, UNITS, HEADS, N = 4, 2, 2, 1000
TURN = 300.0  # alphas of each task
SIMILARITIES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the first layers
OF_SECOND_LAYERS = (1.0, 0.0)
ALPHAS = np.linspace(0, 2 * TURN, 101)
RUNS, DRAWS = 8, 50


def problem(rule, similarity, similarity_v, seed=2):
    """A draw of start and feedback weights, the same for every rule and similarity; "fa, one b": that of head 1."""
    T, tasks = stdyn.similar(UNITS, similarity, similarity_v, at=[0, TURN], heads=HEADS)
    rng = np.random.default_rng(seed)
    v, b = 0.1 * rng.standard_normal((K, HEADS)), rng.standard_normal((K, HEADS))
    start = stdyn.initial.random_weights(K, HEADS * UNITS, N, 0.2, rng, T, v, tasks.v_teacher[0])
    b = np.repeat(b[:, :1], HEADS, axis=1) if rule == "fa, one b" else b
    feedback = {"rule": "bp"} if rule == "bp" else {"rule": "fa", "b": b}
    return stdyn.Problem(start, N=N, eta=1.0, eta_v=1.0, tasks=tasks, **feedback)


def one_draw(folder):
    """Both figures, and the numbers of the one of forgetting."""
    results = []
    print(f"one draw: forgetting of task 1 (transfer to task 2), theory and {RUNS} reduced runs at N = {N}")
    for similarity_v in OF_SECOND_LAYERS:
        for rule in ("fa", "bp"):
            for similarity in SIMILARITIES:
                given = problem(rule, similarity, similarity_v)
                theory = stdyn.integrate(given, ALPHAS)
                runs = stdyn.simulate_reduced(given, ALPHAS, runs=RUNS, rng=np.random.default_rng(2))
                results.append((f"{rule.upper()}, similarity_v = {similarity_v:g}", similarity, theory, runs))
                (lost, _), (_, gained), many = theory.forgetting, theory.transfer, runs.forgetting[:, 0]
                print(f"  {results[-1][0]}, similarity = {similarity:g}: {lost:.3f} ({gained:.3f}),"
                      f" runs {many.mean():.3f} ± {many.std():.3f}")  # fmt: skip
    stdyn.protocolplot.forgetting_figure(results).savefig(folder / "tasks_forgetting.png")
    middle = [each for name, similarity, *both in results if similarity == 0.5 and name.endswith("1") for each in both]
    stdyn.plot.figures(middle)["generalization"].savefig(folder / "tasks_generalization.png")


def five_draws():
    """How near runs of BP are to the theory, draw by draw, where they are furthest: what seed 2 was chosen by."""
    print("\nBP, similarity_v = 0, similarity = 0.25, forgetting of task 1 by the seed of the draw, theory and runs")
    for seed in range(1, 6):
        given = problem("bp", 0.25, 0.0, seed)
        theory = stdyn.integrate(given, ALPHAS)
        runs = stdyn.simulate_reduced(given, ALPHAS, runs=RUNS, rng=np.random.default_rng(2)).forgetting[:, 0]
        print(f"  seed {seed}: {theory.forgetting[0]:.3f}, runs {runs.mean():.3f} ± {runs.std():.3f}")


def many_draws():
    """Forgetting over draws of start and feedback weights, and at how many FA forgets more than BP."""
    ends = np.array([0.0, TURN, 2 * TURN])
    print(f"\n{DRAWS} draws: forgetting of task 1, median (5 – 95 %)")
    for similarity_v in OF_SECOND_LAYERS:
        for similarity in SIMILARITIES:
            found = {}
            for rule in ("fa", "fa, one b", "bp"):
                some = [
                    stdyn.integrate(problem(rule, similarity, similarity_v, seed), ends, method="LSODA", rtol=1e-6)
                    for seed in range(1, DRAWS + 1)
                ]
                found[rule] = np.array([theory.forgetting[0] for theory in some])
            said = "; ".join(f"{rule.upper().replace('ONE B', 'one b')} {spread(lost)}" for rule, lost in found.items())
            more = np.mean(found["fa"] > found["bp"])
            print(f"  similarity = {similarity:g}, similarity_v = {similarity_v:g}: {said}; FA more at {more:.0%}")


def spread(values):
    """The median and the range from 5 to 95 %."""
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.3f} ({low:.3f} – {high:.3f})"


def main(folder="figures"):
    """Draw and print."""
    warnings.simplefilter("ignore")
    one_draw(Path(folder))
    five_draws()
    many_draws()


if __name__ == "__main__":
    main(*sys.argv[1:])
