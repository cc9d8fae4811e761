"""Axes: their scales and limits. What is only rounding is not blown up, and what has nothing in it says so."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from stdyn.checks import Array
from stdyn.figures.style import Dash, Look, label
from stdyn.figures.ticks import LogTicks, LogWords, Ticks
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory

ROUNDING = 1e-15  # a generalization error below this is rounding: it is a difference of numbers of order 1
_EDGE = 0.06  # of an axis: the first numbers are within it, as there is a margin
_LABELLED = 4  # decades of numbers of both signs that are each labelled
_FLAT = 1e-12  # and so is a range, of numbers of order 1


# ---------------------------------------------------------------------------------------------------------------------
# Logarithmic axes


def logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic, with ticks that are all written in one way."""
    ax = axis.axes
    assert isinstance(ax, Axes)
    across = axis is ax.xaxis
    limits_follow = (ax.get_autoscalex_on if across else ax.get_autoscaley_on)()
    follow = ax.set_autoscalex_on if across else ax.set_autoscaley_on
    follow(False)  # until it has the ticks that can do with whatever is drawn
    (ax.set_xscale if across else ax.set_yscale)("log")
    axis.set_major_locator(LogTicks())
    axis.set_major_formatter(LogWords())
    axis.set_minor_formatter(NullFormatter())
    follow(limits_follow)
    if np.isfinite(axis.get_data_interval()).all():
        ax.autoscale_view(scalex=across, scaley=not across)
    else:
        (ax.set_xlim if across else ax.set_ylim)(0.1, 10.0, auto=limits_follow)


def around_zero(axis: Axis, most: float, linear: float, short: bool = False) -> None:
    """An axis of both signs up to `most`: linear up to `linear`, beyond that logarithmic, with ticks at some decades.

    Labels that are `short` are without the 0 before the point.
    """
    ax, across = axis.axes, isinstance(axis, XAxis)
    assert isinstance(ax, Axes)
    (ax.set_xscale if across else ax.set_yscale)("symlog", linthresh=linear)
    least, most = int(np.floor(np.log10(linear) + 1e-9)) + 1, 1.5 * most
    decades = 10.0 ** np.arange(least, max(int(np.floor(np.log10(max(most, 10.0**least)))), least) + 1)
    if len(decades) > _LABELLED:
        decades = decades[:: -(-len(decades) // 3)]
    ticks = np.concatenate([-decades[::-1], [0], decades])
    words = [f"{tick:g}".replace("-", "−") for tick in ticks]
    words = [word.replace("0.", ".") for word in words] if short else words
    (ax.set_xticks if across else ax.set_yticks)(ticks, words)
    end = max(most, 20 * linear)
    (ax.set_xlim if across else ax.set_ylim)(-end, end)


def even(alphas: Array) -> bool:
    """Whether these alphas are evenly spaced, but for rounding and more of them between: that wants a linear axis."""
    steps = np.diff(alphas)
    return bool(len(steps) > 1 and steps.max() <= 1.1 * np.median(steps))


def time_axis(ax: Axes, alphas: Array, problem: Problem, linear: bool = False) -> None:
    """Label and scale of the axis of alpha: logarithmic if these want it, or others that are drawn already do.

    If they are to be `linear` these want nothing.

    alpha counts steps, which of batches are not examples, or is the time of gradient flow.
    """
    if wide(alphas) and not linear:
        logarithmic(ax.xaxis)
    elif ax.get_xscale() != "log":
        ax.xaxis.set_major_locator(Ticks(5, steps=None))
    ax.set_xlabel(_meaning_of_alpha(problem, ax.get_xlabel()))


def _meaning_of_alpha(problem: Problem, there: str) -> str:
    """What alpha is in this problem, and in those whose axis had a label before."""
    own = label("alpha_of_flow" if problem.flow else "alpha_of_batches" if problem.batch > 1 else "alpha")
    if there in ("", own):
        return own
    both = label("alpha_of_flow_and_steps")
    return both if {own, there} & {label("alpha_of_flow"), both} else label("alpha_of_batches")


def size_axis(ax: Axes) -> None:
    """Label and scale of the axis of N."""
    logarithmic(ax.xaxis)
    ax.set_xlabel("input dimension $N$")


def error_axis(ax: Axes, drawn: Iterable[Trajectory] = ()) -> None:
    """Label and scale of the axis of eps_g, which of runs on given examples is not that on test examples."""
    logarithmic(ax.yaxis)
    given = any(each.runs is not None and "examples" in each.attributes for each in drawn)
    ax.set_ylabel(label("eps_g_of_overlaps" if given else "eps_g"))


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


def positive(values: Array) -> Array:
    """The values with those that are not positive left out, for a logarithmic axis."""
    return np.where(values > 0, values, np.nan)


# ---------------------------------------------------------------------------------------------------------------------
# Limits


def floored(axes: Iterable[Axes], floor: float = ROUNDING) -> None:
    """Let logarithmic axes of an error end at what is rounding, and say so if all of it is."""
    for ax in axes:
        low, high = sorted(ax.get_ylim())
        if not np.isfinite(ax.dataLim.intervaly).all():
            ax.text(0.5, 0.1, "nothing above 0", transform=ax.transAxes, ha="center", fontsize=8)
        elif high <= 10 * floor:
            ax.set_ylim(floor, 1.0)
            ax.text(0.5, 0.1, rf"below {floor:g}: rounding", transform=ax.transAxes, ha="center", fontsize=8)
        elif low < floor:
            ax.set_ylim(bottom=floor)


def quiet(ax: Axes) -> None:
    """Do not blow up a linear axis to a range of numbers that differ by rounding only."""
    for axis, limits in ((ax.xaxis, ax.set_xlim), (ax.yaxis, ax.set_ylim)):
        if axis.get_scale() != "linear" or not (ax.get_autoscalex_on() if axis is ax.xaxis else ax.get_autoscaley_on()):
            continue
        low, high = axis.get_data_interval()
        if np.isfinite([low, high]).all() and spread(low, high) != (low, high):
            limits(*spread(low, high))


def spread(low: float, high: float) -> tuple[float, float]:
    """A range of numbers, made wider if these differ by rounding only, but not to numbers of the other sign."""
    size = max(1.0, abs(low), abs(high))
    if high - low > _FLAT * size:
        return low, high
    middle, half = (low + high) / 2, 0.1 * size
    if abs(middle) > _FLAT:
        half = min(half, abs(middle) / 2)
    return middle - half, middle + half


def positive_spread(low: float, high: float) -> tuple[float, float]:
    """A range of numbers, likewise, of which none is below 0 unless one of the numbers is."""
    first, last = spread(low, high)
    return (max(first, 0.0) if low >= 0 else first), last


def edges_of_cells(values: Array, scale: str) -> Array:
    """The edges of cells around these numbers, in order: halfway between them on an axis of this scale."""
    if len(values) == 1:
        low, high = spread(values[0], values[0])
        return np.array([values[0] / 1.5, values[0] * 1.5] if scale == "log" else [low, high])
    at = np.log(values) if scale == "log" else values
    middles = (at[1:] + at[:-1]) / 2
    edges = np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]])
    return np.exp(edges) if scale == "log" else edges


def integers(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    axis.set_major_locator(Ticks(integer=True, min_n_ticks=1, steps=None))


def say_none(figure: Figure) -> None:
    """Write "none" into axes without anything in them, and take ticks away that are of no numbers."""
    panels = [ax for ax in figure.axes if ax.axison and ax.get_label() != "<colorbar>"]
    empty = [ax for ax in panels if not np.isfinite([ax.dataLim.intervalx, ax.dataLim.intervaly]).all()]
    for ax in empty:
        if not any(np.isfinite(each.dataLim.intervalx).all() for each in ax.get_shared_x_axes().get_siblings(ax)):
            ax.set_xticks([])
        if all(each in empty for each in ax.get_shared_y_axes().get_siblings(ax)):
            ax.set_yticks([])
        at_its_place = [each for each in panels if each.get_subplotspec() == ax.get_subplotspec()]
        if not ax.texts and at_its_place[0] is ax:
            ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")


def nothing_known(ax: Axes) -> None:
    """Say in axes that nothing is drawn in them, of which their numbers would tell nothing."""
    if not np.isfinite([ax.dataLim.intervalx, ax.dataLim.intervaly]).all() and not ax.texts:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")


def show_single_points(ax: Axes) -> None:
    """Draw lines that have one point only as dots, for no line can be seen of them."""
    for line in ax.lines:
        show_single_point(line)


def show_single_point(line: Line2D) -> None:
    """Draw a line that has one point only as a dot."""
    there = np.isfinite(np.asarray(line.get_xydata(), dtype=float)).all(axis=1)
    if there.sum() == 1 and line.get_marker() in ("", " ", "None", "none", None):
        line.set_marker("o")
        line.set_markersize(2 + 2 * line.get_linewidth())


def late_starts(ax: Axes) -> None:
    """Let curves and bands from 0 on, which a logarithmic axis has not, begin at their first number above it.

    Those that have one at the left edge may come from there; for others it would be as if something were known.
    """
    if ax.get_xscale() != "log":
        return
    low, high = ax.get_xlim()
    edge = low * (high / low) ** _EDGE
    for line in ax.lines:
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        if line.get_transform() == ax.transData and (shown := _late(x, edge)) is not None:
            line.set_data(x[shown], y[shown])
    for each in ax.collections:
        if isinstance(each, PolyCollection) and each.get_transform() == ax.transData:
            corners = [np.asarray(path.vertices) for path in each.get_paths()]
            kept = [_late(some[:, 0], edge) for some in corners]
            if any(shown is not None for shown in kept):
                shapes = zip(corners, kept, strict=True)
                each.set_verts([some if shown is None else some[shown] for some, shown in shapes])


def _late(x: Array, edge: float) -> np.ndarray | None:
    """Which of these are above 0, if some are not and the first that is lies beyond the edge; else None."""
    there = x[x > 0]
    return ~(x <= 0) if there.size and (x <= 0).any() and there.min() > edge else None


def cosine_limits(*axes: Axes) -> None:
    """Limits of one axis, or of several that share theirs, of cosines: all that is drawn, up to 1."""
    there = [ax.dataLim.intervaly for ax in axes if np.isfinite(ax.dataLim.intervaly).all()]
    low, high = (min((ends[0] for ends in there), default=0.0), max((ends[1] for ends in there), default=1.0))
    bottom = low - 0.05 if low >= -0.1 else min(-1.05, low - 0.05)
    axes[0].set_ylim(min(bottom, -0.05), max(1.05, high + 0.02))


# ---------------------------------------------------------------------------------------------------------------------
# Behind the curves


def band(ax: Axes, x: Array, low: Array, high: Array, colour: str, label: str | None = None) -> None:
    """A shaded band."""
    ax.fill_between(x, low, high, color=colour, alpha=0.22, lw=0, zorder=0.5, label=label)


def single_run(ax: Axes, x: Array, values: Array, colour: str, dash: Dash = "-", label: str | None = None) -> None:
    """One run of the reduced process, of which there is no band, as a thin line."""
    ax.plot(x, values, ls=dash, color=colour, lw=0.6, alpha=0.8, label=label)


def spread_of_errors(
    ax: Axes, reduced: Trajectory, errors: Array, look: Look, name: str | None, at: str = ""
) -> None:  # fmt: skip
    """5 to 95 % of eps_g of reduced runs as a band, a single one as a thin line; without a name not in the legend."""
    if reduced.runs == 1:
        said = name and f"{name}, 1 reduced run{at}"
        single_run(ax, reduced.alphas, positive(errors[0]), look.colour, look.dash, said)
        return
    low, high = percentiles(errors, [5, 95])
    said = name and f"{name}, 5 – 95 % of {reduced.runs} reduced runs{at}"
    band(ax, reduced.alphas, low, positive(high), look.colour, said)


def level(ax: Axes, height: float) -> None:
    """A thin grey line across, behind the curves."""
    ax.axhline(height, color="0.7", lw=0.8, zorder=0)


# ---------------------------------------------------------------------------------------------------------------------
# Over runs


def percentiles(values: Array, which: Sequence[float]) -> Array:
    """Percentiles over the first axis of what is finite, shape (len(which), …); NaN where nothing is."""
    values = np.where(np.isfinite(values), values, np.nan)
    found = np.full((len(which), *values.shape[1:]), np.nan)
    there = ~np.isnan(values).all(axis=0)
    found[:, there] = np.nanpercentile(values[:, there], which, axis=0)
    return found
