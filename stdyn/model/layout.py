"""The layout of the state vector: which order parameters there are, and where they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.values import Frozen, frozen


@dataclass(frozen=True)
class Block(Frozen):
    """The order parameters of one name: what their axes count, and which of them are in the state vector.

    Attributes
    ----------
    name : str
    units : tuple of str
        What each axis counts: "student", "teacher" or "output".
    sizes : tuple of int
        How many there are.
    rate : str
        The learning rate with which they move.
    meaning : str
        What they are, for files.
    symmetric : bool
        The last two axes can be exchanged: the upper triangle alone is in the state vector.
    squeezed : bool
        The last axis has the size 1 and is left out outside of the state vector.
    """

    name: str
    units: tuple[str, ...]
    sizes: tuple[int, ...]
    rate: str
    meaning: str
    symmetric: bool = False
    squeezed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the array."""
        return self.sizes[: len(self.sizes) - self.squeezed]

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of its axes in files: an axis that counts the same again is called …_2."""
        repeated = (f"{unit}_2" if unit in self.units[:n] else unit for n, unit in enumerate(self.units))
        return tuple(repeated)[: len(self.shape)]

    @cached_property
    def entries(self) -> tuple[np.ndarray, ...]:
        """The indices, along each of the axes, of the entries that are in the state vector, in their order."""
        every = np.indices(self.sizes).reshape(len(self.sizes), -1)
        return tuple(frozen([*(every[:, every[-2] <= every[-1]] if self.symmetric else every)]))

    @property
    def _where(self) -> Any:
        """The index of these entries in arrays with any leading axes."""
        return (..., *self.entries)

    @property
    def names(self) -> list[str]:
        """The names of these entries, R_11, R_12, …; units are numbered from 1."""
        single = self.units[-1] == "output" and self.sizes[-1] == 1
        shown = self.entries[: len(self.units) - single]
        return [f"{self.name}_{''.join(str(index + 1) for index in entry)}" for entry in zip(*shown, strict=True)]

    def take(self, values: Array) -> Array:
        """The entries of arrays (..., *sizes) that are in the state vector: (..., entries)."""
        return values[self._where]

    def fill(self, row: Array) -> Array:
        """The arrays (..., *shape) that have these entries (..., entries)."""
        values = np.empty((*row.shape[:-1], *self.sizes))
        values[self._where] = row
        if self.symmetric:
            *leading, one, other = self.entries
            values[(..., *leading, other, one)] = row  # type: ignore[index]
        return values.reshape(*row.shape[:-1], *self.shape)


@dataclass(frozen=True)
class Layout(Frozen):
    """The state vector: which order parameters there are and where they stand.

    Whatever goes over order parameters, solvers, symmetries, files, figures, comparisons, goes over these blocks. The
    kernels have the same order in stdyn/kernels/state.py.
    """

    blocks: tuple[Block, ...]

    @classmethod
    @cache
    def of(cls, K: int, M: int, outputs: tuple[int, ...], groups: int | None = None) -> "Layout":
        """That of K students and M teacher units; `outputs` is () for a single output whose axis is left out.

        With `groups`, the number of them, that of overlaps by group.
        """
        second = ("student", "output"), (K, *(outputs or (1,)))
        axis, number = ((), ()) if groups is None else (("group",), (groups,))
        end, there = ("", "") if groups is None else ("_group", " in a group of the inputs' directions")
        R = (*axis, "student", "teacher"), (*number, K, M)
        Q = (*axis, "student", "student"), (*number, K, K)
        return cls(
            (
                Block(f"R{end}", *R, "eta", f"student-teacher overlap w_i.w~_n{there}"),
                Block(f"Q{end}", *Q, "eta", f"student-student overlap w_i.w_k{there}", symmetric=True),
                Block("v", *second, "eta_v", "second layer of the student", squeezed=not outputs),
            )
        )

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where the entries of each block stand in the state vector."""
        ends = accumulate((len(block.entries[0]) for block in self.blocks), initial=0)
        return frozen({block.name: slice(*pair) for block, pair in zip(self.blocks, pairwise(ends), strict=True)})

    @property
    def size(self) -> int:
        """L, the length of the state vector."""
        return self.places[self.blocks[-1].name].stop

    @property
    def names(self) -> list[str]:
        """The name of every entry of the state vector."""
        return [name for block in self.blocks for name in block.names]

    def pack(self, values: Mapping[str, Array]) -> Array:
        """The state vectors (..., L) of arrays by name; the axis of a single output may be there or not."""
        first = self.blocks[0]
        leading = np.shape(values[first.name])[: np.ndim(values[first.name]) - len(first.shape)]
        rows = [block.take(np.reshape(values[block.name], (*leading, *block.sizes))) for block in self.blocks]
        return np.ascontiguousarray(np.concatenate(rows, axis=-1, dtype=float))  # as kernels are compiled for

    def unpack(self, y: Array) -> dict[str, Array]:
        """The arrays (..., *shape) by name of state vectors y (..., L)."""
        return {block.name: block.fill(y[..., self.places[block.name]]) for block in self.blocks}
