"""Starting points: prepared and random order parameters, and weights that realize given overlaps exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import UNITS, Array, RngLike, check_rng, check_type, frozen_array, integer, number
from stdyn.errors import InputError
from stdyn.model.frames import coordinates_in, in_frame, narrow_root, root, triangle_of
from stdyn.model.inputs import Inputs
from stdyn.model.problem import Problem
from stdyn.model.state import OrderParameters
from stdyn.text import shown

__all__ = ["coordinates", "from_weights", "prepared", "random_weights", "root", "teacher_overlaps", "weights"]

TEACHERS: dict[str, Callable[[int], Array]] = {
    "isotropic": lambda M: np.eye(M),
    "graded": lambda M: np.diag(np.arange(1.0, M + 1)),
}


def teacher_overlaps(M: int, teacher: str | ArrayLike = "isotropic", *others: str) -> Array:
    """The teacher's overlaps T by a name, or those given.

    Parameters
    ----------
    M : int
        Number of teacher units.
    teacher : {"isotropic", "graded"} or array_like (M, M)
        T_nm = delta_nm, T_nm = n delta_nm (n = 1 … M), or as given.
    *others : str
        Names that an error says besides.

    Returns
    -------
    ndarray, shape (M, M)
        T.

    Raises
    ------
    InputError
        If M is not an integer of at least 1, or there is no such teacher.

    See Also
    --------
    prepared, stdyn.similar

    Examples
    --------
    >>> stdyn.initial.teacher_overlaps(2, "graded")
    array([[1., 0.],
           [0., 2.]])
    """
    M = integer("M", M, 1, UNITS)
    if not isinstance(teacher, str):
        return frozen_array("teacher", teacher, (2,))
    if teacher not in TEACHERS:
        names = ", ".join((*TEACHERS, *others))
        raise InputError(f"teacher must be an (M, M) array or one of {names}, but is {shown(teacher)}")
    return TEACHERS[teacher](M)


Coordinates = tuple[Array, Array, Array]  # L, A, S


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
    inputs: Inputs | None = None,
) -> OrderParameters:
    """The reference start: w_i . w_k = q delta_ik, w_i . w~_n = r delta_in, exactly.

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
        The teacher's overlaps w~_n . w~_m: delta_nm, n delta_nm, or as given.
    v, v_teacher : float or array_like
        Second layers, (K,) or (K, O) and (M,) or (M, O); a number stands for all units.
    inputs : Inputs, optional
        The spectrum of the inputs; isotropic unless given. Of all overlaps every group of directions has its fraction.

    Returns
    -------
    OrderParameters
        The start of a `Problem`.

    Raises
    ------
    InputError
        If an argument is not as said, or no weights have these overlaps: r is above sqrt(q T_ii).

    See Also
    --------
    random_weights, from_weights, stdyn.OrderParameters

    Examples
    --------
    >>> start = stdyn.initial.prepared(K=3, M=2, q=0.2, r=0.05)
    >>> start.R
    array([[0.05, 0.  ],
           [0.  , 0.05],
           [0.  , 0.  ]])
    """
    K, M = integer("K", K, 1, UNITS), integer("M", M, 1, UNITS)
    R = number("r", r, -np.inf) * np.eye(K, M)
    Q = number("q", q) * np.eye(K)
    T = teacher_overlaps(M, teacher)
    second = _second_layer("v", K, v), _second_layer("v_teacher", M, v_teacher)
    if inputs is None:
        return OrderParameters(R, Q, T, *second)
    check_type("inputs", inputs, Inputs)
    p = inputs.fractions[:, None, None]
    return OrderParameters.by_group(inputs, p * R, p * Q, p * T, *second)


def random_weights(
    K: int,
    M: int,
    N: int,
    q: float,
    rng: RngLike,
    teacher: str | ArrayLike = "isotropic",
    v: ArrayLike = 1.0,
    v_teacher: ArrayLike = 1.0,
    inputs: Inputs | None = None,
) -> OrderParameters:
    """The order parameters of student weights drawn i.i.d. from N(0, q/N), at any size N.

    R is normal with variance q T_nn / N and Q has mean q delta_ik. They are drawn from their exact joint law, Q given R
    by Bartlett's decomposition of the Wishart matrix, without any N-dimensional vector.

    Parameters
    ----------
    K, M : int
        Numbers of student and teacher units.
    N : int
        Number of inputs; an N < M must be at least the rank of T.
    q : float
        N times the variance of a weight.
    rng : int or numpy.random.Generator
        A seed, or a generator, which is advanced.
    teacher : {"isotropic", "graded", "random"} or array_like (M, M)
        The teacher's overlaps: delta_nm, n delta_nm, of vectors drawn i.i.d. from N(0, 1/N), or as given.
    v, v_teacher : float or array_like
        Second layers, (K,) or (K, O) and (M,) or (M, O); a number stands for all units.
    inputs : Inputs, optional
        The spectrum of the inputs; isotropic unless given. Then the overlaps of each group are drawn, in which there
        are `inputs.directions(N)`; of T a group has its fraction. It must have as many directions as T has rank, unless
        the teacher is "random".

    Returns
    -------
    OrderParameters
        Another start at every call.

    Raises
    ------
    InputError
        If an argument is not as said, or N, or a group, has too few directions.

    See Also
    --------
    prepared, from_weights, stdyn.weights

    Examples
    --------
    >>> start = stdyn.initial.random_weights(2, 2, N=10**6, q=0.2, rng=np.random.default_rng(1))
    >>> np.diag(start.Q).round(3)
    array([0.2, 0.2])
    """
    K, M, N = integer("K", K, 1, UNITS), integer("M", M, 1, UNITS), integer("N", N, 1)
    q = number("q", q)
    rng = check_rng(rng)
    check_type("inputs", inputs, Inputs, type(None))
    fractions, sizes = ([1.0], [N]) if inputs is None else (inputs.fractions, inputs.directions(N).tolist())
    drawn = isinstance(teacher, str) and teacher == "random"
    T = np.eye(M) if drawn else teacher_overlaps(M, teacher, "random")
    parts = []
    for group, (p, size) in enumerate(zip(fractions, sizes, strict=True)):
        if drawn:
            teachers = triangle_of(M, size, rng).T / np.sqrt(N)
        elif size >= M:
            teachers = root(p * T)
        else:
            teachers = narrow_root(p * T, _teacher_in(teacher, group, size, N, inputs), size).T
        along = rng.standard_normal((K, len(teachers)))  # within the teacher's space, in units of sqrt(q/N)
        across = triangle_of(K, max(size - len(teachers), 0), rng)
        R = np.sqrt(q / N) * along @ teachers
        Q = q / N * (along @ along.T + across @ across.T)
        parts.append((R, Q, teachers.T @ teachers if drawn else p * T))
    r, q_drawn, t = (np.array(each) for each in zip(*parts, strict=True))
    second = _second_layer("v", K, v), _second_layer("v_teacher", M, v_teacher)
    if inputs is None:
        return OrderParameters(r[0], q_drawn[0], t[0], *second)
    return OrderParameters.by_group(inputs, r, q_drawn, t, *second)


def _teacher_in(teacher: object, group: int, size: int, N: int, inputs: Inputs | None) -> str:
    """What is said if a group has fewer directions than the teacher needs."""
    if inputs is None or inputs.groups == 1:
        return f"N must be at least the rank of T, {{rank}}, but is {N}"
    name = shown(teacher) if isinstance(teacher, str) else "an array"
    return (
        'teacher must be "random" where a group has fewer directions than the rank of T, {rank}, but is'
        f" {name}, and of N = {N} directions group {group} has {size} (or take fewer groups)"
    )


def from_weights(
    W: ArrayLike,
    W_teacher: ArrayLike,
    v: ArrayLike = 1.0,
    v_teacher: ArrayLike = 1.0,
    inputs: Inputs | None = None,
    T_hidden: ArrayLike | None = None,
) -> OrderParameters:
    """The order parameters of first-layer weights W and W_teacher, which are given in input space.

    Parameters
    ----------
    W, W_teacher : array_like, shapes (K, N) and (M, N)
        Vectors of norm O(1).
    v, v_teacher : float or array_like
        Second layers, as of `prepared`.
    inputs : Inputs, optional
        The spectrum of the inputs; isotropic unless given.
    T_hidden : array_like, shape (M, M), optional
        The covariance of what of the teacher's fields no input explains, e.g. of `HiddenManifold.teacher`.

    Returns
    -------
    OrderParameters
        Their overlaps; by group, where inputs are not isotropic.

    Raises
    ------
    InputError
        If shapes disagree, or N is not that of the inputs.

    See Also
    --------
    prepared, stdyn.weights, stdyn.OrderParameters.by_group

    Examples
    --------
    >>> start = stdyn.initial.from_weights(W=[[0.6, 0.0, 0.8]], W_teacher=[[1.0, 0.0, 0.0]])
    >>> start.R, start.Q
    (array([[0.6]]), array([[1.]]))
    """
    W, W_teacher = frozen_array("W", W, (2,)), frozen_array("W_teacher", W_teacher, (2,))
    if W.shape[1] != W_teacher.shape[1]:
        raise InputError(f"W_teacher must have shape (M, {W.shape[1]}), as W has, but has shape {W_teacher.shape}")
    check_type("inputs", inputs, Inputs, type(None))
    second = _second_layer("v", len(W), v), _second_layer("v_teacher", len(W_teacher), v_teacher)
    inputs = Inputs.isotropic() if inputs is None else inputs
    r, q, t = (inputs.overlaps(A, B) for A, B in ((W, W_teacher), (W, W), (W_teacher, W_teacher)))
    return OrderParameters.by_group(inputs, r, q, t, *second, T_hidden)


def coordinates(state: OrderParameters, N: int | None = None) -> Coordinates:
    """Coordinates (L, A, S) of vectors that have these overlaps; the first M directions hold the teacher.

    Teacher L and students [A S]: T = L L^T, R = A L^T, Q = A A^T + S S^T. C may be singular. Vectors that are equal, or
    opposite, get coordinates that are so exactly.

    Parameters
    ----------
    state : OrderParameters
        The overlaps.
    N : int, optional
        Number of inputs, at least the rank of C; of vectors in N < K + M dimensions the coordinates from N on are zero.

    Returns
    -------
    L : ndarray, shape (M, M)
        Of the teacher, lower triangular.
    A : ndarray, shape (K, M)
        Of the students, in the teacher's space.
    S : ndarray, shape (K, K)
        Of the students, beyond it; lower triangular. Where inputs are not isotropic the first axis of all three is that
        of the groups, in each of which there are `inputs.directions(N)`.

    Raises
    ------
    InputError
        If N, or a group, has fewer directions than the overlaps have rank.

    See Also
    --------
    root, stdyn.weights

    Notes
    -----
    Theory.md, section 4.

    Examples
    --------
    >>> L, A, S = stdyn.initial.coordinates(start)
    >>> bool(np.allclose(A @ A.T + S @ S.T, start.Q))
    True
    """
    check_type("state", state, OrderParameters)
    if state.inputs is None:
        needs = f"N must be at least the rank of [[Q, R], [R.T, T]], {{rank}}, but is {N}"
        return coordinates_in(state.C, state.M, N, needs)
    sizes = [None] * state.inputs.groups if N is None else state.inputs.directions(N).tolist()
    needs = f"N must let a group have as many directions as its overlaps have rank, but of N = {N} group {{}} has {{}}"
    every = [
        coordinates_in(C, state.M, size, needs.format(group, size) + ", of rank {rank}")
        for group, (C, size) in enumerate(zip(state.C_group, sizes, strict=True))
    ]
    L, A, S = (np.array(each) for each in zip(*every, strict=True))
    return L, A, S


def weights(state: OrderParameters | Problem, N: int, rng: RngLike) -> tuple[Array, Array]:
    """First-layer weights that have exactly the overlaps of a state.

    Uniform over the rotations of R^N, which is their law given the overlaps (theory.md, section 6): the coordinates of
    the vectors in a random orthonormal frame of min(N, K + M) rows. Where inputs are not isotropic it is so in every
    group of directions, and the weights are in input space.

    Parameters
    ----------
    state : OrderParameters or Problem
        The overlaps; may be a point of any trajectory, e.g. `runs.at(-1, run=0)`.
    N : int
        Number of inputs, at least the rank of [[Q, R], [R.T, T]].
    rng : int or numpy.random.Generator
        A seed, or a generator, which is advanced.

    Returns
    -------
    W : ndarray, shape (K, N)
        Of the student.
    W_teacher : ndarray, shape (M, N)
        Of the teacher.

    Raises
    ------
    InputError
        If N, or a group, has fewer directions than the overlaps have rank.

    See Also
    --------
    stdyn.initial.from_weights, stdyn.initial.coordinates, stdyn.simulate_network

    Examples
    --------
    >>> W, W_teacher = stdyn.weights(problem, 100, np.random.default_rng(1))
    >>> W.shape
    (2, 100)
    >>> bool(np.allclose(W @ W_teacher.T, problem.start.R))
    True
    """
    check_type("state", state, OrderParameters, Problem)
    start = state.start if isinstance(state, Problem) else state
    W, W_teacher = aligned_weights(start, N, rng)
    if start.inputs is None:
        return W, W_teacher
    return start.inputs.unrotated(W), start.inputs.unrotated(W_teacher)


def aligned_weights(
    start: OrderParameters, N: int, rng: RngLike, known: Coordinates | None = None
) -> tuple[Array, Array]:
    """Those of `weights`, along the directions in the order of the groups: of isotropic inputs the same.

    `known` are the `coordinates` of the start, for whoever makes many.
    """
    N = integer("N", N, 1)
    rng = check_rng(rng)
    coordinates_of = coordinates(start, N) if known is None else known
    if start.inputs is None:
        return in_frame(*coordinates_of, N, rng)
    sizes = start.inputs.directions(N).tolist()
    parts = [in_frame(L, A, S, size, rng) for L, A, S, size in zip(*coordinates_of, sizes, strict=True)]
    W, W_teacher = (np.hstack(each) for each in zip(*parts, strict=True))
    return W, W_teacher
