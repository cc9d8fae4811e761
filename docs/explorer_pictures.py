"""The pictures of the explorer: python docs/explorer_pictures.py [NAME ...]   (minutes; needs pip install '.[site]')

`stdyn explore` is started, its page is opened at an address that says all that is seen, and Chromium takes a picture.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from explorer import browsing, serving, until  # noqa: E402

import stdyn  # noqa: E402

FIGURES = ROOT / "figures"
EXPLORER = "document.querySelector('.stdyn-explorer').explorer"
SOLVED = f"""{EXPLORER}.header && !{EXPLORER}.header.draft && Object.entries({EXPLORER}.curves).every(([rule, of]) =>
  !{EXPLORER}.state.runs || {EXPLORER}.runs[rule]?.alphas.shape[0] === of.alphas.shape[0])"""
STATE = {"K": 3, "M": 3, "alpha_max": 1000, "runs": 8, "method": "reduced", "b_angle": 80}
VIEW = "[role=tabpanel]"
WANTED = sys.argv[1:]  # of names; all if there are none
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def take(opened, address, name, ready="true", part=None, on=None, **seen):
    """A picture of the page, as high as its view or a phone, or of a part, when all that is asked for is there."""
    if WANTED and name not in WANTED:
        return
    page = opened(address, on=on, **seen)
    until(page, f"{SOLVED} && ({ready})")
    if part is None and on is None:
        end = page.locator(VIEW).bounding_box()
        page.set_viewport_size({"width": 1280, "height": max(720, round(end["y"] + end["height"]))})
    page.wait_for_timeout(1000)  # until all is painted
    png = page.screenshot() if part is None else page.locator(part).screenshot()
    Image.open(io.BytesIO(png)).convert("RGB").save(FIGURES / f"{name}.png", optimize=True)
    print(f"figures/{name}.png", (FIGURES / f"{name}.png").stat().st_size // 1000, "kB", flush=True)
    page.close()


def angles(folder):
    """A small scan: FA from one start, over the learning rate and the angle of b to v."""
    experiment = stdyn.Experiment(K=2, M=2, rule="fa", alpha_max=1000)
    eta = {"from": 0.1, "to": 2, "number": 12, "spacing": "log"}
    points = stdyn.Variations(experiment, {"eta": eta, "b_angle": {"from": 10, "to": 170, "number": 17}})
    stdyn.scan(points, experiment.alphas(), folder / "angles.h5")
    return folder / "angles.h5"


def main():
    """Take all of them."""
    with serving() as (address, _), browsing() as opened:
        take(opened, address, "explorer_phone", on=PHONE, **STATE)
        for view, shown, alpha in (("plane", "plane", 62), ("graph", "cosines", 134)):
            seen = {"view": view, "view.rule": "fa", "view.alpha": alpha}
            take(opened, address, f"explorer_{view}", f"{EXPLORER}.{shown}", VIEW, **STATE, **seen)
        spectrum = {"view": "spectrum", "view.rule": "fa", "view.alpha": 62}
        ready = f"{EXPLORER}.spectrum && !/computed/.test(document.querySelector('{VIEW}').innerText)"
        take(opened, address, "explorer_spectrum", ready, VIEW, **STATE, **spectrum)
        take(opened, address, "explorer", f"{EXPLORER}.map?.done", **STATE, view="eta_angle")
    with tempfile.TemporaryDirectory() as folder, serving(angles(Path(folder))) as (address, _), browsing() as opened:
        take(opened, address, "explorer_scan", f"{EXPLORER}.scan", VIEW, view="scan")


if __name__ == "__main__":
    main()
