"""What all figures share: colours, markers and dashes, what quantities are called, axes, bands and pages.

Colours are those of Okabe and Ito, safe for the colour-blind; every thick curve also has a marker or dash of its own,
so that the figures read in grey.
"""

from collections.abc import Container
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from stdyn.checks import Array
from stdyn.model.problem import Problem
from stdyn.text import without_markup

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

Dash = str | tuple[int, tuple[int, ...]]


class Look(NamedTuple):
    """How the curves of a rule or a problem look."""

    colour: str
    marker: str
    dash: str


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OUTPUT_MARKERS = ("o", "^", "D", "v", "X")
OUTPUT_DASHES: tuple[Dash, ...] = ("--", ":", "-.", (0, (6, 1)), (0, (4, 1, 1, 1, 1, 1)))
RULES = {"fa": Look("#D55E00", "s", "-"), "bp": Look("#0072B2", "o", "--"), "dfa": Look("#009E73", "^", "-.")}
STYLE: "dict[RcKeyType, Any]" = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 200,
}
styled = mpl.rc_context(STYLE)  # a decorator: what the function draws has this style
LABELS = {
    "alpha": r"$\alpha$ = examples / $N$",
    "eps_g": r"generalization error $\epsilon_g$",
    "eps_g_start": r"$\epsilon_g$ at $\alpha = 0$",
    "eps_g_final": r"final $\epsilon_g$",
    "eps_g_infinity": r"$\epsilon_g$ at $\alpha \to \infty$",
    "F": r"$F = v \cdot b$",
    "b_norm": r"$|b|$",
    "b_smallest": r"smallest $|b_i|$",
    "alignment": r"alignment $F/|v||b|$",
    "alignment_start": r"alignment $F/|v||b|$ at $\alpha = 0$",
    "alignment_final": r"final alignment $F/|v||b|$",
    "plateau_height": r"$\epsilon_g$ of the plateau",
    "plateau_start": r"plateau reached at $\alpha$",
    "plateau_end": r"plateau left at $\alpha$",
    "plateau_length": r"length of the plateau in $\alpha$",
    "escape_rate": r"escape rate $\lambda$ of the saddle",
    "specialised": "specialised student units",
    "diverged_at": r"diverged at $\alpha$",
    "eta": r"$\eta$",
    "eta_v": r"$\eta_v$",
    "eta=eta_v": r"$\eta = \eta_v$",
    "sigma": r"$\sigma$",
    "b_angle": r"angle of $b$ to $v(0)$ in degrees",
    "draw": "draw of the start",
}


def label(name: str) -> str:
    """How a quantity is written on an axis."""
    return LABELS.get(name) or without_markup(name)


def colour(i: int) -> str:
    """The colour of student i."""
    return COLOURS[i % len(COLOURS)]


def marker(i: int) -> str:
    """The marker of student i."""
    return MARKERS[i % len(MARKERS)]


def output_dash(o: int) -> Dash:
    """The dash of output o, beside a full line."""
    return OUTPUT_DASHES[o % len(OUTPUT_DASHES)]


# ---------------------------------------------------------------------------------------------------------------------
# Pages


def page(
    width: float, height: float, rows: int = 1, columns: int = 1, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of this size in inches, and its axes, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).ravel())


def legend_below(figure: Figure, ax: Axes, columns: int, title: str | None = None) -> None:
    """One legend for all axes of a page, that of `ax`."""
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, title=title)


def free_name(name: str, drawn: Container[str]) -> str:
    """The name of one more figure: with a number if there are figures of this name."""
    number = 1
    while (name if number == 1 else f"{name}_{number}") in drawn:
        number += 1
    return name if number == 1 else f"{name}_{number}"


# ---------------------------------------------------------------------------------------------------------------------
# Axes


def wide(alphas: Array) -> bool:
    """Whether these alphas want a logarithmic axis: they span more than two decades."""
    there = alphas[alphas > 0]
    return len(there) > 1 and there[-1] > 100 * there[0]


def skewed(values: Array) -> bool:
    """Whether these values want a logarithmic axis: positive but for a few, over more than a factor 10, and skewed."""
    there = values[np.isfinite(values)]
    low = float(np.quantile(there, 0.02)) if there.size else 0.0
    if not (low > 0 and there.max() > 10 * low):
        return False
    middle, high = np.median(there), there.max()
    return bool(abs(np.log(middle / np.sqrt(low * high))) < abs(np.log(2 * middle / (low + high))))


def logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic; over less than a factor 30, 2 and 5 are labelled, too, as plain numbers."""
    ax = axis.axes
    assert isinstance(ax, Axes)
    (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log")
    low, high = axis.get_data_interval()
    if low > 0 and high < 30 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def time_axis(ax: Axes, alphas: Array) -> None:
    """Label and scale of the axis of alpha."""
    if wide(alphas):
        ax.set_xscale("log")
    ax.set_xlabel(label("alpha"))


def size_axis(ax: Axes) -> None:
    """Label and scale of the axis of N."""
    ax.set_xscale("log")
    ax.set_xlabel("input dimension $N$")


def error_axis(ax: Axes) -> None:
    """Label and scale of the axis of eps_g."""
    ax.set_yscale("log")
    ax.set_ylabel(label("eps_g"))


def positive(values: Array) -> Array:
    """The values with those that are not positive left out, for a logarithmic axis."""
    return np.where(values > 0, values, np.nan)


def band(ax: Axes, x: Array, low: Array, high: Array, colour: str, label: str | None = None) -> None:
    """A shaded band."""
    ax.fill_between(x, low, high, color=colour, alpha=0.22, lw=0, zorder=0.5, label=label)


def level(ax: Axes, height: float) -> None:
    """A thin grey line across, behind the curves."""
    ax.axhline(height, color="0.7", lw=0.8, zorder=0)


# ---------------------------------------------------------------------------------------------------------------------
# Words


def units(problem: Problem, outputs: bool = True) -> list[str]:
    """The numbers of units, of outputs if there are several, and the activations."""
    start = problem.start
    parts = [f"K = M = {start.K}" if start.K == start.M else f"K = {start.K}, M = {start.M}"]
    parts += [f"O = {problem.outputs}"] if problem.outputs > 1 and outputs else []
    return [*parts, without_markup(problem.activations_text)]


def parameters(problem: Problem, without: str = "") -> str:
    """The parameters of a problem in one line, but for those named in `without`: "eta", "eta=eta_v"."""
    left_out = {without, *without.split("=")}
    rates = {"eta": problem.eta, "eta_v": problem.eta_v}
    if problem.eta == problem.eta_v and not rates.keys() & left_out:
        rates = {"eta=eta_v": problem.eta}
    rates |= {"sigma": problem.sigma} if problem.sigma else {}
    parts = units(problem, outputs="O" not in left_out)
    parts += [f"{label(name)} = {value:g}" for name, value in rates.items() if name not in left_out]
    parts += [f"decay = {problem.decay:g}, {problem.decay_v:g}"] if problem.decay or problem.decay_v else []
    return ", ".join(parts)
