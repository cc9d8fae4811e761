"""How inputs are made: of a law, of a covariance, of data, of a hidden manifold, of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, RngLike, integer, number
from stdyn.errors import InputError
from stdyn.model.activations import Activation, find
from stdyn.model.binning import means, power_law, sizes_of_groups
from stdyn.model.covariance import eigenspaces, of_data, of_matrix, positive
from stdyn.model.inputtext import arguments
from stdyn.model.manifold import HiddenManifold, features_of

_MOST = 2**24  # directions
GROUPS = 16  # unless said otherwise; fewer, where there are fewer directions


class Making:
    """The named constructors of Inputs, whose fields the class has that is made."""

    if TYPE_CHECKING:
        groups: Any

        def __init__(
            self, variances: ArrayLike, fractions: ArrayLike, axes: ArrayLike | None = None,
            eigenvalues: ArrayLike | None = None, manifold: HiddenManifold | None = None,
        ) -> None: ...  # fmt: skip

        def _made(self, table: Mapping[str, Any]) -> Self: ...

    @classmethod
    def isotropic(cls) -> Self:
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
    def spectrum(cls, variances: ArrayLike, fractions: ArrayLike) -> Self:
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
    def power_law(cls, exponent: float, N: int, groups: int | None = 16, bins: str = "number") -> Self:
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
    def spiked(cls, spikes: ArrayLike, N: int, variance: float = 1.0) -> Self:
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
    def from_eigenvalues(cls, eigenvalues: ArrayLike, groups: int | None = None, bins: str = "number") -> Self:
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
    def from_covariance(cls, Omega: ArrayLike, groups: int | None = None, bins: str = "number") -> Self:
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
    def from_data(cls, X: ArrayLike, groups: int | None = 16, bins: str = "number") -> Self:
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
    ) -> Self:
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
    def of(cls, table: Mapping[str, Any], N: int | None = None, rng: RngLike | None = None) -> Self:
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
        make: Callable[..., Self] = getattr(cls, kind)
        return make(**given)

    @classmethod
    def _of_covariance(cls, Omega: Array, words: str, groups: int | None, bins: str) -> Self:
        eigenvalues, axes, rounding = eigenspaces(Omega, words)
        return cls._binned(eigenvalues, groups, bins, axes, rounding)

    @classmethod
    def _binned(
        cls, eigenvalues: Array, groups: int | None, bins: str, axes: Array | None = None, rounding: float = 0.0,
        manifold: HiddenManifold | None = None,
    ) -> Self:  # fmt: skip
        """Of eigenvalues that decrease; those that differ by no more than rounding are one."""
        groups = min(GROUPS, len(eigenvalues)) if groups == GROUPS else groups
        sizes = sizes_of_groups(eigenvalues, groups, bins, rounding)
        return cls(means(eigenvalues, sizes), sizes / len(eigenvalues), axes, eigenvalues, manifold)
