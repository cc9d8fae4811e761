"""One problem solved by one method into one file; what is there of it already is taken over."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stdyn.command.output import Stopped, Target, interrupted, listed, note
from stdyn.errors import InputError, Interrupted
from stdyn.model.experiment import Experiment
from stdyn.progress import interactive

if TYPE_CHECKING:
    from stdyn.checks import Array
    from stdyn.model.problem import Problem
    from stdyn.model.trajectory import Trajectory
    from stdyn.theory.scatter import Fluctuations


_PREDICTED = 64  # numbers of a state by group at most, of which fluctuations are predicted without being asked for


@dataclass(frozen=True)
class Job:
    """A problem, the alphas at which it is to be solved, and how: "ode", "network", "reduced" or "fluctuations".

    The experiment says the rest: seed, number of runs, settings of the solver.
    """

    kind: str
    experiment: Experiment
    problem: "Problem"
    alphas: "Array"

    @classmethod
    def of(cls, kind: str, experiment: Experiment, rule: str) -> "Job":
        """The problem of one rule of an experiment."""
        return cls(kind, experiment, experiment.problem(rule), experiment.alphas())

    @property
    def simulated(self) -> bool:
        """Whether it is to be simulated."""
        return self.kind in ("network", "reduced")

    @property
    def size(self) -> int:
        """The bytes that its file will have at least: the order parameters of all runs."""
        runs = self.experiment.number_of_runs(self.kind) if self.simulated else 1
        layouts = {self.problem.layout, self.problem.state_layout}
        return 8 * runs * len(self.alphas) * sum(layout.size for layout in layouts)

    def check(self) -> None:
        """Refuse what would not fit into memory, or what its solver cannot take, before any work starts."""
        from stdyn.model.initial import coordinates
        from stdyn.simulation.runs import check_room, check_steps

        if self.simulated:
            check_room(self.kind, self.problem, self.experiment.number_of_runs(self.kind), len(self.alphas))
            check_steps(self.problem)
            coordinates(self.problem.start, self.problem.N)  # refused if no vectors of N dimensions have the overlaps

    def found(self, path: Path) -> "tuple[Trajectory | Fluctuations, bool]":
        """What is in the file, and whether it is complete; refuses a file of another experiment."""
        from stdyn.files.provenance import warn_of_versions
        from stdyn.model.trajectory import load
        from stdyn.theory.fluctuations import load_fluctuations

        try:
            there: Any = (load_fluctuations if self.kind == "fluctuations" else load)(path)
        except InputError as error:
            why: str | None = str(error)
        else:
            trajectory = there.theory if self.kind == "fluctuations" else there
            why = self._difference(trajectory)
        if why is not None:
            raise InputError(f"{path} exists and is not overwritten unless asked (--force); {why}")
        if "versions" in trajectory.attributes:
            warn_of_versions(path, trajectory.attributes)
        return there, "interrupted" not in trajectory.attributes

    def _difference(self, there: "Trajectory") -> str | None:
        """In what a trajectory is another one, in words; None if it is this one, or what there is of it."""
        import numpy as np

        wanted = self._settings()
        had: dict[str, Any] = {name: there.attributes.get(name) for name in wanted} | {
            "method": there.method,
            "runs": there.runs,
        }
        for name, value in wanted.items():
            if had[name] != value:
                return f"another experiment is in it: {name} is {had[name]!r} there and {value!r} here"
        different = _other_problem(there.problem, self.problem)
        if different is not None:
            return f"another experiment is in it{different}"
        N = self.problem.N
        alphas = np.unique(np.rint(self.alphas * N)) / N if self.simulated else self.alphas
        ends = (there.diverged_at, there.failed_at, there.attributes.get("interrupted"))
        ended = any(each is not None for each in ends)
        if not np.array_equal(there.alphas, alphas[: len(there.alphas)]) or (
            len(there.alphas) < len(alphas) and not ended
        ):
            return "another experiment is in it, with other alphas"
        return None

    def _settings(self) -> dict[str, Any]:
        """By what a file of this problem and method is recognised, beside the problem and the alphas."""
        of = self.experiment
        if not self.simulated:
            from stdyn.theory.ode import RTOL_OF_JUMPS

            rtol = of.rtol if self.problem.smooth else max(of.rtol, RTOL_OF_JUMPS)
            return {"method": "ode", "runs": None, "ode_method": of.ode_method, "rtol": rtol}
        from stdyn.simulation import streams

        seed = streams.seed(of.rng(self.kind))
        return {"method": self.kind, "runs": of.number_of_runs(self.kind), "normals": of.normals, "seed": seed}

    def solved(self, target: Target) -> Any:
        """Solve it into the file, unless that holds the solution already."""
        if target.complete:
            note(target.path)
            click.echo(f"{target.path} is there already")
            return target.found
        from stdyn.kernels import Stopwatch

        stopwatch = Stopwatch()
        try:
            found = self._solve()
        except KeyboardInterrupt as error:
            if isinstance(error, Interrupted) and hasattr(error.trajectory, "theory") == (self.kind == "fluctuations"):
                raise Stopped(_kept(error, target, stopwatch.seconds)) from None
            raise Stopped(f"interrupted before anything was recorded for {target.path}") from None
        target.save(found, getattr(found, "attributes", {}).get("wall_time", stopwatch.seconds))
        return found

    def _solve(self) -> "Trajectory | Fluctuations":
        of, problem, alphas = self.experiment, self.problem, self.alphas
        if self.kind == "ode":
            from stdyn.theory.ode import integrate

            return integrate(problem, alphas, of.ode_method, of.rtol, progress=interactive())
        if self.kind == "fluctuations":
            from stdyn.theory.fluctuations import fluctuations

            return fluctuations(problem, alphas, method=of.ode_method, rtol=of.rtol, progress=interactive())
        from stdyn.simulation.runs import simulate_network, simulate_reduced

        simulate = {"network": simulate_network, "reduced": simulate_reduced}[self.kind]
        count = of.number_of_runs(self.kind)
        click.echo(f"{problem.rule}: {count} {self.kind} runs of N = {problem.N} to alpha = {alphas[-1]:g} …")
        return simulate(problem, alphas, count, rng=of.rng(self.kind), normals=of.normals, progress=interactive())


def _other_problem(there: "Problem", here: "Problem") -> str | None:
    """In what a problem is another one, in words; None if it is the same."""
    from stdyn.model.activations import Activation
    from stdyn.model.shapes import Schedule
    from stdyn.text import message
    from stdyn.values import same

    found = here.difference(there)
    if found is None:
        return None
    if not same(there.tasks, here.tasks):  # which change T, and what M counts
        return ", with other tasks"
    if there.inputs != here.inputs:  # which change R, Q and T
        return ", with other inputs"
    sizes = [(each.start.K, each.start.M, each.outputs) for each in (there, here)]
    if sizes[0] != sizes[1]:
        return f": K, M and outputs are {sizes[0]} there and {sizes[1]} here"
    name = found.partition(":")[0]
    values = [getattr(each, name, None) for each in (there, here)]
    if not all(isinstance(each, Schedule | Activation | int | float | str) for each in values):
        return f", with another {name}"
    words = [message(f"{each:g}" if type(each) is float else str(each), 100) for each in values]
    return f": {name} is {words[0]} there and {words[1]} here" if words[0] != words[1] else f", with another {name}"


def unpredicted(problem: "Problem") -> str | None:
    """Why fluctuations of a problem are not predicted, in words; None if they are."""
    from stdyn.theory.expansion import too_many

    if problem.start.inputs is not None and problem.sphere:
        return "inputs are not isotropic, and the student's vectors keep their lengths"
    if too_many(problem, _PREDICTED):
        return (
            f"the state has {problem.state_layout.size} overlaps, in {problem.inputs.groups} groups, whose covariance"
            " takes long (stdyn.fluctuations computes it of up to 300)"
        )
    return None if problem.smooth else "g' of the students jumps, and averages are by quadrature"


def _kept(interrupted: Interrupted, target: Target, seconds: float) -> str:
    """Write what was recorded until it was interrupted, unless more is there already; where it is, in words."""
    found = interrupted.trajectory
    if target.found is not None and len(target.found.alphas) >= len(found.alphas):
        reached = target.found.alphas[-1]
        return f"{interrupted}; what was recorded before, to alpha = {reached:g}, is in {target.path}"
    target.save(found, seconds)
    return f"{interrupted}; what was recorded until then is in {target.path}"


@contextmanager
def going_on() -> Iterator[None]:
    """Say of what is interrupted that the same command takes over what is done."""
    try:
        yield
    except Stopped as stopped:
        raise Stopped(f"{stopped}; the same command goes on") from None
    except KeyboardInterrupt:
        words = interrupted(click.get_current_context().ensure_object(list))
        raise Stopped(f"{words}; the same command goes on") from None


def say_beyond(experiment: Experiment, varied: Collection[str] = ()) -> None:
    """Say of tasks and jumps that they are beyond the last alpha, as work starts; not of parameters that vary."""
    for name, words in experiment.beyond().items():
        if name not in varied:
            click.echo(f"stdyn: {words}", err=True)


def check_recorded(found: "Iterable[Trajectory]", files: Iterable[Path]) -> None:
    """Refuse to end as if all was well if nothing but the start could be recorded, of any."""
    if all(len(each.alphas) < 2 for each in found):
        raise Stopped(f"only the start was recorded, everything ended before the next alpha; it is in {listed(files)}")


def say_comparisons(simulated: "list[Trajectory]", theory: "Trajectory | Fluctuations") -> None:
    """A table for every ensemble of runs that can be compared with the theory."""
    from stdyn.analysis.comparison import compare

    for runs in simulated:
        try:
            click.echo(f"\n{compare(runs, theory)}")
        except InputError as error:  # as one has diverged too early; the others are compared
            click.echo(f"\n{runs.problem.rule}: {runs.method} runs: {error}")
    click.echo()


def solve_only_rule(kind: str, experiment: Experiment, path: Path, force: bool) -> None:
    """Solve an experiment of one rule into a file that holds nothing else; a complete one is refused."""
    if len(experiment.rules) > 1:
        raise InputError(
            'rule must be "fa", "bp", "kp" or "mixed" here, one file holds one problem; stdyn compare runs both'
        )
    experiment.check()
    job = Job.of(kind, experiment, experiment.rule)
    job.check()
    target = Target.checked(path, force, job)
    if target.complete:
        raise InputError(f"{path} exists, is complete and is not overwritten unless asked (--force)")
    target.reserve()
    say_beyond(experiment)
    check_recorded([job.solved(target)], [path])
