"""What every file says of its making, and whether a file holds what is to be gone on with."""

import json
import platform
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stdyn.errors import InputError
from stdyn.text import printable, shown


@cache
def _versions() -> str:
    packages = {name: _version(name) for name in ("stdyn", "numpy", "scipy", "numba", "h5py")}
    return json.dumps({"python": platform.python_version()} | packages)


def _version(name: str) -> str:
    """As the package says itself, where it is run from its source tree without being installed."""
    if name != "stdyn":
        with suppress(PackageNotFoundError):
            return version(name)
    return str(getattr(import_module(name), "__version__", "unknown"))


def provenance(**more: Any) -> dict[str, Any]:
    """What every result says of its making: the versions of what made it, the time, and `more`."""
    return {"versions": _versions(), "created": datetime.now().astimezone().isoformat(timespec="seconds")} | more


def check_same(path: Path, attributes: Mapping[str, Any], there: dict[str, Any], here: dict[str, Any]) -> None:
    """Refuse to go on with a file that describes another scan or training, naming the first difference.

    `attributes` are those of the file; `there` is what it describes, `here` what is to be gone on with.
    """
    found = difference(there, json.loads(json.dumps(here)))
    if found is not None:
        raise InputError(
            f"{path} holds another {attributes['kind']} and is not overwritten unless asked"
            f" (overwrite=True, or --force): {printable(found)}"
        )
    warn_of_versions(path, attributes)


def warn_of_versions(path: Path, attributes: Mapping[str, Any]) -> None:
    """Say so if a file that is gone on with was begun with other versions."""
    made, now = (json.loads(text) for text in (attributes["versions"], _versions()))
    if made != now:
        there = {name: shown(made.get(name)).strip("'") for name in now}
        changed = ", ".join(f"{name} {there[name]} -> {now[name]}" for name in now if made.get(name) != now[name])
        warnings.warn(f"{path} was begun with other versions ({changed}): the last bits may differ", stacklevel=4)


def difference(there: object, here: object, name: str = "") -> str | None:
    """The first place in which two descriptions differ, in words; None if they are the same."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in [*there, *(key for key in here if key not in there)]:
            found = difference(there.get(key), here.get(key), f"{name}.{key}" if name else key)
            if found is not None:
                return found
        return None
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here) > 0:
        return next(
            (d for j, pair in enumerate(zip(there, here, strict=True)) if (d := difference(*pair, f"{name}[{j}]"))),
            None,
        )
    return None if there == here else f"{name} is {_short(there)} there and {_short(here)} here"


def _short(value: object) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "nested without end"
    return text if len(text) <= 60 else f"{text[:57]}…"
