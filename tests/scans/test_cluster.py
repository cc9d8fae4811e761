"""A scan on a Dask cluster of real processes: the same file bit for bit, whichever of them is killed while it runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import h5py
import numpy as np
import pytest

from stdyn import InputError, open_scan

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs process groups and SIGKILL"),
]

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
from stdyn.command.main import main
main()
"""
PATIENCE = 60  # seconds after which what was to happen has not


@contextmanager
def started(*arguments, **options):
    """A process of this Python in a group of its own, which is killed where the block ends."""
    process = subprocess.Popen([sys.executable, *arguments], start_new_session=True, **options)
    try:
        yield process
    finally:
        kill(process)


def kill(process):
    """End a process and its group without a warning, if it has not ended."""
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
        self.environment = os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}  # to a worker that is dead
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
            where = {"cwd": self.folder, "env": self.environment, "stdout": file, "stderr": file}
            return self.stack.enter_context(started(*call, **where))


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
    count = len(expected["point"])
    for name, there in expected.items():
        a, b = (each[points] if there.ndim and len(there) == count else each for each in (values[name], there))
        assert (a.dtype, a.shape, bits(a)) == (b.dtype, b.shape, bits(b)), name


def bits(values):
    """What an array holds: its bytes, or the texts that its bytes point to."""
    return values.tolist() if values.dtype == object else values.tobytes()


def test_a_cluster_gives_the_same_bits(cluster, folder, expected):
    """Every variable of the file is bit for bit that of one process."""
    with scan(folder, "--scheduler", cluster.address) as process:
        code, out, err = finished(process)
    assert (code, err) == (0, "")
    assert "wrote scan.h5" in out
    assert_equal(contents(folder / "scan.h5"), expected)


CUT = """
import sys
from unittest import mock
import stdyn
from distributed import Client
from distributed.comm import CommClosedError

fetch, calls = Client._gather, []

async def cut(self, futures, *rest, **options):
    calls.append(futures)
    if len(calls) == 2:  # the worker that has it, or the connection to the scheduler, ends while it is fetched
        raise CommClosedError("cut")
    result = await fetch(self, futures, *rest, **options)
    if len(calls) == 4:  # the worker that had it dies before anyone has looked at it
        futures[0]._state.lose()
    return result

experiment = stdyn.Experiment(K=1, M=1, alpha_max=1, points=3, rule="bp")
points = stdyn.Variations(experiment, {"draw": range(8)})
stdyn.scan(points, experiment.alphas(), "here.h5")
with Client(sys.argv[1]) as client, mock.patch.object(Client, "_gather", cut):
    stdyn.scan(points, experiment.alphas(), "there.h5", executor=stdyn.ClusterExecutor(client), in_flight=1)
assert len(calls) == 9, len(calls)
"""


def test_a_result_whose_way_is_cut_off_is_fetched_again(cluster, folder):
    """The connection, or the worker after it has answered; with Dask's own executor the point would never end."""
    with started("-c", CUT, cluster.address, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        code, _, err = finished(process)
    assert (code, err) == (0, "")
    here, there = (contents(folder / name) for name in ("here.h5", "there.h5"))
    assert (there["state"] == 1).all()
    assert_equal(there, here)


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
    """Exit 130 and one line; what had arrived is in the file; the same command on the same cluster solves the rest."""
    with scan(folder, "--scheduler", cluster.address) as process:
        wait_for(lambda: done(folder))
        process.send_signal(signal.SIGINT)
        assert_ended_early(finished(process), "interrupted", "goes on from there", exit_code=130)
    assert_some_arrived(folder, expected)
    with scan(folder, "--scheduler", cluster.address) as process:
        assert finished(process)[0] == 0
    assert_equal(contents(folder / "scan.h5"), expected)


def assert_ended_early(result, *words, exit_code=1):
    """Exit code 1, or that of a signal, and one line on stderr that has these words."""
    code, _, err = result
    assert code == exit_code, err
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


def port(stack, silent):
    """The address of a port of this machine at which nobody listens, or at which somebody does who says nothing."""
    taken = stack.enter_context(socket.socket())
    taken.bind(("127.0.0.1", 0))
    if silent:
        taken.listen()
    return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


def test_a_scheduler_that_cannot_be_used_is_refused(folder):
    """Exit 2 within 30 s, a line that names it, and no file: nobody there, no answer, no address, and --workers too."""
    with ExitStack() as stack:
        nobody, silent = port(stack, False), port(stack, True)
        cases = {(address,): repr(address) for address in (nobody, silent, "nonsense", "tcp://", "tls://127.0.0.1:1")}
        cases |= {(silent, "--workers", "2"): "workers and scheduler exclude each other"}
        began = time.monotonic()
        running = {case: stack.enter_context(scan(folder, "--scheduler", *case)) for case in cases}
        for case, process in running.items():
            code, _, err = finished(process)
            assert code == 2, err
            assert err.startswith("stdyn: error: ")
            assert err.count("\n") == 1, err
            assert "scheduler" in err
            assert cases[case] in err
        assert time.monotonic() - began < 30
    assert not (folder / "scan.h5").exists()
