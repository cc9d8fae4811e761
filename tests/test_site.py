"""The site of docs/: every public name has its page, and a browser finds each page whole, alone and readable."""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from test_docstrings import NAMES

import stdyn

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "docs" / "_build" / "html"
NARROW, WIDE = 390, 1280
GALLERY = "docs/auto_gallery/1_reference/plot_1_reference.html"

# ---------------------------------------------------------------------------------------------------------------------
# Its source


def in_tables(page):
    """The names of stdyn that stand in the tables of a page of the API."""
    return re.findall(r"^   stdyn\.(\w+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_public_name_has_its_place_in_the_reference():
    """Once, on a page that the contents of the API name; and what is there is public."""
    api = ROOT / "docs" / "api"
    pages = re.findall(r"^   (\w+)$", (api / "index.rst").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(f"{page}.rst" for page in [*pages, "index"]) == sorted(path.name for path in api.glob("*.rst"))
    named = [name for page in pages for name in in_tables(api / f"{page}.rst")]
    assert sorted(named) == sorted(stdyn.__all__)


def test_sections_that_docstrings_cite_exist(monkeypatch):
    """Those of docs/theory.md, which become links: each number that is cited has a heading, and each page its file."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    pytest.importorskip("sphinx", reason='the site needs Sphinx: pip install ".[docs]"')
    docstrings = importlib.import_module("docstrings")
    anchors = docstrings.anchors()
    assert anchors["3"] == "3-the-differential-equations"
    cited = [
        found
        for path in (ROOT / "stdyn").rglob("*.py")
        for found in docstrings.CITED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(cited) > 30
    for found in cited:
        assert (ROOT / "docs" / f"{found['page']}.md").exists()
        assert found["section"] is None or found["section"] in anchors


def test_pages_that_a_docstring_cites_become_links(monkeypatch):
    """In all the ways in which they are cited, in a line and where it ends; a file of another name stays text."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    pytest.importorskip("sphinx", reason='the site needs Sphinx: pip install ".[docs]"')
    docstrings = importlib.import_module("docstrings")
    lines = [
        "Averages (theory.md, section 11), see docs/theory.md,",
        "section 4, or (docs/theory.md, 5) or docs/scans.md.",
        "Not notes.md, nor theory.md, 3rd line.",
    ]
    docstrings.link_pages(None, "function", "f", None, None, lines)
    assert lines == [
        r"Averages (\ :cited:`theory.md, section 11`\ ), see \ :cited:`docs/theory.md, section 4`\ ",
        r", or (\ :cited:`docs/theory.md, 5`\ ) or \ :cited:`docs/scans.md`\ .",
        r"Not notes.md, nor \ :cited:`theory.md`\ , 3rd line.",
    ]


def test_long_names_in_tables_may_be_parted(monkeypatch):
    """Where a reader would part them, without a letter more; short ones, and those in text, stay whole."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    pytest.importorskip("sphinx", reason='the site needs Sphinx: pip install ".[docs]"')
    tables, core = importlib.import_module("tables"), importlib.import_module("docutils.core")
    name = "tests/model/test_a.py::test_something_of_it"
    page = core.publish_doctree(f"``{name}``\n\n.. list-table::\n\n   * - ``{name}``\n     - ``short_name``\n")
    tables.part(None, page, "page")
    parted = "tests/<wbr>model/<wbr>test_<wbr>a.py::<wbr>test_<wbr>something_<wbr>of_<wbr>it"
    found = [literal.astext() for literal in page.findall(lambda node: node.tagname == "literal")]
    assert found == [name, parted, "short_name"]
    assert parted.replace("<wbr>", "") == name


def test_the_front_page_leads_to_pages_that_are_there():
    """Each of its cards has a source; those of the gallery and the tutorials are made of a folder of their own."""
    page = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    links = re.findall(r"^:link: (\S+)$", page, flags=re.MULTILINE)
    assert len(links) == page.count("grid-item-card}") > 10
    for link in links:
        path = link.partition("#")[0].removesuffix(".html").replace("auto_gallery/index", "gallery/GALLERY_HEADER")
        stem = ROOT / "docs" / path
        assert any(stem.with_name(stem.name + suffix).exists() for suffix in (".md", ".rst")), link


# ---------------------------------------------------------------------------------------------------------------------
# In a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site: $STDYN_SITE, that of `make docs`, or else one that is built here, without a warning."""
    if given := os.environ.get("STDYN_SITE"):
        return Path(given)
    if (BUILT / "index.html").exists():
        return BUILT
    missing = [name for name in ("sphinx", "pydata_sphinx_theme", "myst_nb") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f'the site is built with {", ".join(missing)}, which is not installed: pip install ".[docs]"')
    html = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "-c", "docs", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    done = subprocess.run([*command, ".", html], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return html


def test_every_script_was_held_to_what_it_says(site):
    """The build says so of each script of the gallery that it has run; one from elsewhere does not."""
    if site == Path(os.environ.get("STDYN_SITE", "")):
        pytest.skip("this site was built elsewhere")
    scripts = sorted(path.relative_to(ROOT / "docs" / "gallery") for path in (ROOT / "docs" / "gallery").rglob("*.py"))
    held = sorted((ROOT / "docs" / "auto_gallery").rglob("*.held"))
    assert len(scripts) >= 20
    assert [path.relative_to(ROOT / "docs" / "auto_gallery").with_suffix(".py") for path in held] == scripts


class Quiet(SimpleHTTPRequestHandler):
    """It says nothing of requests."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served while the tests last."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason='the browser needs playwright: pip install ".[site]"')
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed (on Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def listening(page, address, faults):
    """What goes wrong in the page goes into `faults`: requests that leave or fail, errors on the console."""

    def asked(request):
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"{page.url} asks for {request.url}")

    def failed(request):
        if "ERR_ABORTED" not in request.failure:  # by the next page, which was called before this one had its icon
            faults.append(f"{request.url}: {request.failure}")

    page.on("request", asked)
    page.on("requestfailed", failed)
    page.on("response", lambda answer: answer.status >= 400 and faults.append(f"{answer.url}: {answer.status}"))
    page.on("console", lambda said: said.type == "error" and faults.append(f"{page.url} says {said.text}"))
    page.on("pageerror", lambda error: faults.append(f"{page.url} raises {error}"))


# What is wider than the window although nothing around it scrolls, and what is not seen but by scrolling: formulae and
# tables; mathematics that is not set, or that begins left of where one can scroll to; pictures that are not there; text
# that hardly stands out from its ground (WCAG).
LOOK = """async () => {
  await window.MathJax?.startup?.promise;
  const article = document.querySelector("article") ?? document.body;
  const pictures = [...document.images];
  pictures.forEach(i => i.loading = "eager");
  await Promise.allSettled(pictures.map(i => i.decode()));
  const width = document.documentElement.clientWidth, text = article.innerText.replace(/\\s+/g, " ");
  const scrolls = e => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = [...article.querySelectorAll("*")].filter(
    e => e.getBoundingClientRect().right > width + 1 && !scrolls(e) && !e.closest("mjx-assistive-mml, svg"));
  const cut = [...document.querySelectorAll("div.math mjx-container")].filter(
    e => e.getBoundingClientRect().left < e.parentElement.getBoundingClientRect().left - 1);
  const scrolling = [...article.querySelectorAll("div.math mjx-container, .pst-scrollable-table-container")].filter(
    e => e.scrollWidth > e.clientWidth + 1);
  const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const over = colors => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 1, 1);
    colors.forEach(color => { pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); });
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(v => v / 255).map(
      v => v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = e => e ? [...grounds(e.parentElement), getComputedStyle(e).backgroundColor] : [];
  const ratio = e => {
    const ground = grounds(e), [a, b] = [over(ground), over([...ground, getComputedStyle(e).color])];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const written = [...article.querySelectorAll("*")].filter(e => e.checkVisibility({checkVisibilityCSS: true})
    && e.getBoundingClientRect().width > 1 && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
  return {
    page_width: document.documentElement.scrollWidth - width,
    cut: cut.length,
    wide: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)),
    raw: (text.match(/\\$\\$|\\\\(frac|begin|langle|mathcal)\\b/g) || []).length
       + document.querySelectorAll(".math:not(:has(mjx-container)), mjx-merror").length,
    set: document.querySelectorAll("mjx-container").length,
    empty: pictures.filter(i => !i.complete || !i.naturalWidth).map(i => i.src),
    scrolling: scrolling.map(e => e.innerText.slice(0, 60)),
    contrast: ratio(article), ground: over(grounds(document.body)),
    faint: written.filter(e => ratio(e) < 3).map(e => e.outerHTML.slice(0, 120)),
  };
}"""


def looked_at(browser, address, width, scheme, pages):
    """What a browser of that width finds of each page, and all that goes wrong."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults, found = [], {}
    page = context.new_page()
    listening(page, address, faults)
    for name in pages:
        page.goto(address + name, wait_until="load")
        found[name] = page.evaluate(LOOK)
    context.close()
    return found, faults


def pages_of(site):
    """Every page that has text of its own: not the listings of source code, and not the one that leads on."""
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return [name for name in names if name != "index.html" and not name.startswith(("_modules/", "_static/"))]


@pytest.mark.slow
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_is_whole_alone_and_fits_the_window(site, address, browser, width):
    """Nothing is asked of another host, nothing is missing, mathematics is set, and the page never scrolls sideways."""
    pages = pages_of(site)
    assert len(pages) > 150
    found, faults = looked_at(browser, address, width, "light", pages)
    assert not faults
    for name, page in found.items():
        assert page["page_width"] <= 0, name
        assert page["wide"] == [], name
        assert page["raw"] == 0, name
        assert page["cut"] == 0, name
        assert page["empty"] == [], name
        assert width < WIDE or page["scrolling"] == [], name
    assert found["docs/theory.html"]["set"] > 500


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_text_is_readable_in_light_and_dark(address, browser, scheme, dark):
    """The ground follows the reader's setting, and the text stands out from it (WCAG AAA: 7)."""
    pages = ["docs/index.html", "docs/theory.html", "docs/api/generated/stdyn.Problem.html", "figures/README.html"]
    pages += ["docs/tutorials/scans.html", "docs/tutorials/first_steps.html", GALLERY, "docs/validation.html"]
    found, faults = looked_at(browser, address, WIDE, scheme, pages)
    assert not faults
    for name, page in found.items():
        assert (page["ground"] < 0.2) == dark, name
        assert page["contrast"] > 7, name
        assert page["faint"] == [], name


@pytest.mark.slow
def test_what_would_be_wrong_is_found(tmp_path, browser):
    """The same look at a page with every fault: so it is seen where there is one."""
    (tmp_path / "bad.html").write_text(
        '<html><body style="background: #333"><article style="color: #222"><p style="width: 900px">$$x$$ \\frac</p>'
        '<span class="math">x</span><div class="math"><mjx-container style="margin-left: -9px; display: block">'
        '</mjx-container></div><p style="color: #333">x</p>'
        '<div class="pst-scrollable-table-container" style="overflow: auto"><p style="width: 900px">x</p></div>'
        '<img src="none.png"><img src="http://127.0.0.2:9/none.png"></article></body></html>'
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    found, faults = looked_at(browser, address, NARROW, "light", ["bad.html"])
    server.shutdown()
    server.server_close()
    page = found["bad.html"]
    assert page["page_width"] > 0
    assert len(page["wide"]) == 1
    assert page["raw"] == 4
    assert page["cut"] == 1
    assert len(page["empty"]) == 2
    assert page["contrast"] < 2
    assert any(fault.startswith('<p style="color: #333">') for fault in page["faint"])
    assert len(page["scrolling"]) == 1
    assert any("asks for http://127.0.0.2:9/" in fault for fault in faults)
    assert any("none.png: 404" in fault for fault in faults)


class Links(HTMLParser):
    """What a page links to, and where it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self.links += [given[name] for name in ("href", "src") if given.get(name)]


def broken_links(site):
    """Links of the pages of a site to files, or to places in pages, that are not there."""
    pages = {path: Links(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc or path.is_relative_to(site / "_static"):
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            back = path.is_relative_to(
                site / "_modules"
            )  # knows one name of a module, which may have two: its page is right
            anchors = pages[target].anchors if target in pages and not back else None
            if not target.is_file() or (anchors is not None and unquote(address.fragment) not in anchors):
                yield f"{path.relative_to(site)}: {link}"


@pytest.mark.slow
def test_every_link_leads_somewhere(site):
    """Those between pages and to files: the file is there, and the place in it."""
    assert list(broken_links(site.resolve())) == []


@pytest.mark.slow
def test_every_public_name_can_be_linked_to(site):
    """Functions, classes, and all methods and properties of classes, those too that a base class has."""
    anchors = set().union(*(Links(path).anchors for path in (site / "docs" / "api" / "generated").glob("*.html")))
    wanted = {name for name, each in NAMES.items() if each.kind != "module" and not name.startswith("Hidden")}
    assert {"stdyn.Trajectory.plot", "stdyn.Scan.to_dataframe", "stdyn.Inputs.power_law"} <= wanted
    assert sorted(wanted - anchors) == []


def test_links_that_lead_nowhere_are_found(tmp_path):
    """To a page that is not there, and to a place that a page does not have; others are none of ours."""
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a> <a href="#">2</a> <a href="https://c.org/d">3</a>'
        '<a href="b.html#gone">4</a> <img src="none.png"> <a href="c.html">5</a>'
    )
    (tmp_path / "b.html").write_text('<p id="there">x</p>')
    assert list(broken_links(tmp_path)) == ["a.html: b.html#gone", "a.html: none.png", "a.html: c.html"]


@pytest.mark.slow
def test_the_root_leads_to_the_front_page(address, browser):
    """And its cards lead to pages that are there."""
    page = browser.new_page()
    page.goto(address)
    page.wait_for_url(f"{address}docs/index.html")
    cards = page.eval_on_selector_all("a.sd-stretched-link", "links => links.map(link => link.href)")
    assert len(cards) > 10
    for card in cards:
        assert page.request.get(card).ok, card
        anchor = card.partition("#")[2]
        if anchor:
            page.goto(card)
            assert page.locator(f"[id='{anchor}']").count() == 1
    page.close()


@pytest.mark.slow
def test_docstrings_lead_to_the_sections_of_the_equations(address, browser):
    """That of Problem cites section 1, and the link ends at its heading."""
    page = browser.new_page()
    page.goto(f"{address}docs/api/generated/stdyn.Problem.html")
    page.get_by_role("link", name="theory.md, section 1").click()
    page.wait_for_url("**/docs/theory.html#*")
    anchor = page.url.partition("#")[2]
    heading = page.locator(f"[id='{anchor}'] h2, h2[id='{anchor}']").first
    assert heading.inner_text().startswith("1. Microscopic dynamics")
    page.close()
