"""The page in a notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(f"stdyn.Explorer needs anywidget: pip install 'stdyn[explore]' ({error})") from None

from stdyn import showing
from stdyn.errors import InputError
from stdyn.explorer.controls import BY_NAME
from stdyn.explorer.copies import together, whole
from stdyn.explorer.messages import plain
from stdyn.explorer.session import Session
from stdyn.explorer.source import Source
from stdyn.explorer.state import State, Wanted
from stdyn.explorer.workers import Workers
from stdyn.html import card, lines, listing
from stdyn.model.experiment import Experiment
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.scans.scanfile import Scan
from stdyn.text import message, shown
from stdyn.theory.ode import integrate
from stdyn.values import ReadOnly

_PAGE = Path(__file__).parent / "page"
_VIEWS = 16  # of a widget, that are answered without being begun again


class _InputError(InputError, traitlets.TraitError):
    """A state that is none, said so that what was set before stays."""


# what a traceback in a notebook says that it is
_InputError.__name__ = _InputError.__qualname__ = InputError.__name__
_InputError.__module__ = InputError.__module__


class _Table(traitlets.Dict):
    """A dict, refused as other things are that are none."""

    def validate(self, obj: Any, value: Any) -> Any:
        if not isinstance(value, dict):
            raise _InputError(f"state must be a dict of parameters, but is {shown(value)}")
        return super().validate(obj, value)


class Explorer(anywidget.AnyWidget):
    """The explorer in a notebook: parameters under sliders, theory and runs beside them.

    The page and Python see the same parameters: what is moved on the page is in `state`, and what is set there moves
    the page. While a cell runs it is answered where the kernel has subshells (ipykernel 7 in JupyterLab), elsewhere
    afterwards.

    Parameters
    ----------
    problem : Problem, Experiment or Scan, optional
        What it begins with, or a scan whose points can be looked at; default: FA and BP of three hidden units.

    Attributes
    ----------
    state : dict
        The parameters that are set, as in the address of the page of ``stdyn explore``; those that are not in it are as
        usual. It is read-only: another dict can be set, and ``explorer.observe(function, "state")`` has a function
        called when it changes.

    Raises
    ------
    InputError
        If it is none of these, or a problem whose start the page cannot show; if a `state` is set that is none.
    ImportError
        If anywidget is not installed.

    See Also
    --------
    Experiment, integrate, open_scan

    Examples
    --------
    >>> explorer = stdyn.Explorer(problem)  # the last line of a cell shows it
    >>> explorer.state = explorer.state | {"eta": 0.7}
    >>> explorer.experiment.eta
    0.7
    >>> float(explorer.theory["fa"].alphas[-1])
    3000.0
    >>> explorer.close()
    """

    _esm = _PAGE / "explorer.js"
    _css = _PAGE / "explorer.css"
    state = _Table().tag(sync=True)

    def __init__(self, problem: Problem | Experiment | Scan | None = None) -> None:
        self._workers = Workers()
        self._sessions: dict[str, Session] = {}  # of the views that are shown, by their names; that used last is last
        self._lock = threading.RLock()  # messages may come in several threads
        self._solved: tuple[Any, dict[str, Trajectory]] = (None, {})
        if not isinstance(problem, Problem | Experiment | Scan | None):
            raise InputError(f"problem must be a Problem, an Experiment or a Scan, but is {shown(problem)}")
        source = Source.of(problem)
        self._source = replace(source, state=_not_usual(source.state))
        super().__init__(state=self._source.state)
        self.on_msg(self._receive)

    # What is set

    @traitlets.validate("state")
    def _checked(self, proposal: Mapping[str, Any]) -> ReadOnly:
        state = plain(proposal["value"])
        try:
            self._source.wanted(state)
        except InputError as error:
            raise _InputError(error) from None
        return ReadOnly(state)

    @property
    def _wanted(self) -> Wanted:
        return self._source.wanted(self.state)

    @property
    def experiment(self) -> Experiment:
        """What is set, as an Experiment; its rule is "both" of FA and BP, else the first of the rules."""
        return replace(whole(self._wanted), rule=together(self._wanted.rules)[0])

    @property
    def problems(self) -> dict[str, Problem]:
        """The problem of each rule."""
        return self._wanted.problems

    @property
    def theory(self) -> dict[str, Trajectory]:
        """The solution of each rule, as the page draws it; computed if it is not yet."""
        state = self.state
        if state != self._solved[0]:
            of = self._wanted
            how = of.experiment.alphas(), of.experiment.ode_method, of.experiment.rtol
            found = {rule: integrate(problem, *how, error=False) for rule, problem in of.problems.items()}
            self._solved = state, found
        return dict(self._solved[1])

    def __setattr__(self, name: str, value: Any) -> None:
        if name in BY_NAME:  # which would change nothing
            said = f"explorer.state | {{{name!r}: {shown(value)}}}"
            raise AttributeError(f"a parameter is set by explorer.state = {said}")
        super().__setattr__(name, value)

    # The views of it that are shown

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        """A message of a view of it."""
        view, kind = (str(message.get(name)) for name in ("view", "kind")) if isinstance(message, Mapping) else ("", "")
        if kind == "there":  # what a page asks that has heard nothing for a while
            self._sender(view)({"kind": "there"}, b"")
        elif kind == "end":
            self._end(view)
        elif kind == "begin":
            self._session(view)
        else:
            self._session(view).handle(message)

    def _session(self, view: str) -> Session:
        """What answers a view; it begins where there is none."""
        with self._lock:
            session = self._sessions.pop(view, None)
            if session is None:
                session = Session(self._source, self._workers, self._sender(view))
                session.hello()
            self._sessions[view] = session
            for old in [*self._sessions][:-_VIEWS]:
                self._sessions.pop(old).close()
        return session

    def _sender(self, view: str) -> Callable[[dict[str, Any], bytes], None]:
        return lambda header, content: self.send({**header, "view": view}, [content])

    def _end(self, view: str) -> None:
        """A view is no longer shown: what it has asked for ends, with the last one also the worker process."""
        with self._lock:
            session = self._sessions.pop(view, None)
            if session is not None:
                session.close()
            if not self._sessions:
                idle, self._workers = self._workers, Workers()
                threading.Thread(target=idle.close, name="stdyn-explorer-end", daemon=True).start()

    def close(self) -> None:
        """End it wherever it is shown, and what it computes."""
        for view in [*vars(self).get("_sessions", ())]:  # none if it was refused before there were any
            self._end(view)
        super().close()

    # How it shows itself where no page is

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": showing.in_notebook(self, _card)}, metadata


def _not_usual(state: State) -> State:
    """A state without what means the same if it is not said."""
    return {name: each for name, each in state.items() if each != BY_NAME[name].usual}


def _line(explorer: Explorer) -> str:
    said = [f"{name} = {each}" for name, each in _not_usual(explorer.state).items() if name != "rules"]
    return f"{', '.join(explorer._wanted.rules)}: {', '.join(said)}"


def _card(explorer: Explorer) -> str:
    """What is set, for a notebook that is read where no kernel runs."""
    rows = {name: message(str(each), 80) for name, each in _not_usual(explorer.state).items()}
    rows |= {"rules": ", ".join(explorer._wanted.rules)}
    return card("Explorer", listing(rows), lines(["Run its cell to move the parameters."]))
