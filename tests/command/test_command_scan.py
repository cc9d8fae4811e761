"""stdyn scan: what it writes and refuses."""

import pytest
from command_helpers import SMALL, assert_refused, contents

import stdyn

SCAN = ("scan", *SMALL, "--vary", "eta=[0.2, 0.4]", "--vary", "draw={from=1, number=3}", "--workers", "1")


def test_scan_writes_a_file_that_info_and_plot_read(run, tmp_path):
    """Twelve points, a table on stdout, four figures; again, there is nothing left to do."""
    code, out, err = run(*SCAN)
    assert (code, err) == (0, "")
    assert "scan of 12 points: 12 done" in out
    assert "wrote data/scan.h5" in out
    first = contents(tmp_path)
    assert list(first) == ["data/scan.h5"]
    assert run(*SCAN)[0] == 0
    assert contents(tmp_path) == first
    code, out, _ = run("info", "data/scan.h5")
    assert "eta (2 values), draw (3 values), rule (2 values)" in out
    code, out, _ = run("plot", "data/scan.h5", "--value", "eps_g_final", "--x", "eta", "--y", "draw")
    assert code == 0
    names = ["scan_eps_g_final_map", "scan_fa_bp", "scan_histograms", "scan_trajectories"]
    assert sorted(path.stem for path in (tmp_path / "figures").iterdir()) == names


def test_scan_reads_its_file_and_options_win(run, tmp_path):
    """[vary] and [scan] of the file, the experiment's keys above them; the result is named after the file."""
    (tmp_path / "mine.toml").write_text(
        'K = 2\nM = 2\nN = 30\nrule = "fa"\nalpha_max = 5\npoints = 5\n[vary]\n"eta=eta_v" = {from = 0.1, to = 1}\n'
        '"R[0,1]" = [0.0, 0.1]\n[scan]\nsample = "sobol"\nnumber = 4\nsolve = "reduced"\nkeep = "summary"\n'
    )
    code, _, err = run("scan", "mine.toml", "--runs", "3", "--keep", "[5]", "--vary", "sigma=[0.5]", "--workers", "1")
    assert (code, err) == (0, "")
    found = stdyn.open_scan(tmp_path / "data" / "mine.h5")
    assert len(found) == 8
    assert set(found.coordinates) == {"eta=eta_v", "R[0,1]", "sigma"}
    assert found.read("R").shape == (8, 3, 1, 2, 2)
    assert found.problem(3).sigma == 0.5
    assert found.problem(3).start.R[0, 1] == 0.1
    assert found.description["solve"] == {
        "function": "stdyn.simulate.simulate_reduced",
        "normals": "fast",
        "runs": 3,
    }
    again = run("scan", "mine.toml", "--runs", "3", "--keep", "[5]", "--vary", "sigma=[0.6]", "--workers", "1")
    words = ("data/mine.h5 holds another scan", "problems.vary.sigma[0] is 0.5 there and 0.6 here")
    assert_refused(again, *words)
    assert len(stdyn.open_scan(tmp_path / "data" / "mine.h5")) == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["nothing varies"]),
        (["--vary", "eta={from=0.1, to=1, number=1000000000}"], ["eta: number must be at most", "1000000000"]),
        (["--vary", "eta=fast"], ["--vary eta: 'fast' is not a list or a table"]),
        (["--vary", "etta=[1]"], ["there is no quantity 'etta'; the nearest one is 'eta'"]),
        (["--vary", "eta=[-1]"], ["eta must be finite and at least 0, but is -1"]),
        (["--vary", "draw=each"], ["number, how often draw are sampled, is needed"]),
        (["--vary", "eta={from=0, to=1}"], ["number, how often eta are sampled, is needed"]),
        (["--vary", "eta=[1]", "--solve", "magic"], ["solve must be one of ode, network, reduced, but is 'magic'"]),
        (["--vary", "eta=[1]", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], ["exclude each other"]),
        (["--vary", "eta=[1]", "-o", "nowhere.toml/x.h5"], ["nowhere.toml"]),
        (["--vary", "eta=[1]", "--seed", "-1"], ["seed must be at least 0, but is -1"]),
        (["missing.toml"], ["missing.toml cannot be read"]),
        (["nowhere.toml"], ["nowhere.toml: [varry] is a table", "outside tables but [vary] and [scan]"]),
        (["flat.toml"], ["flat.toml: vary must be a table, [vary], but is [1]"]),
        (["wrong.toml"], ["[scan] has no key 'kep'; the nearest one is 'keep'"]),
        (["far.toml"], ["[scan] has no key 'foo'; there are solve, keep, sample, number, max_steps"]),
    ],
)
def test_bad_scans_are_refused(run, tmp_path, options, words):
    """One line, exit code 2, nothing written."""
    (tmp_path / "nowhere.toml").write_text("[varry]\neta = [1]\n")
    (tmp_path / "wrong.toml").write_text('[vary]\neta = [1]\n[scan]\nkep = "all"\n')
    (tmp_path / "far.toml").write_text("[vary]\neta = [1]\n[scan]\nfoo = 1\n")
    (tmp_path / "flat.toml").write_text("vary = [1]\n")
    before = contents(tmp_path)
    assert_refused(run("scan", *options, *SMALL), *words)
    assert contents(tmp_path) == before


def test_plot_tells_scans_from_trajectories(run, tmp_path):
    """Options of scans are refused for trajectories, and scans are drawn alone."""
    run(*SCAN)
    run("integrate", *SMALL, "-o", "data/ode.h5")
    assert_refused(
        run("plot", "data/ode.h5", "--x", "eta"), "--x 'eta': options for scans, but data/ode.h5 holds a trajectory"
    )
    assert_refused(run("plot", "data/scan.h5", "data/ode.h5"), "data/scan.h5 holds a scan, which is drawn alone")
    assert_refused(run("plot", "data/scan.h5", "--value", "loss"), "'loss' is not in data/scan.h5 as a number")


def test_a_scan_in_which_every_point_fails_is_no_success(run, tmp_path):
    """Exit code 1, with the reason of the first; the file says it of every point."""
    code, _, err = run("scan", *SMALL, "--v", "1e9", "--vary", "eta=[0.1, 0.2]", "--workers", "1")
    assert code == 1
    assert "stdyn: every point failed, the first: InputError: no order parameter of the start may exceed 1e+08" in err
    assert (stdyn.open_scan(tmp_path / "data" / "scan.h5").state == 2).all()
