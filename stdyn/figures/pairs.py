"""Which simulation is laid on which theory, and what a figure says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stdyn.analysis.comparison import match_teachers
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.model.problem import RATES, Problem
from stdyn.model.trajectory import Trajectory
from stdyn.text import without_markup

_FEWEST_SIZES = 3  # of one problem, to be drawn against N


@dataclass(frozen=True, eq=False)
class Pair:
    """Theory and simulations of one problem, any of which may be missing; teacher units of the runs are matched."""

    theory: Trajectory | None = None
    runs: Trajectory | None = None  # of the network: markers
    reduced: Trajectory | None = None  # bands

    @property
    def problem(self) -> Problem:
        return self.either.problem

    @property
    def either(self) -> Trajectory:
        """The theory if there is one, else runs."""
        found = self.theory or self.runs or self.reduced
        assert found is not None
        return found


def pair_up(trajectories: list[Trajectory]) -> list[Pair]:
    """Theory and simulations of the same problem put together, in the order of their first appearance."""
    pairs: list[Pair] = []
    for trajectory in trajectories:
        slot = "theory" if trajectory.runs is None else "reduced" if trajectory.method == "reduced" else "runs"
        for position, pair in enumerate(pairs):
            if getattr(pair, slot) is None and pair.problem.difference(trajectory.problem) is None:
                pairs[position] = replace(pair, **{slot: trajectory})
                break
        else:
            pairs.append(Pair(**{slot: trajectory}))
    return [_matched(pair) for pair in pairs]


def _matched(pair: Pair) -> Pair:
    theory, runs, reduced = pair.theory, pair.runs, pair.reduced
    if theory is None:
        return pair
    return Pair(theory, *(each and match_teachers(each, theory) for each in (runs, reduced)))


def families(trajectories: list[Trajectory]) -> list[list[Trajectory]]:
    """Each theory with the ensembles of its problem at several N, from the smallest on; three N at least."""
    found = []
    for theory in (each for each in trajectories if each.runs is None):
        by_size = {
            each.problem.N: each
            for each in trajectories
            if each.runs is not None and replace(each.problem, N=theory.problem.N).difference(theory.problem) is None
        }
        if len(by_size) >= _FEWEST_SIZES:
            found.append([theory, *(by_size[N] for N in sorted(by_size))])
    return found


def with_feedback(pairs: list[Pair]) -> list[Pair]:
    """Those of feedback alignment."""
    return [pair for pair in pairs if pair.problem.rule == "fa"]


def check_not_empty(trajectories: list[Trajectory]) -> None:
    """Refuse a trajectory without an alpha."""
    if any(len(trajectory.alphas) == 0 for trajectory in trajectories):
        raise InputError("there is nothing to draw in a trajectory that diverged before its first alpha")


def distinctions(pairs: Sequence[Pair]) -> list[str]:
    """For each of several problems, the parameters in which they differ, or its number if only the starts do."""
    names = ("O", "N", "activations_text", *RATES)
    values = [{"O": pair.problem.outputs} | {name: getattr(pair.problem, name) for name in names[1:]} for pair in pairs]
    differ = [name for name in names if len({value[name] for value in values}) > 1]
    return [
        ", ".join(f"{name} = {without_markup(str(value[name]))}" for name in differ) or f"start {number}"
        for number, value in enumerate(values, 1)
    ]


def caption(pair: Pair, rule: bool = True, markers: str = "mean ± s.d.") -> str:
    """The parameters in one line, and in another what lines and markers are."""
    runs, reduced = pair.runs, pair.reduced
    name = f"{pair.problem.rule.upper()}, " if rule else ""
    drawn = [] if pair.theory is None else ["lines: ODEs"]
    drawn += [] if runs is None else [f"markers: {markers} of {runs.runs} runs at N = {pair.problem.N}"]
    drawn += [] if reduced is None or rule is False else [f"bands: {markers} of {reduced.runs} reduced runs"]
    return name + style.parameters(pair.problem) + ("\n" + "; ".join(drawn) if markers else "")
