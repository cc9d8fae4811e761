"""The page of trajectories with several numbers of outputs, side by side. Axes in, Axes out."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from stdyn.checks import Array
from stdyn.figures import jumps, plot, style
from stdyn.figures.arguments import checked
from stdyn.figures.errorpanels import generalization
from stdyn.figures.layout import finished, legend
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.pairs import Pair, check_not_empty, differing, pair_up, with_feedback
from stdyn.figures.panels import (
    feedback_cosine,
    looks,
)
from stdyn.figures.scales import level, logarithmic
from stdyn.model.trajectory import Trajectory

__all__ = [
    "figures", "outputs_page",
]  # fmt: skip

_LEAST = 1e-10  # the lowest eps_g that is drawn


@checked
@styled
def figures(trajectories: list[Trajectory]) -> Pages:
    """Those of `plot.figures`, or, if the trajectories differ in the number of outputs, the page `outputs` instead.

    Parameters
    ----------
    trajectories : list of Trajectory
        Theory and runs of one or more problems; a single one may stand alone.

    Returns
    -------
    dict of Figure
        By name, in the order in which they are shown; a notebook shows all of them.

    Raises
    ------
    InputError
        If a trajectory has no alpha.

    See Also
    --------
    stdyn.plot.figures : Of problems with one number of outputs.

    Examples
    --------
    >>> list(stdyn.outputplot.figures([theory, runs]))
    ['fa_order_parameters', 'alignment', 'generalization']
    """
    if len({each.problem.outputs for each in trajectories}) < 2:
        return plot.figures(trajectories)
    return Pages(outputs=outputs_page(trajectories))


@checked
@styled
def outputs_page(trajectories: list[Trajectory]) -> Page:
    """A column for each number of outputs: eps_g of every problem, and how v aligns with b under feedback alignment.

    The axis of eps_g ends at 1e-10.

    Parameters
    ----------
    trajectories : list of Trajectory
        Theory and runs of one or more problems; a single one may stand alone.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If a trajectory has no alpha.

    See Also
    --------
    stdyn.plot.figures : Of problems with one number of outputs.

    Examples
    --------
    >>> two = stdyn.Experiment(K=2, M=2, outputs=2, rule="fa").problem("fa")
    >>> figure = stdyn.outputplot.outputs_page([theory, stdyn.integrate(two, alphas)])
    >>> len(figure.axes)
    4
    """
    check_not_empty(trajectories)
    numbers = sorted({each.problem.outputs for each in trajectories})
    ordered = sorted(trajectories, key=lambda each: list(style.RULES).index(each.problem.rule))
    columns = [pair_up([each for each in ordered if each.problem.outputs == O]) for O in numbers]
    aligning = [with_feedback(pairs) for pairs in columns]
    rows = 1 + any(aligning)
    figure, axes = page(4.0 * len(numbers), 0.6 + 3.2 * rows, rows, len(numbers))
    errors, cosines = axes[: len(numbers)], axes[len(numbers) :]
    for ax, pairs in zip(errors, columns, strict=True):
        generalization(ax, pairs)
        ax.set_title(heading(pairs), fontsize=9)
        ax.set_ylim(bottom=max(ax.get_ylim()[0], _LEAST))
    for ax, pairs in zip(cosines, aligning if cosines else [], strict=True):
        alignment(ax, pairs)
    for row in (errors, cosines):
        same_limits(row)
    return finished(figure, drawn([pair for pairs in columns for pair in pairs]))


@checked
def alignment(ax: Axes, pairs: Sequence[Pair]) -> Axes:
    """The cosine of v and b against alpha in all outputs and, if there are several, in each (thin)."""
    for pair, (look, outputs) in zip(pairs, looks(pairs), strict=True):
        its = ("#000000", "P", "FA") if len(pairs) == pair.problem.outputs == 1 else look
        feedback_cosine(ax, pair, *its, dash="-", outputs=outputs)
    for height in (0, 1):
        level(ax, height)
    if pairs:
        legend(ax, loc="lower right")
        rules = dict.fromkeys(style.rule(pair.problem.rule) for pair in pairs)
        ax.set_ylabel(f"cosine of $v$ and $b$ ({', '.join(rules)})")
    else:
        ax.set_axis_off()
    return ax


@checked
def same_limits(row: Sequence[Axes]) -> None:
    """Give the axes of a row the same limits, and a logarithmic axis of alpha if one has it."""
    shown = [ax for ax in row if ax.axison]
    if any(ax.get_xscale() == "log" for ax in shown):
        for ax in shown:
            logarithmic(ax.xaxis)
    across, up = ([getattr(ax, f"get_{which}")() for ax in shown] for which in ("xlim", "ylim"))
    for ax in shown:
        ax.set_xlim(min(low for low, _ in across), max(high for _, high in across))
        ax.set_ylim(min(low for low, _ in up), max(high for _, high in up))


@checked
def heading(pairs: list[Pair]) -> str:
    """The parameters that all share, and how long the second layers of the teachers and the b are."""
    problem = pairs[0].problem
    lengths = [rf"$|\tilde v_n|^2$ = {_lengths([pair.problem.start.v_teacher for pair in pairs])}"]
    feedback = [pair.problem.b for pair in pairs if pair.problem.b is not None]
    lengths += [rf"$|b_i|^2$ = {_lengths(feedback)}"] if feedback else []
    same = style.parameters(problem, ["O", *differing([pair.problem for pair in pairs])])  # the others: in the legend
    return f"{', '.join(filter(None, (f'O = {problem.outputs}', same)))}\non average over units {', '.join(lengths)}"


def _lengths(layers: Sequence[Array]) -> str:
    """The squared length of a unit's vector of second-layer weights, on average over the units; from the least on."""
    squares = [float(np.sum(layer**2) / len(layer)) for layer in layers]
    return " to ".join(dict.fromkeys(f"{end:.2g}" for end in (min(squares), max(squares))))


@checked
def drawn(pairs: list[Pair]) -> str:
    """What lines, markers and bands are."""
    parts = ["lines: ODEs"] if any(pair.theory for pair in pairs) else []
    for kind, several, one in (
        ("runs", "markers: networks, mean ± s.d. (error: median, range)", "markers: a network each"),
        ("reduced", "bands: reduced runs, mean ± s.d. (error: 5 – 95 %)", "thin lines: a reduced run each"),
    ):
        counts = [runs.runs for pair in pairs if (runs := getattr(pair, kind)) is not None]
        parts += [several if max(counts) > 1 else one] if counts else []
    parts += filter(None, [jumps.said(each for pair in pairs for each in pair.all)])
    return "; ".join(parts)
