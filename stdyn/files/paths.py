"""Where files are written and read: what a path must be, and how a file gets to it as a whole."""

import io
import os
import tempfile
from pathlib import Path
from uuid import uuid4

from stdyn.errors import InputError

_ALWAYS = 2**28  # bytes of memory that the values of a file may take in which most may still be to come
_WHOLE = 2**23  # bytes of memory that those of any other file may take
_TIMES = 64  # the size of the file, which those of a larger one may take
_TEMPORARY = ".{}.{}.tmp"  # where a file is written before it is moved to its name
_LONGEST = 255  # bytes of a name, on nearly every file system


def largest(size: int, whole: bool = False) -> int:
    """The bytes of memory that what a file of some size declares may take: see docs/format.md.

    `whole` files are written at once, so that nothing in them is still to come.
    """
    return max(_WHOLE if whole else _ALWAYS, _TIMES * size)


def check_target(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """`path`, if a file can be written there: no file there yet (unless `overwrite`), in a folder that can hold it."""
    path = Path(path)
    check_folder(path.parent, path.name)
    size, longest = len(os.fsencode(path.name)), _LONGEST - len(_TEMPORARY.format("", "0" * 32))
    if size > longest:
        raise InputError(f"{path} cannot be written: its name must have at most {longest} bytes, but has {size}")
    try:
        is_folder = path.is_dir()
        there = is_folder or path.exists()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    if is_folder:
        raise InputError(f"{path} is a folder; the name of a file was expected")
    if there and not overwrite:
        raise InputError(f"{path} exists and is not overwritten unless asked (overwrite=True, or --force)")
    return path


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder that cannot take the file `name`."""
    try:
        found = folder.is_dir()
    except PermissionError:
        raise InputError(f"the folder {folder} cannot be searched (wanted for {name})") from None
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be reached: {error.strerror} (wanted for {name})") from None
    if not found:
        raise InputError(f"the folder {folder} does not exist (wanted for {name})")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be written to: {error.strerror} (wanted for {name})") from None


def readable(path: str | os.PathLike[str]) -> Path:
    """`path`, if a file is there that may be read."""
    path = Path(path)
    try:
        is_file = path.is_file()
        there = is_file or path.exists()
    except OSError as error:
        raise InputError(f"{path} cannot be reached: {error.strerror}") from None
    if not is_file:
        raise InputError(f"{path} is not a file" if there else f"{path} is not there")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied")
    return path


def move_into_place(image: io.BytesIO, path: Path, overwrite: bool) -> Path:
    """Write a file under a temporary name and move it to `path`: a kill leaves the old file or the new one."""
    temporary = path.with_name(_TEMPORARY.format(path.name, uuid4().hex))
    try:
        with open(temporary, "xb") as target:
            target.write(image.getbuffer())
            target.flush()
            os.fsync(target.fileno())
        check_target(path, overwrite)  # once more: somebody may have made it in the meantime
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
