"""The figures of a scan: maps, histograms, FA against BP of the same starts, and a few of its trajectories."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullFormatter

from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.arguments import checked
from stdyn.figures.layout import finished, legend, legend_below
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.scales import (
    floored,
    logarithmic,
    skewed,
)  # fmt: skip
from stdyn.figures.scanpanels import (
    COLOURS,
    against,
    caption,
    cells,
    dots,
    histogram,
    norm_of,
    ordered,
    rule_against_rule,
    trajectories,
)
from stdyn.figures.scanpoints import (
    by_rule,
    counted,
    done,
    drawn_at,
    endless,
    label,
    numbers,
    varied,
)  # fmt: skip
from stdyn.figures.ticks import LogTicks, LogWords
from stdyn.scans.scanfile import Scan

__all__ = [
    "figures", "map_figure", "against_figure", "histograms_figure", "rules_figure", "trajectories_figure",
    "histogram", "rule_against_rule",
]  # fmt: skip

_OUTCOMES = ("plateau_length", "plateau_height", "eps_g_final", "specialised")


@checked
@styled
def figures(scan: Scan, value: str = "plateau_length", x: str | None = None, y: str | None = None) -> Pages:
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

    Returns
    -------
    dict of Figure
        By name, in the order in which they are shown; a notebook shows all of them.

    Raises
    ------
    InputError
        If there is no such quantity, or no point is done.

    See Also
    --------
    stdyn.Scan.plot : A number of the points, in own axes.

    Examples
    --------
    >>> list(stdyn.scanplot.figures(table, "eps_g_final"))
    ['eps_g_final_against_eta', 'histograms', 'trajectories']
    """
    if not done(scan).any():
        raise InputError(f"no point of {scan.path} is done, there is nothing to draw")
    for argument, name in (("value", value), ("x", x), ("y", y)):
        if name is not None:
            numbers(scan, name, argument)
    if y is not None and x is None:
        raise InputError("y is the second axis of a map; x is needed with it")
    if x is None:
        x, *more = varied(scan)[:2] or ["eps_g_start" if list(by_rule(scan)) == ["bp"] else "alignment_start"]
        y = more[0] if more else None
    drawn = Pages()
    if y is None:
        drawn[f"{value}_against_{_plain(x)}"] = against_figure(scan, value, x)
    else:
        drawn[f"{value}_map"] = map_figure(scan, value, x, y)
    drawn["histograms"] = histograms_figure(scan)
    if {"fa", "bp"} <= by_rule(scan).keys():
        drawn["fa_bp"] = rules_figure(scan)
    if "eps_g" in scan.names:
        drawn["trajectories"] = trajectories_figure(scan)
    return drawn


@checked
@styled
def map_figure(scan: Scan, value: str, x: str, y: str) -> Page:
    """A number of each point over two quantities, a panel a rule: cells where both are axes of a grid, else dots.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.
    value : str
        A number of the summary, or a varied quantity.
    x, y : str
        The axes, likewise.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If there is no such quantity.

    See Also
    --------
    stdyn.Scan.plot : A map of one rule, in own axes.

    Examples
    --------
    >>> figure = stdyn.scanplot.map_figure(table, "eps_g_final", "eta", "eps_g_start")
    """
    rules = by_rule(scan, value, x, y)
    figure, panels = page(1.2 + 3.6 * len(rules), 3.8, 1, len(rules), sharex=True, sharey=True)
    norm, across, up = norm_of(scan, value), drawn_at(scan, x), drawn_at(scan, y)
    known, grid = np.isfinite(across) & np.isfinite(up), x in scan.axes and y in scan.axes
    there = known if grid else known & np.any(list(rules.values()), axis=0)
    meshes = []
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        for name, values, axis in ((x, across[there], ax.xaxis), (y, up[there], ax.yaxis)):
            if skewed(values) and (values > 0).all():
                logarithmic(axis)
            axis.set_label_text(label(scan, name) if axis is ax.xaxis or ax is panels[0] else "")
        if grid:
            meshes.append(cells(ax, scan, points & known, value, x, y, norm))
        else:
            dots(ax, scan, points & known, value, x, y, norm)
        ax.set_title(style.rule(rule) if len(rules) > 1 else "", fontsize=9)
    infinite = np.isinf(numbers(scan, value)[done(scan)]).any()
    words = [f"{'white' if grid else 'triangles'}: {endless(scan, value)}"] if infinite else []
    words += ["hatched: none"] if any(_has_gaps(mesh) for mesh in meshes) else []
    ticks, words_of = (LogTicks(), LogWords()) if isinstance(norm, LogNorm) else (None, None)
    extend = "max" if infinite and grid else "neither"
    below = f"\n({'; '.join(words)})" if words else ""
    bar = figure.colorbar(ScalarMappable(norm, COLOURS), ax=panels, label=label(scan, value) + below,
                          extend=extend, ticks=ticks, format=words_of)  # fmt: skip
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    if not np.isfinite(numbers(scan, value)).any():
        bar.set_ticks([])
    return finished(figure, caption(scan))


@checked
@styled
def against_figure(scan: Scan, value: str, x: str) -> Page:
    """A number of each point against one quantity, with its running median, a panel a rule.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.
    value : str
        A number of the summary, or a varied quantity.
    x : str
        The axis, likewise.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If there is no such quantity.

    See Also
    --------
    stdyn.Scan.plot : The points in own axes.

    Examples
    --------
    >>> figure = stdyn.scanplot.against_figure(table, "eps_g_final", "eta")
    """
    rules = by_rule(scan, value, x)
    figure, panels = page(0.8 + 3.4 * len(rules), 3.6, 1, len(rules), sharey=True)
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        against(ax, scan, points & np.isfinite(numbers(scan, x)), value, x, rule)
        ax.set_title(style.rule(rule) + counted(scan, value, points), fontsize=9)
    legend_below(figure, panels)
    panels[0].set_ylabel(label(scan, value))
    return finished(figure, caption(scan))


@checked
@styled
def histograms_figure(scan: Scan) -> Page:
    """How the length and height of the plateau, the final error and the specialised units are distributed, by rule.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    histogram : One of them, in own axes.

    Examples
    --------
    >>> figure = stdyn.scanplot.histograms_figure(table)
    """
    figure, axes = page(7.2, 5.4, 2, 2)
    for ax, name in zip(axes, _OUTCOMES, strict=True):
        histogram(ax, scan, name)
    return finished(figure, caption(scan))


@checked
@styled
def rules_figure(scan: Scan) -> Page:
    """FA against BP of the same starts: the length of the plateau and the final error.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    rule_against_rule : One of them, in own axes.

    Examples
    --------
    >>> both = stdyn.Variations(experiment, {"rule": ["fa", "bp"], "eta": [0.2, 0.4]})
    >>> found = stdyn.scan(both, alphas, "rules.h5")
    >>> figure = stdyn.scanplot.rules_figure(found)
    """
    figure, axes = page(7.2, 3.9, 1, 2)
    for ax, name in zip(axes, ("plateau_length", "eps_g_final"), strict=True):
        rule_against_rule(ax, scan, name)
    return finished(figure, caption(scan))


@checked
@styled
def trajectories_figure(scan: Scan) -> Page:
    """eps_g against alpha: points with a short, a usual and a long plateau, and others behind them, a panel a rule.

    Parameters
    ----------
    scan : Scan
        Finished or not: the points that are done are drawn.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    figures : All figures of a scan.

    Examples
    --------
    >>> figure = stdyn.scanplot.trajectories_figure(table)
    """
    rules = by_rule(scan)
    figure, panels = page(0.8 + 3.4 * len(rules), 3.6, 1, len(rules), sharey=True)
    for ax, (rule, points) in zip(panels, rules.items(), strict=True):
        trajectories(ax, scan, np.flatnonzero(points), rule)
        ax.set_title(style.rule(rule) if len(rules) > 1 else "", fontsize=9)
    floored(panels)
    for ax, points in zip(panels, rules.values(), strict=True):
        legend(ax, title=ordered(scan, np.flatnonzero(points))[1])
    panels[0].set_ylabel(style.label("eps_g"))
    return finished(figure, caption(scan, True))


def _has_gaps(mesh: QuadMesh) -> bool:
    """Whether cells of a map have no number."""
    return bool(np.isnan(np.ma.filled(np.ma.asarray(mesh.get_array()), np.nan)).any())


def _plain(name: str) -> str:
    """A quantity as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).strip("_")
