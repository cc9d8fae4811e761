"""What stdyn says when something is wrong: bad input, divergence, a broken symmetry, an interruption."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stdyn.text import message


class InputError(ValueError):
    """An argument, an option or a file that cannot be used; the message names it, its value and what was expected.

    It is one line of less than 500 characters, whatever the value is.
    """

    def __init__(self, text: object = "") -> None:
        super().__init__(message(str(text)))


class DivergenceWarning(RuntimeWarning):
    """The order parameters grew without bound (eta or the decay is too large); the result ends where they did.

    Like `SolverWarning` and `SymmetryWarning` it has the result as its `trajectory`, for who makes warnings exceptions.
    """


class SolverWarning(RuntimeWarning):
    """A solver of the ODEs gave up or reached its limit of steps, though nothing diverged; the result ends there."""


class SymmetryWarning(RuntimeWarning):
    """A start that is symmetric but for rounding: beyond the named alpha the trajectory is set by round-off."""


class NoGradientWarning(RuntimeWarning):
    """A student whose g' is zero everywhere: no gradient reaches its first layer, which never learns."""


class SameRuleWarning(UserWarning):
    """A rule that is another one where there is one hidden layer, and taken as that: DFA is FA."""


class NoAverageWarning(RuntimeWarning):
    """An activation that is not finite where fields come: averages over it, as in eps_g, are NaN."""


class NothingFoundWarning(RuntimeWarning):
    """No fixed point was found from any start; the message says how the searches ended."""


WARNINGS = (
    DivergenceWarning, SolverWarning, SymmetryWarning, NoAverageWarning, NoGradientWarning, NothingFoundWarning,
    SameRuleWarning,
)  # fmt: skip


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a simulation or a solution of the ODEs; `trajectory` holds what was reached."""

    def __init__(self, trajectory: Any) -> None:
        super().__init__(f"interrupted at alpha = {trajectory.alphas[-1]:g}")
        self.trajectory = trajectory


class NotWritten(OSError):
    """A file that could not be written, and `why` (disk full, folder gone); its content is `elsewhere`, if anywhere."""

    def __init__(self, text: str, elsewhere: Any = None, why: str = "") -> None:
        super().__init__(text)
        self.elsewhere, self.why = elsewhere, why


class ScanStopped(RuntimeError):
    """A scan that could not go on (disk full, workers lost); what had arrived is in its file, the same call goes on."""


class ScanInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a scan; what had arrived is in its file, the same call goes on."""


class TrainingStopped(RuntimeError):
    """A training that could not go on (disk full, workers lost); what had arrived is in its file."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a training; `history` holds the epochs done, if they are not in a file."""

    def __init__(self, text: str, history: Any = None) -> None:
        super().__init__(text)
        self.history = history


class ExecutorLost(Exception):
    """An executor that has lost its workers, or cannot use what it is given."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the executor cannot go on ({why})")


def said(error: BaseException) -> str:
    """What an exception is and says, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_gathered: ContextVar[list[str] | None] = ContextVar("gathered", default=None)  # of each thread its own


def warn(words: str, category: type[Warning], stacklevel: int = 2, **kept: Any) -> None:
    """warnings.warn, or where words are gathered instead, one more of them.

    Where warnings are made exceptions, what is `kept` are attributes of the exception, so that no result is lost.
    """
    into = _gathered.get()
    if into is None:
        warning = category(words)
        vars(warning).update(kept)
        warnings.warn(warning, stacklevel=stacklevel + 1)
    else:
        into.append(words)


@contextmanager
def gathering() -> Iterator[list[str]]:
    """What stdyn would warn of in this thread while the block lasts. The filters of `warnings` are of all threads."""
    words: list[str] = []
    before = _gathered.set(words)
    try:
        yield words
    finally:
        _gathered.reset(before)
