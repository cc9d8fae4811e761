"""Where a command's work is done: in worker processes, or on a Dask cluster."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from stdyn.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client


@contextmanager
def worker_processes(workers: int | None, most: int = sys.maxsize) -> "Iterator[Executor | None]":
    """Worker processes, no more than are of use; None if one is enough, which is this one."""
    from stdyn.checks import integer
    from stdyn.executors import cores, processes

    count = min(most, cores() if workers is None else integer("workers", workers, 1))
    if count == 1:
        yield None
    else:
        with processes(count) as pool:
            yield pool


@contextmanager
def cluster(address: str) -> "Iterator[Client]":
    """A client of the Dask scheduler at this address."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError("scheduler needs Dask, which pip install 'stdyn[cluster]' brings") from None
    with muted("distributed", "tornado", "asyncio"):  # what ends a scan is said by the scan, in one line
        client = _connected(address)
        try:
            if not client.nthreads():
                click.echo(f"the scheduler at {address} has no workers yet; waiting for them", err=True)
            yield client
        finally:
            with suppress(OSError):  # a scheduler that is gone or does not answer need not know
                client.close(timeout=2)


@contextmanager
def muted(*packages: str) -> Iterator[None]:
    """Let the loggers of these packages say nothing but what is critical while the block lasts."""
    import logging

    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in packages]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}  # some have levels of their own
    for logger in levels:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _connected(address: str) -> "Client":
    import asyncio

    from distributed import Client, Security
    from distributed.comm import connect, parse_address, parse_host_port

    async def try_to_connect() -> None:
        scheme, location = parse_address(address)
        port = parse_host_port(location, 8786)[1] if scheme in ("tcp", "tls", "ws", "wss") else 1
        if not 0 < port < 2**16:  # Dask would try for seconds
            raise ValueError(f"there is no port {port}")
        security = Security().get_connection_args("client")
        await (await asyncio.wait_for(connect(address, timeout=8, **security), 10)).close()

    try:
        asyncio.run(try_to_connect())  # first: a Client waits for ever if something else listens there
        return Client(address, timeout=10)
    except Exception as error:  # OSError, ValueError or TypeError: the address may be wrong in many ways
        why = " ".join(str(error).split()) or "no answer within 10 s"
        raise InputError(f"no Dask scheduler answers at scheduler = {address!r} ({why})") from None
