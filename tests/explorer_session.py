"""A session of the explorer without a page, and what it has said; for tests."""

import time

import numpy as np

from stdyn.explorer.session import Session
from stdyn.explorer.source import Source
from stdyn.explorer.workers import Workers

PATIENCE = 60.0  # seconds that an answer may take, on a slow machine that compiles


class Heard:
    """A session, and what it has said: headers, and the bytes of their arrays."""

    def __init__(self, workers=None, source=None):
        self.headers, self.contents, self.number = [], [], 0
        self.workers = Workers() if workers is None else workers
        self.session = Session(source or Source(), self.workers, self._hear)

    def _hear(self, header, content):
        self.contents.append(content)
        self.headers.append(header)

    def ask(self, kind, **more):
        """Ask for something; the number of the request."""
        self.number += 1
        self.session.handle({"kind": kind, "id": self.number, **more})
        return self.number

    def asked(self, kind, **more):
        """Ask for something, and hear its first answer: the header and its arrays."""
        number = self.ask(kind, **more)
        self.until(lambda: self.of(number))
        return self.of(number)[0], self.arrays(number)[0]

    def of(self, number):
        """The headers that answer a request."""
        return [each for each in self.headers if each.get("id") == number]

    def arrays(self, number):
        """The arrays of each of the answers to a request."""
        answers = zip(list(self.headers), self.contents, strict=False)
        return [arrays_of(each["arrays"], np.frombuffer(what)) for each, what in answers if each.get("id") == number]

    def until(self, condition):
        """Wait until it is true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.headers[-3:]
            time.sleep(0.005)

    def busy(self):
        """Whether anything is under way."""
        return not self.session.join(0)

    def close(self):
        """Close it; what was under way has ended."""
        self.session.close()
        assert self.session.join(PATIENCE)


def arrays_of(where, values):
    """The arrays that a header speaks of."""
    if isinstance(where, dict):
        return {name: arrays_of(each, values) for name, each in where.items()}
    begin, shape = where
    return values[begin : begin + int(np.prod(shape))].reshape(shape)
