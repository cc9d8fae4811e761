"""Where the time of a simulated step goes: its parts timed alone, in turns, K = M = 5, FA, N = 500, 64 reduced runs."""

import time

import numpy as np
from numba import njit
from profile_integrate import problem

from stdyn import initial
from stdyn.kernels import activation
from stdyn.kernels import network as network_kernels
from stdyn.kernels import random as random_kernels
from stdyn.kernels import reduced as reduced_kernels
from stdyn.simulation import streams

RUNS, STEPS = 64, 64


@njit
def projections(S, g, chi2, x, length):
    for step in range(len(g)):
        reduced_kernels.project_out(S, g[step], 5, chi2[step], 1.0, x, length)


@njit
def rotations(S, p, steps):
    for _ in range(steps):
        reduced_kernels.add_square(S, p)


@njit
def activations(z, g, g_prime):
    for step in range(len(z)):
        activation.fill(0, 0, z[step].ravel(), g.ravel(), g_prime.ravel())


@njit
def lengths(stream, g, chi2):
    for step in range(len(g)):
        random_kernels.chi_squares(stream, 490, g[step, 10], chi2[step])


def parts():
    """(name, function, steps it does) of the parts of a reduced step and of a step of the network."""
    fa, rng = problem(), np.random.default_rng(1)
    arguments, (L, A, S) = fa.parameters, initial.coordinates(fa.start)
    L = L.copy()
    A, S, v = (np.repeat(array[..., None], RUNS, axis=2) for array in (A, S, fa.start.v[:, None]))
    g, chi2 = np.empty((STEPS, 12, RUNS)), np.empty((STEPS, RUNS))
    normals, rest = (streams.stream(generator, RUNS) for generator in rng.spawn(2))
    state = (A, S, v, L, np.ones(RUNS), np.zeros(RUNS))
    other, x, length = S.copy(), np.empty((5, RUNS)), np.empty(RUNS)

    def activate(z):
        out = np.empty((2, *z.shape[1:]))
        return lambda: activations(z, out[0], out[1])

    many = STEPS * RUNS
    marks, records = np.array([STEPS]), tuple(np.empty((RUNS, 1, 5, columns)) for columns in (5, 5, 1))
    walk = 0, STEPS, marks, 0, records, arguments, False
    yield "reduced: all", lambda: reduced_kernels.reduced_run(*state, 500, (normals, rest), *walk), many
    yield "  12 normals", lambda: random_kernels.normals(normals, g.reshape(-1, RUNS)), many
    yield "  chi^2", lambda: lengths(rest, g, chi2), many
    yield "  the step", lambda: reduced_kernels.reduced_steps(*state, 500, g, chi2, arguments, 0), many
    yield "    projection", lambda: projections(other, g, chi2, x, length), many
    yield "    activations", activate(g[:, :10].copy()), many
    yield "    rotations", lambda: rotations(other, x, STEPS), many
    W, W_teacher = initial.weights(fa, 500, rng)
    v, zeta, xi = fa.start.v[:, None].copy(), np.zeros((32, 2)), np.empty((32, 512))
    inputs, noise = streams.stream(rng.spawn(1)[0], 32), streams.stream(rng.spawn(1)[0])
    walk_of_one = 0, 32, np.array([32]), 0, tuple(record[0] for record in records), arguments, False
    yield "network: all", lambda: network_kernels.network_run(W, v, W_teacher, (inputs, noise), *walk_of_one), 32
    yield "  512 normals", lambda: random_kernels.normals(inputs, xi.reshape(-1, 32)), 32
    yield "  the step", lambda: network_kernels.network_steps(W, v, W_teacher, xi, zeta, arguments, 0), 32
    yield "    activations", activate(rng.standard_normal((32, 1, 10))), 32


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
        print(f"{name:<16} {1e9 * median / steps:8.1f} ns")


if __name__ == "__main__":
    main()
