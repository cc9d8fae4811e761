"""Online SGD: in the network itself (theory.md, section 1), and as the same process in coordinates (section 4)."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from stdyn import kernels
from stdyn.checks import Array, check_normals, integer, time_grid
from stdyn.errors import DivergenceWarning, InputError, Interrupted
from stdyn.executors import cores
from stdyn.files.provenance import provenance
from stdyn.model.initial import coordinates, weights
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.simulation import streams

_LANES = 32  # generators side by side that draw one example
_TOGETHER = 64  # reduced runs that one thread takes its steps for at once
_PADDING = 8  # to a multiple of which their number is filled up: whole SIMD vectors
_AT_ONCE = 2**23  # normals drawn before Ctrl-C and the progress bar are looked at: some hundredths of a second
_BLOCK = 2**14  # NumPy's normals drawn at a time: 128 kB stay in a core's cache, calls cost 2 % at N = 500
_FEWEST = 4  # examples a block even so: the change of a step is made in the next one of its block


def simulate_network(
    problem: Problem,
    alphas: ArrayLike,
    runs: int = 1,
    *,
    rng: np.random.Generator,
    normals: str = "fast",
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
        spawned before, not on `workers` nor on `alphas`.
    normals : {"fast", "numpy"}, default "fast"
        Where the normal numbers come from: `kernels.normals` (SFC64 and Box-Muller, vectorised), or NumPy's
        Generator.standard_normal of the bit generator of `rng`, the reference, which is several times slower.
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

    def make(generators: list[np.random.Generator], workers: int) -> list[_Walker]:
        return [_Network(problem, generator, normals == "fast") for generator in generators]

    return _simulate("network", make, problem, alphas, runs, rng, normals, workers, progress)


def simulate_reduced(
    problem: Problem,
    alphas: ArrayLike,
    runs: int = 1,
    *,
    rng: np.random.Generator,
    normals: str = "fast",
    workers: int | None = None,
    progress: bool = False,
) -> Trajectory:
    """Train `runs` networks without their N-dimensional vectors: the exact law of `simulate_network`, at any N.

    For Gaussian inputs the order parameters are a Markov process by themselves. A step costs the same at every N
    (theory.md, section 4), and many runs are stepped at once: the more, the cheaper each is.

    Takes, returns, raises and warns what `simulate_network` does. A run depends on its own stream alone, not on how
    many others there are; it is another one than the network run of the same seed, with the same law. Vectors come
    from `stdyn.weights(runs.at(position, run), N, rng)`.
    """

    def make(generators: list[np.random.Generator], workers: int) -> list[_Walker]:
        parts = workers * ceil(len(generators) / (_TOGETHER * workers))  # as many for each worker
        size = _PADDING * ceil(len(generators) / (_PADDING * parts))
        groups = [generators[first : first + size] for first in range(0, len(generators), size)]
        return [_Reduced(problem, group, normals == "fast") for group in groups]

    return _simulate("reduced", make, problem, alphas, runs, rng, normals, workers, progress)


class _Walker(Protocol):
    """Runs that take their steps together."""

    runs: int
    steps: int  # steps taken, unless all have diverged

    @property
    def diverged_at(self) -> np.ndarray:
        """(runs,): the steps that each run took before it diverged, or infinity."""

    def advance(self, steps: int, stop: threading.Event) -> None:
        """Go on until `steps` steps have been taken in all, no run is left or `stop` is set."""

    def order_parameters(self) -> tuple[Array, Array, Array]:
        """R (runs, K, M), Q (runs, K, K), v (runs, K, O)."""


def _simulate(
    method: str,
    make: Callable[[list[np.random.Generator], int], Sequence[_Walker]],
    problem: Problem,
    alphas: ArrayLike,
    runs: int,
    rng: np.random.Generator,
    normals: str,
    workers: int | None,
    progress: bool,
) -> Trajectory:
    """Check the arguments, let the walkers that `make` makes of the streams walk, and put what they record together."""
    began = time.perf_counter()
    alphas = time_grid(alphas)
    runs = integer("runs", runs, 1)
    workers = cores() if workers is None else integer("workers", workers, 1)
    check_normals(normals)
    seed = streams.seed(rng)
    if max(problem.decay, problem.decay_v) > problem.N:
        raise InputError(
            f"decay and decay_v must be at most N = {problem.N}: a step multiplies weights by 1 - decay / N"
        )
    integer("alphas[-1] * N, the number of steps,", np.rint(alphas[-1] * problem.N), 0)
    steps = np.rint(alphas * problem.N).astype(np.int64)
    walkers = make(rng.spawn(runs), workers)
    with tqdm(
        total=int(steps[-1]) * runs, unit=" steps", unit_scale=True, delay=2, disable=not progress or None
    ) as bar:
        (R, Q, v), recorded = _record(walkers, steps, workers, bar)
    diverged_at = np.concatenate([walker.diverged_at for walker in walkers]) / problem.N
    kept = min(recorded, int(np.isfinite(R[:, :, 0, 0]).any(axis=0).sum()))  # alphas at which some run is left
    said = {}
    if np.isfinite(diverged_at).any():
        said["warning"] = (
            f"{np.isfinite(diverged_at).sum()} of {runs} runs diverged, the first at alpha = {diverged_at.min():.6g}"
            f" (is eta = {problem.eta:g} too large?); they are NaN from there on"
        )
    trajectory = Trajectory(
        problem,
        steps[:kept] / problem.N,
        R[:, :kept],
        Q[:, :kept],
        v[:, :kept].reshape(runs, kept, *problem.start.v.shape),
        method,
        diverged_at if said else None,
        provenance(seed=seed, normals=normals, workers=workers, wall_time=time.perf_counter() - began, **said),
    )
    if recorded < len(steps):
        raise Interrupted(trajectory) if kept else KeyboardInterrupt
    if said:
        warnings.warn(said["warning"], DivergenceWarning, stacklevel=3)
    return trajectory


class _Network:
    """One run of a network: its weights and its streams of random numbers."""

    runs = 1

    def __init__(self, problem: Problem, rng: np.random.Generator, fast: bool) -> None:
        frame, self.inputs, self.noise = rng.spawn(3)
        self.W, self.W_teacher = weights(problem, problem.N, frame)
        self.v = np.array(problem.start.v.reshape(problem.start.K, -1))
        self.arguments = problem.kernel_arguments
        self.noisy = problem.sigma > 0
        self.streams = (streams.stream(self.inputs, _LANES), streams.stream(self.noise)) if fast else None
        self.steps = 0
        self.diverged_at = np.full(1, np.inf)

    def advance(self, steps: int, stop: threading.Event) -> None:
        N = self.W.shape[1]
        size = _AT_ONCE // N if self.streams else _BLOCK // N
        while self.steps < steps and np.isinf(self.diverged_at[0]) and not stop.is_set():
            size = min(max(size, _FEWEST), steps - self.steps)
            taken = self._take(size)
            self.steps += taken
            if taken < size:
                self.diverged_at[0] = self.steps

    def _take(self, steps: int) -> int:
        """The number of steps taken, which is less than `steps` if the run has diverged."""
        if self.streams:
            return kernels.network_run(self.W, self.v, self.W_teacher, self.streams, steps, *self.arguments)
        xi = self.inputs.standard_normal((steps, self.W.shape[1]))
        shape = (steps, self.v.shape[1])
        zeta = self.noise.standard_normal(shape) if self.noisy else np.zeros(shape)
        return kernels.network_steps(self.W, self.v, self.W_teacher, xi, zeta, *self.arguments)

    def order_parameters(self) -> tuple[Array, Array, Array]:
        R, Q = kernels.overlaps(self.W, self.W_teacher), kernels.overlaps(self.W, self.W)
        return R[None], Q[None], self.v[None]


class _Reduced:
    """Reduced runs, side by side in the last axis of every array."""

    def __init__(self, problem: Problem, generators: list[np.random.Generator], fast: bool) -> None:
        self.runs, self.N = len(generators), problem.N
        self.generators = [generator.spawn(2) for generator in generators]
        self.streams = None
        lanes = self.runs
        if fast and self.runs > 1:  # the last run is repeated to fill up the SIMD vectors
            lanes += -self.runs % _PADDING
        if fast:
            padded = self.generators + self.generators[-1:] * (lanes - self.runs)
            self.streams = tuple(np.hstack([streams.stream(pair[which]) for pair in padded]) for which in range(2))
        start = problem.start
        L, A, S = coordinates(start)
        self.L = np.ascontiguousarray(L)
        self.A, self.S, self.v = (
            np.repeat(array[..., None], lanes, axis=2) for array in (A, S, start.v.reshape(start.K, -1))
        )
        self.rows = start.K + start.M + (problem.outputs if problem.sigma > 0 else 0)
        self.arguments = problem.kernel_arguments
        self.alive, self.taken = np.ones(lanes), np.zeros(lanes)
        self.steps = 0

    @property
    def diverged_at(self) -> np.ndarray:
        return np.where(self.alive > 0, np.inf, self.taken)[: self.runs]

    def advance(self, steps: int, stop: threading.Event) -> None:
        normals = (_AT_ONCE if self.streams else _BLOCK) // (self.rows * len(self.taken))
        while self.steps < steps and np.isinf(self.diverged_at).any() and not stop.is_set():
            size = min(max(normals, 1), steps - self.steps)
            self._take(size)
            self.steps += size

    def _take(self, steps: int) -> None:
        state, N = (self.A, self.S, self.v, self.L, self.alive, self.taken), self.N
        if self.streams:
            kernels.reduced_run(*state, N, self.streams, steps, *self.arguments)
            return
        degrees = N - len(self.L) - len(self.A)
        g, chi2 = np.empty((steps, self.rows, self.runs)), np.zeros((steps, self.runs))
        for run, (normals, lengths) in enumerate(self.generators):
            g[:, :, run] = normals.standard_normal((steps, self.rows))
            if degrees:
                chi2[:, run] = lengths.chisquare(degrees, steps)
        kernels.reduced_steps(*state, N, g, chi2, *self.arguments)

    def order_parameters(self) -> tuple[Array, Array, Array]:
        R, Q = kernels.reduced_overlaps(self.A, self.S, self.L)
        return R[: self.runs], Q[: self.runs], np.moveaxis(self.v, -1, 0)[: self.runs]


def _record(walkers: Sequence[_Walker], steps: np.ndarray, workers: int, bar: tqdm) -> tuple[list[Array], int]:
    """R, Q, v of all runs (runs, A, …) after each number of steps, and the number of rows done: < A if interrupted.

    The runs advance together, from record to record, so that an interruption leaves a complete ensemble.
    """
    ends = np.cumsum([walker.runs for walker in walkers])
    shapes = [array.shape[1:] for array in walkers[0].order_parameters()]
    recorded = [np.full((ends[-1], len(steps), *shape), np.nan) for shape in shapes]
    stop, done = threading.Event(), 0
    try:
        with ThreadPoolExecutor(workers) as pool:
            for j, step in enumerate(steps):
                if all(np.isfinite(walker.diverged_at).all() for walker in walkers):
                    break
                pending = {pool.submit(walker.advance, int(step), stop) for walker in walkers}
                try:
                    _wait(pending, walkers, bar)
                except BaseException:
                    stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
                for walker, end in zip(walkers, ends, strict=True):
                    left = np.isinf(walker.diverged_at)
                    for array, values in zip(recorded, walker.order_parameters(), strict=True):
                        array[end - walker.runs : end, j][left] = values[left]
                done = j + 1
    except KeyboardInterrupt:
        return recorded, done
    return recorded, len(steps)


def _wait(pending: set[Future[None]], walkers: Sequence[_Walker], bar: tqdm) -> None:
    """Wait for all walkers to advance, moving the progress bar; raises what went wrong in one of them."""
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        bar.update(sum(walker.steps * walker.runs for walker in walkers) - bar.n)
