"""stdyn mnist"""

from pathlib import Path

import click

from stdyn.command.group import ManyValues, cli
from stdyn.command.options import (
    FOLDER,
    experiment_options,
    figure_options,
    force_anew_option,
    output_option,
    workers_option,
    write_config_option,
)
from stdyn.command.output import Figures, Stopped, Target, check_resumable, draw_figures, note, resumable
from stdyn.command.workers import worker_processes
from stdyn.errors import TrainingInterrupted, TrainingStopped
from stdyn.layered.training import Training
from stdyn.progress import interactive
from stdyn.settings import to_toml


@cli.command("mnist", cls=ManyValues)
@experiment_options(of=Training)
@click.option("--data", type=FOLDER, help="Folder of MNIST's four IDX files.  [$STDYN_MNIST, or else fetched once]")
@click.option("--other-data", is_flag=True, help="Take a data set of MNIST's size that is not MNIST.")
@workers_option
@output_option("data/mnist_WIDTHS.h5")
@figure_options
@write_config_option("training")
@force_anew_option
def mnist_command(
    training: Training, data: Path | None, other_data: bool, workers: int | None, output: Path | None,
    figures: Figures, write_config: Path | None, force: bool,
) -> None:  # fmt: skip
    """Train layered networks on MNIST by BP, FA and DFA.

    A network for every rule and every seed, into one file, with a table of the errors and figures. Networks of the
    same seed start from the same weights, whatever their rule.

    \b
    stdyn mnist                                            784-200-80-10, FA and BP, three seeds each
    stdyn mnist --widths 1000 --rule fa --epochs 20
    stdyn mnist --widths 200 200 100 --rule dfa fa bp --epochs 20 --seeds 1 2 3 4 5

    The same command again goes on where it stopped, whatever stopped it; further rules, seeds and epochs are added to
    what is there.
    """
    if write_config:
        Target.at(write_config, force).save_text(to_toml(training))
        return
    from stdyn.figures import layerplot
    from stdyn.layered import mnist
    from stdyn.layered.extra import thread_limits
    from stdyn.layered.runs import check_room, train

    thread_limits()  # before anything is fetched
    data = mnist.folder_of(data, progress=interactive(), name="--data")
    check_room(training, mnist.read(data, other_data, "--data"))  # before any folder is made
    given = output or Path(f"data/mnist_{'-'.join(map(str, training.widths)) or 'none'}.h5")
    check_resumable(given)
    names = ["errors", "angles", *(f"{rule}_outputs" for rule in training.rule)]
    replace = force or given.exists()  # the figures of a file that is gone on with
    figures.check(given.stem, names, replace)
    try:
        with worker_processes(workers, len(training.runs)) as executor:
            path = resumable(given)
            note(path)
            threads = 1 if workers == 1 else None
            found = train(
                training,
                path,
                data,
                executor,
                other_data=other_data,
                threads=threads,
                overwrite=force,
                progress=interactive(),
            )
    except (TrainingInterrupted, TrainingStopped) as stopped:
        raise Stopped(str(stopped)) from None
    click.echo(f"{found.text()}\nwrote {path}")
    if all(found.diverged):
        raise Stopped("every training diverged")
    draw_figures(lambda: layerplot.figures(found.histories), figures, path.stem, replace, [path])
