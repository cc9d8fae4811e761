"""Arguments of public functions are held to their annotations, so that what cannot be drawn is said by name."""

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from matplotlib.colors import is_color_like
from matplotlib.lines import Line2D

from stdyn.errors import InputError
from stdyn.figures.style import RULES, Dash
from stdyn.text import shown

P = ParamSpec("P")
T = TypeVar("T")


class Which(NamedTuple):
    """Of values of a type those that are meant, in an Annotated."""

    words: str
    are: Callable[[Any], bool]


def one_of(choices: Iterable[str]) -> Which:
    """These texts."""
    known = tuple(choices)
    return Which(f"one of {', '.join(known)}", known.__contains__)


def _taken_by_lines(name: str) -> Callable[[Any], bool]:
    """Whether matplotlib draws a line with this marker or line style."""

    def taken(value: Any) -> bool:
        try:
            Line2D([0], [0], **{name: value})
        except (ValueError, TypeError):
            return False
        return True

    return taken


Colour = Annotated[str, Which("a colour of matplotlib", is_color_like)]
Marker = Annotated[str, Which("a marker of matplotlib", _taken_by_lines("marker"))]
LineStyle = Annotated[Dash, Which("a line style of matplotlib", _taken_by_lines("linestyle"))]
Rule = Annotated[str, one_of(RULES)]
ComplexArray = Annotated[
    object, Which("an array of numbers", lambda each: type(each) is np.ndarray and each.dtype.kind in "biufc")
]
Curve = Annotated[str, one_of(("R", "Q", "v", "F", "alignment", "F_per_output", "alignment_per_output", "eps_g"))]


def parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """What get_origin and get_args say, also of an alias, which NDArray is from NumPy 2.5 on."""
    origin, of = get_origin(hint), get_args(hint)
    meant = getattr(origin or hint, "__value__", None)
    return (origin, of) if meant is None else parts(meant[of] if of else meant)


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A decorator: an argument of another kind than its annotation says is refused; for a list, one will do."""
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> dict[str, Any]:
        return get_type_hints(function, include_extras=True)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            bound.arguments[name] = _as(name, value, hints().get(name, Any))
        return function(*bound.args, **bound.kwargs)

    return call


def _as(name: str, value: object, hint: Any) -> object:
    """The value, or a list of it alone where a list is meant. A list has one thing in it, a Sequence may have none."""
    origin, args = parts(hint)
    if origin in (list, Sequence):
        (of,) = args
        if of is not str and _is(value, of):
            value = [value]
        elif of in (float, int) and isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        elif isinstance(value, Iterable) and not isinstance(value, str | np.ndarray):
            value = list(value)
        if isinstance(value, list) and not value and origin is list:
            raise InputError(f"{name} must be at least one {_kind(of).partition(' ')[2]}, there is nothing to draw")
    if not _is(value, hint):
        raise InputError(f"{name} must be {_kind(hint)}, but is {_what(value)}")
    return value


def _is(value: object, hint: Any) -> bool:
    origin, of = parts(hint)
    if origin is Annotated:
        return _is(value, of[0]) and of[1].are(value)
    if origin in (types.UnionType, Union):
        return any(_is(value, each) for each in of)
    if origin is dict:
        return isinstance(value, dict) and all(_is(key, of[0]) and _is(each, of[1]) for key, each in value.items())
    if (origin or hint) is np.ndarray:
        return type(value) is np.ndarray and value.dtype.kind in "biuf"
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        of = len(value) * of[:1] if of[-1] is Ellipsis else of
        return len(value) == len(of) and all(map(_is, value, of))
    if origin in (list, Sequence):
        return isinstance(value, list | tuple) and all(_is(each, of[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def _what(value: object) -> str:
    """A value in a message; of a list, and of what is written in many lines, the kind."""
    if isinstance(value, list):
        return f"a list with {', '.join(sorted({_what_kind(each) for each in value}))}"
    return shown(value) if value is None or isinstance(value, str | bool | int | float) else _what_kind(value)


def _what_kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _kind(hint: Any) -> str:
    """What an annotation means, in words."""
    origin, of = parts(hint)
    if origin is Annotated:
        return str(of[1].words)
    if origin in (types.UnionType, Union):
        return " or ".join(map(_kind, of))
    if origin in (list, Sequence):
        return f"a list of {_kind(of[0]).partition(' ')[2]}"
    if origin is tuple:
        return f"a tuple ({', '.join('…' if each is Ellipsis else _kind(each) for each in of)})"
    if hint in (None, type(None)):
        return "None"
    name = getattr(origin or hint, "__name__", str(hint))
    if name == "ndarray":
        return "an array"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
