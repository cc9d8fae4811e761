"""Where work is done: the cores of this machine, worker processes, or a Dask cluster, whose client is handed in."""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from stdyn.checks import integer
from stdyn.errors import DivergenceWarning, NoGradientWarning, SymmetryWarning, said

T = TypeVar("T")

_GRACE = 1.0  # seconds that worker processes get to finish what they are at, before they are terminated
_PAUSES = (0.1, 1.0, 10.0)  # seconds until a result is asked for again, where its connection ended but not the cluster


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(workers: int | None = None) -> Iterator[Executor]:
    """An executor of worker processes, as many as there are cores unless it is said; for `scan`.

    The workers start afresh ("spawn"): a script that uses them needs `if __name__ == "__main__":`. They leave Ctrl-C to
    the process that started them, end with it even if it is killed, and are ended when an exception leaves the block.
    """
    count = cores() if workers is None else integer("workers", workers, 1)
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        end = time.monotonic() + _GRACE
        for child in set(multiprocessing.active_children()) - before:
            child.join(max(0.0, end - time.monotonic()))  # at once terminated, the pool stumbles over what it cancels
            child.terminate()
        with suppress(AttributeError, OSError):  # who reads a result that was cut off would wait for its rest for ever
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
        raise
    pool.shutdown()


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ignore_warnings()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def ignore_warnings() -> None:
    """Those of the solvers: what they say is in the message of the point."""
    for category in (DivergenceWarning, NoGradientWarning, SymmetryWarning):
        warnings.simplefilter("ignore", category)
    warnings.filterwarnings("ignore", "lsoda: ")  # what it says when it gives up


def why_lost(error: BaseException) -> str | None:
    """Why an executor cannot go on, of which a future raised this error; None if only this one piece of work is lost.

    What the work itself may raise is not told apart: it must not raise anything.
    """
    if type(error).__name__ == "KilledWorker":  # Dask: this work has killed several workers, e.g. by its memory
        return None
    return getattr(error, "reason", None) or said(error)  # Dask's, why it has cancelled the work


class ClusterExecutor(Executor):
    """The workers of a Dask cluster, for `scan`.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler; closing it is left to whoever made it.

    Notes
    -----
    Dask's own executor, client.get_executor(), will not do: its futures never end, or fail with a TypeError or
    ValueError, if a worker or the scheduler dies while a result is on its way. Here Dask's future is awaited itself,
    and again where a connection has ended but the cluster has not.
    """

    def __init__(self, client: Any) -> None:  # Dask is imported by the command only
        self._client = client

    def submit(self, function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> Future[T]:
        """function(*arguments, **keywords) on some worker; if that dies, on another one."""
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
