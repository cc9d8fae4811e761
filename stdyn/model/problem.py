"""What is to be solved: the order parameters of a starting point, and the problem they are the start of."""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn import showing
from stdyn.checks import Array, check_type, frozen_array, integer, truth
from stdyn.drawing import Axes, draw
from stdyn.errors import InputError, NoGradientWarning, SameRuleWarning, outside, warn
from stdyn.kernels.averages import table
from stdyn.kernels.parameters import COLUMNS, RATES, Plain
from stdyn.model import cards, rules
from stdyn.model.activations import Activation, codes, find, law_of
from stdyn.model.inputs import Inputs
from stdyn.model.layout import Layout
from stdyn.model.problemtext import of_problem, summary
from stdyn.model.protocol import Protocol
from stdyn.model.schedule import RateLike, Schedule, rate, value_at
from stdyn.model.state import OrderParameters
from stdyn.model.tasks import Tasks
from stdyn.text import shown
from stdyn.values import Frozen, same

LARGEST_RATE = 1e30  # its square is far from an overflow
SCHEDULED = (*RATES, "mixture")  # what may change with alpha: each a number or a schedule
OPTIONAL: dict[str, Any] = {
    "drift": 0.0, "mixture": None, "batch": 1, "flow": False, "sphere": False, "tasks": None
}  # fmt: skip  # parameters that a file has only if they are not these


@dataclass(frozen=True, eq=False)
class Problem(Frozen):
    """A student that learns online from a teacher: start, learning rule and rates (theory.md, section 1).

    Parameters
    ----------
    start : OrderParameters
        The order parameters at alpha = 0.
    N : int, default 500
        Input dimension of the simulated network. The ODEs (N -> infinity) do not depend on it.
    activation : str or Activation, default "erf"
        g: "erf" (erf(x / sqrt 2)), "linear", "relu" or "tanh", whose averages have closed forms; "gelu", "sigmoid",
        "square" (x^2), "hermite2", "hermite3", or what `stdyn.activation` makes, whose averages are by quadrature.
    activation_teacher : str or Activation, optional
        That of the teacher, if it is another one. Averages of erf with tanh have closed forms, else by quadrature.
    rule : {"bp", "fa", "kp", "mixed"}, default "bp"
        What errors go back through: v (backpropagation), b (feedback alignment), a b that learns by the same change as
        v (Kolen-Pollack), or mixture v + (1 - mixture) b. "dfa" is with one hidden layer "fa", and taken as that.
    b : array_like, shape of start.v
        The feedback weights, of "kp" those at alpha = 0; refused for "bp".
    sigma : float or schedule, default 0
        Standard deviation of the label noise.
    decay, decay_v : float or schedule, default 0
        Weight decay of the two layers: a step multiplies the weights by 1 - decay / N.
    quadrature : int, default 16384
        Points by which averages without a closed form are taken, a power of 2, at least 2048. The error, which
        `integrate` reports, falls a little faster than their number to the power -1/2; the time grows with it.
    eta, eta_v : float or schedule
        Learning rates of first and second layer, both divided by N in a step. eta_v = 0 freezes the second layer. For
        gradient flow they are 1 unless given. This and every other rate may change with alpha: `stdyn.schedule`, or a
        function of alpha.
    drift : float or schedule, default 0
        Rate at which the teacher's vectors turn, at random, with T kept: alone it makes R decay as e^(-drift alpha).
    mixture : float or schedule, optional
        The part of v in the backward weights of "mixed", from 0 to 1; refused for other rules.
    tasks : Tasks, optional
        Tasks that are learned one after the other: their v_teacher and weights of losses. start.v_teacher becomes that
        of the first one.
    batch : int, default 1
        Examples of a step, of whose changes the mean is taken. alpha counts steps / N, whatever the batch.
    flow : bool, default False
        Gradient flow, the limit of small learning rates: the equations without the term in eta^2. alpha is then the
        time in which eta = 1 unless it is given. There is nothing to simulate.
    sphere : bool, default False
        After each step the student's vectors are brought back to the lengths that they had at the start.
    inputs : Inputs, optional
        The spectrum of the inputs; isotropic unless given, or unless the start has overlaps by group of its own. A
        start of isotropic inputs is spread: it keeps R, Q and T, and its vectors have their share of every group.

    Raises
    ------
    InputError
        Naming the argument, its value and what was expected.

    Warns
    -----
    NoGradientWarning
        If eta > 0, but g' of the student is zero everywhere: its first layer never learns.

    See Also
    --------
    OrderParameters : The start.
    stdyn.integrate, stdyn.simulate_network, stdyn.simulate_reduced, stdyn.fluctuations : What solves it.

    Examples
    --------
    >>> stdyn.Problem(start, N=500, rule="fa", b=[1.0, 0.8], eta=0.5, eta_v=0.5)
    <Problem FA, K = M = 2, erf, eta = eta_v = 0.5, N = 500>
    >>> slower = dataclasses.replace(problem, eta=stdyn.schedule.hyperbolic(value=0.5, scale=50))
    """

    start: OrderParameters
    N: int = 500
    activation: Any = "erf"  # an Activation, once it is made
    activation_teacher: Any = None
    rule: str = "bp"
    b: Array | None = None
    eta: Any = field(default=None, kw_only=True)  # as all rates: a number or a Schedule
    eta_v: Any = field(default=None, kw_only=True)
    sigma: Any = 0.0
    decay: Any = 0.0
    decay_v: Any = 0.0
    quadrature: int = 2**14
    drift: Any = field(default=0.0, kw_only=True)
    mixture: Any = field(default=None, kw_only=True)
    tasks: Tasks | None = field(default=None, kw_only=True)
    batch: int = field(default=1, kw_only=True)
    flow: bool = field(default=False, kw_only=True)
    sphere: bool = field(default=False, kw_only=True)
    inputs: Any = field(default=None, kw_only=True)  # Inputs, once it is made

    if TYPE_CHECKING:  # what is taken; what it becomes is above

        def __init__(
            self, start: OrderParameters, N: int = 500, activation: str | Activation = "erf",
            activation_teacher: str | Activation | None = None, rule: str = "bp", b: ArrayLike | None = None, *,
            eta: RateLike | None = None, eta_v: RateLike | None = None, sigma: RateLike = 0.0, decay: RateLike = 0.0,
            decay_v: RateLike = 0.0, quadrature: int = 2**14, drift: RateLike = 0.0, mixture: RateLike | None = None,
            tasks: Tasks | None = None, batch: int = 1, flow: bool = False, sphere: bool = False,
            inputs: Inputs | None = None,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        if not isinstance(self.start, OrderParameters):
            raise InputError(f"start must be OrderParameters, but is {type(self.start).__name__}")
        start = self._structured()
        object.__setattr__(self, "start", start)
        checked: dict[str, Any] = {"N": integer("N", self.N, 1), "batch": integer("batch", self.batch, 1, 2**31 - 1)}
        checked |= {name: truth(name, getattr(self, name)) for name in ("flow", "sphere")}
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
        checked["rule"] = rules.check(self.rule, self.b, self.mixture)
        if self.b is not None:
            b = checked["b"] = frozen_array("b", self.b, (1, 2))
            if b.shape != self.start.v.shape:
                raise InputError(f"b must have the shape of v, {self.start.v.shape}, but has shape {b.shape}")
        for name in RATES:
            value = getattr(self, name)
            if value is None and name in ("eta", "eta_v"):
                if not checked["flow"]:
                    raise InputError(f"{name}, a learning rate, is needed (unless flow = True, where it is 1)")
                value = 1.0
            checked[name] = rate(name, value, LARGEST_RATE)
        if self.mixture is not None:
            checked["mixture"] = rate("mixture", self.mixture, 1.0)
        self._check_together(checked)
        given = self.rule
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._say(given)

    def _structured(self) -> OrderParameters:
        """The start for the inputs, which become its own."""
        start = self.start
        if self.inputs is not None:
            check_type("inputs", self.inputs, Inputs)
            if start.inputs is None:
                start = start.spread(self.inputs)
            elif self.inputs == start.inputs and not self.inputs.contradicts(start.inputs):
                start = start if self.inputs.axes is None else replace(start, inputs=self.inputs)
            elif self.inputs == start.inputs:
                raise InputError("inputs must have the axes of the start's, but have others of the same variances")
            elif not self.inputs.is_isotropic:  # which a problem has of which nothing was said
                raise InputError(
                    f"inputs must be those of the start, by whose groups its overlaps are, {start.inputs}, but are"
                    f" {self.inputs}"
                )
        object.__setattr__(self, "inputs", Inputs.isotropic() if start.inputs is None else start.inputs)
        return start

    def _check_together(self, checked: dict[str, Any]) -> None:
        """Refuse what cannot be together; the start becomes that of the first task."""
        if self.tasks is not None:
            check_type("tasks", self.tasks, Tasks)
            shape = self.tasks.v_teacher.shape[1:]
            if shape != self.start.v_teacher.shape:
                raise InputError(
                    f"tasks must have v_teacher of the shape of start.v_teacher, {self.start.v_teacher.shape}, but have"
                    f" {shape}"
                )
            first = self.tasks.v_teacher[self.tasks.task_at(0.0)]
            if not np.array_equal(first, self.start.v_teacher):
                checked["start"] = replace(self.start, v_teacher=first)
        if checked["sphere"]:
            short = np.flatnonzero(self.start.lengths <= 0)
            if short.size:
                raise InputError(f"sphere must keep the lengths of vectors, but Q[{short[0]},{short[0]}] is 0")
        if self.start.inputs is not None and checked["drift"] != 0:
            drift = checked["drift"] if isinstance(checked["drift"], Schedule) else f"{checked['drift']:g}"
            raise InputError(
                f"drift must be 0 where inputs are not isotropic, but is {drift}: a teacher that turns would change its"
                " overlaps in every group"
            )
        if checked["flow"] and checked["batch"] > 1:
            raise InputError(f"batch must be 1 with flow = True, which has no steps, but is {checked['batch']}")

    def _say(self, given: object) -> None:
        """Warn of a rule that is taken for another one, and of what learns nothing."""
        if given == "dfa":
            warn(rules.DFA, SameRuleWarning, stacklevel=outside())
        if self.eta != 0 and self.activation.flat:
            eta = self.eta if isinstance(self.eta, Schedule) else f"{self.eta:g}"
            warn(
                f"no gradient reaches the first layer, which never learns: g' of {self.activation} is zero everywhere"
                f" and eta = {eta} changes nothing (such a g is one for teachers; eta = 0 says it is meant)",
                NoGradientWarning,
                stacklevel=outside(),
            )

    @cached_property
    def protocol(self) -> Protocol:
        """What of it changes with alpha, as kernels take it."""
        start = self.start
        back = rules.backward(self.rule, start.v, self.b, self.mixture, self.decay_v)
        square = 0.0 if self.flow else 1 / self.batch
        values = {name: getattr(self, name) for name in RATES} | {"of_v": back.of_v, "of_b": back.of_b}
        columns = tuple((values | {"square": square, "sphere": float(self.sphere)})[name] for name in COLUMNS)
        if self.tasks is None:
            of_tasks = start.v_teacher.reshape(1, start.M, -1), np.ones((1, self.outputs))
        else:
            of_tasks = self.tasks.v_teacher.reshape(len(self.tasks), start.M, -1), self.tasks.weights
        return Protocol(columns, back, self.tasks, *of_tasks)

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
        """How the order parameters R, Q and v stand in a vector."""
        return self.start.layout

    @property
    def state_layout(self) -> Layout:
        """How what the ODEs solve stands in their state vector: by group, where inputs are not isotropic."""
        return self.start.state_layout

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
        """The parameters of kernels (stdyn/kernels/parameters.py), with the table of a law of averages.

        Parameters
        ----------
        of_law : ndarray
            What the law of the averages needs: its points, or nothing.

        Returns
        -------
        tuple of ndarray
            As kernels take them.

        Examples
        --------
        >>> len(problem.parameters_with(np.empty((0, 0)))) == len(problem.parameters)
        True
        """
        start, protocol = self.start, self.protocol
        return (
            np.array([start.T, np.linalg.pinv(start.T, hermitian=True)], dtype=float),
            protocol.task(0.0)[0],
            np.array(protocol.backward.B.reshape(start.K, -1)),
            protocol.row(0.0)[None],
            codes(*self.activations),
            of_law,
            self._groups,
        )

    @property
    def _groups(self) -> Array:
        """What the kernels know of the groups of the inputs' directions."""
        start, M = self.start, self.start.M
        if start.inputs is None:
            return np.empty(0)  # of another type: the equations by group are not compiled
        overlaps = (each.reshape(-1, M * M).T for each in (start.T_group, start.T_inverse))
        rows = np.vstack([start.inputs.variances, start.inputs.fractions, *overlaps])
        return np.ascontiguousarray(rows)  # else kernels are compiled once more, for arrays in another order

    @property
    def needs_protocols(self) -> bool:
        """Whether versions that know constant rates, "bp" and "fa" and N >= K + M alone must not read it in a file."""
        special = any(getattr(self, name) != usual for name, usual in OPTIONAL.items())
        few = self.N < self.start.K + self.start.M
        return special or few or not self.protocol.constant or self.rule not in ("bp", "fa")

    def started(self, start: OrderParameters, alpha: float = 0.0) -> "Problem":
        """The problem that goes on from a state at an alpha: with what is left of its schedules and tasks.

        b of rule "kp" is what it is there: b - v has changed by decay alone.

        Parameters
        ----------
        start : OrderParameters
            The state.
        alpha : float, default 0
            Where it is.

        Returns
        -------
        Problem
            Its own alpha is 0 there.

        See Also
        --------
        Trajectory.problem_at : The same from a point of a trajectory.

        Examples
        --------
        >>> problem.started(theory.at(-1)).start == theory.at(-1)
        True
        """
        rates = {name: getattr(self, name) for name in SCHEDULED}
        changes: dict[str, Any] = {
            name: value.shifted(alpha) for name, value in rates.items() if isinstance(value, Schedule) and alpha
        }
        if self.tasks is not None:
            changes["tasks"] = self.tasks.shifted(alpha) if alpha else self.tasks
        if self.rule == "kp":
            changes["b"] = start.v + value_at(self.protocol.backward.of_b, alpha) * self.protocol.backward.B
        return replace(self, start=start, **changes)

    def plot(self, what: str = "C", ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw where it starts, or its schedules.

        Parameters
        ----------
        what : str, default "C"
            "cosines", "R", "Q", "C" or "graph" of the start, or "rates" against alpha.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        **kwargs
            What matplotlib's `Axes.imshow` takes for the heat map, or `Axes.plot` for lines.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If `what` is none of these.

        See Also
        --------
        OrderParameters.plot : What it draws of the start.

        Examples
        --------
        >>> ax = problem.plot("C")
        """
        return draw("problem", self, what, ax, **kwargs)

    def __repr__(self) -> str:
        return showing.line(self, of_problem)

    def __str__(self) -> str:
        return summary(self)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, cards.of_problem)

    def _compared(self) -> dict[str, Any]:
        """Not the points of a quadrature that is not made, of which files say nothing either."""
        compared = super()._compared()
        return compared if self.by_quadrature else compared | {"quadrature": None}

    def difference(self, other: "Problem") -> str | None:
        """The first parameter in which two problems differ.

        Parameters
        ----------
        other : Problem
            To be compared with.

        Returns
        -------
        str, or None
            None if they are the same.

        Examples
        --------
        >>> problem.difference(dataclasses.replace(problem, eta=0.4))
        'eta: 0.5 and 0.4'
        """
        pairs = [(f.name, getattr(self.start, f.name), getattr(other.start, f.name)) for f in fields(self.start)]
        pairs += [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.name != "start"]
        for name, mine, theirs in pairs:
            if np.shape(mine) != np.shape(theirs):
                return f"{name}: shapes {np.shape(mine)} and {np.shape(theirs)}"
            if not same(mine, theirs):
                return f"{name}: {mine} and {theirs}"
        return None
