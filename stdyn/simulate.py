"""Online SGD in the network itself: N-dimensional weights, one fresh Gaussian example a step (theory.md, section 1)."""

import json
import os
import threading
import time
import warnings
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from stdyn import kernels
from stdyn.errors import DivergenceWarning, InputError, Interrupted
from stdyn.initial import weights
from stdyn.problem import Array, Problem, check_rng, integer, time_grid
from stdyn.trajectory import Trajectory, provenance

_BLOCK = 2**14  # normals drawn at a time: 128 kB stay in a core's cache, the call's overhead is 2 % at N = 500
_FEWEST = 4  # examples a block even so: the change of a step is made in the next one of its block


def simulate_network(
    problem: Problem,
    alphas: ArrayLike,
    runs: int = 1,
    *,
    rng: np.random.Generator,
    workers: int | None = None,
    progress: bool = False,
) -> Trajectory:
    """Train `runs` networks of N inputs by online SGD, each on its own stream of examples.

    Parameters
    ----------
    problem : Problem
        Every run starts with exactly its R, Q, T and v, in weights that are otherwise random.
    alphas : array_like, shape (A,)
        When to record: not negative, strictly increasing. The record is made from the weights after the nearest
        whole number of steps; the `alphas` of the result are these steps / N.
    runs : int, default 1
        Number of independent runs.
    rng : numpy.random.Generator
        Each run has streams of its own, spawned from it: the result depends on its seed and on how often it has
        spawned before, not on `workers` nor on `alphas`. A Generator of SFC64 draws 25 % faster than default_rng's.
    workers : int, optional
        Number of threads; default: all cores.
    progress : bool, default False
        Show a progress bar if it takes longer than two seconds and the screen is a terminal.

    Returns
    -------
    Trajectory
        With arrays of shape (runs, A, …).

    Raises
    ------
    InputError
        Before any work starts, if an argument cannot be used.
    Interrupted
        On Ctrl-C, a KeyboardInterrupt with `.trajectory`: all runs up to the last alpha that all had reached.

    Warns
    -----
    DivergenceWarning
        Some runs diverged. They are NaN from there on, and the result ends where none is left.
    """
    began = time.perf_counter()
    alphas = time_grid(alphas)
    runs = integer("runs", runs, 1)
    workers = cores() if workers is None else integer("workers", workers, 1)
    seed = _seed(rng)
    if max(problem.decay, problem.decay_v) > problem.N:
        raise InputError(
            f"decay and decay_v must be at most N = {problem.N}: a step multiplies weights by 1 - decay / N"
        )
    integer("alphas[-1] * N, the number of steps,", np.rint(alphas[-1] * problem.N), 0)
    steps = np.rint(alphas * problem.N).astype(np.int64)
    networks = [_Network(problem, stream) for stream in rng.spawn(runs)]
    total = int(steps[-1]) * runs
    with tqdm(total=total, unit=" steps", unit_scale=True, delay=2, disable=None if progress else True) as bar:
        (R, Q, v), recorded = _record(networks, steps, workers, bar)
    diverged_at = np.array([network.steps / problem.N if network.diverged else np.inf for network in networks])
    kept = min(recorded, int(np.isfinite(R[:, :, 0, 0]).any(axis=0).sum()))  # alphas at which some run is left
    trajectory = Trajectory(
        problem,
        steps[:kept] / problem.N,
        R[:, :kept],
        Q[:, :kept],
        v[:, :kept].reshape(runs, kept, *problem.start.v.shape),
        "network",
        diverged_at if np.isfinite(diverged_at).any() else None,
        provenance(seed=seed, workers=workers, wall_time=time.perf_counter() - began),
    )
    if recorded < len(steps):
        raise Interrupted(trajectory) if kept else KeyboardInterrupt
    if trajectory.diverged_at is not None:
        warnings.warn(
            f"{np.isfinite(diverged_at).sum()} of {runs} runs diverged, the first at alpha = {diverged_at.min():.6g}"
            f" (is eta = {problem.eta:g} too large?); they are NaN from there on",
            DivergenceWarning,
            stacklevel=2,
        )
    return trajectory


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seed(rng: np.random.Generator) -> str:
    """What is needed to make `rng` again, as JSON: bit generator, entropy, spawn key, children spawned before."""
    check_rng(rng)
    sequence = rng.bit_generator.seed_seq
    if not isinstance(sequence, np.random.SeedSequence):
        raise InputError("rng must be made from a seed or a SeedSequence, so that every run can have its own stream")
    return json.dumps(
        {
            "bit_generator": type(rng.bit_generator).__name__,
            "entropy": np.asarray(sequence.entropy).tolist(),
            "spawn_key": [int(key) for key in sequence.spawn_key],
            "n_children_spawned": sequence.n_children_spawned,
        }
    )


class _Network:
    """One run: its weights, its streams of random numbers, and how many steps it has taken."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        frame, self.inputs, self.noise = rng.spawn(3)
        self.W, self.W_teacher = weights(problem, problem.N, frame)
        self.v = np.array(problem.start.v.reshape(problem.start.K, -1))
        self.arguments = problem.kernel_arguments
        self.noisy = problem.sigma > 0
        self.steps = 0
        self.diverged = False

    def advance(self, steps: int, stop: threading.Event) -> None:
        """Go on until `steps` steps have been taken in all, the weights diverge or `stop` is set."""
        N = self.W.shape[1]
        block = max(1, min(max(_BLOCK // N, _FEWEST), steps - self.steps))
        xi, zeta = np.empty((block, N)), np.zeros((block, self.v.shape[1]))
        while self.steps < steps and not self.diverged and not stop.is_set():
            size = min(block, steps - self.steps)
            self.inputs.standard_normal(out=xi[:size])
            if self.noisy:
                self.noise.standard_normal(out=zeta[:size])
            taken = kernels.network_steps(self.W, self.v, self.W_teacher, xi[:size], zeta[:size], *self.arguments)
            self.steps += taken
            self.diverged = taken < size


def _record(
    networks: list[_Network], steps: np.ndarray, workers: int, bar: tqdm
) -> tuple[tuple[Array, Array, Array], int]:
    """R, Q, v of all networks (runs, A, …) after each number of steps, and the number of rows done: < A if interrupted.

    The networks advance together, from record to record, so that an interruption leaves a complete ensemble.
    """
    first = networks[0]
    K, M, A = len(first.W), len(first.W_teacher), len(steps)
    R, Q = np.full((len(networks), A, K, M), np.nan), np.full((len(networks), A, K, K), np.nan)
    v = np.full((len(networks), A, *first.v.shape), np.nan)
    stop, recorded = threading.Event(), 0
    try:
        with ThreadPoolExecutor(workers) as pool:
            for j, step in enumerate(steps):
                if all(network.diverged for network in networks):
                    break
                pending = {pool.submit(network.advance, int(step), stop) for network in networks}
                try:
                    _wait(pending, networks, bar)
                except BaseException:
                    stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
                for run, network in enumerate(networks):
                    if not network.diverged:
                        W = network.W
                        R[run, j], Q[run, j], v[run, j] = W @ network.W_teacher.T, W @ W.T, network.v
                recorded = j + 1
    except KeyboardInterrupt:
        return (R, Q, v), recorded
    return (R, Q, v), len(steps)


def _wait(pending: set[Future[None]], networks: list[_Network], bar: tqdm) -> None:
    """Wait for all networks to advance, moving the progress bar; raises what went wrong in one of them."""
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        bar.update(sum(network.steps for network in networks) - bar.n)
