"""Tables and lists of texts, and how texts of others, of a file, get to a terminal."""

from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any

_LONGEST = 2000  # characters of a text that are printed
_LINE = 480  # of a message


class _Short(Repr):
    """Of values: the beginning and the end."""

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:  # Python writes no more than 4300 digits
            return f"an integer of {x.bit_length()} bits"
        return super().repr_int(x, level)

    def repr_instance(self, x: object, level: int) -> str:
        try:
            if type(x).__module__ == "numpy" and getattr(x, "ndim", 1) == 0 and not hasattr(x, "mask"):
                item = x.item()  # type: ignore[attr-defined]
                return str(x) if type(item) is type(x) else self.repr1(item, level)
            text = " ".join(repr(x).split())
        except Exception:  # of others' code
            return f"a {type(x).__name__} that cannot be shown"
        half = self.maxother // 2 - 2
        return text if len(text) <= self.maxother else f"{text[:half]}...{text[-half:]}"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 6


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts as a table, in columns aligned on the right."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)


def listing(texts: Mapping[str, str]) -> str:
    """A line for every text, its name before it."""
    return "\n".join(f"{printable(name):<16} {printable(text)}" for name, text in texts.items())


def counted(number: int, noun: str) -> str:
    """So many of them: 1 run, 2 runs."""
    return f"{number} {noun}{'s' * (number != 1)}"


def printable(text: str) -> str:
    r"""The text in one line that no terminal takes for a command: ESC is written as \x1b, a new line as \n.

    So is whatever else has no glyph of its own, such as marks that turn the direction of writing.
    """
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def shown(value: Any) -> str:
    """A value in an error message: short, in one line."""
    return message(_SHORT.repr(value), 200)


def message(text: str, longest: int = _LINE) -> str:
    """A text in one short line, without what is in the middle of a longer one."""
    half = longest // 2 - 1
    text = printable(text if len(text) <= longest else f"{text[:half]} … {text[-half:]}")  # which may make it longer
    return text if len(text) <= longest else f"{text[:half]} … {text[-half + 1 :]}"


def without_markup(text: str) -> str:
    """A text in a figure, where a dollar would begin a formula."""
    return printable(text).replace("$", r"\$")
