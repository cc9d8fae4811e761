"""A table with a row for every number: what a trajectory holds, as a pandas.DataFrame."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn.checks import check_memory
from stdyn.errors import InputError
from stdyn.text import shown

if TYPE_CHECKING:
    import pandas

Arrays = Mapping[str, tuple[tuple[str, ...], np.ndarray]]  # name -> (axes, values)

_ROW = 60.0  # bytes


def of_trajectory(trajectory: Any, what: object) -> "pandas.DataFrame":
    """Its quantities that change with alpha, or those that are asked for."""
    there = {
        name: (axes, values)
        for name, (axes, values, _) in trajectory.variables().items()
        if "alpha" in axes and name != "alpha" and not name.startswith("error_")
    }
    names = list(there) if what is None else _names(what, [*there, "cosines"])
    if "cosines" in names:
        there["cosines"] = there["R"][0], trajectory.cosines
    runs = () if trajectory.runs is None else ("run",)
    return frame({name: there[name] for name in names}, {"alpha": trajectory.alphas}, (*runs, "alpha"))


def _names(what: object, there: Sequence[str]) -> list[str]:
    """The quantities that are asked for."""
    names = [what] if isinstance(what, str) else what
    if not isinstance(names, list | tuple) or not names:
        raise InputError(f"what must be a name or a list of names, but is {shown(what)}")
    for name in names:
        if not isinstance(name, str) or name not in there:
            raise InputError(f"what must be among {', '.join(there)}, but is {shown(name)}")
    return list(dict.fromkeys(names))


def frame(arrays: Arrays, labels: Mapping[str, np.ndarray], leading: Sequence[str]) -> "pandas.DataFrame":
    """The columns: the `leading` axes, quantity, group if something has it, i, j and value.

    Axes without labels count from 0. Those that are neither leading nor groups are i and j, which are <NA> where a
    quantity does not have them.
    """
    import pandas

    check_memory("the table", _ROW * sum(values.size for _, values in arrays.values()))
    groups = ["group"] if any("group" in axes for axes, _ in arrays.values()) else []
    counted = (*groups, "i", "j")
    columns: dict[str, list[np.ndarray]] = {name: [] for name in (*leading, "quantity", *counted, "value")}
    for name, (axes, values) in arrays.items():
        rest = iter(("i", "j"))
        named = [axis if axis in (*leading, "group") else next(rest) for axis in axes]
        for column in (*leading, *counted):
            columns[column].append(_along(named, values.shape, column, labels))
        columns["quantity"].append(np.full(values.size, name, dtype=object))
        columns["value"].append(values.ravel())
    whole: dict[str, Any] = {name: np.concatenate(each) for name, each in columns.items()}
    for name in counted:
        whole[name] = pandas.arrays.IntegerArray(np.maximum(whole[name], 0), whole[name] < 0)
    return pandas.DataFrame(whole)


def _along(named: Sequence[str], shape: tuple[int, ...], column: str, labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """The label of every entry on one axis; -1 if the array does not have it."""
    if column not in named:
        return np.full(int(np.prod(shape)), -1)
    axis = named.index(column)
    each = labels.get(column, np.arange(shape[axis]))
    return np.broadcast_to(each.reshape(-1, *(1,) * (len(shape) - axis - 1)), shape).ravel()
