"""The spectrum along a trajectory: what grows, and how fast."""

from __future__ import annotations

import threading

import numpy as np

from stdyn.checks import Array
from stdyn.explorer.curves import solutions
from stdyn.explorer.state import Wanted
from stdyn.theory.fixedpoint import ZERO
from stdyn.theory.flow import flow

_MOST = 41  # alphas at which it is computed
_AT_ONCE = 4


def along(wanted: Wanted, rule: str, stop: threading.Event) -> tuple[Array, Array, Array]:
    """Alphas (A,), real parts (A, L) of the Jacobian's eigenvalues, and 1 where one is positive beyond rounding."""
    trajectory = solutions(wanted, stop)[rule].trajectory
    rows = np.unique(np.linspace(0, len(trajectory.alphas) - 1, _MOST).round().astype(int))
    of = flow(trajectory.problem)
    found = []
    for begin in range(0, len(rows), _AT_ONCE):
        if stop.is_set():
            break
        found.append(of.spectrum(trajectory.isel(alpha=rows[begin : begin + _AT_ONCE])))
    eigenvalues = np.concatenate(found) if found else np.empty((0, 0), complex)
    zero = ZERO * np.abs(eigenvalues).max(axis=1, initial=0, keepdims=True)
    alphas = trajectory.alphas[rows[: len(eigenvalues)]]
    return alphas, eigenvalues.real, (eigenvalues.real > zero).astype(float)
