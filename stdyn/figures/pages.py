"""Figures that look alike on every machine: no setting of the user's matplotlib changes or breaks them."""

from io import BytesIO
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stdyn.errors import InputError
from stdyn.figures.backend import in_a_line

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 200,
}
styled = matplotlib.style.context(["default", _STYLE])  # a decorator: what the function draws has this style


class Page(Figure):
    """A figure that has the style of stdyn also when it is drawn and saved, where matplotlib looks at settings, too."""

    @styled
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._below: dict[int, float] = {}  # inches that legends below the axes of each row take
        FigureCanvasAgg(self)

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
