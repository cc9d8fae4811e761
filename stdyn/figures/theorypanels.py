"""The axes that figures of the theory beyond the mean are made of: bands, plateaus, spectra, escapes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from stdyn.analysis.comparison import z_scores
from stdyn.analysis.escape import EscapeTimes, Plateau
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked
from stdyn.figures.layout import legend
from stdyn.figures.scales import (
    around_zero,
    band,
    error_axis,
    floored,
    logarithmic,
    positive,
    size_axis,
    spread,
    time_axis,
)  # fmt: skip
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.scatter import Fluctuations

_NAMES = {"R": "$R$", "Q": "$Q$", "v": "$v$", "F": "$F$", "eps_g": r"$\epsilon_g$"}
_QUANTILES = (5, 50, 95)
_SPECTRAL = 1e-3  # eigenvalues between minus and plus this are drawn on a linear scale
_MOST = 12  # fixed points in a figure
_NONE = 1e-9  # an error of a fixed point that is none
_ROUNDING = 1e-12  # a standard deviation that is none
_NO_SPREAD = 0.1  # the limit of an axis of deviations where none is predicted


@checked
def error_bands(ax: Axes, found: Fluctuations, runs: Sequence[Trajectory]) -> Axes:
    """eps_g of the ODEs with the bands of runs, where they are valid, and runs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    found : Fluctuations
        Around a solution of the ODEs.
    runs : list of Trajectory
        Ensembles of the same problem; there may be none.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    deviation_bands : The same of an overlap.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.error_bands(plt.figure().add_subplot(), noise, [runs])
    """
    theory, std = found.theory, np.where(found.valid_eps_g, found.std.eps_g, np.nan)
    for width in (2, 1):
        low = np.maximum(theory.eps_g - width * std, 1e-3 * theory.eps_g)  # a logarithmic axis
        band(ax, theory.alphas, low, theory.eps_g + width * std, style.RULES[theory.problem.rule].colour)
    for each in runs:
        lines = ax.plot(each.alphas, positive(each.eps_g).T, color="0.35", lw=0.5, zorder=1.5)
        lines[0].set_label("runs")
    ax.plot(theory.alphas, positive(theory.eps_g), color="k", lw=1.2, label="ODEs")
    error_axis(ax)
    _end_at_curves(ax, theory.eps_g[found.valid_eps_g], *(each.eps_g for each in runs))
    floored([ax])
    legend(ax)
    return _against_alpha(ax, found, found.valid_eps_g)


@checked
def deviation_bands(ax: Axes, found: Fluctuations, runs: Sequence[Trajectory]) -> Axes:
    """R_in - ODEs of the pair that ends with the largest overlap, in its bands; the bias of order 1/N dashed.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    found : Fluctuations
        Around a solution of the ODEs.
    runs : list of Trajectory
        Ensembles of the same problem; there may be none.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    error_bands : The same of eps_g.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.deviation_bands(plt.figure().add_subplot(), noise, [runs])
    """
    theory = found.theory
    i, n = np.unravel_index(np.abs(theory.R[-1]).argmax(), theory.R.shape[1:])
    std, bias = found.std.R[:, i, n], found.bias.R[:, i, n]
    for width in (2, 1):
        band(ax, theory.alphas, -width * std, width * std, style.RULES[theory.problem.rule].colour)
    for each in runs:
        expected = np.interp(each.alphas, theory.alphas, theory.R[:, i, n], right=np.nan)
        ax.plot(each.alphas, (each.R[:, :, i, n] - expected).T, color="0.35", lw=0.5, zorder=1.5)
    ax.plot(theory.alphas, bias, "--", color="k", lw=1, label="predicted bias")
    ax.axhline(0, color="k", lw=0.6)
    valid = found.valid
    most = 4 * float(std[valid].max(initial=0))
    most = most if most > _ROUNDING else _NO_SPREAD
    ax.set_ylim(-most, most)
    ax.set_ylabel(rf"$R_{{{i + 1}{n + 1}}}$ − ODEs")
    legend(ax, loc="lower left")
    return _against_alpha(ax, found, valid)


@checked
def deviations(ax: Axes, found: Fluctuations, runs: Sequence[Trajectory]) -> Axes:
    """Predicted standard deviations of a run, root mean square over entries: lines; measured ones: markers.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    found : Fluctuations
        Around a solution of the ODEs.
    runs : list of Trajectory
        Ensembles of the same problem; there may be none.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    scores : In predicted standard deviations.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.deviations(plt.figure().add_subplot(), noise, [runs])
    """
    for name, text, colour, marker in zip(_NAMES, _NAMES.values(), style.COLOURS, style.MARKERS, strict=False):
        std = getattr(found.std, name)
        if std is None or not std.any():
            continue
        ax.plot(found.alphas, positive(_rms(std)), color=colour, lw=1.2, label=text)
        for each in runs:
            if each.runs is not None and each.runs > 1:
                shown = np.unique(np.linspace(min(1, len(each.alphas) - 1), len(each.alphas) - 1, 24).astype(int))
                measured = positive(_rms(getattr(each, name).std(axis=0, ddof=1))[shown])
                ax.plot(each.alphas[shown], measured, marker, color=colour, ms=3.2, mfc="white", mew=0.8)
    logarithmic(ax.yaxis)
    floored([ax])
    ax.set_ylabel("standard deviation over runs (r.m.s.)")
    legend(ax)
    return _against_alpha(ax, found, found.valid)


@checked
def scores(ax: Axes, found: Fluctuations, runs: Sequence[Trajectory]) -> Axes:
    """The distribution of z-scores of single runs, all order parameters at all valid alphas, and N(0, 1).

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    found : Fluctuations
        Around a solution of the ODEs.
    runs : list of Trajectory
        Ensembles of the same problem; there may be none.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.z_scores : The numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.scores(plt.figure().add_subplot(), noise, [runs])
    """
    z = np.linspace(-5, 5, 201)
    ax.plot(z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), "k--", lw=1, label="N(0, 1)")
    for colour, each in zip(style.colours(len(runs)), runs, strict=True):
        if not _comparable(each, found):
            continue
        scores = np.concatenate([values[:, 1:].ravel() for values in z_scores(each, found).values()])
        scores = scores[np.isfinite(scores) & (scores != 0)]
        if scores.size:
            ax.hist(scores, 50, range=(-5, 5), density=True, histtype="step", lw=1.2, color=colour,
                    label=counted_runs(each))  # fmt: skip
    ax.set_xlabel("z = (run − ODEs − bias) / predicted s.d.")
    ax.set_ylabel("density")
    legend(ax, size=7)
    return ax


def _end_at_curves(ax: Axes, *curves: Array) -> None:
    """Let a logarithmic axis end below the lowest of the curves, whatever bands go further."""
    lowest = min((float(curve[curve > 0].min(initial=np.inf)) for curve in curves), default=np.inf)
    if np.isfinite(lowest):
        ax.set_ylim(bottom=max(ax.get_ylim()[0], lowest / 3))


def _comparable(runs: Trajectory, found: Fluctuations) -> bool:
    """Whether no run has diverged before the first alpha > 0 of both."""
    common = runs.alphas[(runs.alphas > 0) & (runs.alphas < found.alphas[-1] + 1 / runs.problem.N)]
    return common.size > 0 and (runs.diverged_at is None or bool(runs.diverged_at.min() > common[0]))


def counted_runs(runs: Trajectory) -> str:
    return style.counted(runs.runs, f"{runs.method} run")


def _rms(values: Array) -> Array:
    """Root mean square over all axes but the first."""
    return np.sqrt(np.mean(values.reshape(len(values), -1) ** 2, axis=1))


def _against_alpha(ax: Axes, found: Fluctuations, valid: np.ndarray) -> Axes:
    """The axis of alpha, with what is not valid in grey."""
    time_axis(ax, found.alphas, found.problem)
    jumps.mark(ax, [found.theory])
    first = found.alphas[found.alphas > 0].min(initial=found.alphas[-1])
    if first < found.alphas[-1]:
        ax.set_xlim(first, found.alphas[-1])
    ax.fill_between(found.alphas, 0, 1, where=~valid, transform=ax.get_xaxis_transform(), color="0.85", lw=0, zorder=0,
                    step="mid")  # fmt: skip
    return ax


@checked
def error_with_plateaus(
    ax: Axes, theory: Trajectory, found: Sequence[Plateau], look: style.Look, name: str
) -> Axes:  # fmt: skip
    """eps_g, plateaus thick, the saddle's height dashed, the predicted end a marker."""
    colour, marker, dash = look
    learned = theory.eps_g < 10 * theory.attributes.get("rtol", 0.0)  # from there on it is the solver's error
    end = int(learned.argmax()) if learned.any() else len(learned)
    ax.plot(theory.alphas[:end], positive(theory.eps_g[:end]), dash, color=colour, lw=1.2, label=name)
    for plateau in found:
        inside = (theory.alphas >= plateau.start) & (theory.alphas <= plateau.end)
        ax.plot(theory.alphas[inside], theory.eps_g[inside], color=colour, lw=5, alpha=0.25, solid_capstyle="butt")
        if plateau.saddle is not None:
            ax.axhline(plateau.saddle.eps_g, ls=(0, (1, 1)), color=colour, lw=0.9, label=f"{name}, its saddle")
        if np.isfinite(plateau.predicted_end):
            ax.plot(plateau.predicted_end, plateau.level, marker, color=colour, mfc="white", ms=6,
                    label=f"{name}, predicted end")  # fmt: skip
    error_axis(ax)
    time_axis(ax, theory.alphas, theory.problem)
    jumps.mark(ax, [theory])
    return ax


@checked
def spectra(ax: Axes, problem: Problem, points: Sequence[FixedPoint], found: Sequence[Plateau]) -> Axes:
    """Real parts of the eigenvalues of fixed points, a row each; those that grow are filled.

    Of many points those that plateaus hang on and those that were reached most often.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    problem : Problem
        Whose fixed points they are.
    points : list of FixedPoint
        A row each.
    found : list of Plateau
        Whose saddles are drawn before others; there may be none.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.FixedPoint.plot : The eigenvalues of one of them in the complex plane.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> found = stdyn.fixed_points(problem, number_of_starts=10, rng=1)
    >>> ax = stdyn.theoryplot.spectra(plt.figure().add_subplot(), problem, found, [])
    """
    colour, marker, _ = style.RULES[problem.rule]
    saddles = [plateau.saddle.eps_g for plateau in found if plateau.saddle is not None]
    often = sorted(points, key=lambda point: (not np.isclose(saddles, point.eps_g, rtol=1e-6).any(), -point.found))
    rows = sorted(often[:_MOST], key=lambda point: point.eps_g)
    for row, point in enumerate(rows):
        real = point.eigenvalues.real
        grows = np.arange(len(real)) < point.unstable
        ax.axhline(row, color="0.9", lw=0.6, zorder=0)
        ax.plot(real[~grows], np.full((~grows).sum(), row), marker, color=colour, mfc="white", ms=4, mew=0.8)
        ax.plot(real[grows], np.full(grows.sum(), row), marker, color=colour, ms=4)
    ax.axvline(0, color="k", lw=0.8)
    most = max((float(np.abs(point.eigenvalues.real).max()) for point in rows), default=0.0)
    around_zero(ax.xaxis, most, _SPECTRAL, short=True)
    ax.set_yticks(range(len(rows)), _written([point.eps_g for point in rows]))
    ax.set_ylabel(r"$\epsilon_g$ of fixed point")
    ax.set_xlabel(r"eigenvalues Re $\lambda$ (filled: growing)")
    of = f", {len(rows)} of {len(points)} fixed points" if len(rows) < len(points) else ""
    ax.set_title(style.rule(problem.rule) + of, fontsize=9)
    return ax


def _written(errors: Sequence[float]) -> list[str]:
    """Errors of fixed points with four digits, or more if some that differ would read alike, or one as 0."""
    known = [error for error in errors if error > _NONE]
    apart = len({f"{error:.6g}" for error in known})
    for digits in range(4, 10):
        texts = {f"{error:.{digits}f}" for error in known}
        if len(texts) == apart and f"{0:.{digits}f}" not in texts:
            break
    return [f"{error:.{digits}f}" if error > _NONE else "0" for error in errors]


@checked
def escapes(ax: Axes, problem: Problem, times: EscapeTimes, seen: dict[int, Array]) -> Axes:
    """Median and 5 to 95 % of the alpha at which runs leave, against N.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    problem : Problem
        With a symmetric start.
    times : EscapeTimes
        What is predicted of it.
    seen : dict of ndarray
        By N, the alphas at which runs of N inputs left.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.EscapeTimes.plot : The law alone.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.escapes(plt.figure().add_subplot(), symmetric, times, {100: times.at(100)})
    """
    colour, marker, dash = style.RULES[problem.rule]
    name, sizes = style.rule(problem.rule), np.array(sorted(seen))
    span = np.geomspace(sizes[0] / 2, sizes[-1] * 2, 50)
    low, middle, high = np.array([np.percentile(times.at(N), _QUANTILES) for N in span]).T
    band(ax, span, low, high, colour)
    rate = times.rate
    ax.plot(span, middle, dash, color=colour, label=rf"{name}: $\ln N / 2\lambda$ + const, $\lambda$ = {rate:.3g}")
    low, middle, high = np.array([_censored(seen[N]) for N in sizes]).T
    spread = np.array([middle - low, high - middle])
    ax.errorbar(sizes, middle, spread, fmt=marker, color=colour, mfc="white", ms=5, lw=1,
                label=f"{name}: reduced runs, median and 5 – 95 %")  # fmt: skip
    size_axis(ax)
    ax.set_ylabel(r"plateau left at $\alpha$")
    return ax


def _censored(alphas: Array) -> Array:
    """Percentiles of the alphas at which runs leave; NaN for one that is among the runs that have not."""
    found = np.percentile(alphas, _QUANTILES, method="nearest")
    return np.where(np.isfinite(found), found, np.nan)


@checked
def escape_law(ax: Axes, problem: Problem, times: EscapeTimes, seen: dict[int, Array]) -> Axes:
    """The distribution of alpha - ln N / 2 lambda, which does not depend on N for large N.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    problem : Problem
        With a symmetric start.
    times : EscapeTimes
        What is predicted of it.
    seen : dict of ndarray
        By N, the alphas at which runs of N inputs left.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.EscapeTimes.plot : The law alone.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.theoryplot.escape_law(plt.figure().add_subplot(), symmetric, times, {100: times.at(100)})
    """
    shares = (np.arange(len(times.offsets)) + 0.5) / len(times.offsets)
    ax.plot(np.sort(times.offsets), shares, "k--", lw=1.6, label="predicted")
    for position, (N, alphas) in enumerate(sorted(seen.items())):
        offsets = np.sort(alphas) - np.log(N) / (2 * times.rate)
        grey = str(0.75 - 0.65 * position / max(len(seen) - 1, 1))
        ax.step(offsets, (np.arange(len(offsets)) + 0.5) / len(offsets), color=grey, lw=1.1, where="mid",
                label=f"N = {N:,}".replace(",", " "))  # fmt: skip
    low, high = spread(*np.percentile(times.offsets, [1, 99]))
    ax.set_xlim(low - 0.3 * (high - low), high + 0.15 * (high - low))
    ax.set_xlabel(r"$\alpha - \ln N / 2\lambda$")
    ax.set_title(style.rule(problem.rule), fontsize=9)
    legend(ax, size=7)
    return ax
