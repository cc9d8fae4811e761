"""Ticks of axes whose labels leave room between them, and are all written in one way."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axis import Axis, XAxis
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import AutoLocator, Formatter, LogLocator, MaxNLocator

from stdyn.checks import Array

_DECADES = 2.0  # an axis of at least so many has a tick a decade
_ONE_OF_THEM = 0.8  # and of at least so many has 1, 2 and 5
_STEPS = (1, 2, 2.5, 5, 10)
_BETWEEN = 0.4  # the least room between two labels, of the size of the letters
_HIGH = 1.2  # and the height of a label
_READ = 0.05  # of the distance between two ticks: so near is what is read to where they are
_FEWEST = 2  # ticks that an axis should have


def legible(axis: object, ticks: Sequence[float]) -> bool:
    """Whether the labels of these ticks do not touch each other."""
    ax = axis.axes if isinstance(axis, Axis) else None
    if not isinstance(axis, Axis) or ax is None:
        return True  # of no axis yet
    low, high = sorted(axis.get_view_interval())
    there = _seen(axis, ticks)
    if len(there) < _FEWEST:
        return True
    size = float(axis.get_major_ticks(1)[0].label1.get_fontsize())
    length, wide, between = ax.bbox.height, np.full(len(there), _HIGH * size), 0.0
    if isinstance(axis, XAxis):
        words = axis.get_major_formatter().format_ticks(there.tolist())
        length, wide, between = ax.bbox.width, np.array([_width(text, size) for text in words]), _BETWEEN * size
    scale = axis.get_transform()
    first, last = scale.transform(np.array([low, high]))
    at = (scale.transform(there) - first) / (last - first) * length / ax.figure.dpi * 72
    return bool((np.diff(at) - (wide[1:] + wide[:-1]) / 2 >= between).all())


def thinned(axis: object, ticks: Sequence[float]) -> Sequence[float]:
    """As many of these ticks, evenly spaced, as have labels that do not touch each other."""
    there = _seen(axis, ticks)
    each = (there[::step].tolist() for step in range(2, len(there) + 1))
    return ticks if legible(axis, ticks) else next((some for some in each if legible(axis, some)), there[:1].tolist())


def _seen(axis: object, ticks: Sequence[float]) -> Array:
    """Those within the limits."""
    if not isinstance(axis, Axis):
        return np.asarray(ticks)
    low, high = sorted(axis.get_view_interval())
    return np.array([tick for tick in ticks if low <= tick <= high])


def _width(text: str, size: float) -> float:
    """The width of a label, in points."""
    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), "$" in text)[0])


class Ticks(MaxNLocator):
    """Evenly spaced ticks, by default those of matplotlib; fewer where their labels would touch each other."""

    def __init__(self, nbins: int | Literal["auto"] = "auto", **options: Any) -> None:
        super().__init__(nbins, **{"steps": _STEPS, **options})
        self._given = nbins

    def tick_values(self, vmin: float, vmax: float) -> Any:
        self.set_params(nbins=self._given)
        ticks = super().tick_values(vmin, vmax)
        most = len(ticks) - 1
        while most > 1 and not legible(self.axis, ticks):
            most = min(most, len(ticks)) - 1
            self.set_params(nbins=most)
            ticks = super().tick_values(vmin, vmax)
        self.set_params(nbins=self._given)
        return thinned(self.axis, ticks)


class LogTicks(LogLocator):
    """Ticks at decades, at 1, 2 and 5 if there are few decades, and evenly spaced if there is not even one.

    Fewer where their labels would touch each other.
    """

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        low, high = sorted((vmin, vmax))
        decades = np.log10(high / low) if low > 0 else _DECADES
        if decades < _ONE_OF_THEM:
            return self._thinned([self._even(low, high, most) for most in (5, 4, 3, 2, 1)])
        choices = [(1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)] if decades < _DECADES else [(1.0,)]
        return self._thinned([self._at(subs, vmin, vmax) for subs in choices])

    def _even(self, low: float, high: float, most: int) -> Sequence[float]:
        return [tick for tick in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high) if tick > 0]

    def _at(self, subs: tuple[float, ...], vmin: float, vmax: float) -> Sequence[float]:
        self.set_params(subs=subs)
        return list(super().tick_values(vmin, vmax))

    def _thinned(self, choices: Sequence[Sequence[float]]) -> Sequence[float]:
        """The first of these whose labels do not touch each other, else some of the first."""
        fit = (ticks for ticks in choices if legible(self.axis, ticks) and len(_seen(self.axis, ticks)))
        return next(fit, thinned(self.axis, choices[0]))

    def nonsingular(self, vmin: float, vmax: float) -> tuple[float, float]:
        """Limits that can be used, also without data or if all are one number or none is positive."""
        if not (np.isfinite([vmin, vmax]).all() and max(vmin, vmax) > 0):
            return 0.1, 10.0
        low, high = sorted((vmin, vmax))
        if low <= 0 and self.axis is not None:
            low = min(self.axis.get_minpos(), high)
        return (low, high) if high > low * (1 + 1e-6) else (low / 1.5, high * 1.5)


class LogWords(Formatter):
    """All ticks of an axis as plain numbers, or all as powers of ten, with as many digits as tell them apart."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        ticks = np.asarray(values, dtype=float)
        powers = np.floor(np.log10(ticks) + 1e-9).astype(int)
        factors = ticks / 10.0**powers
        within = np.full(len(ticks), _READ * np.abs(np.diff(ticks)).min(initial=np.inf))
        if len(ticks) > 1 and np.allclose(factors, 1):
            return [rf"$\mathdefault{{10^{{{power}}}}}$" for power in powers]
        if ticks.min(initial=1) >= 1e-3 and ticks.max(initial=1) < 1e5:
            return _told_apart(ticks, 6, within)
        return [
            rf"$\mathdefault{{{factor} \times 10^{{{power}}}}}$"
            for factor, power in zip(_told_apart(factors, 4, within / 10.0**powers), powers, strict=True)
        ]


def _told_apart(numbers: Array, least: int, within: Array) -> list[str]:
    """Numbers as texts with so many digits, or more where they are not that near to what is read."""
    texts: list[str] = []
    for digits in range(least, 16):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if (np.abs(np.array(texts, dtype=float) - numbers) <= within).all():
            break
    return texts


def spaced(axis: Axis) -> None:
    """Let an axis with the ticks of matplotlib have those that leave room between their labels."""
    if type(axis.get_major_locator()) is AutoLocator:
        axis.set_major_locator(Ticks())
