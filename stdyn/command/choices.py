"""What the shell completes: words of which there are few, files, folders, names of quantities."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from stdyn.errors import InputError
from stdyn.settings import nearest
from stdyn.text import shown

Completing = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class Choice(click.Choice):
    """One of a few words. What is taken `also` is not offered: another name of one, or what has a better answer."""

    def __init__(self, offered: Iterable[str], also: Iterable[str] = ()) -> None:
        super().__init__(list(offered))
        self.also = tuple(also)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in (*self.choices, *self.also):
            return value
        name = "value" if param is None else max(param.opts, key=len).lstrip("-").replace("-", "_")
        near = nearest(value, self.choices)
        said = f"{name} must be one of {', '.join(self.choices)}, but is {shown(value)}"
        raise InputError(f"{said}; {near}" if near else said)


class NameOrFile(Choice):
    """A word, or `file.py:name`; what else is given is refused where it is looked up."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return super().shell_complete(ctx, param, incomplete) or [CompletionItem(incomplete, type="file")]


def offering(*words: str, folders: bool = False) -> Completing:
    """What completes these words, and where there is none the names of folders, if they are wanted."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="dir")] * folders

    return complete


def varying(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of what may vary."""
    from stdyn.scans.names import NUMBERS, TEXTS

    return offering(*NUMBERS, *TEXTS)(ctx, param, incomplete)


def of_scan(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What there is as a number in the scan that is to be drawn; if none is named yet, what is in every one."""
    from stdyn.analysis.summary import SUMMARY
    from stdyn.scans.scanfile import open_scan

    names = list(SUMMARY)
    for file in (*(ctx.params.get("files") or ()), *ctx.args):  # in the latter where an option has no value yet
        try:
            scan = open_scan(Path(file))
        except (InputError, OSError):  # which the command itself says
            continue
        names = [each for each, values in scan.coordinates.items() if values.dtype.kind in "iuf"] + list(scan.summary)
    return offering(*names)(ctx, param, incomplete)
