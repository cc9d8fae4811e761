"""Values against alpha, drawn into somebody's axes: lines of single runs, means with their spread of ensembles."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stdyn.analysis.comparison import Comparison
from stdyn.analysis.moments import mean_and_spread
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.choices import Entry, axes_or_new, check_axes, colours_of, entries_of, line_options, what_of
from stdyn.figures.maps import symbol
from stdyn.figures.scales import (
    cosine_limits,
    error_axis,
    even,
    floored,
    level,
    logarithmic,
    percentiles,
    positive,
    show_single_point,
    time_axis,
    wide,
)  # fmt: skip
from stdyn.model.trajectory import Trajectory
from stdyn.theory.fluctuations import Fluctuations

_SAID = 10  # lines that are each in a legend
_FADED = 0.22  # how opaque a band is
_LEAST = 1e-3  # of eps_g, down to which the band around it goes on a logarithmic axis
_DASHES: tuple[style.Dash, ...] = ("-", "--", "-.", ":", (0, (6, 1)), (0, (4, 1, 1, 1, 1, 1)))
_ERRORS = ("eps_g", "eps_g_test", "eps_g_per_task")  # drawn on a logarithmic axis
_COSINES = ("cosines", "alignment", "alignment_per_output")
_WRITTEN = {"R_group": "R", "Q_group": "Q", "cosines": r"\cos"}
_AXIS = {
    "R": "$R_{in}$", "Q": "$Q_{ik}$", "cosines": r"$R_{in}/\sqrt{Q_{ii} T_{nn}}$", "R_group": "$R_{in}$ of each group",
    "Q_group": "$Q_{ik}$ of each group", "F": style.label("F"), "alignment": style.label("alignment"),
    "F_per_output": r"$F_o = v_o \cdot b_o$", "alignment_per_output": r"alignment $F_o/(|v_o||b_o|)$",
    "eps_g": style.label("eps_g"), "eps_g_per_task": f"{style.label('eps_g')} of each task",
    "eps_g_test": r"$\epsilon_g$ on test examples",
}  # fmt: skip
_SHORT = {
    "R": "$R$", "Q": "$Q$", "v": "$v$", "F": "$F$", "eps_g": r"$\epsilon_g$",
    "eps_g_per_task": r"$\epsilon_g$ of tasks",
    "eps_g_test": r"$\epsilon_g$ on test examples",
}  # fmt: skip
_COUNTED = {"eps_g_per_task": "task", "F_per_output": "output", "alignment_per_output": "output"}
_NO_B = "backpropagation has no feedback weights"
_ABSENT = {
    "F": _NO_B, "alignment": _NO_B, "F_per_output": _NO_B, "alignment_per_output": _NO_B,
    "eps_g_per_task": "its problem has a single task", "eps_g_test": "no error on test examples was recorded",
    "R_group": "its inputs are isotropic", "Q_group": "its inputs are isotropic",
}  # fmt: skip


class Line(NamedTuple):
    """A curve, with the ends of the band around it if it has one."""

    entry: Entry
    middle: Array
    low: Array | None = None
    high: Array | None = None


def trajectory(
    t: Trajectory, /, what: str | None = None, ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
    color: Any = None, **options: Any,
) -> Axes:  # fmt: skip
    """One of the quantities of a trajectory against alpha; see `Trajectory.plot`."""
    check_axes(ax)
    there = ["eps_g", "R", "Q", "v", "cosines"]
    there += [name for name in _ABSENT if getattr(t, name) is not None]
    name = what_of(what, there, _ABSENT)
    values = getattr(t, name)
    leading = t.R.ndim - 2
    found = entries_of(name, values.shape[leading:], entries, diagonal, name.startswith("Q"))
    styled, color = line_options(options, color)
    colours = colours_of(color, len(found))
    curve: Callable[..., Line] = Line if t.runs is None else partial(_over_runs, name)
    lines = [curve(entry, _at(values, entry)) for entry in found]
    ax = axes_or_new(ax)
    _begin(ax, name)
    _draw(ax, t.alphas, lines, name, colours, styled)
    jumps.mark(ax, [t])
    time_axis(ax, t.alphas, t.problem, linear=even(t.alphas))
    _finish(ax, name, t)
    return ax


def _at(values: Array, entry: Entry) -> Array:
    """An entry, behind all axes of runs and alphas."""
    return values[(..., *entry)]  # type: ignore[arg-type]


def _over_runs(name: str, entry: Entry, values: Array) -> Line:
    """The median over runs with their range, of errors; else the mean with a standard deviation to both sides."""
    if len(values) == 1:
        return Line(entry, values[0])
    if name in _ERRORS:
        low, middle, high = percentiles(values, [0, 50, 100])
        return Line(entry, middle, low, high)
    mean, spread = mean_and_spread(values)
    return Line(entry, mean, mean - spread, mean + spread)


def _begin(ax: Axes, name: str) -> None:
    """The scale of the axis of values, on which only what is positive can be drawn if it is logarithmic."""
    if name in _ERRORS:
        logarithmic(ax.yaxis)


def _finish(ax: Axes, name: str, t: Trajectory | None = None) -> None:
    """Label and limits of the axis of values."""
    if name == "eps_g":
        error_axis(ax, [] if t is None else [t])
    elif name in _ERRORS:
        ax.set_ylabel(_AXIS[name])
    else:
        ax.set_ylabel(_axis(name, t))
    if name in _ERRORS:
        floored([ax])
    if name in _COSINES:
        cosine_limits(ax)


def _axis(name: str, t: Trajectory | None) -> str:
    """What is written on the axis of values."""
    if name == "v":
        return "$v_{io}$" if t is not None and t.problem.start.v.ndim == 2 else "$v_i$"
    return _AXIS[name]


def comparison(
    c: Comparison, /, what: str | None = None, ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
    color: Any = None, **options: Any,
) -> Axes:  # fmt: skip
    """Mean over runs minus theory in standard errors against alpha, and what is allowed; see `Comparison.plot`."""
    check_axes(ax)
    in_errors = c.in_errors
    name = what_of(what, sorted(in_errors, key=lambda each: each != "eps_g"))
    values = in_errors[name]
    found = entries_of(name, values.shape[1:], entries, diagonal, name == "Q")
    styled, color = line_options(options, color)
    colours = colours_of(color, len(found))
    ax = axes_or_new(ax)
    level(ax, 0)
    for end, text in ((c.allowed, f"allowed: {c.allowed:.1f} s.e."), (-c.allowed, None)):
        ax.axhline(end, color="0.4", lw=0.9, ls=(0, (1, 1)), label=text, gid="allowed")
    _draw(ax, c.alphas, [Line(entry, _at(values, entry)) for entry in found], name, colours, styled)
    if wide(c.alphas) and not even(c.alphas):
        logarithmic(ax.xaxis)
    ax.set_xlabel(style.label("alpha"))
    ax.set_ylabel(f"{_SHORT[name]}: runs − theory, in s.e.")
    _legend(ax)
    return ax


def fluctuations(
    f: Fluctuations, /, what: str | None = None, ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
    color: Any = None, **options: Any,
) -> Axes:  # fmt: skip
    """The theory with a band of one predicted standard deviation, where it is valid; see `Fluctuations.plot`."""
    check_axes(ax)
    there = [name for name in ("eps_g", "R", "Q", "v", "F") if getattr(f.std, name) is not None]
    name = what_of(what, there, {"F": _NO_B})
    values, std = getattr(f.theory, name), getattr(f.std, name)
    found = entries_of(name, values.shape[1:], entries, diagonal, name == "Q")
    styled, color = line_options(options, color)
    colours = colours_of(color, len(found))
    valid = f.valid_eps_g if name == "eps_g" else f.valid
    lines = []
    for entry in found:
        middle, spread = _at(values, entry), np.where(valid, _at(std, entry), np.nan)
        low = middle - spread
        lines.append(Line(entry, middle, np.maximum(low, _LEAST * middle) if name == "eps_g" else low, middle + spread))
    ax = axes_or_new(ax)
    _begin(ax, name)
    _draw(ax, f.alphas, lines, name, colours, styled)
    jumps.mark(ax, [f.theory])
    time_axis(ax, f.alphas, f.problem, linear=even(f.alphas))
    _finish(ax, name, f.theory)
    return ax


# ---------------------------------------------------------------------------------------------------------------------
# Lines


def _draw(
    ax: Axes, alphas: Array, lines: Sequence[Line], name: str, colours: Sequence[Any], options: dict[str, Any]
) -> None:  # fmt: skip
    """Lines with their bands, and a legend of them.

    A single one takes the next colour of the axes. Many share the colour and the dash of their first index.
    """
    shown = positive if ax.get_yscale() == "log" else np.asarray
    label = options.pop("label", None)
    looks = _looks(lines, name)
    for line, (said, look), colour in zip(lines, looks, colours, strict=True):
        own: dict[str, Any] = look | options
        if colour is not None:
            own["color"] = colour
        own["label"] = said if label is None else label if len(lines) == 1 or said is None else f"{label}, {said}"
        (drawn,) = ax.plot(alphas, shown(line.middle), **own)
        show_single_point(drawn)
        if line.low is not None and line.high is not None:
            _band(ax, alphas, shown(line.low), line.high, drawn)
    _legend(ax)


def _band(ax: Axes, alphas: Array, low: Array, high: Array, drawn: Line2D) -> None:
    """What is around a line, in its colour; of a single alpha, where a band has no width, a bar."""
    opacity = drawn.get_alpha()
    opacity = _FADED * (1.0 if opacity is None else opacity)
    faint: dict[str, Any] = {"color": drawn.get_color(), "zorder": 0.5, "alpha": opacity}
    known = np.isfinite(low) & np.isfinite(high)
    if known.sum() == 1:
        ax.vlines(alphas[known], low[known], high[known], lw=2 + 2 * drawn.get_linewidth(), **faint)
    else:
        ax.fill_between(alphas, low, high, lw=0, **faint)


def _looks(lines: Sequence[Line], name: str) -> list[tuple[str | None, dict[str, Any]]]:
    """What each line is called in the legend, if it is, and its colour and dash."""
    if len(lines) == 1:
        entry = lines[0].entry
        return [(_called(name, entry) if entry else None, {})]
    if len(lines) <= _SAID:
        return [(_called(name, line.entry), _look(n)) for n, line in enumerate(lines)]
    seen: dict[int, int] = {}
    looks: list[tuple[str | None, dict[str, Any]]] = []
    for line in lines:
        first = line.entry[0]
        said = None if first in seen else _first(name)(first)
        looks.append((said, _look(seen.setdefault(first, len(seen)))))
    return looks


def _look(n: int) -> dict[str, Any]:
    """The n-th colour of its user's cycle, and a dash."""
    return {"color": f"C{n}", "linestyle": _DASHES[n % len(_DASHES)]}


def _called(name: str, entry: Entry) -> str:
    """What an entry is called, with units from 1."""
    if name in _COUNTED:
        return f"{_COUNTED[name]} {entry[0] + 1}"
    if name.endswith("_group"):
        return f"{symbol(_WRITTEN[name], entry[1:])}, group {entry[0] + 1}"
    return symbol(_WRITTEN.get(name, name), entry)


def _first(name: str) -> Callable[[int], str]:
    """What all entries of a first index are called."""
    if name in _COUNTED or name.endswith("_group"):
        return lambda index: f"{_COUNTED.get(name, 'group')} {index + 1}"
    return lambda index: f"$i$ = {index + 1}"


def _legend(ax: Axes) -> None:
    """A legend where there are several things with a name, or there was one before."""
    handles, _ = ax.get_legend_handles_labels()
    if len(handles) > 1 or ax.get_legend() is not None:
        ax.legend()
