"""What all figures share: colours, markers and dashes, and what quantities and problems are called.

Up to seven colours are those of Okabe and Ito, safe for the colour-blind, with a marker or dash for each; more are
those of viridis, from dark to light. So the figures read in grey.
"""

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

from stdyn.model.inputs import Inputs
from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule
from stdyn.model.tasks import Tasks
from stdyn.text import counted, message, without_markup

_LONGEST = 24  # characters of a name in a figure
_POINTS = 3  # of a schedule that are each written
_RATE = 36  # characters of a schedule
_FORMULAS = {
    "hyperbolic": "{value}/(1 + α/{scale})",
    "power": "{value} (1 + α/{scale})^−{exponent}",
    "exponential": "{value} → {end} as e^(−α/{scale})",
    "cosine": "{value} → {end} as a cosine from {begin} in {scale}",
}

Dash = str | tuple[int, tuple[int, ...]]


class Look(NamedTuple):
    """How the curves of a rule or a problem look."""

    colour: str
    marker: str
    dash: str


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OUTPUT_MARKERS = ("o", "^", "D", "v", "X")
OUTPUT_DASHES: tuple[Dash, ...] = ("--", ":", "-.", (0, (6, 1)), (0, (4, 1, 1, 1, 1, 1)))
RULES = {
    "fa": Look("#D55E00", "s", "-"), "bp": Look("#0072B2", "o", "--"), "kp": Look("#000000", "D", ":"),
    "mixed": Look("#CC79A7", "v", "-."), "dfa": Look("#009E73", "^", "-."),
}  # fmt: skip
_WORDS = {"mixed": "mixed"}  # rules that have no short name in capitals
DASHES = ("-", "--", "-.", ":")  # of tasks
LABELS = {
    "alpha": r"$\alpha$ = examples / $N$",
    "alpha_of_batches": r"$\alpha$ = steps / $N$",
    "alpha_of_flow": r"$\alpha$ = time (gradient flow)",
    "alpha_of_flow_and_steps": r"$\alpha$ = steps / $N$ or time (gradient flow)",
    "eps_g": r"generalization error $\epsilon_g$",
    "eps_g_of_overlaps": "generalization error $\\epsilon_g$\nof the overlaps",
    "eps_g_start": r"$\epsilon_g$ at $\alpha = 0$",
    "eps_g_final": r"final $\epsilon_g$",
    "eps_g_infinity": r"$\epsilon_g$ at $\alpha \to \infty$",
    "F": r"$F = v \cdot b$",
    "b_norm": r"$|b|$",
    "b_smallest": r"smallest $|b_i|$",
    "cosine": r"$F/(|v||b|)$",
    "alignment": r"alignment $F/(|v||b|)$",
    "alignment_start": r"alignment $F/(|v||b|)$ at $\alpha = 0$",
    "alignment_final": r"final alignment $F/(|v||b|)$",
    "plateau_height": r"$\epsilon_g$ of the plateau",
    "plateau_start": r"plateau reached at $\alpha$",
    "plateau_end": r"plateau left at $\alpha$",
    "plateau_length": r"length of the plateau in $\alpha$",
    "plateau_predicted": r"length of the plateau implied by its saddle",
    "saddle_eps_g": r"$\epsilon_g$ of the saddle",
    "escape_rate": r"escape rate $\lambda$ of the saddle",
    "specialised": "specialised student units",
    "diverged_at": r"diverged at $\alpha$",
    "failed_at": r"solver gave up at $\alpha$",
    "eta": r"$\eta$",
    "eta_v": r"$\eta_v$",
    "eta=eta_v": r"$\eta = \eta_v$",
    "sigma": r"$\sigma$",
    "mixture": r"mixture $\mu$",
    "b_angle": r"angle of $b$ to $v(0)$ in degrees",
    "draw": "draw of the start",
}
_OF_TASK = {
    "eps_g_final": r"final $\epsilon_g$ of task {}", "forgetting": r"forgetting of task {} ($\epsilon_g$)",
    "transfer": r"transfer to task {} ($\epsilon_g$)",
}  # fmt: skip
_OF_TASKS = {"similarity": "similarity of the tasks", "similarity_v": "similarity of the tasks (second layer)"}
_ON_AXES = {
    "decay": "weight decay of the first layer", "decay_v": "weight decay of the second layer", "batch": "batch size",
    "drift": "drift of the teacher", "N": "input dimension $N$", "R_scale": "factor of $R(0)$",
    "Q_scale": "factor of $Q(0)$", "v_scale": "standard deviation of $v(0)$", "b_scale": "standard deviation of $b$",
}  # fmt: skip


def label(name: str) -> str:
    """What a quantity is called: a number of the summary, a varied quantity, or a number within a schedule or tasks."""
    if name in LABELS:
        return LABELS[name]
    if "=" in name:
        return " = ".join(label(part) for part in name.split("="))
    quantity, _, task = name.rpartition("_")
    if quantity in _OF_TASK and task.isdecimal():
        return _OF_TASK[quantity].format(task)
    rate, _, part = name.partition(".")
    if rate == "tasks" and part:
        return _OF_TASKS.get(part) or f"{named(part)} of the tasks"
    if rate == "inputs" and part:
        return f"{named(part)} of the inputs' spectrum"
    return f"{named(part)} of {label(rate)}" if rate in SCHEDULED and part else named(name)


def on_axis(name: str) -> str:
    """How a quantity is written on an axis: some parameters have no symbol, but more words than in a title."""
    return _ON_AXES.get(name) or label(name)


def named(text: str) -> str:
    """A name that somebody gave, such as that of an activation: without the middle of a long one, and no formula."""
    return without_markup(message(text, _LONGEST))


def rule(name: str) -> str:
    """What a learning rule is called."""
    return _WORDS.get(name, name.upper())


def rate(value: float | Schedule, digits: int = 6) -> str:
    """A rate in few words: its number, or the formula or the ends of its schedule, with so many digits."""

    def of(number: float) -> str:
        return f"{number:.{digits}g}"

    if not isinstance(value, Schedule):
        return of(value)
    if value.kind == "pieces":
        pieces: Any = value
        return _one_after_the_other([rate(part, digits) for part in pieces.value], [of(at) for at in pieces.at_])
    if value.kind == "function":
        return named(str(value))
    numbers = value.description
    if value.kind in ("steps", "linear"):
        values, at = ([of(each) for each in numbers[name]] for name in ("value", "at"))
        if value.kind == "steps":
            new = [j for j in range(len(values)) if not j or numbers["value"][j] != numbers["value"][j - 1]]
            values, at = [values[j] for j in new], [at[j] for j in new]
        return _one_after_the_other(values, at, "at" if value.kind == "steps" else "linear to")
    words = {name: of(number) for name, number in numbers.items() if name != "kind"}
    return _FORMULAS[value.kind].format(**words)


def _one_after_the_other(parts: list[str], at: list[str], word: str = "at") -> str:
    """Values and the alphas from which on they hold: all of them, or, of many, the ends."""
    if len(parts) == 1:
        return parts[0]
    said = f"{' → '.join(parts)} ({word} {' and '.join(at[1:])})"
    brief = f"{parts[0]} → … → {parts[-1]} ({len(parts)} in all)"
    there = [text for text in ([said] if len(parts) <= _POINTS else []) + [brief] if len(text) <= _RATE]
    return next(iter(there), f"{len(parts)} pieces")


def tasks(found: Tasks | None, varying: Sequence[str] = ()) -> str:
    """How many tasks there are, and when others than the first begin; and which numbers of them vary, if some do."""
    if found is None:
        return "a single task"
    begins = [] if any(name.startswith("at") for name in varying) else [f"{at:g}" for at in found.at[1:]]
    said = [f"next at {' and '.join(begins)}"] if 0 < len(begins) < _POINTS else []
    said += [varies(varying)] if varying else []
    return counted(len(found), "task") + (f" ({', '.join(said)})" if said else "")


def varies(names: Sequence[str]) -> str:
    """That numbers within a schedule or tasks vary."""
    return f"{' and '.join(map(named, names))} var{'ies' if len(names) == 1 else 'y'}"


def inputs(found: Inputs) -> str:
    """The spectrum of the inputs in few words: its law, or between which variances it is."""
    if found.is_isotropic:
        return "isotropic inputs"
    if found.manifold is not None:
        return f"hidden manifold (D = {found.manifold.latent}, {counted(found.groups, 'group')})"
    if found.described["kind"] == "power_law":
        groups = counted(found.groups, "group")
        return rf"inputs $\omega_j \propto j^{{-{found.described['exponent']:g}}}$ ({groups})"
    low, high = (f"{limit(found.variances):.3g}" for limit in (min, max))
    if found.groups == 1:
        return f"inputs of variance {low}"
    return f"inputs of variances {low} to {high} ({found.groups} groups)"


def batch(size: int) -> str:
    """How many examples a step has."""
    return "one example a step" if size == 1 else f"batches of {size}"


def regime(problem: Problem, without: Container[str] = ()) -> list[str]:
    """What is not plain online learning: mixture of a rule, inputs, tasks, batches, gradient flow, the sphere."""
    there = {
        "mixture": problem.mixture is not None and f"{label('mixture')} = {rate(problem.mixture)}",
        "inputs": not problem.inputs.is_isotropic and inputs(problem.inputs),
        "tasks": problem.tasks is not None and tasks(problem.tasks),
        "batch": problem.batch > 1 and batch(problem.batch),
        "flow": problem.flow and "gradient flow",
        "sphere": problem.sphere and "on the sphere",
    }
    return [text for name, text in there.items() if text and name not in without]


def colours(number: int) -> list[str]:
    """So many colours, no two alike; many are a scale from dark to light."""
    if number <= len(COLOURS):
        return list(COLOURS[:number])
    return [to_hex(mpl.colormaps["viridis"](share)) for share in np.linspace(0, 0.93, number)]


def marker(i: int) -> str:
    """The marker of student i."""
    return MARKERS[i % len(MARKERS)]


def output_dash(o: int) -> Dash:
    """The dash of output o, beside a full line."""
    return OUTPUT_DASHES[o % len(OUTPUT_DASHES)]


def free_name(name: str, drawn: Container[str]) -> str:
    """The name of one more figure: with a number if there are figures of this name."""
    number = 1
    while (name if number == 1 else f"{name}_{number}") in drawn:
        number += 1
    return name if number == 1 else f"{name}_{number}"


def units(problem: Problem, without: Container[str] = ()) -> list[str]:
    """The numbers of units, of outputs if there are several, and the activations, but for those named in `without`."""
    start = problem.start
    numbers = {name: value for name, value in (("K", start.K), ("M", start.M)) if name not in without}
    parts = [f"{name} = {value}" for name, value in numbers.items()]
    if len(numbers) == 2 and start.K == start.M:
        parts = [f"K = M = {start.K}"]
    parts += [f"O = {problem.outputs}"] if problem.outputs > 1 and "O" not in without else []
    parts += [named(problem.activations_text)] if "activations_text" not in without else []
    return parts


def parameters(problem: Problem, without: Container[str] = ()) -> str:
    """The parameters of a problem in one line, but for those named in `without`."""
    rates = {name: getattr(problem, name) for name in ("eta", "eta_v", "sigma") if name not in without}
    if len({"eta", "eta_v"} & rates.keys()) == 2 and problem.eta == problem.eta_v:
        rates = {"eta=eta_v": problem.eta, **{name: rates[name] for name in rates if name == "sigma"}}
    parts = units(problem, without)
    parts += [f"{label(name)} = {rate(value)}" for name, value in rates.items() if value != 0 or name != "sigma"]
    decays = {name: getattr(problem, name) for name in ("decay", "decay_v") if name not in without}
    if len(decays) == 2 and problem.decay == problem.decay_v:
        decays = {"decay = decay_v": problem.decay}
    parts += [f"{name} = {rate(value)}" for name, value in decays.items() if value != 0]
    parts += [f"drift = {rate(problem.drift)}"] if problem.drift != 0 and "drift" not in without else []
    return ", ".join(parts + regime(problem, without))
