"""The front door: the Python of the README runs, and what it says of the package is so."""

import re
from pathlib import Path

import pytest

import stdyn

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_of_the_readme_runs(tmp_path, monkeypatch):
    """All its code blocks, one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert (tmp_path / "fa.h5").exists()
    assert str(namespace["verdict"]).startswith("fa: 16 runs at N = 500")


def test_map_of_the_modules_is_complete():
    """Every module is on it, and nothing else."""
    listed = set(re.findall(r"^\| `(\w+\.py)` \|", README, flags=re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "stdyn").glob("*.py")} - {"__main__.py"}


@pytest.mark.parametrize(
    "page", ["README.md", "figures/README.md", "docs/format.md", "docs/theory.md", "benchmarks/README.md"]
)
def test_links_and_pictures_are_there(page):
    """Every relative link of the page leads to a file."""
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_public_names_are_those_promised():
    """The names that scripts elsewhere import."""
    promised = [
        "OrderParameters",
        "Problem",
        "integrate",
        "simulate_network",
        "Trajectory",
        "load",
        "compare",
        "initial",
    ]
    for name in promised:
        assert name in stdyn.__all__
        assert getattr(stdyn, name)
