"""A scan on a Dask cluster of real processes: the same file bit for bit, whichever of them is killed while it runs."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import h5py
import numpy as np
import pytest

from stdyn import InputError, open_scan

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs process groups and SIGKILL")

POINTS = 60  # of some 40 ms each
CONFIG = f"""
K = 3
M = 3
rule = "fa"
alpha_max = 3000
points = 21
ode_method = "LSODA"
rtol = 1e-12

[vary]
draw = {{from = 1, number = {POINTS}}}
"""
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told us to ignore it
from stdyn.cli import main
main()
"""
PATIENCE = 60  # seconds after which what was to happen has not


@contextmanager
def started(*arguments, **options):
    """A process of this Python in a group of its own; nothing of the group outlives the block."""
    process = subprocess.Popen([sys.executable, *arguments], start_new_session=True, **options)
    try:
        yield process
    finally:
        kill(process)


def kill(process):
    """End a process and all it has started, without a warning."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_for(question):
    """Ask until the answer is not None or False, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise TimeoutError(f"{question} got no answer within {PATIENCE} s")


class Cluster:
    """A scheduler and two workers on this machine."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        where = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", where, "--idle-timeout", "10 minutes"
        )
        self.address = wait_for(lambda: address_in(where))
        self.workers = [
            self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", folder, log=log)
            for log in ("a", "b")
        ]
        for log in ("a", "b"):
            wait_for(lambda log=log: "Registered to" in (folder / f"worker_{log}.log").read_text())

    def _start(self, kind, *arguments, log=""):
        with open(self.folder / f"{kind}_{log}.log", "w") as file:
            call = ["-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *map(str, arguments)]
            return self.stack.enter_context(started(*call, cwd=self.folder, stdout=file, stderr=file))


def address_in(path):
    """The address in the file that a scheduler writes, once it is there."""
    try:
        return json.loads(path.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers that take their first task at once."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with ExitStack() as stack:
        yield Cluster(folder, stack)


@pytest.fixture
def folder(tmp_path):
    """Where the command runs."""
    (tmp_path / "scan.toml").write_text(CONFIG)
    return tmp_path


def scan(folder, *options):
    """`stdyn scan` as a process."""
    call = ["-c", COMMAND, "scan", "scan.toml", "-o", "scan.h5", *options]
    return started(*call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    """Exit code, stdout and stderr of a process that is to end by itself."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def done(folder):
    """How many points of a scan are done, whether it runs or not."""
    try:
        return int((open_scan(folder / "scan.h5").state == 1).sum())
    except InputError:  # not there yet
        return 0


def contents(path):
    """Every data set of a file."""
    with h5py.File(path) as file:
        return {name: np.asarray(data[()]) for name, data in file.items()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same scan in one process."""
    folder = tmp_path_factory.mktemp("expected")
    (folder / "scan.toml").write_text(CONFIG)
    with scan(folder, "--workers", "1") as process:
        code, _, err = finished(process)
    assert (code, err) == (0, "")
    values = contents(folder / "scan.h5")
    assert (values["state"] == 1).all()
    return values


def assert_equal(values, expected, points=slice(None)):
    """Bit for bit, NaN and texts too, at these points."""
    assert list(values) == list(expected)
    for name, there in values.items():
        of_points = there.ndim and len(there) == POINTS
        a, b = (each[points] if of_points else each for each in (there, expected[name]))
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        assert (a.tolist() if a.dtype == object else a.tobytes()) == (b.tolist() if b.dtype == object else b.tobytes())


def test_a_cluster_gives_the_same_bits(cluster, folder, expected):
    """Every variable of the file is bit for bit that of one process."""
    with scan(folder, "--scheduler", cluster.address) as process:
        code, out, err = finished(process)
    assert (code, err) == (0, "")
    assert "wrote scan.h5" in out
    assert_equal(contents(folder / "scan.h5"), expected)


def test_a_killed_worker_changes_nothing(cluster, folder, expected):
    """Its points are solved by the other one."""
    with scan(folder, "--scheduler", cluster.address) as process:
        wait_for(lambda: done(folder))
        kill(cluster.workers[0])
        assert done(folder) < POINTS
        code, _, err = finished(process)
    assert (code, err) == (0, "")
    assert_equal(contents(folder / "scan.h5"), expected)


def test_a_killed_scheduler_ends_the_scan_which_goes_on_without_it(cluster, folder, expected):
    """Exit 1 and one line; what had arrived is in the file; the same command in one process solves the rest."""
    with scan(folder, "--scheduler", cluster.address) as process:
        wait_for(lambda: done(folder))
        kill(cluster.scheduler)
        assert_ended_early(finished(process), "cannot go on", "goes on from there")
    arrived = assert_some_arrived(folder, expected)
    with scan(folder, "--workers", "1") as process:
        code, out, _ = finished(process)
    assert code == 0
    assert f"{POINTS} done" in out
    assert arrived < POINTS
    assert_equal(contents(folder / "scan.h5"), expected)


def test_ctrl_c_on_a_cluster_leaves_a_file_that_goes_on(cluster, folder, expected):
    """Exit 1 and one line; what had arrived is in the file; the same command on the same cluster solves the rest."""
    with scan(folder, "--scheduler", cluster.address) as process:
        wait_for(lambda: done(folder))
        process.send_signal(signal.SIGINT)
        assert_ended_early(finished(process), "interrupted", "goes on from there")
    assert_some_arrived(folder, expected)
    with scan(folder, "--scheduler", cluster.address) as process:
        assert finished(process)[0] == 0
    assert_equal(contents(folder / "scan.h5"), expected)


def assert_ended_early(result, *words):
    """Exit code 1 and one line on stderr that has these words."""
    code, _, err = result
    assert code == 1, err
    assert err.startswith("stdyn: ")
    assert err.count("\n") == 1, err
    for word in words:
        assert word in err


def assert_some_arrived(folder, expected):
    """Some points are done and right, the others are still to be solved; the number of those done."""
    values = contents(folder / "scan.h5")
    arrived = values["state"] == 1
    assert 0 < arrived.sum() < POINTS
    assert (values["state"][~arrived] == 0).all()
    assert_equal(values, expected, arrived)
    return int(arrived.sum())
