"""The entry point of the `stdyn` command: its subcommands, and what becomes of errors and warnings.

Heavy modules are imported inside the commands, so that --help answers at once.
"""

import io
import sys
import warnings

import click

from stdyn.command import compare, info, integrate, mnist, plot, scan, simulate, sizes, theory  # noqa: F401  join cli
from stdyn.command.group import cli
from stdyn.command.solving import Stopped
from stdyn.errors import InputError
from stdyn.text import message as one_line


def main() -> None:
    """Run the command; exit with 0, with 2 for bad input (one line on stderr) or with 1 for anything else."""
    warnings.showwarning = _say_warning
    for stream in (sys.stdout, sys.stderr):  # what is not in their encoding is written as it is in Python
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli.main(prog_name="stdyn", standalone_mode=False)
    except (InputError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"stdyn: error: {one_line(text)}", err=True)
        sys.exit(2)
    except (Stopped, OSError, MemoryError) as error:
        click.echo(f"stdyn: {one_line(str(error))}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stdyn: interrupted", err=True)
        sys.exit(1)


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"stdyn: warning: {one_line(str(message))}", err=True)
