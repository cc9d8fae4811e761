"""The scan command, killed, interrupted, out of room and in each other's way: nothing that was computed is lost."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import psutil
import pytest
import xarray

from stdyn import open_scan
from stdyn.files.journal import JournaledFile

pytestmark = pytest.mark.slow

CONFIG = """
K = 2
M = 2
N = 20
alpha_max = 60
points = 31

[vary]
eta = {from = 0.2, to = 0.8, number = 10}
draw = {from = 1, number = 30}
"""
POINTS = 600
KILLS = 20


@pytest.fixture
def folder(tmp_path):
    """A folder with the configuration of a scan of some seconds."""
    (tmp_path / "small.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The same scan, uninterrupted: every variable of its file."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.toml").write_text(CONFIG)
    done = finish(folder)
    assert done.returncode == 0, done.stderr
    return variables(folder / "data" / "small.h5")


def command(*options):
    """The scan of small.toml in a process of its own."""
    return [sys.executable, "-m", "stdyn", "scan", "small.toml", *map(str, options)]


@pytest.fixture
def start(start_process):
    """start(folder, …) runs the command in a session of its own, of which nothing is left after the test."""
    return lambda folder, *options, **more: start_process(command(*options), folder, **more)


def finish(folder, *options, workers=1, **more):
    """Run the command to its end; by default without processes for its points, which take seconds to start."""
    run = command("--workers", workers, *options)
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120, **more)


def variables(path):
    """Every variable of the file, read by h5py; of one killed in a commit, as its journal completes it."""
    with JournaledFile(path) as whole, h5py.File(whole) as file:
        return {name: np.asarray(dataset[()]) for name, dataset in file.items()}


def wait_for(condition, seconds=60, pause=0.01):
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(pause)


def wait_until_done(path, least):
    """Wait until at least so many points are in the file of a running scan."""
    wait_for(lambda: path.exists() and (open_scan(path).state == 1).sum() >= least, pause=0.1)  # not to be in its way


def alive(session):
    """Whether a process of the session is left."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


def assert_what_is_done_is_right(path, whole):
    """The file opens in h5py and xarray; each point marked done is bit by bit that of the whole scan. Counts them."""
    with JournaledFile(path) as whole_file, xarray.open_dataset(whole_file, engine="h5netcdf") as data:
        assert data.sizes["point"] == POINTS
    there = variables(path)
    done = there["state"] == 1
    assert (there["state"][~done] == 0).all()
    assert there.keys() == whole.keys()
    for name, values in there.items():
        rows = done if values.shape[:1] == done.shape else ()
        np.testing.assert_array_equal(values[rows], whole[name][rows], err_msg=name)
    return int(done.sum())


def assert_same(path, whole):
    """Bit by bit the file of the uninterrupted scan."""
    assert assert_what_is_done_is_right(path, whole) == POINTS


def test_killed_at_any_moment_it_goes_on_to_the_same_end(folder, start, whole):
    """SIGKILL at 20 random moments of one scan, each time resumed; half of them near the end of a commit.

    It is the process that writes the file that is killed, every fourth time one with workers.
    """
    path, rng, reached = folder / "data" / "small.h5", np.random.default_rng(1), 0
    for kill in range(KILLS):
        if reached == POINTS:  # on a fast machine: begin again, every kill is to hit a scan
            path.unlink()
            reached = 0
        process = start(folder, "--workers", 2 if kill % 4 == 3 else 1)
        if kill % 4 == 0:
            time.sleep(rng.uniform(0.2, 1.5))  # of starting up, or soon after
        else:
            before = path.stat().st_mtime_ns if path.exists() else 0
            wait_for(lambda before=before: path.exists() and path.stat().st_mtime_ns > before, 20)
            time.sleep(rng.uniform(0, 0.003) if kill % 2 else rng.uniform(0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        wait_for(lambda process=process: not alive(process.pid), 20)  # its workers end, too
        if path.exists():
            done = assert_what_is_done_is_right(path, whole)
            assert done >= reached
            reached = done
    assert finish(folder).returncode == 0
    assert_same(path, whole)
    assert not list((folder / "data").glob(".*.journal"))


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_file_and_says_how_to_go_on(folder, start, whole, workers):
    """SIGINT to all processes of the terminal: exit code 130, one line, nothing left running; it can be resumed."""
    path = folder / "data" / "small.h5"
    process = start(folder, "--workers", workers)
    wait_until_done(path, 20)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.count("\n") == 1, err
    done = assert_what_is_done_is_right(path, whole)
    assert 20 <= done < POINTS
    assert f"interrupted: {done} done of {POINTS} points in data/small.h5; the same call goes on from there" in err
    wait_for(lambda: not alive(process.pid), 20)
    again = finish(folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert_same(path, whole)


def test_a_worker_that_is_killed_is_noticed(folder, start, whole):
    """As by the kernel when memory runs out: exit code 1, one line, what had arrived is kept."""
    path = folder / "data" / "small.h5"
    process = start(folder, "--workers", 2)
    wait_until_done(path, 20)
    os.kill(a_worker(process.pid), signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "stdyn: the executor cannot go on (BrokenProcessPool" in err
    assert err.count("\n") == 1, err
    assert 20 <= assert_what_is_done_is_right(path, whole) < POINTS
    assert finish(folder).returncode == 0
    assert_same(path, whole)


def a_worker(parent):
    """A child of the process that solves points (and not the resource tracker of multiprocessing)."""
    children = psutil.Process(parent).children()
    return next(child.pid for child in children if any("spawn_main" in word for word in child.cmdline()))


def test_two_scans_do_not_write_one_file(folder, start, whole):
    """The second is refused at once, with or without --force, and the first goes on undisturbed."""
    path = folder / "data" / "small.h5"
    process = start(folder)
    wait_until_done(path, 1)
    os.kill(process.pid, signal.SIGSTOP)  # it does not end before the second has tried
    for options in ((), ("--force",)):
        second = finish(folder, *options)
        assert second.returncode == 2
        assert (
            second.stderr
            == "stdyn: error: data/small.h5 is being written by another process, or read by one right now\n"
        )
    os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_same(path, whole)


def limit_file_size(size):
    """For the child process: no file may grow beyond this size."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_may_not_grow_further(folder, start, whole, workers):
    """A limit on the size of files: exit code 1, one line that says so, what was written before is whole."""
    path = folder / "data" / "small.h5"
    process = start(folder, "--workers", workers)
    wait_until_done(path, 20)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not alive(process.pid), 20)
    before = assert_what_is_done_is_right(path, whole)
    full = finish(folder, workers=workers, preexec_fn=limit_file_size(path.stat().st_size + 300_000))
    assert full.returncode == 1
    assert full.stderr.startswith("stdyn: data/small.h5 cannot be written: File too large; ")
    assert full.stderr.count("\n") == 1, full.stderr
    assert before <= assert_what_is_done_is_right(path, whole) < POINTS
    assert finish(folder).returncode == 0
    assert_same(path, whole)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 800 kB; skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(small_disk, whole):
    """ENOSPC: exit code 1, one line; the file is whole, and goes on where there is room."""
    (small_disk / "small.toml").write_text(CONFIG)
    path = small_disk / "data" / "small.h5"
    full = finish(small_disk)
    assert full.returncode == 1
    assert full.stderr.startswith("stdyn: data/small.h5 cannot be written: No space left on device; ")
    assert full.stderr.count("\n") == 1, full.stderr
    assert 0 < assert_what_is_done_is_right(path, whole) < POINTS
    elsewhere = small_disk.parent / "elsewhere"
    shutil.copytree(small_disk, elsewhere)
    assert finish(elsewhere).returncode == 0
    assert_same(elsewhere / "data" / "small.h5", whole)


def test_a_disk_that_cannot_be_written(small_disk, whole):
    """A read-only file system: exit code 2 and the reason, at once, for a new scan as for one to go on with."""
    (small_disk / "small.toml").write_text(CONFIG)
    finish(small_disk)  # as far as there is room
    before = (small_disk / "data" / "small.h5").read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for options in ((), ("--force",), ("-o", "data/other.h5")):
        refused = finish(small_disk, *options)
        assert refused.returncode == 2
        assert refused.stderr.startswith("stdyn: error: ")
        assert "Read-only file system" in refused.stderr
        assert refused.stderr.count("\n") == 1, refused.stderr
    assert (small_disk / "data" / "small.h5").read_bytes() == before
    assert assert_what_is_done_is_right(small_disk / "data" / "small.h5", whole) > 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(folder):
    """Exit code 2, the folder named, before any work; likewise a file that may only be read."""
    (folder / "data").mkdir(mode=0o500)
    refused = finish(folder)
    assert refused.returncode == 2
    assert "the folder data cannot be written to" in refused.stderr
    (folder / "data").chmod(0o700)
    assert finish(folder).returncode == 0
    (folder / "data" / "small.h5").chmod(0o400)
    refused = finish(folder)
    assert refused.returncode == 2
    assert "data/small.h5 cannot be opened: Permission denied" in refused.stderr
