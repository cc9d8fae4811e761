"""The file format: named arrays with named axes and attributes in one HDF5 file (docs/format.md).

Every file is a netCDF-4 data set: each axis has an HDF5 dimension scale, so that
`xarray.open_dataset(path, engine="h5netcdf")` opens it.
"""

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from stdyn.errors import InputError

FORMAT = 1

Variables = Mapping[str, tuple[tuple[str, ...], np.ndarray, str]]  # name -> (axes, values, what it is)


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
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    image = io.BytesIO()  # in memory first: HDF5 does not survive a disk that fills up while it writes
    with h5py.File(image, "w", track_order=True) as file:
        _fill(file, variables, attributes)
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
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied")
    try:
        with h5py.File(path, "r") as file:
            attributes = {name: _plain(value) for name, value in file.attrs.items()}
            _check_format(path, attributes)
            return {name: dataset[()] for name, dataset in file.items()}, attributes
    except InputError:
        raise
    except Exception as error:  # HDF5 meets damage with OSError, KeyError, RuntimeError, ValueError or TypeError
        with open(path, "rb") as file:
            is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
        what = "is a damaged or truncated HDF5 file" if is_hdf5 else "is not an HDF5 file"
        raise InputError(f"{path} {what} ({str(error).partition(chr(10))[0]})") from None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check_format(path: Path, attributes: Mapping[str, Any]) -> None:
    if attributes.get("format") != "stdyn":
        raise InputError(f"{path} is an HDF5 file, but was not written by stdyn (it has no attribute format = stdyn)")
    version = attributes.get("format_version")
    if version != FORMAT:
        raise InputError(f"{path} has stdyn file format {version}, but this version of stdyn reads format {FORMAT}")
