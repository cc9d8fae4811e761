"""stdyn compare"""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from stdyn.command.group import cli
from stdyn.command.options import experiment_options, force_option, output_options, write_config_option
from stdyn.command.output import Output, Target
from stdyn.command.solving import Stopped, solve_rule
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive
from stdyn.settings import to_toml

if TYPE_CHECKING:
    from stdyn.model.trajectory import Trajectory
    from stdyn.theory.fluctuations import Fluctuations

Targets = dict[tuple[str, ...], Target]


@cli.command("compare")
@experiment_options()
@output_options("reference")
@write_config_option("experiment")
@click.option(
    "--fluctuations/--no-fluctuations",
    "predict",
    default=True,
    help="Predict how runs scatter: seconds at K = M = 5, hours at 20.  [--fluctuations]",
)
@force_option
def compare_command(experiment: Experiment, output: Output, write_config: Path | None, predict: bool) -> None:
    """Lay simulation on theory, with table and figures.

    Network runs, reduced runs, the ODEs and the fluctuations that linear noise predicts, of the same problem: tables
    that compare them, HDF5 files and figures.

    Without options this is the reference experiment. FA and BP start from the same weights and see the same examples.
    """
    experiment.check(fewest_runs=2)
    if write_config:
        Target.at(write_config, output.force).save_text(to_toml(experiment))
        return
    from stdyn.figures import plot, theoryplot

    rules = experiment.rules
    kinds = ("ode", *experiment.methods, "fluctuations")  # the last one if asked for
    targets = output.targets((rule, kind) for rule in rules for kind in kinds)
    results = {rule: _solve(experiment, rule, targets) for rule in rules}
    if predict and not experiment.problem(rules[0]).smooth:
        click.echo("no fluctuations are predicted: g' of the students jumps, and averages are by quadrature\n")
        predict = False
    predictions: list[Fluctuations] = []
    stopped = False
    try:
        for rule in rules if predict else ():
            found = _predict(experiment, rule, targets)
            predictions.append(found)
            _say_comparisons(results[rule][1:] if found.valid[found.alphas > 0].any() else [], found)
    except KeyboardInterrupt:
        stopped = True
    everything = [each for rule in rules for each in results[rule]]
    output.draw(plot.figures(everything) | theoryplot.fluctuations_figures(predictions, everything))
    if stopped:
        raise Stopped("interrupted while fluctuations were computed; everything else is done")


def _solve(experiment: Experiment, rule: str, targets: Targets) -> "list[Trajectory]":
    """The ODEs of one rule, and its runs by every method; says how these compare."""
    theory, *simulated = (
        solve_rule(kind, experiment, rule, targets[rule, kind]) for kind in ("ode", *experiment.methods)
    )
    _say_comparisons(simulated, theory)
    return [theory, *simulated]


def _predict(experiment: Experiment, rule: str, targets: Targets) -> "Fluctuations":
    """How the runs of one rule scatter."""
    from stdyn.theory.fluctuations import fluctuations

    began = perf_counter()
    problem, alphas = experiment.problem(rule), experiment.alphas()
    found = fluctuations(problem, alphas, method=experiment.ode_method, rtol=experiment.rtol, progress=interactive())
    targets[rule, "fluctuations"].save(found, perf_counter() - began)
    return found


def _say_comparisons(simulated: "list[Trajectory]", theory: "Trajectory | Fluctuations") -> None:
    from stdyn.analysis.comparison import compare

    for runs in simulated:
        click.echo(f"\n{compare(runs, theory)}")
    click.echo()
