"""Many problems solved into one file: resumable, by any concurrent.futures.Executor, one writer."""

import inspect
import os
import queue
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
)
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from stdyn.analysis.summary import summarise
from stdyn.checks import Array, check_executor, integer, time_grid
from stdyn.errors import (
    ExecutorLost,
    InputError,
    ScanInterrupted,
    ScanStopped,
    said,
)
from stdyn.executors import ignore_warnings
from stdyn.files.provenance import check_same
from stdyn.files.table import Table, uninterrupted, writing
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.scans.scanfile import (
    CURVES,
    DONE,
    FAILED,
    ORDER_PARAMETERS,
    TODO,
    Scan,
    Solve,
    activations_described,
    counted,
    create,
    described,
    kept_positions,
    solver_described,
)
from stdyn.scans.variations import Variations, plain
from stdyn.theory.ode import integrate

_SEED = 2**16  # marks the streams of a scan's points among those of the same seed
_COMMIT = 0.5  # seconds between two commits, at least
_LONGEST = 10.0  # and at most, on a disk so slow that commits would take more than a tenth of the time
_BYTES = 2**24  # that wait to be committed, at most
_GRACE = 1.0  # seconds that worker processes get to finish what they are at, before they are terminated

Work = Callable[[int], tuple[Any, ...]]  # the arguments of `solve_point` for a point


def scan(
    problems: Sequence[Problem],
    alphas: ArrayLike,
    path: str | os.PathLike[str],
    solve: Solve = integrate,
    executor: Executor | None = None,
    *,
    seed: int | None = None,
    keep: str | ArrayLike = "all",
    coordinates: Mapping[str, ArrayLike] | None = None,
    in_flight: int = 256,
    retry_failed: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> "Scan":
    """Solve every problem and write what comes out into one file; called again, it goes on where it stopped.

    Parameters
    ----------
    problems : sequence of Problem
        `Variations`, or any other sequence of problems of the same K, M and number of outputs.
    alphas : array_like, shape (A,)
        Where the solutions are wanted: not negative, strictly increasing.
    path : path
        The file (docs/format.md). If it holds the same scan, only what is missing is solved; if it holds another one,
        it is refused with the first difference.
    solve : callable, default `integrate`
        solve(problem, alphas) returns a Trajectory, e.g. functools.partial(stdyn.simulate_reduced, runs=64). A solver
        that takes `rng` gets a generator of its own at every point, which depends on `seed` and on the number of the
        point only. In an executor, one that takes `workers` gets 1.
    executor : concurrent.futures.Executor, optional
        Where to solve; default: in this process. `stdyn.processes()` uses all cores, `stdyn.ClusterExecutor`
        a Dask cluster. The result does not depend on it.
    seed : int, optional
        Needed if the solver takes `rng`, else refused.
    keep : "all", "curves", "summary" or array_like
        What is kept of each point: order parameters, eps_g, F and alignment at all alphas; without the order
        parameters; nothing but the summary (`stdyn.summary`), which is always there; or everything at these alphas.
    coordinates : mapping of str to array_like (points,), optional
        What varies, by name; default: what `problems` says of itself, else the parameters that differ.
    in_flight : int, default 256
        How many points are with the executor at a time; should be several times the number of its workers.
    retry_failed : bool, default False
        Solve points that have failed again.
    overwrite : bool, default False
        Begin anew if the file exists.
    progress : bool, default False
        Show a progress bar if the screen is a terminal.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        Before any work starts, if an argument or the file cannot be used.
    ScanInterrupted
        On Ctrl-C, a KeyboardInterrupt.
    ScanStopped
        If the file cannot be written any more, or the executor has lost its workers. In both cases what has arrived is
        in the file, which is whole.

    Notes
    -----
    A point that raises an exception is recorded as failed, with its message, and the others go on. One that diverges is
    done: its values are NaN from there on, and its message says at which alpha.
    """
    alphas = time_grid(alphas)
    kept = kept_positions(keep, alphas)
    in_flight = integer("in_flight", in_flight, 1)
    check_executor(executor)
    if len(problems) == 0:
        raise InputError("problems must not be empty")
    takes = inspect.signature(solve).parameters
    if ("rng" in takes) != (seed is not None):
        raise InputError(f"seed is {'needed: the solver draws random numbers' if seed is None else 'of no use here'}")
    if seed is not None:
        integer("seed", seed, 0, 2**128)
    task = solve
    if executor is not None and "workers" in takes and takes["workers"].default is None:
        task = partial(solve, workers=1)
    target = Path(path)
    description = {
        "problems": described(problems, coordinates),
        "alphas": alphas.tolist(),
        "solve": solver_described(solve),
        "seed": seed,
        "keep": keep if isinstance(keep, str) else plain(np.asarray(keep)),
        **activations_described(problems),
    }
    if overwrite or not target.exists():
        create(target, problems, alphas[kept], keep, solve, description, coordinates, overwrite)
    with writing(target, "scan") as table:
        check_same(target, table.attributes, table.description, description)
        runs = len(table.read("run")) if "run" in table.names() else None
        state = table.read("state")
        todo = np.flatnonzero((state == TODO) | ((state == FAILED) & retry_failed))
        names = [name for name in (*ORDER_PARAMETERS, *CURVES) if name in table.names()]

        def work(index: int) -> tuple[Any, ...]:
            problem = problems.recipe(index) if isinstance(problems, Variations) else problems[index]
            return task, problem, alphas, kept, names, runs, _generator(seed, index)

        with (
            warnings.catch_warnings(),
            tqdm(
                total=len(state), initial=len(state) - len(todo), unit=" points", disable=not progress or None,
                smoothing=0.05,
            ) as bar,
        ):  # fmt: skip
            ignore_warnings()
            _run(work, todo, executor, in_flight, _Writer(table, target, bar))
    return Scan(target)


# ---------------------------------------------------------------------------------------------------------------------
# Solving one point, here or elsewhere


def solve_point(
    solve: Solve, problem: Problem, alphas: Array, kept: np.ndarray, names: Sequence[str], runs: int | None,
    rng: np.random.Generator | None,
) -> dict[str, Any]:  # fmt: skip
    """What is written of one point: its state, message and summary, and the named arrays at the kept alphas.

    The problem may be given as the function that makes it, so that this is not the work of the process that writes.
    """
    try:
        problem = problem() if callable(problem) else problem
        trajectory = solve(problem, alphas, **({} if rng is None else {"rng": rng}))
        shape = () if runs is None else (runs,)
        if trajectory.R.shape[:-3] != shape:
            raise InputError(f"the solver returned arrays of shape {trajectory.R.shape} instead of {shape} + (A, K, M)")
        row: dict[str, Any] = dict(summarise(trajectory, alphas))
        for name in names:
            row[name] = _at(kept, trajectory, name, len(alphas))
    except Exception as error:
        return failed(error)
    return row | {"state": DONE, "message": trajectory.attributes.get("warning", "")}


def failed(error: BaseException) -> dict[str, Any]:
    """What is written of a point that failed."""
    return {"state": FAILED, "message": said(error)}


def _at(positions: np.ndarray, trajectory: Trajectory, name: str, A: int) -> Array:
    """An array of the trajectory at some of the A alphas: NaN from where it diverged, and if there is no such array."""
    values = getattr(trajectory, name)
    axis = 0 if trajectory.runs is None else 1  # that of alpha
    if values is None:
        return np.full((*trajectory.R.shape[:axis], len(positions)), np.nan)
    missing = A - values.shape[axis]
    padding = [(0, missing if each == axis else 0) for each in range(values.ndim)]
    return np.pad(values, padding, constant_values=np.nan).take(positions, axis)


def _generator(seed: int | None, index: int) -> np.random.Generator | None:
    """The stream of random numbers of a point."""
    if seed is None:
        return None
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(_SEED, index))))


# ---------------------------------------------------------------------------------------------------------------------
# All points


def _run(work: Work, todo: np.ndarray, executor: Executor | None, in_flight: int, writer: "_Writer") -> None:
    """Solve the points and write them; whatever ends it, what has arrived is committed."""
    arrivals = _here(work, todo) if executor is None else _elsewhere(work, todo, executor, in_flight)
    try:
        for index, row in arrivals:
            if row is not None:
                writer.add(index, row)
            writer.commit_if_due()
    except KeyboardInterrupt:
        writer.commit()
        raise ScanInterrupted(f"interrupted: {writer.progress()}") from None
    except ExecutorLost as lost:
        writer.commit()
        raise ScanStopped(f"{lost}; {writer.progress()}") from lost.__cause__
    finally:
        arrivals.close()
    writer.commit()


def _here(work: Work, todo: np.ndarray) -> Any:
    for index in map(int, todo):
        yield index, solve_point(*work(index))


def _elsewhere(work: Work, todo: np.ndarray, executor: Executor, in_flight: int) -> Any:
    """Points as they arrive, (-1, None) where none does for a while; `in_flight` of them are with the executor."""
    pending: dict[Future[dict[str, Any]], int] = {}
    arrived: queue.SimpleQueue[Future[dict[str, Any]]] = queue.SimpleQueue()
    waiting = map(int, todo)
    lost: ExecutorLost | None = None
    try:
        while not lost or not arrived.empty():
            for index in islice(waiting, 0 if lost else in_flight - len(pending)):
                try:
                    future = executor.submit(solve_point, *work(index))
                except Exception as error:
                    lost = ExecutorLost(said(error))
                    break
                pending[future] = index
                future.add_done_callback(arrived.put)
            if not pending:
                break
            try:
                future = arrived.get(timeout=_COMMIT)
            except queue.Empty:
                yield -1, None
                continue
            index = pending.pop(future)
            try:
                row = _result(future)
            except ExecutorLost as error:
                lost = lost or error  # others may have arrived before
            else:
                yield index, row
        if lost:
            raise lost
    finally:
        for future in pending:
            future.cancel()


def _result(future: Future[dict[str, Any]]) -> dict[str, Any]:
    """The row of a point. An exception is none of the solver's, which `solve_point` reports, but the executor's."""
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        if type(error).__name__ == "KilledWorker":  # Dask: this point has killed several workers, e.g. by its memory
            return failed(error)
        why = getattr(error, "reason", None) or said(error)  # Dask's, why it has cancelled the point
        raise ExecutorLost(why) from error


class _Writer:
    """Collects rows and commits them to the table every now and then."""

    def __init__(self, table: Table, path: Path, bar: tqdm) -> None:
        self.table, self.path, self.bar = table, path, bar
        self.rows: dict[int, dict[str, Any]] = {}
        self.bytes = 0
        self.state = table.read("state")
        self.next = 0.0

    def add(self, index: int, row: dict[str, Any]) -> None:
        self.rows[index] = row
        self.bytes += sum(value.nbytes for value in row.values() if isinstance(value, np.ndarray))
        self.bar.update()

    def commit_if_due(self) -> None:
        if self.bytes > _BYTES or (self.rows and time.perf_counter() >= self.next):
            self.commit()

    def commit(self) -> None:
        """Write the rows; Ctrl-C waits until it is done. Raises ScanStopped if the disk does not take them."""
        rows, self.rows, self.bytes = self.rows, {}, 0
        began = time.perf_counter()
        with uninterrupted():
            try:
                for state in (DONE, FAILED):  # which have different columns
                    self.table.put({index: row for index, row in rows.items() if row["state"] == state})
                self.table.commit()
            except OSError as error:
                why = error.strerror or str(error)
                raise ScanStopped(f"{self.path} cannot be written: {why}; {self.progress()}") from error
            for index, row in rows.items():
                self.state[index] = row["state"]
        failures = int((self.state == FAILED).sum())
        if failures:
            self.bar.set_postfix(failed=failures, refresh=False)
        ended = time.perf_counter()
        self.next = ended + min(max(_COMMIT, 10 * (ended - began)), _LONGEST)

    def progress(self) -> str:
        """How far the file has come, in words."""
        return f"{counted(self.state)} of {len(self.state)} points in {self.path}; the same call goes on from there"
