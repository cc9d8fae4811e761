"""The deterministic dynamics of the order parameters, N -> infinity (theory.md, section 3)."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_settings, time_grid
from stdyn.errors import DivergenceWarning, InputError, SymmetryWarning
from stdyn.files.provenance import provenance
from stdyn.kernels.algebra import largest
from stdyn.kernels.equations import right_hand_side
from stdyn.kernels.state import DIVERGED
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.theory import quadrature
from stdyn.theory.symmetry import Orbits, find_orbits

_NEARLY = 1e-13  # order parameters closer than this, in units of the largest, are symmetric but for rounding
_BROKEN = 1e-6  # and so far apart they no longer count as symmetric
_RTOL_OF_JUMPS = 1e-5  # the least, if the right-hand side has jumps: quadrature of a g' that jumps
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
        Tolerances of the error of one step; atol is rtol / 100 (1e-11 at the default rtol) unless given. Quadrature of
        a student's g with kinks makes the right-hand side jump by what its error is: there rtol is at least 1e-5.
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
    parameters, trivial = quadrature.parameters(problem, which), orbits.trivial
    s_start = y_start if trivial else orbits.reduce(y_start)

    def derivative(_: float, s: Array) -> Array:
        if trivial:
            return right_hand_side(s, parameters)
        return orbits.reduce(right_hand_side(orbits.expand(s), parameters))

    states = np.empty((len(alphas), len(s_start)))
    done = int(alphas[0] == 0)
    states[:done] = s_start
    diverged = None
    if done < len(alphas):
        with np.errstate(over="ignore", invalid="ignore"):
            solver = getattr(scipy.integrate, method)(derivative, 0.0, s_start, alphas[-1], rtol=rtol, atol=atol)
            done, diverged = _step(solver, alphas, states, done)
    if diverged is not None:
        why = f"(is eta = {problem.eta:g} too large?); the trajectory ends before it"
        diverged = (diverged[0], f"the ODEs diverged at alpha = {diverged[0]:.6g}, {diverged[1]} {why}")
    return states[:done] if trivial else orbits.expand(states[:done]), diverged


def _step(
    solver: scipy.integrate.OdeSolver, alphas: Array, states: Array, done: int
) -> tuple[int, tuple[float, str] | None]:
    """Step to the last alpha, or to where the solution diverges; fill the states from `done` on and count them."""
    while solver.status == "running":
        solver.step()
        most = largest(solver.y)
        if solver.status == "failed" or not most < np.inf:
            return done, (float(solver.t), "where the solver gave up")
        end, diverged = int(alphas.searchsorted(solver.t, side="right")), most >= DIVERGED
        if end > done or diverged:
            inside = solver.dense_output()
        if diverged:
            t = float(scipy.optimize.brentq(_excess, solver.t_old, solver.t, args=(inside,)))
            end = int(alphas.searchsorted(t))
        if end > done:
            states[done:end] = inside(alphas[done:end]).T
            done = end
        if diverged:
            return done, (t, f"where an order parameter exceeds {DIVERGED:g}")
    return done, None


def _excess(alpha: float, solution: Callable[[float], Array]) -> float:
    """By how much the largest order parameter exceeds what counts as diverged."""
    return float(largest(solution(alpha))) - DIVERGED


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
