"""How many cores there are, by what a machine says of them."""
# ruff: noqa: PT012  (workers are ended by what leaves their block)

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait

import numpy as np
import pytest
from conftest import random_problem

from stdyn import ScanStopped, Training, TrainingStopped, executors, open_scan, open_training, scan, train
from stdyn.executors import cores
from stdyn.stopping import stoppable

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/system/job\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
V1 = {"proc/self/cgroup": "5:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, HERE),
        (V2 | {"sys/fs/cgroup/system/job/cpu.max": "100000 100000\n"}, 1),
        (V2 | {"sys/fs/cgroup/system/job/cpu.max": "50000 100000\n"}, 1),
        (V2 | {"sys/fs/cgroup/system/job/cpu.max": "max 100000\n"}, HERE),
        (
            V2 | {"sys/fs/cgroup/system/job/cpu.max": "max 100000\n", "sys/fs/cgroup/system/cpu.max": "80000 100000\n"},
            1,
        ),
        (V2 | {"sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),  # of a container its own root
        (V2 | {"sys/fs/cgroup/system/job/cpu.max": "100000000 100000\n"}, HERE),
        (V2 | {"sys/fs/cgroup/system/job/cpu.max": "nonsense\n"}, HERE),
        (V1 | {f"sys/fs/cgroup/cpu/job/cpu.cfs_{n}_us": t for n, t in (("quota", "70000"), ("period", "100000"))}, 1),
        (V1 | {f"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_{n}_us": t for n, t in (("quota", "99"), ("period", "100"))}, 1),
        (V1 | {f"sys/fs/cgroup/cpu/job/cpu.cfs_{n}_us": t for n, t in (("quota", "-1"), ("period", "100000"))}, HERE),
        (V1 | {f"sys/fs/cgroup/memory/job/cpu.cfs_{n}_us": t for n, t in (("quota", "1"), ("period", "100"))}, HERE),
    ],
)
def test_a_quota_of_the_control_groups_counts(tmp_path, files, expected):
    """Versions 1 and 2, of the group itself and of those around it; a part of a core is one."""
    assert cores({}, machine(tmp_path, files)) == expected


@pytest.mark.skipif(HERE < 2, reason="with one core a quota of 1.5 is no less")
def test_a_part_of_a_core_more_is_a_core_more(tmp_path):
    assert cores({}, machine(tmp_path, V2 | {"sys/fs/cgroup/system/job/cpu.max": "150000 100000\n"})) == 2


@pytest.mark.parametrize(("said", "expected"), [("3", 3), ("0", HERE), ("default", HERE), ("", HERE)])
def test_the_number_that_python_is_told_is_ours(tmp_path, said, expected):
    assert cores({"PYTHON_CPU_COUNT": said}, tmp_path) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits")
def test_worker_processes_that_cannot_be_started_say_so(monkeypatch):
    """No file may grow, and what they share in memory is one; or there are too many processes."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    code = limit + "from stdyn import processes\nwith processes(1): pass"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    words = "worker processes cannot be started: "
    assert process.stderr.splitlines()[-1].startswith(f"OSError: {words}File too large (--workers 1,")

    def refused(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with executors.processes(1) as pool:
        monkeypatch.setattr(ProcessPoolExecutor, "submit", refused)
        with pytest.raises(OSError, match=f"^{words}Resource temporarily unavailable"):
            pool.submit(abs, 1)


def test_one_worker_says_for_all_that_kernels_are_compiled():
    """The first one that starts; here nobody is a worker."""
    assert executors.worker_number() is None
    with executors.processes(2) as pool:
        found = {each.result() for each in [pool.submit(_who) for _ in range(20)]}
    assert found <= {(0, False), (1, True)}


def _who():
    """The number of a worker, and whether it is silent, as one that solves points of a scan is."""
    from stdyn.kernels.compile import _compilations
    from stdyn.scans import points

    assert points.DONE == 1
    return executors.worker_number(), _compilations.silent


def test_a_pool_that_is_left_by_an_exception_ends_its_own_workers_only():
    """Not those of a pool that was begun later, such as of a scan in a notebook beside an explorer that is closed."""
    with ExitStack() as other:
        with pytest.raises(KeyboardInterrupt), executors.processes(1) as pool:
            pool.submit(abs, 1).result()
            (worker,) = pool._processes.values()
            later = other.enter_context(executors.processes(1))
            number = later.submit(os.getpid).result()
            raise KeyboardInterrupt
        assert wait([worker.sentinel], 10)
        assert later.submit(os.getpid).result() == number


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_worker_ends_when_it_is_told_to_whatever_it_is_doing():
    """Also while it solves: an interruption would be the result of a point, and the worker would wait for more."""
    with pytest.raises(BrokenProcessPool), executors.processes(1) as pool:
        assert pool.submit(_terminated).result() != "went on"


def _terminated():
    """In a worker: SIGTERM in the middle of work that a signal interrupts elsewhere."""
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
    except KeyboardInterrupt:
        return "went on"
    return "not ended"


def test_a_worker_that_dies_while_its_work_is_cancelled_is_no_traceback(monkeypatch):
    """As when SIGTERM comes to all processes of a scan; before, the thread of Python 3.11's pool ended in one."""
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    with pytest.raises(KeyboardInterrupt), executors.processes(1) as pool:
        worker = pool.submit(os.getpid).result()
        futures = [pool.submit(time.sleep, 60) for _ in range(20)]
        time.sleep(0.2)
        thread = pool._executor_manager_thread
        assert all(future.cancel() for future in futures[5:])  # those before are in a worker's hands
        os.kill(worker, signal.SIGKILL)
        assert isinstance(futures[0].exception(10), BrokenProcessPool)
        thread.join(10)
        raise KeyboardInterrupt
    assert not thread.is_alive()
    assert raised == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_worker_killed_while_it_writes_a_result_does_not_hold_those_who_wait(tmp_path, image_folder):
    """The pool itself would wait for the rest of the result for ever; what has arrived is kept."""
    problems = [random_problem(2, 2, seed=seed) for seed in range(20)]
    with pytest.raises(ScanStopped, match="a worker process ended"), executors.processes(1) as pool:
        pool.submit(_is_killed_at, 4).result()
        scan(problems, np.linspace(0, 20, 21), tmp_path / "scan.h5", executor=pool)
    assert open_scan(tmp_path / "scan.h5").state.tolist() == [1] + [0] * 19  # after the trial
    training = Training(rule="fa", widths=(9,), epochs=9, batch=7, seeds=(1, 2))
    with pytest.raises(TrainingStopped, match="a worker process ended"), executors.processes(1) as pool:
        pool.submit(_is_killed_at, 9).result()
        train(training, tmp_path / "training.h5", image_folder, pool)
    assert open_training(tmp_path / "training.h5").epochs_done.sum() > 0


def _is_killed_at(message):
    """In a worker: have it killed in the middle of writing the result of this number, which counts this one."""
    send, sent = Connection._send, []

    def counted(self, data):
        sent.append(data)
        if len(sent) == message:
            os.write(self.fileno(), data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        send(self, data)

    Connection._send = counted
