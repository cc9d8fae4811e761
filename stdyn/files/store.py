"""Files that are written and read as a whole."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stdyn.files.format import Variables, fill, kind_of
from stdyn.files.paths import check_not_locked, check_target, move_into_place
from stdyn.files.table import Table, look
from stdyn.stopping import uninterrupted


@uninterrupted()
def write(
    path: str | os.PathLike[str], variables: Variables, attributes: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write a file: a kill leaves the old one or the new one. NotWritten, with where it is instead, if it cannot be."""
    path = check_target(path, overwrite)
    check_not_locked(path)
    image = io.BytesIO()  # in memory first: HDF5 does not survive a disk that fills up while it writes
    with h5py.File(image, "w", track_order=True) as file:
        fill(file, variables, attributes)
    return move_into_place(image, path, overwrite)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All arrays and attributes of a file written by `write`; anything else is refused with what is wrong with it."""
    return look(path, _everything)


def _everything(table: Table) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return {name: table.read(name) for name in table.readable()}, table.attributes


def kind(path: str | os.PathLike[str]) -> str:
    """What is in a file of stdyn's, finished or being written: "trajectory", "scan", "training" or "fluctuations"."""
    return look(path, lambda table: kind_of(table.path, table.attributes))
