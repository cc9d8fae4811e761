"""The figures of protocols, tasks and rules: what is forgotten of a task, and learning rules from one start."""

from typing import Annotated

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stdyn.analysis.moments import mean_and_spread
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.arguments import checked, one_of
from stdyn.figures.errorpanels import generalization
from stdyn.figures.layout import finished, legend
from stdyn.figures.pages import Page, page, styled
from stdyn.figures.pairs import Pair, caption, check_not_empty, common, names, with_feedback
from stdyn.figures.panels import (
    feedback_cosine,
    labelled,
    markers_at,
    second_layer,
)
from stdyn.figures.scales import band, floored, level, logarithmic, positive, single_run
from stdyn.model.schedule import Schedule
from stdyn.model.trajectory import Trajectory

__all__ = [
    "forgetting_figure", "rules_figure", "against_similarity",
]  # fmt: skip

Compared = tuple[str, float, Trajectory, Trajectory | None]  # the curve's name, similarity of tasks, theory, runs
Quantity = Annotated[str, one_of(("forgetting", "transfer"))]


# ---------------------------------------------------------------------------------------------------------------------
# Whole figures


@checked
@styled
def forgetting_figure(results: list[tuple[str, float, Trajectory, Trajectory | None]]) -> Page:
    """Forgetting and transfer of tasks against their similarity: theory as lines, the mean of runs as markers.

    Forgetting is eps_g of a task at the end minus that at the end of its turn, transfer eps_g of a task at alpha = 0
    minus that at the beginning of its turn (`Trajectory.forgetting`, `Trajectory.transfer`); of more than two tasks
    both are the mean over tasks.

    Parameters
    ----------
    results : list of (name, similarity, theory, runs)
        One for every similarity of every curve, which are told apart by their names ("FA", "BP, one head"). `runs` are
        of the theory's problem, or None.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If a trajectory has no second task.

    See Also
    --------
    against_similarity : One of its axes.

    Examples
    --------
    >>> tasks = stdyn.Tasks([[1.0, 1.0], [1.0, -1.0]], at=[0, 10])
    >>> both = stdyn.integrate(dataclasses.replace(problem, tasks=tasks), alphas)
    >>> figure = stdyn.protocolplot.forgetting_figure([("FA", 0.0, both, None)])
    """
    check_not_empty([each for _, _, *both in results for each in both if each is not None])
    figure, (left, right) = page(7.6, 3.6, 1, 2)
    for ax, quantity in ((left, "forgetting"), (right, "transfer")):
        against_similarity(ax, results, quantity)
    theories = [theory for _, _, theory, _ in results]
    runs = [each for *_, each in results if each is not None]
    several = "mean ± s.d. of " if any(each.runs > 1 for each in runs) else ""
    counts = " or ".join(dict.fromkeys(style.counted(each.runs, f"{each.method} run") for each in runs))
    sizes = " or ".join(dict.fromkeys(f"{each.problem.N}" for each in runs))
    drawn = "lines: ODEs" + (f"; markers: {several}{counts} at N = {sizes}" if runs else "")
    return finished(figure, f"{common([each.problem for each in theories])}\n{drawn}")


@checked
@styled
def rules_figure(pairs: list[Pair]) -> Page:
    """Learning rules from one start: eps_g, the alignment of v and b, and how far b is from v.

    With Kolen-Pollack ``|b - v|`` decays as e^(-decay_v alpha), which is dotted; v and b of it have their own panel.

    Parameters
    ----------
    pairs : list of Pair
        One for each problem.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If none has feedback weights.

    See Also
    --------
    stdyn.plot.alignment_figure : Only how v and b align.

    Examples
    --------
    >>> figure = stdyn.protocolplot.rules_figure(stdyn.plot.pair_up([theory, runs]))
    """
    aligning = with_feedback(pairs)
    if not aligning:
        raise InputError("pairs must have one of a rule with feedback weights, fa, kp or mixed, to be compared")
    learning = [pair for pair in pairs if pair.problem.rule == "kp"]
    figure, (errors, cosines, apart, layers) = page(7.6, 6.2, 2, 2)
    generalization(errors, pairs, brief=True)
    for pair, (look, name) in zip(aligning, names(aligning), strict=True):
        feedback_cosine(cosines, pair, look.colour, look.marker, name, dash=look.dash)
        distance(apart, pair, look, name)
    level(cosines, 1)
    legend(cosines)
    for pair in learning:
        decayed(apart, pair)
    legend(apart)
    if learning:
        second_layer(layers, learning[0])
        of_v_and_b = "full $v$, dashed $b$" if learning[0].problem.outputs == 1 else "thin $v$, wide and pale $b$"
        layers.set_title(f"{names(learning)[0][1]}: {of_v_and_b}", fontsize=8)
    else:
        layers.set_axis_off()
    for letter, ax in zip("abcd", (errors, cosines, apart, layers), strict=True):
        ax.set_title(f"({letter})" if ax.axison else "", loc="left", fontsize=9)
    seen = any(pair.runs or pair.reduced for pair in pairs)
    return finished(figure, caption(pairs) + seen * "\nin (a) median and full range, bands 5 – 95 %")


# ---------------------------------------------------------------------------------------------------------------------
# One axes each


@checked
def against_similarity(
    ax: Axes, results: list[tuple[str, float, Trajectory, Trajectory | None]], quantity: Quantity = "forgetting"
) -> Axes:
    """Forgetting or transfer against the similarity of tasks, a curve for every name.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    results : list of (name, similarity, theory, runs)
        As those of `forgetting_figure`.
    quantity : {"forgetting", "transfer"}
        Which of the two.

    Returns
    -------
    matplotlib.axes.Axes
        Those that were drawn in.

    Raises
    ------
    InputError
        If a problem has a single task.

    See Also
    --------
    forgetting_figure : Both.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> tasks = stdyn.Tasks([[1.0, 1.0], [1.0, -1.0]], at=[0, 10])
    >>> both = stdyn.integrate(dataclasses.replace(problem, tasks=tasks), alphas)
    >>> ax = stdyn.protocolplot.against_similarity(plt.figure().add_subplot(), [("FA", 0.0, both, None)])
    """
    curves: dict[str, list[Compared]] = {}
    for result in results:
        curves.setdefault(result[0], []).append(result)
    handles: list[Line2D] = []
    looks = [look for look, _ in names([Pair(points[0][2]) for points in curves.values()])]
    for look, (name, points) in zip(looks, curves.items(), strict=True):
        points = sorted(points, key=lambda each: each[1])
        x = np.array([similarity for _, similarity, *_ in points])
        values = [of_tasks(theory, quantity) for *_, theory, _ in points]
        ax.plot(x, values, look.dash, color=look.colour, label=name)
        seen = [(similarity, of_tasks(runs, quantity)) for _, similarity, _, runs in points if runs is not None]
        if seen:
            means = [mean_and_spread(values) for _, values in seen]
            ax.errorbar([similarity for similarity, _ in seen], [mean for mean, _ in means], [std for _, std in means],
                        fmt=look.marker, color=look.colour, ms=4, lw=1, mfc="white")  # fmt: skip
        marker = look.marker if seen else "none"
        handles.append(Line2D([0], [0], ls=look.dash, color=look.colour, marker=marker, ms=4, mfc="white", label=name))
    level(ax, 0)
    if quantity == "forgetting":
        legend(ax, handles)
    ax.set_xlabel("similarity of the tasks (first layer)")
    ax.set_ylabel(rf"{quantity} ($\epsilon_g$)")
    return ax


@checked
def of_tasks(trajectory: Trajectory, quantity: Quantity = "forgetting") -> Array:
    """Forgetting or transfer, on average over the tasks that have one: a number, or one for every run.

    The task that is learned first has no transfer.
    """
    values, tasks = getattr(trajectory, quantity), trajectory.problem.tasks
    if tasks is None or len(tasks) == 1:
        raise InputError(f"results must be of problems with several tasks, but one has {style.tasks(tasks)}")
    if quantity == "transfer":
        values = np.delete(values, tasks.task_at(0.0), axis=-1)
    known = np.isfinite(values)
    return np.where(known, values, 0).sum(axis=-1) / np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)


@checked
def distance(ax: Axes, pair: Pair, look: style.Look, name: str) -> Axes:
    """``|b - v|`` against alpha, logarithmic: theory as a line, runs as markers, reduced runs as a band."""
    if pair.theory is not None:
        ax.plot(pair.theory.alphas, positive(_apart(pair.theory)), look.dash, color=look.colour, label=name)
    if pair.reduced is not None:
        mean, std = mean_and_spread(_apart(pair.reduced))
        if pair.reduced.runs == 1:
            single_run(ax, pair.reduced.alphas, positive(mean), look.colour, look.dash)
        band(ax, pair.reduced.alphas, positive(mean - std), positive(mean + std), look.colour)
        if pair.theory is None:
            ax.plot(pair.reduced.alphas, positive(mean), look.dash, color=look.colour, lw=1, label=name)
    if pair.runs is not None:
        shown = markers_at(pair.runs.alphas)
        mean, std = mean_and_spread(_apart(pair.runs)[:, shown])
        said = None if pair.theory is not None or pair.reduced is not None else name
        ax.errorbar(pair.runs.alphas[shown], positive(mean), std, fmt=look.marker, color=look.colour, ms=3.6, lw=0.8,
                    mfc="white", mew=0.8, label=said)  # fmt: skip
    logarithmic(ax.yaxis)
    floored([ax])
    return labelled(ax, pair, "distance $|b - v|$")


@checked
def decayed(ax: Axes, pair: Pair) -> Axes:
    """What weight decay leaves of |b - v|(0), behind the curves: with Kolen-Pollack nothing else changes it."""
    alphas, rate, problem = pair.either.alphas, pair.problem.decay_v, pair.problem
    if isinstance(rate, Schedule):
        used = np.array([rate.integral(alpha) for alpha in alphas.tolist()])
    else:
        used = rate * alphas
    power = r"\int \lambda_v" if isinstance(rate, Schedule) else r"\lambda_v \alpha"
    start = np.linalg.norm(_feedback(problem.b) - problem.start.v)
    ax.plot(alphas, start * np.exp(-used), color="0.8", lw=5, zorder=0.5, label=rf"$|b - v|(0)\, e^{{-{power}}}$")
    return ax


def _apart(trajectory: Trajectory) -> Array:
    """|b - v| at every alpha, of every run."""
    between = _feedback(trajectory.b) - trajectory.v
    return np.sqrt(np.sum(between**2, axis=tuple(range(-trajectory.problem.start.v.ndim, 0))))


def _feedback(b: Array | None) -> Array:
    """The feedback weights, refused if there are none."""
    if b is None:
        raise InputError("pair must be of a rule with feedback weights, fa, kp or mixed, but is of backpropagation")
    return b
