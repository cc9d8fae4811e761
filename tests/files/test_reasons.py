"""Why a file cannot be read or written is said as it is: "damaged" only of what is damaged."""

import errno
import os
import shutil
import subprocess
import sys

import h5py
import pytest
from test_store import assert_same, solved

from stdyn import Experiment, InputError, Variations, load, open_scan, scan
from stdyn.files import journal, paths
from stdyn.files.journal import JournaledFile, settled

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def saved(tmp_path):
    """The path of a good file."""
    return solved("network").save(tmp_path / "runs.h5")


@pytest.fixture
def points(tmp_path):
    """The file of a small scan, finished."""
    experiment = Experiment(K=2, M=2, alpha_max=2)
    variations = Variations(experiment, {"draw": (1, 2)})
    scan(variations, experiment.alphas()[:4], tmp_path / "scan.h5")
    return tmp_path / "scan.h5", variations, experiment.alphas()[:4]


def reason(function, *arguments):
    """Why it is refused."""
    with pytest.raises(InputError) as error:
        function(*arguments)
    return str(error.value)


# ---------------------------------------------------------------------------------------------------------------------
# Files that can be read


def without_locks(*_):
    """A file system without locks, as on many clusters."""
    raise OSError(errno.ENOLCK, "No locks available")


def test_without_locks_files_are_read_and_written(saved, points, monkeypatch):
    """flock fails with ENOLCK: trajectories and scans are read, a scan is gone on with, journals are written."""
    before, state = load(saved), open_scan(points[0]).state
    monkeypatch.setattr(fcntl, "flock", without_locks)
    assert_same(load(saved), before)
    assert open_scan(points[0]).state.tolist() == state.tolist()
    path, variations, alphas = points
    path.unlink()
    scan(variations, alphas, path)
    assert (open_scan(path).state == 1).all()
    with JournaledFile(path, writable=True) as file:
        file.seek(0, os.SEEK_END)
        file.write(b"more")
        file.commit()
    assert settled(path)[1] == path.stat().st_size


HOLD = """
import sys, h5py
with h5py.File(sys.argv[1], "a") as file:
    file.attrs["seen"] = "by somebody"
    file.flush()
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["trajectory", "scan"])
def test_a_file_that_another_program_has_open_for_writing_is_read(saved, points, kind):
    """A process with h5py in mode "a" holds HDF5's lock; h5py itself refuses then."""
    path = saved if kind == "trajectory" else points[0]
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(BlockingIOError):
            h5py.File(path, locking=True)
        if kind == "trajectory":
            assert load(path).attributes["seen"] == "by somebody"
        else:
            assert (open_scan(path).state == 1).all()
            assert "is being written by another process" in reason(lambda: scan(*points[1:], path))
        process.communicate("")


def test_a_link_to_a_file_is_read(saved, tmp_path):
    """The file itself may be reached by a symbolic link."""
    link = tmp_path / "link.h5"
    link.symlink_to(saved)
    assert_same(load(link), load(saved))


# ---------------------------------------------------------------------------------------------------------------------
# Files that cannot


def test_each_reason_is_told(saved, tmp_path, monkeypatch):
    """Missing, a folder, a pipe, no permission, not HDF5, empty, truncated, damaged, another version, being written."""
    size, content = saved.stat().st_size, saved.read_bytes()
    assert f"{tmp_path / 'no.h5'} is not there" in reason(load, tmp_path / "no.h5")
    assert "is not a file" in reason(load, tmp_path)
    os.mkfifo(tmp_path / "pipe.h5")
    assert "pipe.h5 is not a file" in reason(load, tmp_path / "pipe.h5")
    assert "cannot be reached: File name too long" in reason(load, tmp_path / ("x" * 300))
    other = tmp_path / "other.h5"
    other.write_text("alpha,R\n0,1\n")
    assert "is not an HDF5 file" in reason(load, other)
    other.write_bytes(b"")
    assert "is not an HDF5 file, but empty" in reason(load, other)
    other.write_bytes(content[: size // 2])
    assert f"is truncated: it has {size // 2} bytes of {size}" in reason(load, other)
    other.write_bytes(content[:50])
    assert "is truncated: it has 50 bytes" in reason(load, other)
    other.write_bytes(content[:8] + b"\x09" + content[9:])
    assert "of a version that this HDF5" in reason(load, other)
    start = content.index(b"OHDR")
    other.write_bytes(content[: start + 20] + b"\xff" * 8 + content[start + 28 :])
    assert "is a damaged HDF5 file" in reason(load, other)
    for word in ("damaged", "truncated"):
        assert word not in reason(load, tmp_path / "no.h5")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be read: permission denied" in reason(load, saved)


def test_a_file_left_open_by_a_killed_program_is_read(saved, tmp_path):
    """The newest format of HDF5 marks a file that is open for writing; h5py refuses such a one."""
    path, copy = tmp_path / "new.h5", tmp_path / "copy.h5"
    with h5py.File(saved) as old, h5py.File(path, "w", libver="latest") as file:
        for name in old:
            old.copy(name, file)
        for name, value in old.attrs.items():
            file.attrs[name] = value
        file.flush()
        shutil.copy(path, copy)
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(copy)
    assert_same(load(copy), load(saved))


@pytest.mark.parametrize("at", [0, 1, 5, 20, 60])
def test_a_disk_that_fails_is_not_called_damage(saved, monkeypatch, at):
    """Wherever in the file the read fails, the system's reason is given."""
    real, calls = journal._read_into, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) > at:
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments)

    monkeypatch.setattr(journal, "_read_into", failing)
    found = reason(load, saved)
    assert "Input/output error" in found
    assert "damaged" not in found
    assert str(saved) in found


def test_a_name_that_is_too_long_cannot_be_written(tmp_path):
    """Nor a folder that cannot be reached."""
    assert "its name must have at most 255 bytes, but has 300" in reason(
        paths.check_target, tmp_path / ("x" * 300), False
    )
    assert "File name too long" in reason(paths.check_target, tmp_path / ("x" * 300) / "a.h5", False)
