"""stdyn explore"""

import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from stdyn.command.group import cli
from stdyn.command.options import FILE
from stdyn.command.output import Stopped
from stdyn.errors import InputError

if TYPE_CHECKING:
    from stdyn.explorer.source import Source


_LINK = ("#", "http://", "https://")  # what a link, or what stands in one behind the #, begins with


class _FileOrLink(click.ParamType):
    """The name of a file, or a link to a page."""

    name = "file or link"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, str) and value.startswith(_LINK) else FILE.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return FILE.shell_complete(ctx, param, incomplete)


@cli.command("explore", short_help="Move parameters by hand, on a page of this machine.")
@click.argument("what", type=_FileOrLink(), required=False, metavar="[CONFIG.toml | FILE.h5 | LINK]")
@click.option(
    "--port", type=int, help="Where the page is served; 0 is any port that is free.  [8765, or the next that is free]"
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [--browser]")
def explore_command(what: Path | str | None, port: int | None, browser: bool) -> None:
    """Move parameters by hand: theory, runs and maps on a page that this machine serves to itself only.

    It begins with the parameters of CONFIG.toml, of a saved trajectory, or of a link that the page has made; a saved
    scan is opened as a map. What is set stands in the page's address. Ctrl-C ends it.

    \b
    stdyn explore
    stdyn explore examples/soft_committee.toml
    stdyn explore data/scan.h5 --no-browser
    stdyn explore '#K=2&M=2&eta=0.3'
    """
    if find_spec("tornado") is None:
        raise ImportError("stdyn explore needs tornado, which pip install 'stdyn[explore]' brings")
    if port is not None and not 0 <= port < 2**16:
        raise InputError(f"port must be at least 0 and at most {2**16 - 1}, but is {port}")
    source, said = _source(what)
    from stdyn.command.serving import served

    number = served(source, port, said, browser)
    with suppress(KeyboardInterrupt):  # it has ended; the exit code is that of the signal
        signal.raise_signal(number)
    raise Stopped("the explorer has ended")


def _source(what: Path | str | None) -> "tuple[Source, str]":
    """What a page begins with, and what its address says behind the #."""
    from stdyn.explorer.source import Source

    if what is None:
        return Source(), ""
    if isinstance(what, Path):
        return Source.read(what), ""
    return Source.of_link(what), what.partition("#")[2]
