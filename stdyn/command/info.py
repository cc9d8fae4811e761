"""stdyn info"""

from pathlib import Path

import click

from stdyn.command.group import cli
from stdyn.command.options import FILE


@cli.command("info")
@click.argument("file", type=FILE)
def info_command(file: Path) -> None:
    """Say what is in a saved file."""
    from stdyn.files.store import kind

    there = kind(file)
    if there == "scan":
        from stdyn.scans.scanfile import open_scan

        click.echo(open_scan(file).text())
    elif there == "training":
        from stdyn.layered.trainingfile import open_training

        click.echo(open_training(file).text())
    elif there == "fluctuations":
        from stdyn.theory.fluctuations import load_fluctuations

        found = load_fluctuations(file)
        click.echo(f"{found}\n{found.theory.summary()}")
    else:
        from stdyn.model.trajectory import load

        click.echo(load(file).summary())
