"""What is taken from an HDF5 file that anybody may have written: values of its own, and not more than it can hold.

Nothing leads out of the file: no link, external storage or virtual data set is followed. What is declared is compared
with the size of the file before room is made for it (docs/format.md).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stdyn.errors import InputError

Points = int | slice | Sequence[int] | np.ndarray | tuple[()]  # some of the points; () are all

ALWAYS = 2**29  # bytes of memory that the values of any file may take
TIMES = 64  # the size of the file, which those of a larger one may take
_NUMBERS = 2**10  # in an attribute, at most
_TEXT = 64  # bytes of memory for a text, and those of its letters

# Gzip, shuffle and Fletcher's checksum, as in netCDF, and h5py's LZF. Others set aside what the file tells them to.
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


def attribute(owner: h5py.File | h5py.Dataset, name: str) -> Any:
    """An attribute as a value of Python: number, text, or list of numbers; None for anything else, which is not ours.

    A vector of one is its element, as netCDF libraries make one of every number.
    """
    found = h5py.h5a.open(owner.id, name.encode(errors="surrogateescape"))
    kind, space = found.get_type().get_class(), found.get_space()
    if kind not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM, h5py.h5t.STRING):
        return None
    is_text = kind == h5py.h5t.STRING
    if is_text and space.get_simple_extent_type() == h5py.h5s.NULL:
        return ""
    size = space.get_simple_extent_npoints()
    if not 1 <= size <= (1 if is_text else _NUMBERS):
        return None
    value = np.asarray(owner.attrs[name]).ravel().tolist()
    if is_text:
        return decoded(value[0])
    return value[0] if size == 1 else value


def attributes(file: h5py.File) -> dict[str, Any]:
    """All attributes of a file that are numbers or texts."""
    names: list[bytes] = []
    h5py.h5a.iterate(file.id, lambda name, *_: names.append(name))
    found = {name: attribute(file, name) for name in (each.decode(errors="surrogateescape") for each in names)}
    return {name: value for name, value in found.items() if value is not None}


def decoded(text: bytes | str) -> str:
    """A text of a file; what is no UTF-8 in it is replaced."""
    if isinstance(text, str):
        text = text.encode(errors="surrogateescape")
    return text.decode(errors="replace").rstrip("\0")


def is_readable(dataset: h5py.Dataset) -> bool:
    """Whether a data set holds numbers or texts."""
    return dataset.shape is not None and (dataset.dtype.kind in "biufcS" or _is_text(dataset))


def _is_text(dataset: h5py.Dataset) -> bool:
    return h5py.check_string_dtype(dataset.dtype) is not None


def is_counted(dataset: h5py.Dataset) -> bool:
    """Whether it is an axis of netCDF's that has no values: they are 0, 1, …"""
    return "NAME" in dataset.attrs and str(attribute(dataset, "NAME")).startswith(_NO_VARIABLE)


def check_inside(path: Path, name: str, dataset: h5py.Dataset) -> None:
    """Refuse values that are not in this file, or are coded in a way that is not read."""
    made = dataset.id.get_create_plist()
    if made.get_layout() == h5py.h5d.VIRTUAL:
        raise InputError(
            f"{path} holds {name!r} as a virtual data set, the values of which are in other files: not followed"
        )
    if made.get_layout() != h5py.h5d.CHUNKED and made.get_external_count():
        raise InputError(
            f"{path} holds {name!r} in external storage, {made.get_external(0)[0]!r}, which is not followed"
        )
    for filter_ in (made.get_filter(j) for j in range(made.get_nfilters())):
        if filter_[0] not in _FILTERS:
            raise InputError(
                f"{path} holds {name!r} coded by HDF5's filter {filter_[0]} ({filter_[3]!r}), which is not read"
            )


def count(path: Path, name: str, dataset: h5py.Dataset, points: Points) -> int:
    """How many values of a data set these points have."""
    if isinstance(points, tuple) and points == ():
        return math.prod(dataset.shape)
    if not dataset.shape:
        raise InputError(f"{path} holds one value of {name!r}, and no points")
    n, rest = dataset.shape[0], math.prod(dataset.shape[1:])
    if isinstance(points, slice):
        return len(range(*points.indices(n))) * rest
    wanted = np.atleast_1d(points)
    if wanted.dtype == bool:
        return int(wanted.sum()) * rest
    if wanted.size and not (-n <= wanted.min() and wanted.max() < n):
        raise InputError(f"{path} holds {n} points of {name!r}, but point {wanted.max()} was asked for")
    return wanted.size * rest


def memory(dataset: h5py.Dataset, values: int) -> int:
    """The bytes that it takes to read so many values: theirs, or those of a chunk that holds some of them."""
    of_one = _TEXT if _is_text(dataset) else dataset.dtype.itemsize
    chunk = math.prod(dataset.chunks) if dataset.chunks and values else 0
    return max(values, chunk) * of_one


def values(dataset: h5py.Dataset, points: Points) -> Any:
    """Some values of a data set: numbers in the machine's byte order, texts as str."""
    if _is_text(dataset):
        return _decoded_all(dataset[points])
    found = dataset[points]
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def _decoded_all(texts: Any) -> Any:
    if not isinstance(texts, np.ndarray):
        return decoded(texts)
    return np.array([decoded(text) for text in texts.ravel()] + [None], dtype=object)[:-1].reshape(texts.shape)
