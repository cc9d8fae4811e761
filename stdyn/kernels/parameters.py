"""What a kernel knows of a problem, in one value."""

from typing import NamedTuple

import numpy as np

from stdyn.kernels.compile import inlined

RATES = ("eta", "eta_v", "sigma", "decay", "decay_v")  # in the order in which they stand in `rates`

# How the parameters cross from Python: a plain tuple of few arrays, which numba takes apart in half of the time of a
# named one: (T and T^+, v_teacher, b, fixed_feedback, rates, codes, table).
Plain = tuple[np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray, np.ndarray, np.ndarray]


class Parameters(NamedTuple):
    """The parameters of a problem, by the symbols of docs/theory.md; `named` makes them on a kernel's first line."""

    T: np.ndarray  # (M, M)
    T_inverse: np.ndarray  # (M, M), the pseudo-inverse T^+
    v_teacher: np.ndarray  # (M, O)
    b: np.ndarray  # (K, O), the feedback weights; for backpropagation only their shape is used
    fixed_feedback: bool  # the backward weights are b (feedback alignment), else v (backpropagation)
    eta: float
    eta_v: float
    sigma: float
    decay: float
    decay_v: float
    codes: np.ndarray  # how g and g' are evaluated (activation.py)
    table: np.ndarray  # what the law of the averages needs: terms of g, or points; its axes tell the law (averages/)


@inlined
def named(plain):
    """The parameters of a problem from the tuple in which they cross from Python."""
    T, v_teacher, b, fixed_feedback, rates, codes, table = plain
    return Parameters(
        T[0], T[1], v_teacher, b, fixed_feedback, rates[0], rates[1], rates[2], rates[3], rates[4], codes, table
    )


@inlined
def rows(table):
    """The values (rows, columns) of a table."""
    return table.reshape(table.shape[-2:])


@inlined
def backward(p, v):
    """The weights (K, O) by which errors go back: the learning rule."""
    return p.b if p.fixed_feedback else v


@inlined
def backward_of_run(p, v, i, o, r):
    """The same of one run r out of many, v (K, O, runs)."""
    return p.b[i, o] if p.fixed_feedback else v[i, o, r]
