"""The configuration file, and input that is refused."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bad_options import changed
from command_helpers import RUNS, SMALL, assert_refused, contents

from stdyn import load
from stdyn.command.main import cli


def test_options_win_over_the_file_and_the_file_over_the_defaults(run, tmp_path):
    """eta from the option, sigma from the file, eta_v the default."""
    (tmp_path / "c.toml").write_text('rule = "bp"\neta = 0.1\nsigma = 0.2\nR = [[0.1], [0.0]]\nQ = [[1, 0], [0, 1]]\n')
    assert run("integrate", *changed(SMALL, "--M", "1"), "--config", "c.toml", "--eta", "0.3", "-o", "a.h5")[0] == 0
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


BAD = [
    ("integrate", ["--eta", "-0.1"], ["eta must be finite and at least 0", "-0.1"]),
    ("integrate", ["--eta", "nan"], ["eta must be finite", "nan"]),
    ("integrate", ["--sigma", "-1"], ["sigma"]),
    ("integrate", ["--N", "0"], ["N must be at least 1", "0"]),
    ("integrate", ["--eta", "fast"], ["--eta", "'fast'"]),
    ("integrate", ["--K", "2.5"], ["--K", "'2.5'"]),
    ("integrate", ["--rule", "hebb"], ["rule must be one of fa, bp, kp, mixed, but is 'hebb'"]),
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
    ("simulate", ["--method", "ode"], ["method must be one of network, reduced, but is 'ode'"]),
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
        *((command, changed(SMALL, *options), words) for command, options, words in BAD),
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


def test_what_a_file_says_in_vain_is_said_and_an_option_in_vain_is_refused(run, tmp_path):
    """A file is for both rules and all commands; an option is for this run."""
    (tmp_path / "c.toml").write_text("b = [1, 2]\nb_scale = 1.0\nspacing = 'linear'\nalpha_min = 0.2\n")
    code, _, err = run("integrate", *SMALL, "--config", "c.toml", "--rule", "bp", "-o", "a.h5")
    assert code == 0
    assert [line.split(" is of no use with ") for line in err.splitlines()] == [
        ["stdyn: c.toml: b = [1, 2]", "rule = 'bp'"], ["stdyn: c.toml: alpha_min = 0.2", "spacing = 'linear'"],
    ]  # fmt: skip
    code, _, err = run("integrate", *SMALL, "--config", "c.toml", "--spacing", "log", "-o", "b.h5")
    assert (code, err) == (0, "")
    words = "b_scale is of no use with b = [1, 2], but is 2.0"
    assert_refused(run("integrate", *SMALL, "--config", "c.toml", "--b-scale", "2", "-o", "c.h5"), words)


def test_a_short_run_needs_no_other_first_alpha(run, tmp_path):
    """The default is below alpha_max whatever that is; one that is given is kept."""
    short = changed(SMALL, "--alpha-max", "0.05", "--N", "10000")
    assert run("integrate", *short, "-o", "a.h5")[0] == 0
    alphas = load(tmp_path / "a.h5").alphas
    np.testing.assert_allclose(alphas[[0, 1, -1]], [0, 0.005, 0.05], atol=1e-15)
    assert run("compare", *short, "--write-config", "c.toml")[0] == 0
    assert run("integrate", "--config", "c.toml", "--rule", "fa", "-o", "c.h5")[0] == 0
    np.testing.assert_array_equal(load(tmp_path / "c.h5").alphas, alphas)
    assert run("integrate", *short, "--alpha-min", "0.01", "-o", "b.h5")[0] == 0
    np.testing.assert_allclose(load(tmp_path / "b.h5").alphas[1], 0.01)


@pytest.mark.parametrize("command", sorted(set(cli.commands) - {"info"}))
def test_no_option_is_given_twice(run, tmp_path, command):
    """Every one that takes one value, by every command: the last would win without a word."""
    options = [p for p in cli.commands[command].params if p.param_type_name == "option"]
    single = [option for option in options if not option.is_flag and not option.multiple]
    assert len(single) >= {"explore": 1}.get(command, 5)
    for option in single:
        name = max(option.opts, key=len)
        assert_refused(run(command, option.opts[0], "1", f"{name}=2"), f"{name} is given twice: 1, 2")
    assert contents(tmp_path) == {}


def test_flags_may_be_given_twice_and_help_is_given_anyway(run, tmp_path):
    """Nothing is lost by either."""
    assert run("integrate", *SMALL, "--force", "--force", "-o", "a.h5")[0] == 0
    code, out, err = run("integrate", "--eta", "1", "--eta", "2", "--help")
    assert (code, err) == (0, "")
    assert "--eta-v RATE" in out


def test_parameters_may_come_through_a_pipe(run, tmp_path):
    """As from a process substitution; nothing is waited for in a pipe that nobody has open."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "pipe").write_text, "eta = 0.25\n")
        while not (tmp_path / "c.toml").exists():  # until the writer is there
            run("compare", *SMALL, "--config", "pipe", "--write-config", "c.toml")
    assert "eta = 0.25" in (tmp_path / "c.toml").read_text()
