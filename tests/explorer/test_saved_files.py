"""Files that the explorer saves: data that `load` reads, of the curves and runs that are shown, and figures."""

import threading
from io import BytesIO
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

import stdyn
from stdyn.explorer import copies, curves, files, state
from stdyn.values import same

SMALL = {"K": 2, "M": 2, "N": 50, "alpha_max": 5, "points": 5}
WITH_RUNS = {**SMALL, "rules": ["fa", "bp"], "runs": 3, "method": "network", "b_angle": 30}
ALONE = {**SMALL, "rules": ["kp"], "outputs": 2}


def saved(given, kind):
    """The name of the file, and by name the files that it has in it."""
    name, content = files.saved(state.wanted(given), kind, threading.Event())
    if not name.endswith(".zip"):
        return name, {name: content}
    with ZipFile(BytesIO(content)) as archive:
        return name, {each: archive.read(each) for each in archive.namelist()}


def test_data_are_those_of_the_page(tmp_path):
    """An archive has a file for each curve and for its runs, which are those of `integrate` and `simulate_network`."""
    wanted = state.wanted(WITH_RUNS)
    begin, of = copies.name_of(wanted), wanted.experiment
    name, found = saved(WITH_RUNS, "h5")
    assert name == f"{begin}_h5.zip"
    assert set(found) == {f"{begin}_{rule}_{kind}.h5" for rule in ("fa", "bp") for kind in ("ode", "network")}
    for file, content in found.items():
        (tmp_path / file).write_bytes(content)
        there = stdyn.load(tmp_path / file)
        problem = wanted.problem(there.problem.rule)
        assert there.problem == problem
        if file.endswith("ode.h5"):
            here = stdyn.integrate(problem, of.alphas(), error=False)
        else:
            here = stdyn.simulate_network(problem, of.alphas(), 3, rng=of.rng("network"))
        assert there.runs == here.runs
        for each in ("alphas", "eps_g", "R", "Q", "v", "F"):
            if hasattr(here, each):
                assert same(getattr(there, each), getattr(here, each))


def test_one_curve_is_one_file(tmp_path):
    """No archive where there is nothing else: it opens as it is."""
    name, found = saved(ALONE, "h5")
    assert name == f"{copies.name_of(state.wanted(ALONE))}_kp_ode.h5"
    (tmp_path / name).write_bytes(found[name])
    assert stdyn.load(tmp_path / name).problem == state.wanted(ALONE).problem("kp")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_figures_are_those_of_stdyn(kind):
    """All that `plot.figures` makes, in the format; PNG as large as pages are."""
    wanted = state.wanted(ALONE)
    theory = [each.trajectory for each in curves.solutions(wanted, threading.Event()).values()]
    name, found = saved(ALONE, kind)
    begin = copies.name_of(wanted)
    assert name == f"{begin}_{kind}.zip"
    assert set(found) == {f"{begin}_{each}.{kind}" for each in stdyn.plot.figures(theory)}
    for content in found.values():
        if kind == "svg":
            drawn = ElementTree.fromstring(content)
            assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
            linked = [to for node in drawn.iter() for name, to in node.attrib.items() if name.endswith("href")]
            assert linked
            assert all(to.startswith("#") for to in linked)
        else:
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            assert int.from_bytes(content[16:20]) > 1000


def test_what_was_stopped_is_no_file():
    """A page that was closed meanwhile gets none."""
    stopped = threading.Event()
    stopped.set()
    assert files.saved(state.wanted(WITH_RUNS), "h5", stopped) is None
