"""Files of arrays of bytes in the IDX form, that of MNIST, compressed or not."""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stdyn.errors import InputError
from stdyn.files.paths import largest

Bytes = NDArray[np.uint8]


def content_of(path: Path, ndim: int) -> bytes:
    """The uncompressed bytes of an IDX file: as many as it declares, and one more if there are more."""
    try:
        with open(path, "rb") as raw:
            packed = os.fstat(raw.fileno()).st_size
            is_gzip = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if is_gzip else raw as file:
                header = file.read(4 + 4 * ndim)
                shape = _shape(path, header, ndim)
                size = math.prod(shape)
                if size > largest(packed):
                    raise InputError(
                        f"{path} has {packed} bytes, but declares the shape {shape}, {size} bytes: more than a file of"
                        f" this size has reason to, {largest(packed)}"
                    )
                return header + file.read(size + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged or cut off: {error}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _shape(path: Path, header: bytes, ndim: int) -> tuple[int, ...]:
    """That of the array in an IDX file of unsigned bytes: 0, 0, 8, number of axes, their lengths (big-endian)."""
    if header[:4] != bytes([0, 0, 8, ndim]):
        raise InputError(
            f"{path} is no IDX file of bytes with {ndim} axes: it begins with {header[:4].hex() or 'nothing'}"
        )
    return tuple(int.from_bytes(header[at : at + 4], "big") for at in range(4, 4 + 4 * ndim, 4))


def array_in(path: Path, content: bytes, ndim: int) -> Bytes:
    """The array in an IDX file of unsigned bytes, which follow its header."""
    shape, start = _shape(path, content, ndim), 4 + 4 * ndim
    size = math.prod(shape)
    if len(content) != start + size:
        raise InputError(
            f"{path} must have {start + size} bytes with shape {shape}, but has "
            + ("more (too many)" if len(content) > start + size else f"{len(content)} (it is cut off)")
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
