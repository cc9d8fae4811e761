"""Ctrl-C, SIGTERM and SIGHUP on one path: while long work lasts, each is a KeyboardInterrupt in the main thread.

A time limit of SLURM, `docker stop` or a closed terminal ends a process that does not listen, with all that it has in
memory. What keeps its results on Ctrl-C keeps them here on all three.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from types import FrameType
from typing import Any

from stdyn.errors import InputError, ScanStopped, TrainingStopped

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_GRACE = 3.0  # seconds after a signal in which further ones, of an impatient user, do not disturb what is being kept
_LATER = 0.02  # seconds
_SAY_MORE = (InputError, ScanStopped, TrainingStopped, OSError, MemoryError)  # errors that are none of a signal's


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP while something was computed."""


class Signals:
    """The handler of the signals while work lasts.

    Attributes
    ----------
    first : int, or None
        The first signal that has arrived.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self._raised, self._held, self._waiting = -inf, 0, 0
        self._hook = sys.unraisablehook

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.first = self.first or number
        if self._held:
            self._waiting = self._waiting or number
        elif time.monotonic() - self._raised >= _GRACE:
            self._raised = time.monotonic()
            raise _exception(number)

    def again(self, ignored: Any) -> None:
        """Instead of sys.unraisablehook: what was raised where Python ignores exceptions comes once more, a bit later.

        In a weak reference's callback, a __del__ or a function that C calls, say.
        """
        if not issubclass(ignored.exc_type, KeyboardInterrupt) or self.first is None:
            self._hook(ignored)
            return
        self._raised = -inf
        later = threading.Timer(_LATER, os.kill, (os.getpid(), self.first))
        later.daemon = True
        later.start()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Put signals off until the block is done."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._waiting and not self._held:
            number, self._waiting = self._waiting, 0
            self(number, None)

    def end(self, before: dict[int, Any]) -> None:
        """Restore the handlers of before; what has arrived meanwhile is raised if nothing is on its way already."""
        self._held += 1
        sys.unraisablehook = self._hook
        for number, handler in before.items():
            signal.signal(number, handler)
        if self._waiting and self._raised < 0:
            raise _exception(self._waiting)

    @property
    def reason(self) -> KeyboardInterrupt | None:
        """The exception of the first signal; None if there was none."""
        return None if self.first is None else _exception(self.first)


_here: list[Signals] = []  # the handler that is installed, if one is; of the main thread


@contextmanager
def stoppable() -> Iterator[Signals]:
    """Let each of the signals raise a KeyboardInterrupt while the block lasts.

    Only in the main thread, and only signals that nobody has a handler for and that are not ignored (as `nohup` has
    SIGHUP ignored). Another one within three seconds is not raised, so that what is being kept is kept. An exception
    that a signal was turned into on its way (by numba, as it compiles) is a KeyboardInterrupt again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Signals()
        return
    if _here:
        yield _here[-1]
        return
    signals, before = Signals(), {}
    _here.append(signals)
    try:
        with suppress(ValueError):  # the main thread, but not of the main interpreter
            for number in SIGNALS:
                default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                if signal.getsignal(number) is default:
                    before[number] = default
                    signal.signal(number, signals)
        sys.unraisablehook = signals.again
        yield signals
    except _SAY_MORE:
        raise
    except Exception as error:
        if signals.reason is not None:
            raise signals.reason from error
        raise
    finally:
        _here.clear()
        signals.end(before)


def raise_what_came(error: Exception) -> None:
    """Raise the KeyboardInterrupt of the first signal that has come, of which `error` may have been made on its way."""
    if _here and _here[-1].reason is not None:
        raise _here[-1].reason from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put the signals off until the block is done, also those that somebody else has a handler for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    others: dict[int, Any] = {}
    with stoppable() as signals, signals.hold():
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signals:
                others[number] = signal.signal(number, lambda *arguments: caught.append(arguments))
        try:
            yield
        finally:
            for number, handler in others.items():
                signal.signal(number, handler)
        for arguments in caught[:1]:
            others[arguments[0]](*arguments)


def _exception(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(signal.Signals(number).name)
