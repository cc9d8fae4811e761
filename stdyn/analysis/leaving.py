"""Plateaus, and the law of when they are left, as values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stdyn.checks import Array, number
from stdyn.drawing import Axes, draw
from stdyn.text import columns
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.values import Frozen


@dataclass(frozen=True, eq=False)
class Plateau(Frozen):
    """A plateau of eps_g.

    Attributes
    ----------
    start, end : float
        alpha at which half of the fall before it and half of the fall after it is done (docs/scans.md); `end` is
        infinity if it is not left.
    height : float
        eps_g at the flattest alpha, `at`.
    level : float
        eps_g at which it ends: half the height, or more if the fall that follows is smaller.
    saddle : FixedPoint or None
        The saddle that the trajectory comes nearest to while it is there, of those that are reached from alphas of the
        plateau by root finding, have its height within a factor of 1.25, and are within a distance of 1; None if there
        is none. A plateau need not hang on a saddle: a slow drift does as well.
    distance : float
        How near it comes, in the Euclidean norm of (R, Q_across, v); NaN without a saddle.
    predicted_end : float
        The end that the saddle implies: from where the trajectory is nearest, its displacement along the unstable
        directions grows by their eigenvalues until it is large, from there on by the ODEs. NaN without a saddle.
    """

    start: float
    at: float
    end: float
    height: float
    level: float
    saddle: FixedPoint | None
    distance: float
    predicted_end: float

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw it as a wide line at its height, from its start to its end, as on the axes of `Trajectory.plot`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        **kwargs
            What matplotlib's `Axes.plot` takes for the line.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Examples
        --------
        >>> long = stdyn.integrate(problem, np.linspace(0, 300, 301))
        >>> ax = long.plot()
        >>> for plateau in stdyn.plateaus(long):
        ...     ax = plateau.plot(ax, color="C1")
        """
        return draw("plateau", self, None, ax, **kwargs)


@dataclass(frozen=True, eq=False)
class EscapeTimes(Frozen):
    """When runs leave the plateau that a symmetric start ends on, for every large N.

    Attributes
    ----------
    saddle : FixedPoint
        On which the ODEs end and stay.
    level : float
        A run has left when its eps_g falls below this: half of the saddle's.
    rate : float
        The saddle's escape rate, lambda.
    offsets : ndarray, shape (draws,)
        A sample of alpha_esc - log(N) / (2 lambda), whose law does not depend on N.
    """

    saddle: FixedPoint
    level: float
    rate: float
    offsets: Array

    def at(self, N: float) -> Array:
        """A sample of the alpha at which a run of N inputs leaves, shape (draws,)."""
        return self.offsets + np.log(number("N", N, 1)) / (2 * self.rate)

    def plot(self, ax: Axes | None = None, *, N: float | None = None, **kwargs: Any) -> Axes:
        """Draw the share of runs that have left against alpha.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        N : float, optional
            Of how many inputs the runs are; alpha - ln(N) / (2 rate), whose law is that of all, unless given.
        **kwargs
            What matplotlib's `Axes.plot` takes for the line.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If N is less than 1.

        Examples
        --------
        >>> symmetric = stdyn.Problem(stdyn.initial.prepared(2, 2, q=0.2, r=0.0), eta=1.5, eta_v=0.0)
        >>> ax = stdyn.escape_times(symmetric, draws=20, rng=1).plot(N=1000)
        """
        return draw("escape_times", self, None, ax, N=N, **kwargs)

    def report(self, rule: str, seen: dict[int, Array]) -> str:
        """Quantiles of the alpha at which runs leave, as predicted and as `seen` at each N, as a table."""
        rows: list[tuple[str, ...]] = [(rule, "N", "runs", "5 %", "median", "95 %", "predicted: 5 %", "median", "95 %")]
        for N, alphas in sorted(seen.items()):
            quantiles = [
                f"{value:.4g}" for sample in (alphas, self.at(N)) for value in np.percentile(sample, [5, 50, 95])
            ]
            rows.append(("", str(N), str(len(alphas)), *quantiles))
        return columns(rows)
