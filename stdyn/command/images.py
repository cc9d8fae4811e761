"""stdyn compare --images: theory of the measured spectrum of images beside networks that learn from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from stdyn.command.choices import offering
from stdyn.command.options import on_command_line, refuse_options
from stdyn.command.output import Output
from stdyn.command.solving import Job, check_recorded, going_on, say_comparisons
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive
from stdyn.text import shown

if TYPE_CHECKING:
    from stdyn.checks import Array
    from stdyn.model.inputs import Inputs
    from stdyn.model.trajectory import Trajectory

_USUAL = {
    "K": 2, "M": 2, "eta": 0.2, "eta_v": 0.2, "teacher": "random", "method": "network", "points": 61
}  # fmt: skip
_OF_IMAGES = ("repeat", "groups", "other_data")
_SHOWN = "mnist"
_OTHER_TEACHERS = {"tasks": None, "T": None, "R": None, "Q": None, "start": "random"}  # and what says nothing
_FEWEST = 2  # images a direction: variances of P < N of them are those of the set, and N is P - 1


@dataclass(frozen=True)
class Shown:
    """Images to learn from and to test with, along their principal axes, and the spectrum of the former."""

    train: "Array"
    test: "Array"
    inputs: "Inputs"
    repeat: bool

    @property
    def said(self) -> str:
        """What they are, in words."""
        P, N = self.train.shape
        how = "again and again" if self.repeat else "each at most once in a run"
        spread = "" if self.inputs.groups == N else f" in {self.inputs.groups} groups"
        return f"{P} images in N = {N} directions{spread}, {how}; {len(self.test)} to test with"


def images_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --images and what goes with it."""

    @wraps(function)
    def command(*arguments: Any, **options: Any) -> None:
        if options["images"] is None:
            for name in _OF_IMAGES:
                if options[name]:
                    raise InputError(f"{name} is of no use without --images, but is {options[name]}")
        function(*arguments, **options)

    for add in reversed(
        (
            click.option(
                "--images",
                shell_complete=offering(_SHOWN, folders=True),
                help="Learn from images with a teacher drawn in input space: mnist ($STDYN_MNIST, or else fetched"
                " once), or a folder with such IDX files. N, --inputs and, without --repeat, the largest --alpha-max"
                " are theirs. No fluctuations are predicted. Usual are K = M = 2, eta = eta_v = 0.2, teacher random,"
                " method network, points 61.",
            ),
            click.option("--repeat", is_flag=True, help="Take the images again and again.  [each at most once]"),
            click.option(
                "--groups", type=int, help="Groups of the images' spectrum, even in its logarithm.  [one a direction]"
            ),
            click.option("--other-data", is_flag=True, help="Take images of MNIST's size that are not MNIST."),
        )
    ):
        command = add(command)
    return command


def of_images(options: dict[str, Any], in_file: dict[str, Any]) -> dict[str, Any]:
    """What is usual where images are learned from; reads them, and puts them in the place of the option."""
    if options["images"] is None:
        return {}
    refuse_options(("N", "inputs", "write_config"), "--images")
    _check_not_given(in_file)
    from stdyn.checks import integer
    from stdyn.layered import mnist
    from stdyn.model.inputs import Inputs

    if options["groups"] is not None:
        integer("groups", options["groups"], 1)
    given = options["images"]
    folder = mnist.folder_of(None if given == _SHOWN else given, progress=interactive(), name="--images")
    found = mnist.read(folder, options["other_data"], "--images")
    try:
        train, test = found.principal()
    except InputError as error:
        raise InputError(f"--images {folder}: {error}") from None
    P, N = train.shape
    if P < _FEWEST * N:
        raise InputError(
            f"--images {folder}: images must be at least {_FEWEST} times as many as the directions they vary in, but"
            f" {P} vary in {N}"
        )
    inputs = Inputs.from_eigenvalues(_rounded(train.var(axis=0)), options["groups"], "log")
    options["images"] = Shown(train, test, inputs, options["repeat"])
    of_them: dict[str, Any] = {"N": N, "inputs": inputs.described}
    for name, value in of_them.items():
        if name in in_file and in_file[name] != value:
            raise InputError(f"{name} cannot be given with --images, of which it is, but is {shown(in_file[name])}")
    return _USUAL | of_them | {"alpha_max": P / N}


def _check_not_given(in_file: dict[str, Any]) -> None:
    """Refuse what is of no use beside images, whose random teacher has the overlaps that it is drawn with."""
    given = click.get_current_context().params
    for name, usual in _OTHER_TEACHERS.items():
        value = in_file.get(name) if given[name] is None else given[name]
        if value not in (None, usual):
            raise InputError(
                f"{name} cannot be given with --images, whose student and teacher are drawn at random in input space,"
                f" but is {shown(value)}"
            )
    if given["predict"] and on_command_line("predict"):
        raise InputError("--fluctuations is of no use with --images: none are predicted for given examples")


def _rounded(variances: "Array") -> "Array":
    """To 6 digits: the last ones depend on the threads of BLAS, and files made with others are to be taken over."""
    import numpy as np

    return np.array([float(f"{each:.5e}") for each in variances])


@dataclass(frozen=True)
class OnImages(Job):
    """Networks that learn from images."""

    images: Any = field(default=None, compare=False)

    @classmethod
    def shown(cls, experiment: Experiment, rule: str, images: Shown) -> "OnImages":
        """The problem of one rule of an experiment."""
        return cls("network", experiment, experiment.problem(rule), experiment.alphas(), images)

    def check(self) -> None:
        """Refuse what there are too few images for, too."""
        super().check()
        P, N = self.images.train.shape
        batch, last = self.problem.batch, self.alphas[-1]
        if not self.images.repeat and round(last * N) * batch > P:
            raise InputError(
                f"alpha_max must be at most {P // batch / N:.6g}, when each of the {P} images has been taken, but is"
                f" {last:.6g} (--repeat takes them again and again)"
            )

    def _settings(self) -> dict[str, Any]:
        how = "again and again, in a new order each time" if self.images.repeat else "each at most once"
        return super()._settings() | {
            "examples": f"{len(self.images.train)} that were given, {how}",
            "test": f"{len(self.images.test)} examples that were given",
        }

    def _solve(self) -> "Trajectory":
        from stdyn.simulation.runs import simulate_network

        of, images, count = self.experiment, self.images, self.experiment.number_of_runs("network")
        N, last = self.problem.N, self.alphas[-1]
        click.echo(f"{self.problem.rule}: {count} networks on images, N = {N}, to alpha = {last:.6g} …")
        return simulate_network(
            self.problem, self.alphas, count, rng=of.rng("network"), normals=of.normals, progress=interactive(),
            examples=images.train, repeat=images.repeat, test=images.test,
        )  # fmt: skip


def _say_binning(job: Job) -> None:
    """Say what half as many groups change, where several eigenvalues are in one."""
    if not 1 < job.problem.inputs.groups < job.problem.N:
        return
    from stdyn.theory.binning import binning_error

    change = binning_error(job.problem, job.alphas, method=job.experiment.ode_method, rtol=job.experiment.rtol)["eps_g"]
    furthest = int(change.argmax())
    at = f"{change[furthest]:.2g}, at alpha = {job.alphas[furthest]:.4g}"
    click.echo(f"{job.problem.rule}: half as many groups change eps_g by up to {at}")


def compare_images(experiment: Experiment, images: Shown, output: Output) -> None:
    """Lay networks on images, and on Gaussian inputs of their spectrum, on the theory."""
    experiment.check(fewest_runs=2)
    from stdyn.analysis import onexamples
    from stdyn.figures import inputplot, plot, style
    from stdyn.figures.pairs import pair_up

    rules, solved = experiment.rules, ("ode", "images", *experiment.methods)
    jobs = {
        (rule, kind): OnImages.shown(experiment, rule, images) if kind == "images" else Job.of(kind, experiment, rule)
        for rule in rules
        for kind in solved
    }
    for job in jobs.values():
        job.check()
    names = [*(f"{rule}_order_parameters" for rule in rules), "examples"]
    targets = output.targets(jobs, names)
    click.echo(images.said)
    results: dict[str, list[Trajectory]] = {}
    with going_on():
        for rule in rules:
            _say_binning(jobs[rule, "ode"])
            results[rule] = [jobs[rule, kind].solved(targets[rule, kind]) for kind in solved]
            say_comparisons(results[rule][1:], results[rule][0])
            click.echo(f"{onexamples.table(*results[rule][:3])}\n")
    check_recorded([each for some in results.values() for each in some], [each.path for each in targets.values()])

    def draw() -> dict[str, Any]:
        drawn = {
            f"{rule}_order_parameters": plot.order_parameters_figure(pair_up(some[:2])[0])
            for rule, some in results.items()
        }
        held: list[Any] = [(style.rule(rule), some[0], some[1], some[2]) for rule, some in results.items()]
        return drawn | {"examples": inputplot.examples_figure(held)}

    output.draw(draw, [target.path for target in targets.values()])
