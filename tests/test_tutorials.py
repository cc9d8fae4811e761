"""The tutorials: committed without outputs, they run without a warning and show what their text claims."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbclient import NotebookClient
from tutorial_facts import EXERCISES, FACTS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "tutorials"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
LONGEST = 900  # seconds for a cell, which may have to compile what it calls
COMPILING = "stdyn: compiling what is needed"


class Tutorial(NamedTuple):
    """A notebook after its run, and the values of the facts."""

    cells: list
    values: list


def notebook(name):
    """As it is committed."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def cells(name, kind):
    """Its cells of one kind."""
    return [cell for cell in notebook(name).cells if cell.cell_type == kind]


def text_of(name):
    """What it says between the code, in one line."""
    return " ".join(" ".join(cell.source.split()) for cell in cells(name, "markdown"))


def blocks(name):
    """The Python that its text shows but does not run."""
    shown = [re.findall(r"```python\n(.*?)```", cell.source, flags=re.DOTALL) for cell in cells(name, "markdown")]
    return [block for some in shown for block in some]


# ---------------------------------------------------------------------------------------------------------------------
# As they are committed


def test_all_are_here():
    """The index leads to each of them, in its table and in the order in which they are read."""
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\w+)\.ipynb\)", index)) == NAMES
    assert sorted(re.search(r"toctree}(.*?)```", index, re.DOTALL).group(1).split()[1:]) == NAMES
    assert len(NAMES) == 5
    assert set(FACTS) == set(NAMES)
    assert set(EXERCISES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_is_committed_without_outputs(name):
    """No outputs, counts, or metadata of whoever ran it last; every cell has a name of its own."""
    found = notebook(name)
    nbformat.validate(found)
    assert found.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in found.cells:
        assert not cell.metadata, cell.id
        assert re.fullmatch(r"[a-z0-9_]+", cell.id), cell.id
    for cell in cells(name, "code"):
        assert cell.outputs == [], cell.id
        assert cell.execution_count is None, cell.id
    ids = [cell.id for cell in found.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_names_no_place_of_a_machine(name):
    """Files are in temporary folders: no cell has an absolute path, or writes beside itself."""
    for cell in notebook(name).cells:
        assert not re.search(r"(?<![\w./:)\]])(/|~/|[A-Z]:\\)\w+[/\\]\w", cell.source), cell.id
    for cell in cells(name, "code"):
        for file in re.findall(r"\"[\w.]+\.h5\"", cell.source):
            assert f"Path(folder.name) / {file}" in cell.source, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    """Files, and the headings that they have."""
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#([^)]*))?\)", text_of(name)):
        target = FOLDER / link
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{link}#{anchor}"


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_those_of_the_text(name):
    """Each fact that is checked below is said, in these words."""
    said = text_of(name)
    for fact in (*FACTS[name], *EXERCISES[name][1]):
        assert fact.said in said, fact.said


def test_blocks_of_the_text_are_known():
    """Python that is not in cells: that on Slurm is tested with the page on clusters, that on all cores below."""
    assert {name: len(blocks(name)) for name in NAMES if blocks(name)} == {"scans": 2}
    cores, slurm = blocks("scans")
    assert slurm in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    ast.parse(cores)


# ---------------------------------------------------------------------------------------------------------------------
# As they run


@pytest.fixture(scope="module", params=NAMES)
def executed(request, tmp_path_factory):
    """A tutorial that has run in an empty folder, its name, and the folder."""
    name, folder = request.param, tmp_path_factory.mktemp("tutorial")
    found = notebook(name)
    setup, of_exercises = EXERCISES[name]
    values = ", ".join(f"float({fact.value})" for fact in (*FACTS[name], *of_exercises))
    asked = f"import json\n{setup}\nprint(json.dumps([{values}]))"
    found.cells.append(nbformat.v4.new_code_cell(asked, id="facts"))
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(found, timeout=LONGEST, kernel_name="python3", resources=where).execute()
    *own, last = found.cells
    printed = "".join(output.text for output in last.outputs if output.get("name") == "stdout")
    return name, Tutorial([cell for cell in own if cell.cell_type == "code"], json.loads(printed)), folder


@pytest.mark.slow
def test_runs_without_a_warning_and_leaves_nothing(executed):
    """No cell raises, nothing but the note on compiling is on stderr, and no file is left beside the notebook."""
    _, tutorial, folder = executed
    for cell in tutorial.cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            if output.output_type == "stream" and output.name == "stderr":
                lines = [line for line in output.text.splitlines() if line.strip() and COMPILING not in line]
                assert not lines, f"{cell.id}: {lines}"
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_shows_what_it_draws(executed):
    """A cell that draws has a picture, and no other has one."""
    _, tutorial, _ = executed
    for cell in tutorial.cells:
        draws = bool(re.search(r"\.plot\(|subplots\(", cell.source))
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(pictures) == draws, cell.id


@pytest.mark.slow
def test_shows_its_objects(executed):
    """What a cell ends with is shown: objects of stdyn as HTML, and in a line of text."""
    name, tutorial, _ = executed
    shown = [output["data"] for cell in tutorial.cells for output in cell.outputs if "data" in output]
    texts = [data["text/plain"] for data in shown if re.match(r"<(Problem|Trajectory|OrderParameters|Scan)", data["text/plain"])]
    with_html = [data for data in shown if "text/html" in data and data["text/plain"] in texts]
    assert len(with_html) == len(texts)
    assert len(texts) == {"first_steps": 4, "fa_and_bp": 1, "finite_n": 1, "scans": 1, "protocols_and_inputs": 0}[name]
    assert all("\n" not in text for text in texts)


@pytest.mark.slow
def test_numbers_are_as_the_text_has_them(executed):
    """Of the cells and of the exercises."""
    name, tutorial, _ = executed
    facts = (*FACTS[name], *EXERCISES[name][1])
    wrong = [
        f"{fact.said}: {fact.value} is {value}, not from {fact.low} to {fact.high}"
        for fact, value in zip(facts, tutorial.values, strict=True)
        if not fact.low <= value <= fact.high
    ]
    assert not wrong


@pytest.mark.slow
def test_block_on_all_cores_runs_as_a_script(tmp_path):
    """With two small points."""
    script = tmp_path / "script.py"
    points = 'points = stdyn.Variations(stdyn.Experiment(K=2, M=2, alpha_max=3), {"draw": [1]})'
    script.write_text(f"import stdyn\n{points}\nalphas = [0, 3]\n{blocks('scans')[0]}")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=LONGEST)
    found = subprocess.run(
        [sys.executable, "-c", "import stdyn; print(stdyn.open_scan('rates.h5').state)"],
        cwd=tmp_path, check=True, timeout=LONGEST, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.strip() == "[1 1]"
