"""One page: what it asks for is computed beside it, what is newer ends what is older, and all ends when it closes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from stdyn.checks import choice
from stdyn.errors import InputError
from stdyn.explorer import controls, copies, curves, files, maps, scans, spectra
from stdyn.explorer.messages import packed
from stdyn.explorer.slots import Slot, side_by_side
from stdyn.explorer.source import Source
from stdyn.explorer.state import Wanted
from stdyn.explorer.workers import Workers
from stdyn.model.trajectory import Trajectory
from stdyn.scans.scanfile import Scan
from stdyn.text import shown

Send = Callable[[dict[str, Any], bytes], object]
Wait = Callable[[threading.Event], object]
Message = Mapping[str, Any]

_MOST_OF_RUNS = 3 * 10**7  # numbers of the runs of a rule, in records and weights: 240 MB
_PACE = 1 << 20  # bytes a second of the runs of a rule, while they grow
_MOST_SHOWN = 10**5  # of R, of which the page gets more than the error
_MOST_OF_ODES = 10**4  # equations
_SIZES = (("inputs", "groups"), ("tasks", "heads"))  # of arrays, in tables
_MOST_OF_A_TABLE = 64


class Session:
    """Answers the messages of one page.

    Parameters
    ----------
    source : Source
        What the page begins with.
    workers : Workers
        Who computes maps.
    send : callable
        Takes a header and the bytes of its arrays, in any thread, and does not wait.
    wait : callable, optional
        Waits until more can be sent, or its event is set.
    """

    def __init__(self, source: Source, workers: Workers, send: Send, wait: Wait = lambda _: None) -> None:
        self._source, self._workers, self._send, self._wait = source, workers, send, wait
        self._slots = {name: Slot(name) for name in _SLOTS}
        self._closed = False
        self._lock = threading.Lock()

    def hello(self) -> None:
        """Say what can be moved, and where it begins."""
        table = controls.described(list(self._source.activations))
        scan = None if self._source.scan is None else scans.described(self._source.scan)
        found = {"controls": table, "quantities": maps.QUANTITIES, "state": self._source.state, "scan": scan}
        self._say({"kind": "hello", **found})

    def handle(self, message: Any) -> None:
        """Answer a message; what is none is refused."""
        kind = message.get("kind") if isinstance(message, Mapping) else None
        number = message.get("id") if isinstance(message, Mapping) else None
        if not isinstance(number, int) or kind not in (*_ANSWERS, "stop"):
            self._say({"kind": "refused", "id": None, "words": f"there is no such request: {shown(message)}"})
            return
        try:
            slot = choice("slot", message.get("slot"), _SLOTS) if kind == "stop" else _slot(message)
        except InputError as error:
            self._say({"kind": "refused", "id": number, "of": kind, "words": str(error), "name": None})
            return
        with self._lock:
            if self._closed:
                return
            for other in _ENDS.get(slot, ()):
                self._slots[other].end()
            if kind == "stop":
                self._slots[slot].end()
            else:
                self._slots[slot].put(partial(self._answer, message))

    def close(self) -> None:
        """End whatever is under way."""
        with self._lock:
            self._closed = True
            for slot in self._slots.values():
                slot.end()

    def join(self, seconds: float) -> bool:
        """Wait for what was under way as it was closed; whether it has ended."""
        until = time.monotonic() + seconds
        return not [slot for slot in self._slots.values() if not slot.join(until)]

    def _answer(self, message: Message, stop: threading.Event) -> None:
        """Answer a message, in the thread of its slot."""
        header = {"id": message["id"], "of": message["kind"]}
        self._wait(stop)
        if stop.is_set():
            return
        try:
            _ANSWERS[message["kind"]](self, message, stop)
        except InputError as error:
            name = self._source.blamed(str(error), message.get("state"))
            self._say({"kind": "refused", **header, "words": str(error), "name": name}, stop=stop)
        except Exception as error:
            self._say({"kind": "failed", **header, "words": f"{type(error).__name__}: {error}"}, stop=stop)

    def _say(
        self, header: dict[str, Any], arrays: Any = None, blob: bytes = b"", stop: threading.Event | None = None
    ) -> None:
        """Send an answer, unless it is no longer wanted: nothing of what `stop` has ended comes after what ended it."""
        message = packed(header, arrays, blob)
        with self._lock:
            if not self._closed and not (stop is not None and stop.is_set()):
                self._send(*message)

    # What is answered

    def _wanted(self, message: Message) -> Wanted:
        """What a message says; refused if it would take too much memory."""
        state = message.get("state")
        _check_tables(state)
        found = self._source.wanted(state)
        start = found.problem(found.rules[0]).start
        equations = start.R.size + start.Q.size + start.v.size
        if equations > _MOST_OF_ODES:
            words = f"at most {_MOST_OF_ODES} equations here, but have {equations} (fewer units or groups of inputs)"
            raise InputError(f"K and M must make {words}")
        of_a_run = equations * found.experiment.points
        if found.experiment.method == "network":
            of_a_run += (start.K + start.M) * found.experiment.N  # its weights
        if found.runs * of_a_run > _MOST_OF_RUNS:
            most = f"at most {_MOST_OF_RUNS // of_a_run} here, with so many units, points and inputs"
            raise InputError(f"runs must be {most}, but is {found.runs}")
        return found

    def _curves(self, message: Message, stop: threading.Event) -> None:
        wanted, draft = self._wanted(message), message.get("draft") is True
        found = (curves.drafts if draft else curves.solutions)(wanted, stop)
        if stop.is_set():
            return
        header: dict[str, Any] = {"kind": "curves", "id": message["id"], "draft": draft}
        header["rules"] = {rule: curve.header for rule, curve in found.items()}
        header["jumps"] = curves.jumps_of(found, wanted)
        header["unused"] = wanted.without_use()
        if not draft:
            header["table"] = curves.table(found, wanted)
        self._say(header, {rule: curves.arrays_of(curve.trajectory) for rule, curve in found.items()}, stop=stop)

    def _runs(self, message: Message, stop: threading.Event) -> None:
        """Runs of all rules, side by side, shown as they grow."""
        wanted = self._wanted(message)
        rules = wanted.rules if wanted.runs else ()
        side_by_side(partial(self._runs_of, wanted, rule, message["id"], stop) for rule in rules)

    def _runs_of(self, wanted: Wanted, rule: str, number: int, stop: threading.Event) -> None:
        """Runs of one rule. What all of them have recorded is said again and again, the more seldom the more it is."""
        again, count = 0.0, len(wanted.experiment.alphas())

        def show(so_far: Trajectory) -> None:
            nonlocal again
            if time.monotonic() >= again and len(so_far.alphas) < count:
                again = time.monotonic() + self._show_runs(number, rule, so_far, stop) / _PACE

        self._show_runs(number, rule, curves.simulated(wanted, rule, stop, show), stop)

    def _show_runs(self, number: int, rule: str, so_far: Trajectory, stop: threading.Event) -> int:
        """Say what is recorded of runs, of very many only the error, which is what is drawn; how many bytes it is."""
        header = {"kind": "runs", "id": number, "rule": rule, "runs": so_far.runs}
        if so_far.R.size > _MOST_SHOWN:
            arrays = {"alphas": so_far.alphas, "eps_g": so_far.eps_g}
        else:
            arrays = curves.arrays_of(so_far)
        self._say(header, {rule: arrays}, stop=stop)
        return sum(each.nbytes for each in arrays.values())

    def _map(self, message: Message, stop: threading.Event) -> None:
        """A map, from where the page has it already, in pieces that do not take long."""
        asked = maps.Map.of(self._wanted(message), message.get("map"), message.get("rule"))
        header = {"kind": "map", "id": message["id"], "map": message.get("map"), **asked.header()}
        done, places = asked.done(message.get("have")), maps.places()
        self._say({**header, "done": done, "all": len(places)}, stop=stop)
        while done < len(places):
            self._wait(stop)
            lost = self._workers.lost
            values = self._workers.call(stop, asked.solve, done)
            words = "The worker process had ended, another was started." if self._workers.lost > lost else None
            if not values:
                return
            there, done = places[done : done + len(values)], done + len(values)
            short = {"kind": "map", "id": message["id"], "map": message.get("map"), "key": header["key"]}
            arrays = {"places": there, "values": values}
            self._say({**short, "done": done, "all": len(places), "words": words}, arrays, stop=stop)

    def _copy(self, message: Message, stop: threading.Event) -> None:
        kind = choice("as", message.get("as"), tuple(_COPIES))
        text = _COPIES[kind](self._wanted(message))
        self._say({"kind": "copy", "id": message["id"], "as": kind, "text": text}, stop=stop)

    def _save(self, message: Message, stop: threading.Event) -> None:
        """A file of what is seen, solved once more: figures or data."""
        found = files.saved(self._wanted(message), choice("what", message.get("what"), files.KINDS), stop)
        if found is not None:
            name, content = found
            header = {"kind": "file", "id": message["id"], "name": name, "bytes": len(content)}
            self._wait(stop)
            self._say({**header, "type": files.TYPES[name.rpartition(".")[2]]}, blob=content, stop=stop)

    def _spectrum(self, message: Message, stop: threading.Event) -> None:
        wanted = self._wanted(message)
        rule = choice("rule", message.get("rule"), wanted.rules)
        header = {"kind": "spectrum", "id": message["id"], "rule": rule}
        for part in spectra.along(wanted, rule, stop):
            self._wait(stop)
            self._say({**header, "count": part.count}, part.arrays, stop=stop)

    def _scan(self, message: Message, stop: threading.Event) -> None:
        self._say({"kind": "scan", "id": message["id"]}, scans.points(self._opened()), stop=stop)

    def _point(self, message: Message, stop: threading.Event) -> None:
        """The trajectory of a point of the scan, and its state, unless the page has it: a link says it."""
        scan, index = self._opened(), message.get("index")
        trajectory, state, words = scans.point(scan, index, stop)
        header = {"kind": "point", "id": message["id"], "index": index, "name": scans.name(scan, index)}
        header |= {"state": None if message.get("alone") is True else state, "words": words}
        self._say(header, scans.curve(trajectory), stop=stop)

    def _opened(self) -> Scan:
        if self._source.scan is None:
            raise InputError("no scan is open")
        return self._source.scan


_COPIES = {"python": copies.as_python, "toml": copies.as_toml, "command": copies.as_command}
_ANSWERS: dict[str, Any] = {
    "curves": Session._curves,
    "runs": Session._runs,
    "map": Session._map,
    "copy": Session._copy,
    "save": Session._save,
    "spectrum": Session._spectrum,
    "scan": Session._scan,
    "point": Session._point,
}
_SLOTS = (*(kind for kind in _ANSWERS if kind != "save"), *(f"save {what}" for what in files.KINDS))
_ENDS = {"curves": ("runs",)}  # what a request ends beside the older one of its slot


def _slot(message: Message) -> str:
    """Where a message is answered: of the same slot the newer ends the older, which files of several kinds do not."""
    if message["kind"] != "save":
        return str(message["kind"])
    return f"save {choice('what', message.get('what'), files.KINDS)}"


def _check_tables(state: Any) -> None:
    """Refuse tables of a state that would make large arrays, before any is made."""
    for name, key in _SIZES if isinstance(state, Mapping) else ():
        table = state.get(name)
        number = table.get(key) if isinstance(table, Mapping) else None
        if isinstance(number, int | float) and number > _MOST_OF_A_TABLE:
            raise InputError(f"{name}: {key} must be at most {_MOST_OF_A_TABLE} here, but is {shown(number)}")
