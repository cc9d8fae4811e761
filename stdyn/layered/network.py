"""Layered networks and their learning rules: backpropagation, feedback alignment and direct feedback alignment.

Theory.md, section 8. The matrices W[l] have the shape (n_{l+1}, n_l) of the theory and stand in memory column by
column, which BLAS multiplies a few examples with fastest. A step is made of products of matrices only. The biases are
called b where users see them, as in the theory, and `biases` elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stdyn.checks import RngLike, check_numbers, check_rng, integer, number
from stdyn.errors import InputError
from stdyn.layered.blas import Array, Compute, in_turn, product, subtract_product
from stdyn.text import shown
from stdyn.values import Frozen

_TYPES = (np.float32, np.float64, "float32", "float64")
RULES = ("bp", "fa", "dfa")


@dataclass(frozen=True, eq=False)
class Network(Frozen):
    """The weights and biases of a network with layers of n_0, n_1, …, n_L units.

    The arrays are copied and cannot be written to.

    Parameters
    ----------
    W : sequence of ndarray, shapes (n_1, n_0), …, (n_L, n_{L-1})
        Weights; float32 or float64, all alike.
    b : sequence of ndarray, shapes (n_1,), …, (n_L,)
        Biases, of the same type.

    Raises
    ------
    InputError
        If shapes or types disagree.

    See Also
    --------
    random_network, train, stdyn.Training

    Notes
    -----
    Theory.md, section 8.

    Examples
    --------
    >>> W = [np.ones((3, 2)), np.ones((1, 3))]
    >>> stdyn.layered.Network(W, b=[np.zeros(3), np.zeros(1)]).widths
    (2, 3, 1)
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]

    def __post_init__(self) -> None:
        for name in "Wb":
            if not isinstance(getattr(self, name), list | tuple):
                raise InputError(f"{name} must be a list or tuple of arrays, but is {shown(getattr(self, name))}")
        check_numbers("W", self.W)
        check_numbers("b", self.b)
        W, biases = [np.asarray(each) for each in self.W], [np.asarray(each) for each in self.b]
        if not W or len(W) != len(biases):
            raise InputError(f"W and b must be as many, and at least one, but are {len(W)} and {len(biases)}")
        for l, (matrix, bias) in enumerate(zip(W, biases, strict=True)):
            if matrix.dtype not in (np.float32, np.float64) or {matrix.dtype, bias.dtype} != {W[0].dtype}:
                raise InputError(
                    f"W and b must all be float32 or all float64, but W[{l}] and b[{l}] are {matrix.dtype}"
                    f" and {bias.dtype}"
                )
            wanted = (matrix.shape[0], W[l - 1].shape[0] if l else matrix.shape[-1]) if matrix.ndim == 2 else None
            if matrix.shape != wanted or bias.shape != wanted[:1] or matrix.size == 0:
                raise InputError(
                    f"W[{l}] and b[{l}] must have shapes (n_{l + 1}, n_{l}) and (n_{l + 1},) with the n_{l} of the"
                    f" layer before, but have shapes {matrix.shape} and {bias.shape}"
                )
        self._set(W=tuple(np.array(each, order="F") for each in W), b=tuple(map(np.array, biases)))

    @property
    def widths(self) -> tuple[int, ...]:
        """(n_0, …, n_L)."""
        return (self.W[0].shape[1], *(len(bias) for bias in self.b))


def random_network(widths: Sequence[int], rng: RngLike, scale: float = 1.0, dtype: DTypeLike = np.float32) -> Network:
    """Weights of standard deviation scale / sqrt(n_l), so that the fields of a layer are of order one; no biases.

    Parameters
    ----------
    widths : sequence of int
        (n_0, …, n_L): inputs, hidden units of each layer, outputs.
    rng : int or numpy.random.Generator
        A seed, or a generator, which is advanced.
    scale : float, default 1
        Of the weights.
    dtype : float32 or float64, default float32
        Of the arrays.

    Returns
    -------
    Network
        The start of `train`.

    Raises
    ------
    InputError
        If an argument is not as said.

    See Also
    --------
    Network, random_feedback, train

    Examples
    --------
    >>> network = stdyn.layered.random_network([36, 20, 4], np.random.default_rng(1))
    >>> network.W[0].shape, network.W[0].dtype
    ((20, 36), dtype('float32'))
    """
    rng = check_rng(rng)
    sizes, scale = check_widths(widths), number("weight_scale", scale)
    if not isinstance(dtype, str | type | np.dtype) or (str(dtype) not in _TYPES and dtype not in _TYPES):
        raise InputError(f"dtype must be float32 or float64, but is {shown(dtype)}")
    draw = [rng.standard_normal((n, before)) * (scale / np.sqrt(before)) for before, n in pairwise(sizes)]
    return Network(tuple(W.astype(dtype) for W in draw), tuple(np.zeros(len(W), dtype) for W in draw))


def random_feedback(widths: Sequence[int], rule: str, rng: RngLike, scale: float = 1.0) -> tuple[Array, ...] | None:
    """The feedback matrices B of the hidden layers, entries N(0, scale^2).

    Parameters
    ----------
    widths : sequence of int
        (n_0, …, n_L): inputs, hidden units of each layer, outputs.
    rule : {"bp", "fa", "dfa"}
        Those of "fa" have the shapes (n_l, n_{l+1}) of the transposed W of the layer above, those of "dfa" (n_l, n_L).
    rng : int or numpy.random.Generator
        A seed, or a generator, which is advanced.
    scale : float, default 1
        Standard deviation of an entry.

    Returns
    -------
    tuple of ndarray, or None
        None for "bp", which has none.

    Raises
    ------
    InputError
        If an argument is not as said.

    See Also
    --------
    random_network, train

    Examples
    --------
    >>> [B.shape for B in stdyn.layered.random_feedback([36, 20, 10, 4], "dfa", np.random.default_rng(1))]
    [(20, 4), (10, 4)]
    """
    rng = check_rng(rng)
    shapes, scale = feedback_shapes(check_widths(widths), check_rule(rule)), number("feedback_scale", scale)
    return None if rule == "bp" else tuple(scale * rng.standard_normal(shape) for shape in shapes)


def check_widths(widths: object) -> tuple[int, ...]:
    """(n_0, …, n_L), refused if they are not at least inputs and outputs, each a positive integer."""
    if not isinstance(widths, list | tuple | np.ndarray) or len(widths) < 2:
        raise InputError(f"widths must be the numbers of inputs, hidden units and outputs, but is {shown(widths)}")
    return tuple(integer("widths", width, 1) for width in widths)


def check_rule(rule: object) -> str:
    """Refuse what is not the name of a rule."""
    if not isinstance(rule, str) or rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(RULES)}, but is {shown(rule)}")
    return str(rule)


def feedback_shapes(widths: tuple[int, ...], rule: str) -> list[tuple[int, int]]:
    """The shapes of the feedback matrices of the hidden layers."""
    targets = [widths[-1]] * len(widths) if rule == "dfa" else widths[2:]
    return list(zip(widths[1:-1], targets))  # noqa: B905  (to the shorter)


# ---------------------------------------------------------------------------------------------------------------------
# Theory, section 8. x, h, delta have a row for each example of a batch


def forward(W: Sequence[Array], biases: Sequence[Array], x: Array, compute: Compute = in_turn) -> list[Array]:
    """[h^0 = x, h^1, …, h^{L-1}, a^L]: a^l = W^l h^{l-1} + b^l, h^l = tanh a^l; last the fields of the outputs."""
    h = [x]
    for matrix, bias in zip(W, biases, strict=True):
        a = product(h[-1], matrix, compute)
        a += bias
        h.append(np.tanh(a, out=a) if len(h) < len(W) else a)
    return h


def output_error(a: Array, labels: NDArray[np.integer]) -> tuple[Array, Array]:
    """delta^L = softmax(a) - y, with y = 1 for the right output and 0 for the others, and the cross-entropy of each."""
    rows = np.arange(len(a))
    y = a - a.max(axis=1, keepdims=True)
    right = y[rows, labels]
    np.exp(y, out=y)
    total = y.sum(axis=1, keepdims=True)
    y /= total
    y[rows, labels] -= 1
    return y, np.log(total[:, 0]) - right


def backward(h: Sequence[Array], error: Array, back: Sequence[Array], direct: bool = False) -> list[Array]:
    """[delta^1, …, delta^L] from delta^L and the activities.

    delta^l = (delta^{l+1} back^l) * f'(a^l) with f' = 1 - h^2; `direct`: from delta^L instead of delta^{l+1}. The rows
    of back^l belong to the units that send: W^{l+1} for backpropagation, the transposed B^l for the others.
    """
    delta = [error]
    for activity, matrix in zip(h[-2:0:-1], reversed(back), strict=True):
        one = (error if direct else delta[-1]) @ matrix
        one *= 1 - activity * activity
        delta.append(one)
    return delta[::-1]


def way_back(W: Sequence[Array], rule: str, feedback: Sequence[Array] | None) -> tuple[Sequence[Array], bool]:
    """The last two arguments of `backward`."""
    if rule == "bp" or feedback is None:
        return W[1:], False
    return [B.T for B in feedback], rule == "dfa"


def add_step(
    W: Sequence[Array],
    biases: Sequence[Array],
    h: Sequence[Array],
    delta: Sequence[Array],
    rate: float,
    compute: Compute = in_turn,
) -> None:
    """W^l -= rate sum delta^l h^{l-1}^T and b^l -= rate sum delta^l over the batch, in place."""
    for matrix, bias, activity, each in zip(W, biases, h, delta, strict=False):
        subtract_product(matrix, each, activity, rate, compute)
        bias -= rate * each.sum(axis=0)


def inputs(images: NDArray[np.uint8], dtype: DTypeLike) -> Array:
    """Grey values from 0 to 1."""
    x = images.astype(dtype)
    x *= x.dtype.type(1 / 255)
    return x
