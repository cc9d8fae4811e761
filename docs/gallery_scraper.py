"""How sphinx-gallery finds the figures of a script: what its cells leave as their last value, and those of pyplot.

A cell that ends with a figure of stdyn, with a dict of them, or with an animation shows it, as a notebook does. conf.py
takes SETTINGS, which name this module: it must be on the path. Where a script has been run, it is held to what it says
(gallery_claims.py) and to what every script must draw: an AssertionError ends the build, and the script is run again by
the next one.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import gallery_claims
from matplotlib import pyplot
from matplotlib.animation import Animation, PillowWriter
from matplotlib.figure import Figure
from PIL import Image

SETTINGS = {
    "image_scrapers": ("gallery_scraper",),
    "capture_repr": ("_repr_html_",),
    "ignore_repr_types": r"'(stdyn\.figures|matplotlib)\.",  # shown as pictures
}
FRAMES_PER_SECOND, DPI_OF_FRAMES, DPI = 8, 80, 150
LARGEST = 1_500_000  # bytes of an animation


def scraper(block: tuple, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **options: Any) -> str:
    """The pictures of a cell, saved, as reStructuredText. After the last one a script is held to what it says."""
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks
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
    shown_here = "".join(found) + matplotlib_scraper(block, block_vars, gallery_conf, dpi=DPI, **options)
    script = Path(block_vars["src_file"])
    *_, last = (each for each in split_code_and_text_blocks(str(script))[1] if each[0] == "code")
    if block[2] == last[2]:
        hold(script, block_vars["example_globals"], saved(block_vars["image_path_iterator"].paths))
        Path(block_vars["target_file"]).with_suffix(".held").touch()
    return shown_here


def saved(paths: Iterable[str]) -> list[Path]:
    """The files of pictures, of which animations have an ending of their own."""
    return [path if path.exists() else path.with_suffix(".gif") for path in map(Path, paths)]


def hold(script: Path, variables: dict[str, Any], paths: list[Path]) -> None:
    """At least one picture, each with something on it; animations that move, and are small; no file. And its claims."""
    assert paths, f"{script}: no picture"
    for path in paths:
        with Image.open(path) as image:
            assert len(image.convert("L").getcolors()) > 1, f"{path}: nothing is on it"
            if path.suffix == ".gif":
                assert 10 <= image.n_frames <= 40, f"{path}: {image.n_frames} frames"
                assert path.stat().st_size < LARGEST, f"{path}: too large"
    left = [path.name for path in script.parent.iterdir() if not _of_gallery(path)]
    assert not left, f"{script}: leaves {left}"
    gallery_claims.CLAIMS.get(script.stem, bool)(variables)


def _of_gallery(path: Path) -> bool:
    """Whether a file of a folder of the gallery is committed there, or compiled of what is."""
    return path.suffix == ".py" or path.name in {"GALLERY_HEADER.rst", "__pycache__"}


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
