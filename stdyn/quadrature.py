"""The common points by which averages without a closed form are taken.

They do not change along a solution, so that the right-hand side is a smooth function of the state. For polynomials of
few fields they are those of Gauss and Hermite, and exact. Else they are randomized quasi-Monte Carlo, in independent
sets: how differently the ODEs end with each of them is the error of the solution with all.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from scipy.stats import norm, qmc

from stdyn.activations import Activation
from stdyn.initial import root
from stdyn.problem import Array, Problem

SETS = 8

Arguments = tuple[Array, Array, bool, Array, np.ndarray, Array]


def arguments(problem: Problem, which: int | None = None) -> Arguments:
    """`problem.kernel_arguments` for the ODEs: with the points of all sets or of one, if averages are by quadrature."""
    v_teacher, b, fixed_feedback, rates, codes, table = problem.kernel_arguments
    if problem.by_quadrature:
        rows, nodes = problem.start.M + problem.start.K, exact_nodes(problem)
        if nodes is not None:
            g, weights = gauss_hermite(rows, nodes)
        else:
            sets = range(SETS) if which is None else (which,)
            g = np.hstack([normal_points(rows, problem.quadrature // SETS, each) for each in sets])
            weights = np.full(g.shape[1], 1 / g.shape[1])
        table = np.vstack([_fields(g, problem.start.T, problem.activations[1]), weights])
    return v_teacher, b, fixed_feedback, rates, codes, table


def _fields(g: Array, T: Array, teacher: Activation) -> Array:
    """The rows of `kernels._averages_points` but for the weights: y, g(y), T^+1/2 g1, g2."""
    M, inverse = len(T), np.array(np.linalg.pinv(T, hermitian=True), dtype=float)
    y = root(T) @ g[:M]
    return np.vstack([y, teacher(y)[0], root(inverse) @ g[:M], g[M:]])


def exact_nodes(problem: Problem) -> int | None:
    """Nodes for each of the K+M fields with which the averages are exact; None if there are none, or too many.

    delta_i delta_k has the degree 2 (degree of g' + degree of g) in a field; n nodes are exact up to 2n - 1.
    """
    student, teacher = (each.degree for each in problem.activations)
    if student is None or teacher is None:
        return None
    nodes = max(student - 1, 0) + max(student, teacher) + 1
    return nodes if nodes ** (problem.start.K + problem.start.M) <= problem.quadrature else None


@lru_cache(maxsize=32)
def gauss_hermite(rows: int, nodes: int) -> tuple[Array, Array]:
    """The product rule over `rows` standard normal numbers (rows, points), and its weights (points).

    Filled up with points without weight to a whole number of what the kernel takes at a time.
    """
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    g = np.array(list(product(x, repeat=rows))).T
    weights = np.prod(list(product(w / w.sum(), repeat=rows)), axis=1)
    more = -len(weights) % 256
    return np.pad(g, ((0, 0), (0, more))), np.pad(weights, (0, more))


@lru_cache(maxsize=32)
def normal_points(rows: int, points: int, which: int) -> Array:
    """One set of scrambled Sobol points (rows, points) as standard normal numbers, the same in every call."""
    rng = np.random.default_rng(np.random.SeedSequence(0).spawn(SETS)[which])
    return norm.ppf(qmc.Sobol(rows, rng=rng).random(points).T)
