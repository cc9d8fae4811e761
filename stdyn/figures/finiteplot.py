"""The figures of finite N: how far runs are from the theory, and how they leave a plateau that it never leaves."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from stdyn.analysis.comparison import finite_size
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked
from stdyn.figures.layout import finished, legend
from stdyn.figures.pages import Page, page, styled
from stdyn.figures.pairs import Pair, caption, names
from stdyn.figures.scales import (
    band,
    error_axis,
    floored,
    logarithmic,
    percentiles,
    positive,
    single_run,
    size_axis,
    spread_of_errors,
    time_axis,
)  # fmt: skip
from stdyn.model.trajectory import Trajectory


@checked
@styled
def finite_size_figure(families: list[list[Trajectory]]) -> Page:
    """Deviation from the theory against N, of a run and of the mean of runs; a family is a theory and its ensembles."""
    figure, (ax,) = page(5.6, 4.4)
    pairs = [Pair(theory) for theory, *_ in families]
    handles = [
        handle
        for (theory, *ensembles), (look, name) in zip(families, names(pairs), strict=True)
        for handle in deviation(ax, theory, ensembles, look, name)
    ]
    size_axis(ax)
    logarithmic(ax.yaxis)
    ax.set_ylabel("deviation of $R$, $Q$, $v$ from the ODEs (r.m.s.)")
    legend(ax, handles, size=7)
    alphas = ", ".join(dict.fromkeys(f"{smallest.alphas[-1]:g}" for _, smallest, *_ in families))
    title = filter(None, (caption(pairs, rule=False, markers=""), rf"$\alpha$ = {alphas}"))
    return finished(figure, ", ".join(title))


@checked
@styled
def symmetry_figure(pairs: list[Pair]) -> Page:
    """A start that treats the teacher units alike: the ODEs keep it so for ever, runs at finite N leave the plateau."""
    figure, (left, right) = page(7.6, 3.6, 1, 2)
    for pair, (look, name) in zip(pairs, names(pairs), strict=True):
        symmetric_errors(left, pair, look, name)
        teacher_spreads(right, pair, look)
    right.text(0.03, 0.05, "ODE: exactly 0, for ever", transform=right.transAxes, fontsize=8)
    sizes = {pair.problem.N for pair in pairs}
    for N in sizes:
        right.axhline(1 / np.sqrt(N), color="0.6", lw=0.8, ls=":", zorder=0)
        said = r"$1/\sqrt{N}$" if len(sizes) == 1 else rf"$1/\sqrt{{{N}}}$"
        right.annotate(said, (1, 1 / np.sqrt(N)), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                       fontsize=8)  # fmt: skip
    for ax in (left, right):
        for pair in pairs:
            time_axis(ax, pair.either.alphas, pair.problem)
            jumps.mark(ax, pair.all)
    error_axis(left, [each for pair in pairs for each in pair.all])
    floored([left])
    legend(left)
    logarithmic(right.yaxis)
    right.set_ylabel(r"spread of $R_{in}$ over teacher units")
    right.set_ylim(bottom=1e-5)  # below it is the rounding of the weights at the start
    zero = not any(pair.problem.start.R.any() for pair in pairs)
    start = "start R = 0 exactly" if zero else "start alike for all teacher units"
    title = ", ".join(filter(None, (caption(pairs, rule=False, markers=""), start)))
    return finished(figure, "\n".join(filter(None, (title, jumps.said(each for pair in pairs for each in pair.all)))))


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


@checked
def deviation(
    ax: Axes, theory: Trajectory, ensembles: list[Trajectory], look: style.Look, name: str
) -> list[Artist | tuple[Artist, ...]]:
    """Deviation of a run and of the mean of runs from the theory against N; what is drawn, for a legend."""
    sizes = np.array([runs.problem.N for runs in ensembles])
    single, squared, error = np.array([finite_size(runs, theory) for runs in ensembles]).T
    drawn: list[Artist | tuple[Artist, ...]] = []
    drawn += ax.plot(sizes, single, look.marker, color=look.colour, ms=5, label=f"{name}, a single run")
    drawn += ax.plot(sizes, single[0] * np.sqrt(sizes[0] / sizes), look.dash, color=look.colour, lw=0.9,
                     label=rf"{name}, $\propto 1/\sqrt{{N}}$")  # fmt: skip
    seen = squared > 2 * error
    bias, low, high = np.sqrt([squared[seen], (squared - error)[seen], (squared + error)[seen]])
    drawn.append(ax.errorbar(sizes[seen], bias, np.array([bias - low, high - bias]), fmt=look.marker, color=look.colour,
                             mfc="white", ms=5, lw=1, label=f"{name}, mean over runs"))  # fmt: skip
    if seen[0]:
        drawn += ax.plot(sizes, bias[0] * sizes[0] / sizes, look.dash, color=look.colour, lw=0.9, alpha=0.5,
                         label=rf"{name}, $\propto 1/N$")  # fmt: skip
    limit = np.sqrt(np.maximum(squared, 0) + 2 * error)[~seen]
    drawn += ax.plot(sizes[~seen], limit, ls="none", marker=r"$\downarrow$", color=look.colour, ms=9,
                     label=f"{name}, mean: at most (2 s.e.)")  # fmt: skip
    return drawn


@checked
def symmetric_errors(ax: Axes, pair: Pair, look: style.Look, name: str) -> None:
    """eps_g of the theory, of every run, and 5 to 95 % of the reduced runs."""
    if pair.theory is not None:
        errors = positive(pair.theory.eps_g)
        ax.plot(pair.theory.alphas, errors, look.dash, color=look.colour, lw=2.4, label=f"{name}, ODE")
    if pair.runs is not None:
        lines = ax.plot(pair.runs.alphas, positive(pair.runs.eps_g).T, look.dash, color=look.colour, lw=0.7, alpha=0.8)
        lines[0].set_label(f"{name}, runs at N = {pair.problem.N}")
    if pair.reduced is not None:
        spread_of_errors(ax, pair.reduced, pair.reduced.eps_g, look, name)


@checked
def teacher_spreads(ax: Axes, pair: Pair, look: style.Look) -> None:
    """How differently every run, and 5 to 95 % of the reduced runs, treat the teacher units."""
    if pair.runs is not None:
        spread = positive(teacher_spread(pair.runs.R))
        ax.plot(pair.runs.alphas, spread.T, look.dash, color=look.colour, lw=0.7, alpha=0.8)
    if pair.reduced is not None:
        spreads = teacher_spread(pair.reduced.R)
        if len(spreads) == 1:
            single_run(ax, pair.reduced.alphas, positive(spreads[0]), look.colour, look.dash)
        low, high = percentiles(spreads, [5, 95])
        band(ax, pair.reduced.alphas, low, high, look.colour)


@checked
def teacher_spread(R: Array) -> Array:
    """How differently the students treat the teacher units: max_n R_in - min_n R_in, root mean square over i."""
    return np.sqrt(np.mean(np.ptp(R, axis=-1) ** 2, axis=-1))


@checked
def keeps_symmetry(pair: Pair) -> bool:
    """Whether the theory never tells the teacher units, several, apart."""
    return pair.theory is not None and pair.problem.start.M > 1 and bool((teacher_spread(pair.theory.R) == 0).all())
