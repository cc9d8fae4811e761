"""stdyn scan"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stdyn.command.choices import Choice, offering
from stdyn.command.group import cli
from stdyn.command.options import (
    TomlOrText,
    assignment,
    experiment_options,
    force_anew_option,
    output_option,
    refuse_options,
    vary_option,
    workers_option,
)
from stdyn.command.output import Stopped, check_resumable, note, resumable
from stdyn.command.solving import say_beyond
from stdyn.command.workers import cluster, worker_processes
from stdyn.errors import InputError, ScanInterrupted, ScanStopped
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive
from stdyn.settings import check_name
from stdyn.text import shown

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from stdyn.scans.points import Solve

_KEYS = ("solve", "keep", "sample", "number", "max_steps")


@cli.command("scan", short_help="Solve an experiment at many points into one file.")
@experiment_options(without=("method", "reduced_runs"), tables=("vary", "scan"), ode_method="LSODA")
@vary_option("A quantity to vary; may be repeated.")
@click.option("--sample", type=Choice(["random", "sobol"]), help="How sampled quantities are drawn.  [random]")
@click.option("--number", type=int, help="Number of samples.")
@click.option("--solve", type=Choice(["ode", "network", "reduced"]), help="How each point is solved.  [ode]")
@click.option(
    "--keep",
    type=TomlOrText(),
    help="What is kept of each: all, curves, summary, or alphas '[0, 10]'.  [all]",
    shell_complete=offering("all", "curves", "summary"),
)
@click.option("--max-steps", type=int, help="Steps of the ODE solver at a point, at most.  [1000000]")
@workers_option
@click.option("--scheduler", metavar="ADDRESS", help="Solve on the Dask cluster of this scheduler, tcp://HOST:PORT.")
@click.option("--retry-failed", is_flag=True, help="Solve points that have failed again.")
@output_option("data/ and the name of CONFIG, .h5")
@force_anew_option
def scan_command(
    experiment: Experiment, config: Path | None, tables: dict[str, dict[str, Any]], vary: tuple[str, ...],
    workers: int | None, scheduler: str | None, retry_failed: bool, output: Path | None, force: bool, **given: object,
) -> None:  # fmt: skip
    """Solve an experiment at many points into one file, on all cores or a cluster.

    The table [vary] of CONFIG.toml, or --vary, says what varies: a list of values or a table with from, to, number
    (and spacing = "log") is an axis of a grid; a table without number is sampled.

    \b
    stdyn scan examples/scan_fa_bp.toml
    stdyn scan --vary 'eta=[0.1, 0.2, 0.5]' --vary 'draw={from=1, number=100}'
    stdyn scan --vary 'eta={from=0.1, to=1}' --vary 'b_angle={from=0, to=180}' --sample sobol --number 1000
    stdyn scan --eta '{kind="hyperbolic", value=1, scale=10}' --vary 'eta.scale=[10, 100]'

    The same command again goes on where it stopped, whatever stopped it. stdyn plot draws the file.
    """
    from stdyn.scans.newscan import kept_positions
    from stdyn.scans.points import FAILED
    from stdyn.scans.quantities import parts
    from stdyn.scans.scanning import scan
    from stdyn.scans.variations import Variations
    from stdyn.simulation.runs import check_steps

    for key in tables["scan"]:
        check_name(key, _KEYS, "[scan] has no key")
    settings = tables["scan"] | {key: value for key, value in given.items() if value is not None}
    varied = tables["vary"] | _assigned(vary)
    if not varied:
        raise InputError("nothing varies: a table [vary] in CONFIG.toml or --vary NAME=VALUES says what does")
    problems = Variations(experiment, varied, settings.get("sample", "random"), settings.get("number"))
    if "sample" in settings and not problems.samples:
        raise InputError(f"sample is of no use where nothing is sampled, but is {shown(settings['sample'])}")
    by_ode = settings.get("solve", "ode") == "ode"
    why = f"solve = {shown(settings.get('solve', 'ode'))}"
    refuse_options(("runs", "normals") if by_ode else ("ode_method", "rtol"), why)
    solve, seed = _solver(experiment, settings.get("solve", "ode"), settings.get("max_steps"))
    if not by_ode:
        check_steps(experiment.problem("bp"))
    alphas, keep = problems.alphas(), settings.get("keep", "all")
    kept_positions(keep, alphas)  # before any folder is made
    path = output or Path(f"data/{config.stem if config else 'scan'}.h5")
    check_resumable(path)  # before worker processes start
    note(path)
    say_beyond(experiment, {part.partition(".")[0] for name in varied for part in parts(name)})
    try:
        with _executor(workers, scheduler) as (executor, in_flight):
            result = scan(
                problems, alphas, resumable(path), solve, executor, seed=seed,
                keep=keep, in_flight=in_flight, retry_failed=retry_failed, overwrite=force,
                progress=interactive(),
            )  # fmt: skip
    except (ScanInterrupted, ScanStopped) as stopped:
        raise Stopped(str(stopped)) from None
    click.echo(f"{result.text()}\nwrote {path}")
    if (result.state == FAILED).all():
        raise Stopped(f"every point failed, the first: {result.message[0]}")
    if (result.summary["diverged_at"][result.state != FAILED] <= alphas[1]).all():
        raise Stopped(f"only the starts were recorded, every point diverged before the next alpha; they are in {path}")


def _assigned(vary: tuple[str, ...]) -> dict[str, Any]:
    """What --vary says, by name."""
    assigned: dict[str, Any] = {}
    for name, values in map(assignment, vary):
        if name in assigned:
            raise InputError(f"--vary {name} must be given once, but is given twice")
        assigned[name] = values
    return assigned


def _solver(experiment: Experiment, kind: object, max_steps: object) -> "tuple[Solve, int | None]":
    """The solver of every point, and the seed of its random numbers."""
    from stdyn.checks import integer
    from stdyn.simulation.runs import simulate_network, simulate_reduced
    from stdyn.theory.ode import integrate

    if kind == "ode":
        limit: dict[str, Any] = {} if max_steps is None else {"max_steps": integer("max_steps", max_steps, 1)}
        return partial(integrate, method=experiment.ode_method, rtol=experiment.rtol, **limit), None
    if max_steps is not None:
        raise InputError(f"max_steps is of the ODE solver and of no use with solve = {kind!r}, but is {max_steps!r}")
    if kind not in ("network", "reduced"):
        raise InputError(f'solve must be "ode", "network" or "reduced", but is {kind!r}')
    simulate = simulate_network if kind == "network" else simulate_reduced
    runs = experiment.number_of_runs(kind)
    return partial(simulate, runs=runs, normals=experiment.normals), experiment.seed


@contextmanager
def _executor(workers: int | None, scheduler: str | None) -> "Iterator[tuple[Executor | None, int]]":
    """Where a scan is solved (None: in this process), and how many points are to be there at a time."""
    from stdyn.executors import ClusterExecutor

    if scheduler is not None:
        if workers is not None:
            raise InputError("workers and scheduler exclude each other: a cluster has the workers it has")
        with cluster(scheduler) as client:
            threads = sum(client.nthreads().values())
            yield ClusterExecutor(client), max(256, 8 * threads)
    else:
        with worker_processes(workers) as pool:
            yield pool, 1 if pool is None else 256
