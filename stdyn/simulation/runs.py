"""Online SGD: in the network itself (theory.md, section 1), and as the same process in coordinates (section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, RngLike, check_memory, check_normals, check_type, integer, spawning, time_grid
from stdyn.errors import DivergenceWarning, InputError, Interrupted, warn
from stdyn.executors import cores
from stdyn.files.provenance import provenance
from stdyn.kernels import Stopwatch
from stdyn.model.initial import coordinates
from stdyn.model.problem import Problem
from stdyn.model.schedule import Schedule, text
from stdyn.model.trajectory import Trajectory
from stdyn.onlooker import Onlooker, OnRecord, Stop
from stdyn.progress import bar
from stdyn.simulation import streams
from stdyn.simulation.advancing import Look, Stopped, Walker, record, unless_stopped
from stdyn.simulation.course import Course
from stdyn.simulation.given import checked_weights, given
from stdyn.simulation.network import Network
from stdyn.simulation.reduced import Reduced, side_by_side
from stdyn.simulation.reducedgroups import ReducedGroups
from stdyn.simulation.structured import StructuredNetwork
from stdyn.stopping import stoppable


def simulate_network(
    problem: Problem,
    alphas: ArrayLike,
    runs: int = 1,
    *,
    rng: RngLike,
    normals: str = "fast",
    workers: int | None = None,
    progress: bool = False,
    stop: Stop | None = None,
    on_record: OnRecord | None = None,
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    examples: ArrayLike | None = None,
    teacher_fields: ArrayLike | None = None,
    repeat: bool = False,
    test: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
) -> Trajectory:
    """Train `runs` networks of N inputs by online SGD, each on its own stream of examples.

    Parameters
    ----------
    problem : Problem
        Every run starts with exactly its R, Q, T and v, in weights that are otherwise random.
    alphas : array_like, shape (A,)
        When to record: not negative, strictly increasing. The record is made from the weights after the nearest
        whole number of steps; the `alphas` of the result are these steps / N. A step is recorded once: where alphas
        lie closer than 1/N, the result has fewer of them. alpha counts steps, not examples: with a batch of B of them
        a step takes the mean of their changes, and by alpha a run has seen B alpha N examples.
    runs : int, default 1
        Number of independent runs.
    rng : int or numpy.random.Generator
        Each run has streams of its own, spawned from it (an int is the generator `numpy.random.default_rng` makes of
        it; a SeedSequence or BitGenerator is taken, too): the result depends on its seed and on how often it has
        spawned before, not on `workers` nor on `alphas`. A generator that was jumped, or whose state was restored,
        is drawn from instead (its seed is not what made its state): the result depends on its state. So does that of
        SFC64 and MT19937 from which numbers have been drawn before.
    normals : {"fast", "numpy"}, default "fast"
        Where the normal numbers come from: `stdyn.kernels.random` (SFC64 and Box-Muller, vectorised), or NumPy's
        Generator.standard_normal of the bit generator of `rng`, the reference, which is several times slower.
    workers : int, optional
        Number of threads; default: all cores.
    progress : bool, default False
        Show a progress bar if it takes longer than two seconds.
    stop : callable or Event, optional
        A function without arguments, or an Event (of threading, say), that is asked before each run is set up, and
        then again and again, within hundredths of a second: where it is true the runs end.
    on_record : callable, optional
        A function that is called with the Trajectory of all runs up to the last alpha that all have reached, whenever
        that is more, but not more often than every 0.05 seconds; at last with the result. It is called in the thread
        that the runs were started from, and what it raises ends them.
    weights : (array_like, array_like), shapes (K, N) and (M, N), optional
        First-layer weights of student and teacher with which every run starts; their overlaps must be those of the
        problem. Otherwise each run has its own, drawn by `stdyn.weights`, which needs an N of at least the rank of
        the overlaps.
    examples : array_like, shape (P, N), optional
        Inputs to learn from, in input space, instead of Gaussian ones. They are used as they are: centred and scaled by
        whoever gives them. Each run takes them in a random order of its own, each at most once, so that there must be
        one for every step to the last alpha (and of its batch).
    teacher_fields : array_like, shape (P, M), optional
        The teacher's fields for these examples, if they are not those of its weights on them (hidden manifold:
        c @ theta.T). Its weights are then what R is recorded against, and nothing else.
    repeat : bool, default False
        Take the examples again and again, in a new order each time.
    test : array_like (P', N), or pair of it and the teacher's fields (P', M), optional
        Examples on which each network is tested at every recorded alpha: the result has `eps_g_test`, the mean of
        1/2 sum_o m_o Delta_o^2 over them, without noise.

    Returns
    -------
    Trajectory
        With arrays of shape (runs, A, …). Where inputs are not isotropic it has R_group and Q_group. Runs that were
        stopped end at the last alpha that all had reached, if any, which `attributes["interrupted"]` says.

    Raises
    ------
    InputError
        Before any work starts, if an argument cannot be used.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt with `.trajectory`: all runs up to the last alpha that all had
        reached.

    Warns
    -----
    DivergenceWarning
        Some runs diverged. They are NaN from there on, and the result ends where none is left.

    See Also
    --------
    simulate_reduced, integrate, compare, weights

    Notes
    -----
    The network of theory.md, section 1; every step sees a new example.

    Examples
    --------
    >>> runs = stdyn.simulate_network(problem, alphas, runs=8, rng=np.random.default_rng(1))
    >>> runs.eps_g.shape
    (8, 81)
    >>> bool(abs(np.median(runs.eps_g[:, -1]) / theory.eps_g[-1] - 1) < 0.5)
    True

    From examples of one's own:

    >>> X = np.random.default_rng(1).normal(size=(4000, 200))
    >>> one = stdyn.simulate_network(problem, [0, 10, 20], rng=np.random.default_rng(1), examples=X)
    >>> one.alphas
    array([ 0., 10., 20.])
    """

    onlooker = Onlooker(stop, on_record)

    def make(generators: list[np.random.Generator], workers: int, steps: int) -> tuple[list[Walker], dict[str, str]]:
        data = given(problem, steps, examples, teacher_fields, repeat, test)
        start = None if weights is None else checked_weights(weights, problem)
        fast = normals == "fast"
        if data is None:
            return [Network(problem, generator, fast, start) for generator in unless_stopped(generators, onlooker)], {}
        known = coordinates(problem.start, problem.N) if start is None else None
        each = unless_stopped(generators, onlooker)
        return [StructuredNetwork(problem, one, fast, start, data, known) for one in each], data.attributes

    return _simulate(
        "network", make, problem, alphas, runs, rng, normals, workers, progress, onlooker, test is not None
    )


def simulate_reduced(
    problem: Problem,
    alphas: ArrayLike,
    runs: int = 1,
    *,
    rng: RngLike,
    normals: str = "fast",
    workers: int | None = None,
    progress: bool = False,
    stop: Stop | None = None,
    on_record: OnRecord | None = None,
) -> Trajectory:
    """Train `runs` networks without their N-dimensional vectors: the exact law of `simulate_network`, at any N.

    For Gaussian inputs the order parameters are a Markov process by themselves. A step costs the same at every N, and
    many runs are stepped at once: the more, the cheaper each is. Of inputs with a spectrum the cost is proportional to
    the number of groups.

    Parameters
    ----------
    problem : Problem
        Every run starts with exactly its R, Q, T and v.
    alphas : array_like, shape (A,)
        When to record, as of `simulate_network`.
    runs : int, default 1
        Number of independent runs.
    rng : int or numpy.random.Generator
        Each run has streams of its own, spawned from it. A run depends on its own stream alone, not on how many others
        there are; it is another one than the network run of the same seed, with the same law.
    normals : {"fast", "numpy"}, default "fast"
        Where the normal numbers come from, as of `simulate_network`.
    workers : int, optional
        Number of threads; default: all cores.
    progress : bool, default False
        Show a progress bar if it takes longer than two seconds.
    stop : callable or Event, optional
        A function without arguments, or an Event (of threading, say), that is asked before each run is set up, and
        then again and again, within hundredths of a second: where it is true the runs end.
    on_record : callable, optional
        A function that is called with the Trajectory of all runs up to the last alpha that all have reached, whenever
        that is more, but not more often than every 0.05 seconds; at last with the result. It is called in the thread
        that the runs were started from, and what it raises ends them.

    Returns
    -------
    Trajectory
        With arrays of shape (runs, A, …). Vectors come from `stdyn.weights(runs.at(position, run), N, rng)`. Runs that
        were stopped end at the last alpha that all had reached, if any, which `attributes["interrupted"]` says.

    Raises
    ------
    InputError
        Before any work starts, if an argument cannot be used.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt with `.trajectory`: all runs up to the last alpha that all had
        reached.

    Warns
    -----
    DivergenceWarning
        Some runs diverged. They are NaN from there on, and the result ends where none is left.

    See Also
    --------
    simulate_network, integrate, compare, weights

    Notes
    -----
    Theory.md, section 4.

    Examples
    --------
    >>> large = dataclasses.replace(problem, N=10_000)
    >>> runs = stdyn.simulate_reduced(large, [0, 1, 2], runs=16, rng=np.random.default_rng(1))
    >>> runs.R.shape
    (16, 3, 2, 2)
    >>> bool(np.allclose(runs.R.mean(axis=0)[-1], stdyn.integrate(large, [2]).R[0], atol=0.01))
    True
    """

    onlooker = Onlooker(stop, on_record)

    def make(generators: list[np.random.Generator], workers: int, steps: int) -> tuple[list[Walker], dict[str, str]]:
        kind = Reduced if problem.start.inputs is None else ReducedGroups
        parts = unless_stopped(side_by_side(generators, workers), onlooker)
        return [kind(problem, part, normals == "fast") for part in parts], {}

    return _simulate("reduced", make, problem, alphas, runs, rng, normals, workers, progress, onlooker)


def _simulate(
    method: str,
    make: Callable[[list[np.random.Generator], int, int], tuple[Sequence[Walker], dict[str, str]]],
    problem: Problem,
    alphas: ArrayLike,
    runs: int,
    rng: RngLike,
    normals: str,
    workers: int | None,
    progress: bool,
    onlooker: Onlooker,
    tested: bool = False,
) -> Trajectory:
    """Check the arguments, let the walkers that `make` makes of the streams walk, and put what they record together.

    `make` gives what the result says of them, too. `tested` runs record an error on test examples.
    """
    stopwatch = Stopwatch()
    check_type("problem", problem, Problem)
    alphas = time_grid(alphas)
    runs = integer("runs", runs, 1)
    workers = cores() if workers is None else integer("workers", workers, 1)
    check_normals(normals)
    rng = spawning(rng)
    seed = streams.seed(rng)
    check_steps(problem)
    problem.protocol.check(alphas, problem.N)
    integer("alphas[-1] * N, the number of steps,", np.rint(alphas[-1] * problem.N), 0)
    steps = np.unique(np.rint(alphas * problem.N).astype(np.int64))
    check_room(method, problem, runs, len(steps))
    with (
        stoppable(),
        bar(progress, total=int(steps[-1]) * runs, unit=" steps", unit_scale=True, delay=2) as shown,
    ):
        walkers, more = _made(partial(make, rng.spawn(runs), workers, int(steps[-1])))
        some = partial(Trajectory.of, problem, method=method, attributes=provenance(seed=seed, normals=normals))
        look = Look(shown, onlooker, lambda count, of: some(steps[:count] / problem.N, of))
        records, recorded, interrupted = record(problem, walkers, runs, steps, workers, look, tested)
        diverged_at = np.concatenate([walker.diverged_at for walker in walkers] or [np.full(runs, np.inf)]) / problem.N
        kept = min(recorded, _alphas_left(records))
        said = _said_of_divergence(problem, diverged_at)
        if recorded < len(steps):
            said |= {"interrupted": f"before alpha = {steps[-1] / problem.N:g}"}
        trajectory = Trajectory.of(
            problem,
            steps[:kept] / problem.N,
            {name: values[:, :kept] for name, values in records.items()},
            method,
            diverged_at=diverged_at if "warning" in said else None,
            attributes=provenance(
                seed=seed, normals=normals, workers=workers, wall_time=stopwatch.seconds, **more, **said
            ),
        )
        if interrupted:
            raise Interrupted(trajectory) if kept else KeyboardInterrupt
        onlooker.see(trajectory)
    if "warning" in said:
        warn(said["warning"], DivergenceWarning, stacklevel=3, trajectory=trajectory)
    return trajectory


def _made(make: Callable[[], tuple[Sequence[Walker], dict[str, str]]]) -> tuple[Sequence[Walker], dict[str, str]]:
    """What it makes; no walkers if it was stopped before it had made all."""
    try:
        return make()
    except Stopped:
        return [], {}


def check_steps(problem: Problem) -> None:
    """Refuse what a step in N dimensions cannot do."""
    if problem.flow:
        raise InputError("flow must be False for a simulation, which takes steps: gradient flow has none")
    N, M = problem.N, problem.start.M
    for name in ("decay", "decay_v", "drift"):
        rate = getattr(problem, name)
        if (rate.largest if isinstance(rate, Schedule) else rate) > N:
            raise InputError(f"{name} must be at most N = {N}: a step multiplies weights by 1 - {name} / N")
    if Course(problem).drifting and N <= M:
        raise InputError(f"drift needs an N above M = {M}, directions for the teacher to turn to, but N is {N}")


def check_room(method: str, problem: Problem, runs: int, rows: int) -> None:
    """Refuse what can have no room: the weights, or coordinates, of all runs and their records."""
    K, M = problem.start.K, problem.start.M
    width = problem.N if method == "network" else (K + M) * problem.inputs.groups
    of_one, of_step = (K + M) * width, problem.batch * width  # of one run at least
    what = f"runs = {runs} of N = {problem.N}, K = {K} and M = {M}, recorded at {rows} alphas,"
    if problem.batch > 1:
        what = f"batch = {problem.batch} in {what}"
    check_memory(what, 8.0 * (runs * (of_one + rows * problem.state_layout.size) + of_step))


def _alphas_left(records: dict[str, Array]) -> int:
    """The number of alphas at which some run is left."""
    some = next(iter(records.values()))
    return int(np.isfinite(some.reshape(*some.shape[:2], -1)[..., 0]).any(axis=0).sum())


def _said_of_divergence(problem: Problem, diverged_at: Array) -> dict[str, str]:
    """The warning that runs have diverged, if some have."""
    if not np.isfinite(diverged_at).any():
        return {}
    return {
        "warning": f"{np.isfinite(diverged_at).sum()} of {len(diverged_at)} runs diverged, the first at alpha ="
        f" {diverged_at.min():.6g} (is eta = {text(problem.eta)} too large?); they are NaN from there on"
    }
