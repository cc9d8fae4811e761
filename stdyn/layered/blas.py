"""The two products of a training step, h W^T and W -= rate delta^T h, with the same bits in any number of threads.

BLAS itself works in one thread here: how it cuts a product up among several changes the last bits, and for small
batches they cost more than they give. A large product is cut into two halves instead, always the same ones, which two
threads of ours may compute side by side. The second product is added onto W by BLAS in one pass over W; in two threads
it is called by its address, for SciPy's wrapper holds Python's lock meanwhile.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas
from scipy.linalg.blas import get_blas_funcs

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Array = NDArray[np.floating]
Halves = tuple[Callable[[], Any], Callable[[], Any]]
Run = Callable[[Halves], None]  # does both, in whatever order

_LARGE = 10**7  # multiplications from which a product is cut in two: below, the hand-over costs what it gives


def in_turn(halves: Halves) -> None:
    """Do both in this thread."""
    for half in halves:
        half()


def product(h: Array, W: Array, run: Run = in_turn) -> Array:
    """h W^T, shape (P, n), for h (P, m) and W (n, m)."""
    if h.size * len(W) < _LARGE:
        return h @ W.T
    result = np.empty((len(h), len(W)), W.dtype)
    first, second = (partial(np.matmul, h, W[some].T, out=result[:, some]) for some in _halves(len(W)))
    run((first, second))
    return result


def subtract_product(W: Array, delta: Array, h: Array, rate: float, run: Run = in_turn) -> None:
    """W -= rate delta^T h in place, for W (n, m) in columns, delta (P, n) and h (P, m)."""
    if not W.flags.f_contiguous or {delta.dtype, h.dtype} != {W.dtype}:
        raise TypeError("W must stand in memory column by column, and W, delta and h be of one type")
    if h.size * len(W) < _LARGE:
        _wrapper(W.dtype.char)(-rate, delta.T, h.T, 1.0, W, trans_b=True, overwrite_c=True)
        return
    delta, h = np.ascontiguousarray(delta), np.ascontiguousarray(h)
    first, second = (partial(_gemm, W[:, some], delta, h[:, some], -rate) for some in _halves(W.shape[1]))
    run((first, second))


def _halves(n: int) -> tuple[slice, slice]:
    return slice(0, n // 2), slice(n // 2, n)


@cache
def _wrapper(char: str) -> Any:
    """SciPy's gemm, for small products: it is quick to call."""
    return get_blas_funcs("gemm", dtype=np.dtype(char))


def _gemm(W: Array, delta: Array, h: Array, factor: float) -> None:
    """W += factor delta^T h. In the columns of BLAS, delta is (n, P) and h is (m, P)."""
    if not W.size:
        return
    number = ctypes.c_float if W.dtype == np.float32 else ctypes.c_double
    sizes = [*W.shape, len(delta), *(max(a.strides[0] // a.itemsize, a.shape[1]) for a in (delta, h)), len(W)]
    n, m, P, lead_delta, lead_h, lead_W = (ctypes.byref(ctypes.c_int(size)) for size in sizes)
    one, by = ctypes.byref(number(1)), ctypes.byref(number(factor))
    gemm = _address("sgemm" if W.dtype == np.float32 else "dgemm")
    gemm(b"N", b"T", n, m, P, by, delta.ctypes.data, lead_delta, h.ctypes.data, lead_h, one, W.ctypes.data, lead_W)


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
        todo: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        done: SimpleQueue[BaseException | None] = SimpleQueue()

        def run(halves: Halves) -> None:
            todo.put(halves[1])
            halves[0]()
            error = done.get()
            if error is not None:
                raise error

        other = threading.Thread(target=_serve, args=(todo, done), daemon=True)
        other.start()
        try:
            yield run
        finally:
            todo.put(None)
            other.join()


def _serve(todo: "SimpleQueue[Callable[[], Any] | None]", done: "SimpleQueue[BaseException | None]") -> None:
    """Do what is put into the queue; quicker at it than an executor."""
    with np.errstate(over="ignore", invalid="ignore"):
        while (task := todo.get()) is not None:
            try:
                task()
            except BaseException as error:
                done.put(error)
            else:
                done.put(None)


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
