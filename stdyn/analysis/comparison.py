"""Simulation held to theory: runs against the ODEs, in standard errors measured or predicted."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.stats import norm
from scipy.stats import t as student_t

from stdyn.analysis.verdict import Comparison
from stdyn.checks import Array, check_type, number
from stdyn.errors import InputError
from stdyn.model.trajectory import Trajectory, nearest
from stdyn.stopping import stoppable
from stdyn.text import counted
from stdyn.theory.quadrature import SETS
from stdyn.theory.scatter import Fluctuations

_ROUNDING = 1e-12  # a deviation this small (relative to 1 + |theory|) is none: all runs start at the same point,
_TOLERANCES = 100  # and so is one of this many tolerances of the ODE solver
_HELD_TO = {"eps_g_test": "eps_g"}  # quantities of runs that the theory has under another name
_FINEST = 1e-8  # which count up to this if there is an error of quadrature, of which that of the solver is a part then
_FEW = 4  # alphas of the theory that a cubic goes through


@stoppable()
def compare(
    runs: Trajectory, theory: Trajectory | Fluctuations, *, false_alarm: float = 1e-3, bias: float = 0.0
) -> Comparison:
    """Hold the mean over runs to the theory, at every alpha and for every order parameter.

    Parameters
    ----------
    runs : Trajectory
        An ensemble of at least 2 runs; a single one will do if `theory` is Fluctuations. Alphas from which on a run has
        diverged are left out.
    theory : Trajectory or Fluctuations
        The ODEs at the alphas of the runs, or at more of them. A run records after whole steps: where that shifts its
        alphas (by up to half a step, 1/2N), the theory is moved to them by a cubic spline; a note says where it has too
        few alphas for that. With Fluctuations the mean is held to the ODEs and the bias of order 1/N, in standard
        errors that are predicted; alphas where linear noise is not valid, and eps_g where it is not for eps_g, are left
        out. If averages are by quadrature, its error is part of the standard errors, and a note says how much of them.
    false_alarm : float, default 1e-3
        Probability with which the verdict is "disagrees" although runs and theory have the same mean.
    bias : float, default 0
        Grant a deviation of bias / N, as the ODEs leave out corrections of this order.

    Returns
    -------
    Comparison
        True if nothing deviates by more than is allowed; it prints as a table.

    Raises
    ------
    InputError
        If `runs` is not an ensemble of 2 or more, or shapes or alphas do not match. That parameters differ is not
        refused, but said in the verdict.

    See Also
    --------
    z_scores : Every run by itself, in predicted standard deviations.
    match_teachers : Names students by the teacher units that they follow, run by run.

    Examples
    --------
    >>> print(stdyn.compare(runs, theory))
    fa: 8 network runs at N = 200 against the ODEs, 81 alphas from 0 to 40
           largest deviation  at alpha  in s.e.  rms in s.e.  within what is allowed
        R ...      everywhere
        ...
    allowed: 15.5 s.e. (false alarm 0.001 over 891 entries); with 32 runs 6.0 s.e.; ...
    """
    predicted = theory if isinstance(theory, Fluctuations) else None
    ode = theory.theory if isinstance(theory, Fluctuations) else theory
    n = check_sides(runs, ode)
    if n < 2 and predicted is None:
        raise InputError("runs must be at least 2 to have a standard error, but is 1")
    number("bias", bias)
    if not 0 < number("false_alarm", false_alarm) < 1:
        raise InputError(f"false_alarm must be between 0 and 1, but is {false_alarm}")
    A, places = _common(runs, ode)
    known = _error_known(ode)[places]
    there = _held_at(runs, known if predicted is None else known & predicted.valid[places], A)
    samples = {name: getattr(runs, name)[:, there] for name in _names(runs, ode, predicted)}
    expected, errors = _expected(samples, runs, ode, predicted, there, A)
    held = sum(int(np.isfinite(error).sum()) for error in errors.values())
    twice = sum(int(np.prod(block.sizes)) - len(block.entries[0]) for block in runs.problem.layout.blocks)
    entries = held - len(there) * twice  # Q is symmetric
    notes = _notes(runs, ode, A) + _moved_by_few(runs, ode, A) + _left_out(predicted, places)
    if ode.error is not None:
        share = _with_quadrature(errors, ode, runs, there, false_alarm / (2 * entries), None if predicted else n - 1)
        notes += (f"standard errors include that of the theory by quadrature, up to {share:.2g} of the whole",)
        if not known.all():
            first = ode.alphas[places][~known][0]
            notes += (f"left out, as the error of quadrature is not known there: all from alpha = {first:.4g}",)
    return Comparison(
        alphas=runs.alphas[there],
        mean={name: sample.mean(axis=0) for name, sample in samples.items()},
        standard_error=errors,
        theory=expected,
        entries=entries,
        false_alarm=false_alarm,
        bias=bias,
        runs=n,
        N=runs.problem.N,
        negligible=max(_ROUNDING, _TOLERANCES * min(ode.attributes.get("rtol", 0.0), _FINEST if ode.error else np.inf)),
        rule=runs.problem.rule,
        method=runs.method,
        predicted=predicted is not None,
        notes=notes,
    )


def _error_known(ode: Trajectory) -> np.ndarray:
    """At which alphas of the theory its error by quadrature is known, if it has one."""
    finite = [np.isfinite(error.reshape(len(error), -1)).all(axis=1) for error in (ode.error or {}).values()]
    return np.all([np.ones(len(ode.alphas), dtype=bool), *finite], axis=0)


def _held_at(runs: Trajectory, valid: np.ndarray, A: int) -> np.ndarray:
    """The positions, among the first A alphas, at which runs are held to the theory: those at which it is valid."""
    if not runs.alphas[:A][valid].any():
        raise InputError(
            "nothing is left to compare: at no alpha > 0 that runs have are linear noise valid and errors known"
        )
    return np.flatnonzero(valid)


def _expected(
    samples: dict[str, Array], runs: Trajectory, ode: Trajectory, predicted: Fluctuations | None, there: np.ndarray,
    A: int,
) -> tuple[dict[str, Array], dict[str, Array]]:  # fmt: skip
    """The mean that runs should have and its standard error, measured or predicted, at these positions."""
    n = runs.R.shape[0]
    if predicted is None:
        means = {name: _curve(name, ode, runs, A)[there] for name in samples}
        return means, {name: sample.std(axis=0, ddof=1) / np.sqrt(n) for name, sample in samples.items()}
    prediction = _prediction(predicted, runs, A)
    means = {name: mean[there] for name, (mean, _) in prediction.items()}
    return means, {name: std[there] / np.sqrt(n) for name, (_, std) in prediction.items()}


def _with_quadrature(
    errors: dict[str, Array], ode: Trajectory, runs: Trajectory, there: np.ndarray, tail: float, freedom: int | None
) -> float:
    """Add the errors of the theory by quadrature to the standard errors, and say what the largest share of it is.

    They are estimated from few sets of points: they count as many times more as Student's t of their degrees of freedom
    exceeds what is allowed of a measured (or, if `freedom` is None, predicted) standard error.
    """
    assert ode.error is not None
    allowed = norm.isf(tail) if freedom is None else student_t.isf(tail, freedom)
    factor = max(1.0, float(student_t.isf(tail, SETS - 1) / allowed))
    shares = [0.0]
    for name, measured in errors.items():
        error = ode.error[_HELD_TO.get(name, name)]
        added = factor * _moved(error, ode.alphas, runs.alphas, len(runs.alphas), _breaks(ode))[there]
        whole = np.hypot(measured, added)
        shares.append(float(np.max(added / np.where(whole > 0, whole, 1), initial=0, where=whole > 0)))
        errors[name] = whole
    return max(shares)


def z_scores(runs: Trajectory, predicted: Fluctuations) -> dict[str, Array]:
    """Every run's deviation from what is predicted, in predicted standard deviations.

    Parameters
    ----------
    runs : Trajectory
        One run or more.
    predicted : Fluctuations
        For the problem of the runs, at their alphas or more.

    Returns
    -------
    dict of ndarray
        (run - ODEs - bias) / std of "R", "Q", "v", "eps_g" and, with feedback alignment, "F", of shapes (runs, A, …):
        standard normal, up to O(1/sqrt N), each by itself. NaN where linear noise is not valid; 0 where nothing
        scatters and nothing deviates.

    Raises
    ------
    InputError
        If a parameter differs, shapes or alphas do not match, or there are no runs.

    See Also
    --------
    compare : The mean over runs, with a verdict.

    Examples
    --------
    >>> predicted = stdyn.fluctuations(problem, [0, 10, 20], points=256)
    >>> z = stdyn.z_scores(runs.sel(alpha=[0, 10, 20]), predicted)
    >>> z["R"].shape, bool(np.abs(z["R"]).max() < 5)
    ((8, 3, 2, 2), True)
    """
    check_type("predicted", predicted, Fluctuations)
    check_sides(runs, predicted.theory)
    difference = runs.problem.difference(predicted.problem)
    if difference:
        raise InputError(f"runs and predicted must be of one problem, but differ in {difference}")
    A, places = _common(runs, predicted.theory)
    z = {}
    for name, (expected, std) in _prediction(predicted, runs, A).items():
        apart = getattr(runs, name)[:, :A] - expected
        still = np.abs(apart) <= _ROUNDING * (1 + np.abs(expected))
        with np.errstate(divide="ignore"):
            z[name] = np.where(still, 0.0, apart / np.where(still, 1, std))
        z[name][:, ~np.isfinite(std.reshape(A, -1)).all(axis=1) | ~predicted.valid[places]] = np.nan
    return z


def _names(runs: Trajectory, theory: Trajectory, predicted: Fluctuations | None) -> list[str]:
    """What both sides have; of eps_g of each task there is no prediction, and none to compare if tasks differ."""
    names = [name for name in runs.names if name in theory.names]
    mine, theirs = runs.problem.tasks, theory.problem.tasks
    apart = predicted is not None or mine is None or theirs is None or len(mine) != len(theirs)
    unknown = theory.error is not None and "eps_g_per_task" not in theory.error  # of parts that were joined
    names = [name for name in names if name != "eps_g_per_task" or not (apart or unknown)]
    return names + ["eps_g_test"] * (runs.eps_g_test is not None and predicted is None)


def _prediction(predicted: Fluctuations, runs: Trajectory, A: int) -> dict[str, tuple[Array, Array]]:
    """Mean and standard deviation of a run at its first A alphas; of eps_g NaN where that is not valid."""

    breaks = _breaks(predicted.theory)

    def at_runs(values: Array) -> Array:
        return _moved(values, predicted.alphas, runs.alphas, A, breaks)

    found = {}
    for name in _names(runs, predicted.theory, predicted):
        bias, std = (getattr(each, name) for each in (predicted.bias, predicted.std))
        found[name] = _curve(name, predicted.theory, runs, A) + at_runs(bias), at_runs(std)
    mean, std = found["eps_g"]
    valid = predicted.valid_eps_g[nearest(predicted.alphas, runs.alphas[:A])]
    return found | {"eps_g": (mean, np.where(valid, std, np.nan))}


def _left_out(predicted: Fluctuations | None, places: np.ndarray) -> tuple[str, ...]:
    """What is left out, of these positions, because linear noise is not valid there, in words."""
    if predicted is None:
        return ()
    valid, A = predicted.valid[places], len(places)
    said = []
    for name, there in (("all", valid), ("eps_g", predicted.valid_eps_g[places] | ~valid)):
        wrong = predicted.alphas[places][~there]
        if wrong.size:
            said.append(
                f"left out, as linear noise is not valid there: {name} at {wrong.size} of {A} alphas,"
                f" from {wrong[0]:.4g} to {wrong[-1]:.4g}"
            )
    return tuple(said)


def check_sides(runs: Trajectory, theory: Trajectory) -> int:
    """The number of runs; refuses sides that are not runs and theory, or whose shapes differ."""
    check_type("runs", runs, Trajectory)
    check_type("theory", theory, Trajectory)
    if runs.runs is None:
        raise InputError("runs, the first argument, must be an ensemble of runs, but is a trajectory of the theory")
    if theory.runs is not None:
        raise InputError(
            "theory, the second argument, must be of integrate or fluctuations, but is an ensemble of runs"
        )
    mine, theirs = (runs.R.shape[2:], runs.v.shape[2:]), (theory.R.shape[1:], theory.v.shape[1:])
    if mine != theirs:
        raise InputError(f"runs has R and v of shapes {mine} at an alpha, but theory has {theirs}")
    return runs.runs


def _notes(runs: Trajectory, theory: Trajectory, A: int) -> tuple[str, ...]:
    notes = [f"runs learn from examples, {runs.attributes['examples']}"] if "examples" in runs.attributes else []
    if runs.eps_g_test is not None:
        notes.append("the error on one set of test examples, eps_g_test, is off by its chance, too, and held to eps_g")
    longest = max(runs.alphas[-1], theory.alphas[-1])
    if longest > runs.alphas[A - 1] + 0.5 / runs.problem.N:
        notes.append(f"compared to alpha = {runs.alphas[A - 1]:g} only, of {longest:g}: one side ends there")
    difference = runs.problem.difference(theory.problem)
    if difference:
        notes.append(f"the two sides differ in {difference}")
    for trajectory, what in ((runs, "runs"), (theory, "theory")):
        if trajectory.diverged_at is not None:
            count = f"{np.isfinite(trajectory.diverged_at).sum()} " if trajectory is runs else "the "
            notes.append(f"{count}{what} diverged, from alpha = {trajectory.diverged_at.min():.6g} on")
    if theory.failed_at is not None:
        notes.append(f"the theory ends at alpha = {theory.failed_at:.6g}, where its solver gave up")
    return tuple(notes)


def _moved_by_few(runs: Trajectory, theory: Trajectory, A: int) -> tuple[str, ...]:
    """That the theory has too few alphas, as if it was cut, for a spline to tell what it is at those of the runs."""
    alphas, breaks = theory.alphas, [-np.inf, *_breaks(theory), np.inf]
    places = nearest(alphas, runs.alphas[:A])
    apart = np.abs(runs.alphas[:A] - alphas[places])
    for begin, end in pairwise(breaks):
        most = apart.max(initial=0, where=(alphas[places] >= begin) & (alphas[places] <= end))
        points = int(((alphas >= begin) & (alphas <= end)).sum())
        if most > _ROUNDING * max(1.0, alphas[-1]) and points < _FEW:
            few = counted(points, "alpha")
            return (
                f"the theory has {few} there, too few to be moved to those of the runs, up to {most:.2g} away: let it"
                " have more (cut the runs alone)",
            )
    return ()


def _common(runs: Trajectory, theory: Trajectory) -> tuple[int, np.ndarray]:
    """The number of leading alphas that both sides have and at which no run has diverged, and where theory has them."""
    half = 0.5 / runs.problem.N * (1 + 1e-6)
    A = int(np.searchsorted(runs.alphas, theory.alphas[-1] + half, side="right")) if len(theory.alphas) else 0
    places = nearest(theory.alphas, runs.alphas[:A])
    apart = np.abs(runs.alphas[:A] - theory.alphas[places])
    if apart.max(initial=0) > half:
        j = int(apart.argmax())
        raise InputError(
            "runs and theory must have the same alphas (to half a step, 1/2N), but runs have"
            f" {runs.alphas[j]:g} and the nearest of the theory is {theory.alphas[places[j]]:g}"
        )
    if runs.diverged_at is not None:
        A = min(A, int(np.searchsorted(runs.alphas, runs.diverged_at.min())))
    if A == 0 or runs.alphas[A - 1] == 0:
        raise InputError("nothing is left to compare: one side ends, or a run has diverged, before the first alpha > 0")
    return A, places[:A]


def _breaks(theory: Trajectory) -> list[float]:
    """The alphas at which curves of the theory bend or jump."""
    return theory.problem.protocol.breaks(float(theory.alphas[-1]))


def _curve(name: str, theory: Trajectory, runs: Trajectory, A: int) -> Array:
    """The theory's curve at the runs' first A alphas; eps_g, which jumps, is that of the task that the runs learn."""
    name = _HELD_TO.get(name, name)
    tasks, breaks = theory.problem.tasks, _breaks(theory)
    if name != "eps_g" or tasks is None:
        return _moved(getattr(theory, name), theory.alphas, runs.alphas, A, breaks)
    each = _moved(theory.eps_g_per_task, theory.alphas, runs.alphas, A, breaks)
    return np.asarray(each[np.arange(A), tasks.learned(runs.alphas[:A])])


def _moved(values: Array, alphas: Array, to: Array, A: int, breaks: Sequence[float] = ()) -> Array:
    """The theory's values at the runs' first A alphas, at most half a step from its own; NaN where they are.

    By a spline for each stretch between two breaks.
    """
    there, places = ~np.isnan(values.reshape(len(values), -1).sum(axis=1)), nearest(alphas, to[:A])
    if np.array_equal(alphas[places], to[:A]):
        return values[places]
    found = values[places]
    for begin, end in pairwise([-np.inf, *breaks, np.inf]):
        points = there & (alphas >= begin) & (alphas <= end)
        mine = there[places] & (alphas[places] >= begin) & (alphas[places] <= end)
        if points.sum() > 1 and mine.any():
            found[mine] = CubicSpline(alphas[points], values[points], axis=0, extrapolate=True)(to[:A][mine])
    return found


def finite_size(runs: Trajectory, theory: Trajectory) -> tuple[float, float, float]:
    """How far runs of finite N are from the theory at the last alpha of both: (deviation, squared bias, its error).

    The deviation is that of a single run, root mean square over runs and all order parameters R, Q (i <= k) and v. The
    squared bias is that of the mean over runs, the mean over the order parameters, without the part that is chance:
    from products of the deviations of different parts of the runs, 8 of them, whose chance is independent; so it may be
    negative. Its error is a standard error (jackknife over the parts). Needs at least 8 runs that have not diverged.
    """
    n = check_sides(runs, theory)
    parts = 8
    if n < parts:
        raise InputError(f"runs must be at least {parts}, but is {n}")
    A, _ = _common(runs, theory)
    apart = runs.problem.layout.pack(
        {name: values[:, A - 1] - _curve(name, theory, runs, A)[-1] for name, values in runs.order_parameters.items()}
    )
    means = np.array([part.mean(axis=0) for part in np.array_split(apart, parts)])

    def squared_bias(means: Array) -> float:
        count = len(means)
        products = means.sum(axis=0) ** 2 - (means**2).sum(axis=0)
        return float(products.mean() / (count * (count - 1)))

    without = [squared_bias(np.delete(means, part, axis=0)) for part in range(parts)]
    error = np.sqrt((parts - 1) * np.var(without))
    return float(np.sqrt(np.mean(apart**2))), squared_bias(means), float(error)
