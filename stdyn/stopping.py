"""Ctrl-C, SIGTERM and SIGHUP on one path: while long work lasts, each is a KeyboardInterrupt in the main thread.

A time limit of SLURM, `docker stop` or a closed terminal ends a process that does not listen, with all that it has in
memory. What keeps its results on Ctrl-C keeps them here on all three.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from math import inf
from types import FrameType
from typing import Any

from stdyn.errors import InputError, ScanStopped, TrainingStopped

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_OF_HOSTS = ("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGQUIT")  # that may have a handler
_ALL = (*SIGNALS, *(getattr(signal, name) for name in _OF_HOSTS if hasattr(signal, name)))

Handler = Callable[[int, FrameType | None], Any]

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
    of_host : BaseException, or None
        What a handler of somebody else's has raised. On its way it is a KeyboardInterrupt, so that everything is kept.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.of_host: BaseException | None = None
        self._raised, self._held, self._waiting = -inf, 0, 0
        self._waiting_of_hosts: dict[int, tuple[Handler, int, FrameType | None]] = {}
        self._handlers: dict[int, tuple[Any, Any]] = {}  # before, and now
        self._hook = sys.unraisablehook

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.first = self.first or number
        if self._held:
            self._waiting = self._waiting or number
        elif time.monotonic() - self._raised >= _GRACE:
            self._raised = time.monotonic()
            raise _exception(number)

    def call(self, handler: Handler, number: int, frame: FrameType | None) -> None:
        """Call the handler of somebody else; a KeyboardInterrupt if it raises anything."""
        if self._held:
            self._waiting_of_hosts[number] = handler, number, frame
            return
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            self.first = self.first or number
            raise
        except BaseException as error:
            self.first, self.of_host = self.first or number, error
            raise KeyboardInterrupt from error

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
        if self._held:
            return
        with ExitStack() as waiting:  # calls them all, whichever raises
            if self._waiting:
                number, self._waiting = self._waiting, 0
                waiting.callback(self, number, None)
            while self._waiting_of_hosts:
                waiting.callback(self.call, *self._waiting_of_hosts.popitem()[1])

    def begin(self) -> None:
        """Handle the signals; those that somebody else handles are handled by them.

        None that is ignored is handled, nor any outside the main interpreter. A signal may come in the middle.
        """
        with suppress(ValueError):  # the main thread, but not of the main interpreter
            for number in _ALL:
                before = signal.getsignal(number)
                mine: Handler | None = None
                if before is (signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL):
                    mine = self if number in SIGNALS else None
                elif callable(before):
                    mine = partial(self.call, before)
                if mine is not None:
                    self._handlers[number] = before, mine  # first, so that whatever is set is known to `end`
                    signal.signal(number, mine)
        sys.unraisablehook = self.again

    def put_off(self) -> None:
        """Put signals off from now on, to `end`."""
        self._held += 1

    def end(self) -> None:
        """Restore the handlers of before; what has arrived meanwhile is raised if nothing is on its way already."""
        sys.unraisablehook = self._hook
        for number, (before, mine) in self._handlers.items():
            if signal.getsignal(number) is mine:  # a handler may have set another
                signal.signal(number, before)
        for handler, number, frame in self._waiting_of_hosts.values():
            handler(number, frame)
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

    Only in the main thread, and only signals that are not ignored (as `nohup` has SIGHUP ignored). Another one within
    three seconds is not raised, so that what is being kept is kept. An exception that a signal was turned into on its
    way (by numba, as it compiles) is a KeyboardInterrupt again. Where somebody else handles a signal, and the handler
    raises, that is what is raised at the end, with the `trajectory` or `history` that a KeyboardInterrupt would have.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Signals()
        return
    if _here:
        yield _here[-1]
        return
    signals = Signals()
    try:
        try:
            _here.append(signals)
            signals.begin()
            yield signals
        finally:
            signals.put_off()
    except _SAY_MORE:
        raise
    except (KeyboardInterrupt, Exception) as error:
        if signals.of_host is not None:
            raise _with_results(signals.of_host, error) from error
        if signals.reason is not None and not isinstance(error, KeyboardInterrupt):
            raise signals.reason from error
        raise
    finally:  # signals wait by now, or one has come just before and is on its way
        _here.clear()
        signals.end()


def _with_results(error: BaseException, interrupted: BaseException) -> BaseException:
    """An exception of somebody else's, with what was kept."""
    with suppress(AttributeError, TypeError):
        for name in ("trajectory", "history", "fixed_points"):
            if hasattr(interrupted, name):
                setattr(error, name, getattr(interrupted, name))
    return error


def leave_signals_alone() -> None:
    """From now on no signal is handled: a worker process, which loses nothing, ends at SIGTERM whatever it is doing."""
    _here.append(Signals())


def raise_what_came(error: Exception) -> None:
    """Raise the KeyboardInterrupt of the first signal that has come, of which `error` may have been made on its way."""
    if _here and _here[-1].reason is not None:
        raise _here[-1].reason from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put the signals off until the block is done, also those that somebody else has a handler for."""
    with stoppable() as signals, signals.hold():
        yield


def _exception(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(signal.Signals(number).name)
