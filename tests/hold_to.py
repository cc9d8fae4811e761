"""Hold the solutions of the ODEs to converged trajectories: `python tests/hold_to.py FILE.json …`.

A file is what data/reference/README.md says of extended/. For each a line: its name, and the largest deviation of R, Q,
v, b and eps_g at the default tolerances and at tight ones. The exit code is 1 if one is beyond 1e-6, or 1e-8 tight.
"""

import json
import sys
from pathlib import Path

import numpy as np

import stdyn
from stdyn import Inputs, OrderParameters, Problem, Tasks, schedule

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
ALLOWED = (1e-6, 1e-8)  # at the default tolerances, and tight
RATES = {"eta": "eta", "eta_v": "eta_v", "sigma": "sigma", "decay": "decay", "decay_v": "decay_v", "drift": "drift"}
RATES |= {"kappa": "drift", "mixture": "mixture", "mu": "mixture"}
SAME = ("batch", "flow", "sphere", "activation", "rule")
KNOWN = {*RATES, *SAME, "omega", "p", "r", "q", "t", "hidden", "b", "v", "v_teacher", "m", "tasks", "breaks", "alphas"}
KNOWN |= {"result", "converged_to", "name"}


class NotHeld(Exception):
    """A file with what this version of stdyn does not solve."""


def rate(value):
    """A number, or the schedule of a table; what holds at the first of its alphas holds before it, too."""
    if not isinstance(value, dict):
        return value
    if "at" in value and value["at"][0] > 0:
        value = value | {"at": [0, *value["at"]], "value": [value["value"][0], *value["value"]]}
    return schedule.of(value)


def held(value, alpha):
    """The value at alpha of arrays that change by steps, or of one that does not."""
    if not isinstance(value, dict):
        return value
    if value["kind"] != "steps":
        raise NotHeld(f"arrays that change by {value['kind']}")
    return value["value"][max(int(np.searchsorted(value["at"], alpha, side="right")) - 1, 0)]


def changes_of(*values):
    """The alphas from which on something holds: 0 and all steps."""
    return sorted({0.0, *(float(at) for value in values if isinstance(value, dict) for at in value["at"])})


def problem_of(content):
    """The problem of a file, and how many tasks there are of which it has eps_g; None without tasks."""
    unknown = set(content) - KNOWN
    if unknown:
        raise NotHeld(", ".join(sorted(unknown)))
    O = len(content["v"][0])
    v_teacher, m = content["v_teacher"], content.get("m", np.ones(O).tolist())
    at, tasks = changes_of(v_teacher, m), None
    every = [(each["v_teacher"], each.get("m", [1.0] * O)) for each in content.get("tasks", ())]
    count = len(every) or None
    learned = [(held(v_teacher, alpha), held(m, alpha)) for alpha in at]
    every += [each for n, each in enumerate(learned) if each not in every and each not in learned[:n]]
    if len(every) > 1 or m != [1.0] * O:
        order = [every.index(each) for each in learned]
        tasks = Tasks([each for each, _ in every], at, [each for _, each in every], order)
    inputs = Inputs.spectrum(content.get("omega", [1.0]), content.get("p", [1.0]))
    overlaps, hidden = (content[name] for name in "rqt"), content.get("hidden")
    start = OrderParameters.by_group(inputs, *overlaps, content["v"], held(v_teacher, 0.0), hidden)
    rates = {RATES[name]: rate(value) for name, value in content.items() if name in RATES}
    rest = {name: content[name] for name in SAME if name in content}
    b = None if content["rule"] == "bp" else content["b"]
    return Problem(start, b=b, tasks=tasks, **rates, **rest), count


def deviations(content, **tolerances):
    """The largest deviation of each quantity from the file."""
    problem, count = problem_of(content)
    found, expected = stdyn.integrate(problem, content["alphas"], **tolerances), content["result"]
    values = {"R": found.R, "Q": found.Q, "v": found.v}
    if problem.rule == "kp":
        values["b"] = found.b
    values["eps_g"] = found.eps_g if count is None or problem.tasks is None else found.eps_g_per_task[:, :count]
    pairs = {name: (value, np.reshape(expected[name], value.shape)) for name, value in values.items()}
    for name, each in (("r", "R"), ("q", "Q")):  # by group
        if name in expected:
            by_group = getattr(found, f"{each}_group")
            pairs[name] = values[each][:, None] if by_group is None else by_group, np.array(expected[name])
    return {name: float(np.abs(one - other).max()) for name, (one, other) in pairs.items()}


def main(paths):
    """A line for each file; whether all are held."""
    good = True
    for path in map(Path, paths):
        try:
            content = json.loads(path.read_text())
            both = deviations(content), deviations(content, **TIGHT)
        except (NotHeld, OSError, ValueError, KeyError, TypeError) as error:
            good = False
            print(f"{path.name}: not solved: {type(error).__name__}: {error}")
            continue
        words = [" ".join(f"{name} {value:.1e}" for name, value in each.items()) for each in both]
        ok = all(max(each.values()) <= allowed for each, allowed in zip(both, ALLOWED, strict=True))
        good &= ok
        print(f"{path.name}: default {words[0]}; tight {words[1]}{'' if ok else '  NOT HELD'}")
    return good


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) > 1 and main(sys.argv[1:]) else 1)
