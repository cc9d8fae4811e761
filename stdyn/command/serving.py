"""A page that is served until a signal comes: its address, the browser that opens it, and how else it is reached."""

import asyncio
import atexit
import getpass
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from stdyn.command.output import STOPPED_BY
from stdyn.explorer.server import serve
from stdyn.explorer.tokens import token_of
from stdyn.stopping import SIGNALS

if TYPE_CHECKING:
    from stdyn.explorer.source import Source

_WHERE = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # variables of which one says that a browser has where to open


def served(source: "Source", port: int | None, said: str, browser: bool) -> int:
    """Serve a page, whose address says something behind the #, until a signal comes; which one."""
    once = secrets.token_urlsafe(24) if browser else None

    def ready(address: str) -> None:
        behind = f"#{said}" if said else ""
        click.echo(f"{address}{behind}\nCtrl-C ends it.")
        if once is not None and _may_open():
            to_open = f"{address.partition('=')[0]}={once}{behind}"
            threading.Thread(target=_open, args=(to_open, address), daemon=True).start()
        elif once is not None or "SSH_CONNECTION" in os.environ:
            click.echo(_from_elsewhere(address))

    number, ended = asyncio.run(_until_a_signal(serve(source, port, ready, token_of, once)))
    if not ended:
        atexit.register(_leave, STOPPED_BY + number)
    return number


def _leave(code: int) -> None:
    """End the process though a thread is amid something that asks nobody, such as eigenvalues or a figure.

    Libraries that take themselves down would wait for such a thread, for seconds or for ever.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


async def _until_a_signal(serving: Coroutine[None, None, bool]) -> tuple[int, bool]:
    """The first signal, and whether what was computed has ended."""
    came: list[int] = []
    ended = True
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(serving)

    def end(number: int) -> None:
        if not came:
            task.cancel()
        came.append(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    try:
        for number in heard:
            loop.add_signal_handler(number, end, number)
        with suppress(asyncio.CancelledError):
            ended = await task
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
    return came[0], ended


def _may_open() -> bool:
    """Whether there is a screen: without one a browser of text would take the terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in _WHERE)


def _open(to_open: str, address: str) -> None:
    """Open the browser, which may take seconds; say how else the page is reached if there is none."""
    opened = False
    with suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(to_open)
    if not opened:
        click.echo(_from_elsewhere(address))


def _from_elsewhere(address: str) -> str:
    """How the page is reached from a machine that has a browser."""
    port = urlsplit(address).port
    user = "USER"
    with suppress(KeyError, OSError):
        user = getpass.getuser()
    return (
        "No browser opens here. Open the address in one of this machine's, or from your own machine through"
        f"\n  ssh -N -L {port}:127.0.0.1:{port} {user}@{socket.gethostname()}"
    )
