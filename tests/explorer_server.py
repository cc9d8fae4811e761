"""A server of the explorer in a thread, and a page of it without a browser; for tests."""

import asyncio
import http.client
import json
import secrets
import struct
import threading
from contextlib import contextmanager, suppress

import numpy as np
from explorer_session import PATIENCE as PATIENCE
from explorer_session import arrays_of
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from stdyn.explorer.source import Source


@contextmanager
def serving(source=None, port=0, token=None, once=None):
    """A server in a thread of its own; gives the address with the token, which is a random one if none is said."""
    from stdyn.explorer.server import serve

    ready, addresses, loops = threading.Event(), [], []

    def run():
        async def main():
            task = asyncio.ensure_future(
                serve(source or Source(), port, told, lambda _: token or secrets.token_urlsafe(), once)
            )
            loops.append((asyncio.get_running_loop(), task))
            with suppress(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def told(address):
        addresses.append(address)
        ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield addresses[0]
    finally:
        loop, task = loops[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        assert not thread.is_alive()


def parts(address):
    """The port and the token of an address."""
    where, _, token = address.partition("/?token=")
    return int(where.rpartition(":")[2]), token.partition("#")[0]


def cookie(address):
    """What a browser says that was at an address."""
    port, token = parts(address)
    return f"stdyn-explorer-{port}={token}"


def answer(address, path, headers=None, method="GET", host=None):
    """The status, the headers and the content that a request gets."""
    connection = http.client.HTTPConnection("127.0.0.1", parts(address)[0], timeout=30)
    try:
        connection.putrequest(method, path, skip_host=host is not None)
        for name, value in {**({} if host is None else {"Host": host}), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


class Page:
    """A page that asks and is answered: `async with Page(address) as page`."""

    def __init__(self, address, origin=None):
        port, _ = parts(address)
        headers = {"Cookie": cookie(address), "Origin": f"http://127.0.0.1:{port}" if origin is None else origin}
        self.request = HTTPRequest(f"ws://127.0.0.1:{port}/socket", headers=headers)
        self.number, self.over = 0, False

    async def __aenter__(self):
        self.socket = await websocket_connect(self.request, max_message_size=1 << 30)
        return self

    async def __aexit__(self, *_):
        self.socket.close()
        if not self.over:
            await self.end()

    async def message(self):
        """The next message as it comes; None when the socket is closed."""
        found = await asyncio.wait_for(self.socket.read_message(), PATIENCE)
        self.over = found is None
        return found

    async def end(self):
        """Hear everything until the socket is closed."""
        while await self.message() is not None:
            pass

    async def hear(self, *kinds):
        """The next message of one of these kinds, of any if there are none: its header and its arrays."""
        while True:
            message = await self.message()
            assert message is not None, f"closed: {self.socket.close_code} {self.socket.close_reason}"
            header, arrays = unpacked(message)
            if not kinds or header["kind"] in kinds:
                return header, arrays

    async def say(self, message):
        """Send a text, or what is one in JSON."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.socket.write_message(text, binary=isinstance(text, bytes))

    async def ask(self, kind, **more):
        """Ask for something; the number of the request."""
        self.number += 1
        await self.say({"kind": kind, "id": self.number, **more})
        return self.number

    async def asked(self, kind, **more):
        """Ask for something, and hear its answer or why there is none."""
        number = await self.ask(kind, **more)
        while True:
            header, arrays = await self.hear(kind, "refused", "failed")
            if header["id"] == number:
                return header, arrays


def unpacked(message):
    """The header of a message, and its arrays by name."""
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    values = np.frombuffer(message[4 + length :], "<f8") if "bytes" not in header else message[4 + length :]
    return header, arrays_of(header["arrays"], values)
