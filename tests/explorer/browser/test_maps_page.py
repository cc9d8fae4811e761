"""Maps on the page: drawn as they are computed, a click or a key shows the trajectory of a point."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

import stdyn
from stdyn.explorer.maps import QUANTITIES, SHAPE, Map, places
from stdyn.explorer.state import wanted

STATE = {"K": 2, "M": 2, "alpha_max": 40, "points": 31, "runs": 0}
LINK = '#rules=["fa","bp"]&K=2&M=2&alpha_max=40&points=31&runs=0'


@pytest.fixture
def small(still):
    """The page with networks so small that maps are quick."""
    still.page.set_viewport_size({"width": 1280, "height": 720})
    still.goes_to(STATE)
    return still


def opened(shown, title, done=25):
    """Choose the tab of a map, and wait until so many of its places are there."""
    before = shown.of("e => e.link.number")
    shown.page.get_by_role("tab", name=title).click()
    is_there = "(e, [before, done]) => e.map && e.map.header.id > before && e.map.header.done >= done"
    shown.until(is_there, [before, done])


def says(shown, words):
    """Wait until the view says it."""
    shown.until("(e, words) => document.querySelector('.view .progress').textContent.includes(words)", words)


def pixels(shown, parts):
    """The colours of the map at parts of its axes."""
    return shown.page.locator(".view canvas.map").evaluate(
        """(c, parts) => {
          const [sharp, width] = [c.width / c.clientWidth, c.width];
          const image = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
          return parts.map(([x, y]) => {
            const [px, py] = [64 + x * (c.clientWidth - 78), 8 + (1 - y) * (c.clientHeight - 54)];
            const at = 4 * (Math.round(py * sharp) * width + Math.round(px * sharp));
            return [...image.slice(at, at + 3)];
          });
        }""",
        parts,
    )


def click(shown, x, y):
    """Click on the map at parts of the axes, and wait until it is drawn."""
    box = shown.page.locator(".view canvas.map").bounding_box()
    at = {"x": 64 + x * (box["width"] - 78), "y": 8 + (1 - y) * (box["height"] - 54)}
    shown.page.locator(".view canvas.map").click(position=at)
    shown.settled()


def test_its_numbers_are_those_of_the_map(small):
    """To the bit, all quantities of each place at once; other quantities are drawn without asking again."""
    opened(small, "map of η, angle")
    of = Map.of(wanted(STATE), "eta_angle", "fa")
    for n in (0, 7, 21):
        row, column = places()[n].tolist()
        there = small.of("(e, n) => [...e.map.numbers[n]].map(String)", row * SHAPE[1] + column)
        expected = of.solve(n)[0]
        assert [float(each.replace("Infinity", "inf")) for each in there] == pytest.approx(expected, nan_ok=True)
    asked = small.of("e => e.link.newest.map")
    for quantity in QUANTITIES:
        small.page.locator("select[name='map-eta_angle-value']").select_option(quantity)
    assert small.of("e => e.link.newest.map") == asked
    assert small.of("e => e.seen['view.eta_angle.value']") == QUANTITIES[-1]


def test_colours_say_what_is_more(small):
    """Dark is low, light is high, white is infinite."""
    small.typed("alpha_max", "300")
    opened(small, "map of η, angle", 20)
    small.page.locator("select[name='map-eta_angle-value']").select_option("plateau_end")
    small.page.get_by_role("tab", name="Q").click()  # nothing more comes
    small.page.wait_for_timeout(300)
    read = "e => e.map.numbers.map((each, n) => each ? [n, String(each[2])] : null).filter((each) => each)"
    small.page.get_by_role("tab", name="map of η, angle").click()
    ends = {n: float(x.replace("Infinity", "inf")) for n, x in small.of(read)}
    chosen = [(row, column) for row, column in places()[:20].tolist() if 0 < row < 48 and 0 < column < 64]
    found = pixels(small, [(column / (SHAPE[1] - 1), row / (SHAPE[0] - 1)) for row, column in chosen])
    there = [ends[row * SHAPE[1] + column] for row, column in chosen]
    assert [colour == [255, 255, 255] for colour in found] == np.isinf(there).tolist()
    finite = sorted((end, sum(colour)) for end, colour in zip(there, found, strict=True) if np.isfinite(end))
    assert [shade for _, shade in finite] == sorted(shade for _, shade in finite)
    assert 0 < len(finite) < len(there)


def test_a_click_shows_that_trajectory(small):
    """Of the parameters there, rounded; the map stays, goes on, and has a mark where they are."""
    opened(small, "map of η, angle")
    key = small.of("e => e.map.header.key")
    click(small, 0.25, 0.75)
    state = small.of("e => e.state")
    assert state["eta"] == pytest.approx(0.05 * 80**0.25, rel=0.02)
    assert state["b_angle"] == pytest.approx(135, abs=2)
    theory = stdyn.integrate(wanted({**STATE, **state}).problem("fa"), wanted(STATE).experiment.alphas())
    np.testing.assert_array_equal(small.curve("fa", "eps_g"), theory.eps_g)
    done = small.of("e => e.map.header.done")
    small.until("(e, n) => e.map.header.done > n", done)
    assert small.of("e => e.map.header.key") == key
    here = small.of("e => e.map.header.here")
    assert here == pytest.approx([state["eta"], state["b_angle"]])


def test_a_click_sets_two_feedback_weights(small):
    """The others stay as they were drawn."""
    small.typed("K", "3")
    opened(small, "map of b₁, b₂")
    before = wanted({**STATE, "K": 3}).problem("fa")
    click(small, 0.9, 0.2)
    state = small.of("e => e.state")
    assert state["b"][:2] == pytest.approx([2.4, -1.8], abs=0.05)
    assert state["b"][2:] == before.b[2:].tolist()
    np.testing.assert_array_equal(small.curve("fa", "R")[:6], before.start.R.ravel())


def test_keys_move_the_cross(small):
    """And Enter shows its trajectory: nobody needs a mouse."""
    opened(small, "map of η, angle")
    small.page.locator(".view canvas.map").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        small.page.keyboard.press(key)
    assert "∠(b, v₀) =" in small.page.locator(".view .at").inner_text()
    here = small.of("e => e.map.header.here")
    small.page.keyboard.press("Enter")
    small.settled()
    state = small.of("e => e.state")
    assert state["eta"] == pytest.approx(here[0] * 80 ** (1 / 32), rel=1e-3)
    assert state["b_angle"] == pytest.approx(here[1] - 180 / 32, abs=0.1)


def test_what_is_looked_at_is_in_the_link(small, another, address):
    """The quantity, the rule and the cross: another page shows them."""
    small.page.locator("input[type='checkbox'][value='kp'], label:has-text('KP') input").first.check()
    small.settled()
    opened(small, "map of η, angle")
    small.page.locator("select[name='map-eta_angle-rule']").select_option("kp")
    small.page.locator("select[name='map-eta_angle-value']").select_option("alignment_final")
    small.until("e => e.map?.header.rule === 'kp' && e.map.header.done > 5")
    click(small, 0.5, 0.5)
    link = small.hash()
    other = another(f"{address}#{link}")
    other.until("e => e.map?.header.done > 0")
    assert other.of("e => e.map.header.rule") == "kp"
    assert other.page.locator("select[name='map-eta_angle-value']").input_value() == "alignment_final"
    other.until("() => document.querySelector('.view .at').textContent.includes('η =')")


def test_junk_in_a_link_is_left_out(another, address):
    """What a view does not know is as if it were not said."""
    junk = "&".join(("view.b_b.value=nonsense", "view.b_b.rule=bp", 'view.b_b.cross=[0.5,"a"]', "view.b_b.what=1"))
    shown = another(f"{address}{LINK}&view=b_b&{junk}")
    shown.until("e => e.map?.header.done > 0")
    assert shown.of("e => e.map.header.rule") == "fa"
    assert shown.page.locator("select[name='map-b_b-value']").input_value() == QUANTITIES[0]
    assert shown.page.locator(".view .at").inner_text() == ""


def test_a_moved_parameter_makes_another_map(small):
    """Those of the axes do not."""
    opened(small, "map of η, angle")
    key = small.of("e => e.map.header.key")
    small.typed("eta", "1.1")
    small.until("e => Math.abs(e.map.header.here[0] - 1.1) < 1e-9")
    assert small.of("e => e.map.header.key") == key
    small.typed("sigma", "0.3")
    small.until("(e, key) => e.map.header.key !== key && e.map.header.done > 3", key)


def test_a_map_goes_on_where_it_was_left(small):
    """As its tab is chosen again."""
    opened(small, "map of η, angle", 30)
    small.page.get_by_role("tab", name="Q").click()
    small.page.wait_for_timeout(400)
    done = small.of("e => e.map.header.done")
    small.page.wait_for_timeout(700)
    assert small.of("e => e.map.header.done") == done, "it is computed though nobody looks"
    small.page.get_by_role("tab", name="map of η, angle").click()
    small.until("(e, n) => e.map.header.done > n", done)
    assert small.of("e => e.map.numbers.filter((each) => each).length") == small.of("e => e.map.header.done")


def test_what_has_no_map_says_why(small):
    """Without a mark at a control that is as it may be; and with one again, the map is back."""
    small.page.get_by_role("tab", name="map of b₁, b₂").click()
    small.typed("K", "1")
    small.until(
        "() => document.querySelector('.view .progress').textContent.startsWith('a map over b_1 and b_2 needs')"
    )
    assert small.page.locator("[aria-invalid='true']").count() == 0
    small.typed("K", "2")
    small.until("e => e.map?.header.done > 0")
    small.page.locator("label:has-text('FA') input").first.uncheck()
    says(small, "A map needs a rule with feedback weights")
    small.page.wait_for_timeout(500)
    assert small.of("e => e.map") is None


def test_a_worker_that_is_killed_is_started_again(small):
    """Which is said; the map goes on."""
    opened(small, "map of η, angle", 10)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    says(small, "another was started")
    done = small.of("e => e.map.header.done")
    small.until("(e, n) => e.map.header.done > n + 5", done)


def test_a_narrow_page_has_a_whole_map(small):
    """As wide as the window, and as sharp; a click is where it is."""
    small.page.set_viewport_size({"width": 390, "height": 800})
    opened(small, "map of η, angle")
    width, drawn = small.page.locator(".view canvas.map").evaluate("c => [c.clientWidth, c.width]")
    assert 250 < width < 390
    assert drawn >= 2 * width
    click(small, 0.5, 0.5)
    assert small.of("e => e.state.b_angle") == pytest.approx(90, abs=2)
