"""The hidden manifold, theory against networks on the inputs f(F c): python examples/manifold_numbers.py [FOLDER]

N = 1200 inputs of D = 400 latent dimensions, f(z) = erf(z), 17 groups, K = M = 2, eta = 0.4: backpropagation with a
fixed second layer and feedback alignment with a learned one. Into the folder, figures/ by default, goes
manifold_examples.png. (2 minutes)
"""

import math
import sys
from pathlib import Path

import numpy as np

import stdyn

N, D, GROUPS = 1200, 400, 17
ETA, RUNS, TESTED = 0.4, 6, 10000
NAMED = (2.0, 5.0, 10.0, 20.0, 40.0)  # alphas
ALPHAS = np.unique([0.0, *np.geomspace(0.1, 40, 25).round(4), *NAMED])
AT = np.searchsorted(ALPHAS, NAMED)
ERF = stdyn.activation(math.erf, lambda z: 2 / math.sqrt(math.pi) * math.exp(-(z**2)), "erf(z)")  # "erf": of z/√2


def problems(rng):
    """The two problems, their teacher theta in the latent space, and the weights of teacher and student."""
    inputs = stdyn.Inputs.hidden_manifold(ERF, D, N, GROUPS, rng=rng)
    theta = np.linalg.qr(rng.standard_normal((D, 2)))[0].T
    W_teacher, T_hidden = inputs.manifold.teacher(theta, inputs)
    W = np.sqrt(0.25 / N) * rng.standard_normal((2, N))
    found = {}
    for name, v, rule in (("BP, v fixed", [1.0, 1.0], {}), ("FA, v learned", [0.1, 0.1], {"b": [1.2, 0.8]})):
        start = stdyn.initial.from_weights(W, W_teacher, v, inputs=inputs, T_hidden=T_hidden)
        rates = {"eta": ETA, "eta_v": ETA if rule else 0.0}
        found[name] = stdyn.Problem(start, N=N, rule="fa" if rule else "bp", **rule, **rates)
    return found, theta, (W, W_teacher)


def main(folder="figures"):
    """Draw and print."""
    given, theta, weights = problems(np.random.default_rng(1))
    manifold = next(iter(given.values())).inputs.manifold
    rng = np.random.default_rng(2)
    X, c = manifold.examples(int(ALPHAS[-1] * N) + 1, rng)
    X_test, c_test = manifold.examples(TESTED, rng)
    more = {"examples": X, "teacher_fields": c @ theta.T, "test": (X_test, c_test @ theta.T)}
    results = []
    for name, problem in given.items():
        theory = stdyn.integrate(problem, ALPHAS)
        runs = stdyn.simulate_network(problem, ALPHAS, RUNS, rng=np.random.default_rng(3), weights=weights, **more)
        gaussian = stdyn.simulate_reduced(problem, ALPHAS, 64, rng=np.random.default_rng(4))
        results.append((name, theory, runs, gaussian))
        print(f"{name}: eps_g at alpha = 2, 5, 10, 20, 40")
        print("  theory:", ", ".join(f"{each:.4f}" for each in theory.eps_g[AT]))
        numbers(f"{RUNS} networks on f(F c), on {TESTED} test examples", runs.eps_g_test)
        numbers("    and with their overlaps", runs.eps_g)
        numbers("64 reduced runs on Gaussian inputs", gaussian.eps_g)
    stdyn.inputplot.examples_figure(results).savefig(Path(folder) / "manifold_examples.png")


def numbers(name, eps_g):
    """eps_g at the named alphas: the mean over runs and its standard error."""
    many = eps_g[:, AT]
    means, errors = many.mean(axis=0), many.std(axis=0, ddof=1) / np.sqrt(len(many))
    print(f"  {name}:", ", ".join(f"{mean:.4f} ± {error:.4f}" for mean, error in zip(means, errors, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
