"""One problem solved by one method into one file."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stdyn.command.output import Target
from stdyn.errors import InputError, Interrupted
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive

if TYPE_CHECKING:
    from collections.abc import Callable

    from stdyn.checks import Array
    from stdyn.model.problem import Problem
    from stdyn.model.trajectory import Trajectory


class Stopped(Exception):
    """The command ended before its work was done, for a reason that is not bad input: exit code 1."""


def solve_only_rule(kind: str, experiment: Experiment, path: Path, force: bool) -> None:
    """Solve an experiment of one rule, as `solve_rule` does, into a file that holds nothing else."""
    if len(experiment.rules) > 1:
        raise InputError('rule must be "fa" or "bp" here, one file holds one problem; stdyn compare runs both')
    experiment.check()
    solve_rule(kind, experiment, experiment.rule, Target.at(path, force))


def solve_rule(kind: str, experiment: Experiment, rule: str, target: Target) -> "Trajectory":
    """Solve the problem of one rule by the ODEs ("ode") or by a simulation ("network" or "reduced")."""
    problem, alphas = experiment.problem(rule), experiment.alphas()
    if kind == "ode":
        return integrate_problem(experiment, problem, alphas, target)
    return simulate_problem(kind, experiment, problem, alphas, target)


def integrate_problem(experiment: Experiment, problem: "Problem", alphas: "Array", target: Target) -> "Trajectory":
    """Solve a problem by the ODEs, by the method of an experiment."""
    from stdyn.theory.ode import integrate

    solve = partial(integrate, problem, alphas, experiment.ode_method, experiment.rtol, progress=interactive())
    return _saved_even_if_interrupted(solve, target)


def simulate_problem(
    method: str, experiment: Experiment, problem: "Problem", alphas: "Array", target: Target
) -> "Trajectory":
    """Simulate a problem by "network" or "reduced", with the runs and the seed of an experiment."""
    from stdyn.simulation.runs import simulate_network, simulate_reduced

    simulate = {"network": simulate_network, "reduced": simulate_reduced}[method]
    count = experiment.number_of_runs(method)
    click.echo(f"{problem.rule}: {count} {method} runs of N = {problem.N} to alpha = {alphas[-1]:g} …")
    rng, normals = experiment.rng(method), experiment.normals
    solve = partial(simulate, problem, alphas, count, rng=rng, normals=normals, progress=interactive())
    return _saved_even_if_interrupted(solve, target)


def _saved_even_if_interrupted(solve: "Callable[[], Trajectory]", target: Target) -> "Trajectory":
    """What `solve` gives, in a file; so is what it had reached when Ctrl-C ended it."""
    try:
        found = solve()
    except Interrupted as interrupted:
        _saved(interrupted.trajectory, target)
        raise Stopped(f"{interrupted}; what was recorded until then is in {target.path}") from None
    return _saved(found, target)


def _saved(trajectory: "Trajectory", target: Target) -> "Trajectory":
    target.save(trajectory, trajectory.attributes["wall_time"])
    return trajectory
