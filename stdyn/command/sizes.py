"""stdyn sizes"""

from dataclasses import replace
from math import gcd

import click

from stdyn.command.group import cli
from stdyn.command.options import TomlValue, experiment_options, force_option, output_options
from stdyn.command.output import Output
from stdyn.command.solving import Job, check_recorded, going_on, say_beyond
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment


@cli.command("sizes")
@experiment_options(
    without=("N", "method", "reduced_runs"), method="reduced", alpha_max=5.0, points=3, spacing="linear"
)
@click.option(
    "--sizes", type=TomlValue(), default="[100, 300, 1000, 3000, 10000, 100000, 1000000]", help="The N to simulate."
)
@output_options("sizes")
@force_option
def sizes_command(experiment: Experiment, sizes: object, output: Output) -> None:
    """Draw how far finite networks are from the ODEs, against N.

    Reduced runs of one start (the random one is drawn as at N = 500) at several N: as many as make 2e8 steps in all
    (64 to 20000), unless --runs says. The same command again goes on after an interruption.
    """
    from stdyn.figures import plot

    experiment.check(fewest_runs=8)
    several = _checked(sizes)
    alphas = replace(experiment, N=gcd(*several)).alphas()  # a whole number of steps at every size
    jobs: dict[tuple[str, ...], Job] = {}
    for rule in experiment.rules:
        problem = experiment.problem(rule)
        jobs[rule, "ode"] = Job("ode", experiment, problem, alphas)
        for N in several:
            enough = _with_enough_runs(experiment, N)
            jobs[rule, f"N{N}"] = Job("reduced", enough, replace(problem, N=N), alphas)
    for job in jobs.values():
        job.check()
    targets = output.targets(jobs, ["deviation"])
    say_beyond(experiment)
    with going_on():
        results = [job.solved(targets[kind]) for kind, job in jobs.items()]
    files = [target.path for target in targets.values()]
    check_recorded(results, files)
    output.draw(lambda: plot.figures(results), files)


def _checked(sizes: object) -> list[int]:
    """At least three different N, in order."""
    from stdyn.checks import integer

    given = sizes if isinstance(sizes, list) else [sizes]
    several = sorted({integer("sizes", N, 1) for N in given})
    if len(several) < 3:
        raise InputError(f"sizes must be at least 3 different N, but is {given}")
    return several


def _with_enough_runs(experiment: Experiment, N: int) -> Experiment:
    """The experiment with as many runs as can be afforded at size N, unless it says how many."""
    if experiment.runs is not None or experiment.reduced_runs is not None:
        return experiment
    return replace(experiment, runs=min(20_000, max(64, round(2e8 / (N * experiment.alphas()[-1])))))
