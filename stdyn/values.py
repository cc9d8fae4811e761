"""Results and problems as values: nothing in them can be written to, and two are equal if what they hold is."""

import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Frozen:
    """A frozen dataclass (with eq=False) whose arrays and dicts are read-only and nobody else's.

    They are after copy, deepcopy, pickle and replace, too; what it is made of is copied if it can be written to.

    Two of a kind are equal if their fields are: arrays entry by entry, where NaN is equal to NaN. A field that says
    where it comes from, and not what it is, has compare=False.
    """

    __array_ufunc__ = None  # == of an array asks us, and is one truth value

    def __post_init__(self) -> None:
        self._set(**{f.name: frozen(getattr(self, f.name), copied=True) for f in fields(self)})  # type: ignore[arg-type]

    def _set(self, **values: Any) -> None:
        """Set what it holds, which nobody else can."""
        for name, value in values.items():
            object.__setattr__(self, name, frozen(value))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(frozen(state))  # what copy, deepcopy and pickle have made

    def _compared(self) -> dict[str, Any]:
        """What makes it equal to another one."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.compare}  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self is other or same(self._compared(), other._compared())

    def __hash__(self) -> int:
        return hash((type(self), *map(_hashed, self._compared().values())))


class ReadOnly(dict[Any, Any]):
    """A dict that cannot be changed; `dict(it)` can."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("this dict is read-only; dict(…) makes one that can be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type["ReadOnly"], tuple[dict[Any, Any]]]:
        return ReadOnly, (dict(self),)


def frozen(value: Any, copied: bool = False) -> Any:
    """`value` with every array and dict in it read-only.

    Of arrays that nobody else has; with `copied` those that others can write to are copied.
    """
    if _is_array(value):
        array = value.copy("K") if copied and _can_be_written(value) else value
        base: Any = array
        while _is_array(base):
            base.flags.writeable, base = False, base.base
        return array.view()  # which cannot be made writable
    if isinstance(value, dict):
        return ReadOnly((key, frozen(each, copied)) for key, each in value.items())
    return type(value)(frozen(each, copied) for each in value) if type(value) in (list, tuple) else value


def _can_be_written(array: "NDArray[Any]") -> bool:
    """Whether it can be written to, or is a view of what can."""
    at: Any = array
    while _is_array(at) and not at.flags.writeable:
        at = at.base
    return at is not None and not (isinstance(at, bytes) or (isinstance(at, memoryview) and at.readonly))


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: arrays entry by entry, and NaN equal to NaN."""
    if _is_array(one) or _is_array(other):
        if not (_is_array(one) and _is_array(other)) or one.shape != other.shape:
            return False
        unequal = one != other
        if one.dtype.kind in "fc" and other.dtype.kind in "fc":
            unequal &= (one == one) | (other == other)
        return not unequal.any()
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(each, other[key]) for key, each in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or bool(one != one and other != other)


def _hashed(value: Any) -> Any:
    """What is equal for equal values, and can be hashed: of an array some entries."""
    if _is_array(value):
        return value.shape, *map(_hashed, value.flat[:8].tolist())
    if isinstance(value, Mapping):
        return frozenset((key, _hashed(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_hashed, value))
    return "NaN" if value != value else value


def _is_array(value: object) -> "TypeGuard[NDArray[Any]]":
    """Without importing NumPy, which `stdyn --help` does not need."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)
