"""What is copied from the page and saved by it, in Chromium: texts, data, figures, and pictures of the views."""

from base64 import b64decode
from io import BytesIO
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pytest
from matplotlib.image import imread

import stdyn
from stdyn.explorer import copies
from stdyn.explorer.source import Source
from stdyn.explorer.state import wanted

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"
PATIENCE = 60_000  # milliseconds, on a slow machine
MARGIN, TOP = 18, 52  # of a picture, before the view begins


def press(shown, label):
    """Press the button of this name."""
    shown.page.get_by_role("button", name=label, exact=True).click()


def saved(shown, label):
    """The name and the content of the file that a button saves."""
    with shown.page.expect_download(timeout=PATIENCE) as download:
        press(shown, label)
    name = download.value.suggested_filename
    with open(download.value.path(), "rb") as file:
        return name, file.read()


def picture(shown, kind):
    """That of the view that is looked at."""
    return saved(shown, f"save the view that is looked at as {kind}")


def look_at(shown, view):
    """Choose a view."""
    shown.page.locator(f"[role='tab'][name='{view}']").click()


def words(drawn):
    """All texts of an SVG."""
    return [node.text for node in drawn.iter(f"{SVG}text")]


def assert_stands_alone(drawn):
    """Nothing in it is elsewhere, and nothing has its look from the page."""
    assert drawn.tag == f"{SVG}svg"
    styles = "".join(node.text or "" for node in drawn.iter(f"{SVG}style"))
    for node in drawn.iter():
        assert node.get(XLINK, "data:image/png").startswith("data:image/png")
        assert "var(" not in "".join(node.attrib.values()) + styles
        if node.get("class"):
            assert f".{node.get('class')}{{fill:" in styles


@pytest.fixture
def shown(still):
    """A page that all tests share, with a clipboard, and with what is quickly solved."""
    still.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    still.goes_to({"K": 3, "M": 3, "alpha_max": 20, "runs": 3, "method": "reduced"})
    still.of("e => { e.copied = null; }")
    return still


def test_copies(shown):
    """On the clipboard is what `copies` says of the state that is set, in each language."""
    shown.typed("sigma", "0.25")
    for label, copy in (("Python", copies.as_python), ("TOML", copies.as_toml), ("command", copies.as_command)):
        shown.of("e => { e.copied = null; }")
        press(shown, f"copy what is seen as {label}")
        shown.until("e => e.copied")
        text = copy(wanted(shown.of("e => e.state")))
        assert "0.25" in text
        assert shown.of("e => e.copied") == text
        shown.page.get_by_text(f"{label.lower()} copied").wait_for()
        assert shown.page.evaluate("() => navigator.clipboard.readText()") == text


def test_a_link_is_copied_and_opens_what_is_seen(shown, another, address):
    """It says the state; another page that is opened by it has the same curves. It does not say the token."""
    shown.typed("eta", "0.3")
    press(shown, "copy the address of what is seen")
    shown.until("e => e.copied")
    link = shown.of("e => e.copied")
    assert "token" not in link
    address, _, token = address.partition("?")
    assert link.startswith(f"{address}#")
    link = link.replace("#", f"?{token}#")  # of a browser that has not been let in
    opened = another(link)
    assert opened.of("e => e.state.eta") == 0.3
    for rule in ("fa", "bp"):
        assert opened.curve(rule, "eps_g") == shown.curve(rule, "eps_g")


def test_what_the_browser_does_not_copy_is_shown(shown):
    """Where there is no clipboard the text stands in a dialog, selected, and a key closes it."""
    shown.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden')); }")
    press(shown, "copy what is seen as Python")
    dialog = shown.page.get_by_role("dialog", name="what was to be copied")
    dialog.wait_for()
    text = copies.as_python(wanted(shown.of("e => e.state")))
    assert dialog.locator("pre").text_content() == text
    assert shown.page.evaluate("() => getSelection().toString()").strip() == text.strip()
    shown.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    shown.page.evaluate("() => { delete navigator.clipboard.writeText; }")


def test_data_are_what_is_seen(shown, tmp_path):
    """The archive's files have the curves that are drawn and the runs behind them, to the bit."""
    shown.until("e => Object.keys(e.runs).length === 2 && e.runs.bp.eps_g.shape[1] === e.curves.bp.eps_g.shape[0]")
    name, content = saved(shown, "save the numbers of the curves and the runs, for stdyn.load, as HDF5")
    begin = copies.name_of(wanted(shown.of("e => e.state")))
    assert name == f"{begin}_h5.zip"
    with ZipFile(BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    for rule in ("fa", "bp"):
        theory = stdyn.load(tmp_path / f"{begin}_{rule}_ode.h5")
        runs = stdyn.load(tmp_path / f"{begin}_{rule}_reduced.h5")
        for each in ("alphas", "eps_g", "R", "v"):
            np.testing.assert_array_equal(np.ravel(getattr(theory, each)), shown.curve(rule, each))
        seen = shown.of("(e, rule) => [...e.runs[rule].eps_g.values]", rule)
        np.testing.assert_array_equal(np.ravel(runs.eps_g), seen)


def test_figures_are_those_of_stdyn(shown):
    """The figures of the curves, in an archive that is named by the state."""
    shown.goes_to({"rules": ["fa"], "alpha_max": 5})
    name, content = saved(shown, "save the figures of the curves as SVG")
    begin = copies.name_of(wanted(shown.of("e => e.state")))
    assert name == f"{begin}_svg.zip"
    with ZipFile(BytesIO(content)) as archive:
        found = {each: archive.read(each) for each in archive.namelist()}
    assert set(found) == {f"{begin}_{each}.svg" for each in ("fa_order_parameters", "alignment", "generalization")}
    assert all(ElementTree.fromstring(each).tag == f"{SVG}svg" for each in found.values())


def test_curves_are_no_picture_of_a_view(shown):
    """The view's buttons are there where a view is a picture: not of R, whose figure is that of stdyn."""
    button = shown.page.get_by_role("button", name="save the view that is looked at as SVG")
    assert not button.is_visible()
    look_at(shown, "plane")
    assert button.is_visible()
    look_at(shown, "Q")
    assert not button.is_visible()


def test_a_picture_of_a_view_stands_alone(shown):
    """The plane and the graph: every shape of the page with its look, the title, what is said, the parameters."""
    for view, shape in (("plane", "circle"), ("graph", "line")):
        look_at(shown, view)
        name, content = picture(shown, "SVG")
        assert name == f"explorer_{view}.svg"
        drawn = ElementTree.fromstring(content)
        assert_stands_alone(drawn)
        count = shown.page.locator(f".view svg[role='img'] {shape}").count()
        assert count >= 3
        assert len([*drawn.iter(f"{SVG}{shape}")]) == count
        title, *_ = texts = words(drawn)
        tab = shown.page.locator(f"[role='tab'][name='{view}']").text_content()
        assert title.startswith(tab)
        assert "FA, α = 20" in title
        assert texts[-1].startswith("K = 3, M = 3, alpha_max = 20")
        assert {"teacher 1", "teacher 2"} <= set(texts)
        width, height = float(drawn.get("width")), float(drawn.get("height"))
        name, content = picture(shown, "PNG")
        assert name == f"explorer_{view}.png"
        assert imread(BytesIO(content)).shape[:2] == (np.floor(2 * height), np.floor(2 * width))


def canvas_of(shown):
    """The picture on the canvas of the page, on white."""
    url = shown.page.evaluate("() => document.querySelector('.view canvas').toDataURL()")
    drawn = imread(BytesIO(b64decode(url.partition(",")[2])))
    return drawn[..., :3] * drawn[..., 3:] + 1 - drawn[..., 3:]


def test_a_map_is_saved_as_it_is_drawn(shown):
    """Lines and letters stay lines and letters; drawn again, the picture is the canvas, and not one a little beside."""
    look_at(shown, "b_b")
    shown.until("e => e.map && e.map.header.done > 0")
    shown.of("e => { e.link.ask('stop', { slot: 'map' }); }")
    shown.page.wait_for_timeout(500)  # for what is under way
    _, content = picture(shown, "SVG")
    _, png = picture(shown, "PNG")
    canvas = canvas_of(shown)
    drawn = ElementTree.fromstring(content)
    assert_stands_alone(drawn)
    assert len([*drawn.iter(f"{SVG}image")]) == 1
    assert {"b₁", "b₂"} <= set(texts := words(drawn))
    assert texts[-1] == f"K = 3, M = 3, alpha_max = 20; {shown.of('e => e.map.header.done')} of 3185 points"
    assert len([*drawn.iter(f"{SVG}stop")]) >= 5
    rows, columns = canvas.shape[:2]  # of two for each of the page, as the picture has
    again = imread(BytesIO(png))[..., :3]

    def apart(down):
        return np.abs(again[2 * TOP + down :][:rows, 2 * MARGIN :][:, :columns] - canvas).mean()

    assert apart(0) < 0.02
    assert apart(4) > 1.5 * apart(0)


def test_a_scan_is_saved_as_dots(another, serve, tmp_path):
    """Of points that are no grid each is a dot; the words are those of the scan, not the page's parameters."""
    experiment = stdyn.Experiment(K=2, M=2, rule="fa", N=100, alpha_max=2, points=4)
    vary = {"eta": {"from": 0.1, "to": 1.0}, "sigma": {"from": 0.0, "to": 0.5}}
    points = stdyn.Variations(experiment, vary, number=12)
    stdyn.scan(points, points.alphas(), tmp_path / "twelve.h5")
    with serve(Source.read(tmp_path / "twelve.h5")) as address:
        shown = another(address)
        assert_dots(shown)
        shown.page.goto("about:blank")  # before the server ends


def assert_dots(shown):
    """Those of the scan of twelve points."""
    look_at(shown, "scan")
    shown.until("e => e.drawnScan")
    drawn = ElementTree.fromstring(picture(shown, "SVG")[1])
    assert_stands_alone(drawn)
    boxes = shown.of("e => e.drawnScan.boxes")
    assert len(boxes) == 12
    for left, top, width, height in boxes:
        place = {"x": left, "y": top, "width": width, "height": height}
        assert [
            node
            for node in drawn.iter(f"{SVG}rect")
            if all(abs(float(node.get(name, "nan")) - value) < 1e-3 for name, value in place.items())
        ]
    assert len({node.get("fill") for node in drawn.iter(f"{SVG}rect")}) > 6
    texts = words(drawn)
    assert {"η", "σ"} <= set(texts)
    assert texts[-1] == "twelve.h5: 12 of 12 points."
    assert not [each for each in texts if "alpha_max" in each]
