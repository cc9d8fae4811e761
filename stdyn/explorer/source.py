"""What a page begins with: an experiment, a problem, or a saved scan."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stdyn.errors import InputError
from stdyn.explorer.state import BEGINNING, State, Wanted, state_of, state_of_problem, wanted
from stdyn.files.store import kind
from stdyn.model.activations import Activation
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
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
        """That of a file of parameters, or of a scan."""
        with suppress(InputError):
            if kind(path) == "scan":
                return cls(scan=Scan(path))
        return cls(state_of(from_values(read_toml(path, Experiment), Experiment)))
