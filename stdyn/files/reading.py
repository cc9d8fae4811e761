"""What is taken from an HDF5 file that anybody may have written: values of its own, and not more than it can hold.

Nothing leads out of the file: no link, external storage or virtual data set is followed. What is declared is compared
with the size of the file before room is made for it (docs/format.md).
"""

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5s, h5t, h5z

from stdyn.files.guard import GuardedFile

Points = int | slice | Sequence[int] | np.ndarray | tuple[()]  # some of the points; () are all

_NUMBERS = 2**10  # in an attribute, at most
_NAME = 254  # bytes of the name of an attribute, at most
_AXES = 8  # of a text, at most
_TEXT = 64  # bytes of memory for a short text
_NUMERIC = (h5t.INTEGER, h5t.FLOAT, h5t.ENUM)
# Gzip, shuffle and Fletcher's checksum, as in netCDF, and h5py's LZF. Others set aside what the file tells them to.
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}
_PACKED = 2**19  # bytes of a chunk from which on it is looked at: gzip makes up to 1032 times as much of them
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])  # to a text
# Types of variable length as `encode` gives them: class 9 and version, what it is, 16 or 8 bytes; that of the elements.
_TEXTS = re.compile(
    rb"..[\x19\x29\x39\x49\x59][\x01\x11\x21][\0\x01]\0.{4}[\x10\x13\x20\x23\x30\x33].{3}\x01\0{3}", re.S
)
_LISTS = re.compile(rb"..[\x19\x29\x39\x49\x59]\0{3}.{4}[\x17\x27\x37\x47\x57]\0{3}\x08\0{3}", re.S)
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


class NotRead(Exception):
    """Why something in a file is not read."""


class NoAxes(NotRead):
    """A data set that does not belong to any axes: not one of ours."""


# ---------------------------------------------------------------------------------------------------------------------
# Attributes


def attributes(raw: GuardedFile, owner: h5py.File) -> dict[str, Any]:
    """All attributes that are numbers or texts, as values of Python, but for those of netCDF's own (_NCProperties)."""
    names: list[bytes] = []
    h5a.iterate(owner.id, lambda name, *_: names.append(name))
    found = {decoded(name): attribute(raw, owner.id, name) for name in names if not name.startswith(b"_")}
    return {name: value for name, value in found.items() if value is not None}


def attribute(raw: GuardedFile, owner: Any, name: bytes) -> Any:
    """An attribute as a number, text, or list of numbers; None if there is none, or it holds anything else.

    A vector of one is its element, as netCDF libraries make one of every number.
    """
    if len(name) > _NAME or not h5a.exists(owner, name):
        return None
    found = h5a.open(owner, name)
    type_, space = found.get_type(), found.get_space()
    is_text, size = type_.get_class() == h5t.STRING, space.get_simple_extent_npoints()
    if is_text and space.get_simple_extent_type() == h5s.NULL:
        return ""
    if is_text:
        is_ours = size == 1 and len(found.shape) <= _AXES and _is_sound(type_)
    else:
        is_ours = type_.get_class() in _NUMERIC and 1 <= size <= _NUMBERS
    if not is_ours or found.get_storage_size() > raw.size:
        return None
    dtype = found.dtype
    values = np.zeros(found.shape, dtype)
    raw.check_attributes()
    found.read(values, mtype=h5t.py_create(dtype))
    if is_text:
        return decoded(values.item())
    return values.item() if size == 1 else values.ravel().tolist()


def axes(raw: GuardedFile, dataset: h5py.Dataset) -> tuple[str, ...]:
    """The names of the axes of a data set. (Not by HDF5's H5DS functions, which free memory twice in damaged files.)"""
    if attribute(raw, dataset.id, b"CLASS") == "DIMENSION_SCALE":
        return (dataset.name.removeprefix("/"),)
    if not dataset.shape:
        return ()
    if not h5a.exists(dataset.id, b"DIMENSION_LIST"):
        raise NoAxes("does not say which its axes are")
    found = h5a.open(dataset.id, b"DIMENSION_LIST")
    kind = found.get_type()
    if found.shape != (dataset.ndim,) or kind.committed() or not _LISTS.match(kind.encode()):
        raise NotRead("does not say which its axes are")
    raw.check_attributes()
    scales = dataset.attrs["DIMENSION_LIST"]
    if not all(len(each) == 1 for each in scales):
        raise NotRead("does not say which its axes are")
    return tuple(dataset.file[each[0]].name.removeprefix("/") for each in scales)


def _is_sound(text: h5t.TypeID) -> bool:
    """Whether a type is one of texts. HDF5 believes that it is, and may crash."""
    return not text.is_variable_str() or (not text.committed() and _TEXTS.match(text.encode()) is not None)


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
    file : GuardedFile
    dataset : h5py.Dataset
    shape : tuple of int
    dtype : numpy.dtype
        Of what `read` returns.
    is_text, is_counted : bool
        Whether it holds texts; whether it is an axis of netCDF's without values: they are 0, 1, …
    bytes_of_one : int
        The memory that a value takes, but for the letters of texts.
    chunk : tuple of int or None
    filters : dict
        By which its values are coded, in this order: the parameters of each by its number.
    """

    file: GuardedFile
    dataset: h5py.Dataset
    shape: tuple[int, ...]
    dtype: np.dtype
    is_text: bool
    is_counted: bool
    bytes_of_one: int
    chunk: tuple[int, ...] | None
    filters: dict[int, tuple[int, ...]]

    def read(self, points: Points) -> Any:
        """Some values: numbers in the machine's byte order, texts as str."""
        if self.is_counted:
            return np.arange(self.shape[0])[points]
        if self.is_text:
            return self.dataset.asstr("utf-8", "replace")[points]
        self.file.watching = False
        try:
            return self.dataset[points].astype(self.dtype, copy=False)
        finally:
            self.file.watching = True

    def memory(self, points: Points = ()) -> int:
        """The bytes of memory that it takes to read some values, as far as it is declared."""
        count = self.count(points)
        return self.bytes_of_one * max(count, math.prod(self.chunk) if self.chunk and count else 0)

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
        for point in (wanted.min(initial=0), wanted.max(initial=-n)):
            if not -n <= point < n and wanted.size:
                raise NotRead(f"has {n} points, but point {point} was asked for")
        return wanted.size * of_each

    def letters(self, points: Points) -> int:
        """The bytes of memory that the letters of texts take; refuses what would be unpacked to more than declared."""
        size = self.file.size
        if self.is_text and self.dataset.dtype.kind == "O":
            lengths = [self._lengths(stored) for stored in self._stored(points)]
            longest = max((int(each.max(initial=0)) for each in lengths), default=0)
            if longest > size:
                raise NotRead(f"has a text of {longest} bytes in a file of {size}")
            return sum(int(each.sum()) for each in lengths)
        if h5z.FILTER_DEFLATE in self.filters and size > _PACKED:
            for stored in self._stored(points):
                if stored.size > _PACKED:
                    self._check_inflated(stored)
        return 0

    def _check_inflated(self, stored: Any) -> None:
        """Refuse a chunk that does not end where it must: HDF5 inflates it to its end."""
        whole = self.bytes_of_one * math.prod(self.chunk or ())
        if len(self._content(stored, whole + 1)) > whole:
            raise NotRead(
                f"has a chunk of {whole} bytes, but there are more in the {stored.size} that are stored of it"
            )

    def _stored(self, points: Points) -> list[Any]:
        """Where the chunks that hold some points are: `byte_offset` and `size`."""
        id = self.dataset.id
        if self.chunk is None:
            at = id.get_offset()
            return [] if at is None else [h5d.StoreInfo(None, 0, at, id.get_storage_size())]
        found: list[Any] = []
        if isinstance(points, int | np.integer) and self.chunk[1:] == self.shape[1:]:
            first = int(points) % self.shape[0] // self.chunk[0] * self.chunk[0]
            found.append(id.get_chunk_info_by_coord((first, *(0 for _ in self.shape[1:]))))
        else:
            id.chunk_iter(found.append)
        return [each for each in found if each.byte_offset is not None]

    def _lengths(self, stored: Any) -> np.ndarray:
        """The lengths of the texts in a chunk, from what refers to them."""
        content = self._content(stored, _REFERENCE.itemsize * math.prod(self.chunk or self.shape))
        whole = len(content) // _REFERENCE.itemsize * _REFERENCE.itemsize
        return np.frombuffer(content[:whole], _REFERENCE)["length"].astype(np.int64)

    def _content(self, stored: Any, limit: int) -> bytes:
        """What is in a chunk, as far as some bytes."""
        content = self.file.peek(stored.byte_offset, stored.size)
        for position, filter_ in reversed([*enumerate(self.filters)]):
            if stored.filter_mask >> position & 1:
                continue
            if filter_ == h5z.FILTER_FLETCHER32:
                content = content[:-4]
            elif filter_ == h5z.FILTER_DEFLATE:
                content = zlib.decompressobj().decompress(content, limit)
            elif filter_ == h5z.FILTER_SHUFFLE and self.is_text:
                content = np.frombuffer(content, np.uint8).reshape(self.filters[filter_][0], -1).T.tobytes()
            elif filter_ == h5z.FILTER_LZF:
                raise NotRead("holds texts coded by LZF, which are not read")
        return content


def is_dataset(file: h5py.File, name: str) -> bool:
    """Whether there is a data set of this name at the root; links to elsewhere are not followed."""
    key = name.encode(errors="surrogateescape")
    is_here = file.id.links.get_info(key).type == h5py.h5l.TYPE_HARD
    return is_here and isinstance(h5o.open(file.id, key), h5d.DatasetID)


def variable(file: h5py.File, raw: GuardedFile, name: str) -> Variable | None:
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
    for packing in (b"scale_factor", b"add_offset"):
        if h5a.exists(found, packing):
            raise NotRead(f"is packed by {packing.decode()}: what it stands for is not read")
    filled = attribute(raw, found, b"_FillValue")
    if isinstance(filled, float) and math.isfinite(filled):
        raise NotRead(f"has {filled:g} where values are missing (_FillValue), which is not read: NaN is")
    chunk, filters = _storage(found)
    dataset, shape, dtype = h5py.Dataset(found, readonly=file.mode == "r"), found.shape, found.dtype
    is_text = h5py.check_string_dtype(dtype) is not None and _is_sound(found.get_type())
    if shape is None or not (is_text or dtype.kind in "biufc"):
        raise NotRead("holds neither numbers nor texts")
    returned = np.dtype(object) if is_text else dtype.newbyteorder("=")
    of_one = _TEXT + dtype.itemsize if is_text else dtype.itemsize
    if dtype.str == ">f4" and len(shape) == 1 and str(attribute(raw, found, b"NAME")).startswith(_NO_VARIABLE):
        return Variable(raw, dataset, shape, np.dtype(np.int64), False, True, 8, None, {})
    return Variable(raw, dataset, shape, returned, is_text, False, of_one, chunk, filters)


def _storage(dataset: h5d.DatasetID) -> tuple[tuple[int, ...] | None, dict[int, tuple[int, ...]]]:
    """Chunk and filters; refuses values that are not in this file, or are coded in another way."""
    made = dataset.get_create_plist()
    layout = made.get_layout()
    if layout == h5d.VIRTUAL:
        raise NotRead("is a virtual data set, the values of which are in other files, and not followed")
    if layout == h5d.CONTIGUOUS and made.get_external_count():
        raise NotRead(f"has its values in another file, {decoded(made.get_external(0)[0])!r}, which is not followed")
    if layout == h5d.COMPACT and dataset.dtype.kind == "O":
        raise NotRead("has texts in its header, which are not read")
    if layout != h5d.CHUNKED:
        return None, {}
    filters = {made.get_filter(j)[0]: made.get_filter(j)[2] for j in range(made.get_nfilters())}
    if not filters.keys() <= _FILTERS or len(filters) < made.get_nfilters():
        raise NotRead(f"is coded by HDF5's filters number {', '.join(map(str, filters))}, which are not read")
    return made.get_chunk(), filters
