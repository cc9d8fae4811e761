"""Inputs with a spectrum in scans: as values that vary, and by group in the columns of problems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.activations import BUILT_IN, Activation
from stdyn.model.inputmaking import GROUPS
from stdyn.model.inputs import Inputs
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.text import shown

COLUMNS: dict[str, tuple[str, ...]] = {  # of the problems of a list: their axes after that of the points
    "inputs_variances": ("group",),
    "inputs_fractions": ("group",),
    "R_group_start": ("group", "student", "teacher"),
    "Q_group_start": ("group", "student", "student_2"),
    "T_group": ("group", "teacher", "teacher_2"),
    "T_hidden": ("teacher", "teacher_2"),
}
_LARGEST = 1e11  # N^2 latent of a hidden manifold, whose eigenvalues take half a minute
_SHOWN = 4  # numbers of a list in a label


class Labelled(str):
    """The table of inputs as a value that varies: a text that names it, which a file can hold."""

    table: Mapping[str, Any]

    @classmethod
    def of(cls, table: Mapping[str, Any], number: int = 0) -> "Labelled":
        """That of a table; a number tells it from others of the same text."""
        words = ", ".join(f"{key}={_short(value)}" for key, value in table.items() if key != "kind")
        label = cls(f"{table.get('kind')}({words})" + (f" #{number}" if number else ""))
        label.table = table
        return label


def _short(value: Any) -> str:
    """A value in a label; a long list by its first numbers."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, Sequence) or isinstance(value, str):
        return str(value)
    listed = ", ".join(map(_short, value[:_SHOWN]))
    return f"[{listed}]" if len(value) <= _SHOWN else f"[{listed}, … {len(value)}]"


def labelled(tables: Sequence[Any]) -> list[Labelled]:
    """The values of inputs that vary, each a table, as texts that differ."""
    labels: list[Labelled] = []
    for table in tables:
        if not isinstance(table, Mapping):
            raise InputError(
                f'inputs must vary over a list of tables such as {{kind = "power_law", exponent = 1}}, but one value is'
                f" {shown(table)}"
            )
        if any(each.table == table for each in labels):
            raise InputError(f"inputs must not take a value twice, but {shown(dict(table))} is there twice")
        alike = sum(Labelled.of(each.table) == Labelled.of(table) for each in labels)
        labels.append(Labelled.of(table, alike + 1 if alike else 0))
    return labels


def most_groups(table: Mapping[str, Any] | None, N: int) -> int:
    """How many groups the inputs of a table can have at most; none, if they are isotropic."""
    if table is None or table.get("kind") == "isotropic":
        return 0
    for name, more in (("variances", 0), ("spikes", 1)):
        if name in table:
            return np.size(table[name]) + more
    groups = table.get("groups", GROUPS)
    return int(N if groups is None else groups)


def check_tables(tables: Iterable[Mapping[str, Any] | None], N: int | None = None) -> None:
    """Refuse inputs that nobody could make again from a file: f that is not built in; with N, too large ones."""
    for table in tables:
        if not isinstance(table, Mapping) or table.get("kind") != "hidden_manifold":
            continue
        f, size = table.get("f"), [table.get("N", N), table.get("latent")]
        if isinstance(f, Activation) or (isinstance(f, str) and f not in BUILT_IN):
            raise InputError(f"inputs: f must be built in, {', '.join(BUILT_IN)}, in a scan, but is {shown(str(f))}")
        known = N is not None and all(isinstance(each, int | float) for each in size)
        if known and size[0] ** 2 * size[1] > _LARGEST:
            raise InputError(f"inputs: N and latent are too large to be made again, {shown(size)}")


# ---------------------------------------------------------------------------------------------------------------------
# The problems of a list


def columns(problem: Problem, groups: int) -> dict[str, tuple[tuple[str, ...], Array]]:
    """What is by group in a problem, by the names of COLUMNS: NaN beyond its groups, and of isotropic inputs."""
    start = problem.start
    sizes = {"group": groups, "student": start.K, "student_2": start.K, "teacher": start.M, "teacher_2": start.M}
    found = {name: (axes, np.full([sizes[axis] for axis in axes], np.nan)) for name, axes in COLUMNS.items()}
    if start.inputs is None:
        return found
    values = (
        start.inputs.variances, start.inputs.fractions, start.R_group, start.Q_group, start.T_group, start.T_hidden
    )  # fmt: skip
    for (_, array), each in zip(found.values(), values, strict=True):
        array[: len(each)] = each
    return found


def of_columns(values: Mapping[str, Array]) -> dict[str, Any]:
    """What makes the start of a problem: its inputs and what is by group; nothing of isotropic inputs."""
    if COLUMNS.keys() - values.keys():
        return {}
    there = {name: np.asarray(values[name]) for name in COLUMNS}
    groups = int(np.sum(~np.isnan(there["inputs_fractions"])))
    for name, array in there.items():
        known = ~np.isnan(array)
        wanted = np.full(len(array), groups > 0) if name == "T_hidden" else np.arange(len(array)) < groups
        if not np.array_equal(known, np.broadcast_to(wanted.reshape(-1, *(1,) * (array.ndim - 1)), array.shape)):
            raise InputError(f"{name} must be known of the {groups} groups that inputs_fractions has, and only of them")
    if not groups:
        return {}
    try:
        inputs = Inputs(there["inputs_variances"][:groups], there["inputs_fractions"][:groups])
    except InputError as error:
        raise InputError(f"inputs_{error}") from None
    by_group = {name.removesuffix("_start"): array[:groups] for name, array in there.items() if name[1:7] == "_group"}
    return {"inputs": inputs, "T_hidden": there["T_hidden"], **by_group}


# ---------------------------------------------------------------------------------------------------------------------
# What varies


def with_changes(start: OrderParameters, arrays: Mapping[str, Array], factors: Mapping[str, float]) -> OrderParameters:
    """The start with other R, Q, T, v and v_teacher: by factors on what is in every group, and spread over them."""
    R, Q, T, v, v_teacher = (arrays[name] for name in ("R", "Q", "T", "v", "v_teacher"))
    if start.inputs is None:
        return OrderParameters(R, Q, T, v, v_teacher)
    parts = start.inputs.shares[:, None, None]
    groups = {}
    for name in "RQT":
        factor = factors.get(name, 1.0)
        change = arrays[name] - factor * getattr(start, name)
        groups[f"{name}_group"] = factor * getattr(start, f"{name}_group") + parts * change
    return OrderParameters.by_group(start.inputs, **groups, v=v, v_teacher=v_teacher, T_hidden=start.T_hidden)


def widened(values: Array, axis: int, groups: int) -> Array:
    """An array with as many groups along an axis as a file has: those beyond its own are NaN."""
    padding = [(0, groups - size if each == axis else 0) for each, size in enumerate(values.shape)]
    return np.pad(values, padding, constant_values=np.nan)


def narrowed(name: str, values: Array, axis: int, groups: int) -> Array:
    """An array without what a file has beyond the groups of a problem, which is NaN."""
    own, beyond = np.split(values, [groups], axis=axis)
    if own.shape[axis] < groups or not np.isnan(beyond).all():
        raise InputError(f"{name} must be of the {groups} groups of the inputs, and NaN beyond, but is not")
    return own
