"""stdyn theory"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from stdyn.command.group import cli
from stdyn.command.options import (
    assignment,
    experiment_options,
    force_option,
    output_options,
    refuse_options,
    vary_option,
)
from stdyn.command.output import Output, Stopped, Target
from stdyn.command.solving import Job, check_recorded, going_on
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive
from stdyn.stopping import uninterrupted

if TYPE_CHECKING:
    from stdyn.analysis.escape import EscapeTimes
    from stdyn.checks import Array
    from stdyn.model.problem import Problem


@cli.command("theory", short_help="Say where the ODEs linger and why.")
@experiment_options(without=("method", "normals", "reduced_runs"), alpha_max=1e4, points=201)
@vary_option("A quantity to vary: eta, N, sigma, …")
@click.option("--starts", type=int, help="Random starts from which fixed points are looked for.  [200]")
@output_options("theory")
@force_option
def theory_command(experiment: Experiment, vary: tuple[str, ...], starts: int | None, output: Output) -> None:
    """Say where the ODEs linger and why: plateaus, fixed points, spectra.

    A table and a figure: eps_g with its plateaus, the saddle that each hangs on and when it should be left, the fixed
    points that are found from random starts, and the critical learning rate. With --vary, how these depend on one
    quantity:

    \b
    stdyn theory
    stdyn theory --config examples/soft_committee.toml --vary 'eta={from=0.05, to=1, number=20, spacing="log"}'
    stdyn theory --K 2 --M 2 --eta-v 0 --v 1 --start prepared --rule bp --vary 'N=[100, 1000]' --runs 200

    With --vary N the start must be symmetric: when runs leave its plateau, predicted, and by reduced runs at each N, as
    many as make 1e9 steps (16 to 1000), unless --runs says.
    """
    from stdyn.analysis.escape import check_constant
    from stdyn.checks import number
    from stdyn.theory.expansion import check_smooth
    from stdyn.theory.fixedpoints import autonomous

    experiment.check()
    check_smooth(experiment.problem(experiment.rules[0]))
    if not vary:
        check_constant(experiment.problem(experiment.rules[0]), "plateaus")
        autonomous(experiment.problem(experiment.rules[0]), "fixed points")
        number("eta", experiment.eta, 1e-300)
        refuse_options(("runs",), "theory, unless N varies")
        _study_one(experiment, 200 if starts is None else starts, output)
        return
    if len(vary) > 1:
        raise InputError(f"vary must be one quantity, but {len(vary)} are given: {', '.join(vary)}")
    if starts is not None:
        raise InputError(
            f"starts is of no use with vary, but is {starts}: no fixed points are looked for from random starts"
        )
    quantity, values = assignment(vary[0])
    if isinstance(values, dict) and "number" not in values:
        raise InputError(
            f"vary must give {quantity} a list of values or a table with from, to and number, but is {vary[0]}"
        )
    if quantity == "N":
        refuse_options(("alpha_max", "alpha_min", "points", "spacing", "ode_method", "rtol"), "vary N")
        _study_sizes(experiment, values, output)
    else:
        refuse_options(("runs", "ode_method", "rtol"), f"vary {quantity}")
        _study_against(quantity, values, experiment, output)


def _study_one(experiment: Experiment, starts: int, output: Output) -> None:
    """Plateaus, fixed points and spectra of one experiment."""
    from stdyn.analysis.escape import plateaus
    from stdyn.checks import check_memory, integer
    from stdyn.figures import theoryplot
    from stdyn.scans.studies import report
    from stdyn.theory.fixedpoints import fixed_points, merged

    integer("starts", starts, 0)
    check_memory(f"starts = {starts}", 1000.0 * starts)
    jobs = {(rule, "ode"): Job.of("ode", experiment, rule) for rule in experiment.rules}
    targets, results = output.targets(jobs, ["plateaus"]), []
    for kind, job in jobs.items():
        theory = job.solved(targets[kind])
        try:
            found = plateaus(theory)
            points = fixed_points(theory.problem, number_of_starts=starts, rng=experiment.rng("samples"))
            points = merged([*points, *(plateau.saddle for plateau in found if plateau.saddle is not None)])
        except KeyboardInterrupt:
            there = f"the solution is in {targets[kind].path}, and taken over by the same command"
            raise Stopped(f"interrupted while fixed points were looked for; {there}") from None
        click.echo(f"\n{report(theory, found, points)}\n")
        results.append((theory, found, points))
    files = [each.path for each in targets.values()]
    check_recorded([theory for theory, *_ in results], files)
    output.draw(lambda: {"plateaus": theoryplot.plateaus_figure(results)}, files)


def _study_against(quantity: str, values: Any, experiment: Experiment, output: Output) -> None:
    """How plateaus and spectra depend on one quantity."""
    import numpy as np

    from stdyn.figures import theoryplot
    from stdyn.scans.studies import studied, study
    from stdyn.scans.variations import Variations

    variations = Variations(experiment, {quantity: values})
    studied(variations)  # before anything is made
    name = f"against_{quantity.replace('=', '_')}"
    figures = [f"{each}_{name}" for each in ("escape_rate", "plateau_length", "eps_g_infinity")]
    target = output.target(f"{name}.csv", figures)
    part = Target.at(output.path(f"{name}_interrupted.csv"), force=True)  # so that it is not taken for the whole
    found = study(variations, experiment.alphas(), progress=interactive())
    if found.interrupted:
        with uninterrupted():
            part.save_text(found.csv())
            done = f"{len(found.values)} of {len(variations.axes[quantity])} values"
            raise Stopped(f"interrupted after {done}; they are in {part.path}")
    with uninterrupted():
        target.save_text(found.csv())
    click.echo(found)
    if all(np.isnan(values).all() for numbers in found.rules.values() for values in numbers.values()):
        raise Stopped(f"nothing was found at any {quantity}, not one number; the table is in {target.path}")
    output.draw(lambda: theoryplot.study_figures(found), [target.path])


def _study_sizes(experiment: Experiment, values: Any, output: Output) -> None:
    """When runs leave the plateau of a symmetric start, predicted for every N and by reduced runs at these."""
    from stdyn.analysis.escape import escape_times, time_below
    from stdyn.figures import theoryplot
    from stdyn.scans.variations import Variations

    sizes = [int(N) for N in Variations(experiment, {"N": values}).axes["N"]]
    kinds = [(rule, f"N{N}") for rule in experiment.rules for N in sizes]
    output.check(kinds, ["escape"])
    laws = {rule: escape_times(experiment.problem(rule), rng=experiment.rng("samples")) for rule in experiment.rules}
    jobs: dict[tuple[str, ...], Job] = {}
    for (rule, name), N in zip(kinds, sizes * len(laws), strict=True):
        other = replace(experiment, seed=experiment.seed + len(jobs))  # so that runs of other N are independent
        jobs[rule, name] = _runs_that_leave(other, replace(experiment.problem(rule), N=N), laws[rule])
        jobs[rule, name].check()
    targets = output.targets(jobs, ["escape"])
    results: list[tuple[Problem, EscapeTimes, dict[int, Array]]] = []
    for rule, times in laws.items():
        seen: dict[int, Array] = {}
        for N in sizes:
            with going_on():
                ensemble = jobs[rule, f"N{N}"].solved(targets[rule, f"N{N}"])
            seen[N] = time_below(ensemble.alphas, ensemble.eps_g, times.level)
        click.echo(f"{times.report(rule, seen)}\n")
        results.append((experiment.problem(rule), times, seen))
    output.draw(lambda: {"escape": theoryplot.escape_figure(results)}, [each.path for each in targets.values()])


def _runs_that_leave(experiment: Experiment, problem: "Problem", times: "EscapeTimes") -> Job:
    """Reduced runs that last until nearly all have left the plateau."""
    import numpy as np

    N = problem.N
    last = 1.1 * float(np.percentile(times.at(N), 99))
    alphas = np.unique(np.rint(np.linspace(0, last, 1001) * N)) / N
    enough = replace(experiment, runs=experiment.runs or min(1000, max(16, round(1e9 / (N * last)))))
    return Job("reduced", enough, problem, alphas)
