"""Run by test_command_signals.py in a process of its own: commands in forked children, which get a signal each.

signals_at_moments.py FOLDER MOMENTS COMMAND... prints a line of JSON for each signal and moment: exit code, stdout,
stderr, and what is wrong with the files that are left, if anything is. A fork has the compiled functions already.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np

import stdyn
from stdyn.command.main import main
from stdyn.files.store import kind
from stdyn.scans.points import FAILED
from stdyn.theory.fluctuations import load_fluctuations

SMALL = ("--N", "60", "--K", "2", "--M", "2", "--eta", "0.2", "--eta-v", "0.2")
LONG = ("--points", "2000", "--spacing", "linear", "--alpha-max")
NETS = ("mnist", "--widths", "9", "--rule", "fa", "bp", "--seeds", "1", "--epochs", "100000", "--batch", "7")
SCAN = ("scan", *SMALL, "--alpha-max", "50", "--vary", "draw={from=1, number=3000}")
# each with about how many seconds it takes until it is under way, and as many in which the signal may come
COMMANDS = {
    "network": (("simulate", *SMALL, "--runs", "2", *LONG, "200000"), 0.5),
    "reduced": (("simulate", *SMALL, "--method", "reduced", "--runs", "16", *LONG, "200000"), 0.5),
    "integrate": (("integrate", *SMALL, "--ode-method", "RK23", "--rtol", "1e-12", *LONG, "2000"), 0.5),
    "compare": (("compare", *SMALL, *LONG, "1000", "--runs", "3"), 1.5),
    "sizes": (("sizes", "--K", "2", "--M", "2", "--alpha-max", "20", "--sizes", "[10, 100, 1000, 10000]"), 1.5),
    "theory": (("theory", *SMALL, "--starts", "2000"), 1.0),
    "study": (("theory", *SMALL, "--vary", "sigma={from=0, to=0.3, number=200}"), 1.0),
    "scan": ((*SCAN, "--workers", "1"), 0.5),
    "scan_workers": ((*SCAN, "--workers", "2"), 6.0),
    "mnist": ((*NETS, "--workers", "1"), 0.5),
    "mnist_workers": ((*NETS, "--workers", "2"), 6.0),
}
READERS = {
    "trajectory": stdyn.load,
    "scan": lambda path: points(path),
    "training": lambda path: stdyn.open_training(path).histories,
    "fluctuations": load_fluctuations,
}


def child(arguments, folder):
    """Run the command in a folder, in this process, and end it."""
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["stdyn", *arguments]
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stopped(arguments, folder, number, delay, group):
    """Exit code, output and faults of a command that gets a signal after a while, alone or with all its processes."""
    folder.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        child(arguments, folder)
    time.sleep(delay)
    (os.killpg if group else os.kill)(pid, number)
    end = time.monotonic() + 60
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    faults = [] if is_empty(pid) else ["processes are left"]
    out, err = ((folder / name).read_text() for name in ("out", "err"))
    return {"code": os.waitstatus_to_exitcode(ended[1]), "out": out, "err": err, "wrong": wrong(folder) + faults}


def is_empty(group):
    """Whether all processes of a group end within ten seconds."""
    for _ in range(1000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def points(path):
    """The states of a scan's points, of which none has failed."""
    scan = stdyn.open_scan(path)
    assert FAILED not in scan.state
    return scan.summary


def wrong(folder):
    """What is wrong with the files in a folder: those that do not load, and those that nobody asked for."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("out", "err")):
        try:
            if path.suffix == ".h5":
                READERS[kind(path)](path)
            elif path.suffix == ".csv":
                assert len({line.count(",") for line in path.read_text().splitlines()}) == 1
            else:
                assert path.suffix == ".png"
        except Exception as error:
            found.append(f"{path.name}: {error!r}")
    return found


def warm(name, arguments, folder):
    """Load what the command needs, so that all children have it: a short one, in this process."""
    of = {"network": ["--alpha-max", "1"], "reduced": ["--alpha-max", "1"], "integrate": ["--alpha-max", "1"]}
    of |= {"compare": ["--alpha-max", "2"], "sizes": ["--alpha-max", "1", "--runs", "8"], "theory": ["--starts", "1"]}
    of |= {"mnist": ["--epochs", "1"], "mnist_workers": ["--epochs", "1", "--workers", "1"]}
    changed = of.get(name, [])
    for flag, value in zip(changed[::2], changed[1::2], strict=True):
        if flag in arguments:
            arguments = [*arguments[: (at := arguments.index(flag))], *arguments[at + 2 :]]
        arguments = [*arguments, flag, value]
    short = [*arguments]
    if name == "study":
        short[-1] = "sigma=[0.1, 0.2]"
    if name.startswith("scan"):
        short = [*SCAN[:-1], "draw=[1, 2]", "--workers", "1"]
    folder.mkdir(parents=True)
    pid = os.getcwd()
    os.chdir(folder)
    sys.argv = ["stdyn", *short]
    with open(os.devnull, "w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            main()
        finally:
            sys.stdout = before
            os.chdir(pid)


if __name__ == "__main__":
    root, moments, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    rng = np.random.default_rng(17)
    for name in names:
        arguments, longest = COMMANDS[name]
        warm(name, arguments, root / name / "warm")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for moment in range(moments):
                delay = rng.uniform(0.02, longest)
                group = name.endswith("workers") and moment % 2 == 0
                found = stopped(arguments, root / name / f"{number.name}_{moment}", number, delay, group)
                print(json.dumps({"name": name, "signal": int(number), "delay": delay} | found), flush=True)
