"""Axes: where curves begin on a logarithmic one, and which ticks there are."""

import numpy as np
import pytest
from conftest import random_problem
from drawn import made
from matplotlib.collections import PolyCollection

from stdyn import outputplot, plot

EARLY, LATE = np.append(0, np.geomspace(1e-3, 1e3, 20)), np.linspace(0, 1000, 30)


def first_drawn(ax):
    """The first x of every curve and band."""
    lines = [np.min(line.get_xdata()) for line in ax.lines if line.get_transform() == ax.transData]
    bands = [path.vertices[:, 0].min() for each in ax.collections if isinstance(each, PolyCollection)
             for path in each.get_paths()]  # fmt: skip
    return lines + bands


@pytest.mark.parametrize("order", [1, -1])
def test_a_curve_begins_at_its_first_alpha_that_the_axis_has(order):
    """Not at the left edge; lines, bands and their means, beside curves that begin early, in any order."""
    early = [made(random_problem(2, 2), alphas=EARLY)]
    late = [made(random_problem(2, 2, eta=0.2), runs, method, LATE) for runs, method in ((None, "ode"), (3, "reduced"))]
    figures = plot.figures([*early, *late][::order])
    for ax in [*figures["alignment"].axes, *figures["generalization"].axes]:
        assert ax.get_xscale() == "log"
        assert sorted(set(first_drawn(ax)) - {0, 1}) == [LATE[1]]
        assert first_drawn(ax).count(LATE[1]) >= 2
    columns = outputplot.outputs_page(
        [made(random_problem(2, 2, 2), alphas=EARLY), made(random_problem(2, 2), alphas=LATE)]
    )
    assert first_drawn(columns.axes[0]).count(0) == 0  # an axis as wide as that of the other column


def test_a_curve_at_the_left_edge_comes_from_there():
    """It has a number at 0, and what lies before its first alpha is a margin."""
    figure = plot.figures([made(random_problem(2, 2), alphas=EARLY)])["alignment"]
    assert first_drawn(figure.axes[0]) == [0.0]
    linear = plot.figures([made(random_problem(2, 2), alphas=LATE)])["alignment"]
    assert first_drawn(linear.axes[0]) == [0.0]


@pytest.mark.parametrize("order", [1, -1])
def test_a_narrow_curve_does_not_change_the_ticks_of_a_wide_one(order):
    """They are at decades, in whatever order the curves are drawn."""
    some = [made(random_problem(2, 2), alphas=EARLY), made(random_problem(2, 2, eta=0.2), alphas=LATE)][::order]
    for name in ("alignment", "generalization"):
        for ax in plot.figures(some)[name].axes:
            low, high = ax.get_xlim()
            ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
            assert len(ticks) >= 3  # matplotlib 3.9 takes every other decade
            np.testing.assert_allclose(np.log10(ticks), np.rint(np.log10(ticks)), atol=1e-9)
