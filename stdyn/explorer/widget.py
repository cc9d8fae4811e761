"""The page in a notebook."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from stdyn.errors import InputError
from stdyn.explorer.session import Session
from stdyn.explorer.source import Source
from stdyn.explorer.state import State, wanted
from stdyn.explorer.workers import Workers
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
from stdyn.text import shown

_PAGE = Path(__file__).parent / "page"


class Explorer(anywidget.AnyWidget):
    """The explorer in a notebook: parameters under sliders, theory and runs beside them.

    Parameters
    ----------
    problem : Problem or Experiment, optional
        What it begins with; default: FA and BP of three hidden units.

    Attributes
    ----------
    state : dict
        The parameters that are set, as in the address of the page of `stdyn explore`.

    Raises
    ------
    InputError
        If it is no problem, or one whose start the page cannot show.

    See Also
    --------
    Experiment, integrate, scan

    Examples
    --------
    >>> explorer = stdyn.Explorer(problem)  # shown as the last line of a cell
    >>> explorer.experiment.K
    2
    """

    _esm = _PAGE / "explorer.js"
    _css = _PAGE / "explorer.css"
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, problem: Problem | Experiment | None = None) -> None:
        if not isinstance(problem, Problem | Experiment | None):
            raise InputError(f"problem must be a Problem or an Experiment, but is {shown(problem)}")
        self._source = Source.of(problem)
        self._workers = Workers()
        self._session: Session | None = None
        super().__init__(state=dict(self._source.state))
        self.on_msg(self._receive)

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        if message == {"kind": "begin"} or self._session is None:
            self._begin()
        if message != {"kind": "begin"}:
            assert self._session is not None
            self._session.handle(message)

    def _begin(self) -> None:
        """A page is shown: one before it ends."""
        if self._session is not None:
            self._session.close()

        def send(header: dict[str, Any], content: bytes) -> None:
            self.send(header, [content])

        source = Source(self.state_now(), self._source.activations)
        self._session = Session(source, self._workers, send)
        self._session.hello()

    def state_now(self) -> State:
        """The parameters that are set."""
        return dict(self.state)

    @property
    def experiment(self) -> Experiment:
        """What is set, as an Experiment; of several rules "both", or the first."""
        found = wanted(self.state_now(), self._source.activations)
        return found.experiment

    def close(self) -> None:
        """End it, and what it computes."""
        if self._session is not None:
            self._session.close()
        with contextlib.suppress(OSError):
            self._workers.close()
        super().close()
