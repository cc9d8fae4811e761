"""Inputs with a spectrum: the eigenspaces of their covariance, and how data and the input space stand to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, as_floats, frozen_array, integer
from stdyn.errors import InputError
from stdyn.model.binning import check_whole, whole_numbers
from stdyn.model.covariance import orthonormal, positive
from stdyn.model.inputmaking import Making
from stdyn.model.inputtext import html, line, summary
from stdyn.model.manifold import HiddenManifold
from stdyn.values import Frozen


@dataclass(frozen=True, eq=False, repr=False)
class Inputs(Making, Frozen):
    """Gaussian inputs xi ~ N(0, Omega), of which Omega has L eigenspaces ("groups"), each of one variance.

    Made by `isotropic`, `spectrum`, `power_law`, `spiked`, `from_eigenvalues`, `from_covariance`, `from_data`,
    `hidden_manifold`, or `of` a table. Two are equal if variances and fractions are.

    Parameters
    ----------
    variances : array_like, shape (L,)
        The variance omega of a direction of each group.
    fractions : array_like, shape (L,)
        The part p of the N directions that are in each group; their sum is 1.
    axes : array_like, shape (N, N), optional
        Orthonormal rows: the directions of the input space, those of the first group first. Without them they are the
        coordinates of the input space.
    eigenvalues : array_like, shape (N,), optional
        The spectrum before it was divided in groups, in the order of `axes`.
    manifold : HiddenManifold, optional
        What the inputs are made by.

    Raises
    ------
    InputError
        If a variance is not positive, fractions are not positive or do not sum to 1, axes are not orthonormal, or
        shapes disagree.

    See Also
    --------
    Problem, OrderParameters.by_group, binning_error

    Notes
    -----
    The order parameters close by group (theory.md, section 11): Yoshida & Okada, NeurIPS 2019; Goldt et al., PRX 10,
    041044 (2020).

    Examples
    --------
    >>> inputs = stdyn.Inputs.spectrum(variances=[3, 1, 0.2], fractions=[0.2, 0.3, 0.5])
    >>> inputs
    Inputs of 3 groups: variances 3, 1, 0.2 of fractions 0.2, 0.3, 0.5
    >>> inputs.directions(100)
    array([20, 30, 50])
    >>> inputs.scales(10).round(2)
    array([1.73, 1.73, 1.  , 1.  , 1.  , 0.45, 0.45, 0.45, 0.45, 0.45])
    >>> print(inputs.summary())
    Inputs of 3 groups: variances 3, 1, 0.2 of fractions 0.2, 0.3, 0.5
    >>> dataclasses.replace(problem, inputs=inputs).start.groups[1].shape  # Q by group
    (3, 2, 2)
    """

    variances: Array
    fractions: Array
    axes: Array | Any = field(default=None, compare=False)
    eigenvalues: Array | Any = field(default=None, compare=False)
    manifold: HiddenManifold | Any = field(default=None, compare=False)
    _table: Mapping[str, Any] | None = field(default=None, init=False, compare=False)  # of a named constructor
    _lost: bool = field(default=False, init=False, compare=False)  # there were axes, which no file holds

    if TYPE_CHECKING:

        def __init__(
            self, variances: ArrayLike, fractions: ArrayLike, axes: ArrayLike | None = None,
            eigenvalues: ArrayLike | None = None, manifold: HiddenManifold | None = None,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        variances = positive("variances", self.variances)
        fractions = positive("fractions", self.fractions)
        if len(fractions) != len(variances):
            raise InputError(
                f"fractions must have a number for each of the {len(variances)} variances, but has {len(fractions)}"
            )
        total = fsum(fractions.tolist())
        if abs(total - 1) > 1e-9:
            raise InputError(f"fractions must sum to 1, but sum to {total:.12g}")
        if abs(total - 1) > 1e-15 * len(fractions):
            fractions = fractions / total
        self._set(variances=variances, fractions=fractions)
        if self.eigenvalues is not None:
            self._set(eigenvalues=positive("eigenvalues", self.eigenvalues))
            check_whole("eigenvalues", fractions, len(self.eigenvalues))
        if self.axes is not None:
            self._set(axes=orthonormal(self.axes))
            check_whole("axes", fractions, len(self.axes))
            if self.eigenvalues is not None and len(self.eigenvalues) != len(self.axes):
                raise InputError(
                    f"eigenvalues must have one for each of the {len(self.axes)} axes, but has {len(self.eigenvalues)}"
                )
        if self.manifold is not None and not isinstance(self.manifold, HiddenManifold):
            raise InputError(f"manifold must be a HiddenManifold, but is {type(self.manifold).__name__}")
        if self.manifold is not None and (self.axes is None or self.eigenvalues is None):
            raise InputError("manifold must come with its axes and eigenvalues, but one of them is None")

    @property
    def turned(self) -> bool:
        """Whether there are axes of their own, known or lost: a file says so, but does not hold them.

        Else the directions are the coordinates of the input space, the first of them the first group.
        """
        return self.axes is not None or self._lost

    def without_axes(self) -> Inputs:
        """The same, but that their axes are not known: what needs them is refused.

        Returns
        -------
        Inputs
            As they are read from a file.

        Examples
        --------
        >>> inputs = stdyn.Inputs.from_covariance([[2, 1], [1, 2]])
        >>> inputs.without_axes() == inputs, inputs.contradicts(inputs.without_axes())
        (True, False)
        """
        found = replace(self, axes=None, eigenvalues=None, manifold=None)
        found._set(_lost=True)
        return found

    def contradicts(self, other: Inputs) -> bool:
        """Whether both are of the same groups, but of axes that are known and differ.

        Parameters
        ----------
        other : Inputs
            What it is held against.

        Returns
        -------
        bool
            False where one of the two has no axes.

        Examples
        --------
        >>> stdyn.Inputs.from_covariance([[2, 1], [1, 2]]).contradicts(stdyn.Inputs.from_covariance([[2, -1], [-1, 2]]))
        True
        """
        mine, theirs = self.axes, other.axes
        return self == other and mine is not None and theirs is not None and not np.array_equal(mine, theirs)

    def _made(self, table: Mapping[str, Any]) -> Inputs:
        self._set(_table=dict(table))
        return self

    @property
    def groups(self) -> int:
        """L, the number of groups."""
        return len(self.variances)

    @property
    def is_isotropic(self) -> bool:
        """Whether all directions have the variance 1, in one group."""
        return bool(self.groups == 1 and self.variances[0] == 1)

    @property
    def mean_variance(self) -> float:
        """The variance of a direction, on average: sum p omega."""
        return float(self.fractions @ self.variances)

    @property
    def shares(self) -> Array:
        """What each group has of an overlap of the fields, where vectors are spread evenly: (L,), p / sum p omega."""
        return self.fractions / self.mean_variance

    def summed(self, overlaps: Array) -> Array:
        """The covariances of the fields, sum omega times overlaps by group.

        Not by BLAS, nor in one instruction with the products: the same bits on every processor.

        Parameters
        ----------
        overlaps : ndarray, shape (…, L, P, P')
            Plain overlaps by group.

        Returns
        -------
        ndarray, shape (…, P, P')
            Of the fields.

        Examples
        --------
        >>> stdyn.Inputs.spectrum([3, 1], [0.5, 0.5]).summed(np.array([[[0.1]], [[0.2]]]))
        array([[0.5]])
        """
        total = self.variances[0] * overlaps[..., 0, :, :]
        for group in range(1, self.groups):
            total = total + self.variances[group] * overlaps[..., group, :, :]
        return np.asarray(total)

    @property
    def described(self) -> dict[str, Any]:
        """The table that `Inputs.of` makes equal ones from, of plain numbers; of axes it says nothing."""
        if self._table is not None:
            return dict(self._table)
        return {"kind": "spectrum", "variances": self.variances.tolist(), "fractions": self.fractions.tolist()}

    def __repr__(self) -> str:
        """One line."""
        return line(self)

    def _repr_html_(self) -> str:
        return html(self)

    def summary(self) -> str:
        """A few lines: the groups, and how many eigenvalues they stand for.

        Returns
        -------
        str
            For reading.
        """
        return summary(self)

    def directions(self, N: int) -> np.ndarray:
        """How many of N directions are in each group: p N, to whole numbers by largest remainders.

        Parameters
        ----------
        N : int
            Number of inputs.

        Returns
        -------
        ndarray of int, shape (L,)
            Their sum is N.

        Raises
        ------
        InputError
            If one is less than 1, or N is not the number of axes.
        """
        N = integer("N", N, 1)
        if self.axes is not None and len(self.axes) != N:
            raise InputError(f"N must be {len(self.axes)}, the number of axes of these inputs, but is {N}")
        return whole_numbers(self.fractions, N)

    def scales(self, N: int) -> Array:
        """The standard deviation of each direction, in the order of the groups.

        Parameters
        ----------
        N : int
            Number of inputs.

        Returns
        -------
        ndarray, shape (N,)
            The roots of the variances.

        Raises
        ------
        InputError
            As of `directions`.
        """
        return np.repeat(np.sqrt(self.variances), self.directions(N))

    def rotated(self, X: ArrayLike) -> Array:
        """Vectors of the input space along the directions in the order of the groups: X axes^T.

        Parameters
        ----------
        X : array_like, shape (…, N)
            Vectors in input space.

        Returns
        -------
        ndarray, shape (…, N)
            The same vectors; without axes X itself.

        Raises
        ------
        InputError
            If X has not as many columns as there are axes, or the axes were lost in a file.

        Examples
        --------
        >>> inputs = stdyn.Inputs.from_covariance([[2, 1], [1, 2]])
        >>> there = inputs.rotated([[1.0, 1.0]])
        >>> np.abs(there).round(3) + 0.0
        array([[1.414, 0.   ]])
        >>> inputs.unrotated(there).round(3)
        array([[1., 1.]])
        """
        return self._turned(X, None if self.axes is None else self.axes.T)

    def unrotated(self, X: ArrayLike) -> Array:
        """Vectors along the directions in the order of the groups, in input space: X axes.

        Parameters
        ----------
        X : array_like, shape (…, N)
            Vectors along the directions.

        Returns
        -------
        ndarray, shape (…, N)
            The same vectors; without axes X itself.

        Raises
        ------
        InputError
            If X has not as many columns as there are axes, or the axes were lost in a file.

        Examples
        --------
        >>> inputs = stdyn.Inputs.from_covariance([[2, 1], [1, 2]])
        >>> inputs.unrotated(inputs.rotated([[1.0, 2.0]])).round(3)
        array([[1., 2.]])
        """
        return self._turned(X, self.axes)

    def _turned(self, X: ArrayLike, axes: Array | None) -> Array:
        X = as_floats("X", X)
        if self._lost:
            raise InputError(
                "inputs must have their axes, which are in no file: give them again, Problem(start, inputs=…) or"
                " dataclasses.replace(problem, inputs=…)"
            )
        if axes is None:
            return X
        if X.ndim == 0 or X.shape[-1] != len(axes):
            raise InputError(f"X must have shape (…, N) with N = {len(axes)}, but has shape {X.shape}")
        return X @ axes

    def overlaps(self, A: ArrayLike, B: ArrayLike) -> Array:
        """Plain overlaps by group of vectors of the input space.

        Their sum over groups is A B^T, and that of omega times them A Omega B^T.

        Parameters
        ----------
        A : array_like, shape (P, N)
            Vectors.
        B : array_like, shape (P', N)
            Vectors.

        Returns
        -------
        ndarray, shape (L, P, P')
            Those within each group.

        Raises
        ------
        InputError
            If the two have different N, or one that is not that of the inputs.

        Examples
        --------
        >>> stdyn.Inputs.spectrum([3, 1], [0.5, 0.5]).overlaps([[1.0, 2.0]], [[1.0, 1.0]]).ravel()
        array([1., 2.])
        """
        A, B = (frozen_array(name, value, (2,)) for name, value in (("A", A), ("B", B)))
        if A.shape[1] != B.shape[1]:
            raise InputError(f"B must have shape (P', N) with N = {A.shape[1]} of A, but has shape {B.shape}")
        ends = np.cumsum(self.directions(A.shape[1]))
        A, B = self.rotated(A), self.rotated(B)
        parts = (slice(*pair) for pair in zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True))
        return np.array([A[:, part] @ B[:, part].T for part in parts])

    def merged(self) -> Inputs:
        """Those with every two neighbouring groups in one, of their mean variance; an odd one stays.

        What a result changes by that is the error of binning, or more than it.

        Returns
        -------
        Inputs
            Of half as many groups.

        Examples
        --------
        >>> stdyn.Inputs.spectrum([3, 1, 0.5], [0.25, 0.25, 0.5]).merged()
        Inputs of 2 groups: variances 2, 0.5 of fractions 0.5, 0.5
        """
        begins = np.arange(0, self.groups, 2)
        fractions = np.add.reduceat(self.fractions, begins)
        first = self.variances[begins]
        beyond = self.fractions * (self.variances - np.repeat(first, 2)[: self.groups])  # zero of equal ones
        found = replace(self, variances=first + np.add.reduceat(beyond, begins) / fractions, fractions=fractions)
        found._set(_lost=self._lost)
        return found
