"""Tasks that are learned one after the other: continual learning (docs/protocols.md)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_memory, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.html import card, table
from stdyn.model.shapes import SHOWN, begins_of, short
from stdyn.values import Frozen, frozen

_LARGEST = 1e30  # of alphas and weights


@dataclass(frozen=True, eq=False)
class Tasks(Frozen):
    """Tasks, each with its second layer of the teacher and weights of the outputs' losses, and when each is learned.

    The teacher units of all tasks stand in one T, with their overlaps across tasks; a task has zeros in `v_teacher` for
    the units of the others. One head for all tasks is one output; a head for each is as many outputs as tasks, of whose
    losses only that of the task in hand has a weight.

    Parameters
    ----------
    v_teacher : array_like, shape (tasks, M) or (tasks, M, O)
        The teacher's second layer of each task.
    at : array_like, shape (n,), optional
        The alphas at which tasks begin: from 0, strictly increasing. A single task needs none.
    weights : array_like, shape (tasks, O), optional
        The weights m_o >= 0 of the outputs' losses in each task; 1 unless given.
    order : array_like of int, shape (n,), optional
        Which task begins at each of `at`, numbered from 0; each in its turn unless given. A task may come back.

    Raises
    ------
    InputError
        If shapes disagree, `at` does not increase from 0, a weight is negative, or the order names no task.

    See Also
    --------
    similar, Problem, Trajectory.forgetting, Trajectory.transfer

    Notes
    -----
    Lee, Goldt & Saxe, ICML 2021. A switch is a jump of v_teacher and m, at which solvers start anew.

    Examples
    --------
    >>> tasks = stdyn.Tasks(v_teacher=[[1, 1, 0, 0], [0, 0, 1, 1]], at=[0, 100])  # of two units each, one head
    >>> tasks
    Tasks of 4 teacher units: task 1 from alpha = 0, task 2 from alpha = 100
    >>> tasks.learned([0, 99, 100])
    array([0, 0, 1])
    >>> tasks.task_at(150)
    1
    >>> tasks.shifted(90).breaks
    (10.0,)
    """

    v_teacher: Array
    at: Array | Any = None
    weights: Array | Any = None
    order: np.ndarray | Any = None

    if TYPE_CHECKING:

        def __init__(
            self, v_teacher: ArrayLike, at: ArrayLike | None = None, weights: ArrayLike | None = None,
            order: ArrayLike | None = None,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        v_teacher = frozen_array("v_teacher", self.v_teacher, (2, 3))
        count = len(v_teacher)
        at = begins_of([0.0] if self.at is None and count == 1 else [] if self.at is None else self.at)
        order = self._checked_order(at, count)
        outputs = v_teacher.shape[2] if v_teacher.ndim == 3 else 1
        weights = np.ones((count, outputs)) if self.weights is None else frozen_array("weights", self.weights, (2,))
        if weights.shape != (count, outputs):
            raise InputError(
                f"weights must have shape (tasks, outputs) = ({count}, {outputs}), but has shape {weights.shape}"
            )
        if weights.min() < 0:
            where = [int(i) for i in np.argwhere(weights < 0)[0]]
            raise InputError(f"weights must not be negative, but weights{where} is {weights[tuple(where)]:g}")
        if weights.max() > _LARGEST or np.abs(v_teacher).max() > _LARGEST:
            raise InputError(f"weights and v_teacher must be at most {_LARGEST:g}")
        idle = np.flatnonzero(weights.max(axis=1) == 0)
        if idle.size:
            raise InputError(f"weights must let every task have a loss, but weights[{idle[0]}] is all zero")
        self._set(v_teacher=v_teacher, at=at, weights=weights, order=order)

    def _checked_order(self, at: Array, count: int) -> np.ndarray:
        if self.order is None:
            if len(at) != count:
                raise InputError(
                    f"at must have an alpha for each of the {count} tasks, but has {len(at)}; order, which task"
                    " begins at each, is needed where one comes back"
                )
            return np.arange(count)
        given = frozen_array("order", self.order, (1,))
        try:
            order = np.array(
                [integer(f"order[{j}]", each, 0, count - 1) for j, each in enumerate(map(_plain, given.tolist()))]
            )
        except InputError as error:
            raise InputError(f"{error}: the {count} tasks are counted from 0") from None
        if order.shape != at.shape:
            raise InputError(f"order must name a task for each of the {len(at)} of at, but has {len(order)}")
        return order

    def __len__(self) -> int:
        return len(self.v_teacher)

    def __repr__(self) -> str:
        return f"Tasks of {self.v_teacher.shape[1]} teacher units: {self.words}"

    def _repr_html_(self) -> str:
        rows = [("task", "v_teacher", "weights of losses")]
        for number_, (v, m) in enumerate(zip(self.v_teacher, self.weights, strict=True), 1):
            rows.append((f"{number_}", short(v.tolist()), short(m.tolist())))
        return card(repr(self), table([*rows[:17], *([("…", "", "")] if len(rows) > 17 else [])]))

    @property
    def words(self) -> str:
        """Which task is learned from when."""
        turns = [f"task {task + 1} from alpha = {at:g}" for task, at in zip(self.order, self.at, strict=True)]
        return ", ".join([*turns[:4], "…", turns[-1]] if len(turns) > SHOWN else turns)

    def learned(self, alphas: ArrayLike) -> np.ndarray:
        """Which task is learned at these alphas; where one begins, that one.

        Parameters
        ----------
        alphas : array_like
            Not negative.

        Returns
        -------
        ndarray of int
            Of the shape of alphas, numbered from 0.
        """
        return np.asarray(self.order[np.maximum(np.searchsorted(self.at, alphas, side="right") - 1, 0)])

    def task_at(self, alpha: float) -> int:
        """Which task is learned at an alpha.

        Parameters
        ----------
        alpha : float
            Not negative.

        Returns
        -------
        int
            Numbered from 0; where one begins, that one.
        """
        return int(self.order[max(bisect_right(self.at.tolist(), alpha) - 1, 0)])

    @property
    def breaks(self) -> tuple[float, ...]:
        """The alphas above 0 at which another task begins."""
        return tuple(self.at[1:][np.diff(self.order) != 0].tolist())

    def shifted(self, by: float) -> Tasks:
        """The same tasks, of which that at alpha is the one of these at alpha + by.

        Parameters
        ----------
        by : float
            By how much; at least 0.

        Returns
        -------
        Tasks
            With the turns that are left.
        """
        now = max(int(np.searchsorted(self.at, by, side="right")) - 1, 0)
        return Tasks(self.v_teacher, np.append(0.0, self.at[now + 1 :] - by), self.weights, self.order[now:])

    @property
    def description(self) -> dict[str, Any]:
        """All of it as lists of numbers, as `Tasks(**description)` takes them."""
        names = ("v_teacher", "at", "weights", "order")
        return {name: getattr(self, name).tolist() for name in names}


def _plain(number: float) -> float | int:
    """An integer where it is one, as it was written."""
    return int(number) if number.is_integer() else number


def similar(
    units: int,
    similarity: float,
    similarity_v: float = 1.0,
    *,
    at: ArrayLike = (0.0, 100.0),
    heads: int = 1,
    v_teacher: ArrayLike = 1.0,
) -> tuple[Array, Tasks]:
    """T and the tasks of teachers that are similar by given amounts, in the first layer and in the second one.

    Parameters
    ----------
    units : int
        Teacher units of each task.
    similarity : float
        Overlap of unit n of one task with unit n of another: 1 is the same first layer, 0 an orthogonal one. Of `n`
        tasks it is at least -1/(n - 1). Units of one task are orthonormal.
    similarity_v : float, default 1
        Cosine of the angle between the second layers of any two tasks. If it is not 1 (or, of two tasks, -1), there
        must be as many units as tasks.
    at : array_like, shape (tasks,), default (0, 100)
        The alphas at which the tasks begin.
    heads : int, default 1
        One output for all tasks, or one for each.
    v_teacher : float or array_like (units,), default 1
        The second layer of the first task.

    Returns
    -------
    T : ndarray, shape (tasks * units, tasks * units)
        The overlaps of the teacher units of all tasks.
    tasks : Tasks
        For `Problem(…, tasks=tasks)`.

    Raises
    ------
    InputError
        If there are no such teachers.

    See Also
    --------
    Tasks, stdyn.initial.prepared

    Notes
    -----
    As in Lee, Goldt & Saxe, ICML 2021 (docs/protocols.md).

    Examples
    --------
    >>> T, tasks = stdyn.similar(units=2, similarity=0.5, at=[0, 60], heads=2)
    >>> T[0]
    array([1. , 0. , 0.5, 0. ])
    """
    units = integer("units", units, 1, 2**12)
    begins = frozen_array("at", at, (1,))
    count = len(begins)
    least = -1 / (count - 1) if count > 1 else -1.0
    similarity = number("similarity", similarity, least, 1)
    similarity_v = number("similarity_v", similarity_v, least, 1)
    heads = integer("heads", heads, 1)
    if heads not in (1, count):
        raise InputError(f"heads must be 1 or as many as tasks, {count}, but is {heads}")
    check_memory("units, of all tasks,", 8.0 * (count * units) ** 2 + 8.0 * count**2 * units * heads)
    first = frozen_array("v_teacher", v_teacher, (0, 1))
    first = np.full(units, first) if first.ndim == 0 else first
    if first.shape != (units,):
        raise InputError(f"v_teacher must be a number or have shape ({units},), but has shape {first.shape}")
    T = np.kron(_gram(count, similarity), np.eye(units))
    readouts = _at_angles(first, count, similarity_v)
    v_all = np.zeros((count, count, units, heads))
    weights = np.zeros((count, heads))
    for task in range(count):
        head = task if heads > 1 else 0
        v_all[task, task, :, head] = readouts[task]
        weights[task, head] = 1
    shape = (count, count * units, heads) if heads > 1 else (count, count * units)
    return frozen(T), Tasks(v_all.reshape(shape), begins, weights)


def _gram(count: int, cosine: float) -> Array:
    """The cosines between as many directions, any two of them with the same."""
    return (1 - cosine) * np.eye(count) + cosine * np.ones((count, count))


def _at_angles(first: Array, count: int, cosine: float) -> Array:
    """As many vectors (count, units) of the length of the first, any two with this cosine."""
    length = np.linalg.norm(first)
    if count == 1 or cosine == 1:
        return np.tile(first, (count, 1))
    values, axes = np.linalg.eigh(_gram(count, cosine))
    kept = values > 1e-12
    if kept.sum() > len(first):
        raise InputError(
            f"units must be at least {kept.sum()} for {count} tasks with similarity_v = {cosine:g}, but is {len(first)}"
        )
    if length == 0:
        raise InputError("v_teacher must not be zero: it has no direction that another task's could be at an angle to")
    root = np.linalg.qr((axes[:, kept] * np.sqrt(values[kept])).T).R.T  # (count, rank), the first one along axis 0
    root = root * np.where(np.diag(root[: root.shape[1]]) < 0, -1, 1)
    root[0], root[1:, 0] = np.eye(1, root.shape[1])[0], cosine  # without rounding
    frame = np.linalg.qr(np.column_stack([first / length, np.eye(len(first))])).Q[:, : root.shape[1]].T
    frame = length * frame
    frame[0] = first
    return root @ frame
