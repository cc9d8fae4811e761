"""The page in a browser: a server on the loopback interface, for the one who has its token."""

from __future__ import annotations

import asyncio
import errno
import hmac
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import tornado.httpserver
import tornado.web
import tornado.websocket

from stdyn.errors import InputError
from stdyn.explorer.messages import read
from stdyn.explorer.outbox import Outbox
from stdyn.explorer.session import Session
from stdyn.explorer.source import Source
from stdyn.explorer.workers import Workers

PAGE = Path(__file__).parent / "page"
HOST = "127.0.0.1"
PORT = 8765
MOST_PAGES = 16

_TRIED = 50  # ports after the usual one, where it is taken
_NAMES = (HOST, "localhost")  # by which a browser may call this machine; a name of somebody else's was led here
_COOKIE = "stdyn-explorer"
_KEPT = 30  # days that a browser keeps the token
_ONCE = 120.0  # seconds in which the address for one visit has to be used
_FILES = {"explorer.js": "text/javascript; charset=utf-8", "explorer.css": "text/css; charset=utf-8"}
_LARGEST = 1 << 20  # bytes of a message of the page
_OF_A_REQUEST = {"max_header_size": 1 << 15, "max_body_size": 1 << 10}  # bytes
_IDLE = 60.0  # seconds after which a connection that asks for nothing is closed
_GRACE = 0.5  # seconds that computations and connections get to end
_AGAIN, _GOING = 1013, 1001  # why a socket is closed: try again later, the server ends
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " connect-src 'self'; img-src data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WORDS = {
    403: "This page opens by the address that stdyn explore has printed, with its token.",
    404: "There is no such page.",
}

Ready = Callable[[str], object]


class _Guarded(tornado.web.RequestHandler):
    """A handler that answers the one who has the token, and no other site's page."""

    def prepare(self) -> None:
        self._check_name()
        if not _same(self.get_cookie(self._cookie, ""), self.settings["token"]):
            raise tornado.web.HTTPError(403)

    def _check_name(self) -> None:
        """Refuse a name that is not this machine's; its port is another one where it comes through a tunnel."""
        name, _, port = self.request.host.partition(":")
        if name not in _NAMES or not (port.isdecimal() or not port):
            raise tornado.web.HTTPError(403)

    @property
    def _cookie(self) -> str:
        """The cookie's name: browsers do not tell the ports of a machine apart."""
        return f"{_COOKIE}-{self.request.host.partition(':')[2] or 80}"

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(_WORDS.get(status_code, self._reason) + "\n")


class _Page(_Guarded):
    def prepare(self) -> None:
        self._check_name()
        token = self.get_query_argument("token", None)
        if token is not None and (_same(token, self.settings["token"]) or self.settings["visit"].allows(token)):
            token = self.settings["token"]
            self.set_cookie(self._cookie, token, expires_days=_KEPT, httponly=True, samesite="Lax")
            self.redirect("/")
            return
        super().prepare()

    def get(self) -> None:
        self.finish((PAGE / "index.html").read_bytes())


class _File(_Guarded):
    def get(self, name: str) -> None:
        if name not in _FILES:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", _FILES[name])
        self.finish((PAGE / name).read_bytes())


class _Nothing(_Guarded):
    def get(self) -> None:
        raise tornado.web.HTTPError(404)


class _Socket(_Guarded, tornado.websocket.WebSocketHandler):
    """The messages of a page. They wait in an outbox until they are read."""

    session: Session | None = None

    def prepare(self) -> None:
        super().prepare()
        if not self.check_origin(self.request.headers.get("Origin", "")):  # also where tornado asks less
            raise tornado.web.HTTPError(403)

    def check_origin(self, origin: str) -> bool:
        return origin == f"http://{self.request.host}"

    def open(self, *_: str, **__: str) -> None:
        open_now: set[_Socket] = self.settings["sockets"]
        if len(open_now) >= MOST_PAGES:
            self.close(_AGAIN, f"{MOST_PAGES} pages of the explorer are open: close one of them")
            return
        open_now.add(self)
        loop, self._filled = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._filled.set)

        self.outbox = Outbox(ring)
        self._writing = asyncio.ensure_future(self._write())
        self.session = Session(self.settings["source"], self.settings["workers"], self.outbox.put, self.outbox.wait)
        self.settings["sessions"].add(self.session)
        self.session.hello()

    async def _write(self) -> None:
        """Write what is in the outbox, a message when the one before it is gone."""
        with suppress(tornado.websocket.WebSocketClosedError):
            while True:
                await self._filled.wait()
                self._filled.clear()
                while (message := self.outbox.take()) is not None:
                    await self.write_message(message, binary=True)

    def on_message(self, message: str | bytes) -> None:
        try:
            content = read(message) if isinstance(message, str) else None
        except ValueError:
            content = None
        if self.session is not None:
            self.session.handle(content)

    def on_close(self) -> None:
        self.settings["sockets"].discard(self)
        if self.session is not None:
            self.session.close()
            self.outbox.close()
            self._writing.cancel()


class _Visit:
    """A token that opens the page once, soon after the start: others may see what a browser is started with."""

    def __init__(self, token: str | None) -> None:
        self._token, self._until = token, time.monotonic() + _ONCE

    def allows(self, token: str) -> bool:
        """Whether this is the token, and its first use."""
        if self._token is None or time.monotonic() > self._until or not _same(token, self._token):
            return False
        self._token = None
        return True


def _same(given: str | None, token: str) -> bool:
    """Whether it is the token; the time that this takes does not say how much of it is."""
    return hmac.compare_digest((given or "").encode(), token.encode())


def application(source: Source, workers: Workers, token: str, once: str | None = None) -> tornado.web.Application:
    """The server's answers."""
    handlers: list[Any] = [(r"/", _Page), (r"/(explorer\.\w+)", _File), (r"/socket", _Socket)]
    return tornado.web.Application(
        handlers,
        default_handler_class=_Nothing,
        source=source,
        workers=workers,
        token=token,
        visit=_Visit(once),
        sockets=set(),
        sessions=WeakSet(),
        compress_response=True,
        websocket_max_message_size=_LARGEST,
        log_function=lambda _: None,
    )


def listening(port: int | None) -> socket.socket:
    """What listens at a port of the loopback interface; of None at the usual one, or the next that is free."""
    for each in (port,) if port is not None else (*range(PORT, PORT + _TRIED + 1), 0):
        try:
            found = socket.create_server((HOST, each), backlog=128)
        except OSError as error:
            if port is None and error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            why = "taken" if error.errno == errno.EADDRINUSE else f"not to be had: {os.strerror(error.errno or 0)}"
            raise InputError(f"port must be one that is free, but {each} is {why} (--port 0 takes any)") from None
        found.setblocking(False)
        return found
    raise InputError(f"port must be one that is free, but {HOST} has none")


async def serve(
    source: Source,
    port: int | None,
    ready: Ready,
    token: Callable[[int], str],
    once: str | None = None,
) -> bool:
    """Serve until cancelled; whether what was computed has ended then.

    Parameters
    ----------
    source : Source
        What a page begins with.
    port : int or None
        Where it listens: 0 is any that is free, None the usual one or the next that is free.
    ready : callable
        Called with the address, which has the token.
    token : callable
        Makes the page's token of the port.
    once : str, optional
        What takes the token's place at one visit.
    """
    listener = listening(port)
    bound = listener.getsockname()[1]
    of_page = token(bound)
    workers = Workers()
    answers = application(source, workers, of_page, once)
    server = tornado.httpserver.HTTPServer(answers, idle_connection_timeout=_IDLE, **_OF_A_REQUEST)
    server.add_socket(listener)
    try:
        ready(f"http://{HOST}:{bound}/?token={of_page}")
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    finally:
        server.stop()
        ended = await _end(server, answers.settings["sockets"], [*answers.settings["sessions"]], workers)
    return ended


async def _end(
    server: tornado.httpserver.HTTPServer, pages: set[_Socket], sessions: list[Session], workers: Workers
) -> bool:
    """End what is computed, close the connections, and end the worker; whether nothing is under way any more.

    The sessions are those of pages that are closed, too, as far as something is still under way in them.
    """
    for session in sessions:
        session.close()
    for page in [*pages]:
        page.close(_GOING)
    until = time.monotonic() + _GRACE
    workers.close()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), _GRACE / 2)
    return all(session.join(until - time.monotonic()) for session in sessions)
