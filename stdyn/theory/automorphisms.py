"""Automorphisms of a graph with coloured edges, by individualisation and refinement.

McKay, Congressus Numerantium 30, 45 (1981). The vertices come in pairs of a unit and its negative: vertex a and
a + size/2.
"""

import numpy as np

Permutation = np.ndarray  # of the vertices


def refine(edges: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Vertex colours that no symmetry can mix: equal ones see equal edges into equal colours.

    Their numbers do not depend on the names of the vertices, so that two refinements can be compared.
    """
    while True:
        seen = _mixed(edges * (colours.max() + 1) + colours).sum(axis=1)  # the same sum, the same edges: but for 1e-15
        finer = np.unique(_mixed(colours) + seen, return_inverse=True)[1]
        if finer.max() == colours.max():
            return finer
        colours = finer


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each, as if at random (the finalizer of SplitMix64: Steele et al., OOPSLA 2014)."""
    x = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def single_out(edges: np.ndarray, colours: np.ndarray, vertex: int) -> np.ndarray:
    """The refinement in which `vertex` has a colour of its own."""
    marked = 2 * colours
    marked[vertex] += 1
    return refine(edges, np.unique(marked, return_inverse=True)[1])


def stabiliser(edges: np.ndarray, colours: np.ndarray) -> list[Permutation]:
    """Generators of the automorphisms that keep the colours: those that fix a vertex, and one to each of its images."""
    if colours.max() + 1 == len(colours):
        return []
    vertex = _first_shared(colours)
    fixed = single_out(edges, colours, vertex)
    found = stabiliser(edges, fixed)
    orbit = _orbit(vertex, found)
    for image in np.flatnonzero(colours == colours[vertex]):
        if int(image) not in orbit:
            permutation = _swap(edges, vertex, int(image))
            if permutation is None:
                permutation = match(edges, fixed, single_out(edges, colours, int(image)))
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


def match(edges: np.ndarray, left: np.ndarray, right: np.ndarray) -> Permutation | None:
    """An automorphism that takes the colours `left` to `right`, if there is one."""
    if not np.array_equal(np.sort(left), np.sort(right)):
        return None
    if left.max() + 1 == len(left):
        permutation = np.argsort(right)[left]
        return permutation if np.array_equal(edges[np.ix_(permutation, permutation)], edges) else None
    vertex = _first_shared(left)
    fixed = single_out(edges, left, vertex)
    for image in np.flatnonzero(right == left[vertex]):
        permutation = match(edges, fixed, single_out(edges, right, int(image)))
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
