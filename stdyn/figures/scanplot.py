"""The figures of a scan: maps, histograms, FA against BP of the same starts, and a few of its trajectories."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.scanpoints import by_rule, curve, done, example, finite, numbers, pairs, there, unlimited, varied
from stdyn.scans.scanfile import Scan
from stdyn.text import without_markup

_CURVES = 60  # faint ones in the figure of trajectories
_PICKED = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles of the length of the plateau
_FEWEST = 40  # points for a running median
_COLOURS = "viridis"  # of a map
_OUTCOMES = ("plateau_length", "plateau_height", "eps_g_final", "specialised")


@style.styled
def figures(scan: Scan, value: str = "plateau_length", x: str | None = None, y: str | None = None) -> dict[str, Figure]:
    """All figures of a scan by name.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.
    value : str
        What the map shows: a number of the summary or a varied quantity.
    x, y : str, optional
        Its axes, likewise. Default: the first two varied quantities with several values. With x alone, or where only
        one thing varies, the value is drawn against x; where nothing but the draw varies, against the alignment of v
        and b at the start.

    Raises
    ------
    InputError
        If there is no such quantity, or no point is done.
    """
    if not done(scan).any():
        raise InputError(f"no point of {scan.path} is done, there is nothing to draw")
    for name in (value, x, y):
        if name is not None:
            numbers(scan, name)
    if y is not None and x is None:
        raise InputError("y is the second axis of a map; x is needed with it")
    if x is None:
        x, *more = varied(scan)[:2] or ["alignment_start" if there(scan, "alignment_start").any() else "eps_g_start"]
        y = more[0] if more else None
    drawn = {}
    if y is None:
        drawn[f"{value}_against_{_plain(x)}"] = against_figure(scan, value, x)
    else:
        drawn[f"{value}_map"] = map_figure(scan, value, x, y)
    drawn["histograms"] = histograms_figure(scan)
    if len(by_rule(scan)) == 2:
        drawn["fa_bp"] = rules_figure(scan)
    if "eps_g" in scan.names:
        drawn["trajectories"] = trajectories_figure(scan)
    return drawn


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


def map_figure(scan: Scan, value: str, x: str, y: str) -> Figure:
    """A number of each point over two quantities, a panel a rule: cells where both are axes of a grid, else dots."""
    rules = by_rule(scan)
    figure, panels = style.page(1.2 + 3.6 * len(rules), 3.8, 1, len(rules), sharex=True, sharey=True)
    norm, across, up = _norm(scan, value), numbers(scan, x), numbers(scan, y)
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        points = points & np.isfinite(across) & np.isfinite(up)
        if x in scan.axes and y in scan.axes:
            cells(ax, scan, points, value, x, y, norm)
        else:
            ax.scatter(across[points], up[points], c=finite(scan, value)[points], s=9, lw=0, cmap=_COLOURS, norm=norm)
        for values, axis in ((across, ax.xaxis), (up, ax.yaxis)):
            if style.skewed(values) and (values[points] > 0).all():
                style.logarithmic(axis)
        ax.set_xlabel(style.label(x))
        ax.set_title(rule.upper() if len(rules) > 1 else "", fontsize=9)
    panels[0].set_ylabel(style.label(y))
    figure.colorbar(ScalarMappable(norm, _COLOURS), ax=panels, label=style.label(value) + unlimited(scan, value))
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def against_figure(scan: Scan, value: str, x: str) -> Figure:
    """A number of each point against one quantity, with its running median, a panel a rule."""
    rules = {rule: points & there(scan, x) for rule, points in by_rule(scan).items()}
    rules = {rule: points for rule, points in rules.items() if points.any()}
    columns = max(len(rules), 1)
    figure, panels = style.page(0.8 + 3.4 * columns, 3.6, 1, columns, sharey=True)
    for ax, (rule, points) in zip(panels, rules.items(), strict=False):
        against(ax, scan, points, value, x, rule)
        ax.set_title(rule.upper(), fontsize=9)
    if panels[0].get_legend_handles_labels()[0]:
        style.legend_below(figure, panels[0], 2)
    panels[0].set_ylabel(style.label(value))
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def histograms_figure(scan: Scan) -> Figure:
    """How the length and height of the plateau, the final error and the specialised units are distributed, by rule."""
    figure, axes = style.page(7.2, 5.4, 2, 2)
    for ax, name in zip(axes, _OUTCOMES, strict=True):
        histogram(ax, scan, name)
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def rules_figure(scan: Scan) -> Figure:
    """FA against BP of the same starts: the length of the plateau and the final error."""
    figure, axes = style.page(7.2, 3.9, 1, 2)
    for ax, name in zip(axes, ("plateau_length", "eps_g_final"), strict=True):
        rule_against_rule(ax, scan, name)
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def trajectories_figure(scan: Scan) -> Figure:
    """eps_g against alpha: points with a short, a usual and a long plateau, and others behind them, a panel a rule."""
    rules = by_rule(scan)
    figure, panels = style.page(0.8 + 3.4 * len(rules), 3.6, 1, len(rules), sharey=True)
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        trajectories(ax, scan, np.flatnonzero(points), rule)
        ax.set_title(rule.upper() if len(rules) > 1 else "", fontsize=9)
        ax.legend(title="quantile of the plateau's length", title_fontsize=8)
    panels[0].set_ylabel(style.label("eps_g"))
    figure.suptitle(caption(scan), fontsize=9)
    return figure


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


def cells(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, y: str, norm: Normalize) -> QuadMesh:
    """The median over all else of a number of each point, on the grid of two of the axes."""
    columns, rows = np.unique(numbers(scan, x)), np.unique(numbers(scan, y))
    table = np.full((len(rows), len(columns)), np.nan)
    values = finite(scan, value)
    at_column, at_row = np.searchsorted(columns, numbers(scan, x)), np.searchsorted(rows, numbers(scan, y))
    flat = at_row * len(columns) + at_column
    for cell in np.unique(flat[points]):
        inside = values[points & (flat == cell)]
        if np.isfinite(inside).any():
            table.ravel()[cell] = np.nanmedian(inside)
    ax.set_facecolor("0.85")  # where there is nothing
    return ax.pcolormesh(columns, rows, table, shading="nearest", cmap=_COLOURS, norm=norm)


def against(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, rule: str) -> Axes:
    """A number of each point against a quantity: dots, and the running median over a twentieth of the points."""
    look = style.RULES[rule]
    across, up = numbers(scan, x)[points], finite(scan, value)[points]
    endless = np.isinf(numbers(scan, value)[points])
    ax.scatter(across[~endless], up[~endless], s=6, lw=0, color=look.colour, alpha=0.35)
    if endless.any():
        not_left(ax, scan, across[endless], up[endless], 14, "0.2")
    order = np.argsort(across, kind="stable")
    order = order[np.isfinite(up[order])]
    if len(order) >= _FEWEST:
        width = max(len(order) // 20, 10)
        windows = np.lib.stride_tricks.sliding_window_view(up[order], width)
        middles = np.lib.stride_tricks.sliding_window_view(across[order], width).mean(axis=1)
        ax.plot(middles, np.median(windows, axis=1), look.dash, color="black", lw=1.4, label=f"median of {width}")
    for values, axis in ((up, ax.yaxis), (across, ax.xaxis)):
        if style.skewed(values):
            style.logarithmic(axis)
    ax.set_xlabel(style.label(x))
    return ax


def rule_against_rule(ax: Axes, scan: Scan, name: str) -> Axes:
    """A number of each start under FA against that under BP, and the line where they are the same."""
    fa, bp = pairs(scan)
    left, right = finite(scan, name)[bp], finite(scan, name)[fa]
    endless = np.isinf(numbers(scan, name))[fa] | np.isinf(numbers(scan, name))[bp]
    ax.scatter(left[~endless], right[~endless], s=7, lw=0, color="0.15", alpha=0.5)
    if endless.any():
        not_left(ax, scan, left[endless], right[endless], 16, style.RULES["fa"].colour)
        ax.legend(loc="best")
    both = np.concatenate([left, right])
    both = both[np.isfinite(both)]
    if both.size:
        ends = [both[both > 0].min() if style.skewed(both) else both.min(), both.max()]
        ax.plot(ends, ends, "--", color="0.6", lw=0.9, zorder=0)
    if style.skewed(both):
        style.logarithmic(ax.xaxis)
        style.logarithmic(ax.yaxis)
    known = np.isfinite(left + right)
    above = f"\nFA above BP for {np.mean(right[known] > left[known]):.0%} of the starts" if known.any() else ""
    ax.set_title(style.label(name) + above, fontsize=9)
    ax.set_xlabel("BP")
    ax.set_ylabel("FA")
    return ax


def not_left(ax: Axes, scan: Scan, across: Array, up: Array, size: float, colour: str) -> None:
    """Points whose plateau was not left: drawn at the last alpha, as open triangles."""
    ax.scatter(across, up, s=size, marker="^", lw=0.7, fc="none", ec=colour, label=f"not left by {scan.alphas[-1]:g}")


def histogram(ax: Axes, scan: Scan, name: str) -> Axes:
    """The distribution of a number of the summary, an outline a rule."""
    every = finite(scan, name)[done(scan)]
    every = every[np.isfinite(every)]
    ax.set_xlabel(style.label(name) + unlimited(scan, name))
    ax.set_ylabel("points")
    if not every.size:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")
        return ax
    if name == "specialised":
        bins = np.arange(-0.5, every.max() + 1.5)
        ax.set_xticks(range(int(every.max()) + 1))
    elif style.skewed(every):
        bins = np.geomspace(every[every > 0].min(), every.max() * (1 + 1e-9), 41)
    else:
        bins = np.linspace(every.min(), every.max() + 1e-12, 41)
    for rule, points in by_rule(scan).items():
        look = style.RULES[rule]
        values, edges = finite(scan, name)[points], bins.tolist()
        values = values[np.isfinite(values)]
        ax.hist(values, edges, histtype="stepfilled", color=look.colour, alpha=0.15)
        ax.hist(values, edges, histtype="step", color=look.colour, ls=look.dash, lw=1.3, label=rule.upper())
    if name != "specialised" and style.skewed(every):
        style.logarithmic(ax.xaxis)
    ax.legend()
    return ax


def trajectories(ax: Axes, scan: Scan, points: np.ndarray, rule: str) -> Axes:
    """eps_g of some points (of ensembles the median over runs): at quantiles of the plateau's length, and others."""
    alphas = scan.read("alpha")
    length = numbers(scan, "plateau_length")[points]
    if np.isfinite(length).any() or np.isinf(length).any():
        points, length = points[~np.isnan(length)], length[~np.isnan(length)]
    order = points[np.argsort(length, kind="stable")]
    for point in order[np.linspace(0, len(order) - 1, min(_CURVES, len(order))).astype(int)]:
        ax.plot(alphas, curve(scan, point), color="0.75", lw=0.5, zorder=0)
    for quantile, dash in zip(_PICKED, ((0, (1, 1)), "--", "-", "-.", (0, (5, 1, 1, 1, 1, 1))), strict=True):
        point = order[round(quantile * (len(order) - 1))]
        name = f"{quantile:.0%}: point {point}"
        ax.plot(alphas, curve(scan, point), ls=dash, color=style.RULES[rule].colour, lw=1.3, label=name)
    style.time_axis(ax, alphas)
    ax.set_yscale("log")
    return ax


# ---------------------------------------------------------------------------------------------------------------------
# Small things


def caption(scan: Scan) -> str:
    """What was scanned, in one line."""
    problem, solved = example(scan), scan.description["solve"]
    solver = solved["function"].rpartition(".")[2]
    how = {"integrate": "ODEs", "simulate_network": "network runs", "simulate_reduced": "reduced runs"}
    named = how.get(solver) or without_markup(solver)
    varying = {part for name in scan.coordinates for part in name.split("=")}
    parts = [f"{int(done(scan).sum())} points", *style.units(problem)]
    for name in ("eta", "eta_v", "sigma"):
        value = getattr(problem, name)
        parts += [f"{style.label(name)} = {value:g}"] if name not in varying and (name != "sigma" or value) else []
    parts += [f"N = {problem.N}"] if named != "ODEs" and "N" not in varying else []
    runs = without_markup(str(solved.get("runs", "")))
    parts.append(f"median of {runs} {named}" if runs else named)
    return f"{', '.join(parts)} to $\\alpha$ = {scan.alphas[-1]:g}"


def _norm(scan: Scan, value: str) -> Normalize:
    """How the colours of a map go with the numbers."""
    values = finite(scan, value)
    if style.skewed(values):
        return LogNorm(np.nanmin(values[values > 0]), np.nanmax(values))
    return Normalize(np.nanmin(values), np.nanmax(values))


def _plain(name: str) -> str:
    """A quantity as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).strip("_")
