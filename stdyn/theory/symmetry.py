"""The exact symmetries of a starting point, which the ODEs keep and round-off would break (theory.md, section 6).

A symmetry permutes the students, the teacher units and the outputs, each among themselves, and may turn the sign of an
output, or of a unit whose g is odd (its v turns, too) or even (its v does not), such that C, v, v_teacher and b stay
what they are. Its orbits say which order parameters stay equal, opposite or zero for ever. Symmetries are the
automorphisms of a graph with coloured edges whose vertices are units and outputs with either sign; they are found by
individualisation and refinement (McKay, Congressus Numerantium 30, 45, 1981).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stdyn.checks import Array
from stdyn.model.problem import Problem

Permutation = np.ndarray  # of the 2(K+M+O) vertices: student, teacher, output; then the negative of each


@dataclass(frozen=True, eq=False)
class Orbits:
    """For each order parameter of the packed state: the number of its orbit and its sign (0: zero by symmetry).

    The state is R row by row, the upper triangle of Q row by row, v row by row.
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
    """The orbits of the order parameters under the start's symmetries, values within `tolerance` taken as equal."""
    K, M, O = problem.start.K, problem.start.M, problem.outputs
    P, V, L = K + M, K + M + O, K * M + K * (K + 1) // 2 + K * O
    i, k = np.triu_indices(K)
    entry = np.empty((K, V), dtype=int)  # where the overlap of student i with a unit, or v_io, stands in the state
    entry[:, K:P] = np.arange(K * M).reshape(K, M)
    entry[i, k] = entry[k, i] = K * M + np.arange(len(i))
    entry[:, P:] = L - K * O + np.arange(K * O).reshape(K, O)
    rows = np.concatenate([np.repeat(np.arange(K), M), i, np.repeat(np.arange(K), O)])
    columns = np.concatenate([np.tile(np.arange(K, P), K), k, np.tile(np.arange(P, V), K)])
    seen = (columns < P) | (_unit_parities(problem)[rows] != 1)  # v of a unit with an even g does not turn with it
    links = []
    for permutation in generators(problem, tolerance):
        vertex, negative = permutation[:V] % V, permutation[:V] >= V
        image = entry[np.minimum(vertex[rows], vertex[columns]), np.maximum(vertex[rows], vertex[columns])]
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


def generators(problem: Problem, tolerance: float = 0.0) -> list[Permutation]:
    """Generators of the group of the start's symmetries, values within `tolerance` taken as equal."""
    edges = _coloured_graph([problem], tolerance)
    return _stabiliser(edges, _refine(edges, np.unique(np.diag(edges), return_inverse=True)[1]))


def equivalent(one: Problem, other: Problem, tolerance: float) -> bool:
    """Whether a symmetry of units and outputs takes one start (with its feedback weights) to the other's."""
    edges = _coloured_graph([one, other], tolerance)
    colours = _refine(edges, np.unique(np.diag(edges), return_inverse=True)[1])
    size = len(edges) // 2
    left = _single_out(edges, colours, 0)
    images = size + np.flatnonzero(colours[size:] == colours[0])
    return any(_match(edges, left, _single_out(edges, colours, int(image))) is not None for image in images)


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


def _edge_values(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """C between units and v between units and outputs; and b between units and outputs; with either sign of both."""
    start, K, P = problem.start, problem.start.K, problem.start.K + problem.start.M
    C, v, b = np.zeros((3, P + problem.outputs, P + problem.outputs))
    C[:P, :P] = start.C
    v[:K, P:], v[K:P, P:] = start.v.reshape(K, -1), start.v_teacher.reshape(P - K, -1)
    if problem.b is not None:
        b[:K, P:] = problem.b.reshape(K, -1)
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    even = (_unit_parities(problem) == 1)[:, None]  # g(-x) = g(x): v and b see the sign of the output only
    of_output = np.array([[1.0, -1.0], [1.0, -1.0]])
    second = [np.kron(signs, np.where(even, 0, each)) + np.kron(of_output, np.where(even, each, 0)) for each in (v, b)]
    return np.kron(signs, C) + second[0] + second[0].T, second[1] + second[1].T


def _classes(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Integers that are equal where the values are within `tolerance` of their neighbours in order."""
    flat = values.ravel()
    order = np.argsort(flat)
    steps = np.diff(flat[order], prepend=flat[order[:1]]) > tolerance
    classes = np.empty(flat.size, dtype=int)
    classes[order] = np.cumsum(steps)
    return classes.reshape(values.shape)


def _refine(edges: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Vertex colours that no symmetry can mix: equal ones see equal edges into equal colours.

    Their numbers do not depend on the names of the vertices, so that two refinements can be compared.
    """
    while True:
        seen = np.sort(edges * (colours.max() + 1) + colours[None, :], axis=1)
        finer = np.unique(np.column_stack([colours, seen]), axis=0, return_inverse=True)[1].ravel()
        if finer.max() == colours.max():
            return finer
        colours = finer


def _single_out(edges: np.ndarray, colours: np.ndarray, vertex: int) -> np.ndarray:
    """The refinement in which `vertex` has a colour of its own."""
    marked = 2 * colours
    marked[vertex] += 1
    return _refine(edges, np.unique(marked, return_inverse=True)[1])


def _stabiliser(edges: np.ndarray, colours: np.ndarray) -> list[Permutation]:
    """Generators of the automorphisms that keep the colours: those that fix a vertex, and one to each of its images."""
    if colours.max() + 1 == len(colours):
        return []
    vertex = _first_shared(colours)
    fixed = _single_out(edges, colours, vertex)
    found = _stabiliser(edges, fixed)
    orbit = _orbit(vertex, found)
    for image in np.flatnonzero(colours == colours[vertex]):
        if int(image) not in orbit:
            permutation = _swap(edges, vertex, int(image))
            if permutation is None:
                permutation = _match(edges, fixed, _single_out(edges, colours, int(image)))
            if permutation is not None:
                found.append(permutation)
                orbit = _orbit(vertex, found)
    return found


def _first_shared(colours: np.ndarray) -> int:
    """The first vertex whose colour is not its own."""
    return int(np.flatnonzero(np.bincount(colours)[colours] > 1)[0])


def _swap(edges: np.ndarray, a: int, c: int) -> Permutation | None:
    """The exchange of two vertices and of their negatives, if it is an automorphism."""
    size = len(edges)
    permutation = np.arange(size)
    negative_a, negative_c = (a + size // 2) % size, (c + size // 2) % size
    permutation[[a, negative_a]], permutation[[c, negative_c]] = [c, negative_c], [a, negative_a]
    return permutation if np.array_equal(edges[np.ix_(permutation, permutation)], edges) else None


def _match(edges: np.ndarray, left: np.ndarray, right: np.ndarray) -> Permutation | None:
    """An automorphism that takes the colours `left` to `right`, if there is one."""
    if not np.array_equal(np.sort(left), np.sort(right)):
        return None
    if left.max() + 1 == len(left):
        permutation = np.argsort(right)[left]
        return permutation if np.array_equal(edges[np.ix_(permutation, permutation)], edges) else None
    vertex = _first_shared(left)
    fixed = _single_out(edges, left, vertex)
    for image in np.flatnonzero(right == left[vertex]):
        permutation = _match(edges, fixed, _single_out(edges, right, int(image)))
        if permutation is not None:
            return permutation
    return None


def _orbit(vertex: int, permutations: list[Permutation]) -> set[int]:
    """All images of the vertex."""
    orbit, new = {vertex}, [vertex]
    while new:
        last = new.pop()
        images = {int(permutation[last]) for permutation in permutations} - orbit
        orbit |= images
        new += images
    return orbit
