"""Figures that look alike on every machine: no setting of the user's matplotlib changes or breaks them."""

import sys
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib import rc_params_from_file
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stdyn.errors import InputError
from stdyn.figures.backend import in_a_line

SHEET = Path(__file__).parents[1] / "stdyn.mplstyle"  # which plt.style.use("stdyn.stdyn") finds, too
_DPI = 200  # of pages: of who uses the sheet it is what they have
_SHOWN = 100  # of a page in a notebook, where its dots are as small as those of a fine screen

_SHEET: Any = rc_params_from_file(SHEET, use_default_template=False)
_STYLE: Any = {**_SHEET, "figure.dpi": _DPI}
styled = matplotlib.style.context(["default", _STYLE])  # a decorator: what the function draws has this style


class Page(Figure):
    """A figure that has the style of stdyn also when it is drawn and saved, where matplotlib looks at settings, too."""

    @styled
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._below: dict[int, float] = {}  # inches that legends below the axes of each row take
        FigureCanvasAgg(self)
        _show_in_notebooks()

    def make_room(self, row: int, height: float) -> None:
        """Grow by what a legend below an axes of this row takes, in inches; legends of a row share the room."""
        more = height - self._below.get(row, 0.0)
        if more > 0:
            self._below[row] = height
            self.set_figheight(self.get_figheight() + more)

    @styled
    def draw(self, renderer: RendererBase) -> None:
        super().draw(renderer)

    @styled
    def savefig(self, *arguments: Any, **options: Any) -> None:
        super().savefig(*arguments, **options)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """What a notebook shows."""
        return _picture(self)


class Pages(dict[str, Figure]):
    """Figures by name, all of which a notebook shows."""

    def _repr_html_(self) -> str:
        return "".join(f"<div><div>{escape(name)}</div>{_image(figure)}</div>" for name, figure in self.items())


def _picture(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """A figure as PNG, and how large it is to be shown: at a hundred dots an inch, of twice as many."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=2 * _SHOWN)
    width, height = (round(_SHOWN * inches) for inches in figure.get_size_inches())
    return file.getvalue(), {"width": width, "height": height}


def _image(figure: Figure) -> str:
    """A figure as HTML that has its picture in it."""
    png, size = _picture(figure)
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<img src="{source}" width="{size["width"]}" style="max-width:100%;height:auto" alt="figure">'


def _show_in_notebooks() -> None:
    """Let pages be shown as they are, and not as other figures, once pyplot has told IPython how to show these."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    formatter = getattr(shell, "display_formatter", None)
    if formatter is not None:
        formatter.formatters["image/png"].for_type(Page, _picture)


def page(
    width: float, height: float, rows: int = 1, columns: int = 1, sharex: bool = False, sharey: bool = False
) -> tuple[Page, list[Axes]]:
    """A figure of this size in inches, and its axes, row by row."""
    figure = Page(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).ravel())


@styled
def ready(suffix: str = "png") -> None:
    """Draw a small picture, before the work at whose end figures are to be drawn; InputError if that is not possible.

    It tries the fonts, their cache and the format.
    """
    try:
        figure, (ax,) = page(1, 1)
        ax.set_title(r"$\epsilon_g \propto 10^{-1}$ – ε")
        figure.savefig(BytesIO(), format=suffix)
    except Exception as error:
        raise InputError(f"no figures can be drawn ({suffix}), matplotlib fails: {in_a_line(error)}") from None
