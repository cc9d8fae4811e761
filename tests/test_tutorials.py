"""The tutorials: committed without outputs; what their text claims is asked where they are run.

The build of the site runs them, and holds each to its facts: docs/tutorial_reader.py.
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "tutorials"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
LONGEST = 900  # seconds for a cell, which may have to compile what it calls


@pytest.fixture
def reader(monkeypatch):
    """The module by which the site runs them and holds them to their facts."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    return importlib.import_module("tutorial_reader")


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


def test_all_are_here(reader):
    """The index leads to each of them, in its table and in the order in which they are read."""
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\w+)\.ipynb\)", index)) == NAMES
    assert sorted(re.search(r"toctree}(.*?)```", index, re.DOTALL).group(1).split()[1:]) == NAMES
    assert len(NAMES) == 5
    assert set(reader.FACTS) == set(NAMES)
    assert set(reader.EXERCISES) == set(NAMES)


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
def test_facts_are_those_of_the_text(name, reader):
    """Each fact that is checked below is said, in these words."""
    said = text_of(name)
    for fact in (*reader.FACTS[name], *reader.EXERCISES[name][1]):
        assert fact.said in said, fact.said


def test_blocks_of_the_text_are_known():
    """Python that is not in cells: that on Slurm is tested with the page on clusters, that on all cores below."""
    assert {name: len(blocks(name)) for name in NAMES if blocks(name)} == {"scans": 2}
    cores, slurm = blocks("scans")
    assert slurm in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    ast.parse(cores)


@pytest.mark.parametrize("path", ["docs/conf.py", "Makefile"])
def test_figures_are_shown_where_the_tutorials_are_run(path):
    """Kernels inherit the environment: one that names matplotlib's backend would leave the site without pictures."""
    there = ROOT / path
    assert path != "Makefile" or there.exists()
    assert not there.exists() or "MPLBACKEND" not in there.read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------------------
# As they run


CELLS = ("import stdyn", "stdyn.OrderParameters([[0.1]], [[0.2]], [[1.0]], [1.0], [1.0])", "x = 1\n# .plot(", "x")
PNG = nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})


@pytest.fixture
def small(reader, tmp_path, monkeypatch):
    """A tutorial of few cells, of which one draws by its words only, as the reader finds it; and its text."""
    cells = [nbformat.v4.new_code_cell(cell, id=f"c{n}") for n, cell in enumerate(CELLS)]
    found = nbformat.v4.new_notebook(cells=cells)
    (tmp_path / "small.ipynb").write_text(text := nbformat.writes(found), encoding="utf-8")
    monkeypatch.setattr(reader, "FOLDER", tmp_path)
    monkeypatch.setitem(reader.FACTS, "small", (reader.Fact("it is one", "x", 0.9, 1.1),))
    monkeypatch.setitem(reader.EXERCISES, "small", ("y = x + 1", (reader.Fact("it is two", "y", 2, 2),)))
    monkeypatch.setitem(reader.OBJECTS_SHOWN, "small", 1)
    return text


def test_a_tutorial_is_run_and_held_to_what_it_says(reader, small, monkeypatch):
    """What is read has the outputs of its cells and no other cell; what it does not show as it says is told."""
    with pytest.raises(AssertionError, match="c2: 0 pictures"):
        reader.read(small)
    run = reader.run
    monkeypatch.setattr(reader, "run", lambda found, name: (run(found, name), found.cells[2].outputs.append(PNG))[0])
    found = reader.read(small)
    assert [cell.source for cell in found.cells] == list(CELLS)
    assert found.cells[3].outputs[0].data["text/plain"] == "1"
    reader.hold("small", found.cells, [1, 2])
    with pytest.raises(AssertionError, match="it is two: y is 3"):
        reader.hold("small", found.cells, [1, 3])
    said = nbformat.v4.new_output("stream", name="stderr", text=f"{reader.COMPILING}, once\n")
    found.cells[3].outputs.append(said)
    reader.hold("small", found.cells, [1, 2])
    said.text += "a warning\n"
    with pytest.raises(AssertionError, match="c3: a warning"):
        reader.hold("small", found.cells, [1, 2])
    found.cells[3].outputs[:] = found.cells[1].outputs
    with pytest.raises(AssertionError, match="2 objects"):
        reader.hold("small", found.cells, [1, 2])
    found.cells[3].outputs[:] = []
    del found.cells[1].outputs[0].data["text/html"]
    with pytest.raises(AssertionError, match="not shown as HTML"):
        reader.hold("small", found.cells, [1, 2])


def test_a_tutorial_that_leaves_a_file_is_told(reader, small):
    """Beside itself, where it is run."""
    found = nbformat.reads(small, as_version=4)
    found.cells[-1].source = "open('left', 'w').close()"
    with pytest.raises(AssertionError, match=r"leaves \['left'\]"):
        reader.run(found, "small")


def test_wrong_facts_are_told(reader):
    """A value beyond either limit, or none."""
    fact = reader.Fact("it is one", "one", 0.9, 1.1)
    assert not reader.wrong([fact], [1.05])
    assert [len(reader.wrong([fact], [value])) for value in (0.8, 1.2, float("nan"))] == [1, 1, 1]


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
