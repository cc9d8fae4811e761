"""A Dask cluster as a concurrent.futures.Executor. Nothing of Dask is imported here: its client is handed in."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

_PAUSES = (0.1, 1.0, 10.0)  # seconds until a result is asked for again, where its connection ended but not the cluster


class ClusterExecutor(Executor):
    """The workers of a Dask cluster, for `scan`.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler; closing it is left to whoever made it.

    Notes
    -----
    Dask's own executor, client.get_executor(), will not do: its futures never end, or fail with a TypeError or
    ValueError, if a worker or the scheduler dies while a result is on its way. Here Dask's future is awaited itself,
    and again where a connection has ended but the cluster has not.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """function(*arguments, **keywords) on some worker; if that dies, on another one."""
        there = self._client.submit(function, *arguments, pure=False, **keywords)
        return asyncio.run_coroutine_threadsafe(_result(there), self._client.loop.asyncio_loop)


async def _result(there: Any) -> Any:
    """What a Dask future gives."""
    try:
        for pause in _PAUSES:
            try:
                return await there
            except OSError:  # the connection; what the function raised, too, but then the status says so
                if there.status == "error":
                    raise
            await asyncio.sleep(pause)
        return await there
    finally:
        there.release()  # a point that is dropped must not stay on the scheduler
