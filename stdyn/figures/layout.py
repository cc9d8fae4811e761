"""Legends and titles that fit: inside the axes if there is room, else below them, on a page that grows by as much."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import Collection, PathCollection
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from stdyn.checks import Array
from stdyn.figures.jumps import GID as JUMP
from stdyn.figures.pages import Page
from stdyn.figures.scales import late_starts, quiet, say_none, show_single_points
from stdyn.figures.ticks import spaced

_SMALL = 7  # points, the size of letters where the usual ones find no room
_MOST = 30  # entries; of more, this many are chosen
_WIDE, _HIGH = 0.85, 0.5  # the share of its axes that a legend inside may take
_BELOW = 0.45  # inches from the axes to a legend below them: ticks and label of the axis
_MARGIN = 0.15  # inches at the edges of a page
_OVER = 0.3  # inches that the title of axes may be wider than they
_FRAME = 0.85  # inches beside the axes of a page for ticks and labels

_CORNERS = (
    ("right", "upper"), ("left", "upper"), ("left", "lower"), ("right", "lower"), ("left", "center"),
    ("right", "center"), ("center", "lower"), ("center", "upper"), ("center", "center"),
)  # fmt: skip
_UP = {"lower": 0.0, "center": 0.5, "upper": 1.0}
_NEAR = 0.02  # and so near to a curve, in shares of its axes, it is not put
_BETWEEN = 10  # points between those of a curve at which it is looked whether a legend covers it

Entry = tuple[Any, str]


def legend(
    ax: Axes, handles: Sequence[Any] | None = None, title: str | None = None, loc: str = "best", size: float = 8,
    twin: Axes | None = None,
) -> None:  # fmt: skip
    """A legend of what is drawn (or of `handles`): inside where there is room, else below the axes.

    With a twin, axes over these or these themselves, it is inside only where neither has a curve.
    """
    late_starts(ax)
    show_single_points(ax)
    entries = chosen(_entries(ax, handles))
    if not entries:
        return
    width, height = _room(ax)

    def placed(columns: int, size: float, **place: Any) -> tuple[float, float]:
        look: dict[str, Any] = {
            "fontsize": size,
            "title_fontsize": size,
            "frameon": True,
            "framealpha": 0.7,
            "edgecolor": "none",
        }
        handles, texts = _split(entries)
        return _size(ax.legend(handles, texts, title=title, ncols=columns, **look, **place))

    for smaller, columns in ((size, 1), (size, 2), (_SMALL, 1), (_SMALL, 2)):
        wide, high = placed(columns, smaller, loc="upper left")
        if wide <= _WIDE * width and high <= _HIGH * height:
            inside = loc if twin is None else free_corner([ax, twin], wide / width, high / height, smaller)
            if inside is not None:
                placed(columns, smaller, loc=inside)
                return
    figure = ax.figure
    assert isinstance(figure, Figure)
    entries = [(handle, wrapped(text, width, size, figure)) for handle, text in entries]
    below = ax.transAxes + ScaledTranslation(0, -_BELOW, figure.dpi_scale_trans)
    for columns in _columns(len(entries), 10):
        wide, high = placed(
            columns, size, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0
        )
        if wide <= width:
            break
    if isinstance(figure, Page):
        place = ax.get_subplotspec()
        figure.make_room(0 if place is None else place.rowspan.stop, high)


def free_corner(axes: Sequence[Axes], wide: float, high: float, size: float) -> str | None:
    """Where none of these axes, one over the other, has a curve in a box of this share of their size; None if nowhere.

    The places are tried in the order of matplotlib's "best", which leaves half a letter of this size beside the box.
    """
    points = np.concatenate([_drawn_at(ax) for ax in axes])
    pad = rcParams["legend.borderaxespad"] * size / 72 * axes[0].figure.dpi
    beside, below = pad / axes[0].bbox.width, pad / axes[0].bbox.height
    for across, up in _CORNERS:
        x = {"left": beside, "center": 0.5 - wide / 2, "right": 1 - wide - beside}[across]
        y = below + _UP[up] * (1 - high - 2 * below)
        inside = (abs(points - [x + wide / 2, y + high / 2]) < [wide / 2 + _NEAR, high / 2 + _NEAR]).all(axis=1)
        if not inside.any():
            return f"{up} {across}".replace("center center", "center")
    return None


def _drawn_at(ax: Axes) -> Array:
    """Points of all curves, bands and error bars, in shares of the axes."""
    quiet(ax)
    ax.get_xlim(), ax.get_ylim()  # the limits follow what is drawn
    paths = [(line.get_path(), line.get_transform()) for line in ax.lines if line.get_gid() != JUMP]
    paths += [(path, each.get_transform()) for each in ax.collections for path in each.get_paths()]
    to_axes, found = ax.transAxes.inverted(), [np.empty((0, 2))]
    for path, transform in paths:
        if np.size(path.vertices):
            at = (transform + to_axes).transform_path(path)
            found.append(np.asarray(at.interpolated(_BETWEEN).vertices))
    return np.concatenate(found)


def legend_below(figure: Figure, axes: Sequence[Axes], title: str | None = None) -> None:
    """One legend for all axes of a page, of what is drawn in these, in as many columns as there is room for."""
    entries = chosen([entry for ax in axes for entry in _entries(ax, None)])
    width = figure.get_figwidth() - 2 * _MARGIN
    entries = [(handle, wrapped(text, width, 8, figure)) for handle, text in entries]
    for columns in _columns(len(entries), 12):
        found = figure.legend(*_split(entries), loc="outside lower center", ncols=columns, title=title)
        wide, high = _size(found)
        if wide <= width or columns == 1:
            if isinstance(figure, Page):
                figure.set_figheight(figure.get_figheight() + max(high - 0.5, 0))
            return
        found.remove()


def chosen(entries: list[Entry]) -> list[Entry]:
    """Those that are to be seen, each once; of more than 30, 30 from the first to the last."""
    once = {text: handle for handle, text in reversed(entries) if _is_seen(handle)}
    found = [(once.pop(text), text) for _, text in entries if text in once]
    if len(found) <= _MOST:
        return found
    return [found[n] for n in np.unique(np.linspace(0, len(found) - 1, _MOST).round().astype(int))]


def wrapped(text: str, width: float, size: float, figure: Figure) -> str:
    """A text in lines that are at most so many inches wide, broken after commas and semicolons where that helps."""
    return "\n".join(_broken(line, width, size, figure) for line in text.split("\n"))


def _broken(line: str, width: float, size: float, figure: Figure) -> str:
    if _width(line, size, figure) <= width:
        return line
    lines = [""]
    for word in line.replace("; ", "; \0").replace(", ", ", \0").split("\0"):
        if lines[-1] and _width(lines[-1] + word, size, figure) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(each.rstrip() for each in lines)


def finished(figure: Page, title: str = "") -> Page:
    """The last touches on a page whose axes are drawn: its title, and no line of text or limit that goes too far."""
    if title:
        figure.suptitle(title, fontsize=9)
    for ax in figure.axes:
        late_starts(ax)
        show_single_points(ax)
        quiet(ax)
        spaced(ax.xaxis)
        spaced(ax.yaxis)
    say_none(figure)
    fit_titles(figure)
    return figure


def fit_titles(figure: Page) -> None:
    """Break titles that are wider than the page, or than their axes; the page grows by the lines."""
    above = figure.get_suptitle()
    if above:
        lines = wrapped(above, figure.get_figwidth() - 2 * _MARGIN, 9, figure)
        figure.suptitle(lines, fontsize=9)
        figure.set_figheight(figure.get_figheight() + 0.16 * (lines.count("\n") - above.count("\n")))
    more = 0
    for ax in figure.axes:
        for title in (ax.title, ax._left_title):  # type: ignore[attr-defined]
            text = title.get_text()
            title.set_text(wrapped(text, _room(ax)[0] + _OVER, float(title.get_fontsize()), figure))
            more = max(more, title.get_text().count("\n") - text.count("\n"))
    figure.set_figheight(figure.get_figheight() + 0.16 * more)


# ---------------------------------------------------------------------------------------------------------------------
# Small things


def _entries(ax: Axes, handles: Sequence[Any] | None) -> list[Entry]:
    if handles is None:
        return list(zip(*ax.get_legend_handles_labels(), strict=True))
    return [(handle, str(handle.get_label())) for handle in handles]


def _split(entries: list[Entry]) -> tuple[list[Any], list[str]]:
    return [handle for handle, _ in entries], [text for _, text in entries]


def _is_seen(handle: Artist | Container) -> bool:
    """Whether there is a finite point of it."""
    if isinstance(handle, Container):
        return any(_is_seen(each) for each in handle.get_children())
    if isinstance(handle, Line2D):
        return _above_floor(handle, np.asarray(handle.get_xydata(), dtype=float))
    if isinstance(handle, PathCollection):
        return bool(np.isfinite(np.ma.filled(np.ma.asarray(handle.get_offsets()), np.nan)).all(axis=1).any())
    if isinstance(handle, Collection):
        return any(_above_floor(handle, np.asarray(path.vertices)) for path in handle.get_paths())
    return True


def _above_floor(artist: Artist, points: Array) -> bool:
    """Whether one of the points is finite and, on a logarithmic axis, not below its end, as rounding is."""
    ax = artist.axes
    of_data = ax is not None and ax.get_yscale() == "log" and artist.get_transform() == ax.transData
    floor = min(ax.get_ylim()) if ax is not None and of_data else -np.inf
    return bool((np.isfinite(points).all(axis=1) & (points[:, 1] > floor)).any())


def _columns(entries: int, most: int) -> list[int]:
    """Numbers of columns that fill their last rows, the largest first."""
    rows = range(-(-entries // most), entries + 1)
    return sorted({-(-entries // number) for number in rows if number}, reverse=True)


def _size(found: Legend) -> tuple[float, float]:
    """Width and height of a legend in inches."""
    figure = found.figure
    assert figure is not None
    box = found.get_window_extent(RendererAgg(1, 1, figure.dpi))
    return box.width / figure.dpi, box.height / figure.dpi


def _width(text: str, size: float, figure: Figure) -> float:
    """The width of a text in inches."""
    line = Text(0, 0, text, fontsize=size)
    line.set_figure(figure)
    box = line.get_window_extent(RendererAgg(1, 1, figure.dpi), dpi=figure.dpi)
    return float(box.width / figure.dpi)


def _room(ax: Axes) -> tuple[float, float]:
    """Width and height of an axes in inches, about, when the layout will be done."""
    figure, place = ax.figure, ax.get_subplotspec()
    assert isinstance(figure, Figure)
    if place is None:
        box = ax.get_position()
        return box.width * figure.get_figwidth(), box.height * figure.get_figheight()
    grid = place.get_gridspec()
    widths = np.array(grid.get_width_ratios() or [1.0] * grid.ncols)
    heights = np.array(grid.get_height_ratios() or [1.0] * grid.nrows)
    across, up = widths[place.colspan] / widths.sum(), heights[place.rowspan] / heights.sum()
    size = figure.get_figwidth() * across.sum() - _FRAME, figure.get_figheight() * up.sum() - _FRAME
    return max(size[0], 0.5), max(size[1], 0.5)
