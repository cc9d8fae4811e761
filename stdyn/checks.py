"""Arguments checked at the door: each check returns the value as it is used, or says what was expected."""

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stdyn.errors import InputError
from stdyn.text import shown

Array = NDArray[np.float64]
RngLike = int | np.integer[Any] | np.random.Generator | np.random.SeedSequence | np.random.BitGenerator

METHODS = ("DOP853", "RK45", "RK23", "LSODA", "Radau", "BDF")  # of scipy.integrate.solve_ivp
_MOST_DRAWN = 2**50  # numbers from a generator; one that is further on was jumped or advanced to another stream
_DEEPEST = 32  # as many axes as an array of NumPy has at least
_KINDS = {  # of NumPy's types that are not taken for numbers
    "b": "truth values are not meant",
    "c": "complex numbers are not meant",
    "m": "times are not meant",
    "M": "dates are not meant",
    "S": "texts are not meant",
    "U": "texts are not meant",
    "T": "texts are not meant",
    "V": "records are not meant",
}
UNITS = 2**15  # at most, of a layer: arrays of more are too large to be made
NORMALS = ("fast", "numpy")  # kernels.random.normals, or numpy.random.Generator.standard_normal, the reference


def frozen_array(name: str, value: ArrayLike, ndim: tuple[int, ...]) -> Array:
    """A read-only float copy of `value`, refused if it is not finite or has a wrong number of axes."""
    array = floats(name, value)
    if array.ndim not in ndim:
        axes = "1 axis" if ndim == (1,) else f"{' or '.join(map(str, ndim))} axes"
        raise InputError(f"{name} must have {axes}, but has shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name} must not be empty, but has shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        entry = name + str(list(where)) if where else ""
        raise InputError(f"{name} must be finite, but {entry}{' ' * bool(entry)}is {array[where]}")
    array.flags.writeable = False
    return array.view()  # which cannot be made writable


def floats(name: str, value: ArrayLike) -> Array:
    """A float copy of `value`, refused if anything in it is no number, or not meant as one.

    NumPy would take truth values, dates, texts of numbers and the values hidden by a mask for numbers.
    """
    check_numbers(name, value)
    try:
        with np.errstate(all="ignore"):
            return np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        why = "its rows differ in length" if "inhomogeneous shape" in str(error) else error
        raise InputError(f"{name} must be an array of numbers, but is {shown(value)} ({why})") from None


def as_floats(name: str, value: ArrayLike) -> Array:
    """`value` as `floats` makes it, without a copy of what is an array of floats."""
    return value if type(value) is np.ndarray and value.dtype == float else floats(name, value)


def check_numbers(name: str, value: object) -> None:
    """Refuse what holds anything that is no number, or is not meant as one."""
    try:
        found = _not_a_number(value)
    except (TypeError, ValueError, OverflowError) as error:
        found = str(error)
    if found:
        why = "" if found == f"{shown(value)} is no number" else f" ({found})"
        raise InputError(f"{name} must be an array of numbers, but is {shown(value)}{why}")


def _not_a_number(value: object, depth: int = 0) -> str:
    """What in a value is no number, or is not meant as one; "" if nothing is."""
    if np.ma.is_masked(value):
        return "masked values are not taken; .filled(…) or .compressed() says what is meant"
    if isinstance(value, list | tuple):
        if depth > _DEEPEST:
            return f"lists within more than {_DEEPEST} lists"
        return next((found for each in value if (found := _not_a_number(each, depth + 1))), "")
    if type(value) in (int, float):
        return ""
    if isinstance(value, bytearray | memoryview):  # bytes are texts to NumPy
        return "bytes are not meant"
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.dtype.kind == "O":
        return next((f"{shown(each)} is no number" for each in array.flat if not _is_number(each)), "")
    return _KINDS.get(array.dtype.kind, "")


def _is_number(value: object) -> bool:
    """Whether this is a real number: of Python, its fractions and decimal, or of NumPy, which takes times for some."""
    return isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def precision(*values: ArrayLike) -> float:
    """The largest relative spacing of the floating numbers that these arrays are given in, 2.2e-16 at least."""
    kinds = (np.asarray(value).dtype for value in values)
    least = float(np.finfo(float).eps)
    return max((max(least, float(np.finfo(kind).eps)) for kind in kinds if kind.kind == "f"), default=least)


def number(name: str, value: object, least: float = 0.0, most: float = sys.float_info.max) -> float:
    """`value` as a finite float from `least` to `most`."""
    value = _scalar(value)
    if not _is_number(value):
        raise InputError(f"{name} must be a number, but is {shown(value)}")
    try:
        found = float(value)  # type: ignore[arg-type]
    except (OverflowError, ValueError):  # the other: Decimal("sNaN")
        found = np.inf
    if not np.isfinite(found) or found < least:
        bound = f" and at least {least:g}" if np.isfinite(least) else ""
        raise InputError(f"{name} must be finite{bound}, but is {shown(value)}")
    if found > most:
        raise InputError(f"{name} must be at most {most:g}, but is {shown(value)}")
    return found


def integer(name: str, value: object, least: int, most: int = 2**53) -> int:
    """`value` as an int from `least` to `most`; a float with an integer value is taken, 2.5 is not."""
    value = _scalar(value)
    try:
        found = int(value) if _is_number(value) else None  # type: ignore[call-overload]
    except (OverflowError, ValueError):  # infinite or NaN
        found = None
    if found is None or found != value:
        raise InputError(f"{name} must be an integer, but is {shown(value)}")
    if found < least:
        raise InputError(f"{name} must be at least {least}, but is {shown(value)}")
    if found > most:
        raise InputError(f"{name} must be at most {most}, but is {shown(value)}")
    return int(found)


def _scalar(value: object) -> object:
    """An array without axes is its only entry."""
    is_array = isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.is_masked(value)
    return value[()] if is_array else value  # type: ignore[index]


def truth(name: str, value: object) -> bool:
    """`value`, which must be True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, but is {shown(value)}")
    return bool(value)


def choice(name: str, value: object, choices: Sequence[str]) -> str:
    """`value`, which must be one of these words."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, but is {shown(value)}")
    return str(value)


def check_type(name: str, value: object, *kinds: type) -> None:
    """Refuse what is of none of these types."""
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"{name} must be a {wanted}, but is {type(value).__name__}")


def check_path(name: str, value: object) -> Path:
    """`value` as a path."""
    if isinstance(value, str | os.PathLike) and value != "" and "\0" not in (text := str(value)):
        return Path(text)
    raise InputError(f"{name} must be a path, but is {shown(value)}")


def check_rng(rng: object) -> np.random.Generator:
    """`rng` as a numpy.random.Generator: of an int, SeedSequence or BitGenerator that of numpy.random.default_rng.

    A Generator is taken itself, so that it goes on from call to call; an int makes the same one at every call. None,
    of which NumPy would make one that nobody can make again, is refused.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, np.random.SeedSequence | np.random.BitGenerator):
        return np.random.default_rng(rng)
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise InputError(
        "rng must be an int of at least 0 or a numpy.random.Generator (numpy.random.default_rng(1), say), but is"
        f" {shown(rng)}"
    )


def seed_sequence(rng: RngLike) -> np.random.SeedSequence:
    """The SeedSequence of a generator; refuses one that cannot be spawned from."""
    sequence = check_rng(rng).bit_generator.seed_seq
    if not isinstance(sequence, np.random.SeedSequence):
        raise InputError("rng must be made from a seed or a SeedSequence, so that every run can have its own stream")
    return sequence


def spawning(rng: RngLike) -> np.random.Generator:
    """`rng` as a generator whose streams depend on its state.

    Where its seed sequence does not belong to its state it is one that is seeded by numbers drawn from it. Streams are
    spawned from the seed sequence. That of a generator that was jumped, or whose state was restored from another one,
    is not what made the state: NumPy takes it from the system's entropy, another one in every process.
    """
    rng = check_rng(rng)
    sequence, bits = seed_sequence(rng), rng.bit_generator
    if 0 <= _drawn(type(bits)(sequence), bits) < _MOST_DRAWN:
        return rng
    words = rng.integers(0, 2**32, 8, dtype=np.uint32)
    return np.random.Generator(type(bits)(np.random.SeedSequence(words.tolist())))


def _drawn(fresh: np.random.BitGenerator, bits: np.random.BitGenerator) -> int:
    """How many numbers have been drawn since a bit generator was made; -1 if that cannot be told, or it is another."""
    there, here = (each.state["state"] for each in (fresh, bits))
    if isinstance(bits, np.random.Philox):
        if not np.array_equal(there["key"], here["key"]):
            return -1
        before, now = (sum(int(word) << 64 * n for n, word in enumerate(each["counter"])) for each in (there, here))
        return now - before
    if isinstance(bits, np.random.PCG64 | np.random.PCG64DXSM):
        return _steps_of_pcg(fresh, there["state"], here) if there["inc"] == here["inc"] else -1
    return 0 if all(np.array_equal(there[name], here[name]) for name in there) else -1


def _steps_of_pcg(any_: np.random.BitGenerator, start: int, state: Mapping[str, int]) -> int:
    """The steps from `start` to a state of a linear congruential generator modulo 2^128 (Brown, 1994), bit by bit."""
    full, increment = 2**128 - 1, state["inc"]
    one = {**any_.state, "state": {"state": 1, "inc": increment}}
    any_.state = one
    any_.advance(1)  # type: ignore[attr-defined]
    factor = (any_.state["state"]["state"] - increment) & full
    steps, bit = 0, 1
    while start != state["state"]:
        if (start ^ state["state"]) & bit:
            start, steps = (start * factor + increment) & full, steps | bit
        increment, factor, bit = (factor + 1) * increment & full, factor * factor & full, 2 * bit
    return steps


def check_memory(what: str, needed: float) -> None:
    """Refuse what needs more bytes of memory than this machine, or a limit of the process, can ever give."""
    most = _memory()
    if needed > most:
        raise InputError(f"{what} must fit into memory: {needed:.2g} bytes are needed, but {most:.2g} are there")


def _memory() -> float:
    """The bytes of memory that there are, with what can be swapped."""
    most = 2.0**47  # of addresses
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        most = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, StopIteration), open("/proc/meminfo", encoding="ascii") as file:
        most += 1024.0 * int(next(line for line in file if line.startswith("SwapTotal:")).split()[1])
    with suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        most = most if limit == resource.RLIM_INFINITY else min(most, float(limit))
    return most


def check_executor(executor: object) -> None:
    """Refuse what is neither None nor a concurrent.futures.Executor."""
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(
            "executor must be a concurrent.futures.Executor (such as executor in: with stdyn.processes() as executor:),"
            f" but is {shown(executor)}"
        )


def time_grid(alphas: ArrayLike, name: str = "alphas") -> Array:
    """`alphas` as a read-only array of times: one axis, finite, none negative, strictly increasing."""
    array = frozen_array(name, alphas, (1,))
    if array[0] < 0:
        raise InputError(f"{name} must not be negative, but {name}[0] is {array[0]}")
    wrong = np.flatnonzero(np.diff(array) <= 0)
    if wrong.size:
        j = int(wrong[0])
        raise InputError(
            f"{name} must increase strictly, but {name}[{j}] = {array[j]} is followed by {array[j + 1]}"
            " (np.unique sorts them and drops the repeated ones)"
        )
    return array


def check_settings(method: str, rtol: float, atol: float | None, name: str = "method") -> tuple[float, float]:
    """The tolerances as numbers; refuses a method or a tolerance that solve_ivp cannot use."""
    choice(name, method, METHODS)
    rtol = number("rtol", rtol, 1e-13, 1e-2)
    return rtol, number("atol", rtol / 100 if atol is None else atol, 1e-18)


def check_normals(normals: str) -> str:
    """Refuse what is not the name of a source of normal numbers."""
    return choice("normals", normals, NORMALS)
