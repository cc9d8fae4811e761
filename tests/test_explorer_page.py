"""The explorer's page as it is committed: made of its sources, light, alone, with the licence of what is in it."""

import gzip
import hashlib
import json
import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "stdyn" / "explorer" / "page"
MADE = ("explorer.js", "explorer.css")
HEAVIEST = 100_000  # bytes of all that a browser fetches, compressed as the server does
NAMES_ONLY = {f"http://www.w3.org/{name}" for name in ("2000/svg", "1999/xlink")}  # which are never asked


def text_of(name):
    """What a file of the page says."""
    return (PAGE / name).read_text(encoding="utf-8")


def digest():
    """The number of all sources, in the order of their names."""
    inside = [path for path in (PAGE / "src").rglob("*") if path.suffix in (".js", ".css")]
    names = ["build.mjs", "package-lock.json", "package.json"]
    names += [path.relative_to(PAGE).as_posix() for path in inside]
    found = hashlib.sha256()
    for name in sorted(names):
        found.update(f"{name}\0{text_of(name)}\0".encode())
    return found.hexdigest()[:16]


def test_it_is_made_of_the_sources_that_are_here():
    """Its first lines say the number of the sources it was made of, so that this needs no Node."""
    wanted = digest()
    for name in MADE:
        assert f"Sources: {wanted}" in text_of(name).splitlines()[0], f"{name} is older than its sources: make explorer"


def test_sources_that_changed_would_be_seen(monkeypatch, tmp_path):
    """A letter more in one of them is another number."""
    before = digest()
    for path in PAGE.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for path in (PAGE / "src").rglob("*.*"):
        there = tmp_path / path.relative_to(PAGE)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    monkeypatch.setattr("test_explorer_page.PAGE", tmp_path)
    assert digest() == before
    (tmp_path / "src" / "views" / "map.js").write_text(text_of("src/views/map.js") + " ", encoding="utf-8")
    assert digest() != before


def test_it_is_light():
    """All that a browser fetches to show it."""
    fetched = [gzip.compress((PAGE / name).read_bytes(), 6) for name in ("index.html", *MADE)]
    assert sum(map(len, fetched)) <= HEAVIEST


def test_it_names_nothing_that_it_could_fetch_from_elsewhere():
    """No address but names of formats; no font, picture or module of another place."""
    for name in ("index.html", *MADE):
        text = text_of(name)
        assert set(re.findall(r"https?://[^\"'`\s)]*", text)) <= NAMES_ONLY, name
        assert set(re.findall(r"@import|url\((?!#)[^)]*\)", text)) == set(), name
    assert re.findall(r"\b(?:eval|Function|fetch|XMLHttpRequest|importScripts)\(", text_of("explorer.js")) == []
    assert set(re.findall(r"(?:src|href)=\"([^\"]*)\"", text_of("index.html"))) == {
        "data:,",
        *(f"/{name}" for name in MADE),
    }


def test_whatever_is_bundled_has_its_licence_there():
    """Of the packages that are locked, those that are bundled: all but esbuild, which makes the bundle."""
    packages = json.loads(text_of("package-lock.json"))["packages"]
    bundled = {
        name.removeprefix("node_modules/"): of for name, of in packages.items() if name and "esbuild" not in name
    }
    assert set(bundled) == {"uplot"}
    said = text_of("LICENSES.txt")
    assert f"uPlot {bundled['uplot']['version']}," in said
    assert bundled["uplot"]["license"] == "MIT"
    assert "Permission is hereby granted, free of charge" in said
    assert re.search(r"^Copyright \(c\) \d{4} Leon Sorokin$", said, re.MULTILINE)
