"""The gallery: every script runs and draws, says what it draws, and uses what is public."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
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


# ---------------------------------------------------------------------------------------------------------------------
# What the text of a script says of its numbers, which are its variables


def activations(found):
    """FA ends with an error, BP and FA with |b| do not; units of negative feedback learn the opposite."""
    fa, positive, bp = found["theories"].values()
    assert fa.eps_g[-1] > 0.1
    assert max(positive.eps_g[-1], bp.eps_g[-1]) < 1e-9
    largest = fa.R[-1][range(5), np.abs(fa.R[-1]).argmax(axis=1)]
    np.testing.assert_array_equal(largest < 0, fa.problem.b < 0)


def feedback_plane(found):
    """A cross where a weight is zero; elsewhere all is learned. Slow near the line at which the partner changes."""
    grid, final, learned = (found[name] for name in ("grid", "final", "learned"))
    smallest = np.minimum(*np.abs(np.meshgrid(grid, grid)))
    assert final[smallest == 0].min() > 1e-3
    assert np.isnan(learned[smallest == 0]).all()
    assert final[smallest > 1].max() < 1e-4
    partner = np.where(smallest > 0.7, np.sign(found["partner"]), np.nan)
    changes = np.argwhere(partner[:, 1:] * partner[:, :-1] < 0)
    at_line = np.array([learned[row, column : column + 2].max() for row, column in changes])
    assert len(at_line) >= 4
    assert at_line.min() > np.median(learned[smallest > 0.7])


def flow(found):
    """The saddle has students that are alike, runs pass it and end on either side; few cells are blank."""
    saddle, runs = found["saddle"], found["runs"]
    np.testing.assert_allclose(saddle.state.R, saddle.state.R[0, 0])
    apart = np.abs(runs.R - saddle.state.R).max(axis=(2, 3))
    assert (apart.min(axis=1) < 0.1).all()
    ends = runs.R[:, -1, 0].round()
    assert {tuple(end) for end in ends} == {(1, 0), (0, 1)}
    assert 0 < np.isnan(found["eps_g"]).mean() < 0.05
    np.testing.assert_array_equal(found["eps_g"], found["eps_g"].T)


def spectrum(found):
    """Under FA nothing grows from 0.1 on until the plateau is near, under BP some does always; nothing at the end."""
    grow = {rule: (values.real > 1e-6).sum(axis=1) for rule, values in found["spectra"].items()}
    alphas = found["experiment"].alphas()
    assert not grow["fa"][(alphas >= 0.1) & (alphas < 3)].any()
    assert grow["bp"][alphas < 3].all()
    for rule in ("fa", "bp"):
        assert grow[rule][(alphas > 20) & (alphas < 100)].all()
        assert not grow[rule][-1]


def ellipses(found):
    """39 % and 86 % of the runs are in them at the last alpha, within 5 standard errors of 400 runs."""
    assert abs(np.mean(found["squares"] < 1) - 0.393) < 0.12
    assert abs(np.mean(found["squares"] < 4) - 0.865) < 0.085
    correlated = [C[0, 1] / np.sqrt(C[0, 0] * C[1, 1]) for C in found["found"].covariance[[1, -1], :2, :2]]
    assert correlated[0] > 0.2
    assert correlated[1] < -0.8


def plateaus(found):
    """The ends that saddles predict are right within 10 %; that of FA comes later."""
    fa, bp = (stretches[0] for _, stretches, _ in found["results"])
    assert fa.end > bp.end
    for each in (fa, bp):
        assert each.predicted_end == pytest.approx(each.end, rel=0.1)


def tasks(found):
    """Under FA transfer is negative, and falls with similarity."""
    transfer = [theory.transfer[1] for rule, _, theory, _ in found["results"] if rule == "FA"]
    assert max(transfer) < 0
    assert (np.diff(transfer) < 0).all()


def schedules(found):
    """A constant rate ends on a floor; one that falls too early is behind the others that fall."""
    constant, early, falling, later = (theory.eps_g for theory in found["theories"])
    assert constant[-1] > 0.9 * constant[-10]
    assert max(falling[-1], later[-1]) < early[-1] / 10 < constant[-1] / 10


def plateau_lengths(found):
    """They fall with the exponent, until there is none at 1, and with the condition number."""

    def length(theory):
        stretches = stdyn.summary.flat_stretches(theory.alphas, theory.eps_g)
        return max((each.end - each.start for each in stretches if each.start > 1 and each.end < np.inf), default=0)

    for rule in ("BP", "FA"):
        for results in (found["exponents"], found["conditions"]):
            lengths = np.array([length(theory) for name, _, theory in results if name.startswith(rule)])
            assert (np.diff(lengths) < 0).all()
            assert (lengths[-1] == 0) == (results is found["exponents"])


CLAIMS = {
    "plot_3_activations": activations,
    "plot_1_feedback_plane": feedback_plane,
    "plot_2_flow": flow,
    "plot_3_spectrum": spectrum,
    "plot_6_ellipses": ellipses,
    "plot_2_fixed_points": plateaus,
    "plot_1_tasks": tasks,
    "plot_2_schedules": schedules,
    "plot_4_spectrum": plateau_lengths,
}


# ---------------------------------------------------------------------------------------------------------------------
# Scripts


@pytest.mark.slow
@scripts
def test_a_script_draws_what_it_says(script, scraper, drawing, tmp_path_factory):
    """At least one figure, each with something on it; animations that move, and are small; no file. And `CLAIMS`."""
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
    CLAIMS.get(script.stem, bool)(variables)


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


def test_claims_are_of_scripts_that_there_are():
    """A script that is renamed keeps its claim."""
    assert set(CLAIMS) <= {path.stem for path in SCRIPTS}


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
