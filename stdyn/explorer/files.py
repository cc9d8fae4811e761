"""What is seen as one file to save: figures or data, in an archive where there are several."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from stdyn.explorer import curves
from stdyn.explorer.copies import name_of
from stdyn.explorer.state import Wanted
from stdyn.model.trajectory import Trajectory

KINDS = ("svg", "png", "h5")
TYPES = {"svg": "image/svg+xml", "png": "image/png", "h5": "application/x-hdf5", "zip": "application/zip"}
_DRAWING = threading.Lock()  # one figure at a time in the whole process: matplotlib's settings are of all threads


def saved(wanted: Wanted, kind: str, stop: threading.Event) -> tuple[str, bytes] | None:
    """The name and the content of a file of this kind, solved and simulated as what is seen was; None if stopped."""
    found = {f"{rule}_ode": curve.trajectory for rule, curve in curves.solutions(wanted, stop).items()}
    for rule in wanted.rules if wanted.runs else ():
        found[f"{rule}_{wanted.experiment.method}"] = curves.simulated(wanted, rule, stop, None)
    if stop.is_set():
        return None
    made = _data(found) if kind == "h5" else _figures([*found.values()], kind)
    return _one({f"{name_of(wanted)}_{name}.{kind}": content for name, content in made.items()}, name_of(wanted), kind)


def _data(trajectories: Mapping[str, Trajectory]) -> dict[str, bytes]:
    """Trajectories as HDF5 files, by name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, trajectory in trajectories.items():
            found[name] = trajectory.save(Path(folder) / f"{name}.h5").read_bytes()
    return found


def _figures(trajectories: Sequence[Trajectory], kind: str) -> dict[str, bytes]:
    """The figures of trajectories, by name."""
    from stdyn.figures import plot

    found = {}
    with _DRAWING:
        for name, page in plot.figures(list(trajectories)).items():
            target = BytesIO()
            page.savefig(target, format=kind)
            found[name] = target.getvalue()
    return found


def _one(files: Mapping[str, bytes], name: str, kind: str) -> tuple[str, bytes]:
    """The only file, or an archive of all."""
    if len(files) == 1:
        return next(iter(files.items()))
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for each, content in files.items():
            archive.writestr(each, content)
    return f"{name}_{kind}.zip", target.getvalue()
