"""Commands whose solution ends before the last alpha: what is in the file, what is said."""

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_helpers import RUNS, SMALL

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


@pytest.mark.parametrize(
    ("command", "options", "file"),
    [
        ("integrate", SMALL, "ode"),
        ("simulate", (*SMALL, *RUNS), "network"),
        ("simulate", (*SMALL, *RUNS, "--method", "reduced"), "reduced"),
        ("compare", (*SMALL, *RUNS), "reference_bp_reduced"),
        ("sizes", ("--K", "2", "--M", "2", "--runs", "8", "--sizes", "[10, 20, 30]"), "sizes_bp_N30"),
        ("theory", (*SMALL, "--starts", "0"), "theory_bp_ode"),
        ("scan", (*SMALL, "--vary", "sigma=[0, 0.1]", "--workers", "1"), "scan"),
    ],
)
def test_what_recorded_the_start_alone_is_no_success(run, tmp_path, recwarn, command, options, file):
    """Everything overflows in the first step: exit 1, the last line says so and where the start is; no figures."""
    warnings.simplefilter("default")
    code, _, err = run(command, *options, "--eta", "1e20")
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("stdyn: only the start")
    assert "before the next alpha" in last
    assert f"data/{file}.h5" in last
    assert not (tmp_path / "figures").exists()
    if command == "scan":
        scan = stdyn.open_scan(tmp_path / "data" / "scan.h5")
        found = [scan.trajectory(point) for point in range(len(scan))]
    else:
        found = [stdyn.load(tmp_path / "data" / f"{file}.h5")]
    assert [each.alphas.tolist() for each in found] == [[0.0]] * len(found)


def test_a_study_that_finds_nothing_is_no_success(run, tmp_path, recwarn):
    """Every point diverges at once: exit 1, and where the table is; no figures."""
    warnings.simplefilter("default")
    code, _, err = run("theory", *SMALL, "--eta", "1e20", "--vary", "sigma=[0, 0.1]")
    assert code == 1
    assert err.endswith(
        "stdyn: nothing was found at any sigma, not one number; the table is in data/theory_against_sigma.csv\n"
    )
    assert len((tmp_path / "data" / "theory_against_sigma.csv").read_text().splitlines()) == 5
    assert not (tmp_path / "figures").exists()


def test_compare_goes_on_where_nothing_can_be_compared(run, tmp_path, recwarn, monkeypatch):
    """Runs that diverge at once are said to be no comparison; those of the other method are compared."""
    from stdyn.simulation import runs

    simulate = runs.simulate_network

    def diverging(problem, *arguments, **keywords):
        return simulate(replace(problem, eta=1e20), *arguments, **keywords)

    monkeypatch.setattr(runs, "simulate_network", diverging)
    warnings.simplefilter("default")
    code, out, _ = run("compare", *SMALL, *RUNS, "--rule", "fa", "--no-fluctuations")
    assert code == 0
    assert "fa: network runs: nothing is left to compare" in out
    assert "fa: 3 reduced runs at N = 30 against the ODEs" in out
    assert (tmp_path / "figures" / "reference_generalization.png").exists()


@pytest.mark.parametrize("command", ["compare", "integrate", "plot", "scan", "sizes", "theory"])
def test_a_signal_before_anything_is_done_says_so(run, tmp_path, monkeypatch, command):
    """In one line, and that is true: nothing is written."""
    options = {"scan": ("--vary", "sigma=[0.1]"), "plot": ("a.h5",)}.get(command, ())
    monkeypatch.setattr(
        "stdyn.command.plot.check_makeable" if command == "plot" else "stdyn.model.experiment.Experiment.alphas",
        lambda _: signal.raise_signal(signal.SIGTERM),
    )
    code, out, err = run(command, *options)
    assert (code, out, err) == (143, "", "stdyn: interrupted before anything was written\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_between_two_files_says_where_the_first_is(run, tmp_path, monkeypatch):
    """While a table is made: the line names what was written, or taken over, and the same command goes on."""
    from stdyn.analysis import comparison

    def stops(*_):
        signal.raise_signal(signal.SIGTERM)

    command = ("compare", *SMALL, *RUNS, "--rule", "fa", "--method", "reduced", "--no-fluctuations")
    files = "data/reference_fa_ode.h5, data/reference_fa_reduced.h5"
    words = f"stdyn: interrupted; what was done until then is in {files}; the same command goes on\n"
    monkeypatch.setattr(comparison, "compare", stops)
    for there in (0, 2):
        code, out, err = run(*command)
        assert (code, err) == (143, words)
        assert out.count("is there already") == there
        for file in files.split(", "):
            assert len(stdyn.load(tmp_path / file).alphas) == 11


def test_a_signal_while_a_scan_is_summed_up_says_where_it_is(run, tmp_path, monkeypatch):
    """All points are done."""
    monkeypatch.setattr("stdyn.scans.scanfile.Scan.text", lambda _: signal.raise_signal(signal.SIGINT))
    code, _, err = run("scan", *SMALL, "--vary", "sigma=[0.1]", "--workers", "1", "-o", "s.h5")
    assert (code, err) == (130, "stdyn: interrupted; what was done until then is in s.h5\n")
    assert (stdyn.open_scan(tmp_path / "s.h5").state == 1).all()


def test_ctrl_c_while_the_command_is_imported_is_one_line(tmp_path):
    """Exit 130, no traceback."""
    (tmp_path / "click.py").write_text(
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nsignal.raise_signal(signal.SIGINT)\n"
    )
    paths = f"{tmp_path}{os.pathsep}{Path(stdyn.__file__).parent.parent}"
    command = [sys.executable, "-m", "stdyn", "integrate"]
    found = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    assert (found.returncode, found.stderr) == (130, "stdyn: interrupted before anything was written\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams as a shell does")
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_stop_nothing(tmp_path, closed):
    """As under cron: the file is written, bad input has its exit code, and there is no traceback."""

    def call(*arguments):
        command = [sys.executable, "-m", "stdyn", *map(str, arguments)]
        streams = " ".join(f"{number}>&-" for number in closed)
        shell = f'exec "$@" {streams}'
        return subprocess.run(["sh", "-c", shell, "sh", *command], capture_output=True, text=True, cwd=tmp_path)

    good = call("integrate", *SMALL, "-o", "kept.h5")
    assert (good.returncode, "Traceback" in good.stderr) == (0, False)
    assert len(stdyn.load(tmp_path / "kept.h5").alphas) > 1
    for arguments in (("info", "kept.h5"), ("--version",), ("integrate", "--help")):
        shown = call(*arguments)
        assert (shown.returncode, "Traceback" in shown.stderr) == (0, False)
    bad = call("integrate", "--rule", "x")
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == (0 if 2 in closed else 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.h5"]


def test_warnings_that_the_user_makes_exceptions_lose_nothing(tmp_path):
    """The result of runs that diverge is written, and they are said to, under `python -W error`."""
    command = [sys.executable, "-W", "error", "-m", "stdyn", "simulate", *SMALL, "--eta", "1000", "--eta-v", "1000"]
    ended = subprocess.run([*command, "--runs", "2", "-o", "kept.h5"], capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in ended.stderr
    assert "warning: 2 of 2 runs diverged" in ended.stderr
    assert np.isfinite(stdyn.load(tmp_path / "kept.h5").diverged_at).all()


def test_an_activation_that_ends_loses_no_result_either(tmp_path):
    """eps_g, which is looked at as the file is written, is not known."""
    (tmp_path / "own.py").write_text(
        "import stdyn\nfrom math import inf, nan\n"
        "g = stdyn.activation(lambda x: x if x < 31 else nan, lambda x: 1.0 if x < 31 else nan)\n"
    )
    rates = "--q", "100", "--eta", "0.001", "--eta-v", "0.001"
    command = [sys.executable, "-W", "error", "-m", "stdyn", "simulate", *SMALL, *rates, "--activation", "own.py:g"]
    ended = subprocess.run([*command, "--runs", "2", "-o", "kept.h5"], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert ended.stderr.count("warning: averages over own.py:g, as in eps_g, are NaN") == 1
    assert np.isfinite(stdyn.load(tmp_path / "kept.h5").R).all()
