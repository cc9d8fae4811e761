"""The file of a scan: how it is read (docs/format.md)."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from stdyn.checks import Array, check_path, integer
from stdyn.errors import InputError
from stdyn.files.format import check_kind, to_dataset
from stdyn.files.reading import Points
from stdyn.files.schema import checked_values, read, refusing
from stdyn.files.table import Table, look
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.model.trajectoryfile import check_groups, check_states
from stdyn.scans import spectra
from stdyn.scans.parameters import (
    problem_of,
    stored_names,
)
from stdyn.scans.points import DONE, STATES
from stdyn.scans.scanforms import Forms
from stdyn.scans.scanschema import Checked, check_coordinates, check_summary, summary_columns
from stdyn.scans.variations import Variations
from stdyn.text import shown
from stdyn.values import Frozen, frozen

if TYPE_CHECKING:
    import xarray

T = TypeVar("T")


class Scan(Forms, Frozen):
    """A scan in a file, finished or not; what is in it is read when asked for.

    Attributes
    ----------
    path : pathlib.Path
        Of the file.
    description : dict
        What is scanned: problems, alphas, solver, seed, what is kept.
    attributes : dict
        Of the file: versions, when it was made, by which names the quantities vary.
    alphas : ndarray, shape (A,)
        Where the points were solved; those that were kept are the variable "alpha".
    axes : tuple of str
        Those of the varied quantities that span a grid.
    names : tuple of str
        The variables in the file, which `read` reads.
    state : ndarray, shape (points,)
        0: todo, 1: done, 2: failed.
    coordinates, summary : dict of ndarray
        The varied quantities, and what came out of each point, by name.

    See Also
    --------
    scan : Makes it.
    open_scan : Reads it.
    scanplot.figures : All of its figures.

    Notes
    -----
    Two are equal if description, state, coordinates and summary are, wherever their files are.

    Examples
    --------
    >>> table = stdyn.open_scan("eta.h5")
    >>> table
    <Scan eta.h5: 2 points over eta, 2 done>
    >>> len(table), table.coordinates["eta"]
    (2, array([0.2, 0.4]))
    >>> bool((table.summary["eps_g_final"] < table.summary["eps_g_start"]).all())
    True
    >>> table.problem(0).eta
    0.2
    >>> table.trajectory(-1)
    <Trajectory BP, ODEs, K = M = 2, erf, 81 alphas from 0 to 40, eps_g 0.0138 at the end>
    >>> table.read("eps_g", 0).shape
    (81,)
    >>> table.to_xarray()["eps_g_final"].dims
    ('point',)
    >>> print(table.text())
    what             scan of 2 points: 2 done
    varied           eta (2 values)
    ...
    """

    path: Path
    attributes: dict[str, Any]
    description: dict[str, Any]
    state: np.ndarray
    names: tuple[str, ...]
    _expected: Mapping[str, Any]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._set(path=check_path("path", path))
        self._look(self._open)

    def _open(self, table: Table) -> None:
        check_kind(self.path, table.attributes, "scan")
        checked = Checked(table)
        self._set(attributes=checked.attributes, description=checked.description, state=checked.state)
        self._set(names=tuple(table.names()), _expected=checked.schema.variables)

    def _look(self, function: Callable[[Table], T]) -> T:
        """function(table) of the open file."""
        return look(self.path, function)

    def _read(self, table: Table, name: str, points: Points = ()) -> np.ndarray:
        """A variable of the open file, checked if it is one of a scan."""
        if name not in self._expected:
            return table.read(name, points)
        return read(table, name, self._expected[name], points)

    def __len__(self) -> int:
        return len(self.state)

    def _compared(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("description", "state", "coordinates", "summary")}

    @property
    def alphas(self) -> Array:
        """Where the points were solved."""
        return frozen(np.array(self.description["alphas"]))

    @property
    def axes(self) -> tuple[str, ...]:
        """The varied quantities that span a grid."""
        return () if self._problems is None else tuple(self._problems.axes)

    @cached_property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The varied quantities by name: (points,) values."""
        names = self.attributes["coordinates"].split()
        found = self._look(lambda table: {name: self._read(table, name) for name in names})
        if "experiment" in self.description["problems"]:
            check_coordinates(self.path, self.description["problems"], found)
        return frozen(found)

    @cached_property
    def summary(self) -> dict[str, np.ndarray]:
        """The numbers of `stdyn.summary.columns`, (points,) or (points, runs); NaN where a point is not done."""
        there = set(self.names) - set(self.attributes["coordinates"].split())
        names = [name for name in summary_columns(there) if name in there]
        found = self._look(lambda table: {name: self._read(table, name) for name in names})
        of_list = "experiment" not in self.description["problems"]  # whose activations the file does not say
        check_summary(self.path, self.state == DONE, found, own=of_list or "activations" in self.description)
        return frozen(found)

    @cached_property
    def message(self) -> np.ndarray:
        """Why a point failed, or what it was warned of; empty if nothing is to be said."""
        return frozen(self.read("message"))

    def read(self, name: str, points: Points = ()) -> np.ndarray:
        """A variable of the file (docs/format.md), or some points of it.

        Parameters
        ----------
        name : str
            One of `names`.
        points : int, slice or array_like of int, optional
            The numbers of the points; all unless given.

        Returns
        -------
        ndarray
            With an axis of points, unless that is one number.

        Raises
        ------
        InputError
            If the file holds no such variable, or there are no such points.
        """
        if not isinstance(name, str) or name not in self.names:
            raise InputError(f"name: {self.path} holds no {shown(name)}, but {', '.join(self.names)}")
        self._check_points(points)
        return self._look(lambda table: self._read(table, name, points))

    @cached_property
    def _problems(self) -> Variations | None:
        recipe, activations = self.description["problems"], self.description.get("activations")
        if "experiment" not in recipe:
            return None
        with refusing(self.path):
            return Variations.from_description(recipe, activations)

    def _position(self, index: int) -> int:
        """The number of a point, which may be counted from the end."""
        return range(len(self))[integer("index", index, -len(self), len(self) - 1)]

    def _check_points(self, points: Points) -> None:
        """Refuse what does not say which points are meant."""
        try:
            found = None if points is None else np.broadcast_to(True, len(self))[points]
        except (IndexError, TypeError, ValueError):
            found = None
        if found is None:
            raise InputError(f"points must be numbers of some of the {len(self)} points, but is {shown(points)}")

    def problem(self, index: int) -> Problem:
        """The problem of a point.

        Parameters
        ----------
        index : int
            The number of the point, from the end if it is negative.

        Returns
        -------
        Problem
            What was solved there, or will be.
        """
        index = self._position(index)
        with refusing(self.path):
            if self._problems is not None:
                return self._problems[index]
            names = stored_names(self.names, self.description["problems"].get("coordinates", ()))
            return problem_of(self._look(lambda table: {name: self._read(table, name, index) for name in names}))

    def trajectory(self, index: int) -> Trajectory:
        """The trajectory of a point that is done, at the alphas that were kept.

        Parameters
        ----------
        index : int
            The number of the point, from the end if it is negative.

        Returns
        -------
        Trajectory
            Of the theory, or of runs.

        Raises
        ------
        InputError
            If the point is not done, or the scan kept no order parameters. Of a point that failed as its solver gave up
            there is what it had reached.
        """
        index = self._position(index)
        failed_at = self.summary["failed_at"][index] if "failed_at" in self.summary else np.nan
        if self.state[index] != DONE and not np.any(np.isfinite(failed_at)):
            raise InputError(f"point {index} is {STATES[self.state[index]]}: {self.message[index] or 'no result yet'}")
        if self.description["keep"] in ("curves", "summary"):
            raise InputError(f"{self.path} kept no order parameters (keep = {self.description['keep']!r})")
        problem = self.problem(index)
        groups = 0 if problem.start.inputs is None else problem.inputs.groups
        by_group = [name for name in ("R_group", "Q_group") if groups or name in self.names]
        names = [*problem.layout.places, *by_group]
        alphas, eps_g, *kept = self._look(
            lambda table: [self._read(table, "alpha"), *(self._read(table, name, index) for name in ("eps_g", *names))]
        )
        arrays: dict[str, Any] = dict(zip(names, kept, strict=True))
        R, ended = arrays["R"], self.summary["diverged_at"][index]
        axis = R.ndim - 3  # that of alpha
        with refusing(self.path):
            arrays |= {name: spectra.narrowed(name, arrays[name], axis + 1, groups) for name in by_group}
        arrays = {name: each for name, each in arrays.items() if groups or name not in by_group}
        ends = np.fmin(ended, failed_at)
        states = {name: each if axis else each[None] for name, each in arrays.items()}
        check_states(self.path, states, ends)
        if groups:
            check_groups(self.path, states, problem.inputs.variances, problem.start.T_group)
        there = int(np.isfinite(R[..., 0, 0]).reshape(-1, R.shape[axis]).any(axis=0).sum())
        arrays = {name: np.take(array, range(there), axis=axis) for name, array in arrays.items()}
        diverged_at = ended if np.any(np.isfinite(ended)) else None
        attributes = {
            "scan": str(self.path),
            "point": index,
            **{name: self.attributes[name] for name in ("versions", "created")},
            **({"warning": self.message[index]} if self.message[index] else {}),
        }
        method = self._method(index, theory=axis == 0)
        usable = all(g.usable for g in problem.activations)
        return Trajectory(
            problem, alphas[:there], **arrays, method=method, diverged_at=diverged_at, attributes=attributes,
            failed_at=np.array(failed_at) if np.any(np.isfinite(failed_at)) else None,
            eps_g_read=None if usable else eps_g[..., :there],
        )  # fmt: skip

    def _method(self, index: int, theory: bool) -> str:
        """By which method a point was solved."""
        if "method" in self.names and "method" not in self.coordinates:
            method = str(self.read("method", index))
            if not method:
                raise InputError(f"{self.path}: method[{index}] must be by what the point was solved, but is ''")
            return method
        if theory:  # files of before there was this column: as far as the name of the solver says it
            return "ode"
        return "reduced" if self.description["solve"]["function"].endswith("simulate_reduced") else "network"

    def to_xarray(self) -> "xarray.Dataset":
        """Everything in the file with named axes, in memory.

        Returns
        -------
        xarray.Dataset
            In which the varied quantities are coordinates of `point`.

        See Also
        --------
        to_dataframe : What came out of the points, as a table.

        Notes
        -----
        xarray.open_dataset(path, engine="h5netcdf") gives the same without reading it all.
        """
        return self._look(self._dataset).set_coords(list(self.coordinates))

    def _dataset(self, table: Table) -> "xarray.Dataset":
        found = table.variables()
        for name in found.keys() & self._expected.keys():
            checked_values(self.path, name, found[name][1], self._expected[name])
        return to_dataset(found, table.attributes)


def open_scan(path: str | os.PathLike[str]) -> Scan:
    """The scan in a file, finished or not.

    Parameters
    ----------
    path : str or os.PathLike
        Of the file.

    Returns
    -------
    Scan
        What is in it is read when asked for.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, not from stdyn, or holds a trajectory.

    See Also
    --------
    scan : Makes the file, or goes on with it.
    load : Reads trajectories.

    Examples
    --------
    >>> stdyn.open_scan("eta.h5").state
    array([1, 1], dtype=uint8)
    """
    return Scan(path)
