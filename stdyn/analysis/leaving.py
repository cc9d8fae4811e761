"""Plateaus, and the law of when they are left, as values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stdyn import html, showing
from stdyn.checks import Array, number
from stdyn.drawing import Axes, draw
from stdyn.model import cards
from stdyn.text import columns
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.values import Frozen

_SIZES = (10**3, 10**4, 10**5, 10**6)  # of inputs, on a card


@dataclass(frozen=True, eq=False, repr=False)
class Plateau(Frozen):
    """A plateau of eps_g.

    Attributes
    ----------
    start, end : float
        alpha at which half of the fall before it and half of the fall after it is done (docs/scans.md); `end` is
        infinity if it is not left.
    at : float
        The alpha at which eps_g is flattest.
    height : float
        eps_g there.
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

    See Also
    --------
    plateaus : Finds them.

    Examples
    --------
    >>> near = stdyn.initial.prepared(2, 2, q=0.2, r=0.001, v=[1, 1])
    >>> slow = stdyn.integrate(stdyn.Problem(near, eta=0.5, eta_v=0), np.linspace(0, 500, 501))
    >>> (plateau,) = stdyn.plateaus(slow)
    >>> plateau
    <Plateau eps_g = 0.014769 from alpha = 4.804 to 232.5, saddle of eps_g = 0.014645>
    >>> bool(abs(plateau.predicted_end / plateau.end - 1) < 0.1)
    True
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

    def __repr__(self) -> str:
        return showing.line(self, _line_of_plateau)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card_of_plateau)


@dataclass(frozen=True, eq=False, repr=False)
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

    See Also
    --------
    escape_times : Finds it.

    Examples
    --------
    >>> later = times.at(10**6) - times.at(10**4)  # in which noise grows a hundredfold less
    >>> np.allclose(later, np.log(100) / (2 * times.rate))
    True
    >>> print(times.report("bp", {1000: times.at(1000)}))  # instead of what was seen
    bp     N  runs    5 %  median   95 %  predicted: 5 %  median   95 %
        1000    20  ...
    """

    saddle: FixedPoint
    level: float
    rate: float
    offsets: Array

    def at(self, N: float) -> Array:
        """A sample of the alpha at which a run of N inputs leaves.

        Parameters
        ----------
        N : float
            At least 1.

        Returns
        -------
        ndarray, shape (draws,)
            The alphas, in the order of `offsets`.
        """
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
        >>> ax = times.plot(N=1000)
        """
        return draw("escape_times", self, None, ax, N=N, **kwargs)

    def report(self, rule: str, seen: dict[int, Array]) -> str:
        """Quantiles of the alpha at which runs leave, as predicted and as seen, as a table.

        Parameters
        ----------
        rule : str
            The heading of the first column.
        seen : dict of int to ndarray
            The alphas at which runs were seen to leave, by N.

        Returns
        -------
        str
            A line for every N.
        """
        rows: list[tuple[str, ...]] = [(rule, "N", "runs", "5 %", "median", "95 %", "predicted: 5 %", "median", "95 %")]
        for N, alphas in sorted(seen.items()):
            quantiles = [f"{value:.4g}" for sample in (alphas, self.at(N)) for value in _quantiles(sample)]
            rows.append(("", str(N), str(len(alphas)), *quantiles))
        return columns(rows)

    def __repr__(self) -> str:
        return showing.line(self, _line_of_times)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card_of_times)


def _line_of_plateau(plateau: Plateau) -> str:
    """In one line: from where to where, how high, and on what it hangs."""
    until = f"to {plateau.end:.4g}" if np.isfinite(plateau.end) else "on, not left"
    hangs = "no saddle" if plateau.saddle is None else f"saddle of eps_g = {plateau.saddle.eps_g:.5g}"
    return f"eps_g = {plateau.height:.5g} from alpha = {plateau.start:.4g} {until}, {hangs}"


def _card_of_plateau(plateau: Plateau) -> str:
    """For a notebook: the same, and what the saddle implies."""
    lines = {
        "alpha": f"from {plateau.start:.4g} to {plateau.end:.4g}, flattest at {plateau.at:.4g}",
        "ε_g": f"{plateau.height:.5g}; it ends below {plateau.level:.5g}",
        "saddle": "none found",
    }
    if plateau.saddle is not None:
        lines["saddle"] = str(plateau.saddle)
        lines["how near"] = f"{plateau.distance:.2g}"
        lines["implied end"] = f"alpha = {plateau.predicted_end:.4g}"
    return html.card("Plateau", cards.table_of(lines))


def _line_of_times(times: EscapeTimes) -> str:
    """In one line: quantiles at the N of the problem, and how they grow with it."""
    N = times.saddle.problem.N
    low, middle, high = _quantiles(times.at(N))
    return (
        f"at N = {N} runs leave eps_g = {times.saddle.eps_g:.5g} at alpha = {middle:.4g} (5 – 95 %: {low:.4g} –"
        f" {high:.4g}), later by ln N / {2 * times.rate:.4g}; {len(times.offsets)} draws"
    )


def _quantiles(alphas: Array) -> list[float]:
    """5 %, median and 95 %."""
    found: list[float] = np.percentile(alphas, [5, 50, 95]).tolist()
    return found


def _card_of_times(times: EscapeTimes) -> str:
    """For a notebook: quantiles at some N, and the law as a curve."""
    N = times.saddle.problem.N
    rows: list[tuple[str, ...]] = [("N", "5 %", "median", "95 %")]
    for each in sorted({N, *_SIZES}):
        rows.append((str(each), *(f"{value:.4g}" for value in _quantiles(times.at(each)))))
    shares = np.linspace(0, 100, min(html.POINTS, len(times.offsets)))
    curve = html.sparkline(
        np.percentile(times.at(N), shares).tolist(),
        [shares.tolist()],
        f"share of runs that have left against alpha, N = {N}",
        logarithmic=False,
    )
    lines = {"left below": f"ε_g = {times.level:.5g}", "escape rate": f"{times.rate:.4g}", "saddle": str(times.saddle)}
    title = f"EscapeTimes, {len(times.offsets)} draws of the alpha at which runs leave"
    return html.card(title, html.table(rows), curve, cards.table_of(lines))
