"""The worker process that all pages share: maps are computed in it, so that curves stay quick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from typing import TypeVar

from stdyn.executors import processes

T = TypeVar("T")


class Workers:
    """A process that is started when something is asked of it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._pool: Executor | None = None
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Have it call function(*arguments)."""
        with self._lock:
            if self._pool is None:
                self._pool = self._stack.enter_context(processes(1))
            return self._pool.submit(function, *arguments)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._stack.close()
            self._pool = None
