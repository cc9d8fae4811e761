"""The axes of eps_g against alpha: of every problem, or of each task of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from stdyn.checks import Array
from stdyn.figures import jumps, style
from stdyn.figures.arguments import checked
from stdyn.figures.layout import legend
from stdyn.figures.pairs import Pair, names
from stdyn.figures.panels import markers_at
from stdyn.figures.scales import (
    error_axis,
    floored,
    percentiles,
    positive,
    spread_of_errors,
    time_axis,
)  # fmt: skip
from stdyn.model.trajectory import Trajectory

EACH_SAID = 4  # problems whose lines, markers and bands are each in the legend
Entry = tuple[Pair, int | None, style.Look, str]  # a problem, or a task of it, with its look and name


@checked
def generalization(ax: Axes, pairs: list[Pair], brief: bool = False) -> Axes:
    """eps_g against alpha, both logarithmic: theory as lines, the median of the runs with their full range.

    Of a problem that has tasks it is that of each, with a colour, a marker and a dash of its own. A brief legend has
    the names only, as it has anyway where there are many.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pairs : list of Pair
        One for each problem.
    brief : bool, default False
        Whether the legend has the names only.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    See Also
    --------
    generalization_figure : The same as a figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> ax = stdyn.plot.generalization(plt.figure().add_subplot(), pair)
    """
    all_errors(ax, errors_to_draw(pairs), brief)
    legend(ax)
    return ax


def all_errors(ax: Axes, entries: Sequence[Entry], brief: bool = False) -> None:
    """eps_g of problems, or of their tasks, without a legend."""
    brief = brief or len(entries) > EACH_SAID
    for pair, task, look, name in entries:
        errors = [None if each is None else _errors(each, task) for each in (pair.theory, pair.runs, pair.reduced)]
        _errors_of_one(ax, pair, errors, look, name, brief)
    for pair, *_ in entries:
        time_axis(ax, pair.either.alphas, pair.problem)
        jumps.mark(ax, pair.all)
    error_axis(ax, [each for pair, *_ in entries for each in pair.all])
    floored([ax])


def errors_to_draw(pairs: list[Pair], alone: bool = False) -> list[Entry]:
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
