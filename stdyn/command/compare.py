"""stdyn compare"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stdyn.command.group import cli
from stdyn.command.images import Shown, compare_images, images_options, of_images
from stdyn.command.options import (
    experiment_options,
    force_option,
    on_command_line,
    output_options,
    write_config_option,
)
from stdyn.command.output import Output, Target
from stdyn.command.solving import Job, check_recorded, going_on, say_beyond, say_comparisons, unpredicted
from stdyn.model.experiment import Experiment
from stdyn.settings import to_toml

if TYPE_CHECKING:
    from stdyn.model.trajectory import Trajectory
    from stdyn.theory.scatter import Fluctuations


@cli.command("compare")
@experiment_options(usual=of_images)
@output_options("reference", "reference, with --images images")
@write_config_option("experiment")
@click.option(
    "--fluctuations/--no-fluctuations",
    "predict",
    default=True,
    help="Predict how runs scatter: seconds at K = M = 5, hours at 20.  [--fluctuations]",
)
@images_options
@force_option
def compare_command(
    experiment: Experiment, output: Output, write_config: Path | None, predict: bool, images: Shown | None,
    groups: int | None, repeat: bool, other_data: bool,
) -> None:  # fmt: skip
    """Lay simulation on theory, with table and figures.

    Network runs, reduced runs, the ODEs and the fluctuations that linear noise predicts, of the same problem: tables
    that compare them, HDF5 files and figures.

    Without options this is the reference experiment. FA and BP start from the same weights and see the same examples.

    With --images networks learn from images beside the theory of their spectrum: stdyn compare --images mnist

    The same command again goes on after an interruption: files that are complete are taken over.
    """
    if images is not None:
        named = output if on_command_line("name") else replace(output, name="images")
        compare_images(experiment, images, named)
        return
    experiment.check(fewest_runs=2)
    if write_config:
        written = to_toml(replace(experiment, alpha_min=experiment.first_alpha), experiment.not_given)
        Target.at(write_config, output.force).save_text(written)
        return
    from stdyn.figures import plot, theoryplot

    rules = experiment.rules
    why = unpredicted(experiment.problem(rules[0]))
    solved = ("ode", *experiment.methods)
    kinds = (*solved, *(["fluctuations"] if predict and why is None else []))
    jobs = {(rule, kind): Job.of(kind, experiment, rule) for rule in rules for kind in kinds}
    for job in jobs.values():
        job.check()
    names = [f"{rule}_{figure}" for rule in rules for figure in ("order_parameters", "fluctuations")]
    targets = output.targets(jobs, [*names, "alignment", "generalization"])
    say_beyond(experiment)
    results: dict[str, list[Trajectory]] = {rule: [] for rule in rules}
    predictions: list[Fluctuations] = []
    with going_on():
        for rule in rules:
            results[rule] = [jobs[rule, kind].solved(targets[rule, kind]) for kind in solved]
            say_comparisons(results[rule][1:], results[rule][0])
    everything = [each for rule in rules for each in results[rule]]
    check_recorded(everything, [targets[rule, kind].path for rule in rules for kind in solved])
    if predict and why is not None:
        click.echo(f"no fluctuations are predicted: {why}\n")
    with going_on():
        for rule in rules if "fluctuations" in kinds else ():
            found = jobs[rule, "fluctuations"].solved(targets[rule, "fluctuations"])
            predictions.append(found)
            say_comparisons(results[rule][1:] if found.valid[found.alphas > 0].any() else [], found)
    output.draw(
        lambda: plot.figures(everything) | theoryplot.fluctuations_figures(predictions, everything),
        [target.path for target in targets.values()],
    )
