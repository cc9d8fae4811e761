"""The spectrum along a trajectory: what grows, and how fast."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stdyn.checks import Array
from stdyn.explorer.curves import Arrays, solution
from stdyn.explorer.state import Wanted
from stdyn.theory.fixedpoint import zero_of
from stdyn.theory.flow import check_derivatives, flow

_MOST = 41  # alphas at which it is computed


@dataclass(frozen=True)
class Part:
    """The spectrum at some alphas of all those at which it is computed.

    Attributes
    ----------
    alphas : ndarray, shape (a,)
        Where.
    eigenvalues : ndarray of complex, shape (a, L)
        Of the Jacobian there.
    count : int
        The number of alphas of all parts.
    """

    alphas: Array
    eigenvalues: Array
    count: int

    @property
    def arrays(self) -> Arrays:
        """What is drawn: real parts, and 1 where one is positive beyond rounding."""
        real = self.eigenvalues.real
        return {"alphas": self.alphas, "real": real, "grows": (real > zero_of(self.eigenvalues)).astype(float)}


def along(wanted: Wanted, rule: str, stop: threading.Event) -> Iterator[Part]:
    """The parts of the spectrum, one after the other, coarse at first: each alpha lies between earlier ones."""
    problem = wanted.problem(rule)
    check_derivatives(problem)
    trajectory, of = solution(wanted, rule, stop).trajectory, flow(problem)
    if stop.is_set():
        return
    last = len(trajectory.alphas) - 1  # it has its start, at least
    rows = np.unique(np.linspace(0, last, min(_MOST, last + 1)).round().astype(int))
    for place in _coarse_first(len(rows)):
        if stop.is_set():
            return
        there = trajectory.isel(alpha=rows[place : place + 1])
        yield Part(there.alphas, of.spectrum(there), len(rows))


def _coarse_first(count: int) -> list[int]:
    """The numbers from 0 to count - 1: the ends, and then what is between, in ever smaller steps."""
    found = [0, count - 1]
    stride = 1 << count.bit_length()
    while stride > 1:
        stride //= 2
        found += range(stride, count, 2 * stride)
    return list(dict.fromkeys(found))
