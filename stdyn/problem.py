"""What is to be solved: the order parameters of a starting point, and the problem they are the start of."""

import sys
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stdyn.activations import Activation, averages_of, find, kernel_arguments
from stdyn.errors import InputError
from stdyn.kernels import Averages

Array = NDArray[np.float64]

RATES = ("eta", "eta_v", "sigma", "decay", "decay_v")  # in the order in which the kernels take them
ROUNDING = 1e-10  # relative to the largest eigenvalue: what counts as rounding in a symmetry or a negative eigenvalue


def frozen_array(name: str, value: ArrayLike, ndim: tuple[int, ...]) -> Array:
    """A read-only float copy of `value`, refused if it is not finite or has a wrong number of axes."""
    try:
        if np.asarray(value).dtype.kind in "bc":
            raise TypeError("neither truth values nor complex numbers are meant")
        array = np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers, but is {value!r} ({error})") from None
    if array.ndim not in ndim:
        axes = " or ".join(map(str, ndim))
        raise InputError(f"{name} must have {axes} axes, but has shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name} must not be empty, but has shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        entry = name + str(list(where)) if where else ""
        raise InputError(f"{name} must be finite, but {entry}{' ' * bool(entry)}is {array[where]}")
    array.flags.writeable = False
    return array


def number(name: str, value: Any, least: float = 0.0, most: float = sys.float_info.max) -> float:
    """`value` as a finite float from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{name} must be a number, but is {value!r}")
    if not max(least, -sys.float_info.max) <= value <= sys.float_info.max:
        raise InputError(f"{name} must be finite and at least {least:g}, but is {value}")
    if value > most:
        raise InputError(f"{name} must be at most {most:g}, but is {value}")
    return float(value)


def integer(name: str, value: Any, least: int, most: int = 2**53) -> int:
    """`value` as an int from `least` to `most`; a float with an integer value is taken, 2.5 is not."""
    if isinstance(value, (float, np.floating)) and np.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name} must be an integer, but is {value!r}")
    if value < least:
        raise InputError(f"{name} must be at least {least}, but is {value}")
    if value > most:
        raise InputError(f"{name} must be at most {most}, but is {value}")
    return int(value)


def check_type(name: str, value: Any, kind: type) -> None:
    """Refuse what is of another type."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be a {kind.__name__}, but is {type(value).__name__}")


def check_rng(rng: Any) -> None:
    """Refuse what is not a numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng must be a numpy.random.Generator (numpy.random.default_rng(1), say), but is {rng!r}")


def check_executor(executor: Any) -> None:
    """Refuse what is neither None nor a concurrent.futures.Executor."""
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(
            "executor must be a concurrent.futures.Executor (such as executor in: with stdyn.processes() as executor:),"
            f" but is {executor!r}"
        )


def time_grid(alphas: ArrayLike) -> Array:
    """`alphas` as a read-only array of times: one axis, finite, none negative, strictly increasing."""
    array = frozen_array("alphas", alphas, (1,))
    if array[0] < 0:
        raise InputError(f"alphas must not be negative, but alphas[0] is {array[0]:g}")
    wrong = np.flatnonzero(np.diff(array) <= 0)
    if wrong.size:
        j = int(wrong[0])
        raise InputError(
            f"alphas must increase strictly, but alphas[{j}] = {array[j]:g} is followed by {array[j + 1]:g}"
            " (np.unique sorts them and drops the repeated ones)"
        )
    return array


def _symmetric(name: str, A: Array) -> Array:
    if A.shape[0] != A.shape[1]:
        raise InputError(f"{name} must be square, but has shape {A.shape}")
    gap = np.abs(A - A.T)
    if gap.max() > ROUNDING * np.abs(A).max():
        i, k = np.unravel_index(np.argmax(gap), gap.shape)
        raise InputError(
            f"{name} must be symmetric, but {name}[{i},{k}] = {A[i, k]:.6g} and {name}[{k},{i}] = {A[k, i]:.6g}"
        )
    A = (A + A.T) / 2
    A.flags.writeable = False
    return A


@dataclass(frozen=True, eq=False)
class OrderParameters:
    """The overlaps of a student and its teacher, and their second layers.

    Parameters
    ----------
    R : array_like, shape (K, M)
        Student-teacher overlaps w_i . w~_n.
    Q : array_like, shape (K, K)
        Student-student overlaps w_i . w_k.
    T : array_like, shape (M, M)
        Teacher-teacher overlaps w~_n . w~_m.
    v : array_like, shape (K,) or (K, O)
        Second layer of the student; one axis for a single output.
    v_teacher : array_like, shape (M,) or (M, O)
        Second layer of the teacher, with as many axes as `v`.

    All overlaps are plain dot products of vectors of norm O(1) (theory.md, section 2). The arrays are copied and
    cannot be written to.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, Q or T is not symmetric, or no weights have these overlaps:
        C = [[Q, R], [R.T, T]] must have no eigenvalue below -1e-10 times the largest one.
    """

    R: Array
    Q: Array
    T: Array
    v: Array
    v_teacher: Array

    def __post_init__(self) -> None:
        R, Q, T = (frozen_array(name, getattr(self, name), (2,)) for name in "RQT")
        v = frozen_array("v", self.v, (1, 2))
        v_teacher = frozen_array("v_teacher", self.v_teacher, (1, 2))
        K, M = R.shape
        for name, array, leading, rule in (
            ("Q", Q, (K, K), "(K, K)"),
            ("T", T, (M, M), "(M, M)"),
            ("v", v, (K,), "(K,) or (K, O)"),
            ("v_teacher", v_teacher, (M,), "(M,) or (M, O)"),
        ):
            if array.shape[: len(leading)] != leading:
                raise InputError(
                    f"{name} must have shape {rule} with K, M = {K}, {M} from R, but has shape {array.shape}"
                )
        if v.shape[1:] != v_teacher.shape[1:]:
            raise InputError(
                f"v and v_teacher must have the same number of outputs, but have shapes {v.shape} and {v_teacher.shape}"
            )
        for name, value in zip(
            ("R", "Q", "T", "v", "v_teacher"), (R, _symmetric("Q", Q), _symmetric("T", T), v, v_teacher), strict=True
        ):
            object.__setattr__(self, name, value)
        eigenvalues = np.linalg.eigvalsh(self.C)
        if eigenvalues[0] < -ROUNDING * max(eigenvalues[-1], 1e-300):
            raise InputError(
                "no weights have these overlaps: [[Q, R], [R.T, T]] must have no negative eigenvalue, "
                f"but the smallest is {eigenvalues[0]:.2g} (is some |R_in| above sqrt(Q_ii T_nn)?)"
            )

    @property
    def K(self) -> int:
        """Number of student units."""
        return self.R.shape[0]

    @property
    def M(self) -> int:
        """Number of teacher units."""
        return self.R.shape[1]

    @property
    def C(self) -> Array:
        """The covariance [[Q, R], [R.T, T]] of the fields, shape (K+M, K+M)."""
        return np.block([[self.Q, self.R], [self.R.T, self.T]])


@dataclass(frozen=True, eq=False)
class Problem:
    """A student that learns online from a teacher: start, learning rule and rates (theory.md, section 1).

    Parameters
    ----------
    start : OrderParameters
        The order parameters at alpha = 0.
    N : int, default 500
        Input dimension of the simulated network, at least K + M. The ODEs (N -> infinity) do not depend on it.
    activation : str or Activation, default "erf"
        g: "erf" (erf(x / sqrt 2)), "linear", "relu" or "tanh", whose averages have closed forms; "gelu", "sigmoid",
        "square" (x^2), "hermite2", "hermite3", or what `stdyn.activation` makes, whose averages are by quadrature.
    activation_teacher : str or Activation, optional
        That of the teacher, if it is another one. Averages of erf with tanh have closed forms, else by quadrature.
    rule : {"bp", "fa"}, default "bp"
        Backpropagation (backward weights v) or feedback alignment (backward weights b).
    b : array_like, shape of start.v
        The feedback weights; required for "fa", refused for "bp".
    eta, eta_v : float
        Learning rates of first and second layer, both divided by N in a step. eta_v = 0 freezes the second layer.
    sigma : float, default 0
        Standard deviation of the label noise.
    decay, decay_v : float, default 0
        Weight decay of the two layers: a step multiplies the weights by 1 - decay / N.
    quadrature : int, default 16384
        Points by which averages without a closed form are taken, a power of 2, at least 2048. The error, which
        `integrate` reports, falls a little faster than their number to the power -1/2; the time grows with it.

    Raises
    ------
    InputError
        Naming the argument, its value and what was expected.
    """

    start: OrderParameters
    N: int = 500
    activation: Any = "erf"  # an Activation, once it is made
    activation_teacher: Any = None
    rule: Literal["bp", "fa"] = "bp"
    b: Array | None = None
    eta: float = field(kw_only=True)
    eta_v: float = field(kw_only=True)
    sigma: float = 0.0
    decay: float = 0.0
    decay_v: float = 0.0
    quadrature: int = 2**14

    def __post_init__(self) -> None:
        if not isinstance(self.start, OrderParameters):
            raise InputError(f"start must be OrderParameters, but is {type(self.start).__name__}")
        checked: dict[str, Any] = {"N": integer("N", self.N, 1)}
        units = self.start.K + self.start.M
        if checked["N"] < units:
            raise InputError(f"N must be at least K + M = {units}, but is {self.N}")
        checked["activation"] = find(self.activation)
        if self.activation_teacher is not None:
            teacher = find(self.activation_teacher, "activation_teacher")
            if teacher != checked["activation"] and teacher.name == checked["activation"].name:
                raise InputError(
                    f"activation_teacher must have a name of its own, but both are called {teacher.name!r}"
                )
            checked["activation_teacher"] = None if teacher == checked["activation"] else teacher
        checked["quadrature"] = points = integer("quadrature", self.quadrature, 2**11, 2**24)
        if points & (points - 1):
            raise InputError(f"quadrature must be a power of 2, but is {points}")
        if self.rule not in ("bp", "fa"):
            raise InputError(f'rule must be "bp" or "fa", but is {self.rule!r}')
        if (self.rule == "fa") != (self.b is not None):
            needed = "needed" if self.rule == "fa" else "refused (backpropagation goes back through v)"
            raise InputError(f'b, the feedback weights, is {needed} with rule = "{self.rule}"')
        if self.b is not None:
            b = checked["b"] = frozen_array("b", self.b, (1, 2))
            if b.shape != self.start.v.shape:
                raise InputError(f"b must have the shape of v, {self.start.v.shape}, but has shape {b.shape}")
        for name in RATES:
            checked[name] = number(name, getattr(self, name))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def outputs(self) -> int:
        """Number of outputs O."""
        return self.start.v.size // self.start.K

    @property
    def activations(self) -> tuple[Activation, Activation]:
        """Those of student and teacher."""
        return self.activation, self.activation if self.activation_teacher is None else self.activation_teacher

    @property
    def activations_text(self) -> str:
        """Their names in words."""
        return " of ".join(map(str, self.activations)) if self.activation_teacher else str(self.activation)

    @property
    def by_quadrature(self) -> bool:
        """Whether the averages have no closed form."""
        return averages_of(*self.activations) == Averages.POINTS

    @property
    def smooth(self) -> bool:
        """Whether the averages, as they are computed, are smooth functions of the order parameters.

        They are not if the points of a quadrature cross a jump of g' as the order parameters change.
        """
        return not self.by_quadrature or self.activation.smooth

    @property
    def kernel_arguments(self) -> tuple[Array, Array, bool, Array, np.ndarray, Array]:
        """(v_teacher (M, O), b (K, O), fixed_feedback, rates, codes, table): how every kernel takes its parameters.

        Without the points of a quadrature, which simulations do not need: those are `quadrature.arguments`.
        """
        v_teacher = self.start.v_teacher.reshape(self.start.M, -1)
        b = self.start.v if self.b is None else self.b
        rates = np.array([getattr(self, name) for name in RATES])
        fixed = self.rule == "fa"
        return (
            np.array(v_teacher),
            np.array(b.reshape(self.start.K, -1)),
            fixed,
            rates,
            *kernel_arguments(*self.activations),
        )

    def difference(self, other: "Problem") -> str | None:
        """The first parameter in which the two problems differ, as "eta: 0.5 and 0.4"; None if they are the same."""
        pairs = [(f.name, getattr(self.start, f.name), getattr(other.start, f.name)) for f in fields(self.start)]
        pairs += [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.name != "start"]
        for name, mine, theirs in pairs:
            if np.shape(mine) != np.shape(theirs):
                return f"{name}: shapes {np.shape(mine)} and {np.shape(theirs)}"
            if np.any(np.not_equal(mine, theirs)):
                return f"{name}: {mine} and {theirs}"
        return None
