"""stdyn explore"""

import asyncio
import webbrowser
from pathlib import Path

import click

from stdyn.command.group import cli
from stdyn.command.options import FILE
from stdyn.errors import InputError


@cli.command("explore")
@click.argument("what", type=FILE, required=False, metavar="[CONFIG.toml | SCAN.h5]")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="Of the page; 0 is any that is free.  [8765]")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [--browser]")
def explore_command(what: Path | None, port: int, browser: bool) -> None:
    """Move parameters by hand: theory, runs and maps on a page of this machine.

    Ctrl-C ends it. What is set stands in the page's address.
    """
    try:
        from stdyn.explorer.server import serve
    except ImportError as error:
        raise ImportError(f"stdyn explore needs tornado: pip install 'stdyn[explore]' ({error})") from None
    from stdyn.explorer.source import Source

    source = Source.of(None) if what is None else Source.read(what)

    def ready(address: str) -> None:
        click.echo(f"{address}\nCtrl-C ends it.")
        if browser:
            webbrowser.open(address)

    try:
        asyncio.run(serve(source, port, ready))
    except OSError as error:
        raise InputError(f"port must be one that is free, but {port} cannot be used: {error.strerror}") from None
