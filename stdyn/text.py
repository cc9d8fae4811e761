"""Tables and lists of texts."""

from collections.abc import Mapping, Sequence


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts as a table, in columns aligned on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)


def listing(texts: Mapping[str, str]) -> str:
    """A line for every text, its name before it."""
    return "\n".join(f"{name:<16} {text}" for name, text in texts.items())
