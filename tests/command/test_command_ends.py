"""Commands whose solution ends before the last alpha: what is in the file, what is said."""

import signal

import numpy as np
from command_helpers import SMALL

import stdyn
from stdyn.theory import stepping


def test_ctrl_c_during_integrate_leaves_a_file_that_loads(run, tmp_path, monkeypatch):
    """The alphas that were reached, as the whole solution has them."""
    assert run("integrate", *SMALL, "-o", "whole.h5")[0] == 0
    drift, count = stepping.drift, iter(range(10**9))

    def interrupted(*arguments):
        if next(count) == 45:
            signal.raise_signal(signal.SIGINT)
        return drift(*arguments)

    monkeypatch.setattr(stepping, "drift", interrupted)
    code, _, err = run("integrate", *SMALL, "-o", "part.h5")
    assert code == 130
    assert "interrupted at alpha = " in err
    assert "part.h5" in err
    whole, part = (stdyn.load(tmp_path / name) for name in ("whole.h5", "part.h5"))
    assert 1 <= len(part.alphas) < len(whole.alphas)
    np.testing.assert_array_equal(part.R, whole.R[: len(part.alphas)])


def test_a_scan_with_a_limit_of_steps_says_which_points_failed(run, tmp_path):
    """Stiff points fail with the reason; with more steps the same file goes on."""
    command = ("scan", *SMALL, "--vary", "decay=[0, 300]", "--rule", "bp", "--workers", "1", "--ode-method", "RK45")
    code, out, _ = run(*command, "--max-steps", "400")
    assert code == 0
    assert "1 done and 1 failed" in out
    assert "limit of steps" in out
    found = stdyn.open_scan(tmp_path / "data" / "scan.h5")
    assert found.state.tolist() == [1, 2]
    code, out, _ = run(*command, "--max-steps", "1000000", "--retry-failed")
    assert code == 0
    assert "2 done" in out
