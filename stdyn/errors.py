"""What stdyn says when something is wrong: bad input, divergence, a broken symmetry, an interruption."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stdyn.text import message


class InputError(ValueError):
    """An argument, an option or a file that cannot be used; the message names it, its value and what was expected.

    It is one line of less than 500 characters, whatever the value is.

    Parameters
    ----------
    text : object, default ""
        What it says.

    See Also
    --------
    Problem, load

    Examples
    --------
    >>> stdyn.Problem(start, eta=-1)
    Traceback (most recent call last):
        ...
    stdyn.errors.InputError: eta must be finite and at least 0, but is -1
    """

    def __init__(self, text: object = "") -> None:
        super().__init__(message(str(text)))


class DivergenceWarning(RuntimeWarning):
    """The order parameters grew without bound (eta or the decay is too large); the result ends where they did.

    Like `SolverWarning` and `SymmetryWarning` it has the result as its `trajectory`, for who makes warnings exceptions.

    See Also
    --------
    integrate, simulate_network, SolverWarning

    Examples
    --------
    >>> import warnings
    >>> hot = stdyn.Problem(start, activation="relu", eta=50, eta_v=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", stdyn.DivergenceWarning)
    ...     try:
    ...         solution = stdyn.integrate(hot, alphas)
    ...     except stdyn.DivergenceWarning as said:
    ...         solution = said.trajectory
    >>> bool(solution.diverged_at < 40)
    True
    """


class SolverWarning(RuntimeWarning):
    """A solver of the ODEs gave up or reached its limit of steps, though nothing diverged; the result ends there.

    It has the result as its `trajectory`, for who makes warnings exceptions.

    See Also
    --------
    integrate, DivergenceWarning

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", stdyn.SolverWarning)
    ...     solution = stdyn.integrate(problem, alphas, max_steps=3)
    >>> bool(solution.failed_at < 40)
    True
    """


class SymmetryWarning(RuntimeWarning):
    """A start that is symmetric but for rounding: beyond the named alpha the trajectory is set by round-off.

    It has the result as its `trajectory`, for who makes warnings exceptions.

    See Also
    --------
    integrate, stdyn.initial.prepared

    Examples
    --------
    >>> import warnings
    >>> start = stdyn.initial.prepared(2, 2, r=0.0)  # treats both teacher units alike
    >>> start = dataclasses.replace(start, R=[[1e-15, 0.0], [0.0, 0.0]])  # but for rounding
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     _ = stdyn.integrate(stdyn.Problem(start, eta=1.0, eta_v=0.0), np.linspace(0, 400, 401))
    >>> said[0].category.__name__
    'SymmetryWarning'
    """


class NoGradientWarning(RuntimeWarning):
    """A student whose g' is zero everywhere: no gradient reaches its first layer, which never learns.

    See Also
    --------
    Problem, activation

    Examples
    --------
    >>> import warnings
    >>> step = stdyn.activation(lambda x: 1.0 if x > 0 else 0.0, lambda x: 0.0, name="step")
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     _ = dataclasses.replace(problem, activation=step)
    >>> said[0].category.__name__
    'NoGradientWarning'
    """


class SameRuleWarning(UserWarning):
    """A rule that is another one where there is one hidden layer, and taken as that: DFA is FA.

    See Also
    --------
    Problem, Experiment

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", stdyn.SameRuleWarning)
    ...     print(dataclasses.replace(problem, rule="dfa").rule)
    fa
    """


class NoAverageWarning(RuntimeWarning):
    """An activation that is not finite where fields come: averages over it, as in eps_g, are NaN.

    See Also
    --------
    activation, stdyn.averages.I2

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", stdyn.NoAverageWarning)  # rather an exception than NaN
    ...     average = stdyn.averages.I2([[1.0]], "sigmoid")
    """


class NothingFoundWarning(RuntimeWarning):
    """No fixed point was found from any start; the message says how the searches ended.

    See Also
    --------
    fixed_points

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", stdyn.NothingFoundWarning)  # rather an exception than an empty list
    ...     found = stdyn.fixed_points(problem, number_of_starts=3, rng=np.random.default_rng(1))
    """


WARNINGS = (
    DivergenceWarning, SolverWarning, SymmetryWarning, NoAverageWarning, NoGradientWarning, NothingFoundWarning,
    SameRuleWarning,
)  # fmt: skip


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a simulation or a solution of the ODEs; a KeyboardInterrupt.

    Parameters
    ----------
    trajectory : Trajectory
        What was reached.

    See Also
    --------
    integrate, simulate_network, ScanInterrupted, TrainingInterrupted

    Examples
    --------
    >>> try:
    ...     solution = stdyn.integrate(problem, alphas)
    ... except stdyn.Interrupted as stopped:
    ...     solution = stopped.trajectory
    """

    def __init__(self, trajectory: Any) -> None:
        super().__init__(f"interrupted at alpha = {trajectory.alphas[-1]:g}")
        self.trajectory = trajectory


class NotWritten(OSError):
    """A file that could not be written, and why: disk full, folder gone.

    Parameters
    ----------
    text : str
        What it says.
    elsewhere : path, optional
        Where its content is, if anywhere.
    why : str, default ""
        The reason alone.

    See Also
    --------
    Trajectory.save, InputError

    Examples
    --------
    >>> try:
    ...     path = theory.save("theory.h5")
    ... except stdyn.NotWritten as failed:
    ...     print(failed.why, failed.elsewhere)
    """

    def __init__(self, text: str, elsewhere: Any = None, why: str = "") -> None:
        super().__init__(text)
        self.elsewhere, self.why = elsewhere, why


class ScanStopped(RuntimeError):
    """A scan that could not go on (disk full, workers lost); what had arrived is in its file, the same call goes on.

    See Also
    --------
    scan, ScanInterrupted

    Examples
    --------
    >>> try:
    ...     table = stdyn.scan(points, alphas, "eta.h5")
    ... except stdyn.ScanStopped as stopped:
    ...     print(stopped)  # how many points are in the file
    """


class ScanInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a scan; what had arrived is in its file, the same call goes on.

    See Also
    --------
    scan, ScanStopped

    Examples
    --------
    >>> try:
    ...     table = stdyn.scan(points, alphas, "eta.h5")
    ... except stdyn.ScanInterrupted:
    ...     table = stdyn.open_scan("eta.h5")  # what there is
    """


class TrainingStopped(RuntimeError):
    """A training that could not go on (disk full, workers lost); what had arrived is in its file.

    See Also
    --------
    train, TrainingInterrupted

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=8, seeds=1, epochs=1)
    >>> try:
    ...     histories = stdyn.train(training, "stopped.h5", "images")
    ... except stdyn.TrainingStopped as stopped:
    ...     print(stopped)  # how many epochs are in the file
    """


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP during a training; a KeyboardInterrupt.

    Parameters
    ----------
    text : str
        What it says.
    history : History, optional
        The epochs done, if they are not in a file.

    See Also
    --------
    train, TrainingStopped

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=8, seeds=1, epochs=1)
    >>> try:
    ...     histories = stdyn.train(training, "interrupted.h5", "images")
    ... except stdyn.TrainingInterrupted:
    ...     histories = stdyn.open_training("interrupted.h5")  # what there is
    """

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


def outside() -> int:
    """The stacklevel, of a warning of the function that calls this, of whoever called the package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (
        "stdyn",
        "dataclasses",
    ):
        level, frame = level + 1, frame.f_back
    return level
