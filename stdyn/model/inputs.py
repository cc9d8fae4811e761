"""Inputs with a spectrum: the eigenspaces of their covariance, and how data and the input space stand to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, RngLike, as_floats, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.model.activations import Activation, find
from stdyn.model.binning import check_whole, means, power_law, sizes_of_groups, whole_numbers
from stdyn.model.covariance import eigenspaces, of_data, of_matrix, orthonormal, positive
from stdyn.model.inputtext import arguments, html, line, summary
from stdyn.model.manifold import HiddenManifold, features_of
from stdyn.values import Frozen

_MOST = 2**24  # directions
GROUPS = 16  # unless said otherwise; fewer, where there are fewer directions


@dataclass(frozen=True, eq=False, repr=False)
class Inputs(Frozen):
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

    @classmethod
    def isotropic(cls) -> "Inputs":
        """All directions alike, of variance 1: one group.

        Returns
        -------
        Inputs
            Those of a problem of which nothing is said.

        Examples
        --------
        >>> stdyn.Inputs.isotropic().is_isotropic
        True
        """
        return cls([1.0], [1.0])._made({"kind": "isotropic"})

    @classmethod
    def spectrum(cls, variances: ArrayLike, fractions: ArrayLike) -> "Inputs":
        """Groups of these variances and fractions, as in the class.

        Parameters
        ----------
        variances : array_like, shape (L,)
            The variance of a direction of each group.
        fractions : array_like, shape (L,)
            The part of the directions that are in each group.

        Returns
        -------
        Inputs
            Along the coordinates of the input space.

        Raises
        ------
        InputError
            If a variance is not positive, or fractions are not positive or do not sum to 1.

        Examples
        --------
        >>> stdyn.Inputs.spectrum([2, 0.5], [0.5, 0.5]).mean_variance
        1.25
        """
        return cls(variances, fractions)

    @classmethod
    def power_law(cls, exponent: float, N: int, groups: int | None = 16, bins: str = "number") -> "Inputs":
        """Variances omega_j proportional to j^-exponent, j = 1 … N, of mean 1, divided in groups.

        Parameters
        ----------
        exponent : float
            From 0, which is isotropic, to 100.
        N : int
            Number of directions.
        groups : int, default 16
            At most N; None is a group for every different eigenvalue.
        bins : {"number", "variance", "log"}
            What the groups have equal shares of, as of `from_eigenvalues`.

        Returns
        -------
        Inputs
            Of variances that decrease.

        Raises
        ------
        InputError
            If an argument is not as said, or the smallest variance is below 1e-100.

        Examples
        --------
        >>> stdyn.Inputs.power_law(exponent=1, N=1000, groups=4)
        Inputs of 4 groups: variances 3.26, 0.37, 0.216, 0.154 of fractions 0.25, 0.25, 0.25, 0.25, of 1000 eigenvalues
        """
        exponent = number("exponent", exponent, 0, 100)
        N = integer("N", N, 1, _MOST)
        made = cls._binned(power_law(exponent, N), groups, bins)
        table = {"kind": "power_law", "exponent": exponent, "N": N, "groups": made.groups, "bins": str(bins)}
        return made._made(table)

    @classmethod
    def spiked(cls, spikes: ArrayLike, N: int, variance: float = 1.0) -> "Inputs":
        """Single directions of given variances; the other ones are alike.

        Parameters
        ----------
        spikes : array_like, shape (S,)
            The variance of each single direction, a group of its own; S is at most N.
        N : int
            Number of directions.
        variance : float, default 1
            Of the other N - S, the last group.

        Returns
        -------
        Inputs
            Of S + 1 groups, or of S if S = N.

        Raises
        ------
        InputError
            If a variance is not positive, or there are more spikes than directions.

        Examples
        --------
        >>> stdyn.Inputs.spiked([20, 5], N=100)
        Inputs of 3 groups: variances 20, 5, 1 of fractions 0.01, 0.01, 0.98
        """
        spikes = positive("spikes", spikes)
        N = integer("N", N, 1, _MOST)
        variance = float(positive("variance", [number("variance", variance)])[0])
        S = len(spikes)
        if S > N:
            raise InputError(f"spikes must be at most N = {N}, one a direction, but are {S}")
        single = np.full(S, 1 / N)
        variances, fractions = (
            (spikes, single) if S == N else (np.append(spikes, variance), np.append(single, 1 - S / N))
        )
        return cls(variances, fractions)._made(
            {"kind": "spiked", "spikes": spikes.tolist(), "N": N, "variance": variance}
        )

    @classmethod
    def from_eigenvalues(cls, eigenvalues: ArrayLike, groups: int | None = None, bins: str = "number") -> "Inputs":
        """Of the eigenvalues of a covariance, in any order; the groups' variances decrease.

        Parameters
        ----------
        eigenvalues : array_like, shape (N,)
            Positive.
        groups : int, optional
            At most N; a group for every different eigenvalue unless given.
        bins : {"number", "variance", "log"}
            What the groups have equal shares of: the number of directions, the total variance, or the range of the
            logarithm of the variances. Equal eigenvalues stay together.

        Returns
        -------
        Inputs
            Which know the eigenvalues.

        Raises
        ------
        InputError
            If an eigenvalue is not positive, or there are more groups than eigenvalues.

        Examples
        --------
        >>> stdyn.Inputs.from_eigenvalues([1, 4, 1, 2])
        Inputs of 3 groups: variances 4, 2, 1 of fractions 0.25, 0.25, 0.5, of 4 eigenvalues
        """
        return cls._binned(np.sort(positive("eigenvalues", eigenvalues))[::-1], groups, bins)

    @classmethod
    def from_covariance(cls, Omega: ArrayLike, groups: int | None = None, bins: str = "number") -> "Inputs":
        """Of a covariance: the axes are its eigenvectors, those of the largest eigenvalues first.

        Parameters
        ----------
        Omega : array_like, shape (N, N)
            Symmetric and positive definite.
        groups : int, optional
            At most N; a group for every different eigenvalue unless given.
        bins : {"number", "variance", "log"}
            What the groups have equal shares of, as of `from_eigenvalues`.

        Returns
        -------
        Inputs
            Along axes of their own.

        Raises
        ------
        InputError
            If Omega is not finite, square, symmetric and positive definite, or there are more groups than directions.

        Examples
        --------
        >>> stdyn.Inputs.from_covariance([[2, 1], [1, 2]])
        Inputs of 2 groups: variances 3, 1 of fractions 0.5, 0.5, along axes of their own
        """
        return cls._of_covariance(*of_matrix("Omega", Omega), groups, bins)

    @classmethod
    def from_data(cls, X: ArrayLike, groups: int | None = 16, bins: str = "number") -> "Inputs":
        """Of the covariance of data, Omega = X^T X / P after the mean of the rows is subtracted.

        Parameters
        ----------
        X : array_like, shape (P, N)
            An example a row. It is not scaled: divide it by the root of its mean variance for a mean variance of 1.
        groups : int, default 16
            At most N; None is a group for every different eigenvalue.
        bins : {"number", "variance", "log"}
            What the groups have equal shares of, as of `from_eigenvalues`.

        Returns
        -------
        Inputs
            Along axes of their own.

        Raises
        ------
        InputError
            If X has no two axes, has columns with NaN or infinity, or which are constant, or if its rank is below N:
            then there are directions in which no input varies.

        Examples
        --------
        >>> X = np.random.default_rng(1).normal(size=(1000, 20))
        >>> stdyn.Inputs.from_data(X, groups=2).directions(20)
        array([10, 10])
        """
        return cls._of_covariance(*of_data(X), groups, bins)

    @classmethod
    def hidden_manifold(
        cls,
        f: str | Activation,
        latent: int,
        N: int,
        groups: int | None = 16,
        bins: str = "number",
        *,
        rng: RngLike | None = None,
        features: ArrayLike | None = None,
    ) -> "Inputs":
        """The Gaussian equivalent of inputs f(F c), c ~ N(0, 1) of `latent` dimensions, on which the teacher acts.

        Parameters
        ----------
        f : str or Activation
            The function, as of activations. Its mean is subtracted.
        latent : int
            The dimensions D of c.
        N : int
            Number of inputs.
        groups : int, default 16
            At most N; None is a group for every different eigenvalue. The N - D directions beyond F are one.
        bins : {"number", "variance", "log"}
            What the groups have equal shares of, as of `from_eigenvalues`.
        rng : int or numpy.random.Generator, optional
            Needed unless `features` are given: rows of F are drawn uniformly from the unit sphere.
        features : array_like, shape (N, D), optional
            The matrix F, with rows of unit norm.

        Returns
        -------
        Inputs
            `manifold` has F, the moments of f, the `teacher` in input space and true `examples`.

        Raises
        ------
        InputError
            If an argument is not as said, or Omega is singular: f is constant, or linear with D < N.

        Notes
        -----
        Goldt, Mezard, Krzakala & Zdeborova, PRX 10, 041044 (2020): Omega = (c2 - b^2) 1 + b^2 F F^T.

        Examples
        --------
        >>> stdyn.Inputs.hidden_manifold("erf", latent=20, N=60, groups=5, rng=np.random.default_rng(1)).directions(60)
        array([ 5,  5,  5,  5, 40])
        """
        manifold = HiddenManifold.of(find(f, "f"), features_of(latent, N, rng, features))
        eigenvalues, axes, rounding = manifold.spectrum()
        return cls._binned(eigenvalues, groups, bins, axes, rounding, manifold)

    @classmethod
    def of(cls, table: Mapping[str, Any], N: int | None = None, rng: RngLike | None = None) -> "Inputs":
        """That of a table {kind, …} of a TOML file or a dict.

        Parameters
        ----------
        table : mapping
            Its kind is "isotropic", "spectrum", "power_law", "spiked" or "hidden_manifold"; the other keys are the
            arguments of the constructor of that name.
        N : int, optional
            Of a table that has no N.
        rng : int or numpy.random.Generator, optional
            Needed by a hidden manifold.

        Returns
        -------
        Inputs
            What that constructor makes.

        Raises
        ------
        InputError
            If the kind is none of these, a key is unknown or missing, or a value is not as the constructor says.

        Examples
        --------
        >>> stdyn.Inputs.of({"kind": "power_law", "exponent": 1, "groups": 2}, N=10).groups
        2
        """
        kind, given = arguments(table, N)
        if kind == "hidden_manifold":
            given["rng"] = rng
        make: Callable[..., Inputs] = getattr(cls, kind)
        return make(**given)

    @classmethod
    def _of_covariance(cls, Omega: Array, words: str, groups: int | None, bins: str) -> "Inputs":
        eigenvalues, axes, rounding = eigenspaces(Omega, words)
        return cls._binned(eigenvalues, groups, bins, axes, rounding)

    @classmethod
    def _binned(
        cls, eigenvalues: Array, groups: int | None, bins: str, axes: Array | None = None, rounding: float = 0.0,
        manifold: HiddenManifold | None = None,
    ) -> "Inputs":  # fmt: skip
        """Of eigenvalues that decrease; those that differ by no more than rounding are one."""
        groups = min(GROUPS, len(eigenvalues)) if groups == GROUPS else groups
        sizes = sizes_of_groups(eigenvalues, groups, bins, rounding)
        return cls(means(eigenvalues, sizes), sizes / len(eigenvalues), axes, eigenvalues, manifold)

    @property
    def turned(self) -> bool:
        """Whether there are axes of their own, known or lost: a file says so, but does not hold them.

        Else the directions are the coordinates of the input space, the first of them the first group.
        """
        return self.axes is not None or self._lost

    def without_axes(self) -> "Inputs":
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

    def contradicts(self, other: "Inputs") -> bool:
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

    def _made(self, table: Mapping[str, Any]) -> "Inputs":
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

    def merged(self) -> "Inputs":
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
