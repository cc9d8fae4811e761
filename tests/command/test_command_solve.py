"""stdyn integrate and stdyn simulate: one problem, one solver, one file; info and plot read it."""

import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from command_helpers import RUNS, SMALL, assert_refused, contents

from stdyn import load, simulate_network
from stdyn.model.experiment import Experiment


@pytest.mark.parametrize("command", ["compare", "integrate", "simulate"])
def test_results_are_overwritten_only_with_force(run, tmp_path, command):
    """Without --force: exit 2, the file named, every file byte by byte the same. With it they are replaced."""
    options = [*SMALL, *(RUNS if command != "integrate" else ())]
    run(command, *options)
    before = contents(tmp_path)
    assert_refused(run(command, *options, "--eta", "0.1"), "data/", "exists", "--force")
    assert contents(tmp_path) == before
    assert run(command, *options, "--eta", "0.1", "--force")[0] == 0
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize(
    ("command", "options", "method", "runs"),
    [
        ("integrate", (), "ode", None),
        ("simulate", RUNS, "network", 3),
        ("simulate", ("--method", "reduced", "--runs", "5"), "reduced", 5),
        ("simulate", ("--method", "reduced"), "reduced", 256),
    ],
)
def test_one_solver_writes_one_file(run, tmp_path, command, options, method, runs):
    """Where --output says, making its folder; the default rule is FA."""
    code, out, err = run(command, *SMALL, *options, "-o", "deep/er/a.h5")
    assert (code, err) == (0, "")
    assert list(contents(tmp_path)) == ["deep/er/a.h5"]
    assert "wrote deep/er/a.h5" in out
    found = load(tmp_path / "deep" / "er" / "a.h5")
    assert (found.method, found.runs, found.problem.rule, found.problem.N) == (method, runs, "fa", 30)
    assert found.alphas[[0, -1]].tolist() == [0, 5]


def test_info_says_what_is_in_a_file(run):
    """Rule, solver, units, rates, alphas and the seed."""
    run("simulate", *SMALL, *RUNS, "--eta", "0.25")
    code, out, err = run("info", "data/network.h5")
    assert (code, err) == (0, "")
    for text in ("FA, 3 network runs at N = 30", "K = 2, M = 2", "eta = 0.25", "from 0 to 5", '"bit_generator"'):
        assert text in out


def test_plot_draws_saved_files(run, tmp_path):
    """Theory and simulation of FA in any order: three figures under the given name."""
    run("simulate", *SMALL, *RUNS)
    run("integrate", *SMALL)
    code, out, err = run("plot", "data/network.h5", "data/ode.h5", "--name", "p", "--figures", "f")
    assert (code, err) == (0, "")
    names = ["f/p_alignment.png", "f/p_fa_order_parameters.png", "f/p_generalization.png"]
    assert [name for name in contents(tmp_path) if name.endswith("png")] == names
    assert all(f"wrote {name}" in out for name in names)


def test_problems_with_other_numbers_of_outputs_are_drawn_on_one_page(run, tmp_path):
    """Of one output and of three: the page, and no figure else."""
    for O in (1, 3):
        assert run("integrate", *SMALL, "--outputs", O, "-o", f"{O}.h5")[0] == 0
    code, out, err = run("plot", "1.h5", "3.h5", "--name", "p", "--figures", "f")
    assert (code, err, out) == (0, "", "wrote f/p_outputs.png\n")
    assert run("plot", "3.h5", "--name", "q", "--figures", "g")[0] == 0
    assert [name for name in contents(tmp_path) if name.startswith("g")] == [
        "g/q_alignment.png", "g/q_fa_order_parameters.png", "g/q_generalization.png"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("--b", "[1, 2]", [1, 2]), ("--b", "-0.5", [-0.5, -0.5]), ("--v", "[0.1, -0.2]", [0.1, -0.2])],
)
def test_arrays_are_options(run, tmp_path, option, value, expected):
    """Written as in TOML; a single number stands for all units."""
    assert run("integrate", *SMALL, option, value, "-o", "a.h5")[0] == 0
    problem = load(tmp_path / "a.h5").problem
    assert (problem.b if option == "--b" else problem.start.v).tolist() == expected


def test_the_start_is_an_option(run, tmp_path):
    """R, Q and T are taken as given."""
    arrays = {"R": [[0.1, 0.0], [0.0, 0.2]], "Q": [[0.5, 0.1], [0.1, 0.4]], "T": [[1.0, 0.3], [0.3, 2.0]]}
    options = [text for name, array in arrays.items() for text in (f"--{name}", str(array))]
    assert run("integrate", *SMALL, *options, "-o", "a.h5")[0] == 0
    start = load(tmp_path / "a.h5").problem.start
    assert {name: getattr(start, name).tolist() for name in arrays} == arrays


def test_divergence_is_a_warning_in_one_line(run, tmp_path, recwarn):
    """Exit 0, the file written, and a line on stderr that says at which alpha."""
    warnings.simplefilter("default")
    code, _, err = run("integrate", *SMALL, "--activation", "linear", "--eta", "20", "--eta-v", "0", "--v", "1")
    assert code == 0
    assert err.startswith("stdyn: warning: the ODEs diverged at alpha = ")
    assert err.count("\n") == 1
    assert load(tmp_path / "data" / "ode.h5").diverged_at < 5


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told us to ignore it
from stdyn.command.main import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    """Exit 130, the file is named, loads, and holds all runs, undisturbed, to an alpha before the last."""
    simulate_network(Experiment(K=1, M=1).problem("fa"), [0.1], rng=np.random.default_rng(1))  # so that it is compiled
    options = ["--N", "200", "--K", "1", "--M", "1", "--runs", "2", "--spacing", "linear", "--points", "2001"]
    command = [sys.executable, "-c", INTERRUPTIBLE, "simulate", *options, "--alpha-max", "1000000", "-o", "a.h5"]
    for wait in (2, 8, 32):  # until something is recorded, also on a busy machine
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        assert "2 network runs of N = 200" in process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        if "before anything was recorded" not in err:
            break
    assert err.count("\n") == 1
    assert "interrupted at alpha = " in err
    assert "a.h5" in err
    assert "wrote a.h5" in out
    partial = load(tmp_path / "a.h5")
    assert 1 <= len(partial.alphas) < 2001
    assert partial.runs == 2
    assert partial.diverged_at is None
    assert np.isfinite(partial.R).all()
    again = simulate_network(partial.problem, partial.alphas[:3], 2, rng=Experiment().rng("network"))
    np.testing.assert_array_equal(again.R, partial.R[:, :3])
