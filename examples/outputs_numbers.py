"""The numbers that figures/README.md gives of FA and BP at one and three outputs.

python examples/outputs_numbers.py [FOLDER]     the folder of the files of `make outputs`, data/ by default

The last lines are of 200 draws of first layer, v and b each, by the ODEs (half a minute).
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

import stdyn
from stdyn.model.experiment import Experiment
from stdyn.settings import make

TOML = Path(__file__).parent / "outputs_3.toml"
DRAWS = 200
FALLEN, LEFT = 0.2, 0.01  # eps_g: on the way down to the plateau, and below it
ROUNDING = 1e-13  # of eps_g, which is not told apart below
ALPHAS = np.concatenate([[0], np.geomspace(0.1, 3000, 121)])


def main(folder="data"):
    """Print them."""
    for O, name in ((1, "fluctuations"), (3, "outputs_3")):
        for rule in ("fa", "bp"):
            files = {kind: Path(folder) / f"{name}_{rule}_{kind}.h5" for kind in ("ode", "network", "reduced")}
            one_draw(O, rule, **{kind: stdyn.load(file) for kind, file in files.items()})
    for O in (1, 3):
        many_draws(O)


def below(trajectory, height):
    """The first recorded alpha at which eps_g is below `height`, of the theory or of each run; inf if there is none."""
    under = np.atleast_2d(trajectory.eps_g) < height
    return np.where(under.any(axis=1), trajectory.alphas[under.argmax(axis=1)], np.inf)


def one_draw(O, rule, ode, network, reduced):
    """When eps_g falls, of theory and runs, and the cosines under feedback alignment, of the draw of the figure."""
    seen, many = below(network, LEFT), below(reduced, LEFT)
    print(f"{rule}, O = {O}: eps_g < {LEFT} from alpha = {below(ode, LEFT)[0]:.0f}; the networks from"
          f" {seen.min():.0f} to {seen.max():.0f}, the reduced runs {spread(many)}")  # fmt: skip
    at = [int(np.abs(ode.alphas - alpha).argmin()) for alpha in (0, 3, 10, 100, 1000, 3000)]
    print("    eps_g at alpha = 0, 3, 10, 100, 1000, 3000:", *(f"{eps_g:.2g}" for eps_g in ode.eps_g[at]))
    if rule == "fa":
        print("    cosine of v and b there:", *(f"{cosine:.2f}" for cosine in ode.alignment[at]))
        for o in range(O if O > 1 else 0):
            print(f"        output {o + 1}:", *(f"{cosine:.2f}" for cosine in ode.alignment_per_output[at, o]))
        print(f"        the largest that perfect learning allows: {largest_cosine(ode.problem):.2f}")
        lengths = np.linalg.norm(ode.v[-1].reshape(-1, O), axis=1)
        print("    |v_i| at the end:", *(f"{length:.4f}" for length in lengths))


def largest_cosine(problem):
    """Of v and b at perfect learning, v_i = +- v_teacher_n, over all ways to assign them and signs."""
    b, v_teacher = (each.reshape(len(each), -1) for each in (problem.b, problem.start.v_teacher))
    overlaps = np.abs(b @ v_teacher.T)
    students, teachers = linear_sum_assignment(overlaps, maximize=True)
    return overlaps[students, teachers].sum() / np.linalg.norm(b) / np.linalg.norm(v_teacher)


def many_draws(O):
    """When eps_g falls, its end, and the cosine of v and b, over draws."""
    rows = np.array([numbers(O, seed) for seed in range(1, DRAWS + 1)])
    (fa, bp), cosines = rows[:, :6].reshape(-1, 2, 3).swapaxes(0, 1), rows[:, 6:]
    print(f"O = {O}, {DRAWS} draws: median (5 – 95 %)")
    for rule, (falls, ends, error) in (("fa", fa.T), ("bp", bp.T)):
        print(f"    {rule}: eps_g < {FALLEN} from alpha = {spread(falls)}, < {LEFT} from {spread(ends)},"
              f" {spread(error, '.0e')} at 3000")  # fmt: skip
    for name, cosine in zip(("alpha = 10", "alpha = 3000"), cosines.T, strict=True):
        print(f"    cosine of v and b at {name}: {spread(cosine, '.2f')}")
    sooner, larger = np.mean(fa[:, 1] < bp[:, 1]), np.mean(fa[:, 2] > bp[:, 2])
    print(f"    fa is below {LEFT} sooner than bp at {sooner:.0%}, and ends with the larger error at {larger:.0%}")


def numbers(O, seed):
    """For each rule when eps_g falls and where it ends; cosines at alpha = 10 and 3000."""
    experiment = make(Experiment, {}, TOML if O == 3 else None, {"seed": seed})
    found, cosines = [], []
    for rule in ("fa", "bp"):
        theory = stdyn.integrate(experiment.problem(rule), ALPHAS, method="LSODA")
        found += [below(theory, FALLEN)[0], below(theory, LEFT)[0], max(theory.eps_g[-1], ROUNDING)]
        if rule == "fa":
            cosines = [theory.alignment[np.abs(ALPHAS - alpha).argmin()] for alpha in (10, 3000)]
    return found + cosines


def spread(values, form=".0f"):
    """The median and the range from 5 to 95 %."""
    low, middle, high = (format(each, form) for each in np.percentile(values, [5, 50, 95], method="nearest"))
    return f"{middle} ({low} – {high})"


if __name__ == "__main__":
    main(*sys.argv[1:])
