"""Notebooks: figures are shown where they are made, once, without importing pyplot first; progress bars work."""

import base64
import re
import struct
import sys
from html.parser import HTMLParser
from importlib.util import find_spec

import matplotlib as mpl
import nbclient
import nbformat
import pytest
from conftest import random_problem
from drawn import Made, made, trained
from matplotlib import pyplot as plt

from stdyn import layerplot, plot, scanplot
from stdyn.figures import pages, style
from stdyn.figures.pairs import Pair

SETUP = """\
import numpy as np, stdyn, sys
problem = stdyn.Experiment(K=2, M=2, N=100).problem("fa")
theory = stdyn.integrate(problem, np.linspace(0, 10, 11))
assert "matplotlib" not in sys.modules
"""
CELLS = {
    "figures": "stdyn.plot.figures([theory])",
    "page": "stdyn.plot.generalization_figure(stdyn.plot.pair_up([theory]))",
    "plot": "theory.plot()",
    "semicolon": "theory.plot('R', diagonal=True);",
    "both": "ax = theory.plot('v')\ntheory.plot('Q', ax)",
    "bar": """\
import warnings
from stdyn.progress import bar
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for n in bar(True, range(3), desc="three"):
        pass""",
}
WITHOUT_WIDGETS = """\
import importlib.util
_found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *of: None if name == "ipywidgets" else _found(name, *of)
"""


def executed(*cells):
    """The outputs of each cell, of a new kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def pictures(outputs):
    """How many pictures they show."""
    count = 0
    for output in outputs:
        data = output.get("data", {})
        count += 1 if "image/png" in data else data.get("text/html", "").count("<img ")
    return count


@pytest.mark.parametrize(("first", "widgets"), [("", False), ("%matplotlib inline", True)], ids=["as it is", "inline"])
def test_a_notebook_shows_figures_once_and_bars(first, widgets):
    """In a kernel as it starts, and after %matplotlib inline; all of figures() in their order.

    A bar is text on stderr, or a widget where these are there; nothing is warned of.
    """
    widgets = widgets and find_spec("ipywidgets") is not None
    setup = SETUP if widgets else WITHOUT_WIDGETS + SETUP
    found = dict(zip(CELLS, executed(setup, first, *CELLS.values())[2:], strict=True))
    assert pictures(found["figures"]) == 3
    for name in ("page", "plot", "semicolon", "both"):
        assert pictures(found[name]) == 1, name
    (page,) = found["page"]
    assert page["metadata"]["image/png"] == {"width": 560, "height": 400}
    html = found["figures"][0]["data"]["text/html"]
    names = ["fa_order_parameters", "alignment", "generalization"]
    assert re.findall("|".join(names), html) == names
    if widgets:
        assert ["application/vnd.jupyter.widget-view+json" in each.get("data", {}) for each in found["bar"]] == [True]
    else:
        assert {output.get("name") for output in found["bar"]} == {"stderr"}
        assert "three: 100%" in "".join(output["text"] for output in found["bar"])


# ---------------------------------------------------------------------------------------------------------------------
# Without a notebook


def sizes(png):
    """Width and height of a PNG, in pixels."""
    return struct.unpack(">II", png[16:24])


def test_a_page_is_shown_at_half_its_pixels():
    """Whatever its own resolution is; and as it is saved."""
    page = plot.generalization_figure(Pair(made(random_problem(2, 2))))
    page.set_dpi(50)
    png, size = page._repr_png_()
    assert sizes(png) == (2 * size["width"], 2 * size["height"])
    assert (size["width"], size["height"]) == tuple(round(100 * inches) for inches in page.get_size_inches())


class Images(HTMLParser):
    """The pictures in HTML, and all text."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes)["src"].removeprefix("data:image/png;base64,"))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: plot.figures(made(random_problem(2, 2))),
        lambda: scanplot.figures(Made()),
        lambda: layerplot.figures([trained("fa"), trained("bp")]),
    ],
    ids=["plot", "scanplot", "layerplot"],
)
def test_all_figures_show_themselves_by_name(make):
    figures = make()
    assert isinstance(figures, dict)
    shown = Images(figures._repr_html_())
    assert shown.text == list(figures)
    for source, figure in zip(shown.found, figures.values(), strict=True):
        assert sizes(base64.b64decode(source)) == tuple(2 * round(100 * inches) for inches in figure.get_size_inches())


def test_names_and_figures_of_others_are_shown_too():
    """A name is no markup; a figure of pyplot is drawn as any."""
    figures = pages.Pages({"<b>": plt.figure(figsize=(1, 1))})
    plt.close("all")
    shown = Images(figures._repr_html_())
    assert (shown.text, len(shown.found)) == (["<b>"], 1)


# ---------------------------------------------------------------------------------------------------------------------
# The style sheet


def test_the_sheet_is_the_style_of_pages():
    """All of it, with the colours; plt.style finds it, and nothing but that applies it."""
    before = dict(mpl.rcParams)
    with plt.style.context(["default", "stdyn.stdyn"]):
        assert mpl.rcParams["axes.prop_cycle"].by_key() == {"color": list(style.COLOURS)}
        given = dict(mpl.rcParams)
    used = pages.styled(lambda: dict(mpl.rcParams))()  # a decorator: as a context it could be used once
    assert {name for name in used if used[name] != given[name]} == {"figure.dpi"}
    assert {"font.size", "axes.spines.top", "legend.frameon"} <= {
        n for n in given if given[n] != mpl.rcParamsDefault[n]
    }
    assert dict(mpl.rcParams) == before
    assert "stdyn.figures" in sys.modules
