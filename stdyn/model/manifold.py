"""The hidden manifold: inputs f(F c) of a latent c that the teacher sees, and their Gaussian equivalents."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, RngLike, check_memory, check_rng, check_type, frozen_array, integer
from stdyn.errors import InputError
from stdyn.model.activations import Activation
from stdyn.values import Frozen

_FURTHEST = 16.0  # beyond which the Gaussian density is below 1e-56
_NODES, _PANELS = 24, 64  # of the first rule; then twice as many panels, until two rules agree
_DOUBLINGS = 8
_AGREE = 1e-13


@dataclass(frozen=True, eq=False)
class HiddenManifold(Frozen):
    """Inputs xi = f(F c) - a with c ~ N(0, 1) of D latent dimensions, on which the teacher acts.

    Made by `Inputs.hidden_manifold`.

    Attributes
    ----------
    f : Activation
        Of which g is meant.
    features : ndarray, shape (N, D)
        The matrix F, whose rows have unit norm.
    a, b, c2 : float
        The moments <f>, <z f(z)> and <(f - a)^2> over z ~ N(0, 1).

    See Also
    --------
    stdyn.Inputs.hidden_manifold

    Notes
    -----
    Goldt, Mezard, Krzakala & Zdeborova, PRX 10, 041044 (2020). To leading order in N and D the inputs act as Gaussian
    ones of covariance Omega = (c2 - b^2) 1 + b^2 F F^T, whose covariance with the teacher's fields is Phi = b F theta^T
    (Gaussian equivalence). What of those fields the inputs do not tell is T_hidden.

    Examples
    --------
    >>> inputs = stdyn.Inputs.hidden_manifold("erf", latent=20, N=60, rng=1)
    >>> inputs.manifold
    HiddenManifold of f = erf, 60 inputs of 20 latent dimensions
    >>> X, c = inputs.manifold.examples(5, rng=2)
    >>> X.shape, c.shape
    ((5, 60), (5, 20))
    >>> eigenvalues, axes, _ = inputs.manifold.spectrum()
    >>> eigenvalues.shape, axes.shape
    ((60,), (60, 60))
    >>> inputs.manifold.of(inputs.manifold.f, inputs.manifold.features) == inputs.manifold
    False
    """

    f: Activation
    features: Array
    a: float
    b: float
    c2: float

    if TYPE_CHECKING:

        def __init__(self, f: Activation, features: ArrayLike, a: float, b: float, c2: float) -> None: ...

    @classmethod
    def of(cls, f: Activation, features: ArrayLike) -> HiddenManifold:
        """That of a function and features.

        Parameters
        ----------
        f : Activation
            Of which g is meant.
        features : array_like, shape (N, D)
            The matrix F, with rows of unit norm.

        Returns
        -------
        HiddenManifold
            With the moments of f, to 1e-12.

        Raises
        ------
        InputError
            If a row has not unit norm, or f no Gaussian moments.
        """
        F = frozen_array("features", features, (2,))
        lengths = np.linalg.norm(F, axis=1)
        wrong = np.flatnonzero(np.abs(lengths - 1) > 1e-6)
        if wrong.size:
            raise InputError(
                f"features must have rows of unit norm, but features[{wrong[0]}] has norm {lengths[wrong[0]]:.6g}"
                " (features / np.linalg.norm(features, axis=1, keepdims=True) have)"
            )
        return cls(f, F / lengths[:, None], *moments(f))

    @property
    def latent(self) -> int:
        """D, the number of latent dimensions."""
        return self.features.shape[1]

    @property
    def noise(self) -> float:
        """c2 - b^2, the variance of what in f(z) is not linear in z."""
        rest = self.c2 - self.b**2
        return rest if rest > 1e-11 * self.c2 else 0.0

    def __repr__(self) -> str:
        N, D = self.features.shape
        return f"HiddenManifold of f = {self.f}, {N} inputs of {D} latent dimensions"

    def spectrum(self) -> tuple[Array, Array, float]:
        """The spectrum of Omega.

        Returns
        -------
        eigenvalues : ndarray, shape (N,)
            They decrease.
        axes : ndarray, shape (N, N)
            The eigenvectors, its rows.
        rounding : float
            By how much equal eigenvalues may differ.

        Raises
        ------
        InputError
            If Omega is singular.
        """
        N, D = self.features.shape
        if self.c2 <= 1e-20 * self.a**2:
            raise InputError(f"f must not be constant, but {self.f} is")
        check_memory("N", 8.0 * 3 * N * N)
        vectors, values, _ = np.linalg.svd(self.features)  # not of Omega: those orthogonal to F are equal to the bit
        eigenvalues = self.noise + self.b**2 * np.append(values**2, np.zeros(max(N - D, 0)))
        rounding = N * float(np.finfo(float).eps) * float(eigenvalues[0])
        if eigenvalues[-1] <= rounding:
            raise InputError(
                f"f must not be linear where features have a rank below N (latent = {D}, N = {N}), but is {self.f}:"
                " there are directions in which no input varies"
            )
        return eigenvalues, vectors.T, rounding

    def teacher(self, theta: ArrayLike, inputs: Any) -> tuple[Array, Array]:
        """The teacher in input space, of vectors in the latent one.

        Parameters
        ----------
        theta : array_like, shape (M, D)
            Vectors of norm O(1): the teacher's fields are theta c.
        inputs : Inputs
            Those that this manifold belongs to, with or without merged groups.

        Returns
        -------
        W_teacher : ndarray, shape (M, N)
            Phi^T Omega^-1, the best linear estimate of the fields from an input. Where a group has several eigenvalues
            lambda, the component along each is scaled by the root of lambda / omega, so that the fields of inputs of
            variance omega have the covariance that those of the true inputs have.
        T_hidden : ndarray, shape (M, M)
            theta theta^T - Phi^T Omega^-1 Phi, the covariance of what that estimate leaves; of the true eigenvalues,
            however they are divided in groups.

        Raises
        ------
        InputError
            If shapes disagree, or inputs are of another manifold.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> inputs = stdyn.Inputs.hidden_manifold("erf", latent=30, N=90, rng=rng)
        >>> W_teacher, T_hidden = inputs.manifold.teacher(rng.normal(size=(2, 30)) / 30**0.5, inputs)
        >>> W_teacher.shape, T_hidden.shape
        ((2, 90), (2, 2))
        """
        theta = frozen_array("theta", theta, (2,))
        N, D = self.features.shape
        if theta.shape[1] != D:
            raise InputError(f"theta must have shape (M, D) with D = {D}, but has shape {theta.shape}")
        if getattr(inputs, "manifold", None) != self:
            raise InputError("inputs must be those of this manifold, but are others")
        Phi = inputs.rotated(self.b * theta @ self.features.T)  # (M, N), in the order of the groups
        scales, own = inputs.scales(N), np.sqrt(inputs.eigenvalues)
        told = Phi / own  # fields of unit variance
        T_hidden = theta @ theta.T - told @ told.T
        lowest = np.linalg.eigvalsh(T_hidden)[0]
        if lowest < 0:  # rounding
            T_hidden -= lowest * np.eye(len(theta))
        return inputs.unrotated(told / scales), (T_hidden + T_hidden.T) / 2

    def examples(self, count: int, rng: RngLike) -> tuple[Array, Array]:
        """So many examples, drawn anew.

        Parameters
        ----------
        count : int
            How many, at least 1.
        rng : int or numpy.random.Generator
            A seed, or a generator, which is advanced.

        Returns
        -------
        X : ndarray, shape (count, N)
            The inputs f(F c) - a.
        c : ndarray, shape (count, D)
            Their latent vectors; the teacher's fields are c @ theta.T.

        Raises
        ------
        InputError
            If count is not an integer of at least 1, or rng neither a seed nor a generator.
        """
        count = integer("count", count, 1)
        rng = check_rng(rng)
        N, D = self.features.shape
        check_memory("count", 8.0 * count * (4 * N + D))
        c = rng.standard_normal((count, D))
        return self.f(c @ self.features.T)[0] - self.a, c


def features_of(latent: int, N: int, rng: RngLike | None, features: ArrayLike | None) -> Array:
    """F (N, latent): those given, or drawn uniformly on the sphere."""
    D, N = integer("latent", latent, 1, 2**24), integer("N", N, 1, 2**24)
    if features is not None:
        F = frozen_array("features", features, (2,))
        if F.shape != (N, D):
            raise InputError(f"features must have shape (N, latent) = ({N}, {D}), but has shape {F.shape}")
        return F
    rng = check_rng(rng)
    check_memory("N and latent", 8.0 * N * (N + 2 * D))
    F = rng.standard_normal((N, D))
    return F / np.linalg.norm(F, axis=1, keepdims=True)


def moments(f: Activation) -> tuple[float, float, float]:
    """a = <f>, b = <z f> and c2 = <(f - a)^2> over z ~ N(0, 1), to 1e-12 of the root of c2.

    Gauss-Legendre rules on panels between the jumps and kinks of f, which are refined until they agree.
    """
    check_type("f", f, Activation)
    inner = [t.at for t in f.thresholds if abs(t.at) < _FURTHEST]
    edges = np.concatenate([[-_FURTHEST], inner, [_FURTHEST]])
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    found, panels = None, _PANELS
    for _ in range(_DOUBLINGS):
        each = [np.linspace(*pair, 2 + int(panels * (pair[1] - pair[0]) / 32)) for pair in pairwise(edges)]
        begins, ends = (np.concatenate([e[part] for e in each]) for part in (slice(-1), slice(1, None)))
        half = (ends - begins)[:, None] / 2
        z = (begins[:, None] + half + half * nodes).ravel()
        density = (half * weights).ravel() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        values = f(z)[0]
        with np.errstate(over="ignore", invalid="ignore"):
            a = density @ values
            now = np.array([a, density @ (z * values), density @ (values - a) ** 2])
        if not np.isfinite(now).all():
            break
        size = np.sqrt(now[2] + a**2)
        if found is not None and np.all(np.abs(now - found) <= _AGREE * np.array([size, size, now[2] + 1e-13 * a**2])):
            return float(now[0]), float(now[1]), float(now[2])
        found, panels = now, 2 * panels
    raise InputError(f"f must have Gaussian moments, but those of {f} are not finite or cannot be resolved")
