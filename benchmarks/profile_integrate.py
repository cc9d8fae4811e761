"""Where the time of `stdyn.integrate` goes: cProfile of one warm integration to alpha = 1000, K = M = 5, FA."""

import cProfile
import pstats
import time

import numpy as np

import stdyn


def problem() -> stdyn.Problem:
    """The problem of the reference experiment."""
    rng = np.random.default_rng(1)
    start = stdyn.initial.random_weights(5, 5, 500, 0.2, rng, v=0.1 * rng.standard_normal(5))
    return stdyn.Problem(start, rule="fa", b=rng.standard_normal(5), eta=0.5, eta_v=0.5)


def main() -> None:
    """Print the profile, then the medians without a profiler."""
    fa, alphas = problem(), np.linspace(0, 1000, 1001)
    stdyn.integrate(fa, alphas)
    with cProfile.Profile() as profile:
        stdyn.integrate(fa, alphas)
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)
    for method in ("DOP853", "LSODA"):
        seconds = []
        for _ in range(9):
            began = time.perf_counter()
            stdyn.integrate(fa, alphas, method=method)
            seconds.append(time.perf_counter() - began)
        print(f"{method}: {np.median(seconds):.3f} s without the profiler, median of 9")
    errors()


def errors() -> None:
    """Print the largest errors of R, Q and v over 40 random starts, 20 under each rule, at the default tolerance."""
    experiment = stdyn.Experiment(alpha_max=1000.0)
    starts, alphas = stdyn.Variations(experiment, {"draw": {"from": 1, "number": 20}}), experiment.alphas()
    exact = [stdyn.integrate(start, alphas, rtol=1e-12) for start in starts]
    for method in ("DOP853", "LSODA"):
        found = [stdyn.integrate(start, alphas, method) for start in starts]
        worst = [
            max(np.abs(getattr(a, name) - getattr(b, name)).max() for name in ("R", "Q", "v"))
            for a, b in zip(found, exact, strict=True)
        ]
        print(f"{method}: error {np.median(worst):.1e} in the median of 40 starts, {max(worst):.1e} at worst")


if __name__ == "__main__":
    main()
