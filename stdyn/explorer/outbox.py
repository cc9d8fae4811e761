"""What waits to be read by a page: a bounded heap of messages, whoever fills it and however slowly it is read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

from stdyn.explorer.messages import framed

LARGEST = 1 << 23  # bytes that may wait before whoever makes more has to wait too
_PATIENCE = 0.05  # seconds until who waits for room looks whether it still has to
_ALL_NEEDED = ("map", "spectrum", "copy", "file")  # kinds of which each message says something else


class Outbox:
    """Messages in order. Of what the page draws whole, such as curves, a newer message takes the place of an older one.

    Parameters
    ----------
    ring : callable
        Called, in any thread, when there is something to take.
    """

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._messages: dict[tuple[Any, ...], bytes] = {}
        self._numbers = count()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """How many bytes wait."""
        return self._size

    def put(self, header: dict[str, Any], content: bytes) -> None:
        """Add a message; it never waits."""
        message = framed(header, content)
        kind = header["kind"]
        of = next(self._numbers) if kind in _ALL_NEEDED else (header.get("of"), header.get("rule"))
        with self._changed:
            if self._closed:
                return
            self._size += len(message) - len(self._messages.pop((kind, of), b""))
            self._messages[kind, of] = message
        self._ring()

    def take(self) -> bytes | None:
        """The oldest message; None if there is none."""
        with self._changed:
            if not self._messages:
                return None
            message = self._messages.pop(next(iter(self._messages)))
            self._size -= len(message)
            self._changed.notify_all()
            return message

    def wait(self, stop: threading.Event) -> None:
        """Wait until there is room for more, or nobody wants it."""
        with self._changed:
            while self._size > LARGEST and not self._closed and not stop.is_set():
                self._changed.wait(_PATIENCE)

    def close(self) -> None:
        """Forget what waits, and whatever is still added."""
        with self._changed:
            self._closed = True
            self._messages.clear()
            self._size = 0
            self._changed.notify_all()
