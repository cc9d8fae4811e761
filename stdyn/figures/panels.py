"""The axes of figures of trajectories: theory as lines, network runs as markers, reduced runs as bands."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stdyn.analysis.moments import mean_and_spread
from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import Colour, Curve, LineStyle, Marker, checked
from stdyn.figures.layout import legend
from stdyn.figures.pairs import Pair, distinctions, names
from stdyn.figures.scales import (
    band,
    cosine_limits,
    single_run,
    time_axis,
    wide,
)  # fmt: skip

_SHOWN = 18  # markers a curve
_TOLD_APART = 1 + len(style.OUTPUT_DASHES)  # outputs, by their dashes


@checked
def student_teacher_overlaps(ax: Axes, pair: Pair) -> Axes:
    """R_in against alpha: thick for the teacher unit on which student i ends, thin for the others.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pair : Pair
        Theory and runs of one problem.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.Trajectory.plot : These, or some of them, as plain lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.student_teacher_overlaps(plt.figure().add_subplot(), pair)
    """
    start = pair.problem.start
    last = np.abs(pair.either.R.reshape(-1, *start.R.shape)[-1])
    for i, colour in enumerate(style.colours(start.K)):
        own = int(last[i].argmax())
        faint_curves(ax, pair, "R", [(i, n) for n in range(start.M) if n != own], colour, style.marker(i))
        curve(ax, pair, "R", (i, own), colour, style.marker(i), f"i = {i + 1}")
    return labelled(ax, pair, r"$R_{in}$")


@checked
def student_student_overlaps(ax: Axes, pair: Pair) -> Axes:
    """Q_ii (thick) and Q_ik, i != k (thin, grey), against alpha.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pair : Pair
        Theory and runs of one problem.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    stdyn.Trajectory.plot : These, or some of them, as plain lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.student_student_overlaps(plt.figure().add_subplot(), pair)
    """
    K = pair.problem.start.K
    faint_curves(ax, pair, "Q", [(i, k) for i in range(K) for k in range(i + 1, K)], "0.5", ".")
    for i, colour in enumerate(style.colours(K)):
        curve(ax, pair, "Q", (i, i), colour, style.marker(i), f"i = {i + 1}")
    return labelled(ax, pair, r"$Q_{ik}$" + (r"  (grey: $i \neq k$)" if K > 1 else ""))


@checked
def second_layer(ax: Axes, pair: Pair) -> Axes:
    """v against alpha, and the feedback weights b, if there are any, as ticks on the right; its end, where b learns.

    A b that learns is a line, too: of a single output a dashed one, of several a wide pale one with its output's dash.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pair : Pair
        Theory and runs of one problem.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    feedback_cosine : How it aligns with the feedback weights.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.second_layer(plt.figure().add_subplot(), pair)
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
    """F = v.b against alpha; thin that of each output, in these colours, if they are given.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pair : Pair
        Theory and runs of one problem.
    colour : str
        Of matplotlib.
    marker : str
        Of runs.
    label : str
        In the legend.
    outputs : list of str
        A colour for each output; without them none is drawn by itself.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    second_layer : The second layer and the feedback weights themselves.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.feedback_overlap(plt.figure().add_subplot(), pair)
    """
    curve(ax, pair, "F", (), colour, marker, label)
    each_output(ax, pair, "F_per_output", outputs)
    return labelled(ax, pair, style.label("F"))


@checked
def feedback_cosine(
    ax: Axes, pair: Pair, colour: Colour = style.COLOURS[1], marker: Marker = "s", label: str = style.label("cosine"),
    dash: LineStyle = "--", outputs: Sequence[Colour] = (),
) -> Axes:  # fmt: skip
    """The cosine of v and b against alpha; thin that of each output, in these colours, if they are given.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pair : Pair
        Theory and runs of one problem.
    colour : str
        Of matplotlib.
    marker : str
        Of runs.
    label : str
        In the legend.
    dash : str or tuple
        Of the theory: a line style of matplotlib.
    outputs : list of str
        A colour for each output; without them none is drawn by itself.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    second_layer : The second layer and the feedback weights themselves.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.feedback_cosine(plt.figure().add_subplot(), pair)
    """
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
