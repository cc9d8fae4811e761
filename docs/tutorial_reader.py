"""How the site reads a tutorial: it is run, in an empty folder, and held to what its text claims.

conf.py names `read`. What a tutorial leaves or shows that it should not, or claims and is not so, is an AssertionError,
which ends the build.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from tutorial_facts import EXERCISES, FACTS, Fact

FOLDER = Path(__file__).parent / "tutorials"
LONGEST = 900  # seconds for a cell, which may have to compile what it calls
COMPILING = "stdyn: compiling what is needed"
NEAR = "def near(found, alpha): return found.sel(alpha=alpha, method='nearest')"  # for expressions of facts
OBJECTS = ("<Problem", "<Trajectory", "<OrderParameters", "<Scan")
OBJECTS_SHOWN = {"first_steps": 4, "fa_and_bp": 1, "finite_n": 1, "scans": 1, "protocols_and_inputs": 0}


def read(text: str) -> nbformat.NotebookNode:
    """The tutorial with outputs, after it has been held to its claims."""
    same = (path.stem for path in FOLDER.glob("*.ipynb") if json.loads(path.read_text("utf-8")) == json.loads(text))
    name, found = next(same), nbformat.reads(text, as_version=4)
    values = run(found, name)
    hold(name, found.cells, values)
    return found


def run(found: nbformat.NotebookNode, name: str) -> list[float]:
    """Run the cells, and after them those of the exercises; the values of its facts. An error is raised."""
    setup, of_exercises = EXERCISES[name]
    values = ", ".join(f"float({fact.value})" for fact in (*FACTS[name], *of_exercises))
    asked = f"import json\n{NEAR}\n{setup}\nprint(json.dumps([{values}]))"
    found.cells.append(nbformat.v4.new_code_cell(asked, id="facts"))
    with TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(found, timeout=LONGEST, kernel_name="python3", resources=where).execute()
        left = [path.name for path in Path(folder).iterdir()]
    assert not left, f"{name}: leaves {left}"
    last = found.cells.pop()
    return list(json.loads("".join(output.text for output in last.outputs if output.get("name") == "stdout")))


def hold(name: str, cells: Iterable[Any], values: list[float]) -> None:
    """No warning; pictures and objects where cells draw and show them; and the facts, by their values."""
    executed = [cell for cell in cells if cell.cell_type == "code"]
    said = [line for cell in executed for line in on_stderr(cell)]
    assert not said, f"{name}: {said}"
    for cell in executed:
        draws = bool(re.search(r"\.plot\(|subplots\(", cell.source))
        pictures = sum("image/png" in data for data in shown_by(cell))
        assert pictures == draws, f"{name}, {cell.id}: {pictures} pictures"
    objects = [data for cell in executed for data in shown_by(cell) if data["text/plain"].startswith(OBJECTS)]
    assert len(objects) == OBJECTS_SHOWN[name], f"{name}: {len(objects)} objects"
    for data in objects:
        assert "text/html" in data, f"{name}: {data['text/plain']} is not shown as HTML"
        assert "\n" not in data["text/plain"], f"{name}: {data['text/plain']} has several lines"
    faults = wrong((*FACTS[name], *EXERCISES[name][1]), values)
    assert not faults, f"{name}: {faults}"


def on_stderr(cell: Any) -> list[str]:
    """The lines that a cell has left there, but for the note that functions are compiled."""
    texts = [output.text for output in cell.outputs if output.get("name") == "stderr"]
    return [f"{cell.id}: {line}" for text in texts for line in text.splitlines() if line and COMPILING not in line]


def shown_by(cell: Any) -> list[Any]:
    """What a cell shows, by kind."""
    return [output["data"] for output in cell.outputs if "data" in output]


def wrong(facts: Iterable[Fact], values: list[float]) -> list[str]:
    """The facts whose value is not between their limits."""
    return [
        f"{fact.said}: {fact.value} is {value}, not from {fact.low} to {fact.high}"
        for fact, value in zip(facts, values, strict=True)
        if not fact.low <= value <= fact.high
    ]
