"""Results and problems as values: nothing in them can be written to, and two are equal if what they hold is."""

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Frozen:
    """A frozen dataclass (with eq=False) whose arrays are read-only, also after copy, deepcopy, pickle and replace.

    Two of a kind are equal if their fields are: arrays entry by entry, where NaN is equal to NaN. A field that says
    where it comes from, and not what it is, has compare=False.
    """

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, f.name, frozen(getattr(self, f.name)))

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


def frozen(value: Any) -> Any:
    """`value` with every array in it read-only."""
    if _is_array(value):
        if not value.flags.writeable:
            return value
        view = value.view()
        view.flags.writeable = False
        return view
    if type(value) is dict:
        return {key: frozen(each) for key, each in value.items()}
    return type(value)(map(frozen, value)) if type(value) in (list, tuple) else value


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
