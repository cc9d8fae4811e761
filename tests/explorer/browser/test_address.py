"""The address says what is seen: links, Back and Forward, an edited address, junk, a second page, a server's end."""

from urllib.parse import parse_qs

import pytest

from stdyn.explorer.state import BEGINNING

SET = {"K": 2, "M": 2, "eta": {"kind": "power", "value": 1, "scale": 5, "exponent": 0.5}, "b": [1.0, -2.0]}
SET |= {"activation": "relu", "alpha_max": 10, "flow": True, "runs": 1, "rules": ["fa", "kp"]}


def link(address, hash):
    """A link to a page of a server that has let this browser in."""
    return address.partition("?")[0] + "#" + hash


def hash_of(shown):
    """What stands behind the #, when it is written."""
    shown.page.wait_for_timeout(200)
    return shown.page.evaluate("() => location.hash.slice(1)")


def test_a_link_shows_what_is_seen(shown, address, another):
    """Every parameter, and the view, in another browser; there it gives the same link."""
    shown.goes_to(SET)
    shown.page.locator("button[name='plane']").click()
    said = hash_of(shown)
    assert parse_qs(said)["view"] == ["plane"]
    of_token = another(f"{address}#{said}")
    of_token.page.goto("about:blank")
    of_token.page.goto(link(address, said))
    of_token.until("e => e.drawn > 0")
    of_token.settled()
    assert of_token.of("e => e.state") == SET
    assert of_token.page.locator("[role='tab'][aria-selected='true']").get_attribute("name") == "plane"
    of_token.assert_shows(SET)
    assert hash_of(of_token) == said


def test_the_beginning_of_the_server_is_not_mixed_into_a_link(shown):
    """A link that says little means what is usual, not what this server began with (K = 3)."""
    shown.goes_to({"runs": 0, "alpha_max": 10})
    shown.assert_shows({"runs": 0, "alpha_max": 10})


def test_back_and_forward_are_steps_of_parameters(still):
    """Moves of one parameter at once are one step; another parameter is another."""
    still.goes_to({**BEGINNING, "runs": 1})
    still.typed("eta", "1")
    hash_of(still)
    still.slider("sigma").evaluate(
        "slider => { for (const at of [300, 400, 500]) { slider.value = at; for (const kind of ['input', 'change'])"
        " slider.dispatchEvent(new Event(kind)); } }"
    )
    still.settled()
    hash_of(still)
    last = still.of("e => e.state")
    still.page.go_back()
    still.until("e => e.state.sigma === undefined")
    still.settled()
    still.assert_shows({**BEGINNING, "runs": 1, "eta": 1})
    assert still.box("sigma").input_value() == "0"
    still.page.go_back()
    still.until("e => e.state.eta === undefined")
    still.settled()
    still.assert_shows({**BEGINNING, "runs": 1})
    still.page.go_forward()
    still.page.go_forward()
    still.until("e => e.state.sigma !== undefined")
    still.settled()
    assert still.of("e => e.state") == last
    still.assert_shows(last)


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
def test_junk_in_a_link_is_left_out_and_said(browser, address, said, state, words):
    """The page shows what is left, and its controls work."""
    context = browser.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)  # which lets the browser in
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
    context.close()


def test_a_wrong_value_in_an_edited_address_is_marked(still):
    """The curve stays; Back is what was before."""
    still.goes_to({**BEGINNING, "runs": 0})
    still.page.evaluate("() => { location.hash += '&eta=-1'; }")
    still.until("() => document.querySelector('[aria-invalid=true]') !== null")
    assert still.page.locator(".status").inner_text() == "eta must be from 0 to 100 here, but is -1"
    still.assert_shows(BEGINNING)
    still.page.go_back()
    still.settled()
    assert still.page.locator("[aria-invalid]").count() == 0


def test_a_second_page_is_independent(shown, address, another):
    """What is set in one stays there."""
    other = another(address)
    shown.typed("eta", "0.9")
    other.typed("sigma", "0.2")
    shown.assert_shows({**BEGINNING, "eta": 0.9})
    other.assert_shows({**BEGINNING, "sigma": 0.2})
    assert shown.of("e => e.state") == {**BEGINNING, "eta": 0.9}


def test_a_server_that_ends_and_comes_back(browser, another, serve):
    """The page says so, keeps what is set meanwhile, and shows it when the server is there again."""
    token = "a-token-that-stays"
    with serve(token=token) as address:
        shown = another(address)
        port = int(address.split("/")[2].partition(":")[2])
        shown.typed("eta", "0.9")
    lost = shown.page.locator(".stdyn-lost")
    lost.wait_for(state="visible")
    box = shown.box("sigma")
    box.fill("0.25")
    box.press("Enter")
    shown.slider("K").press("ArrowLeft")
    with serve(port=port, token=token) as again:
        assert again == address
        lost.wait_for(state="hidden")
        shown.settled()
        set_meanwhile = {**BEGINNING, "eta": 0.9, "sigma": 0.25, "K": 2}
        assert shown.of("e => e.state") == set_meanwhile
        shown.assert_shows(set_meanwhile)
        assert "sigma=0.25" in hash_of(shown)
        shown.typed("eta", "0.4")
        shown.assert_shows({**set_meanwhile, "eta": 0.4})
        refused = [words for words in shown.console if "WebSocket connection to" in words and "ERR_CONNECTION" in words]
        shown.expected += refused
