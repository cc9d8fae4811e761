"""One page: what it asks for is computed beside it, what is newer ends what is older, and all ends when it closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from functools import partial
from typing import Any

from stdyn.checks import choice
from stdyn.errors import InputError
from stdyn.explorer import controls, copies, curves, scans, spectra
from stdyn.explorer.maps import SHAPE, Map
from stdyn.explorer.messages import packed
from stdyn.explorer.source import Source
from stdyn.explorer.state import Wanted, blamed
from stdyn.explorer.workers import Workers
from stdyn.scans.scanfile import Scan
from stdyn.text import shown

Send = Callable[[dict[str, Any], bytes], object]
Message = Mapping[str, Any]

_PATIENCE = 0.05  # seconds until a request that waits for a worker looks whether it is still wanted


class Session:
    """Answers the messages of one page.

    Parameters
    ----------
    source : Source
        What the page begins with.
    workers : Workers
        Who computes maps.
    send : callable
        Takes a header and the bytes of its arrays, in any thread.
    """

    def __init__(self, source: Source, workers: Workers, send: Send) -> None:
        self._source, self._workers, self._send = source, workers, send
        self._pool = ThreadPoolExecutor(thread_name_prefix="stdyn-explorer")
        self._under_way: dict[str, threading.Event] = {}
        self._one_at_a_time: dict[str, threading.Lock] = {}
        self._closed = False
        self._lock = threading.Lock()

    def hello(self) -> None:
        """Say what can be moved, and where it begins."""
        table = controls.described(list(self._source.activations))
        scan = None if self._source.scan is None else scans.described(self._source.scan)
        self._say({"kind": "hello", "controls": table, "state": self._source.state, "scan": scan})

    def handle(self, message: Any) -> None:
        """Answer a message; what is none is refused."""
        kind = message.get("kind") if isinstance(message, Mapping) else None
        number = message.get("id") if isinstance(message, Mapping) else None
        answer = _ANSWERS.get(kind) if isinstance(kind, str) else None
        if answer is None or not isinstance(number, int):
            self._say({"kind": "refused", "id": None, "words": f"there is no such request: {shown(message)}"})
            return
        slot, function = answer
        if function is None:
            self._end(message.get("slot"))
            return
        stop = self._begin(slot)
        with self._lock:
            if not self._closed:
                self._pool.submit(self._answer, slot, stop, function, message)

    def close(self) -> None:
        """End whatever is under way."""
        with self._lock:
            self._closed = True
            for stop in self._under_way.values():
                stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, slot: str) -> threading.Event:
        """The event that ends a new request of a slot; that before it is set. New curves end their older runs, too."""
        stop = threading.Event()
        with self._lock:
            for other in (slot, *_ENDS.get(slot, ())):
                before = self._under_way.pop(other, None)
                if before is not None:
                    before.set()
            self._under_way[slot] = stop
            self._one_at_a_time.setdefault(slot, threading.Lock())
        return stop

    def _end(self, slot: Any) -> None:
        """End what is under way in a slot."""
        with self._lock:
            before = self._under_way.pop(slot, None) if isinstance(slot, str) else None
        if before is not None:
            before.set()

    def _answer(self, slot: str, stop: threading.Event, function: Any, message: Message) -> None:
        """Answer a message in a thread, when the one before it of its slot has ended."""
        with self._one_at_a_time[slot]:
            if stop.is_set():
                return
            number = message["id"]
            try:
                function(self, message, stop)
            except InputError as error:
                name = blamed(str(error), message.get("state"))
                self._say({"kind": "refused", "id": number, "of": message["kind"], "words": str(error), "name": name})
            except Exception as error:
                words = f"{type(error).__name__}: {error}"
                self._say({"kind": "failed", "id": number, "of": message["kind"], "words": words})

    def _say(self, header: dict[str, Any], arrays: Any = None, blob: bytes = b"") -> None:
        if not self._closed:
            self._send(*packed(header, arrays, blob))

    # What is answered

    def _wanted(self, message: Message) -> Wanted:
        return self._source.wanted(message.get("state"))

    def _curves(self, message: Message, stop: threading.Event) -> None:
        wanted, draft = self._wanted(message), message.get("draft") is True
        found = (curves.drafts if draft else curves.solutions)(wanted, stop)
        if stop.is_set():
            return
        header = {"kind": "curves", "id": message["id"], "draft": draft}
        header["rules"] = {rule: curve.header for rule, curve in found.items()}
        header["unused"] = wanted.without_use()
        if not draft:
            header["table"] = curves.table(found, wanted)
        self._say(header, {rule: curves.arrays_of(curve.trajectory) for rule, curve in found.items()})

    def _runs(self, message: Message, stop: threading.Event) -> None:
        wanted = self._wanted(message)
        for rule in wanted.rules if wanted.runs else ():
            show = partial(self._show_runs, message["id"], rule)
            curves.simulated(wanted, rule, stop, show)

    def _show_runs(self, number: int, rule: str, so_far: Any) -> None:
        header = {"kind": "runs", "id": number, "rule": rule, "runs": so_far.runs}
        self._say(header, {rule: curves.arrays_of(so_far)})

    def _map(self, message: Message, stop: threading.Event) -> None:
        asked = Map.of(self._wanted(message), message.get("map"), message.get("rule"), message.get("value"))
        header = {"kind": "map", "id": message["id"], "shape": SHAPE, "rule": asked.rule, "value": asked.value}
        header |= {"x": asdict(asked.x), "y": asdict(asked.y), "b": asked.experiment.b}
        for stride, places in asked.chunks():
            future = self._workers.submit(asked.solve, places)
            while not wait([future], timeout=_PATIENCE).done:
                if stop.is_set():
                    future.cancel()
                    return
            if stop.is_set():
                return
            self._say({**header, "stride": stride}, {"places": places, "values": future.result()})
        self._say({**header, "stride": 0})

    def _copy(self, message: Message, _: threading.Event) -> None:
        kind = choice("as", message.get("as"), tuple(_COPIES))
        self._say({"kind": "copy", "id": message["id"], "as": kind, "text": _COPIES[kind](self._wanted(message))})

    def _save(self, message: Message, stop: threading.Event) -> None:
        """Files of what is seen, solved once more: figures or data."""
        wanted, what = self._wanted(message), choice("what", message.get("what"), ("svg", "png", "h5"))
        trajectories = {f"{rule}_ode": curve.trajectory for rule, curve in curves.solutions(wanted, stop).items()}
        for rule in wanted.rules if wanted.runs else ():
            trajectories[f"{rule}_{wanted.experiment.method}"] = curves.simulated(wanted, rule, stop, None)
        if stop.is_set():
            return
        found = copies.files(trajectories) if what == "h5" else copies.figures([*trajectories.values()], what)
        for name, content in found.items():
            header = {"kind": "file", "id": message["id"], "name": name, "type": _TYPES[what], "bytes": len(content)}
            self._say(header, blob=content)

    def _spectrum(self, message: Message, stop: threading.Event) -> None:
        wanted = self._wanted(message)
        rule = choice("rule", message.get("rule"), wanted.rules)
        header = {"kind": "spectrum", "id": message["id"], "rule": rule}
        for part in spectra.along(wanted, rule, stop):
            self._say({**header, "count": part.count}, part.arrays)

    def _scan(self, message: Message, _: threading.Event) -> None:
        self._say({"kind": "scan", "id": message["id"]}, scans.points(self._opened()))

    def _point(self, message: Message, _: threading.Event) -> None:
        trajectory, state, words = scans.point(self._opened(), message.get("index"))
        header = {"kind": "point", "id": message["id"], "index": message.get("index"), "state": state, "words": words}
        self._say(header, scans.curve(trajectory))

    def _opened(self) -> Scan:
        if self._source.scan is None:
            raise InputError("no scan is open: stdyn explore SCAN.h5")
        return self._source.scan


_COPIES = {"python": copies.as_python, "toml": copies.as_toml, "command": copies.as_command}
_TYPES = {"svg": "image/svg+xml", "png": "image/png", "h5": "application/x-hdf5"}
_ANSWERS: dict[str, tuple[str, Any]] = {
    "stop": ("", None),
    "curves": ("curves", Session._curves),
    "runs": ("runs", Session._runs),
    "map": ("map", Session._map),
    "copy": ("copy", Session._copy),
    "save": ("save", Session._save),
    "spectrum": ("spectrum", Session._spectrum),
    "scan": ("scan", Session._scan),
    "point": ("point", Session._point),
}
_ENDS = {"curves": ("runs",)}  # what a request ends beside the older one of its slot
