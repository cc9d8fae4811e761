"""How sphinx-gallery finds the figures of a script: what its cells leave as their last value, and those of pyplot.

A cell that ends with a figure of stdyn, with a dict of them, or with an animation shows it, as a notebook does. conf.py
takes SETTINGS, which name this module: it must be on the path.
"""

import ast
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from matplotlib import pyplot
from matplotlib.animation import Animation, PillowWriter
from matplotlib.figure import Figure

SETTINGS = {
    "image_scrapers": ("gallery_scraper",),
    "capture_repr": ("_repr_html_",),
    "ignore_repr_types": r"'(stdyn\.figures|matplotlib)\.",  # shown as pictures
}
FRAMES_PER_SECOND, DPI_OF_FRAMES, DPI = 8, 80, 150


def scraper(block: tuple, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **options: Any) -> str:
    """The pictures of a cell, saved, as reStructuredText."""
    from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

    paths, found = block_vars["image_path_iterator"], []
    for picture in pictures(block[1], block_vars["example_globals"]):
        path = PurePosixPath(next(paths))
        if isinstance(picture, Animation):
            path = path.with_suffix(".gif")
            save_animation(picture, path)
        else:
            picture.savefig(path)
        figure = picture._fig if isinstance(picture, Animation) else picture
        found.append(figure_rst([path], gallery_conf["src_dir"], titles(figure)))
    return "".join(found) + matplotlib_scraper(block, block_vars, gallery_conf, dpi=DPI, **options)


def pictures(code: str, variables: dict[str, Any]) -> list[Any]:
    """The figures and animations that a cell ends with, whose value is `___`, but those that pyplot has."""
    body = ast.parse(code).body
    return shown(variables.get("___")) if body and isinstance(body[-1], ast.Expr) else []


def shown(value: Any) -> list[Any]:
    """Those of a value."""
    if isinstance(value, Mapping):
        return [picture for each in value.values() for picture in shown(each)]
    drawn = isinstance(value, Figure) and all(pyplot.figure(number) is not value for number in pyplot.get_fignums())
    return [value] if drawn or isinstance(value, Animation) else []


def save_animation(animation: Animation, path: PurePosixPath) -> None:
    """Write it as a GIF, which needs no program to be made and no script to be shown, and close its figure."""
    animation.save(str(path), writer=PillowWriter(fps=FRAMES_PER_SECOND), dpi=DPI_OF_FRAMES)
    pyplot.close(animation._fig)


def titles(figure: Figure) -> str:
    """The titles of a figure, in place of it where it is not seen."""
    every = [figure.get_suptitle(), *(ax.get_title(at) for ax in figure.axes for at in ("left", "center", "right"))]
    return ", ".join(text for text in every if text)


def _get_sg_image_scraper() -> Callable[..., str]:
    """What sphinx-gallery asks a module for."""
    return scraper
