"""Where the time of a simulated step goes: its parts timed alone, in turns, K = M = 5, FA, N = 500, 64 reduced runs."""

import time

import numpy as np
from profile_integrate import problem

from stdyn import initial, kernels, streams

RUNS, STEPS = 64, 64


def parts():
    """(name, function, steps it does) of the parts of a reduced step and of a step of the network."""
    fa, rng = problem(), np.random.default_rng(1)
    arguments, (L, A, S) = fa.kernel_arguments, initial.coordinates(fa.start)
    L = L.copy()
    A, S, v = (np.repeat(array[..., None], RUNS, axis=2) for array in (A, S, fa.start.v[:, None]))
    draws, chi2 = np.empty((STEPS, 12, RUNS)), np.empty((STEPS, RUNS))
    normals, rest = (streams.stream(generator, RUNS) for generator in rng.spawn(2))
    state = (A, S, v, L, np.ones(RUNS), np.zeros(RUNS))
    p, length, g, g_prime = np.empty((5, RUNS)), np.empty(RUNS), np.empty((10, RUNS)), np.empty((10, RUNS))
    fields = draws[:, :10].copy()

    def every_step(function):
        return lambda: [function(step) for step in range(STEPS)]

    many = STEPS * RUNS
    yield "reduced: all", lambda: kernels.reduced_run(*state, 500, (normals, rest), STEPS, *arguments), many
    yield "reduced: 12 normals", lambda: kernels.normals(normals, draws.reshape(-1, RUNS)), many
    yield "reduced: chi^2", every_step(lambda j: kernels.chi_squares(rest, 490, draws[j, 10], chi2[j])), many
    yield "reduced: the rest", lambda: kernels.reduced_steps(*state, 500, draws, chi2, *arguments), many
    yield (
        "  of it projection",
        every_step(lambda j: kernels._project_out(S, draws[j], 5, chi2[j], 1.0, p, length)),
        many,
    )
    yield "  of it activations", every_step(lambda j: kernels.activate(0, fields[j], g, g_prime)), many
    yield "  of it rotations", every_step(lambda j: kernels._add_square(S, p)), many
    W, W_teacher = initial.weights(fa, 500, rng)
    v, zeta, xi = fa.start.v[:, None].copy(), np.zeros((32, 2)), np.empty((32, 512))
    inputs, noise = streams.stream(rng.spawn(1)[0], 32), streams.stream(rng.spawn(1)[0])
    yield "network: all", lambda: kernels.network_run(W, v, W_teacher, (inputs, noise), 32, *arguments), 32
    yield "network: normals", lambda: kernels.normals(inputs, xi.reshape(-1, 32)), 32
    yield "network: arithmetic", lambda: kernels.network_steps(W, v, W_teacher, xi, zeta, *arguments), 32
    fields_1, g_1, g_prime_1 = np.zeros((1, 10)), np.zeros((1, 10)), np.zeros((1, 10))
    yield "  of it activations", lambda: [kernels.activate(0, fields_1, g_1, g_prime_1) for _ in range(32)], 32
    yield "  an empty call from Python", lambda: [kernels.activate(0, fields_1[:0], g_1, g_prime_1)], 1


def main() -> None:
    """Print nanoseconds a step (and run), medians of 201."""
    table = list(parts())
    seconds = np.empty((202, len(table)))
    for turn in seconds:
        for column, (_, function, _) in enumerate(table):
            began = time.perf_counter()
            function()
            turn[column] = time.perf_counter() - began
    for (name, _, steps), median in zip(table, np.median(seconds[1:], axis=0), strict=True):
        print(f"{name:<28} {1e9 * median / steps:8.1f} ns")


if __name__ == "__main__":
    main()
