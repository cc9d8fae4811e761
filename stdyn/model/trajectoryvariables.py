"""What a trajectory holds, by name: variables and attributes of its file and of xarray, and the problem they tell."""

import json
import os
from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.files.format import FORMAT, PROTOCOLS, STRUCTURED, Variables
from stdyn.files.schema import refusing
from stdyn.model.activations import known
from stdyn.model.inputs import Inputs
from stdyn.model.problem import OPTIONAL, SCHEDULED, Problem
from stdyn.model.schedule import Schedule, described, rate, text
from stdyn.model.state import OrderParameters
from stdyn.model.tasks import Tasks

Trajectory = Any  # the class, which stands on this module

AnyPath = str | os.PathLike[str]


def variables(trajectory: Trajectory) -> Variables:
    """Every array by name: (axes, values, meaning)."""
    problem, start, blocks = trajectory.problem, trajectory.problem.start, trajectory.problem.layout.blocks
    time = ("alpha",) if trajectory.runs is None else ("run", "alpha")
    output = ("output",) if start.v.ndim == 2 else ()
    found: Variables = {
        "alpha": (("alpha",), trajectory.alphas, _meaning_of_alpha(problem)),
        **{block.name: ((*time, *block.axes), getattr(trajectory, block.name), block.meaning) for block in blocks},
        "eps_g": (time, trajectory.eps_g, "generalization error"),
        "T": (("teacher", "teacher_2"), start.T, "teacher-teacher overlap w~_n.w~_m"),
        "v_teacher": (("teacher", *output), start.v_teacher, "second layer of the teacher"),
        **{
            f"{block.name}_start": (block.axes, getattr(start, block.name), f"{block.name} at alpha = 0")
            for block in blocks
        },
    }
    if problem.b is not None:
        found |= _of_feedback(trajectory, time, output)
    if problem.tasks is not None:
        found |= _of_tasks(trajectory, problem.tasks, time, output)
    if start.inputs is not None:
        found |= _of_groups(trajectory, time)
    if trajectory.eps_g_test is not None:
        found["eps_g_test"] = (time, trajectory.eps_g_test, "error on test examples")
    if trajectory.diverged_at is not None:
        meaning = "alpha at which the run diverged, inf: it did not"
        found["diverged_at"] = (time[:-1], trajectory.diverged_at, meaning)
    if trajectory.failed_at is not None:
        found["failed_at"] = ((), trajectory.failed_at, "alpha at which the solver gave up")
    for name, values in (trajectory.error or {}).items():
        found[f"error_{name}"] = (found[name][0], values, f"standard error of {name} by quadrature")
    return found | activation_variables(problem)


def _meaning_of_alpha(problem: Problem) -> str:
    if problem.flow:
        return "time (gradient flow)"
    return "examples / N" if problem.batch == 1 else "steps / N"


def _of_feedback(trajectory: Trajectory, time: tuple[str, ...], output: tuple[str, ...]) -> Variables:
    """Feedback weights, those that learn at every alpha, and what they make of v."""
    b = ("student", *output)
    found: Variables = {
        "F": (time, trajectory.F, "overlap of second layer and feedback weights v.b"),
        "alignment": (time, trajectory.alignment, "cosine of the angle between v and b"),
        "b": (b, trajectory.b, "feedback weights"),
    }
    if trajectory.problem.rule == "kp":
        found["b"] = ((*time, *b), trajectory.b, "feedback weights")
        found["b_start"] = (b, np.asarray(trajectory.problem.b), "b at alpha = 0")
    if output:
        meaning = "cosine of the angle between v_o and b_o of each output"
        found["F_per_output"] = ((*time, "output"), trajectory.F_per_output, "v_o.b_o of each output")
        found["alignment_per_output"] = ((*time, "output"), trajectory.alignment_per_output, meaning)
    return found


def _of_tasks(trajectory: Trajectory, tasks: Tasks, time: tuple[str, ...], output: tuple[str, ...]) -> Variables:
    """The tasks, when each is learned, and its generalization error at every alpha."""
    weights = tasks.weights if output else tasks.weights[:, 0]
    return {
        "eps_g_per_task": ((*time, "task"), trajectory.eps_g_per_task, "generalization error of each task"),
        "task_v_teacher": (("task", "teacher", *output), tasks.v_teacher, "second layer of the teacher of each task"),
        "task_weights": (("task", *output), weights, "weights of the outputs' losses in each task"),
        "task_at": (("turn",), tasks.at, "alpha at which a task begins"),
        "task_order": (("turn",), tasks.order, "which task it is"),
    }


def _of_groups(trajectory: Trajectory, time: tuple[str, ...]) -> Variables:
    """The spectrum of the inputs, and the overlaps by group of their directions, of which R, Q and T are the sums."""
    start = trajectory.problem.start
    found: Variables = {
        "inputs_variances": (("group",), start.inputs.variances, "variance of a direction of each group"),
        "inputs_fractions": (("group",), start.inputs.fractions, "part of the directions that are in each group"),
    }
    for block in start.state_layout.blocks:
        if block.units[0] == "group":
            found[block.name] = ((*time, *block.axes), getattr(trajectory, block.name), block.meaning)
            at_zero = f"{block.name} at alpha = 0"
            found[f"{block.name}_start"] = (block.axes, getattr(start, block.name), at_zero)
    overlap = "teacher-teacher overlap w~_n.w~_m in a group of the inputs' directions"
    found["T_group"] = (("group", "teacher", "teacher_2"), start.T_group, overlap)
    hidden = "covariance of what of the teacher's fields no direction of the inputs explains"
    found["T_hidden"] = (("teacher", "teacher_2"), start.T_hidden, hidden)
    return found


def activation_variables(problem: Problem) -> Variables:
    """Values of the activations that `stdyn.activation` made, by which they are recognised."""
    named = {"activation_values": problem.activation, "activation_teacher_values": problem.activation_teacher}
    return {
        name: (("function", "probe"), each.values, "g and g' at 23 points")
        for name, each in named.items()
        if each is not None and each.functions_needed and each.values.size
    }


def attributes(trajectory: Trajectory) -> dict[str, Any]:
    """The problem's scalars, the method and where it comes from; of a Python function its name."""
    problem = trajectory.problem
    found = {name: getattr(problem, name) for name in ("N", "rule", *SCHEDULED, "batch", "flow", "sphere")}
    found = {name: value for name, value in found.items() if name not in OPTIONAL or value != OPTIONAL[name]}
    found = {name: _as_attribute(value) for name, value in found.items()}
    found["activation"] = str(problem.activation)
    if problem.activation_teacher is not None:
        found["activation_teacher"] = str(problem.activation_teacher)
    if problem.by_quadrature:
        found["quadrature"] = problem.quadrature
    if problem.inputs.turned:
        found["inputs_turned"] = 1
    version = STRUCTURED if trajectory.eps_g_test is not None else format_version(problem)
    if version != FORMAT:
        found["format_version"] = version
    return found | {"method": trajectory.method} | trajectory.attributes


def format_version(problem: Problem) -> int:
    """The least version of the format that a file of the problem has, so that older versions refuse it."""
    if problem.start.inputs is not None:
        return STRUCTURED
    return PROTOCOLS if problem.needs_protocols else FORMAT


def _as_attribute(value: Any) -> Any:
    """A number or a text: of a schedule the JSON of its description, of true or false 1 or 0."""
    if not isinstance(value, Schedule):
        return int(value) if isinstance(value, bool) else value
    return json.dumps(described(value)) if value.named else text(value)


def check_writable(problem: Problem) -> None:
    """Refuse rates that no file can hold."""
    for name in SCHEDULED:
        value = getattr(problem, name)
        if isinstance(value, Schedule) and not value.named:
            raise InputError(
                f"{name} is {value}: a Python function cannot be written to a file, which holds numbers and named"
                " schedules (stdyn.schedule)"
            )


def problem_of(path: AnyPath, arrays: dict[str, np.ndarray], said: dict[str, Any]) -> Problem:
    """The problem that these arrays and attributes of a file describe; its attributes are taken out of those."""
    with refusing(path):
        start = OrderParameters(
            *(arrays[name] for name in ("R_start", "Q_start", "T", "v_start", "v_teacher")),
            **_groups_of(arrays, bool(said.pop("inputs_turned", 0))),
        )
        given: dict[str, Any] = {name: said.pop(name) for name in ("N", "rule", "batch", "quadrature") if name in said}
        given |= {name: _rate_of(name, said.pop(name)) for name in SCHEDULED if name in said}
        given |= {name: bool(said.pop(name)) for name in ("flow", "sphere") if name in said}
        for name in ("activation", "activation_teacher"):
            if name in said:
                given[name] = known(said.pop(name), arrays.get(f"{name}_values"))
        b = arrays.get("b_start" if given["rule"] == "kp" else "b")
        problem = Problem(start, b=b, tasks=_tasks_of(arrays), **given)
        if problem.by_quadrature and "quadrature" not in given and all(each.usable for each in problem.activations):
            raise InputError("holds no 'quadrature', the points of averages without a closed form")
        size = problem.state_layout.size
        there = said.get("order_parameters", size)
        if there != size:
            raise InputError(f"order_parameters must be {size}, as many as there are, but is {there}")
    return problem


def _rate_of(name: str, value: Any) -> Any:
    """A number, or the schedule whose description is written as JSON."""
    return rate(name, json.loads(value)) if isinstance(value, str) else value


def _groups_of(arrays: dict[str, np.ndarray], turned: bool) -> dict[str, Any]:
    """The inputs of a file and the overlaps by group at the start; nothing of isotropic ones."""
    if "inputs_variances" not in arrays:
        return {}
    try:
        inputs = Inputs(arrays["inputs_variances"], arrays["inputs_fractions"])
        inputs = inputs.without_axes() if turned else inputs
    except InputError as error:
        raise InputError(f"inputs_{error}") from None
    found = {name.removesuffix("_start"): arrays[name] for name in ("R_group_start", "Q_group_start")}
    return found | {"inputs": inputs, "T_group": arrays["T_group"], "T_hidden": arrays["T_hidden"]}


def _tasks_of(arrays: dict[str, np.ndarray]) -> Tasks | None:
    """The tasks of a file; what is wrong with them is said by its names."""
    if "task_v_teacher" not in arrays:
        return None
    given = {name: arrays[f"task_{name}"] for name in ("v_teacher", "at", "weights", "order")}
    if given["weights"].ndim == 1:  # the only output is left out
        given["weights"] = given["weights"][:, None]
    try:
        return Tasks(**given)
    except InputError as error:
        raise InputError(f"task_{error}") from None
