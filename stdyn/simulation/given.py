"""What network runs are given besides a problem: weights, examples, fields of the teacher, test examples."""

from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, as_floats, check_memory, frozen_array, truth
from stdyn.errors import InputError
from stdyn.model.problem import Problem
from stdyn.text import shown

_SAME = 1e-9  # relative to the vectors' lengths: overlaps of weights that are given are those of the problem
_ROWS = 2**12  # that are rotated at a time


@dataclass(frozen=True, eq=False)
class TestSet:
    """Examples (P, N) along the directions of the groups, and the teacher's fields (P, M) if they are given."""

    X: Array
    fields: Array | None


@dataclass(frozen=True, eq=False)
class Given:
    """What runs share that no kernel of isotropic inputs knows.

    Attributes
    ----------
    rows : ndarray, shape (P, N) or (P, N + M), or None
        Given examples along the directions of the groups, and then the teacher's fields if they are given, too.
    repeat : bool
        Whether they are taken again and again.
    fields : bool
        Whether the teacher's fields are given.
    needed : int
        How many of them all steps take.
    test : TestSet, or None
    """

    rows: Array | None = None
    repeat: bool = False
    fields: bool = False
    needed: int = 0
    test: TestSet | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """What a trajectory says of it."""
        said = {}
        if self.rows is not None:
            how = "again and again, in a new order each time" if self.repeat else "each at most once"
            said["examples"] = f"{len(self.rows)} that were given, {how}"
            if self.fields:
                said["examples"] += ", with the teacher's fields"
        if self.test is not None:
            said["test"] = f"{len(self.test.X)} examples that were given"
        return said


def given(
    problem: Problem,
    steps: int,
    examples: ArrayLike | None,
    teacher_fields: ArrayLike | None,
    repeat: bool,
    test: ArrayLike | tuple[ArrayLike, ArrayLike] | None,
) -> Given | None:
    """What is given, checked; None if it is nothing, and inputs are isotropic."""
    repeat, M = truth("repeat", repeat), problem.start.M
    if examples is None:
        for name, value in (("teacher_fields", teacher_fields), ("repeat", repeat or None)):
            if value is not None:
                raise InputError(f"{name} needs examples, to which it belongs")
    if problem.drift != 0 and (examples is not None or test is not None):
        name = "test" if examples is None else "examples"
        raise InputError(f"drift must be 0 with {name}, whose labels are those of a teacher that does not turn")
    test_set = None if test is None else _test(problem, test, teacher_fields is not None)
    if examples is None:
        return Given(test=test_set) if problem.start.inputs is not None or test_set is not None else None
    X = _rows("examples", examples, problem.N)
    needed = steps * problem.batch
    if needed > len(X) and not repeat:
        raise InputError(
            f"examples must be at least the {needed} that {steps} steps take to alphas[-1], but are {len(X)}"
            " (repeat=True takes them again and again)"
        )
    if teacher_fields is None:
        _check_hidden("teacher_fields", "with examples", problem)
        return Given(_rotated(X, problem), repeat, False, needed, test_set)
    fields = _fields("teacher_fields", teacher_fields, len(X), M)
    return Given(_rotated(X, problem, fields), repeat, True, needed, test_set)


def _test(problem: Problem, test: ArrayLike | tuple[ArrayLike, ArrayLike], needs_fields: bool) -> TestSet:
    """The test examples; fields must be given with them where the teacher's weights are not what labels are made by."""
    if _is_pair(test):
        inputs, fields = test
        X = _rows("test[0]", inputs, problem.N)
        return TestSet(_rotated(X, problem), _fields("test[1]", fields, len(X), problem.start.M))
    if needs_fields:
        raise InputError("test must be a pair (X, fields of the teacher) where teacher_fields are given")
    _check_hidden("test", "as a pair (X, fields of the teacher)", problem)
    return TestSet(_rotated(_rows("test", test, problem.N), problem), None)


def _is_pair(test: object) -> TypeGuard[tuple[ArrayLike, ArrayLike]]:
    """Whether it is (X, fields) or [X, fields], two tables; a list of two examples is no pair."""
    if not isinstance(test, tuple | list) or len(test) != 2:
        return False
    try:
        return isinstance(test, tuple) or all(np.ndim(each) == 2 for each in test)
    except ValueError:  # rows of several lengths
        return False


def _check_hidden(name: str, how: str, problem: Problem) -> None:
    """Refuse examples of which it is not known what the teacher sees."""
    if problem.start.T_hidden is not None and problem.start.T_hidden.any():
        raise InputError(f"{name} must be given {how} where the start has T_hidden, of which no input tells")


def _rows(name: str, values: object, N: int) -> Array:
    """Examples (P, N), not copied if they are floats."""
    X = as_floats(name, values)  # type: ignore[arg-type]
    if X.ndim != 2 or X.shape[1] != N or not len(X):
        raise InputError(f"{name} must have shape (P, N) with N = {N} of the problem, but has shape {X.shape}")
    return _finite(name, X)


def _fields(name: str, values: ArrayLike, P: int, M: int) -> Array:
    """The teacher's fields (P, M)."""
    fields = as_floats(name, values)
    if fields.shape != (P, M):
        raise InputError(f"{name} must have shape (P, M) = ({P}, {M}), but has shape {fields.shape}")
    return _finite(name, fields)


def _finite(name: str, array: Array) -> Array:
    finite = np.isfinite(array)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise InputError(f"{name} must be finite, but {name}[{row}, {column}] is {array[row, column]}")
    return array


def _rotated(X: Array, problem: Problem, fields: Array | None = None) -> Array:
    """Along the directions in the order of the groups, and then the fields; X itself if that is the same."""
    start = problem.start
    if fields is None and (start.inputs is None or not start.inputs.turned):
        return X
    P, N = X.shape
    width = N if fields is None else N + start.M
    check_memory(f"examples of {P} rows", 8.0 * P * width)
    rows = np.empty((P, width))
    for first in range(0, P, _ROWS):
        part = slice(first, first + _ROWS)
        rows[part, :N] = X[part] if start.inputs is None else start.inputs.rotated(X[part])
    if fields is not None:
        rows[:, N:] = fields
    return rows


def checked_weights(weights: tuple[ArrayLike, ArrayLike], problem: Problem) -> tuple[Array, Array]:
    """W (K, N) and W_teacher (M, N) along the directions of the groups, refused if not of the problem's overlaps."""
    if not isinstance(weights, tuple | list) or len(weights) != 2:
        raise InputError(f"weights must be a pair (W, W_teacher), but is {shown(weights)}")
    start, N, K = problem.start, problem.N, problem.start.K
    W, W_teacher = (frozen_array(f"weights[{j}]", each, (2,)) for j, each in enumerate(weights))
    for j, (array, units) in enumerate(((W, K), (W_teacher, start.M))):
        if array.shape != (units, N):
            name = ("(K, N)", "(M, N)")[j]
            raise InputError(f"weights[{j}] must have shape {name} = ({units}, {N}), but has shape {array.shape}")
    every, wanted = np.vstack([W, W_teacher]), start.C_group
    found = (every @ every.T)[None] if start.inputs is None else start.inputs.overlaps(every, every)
    norms = np.sqrt(np.diag(wanted.sum(axis=0)))
    wrong = np.argwhere(~(np.abs(found - wanted) <= _SAME * np.outer(norms, norms)))
    if wrong.size:
        group, a, c = (int(index) for index in wrong[0])
        name = "Q" if c < K else "R" if a < K else "T"
        where = f"{a - K * (a >= K)},{c - K * (c >= K)}"
        where = f"{name}[{where}]" if start.inputs is None else f"{name}_group[{group},{where}]"
        raise InputError(
            f"weights must have the overlaps of problem.start to {_SAME:g}, but have {where} ="
            f" {found[group, a, c]:.10g} instead of {wanted[group, a, c]:.10g}"
        )
    if start.inputs is None:
        return W, W_teacher
    return start.inputs.rotated(W), start.inputs.rotated(W_teacher)
