"""What docs/explorer.md says of the explorer is so."""

import re
from pathlib import Path

from stdyn.explorer.controls import BY_NAME, CONTROLS
from stdyn.explorer.curves import _PATIENCE, DRAFT
from stdyn.explorer.server import HOST, MOST_PAGES
from stdyn.explorer.session import _MOST_OF_ODES
from stdyn.model.experiment import Experiment

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "explorer.md").read_text(encoding="utf-8").split())


def test_bounds_that_it_says_are_those_of_the_controls():
    """Units, outputs, runs and alphas."""
    said = re.search(
        r"at most (\d+) units of student and teacher, (\d+) outputs, (\d+) runs, (\d+) α, "
        r"(\d+,\d+) equations, and (\d+) pages",
        TEXT,
    )
    bounds = [BY_NAME[name].most for name in ("K", "outputs", "runs", "points")]
    bounds += [_MOST_OF_ODES, MOST_PAGES]
    assert [int(each.replace(",", "")) for each in said.groups()] == bounds
    assert BY_NAME["M"].most == BY_NAME["K"].most


def test_drafts_and_solutions_are_made_as_it_says():
    """The method and the tolerance of a draft; those of an experiment otherwise."""
    assert f"drafts: {DRAFT[0]} at a relative tolerance of 1e-5" in TEXT
    assert DRAFT[1] == 1e-5
    assert f"more than {_PATIENCE} s of work for a rule" in TEXT
    assert {"ode_method", "rtol"} <= {control.name for control in CONTROLS}
    assert BY_NAME["rtol"].usual == Experiment().rtol


def test_it_listens_where_it_says():
    """On the loopback interface."""
    assert f"It listens on {HOST} only" in TEXT
