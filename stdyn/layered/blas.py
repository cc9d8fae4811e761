"""The two products of a training step, h W^T and W -= rate delta^T h, with the same bits in one thread and in two.

BLAS itself works in one thread here, for how its own threads cut a product up changes the last bits. A large product is
cut into two halves instead, always the same ones, which two threads of ours may compute side by side. With them one
network in batches of 100 (784-1000-10, two cores) trains 1.19 times as fast as in PyTorch, without them 0.72 times
(benchmarks/README.md).
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas
from scipy.linalg.blas import get_blas_funcs

from stdyn.layered.extra import thread_limits

Array = NDArray[np.floating]
Half = Callable[[], object]  # computes one half of a product
Compute = Callable[[Half, Half], None]  # does both, one after the other or side by side

_LARGE = 10**7  # multiplications from which a product is cut in two: below, the hand-over costs what it gives


def in_turn(first: Half, second: Half) -> None:
    """Do both halves in this thread."""
    first()
    second()


def product(h: Array, W: Array, compute: Compute = in_turn) -> Array:
    """h W^T, shape (P, n), for h (P, m) and W (n, m)."""
    if h.size * len(W) < _LARGE:
        return h @ W.T
    result = np.empty((len(h), len(W)), W.dtype)
    compute(*(partial(np.matmul, h, W[some].T, out=result[:, some]) for some in _halves(len(W))))
    return result


def subtract_product(W: Array, delta: Array, h: Array, rate: float, compute: Compute = in_turn) -> None:
    """W -= rate delta^T h in place and in one pass over W, for W (n, m) in columns, delta (P, n) and h (P, m)."""
    if not W.flags.f_contiguous or {delta.dtype, h.dtype} != {W.dtype}:
        raise TypeError("W must stand in memory column by column, and W, delta and h be of one type")
    if h.size * len(W) < _LARGE:
        _wrapped_gemm(W.dtype.char)(-rate, delta.T, h.T, 1.0, W, trans_b=True, overwrite_c=True)
        return
    delta, h = np.ascontiguousarray(delta), np.ascontiguousarray(h)
    compute(*(partial(_add_product, W[:, some], delta, h[:, some], -rate) for some in _halves(W.shape[1])))


def _halves(n: int) -> tuple[slice, slice]:
    return slice(0, n // 2), slice(n // 2, n)


@cache
def _wrapped_gemm(char: str) -> Callable[..., Array]:
    """SciPy's gemm, which is quick to call, but holds Python's lock while it works."""
    return get_blas_funcs("gemm", dtype=np.dtype(char))


def _add_product(W: Array, delta: Array, h: Array, factor: float) -> None:
    """W += factor delta^T h without Python's lock. In the columns of BLAS, delta is (n, P) and h is (m, P)."""
    if not W.size:
        return
    number = ctypes.c_float if W.dtype == np.float32 else ctypes.c_double
    sizes = [*W.shape, len(delta), *(max(a.strides[0] // a.itemsize, a.shape[1]) for a in (delta, h)), len(W)]
    n, m, P, lead_delta, lead_h, lead_W = (ctypes.byref(ctypes.c_int(size)) for size in sizes)
    one, by = ctypes.byref(number(1)), ctypes.byref(number(factor))
    gemm = _gemm_at_its_address("sgemm" if W.dtype == np.float32 else "dgemm")
    gemm(b"N", b"T", n, m, P, by, delta.ctypes.data, lead_delta, h.ctypes.data, lead_h, one, W.ctypes.data, lead_W)


@cache
def _gemm_at_its_address(name: str) -> Callable[..., None]:
    """A function of SciPy's BLAS, by the address that SciPy publishes for Cython."""
    capsule, api = vars(cython_blas)["__pyx_capi__"][name], ctypes.pythonapi
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, *[ctypes.c_void_p] * 11)(
        pointer(capsule, signature(capsule))
    )


# ---------------------------------------------------------------------------------------------------------------------
# Threads


@contextmanager
def side_by_side(threads: int) -> Iterator[Compute]:
    """What computes the halves of products: two threads, or with `threads` = 1 this one. BLAS has one meanwhile."""
    with _one_thread_of_blas():
        if threads == 1:
            yield in_turn
            return
        with ThreadPoolExecutor(1, initializer=partial(np.seterr, over="ignore", invalid="ignore")) as other:

            def compute(first: Half, second: Half) -> None:
                pending = other.submit(second)
                first()
                pending.result()

            yield compute


_lock = threading.Lock()
_limits: list[Any] = []  # one entry for every block that is entered; the first one holds the limit


@contextmanager
def _one_thread_of_blas() -> Iterator[None]:
    """Let BLAS use one thread until the last of the blocks entered so far, in any thread, is left."""
    with _lock:
        _limits.append(_limits[0] if _limits else _libraries().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()


@cache
def _libraries() -> Any:
    """The libraries that are loaded, a threadpoolctl.ThreadpoolController; to look for them takes milliseconds."""
    return thread_limits().ThreadpoolController()
