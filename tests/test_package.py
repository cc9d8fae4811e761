"""What is built: the distributions of source and wheel, and what an index page says of them."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPTIONAL = ("mnist", "cluster", "explore")  # extras for users
MADE = ("docs/_build/", "docs/auto_gallery/", "docs/api/generated/")  # by `make docs`, and in no distribution


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(source distribution, wheel)"""
    folder = tmp_path_factory.mktemp("built")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def test_the_source_distribution_has_what_its_tests_need(built):
    """Every page, example, reference, picture and file of the build, beside all tests and the package."""
    with tarfile.open(built[0]) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {path.name for path in ROOT.iterdir() if path.is_file() and path.name != ".git"}
    for folder, pattern in (
        ("stdyn", "*.py"), ("stdyn", "*.pyi"), ("stdyn", "py.typed"), ("tests", "*.py"), ("docs", "*"),
        ("examples", "*"), ("data/reference", "*"), ("figures", "*.*"), ("benchmarks", "*.py"), (".ci", "run"),
        ("recipe", "*"), (".github", "*.yml"), ("stdyn/explorer/page", "*"),
    ):  # fmt: skip
        found = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob(pattern) if path.is_file()}
        assert found, folder
        wanted |= {path for path in found if not path.startswith(MADE) and not re.search("_cache|node_modules", path)}
    assert wanted <= there
    assert not [path for path in there if path.startswith(MADE) or "node_modules" in path]


def test_the_wheel_has_the_page_of_the_explorer(built):
    """As it is shown, with the licences of what is in it, which the metadata name; not what it is made of."""
    with zipfile.ZipFile(built[1]) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(next(n for n in names if n.endswith("METADATA"))).decode())
    page = "stdyn/explorer/page/"
    there = {name.removeprefix(page) for name in names if name.startswith(page)}
    assert there == {"index.html", "explorer.js", "explorer.css", "LICENSES.txt"}
    licences = metadata.get_all("License-File")
    assert licences == ["LICENSE", f"{page}LICENSES.txt"]
    for licence in licences:
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in names), licence


def test_an_index_page_has_no_link_that_leads_nowhere(built):
    """Pictures and links of the README are relative; the page that is built from it has neither, but all its text."""
    with zipfile.ZipFile(built[1]) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(next(n for n in names if n.endswith("METADATA"))).decode())
    page, readme = metadata.get_payload(), (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.compile(r"\]\((?!https?:)")
    assert links.search(readme)
    assert not links.search(page)
    assert [line for line in readme.splitlines() if "](" not in line and line not in page.splitlines()] == []
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert {"stdyn/py.typed", "stdyn/stdyn.mplstyle"} <= set(names)


def test_the_oldest_versions_are_those_that_are_asked_for():
    """constraints-oldest.txt has the least version of every dependency, before what those need in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = project["dependencies"] + [each for name in OPTIONAL for each in extras[name]]
    asked += [each for each in extras["test"] if ">=" in each]
    least = dict(each.split(">=") for each in asked)
    ours = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").split("\n# Of what those need")[0]
    pinned = dict(line.split("==") for line in ours.splitlines() if not line.startswith("#"))
    assert pinned.keys() == least.keys()
    for name, version in pinned.items():
        assert version.startswith(least[name]), name


def test_the_page_of_installation_names_every_dependency():
    """Those of the core and of each extra for users, each in its row of docs/usage.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = re.findall(r"^\| (.*) \| (.*) \|$", (ROOT / "docs/usage.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = rows[1 : max(n for n, (what, _) in enumerate(rows) if "pip install" in what) + 1]
    named = {extra: set() for extra in ("", *OPTIONAL)}
    for what, packages in rows:
        extra = next((extra for extra in OPTIONAL if f".[{extra}]" in what), "")
        named[extra] |= {each.split()[-1] for each in packages.split(", ")}
    for extra, there in named.items():
        asked = project["optional-dependencies"][extra] if extra else project["dependencies"]
        assert there == {re.split("[<>=]", each)[0] for each in asked}
