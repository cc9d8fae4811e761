"""What the file of a trajectory must hold (docs/format.md): its schema, and what variables say of each other."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from stdyn.checks import METHODS, NORMALS
from stdyn.errors import InputError
from stdyn.files.format import STRUCTURED
from stdyn.files.schema import INTEGERS, PROVENANCE, Expected, Schema, counted, json_object
from stdyn.files.table import Table
from stdyn.kernels.parameters import RATES
from stdyn.model import rules
from stdyn.model.layout import Layout
from stdyn.text import shown

Arrays = dict[str, np.ndarray]
AnyPath = str | os.PathLike[str]

_LARGEST = 1e20  # of order parameters: where a field is beyond 1e8, a run counts as diverged
_TEACHER = 1e30
_LAST = 1e30  # alpha
_SLACK = 1e-2  # relative: by how much an overlap may exceed what the lengths of vectors allow
_ROUNDING = 1e-9  # relative: what may be missing in a symmetry
_COSINE: dict[str, Any] = {"least": -1 - 1e-9, "most": 1 + 1e-9}

_RATES = {name: Expected("rate", needed=name != "drift", least=0) for name in RATES}
ATTRIBUTES = {
    "N": Expected("integer", least=1, most=2**53),
    "rule": Expected("text", choices=tuple(rules.NAMES)),
    **_RATES,
    "mixture": Expected("rate", needed=False, least=0, most=1),
    "batch": Expected("integer", needed=False, least=1, most=2**31 - 1),
    **{name: Expected("integer", needed=False, least=0, most=1) for name in ("flow", "sphere", "inputs_turned")},
    "activation": Expected("text"),
    "activation_teacher": Expected("text", needed=False),
    "quadrature": Expected("integer", needed=False, least=2**11, most=2**24),
    "method": Expected("text", choices=("ode", "network", "reduced")),
    **{name: Expected(each.holds, needed=False) for name, each in PROVENANCE.items()},
    "wall_time": Expected(needed=False, least=0),
    "ode_method": Expected("text", needed=False, choices=METHODS),
    "rtol": Expected(needed=False, least=1e-16, most=1),
    "atol": Expected(needed=False, least=1e-30),
    "order_parameters": Expected("integer", needed=False, least=1, most=2**53),
    "orbits": Expected("integer", needed=False, **INTEGERS),
    "seed": Expected("JSON", needed=False),
    "normals": Expected("text", needed=False, choices=NORMALS),
    "warning": Expected("text", needed=False),
    "interrupted": Expected("text", needed=False),
    "joined": Expected("JSON", needed=False),
    **{name: Expected("JSON", needed=False) for name in ("concatenated", "selected_runs")},
    "examples": Expected("text", needed=False),
    "test": Expected("text", needed=False),
    "workers": Expected("integer", needed=False, least=1, most=2**53),
    "scan": Expected("text", needed=False),
    "point": Expected("integer", needed=False, **INTEGERS),
}


def state_axes(output: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The axes of every order parameter, with those of its second layer as they are: ("output",) or ()."""
    return {block.name: block.axes for block in Layout.of(1, 1, (1,) * len(output)).blocks}


def is_ensemble(table: Table) -> bool:
    """Whether the file of a trajectory holds runs."""
    return "R" in table.names() and len(table.shape("R")) == 4


def variables(table: Table) -> dict[str, Expected]:
    """Those of the file of a trajectory: the theory or runs, with second layers of one axis or two."""
    there = table.names()
    runs = is_ensemble(table)
    output = ("output",) if "v_start" in there and len(table.shape("v_start")) == 2 else ()
    time = ("run", "alpha") if runs else ("alpha",)
    rule = table.attributes.get("rule")
    of = state_axes(output)
    order: dict[str, Any] = {"least": -_LARGEST, "most": _LARGEST}
    positive: dict[str, Any] = {"least": 0.0, "nan": True}
    expected = {axis: counted(axis) for axis in ("student", "student_2", "teacher", "teacher_2")}
    expected |= {"run": counted("run")} if runs else {}
    expected |= {"output": counted("output")} if output else {}
    expected |= {"alpha": Expected(axes=("alpha",), least=0, most=_LAST)}
    expected |= {name: Expected(axes=(*time, *axes), nan=runs, **order) for name, axes in of.items()}
    expected |= {f"{name}_start": Expected(axes=axes, **order) for name, axes in of.items()}
    expected |= {
        "T": Expected(axes=("teacher", "teacher_2"), least=-_TEACHER, most=_TEACHER),
        "v_teacher": Expected(axes=("teacher", *output), least=-_TEACHER, most=_TEACHER),
        "eps_g": Expected(axes=time, **positive),
        "diverged_at": Expected(axes=time[:-1], needed=False, least=0, inf=runs),
        "failed_at": Expected(axes=(), needed=False, least=0, most=_LAST),
        "error_eps_g": Expected(axes=time, needed=False, **positive),
    }
    expected |= {f"error_{name}": Expected(axes=expected[name].axes, needed=False, **positive) for name in of}
    values = [f"{name}_values" for name in ("activation", "activation_teacher") if f"{name}_values" in there]
    expected |= {name: Expected(axes=("function", "probe")) for name in values}
    expected |= {axis: counted(axis) for axis in ("function", "probe") if values}
    if rule in rules.WITH_FEEDBACK:
        b: dict[str, Any] = {"least": -_TEACHER, "most": _TEACHER}
        expected |= {
            "b": Expected(axes=of["v"], **b),
            "F": Expected(axes=time, needed=False, nan=True),
            "alignment": Expected(axes=time, needed=False, nan=True, **_COSINE),
            "error_F": Expected(axes=time, needed=False, **positive),
        }
        if rule == "kp":
            expected |= {"b": Expected(axes=(*time, *of["v"]), nan=runs, **b), "b_start": Expected(axes=of["v"], **b)}
        if output:
            expected["F_per_output"] = Expected(axes=(*time, "output"), needed=False, nan=True)
            expected["alignment_per_output"] = Expected(axes=(*time, "output"), needed=False, nan=True, **_COSINE)
    return expected | _of_tasks(table, time, output) | _of_groups(table, time)


def _of_groups(table: Table, time: tuple[str, ...]) -> dict[str, Expected]:
    """The variables of inputs with a spectrum; none, if none of them is there. And the error on test examples."""
    runs = time[0] == "run"
    found = {"eps_g_test": Expected(axes=time, needed=False, least=0.0, nan=True)} if runs else {}
    axes = {block.name: block.axes for block in Layout.of(1, 1, (), 1).blocks if block.units[0] == "group"}
    order: dict[str, Any] = {"least": -_LARGEST, "most": _LARGEST}
    of_groups = {name: Expected(axes=(*time, *each), nan=runs, **order) for name, each in axes.items()}
    of_groups |= {f"{name}_start": Expected(axes=each, **order) for name, each in axes.items()}
    of_groups |= {
        "inputs_variances": Expected(axes=("group",), least=0.0, most=_TEACHER),
        "inputs_fractions": Expected(axes=("group",), least=0.0, most=1.0),
        "T_group": Expected(axes=("group", "teacher", "teacher_2"), least=-_TEACHER, most=_TEACHER),
        "T_hidden": Expected(axes=("teacher", "teacher_2"), least=-_TEACHER, most=_TEACHER),
    }
    there = table.names()
    version_says_so = table.attributes.get("format_version") == STRUCTURED and "eps_g_test" not in there
    if not version_says_so and not any(name in there for name in of_groups):
        return found
    errors = {f"error_{name}": replace(of_groups[name], needed=False, least=0.0, nan=True) for name in axes}
    return found | of_groups | errors | {"group": counted("group")}


def _of_tasks(table: Table, time: tuple[str, ...], output: tuple[str, ...]) -> dict[str, Expected]:
    """The variables of tasks; none, if none of them is there."""
    errors: dict[str, Any] = {"least": 0.0, "nan": True}
    largest: dict[str, Any] = {"least": -_TEACHER, "most": _TEACHER}
    found = {
        "eps_g_per_task": Expected(axes=(*time, "task"), **errors),
        "task_v_teacher": Expected(axes=("task", "teacher", *output), **largest),
        "task_weights": Expected(axes=("task", *output), least=0, most=_TEACHER),
        "task_at": Expected(axes=("turn",), least=0, most=_LAST, increasing=True),
        "task_order": Expected("integer", ("turn",), least=0),
    }
    there = table.names()
    if not any(name in there for name in found):
        return {}
    if "task_v_teacher" in there and table.shape("task_v_teacher"):
        found["task_order"] = replace(found["task_order"], most=table.shape("task_v_teacher")[0] - 1)
    found["error_eps_g_per_task"] = replace(found["eps_g_per_task"], needed=False)
    return found | {axis: counted(axis) for axis in ("task", "turn")}


def schema(table: Table) -> Schema:
    """That of a trajectory."""
    return Schema("trajectory", variables(table), ATTRIBUTES)


def check_together(path: AnyPath, arrays: Arrays, attributes: dict[str, Any]) -> None:
    """Refuse variables and attributes that are right one by one, and contradict each other."""
    runs = arrays["R"].ndim == 4
    if runs != (attributes["method"] != "ode"):
        there = "runs" if runs else "no runs"
        raise InputError(f"{path}: method must be that of R, but is {attributes['method']!r}, and R has {there}")
    if not arrays["R_start"].size or (runs and not len(arrays["R"])):
        raise InputError(f"{path}: R must be of at least one run and unit, but has shape {arrays['R'].shape}")
    for name in ("activation", "activation_teacher"):
        values = arrays.get(f"{name}_values")
        if values is not None and values.shape != (2, 23):
            raise InputError(f"{path}: {name}_values must have shape (2, 23), but has shape {values.shape}")
    _check_order(path, arrays["alpha"], strictly=not runs)
    names = [*state_axes(()), *(name for name in ("R_group", "Q_group") if name in arrays)]
    states = {name: arrays[name] if runs else arrays[name][None] for name in names}
    diverged_at = np.atleast_1d(arrays.get("diverged_at", np.inf))
    gone = check_states(path, states, diverged_at)
    _check_cosines(path, states, arrays["T"])
    if "R_group" in states:
        check_groups(path, states, arrays["inputs_variances"], arrays["T_group"])
    _check_ends(path, gone, arrays["alpha"], diverged_at, 2 / attributes["N"])
    own = "activation_values" in arrays or "activation_teacher_values" in arrays  # which may lack averages
    gone = gone.reshape(arrays["eps_g"].shape)
    _check_gaps(path, "eps_g", arrays["eps_g"], gone, own)
    if attributes["rule"] == "kp":
        _check_gaps(path, "b", arrays["b"], gone)
    if "task_v_teacher" in arrays:
        _check_gaps(path, "eps_g_per_task", arrays["eps_g_per_task"], gone, own)
        _check_tasks(path, arrays)
    if "eps_g_test" in arrays:
        # of a part of what was joined there may have been no test
        _check_gaps(path, "eps_g_test", arrays["eps_g_test"], gone, also="joined" in attributes)
    if "seed" in attributes:
        _check_seed(path, attributes["seed"])


def _check_gaps(path: AnyPath, name: str, values: np.ndarray, gone: np.ndarray, also: bool = False) -> None:
    """Refuse values that are not NaN where R is, or elsewhere, unless they may be unknown `also` there."""
    gone = gone.reshape(gone.shape + (1,) * (values.ndim - gone.ndim))
    unknown = np.isnan(values)
    wrong = np.argwhere(gone & ~unknown if also else gone != unknown)
    if wrong.size:
        only = "" if also else ", and only there"
        raise InputError(f"{path}: {name} must be NaN where R is{only}, but at {wrong[0].tolist()} it is not so")


def _check_tasks(path: AnyPath, arrays: Arrays) -> None:
    """Refuse tasks that do not begin at alpha = 0, or of which another one than v_teacher is the first."""
    for name in ("task_v_teacher", "task_at"):
        if not len(arrays[name]):
            raise InputError(f"{path}: {name} must have at least one entry, but has none")
    if arrays["task_at"][0] != 0:
        raise InputError(f"{path}: task_at must begin with 0, but begins with {arrays['task_at'][0]:g}")
    if not np.array_equal(arrays["task_v_teacher"][arrays["task_order"][0]], arrays["v_teacher"]):
        raise InputError(f"{path}: v_teacher must be that of the task that is learned first, but is another one")


def _check_order(path: AnyPath, alphas: np.ndarray, strictly: bool) -> None:
    steps = np.diff(alphas)
    wrong = np.flatnonzero(steps <= 0 if strictly else steps < 0)  # of runs, they may repeat in files of before
    if wrong.size:
        j = int(wrong[0])
        raise InputError(
            f"{path}: alpha must increase, but alpha[{j}] = {alphas[j]:g} is followed by {alphas[j + 1]:g}"
        )


def check_states(path: AnyPath, states: Arrays, diverged_at: np.ndarray | float) -> np.ndarray:
    """Refuse order parameters (runs, A, …) that no solution has.

    Runs are NaN from where they diverged on, all of R, Q and v, and say that they did. Q is symmetric. Returns where
    they are, (runs, A).
    """
    if not states["R"].size:
        return np.zeros(states["R"].shape[:2], dtype=bool)
    for name in states:
        if name in ("Q", "Q_group"):
            _check_symmetry(path, name, states[name])
    shape = states["R"].shape[:2]
    if not any(np.isnan(each.min()) for each in states.values()):
        return np.zeros(shape, dtype=bool)
    missing: Arrays = {name: np.isnan(each.reshape(*shape, -1)) for name, each in states.items()}
    gone = np.any(missing["R"], axis=-1, keepdims=True)[..., 0]
    for name, each in missing.items():
        partly = np.argwhere((each.any(axis=-1) != gone) | (each.all(axis=-1) != gone))
        if partly.size:
            run, j = partly[0]
            raise InputError(f"{path}: R, Q and v must be NaN together, but {name} of run {run} at alpha[{j}] is not")
    back = np.argwhere(gone[:, :-1] & ~gone[:, 1:])
    if back.size:
        run, j = back[0]
        raise InputError(f"{path}: a run must stay NaN once it is, but run {run} is at alpha[{j}] and not at the next")
    unsaid = np.flatnonzero(gone.any(axis=1) & ~np.isfinite(diverged_at))
    if unsaid.size:
        raise InputError(f"{path}: R must be finite in runs that did not diverge, but run {unsaid[0]} holds NaN")
    return gone


def _check_ends(path: AnyPath, gone: np.ndarray, alphas: np.ndarray, diverged_at: np.ndarray, step: float) -> None:
    """Runs are NaN from diverged_at on and not before, up to some steps."""
    ends = diverged_at[:, None]
    with np.errstate(invalid="ignore"):
        wrong = np.argwhere(np.where(gone, alphas < ends - step, alphas > ends + step))
    if wrong.size:
        run, j = wrong[0]
        raise InputError(
            f"{path}: diverged_at must say from where R is NaN, but is {diverged_at[run]:g} of run {run}, which at"
            f" alpha = {alphas[j]:g} is {'NaN' if gone[run, j] else 'not'}"
        )


def _check_symmetry(path: AnyPath, name: str, Q: np.ndarray) -> None:
    if np.array_equal(Q, np.swapaxes(Q, -1, -2)) and np.einsum("...ii->...i", Q).min() >= 0:
        return
    gap = np.abs(Q - np.swapaxes(Q, -1, -2))
    largest = np.nan_to_num(np.abs(Q).max(axis=(-1, -2), keepdims=True))
    wrong = np.argwhere(gap > _ROUNDING * np.maximum(largest, 1))
    if wrong.size:
        where = [int(i) for i in wrong[0]]
        raise InputError(f"{path}: {name} must be symmetric, but {name}{where} differs by {gap[tuple(where)]:.3g}")
    low = np.einsum("...ii->...i", Q)
    wrong = np.argwhere(low < -1e-3 * np.maximum(largest[..., 0], 1))
    if wrong.size:
        where = [int(i) for i in [*wrong[0], wrong[0][-1]]]
        raise InputError(f"{path}: {name} must have no negative norms, but {name}{where} is {Q[tuple(where)]:.3g}")


def check_groups(path: AnyPath, states: Arrays, variances: np.ndarray, T: np.ndarray) -> None:
    """Refuse overlaps by group that no vectors have, or of which R and Q are not the sums."""
    _check_cosines(path, states, T, "_group")
    for name in ("R", "Q"):
        of_groups = np.moveaxis(states[f"{name}_group"], -3, 0)
        sums, largest = np.zeros(states[name].shape), np.zeros(states[name].shape)
        for variance, each in zip(variances, of_groups, strict=True):
            sums, largest = sums + variance * each, largest + variance * np.abs(each)
        apart = np.abs(sums - states[name])
        wrong = np.argwhere(apart > _ROUNDING * np.maximum(np.abs(states[name]), largest))
        if wrong.size:
            where = tuple(int(i) for i in wrong[0])
            raise InputError(
                f"{path}: {name} must be the sum of inputs_variances times {name}_group, but {name}{list(where)} is"
                f" {apart[where]:.3g} from it"
            )


def _check_cosines(path: AnyPath, states: Arrays, T: np.ndarray, ending: str = "") -> None:
    """Refuse overlaps of vectors that are clearly larger than their lengths allow, by more than a solver's error."""
    Q, R = states[f"Q{ending}"], states[f"R{ending}"]
    norms, of_teacher = np.einsum("...ii->...i", Q), np.einsum("...ii->...i", T)
    axes = (-1, -2)[: T.ndim - 1]  # a solver's error is that of the largest group
    longest = np.nan_to_num(norms).max(axis=axes, initial=0, keepdims=True)[..., None]
    room = _SLACK * np.maximum(longest, of_teacher.max(initial=0))
    with np.errstate(invalid="ignore"):
        pairs = ((f"R{ending}", R, of_teacher[..., None, :]), (f"Q{ending}", Q, norms[..., None, :]))
        for name, overlaps, others in pairs:
            most = np.sqrt(np.maximum(norms[..., :, None], 0) * np.maximum(others, 0))
            wrong = np.argwhere(np.abs(overlaps) > most + np.sqrt(room * np.maximum(others, 0)) + room)
            if wrong.size:
                where = tuple(int(i) for i in wrong[0])
                raise InputError(
                    f"{path}: {name} must be an overlap of vectors of the lengths in Q{ending} and T{ending}, but"
                    f" {name}{list(where)} is {overlaps[where]:.3g}"
                )


def _check_seed(path: AnyPath, text: str) -> None:
    name = json_object(path, "seed", text).get("bit_generator")
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"{path}: seed must name a bit_generator, but is {shown(text)}")
