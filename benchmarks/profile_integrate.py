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


if __name__ == "__main__":
    main()
