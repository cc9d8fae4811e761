"""stdyn plot"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stdyn.command.choices import of_scan
from stdyn.command.group import cli
from stdyn.command.options import FILE, figure_options, force_figures_option
from stdyn.command.output import Figures, check_makeable, plain
from stdyn.errors import InputError
from stdyn.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stdyn.command.output import Drawing


@cli.command("plot", short_help="Draw the figures of saved files.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "--name", help="What the names of the figures begin with.  [stdyn; of a scan or a training the name of its file]"
)
@click.option("--value", help="Of a scan: what its map shows.  [plateau_length]", shell_complete=of_scan)
@click.option("--x", help="Of a scan: the quantity across.  [the first that varies]", shell_complete=of_scan)
@click.option("--y", help="Of a scan: the quantity upwards.  [the second that varies]", shell_complete=of_scan)
@figure_options
@force_figures_option
def plot_command(files: tuple[Path, ...], name: str | None, figures: Figures, force: bool, **axes: str | None) -> None:
    """Draw the figures of saved trajectories, of a scan, or of a training.

    Simulation and theory of the same problem are laid on each other, in the bands of its fluctuations if the file that
    stdyn compare writes of them is given too. Problems with different numbers of outputs are drawn side by side on one
    page. Of a scan: a map of a number of its summary over two varied quantities, histograms, FA against BP of the same
    starts, and some of its trajectories. Of a training (stdyn mnist): its errors and angles; with trajectories, the
    alignment of both on one page.
    """
    from stdyn.files.format import READERS
    from stdyn.files.store import kind

    name = None if name is None else plain(name)
    check_makeable(figures.folder)
    kinds = {file: kind(file) for file in files}
    of = {each: [file for file in files if kinds[file] == each] for each in READERS}
    given = {option: value for option, value in axes.items() if value is not None}
    if given and not of["scan"]:
        options = ", ".join(f"--{option} {shown(value)}" for option, value in given.items())
        raise InputError(f"{options}: options for scans, but {files[0]} holds a {kinds[files[0]]}")
    for each in ("scan", "training"):
        others = [file for file in files if kinds[file] != "trajectory" or each == "scan"]
        if of[each] and len(others) > 1:
            raise InputError(f"{of[each][0]} holds a {each}, which is drawn alone, but {len(others)} files are given")
    if of["scan"]:
        drawn = _of_scan(files[0], given)
    elif of["training"]:
        drawn = _of_training(of["training"][0], of["trajectory"])
    else:
        drawn = _of_trajectories(of["trajectory"], of["fluctuations"])
    usual = "stdyn" if of["trajectory"] or of["fluctuations"] else files[0].stem
    figures.check(name or usual, drawn, force)
    figures.save(drawn, name or usual, force)


def _of_scan(file: Path, given: dict[str, str]) -> "Mapping[str, Drawing]":
    from stdyn.figures import scanplot
    from stdyn.figures.scanpoints import by_rule, done, numbers
    from stdyn.scans.scanfile import open_scan

    scan = open_scan(file)
    for option, value in given.items():
        numbers(scan, value, f"--{option}")
        try:
            by_rule(scan, *([value] if done(scan).any() else []))
        except InputError as error:
            raise InputError(f"--{option}: {error}") from None
    if "y" in given and "x" not in given:
        raise InputError(f"--y {shown(given['y'])} is the second axis of a map, and needs --x, the first")
    return scanplot.figures(scan, **given)


def _of_training(file: Path, trajectories: list[Path]) -> "Mapping[str, Drawing]":
    """Its figures; if there are trajectories, the alignment of both on one page instead."""
    from stdyn.figures import layerplot
    from stdyn.layered.trainingfile import open_training
    from stdyn.model.trajectory import load

    histories = open_training(file).histories
    if not histories:
        raise InputError(f"{file} holds no network that has begun, there is nothing to draw")
    if trajectories:
        return {"alignments": layerplot.alignment_page([load(each) for each in trajectories], histories)}
    return layerplot.figures(histories)


def _of_trajectories(trajectories: list[Path], fluctuations: list[Path]) -> "Mapping[str, Drawing]":
    from stdyn.figures import outputplot, theoryplot
    from stdyn.model.trajectory import load
    from stdyn.theory.fluctuations import load_fluctuations

    solved = [load(file) for file in trajectories]
    predictions = [load_fluctuations(file) for file in fluctuations]
    drawn = outputplot.figures(solved) if solved else {}
    return drawn | theoryplot.fluctuations_figures(predictions, solved)
