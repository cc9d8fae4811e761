"""No setting of the user's matplotlib changes or breaks a figure, and what cannot be drawn is said before any work."""

import inspect
import os
import subprocess
import sys
from io import BytesIO

import matplotlib as mpl
import pytest
from conftest import random_problem
from drawn import Made, made, results, scattered, trained
from matplotlib.figure import Figure

from stdyn import InputError, inputplot, layerplot, outputplot, plot, scanplot, theoryplot
from stdyn.figures import panels
from stdyn.figures.pages import Page, ready

SETTINGS = {
    "text.usetex": True, "font.size": 30, "font.family": "nowhere", "savefig.dpi": 10, "axes.facecolor": "red",
    "savefig.bbox": "tight", "figure.autolayout": True, "axes.unicode_minus": False, "legend.loc": "center",
    "xtick.labelsize": 3, "axes.formatter.use_locale": True, "lines.linewidth": 9,
}  # fmt: skip


def png(figure):
    file = BytesIO()
    figure.savefig(file, format="png", dpi=40, metadata={"Software": None})
    return file.getvalue()


def test_settings_change_nothing():
    """Neither while a figure is made nor when it is saved: the same bytes."""
    trajectories = [made(random_problem(2, 2), alphas=[0.0, 0.1, 1.0, 30.0])]
    plain = png(plot.figures(trajectories)["generalization"])
    with mpl.rc_context(SETTINGS):
        figure = plot.figures(trajectories)["generalization"]
        assert png(figure) == plain
    assert png(figure) == plain


def test_a_backend_that_is_not_there_is_of_no_account(tmp_path):
    """Nor is a matplotlibrc that asks for LaTeX: a process of its own draws and saves."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\n")
    code = """
import os
from stdyn import Experiment, Trajectory, plot
from stdyn.model.averages import eps_g
import matplotlib, numpy as np, sys
p = Experiment(K=2, M=2).problem("bp")
s = p.start
t = Trajectory(p, np.array([0.0]), s.R[None], s.Q[None], s.v[None], "ode", eps_g_read=np.array([1.0]))
plot.figures(t)["generalization"].savefig("a.png")
assert os.environ["MPLBACKEND"] == "nowhere" and "matplotlib.pyplot" not in sys.modules
"""
    environment = os.environ | {"MPLBACKEND": "nowhere", "MATPLOTLIBRC": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_matplotlib_cannot_do_is_said_before_the_work(run, monkeypatch, tmp_path):
    """In one line, by every format; a command solves nothing."""
    for suffix in ("png", "pdf", "svg"):
        ready(suffix)

    def fails(*_, **__):
        raise RuntimeError("no font\nis there")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(InputError, match=r"no figures can be drawn \(svg\), matplotlib fails: RuntimeError: 'no font"):
        ready("svg")
    code, _, err = run("compare", "--alpha-max", "1", "--runs", "2", "--K", "1", "--M", "1", "--N", "9")
    assert code == 2
    assert err.count("\n") == 1
    assert "no figures can be drawn" in err
    assert not list(tmp_path.rglob("*.h5"))


def test_one_trajectory_is_a_list_of_one():
    """Of trainings and fluctuations, too; tuples and generators will do."""
    one = results(2, 2, None, "fa", [0.0, 1.0])[0]
    names = list(plot.figures([one]))
    for given in (one, (one,), (each for each in [one])):
        assert list(plot.figures(given)) == names
    assert list(outputplot.figures(one)) == names
    assert list(layerplot.figures(trained("bp", epochs=1))) == ["errors"]
    assert list(theoryplot.fluctuations_figures(scattered(one), one)) == ["fa_fluctuations"]


SOME = made(random_problem(2, 2), alphas=[0.0, 1.0])
AX = Page().subplots()
WRONG = {
    "trajectories must be a list of Trajectory, but is 3": lambda: plot.figures(3),
    "trajectories must be a list of Trajectory, but is a list with a Trajectory, an int": lambda: plot.figures(
        [SOME, 1]
    ),
    "trajectories must be at least one Trajectory, there is nothing to draw": lambda: plot.figures([]),
    "pairs must be a list of Pair, but is a list with a Trajectory": lambda: plot.generalization_figure([SOME]),
    "pair must be a Pair, but is a Trajectory": lambda: panels.second_layer(AX, SOME),
    "alphas must be an array": lambda: panels.markers_at([1.0]),
    "scan must be a Scan, but is 'scan.h5'": lambda: scanplot.figures("scan.h5"),
    "value must be a str, but is 3": lambda: scanplot.figures(Made(6), value=3),
    "x must be a str or None": lambda: scanplot.figures(Made(6), x=3),
    "b_norm is of the feedback weights": lambda: scanplot.figures(Made(6, ("bp",)), x="b_norm"),
    "found must be a list of Fluctuations": lambda: theoryplot.fluctuations_figures(SOME, []),
}


@pytest.mark.parametrize("words", WRONG)
def test_arguments_of_a_wrong_kind_are_named(words):
    with pytest.raises(InputError) as caught:
        WRONG[words]()
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_all_public_functions_hold_their_arguments_to_the_annotations():
    """Each one that is defined in a module of figures refuses an object that is nothing."""
    for module in (plot, outputplot, scanplot, layerplot, theoryplot, inputplot):
        for name, function in vars(module).items():
            if name.startswith("_") or getattr(function, "__module__", "") != module.__name__:
                continue
            with pytest.raises(InputError, match=" must be "):
                function(*[object() for _ in inspect.signature(function).parameters])
