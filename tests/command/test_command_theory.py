"""stdyn theory: what it prints, writes and refuses."""

from functools import partial

import numpy as np
import pytest
from command_helpers import assert_refused, contents

from stdyn import load

BP = ("--K", "2", "--M", "2", "--eta-v", "0", "--v", "1")  # which has no feedback weights b
COMMITTEE = (*BP, "--b", "[1.0, 0.7]")


def test_theory_prints_plateaus_and_fixed_points(run, tmp_path):
    """For both rules, with a file of each solution and a figure."""
    code, out, _ = run("theory", *COMMITTEE, "--starts", "10", "--alpha-max", "1000")
    assert code == 0
    for words in ("fa:", "bp:", "implied by saddle", "largest eigenvalue", "perfect learning is stable up to eta = "):
        assert words in out
    assert sorted(contents(tmp_path)) == [
        "data/theory_bp_ode.h5",
        "data/theory_fa_ode.h5",
        "figures/theory_plateaus.png",
    ]
    before = contents(tmp_path)
    assert_refused(run("theory", *COMMITTEE, "--starts", "10"), "theory_fa_ode.h5 exists")
    assert contents(tmp_path) == before


def test_theory_against_a_learning_rate(run, tmp_path):
    """--vary: the table, and a figure for each of three numbers."""
    code, out, _ = run("theory", *COMMITTEE, "--sigma", "0.2", "--vary", "eta=[0.2, 0.4]", "--name", "s")
    assert code == 0
    assert len(out.splitlines()) == 5 + 4
    names = [f"figures/s_{name}_against_eta.png" for name in ("eps_g_infinity", "escape_rate", "plateau_length")]
    assert sorted(contents(tmp_path)) == ["data/s_against_eta.csv", *names]
    table = np.genfromtxt(tmp_path / "data/s_against_eta.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert table["rule"].tolist() == ["fa", "fa", "bp", "bp"]
    assert (table["escape_rate"] > 0).all()
    assert_refused(run("theory", *COMMITTEE, "--vary", "eta=[0.2, 0.4]", "--name", "s"), "s_against_eta.csv exists")


def test_a_study_that_is_interrupted_keeps_what_is_done(run, tmp_path, monkeypatch):
    """Ctrl-C in the third of three values: two are in a file of another name, and the same command needs no --force."""
    from stdyn.scans import studies

    numbers, calls = studies._numbers, []

    def stops(problem, alphas):
        calls.append(problem)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return numbers(problem, alphas)

    monkeypatch.setattr(studies, "_numbers", stops)
    command = ("theory", *COMMITTEE, "--vary", "eta=[0.2, 0.4, 0.6]", "--name", "s")
    code, _, err = run(*command)
    assert (code, err) == (
        1,
        "stdyn: interrupted after 2 of 3 values; they are in data/s_against_eta_interrupted.csv\n",
    )
    assert list(contents(tmp_path)) == ["data/s_against_eta_interrupted.csv"]
    part = (tmp_path / "data/s_against_eta_interrupted.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in part[1:]] == [["fa", "0.2"], ["fa", "0.4"], ["bp", "0.2"], ["bp", "0.4"]]
    calls.clear()
    assert run(*command)[0] == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*command)
    assert (code, err) == (0, "")
    whole = (tmp_path / "data/s_against_eta.csv").read_text().splitlines()
    assert len(whole) == 1 + 2 * 3
    assert set(part) < set(whole)


@pytest.mark.slow
def test_theory_against_n_goes_on(run, tmp_path, monkeypatch):
    """From a symmetric start: predicted and seen escapes at each N, files of the runs, a figure.

    What is complete is taken over after an interruption, and another experiment's files are refused.
    """
    from stdyn.analysis import escape
    from stdyn.simulation import runs

    # Thirty draws of the law will do: tests/analysis/test_escape.py has what it predicts.
    monkeypatch.setattr(escape, "escape_times", partial(escape.escape_times, draws=30))
    reduced, sizes = runs.simulate_reduced, []

    def stops(problem, *arguments, **keywords):
        sizes.append(problem.N)
        if sizes == [50, 100]:
            raise KeyboardInterrupt
        return reduced(problem, *arguments, **keywords)

    monkeypatch.setattr(runs, "simulate_reduced", stops)
    start = ("--start", "prepared", "--eta", "1.5", "--rule", "bp", "--vary", "N=[50, 100]", "--name", "e")
    code, _, err = run("theory", *BP, *start, "--runs", "20")
    assert code == 1
    assert err.endswith("; the same command goes on\n")
    before = contents(tmp_path)
    assert list(before) == ["data/e_bp_N50.h5"]
    assert_refused(run("theory", *BP, *start, "--runs", "21"), "data/e_bp_N50.h5 exists", "runs is 20 there")
    code, out, _ = run("theory", *BP, *start, "--runs", "20")
    assert code == 0
    assert "data/e_bp_N50.h5 is there already" in out
    assert "predicted: 5 %" in out
    assert sorted(contents(tmp_path)) == ["data/e_bp_N100.h5", "data/e_bp_N50.h5", "figures/e_escape.png"]
    assert load(tmp_path / "data/e_bp_N100.h5").runs == 20
    assert sizes == [50, 100, 100]
    assert contents(tmp_path)["data/e_bp_N50.h5"] == before["data/e_bp_N50.h5"]
    assert_refused(run("theory", *BP, "--vary", "N=[50, 100]", "--rule", "bp"), "start must have a symmetry")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "eta"), "--vary must be NAME=VALUES"),
        (("--vary", "lr=[0.1, 0.2]"), "there is no quantity 'lr'"),
        (("--vary", "N=[0]"), "N must be at least 1, but is 0"),
        (("--vary", "eta={from=0.1, to=1}"), "vary must give eta a list of values or a table with from, to and number"),
        (("--vary", "eta=[0.1]", "--vary", "sigma=[0.1]"), "vary must be one quantity, but 2 are given"),
        (("--vary", 'activation=["erf", "linear"]'), "vary must be a quantity of numbers, but is activation"),
        (("--vary", "eta=[0, 0.5]"), "eta must be positive in a study, but is 0"),
        (("--vary", "eta=[0.1]", "--starts", "9"), "starts is of no use with vary"),
        (("--vary", "N=[100]", "--start", "prepared", "--sigma", "0.5"), "must get below half of that"),
        (("--starts", "-1"), "starts must be at least 0"),
        (("--eta", "0"), "eta must be finite and at least 1e-300, but is 0"),
        (("--name", "a/b"), "name must be the beginning of a file's name"),
    ],
)
def test_theory_refuses_before_any_work(run, tmp_path, arguments, words):
    """The argument is named, and nothing is written."""
    assert_refused(run("theory", *COMMITTEE, *arguments), words)
    assert contents(tmp_path) == {}
