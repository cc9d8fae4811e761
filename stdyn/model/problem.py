"""What is to be solved: the order parameters of a starting point, and the problem they are the start of."""

import sys
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, frozen_array, integer, number
from stdyn.errors import InputError, NoGradientWarning, warn
from stdyn.kernels.averages import table
from stdyn.kernels.parameters import RATES, Plain
from stdyn.model.activations import Activation, codes, find, law_of
from stdyn.model.state import Layout, OrderParameters
from stdyn.text import shown
from stdyn.values import Frozen, same

LARGEST_RATE = 1e30  # its square is far from an overflow


def _outside() -> int:
    """The stacklevel, of a warning of the function that calls this, of whoever called the package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (
        "stdyn",
        "dataclasses",
    ):
        level, frame = level + 1, frame.f_back
    return level


@dataclass(frozen=True, eq=False)
class Problem(Frozen):
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

    Warns
    -----
    NoGradientWarning
        If eta > 0, but g' of the student is zero everywhere: its first layer never learns.
    """

    start: OrderParameters
    N: int = 500
    activation: Any = "erf"  # an Activation, once it is made
    activation_teacher: Any = None
    rule: str = "bp"
    b: Array | None = None
    eta: float = field(kw_only=True)
    eta_v: float = field(kw_only=True)
    sigma: float = 0.0
    decay: float = 0.0
    decay_v: float = 0.0
    quadrature: int = 2**14

    if TYPE_CHECKING:  # what is taken; what it becomes is above

        def __init__(
            self, start: OrderParameters, N: int = 500, activation: str | Activation = "erf",
            activation_teacher: str | Activation | None = None, rule: str = "bp", b: ArrayLike | None = None, *,
            eta: float, eta_v: float, sigma: float = 0.0, decay: float = 0.0, decay_v: float = 0.0,
            quadrature: int = 2**14,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        if not isinstance(self.start, OrderParameters):
            raise InputError(f"start must be OrderParameters, but is {type(self.start).__name__}")
        checked: dict[str, Any] = {"N": integer("N", self.N, 1)}
        units = self.start.K + self.start.M
        if checked["N"] < units:
            raise InputError(f"N must be at least K + M = {units}, but is {shown(self.N)}")
        checked["activation"] = find(self.activation)
        if self.activation_teacher is not None:
            teacher = find(self.activation_teacher, "activation_teacher")
            if teacher != checked["activation"] and teacher.name == checked["activation"].name:
                raise InputError(
                    f"activation_teacher must have a name of its own, but both are called {shown(teacher.name)}"
                )
            checked["activation_teacher"] = None if teacher == checked["activation"] else teacher
        checked["quadrature"] = points = integer("quadrature", self.quadrature, 2**11, 2**24)
        if points & (points - 1):
            raise InputError(f"quadrature must be a power of 2, but is {points}")
        if not isinstance(self.rule, str) or self.rule not in ("bp", "fa"):
            raise InputError(f'rule must be "bp" or "fa", but is {shown(self.rule)}')
        if (self.rule == "fa") != (self.b is not None):
            needed = "needed" if self.rule == "fa" else "refused (backpropagation goes back through v)"
            raise InputError(f'b, the feedback weights, is {needed} with rule = "{self.rule}"')
        if self.b is not None:
            b = checked["b"] = frozen_array("b", self.b, (1, 2))
            if b.shape != self.start.v.shape:
                raise InputError(f"b must have the shape of v, {self.start.v.shape}, but has shape {b.shape}")
        for name in RATES:
            checked[name] = number(name, getattr(self, name), most=LARGEST_RATE)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.eta > 0 and self.activation.flat:
            warn(
                f"no gradient reaches the first layer, which never learns: g' of {self.activation} is zero everywhere"
                f" and eta = {self.eta:g} changes nothing (such a g is one for teachers; eta = 0 says it is meant)",
                NoGradientWarning,
                stacklevel=_outside(),
            )

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
        return self.law == "points"

    @property
    def law(self) -> str:
        """The law of the averages: the name of a file of stdyn/kernels/averages."""
        return law_of(*self.activations)

    @property
    def layout(self) -> Layout:
        """How the order parameters stand in the state vector."""
        return self.start.layout

    @property
    def smooth(self) -> bool:
        """Whether the averages, as they are computed, are smooth functions of the order parameters.

        They are not if the points of a quadrature cross a jump of g or g' as the order parameters change.
        """
        return not self.by_quadrature or self.activation.smooth

    @property
    def parameters(self) -> Plain:
        """Those of the kernels that take no averages; `theory.quadrature.parameters` are those of the others."""
        return self.parameters_with(table())

    def parameters_with(self, of_law: np.ndarray) -> Plain:
        """The parameters of kernels (stdyn/kernels/parameters.py), with the table of a law of averages."""
        start, b = self.start, self.start.v if self.b is None else self.b
        return (
            np.array([start.T, np.linalg.pinv(start.T, hermitian=True)], dtype=float),
            np.array(start.v_teacher.reshape(start.M, -1)),
            np.array(b.reshape(start.K, -1)),
            self.rule == "fa",
            np.array([getattr(self, name) for name in RATES]),
            codes(*self.activations),
            of_law,
        )

    def _compared(self) -> dict[str, Any]:
        """Not the points of a quadrature that is not made, of which files say nothing either."""
        compared = super()._compared()
        return compared if self.by_quadrature else compared | {"quadrature": None}

    def difference(self, other: "Problem") -> str | None:
        """The first parameter in which the two problems differ, as "eta: 0.5 and 0.4"; None if they are the same."""
        pairs = [(f.name, getattr(self.start, f.name), getattr(other.start, f.name)) for f in fields(self.start)]
        pairs += [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.name != "start"]
        for name, mine, theirs in pairs:
            if np.shape(mine) != np.shape(theirs):
                return f"{name}: shapes {np.shape(mine)} and {np.shape(theirs)}"
            if not same(mine, theirs):
                return f"{name}: {mine} and {theirs}"
        return None
