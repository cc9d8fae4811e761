"""The two products of a training step, h W^T and W -= rate delta^T h, with the same bits in any number of threads.

BLAS itself works in one thread here: how it cuts a product up among several changes the last bits, and for small
batches they cost more than they give. A large product is cut into two halves instead, always the same ones, which two
threads of ours may compute side by side. The second product is added onto W by BLAS, in one pass over W, called by its
address: the wrappers of SciPy hold Python's lock meanwhile.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Array = NDArray[np.floating]
Run = Callable[[Sequence[Callable[[], Any]]], None]  # does the tasks, in whatever order

_LARGE = 10**7  # multiplications from which a product is cut in two: below, the hand-over costs what it gives


def in_turn(tasks: Sequence[Callable[[], Any]]) -> None:
    """Do the tasks in this thread."""
    for task in tasks:
        task()


def product(h: Array, W: Array, run: Run = in_turn) -> Array:
    """h W^T, shape (P, n), for h (P, m) and W (n, m)."""
    result = np.empty((len(h), len(W)), W.dtype)
    run([partial(np.matmul, h, W[some].T, out=result[:, some]) for some in _parts(len(W), h.size * len(W))])
    return result


def subtract_product(W: Array, delta: Array, h: Array, rate: float, run: Run = in_turn) -> None:
    """W -= rate delta^T h in place, for W (n, m) in columns, delta (P, n) and h (P, m)."""
    if not W.flags.f_contiguous or {W.dtype, delta.dtype, h.dtype} != {W.dtype}:
        raise TypeError("W must stand in memory column by column, and W, delta and h be of one type")
    delta, h = np.ascontiguousarray(delta), np.ascontiguousarray(h)
    parts = _parts(W.shape[1], h.size * len(W))
    run([partial(_gemm, W[:, some], delta, h[:, some], -rate) for some in parts])


def _parts(n: int, size: int) -> list[slice]:
    """All of n, or its two halves if a product of this size is a large one."""
    return [slice(0, n // 2), slice(n // 2, n)] if size >= _LARGE and n > 1 else [slice(0, n)]


def _gemm(W: Array, delta: Array, h: Array, factor: float) -> None:
    """W += factor delta^T h. In the columns of BLAS, delta is (n, P) and h is (m, P)."""
    number = ctypes.c_float if W.dtype == np.float32 else ctypes.c_double
    sizes = [*W.shape, len(delta), *(max(a.strides[0] // a.itemsize, a.shape[1]) for a in (delta, h)), len(W)]
    n, m, P, lead_delta, lead_h, lead_W = (ctypes.byref(ctypes.c_int(size)) for size in sizes)
    one, by = ctypes.byref(number(1)), ctypes.byref(number(factor))
    address = _address("sgemm" if W.dtype == np.float32 else "dgemm")
    address(b"N", b"T", n, m, P, by, delta.ctypes.data, lead_delta, h.ctypes.data, lead_h, one, W.ctypes.data, lead_W)


@cache
def _address(name: str) -> Any:
    """A function of SciPy's BLAS, by the address that it publishes for Cython; Python's lock is open while it works."""
    capsule, api = vars(cython_blas)["__pyx_capi__"][name], ctypes.pythonapi
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, *[ctypes.c_void_p] * 11)(
        pointer(capsule, signature(capsule))
    )


# ---------------------------------------------------------------------------------------------------------------------
# Threads


@contextmanager
def side_by_side(threads: int) -> Iterator[Run]:
    """What does the halves of products: two threads, or with `threads` = 1 this one. BLAS has one thread meanwhile."""
    with _one_thread():
        if threads == 1:
            yield in_turn
            return
        with ThreadPoolExecutor(1, initializer=partial(np.seterr, over="ignore", invalid="ignore")) as other:

            def run(tasks: Sequence[Callable[[], Any]]) -> None:
                elsewhere = [other.submit(task) for task in tasks[1:]]
                tasks[0]()
                for future in elsewhere:
                    future.result()

            yield run


_lock = threading.Lock()
_limits: list[Any] = []  # one entry for every block that is entered; the first one holds the limit


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let BLAS use one thread until the last of the blocks entered so far, in any thread, is left."""
    with _lock:
        _limits.append(_limits[0] if _limits else _controller().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()


@cache
def _controller() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
