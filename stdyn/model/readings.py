"""What is read off the order parameters of a trajectory: F, alignment, eps_g, cosines, and numbers of its curves."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn.checks import Array, choice, number
from stdyn.errors import InputError
from stdyn.model import averages, forgetting
from stdyn.model.overlaps import cosines
from stdyn.model.problem import Problem
from stdyn.model.schedule import value_at
from stdyn.values import Frozen, frozen

_LEAST = 1e-16  # an error below this is zero


class Readings(Frozen):
    """What a trajectory says of itself beyond what is recorded; the class that it is of has the fields."""

    if TYPE_CHECKING:
        problem: Problem
        alphas: Array
        R: Array
        Q: Array
        v: Array
        method: str
        eps_g_read: Array | None
        eps_g_per_task_read: Array | None
        eps_g_test: Array | Any

    def _over_v(self, values: Array) -> Array:
        """The sum over the axes of the second layer."""
        return values.sum(axis=tuple(range(-self.problem.start.v.ndim, 0)))

    @cached_property
    def b(self) -> Array | Any:
        """The feedback weights, of the shape of v where they learn ("kp"), else that of start.v; None for "bp"."""
        problem = self.problem
        if problem.b is None or problem.rule != "kp":
            return problem.b
        left = self._left.reshape(-1, *(1,) * problem.b.ndim)
        return frozen(self.v + left * problem.protocol.backward.B)

    @property
    def _left(self) -> Array:
        """What decay has left of b - v at the alphas, (A,), with rule "kp"."""
        protocol, N = self.problem.protocol, self.problem.N
        if self.method == "ode":
            return np.array([value_at(protocol.backward.of_b, alpha) for alpha in self.alphas.tolist()])
        return protocol.left(np.rint(self.alphas * N).astype(np.int64), N)

    @cached_property
    def F(self) -> Array | Any:
        """Overlap of second layer and feedback weights, sum_io v_io b_io; None for rule "bp"."""
        return None if self.b is None else frozen(self._over_v(self.v * self.b))

    @cached_property
    def alignment(self) -> Array | Any:
        """Cosine of the angle between v and b, ``F / (|v| |b|)``, 0 where v or b is zero; None for rule "bp"."""
        if self.F is None:
            return None
        norms = np.sqrt(self._over_v(self.v**2)) * np.sqrt(self._over_v(self.b**2))
        return frozen(np.divide(self.F, norms, out=np.zeros_like(norms), where=norms != 0))

    def _outputs_last(self, values: Array) -> Array:
        """A second layer, or many, of shape (…, K, O), also where the axis of outputs was left out."""
        return values if self.problem.start.v.ndim == 2 else values[..., None]

    @cached_property
    def F_per_output(self) -> Array | Any:
        """Overlap of the second layer with the feedback weights of each output, sum_i v_io b_io; None for rule "bp"."""
        return None if self.b is None else frozen(self._outputs_last(self.v * self.b).sum(axis=-2))

    @cached_property
    def alignment_per_output(self) -> Array | Any:
        """Cosine of the angle between v_o and b_o of each output, 0 where one is zero; None for rule "bp"."""
        if self.F_per_output is None:
            return None
        v, b = self._outputs_last(self.v), self._outputs_last(self.b)
        norms = np.linalg.norm(v, axis=-2) * np.linalg.norm(b, axis=-2)
        return frozen(np.divide(self.F_per_output, norms, out=np.zeros_like(norms), where=norms != 0))

    @cached_property
    def cosines(self) -> Array:
        """Cosines of student and teacher vectors, R_in / sqrt(Q_ii T_nn), shape of R; 0 where one has no length.

        Where inputs are not isotropic they are the correlations of the fields.
        """
        return frozen(cosines(self.R, self.Q, self.problem.start.T))

    @cached_property
    def eps_g(self) -> Array:
        """Generalization error ``1/2 <|Delta|^2>``, without label noise."""
        if self.eps_g_read is not None and self.eps_g_read.shape == self.R.shape[:-2]:
            return self.eps_g_read
        return frozen(self._in_hand(averages.eps_g))

    @cached_property
    def eps_g_per_task(self) -> Array | Any:
        """Generalization error of every task, with its v_teacher and weights m: (A, tasks); None without tasks."""
        if self.problem.tasks is None:
            return None
        if self.eps_g_per_task_read is not None:
            return self.eps_g_per_task_read
        every = range(len(self.problem.tasks))
        return frozen(np.stack([averages.eps_g(*self._of_task(which)) for which in every], axis=-1))

    @property
    def eps_g_error(self) -> Array:
        """By how much the formula of eps_g may be wrong at these order parameters: rounding, if g is smooth."""
        return frozen(self._in_hand(averages.eps_g_error))

    def _in_hand(self, average: Callable[..., Array]) -> Array:
        """An average of the task that is learned at each alpha."""
        tasks = self.problem.tasks
        if tasks is None:
            return np.asarray(average(*self._of_task(0)))
        learned, found = tasks.learned(self.alphas), np.empty(self.R.shape[:-2])
        for which in np.unique(learned):
            there = learned == which
            found[..., there] = average(*self._of_task(which, there))
        return found

    def _of_task(self, which: int, there: Any = slice(None)) -> tuple[Any, ...]:
        """The arguments of averages.eps_g for a task at some alphas; the weights m stand in both second layers."""
        start, O, protocol = self.problem.start, self.problem.outputs, self.problem.protocol
        root = np.sqrt(protocol.m[which])
        R, Q = self.R[..., there, :, :], self.Q[..., there, :, :]
        v = self.v.reshape(*self.R.shape[:-1], O)[..., there, :, :] * root
        return R, Q, start.T, v, protocol.v_teacher[which] * root, self.problem.activations

    def alpha_below(self, level: float, what: str = "eps_g") -> float | Any:
        """The first alpha at which an error is at or below a level.

        Between two alphas the error is taken to decay at a constant rate, so that its logarithm is a straight line.

        Parameters
        ----------
        level : float
            Positive.
        what : {"eps_g", "eps_g_test", "eps_g_per_task"}
            Which error; the last two where they are there.

        Returns
        -------
        float, or ndarray of shape (runs,)
            Infinity if it stays above the level; the first alpha if it is below it from the start. Of each task, shape
            (tasks,) or (runs, tasks).

        Raises
        ------
        InputError
            If the level is not positive, or there is no such error.

        See Also
        --------
        decay_rate : How fast it falls at the end.
        stdyn.plateaus : Where it does not fall.

        Examples
        --------
        >>> round(theory.alpha_below(0.05), 1)
        4.9
        >>> runs.alpha_below(1e-9)
        array([inf, inf, inf, inf, inf, inf, inf, inf])
        """
        if number("level", level) == 0:
            raise InputError("level must be positive, but is 0")
        return _number(first_below(self.alphas, self._errors(what), number("level", level)))

    def decay_rate(self, last: float = 0.2, what: str = "eps_g") -> float | Any:
        """The rate -d ln eps_g / d alpha at which an error falls at the end, by a straight line fitted to ln eps_g.

        Parameters
        ----------
        last : float, default 0.2
            The part of the way from the first alpha to the last one to which the line is fitted, from 0 to 1; to three
            alphas at least.
        what : {"eps_g", "eps_g_test", "eps_g_per_task"}
            Which error; the last two where they are there.

        Returns
        -------
        float, or ndarray of shape (runs,)
            NaN where the error is not positive there, of a run that has diverged, or of fewer than two alphas. Of each
            task, shape (tasks,) or (runs, tasks).

        Raises
        ------
        InputError
            If `last` is not from 0 to 1, or there is no such error.

        See Also
        --------
        alpha_below : When it has fallen to a level.
        stdyn.fixed_points : The rates that the ODEs have near their fixed points.

        Examples
        --------
        >>> round(stdyn.integrate(problem, np.linspace(0, 800, 81)).decay_rate(), 3)
        0.008
        """
        last = number("last", last, 0.0, 1.0)
        return _number(slope_at_end(self.alphas, self._errors(what), last))

    def _errors(self, what: str) -> Array:
        """Errors whose last axis is alpha."""
        there = ("eps_g", "eps_g_test", "eps_g_per_task")
        choice("what", what, [name for name in there if getattr(self, name, None) is not None])
        errors: Array = getattr(self, what)
        return np.moveaxis(errors, -2, -1) if what == "eps_g_per_task" else errors

    @cached_property
    def forgetting(self) -> Array | Any:
        """How much eps_g of each task grew from the end of its last finished turn to the last alpha.

        Shape (tasks,), of an ensemble (runs, tasks); None without tasks. NaN of a task that has finished no turn, or in
        whose turn no alpha was recorded near its end (the last twentieth).
        """
        return forgetting.forgetting(self)

    @cached_property
    def transfer(self) -> Array | Any:
        """How much eps_g of each task fell from alpha = 0 to the beginning of its first turn.

        Shape (tasks,), of an ensemble (runs, tasks); None without tasks. It is what was learned of a task before its
        turn, 0 of the first one. NaN of a task that had no turn, or if the end of the one before was not recorded.
        """
        return forgetting.transfer(self)


def _number(values: Array) -> float | Any:
    """A plain number, where there is one."""
    return float(values) if values.ndim == 0 else frozen(values)


def first_below(alphas: Array, curves: Array, level: float) -> Array:
    """The first alpha at which each curve (..., A) is at or below a level, (...); straight lines in ln between two."""
    if not len(alphas):
        return np.full(curves.shape[:-1], np.inf)
    below = curves <= level
    after = below.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    floor = min(level, _LEAST)
    high, low = (
        np.log(np.maximum(np.take_along_axis(curves, at[..., None], -1)[..., 0], floor)) for at in (before, after)
    )
    span = high - low
    falls = np.isfinite(high) & (span > 0) & (after > 0)
    share = np.divide(high - np.log(level), span, out=np.ones_like(span), where=falls)
    found = alphas[before] + share * (alphas[after] - alphas[before])
    return np.where(below.any(axis=-1), np.where(falls, found, alphas[after]), np.inf)


def slope_at_end(alphas: Array, curves: Array, last: float) -> Array:
    """-d ln/d alpha of each curve (..., A) in the last part of the alphas, (...)."""
    if len(alphas) < 2:
        return np.full(curves.shape[:-1], np.nan)
    begin = alphas[-1] - last * (alphas[-1] - alphas[0])
    first = min(int(np.searchsorted(alphas, begin)), max(len(alphas) - 3, 0))
    x, y = alphas[first:] - alphas[first:].mean(), curves[..., first:]
    known = np.asarray(((y > 0) & np.isfinite(y)).all(axis=-1))
    y = np.log(np.where(known[..., None], y, 1.0))
    slope = ((y - y.mean(axis=-1, keepdims=True)) @ x) / (x @ x)
    return np.where(known, -slope, np.nan)


def cosine(v: Array, b: Array | None) -> float:
    """F / (|v| |b|), 0 where v or b is zero as in Trajectory.alignment; NaN for backpropagation."""
    if b is None:
        return np.nan
    norms = float(np.linalg.norm(v) * np.linalg.norm(b))
    return float(np.sum(v * b)) / norms if norms else 0.0
