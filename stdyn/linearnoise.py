"""Fluctuations at finite N: the covariance of the order parameters over runs, and the bias of their mean.

Linear noise along the solution of the ODEs (theory.md, section 5), computed in the coordinates of
`expansion.Expansion` and given for R, Q and v.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, qmc

from stdyn import store
from stdyn.errors import InputError, SymmetryWarning
from stdyn.expansion import Expansion
from stdyn.ode import check_settings, integrate, solve
from stdyn.problem import Array, Problem, integer
from stdyn.simulate import cores
from stdyn.trajectory import Trajectory, from_arrays, read_kind, to_dataset

if TYPE_CHECKING:
    import xarray

LIMIT = 0.02  # relative change of a predicted standard deviation by what linear noise leaves out: up to it, it is valid

_SETS = 8  # of points of the quadrature; one half of them against the other gives its error
_ACCURACY = 1e-4  # of D between the alphas at which it is computed, relative to sqrt(D_aa D_cc)
_NOTHING = 1e-25  # a D below this is rounding
_NODES = np.linspace(0, 1, 5)  # of the polynomials in between, in units of a panel
_GROWTH = 0.1  # exponent by which a fluctuation may grow in one step
_GAUSS = 0.5 + np.array([-1, 1]) * np.sqrt(3) / 6  # where in a step J and D are taken
_LEADING = 4  # directions of the largest spread, along which J is averaged

Solution = Callable[[Array], Array]  # the states w (A, L) at increasing alphas (A,)


@dataclass(frozen=True, eq=False)
class PerOrderParameter:
    """One array for each order parameter, in the shapes of a theory's Trajectory; F is None for rule "bp"."""

    R: Array
    Q: Array
    v: Array
    F: Array | None
    eps_g: Array


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations:
    """How runs of N inputs scatter around the theory, without a parameter fitted (theory.md, section 5).

    Attributes
    ----------
    theory : Trajectory
        The solution of the ODEs, with `problem` and `alphas`.
    covariance : ndarray, shape (A, L, L)
        Covariance over runs of all order parameters, in the order R row by row, upper triangle of Q row by row, v row
        by row; proportional to 1/N.
    std : PerOrderParameter
        Standard deviations over runs, `.std.R` (A, K, M) and so on; of F and eps_g by the delta method.
    bias : PerOrderParameter
        Mean over runs minus theory, to order 1/N.
    nonlinearity, nonlinearity_eps_g : ndarray, shape (A,)
        By how much, relative to it, the standard deviation of some R, Q, v or F would change if the Jacobian were not
        that at the theory but its average over the predicted spread; and that of eps_g if it were not linear in them.
    quadrature_error : float
        Relative standard error of `std` by the quadrature of D: root mean square over order parameters and alphas.
    """

    theory: Trajectory
    covariance: Array
    std: PerOrderParameter
    bias: PerOrderParameter
    nonlinearity: Array
    nonlinearity_eps_g: Array
    quadrature_error: float

    @property
    def problem(self) -> Problem:
        """What was solved."""
        return self.theory.problem

    @property
    def alphas(self) -> Array:
        """Examples / N, shape (A,)."""
        return self.theory.alphas

    @property
    def valid(self) -> np.ndarray:
        """At which alphas linear noise is to be trusted, shape (A,): nonlinearity up to 0.02."""
        return self.nonlinearity <= LIMIT

    @property
    def valid_eps_g(self) -> np.ndarray:
        """The same for eps_g, whose own curvature counts too."""
        return self.valid & (self.nonlinearity_eps_g <= LIMIT)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write everything to an HDF5 file (docs/format.md); `load_fluctuations` reads it back.

        Raises
        ------
        InputError
            If the file exists and `overwrite` is false, or its folder cannot be written to.
        """
        return store.write(path, self._variables(), self._all_attributes(), overwrite)

    def to_xarray(self) -> "xarray.Dataset":
        """An xarray.Dataset with the theory's variables, the covariance, and std_R, bias_R and so on."""
        return to_dataset(self._variables(), self._all_attributes())

    def _variables(self) -> store.Variables:
        variables = self.theory.variables()
        for kind, meaning in (("std", "standard deviation over runs of"), ("bias", "mean over runs minus theory of")):
            for name, values in vars(getattr(self, kind)).items():
                if values is not None:
                    variables[f"{kind}_{name}"] = (variables[name][0], values, f"{meaning} {name}")
        variables |= {
            "covariance": (
                ("alpha", "order_parameter", "order_parameter_2"),
                self.covariance,
                "covariance over runs of R row by row, the upper triangle of Q row by row, v row by row",
            ),
            "nonlinearity": (("alpha",), self.nonlinearity, "change of a standard deviation by the spread of J"),
            "nonlinearity_eps_g": (("alpha",), self.nonlinearity_eps_g, "and of that of eps_g by its own curvature"),
        }
        return variables

    def _all_attributes(self) -> dict[str, Any]:
        more = {"kind": "fluctuations", "quadrature_error": self.quadrature_error}
        return self.theory.all_attributes() | more

    def __repr__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """What it is, in lines."""
        problem, invalid = self.problem, self.alphas[~self.valid]
        lines = [
            f"<stdyn.Fluctuations> {problem.rule.upper()}, N = {problem.N},"
            f" {len(self.alphas)} alphas from {self.alphas[0]:g} to {self.alphas[-1]:g}"
        ]
        for name in ("R", "Q", "v", "F", "eps_g"):
            std, bias = getattr(self.std, name), getattr(self.bias, name)
            if std is not None:
                lines.append(f"{name:>5}: standard deviation up to {std.max():.2g}, |bias| up to {abs(bias).max():.2g}")
        where = f"not from {invalid[0]:g} to {invalid[-1]:g} ({len(invalid)} alphas)" if len(invalid) else "everywhere"
        return "\n".join([*lines, f"valid {where}; quadrature to {self.quadrature_error:.1%} of a standard deviation"])


def fluctuations(
    problem: Problem, alphas: ArrayLike, *, points: int = 2**12, method: str = "DOP853", rtol: float = 1e-9
) -> Fluctuations:
    """The covariance of the order parameters over runs of `problem`, all started at exactly its start; and their bias.

    Parameters
    ----------
    problem : Problem
        N sets the size of the fluctuations, 1/sqrt(N), and of the bias, 1/N.
    alphas : array_like, shape (A,)
        Where they are wanted: not negative, strictly increasing.
    points : int, default 4096
        Examples in each of the 8 sets by which the covariance of a step is computed: scrambled Sobol points, the same
        at every alpha and in every call. A power of 2, at least 256.
    method, rtol
        Of the ODEs, as in `integrate`.

    Raises
    ------
    InputError
        As `integrate`, and if `points` is not a power of 2.

    Notes
    -----
    J by differences of fourth order (1e-11), D by quadrature (its error: `quadrature_error`), both exact along the
    solution; steps by a Magnus expansion of fourth order. It holds in law for N -> infinity; see `valid`.
    """
    points = integer("points", points, 2**8)
    if points & (points - 1):
        raise InputError(f"points must be a power of 2, but is {points}")
    rtol, atol = check_settings(method, rtol, None)
    theory = integrate(problem, alphas, method, rtol)
    ends, expansion = theory.alphas, Expansion(problem)

    def solution(times: Array) -> Array:
        """The same steps of the solver whatever the times: it always goes to the last alpha."""
        there = times if times[-1] == ends[-1] else np.append(times, ends[-1])
        return expansion.to_w(solve(problem, there, method, rtol, atol)[0][: len(times)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymmetryWarning)
        w = solution(ends)
        found = _propagate(expansion, solution, ends, points)
    return _results(theory, expansion, w, found)


def load_fluctuations(path: str | os.PathLike[str]) -> Fluctuations:
    """The fluctuations in a file written by `Fluctuations.save`.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, or holds something else.
    """
    arrays, attributes = read_kind(path, "fluctuations")
    of: dict[str, Any] = {
        kind: PerOrderParameter(
            R=arrays[f"{kind}_R"],
            Q=arrays[f"{kind}_Q"],
            v=arrays[f"{kind}_v"],
            F=arrays.get(f"{kind}_F"),
            eps_g=arrays[f"{kind}_eps_g"],
        )
        for kind in ("std", "bias")
    }
    of |= {name: arrays[name] for name in ("covariance", "nonlinearity", "nonlinearity_eps_g")}
    of["quadrature_error"] = attributes.pop("quadrature_error")
    return Fluctuations(from_arrays(path, arrays, attributes), **of)


# ---------------------------------------------------------------------------------------------------------------------
# D along the solution


@dataclass(frozen=True, eq=False)
class _Diffusion:
    """D against alpha by each half of the points, as polynomials of fourth order on panels."""

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


def _diffusion_along(expansion: Expansion, solution: Solution, last: float, points: int) -> _Diffusion:
    """Panels are halved until the polynomial of one foretells D at the new nodes of its halves to _ACCURACY."""
    g = quadrature_points(expansion, points)
    computed: dict[float, Array] = {}

    def compute(times: Array) -> None:
        new = np.array(sorted(set(times.ravel().tolist()) - computed.keys()))
        with ThreadPoolExecutor(cores()) as pool:
            found = pool.map(lambda w: expansion.diffusion(w, g), solution(new))
            computed.update(
                (float(time), D.reshape(2, -1, *D.shape[1:]).mean(axis=1)) for time, D in zip(new, found, strict=True)
            )

    between = (_NODES[:-1] + _NODES[1:]) / 2
    foretell, positions = _weights(between), np.sort(np.concatenate([_NODES, between]))
    halvings = max(int(np.ceil(np.log2(max(last, 1)))), 0) + 1
    edges = np.append(0, last * 2.0 ** -np.arange(halvings, -1, -1))
    done: list[Array] = []
    pending = np.stack([edges[:-1], edges[1:]], axis=1)
    while len(pending):
        nodes = pending[:, :1] + np.diff(pending) * positions
        compute(nodes)
        again: list[Array] = []
        for at in nodes:
            D = np.array([computed[time].mean(axis=0) for time in at.tolist()])
            scale = np.sqrt(np.diagonal(D, axis1=1, axis2=2).max(axis=0))
            apart = np.abs(np.tensordot(foretell, D[::2], 1) - D[1::2]).max(axis=0)
            enough = np.all(apart <= _ACCURACY * np.outer(scale, scale) + _NOTHING) or at[1] - at[0] < 1e-6 * at[-1]
            (done if enough else again).extend([at[:5], at[4:]])
        pending = np.array([half[[0, -1]] for half in again]).reshape(-1, 2)
    done.sort(key=lambda at: at[0])
    values = np.array([[computed[time] for time in at.tolist()] for at in done])
    return _Diffusion(np.append([at[0] for at in done], last), values)


def quadrature_points(expansion: Expansion, points: int) -> Array:
    """Standard normal numbers (sets, rows, points) of `kernels.diffusion`: scrambled Sobol points, the same ever."""
    rows = expansion.K + expansion.M + (expansion.O if expansion.problem.sigma > 0 else 0)
    seeds = np.random.SeedSequence(0).spawn(_SETS)
    return np.array([norm.ppf(qmc.Sobol(rows, rng=np.random.default_rng(seed)).random(points).T) for seed in seeds])


def _weights(x: Array) -> Array:
    """The weights of the values at _NODES in the polynomial through them, at x: (len(x), 5)."""
    ratios = (x[:, None, None] - _NODES) / (_NODES[:, None] - _NODES + np.eye(len(_NODES)))
    ratios[:, np.arange(len(_NODES)), np.arange(len(_NODES))] = 1
    return ratios.prod(axis=2)


# ---------------------------------------------------------------------------------------------------------------------
# Covariance and bias along the solution, for N = 1, but for what says where they cease to be valid


@dataclass(frozen=True, eq=False)
class _Moments:
    """What is carried along the solution, for N = 1."""

    Sigma: Array  # (3, L, L): the covariance by each half of the points, and its change by the spread of J
    mean: Array  # (L, 2): the shift of the mean by curvature, and by steps of finite size in finite N


def _propagate(expansion: Expansion, solution: Solution, alphas: Array, points: int) -> list[_Moments]:
    """The moments at alphas."""
    start = solution(np.array([0.0]))[0] if alphas[-1] > 0 else solution(alphas)[0]
    L = len(start)
    now = _Moments(np.zeros((3, L, L)), np.zeros((L, 2)))
    found = [now] if alphas[0] == 0 else []
    if alphas[-1] == 0:
        return found
    noise = _diffusion_along(expansion, solution, alphas[-1], points)
    grid = _grid(expansion, solution, np.union1d(alphas, noise.times))
    inside = grid[:-1, None] + np.diff(grid)[:, None] * np.array([0, *_GAUSS])
    w = solution(np.append(inside.ravel(), grid[-1]))
    sources = _sources(expansion, w[0], now)
    for n, h in enumerate(np.diff(grid)):
        J, D = _magnus([expansion.jacobian(each) for each in w[3 * n + 1 : 3 * n + 3]], map(noise, inside[n, 1:]), h)
        changed = _lyapunov(_averaged_jacobian(expansion, w[3 * n], now), now.Sigma[:2].mean(axis=0))
        Phi, Psi, constant, linear = propagators(J, np.array([*D, changed]), h)
        now = _Moments(Phi @ now.Sigma @ Phi.T + Psi, now.mean)
        after = _sources(expansion, w[3 * n + 3], now)
        now = _Moments(now.Sigma, Phi @ now.mean + constant @ sources + linear @ (after - sources))
        sources = after
        if grid[n + 1] in alphas:
            found.append(now)
    return found


def _grid(expansion: Expansion, solution: Solution, times: Array) -> Array:
    """The given times, and as many in between that nothing grows by more than _GROWTH in a step."""
    grid = np.union1d(0.0, times)
    middle = solution((grid[:-1] + grid[1:]) / 2)
    growth = np.array([np.linalg.eigvals(expansion.jacobian(w)).real.max() for w in middle])
    parts = np.maximum(np.ceil(np.diff(grid) * growth / _GROWTH), 1).astype(int)
    inner = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(grid[:-1], grid[1:], parts, strict=True)]
    return np.append(np.concatenate(inner), grid[-1])


def _magnus(J: list[Array], D: Iterable[Array], h: float) -> tuple[Array, Array]:
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


def _sources(expansion: Expansion, w: Array, now: _Moments) -> Array:
    """What shifts the mean: (L, 2)."""
    curved = expansion.curvature(w, now.Sigma[:2].mean(axis=0))
    return np.stack([curved, expansion.finite_size_drift(w)], axis=1)


def _averaged_jacobian(expansion: Expansion, w: Array, now: _Moments) -> Array:
    """By what J, averaged over the spread around w along the leading directions and over its shift, differs from J."""
    N = expansion.problem.N
    variances, vectors = np.linalg.eigh(now.Sigma[:2].mean(axis=0) / N)
    shift = now.mean.sum(axis=1) / N
    J = expansion.jacobian
    change = (J(w + shift) - J(w - shift)) / 2
    here = J(w)
    for variance, direction in zip(variances[-_LEADING:], vectors.T[-_LEADING:], strict=True):
        step = np.sqrt(max(variance, 0)) * direction
        change += (J(w + step) + J(w - step)) / 2 - here
    return change


# ---------------------------------------------------------------------------------------------------------------------
# From w to the order parameters


def _results(theory: Trajectory, expansion: Expansion, w: Array, found: list[_Moments]) -> Fluctuations:
    """Covariance, bias and validity of the order parameters from the moments of w at the theory's alphas."""
    N, L = theory.problem.N, w.shape[1]
    Sigma = np.array([now.Sigma for now in found])
    mean = np.array([now.mean.sum(axis=1) for now in found])
    slopes = expansion.slopes(w)  # rows: R, Q, v, F, eps_g
    carried = slopes[:, None] @ Sigma @ np.swapaxes(slopes, -1, -2)[:, None] / N
    variances = np.diagonal(carried, axis1=2, axis2=3)  # (A, 3, L + 2)
    half, other, change = np.moveaxis(variances, 1, 0)
    variance = (half + other) / 2
    there = np.where(variance > 0, variance, np.inf)
    Sigma = Sigma[:, :2].mean(axis=1) / N
    second, spread = expansion.second_order(w, Sigma)
    bias = np.einsum("aij,aj->ai", slopes, mean) / N + second
    return Fluctuations(
        theory=theory,
        covariance=carried[:, :2, :L, :L].mean(axis=1),
        std=_per_order_parameter(theory, expansion, np.sqrt(np.maximum(variance, 0))),
        bias=_per_order_parameter(theory, expansion, bias),
        nonlinearity=np.abs(change / there)[:, : L + 1].max(axis=1) / 2,
        nonlinearity_eps_g=np.divide(spread, variance[:, -1], out=np.zeros_like(spread), where=spread > 0) / 2,
        quadrature_error=float(np.sqrt(np.sum(((half - other) / there) ** 2) / max(np.sum(variance > 0), 1))) / 4,
    )


def _per_order_parameter(theory: Trajectory, expansion: Expansion, rows: Array) -> PerOrderParameter:
    """Rows of R, Q, v, F, eps_g (A, L + 2), each in its shape."""
    R, Q, v = expansion.parts(rows[:, :-2])
    F = None if theory.problem.b is None else rows[:, -2]
    return PerOrderParameter(R, Q, v.reshape(theory.v.shape), F, rows[:, -1])
