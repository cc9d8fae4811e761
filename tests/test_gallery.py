"""The gallery: every script runs and draws, says what it draws, and uses what is public."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.animation import Animation
from PIL import Image

import stdyn

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("*/plot_*.py"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in SCRIPTS]
LARGEST = 1_500_000  # bytes of an animation
MODULES = {"numpy", "matplotlib", "stdyn", *sys.stdlib_module_names}

scripts = pytest.mark.parametrize("script", SCRIPTS, ids=NAMES)


def text_of(script):
    """What a script says."""
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scraper():
    """The module by which the site finds figures."""
    spec = importlib.util.spec_from_file_location("gallery_scraper", DOCS / "gallery_scraper.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """An empty folder, no display, matplotlib as it comes; nothing is left of what is drawn."""
    monkeypatch.chdir(tmp_path)
    with plt.rc_context():
        plt.switch_backend("agg")
        plt.rcdefaults()
        yield tmp_path
    plt.close("all")


def run_cell(code, name, variables):
    """Run it as a notebook does, the value of its last expression as ___."""
    body = ast.parse(code, name).body
    if body and isinstance(body[-1], ast.Expr):
        last = ast.Assign([ast.Name("___", ast.Store())], body[-1].value)
        body[-1] = ast.fix_missing_locations(ast.copy_location(last, body[-1]))
    exec(compile(ast.Module(body, []), name, "exec"), variables)


def inked(path):
    """Whether anything is drawn in a picture: it has not one colour alone."""
    with Image.open(path) as image:
        return len(image.convert("L").getcolors()) > 1


@pytest.mark.slow
@scripts
def test_a_script_draws_and_leaves_no_file(script, scraper, drawing, tmp_path_factory):
    """At least one figure, every one of them with something on it; animations move, and are short enough for a page."""
    saved, variables = tmp_path_factory.mktemp("pictures"), {"__name__": "__main__"}
    for cell in re.split(r"(?m)^# %%.*$", text_of(script)):
        run_cell(cell, str(script), variables)
        for picture in scraper.pictures(cell, variables):
            path = saved / f"{len(list(saved.iterdir()))}.{'gif' if isinstance(picture, Animation) else 'png'}"
            scraper.save_animation(picture, path) if path.suffix == ".gif" else picture.savefig(path)
        for number in plt.get_fignums():
            plt.figure(number).savefig(saved / f"{len(list(saved.iterdir()))}.png")
        plt.close("all")
    found = sorted(saved.iterdir())
    assert found
    assert all(map(inked, found))
    for path in (each for each in found if each.suffix == ".gif"):
        with Image.open(path) as animation:
            assert 10 <= animation.n_frames <= 40
        assert path.stat().st_size < LARGEST
    assert not list(drawing.iterdir())


@scripts
def test_a_script_has_a_title_and_says_what_it_draws(script):
    """A title that is underlined in full, and two to four sentences below it."""
    title, line, blank, *rest = ast.get_docstring(ast.parse(text_of(script))).splitlines()
    assert line == len(title) * "="
    assert not blank
    assert 2 <= len(re.findall(r"[.:](?=\s|$)", " ".join(rest))) <= 6


@scripts
def test_a_script_uses_what_is_public_only(script):
    """Of stdyn the names of `stdyn.__all__`, of everything names without an underscore; no other package."""
    for node in ast.walk(ast.parse(text_of(script))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert {module.partition(".")[0] for module in modules} <= MODULES
            assert "stdyn." not in " ".join(modules)
            if isinstance(node, ast.ImportFrom) and node.module == "stdyn":
                assert {alias.name for alias in node.names} <= set(stdyn.__all__)
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")
            if isinstance(node.value, ast.Name) and node.value.id == "stdyn":
                assert node.attr in stdyn.__all__


def test_every_folder_of_the_gallery_has_a_header_and_scripts():
    """Scripts stand in a folder of a subject; what is in none would not be found by these tests."""
    folders = [path for path in (DOCS / "gallery").iterdir() if path.is_dir() and path.name[0].isdigit()]
    assert {path.parent for path in SCRIPTS} == set(folders)
    assert all((folder / "GALLERY_HEADER.rst").exists() for folder in [DOCS / "gallery", *folders])
    assert not list((DOCS / "gallery").glob("*.py"))


def test_the_scraper_shows_what_a_cell_ends_with(scraper, drawing):
    """A figure of stdyn or a dict of them; none of pyplot, which the site finds itself, nor one of an earlier cell."""
    problem = stdyn.Problem(stdyn.initial.prepared(1, 1, r=0.1), eta=0.5, eta_v=0.0)
    figures = stdyn.plot.figures([stdyn.integrate(problem, [0, 1, 2])])
    (page, *_) = figures.values()
    assert scraper.pictures("figures", {"___": figures}) == list(figures.values())
    assert scraper.pictures("page", {"___": page}) == [page]
    assert scraper.pictures("x = 1", {"___": page}) == []
    assert scraper.pictures("# nothing", {"___": page}) == []
    assert scraper.pictures("plt.figure()", {"___": plt.figure()}) == []
    assert scraper.pictures("problem", {"___": problem}) == []
    assert scraper.titles(page)
