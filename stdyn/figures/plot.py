"""The figures: theory as lines, network runs as markers with their spread, reduced runs as bands. Axes in, Axes out.

Colours are those of Okabe and Ito, safe for the colour-blind; every thick curve also has a marker or dash of its own,
so that the figures read in grey.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stdyn.analysis.comparison import finite_size, match_teachers
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.problem import RATES, Problem
from stdyn.model.trajectory import Trajectory

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
OUTPUT_MARKERS = ("o", "^", "D", "v", "X")
OUTPUT_DASHES: tuple[Any, ...] = ("--", ":", "-.", (0, (6, 1)), (0, (4, 1, 1, 1, 1, 1)))
RULES = {
    "fa": ("#D55E00", "s", "-"),
    "bp": ("#0072B2", "o", "--"),
    "dfa": ("#009E73", "^", "-."),
}  # colour, marker, dash
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 200,
}
_SHOWN = 18  # markers a curve
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


def figures(trajectories: list[Trajectory]) -> dict[str, Figure]:
    """All figures of the given results by name: order parameters of each problem, alignment, generalization error."""
    if any(len(trajectory.alphas) == 0 for trajectory in trajectories):
        raise InputError("there is nothing to draw in a trajectory that diverged before its first alpha")
    families = [family for family in _families(trajectories) if len(family) > _FEWEST_SIZES]
    in_families = {id(trajectory) for family in families for trajectory in family}
    pairs = pair_up([trajectory for trajectory in trajectories if id(trajectory) not in in_families])
    drawn: dict[str, Figure] = {}
    with mpl.rc_context(STYLE):
        if families:
            drawn["deviation"] = finite_size_figure(families)
        if not pairs:
            return drawn
        for pair in pairs:
            name = f"{pair.problem.rule}_order_parameters"
            repeated = sum(key.startswith(name) for key in drawn)
            drawn[f"{name}_{repeated + 1}" if repeated else name] = order_parameters_figure(pair)
        if any(pair.problem.rule == "fa" for pair in pairs):
            drawn["alignment"] = alignment_figure([pair for pair in pairs if pair.problem.rule == "fa"])
        drawn["generalization"] = generalization_figure(pairs)
        if all(_keeps_symmetry(pair) for pair in pairs):
            drawn["symmetry"] = symmetry_figure(pairs)
    return drawn


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


def order_parameters_figure(pair: Pair) -> Figure:
    """R, Q, v and, with feedback alignment, F and its cosine (with backpropagation: eps_g) against alpha."""
    figure = Figure(figsize=(7.6, 6.0), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    student_teacher_overlaps(axes[0], pair)
    student_student_overlaps(axes[1], pair)
    second_layer(axes[2], pair)
    if pair.problem.rule == "fa":
        feedback_overlap(axes[3], pair, "#000000", "P")
        cosine = axes[3].twinx()
        cosine.spines["right"].set_visible(True)
        feedback_cosine(cosine, pair, "0.45", "X")
        handles = [axes[3].get_legend_handles_labels(), cosine.get_legend_handles_labels()]
        axes[3].legend(handles[0][0] + handles[1][0], handles[0][1] + handles[1][1])
    else:
        generalization(axes[3], [pair])
    students = axes[0].get_legend_handles_labels()
    figure.legend(*students, loc="outside lower center", ncols=min(len(students[0]), 10), title="student unit")
    for letter, ax in zip("abcd", axes, strict=True):
        ax.set_title(f"({letter})", loc="left", fontsize=9)
    figure.suptitle(caption(pair), fontsize=9)
    return figure


def alignment_figure(pairs: list[Pair]) -> Figure:
    """The second layer aligning with the feedback vector: F and its cosine against alpha; thin those of each output."""
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for pair, (look, outputs) in zip(pairs, looks(pairs), strict=True):
        feedback_overlap(left, pair, *look, outputs=outputs)
        feedback_cosine(right, pair, *look, dash="-", outputs=outputs)
    right.axhline(1, color="0.7", lw=0.8, zorder=0)
    if len(pairs) > 1 or pairs[0].problem.outputs > 1:
        left.legend()
    figure.suptitle(caption(pairs[0]), fontsize=9)
    return figure


def generalization_figure(pairs: list[Pair]) -> Figure:
    """Generalization error of every problem against alpha."""
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    ax = generalization(figure.subplots(), pairs)
    ax.set_title(caption(pairs[0], rule=False, markers="median and full range"), fontsize=9)
    return figure


def finite_size_figure(families: list[list[Trajectory]]) -> Figure:
    """Deviation from the theory against N, of a run and of the mean of runs; a family is a theory and its ensembles."""
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    ax = figure.subplots()
    drawn: list[Any] = []
    for theory, *ensembles in families:
        colour, marker, dash = RULES[theory.problem.rule]
        name = theory.problem.rule.upper()
        sizes = np.array([runs.problem.N for runs in ensembles])
        single, squared, error = np.array([finite_size(runs, theory) for runs in ensembles]).T
        drawn += ax.plot(sizes, single, marker, color=colour, ms=5, label=f"{name}, a single run")
        label = rf"{name}, $\propto 1/\sqrt{{N}}$"
        drawn += ax.plot(sizes, single[0] * np.sqrt(sizes[0] / sizes), dash, color=colour, lw=0.9, label=label)
        seen = squared > 2 * error
        bias, low, high = np.sqrt([squared[seen], (squared - error)[seen], (squared + error)[seen]])
        drawn.append(ax.errorbar(sizes[seen], bias, [bias - low, high - bias], fmt=marker, color=colour, mfc="white",
                                 ms=5, lw=1, label=f"{name}, mean over runs"))  # fmt: skip
        if seen[0]:
            label = rf"{name}, $\propto 1/N$"
            drawn += ax.plot(sizes, bias[0] * sizes[0] / sizes, dash, color=colour, lw=0.9, alpha=0.5, label=label)
        limit = np.sqrt(np.maximum(squared, 0) + 2 * error)[~seen]
        label = f"{name}, mean: at most (2 s.e.)"
        drawn += ax.plot(sizes[~seen], limit, ls="none", marker=r"$\downarrow$", color=colour, ms=9, label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("input dimension $N$")
    ax.set_ylabel("deviation of $R$, $Q$, $v$ from the ODEs (r.m.s.)")
    ax.legend(handles=drawn, ncols=len(families), fontsize=7)
    alpha = families[0][1].alphas[-1]
    ax.set_title(caption(Pair(families[0][0]), rule=False, markers="") + rf", $\alpha$ = {alpha:g}", fontsize=9)
    return figure


def symmetry_figure(pairs: list[Pair]) -> Figure:
    """A start that treats the teacher units alike: the ODEs keep it so for ever, runs at finite N leave the plateau."""
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for pair in pairs:
        colour, _, dash = RULES[pair.problem.rule]
        name = pair.problem.rule.upper()
        if pair.theory is not None:
            left.plot(pair.theory.alphas, pair.theory.eps_g, dash, color=colour, lw=2.4, label=f"{name}, ODE")
        if pair.runs is not None:
            runs = pair.runs
            left.plot(runs.alphas, runs.eps_g.T, dash, color=colour, lw=0.7, alpha=0.8)
            left.plot([], [], dash, color=colour, lw=0.7, label=f"{name}, runs at N = {runs.problem.N}")
            right.plot(runs.alphas, teacher_spread(runs.R).T, dash, color=colour, lw=0.7, alpha=0.8)
        if pair.reduced is not None:
            alphas, label = pair.reduced.alphas, f"{name}, 5 – 95 % of {pair.reduced.runs} reduced runs"
            for ax, values in ((left, pair.reduced.eps_g), (right, teacher_spread(pair.reduced.R))):
                low, high = np.nanpercentile(values, [5, 95], axis=0)
                band(ax, alphas, low, high, colour, label)
    right.text(0.03, 0.05, "ODE: exactly 0, for ever", transform=right.transAxes, fontsize=8)
    right.axhline(1 / np.sqrt(pairs[0].problem.N), color="0.6", lw=0.8, ls=":", zorder=0)
    right.annotate(r"$1/\sqrt{N}$", (1, 1 / np.sqrt(pairs[0].problem.N)), xycoords=("axes fraction", "data"),
                   ha="right", va="bottom", fontsize=8)  # fmt: skip
    for ax, label in ((left, r"generalization error $\epsilon_g$"), (right, r"spread of $R_{in}$ over teacher units")):
        time_axis(ax, pairs[0].either)
        ax.set_yscale("log")
        ax.set_ylabel(label)
    left.legend()
    right.set_ylim(bottom=1e-5)  # below it is the rounding of the weights at the start
    same = "R = 0 exactly" if not pairs[0].problem.start.R.any() else "alike for all teacher units"
    figure.suptitle(caption(pairs[0], rule=False, markers="") + f", start {same}", fontsize=9)
    return figure


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


def student_teacher_overlaps(ax: Axes, pair: Pair) -> Axes:
    """R_in against alpha: thick for the teacher unit on which student i ends, thin for the others."""
    last = np.abs(pair.either.R.reshape(-1, *pair.problem.start.R.shape)[-1])
    for i in range(pair.problem.start.K):
        for n in range(pair.problem.start.M):
            chosen = n == last[i].argmax()
            curve(
                ax, pair, "R", (i, n), colour(i), MARKERS[i % 7], f"i = {i + 1}" if chosen else None, faint=not chosen
            )
    return labelled(ax, pair, r"$R_{in}$")


def student_student_overlaps(ax: Axes, pair: Pair) -> Axes:
    """Q_ii (thick) and Q_ik, i != k (thin, grey), against alpha."""
    for i in range(pair.problem.start.K):
        curve(ax, pair, "Q", (i, i), colour(i), MARKERS[i % 7], f"i = {i + 1}")
        for k in range(i + 1, pair.problem.start.K):
            curve(ax, pair, "Q", (i, k), "0.5", ".", None, faint=True)
    return labelled(ax, pair, r"$Q_{ik}$  (grey: $i \neq k$)")


def second_layer(ax: Axes, pair: Pair) -> Axes:
    """v against alpha, and, with feedback alignment, the feedback weights b as ticks on the right."""
    start = pair.problem.start
    several = pair.problem.outputs > 1
    for i in range(start.K):
        for o in range(pair.problem.outputs):
            entry = (i, o) if start.v.ndim == 2 else (i,)
            dash = OUTPUT_DASHES[(o - 1) % 5] if o else "-"
            label = f"i = {i + 1}" if o == 0 else None
            curve(ax, pair, "v", entry, colour(i), MARKERS[i % 7], label, dash=dash, thin=several)
            if pair.problem.b is not None:
                ax.plot(1.0, pair.problem.b[entry], marker=4, color=colour(i), ms=4 if o else 7, clip_on=False,
                        ls="none", transform=ax.get_yaxis_transform())  # fmt: skip
    for o in range(pair.problem.outputs if several else 0):
        ax.plot([], [], color="0.3", lw=0.9, ls=OUTPUT_DASHES[(o - 1) % 5] if o else "-", label=f"output {o + 1}")
    if several:
        ax.legend(handles=ax.get_lines()[-pair.problem.outputs :])
    entry_of = "{io}" if several else "i"
    labelled(ax, pair, rf"$v_{entry_of}$" + ("" if pair.problem.b is None else rf"  (right: $b_{entry_of}$)"))
    return ax


def feedback_overlap(
    ax: Axes, pair: Pair, colour: str = COLOURS[0], marker: str = "o", label: str = r"$F = v \cdot b$",
    outputs: Sequence[str] = (),
) -> Axes:  # fmt: skip
    """F = v.b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "F", (), colour, marker, label)
    each_output(ax, pair, "F_per_output", outputs)
    return labelled(ax, pair, r"$F = v \cdot b$")


def feedback_cosine(
    ax: Axes, pair: Pair, colour: str = COLOURS[1], marker: str = "s", label: str = r"$F/|v||b|$", dash: str = "--",
    outputs: Sequence[str] = (),
) -> Axes:  # fmt: skip
    """The cosine of v and b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "alignment", (), colour, marker, label, dash=dash)
    each_output(ax, pair, "alignment_per_output", outputs)
    labelled(ax, pair, r"alignment $F/|v||b|$")
    ax.set_ylim(-1.05 if ax.get_ylim()[0] < -0.1 else min(ax.get_ylim()[0], -0.05), 1.05)
    return ax


def each_output(ax: Axes, pair: Pair, name: str, colours: Sequence[str]) -> None:
    """A thin curve for each output, with a dash and a marker of its own."""
    for o, its in enumerate(colours):
        marker, dash = OUTPUT_MARKERS[o % 5], OUTPUT_DASHES[o % 5]
        curve(ax, pair, name, (o,), its, marker, f"output {o + 1}", dash=dash, thin=True)


def generalization(ax: Axes, pairs: list[Pair]) -> Axes:
    """eps_g against alpha, both logarithmic: theory as lines, the median of the runs with their full range."""
    repeated = len({pair.problem.rule for pair in pairs}) < len(pairs)
    for position, (pair, label) in enumerate(zip(pairs, distinctions(pairs), strict=True)):
        colour_, marker, dash = RULES[pair.problem.rule]
        name = pair.problem.rule.upper()
        if repeated:
            colour_, marker, name = colour(position), MARKERS[position % 7], f"{name}, {label}"
        if pair.theory is not None:
            ax.plot(pair.theory.alphas, positive(pair.theory.eps_g), dash, color=colour_, label=f"{name}, ODE")
        if pair.runs is not None:
            shown = markers_at(pair.runs.alphas)
            values = pair.runs.eps_g[:, shown]
            middle = np.nanmedian(values, axis=0)
            spread = np.abs(np.nanpercentile(values, [0, 100], axis=0) - middle)
            ax.errorbar(pair.runs.alphas[shown], middle, spread, fmt=marker, color=colour_, ms=4, lw=1, mfc="white",
                        label=f"{name}, {pair.runs.runs} runs, N = {pair.runs.problem.N}")  # fmt: skip
        if pair.reduced is not None:
            low, middle, high = np.nanpercentile(pair.reduced.eps_g, [5, 50, 95], axis=0)
            label = f"{name}, 5 – 95 % of {pair.reduced.runs} reduced runs, N = {pair.reduced.problem.N}"
            band(ax, pair.reduced.alphas, low, high, colour_, label)
            if pair.theory is None and pair.runs is None:
                ax.plot(pair.reduced.alphas, positive(middle), dash, color=colour_, label=f"{name}, their median")
    ax.set_yscale("log")
    ax.legend()
    return labelled(ax, pairs[0], r"generalization error $\epsilon_g$")


def curve(
    ax: Axes, pair: Pair, name: str, entry: tuple[int, ...], colour: str, marker: str, label: str | None,
    faint: bool = False, dash: str = "-", thin: bool = False,
) -> None:  # fmt: skip
    """One entry of an order parameter: theory as a line, network runs as markers, reduced runs as a band."""
    width = 0.6 if faint else 0.9 if thin else 1.5
    if pair.theory is not None:
        values = getattr(pair.theory, name)[(slice(None), *entry)]
        ax.plot(pair.theory.alphas, values, dash, color=colour, lw=width, alpha=0.6 if faint else 1,
                label=label if pair.runs is None else None)  # fmt: skip
    if pair.reduced is not None and not faint:
        values = getattr(pair.reduced, name)[(slice(None), slice(None), *entry)]
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        band(ax, pair.reduced.alphas, mean - spread, mean + spread, colour)
        if pair.theory is None:
            ax.plot(pair.reduced.alphas, mean, dash, color=colour, lw=1, label=label if pair.runs is None else None)
    if pair.runs is not None:
        shown = markers_at(pair.runs.alphas)
        values = getattr(pair.runs, name)[(slice(None), shown, *entry)]
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        ax.errorbar(pair.runs.alphas[shown], mean, None if faint else spread, fmt=marker, color=colour, lw=0.8,
                    ms=1.8 if faint else 2.6 if thin else 3.6, mfc=colour if faint else "white", mew=0.8,
                    alpha=0.5 if faint else 1, label=label)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Small things


def band(ax: Axes, alphas: Array, low: Array, high: Array, colour: str, label: str | None = None) -> None:
    """A shaded band."""
    ax.fill_between(alphas, low, high, color=colour, alpha=0.22, lw=0, zorder=0.5, label=label)


def colour(i: int) -> str:
    """The colour of student i."""
    return COLOURS[i % len(COLOURS)]


def markers_at(alphas: Array) -> np.ndarray:
    """Positions of at most _SHOWN alphas, evenly spaced along a logarithmic or linear axis."""
    first = int(alphas[0] == 0)
    x = np.log(alphas[first:]) if logarithmic(alphas) else alphas[first:]
    targets = np.linspace(x[0], x[-1], _SHOWN)
    return first + np.unique(np.abs(x[:, None] - targets).argmin(axis=0))


def logarithmic(alphas: Array) -> bool:
    """Whether these alphas want a logarithmic axis: they span more than two decades."""
    positive = alphas[alphas > 0]
    return len(positive) > 1 and positive[-1] > 100 * positive[0]


def positive(values: Array) -> Array:
    """The values with those that are not positive left out, for a logarithmic axis."""
    return np.where(values > 0, values, np.nan)


def time_axis(ax: Axes, trajectory: Trajectory) -> None:
    """Label and scale of the axis of alpha."""
    if logarithmic(trajectory.alphas):
        ax.set_xscale("log")
    ax.set_xlabel(r"$\alpha$ = examples / $N$")


def labelled(ax: Axes, pair: Pair, label: str) -> Axes:
    """Axis labels; alpha logarithmic if its values are."""
    time_axis(ax, pair.either)
    ax.set_ylabel(label)
    return ax


def distinctions(pairs: list[Pair]) -> list[str]:
    """For each of several problems, the parameters in which they differ, or its number if only the starts do."""
    names = ("O", "N", "activations_text", *RATES)
    values = [{"O": pair.problem.outputs} | {name: getattr(pair.problem, name) for name in names[1:]} for pair in pairs]
    differ = [name for name in names if len({value[name] for value in values}) > 1]
    return [
        ", ".join(f"{name} = {value[name]}" for name in differ) or f"start {number}"
        for number, value in enumerate(values, 1)
    ]


def looks(pairs: list[Pair]) -> list[tuple[tuple[str, str, str], list[str]]]:
    """Colour, marker and label of each problem's alignment, and the colours of its outputs, if it has several.

    Of a single problem each output has a colour of its own, of several problems each has one for all its curves.
    """
    found = []
    for position, (pair, label) in enumerate(zip(pairs, distinctions(pairs), strict=True)):
        O, look = pair.problem.outputs, (colour(position), MARKERS[position % 7], label)
        if O > 1 and len(pairs) == 1:
            found.append((("#000000", "P", "all outputs"), [colour(o) for o in range(O)]))
        else:
            found.append((look, [look[0]] * O if O > 1 else []))
    return found


def caption(pair: Pair, rule: bool = True, markers: str = "mean ± s.d.") -> str:
    """The parameters in one line, and in another what lines and markers are."""
    runs, reduced = pair.runs, pair.reduced
    name = f"{pair.problem.rule.upper()}, " if rule else ""
    drawn = [] if pair.theory is None else ["lines: ODEs"]
    drawn += [] if runs is None else [f"markers: {markers} of {runs.runs} runs at N = {pair.problem.N}"]
    drawn += [] if reduced is None or rule is False else [f"bands: {markers} of {reduced.runs} reduced runs"]
    return name + parameters(pair.problem) + ("\n" + "; ".join(drawn) if markers else "")


def parameters(problem: Problem, without: str = "") -> str:
    """The parameters of a problem in one line, but for those named in `without`: "eta", "eta=eta_v"."""
    start, left_out = problem.start, [without, *without.split("=")]
    parts = [f"K = M = {start.K}" if start.K == start.M else f"K = {start.K}, M = {start.M}"]
    parts += [f"O = {problem.outputs}"] if problem.outputs > 1 and "O" not in left_out else []
    parts.append(problem.activations_text)
    rates = {"eta": rf"$\eta$ = {problem.eta:g}", "eta_v": rf"$\eta_v$ = {problem.eta_v:g}"}
    if problem.eta == problem.eta_v and not {"eta", "eta_v"} & set(left_out):
        rates = {"eta=eta_v": rf"$\eta = \eta_v$ = {problem.eta:g}"}
    rates |= {"sigma": rf"$\sigma$ = {problem.sigma:g}"} if problem.sigma else {}
    parts += [text for name, text in rates.items() if name not in left_out]
    parts += [f"decay = {problem.decay:g}, {problem.decay_v:g}"] if problem.decay or problem.decay_v else []
    return ", ".join(parts)


def teacher_spread(R: Array) -> Array:
    """How differently the students treat the teacher units: max_n R_in - min_n R_in, root mean square over i."""
    return np.sqrt(np.mean(np.ptp(R, axis=-1) ** 2, axis=-1))


def _families(trajectories: list[Trajectory]) -> list[list[Trajectory]]:
    """Each theory with the ensembles of its problem at several N, from the smallest on."""
    families = []
    for theory in (each for each in trajectories if each.runs is None):
        ensembles = [
            each
            for each in trajectories
            if each.runs is not None and replace(each.problem, N=theory.problem.N).difference(theory.problem) is None
        ]
        by_size = {each.problem.N: each for each in ensembles}
        families.append([theory, *(by_size[N] for N in sorted(by_size))])
    return families


def _keeps_symmetry(pair: Pair) -> bool:
    return pair.theory is not None and pair.problem.start.M > 1 and bool((teacher_spread(pair.theory.R) == 0).all())
