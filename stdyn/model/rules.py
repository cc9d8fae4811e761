"""Learning rules: what makes the backward weights of what there is (docs/theory.md, section 1).

Whatever the rule, the backward weights are of_v v + of_b B with a matrix B that does not change. That one line is what
theory, simulation and fluctuations know of a rule.
"""

from dataclasses import dataclass
from typing import ClassVar

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.shapes import Remaining, Schedule
from stdyn.text import shown

NAMES = {
    "fa": "feedback alignment",
    "bp": "backpropagation",
    "kp": "Kolen-Pollack",
    "mixed": "a mixture of backpropagation and feedback alignment",
}
WITH_FEEDBACK = ("fa", "kp", "mixed")  # rules that have feedback weights b
DFA = 'rule = "dfa" is feedback alignment, "fa", where there is one hidden layer, and taken as that'  # what is said

Rate = float | Schedule


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward weights of_v v + of_b B: numbers or schedules, and B of the shape of v."""

    of_v: Rate
    of_b: Rate
    B: Array


def backward(rule: str, v: Array, b: Array | None, mixture: Rate | None, decay_v: Rate) -> Backward:
    """What a rule makes of v and b at the start.

    - "bp": v.
    - "fa": b.
    - "kp": b learns by the same change as v, db/dalpha = -eta_v h - lambda_v b, so that b - v decays by e^(-integral of
      lambda_v) and b is v + (b - v)(0) times that, in theory and in every run (Kolen & Pollack 1994).
    - "mixed": mu v + (1 - mu) b.
    """
    if b is None:
        return Backward(1.0, 0.0, v)
    if rule == "fa":
        return Backward(0.0, 1.0, b)
    if rule == "kp":
        left = Remaining(decay_v) if isinstance(decay_v, Schedule) else _remaining(decay_v)
        return Backward(1.0, left, b - v)
    assert mixture is not None
    return Backward(mixture, Rest(mixture) if isinstance(mixture, Schedule) else 1 - mixture, b)


def _remaining(decay_v: float) -> Rate:
    """e^(-lambda_v alpha)"""
    return Remaining(Constant(decay_v)) if decay_v else 1.0


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Schedule):
    """A number as a schedule."""

    kind: ClassVar[str] = "constant"
    value: float

    def at(self, alpha: float) -> float:
        return self.value

    def integral(self, alpha: float) -> float:
        return self.value * alpha


@dataclass(frozen=True, eq=False, repr=False)
class Rest(Schedule):
    """What a schedule lacks to be 1."""

    kind: ClassVar[str] = "rest"
    of: Schedule

    def at(self, alpha: float) -> float:
        return 1 - self.of.at(alpha)

    def _many(self, alphas: Array) -> Array:
        return 1 - self.of(alphas)

    @property
    def breaks(self) -> tuple[float, ...]:
        return self.of.breaks

    @property
    def settled(self) -> float:
        return self.of.settled


def check(rule: object, b: object, mixture: object) -> str:
    """The name of a rule, refused if it is none, or if what it needs of b and mixture is not there."""
    if not isinstance(rule, str) or rule not in (*NAMES, "dfa"):
        raise InputError(f'rule must be "bp", "fa", "kp" or "mixed", but is {shown(rule)}')
    name = "fa" if rule == "dfa" else rule
    if (name in WITH_FEEDBACK) != (b is not None):
        needed = "needed" if name in WITH_FEEDBACK else "refused (backpropagation goes back through v)"
        raise InputError(f'b, the feedback weights, is {needed} with rule = "{rule}"')
    if (name == "mixed") != (mixture is not None):
        needed = "needed" if name == "mixed" else "refused (nothing is mixed)"
        raise InputError(f'mixture, the part of v in the backward weights, is {needed} with rule = "{rule}"')
    return name
