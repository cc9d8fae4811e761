"""The exact symmetries of a starting point, which the ODEs keep and round-off would break (theory.md, section 6).

A symmetry permutes the students among themselves and the teacher units among themselves, and may turn the sign of a
unit (g is odd), such that C, v, v_teacher and b stay what they are. Its orbits say which order parameters stay equal,
opposite or zero for ever. They are found on the graph whose vertices are the units with either sign.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stdyn.problem import Array, Problem

Permutation = np.ndarray  # of the 2(K+M) signed units: unit a is vertex a, its negative is vertex a + K + M


def _classes(values: Array, tolerance: float) -> np.ndarray:
    """Integers that are equal where the values are within `tolerance` of their neighbours in order."""
    flat = values.ravel()
    order = np.argsort(flat)
    steps = np.diff(flat[order], prepend=flat[order[:1]]) > tolerance
    classes = np.empty(flat.size, dtype=int)
    classes[order] = np.cumsum(steps)
    return classes.reshape(values.shape)


def _coloured_graph(problem: Problem, tolerance: float) -> np.ndarray:
    """Edge colours of the signed units; the diagonal carries a unit's kind, v and b."""
    start = problem.start
    K, M, O = start.K, start.M, problem.outputs
    columns = [np.concatenate([start.v.reshape(K, O), start.v_teacher.reshape(M, O)])]
    b = np.zeros((K, O)) if problem.b is None else problem.b.reshape(K, O)
    columns.append(np.concatenate([b, np.zeros((M, O))]))
    features = np.hstack(columns)
    features = np.vstack([features, -features])
    C = start.C
    edges = _classes(np.block([[C, -C], [-C, C]]), tolerance)
    P = K + M
    kind = np.tile(np.repeat([0, 1], [K, M]), 2)
    key = np.column_stack([kind, *(_classes(column, tolerance) for column in features.T)])
    _, labels = np.unique(key, axis=0, return_inverse=True)
    n = edges.max() + 1
    edges[np.arange(P), np.arange(P) + P] += n  # a unit and its own negative
    edges[np.arange(P) + P, np.arange(P)] += n
    edges[np.diag_indices(2 * P)] += 2 * n * (1 + labels)
    return edges


def _refine(edges: np.ndarray) -> np.ndarray:
    """Vertex classes that no symmetry can mix: equal classes see equal edges into equal classes."""
    colours = np.unique(np.diag(edges), return_inverse=True)[1]
    while True:
        seen = np.sort(edges * (colours.max() + 1) + colours[None, :], axis=1)
        finer = np.unique(np.column_stack([colours, seen]), axis=0, return_inverse=True)[1].ravel()
        if finer.max() == colours.max():
            return finer
        colours = finer


def _extend(edges: list, classes: list, images: list[int]) -> list[int] | None:
    """An automorphism whose first images are given, by depth-first search; None if there is none."""
    a = len(images)
    if a == len(edges):
        return images
    taken = set(images)
    for c in range(len(edges)):
        if (
            classes[c] == classes[a]
            and c not in taken
            and edges[a][a] == edges[c][c]
            and all(edges[a][e] == edges[c][image] for e, image in enumerate(images))
        ):
            found = _extend(edges, classes, [*images, c])
            if found is not None:
                return found
    return None


def generators(problem: Problem, tolerance: float = 0.0) -> list[Permutation]:
    """Generators of the group of the start's symmetries, values within `tolerance` taken as equal."""
    table = _coloured_graph(problem, tolerance)
    refined = _refine(table)
    size = len(refined)
    if refined.max() + 1 == size:
        return []
    edges, classes = table.tolist(), refined.tolist()
    found: list[Permutation] = []
    for a in reversed(range(size)):  # found holds generators of the group that fixes vertices 0 … a
        for c in range(a + 1, size):
            if classes[c] == classes[a] and c not in _orbit(a, found):
                images = _extend(edges, classes, [*range(a), c])
                if images is not None:
                    found.append(np.array(images))
    return found


def _orbit(a: int, permutations: list[Permutation]) -> set[int]:
    orbit, new = {a}, [a]
    while new:
        vertex = new.pop()
        for permutation in permutations:
            image = int(permutation[vertex])
            if image not in orbit:
                orbit.add(image)
                new.append(image)
    return orbit


def orbits(problem: Problem, tolerance: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """For each order parameter of the packed state: the number of its orbit and its sign (0: zero by symmetry).

    The state is R row by row, the upper triangle of Q row by row, v row by row. All signs are +1 and all orbits have
    one member if the start has no symmetry.
    """
    K, M, O = problem.start.K, problem.start.M, problem.outputs
    P, L = K + M, K * M + K * (K + 1) // 2 + K * O
    i, k = np.triu_indices(K)
    entry = np.empty((K, P), dtype=int)  # where an overlap of student i with unit a stands in the state
    entry[:, K:] = np.arange(K * M).reshape(K, M)
    entry[i, k] = entry[k, i] = K * M + np.arange(len(i))
    rows = np.concatenate([np.repeat(np.arange(K), M), i])
    columns = np.concatenate([np.tile(np.arange(K, P), K), k])
    links = []
    for permutation in generators(problem, tolerance):
        unit, negative = permutation % P, permutation >= P
        overlaps = entry[np.minimum(unit[rows], unit[columns]), np.maximum(unit[rows], unit[columns])]
        second = L - K * O + (unit[:K, None] * O + np.arange(O)).ravel()
        image = np.concatenate([overlaps, second])
        turned = np.concatenate([negative[rows] ^ negative[columns], np.repeat(negative[:K], O)])
        links.append(np.stack([np.arange(L), image + L * turned]))
        links.append(np.stack([np.arange(L) + L, image + L * ~turned]))
    if not links:
        return np.arange(L), np.ones(L, dtype=int)
    source, target = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(source)), (source, target)), shape=(2 * L, 2 * L))
    labels = connected_components(graph, directed=False)[1]
    positive, negated = labels[:L], labels[L:]
    sign = np.where(positive == negated, 0, np.where(positive < negated, 1, -1))
    return np.unique(np.minimum(positive, negated), return_inverse=True)[1], sign
