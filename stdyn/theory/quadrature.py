"""The common points by which averages without a closed form are taken.

They do not change along a solution, so that the right-hand side is a smooth function of the state. For polynomials of
few fields they are those of Gauss and Hermite, and exact. Else they are randomized quasi-Monte Carlo, in independent
sets: how differently the ODEs end with each of them is the error of the solution with all.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import lcm

import numpy as np
from scipy.stats import norm, qmc

from stdyn.checks import Array
from stdyn.kernels.averages import table
from stdyn.kernels.parameters import Plain
from stdyn.model.activations import Activation, terms_of
from stdyn.model.initial import root
from stdyn.model.problem import Problem

SETS = 8
_FEWEST = 2**5  # points of a set, before units are exchanged


def parameters(problem: Problem, which: int | None = None) -> Plain:
    """The parameters of the kernels that take averages, by the points of all sets or of one, if by quadrature."""
    if problem.law == "erfs":
        return problem.parameters_with(table("erfs", terms_of(*problem.activations)))
    if problem.law != "points":
        return problem.parameters_with(table(problem.law))
    fields, nodes = problem.start.M + problem.start.K, exact_nodes(problem)
    if nodes is not None:
        g, weights = gauss_hermite(fields, nodes)
    else:
        g, weights = _random_points(problem, range(SETS) if which is None else (which,))
    rows = np.vstack([_fields(g, problem.start.T, problem.activations[1]), weights])
    return problem.parameters_with(table("points", rows))


def _fields(g: Array, T: Array, teacher: Activation) -> Array:
    """The rows of kernels/averages/points.py but for the weights: y, g(y), T^+1/2 g1, g2."""
    M, inverse = len(T), np.array(np.linalg.pinv(T, hermitian=True), dtype=float)
    y = root(T) @ g[:M]
    return np.vstack([y, teacher(y)[0], root(inverse) @ g[:M], g[M:]])


def _random_points(problem: Problem, sets: Iterable[int]) -> tuple[Array, Array]:
    """Randomized points (M+K, points) and their weights, about as many as the problem asks for.

    They are closed under exchanges of units that the problem treats alike: else quadrature would push a symmetric state
    along the directions in which it is unstable.
    """
    shifts = _exchanges(problem)
    M, K, each = problem.start.M, problem.start.K, problem.quadrature // SETS
    points = max(2 ** int(np.log2(each / len(shifts))), _FEWEST)
    base = np.hstack([normal_points(M + K, points, which) for which in sets])
    g = np.hstack([base[shift] for shift in shifts])
    return _padded(g, np.full(g.shape[1], 1 / g.shape[1]))


def _exchanges(problem: Problem) -> list[np.ndarray]:
    """Permutations of the rows of the points, teacher units first: every unit gets to the place of every like one.

    Those of teacher units, or of students if no teacher units are alike: to specialise, students must treat like
    teacher units differently, so that either is enough; both would leave K times fewer independent points.
    """
    start, K, M = problem.start, problem.start.K, problem.start.M
    students = np.zeros((K, 1)) if problem.b is None else problem.b.reshape(K, -1)
    of_tasks = problem.protocol.v_teacher.swapaxes(0, 1).reshape(M, -1)  # (M, O), or that of every task side by side
    teachers = _powers(alike(start.T, of_tasks, start.T_group), M)
    if len(teachers) > 1:
        return [np.append(power, np.arange(M, M + K)) for power in teachers]
    return [np.append(np.arange(M), M + power) for power in _powers(alike(np.eye(K), students), K)]


def alike(T: Array, v: Array, by_group: Array | None = None) -> list[list[int]]:
    """Groups of units that can be exchanged without changing T and v, nor their overlaps by group (L, M, M)."""
    overlaps = T[None] if by_group is None else np.concatenate([T[None], by_group])
    groups: list[list[int]] = []
    for n in range(len(T)):
        for group in groups:
            swap = np.arange(len(T))
            swap[[n, group[0]]] = group[0], n
            if np.array_equal(overlaps[:, swap][:, :, swap], overlaps) and np.array_equal(v[swap], v):
                group.append(n)
                break
        else:
            groups.append([n])
    return groups


def _powers(groups: list[list[int]], units: int) -> list[np.ndarray]:
    """The powers of the permutation that moves every unit on by one within its group."""
    step = np.arange(units)
    for group in groups:
        step[group] = np.roll(group, 1)
    powers = [np.arange(units)]
    for _ in range(1, lcm(*map(len, groups))):
        powers.append(powers[-1][step])
    return powers


def exact_nodes(problem: Problem) -> int | None:
    """Nodes for each of the K+M fields with which the averages are exact; None if there are none, or too many.

    delta_i delta_k has the degree 2 (degree of g' + degree of g) in a field; n nodes are exact up to 2n - 1.
    """
    student, teacher = (each.degree for each in problem.activations)
    if student is None or teacher is None:
        return None
    nodes = max(student - 1, 0) + max(student, teacher) + 1
    return nodes if nodes ** (problem.start.K + problem.start.M) <= problem.quadrature else None


@lru_cache(maxsize=2 * SETS)
def gauss_hermite(rows: int, nodes: int) -> tuple[Array, Array]:
    """The product rule over `rows` standard normal numbers (rows, points), and its weights (points)."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    g = np.array(list(product(x, repeat=rows))).T
    weights = np.prod(list(product(w / w.sum(), repeat=rows)), axis=1)
    return _padded(g, weights)


def _padded(g: Array, weights: Array) -> tuple[Array, Array]:
    """Filled up with points without weight to a whole number of what the kernel takes at a time."""
    more = -len(weights) % 256
    return np.pad(g, ((0, 0), (0, more))), np.pad(weights, (0, more))


@lru_cache(maxsize=2 * SETS)
def normal_points(rows: int, points: int, which: int) -> Array:
    """One set of scrambled Sobol points (rows, points) as standard normal numbers, the same in every call."""
    rng = np.random.default_rng(np.random.SeedSequence(0).spawn(SETS)[which])
    return norm.ppf(qmc.Sobol(rows, rng=rng).random(points).T)
