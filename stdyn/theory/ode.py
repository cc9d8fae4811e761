"""The deterministic dynamics of the order parameters, N -> infinity (theory.md, section 3)."""

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_settings, time_grid
from stdyn.errors import DivergenceWarning, InputError, SymmetryWarning
from stdyn.files.provenance import provenance
from stdyn.kernels.algebra import largest
from stdyn.kernels.equations import drift
from stdyn.kernels.state import DIVERGED
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.stopping import stoppable
from stdyn.theory import quadrature
from stdyn.theory.coordinates import across, whole
from stdyn.theory.symmetry import Orbits, find_orbits

_NEARLY = 1e-13  # order parameters closer than this, in units of the largest, are symmetric but for rounding
_BROKEN = 1e-6  # and so far apart they no longer count as symmetric
_RTOL_OF_JUMPS = 1e-5  # the least, if the right-hand side has jumps: quadrature of a g' that jumps
_SMALLER = 1e-3  # Q_across has fallen so far that the solver starts anew with smaller tolerances
_SELDOM = 8  # steps, after which it is looked how large Q_across has become
_ROUNDING = 1e-15  # what it makes of the derivative of Q_across, for each unit
_NEWTON = ("Radau", "BDF")  # methods whose equations must be solved to sqrt(rtol) of the tolerances
_IMPLICIT = (*_NEWTON, "LSODA")  # methods that need the Jacobian
_DIFFERENCE = 1e-9  # of order parameters, for the Jacobian: large beside rounding, small beside a small Q_across
_DIFFERENCE_OF_JUMPS = 1e-3  # the same, if the right-hand side has jumps
_LARGE = 100.0  # an order parameter: where the solver gives up below it, nothing has diverged
_RTOL_OF_ERROR = 1e-6  # of the solutions that give no more than the error of quadrature


def integrate(
    problem: Problem,
    alphas: ArrayLike,
    method: str = "DOP853",
    rtol: float = 1e-9,
    atol: float | None = None,
    *,
    error: bool = True,
) -> Trajectory:
    """Integrate the ODEs of the order parameters from alpha = 0.

    Parameters
    ----------
    problem : Problem
        Start, rule and rates; N is not used.
    alphas : array_like, shape (A,)
        Where the solution is wanted: not negative, strictly increasing. The first one need not be 0.
    method : str, default "DOP853"
        A method of scipy.integrate.solve_ivp.
    rtol, atol : float
        Tolerances of the error of one step; atol is rtol / 100 (1e-11 at the default rtol) unless given. That of
        Q - R T^+ R^T shrinks with it, so that eps_g has no floor (theory.md, section 3). Quadrature of a student's g
        with kinks makes the right-hand side jump by what its error is: there rtol is at least 1e-5.
    error : bool, default True
        Whether to solve with each set of points too, for the `error` of averages by quadrature.

    Returns
    -------
    Trajectory
        With arrays of shape (A, …). If an order parameter exceeds 1e8 it ends before that alpha, `diverged_at`. If
        averages are by quadrature, its `error` is what that makes of the solution.

    Warns
    -----
    DivergenceWarning
        The solution diverged; the message says at which alpha.
    SymmetryWarning
        The start is symmetric but for rounding errors, and these have grown until they set the trajectory.

    Notes
    -----
    A start with an exact symmetry (equal units) is integrated in the space of symmetric order parameters, so that it
    stays symmetric exactly and no round-off can leave an unstable plateau (theory.md, section 6).
    """
    began = time.perf_counter()
    alphas = time_grid(alphas)
    rtol, atol = check_settings(method, rtol, atol)
    if not problem.smooth:  # a finer tolerance than their jumps would be met by ever smaller steps only
        rtol, atol = max(rtol, _RTOL_OF_JUMPS), max(atol, _RTOL_OF_JUMPS / 100)
    with stoppable():
        y, diverged, orbits, nearly = solve(problem, alphas, method, rtol, atol)
    alphas = alphas[: len(y)]
    said = []
    if diverged is not None:
        said.append(diverged[1])
        warnings.warn(diverged[1], DivergenceWarning, stacklevel=2)
    errors = None
    if error and problem.by_quadrature and quadrature.exact_nodes(problem) is None:
        errors = _quadrature_error(problem, alphas, y, method, rtol)
    broken = _broken_symmetry(alphas, y, nearly) if nearly.free < orbits.free else None
    if broken is not None:
        said.append(broken)
        warnings.warn(broken, SymmetryWarning, stacklevel=2)
    attributes = provenance(
        ode_method=method,
        rtol=rtol,
        atol=atol,
        order_parameters=len(orbits.orbit),
        orbits=orbits.free,
        wall_time=time.perf_counter() - began,
        **({"warning": "; ".join(said)} if said else {}),
    )
    ended = None if diverged is None else np.array(diverged[0])
    return _trajectory(problem, alphas, y, diverged_at=ended, attributes=attributes, error=errors)


def _quadrature_error(problem: Problem, alphas: Array, y: Array, method: str, rtol: float) -> dict[str, Array]:
    """Standard errors of the solution y by the quadrature of the averages, by name.

    From solutions by each of its independent sets of points alone; NaN from where one of them ends.
    """
    rtol = max(rtol, _RTOL_OF_ERROR if problem.smooth else 10 * _RTOL_OF_JUMPS)
    found: dict[str, list[Array]] = {}
    with np.errstate(invalid="ignore"):
        for which in range(quadrature.SETS if len(alphas) else 0):
            each = np.full_like(y, np.nan)
            solved = solve(problem, alphas, method, rtol, rtol / 100, which)[0]
            each[: len(solved)] = solved
            trajectory = _trajectory(problem, alphas, each)
            for name in trajectory.names:
                found.setdefault(name, []).append(getattr(trajectory, name))
        errors = {name: np.std(values, axis=0, ddof=1) / np.sqrt(quadrature.SETS) for name, values in found.items()}
    if len(alphas):
        errors["eps_g"] = np.hypot(errors["eps_g"], _trajectory(problem, alphas, y).eps_g_error)
    return errors


def solve(
    problem: Problem, alphas: Array, method: str, rtol: float, atol: float, which: int | None = None
) -> tuple[Array, tuple[float, str] | None, Orbits, Orbits]:
    """The packed states at alphas, as far as the solution goes; (alpha, words) if it diverged; and the symmetries.

    The symmetries are the exact ones of the start, which are kept, and those that it has but for rounding. `which`
    chooses one set of points, if averages are by quadrature.
    """
    start = problem.start
    y_start = start.layout.pack(start.order_parameters)
    if np.abs(y_start).max() >= DIVERGED:
        raise InputError(f"no order parameter of the start may exceed {DIVERGED:g}; vectors have norm O(1)")
    nearly = find_orbits(problem, _NEARLY * max(1.0, float(np.abs(start.C).max()), float(np.abs(start.v).max())))
    orbits = nearly if nearly.trivial else find_orbits(problem)
    return *_solve(problem, y_start, orbits, alphas, method, rtol, atol, which), orbits, nearly


def _solve(
    problem: Problem,
    y_start: Array,
    orbits: Orbits,
    alphas: Array,
    method: str,
    rtol: float,
    atol: float,
    which: int | None,
) -> tuple[Array, tuple[float, str] | None]:
    """The states at alphas, as far as the solution goes; if it diverged, the alpha at which, and what to say."""
    equations = _Equations(problem, orbits, which, rounding=_ROUNDING / (np.sqrt(rtol) if method in _NEWTON else 1))
    s_start = equations.reduced(across(y_start, problem.layout, equations.T_inverse))
    states = np.empty((len(alphas), len(s_start)))
    done = int(alphas[0] == 0)
    states[:done] = s_start
    diverged = None
    if done < len(alphas):
        with np.errstate(over="ignore", invalid="ignore"):
            steps = _steps(equations, s_start, alphas[-1], method, rtol, atol)
            done, diverged = _fill(equations, steps, alphas, states, done)
    if diverged is not None:
        diverged = diverged[0], f"{diverged[1]}; the trajectory ends before it"
    return equations.order_parameters(states[:done]), diverged


class _Equations:
    """The ODEs of a problem in the coordinates w, as numbers s: one for each orbit of the symmetries."""

    def __init__(self, problem: Problem, orbits: Orbits, which: int | None, rounding: float = _ROUNDING) -> None:
        self.parameters = quadrature.parameters(problem, which)
        self.T_inverse, self.eta = self.parameters[0][1], problem.eta
        self.rounding = rounding * (problem.start.K + problem.start.M)
        self.difference = _DIFFERENCE if problem.smooth else _DIFFERENCE_OF_JUMPS
        self._layout, self._orbits = problem.layout, None if orbits.trivial else orbits
        self._moderate = 1e-2 * np.sqrt(DIVERGED / (1 + np.abs(self.T_inverse).sum()))  # of w: Q < DIVERGED then
        where = np.arange(problem.layout.size) if orbits.trivial else orbits.orbit
        rows, columns = np.triu_indices(problem.start.K)
        across = where[problem.layout.places["Q"]]
        self.norms, self._pairs = across[rows == columns], (across, rows, columns)  # where Q_across_ii, Q_across_ik are

    def reduced(self, w: Array) -> Array:
        """The numbers s of a state w."""
        return w if self._orbits is None else self._orbits.reduce(w)

    def expanded(self, s: Array) -> Array:
        """The states w (..., L) of numbers s."""
        return s if self._orbits is None else self._orbits.expand(s)

    def order_parameters(self, s: Array) -> Array:
        """The packed order parameters y (..., L) of numbers s."""
        return whole(self.expanded(s), self._layout, self.T_inverse)

    def __call__(self, _: float, s: Array) -> Array:
        """ds/dalpha"""
        if self._orbits is None:
            return drift(s, self.parameters)
        return self._orbits.reduce(drift(self._orbits.expand(s), self.parameters))

    def jacobian(self, _: float, s: Array) -> Array:
        """d(ds_a/dalpha)/ds_b, by differences.

        Those that solvers take themselves are in proportion to s and to its derivative. Near a fixed point rounding is
        all that is left of them, and the steps of an implicit method do not grow any more.
        """
        steps = self.difference * np.maximum(1.0, np.abs(s))
        here = self(0.0, s)
        return np.stack([(self(0.0, s + step) - here) / step.sum() for step in np.diag(steps)], axis=1)

    def largest(self, s: Array) -> float:
        """The largest order parameter, or a bound of it that is far from what counts as diverged."""
        most = float(largest(s))
        if most < self._moderate:
            return most
        return float(np.abs(self.order_parameters(s)).max())

    def tolerances(self, s: Array, atol: float, norms: Array) -> Array:
        """The absolute tolerances of s: atol, but less for Q_across_ik where Q_across_ii Q_across_kk is small.

        At the default atol, eps_g of 1e-10 is known to about a thousandth of its value. Tolerances are not below what
        rounding makes of the derivative.
        """
        where, rows, columns = self._pairs
        each = np.full(len(s), atol)
        sizes = (np.maximum(norms[rows], 0) * np.maximum(norms[columns], 0)) ** 0.25
        each[where] = np.maximum(atol * np.minimum(1.0, 10 * sizes), min(atol, self.rounding))
        return each


def _steps(
    equations: _Equations, s: Array, end: float, method: str, rtol: float, atol: float
) -> Iterator[scipy.integrate.OdeSolver]:
    """The solver after each step from alpha = 0 to the end.

    Q_across, and eps_g with it, may fall by many orders of magnitude. Where that of a student has fallen to a
    thousandth, a new solver goes on with smaller tolerances for it.
    """
    alpha, norms = 0.0, s[equations.norms]
    norms = np.where(norms > equations.rounding, norms, 1.0)
    smallest = (equations.rounding / (10 * atol)) ** 2 if atol else np.inf  # of norms whose tolerances can get smaller
    solver_of = partial(getattr(scipy.integrate, method), equations, t_bound=end, rtol=rtol)
    if method in _IMPLICIT:
        solver_of = partial(solver_of, jac=equations.jacobian)
    while True:
        solver = solver_of(t0=alpha, y0=s, atol=equations.tolerances(s, atol, norms))
        largest_so_far, steps = s[equations.norms], 0
        while solver.status == "running":
            if steps % _SELDOM == 0:
                bound = _SMALLER * np.minimum(np.minimum(norms, largest_so_far), 1.0)
                bound[(norms < smallest) | (bound < equations.rounding)] = -np.inf
            solver.step()
            yield solver
            now, steps = solver.y[equations.norms], steps + 1
            if (now < bound).any():
                break
            np.maximum(largest_so_far, now, out=largest_so_far)
        if solver.status != "running":
            return
        alpha, s, norms = solver.t, solver.y, np.where(now > equations.rounding, now, equations.rounding)


def _fill(
    equations: _Equations, steps: Iterator[scipy.integrate.OdeSolver], alphas: Array, states: Array, done: int
) -> tuple[int, tuple[float, str] | None]:
    """Step to the last alpha, or to where the solution diverges; fill the states from `done` on and count them."""
    for solver in steps:
        most = equations.largest(solver.y)
        if solver.status == "failed" or not most < np.inf:
            name, moved = type(solver).__name__, not most < _LARGE
            what = "the ODEs diverged at" if moved else f"{name} gave up, though nothing is large, at"
            why = f"where {name} gave up (is eta = {equations.eta:g} too large?)" if moved else "take another method"
            return done, (float(solver.t), f"{what} alpha = {solver.t:.6g}, {why}")
        end, diverged = int(alphas.searchsorted(solver.t, side="right")), most >= DIVERGED
        if end > done or diverged:
            inside = solver.dense_output()
        if diverged:
            t = float(scipy.optimize.brentq(_excess, solver.t_old, solver.t, args=(inside, equations)))
            end = int(alphas.searchsorted(t))
        if end > done:
            states[done:end] = inside(alphas[done:end]).T
            done = end
        if diverged:
            where = f"the ODEs diverged at alpha = {t:.6g}, where an order parameter exceeds {DIVERGED:g}"
            return done, (t, f"{where} (is eta = {equations.eta:g} too large?)")
    return done, None


def _excess(alpha: float, solution: Callable[[float], Array], equations: _Equations) -> float:
    """By how much the largest order parameter exceeds what counts as diverged."""
    return equations.largest(solution(alpha)) - DIVERGED


def _trajectory(problem: Problem, alphas: Array, y: Array, **more: Any) -> Trajectory:
    """The trajectory of packed states y (A, L)."""
    return Trajectory.of(problem, alphas, problem.layout.unpack(y), "ode", **more)


def _broken_symmetry(alphas: Array, y: Array, orbits: Orbits) -> str | None:
    """From where on the asymmetry of a start that is symmetric but for rounding is no longer small, in words."""
    spread = np.array([np.abs(row - orbits.expand(orbits.reduce(row))).max() for row in y])
    broken = np.flatnonzero(spread > _BROKEN)
    if not broken.size:
        return None
    return (
        f"the start is symmetric but for differences of {spread[0]:.1g}, which have grown to"
        f" {spread[broken[0]]:.1g} at alpha = {alphas[broken[0]]:.6g}: from there on the trajectory is set by"
        " rounding errors (make the start exactly symmetric, or break the symmetry by more than rounding)"
    )
