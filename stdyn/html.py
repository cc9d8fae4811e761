"""How values look in a notebook: small tables of HTML and curves as SVG, in the colours that the page has."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from stdyn.text import printable

POINTS = 60  # of a curve, which are as many as are seen
_WIDTH, _HEIGHT, _EDGE = 220, 56, 3  # of a curve, in pixels
_LOWEST = 1e-15  # an error below this is rounding
_CELL = "padding:1px 10px 1px 0;text-align:left;border:none;vertical-align:top"
_GOOD, _BAD = "#00734f", "#b3261e"  # behind white
_DASHES = ("", "5 3", "1.5 2.5", "7 2 1.5 2")


def card(title: str, *parts: str) -> str:
    """A heading, and what stands below it (HTML); empty parts are left out."""
    below = "".join(part for part in parts if part)
    return f'<div class="stdyn" style="font-size:13px"><div style="font-weight:600">{_safe(title)}</div>{below}</div>'


def verdict(word: str, good: bool) -> str:
    """A word that says how something ended, green with a tick or red with a cross."""
    colour, sign = (_GOOD, "✓") if good else (_BAD, "✗")
    return (
        f'<div style="margin:3px 0"><span style="background:{colour};color:#fff;padding:1px 8px;border-radius:3px">'
        f"{sign} {_safe(word)}</span></div>"
    )


def lines(texts: Sequence[str]) -> str:
    """Texts below each other, smaller than the rest."""
    return "".join(f'<div style="opacity:.65">{_safe(text)}</div>' for text in texts)


def listing(texts: Mapping[str, str]) -> str:
    """A table of names and texts, a line for each."""
    rows = (
        f'<tr><td style="{_CELL};opacity:.65">{_safe(name)}</td><td style="{_CELL}">{_safe(text)}</td></tr>'
        for name, text in texts.items()
    )
    return f'<table style="border-collapse:collapse;border:none">{"".join(rows)}</table>'


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, of which the first row is the heading."""
    head, *body = rows
    lines = ["".join(f'<th style="{_CELL};opacity:.65;font-weight:normal">{_safe(text)}</th>' for text in head)]
    lines += ["".join(f'<td style="{_CELL}">{_safe(text)}</td>' for text in row) for row in body]
    return f'<table style="border-collapse:collapse;border:none"><tr>{"</tr><tr>".join(lines)}</tr></table>'


def sparkline(x: Sequence[float], curves: Sequence[Sequence[float]], said: str, logarithmic: bool = True) -> str:
    """Curves over x without axes, as SVG; `said` in words for who cannot see it. Nothing if there is nothing to draw.

    Curves are told apart by their dashes. With `logarithmic` both axes are, and x = 0 is left out.
    """
    points = [_points(x, y, logarithmic) for y in curves]
    every = [point for curve in points for point in curve]
    if len(every) < 2:
        return ""
    (left, right), (low, high) = ((min(each), max(each)) for each in zip(*every, strict=True))
    lines = []
    for n, curve in enumerate(points):
        at = " ".join(
            f"{_EDGE + (_WIDTH - 2 * _EDGE) * _share(a, left, right):.1f},"
            f"{_EDGE + (_HEIGHT - 2 * _EDGE) * (1 - _share(b, low, high)):.1f}"
            for a, b in curve
        )
        dash = f' stroke-dasharray="{_DASHES[n % len(_DASHES)]}"' if n % len(_DASHES) else ""
        lines.append(f'<polyline points="{at}" fill="none" stroke="currentColor" stroke-width="1.4"{dash}/>')
    return (
        f'<svg role="img" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"<title>{_safe(said)}</title>{''.join(lines)}</svg>"
        f'<div style="opacity:.65">{_safe(said)}</div>'
    )


def heat_map(values: Sequence[Sequence[float]], said: str, largest: float = 1.0) -> str:
    """A small map of numbers from -largest (blue) to largest (orange), as SVG; each cell says its number."""
    side = max(4, min(16, 160 // max(1, *(len(row) for row in values), len(values))))
    cells = []
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            colour = "#0072B2" if value < 0 else "#D55E00"
            strength = min(1.0, abs(value) / largest) if largest and math.isfinite(value) else 0.0
            cells.append(
                f'<rect x="{j * side}" y="{i * side}" width="{side}" height="{side}" fill="{colour}"'
                f' fill-opacity="{strength:.3f}" stroke="currentColor" stroke-opacity=".25">'
                f"<title>[{i}, {j}] {value:.4g}</title></rect>"
            )
    width, height = side * max(len(row) for row in values), side * len(values)
    return (
        f'<svg role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">{"".join(cells)}</svg>'
        f'<div style="opacity:.65">{_safe(said)}</div>'
    )


def _safe(text: str) -> str:
    return escape(printable(text))


def _points(x: Sequence[float], y: Sequence[float], logarithmic: bool) -> list[tuple[float, float]]:
    """Where a curve goes; without what no number is known of."""
    found = []
    for a, b in zip(x, y, strict=True):
        if (logarithmic and a <= 0) or not (math.isfinite(a) and math.isfinite(b)):
            continue
        found.append((math.log(a), math.log(max(b, _LOWEST))) if logarithmic else (a, b))
    return found


def _share(value: float, low: float, high: float) -> float:
    """Where it is between the two, from 0 to 1."""
    return 0.5 if high <= low else (value - low) / (high - low)
