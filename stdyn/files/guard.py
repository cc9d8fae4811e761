"""What HDF5 is about to read of a file, looked at first: two kinds of damage make it loop or fill the memory.

Texts lie in collections ("GCOL"), and what refers to one says how long it is. HDF5 steps through a collection by the
lengths of what is in it, for ever if one is 0, and sets as much aside as the reference says, up to 4 GiB. (HDF5's
file format specification, version 3.0, III.E, IV.A.2.d and VIII.)
"""

import math
import re
import struct

from stdyn.errors import InputError
from stdyn.files.journal import JournaledFile

_STRUCTURE = 2**16  # bytes, at most, that HDF5 reads at a time of what is no array
_COLLECTION = re.compile(rb"GCOL\x01\0\0\0(.{8})", re.DOTALL)
_OBJECT = struct.Struct("<HH4xQ")  # number, references to it, bytes
_REFERENCE = struct.Struct("<IQI")  # bytes or elements, address of the collection, number in it

# A datatype of variable length in an attribute: class 9 and version, what it is (a text, or elements), size; the type
# of its elements, a character's or a reference's, which may be filled up to 8 bytes; the shape, version 1 or 2.
_ATTRIBUTE = re.compile(
    rb"[\x19\x29\x39\x49\x59][\x00\x01\x10\x11\x20\x21][\0\x01].{5}(?:[\x10\x20\x30\x40\x50].{7}.{4}(?:\0{4})?|[^\x10\x20\x30\x40\x50].{7})"
    rb"(?:\x01(?P<rank1>[\0-\x20])(?P<more1>[\0\x01]).{5}|\x02(?P<rank2>[\0-\x20])(?P<more2>[\0\x01])[\0\x01])",
    re.DOTALL,
)
_REACH = 2**11  # bytes that such a thing may have, at most


class GuardedFile(JournaledFile):
    """A file that is read by HDF5, and refused where HDF5 would loop or fill the memory."""

    def __init__(self, path, writable: bool = False) -> None:  # type: ignore[no-untyped-def]
        self._sound: set[int] = set()  # addresses of collections
        self._before = (0, b"")  # where the last read ended, and its last bytes
        super().__init__(path, writable)

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        at = self._at
        count = super().readinto(buffer)
        if count <= _STRUCTURE:
            end, tail = self._before
            if end != at:
                tail = b""
            seen = tail + bytes(memoryview(buffer).cast("B")[:count])
            self._before = at + count, seen[-64:]
            for found in _COLLECTION.finditer(seen):
                self._check_collection(at - len(tail) + found.start(), *struct.unpack("<Q", found[1]))
            for found in _ATTRIBUTE.finditer(seen):
                self._check_attribute(at - len(tail), found)
        return count

    def peek(self, at: int, count: int) -> bytes:
        """Some bytes of the file."""
        there, self._at = self._at, at
        target = bytearray(count)
        try:
            return bytes(target[: super().readinto(target)])
        finally:
            self._at = there

    def _check_collection(self, address: int, size: int) -> None:
        if address in self._sound:
            return
        if address + size > self._size:
            self._refuse(f"texts at byte {address} that would end at byte {address + size}")
        content, at = self.peek(address, size), 16
        while at + _OBJECT.size <= size:
            number, _, length = _OBJECT.unpack_from(content, at)
            step = length if number == 0 else _OBJECT.size + 8 * -(-length // 8)
            if step < _OBJECT.size or at + step > size:
                self._refuse(
                    f"a text of {length} bytes at byte {address + at}, in a collection that ends {size - at} on"
                )
            at += step
        self._sound.add(address)

    def _check_attribute(self, start: int, found: re.Match[bytes]) -> None:
        version = 1 if found["rank1"] is not None else 2
        rank, more = found[f"rank{version}"][0], found[f"more{version}"][0]
        here = start + found.end()
        lengths = 8 * rank * (1 + more)
        content = self.peek(here, lengths + 16 * _REACH)
        if len(content) < lengths:
            return
        number = math.prod(struct.unpack_from(f"<{rank}Q", content))
        for at in range(lengths, min(len(content) - 15, lengths + 16 * number), 16):
            length = _REFERENCE.unpack_from(content, at)[0]
            if length > self._size:
                self._refuse(f"a text of {length} bytes in an attribute at byte {here + at}")

    def _refuse(self, what: str) -> None:
        raise InputError(f"{self.path} is a damaged HDF5 file: it has {self._size} bytes, but {what}")
