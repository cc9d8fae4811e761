"""What becomes of each of several tasks: how much of it is forgotten, and how much was learned before its turn."""

from typing import Any, NamedTuple

import numpy as np

from stdyn.checks import Array
from stdyn.model import averages
from stdyn.model.problem import Problem
from stdyn.model.tasks import Tasks

_NEAR = 0.05  # of a turn: an alpha so near to its end stands for it

Trajectory = Any  # the class, which stands on this module


class Turn(NamedTuple):
    """The alphas from `begin` to `end`, at which `task` is learned; the last one has no end."""

    task: int
    begin: float
    end: float


def turns(tasks: Tasks) -> list[Turn]:
    """Every turn; one that follows another of the same task is part of it."""
    begins = (0.0, *tasks.breaks)
    return [Turn(tasks.task_at(begin), begin, end) for begin, end in zip(begins, (*begins[1:], np.inf), strict=True)]


def forgetting(trajectory: Trajectory) -> Array | None:
    """eps_g of each task at the last alpha minus that at the end of its last finished turn, (tasks,) or (runs, tasks).

    NaN of a task of which no turn is finished, or if no alpha was recorded in the last twentieth of that turn. The end
    of a turn is the last alpha in it, that of the switch if it is among the alphas. None without tasks.
    """
    tasks, eps_g = trajectory.problem.tasks, trajectory.eps_g_per_task
    if tasks is None:
        return None
    found = np.full((*eps_g.shape[:-2], len(tasks)), np.nan)
    for turn in turns(tasks):
        if turn.end < _last(trajectory):
            at = _until(trajectory, turn.begin, turn.end)
            forgotten = eps_g[..., -1, turn.task] - eps_g[..., at, turn.task]
            found[..., turn.task] = forgotten if at >= 0 else np.nan
    return found


def transfer(trajectory: Trajectory) -> Array | None:
    """eps_g of each task at alpha = 0 minus that at the beginning of its first turn, (tasks,) or (runs, tasks).

    What was learned of it before it was learned itself: 0 of the first task, NaN of one that had no turn yet, or if no
    alpha was recorded in the last twentieth of the turn before. None without tasks.
    """
    tasks, eps_g = trajectory.problem.tasks, trajectory.eps_g_per_task
    if tasks is None:
        return None
    found = np.full((*eps_g.shape[:-2], len(tasks)), np.nan)
    at_start, before = errors_at_start(trajectory), 0.0
    met: set[int] = set()
    for turn in turns(tasks):
        if turn.task not in met and turn.begin == 0:
            found[..., turn.task] = 0.0
        elif turn.task not in met:
            at = _until(trajectory, before, turn.begin) if turn.begin <= _last(trajectory) else -1
            if at >= 0:
                found[..., turn.task] = at_start[..., turn.task] - eps_g[..., at, turn.task]
        met.add(turn.task)
        before = turn.begin
    return found


def errors_at_start(trajectory: Trajectory) -> Array:
    """The generalization error of each task at alpha = 0, (tasks,), or (1,) of the only one.

    If g is known by its name only it is what was recorded there, of an ensemble (runs, tasks); NaN if nothing was.
    """
    found, alphas = eps_g_at_start(trajectory.problem), trajectory.alphas
    if not np.isnan(found).all() or not len(alphas) or alphas[0] != 0:
        return found
    every = trajectory.eps_g[..., None] if trajectory.problem.tasks is None else trajectory.eps_g_per_task
    return np.asarray(every[..., 0, :])


def eps_g_at_start(problem: Problem) -> Array:
    """The generalization error of each task at alpha = 0; of the only one, if there are no tasks."""
    start, protocol = problem.start, problem.protocol
    if not all(each.usable for each in problem.activations):
        return np.full(len(protocol.m), np.nan)
    v = start.v.reshape(start.K, -1)
    roots = np.sqrt(protocol.m)
    every = zip(protocol.v_teacher, roots, strict=True)
    found = [averages.eps_g(start.R, start.Q, start.T, v * m, w * m, problem.activations) for w, m in every]
    return np.array(found, dtype=float)


def _last(trajectory: Trajectory) -> float:
    return float(trajectory.alphas[-1]) if len(trajectory.alphas) else -1.0


def _until(trajectory: Trajectory, begin: float, end: float) -> int:
    """The position of the last alpha from `begin` to `end`, -1 if there is none in the last twentieth of it.

    A run changes its task before the first step at `end` or beyond: what it is there is what it was at the end.
    """
    N = trajectory.problem.N
    limit = end if trajectory.method == "ode" else np.ceil(end * N * (1 - 1e-14)) / N
    at = int(np.searchsorted(trajectory.alphas, limit * (1 + 1e-14), side="right")) - 1
    return at if at >= 0 and trajectory.alphas[at] >= end - _NEAR * (end - begin) else -1
