"""stdyn compare: what it writes and prints."""

import numpy as np
import pytest
from command_helpers import RUNS, SMALL, assert_refused, contents

from stdyn import load

TABLES = [f"r_{rule}_{kind}.h5" for rule in ("bp", "fa") for kind in ("network", "ode", "reduced")]
PREDICTED = ["r_bp_fluctuations.h5", "r_fa_fluctuations.h5"]
FIGURES = [
    "r_alignment.png", "r_bp_fluctuations.png", "r_bp_order_parameters.png", "r_fa_fluctuations.png",
    "r_fa_order_parameters.png", "r_generalization.png",
]  # fmt: skip


def test_compare_writes_data_and_figures_and_prints_a_table(run, tmp_path):
    """Eight HDF5 files and six PNGs, all named on stdout, and two tables for each rule and way to simulate."""
    code, out, err = run("compare", *SMALL, *RUNS, "--name", "r")
    assert (code, err) == (0, "")
    data = [f"data/{name}" for name in sorted(TABLES + PREDICTED)]
    assert list(contents(tmp_path)) == data + [f"figures/{name}" for name in FIGURES]
    assert all(name in out for name in TABLES + PREDICTED + FIGURES)
    for rule in ("fa", "bp"):
        for method in ("network", "reduced"):
            assert f"{rule}: 3 {method} runs at N = 30 against the ODEs, 11 alphas from 0 to 5" in out
    assert out.count("eps_g") == 8
    assert all((tmp_path / "figures" / name).read_bytes().startswith(b"\x89PNG") for name in FIGURES)


def test_compare_solves_one_problem_six_times(run, tmp_path):
    """Theory and runs of a rule share their problem; FA and BP their start, and so the first record."""
    run("compare", *SMALL, *RUNS, "--reduced-runs", "20", "--name", "r")
    bp_runs, bp, bp_reduced, fa_runs, fa, fa_reduced = (load(tmp_path / "data" / name) for name in TABLES)
    for runs, theory in ((bp_runs, bp), (fa_runs, fa), (bp_reduced, bp), (fa_reduced, fa)):
        assert runs.problem.difference(theory.problem) is None
        np.testing.assert_array_equal(runs.alphas, theory.alphas)
    assert (bp.method, bp_runs.method, bp_runs.runs) == ("ode", "network", 3)
    assert (bp_reduced.method, bp_reduced.runs) == ("reduced", 20)
    assert (fa.problem.rule, bp.problem.rule) == ("fa", "bp")
    for name in ("R", "Q", "v"):
        np.testing.assert_array_equal(getattr(fa, name)[0], getattr(bp, name)[0])
        np.testing.assert_array_equal(getattr(fa_runs, name)[:, 0], getattr(bp_runs, name)[:, 0])


def test_compare_simulates_as_it_is_told(run, tmp_path):
    """--method reduced: no network files, one table for the rule."""
    code, out, _ = run("compare", *SMALL, "--rule", "bp", "--method", "reduced", "--runs", "10", "--name", "r")
    assert code == 0
    assert "bp: 10 reduced runs at N = 30" in out
    names = [f"r_bp_{kind}.h5" for kind in ("fluctuations", "ode", "reduced")]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == names


@pytest.mark.slow
def test_three_outputs_go_through_every_command(run, tmp_path):
    """compare with fluctuations, a scan and its figures, theory; info names the alignment of each output."""
    three = (*SMALL, "--outputs", "3")
    code, _, err = run("compare", *three, *RUNS, "--name", "r")
    assert (code, err) == (0, "")
    assert sorted(name.removeprefix("figures/") for name in contents(tmp_path) if name.endswith("png")) == FIGURES
    assert "of each output" in run("info", "data/r_fa_ode.h5")[1]
    assert run("scan", *three, "--vary", "v_teacher[0,1]=[0.1, 0.2]", "-o", "s.h5")[0] == 0
    assert run("plot", "s.h5")[0] == 0
    assert run("theory", *three, "--starts", "2", "--name", "t")[0] == 0


def test_compare_holds_runs_to_linear_noise(run, tmp_path):
    """A table against it for each ensemble, its file, its figure; plot and info read the file."""
    code, out, _ = run("compare", *SMALL, *RUNS, "--name", "r")
    assert code == 0
    assert out.count("against linear noise around the ODEs") == 4
    assert {"r_fa_fluctuations.png", "r_bp_fluctuations.png"} <= {
        path.name for path in (tmp_path / "figures").iterdir()
    }
    file = "data/r_fa_fluctuations.h5"
    code, out, _ = run("info", file)
    assert code == 0
    assert "valid everywhere" in out
    assert "FA, ODEs" in out
    code, out, _ = run("plot", file, "data/r_fa_network.h5", "--figures", "again", "--name", "r")
    assert code == 0
    assert "r_fa_fluctuations.png" in out
    again, first = (tmp_path / folder / "r_fa_fluctuations.png" for folder in ("again", "figures"))
    assert again.exists()
    assert first.exists()
    assert run("plot", file, "--figures", "alone")[0] == 0
    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["stdyn_fa_fluctuations.png"]
    other = run("compare", *SMALL, *RUNS, "--name", "r", "--seed", "2")
    assert_refused(other, "exists and is not overwritten", "another experiment is in it")


def test_compare_without_fluctuations(run, tmp_path):
    """--no-fluctuations; and if they are interrupted, everything else is there."""
    assert run("compare", *SMALL, *RUNS, "--name", "r", "--no-fluctuations")[0] == 0
    assert not list(tmp_path.rglob("*fluctuations*"))


def test_interrupted_fluctuations_leave_the_rest(run, tmp_path, monkeypatch):
    """Ctrl-C while they are computed: tables and files are there; the same command solves what is missing alone."""
    from stdyn.simulation import runs
    from stdyn.theory import fluctuations

    def stops(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fluctuations, "fluctuations", stops)
        code, out, err = run("compare", *SMALL, *RUNS, "--name", "r")
    assert code == 1
    before = "stdyn: interrupted before anything was recorded for data/r_fa_fluctuations.h5"
    assert err == f"{before}; the same command goes on\n"
    assert out.count("against the ODEs") == 4
    before = contents(tmp_path)
    assert list(before) == [f"data/{name}" for name in TABLES]
    monkeypatch.setattr(runs, "simulate_network", stops)
    code, out, err = run("compare", *SMALL, *RUNS, "--name", "r")
    assert (code, err) == (0, "")
    assert out.count("is there already") == 6
    assert out.count("against the ODEs") == out.count("against linear noise") == 4
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if name not in before] == [
        *(f"data/{name}" for name in PREDICTED), *(f"figures/{name}" for name in FIGURES)
    ]  # fmt: skip
    assert run("compare", *SMALL, *RUNS, "--name", "r")[0] == 0
    assert contents(tmp_path) == after
