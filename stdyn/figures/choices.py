"""What a value is asked to draw: where, which of its quantities, which entries of these, and how the lines look.

All of it is looked at before a figure is made, so that a mistake leaves none behind.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stdyn.errors import InputError
from stdyn.figures.backend import in_a_line
from stdyn.text import shown

Entry = tuple[int, ...]


def check_axes(ax: object) -> None:
    """Refuse what is neither None nor Axes of two dimensions."""
    if ax is not None and not isinstance(ax, Axes):
        raise InputError(f"ax must be matplotlib Axes, or None for a new figure, but is {shown(ax)}")
    if ax is not None and ax.name == "3d":  # whose methods of these names want a third coordinate
        raise InputError(f"ax must be Axes of two dimensions, but is {shown(ax)}")


def axes_or_new(ax: Axes | None) -> Axes:
    """These axes, or those of a new figure of pyplot, with whatever its user has set."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot

        return pyplot.subplots()[1]
    except Exception as error:
        raise InputError(f"ax must be given, as pyplot makes no figure here: {in_a_line(error)}") from None


def what_of(what: object, there: Sequence[str], absent: Mapping[str, str] | None = None) -> str:
    """The quantity that is meant: by default the first; one that is not there is refused with the reason."""
    if what is None:
        return there[0]
    if isinstance(what, str) and what in there:
        return what
    reason = (absent or {}).get(what) if isinstance(what, str) else None
    because = f" ({reason})" if reason else ""
    raise InputError(f"what must be one of {', '.join(there)}, but is {shown(what)}{because}")


def entries_of(
    what: str, shape: tuple[int, ...], entries: object, diagonal: object, symmetric: bool = False
) -> list[Entry]:
    """The indices of the entries that are drawn: those given, those on the diagonal, or all; of Q each once."""
    if not isinstance(diagonal, bool | np.bool_):
        raise InputError(f"diagonal must be True or False, but is {shown(diagonal)}")
    if diagonal and (entries is not None or len(shape) < 2 or what == "v"):
        reason = "entries are given" if entries is not None else f"{what} has no diagonal"
        raise InputError(f"diagonal must be False, as {reason}, but is True")
    if entries is not None:
        return _given(what, shape, entries)
    every: list[Entry] = [tuple(map(int, entry)) for entry in np.ndindex(shape)]
    if diagonal:
        return [entry for entry in every if entry[-1] == entry[-2]]
    return [entry for entry in every if entry[-2] <= entry[-1]] if symmetric else every


def _given(what: str, shape: tuple[int, ...], entries: object) -> list[Entry]:
    """The entries that somebody asks for, each a tuple of as many indices as there are axes."""
    if not shape:
        raise InputError(f"entries must be None, as {what} is one number at each alpha, but are {shown(entries)}")
    example = str([tuple(0 for _ in shape)])
    if isinstance(entries, str | Mapping) or not isinstance(entries, Sequence | np.ndarray) or not len(entries):
        raise InputError(f"entries must be a list of tuples of indices, such as {example}, but are {shown(entries)}")
    found = []
    for each in entries:
        entry = (each,) if isinstance(each, int | np.integer) and not isinstance(each, bool) else each
        if not isinstance(entry, Sequence | np.ndarray) or isinstance(entry, str) or len(entry) != len(shape):
            raise InputError(
                f"entries must be tuples of {len(shape)} indices, such as {example}, but one of them is {shown(each)}"
            )
        for index, size in zip(entry, shape, strict=True):
            if not isinstance(index, int | np.integer) or isinstance(index, bool) or not -size <= index < size:
                raise InputError(f"entries must be those of {what}, of shape {shape}, but one of them is {shown(each)}")
        found.append(tuple(int(index) % size for index, size in zip(entry, shape, strict=True)))
    return found


def colours_of(color: object, number: int) -> list[Any]:
    """A colour for each of so many lines: None where nothing is said."""
    if color is None or _is_colour(color):
        return [color] * number
    if isinstance(color, str) or not isinstance(color, Sequence | np.ndarray):
        raise InputError(f"color must be a colour of matplotlib, or a list of them, but is {shown(color)}")
    wrong = [each for each in color if not _is_colour(each)]
    if wrong:
        raise InputError(f"color must be a list of colours of matplotlib, but one of them is {shown(wrong[0])}")
    if len(color) != number:
        raise InputError(f"color must be one colour, or {number}, one for each line, but are {len(color)}")
    return list(color)


def _is_colour(value: object) -> bool:
    """Whether it is one colour; matplotlib may fail over what is nothing like it."""
    try:
        return bool(is_color_like(value))
    except Exception:
        return False


def line_options(options: Mapping[str, Any], color: object = None) -> tuple[dict[str, Any], Any]:
    """Options of matplotlib's lines under their full names, and the colour, which may be among them as `c`."""
    found: dict[str, Any] = {} if color is None else {"color": color}
    for name, value in options.items():
        (full,) = normalize_kwargs({name: value}, Line2D)
        if full in found:
            raise InputError(f"{name} must be given once, but is {shown(found[full])} and {shown(value)}")
        found[full] = value
        if full != "color":
            _try(name, full, value)
    color = found.pop("color", None)
    return found, color


def _try(name: str, full: str, value: object) -> None:
    """Refuse what no line has."""
    try:
        Line2D([0], [0], **{full: value})  # type: ignore[arg-type]
        if full == "figure":
            raise TypeError("it is that of ax")
    except Exception as error:  # of any kind, as values are what somebody gives
        what = f"{name} must be a property of matplotlib's lines, but is {shown(value)}"
        raise InputError(f"{what}: {in_a_line(error)}") from None


def image_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of matplotlib's imshow, tried on a small picture."""
    found = dict(options)
    if not found:
        return found
    try:
        Figure().add_subplot().imshow(np.eye(2), **found).to_rgba(np.eye(2))
    except Exception as error:
        name = next(iter(found)) if len(found) == 1 else "options"
        raise InputError(f"{name} must be of matplotlib's imshow, which says: {in_a_line(error)}") from None
    return found


def refused(options: Mapping[str, Any], what: str) -> None:
    """Refuse options of what has none."""
    if options:
        raise InputError(f"{next(iter(options))} must be left out, as {what} takes no options")
