"""The axes that figures of a scan are made of: maps, dots, histograms, curves."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize

from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import Colour, Rule, checked
from stdyn.figures.layout import legend
from stdyn.figures.scales import (
    edges_of_cells,
    integers,
    logarithmic,
    positive_spread,
    skewed,
    time_axis,
)  # fmt: skip
from stdyn.figures.scanpoints import (
    activations,
    by_rule,
    counted,
    curve,
    done,
    drawn_at,
    endless,
    example,
    label,
    numbers,
    own_activation,
    pairs,
    parameters,
)  # fmt: skip
from stdyn.figures.ticks import Ticks
from stdyn.scans.scanfile import Scan

_CURVES = 60  # faint ones in the figure of trajectories
_PICKED = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles of the length of the plateau
_DASHES: dict[bool, tuple[style.Dash, ...]] = {  # of these, and of fewer points than there are quantiles
    False: ((0, (1, 1)), "--", "-", "-.", (0, (5, 1, 1, 1, 1, 1))), True: ("-", "--", "-.", (0, (1, 1)))
}  # fmt: skip
_FEWEST = 40  # points for a running median
_REPEATED = 3  # of so many points a value, on average, there is a median at each
COLOURS = colormaps["viridis"].with_extremes(over="white")  # of a map; white is what has not come to its end
_NOTHING = "0.8"  # the grey of a map where there is no number


@checked
def cells(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, y: str, norm: Normalize) -> QuadMesh:
    """The median over all else of a number of each point, on the grid of two of the axes.

    White if it is infinite, hatched if there is none.
    """
    columns, rows = np.unique(numbers(scan, x)), np.unique(numbers(scan, y))
    table = np.full((len(rows), len(columns)), np.nan)
    values = numbers(scan, value)
    at_column, at_row = np.searchsorted(columns, numbers(scan, x)), np.searchsorted(rows, numbers(scan, y))
    flat = at_row * len(columns) + at_column
    points = points & ~np.isnan(values)
    for cell in np.unique(flat[points]):
        table.ravel()[cell] = np.median(values[points & (flat == cell)])
    assert norm.vmax is not None
    ax.set_facecolor(_NOTHING)
    shown = np.where(np.isinf(table), 2 * abs(norm.vmax) + 1, table)
    if np.isnan(table).any():
        ax.patch.set(hatch="////", edgecolor="0.55")  # the lightest colour of the numbers is as grey
    edges = edges_of_cells(columns, ax.get_xscale()), edges_of_cells(rows, ax.get_yscale())
    return ax.pcolormesh(*edges, shown, cmap=COLOURS, norm=norm)


@checked
def dots(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, y: str, norm: Normalize) -> Axes:
    """A number of each point as the colour of a dot at two others; open triangles where it is infinite."""
    across, up, values = drawn_at(scan, x), drawn_at(scan, y), numbers(scan, value)
    known, infinite = points & np.isfinite(values), points & np.isinf(values)
    ax.scatter(across[known], up[known], c=values[known], s=9, lw=0, cmap=COLOURS, norm=norm)
    if infinite.any():
        unfinished(ax, scan, across[infinite], up[infinite], 14, "0.2", value)
    return ax


@checked
def against(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, rule: Rule) -> Axes:
    """A number of each point against a quantity: dots, and medians."""
    look = style.RULES[rule]
    across, up, at = drawn_at(scan, x)[points], numbers(scan, value)[points], drawn_at(scan, value)[points]
    infinite = np.isinf(up)
    ax.scatter(across[~infinite], up[~infinite], s=6, lw=0, color=look.colour, alpha=0.35)
    if infinite.any():
        unfinished(ax, scan, across[infinite], at[infinite], 14, "0.2", value)
    medians(ax, across, up, look)
    for values, axis in ((at, ax.yaxis), (across, ax.xaxis)):
        if skewed(values):
            logarithmic(axis)
    if ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(Ticks(6, steps=None))
    if ax.get_xscale() == "linear" and (across == np.rint(across)).all():
        integers(ax.xaxis)
    ax.set_xlabel(label(scan, x))
    return ax


@checked
def medians(ax: Axes, across: np.ndarray, up: np.ndarray, look: style.Look) -> None:
    """The median at each value across if values repeat, else the running one over a twentieth of the points.

    None where more than half have not come to their end.
    """
    across, up = across[~np.isnan(up)], up[~np.isnan(up)]
    values = np.unique(across)
    if _REPEATED * len(values) <= len(across):
        middle = np.array([np.median(up[across == value]) for value in values])
        middle[np.isinf(middle)] = np.nan
        ax.plot(values, middle, ls="none", marker="_", color="black", ms=16, mew=2, label="median at each value")
    elif len(across) >= _FEWEST:
        order, width = np.argsort(across, kind="stable"), max(len(across) // 20, 10)
        windows = np.lib.stride_tricks.sliding_window_view(up[order], width)
        places = np.lib.stride_tricks.sliding_window_view(across[order], width).mean(axis=1)
        middle = np.median(windows, axis=1)
        middle[np.isinf(middle)] = np.nan
        ax.plot(places, middle, look.dash, color="black", lw=1.4, label=f"median of {width}")


@checked
def rule_against_rule(ax: Axes, scan: Scan, name: str) -> Axes:
    """A number of each start under FA against that under BP, and the line where they are the same.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    scan : Scan
        Finished or not: the points that are done are drawn.
    name : str
        A number of the summary.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    Raises
    ------
    InputError
        If there is no such quantity.

    See Also
    --------
    rules_figure : Two of them.

    Examples
    --------
    >>> both = stdyn.Variations(experiment, {"rule": ["fa", "bp"], "eta": [0.2, 0.4]})
    >>> found = stdyn.scan(both, alphas, "against.h5")
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.scanplot.rule_against_rule(plt.figure().add_subplot(), found, "eps_g_final")
    """
    fa, bp = pairs(scan)
    left, right = drawn_at(scan, name)[bp], drawn_at(scan, name)[fa]
    infinite = np.isinf(numbers(scan, name))[fa] | np.isinf(numbers(scan, name))[bp]
    ax.scatter(left[~infinite], right[~infinite], s=7, lw=0, color="0.15", alpha=0.5)
    if infinite.any():
        unfinished(ax, scan, left[infinite], right[infinite], 16, style.RULES["fa"].colour, name)
    both = np.concatenate([left, right])
    both = both[np.isfinite(both)]
    if both.size:
        ends = [both[both > 0].min() if skewed(both) else both.min(), both.max()]
        ax.plot(ends, ends, "--", color="0.6", lw=0.9, zorder=0)
    if skewed(both):
        logarithmic(ax.xaxis)
        logarithmic(ax.yaxis)
    ax.set_title(f"{style.label(name)}\n{above(numbers(scan, name)[fa], numbers(scan, name)[bp])}", fontsize=9)
    ax.set_xlabel("BP")
    ax.set_ylabel("FA")
    legend(ax)
    return ax


@checked
def above(fa: Array, bp: Array) -> str:
    """For which share of the starts a number is larger under FA: of those where it can be told."""
    known = ~(np.isnan(fa) | np.isnan(bp))
    told = known & (fa != bp)  # two infinite numbers, or two that are rounding, are not
    if not told.any():
        return "FA or BP larger: undecided for all" if known.any() else "no start has both"
    words = f"FA above BP for {100 * np.mean(fa[told] > bp[told]):.0f} %"
    rest = int((known & ~told).sum())
    of = style.counted(int(told.sum()), "start")
    return f"{words} of the starts" if not rest else f"{words} of {of}, {rest} undecided"


@checked
def unfinished(ax: Axes, scan: Scan, across: Array, up: Array, size: float, colour: Colour, name: str) -> None:
    """Points whose number is infinite: drawn at the last alpha, as open triangles."""
    ax.scatter(across, up, s=size, marker="^", lw=0.7, fc="none", ec=colour, label=endless(scan, name))


@checked
def histogram(ax: Axes, scan: Scan, name: str) -> Axes:
    """The distribution of a number of the summary where it is finite, an outline a rule; how many are not is said.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    scan : Scan
        Finished or not: the points that are done are drawn.
    name : str
        A number of the summary, or a varied quantity.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    Raises
    ------
    InputError
        If there is no such quantity.

    See Also
    --------
    histograms_figure : Four of them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = stdyn.scanplot.histogram(plt.figure().add_subplot(), table, "eps_g_final")
    """
    every = numbers(scan, name)[done(scan)]
    every = every[np.isfinite(every)]
    ax.set_xlabel(label(scan, name))
    ax.set_ylabel("points")
    if not every.size:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_ylim(0, 1)
    for rule, points in by_rule(scan).items():
        look, edges = style.RULES[rule], _edges(name, every)
        values = numbers(scan, name)[points]
        values, said = values[np.isfinite(values)], style.rule(rule) + counted(scan, name, points)
        ax.hist(values, edges, histtype="stepfilled", color=look.colour, alpha=0.15)
        ax.hist(values, edges, histtype="step", color=look.colour, ls=look.dash, lw=1.3, label=said)
    if name == "specialised" and every.size:
        integers(ax.xaxis)
    elif skewed(every):
        logarithmic(ax.xaxis)
    if every.size:
        integers(ax.yaxis)
    legend(ax)
    return ax


def _edges(name: str, values: Array) -> list[float]:
    """The edges of the bins of a histogram."""
    if not values.size:
        return [0.0, 1.0]
    low, high = float(values.min()), float(values.max())
    if name == "specialised":
        return [number - 0.5 for number in range(int(high) + 2)]
    if skewed(values):
        return np.geomspace(values[values > 0].min(), high * (1 + 1e-9), 41).tolist()
    return np.linspace(*positive_spread(low, high), 41).tolist()


@checked
def trajectories(ax: Axes, scan: Scan, points: np.ndarray, rule: Rule) -> Axes:
    """eps_g of some points (of ensembles the median over runs): at quantiles of the plateau's length, and others."""
    alphas = scan.read("alpha")
    order, _ = ordered(scan, points)
    for point in order[np.linspace(0, len(order) - 1, min(_CURVES, len(order))).astype(int)]:
        ax.plot(alphas, curve(scan, point), color="0.75", lw=0.5, zorder=0)
    few = len(order) < len(_PICKED)
    picked = [(order[round(quantile * (len(order) - 1))], f"{100 * quantile:g} %: ") for quantile in _PICKED]
    for (point, said), dash in zip([(point, "") for point in order] if few else picked, _DASHES[few], strict=False):
        name = f"{said}point {point}" + (f", {of}" if (of := own_activation(scan, point)) else "")
        name += ", not left" if np.isinf(numbers(scan, "plateau_length")[point]) else ""
        ax.plot(alphas, curve(scan, point), ls=dash, color=style.RULES[rule].colour, lw=1.3, label=name)
    for point, _ in picked:
        time_axis(ax, alphas, scan.problem(int(point)))
    jumps.draw(ax, _jumps(scan, np.array([point for point, _ in picked])))
    logarithmic(ax.yaxis)
    return ax


@checked
def ordered(scan: Scan, points: np.ndarray) -> tuple[np.ndarray, str | None]:
    """The points that have a plateau, by its length; if none has one, all by the final eps_g. And what a legend says.

    A few points are in this order, of more there are quantiles; of one there is nothing to say.
    """
    words = "the plateau's length"
    by = numbers(scan, "plateau_length")[points]
    if np.isnan(by).all():
        words, by = style.label("eps_g_final"), numbers(scan, "eps_g_final")[points]
    if not np.isnan(by).all():
        points, by = points[~np.isnan(by)], by[~np.isnan(by)]
    title = f"by {words}" if len(points) < len(_PICKED) else f"quantile of {words}"
    return points[np.argsort(by, kind="stable")], title if len(points) > 1 else None


@checked
def caption(scan: Scan, upright: bool = False) -> str:
    """What was scanned, in one line; and what upright lines are, where they are drawn."""
    problem, solved = example(scan), scan.description["solve"]
    solver = solved["function"].rpartition(".")[2]
    how = {"integrate": "ODEs", "simulate_network": "network runs", "simulate_reduced": "reduced runs"}
    named = how.get(solver) or style.named(solver)
    varying = {part for name in scan.coordinates for part in name.split("=")}
    units = style.units(problem, ["activations_text"])
    parts = [style.counted(int(done(scan).sum()), "point"), *units, " or ".join(activations(scan))]
    parts += parameters(scan)
    parts += [f"N = {problem.N}"] if named != "ODEs" and "N" not in varying else []
    runs = style.named(str(solved.get("runs", "")))
    parts.append(f"1 {named.removesuffix('s')}" if runs == "1" else f"median of {runs} {named}" if runs else named)
    lines = jumps.meaning(_jumps(scan, np.flatnonzero(done(scan))[:1])) if upright else ""
    return "\n".join(filter(None, (f"{', '.join(parts)} to $\\alpha$ = {scan.alphas[-1]:g}", lines)))


def _jumps(scan: Scan, points: np.ndarray) -> list[dict[str, list[float]]]:
    """What jumps at these points."""
    return [jumps.jumps(scan.problem(int(point)), scan.alphas[-1]) for point in points]


def norm_of(scan: Scan, value: str) -> Normalize:
    """How the colours of a map go with the numbers."""
    values = numbers(scan, value)
    values = values[np.isfinite(values)]
    if skewed(values):
        return LogNorm(values[values > 0].min(), values.max())
    return Normalize(*positive_spread(values.min(), values.max())) if values.size else Normalize(0, 1)
