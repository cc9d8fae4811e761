"""What is seen, to go on with: as Python, as TOML, as commands.

All of them say the same experiment, with every number as it is, so that they give the same curves.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

from stdyn.errors import InputError
from stdyn.explorer.state import Wanted
from stdyn.model.activations import BUILT_IN
from stdyn.model.experiment import Experiment
from stdyn.scans.quantities import ACTIVATIONS
from stdyn.settings import to_toml
from stdyn.text import shown

_OF_RUNS = ("method", "runs", "reduced_runs", "normals")
_WITHOUT = {"integrate": _OF_RUNS, "simulate": ("ode_method", "rtol", "reduced_runs"), "compare": ()}  # options
_USUAL = {f.name: f.default for f in fields(Experiment)}


def name_of(wanted: Wanted) -> str:
    """What the names of files begin with: another one for everything else that is seen."""
    return f"explorer_{sha256(repr(wanted).encode()).hexdigest()[:6]}"


def as_python(wanted: Wanted) -> str:
    """A program that makes the curves."""
    experiment, method = _named(wanted), wanted.experiment.method
    lines = [f"# {shown(name)} is an activation of your own: make it with stdyn.activation" for name in _made(wanted)]
    lines += ["import stdyn", "", f"experiment = stdyn.{_call(experiment)}"]
    lines += ["alphas = experiment.alphas()"]
    lines += [f"problems = {{rule: experiment.problem(rule) for rule in {list(wanted.rules)!r}}}"]
    lines += ["theory = {"]
    lines += ["    rule: stdyn.integrate(problem, alphas, experiment.ode_method, experiment.rtol, error=False)"]
    lines += ["    for rule, problem in problems.items()", "}"]
    if wanted.runs:
        how = f'experiment.runs, rng=experiment.rng("{method}"), normals=experiment.normals'
        lines += ["runs = {", f"    rule: stdyn.simulate_{method}(problem, alphas, {how})"]
        lines += ["    for rule, problem in problems.items()", "}"]
    lines += ["for rule, solution in theory.items():"]
    lines += ['    print(f"{rule}: eps_g = {solution.eps_g[-1]} at alpha = {solution.alphas[-1]}")']
    return "\n".join(lines) + "\n"


def as_toml(wanted: Wanted) -> str:
    """A file of parameters, and in a comment the commands that make the curves of it."""
    _check_said(wanted)
    experiment, file, rule = _named(wanted), f"{name_of(wanted)}.toml", together(wanted.rules)[0]
    said = [f"# As {file} it is for stdyn explore {file}, and for"]
    for command, rules, more in _commands(wanted):
        of_rule = [] if rules == rule else ["--rule", rules]
        said.append(f"# {shlex.join(['stdyn', command, '--config', file, *of_rule, *more])}")
    return "\n".join(said) + "\n\n" + to_toml(replace(experiment, rule=rule, alpha_min=experiment.first_alpha))


def as_command(wanted: Wanted) -> str:
    """Commands that make the curves; they leave files and figures."""
    _check_said(wanted)
    experiment = _named(wanted)
    return "".join(_command(name, experiment, rules, more) + "\n" for name, rules, more in _commands(wanted))


def _commands(wanted: Wanted) -> list[tuple[str, str, list[str]]]:
    """The commands that make the curves: of which rule each is, or "both", and where its files go."""
    name, method = name_of(wanted), wanted.experiment.method
    if wanted.runs > 1:
        words = together(wanted.rules)
        names = {word: name if len(words) == 1 else f"{name}_{word}" for word in words}
        return [("compare", word, ["--no-fluctuations", "--name", names[word]]) for word in words]
    found = []
    for rule in wanted.rules:
        found.append(("integrate", rule, ["-o", f"data/{name}_{rule}_ode.h5"]))
        if wanted.runs:
            found.append(("simulate", rule, ["-o", f"data/{name}_{rule}_{method}.h5"]))
    return found


def together(rules: Sequence[str]) -> list[str]:
    """Words for these rules: one for "fa" and "bp"."""
    if {"fa", "bp"} <= {*rules}:
        return ["both", *(rule for rule in rules if rule not in ("fa", "bp"))]
    return list(rules)


def whole(wanted: Wanted) -> Experiment:
    """The experiment with feedback weights as they are, where an angle has turned them."""
    rule = next((rule for rule in wanted.rules if rule != "bp"), None)
    if wanted.b_angle is None or rule is None:
        return wanted.experiment
    b = wanted.problem(rule).b
    assert b is not None
    return replace(wanted.experiment, b=b.tolist())


def _named(wanted: Wanted) -> Experiment:
    """The whole experiment with activations by name."""
    names: dict[str, Any] = {name: str(getattr(wanted.experiment, name)) for name in _activations(wanted)}
    return replace(whole(wanted), **names)


def _activations(wanted: Wanted) -> list[str]:
    """The parameters that say an activation."""
    of = wanted.experiment
    return [name for name in ACTIVATIONS if getattr(of, name) is not None]


def _made(wanted: Wanted) -> list[str]:
    """The names of activations that a process has made, and another one does not know."""
    names = dict.fromkeys(str(getattr(wanted.experiment, name)) for name in _activations(wanted))
    return [name for name in names if name not in BUILT_IN and ".py:" not in name]


def _check_said(wanted: Wanted) -> None:
    """Refuse what has no words outside of Python."""
    for name in _activations(wanted):
        said = str(getattr(wanted.experiment, name))
        if said in _made(wanted):
            raise InputError(
                f"{name} must be a built-in one or file.py:name here, which a command finds, but is {shown(said)},"
                " which was made in Python: copy as Python"
            )


def _given(experiment: Experiment, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields that are not at their defaults; where nothing is simulated none that says how."""
    unused = {*without, *(_OF_RUNS if experiment.runs is None else ())}
    values = {name: getattr(experiment, name) for name in _USUAL if name not in unused}
    return {name: value for name, value in values.items() if repr(value) != repr(_USUAL[name])}


def _call(experiment: Experiment) -> str:
    """Experiment(…), a field a line if there are many."""
    of_mixed = experiment.rule == "mixed"  # with which alphas have the jumps of the mixture
    said = [f"{name}={value!r}" for name, value in _given(experiment, () if of_mixed else ("rule",)).items()]
    line = f"Experiment({', '.join(said)})"
    return line if len(line) < 90 else "Experiment(\n" + "".join(f"    {each},\n" for each in said) + ")"


def _command(name: str, experiment: Experiment, rules: str, more: Sequence[str]) -> str:
    """A command with the options that it has, none of which is of no use, as that is refused."""
    words, experiment = ["stdyn", name], replace(experiment, rule=rules)
    for field, value in _given(experiment, (*_WITHOUT[name], *experiment.without_use())).items():
        flag = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", value if isinstance(value, str) else _in_toml(value)]
    return shlex.join([*words, *more])


def _in_toml(value: Any) -> str:
    """A value as TOML has it in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_in_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_in_toml, value)) + "]"
    return json.dumps(value) if isinstance(value, bool | str) else repr(value)
