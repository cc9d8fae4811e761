"""What is seen, to go on with: as Python, as TOML, as a command; figures and files.

All of them say the same experiment, with every number as it is, so that they give the same curves.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from stdyn.explorer.state import Wanted
from stdyn.model.experiment import Experiment
from stdyn.model.trajectory import Trajectory
from stdyn.settings import to_toml

_NAME = "explorer"  # what the names of files begin with


def as_python(wanted: Wanted) -> str:
    """A program that makes the curves."""
    experiment, rules = whole(wanted), list(wanted.rules)
    lines = ["import stdyn", "", f"experiment = stdyn.{_call(experiment)}", "alphas = experiment.alphas()"]
    lines += [f"problems = {{rule: experiment.problem(rule) for rule in {rules!r}}}"]
    lines += ["theory = {"]
    lines += ["    rule: stdyn.integrate(problem, alphas, experiment.ode_method, experiment.rtol, error=False)"]
    lines += ["    for rule, problem in problems.items()", "}"]
    if wanted.runs:
        method = experiment.method
        how = f'{wanted.runs}, rng=experiment.rng("{method}"), normals=experiment.normals'
        lines += ["runs = {", f"    rule: stdyn.simulate_{method}(problem, alphas, {how})"]
        lines += ["    for rule, problem in problems.items()", "}"]
    lines += ["for rule, solution in theory.items():", '    print(f"{rule}: eps_g = {solution.eps_g[-1]} at the end")']
    return "\n".join(lines) + "\n"


def as_toml(wanted: Wanted) -> str:
    """A file for `stdyn compare FILE` and the other commands; one for each rule if no word means all of them."""
    parts = []
    for rules in together(wanted.rules):
        said = (
            f"# stdyn compare --config FILE{'' if wanted.runs else ', or stdyn integrate, which simulates nothing'}\n"
        )
        parts.append(said + to_toml(replace(whole(wanted), rule=rules)))
    return "\n\n".join(parts)


def as_command(wanted: Wanted) -> str:
    """Commands that make the curves; they leave files and figures."""
    experiment = whole(wanted)
    if wanted.runs > 1:
        every = together(wanted.rules)
        names = {rules: _NAME if len(every) == 1 else f"{_NAME}_{rules}" for rules in every}
        return "\n".join(_command("compare", experiment, rules, "--name", names[rules]) for rules in every) + "\n"
    lines = []
    for rule in wanted.rules:
        lines.append(_command("integrate", experiment, rule, "-o", f"data/{_NAME}_{rule}.h5"))
        if wanted.runs:
            lines.append(_command("simulate", experiment, rule, "-o", f"data/{_NAME}_{rule}_{experiment.method}.h5"))
    return "\n".join(lines) + "\n"


def files(trajectories: Mapping[str, Trajectory]) -> dict[str, bytes]:
    """Trajectories as HDF5 files, by name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, trajectory in trajectories.items():
            path = trajectory.save(Path(folder) / "one.h5", overwrite=True)
            found[f"{_NAME}_{name}.h5"] = path.read_bytes()
    return found


def figures(trajectories: Sequence[Trajectory], suffix: str) -> dict[str, bytes]:
    """The figures of trajectories, by name, as SVG or PNG files."""
    from stdyn.figures import plot

    found = {}
    for name, page in plot.figures(list(trajectories)).items():
        target = BytesIO()
        page.savefig(target, format=suffix)
        found[f"{_NAME}_{name}.{suffix}"] = target.getvalue()
    return found


def whole(wanted: Wanted) -> Experiment:
    """The experiment with feedback weights as they are, where an angle has turned them."""
    if wanted.b_angle is None:
        return wanted.experiment
    rule = next((rule for rule in wanted.rules if rule != "bp"), "fa")
    b = wanted.problem(rule).b
    assert b is not None
    return replace(wanted.experiment, b=b.tolist())


def together(rules: Sequence[str]) -> list[str]:
    """Words for these rules: one for "fa" and "bp"."""
    if {"fa", "bp"} <= {*rules}:
        return ["both", *(rule for rule in rules if rule not in ("fa", "bp"))]
    return list(rules)


def _given(experiment: Experiment) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    defaults = {f.name: f.default for f in fields(Experiment)}
    values = {name: getattr(experiment, name) for name in defaults if name not in experiment.not_given}
    return {name: value for name, value in values.items() if repr(value) != repr(defaults[name])}


def _call(experiment: Experiment) -> str:
    """Experiment(…), a field a line if there are many."""
    said = [f"{name}={value!r}" for name, value in _given(experiment).items() if name != "rule"]
    line = f"Experiment({', '.join(said)})"
    return line if len(line) < 90 else "Experiment(\n" + "".join(f"    {each},\n" for each in said) + ")"


def _command(name: str, experiment: Experiment, rules: str, *more: str) -> str:
    words = ["stdyn", name]
    for field, value in _given(replace(experiment, rule=rules)).items():
        flag = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif not (name == "integrate" and field in _OF_RUNS):
            words += [f"--{flag}", value if isinstance(value, str) else in_toml(value)]
    return shlex.join([*words, *more])


_OF_RUNS = ("method", "runs", "reduced_runs", "normals")  # of no use where nothing is simulated


def in_toml(value: Any) -> str:
    """A value as TOML has it in one line."""
    kinds: list[tuple[type | tuple[type, ...], Callable[[Any], str]]] = [
        (bool, lambda each: str(each).lower()),
        (str, json.dumps),
        ((int, float), repr),
        (Mapping, lambda each: "{" + ", ".join(f"{key} = {in_toml(one)}" for key, one in each.items()) + "}"),
        ((list, tuple), lambda each: "[" + ", ".join(map(in_toml, each)) + "]"),
    ]
    return next(write(value) for kind, write in kinds if isinstance(value, kind))
