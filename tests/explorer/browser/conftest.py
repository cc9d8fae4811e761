"""A server of the explorer and a browser that looks at its page; skipped without Chromium and playwright."""

import json
import shutil
import time
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import numpy as np
import pytest

import stdyn
from stdyn.explorer.state import wanted

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60.0  # seconds that a page may take, on a slow machine that compiles

playwright = pytest.importorskip("playwright.sync_api", reason='the page needs playwright: pip install ".[site]"')
pytest.importorskip("tornado", reason='the page needs tornado: pip install ".[explore]"')
from explorer_server import serving as serving  # noqa: E402


class Shown:
    """A page of the explorer in a browser, and what is seen of it."""

    def __init__(self, page, address):
        self.page, self.console, self.requests, self.expected = page, [], [], []
        page.set_default_timeout(1000 * PATIENCE / 6)
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        self.until("e => e.drawn > 0")
        self.settled()

    def of(self, expression, *arguments):
        """An expression of the page's explorer: "e => e.state"."""
        code = f"argument => ({expression})(document.querySelector('.stdyn-explorer')?.explorer ?? {{}}, argument)"
        return self.page.evaluate(code, *arguments)

    def until(self, expression, *arguments):
        """Wait until it is true. (The page forbids eval, by which playwright would wait.)"""
        end = time.monotonic() + PATIENCE
        while not self.of(expression, *arguments):
            assert time.monotonic() < end, f"{expression} is not true; console: {self.console}"
            self.page.wait_for_timeout(20)

    def settled(self):
        """Wait until what is set is drawn, in its final form."""
        self.until(
            "e => !e.link.busy && !e.link.next && e.header && !e.header.draft"
            " && JSON.stringify(e.header.state) === JSON.stringify(e.state)"
        )

    def hash(self):
        """What stands behind the # of the address, which the page writes every 150 ms at most."""
        return self.page.evaluate(
            "async () => { await new Promise((go) => setTimeout(go, 160)); return location.hash.slice(1); }"
        )

    def control(self, selector):
        """An element of the controls, whose group is opened."""
        found = self.page.locator(f".controls {selector}").first
        if not found.is_visible():
            found.locator("xpath=ancestor::details/summary").click()
        return found

    def slider(self, name):
        """The slider of a parameter."""
        return self.control(f"input[type='range'][name='{name}']")

    def box(self, name):
        """Where a number (or a list) is typed."""
        return self.control(f":is(input[name='{name}-typed'], input[type='text'][name='{name}'])")

    def typed(self, name, text):
        """Type a number (or a list), and wait until it is drawn."""
        box = self.box(name)
        box.fill(text)
        box.press("Enter")
        self.settled()

    def goes_to(self, state):
        """Have the address say a state, and wait until it is drawn."""
        state = {"rules": ["fa", "bp"], **state}
        said = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in state.items())
        self.page.evaluate("said => { location.hash = said; }", said)
        self.until(
            "(e, state) => Object.keys(state).length === Object.keys(e.state).length"
            " && Object.keys(state).every(name => JSON.stringify(state[name]) === JSON.stringify(e.state[name]))",
            state,
        )
        self.settled()

    def assert_shows(self, state):
        """The curves of the page are those that `integrate` says of a state, to the bit."""
        found = wanted(state)
        of = found.experiment
        assert self.of("e => Object.keys(e.curves)") == list(found.rules)
        for rule, problem in found.problems.items():
            theory = stdyn.integrate(problem, of.alphas(), of.ode_method, of.rtol, error=False)
            for name in ("alphas", "eps_g", "R", "Q", "v"):
                np.testing.assert_array_equal(self.curve(rule, name), np.ravel(getattr(theory, name)))

    def curve(self, rule, name):
        """The numbers of a curve that is drawn, as they came."""
        return self.of("(e, [rule, name]) => [...e.curves[rule][name].values]", [rule, name])


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not there")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def address():
    """A server of a page that begins as usual."""
    with serving() as found:
        yield found


@contextmanager
def looking(browser, address):
    """A page of a server; nothing may have been written to its console, and nothing asked of any other machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    try:
        found = Shown(context.new_page(), address)
        yield found
    finally:
        context.close()
    assert [words for words in found.console if words not in found.expected] == []
    assert {url.split("/")[2] for url in found.requests if "//" in url} == {address.split("/")[2]}


@pytest.fixture
def shown(browser, address):
    """A page that begins as usual."""
    with looking(browser, address) as found:
        yield found


@pytest.fixture(scope="module")
def still(browser, address):
    """A page that the tests of a file share: each goes to the state that it needs."""
    with looking(browser, address) as found:
        yield found


@pytest.fixture
def another(browser):
    """A function that opens the page at an address, in a browser of its own."""
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(looking(browser, address))


@pytest.fixture(scope="session")
def serve():
    """A context manager of a server: `with serve(source, port, token) as address`."""
    return serving


@pytest.fixture(scope="session")
def opened(browser):
    """Pages that many tests look at: `opened(address, color_scheme="dark")`, with options of a browser's context."""
    contexts = []

    def page(address, **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options}))
        return Shown(contexts[-1].new_page(), address)

    yield page
    for context in contexts:
        context.close()
