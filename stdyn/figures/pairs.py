"""Which simulation is laid on which theory, and what a figure says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stdyn.analysis.matching import match_teachers
from stdyn.errors import InputError
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked
from stdyn.model.problem import RATES, Problem
from stdyn.model.schedule import Schedule
from stdyn.model.trajectory import Trajectory

_FEWEST_SIZES = 3  # of one problem, to be drawn against N
_FEWEST_RUNS = 8  # at each of them
_CALLED = {"activations_text": "activation"}
_REGIME = ("mixture", "inputs", "tasks", "batch", "flow", "sphere")
_NAMES = ("K", "M", "O", "N", "activations_text", *RATES, *_REGIME)  # parameters that problems are told apart by
_YES = {"flow": ("gradient flow", "online learning"), "sphere": ("on the sphere", "not on the sphere")}


@dataclass(frozen=True, eq=False)
class Pair:
    """Theory and simulations of one problem, any of which may be missing; teacher units of the runs are matched.

    Parameters
    ----------
    theory : Trajectory, optional
        The solution of the ODEs: lines.
    runs : Trajectory, optional
        Network runs: markers.
    reduced : Trajectory, optional
        Reduced runs: bands.

    See Also
    --------
    pair_up : Which makes them.

    Examples
    --------
    >>> stdyn.plot.Pair(theory).problem == problem
    True
    """

    theory: Trajectory | None = None
    runs: Trajectory | None = None  # of the network: markers
    reduced: Trajectory | None = None  # bands

    @property
    def problem(self) -> Problem:
        """What was solved."""
        return self.either.problem

    @property
    def all(self) -> list[Trajectory]:
        """Those that are there."""
        return [each for each in (self.theory, self.runs, self.reduced) if each is not None]

    @property
    def either(self) -> Trajectory:
        """The theory if there is one, else runs."""
        found = self.theory or self.runs or self.reduced
        assert found is not None
        return found


@checked
def pair_up(trajectories: Sequence[Trajectory]) -> list[Pair]:
    """Theory and simulations of the same problem put together, in the order of their first appearance.

    Parameters
    ----------
    trajectories : list of Trajectory
        Of the theory, of network runs and of reduced runs, in any order.

    Returns
    -------
    list of Pair
        With teacher units of the runs numbered as those of the theory.

    See Also
    --------
    stdyn.match_teachers : Which numbers them.

    Examples
    --------
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> pair.runs.runs
    8
    """
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
            if _enough(each) and replace(each.problem, N=theory.problem.N).difference(theory.problem) is None
        }
        if len(by_size) >= _FEWEST_SIZES:
            found.append([theory, *(by_size[N] for N in sorted(by_size))])
    return found


def _enough(runs: Trajectory) -> bool:
    """Whether there are as many runs that have not diverged as the scatter of their mean can be told from."""
    if runs.runs is None:
        return False
    diverged = 0 if runs.diverged_at is None else int(np.isfinite(runs.diverged_at).sum())
    return runs.runs - diverged >= _FEWEST_RUNS and len(runs.alphas) > 0


def with_feedback(pairs: list[Pair]) -> list[Pair]:
    """Those whose learning rule has feedback weights b."""
    return [pair for pair in pairs if pair.problem.b is not None]


def check_not_empty(trajectories: list[Trajectory]) -> None:
    """Refuse a trajectory without an alpha."""
    if any(len(trajectory.alphas) == 0 for trajectory in trajectories):
        raise InputError("there is nothing to draw in a trajectory that diverged before its first alpha")


def differing(problems: Sequence[Problem]) -> list[str]:
    """The parameters in which problems differ; not in a mixture that only some of the rules have."""
    values = {name: {_value(each, name) for each in problems} for name in _NAMES}
    values["mixture"].discard(None)
    return [name for name in _NAMES if len(values[name]) > 1]


def common(problems: Sequence[Problem]) -> str:
    """The parameters that all these problems have, in one line; a mixture that some of the rules have is said so."""
    mixed, others = next((each for each in problems if each.mixture is not None), problems[0]), differing(problems)
    if "mixture" in others or all(each.mixture == mixed.mixture for each in problems):
        return style.parameters(mixed, others)
    of_some = f"{style.rule(mixed.rule)} with {style.label('mixture')} = {style.rate(mixed.mixture)}"
    return f"{style.parameters(mixed, [*others, 'mixture'])}, {of_some}"


def names(pairs: Sequence[Pair]) -> list[tuple[style.Look, str]]:
    """Look and name of each problem: those of its rule and the distinctions; where a rule repeats, another colour."""
    looks = [style.RULES[pair.problem.rule] for pair in pairs]
    called = [style.rule(pair.problem.rule) for pair in pairs]
    if len(set(called)) < len(pairs):
        colours = style.colours(len(pairs))
        looks = [style.Look(colours[n], style.marker(n), look.dash) for n, look in enumerate(looks)]
    if len(set(called)) < len(pairs) or differing([pair.problem for pair in pairs]):
        called = [", ".join(filter(None, each)) for each in zip(called, distinctions(pairs), strict=True)]
    return list(zip(looks, called, strict=True))


def distinctions(pairs: Sequence[Pair]) -> list[str]:
    """For each of several problems, the parameters in which they differ; and numbers of what else does.

    Those that have all parameters in common have the number of their start, those of one start that of their b, and
    results of one problem a number.
    """
    problems = [pair.problem for pair in pairs]
    called = {name: _CALLED.get(name, name) for name in differing(problems)}
    if {"eta", "eta_v"} <= called.keys() and all(each.eta == each.eta_v for each in problems):
        del called["eta_v"]
        called["eta"] = "eta = eta_v"
    values = {name: [_value(each, name) for each in problems] for name in called}
    if "batch" in values:  # of which gradient flow has none
        values["batch"] = [None if each.flow else each.batch for each in problems]
    written = {name: _written(said, values[name]) for name, said in called.items()}
    parts = [[texts[number] for texts in written.values() if texts[number]] for number in range(len(pairs))]
    rules = [each.rule for each in problems]
    _number(parts, [""] * len(pairs), [each.start for each in problems], ["start"] * len(pairs))
    _number(parts, rules, problems, ["b"] * len(pairs))
    words = ["solution" if pair.runs is pair.reduced is None else "runs" for pair in pairs]
    _number(parts, rules, list(range(len(pairs))), words)
    return [", ".join(each) for each in parts]


def _number(parts: list[list[str]], rules: Sequence[str], things: Sequence[object], words: Sequence[str]) -> None:
    """Add to parts that are alike, of one rule, the numbers of the things, where these are several."""
    known: dict[tuple[str, ...], list[object]] = {}
    keys = [(rule, *texts) for rule, texts in zip(rules, parts, strict=True)]
    for key, thing in zip(keys, things, strict=True):
        if thing not in known.setdefault(key, []):
            known[key].append(thing)
    for texts, key, thing, word in zip(parts, keys, things, words, strict=True):
        if len(known[key]) > 1:
            texts.append(f"{word} {known[key].index(thing) + 1}")


def _value(problem: Problem, name: str) -> object:
    return problem.outputs if name == "O" else getattr(problem.start if name in ("K", "M") else problem, name)


def _written(name: str, values: Sequence[object]) -> list[str]:
    """The values as texts, with as few digits as tell them apart; those that look alike have a number."""
    tried = [[_text(name, value, digits) for value in values] for digits in range(3, 17)]
    texts = max(tried, key=lambda some: len(set(some)))  # the first of those that tell most apart
    known = list(dict.fromkeys(zip(texts, values, strict=True)))
    alike = {text: [value for other, value in known if other == text] for text in texts if text}
    return [
        f"{text} ({alike[text].index(value) + 1})" if len(alike.get(text, ())) > 1 else text
        for text, value in zip(texts, values, strict=True)
    ]


def _text(name: str, value: object, digits: int) -> str:
    """A parameter and its value; nothing if it has none."""
    if name in _YES:
        return _YES[name][not value]
    if name in ("tasks", "inputs"):
        return getattr(style, name)(value)
    if value is None:
        return ""
    if name == "batch":
        return style.batch(value)  # type: ignore[arg-type]
    said = style.rate(value, digits) if isinstance(value, float | Schedule) else style.named(str(value))
    return f"{name} = {said}"


def caption(pairs: Sequence[Pair], rule: bool = True, markers: str = "mean ± s.d.") -> str:
    """The parameters that all have in one line, and in another what lines and markers are."""
    rules = {pair.problem.rule for pair in pairs}
    name = style.rule(pairs[0].problem.rule) if rule and len(rules) == 1 else ""
    same = ", ".join(filter(None, (name, common([pair.problem for pair in pairs]))))
    drawn = ["lines: ODEs"] if any(pair.theory for pair in pairs) else []
    for kind, word in (("runs", "markers"), ("reduced", "bands")):
        found = [runs for pair in pairs if (runs := getattr(pair, kind)) is not None]
        if found and (kind == "runs" or rule):
            drawn.append(_ensembles(found, kind, word, markers))
    if any(diverged(runs) for pair in pairs for runs in (pair.runs, pair.reduced)):
        drawn.append("runs that diverge are left out from there on")
    drawn += filter(None, [jumps.said(each for pair in pairs for each in pair.all)])
    return "\n".join(filter(None, (same, "; ".join(drawn) if markers else "")))


def _ensembles(found: Sequence[Trajectory], kind: str, word: str, markers: str) -> str:
    """What markers or bands are: so many runs of one size; a single reduced run is a line."""
    counts, sizes = {runs.runs or 0 for runs in found}, {runs.problem.N for runs in found}
    of = "reduced run" if kind == "reduced" else "run"
    number = style.counted(counts.pop(), of) if len(counts) == 1 else f"{of}s"
    number += " on given examples" if all("examples" in runs.attributes for runs in found) else ""
    at = f" at N = {sizes.pop()}" if len(sizes) == 1 and kind == "runs" else ""
    if all(runs.runs == 1 for runs in found):
        return f"{'thin line' if kind == 'reduced' else word}{'s' * (kind == 'reduced')}: {number}{at}"
    return f"{word}: {markers} of {number}{at}"


def diverged(runs: Trajectory | None) -> bool:
    """Whether some of these runs, of several, have diverged."""
    if runs is None or runs.diverged_at is None or runs.runs is None:
        return False
    return runs.runs > 1 and bool(np.isfinite(runs.diverged_at).any())
