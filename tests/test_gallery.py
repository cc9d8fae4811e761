"""The gallery: every script says what it draws, and uses what is public.

The build of the site runs the scripts, and holds each to what it says: docs/gallery_scraper.py.
"""

import ast
import importlib
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

import stdyn

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("*/plot_*.py"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in SCRIPTS]
MODULES = {"numpy", "matplotlib", "stdyn", *sys.stdlib_module_names}

scripts = pytest.mark.parametrize("script", SCRIPTS, ids=NAMES)


def text_of(script):
    """What a script says."""
    return script.read_text(encoding="utf-8")


@pytest.fixture
def scraper(monkeypatch):
    """The module by which the site finds figures."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("gallery_scraper")


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """An empty folder, no display, matplotlib as it comes; nothing is left of what is drawn."""
    monkeypatch.chdir(tmp_path)
    with plt.rc_context():
        plt.switch_backend("agg")
        plt.rcdefaults()
        yield tmp_path
    plt.close("all")


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


def test_claims_are_of_scripts_that_there_are(scraper):
    """A script that is renamed keeps its claim."""
    assert set(scraper.gallery_claims.CLAIMS) <= {path.stem for path in SCRIPTS}
    assert len(scraper.gallery_claims.CLAIMS) >= 9


@pytest.fixture
def drawn(drawing):
    """A script, its picture, and an animation of as many frames as is said."""
    script, picture = drawing / "gallery" / "plot_x.py", drawing / "picture.png"
    script.parent.mkdir()
    script.touch()
    figure = Figure()
    figure.subplots().plot([0, 1])
    figure.savefig(picture)

    def moving(scraper, frames, path):
        figure, axes = plt.subplots(figsize=(1, 1))
        (line,) = axes.plot([0, 1])
        axes.set_ylim(0, 50)
        scraper.save_animation(FuncAnimation(figure, lambda n: line.set_data([0, 1], [n, 1]), frames), path)
        return path

    return script, picture, moving


def test_a_script_that_draws_what_it_says_is_held(scraper, drawn, monkeypatch):
    """A picture, an animation that moves, a claim that is true, and nothing left: its variables are asked."""
    script, picture, moving = drawn
    asked = []
    monkeypatch.setitem(scraper.gallery_claims.CLAIMS, "plot_x", asked.append)
    scraper.hold(script, {"x": 1}, [picture, moving(scraper, 10, picture.with_suffix(".gif"))])
    assert asked == [{"x": 1}]
    assert scraper.saved([str(picture), str(picture.with_name("other.png"))])[1].name == "other.gif"


def test_what_a_script_does_not_draw_as_it_says_is_told(scraper, drawn, monkeypatch):
    """No picture, an empty one, animations that do not move or are too large, a file that is left, a false claim."""
    script, picture, moving = drawn
    Figure().savefig(empty := picture.with_name("empty.png"))
    animation = moving(scraper, 10, picture.with_name("short.gif"))
    with pytest.raises(AssertionError, match="no picture"):
        scraper.hold(script, {}, [])
    with pytest.raises(AssertionError, match="nothing is on it"):
        scraper.hold(script, {}, [picture, empty])
    for frames in (9, 41):
        with pytest.raises(AssertionError, match=f"{frames} frames"):
            scraper.hold(script, {}, [picture, moving(scraper, frames, picture.with_name("other.gif"))])
    with monkeypatch.context() as context:
        context.setattr(scraper, "LARGEST", 100)
        with pytest.raises(AssertionError, match="too large"):
            scraper.hold(script, {}, [animation])
    (left := script.with_name("scan.h5")).touch()
    with pytest.raises(AssertionError, match="leaves"):
        scraper.hold(script, {}, [picture])
    left.unlink()
    constant = type("Theory", (), {"eps_g": [1.0] * 20})
    with pytest.raises(AssertionError):
        scraper.hold(script.with_name("plot_2_schedules.py"), {"theories": [constant] * 4}, [picture])


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
