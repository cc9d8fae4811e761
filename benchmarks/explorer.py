"""How quick the explorer is under the hand: python benchmarks/explorer.py [--quick]   (about two minutes)

`stdyn explore` is started, Chromium opens its page, and a slider is moved there. A time ends when the frame that shows
the new curves has been painted. Chromium runs without a screen and without a graphics card; both cores are used.
Needs Chromium and pip install '.[explore]' playwright.
"""

import shutil
import subprocess
import sys
from contextlib import contextmanager
from time import perf_counter
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import sync_playwright
from run import QUICK, heading, machine, row

MOVES = 15 if QUICK else 60
SECONDS = 2 if QUICK else 5  # of a drag
DRAGS = 1 if QUICK else 5
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

TOOLS = """
const root = document.querySelector(".stdyn-explorer");
const explorer = root.explorer;
const slider = root.querySelector("input[type=range][name=eta]");
const frame = () => new Promise(requestAnimationFrame);
const painted = () => new Promise((go) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = go;
  channel.port2.postMessage(0);
});
const move = (part) => {
  slider.value = +slider.min + part * (slider.max - slider.min);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
};
const release = () => slider.dispatchEvent(new Event("change", { bubbles: true }));
const isFinal = () => explorer.header && !explorer.header.draft
  && JSON.stringify(explorer.header.state) === JSON.stringify(explorer.state);
"""

MOVE = """async (part) => {
  const [drawn, began] = [explorer.drawn, performance.now()];
  move(part);
  while (explorer.drawn === drawn) await frame();
  await painted();
  return (performance.now() - began) / 1000;
}"""

RELEASE = """async () => {
  const began = performance.now();
  release();
  while (!isFinal()) await frame();
  await painted();
  return (performance.now() - began) / 1000;
}"""

DRAG = """async (seconds) => {
  const began = performance.now();
  let [drawn, redraws, moves, now] = [explorer.drawn, 0, 0, began];
  while (now < began + 1000 * seconds) {
    move(0.45 + 0.2 * Math.sin((now - began) / 300));
    moves += 1;
    await frame();
    now = performance.now();
    if (explorer.drawn !== drawn) redraws += 1;
    drawn = explorer.drawn;
  }
  release();
  while (!isFinal()) await frame();
  await painted();
  return [redraws / ((now - began) / 1000), moves / ((now - began) / 1000), (performance.now() - now) / 1000];
}"""


@contextmanager
def serving(*arguments):
    """`stdyn explore`, without a browser; gives the address and the seconds until it was there."""
    began = perf_counter()
    command = [sys.executable, "-m", "stdyn", "explore", "--no-browser", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            words = (word for line in server.stdout for word in line.split())
            address = next((word for word in words if word.startswith("http://")), None)
            if address is None:
                sys.exit("stdyn explore has ended before it said its address")
            yield address, perf_counter() - began
        finally:
            server.terminate()


@contextmanager
def browsing():
    """A function that opens a page of `stdyn explore` with parameters, in Chromium; `on` says what window it is in."""
    if CHROMIUM is None:
        sys.exit("Chromium is not here")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])

        def opened(address, watch=None, on=None, **parameters):
            page = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **(on or {})}).new_page()
            if watch is not None:
                watch(page)
            page.goto(address + (f"#{urlencode(parameters)}" if parameters else ""))
            until(page, "document.querySelector('.stdyn-explorer')?.explorer.drawn > 0")
            return page

        yield opened
        browser.close()


def until(page, condition, patience=600):
    """Wait until a condition is true on the page, which forbids eval, by which playwright would wait."""
    end = perf_counter() + patience
    while not page.evaluate(f"() => Boolean({condition})"):
        if perf_counter() > end:
            raise TimeoutError(condition)
        page.wait_for_timeout(10)


def run(page, program, *arguments):
    """What a program gives that moves the slider."""
    return page.evaluate(f"(argument) => {{ {TOOLS} return ({program})(argument); }}", *arguments)


# ---------------------------------------------------------------------------------------------------------------------


def sliders(opened, address, units):
    """One move after the other, and drags: K = M, both rules, 8 reduced runs."""
    heading(f"The slider of η, K = M = {units}, erf, FA and BP to α = 1000")
    page = opened(address, K=units, M=units, alpha_max=1000)
    run(page, RELEASE)
    moved, released = [], []
    for part in np.random.default_rng(1).uniform(0.25, 0.65, MOVES):
        moved.append(run(page, MOVE, float(part)))
        released.append(run(page, RELEASE))
        page.wait_for_timeout(100)
    row("moved: until the new curves are painted", np.median(moved), "ms", 100, quantiles(moved))
    row("let go: until those of the default tolerance are", np.median(released), "ms", None, quantiles(released))
    drags = np.array([run(page, DRAG, SECONDS) for _ in range(DRAGS)])
    redraws, moves, lag = np.median(drags, axis=0)
    row("a drag: redraws", redraws, "a second", least=20, note=f"{moves:.0f} moves a second")
    row("after it: until the curves of its end are", lag, "ms", 150, f"{quantiles(drags[:, 2])}; default tolerance")
    page.close()


def quantiles(seconds):
    """In words, in milliseconds."""
    low, high = 1000 * np.quantile(seconds, [0.1, 0.9])
    return f"80 % from {low:.0f} to {high:.0f} ms"


def the_page(opened, address, started):
    """What a browser fetches to show it, and how long it takes until there are curves."""
    heading("The page, K = M = 3, erf, FA and BP to α = 1000")
    fetched, frames = [], []

    def watch(page):
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda of: fetched.append(of["encodedDataLength"]))
        session.on(
            "Network.webSocketFrameReceived", lambda of: frames.append(3 * len(of["response"]["payloadData"]) / 4)
        )

    row("`stdyn explore` until it says its address", started, "s")
    opened(address, watch=watch).close()  # which brings Python's modules and kernels in
    fetched.clear()
    began = perf_counter()
    page = opened(address, watch=watch)
    row("a page until its first curves", perf_counter() - began, "s", note="of a server that has shown one before")
    row("what it fetches, compressed", sum(fetched) / 1e6, "kB", 100, f"{len(fetched)} files, with their headers")
    page.close()
    page = opened(address, watch=watch, K=3, M=3, alpha_max=1000, runs=0)
    run(page, RELEASE)
    frames.clear()
    run(page, MOVE, 0.5)
    row("the numbers of a move", max(frames) / 1e6, "kB", note="a draft of both rules")
    page.close()


def maps(opened, address):
    """The first of the map's grids that is whole enough to be looked at, and all of it."""
    heading("The map of η and the angle of b to v, K = M = 3, 49 x 65 points, one worker process")
    page = opened(address)
    page.locator("[role=tab][name=eta_angle]").click()
    explorer = "document.querySelector('.stdyn-explorer').explorer"
    until(page, f"{explorer}.map")  # whose worker has started, and compiled if it had to
    page.locator("[role=tab][name=R]").click()
    page.evaluate(f"() => {{ {explorer}.map = null; }}")
    began = perf_counter()
    page.locator("[role=tab][name=eta_angle]").click()
    for label, condition in (
        ("every eighth row and column", f"{explorer}.map?.header.done >= 7 * 9"),
        ("all of it", f"{explorer}.map?.done"),
    ):
        until(page, condition)
        row(label, perf_counter() - began, "s")
    page.close()


def main():
    """Print the machine and the table."""
    print(f"{machine()}{', --quick' if QUICK else ''}\n\n| quantity | measured | target | notes |\n|---|---|---|---|")
    with serving() as (address, started), browsing() as opened:
        the_page(opened, address, started)
        for units in (3, 5):
            sliders(opened, address, units)
        if not QUICK:
            maps(opened, address)


if __name__ == "__main__":
    main()
