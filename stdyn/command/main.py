"""The entry point of the `stdyn` command: its subcommands, and what becomes of errors and warnings.

Heavy modules are imported inside the commands, so that --help answers at once.
"""

import sys
import warnings

import click

from stdyn.command import compare, info, integrate, mnist, plot, scan, simulate, sizes, theory  # noqa: F401  join cli
from stdyn.command.group import cli
from stdyn.command.solving import Stopped
from stdyn.errors import InputError
from stdyn.text import printable


def main() -> None:
    """Run the command; exit with 0, with 2 for bad input (one line on stderr) or with 1 for anything else."""
    warnings.showwarning = _say_warning
    try:
        cli.main(prog_name="stdyn", standalone_mode=False)
    except (InputError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"stdyn: error: {printable(text)}", err=True)
        sys.exit(2)
    except (Stopped, OSError, MemoryError, ImportError) as error:
        click.echo(f"stdyn: {printable(str(error))}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stdyn: interrupted", err=True)
        sys.exit(1)


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"stdyn: warning: {printable(str(message))}", err=True)
