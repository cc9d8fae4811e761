"""How the page looks: nothing is hidden or wider than the window; words and lines stand out, whoever sees them."""

import itertools

import numpy as np
import pytest

from stdyn.figures.style import RULES

VIEWS = ("R", "Q", "v", "F", "eta_angle", "b_b", "plane", "graph", "spectrum", "scan")
WIDTHS = (320, 390, 640, 700, 1000, 1280)
SMALL = "K=3&M=3&alpha_max=100&points=40&runs=0"  # a state that is quickly solved
ALL_RULES = 'K=7&M=2&alpha_max=10&points=20&runs=0&rules=["fa","bp","kp","mixed"]'
TEXT, LINE = 4.5, 3.0  # contrasts that the guidelines for accessible pages ask for: WCAG 2.2, 1.4.3 and 1.4.11
APART = 0.07  # in Oklab; a step of grey that an eye just tells is 0.02

# What a colour is to an eye that lacks a cone, in linear light: Machado et al., IEEE TVCG 15, 1291 (2009)
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}

BOXES = """names => [...document.querySelectorAll(names)].map((each) => {
  const { width, height, top, right, bottom, left } = each.getBoundingClientRect();
  return [each.className, width, height, top, right, bottom, left];
})"""

FAR = """() => [...document.querySelectorAll(".stdyn-explorer *")]
  .filter((each) => each.checkVisibility() && !each.closest(".u-wrap"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80))"""

LETTERS = """() => [...document.querySelectorAll(".view svg text")]
  .map((each) => parseFloat(getComputedStyle(each).fontSize) * each.ownerSVGElement.getScreenCTM().a)"""

SAMPLES = """place => [...document.querySelectorAll(`${place} .legend line`)]
  .map((each) => [each.getAttribute("stroke"), each.getAttribute("stroke-dasharray")])"""

TOPS = """() => [".shown", ".controls"].map((name) => document.querySelector(name).getBoundingClientRect().top)"""

MOVING = """() => [...document.querySelectorAll("*")].filter((each) => {
  const of = getComputedStyle(each);
  return of.animationName !== "none" || of.transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
}).map((each) => each.outerHTML.slice(0, 80))"""

# All words that are seen, their colour, and what is behind them: the grounds of all elements from there to the root.
WORDS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || !element.checkVisibility() || element.closest("h1, script")) continue;
    const style = getComputedStyle(element);
    const grounds = [];
    for (let each = element; each; each = each.parentElement) grounds.push(getComputedStyle(each).backgroundColor);
    found.push([words, element.closest("svg") ? style.fill : style.color, grounds, parseFloat(style.fontSize)]);
  }
  for (const input of document.querySelectorAll("input[type='text'], select")) if (input.checkVisibility()) {
    const grounds = [];
    for (let each = input; each; each = each.parentElement) grounds.push(getComputedStyle(each).backgroundColor);
    found.push([`input ${input.name}`, getComputedStyle(input).color, grounds, 14]);
    if (input.placeholder) found.push([input.placeholder, getComputedStyle(input, "::placeholder").color, grounds, 14]);
  }
  return found;
}"""


def rgb(colour):
    """Red, green, blue from 0 to 1, and how much it covers, of "rgb(…)", "rgba(…)" or "#rrggbb"."""
    if colour.startswith("#"):
        return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]), 1.0
    numbers = [float(each) for each in colour[colour.index("(") + 1 : -1].replace("/", ",").split(",")]
    return np.array(numbers[:3]) / 255, numbers[3] if len(numbers) > 3 else 1.0


def linear(values):
    """Linear light of sRGB."""
    values = np.asarray(values)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The ratio of luminances, from 1 to 21."""
    low, high = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def behind(grounds):
    """The ground that is seen: that nearest which covers; grounds that cover in part are mixed in."""
    colours = list(itertools.takewhile(lambda each: each[1] < 1, map(rgb, grounds)))
    found = rgb(grounds[len(colours)])[0]
    for colour, cover in reversed(colours):
        found = cover * colour + (1 - cover) * found
    return found


def oklab(values):
    """Lightness and two hues in which equal distances look equally far (Ottosson 2020), of linear light."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(values, 0, 1) @ np.transpose(to_cones)) @ np.transpose(to_lab)


def nearest(colours, eye):
    """How far the nearest two of some colours are, to an eye."""
    seen = oklab(linear([rgb(each)[0] for each in colours]) @ np.transpose(EYES[eye]))
    return min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2))


def test_the_measures_know_what_is_known():
    """Black on white is 21, grey #767676 on white 4.5; red and green are near to an eye without red or green cones."""
    assert contrast(np.zeros(3), np.ones(3)) == pytest.approx(21)
    assert contrast(rgb("#767676")[0], np.ones(3)) == pytest.approx(4.54, abs=0.01)
    assert nearest(("#b07050", "#708050"), "deuteranopia") < 0.5 * nearest(("#b07050", "#708050"), "all cones")
    assert nearest(("#b07050", "#b07051"), "all cones") < 0.02


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(request, opened, address):
    """A page in the light and in the dark, with all rules and all groups of controls open."""
    page = opened(f"{address}#{ALL_RULES}", color_scheme=request.param)
    page.page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.scheme = request.param
    return page


@pytest.fixture(scope="module")
def plain(opened, address):
    """A page with two rules."""
    return opened(f"{address}#{SMALL}")


@pytest.fixture
def sized(plain):
    """That page, in a window of some size; afterwards it is as it was."""

    def size(width, height):
        plain.page.set_viewport_size({"width": width, "height": height})
        plain.page.wait_for_timeout(50)
        return plain

    yield size
    size(1280, 720)


def choose(shown, view):
    """Have a view shown, with something in it."""
    tab = shown.page.locator(f"[role='tab'][name='{view}']")
    if tab.is_hidden():  # there is nothing for it, but a link may say it
        shown.page.evaluate("view => { location.hash += `&view=${view}`; }", view)
    tab.click()
    if view == "spectrum":
        shown.until("e => e.spectrum?.columns?.length > 3 || e.spectrum?.real")


def boxes(shown):
    """Left, top, right and bottom of what has to be seen at once."""
    names = ".top figure:nth-child(1), .top figure:nth-child(2), .numbers, .tabs, .view, .status"
    return shown.page.evaluate(BOXES, names)


@pytest.mark.parametrize("view", VIEWS)
def test_all_is_seen_at_once_on_a_small_screen(plain, view):
    """Error, alignment, table and a view are in a window of 1280 by 720, which need not be scrolled."""
    choose(plain, view)
    found = boxes(plain)
    assert len(found) == 6
    for name, width, height, top, right, bottom, left in found:
        assert min(width, height) > 0, name
        assert min(left, top) >= 0, name
        assert right <= 1280, name
        assert bottom <= 720, name
    assert plain.page.evaluate("() => document.documentElement.scrollHeight") <= 720


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(sized, width):
    """In every view; 320 is a window of 1280 that is magnified four times."""
    shown = sized(width, 800)
    for view in (
        each for each in VIEWS if each != "b_b" and (each != "eta_angle" or width == 390)
    ):  # maps take a worker
        shown.page.locator(f"[role='tab'][name='{view}']").evaluate("each => each.click()")
        assert shown.page.evaluate("() => document.documentElement.scrollWidth") <= width, view
        assert shown.page.evaluate(FAR) == [], view


def test_a_phone_shows_curves_first_and_controls_below_them(sized):
    """The controls stay in view while one scrolls, take at most half of the window, and can be folded."""
    shown = sized(390, 800)
    page = shown.page
    choose(shown, "R")
    page.evaluate("() => scrollTo(0, 0)")
    error, slider = page.locator(".top figure").first, page.locator("input[name='eta']")
    for far in (0, 300, 600):
        page.evaluate("far => scrollTo(0, far)", far)
        assert 400 <= page.locator(".controls").bounding_box()["y"] <= 800
        assert 400 <= slider.bounding_box()["y"] <= 800
    page.evaluate("() => scrollTo(0, 0)")
    assert error.bounding_box()["y"] + error.bounding_box()["height"] <= 400
    page.locator(".handle").click()
    assert not slider.is_visible()
    assert page.locator(".handle").get_attribute("aria-expanded") == "false"
    page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
    view, handle = page.locator(".view").bounding_box(), page.locator(".handle").bounding_box()
    assert view["y"] + view["height"] <= handle["y"] + 1
    page.locator(".handle").click()
    assert slider.is_visible()


def test_a_short_window_has_nothing_in_the_way(sized):
    """A phone that lies, or a page that is magnified: the controls do not stay."""
    shown = sized(600, 360)
    shown.page.evaluate("() => scrollTo(0, 0)")
    assert shown.page.locator("input[name='eta']").bounding_box()["y"] > 360


@pytest.mark.parametrize("size", [(390, 800), (1280, 720)])
def test_words_of_pictures_are_legible(sized, size):
    """At least 11 pixels high in a window, whatever the size of the picture."""
    shown = sized(*size)
    for view in ("plane", "graph", "spectrum"):
        choose(shown, view)
        shown.page.wait_for_timeout(100)
        sizes = shown.page.evaluate(LETTERS)
        assert sizes, view
        assert min(sizes) >= 11, view
        assert max(sizes) <= 16, view


def test_a_narrow_cell_in_a_wide_window_is_narrow(plain):
    """It is the container that counts, as in a notebook, not the window."""
    wide = plain.page.locator(".top figure").first.bounding_box()
    plain.page.evaluate("() => { document.querySelector('main').style.width = '600px'; }")
    plain.page.wait_for_timeout(100)
    narrow, second = (plain.page.locator(".top figure").nth(k).bounding_box() for k in (0, 1))
    assert narrow["width"] > 500
    assert narrow["x"] < wide["x"]
    assert second["y"] >= narrow["y"] + narrow["height"]
    assert plain.page.evaluate("() => document.querySelector('main').scrollWidth") <= 600
    plain.page.evaluate("() => { document.querySelector('main').style.width = ''; }")


def test_a_long_message_makes_nothing_wider(sized):
    """It is wrapped, and all of it is seen."""
    shown = sized(390, 800)
    shown.page.evaluate("() => { document.querySelector('.status').textContent = 'diverged'.repeat(40); }")
    box = shown.page.locator(".status").bounding_box()
    assert box["width"] <= 390
    assert box["height"] > 60
    assert shown.page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("view", ["R", "eta_angle", "plane", "graph", "scan"])
def test_words_stand_out(seen, view):
    """All words have a contrast of 4.5 to what is behind them, also those of what is of no use."""
    choose(seen, view)
    found = seen.page.evaluate(WORDS)
    assert len(found) > 100
    weak = [words for words, colour, grounds, _ in found if contrast(rgb(colour)[0], behind(grounds)) < TEXT]
    assert weak == []
    assert {words for words, *_, size in found if size < 10} == set()


def samples(shown, place):
    """Colours and dashes of a legend."""
    return shown.page.evaluate(SAMPLES, place)


def test_lines_of_rules_are_told_apart_by_all_eyes(seen):
    """By their colours, whichever cones an eye has; by their dashes on grey paper; and each stands out from the page.

    In the light they have the colours of figures that are saved.
    """
    found = samples(seen, ".top figure:first-child")
    assert len(found) == 4
    colours, dashes = zip(*found, strict=True)
    assert len(set(dashes)) == 4
    assert {eye: nearest(colours, eye) > APART for eye in EYES} == dict.fromkeys(EYES, True)
    ground = behind(
        [seen.page.evaluate("() => getComputedStyle(document.querySelector('.stdyn-explorer')).backgroundColor")]
    )
    assert min(contrast(rgb(each)[0], ground) for each in colours) >= LINE
    if seen.scheme == "light":
        assert list(colours) == [RULES[rule].colour for rule in ("fa", "bp", "kp", "mixed")]


def test_lines_of_units_are_told_apart_by_all_eyes(seen):
    """The colours of seven students."""
    choose(seen, "v")
    colours = list(dict.fromkeys(colour for colour, _ in samples(seen, ".view figure:first-child")))
    assert len(colours) == 7
    assert {eye: nearest(colours, eye) > APART for eye in EYES} == dict.fromkeys(EYES, True)
    ground = behind(
        [seen.page.evaluate("() => getComputedStyle(document.querySelector('.stdyn-explorer')).backgroundColor")]
    )
    assert min(contrast(rgb(each)[0], ground) for each in colours) >= LINE


def darkness(shown):
    """The ground of the page, and the colour of FA."""
    ground = shown.page.evaluate("() => getComputedStyle(document.querySelector('.stdyn-explorer')).backgroundColor")
    return float(linear(rgb(ground)[0]).mean()), samples(shown, ".top figure:first-child")[0][0]


def test_it_turns_dark_and_light_with_what_it_stands_in(plain):
    """Its colours follow at once: those of the reader, or those of a notebook around it, whichever the reader has."""
    light = darkness(plain)
    plain.page.emulate_media(color_scheme="dark")
    plain.page.wait_for_timeout(100)
    dark = darkness(plain)
    plain.page.emulate_media(color_scheme="light")
    plain.page.evaluate("() => { document.body.style.background = '#111'; }")
    plain.page.wait_for_timeout(100)
    in_a_dark_notebook = darkness(plain)
    plain.page.evaluate("() => { document.body.style.background = ''; }")
    plain.page.wait_for_timeout(100)
    assert light[0] > 0.9
    assert dark[0] < 0.05
    assert light[1] != dark[1]
    assert in_a_dark_notebook == dark
    assert darkness(plain) == light


def test_what_is_printed_is_on_white_paper_with_all_that_is_set(plain):
    """A dark page, too; buttons are left out, and closed groups are not."""
    plain.page.emulate_media(media="print", color_scheme="dark")
    plain.page.wait_for_timeout(100)
    found = darkness(plain)
    visible = {
        name: plain.page.locator(name).first.is_visible() for name in (".top canvas", ".numbers", "[name='rtol-typed']")
    }
    hidden = [
        name for name in (".tabs", ".bar-of-buttons", "[name='eta']") if plain.page.locator(name).first.is_visible()
    ]
    first = plain.page.evaluate(TOPS)
    plain.page.emulate_media(media="screen", color_scheme="light")
    plain.page.wait_for_timeout(100)
    assert found[0] > 0.9
    assert found[1] == RULES["fa"].colour
    assert all(visible.values()), visible
    assert hidden == []
    assert first[0] < first[1]


def test_nothing_moves_by_itself(plain):
    """Nothing is animated, whatever is preferred: no transition, no animation of any element."""
    assert plain.page.evaluate(MOVING) == []


def test_symbols_have_their_indices_below_the_line(plain):
    """In labels, headings and the table: η_v, Q_ii(0), ε_g."""
    for place, before, index in (
        ("[data-name='eta_v'] .name", "η", "v"),
        ("[data-name='q'] .name", "Q", "ii"),
        (".top h2", "generalization error ε", "g"),
        ("tr[data-name='eps_g_final'] th", "ε", "g"),
    ):
        symbol = plain.page.locator(f"{place} .symbol").first
        assert symbol.locator("sub").inner_text() == index
        assert symbol.inner_text().startswith(before + index)
    words = plain.page.evaluate(WORDS)
    assert [each for each, *_ in words if "_" in each and not each.startswith("input ")] == []
