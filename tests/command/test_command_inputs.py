"""Inputs that are not isotropic at the command line and in TOML files."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from command_helpers import SMALL, assert_refused, contents

import stdyn
from stdyn import Experiment, Inputs, initial, load
from stdyn.settings import from_values, read_toml, to_toml

POWER = '{kind="power_law", exponent=1, groups=4}'
INPUTS = Inputs.power_law(1, 30, groups=4)
FILE = """
K = 2
M = 2
N = 30
alpha_max = 5
points = 11

[inputs]
kind = "power_law"
exponent = 1
groups = 4
"""
NETWORK = ("--method", "network", "--runs", "8")


@pytest.mark.parametrize("command", ["integrate", "simulate"])
def test_options_and_files_say_the_same(run, tmp_path, command):
    """As a table in braces or as a section; the same bits, and the axis of the groups."""
    runs = ("--runs", "3") if command == "simulate" else ()
    (tmp_path / "c.toml").write_text(FILE)
    assert run(command, *SMALL, *runs, "--inputs", POWER, "-o", "a.h5")[::2] == (0, "")
    assert run(command, "--config", "c.toml", *runs, "-o", "b.h5")[::2] == (0, "")
    one, other = load(tmp_path / "a.h5"), load(tmp_path / "b.h5")
    assert one == other
    assert one.problem.inputs == INPUTS
    assert one.R_group.shape == (*one.eps_g.shape, 4, 2, 2)
    code, out, _ = run("info", "a.h5")
    assert code == 0
    assert "inputs           4 groups: variances" in out


def test_isotropic_inputs_are_what_there_always_was(run, tmp_path):
    """Given as such, or as a spectrum of one variance 1: the same trajectory."""
    for name, given in (
        ("a", ()),
        ("b", ("--inputs", '{kind="isotropic"}')),
        ("c", ("--inputs", '{kind="spectrum", variances=[1], fractions=[1]}')),
        ("d", ("--inputs", '{kind="power_law", exponent=0}')),
    ):
        assert run("integrate", *SMALL, *given, "-o", f"{name}.h5")[::2] == (0, "")
    plain = load(tmp_path / "a.h5")
    assert all(load(tmp_path / f"{name}.h5") == plain for name in "bcd")


def test_compare_takes_inputs_and_recognises_its_files(run, tmp_path):
    """On the sphere no fluctuations are, in one line; the same command has nothing left to do, another is refused."""
    command = ("compare", *SMALL, *NETWORK, "--inputs", POWER, "--sphere", "--name", "p")
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert out.count("no fluctuations are predicted: ") == 1
    assert "against the ODEs" in out
    for rule in ("fa", "bp"):
        for kind in ("ode", "network"):
            assert load(tmp_path / "data" / f"p_{rule}_{kind}.h5").problem.inputs == INPUTS
    assert not list((tmp_path / "data").glob("*fluctuations*"))
    before = contents(tmp_path)
    code, out, _ = run(*command)
    assert code == 0
    assert out.count("is there already") >= 4
    assert contents(tmp_path) == before
    for other in (POWER.replace("1,", "2,"), '{kind="isotropic"}'):
        there = [other if each == POWER else each for each in command]
        assert_refused(run(*there), "another experiment is in it, with other inputs\n")
    code, out, _ = run(*command, "--no-fluctuations")
    assert code == 0
    assert "fluctuations" not in out


def test_a_written_configuration_has_the_table(run, tmp_path):
    """Below all other keys; read again it is the same experiment, as is one of Inputs themselves."""
    assert run("compare", *SMALL, "--inputs", POWER, "--write-config", "c.toml") == (0, "wrote c.toml\n", "")
    assert tomllib.loads((tmp_path / "c.toml").read_text())["inputs"] == {
        "kind": "power_law", "exponent": 1, "groups": 4,
    }  # fmt: skip
    experiment = from_values(read_toml(tmp_path / "c.toml", Experiment), Experiment)
    assert experiment.problem("bp").inputs == INPUTS
    for inputs in (Inputs.spiked([20, 5], 30), Inputs.from_covariance(np.diag([3.0, 2.0, 1.0])), Inputs.isotropic()):
        given = Experiment(K=2, M=2, N=30, inputs=inputs, start="prepared")
        (tmp_path / "d.toml").write_text(to_toml(given))
        again = from_values(read_toml(tmp_path / "d.toml", Experiment), Experiment)
        assert again == given
        assert again.problem("bp").inputs == inputs


def test_starts_are_those_of_the_inputs():
    """Prepared, random and given ones, by the functions of the library."""
    base = Experiment(K=2, M=2, N=30, inputs={"kind": "power_law", "exponent": 1, "groups": 4}, v=[0.3, 0.1])
    prepared = replace(base, start="prepared", r=0.1, teacher="graded").problem("bp").start
    assert prepared == initial.prepared(2, 2, r=0.1, teacher="graded", v=[0.3, 0.1], inputs=INPUTS)
    assert prepared.lengths == pytest.approx(np.sqrt([0.2, 0.2]), rel=1e-12)
    overlaps = {"R": [[0.1, 0], [0, 0.1]], "Q": [[0.2, 0], [0, 0.2]], "T": [[1, 0.2], [0.2, 1]]}
    given = replace(base, **overlaps).problem("bp").start
    assert given == stdyn.OrderParameters(**overlaps, v=given.v, v_teacher=given.v_teacher).spread(INPUTS)
    np.testing.assert_allclose(given.T, overlaps["T"], rtol=1e-12)
    random = base.problem("bp").start
    assert random != replace(base, seed=2).problem("bp").start
    np.testing.assert_allclose(random.T_group, INPUTS.fractions[:, None, None] * np.eye(2), rtol=1e-12)
    drawn = replace(base, inputs={"kind": "spiked", "spikes": [20, 5]}, teacher="random").problem("bp").start
    ranks = np.linalg.matrix_rank(drawn.C_group, tol=1e-9)
    assert ranks.tolist() == [1, 1, 4]  # a group of one direction has vectors of rank 1
    assert not np.allclose(drawn.T, np.eye(2), atol=1e-3)


def test_a_random_teacher_of_isotropic_inputs():
    """T is that of vectors in N directions: nearly 1 at a large N, by 8 standard deviations."""
    for N in (100, 10_000):
        T = Experiment(K=2, M=3, N=N, teacher="random").problem("bp").start.T
        assert 0 < np.abs(T - np.eye(3)).max() < 8 * np.sqrt(2 / N)


@pytest.mark.parametrize("start", ["random", "prepared"])
def test_the_teacher_of_a_hidden_manifold_is_in_latent_space(start):
    """Its fields have the covariance T, of which the inputs do not explain T_hidden; by the formulas of the paper."""
    table = {"kind": "hidden_manifold", "f": "erf", "latent": 40, "groups": None}
    problem = Experiment(K=2, M=3, N=120, inputs=table, teacher="graded", start=start).problem("bp")
    inputs, now = problem.inputs, problem.start
    manifold = inputs.manifold
    np.testing.assert_allclose(now.T, np.diag([1.0, 2.0, 3.0]), atol=1e-12)
    assert np.linalg.eigvalsh(now.T_hidden).min() > 0
    explained = now.T - now.T_hidden  # = b^2 theta F^T Omega^-1 F theta^T, at most theta theta^T
    F, b = manifold.features, manifold.b
    Omega = manifold.noise * np.eye(120) + b**2 * F @ F.T
    share = np.linalg.eigvalsh(b**2 * F.T @ np.linalg.solve(Omega, F))
    scaled = np.linalg.eigvalsh(explained / np.sqrt(np.outer([1, 2, 3], [1, 2, 3])))
    assert share.min() - 1e-9 <= scaled.min()
    assert scaled.max() <= share.max() + 1e-9
    if start == "prepared":
        np.testing.assert_allclose(now.R, 0, atol=1e-15)
        np.testing.assert_allclose(now.lengths, np.sqrt(0.2), rtol=1e-12)


def test_inputs_draw_nothing_that_others_draw():
    """v, b and the first layer of isotropic experiments are what they were; other seeds have other features."""
    table = {"kind": "hidden_manifold", "f": "erf", "latent": 10, "groups": 4}
    plain = Experiment(K=2, M=2, N=30)
    for inputs in (table, {"kind": "power_law", "exponent": 1, "groups": 4}):
        other = replace(plain, inputs=inputs)
        np.testing.assert_array_equal(other.problem("fa").start.v, plain.problem("fa").start.v)
        np.testing.assert_array_equal(other.problem("fa").b, plain.problem("fa").b)
    first, again, second = (replace(plain, inputs=table, seed=seed).problem("bp").inputs for seed in (1, 1, 2))
    assert first == again != second


def test_both_rules_start_alike(run, tmp_path):
    """Of a hidden manifold, too, with the same features and teacher."""
    table = '{kind="hidden_manifold", f="erf", latent=10, groups=4}'
    assert run("compare", *SMALL, *NETWORK, "--inputs", table, "--no-fluctuations")[0] == 0
    fa, bp = (load(tmp_path / "data" / f"reference_{rule}_network.h5").problem for rule in ("fa", "bp"))
    assert fa.start == bp.start
    assert fa.start.T_hidden.any()


def test_theory_varies_inputs_and_refuses_what_is_not_worked_out(run, tmp_path):
    """Against the exponent there are a table and figures; when runs leave is not predicted."""
    command = ("theory", *SMALL, "--rule", "bp", "--inputs", POWER)
    assert run(*command, "--vary", "inputs.exponent=[0.5, 1]")[::2] == (0, "")
    rows = (tmp_path / "data" / "theory_against_inputs.exponent.csv").read_text().splitlines()
    assert rows[0].startswith("rule,inputs.exponent,plateau_length")
    assert [row.split(",")[1] for row in rows[1:]] == ["0.5", "1.0"]
    small = ("theory", "--K", "2", "--M", "2", "--rule", "bp", "--start", "prepared", "--inputs", POWER)
    assert_refused(run(*small, "--vary", "N=[100, 200]"), "inputs must be isotropic for escape times")


def test_a_scan_varies_inputs_by_command_and_by_file(run, tmp_path):
    """As tables in a list and by a number, in braces or dotted; the same command goes on."""
    tables = f'inputs=[{POWER}, {{kind="isotropic"}}]'
    command = ("scan", *SMALL, "--rule", "fa", "--workers", "1", "--vary", tables, "-o", "a.h5")
    assert run(*command)[::2] == (0, "")
    found = stdyn.open_scan(tmp_path / "a.h5")
    assert found.coordinates["inputs"].tolist() == ["power_law(exponent=1, groups=4)", "isotropic()"]
    assert [problem.inputs for problem in map(found.problem, range(2))] == [INPUTS, Inputs.isotropic()]
    before = contents(tmp_path)
    assert run(*command)[0] == 0
    assert contents(tmp_path) == before
    (tmp_path / "s.toml").write_text('rule = "fa"\n' + FILE + "\n[vary]\ninputs.exponent = [0.5, 1]\neta = [0.1]\n")
    assert run("scan", "s.toml", "--workers", "1")[::2] == (0, "")
    found = stdyn.open_scan(tmp_path / "data" / "s.h5")
    assert found.problem(1).inputs == INPUTS
    assert set(found.coordinates) == {"inputs.exponent", "eta"}
    (tmp_path / "t.toml").write_text(
        'rule = "fa"\n' + FILE.partition("[inputs]")[0] + '[vary]\ninputs = [{kind = "spectrum", variances = [2, 0.5],'
        " fractions = [0.4, 0.6]}, {kind = 'isotropic'}]\n"
    )
    assert run("scan", "t.toml", "--workers", "1")[::2] == (0, "")
    assert stdyn.open_scan(tmp_path / "data" / "t.h5").problem(0).inputs == Inputs.spectrum([2, 0.5], [0.4, 0.6])


def test_theory_needs_no_direction_in_every_group(run, tmp_path):
    """A group smaller than one direction is refused only where something is simulated, or drawn at N."""
    small = '{kind="spectrum", variances=[5, 1], fractions=[0.001, 0.999]}'
    prepared = (*SMALL, "--inputs", small, "--start", "prepared")
    assert run("integrate", *prepared, "-o", "a.h5")[::2] == (0, "")
    assert load(tmp_path / "a.h5").problem.inputs.fractions[0] == 0.001
    assert_refused(run("simulate", *prepared), "N must let every group have a direction")
    assert_refused(run("integrate", *SMALL, "--inputs", small), "the random start is drawn at N")


def test_help_says_the_kinds(run):
    """Of inputs, and of a teacher that any group can hold."""
    said = " ".join(run("integrate", "--help")[1].split())
    for words in ('{kind="power_law", exponent=1, groups=16}', "hidden_manifold", "with a random start, random"):
        assert words in said


def test_inputs_of_a_hidden_manifold_are_given_as_their_table():
    """Their groups alone would be another problem, of a teacher that sees the inputs."""
    manifold = Inputs.hidden_manifold("erf", 10, 30, 4, rng=np.random.default_rng(1))
    with pytest.raises(stdyn.InputError, match=r"inputs must be the table .*hidden_manifold"):
        Experiment(K=2, M=2, N=30, inputs=manifold)


def test_what_is_no_table_is_answered_in_general_words(run):
    """.5 is no number in TOML; an example of tasks' keys would be of no help with inputs."""
    code, _, error = run("integrate", "--inputs", '{kind="spectrum", variances=[3, .5], fractions=[0.2, 0.8]}')
    assert code == 2
    assert "is not a table such as '{key=" in error
    assert "similarity" not in error
