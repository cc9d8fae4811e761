"""Arguments that the functions which draw must refuse: every one of every public function, made from its annotation."""

import inspect
from collections.abc import Sequence
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_type_hints

import numpy as np
from bad_arguments import DATES, MASKED, Odd
from bad_calls import file_of_scan

import stdyn
from stdyn.figures.arguments import parts

MODULES = [
    getattr(stdyn, name)
    for name in ("plot", "scanplot", "layerplot", "outputplot", "theoryplot", "protocolplot", "inputplot", "views")
]
FUNCTIONS = [
    getattr(module, name) for module in MODULES for name in module.__all__ if inspect.isfunction(getattr(module, name))
]
_TEXTS = {"name": "nothing", "rule": "hebb", "colour": "no colour", "marker": "no marker", "dash": "no dash"}
_TEXTS |= {"quantity": "nothing", "across": "nothing", "eigenvalues": "nothing"}
# One of these is right wherever there is a choice.
_CHOICES = (
    "R",
    "fa",
    "red",
    "o",
    "-",
    "weight_angle",
    "escape_rate",
    "forgetting",
    "exponent",
    np.ones((2, 2)),
)  # one is right


def right(hint: Any) -> Any:
    """A value of the kind that an annotation says: it is looked at before anything is drawn."""
    origin, of = parts(hint)
    if origin is Annotated:
        return next(each for each in _CHOICES if of[1].are(each))
    if origin in (UnionType, Union):
        return right(of[0])
    if origin in (list, Sequence):
        return [right(of[0])]
    if origin is tuple:
        return tuple(right(each) for each in of if each is not Ellipsis)
    if origin is dict:
        return {}
    if np.ndarray in (origin, hint):
        return np.ones(2)
    if hint in (str, int, float, bool):
        return hint()
    return (tuple if issubclass(hint, tuple) else object).__new__(hint)


def wrong(name: str, hint: Any) -> list[Any]:
    """What is of another kind."""
    values = [Odd(), {"a": 1}, (1, object())]
    origin, of = parts(hint)
    if NoneType not in of:
        values.append(None)
    if origin in (list, Sequence):
        values += ["text", np.ones((2, 2)), [None]]
    if origin is list:
        values.append([])
    if np.ndarray in (origin, hint):
        values += [MASKED, DATES, [1.0, 2.0], np.array(["a"]), np.array([1j]), np.array([None])]
    if hint is float:
        values += ["1", True, np.array([1.0]), MASKED]
    if origin is Annotated:
        values.append(_TEXTS[name])
    return values


def called(function: Any, **changes: Any) -> Any:
    """With arguments of the right kinds, but for one."""
    hints = get_type_hints(function, include_extras=True)
    given = {name: right(hints[name]) for name in inspect.signature(function).parameters}
    return function(**given | changes)


def rows() -> Any:
    """Every argument of every function that draws, but for switches."""
    for function in FUNCTIONS:
        call = partial(called, function)
        hints = get_type_hints(function, include_extras=True)
        for name in inspect.signature(function).parameters:
            for value in wrong(name, hints[name]) if hints[name] is not bool else ():
                yield call, name, value, "must be"
    for name in ("value", "x", "y"):
        yield (lambda **wrong: stdyn.scanplot.figures(file_of_scan(), **wrong)), name, "nothing", "there are eta, "


DRAWINGS = list(rows())
