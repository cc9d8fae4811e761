"""What `plot` of scans and studies draws: a number of every point against what varies."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import scanpanels, scanpoints, style
from stdyn.figures.choices import axes_or_new, check_axes, colours_of, line_options, refused, what_of
from stdyn.figures.scales import logarithmic, nothing_known, skewed
from stdyn.scans.scanfile import Scan
from stdyn.scans.studies import STUDIED, Study
from stdyn.text import shown


def study(s: Study, /, what: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
    """A number of a study against what varies, a line for each rule; see `Study.plot`."""
    check_axes(ax)
    name = what_of(what, tuple(STUDIED))
    styled, color = line_options(options)
    colours = colours_of(color, len(s.rules))
    ax = axes_or_new(ax)
    label = styled.pop("label", None)
    for (rule, numbers), colour in zip(s.rules.items(), colours, strict=True):
        look = style.RULES[rule]
        own: dict[str, Any] = {"marker": look.marker, "linestyle": look.dash, "color": look.colour}
        own |= {"markersize": 4, "markerfacecolor": "white"} | styled
        own |= {} if colour is None else {"color": colour}
        said = style.rule(rule) if label is None else f"{label}, {style.rule(rule)}"
        values = np.where(np.isfinite(numbers[name]), numbers[name], np.nan)
        ax.plot(s.values, values, **own, label=said)
    nothing_known(ax)
    finite = np.concatenate([numbers[name] for numbers in s.rules.values()])
    finite = finite[np.isfinite(finite)]
    if finite.size and (finite > 0).all():
        logarithmic(ax.yaxis)
    if (s.values > 0).all() and s.values.max() > 5 * s.values.min():
        logarithmic(ax.xaxis)
    ax.set_xlabel(style.on_axis(s.quantity))
    ax.set_ylabel(style.label(name))
    if len(s.rules) > 1:
        ax.legend()
    return ax


def scan(
    s: Scan, /, what: str | None = None, ax: Axes | None = None, *, x: str | None = None, y: str | None = None,
    rule: str | None = None, color: Any = None, **options: Any,
) -> Axes:  # fmt: skip
    """A number of every point that is done against x, or as colours over x and y; see `Scan.plot`.

    What is infinite is drawn at the last alpha, as an open triangle.
    """
    check_axes(ax)
    name = "plateau_length" if what is None else what
    if not scanpoints.done(s).any():
        raise InputError(f"no point of {s.path} is done, there is nothing to draw")
    x = (scanpoints.varied(s) or ["eps_g_start"])[0] if x is None else x
    for argument, quantity in (("what", name), ("x", x), *((("y", y),) if y is not None else ())):
        scanpoints.numbers(s, quantity, argument)
    rules = scanpoints.by_rule(s, name, x, *([] if y is None else [y]))
    if rule is not None:
        if not isinstance(rule, str) or rule not in rules:
            raise InputError(f"rule must be one of {', '.join(rules)}, those of the points, but is {shown(rule)}")
        rules = {rule: rules[rule]}
    if y is not None:
        refused(options if color is None else options | {"color": color}, "a map")
        return _map(s, name, axes_or_new(ax) if len(rules) == 1 else None, x, y, rules)
    styled, color = line_options(options, color)
    colours = colours_of(color, len(rules))
    ax = axes_or_new(ax)
    label = styled.pop("label", None)
    for (each, points), colour in zip(rules.items(), colours, strict=True):
        look = style.RULES[each]
        own = {"linestyle": "none", "marker": look.marker, "color": look.colour, "markersize": 4, "alpha": 0.7} | styled
        own |= {} if colour is None else {"color": colour}
        said = style.rule(each) if label is None else label if len(rules) == 1 else f"{label}, {style.rule(each)}"
        _dots(ax, s, points & np.isfinite(scanpoints.numbers(s, x)), name, x, own, said)
    _scales(ax, scanpoints.drawn_at(s, x)[scanpoints.done(s)], scanpoints.drawn_at(s, name)[scanpoints.done(s)])
    nothing_known(ax)
    ax.set_xlabel(scanpoints.label(s, x))
    ax.set_ylabel(scanpoints.label(s, name))
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend()
    return ax


def _dots(ax: Axes, s: Scan, points: np.ndarray, name: str, x: str, look: dict[str, Any], said: str) -> None:
    """The points of a rule, the infinite ones as open triangles."""
    across, up = scanpoints.drawn_at(s, x)[points], scanpoints.drawn_at(s, name)[points]
    infinite = np.isinf(scanpoints.numbers(s, name)[points])
    ax.plot(across[~infinite], up[~infinite], **look, label=said)
    if infinite.any():
        open_ = look | {"marker": "^", "markerfacecolor": "none", "markersize": 6, "linestyle": "none"}
        ax.plot(across[infinite], up[infinite], **open_, label=f"{said}: {scanpoints.endless(s, name)}")


def _scales(ax: Axes, across: Array, up: Array) -> None:
    """Logarithmic axes where the numbers want them."""
    for values, axis in ((across, ax.xaxis), (up, ax.yaxis)):
        if skewed(values) and (values[np.isfinite(values)] > 0).all():
            logarithmic(axis)


def _map(s: Scan, name: str, ax: Axes | None, x: str, y: str, rules: dict[str, np.ndarray]) -> Axes:
    """A number of the points of one rule as colours over two quantities, with a colour bar."""
    if ax is None:
        raise InputError(f"rule must be one of {', '.join(rules)}, as a map is of one rule, but is None")
    (points,) = rules.values()
    across, up = scanpoints.drawn_at(s, x), scanpoints.drawn_at(s, y)
    known = points & np.isfinite(across) & np.isfinite(up)
    _scales(ax, across[known], up[known])
    norm = scanpanels.norm_of(s, name)
    if x in s.axes and y in s.axes:
        scanpanels.cells(ax, s, known, name, x, y, norm)
    else:
        scanpanels.dots(ax, s, known, name, x, y, norm)
    ax.figure.colorbar(ScalarMappable(norm, scanpanels.COLOURS), ax=ax, label=scanpoints.label(s, name))
    ax.set_xlabel(scanpoints.label(s, x))
    ax.set_ylabel(scanpoints.label(s, y))
    return ax
