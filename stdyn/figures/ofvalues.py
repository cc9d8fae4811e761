"""What the methods `plot` of values draw; `stdyn.drawing.draw` calls these by name.

Each takes the value, what of it is drawn (None: the usual), the axes (None: a new figure of pyplot), and options of
matplotlib. It returns the axes. No style is applied, and no setting of matplotlib is changed.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stdyn.analysis.escape import EscapeTimes, Plateau
from stdyn.checks import Array, number, time_grid
from stdyn.figures import style
from stdyn.figures.against import comparison, fluctuations, trajectory
from stdyn.figures.choices import axes_or_new, check_axes, colours_of, image_options, line_options, refused, what_of
from stdyn.figures.maps import cosines_of, graph, heat_map
from stdyn.figures.ofscans import scan, study
from stdyn.figures.scales import around_zero, error_axis, spread
from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule
from stdyn.model.state import OrderParameters
from stdyn.theory.fixedpoints import FixedPoint

__all__ = [
    "comparison", "escape_times", "fixed_point", "fluctuations", "order_parameters", "plateau", "problem", "scan",
    "study", "trajectory",
]  # fmt: skip

_OF_STATE = ("cosines", "R", "Q", "C", "graph")
_AFTER = 1.25  # times the last alpha at which a schedule changes, to which it is drawn
_SCALES = 10.0  # or so many times its scale, if it changes for ever
_UNKNOWN = 10.0  # which of a function is not known
_LINEAR = 1e-3  # eigenvalues between minus and plus this are on a linear scale
_SPAN = 301  # points of a schedule
_QUANTILES = (1, 99)  # of escape times that are within the axes


def order_parameters(op: OrderParameters, /, what: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
    """Overlaps as a map of numbers, or as a graph of units; see `OrderParameters.plot`."""
    return _of_state(op, what_of(what, _OF_STATE), ax, options)


def _of_state(op: OrderParameters, what: str, ax: Axes | None, options: dict[str, Any]) -> Axes:
    check_axes(ax)
    if what == "graph":
        styled, color = line_options(options)
        positive, negative = colours_of(color, 2)
        ax = axes_or_new(ax)
        graph(ax, op, positive or style.COLOURS[1], negative or style.COLOURS[0], **styled)
        return ax
    look = image_options(options)
    values = cosines_of(op) if what == "cosines" else getattr(op, what)
    largest = 1.0 if what == "cosines" else float(np.abs(values).max()) or 1.0
    ax = axes_or_new(ax)
    heat_map(ax, values, largest, look)
    across, up = {"Q": ("student unit $k$", "student unit $i$")}.get(what, ("teacher unit $n$", "student unit $i$"))
    if what == "C":
        across = up = f"students 1 to {op.K}, then teachers"
        units = [*range(1, op.K + 1), *range(1, op.M + 1)]
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(range(1, op.K + op.M + 1), [str(unit) for unit in units])
        ax.axvline(op.K + 0.5, color="k", lw=0.8)
        ax.axhline(op.K + 0.5, color="k", lw=0.8)
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    return ax


def problem(
    p: Problem, /, what: str | None = None, ax: Axes | None = None, *, alphas: Any = None, **options: Any
) -> Axes:  # fmt: skip
    """The start of a problem, or its rates against alpha; see `Problem.plot`."""
    name = what_of(what, ("C", "cosines", "R", "Q", "graph", "rates"))
    if name != "rates":
        refused({} if alphas is None else {"alphas": alphas}, f"{name} of the start")
        return _of_state(p.start, name, ax, options)
    check_axes(ax)
    rates = {each: getattr(p, each) for each in SCHEDULED if getattr(p, each)}
    schedules = [rate for rate in rates.values() if isinstance(rate, Schedule)]
    at = _span(schedules) if alphas is None else time_grid(alphas)
    styled, color = line_options(options)
    colours = colours_of(color, len(rates))
    ax = axes_or_new(ax)
    label = styled.pop("label", None)
    for n, ((each, rate), colour) in enumerate(zip(rates.items(), colours, strict=True)):
        values = rate(at) if isinstance(rate, Schedule) else np.full(len(at), float(rate))
        look: dict[str, Any] = {"color": f"C{n}" if colour is None else colour}
        look["linestyle"] = style.DASHES[n % len(style.DASHES)]
        said = style.label(each) if label is None else f"{label}, {style.label(each)}"
        ax.plot(at, values, **(look | styled), label=said)
    ax.set_xlabel(style.label("alpha_of_flow" if p.flow else "alpha_of_batches" if p.batch > 1 else "alpha"))
    ax.set_ylabel("rate")
    if rates:
        ax.legend()
    return ax


def _span(schedules: list[Schedule]) -> Array:
    """Alphas from 0 to where these have changed, with those just before and at a jump."""
    last = max([_end(each) for each in schedules], default=1.0)
    breaks = np.array([at for each in schedules for at in each.breaks if at <= last])
    return np.unique(np.concatenate([np.linspace(0, last, _SPAN), breaks, np.nextafter(breaks, 0)]))


def _end(schedule: Any) -> float:
    """Up to which alpha a schedule is drawn."""
    if schedule.kind == "pieces":
        parts = zip(schedule.at_, schedule.value, strict=True)
        return max(at + _end(part) if isinstance(part, Schedule) else _AFTER * at for at, part in parts)
    if 0 < schedule.settled < np.inf:
        return float(_AFTER * schedule.settled)
    return float(_SCALES * schedule.description.get("scale", max(schedule.breaks, default=_UNKNOWN)))


def fixed_point(p: FixedPoint, /, what: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
    """The eigenvalues of a fixed point, or its overlaps; see `FixedPoint.plot`."""
    name = what_of(what, ("spectrum", *_OF_STATE))
    if name != "spectrum":
        return _of_state(p.state, name, ax, options)
    check_axes(ax)
    styled, color = line_options(options)
    (colour,) = colours_of(color, 1)
    ax = axes_or_new(ax)
    values, grows = p.eigenvalues, np.arange(len(p.eigenvalues)) < p.unstable
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.axvline(0, color="0.8", lw=0.8, zorder=0)
    for some, marker, said in ((~grows, "o", "does not grow"), (grows, "^", "grows")):
        own: dict[str, Any] = {
            "linestyle": "none",
            "marker": marker,
            "label": said,
            "color": "C1" if said == "grows" else "C0",
        }
        own |= {} if some is grows else {"markerfacecolor": "none"}
        own |= styled | ({} if colour is None else {"color": colour})
        ax.plot(values.real[some], values.imag[some], **own)
    around_zero(ax.xaxis, float(np.abs(values.real).max()), _LINEAR)
    most = float(np.abs(values.imag).max())
    ax.set_ylim(*((-1.5 * most, 1.5 * most) if most > _LINEAR * _LINEAR else (-_LINEAR, _LINEAR)))
    ax.set_xlabel(r"eigenvalues, Re $\lambda$")
    ax.set_ylabel(r"Im $\lambda$")
    return ax


def plateau(p: Plateau, /, what: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
    """A plateau as a wide line from its start to its end at its height, as on the axes of a trajectory's eps_g."""
    check_axes(ax)
    what_of(what, ("eps_g",))
    styled, color = line_options(options)
    (colour,) = colours_of(color, 1)
    new = ax is None
    ax = axes_or_new(ax)
    end = p.end if np.isfinite(p.end) else max(ax.get_xlim()[1], 2 * p.at) if not new else 2 * max(p.at, p.start, 1.0)
    look: dict[str, Any] = {"linewidth": 5, "alpha": 0.35, "solid_capstyle": "butt"} | styled
    look |= {} if colour is None else {"color": colour}
    ax.plot([p.start, end], [p.height, p.height], **look)
    if new:
        error_axis(ax)
        ax.set_xlabel(style.label("alpha"))
    return ax


def escape_times(
    e: EscapeTimes, /, what: str | None = None, ax: Axes | None = None, *, N: Any = None, **options: Any
) -> Axes:  # fmt: skip
    """The law of the alpha at which runs leave; see `EscapeTimes.plot`.

    With N it is that of runs of N inputs, else that of alpha - ln N / 2 lambda, which does not depend on N.
    """
    check_axes(ax)
    what_of(what, ("law",))
    sample = np.sort(e.offsets if N is None else e.at(number("N", N, 1)))
    styled, color = line_options(options)
    (colour,) = colours_of(color, 1)
    ax = axes_or_new(ax)
    shares = (np.arange(len(sample)) + 0.5) / len(sample)
    ax.plot(sample, shares, **(styled if colour is None else styled | {"color": colour}))
    low, high = spread(*np.percentile(sample, _QUANTILES))
    room = 0.15 * (high - low)
    if len(ax.lines) == 1:
        ax.set_xlim(low - room, high + room)
    ax.set_xlabel(r"$\alpha - \ln N / 2\lambda$" if N is None else r"plateau left at $\alpha$")
    ax.set_ylabel("share of runs that have left")
    return ax
