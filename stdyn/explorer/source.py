"""What a page begins with: an experiment, a problem, a saved file, or what a link says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stdyn.errors import InputError
from stdyn.explorer.controls import BY_NAME
from stdyn.explorer.links import state_of_link
from stdyn.explorer.state import BEGINNING, State, Wanted, blamed, state_of, state_of_problem, wanted
from stdyn.files.format import is_hdf5
from stdyn.files.store import kind
from stdyn.model.activations import BUILT_IN, Activation, find
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
from stdyn.model.trajectory import load
from stdyn.scans.quantities import ACTIVATIONS
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

    def blamed(self, words: str, state: Any) -> str | None:
        """The parameter that a refusal of a state is of."""
        return blamed(words, state, self.activations)

    @classmethod
    def of(cls, what: Experiment | Problem | Scan | None) -> Source:
        """That of an experiment, a problem, or a scan; refused if the page cannot show it."""
        if what is None:
            return cls()
        if isinstance(what, Scan):
            return cls(scan=what)
        if isinstance(what, Problem):
            found = cls(state_of_problem(what), _own(what.activations))
        else:
            _check_sizes(what)
            what.check()
            named = {name: find(each) for name in ACTIVATIONS if (each := getattr(what, name)) is not None}
            names: dict[str, Any] = {name: str(each) for name, each in named.items()}
            found = cls(state_of(replace(what, **names)), _own(named.values()))
        found.wanted(found.state)
        return found

    @classmethod
    def read(cls, path: Path) -> Source:
        """That of a file of parameters, of a scan, or of a trajectory."""
        if path.suffix == ".h5" or is_hdf5(path):
            there = kind(path)
            if there == "scan":
                return cls(scan=Scan(path))
            if there == "trajectory":
                return cls.of(load(path).problem)
            raise InputError(f"{path} holds a {there}, but the explorer shows a scan, or the problem of a trajectory")
        return cls.of(from_values(read_toml(path, Experiment), Experiment))

    @classmethod
    def of_link(cls, link: str) -> Source:
        """That of a link to a page of the explorer; refused if its state is none."""
        state = state_of_link(link)
        if state is None:
            return cls()
        wanted(state)
        return cls(state)


def _check_sizes(experiment: Experiment) -> None:
    """Refuse more units than a page takes, whose start would take minutes, before it is made."""
    for name in ("K", "M", "outputs"):
        control, size = BY_NAME[name], getattr(experiment, name)
        if isinstance(size, int) and control.most is not None and size > control.most:
            control.checked(size)


def _own(activations: Iterable[Activation]) -> dict[str, Activation]:
    """Those that are not built in, by name."""
    return {str(each): each for each in activations if str(each) not in BUILT_IN}
