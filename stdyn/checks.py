"""Arguments checked at the door: each check returns the value as it is used, or says what was expected."""

import os
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stdyn.errors import InputError

Array = NDArray[np.float64]

METHODS = ("DOP853", "RK45", "RK23", "LSODA", "Radau", "BDF")  # of scipy.integrate.solve_ivp
_MOST_DRAWN = 2**50  # numbers from a generator; one that is further on was jumped or advanced to another stream
NORMALS = ("fast", "numpy")  # kernels.random.normals, or numpy.random.Generator.standard_normal, the reference


def frozen_array(name: str, value: ArrayLike, ndim: tuple[int, ...]) -> Array:
    """A read-only float copy of `value`, refused if it is not finite or has a wrong number of axes."""
    try:
        if np.asarray(value).dtype.kind in "bc":
            raise TypeError("neither truth values nor complex numbers are meant")
        array = np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers, but is {value!r} ({error})") from None
    if array.ndim not in ndim:
        axes = " or ".join(map(str, ndim))
        raise InputError(f"{name} must have {axes} axes, but has shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name} must not be empty, but has shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        entry = name + str(list(where)) if where else ""
        raise InputError(f"{name} must be finite, but {entry}{' ' * bool(entry)}is {array[where]}")
    array.flags.writeable = False
    return array


def number(name: str, value: object, least: float = 0.0, most: float = sys.float_info.max) -> float:
    """`value` as a finite float from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{name} must be a number, but is {value!r}")
    if not max(least, -sys.float_info.max) <= value <= sys.float_info.max:
        raise InputError(f"{name} must be finite and at least {least:g}, but is {value}")
    if value > most:
        raise InputError(f"{name} must be at most {most:g}, but is {value}")
    return float(value)


def integer(name: str, value: object, least: int, most: int = 2**53) -> int:
    """`value` as an int from `least` to `most`; a float with an integer value is taken, 2.5 is not."""
    if isinstance(value, (float, np.floating)) and np.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name} must be an integer, but is {value!r}")
    if value < least:
        raise InputError(f"{name} must be at least {least}, but is {value}")
    if value > most:
        raise InputError(f"{name} must be at most {most}, but is {value}")
    return int(value)


def check_type(name: str, value: object, kind: type) -> None:
    """Refuse what is of another type."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be a {kind.__name__}, but is {type(value).__name__}")


def check_rng(rng: object) -> None:
    """Refuse what is not a numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng must be a numpy.random.Generator (numpy.random.default_rng(1), say), but is {rng!r}")


def seed_sequence(rng: np.random.Generator) -> np.random.SeedSequence:
    """The SeedSequence of a generator; refuses one that cannot be spawned from."""
    check_rng(rng)
    sequence = rng.bit_generator.seed_seq
    if not isinstance(sequence, np.random.SeedSequence):
        raise InputError("rng must be made from a seed or a SeedSequence, so that every run can have its own stream")
    return sequence


def spawning(rng: np.random.Generator) -> np.random.Generator:
    """`rng`, or where its seed sequence does not belong to its state one that is seeded by numbers drawn from it.

    Streams are spawned from the seed sequence. That of a generator that was jumped, or whose state was restored from
    another one, is not what made the state: NumPy takes it from the system's entropy, another one in every process.
    """
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
            f" but is {executor!r}"
        )


def time_grid(alphas: ArrayLike) -> Array:
    """`alphas` as a read-only array of times: one axis, finite, none negative, strictly increasing."""
    array = frozen_array("alphas", alphas, (1,))
    if array[0] < 0:
        raise InputError(f"alphas must not be negative, but alphas[0] is {array[0]:g}")
    wrong = np.flatnonzero(np.diff(array) <= 0)
    if wrong.size:
        j = int(wrong[0])
        raise InputError(
            f"alphas must increase strictly, but alphas[{j}] = {array[j]:g} is followed by {array[j + 1]:g}"
            " (np.unique sorts them and drops the repeated ones)"
        )
    return array


def check_settings(method: str, rtol: float, atol: float | None) -> tuple[float, float]:
    """The tolerances as numbers; refuses a method or a tolerance that solve_ivp cannot use."""
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, but is {method!r}")
    rtol = number("rtol", rtol, 1e-13, 1e-2)
    return rtol, number("atol", rtol / 100 if atol is None else atol, 1e-18)


def check_normals(normals: str) -> str:
    """Refuse what is not the name of a source of normal numbers."""
    if normals not in NORMALS:
        raise InputError(f"normals must be one of {', '.join(NORMALS)}, but is {normals!r}")
    return normals
