"""The figures of a scan: maps, histograms, FA against BP of the same starts, and a few of its trajectories."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from stdyn.analysis.summary import SUMMARY
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures.plot import RULES, STYLE
from stdyn.model.problem import Problem
from stdyn.scans.points import DONE
from stdyn.scans.scanfile import Scan

LABELS = {
    "eps_g_start": r"$\epsilon_g$ at $\alpha = 0$",
    "eps_g_final": r"final $\epsilon_g$",
    "b_norm": r"$|b|$",
    "b_smallest": r"smallest $|b_i|$",
    "alignment_start": r"alignment $F/|v||b|$ at $\alpha = 0$",
    "alignment_final": r"final alignment $F/|v||b|$",
    "plateau_height": r"$\epsilon_g$ of the plateau",
    "plateau_start": r"plateau reached at $\alpha$",
    "plateau_end": r"plateau left at $\alpha$",
    "plateau_length": r"length of the plateau in $\alpha$",
    "specialised": "specialised student units",
    "diverged_at": r"diverged at $\alpha$",
    "eta": r"$\eta$",
    "eta_v": r"$\eta_v$",
    "eta=eta_v": r"$\eta = \eta_v$",
    "sigma": r"$\sigma$",
    "b_angle": r"angle of $b$ to $v(0)$ in degrees",
    "draw": "draw of the start",
}
_CURVES = 60  # faint ones in the figure of trajectories
_PICKED = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles of the length of the plateau
_FEWEST = 40  # points for a running median
_OUTCOMES = ("plateau_length", "plateau_height", "eps_g_final", "specialised")


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
    if not (scan.state == DONE).any():
        raise InputError(f"no point of {scan.path} is done, there is nothing to draw")
    for name in (value, x, y):
        if name is not None:
            _numbers(scan, name)
    if y is not None and x is None:
        raise InputError("y is the second axis of a map; x is needed with it")
    if x is None:
        x, *more = _varied(scan)[:2] or ["alignment_start" if _there(scan, "alignment_start").any() else "eps_g_start"]
        y = more[0] if more else None
    with mpl.rc_context(STYLE):
        drawn = {}
        if y is None:
            drawn[f"{value}_against_{_plain(x)}"] = against_figure(scan, value, x)
        else:
            drawn[f"{value}_map"] = map_figure(scan, value, x, y)
        drawn["histograms"] = histograms_figure(scan)
        if len(_rules(scan)) == 2:
            drawn["fa_bp"] = rules_figure(scan)
        if "eps_g" in scan.names:
            drawn["trajectories"] = trajectories_figure(scan)
    return drawn


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


def map_figure(scan: Scan, value: str, x: str, y: str) -> Figure:
    """A number of each point over two quantities, a panel a rule: cells where both are axes of a grid, else dots."""
    rules = _rules(scan)
    figure = Figure(figsize=(1.2 + 3.6 * len(rules), 3.8), layout="constrained")
    panels = figure.subplots(1, len(rules), squeeze=False, sharex=True, sharey=True)[0]
    colours = _colours(scan, value)
    drawn: Any = None
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        points = points & np.isfinite(_numbers(scan, x)) & np.isfinite(_numbers(scan, y))
        if x in scan.axes and y in scan.axes:
            drawn = cells(ax, scan, points, value, x, y, colours)
        else:
            shown = _finite(scan, value)[points]
            drawn = ax.scatter(_numbers(scan, x)[points], _numbers(scan, y)[points], c=shown, s=9, lw=0, **colours)
        for name, axis in ((x, ax.xaxis), (y, ax.yaxis)):
            if _is_log(_numbers(scan, name)) and (_numbers(scan, name)[points] > 0).all():
                logarithmic(axis)
        ax.set_xlabel(label(x))
        ax.set_title(rule.upper() if len(rules) > 1 else "", fontsize=9)
    panels[0].set_ylabel(label(y))
    figure.colorbar(drawn, ax=list(panels), label=label(value) + _unlimited(scan, value))
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def against_figure(scan: Scan, value: str, x: str) -> Figure:
    """A number of each point against one quantity, with its running median, a panel a rule."""
    rules = {rule: points & _there(scan, x) for rule, points in _rules(scan).items()}
    rules = {rule: points for rule, points in rules.items() if points.any()}
    figure = Figure(figsize=(0.8 + 3.4 * max(len(rules), 1), 3.6), layout="constrained")
    panels = figure.subplots(1, max(len(rules), 1), squeeze=False, sharey=True)[0]
    for ax, (rule, points) in zip(panels, rules.items(), strict=False):
        against(ax, scan, points, value, x, rule)
        ax.set_title(rule.upper(), fontsize=9)
    if panels[0].get_legend_handles_labels()[0]:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    panels[0].set_ylabel(label(value))
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def histograms_figure(scan: Scan) -> Figure:
    """How the length and height of the plateau, the final error and the specialised units are distributed, by rule."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    for ax, name in zip(figure.subplots(2, 2).ravel(), _OUTCOMES, strict=True):
        histogram(ax, scan, name)
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def rules_figure(scan: Scan) -> Figure:
    """FA against BP of the same starts: the length of the plateau and the final error."""
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    fa, bp = pairs(scan)
    for ax, name in zip(figure.subplots(1, 2), ("plateau_length", "eps_g_final"), strict=True):
        left, right = _finite(scan, name)[bp], _finite(scan, name)[fa]
        unlimited = np.isinf(_numbers(scan, name))[fa] | np.isinf(_numbers(scan, name))[bp]
        ax.scatter(left[~unlimited], right[~unlimited], s=7, lw=0, color="0.15", alpha=0.5)
        if unlimited.any():
            ax.scatter(left[unlimited], right[unlimited], s=16, marker="^", lw=0.7, fc="none", ec="#D55E00",
                       label=f"not left by {scan.alphas[-1]:g}")  # fmt: skip
            ax.legend(loc="best")
        both = np.concatenate([left, right])
        both = both[np.isfinite(both)]
        if both.size:
            ends = [both[both > 0].min() if _is_log(both) else both.min(), both.max()]
            ax.plot(ends, ends, "--", color="0.6", lw=0.9, zorder=0)
            if _is_log(both):
                logarithmic(ax.xaxis)
                logarithmic(ax.yaxis)
        known = np.isfinite(left + right)
        above = f"\nFA above BP for {np.mean(right[known] > left[known]):.0%} of the starts" if known.any() else ""
        ax.set_title(label(name) + above, fontsize=9)
        ax.set_xlabel("BP")
        ax.set_ylabel("FA")
    figure.suptitle(caption(scan), fontsize=9)
    return figure


def trajectories_figure(scan: Scan) -> Figure:
    """eps_g against alpha: points with a short, a usual and a long plateau, and others behind them, a panel a rule."""
    rules = _rules(scan)
    figure = Figure(figsize=(0.8 + 3.4 * len(rules), 3.6), layout="constrained")
    panels = figure.subplots(1, len(rules), squeeze=False, sharey=True)[0]
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        trajectories(ax, scan, np.flatnonzero(points), rule)
        ax.set_title(rule.upper() if len(rules) > 1 else "", fontsize=9)
        ax.legend(title="quantile of the plateau's length", title_fontsize=8)
    panels[0].set_ylabel(r"generalization error $\epsilon_g$")
    figure.suptitle(caption(scan), fontsize=9)
    return figure


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


def cells(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, y: str, colours: dict[str, Any]) -> Any:
    """The median over all else of a number of each point, on the grid of two of the axes."""
    columns, rows = np.unique(_numbers(scan, x)), np.unique(_numbers(scan, y))
    table = np.full((len(rows), len(columns)), np.nan)
    values = _finite(scan, value)
    at_column, at_row = np.searchsorted(columns, _numbers(scan, x)), np.searchsorted(rows, _numbers(scan, y))
    flat = at_row * len(columns) + at_column
    for cell in np.unique(flat[points]):
        there = values[points & (flat == cell)]
        if np.isfinite(there).any():
            table.ravel()[cell] = np.nanmedian(there)
    ax.set_facecolor("0.85")  # where there is nothing
    return ax.pcolormesh(columns, rows, table, shading="nearest", **colours)


def against(ax: Axes, scan: Scan, points: np.ndarray, value: str, x: str, rule: str) -> Axes:
    """A number of each point against a quantity: dots, and the running median over a twentieth of the points."""
    colour, _, dash = RULES[rule]
    across, up = _numbers(scan, x)[points], _finite(scan, value)[points]
    unlimited = np.isinf(_numbers(scan, value)[points])
    ax.scatter(across[~unlimited], up[~unlimited], s=6, lw=0, color=colour, alpha=0.35)
    if unlimited.any():
        ax.scatter(across[unlimited], up[unlimited], s=14, marker="^", lw=0.7, fc="none", ec="0.2",
                   label=f"not left by {scan.alphas[-1]:g}")  # fmt: skip
    order = np.argsort(across, kind="stable")
    order = order[np.isfinite(up[order])]
    if len(order) >= _FEWEST:
        width = max(len(order) // 20, 10)
        windows = np.lib.stride_tricks.sliding_window_view(up[order], width)
        middles = np.lib.stride_tricks.sliding_window_view(across[order], width).mean(axis=1)
        ax.plot(middles, np.median(windows, axis=1), dash, color="black", lw=1.4, label=f"median of {width}")
    if _is_log(up):
        logarithmic(ax.yaxis)
    if _is_log(across):
        logarithmic(ax.xaxis)
    ax.set_xlabel(label(x))
    return ax


def histogram(ax: Axes, scan: Scan, name: str) -> Axes:
    """The distribution of a number of the summary, an outline a rule."""
    every = _finite(scan, name)[scan.state == DONE]
    every = every[np.isfinite(every)]
    ax.set_xlabel(label(name) + _unlimited(scan, name))
    ax.set_ylabel("points")
    if not every.size:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center")
        return ax
    if name == "specialised":
        bins = np.arange(-0.5, every.max() + 1.5)
        ax.set_xticks(range(int(every.max()) + 1))
    elif _is_log(every):
        bins = np.geomspace(every[every > 0].min(), every.max() * (1 + 1e-9), 41)
    else:
        bins = np.linspace(every.min(), every.max() + 1e-12, 41)
    for rule, points in _rules(scan).items():
        colour, _, dash = RULES[rule]
        values, edges = _finite(scan, name)[points], bins.tolist()
        ax.hist(values, edges, histtype="stepfilled", color=colour, alpha=0.15)
        ax.hist(values, edges, histtype="step", color=colour, ls=dash, lw=1.3, label=rule.upper())
    if name != "specialised" and _is_log(every):
        logarithmic(ax.xaxis)
    ax.legend()
    return ax


def trajectories(ax: Axes, scan: Scan, points: np.ndarray, rule: str) -> Axes:
    """eps_g of some points (of ensembles the median over runs): at quantiles of the plateau's length, and others."""
    colour, *_ = RULES[rule]
    alphas = scan.read("alpha")
    length = _numbers(scan, "plateau_length")[points]
    if np.isfinite(length).any() or np.isinf(length).any():
        points, length = points[~np.isnan(length)], length[~np.isnan(length)]
    order = points[np.argsort(length, kind="stable")]
    for point in order[np.linspace(0, len(order) - 1, min(_CURVES, len(order))).astype(int)]:
        ax.plot(alphas, _curve(scan, point), color="0.75", lw=0.5, zorder=0)
    for quantile, dash in zip(_PICKED, ((0, (1, 1)), "--", "-", "-.", (0, (5, 1, 1, 1, 1, 1))), strict=True):
        point = order[round(quantile * (len(order) - 1))]
        ax.plot(alphas, _curve(scan, point), ls=dash, color=colour, lw=1.3, label=f"{quantile:.0%}: point {point}")
    ax.set_xscale("log" if alphas[-1] > 100 * alphas[alphas > 0][0] else "linear")
    ax.set_yscale("log")
    ax.set_xlabel(r"$\alpha$ = examples / $N$")
    return ax


# ---------------------------------------------------------------------------------------------------------------------
# Small things


def pairs(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The points of FA and of BP that share their start: in all varied quantities but the rule they are the same."""
    others = [values for name, values in scan.coordinates.items() if name != "rule"]
    keys = list(zip(*others, strict=True)) if others else [()] * len(scan)
    found: dict[Any, dict[str, int]] = {}
    for point in np.flatnonzero(scan.state == DONE):
        found.setdefault(keys[point], {})[scan.coordinates["rule"][point]] = int(point)
    both = [pair for pair in found.values() if len(pair) == 2]
    return np.array([pair["fa"] for pair in both], dtype=int), np.array([pair["bp"] for pair in both], dtype=int)


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


def label(name: str) -> str:
    """How a quantity is written on an axis."""
    return LABELS.get(name, name)


def caption(scan: Scan) -> str:
    """What was scanned, in one line."""
    problem = _example(scan)
    start, solver = problem.start, scan.description["solve"]["function"].rpartition(".")[2]
    units = f"K = M = {start.K}" if start.K == start.M else f"K = {start.K}, M = {start.M}"
    outputs = f", O = {problem.outputs}" if problem.outputs > 1 else ""
    varied = {part for name in scan.coordinates for part in name.split("=")}
    rates = "".join(
        f", {label(name)} = {getattr(problem, name):g}"
        for name in ("eta", "eta_v", "sigma")
        if name not in varied and (name != "sigma" or problem.sigma)
    )
    how = {"integrate": "ODEs", "simulate_network": "network runs", "simulate_reduced": "reduced runs"}.get(
        solver, solver
    )
    size = "" if how == "ODEs" or "N" in varied else f", N = {problem.N}"
    runs = (
        f", median of {scan.description['solve']['runs']} {how}" if "runs" in scan.description["solve"] else f", {how}"
    )
    done = int((scan.state == DONE).sum())
    what = f"{done} points, {units}{outputs}, {problem.activations_text}"
    return f"{what}{rates}{size}{runs} to $\\alpha$ = {scan.alphas[-1]:g}"


def _example(scan: Scan) -> Problem:
    return scan.problem(int(np.flatnonzero(scan.state == DONE)[0]))


def _rules(scan: Scan) -> dict[str, np.ndarray]:
    """The points that are done, by rule."""
    done = scan.state == DONE
    if "rule" not in scan.coordinates:
        return {_example(scan).rule: done}
    by_rule = {rule: done & (scan.coordinates["rule"] == rule) for rule in ("fa", "bp")}
    return {rule: points for rule, points in by_rule.items() if points.any()}


def _numbers(scan: Scan, name: str) -> Array:
    """A varied quantity or a number of the summary (of an ensemble the median over runs), at every point."""
    if name in scan.coordinates and scan.coordinates[name].dtype.kind in "iuf":
        return scan.coordinates[name].astype(float)
    if name not in scan.summary:
        numeric = [each for each, values in scan.coordinates.items() if values.dtype.kind in "iuf"]
        raise InputError(f"{name!r} is not in {scan.path} as a number; there are {', '.join([*numeric, *SUMMARY])}")
    values = scan.summary[name]
    if values.ndim == 1:
        return values
    with np.errstate(invalid="ignore"):
        return np.median(values, axis=1)


def _finite(scan: Scan, name: str) -> Array:
    """The numbers, infinity (a plateau that was not left) as the last alpha."""
    values = _numbers(scan, name)
    return np.where(np.isinf(values), scan.alphas[-1], values)


def _there(scan: Scan, name: str) -> np.ndarray:
    return np.isfinite(_numbers(scan, name)) & (scan.state == DONE)


def _varied(scan: Scan) -> list[str]:
    """The varied quantities that are numbers, have several values and are not just the draw."""
    return [
        name
        for name, values in scan.coordinates.items()
        if name != "draw" and values.dtype.kind in "iuf" and len(np.unique(values)) > 1
    ]


def _unlimited(scan: Scan, name: str) -> str:
    count = int(np.isinf(_numbers(scan, name)[scan.state == DONE]).sum())
    return f"\n({count} not left by {scan.alphas[-1]:g}: drawn there)" if count else ""


def _curve(scan: Scan, point: int) -> Array:
    values = scan.read("eps_g", int(point))
    values = values if values.ndim == 1 else np.nanmedian(values, axis=0)
    return np.where(values > 0, values, np.nan)


def _is_log(values: Array) -> bool:
    """Whether these values want a logarithmic axis: positive but for a few, over more than a factor 10, and skewed."""
    there = values[np.isfinite(values)]
    low = float(np.quantile(there, 0.02)) if there.size else 0.0
    if not (low > 0 and there.max() > 10 * low):
        return False
    middle, high = np.median(there), there.max()
    return bool(abs(np.log(middle / np.sqrt(low * high))) < abs(np.log(2 * middle / (low + high))))


def _colours(scan: Scan, value: str) -> dict[str, Any]:
    """The colours of a map."""
    values = _finite(scan, value)
    if _is_log(values):
        return {"cmap": "viridis", "norm": LogNorm(np.nanmin(values[values > 0]), np.nanmax(values))}
    return {"cmap": "viridis", "vmin": np.nanmin(values), "vmax": np.nanmax(values)}


def _plain(name: str) -> str:
    """A quantity as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).strip("_")
