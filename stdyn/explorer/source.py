"""What a page begins with: an experiment, a problem, a saved file, or what a link says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stdyn.errors import InputError
from stdyn.explorer.links import state_of_link
from stdyn.explorer.state import BEGINNING, State, Wanted, state_of, state_of_problem, wanted
from stdyn.files.store import kind
from stdyn.model.activations import Activation, find
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
from stdyn.model.trajectory import load
from stdyn.scans.scanfile import Scan
from stdyn.settings import from_values, read_toml


@dataclass(frozen=True)
class Source:
    """The state in which a page begins, and the activations that it may name beside those built in."""

    state: State = field(default_factory=lambda: dict(BEGINNING))
    activations: dict[str, Activation] = field(default_factory=dict)
    scan: Scan | None = None

    def wanted(self, state: Any) -> Wanted:
        """What a state of the page says."""
        return wanted(state, self.activations)

    @classmethod
    def of(cls, what: Experiment | Problem | Scan | Path | None) -> Source:
        """That of an experiment, a problem, or a scan."""
        if what is None:
            return cls()
        if isinstance(what, Scan):
            return cls(scan=what)
        if isinstance(what, Experiment):
            return cls(state_of(what))
        if isinstance(what, Path):
            return cls.read(what)
        own = {str(each): each for each in what.activations}
        return cls(state_of_problem(what), own)

    @classmethod
    def read(cls, path: Path) -> Source:
        """That of a file of parameters, of a scan, or of a trajectory."""
        if path.suffix == ".h5" or _begins_as_hdf5(path):
            there = kind(path)
            if there == "scan":
                return cls(scan=Scan(path))
            if there == "trajectory":
                return cls.of(load(path).problem)
            raise InputError(f"{path} holds a {there}, but the explorer shows a scan, or the problem of a trajectory")
        experiment = from_values(read_toml(path, Experiment), Experiment)
        experiment.check()
        both = [find(each) for each in (experiment.activation, experiment.activation_teacher) if each is not None]
        return cls(state_of(experiment), {str(each): each for each in both})

    @classmethod
    def of_link(cls, link: str) -> Source:
        """That of a link to a page of the explorer; refused if its state is none."""
        state, _ = state_of_link(link)
        if state is None:
            return cls()
        wanted(state)
        return cls(state)


def _begins_as_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except (OSError, ValueError):  # which who reads it says
        return False


_HDF5 = b"\x89HDF"
