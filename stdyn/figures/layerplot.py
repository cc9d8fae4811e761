"""The figures of trainings: errors, the gap between them, the angles of feedback alignment. Axes in, Axes out.

Curves are means over the networks of a rule, bands their full range.
"""

from stdyn.errors import InputError
from stdyn.figures.arguments import checked
from stdyn.figures.layerpanels import (
    by_rule,
    caption,
    errors,
    gap,
    layer_angles,
    layer_cosines,
    losses,
    lost,
    network_of,
    of_each_rule,
    output_angles,
    output_cosines,
    student_alignment,
)
from stdyn.figures.layout import finished, legend_below
from stdyn.figures.pages import Page, Pages, page, styled
from stdyn.figures.pairs import pair_up, with_feedback
from stdyn.figures.scales import cosine_limits
from stdyn.layered.history import History
from stdyn.model.trajectory import Trajectory

__all__ = [
    "figures", "errors_figure", "angles_figure", "outputs_figure", "alignment_page", "errors", "losses",
]  # fmt: skip


@checked
@styled
def figures(histories: list[History]) -> Pages:
    """All figures of the trainings of one network by name: errors and, with feedback, angles and outputs.

    Parameters
    ----------
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    dict of Figure
        By name, in the order in which they are shown; a notebook shows all of them.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    stdyn.Histories : Where they come from.

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "figures.h5", "images").histories
    >>> list(stdyn.layerplot.figures(histories))
    ['errors', 'angles', 'fa_outputs']
    """
    groups = by_rule(histories)
    drawn = Pages(errors=errors_figure(histories))
    aligning = [rule for rule in groups if rule != "bp" and len(histories[0].widths) > 2]
    if aligning:
        drawn["angles"] = angles_figure(histories)
    every = of_each_rule(histories)
    return Pages(drawn | {f"{rule}_outputs": outputs_figure(every[rule]) for rule in aligning})


@checked
@styled
def errors_figure(histories: list[History]) -> Page:
    """Training and test error against epochs, the gap between them, and the cross-entropy.

    Parameters
    ----------
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    errors : The first of its axes.

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "errors_figure.h5", "images").histories
    >>> figure = stdyn.layerplot.errors_figure(histories)
    """
    figure, (left, middle, right) = page(9.6, 3.5, 1, 3)
    errors(left, histories)
    gap(middle, histories)
    losses(right, histories)
    legend_below(figure, [left, right])
    return finished(figure, caption(histories))


@checked
@styled
def angles_figure(histories: list[History]) -> Page:
    """The angles of the weights with the feedback, and of the updates with those of backpropagation, layer by layer.

    Parameters
    ----------
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    figures : All figures of trainings.

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "angles_figure.h5", "images").histories
    >>> figure = stdyn.layerplot.angles_figure(histories)
    """
    figure, (left, right) = page(7.6, 3.8, 1, 2, sharex=True, sharey=True)
    layer_angles(left, histories, "weight_angle", "feedback against the weights above")
    layer_angles(right, histories, "update_angle", "update against that of backpropagation")
    legend_below(figure, [left, right])
    return finished(figure, caption(histories))


@checked
@styled
def outputs_figure(histories: list[History]) -> Page:
    """How the vector of each output aligns with its feedback vector: against alpha, and at the end.

    Parameters
    ----------
    histories : list of History
        Of one rule, and networks of the same widths.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If they are of networks of other widths.

    See Also
    --------
    figures : All figures of trainings.

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "outputs_figure.h5", "images").histories
    >>> figure = stdyn.layerplot.outputs_figure(histories)
    """
    (some,) = by_rule(histories).values()
    figure, (left, right) = page(7.6, 3.4, 1, 2)
    output_cosines(left, some)
    output_angles(right, some)
    several = f"{len(some)} networks, " if len(some) > 1 else ""
    said = "; ".join([f"{several}{network_of(some)}", *lost(histories)])
    return finished(figure, f"{some[0].rule.upper()}: {said}")


@checked
@styled
def alignment_page(trajectories: list[Trajectory], histories: list[History]) -> Page:
    """The alignment of a student's second layer, and that of layered networks, against alpha, side by side.

    Parameters
    ----------
    trajectories : list of Trajectory
        Theory and runs of a rule with feedback weights.
    histories : list of History
        Of networks of the same widths.

    Returns
    -------
    Page
        The figure, of matplotlib, which a notebook shows and `savefig` saves.

    Raises
    ------
    InputError
        If one of the two has nothing of feedback alignment.

    See Also
    --------
    stdyn.plot.alignment_figure : That of students alone.

    Examples
    --------
    >>> training = stdyn.Training(rule="fa", widths=[10], seeds=1, epochs=2)
    >>> histories = stdyn.train(training, "alignment_page.h5", "images").histories
    >>> figure = stdyn.layerplot.alignment_page([theory, runs], histories)
    """
    pairs = with_feedback(pair_up(trajectories))
    some = [each for each in histories if each.rule != "bp"]
    if not pairs or not some:
        raise InputError("trajectories and histories must each have one of feedback alignment, to be laid side by side")
    figure, (left, right) = page(7.6, 3.6, 1, 2, sharex=True, sharey=True)
    student_alignment(left, pairs)
    layer_cosines(right, some)
    cosine_limits(left, right)
    return finished(figure)
