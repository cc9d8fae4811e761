"""Signals at any line of Python while HDF5 has a table open, in a process of its own: HDF5 may not survive one."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc, signal, sys
from pathlib import Path
import numpy as np
from stdyn.files.table import Table, create_table

STRIDE, USE = int(sys.argv[2]), sys.argv[3]
path = Path(sys.argv[1]) / "table.h5"
axes = {"point": (("point",), np.arange(5), "point")}
create_table(path, 5, {"x": ((), float, "x")}, axes, {"kind": "scan", "format_version": 1, "coordinates": ""})
printed = []
sys.excepthook = sys.unraisablehook = lambda *failed: printed.append(failed)

def use():
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
        if not any(part in frame.f_code.co_filename for part in ("files", "h5py")):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                signal.raise_signal(signal.SIGINT)
        return trace
    sys.settrace(trace)
    try:
        use()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False

line = 1
while signals_at(line):
    gc.collect()
    line += STRIDE
use()
print(line, len(printed))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("use", ["write", "read"])
def test_a_signal_while_a_table_is_open_is_raised_and_nothing_else_happens(tmp_path: Path, use: str) -> None:
    """The process lives, no destructor fails, and the file can be used at once."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path, "7", use], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines, printed = map(int, done.stdout.split())
    assert lines > 300  # of Python, in h5py and here
    assert printed == 0
