"""Where work is done: the cores of this machine, worker processes, or a Dask cluster, whose client is handed in."""

import asyncio
import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from stdyn.checks import integer
from stdyn.errors import InputError, said
from stdyn.stopping import leave_signals_alone
from stdyn.text import printable, shown

T = TypeVar("T")

# sent to all processes of a terminal; who started the workers ends them
_OF_A_TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
_GRACE = 1.0  # seconds that worker processes get to finish what they are at, before they are terminated
_PAUSES = (0.1, 1.0, 10.0)  # seconds until a result is asked for again, where its connection ended but not the cluster


def cores(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int:
    """The number of cores this process may use: by its affinity, and by the quota of its control groups (containers).

    PYTHON_CPU_COUNT says another number, as it does to Python 3.13. `root` is where /proc and /sys are.
    """
    said_so = environ.get("PYTHON_CPU_COUNT", "")
    if said_so.isdecimal() and int(said_so) > 0:
        return int(said_so)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, math.ceil(min(_quotas(root), default=count))))


def _quotas(root: Path) -> Iterator[float]:
    """How many cores the control groups of this process, and those around them, may use (Linux, versions 1 and 2)."""
    groups = root / "sys/fs/cgroup"
    for line in _words(root / "proc/self/cgroup"):
        _, controllers, name = f"{line}::".split(":", 3)[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = Path(name.lstrip("/"))
        for group in (inside, *inside.parents):  # the last is the mount itself: of a container its own
            for mount in (groups / "cpu", groups / controllers) if controllers else (groups, groups / "unified"):
                quota = _words(mount / group / "cpu.max") or [
                    word for each in ("quota", "period") for word in _words(mount / group / f"cpu.cfs_{each}_us")
                ]
                if len(quota) == 2 and all(word.isdecimal() for word in quota) and int(quota[1]):
                    yield int(quota[0]) / int(quota[1])


def _words(path: Path) -> list[str]:
    """Those of a file; none if it cannot be read."""
    try:
        return path.read_text().split()
    except (OSError, ValueError):
        return []


@contextmanager
def processes(workers: int | None = None) -> Iterator[Executor]:
    """An executor of worker processes, as many as there are cores unless it is said; for `scan` and `train`.

    The workers start afresh ("spawn"): a script that uses them needs `if __name__ == "__main__":`. They leave Ctrl-C to
    the process that started them, end with it even if it is killed, and are ended when an exception leaves the block.
    What they are to do must be in a module that they can import: a function of a notebook is not.

    Parameters
    ----------
    workers : int, optional
        How many; default: all cores that this process may use.

    Yields
    ------
    concurrent.futures.Executor
        The pool; it is shut down at the end of the block.

    Raises
    ------
    InputError
        If `workers` is not an integer of at least 1.
    OSError
        If worker processes cannot be started.

    See Also
    --------
    scan, train, ClusterExecutor

    Examples
    --------
    >>> with stdyn.processes(workers=1) as executor:  # as in stdyn.scan(points, alphas, "eta.h5", executor=executor)
    ...     executor.submit(pow, 2, 10).result()
    1024
    """
    leave_if_imported()
    count = cores() if workers is None else integer("workers", workers, 1)
    with _starting():
        _start_tracker()
        spawn = multiprocessing.get_context("spawn")
        pool = _Pool(count, spawn, _start_worker, (spawn.Value("i", 0),))
    try:
        yield pool
    except BaseException:
        children = _children(pool)
        pool.shutdown(wait=False, cancel_futures=True)
        end = time.monotonic() + _GRACE
        for child in children:
            child.join(max(0.0, end - time.monotonic()))
            child.terminate()
        with suppress(AttributeError, OSError):  # who reads a result that was cut off would wait for its rest for ever
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
        raise
    pool.shutdown()


class _Pool(ProcessPoolExecutor):
    """A pool whose workers hear none of a terminal's signals from their first moment on, while they import, too."""

    def submit(self, function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> Future[T]:
        with _blocked(), _starting():  # the first call starts the workers
            future = super().submit(function, *arguments, **keywords)
        future.__class__ = _OfAPool
        return future


class _OfAPool(Future[T]):
    """A future that may be cancelled while a worker dies: the thread of Python 3.11's pool would end in a traceback."""

    def set_exception(self, exception: BaseException | None) -> None:
        with suppress(InvalidStateError):
            super().set_exception(exception)


@contextmanager
def _starting() -> Iterator[None]:
    """Say of an OSError that it is of worker processes: of a limit on their number, or on what they share in memory."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(f"worker processes cannot be started: {why} (--workers 1, or no executor, needs none)") from error


def _start_tracker() -> None:
    """Start multiprocessing's process that cleans up, if it is not there; deaf to SIGHUP as it is to other signals."""
    if sys.platform != "win32":  # where there is none
        from multiprocessing import resource_tracker

        with _blocked():
            resource_tracker.ensure_running()


@contextmanager
def _blocked() -> Iterator[None]:
    """Let the signals of a terminal wait while the block lasts; processes that it starts inherit that they wait."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_if_imported() -> None:
    """End this process if it is a worker that has only got to import the script that started it.

    A script without `if __name__ == "__main__":` begins its work anew in every worker. Whoever started it is told so by
    `try_out`.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)


def try_out(executor: Executor | None, *work: Any) -> None:
    """Refuse worker processes that do not start, or do not understand what they are to get, before any work starts.

    What they cannot import ends them: that is tried where it is caught. Other executors say themselves what is wrong.
    """
    if not isinstance(executor, ProcessPoolExecutor):
        return
    try:
        why = executor.submit(_understood, pickle.dumps(work)).result()
    except BrokenProcessPool:
        raise InputError(
            "executor must be one whose workers start, but they ended before any work: a script that uses worker"
            ' processes must be a file, with `if __name__ == "__main__":` before what it does (or use no executor)'
        ) from None
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        why = said(error)
    if why:
        raise InputError(
            "functions for worker processes (activations, solvers) must be in a module that these can import, not in a"
            f" notebook or in another function (or use no executor): {printable(why)[:200]}"
        )


def _understood(work: bytes) -> str:
    """Why a worker cannot make of this what it was; empty if it can."""
    try:
        pickle.loads(work)
    except Exception as error:
        return said(error)
    return ""


def worker_number() -> int | None:
    """Which of the worker processes this is, from 0; None if it is none of them."""
    return _number


_number: int | None = None


def _start_worker(started: Any) -> None:
    global _number
    leave_signals_alone()
    for number in _OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_TERMINAL)
    with started.get_lock():
        _number, started.value = started.value, started.value + 1
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def worker_died(executor: Executor) -> bool:
    """Whether a process of a pool has ended, which the pool does not see while it reads a result that was cut off."""
    if not isinstance(executor, ProcessPoolExecutor):
        return False
    return bool(wait([each.sentinel for each in _children(executor)], 0))


def _children(pool: ProcessPoolExecutor) -> list[Any]:
    """Its worker processes, and none of another pool; none where it has been shut down."""
    return list((getattr(pool, "_processes", None) or {}).values())


def why_lost(error: BaseException) -> str | None:
    """Why an executor cannot go on, of which a future raised this error; None if only this one piece of work is lost.

    What the work itself may raise is not told apart: it must not raise anything.
    """
    if type(error).__name__ == "KilledWorker":  # Dask: this work has killed several workers, e.g. by its memory
        return None
    return getattr(error, "reason", None) or said(error)  # Dask's, why it has cancelled the work


class ClusterExecutor(Executor):
    """The workers of a Dask cluster, for `scan` and `train`.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler; closing it is left to whoever made it.

    Raises
    ------
    InputError
        If it is no client.

    See Also
    --------
    processes, scan, train

    Notes
    -----
    Dask's own executor, client.get_executor(), will not do: its futures never end, or fail with a TypeError or
    ValueError, if a worker or the scheduler dies while a result is on its way. Here Dask's future is awaited itself,
    and again where a connection has ended but the cluster has not.

    Examples
    --------
    >>> from distributed import Client  # doctest: +SKIP
    >>> with Client("tcp://10.0.0.1:8786") as client:  # doctest: +SKIP
    ...     executor = stdyn.ClusterExecutor(client)
    ...     theory = executor.submit(stdyn.integrate, problem, alphas).result()
    """

    def __init__(self, client: Any) -> None:  # Dask is imported by the command only
        if not hasattr(client, "submit") or not hasattr(client, "loop"):
            raise InputError(f"client must be a distributed.Client, but is {shown(client)}")
        self._client = client

    def submit(self, function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> Future[T]:
        """Call a function on some worker; if that dies, on another one.

        Parameters
        ----------
        function : callable
            What is called; the workers must be able to import it.
        *arguments : object
            Of the call, by position.
        **keywords : object
            Of the call, by name.

        Returns
        -------
        concurrent.futures.Future
            Of what it returns.
        """
        there = self._client.submit(function, *arguments, pure=False, **keywords)
        return asyncio.run_coroutine_threadsafe(_result(there), self._client.loop.asyncio_loop)


async def _result(there: Any) -> Any:
    """What a Dask future gives."""
    try:
        for pause in _PAUSES:
            try:
                return await there
            except OSError:  # the connection; what the function raised, too, but then the status says so
                if there.status == "error":
                    raise
            await asyncio.sleep(pause)
        return await there
    finally:
        there.release()  # a point that is dropped must not stay on the scheduler
