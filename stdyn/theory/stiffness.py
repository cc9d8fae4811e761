"""Where a method is seen early not to reach the last alpha within its limit of steps.

Where the ODEs are stiff, the steps of an explicit method are bounded by the fastest relaxation and not by what the
solution does. The rate of that relaxation, an eigenvalue of the Jacobian, sets the pace. It changes slowly, so that the
steps that are left can be estimated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.integrate

from stdyn.checks import Array
from stdyn.kernels.state import DIVERGED

Jacobian = Callable[[float, Array], Array]

_FIRST = 500  # steps, before which nothing is measured; from there on whenever their number has doubled
_RELAXED = 0.5  # relaxation times to a step that is bounded by stability; up to 2.5 (RK23), 3.3 (RK45), 6.4 (DOP853)
_FASTER = 1.4  # times more growth in twice the steps: of an exponential of their number it is 2, of a power 1
_EARLY, _AWAY = 10, 1000  # parts of the steps and of the way, where something else bounds the steps, which may go away


@dataclass(frozen=True, eq=False)
class _Place:
    count: int
    alpha: float
    s: Array


class Outlook:
    """What the steps taken so far say of those to come, of an explicit method or another. Asked after every step."""

    def __init__(self, jacobian: Jacobian, explicit: bool, last: float, max_steps: int) -> None:
        self._jacobian, self._explicit, self._last, self._max_steps = jacobian, explicit, last, max_steps
        self._before: _Place | None = None
        self._next = min(_FIRST, max_steps // (2 * _EARLY))
        self._growth = 0.0
        self.stiff = False

    def hopeless(self, count: int, solver: scipy.integrate.OdeSolver) -> float | None:
        """How many more steps are needed at least, if by far too many; None if there is hope or nothing is known."""
        if count < self._next:
            return None
        before, here = self._before, _Place(count, float(solver.t), solver.y)
        self._before, self._next = here, 2 * count
        if before is None or self._diverges(before, here):
            return None
        return self._needed(before, here)

    def _diverges(self, before: _Place, here: _Place) -> bool:
        """Whether it may diverge within the limit: the state grows exponentially step by step."""
        sizes = [float(np.abs(place.s).max()) for place in (before, here)]
        earlier, self._growth = self._growth, float(np.log(sizes[1] / sizes[0])) if min(sizes) > 0 else 0.0
        if not self._growth > max(_FASTER * earlier, 0.0):
            return False
        steps = (here.count - before.count) / self._growth * float(np.log(DIVERGED / sizes[1]))
        return steps < self._max_steps - here.count

    def _needed(self, before: _Place, here: _Place) -> float | None:
        """From the pace between two places.

        The margin gets less where more has been seen. A rate that falls is taken to fall exponentially, so that
        relaxation to ODEs that are less stiff, after which a solution goes on faster, is no reason to give up. One that
        grows is taken to grow linearly.
        """
        way, left = here.alpha - before.alpha, self._last - here.alpha
        pace = (here.count - before.count) / way
        needed = min(pace * left, np.finfo(float).max)
        if not needed > self._max_steps - here.count:
            return None
        margin = self._max_steps / here.count
        rates = [self._rate(place) for place in (before, here)] if self._explicit else [0.0]
        self.stiff = min(rates) > _RELAXED * pace
        if not self.stiff:
            return needed if margin <= _EARLY and here.alpha * _AWAY < self._last else None
        falls = float(np.log(rates[0] / rates[1])) / way
        by_rate = -pace * float(np.expm1(-falls * left)) / falls if falls > 0 else needed * (1 - falls * left / 2)
        return min(by_rate, needed) if by_rate > margin * self._max_steps else None

    def _rate(self, place: _Place) -> float:
        """Of the fastest relaxation."""
        return -float(np.linalg.eigvals(self._jacobian(place.alpha, place.s)).real.min())
