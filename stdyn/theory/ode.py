"""The deterministic dynamics of the order parameters, N -> infinity (theory.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_settings, check_type, integer, time_grid
from stdyn.errors import DivergenceWarning, Interrupted, SolverWarning, SymmetryWarning, warn
from stdyn.files.provenance import provenance
from stdyn.kernels import Stopwatch
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.onlooker import Onlooker, OnRecord, Stop
from stdyn.progress import bar
from stdyn.stopping import stoppable
from stdyn.theory import quadrature
from stdyn.theory.stepping import MAX_STEPS, End, Moved, Solution, Stops, solve
from stdyn.theory.symmetry import Orbits

_BROKEN = 1e-6  # order parameters so far apart no longer count as symmetric
RTOL_OF_JUMPS = 1e-5  # the least, if the right-hand side has jumps: quadrature of a g' that jumps
_RTOL_OF_ERROR = 1e-6  # of the solutions that give no more than the error of quadrature
_ENDED = ("interrupted", "stopped")  # ends that somebody wanted
_WARNINGS: dict[str, type[Warning]] = {"diverged": DivergenceWarning, "failed": SolverWarning}


def integrate(
    problem: Problem,
    alphas: ArrayLike,
    method: str = "DOP853",
    rtol: float = 1e-9,
    atol: float | None = None,
    *,
    error: bool = True,
    max_steps: int = MAX_STEPS,
    progress: bool = False,
    stop: Stop | None = None,
    on_record: OnRecord | None = None,
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
    max_steps : int, default 1000000
        The most steps of one solution. It ends before them if it is seen to need by far more: where explicit methods
        (DOP853, RK45, RK23) meet ODEs that are stiff, often after a thousand; else after a tenth of them or more, if
        these have not led it a thousandth of the way. Take LSODA or Radau where the ODEs are stiff.
    progress : bool, default False
        Show a progress bar if it takes longer than two seconds.
    stop : callable or Event, optional
        A function without arguments, or an Event (of threading, say), that is asked before every evaluation of the
        right-hand side: where it is true the solution ends.
    on_record : callable, optional
        A function that is called with the Trajectory of what has been reached, whenever that is more, but not more
        often than every 0.05 seconds; at last with the result. It is called in the thread of `integrate`, which waits
        for it, and what it raises ends the solution.

    Returns
    -------
    Trajectory
        With arrays of shape (A, …). If an order parameter exceeds 1e8 it ends before that alpha, `diverged_at`; where
        the solver gives up or reaches its limit of steps it ends, too, `failed_at`. One that was stopped has what was
        reached, which may be no alpha, and says so in `attributes["interrupted"]`. If averages are by quadrature, its
        `error` is what that makes of the solution.

    Raises
    ------
    InputError
        Before any step, if an argument cannot be used or the right-hand side is not finite at the start.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt with `.trajectory`: the solution as far as it was reached.

    Warns
    -----
    DivergenceWarning
        The solution diverged; the message says at which alpha.
    SolverWarning
        The solver gave up or reached its limit of steps, though nothing diverged.
    SymmetryWarning
        The start is symmetric but for rounding errors, and these have grown until they set the trajectory.

    See Also
    --------
    simulate_network, compare, fluctuations, fixed_points, plateaus

    Notes
    -----
    The equations are in theory.md, section 3.

    A start with an exact symmetry (equal units) is integrated in the space of symmetric order parameters, so that it
    stays symmetric exactly and no round-off can leave an unstable plateau (theory.md, section 6).

    Examples
    --------
    >>> theory = stdyn.integrate(problem, alphas)
    >>> theory.R.shape
    (81, 2, 2)
    >>> print(f"{theory.eps_g[0]:.3f} at alpha = 0, {theory.eps_g[-1]:.3f} at alpha = {theory.alphas[-1]:g}")
    0.340 at alpha = 0, 0.014 at alpha = 40
    """
    stopwatch = Stopwatch()
    check_type("problem", problem, Problem)
    alphas = time_grid(alphas)
    rtol, atol = check_settings(method, rtol, atol)
    max_steps = integer("max_steps", max_steps, 1)
    onlooker = Onlooker(stop, on_record)
    if not problem.smooth:  # a finer tolerance than their jumps would be met by ever smaller steps only
        rtol, atol = max(rtol, RTOL_OF_JUMPS), max(atol, RTOL_OF_JUMPS / 100)
    by_points = error and problem.by_quadrature and quadrature.exact_nodes(problem) is None
    last = float(alphas[-1])
    with stoppable():
        with _progress(progress, last, 1 + quadrature.SETS * by_points) as moved:
            stops = onlooker.stops if onlooker.may_stop else None
            seen = partial(_show, onlooker, problem, alphas) if on_record is not None else None
            found = solve(
                problem, alphas, method, rtol, atol, max_steps=max_steps, moved=moved(0), stops=stops, seen=seen
            )
            alphas, end = alphas[: len(found.y)], found.end
            errors = None
            if by_points:
                of_error = partial(_quadrature_error, problem, alphas, found.y, method, rtol, max_steps, moved, stops)
                errors, end = of_error(end) if len(alphas) else ({}, end)
        said = _said(alphas, found)
        attributes = provenance(
            ode_method=method,
            rtol=rtol,
            atol=atol,
            order_parameters=len(found.orbits.orbit),
            orbits=found.orbits.free,
            wall_time=stopwatch.seconds,
            **({"warning": "; ".join(said)} if said else {}),
            **({"interrupted": f"before alpha = {last:g}"} if end is not None and end.why in _ENDED else {}),
        )
        ends = {} if found.end is None else {found.end.why: np.array(found.end.alpha)}
        trajectory = _trajectory(
            problem, alphas, found.y, attributes=attributes, error=errors,
            diverged_at=ends.get("diverged"), failed_at=ends.get("failed"),
        )  # fmt: skip
        if end is not None and end.why == "interrupted":
            raise Interrupted(trajectory) if len(alphas) else KeyboardInterrupt
        onlooker.see(trajectory)
    for words, category in said.items():
        warn(words, category, trajectory=trajectory)
    return trajectory


def _show(onlooker: Onlooker, problem: Problem, alphas: Array, count: int, states: Callable[[], Array]) -> None:
    """Let who looks on see a solution of which so many alphas are done."""
    onlooker.look(count, lambda: _trajectory(problem, alphas[:count], states(), attributes=provenance()))


@contextmanager
def _progress(progress: bool, last: float, solutions: int) -> Iterator[Callable[[int], Moved | None]]:
    """For each of several solutions to the last alpha, what moves their common bar; None if there is none."""
    if not progress:
        yield lambda _: None
        return
    with bar(progress, desc="ODEs", total=last * solutions, unit=" alpha", unit_scale=True, delay=2) as shown:

        def moved(solution: int) -> Moved:
            return lambda alpha: shown.update(solution * last + alpha - shown.n)

        yield moved
        shown.update(shown.total - shown.n)


def _said(alphas: Array, found: Solution) -> dict[str, type[Warning]]:
    """What is to be warned of in a solution."""
    said: dict[str, type[Warning]] = {}
    if found.end is not None and found.end.why in _WARNINGS:
        said[found.end.words] = _WARNINGS[found.end.why]
    broken = _broken_symmetry(alphas, found.y, found.nearly) if found.nearly.free < found.orbits.free else None
    return said if broken is None else said | {broken: SymmetryWarning}


def _quadrature_error(
    problem: Problem, alphas: Array, y: Array, method: str, rtol: float, max_steps: int,
    moved: Callable[[int], Moved | None], stops: Stops | None, end: End | None,
) -> tuple[dict[str, Array], End | None]:  # fmt: skip
    """Standard errors of the solution y by the quadrature of the averages, by name; and its end, or what ended this.

    From solutions by each of its independent sets of points alone; NaN from where one of them ends.
    """
    rtol = max(rtol, _RTOL_OF_ERROR if problem.smooth else 10 * RTOL_OF_JUMPS)
    values: dict[str, list[Array]] = {}
    for which in range(quadrature.SETS):
        each = np.full_like(y, np.nan)
        if end is None or end.why not in _ENDED:
            looks = moved(1 + which)
            solved = solve(
                problem, alphas, method, rtol, rtol / 100, which, max_steps=max_steps, moved=looks, stops=stops
            )
            each[: len(solved.y)] = solved.y
            if solved.end is not None and solved.end.why in _ENDED:
                end = solved.end
        trajectory = _trajectory(problem, alphas, each)
        for name in trajectory.names:
            values.setdefault(name, []).append(getattr(trajectory, name))
    with np.errstate(invalid="ignore"):
        errors = {name: np.std(sets, axis=0, ddof=1) / np.sqrt(quadrature.SETS) for name, sets in values.items()}
    errors["eps_g"] = np.hypot(errors["eps_g"], _trajectory(problem, alphas, y).eps_g_error)
    return errors, end


def _trajectory(problem: Problem, alphas: Array, y: Array, **more: Any) -> Trajectory:
    """The trajectory of packed states y (A, S)."""
    return Trajectory.of(problem, alphas, problem.state_layout.unpack(y), "ode", **more)


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
