"""Threads that answer requests: of each kind one at a time, and what is newer ends what is older."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

Work = Callable[[threading.Event], object]  # is told by the event that it is no longer wanted


class Slot:
    """One piece of work at a time.

    A newer one ends the one that is under way, and takes the place of the one that waits for its end: however many are
    asked for, one is under way and one waits.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: tuple[Work, threading.Event] | None = None
        self._stop = threading.Event()  # of the newest

    def put(self, work: Work) -> None:
        """Have it done in a thread."""
        with self._lock:
            self._stop.set()
            self._stop = threading.Event()
            self._waiting = work, self._stop
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"stdyn-explorer-{self._name}", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """End what is under way, and what waits."""
        with self._lock:
            self._stop.set()
            self._waiting = None

    def join(self, until: float) -> bool:
        """Wait for the thread until a moment of time.monotonic(); whether it has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, until - time.monotonic()))
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._waiting is None:
                    self._thread = None
                    return
                work, stop = self._waiting
                self._waiting = None
            work(stop)


def side_by_side(functions: Iterable[Callable[[], object]]) -> None:
    """Call functions at the same time, each in a thread; what the first of them raised is raised."""
    errors: list[BaseException | None] = []

    def call(function: Callable[[], object], at: int) -> None:
        try:
            function()
        except BaseException as error:
            errors[at] = error

    threads = []
    for at, function in enumerate(functions):
        errors.append(None)
        threads.append(threading.Thread(target=call, args=(function, at), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if error is not None:
            raise error
