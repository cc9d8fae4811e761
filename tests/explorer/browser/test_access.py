"""Who has no pointer, or no eyes for the page, does all the same: names, keys, the focus, what is said."""

import numpy as np
import pytest

SMALL = "K=3&M=3&alpha_max=100&points=40&runs=0"  # a state that is quickly solved

FOCUS = """() => {
  const each = document.activeElement;
  if (!each || each === document.body) return null;
  const box = each.getBoundingClientRect();
  const style = getComputedStyle(each);
  const hit = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 12));
  const label = each.labels?.[0];
  return {
    key: each.id || [each.tagName, each.name, each.value, each.textContent.slice(0, 30)].join(" "),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    there: Boolean(hit && (each.contains(hit) || hit.contains(each) || label?.contains(hit))),
    seen: box.top < innerHeight && box.bottom > 0 && box.left < innerWidth && box.right > 0,
  };
}"""

FIRST = """() => {
  const first = document.querySelector("h1");
  first.tabIndex = -1;
  first.focus();
  first.removeAttribute("tabindex");
}"""

REACHED = """() => {
  for (const each of document.querySelectorAll("[data-reached]")) delete each.dataset.reached;
  document.addEventListener("focusin", ({ target }) => { target.dataset.reached = ""; });
}"""

# What ought to be reached: all that is seen and works. Of radio-like groups (tabs) the chosen one only.
MISSED = """() => [...document.querySelectorAll("button, input, select, summary, [tabindex]")]
  .filter((each) => each.checkVisibility() && each.tabIndex >= 0 && !("reached" in each.dataset))
  .map((each) => each.outerHTML.slice(0, 100))"""

STRAY = """() => [...document.querySelectorAll(".row label.name")]
  .filter((each) => !each.control || each.control.closest(".row") !== each.closest(".row"))
  .map((each) => each.textContent)"""

OTHERWISE = """() => [...document.querySelectorAll("button[aria-label], summary[aria-label]")]
  .filter((each) => !each.ariaLabel.toLowerCase().includes(each.textContent.trim().toLowerCase()))
  .map((each) => each.outerHTML)"""

TWICE = """() => [...document.querySelectorAll("[id]")].map(({ id }) => id)
  .filter((id, j, all) => all.indexOf(id) !== j)"""

DESCRIBED = """() => {
  const [first] = document.activeElement.getAttribute("aria-describedby").split(" ");
  return document.getElementById(first).textContent;
}"""

# The tab that is chosen, whether it has the focus, how many are in the order of Tab, and whether the view has its name.
CHOSEN = """() => {
  const all = [...document.querySelectorAll("[role=tab]")];
  const one = all.find((each) => each.ariaSelected === "true");
  const view = document.querySelector("[role=tabpanel]");
  return [one.name, one === document.activeElement, all.filter((each) => each.tabIndex === 0).length,
    view.getAttribute("aria-labelledby") === one.id];
}"""

OFFERED = """() => [...document.querySelectorAll("[role=tab]")]
  .filter((each) => !each.hidden).map((each) => each.name)"""

SMALLER = """() => [...document.querySelectorAll("button, input, select, summary")]
  .filter((each) => each.checkVisibility())
  .map((each) => [each, (each.type === "checkbox" && each.closest("label, .row") || each).getBoundingClientRect()])
  .filter(([, box]) => box.height < 23.5 || box.width < 23.5)
  .map(([each]) => each.outerHTML.slice(0, 80))"""

GROUNDS = """() => [...document.querySelectorAll("[role=tab]")]
  .map((each) => [each.ariaSelected, getComputedStyle(each).backgroundColor])"""


@pytest.fixture(scope="module")
def page(opened, address):
    """A page that these tests share, with all groups of controls open."""
    found = opened(f"{address}#{SMALL}")
    found.page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    return found


def choose(shown, view):
    """Have a view shown."""
    tab = shown.page.locator(f"[role='tab'][name='{view}']")
    if tab.is_hidden():  # there is nothing for it, but a link may say it
        shown.page.evaluate("view => { location.hash += `&view=${view}`; }", view)
    tab.click()


def tree(shown):
    """What a screen reader is told: (role, name, properties) of all that it hears of, by Chromium."""
    session = shown.page.context.new_cdp_session(shown.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    plain = lambda node, key: (node.get(key) or {}).get("value", "")  # noqa: E731
    return [
        (
            plain(node, "role"),
            plain(node, "name"),
            {each["name"]: each["value"].get("value") for each in node.get("properties", [])},
        )
        for node in nodes
        if not node.get("ignored")
    ]


@pytest.mark.parametrize("view", ["R", "F", "eta_angle", "plane", "graph", "spectrum", "scan"])
def test_all_that_works_has_a_name(page, view):
    """And all sliders say their values; pictures say what they show."""
    choose(page, view)
    page.page.wait_for_timeout(100)
    found = tree(page)
    working = [each for each in found if each[2].get("focusable") and each[0] != "RootWebArea"]
    assert len(working) > 80
    assert [each for each in working if not each[1].strip() and each[0] not in ("generic", "scrollbar")] == []
    assert [
        each
        for each in found
        if each[0] in ("image", "img", "slider", "figure", "table", "dialog") and not each[1].strip()
    ] == []
    roles = [role for role, *_ in found]
    assert roles.count("tab") == roles.count("tablist") * len([each for each in found if each[0] == "tab"]) > 8
    assert roles.count("tabpanel") == 1
    assert roles.count("main") == 1
    assert "status" in roles


def test_labels_are_of_their_controls(page):
    """A click on a symbol goes to what it is the name of; each control is heard by the symbol that is seen."""
    page.page.locator("[data-name='eta'] .name").click()
    assert page.page.evaluate("() => document.activeElement.name") == "eta"
    assert page.page.evaluate(STRAY) == []
    assert page.page.evaluate(OTHERWISE) == []  # who says the word on a button to a machine means that button
    assert page.page.evaluate(TWICE) == []


def test_what_a_control_is_can_be_read_and_heard(page):
    """Below the controls stands what the one is that has the focus; it is also its description."""
    page.page.locator("select[name='activation']").focus()
    said = page.page.locator(".help").inner_text()
    page.page.locator("input[name='sigma']").focus()
    assert said != page.page.locator(".help").inner_text() != ""
    assert page.page.evaluate(DESCRIBED) == page.page.locator(".help").inner_text()


def tabbed(shown):
    """Press Tab from the beginning until the focus has left the page; what is said of each place."""
    shown.page.evaluate(FIRST)
    shown.page.evaluate(REACHED)
    places = []
    for _ in range(250):
        shown.page.keyboard.press("Tab")
        place = shown.page.evaluate(FOCUS)
        if place is None or (places and place["key"] == places[0]["key"]):
            return places
        places.append(place)
    raise AssertionError(f"the focus does not leave: {places[-3:]}")


@pytest.mark.parametrize(("view", "size"), [("eta_angle", (1280, 720)), ("graph", (390, 800)), ("scan", (640, 360))])
def test_the_focus_goes_everywhere_and_is_seen(page, view, size):
    """By Tab alone: everything that works is reached; the focus has an outline, is in view, nothing lies over it."""
    choose(page, view)
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.page.wait_for_timeout(100)
    places = tabbed(page)
    missed = page.page.evaluate(MISSED)
    page.page.set_viewport_size({"width": 1280, "height": 720})
    assert len(places) > 80
    assert missed == []
    assert [each for each in places if each["outline"] < 2 or not each["seen"] or not each["there"]] == []


def press(shown, selector, *keys):
    """Focus something, and press keys."""
    shown.page.locator(selector).first.focus()
    for key in keys:
        shown.page.keyboard.press(key)


def test_a_slider_moves_by_keys(page):
    """And what is drawn is what it says."""
    before = page.of("e => e.state.eta ?? 0.5")
    press(page, "input[name='eta']", "ArrowRight", "ArrowRight")
    page.settled()
    assert before < page.of("e => e.state.eta") < 1.1 * before
    assert page.page.locator("input[name='eta']").get_attribute("aria-valuetext")
    press(page, "input[name='eta']", "Delete")
    page.settled()


def test_controls_of_all_kinds_work_by_keys(page):
    """A number is typed, a word is chosen, a box is ticked, a group is folded, all is set back."""
    press(page, "input[name='sigma-typed']", "Control+A", *"0.1", "Enter")
    page.settled()
    assert page.of("e => e.state.sigma") == 0.1
    press(page, "select[name='teacher']", "ArrowDown")
    page.settled()
    assert page.of("e => e.state.teacher") == page.page.locator("select[name='teacher'] option").nth(1).get_attribute(
        "value"
    )
    press(page, "input[name='rules'][value='kp']", "Space")
    page.settled()
    assert page.of("e => Object.keys(e.curves)") == ["fa", "bp", "kp"]
    press(page, "details summary", "Enter")
    assert not page.page.locator("input[name='rules']").first.is_visible()
    press(page, "details summary", "Enter")
    assert page.page.locator("input[name='rules']").first.is_visible()
    press(page, "button[name='reset']", "Enter")
    page.settled()
    assert page.of("e => [e.state.sigma, e.state.rules]") == [None, None]
    for name, text in (("K", "3"), ("alpha_max", "100"), ("points", "40"), ("runs", "0")):
        page.typed(name, text)


def test_views_are_chosen_by_keys(page):
    """Arrows, Home and End, as tabs are; the view has the name of its tab."""
    choose(page, "R")
    names = page.page.evaluate(OFFERED)
    for key, expected in (
        ("ArrowRight", names[1]),
        ("ArrowLeft", names[0]),
        ("ArrowLeft", names[-1]),
        ("ArrowRight", names[0]),
        ("End", names[-1]),
        ("Home", names[0]),
    ):
        press(page, "[role='tab'][aria-selected='true']", key)
        assert page.page.evaluate(CHOSEN) == [expected, True, 1, True]


def test_curves_are_read_and_zoomed_by_keys(page):
    """What is said is the number of the curve; plus shows a part of it, 0 all."""
    press(page, ".top .place", *["ArrowRight"] * 5)
    said = page.page.locator(".top .readout").first.inner_text()
    name, value = said.split(" at α = ")[0].split(" = ")
    curve = page.curve(name.lower(), "eps_g")
    assert np.isclose(float(value), curve, rtol=2e-3).any()
    drawn = []
    for key in ("0", "+", "-", "+", "+", "0"):
        press(page, ".top .place", key)
        page.page.wait_for_timeout(50)
        drawn.append(page.page.locator(".top canvas").first.evaluate("each => each.toDataURL()"))
    assert drawn[0] == drawn[2] == drawn[5]
    assert len({drawn[0], drawn[1], drawn[4]}) == 3


def test_a_moment_is_chosen_by_keys(page):
    """The slider over α of the graph says where it is."""
    choose(page, "graph")
    press(page, "input[name='graph-alpha']", "Home")
    first = page.of("e => e.cosines")
    assert page.page.locator("input[name='graph-alpha']").get_attribute("aria-valuetext")
    press(page, "input[name='graph-alpha']", "End")
    assert page.of("e => e.cosines") != first


def test_a_map_works_by_keys(page):
    """Arrows move the cross, Enter shows that trajectory."""
    choose(page, "R")
    page.of("e => { e.map = null; }")
    page.typed("seed", "2")
    choose(page, "eta_angle")
    page.until("e => e.map?.header.done > 0")
    before = page.of("e => [e.state.eta ?? 0.5, e.state.b_angle ?? null]")
    press(page, "canvas.map", *["ArrowRight"] * 3, *["ArrowUp"] * 2, "Enter")
    page.settled()
    after = page.of("e => [e.state.eta, e.state.b_angle]")
    assert after != before
    assert None not in after
    page.page.locator("button[name='reset']").click()
    page.settled()


def test_what_cannot_be_copied_is_shown_and_closed_by_keys(page):
    """A browser that does not let it be copied: a dialog has the words, Escape closes it, the focus is where it was."""
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    press(page, ".bar-of-buttons button", "Enter")
    dialog = page.page.locator("dialog")
    dialog.wait_for(state="visible")
    assert "stdyn" in dialog.inner_text()
    assert page.page.evaluate("() => document.querySelector('dialog').contains(document.activeElement)")
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.page.evaluate("() => document.activeElement.closest('.bar-of-buttons') !== null")


def test_what_is_refused_is_said_and_marked(page):
    """In a status, which is read to those who do not see it; the control is marked as invalid, and keeps the focus."""
    press(page, "input[name='K-typed']", "Control+A", *"999", "Enter")
    page.until("() => document.querySelector('[aria-invalid]') !== null")
    status = page.page.locator(".shown > [role='status']")
    assert status.inner_text().startswith("K must be")
    assert "999" in status.inner_text()
    assert page.page.evaluate("() => document.activeElement.name") == "K-typed"
    assert page.page.locator("input[name='K-typed']").get_attribute("aria-invalid") == "true"
    box = status.bounding_box()
    assert box["y"] + box["height"] < 720
    page.typed("K", "3")
    assert page.page.locator("[aria-invalid]").count() == 0


def test_targets_are_large_enough(page):
    """24 pixels each way, which the guidelines ask for (WCAG 2.2, 2.5.8); a box with its label."""
    choose(page, "graph")
    assert page.page.evaluate(SMALLER) == []


def test_colours_of_the_reader_are_taken(page):
    """With colours that are forced the chosen tab is still told from the others."""
    page.page.emulate_media(forced_colors="active")
    grounds = page.page.evaluate(GROUNDS)
    page.page.emulate_media(forced_colors="none")
    chosen_ones = {colour for is_chosen, colour in grounds if is_chosen == "true"}
    assert len(chosen_ones) == 1
    assert chosen_ones.isdisjoint(colour for is_chosen, colour in grounds if is_chosen != "true")


def test_the_page_is_a_document(page):
    """It has a language, a title and one heading of the first level; nothing was written to its console."""
    assert page.page.evaluate("() => [document.documentElement.lang, document.querySelectorAll('h1').length]") == [
        "en",
        1,
    ]
    assert page.page.title()
    assert page.console == []
