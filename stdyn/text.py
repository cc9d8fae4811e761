"""Tables and lists of texts, and how texts of others, of a file, get to a terminal."""

from collections.abc import Mapping, Sequence
from reprlib import Repr

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlist = _REPR.maxdict = 6
_LONGEST = 2000  # characters of a text that are printed


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts as a table, in columns aligned on the right."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)


def listing(texts: Mapping[str, str]) -> str:
    """A line for every text, its name before it."""
    return "\n".join(f"{printable(name):<16} {printable(text)}" for name, text in texts.items())


def printable(text: str) -> str:
    r"""The text in one line that no terminal takes for a command: ESC is written as \x1b, a new line as \n.

    So is whatever else has no glyph of its own, such as marks that turn the direction of writing.
    """
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def shown(value: object) -> str:
    """A value in an error message: short, in one line."""
    return printable(_REPR.repr(value))


def without_markup(text: str) -> str:
    """A text in a figure, where a dollar would begin a formula."""
    return printable(text).replace("$", r"\$")
