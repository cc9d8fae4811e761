"""Values in a notebook: their parameters as a small table, with a curve or a map (HTML)."""

from typing import Any

from stdyn.html import card, heat_map, listing
from stdyn.model import problemtext
from stdyn.model.shapes import short
from stdyn.text import message

Problem = Any  # the classes, which stand on this module
OrderParameters = Any

_UNITS = 24  # on a side of a map


def of_problem(problem: Problem) -> str:
    """A problem: what it is, and where it starts."""
    lines = problemtext.lines(problem)
    return card(f"Problem, {lines.pop('rule')}", table_of(lines), map_of(problem.start))


def of_state(state: OrderParameters) -> str:
    """Order parameters: sizes, lengths and second layers, and the cosines."""
    lines = {
        "units": problemtext.of_state(state),
        "lengths |w_i|": short(state.lengths.tolist()),
        "v": short(state.v.tolist()),
        "v_teacher": short(state.v_teacher.tolist()),
    }
    if state.inputs is not None:
        lines["inputs"] = str(state.inputs).removeprefix("Inputs of ")
    return card("OrderParameters", table_of(lines), map_of(state))


def table_of(lines: dict[str, str]) -> str:
    """Of texts that are not too long: names in files may be of any length."""
    return listing({name: message(text, 300) for name, text in lines.items()})


def map_of(state: OrderParameters) -> str:
    """The cosines of students, in rows, and teachers; of very many those of the first ones."""
    said = "cosines of student (rows) and teacher vectors"
    if max(state.K, state.M) > _UNITS:
        said += f", of the first {min(state.K, _UNITS)} and {min(state.M, _UNITS)}"
    return heat_map(state.cosines[:_UNITS, :_UNITS].tolist(), said)
