"""The `stdyn` command. Heavy modules are imported inside the commands, so that --help answers at once."""

import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial, wraps
from math import gcd
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from stdyn.errors import InputError, Interrupted, ScanInterrupted, ScanStopped, TrainingInterrupted, TrainingStopped
from stdyn.layered.training import Training
from stdyn.model.experiment import Experiment
from stdyn.settings import check_name, make, read_toml, to_toml

if TYPE_CHECKING:
    from stdyn.analysis.escape import EscapeTimes
    from stdyn.checks import Array
    from stdyn.model.problem import Problem
    from stdyn.model.trajectory import Trajectory
    from stdyn.theory.fluctuations import Fluctuations


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


class TomlOrText(TomlValue):
    """A word, or an array written as in a TOML file."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, str) and value.isalpha() else super().convert(value, param, ctx)


_NUMERALS = tuple("0123456789.")


class ManyValues(click.Command):
    """A command whose options that may be repeated take several values after one another, too: --widths 200 80."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        many = {flag for p in self.params if isinstance(p, click.Option) and p.multiple for flag in p.opts}
        flag, fresh, repeated = "", False, []
        for arg in args:
            if arg.startswith("-") and arg[1:2] not in _NUMERALS:
                flag, value_given, _ = arg.partition("=")
                fresh = not value_given
            elif flag in many and not fresh:
                repeated.append(flag)
            else:
                fresh = False
            repeated.append(arg)
        return super().parse_args(ctx, repeated)


class Stopped(Exception):
    """The command ended before its work was done, for a reason that is not bad input: exit code 1."""


def experiment_options(
    without: tuple[str, ...] = (), tables: tuple[str, ...] = (), of: type = Experiment, **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of Experiment (or `of`) as options, and --config; it gets the Experiment they make.

    If the file may have tables, it is an argument, and the command gets them as a dict too.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(config: Path | None, **options: Any) -> None:
            given = {f.name: options.pop(f.name, None) for f in fields(of)}
            given = {name: value for name, value in given.items() if value not in (None, ())}
            if tables:
                in_file = read_toml(config, of, tables) if config else {}
                options |= {"config": config, "tables": {name: in_file.get(name, {}) for name in tables}}
            function(make(of, defaults, config, given, tables), **options)

        for f in reversed([f for f in fields(of) if f.name not in without]):
            default = defaults.get(f.name, f.default)
            many = f.metadata.get("many")
            shown = " ".join(map(str, default)) if many else default
            text = f.metadata["help"] + ("" if default is None else f"  [{shown}]")
            flag = "--" + f.name.replace("_", "-")
            kind = many or f.metadata.get("kind") or (f.type if f.type in (int, float, str) else TomlValue())
            more: dict[str, Any] = (
                {"multiple": True, "metavar": f"{f.name.upper().removesuffix('S')} ..."} if many else {}
            )
            command = click.option(f.name, flag, type=kind, help=text, **more)(command)
        if tables:
            return click.argument("config", type=_PATH, required=False, metavar="[CONFIG.toml]")(command)
        return click.option("--config", type=_PATH, help="Read parameters from a TOML file; options win over it.")(
            command
        )

    return decorate


_PATH = click.Path(path_type=Path)
_force = click.option("--force", is_flag=True, help="Overwrite existing result files.")
_format = click.option(
    "--format", "suffix", type=click.Choice(["png", "pdf", "svg"]), default="png", help="Of the figures.  [png]"
)
_data = click.option("--data", type=_PATH, default="data", help="Folder of the results.  [data]")
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
@_data
@_figures
@_format
@click.option("--write-config", type=_PATH, help="Write the experiment as a TOML file, and do nothing else.")
@click.option(
    "--fluctuations/--no-fluctuations",
    "predict",
    default=True,
    help="Predict how runs scatter: seconds at K = M = 5, hours at 20.  [--fluctuations]",
)
@_force
def compare_command(
    experiment: Experiment, name: str, data: Path, figures: Path, suffix: str, write_config: Path | None, predict: bool,
    force: bool,
) -> None:  # fmt: skip
    """Lay simulation on theory, with table and figures.

    Network runs, reduced runs, the ODEs and the fluctuations that linear noise predicts, of the same problem: tables
    that compare them, HDF5 files and figures.

    Without options this is the reference experiment. FA and BP start from the same weights and see the same examples.
    """
    experiment.check(fewest_runs=2)
    if write_config:
        _write_text(write_config, to_toml(experiment), force)
        return
    from stdyn.analysis.comparison import compare
    from stdyn.figures import plot, theoryplot

    rules = experiment.rules
    kinds = ("ode", *experiment.methods, "fluctuations")  # the last one if asked for
    targets = {(rule, kind): data / f"{_plain(name)}_{rule}_{kind}.h5" for rule in rules for kind in kinds}
    for target in targets.values():
        _target(target, force)
    _folder(figures)
    results: dict[str, list[Trajectory]] = {}
    for rule in rules:
        theory, *simulated = (_solve(kind, experiment, rule, targets[rule, kind], force) for kind in kinds[:-1])
        results[rule] = [theory, *simulated]
        for runs in simulated:
            click.echo(f"\n{compare(runs, theory)}")
        click.echo()
    predictions, stopped = [], False
    if predict and not experiment.problem(rules[0]).smooth:
        click.echo("no fluctuations are predicted: g' of the students jumps, and averages are by quadrature\n")
        predict = False
    try:
        for rule in rules if predict else ():
            predictions.append(_fluctuations(experiment, rule, targets[rule, "fluctuations"], force))
            if predictions[-1].valid[predictions[-1].alphas > 0].any():
                for runs in results[rule][1:]:
                    click.echo(f"\n{compare(runs, predictions[-1])}")
            click.echo()
    except KeyboardInterrupt:
        stopped = True
    everything = [each for rule in rules for each in results[rule]]
    drawn = plot.figures(everything) | theoryplot.fluctuations_figures(predictions, everything)
    _save_figures(drawn, figures, name, suffix)
    if stopped:
        raise Stopped("interrupted while fluctuations were computed; everything else is done")


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
@_data
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
    from stdyn.checks import integer

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


_SCAN_KEYS = ("solve", "keep", "sample", "number")


@cli.command("scan")
@experiment_options(without=("method", "reduced_runs"), tables=("vary", "scan"), ode_method="LSODA")
@click.option("--vary", "-v", multiple=True, metavar="NAME=VALUES", help="A quantity to vary; may be repeated.")
@click.option("--sample", type=click.Choice(["random", "sobol"]), help="How sampled quantities are drawn.  [random]")
@click.option("--number", type=int, help="Number of samples.")
@click.option("--solve", type=click.Choice(["ode", "network", "reduced"]), help="How each point is solved.  [ode]")
@click.option(
    "--keep", type=TomlOrText(), help="What is kept of each: all, curves, summary, or alphas '[0, 10]'.  [all]"
)
@click.option("--workers", type=int, help="Number of worker processes.  [all cores]")
@click.option("--scheduler", metavar="ADDRESS", help="Solve on the Dask cluster of this scheduler, tcp://HOST:PORT.")
@click.option("--retry-failed", is_flag=True, help="Solve points that have failed again.")
@click.option("--output", "-o", type=_PATH, help="The file to write.  [data/ and the name of CONFIG, .h5]")
@click.option("--force", is_flag=True, help="Begin anew if the file exists.")
def scan_command(
    experiment: Experiment, config: Path | None, tables: dict[str, Any], vary: tuple[str, ...], workers: int | None,
    scheduler: str | None, retry_failed: bool, output: Path | None, force: bool, **given: Any,
) -> None:  # fmt: skip
    """Solve an experiment at many points into one file, on all cores or a cluster.

    The table [vary] of CONFIG.toml, or --vary, says what varies: a list of values or a table with from, to, number
    (and spacing = "log") is an axis of a grid; a table without number is sampled.

    \b
    stdyn scan examples/scan_fa_bp.toml
    stdyn scan --vary 'eta=[0.1, 0.2, 0.5]' --vary 'draw={from=1, number=100}'
    stdyn scan --vary 'eta={from=0.1, to=1}' --vary 'b_angle={from=0, to=180}' --sample sobol --number 1000

    The same command again goes on where it stopped, whatever stopped it. stdyn plot draws the file.
    """
    from stdyn.scans.points import FAILED
    from stdyn.scans.scanning import scan
    from stdyn.scans.variations import Variations

    for key in tables["scan"]:
        check_name(key, _SCAN_KEYS, "[scan] has no key")
    settings = tables["scan"] | {key: value for key, value in given.items() if value is not None}
    varied = tables["vary"] | dict(_assignment(text) for text in vary)
    if not varied:
        raise InputError("nothing varies: a table [vary] in CONFIG.toml or --vary NAME=VALUES says what does")
    problems = Variations(experiment, varied, settings.get("sample", "random"), settings.get("number"))
    solve, seed = _solver(experiment, settings.get("solve", "ode"))
    target = output or Path(f"data/{config.stem if config else 'scan'}.h5")
    try:
        with _executor(workers, scheduler) as (executor, in_flight):
            if not _exists(target):
                _target(target, False)
            result = scan(
                problems, experiment.alphas(), target, solve, executor, seed=seed, keep=settings.get("keep", "all"),
                in_flight=in_flight, retry_failed=retry_failed, overwrite=force, progress=True,
            )  # fmt: skip
    except (ScanInterrupted, ScanStopped) as stopped:
        raise Stopped(str(stopped)) from None
    click.echo(f"{result.text()}\nwrote {target}")
    if (result.state == FAILED).all():
        raise Stopped(f"every point failed, the first: {result.message[0]}")


def _assignment(text: str) -> tuple[str, Any]:
    """The name and the values in NAME=VALUES; names that are put equal to each other share the values."""
    names, is_one, values = text.rpartition("=") if "{" not in text else text.partition("={")
    values = "{" + values if "{" in text else values
    if not is_one or not names.strip():
        raise InputError(f"--vary must be NAME=VALUES, such as 'eta=[0.1, 0.2]', but is {text!r}")
    if values.strip() == "each":
        return names.strip(), "each"
    try:
        return names.strip(), tomllib.loads(f"values = {values}")["values"]
    except tomllib.TOMLDecodeError:
        raise InputError(f"--vary {names}: {values!r} is not a list or a table as in a TOML file") from None


def _solver(experiment: Experiment, kind: Any) -> tuple[Any, int | None]:
    """The solver of every point, and the seed of its random numbers."""
    from stdyn.simulation.runs import simulate_network, simulate_reduced
    from stdyn.theory.ode import integrate

    if kind == "ode":
        return partial(integrate, method=experiment.ode_method, rtol=experiment.rtol), None
    simulators = {"network": simulate_network, "reduced": simulate_reduced}
    if kind not in simulators:
        raise InputError(f'solve must be "ode", "network" or "reduced", but is {kind!r}')
    runs = experiment.number_of_runs(kind)
    return partial(simulators[kind], runs=runs, normals=experiment.normals), experiment.seed


@contextmanager
def _executor(workers: int | None, scheduler: str | None) -> Iterator[tuple[Any, int]]:
    """Where a scan is solved (None: in this process), and how many points are to be there at a time."""
    from stdyn.executors import ClusterExecutor

    if scheduler is not None:
        if workers is not None:
            raise InputError("workers and scheduler exclude each other: a cluster has the workers it has")
        with _cluster(scheduler) as client:
            threads = sum(client.nthreads().values())
            yield ClusterExecutor(client), max(256, 8 * threads)
    else:
        with _workers(workers) as pool:
            yield pool, 1 if pool is None else 256


@contextmanager
def _workers(workers: int | None, most: int = sys.maxsize) -> Iterator[Any]:
    """Worker processes, no more than are of use; None if one is enough, which is this one."""
    from stdyn.checks import integer
    from stdyn.executors import cores, processes

    count = min(most, cores() if workers is None else integer("workers", workers, 1))
    if count == 1:
        yield None
    else:
        with processes(count) as pool:
            yield pool


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """A client of the Dask scheduler at this address."""
    import asyncio
    import logging
    from contextlib import suppress

    try:
        from distributed import Client, Security
        from distributed.comm import connect
    except ImportError:
        raise InputError("scheduler needs Dask, which pip install 'stdyn[cluster]' brings") from None
    for name in list(logging.root.manager.loggerDict):  # some have levels of their own
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what ends a scan is said by the scan, in one line

    async def try_to_connect() -> None:
        security = Security().get_connection_args("client")
        await (await asyncio.wait_for(connect(address, timeout=8, **security), 10)).close()

    try:
        asyncio.run(try_to_connect())  # first: a Client waits for ever if something else listens there
        client = Client(address, timeout=10)
    except Exception as error:  # OSError, ValueError or TypeError: the address may be wrong in many ways
        why = " ".join(str(error).split()) or "no answer within 10 s"
        raise InputError(f"no Dask scheduler answers at scheduler = {address!r} ({why})") from None
    try:
        if not client.nthreads():
            click.echo(f"the scheduler at {address} has no workers yet; waiting for them", err=True)
        yield client
    finally:
        with suppress(OSError):  # a scheduler that is gone or does not answer need not know
            client.close(timeout=2)


@cli.command("mnist", cls=ManyValues)
@experiment_options(of=Training)
@click.option("--data", type=_PATH, help="Folder of MNIST's four IDX files.  [$STDYN_MNIST, or else fetched once]")
@click.option("--other-data", is_flag=True, help="Take a data set of MNIST's size that is not MNIST.")
@click.option("--workers", type=int, help="Number of worker processes.  [all cores]")
@click.option("--output", "-o", type=_PATH, help="The file to write.  [data/mnist_WIDTHS.h5]")
@_figures
@_format
@click.option("--write-config", type=_PATH, help="Write the training as a TOML file, and do nothing else.")
@click.option("--force", is_flag=True, help="Begin anew if the file exists.")
def mnist_command(
    training: Training, data: Path | None, other_data: bool, workers: int | None, output: Path | None, figures: Path,
    suffix: str, write_config: Path | None, force: bool,
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
        _write_text(write_config, to_toml(training), force)
        return
    from stdyn.figures import layerplot
    from stdyn.layered.runs import train

    target = output or Path(f"data/mnist_{'-'.join(map(str, training.widths)) or 'none'}.h5")
    if not _exists(target):
        _target(target, False)
    _folder(figures)
    try:
        with _workers(workers, len(training.runs)) as executor:
            threads = 1 if workers == 1 else None
            found = train(
                training, target, data, executor, other_data=other_data, threads=threads, overwrite=force,
                progress=True,
            )  # fmt: skip
    except (TrainingInterrupted, TrainingStopped) as stopped:
        raise Stopped(str(stopped)) from None
    click.echo(f"{found.text()}\nwrote {target}")
    if all(found.diverged):
        raise Stopped("every training diverged")
    _save_figures(layerplot.figures(found.histories), figures, target.stem, suffix)


@cli.command("theory")
@experiment_options(without=("method", "normals", "reduced_runs"), alpha_max=1e4, points=201)
@click.option("--vary", "-v", multiple=True, metavar="NAME=VALUES", help="A quantity to vary: eta, N, sigma, …")
@click.option("--starts", type=int, help="Random starts from which fixed points are looked for.  [200]")
@click.option("--name", default="theory", help="What the names of the files begin with.  [theory]")
@_data
@_figures
@_format
@_force
def theory_command(
    experiment: Experiment,
    vary: tuple[str, ...],
    starts: int | None,
    name: str,
    data: Path,
    figures: Path,
    suffix: str,
    force: bool,
) -> None:
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
    from stdyn.checks import integer, number
    from stdyn.figures import theoryplot
    from stdyn.scans.studies import study
    from stdyn.scans.variations import Variations
    from stdyn.theory.expansion import check_smooth

    experiment.check()
    check_smooth(experiment.problem(experiment.rules[0]))
    _plain(name)
    if not vary:
        number("eta", experiment.eta, 1e-300)
        _theory(experiment, 200 if starts is None else starts, name, data, figures, suffix, force)
        return
    if len(vary) > 1:
        raise InputError(f"vary must be one quantity, but {len(vary)} are given: {', '.join(vary)}")
    if starts is not None:
        raise InputError(
            f"starts is of no use with vary, but is {starts}: no fixed points are looked for from random starts"
        )
    quantity, values = _assignment(vary[0])
    if isinstance(values, dict) and "number" not in values:
        raise InputError(
            f"vary must give {quantity} a list of values or a table with from, to and number, but is {vary[0]}"
        )
    variations = Variations(experiment, {quantity: values})
    if quantity == "N":
        sizes = [integer("N", N, experiment.K + experiment.M) for N in variations.axes["N"]]
        _size_study(experiment, sizes, name, data, figures, suffix, force)
        return
    target = _target(data / f"{name}_against_{quantity.replace('=', '_')}.csv", force)
    _folder(figures)
    found = study(variations, experiment.alphas(), progress=True)
    click.echo(found)
    _write_text(target, found.csv(), force)
    _save_figures(theoryplot.study_figures(found), figures, name, suffix)
    if found.interrupted:
        raise Stopped(f"interrupted after {len(found.values)} of {len(variations.axes[quantity])} values")


def _theory(
    experiment: Experiment, starts: int, name: str, data: Path, figures: Path, suffix: str, force: bool
) -> None:
    """Plateaus, fixed points and spectra of one experiment."""
    from stdyn.analysis.escape import plateaus
    from stdyn.checks import integer
    from stdyn.figures import theoryplot
    from stdyn.scans.studies import report
    from stdyn.theory.fixedpoints import fixed_points, merged

    integer("starts", starts, 0)
    targets = {rule: _target(data / f"{name}_{rule}_ode.h5", force) for rule in experiment.rules}
    _folder(figures)
    results = []
    for rule, target in targets.items():
        theory = _solve("ode", experiment, rule, target, force)
        found = plateaus(theory)
        points = fixed_points(theory.problem, number_of_starts=starts, rng=experiment.rng("samples"))
        points = merged([*points, *(plateau.saddle for plateau in found if plateau.saddle is not None)])
        click.echo(f"\n{report(theory, found, points)}\n")
        results.append((theory, found, points))
    _save_figures({"plateaus": theoryplot.plateaus_figure(results)}, figures, name, suffix)


def _size_study(
    experiment: Experiment, sizes: list[int], name: str, data: Path, figures: Path, suffix: str, force: bool
) -> None:
    """When runs leave the plateau of a symmetric start, predicted for every N and by reduced runs at these."""
    import numpy as np

    from stdyn.analysis.escape import escape_times, time_below
    from stdyn.figures import theoryplot

    rules = experiment.rules
    targets = {(rule, N): _target(data / f"{name}_{rule}_N{N}.h5", force) for rule in rules for N in sizes}
    _folder(figures)
    laws = {rule: escape_times(experiment.problem(rule), rng=experiment.rng("samples")) for rule in rules}
    results: list[tuple[Problem, EscapeTimes, dict[int, Array]]] = []
    for rule, times in laws.items():
        problem = experiment.problem(rule)
        seen: dict[int, Array] = {}
        for N in sizes:
            last = 1.1 * float(np.percentile(times.at(N), 99))
            alphas = np.unique(np.rint(np.linspace(0, last, 1001) * N)) / N
            seed = experiment.seed + len(results) * len(sizes) + len(seen)  # so that runs of other N are independent
            other = replace(experiment, seed=seed, runs=experiment.runs or min(1000, max(16, round(1e9 / (N * last)))))
            ensemble = _simulate("reduced", other, replace(problem, N=N), alphas, targets[rule, N], force)
            seen[N] = time_below(ensemble.alphas, ensemble.eps_g, times.level)
        click.echo(f"{times.report(rule, seen)}\n")
        results.append((problem, times, seen))
    _save_figures({"escape": theoryplot.escape_figure(results)}, figures, name, suffix)


@cli.command("plot")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option(
    "--name", help="What the names of the figures begin with.  [stdyn; of a scan or a training the name of its file]"
)
@click.option("--value", help="Of a scan: what its map shows.  [plateau_length]")
@click.option("--x", help="Of a scan: the quantity across.  [the first that varies]")
@click.option("--y", help="Of a scan: the quantity upwards.  [the second that varies]")
@_figures
@_format
def plot_command(files: tuple[Path, ...], name: str | None, figures: Path, suffix: str, **of_scan: str | None) -> None:
    """Draw the figures of saved trajectories, of a scan, or of a training.

    Simulation and theory of the same problem are laid on each other, in the bands of its fluctuations if the file that
    stdyn compare writes of them is given too. Problems with different numbers of outputs are drawn side by side on one
    page. Of a scan: a map of a number of its summary over two varied quantities, histograms, FA against BP of the same
    starts, and some of its trajectories. Of a training (stdyn mnist): its errors and angles; with trajectories, the
    alignment of both on one page.
    """
    from stdyn.files.format import READERS
    from stdyn.files.store import kind
    from stdyn.model.trajectory import load

    kinds = {file: kind(file) for file in files}
    of = {each: [file for file in files if kinds[file] == each] for each in READERS}
    given = {option: value for option, value in of_scan.items() if value is not None}
    if given and not of["scan"]:
        raise InputError(f"{', '.join(given)}: options for scans, but {files[0]} holds a {kinds[files[0]]}")
    for each in ("scan", "training"):
        others = [file for file in files if kinds[file] != "trajectory" or each == "scan"]
        if of[each] and len(others) > 1:
            raise InputError(f"{of[each][0]} holds a {each}, which is drawn alone, but {len(others)} files are given")
    drawn: dict[str, Any]
    if of["scan"]:
        from stdyn.figures import scanplot
        from stdyn.scans.scanfile import open_scan

        drawn = scanplot.figures(open_scan(files[0]), **given)
    elif of["training"]:
        from stdyn.figures import layerplot
        from stdyn.layered.trainingfile import open_training

        found = open_training(of["training"][0])
        histories = found.histories
        if not histories:
            raise InputError(f"{found.path} holds no network that has begun, there is nothing to draw")
        trajectories = [load(file) for file in of["trajectory"]]
        both = {"alignments": layerplot.alignment_page(trajectories, histories)} if trajectories else {}
        drawn = both or layerplot.figures(histories)
    else:
        from stdyn.figures import outputplot, theoryplot
        from stdyn.theory.fluctuations import load_fluctuations

        trajectories = [load(file) for file in of["trajectory"]]
        drawn = outputplot.figures(trajectories) if trajectories else {}
        predictions = [load_fluctuations(file) for file in of["fluctuations"]]
        drawn |= theoryplot.fluctuations_figures(predictions, trajectories)
    usual = "stdyn" if of["trajectory"] or of["fluctuations"] else files[0].stem
    _save_figures(drawn, _folder(figures), _plain(name or usual), suffix)


@cli.command("info")
@click.argument("file", type=_PATH)
def info_command(file: Path) -> None:
    """Say what is in a saved file."""
    from stdyn.files.store import kind

    there = kind(file)
    if there == "scan":
        from stdyn.scans.scanfile import open_scan

        click.echo(open_scan(file).text())
    elif there == "training":
        from stdyn.layered.trainingfile import open_training

        click.echo(open_training(file).text())
    elif there == "fluctuations":
        from stdyn.theory.fluctuations import load_fluctuations

        found = load_fluctuations(file)
        click.echo(f"{found}\n{found.theory.summary()}")
    else:
        from stdyn.model.trajectory import load

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


def _fluctuations(experiment: Experiment, rule: str, target: Path, force: bool) -> "Fluctuations":
    from stdyn.theory.fluctuations import fluctuations

    began = perf_counter()
    found = fluctuations(
        experiment.problem(rule),
        experiment.alphas(),
        method=experiment.ode_method,
        rtol=experiment.rtol,
        progress=True,
    )
    found.save(target, overwrite=force)
    click.echo(f"wrote {target}  ({perf_counter() - began:.1f} s)")
    return found


def _integrate(experiment: Experiment, problem: "Problem", alphas: "Array", target: Path, force: bool) -> "Trajectory":
    from stdyn.theory.ode import integrate

    return _save(integrate(problem, alphas, experiment.ode_method, experiment.rtol), target, force)


def _simulate(
    method: str, experiment: Experiment, problem: "Problem", alphas: "Array", target: Path, force: bool
) -> "Trajectory":
    from stdyn.simulation.runs import simulate_network, simulate_reduced

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
    from stdyn.figures import plot

    _save_figures(plot.figures(results), folder, name, suffix)


def _save_figures(drawn: dict[str, Any], folder: Path, name: str, suffix: str) -> None:
    for figure_name, figure in drawn.items():
        path = folder / f"{name}_{figure_name}.{suffix}"
        verb = "replaced" if path.exists() else "wrote"
        figure.savefig(path)
        click.echo(f"{verb} {path}")


def _folder(path: Path) -> Path:
    from stdyn.files.paths import check_folder

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
    from stdyn.files.paths import check_target

    if _exists(path):
        check_target(path, force)
    _folder(path.parent)
    return check_target(path, force)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        raise InputError(f"the folder {path.parent} cannot be searched: permission denied") from None


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
