"""Activation functions g and g': those with closed-form averages, others by name, and any that numba compiles."""

import dis
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from math import cosh, erf, exp, pi, sqrt, tanh
from pathlib import Path
from typing import Any

import numpy as np

from stdyn.checks import Array, floats
from stdyn.errors import InputError
from stdyn.kernels.activation import Code, fill, pointwise, scalar
from stdyn.kernels.averages import LAWS
from stdyn.model.thresholds import Threshold, find_thresholds
from stdyn.text import shown
from stdyn.values import Frozen, frozen

# tanh(x) = sum_m c_m erf(s_m x / sqrt 2) to 1.02e-6, and tanh'(x) to 9.4e-6, for all x: the logistic law is a scale
# mixture of normals (Monahan & Stefanski, in Handbook of the Logistic Distribution, 1992). Minimax fit; rows (c, s).
_TANH = np.array([
    (0.02703996837871007, 0.5920884660786577),
    (0.21866889516251234, 0.8340763207234655),
    (0.42901910031886803, 1.1668881862509797),
    (0.2838780537228021, 1.6230202054485956),
    (0.041393007796952756, 2.26001280872578),
])  # fmt: skip
_TERMS = frozen({Code.ERF: np.array([[1.0, 1.0]]), Code.TANH: _TANH})
_PROBES = np.array([0.0, 0.1, 0.37, 0.73, 1.13, 1.71, 2.37, 3.1, 4.3, 6.1, 9.7, 30.0])  # where functions are held
_BETWEEN = np.random.default_rng(0).uniform(-10, 10, 10_000)  # and where nobody has put anything
_STEP = 1e-5  # of the differences that g' is held to


@dataclass(frozen=True, eq=False, repr=False)
class Activation(Frozen):
    """An activation function g with its derivative; called with an array it returns (g, g').

    Made by `stdyn.activation`, or known by its name: "erf" (erf(x / sqrt 2)), "linear", "relu", "tanh", "gelu",
    "sigmoid", "square" (x^2), "hermite2" ((x^2 - 1)/sqrt 2), "hermite3" ((x^3 - 3x)/sqrt 6). Two of them are equal if
    name and values are.

    Attributes
    ----------
    name : str
        By which files, plots and `Problem` know it.
    code : kernels.activation.Code
        How the kernels evaluate it.
    functions : tuple of callable, or None
        The scalar functions (g, g') of `activation`; None if the kernels have their own, or if they are not known.
    values : ndarray, shape (2, 23)
        The values of g and g' at 23 points from -30 to 30, by which it is recognised.

    See Also
    --------
    activation, Problem, stdyn.averages.I2

    Examples
    --------
    >>> erf, _ = problem.activations  # those of student and teacher
    >>> erf
    <stdyn.Activation erf>
    >>> g, g_prime = erf([0.0, 1.0])
    >>> g.round(3), g_prime.round(3)
    (array([0.   , 0.683]), array([0.798, 0.484]))
    >>> erf.parity, erf.smooth
    (-1, True)
    """

    name: str
    code: Code
    functions: tuple[Callable, Callable] | None
    values: Array

    def __call__(self, z: Any) -> tuple[Array, Array]:
        """g(z) and g'(z), of the shape of z."""
        z = np.array(floats("z", z), order="C")
        g, g_prime = np.full_like(z, np.nan), np.full_like(z, np.nan)  # which a function that raises leaves
        fill(int(self.code), self.address, z.ravel(), g.ravel(), g_prime.ravel())
        return g, g_prime

    @property
    def functions_needed(self) -> bool:
        """Whether the name alone does not say what it is: it was made by `stdyn.activation`."""
        return self.name not in BUILT_IN

    @property
    def usable(self) -> bool:
        """Whether its functions are known: not if it comes from a file, and this process has not made it."""
        return self.code != Code.COMPILED or self.functions is not None

    @property
    def address(self) -> int:
        """Of the C function that the kernels call in this process; 0 if they have their own formula."""
        if self.code != Code.COMPILED:
            return 0
        if self.functions is None:
            raise InputError(
                f"activation {shown(self.name)} is known by its name only, from a file: make it with"
                f" stdyn.activation(g, g_prime, name={shown(self.name)}), and load the file then"
            )
        return int(_c_function(*self.functions).address)

    @cached_property
    def values_in_files(self) -> Array:
        """The values as the kernels compute them, to the bit: by these files tell problems apart."""
        return self.values if self.code == Code.COMPILED else frozen(np.array(self(_POINTS)))

    @cached_property
    def parity(self) -> int:
        """1 if g is even, -1 if it is odd, else 0."""
        pairs = [(self.values[0], self.values[0, ::-1])]
        if self.functions_needed and self.usable:  # between those points too
            pairs.append((self(_BETWEEN)[0], self(-_BETWEEN)[0]))
        for parity in (-1, 1):
            if all(np.allclose(g, parity * opposite, rtol=1e-13, atol=1e-14) for g, opposite in pairs):
                return parity
        return 0

    @cached_property
    def degree(self) -> int | None:
        """That of g if it is a polynomial of at most the fourth degree; else None."""
        points = [(_POINTS, self.values)]
        if self.functions_needed:
            points.append((_BETWEEN, np.array(self(_BETWEEN))))
        for degree in range(5):
            fit = np.polynomial.Polynomial.fit(_POINTS, self.values[0], degree)
            scale = 1e-12 * np.abs(self.values).max()
            near = [
                np.allclose(f(x), values, rtol=1e-10, atol=scale)
                for x, both in points
                for f, values in zip((fit, fit.deriv()), both, strict=True)
            ]
            if all(near) and not self.thresholds:
                return degree
        return None

    @cached_property
    def thresholds(self) -> tuple[Threshold, ...]:
        """Where g or one of its derivatives jumps, and by how much (stdyn/model/thresholds.py)."""
        if self.name in BUILT_IN:
            return (Threshold(0.0, (0.0, 1.0)),) if self.code == Code.RELU else ()
        if self.functions is None:
            return find_thresholds(self, self.name)
        return _thresholds_of(self.functions, self.name)

    @property
    def smooth(self) -> bool:
        """Whether neither g nor g' jumps."""
        return not any(any(jumps[:2]) for _, jumps in self.thresholds)

    @cached_property
    def flat(self) -> bool:
        """Whether g' is zero everywhere, so that a student of this g has no gradient to follow."""
        if not self.usable or self.values[1].any() or self(_BETWEEN)[1].any():
            return False
        return not any(jump for each in self.thresholds for jump in each.jumps[1:])

    @property
    def terms(self) -> Array | None:
        """Rows (c, s) if g(x) is a sum of terms c erf(s x / sqrt 2), as averages are concerned; else None."""
        return _TERMS.get(self.code)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Activation):
            return NotImplemented
        if (self.name, self.code) != (other.name, other.code) or not np.array_equal(self.values, other.values):
            return False
        known = self.functions is not None and other.functions is not None
        return not known or self.functions == other.functions or self.thresholds == other.thresholds

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<stdyn.Activation {self.name}>"

    def __copy__(self) -> "Activation":
        return self  # nothing in it changes, and another one would have to be compiled

    def __deepcopy__(self, _: object) -> "Activation":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the C function, which other processes compile for themselves."""
        if self.name in BUILT_IN:
            return find, (self.name,)
        return Activation, (self.name, self.code, self.functions, self.values)


@cache
def _thresholds_of(functions: tuple[Callable, Callable], name: str) -> tuple[Threshold, ...]:
    """Looked for once in a process."""
    return find_thresholds(Activation(name, Code.COMPILED, functions, np.zeros((2, 0))), name)


@cache
def _c_function(g: Callable, g_prime: Callable) -> Any:
    """The C function of two functions of numba's, compiled once in a process."""
    return pointwise(g, g_prime)


def activation(g: Callable, g_prime: Callable, name: str | None = None) -> Activation:
    """An activation from two functions of a number that numba can compile; their Gaussian averages are by quadrature.

    Parameters
    ----------
    g, g_prime : callable
        The function g(x) and its derivative, from a float to a float: plain functions (of `math` and NumPy) or numba's.
    name : str, optional
        By which files, plots and `Problem` know it from now on in this process; default: that of `g`, or if that has
        none, or the name of a built-in activation, ``g_`` and a digest of its values.

    Returns
    -------
    Activation
        For `Problem(activation=…)`, whose `quadrature` sets how many points the averages are taken over.

    Raises
    ------
    InputError
        If a function cannot be compiled or is not finite, if g_prime is not the derivative of g (by differences, at 23
        points), if there are more jumps and kinks than averages can be taken over, or if the name is that of a built-in
        activation.

    See Also
    --------
    Activation, Problem

    Examples
    --------
    >>> from math import exp, log1p
    >>> smooth = stdyn.activation(lambda x: log1p(exp(x)), lambda x: 1 / (1 + exp(-x)), name="smooth_relu")
    >>> dataclasses.replace(problem, activation=smooth).by_quadrature
    True
    """
    for argument, function in (("g", g), ("g_prime", g_prime)):
        if not callable(function):
            raise InputError(f"{argument} must be a function of a number, but is {shown(function)}")
        code = getattr(getattr(function, "py_func", function), "__code__", None)
        if code is not None and any(step.opname == "RAISE_VARARGS" for step in dis.get_instructions(code)):
            raise InputError(
                f"{argument} must not raise exceptions, of which kernels cannot hear, but has a raise or an assert"
                " (where there is no value it is to return nan)"
            )
    unnamed = name is None and getattr(g, "__name__", "<lambda>") in ("<lambda>", *BUILT_IN)
    name = "g" if unnamed else getattr(g, "__name__", "g") if name is None else name
    if not isinstance(name, str) or not name or name in BUILT_IN:
        raise InputError(f"name must be a text other than the names of built-in activations, but is {shown(name)}")
    made = _compile(name, g, g_prime)
    if unnamed:
        told_apart = made.values.tobytes() + str(made.thresholds).encode() if made.thresholds else made.values.tobytes()
        made = replace(made, name=f"g_{sha256(told_apart).hexdigest()[:6]}")
    _known[made.name] = made
    return made


def _compile(name: str, g: Callable, g_prime: Callable) -> Activation:
    """The activation of these functions, checked."""
    functions = scalar(g), scalar(g_prime)
    draft = Activation(name, Code.COMPILED, functions, np.zeros((2, 0)))
    try:
        values = np.array(draft(_POINTS))
    except TypeError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"g and g_prime must be functions of a float that numba can compile, but: {reason}") from None
    if not np.isfinite(values).all():
        where = _POINTS[np.flatnonzero(~np.isfinite(values).all(axis=0))[0]]
        raise InputError(
            f"g and g_prime must be finite, but at {where:g} they are {draft(where)[0]}, {draft(where)[1]}"
        )
    made = Activation(name, Code.COMPILED, functions, values)
    slopes = (draft(_POINTS + _STEP)[0] - draft(_POINTS - _STEP)[0]) / (2 * _STEP)
    wrong = np.abs(slopes - values[1]) > 1e-6 * (1 + np.abs(values).max(axis=0))
    for threshold in made.thresholds:
        wrong &= np.abs(_POINTS - threshold.at) > 2 * _STEP
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        raise InputError(
            f"g_prime must be the derivative of g, but g_prime({_POINTS[at]:g}) = {values[1, at]:.6g}"
            f" and the slope of g there is {slopes[at]:.6g}"
        )
    return made


def find(name: Any, argument: str = "activation") -> Activation:
    """The activation itself, or that of a name: a built-in one, one made in this process, or "file.py:name".

    The name is the user's: what a file says is for `known`, which runs nothing.
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str):
        raise InputError(f"{argument} must be a name or a stdyn.Activation, but is {shown(name)}")
    if name in BUILT_IN:
        return _built_in(name)
    here, place = _known.get(name), _PLACE.fullmatch(name)
    if place and not (here and here.usable) and (here is None or Path(place[1]).is_file()):
        return _from_file(name, argument)
    if here is not None:
        return here
    raise InputError(
        f"{argument} must be one of {', '.join(BUILT_IN)}, the name of one made by stdyn.activation, or file.py:name,"
        f" but is {shown(name)}"
    )


_PLACE = re.compile(r"(.+\.py):(\w+)")  # of an activation: a file of Python source, and a name in it


def _from_file(place: str, argument: str) -> Activation:
    """The activation called `name` in a file of Python source, which is run."""
    path, _, name = place.rpartition(":")
    if not Path(path).is_file():
        raise InputError(f"{argument} must be file.py:name, but there is no file {path}")
    found: dict[str, Any] = {"__name__": "<run_path>", "__file__": path}  # no module: functions are sent by value
    try:
        exec(compile(Path(path).read_bytes(), path, "exec"), found)
    except (Exception, SystemExit) as error:
        raise InputError(f"{argument} is to come from {path}, but running it fails: {shown(error)}") from None
    made = found.get(name)
    if not isinstance(made, Activation):
        raise InputError(
            f"{argument} must be an activation made by stdyn.activation, but {path} has no such {shown(name)}"
        )
    _known[place] = Activation(place, made.code, made.functions, made.values)
    return _known[place]


def known(name: str, values: Array | None) -> Activation:
    """The activation of a file, with its values there if it is not built in: as this process has it, or these only.

    Nothing is run: of a "file.py:name" that no one has asked for in this process no more is known than the file says.
    Raises InputError if this process knows another one by the name, or if the file has no values of it.
    """
    if name in BUILT_IN:
        return _built_in(name)
    if not name:
        raise InputError("activation must have a name, but has ''")
    here = _known.get(name)
    if values is None:
        if here is not None and here.usable:
            return here
        if _PLACE.fullmatch(name) is None:
            raise InputError(
                f"activation must be one of {', '.join(BUILT_IN)}, or have its values in the file, but is {shown(name)}"
            )
        return Activation(name, Code.COMPILED, None, np.zeros((2, 0)))
    if here is not None and here.values.shape == values.shape:
        if np.allclose(here.values, values, rtol=1e-9, atol=1e-12):
            return here
        if here.usable:
            raise InputError(
                f"activation {shown(name)} is another one here than in the file: g or g' have other values"
            )
    _known[name] = Activation(name, Code.COMPILED, None, values)
    return _known[name]


def law_of(student: Activation, teacher: Activation) -> str:
    """The law by which averages over fields of both are taken: a file of stdyn/kernels/averages."""
    if student == teacher and student.name in LAWS and not student.functions_needed:
        return student.name
    return "points" if student.terms is None or teacher.terms is None else "erfs"


def terms_of(student: Activation, teacher: Activation) -> Array:
    """The table of the law "erfs": the terms of a student, then of a teacher."""
    assert student.terms is not None
    assert teacher.terms is not None
    return np.vstack([student.terms, teacher.terms])


def codes(student: Activation, teacher: Activation) -> np.ndarray:
    """What kernels are told of both: how g and g' are evaluated (stdyn/kernels/activation.py)."""
    terms = 0 if student.terms is None else len(student.terms)
    return np.array([student.code, student.address, teacher.code, teacher.address, terms], dtype=np.int64)


# ---------------------------------------------------------------------------------------------------------------------
# The built-in ones. Where kernels/averages has a file of the name, their averages have closed forms.

_POINTS = np.concatenate([-_PROBES[:0:-1], _PROBES])


def _gelu(x: float) -> float:
    return 0.5 * x * (1 + erf(x / sqrt(2)))


def _gelu_prime(x: float) -> float:
    return 0.5 * (1 + erf(x / sqrt(2))) + x * exp(-0.5 * x * x) / sqrt(2 * pi)


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def _sigmoid_prime(x: float) -> float:
    e = exp(-abs(x))
    return e / ((1 + e) * (1 + e))


_FORMULAS: dict[str, tuple[Code, Callable[[float], float], Callable[[float], float]]] = {  # g and g'
    "erf": (Code.ERF, lambda x: erf(x / sqrt(2)), lambda x: sqrt(2 / pi) * exp(-0.5 * x * x)),
    "linear": (Code.LINEAR, lambda x: x, lambda x: 1.0),
    "relu": (Code.RELU, lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "tanh": (Code.TANH, tanh, lambda x: 1 / cosh(x) ** 2),
    "gelu": (Code.COMPILED, _gelu, _gelu_prime),
    "sigmoid": (Code.COMPILED, _sigmoid, _sigmoid_prime),
    "square": (Code.COMPILED, lambda x: x * x, lambda x: 2 * x),
    "hermite2": (Code.COMPILED, lambda x: (x * x - 1) / sqrt(2), lambda x: sqrt(2) * x),
    "hermite3": (Code.COMPILED, lambda x: (x * x - 3) * x / sqrt(6), lambda x: (3 * x * x - 3) / sqrt(6)),
}
BUILT_IN = tuple(_FORMULAS)
_known: dict[str, Activation] = {}  # by name: what was made in this process, or is known from a file by its values only


@cache
def _built_in(name: str) -> Activation:
    """Made when it is first asked for: compilation takes a moment."""
    code, g, g_prime = _FORMULAS[name]
    if code == Code.COMPILED:
        return _compile(name, g, g_prime)
    return Activation(name, code, None, np.array([[f(x) for x in _POINTS.tolist()] for f in (g, g_prime)]))
