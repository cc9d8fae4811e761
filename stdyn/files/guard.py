"""What HDF5 is about to read of a file, looked at first: two kinds of damage make it loop or fill the memory.

Texts lie in collections ("GCOL"), and what refers to one says how long it is. HDF5 steps through a collection by the
lengths of what is in it, for ever if one is 0, and sets as much aside as the reference says, up to 4 GiB. (HDF5's
file format specification, version 3.0, III.E, IV.A.2.d and VIII.)
"""

import math
import re
import struct
from pathlib import Path

import numpy as np

from stdyn.errors import InputError
from stdyn.files.journal import JournaledFile

_STRUCTURE = 2**16  # bytes, at most, that HDF5 reads at a time of what is no array
_SMALL = 2**21  # bytes of a file that is looked at as a whole, some milliseconds
_COLLECTION = re.compile(rb"GCOL\x01\0\0\0(.{8})", re.DOTALL)
_READS = 2**12  # that are kept in mind
_COLLECTION_START = 16  # bytes of that
_REFERENCE = struct.Struct("<IQI")  # bytes or elements, address of the collection, number in it

# A type of variable length: class 9 and version; elements or a text. In an attribute there is in front of it: version,
# flags, sizes of name, type and shape (in version 3: coding of the name), name. In version 1 each is filled to 8 bytes.
_TYPE = re.compile(rb"[\x19\x29\x39\x49\x59](?<=\0.)[\x00\x01\x11\x21][\0\x01]\0", re.DOTALL)
_START = re.compile(
    rb"(?:[\x01\x02][\0-\x03].\0.\0.\0|\x03[\0-\x03].\0.\0.\0[\0\x01])(?P<name>[^\0]{1,254})\0{1,8}\Z", re.DOTALL
)
_SIZES = struct.Struct("<BxHHH")
_LONGEST = 2**9  # bytes of all that is in front


class GuardedFile(JournaledFile):
    """A file that is read by HDF5, and refused where HDF5 would loop or fill the memory."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        self.watching = True  # not, while numbers are read
        self._whole = False  # attributes of all of the file have been looked at
        self._sound: set[int] = set()  # addresses of collections
        self._tail = (0, b"")  # where the last read ended, and its last bytes
        self._read: list[tuple[int, int]] = []  # where attributes may be that were not looked at
        super().__init__(path, writable)

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        at = self._at
        count = super().readinto(buffer)
        if self.watching and count <= _STRUCTURE:
            end, tail = self._tail
            seen = (tail if end == at else b"") + bytes(memoryview(buffer).cast("B")[:count])
            self._tail = at + count, seen[-_COLLECTION_START:]
            self._read.append((at, at + count))
            if len(self._read) > _READS:
                self.check_attributes()
            for found in _COLLECTION.finditer(seen):
                self._check_collection(at + count - len(seen) + found.start(), *struct.unpack("<Q", found[1]))
        return count

    def check_attributes(self) -> None:
        """Look at what HDF5 has read since the last time, before it is told to read a text or list in an attribute.

        The first time at the whole of a small file: HDF5 may have read of it what was not watched.
        """
        if not self._whole and self._size <= _SMALL:
            self._read, self._whole = [(0, self._size)], True
        while self._read:
            self._read.sort()
            start, end = self._read.pop(0)
            while self._read and self._read[0][0] <= end:
                end = max(end, self._read.pop(0)[1])
            seen = self.peek(start, end - start)
            for found in _TYPE.finditer(seen):
                first = max(0, found.start() - _LONGEST)
                attribute = _START.search(seen[first : found.start()])
                if attribute:
                    self._check_attribute(start + first + attribute.start(), attribute)

    @property
    def size(self) -> int:
        """The bytes that it has."""
        return self._size

    def peek(self, at: int, count: int) -> bytes:
        """Some bytes of the file, as far as it has them."""
        there, self._at = self._at, at
        target = bytearray(max(0, min(count, self._size - at)))
        try:
            return bytes(target[: super().readinto(target)])
        finally:
            self._at = there

    def _check_collection(self, address: int, size: int) -> None:
        if address in self._sound:
            return
        if address + size > self._size:
            self._refuse(f"texts at byte {address} that would end at byte {address + size}")
        words = np.frombuffer(self.peek(address, size), "<u8", size // 8)
        # Of every word, as if an object began there:
        sizes, is_free, end = words[1:], words[:-1] & 0xFFFF == 0, len(words)
        nowhere = is_free & ((sizes < 16) | (sizes & 7 != 0)) | (sizes > size)
        steps = np.where(is_free, sizes, sizes + 23) // 8
        after = np.where(nowhere, end, np.arange(end - 1, dtype=np.uint64) + steps).tolist() if end else []
        at = start = 2
        while at + 2 <= end:
            start, at = at, after[at]
        if at > end or (start < len(nowhere) and nowhere[start]):
            self._refuse(f"a text of {sizes[start]} bytes at byte {address + 8 * start}, where it has no place")
        self._sound.add(address)

    def _check_attribute(self, address: int, found: re.Match[bytes]) -> None:
        version, of_name, of_type, of_shape = _SIZES.unpack_from(found[0])
        if of_name != len(found["name"]) + 1:
            return
        sizes = [-(-size // 8) * 8 if version == 1 else size for size in (of_name, of_type, of_shape)]
        shape_at = address + _SIZES.size + (version == 3) + sum(sizes[:2])
        content = self.peek(shape_at, sizes[2] + 16 * 2**5)
        shape_version, rank, flags = (*content[:3], 0, 0, 0)[:3]
        start = {1: 8, 2: 4}.get(shape_version, 0)
        if not start or of_shape != start + 8 * rank * (1 + (flags & 1)):
            return
        number = math.prod(struct.unpack_from(f"<{rank}Q", content, start))
        for at in range(sizes[2], min(len(content) - 15, sizes[2] + 16 * number), 16):
            length = _REFERENCE.unpack_from(content, at)[0]
            if length > self._size:
                self._refuse(f"a text of {length} bytes in an attribute at byte {shape_at + at}")

    def _refuse(self, what: str) -> None:
        raise InputError(f"{self.path} is a damaged HDF5 file: it has {self._size} bytes, but {what}")
