"""The deterministic dynamics of the order parameters, N -> infinity (theory.md, section 3)."""

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from stdyn import kernels
from stdyn.errors import DivergenceWarning, InputError, SymmetryWarning
from stdyn.problem import Array, Problem, number, time_grid
from stdyn.symmetry import orbits
from stdyn.trajectory import Trajectory, provenance

METHODS = ("DOP853", "RK45", "RK23", "LSODA", "Radau", "BDF")

_NEARLY = 1e-13  # order parameters closer than this at the start are symmetric but for rounding
_BROKEN = 1e-6  # and so far apart they no longer count as symmetric


def integrate(
    problem: Problem,
    alphas: ArrayLike,
    method: str = "DOP853",
    rtol: float = 1e-9,
    atol: float | None = None,
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
        Tolerances of the error of one step; atol is rtol / 100 (1e-11 at the default rtol) unless given.

    Returns
    -------
    Trajectory
        With arrays of shape (A, …). If an order parameter exceeds 1e8 it ends before that alpha, `diverged_at`.

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
    start = problem.start
    nearly = orbits(problem, _NEARLY)
    orbit, sign = nearly if _trivial(nearly) else orbits(problem)
    first = np.unique(orbit, return_index=True)[1]
    members = np.bincount(orbit)
    symmetric = not _trivial((orbit, sign))
    arguments = problem.kernel_arguments

    def full(s: Array) -> Array:
        return s[orbit] * sign if symmetric else s

    def derivative(alpha: float, s: Array) -> Array:
        dy = kernels.right_hand_side(full(s), start.T, *arguments)
        return np.bincount(orbit, dy * sign) / members if symmetric else dy

    y_start = kernels.pack(start.R, start.Q, start.v.reshape(start.K, -1))
    if np.abs(y_start).max() >= kernels.DIVERGED:
        raise InputError(f"no order parameter of the start may exceed {kernels.DIVERGED:g}; vectors have norm O(1)")
    s_start = (y_start * sign)[first] if symmetric else y_start
    states, diverged_at = _solve(derivative, s_start, alphas, method, rtol, atol)
    if diverged_at is not None:
        alphas = alphas[: len(states)]
        warnings.warn(
            f"the ODEs diverged at alpha = {diverged_at:.6g}, where an order parameter exceeds {kernels.DIVERGED:g}"
            f" (is eta = {problem.eta:g} too large?); the trajectory ends before it",
            DivergenceWarning,
            stacklevel=2,
        )
    y = states[:, orbit] * sign if symmetric else states
    if orbit.max() > nearly[0].max() or np.count_nonzero(sign) > np.count_nonzero(nearly[1]):
        _warn_if_broken(alphas, y, *nearly)
    attributes = provenance(
        ode_method=method,
        rtol=rtol,
        atol=atol,
        order_parameters=len(orbit),
        orbits=len(first),
        wall_time=time.perf_counter() - began,
    )
    ended = None if diverged_at is None else np.array(diverged_at)
    return Trajectory(problem, alphas, *_unpack_all(problem, y), "ode", ended, attributes)


def check_settings(method: str, rtol: float, atol: float | None) -> tuple[float, float]:
    """The tolerances as numbers; refuses a method or a tolerance that solve_ivp cannot use."""
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, but is {method!r}")
    rtol = number("rtol", rtol, 1e-13, 1e-2)
    return rtol, number("atol", rtol / 100 if atol is None else atol)


def _trivial(found: tuple[np.ndarray, np.ndarray]) -> bool:
    orbit, sign = found
    return len(orbit) == orbit.max() + 1 and bool((sign == 1).all())


def _solve(
    derivative: Any, s_start: Array, alphas: Array, method: Any, rtol: float, atol: float
) -> tuple[Array, float | None]:
    """The states at alphas, as far as the solution goes, and the alpha at which it diverged."""
    if alphas[-1] == 0:
        return s_start[None, :].copy(), None

    def room(alpha: float, s: Array) -> float:
        return kernels.DIVERGED - float(np.max(np.abs(s)))

    room.terminal = True  # type: ignore[attr-defined]
    with np.errstate(over="ignore", invalid="ignore"):
        solution = solve_ivp(
            derivative, (0.0, alphas[-1]), s_start, method, t_eval=alphas, events=room, rtol=rtol, atol=atol
        )
    states = np.transpose(solution.y).reshape(-1, len(s_start))  # y is an empty list where no alpha was reached
    finite = np.isfinite(states).all(axis=1)
    if not finite.all():
        reached = int(finite.argmin())
        return states[:reached], float(alphas[reached])
    if solution.status == 0:
        return states, None
    if solution.status == 1 and solution.t_events is not None:
        return states, float(solution.t_events[0][0])
    return states, float(solution.t[-1]) if len(solution.t) else 0.0


def _unpack_all(problem: Problem, y: Array) -> tuple[Array, Array, Array]:
    """R (A, K, M), Q (A, K, K) and v of the packed states y (A, L)."""
    K, M = problem.start.K, problem.start.M
    i, k = np.triu_indices(K)
    R = y[:, : K * M].reshape(-1, K, M).copy()
    Q = np.empty((len(y), K, K))
    Q[:, i, k] = Q[:, k, i] = y[:, K * M : K * M + len(i)]
    return R, Q, y[:, K * M + len(i) :].reshape(-1, *problem.start.v.shape).copy()


def _warn_if_broken(alphas: Array, y: Array, orbit: np.ndarray, sign: np.ndarray) -> None:
    """Warn from where on the asymmetry of a start that is symmetric but for rounding is no longer small."""
    mean = np.stack([np.bincount(orbit, row * sign) for row in y]) / np.bincount(orbit)
    spread = np.abs(y - mean[:, orbit] * sign).max(axis=1)
    broken = np.flatnonzero(spread > _BROKEN)
    if broken.size:
        warnings.warn(
            f"the start is symmetric but for differences of {spread[0]:.1g}, which have grown to"
            f" {spread[broken[0]]:.1g} at alpha = {alphas[broken[0]]:.6g}: from there on the trajectory is set by"
            " rounding errors (make the start exactly symmetric, or break the symmetry by more than rounding)",
            SymmetryWarning,
            stacklevel=3,
        )
