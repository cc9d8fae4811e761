"""Who looks on while something long is computed: may end it early, and is shown what is recorded meanwhile."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from stdyn.errors import InputError
from stdyn.text import shown

_OFTEN = 0.05  # seconds at least between two looks at what was recorded

OnRecord = Callable[[Any], object]  # called with a Trajectory


class Event(Protocol):
    """A threading.Event, or that of multiprocessing or asyncio."""

    def is_set(self) -> bool:
        """Whether to stop."""


Stop = Callable[[], object] | Event


class Onlooker:
    """What `stop` and `on_record` ask for.

    Attributes
    ----------
    asked : bool
        Whether `stop` has said that it is enough.
    """

    def __init__(self, stop: Stop | None, on_record: OnRecord | None) -> None:
        self._stop = _function(stop)
        if on_record is not None and not callable(on_record):
            raise InputError(f"on_record must be a function of a Trajectory, but is {shown(on_record)}")
        self._on_record = on_record
        self.asked = False
        self._seen, self._last = 0, -_OFTEN

    @property
    def may_stop(self) -> bool:
        """Whether anybody may ask to stop."""
        return self._stop is not None

    def stops(self) -> bool:
        """Whether to stop now."""
        if self._stop is not None and not self.asked:
            self.asked = bool(self._stop())
        return self.asked

    def look(self, rows: int, so_far: Callable[[], Any]) -> None:
        """Show what `so_far` makes of so many rows, if there are new ones and the last look was a while ago."""
        if self._on_record is not None and rows > self._seen and time.perf_counter() - self._last >= _OFTEN:
            self._on_record(so_far())
            self._seen, self._last = rows, time.perf_counter()

    def see(self, result: Any) -> None:
        """Show the result, as the last that is shown."""
        if self._on_record is not None:
            self._on_record(result)


def _function(stop: Stop | None) -> Callable[[], object] | None:
    """What says whether to stop, of a function or an event."""
    is_set = getattr(stop, "is_set", None)
    if callable(is_set):
        return is_set
    if stop is not None and not callable(stop):
        raise InputError(f"stop must be a function without arguments or an Event, but is {shown(stop)}")
    return stop
