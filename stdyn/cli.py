"""The `stdyn` command. Heavy modules are imported inside the commands, so that --help answers at once."""

import sys
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from functools import wraps
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stdyn.errors import InputError, Interrupted
from stdyn.experiment import Experiment, make

if TYPE_CHECKING:
    from stdyn.problem import Array, Problem
    from stdyn.trajectory import Trajectory


class TomlValue(click.ParamType):
    """A number or an array, written as in a TOML file."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            if "\n" in value:
                raise tomllib.TOMLDecodeError("more than one line")
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            self.fail(f"{value!r} is not a number or an array such as 0.5 or '[0.1, 0.2]'", param, ctx)


class Stopped(Exception):
    """The command ended before its work was done, for a reason that is not bad input: exit code 1."""


def experiment_options(
    without: tuple[str, ...] = (), **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of Experiment as options, and --config; it gets the Experiment they make."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(config: Path | None, **options: Any) -> None:
            given = {f.name: options.pop(f.name, None) for f in fields(Experiment)}
            given = {name: value for name, value in given.items() if value is not None}
            function(make(defaults, config, given), **options)

        for f in reversed([f for f in fields(Experiment) if f.name not in without]):
            default = defaults.get(f.name, f.default)
            text = f.metadata["help"] + ("" if default is None else f"  [{default}]")
            flag = "--" + f.name.replace("_", "-")
            kind = f.type if f.type in (int, float, str) else TomlValue()
            command = click.option(f.name, flag, type=kind, help=text)(command)
        return click.option("--config", type=_PATH, help="Read parameters from a TOML file; options win over it.")(
            command
        )

    return decorate


_PATH = click.Path(path_type=Path)
_force = click.option("--force", is_flag=True, help="Overwrite existing result files.")
_format = click.option(
    "--format", "suffix", type=click.Choice(["png", "pdf", "svg"]), default="png", help="Of the figures.  [png]"
)
_figures = click.option("--figures", type=_PATH, default="figures", help="Folder of the figures.  [figures]")


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="stdyn", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Online learning in student-teacher networks: simulation and theory of the same network.

    \b
    stdyn compare              the reference experiment: FA and BP, network runs laid on the ODEs
    stdyn compare --eta 0.2    the same with another parameter; every command lists them all with --help
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command("compare")
@experiment_options()
@click.option("--name", default="reference", help="What the names of the files begin with.  [reference]")
@click.option("--data", type=_PATH, default="data", help="Folder of the results (HDF5).  [data]")
@_figures
@_format
@click.option("--write-config", type=_PATH, help="Write the experiment as a TOML file, and do nothing else.")
@_force
def compare_command(
    experiment: Experiment, name: str, data: Path, figures: Path, suffix: str, write_config: Path | None, force: bool
) -> None:
    """Lay simulation on theory, with table and figures.

    Network runs, reduced runs and the ODEs of the same problem, the tables that compare them, HDF5 files and figures.

    Without options this is the reference experiment. FA and BP start from the same weights and see the same examples.
    """
    experiment.check(fewest_runs=2)
    if write_config:
        _write_text(write_config, experiment.to_toml(), force)
        return
    from stdyn.comparison import compare

    rules = experiment.rules
    kinds = ("ode", *experiment.methods)
    targets = {(rule, kind): data / f"{_plain(name)}_{rule}_{kind}.h5" for rule in rules for kind in kinds}
    for target in targets.values():
        _target(target, force)
    _folder(figures)
    results: list[Trajectory] = []
    for rule in rules:
        theory, *simulated = (_solve(kind, experiment, rule, targets[rule, kind], force) for kind in kinds)
        for runs in simulated:
            click.echo(f"\n{compare(runs, theory)}")
        click.echo()
        results += [theory, *simulated]
    _draw(results, figures, name, suffix)


@cli.command("integrate")
@experiment_options(without=("method", "runs", "reduced_runs", "normals"), rule="fa")
@click.option("--output", "-o", type=_PATH, default="data/ode.h5", help="The file to write.  [data/ode.h5]")
@_force
def integrate_command(experiment: Experiment, output: Path, force: bool) -> None:
    """Integrate the ODEs into a file."""
    _one_rule(experiment, "ode", output, force)


@cli.command("simulate")
@experiment_options(without=("ode_method", "rtol", "reduced_runs"), rule="fa", method="network")
@click.option("--output", "-o", type=_PATH, help="The file to write.  [data/network.h5 or data/reduced.h5]")
@_force
def simulate_command(experiment: Experiment, output: Path | None, force: bool) -> None:
    """Simulate networks of N inputs into a file.

    With --method reduced, the order parameters alone are simulated: the same law, at a cost that does not depend on N.
    """
    if len(experiment.methods) > 1:
        raise InputError('method must be "network" or "reduced" here; stdyn compare simulates by both')
    _one_rule(experiment, experiment.method, output or Path(f"data/{experiment.method}.h5"), force)


@cli.command("sizes")
@experiment_options(
    without=("N", "method", "reduced_runs"), method="reduced", alpha_max=5.0, points=3, spacing="linear"
)
@click.option(
    "--sizes", type=TomlValue(), default="[100, 300, 1000, 3000, 10000, 100000, 1000000]", help="The N to simulate."
)
@click.option("--name", default="sizes", help="What the names of the files begin with.  [sizes]")
@click.option("--data", type=_PATH, default="data", help="Folder of the results (HDF5).  [data]")
@_figures
@_format
@_force
def sizes_command(
    experiment: Experiment, sizes: Any, name: str, data: Path, figures: Path, suffix: str, force: bool
) -> None:
    """Draw how far finite networks are from the ODEs, against N.

    Reduced runs of one start (the random one is drawn as at N = 500) at several N: as many as make 2e8 steps in all
    (64 to 20000), unless --runs says.
    """
    from stdyn.problem import integer

    experiment.check(fewest_runs=8)
    given = sizes if isinstance(sizes, list) else [sizes]
    sizes = sorted({integer("sizes", N, experiment.K + experiment.M) for N in given})
    if len(sizes) < 3:
        raise InputError(f"sizes must be at least 3 different N, but is {given}")
    alphas = replace(experiment, N=gcd(*sizes)).alphas()  # a whole number of steps at every size
    kinds = {"ode": None} | {f"N{N}": N for N in sizes}
    targets = {(rule, kind): data / f"{_plain(name)}_{rule}_{kind}.h5" for rule in experiment.rules for kind in kinds}
    for target in targets.values():
        _target(target, force)
    _folder(figures)
    results = []
    for (rule, kind), target in targets.items():
        problem, N = experiment.problem(rule), kinds[kind]
        if N is None:
            results.append(_integrate(experiment, problem, alphas, target, force))
        else:
            enough = _with_enough_runs(experiment, N)
            results.append(_simulate("reduced", enough, replace(problem, N=N), alphas, target, force))
    _draw(results, figures, name, suffix)


def _with_enough_runs(experiment: Experiment, N: int) -> Experiment:
    """The experiment with as many runs as can be afforded at size N, unless it says how many."""
    if experiment.runs is not None or experiment.reduced_runs is not None:
        return experiment
    return replace(experiment, runs=min(20_000, max(64, round(2e8 / (N * experiment.alphas()[-1])))))


@cli.command("plot")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--name", default="stdyn", help="What the names of the figures begin with.  [stdyn]")
@_figures
@_format
def plot_command(files: tuple[Path, ...], name: str, figures: Path, suffix: str) -> None:
    """Draw the figures of saved trajectories.

    Simulation and theory of the same problem are laid on each other.
    """
    from stdyn.trajectory import load

    results = [load(file) for file in files]
    _draw(results, _folder(figures), _plain(name), suffix)


@cli.command("info")
@click.argument("file", type=_PATH)
def info_command(file: Path) -> None:
    """Say what is in a saved file."""
    from stdyn.trajectory import load

    click.echo(load(file).summary())


def _one_rule(experiment: Experiment, kind: str, output: Path, force: bool) -> None:
    if len(experiment.rules) > 1:
        raise InputError('rule must be "fa" or "bp" here, one file holds one problem; stdyn compare runs both')
    experiment.check()
    _solve(kind, experiment, experiment.rule, _target(output, force), force)


def _solve(kind: str, experiment: Experiment, rule: str, target: Path, force: bool) -> "Trajectory":
    """Solve the problem of one rule by the ODEs ("ode") or by a simulation ("network" or "reduced")."""
    problem, alphas = experiment.problem(rule), experiment.alphas()
    if kind == "ode":
        return _integrate(experiment, problem, alphas, target, force)
    return _simulate(kind, experiment, problem, alphas, target, force)


def _integrate(experiment: Experiment, problem: "Problem", alphas: "Array", target: Path, force: bool) -> "Trajectory":
    from stdyn.ode import integrate

    return _save(integrate(problem, alphas, experiment.ode_method, experiment.rtol), target, force)


def _simulate(
    method: str, experiment: Experiment, problem: "Problem", alphas: "Array", target: Path, force: bool
) -> "Trajectory":
    from stdyn.simulate import simulate_network, simulate_reduced

    simulate = {"network": simulate_network, "reduced": simulate_reduced}[method]
    count = experiment.number_of_runs(method)
    click.echo(f"{problem.rule}: {count} {method} runs of N = {problem.N} to alpha = {alphas[-1]:g} …")
    try:
        runs = simulate(problem, alphas, count, rng=experiment.rng(method), normals=experiment.normals, progress=True)
    except Interrupted as interrupted:
        _save(interrupted.trajectory, target, force)
        raise Stopped(f"{interrupted}; what was recorded until then is in {target}") from None
    return _save(runs, target, force)


def _save(trajectory: "Trajectory", target: Path, force: bool) -> "Trajectory":
    trajectory.save(target, overwrite=force)
    click.echo(f"wrote {target}  ({trajectory.attributes['wall_time']:.1f} s)")
    return trajectory


def _draw(results: "list[Trajectory]", folder: Path, name: str, suffix: str) -> None:
    from stdyn import plot

    for figure_name, figure in plot.figures(results).items():
        path = folder / f"{name}_{figure_name}.{suffix}"
        verb = "replaced" if path.exists() else "wrote"
        figure.savefig(path)
        click.echo(f"{verb} {path}")


def _folder(path: Path) -> Path:
    from stdyn.store import check_folder

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} cannot be made: {error.strerror}") from None
    check_folder(path, "its files")
    return path


def _plain(name: str) -> str:
    """A name that files can begin with."""
    if not name or Path(name).name != name:
        raise InputError(f"name must be the beginning of a file's name, without a folder, but is {name!r}")
    return name


def _target(path: Path, force: bool) -> Path:
    from stdyn.store import check_target

    if path.exists():
        check_target(path, force)
    _folder(path.parent)
    return check_target(path, force)


def _write_text(path: Path, text: str, force: bool) -> None:
    _target(path, force).write_text(text, encoding="utf-8")
    click.echo(f"wrote {path}")


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"stdyn: warning: {message}", err=True)


def main() -> None:
    """Run the command; exit with 0, with 2 for bad input (one line on stderr) or with 1 for anything else."""
    warnings.showwarning = _say_warning
    try:
        cli.main(prog_name="stdyn", standalone_mode=False)
    except (InputError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"stdyn: error: {text}", err=True)
        sys.exit(2)
    except (Stopped, OSError, MemoryError) as error:
        click.echo(f"stdyn: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stdyn: interrupted", err=True)
        sys.exit(1)
