"""The file of a scan: how it is made, told from another one's, and read (docs/format.md)."""

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.analysis.summary import SUMMARY
from stdyn.checks import Array, frozen_array, integer, time_grid
from stdyn.errors import InputError
from stdyn.files.format import Variables, check_kind, to_dataset
from stdyn.files.provenance import provenance
from stdyn.files.table import Columns, Table, create_table, look, writing
from stdyn.model.activations import find, known
from stdyn.model.problem import RATES, Problem
from stdyn.model.state import OrderParameters
from stdyn.model.trajectory import Trajectory
from stdyn.scans.variations import NUMBERS, Variations, plain
from stdyn.text import listing

if TYPE_CHECKING:
    import xarray

TODO, DONE, FAILED = 0, 1, 2
STATES = ("todo", "done", "failed")
CURVES = ("eps_g", "F", "alignment")
ORDER_PARAMETERS = ("R", "Q", "v")
SCALARS = ("N", "activation", "activation_teacher", "rule", "quadrature", *RATES)
_VALUES = ("activation_values", "activation_teacher_values")  # of problems that no recipe makes again
KEEP = ("all", "curves", "summary")

_IN_FILES = {  # by which names files know our solvers, wherever they are
    "stdyn.theory.ode.integrate": "stdyn.ode.integrate",
    "stdyn.simulation.runs.simulate_network": "stdyn.simulate.simulate_network",
    "stdyn.simulation.runs.simulate_reduced": "stdyn.simulate.simulate_reduced",
}

Solve = Callable[..., Trajectory]


def counted(state: np.ndarray) -> str:
    """The number of points done and, if there are any, failed."""
    count = np.bincount(state, minlength=len(STATES))
    return f"{count[DONE]} done" + (f" and {count[FAILED]} failed" if count[FAILED] else "")


def kept_positions(keep: str | ArrayLike, alphas: Array) -> np.ndarray:
    """The positions of the alphas that are kept."""
    if isinstance(keep, str):
        if keep not in KEEP:
            raise InputError(f"keep must be one of {', '.join(KEEP)}, or alphas, but is {keep!r}")
        return np.arange(0 if keep == "summary" else len(alphas))
    wanted = time_grid(frozen_array("keep", keep, (1,)))
    nearest = np.abs(alphas[:, None] - wanted).argmin(axis=0)
    wrong = np.flatnonzero(np.abs(alphas[nearest] - wanted) > 1e-9 * (1 + wanted))
    if wrong.size:
        raise InputError(
            f"keep must be some of the alphas, but {wanted[wrong[0]]:g} is not (the nearest is"
            f" {alphas[nearest[wrong[0]]]:g})"
        )
    return nearest


def described(problems: Sequence[Problem], coordinates: Mapping[str, ArrayLike] | None) -> dict[str, Any]:
    """What the problems are: their recipe, or a digest of all their numbers."""
    if isinstance(problems, Variations):
        return problems.description
    digest = hashlib.sha256()
    for index, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            raise InputError(f"problems must be a sequence of Problem, but problems[{index}] is {problem!r}")
        for name, array in _parameters(problem).items():
            digest.update(f"{name}{np.shape(array)}{array if isinstance(array, str) else ''}".encode())
            if not isinstance(array, str):
                digest.update(np.ascontiguousarray(array, dtype=float).tobytes())
    named = {
        name: hashlib.sha256(repr(plain(np.asarray(c))).encode()).hexdigest() for name, c in (coordinates or {}).items()
    }
    return {"points": len(problems), "sha256": digest.hexdigest(), "coordinates": named}


def activations_described(problems: Sequence[Problem]) -> dict[str, Any]:
    """The values of activations that a recipe names and that are not built in, by which they are told from others."""
    if not isinstance(problems, Variations):
        return {}
    names = {getattr(problems.experiment, name) for name in ("activation", "activation_teacher")}
    for name in ("activation", "activation_teacher"):
        names |= set(problems.axes.get(name, ()))
    made = {str(name): find(name) for name in names if name is not None}
    values = {name: each.values.tolist() for name, each in sorted(made.items()) if each.functions_needed}
    return {"activations": values} if values else {}


def _parameters(problem: Problem) -> dict[str, Any]:
    start = problem.start
    arrays = {"R_start": start.R, "Q_start": start.Q, "T": start.T, "v_start": start.v, "v_teacher": start.v_teacher}
    b = np.full(start.v.shape, np.nan) if problem.b is None else problem.b
    values = dict(zip(_VALUES, (each.values for each in problem.activations), strict=True))
    scalars = {name: getattr(problem, name) for name in SCALARS}
    names = dict(zip(("activation", "activation_teacher"), map(str, problem.activations), strict=True))
    return arrays | {"b": b} | values | scalars | names


def solver_described(solve: Solve) -> dict[str, Any]:
    """The name of the solver and the arguments bound to it."""
    keywords: dict[str, Any] = {}
    positional: tuple[Any, ...] = ()
    while isinstance(solve, partial):
        keywords = solve.keywords | keywords
        positional = solve.args + positional
        solve = solve.func
    for name in ("workers", "progress"):  # have no influence on the result
        keywords.pop(name, None)
    name = f"{solve.__module__}.{getattr(solve, '__qualname__', repr(solve))}"
    said: dict[str, Any] = {"function": _IN_FILES.get(name, name)}
    said |= {name: value if _is_plain(value) else repr(value) for name, value in sorted(plain(keywords).items())}
    return said | ({"arguments": repr(positional)} if positional else {})


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def create(
    path: Path, problems: Sequence[Problem], kept: Array, keep: str | ArrayLike, solve: Solve,
    description: dict[str, Any], coordinates: Mapping[str, ArrayLike] | None, overwrite: bool,
) -> None:  # fmt: skip
    """A file in which every point is still to be solved."""
    some = problems.experiment.problem("fa") if isinstance(problems, Variations) else problems[0]  # all have its shapes
    start = some.start
    output = {"output": start.v.shape[1]} if start.v.ndim == 2 else {}
    bound = inspect.signature(solve).parameters
    run = {"run": integer("runs", bound["runs"].default, 1)} if "runs" in bound else {}
    sizes = {"point": len(problems)} | run
    sizes |= {"student": start.K, "teacher": start.M, "student_2": start.K, "teacher_2": start.M} | output
    others: Variables = {
        axis: ((axis,), np.arange(size), f"number of the {axis.removesuffix('_2')}") for axis, size in sizes.items()
    }
    others["description"] = ((), np.array(json.dumps(description), dtype=object), "what is scanned, JSON")
    if len(kept):
        others["alpha"] = (("alpha",), kept, "examples / N")
    columns = _columns(tuple(run), tuple(output), len(kept) > 0, not (isinstance(keep, str) and keep == "curves"))
    named = _coordinates(problems, coordinates, [*others, *columns])
    others |= {name: (("point",), values, NUMBERS.get(name, name)) for name, values in named.items()}
    if not isinstance(problems, Variations):
        others |= _stored_problems(problems, tuple(output))
    attributes = {"kind": "scan", "coordinates": " ".join(named), **provenance()}
    with writing(path, "scan") if path.exists() else nullcontext():  # so that nobody else is
        create_table(path, len(problems), columns, others, attributes, overwrite)


def _columns(run: tuple[str, ...], output: tuple[str, ...], curves: bool, order_parameters: bool) -> Columns:
    """What is written of each point."""
    columns: Columns = {
        "state": ((), np.uint8, "0: todo, 1: done, 2: failed"),
        "message": ((), str, "why it failed, or what it was warned of"),
    }
    columns |= {name: (run, float, meaning) for name, meaning in SUMMARY.items()}
    if curves:
        columns |= {
            "eps_g": ((*run, "alpha"), float, "generalization error"),
            "F": ((*run, "alpha"), float, "overlap of second layer and feedback weights v.b; NaN for backpropagation"),
            "alignment": ((*run, "alpha"), float, "cosine of the angle between v and b; NaN for backpropagation"),
        }
    if curves and order_parameters:
        columns |= {
            "R": ((*run, "alpha", "student", "teacher"), float, "student-teacher overlap w_i.w~_n"),
            "Q": ((*run, "alpha", "student", "student_2"), float, "student-student overlap w_i.w_k"),
            "v": ((*run, "alpha", "student", *output), float, "second layer of the student"),
        }
    return columns


def _coordinates(
    problems: Sequence[Problem], given: Mapping[str, ArrayLike] | None, taken: Sequence[str]
) -> dict[str, np.ndarray]:
    """What varies, by name: (points,) values."""
    if given is not None:
        named = {name: np.asarray(values) for name, values in given.items()}
        for name, values in named.items():
            if values.shape != (len(problems),):
                raise InputError(
                    f"coordinates[{name!r}] must have a value for each of the {len(problems)} points, but has shape"
                    f" {values.shape}"
                )
            if name in taken or "/" in name or not name or any(map(str.isspace, name)):
                raise InputError(
                    f"coordinates must have names without / and space that are not taken, but one is {name!r}"
                )
    elif isinstance(problems, Variations):
        named = problems.coordinates
    else:
        every = [_parameters(problem) for problem in problems]
        named = {name: np.array([parameters[name] for parameters in every]) for name in SCALARS}
        if np.array_equal(named["activation"], named["activation_teacher"]):
            del named["activation_teacher"]
        named = {name: values for name, values in named.items() if len(set(values.tolist())) > 1}
    return {
        name.replace(" ", ""): values.astype(object) if values.dtype.kind == "U" else values
        for name, values in named.items()
    }


def _stored_problems(problems: Sequence[Problem], output: tuple[str, ...]) -> dict[str, Any]:
    """Every parameter of every problem, for problems that no recipe makes again."""
    shapes = {(problem.start.R.shape, problem.start.v.shape) for problem in problems}
    if len(shapes) > 1:
        raise InputError(f"all problems of a scan must have R and v of the same shapes, but there are {sorted(shapes)}")
    every = [_parameters(problem) for problem in problems]
    axes = {
        "R_start": ("student", "teacher"), "Q_start": ("student", "student_2"), "T": ("teacher", "teacher_2"),
        "v_start": ("student", *output), "v_teacher": ("teacher", *output), "b": ("student", *output),
        **dict.fromkeys(_VALUES, ("function", "probe")),
    }  # fmt: skip
    stored = {}
    for name in every[0]:
        values = np.array([parameters[name] for parameters in every])
        if values.dtype.kind == "U":
            values = values.astype(object)
        stored[name] = (("point", *axes.get(name, ())), values, f"{name} of the problem")
    return stored


class Scan:
    """A scan in a file, finished or not; what is in it is read when asked for.

    Attributes
    ----------
    path : Path
    description : dict
        What is scanned: problems, alphas, solver, seed, what is kept.
    alphas : ndarray, shape (A,)
        Where the points were solved; those that were kept are the variable "alpha".
    axes : tuple of str
        Those of the varied quantities that span a grid.
    names : tuple of str
        The variables in the file, which `read` reads.
    state : ndarray, shape (points,)
        0: todo, 1: done, 2: failed (`stdyn.scans.scanfile.STATES`).
    coordinates, summary : dict of ndarray
        The varied quantities, and what came out of each point, by name.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._look(self._open)

    def _open(self, table: Table) -> None:
        self.attributes = table.attributes
        self.description: dict[str, Any] = table.description
        self.names = tuple(table.names())
        self.state = table.read("state")

    def _look(self, function: Callable[[Table], Any]) -> Any:
        """function(table) of the open file."""

        def of_a_scan(table: Table) -> Any:
            check_kind(self.path, table.attributes, "scan")
            return function(table)

        return look(self.path, of_a_scan)

    def __len__(self) -> int:
        return len(self.state)

    @property
    def alphas(self) -> Array:
        """Where the points were solved."""
        return np.array(self.description["alphas"])

    @property
    def axes(self) -> tuple[str, ...]:
        """The varied quantities that span a grid."""
        return () if self._problems is None else tuple(self._problems.axes)

    @cached_property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The varied quantities by name: (points,) values."""
        names = self.attributes["coordinates"].split()
        return self._look(lambda table: {name: table.read(name) for name in names})

    @cached_property
    def summary(self) -> dict[str, np.ndarray]:
        """The numbers of `stdyn.summary.SUMMARY`, (points,) or (points, runs); NaN where a point is not done."""
        names = [name for name in SUMMARY if name in self.names]
        return self._look(lambda table: {name: table.read(name) for name in names})

    @cached_property
    def message(self) -> np.ndarray:
        """Why a point failed, or what it was warned of; empty if nothing is to be said."""
        return self.read("message")

    def read(self, name: str, points: Any = ()) -> np.ndarray:
        """A variable of the file (docs/format.md), or some points of it."""
        if name not in self.names:
            raise InputError(f"{self.path} holds no {name!r}, but {', '.join(self.names)}")
        return self._look(lambda table: table.read(name, points))

    @cached_property
    def _problems(self) -> Variations | None:
        for name, values in self.description.get("activations", {}).items():
            known(
                name, np.array(values)
            )  # where this process has not made it, its points can be looked at all the same
        recipe = self.description["problems"]
        return Variations.from_description(recipe) if "experiment" in recipe else None

    def problem(self, index: int) -> Problem:
        """The problem of a point."""
        index = range(len(self))[index]
        if self._problems is not None:
            return self._problems[index]
        names = ("R_start", "Q_start", "T", "v_start", "v_teacher", "b", *_VALUES, *SCALARS)
        stored = self._look(lambda table: {name: table.read(name, index) for name in names})
        scalars = {name: plain(stored.pop(name)) for name in SCALARS}
        b = stored.pop("b")
        for name, values in zip(("activation", "activation_teacher"), map(stored.pop, _VALUES), strict=True):
            scalars[name] = known(scalars[name], values)
        return Problem(OrderParameters(*stored.values()), b=None if scalars["rule"] == "bp" else b, **scalars)

    def trajectory(self, index: int) -> Trajectory:
        """The trajectory of a point that is done, at the alphas that were kept.

        Raises
        ------
        InputError
            If the point is not done, or the scan kept no order parameters.
        """
        index = range(len(self))[index]
        if self.state[index] != DONE:
            raise InputError(f"point {index} is {STATES[self.state[index]]}: {self.message[index] or 'no result yet'}")
        if "R" not in self.names:
            raise InputError(f"{self.path} kept no order parameters (keep = {self.description['keep']!r})")
        alphas, *rest = self._look(
            lambda table: [table.read("alpha"), *(table.read(name, index) for name in ORDER_PARAMETERS)]
        )
        R, Q, v = rest
        ended = np.isfinite(self.summary["diverged_at"][index])
        axis = R.ndim - 3
        there = int(np.isfinite(R[..., 0, 0]).reshape(-1, R.shape[axis]).any(axis=0).sum())
        R, Q, v = (np.take(array, range(there), axis=axis) for array in (R, Q, v))
        function = self.description["solve"]["function"]
        method = "ode" if axis == 0 else "reduced" if function.endswith("simulate_reduced") else "network"
        diverged_at = self.summary["diverged_at"][index] if np.any(ended) else None
        attributes = {
            "scan": str(self.path),
            "point": index,
            **{name: self.attributes[name] for name in ("versions", "created")},
            **({"warning": self.message[index]} if self.message[index] else {}),
        }
        return Trajectory(self.problem(index), alphas[:there], R, Q, v, method, diverged_at, attributes)

    def to_xarray(self) -> "xarray.Dataset":
        """Everything in the file as an xarray.Dataset, in memory; the varied quantities are coordinates of `point`.

        xarray.open_dataset(path, engine="h5netcdf") gives the same without reading it all.
        """
        return self._look(lambda table: to_dataset(table.variables())).set_coords(list(self.coordinates))

    def __repr__(self) -> str:
        return f"<stdyn.Scan>\n{self.text()}"

    def text(self) -> str:
        """What it is, how far it is and what came out, in lines."""
        solve = dict(self.description["solve"])
        alphas = self.description["alphas"]
        lines = {
            "what": f"scan of {len(self)} points: {counted(self.state)}",
            "varied": ", ".join(
                f"{name} ({len(set(plain(values)))} values)" for name, values in self.coordinates.items()
            ),
            "solver": ", ".join([solve.pop("function"), *(f"{name} = {value}" for name, value in solve.items())]),
            "alpha": f"{len(alphas)} values from {alphas[0]:g} to {alphas[-1]:g}",
            "kept": str(self.description["keep"]),
        }
        for name, values in self.summary.items():
            there = values[~np.isnan(values)]
            if there.size:
                low, middle, high = np.percentile(there, [5, 50, 95], method="nearest")
                lines[name] = f"median {middle:.4g}, 5 – 95 % {low:.4g} … {high:.4g}"
        wrong = np.flatnonzero(self.state == FAILED)
        if wrong.size:
            lines["first failure"] = f"point {wrong[0]}: {self.message[wrong[0]]}"
        lines |= {name: str(self.attributes[name]) for name in ("created", "versions")}
        return listing(lines)


def open_scan(path: str | os.PathLike[str]) -> Scan:
    """The scan in a file, finished or not.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, not from stdyn, or holds a trajectory.
    """
    return Scan(path)
