"""The numbers that docs/results.md gives of the reference experiment, from the files of `make fluctuations`.

python examples/escape.py [FOLDER]     the folder of the files, data/ by default
"""

import sys
from pathlib import Path

import numpy as np

import stdyn


def at(trajectory, alpha):
    """The position of the recorded alpha nearest to `alpha`."""
    return int(np.abs(trajectory.alphas - alpha).argmin())


def escapes(trajectory, height=0.025):
    """The first recorded alpha at which eps_g is below `height`, of the theory or of each run."""
    return [float(trajectory.alphas[np.argmax(eps_g < height)]) for eps_g in np.atleast_2d(trajectory.eps_g)]


def main(folder="data"):
    """Print them."""
    for rule in ("fa", "bp"):
        theory, runs = (stdyn.load(Path(folder) / f"fluctuations_{rule}_{kind}.h5") for kind in ("ode", "network"))
        eps_g = [f"{theory.eps_g[at(theory, alpha)]:.2f} at alpha = {alpha}" for alpha in (3, 10, 100)]
        print(f"{rule}: eps_g = {', '.join(eps_g)}")
        if theory.alignment is not None:
            cosine = theory.alignment[at(theory, 10)]
            print(f"    cosine of v and b {cosine:.2f} at alpha = 10, {theory.alignment[-1]:.2f} at the end")
        print(
            f"    plateau left at {escapes(theory)[0]:.0f}, runs {min(escapes(runs)):.0f} to {max(escapes(runs)):.0f}"
        )
        print(f"    eps_g = {theory.eps_g[-1]:.0e} at alpha = {theory.alphas[-1]:g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
