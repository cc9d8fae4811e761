"""The critical learning rate, above which perfect learning is unstable (theory.md, section 9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.optimize

from stdyn.checks import Array, check_type
from stdyn.errors import InputError
from stdyn.kernels.expansion import step_inside
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.stopping import stoppable
from stdyn.theory.expansion import Expansion
from stdyn.theory.fixedpoint import ZERO
from stdyn.theory.fixedpoints import autonomous, check_state, perfect_learning
from stdyn.theory.roots import free_places
from stdyn.theory.symmetry import orbits_around

_STEP = 3e-4  # of first differences: errors h^4 f^(5)/30 and 1e-16/h, both below 1e-10 here
_BORDER = 1e-6  # a step inside that would be smaller: differences are taken to one side
_ACROSS = 1e-7  # their step
_LOWEST, _HIGHEST, _TRIED = 1e-4, 1e4, 81  # values of eta between which a change of sign is looked for


@stoppable()
def critical_eta(problem: Problem, at: OrderParameters | None = None) -> float:
    """The learning rate of the first layer above which perfect learning is unstable.

    Parameters
    ----------
    problem : Problem
        Its own eta is of no account; sigma, decay, decay_v and drift must be 0.
    at : OrderParameters, optional
        The fixed point instead of `perfect_learning(problem)`; one at every eta.

    Returns
    -------
    float
        The smallest eta at which the largest real part of an eigenvalue (zero modes aside) changes its sign: between
        two of 81 values from 1e-4 to 1e4, then by Brent's method to 1e-10 of its value (of ReLU and with averages by
        quadrature 1e-6, beside the error of the quadrature). 0 if the point is unstable at 1e-4 already, infinity if it
        is stable at 1e4.

    Raises
    ------
    InputError
        If there is noise, decay or drift, so that nothing is learned perfectly, or the state is no fixed point.

    See Also
    --------
    fixed_points : Finds those of one learning rate, with their eigenvalues.

    Examples
    --------
    >>> committee = stdyn.Problem(stdyn.initial.prepared(2, 2, v=[1, 1]), eta=0.5, eta_v=0)
    >>> round(stdyn.critical_eta(committee), 3)
    2.307
    """
    check_type("problem", problem, Problem)
    problem = autonomous(replace(problem, eta=1.0), "a critical learning rate")
    if problem.flow:
        raise InputError("flow must be False for a critical learning rate: gradient flow has none")
    for name in ("sigma", "decay", "decay_v", "drift"):
        if getattr(problem, name):
            raise InputError(
                f"{name} must be 0 for perfect learning to be a fixed point, but is {getattr(problem, name)}"
            )
    state = perfect_learning(problem) if at is None else at
    check_state("at", problem, state)
    if problem.sphere and not np.allclose(np.diag(state.Q), np.diag(problem.start.Q), rtol=1e-9, atol=0):
        raise InputError(
            "start must have students of the lengths of perfect learning with sphere = True, which keeps them, but Q_ii"
            f" are {np.diag(problem.start.Q)} and not {np.diag(state.Q)}"
        )
    problem = problem.started(state)
    expansion = Expansion(problem)
    moved = np.abs(expansion.drift(expansion.coordinates(state))[free_places(problem)]).max()
    if moved > 1e-9:
        raise InputError(
            f"at must be a fixed point at every eta, but at eta = 1 its order parameters move by {moved:.2g}"
        )
    blocks = list(_blocks(problem))

    def growth(log_eta: float) -> float:
        return max(block.growth(float(np.exp(log_eta))) for block in blocks)

    grid = np.log(np.geomspace(_LOWEST, _HIGHEST, _TRIED))
    if growth(grid[0]) > 0:
        return 0.0
    for low, high in pairwise(grid):
        if growth(high) > 0:
            return float(np.exp(scipy.optimize.brentq(growth, low, high, xtol=1e-12)))
    return np.inf


@dataclass(frozen=True, eq=False)
class _Block:
    """The Jacobian, constant + eta linear + eta^2 square, in a subspace that it maps into itself."""

    constant: Array
    linear: Array
    square: Array
    zero_modes: int = 0

    def real_parts(self, eta: float) -> Array:
        """Of the eigenvalues, in units of eta."""
        J = self.constant / eta + self.linear + eta * self.square
        return np.asarray(np.linalg.eigvals(J).real, dtype=float)

    def growth(self, eta: float) -> float:
        """The largest real part, zero modes aside."""
        real = self.real_parts(eta)
        return float(real[np.argsort(np.abs(real))[self.zero_modes :]].max(initial=-np.inf))


def _blocks(problem: Problem) -> Iterator[_Block]:
    """Blocks of the Jacobian at the start that have all of its eigenvalues between them, if not as often.

    J commutes with the group of the start's symmetries. The images of one entry of each orbit span the space, so that
    every irreducible part of it has a vector that is fixed by all that fixes that entry: among what is fixed so, all
    eigenvalues of that part are seen. For an isotropic teacher there is one block, of a size that K does not change.
    """
    orbits, free = orbits_around(problem), free_places(problem)
    size = np.bincount(orbits.orbit)
    found, seen = [], np.zeros(len(size), dtype=bool)
    for entry in free[np.argsort(-size[orbits.orbit[free]], kind="stable")]:
        if seen[orbits.orbit[entry]]:
            continue
        fixed = orbits_around(problem, int(entry))
        alone = (np.bincount(fixed.orbit)[fixed.orbit] == 1) & (fixed.sign != 0)
        seen[orbits.orbit[alone]] = True
        basis = np.zeros((len(fixed.orbit), len(np.bincount(fixed.orbit))))
        basis[free, fixed.orbit[free]] = fixed.sign[free]
        basis = basis[:, basis.any(axis=0)]
        found.append(_block(problem, basis / np.linalg.norm(basis, axis=0)))
    largest = max(np.abs(block.real_parts(_LOWEST)).max() for block in found)
    for block in found:
        yield replace(block, zero_modes=int(np.sum(np.abs(block.real_parts(_LOWEST)) <= ZERO * largest)))


def _block(problem: Problem, basis: Array) -> _Block:
    """The block of the columns of `basis` (L, n), which are orthonormal, each of entries of R, of Q or of v alone."""
    none, one, two = (
        basis.T @ derivatives(Expansion(replace(problem, eta=eta)), problem.start, basis) for eta in (0.0, 1.0, 2.0)
    )
    square = (two - 2 * one + none) / 2  # exactly zero where there is no eta^2: eta is a power of two
    return _Block(none, one - none - square, square)


def derivatives(expansion: Expansion, state: OrderParameters, directions: Array) -> Array:
    """J d for the columns d of `directions`, of length 1 and each of entries of R, of Q_across or of v alone.

    By central differences of fourth order. Where Q_across is all but singular, and averages end there, those along
    Q_across are one-sided: d is the difference of two directions to the inside, and from f(h) and f(4h) what f - f(0)
    has of order h^3/2 (ReLU) cancels.
    """
    w = expansion.coordinates(state)
    inside = step_inside(w, _STEP, 0.0, expansion.parameters)
    across = expansion.layout.places[expansion.layout.blocks[1].name]
    found = np.zeros_like(directions)
    for column, d in enumerate(directions.T):
        bounded = d[across].any()
        if not bounded or inside >= _BORDER:
            h = inside if bounded else _STEP
            for step, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                found[:, column] += weight / (12 * h) * expansion.drift(w + step * h * d)
            continue
        here = expansion.drift(w)
        values, axes = np.linalg.eigh(expansion.parts(d)[1])
        R, _, v = expansion.parts(np.zeros_like(d))
        for sign in (1, -1):
            possible = (axes * np.maximum(sign * values, 0)[..., None, :]) @ np.swapaxes(axes, -1, -2)
            part = expansion.pack(R, possible, v)
            for step, weight in ((1, 8), (4, -1)):
                change = expansion.drift(w + step * _ACROSS * part) - here
                found[:, column] += sign * weight / (4 * _ACROSS) * change
    return found
