"""The figures of inputs with a spectrum: plateaus against it, and theory against networks on given examples."""

from typing import Annotated

import numpy as np
from matplotlib.axes import Axes

from stdyn.analysis.moments import mean_and_error
from stdyn.analysis.onexamples import errors_of
from stdyn.analysis.summary import flat_stretches
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.arguments import checked, one_of
from stdyn.figures.layout import finished, legend
from stdyn.figures.pages import Page, page, styled
from stdyn.figures.pairs import Pair, check_not_empty, common, names
from stdyn.figures.panels import (
    markers_at,
)
from stdyn.figures.scales import error_axis, floored, level, logarithmic, positive, time_axis
from stdyn.model.trajectory import Trajectory

__all__ = [
    "spectrum_figure", "examples_figure",
]  # fmt: skip

_AFTER = 1 + 1e-9  # times the first alpha a plateau begins, or it is the start
_LOWEST = 1e-6  # eps_g that is drawn of curves with a plateau
_DRAWN = 5  # values across whose curves eps_g(alpha) are drawn
_PERCENT = 100.0
_SERIES = {  # of runs: what it is called, and how it looks
    "test": ("examples: test error", style.Look(style.COLOURS[1], "o", "-")),
    "overlaps": ("examples: of overlaps", style.Look(style.COLOURS[2], "s", "--")),
    "Gaussian": ("Gaussian inputs", style.Look("0.45", "^", ":")),
}
_AXES = {
    "exponent": r"exponent $a$ of the spectrum, $\omega_j \propto j^{-a}$",
    "condition": r"condition number $\omega_1/\omega_2$",
}
_NAMED = {"exponent": "a", "condition": r"\omega_1/\omega_2"}

Held = tuple[str, Trajectory, Trajectory, Trajectory | None]  # a name, theory, runs on examples, on Gaussian inputs
Across = Annotated[str, one_of(_AXES)]


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


@checked
@styled
def spectrum_figure(
    exponents: list[tuple[str, float, Trajectory]], conditions: list[tuple[str, float, Trajectory]]
) -> Page:
    """eps_g of some spectra, and the length of the plateau against their exponent and their condition number.

    Parameters
    ----------
    exponents, conditions : list of (name, value, theory)
        One for every value of every curve, which are told apart by their names ("FA", "BP, v learned"). Of the first
        name also eps_g against alpha is drawn.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If one is an ensemble of runs.

    See Also
    --------
    stdyn.Inputs.power_law : Spectra with an exponent.

    Examples
    --------
    >>> figure = stdyn.inputplot.spectrum_figure([("FA", 0.0, theory)], [("FA", 1.0, theory)])
    """
    check_not_empty([theory for *_, theory in (*exponents, *conditions)])
    figure, axes = page(7.6, 6.2, 2, 2)
    for across, results, above, below in (
        ("exponent", exponents, axes[0], axes[2]), ("condition", conditions, axes[1], axes[3])
    ):  # fmt: skip
        errors_of_spectra(above, results, across)
        lengths(below, results, across)
    for letter, ax in zip("abcd", axes, strict=True):
        ax.set_title(f"({letter})" + (f"  {exponents[0][0]}" if letter in "ab" else ""), loc="left", fontsize=9)
    return finished(figure, common([theory.problem for *_, theory in (*exponents, *conditions)]))


@checked
@styled
def examples_figure(results: list[tuple[str, Trajectory, Trajectory, Trajectory | None]]) -> Page:
    """Theory against networks on given examples: eps_g, and by how much it deviates, with standard errors.

    The error of the networks is that on test examples, if it was recorded, and that which Gaussian inputs would have
    with their overlaps: the covariances of the fields, which is what the theory is about.

    Parameters
    ----------
    results : list of (name, theory, runs on examples, runs on Gaussian inputs)
        A row of panels each. The last of them may be None; all are of one problem.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    stdyn.simulate_network : Which takes examples.

    Examples
    --------
    >>> figure = stdyn.inputplot.examples_figure([("Gaussian", theory, runs, None)])
    """
    check_not_empty([each for _, *all_ in results for each in all_ if each is not None])
    figure, axes = page(7.6, 0.4 + 2.9 * len(results), len(results), 2)
    for row, result in enumerate(results):
        left, right = axes[2 * row : 2 * row + 2]
        errors_on_examples(left, result)
        deviations_on_examples(right, result)
        for letter, ax in zip("abcdefghijkl"[2 * row :], (left, right), strict=False):
            ax.set_title(f"({letter})  {result[0]}", loc="left", fontsize=9)
    runs = [(each, "on examples") for _, _, each, _ in results]
    runs += [(each, "on Gaussian inputs") for *_, each in results if each is not None]
    said = ", ".join(dict.fromkeys(f"{each.runs} {each.method} runs {on}" for each, on in runs))
    sizes = " or ".join(dict.fromkeys(f"{each.problem.N}" for each, _ in runs))
    same = common([theory.problem for _, theory, *_ in results])
    return finished(figure, f"{same}\nlines: ODEs; markers: mean ± s.e. of {said}, N = {sizes}")


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


@checked
def errors_of_spectra(ax: Axes, results: list[tuple[str, float, Trajectory]], across: Across) -> Axes:
    """eps_g against alpha for some of the values, of the first name."""
    _check_theories(results)
    first = sorted((each for each in results if each[0] == results[0][0]), key=lambda each: each[1])
    shown = [first[at] for at in np.unique(np.linspace(0, len(first) - 1, _DRAWN).round().astype(int))]
    for number, (colour, (_, value, theory)) in enumerate(zip(_shades(len(shown)), shown, strict=True)):
        dash = style.DASHES[number % len(style.DASHES)]
        ax.plot(theory.alphas, positive(theory.eps_g), ls=dash, color=colour,
                label=rf"${_NAMED[across]} = {value:.3g}$")  # fmt: skip
        time_axis(ax, theory.alphas, theory.problem)
    error_axis(ax)
    floored([ax], _LOWEST)
    legend(ax)
    return ax


def _check_theories(results: list[tuple[str, float, Trajectory]]) -> None:
    """Refuse runs."""
    for *_, theory in results:
        if theory.runs is not None:
            raise InputError(f"results must be solutions of the ODEs, but one is an ensemble of {theory.runs} runs")


def _shades(number: int) -> list[str]:
    """From dark to light."""
    return style.colours(max(number, 8))[:: max(8 // max(number, 1), 1)][:number]


@checked
def lengths(ax: Axes, results: list[tuple[str, float, Trajectory]], across: Across) -> Axes:
    """The length of the plateau of eps_g for every value and name; none where there is no plateau that is left."""
    _check_theories(results)
    curves: dict[str, list[tuple[float, Trajectory]]] = {}
    for name, value, theory in results:
        curves.setdefault(name, []).append((value, theory))
    looks = [look for look, _ in names([Pair(points[0][1]) for points in curves.values()])]
    for look, (name, points) in zip(looks, curves.items(), strict=True):
        points = sorted(points, key=lambda each: each[0])
        x, y = np.array([value for value, _ in points]), np.array([_length(theory) for _, theory in points])
        ax.plot(x, y, look.dash, color=look.colour, marker=look.marker, ms=4, mfc="white", label=name)
    every = np.array([value for _, value, _ in results])  # also those without a plateau
    ax.update_datalim(np.column_stack([every, every]), updatey=False)
    ax.autoscale_view()
    if across == "condition":
        logarithmic(ax.xaxis)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(_AXES[across])
    ax.set_ylabel(style.label("plateau_length"))
    legend(ax)
    return ax


def _length(theory: Trajectory) -> float:
    """That of the flattest plateau that begins after a fall and is left; NaN without one."""
    first = theory.alphas[theory.alphas > 0].min(initial=np.inf)
    found = flat_stretches(theory.alphas, theory.eps_g)
    left = [each for each in found if each.start > first * _AFTER and np.isfinite(each.end)]
    if not left:
        return np.nan
    flattest = min(left, key=lambda each: each.slope)
    return flattest.end - flattest.start


@checked
def errors_on_examples(ax: Axes, result: tuple[str, Trajectory, Trajectory, Trajectory | None]) -> Axes:
    """eps_g against alpha: theory as a line, on test examples, of the overlaps, and on Gaussian inputs as markers."""
    _, theory, *_ = result
    ax.plot(theory.alphas, positive(theory.eps_g), color="k", lw=1.2, label="theory")
    for (called, look), alphas, errors in _measured(result):
        mean, spread = mean_and_error(errors)
        ax.errorbar(alphas, positive(mean), spread, fmt=look.marker, color=look.colour, ms=3.6, lw=0.8, mfc="white",
                    mew=0.8, label=called)  # fmt: skip
    error_axis(ax)
    time_axis(ax, theory.alphas, theory.problem)
    floored([ax])
    legend(ax)
    return ax


@checked
def deviations_on_examples(ax: Axes, result: tuple[str, Trajectory, Trajectory, Trajectory | None]) -> Axes:
    """By how much per cent eps_g of runs is from the theory, with standard errors."""
    _, theory, *_ = result
    level(ax, 0)
    for (called, look), alphas, errors in _measured(result):
        mean, spread = mean_and_error(errors)
        expected = np.interp(alphas, theory.alphas, theory.eps_g)
        scale = _PERCENT / np.where(expected > 0, expected, np.nan)
        ax.errorbar(alphas, (mean - expected) * scale, spread * scale, fmt=look.marker, ls=look.dash,
                    color=look.colour, ms=3.6, lw=0.8, mfc="white", mew=0.8, label=called)  # fmt: skip
    time_axis(ax, theory.alphas, theory.problem)
    ax.set_ylabel(r"$\epsilon_g$ of runs / theory − 1 (%)")
    legend(ax)
    return ax


def _measured(result: Held) -> list[tuple[tuple[str, style.Look], Array, Array]]:
    """Name and look, alphas and errors (runs, A) of all that was measured, at the alphas of markers."""
    _, _, runs, gaussian = result
    found = []
    for name, (alphas, errors) in errors_of(runs, gaussian).items():
        shown = markers_at(alphas)
        found.append((_SERIES[name], alphas[shown], errors[:, shown]))
    return found
