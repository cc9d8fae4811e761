"""The table of what can be moved: its bounds are those of an experiment or narrower, and what is none is refused."""

import math

import pytest

from stdyn.errors import InputError
from stdyn.explorer.controls import BY_NAME, CONTROLS, described
from stdyn.explorer.messages import plain
from stdyn.explorer.state import BEGINNING, wanted
from stdyn.model.experiment import Experiment

NUMBERS = [each for each in CONTROLS if each.kind in ("number", "integer", "power", "rate")]
WITH = {  # what a parameter at its bounds needs beside it
    "alpha_max": {"N": 1000, "alpha_min": 1e-6},
    "alpha_min": {"alpha_max": 10**6},
    "mixture": {"rules": ["mixed"]},
    "N": {"K": 1, "M": 1},
    "r": {"start": "prepared", "q": 100},
}
STEP = {"integer": 1, "power": 1}


@pytest.mark.parametrize("control", NUMBERS, ids=lambda each: each.name)
def test_bounds_are_taken_and_what_is_beyond_them_is_refused(control):
    """An experiment takes both bounds; a number beyond one is refused with a message that has both."""
    for bound in (control.least, control.most):
        assert wanted({**WITH.get(control.name, {}), control.name: bound})
    step = STEP.get(control.kind, 1e-6 * control.most)
    for beyond in (control.least - step, control.most + step):
        with pytest.raises(InputError, match=rf"^{control.name} must be from .* to .* here, but is"):
            control.checked(beyond)


@pytest.mark.parametrize("control", NUMBERS, ids=lambda each: each.name)
def test_sliders_end_within_the_bounds(control):
    """What a slider can give is a number that is taken; a logarithmic one begins above 0."""
    assert control.least <= control.low < control.high <= control.most
    assert not control.log or control.low > 0


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: each.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, True, "é", [[[[[1]]]]], {"kind": {"a": [math.nan]}}, object])
def test_junk_is_refused_by_name(control, value):
    """Whatever is no value of a parameter is refused, and the message begins with the parameter."""
    if value is True and control.kind == "flag":
        assert control.checked(value) is True
        return
    with pytest.raises(InputError, match=rf"^{control.name} must "):
        control.checked(value)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: each.name)
def test_what_is_usual_is_taken(control):
    """It is what an experiment has where nothing is said, but for what a page begins with."""
    if control.usual is not None:
        assert control.checked(control.usual) == control.usual
    assert control.usual is not None or control.optional
    of_page = ("eta", "eta_v", "mixture", "rules", "b_angle", "method", "runs")
    if control.name not in of_page:
        assert control.usual == getattr(Experiment(), control.name)


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [(each.name, kind, {}) for each in CONTROLS if each.kind == "rate" for kind in each.tables]
    + [("inputs", kind, {"teacher": "random"}) for kind in BY_NAME["inputs"].tables]
    + [("tasks", "similar", {"M": 4})],
)
def test_a_table_as_it_begins_is_taken(name, kind, more):
    """So that choosing a kind draws a curve."""
    state = {**BEGINNING, **more, name: dict(BY_NAME[name].tables[kind])}
    if name == "mixture":
        state["rules"] = ["mixed"]
    assert wanted(state).experiment


def test_a_power_of_two_is_one():
    """Other numbers of points of a quadrature are refused."""
    assert BY_NAME["quadrature"].checked(4096.0) == 4096
    with pytest.raises(InputError, match=r"^quadrature must be a power of 2, but is 5000"):
        BY_NAME["quadrature"].checked(5000)


def test_lists_are_bounded():
    """In their length, their depth and their numbers."""
    v = BY_NAME["v"]
    assert v.checked([1, [2, -100]]) == [1, [2, -100]]
    for junk in ([0] * 65, [[[[[0]]]]], [101], ["a"], [None], "1, 2"):
        with pytest.raises(InputError, match=r"^v must "):
            v.checked(junk)
    with pytest.raises(InputError, match=r"^eta must have names and numbers from -1000000 to 1000000 in it"):
        BY_NAME["eta"].checked({"kind": "power", "scale": 1e7})


def test_the_page_is_sent_plain_values():
    """With the names of activations that it may take besides."""
    table = plain(described(["mine"]))
    assert [each["name"] for each in table] == list(BY_NAME)
    by_name = {each["name"]: each for each in table}
    assert by_name["activation"]["words"][-1] == by_name["activation_teacher"]["words"][-1] == "mine"
    assert all(each["help"].endswith(".") for each in table)
