"""The file format: what is saved comes back, anything else is refused, and no failure costs an old file."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import xarray

from stdyn import DivergenceWarning, InputError, OrderParameters, Problem, integrate, load, simulate_network
from stdyn.errors import NotWritten
from stdyn.files import journal, paths

ARRAYS = (
    "alphas",
    "R",
    "Q",
    "v",
    "T",
    "eps_g",
    "F",
    "alignment",
    "F_per_output",
    "alignment_per_output",
    "diverged_at",
)


def solved(method="ode", rule="fa", outputs=1, diverges=False, N=30):
    """A trajectory with K = 2, M = 3, of the ODEs or of three networks; a diverging one is linear with a large eta."""
    shape = () if outputs == 1 else (outputs,)
    v, v_teacher, b = np.random.default_rng(7).normal(size=(3, 3, *shape))
    start = OrderParameters(0.1 * np.eye(2, 3), 0.2 * np.eye(2), np.diag([1.0, 2, 3]), v[:2], v_teacher)
    problem = Problem(
        start,
        N=N,
        activation="linear" if diverges else "erf",
        rule=rule,
        b=b[:2] if rule == "fa" else None,
        eta=20.0 if diverges else 0.5,
        eta_v=0.0 if diverges else 0.1,
        sigma=0.1,
    )
    alphas = np.linspace(0, 2, 41)
    if method == "ode":
        return integrate(problem, alphas)
    return simulate_network(problem, alphas, runs=3, rng=np.random.default_rng(4))


@pytest.fixture
def saved(tmp_path):
    """The path of a good file."""
    return solved("network").save(tmp_path / "runs.h5")


def assert_same(one, other):
    """All arrays of two trajectories are equal to the last bit, NaN where NaN."""
    for name in ARRAYS:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs, err_msg=name, strict=True)


# ---------------------------------------------------------------------------------------------------------------------
# What is saved comes back


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rule", ["fa", "bp"])
@pytest.mark.parametrize("method", ["ode", "network"])
def test_load_returns_what_was_saved(tmp_path, method, rule, outputs):
    """Arrays bit by bit, the problem, the method and the attributes."""
    trajectory = solved(method, rule, outputs)
    back = load(trajectory.save(tmp_path / "file.h5"))
    assert_same(trajectory, back)
    assert back.problem.difference(trajectory.problem) is None
    assert (back.method, back.runs, back.attributes) == (method, trajectory.runs, trajectory.attributes)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("method", ["ode", "network"])
def test_a_diverged_trajectory_comes_back(tmp_path, method, outputs):
    """With diverged_at, of shape () or (runs,), and with its NaN; xarray opens it too."""
    with pytest.warns(DivergenceWarning):
        trajectory = solved(method, outputs=outputs, diverges=True)
    assert trajectory.diverged_at.shape == (() if method == "ode" else (3,))
    path = trajectory.save(tmp_path / "file.h5")
    assert_same(trajectory, load(path))
    with xarray.open_dataset(path, engine="h5netcdf") as opened:
        assert opened.identical(trajectory.to_xarray().assign_attrs(opened.attrs))


def test_a_run_that_diverged_before_the_first_alpha_comes_back(tmp_path):
    """The file then holds no alpha at all, and says where the runs diverged."""
    with pytest.warns(DivergenceWarning):
        problem = solved("network", diverges=True).problem
    with pytest.warns(DivergenceWarning):
        empty = simulate_network(problem, [50.0], runs=2, rng=np.random.default_rng(1))
    assert len(empty.alphas) == 0
    assert_same(empty, load(empty.save(tmp_path / "file.h5")))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("method", ["ode", "network"])
def test_xarray_opens_a_file_as_the_same_data_set(tmp_path, method, outputs):
    """open_dataset gives the named axes, values and meanings of to_xarray; attributes too, plus those of the format."""
    trajectory = solved(method, outputs=outputs)
    expected = trajectory.to_xarray()
    time_axes = ("alpha",) if method == "ode" else ("run", "alpha")
    with xarray.open_dataset(trajectory.save(tmp_path / "file.h5"), engine="h5netcdf") as opened:
        assert opened.R.dims == (*time_axes, "student", "teacher")
        assert opened.Q.dims == (*time_axes, "student", "student_2")
        assert opened.v.dims == (*time_axes, "student") + (("output",) if outputs > 1 else ())
        assert opened.attrs == {"format": "stdyn", "format_version": 1} | expected.attrs
        assert opened.identical(expected.assign_attrs(opened.attrs))


def test_a_run_is_made_again_from_the_file_alone(saved):
    """The stored seed and problem give R bit by bit, also for a generator that had spawned streams before."""

    def made_again(path):
        old = load(path)
        seed = json.loads(old.attributes["seed"])
        sequence = np.random.SeedSequence(
            seed["entropy"], spawn_key=seed["spawn_key"], n_children_spawned=seed["n_children_spawned"]
        )
        rng = np.random.Generator(getattr(np.random, seed["bit_generator"])(sequence))
        return old, simulate_network(old.problem, old.alphas, old.runs, rng=rng)

    old, again = made_again(saved)
    assert_same(old, again)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(9, spawn_key=(3, 1))))
    rng.spawn(5)
    second = simulate_network(old.problem, old.alphas, 2, rng=rng)
    assert_same(second, made_again(second.save(saved.parent / "second.h5"))[1])
    assert not np.array_equal(second.R, old.R[:2])


# ---------------------------------------------------------------------------------------------------------------------
# What is refused


def test_an_existing_file_is_replaced_only_when_asked(saved):
    """Refused, the file stays byte by byte what it was; with overwrite=True it is the new one."""
    before, other = saved.read_bytes(), solved("ode", "bp")
    with pytest.raises(InputError, match=r"runs\.h5 exists"):
        other.save(saved)
    assert saved.read_bytes() == before
    other.save(saved, overwrite=True)
    assert_same(load(saved), other)
    assert [path.name for path in saved.parent.iterdir()] == ["runs.h5"]


def _missing(path):
    path.unlink()


def _folder(path):
    path.unlink()
    path.mkdir()


def _foreign(path):
    with h5py.File(path, "w") as file:
        file["R"] = np.zeros(3)


def _newer(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99


def _without(name):
    def spoil(path):
        with h5py.File(path, "r+") as file:
            del (file.attrs if name in file.attrs else file)[name]

    return spoil


def _cut(part):
    def spoil(path):
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])

    return spoil


REFUSED = {
    "missing": (_missing, "is not there"),
    "a folder": (_folder, "is not a file"),
    "text": (lambda path: path.write_text("eta = 0.5\n"), "is not an HDF5 file"),
    "empty": (_cut(0), "is not an HDF5 file"),
    "cut after 1 %": (_cut(0.01), "truncated"),
    "cut after a half": (_cut(0.5), "truncated"),
    "cut after 99 %": (_cut(0.99), "truncated"),
    "foreign HDF5": (_foreign, "not written by stdyn"),
    "another format": (_newer, "format 99, but this version of stdyn reads formats 1, 2 and 3"),
    "no version": (_without("format_version"), "format None"),
    "no R": (_without("R"), "holds no 'R'"),
    "no start": (_without("Q_start"), "holds no 'Q_start'"),
    "no alpha": (_without("alpha"), "holds no 'alpha'"),
    "no eta": (_without("eta"), "holds no 'eta'"),
    "no method": (_without("method"), "holds no 'method'"),
}


@pytest.mark.parametrize(("spoil", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_a_whole_stdyn_file_is_refused(saved, spoil, reason):
    """With an InputError that names the path and the reason."""
    spoil(saved)
    with pytest.raises(InputError) as error:
        load(saved)
    assert str(saved) in str(error.value)
    assert reason in str(error.value)


def test_every_truncation_is_seen(saved):
    """At 60 lengths over the whole file, down to one byte less."""
    whole = saved.read_bytes()
    for length in [*np.linspace(0, len(whole) - 2, 59, dtype=int), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"not an HDF5 file|truncated"):
            load(saved)


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_header_is_refused(saved, seed):
    """100 random bytes among the first 2000 overwritten: an InputError that names the path."""
    data, rng = bytearray(saved.read_bytes()), np.random.default_rng(seed)
    for position in rng.integers(100, 2000, 100):
        data[position] = rng.integers(256)
    saved.write_bytes(data)
    with pytest.raises(InputError, match=r"runs\.h5"):
        load(saved)


def test_a_folder_that_cannot_take_the_file_is_refused(tmp_path, monkeypatch):
    """It does not exist, is a file, cannot be written to, or the path itself is a folder."""
    trajectory = solved()
    (tmp_path / "file").write_text("")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    refused = {
        tmp_path / "nowhere" / "a.h5": "does not exist",
        tmp_path / "file" / "a.h5": "does not exist",
        closed / "a.h5": "cannot be written to",
    }
    with pytest.raises(InputError, match="is a folder"):
        trajectory.save(tmp_path)
    if os.access(closed, os.W_OK):  # the tests run as root, who may write anywhere

        def refuse(**_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for path, reason in refused.items():
        with pytest.raises(InputError, match=reason):
            trajectory.save(path)
    assert not list(closed.iterdir())


def test_a_link_at_the_temporary_files_name_is_not_written_through(saved, tmp_path, monkeypatch):
    """Even if somebody knew the name beforehand."""
    for module in (journal, paths):
        monkeypatch.setattr(module, "uuid4", lambda: SimpleNamespace(hex="known"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, victim = saved.read_bytes(), tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in (".known.tmp", "runs_known.h5"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(
        NotWritten, match=r"runs\.h5 cannot be written: File exists; nor can .*runs_known\.h5: File exists"
    ):
        solved().save(saved, overwrite=True)
    assert victim.read_bytes() == b"precious"
    assert saved.read_bytes() == before


# ---------------------------------------------------------------------------------------------------------------------
# What survives a failure


class _Broken(Exception):
    pass


@pytest.mark.parametrize(
    "where", [(h5py.Dataset, "make_scale"), (h5py.Group, "create_dataset"), (h5py.File, "__exit__"), (os, "replace")]
)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(saved, monkeypatch, where):
    """Wherever it fails: the old file is byte by byte the same, and no temporary one is left."""

    def broken(*_, **__):
        raise _Broken

    before, trajectory = saved.read_bytes(), solved()
    with monkeypatch.context() as patch:
        patch.setattr(*where, broken)
        with pytest.raises(_Broken):
            trajectory.save(saved, overwrite=True)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["runs.h5"]


FULL = """
import resource, sys, stdyn
trajectory = stdyn.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    trajectory.save(sys.argv[1], overwrite=True)
except OSError:
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("room", [4096, 16384])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(saved, room):
    """A file may not grow beyond `room` bytes: save raises OSError, and the process lives on."""
    before = saved.read_bytes()
    assert len(before) > room
    process = subprocess.run([sys.executable, "-c", FULL, saved, str(room)], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (7, "")
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["runs.h5"]


def _save_for_ever(sources, target, started):
    trajectories = [load(source) for source in sources]
    while True:
        for trajectory in trajectories:
            trajectory.save(target, overwrite=True)
        started.set()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path):
    """12 kills at random moments of repeated saves: the file is always one of the two, and no other ends in .h5."""
    known = [solved("ode", "fa"), solved("network", "bp", N=40)]
    sources = [trajectory.save(tmp_path / f"source_{j}") for j, trajectory in enumerate(known)]
    target = tmp_path / "target.h5"
    context, rng = multiprocessing.get_context("forkserver"), np.random.default_rng(3)
    context.set_forkserver_preload(["pytest", "xarray", "stdyn.theory.ode", "stdyn.simulation.runs"])
    for _ in range(12):
        started = context.Event()
        process = context.Process(target=_save_for_ever, args=(sources, target, started))
        process.start()
        assert started.wait(60)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join(60)
        assert process.exitcode == -9
        found = load(target)
        assert_same(found, known[0 if found.runs is None else 1])
    assert list(tmp_path.glob("*.h5")) == [target]
    found.save(target, overwrite=True)  # what a kill left behind is in nobody's way
