"""One solution of the ODEs, step by step: by what it is bounded, and why it ends before the last alpha."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.kernels.algebra import largest
from stdyn.kernels.equations import drift
from stdyn.kernels.parameters import COLUMNS
from stdyn.kernels.state import DIVERGED
from stdyn.model.problem import Problem
from stdyn.model.protocol import Span
from stdyn.model.schedule import text
from stdyn.theory import quadrature
from stdyn.theory.coordinates import across, on_sphere, whole
from stdyn.theory.stiffness import Outlook
from stdyn.theory.symmetry import Orbits, find_orbits

MAX_STEPS = 10**6  # of one solution; explicit methods take one to ten for each unit of alpha, the others far fewer

_NEARLY = 1e-13  # order parameters closer than this, in units of the largest, are symmetric but for rounding
_SMALLER = 1e-3  # Q_across has fallen so far that the solver starts anew with smaller tolerances
_SELDOM = 8  # steps, after which it is looked how large Q_across has become
_ROUNDING = 1e-15  # what it makes of the derivative of Q_across, for each unit
_NEWTON = ("Radau", "BDF")  # methods whose equations must be solved to sqrt(rtol) of the tolerances
_IMPLICIT = (*_NEWTON, "LSODA")  # methods that need the Jacobian, and take steps that stiffness does not bound
_DIFFERENCE = 1e-9  # of order parameters, for the Jacobian: large beside rounding, small beside a small Q_across
_DIFFERENCE_OF_JUMPS = 1e-3  # the same, if the right-hand side has jumps
_LARGE = 100.0  # times the start: where the solver gives up and no order parameter is that large, none has diverged

Steps = Iterator[scipy.integrate.OdeSolver]
Moved = Callable[[float], object]  # told every few steps how far the solution has come
Stops = Callable[[], bool]  # asked before every evaluation of the right-hand side whether to end there
Seen = Callable[[int, Callable[[], Array]], object]  # told how many alphas are done, with what makes their states y


@dataclass(frozen=True)
class End:
    """Why a solution ends before the last alpha.

    It "diverged", the solver "failed", a signal "interrupted" it, or who looks on had it "stopped".
    """

    why: str
    alpha: float
    words: str


@dataclass(frozen=True, eq=False)
class Solution:
    """The packed states y (A, L) at the alphas as far as it goes; why it ends before the last, if it does.

    And the symmetries: the exact ones of the start, which are kept, and those that it has but for rounding.
    """

    y: Array
    end: End | None
    orbits: Orbits
    nearly: Orbits


def solve(
    problem: Problem, alphas: Array, method: str, rtol: float, atol: float, which: int | None = None, *,
    max_steps: int = MAX_STEPS, moved: Moved | None = None, stops: Stops | None = None, seen: Seen | None = None,
) -> Solution:  # fmt: skip
    """The solution at alphas. `which` chooses one set of points, if averages are by quadrature.

    Ctrl-C ends it like a divergence does, and so does `stops`: what was reached is there. `seen` gets what there is.

    Raises
    ------
    InputError
        If an order parameter of the start counts as diverged, or the right-hand side is not finite there: every method
        would look for a first step for ever.
    """
    start, layout = problem.start, problem.state_layout
    y_start = layout.pack(start.state)
    protocol = problem.protocol
    protocol.check(alphas)
    if np.abs(y_start).max() >= DIVERGED:
        raise InputError(f"no order parameter of the start may exceed {DIVERGED:g}; vectors have norm O(1)")
    largest_there = max(float(np.abs(each).max()) for each in (start.C, start.C_group, start.v))
    nearly = find_orbits(problem, _NEARLY * max(1.0, largest_there))
    orbits = nearly if nearly.trivial else find_orbits(problem)
    equations = Equations(problem, orbits, which, rounding=_ROUNDING / (np.sqrt(rtol) if method in _NEWTON else 1))
    s_start = equations.reduced(across(y_start, layout, equations.T_inverse))
    states = np.empty((len(alphas), len(s_start)))
    done = int(len(alphas) > 0 and alphas[0] == 0)
    states[:done] = s_start
    end = None

    def so_far(count: int) -> Array:
        y = equations.order_parameters(states[:count])
        if not problem.sphere:
            return y
        return on_sphere(y, layout, np.diag(start.Q) if start.inputs is None else start.lengths**2)

    if done < len(alphas):
        with np.errstate(all="ignore"):
            spans = protocol.spans(float(alphas[-1]))
            equations.enter(spans[0])
            check_finite(problem, equations, s_start)
            equations.stops = stops
            steps = _steps(equations, s_start, spans, method, rtol, atol)
            large = _LARGE * max(1.0, equations.largest(s_start))
            outlook = Outlook(equations.jacobian, method not in _IMPLICIT, float(alphas[-1]), max_steps)
            look = Look(moved, None if seen is None else lambda count: seen(count, lambda: so_far(count)))
            done, end = _fill(equations, steps, alphas, states, done, large, max_steps, outlook, look)
    return Solution(so_far(done), end, orbits, nearly)


@dataclass(frozen=True)
class Look:
    """Who looks on at a solution."""

    moved: Moved | None
    seen: Callable[[int], object] | None


class _Stopped(Exception):
    """Who looks on has had the solution stopped."""


class Equations:
    """The ODEs of a problem in the coordinates w, as numbers s: one for each orbit of the symmetries.

    They hold between two breaks of its protocol, see `enter`. A step of many units takes seconds: `stops`, if there is
    any, is asked before every evaluation, and ends the step.
    """

    stops: Stops | None = None

    def __init__(self, problem: Problem, orbits: Orbits, which: int | None, rounding: float = _ROUNDING) -> None:
        self._whole, self._protocol = quadrature.parameters(problem, which), problem.protocol
        self.T_inverse, self.eta = problem.start.T_inverse, problem.eta
        self.rounding = rounding * (problem.start.K + problem.start.M)
        self.difference = _DIFFERENCE if problem.smooth else _DIFFERENCE_OF_JUMPS
        self._layout, self._orbits = problem.state_layout, None if orbits.trivial else orbits
        self._moderate = 1e-2 * np.sqrt(DIVERGED / (1 + np.abs(self.T_inverse).sum()))  # of w: Q < DIVERGED then
        Q, K = self._layout.blocks[1], problem.start.K
        where = np.arange(self._layout.size) if orbits.trivial else orbits.orbit
        group, (rows, columns) = (Q.entries[0] if len(Q.entries) > 2 else 0), Q.entries[-2:]
        across = where[self._layout.places[Q.name]]
        # where Q_across_ii and Q_across_ik are
        self.norms, self._pairs = across[rows == columns], (across, group * K + rows, group * K + columns)

    def enter(self, span: Span) -> None:
        """From here on they are those between these breaks."""
        self._piece = self._protocol.piece(span, self._whole)
        self._changing = bool(self._piece.changing)
        self._parameters = self._piece.parameters

    def unknown(self, alpha: float) -> str:
        """The rates that are no number a step of rounding after alpha, in words; "" if all are."""
        wrong = np.flatnonzero(np.isnan(self._piece.at(alpha + 64 * np.spacing(alpha))[3][0]))
        return f"{', '.join(COLUMNS[j] for j in wrong)} is no number of at least 0" if wrong.size else ""

    def reduced(self, w: Array) -> Array:
        """The numbers s of a state w."""
        return w if self._orbits is None else self._orbits.reduce(w)

    def expanded(self, s: Array) -> Array:
        """The states w (..., L) of numbers s."""
        return s if self._orbits is None else self._orbits.expand(s)

    def order_parameters(self, s: Array) -> Array:
        """The packed order parameters y (..., L) of numbers s."""
        return whole(self.expanded(s), self._layout, self.T_inverse)

    def __call__(self, alpha: float, s: Array) -> Array:
        """ds/dalpha"""
        if self.stops is not None and self.stops():
            raise _Stopped
        if self._changing:
            self._piece.at(alpha)
        if self._orbits is None:
            return drift(s, self._parameters)
        return self._orbits.reduce(drift(self._orbits.expand(s), self._parameters))

    def jacobian(self, alpha: float, s: Array) -> Array:
        """d(ds_a/dalpha)/ds_b, by differences.

        Those that solvers take themselves are in proportion to s and to its derivative. Near a fixed point rounding is
        all that is left of them, and the steps of an implicit method do not grow any more. Where one is not finite,
        which no solver takes, there is none: steps get so small that they need none, or the solver gives up.
        """
        steps = self.difference * np.maximum(1.0, np.abs(s))
        here = self(alpha, s)
        J = np.stack([(self(alpha, s + step) - here) / step.sum() for step in np.diag(steps)], axis=1)
        return J if np.isfinite(J).all() else np.zeros_like(J)

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


def check_finite(problem: Problem, equations: Equations, s: Array) -> None:
    """Refuse a start at which the right-hand side is not finite."""
    there = equations.expanded(equations(0.0, s))
    wrong = np.flatnonzero(~np.isfinite(there))
    if wrong.size:
        name = problem.state_layout.names[wrong[0]]
        raise InputError(
            f"problem must have ODEs that are finite at the start, but d{name}/dalpha is {there[wrong[0]]} there"
            " (are weights, rates or the teacher too large, or does g overflow?)"
        )


def _steps(equations: Equations, s: Array, spans: list[Span], method: str, rtol: float, atol: float) -> Steps:
    """The solver after each step from alpha = 0 to the end; in each of the spans it is another one.

    Q_across, and eps_g with it, may fall by many orders of magnitude. Where that of a student has fallen to a
    thousandth, a new solver goes on with smaller tolerances for it.
    """
    norms = s[equations.norms]
    norms = np.where(norms > equations.rounding, norms, 1.0)
    smallest = (equations.rounding / (10 * atol)) ** 2 if atol else np.inf  # of norms whose tolerances can get smaller
    solver_of: Callable[..., Any] = partial(getattr(scipy.integrate, method), equations, rtol=rtol)
    if method in _IMPLICIT:
        solver_of = partial(solver_of, jac=equations.jacobian)
    alpha, piece = 0.0, 0
    while True:
        solver = solver_of(t0=alpha, y0=s, t_bound=spans[piece].end, atol=equations.tolerances(s, atol, norms))
        if method == "BDF":
            _end_at_rounding(solver)
        if method == "LSODA":
            _say_nothing(solver)
        largest_so_far, steps = s[equations.norms], 0
        while solver.status == "running":
            if steps % _SELDOM == 0:
                bound = _SMALLER * np.minimum(np.minimum(norms, largest_so_far), 1.0)
                bound[(norms < smallest) | (bound < equations.rounding)] = -np.inf
            try:
                solver.step()
            except _LsodaGaveUp:
                solver.status = "failed"
            yield solver
            now, steps = solver.y[equations.norms], steps + 1
            if (now < bound).any():
                break
            np.maximum(largest_so_far, now, out=largest_so_far)
        if solver.status == "failed" or (solver.status == "finished" and piece == len(spans) - 1):
            return
        if solver.status == "finished":
            piece += 1
            equations.enter(spans[piece])
        alpha, s, norms = solver.t, solver.y, np.where(now > equations.rounding, now, equations.rounding)


def _end_at_rounding(solver: Any) -> None:
    """Let Newton's iterations of BDF end where a change is below what they are to reach, whatever came before.

    SciPy ends them by how fast changes get smaller. At rest all changes are rounding, none is smaller than the one
    before it: the equations count as not solved, and the steps get smaller until the solver gives up.
    """
    solve_lu, atol, rtol, least = solver.solve_lu, solver.atol, solver.rtol, solver.newton_tol

    def solved(LU: Any, b: Array) -> Array:
        change = solve_lu(LU, b)
        size = np.linalg.norm(change / (atol + rtol * np.abs(solver.y))) / np.sqrt(len(change))
        return np.zeros_like(change) if size < least else change

    solver.solve_lu = solved


class _LsodaGaveUp(Exception):
    """Instead of what SciPy would warn of."""


def _say_nothing(solver: Any) -> None:
    """Keep SciPy from warning where LSODA gives up: who is to hear of it is for us to say, in any thread."""
    integrator = solver._lsoda_solver._integrator
    run = integrator.runner

    def quietly(*arguments: Any) -> Any:
        found = run(*arguments)
        if found[2] < 0:  # istate
            raise _LsodaGaveUp
        return found

    integrator.runner = quietly


def _fill(
    equations: Equations, steps: Steps, alphas: Array, states: Array, done: int, large: float, max_steps: int,
    outlook: Outlook, look: Look,
) -> tuple[int, End | None]:  # fmt: skip
    """Step to the last alpha, or to where the solution ends before it; fill the states from `done` on and count them.

    Where the solver gives up, the solution has diverged if an order parameter is `large`. Steps that do not increase
    alpha, which LSODA takes where a solution diverges, are no steps.
    """
    alpha = 0.0
    try:
        for count, solver in enumerate(steps, 1):
            alpha, most = float(solver.t), equations.largest(solver.y)
            if solver.status == "failed" or not most < np.inf or alpha == solver.t_old:
                return done, _gave_up(equations, solver, most < large)
            last, diverged = int(alphas.searchsorted(alpha, side="right")), most >= DIVERGED
            if last > done or diverged:
                inside = solver.dense_output()
            if diverged:
                alpha = _crossing(equations, inside, solver.t_old, alpha)
                last = int(alphas.searchsorted(alpha))
            if last > done:
                states[done:last] = inside(alphas[done:last]).T
                done = last
            if diverged:
                return done, _diverged(equations, alpha)
            if solver.status == "running":
                needed = outlook.hopeless(count, solver)
                if needed or count >= max_steps:
                    return done, _at_limit(solver, count, max_steps, needed, outlook.stiff)
            if look.seen is not None:
                look.seen(done)
            if look.moved is not None and count % _SELDOM == 0:
                look.moved(alpha)
    except _Stopped:
        return done, End("stopped", alpha, f"stopped at alpha = {alpha:.6g}")
    except KeyboardInterrupt:
        return done, End("interrupted", alpha, f"interrupted at alpha = {alpha:.6g}")
    return done, None


def _crossing(equations: Equations, solution: Callable[[float], Array], low: float, high: float) -> float:
    """Where the largest order parameter begins to exceed what counts as diverged, in a step from low to high."""

    def excess(alpha: float) -> float:
        return equations.largest(solution(alpha)) - DIVERGED

    if not excess(low) < 0 < excess(high):  # of a step so small that interpolation is rounding
        return high
    return float(scipy.optimize.brentq(excess, low, high, xtol=2e-12 * min(1.0, high)))


def _diverged(equations: Equations, alpha: float) -> End:
    where = f"the ODEs diverged at alpha = {alpha:.6g}, where an order parameter exceeds {DIVERGED:g}"
    return End("diverged", alpha, f"{where} (is eta = {text(equations.eta)} too large?); the trajectory ends before it")


def _gave_up(equations: Equations, solver: scipy.integrate.OdeSolver, moderate: bool) -> End:
    """The end of a solution whose solver finds no further step, where all order parameters are moderate or not."""
    name, alpha = type(solver).__name__, float(solver.t)
    unknown = equations.unknown(alpha)
    if unknown:
        return End("failed", alpha, f"{unknown} at alpha = {alpha:.6g}; the trajectory ends before it")
    if moderate:
        advice = "take another method (or are rates or weights too large?)"
        words = f"{name} gave up, though nothing is large, at alpha = {alpha:.6g}, {advice}"
        return End("failed", alpha, f"{words}; the trajectory ends before it")
    words = (
        f"the ODEs diverged at alpha = {alpha:.6g}, where {name} gave up (is eta = {text(equations.eta)} too large?)"
    )
    return End("diverged", alpha, f"{words}; the trajectory ends before it")


def _at_limit(solver: scipy.integrate.OdeSolver, count: int, max_steps: int, needed: float | None, stiff: bool) -> End:
    """The end of a solution at its limit of steps, or before it if by far too many more are needed."""
    name, alpha = type(solver).__name__, float(solver.t)
    verb = "would by far exceed" if needed else "reached"
    words = f"{name} {verb} its limit of steps, max_steps = {max_steps}: after {count} it is at alpha = {alpha:.6g}"
    if needed:
        words += f" and needs at least {needed:.1g} more"
    if stiff:
        advice = "are stiff: take LSODA or Radau"
    elif name in _IMPLICIT:
        advice = "need a larger max_steps or rtol"
    else:
        advice = "need LSODA or Radau if they are stiff, or more max_steps"
    return End("failed", alpha, f"{words}; the trajectory ends there (the ODEs {advice})")
