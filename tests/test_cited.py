"""What is cited is what is there: CITATION.cff, the version everywhere, and the paper with its references."""

import datetime
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import stdyn

ROOT = Path(__file__).parent.parent
ARTICLE, CONFERENCE = "article", "conference-paper"
KEYS = {  # of the Citation File Format 1.2.0: those of a file, and of its references, that this one has or may have
    "cff-version", "message", "title", "type", "authors", "version", "date-released", "license", "abstract", "keywords",
    "references", "repository-code", "url", "doi",
}  # fmt: skip
OF_REFERENCE = {
    "type", "title", "authors", "year", "journal", "volume", "start", "end", "doi", "notes", "collection-title"
}  # fmt: skip
DOI = r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+"


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load(text_of("CITATION.cff"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads(text_of("pyproject.toml"))["project"]


def flat(text):
    """Words alone, whatever breaks lines and marks letters as LaTeX's."""
    return re.sub(r"[^a-z0-9]+", " ", re.sub(r"[{}\\'\"]", "", text).lower()).strip()


# ---------------------------------------------------------------------------------------------------------------------
# CITATION.cff


def test_the_citation_is_that_of_the_project(citation, project):
    """What the format asks for, and what is said elsewhere: version, license, keywords, authors."""
    assert {"cff-version", "message", "title", "authors"} <= set(citation) <= KEYS
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert str(citation["version"]) == stdyn.__version__
    assert citation["license"] == project["license"]
    assert citation["keywords"] == project["keywords"]
    assert citation["title"].startswith("stdyn: ")
    (author,) = citation["authors"]
    assert author["name"].lower() in text_of("LICENSE").lower()
    assert 40 < len(citation["abstract"].split()) < 150


def test_the_date_is_that_of_the_changelog(citation):
    """A version that has a heading has its date; one that is not released yet has none."""
    released = dict(re.findall(r"^## (\d\S*) - (\d{4}-\d\d-\d\d)$", text_of("CHANGELOG.md"), flags=re.MULTILINE))
    headings = re.findall(r"^## (\S+)", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert all(heading in released or heading == "Unreleased" for heading in headings)
    assert headings[0] in ("Unreleased", stdyn.__version__)
    date = citation.get("date-released")
    assert (None if date is None else str(date)) == released.get(stdyn.__version__)
    assert date is None or isinstance(date, datetime.date)


def test_references_are_sources_of_the_theory(citation):
    """Each is an entry of the last section of docs/theory.md, by title, family names, year and first page."""
    sources = text_of("docs/theory.md").split("## Sources")[1].split("\n- ")[1:]
    assert len(citation["references"]) >= 10
    for reference in citation["references"]:
        assert set(reference) <= OF_REFERENCE
        assert reference["type"] in (ARTICLE, CONFERENCE)
        (source,) = (each for each in sources if flat(reference["title"]) in flat(each))
        for author in reference["authors"]:
            assert flat(author["family-names"]) in flat(source)
        assert str(reference["year"]) in source
        if reference["type"] == ARTICLE:
            assert f"{reference['volume']}, {reference['start']}" in source
        else:
            assert reference["collection-title"]
        assert re.fullmatch(DOI, reference.get("doi", "10.1000/none"))


# ---------------------------------------------------------------------------------------------------------------------
# paper.md


def entries():
    """{key: {field: value}} of paper.bib."""
    found = {}
    for kind, key, body in re.findall(
        r"^@(\w+)\{(\w+),\n(.*?)^\}", text_of("paper.bib"), flags=re.DOTALL | re.MULTILINE
    ):
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", body, flags=re.MULTILINE))
        assert len(fields) == body.count("\n"), key
        assert key not in found
        found[key] = fields | {"kind": kind}
    assert len(found) == text_of("paper.bib").count("@")
    return found


def paper():
    """(what stands at its head, its text)"""
    _, head, body = text_of("paper.md").split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_paper_is_one_page_and_has_its_parts():
    """The head that the journal asks for, its sections, 700 to 900 words, and a figure that is referred to."""
    head, body = paper()
    assert {"title", "tags", "authors", "bibliography"} <= set(head)
    assert (ROOT / head["bibliography"]).exists()
    sections = re.findall(r"^# (.*)$", body, flags=re.MULTILINE)
    assert sections[:3] == ["Summary", "Statement of need", "State of the field"]
    assert sections[-1] == "References"
    assert 700 <= len(body.split()) <= 900
    figures = re.findall(r"!\[.*?\\label\{(.*?)\}\]\((.*?)\)", body, flags=re.DOTALL)
    assert len(figures) == 1
    for label, path in figures:
        assert (ROOT / path).exists()
        assert rf"\autoref{{{label}}}" in body


def test_what_the_paper_cites_is_in_its_bibliography():
    """Every key, and no entry that is not cited; each with authors, title, year and place; a DOI is one."""
    there = entries()
    cited = set(re.findall(r"@(\w+)", paper()[1]))
    assert cited == set(there)
    for key, entry in there.items():
        assert {"author", "title", "year"} <= set(entry), key
        assert "journal" in entry or "booktitle" in entry, key
        assert key.split("_")[0] == flat(entry["author"].split(",")[0].replace(r"{\o}", "o").replace("-", "")), key
        assert entry["year"] in key, key
        assert re.fullmatch(DOI, entry.get("doi", "10.1000/none")), key


def test_the_paper_and_the_citation_agree(citation):
    """On the title and authors, and on the year, volume and DOI of what both refer to."""
    head, _ = paper()
    assert [author["name"] for author in head["authors"]] == [author["name"] for author in citation["authors"]]
    by_title = {flat(entry["title"]): entry for entry in entries().values()}
    shared = 0
    for reference in citation["references"]:
        entry = by_title.get(flat(reference["title"]))
        if entry is not None:
            shared += 1
            assert entry["year"] == str(reference["year"])
            assert entry.get("doi") == reference.get("doi")
            assert entry.get("volume") == (str(reference["volume"]) if "volume" in reference else None)
    assert shared >= 10


@pytest.mark.parametrize(
    ("test", "tolerance", "said"),
    [
        ("test_erf_averages_equal_brute_force_quadrature", "1e-10", "at $10^{-10}$"),
        ("test_reference_trajectories", "1e-6 at the default tolerances, 1e-8", "at $10^{-6}$ with default tolerances"),
        ("test_symmetric_plateau_of_saad_and_solla", "1e-10", "to $10^{-10}$"),
        ("test_mean_of_runs_follows_the_odes", "1e-6 a case", "a false alarm of $10^{-6}$ a case"),
        ("test_on_the_examples_of_a_network_it_is_the_network", "1e-10 after 10⁴ steps", "after $10^4$ steps"),
        ("test_runs_scatter_as_predicted", "at three N", "at three $N$"),
    ],
)
def test_numbers_of_the_paper_are_those_of_the_tests(test, tolerance, said):
    """What it says of the validation stands in the row of docs/validation.md that names the test."""
    rows = [line for line in text_of("docs/validation.md").splitlines() if f"::{test}`" in line]
    assert any(tolerance in row for row in rows)
    assert said in " ".join(paper()[1].split())


def test_speeds_of_the_paper_are_those_that_were_measured():
    """A step of the network, and the ODEs of FA, in benchmarks/README.md."""
    measured, body = text_of("benchmarks/README.md"), " ".join(paper()[1].split())
    (step,) = re.findall(r"^\| \*\*stdyn, network\*\* \| \*\*(.*?)\*\* \|", measured, flags=re.MULTILINE)
    (odes,) = re.findall(r"^\| \*\*stdyn\*\*, FA, default tolerance \| \*\*(.*?)\*\*", measured, flags=re.MULTILINE)
    assert f"a step of a network takes {step} µs" in body
    assert f"the ODEs of FA to 1000 examples per input {odes} s" in body


def test_the_changelog_says_nothing_twice():
    """As a merge of two branches may make it do."""
    entries = [each.split() for each in (ROOT / "CHANGELOG.md").read_text().split("\n- ")[1:]]
    assert [entry for i, entry in enumerate(entries) if entry in entries[:i]] == []
