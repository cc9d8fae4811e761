"""The page in a browser: a server on the loopback interface, for the one who has its token."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket

from stdyn.explorer.messages import framed
from stdyn.explorer.session import Session
from stdyn.explorer.source import Source
from stdyn.explorer.workers import Workers

PAGE = Path(__file__).parent / "page"
HOST = "127.0.0.1"
_COOKIE = "stdyn-explorer"
_FILES = {"explorer.js": "text/javascript", "explorer.css": "text/css"}
_LARGEST = 1 << 20  # bytes of a message of the page
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data: blob:"
)


class _Guarded(tornado.web.RequestHandler):
    """A handler that answers the one who has the token, and no other site's page."""

    def prepare(self) -> None:
        port = self.application.settings["port"]
        if self.request.host not in (f"{HOST}:{port}", f"localhost:{port}"):  # a name that was led here
            raise tornado.web.HTTPError(403)
        given = self.get_cookie(f"{_COOKIE}-{port}", "")
        if not hmac.compare_digest(given or "", self.application.settings["token"]):
            raise tornado.web.HTTPError(403)

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")


class _Page(_Guarded):
    def prepare(self) -> None:
        token = self.get_query_argument("token", None)
        settings = self.application.settings
        if token is not None and hmac.compare_digest(token, settings["token"]):
            self.set_cookie(f"{_COOKIE}-{settings['port']}", token, httponly=True, samesite="Strict")
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


class _Socket(_Guarded, tornado.websocket.WebSocketHandler):
    session: Session | None = None

    def check_origin(self, origin: str) -> bool:
        return origin == f"http://{self.request.host}"

    def open(self, *_: str, **__: str) -> None:
        loop = asyncio.get_running_loop()

        def send(header: dict[str, Any], content: bytes) -> None:
            loop.call_soon_threadsafe(self._write, framed(header, content))

        settings = self.application.settings
        self.session = Session(settings["source"], settings["workers"], send)
        self.session.hello()

    def _write(self, message: bytes) -> None:
        with contextlib.suppress(tornado.websocket.WebSocketClosedError):
            self.write_message(message, binary=True)

    def on_message(self, message: str | bytes) -> None:
        assert self.session is not None
        try:
            content = json.loads(message)
        except ValueError:
            content = None
        self.session.handle(content)

    def on_close(self) -> None:
        if self.session is not None:
            self.session.close()


def application(source: Source, workers: Workers, token: str, port: int) -> tornado.web.Application:
    """The server's answers."""
    handlers: list[Any] = [(r"/", _Page), (r"/(explorer\.\w+)", _File), (r"/socket", _Socket)]
    return tornado.web.Application(
        handlers,
        source=source,
        workers=workers,
        token=token,
        port=port,
        compress_response=True,
        websocket_max_message_size=_LARGEST,
    )


async def serve(source: Source, port: int, ready: Any, token: str | None = None) -> None:
    """Serve until cancelled; `ready(address)` is called with the address, which has the token."""
    token = secrets.token_urlsafe(24) if token is None else token
    workers = Workers()
    sockets = tornado.netutil.bind_sockets(port, HOST)
    bound = sockets[0].getsockname()[1]
    server = tornado.httpserver.HTTPServer(application(source, workers, token, bound))
    server.add_sockets(sockets)
    ready(f"http://{HOST}:{bound}/?token={token}")
    try:
        await asyncio.Event().wait()
    finally:
        server.stop()
        await server.close_all_connections()
        workers.close()
