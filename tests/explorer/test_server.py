"""The server: who is let in, what it gives, and that nothing a page says or does not read is too much for it."""

import asyncio
import json
import socket
import threading

import numpy as np
import pytest

import stdyn

pytest.importorskip("tornado", reason='the page needs tornado: pip install ".[explore]"')
from explorer_server import Page, answer, cookie, parts, serving
from tornado.httpclient import HTTPClientError

from stdyn.explorer import server
from stdyn.explorer.state import wanted

TOKEN = "t" * 32
SMALL = {"K": 2, "M": 2, "alpha_max": 20, "points": 11, "runs": 0, "method": "reduced"}
FOREIGN = ("evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.:{port}", "[::1]:{port}",
           "127.0.0.1:{port}@evil.example", "127.0.0.1:x", "127.1:{port}", "0.0.0.0:{port}")  # fmt: skip


@pytest.fixture(scope="module")
def address():
    """Of a server that all these tests share."""
    with serving(token=TOKEN) as found:
        yield found


def asking(address, conversation):
    """What a conversation of a page comes to."""

    async def main():
        async with Page(address) as page:
            await page.hear("hello")
            return await conversation(page)

    return asyncio.run(main())


def test_it_listens_on_the_loopback_interface_only():
    """Whichever port."""
    for port in (0, None):
        with server.listening(port) as found:
            assert found.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_refused_and_the_usual_one_has_others_after_it(monkeypatch):
    """Who has asked for a port gets that one, or hears why not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(stdyn.InputError, match=f"port must be one that is free, but {port} is taken"):
            server.listening(port)
        monkeypatch.setattr(server, "PORT", port)
        with server.listening(None) as found:
            assert found.getsockname()[1] != port


@pytest.mark.parametrize("path", ["/", "/explorer.js", "/explorer.css", "/socket", "/none"])
@pytest.mark.parametrize(
    "given", ["", "stdyn-explorer-{port}=", "stdyn-explorer-{port}=wrong", "stdyn-explorer-{port}=\xfc\xfc",
              "stdyn-explorer-{port}={token}x", "stdyn-explorer-1={token}", "stdyn-explorer={token}"]
)  # fmt: skip
def test_without_the_token_there_is_nothing(address, path, given):
    """Nor with another, nor with that of another port."""
    headers = {"Cookie": given.format(port=parts(address)[0], token=TOKEN)} if given else {}
    status, _, content = answer(address, path, headers)
    assert (status, content) == (
        403,
        b"This page opens by the address that stdyn explore has printed, with its token.\n",
    )


@pytest.mark.parametrize("path", ["/", "/?token=" + TOKEN, "/explorer.js", "/socket"])
@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_of_somebody_elses_is_refused(address, path, host):
    """A page of that name would be let in by what the browser keeps for it, were it led to this machine."""
    headers = {"Cookie": cookie(address)}
    assert answer(address, path, headers, host=host.format(port=parts(address)[0]))[0] in (400, 403)


def test_the_token_opens_the_page_and_stays_out_of_its_address(address):
    """It goes into a cookie that no script reads; the page, its script and its looks are there with it."""
    status, headers, _ = answer(address, f"/?token={TOKEN}")
    assert (status, headers["Location"]) == (302, "/")
    assert headers["Set-Cookie"].startswith(cookie(address))
    assert {"httponly", "samesite=lax"} <= {each.strip().lower() for each in headers["Set-Cookie"].split(";")}
    for path, kind in (("/", "text/html"), ("/explorer.js", "text/javascript"), ("/explorer.css", "text/css")):
        status, headers, content = answer(address, path, {"Cookie": cookie(address)})
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert len(content) > 100
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert answer(address, "/?token=wrong")[0] == 403
    assert answer(address, "/?token=%FC%FC")[0] in (400, 403)


def test_a_tunnel_may_have_another_port(address):
    """The name of the cookie has the port that the browser sees, so that two tunnels do not share one."""
    status, headers, _ = answer(address, f"/?token={TOKEN}", host="localhost:9000")
    assert status == 302
    assert headers["Set-Cookie"].startswith(f"stdyn-explorer-9000={TOKEN}")
    assert answer(address, "/", {"Cookie": f"stdyn-explorer-9000={TOKEN}"}, host="localhost:9000")[0] == 200


def test_the_address_for_the_browser_opens_once(monkeypatch):
    """Others may see what a browser is started with. It is of no use later, either."""
    with serving(once="once") as address:
        status, headers, _ = answer(address, "/?token=once")
        assert status == 302
        assert headers["Set-Cookie"].startswith(cookie(address))
        assert answer(address, "/?token=once")[0] == 403
        assert answer(address, "/?token=once", {"Cookie": cookie(address)})[0] == 200
    monkeypatch.setattr(server, "_ONCE", -1.0)
    with serving(once="once") as address:
        assert answer(address, "/?token=once")[0] == 403


@pytest.mark.parametrize(
    "path", ["/../server.py", "/page/../server.py", "/%2e%2e/server.py", "/explorer.py", "/explorer.js/../index.html",
             "/index.html", "/LICENSES.txt", "//etc/passwd", "/explorer.js%00", "/src/main.js", "/explorer.jsx"]
)  # fmt: skip
def test_no_other_file_is_given(address, path):
    """Whatever the path."""
    status, _, content = answer(address, path, {"Cookie": cookie(address)})
    assert (status, content) == (404, b"There is no such page.\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_sent_but_messages(address, method):
    """Another site's form least of all."""
    assert answer(address, "/", {"Cookie": cookie(address), "Content-Length": "0"}, method)[0] in (403, 405)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "https://127.0.0.1:{port}"]
)
def test_a_socket_of_another_sites_page_is_refused(address, origin):
    """Even if the browser gives the token away."""

    async def main():
        with pytest.raises(HTTPClientError) as caught:
            async with Page(address, origin.format(port=parts(address)[0])):
                pass
        assert caught.value.code == 403

    asyncio.run(main())


JUNK = [
    "", "x", "{", "null", "3", "[]", '"curves"', "{}", '{"kind": "curves"}', '{"id": 1}',
    '{"kind": "__init__", "id": 1}', '{"kind": "curves", "id": 1' + 5000 * "0" + "}",
    '{"kind": ["curves"], "id": 1}', '{"kind": "curves", "id": "1"}', '{"kind": "curves", "id": NaN}', b"\xff\x00",
    '{"kind": "curves", "id": 1, "state": NaN}', 100_000 * "[", 50_000 * '{"a":',
    '{"kind": "\\ud800", "id": 1}', '{"kind": "hello", "id": 1}', "\u202e\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_is_refused_and_the_page_goes_on(address, junk):
    """What is no request has an answer that says so."""

    async def conversation(page):
        await page.say(junk)
        refused, _ = await page.hear()
        return refused, await page.asked("copy", state=SMALL, **{"as": "toml"})

    refused, (header, _) = asking(address, conversation)
    assert (refused["kind"], refused["id"]) == ("refused", None)
    assert refused["words"].startswith("there is no such request")
    assert len(refused["words"]) < 500
    assert header["kind"] == "copy"


DEEP = json.loads(60 * "[" + 60 * "]")
GROUPS = {"kind": "power_law", "exponent": 1, "groups": 10**6}
WRONG = [  # a kind of request, what it says beside, and words of the refusal
    ("curves", {}, "state must be an object"),
    ("curves", {"state": []}, "state must be an object"),
    ("curves", {"state": {"nothing": 1}}, "there is no parameter 'nothing'"),
    ("curves", {"state": {"K": 21}}, "K must be from 1 to 20"),
    ("curves", {"state": {"K": 10**30}}, "K must be"),
    ("curves", {"state": {"eta": 10**400}}, "eta must be"),
    ("curves", {"state": {"eta": "0.5"}}, "eta must be"),
    ("curves", {"state": {"b": DEEP}}, "b must be"),
    ("curves", {"state": {"b": 100 * [1.0]}}, "b must be"),
    ("curves", {"state": {"activation": "/etc/passwd"}}, "activation must be"),
    ("curves", {"state": {"activation": "own.py:g"}}, "activation must be"),
    ("curves", {"state": {"rules": ["fa", "fa"]}}, "rules must be"),
    (
        "curves",
        {"state": {"inputs": GROUPS, "N": 10**6}},
        "groups must be",
    ),
    ("curves", {"state": {"K": 20, "M": 20, "points": 1000, "runs": 1000}}, "runs must be at most"),
    ("runs", {"state": {"K": 20, "M": 20, "points": 1000, "runs": 1000}}, "runs must be at most"),
    ("runs", {"state": {**SMALL, "method": "network", "N": 10**5, "runs": 100}}, "runs must be at most 74"),
    ("map", {"state": SMALL, "map": "x"}, "map must be one of"),
    ("map", {"state": SMALL, "map": ["eta_angle"]}, "map must be one of"),
    ("map", {"state": SMALL, "map": "eta_angle", "rule": "bp"}, "rule must be one with feedback weights"),
    ("map", {"state": SMALL, "map": "eta_angle", "rule": {}}, "rule must be one with feedback weights"),
    ("copy", {"state": SMALL, "as": "shell"}, "as must be one of python, toml, command"),
    ("copy", {"state": SMALL, "as": ["python"]}, "as must be one of"),
    ("save", {"state": SMALL, "what": "../x"}, "what must be one of"),
    ("save", {"state": SMALL, "what": {}}, "what must be one of"),
    ("spectrum", {"state": SMALL, "rule": "kp"}, "rule must be one of fa, bp"),
    ("scan", {}, "no scan is open"),
    ("point", {"index": 0}, "no scan is open"),
    ("stop", {"slot": ["map"]}, "slot must be one of"),
]


def test_wrong_requests_are_refused_in_words_that_say_what_is_wrong(address):
    """None of them is a fault of the server's, and the page goes on after each."""

    async def conversation(page):
        return [(await page.asked(kind, **more))[0] for kind, more, _ in WRONG]

    for header, (kind, more, words) in zip(asking(address, conversation), WRONG, strict=True):
        assert (header["kind"], header["of"]) == ("refused", kind), (more, header)
        assert words in header["words"], header
        assert len(header["words"]) < 500


def test_what_is_too_long_ends_the_socket_only(address):
    """A message of more than a megabyte."""

    async def main():
        async with Page(address) as page, Page(address) as other:
            await page.hear("hello")
            await page.say((1 << 20) * " " + "{}")
            while (message := await page.message()) is not None:
                assert b'"refused"' not in message
            await other.hear("hello")
            header, _ = await other.asked("copy", state=SMALL, **{"as": "toml"})
            assert header["kind"] == "copy"

    asyncio.run(main())


def test_a_page_more_than_may_be_is_told_so(monkeypatch):
    """Until another one is closed."""
    monkeypatch.setattr(server, "MOST_PAGES", 2)

    async def main():
        with serving() as address:
            async with Page(address) as first, Page(address) as second:
                await first.hear("hello")
                await second.hear("hello")
                async with Page(address) as third:
                    assert await third.message() is None
                    assert third.socket.close_code == 1013
                    assert "2 pages of the explorer are open" in third.socket.close_reason
                second.socket.close()
                await second.end()
                async with Page(address) as third:
                    await third.hear("hello")

    asyncio.run(main())


def test_a_flood_is_answered_by_its_newest_request_and_takes_no_more_threads_than_there_are_kinds(address):
    """Four hundred requests of several kinds at once."""

    async def conversation(page):
        for _ in range(80):
            await page.ask("curves", state=SMALL)
            await page.ask("copy", state=SMALL, **{"as": "toml"})
            await page.ask("runs", state={**SMALL, "runs": 2})
            await page.ask("spectrum", state=SMALL, rule="fa")
            await page.say("junk")
        threads = sum(each.name.startswith("stdyn-explorer") for each in threading.enumerate())
        newest = dict.fromkeys(("copy", "runs", "spectrum"), 0)
        while newest != {"copy": page.number - 2, "runs": page.number - 1, "spectrum": page.number}:
            header, _ = await page.hear(*newest)
            assert header["id"] >= newest[header["kind"]]
            newest[header["kind"]] = header["id"]
        return threads

    assert asking(address, conversation) <= 4


def test_the_curves_of_a_page_are_those_of_integrate(address):
    """To the bit, of both rules."""

    async def conversation(page):
        return await page.asked("curves", state=SMALL, draft=False)

    header, arrays = asking(address, conversation)
    assert header["kind"] == "curves"
    assert list(arrays) == ["fa", "bp"]
    for rule, problem in wanted(SMALL).problems.items():
        theory = stdyn.integrate(problem, wanted(SMALL).experiment.alphas())
        for name in ("alphas", "eps_g", "R", "Q", "v"):
            np.testing.assert_array_equal(arrays[rule][name], getattr(theory, name))
