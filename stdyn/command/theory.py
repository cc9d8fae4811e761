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
from stdyn.command.output import Output, Target
from stdyn.command.solving import Stopped, simulate_problem, solve_rule
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment

if TYPE_CHECKING:
    from stdyn.analysis.escape import EscapeTimes
    from stdyn.checks import Array
    from stdyn.model.problem import Problem


@cli.command("theory")
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
    from stdyn.checks import number
    from stdyn.theory.expansion import check_smooth

    experiment.check()
    check_smooth(experiment.problem(experiment.rules[0]))
    if not vary:
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
    from stdyn.checks import integer
    from stdyn.figures import theoryplot
    from stdyn.scans.studies import report
    from stdyn.theory.fixedpoints import fixed_points, merged

    integer("starts", starts, 0)
    results = []
    for (rule, kind), target in output.targets((rule, "ode") for rule in experiment.rules).items():
        theory = solve_rule(kind, experiment, rule, target)
        found = plateaus(theory)
        points = fixed_points(theory.problem, number_of_starts=starts, rng=experiment.rng("samples"))
        points = merged([*points, *(plateau.saddle for plateau in found if plateau.saddle is not None)])
        click.echo(f"\n{report(theory, found, points)}\n")
        results.append((theory, found, points))
    output.draw({"plateaus": theoryplot.plateaus_figure(results)})


def _study_against(quantity: str, values: Any, experiment: Experiment, output: Output) -> None:
    """How plateaus and spectra depend on one quantity."""
    from stdyn.figures import theoryplot
    from stdyn.scans.studies import study
    from stdyn.scans.variations import Variations

    variations = Variations(experiment, {quantity: values})
    target = output.target(f"against_{quantity.replace('=', '_')}.csv")
    output.figures.make_folder()
    found = study(variations, experiment.alphas(), progress=True)
    click.echo(found)
    target.save_text(found.csv())
    output.draw(theoryplot.study_figures(found))
    if found.interrupted:
        raise Stopped(f"interrupted after {len(found.values)} of {len(variations.axes[quantity])} values")


def _study_sizes(experiment: Experiment, values: Any, output: Output) -> None:
    """When runs leave the plateau of a symmetric start, predicted for every N and by reduced runs at these."""
    from stdyn.analysis.escape import escape_times
    from stdyn.checks import integer
    from stdyn.figures import theoryplot
    from stdyn.scans.variations import Variations

    sizes = [integer("N", N, experiment.K + experiment.M) for N in Variations(experiment, {"N": values}).axes["N"]]
    targets = output.targets((rule, f"N{N}") for rule in experiment.rules for N in sizes)
    laws = {rule: escape_times(experiment.problem(rule), rng=experiment.rng("samples")) for rule in experiment.rules}
    results: list[tuple[Problem, EscapeTimes, dict[int, Array]]] = []
    for rule, times in laws.items():
        problem = experiment.problem(rule)
        seen: dict[int, Array] = {}
        for N in sizes:
            seed = experiment.seed + len(results) * len(sizes) + len(seen)  # so that runs of other N are independent
            other = replace(experiment, seed=seed)
            seen[N] = _seen(other, replace(problem, N=N), times, targets[rule, f"N{N}"])
        click.echo(f"{times.report(rule, seen)}\n")
        results.append((problem, times, seen))
    output.draw({"escape": theoryplot.escape_figure(results)})


def _seen(experiment: Experiment, problem: "Problem", times: "EscapeTimes", target: Target) -> "Array":
    """When each of the reduced runs of a problem leaves the plateau."""
    import numpy as np

    from stdyn.analysis.escape import time_below

    N = problem.N
    last = 1.1 * float(np.percentile(times.at(N), 99))
    alphas = np.unique(np.rint(np.linspace(0, last, 1001) * N)) / N
    enough = replace(experiment, runs=experiment.runs or min(1000, max(16, round(1e9 / (N * last)))))
    ensemble = simulate_problem("reduced", enough, problem, alphas, target)
    return time_below(ensemble.alphas, ensemble.eps_g, times.level)
