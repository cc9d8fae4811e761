"""Files that are written point by point, each commit whole or not at all, and can be read meanwhile."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from stdyn.errors import InputError
from stdyn.files.format import Variables, attributes_of, check_kind, damage_named, fill, kind_of
from stdyn.files.guard import GuardedFile
from stdyn.files.journal import journal_of, settled
from stdyn.files.paths import ROOM, check_target, largest, move_into_place, readable
from stdyn.files.reading import NoAxes, NotRead, Points, Variable, attribute, axes, is_dataset, variable
from stdyn.stopping import uninterrupted

Columns = dict[str, tuple[tuple[str, ...], type, str]]  # name -> (axes after that of the points, type, what it is)
Value = np.ndarray | float | str
Row = dict[str, Value]  # what is written of a point, by column

_CHUNK = 2**14  # bytes: a point with as much gets chunks of its own, which are written once
_TOGETHER = 2**10  # points in a chunk of single numbers
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_LOOKS = 10  # at a file that is being written

T = TypeVar("T")


@uninterrupted()  # h5py prints tracebacks of a file in memory that was left half made
def create_table(
    path: str | os.PathLike[str], points: int, columns: Columns, others: Variables, attributes: Mapping[str, Any],
    overwrite: bool = False, axis: str = "point",
) -> Path:  # fmt: skip
    """Write a file with room for `points` values of every column, and all of the other variables, attributes.

    Numbers are NaN or 0 and texts empty until `Table.put` writes them. Arrays are compressed, but for those of float32,
    weights, which do not get smaller and are written over and over. `axis` is that of the points.
    """
    path = check_target(path, overwrite, ROOM)
    if journal_of(path).is_dir():
        raise InputError(f"{journal_of(path)} is a folder; the journal of {path.name} has its place there")
    image = io.BytesIO()
    with h5py.File(image, "w", track_order=True) as file:
        fill(file, others, attributes)
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
    move_into_place(image, path, overwrite, is_result=False)
    journal_of(path).unlink(missing_ok=True)  # of a file that was here before
    return path


class Table:
    """An open file made by `create_table`; what is put into it is on the disk after `commit`, all or nothing."""

    @uninterrupted()  # HDF5 would write, when it lets go, to what is closed by then
    def __init__(self, path: str | os.PathLike[str], writable: bool = False) -> None:
        self.path = readable(path)
        self._names: list[str] | None = None
        self._known: dict[str, Variable] = {}
        self._taken: dict[str, int] = {}  # bytes of memory by variable
        try:
            self._raw = GuardedFile(self.path, writable)
        except OSError as error:
            raise InputError(f"{path} cannot be opened: {error.strerror}") from None
        try:
            with damage_named(self.path):
                self._file = h5py.File(self._raw, "r+" if writable else "r", track_order=True)
                self.attributes = attributes_of(self.path, self._raw, self._file)
            if kind_of(self.path, self.attributes) in ("scan", "training") and "coordinates" not in self.attributes:
                self._restore_coordinates()
        except BaseException:
            self._raw.close()
            raise

    def _restore_coordinates(self) -> None:
        """Make the attribute `coordinates` of what xarray has made of it: one of every variable that has the axis."""
        for name in self.readable():
            found = self._attribute(name, b"coordinates")
            if found:
                self.attributes["coordinates"] = found
                return
        if "_NCProperties" in self._file.attrs:  # written by a library of netCDF: there were none
            self.attributes["coordinates"] = ""

    def __enter__(self) -> "Table":
        return self

    @uninterrupted()
    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    def names(self) -> list[str]:
        """The names of all data sets at the root; what else somebody may have put there is not ours."""
        if self._names is None:
            with damage_named(self.path):
                self._names = [name for name in self._file if is_dataset(self._file, name)]
        return list(self._names)

    def shape(self, name: str) -> tuple[int, ...]:
        """The lengths of the axes of a variable."""
        return self._variable(name).shape

    def dtype(self, name: str) -> np.dtype:
        """The type of the values of a variable as `read` gives them; object for texts."""
        return self._variable(name).dtype

    def axes(self, name: str) -> tuple[str, ...]:
        """The names of the axes of a variable."""
        with self._said_of(name):
            return axes(self._raw, self._variable(name).dataset)

    def read(self, name: str, points: Points = ()) -> Any:
        """The values of a variable, or those of some points; texts as str.

        Raises
        ------
        InputError
            If there is no such variable, it is not in this file, or would take more memory than a file of this size
            has reason to.
        """
        found = self._variable(name)
        with self._said_of(name):
            self._account(name, found, points)
            return found.read(points)

    def variables(self) -> Variables:
        """Everything in the file that says which its axes are: (axes, values, what it is) by name."""
        found = {}
        for name in self.readable():
            try:
                axes = self.axes(name)
            except InputError as error:
                if isinstance(error.__cause__, NoAxes):  # what somebody has added
                    continue
                raise
            found[name] = axes, self.read(name), self._attribute(name, b"long_name")
        return found

    def readable(self) -> list[str]:
        """The names of all data sets that `read` reads: of numbers or texts, in this file."""
        with damage_named(self.path):
            return [name for name in self.names() if self._is_readable(name)]

    def _attribute(self, name: str, key: bytes) -> str:
        """An attribute of a variable that is a text."""
        with damage_named(self.path):
            return str(attribute(self._raw, self._variable(name).dataset.id, key) or "")

    def _is_readable(self, name: str) -> bool:
        try:
            self._variable(name)
        except InputError as error:
            if isinstance(error.__cause__, NotRead):
                return False
            raise
        return True

    def _variable(self, name: str) -> Variable:
        if name not in self._known:
            with self._said_of(name):
                found = variable(self._file, self._raw, name)
            if found is None:
                raise InputError(f"{self.path} holds no {name!r}")
            self._known[name] = found
        return self._known[name]

    @contextmanager
    def _said_of(self, name: str) -> Iterator[None]:
        """Say of a variable that cannot be read what is wrong."""
        try:
            with damage_named(self.path):
                yield
        except NotRead as reason:
            raise InputError(f"{self.path}: {name!r} {reason}") from reason

    def _account(self, name: str, wanted: Variable, points: Points) -> None:
        """Refuse to read what makes all that has been read of this file more than it has reason to be."""
        for needed in (wanted.memory, wanted.letters):  # letters are looked for only if the texts are not too many
            self._take(name, wanted, needed(points))

    def _take(self, name: str, wanted: Variable, needed: int) -> None:
        self._taken[name] = min(self._taken.get(name, 0) + needed, max(needed, wanted.memory()))
        taken, size = sum(self._taken.values()), self._raw.size
        allowed = largest(size, whole=self.attributes.get("kind") not in ("scan", "training"))
        if taken > allowed:
            raise NotRead(
                f"of shape {wanted.shape} would take {taken} bytes of memory, with what was read before, but the file"
                f" has {size} bytes: refused is what takes more than {allowed}"
            )

    @uninterrupted()  # HDF5 may not survive an exception of the file that it writes to
    def put(self, rows: Mapping[int, Mapping[str, Value]]) -> None:
        """The values of every column for some points: {point: {column: value}}."""
        points = np.array(sorted(rows), dtype=int)
        for run in np.split(points, np.flatnonzero(np.diff(points) != 1) + 1):  # points that follow each other
            for name in rows[run[0]] if len(run) else ():
                dataset = self._file[name]
                found = [rows[point][name] for point in run]
                dataset[run[0] : run[-1] + 1] = np.array(found, dtype=object if dataset.dtype == object else None)

    @uninterrupted()
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


def look(path: str | os.PathLike[str], function: Callable[[Table], T]) -> T:
    """function(table) of one state of the file: called again if whoever writes it has committed in the meantime."""
    path = readable(path)
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
