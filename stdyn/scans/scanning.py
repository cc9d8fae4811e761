"""Many problems solved into one file: resumable, by any concurrent.futures.Executor, one writer."""

from __future__ import annotations

import inspect
import os
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import check_executor, check_path, integer, time_grid
from stdyn.errors import ExecutorLost, ScanInterrupted, ScanStopped, said
from stdyn.executors import leave_if_imported, try_out, why_lost, worker_died
from stdyn.files.paths import exists, reserved
from stdyn.files.provenance import check_same
from stdyn.files.table import Row, Table, writing
from stdyn.model.activations import Activation
from stdyn.model.problem import Problem
from stdyn.progress import Bar, bar
from stdyn.scans.arguments import check_solver, coordinates_of, problems_of
from stdyn.scans.description import describe
from stdyn.scans.newscan import create, kept_positions
from stdyn.scans.points import FAILED, TODO, Solve, Task, failed, generator, in_words, solve_point
from stdyn.scans.scanfile import Scan
from stdyn.scans.scanschema import Checked
from stdyn.scans.variations import Variations
from stdyn.stopping import stoppable, uninterrupted
from stdyn.theory.ode import integrate

_COMMIT = 0.5  # seconds between two commits, at least
_LONGEST = 10.0  # and at most, on a disk so slow that commits would take more than a tenth of the time
_BYTES = 2**24  # that wait to be committed, at most

Work = Callable[[int], tuple[Task, Problem | Callable[[], Problem], np.random.Generator | None]]
Arrivals = Generator[tuple[int, Row | None], None, None]  # the number of a point and what is written of it


def scan(
    problems: Iterable[Problem],
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
) -> Scan:
    """Solve every problem and write what comes out into one file; called again, it goes on where it stopped.

    Parameters
    ----------
    problems : sequence of Problem
        `Variations`, or any other problems of the same K, M and number of outputs.
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
        Show a progress bar.

    Returns
    -------
    Scan
        The file, open for reading: what came out of every point.

    Raises
    ------
    InputError
        Before any work starts, if an argument or the file cannot be used.
    ScanInterrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt.
    ScanStopped
        If the file cannot be written any more, or the executor has lost its workers. In both cases what has arrived is
        in the file, which is whole.

    See Also
    --------
    open_scan, Variations, study, processes, ClusterExecutor, stdyn.scanplot.figures

    Notes
    -----
    A point that raises an exception is recorded as failed, with its message, and the others go on. So is one whose
    solver gives up or reaches its limit of steps (`max_steps` of `integrate`): the file has what it had reached, and
    where that was, `failed_at`. A point that diverges is done: its values are NaN from there on, and its message says
    at which alpha.

    Examples
    --------
    >>> points = stdyn.Variations(experiment, {"eta": [0.2, 0.4]})
    >>> table = stdyn.scan(points, alphas, "eta.h5")
    >>> table.summary["eps_g_final"].round(3)
    array([0.013, 0.014])

    Networks instead of the ODEs, four at each point:

    >>> from functools import partial
    >>> solve = partial(stdyn.simulate_network, runs=4)
    >>> networks = stdyn.scan(points, alphas, "runs.h5", solve, seed=1, keep="summary")
    >>> networks.summary["eps_g_final"].shape
    (2, 4)
    """
    leave_if_imported()
    alphas, target = time_grid(alphas), check_path("path", path)
    kept = kept_positions(keep, alphas)
    in_flight = integer("in_flight", in_flight, 1)
    check_executor(executor)
    problems, coordinates = problems_of(problems), coordinates_of(coordinates)
    check_solver(solve, seed)
    with stoppable():
        description = describe(problems, alphas, solve, seed, keep, coordinates)
        made = dict.fromkeys(_activations(problems)) if executor is not None else {}
        first = problems.recipe(0) if isinstance(problems, Variations) else problems[0]

        def make() -> None:
            try_out(executor, solve, first, list(made))
            create(target, problems, alphas[kept], solve, description, coordinates, overwrite)

        with _opened(target, overwrite, make) as (table, is_new):
            there = Checked(table)
            check_same(target, there.attributes, there.description, description)
            state = there.state
            todo = np.flatnonzero((state == TODO) | ((state == FAILED) & retry_failed))
            arrays = tuple(name for name in table.names() if "alpha" in table.axes(name)[1:])
            runs = len(table.read("run")) if "run" in table.axes("diverged_at") else None
            solve_here, groups = solve if executor is None else _in_one_thread(solve), there.sizes.get("group", 0)
            task = Task(solve_here, alphas, kept, arrays, runs, groups)

            def work(index: int) -> tuple[Task, Problem | Callable[[], Problem], np.random.Generator | None]:
                problem = problems.recipe(index) if isinstance(problems, Variations) else problems[index]
                return task, problem, generator(seed, index)

            if todo.size and not is_new:
                try_out(executor, solve, first, list(made))
            progressed = len(state) - len(todo)
            with bar(progress, total=len(state), initial=progressed, unit=" points", smoothing=0.05) as shown:
                _run(work, todo, executor, in_flight, _Writer(table, there, shown))
    return Scan(target)


@contextmanager
def _opened(path: Path, overwrite: bool, make: Callable[[], None]) -> Iterator[tuple[Table, bool]]:
    """The file of a scan, and whether it is made anew; no other process has it from before that on."""
    with ExitStack() as opened:
        with reserved(path):
            is_new = overwrite or not exists(path)
            if is_new:
                make()
            table = opened.enter_context(writing(path, "scan"))
        yield table, is_new


def _activations(problems: Sequence[Problem]) -> Iterable[Activation]:
    """All that the problems have."""
    if isinstance(problems, Variations):
        return problems.activations.values()
    return (g for problem in problems for g in problem.activations)


def _in_one_thread(solve: Solve) -> Solve:
    """The solver without threads of its own, unless it was told how many."""
    takes = inspect.signature(solve).parameters
    return partial(solve, workers=1) if "workers" in takes and takes["workers"].default is None else solve


def _run(work: Work, todo: np.ndarray, executor: Executor | None, in_flight: int, writer: _Writer) -> None:
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


def _here(work: Work, todo: np.ndarray) -> Arrivals:
    for index in map(int, todo):
        yield index, solve_point(*work(index))


def _elsewhere(work: Work, todo: np.ndarray, executor: Executor, in_flight: int) -> Arrivals:
    """Points as they arrive, (-1, None) where none does for a while; `in_flight` of them are with the executor."""
    pending: dict[Future[Row], int] = {}
    arrived: queue.SimpleQueue[Future[Row]] = queue.SimpleQueue()
    waiting = map(int, todo)
    lost: ExecutorLost | None = None
    dead = 0
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
                dead += worker_died(executor)
                if dead > 1:  # and the pool had the time to say so
                    lost = ExecutorLost("a worker process ended while it wrote a result")
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


def _result(future: Future[Row]) -> Row:
    """The row of a point. An exception is none of the solver's, which `solve_point` reports, but the executor's."""
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        why = why_lost(error)
        if why is None:
            return failed(error)
        raise ExecutorLost(why) from error


class _Writer:
    """Collects rows and commits them to the table every now and then."""

    def __init__(self, table: Table, there: Checked, bar: Bar) -> None:
        self.table, self.path, self.bar = table, table.path, bar
        self.columns = set(table.names()) - set(there.coordinates)
        self.rows: dict[int, Row] = {}
        self.bytes = 0
        self.state = there.state
        self.next = 0.0

    def add(self, index: int, row: Row) -> None:
        self.rows[index] = {name: row[name] for name in row if name in self.columns}  # older files lack some
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
                for columns in {frozenset(row) for row in rows.values()}:  # those that failed have others
                    self.table.put({index: row for index, row in rows.items() if row.keys() == columns})
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
        return f"{in_words(self.state)} of {len(self.state)} points in {self.path}; the same call goes on from there"
