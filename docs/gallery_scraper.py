"""How sphinx-gallery finds the figures of a script: what its cells leave as their last value, and those of pyplot.

A cell that ends with a figure of stdyn, with a dict of them, or with an animation shows it, as a notebook does. conf.py
names this module, which must be on the path, among the scrapers: sphinx_gallery_conf = gallery_scraper.SETTINGS | {…}.
"""

import ast
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from matplotlib.animation import Animation, PillowWriter
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

SETTINGS = {
    "image_scrapers": ("gallery_scraper",),
    "capture_repr": ("_repr_html_",),
    "ignore_repr_types": r"'(stdyn\.figures|matplotlib)\.",  # shown as pictures
}
FRAMES_PER_SECOND, DPI_OF_FRAMES = 8, 80


def scraper(block: tuple, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **options: Any) -> str:
    """The pictures of a cell, saved, as reStructuredText."""
    paths = block_vars["image_path_iterator"]
    found = []
    for value in _shown(_value(block[1], block_vars["example_globals"])):
        path = PurePosixPath(next(paths))
        if isinstance(value, Animation):
            path = path.with_suffix(".gif")
            save_animation(value, path)
            figure = value._fig
        else:
            value.savefig(path)
            figure = value
        found.append(figure_rst([path], gallery_conf["src_dir"], _said(figure)))
    return "".join(found) + matplotlib_scraper(block, block_vars, gallery_conf, **options)


def save_animation(animation: Animation, path: PurePosixPath) -> None:
    """Write it as a GIF, which needs no program and no script, and close its figure."""
    from matplotlib import pyplot

    animation.save(str(path), writer=PillowWriter(fps=FRAMES_PER_SECOND), dpi=DPI_OF_FRAMES)
    pyplot.close(animation._fig)


def _value(code: str, variables: dict[str, Any]) -> Any:
    """What the cell ends with; None if that is no expression."""
    body = ast.parse(code).body
    return variables.get("___") if body and isinstance(body[-1], ast.Expr) else None


def _shown(value: Any) -> list[Any]:
    """The figures and animations of a value that are not pyplot's, which it finds itself."""
    from matplotlib import pyplot

    if isinstance(value, Mapping):
        return [picture for each in value.values() for picture in _shown(each)]
    if isinstance(value, Animation):
        return [value]
    drawn = isinstance(value, Figure) and not any(pyplot.figure(number) is value for number in pyplot.get_fignums())
    return [value] if drawn else []


def _said(figure: Figure) -> str:
    """The titles of a figure, which stand for it where it is not seen."""
    suptitle = figure.get_suptitle()
    titles = [suptitle, *(ax.get_title(loc) for ax in figure.axes for loc in ("left", "center", "right"))]
    return ", ".join(text for text in titles if text)


def _get_sg_image_scraper() -> Callable[..., str]:
    """What sphinx-gallery asks a module for."""
    return scraper
