"""Output streams of the command, of which no failure stops its work."""

import errno
import os
from contextlib import suppress
from typing import Any, TextIO


class Tolerant:
    """A stream that goes on, into nothing, when what is written cannot be delivered.

    The terminal was closed, who read a pipe has ended, or the disk is full. `failed` is the error then. Everything but
    write and flush is the stream's own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failed: OSError | None = None

    @property
    def closed_by_reader(self) -> bool:
        """Whether it failed since there is nobody to read it."""
        return self.failed is not None and self.failed.errno in (errno.EPIPE, errno.EIO)

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Deliver what was written."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.failed = self.failed or error
        with suppress(OSError, ValueError):  # what is still in its buffer, too, so that nothing fails at the end
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
