"""The figures of theory beyond the mean: fluctuations around the ODEs, plateaus and spectra, studies, escape times."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from stdyn.analysis.escape import EscapeTimes, Plateau
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked, one_of
from stdyn.figures.layout import finished, legend
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.pairs import Pair, common, names
from stdyn.figures.scales import (
    floored,
    logarithmic,
)  # fmt: skip
from stdyn.figures.theorypanels import (
    counted_runs,
    deviation_bands,
    deviations,
    error_bands,
    error_with_plateaus,
    escape_law,
    escapes,
    scores,
    spectra,
)
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.scans.studies import STUDIED, Study
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.scatter import Fluctuations

__all__ = [
    "fluctuations_figures", "fluctuations_figure", "plateaus_figure", "study_figures", "study_figure",
    "escape_figure", "error_bands", "deviation_bands", "deviations", "scores", "spectra", "escapes",
    "escape_law",
]  # fmt: skip

_DRAWN = ("escape_rate", "plateau_length", "eps_g_infinity")  # a figure each
_ABOVE = 1.04  # where what is infinite stands, of the height of the axes
_ENDLESS = r"not left by the last $\alpha$"
_SIZES = dict(zip(style.RULES, (8, 4, 11, 14, 17), strict=True))  # of markers, in points


@checked
@styled
def fluctuations_figures(found: Sequence[Fluctuations], trajectories: Sequence[Trajectory]) -> Pages:
    """For each of the fluctuations a figure with those of the trajectories that are runs of its problem.

    Parameters
    ----------
    found : list of Fluctuations
        A figure each.
    trajectories : list of Trajectory
        Runs of their problems, and others, which are left out.

    Returns
    -------
    dict of Figure
        By name, in the order in which they are shown; a notebook shows all of them.

    See Also
    --------
    fluctuations_figure : One of them.

    Examples
    --------
    >>> list(stdyn.theoryplot.fluctuations_figures([noise], [runs]))
    ['fa_fluctuations']
    """
    drawn = Pages()
    for each in found:
        runs = [t for t in trajectories if t.runs is not None and t.problem.difference(each.problem) is None]
        drawn[style.free_name(f"{each.problem.rule}_fluctuations", drawn)] = fluctuations_figure(each, runs)
    return drawn


@checked
@styled
def fluctuations_figure(found: Fluctuations, runs: Sequence[Trajectory]) -> Page:
    """eps_g and an overlap in the predicted bands, predicted and measured standard deviations, and z-scores.

    Parameters
    ----------
    found : Fluctuations
        Around a solution of the ODEs.
    runs : list of Trajectory
        Ensembles of the same problem; there may be none.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    stdyn.Fluctuations.plot : The theory with its band, in own axes.
    stdyn.views.ellipses : Two order parameters against each other.

    Examples
    --------
    >>> figure = stdyn.theoryplot.fluctuations_figure(noise, [runs])
    """
    figure, axes = page(7.6, 6.2, 2, 2)
    single = ([each for each in runs if each.method == "network"] or runs)[:1]
    many = ([each for each in runs if each.method == "reduced"] or runs)[:1]
    error_bands(axes[0], found, single)
    deviation_bands(axes[1], found, single)
    deviations(axes[2], found, many)
    scores(axes[3], found, runs)
    lines = "".join(f"lines: {counted_runs(each)}" for each in single)
    marked = "".join(f"; markers: {each.runs} {each.method} runs" for each in many)
    about = (lines, lines, f"lines: predicted{marked}", "single runs, where valid" if runs else "")
    for letter, words, ax in zip("abcd", about, axes, strict=True):
        ax.set_title(f"({letter})  {words}", loc="left", fontsize=8)
    bands = f"bands: ODEs ± 1 and ± 2 predicted standard deviations at N = {found.problem.N}"
    name = f"{style.rule(found.problem.rule)}, {style.parameters(found.problem)}"
    drawn = filter(None, (bands, "grey: linear noise not valid", jumps.said([found.theory])))
    return finished(figure, f"{name}\n{'; '.join(drawn)}")


@checked
@styled
def plateaus_figure(results: list[tuple[Trajectory, list[Plateau], list[FixedPoint]]]) -> Page:
    """eps_g with its plateaus, the heights of their saddles and the ends that these imply; spectra of fixed points.

    Parameters
    ----------
    results : list of (theory, plateaus, fixed points)
        One for each problem: what `plateaus` and `fixed_points` give of it.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    stdyn.Plateau.plot : A single one, on own axes.

    Examples
    --------
    >>> long = stdyn.integrate(problem, np.linspace(0, 300, 301))
    >>> found = stdyn.plateaus(long)
    >>> fixed = stdyn.fixed_points(problem, number_of_starts=10, rng=1)
    >>> figure = stdyn.theoryplot.plateaus_figure([(long, found, fixed)])
    """
    figure = Page(figsize=(7.6, 3.0 + 0.6 * len(results)), layout="constrained")
    left, *right = figure.subplot_mosaic([["e", f"s{n}"] for n in range(len(results))]).values()
    for (theory, found, _), (look, name) in zip(
        results, names([Pair(theory) for theory, _, _ in results]), strict=True
    ):
        error_with_plateaus(left, theory, found, look, name)
    floored([left])
    legend(left, size=7)
    for ax, (theory, found, points) in zip(right, results, strict=True):
        spectra(ax, theory.problem, points, found)
    for ax in right[:-1]:
        ax.set_xlabel("")
    theories = [theory for theory, _, _ in results]
    title = common([theory.problem for theory in theories]), jumps.said(theories)
    return finished(figure, "\n".join(filter(None, title)))


@checked
@styled
def study_figures(study: Study) -> Pages:
    """A figure each for the escape rate, the length of the plateau and the final error, against what varies.

    Parameters
    ----------
    study : Study
        For one rule or several.

    Returns
    -------
    dict of Figure
        By name, in the order in which they are shown; a notebook shows all of them.

    See Also
    --------
    stdyn.Study.plot : One number, in own axes.

    Examples
    --------
    >>> found = stdyn.study(points, np.linspace(0, 100, 101))
    >>> list(stdyn.theoryplot.study_figures(found))
    ['escape_rate_against_eta', 'plateau_length_against_eta', 'eps_g_infinity_against_eta']
    """
    of = study.quantity.replace("=", "_")
    return Pages({f"{name}_against_{of}": study_figure(study, name) for name in _DRAWN})


@checked
@styled
def study_figure(study: Study, name: Annotated[str, one_of(STUDIED)]) -> Page:
    """One number of a study for every rule; of the length of the plateau also the predicted one.

    What is infinite stands above the axes. The axis across has all values, also those without a number.

    Parameters
    ----------
    study : Study
        For one rule or several.
    name : str
        One of its numbers, such as "plateau_length".

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If there is no such number.

    See Also
    --------
    stdyn.Study.plot : The same in own axes.

    Examples
    --------
    >>> found = stdyn.study(points, np.linspace(0, 100, 101))
    >>> figure = stdyn.theoryplot.study_figure(found, "escape_rate")
    """
    figure, (ax,) = page(4.6, 3.6)
    for rule, numbers in study.rules.items():
        colour, marker, dash = style.RULES[rule]
        values = np.where(np.isfinite(numbers[name]), numbers[name], np.nan)
        ax.plot(study.values, values, marker + dash, color=colour, ms=4, mfc="white", label=style.rule(rule))
        if name == "plateau_length":
            predicted = np.where(np.isfinite(values), numbers["plateau_predicted"], np.nan)
            ax.plot(
                study.values, predicted, ":", color=colour, lw=1.6, label=f"{style.rule(rule)}, implied by the saddle"
            )
        endless, size = study.values[np.isinf(numbers[name])], _SIZES[rule]  # they may stand in each other
        if endless.size:
            ax.plot(endless, np.full(len(endless), _ABOVE), "^", color=colour, mfc="none", ms=size, clip_on=False,
                    transform=ax.get_xaxis_transform(), label=f"{style.rule(rule)}, {_ENDLESS}")  # fmt: skip
    ax.update_datalim(np.column_stack([study.values, study.values]), updatey=False)
    ax.autoscale_view()
    finite = np.concatenate([numbers[name] for numbers in study.rules.values()])
    finite = finite[np.isfinite(finite)]
    if finite.size and (finite > 0).all():
        logarithmic(ax.yaxis)
    if not finite.size:
        ax.set_yticks([])
        ax.text(0.5, 0.5, "none finite", transform=ax.transAxes, ha="center")
    if (study.values > 0).all() and study.values.max() > 5 * study.values.min():
        logarithmic(ax.xaxis)
    ax.set_xlabel(style.on_axis(study.quantity))
    ax.set_ylabel(style.label(name))
    floored([ax] if ax.get_yscale() == "log" else [])
    legend(ax)
    return finished(figure, common(study.variations[:]))


@checked
@styled
def escape_figure(results: list[tuple[Problem, EscapeTimes, dict[int, Array]]]) -> Page:
    """When runs leave a symmetric plateau, against N and as distributions: predicted lines, and runs.

    Parameters
    ----------
    results : list of (problem, escape times, seen)
        One for each problem; seen is {N: alphas at which runs of N inputs left}.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    stdyn.EscapeTimes.plot : The law alone, in own axes.

    Examples
    --------
    >>> figure = stdyn.theoryplot.escape_figure([(symmetric, times, {100: times.at(100)})])
    """
    figure = Page(figsize=(7.6, 3.8), layout="constrained")
    left, *right = figure.subplots(1, 1 + len(results), width_ratios=[1.3] + [1] * len(results))
    for problem, times, seen in results:
        escapes(left, problem, times, seen)
    left.set_ylim(0, 1.3 * left.get_ylim()[1])  # room for the legend
    legend(left, size=7)
    for ax, (problem, times, seen) in zip(right, results, strict=True):
        escape_law(ax, problem, times, seen)
    right[0].set_ylabel("share of runs that have left")
    said = filter(None, (common([problem for problem, _, _ in results]), "symmetric start"))
    return finished(figure, ", ".join(said))
