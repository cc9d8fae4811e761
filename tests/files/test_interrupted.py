"""Signals at any line of Python while a file is locked, or HDF5 has it open, in a process that may not survive one."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc, signal, sys, traceback
from pathlib import Path
import numpy as np
from stdyn import stopping
from stdyn.files.paths import reserved
from stdyn.files.table import Table, create_table

STRIDE, USE = int(sys.argv[2]), sys.argv[3]
path = Path(sys.argv[1]) / "table.h5"
axes = {"point": (("point",), np.arange(5), "point")}
create_table(path, 5, {"x": ((), float, "x")}, axes, {"kind": "scan", "format_version": 1, "coordinates": ""})
printed, frames = [], []
sys.excepthook = sys.unraisablehook = lambda *failed: printed.append(failed)

def use():
    if USE == "reserve":
        with reserved(path):
            return
    with Table(path, writable=USE == "write") as table:
        if USE == "write":
            table.put({0: {"x": 1.0}})
            table.commit()
        else:
            assert table.variables()["x"][1].shape == (5,)

def signals_at(line):
    seen = 0
    def trace(frame, event, _):
        nonlocal seen
        if not any(part in frame.f_code.co_filename for part in ("files", "h5py", "contextlib", "stopping")):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                frames[:] = [f"{each.filename}:{each.lineno}" for each in traceback.extract_stack(frame)[-3:]]
                signal.raise_signal(signal.SIGINT)
        return trace
    sys.settrace(trace)
    try:
        use()
    except KeyboardInterrupt:
        pass
    else:
        return False
    finally:
        sys.settrace(None)
    gc.collect()
    left = {each.name for each in path.parent.iterdir()} - {path.name}
    handler = signal.getsignal(signal.SIGINT)
    if left or stopping._here or handler is not signal.default_int_handler:
        sys.exit(f"at line {line}, {frames}: {left}, {stopping._here}, {handler}")
    return True

line = 1
while signals_at(line):
    line += STRIDE
use()
print(line, len(printed))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(("use", "stride", "least"), [("write", 7, 300), ("read", 7, 300), ("reserve", 1, 20)])
def test_a_signal_while_a_file_is_open_is_raised_and_nothing_else_happens(
    tmp_path: Path, use: str, stride: int, least: int
) -> None:
    """The process lives, no destructor fails, nothing is left beside the file, and it can be used at once."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path, str(stride), use], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines, printed = map(int, done.stdout.split())
    assert lines > least  # of Python, in h5py and here
    assert printed == 0
