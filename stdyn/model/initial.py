"""Starting points: prepared and random order parameters, and weights that realize given overlaps exactly."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import UNITS, Array, check_rng, check_type, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.model.problem import Problem
from stdyn.model.state import ROUNDING, OrderParameters
from stdyn.text import shown

__all__ = ["coordinates", "prepared", "random_weights", "root", "teacher_overlaps", "weights"]

TEACHERS: dict[str, Callable[[int], Array]] = {
    "isotropic": lambda M: np.eye(M),
    "graded": lambda M: np.diag(np.arange(1.0, M + 1)),
}


def teacher_overlaps(M: int, teacher: str | ArrayLike = "isotropic") -> Array:
    """T of shape (M, M): "isotropic" T_nm = delta_nm, "graded" T_nm = n delta_nm (n = 1 … M), or the array given."""
    M = integer("M", M, 1, UNITS)
    if not isinstance(teacher, str):
        return frozen_array("teacher", teacher, (2,))
    if teacher not in TEACHERS:
        raise InputError(f"teacher must be an (M, M) array or one of {', '.join(TEACHERS)}, but is {shown(teacher)}")
    return TEACHERS[teacher](M)


def _second_layer(name: str, units: int, value: ArrayLike) -> Array:
    array = frozen_array(name, value, (0, 1, 2))
    return np.full(units, array) if array.ndim == 0 else array


def prepared(
    K: int,
    M: int,
    q: float = 0.2,
    r: float = 0.0,
    teacher: str | ArrayLike = "isotropic",
    v: ArrayLike = 1.0,
    v_teacher: ArrayLike = 1.0,
) -> OrderParameters:
    """The reference start: Q_ik = q delta_ik, R_in = r delta_in, exactly.

    Parameters
    ----------
    K, M : int
        Numbers of student and teacher units.
    q : float, default 0.2
        Squared norm of every student vector.
    r : float, default 0
        Overlap of student i with teacher i; the other overlaps are zero. With r = 0 the ODEs keep a start that treats
        the teacher units alike symmetric between them for ever (theory.md, section 6).
    teacher : {"isotropic", "graded"} or array_like (M, M)
        T_nm = delta_nm, n delta_nm, or as given.
    v, v_teacher : float or array_like
        Second layers, (K,) or (K, O) and (M,) or (M, O); a number stands for all units.
    """
    K, M = integer("K", K, 1, UNITS), integer("M", M, 1, UNITS)
    R = number("r", r, -np.inf) * np.eye(K, M)
    Q = number("q", q) * np.eye(K)
    T = teacher_overlaps(M, teacher)
    return OrderParameters(R, Q, T, _second_layer("v", K, v), _second_layer("v_teacher", M, v_teacher))


def random_weights(
    K: int,
    M: int,
    N: int,
    q: float,
    rng: np.random.Generator,
    teacher: str | ArrayLike = "isotropic",
    v: ArrayLike = 1.0,
    v_teacher: ArrayLike = 1.0,
) -> OrderParameters:
    """The order parameters of student weights drawn i.i.d. from N(0, q/N), at any size N.

    R is normal with variance q T_nn / N and Q has mean q delta_ik. They are drawn from their exact joint law, Q given R
    by Bartlett's decomposition of the Wishart matrix, without any N-dimensional vector. `rng` is advanced; the other
    parameters are those of `prepared`.
    """
    K, M, N = integer("K", K, 1, UNITS), integer("M", M, 1, UNITS), integer("N", N, 1)
    q = number("q", q)
    check_rng(rng)
    T = teacher_overlaps(M, teacher)
    teachers = root(T) if N >= M else _narrow_root(T, "T", N).T
    along = rng.standard_normal((K, len(teachers)))  # components within the teacher's space, in units of sqrt(q/N)
    if N >= K + M:
        across = np.tril(rng.standard_normal((K, K)), -1)  # Bartlett: the N - M components outside it
        across[np.diag_indices(K)] = np.sqrt(rng.chisquare(N - M - np.arange(K)))
    else:
        across = rng.standard_normal((K, max(N - M, 0)))
    R = np.sqrt(q / N) * along @ teachers
    Q = q / N * (along @ along.T + across @ across.T)
    return OrderParameters(R, Q, T, _second_layer("v", K, v), _second_layer("v_teacher", M, v_teacher))


def root(C: Array) -> Array:
    """The symmetric square root of a positive semi-definite matrix, singular or not."""
    C = frozen_array("C", C, (2,))
    eigenvalues, vectors = np.linalg.eigh(C)
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T


def coordinates(state: OrderParameters, N: int | None = None) -> tuple[Array, Array, Array]:
    """Coordinates (L, A, S) of vectors that have these overlaps; the first M directions hold the teacher.

    Teacher L (M, M) and students [A S], A (K, M) and S (K, K); L and S are lower triangular: T = L L^T, R = A L^T,
    Q = A A^T + S S^T. C may be singular. Vectors that are equal, or opposite, get coordinates that are so exactly.

    Of vectors in N < K + M dimensions the coordinates from N on are zero; N must be at least the rank of C.
    """
    check_type("state", state, OrderParameters)
    K, M = state.K, state.M
    order = np.r_[K : K + M, :K]
    C = state.C[np.ix_(order, order)]
    norms = np.sqrt(np.maximum(np.diag(C), 0))
    scale = np.where(norms > 0, norms, 1)
    directions = C / np.outer(scale, scale)  # so that short vectors are as exact as long ones
    if N is None or N >= K + M:
        triangle = np.linalg.qr(root(directions)).R.T  # directions = root root^T = triangle triangle^T
    else:
        triangle = np.zeros((K + M, K + M))
        triangle[:, :N] = np.linalg.qr(_narrow_root(directions, "[[Q, R], [R.T, T]]", N).T).R.T
    B = norms[:, None] * np.tril(triangle) * np.where(np.diag(triangle) < 0, -1, 1)
    for a in range(K + M):
        for c in range(a):
            if C[a, a] == C[c, c] == abs(C[a, c]):
                B[a] = np.sign(C[a, c]) * B[c]
                break
    return B[:M, :M], B[M:, :M], B[M:, M:]


def _narrow_root(C: Array, name: str, N: int) -> Array:
    """B (P, N) with B B^T = C (P, P), in as few dimensions as N."""
    eigenvalues, vectors = np.linalg.eigh(C)
    rank = int((eigenvalues > ROUNDING * eigenvalues[-1]).sum())
    if rank > N:
        raise InputError(f"N must be at least the rank of {name}, {rank}, but is {N}")
    return vectors[:, -N:] * np.sqrt(np.maximum(eigenvalues[-N:], 0))


def weights(state: OrderParameters | Problem, N: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """First-layer weights W (K, N) and W_teacher (M, N) that have exactly the overlaps of `state`.

    Uniform over the rotations of R^N, which is their law given the overlaps (theory.md, section 6): the coordinates of
    the vectors in a random orthonormal frame of min(N, K + M) rows. `state` may be a point of any trajectory, e.g.
    `runs.at(-1, run=0)`. N must be at least the rank of [[Q, R], [R.T, T]].
    """
    check_type("state", state, OrderParameters, Problem)
    start = state.start if isinstance(state, Problem) else state
    K, M, N = start.K, start.M, integer("N", N, 1)
    check_rng(rng)
    L, A, S = coordinates(start, N)
    frame, triangle = np.linalg.qr(rng.standard_normal((N, min(N, K + M))))
    frame = (frame * np.sign(np.diag(triangle))).T  # makes the law of the frame uniform
    students = np.hstack([A, S])
    W, W_teacher = np.zeros((K, N)), np.zeros((M, N))
    for a in range(len(frame)):  # row by row, so that equal units get the same weights to the last bit
        W += students[:, a, None] * frame[a]
        if a < M:
            W_teacher += L[:, a, None] * frame[a]
    return W, W_teacher
