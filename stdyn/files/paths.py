"""Where files are written and read: what a path must be, and how a file gets to it as a whole."""

import errno
import hashlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from stdyn.errors import InputError, NotWritten
from stdyn.files.journal import LONGEST_NAME, elsewhere, is_locked, lock
from stdyn.stopping import uninterrupted

NOWHERE = "nor could it be kept in a folder for temporary files"
ROOM = 2**16  # bytes that must have room where something is to be written, before work starts
_ALWAYS = 2**28  # bytes of memory that the values of a file may take in which most may still be to come
_WHOLE = 2**23  # bytes of memory that those of any other file may take
_TIMES = 64  # the size of the file, which those of a larger one may take


def largest(size: int, whole: bool = False) -> int:
    """The bytes of memory that what a file of some size declares may take: see docs/format.md.

    `whole` files are written at once, so that nothing in them is still to come.
    """
    return max(_WHOLE if whole else _ALWAYS, _TIMES * size)


def check_target(path: str | os.PathLike[str], overwrite: bool, room: int = 0) -> Path:
    """`path`, if a file can be written there: no file there yet (unless `overwrite`), in a folder that can hold it.

    Where there is a link, that is where it leads to. `room` is how many bytes it must be possible to write there.
    """
    path = Path(path)
    size = len(os.fsencode(path.name))
    if size > LONGEST_NAME:
        check_folder(path.parent, path.name)
        raise InputError(f"{path} cannot be written: its name must have at most {LONGEST_NAME} bytes, but has {size}")
    real = _real(path)
    check_folder(real.parent, path.name, room)
    try:
        mode = _mode(real)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder; the name of a file was expected")
    if mode is not None and not stat.S_ISREG(mode):
        raise InputError(f"{path} is not a file, but a link to itself, a device or the like; a file was expected")
    if mode is not None and not overwrite:
        raise InputError(f"{path} exists and is not overwritten unless asked (overwrite=True, or --force)")
    return path


def exists(path: Path) -> bool:
    """Whether something is at `path`; refuses where nothing can be."""
    try:
        return path.exists()
    except PermissionError:
        raise InputError(f"the folder {path.parent} cannot be searched: permission denied") from None
    except OSError as error:
        check_target(path, overwrite=True)  # which knows more
        raise InputError(f"{path} cannot be reached: {error.strerror}") from None
    except ValueError:  # a zero byte
        return False


def check_not_locked(path: Path) -> None:
    """Refuse to replace a file that another process is writing point by point."""
    with suppress(OSError), open(path, "rb", buffering=0) as file:
        if is_locked(file):
            raise InputError(f"{path} is being written by another process")


def _real(path: Path) -> Path:
    """Where a link leads to, or the path itself; what is in its way is said later."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _mode(path: Path) -> int | None:
    """What is at a path that is no link, or a link to itself; None if nothing is."""
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_folder(folder: Path, name: str, room: int = 0) -> None:
    """Refuse a folder that cannot take the file `name`, of `room` bytes; nothing is left there, even by a kill.

    So many are written up to `ROOM`, as quotas and limits on the size of files are known to nobody else.
    """
    try:
        found = folder.is_dir()
    except PermissionError:
        raise InputError(f"the folder {folder} cannot be searched (wanted for {name})") from None
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be reached: {error.strerror} (wanted for {name})") from None
    if not found:
        raise InputError(f"the folder {folder} does not exist (wanted for {name})")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if room:
                file.write(os.urandom(min(room, ROOM)))  # zeros may be compressed
                file.flush()
                os.fsync(file.fileno())
        total, _, free = shutil.disk_usage(folder) if room > ROOM else (0, 0, 0)
    except OSError as error:
        wanted = f"{name}, {min(room, ROOM)} bytes were tried" if room else name
        raise InputError(f"the folder {folder} cannot be written to: {error.strerror} (wanted for {wanted})") from None
    if total and free < room:
        raise InputError(f"the folder {folder} has no room for {name}: {room} bytes are needed, but {free} are free")


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


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Keep for this process a file that is to be written; refused if another one has it.

    By a lock, which ends with the process whatever ends it, on a hidden file beside it, which the next one takes over.
    Where the file system has no locks, a second writer is not noticed.
    """
    real = _real(path)
    name = hashlib.sha256(os.fsencode(real.name)).hexdigest()[:32]
    beside = real.with_name(f".{name}.lock")
    found: io.FileIO | int = 0
    try:
        try:
            with uninterrupted():  # what is locked is known here, and let go
                found = _locked(beside)
            if found == errno.EWOULDBLOCK:
                raise InputError(f"{path} is being written by another process")
            yield
        finally:
            _let_go(beside, found)
    finally:
        _let_go(beside, found)  # if a signal came as that began


def _locked(path: Path) -> io.FileIO | int:
    """The file, locked, or the number of an error. One that was removed as it was waited for is not taken."""
    while True:
        try:
            file = open(path, "ab", buffering=0)  # noqa: SIM115  (closed by the caller)
        except OSError as error:
            return error.errno or errno.EIO
        try:
            lock(file)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError:
            file.close()
            return errno.EWOULDBLOCK
        except OSError as error:
            file.close()
            return error.errno or errno.EIO
        file.close()


def _let_go(path: Path, file: io.FileIO | int) -> None:
    """Remove a locked file, unless that is done."""
    if isinstance(file, int) or file.closed:
        return
    with uninterrupted():
        path.unlink(missing_ok=True)
        file.close()


def temporary(path: Path) -> Path:
    """Where a file is written before it is moved to its name: beside it, or beside what it is a link to."""
    return _real(path).with_name(f".{uuid4().hex}.tmp")


def replace(new: Path, path: Path) -> None:
    """Move a file to `path`, or to where this is a link to, in the place, mode and group of what is there."""
    real = _real(path)
    with suppress(FileNotFoundError):
        there = os.stat(real)
        for owner in (there.st_uid, -1):
            with suppress(OSError, AttributeError):  # only root may give files away, and Windows knows neither
                os.chown(new, owner, there.st_gid)
                break
        os.chmod(new, stat.S_IMODE(there.st_mode))
    os.replace(new, real)


def move_into_place(image: io.BytesIO, path: Path, overwrite: bool, is_result: bool = True) -> Path:
    """Write a file under a temporary name and move it to `path`: a kill leaves the old file or the new one.

    Signals wait until it is done.

    Raises
    ------
    NotWritten
        If it cannot be written. Then it is in the folder for temporary files, if that has room and it `is_result`.
    """
    with uninterrupted():
        written = temporary(path)
        try:
            _write_new(written, image)
            try:
                check_target(path, overwrite)  # once more: somebody may have made it in the meantime
                replace(written, path)
            finally:
                written.unlink(missing_ok=True)
        except (OSError, InputError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            said = f"{path} cannot be written: {why}"
            raise (_elsewhere(image, path, why) if is_result else NotWritten(said, why=why)) from error
    return path


def _elsewhere(image: io.BytesIO, path: Path, why: str) -> NotWritten:
    """Keep what cannot be written where it should be in the folder for temporary files."""
    said = f"{path} cannot be written: {why}"
    try:
        instead = elsewhere(path)
    except OSError:  # Python finds no folder that it can write to
        return NotWritten(f"{said}; {NOWHERE}", why=why)
    try:
        _write_new(instead, image)
    except OSError as error:
        return NotWritten(f"{said}; nor can {instead}: {error.strerror}", why=why)
    return NotWritten(f"{said}; what was to be in it is in {instead}", instead, why)


def _write_new(path: Path, image: io.BytesIO) -> None:
    """Write a file that is not there yet, whole or not at all."""
    with open(path, "xb") as file:
        try:
            file.write(image.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
