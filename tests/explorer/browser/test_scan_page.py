"""A saved scan on the page: drawn as a map, whose points are clicked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stdyn
from stdyn.explorer.source import Source

EXPERIMENT = stdyn.Experiment(K=2, M=2, rule="both", N=60, alpha_max=20, points=21)
ETAS, SIGMAS = 4, 3


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two rules, rates spaced logarithmically, noise, two draws of the start."""
    vary = {
        "eta": {"from": 0.1, "to": 3, "number": ETAS, "spacing": "log"},
        "sigma": {"from": 0, "to": 0.2, "number": SIGMAS},
        "draw": {"from": 1, "number": 2},
    }
    points = stdyn.Variations(EXPERIMENT, vary)
    return stdyn.scan(points, points.alphas(), tmp_path_factory.mktemp("saved") / "grid.h5")


@pytest.fixture(scope="module")
def site(serve, saved):
    """A server of it."""
    with serve(Source.read(saved.path)) as found:
        yield found


@pytest.fixture
def of_scan(another, site):
    """A page on which it is drawn."""
    return drawn(another(site))


def drawn(shown):
    shown.until("e => e.drawnScan")
    return shown


def click(shown, n, settled=True):
    """Click on the middle of what is drawn n-th."""
    before = shown.of("e => e.link.newest.point ?? 0")
    left, top, width, height = shown.of("(e, n) => e.drawnScan.boxes[n]", n)
    shown.page.locator(".view canvas.map").click(position={"x": left + width / 2, "y": top + height / 2})
    shown.until("(e, before) => (e.link.newest.point ?? 0) > before", before)
    name = f"point {shown.of('e => e.drawnScan.chosen')} of "
    shown.until("(e, name) => e.point && e.pointName.startsWith(name)", name)
    if settled:
        shown.settled()


def numbers(shown, expression):
    """Numbers that the page has, infinite ones too."""
    found = shown.of(f"e => [...({expression})].map(String)")
    return np.array([float(each.replace("Infinity", "inf").replace("NaN", "nan")) for each in found])


def at(saved, rule="fa", **more):
    """Which points have these coordinates."""
    return np.flatnonzero(
        (saved.coordinates["rule"] == rule) & np.all([saved.coordinates[k] == v for k, v in more.items()], axis=0)
    )


def medians(saved, quantity, rule="fa"):
    """Of each cell those that are numbers, row by row from below."""
    rows, columns = (np.unique(saved.coordinates[name]) for name in ("sigma", "eta"))
    cells = (saved.summary[quantity][at(saved, rule, sigma=row, eta=column)] for row in rows for column in columns)
    return [np.median(cell[~np.isnan(cell)]) if not np.isnan(cell).all() else np.nan for cell in cells]


def test_cells_have_the_medians_of_their_points(of_scan, saved):
    """Of the rule that is chosen, FA first; the axes are as they were spaced, of another quantity the colours other."""
    assert of_scan.page.get_by_role("tab", name="scan").get_attribute("aria-selected") == "true"
    assert of_scan.of("e => e.drawnScan.log") == [True, False]
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), medians(saved, "eps_g_final"))
    of_scan.page.locator("select[name='scan-only-rule']").select_option(label="bp")
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), medians(saved, "eps_g_final", "bp"))
    of_scan.page.locator("select[name='scan-value']").select_option("plateau_end")
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), medians(saved, "plateau_end", "bp"))
    of_scan.page.locator("select[name='scan-only-draw']").select_option("2")
    one = saved.summary["plateau_end"][at(saved, "bp", draw=2)].reshape(ETAS, SIGMAS).T.ravel()
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), one)
    widths = {round(box[2], 6) for box in of_scan.of("e => e.drawnScan.boxes")}
    assert max(widths) - min(widths) < 1e-5, "cells of one factor are as wide on a logarithmic axis"


def test_a_click_draws_the_trajectory_of_a_point(of_scan, saved):
    """As it was saved, beside that of its problem, which the controls have now; clicked again, the next of the cell."""
    click(of_scan, ETAS + 1)
    sigma, eta = np.unique(saved.coordinates["sigma"])[1], np.unique(saved.coordinates["eta"])[1]
    first, second = at(saved, sigma=sigma, eta=eta)
    assert of_scan.of("e => e.drawnScan.chosen") == first
    np.testing.assert_array_equal(numbers(of_scan, "e.point.eps_g.values"), saved.read("eps_g", first))
    state = of_scan.of("e => e.state")
    assert (state["rules"], state["eta"], state["sigma"]) == (["fa"], eta, sigma)
    of = saved.problem(first)
    theory = stdyn.integrate(of, replace(EXPERIMENT, points=121).alphas(), rtol=1e-9)
    np.testing.assert_array_equal(of_scan.curve("fa", "eps_g"), theory.eps_g)
    assert f"point {first} of grid.h5" in of_scan.page.locator(".top .legend").first.inner_text()
    click(of_scan, ETAS + 1)
    assert of_scan.of("e => e.drawnScan.chosen") == second
    np.testing.assert_array_equal(numbers(of_scan, "e.point.eps_g.values"), saved.read("eps_g", second))


def test_keys_choose_a_point(of_scan, saved):
    """Arrows go to the next cell, Enter draws its trajectory, Escape takes it away."""
    of_scan.page.locator(".view canvas.map").focus()
    chosen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        of_scan.page.keyboard.press(key)
        chosen.append(of_scan.of("e => e.drawnScan.chosen"))
    etas, sigmas = (np.unique(saved.coordinates[name]).tolist() for name in ("eta", "sigma"))
    where = [(etas.index(saved.coordinates["eta"][n]), sigmas.index(saved.coordinates["sigma"][n])) for n in chosen]
    assert where == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    assert "η = 0.1" in of_scan.page.locator(".view .at").inner_text()
    of_scan.page.keyboard.press("Enter")
    of_scan.until("e => e.point")
    of_scan.settled()
    np.testing.assert_array_equal(numbers(of_scan, "e.point.eps_g.values"), saved.read("eps_g", chosen[-1]))
    of_scan.page.locator(".view canvas.map").focus()
    of_scan.page.keyboard.press("Escape")
    of_scan.until("e => !e.point")
    assert "grid.h5" not in of_scan.page.locator(".top .legend").first.inner_text()


def test_an_edited_link_is_followed(of_scan, saved):
    """Of a page that is open: the point is another one, or none; what is not said is as usual."""
    said = of_scan.hash()
    of_scan.page.evaluate("said => { location.hash = said; }", f"{said}&view.scan.point=3&view.scan.value=plateau_end")
    of_scan.until("e => e.pointName === 'point 3 of grid.h5' && e.drawnScan.chosen === 3")
    np.testing.assert_array_equal(numbers(of_scan, "e.point.eps_g.values"), saved.read("eps_g", 3))
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), medians(saved, "plateau_end"))
    junk = "view.scan.point=99&view.scan.value=none&view.scan.x=7&view.scan.only.rule=5"
    of_scan.page.evaluate("said => { location.hash = said; }", f"{said}&{junk}")
    of_scan.until("e => !e.point && e.drawnScan.chosen === -1")
    np.testing.assert_array_equal(numbers(of_scan, "e.drawnScan.values"), medians(saved, "eps_g_final"))


def test_a_link_shows_the_same(of_scan, another, site, saved):
    """The axes, the colours, what is left out, the point with its curve, and what was moved after it was clicked."""
    of_scan.page.locator("select[name='scan-x']").select_option("sigma")
    of_scan.page.locator("select[name='scan-y']").select_option("eps_g_start")
    of_scan.page.locator("select[name='scan-value']").select_option("alignment_final")
    of_scan.page.locator("select[name='scan-only-eta']").select_option(index=2)
    click(of_scan, 1)
    of_scan.typed("eta_v", "0.9")
    there = numbers(of_scan, "e.drawnScan.values")
    assert len(there) == 2 * SIGMAS  # dots, of one rate: two draws at each sigma
    chosen = of_scan.of("e => e.drawnScan.chosen")
    other = drawn(another(f"{site}#{of_scan.hash()}"))
    other.until("e => e.point")
    np.testing.assert_array_equal(numbers(other, "e.drawnScan.values"), there)
    assert other.of("e => [e.drawnScan.chosen, e.state.eta_v]") == [chosen, 0.9]
    np.testing.assert_array_equal(other.curve("fa", "eps_g"), of_scan.curve("fa", "eps_g"))
    np.testing.assert_array_equal(numbers(other, "e.point.eps_g.values"), saved.read("eps_g", chosen))


@pytest.mark.parametrize("axes", [1, 0])
def test_a_scan_of_few_coordinates(another, serve, tmp_path, axes):
    """One against what came out, or the numbers of the points."""
    one = replace(EXPERIMENT, rule="fa", points=5)
    problems = stdyn.Variations(one, {"eta": [0.1, 0.3, 1.0]}) if axes else [one.problem("fa"), one.problem("bp")]
    scan = stdyn.scan(problems, one.alphas(), tmp_path / "few.h5", keep="summary")
    with serve(Source.read(scan.path)) as address:
        shown = drawn(another(address))
        assert shown.page.locator("select[name='scan-x']").input_value() == ("eta" if axes else "point")
        assert shown.page.locator("select[name='scan-y']").input_value() == "eps_g_final"
        values = scan.summary["eps_g_final"]
        np.testing.assert_array_equal(numbers(shown, "e.drawnScan.values"), values if axes else values[:1])
        click(shown, 0)
        assert "solved now" in shown.page.locator(".view .progress").inner_text()
        shown.page.close()  # before its server


class Many:
    """As many points as a page shows, as if they were in a file."""

    path, description, many = Path("many.h5"), {"problems": {}}, 200_000

    def __len__(self):
        return self.many

    def __init__(self):
        n = np.arange(self.many)
        self.state = np.ones(self.many, dtype=np.uint8)
        self.coordinates = {"eta": n % 20 + 1.0, "draw": n // 20 % 50, "x": np.sin(n)}
        self.summary = {"eps_g_final": np.where(n % 7, 1.0 + n, np.where(n % 3, np.inf, np.nan))}


def test_very_many_points_are_drawn(another, serve):
    """In cells of medians, and as dots; nothing of it is too much for the browser."""
    scan = Many()
    with serve(Source(scan=scan)) as address:
        shown = drawn(another(address))
        assert shown.of("e => [e.drawnScan.kept, e.drawnScan.values.length]") == [scan.many, 1000]
        values = scan.summary["eps_g_final"].reshape(200, 50, 20)
        with np.errstate(invalid="ignore"):
            expected = np.nanmedian(values, axis=0).ravel()
        np.testing.assert_array_equal(numbers(shown, "e.drawnScan.values"), expected)
        shown.page.locator("select[name='scan-y']").select_option("x")
        shown.until("(e, many) => e.drawnScan.values.length === many", scan.many)
        shown.page.locator(".view canvas.map").press("ArrowRight")
        shown.until("e => e.drawnScan.chosen === 0")
        shown.page.close()  # before its server
