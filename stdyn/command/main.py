"""The entry point of the `stdyn` command: its subcommands, and what becomes of errors, warnings and signals.

Heavy modules are imported inside the commands, so that --help answers at once.
"""

import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click

from stdyn.command import compare, explore, info, integrate, mnist, plot, scan, simulate, sizes, theory  # noqa: F401  join cli
from stdyn.command.group import cli
from stdyn.command.output import STOPPED_BY, Stopped, interrupted
from stdyn.command.streams import Tolerant
from stdyn.errors import WARNINGS, InputError
from stdyn.stopping import Signals, stoppable
from stdyn.text import message as one_line


def main() -> None:
    """Run the command; exit with 0, with 2 for bad input (one line on stderr), or with 1 for anything else.

    Stopped by a signal it exits with 128 + its number, as shells say it: 130 for Ctrl-C, 143 for SIGTERM, 129 for
    SIGHUP. Output that nobody takes, as the terminal is closed, does not stop it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started the command
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (for as long as the process lives)
    warnings.showwarning = _say_warning
    for category in WARNINGS:  # made exceptions by the user, they would be no words
        warnings.filterwarnings("default", category=category)
    for stream in (sys.stdout, sys.stderr):  # what is not in their encoding is written as it is in Python
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    out, err = Tolerant(sys.stdout), Tolerant(sys.stderr)
    with stoppable() as signals, redirect_stdout(out), redirect_stderr(err), _destructors_in_silence(signals):
        try:
            code = _run(signals)
        except KeyboardInterrupt:  # a second one, as the first was said
            code = STOPPED_BY + (signals.first or signal.SIGINT)
        if out.failed and not code:
            code = 1
            if not out.closed_by_reader:
                click.echo(f"stdyn: what is printed could not be written: {out.failed.strerror}", err=True)
    if code:
        sys.exit(code)


@contextmanager
def _destructors_in_silence(signals: Signals) -> Iterator[None]:
    """After a signal nothing is printed of what else fails while objects are taken down: it came in the middle.

    Cython, in which h5py is written, hands such an error to both hooks. What ends the program comes after this.
    """
    before, of_cython = sys.unraisablehook, sys.excepthook

    def say(failed: Any) -> None:
        if signals.first is None or issubclass(failed.exc_type, KeyboardInterrupt):
            before(failed)

    def print_it(*failed: Any) -> None:
        if signals.first is None:
            of_cython(*failed)

    sys.unraisablehook, sys.excepthook = say, print_it
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = before, of_cython


def _run(signals: Signals) -> int:
    """Run the command; its exit code."""
    files: list[Path] = []
    try:
        cli.main(prog_name="stdyn", standalone_mode=False, obj=files)
    except (InputError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"stdyn: error: {one_line(text)}", err=True)
        return 2
    except (Stopped, OSError, MemoryError, ImportError) as error:
        click.echo(f"stdyn: {one_line(str(error) or 'out of memory')}", err=True)
        return 1 if signals.first is None else STOPPED_BY + signals.first
    except (KeyboardInterrupt, click.Abort):
        click.echo(f"stdyn: {interrupted(files)}", err=True)
        return STOPPED_BY + (signals.first or signal.SIGINT)
    except Exception:
        if signals.first is None:
            raise
        click.echo(f"stdyn: {interrupted(files)}", err=True)  # which what was interrupted has made another exception of
        return STOPPED_BY + signals.first
    return 0


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"stdyn: warning: {one_line(str(message))}", err=True)
