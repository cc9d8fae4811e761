"""The command line: what it writes, what it refuses with which exit code, and that nothing is lost on Ctrl-C."""

import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import stdyn
from stdyn import load, simulate_network
from stdyn.command.main import main
from stdyn.layered.trainingfile import create as create_training
from stdyn.model.experiment import Experiment

SMALL = ("--N", "30", "--K", "2", "--M", "2", "--alpha-max", "5", "--points", "11")
RUNS = ("--runs", "3")
TABLES = [f"r_{rule}_{kind}.h5" for rule in ("bp", "fa") for kind in ("network", "ode", "reduced")]
PREDICTED = ["r_bp_fluctuations.h5", "r_fa_fluctuations.h5"]
FIGURES = [
    "r_alignment.png", "r_bp_fluctuations.png", "r_bp_order_parameters.png", "r_fa_fluctuations.png",
    "r_fa_order_parameters.png", "r_generalization.png",
]  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run("integrate", "--K", "2") runs the command in tmp_path and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main replaces it

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stdyn", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return call


def contents(folder):
    """Every file below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_refused(result, *words):
    """Exit code 2, nothing on stdout, and one line on stderr that has these words."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    assert err.startswith("stdyn: error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


# ---------------------------------------------------------------------------------------------------------------------
# What the commands do


@pytest.mark.parametrize("command", ["", "compare", "integrate", "simulate", "sizes", "scan", "mnist", "plot", "info"])
def test_every_command_has_help(run, command):
    """On stdout, with exit code 0, and with every parameter where there is an experiment."""
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: stdyn" in out
    if command in ("compare", "integrate", "simulate", "sizes"):
        assert all(option in out for option in ("--config", "--eta-v FLOAT", "--v-teacher VALUE", "--seed", "--force"))


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


SIZES = ("sizes", "--K", "2", "--M", "2", "--sizes", "[10, 25, 40]", "--alpha-max", "2", "--runs", "50")


def test_sizes_writes_an_ensemble_for_every_size_and_a_figure(run, tmp_path):
    """Recorded at the same alphas at every N, from the same start; `plot` draws the same figure from the files."""
    code, out, err = run(*SIZES, "--rule", "fa")
    assert (code, err) == (0, "")
    files = [tmp_path / "data" / f"sizes_fa_{kind}.h5" for kind in ("ode", "N10", "N25", "N40")]
    theory, *ensembles = (load(file) for file in files)
    for N, runs in zip((10, 25, 40), ensembles, strict=True):
        assert (runs.method, runs.runs, runs.problem.N) == ("reduced", 50, N)
        np.testing.assert_array_equal(runs.alphas, theory.alphas)
        np.testing.assert_array_equal(runs.problem.start.C, theory.problem.start.C)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["sizes_deviation.png"]
    assert "wrote figures/sizes_deviation.png" in out
    assert run("plot", *files, "--name", "again")[0] == 0
    again, first = (tmp_path / "figures" / f"{name}_deviation.png" for name in ("again", "sizes"))
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sizes", "[10, 3]"], ["sizes must be at least 4, but is 3"]),
        (["--sizes", "[]"], ["sizes must be at least 3 different N, but is []"]),
        (["--sizes", "[10, 20, 20]"], ["sizes must be at least 3 different N"]),
        (["--sizes", "[10, nan, 20]"], ["sizes must be an integer, but is nan"]),
        (["--K", "-1"], ["K must be at least 1, but is -1"]),
        (["--sizes", "many"], ["'many' is not a number or an array"]),
        (["--runs", "5"], ["runs must be at least 8, but is 5"]),
        (["--method", "network"], ["No such option", "--method"]),
    ],
)
def test_bad_sizes_are_refused(run, tmp_path, options, words):
    """Before anything is written."""
    assert_refused(run(*SIZES, *options), *words)
    assert contents(tmp_path) == {}


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
        (["--vary", "eta"], ["--vary must be NAME=VALUES", "'eta'"]),
        (["--vary", "eta=fast"], ["--vary eta: 'fast' is not a list or a table"]),
        (["--vary", "etta=[1]"], ["there is no quantity 'etta'; the nearest one is 'eta'"]),
        (["--vary", "eta=[-1]"], ["eta must be finite and at least 0, but is -1"]),
        (["--vary", "draw=each"], ["number, how often draw are sampled, is needed"]),
        (["--vary", "eta={from=0, to=1}"], ["number, how often eta are sampled, is needed"]),
        (["--vary", "eta=[1]", "--solve", "magic"], ["--solve", "magic"]),
        (["--vary", "eta=[1]", "--keep", "everything"], ["keep must be one of all, curves, summary", "'everything'"]),
        (["--vary", "eta=[1]", "--keep", "[3.3]"], ["keep must be some of the alphas, but 3.3 is not"]),
        (["--vary", "eta=[1]", "--workers", "0"], ["workers must be at least 1, but is 0"]),
        (["--vary", "eta=[1]", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], ["exclude each other"]),
        (["--vary", "eta=[1]", "-o", "nowhere.toml/x.h5"], ["nowhere.toml"]),
        (["--vary", "eta=[1]", "--seed", "-1"], ["seed must be at least 0, but is -1"]),
        (["missing.toml"], ["missing.toml cannot be read"]),
        (["nowhere.toml"], ["nowhere.toml: [varry] is a table", "outside tables but [vary] and [scan]"]),
        (["wrong.toml"], ["[scan] has no key 'kep'; the nearest one is 'keep'"]),
    ],
)
def test_bad_scans_are_refused(run, tmp_path, options, words):
    """One line, exit code 2, nothing written."""
    (tmp_path / "nowhere.toml").write_text("[varry]\neta = [1]\n")
    (tmp_path / "wrong.toml").write_text('[vary]\neta = [1]\n[scan]\nkep = "all"\n')
    before = contents(tmp_path)
    assert_refused(run("scan", *options, *SMALL), *words)
    assert contents(tmp_path) == before


def test_plot_tells_scans_from_trajectories(run, tmp_path):
    """Options of scans are refused for trajectories, and scans are drawn alone."""
    run(*SCAN)
    run("integrate", *SMALL, "-o", "data/ode.h5")
    assert_refused(run("plot", "data/ode.h5", "--x", "eta"), "x: options for scans, but data/ode.h5 holds a trajectory")
    assert_refused(run("plot", "data/scan.h5", "data/ode.h5"), "data/scan.h5 holds a scan, which is drawn alone")
    assert_refused(run("plot", "data/scan.h5", "--value", "loss"), "'loss' is not in data/scan.h5 as a number")


def test_a_scan_in_which_every_point_fails_is_no_success(run, tmp_path):
    """Exit code 1, with the reason of the first; the file says it of every point."""
    code, _, err = run("scan", *SMALL, "--v", "1e9", "--vary", "eta=[0.1, 0.2]", "--workers", "1")
    assert code == 1
    assert "stdyn: every point failed, the first: InputError: no order parameter of the start may exceed 1e+08" in err
    assert (stdyn.open_scan(tmp_path / "data" / "scan.h5").state == 2).all()


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


# ---------------------------------------------------------------------------------------------------------------------
# The configuration file


def test_options_win_over_the_file_and_the_file_over_the_defaults(run, tmp_path):
    """eta from the option, sigma from the file, eta_v the default."""
    (tmp_path / "c.toml").write_text('rule = "bp"\neta = 0.1\nsigma = 0.2\nR = [[0.1], [0.0]]\nQ = [[1, 0], [0, 1]]\n')
    assert run("integrate", *SMALL, "--M", "1", "--config", "c.toml", "--eta", "0.3", "-o", "a.h5")[0] == 0
    problem = load(tmp_path / "a.h5").problem
    assert (problem.rule, problem.eta, problem.sigma, problem.eta_v) == ("bp", 0.3, 0.2, 0.5)
    assert problem.start.R.tolist() == [[0.1], [0.0]]


def test_a_written_configuration_makes_the_identical_run(run, tmp_path):
    """--write-config only writes; the file alone then gives R of runs and theory to the last bit."""
    options = (*SMALL, *RUNS, "--eta", "0.3", "--b", "[1, -2]", "--sigma", "0.1", "--seed", "5")
    code, out, err = run("compare", *options, "--write-config", "c.toml")
    assert (code, out, err) == (0, "wrote c.toml\n", "")
    assert list(contents(tmp_path)) == ["c.toml"]
    run("compare", *options, "--name", "one")
    run("compare", "--config", "c.toml", "--name", "two")
    run("simulate", "--config", "c.toml", "--rule", "bp", "--method", "network", "-o", "data/three_bp_network.h5")
    for kind in ("fa_ode", "fa_network", "fa_reduced", "bp_ode", "bp_reduced", "bp_network"):
        one, two = (load(tmp_path / "data" / f"{name}_{kind}.h5") for name in ("one", "two"))
        np.testing.assert_array_equal(one.R, two.R)
        assert one.problem.difference(two.problem) is None
    np.testing.assert_array_equal(load(tmp_path / "data" / "three_bp_network.h5").R, two.R)
    assert_refused(run("compare", *options, "--write-config", "c.toml"), "c.toml exists", "--force")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("etaa = 0.3", ["c.toml", "'etaa'", "nearest one is 'eta'"]),
        ("v_tacher = 1", ["'v_tacher'", "nearest one is 'v_teacher'"]),
        ("[problem]\neta = 1", ["[problem] is a table", "top of the file"]),
        ("eta = = 1", ["c.toml", "not valid TOML", "line 1"]),
        ("eta = 1\neta = 2", ["c.toml", "not valid TOML"]),
        ("\x00", ["c.toml", "not valid TOML"]),
        ('eta = "0.3"', ["eta must be a number", "'0.3'"]),
        ("eta = [0.3]", ["eta must be a number"]),
        ("eta = true", ["eta must be a number"]),
        ("sigma = nan", ["sigma must be finite"]),
        ("decay = -inf", ["decay must be finite"]),
        ('N = "500"', ["N must be an integer", "'500'"]),
        ("N = 50.5", ["N must be an integer", "50.5"]),
        ("N = nan", ["N must be an integer", "nan"]),
        ("K = 0", ["K must be at least 1"]),
        ("seed = 1.5", ["seed must be an integer"]),
        ("rule = 3", ["rule must be a text", "3"]),
        ("ode_method = 1", ["ode_method must be a text"]),
        ('b = ["a", "b"]', ["b must be an array of numbers"]),
        ("b = [1, nan, 3, 4, 5]", ["b must be finite", "b[1]"]),
        ("R = [[1, 2], [3]]\nQ = [[1, 0], [0, 1]]", ["R must"]),
        ('T = "a"', ["T must"]),
        ("N = 1" + 40 * "0", ["N must"]),
    ],
)
def test_a_bad_configuration_is_refused(run, tmp_path, text, words):
    """Exit 2, one line that names the key or the file, and nothing is written."""
    (tmp_path / "c.toml").write_text(text)
    assert_refused(run("integrate", "--config", "c.toml", "--alpha-max", "1"), *words)
    assert [path.name for path in tmp_path.iterdir()] == ["c.toml"]


# ---------------------------------------------------------------------------------------------------------------------
# Bad input

BAD = [
    ("integrate", ["--eta", "-0.1"], ["eta must be finite and at least 0", "-0.1"]),
    ("integrate", ["--eta", "nan"], ["eta must be finite", "nan"]),
    ("integrate", ["--sigma", "-1"], ["sigma"]),
    ("integrate", ["--N", "3"], ["N must be at least K + M = 4", "3"]),
    ("integrate", ["--eta", "fast"], ["--eta", "'fast'"]),
    ("integrate", ["--K", "2.5"], ["--K", "'2.5'"]),
    ("integrate", ["--rule", "hebb"], ['rule must be "fa", "bp" or "both"', "'hebb'"]),
    ("integrate", ["--rule", "both"], ["rule must be", "compare"]),
    ("integrate", ["--activation", "relu6"], ["activation", "erf, linear, relu", "'relu6'"]),
    ("integrate", ["--start", "zero"], ["start must be", "'zero'"]),
    ("integrate", ["--teacher", "odd"], ["teacher must be", "'odd'"]),
    ("integrate", ["--spacing", "sqrt"], ["spacing must be", "'sqrt'"]),
    ("integrate", ["--b", "[1, 2, 3]"], ["b must be a number or have shape (2,)", "(3,)"]),
    ("integrate", ["--b", "[1, "], ["--b", "is not a number or an array"]),
    ("integrate", ["--b", "one"], ["--b", "is not a number or an array"]),
    ("integrate", ["--b", "[1, nan]"], ["b must be finite", "b[1]"]),
    ("integrate", ["--T", "[[1, 0, 0]]"], ["T must have shape", "(2, 2)", "(1, 3)"]),
    ("integrate", ["--R", "[[1, 0], [0, 1]]"], ["R and Q must be given together"]),
    ("integrate", ["--R", "[[1, 0]]", "--Q", "[[1]]"], ["R must have shape", "(2, 2)", "(1, 2)"]),
    ("integrate", ["--R", "[[9, 0], [0, 9]]", "--Q", "[[1, 0], [0, 1]]"], ["no weights have these overlaps"]),
    ("integrate", ["--b", "nan"], ["b must be finite, but is nan"]),
    ("integrate", ["--r", "0.1"], ["r is the overlap of start", "0.1", "random"]),
    ("integrate", ["--rtol", "1"], ["rtol must be at most 0.01"]),
    ("integrate", ["--v", "true"], ["v must be an array of numbers"]),
    ("integrate", ["--points", "1"], ["points must be at least 2"]),
    ("integrate", ["--alpha-max", "nan"], ["alpha_max must be finite"]),
    ("integrate", ["--alpha-min", "10"], ["alpha_min must be below alpha_max"]),
    ("integrate", ["--seed", "-1"], ["seed must be at least 0"]),
    ("integrate", ["--etaa", "1"], ["--etaa", "--eta"]),
    ("integrate", ["--runs", "3"], ["--runs"]),
    ("integrate", ["--config", "none.toml"], ["none.toml cannot be read", "No such file"]),
    ("integrate", ["--config", "."], [". cannot be read", "directory"]),
    ("integrate", ["-o", "."], [". is a folder"]),
    ("simulate", ["--rtol", "1e-6"], ["--rtol"]),
    ("compare", ["--runs", "1"], ["runs must be at least 2"]),
    ("integrate", ["--ode-method", "Euler"], ["method must be one of", "'Euler'"]),
    ("integrate", ["--rtol", "nan"], ["rtol must be finite"]),
    ("simulate", ["--runs", "0"], ["runs must be at least 1"]),
    ("simulate", ["--method", "both"], ['method must be "network" or "reduced" here', "stdyn compare"]),
    ("simulate", ["--method", "ode"], ['method must be "network", "reduced" or "both", but is \'ode\'']),
    ("simulate", ["--method", "reduced", "--N", "3"], ["N must be at least K + M = 4, but is 3"]),
    ("simulate", ["--normals", "slow"], ["normals must be one of fast, numpy, but is 'slow'"]),
    ("compare", ["--reduced-runs", "1"], ["reduced_runs must be at least 2"]),
    ("compare", ["--start", "prepared", "--v", "0.1", "--b", "1", "--seed", "-1"], ["seed must be at least 0"]),
]
NOT_AN_EXPERIMENT = [
    ("plot", [], ["Missing argument"]),
    ("plot", ["none.h5"], ["none.h5 is not there"]),
    ("info", ["none.h5"], ["none.h5 is not there"]),
    ("info", ["."], [". is not a file"]),
    ("learn", [], ["'learn'"]),
]


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        *((command, [*SMALL, *options], words) for command, options, words in BAD),
        *NOT_AN_EXPERIMENT,
    ],
    ids=[" ".join([command, *options]) for command, options, _ in BAD + NOT_AN_EXPERIMENT],
)
def test_bad_input_is_refused(run, tmp_path, command, options, words):
    """Exit 2, one line that names the argument, and nothing is written, not even an empty folder."""
    assert_refused(run(command, *options), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["info", "plot"])
def test_what_is_not_a_stdyn_file_is_refused(run, tmp_path, command):
    """A text file: exit 2, and the line names it."""
    (tmp_path / "a.h5").write_text("no data")
    assert_refused(run(command, "a.h5"), "a.h5 is not an HDF5 file")
    assert list(contents(tmp_path)) == ["a.h5"]


def test_a_name_cannot_lead_into_a_folder_that_is_not_there(run, tmp_path):
    """The name only begins those of the files; --data and --figures are the folders."""
    assert_refused(run("compare", *SMALL, *RUNS, "--name", "deep/r"), "name must be", "'deep/r'")
    assert contents(tmp_path) == {}


def test_divergence_is_a_warning_in_one_line(run, tmp_path, recwarn):
    """Exit 0, the file written, and a line on stderr that says at which alpha."""
    warnings.simplefilter("default")
    code, _, err = run("integrate", *SMALL, "--activation", "linear", "--eta", "20", "--eta-v", "0", "--v", "1")
    assert code == 0
    assert err.startswith("stdyn: warning: the ODEs diverged at alpha = ")
    assert err.count("\n") == 1
    assert load(tmp_path / "data" / "ode.h5").diverged_at < 5


# ---------------------------------------------------------------------------------------------------------------------
# The process


def python(code, *arguments, cwd=None):
    """The finished process of a few lines of Python."""
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)


def test_python_dash_m_is_the_command(tmp_path):
    """`python -m stdyn` has the commands, and bad input ends it with exit code 2, one line and no traceback."""
    call = [sys.executable, "-m", "stdyn"]
    good = subprocess.run([*call, "--help"], capture_output=True, text=True)
    assert good.returncode == 0
    assert "compare" in good.stdout
    assert_refused(
        _result(subprocess.run([*call, "integrate", "--eta", "-1"], capture_output=True, text=True, cwd=tmp_path))
    )
    assert list(tmp_path.iterdir()) == []


def _result(process):
    return process.returncode, process.stdout, process.stderr


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told us to ignore it
from stdyn.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    """Exit 1, the file is named, loads, and holds all runs, undisturbed, to an alpha before the last."""
    options = ["--N", "200", "--K", "1", "--M", "1", "--runs", "2", "--spacing", "linear", "--points", "2001"]
    command = [sys.executable, "-c", INTERRUPTIBLE, "simulate", *options, "--alpha-max", "1000000", "-o", "a.h5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert "2 network runs of N = 200" in process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
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


def test_import_and_help_are_light():
    """`import stdyn` and `stdyn --help` load neither numba, SciPy, matplotlib, h5py, xarray nor dask."""
    heavy = "print(sorted({'numba', 'scipy', 'matplotlib', 'h5py', 'xarray', 'dask', 'numpy'} & set(sys.modules)))"
    assert python(f"import sys, stdyn; {heavy}").stdout == "[]\n"
    assert python(f"import sys, stdyn.cli; {heavy}").stdout == "[]\n"


@pytest.mark.parametrize("name", stdyn.__all__)
def test_every_public_name_resolves(name):
    """Each has a docstring, and dir lists it."""
    assert getattr(stdyn, name).__doc__
    assert name in dir(stdyn)


# ---------------------------------------------------------------------------------------------------------------------
# Layered networks


MNIST = ("mnist", "--widths", "9", "5", "--rule", "fa", "bp", "--epochs", "2", "--lr", "0.1", "--batch", "7")


@pytest.fixture
def mnist_run(run, image_folder, monkeypatch):
    """run, with the small images where MNIST would be."""
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    return run


def test_mnist_trains_every_rule_and_seed(mnist_run, tmp_path):
    """Into one file, with a table and figures; options that take several values take them in either way."""
    code, out, err = mnist_run(*MNIST, "--seeds", "3", "--seeds", "4", "--workers", "1")
    assert code == 0, err
    figures = [f"figures/mnist_9-5_{name}.png" for name in ("angles", "errors", "fa_outputs")]
    assert list(contents(tmp_path)) == ["data/mnist_9-5.h5", *figures]
    found = stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5")
    assert list(zip(found.rules, found.seeds, strict=True)) == [("fa", 3), ("fa", 4), ("bp", 3), ("bp", 4)]
    assert found.widths == (36, 9, 5, 4)
    assert found.epochs_done.tolist() == [2] * 4
    for rule in ("fa", "bp"):
        last = 100 * np.array([each.test_error[-1] for each in found.histories if each.rule == rule])
        (line,) = [line for line in out.splitlines() if line.startswith(f"{rule} ")]
        assert f"{last.mean():.2f} ± {last.std(ddof=1):.2f}" in line
    assert all(name in out for name in figures)
    assert mnist_run("info", "data/mnist_9-5.h5")[1].strip() in out


def test_mnist_goes_on_where_it_stopped(mnist_run, tmp_path):
    """The same command does nothing more, more epochs are added; another learning rate needs --force."""
    mnist_run(*MNIST, "--seeds", "1", "--workers", "1")
    first = (tmp_path / "data" / "mnist_9-5.h5").read_bytes()
    assert mnist_run(*MNIST, "--seeds", "1", "--workers", "1")[0] == 0
    assert (tmp_path / "data" / "mnist_9-5.h5").read_bytes() == first
    assert_refused(
        mnist_run(*MNIST, "--seeds", "1", "--lr", "0.2"), "another training", "lr is 0.1 there and 0.2", "--force"
    )
    assert (tmp_path / "data" / "mnist_9-5.h5").read_bytes() == first
    assert mnist_run(*MNIST, "--seeds", "1", "--epochs", "3", "--workers", "1")[0] == 0
    assert stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").epochs == 3
    assert mnist_run(*MNIST, "--seeds", "1", "--lr", "0.2", "--force", "--workers", "1")[0] == 0
    assert stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").description["lr"] == 0.2


def test_mnist_is_an_experiment_in_a_file(mnist_run, tmp_path):
    """--write-config writes what --config reads; options win over it."""
    assert mnist_run(*MNIST, "--seeds", "7", "--write-config", "my.toml")[0] == 0
    assert mnist_run("mnist", "--config", "my.toml", "--rule", "dfa", "--workers", "1", "-o", "x.h5")[0] == 0
    found = stdyn.open_training(tmp_path / "x.h5")
    assert (found.rules, found.seeds, found.widths, found.description["batch"]) == (["dfa"], [7], (36, 9, 5, 4), 7)


def test_plot_draws_trainings(mnist_run, tmp_path):
    """The same figures again; with a trajectory, the alignment of both on one page."""
    mnist_run(*MNIST, "--seeds", "1", "--workers", "1")
    assert mnist_run("plot", "data/mnist_9-5.h5", "--figures", "again")[0] == 0
    for name in ("angles", "errors", "fa_outputs"):
        assert (tmp_path / "again" / f"mnist_9-5_{name}.png").exists()
    mnist_run("integrate", *SMALL, "-o", "data/ode.h5")
    assert mnist_run("plot", "data/ode.h5", "data/mnist_9-5.h5", "--name", "both", "--figures", "page")[0] == 0
    assert list(contents(tmp_path / "page")) == ["both_alignments.png"]
    assert_refused(mnist_run("plot", "data/mnist_9-5.h5", "data/mnist_9-5.h5", "--x", "eta"), "holds a training")
    empty = stdyn.Training(rule="bp", widths=3, epochs=1, seeds=1)
    create_training(tmp_path / "data" / "empty.h5", empty.runs, empty, stdyn.mnist.load())
    assert_refused(mnist_run("plot", "data/empty.h5"), "data/empty.h5 holds no network that has begun")
    (tmp_path / "data" / "copy.h5").write_bytes((tmp_path / "data" / "mnist_9-5.h5").read_bytes())
    assert_refused(mnist_run("plot", "data/mnist_9-5.h5", "data/copy.h5"), "holds a training, which is drawn alone")


def test_mnist_that_diverges_says_where(mnist_run, tmp_path):
    """Exit code 1 if nothing else came out; the history is in the file."""
    warnings.simplefilter("default")
    code, out, err = mnist_run(*MNIST, "--seeds", "1", "--lr", "1e6", "--workers", "1")
    assert code == 1
    assert "stdyn: every training diverged" in err
    assert "fa    seed 1: diverged at epoch 1, batch " in out
    assert "stdyn: warning: fa, seed 1: diverged at epoch 1, batch " in err
    assert "lr = 1e+06 is too large" in err
    assert [len(each.epochs) for each in stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").histories] == [1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rule", "fa", "bb"], ["rule must be one of bp, fa, dfa, but is 'bb'"]),
        (["--widths", "20", "-3"], ["widths must be at least 1, but is -3"]),
        (["--widths", "20", "many"], ["--widths", "many"]),
        (["--widths"], ["--widths"]),
        (["--epochs", "0"], ["epochs must be at least 1, but is 0"]),
        (["--lr", "nan"], ["lr must be finite"]),
        (["--batch", "2.5"], ["--batch", "2.5"]),
        (["--train-size", "301"], ["train_size must be at most 300, but is 301"]),
        (["--data", "nowhere"], ["nowhere with MNIST does not exist"]),
        (["--data", "."], ["holds neither train-images-idx3-ubyte nor"]),
        (["--workers", "0"], ["workers must be at least 1, but is 0"]),
        (["--config", "missing.toml"], ["missing.toml cannot be read"]),
        (["--config", "wrong.toml"], ["there is no key 'width'; the nearest one is 'widths'"]),
        (["surplus"], ["surplus"]),
        (["--widths=20", "4", "-.5"], ["--widths", "-.5"]),
        (["--lr", ".1", ".2"], [".2"]),
    ],
)
def test_bad_trainings_are_refused(mnist_run, tmp_path, options, words):
    """One line, exit code 2, no data."""
    (tmp_path / "wrong.toml").write_text("width = [3]\n")
    assert_refused(mnist_run("mnist", "--epochs", "1", *options), *words)
    assert not list(tmp_path.rglob("*.h5"))


# ---------------------------------------------------------------------------------------------------------------------
# Theory beyond the mean

COMMITTEE = ("--K", "2", "--M", "2", "--eta-v", "0", "--v", "1", "--b", "[1.0, 0.7]")


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
    assert_refused(run("compare", *SMALL, *RUNS, "--name", "r"), "exists and is not overwritten")


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
    names = [f"figures/s_{name}_against_eta.png" for name in ("eps_g_final", "escape_rate", "plateau_length")]
    assert sorted(contents(tmp_path)) == ["data/s_against_eta.csv", *names]
    table = np.genfromtxt(tmp_path / "data/s_against_eta.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert table["rule"].tolist() == ["fa", "fa", "bp", "bp"]
    assert (table["escape_rate"] > 0).all()
    assert_refused(run("theory", *COMMITTEE, "--vary", "eta=[0.2, 0.4]", "--name", "s"), "s_against_eta.csv exists")


def test_a_study_that_is_interrupted_keeps_what_is_done(run, tmp_path, monkeypatch):
    """Ctrl-C in the third of three values: two are printed, written and drawn, exit code 1."""
    from stdyn.scans import studies

    numbers, calls = studies._numbers, []

    def stops(problem, alphas):
        calls.append(problem)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return numbers(problem, alphas)

    monkeypatch.setattr(studies, "_numbers", stops)
    code, _, err = run("theory", *COMMITTEE, "--vary", "eta=[0.2, 0.4, 0.6]", "--name", "s")
    assert (code, err) == (1, "stdyn: interrupted after 2 of 3 values\n")
    lines = (tmp_path / "data/s_against_eta.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["fa", "0.2"], ["fa", "0.4"], ["bp", "0.2"], ["bp", "0.4"]]
    assert (tmp_path / "figures/s_escape_rate_against_eta.png").exists()


def test_compare_without_fluctuations(run, tmp_path):
    """--no-fluctuations; and if they are interrupted, everything else is there."""
    assert run("compare", *SMALL, *RUNS, "--name", "r", "--no-fluctuations")[0] == 0
    assert not list(tmp_path.rglob("*fluctuations*"))


def test_interrupted_fluctuations_leave_the_rest(run, tmp_path, monkeypatch):
    """Ctrl-C while they are computed: tables, files and the other figures are there, exit code 1."""
    from stdyn.theory import fluctuations as linearnoise

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(linearnoise, "fluctuations", stops)
    code, out, err = run("compare", *SMALL, *RUNS, "--name", "r")
    assert (code, err) == (1, "stdyn: interrupted while fluctuations were computed; everything else is done\n")
    assert out.count("against the ODEs") == 4
    assert (tmp_path / "figures/r_generalization.png").exists()


def test_theory_against_n(run, tmp_path):
    """From a symmetric start: predicted and seen escapes at each N, files of the runs, a figure."""
    start = ("--start", "prepared", "--eta", "1.5", "--rule", "bp", "--runs", "20")
    code, out, _ = run("theory", *COMMITTEE, *start, "--vary", "N=[50, 100]", "--name", "e")
    assert code == 0
    assert "predicted: 5 %" in out
    assert sorted(contents(tmp_path)) == ["data/e_bp_N100.h5", "data/e_bp_N50.h5", "figures/e_escape.png"]
    assert load(tmp_path / "data/e_bp_N50.h5").runs == 20
    assert_refused(run("theory", *COMMITTEE, "--vary", "N=[50, 100]", "--rule", "bp"), "start must have a symmetry")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "eta"), "--vary must be NAME=VALUES"),
        (("--vary", "lr=[0.1, 0.2]"), "there is no quantity 'lr'"),
        (("--vary", "N=[3]"), "N must be at least 4, but is 3"),
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
