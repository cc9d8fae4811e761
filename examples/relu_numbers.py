"""Print what docs and figures say of ReLU units under feedback alignment: python examples/relu_numbers.py  (a minute)

Teacher T = 1, v_teacher = 1; eta = eta_v = 0.1, no noise. The draw of the figure, K = M = 5; and at K = M = 3 the final
error of FA and BP over draws of start and feedback weights, by the number of negative ones, for ReLU and for erf.
"""

import warnings
from dataclasses import replace

import numpy as np

import stdyn

DRAWS = 40
NAMED = [10.0, 100.0, 3000.0]  # alphas
LEARNED = 1e-3  # eps_g
ALPHAS = np.array([0.0, 3000.0])


def final(problem):
    """eps_g at the last alpha, and v there."""
    theory = stdyn.integrate(problem, ALPHAS, method="LSODA", rtol=1e-7)
    return (theory.eps_g[-1], theory.v[-1]) if theory.diverged_at is None else (np.inf, np.full(3, np.nan))


def drawn():
    """The draw of the figure, K = M = 5: errors, and feedback weights beside the second layer at the end."""
    fa = stdyn.Experiment(activation="relu", eta=0.1, eta_v=0.1).problem("fa")
    for name, problem in (
        ("FA", fa),
        ("FA, |b|", replace(fa, b=np.abs(fa.b))),
        ("BP", replace(fa, rule="bp", b=None)),
    ):
        theory = stdyn.integrate(problem, np.unique([*np.geomspace(0.1, 3000, 121), *NAMED]))
        eps_g = theory.eps_g[np.searchsorted(theory.alphas, NAMED)]
        print(f"relu, K = M = 5, {name}: eps_g = {', '.join(f'{e:.2g}' for e in eps_g)} at alpha = 10, 100, 3000")
        if problem.b is not None:
            print(f"  b = {np.round(problem.b, 2)}, v = {np.round(theory.v[-1], 2)} at the end")
            print(f"  largest cosine of v and b: {theory.alignment.max():.2f}")


def main():
    """Print the table, and what becomes of the units."""
    warnings.simplefilter("ignore")
    drawn()
    experiment = stdyn.Experiment(K=3, M=3, eta=0.1, eta_v=0.1)
    for activation in ("relu", "erf"):
        print(f"\n{activation}: learned (eps_g < {LEARNED:g}) / draws, and median final eps_g")
        ends, same_sign = {}, []
        for seed in range(1, DRAWS + 1):
            fa = replace(experiment, activation=activation, seed=seed).problem("fa")
            negative = int(np.sum(fa.b < 0))
            eps_g, v = final(fa)
            same_sign.extend(np.sign(v) == np.sign(fa.b))
            for name, error in (
                (f"FA, {negative} of 3 feedback weights negative", eps_g),
                ("FA, the absolute values of the same feedback weights", final(replace(fa, b=np.abs(fa.b)))[0]),
                ("BP", final(replace(fa, rule="bp", b=None))[0]),
            ):
                ends.setdefault(name, []).append(error)
        for name in sorted(ends):
            errors = np.array(ends[name])
            print(f"  {name:<55} {np.sum(errors < LEARNED):>3} / {len(errors):<3} {np.median(errors):.2g}")
        print(f"  v_i has the sign of b_i at the end: {np.mean(same_sign):.0%} of the units")


if __name__ == "__main__":
    main()
