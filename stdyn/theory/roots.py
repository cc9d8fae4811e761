"""Roots of the drift: by Powell's hybrid method from a start, polished by Newton's (theory.md, section 9)."""

from collections.abc import Callable

import numpy as np
import scipy.optimize

from stdyn.checks import Array
from stdyn.model.problem import Problem
from stdyn.theory.expansion import Expansion
from stdyn.theory.symmetry import Orbits

_POLISHED = 1e-12  # the last Newton step, relative to 1 + the largest order parameter, in the units of _scales
_STILL = 1e-9  # the drift at a fixed point, relative to the same
_ROUNDING = 4e-15  # of averages of order 1, of which the drift is made
_PATIENCE = 5  # steps that do not make it smaller, by which it is
_NEWTON = 50  # steps at most
_RANK = 1e-10  # relative to the largest: singular values below it are those of zero modes

# Why nothing is found from a start
FAR = "ran off to infinity"
UNSETTLED = "did not converge"


def frozen(problem: Problem) -> bool:
    """Whether the second layer does not move."""
    return problem.eta_v == 0 and problem.decay_v == 0


def free_places(problem: Problem) -> np.ndarray:
    """The places in the state of what moves."""
    still = ("eta_v",) if frozen(problem) else ()
    places, blocks = problem.state_layout.places, problem.state_layout.blocks
    return np.concatenate([np.r_[places[block.name]] for block in blocks if block.rate not in still])


def _scales(problem: Problem) -> tuple[Array, Array]:
    """The units of the entries of the state, and of their drift: in these all numbers near a root are of order 1.

    Q_across is of order eta where eta is small, and moves the more slowly. The drift of v is measured in eta_v, or
    where that is zero in its decay, or 1.
    """
    small, eta_v = 1.0 if problem.flow else min(1.0, problem.eta), problem.eta_v or problem.decay_v or 1.0
    units = (1.0, problem.eta), (small, problem.eta * small), (1.0, eta_v)  # of R, Q and v
    each = zip(units, problem.state_layout.blocks, strict=True)
    blocks = [np.tile(of_block, (len(block.entries[0]), 1)) for of_block, block in each]
    unit, rate = np.concatenate(blocks).T
    return unit, rate


def root_near(expansion: Expansion, w: Array, orbits: Orbits) -> Array | str:
    """A zero of the drift near w that has the symmetries of `orbits`, polished; if none is reached, why."""
    free, (unit, rate) = free_places(expansion.problem), _scales(expansion.problem)
    norms = np.diag(expansion.problem.start.Q)
    s, moving = orbits.reduce(w), np.unique(orbits.orbit[free][orbits.sign[free] != 0])
    expand = np.zeros((len(w), len(s)))
    expand[np.arange(len(w)), orbits.orbit] = orbits.sign
    reduce = expand.T / np.bincount(orbits.orbit)[:, None]
    expand, rest = expand[:, moving], expand @ s - expand[:, moving] @ s[moving]
    with np.errstate(all="ignore"):  # rates at the edge of floating-point numbers
        reduce, expand = reduce[moving] / rate, unit[:, None] * expand
    units = np.abs(expand).max(axis=0, initial=0)

    def drift(x: Array) -> Array:
        w = rest + expand @ x
        moved = expansion.drift(w)
        if expansion.problem.sphere:  # on which the drift of Q_ii says nothing: its lengths are given instead
            moved[expansion.norms] = norms - np.diag(expansion.order_parameters(w)[1])
        return reduce @ moved

    def jacobian(x: Array) -> Array:
        w = rest + expand @ x
        J = expansion.jacobian(w)
        if expansion.problem.sphere:
            J[expansion.norms] = -expansion.slopes(w[None])[0][expansion.norms]
        return reduce @ J @ expand

    with np.errstate(all="ignore"):
        near = scipy.optimize.root(drift, s[moving] / units, jac=jacobian, options={"xtol": 1e-12}).x
        x = _newton(drift, jacobian, near, units)
    return x if isinstance(x, str) else rest + expand @ x


def _newton(drift: Callable[[Array], Array], jacobian: Callable[[Array], Array], x: Array, units: Array) -> Array | str:
    """The zero that Newton's method polishes x to; if there is none, why. `units` are those of x.

    It ends where a step is below _POLISHED, or where the drift is rounding and gets no smaller. The latter comes first
    where J is nearly singular, as at small eta, where equal students part with a rate of eta^2.
    """
    best, least, when = x, np.inf, 0
    for n in range(_NEWTON):
        if not np.abs(x).max(initial=0) < np.inf or not np.isfinite(J := jacobian(x)).all():
            return FAR
        here, scale = drift(x), 1 + np.abs(units * x).max(initial=0)
        rounding = np.abs(units * here).max(initial=0) / (_ROUNDING * scale)
        if rounding < least:
            best, least, when = x, rounding, n
        elif least <= 1 and n - when >= _PATIENCE:
            return best
        step = _step(J, here)
        x = x + step
        is_still = np.abs(units * drift(x)).max(initial=0) <= _STILL * scale
        if is_still and np.abs(units * step).max(initial=0) <= _POLISHED * scale:
            return x
    return best if least <= 1 else UNSETTLED


def _step(J: Array, drift: Array) -> Array:
    """Newton's step, without the zero modes of J: in rows and columns of one size, as rates may be of order eta^2."""

    def sizes(A: Array) -> Array:
        largest = np.abs(A).max(axis=0, initial=0)
        return np.where(largest > 0, largest, 1.0)

    rows = sizes(J.T)
    columns = sizes(J / rows[:, None])
    return np.linalg.lstsq(J / rows[:, None] / columns, -drift / rows, rcond=_RANK)[0] / columns
