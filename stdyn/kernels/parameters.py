"""What a kernel knows of a problem, in one value."""

from typing import NamedTuple

import numpy as np

from stdyn.kernels.compile import compiled, inlined

RATES = ("eta", "eta_v", "sigma", "decay", "decay_v", "drift")  # those of a problem

# How `rates` stand: those of a problem, then what its rule and regime make of them, see Parameters.
COLUMNS = (*RATES, "of_v", "of_b", "square", "sphere")
ETA, ETA_V, SIGMA, DECAY, DECAY_V, DRIFT, OF_V, OF_B, SQUARE, SPHERE = range(len(COLUMNS))
WEIGHTS = len(COLUMNS)  # from here on the weights m of the outputs' losses

# How the parameters cross from Python: a plain tuple of few arrays, which numba takes apart in half of the time of a
# named one: (T and T^+, v_teacher, b, rates, codes, table, groups). The rates are of one alpha, or in simulations a row
# for a step. `groups` (2 + 2 M^2, L) has of each group of the inputs' directions the variance, the fraction, t row by
# row and t^+. Of isotropic inputs it is (0,): by its type it is decided which equations are compiled.
Plain = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Parameters(NamedTuple):
    """The parameters of a problem, by the symbols of docs/theory.md; `named` makes them on a kernel's first line."""

    T: np.ndarray  # (M, M)
    T_inverse: np.ndarray  # (M, M), the pseudo-inverse T^+
    v_teacher: np.ndarray  # (M, O)
    b: np.ndarray  # (K, O), what the learning rule adds to v; of no account where of_b = 0
    m: np.ndarray  # (O,), the weights of the outputs' losses
    eta: float
    eta_v: float
    sigma: float
    decay: float
    decay_v: float
    drift: float  # of the teacher
    of_v: float  # the backward weights are of_v v + of_b b
    of_b: float
    square: float  # the factor of eta^2 H: 1/(examples a step), 0 for gradient flow
    sphere: float  # 1: the first layer's weights keep their norms
    codes: np.ndarray  # how g and g' are evaluated (activation.py)
    groups: np.ndarray  # (2 + 2 M^2, L) of inputs with a spectrum, else (0,); see Plain
    table: np.ndarray  # what the law of the averages needs: terms of g, or points; its axes tell the law (averages/)


@inlined
def named(plain):
    """The parameters of a problem, at one alpha, from the tuple in which they cross from Python."""
    T, v_teacher, b, rates, codes, table, groups = plain
    row = rates[0]
    return Parameters(
        T[0], T[1], v_teacher, b, row[WEIGHTS:],
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9],
        codes, groups, table,
    )  # fmt: skip


@inlined
def rates_of(plain):
    """The rates (rows, columns), a row for each step or one for all; ETA, ETA_V, … are the columns."""
    return plain[3]


@inlined
def rows(table):
    """The values (rows, columns) of a table."""
    return table.reshape(table.shape[-2:])


@compiled
def backward(p, v):
    """The weights (K, O) by which errors go back, (of_v v_io + of_b b_io) m_o: the learning rule."""
    weights = np.empty(v.shape)
    for i in range(v.shape[0]):
        for o in range(v.shape[1]):
            weights[i, o] = (p.of_v * v[i, o] + p.of_b * p.b[i, o]) * p.m[o]
    return weights
