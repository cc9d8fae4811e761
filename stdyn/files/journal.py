"""A file whose changes reach the disk all at once or not at all, whatever kills the process or fills the disk.

HDF5 changes a file in place, in many small writes: killed between two of them, or out of room, it leaves a file that
may not open. Here it writes into memory. `commit` appends what is new behind the old end of the file, where nothing
refers to it yet, then writes every old page that changes into a journal beside the file, and only when the journal is
whole on the disk changes the pages themselves. A whole journal found at opening is carried out again; a torn one is
dropped, for then no old page had been touched.
"""

import contextlib
import errno
import hashlib
import io
import os
import shutil
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from stdyn.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: a second writer is not noticed
    fcntl = None  # type: ignore[assignment]

_PAGE = 2**12
_MAGIC = b"stdyn journal 1\n"
_HEADER = struct.Struct("<QQQ")  # inode of the file, its size after the commit, number of pages
_QUIET = 0.05  # seconds after which a commit is over; many times the resolution of a file's time
_NUMBER = struct.Struct("<Q")
LONGEST_NAME = 255  # bytes of a name, on nearly every file system


class JournaledFile(io.RawIOBase):
    """A binary file for reading and, with `writable`, for writing in memory until `commit`.

    Only one process can have a file open for writing: a second one gets an InputError. Whoever opens it for reading
    sees the state of the last commit; `settled` tells whether there has been another one.
    """

    def __init__(self, path: Path, writable: bool = False) -> None:
        super().__init__()
        self.path, self.journal = path, journal_of(path)
        self._file = open(path, "r+b" if writable else "rb", buffering=0)  # noqa: SIM115  (closed by close)
        self._writable, self._at = writable, 0
        self._pages: dict[
            int, bytearray
        ] = {}  # number of a page -> what it is to hold; what is not here is on the disk
        try:
            if writable:
                self._lock()
            self._committed = self._valid = self._size = os.fstat(self._file.fileno()).st_size
            self._recover()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            lock(self._file)
        except BlockingIOError:
            raise InputError(f"{self.path} is being written by another process, or read by one right now") from None
        except OSError:  # a file system without locks
            return

    # -----------------------------------------------------------------------------------------------------------------
    # What HDF5 sees

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self._writable

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        target = memoryview(buffer).cast("B")
        count = max(0, min(len(target), self._size - self._at))
        there = max(0, min(count, self._valid - self._at))
        self._file.seek(self._at)
        _read_into(self._file, target[:there])
        if there < count:
            target[there:count] = bytes(count - there)
        if self._pages:
            for number, inside, outside in _parts(self._at, count):
                if number in self._pages:
                    target[outside] = self._pages[number][inside]
        self._at += count
        return count

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        source = memoryview(data).cast("B")
        for number, inside, outside in _parts(self._at, len(source)):
            if number not in self._pages:
                self._pages[number] = self._page(number)
            self._pages[number][inside] = source[outside]
        self._at += len(source)
        self._size = max(self._size, self._at)
        return len(source)

    def _page(self, number: int) -> bytearray:
        page = bytearray(_PAGE)
        self._file.seek(number * _PAGE)
        _read_into(self._file, memoryview(page)[: max(0, self._valid - number * _PAGE)])
        return page

    def truncate(self, size: int | None = None) -> int:
        self._size = self._at if size is None else size
        self._valid = min(self._valid, self._size)
        last, rest = divmod(self._size, _PAGE)
        self._pages = {number: page for number, page in self._pages.items() if number * _PAGE < self._size}
        if last in self._pages:
            self._pages[last][rest:] = bytes(_PAGE - rest)
        return self._size

    # -----------------------------------------------------------------------------------------------------------------
    # Onto the disk

    def commit(self) -> None:
        """Make everything that was written since the last commit permanent.

        Where an OSError is raised (the disk is full), a file opened anew holds the old state, or the new one if only
        the last step failed. Where somebody has removed or moved the file it is made anew.
        """
        gone = None if self._is_there() else self._make_anew()
        self._commit()
        if gone is not None:
            raise gone

    def _commit(self) -> None:
        if not self._pages and self._size == self._committed:
            return
        for number in range(self._valid // _PAGE, -(-min(self._size, self._committed) // _PAGE)):
            self._pages.setdefault(number, self._page(number))  # cut off and grown again: zeros
        old = {number: page for number, page in self._pages.items() if number * _PAGE < self._committed}
        try:
            self._put({number: page for number, page in self._pages.items() if number not in old})
            if self._size > self._committed:
                self._file.truncate(self._size)
            os.fsync(self._file.fileno())
            self._write_journal(old)
        except BaseException:
            with contextlib.suppress(OSError):
                self.journal.unlink(missing_ok=True)
                self._file.truncate(self._committed)
            raise
        self._apply(old)
        self._pages.clear()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False

    def _make_anew(self) -> OSError | None:
        """Have the file of the last commit at its place again, or elsewhere, with an OSError, if it cannot be there."""
        gone: OSError | None = None
        try:
            anew = open(os.path.realpath(self.path), "x+b", buffering=0)  # noqa: SIM115  (closed by close)
        except OSError as error:
            place = elsewhere(self.path)
            anew = open(place, "x+b", buffering=0)  # noqa: SIM115
            self.path, self.journal = place, journal_of(place)
            why = "another file is in its place" if isinstance(error, FileExistsError) else error.strerror
            gone = OSError(error.errno, f"{why}; what was to be in it is in {place}")
        with contextlib.suppress(OSError):
            lock(anew)
        os.chmod(self.path, stat.S_IMODE(os.fstat(self._file.fileno()).st_mode))
        self._file.seek(0)
        shutil.copyfileobj(self._file, anew, 2**20)
        self._file.close()
        self._file = anew
        return gone

    def _put(self, pages: dict[int, bytearray]) -> None:
        """Write pages, those that follow each other at once."""
        numbers = sorted(pages)
        starts = [at for at, number in enumerate(numbers) if at == 0 or numbers[at - 1] != number - 1]
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True) if starts else ():
            first = numbers[start] * _PAGE
            self._file.seek(first)
            _write(self._file, memoryview(b"".join(pages[n] for n in numbers[start:end]))[: self._size - first])

    def _apply(self, pages: dict[int, bytearray]) -> None:
        self._put(pages)
        self._file.truncate(self._size)
        os.fsync(self._file.fileno())
        self._committed = self._valid = self._size
        self.journal.unlink(missing_ok=True)

    def _write_journal(self, pages: dict[int, bytearray]) -> None:
        inode = os.fstat(self._file.fileno()).st_ino
        body = _HEADER.pack(inode, self._size, len(pages))
        body += b"".join(_NUMBER.pack(number) + page for number, page in sorted(pages.items()))
        with self._new_journal() as file:
            _write(file, memoryview(_MAGIC + hashlib.sha256(body).digest() + body))
            os.fsync(file.fileno())

    def _new_journal(self) -> io.FileIO:
        """The journal, made anew: what is at its name, be it a link to somewhere else, is not written to."""
        with contextlib.suppress(FileExistsError):
            return open(self.journal, "xb", buffering=0)
        self.journal.unlink(missing_ok=True)
        return open(self.journal, "xb", buffering=0)

    def _recover(self) -> None:
        """Take over a commit cut off after its journal was whole: into memory and, if writable, onto the disk."""
        body = self._whole_journal()
        if body is not None:
            _, self._size, count = _HEADER.unpack_from(body)
            step = _NUMBER.size + _PAGE
            for at in range(_HEADER.size, _HEADER.size + count * step, step):
                (number,) = _NUMBER.unpack_from(body, at)
                self._pages[number] = bytearray(body[at + _NUMBER.size : at + step])
        if self._writable:
            if self._pages:
                self._apply(self._pages)
                self._pages.clear()
            if os.path.lexists(self.journal):
                self.journal.unlink(missing_ok=True)

    def _whole_journal(self) -> bytes | None:
        """What a journal holds, if there is a whole one of this file: it changes pages that the file has."""
        try:
            with open(self.journal, "rb", buffering=0, opener=_open_regular) as file:
                there = os.fstat(self._file.fileno())
                start = file.read(len(_MAGIC) + 32)
                header = file.read(_HEADER.size)
                if start[: len(_MAGIC)] != _MAGIC or len(header) < _HEADER.size:
                    return None
                inode, size, count = _HEADER.unpack(header)
                length = count * (_NUMBER.size + _PAGE)
                fits = size <= there.st_size and count <= -(-size // _PAGE)
                if inode != there.st_ino or not fits or os.fstat(file.fileno()).st_size != file.tell() + length:
                    return None
                pages = bytearray(length)
                _read_into(file, memoryview(pages))
        except FileNotFoundError:
            return None
        body = header + bytes(pages)
        numbers = range(_HEADER.size, len(body), _NUMBER.size + _PAGE)
        inside = all(_NUMBER.unpack_from(body, at)[0] * _PAGE < size for at in numbers)
        return body if inside and hashlib.sha256(body).digest() == start[len(_MAGIC) :] else None

    def close(self) -> None:
        """Close without a commit: what was not committed is dropped."""
        self._file.close()
        super().close()


def _open_regular(path: str, flags: int) -> int:
    """Open a file, but no link, and without waiting for the other end of a pipe; nothing else is there for us."""
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # a link, or a socket
            raise FileNotFoundError from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError
    return descriptor


def elsewhere(path: Path) -> Path:
    """A path in the folder for temporary files for what cannot be written to `path`; nothing is there yet."""
    stem = os.fsencode(path.stem)[:100].decode(errors="ignore")
    return Path(tempfile.gettempdir()) / f"{stem}_{uuid4().hex[:8]}{path.suffix[:20]}"


def journal_of(path: Path) -> Path:
    """Where the journal of a file stands while a commit is under way: beside the file itself, not a link to it."""
    path = Path(os.path.realpath(path))
    name = f".{path.name}.journal"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()}.journal"
    return path.with_name(name)


def lock(file: io.FileIO) -> None:
    """Lock a file for this process; BlockingIOError if another one has it, another OSError if there are no locks."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def settled(path: Path) -> tuple[int, int]:
    """Time and size of a file, after waiting for a commit that is under way: another commit changes them."""
    with open(path, "rb", buffering=0) as file:
        for _ in range(100):
            found = os.fstat(file.fileno())
            if abs(time.time() - found.st_mtime) > _QUIET or not is_locked(file):
                break
            time.sleep(_QUIET)
    return found.st_mtime_ns, found.st_size


def is_locked(file: io.FileIO) -> bool:
    """Whether a process has the file open for writing."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _parts(at: int, count: int) -> Iterator[tuple[int, slice, slice]]:
    """The pages that the bytes from `at` on lie in: (number, where in the page, where in the bytes)."""
    end = at + count
    for number in range(at // _PAGE, -(-end // _PAGE)):
        first, last = max(at, number * _PAGE), min(end, (number + 1) * _PAGE)
        yield number, slice(first - number * _PAGE, last - number * _PAGE), slice(first - at, last - at)


def _read_into(file: io.FileIO, target: memoryview) -> int:
    """Read until the target is full or the file ends; the number of bytes read."""
    done = 0
    while done < len(target):
        count = file.readinto(target[done:])
        if not count:
            break
        done += count
    return done


def _write(file: io.FileIO, source: memoryview) -> None:
    while source:
        source = source[file.write(source) :]
