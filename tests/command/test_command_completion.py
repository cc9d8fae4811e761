"""The shell completes commands, options, and values of which there are few; what it offers is what is taken."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from stdyn import InputError, checks
from stdyn.command.choices import Choice, NameOrFile
from stdyn.command.group import cli
from stdyn.command.main import cli as whole
from stdyn.layered.network import RULES
from stdyn.layered.training import Training
from stdyn.model import rules
from stdyn.model.activations import BUILT_IN
from stdyn.model.experiment import Experiment
from stdyn.scans.names import NUMBERS, TEXTS
from stdyn.scans.scanschema import KEEP

COMMAND = [sys.executable, "-m", "stdyn"]
WORDS = {  # what the library takes for a field of Experiment; those without a list of words are tried below
    "rule": (*rules.NAMES, "both"),
    "activation": tuple(BUILT_IN),
    "activation_teacher": tuple(BUILT_IN),
    "normals": checks.NORMALS,
    "ode_method": checks.METHODS,
}


def completed(*words, shell="bash", cwd=None):
    """What the command offers in place of the last of these words, as (kind, value)."""
    line = "".join(f"{word} " for word in ("stdyn", *words[:-1])) + words[-1]
    given = {"_STDYN_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    found = subprocess.run(COMMAND, env=os.environ | given, capture_output=True, text=True, cwd=cwd)
    assert (found.returncode, found.stderr) == (0, "")
    return [tuple(each.split(",", 1)) for each in found.stdout.split()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["t"], ["theory"]),
        (["s"], ["scan", "simulate", "sizes"]),
        (["compare", "--ru"], ["--rule", "--runs"]),
        (["compare", "--rule", ""], ["fa", "bp", "kp", "mixed", "both"]),
        (["integrate", "--rule", ""], ["fa", "bp", "kp", "mixed"]),
        (["simulate", "--method", ""], ["network", "reduced"]),
        (["integrate", "--N", "100", "--ode-method", "R"], ["RK45", "RK23", "Radau"]),
        (["compare", "--activation", "h"], ["hermite2", "hermite3"]),
        (["compare", "--format", ""], ["png", "pdf", "svg"]),
        (["compare", "--images", ""], ["mnist"]),
        (["scan", "--keep", ""], list(KEEP)),
        (["scan", "--sample", "s"], ["sobol"]),
        (["scan", "--solve", ""], ["ode", "network", "reduced"]),
        (["scan", "--vary", "b_"], ["b_scale", "b_angle"]),
        (["theory", "-v", "eta"], ["eta", "eta_v"]),
        (["mnist", "--rule", ""], list(RULES)),
        (["mnist", "--rule", "fa", ""], list(RULES)),
        (["mnist", "--rule", "fa", "d"], ["dfa"]),
        (["mnist", "--widths", "10", ""], []),
        (["plot", "--value", "plateau_l"], ["plateau_length"]),
        (["plot", "none.h5", "--x", "b_"], ["b_norm", "b_smallest"]),
    ],
)
def test_words_are_offered(words, expected, tmp_path):
    """By the process that a shell asks."""
    assert completed(*words, cwd=tmp_path) == [("plain", each) for each in expected]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["plot", ""], "file"),
        (["info", "data/x"], "file"),
        (["scan", ""], "file"),
        (["compare", "--config", ""], "file"),
        (["integrate", "-o", ""], "file"),
        (["compare", "--activation", "my"], "file"),
        (["compare", "--data", ""], "dir"),
        (["compare", "--figures", ""], "dir"),
        (["mnist", "--data", ""], "dir"),
        (["compare", "--images", "x"], "dir"),
    ],
)
def test_paths_are_left_to_the_shell(words, kind):
    """Files where a file is taken, folders where a folder is."""
    assert completed(*words) == [(kind, words[-1])]


def test_the_quantities_of_a_scan_are_those_of_its_file(run, tmp_path):
    """Of one that is named: what varies in it, and its summary."""
    vary = ["--vary", "eta=[0.1, 0.2]", "--vary", "b_angle=[10, 60]"]
    small = ["--K", "2", "--M", "2", "--alpha-max", "1", "--points", "3", "--rule", "fa", "--workers", "1"]
    assert run("scan", *small, *vary, "-o", "s.h5")[0] == 0
    assert completed("plot", "s.h5", "--x", "e", cwd=tmp_path) == [
        ("plain", each) for each in ("eta", "eps_g_start", "eps_g_final")
    ]
    assert completed("plot", "s.h5", "--y", "b_a", cwd=tmp_path) == [("plain", "b_angle")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_switches_it_on(shell, tmp_path):
    """The line of docs/usage.md gives the script of each shell, which that shell can read if it is here."""
    page = (Path(__file__).parents[2] / "docs/usage.md").read_text(encoding="utf-8")
    assert f"_STDYN_COMPLETE={shell}_source stdyn" in page
    found = subprocess.run(
        COMMAND, env=os.environ | {"_STDYN_COMPLETE": f"{shell}_source"}, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert f"_STDYN_COMPLETE={shell}_complete" in found.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(found.stdout)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes(tmp_path):
    """A bash that has read the script fills COMPREPLY by it."""
    (tmp_path / "stdyn").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stdyn "$@"\n')
    (tmp_path / "stdyn").chmod(0o755)
    code = (
        'complete() { :; }; eval "$(_STDYN_COMPLETE=bash_source stdyn)"; COMP_WORDS=(stdyn compare --method re);'
        ' COMP_CWORD=3; _stdyn_completion stdyn re --method; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    found = subprocess.run(["bash", "-c", code], env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("reduced\n", "")


# ---------------------------------------------------------------------------------------------------------------------
# What is offered is what there is


def choices():
    """(command, option, its words) of the whole command."""
    for name, command in whole.commands.items():
        for option in command.params:
            if isinstance(option.type, click.Choice):
                yield name, option, list(option.type.choices)


def test_every_choice_is_one_of_ours():
    """click's own has another refusal; and the help of every option, or its metavar, names the words."""
    found = list(choices())
    assert {"rule", "activation", "start", "teacher", "spacing", "method", "normals", "ode_method", "suffix"} <= {
        option.name for _, option, _ in found
    }
    for _, option, words in found:
        assert isinstance(option.type, Choice)
        if option.metavar is not None and option.name != "activation_teacher":
            assert [word for word in words if word not in option.help] == []


@pytest.mark.parametrize("name", [f.name for f in fields(Experiment) if "choices" in f.metadata])
def test_words_of_an_experiment_are_those_of_the_library(name):
    """All that it takes is offered, and what is offered is taken, by an experiment that could have any."""
    offered = next(f for f in fields(Experiment) if f.name == name).metadata["choices"]
    assert tuple(WORDS.get(name, offered)) == offered
    for word in offered:
        more = {"mixture": 0.5} if word == "mixed" else {}
        Experiment(K=2, M=2, alpha_max=1.0, **{name: word}, **more).check()
    with pytest.raises(InputError) as refused:
        Experiment(K=2, M=2, **{name: "none"}).check()
    assert [word for word in offered if word not in str(refused.value)] == []


def test_words_of_a_training_are_those_of_the_library():
    """Its rules."""
    (offered,) = (f.metadata["choices"] for f in fields(Training) if "choices" in f.metadata)
    assert offered == RULES


def test_words_cost_no_import():
    """Those that stand in the fields of an experiment, and what may vary, are offered without NumPy and numba."""
    code = (
        "import sys; from click.shell_completion import ShellComplete; from stdyn.command.main import cli;"
        "shell = ShellComplete(cli, {}, 'stdyn', '_STDYN_COMPLETE');"
        "found = [len(shell.get_completions(words, '')) for words in"
        " (['compare', '--rule'], ['scan', '--vary'], ['mnist', '--rule', 'fa'], ['scan', '--keep'])];"
        "print(found, {'numpy', 'numba', 'scipy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == f"[5, {len(NUMBERS) + len(TEXTS)}, 3, 3] set()\n"


def test_varying_quantities_have_no_others():
    """The names that are offered for --vary are all of the library's."""
    offered = [item.value for item in _complete(["scan"], "--vary", "")]
    assert offered == [*NUMBERS, *TEXTS]


def _complete(before, *words):
    return ShellComplete(cli, {}, "stdyn", "_STDYN_COMPLETE").get_completions([*before, *words[:-1]], words[-1])


def test_what_has_an_answer_of_its_own_is_taken_and_not_offered():
    """`dfa`, which is fa here, and `both` where only one can be."""
    rule = next(option for option in whole.commands["integrate"].params if option.name == "rule")
    assert not {"dfa", "both"} & set(rule.type.choices)
    assert [rule.type.convert(word, rule, None) for word in ("dfa", "both")] == ["dfa", "both"]


def test_names_of_activations_may_be_of_a_file():
    """Any text is taken, and refused by who looks it up."""
    activation = next(option for option in whole.commands["integrate"].params if option.name == "activation")
    assert isinstance(activation.type, NameOrFile)
    assert activation.type.convert("g.py:mine", activation, None) == "g.py:mine"
