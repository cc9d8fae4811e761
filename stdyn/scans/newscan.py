"""The file of a scan: how it is made (docs/format.md)."""

import inspect
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.analysis import summary
from stdyn.checks import Array, integer, time_grid
from stdyn.errors import InputError
from stdyn.files.format import FORMAT, Variables
from stdyn.files.paths import exists
from stdyn.files.provenance import provenance
from stdyn.files.table import Columns, create_table, writing
from stdyn.model.layout import Layout
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.model.trajectory import nearest
from stdyn.model.trajectoryvariables import format_version
from stdyn.scans import spectra
from stdyn.scans.names import NUMBERS
from stdyn.scans.parameters import (
    OPTIONAL,
    SCALARS,
    groups_of,
    sizes,
    stored,
    texts_as_objects,
)
from stdyn.scans.points import Solve
from stdyn.scans.scanschema import CURVES, KEEP
from stdyn.scans.variations import Variations
from stdyn.text import shown


def kept_positions(keep: str | ArrayLike, alphas: Array) -> np.ndarray:
    """The positions of the alphas that are kept."""
    if isinstance(keep, str):
        if keep not in KEEP:
            raise InputError(f"keep must be one of {', '.join(KEEP)}, or alphas, but is {shown(keep)}")
        return np.arange(0 if keep == "summary" else len(alphas))
    wanted = time_grid(keep, "keep")
    positions = nearest(alphas, wanted)
    wrong = np.flatnonzero(np.abs(alphas[positions] - wanted) > 1e-9 * (1 + wanted))
    if wrong.size:
        raise InputError(
            f"keep must be some of the alphas, but {wanted[wrong[0]]:g} is not (the nearest is"
            f" {alphas[positions[wrong[0]]]:g})"
        )
    return positions


def create(
    path: Path, problems: Sequence[Problem], kept: Array, solve: Solve, description: dict[str, Any],
    coordinates: Mapping[str, ArrayLike] | None, overwrite: bool,
) -> None:  # fmt: skip
    """A file in which every point is still to be solved."""
    some = problems.experiment.problem("fa") if isinstance(problems, Variations) else problems[0]  # all have its shapes
    bound = inspect.signature(solve).parameters
    run = {"run": integer("runs", bound["runs"].default, 1)} if "runs" in bound else {}
    several = [some] if isinstance(problems, Variations) else problems
    groups = problems.groups if isinstance(problems, Variations) else groups_of(problems)
    axes = {"point": len(problems)} | run | sizes(some.start, groups)
    others: Variables = {
        axis: ((axis,), np.arange(size), f"number of the {axis.removesuffix('_2')}") for axis, size in axes.items()
    }
    others["description"] = ((), np.array(json.dumps(description), dtype=object), "what is scanned, JSON")
    if len(kept):
        others["alpha"] = (("alpha",), kept, _meaning_of_alpha({problem.flow for problem in several}))
    tasks = max(0 if problem.tasks is None else len(problem.tasks) for problem in several)
    columns = _columns(some.start, tuple(run), description["keep"], tasks, groups)
    by_number = {} if isinstance(problems, Variations) else stored(problems)
    taken = [*others, *columns, *(name for name in (*OPTIONAL, *spectra.COLUMNS) if name in by_number)]
    named = _coordinates(problems, coordinates, by_number, taken)
    others |= {name: (("point",), values, NUMBERS.get(name, name)) for name, values in named.items()} | by_number
    attributes = {"kind": "scan", "coordinates": " ".join(named), **provenance()}
    version = problems.format_version if isinstance(problems, Variations) else max(map(format_version, problems))
    if version != FORMAT:
        attributes["format_version"] = version
    with writing(path, "scan") if exists(path) else nullcontext():  # so that nobody else is
        create_table(path, len(problems), columns, others, attributes, overwrite)


def _meaning_of_alpha(flow: set[bool]) -> str:
    """What alpha is, given which of gradient flow and steps there are."""
    steps, time = "steps / N (of batches of 1: examples / N)", "time (gradient flow)"
    return " or ".join(meaning for is_flow, meaning in ((False, steps), (True, time)) if is_flow in flow)


def _columns(
    start: OrderParameters, run: tuple[str, ...], keep: str | list[float], tasks: int, groups: int
) -> Columns:  # fmt: skip
    """What is written of each point, which has so many tasks, and groups of its inputs' directions, at most."""
    columns: Columns = {
        "state": ((), np.uint8, "0: todo, 1: done, 2: failed"),
        "message": ((), str, "why it failed, or what it was warned of"),
        "method": ((), str, "ode, network or reduced"),
    }
    columns |= {name: (run, float, meaning) for name, meaning in summary.columns(tasks).items()}
    if keep != "summary":
        columns |= {name: ((*run, "alpha"), float, meaning) for name, meaning in CURVES.items()}
    if keep not in ("curves", "summary"):
        layouts = [start.layout] + ([Layout.of(start.K, start.M, start.v.shape[1:], groups)] if groups else [])
        blocks = [block for layout in layouts for block in layout.blocks]
        columns |= {b.name: ((*run, "alpha", *b.axes), float, b.meaning) for b in blocks}
    return columns


def _coordinates(
    problems: Sequence[Problem], given: Mapping[str, ArrayLike] | None, by_number: Variables, taken: Sequence[str]
) -> dict[str, np.ndarray]:
    """What varies, by name: (points,) values; those of a list of problems are kept `by_number`."""
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
        named = {name: by_number[name][1] for name in (*SCALARS, *OPTIONAL) if name in by_number}
        if np.array_equal(named["activation"], named["activation_teacher"]):
            del named["activation_teacher"]
        named = {name: values for name, values in named.items() if len(np.unique(values)) > 1}
    return {name.replace(" ", ""): texts_as_objects(values) for name, values in named.items()}
