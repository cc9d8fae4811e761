"""The result of every solver: the order parameters against alpha."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_path, check_type, choice
from stdyn.errors import InputError
from stdyn.files.schema import read_all
from stdyn.model import joining, selecting, trajectoryfile, trajectoryvariables
from stdyn.model.forms import Forms
from stdyn.model.problem import Problem
from stdyn.model.selecting import nearest
from stdyn.model.state import OrderParameters
from stdyn.text import shown
from stdyn.values import frozen

_METHODS = ("ode", "network", "reduced")


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Forms):
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
        F = sum_io v_io b_io, and its cosine ``F / (|v| |b|)``, which is 0 where v = 0 and has no direction.
    F_per_output, alignment_per_output : ndarray, shape (A, O), or None for rule "bp"
        The same of each output alone: F_o = sum_i v_io b_io, of which F is the sum, and ``F_o / (|v_o| |b_o|)``. O = 1
        where v has shape (A, K).
    eps_g : ndarray, shape (A,)
        Generalization error ``1/2 <|Delta|^2>``, without label noise.
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

    See Also
    --------
    stdyn.integrate, stdyn.simulate_network, stdyn.simulate_reduced : What makes them.
    stdyn.load : That of a file.
    stdyn.compare : Simulation held to theory.

    Notes
    -----
    Two are equal if problem, alphas and all arrays are, whatever their attributes: `load` of what was saved is equal
    to it.

    Examples
    --------
    >>> theory
    <Trajectory FA, ODEs, K = M = 2, erf, 81 alphas from 0 to 40, eps_g 0.0139 at the end>
    >>> theory.R.shape, runs.R.shape
    ((81, 2, 2), (8, 81, 2, 2))
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
    ) -> Trajectory:
        """The trajectory of what the ODEs solve; R and Q are made of it.

        Parameters
        ----------
        problem : Problem
            What was solved.
        alphas : ndarray, shape (A,)
            Examples / N.
        order_parameters : dict of ndarray
            By name, as in `problem.state_layout`.
        method : str
            "ode", "network" or "reduced".
        **more
            Further fields of the class.

        Returns
        -------
        Trajectory
            With the sums over the groups, where inputs are not isotropic.

        Examples
        --------
        >>> stdyn.Trajectory.of(problem, theory.alphas, theory.order_parameters, "ode") == theory
        True
        """
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

    def positions(self, alphas: Array) -> np.ndarray:
        """Where what was asked for at these alphas stands among its own; -1 if it ends before.

        A simulation records each of its steps once, so that alphas that lie closer than 1/N have one position.

        Parameters
        ----------
        alphas : ndarray, shape (n,)
            Increasing.

        Returns
        -------
        ndarray of int, shape (n,)
            Of each the position of the nearest one.

        See Also
        --------
        sel : The part at some alphas.

        Examples
        --------
        >>> theory.positions(np.array([0.0, 10.0, 50.0]))
        array([ 0, 20, -1])
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

        Parameters
        ----------
        position : int
            Among the alphas, from the end if it is negative.
        run : int, optional
            Which run of an ensemble; None of the theory.

        Returns
        -------
        OrderParameters
            With the v_teacher of the task that is learned there.

        Raises
        ------
        InputError
            If there is no such position or run, or the run has diverged before.

        See Also
        --------
        problem_at : The problem that goes on from there.
        isel : A trajectory of some positions.

        Examples
        --------
        >>> theory.at(-1).cosines.round(2)
        array([[0.74, 0.62],
               [0.58, 0.74]])
        """
        return joining.state_at(self, position, run)

    def problem_at(self, position: int, run: int | None = None) -> Problem:
        """The problem that goes on from alphas[position] (of one run of an ensemble), where its own alpha is 0.

        It starts from what `at` gives. Schedules and tasks are shifted, so that they go on, and so do feedback weights
        that learn ("kp"). Solved, it can be joined to this one.

        Parameters
        ----------
        position : int
            Among the alphas, from the end if it is negative.
        run : int, optional
            Which run of an ensemble; None of the theory.

        Returns
        -------
        Problem
            With the same N, rule and activations.

        Raises
        ------
        InputError
            As `at` does.

        See Also
        --------
        join : Both parts as one.

        Examples
        --------
        >>> rest = stdyn.integrate(theory.problem_at(-1), [0, 10])
        >>> theory.join(rest).alphas[-2:]
        array([40., 50.])
        """
        self.at(position, run)  # checks both
        return joining.problem_at(self, int(position), None if run is None else int(run))

    def join(self, other: Trajectory) -> Trajectory:
        """This trajectory and another one that goes on from its end, as one.

        The alphas of the other one, which begin with 0 there, are shifted by the last one of this. Rates are those of
        this up to there, and then those of the other one; teachers with different v_teacher are tasks. So the other
        one may be of other rates or another task than `problem_at(-1)`, not of another rule, T, N, activation, batch or
        sphere, nor solved by another method. Its `error` is that from its own start on.

        `attributes` are those on which both agree, with the larger tolerances and the sum of the times; "joined" is the
        JSON of what each part says of its own.

        Parameters
        ----------
        other : Trajectory
            It starts where this one ends.

        Returns
        -------
        Trajectory
            From the first alpha of this one to the last of the other.

        Raises
        ------
        InputError
            With the reason, if the two are not of one problem, the other does not start where this ends (to 1e-6), or
            this is an ensemble of more than one run, or did not come to its end.

        See Also
        --------
        problem_at : The problem that goes on.
        stdyn.concat : Ensembles side by side.

        Examples
        --------
        >>> first = stdyn.integrate(problem, [0, 10])
        >>> slower = dataclasses.replace(first.problem_at(-1), eta=0.1)
        >>> first.join(stdyn.integrate(slower, [10, 20])).alphas
        array([ 0., 10., 20., 30.])
        """
        check_type("other", other, Trajectory)
        return joining.joined(self, other)

    def sel(
        self, alpha: ArrayLike | slice | None = None, run: ArrayLike | slice | None = None, method: str | None = None
    ) -> Trajectory:  # fmt: skip
        """The part at some values of alpha, and of some runs.

        Parameters
        ----------
        alpha : float, array_like or slice, optional
            Alphas that there are, to rounding, in increasing order; or a slice from one value to another, which both
            belong to it. All unless given.
        run : int, array_like of int or slice, optional
            Which runs of an ensemble, as `isel` takes them. All unless given.
        method : {None, "nearest"}
            What is done with an alpha that is not there: it is refused, or the nearest one is taken.

        Returns
        -------
        Trajectory
            With all its axes, also of a single alpha or run.

        Raises
        ------
        InputError
            If there is no such alpha or run, or nothing is left.

        See Also
        --------
        isel : By positions.
        stdyn.concat : Ensembles as one.

        Examples
        --------
        >>> theory.sel(alpha=slice(10, 20)).alphas[[0, -1]]
        array([10., 20.])
        >>> runs.sel(alpha=[5.1, 30], run=0, method="nearest").R.shape
        (1, 2, 2, 2)
        """
        return selecting.sel(self, alpha, run, method)

    def isel(self, alpha: ArrayLike | slice | None = None, run: ArrayLike | slice | None = None) -> Trajectory:
        """The part at some positions of alphas, and of some runs.

        Parameters
        ----------
        alpha : int, array_like of int or slice, optional
            Positions in increasing order, counted from the end if they are negative; or an array of truth values. All
            unless given.
        run : int, array_like of int or slice, optional
            Which runs of an ensemble, in any order, each once. All unless given. Their numbers in the ensemble are
            kept as the attribute "selected_runs".

        Returns
        -------
        Trajectory
            With all its axes, also of a single alpha or run.

        Raises
        ------
        InputError
            If there is no such position or run, or nothing is left.

        See Also
        --------
        sel : By values of alpha.
        at : The order parameters at one alpha.

        Examples
        --------
        >>> theory.isel(alpha=slice(None, None, 40)).alphas
        array([ 0., 20., 40.])
        >>> runs.isel(run=[0, 3]).runs
        2
        """
        return selecting.isel(self, alpha, run)


def load(path: str | os.PathLike[str]) -> Trajectory:
    """The trajectory in a file written by `Trajectory.save`.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Trajectory
        Equal to the one that was saved.

    Raises
    ------
    InputError
        If there is no such file, or it is truncated, not from stdyn, or of a format this version does not know.

    See Also
    --------
    Trajectory.save : Writes it.
    stdyn.open_scan, stdyn.open_training, stdyn.load_fluctuations : Files of other kinds.

    Examples
    --------
    >>> path = runs.save("runs.h5", overwrite=True)
    >>> stdyn.load(path).runs
    8
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
