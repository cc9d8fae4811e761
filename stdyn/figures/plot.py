"""The figures of trajectories: theory as lines, network runs as markers with their spread, reduced runs as bands.

Axes in, Axes out.
"""

from stdyn.figures import style
from stdyn.figures.arguments import checked
from stdyn.figures.errorpanels import EACH_SAID, all_errors, errors_to_draw, generalization
from stdyn.figures.finiteplot import finite_size_figure, keeps_symmetry, symmetry_figure
from stdyn.figures.layout import finished, legend, legend_below
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.pairs import Pair, caption, check_not_empty, families, names, pair_up, with_feedback
from stdyn.figures.panels import (
    feedback_cosine,
    feedback_overlap,
    looks,
    second_layer,
    student_student_overlaps,
    student_teacher_overlaps,
)
from stdyn.figures.scales import (
    level,
)  # fmt: skip
from stdyn.model.trajectory import Trajectory

__all__ = [
    "figures", "order_parameters_figure", "alignment_figure", "generalization_figure",
    "student_teacher_overlaps", "student_student_overlaps", "second_layer", "feedback_overlap",
    "feedback_cosine", "generalization", "Pair", "pair_up",
]  # fmt: skip

_COLUMNS = 3  # panels of problems with tasks, side by side


@checked
@styled
def figures(trajectories: list[Trajectory]) -> Pages:
    """All figures of the given results by name: order parameters of each problem, alignment, generalization error.

    A single trajectory is drawn, too. The figures have a style of their own, whatever matplotlib's settings are.

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
    stdyn.Trajectory.plot : A single quantity, in own axes.
    stdyn.outputplot.figures : Of problems with different numbers of outputs.

    Examples
    --------
    >>> list(stdyn.plot.figures([theory, runs]))
    ['fa_order_parameters', 'alignment', 'generalization']
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


@checked
@styled
def order_parameters_figure(pair: Pair) -> Page:
    """R, Q, v and, of a rule with feedback weights, F and its cosine (of backpropagation: eps_g) against alpha.

    Parameters
    ----------
    pair : Pair
        Theory and runs of one problem.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    figures : All figures of results.

    Examples
    --------
    >>> (pair,) = stdyn.plot.pair_up([theory, runs])
    >>> figure = stdyn.plot.order_parameters_figure(pair)
    """
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
    """The second layer aligning with the feedback vector: F and its cosine against alpha; thin those of each output.

    Parameters
    ----------
    pairs : list of Pair
        One for each problem.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    feedback_cosine : The cosine alone.

    Examples
    --------
    >>> figure = stdyn.plot.alignment_figure(stdyn.plot.pair_up([theory, runs]))
    """
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

    Parameters
    ----------
    pairs : list of Pair
        One for each problem.
    brief : bool, default False
        Whether the legend has the names only.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    See Also
    --------
    generalization : The same in own axes.

    Examples
    --------
    >>> figure = stdyn.plot.generalization_figure(stdyn.plot.pair_up([theory, runs]))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['FA, ODE', 'FA, 8 runs, N = 200']
    """
    if len(pairs) > 1 and any(pair.problem.tasks is not None for pair in pairs):
        figure, brief = _panels(pairs), False
    else:
        figure, (ax,) = page(5.6, 4.0)
        generalization(ax, pairs, brief)
        brief = brief or len(errors_to_draw(pairs)) > EACH_SAID
    bands = brief and any(pair.reduced is not None and pair.reduced.runs > 1 for pair in pairs)
    title = caption(pairs, rule=False, markers="median and full range")
    return finished(figure, title + bands * "\nbands: 5 – 95 % of reduced runs")


def _panels(pairs: list[Pair]) -> Page:
    """eps_g of every problem in an axes of its own, and one legend for all."""
    columns = min(len(pairs), _COLUMNS)
    rows = -(-len(pairs) // columns)
    figure, axes = page(0.8 + 3.6 * columns, 0.4 + 3.4 * rows, rows, columns, sharex=True, sharey=True)
    for ax, pair, (_, name) in zip(axes, pairs, names(pairs), strict=False):
        all_errors(ax, errors_to_draw([pair], alone=True))
        ax.set_title(name, fontsize=9)
    legend_below(figure, axes[: len(pairs)])
    for ax in axes[len(pairs) :]:
        ax.set_axis_off()
    return figure
