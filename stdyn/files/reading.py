"""What is taken from an HDF5 file that anybody may have written: values of its own, and not more than it can hold.

Nothing leads out of the file: no link, external storage or virtual data set is followed. What is declared is compared
with the size of the file before room is made for it (docs/format.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5s, h5t, h5z

Points = int | slice | Sequence[int] | np.ndarray | tuple[()]  # some of the points; () are all

ALWAYS = 2**29  # bytes of memory that the values of any file may take
TIMES = 64  # the size of the file, which those of a larger one may take

_NUMBERS = 2**10  # in an attribute, at most
_TEXT = 64  # bytes of memory for a short text
_NUMERIC = (h5t.INTEGER, h5t.FLOAT, h5t.ENUM)
# Gzip, shuffle and Fletcher's checksum, as in netCDF, and h5py's LZF. Others set aside what the file tells them to.
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


class NotRead(Exception):
    """Why something in a file is not read."""


# ---------------------------------------------------------------------------------------------------------------------
# Attributes


def attributes(owner: h5py.File) -> dict[str, Any]:
    """All attributes that are numbers or texts, as values of Python."""
    names: list[bytes] = []
    h5a.iterate(owner.id, lambda name, *_: names.append(name))
    found = {decoded(name): attribute(owner.id, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def attribute(owner: Any, name: bytes) -> Any:
    """An attribute as a number, text, or list of numbers; None if there is none, or it holds anything else.

    A vector of one is its element, as netCDF libraries make one of every number.
    """
    if not h5a.exists(owner, name):
        return None
    found = h5a.open(owner, name)
    kind, space = found.get_type().get_class(), found.get_space()
    if kind == h5t.STRING and space.get_simple_extent_type() == h5s.NULL:
        return ""
    size = space.get_simple_extent_npoints()
    if not (size == 1 if kind == h5t.STRING else kind in _NUMERIC and 1 <= size <= _NUMBERS):
        return None
    dtype = found.dtype
    values = np.zeros(found.shape, dtype)
    found.read(values, mtype=h5t.py_create(dtype))
    if kind == h5t.STRING:
        return decoded(values.item())
    return values.item() if size == 1 else values.ravel().tolist()


def decoded(text: bytes | str) -> str:
    """A text of a file; what is no UTF-8 in it is replaced."""
    if isinstance(text, str):
        text = text.encode(errors="surrogateescape")
    return text.decode(errors="replace")


# ---------------------------------------------------------------------------------------------------------------------
# Variables


@dataclass(frozen=True, eq=False)
class Variable:
    """A data set of numbers or texts.

    Attributes
    ----------
    dataset : h5py.Dataset
    shape : tuple of int
    dtype : numpy.dtype
        Of what `read` returns.
    is_text : bool
    is_counted : bool
        Whether it is an axis of netCDF's without values: they are 0, 1, …
    bytes_of_one, bytes_of_chunk : int
        The memory that a value takes, and a chunk of them.
    """

    dataset: h5py.Dataset
    shape: tuple[int, ...]
    dtype: np.dtype
    is_text: bool
    is_counted: bool
    bytes_of_one: int
    bytes_of_chunk: int

    def read(self, points: Points) -> Any:
        """Some values: numbers in the machine's byte order, texts as str."""
        if self.is_counted:
            return np.arange(self.shape[0])[points]
        found = self.dataset[points]
        if not self.is_text:
            return found.astype(self.dtype, copy=False)
        if not isinstance(found, np.ndarray):
            return decoded(found)
        texts = np.empty(found.size, object)
        texts[:] = [decoded(text) for text in found.flat]
        return texts.reshape(found.shape)

    def memory(self, points: Points = ()) -> int:
        """The bytes of memory that it takes to read some values."""
        count = self.count(points)
        return max(count * self.bytes_of_one, self.bytes_of_chunk if count else 0)

    def count(self, points: Points) -> int:
        """How many values some points have."""
        if isinstance(points, tuple) and points == ():
            return math.prod(self.shape)
        if not self.shape:
            raise NotRead("is one value, which has no points")
        n, of_each = self.shape[0], math.prod(self.shape[1:])
        if isinstance(points, slice):
            return len(range(*points.indices(n))) * of_each
        wanted = np.atleast_1d(points)
        if wanted.dtype == bool:
            return int(wanted.sum()) * of_each
        if wanted.size and not (-n <= wanted.min() and wanted.max() < n):
            raise NotRead(f"has {n} points, but point {wanted.max()} was asked for")
        return wanted.size * of_each


def variable(file: h5py.File, name: str) -> Variable | None:
    """The variable of this name; None if no data set at the root has it.

    Raises
    ------
    NotRead
        If it is not in this file, or nothing that stdyn writes.
    """
    key = name.encode(errors="surrogateescape")
    if "/" in name or name == "." or not file.id.links.exists(key):
        return None
    if file.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise NotRead("is a link to somewhere else, which is not followed")
    found = h5o.open(file.id, key)
    if not isinstance(found, h5d.DatasetID):
        return None
    _check_inside(found)
    dataset, shape, dtype = h5py.Dataset(found, readonly=file.mode == "r"), found.shape, found.dtype
    is_text = h5py.check_string_dtype(dtype) is not None
    if shape is None or not (is_text or dtype.kind in "biufc"):
        raise NotRead("holds neither numbers nor texts")
    of_one = _TEXT + dtype.itemsize if is_text else dtype.itemsize
    is_counted = dtype.str == ">f4" and len(shape) == 1 and _is_without_values(found)
    chunk = of_one * math.prod(dataset.chunks) if dataset.chunks and not is_counted else 0
    returned = np.dtype(object if is_text else np.int64 if is_counted else dtype.newbyteorder("="))
    return Variable(dataset, shape, returned, is_text, is_counted, 8 if is_counted else of_one, chunk)


def _is_without_values(dataset: h5d.DatasetID) -> bool:
    return str(attribute(dataset, b"NAME")).startswith(_NO_VARIABLE)


def _check_inside(dataset: h5d.DatasetID) -> None:
    """Refuse values that are not in this file, or are coded in a way that is not read."""
    made = dataset.get_create_plist()
    layout = made.get_layout()
    if layout == h5d.VIRTUAL:
        raise NotRead("is a virtual data set, the values of which are in other files, and not followed")
    if layout == h5d.CONTIGUOUS and made.get_external_count():
        raise NotRead(f"has its values in another file, {made.get_external(0)[0]!r}, which is not followed")
    for filter_ in (made.get_filter(j) for j in range(made.get_nfilters())):
        if filter_[0] not in _FILTERS:
            raise NotRead(f"is coded by HDF5's filter number {filter_[0]}, which is not read")
