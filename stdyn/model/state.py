"""The order parameters: those of a starting point, and the layout of the state vector of the ODEs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, frozen_array, precision
from stdyn.errors import InputError
from stdyn.values import Frozen, frozen

ROUNDING = 1e-10  # relative to the largest eigenvalue: what counts as rounding in a symmetry or a negative eigenvalue


def _symmetric(name: str, A: Array, rounding: float) -> Array:
    if A.shape[0] != A.shape[1]:
        raise InputError(f"{name} must be square, but has shape {A.shape}")
    gap = np.abs(A - A.T)
    if gap.max() > rounding * np.abs(A).max():
        i, k = np.unravel_index(np.argmax(gap), gap.shape)
        raise InputError(f"{name} must be symmetric, but {name}[{i},{k}] = {A[i, k]} and {name}[{k},{i}] = {A[k, i]}")
    return A / 2 + A.T / 2  # without an overflow


@dataclass(frozen=True, eq=False)
class OrderParameters(Frozen):
    """The overlaps of a student and its teacher, and their second layers.

    Parameters
    ----------
    R : array_like, shape (K, M)
        Student-teacher overlaps w_i . w~_n.
    Q : array_like, shape (K, K)
        Student-student overlaps w_i . w_k.
    T : array_like, shape (M, M)
        Teacher-teacher overlaps w~_n . w~_m.
    v : array_like, shape (K,) or (K, O)
        Second layer of the student; one axis for a single output.
    v_teacher : array_like, shape (M,) or (M, O)
        Second layer of the teacher, with as many axes as `v`.

    All overlaps are plain dot products of vectors of norm O(1) (theory.md, section 2). The arrays are copied and
    cannot be written to.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, Q or T is not symmetric, or no weights have these overlaps:
        C = [[Q, R], [R.T, T]] must have no eigenvalue below -1e-10 times the largest one.

    Notes
    -----
    Overlaps in float32 or float16 are taken as what they are rounded from: instead of 1e-10 it is 8 (K + M) units in
    their last place. Then the mean of Q and its transpose is taken, and what the smallest eigenvalue lacks to be zero
    is added to the diagonals of Q and T.
    """

    R: Array
    Q: Array
    T: Array
    v: Array
    v_teacher: Array

    if TYPE_CHECKING:  # what is taken; what it becomes is above

        def __init__(self, R: ArrayLike, Q: ArrayLike, T: ArrayLike, v: ArrayLike, v_teacher: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        R, Q, T = (frozen_array(name, getattr(self, name), (2,)) for name in "RQT")
        v = frozen_array("v", self.v, (1, 2))
        v_teacher = frozen_array("v_teacher", self.v_teacher, (1, 2))
        K, M = R.shape
        for name, array, leading, rule in (
            ("Q", Q, (K, K), "(K, K)"),
            ("T", T, (M, M), "(M, M)"),
            ("v", v, (K,), "(K,) or (K, O)"),
            ("v_teacher", v_teacher, (M,), "(M,) or (M, O)"),
        ):
            if array.shape[: len(leading)] != leading:
                raise InputError(
                    f"{name} must have shape {rule} with K, M = {K}, {M} from R, but has shape {array.shape}"
                )
        if v.shape[1:] != v_teacher.shape[1:]:
            raise InputError(
                f"v and v_teacher must have the same number of outputs, but have shapes {v.shape} and {v_teacher.shape}"
            )
        rounding = max(ROUNDING, 8 * (K + M) * precision(self.R, self.Q, self.T))
        self._hold(R, _symmetric("Q", Q, rounding), _symmetric("T", T, rounding), v, v_teacher)
        lowest, *_, highest = np.linalg.eigvalsh(self.C)
        if not lowest >= -rounding * max(highest, 1e-300):
            raise InputError(
                "no weights have these overlaps: [[Q, R], [R.T, T]] must have no negative eigenvalue, "
                f"but the smallest is {lowest:.2g} (is some |R_in| above sqrt(Q_ii T_nn)?)"
            )
        if lowest < -ROUNDING * highest:
            self._hold(R, *(A - lowest * np.eye(len(A)) for A in (self.Q, self.T)), v, v_teacher)

    def _hold(self, *arrays: Array) -> None:
        """Set all fields."""
        self._set(**{f.name: array for f, array in zip(fields(self), arrays, strict=True)})

    @property
    def K(self) -> int:
        """Number of student units."""
        return self.R.shape[0]

    @property
    def M(self) -> int:
        """Number of teacher units."""
        return self.R.shape[1]

    @property
    def C(self) -> Array:
        """The covariance [[Q, R], [R.T, T]] of the fields, shape (K+M, K+M)."""
        return frozen(np.block([[self.Q, self.R], [self.R.T, self.T]]))

    @cached_property
    def layout(self) -> "Layout":
        """How the order parameters stand in the state vector of the ODEs."""
        return Layout.of(self.K, self.M, self.v.shape[1:])

    @property
    def order_parameters(self) -> dict[str, Array]:
        """Those that change with alpha, by name, in the order of the layout."""
        return frozen({block.name: getattr(self, block.name) for block in self.layout.blocks})


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
    def of(cls, K: int, M: int, outputs: tuple[int, ...]) -> "Layout":
        """That of K students and M teacher units; `outputs` is () for a single output whose axis is left out."""
        second = ("student", "output"), (K, *(outputs or (1,)))
        return cls(
            (
                Block("R", ("student", "teacher"), (K, M), "eta", "student-teacher overlap w_i.w~_n"),
                Block("Q", ("student", "student"), (K, K), "eta", "student-student overlap w_i.w_k", symmetric=True),
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
        leading = np.shape(values[first.name])[: -len(first.shape)]
        rows = [block.take(np.reshape(values[block.name], (*leading, *block.sizes))) for block in self.blocks]
        return np.ascontiguousarray(np.concatenate(rows, axis=-1, dtype=float))  # as kernels are compiled for

    def unpack(self, y: Array) -> dict[str, Array]:
        """The arrays (..., *shape) by name of state vectors y (..., L)."""
        return {block.name: block.fill(y[..., self.places[block.name]]) for block in self.blocks}
