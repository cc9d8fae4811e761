"""Fluctuations at finite N: the covariance of the order parameters over runs, and the bias of their mean.

Linear noise along the solution of the ODEs (theory.md, section 5), computed in the coordinates of
`expansion.Expansion` and given for R, Q and v.
"""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_path, check_settings, check_type, integer
from stdyn.errors import InputError, Interrupted
from stdyn.files.schema import Expected, Schema, counted, read_all
from stdyn.files.table import Table
from stdyn.model import trajectoryfile
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory, from_arrays
from stdyn.stopping import stoppable
from stdyn.theory.expansion import Expansion, check_size, check_smooth
from stdyn.theory.ode import integrate
from stdyn.theory.propagation import Moments, propagate
from stdyn.theory.scatter import Fluctuations, PerOrderParameter
from stdyn.theory.stepping import solve

if TYPE_CHECKING:
    pass

MOST_OVERLAPS = 300  # in a state by group: a few minutes for each unit of alpha

_RTOL = 1e-12  # of the ODEs, where the theory is smaller than the tolerance that it is asked for with
_POINTS = 2**11  # at most, of averages by quadrature, and the tolerance then: as good as D, in a tenth of the time
_RTOL_OF_POINTS = 1e-9


def _per_order_parameter_of(arrays: dict[str, Any], kind: str) -> PerOrderParameter:
    """Standard deviations ("std") or biases ("bias") as a file has them."""
    names = [each.name for each in fields(PerOrderParameter)]
    found: dict[str, Any] = {
        name: arrays.get(f"{kind}_F") if name == "F" else arrays[f"{kind}_{name}"] for name in names
    }
    return PerOrderParameter(**found)


def fluctuations(
    problem: Problem,
    alphas: ArrayLike,
    *,
    points: int = 2**12,
    method: str = "DOP853",
    rtol: float = 1e-9,
    progress: bool = False,
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
    method : str, default "DOP853"
        Of `theory`, as in `integrate`.
    rtol : float, default 1e-9
        Of `theory`, too; fluctuations are computed along a solution with rtol = 1e-12 (where averages are by
        quasi-Monte Carlo: 1e-9, and 2048 points).
    progress : bool, default False
        Show progress bars where it takes longer than two seconds.

    Returns
    -------
    Fluctuations
        With arrays of the shapes of the theory's.

    Raises
    ------
    InputError
        As `integrate`, and if `points` is not a power of 2, if averages by quadrature are not smooth (g' jumps), or of
        gradient flow, which has no fluctuations.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt; its `trajectory` is the Fluctuations up to the last alpha
        that was reached.

    See Also
    --------
    compare : Holds runs to them.
    z_scores : Every run by itself.
    load_fluctuations : Reads what `Fluctuations.save` has written.

    Notes
    -----
    J by differences of fourth order (1e-10), D by quadrature (its error: `quadrature_error`), both exact along the
    solution; steps by a Magnus expansion of fourth order. It holds in law for N -> infinity; see `valid`.

    Examples
    --------
    >>> found = stdyn.fluctuations(problem, [0, 10, 20], points=256)
    >>> found.valid
    array([ True,  True,  True])
    >>> found.std.F.round(3), found.bias.F.shape
    (array([0.   , 0.011, 0.009]), (3,))
    """
    check_type("problem", problem, Problem)
    points = integer("points", points, 2**8)
    if points & (points - 1):
        raise InputError(f"points must be a power of 2, but is {points}")
    check_settings(method, rtol, None)
    check_smooth(problem)
    if problem.start.inputs is not None and problem.sphere:
        raise InputError("sphere must be False for fluctuations of inputs that are not isotropic, but is True")
    check_size(problem, "fluctuations", MOST_OVERLAPS)
    if problem.flow:
        raise InputError("flow must be False for fluctuations: gradient flow has none, and no N")
    with stoppable():
        return _fluctuations(problem, alphas, method, rtol, points, progress)


def _fluctuations(
    problem: Problem, alphas: ArrayLike, method: str, rtol: float, points: int, progress: bool
) -> Fluctuations:
    """What `fluctuations` gives, of arguments that are in order."""
    theory = integrate(problem, alphas, method, rtol, progress=progress)
    rtol = _RTOL
    if theory.error is not None:
        problem, rtol = replace(problem, quadrature=min(problem.quadrature, _POINTS)), _RTOL_OF_POINTS
    ends, expansion = theory.alphas, Expansion(problem)

    def solution(times: Array) -> Array:
        """The same steps of the solver whatever the times: it always goes to the last alpha."""
        there = times if times[-1] == ends[-1] else np.append(times, ends[-1])
        found = solve(problem, there, method, rtol, rtol / 100)
        if found.end is not None and found.end.why == "interrupted":
            raise KeyboardInterrupt
        if len(found.y) < len(times):
            words = found.end.words if found.end is not None else ""
            raise InputError(f"method must lead the ODEs with rtol = {rtol:g} as far as with rtol, but {words}")
        return expansion.to_w(found.y[: len(times)])

    found: list[Moments] = []
    try:
        w = solution(ends) if len(ends) else np.zeros((0, expansion.size))
        for now in propagate(expansion, solution, ends, points, progress) if len(ends) else ():
            found.append(now)
    except KeyboardInterrupt:
        if not found:
            raise Interrupted(theory) from None
        said = {"interrupted": f"before alpha = {ends[min(len(found), len(ends) - 1)]:g}"}
        some = replace(_up_to(theory, len(found)), attributes=theory.attributes | said)
        raise Interrupted(_results(some, expansion, w, found)) from None
    return _results(theory, expansion, w, found)


def _up_to(theory: Trajectory, length: int) -> Trajectory:
    """The first alphas of a theory."""
    some: dict[str, Any] = {name: values[:length] for name, values in theory.arrays.items()}
    some["error"] = theory.error and {name: values[:length] for name, values in theory.error.items()}
    return replace(theory, alphas=theory.alphas[:length], **some)


def load_fluctuations(path: str | os.PathLike[str]) -> Fluctuations:
    """The fluctuations in a file written by `Fluctuations.save`.

    Parameters
    ----------
    path : str or os.PathLike
        Of the file.

    Returns
    -------
    Fluctuations
        Equal to what was saved.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, or holds something else.

    See Also
    --------
    Fluctuations.save : Writes it.
    load : Reads trajectories.

    Examples
    --------
    >>> path = noise.save("kept.h5")
    >>> stdyn.load_fluctuations(path) == noise
    True
    """
    path = check_path("path", path)
    arrays, attributes = read_all(path, _schema)
    of: dict[str, Any] = {kind: _per_order_parameter_of(arrays, kind) for kind in ("std", "bias")}
    of |= {name: arrays[name] for name in ("covariance", "nonlinearity", "nonlinearity_eps_g")}
    of["quadrature_error"] = attributes.pop("quadrature_error")
    theory = from_arrays(path, arrays, attributes)
    L = theory.problem.layout.size
    if of["covariance"].shape[1:] != (L, L):
        raise InputError(f"{path}: covariance must be of {L} order parameters, but has shape {of['covariance'].shape}")
    _check_covariance(path, of["covariance"])
    known = np.isfinite(of["nonlinearity"])
    for name in (name for name in arrays if name == "covariance" or name.startswith(("std_", "bias_"))):
        gaps = np.isnan(arrays[name]).reshape(len(known), int(np.prod(arrays[name].shape[1:]))).any(axis=1)
        wrong = np.flatnonzero(gaps & known)
        if len(wrong):
            raise InputError(f"{path}: {name} must be known where nonlinearity is, but is NaN at alpha[{wrong[0]}]")
    return Fluctuations(theory, **of)


def _schema(table: Table) -> Schema:
    """What a file must hold besides the theory's trajectory."""
    there = trajectoryfile.variables(table)
    variables = dict(there)
    for name in (name for name in ("R", "Q", "v", "F", "eps_g") if name in there):
        variables[f"std_{name}"] = Expected(axes=there[name].axes, least=0, nan=True)
        variables[f"bias_{name}"] = Expected(axes=there[name].axes, nan=True)
    square = ("order_parameter", "order_parameter_2")
    variables |= {axis: counted(axis) for axis in square}
    variables |= {"covariance": Expected(axes=("alpha", *square), nan=True)}
    variables |= {name: Expected(axes=("alpha",), least=0, inf=True) for name in ("nonlinearity", "nonlinearity_eps_g")}
    attributes = trajectoryfile.ATTRIBUTES | {
        "method": Expected("text", choices=("ode",)),
        "quadrature_error": Expected(least=0),
    }
    return Schema("fluctuations", variables, attributes)


# ---------------------------------------------------------------------------------------------------------------------
# From w to the order parameters


def _results(theory: Trajectory, expansion: Expansion, w: Array, found: list[Moments]) -> Fluctuations:
    """Covariance, bias and validity of the order parameters from the moments of w at the theory's first alphas."""
    N, S, L, w = theory.problem.N, expansion.size, theory.problem.layout.size, w[: len(found)]
    Sigma = np.array([now.Sigma for now in found]).reshape(-1, 3, S, S)
    mean = np.array([now.mean.sum(axis=1) for now in found]).reshape(-1, S)
    slopes, second, spread = _local(theory, expansion, w, Sigma[:, :2].mean(axis=1) / N)
    along = slopes
    if theory.problem.sphere:  # runs scatter along it, exactly, and the solution but for rounding
        along = slopes @ np.array([expansion.on_sphere(each) for each in w]).reshape(-1, S, S)
        along[:, expansion.norms] = 0.0
    carried = along[:, None] @ Sigma @ np.swapaxes(along, -1, -2)[:, None] / N
    half, other, change = np.moveaxis(np.diagonal(carried, axis1=2, axis2=3), 1, 0)  # variances, (A, L + 2)
    variance = (half + other) / 2
    there = np.where(variance > 0, variance, np.inf)
    bias = np.einsum("aij,aj->ai", slopes, mean) / N + second
    if theory.problem.sphere:
        bias[:, expansion.norms] = 0.0
    with np.errstate(divide="ignore"):
        of_eps_g = np.divide(spread, variance[:, -1], out=np.zeros_like(spread), where=spread > 0) / 2

    def whole(values: Array, rest: float = np.nan) -> Array:
        """At all alphas of the theory."""
        more = ((0, len(theory.alphas) - len(values)), *[(0, 0)] * (values.ndim - 1))
        return np.pad(values, more, constant_values=rest)

    return Fluctuations(
        theory=theory,
        covariance=whole(carried[:, :2, :L, :L].mean(axis=1)),
        std=_per_order_parameter(theory, expansion, whole(np.sqrt(np.maximum(variance, 0)))),
        bias=_per_order_parameter(theory, expansion, whole(bias)),
        nonlinearity=whole(np.nan_to_num(np.abs(change / there)[:, : L + 1].max(axis=1) / 2, nan=np.inf), np.inf),
        nonlinearity_eps_g=whole(of_eps_g, np.inf),
        quadrature_error=float(np.sqrt(np.sum(((half - other) / there) ** 2) / max(np.sum(variance > 0), 1))) / 4,
    )


def _local(theory: Trajectory, expansion: Expansion, w: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """What R, Q, v, F and eps_g are of w, to second order, at the first alphas, where w has this covariance.

    Their derivatives (A, L + 2, S), what curvature adds to their means (A, L + 2), and to the variance of eps_g (A,).
    The rows of F are zero for backpropagation; with rule "kp" b moves with v.
    """
    A, L, second_layer = len(w), len(expansion.of_fields), expansion.layout.places["v"]
    slopes, means, spread = np.zeros((A, L + 2, expansion.size)), np.zeros((A, L + 2)), np.zeros(A)
    both = [*range(L), L + 1]
    for at, alpha in enumerate(theory.alphas[:A].tolist()):
        there, one = expansion.at(alpha), slice(at, at + 1)
        by_group = there.slopes(w[one])
        slopes[one, :L], slopes[one, -1] = expansion.of_fields @ by_group[:, :-1], by_group[:, -1]
        means[one, both], spread[one] = there.second_order(w[one], covariance[one])
    if theory.problem.rule == "kp":
        slopes[:, L, second_layer] = (theory.b + theory.v)[:A].reshape(A, -1)
        shifts = [expansion.at(alpha).shift_of_b.ravel() for alpha in theory.alphas[:A].tolist()]
        means[:, L] = np.sum(np.reshape(shifts, (A, -1)) * theory.v[:A].reshape(A, -1), axis=1) / theory.problem.N
        means[:, L] += np.einsum("aii->a", covariance[:, second_layer, second_layer])
    elif theory.b is not None:
        slopes[:, L, second_layer] = theory.b.ravel()
    return slopes, means, spread


def _per_order_parameter(theory: Trajectory, expansion: Expansion, rows: Array) -> PerOrderParameter:
    """Rows of R, Q, v, F, eps_g (A, L + 2), each in its shape."""
    F = None if theory.problem.b is None else rows[:, -2]
    found: dict[str, Any] = theory.problem.layout.unpack(rows[:, :-2])
    return PerOrderParameter(**found, F=F, eps_g=rows[:, -1])


def _check_covariance(path: str | os.PathLike[str], covariance: Array) -> None:
    """Refuse a covariance (A, L, L) in a file that is not symmetric, or has negative variances, beyond rounding."""
    variances = np.einsum("aii->ai", covariance)
    allowed = 1e-9 * np.nan_to_num(np.abs(variances)).max(initial=1e-300, axis=1)
    apart = np.abs(covariance - np.swapaxes(covariance, 1, 2)).max(axis=(1, 2), initial=0)
    wrong = np.flatnonzero((apart > allowed) | (variances.min(axis=1, initial=0) < -allowed))
    if len(wrong):
        raise InputError(
            f"{path}: covariance must be symmetric, without negative variances, but is not at [{wrong[0]}]"
        )
