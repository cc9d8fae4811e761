"""Covariance and bias along a solution of the ODEs, step by step, for N = 1 (theory.md, section 5).

Two things are made on the way: D as a function of alpha, and the steps of the linear equations.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.executors import cores
from stdyn.model.protocol import Span
from stdyn.progress import bar
from stdyn.theory.expansion import Expansion, late
from stdyn.theory.quadrature import SETS, normal_points

_ACCURACY = 1e-4  # of D between the alphas at which it is computed, relative to sqrt(D_aa D_cc)
_ACCURACY_OF_JUMPS = 1e-2  # the same if g' jumps: so does then D by fixed points, by less than its error
_NOTHING = 1e-25  # a D below this is rounding
_NODES = np.linspace(0, 1, 5)  # of the polynomials in between, in units of a panel
_STEPS = 1e6  # at most
_GROWTH = 0.1  # exponent by which a fluctuation may grow in one step
_GAUSS = 0.5 + np.array([-1, 1]) * np.sqrt(3) / 6  # where in a step J and D are taken
_LARGEST = 1e4  # standard deviation of an order parameter, which is O(1): linear noise has lost its meaning long before
_LEADING = 4  # directions of the largest spread, along which J is averaged

Solution = Callable[[Array], Array]  # the states w (A, L) at increasing alphas (A,)
Jacobians = Callable[[Iterable[float], Iterable[Array]], Iterable[Array]]  # at several alphas and states, in threads


# ---------------------------------------------------------------------------------------------------------------------
# D along the solution


@dataclass(frozen=True, eq=False)
class _Diffusion:
    """D of the student's step against alpha by each half of the points, as polynomials of fourth order on panels."""

    edges: Array  # (panels + 1,)
    values: Array  # (panels, 5, 2, L, L)

    @property
    def times(self) -> Array:
        """The alphas at which it was computed."""
        inner = self.edges[:-1, None] + np.diff(self.edges)[:, None] * _NODES[:-1]
        return np.append(inner.ravel(), self.edges[-1])

    def __call__(self, alpha: float) -> Array:
        """(2, L, L)"""
        panel = min(int(np.searchsorted(self.edges, alpha, side="right")) - 1, len(self.values) - 1)
        x = (alpha - self.edges[panel]) / (self.edges[panel + 1] - self.edges[panel])
        return np.tensordot(_weights(np.array([x]))[0], self.values[panel], 1)


def _diffusion_along(
    expansion: Expansion, solution: Solution, span: Span, points: int, pool: ThreadPoolExecutor
) -> _Diffusion:
    """D from one break to the next.

    Panels are halved until the polynomial of one foretells D at the new nodes of its halves to _ACCURACY.

    Or as well as it can: near perfect learning D is as small as eps_g, and the ODEs are solved to _RTOL only.
    """
    g = quadrature_points(expansion, points)
    computed: dict[float, Array] = {}

    def compute(times: Array) -> None:
        new = np.array(sorted(set(times.ravel().tolist()) - computed.keys()))
        found = pool.map(lambda alpha, w: expansion.at(alpha, span).diffusion(w, g), new.tolist(), solution(new))
        halves = (D.reshape(2, -1, *D.shape[1:]).mean(axis=1) for D in found)
        computed.update(zip(new.tolist(), halves, strict=True))

    between = (_NODES[:-1] + _NODES[1:]) / 2
    foretell, positions = _weights(between), np.sort(np.concatenate([_NODES, between]))
    begin, end = span.begin, span.end
    halvings = max(int(np.ceil(np.log2(max(end - begin, 1)))), 0) + 1
    edges = begin + np.append(0, (end - begin) * 2.0 ** -np.arange(halvings, -1, -1))
    edges[-1] = end
    accuracy = _ACCURACY if expansion.problem.activation.smooth else _ACCURACY_OF_JUMPS
    done: list[Array] = []
    pending = [(at, np.inf) for at in pairwise(edges)]  # ends, and the error of the whole before
    while pending:
        nodes = np.array([low + (high - low) * positions for (low, high), _ in pending])
        compute(nodes)
        again = []
        for at, (_, before) in zip(nodes, pending, strict=True):
            D = np.array([computed[time].mean(axis=0) for time in at.tolist()])
            scale = np.sqrt(np.diagonal(D, axis1=1, axis2=2).max(axis=0))
            apart = np.abs(np.tensordot(foretell, D[::2], 1) - D[1::2]).max(axis=0)
            error = float(np.max(apart / (np.outer(scale, scale) + _NOTHING)))
            if error <= accuracy or not error <= before / 2:  # NaN, or the error of the ODEs: halving does not help
                done.extend([at[:5], at[4:]])
            else:
                again.extend([((at[0], at[4]), error), ((at[4], at[8]), error)])
        pending = again
    done.sort(key=lambda at: at[0])
    values = np.array([[computed[time] for time in at.tolist()] for at in done])
    return _Diffusion(np.append([at[0] for at in done], end), values)


def quadrature_points(expansion: Expansion, points: int) -> Array:
    """Standard normal numbers (sets, rows, points) of the kernel `diffusion`: scrambled Sobol points, the same ever."""
    return np.array([normal_points(expansion.normals, points, which) for which in range(SETS)])


def _weights(x: Array) -> Array:
    """The weights of the values at _NODES in the polynomial through them, at x: (len(x), 5)."""
    ratios = (x[:, None, None] - _NODES) / (_NODES[:, None] - _NODES + np.eye(len(_NODES)))
    ratios[:, np.arange(len(_NODES)), np.arange(len(_NODES))] = 1
    return ratios.prod(axis=2)


# ---------------------------------------------------------------------------------------------------------------------
# Covariance and bias along the solution, for N = 1, but for what says where they cease to be valid


@dataclass(frozen=True, eq=False)
class Moments:
    """What is carried along the solution, for N = 1."""

    Sigma: Array  # (3, L, L): the covariance by each half of the points, and its change by the spread of J
    mean: Array  # (L, 2): the shift of the mean by curvature, and by steps of finite size in finite N

    @property
    def covariance(self) -> Array:
        """(L, L), by all points."""
        return self.Sigma[:2].mean(axis=0)


def propagate(
    expansion: Expansion, solution: Solution, alphas: Array, points: int, progress: bool = False
) -> Iterator[Moments]:
    """The moments at alphas, up to where a run would scatter by more than _LARGEST."""
    now = Moments(np.zeros((3, expansion.size, expansion.size)), np.zeros((expansion.size, 2)))
    if alphas[0] == 0:
        yield now
    if alphas[-1] == 0:
        return
    spans = expansion.problem.protocol.spans(float(alphas[-1]))
    with ThreadPoolExecutor(cores()) as pool:
        for before, span in zip([None, *spans], spans, strict=False):
            inside = alphas[(alphas > span.begin) & (alphas <= span.end)]
            if before is not None:
                now = Moments(now.Sigma, now.mean + _shift_of_jump(expansion, solution, before, span))
            through = _through(expansion, solution, span, inside, now, points, pool, progress)
            for alpha, after in through:
                now = after
                if alpha in inside:
                    yield now
            if not now.covariance.max() < _LARGEST**2 * expansion.problem.N:
                return


def _shift_of_jump(expansion: Expansion, solution: Solution, before: Span, after: Span) -> Array:
    """What a jump between two spans shifts the mean by, (L, 2): runs jump at the first step from there on."""
    shift, alpha = late(after.begin, expansion.problem.N), after.begin
    if not shift:
        return np.zeros((expansion.size, 2))
    w = solution(np.array([alpha]))[0]
    changed = expansion.at(alpha, before).drift(w) - expansion.at(alpha, after).drift(w)
    return np.stack([np.zeros_like(w), shift * changed], axis=1)


def _through(
    expansion: Expansion, solution: Solution, span: Span, alphas: Array, now: Moments, points: int,
    pool: ThreadPoolExecutor, progress: bool,
) -> Iterator[tuple[float, Moments]]:  # fmt: skip
    """From one break to the next, step by step: alpha, and the moments there, which begin with `now`."""
    N, begin, end = expansion.problem.N, span.begin, span.end

    def jacobians(times: Iterable[float], states: Iterable[Array]) -> Iterable[Array]:
        return pool.map(lambda alpha, w: expansion.at(alpha, span).jacobian(w), times, states)

    noise = _diffusion_along(expansion, solution, span, points, pool)
    grid = _grid(jacobians, solution, np.union1d(np.append(alphas, [begin, end]), noise.times))
    inside = grid[:-1, None] + np.diff(grid)[:, None] * np.array([0, *_GAUSS])
    w = solution(np.append(inside.ravel(), end))
    sources = _sources(expansion.at(begin, span), w[0], noise(begin), now)
    for n, h in enumerate(bar(progress, np.diff(grid), desc="fluctuations", unit=" steps", delay=2)):
        at, there = inside[n, 1:].tolist(), w[3 * n + 1 : 3 * n + 3]
        steps = (expansion.at(alpha, span).of_step(each, noise(alpha)) for alpha, each in zip(at, there, strict=True))
        J, D = _magnus(jacobians(at, there), steps, h)
        changed = _averaged_jacobian(jacobians, grid[n], w[3 * n], now, N)
        Phi, Psi, constant, linear = propagators(J, np.array([*D, _lyapunov(changed, now.covariance)]), h)
        now = Moments(Phi @ now.Sigma @ Phi.T + Psi, now.mean)
        alpha = float(grid[n + 1])
        if not now.covariance.max() < _LARGEST**2 * N:
            yield np.nan, now
            return
        after = _sources(expansion.at(alpha, span), w[3 * n + 3], noise(alpha), now)
        now = Moments(now.Sigma, Phi @ now.mean + constant @ sources + linear @ (after - sources))
        sources = after
        yield alpha, now


def _grid(jacobians: Jacobians, solution: Solution, times: Array) -> Array:
    """The given times, and as many in between that nothing grows by more than _GROWTH in a step."""
    grid = np.unique(times)
    middle = (grid[:-1] + grid[1:]) / 2
    growth = np.array([np.linalg.eigvals(J).real.max() for J in jacobians(middle.tolist(), solution(middle))])
    parts = np.maximum(np.ceil(np.diff(grid) * growth / _GROWTH), 1)
    if not parts.sum() <= _STEPS:
        raise InputError(
            "problem must have a Jacobian that linear noise can follow, but perturbations grow by"
            f" e^{growth.max():.2g} per unit of alpha (ReLU units of length zero, or two that are equal?)"
        )
    parts = parts.astype(int)
    inner = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(grid[:-1], grid[1:], parts, strict=True)]
    return np.append(np.concatenate(inner), grid[-1])


def _magnus(J: Iterable[Array], D: Iterable[Array], h: float) -> tuple[Array, Array]:
    """Constant J and D of the same effect over a step h, to fourth order, from those at its Gauss points."""
    (J1, J2), (D1, D2), twist = J, D, np.sqrt(3) / 12 * h
    return (J1 + J2) / 2 + twist * (J2 @ J1 - J1 @ J2), (D1 + D2) / 2 + twist * (_lyapunov(J2, D1) - _lyapunov(J1, D2))


def propagators(J: Array, D: Array, h: float) -> tuple[Array, Array, Array, Array]:
    """With constant J, D over a step h: Phi = e^(Jh), the integrals of e^(Js) D e^(J^T s), e^(Js), e^(Js) (1 - s/h).

    Taylor series of a small part of the step, which is then doubled: nothing is inverted, and no step is too long.
    """
    doublings = max(0, int(np.ceil(np.log2(max(float(np.abs(J).sum(axis=1).max()) * h / 0.25, 1)))))
    t = h / 2**doublings
    power = np.eye(len(J))
    Phi, constant, linear = power.copy(), t * power, t**2 / 2 * power
    Psi = source = t * D
    for n in range(1, 10):
        power = power @ J * (t / n)
        Phi = Phi + power
        constant = constant + power * (t / (n + 1))
        linear = linear + power * (t**2 / ((n + 1) * (n + 2)))
        source = _lyapunov(J, source) * (t / (n + 1))
        Psi = Psi + source
    for _ in range(doublings):
        Psi = Psi + Phi @ Psi @ Phi.T
        linear = Phi @ linear + linear + t * constant
        constant = constant + Phi @ constant
        Phi, t = Phi @ Phi, 2 * t
    return Phi, Psi, constant, linear / h


def _lyapunov(J: Array, S: Array) -> Array:
    """J S + S J^T for symmetric S (..., L, L)."""
    JS = J @ S
    return JS + np.swapaxes(JS, -1, -2)


def _sources(expansion: Expansion, w: Array, D: Array, now: Moments) -> Array:
    """What shifts the mean, with D by each half of the points: (L, 2)."""
    curved = expansion.curvature(w, now.covariance)
    return np.stack([curved, expansion.finite_size_drift(w, D.mean(axis=0))], axis=1)


def _averaged_jacobian(jacobians: Jacobians, alpha: float, w: Array, now: Moments, N: int) -> Array:
    """By what J, averaged over the spread around w along the leading directions and over its shift, differs from J."""
    variances, axes = np.linalg.eigh(now.covariance / N)
    steps = np.sqrt(np.maximum(variances[-_LEADING:], 0))[:, None] * axes.T[-_LEADING:]
    shift = now.mean.sum(axis=1) / N
    states = [w, w + shift, w - shift, *(w + steps), *(w - steps)]
    here, further, back, *around = jacobians([float(alpha)] * len(states), states)
    return (further - back) / 2 + np.sum(around, axis=0) / 2 - len(steps) * here
