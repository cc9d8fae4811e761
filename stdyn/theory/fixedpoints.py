"""Where the order parameters do not move: fixed points of the ODEs and their spectra.

Theory.md, section 9. Roots are found in the coordinates of `expansion.Expansion` and given for R, Q and v.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.optimize
from scipy.linalg import null_space

from stdyn.checks import Array, RngLike, check_rng, check_type, integer
from stdyn.errors import InputError, NothingFoundWarning, warn
from stdyn.model import averages
from stdyn.model.initial import root
from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule
from stdyn.model.state import OrderParameters
from stdyn.stopping import stoppable
from stdyn.theory.expansion import Expansion, check_size
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.roots import FAR, free_places, frozen, root_near
from stdyn.theory.stepping import solve
from stdyn.theory.symmetry import equivalent, find_orbits

_IMPOSSIBLE = -1e-9  # an eigenvalue of Q_across below this, in the same units: no weights have such overlaps
_EXACT = 1e-13  # but this may be rounding
_LARGEST = 100.0  # a Q_ik above this, in units of T, counts as infinite: nothing moves there, as g' is zero
_SAME = 1e-6  # order parameters of one fixed point, found twice
IMPOSSIBLE = "ended at overlaps that no weights have"  # why nothing is found from a start; others: roots.py
MOST_OVERLAPS = 1000  # in a state by group: a Jacobian takes a second
_LONGEST = 1000.0  # alpha (eta alpha, if eta < 1) up to which the ODEs may lead a random start


@stoppable()
def fixed_points(
    problem: Problem,
    starts: Iterable[OrderParameters] | None = None,
    *,
    number_of_starts: int = 200,
    rng: RngLike | None = None,
) -> list[FixedPoint]:
    """Fixed points of the ODEs of a problem, smallest eps_g first.

    Parameters
    ----------
    problem : Problem
        Its rule, rates, teacher and feedback weights; with eta_v = decay_v = 0 also its v, which does not move (if
        they become 0, what the ODEs have made of it by then), on the
        sphere the lengths of its vectors, and with rule "kp" b - v, if that does not decay. Where rates or tasks change
        with alpha, it is that from which on they do not; with rule "kp" and decay_v > 0 that in which b = v.
    starts : iterable of OrderParameters, optional
        Where to look for roots from. One that has a symmetry is looked for among the states with this symmetry only.
        Default: the problem's start, `number_of_starts` random ones, two in which all students are alike, which are
        near the saddles of symmetric plateaus, and, if K = M, perfect learning.
    number_of_starts : int, default 200
        Random starts: weights of random length, half of them as they are, half after the ODEs have led them on for a
        while, towards what trajectories come near.
    rng : int or numpy.random.Generator, optional
        For the random starts; needed unless `starts` is given.

    Returns
    -------
    list of FixedPoint
        Polished by Newton's method to steps of 1e-12. Images under the symmetries of the problem (permutations of units
        and changes of sign) are merged, and of a continuous family one member is kept. Nothing says that all are found.

    Raises
    ------
    InputError
        If the first layer does not move (eta = 0), a rate changes for ever, or a start does not fit the problem.
    KeyboardInterrupt
        On Ctrl-C, SIGTERM or SIGHUP; its `fixed_points` are those found until then.

    Warns
    -----
    NothingFoundWarning
        No fixed point is found; the message says how the starts ended, and how many of them each way.

    See Also
    --------
    critical_eta : Up to which learning rate perfect learning is stable.
    plateaus : The saddles that a trajectory comes near to.
    flow : The right-hand side and its Jacobian at any state.

    Examples
    --------
    >>> committee = stdyn.Problem(stdyn.initial.prepared(2, 2, v=[1, 1]), eta=0.5, eta_v=0)
    >>> for point in stdyn.fixed_points(committee, number_of_starts=10, rng=1):
    ...     print(f"{point.eps_g:.4f} {point.kind}, {point.unstable} unstable directions")
    0.0000 stable, 0 unstable directions
    0.0146 saddle, 1 unstable directions
    0.0147 saddle, 3 unstable directions
    """
    check_type("problem", problem, Problem)
    problem = autonomous(problem, "fixed points")
    if problem.eta == 0:
        raise InputError("eta must be positive for fixed points, but is 0: nothing moves")
    if starts is not None and (isinstance(starts, OrderParameters | str) or not isinstance(starts, Iterable)):
        kind = "single one" if isinstance(starts, OrderParameters) else type(starts).__name__
        raise InputError(f"starts must be a list of OrderParameters, but is a {kind}")
    if starts is None:
        draw = check_rng(rng)
        count = integer("number_of_starts", number_of_starts, 0)
        starts = [problem.start, *(_random_start(problem, draw, led=n % 2 == 1) for n in range(count))]
        starts += alike(problem)
        with suppress(InputError):  # K != M, or a frozen v that is not the teacher's
            starts.append(perfect_learning(problem))
    reached: list[FixedPoint | str] = []
    try:
        reached += (_reached(problem, start) for start in starts)
    except KeyboardInterrupt as stop:
        vars(stop)["fixed_points"] = merged(point for point in reached if not isinstance(point, str))
        raise
    points = [point for point in reached if not isinstance(point, str)]
    if not points:
        counts = Counter(why for why in reached if isinstance(why, str))
        ends = ", ".join(f"{count} {why}" for why, count in counts.most_common()) or "there were none"
        warn(f"no fixed point was found from {len(reached)} starts: {ends}", NothingFoundWarning, stacklevel=3)
    return merged(points)


def autonomous(problem: Problem, of: str) -> Problem:
    """The problem that does not change with alpha which this one becomes; refused if it never does.

    With rule "kp" and decay_v > 0 it is that of backpropagation, which b - v decays to.
    """
    if problem.sphere and problem.start.inputs is not None:
        raise InputError(f"sphere must be False for {of} of inputs that are not isotropic, but is True")
    check_size(problem, of, MOST_OVERLAPS)
    changes: dict[str, Any] = {}
    if problem.protocol.constant:
        return problem
    rates = {name: getattr(problem, name) for name in SCHEDULED}
    for name, each in rates.items():
        if isinstance(each, Schedule):
            if not np.isfinite(each.settled):
                raise InputError(f"{name} must not change from some alpha on for {of}, but is {each}")
            changes[name] = each.at(each.settled)
    last = max([each.settled for each in rates.values() if isinstance(each, Schedule)], default=0.0)
    if problem.tasks is not None:
        last = max([last, *problem.tasks.breaks])
        changes["tasks"] = problem.tasks.shifted(last)
    stays = all(changes.get(name, rates[name]) == 0 for name in ("eta_v", "decay_v"))
    start = _led_to(problem, last) if stays and not frozen(problem) else problem.start  # v is what it is by then
    changes["start"] = start
    if problem.rule == "kp":
        vanishes = changes.get("decay_v", problem.decay_v) > 0
        changes |= {"rule": "bp", "b": None} if vanishes else {"b": problem.started(start, last).b}
    if changes.get("mixture") == 1:
        changes |= {"rule": "bp", "b": None, "mixture": None}
    return replace(problem, **changes)


def _led_to(problem: Problem, last: float) -> OrderParameters:
    """Where the ODEs lead the start to."""
    found = solve(problem, np.array([0.0, last]), "LSODA", 1e-10, 1e-12)
    if found.end is not None and found.end.why == "interrupted":
        raise KeyboardInterrupt
    if len(found.y) < 2:
        words = found.end.words if found.end is not None else "they end before"
        raise InputError(f"problem must lead its start to alpha = {last:g}, from where on v stays, but {words}")
    expansion = Expansion(problem)
    return expansion.state(expansion.to_w(found.y[-1]))


def merged(points: Iterable[FixedPoint]) -> list[FixedPoint]:
    """The points, images of each other and members of a family as one, smallest eps_g first."""
    different: list[FixedPoint] = []
    for point in points:
        for n, known in enumerate(different):
            if _same(known, point):
                different[n] = replace(known, found=known.found + point.found)
                break
        else:
            different.append(point)
    return sorted(different, key=lambda point: point.eps_g)


def fixed_point(problem: Problem, start: OrderParameters) -> FixedPoint | None:
    """The fixed point that Powell's hybrid method and Newton's reach from a start; None if there is none."""
    point = _reached(autonomous(problem, "fixed points"), start)
    return None if isinstance(point, str) else point


def _reached(problem: Problem, start: OrderParameters) -> FixedPoint | str:
    """The fixed point that is reached from a start; if there is none, why."""
    check_state("starts", problem, start)
    if frozen(problem):
        start = replace(start, v=problem.start.v)
    expansion = Expansion(problem)
    if problem.sphere:
        start = on_the_sphere(problem, start)
    w = root_near(expansion, expansion.coordinates(start), find_orbits(problem.started(start)))
    return w if isinstance(w, str) else _at(expansion, w)


def check_state(name: str, problem: Problem, state: OrderParameters) -> None:
    """Refuse a state of another teacher or other shapes."""
    if not isinstance(state, OrderParameters):
        raise InputError(f"{name} must be OrderParameters, but is or contains {type(state).__name__}")
    for part in ("R", "v", "T", "v_teacher"):
        mine, theirs = getattr(state, part), getattr(problem.start, part)
        if mine.shape != theirs.shape or (part in ("T", "v_teacher") and not np.array_equal(mine, theirs)):
            raise InputError(f"{name} must have the problem's teacher and shapes, but {part} differs")
    if state.inputs != problem.start.inputs or not np.array_equal(state.groups[2], problem.start.groups[2]):
        raise InputError(f"{name} must have the problem's inputs and teacher by group, but they differ")


def _at(expansion: Expansion, w: Array) -> FixedPoint | str:
    """The fixed point at a root w; if it is none of weights, why."""
    problem, free = expansion.problem, free_places(expansion.problem)
    eigenvalues = np.linalg.eigvalsh(expansion.parts(w)[1])
    if eigenvalues.min() < min(_IMPOSSIBLE * max(min(1.0, problem.eta), eigenvalues.max()), -_EXACT):
        return IMPOSSIBLE
    if np.abs(expansion.order_parameters(w)[1]).max() > _LARGEST * np.abs(expansion.T).max():
        return FAR
    state = expansion.state(w)
    w = expansion.coordinates(state)
    J, slopes = expansion.jacobian(w)[np.ix_(free, free)], expansion.slopes(w[None])[0, :-1][np.ix_(free, free)]
    if problem.sphere:  # displacements along it, which J maps to such
        along = null_space(slopes[np.searchsorted(free, expansion.norms)])
        J, slopes = along.T @ J @ along, slopes @ along
    values, vectors = np.linalg.eig(J)
    vectors = slopes @ vectors
    order = np.argsort(-values.real, kind="stable")
    vectors = vectors[:, order] / np.linalg.norm(vectors[:, order], axis=0)
    return FixedPoint(problem, state, max(float(expansion.eps_g(w)), 0.0), values[order], vectors)


def _random_start(problem: Problem, rng: np.random.Generator, led: bool) -> OrderParameters:
    """Random weights; if `led`, after the ODEs have led them on up to a random alpha."""
    start, K, M = problem.start, problem.start.K, problem.start.M
    scale = np.sqrt(np.trace(start.T) / M)
    W = rng.uniform(0.1, 1.2) * scale * rng.standard_normal((K, K + M)) / np.sqrt(K + M)
    v = start.v
    if not frozen(problem):
        v = np.sqrt(np.mean(start.v_teacher**2)) * rng.standard_normal(v.shape)
    state = _of_weights(start, W, v, rng)
    if problem.sphere:
        state = on_the_sphere(problem, state)
    alpha = float(np.exp(rng.uniform(0, np.log(_LONGEST)))) / min(1.0, problem.eta)
    if not led:
        return state
    expansion = Expansion(problem)
    found = solve(problem.started(state), np.array([alpha / 2, alpha]), "LSODA", 1e-6, 1e-8)
    if found.end is not None and found.end.why == "interrupted":
        raise KeyboardInterrupt
    y = found.y
    if not len(y):
        return state
    return expansion.state(expansion.to_w(y[-1]))


def _of_weights(start: OrderParameters, W: Array, v: Array, rng: np.random.Generator) -> OrderParameters:
    """The state of student weights W (K, M + K), along the teacher's space and across it.

    Of inputs that are not isotropic they are the like in every group, up to a third.
    """
    M, t = start.M, start.groups[2]
    if start.inputs is None:
        return OrderParameters(W[:, :M] @ root(start.T), W @ W.T, start.T, v, start.v_teacher)
    inputs = start.inputs
    apart = W + np.abs(W).mean() / 3 * rng.standard_normal((inputs.groups, *W.shape))
    each = np.sqrt(inputs.shares)[:, None, None] * apart
    r = np.array([W_t[:, :M] @ root(t_t) for W_t, t_t in zip(each, t, strict=True)])
    q = each @ np.swapaxes(each, 1, 2)
    return OrderParameters.by_group(inputs, r, q, t, v, start.v_teacher, start.T_hidden)


def on_the_sphere(problem: Problem, state: OrderParameters) -> OrderParameters:
    """The state with students of the lengths that the problem's have; those of length 0 get some."""
    norms = np.diag(state.Q)
    Q = state.Q + np.diag(np.where(norms > 0, 0.0, 1.0))
    scale = np.sqrt(np.diag(problem.start.Q) / np.diag(Q))
    return replace(state, R=state.R * scale[:, None], Q=Q * np.outer(scale, scale))


def alike(problem: Problem) -> list[OrderParameters]:
    """Two states in which all students are alike, but for signs that the feedback weights or a frozen v ask for.

    All w_i are along the sum of v~_n w~_n (of |v~_n| w~_n, if that is zero), of the length with the least eps_g: that
    is the symmetric saddle of Saad and Solla as eta -> 0. The students are the same vector, or have in addition
    vectors across the teacher's space that are orthogonal to each other, of squared length eta.
    """
    start, K, M = problem.start, problem.start.K, problem.start.M
    v, v_teacher = start.v.reshape(K, -1), start.v_teacher.reshape(M, -1)
    total = v_teacher.sum(axis=0)
    towards = v if frozen(problem) else np.ones((K, 1)) * total if problem.b is None else problem.b.reshape(K, -1)
    sign = np.where((towards @ total < 0) & (problem.activations[0].parity == -1), -1.0, 1.0)
    if not frozen(problem):
        v = sign[:, None] * total / K
    direction = v_teacher @ total if total.any() else np.linalg.norm(v_teacher, axis=1)
    seen = start.T if start.inputs is None else start.T - start.T_hidden  # what the inputs explain
    squared = direction @ seen @ direction
    if not squared > 0:  # nothing to learn
        return []
    along = np.outer(sign, seen @ direction) / np.sqrt(squared)

    def error(length: float) -> float:
        Q = length**2 * np.outer(sign, sign)
        return float(averages.eps_g(length * along, Q, start.T, v, v_teacher, problem.activations))

    longest = 2 * np.sqrt(np.trace(start.T))
    length = float(scipy.optimize.minimize_scalar(error, bounds=(0, longest), method="bounded").x)
    R, Q = length * along, length**2 * np.outer(sign, sign)
    weights, squares = v.reshape(start.v.shape), (0.0, min(1.0, problem.eta))
    if start.inputs is None:
        return [OrderParameters(R, Q + across * np.eye(K), start.T, weights, start.v_teacher) for across in squares]
    inputs, t = start.inputs, start.T_group
    r = length / np.sqrt(squared) * sign[:, None] * (t @ direction)[:, None, :]
    q = length**2 / squared * np.outer(sign, sign) * (t @ direction @ direction)[:, None, None]
    parts = inputs.shares[:, None, None] * np.eye(K)
    return [
        OrderParameters.by_group(inputs, r, q + across * parts, t, weights, start.v_teacher, start.T_hidden)
        for across in squares
    ]


def _same(one: FixedPoint, other: FixedPoint) -> bool:
    """Whether they are images of each other under a symmetry of the problem, or members of one family.

    Two points with zero modes count as one family if eps_g and the numbers of zero and of growing modes agree.
    """
    if abs(one.eps_g - other.eps_g) > _SAME * (1e-3 + one.eps_g) or one.unstable != other.unstable:
        return False
    if one.zero_modes and one.zero_modes == other.zero_modes:
        return True
    mine, theirs = (point.problem.started(point.state) for point in (one, other))
    return equivalent(mine, theirs, _SAME)


def perfect_learning(problem: Problem) -> OrderParameters:
    """The state in which student unit i is teacher unit i, with the sign that the feedback weights ask for.

    Both layers: (w_i, v_i) = ± (w~_i, v~_i) with b_i . v_i > 0, else plus; always plus if g is not odd. Needs K = M,
    the same activation of student and teacher and, with a frozen second layer, v_i = ± v~_i.
    """
    start, K = problem.start, problem.start.K
    student, teacher = problem.activations
    if student != teacher:
        raise InputError(
            f"perfect learning needs the teacher's activation, {teacher}, but that of the student is {student}"
        )
    if start.M != K:
        raise InputError(f"perfect learning needs K = M, but K = {K} and M = {start.M}; give the state as `at` instead")
    v, v_teacher = start.v.reshape(K, -1), start.v_teacher.reshape(K, -1)
    towards = v if frozen(problem) else v_teacher if problem.b is None else problem.b.reshape(K, -1)
    sign = np.where((np.sum(towards * v_teacher, axis=1) < 0) & (student.parity == -1), -1.0, 1.0)
    perfect = sign[:, None] * v_teacher
    if frozen(problem) and not np.allclose(v, perfect, rtol=1e-12, atol=0):
        raise InputError(f"v must be ± v_teacher where it is frozen (eta_v = 0), to learn perfectly, but is {start.v}")
    if start.inputs is not None and start.T_hidden.any():
        raise InputError("perfect learning needs a teacher that sees no more than the student, but T_hidden is not 0")
    r, q, t = sign[:, None] * start.groups[2], np.outer(sign, sign) * start.groups[2], start.groups[2]
    return OrderParameters.by_group(problem.inputs, r, q, t, perfect.reshape(start.v.shape), start.v_teacher)
