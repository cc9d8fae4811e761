"""The file format: named arrays with named axes and attributes in one HDF5 file (docs/format.md).

Every file is a netCDF-4 data set: each axis has an HDF5 dimension scale, so that
`xarray.open_dataset(path, engine="h5netcdf")` opens it.
"""

import io
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import h5py
import numpy as np

from stdyn.errors import InputError
from stdyn.files.journal import JournaledFile, journal_of, settled

if TYPE_CHECKING:
    import xarray

FORMAT = 1

Variables = dict[str, tuple[tuple[str, ...], np.ndarray, str]]  # name -> (axes, values, what it is)
Columns = dict[str, tuple[tuple[str, ...], Any, str]]  # name -> (axes after that of the points, dtype, what it is)

_CHUNK = 2**14  # bytes: a point with as much gets chunks of its own, which are written once
_TOGETHER = 2**10  # points in a chunk of single numbers
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_LOOKS = 10  # at a file that is being written


def check_target(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """`path`, if a file can be written there: no file there yet (unless `overwrite`), in a folder that can hold it."""
    path = Path(path)
    check_folder(path.parent, path.name)
    if path.is_dir():
        raise InputError(f"{path} is a folder; the name of a file was expected")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists and is not overwritten unless asked (overwrite=True, or --force)")
    return path


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder that cannot take the file `name`."""
    try:
        found = folder.is_dir()
    except PermissionError:
        raise InputError(f"the folder {folder} cannot be searched (wanted for {name})") from None
    if not found:
        raise InputError(f"the folder {folder} does not exist (wanted for {name})")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be written to: {error.strerror} (wanted for {name})") from None


def write(
    path: str | os.PathLike[str], variables: Variables, attributes: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write a file under a temporary name and move it into place: a kill leaves the old file or the new one."""
    path = check_target(path, overwrite)
    image = io.BytesIO()  # in memory first: HDF5 does not survive a disk that fills up while it writes
    with h5py.File(image, "w", track_order=True) as file:
        _fill(file, variables, attributes)
    return _move_into_place(image, path, overwrite)


def _move_into_place(image: io.BytesIO, path: Path, overwrite: bool) -> Path:
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
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


def _fill(file: h5py.File, variables: Variables, attributes: Mapping[str, Any]) -> None:
    file.attrs["format"] = "stdyn"
    file.attrs["format_version"] = FORMAT
    for name, value in attributes.items():
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


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All arrays and attributes of a file written by `write`; anything else is refused with what is wrong with it."""
    path = _readable(path)
    with _damage_named(path), h5py.File(path, "r") as file:
        attributes = _attributes(path, file)
        return {name: dataset[()] for name, dataset in file.items()}, attributes


READERS = {
    "trajectory": "load",
    "scan": "open_scan",
    "training": "open_training",
    "fluctuations": "load_fluctuations",
}  # of each kind of file


def check_kind(path: Path, attributes: Mapping[str, Any], wanted: str, overwritten: bool = False) -> None:
    """Refuse a file that holds something else than what is wanted."""
    there = attributes.get("kind", "trajectory")
    if there != wanted:
        more = ", and is not overwritten" if overwritten else f"; stdyn.{READERS.get(there, 'load')} reads it"
        raise InputError(f"{path} holds a {there}, not a {wanted}{more}")


def kind(path: str | os.PathLike[str]) -> str:
    """What is in a file of stdyn's: "trajectory", "scan", "training" or "fluctuations"."""
    return str(look(path, lambda table: table.attributes.get("kind", "trajectory")))


def _readable(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied")
    return path


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Say of a file that HDF5 cannot read what is wrong with it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # HDF5 meets damage with OSError, KeyError, RuntimeError, ValueError or TypeError
        with open(path, "rb") as file:
            is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
        what = "is a damaged or truncated HDF5 file" if is_hdf5 else "is not an HDF5 file"
        raise InputError(f"{path} {what} ({str(error).partition(chr(10))[0]})") from None


def _attributes(path: Path, file: h5py.File) -> dict[str, Any]:
    attributes = {name: _plain(value) for name, value in file.attrs.items()}
    _check_format(path, attributes)
    return attributes


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check_format(path: Path, attributes: Mapping[str, Any]) -> None:
    if attributes.get("format") != "stdyn":
        raise InputError(f"{path} is an HDF5 file, but was not written by stdyn (it has no attribute format = stdyn)")
    version = attributes.get("format_version")
    if version != FORMAT:
        raise InputError(f"{path} has stdyn file format {version}, but this version of stdyn reads format {FORMAT}")


# ---------------------------------------------------------------------------------------------------------------------
# Files that are written point by point


def create_table(
    path: str | os.PathLike[str], points: int, columns: Columns, others: Variables, attributes: Mapping[str, Any],
    overwrite: bool = False, axis: str = "point",
) -> Path:  # fmt: skip
    """Write a file with room for `points` values of every column, and all of the other variables, attributes.

    Numbers are NaN or 0 and texts empty until `Table.put` writes them. Arrays are compressed, but for those of float32,
    weights, which do not get smaller and are written over and over. `axis` is that of the points.
    """
    path = check_target(path, overwrite)
    image = io.BytesIO()
    with h5py.File(image, "w", track_order=True) as file:
        _fill(file, others, attributes)
        for name, (axes, dtype, meaning) in columns.items():
            shape = tuple(file[each].shape[0] for each in axes)
            of_one = max(1, int(np.prod(shape)) * 8)
            together = min(points, max(1, _CHUNK // of_one), _TOGETHER)
            text = dtype is str
            dataset = file.create_dataset(
                name,
                (points, *shape),
                h5py.string_dtype() if text else dtype,
                chunks=(together, *shape),
                fillvalue=np.nan if dtype is float else None,
                **(_COMPRESSED if shape and dtype is not np.float32 else {}),
            )
            dataset.attrs["long_name"] = meaning
            for position, name_of_axis in enumerate((axis, *axes)):
                dataset.dims[position].attach_scale(file[name_of_axis])
    _move_into_place(image, path, overwrite)
    journal_of(path).unlink(missing_ok=True)  # of a file that was here before
    return path


class Table:
    """An open file made by `create_table`; what is put into it is on the disk after `commit`, all or nothing."""

    def __init__(self, path: str | os.PathLike[str], writable: bool = False) -> None:
        self.path = _readable(path)
        try:
            self._raw = JournaledFile(self.path, writable)
        except OSError as error:
            raise InputError(f"{path} cannot be opened: {error.strerror}") from None
        try:
            with _damage_named(self.path):
                self._file = h5py.File(self._raw, "r+" if writable else "r", track_order=True)
                self.attributes = _attributes(self.path, self._file)
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    def names(self) -> list[str]:
        """The names of all variables."""
        return list(self._file)

    def axes(self, name: str) -> tuple[str, ...]:
        """The names of the axes of a variable."""
        dataset = self._file[name]
        return (name,) if dataset.is_scale else tuple(axis[0].name.removeprefix("/") for axis in dataset.dims)

    def meaning(self, name: str) -> str:
        """What a variable is, in words."""
        return str(self._file[name].attrs.get("long_name", ""))

    def read(self, name: str, points: Any = ()) -> np.ndarray:
        """The values of a variable, or those of some points; texts as str."""
        with _damage_named(self.path):
            dataset = self._file[name]
            is_text = h5py.check_string_dtype(dataset.dtype) is not None
            return (dataset.asstr() if is_text else dataset)[points]

    def put(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """The values of every column for some points: {point: {column: value}}."""
        points = np.array(sorted(rows), dtype=int)
        for run in np.split(points, np.flatnonzero(np.diff(points) != 1) + 1):  # points that follow each other
            for name in rows[run[0]] if len(run) else ():
                dataset = self._file[name]
                values = [rows[point][name] for point in run]
                dataset[run[0] : run[-1] + 1] = np.array(values, dtype=object if dataset.dtype == object else None)

    def commit(self) -> None:
        """Make what was put permanent; an OSError leaves the file as it was after the last commit."""
        self._file.flush()
        self._raw.commit()


@contextmanager
def writing(path: str | os.PathLike[str], kind: str) -> Iterator[Table]:
    """The table in a file, to be written by nobody else meanwhile; refuses a file of another kind."""
    with Table(path, writable=True) as table:
        check_kind(table.path, table.attributes, kind, overwritten=True)
        yield table


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *arguments: caught.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught and callable(before):
        before(*caught[0])


def to_xarray(table: Table) -> "xarray.Dataset":
    """All variables of a table as an xarray.Dataset, in memory."""
    import xarray

    return xarray.Dataset(
        {
            name: xarray.Variable(table.axes(name), table.read(name), {"long_name": table.meaning(name)})
            for name in table.names()
        }
    )


def look(path: str | os.PathLike[str], function: Callable[[Table], Any]) -> Any:
    """function(table) of one state of the file: called again if whoever writes it has committed in the meantime."""
    path = _readable(path)
    for _ in range(_LOOKS):
        before = settled(path)
        try:
            with Table(path) as table:
                result = function(table)
        except InputError:
            if settled(path) == before:
                raise
        else:
            if settled(path) == before:
                return result
    raise InputError(f"{path} is being written, more often than it can be read; try again later")


def to_dataset(variables: Variables, attributes: dict[str, Any]) -> "xarray.Dataset":
    """The xarray.Dataset of what a file holds."""
    import xarray

    data = {
        name: xarray.Variable(axes, values, {"long_name": meaning})
        for name, (axes, values, meaning) in variables.items()
    }
    sizes = {axis: n for variable in data.values() for axis, n in variable.sizes.items()}
    indices = {axis: np.arange(n) for axis, n in sizes.items() if axis != "alpha"}
    return xarray.Dataset(data, indices, attributes)


def read_kind(path: str | os.PathLike[str], wanted: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and attributes of a file of this kind."""
    check_kind(Path(path), {"kind": kind(path)}, wanted)
    return read(path)
