"""Streams of random numbers: which generator gives the normal numbers of a simulation, and how it is seeded."""

import json

import numpy as np

from stdyn.checks import seed_sequence
from stdyn.kernels.random import normals as draw_normals

AT_ONCE = 2**23  # normals drawn before Ctrl-C and the progress bar are looked at: some hundredths of a second
BLOCK = 2**14  # NumPy's normals drawn at a time: 128 kB stay in a core's cache, calls cost 2 % at N = 500

Stream = np.ndarray  # of uint64, (4, lanes): the state of one SFC64 a lane
Records = tuple[np.ndarray, ...]  # R (runs, A, K, M), Q (runs, A, K, K), by group (…, L, …), v (runs, A, K, O), …


def stream(generator: np.random.Generator, lanes: int = 1) -> Stream:
    """Independent SFC64 generators side by side, seeded by the SeedSequence of `generator` as NumPy seeds its own.

    One lane alone gives the bits of numpy.random.SFC64(seed sequence).
    """
    states = np.ones((4, lanes), dtype=np.uint64)
    states[:3] = seed_sequence(generator).generate_state(3 * lanes, np.uint64).reshape(lanes, 3).T
    draw_normals(states, np.empty((12, lanes)))  # NumPy drops 12 numbers, too, to mix the seed
    return states


def seed(rng: np.random.Generator) -> str:
    """What is needed to make `rng` again, as JSON: bit generator, and all of its seed sequence."""
    sequence = seed_sequence(rng)
    return json.dumps(
        {
            "bit_generator": type(rng.bit_generator).__name__,
            "entropy": np.asarray(sequence.entropy).tolist(),
            "spawn_key": [int(key) for key in sequence.spawn_key],
            "n_children_spawned": sequence.n_children_spawned,
            "pool_size": sequence.pool_size,
        }
    )
