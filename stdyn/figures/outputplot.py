"""The page of trajectories with several numbers of outputs, side by side. Axes in, Axes out."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import plot
from stdyn.figures.plot import RULES, STYLE, Pair, feedback_cosine, generalization, looks, pair_up, parameters
from stdyn.model.problem import RATES
from stdyn.model.trajectory import Trajectory

_LEAST = 1e-10  # the lowest eps_g that is drawn


def figures(trajectories: list[Trajectory]) -> dict[str, Figure]:
    """Those of `plot.figures`, or, if the trajectories differ in the number of outputs, the page `outputs` instead."""
    if len({each.problem.outputs for each in trajectories}) < 2:
        return plot.figures(trajectories)
    return {"outputs": outputs_page(trajectories)}


def outputs_page(trajectories: list[Trajectory]) -> Figure:
    """A column for each number of outputs: eps_g of every problem, and how v aligns with b under feedback alignment.

    The axis of eps_g ends at 1e-10.
    """
    if any(len(trajectory.alphas) == 0 for trajectory in trajectories):
        raise InputError("there is nothing to draw in a trajectory that diverged before its first alpha")
    numbers = sorted({each.problem.outputs for each in trajectories})
    ordered = sorted(trajectories, key=lambda each: list(RULES).index(each.problem.rule))
    columns = [pair_up([each for each in ordered if each.problem.outputs == O]) for O in numbers]
    with_feedback = [[pair for pair in pairs if pair.problem.rule == "fa"] for pairs in columns]
    rows = 1 + any(with_feedback)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.0 * len(numbers), 0.6 + 3.2 * rows), layout="constrained")
        axes = figure.subplots(rows, len(numbers), squeeze=False)
        for column, pairs, some in zip(axes.T, columns, with_feedback, strict=True):
            ax = generalization(column[0], pairs)
            ax.set_title(heading(pairs), fontsize=9)
            ax.set_ylim(bottom=max(ax.get_ylim()[0], _LEAST))
            if rows > 1:
                alignment(column[1], some)
        for row in axes:
            same_limits(row)
        figure.suptitle(drawn([pair for pairs in columns for pair in pairs]), fontsize=9)
    return figure


def alignment(ax: Axes, pairs: list[Pair]) -> Axes:
    """The cosine of v and b against alpha in all outputs and, if there are several, in each (thin)."""
    for pair, (look, outputs) in zip(pairs, looks(pairs), strict=True):
        its = ("#000000", "P", "FA") if len(pairs) == pair.problem.outputs == 1 else look
        feedback_cosine(ax, pair, *its, dash="-", outputs=outputs)
    for line in (0, 1):
        ax.axhline(line, color="0.7", lw=0.8, zorder=0)
    if pairs:
        ax.legend(loc="lower right", ncols=len(pairs))
        ax.set_ylabel("cosine of $v$ and $b$ (FA)")
    else:
        ax.set_axis_off()
    return ax


def same_limits(row: np.ndarray) -> None:
    """Give the axes of a row the same limits."""
    shown = [ax for ax in row if ax.axison]
    for which in ("xlim", "ylim"):
        limits = np.array([getattr(ax, f"get_{which}")() for ax in shown])
        for ax in shown:
            getattr(ax, f"set_{which}")(limits[:, 0].min(), limits[:, 1].max())


def heading(pairs: list[Pair]) -> str:
    """The parameters that all share, and how long the second layer of the first one's teacher and the first b are."""
    problem = pairs[0].problem
    lengths = [rf"$|\tilde v_n|^2$ = {_mean_square(problem.start.v_teacher):.2g}"]
    feedback = [pair.problem.b for pair in pairs if pair.problem.b is not None]
    lengths += [rf"$|b_i|^2$ = {_mean_square(feedback[0]):.2g}"] if feedback else []
    differ = [name for name in RATES if len({getattr(pair.problem, name) for pair in pairs}) > 1]  # said in the legend
    same = parameters(problem, without="=".join(["O", *differ]))
    return f"O = {problem.outputs}, {same}\non average over units {', '.join(lengths)}"


def _mean_square(layer: Array) -> float:
    """The squared length of a unit's vector of second-layer weights, on average over the units."""
    return float(np.sum(layer**2) / len(layer))


def drawn(pairs: list[Pair]) -> str:
    """What lines, markers and bands are."""
    parts = ["lines: ODEs"] if any(pair.theory for pair in pairs) else []
    parts += ["markers: networks, mean ± s.d. (error: median, range)"] if any(pair.runs for pair in pairs) else []
    parts += ["bands: reduced runs, mean ± s.d. (error: 5 – 95 %)"] if any(pair.reduced for pair in pairs) else []
    return "; ".join(parts)
