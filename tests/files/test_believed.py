"""What is plausible and wrong: axes in another order, packed numbers, overlaps that no vectors have, links, names."""

import os
import time

import h5py
import numpy as np
import pytest
from test_store import solved

from stdyn import (
    Experiment,
    InputError,
    Variations,
    fluctuations,
    integrate,
    load,
    load_fluctuations,
    open_scan,
    scan,
    simulate_network,
)
from stdyn.figures import panels
from stdyn.files.journal import journal_of
from stdyn.files.table import Table


@pytest.fixture(scope="module")
def theory(tmp_path_factory):
    """The file of a theory with K = M, so that lengths of axes do not tell them apart."""
    start = Experiment(K=2, M=2).problem("fa")
    return integrate(start, [0.0, 1.0, 2.0]).save(tmp_path_factory.mktemp("theory") / "theory.h5")


def damaged(source, folder, change):
    """A copy of a file, changed by h5py."""
    path = folder / "changed.h5"
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_axes_in_another_order_are_refused(theory, tmp_path):
    """As xarray's transpose leaves them: K = M would make of R its transpose."""
    path = tmp_path / "turned.nc"
    load(theory).to_xarray().transpose("alpha", "teacher", "student", ...).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(
        InputError, match=r"R must have the axes \(alpha, student, teacher\), but has them in the order"
    ):
        load(path)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ({"dtype": "int16", "scale_factor": 1e-3, "_FillValue": -32768}, "is packed by scale_factor"),
        ({"_FillValue": -9999.0}, r"has -9999 where values are missing \(_FillValue\)"),
    ],
)
def test_packed_numbers_are_refused(theory, tmp_path, encoding, said):
    path = tmp_path / "packed.nc"
    load(theory).to_xarray().to_netcdf(path, engine="h5netcdf", encoding={"R": encoding})
    with pytest.raises(InputError, match=f"'R' {said}"):
        load(path)


@pytest.mark.parametrize(
    ("name", "where", "value"), [("R", (2, 0, 0), 50.0), ("Q", (slice(None), 0, 0), 0.0), ("Q", (1, [0], [1]), 99.0)]
)
def test_overlaps_that_no_vectors_have_are_refused(theory, tmp_path, name, where, value):
    def change(file):
        values = file[name][()]
        values[where] = value
        file[name][...] = (values + np.swapaxes(values, -1, -2)) / 2 if name == "Q" else values

    with pytest.raises(InputError, match=r"(R|Q) must be an overlap of vectors of the lengths in Q and T"):
        load(damaged(theory, tmp_path, change))


@pytest.mark.parametrize("where", [(2, 0, 0), (1, 0, 1)])
def test_covariances_that_are_none_are_refused(tmp_path, where):
    source = fluctuations(solved("ode").problem, [0.0, 0.5, 1.0]).save(tmp_path / "fluctuations.h5")

    def change(file):
        file["covariance"][where] = -1

    with pytest.raises(InputError, match="covariance must be symmetric, without negative variances"):
        load_fluctuations(damaged(source, tmp_path, change))


def test_alphas_of_a_scan_that_go_back_are_refused(tmp_path):
    source = scan([solved("ode").problem], [0.0, 1.0, 2.0], tmp_path / "scan.h5").path

    def change(file):
        file["alpha"][...] = [0, 2, 1]

    with pytest.raises(InputError, match=r"alpha must increase, but alpha\[1\] = 2 is followed by 1"):
        open_scan(damaged(source, tmp_path, change)).trajectory(0)


@pytest.mark.parametrize("units", [1500, 4000])
def test_a_teacher_of_nothing_but_fill_values_takes_no_time(theory, tmp_path, units):
    """28 kB, and an eigenvalue problem of 17 s and more."""

    def change(file):
        for name, shape in (("T", (units, units)), ("v_teacher", (units,)), ("R_start", (2, units))):
            del file[name]
            file.create_dataset(name, shape, "f8", chunks=True, fillvalue=1.0)
        del file["R"]
        file.create_dataset("R", (3, 2, units), "f8", chunks=True, fillvalue=0.0)
        for name in ("teacher", "teacher_2"):
            if name in file:
                del file[name]

    began = time.monotonic()
    with pytest.raises(InputError):
        load(damaged(theory, tmp_path, change))
    assert time.monotonic() - began < 5


def test_a_journal_is_found_through_a_link(tmp_path):
    """It stands beside the file: else what a killed writer has committed is lost to those that come by the link."""
    real = tmp_path / "real"
    real.mkdir()
    path = scan([solved("ode").problem], [0.0, 1.0], real / "scan.h5").path
    link = tmp_path / "link.h5"
    link.symlink_to(path)
    assert journal_of(link) == journal_of(path) == real / ".scan.h5.journal"
    before = path.read_bytes()
    with Table(path, writable=True) as table:
        table.put({0: {"message": "second"}})
        table._file.flush()
        raw = table._raw
        pages, size = dict(raw._pages), raw._size
        raw._write_journal({n: page for n, page in pages.items() if n * 4096 < len(before)})
        raw._put({n: page for n, page in pages.items() if n * 4096 >= len(before)})
        os.truncate(path, size)
    assert journal_of(path).exists()
    for each in (path, link):
        assert open_scan(each).read("message", 0) == "second"


def test_a_folder_at_the_journals_name_is_refused_before_any_work(tmp_path):
    """A scan was left behind that nobody could open."""
    (tmp_path / ".scan.h5.journal").mkdir()
    with pytest.raises(
        InputError, match=r"\.scan\.h5\.journal is a folder; the journal of scan\.h5 has its place there"
    ):
        scan([solved("ode").problem], [0.0, 1.0], tmp_path / "scan.h5")
    assert not (tmp_path / "scan.h5").exists()


def test_a_name_that_is_too_long_is_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match=r"must have at most \d+ bytes, but has 256"):
        scan([solved("ode").problem], [0.0, 1.0], tmp_path / ("x" * 253 + ".h5"))


def test_runs_at_the_start_alone_are_drawn(tmp_path):
    """Those that diverged before the second alpha leave such files."""

    problem = Experiment(K=2, M=2, N=30).problem("fa")
    runs = simulate_network(problem, [0.0], 2, rng=np.random.default_rng(1))
    assert panels.markers_at(runs.alphas).tolist() == [0]


def test_the_experiment_of_a_description_runs_nothing(tmp_path):
    """Whoever takes it out of the recipe has an activation there, not a name that is looked up."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    place = f"{tmp_path}/evil.py:f"
    recipe = {"experiment": {"K": 2, "M": 2, "activation": place, "activation_teacher": place}, "vary": {"eta": [0.1]}}
    points = Variations.from_description(recipe)
    points.experiment.problem("fa")
    Variations(points.experiment, {"eta": [0.1, 0.2]})[1]
    assert points.description["experiment"]["activation"] == place
    varied = Variations.from_description({**recipe, "vary": {"activation": [place, "tanh"]}})
    assert varied.description["vary"] == {"activation": [place, "tanh"]}
    Variations(Experiment(K=2, M=2), varied.vary)[0]
    assert not (tmp_path / "ran").exists()
