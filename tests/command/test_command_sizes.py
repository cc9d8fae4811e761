"""stdyn sizes: what it writes and refuses."""

import numpy as np
import pytest
from bad_options import changed
from command_helpers import assert_refused, contents

from stdyn import load

SIZES = ("--K", "2", "--M", "2", "--sizes", "[10, 25, 40]", "--alpha-max", "2", "--runs", "50")


def test_sizes_writes_an_ensemble_for_every_size_and_a_figure(run, tmp_path):
    """Recorded at the same alphas at every N, from the same start; `plot` draws the same figure from the files."""
    code, out, err = run("sizes", *SIZES, "--rule", "fa")
    assert (code, err) == (0, "")
    files = [tmp_path / "data" / f"sizes_fa_{kind}.h5" for kind in ("ode", "N10", "N25", "N40")]
    theory, *ensembles = (load(file) for file in files)
    for N, runs in zip((10, 25, 40), ensembles, strict=True):
        assert (runs.method, runs.runs, runs.problem.N) == ("reduced", 50, N)
        np.testing.assert_array_equal(runs.alphas, theory.alphas)
        np.testing.assert_array_equal(runs.problem.start.C, theory.problem.start.C)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["sizes_deviation.png"]
    assert "wrote figures/sizes_deviation.png" in out
    assert run("plot", *files, "--name", "again")[0] == 0
    again, first = (tmp_path / "figures" / f"{name}_deviation.png" for name in ("again", "sizes"))
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sizes", "[10, 0]"], ["sizes must be at least 1, but is 0"]),
        (["--sizes", "[]"], ["sizes must be at least 3 different N, but is []"]),
        (["--sizes", "[10, 20, 20]"], ["sizes must be at least 3 different N"]),
        (["--sizes", "[10, nan, 20]"], ["sizes must be an integer, but is nan"]),
        (["--K", "-1"], ["K must be at least 1, but is -1"]),
        (["--sizes", "many"], ["'many' is not a number or an array"]),
        (["--runs", "5"], ["runs must be at least 8, but is 5"]),
        (["--method", "network"], ["No such option", "--method"]),
    ],
)
def test_bad_sizes_are_refused(run, tmp_path, options, words):
    """Before anything is written."""
    assert_refused(run("sizes", *changed(SIZES, *options)), *words)
    assert contents(tmp_path) == {}
