"""The Gaussian averages of the ODEs, over the fields z ~ N(0, C), by one law for one problem: a file a law.

  G_ij = <delta_i y_j>  (K, Y),   H_ik = <delta_i delta_k>  (K, K),   h_io = <Delta_o g(x_i)>  (K, O)
with Delta_o = sum_a u_ao g(z_a) - sigma zeta_o and delta_i = g'(x_i) sum_o b_io Delta_o, b the backward weights. The
y_j are any variables that are Gaussian together with the fields: G is linear in their covariances with these, `seen`
(P, Y). Of the fields themselves that is C.

Every file here is the law of its name: its kernel averages(p, C, seen, u, b) returns (G, H, h), with H = 0 where it is
not needed (p.square = 0, gradient flow), and its ANALYTIC says whether they are analytic functions of C, across the
border of the possible ones too. Which law a kernel holds is decided by the types of its arguments, before it is
compiled: what is not used is not compiled.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numba.extending import overload

LAWS: dict[str, Any] = {name: import_module(f"{__name__}.{name}") for _, name, _ in iter_modules(__path__)}
NONE = "none"  # the law of kernels without averages
_NAMES = (NONE, *LAWS)


def table(law: str = NONE, values: np.ndarray | None = None) -> np.ndarray:
    """The `table` of kernels' parameters: the values (rows, columns) that a law needs, in a type that tells the law.

    It has as many axes of length 1 before the two as the law's place in the list. A type with the name itself, of a
    structured array, would do in one process; but numba numbers such types as they come up and gives machine code names
    by these numbers. Then what two processes have compiled for two laws has one name, and a third runs either.
    """
    if law not in _NAMES:
        raise ValueError(f"there is no law {law!r} of averages, but {', '.join(LAWS)}")
    given = np.zeros((1, 1)) if values is None else np.ascontiguousarray(values, dtype=float)
    return given.reshape((1,) * _NAMES.index(law) + given.shape)


def averages(
    p: Any, C: np.ndarray, seen: np.ndarray, u: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The averages (G, H, h) by the law of the parameters p."""
    return _law(p.table.ndim).averages(p, C, seen, u, b)


def analytic(p: Any) -> bool:
    """Whether they are analytic functions of C."""
    return bool(_law(p.table.ndim).ANALYTIC)


def _law(axes: int) -> Any:
    """That of parameters whose table has so many axes."""
    return LAWS[_NAMES[axes - 2]]


def _law_of(p: Any) -> Any:
    """That of parameters of this type, for the compiler."""
    return _law(p[p.fields.index("table")].ndim)


@overload(averages)
def _averages(p, C, seen, u, b):
    return _law_of(p).averages.py_func


@overload(analytic)
def _analytic(p):
    known = bool(_law_of(p).ANALYTIC)
    return lambda p: known
