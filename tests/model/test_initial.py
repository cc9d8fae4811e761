"""Starts of inputs with a spectrum: prepared, random, of given weights; and weights that have their overlaps."""

import re

import numpy as np
import pytest
from scipy.stats import beta, ks_2samp, kstest

from stdyn import InputError, Inputs, OrderParameters, Problem, initial, weights

FALSE_ALARM = 1e-6
THREE = ([4.0, 2.0, 0.5], [0.1, 0.3, 0.6])


def turned(N, seed=3):
    """Three groups along axes of their own."""
    return Inputs(*THREE, axes=np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N))).Q)


def test_a_prepared_start_has_its_share_in_every_group():
    """Plain overlaps are those that are said; those of the fields are larger by the mean variance."""
    inputs = Inputs(*THREE)
    start = initial.prepared(2, 3, 0.3, 0.1, "graded", inputs=inputs)
    plain = initial.prepared(2, 3, 0.3, 0.1, "graded")
    for name, values in zip("RQT", start.groups, strict=True):
        np.testing.assert_allclose(values.sum(axis=0), getattr(plain, name), atol=1e-15)
        np.testing.assert_allclose(values[1], 0.3 * getattr(plain, name), atol=1e-15)
        np.testing.assert_allclose(getattr(start, name), 1.3 * getattr(plain, name), atol=1e-15)
    assert initial.prepared(2, 3, 0.3, 0.1, "graded", inputs=Inputs.isotropic()) == plain


@pytest.mark.parametrize("inputs", [Inputs(*THREE), turned(10)], ids=["coordinates", "axes"])
@pytest.mark.parametrize("hidden", [None, [[0.5, 0.1], [0.1, 0.2]]])
def test_weights_have_the_overlaps_by_group_in_input_space(inputs, hidden):
    """Groups of 1, 3 and 6 directions: W Omega W~^T is R, the overlaps are made again from the weights."""
    start = initial.random_weights(3, 2, 10, 0.5, np.random.default_rng(1), "random", inputs=inputs)
    start = OrderParameters.by_group(inputs, *start.groups, start.v, start.v_teacher, hidden)
    W, W_teacher = weights(Problem(start, N=10, eta=1, eta_v=1), 10, np.random.default_rng(2))
    again = initial.from_weights(W, W_teacher, start.v, start.v_teacher, inputs, hidden)
    for ours, theirs in zip(again.groups, start.groups, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-14)
    axes = np.eye(10) if inputs.axes is None else inputs.axes
    Omega = axes.T @ np.diag(np.repeat(THREE[0], [1, 3, 6])) @ axes
    more = 0 if hidden is None else np.array(hidden)
    for found, expected in ((W @ Omega @ W_teacher.T, start.R), (W @ Omega @ W.T, start.Q)):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    np.testing.assert_allclose(W_teacher @ Omega @ W_teacher.T + more, start.T, atol=1e-13)


def test_weights_are_uniform_over_the_rotations_of_each_group():
    """Squared components of w/|w| in a group of 4: Beta(1/2, 3/2), 2000 draws, false alarm 1e-6; that of 5 fails."""
    inputs, rng = Inputs([2.0, 0.5], [0.4, 0.6]), np.random.default_rng(4)
    start = initial.prepared(1, 1, r=0.2, inputs=inputs)
    drawn = np.array([weights(start, 10, rng)[0][0, :4] for _ in range(2000)])
    np.testing.assert_allclose((drawn**2).sum(axis=1), 0.2 * 0.4, atol=1e-14)
    squares = drawn[:, 1] ** 2 / (drawn**2).sum(axis=1)
    assert kstest(squares, beta(1 / 2, 3 / 2).cdf).pvalue > FALSE_ALARM
    assert kstest(squares, beta(1 / 2, 4 / 2).cdf).pvalue < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize(
    ("teacher", "N", "isotropic"),
    [("random", 10, False), ("random", 3, True), ("graded", 20, False)],
    ids=["groups of 1, 3 and 6, random", "isotropic, N < K + M, random", "graded"],
)
def test_random_starts_have_the_law_of_vectors(teacher, N, isotropic):
    """All overlaps, 800 draws, Kolmogorov-Smirnov, false alarm 1e-6; a q that is off by a third is seen."""
    inputs, rng, q, K, M = None if isotropic else Inputs(*THREE), np.random.default_rng(1), 0.7, 2, 2
    L = Inputs.isotropic() if isotropic else inputs
    sizes = L.directions(N)

    def drawn():
        W = rng.standard_normal((K, N)) * np.sqrt(q / N)
        U = rng.standard_normal((M, N)) / np.sqrt(N)
        if teacher == "graded":  # t = p T in every group
            parts = [np.linalg.qr(rng.standard_normal((n, M))).Q.T * np.sqrt(n / N) for n in sizes]
            U = np.hstack(parts) * np.sqrt([[1.0], [2.0]])
        return [L.overlaps(A, B) for A, B in ((W, U), (W, W), (U, U))]

    def ours(q):
        return initial.random_weights(K, M, N, q, rng, teacher, inputs=inputs).groups

    def sample(draw):
        return np.array([np.concatenate([each.ravel() for each in draw()]) for _ in range(800)])

    def smallest(a, b):
        moved = a.std(axis=0) > 1e-12
        np.testing.assert_allclose(a[:, ~moved], b[:, ~moved], atol=1e-14)
        return min(ks_2samp(*pair).pvalue for pair in zip(a[:, moved].T, b[:, moved].T, strict=True)) * moved.sum()

    expected = sample(drawn)
    assert smallest(sample(lambda: ours(q)), expected) > FALSE_ALARM
    assert smallest(sample(lambda: ours(4 / 3 * q)), expected) < FALSE_ALARM


def test_coordinates_are_those_of_every_group():
    """Triangular, with zeros beyond the directions of a group."""
    start = initial.random_weights(3, 2, 10, 0.5, np.random.default_rng(1), "random", inputs=Inputs(*THREE))
    L, A, S = initial.coordinates(start, 10)
    for group, size in enumerate((1, 3, 6)):
        l, a, s = L[group], A[group], S[group]
        assert not np.triu(l, 1).any()
        assert not np.triu(s, 1).any()
        assert not np.hstack([a, s])[:, size:].any()
        for found, expected in zip((a @ l.T, a @ a.T + s @ s.T, l @ l.T), start.groups, strict=True):
            np.testing.assert_allclose(found, expected[group], atol=1e-14)


@pytest.mark.parametrize("inputs", [None, Inputs([2.0], [1.0]), Inputs(*THREE)], ids=["isotropic", "one", "three"])
def test_kernels_are_compiled_once_for_all_inputs(inputs):
    """Their parameters are arrays of the same kind, whatever the inputs and their groups."""
    problem = Problem(initial.prepared(2, 2, inputs=inputs), eta=1, eta_v=1)
    assert [(each.flags.c_contiguous, each.dtype) for each in problem.parameters] == [
        (True, each.dtype) for each in Problem(initial.prepared(2, 2), eta=1, eta_v=1).parameters
    ]


RNG = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: initial.random_weights(2, 2, 10, 1.0, RNG, inputs=Inputs(*THREE)),
            "where a group has fewer directions than the rank of T, 2, but is 'isotropic', and of N = 10",
        ),
        (
            lambda: initial.random_weights(2, 2, 10, 1.0, RNG, np.eye(2), inputs=Inputs(*THREE)),
            "than the rank of T, 2, but is an array",
        ),
        (
            lambda: initial.random_weights(2, 2, 10, 1.0, RNG, "odd"),
            "teacher must be an (M, M) array or one of isotropic, graded, random, but is 'odd'",
        ),
        (lambda: initial.prepared(2, 2, teacher="random"), "one of isotropic, graded, but is 'random'"),
        (lambda: initial.random_weights(2, 2, 5, 1.0, RNG, inputs=Inputs(*THREE)), "N must let every group have a"),
        (lambda: initial.random_weights(2, 2, 11, 1.0, RNG, inputs=turned(10)), "N must be 10, the number of axes"),
        (lambda: initial.prepared(2, 2, inputs=[1.0]), "inputs must be a Inputs"),
        (lambda: initial.random_weights(2, 2, 9, 1.0, RNG, inputs="odd"), "inputs must be a Inputs"),
        (
            lambda: weights(initial.prepared(2, 2, inputs=Inputs(*THREE)), 10, RNG),
            "as many directions as its overlaps have rank, but of N = 10 group 0 has 1, of rank 4",
        ),
        (lambda: initial.from_weights(np.ones((2, 5)), np.ones((2, 4))), "W_teacher must have shape (M, 5), as W has"),
        (lambda: initial.from_weights(np.ones(5), np.ones((2, 5))), "W must have 2 axes"),
        (lambda: initial.from_weights(np.ones((2, 5)), np.ones((2, 5)), inputs=turned(10)), "number of axes"),
        (lambda: initial.from_weights(np.ones((2, 5)), np.eye(2, 5), T_hidden=np.eye(3)), "T_hidden must have shape"),
        (lambda: initial.from_weights(np.ones((2, 5)), np.eye(2, 5), T_hidden=-np.eye(2)), "T_hidden must have no neg"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    """In one line that names the argument."""
    with pytest.raises(InputError, match=re.escape(message)) as error:
        call()
    assert len(str(error.value)) < 300
