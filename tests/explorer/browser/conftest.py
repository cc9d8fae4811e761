"""A server of the explorer and a browser that looks at its page; skipped without Chromium and playwright."""

import asyncio
import shutil
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from stdyn.explorer.source import Source

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60.0  # seconds that a page may take, on a slow machine that compiles

playwright = pytest.importorskip("playwright.sync_api", reason='the page needs playwright: pip install ".[site]"')
pytest.importorskip("tornado", reason='the page needs tornado: pip install ".[explore]"')


@contextmanager
def serving(source=None, port=0, token=None):
    """A server in a thread of its own; gives the address with the token."""
    from stdyn.explorer.server import serve

    ready, addresses, loops = threading.Event(), [], []

    def run():
        async def main():
            task = asyncio.ensure_future(serve(source or Source(), port, told, token))
            loops.append((asyncio.get_running_loop(), task))
            with suppress(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def told(address):
        addresses.append(address)
        ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield addresses[0]
    finally:
        loop, task = loops[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        assert not thread.is_alive()


class Shown:
    """A page of the explorer in a browser, and what is seen of it."""

    def __init__(self, page, address):
        self.page, self.console, self.requests = page, [], []
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

    def typed(self, name, text):
        """Type a number (or a list), and wait until it is drawn."""
        box = self.page.locator(f"input[name='{name}-typed'], input[type='text'][name='{name}']").first
        if not box.is_visible():
            self.page.locator("details", has=box).locator("summary").click()
        box.fill(text)
        box.press("Enter")
        self.settled()

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


@pytest.fixture
def shown(browser, address):
    """A page of it; nothing may have been written to its console, and nothing asked of any other machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    found = Shown(context.new_page(), address)
    yield found
    context.close()
    assert found.console == []
    assert {url.split("/")[2] for url in found.requests if "//" in url} == {address.split("/")[2]}


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
