"""One point of a scan: what solves it, here or elsewhere, and what is written of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stdyn.analysis.summary import summarise
from stdyn.checks import Array
from stdyn.errors import InputError, gathering, said
from stdyn.executors import worker_number
from stdyn.files.table import Row
from stdyn.kernels import compile_silently
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.scans.spectra import widened
from stdyn.stopping import raise_what_came
from stdyn.text import shown

TODO, DONE, FAILED = 0, 1, 2
STATES = ("todo", "done", "failed")

Solve = Callable[..., Trajectory]

if worker_number():  # one says for all that kernels are compiled
    compile_silently()

_SEED = 2**16  # marks the streams of a scan's points among those of the same seed


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked of every point.

    Attributes
    ----------
    solve : callable
    alphas : ndarray, shape (A,)
        Where the point is solved.
    kept : ndarray of int
        The positions of the alphas that are kept.
    arrays : tuple of str
        What is kept at these alphas: attributes of a Trajectory.
    runs : int, optional
        The number of runs that the solver must give; None for the theory.
    groups : int
        For how many groups of the inputs' directions the file has room.
    """

    solve: Solve
    alphas: Array
    kept: np.ndarray
    arrays: tuple[str, ...]
    runs: int | None
    groups: int = 0


def solve_point(task: Task, problem: Problem | Callable[[], Problem], rng: np.random.Generator | None) -> Row:
    """What is written of one point: its state, message, method and summary, and the arrays that are kept.

    The problem may be given as the function that makes it, so that this is not the work of the process that writes.
    """
    try:
        with gathering() as words:
            problem = problem() if callable(problem) else problem
            trajectory = task.solve(problem, task.alphas, **({} if rng is None else {"rng": rng}))
        return _row(task, trajectory, words)
    except Exception as error:
        raise_what_came(error)  # numba, as it compiles, makes another exception of a signal
        return failed(error)


def _row(task: Task, trajectory: Trajectory, words: list[str]) -> Row:
    """What is written of a trajectory; of one whose solver gave up all but its summary, which it has none of."""
    shape = () if task.runs is None else (task.runs,)
    if not isinstance(trajectory, Trajectory):
        raise InputError(f"solve must return a Trajectory, but returned {shown(trajectory)}")
    if trajectory.R.shape[:-3] != shape:
        raise InputError(f"the solver returned arrays of shape {trajectory.R.shape} instead of {shape} + (A, K, M)")
    said_by_it = str(trajectory.attributes.get("warning", ""))
    message = "; ".join(filter(None, dict.fromkeys([said_by_it, *(each for each in words if each not in said_by_it)])))
    row: Row = {"state": DONE, "message": message, "method": trajectory.method}
    summary = summarise(trajectory, task.alphas)
    if trajectory.failed_at is not None:
        row["state"] = FAILED
        summary = {"failed_at": summary["failed_at"]}
    # of isotropic inputs nothing is by group, which stays NaN
    arrays = [name for name in task.arrays if "_group" not in name or getattr(trajectory, name) is not None]
    return row | summary | {name: _kept(task, trajectory, name) for name in arrays}


def failed(error: BaseException) -> Row:
    """What is written of a point that failed."""
    return {"state": FAILED, "message": said(error)}


def _kept(task: Task, trajectory: Trajectory, name: str) -> Array:
    """An array of the trajectory at the kept alphas: NaN from where it diverged, and if there is no such array."""
    values = getattr(trajectory, name)
    axis = 0 if trajectory.runs is None else 1  # that of alpha
    if values is None:
        return np.full((*trajectory.R.shape[:axis], len(task.kept)), np.nan)
    padding = [(0, int(each == axis)) for each in range(values.ndim)]  # the last position is that of what is missing
    positions = trajectory.positions(task.alphas[task.kept])
    if "_group" in name:
        values = widened(values, axis + 1, task.groups)
    return np.pad(values, padding, constant_values=np.nan).take(positions, axis)


def generator(seed: int | None, index: int) -> np.random.Generator | None:
    """The stream of random numbers of a point."""
    if seed is None:
        return None
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(_SEED, index))))


def in_words(state: np.ndarray) -> str:
    """The number of points done and, if there are any, failed."""
    count = np.bincount(state, minlength=len(STATES))
    return f"{count[DONE]} done" + (f" and {count[FAILED]} failed" if count[FAILED] else "")
