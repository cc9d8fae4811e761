"""What axes, legends and titles call things, in words that a reader knows."""

import numpy as np
import pytest
from conftest import random_problem
from drawn import made

from stdyn import plot, scan, scanplot
from stdyn.model.trajectoryvariables import variables

EXAMPLES, STEPS = r"$\alpha$ = examples / $N$", r"$\alpha$ = steps / $N$"
TIME, BOTH = r"$\alpha$ = time (gradient flow)", r"$\alpha$ = steps / $N$ or time (gradient flow)"


@pytest.mark.parametrize(
    "changes, label",
    [
        ([{}], EXAMPLES), ([{"batch": 5}], STEPS), ([{"flow": True}], TIME), ([{}, {"batch": 5}], STEPS),
        ([{"flow": True}, {}], BOTH), ([{}, {"batch": 5}, {"flow": True}], BOTH),
        ([{"flow": True}, {"flow": True, "eta": 0.2}], TIME),
    ],
)  # fmt: skip
def test_the_axis_of_alpha_says_what_it_counts(changes, label):
    """Examples, steps where there are batches, the time of gradient flow; of different problems what is true of all."""
    figures = plot.figures([made(random_problem(2, 2, **each)) for each in changes])
    assert {ax.get_xlabel() for name in ("alignment", "generalization") for ax in figures[name].axes} == {label}


@pytest.mark.parametrize(
    "changes, meaning",
    [({}, "examples / N"), ({"batch": 5}, "steps / N"), ({"flow": True}, "time (gradient flow)")],
)
def test_alpha_of_a_file_says_what_it_counts(changes, meaning):
    assert variables(made(random_problem(2, 2, **changes)))["alpha"][2] == meaning


@pytest.mark.parametrize(
    "flows, label, meaning",
    [
        ([False], EXAMPLES, "steps / N (of batches of 1: examples / N)"),
        ([True], TIME, "time (gradient flow)"),
        ([False, True], BOTH, "steps / N (of batches of 1: examples / N) or time (gradient flow)"),
    ],
)
def test_alpha_of_a_scan_says_what_it_counts(tmp_path, flows, label, meaning):
    """In its file and its picture."""
    problems = [random_problem(2, 2, flow=flow) for flow in flows]
    found = scan(problems, np.linspace(0, 1, 5), tmp_path / "scan.h5", keep="curves")
    assert found.to_xarray().alpha.attrs["long_name"] == meaning
    assert scanplot.figures(found, x="eps_g_start")["trajectories"].axes[0].get_xlabel() == label
