"""The exact symmetries of a starting point, which the ODEs keep and round-off would break (theory.md, section 6).

A symmetry permutes the students, the teacher units and the outputs, each among themselves, and may turn the sign of an
output, or of a unit whose g is odd (its v turns, too) or even (its v does not), such that C, v, v_teacher and b stay
what they are. Its orbits say which order parameters stay equal, opposite or zero for ever. Symmetries are the
automorphisms of a graph with coloured edges whose vertices are units and outputs with either sign (automorphisms.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stdyn.checks import Array
from stdyn.model.problem import Problem
from stdyn.theory.automorphisms import Permutation, match, refine, single_out, stabiliser

KINDS = ("student", "teacher", "output")  # of vertices, in their order; then comes the negative of each


@dataclass(frozen=True, eq=False)
class Orbits:
    """For each order parameter of the packed state: the number of its orbit and its sign (0: zero by symmetry).

    The state is that of `stdyn.model.layout.Layout`.
    """

    orbit: np.ndarray
    sign: np.ndarray

    @property
    def free(self) -> int:
        """The number of orbits whose order parameters may differ from zero."""
        return len(np.unique(self.orbit[self.sign != 0]))

    @property
    def trivial(self) -> bool:
        """Whether the start has no symmetry: as many free orbits as order parameters."""
        return self.free == len(self.orbit)

    def reduce(self, y: Array) -> Array:
        """One number for each orbit: the mean of its members, with their signs."""
        return np.bincount(self.orbit, y * self.sign) / np.bincount(self.orbit)

    def expand(self, s: Array) -> Array:
        """The state whose orbits have the values s; any leading axes are carried along."""
        return s[..., self.orbit] * self.sign


def find_orbits(problem: Problem, tolerance: float = 0.0) -> Orbits:
    """The orbits of the order parameters under the start's symmetries, values within `tolerance` taken as equal.

    Students that are the same vector, with equal weights both ways, stay so: their Q_ik are of the orbit of Q_ii.
    """
    return _orbits(problem, generators(problem, tolerance), _identical(problem, tolerance))


def orbits_around(problem: Problem, fixed: int | None = None) -> Orbits:
    """The orbits of displacements from the start under its symmetries, which may part students that are the same.

    With `fixed`, the number of an order parameter: under those that leave both the units it is of where they are.
    """
    units = () if fixed is None else _vertices(problem)[1:, fixed]
    return _orbits(problem, generators(problem, fixed=units), [])


def _orbits(problem: Problem, permutations: list[Permutation], equal: list[tuple[int, int, bool]]) -> Orbits:
    """The orbits under permutations of vertices, and of pairs of entries that are equal or opposite."""
    parities, L = _unit_parities(problem), problem.state_layout.size
    V, outputs = len(parities), problem.start.K + problem.start.M
    kind, rows, columns = _vertices(problem)
    entry = np.empty((kind[-1] + 1, V, V), dtype=int)  # where the order parameter of two vertices stands in the state
    entry[kind, rows, columns] = entry[kind, columns, rows] = np.arange(L)
    seen = (columns < outputs) | (parities[rows] != 1)  # v of a unit with an even g does not turn with it
    links = [np.array([[one, one + L], [other + L * turned, other + L * (not turned)]]) for one, other, turned in equal]
    for permutation in permutations:
        vertex, negative = permutation[:V] % V, permutation[:V] >= V
        image = entry[kind, vertex[rows], vertex[columns]]
        turned = (negative[rows] & seen) ^ negative[columns]
        links.append(np.stack([np.arange(L), image + L * turned]))
        links.append(np.stack([np.arange(L) + L, image + L * ~turned]))
    if not links:
        return Orbits(np.arange(L), np.ones(L, dtype=int))
    source, target = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(source)), (source, target)), shape=(2 * L, 2 * L))
    labels = connected_components(graph, directed=False)[1]
    positive, negated = labels[:L], labels[L:]
    sign = np.where(positive == negated, 0, np.where(positive < negated, 1, -1))
    return Orbits(np.unique(np.minimum(positive, negated), return_inverse=True)[1], sign)


def _identical(problem: Problem, tolerance: float) -> list[tuple[int, int, bool]]:
    """Of students that are the same vector or opposite ones, and learn so: where Q_ii and Q_ik stand, if opposite."""
    start, K = problem.start, problem.start.K
    parity = problem.activations[0].parity
    second = [start.v.reshape(K, -1)] + ([] if problem.b is None else [problem.b.reshape(K, -1)])
    found = []
    for sign in (1, -1) if parity else (1,):
        C = np.concatenate(list(start.C_group), axis=1) if start.inputs is not None else start.C
        same = np.abs(C[:K, None] - sign * C[None, :K]).max(axis=2) <= tolerance
        for weights in second:
            turned = sign if parity == -1 else 1
            same &= np.abs(weights[:, None] - turned * weights[None]).max(axis=2) <= tolerance
        Q = problem.state_layout.blocks[1]
        for places in Q.fill(np.r_[problem.state_layout.places[Q.name]]).reshape(-1, K, K).astype(int):
            found += [(int(places[i, i]), int(places[i, k]), sign == -1) for i, k in np.argwhere(np.triu(same, 1))]
    return found


def _vertices(problem: Problem) -> np.ndarray:
    """Of every order parameter of the state: which kind it is, and the two vertices that it is an overlap or weight of.

    Order parameters that a symmetry cannot mix are of different kinds: those of other blocks, or other leading axes.
    """
    start = problem.start
    first = dict(zip(KINDS, (0, start.K, start.K + start.M), strict=True))
    found, kinds = [], 0
    for block in problem.state_layout.blocks:
        leading, sizes = block.entries[:-2], block.sizes[:-2]
        kind = np.ravel_multi_index(leading, sizes) if sizes else np.zeros(len(block.entries[0]), dtype=int)
        pair = [first[unit] + index for unit, index in zip(block.units[-2:], block.entries[-2:], strict=True)]
        found.append(np.stack([kinds + kind, *pair]))
        kinds += int(np.prod(sizes, dtype=int))
    return np.concatenate(found, axis=1)


def generators(problem: Problem, tolerance: float = 0.0, fixed: Iterable[int] = ()) -> list[Permutation]:
    """Generators of the group of the start's symmetries, values within `tolerance` taken as equal.

    Of those alone that leave the vertices `fixed` where they are.
    """
    edges = _coloured_graph([problem], tolerance)
    colours = refine(edges, np.unique(np.diag(edges), return_inverse=True)[1])
    for vertex in fixed:
        colours = single_out(edges, colours, vertex)
    return stabiliser(edges, colours)


def equivalent(one: Problem, other: Problem, tolerance: float) -> bool:
    """Whether a symmetry of units and outputs takes one start (with its feedback weights) to the other's."""
    edges = _coloured_graph([one, other], tolerance)
    colours = refine(edges, np.unique(np.diag(edges), return_inverse=True)[1])
    size = len(edges) // 2
    left = single_out(edges, colours, 0)
    images = size + np.flatnonzero(colours[size:] == colours[0])
    return any(match(edges, left, single_out(edges, colours, int(image))) is not None for image in images)


def _coloured_graph(problems: list[Problem], tolerance: float) -> np.ndarray:
    """Integers that are equal for equal edges: C between units, v (and b) between units and outputs, with signs.

    Of several problems their graphs stand side by side, with edges of one colour of its own between them.
    """
    K, M, O = problems[0].start.K, problems[0].start.M, problems[0].outputs
    V = K + M + O
    kind = np.repeat([0, 1, 2], [K, M, O])
    special = np.kron([[1, 2], [2, 1]], np.eye(V, dtype=int))  # a vertex itself, and its own negative
    signed = _unit_parities(problems[0])
    for vertex in np.flatnonzero(signed == 0):  # g has no parity: its sign is fixed
        special[vertex, vertex], special[vertex + V, vertex + V] = 5, 6
    if O == 1 and (signed == -1).all():  # all signs turned at once is no symmetry worth finding: fix that of the output
        special[K + M, K + M], special[K + M + V, K + M + V] = 3, 4
    colour = 1 + np.tile(3 * kind[:, None] + kind, (2, 2)) * 7 + special
    edges = np.kron(np.eye(len(problems), dtype=int), colour)  # 0 between the graphs
    for values in zip(*(_edge_values(problem) for problem in problems), strict=True):
        classes = _classes(block_diag(*values), tolerance)
        edges = edges * (classes.max() + 1) + classes
    return np.unique(edges, return_inverse=True)[1].reshape(edges.shape)


def _unit_parities(problem: Problem) -> np.ndarray:
    """The parity of g of each unit: 1 if it is even, -1 if odd, else 0; of outputs -1."""
    student, teacher = problem.activations
    return np.repeat([student.parity, teacher.parity, -1], [problem.start.K, problem.start.M, problem.outputs])


def _edge_values(problem: Problem) -> list[np.ndarray]:
    """C between units and v between units and outputs; b between units and outputs; with either sign of both.

    And, where there are tasks, v_teacher and the weights m of every task; and the overlaps of units in every group of
    the inputs' directions, where these are not isotropic.
    """
    start, K, P = problem.start, problem.start.K, problem.start.K + problem.start.M
    C, v, b = np.zeros((3, P + problem.outputs, P + problem.outputs))
    C[:P, :P] = start.C
    v[:K, P:], v[K:P, P:] = start.v.reshape(K, -1), start.v_teacher.reshape(P - K, -1)
    if problem.b is not None:
        b[:K, P:] = problem.b.reshape(K, -1)
    layers = [v, b]
    weights = []
    if problem.tasks is not None:
        for v_teacher, m in zip(problem.protocol.v_teacher, problem.protocol.m, strict=True):
            layer = np.zeros_like(v)
            layer[K:P, P:] = v_teacher
            layers.append(layer)
            weights.append(np.kron(np.ones((2, 2)), np.diag(np.append(np.zeros(P), m))))
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    even = (_unit_parities(problem) == 1)[:, None]  # g(-x) = g(x): v and b see the sign of the output only
    of_output = np.array([[1.0, -1.0], [1.0, -1.0]])
    second = [np.kron(signs, np.where(even, 0, each)) + np.kron(of_output, np.where(even, each, 0)) for each in layers]
    of_v, *others = (each + each.T for each in second)
    by_group = []
    if start.inputs is not None:
        room = np.zeros_like(C)
        for each in start.C_group:
            room[:P, :P] = each
            by_group.append(np.kron(signs, room))
    return [np.kron(signs, C) + of_v, *others, *weights, *by_group]


def _classes(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Integers that are equal where the values are within `tolerance` of their neighbours in order."""
    flat = values.ravel()
    order = np.argsort(flat)
    steps = np.diff(flat[order], prepend=flat[order[:1]]) > tolerance
    classes = np.empty(flat.size, dtype=int)
    classes[order] = np.cumsum(steps)
    return classes.reshape(values.shape)
