"""The address says what is seen: links, Back and Forward, an edited address, junk, a second page, a server's end."""

import json
from urllib.parse import parse_qs

import pytest

SET = {"K": 2, "M": 2, "eta": {"kind": "power", "value": 1, "scale": 5, "exponent": 0.5}, "b": [1.0, -2.0]}
SET |= {"activation": "relu", "alpha_max": 10, "flow": True, "runs": 1, "rules": ["fa", "kp"]}


SMALL = {"K": 2, "M": 2, "alpha_max": 20, "points": 21, "runs": 0}  # quickly solved
OF_SMALL = "&".join(f"{name}={value}" for name, value in SMALL.items())


@pytest.fixture(scope="module")
def reader(browser, address):
    """A page in a browser that the server has let in, and the errors of its scripts."""
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page, errors
    context.close()


def link(address, hash):
    """A link to a page of a server that has let this browser in."""
    return address.partition("?")[0] + "#" + hash


def test_a_link_shows_what_is_seen(shown, address, another):
    """Every parameter, and the view, in another browser; there it gives the same link."""
    shown.goes_to(SET)
    shown.page.locator("button[name='plane']").click()
    said = shown.hash()
    assert parse_qs(said)["view"] == ["plane"]
    of_token = another(f"{address}#{said}")
    of_token.page.goto("about:blank")
    of_token.page.goto(link(address, said))
    of_token.until("e => e.drawn > 0")
    of_token.settled()
    assert of_token.of("e => e.state") == SET
    assert of_token.page.locator("[role='tab'][aria-selected='true']").get_attribute("name") == "plane"
    of_token.assert_shows(SET)
    assert of_token.hash() == said


def test_the_beginning_of_the_server_is_not_mixed_into_a_link(shown):
    """A link that says little means what is usual, not what this server began with (K = 3)."""
    shown.goes_to({"runs": 0, "alpha_max": 10})
    shown.assert_shows({"runs": 0, "alpha_max": 10})


def test_back_and_forward_are_steps_of_parameters(still):
    """Moves of one parameter at once are one step; another parameter is another."""
    still.goes_to(SMALL)
    still.typed("eta", "1")
    still.hash()
    still.slider("sigma").evaluate(
        "slider => { for (const at of [300, 400, 500]) { slider.value = at; for (const kind of ['input', 'change'])"
        " slider.dispatchEvent(new Event(kind)); } }"
    )
    still.settled()
    still.hash()
    last = still.of("e => e.state")
    still.page.go_back()
    still.until("e => e.state.sigma === undefined")
    still.settled()
    still.assert_shows({**SMALL, "eta": 1})
    assert still.box("sigma").input_value() == "0"
    still.page.go_back()
    still.until("e => e.state.eta === undefined")
    still.settled()
    still.assert_shows(SMALL)
    still.page.go_forward()
    still.page.go_forward()
    still.until("e => e.state.sigma !== undefined")
    still.settled()
    assert {"runs": 0, **still.of("e => e.state")} == last
    still.assert_shows(last)


def test_back_and_forward_are_steps_of_what_is_looked_at(still):
    """The view, the rule and the α in it, and what a map shows are those of the address, each time."""
    shown = (
        "() => [document.querySelector('[role=tab][aria-selected=true]').name,"
        " ...[...document.querySelectorAll('.view select')].map(({ value }) => value),"
        " document.querySelector('.view output')?.textContent]"
    )
    state = "rules=[%22fa%22,%22bp%22]&K=2&M=2&alpha_max=20&points=21&spacing=linear&runs=0"
    seen = {
        "view=graph&view.rule=bp&view.alpha=5": ["graph", "bp", "5"],
        "view=graph&view.rule=fa&view.alpha=11": ["graph", "fa", "11"],
        "view=plane&view.alpha=3": ["plane", "fa", "1,2", "3"],
        "view=eta_angle&view.eta_angle.value=specialised": ["eta_angle", "fa", "specialised", None],
        "view=eta_angle&view.eta_angle.value=plateau_end": ["eta_angle", "fa", "plateau_end", None],
    }
    for said in seen:
        still.page.evaluate("said => { location.hash = said; }", f"{state}&{said}")
        still.until("(e, said) => location.hash.endsWith(said)", said)
        still.settled()
    steps = [*seen.values()]
    for expected in steps[-2::-1]:
        still.page.go_back()
        still.until(f"(e, expected) => JSON.stringify(({shown})()) === expected", as_json(expected))
    for expected in steps[1:]:
        still.page.go_forward()
        still.until(f"(e, expected) => JSON.stringify(({shown})()) === expected", as_json(expected))
    still.page.locator(".tabs button[name='R']").click()


def as_json(value):
    """As the page writes it."""
    return json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ("foo=1&K=2&runs=0", {"K": 2, "runs": 0}, "no parameters, left out: foo"),
        ("eta=-1&K=2&runs=0", {"K": 2, "runs": 0}, "eta must be from 0 to 100 here, but is -1: left out"),
        ("eta=x&K=[]&rules=5&v={}&T=null", {}, "left out"),
        ("__proto__=1&constructor=2&toString=3&runs=0", {"runs": 0}, "no parameters, left out"),
        ("R=[[0]]&runs=0", {"runs": 0}, "R and Q must be given together: left out"),
        ("tasks=1&inputs=[]&eta={}&sigma=[1]&start=5&flow=2&activation=[]&runs=0", {"runs": 0}, "left out"),
        ("%%%&&==&#&K=%00", {}, "left out"),
    ],
)  # fmt: skip
def test_junk_in_a_link_is_left_out_and_said(reader, address, said, state, words):
    """The page shows what is left, and its controls work."""
    page, errors = reader
    page.goto("about:blank")
    page.goto(link(address, said))
    from_page = "document.querySelector('.stdyn-explorer')?.explorer"
    for _ in range(3000):
        if page.evaluate(f"() => Boolean({from_page}?.drawn && !{from_page}.link.busy)"):
            break
        page.wait_for_timeout(20)
    assert page.evaluate(f"() => {from_page}.state") == state
    assert words in page.locator(".status").inner_text()
    assert page.locator("[aria-invalid]").count() == 0
    assert errors == []


def test_a_wrong_value_in_an_edited_address_is_marked(still):
    """The curve stays; Back is what was before."""
    still.goes_to(SMALL)
    still.page.evaluate("() => { location.hash += '&eta=-1'; }")
    still.until("() => document.querySelector('[aria-invalid=true]') !== null")
    assert still.page.locator(".status").inner_text() == "eta must be from 0 to 100 here, but is -1"
    still.assert_shows(SMALL)
    still.page.go_back()
    still.settled()
    assert still.page.locator("[aria-invalid]").count() == 0


def test_a_second_page_is_independent(address, another):
    """What is set in one stays there."""
    shown, other = another(f"{address}#{OF_SMALL}"), another(f"{address}#{OF_SMALL}")
    shown.typed("eta", "0.9")
    other.typed("sigma", "0.2")
    shown.assert_shows({**SMALL, "eta": 0.9})
    other.assert_shows({**SMALL, "sigma": 0.2})
    assert shown.of("e => e.state") == {**SMALL, "eta": 0.9}


def test_a_server_that_ends_and_comes_back(browser, another, serve):
    """The page says so, keeps what is set meanwhile, and shows it when the server is there again."""
    token = "a-token-that-stays"
    with serve(token=token) as address:
        shown = another(f"{address}#{OF_SMALL}")
        port = int(address.split("/")[2].partition(":")[2])
        shown.typed("eta", "0.9")
    lost = shown.page.locator(".stdyn-lost")
    lost.wait_for(state="visible")
    box = shown.box("sigma")
    box.fill("0.25")
    box.press("Enter")
    shown.slider("K").press("ArrowRight")
    with serve(port=port, token=token) as again:
        assert again == address
        lost.wait_for(state="hidden")
        shown.settled()
        set_meanwhile = {**SMALL, "eta": 0.9, "sigma": 0.25, "K": 3}
        assert shown.of("e => e.state") == set_meanwhile
        shown.assert_shows(set_meanwhile)
        assert "sigma=0.25" in shown.hash()
        shown.typed("eta", "0.4")
        shown.assert_shows({**set_meanwhile, "eta": 0.4})
        refused = [words for words in shown.console if "WebSocket connection to" in words and "ERR_CONNECTION" in words]
        shown.expected += refused
