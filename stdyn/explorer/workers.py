"""The worker process that all pages share: maps are computed in it, so that curves stay quick."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, wait
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from stdyn.executors import processes, worker_died

T = TypeVar("T")

_PATIENCE = 0.05  # seconds until a request that waits for the worker looks whether it is still wanted
_OFTEN = 0.02  # seconds at least between two looks of the worker at the same
_ATTEMPTS = 2  # of a piece of work, where the worker has ended meanwhile
_GRACE = 1.0  # seconds in which a pool is to see by itself that its process has ended


class WorkerLost(RuntimeError):
    """The worker process has ended at each attempt."""


class _Ended(BaseException):
    """Leaves the block of `processes`, so that the worker need not finish what it is at."""


class Workers:
    """A process that is started when something is asked of it, and started again if it has ended.

    Attributes
    ----------
    lost : int
        How often it had ended while something was asked of it.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._pool: Executor | None = None
        self._folder = ""
        self._lock = threading.Lock()
        self._closed = False
        self.lost = 0

    def call(self, stop: threading.Event, function: Callable[..., T], *arguments: object) -> T | None:
        """What function(*arguments, stop) gives in the worker; None if `stop` is set before.

        The `stop` that the function gets says there what this one says here.
        """
        for _ in range(_ATTEMPTS):
            pool, folder = self._started()
            try:
                return _result(pool, folder, stop, function, arguments)
            except BrokenExecutor:
                self._lost(pool)
            if stop.is_set():
                return None
        raise WorkerLost(f"the worker process has ended {_ATTEMPTS} times while it computed this: for want of memory?")

    def close(self) -> None:
        """End it, and what it is at."""
        with self._lock:
            self._closed = True
            self._end()

    def _started(self) -> tuple[Executor, str]:
        with self._lock:
            if self._closed:
                raise WorkerLost("the explorer has ended")
            if self._pool is None:
                self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="stdyn-explorer-"))
                self._pool = self._stack.enter_context(processes(1))
            return self._pool, self._folder

    def _lost(self, pool: Executor) -> None:
        """A pool is of no use any more: the next call starts another."""
        with self._lock:
            self.lost += not self._closed
            if self._pool is pool:
                self._end()

    def _end(self) -> None:
        ended = _Ended()
        self._stack.__exit__(_Ended, ended, None)
        self._pool = None


def _result(pool: Executor, folder: str, stop: threading.Event, function: Callable[..., T], arguments: Any) -> T | None:
    """What the function gives in the worker, which knows by a file whether it is still wanted."""
    number, ticket = tempfile.mkstemp(dir=folder)
    os.close(number)
    try:
        future = pool.submit(_work, ticket, function, arguments)
        died_at = None
        while not wait([future], timeout=_PATIENCE).done:
            if stop.is_set():
                future.cancel()
                return None
            if died_at is None:
                died_at = time.monotonic() if worker_died(pool) else None
            elif time.monotonic() - died_at > _GRACE:
                raise BrokenExecutor
        return future.result()
    finally:
        with suppress(OSError):
            Path(ticket).unlink()


def _work(ticket: str, function: Callable[..., T], arguments: Any) -> T:
    """In the worker: call the function."""
    return function(*arguments, _Withdrawn(ticket))


class _Withdrawn:
    """Whether the file is gone that says that something is wanted."""

    def __init__(self, ticket: str) -> None:
        self._ticket, self._looked, self._gone = ticket, 0.0, False

    def __call__(self) -> bool:
        if not self._gone and time.monotonic() - self._looked > _OFTEN:
            self._looked = time.monotonic()
            self._gone = not os.path.exists(self._ticket)
        return self._gone
