"""The points of a scan in numbers: which there are, by rule and in pairs, and what is drawn of them."""

import numpy as np

from stdyn.analysis.summary import OF_TASK, SUMMARY
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.scales import ROUNDING, percentiles, positive
from stdyn.model.problem import RATES, Problem
from stdyn.model.schedule import Schedule
from stdyn.scans.medians import over_runs
from stdyn.scans.points import DONE
from stdyn.scans.scanfile import Scan
from stdyn.text import shown

_OF_B = ("b", "b_norm", "b_smallest", "b_angle", "b_scale", "alignment_start", "alignment_final")  # BP has none

_ENDED = {"diverged_at": "not diverged", "failed_at": "not given up"}  # all else that may be infinite is of plateaus


def done(scan: Scan) -> np.ndarray:
    """Which points are done."""
    return scan.state == DONE


def example(scan: Scan) -> Problem:
    """The first point that is done."""
    return scan.problem(int(np.flatnonzero(done(scan))[0]))


def activations(scan: Scan) -> list[str]:
    """The activations of the points that are done, each once."""
    names, first = _of_activations(scan), dict[tuple[str, ...], int]()
    for point in np.flatnonzero(done(scan)):
        first.setdefault(tuple(str(scan.coordinates[name][point]) for name in names), int(point))
    return [style.named(scan.problem(point).activations_text) for point in first.values()]


def own_activation(scan: Scan, point: int) -> str:
    """The activations of this point where points differ in them, else nothing."""
    return style.named(scan.problem(int(point)).activations_text) if _of_activations(scan) else ""


def _of_activations(scan: Scan) -> list[str]:
    """The coordinates that are activations, of which there are several."""
    names = [name for name in scan.coordinates if "activation" in name]
    return [name for name in names if len(set(scan.coordinates[name][done(scan)])) > 1]


def by_rule(scan: Scan, *names: str) -> dict[str, np.ndarray]:
    """The points that are done, by rule; without backpropagation if one of these quantities is of b."""
    if "rule" in scan.coordinates:
        found = {rule: done(scan) & (scan.coordinates["rule"] == rule) for rule in style.RULES}
    else:
        found = {example(scan).rule: done(scan)}
    of_b = [name for name in names if _is_of_b(name)]
    found = {rule: points for rule, points in found.items() if points.any() and not (of_b and rule == "bp")}
    if not found:
        raise InputError(
            f"{of_b[0]} is of the feedback weights, which the points of {scan.path}, all of BP, do not have"
        )
    return found


def _is_of_b(name: str) -> bool:
    """Whether a quantity is of the feedback weights, all of them or, as b[0], one."""
    return name.partition("[")[0] in _OF_B


def pairs(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The points of FA and of BP that share their start: in all varied quantities but the rule they are the same."""
    others = [values for name, values in scan.coordinates.items() if name != "rule"]
    keys = list(zip(*others, strict=True)) if others else [()] * len(scan)
    found: dict[tuple[object, ...], dict[str, int]] = {}
    for point in np.flatnonzero(done(scan)):
        found.setdefault(keys[point], {})[scan.coordinates["rule"][point]] = int(point)
    both = [pair for pair in found.values() if {"fa", "bp"} <= pair.keys()]
    return np.array([pair["fa"] for pair in both], dtype=int), np.array([pair["bp"] for pair in both], dtype=int)


def numbers(scan: Scan, name: str, argument: str = "name") -> Array:
    """A varied quantity or a number of the summary (of an ensemble the median over runs that have it), at every point.

    Infinite is what has not come to its end by the last alpha, NaN what is not there. Errors that are rounding are
    given as 1e-15.
    """
    if name in scan.coordinates and scan.coordinates[name].dtype.kind in "iuf":
        return scan.coordinates[name].astype(float)
    if name not in scan.summary:
        raise InputError(
            f"{argument}: {shown(name)} is not in {scan.path} as a number; there are {', '.join(_numeric(scan))}"
        )
    values = over_runs(scan.summary[name])
    return np.maximum(values, ROUNDING) if name.startswith("eps_g") else values


def _numeric(scan: Scan) -> list[str]:
    """What there is as a number: of what each task has the first and the last."""
    there = [each for each, values in scan.coordinates.items() if values.dtype.kind in "iuf"]
    there += [each for each in scan.summary if each in SUMMARY]
    for name in OF_TASK:
        of_tasks = [each for each in scan.summary if each.rpartition("_")[0] == name and each not in SUMMARY]
        there += of_tasks if len(of_tasks) < 3 else [of_tasks[0], "…", of_tasks[-1]]
    return there


def drawn_at(scan: Scan, name: str) -> Array:
    """The numbers, what has not come to its end at the last alpha; a plateau where the first turn of its task ends."""
    values = numbers(scan, name)
    return np.where(np.isinf(values), scan.alphas[-1] if name in _ENDED else first_turns(scan), values)


def first_turns(scan: Scan) -> Array:
    """The alpha at which the first turn of each point ends, where its plateau is no longer looked for."""
    last = float(scan.alphas[-1])
    ends = np.full(len(scan), last)
    if "forgetting_1" not in scan.summary:
        return ends
    of_tasks = [values for name, values in scan.coordinates.items() if "tasks." in name]
    keys = list(zip(*(of_tasks or [np.zeros(len(scan))]), strict=True))
    if "tasks" in scan.names:  # those of a list of problems
        keys = list(scan.read("tasks"))
    known: dict[object, float] = {}
    for point, key in enumerate(keys):
        if key not in known:
            tasks = scan.problem(point).tasks
            known[key] = min(last, *tasks.breaks[:1]) if tasks and tasks.breaks else last
        ends[point] = known[key]
    return ends


def there(scan: Scan, name: str) -> np.ndarray:
    """Which points are done and have this number."""
    return np.isfinite(numbers(scan, name)) & done(scan)


def varied(scan: Scan) -> list[str]:
    """The varied quantities that are numbers, have several values and are not just the draw."""
    rules = by_rule(scan)
    return [
        name
        for name, values in scan.coordinates.items()
        if name != "draw" and values.dtype.kind in "iuf" and len(np.unique(values)) > 1
        and not (_is_of_b(name) and list(rules) == ["bp"])
    ]  # fmt: skip


def endless(scan: Scan, name: str) -> str:
    """What an infinite number of this name means."""
    last = scan.alphas[-1]
    if name in _ENDED:
        return f"{_ENDED[name]} by {last:g}"
    ends = np.unique(first_turns(scan)[done(scan)])
    if (ends == last).all():
        return f"not left by {last:g}"
    return "not left in the first turn" + (f" (to {ends[0]:g})" if len(ends) == 1 else "")


def counted(scan: Scan, name: str, points: np.ndarray) -> str:
    """How many of these points have a finite number, and why the others have none; nothing if all have."""
    values = numbers(scan, name)[points]
    infinite, missing = int(np.isinf(values).sum()), int(np.isnan(values).sum())
    reasons = [f"{infinite} {endless(scan, name)}"] if infinite else []
    reasons += [f"{missing} without"] if missing else []
    return f": {len(values) - infinite - missing} of {len(values)} ({', '.join(reasons)})" if reasons else ""


def label(scan: Scan, name: str) -> str:
    """How a number is written on an axis; that some are rounding is said."""
    rounding = name.startswith("eps_g") and (numbers(scan, name)[done(scan)] <= ROUNDING).any()
    return style.on_axis(name) + (f"\n({ROUNDING:g}: rounding)" if rounding else "")


def parameters(scan: Scan) -> list[str]:
    """The rates and the regime that all points have; of a schedule or tasks whose numbers vary, which those are."""
    problem, within = example(scan), dict[str, list[str]]()
    varying = {part for name in scan.coordinates for part in name.split("=")}
    for name, _, number in (part.partition(".") for part in sorted(varying) if "." in part):
        within.setdefault(name, []).append(number)
    parts = []
    for name in RATES:
        value = getattr(problem, name)
        if name in within:
            parts.append(_schedule(name, value, within[name]))
        elif name not in varying and (name in ("eta", "eta_v") or value != 0):
            parts.append(f"{style.label(name)} = {style.rate(value)}")
    parts += style.regime(problem, varying | within.keys() | {"mixture"})
    if "tasks" in within:
        parts.append(style.tasks(problem.tasks, within["tasks"]))
    return parts + ([] if "mixture" in varying else _of_mixture(scan, within.get("mixture", [])))


def _schedule(name: str, value: Schedule | float | None, varying: list[str]) -> str:
    """A rate whose schedule has numbers that vary."""
    kind = f"{value.kind}, " if isinstance(value, Schedule) else ""
    return f"{style.label(name)} ({kind}{style.varies(varying)})"


def _of_mixture(scan: Scan, varying: list[str]) -> list[str]:
    """The mixture that all points of this rule have, and, where there are other rules, whose it is."""
    rules = by_rule(scan)
    if "mixed" not in rules:
        return []
    mixture = scan.problem(int(np.flatnonzero(rules["mixed"])[0])).mixture
    if mixture is None:
        return []
    said = _schedule("mixture", mixture, varying) if varying else f"{style.label('mixture')} = {style.rate(mixture)}"
    return [said if len(rules) == 1 else f"{style.rule('mixed')} with {said}"]


def curve(scan: Scan, point: int) -> Array:
    """eps_g of one point (of an ensemble the median over runs), for a logarithmic axis."""
    values = scan.read("eps_g", int(point))
    return positive(values if values.ndim == 1 else percentiles(values, [50])[0])
