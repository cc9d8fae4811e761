"""The figures of trajectories: theory as lines, network runs as markers with their spread, reduced runs as bands.

Axes in, Axes out.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stdyn.analysis.moments import mean_and_spread
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import Colour, Curve, LineStyle, Marker, checked
from stdyn.figures.finiteplot import finite_size_figure, keeps_symmetry, symmetry_figure
from stdyn.figures.layout import finished, legend, legend_below
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.pairs import Pair, caption, check_not_empty, distinctions, families, names, pair_up, with_feedback
from stdyn.figures.scales import (
    band,
    cosine_limits,
    error_axis,
    floored,
    level,
    percentiles,
    positive,
    single_run,
    spread_of_errors,
    time_axis,
    wide,
)  # fmt: skip
from stdyn.model.trajectory import Trajectory

_SHOWN = 18  # markers a curve
_EACH_SAID = 4  # problems whose lines, markers and bands are each in the legend
_COLUMNS = 3  # panels of problems with tasks, side by side
_TOLD_APART = 1 + len(style.OUTPUT_DASHES)  # outputs, by their dashes

Entry = tuple[Pair, int | None, style.Look, str]  # a problem, or a task of it, with its look and name


@checked
@styled
def figures(trajectories: list[Trajectory]) -> Pages:
    """All figures of the given results by name: order parameters of each problem, alignment, generalization error.

    A single trajectory is drawn, too. The figures have a style of their own, whatever matplotlib's settings are.
    """
    check_not_empty(trajectories)
    sizes = families(trajectories)
    in_sizes = {id(trajectory) for family in sizes for trajectory in family}
    pairs = pair_up([trajectory for trajectory in trajectories if id(trajectory) not in in_sizes])
    drawn = Pages()
    if sizes:
        drawn["deviation"] = finite_size_figure(sizes)
    for pair in pairs:
        drawn[style.free_name(f"{pair.problem.rule}_order_parameters", drawn)] = order_parameters_figure(pair)
    if with_feedback(pairs):
        drawn["alignment"] = alignment_figure(with_feedback(pairs))
    if pairs:
        drawn["generalization"] = generalization_figure(pairs)
    if pairs and all(keeps_symmetry(pair) for pair in pairs):
        drawn["symmetry"] = symmetry_figure(pairs)
    return drawn


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


@checked
@styled
def order_parameters_figure(pair: Pair) -> Page:
    """R, Q, v and, of a rule with feedback weights, F and its cosine (of backpropagation: eps_g) against alpha."""
    figure, axes = page(7.6, 6.0, 2, 2)
    student_teacher_overlaps(axes[0], pair)
    student_student_overlaps(axes[1], pair)
    second_layer(axes[2], pair)
    if pair.problem.b is not None:
        feedback_overlap(axes[3], pair, "#000000", "P")
        cosine = axes[3].twinx()
        cosine.spines["right"].set_visible(True)
        feedback_cosine(cosine, pair, "0.45", "X")
        both = [each for ax in (axes[3], cosine) for each in ax.get_legend_handles_labels()[0]]
        legend(axes[3], both, twin=cosine)
    else:
        generalization(axes[3], [pair], brief=pair.problem.tasks is not None)
    legend_below(figure, axes[:1], "student unit")
    for letter, ax in zip("abcd", axes, strict=True):
        ax.set_title(f"({letter})", loc="left", fontsize=9)
    return finished(figure, caption([pair]))


@checked
@styled
def alignment_figure(pairs: list[Pair]) -> Page:
    """The second layer aligning with the feedback vector: F and its cosine against alpha; thin those of each output."""
    figure, (left, right) = page(7.6, 3.2, 1, 2)
    for pair, (look, outputs) in zip(pairs, looks(pairs), strict=True):
        feedback_overlap(left, pair, *look, outputs=outputs)
        feedback_cosine(right, pair, *look, dash="-", outputs=outputs)
    level(right, 1)
    if len(pairs) > 1 or pairs[0].problem.outputs > 1:
        legend(left)
    return finished(figure, caption(pairs))


@checked
@styled
def generalization_figure(pairs: list[Pair], brief: bool = False) -> Page:
    """Generalization error of every problem against alpha; of several that learn tasks in a panel each.

    A brief legend has the names only, as it has anyway where there are many.
    """
    if len(pairs) > 1 and any(pair.problem.tasks is not None for pair in pairs):
        figure, brief = _panels(pairs), False
    else:
        figure, (ax,) = page(5.6, 4.0)
        generalization(ax, pairs, brief)
        brief = brief or len(_entries(pairs)) > _EACH_SAID
    bands = brief and any(pair.reduced is not None and pair.reduced.runs > 1 for pair in pairs)
    title = caption(pairs, rule=False, markers="median and full range")
    return finished(figure, title + bands * "\nbands: 5 – 95 % of reduced runs")


def _panels(pairs: list[Pair]) -> Page:
    """eps_g of every problem in an axes of its own, and one legend for all."""
    columns = min(len(pairs), _COLUMNS)
    rows = -(-len(pairs) // columns)
    figure, axes = page(0.8 + 3.6 * columns, 0.4 + 3.4 * rows, rows, columns, sharex=True, sharey=True)
    for ax, pair, (_, name) in zip(axes, pairs, names(pairs), strict=False):
        _all_errors(ax, _entries([pair], alone=True))
        ax.set_title(name, fontsize=9)
    legend_below(figure, axes[: len(pairs)])
    for ax in axes[len(pairs) :]:
        ax.set_axis_off()
    return figure


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


@checked
def student_teacher_overlaps(ax: Axes, pair: Pair) -> Axes:
    """R_in against alpha: thick for the teacher unit on which student i ends, thin for the others."""
    start = pair.problem.start
    last = np.abs(pair.either.R.reshape(-1, *start.R.shape)[-1])
    for i, colour in enumerate(style.colours(start.K)):
        own = int(last[i].argmax())
        faint_curves(ax, pair, "R", [(i, n) for n in range(start.M) if n != own], colour, style.marker(i))
        curve(ax, pair, "R", (i, own), colour, style.marker(i), f"i = {i + 1}")
    return labelled(ax, pair, r"$R_{in}$")


@checked
def student_student_overlaps(ax: Axes, pair: Pair) -> Axes:
    """Q_ii (thick) and Q_ik, i != k (thin, grey), against alpha."""
    K = pair.problem.start.K
    faint_curves(ax, pair, "Q", [(i, k) for i in range(K) for k in range(i + 1, K)], "0.5", ".")
    for i, colour in enumerate(style.colours(K)):
        curve(ax, pair, "Q", (i, i), colour, style.marker(i), f"i = {i + 1}")
    return labelled(ax, pair, r"$Q_{ik}$" + (r"  (grey: $i \neq k$)" if K > 1 else ""))


@checked
def second_layer(ax: Axes, pair: Pair) -> Axes:
    """v against alpha, and the feedback weights b, if there are any, as ticks on the right; its end, where b learns.

    A b that learns is a line, too: of a single output a dashed one, of several a wide pale one with its output's dash.
    """
    start, O = pair.problem.start, pair.problem.outputs
    alone = O > 1 and pair.runs is not None and pair.theory is pair.reduced is None
    dashes: list[style.Dash] = ["-", *(style.output_dash(o if O <= _TOLD_APART else 1) for o in range(O - 1))]
    b = feedback(pair)
    for i, colour in enumerate(style.colours(start.K)):
        for o, dash in enumerate(dashes):
            entry = (i, o) if start.v.ndim == 2 else (i,)
            name = None if o else f"i = {i + 1}"
            curve(ax, pair, "v", entry, colour, style.marker(i), name, dash=dash, thin=O > 1)
            if alone:  # else there are lines of the theory, or of the reduced runs
                mean = mean_and_spread(pair.either.v[:, :, *entry])[0]
                ax.plot(pair.either.alphas, mean, ls=dash, color=colour, lw=0.7)
            if b is not None:
                if pair.problem.rule == "kp":
                    look = {"ls": "--", "lw": 0.8} if O == 1 else {"ls": dash, "lw": 2.4, "alpha": 0.35, "zorder": 1.5}
                    ax.plot(pair.either.alphas, b[(slice(None), *entry)], color=colour, **look)
                ax.plot(1.0, b[(-1, *entry)], marker=4, color=colour, ms=4 if o else 7, clip_on=False,
                        ls="none", transform=ax.get_yaxis_transform())  # fmt: skip
    entry_of = "{io}" if O > 1 else "i"
    where = {"kp": "pale" if O > 1 else "dashed"}.get(pair.problem.rule, "right")
    labelled(ax, pair, rf"$v_{entry_of}$" + ("" if b is None else rf"  ({where}: $b_{entry_of}$)"))
    if O > 1:
        names = [f"output {o + 1}" for o in range(O)] if O <= _TOLD_APART else ["output 1", f"outputs 2 to {O}"]
        legend(ax, [Line2D([0], [0], color="0.3", lw=0.9, ls=dash, label=name)
                    for dash, name in zip(dashes, names, strict=False)],
               title="lines: means of the runs" if alone else None, twin=ax)  # fmt: skip
    return ax


@checked
def feedback(pair: Pair) -> Array | None:
    """The feedback weights b at every alpha, in the mean over runs if there is no theory; None if there are none."""
    b, either = pair.either.b, pair.either
    if b is None or pair.problem.rule != "kp":
        return None if b is None else np.broadcast_to(b, (len(either.alphas), *b.shape))
    return b if either.runs is None else mean_and_spread(b)[0]


@checked
def feedback_overlap(
    ax: Axes, pair: Pair, colour: Colour = style.COLOURS[0], marker: Marker = "o", label: str = style.label("F"),
    outputs: Sequence[Colour] = (),
) -> Axes:  # fmt: skip
    """F = v.b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "F", (), colour, marker, label)
    each_output(ax, pair, "F_per_output", outputs)
    return labelled(ax, pair, style.label("F"))


@checked
def feedback_cosine(
    ax: Axes, pair: Pair, colour: Colour = style.COLOURS[1], marker: Marker = "s", label: str = style.label("cosine"),
    dash: LineStyle = "--", outputs: Sequence[Colour] = (),
) -> Axes:  # fmt: skip
    """The cosine of v and b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "alignment", (), colour, marker, label, dash=dash)
    each_output(ax, pair, "alignment_per_output", outputs)
    labelled(ax, pair, style.label("alignment"))
    cosine_limits(ax)
    return ax


@checked
def each_output(ax: Axes, pair: Pair, name: Curve, colours: Sequence[Colour]) -> None:
    """A thin curve for each output, with a dash and a marker of its own; many of one colour have the same."""
    alike = len(colours) >= _TOLD_APART and len(set(colours)) == 1
    for o, its in enumerate(colours):
        its_marker, dash = style.OUTPUT_MARKERS[o % len(style.OUTPUT_MARKERS)], style.output_dash(o)
        if alike:
            curve(ax, pair, name, (o,), its, ".", None if o else f"outputs 1 to {len(colours)}", dash=":", thin=True)
        else:
            curve(ax, pair, name, (o,), its, its_marker, f"output {o + 1}", dash=dash, thin=True)


@checked
def generalization(ax: Axes, pairs: list[Pair], brief: bool = False) -> Axes:
    """eps_g against alpha, both logarithmic: theory as lines, the median of the runs with their full range.

    Of a problem that has tasks it is that of each, with a colour, a marker and a dash of its own. A brief legend has
    the names only, as it has anyway where there are many.
    """
    _all_errors(ax, _entries(pairs), brief)
    legend(ax)
    return ax


def _all_errors(ax: Axes, entries: Sequence[Entry], brief: bool = False) -> None:
    """eps_g of problems, or of their tasks, without a legend."""
    brief = brief or len(entries) > _EACH_SAID
    for pair, task, look, name in entries:
        errors = [None if each is None else _errors(each, task) for each in (pair.theory, pair.runs, pair.reduced)]
        _errors_of_one(ax, pair, errors, look, name, brief)
    for pair, *_ in entries:
        time_axis(ax, pair.either.alphas, pair.problem)
        jumps.mark(ax, pair.all)
    error_axis(ax, [each for pair, *_ in entries for each in pair.all])
    floored([ax])


def _entries(pairs: list[Pair], alone: bool = False) -> list[Entry]:
    """What there is to draw of eps_g; in an axes alone a problem's tasks are not called by its name, too."""
    found: list[Entry] = []
    for pair, (look, name) in zip(pairs, names(pairs), strict=True):
        tasks = [None] if pair.problem.tasks is None else range(len(pair.problem.tasks))
        for task in tasks:
            if task is None:
                found.append((pair, task, look, name))
            else:
                dash = style.DASHES[task % len(style.DASHES)]
                said = f"task {task + 1}" if alone else f"{name}, task {task + 1}"
                found.append((pair, task, look._replace(dash=dash), said))
    if len(found) == len(pairs):
        return found
    colours = style.colours(len(found))
    return [
        (pair, task, look._replace(colour=colours[n], marker=style.marker(n)), name)
        for n, (pair, task, look, name) in enumerate(found)
    ]


def _errors(trajectory: Trajectory, task: int | None) -> Array:
    """eps_g, or that of a task."""
    return trajectory.eps_g if task is None else trajectory.eps_g_per_task[..., task]


def _errors_of_one(
    ax: Axes, pair: Pair, errors: Sequence[Array | None], look: style.Look, name: str, brief: bool
) -> None:
    """eps_g of a problem, or of one of its tasks, of theory, runs and reduced runs."""
    theory, runs, reduced = errors
    if pair.theory is not None and theory is not None:
        said = name if brief else f"{name}, ODE"
        ax.plot(pair.theory.alphas, positive(theory), look.dash, color=look.colour, label=said)
    if pair.runs is not None and runs is not None:
        shown = markers_at(pair.runs.alphas)
        low, middle, high = percentiles(runs[:, shown], [0, 50, 100])
        count = style.counted(pair.runs.runs or 0, "run")
        said_of_runs = None if brief and pair.theory else f"{name}, {count}, N = {pair.runs.problem.N}"
        middle, spread = positive(middle), np.abs([low - middle, high - middle])
        ax.errorbar(pair.runs.alphas[shown], middle, spread, fmt=look.marker, color=look.colour, ms=4, lw=1,
                    mfc="white", label=said_of_runs)  # fmt: skip
    if pair.reduced is not None and reduced is not None:
        at = f", N = {pair.reduced.problem.N}"
        spread_of_errors(ax, pair.reduced, reduced, look, None if brief else name, at)
        if pair.theory is None and pair.runs is None and pair.reduced.runs != 1:
            median = positive(percentiles(reduced, [50])[0])
            ax.plot(pair.reduced.alphas, median, look.dash, color=look.colour, label=f"{name}, their median")


@checked
def curve(
    ax: Axes, pair: Pair, name: Curve, entry: tuple[int, ...], colour: Colour, marker: Marker, label: str | None,
    dash: LineStyle = "-", thin: bool = False,
) -> None:  # fmt: skip
    """One entry of an order parameter: theory as a line, network runs as markers, reduced runs as a band."""
    if pair.theory is not None:
        values = getattr(pair.theory, name)[(slice(None), *entry)]
        ax.plot(pair.theory.alphas, values, ls=dash, color=colour, lw=0.9 if thin else 1.5,
                label=label if pair.runs is None else None)  # fmt: skip
    if pair.reduced is not None:
        values = getattr(pair.reduced, name)[(slice(None), slice(None), *entry)]
        mean, low, high = _mean_and_ends(name, values)
        if len(values) == 1:
            single_run(ax, pair.reduced.alphas, values[0], colour)
        band(ax, pair.reduced.alphas, low, high, colour)
        if pair.theory is None:
            ax.plot(pair.reduced.alphas, mean, ls=dash, color=colour, lw=1, label=label if pair.runs is None else None)
    if pair.runs is not None:
        shown = markers_at(pair.runs.alphas)
        values = getattr(pair.runs, name)[(slice(None), shown, *entry)]
        mean, low, high = _mean_and_ends(name, values)
        spread = np.array([mean - low, high - mean])
        ax.errorbar(pair.runs.alphas[shown], mean, spread, fmt=marker, color=colour, lw=0.8,
                    ms=2.6 if thin else 3.6, mfc="white", mew=0.8, label=label)  # fmt: skip


def _mean_and_ends(name: str, values: Array) -> tuple[Array, Array, Array]:
    """The mean over runs, and a standard deviation below and above it: of a cosine no further than to -1 and 1."""
    mean, spread = mean_and_spread(values)
    if name.startswith("alignment"):
        mean = np.clip(mean, -1, 1)
        return mean, np.maximum(mean - spread, -1), np.minimum(mean + spread, 1)
    return mean, mean - spread, mean + spread


@checked
def faint_curves(
    ax: Axes, pair: Pair, name: Curve, entries: Sequence[tuple[int, int]], colour: Colour, marker: Marker
) -> None:
    """Many entries of an order parameter behind the others, drawn as one: theory as lines, network runs as markers."""
    at = (..., [entry[0] for entry in entries], [entry[1] for entry in entries])
    if pair.theory is not None:
        ax.plot(*_joined(pair.theory.alphas, getattr(pair.theory, name)[at]), color=colour, lw=0.6, alpha=0.6)
    if pair.runs is not None:
        shown = markers_at(pair.runs.alphas)
        means = mean_and_spread(getattr(pair.runs, name)[:, shown])[0]
        ax.plot(*_joined(pair.runs.alphas[shown], means[at]), ls="none", marker=marker, color=colour, ms=1.8, mew=0.8,
                alpha=0.5)  # fmt: skip


def _joined(x: Array, curves: Array) -> tuple[Array, Array]:
    """Several curves over the same x, the columns of an array, as one with gaps between them."""
    gaps = np.full((1, curves.shape[1]), np.nan)
    return np.tile(np.append(x, np.nan), curves.shape[1]), np.concatenate([curves, gaps]).T.ravel()


# ---------------------------------------------------------------------------------------------------------------------
# Small things


@checked
def markers_at(alphas: Array) -> np.ndarray:
    """Positions of at most _SHOWN alphas, evenly spaced along a logarithmic or linear axis."""
    first = int(alphas[0] == 0 and wide(alphas))  # 0 is not on a logarithmic axis
    x = np.log(alphas[first:]) if wide(alphas) else alphas
    targets = np.linspace(x[0], x[-1], _SHOWN)
    return first + np.unique(np.abs(x[:, None] - targets).argmin(axis=0))


@checked
def labelled(ax: Axes, pair: Pair, label: str) -> Axes:
    """Axis labels; alpha logarithmic if its values are; where something jumps a line."""
    time_axis(ax, pair.either.alphas, pair.problem)
    jumps.mark(ax, pair.all)
    ax.set_ylabel(label)
    return ax


@checked
def looks(pairs: Sequence[Pair]) -> list[tuple[tuple[str, str, str], list[str]]]:
    """Colour, marker and label of each problem's alignment, and the colours of its outputs, if it has several.

    Of a single problem each output has a colour of its own, of several problems each has one for all its curves.
    """
    if len(pairs) == 1 and pairs[0].problem.outputs > 1:
        return [(("#000000", "P", "all outputs"), style.colours(pairs[0].problem.outputs))]
    found, its = [], [(pair.problem.rule, said) for pair, said in zip(pairs, distinctions(pairs), strict=True)]
    of_rules = names(pairs) if len({rule for rule, _ in its}) > 1 else []
    for position, (pair, (_, said)) in enumerate(zip(pairs, its, strict=True)):
        look, name = of_rules[position] if of_rules else (_numbered(position, len(pairs)), said)
        several = pair.problem.outputs if pair.problem.outputs > 1 else 0
        found.append(((look.colour, look.marker, name), several * [look.colour]))
    return found


def _numbered(position: int, of: int) -> style.Look:
    return style.Look(style.colours(of)[position], style.marker(position), "-")
