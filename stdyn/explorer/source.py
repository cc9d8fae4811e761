"""What a page begins with: an experiment, a problem, or a saved scan."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stdyn.errors import InputError
from stdyn.explorer.state import BEGINNING, State, Wanted, state_of, state_of_problem, wanted
from stdyn.files.store import kind
from stdyn.model.activations import BUILT_IN, Activation, find
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
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

    @classmethod
    def of(cls, what: Experiment | Problem | Scan | Path | None) -> Source:
        """That of an experiment, a problem or a scan; refused if the page cannot show it."""
        if what is None:
            return cls()
        if isinstance(what, Scan):
            return cls(scan=what)
        if isinstance(what, Path):
            return cls.read(what)
        if isinstance(what, Problem):
            found = cls(state_of_problem(what), _own(what.activations))
        else:
            named = {name: find(each) for name in ACTIVATIONS if (each := getattr(what, name)) is not None}
            names = {name: str(each) for name, each in named.items()}
            found = cls(state_of(replace(what, **names)), _own(named.values()))
        found.wanted(found.state)
        return found

    @classmethod
    def read(cls, path: Path) -> Source:
        """That of a file of parameters, or of a scan."""
        with suppress(InputError):
            if kind(path) == "scan":
                return cls(scan=Scan(path))
        return cls.of(from_values(read_toml(path, Experiment), Experiment))


def _own(activations: Iterable[Activation]) -> dict[str, Activation]:
    """Those that are not built in, by name."""
    return {str(each): each for each in activations if str(each) not in BUILT_IN}
