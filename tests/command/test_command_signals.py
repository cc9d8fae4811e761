"""Every signal at random moments of every command that takes long: what was recorded is in a file that loads."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from stdyn.command.main import _destructors_in_silence

MOMENTS = int(os.environ.get("STDYN_MOMENTS", "2"))  # of each signal and command; 10 take half an hour
SCRIPT = Path(__file__).with_name("signals_at_moments.py")
COMMANDS = (
    "network", "reduced", "integrate", "compare", "sizes", "theory", "study", "scan", "mnist", "scan_workers",
    "mnist_workers",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals and fork")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_any_moment_loses_nothing(tmp_path, image_folder, command):
    """Exit code 128 + its number, one line on stderr; every file loads, and no temporary one or lock is left."""
    environment = os.environ | {"STDYN_MNIST": str(image_folder)}
    call = [sys.executable, SCRIPT, tmp_path, str(MOMENTS if "workers" not in command else -(-MOMENTS // 3)), command]
    process = subprocess.run(call, capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr
    every = [json.loads(line) for line in process.stdout.splitlines()]
    assert len(every) >= 3
    for one in every:
        assert one["wrong"] == [], one
        assert "Traceback" not in one["err"], one
        assert one["code"] in (128 + one["signal"], 0), one
        if one["code"]:
            assert "interrupted" in one["err"], one
            lines = [line for line in one["err"].splitlines() if "resource_tracker" not in line]  # of a fork that ends
            assert 1 <= len(lines) <= 2, one  # one more if something is compiled
    assert any(one["code"] for one in every)
    recorded = [one for one in every if "what was recorded until then is in " in one["err"]]
    assert recorded or command not in ("network", "reduced")


def test_what_fails_in_a_destructor_is_said_before_a_signal_only(monkeypatch):
    """A signal in the middle of one makes another error of it; an interruption comes through all the same."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failed: said.append(failed.exc_type))

    class Fails:
        error = RuntimeError

        def __del__(self):
            raise self.error

    signals = SimpleNamespace(first=None)
    with _destructors_in_silence(signals):
        Fails()
        signals.first = signal.SIGTERM
        Fails()
        Fails.error = KeyboardInterrupt
        Fails()
    assert said == [RuntimeError, KeyboardInterrupt]


def test_what_cython_prints_of_a_destructor_is_printed_before_a_signal_only(monkeypatch):
    """h5py's destructors hand what fails to `sys.excepthook` too: here that of a file in memory, closed before."""
    said = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: said.append(kind))
    monkeypatch.setattr(sys, "unraisablehook", lambda failed: None)
    signals = SimpleNamespace(first=None)

    def let_go():
        image = io.BytesIO()
        file = h5py.File(image, "w")
        file["x"] = np.arange(10)
        image.close()
        del file

    with _destructors_in_silence(signals):
        let_go()
        before = len(said)
        signals.first = signal.SIGTERM
        let_go()
    assert before == len(said) > 0
