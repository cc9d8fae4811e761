"""A fixed point of the ODEs as a value: the state, and the linear dynamics around it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stdyn import html, showing
from stdyn.checks import Array, integer, number
from stdyn.drawing import Axes, draw
from stdyn.model import cards, problemtext
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.text import counted
from stdyn.values import Frozen

_SHOWN = 6  # eigenvalues on a card
ZERO = 1e-7  # an eigenvalue that is no more than this, relative to the largest, counts as zero


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoint(Frozen):
    """A root of the right-hand side of the ODEs, and the linear dynamics around it.

    Attributes
    ----------
    problem : Problem
        Whose ODEs; its `start` is of no account, but for a frozen second layer.
    state : OrderParameters
        The order parameters there.
    eps_g : float
        Generalization error.
    eigenvalues : ndarray of complex, shape (L,)
        Of the Jacobian, per unit of alpha, largest real part first. L counts the entries of R, the upper triangle of Q
        and, unless the second layer is frozen, v; on the sphere without the norms Q_ii, which stay.
    eigenvectors : ndarray of complex, shape (entries, L)
        In the columns, of length 1, in the order R row by row, upper triangle of Q row by row, v row by row; of inputs
        that are not isotropic R and Q are those of one group after the other.
    found : int
        From how many starts it, or an image of it under the symmetries of the problem, was reached.

    See Also
    --------
    fixed_points : Finds them.
    Flow.spectrum : Eigenvalues along a solution.

    Examples
    --------
    >>> committee = stdyn.Problem(stdyn.initial.prepared(2, 2, v=[1, 1]), eta=0.5, eta_v=0)
    >>> saddle = stdyn.fixed_points(committee, number_of_starts=10, rng=1)[1]
    >>> saddle
    <FixedPoint eps_g = 0.0146448, saddle (1 unstable), largest eigenvalue 0.03162: ...>
    >>> saddle.unstable, round(saddle.escape_rate, 4), round(saddle.escape_time(0.001))
    (1, 0.0316, 218)
    >>> saddle.moves(most=2)
    '+0.50 R_... -0.50 R_...'
    """

    problem: Problem
    state: OrderParameters
    eps_g: float
    eigenvalues: Array
    eigenvectors: Array
    found: int = 1

    @cached_property
    def _zero(self) -> float:
        return float(zero_of(self.eigenvalues)[0])

    @property
    def unstable(self) -> int:
        """The number of directions in which perturbations grow."""
        return int(np.sum(self.eigenvalues.real > self._zero))

    @property
    def zero_modes(self) -> int:
        """The number of directions in which, to first order, nothing happens: the point is one of a family.

        These are rates of at most 1e-7 of the largest: below eta = 0.001 also those of order eta^2 may be among them.
        """
        return int(np.sum(np.abs(self.eigenvalues.real) <= self._zero))

    @property
    def kind(self) -> str:
        """ "stable", "saddle" or, if perturbations neither grow nor all decay, "marginal"."""
        return "saddle" if self.unstable else "marginal" if self.zero_modes else "stable"

    @property
    def escape_rate(self) -> float:
        """The largest real part of an eigenvalue, per unit of alpha; negative if the point is stable."""
        return float(self.eigenvalues.real[0])

    def escape_time(self, distance: float, to: float = 1.0) -> float:
        """alpha in which a perturbation along the most unstable direction grows from one size to another.

        Parameters
        ----------
        distance : float
            Its size at first, positive.
        to : float, default 1
            Its size at the end, at least `distance`.

        Returns
        -------
        float
            Infinity if the point is not a saddle. Linear dynamics: right but for a constant of order 1 / escape_rate,
            which `plateaus` and `escape_times` get from the ODEs.
        """
        number("distance", distance, np.nextafter(0, 1))
        number("to", to, distance)
        return float(np.log(to / distance)) / self.escape_rate if self.unstable else np.inf

    def moves(self, direction: int = 0, most: int = 4) -> str:
        """What an eigenvector moves, in words.

        Parameters
        ----------
        direction : int, default 0
            The number of the eigenvector, whose eigenvalues have the largest real part first.
        most : int, default 4
            So many order parameters at most.

        Returns
        -------
        str
            Such as "+0.50 R_12 -0.50 R_11", largest first; units are numbered from 1.
        """
        most = integer("most", most, 1)
        vector = self.eigenvectors[:, integer("direction", direction, 0, len(self.eigenvalues) - 1)]
        vector = (vector / vector[np.abs(vector).argmax()]).real
        vector /= np.linalg.norm(vector)
        names = self.problem.state_layout.names
        order = np.argsort(-np.abs(vector), kind="stable")[:most]
        return " ".join(f"{vector[j]:+.2f} {names[j]}" for j in order if abs(vector[j]) > 0.05)

    def plot(self, what: str = "spectrum", ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw its eigenvalues in the complex plane, or the overlaps there.

        Parameters
        ----------
        what : str, default "spectrum"
            "spectrum"; or of the state "cosines", "R", "Q", "C" or "graph", as `OrderParameters.plot`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        **kwargs
            What matplotlib's `Axes.plot` takes for the points, or `Axes.imshow` for a map.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If `what` is none of these.

        Examples
        --------
        >>> committee = stdyn.Problem(stdyn.initial.prepared(2, 2, v=[1, 1]), eta=0.5, eta_v=0)
        >>> saddle = stdyn.fixed_points(committee, number_of_starts=10, rng=1)[1]
        >>> ax = saddle.plot()
        """
        return draw("fixed_point", self, what, ax, **kwargs)

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)


def zero_of(eigenvalues: np.ndarray) -> Array:
    """Up to which size each of some spectra, (..., L), counts as zero: (..., 1)."""
    found: Array = ZERO * np.abs(eigenvalues).max(axis=-1, initial=0, keepdims=True)
    return found


def _line(point: FixedPoint) -> str:
    """In one line: what it is, and along what it is left."""
    moving = f": {point.moves()}" if point.unstable else ""
    return f"eps_g = {point.eps_g:.6g}, {_kind(point)}, largest eigenvalue {point.escape_rate:.4g}{moving}"


def _kind(point: FixedPoint) -> str:
    directions = f" ({point.unstable} unstable)" if point.unstable else ""
    family = f", one of a family ({point.zero_modes} zero modes)" if point.zero_modes else ""
    return f"{point.kind}{directions}{family}"


def _card(point: FixedPoint) -> str:
    """For a notebook: numbers, the largest eigenvalues and the cosines of its vectors."""
    values = [
        f"{value.real:.4g}" + f" {value.imag:+.2g}i" * (value.imag != 0)
        for value in point.eigenvalues[:_SHOWN].tolist()
    ]
    more = len(point.eigenvalues) - len(values)
    lines = {
        "ε_g": f"{point.eps_g:.6g}",
        "eigenvalues": ", ".join(values) + (f", … ({more} more)" if more else ""),
        **({"is left along": point.moves()} if point.unstable else {}),
        "reached from": counted(point.found, "start"),
        "of": problemtext.of_problem(point.problem),
    }
    return html.card(f"FixedPoint, {_kind(point)}", cards.table_of(lines), cards.map_of(point.state))
