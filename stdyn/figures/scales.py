"""Axes: their ticks and limits. What is only rounding is not blown up, and ticks of an axis are written in one way."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, LogLocator, MaxNLocator, NullFormatter

from stdyn.checks import Array
from stdyn.figures.style import label

ROUNDING = 1e-15  # a generalization error below this is rounding: it is a difference of numbers of order 1
_FLAT = 1e-12  # and so is a range, of numbers of order 1
_DECADES = 2.0  # an axis of at least so many has a tick a decade
_ONE_OF_THEM = 0.8  # and of at least so many has 1, 2 and 5


# ---------------------------------------------------------------------------------------------------------------------
# Logarithmic axes


class LogTicks(LogLocator):
    """Ticks at decades, at 1, 2 and 5 if there are few decades, and evenly spaced if there is not even one."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        low, high = sorted((vmin, vmax))
        if not low > 0 or np.log10(high / low) >= _DECADES:
            self.set_params(subs=(1.0,))
        elif np.log10(high / low) >= _ONE_OF_THEM:
            self.set_params(subs=(1.0, 2.0, 5.0))
        else:
            return [tick for tick in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if tick > 0]
        return super().tick_values(vmin, vmax)

    def nonsingular(self, vmin: float, vmax: float) -> tuple[float, float]:
        """Limits that can be used, also without data or if all are one number or none is positive."""
        if not (np.isfinite([vmin, vmax]).all() and max(vmin, vmax) > 0):
            return 0.1, 10.0
        low, high = sorted((vmin, vmax))
        if low <= 0 and self.axis is not None:
            low = min(self.axis.get_minpos(), high)
        return (low, high) if high > low * (1 + 1e-6) else (low / 1.5, high * 1.5)


class LogWords(Formatter):
    """All ticks of an axis as plain numbers, or all as powers of ten."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        ticks = np.asarray(values, dtype=float)
        powers = np.floor(np.log10(ticks) + 1e-9).astype(int)
        factors = ticks / 10.0**powers
        if len(ticks) > 1 and np.allclose(factors, 1):
            return [rf"$\mathdefault{{10^{{{power}}}}}$" for power in powers]
        if ticks.min(initial=1) >= 1e-3 and ticks.max(initial=1) < 1e5:
            return [f"{tick:g}" for tick in ticks]
        return [
            rf"$\mathdefault{{{factor:.4g} \times 10^{{{power}}}}}$"
            for factor, power in zip(factors, powers, strict=True)
        ]


def logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic, with ticks that are all written in one way."""
    ax = axis.axes
    assert isinstance(ax, Axes)
    across = axis is ax.xaxis
    limits_follow = (ax.get_autoscalex_on if across else ax.get_autoscaley_on)()
    follow = ax.set_autoscalex_on if across else ax.set_autoscaley_on
    follow(False)  # until it has the ticks that can do with whatever is drawn
    (ax.set_xscale if across else ax.set_yscale)("log")
    axis.set_major_locator(LogTicks())
    axis.set_major_formatter(LogWords())
    axis.set_minor_formatter(NullFormatter())
    follow(limits_follow)
    if np.isfinite(axis.get_data_interval()).all():
        ax.autoscale_view(scalex=across, scaley=not across)
    else:
        (ax.set_xlim if across else ax.set_ylim)(0.1, 10.0, auto=limits_follow)


def time_axis(ax: Axes, alphas: Array) -> None:
    """Label and scale of the axis of alpha."""
    if wide(alphas):
        logarithmic(ax.xaxis)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel(label("alpha"))


def size_axis(ax: Axes) -> None:
    """Label and scale of the axis of N."""
    logarithmic(ax.xaxis)
    ax.set_xlabel("input dimension $N$")


def error_axis(ax: Axes) -> None:
    """Label and scale of the axis of eps_g."""
    logarithmic(ax.yaxis)
    ax.set_ylabel(label("eps_g"))


def wide(alphas: Array) -> bool:
    """Whether these alphas want a logarithmic axis: they span more than two decades."""
    there = alphas[alphas > 0]
    return len(there) > 1 and there[-1] > 100 * there[0]


def skewed(values: Array) -> bool:
    """Whether these values want a logarithmic axis: positive but for a few, over more than a factor 10, and skewed."""
    there = values[np.isfinite(values)]
    low = float(np.quantile(there, 0.02)) if there.size else 0.0
    if not (low > 0 and there.max() > 10 * low):
        return False
    middle, high = np.median(there), there.max()
    return bool(abs(np.log(middle / np.sqrt(low * high))) < abs(np.log(2 * middle / (low + high))))


def positive(values: Array) -> Array:
    """The values with those that are not positive left out, for a logarithmic axis."""
    return np.where(values > 0, values, np.nan)


# ---------------------------------------------------------------------------------------------------------------------
# Limits


def floored(axes: Iterable[Axes], floor: float = ROUNDING) -> None:
    """Let logarithmic axes of an error end at what is rounding, and say so if all of it is."""
    for ax in axes:
        low, high = sorted(ax.get_ylim())
        if not np.isfinite(ax.dataLim.intervaly).all():
            ax.text(0.5, 0.1, "nothing above 0", transform=ax.transAxes, ha="center", fontsize=8)
        elif high <= 10 * floor:
            ax.set_ylim(floor, 1.0)
            ax.text(0.5, 0.1, rf"below {floor:g}: rounding", transform=ax.transAxes, ha="center", fontsize=8)
        elif low < floor:
            ax.set_ylim(bottom=floor)


def quiet(ax: Axes) -> None:
    """Do not blow up a linear axis to a range of numbers that differ by rounding only."""
    for axis, limits in ((ax.xaxis, ax.set_xlim), (ax.yaxis, ax.set_ylim)):
        if axis.get_scale() != "linear" or not (ax.get_autoscalex_on() if axis is ax.xaxis else ax.get_autoscaley_on()):
            continue
        low, high = axis.get_data_interval()
        if np.isfinite([low, high]).all() and spread(low, high) != (low, high):
            limits(*spread(low, high))


def spread(low: float, high: float) -> tuple[float, float]:
    """A range of numbers, made wider if these differ by rounding only."""
    size = max(1.0, abs(low), abs(high))
    if high - low > _FLAT * size:
        return low, high
    return (low + high) / 2 - 0.1 * size, (low + high) / 2 + 0.1 * size


def integers(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))


def cosine_limits(*axes: Axes) -> None:
    """Limits of one axis, or of several that share theirs, of cosines: all that is drawn, up to 1."""
    there = [ax.dataLim.intervaly for ax in axes if np.isfinite(ax.dataLim.intervaly).all()]
    low, high = (min((ends[0] for ends in there), default=0.0), max((ends[1] for ends in there), default=1.0))
    bottom = low - 0.05 if low >= -0.1 else min(-1.05, low - 0.05)
    axes[0].set_ylim(min(bottom, -0.05), max(1.05, high + 0.02))


# ---------------------------------------------------------------------------------------------------------------------
# Behind the curves


def band(ax: Axes, x: Array, low: Array, high: Array, colour: str, label: str | None = None) -> None:
    """A shaded band."""
    ax.fill_between(x, low, high, color=colour, alpha=0.22, lw=0, zorder=0.5, label=label)


def level(ax: Axes, height: float) -> None:
    """A thin grey line across, behind the curves."""
    ax.axhline(height, color="0.7", lw=0.8, zorder=0)


# ---------------------------------------------------------------------------------------------------------------------
# Over runs


def mean_and_spread(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over the first axis of what is finite; NaN where nothing is."""
    there = np.isfinite(values)
    count = np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    mean = np.where(there, values, 0).sum(axis=0) / count
    return mean, np.sqrt(np.where(there, (values - mean) ** 2, 0).sum(axis=0) / count)


def percentiles(values: Array, which: Sequence[float]) -> Array:
    """Percentiles over the first axis of what is finite, shape (len(which), …); NaN where nothing is."""
    values = np.where(np.isfinite(values), values, np.nan)
    found = np.full((len(which), *values.shape[1:]), np.nan)
    there = ~np.isnan(values).all(axis=0)
    found[:, there] = np.nanpercentile(values[:, there], which, axis=0)
    return found
