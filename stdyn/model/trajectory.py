"""The result of every solver: the order parameters against alpha."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn.checks import Array, check_path, check_type, choice, integer
from stdyn.drawing import Axes, draw
from stdyn.errors import InputError
from stdyn.files import store
from stdyn.files.format import Variables, to_dataset
from stdyn.files.schema import read_all
from stdyn.model import averages, forgetting, joining, trajectoryfile, trajectorytext, trajectoryvariables
from stdyn.model.problem import Problem
from stdyn.model.schedule import value_at
from stdyn.model.state import OrderParameters
from stdyn.text import shown
from stdyn.values import Frozen, frozen

if TYPE_CHECKING:
    import xarray

_METHODS = ("ode", "network", "reduced")


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Frozen):
    """Order parameters against alpha, of the theory or of an ensemble of runs.

    Attributes
    ----------
    problem : Problem
        What was solved.
    alphas : ndarray, shape (A,)
        Examples / N. A simulation records after a whole number of steps: its `alphas` are the requested ones rounded
        to multiples of 1/N.
    R, Q, v : ndarray, shapes (A, K, M), (A, K, K), (A, K) or (A, K, O)
        The order parameters; an ensemble has one more axis in front, the runs.
    T : ndarray, shape (M, M)
        The teacher's overlaps, which do not change.
    F, alignment : ndarray, shape (A,), or None for rule "bp"
        F = sum_io v_io b_io, and its cosine F / (|v| |b|), which is given as 0 where v = 0 and has no direction.
    F_per_output, alignment_per_output : ndarray, shape (A, O), or None for rule "bp"
        The same of each output alone: F_o = sum_i v_io b_io, of which F is the sum, and F_o / (|v_o| |b_o|). O = 1
        where v has shape (A, K).
    eps_g : ndarray, shape (A,)
        Generalization error 1/2 <|Delta|^2>, without label noise.
    method : str
        "ode", "network" or "reduced".
    diverged_at : None, or ndarray of shape () or (runs,)
        None if nothing diverged, else the alpha at which each run (or the theory) did; infinity for a run that did not.
        The entries of a diverged run are NaN from there on; alphas end where no run is left.
    failed_at : None, or ndarray of shape ()
        Where the solver of the ODEs gave up or reached its limit of steps, though nothing diverged; else None.
    error : dict of ndarray, or None
        For the theory, if its averages are by quadrature: what that makes of "R", "Q", "v", "eps_g" and, with feedback
        alignment, "F", as standard errors (from 8 independent sets of points).
    attributes : dict
        Where it comes from: seed, versions, wall time in seconds, settings of the solver.
    R_group, Q_group : ndarray, shapes (A, L, K, M), (A, L, K, K), or None
        The overlaps by group of the inputs' directions, of which R and Q are the covariances of the fields: R = sum_t
        omega_t R_group_t. None for isotropic inputs.
    eps_g_test : ndarray, shape (runs, A), or None
        The error on test examples, of runs that were given some.
    eps_g_read, eps_g_per_task_read : ndarray, or None
        The generalization error where it is known already: from a file, if g is known by its name only.

    Two are equal if problem, alphas and all arrays are, whatever their attributes: `load` of what was saved is equal
    to it.
    """

    problem: Problem
    alphas: Array
    R: Array
    Q: Array
    v: Array
    method: str
    diverged_at: Array | None = None
    attributes: dict[str, Any] = field(default_factory=dict, compare=False)
    error: dict[str, Array] | Any = None
    eps_g_read: Array | None = field(default=None, compare=False)
    failed_at: Array | None = None
    eps_g_per_task_read: Array | None = field(default=None, compare=False, kw_only=True)
    R_group: Array | Any = field(default=None, kw_only=True)
    Q_group: Array | Any = field(default=None, kw_only=True)
    eps_g_test: Array | Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_type("problem", self.problem, Problem)
        choice("method", self.method, _METHODS)
        time = np.shape(self.alphas)
        leading = time if self.method == "ode" else (*np.shape(self.R)[:1], *time)
        blocks = {b.name: b for layout in (self.problem.layout, self.problem.state_layout) for b in layout.blocks}
        shapes = {"alphas": time} | {name: (*leading, *block.shape) for name, block in blocks.items()}
        shapes |= {} if self.eps_g_test is None else {"eps_g_test": leading}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != float or array.shape != shape or len(time) != 1:
                raise InputError(f"{name} must be an array of float64 of shape {shape}, but is {shown(array)}")
        super().__post_init__()

    @classmethod
    def of(
        cls, problem: Problem, alphas: Array, order_parameters: Mapping[str, Any], method: str, **more: Any
    ) -> "Trajectory":
        """The trajectory of what the ODEs solve, by name (`problem.state_layout`); R and Q are made of it."""
        found = dict(order_parameters)
        for name in ("R", "Q"):
            if name not in found:
                found[name] = problem.inputs.summed(found[f"{name}_group"])
        return cls(problem, alphas, method=method, **found, **more)

    @property
    def T(self) -> Array:
        """Teacher-teacher overlaps, shape (M, M)."""
        return self.problem.start.T

    @property
    def runs(self) -> int | Any:
        """The number of runs of an ensemble; None for the theory."""
        return self.R.shape[0] if self.R.ndim == 4 else None

    @property
    def order_parameters(self) -> dict[str, Array]:
        """R, Q and v by name, in the order of `problem.layout`."""
        return frozen({name: getattr(self, name) for name in self.problem.layout.places})

    @property
    def arrays(self) -> dict[str, Array]:
        """All that was recorded at the alphas, by name: order parameters, those by group, and errors on examples."""
        more = ("R_group", "Q_group", "eps_g_test")
        return frozen(self.order_parameters | {n: getattr(self, n) for n in more if getattr(self, n) is not None})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what is held to the theory: order parameters, F, eps_g and that of each task."""
        F = () if self.problem.b is None else ("F",)
        of_tasks = () if self.problem.tasks is None else ("eps_g_per_task",)
        return (*self.problem.layout.places, *F, "eps_g", *of_tasks)

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
        """Cosine of the angle between v and b, F / (|v| |b|), 0 where v or b is zero; None for rule "bp"."""
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
    def eps_g(self) -> Array:
        """Generalization error 1/2 <|Delta|^2>, without label noise."""
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

    def positions(self, alphas: Array) -> np.ndarray:
        """Where what was asked for at these alphas stands among its own; -1 if it ends before.

        A simulation records each of its steps once, so that alphas that lie closer than 1/N have one position.
        """
        if not len(self.alphas):
            return np.full(len(alphas), -1)
        N = self.problem.N
        wanted = alphas if self.method == "ode" else np.rint(alphas * N) / N
        return np.where(wanted > self.alphas[-1] * (1 + 1e-12), -1, nearest(self.alphas, wanted))

    def at(self, position: int, run: int | None = None) -> OrderParameters:
        """The order parameters at alphas[position] (of one run of an ensemble), e.g. to start from.

        Near perfect learning the solver's error can leave C with an eigenvalue of about -rtol, which no weights have:
        what Q - R T^-1 R^T lacks to be positive semi-definite is added to Q.
        """
        if (run is None) != (self.runs is None):
            raise InputError(
                f"run must be {'None' if self.runs is None else 'the number of a run'}, but is {shown(run)}"
            )
        where: tuple[int, ...] = (_entry("position", position, len(self.alphas)),)
        if run is not None and self.runs is not None:
            where = _entry("run", run, self.runs), *where
        start = self.problem.start
        if np.isnan(self.R[where]).any():
            raise InputError(f"position must be one that run {run} has reached, but is {position}: it diverged before")
        isotropic = start.inputs is None
        r, q = (self.R[where][None], self.Q[where][None]) if isotropic else (self.R_group[where], self.Q_group[where])
        along = r @ start.T_inverse @ np.swapaxes(r, -1, -2)
        eigenvalues, vectors = np.linalg.eigh(q - along)
        q = q + (vectors * np.maximum(-eigenvalues, 0)[:, None]) @ np.swapaxes(vectors, -1, -2)
        v_teacher, _ = self.problem.protocol.task(float(self.alphas[where[-1]]))
        second = self.v[where], v_teacher.reshape(start.v_teacher.shape)
        if isotropic:
            return OrderParameters(r[0], q[0], start.T, *second)
        return OrderParameters.by_group(start.inputs, r, q, start.T_group, *second, start.T_hidden)

    def problem_at(self, position: int, run: int | None = None) -> Problem:
        """The problem that goes on from alphas[position] (of one run of an ensemble), where its own alpha is 0.

        It starts from what `at` gives. Schedules and tasks are shifted, so that they go on, and so do feedback weights
        that learn ("kp"). Solved, it can be joined to this one: `trajectory.join(integrate(trajectory.problem_at(-1),
        alphas))`. Errors are those of `at`.
        """
        self.at(position, run)  # checks both
        return joining.problem_at(self, int(position), None if run is None else int(run))

    def join(self, other: "Trajectory") -> "Trajectory":
        """This trajectory and another one that goes on from its end, as one.

        The alphas of the other one, which begin with 0 there, are shifted by the last one of this. Rates are those of
        this up to there, and then those of the other one; teachers with different v_teacher are tasks. So the other
        one may be of other rates or another task than `problem_at(-1)`, not of another rule, T, N, activation, batch or
        sphere, nor solved by another method. Its `error` is that from its own start on.

        `attributes` are those on which both agree, with the larger tolerances and the sum of the times; "joined" is the
        JSON of what each part says of its own.

        Raises
        ------
        InputError
            With the reason, if the two are not of one problem, the other does not start where this ends (to 1e-6), or
            this is an ensemble of more than one run, or did not come to its end.

        Examples
        --------
        >>> first = stdyn.integrate(problem, [0, 10])
        >>> slower = dataclasses.replace(first.problem_at(-1), eta=0.1)
        >>> first.join(stdyn.integrate(slower, [10, 20])).alphas
        array([ 0., 10., 20., 30.])
        """
        check_type("other", other, Trajectory)
        return joining.joined(self, other)

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

    def __repr__(self) -> str:
        return f"<stdyn.Trajectory>\n{self.summary()}"

    def summary(self) -> str:
        """What it is and where it comes from, in lines."""
        return trajectorytext.summary(self)

    def variables(self) -> Variables:
        """Every array by name: (axes, values, meaning), for the file and for xarray."""
        return trajectoryvariables.variables(self)

    def all_attributes(self) -> dict[str, Any]:
        """The problem's scalars, the method and where it comes from, for the file and for xarray."""
        return trajectoryvariables.attributes(self)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write the trajectory to an HDF5 file (docs/format.md); `load` reads it back.

        Raises
        ------
        InputError
            If the file exists and `overwrite` is false, its folder cannot be written to, or a rate is a Python
            function.
        """
        trajectoryvariables.check_writable(self.problem)
        return store.write(check_path("path", path), self.variables(), self.all_attributes(), overwrite)

    def plot(
        self, what: str = "eps_g", ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
        color: Any = None, **kwargs: Any,
    ) -> Axes:  # fmt: skip
        """Draw one of its quantities against alpha.

        Of an ensemble the median of eps_g with the range of the runs, else the mean with a band of one standard
        deviation.

        Parameters
        ----------
        what : str, default "eps_g"
            "eps_g", "R", "Q", "v", "F", "alignment", "cosines", "F_per_output", "alignment_per_output",
            "eps_g_per_task", "eps_g_test", "R_group" or "Q_group", as far as they are there.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        diagonal : bool, default False
            Draw the entries on the diagonal only, of R, Q and cosines.
        entries : list of tuple of int, optional
            Draw these entries only, such as [(0, 0), (1, 2)].
        color : color or list of colors, optional
            Of all lines, or one for each.
        **kwargs
            What matplotlib's `Axes.plot` takes for the lines.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If there is no such quantity or entry.

        See Also
        --------
        OrderParameters.plot : The overlaps at one alpha.
        stdyn.plot : The figures of the command line.

        Examples
        --------
        >>> ax = theory.plot("R", diagonal=True, linewidth=1)
        """
        return draw("trajectory", self, what, ax, diagonal=diagonal, entries=entries, color=color, **kwargs)

    def to_xarray(self) -> "xarray.Dataset":
        """An xarray.Dataset with named axes: run, alpha, student, teacher, student_2, teacher_2, output, task, turn,
        group.
        """
        return to_dataset(self.variables(), self.all_attributes())


def _entry(name: str, index: object, size: int) -> int:
    """An index of so many entries, from the end if it is negative."""
    if not size:
        raise InputError(f"{name} must be that of an entry, but there is none")
    return integer(name, index, -size, size - 1)


def nearest(alphas: Array, to: Array) -> np.ndarray:
    """The position of the nearest of increasing `alphas` to each of `to`."""
    return np.searchsorted((alphas[1:] + alphas[:-1]) / 2, to)


def load(path: str | os.PathLike[str]) -> Trajectory:
    """The trajectory in a file written by `Trajectory.save`.

    Raises
    ------
    InputError
        If there is no such file, or it is truncated, not from stdyn, or of a format this version does not know.
    """
    return from_arrays(path, *read_all(check_path("path", path), trajectoryfile.schema))


def from_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], attributes: dict[str, Any]) -> Trajectory:
    """The trajectory that these arrays and attributes of a file describe, which its schema has checked."""
    trajectoryfile.check_together(path, arrays, attributes)
    problem = trajectoryvariables.problem_of(path, arrays, attributes)
    known_here = all(each.usable for each in problem.activations)
    names = {*problem.layout.places, *problem.state_layout.places}  # sums over groups as they are there, to the bit
    recorded, method = {name: arrays[name] for name in names}, attributes.pop("method")
    for name in ("format", "format_version", "kind"):
        attributes.pop(name, None)
    error = {name.removeprefix("error_"): array for name, array in arrays.items() if name.startswith("error_")}
    return Trajectory(
        problem, arrays["alpha"], **recorded, method=method, attributes=attributes, error=error or None,
        diverged_at=arrays.get("diverged_at"), failed_at=arrays.get("failed_at"),
        eps_g_read=None if known_here else arrays["eps_g"],
        eps_g_per_task_read=None if known_here else arrays.get("eps_g_per_task"), eps_g_test=arrays.get("eps_g_test"),
    )  # fmt: skip
