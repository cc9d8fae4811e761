"""The figures of trajectories: theory as lines, network runs as markers with their spread, reduced runs as bands.

Axes in, Axes out.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stdyn.checks import Array
from stdyn.figures import style
from stdyn.figures.finiteplot import finite_size_figure, keeps_symmetry, symmetry_figure
from stdyn.figures.pairs import Pair, caption, check_not_empty, distinctions, families, pair_up, with_feedback
from stdyn.model.trajectory import Trajectory

_SHOWN = 18  # markers a curve


@style.styled
def figures(trajectories: list[Trajectory]) -> dict[str, Figure]:
    """All figures of the given results by name: order parameters of each problem, alignment, generalization error."""
    check_not_empty(trajectories)
    sizes = families(trajectories)
    in_sizes = {id(trajectory) for family in sizes for trajectory in family}
    pairs = pair_up([trajectory for trajectory in trajectories if id(trajectory) not in in_sizes])
    drawn: dict[str, Figure] = {}
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


def order_parameters_figure(pair: Pair) -> Figure:
    """R, Q, v and, with feedback alignment, F and its cosine (with backpropagation: eps_g) against alpha."""
    figure, axes = style.page(7.6, 6.0, 2, 2)
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
    style.legend_below(figure, axes[0], min(len(axes[0].get_legend_handles_labels()[0]), 10), "student unit")
    for letter, ax in zip("abcd", axes, strict=True):
        ax.set_title(f"({letter})", loc="left", fontsize=9)
    figure.suptitle(caption(pair), fontsize=9)
    return figure


def alignment_figure(pairs: list[Pair]) -> Figure:
    """The second layer aligning with the feedback vector: F and its cosine against alpha; thin those of each output."""
    figure, (left, right) = style.page(7.6, 3.2, 1, 2)
    for pair, (look, outputs) in zip(pairs, looks(pairs), strict=True):
        feedback_overlap(left, pair, *look, outputs=outputs)
        feedback_cosine(right, pair, *look, dash="-", outputs=outputs)
    style.level(right, 1)
    if len(pairs) > 1 or pairs[0].problem.outputs > 1:
        left.legend()
    figure.suptitle(caption(pairs[0]), fontsize=9)
    return figure


def generalization_figure(pairs: list[Pair]) -> Figure:
    """Generalization error of every problem against alpha."""
    figure, (ax,) = style.page(5.6, 4.0)
    generalization(ax, pairs)
    ax.set_title(caption(pairs[0], rule=False, markers="median and full range"), fontsize=9)
    return figure


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


def student_teacher_overlaps(ax: Axes, pair: Pair) -> Axes:
    """R_in against alpha: thick for the teacher unit on which student i ends, thin for the others."""
    last = np.abs(pair.either.R.reshape(-1, *pair.problem.start.R.shape)[-1])
    for i in range(pair.problem.start.K):
        for n in range(pair.problem.start.M):
            chosen = n == last[i].argmax()
            name = f"i = {i + 1}" if chosen else None
            curve(ax, pair, "R", (i, n), style.colour(i), style.marker(i), name, faint=not chosen)
    return labelled(ax, pair, r"$R_{in}$")


def student_student_overlaps(ax: Axes, pair: Pair) -> Axes:
    """Q_ii (thick) and Q_ik, i != k (thin, grey), against alpha."""
    for i in range(pair.problem.start.K):
        curve(ax, pair, "Q", (i, i), style.colour(i), style.marker(i), f"i = {i + 1}")
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
            name, dash = (None, style.output_dash(o - 1)) if o else (f"i = {i + 1}", "-")
            curve(ax, pair, "v", entry, style.colour(i), style.marker(i), name, dash=dash, thin=several)
            if pair.problem.b is not None:
                ax.plot(1.0, pair.problem.b[entry], marker=4, color=style.colour(i), ms=4 if o else 7, clip_on=False,
                        ls="none", transform=ax.get_yaxis_transform())  # fmt: skip
    for o in range(pair.problem.outputs if several else 0):
        ax.plot([], [], color="0.3", lw=0.9, ls=style.output_dash(o - 1) if o else "-", label=f"output {o + 1}")
    if several:
        ax.legend(handles=ax.get_lines()[-pair.problem.outputs :])
    entry_of = "{io}" if several else "i"
    labelled(ax, pair, rf"$v_{entry_of}$" + ("" if pair.problem.b is None else rf"  (right: $b_{entry_of}$)"))
    return ax


def feedback_overlap(
    ax: Axes, pair: Pair, colour: str = style.COLOURS[0], marker: str = "o", label: str = style.label("F"),
    outputs: Sequence[str] = (),
) -> Axes:  # fmt: skip
    """F = v.b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "F", (), colour, marker, label)
    each_output(ax, pair, "F_per_output", outputs)
    return labelled(ax, pair, style.label("F"))


def feedback_cosine(
    ax: Axes, pair: Pair, colour: str = style.COLOURS[1], marker: str = "s", label: str = r"$F/|v||b|$",
    dash: str = "--", outputs: Sequence[str] = (),
) -> Axes:  # fmt: skip
    """The cosine of v and b against alpha; thin that of each output, in these colours, if they are given."""
    curve(ax, pair, "alignment", (), colour, marker, label, dash=dash)
    each_output(ax, pair, "alignment_per_output", outputs)
    labelled(ax, pair, style.label("alignment"))
    ax.set_ylim(-1.05 if ax.get_ylim()[0] < -0.1 else min(ax.get_ylim()[0], -0.05), 1.05)
    return ax


def each_output(ax: Axes, pair: Pair, name: str, colours: Sequence[str]) -> None:
    """A thin curve for each output, with a dash and a marker of its own."""
    for o, its in enumerate(colours):
        its_marker = style.OUTPUT_MARKERS[o % len(style.OUTPUT_MARKERS)]
        curve(ax, pair, name, (o,), its, its_marker, f"output {o + 1}", dash=style.output_dash(o), thin=True)


def generalization(ax: Axes, pairs: list[Pair]) -> Axes:
    """eps_g against alpha, both logarithmic: theory as lines, the median of the runs with their full range."""
    repeated = len({pair.problem.rule for pair in pairs}) < len(pairs)
    for position, (pair, distinction) in enumerate(zip(pairs, distinctions(pairs), strict=True)):
        look, name = style.RULES[pair.problem.rule], pair.problem.rule.upper()
        if repeated:
            look = style.Look(style.colour(position), style.marker(position), look.dash)
            name = f"{name}, {distinction}"
        if pair.theory is not None:
            errors = style.positive(pair.theory.eps_g)
            ax.plot(pair.theory.alphas, errors, look.dash, color=look.colour, label=f"{name}, ODE")
        if pair.runs is not None:
            shown = markers_at(pair.runs.alphas)
            values = pair.runs.eps_g[:, shown]
            middle = np.nanmedian(values, axis=0)
            spread = np.abs(np.nanpercentile(values, [0, 100], axis=0) - middle)
            ax.errorbar(pair.runs.alphas[shown], middle, spread, fmt=look.marker, color=look.colour, ms=4, lw=1,
                        mfc="white", label=f"{name}, {pair.runs.runs} runs, N = {pair.runs.problem.N}")  # fmt: skip
        if pair.reduced is not None:
            low, middle, high = np.nanpercentile(pair.reduced.eps_g, [5, 50, 95], axis=0)
            said = f"{name}, 5 – 95 % of {pair.reduced.runs} reduced runs, N = {pair.reduced.problem.N}"
            style.band(ax, pair.reduced.alphas, low, high, look.colour, said)
            if pair.theory is None and pair.runs is None:
                median = style.positive(middle)
                ax.plot(pair.reduced.alphas, median, look.dash, color=look.colour, label=f"{name}, their median")
    style.time_axis(ax, pairs[0].either.alphas)
    style.error_axis(ax)
    ax.legend()
    return ax


def curve(
    ax: Axes, pair: Pair, name: str, entry: tuple[int, ...], colour: str, marker: str, label: str | None,
    faint: bool = False, dash: style.Dash = "-", thin: bool = False,
) -> None:  # fmt: skip
    """One entry of an order parameter: theory as a line, network runs as markers, reduced runs as a band."""
    width = 0.6 if faint else 0.9 if thin else 1.5
    if pair.theory is not None:
        values = getattr(pair.theory, name)[(slice(None), *entry)]
        ax.plot(pair.theory.alphas, values, ls=dash, color=colour, lw=width, alpha=0.6 if faint else 1,
                label=label if pair.runs is None else None)  # fmt: skip
    if pair.reduced is not None and not faint:
        values = getattr(pair.reduced, name)[(slice(None), slice(None), *entry)]
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        style.band(ax, pair.reduced.alphas, mean - spread, mean + spread, colour)
        if pair.theory is None:
            ax.plot(pair.reduced.alphas, mean, ls=dash, color=colour, lw=1, label=label if pair.runs is None else None)
    if pair.runs is not None:
        shown = markers_at(pair.runs.alphas)
        values = getattr(pair.runs, name)[(slice(None), shown, *entry)]
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        ax.errorbar(pair.runs.alphas[shown], mean, None if faint else spread, fmt=marker, color=colour, lw=0.8,
                    ms=1.8 if faint else 2.6 if thin else 3.6, mfc=colour if faint else "white", mew=0.8,
                    alpha=0.5 if faint else 1, label=label)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Small things


def markers_at(alphas: Array) -> np.ndarray:
    """Positions of at most _SHOWN alphas, evenly spaced along a logarithmic or linear axis."""
    first = int(alphas[0] == 0 and len(alphas) > 1)
    x = np.log(alphas[first:]) if style.wide(alphas) else alphas[first:]
    targets = np.linspace(x[0], x[-1], _SHOWN)
    return first + np.unique(np.abs(x[:, None] - targets).argmin(axis=0))


def labelled(ax: Axes, pair: Pair, label: str) -> Axes:
    """Axis labels; alpha logarithmic if its values are."""
    style.time_axis(ax, pair.either.alphas)
    ax.set_ylabel(label)
    return ax


def looks(pairs: list[Pair]) -> list[tuple[tuple[str, str, str], list[str]]]:
    """Colour, marker and label of each problem's alignment, and the colours of its outputs, if it has several.

    Of a single problem each output has a colour of its own, of several problems each has one for all its curves.
    """
    if len(pairs) == 1 and pairs[0].problem.outputs > 1:
        return [(("#000000", "P", "all outputs"), [style.colour(o) for o in range(pairs[0].problem.outputs)])]
    found = []
    for position, (pair, name) in enumerate(zip(pairs, distinctions(pairs), strict=True)):
        own, several = style.colour(position), pair.problem.outputs if pair.problem.outputs > 1 else 0
        found.append(((own, style.marker(position), name), several * [own]))
    return found
