"""The common points by which averages without a closed form are taken: randomized quasi-Monte Carlo.

The points do not change along a solution, so that the right-hand side is a smooth function of the state. The sets are
randomized independently: how differently the ODEs end with each of them is the error of the solution with all.
"""

from functools import lru_cache

import numpy as np
from scipy.stats import norm, qmc

from stdyn.activations import Activation
from stdyn.initial import root
from stdyn.kernels import Units
from stdyn.problem import Array, Problem

SETS = 8

Arguments = tuple[Array, Array, bool, Array, Units]


def arguments(problem: Problem, which: int | None = None) -> Arguments:
    """`problem.kernel_arguments` for the ODEs: with the points of all sets or of one, if averages are by quadrature."""
    v_teacher, b, fixed_feedback, rates, units = problem.kernel_arguments
    if problem.by_quadrature:
        start, sets = problem.start, range(SETS) if which is None else (which,)
        T_inverse = np.array(np.linalg.pinv(start.T, hermitian=True), dtype=float)
        g = np.hstack([normal_points(start.M + start.K, problem.quadrature // SETS, each) for each in sets])
        units = units._replace(points=_fields(g, start.T, T_inverse, problem.activations[1]), T_inverse=T_inverse)
    return v_teacher, b, fixed_feedback, rates, units


def _fields(g: Array, T: Array, T_inverse: Array, teacher: Activation) -> Array:
    """The rows of `kernels.Units.points`: y, g(y), T^+1/2 g1, g2."""
    M = len(T)
    y = root(T) @ g[:M]
    return np.ascontiguousarray(np.vstack([y, teacher(y)[0], root(T_inverse) @ g[:M], g[M:]]))


@lru_cache(maxsize=32)
def normal_points(rows: int, points: int, which: int) -> Array:
    """One set of scrambled Sobol points (rows, points) as standard normal numbers, the same in every call."""
    rng = np.random.default_rng(np.random.SeedSequence(0).spawn(SETS)[which])
    return norm.ppf(qmc.Sobol(rows, rng=rng).random(points).T)
