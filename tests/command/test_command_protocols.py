"""Schedules, tasks, rules and regimes at the command line and in TOML files."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from bad_options import changed
from command_helpers import RUNS, SMALL, assert_refused, contents

import stdyn
from stdyn import Experiment, InputError, load, schedule
from stdyn.command.options import assignment
from stdyn.settings import from_values, read_toml, to_toml

ETA = '{kind="hyperbolic", value=1, scale=2}'
TASKS = "{similarity=0.5, at=[0, 2]}"
PROTOCOL = ("--eta", ETA, "--sigma", '{kind="steps", at=[0, 1], value=[0.3, 0.1]}', "--tasks", TASKS)
FILE = """
K = 2
M = 2
N = 30
alpha_max = 5
points = 11
sigma = {kind = "steps", at = [0, 1], value = [0.3, 0.1]}

[eta]
kind = "hyperbolic"
value = 1
scale = 2

[tasks]
similarity = 0.5
at = [0, 2]
"""


def of_both(rule, problem):
    """What the options and the file above say."""
    assert problem.rule == rule
    assert problem.eta == schedule.hyperbolic(1, 2)
    assert problem.sigma == schedule.steps([0, 1], [0.3, 0.1])
    T, tasks = stdyn.similar(1, 0.5, at=[0, 2])
    assert problem.tasks == tasks
    assert np.array_equal(problem.start.T, T)
    assert (problem.eta_v, problem.decay, problem.drift, problem.batch) == (0.5, 0, 0, 1)


@pytest.mark.parametrize("command", ["integrate", "simulate"])
def test_options_and_files_say_the_same(run, tmp_path, command):
    """As tables in braces or as sections; the same bits."""
    runs = RUNS if command == "simulate" else ()
    (tmp_path / "c.toml").write_text(FILE)
    assert run(command, *SMALL, *runs, *PROTOCOL, "-o", "a.h5")[::2] == (0, "")
    assert run(command, "--config", "c.toml", *runs, "-o", "b.h5")[::2] == (0, "")
    one, other = load(tmp_path / "a.h5"), load(tmp_path / "b.h5")
    of_both("fa", one.problem)
    assert one == other
    assert one.eps_g_per_task.shape == (*one.eps_g.shape, 2)


def test_compare_takes_protocols_and_recognises_its_files(run, tmp_path):
    """All files of both rules; the same command has nothing left to do, one with another schedule is refused."""
    command = ("compare", *SMALL, *RUNS, *PROTOCOL, "--name", "p", "--no-fluctuations")
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    for rule in ("fa", "bp"):
        for kind in ("ode", "network", "reduced"):
            of_both(rule, load(tmp_path / "data" / f"p_{rule}_{kind}.h5").problem)
    code, out, _ = run(*command)
    assert code == 0
    assert out.count("is there already") >= 6
    of_eta = ": eta is hyperbolic(value = 1, scale = 2) there and hyperbolic(value = 1, scale = 3) here"
    for option, different in (("--eta", of_eta), ("--tasks", ", with other tasks")):
        other = {"--eta": ETA.replace("2", "3"), "--tasks": TASKS.replace("2", "3")}[option]
        there = [other if each in (ETA, TASKS) and command[n - 1] == option else each for n, each in enumerate(command)]
        words = "another experiment is in it" + different + "\n"
        assert_refused(run(*there), "exists and is not overwritten unless asked (--force)", words)


def test_a_file_of_another_experiment_is_told_by_numbers_and_in_words(run):
    """Tasks before what they make of T, sizes before shapes, numbers with both values, arrays by name."""
    command = ("integrate", *SMALL, "--rule", "kp", "-o", "a.h5")
    assert run(*command)[0] == 0
    for given, words in (
        (("--eta", "0.3"), ": eta is 0.5 there and 0.3 here"),
        (
            ("--decay", '{kind="steps", at=[0, 1], value=[1, 2]}'),
            ": decay is 0 there and steps(at = [0, 1], value = [1, 2]) here",
        ),
        (("--tasks", "{similarity=0.5, at=[0, 2]}"), ", with other tasks"),
        (("--K", "3"), ": K, M and outputs are (2, 2, 1) there and (3, 2, 1) here"),
        (("--sphere",), ": sphere is False there and True here"),
        (("--rule", "fa"), ": rule is kp there and fa here"),
        (("--b", "2"), ", with another b"),
        (("--activation", "relu"), ": activation is erf there and relu here"),
    ):
        assert_refused(run("integrate", *changed(command[1:], *given)), "another experiment is in it" + words + "\n")


@pytest.mark.parametrize("rule", ["kp", "mixed"])
def test_every_rule_has_a_file(run, tmp_path, rule):
    """With drift, batches and the sphere, theory and runs."""
    options = ("--rule", rule, "--drift", "0.1", "--batch", "2", "--sphere", "--decay-v", "0.1")
    options += ("--mixture", '{kind="linear", at=[0, 5], value=[0, 1]}') if rule == "mixed" else ()
    assert run("integrate", *SMALL, *options, "-o", "a.h5")[::2] == (0, "")
    assert run("simulate", *SMALL, *RUNS, "--method", "reduced", *options, "-o", "b.h5")[::2] == (0, "")
    theory, runs = load(tmp_path / "a.h5"), load(tmp_path / "b.h5")
    for problem in (theory.problem, runs.problem):
        assert (problem.rule, problem.drift, problem.batch, problem.sphere, problem.decay_v) == (
            rule,
            0.1,
            2,
            True,
            0.1,
        )
        assert problem.mixture == (schedule.linear([0, 5], [0, 1]) if rule == "mixed" else None)


def test_dfa_is_said_to_be_fa(run, tmp_path):
    """A line on stderr; from the option and from a file."""
    (tmp_path / "c.toml").write_text('rule = "dfa"\n')
    for number, given in enumerate((("--rule", "dfa"), ("--config", "c.toml"))):
        code, _, err = run("integrate", *SMALL, *given, "-o", f"{number}.h5")
        assert code == 0
        assert err == (
            'stdyn: warning: rule = "dfa" is feedback alignment, "fa", where there is one hidden layer, and taken as'
            " that\n"
        )
        assert load(tmp_path / f"{number}.h5").problem.rule == "fa"
    with pytest.warns(stdyn.errors.SameRuleWarning, match="is feedback alignment") as said:
        assert Experiment(rule="dfa").rules == ("fa",)
    assert said[0].filename == __file__


def test_flow_has_rates_of_1_unless_they_are_given(run, tmp_path):
    """Also from a file; the usual ones are 0.5."""
    (tmp_path / "c.toml").write_text("flow = true\neta_v = 0.3\n")
    assert run("integrate", *SMALL, "--flow", "-o", "a.h5")[0] == 0
    assert run("integrate", *SMALL, "--config", "c.toml", "-o", "b.h5")[0] == 0
    assert run("integrate", *SMALL, "--config", "c.toml", "--no-flow", "-o", "c.h5")[0] == 0
    found = [load(tmp_path / f"{name}.h5").problem for name in "abc"]
    assert [(p.flow, p.eta, p.eta_v) for p in found] == [(True, 1, 1), (True, 1, 0.3), (False, 0.5, 0.3)]


def test_a_written_configuration_has_every_table(run, tmp_path):
    """--write-config, read again, is the same experiment; so is any with a table in every place that takes one."""
    pieces = '{kind="pieces", at=[0, 1], value=[0.5, {kind="cosine", value=1, scale=3}]}'
    options = (*PROTOCOL, "--decay-v", pieces, "--rule", "mixed", "--mixture", ETA, "--batch", "2", "--sphere")
    assert run("compare", *SMALL, *options, "--write-config", "c.toml") == (0, "wrote c.toml\n", "")
    there = tomllib.loads((tmp_path / "c.toml").read_text())
    assert there["tasks"] == {"similarity": 0.5, "at": [0, 2]}
    assert (there["sphere"], there["flow"], there["batch"]) == (True, False, 2)
    experiment = from_values(read_toml(tmp_path / "c.toml", Experiment), Experiment)
    assert run("compare", "--config", "c.toml", "--write-config", "d.toml")[0] == 0
    assert (tmp_path / "d.toml").read_text() == (tmp_path / "c.toml").read_text()
    assert experiment.problem("mixed").decay_v == schedule.pieces([0, 1], [0.5, schedule.cosine(1, 3)])
    of_both("fa", replace(experiment.problem("fa"), decay_v=0, batch=1))
    given = Experiment(K=2, M=4, eta=schedule.power(1, 2, 0.5), tasks=stdyn.similar(2, 0.5)[1])  # not as tables
    (tmp_path / "e.toml").write_text(to_toml(given))
    again = from_values(read_toml(tmp_path / "e.toml", Experiment), Experiment)
    assert again == given
    assert again.problem("kp") == given.problem("kp")


def test_what_is_new_in_a_file_and_has_no_use_is_said(run, tmp_path):
    """A file is for every rule, and for tasks that make T."""
    (tmp_path / "c.toml").write_text(f"mixture = 0.5\ntasks = {TASKS}\nteacher = 'graded'\nv_teacher = 2\n")
    code, _, err = run("integrate", *SMALL, "--config", "c.toml", "-o", "a.h5")
    assert code == 0
    assert [line.split(" is of no use with ")[0] for line in err.splitlines()] == [
        "stdyn: c.toml: mixture = 0.5", "stdyn: c.toml: teacher = 'graded'", "stdyn: c.toml: v_teacher = 2",
    ]  # fmt: skip


def test_outputs_have_heads():
    """A head a task is an output a task."""
    experiment = Experiment(K=3, M=4, outputs=2, tasks={"similarity": 0, "heads": 2})
    problem = experiment.problem("fa")
    assert problem.tasks == stdyn.similar(2, 0, heads=2)[1]
    assert problem.b.shape == (3, 2)
    with pytest.raises(InputError, match="tasks: outputs must be 2, as many as v_teacher or heads say, but is 1"):
        replace(experiment, outputs=1).check()


def test_theory_needs_no_more_inputs_than_it_has(run, tmp_path):
    """N, which the equations do not have, may be 1 and more units than that."""
    start = ("--start", "prepared", "--b", "1", "--v", "1")
    small = [each if each != "30" else "1" for each in SMALL]
    assert run("integrate", *small, *start, "-o", "a.h5")[0] == 0
    assert run("integrate", *SMALL, *start, "-o", "b.h5")[0] == 0
    one, other = load(tmp_path / "a.h5"), load(tmp_path / "b.h5")
    assert one.problem.N == 1
    np.testing.assert_allclose(one.R[-1], other.R[-1], rtol=1e-6)


def test_a_scan_varies_numbers_of_its_tables(run, tmp_path):
    """[vary] with names in quotes or dotted; options win; the points have them."""
    (tmp_path / "s.toml").write_text(
        'rule = "fa"\n' + FILE + '\n[vary]\neta.scale = [2, 20]\n"tasks.similarity" = [0, 1]\nsigma.value = [1]\n'
    )
    assert_refused(run("scan", "s.toml", "--workers", "1"), "sigma.value must be a single number of sigma")
    (tmp_path / "s.toml").write_text((tmp_path / "s.toml").read_text().replace("sigma.value = [1]\n", ""))
    code, _, err = run(
        "scan", "s.toml", "--workers", "1", "--eta", ETA, "--vary", "tasks.at[1]={from=1, to=3, number=2}"
    )
    assert (code, err) == (0, "")
    found = stdyn.open_scan(tmp_path / "data" / "s.h5")
    assert set(found.coordinates) == {"eta.scale", "tasks.similarity", "tasks.at[1]"}
    assert found.problem(7).eta == schedule.hyperbolic(1, 20)
    assert found.problem(7).tasks == stdyn.similar(1, 1.0, at=[0, 3])[1]
    before = contents(tmp_path)
    again = run("scan", "s.toml", "--workers", "1", "--eta", ETA, "--vary", "tasks.at[1]={from=1, to=3, number=2}")
    assert again[0] == 0
    assert contents(tmp_path) == before


def test_what_is_beyond_the_last_alpha_is_said(run):
    """A line each, as work starts: tasks by their default of at, jumps of rates; not in scans where they vary."""
    steps = '{kind="steps", at=[0, 1, 7], value=[0.3, 0.1, 0.2]}'
    options = (*SMALL, "--tasks", "{similarity=0.5}", "--sigma", steps, "--decay", ETA)
    of_tasks = "stdyn: tasks: from alpha = 100 on another one is learned, beyond alpha_max = 5\n"
    of_sigma = "stdyn: sigma: it changes at alpha = 7, beyond alpha_max = 5\n"
    code, _, err = run("integrate", *options)
    assert code == 0
    assert sorted(err.splitlines(keepends=True)) == sorted([of_tasks, of_sigma])
    fa = ("--rule", "fa", "--workers", "1")
    assert run("scan", *options, *fa, "--vary", "tasks.at[1]=[2, 200]", "-o", "a.h5")[2].endswith("counted from 0\n")
    given = [each.replace("0.5}", "0.5, at=[0, 100]}") for each in options]
    assert run("scan", *given, *fa, "--vary", "tasks.at[1]=[2, 200]", "-o", "a.h5")[::2] == (0, of_sigma)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ('"eta.scale"=[1, 10]', "eta.scale", [1, 10]),
        ("'tasks.at[1]' = {from=1, to=3}", "tasks.at[1]", {"from": 1, "to": 3}),
        ("eta=[{a=1}, {b=2}]", "eta", [{"a": 1}, {"b": 2}]),
        ("eta=eta_v= [0.1]", "eta=eta_v", [0.1]),
        ('rule=["fa", "k=p"]', "rule", ["fa", "k=p"]),
        ("draw=each", "draw", "each"),
    ],
)
def test_a_name_ends_where_its_values_begin(text, name, values):
    """Tables in lists and quotes around names, as TOML has them."""
    assert assignment(text) == (name, values)


@pytest.mark.parametrize("flow", ["--flow", "--no-flow"])
def test_a_written_configuration_does_not_say_rates_that_nobody_has_given(run, tmp_path, flow):
    """What is usual depends on flow, which may be changed: eta_v = 0.25 stays, eta becomes 0.5 or 1."""
    assert run("compare", *SMALL, flow, "--eta-v", "0.25", "--write-config", "c.toml")[0] == 0
    written = tomllib.loads((tmp_path / "c.toml").read_text())
    assert (written.get("eta"), written["eta_v"], written["flow"]) == (None, 0.25, flow == "--flow")
    for given, eta in (("--flow", 1), ("--no-flow", 0.5)):
        assert run("integrate", "--config", "c.toml", "--rule", "fa", given, "-o", "a.h5", "--force")[0] == 0
        problem = load(tmp_path / "a.h5").problem
        assert (problem.eta, problem.eta_v) == (eta, 0.25)


def test_help_says_what_holds_of_protocols(run):
    """alpha counts steps, b is of three rules; defaults and ranges."""
    said = " ".join(run("integrate", "--help")[1].split())
    for words in (
        "Last alpha (steps / N; with flow the time).",
        "Feedback weights (fa, kp, mixed) instead",
        "at least 0 as all rates",
        "similarities are from -1/(tasks - 1) to 1",
        "[at = [0, 100], similarity_v = 1, heads = 1, v_teacher = 1]",
    ):
        assert words in said
