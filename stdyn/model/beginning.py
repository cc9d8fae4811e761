"""What an experiment of the command line begins with: its inputs, its teacher and tasks, and its student."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from stdyn.checks import UNITS, Array, check_memory, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.model import initial
from stdyn.model.inputs import Inputs
from stdyn.model.state import OrderParameters
from stdyn.model.tasks import Tasks, similar
from stdyn.text import shown

Experiment = Any  # the class, which stands on this module

_OF_TASKS = ("v_teacher", "at", "weights", "order")
_OF_SIMILAR = ("similarity", "similarity_v", "at", "heads", "v_teacher")


_PURPOSES = ("start", "v", "b", "network", "reduced", "samples", "inputs")  # of random numbers


def stream(seed: int, purpose: str) -> np.random.SeedSequence:
    """Random numbers of their own for each purpose, so that giving one thing does not change what else is drawn."""
    return np.random.SeedSequence(integer("seed", seed, 0, 2**128), spawn_key=(_PURPOSES.index(purpose),))


def start_of(experiment: Experiment) -> tuple[OrderParameters, Tasks | None]:
    """The start, and the tasks, the first of which it has."""
    K, M = (integer(name, getattr(experiment, name), 1, UNITS) for name in "KM")
    check_memory(f"K = {K} and M = {M}", 16.0 * (K + M) ** 2)
    outputs = integer("outputs", experiment.outputs, 1, UNITS)
    check_memory(f"outputs = {outputs}", 8.0 * (K + M) * outputs)
    T, tasks = teacher_of(experiment, M)
    of_similar = is_similar(experiment.tasks)
    second = (
        drawn(experiment, "v", experiment.v, K, experiment.v_scale),
        drawn(experiment, "v_teacher", 1.0 if of_similar else experiment.v_teacher, M, 1.0),
    )
    inputs = inputs_of(experiment)
    if (experiment.R is None) != (experiment.Q is None):
        raise InputError("R and Q must be given together")
    given = experiment.R is not None
    if not given and (not isinstance(experiment.start, str) or experiment.start not in ("random", "prepared")):
        raise InputError(f'start must be "random" or "prepared", but is {shown(experiment.start)}')
    if isinstance(T, str) and (given or experiment.start == "prepared"):
        what = "R and Q that are given" if given else 'start = "prepared"'
        raise InputError(f'teacher must be "isotropic" or "graded" with {what}, but is "random"')
    if inputs is not None and inputs.manifold is not None:
        return _on_manifold(experiment, inputs, K, M, T, *second), tasks
    if given:
        R = frozen_array("R", experiment.R, (2,))
        if R.shape != (K, M):
            raise InputError(f"R must have shape (K, M) = ({K}, {M}), but has shape {R.shape}")
        start = OrderParameters(R, experiment.Q, T, *second)
        return start if inputs is None else start.spread(inputs), tasks
    if experiment.start == "prepared":
        return initial.prepared(K, M, experiment.q, experiment.r, T, *second, inputs), tasks
    rng = np.random.default_rng(stream(experiment.seed, "start"))
    teacher = T if experiment.T is not None or of_similar else experiment.teacher  # by its name, for messages
    try:
        return initial.random_weights(K, M, experiment.N, experiment.q, rng, teacher, *second, inputs), tasks
    except InputError as error:
        of_rank, of_groups = (str(error).startswith(f"N must {rest}") for rest in ("be at least the rank", "let every"))
        if not of_rank and not of_groups:
            raise
        at_N = 'the random start is drawn at N (start = "prepared" needs none)'
        raise InputError(f"{'inputs: ' * of_groups}{error}: {at_N}") from None


def drawn(experiment: Experiment, name: str, given: Any, units: int, scale: float) -> Array:
    """A second layer of (units,) or (units, outputs): as given, or normal with standard deviation `scale`."""
    outputs = integer("outputs", experiment.outputs, 1, UNITS)
    shape = (units,) if outputs == 1 else (units, outputs)
    if given is None:
        return number(f"{name}_scale", scale) * np.random.default_rng(stream(experiment.seed, name)).standard_normal(
            shape
        )
    array = frozen_array(name, given, (0, 1, 2))
    if array.ndim and array.shape != shape:
        raise InputError(f"{name} must be a number or have shape {shape}, but has shape {array.shape}")
    return np.full(shape, array) if array.ndim == 0 else array


# ---------------------------------------------------------------------------------------------------------------------
# Inputs


def inputs_of(experiment: Experiment) -> Inputs | None:
    """The inputs that a table says; None if they are isotropic."""
    table = experiment.inputs
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise InputError(f'inputs must be a table such as {{kind = "power_law", exponent = 1}}, but is {shown(table)}')
    N, drawn_by = integer("N", experiment.N, 1), None
    if table.get("kind") == "hidden_manifold":
        drawn_by = integer("seed", experiment.seed, 0, 2**128)
    try:
        key = json.dumps(table)
    except (TypeError, ValueError):  # with arrays, or what no constructor takes
        found = _made(table, N, drawn_by)
    else:
        found = _kept(key, N, drawn_by)
    return None if found.is_isotropic else found


@lru_cache(maxsize=1)  # for both rules, and the points of a scan; axes may be large
def _kept(key: str, N: int, seed: int | None) -> Inputs:
    return _made(json.loads(key), N, seed)


def _made(table: Mapping[str, Any], N: int, seed: int | None) -> Inputs:
    try:
        return Inputs.of(table, N, None if seed is None else np.random.default_rng(stream(seed, "inputs")))
    except InputError as error:
        raise InputError(f"inputs: {error}") from None


def _on_manifold(
    experiment: Experiment, inputs: Inputs, K: int, M: int, T: Array | str, v: Array, v_teacher: Array
) -> OrderParameters:  # fmt: skip
    """The start of a student in input space, and of a teacher in the latent space of a hidden manifold.

    The teacher's vectors there have the overlaps T and random directions.
    """
    if experiment.R is not None:
        raise InputError("R and Q cannot be given with inputs of a hidden manifold, whose teacher is in latent space")
    if experiment.start == "prepared" and experiment.r != 0:
        raise InputError(f"r must be 0 with inputs of a hidden manifold, but is {shown(experiment.r)}")
    rng, D = np.random.default_rng(stream(experiment.seed, "start")), inputs.manifold.latent
    if isinstance(T, str):
        theta = rng.standard_normal((M, D)) / np.sqrt(D)
    else:
        plain = initial.prepared(K, M, experiment.q, 0.0, T, v, v_teacher)  # refuses a T that is none
        if D < M:
            raise InputError(
                f"inputs: latent must be at least M = {M}, the number of teacher units, but is {D}"
                ' (teacher = "random" can be in fewer)'
            )
        theta = _turned(initial.root(plain.T), D, rng)
    W_teacher, T_hidden = inputs.manifold.teacher(theta, inputs)
    N = W_teacher.shape[1]
    if experiment.start == "prepared":
        q = number("q", experiment.q) * inputs.fractions[:, None, None] * np.eye(K)
        r = np.zeros((inputs.groups, K, M))
        t = inputs.overlaps(W_teacher, W_teacher)
        return OrderParameters.by_group(inputs, r, q, t, v, v_teacher, T_hidden)
    W = np.sqrt(number("q", experiment.q) / N) * rng.standard_normal((K, N))
    return initial.from_weights(W, W_teacher, v, v_teacher, inputs, T_hidden)


def _turned(vectors: Array, D: int, rng: np.random.Generator) -> Array:
    """Vectors (M, M) in D >= M dimensions, along random directions."""
    frame, triangle = np.linalg.qr(rng.standard_normal((D, len(vectors))))
    return np.asarray(vectors @ (frame * np.sign(np.diag(triangle))).T)


# ---------------------------------------------------------------------------------------------------------------------
# Teachers


def teacher_of(experiment: Experiment, M: int) -> tuple[Any, Tasks | None]:
    """T, or "random", and the tasks; that of teachers that are similar is made with them."""
    T: Any = None
    if not is_similar(experiment.tasks):
        if experiment.T is not None:
            T = frozen_array("T", experiment.T, (2,))
        elif isinstance(experiment.teacher, str) and experiment.teacher == "random":
            T = "random"
        else:
            T = initial.teacher_overlaps(M, experiment.teacher, "random")
        if not isinstance(T, str) and T.shape != (M, M):
            raise InputError(f"T must have shape (M, M) = ({M}, {M}), but has shape {T.shape}")
        if experiment.tasks is None:
            return T, None
    table = _checked_tasks(experiment.tasks)
    try:
        if is_similar(table):
            at = table.setdefault("at", [0.0, 100.0])
            count = max(len(at), 1) if isinstance(at, Sequence) else 1
            if M % count:
                raise InputError(f"M must be a multiple of {count}, as it counts the units of all tasks, but is {M}")
            check_memory(f"at, of {count} tasks,", 8.0 * count * M * (1 if table.get("heads", 1) == 1 else count))
            T, tasks = similar(M // count, **table)
        else:
            tasks = Tasks(**table)
    except InputError as error:
        raise InputError(f"tasks: {error}") from None
    wanted = tasks.v_teacher.shape[2] if tasks.v_teacher.ndim == 3 else 1
    if wanted != experiment.outputs:
        raise InputError(
            f"tasks: outputs must be {wanted}, as many as v_teacher or heads say, but is {experiment.outputs}"
        )
    return T, tasks


def is_similar(tasks: Any) -> bool:
    """Whether a table of tasks says how similar they are, and so makes T and v_teacher."""
    return isinstance(tasks, Mapping) and any(key in tasks for key in ("similarity", "similarity_v", "heads"))


def _checked_tasks(tasks: Any) -> dict[str, Any]:
    """A table of tasks with the keys of one of its kinds."""
    if not isinstance(tasks, Mapping):
        raise InputError(f"tasks must be a table such as {{similarity = 0.5, at = [0, 60]}}, but is {shown(tasks)}")
    if not is_similar(tasks) and "v_teacher" not in tasks:
        raise InputError(
            f"tasks must be a table with similarity (and {', '.join(_OF_SIMILAR[1:])}) or with v_teacher (and"
            f" {', '.join(_OF_TASKS[1:])}), but is {shown(dict(tasks))}"
        )
    keys, needed = (_OF_SIMILAR, "similarity") if is_similar(tasks) else (_OF_TASKS, "v_teacher")
    for key in tasks:
        if key not in keys:
            raise InputError(f"tasks must be a table with {', '.join(keys)}, but has {shown(key)}")
    if needed not in tasks:
        raise InputError(f"tasks must be a table with {', '.join(keys)}, but has no {needed}")
    return dict(tasks)


def without_use(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The parameters that change nothing, each with those that make it so."""
    found: dict[str, tuple[str, ...]] = {}
    if experiment.rule == "bp":
        found |= dict.fromkeys(("b", "b_scale"), ("rule",))
    if experiment.rule != "mixed":
        found["mixture"] = ("rule",)
    if experiment.flow is True:
        found["sigma"] = ("flow",)
    if experiment.sphere is True:
        found["decay"] = ("sphere",)
    for name in ("v", "b"):
        if getattr(experiment, name) is not None:
            found[f"{name}_scale"] = (name,)
    if experiment.R is not None and experiment.Q is not None:
        found |= dict.fromkeys(("start", "q", "r"), ("R", "Q"))
    if experiment.T is not None:
        found["teacher"] = ("T",)
    if experiment.tasks is not None:
        found |= dict.fromkeys(
            ("T", "teacher", "v_teacher") if is_similar(experiment.tasks) else ("v_teacher",), ("tasks",)
        )
    if experiment.spacing == "linear":
        found["alpha_min"] = ("spacing",)
    if experiment.method == "network":
        found["reduced_runs"] = ("method",)
    elif experiment.method == "reduced" and experiment.reduced_runs is not None:
        found["runs"] = ("method", "reduced_runs")
    if experiment.quadrature != type(experiment).quadrature and not experiment.problem("bp").by_quadrature:
        found["quadrature"] = ("activation", "activation_teacher") if experiment.activation_teacher else ("activation",)
    return found
