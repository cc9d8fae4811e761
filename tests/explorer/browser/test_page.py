"""The page in a browser: every control changes the right curve, and the numbers are those of `integrate`."""

import json
import re
import threading
from contextlib import closing

import pytest

from stdyn.explorer import curves
from stdyn.explorer.controls import BY_NAME, CONTROLS
from stdyn.explorer.state import BEGINNING, wanted

SMALL = {"K": 2, "M": 2, "alpha_max": 20, "points": 21, "runs": 0}  # quickly solved
WITH = {  # what a parameter needs to be of use, or to begin in the middle of its slider
    "mixture": {"rules": ["fa", "mixed"]},
    "quadrature": {"activation": "gelu", "alpha_max": 0.3, "points": 4},
    "activation_teacher": {"alpha_max": 1, "points": 4},
    "r": {"start": "prepared"},
    "Q": {"R": [[0, 0], [0, 0]], "Q": [[1, 0], [0, 1]]},
    "R": {"R": [[0, 0], [0, 0]], "Q": [[1, 0], [0, 1]]},
    "method": {"runs": 1},
    "normals": {"runs": 1},
}
CHOSEN = {  # what is chosen, typed as a list, or ticked
    "rules": ["bp", "kp"],
    "activation": "relu",
    "activation_teacher": "linear",
    "start": "prepared",
    "teacher": "graded",
    "v": [0.5, -0.25],
    "b": [1, 2],
    "v_teacher": [2, 1],
    "R": [[0.1, 0], [0.2, 0.3]],
    "Q": [[1, 0.5], [0.5, 2]],
    "T": [[2, 0.5], [0.5, 1]],
    "flow": True,
    "sphere": True,
    "tasks": "similar",
    "inputs": "power_law",
    "spacing": "linear",
    "method": "network",
    "normals": "numpy",
    "ode_method": "Radau",
}
OF_RUNS = ("method", "runs", "normals")  # which leave the theory as it is
NUMBERS = [each for each in CONTROLS if each.kind in ("number", "integer", "power", "rate")]
TYPED = {
    "integer": "3",
    "power": "4096",
    "N": "64",
    "b_angle": "75",
    "alpha_max": "7.5",
    "alpha_min": "0.25",
    "points": "13",
}
TYPED |= {
    "K": "4",
    "M": "4",
    "v_scale": "0.35",
    "batch": "5",
    "rtol": "1e-6",
    "drift": "0,25",
    "r": "−0.2",
}  # a comma and a minus as people type them


def solved(shown):
    """All numbers that are drawn, in one text."""
    return shown.of(
        "e => JSON.stringify(Object.entries(e.curves).map(([rule, of]) => [rule, [of.alphas, of.eps_g, of.R, of.v]"
        ".map(({ values }) => [...values])]))"
    )


def expected(name, value):
    """The state after a control of the small one was moved."""
    return {"rules": ["fa", "bp"], **SMALL, **WITH.get(name, {}), name: value}


def assert_moved(shown, name, before, value):
    """The state is what was set, the curves are its own, and not those before."""
    state = shown.of("e => e.state")
    assert state == expected(name, value)
    shown.assert_shows(state)
    assert (solved(shown) == before) == (name in OF_RUNS)
    assert shown.control(f".row[data-name='{name}']").get_attribute("class").split()[-1] != "unused"


def choose(shown, name):
    """Tick, choose or type what is to be set."""
    kind, chosen = BY_NAME[name].kind, CHOSEN[name]
    if kind == "words":
        for each in BY_NAME[name].words:
            shown.control(f"input[name='{name}'][value='{each}']").set_checked(each in chosen)
    elif kind == "flag":
        shown.control(f"input[name='{name}']").check()
    elif kind in ("word", "table"):
        shown.control(f"select[name='{name}{'-kind' if kind == 'table' else ''}']").select_option(chosen)
    else:
        shown.typed(name, json.dumps(chosen))
    shown.settled()


def test_it_begins_with_fa_and_bp(shown):
    """What is shown first is the beginning, by the default tolerances."""
    shown.assert_shows(BEGINNING)
    assert shown.of("e => Object.keys(e.curves)") == ["fa", "bp"]


@pytest.mark.parametrize("control", NUMBERS, ids=lambda each: each.name)
def test_a_slider_and_a_typed_number_change_the_curve(still, control):
    """By keys, which every slider has, and by typing."""
    name = control.name
    still.goes_to({**SMALL, **WITH.get(name, {})})
    before, value = solved(still), still.of("(e, name) => e.state[name]", name)
    slider = still.slider(name)
    slider.focus()
    slider.press("PageUp")
    still.settled()
    slid = still.of("(e, name) => e.state[name]", name)
    assert control.least <= slid <= control.most
    assert slid > (control.usual if value is None else value) if control.usual is not None else slid is not None
    assert_moved(still, name, before, slid)
    before, typed = solved(still), TYPED.get(name, TYPED.get(control.kind, "0.3"))
    still.typed(name, typed)
    assert_moved(still, name, before, float(typed.replace(",", ".").replace("−", "-")))


TICKS = """([low, high]) => [...document.querySelectorAll('.top figure')].map(({ panel: { plot } }) => {
  plot.setScale('x', { min: low, max: high });
  return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const [{ _splits: all, _values: said }] = plot.axes;
    drawn([all, said]);
  })));
}).at(-1)"""
READ = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def read(said):
    """A number as an axis says it: 0.2, 10⁻⁴, 2·10⁻⁵."""
    factor, ten, exponent = re.fullmatch(r"([\d.]*?)·?(10(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]))?([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]*)", said).groups()
    return float(factor or 1) * (10.0 ** int(exponent.translate(READ)) if ten else 1)


@pytest.mark.parametrize("high", [1.05, 3.0, 40.0, 1e5])
@pytest.mark.parametrize("low", [1e-3, 9.9e-4, 0.0998, 0.099999999999, 0.15, 0.95, 9.7, 99.9, 250.0])
def test_a_logarithmic_axis_begins_anywhere(still, low, high):
    """Just below a power of ten, too, as where N is moved or it is zoomed: its ticks end, and say their numbers."""
    if not still.of("e => e.state.alpha_max === 20"):
        still.goes_to(SMALL)
    ticks, said = still.page.evaluate(TICKS, [low, low * high])
    assert ticks == sorted(set(ticks))
    assert low <= ticks[0] <= ticks[-1] <= low * high
    assert len(ticks) < 100
    written = [(tick, read(words)) for tick, words in zip(ticks, said, strict=True) if words]
    assert 2 <= len(written) <= 12
    for tick, number in written:
        assert number == pytest.approx(tick, rel=6e-3)


def test_an_empty_page_says_that_it_is_solved(browser, serve, monkeypatch):
    """As long as nothing is drawn, where it will be; then there are curves."""
    solve, go_on = curves.solutions, threading.Event()
    monkeypatch.setattr(curves, "solutions", lambda *given: go_on.wait(60) and solve(*given))
    with serve() as address, closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(address)
        first = page.locator(".top figure .first")
        first.wait_for()
        assert "the first time on a machine stdyn is compiled" in first.inner_text()
        assert "the first time on a machine stdyn is compiled" in page.locator(".status").inner_text()
        go_on.set()
        first.wait_for(state="detached")
        page.locator(".top figure canvas").first.wait_for()


@pytest.mark.parametrize("name", [each.name for each in CONTROLS if each not in NUMBERS])
def test_what_is_chosen_changes_the_curve(still, name):
    """Words, flags, lists and tables."""
    still.goes_to({**SMALL, **WITH.get(name, {})})
    before = solved(still)
    choose(still, name)
    value = CHOSEN[name] if BY_NAME[name].kind != "table" else dict(BY_NAME[name].tables[CHOSEN[name]])
    assert_moved(still, name, before, value)


def test_a_schedule_is_chosen_and_each_of_its_entries_moved(still):
    """One after the other, each beside what the others have become; then a constant again."""
    still.goes_to(SMALL)
    still.control("select[name='eta-kind']").select_option("power")
    still.settled()
    still.assert_shows({**SMALL, "eta": {"kind": "power", "value": 0.5, "scale": 100, "exponent": 0.5}})
    still.typed("eta.value", "0.8")
    still.typed("eta.scale", "12")
    still.slider("eta.exponent").press("PageUp")
    still.settled()
    eta = still.of("e => e.state.eta")
    assert {**eta, "exponent": 0} == {"kind": "power", "value": 0.8, "scale": 12, "exponent": 0}
    assert 0.5 < eta["exponent"] <= 2
    still.assert_shows({**SMALL, "eta": eta})
    assert still.box("eta.scale").input_value() == "12"
    still.control("select[name='eta-kind']").select_option("steps")
    still.typed("eta.at", "[0, 10]")
    still.typed("eta.value", "1, 0.2")
    still.assert_shows({**SMALL, "eta": {"kind": "steps", "at": [0, 10], "value": [1, 0.2]}})
    still.control("select[name='eta-kind']").select_option("")
    still.settled()
    still.assert_shows(SMALL)
    assert still.page.locator(".entry").count() == 0


def test_an_empty_box_is_as_usual(still):
    """A number goes back to what is usual, an angle to what is drawn."""
    still.goes_to({**SMALL, "b_angle": 30, "eta": 1})
    still.typed("b_angle", "")
    still.typed("eta", "")
    still.assert_shows(SMALL)
    assert still.of("e => e.state.b_angle === undefined && e.state.eta") == 0.5


def test_arrays_of_another_size_go(still):
    """Where K changes, weights that were given for the old one do."""
    still.goes_to({**SMALL, "b": [1, 2], "v_teacher": [1, 2]})
    still.typed("K", "3")
    still.assert_shows({**SMALL, "K": 3, "v_teacher": [1, 2]})


def test_what_is_of_no_use_is_grey_and_says_why(still):
    """Exactly that which the state says; it is read where the control is reached, and goes when it is of use."""
    for more in (
        {},
        {"rules": ["bp"]},
        {"flow": True, "sphere": True},
        {"rules": ["mixed"], "v": 1, "spacing": "linear"},
    ):
        still.goes_to({**SMALL, **more})
        grey = still.page.eval_on_selector_all(
            ".controls .row.unused", "all => Object.fromEntries(all.map(row => [row.dataset.name, row.title]))"
        )
        assert grey == wanted({**SMALL, **more}).without_use()
    still.goes_to({**SMALL, "b": 1})
    still.slider("b_scale").focus()
    row = still.page.locator(".row[data-name='b_scale']")
    assert row.locator(".why").inner_text() == "of no use with b as it is"
    assert row.locator(".why").is_visible()


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("eta", "-1", "eta must be from 0 to 100 here, but is -1"),
        ("K", "21", "K must be from 1 to 20 here, but is 21"),
        ("K", "2.5", "K must be a whole number, but is 2.5"),
        ("sigma", "a lot", "sigma must be a number, but is 'a lot'"),
        ("alpha_max", "1e999", "alpha_max must be a number, but is '1e999'"),
        ("v", "[1, 2, 3]", "v must be a number or have shape (2,), but has shape (3,)"),
        ("b", "[1, ", "b must be a number or a list of numbers, but is '[1,'"),
        ("quadrature", "5000", "quadrature must be a power of 2, but is 5000"),
        ("R", "[[0, 0], [0, 0]]", "R and Q must be given together"),
    ],
)
def test_a_wrong_value_is_said_and_the_curve_stays(still, name, typed, words):
    """Its control is marked, and keeps what was typed, and the focus; a right value ends it."""
    still.goes_to(SMALL)
    before = solved(still)
    box = still.box(name)
    box.fill(typed)
    box.press("Enter")
    still.until("() => document.querySelector('[aria-invalid=true]') !== null")
    marked = still.page.eval_on_selector_all(
        "[aria-invalid=true]", "all => all.map(each => each.closest('.row').dataset.name)"
    )
    assert set(marked) == {name}
    assert still.page.locator(".status").inner_text() == words
    assert box.input_value().strip() == typed.strip()
    assert box.evaluate("box => box === document.activeElement")
    assert solved(still) == before
    still.typed(name, str(SMALL.get(name, "")))
    assert still.page.locator("[aria-invalid]").count() == 0
    still.assert_shows(SMALL)


def test_two_values_that_need_each_other_are_set_one_after_the_other(still):
    """R without Q is refused, and taken with it."""
    still.goes_to(SMALL)
    box = still.box("R")
    box.fill("[[0, 0], [0, 0]]")
    box.press("Enter")
    still.until("() => document.querySelector('[aria-invalid=true]') !== null")
    still.typed("Q", "[[1, 0], [0, 1]]")
    still.assert_shows({**SMALL, **WITH["R"]})


def test_one_and_all_parameters_as_at_the_beginning(shown):
    """By a double-click on the name, Delete on a slider, and the button for all of them."""
    runs = ("runs", "0")  # which would take their time
    for name, typed in (runs, ("eta", "2"), ("K", "2"), ("b_angle", "10"), ("sigma", "0.2"), ("alpha_max", "30")):
        shown.typed(name, typed)
    shown.page.locator(".row[data-name='K'] .name").dblclick()
    shown.slider("eta").press("Delete")
    shown.slider("b_angle").press("Delete")
    shown.settled()
    shown.assert_shows({**BEGINNING, "sigma": 0.2, "alpha_max": 30, "runs": 0})
    shown.page.locator("button[name='reset']").click()
    shown.settled()
    shown.assert_shows(BEGINNING)
    assert shown.of("e => e.state") == BEGINNING
