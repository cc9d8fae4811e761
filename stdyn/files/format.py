"""The file format: named arrays with named axes and attributes in one HDF5 file (docs/format.md).

Every file is a netCDF-4 data set: each axis has an HDF5 dimension scale, so that
`xarray.open_dataset(path, engine="h5netcdf")` opens it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stdyn.errors import InputError
from stdyn.files.guard import GuardedFile
from stdyn.files.reading import NotRead
from stdyn.files.reading import attributes as attributes_in
from stdyn.stopping import stoppable
from stdyn.text import printable, shown

if TYPE_CHECKING:
    import xarray

FORMAT = 1  # of what is written, unless its attributes say that it needs
PROTOCOLS = 2  # which versions before schedules, tasks and further rules must not take for what they know
STRUCTURED = 3  # and those before inputs with a spectrum
FORMATS = FORMAT, PROTOCOLS, STRUCTURED  # that are read

READERS = {
    "trajectory": "load",
    "scan": "open_scan",
    "training": "open_training",
    "fluctuations": "load_fluctuations",
}  # of each kind of file

_SUPERBLOCK = 96  # bytes that an HDF5 file begins with

Variables = dict[str, tuple[tuple[str, ...], np.ndarray, str]]  # name -> (axes, values, what it is)


_HEADER = {"format": "stdyn", "format_version": FORMAT}


def fill(file: h5py.File, variables: Variables, attributes: Mapping[str, Any]) -> None:
    """Write everything into an empty HDF5 file, in format 1 unless the attributes have a `format_version`."""
    for name, value in (_HEADER | dict(attributes)).items():
        file.attrs[name] = value
    sizes = {axis: n for axes, values, _ in variables.values() for axis, n in zip(axes, values.shape, strict=True)}
    for axis, n in sizes.items():
        values = variables[axis][1] if axis in variables else np.arange(n)
        file.create_dataset(axis, data=values).make_scale(axis)
    for name, (axes, values, meaning) in variables.items():
        dataset = file[name] if name in sizes else file.create_dataset(name, data=values)
        dataset.attrs["long_name"] = meaning
        if name not in sizes:
            for position, axis in enumerate(axes):
                dataset.dims[position].attach_scale(file[axis])


def attributes_of(path: Path, raw: GuardedFile, file: h5py.File) -> dict[str, Any]:
    """The attributes of an open file as values of Python; refuses one that is not stdyn's, or of another format."""
    attributes = attributes_in(raw, file)
    if attributes.get("format") != "stdyn":
        raise InputError(f"{path} is an HDF5 file, but was not written by stdyn (it has no attribute format = stdyn)")
    version = attributes.get("format_version")
    if version not in FORMATS:
        raise InputError(
            f"{path} has stdyn file format {shown(version)}, but this version of stdyn reads formats"
            f" {', '.join(map(str, FORMATS[:-1]))} and {FORMATS[-1]}"
        )
    return attributes


def kind_of(path: Path, attributes: Mapping[str, Any]) -> str:
    """What a file with these attributes holds, one of READERS."""
    there = attributes.get("kind", "trajectory")
    if not isinstance(there, str) or there not in READERS:
        raise InputError(f"{path}: kind must be one of {', '.join(READERS)}, but is {shown(there)}")
    return there


def check_kind(path: Path, attributes: Mapping[str, Any], wanted: str, overwritten: bool = False) -> None:
    """Refuse a file that holds something else than what is wanted."""
    there = kind_of(path, attributes)
    if there != wanted:
        more = ", and is not overwritten" if overwritten else f"; stdyn.{READERS[there]} reads it"
        raise InputError(f"{path} holds a {there}, not a {wanted}{more}")


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read what is wrong with it; "damaged" only if nothing else is."""
    with stoppable():  # what a host's handler of a signal raises says nothing of the file
        try:
            yield
        except (InputError, NotRead):
            raise
        except MemoryError:
            raise InputError(f"{path} holds more than there is memory for") from None
        except Exception as error:  # HDF5 meets damage with OSError, KeyError, RuntimeError, ValueError or TypeError
            raise InputError(f"{path} {_reason(path, error)}") from None


def _reason(path: Path, error: Exception) -> str:
    """Why a file could not be read."""
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    said = printable(said.partition("\n")[0])
    if isinstance(error, OSError) and error.errno is not None:  # of the system, not of HDF5
        return f"cannot be read: {error.strerror}"
    try:
        start, size = _start(path)
    except OSError as unreadable:
        return f"cannot be read: {unreadable.strerror}"
    if start is None:
        return f"is not an HDF5 file ({said})" if size else "is not an HDF5 file, but empty"
    found = re.search(r"truncated file: eof = (\d+), sblock->base_addr = (\d+), stored_eof = (\d+)", said)
    if found:
        there, base, end = map(int, found.groups())
        return f"is truncated: it has {there} bytes of {base + end}"
    if size < start + _SUPERBLOCK:
        return f"is truncated: it has {size} bytes"
    if "bad superblock version" in said:
        return f"is an HDF5 file of a version that this HDF5, {h5py.version.hdf5_version}, does not know ({said})"
    return f"is a damaged HDF5 file ({said})"


def is_hdf5(path: Path) -> bool:
    """Whether there is a file that begins as HDF5 does; of one that cannot be read, who reads it says why."""
    try:
        return path.is_file() and _start(path)[0] is not None  # no pipe, into which somebody might write for ever
    except (OSError, ValueError):
        return False


def _start(path: Path) -> tuple[int | None, int]:
    """Where an HDF5 file begins, None if it is none; and its size. What is in front is someone else's."""
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            file.seek(at)
            if file.read(8) == b"\x89HDF\r\n\x1a\n":
                return at, size
            at = max(512, 2 * at)
    return None, size


def to_dataset(variables: Variables, attributes: Mapping[str, Any]) -> "xarray.Dataset":
    """The xarray.Dataset of what a file holds; an axis that is no variable counts from 0.

    What its `to_netcdf` writes is read as the file itself.
    """
    import xarray

    data = {
        name: xarray.Variable(axes, values, {"long_name": meaning})
        for name, (axes, values, meaning) in variables.items()
    }
    sizes = {axis: n for variable in data.values() for axis, n in variable.sizes.items()}
    indices = {axis: np.arange(n) for axis, n in sizes.items() if axis not in variables}
    said = {name: value for name, value in attributes.items() if name != "coordinates"}  # xarray writes these itself
    return xarray.Dataset(data, indices, _HEADER | said)
