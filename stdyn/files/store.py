"""Files that are written and read as a whole."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stdyn.files.format import Variables, attributes_of, check_kind, damage_named, fill, kind_of
from stdyn.files.paths import check_target, move_into_place, readable
from stdyn.files.table import look


def write(
    path: str | os.PathLike[str], variables: Variables, attributes: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write a file: a kill leaves the old one or the new one."""
    path = check_target(path, overwrite)
    image = io.BytesIO()  # in memory first: HDF5 does not survive a disk that fills up while it writes
    with h5py.File(image, "w", track_order=True) as file:
        fill(file, variables, attributes)
    return move_into_place(image, path, overwrite)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All arrays and attributes of a file written by `write`; anything else is refused with what is wrong with it."""
    path = readable(path)
    with damage_named(path), h5py.File(path, "r") as file:
        attributes = attributes_of(path, file)
        return {name: dataset[()] for name, dataset in file.items()}, attributes


def read_kind(path: str | os.PathLike[str], wanted: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and attributes of a file of this kind."""
    check_kind(Path(path), {"kind": kind(path)}, wanted)
    return read(path)


def kind(path: str | os.PathLike[str]) -> str:
    """What is in a file of stdyn's, finished or being written: "trajectory", "scan", "training" or "fluctuations"."""
    return look(path, lambda table: kind_of(table.attributes))
