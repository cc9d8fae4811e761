"""Overlaps as maps of numbers and as graphs of units; what their entries are called."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures.scales import integers
from stdyn.model.state import OrderParameters

_NUMBERED = 8  # units up to which a map has its numbers in it
_NOTED = 0.25  # and a cosine below minus this has a minus in a larger map
_DARK = 0.5  # the luminance below which what is written on a colour is white
_WIDEST = 6.0  # points, of a line of the graph: of a cosine of 1
_THINNEST = 0.05  # points, of a dashed line: dashes are as short as it is thin, and one of 1e-16 has no end of them
_DIGIT = 9  # the largest number of a unit that is written without a comma


def heat_map(ax: Axes, values: Array, largest: float, options: Mapping[str, Any] | None = None) -> None:
    """A map of numbers from -largest (blue) to largest (red), units counted from 1."""
    rows, columns = values.shape
    look: dict[str, Any] = {"cmap": "RdBu_r", "aspect": "equal"} | dict(options or {})
    if look.get("norm") is None:
        look = {"vmin": -largest, "vmax": largest} | look
    look |= {"extent": (0.5, columns + 0.5, rows + 0.5, 0.5), "origin": "upper", "interpolation": "nearest"}
    image = ax.imshow(values, **look)
    small = max(rows, columns) <= _NUMBERED
    for (i, n), value in np.ndenumerate(values):
        if not np.isfinite(value) or not (small or value < -_NOTED * largest):
            continue
        text = f"{value:.2f}".replace("-", "−") if small else "−"
        red, green, blue, _ = image.to_rgba(np.array([value]))[0]
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < _DARK
        size = min(8.0, 60.0 / max(rows, columns)) if small else 8.0
        ax.text(n + 1, i + 1, text, ha="center", va="center", fontsize=size, color="white" if dark else "black")
    integers(ax.xaxis)
    integers(ax.yaxis)


def graph(ax: Axes, state: OrderParameters, positive: Any, negative: Any, **look: Any) -> None:
    """The lines and dots of the graph; `look`, in full names, is of the lines, whose width is a share of linewidth."""
    found = cosines_of(state)
    widest = float(look.pop("linewidth", _WIDEST))
    look = {"solid_capstyle": "butt", "dash_capstyle": "butt", "zorder": 1, **look}
    left, right = (_column(size) for size in found.shape)
    for i, n in sorted(np.ndindex(found.shape), key=lambda at: abs(found[at])):  # the widest lie on top
        below = found[i, n] < 0
        width = widest * abs(found[i, n])
        own = {"color": negative if below else positive, "linestyle": (0, (1.2, 0.6)) if below else "-"} | look
        own |= {"linestyle": "-"} if width < _THINNEST else {}
        ax.plot([0, 1], [left[i], right[n]], gid="cosine", lw=width, **own)
    for x, column, marker, name in ((0, left, "o", "students"), (1, right, "s", "teachers")):
        ax.plot(np.full(len(column), x), column, marker, color="k", mfc="white", ms=11, mew=1.2, zorder=2, gid=name)
        for number, y in enumerate(column):
            ax.text(x, y, str(number + 1), ha="center", va="center", fontsize=7, zorder=3)
    ax.set_xticks([0, 1], ["students", "teachers"])
    ax.set_yticks([])
    ax.set_xlim(-0.25, 1.25)
    ax.set_ylim(-0.08, 1.08)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _column(size: int) -> Array:
    """Heights of so many dots, the first at the top."""
    return np.linspace(1, 0, size) if size > 1 else np.array([0.5])


def cosines_of(of: np.ndarray | OrderParameters) -> Array:
    """Cosines as given, or those of a state: 0 where a vector has no length and so no direction."""
    if isinstance(of, OrderParameters):
        return np.clip(of.cosines, -1, 1)  # which rounding may take beyond
    if of.ndim != 2 or not of.size:
        raise InputError(f"cosines must have shape (K, M), but have shape {of.shape}")
    return np.asarray(of, dtype=float)


def symbol(name: str, entry: Sequence[int]) -> str:
    """How an entry of an order parameter is written, with units from 1."""
    comma = "," if any(index >= _DIGIT for index in entry) else ""
    numbers = comma.join(str(index + 1) for index in entry)
    return rf"${name}_{{{numbers}}}$" if entry else f"${name}$"
