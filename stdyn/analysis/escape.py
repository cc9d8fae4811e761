"""Plateaus: the saddles that trajectories hang on, and when they are left, by theory alone (theory.md, section 9)."""

from dataclasses import replace

import numpy as np
import scipy.optimize
from scipy.stats import norm, qmc

from stdyn.analysis.leaving import EscapeTimes, Plateau
from stdyn.analysis.summary import flat_stretches
from stdyn.checks import Array, RngLike, check_rng, check_type, integer
from stdyn.errors import InputError
from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule, text
from stdyn.model.state import OrderParameters
from stdyn.model.trajectory import Trajectory
from stdyn.stopping import stoppable
from stdyn.theory.expansion import Expansion, too_many
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.fixedpoints import MOST_OVERLAPS, fixed_point
from stdyn.theory.fluctuations import fluctuations
from stdyn.theory.ode import integrate

_TRIED = 9  # alphas of a plateau from which its saddle is looked for
_ALIKE = 1.25  # factor between the eps_g of a plateau and those of its saddle, and of the alphas where that is near
_NEAR = 1.0  # from its saddle a trajectory may be, to hang on it: order parameters are O(1)
_SMALL = 1e-4  # a displacement in which the dynamics around a saddle are linear
_NOTHING = 1e-12  # and one that is rounding
_SETTLED = 4.0  # times 1/escape_rate, after which no more noise of account feeds the unstable directions
_LEADING = 0.9  # unstable directions whose rate is at least this share of the largest
_LARGE = 1e6  # inputs; by when their noise has grown to order 1 the ODEs must be on the saddle
_POINTS = 801  # recorded alphas between which a crossing is interpolated


@stoppable()
def plateaus(trajectory: Trajectory) -> list[Plateau]:
    """The plateaus of a solution of the ODEs, in order, each with its saddle.

    What a plateau is, is defined in docs/scans.md. No saddle is looked for among more than 1000 overlaps by group.

    Parameters
    ----------
    trajectory : Trajectory
        Of `integrate`.

    Returns
    -------
    list of Plateau
        Empty if there is none.

    Raises
    ------
    InputError
        If the trajectory is an ensemble of runs, or its problem changes with alpha.

    See Also
    --------
    escape_times : When runs of finite N leave the plateau of a symmetric start.
    summary.flat_stretches : Plateaus of a curve, without saddles.

    Examples
    --------
    >>> near = stdyn.initial.prepared(2, 2, q=0.2, r=0.001, v=[1, 1])
    >>> slow = stdyn.integrate(stdyn.Problem(near, eta=0.5, eta_v=0), np.linspace(0, 500, 501))
    >>> for plateau in stdyn.plateaus(slow):
    ...     print(f"{plateau.height:.4f} from {plateau.start:.1f} to {plateau.end:.1f}")
    0.0148 from 4.8 to 232.5
    """
    check_type("trajectory", trajectory, Trajectory)
    check_constant(trajectory.problem, "plateaus")
    if trajectory.runs is not None:
        raise InputError(f"trajectory must be a solution of the ODEs, but is an ensemble of {trajectory.runs} runs")
    found = []
    for stretch in flat_stretches(trajectory.alphas, trajectory.eps_g):
        alike = np.abs(np.log(np.maximum(trajectory.eps_g, 1e-300) / stretch.height)) <= np.log(_ALIKE)
        inside = np.flatnonzero((trajectory.alphas >= stretch.start) & (trajectory.alphas <= stretch.end) & alike)
        saddle, distance, nearest = _saddle(trajectory, inside, stretch.height)
        predicted = np.nan
        if saddle is not None:
            wait = _escape_from(saddle, trajectory.at(nearest), stretch.level)
            predicted = float(trajectory.alphas[nearest]) + wait
        found.append(
            Plateau(stretch.start, stretch.at, stretch.end, stretch.height, stretch.level, saddle, distance, predicted)
        )
    return found


def check_constant(problem: Problem, of: str) -> None:
    """Refuse a problem whose saddles move."""
    if problem.protocol.constant:
        return
    found = [name for name in SCHEDULED if isinstance(getattr(problem, name), Schedule)]
    found += ["tasks"] if problem.tasks is not None and problem.tasks.breaks else []
    does = f"{found[0]} {'do' if found[0] == 'tasks' else 'does'}" if found else "b does, with decay_v"
    raise InputError(
        f"problem must not change with alpha for {of}, but {does}: its saddles move with the rates and the task"
    )


def _saddle(trajectory: Trajectory, inside: np.ndarray, height: float) -> tuple[FixedPoint | None, float, int]:
    """The saddle nearest to the trajectory at the positions `inside`, the distance, and where it is nearest."""
    problem = trajectory.problem
    if too_many(problem, MOST_OVERLAPS):
        return None, np.nan, -1
    expansion = Expansion(problem)
    w = expansion.to_w(problem.state_layout.pack(trajectory.arrays))[inside]
    best: tuple[FixedPoint | None, float, int] = (None, np.nan, -1)
    for position in np.unique(inside[np.linspace(0, len(inside) - 1, _TRIED).astype(int)]):
        point = fixed_point(problem, trajectory.at(int(position)))
        if point is None or not point.unstable or not height / _ALIKE < point.eps_g < height * _ALIKE:
            continue
        apart = np.linalg.norm(w - expansion.coordinates(point.state), axis=1)
        if apart.min() <= _NEAR and not apart.min() >= best[1]:
            best = (point, float(apart.min()), int(inside[apart.argmin()]))
    return best


def _escape_from(saddle: FixedPoint, state: OrderParameters, level: float) -> float:
    """alpha until eps_g falls below the level from a state near a saddle, by its unstable directions alone."""
    expansion = Expansion(saddle.problem)
    w = expansion.coordinates(saddle.state)
    size = len(saddle.eigenvalues)
    values, right, amplitudes_of = _growing(expansion.jacobian(w)[:size, :size], 0.5 * saddle.escape_rate)
    amplitudes = amplitudes_of @ (expansion.coordinates(state) - w)[:size]
    if np.abs(amplitudes).max() < _NOTHING:
        return np.inf

    def displaced(t: float) -> Array:
        return (right @ (amplitudes * np.exp(values * t))).real

    def excess(t: float) -> float:
        return float(np.log(np.linalg.norm(displaced(t)) / _SMALL))

    reach = (abs(excess(0.0)) + 1) / saddle.escape_rate
    t = float(scipy.optimize.brentq(excess, -3 * reach, 3 * reach))
    step = np.zeros_like(w)
    step[:size] = displaced(t)
    return t + _time_below(saddle.problem, expansion.state(w + step), level, saddle.escape_rate)


def _growing(J: Array, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues of a real part of at least this, their eigenvectors, and the matrix that gives their amplitudes.

    By left eigenvectors, so that it does not matter whether the others are independent; in families they are not.
    """
    values, right = np.linalg.eig(J)
    others, left = np.linalg.eig(J.T)
    right, left = right[:, values.real > least], left[:, others.real > least].T
    return values[values.real > least], right, np.linalg.solve(left @ right, left)


def _time_below(problem: Problem, start: OrderParameters, level: float, rate: float) -> float:
    """alpha at which eps_g of the ODEs from `start` first falls below the level; infinity if not in a long time."""
    longest = -2 * np.log(_SMALL) / rate
    for stretched in (1, 4):
        alphas = np.linspace(0, stretched * longest, stretched * _POINTS)
        solution = integrate(problem.started(start), alphas, "LSODA", error=False)
        crossed = time_below(solution.alphas, solution.eps_g, level)
        if np.isfinite(crossed):
            return float(crossed)
    return np.inf


def time_below(alphas: Array, eps_g: Array, level: float) -> Array:
    """The first alpha at which eps_g (..., A) is below the level, interpolated; infinity if it is not."""
    below = eps_g < level
    j = np.maximum(np.argmax(below, axis=-1), 1)[..., None]
    after, before = np.take_along_axis(eps_g, j, -1)[..., 0], np.take_along_axis(eps_g, j - 1, -1)[..., 0]
    j = j[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip((before - level) / (before - after), 0, 1)
    crossed = alphas[j - 1] + np.where(below[..., 0], 0, share) * (alphas[j] - alphas[j - 1])
    return np.where(below.any(axis=-1), crossed, np.inf)


# ---------------------------------------------------------------------------------------------------------------------
# The symmetric start at finite N


@stoppable()
def escape_times(problem: Problem, *, draws: int = 400, rng: RngLike) -> EscapeTimes:
    """The law of the alpha at which runs from a symmetric start leave its plateau, as N -> infinity.

    The noise on the way to the saddle has spread the runs, by linear noise, over its unstable directions; this spread
    grows like e^(lambda alpha)/sqrt(N) until it is of order 1, and from there on the ODEs lead each run away:
    alpha_esc = log(N)/(2 lambda) + an offset. Each draw of the spread is followed by the ODEs. If stable directions of
    the saddle decay more slowly than lambda, a usual N is not large: there it is some per cent off (theory.md).

    Parameters
    ----------
    problem : Problem
        Its start must have a symmetry that keeps the ODEs on a saddle for ever: R = 0, say. N is not used.
    draws : int, default 400
        Points of a scrambled Halton sequence.
    rng : int or numpy.random.Generator
        That scrambles it.

    Returns
    -------
    EscapeTimes
        A sample of it, for every N.

    Raises
    ------
    InputError
        If the problem changes with alpha, inputs are not isotropic, or the start does not end on a saddle of positive
        eps_g, gets there so slowly that even runs of a million inputs leave before, or runs that leave do not reach
        half its eps_g.

    See Also
    --------
    plateaus : Plateaus that the ODEs leave by themselves.
    simulate_reduced : Runs that leave.

    Examples
    --------
    >>> symmetric = stdyn.Problem(stdyn.initial.prepared(2, 2, q=0.2, r=0), eta=1.5, eta_v=0)
    >>> times = stdyn.escape_times(symmetric, draws=50, rng=1)
    >>> low, high = np.percentile(times.at(1000), [5, 95])
    >>> bool(40 < low < high < 100)
    True
    """
    draws = integer("draws", draws, 1)
    rng = check_rng(rng)
    check_type("problem", problem, Problem)
    check_constant(problem, "escape times")
    if problem.start.inputs is not None:
        raise InputError(f"inputs must be isotropic for escape times, but are {problem.inputs}")
    if problem.flow:
        raise InputError("flow must be False for escape times: gradient flow has no runs that leave")
    saddle, settled = _symmetric_saddle(problem)
    rate, expansion = saddle.escape_rate, Expansion(problem)
    alpha = settled + _SETTLED / rate
    found = fluctuations(replace(problem, N=10**6), [alpha])
    start = expansion.coordinates(found.theory.at(0))
    back = np.linalg.inv(expansion.slopes(start[None])[0, :-1])
    Sigma = back @ found.covariance[0] @ back.T * 1e6
    size = len(saddle.eigenvalues)
    J = expansion.jacobian(expansion.coordinates(saddle.state))[:size, :size]
    leading, right, amplitudes_of = _growing(J, _LEADING * rate)
    projector = (right @ amplitudes_of).real
    spread, axes = np.linalg.eigh(projector @ Sigma[:size, :size] @ projector.T)
    spread, axes = spread[-len(leading) :], axes[:, -len(leading) :]
    small = _SMALL / np.sqrt(spread[-1])
    normals = norm.ppf(qmc.Halton(len(spread), rng=rng).random(draws))
    offsets = np.empty(draws)
    for draw in range(draws):
        step = np.zeros_like(start)
        step[:size] = small * (axes @ (np.sqrt(np.maximum(spread, 0)) * normals[draw]))
        moved = expansion.state(start + step)
        offsets[draw] = alpha + _time_below(problem, moved, saddle.eps_g / 2, rate) + np.log(small) / rate
        if not np.isfinite(offsets[draw]):
            raise InputError(
                f"runs that leave the plateau of eps_g = {saddle.eps_g:.4g} must get below half of that, but these"
                f" do not (is sigma = {text(problem.sigma)} or eta = {text(problem.eta)} too large?)"
            )
    return EscapeTimes(saddle, saddle.eps_g / 2, rate, offsets)


def _symmetric_saddle(problem: Problem) -> tuple[FixedPoint, float]:
    """The saddle on which the ODEs end, and the alpha from which they are within 1 % of its eps_g."""
    expansion = Expansion(problem)
    alphas = np.concatenate([[0], np.geomspace(0.1, 1e5, 241)])
    theory = integrate(problem, alphas, "LSODA", error=False)
    point = fixed_point(problem, theory.at(-1))
    end = expansion.coordinates(theory.at(-1))
    if point is None or not point.unstable or np.abs(expansion.coordinates(point.state) - end).max() > 1e-3:
        raise InputError(
            "start must have a symmetry that keeps the ODEs on a saddle, such as R = 0; from this one they"
            f" {'diverge' if theory.diverged_at is not None else 'do not end on one'}"
        )
    if point.eps_g < 1e-9:
        raise InputError(
            "start must end on a saddle of positive eps_g, but on this one, eps_g = 0, everything is learned"
        )
    away = np.flatnonzero(np.abs(theory.eps_g / point.eps_g - 1) > 0.01)
    settled = float(theory.alphas[away[-1] + 1]) if away.size else 0.0
    if point.escape_rate * settled > np.log(_LARGE) / 2:
        raise InputError(
            f"start must end on a saddle before runs leave it, but the ODEs need until alpha = {settled:.4g}, and runs"
            f" of N = {_LARGE:g} leave about alpha = {np.log(_LARGE) / (2 * point.escape_rate):.4g}"
        )
    return point, settled
