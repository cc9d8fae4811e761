"""The parameters of one experiment of the command line, from options or a TOML file; it becomes a Problem.

Nothing heavy is imported until a problem is made, so that `stdyn --help` answers at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from stdyn.errors import InputError, SameRuleWarning, warn
from stdyn.settings import documented, not_usual, parameter
from stdyn.text import shown
from stdyn.values import Frozen

if TYPE_CHECKING:
    import numpy as np

    from stdyn.checks import Array
    from stdyn.model.problem import Problem


RUNS = {"network": 16, "reduced": 256}  # how many, unless it is said
_ACTIVATIONS = ("erf", "linear", "relu", "tanh", "gelu", "sigmoid", "square", "hermite2", "hermite3")
_SPACINGS = ("log", "linear")
_FIRST = 0.1  # alpha after 0
_MOST_POINTS, _MOST_RUNS = 2**24, 2**31 - 1  # arrays of more are too large to be made


@documented
@dataclass(frozen=True, eq=False, repr=False)
class Experiment(Frozen):
    """One experiment; a field is an option of the command line and a key of the TOML file.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    InputError
        If a field is not as it says: by `check`, and by what needs it; nothing is checked when it is made.

    Warns
    -----
    SameRuleWarning
        A rule that is another one where there is one hidden layer.

    See Also
    --------
    Problem, Variations, Training

    Notes
    -----
    What is random, start and runs, depends on `seed` alone, so that an experiment is reproducible, and its rules start
    alike and see the same examples.

    Examples
    --------
    >>> experiment = stdyn.Experiment(K=2, M=2, rule="both", N=100, alpha_max=50, points=11)
    >>> experiment.rules, experiment.number_of_runs("reduced")
    (('fa', 'bp'), 256)
    >>> experiment.check()
    >>> theory = stdyn.integrate(experiment.problem("fa"), experiment.alphas())
    >>> runs = stdyn.simulate_network(experiment.problem("fa"), experiment.alphas(), 2, rng=experiment.rng("network"))
    >>> experiment.without_use(), experiment.beyond(), experiment.jumps()
    ({'mixture': ('rule',)}, {}, {})
    >>> experiment.check_given({"K", "M"})
    """

    rule: str = parameter(
        "both",
        "Learning rule: fa (feedback alignment), bp (backpropagation), kp (Kolen-Pollack) or mixed; both is fa and bp.",
        choices=("fa", "bp", "kp", "mixed", "both"),
    )
    N: int = parameter(500, "Input dimension of the simulated network.")
    K: int = parameter(5, "Number of student units.")
    M: int = parameter(5, "Number of teacher units.")
    outputs: int = parameter(1, "Number of outputs.")
    activation: str = parameter(
        "erf",
        "Activation g: erf, linear, relu, tanh, gelu, sigmoid, square, hermite2, hermite3, or file.py:name, the name of"
        " what stdyn.activation makes there.",
        choices=_ACTIVATIONS,
        or_file=True,
    )
    activation_teacher: Any = parameter(
        None,
        "Activation of the teacher, if it is another one than the student's.",
        kind=str,
        choices=_ACTIVATIONS,
        or_file=True,
    )
    quadrature: int = parameter(
        2**14,
        "Points of the averages over activations without closed forms, a power of 2.",
    )
    eta: Any = parameter(
        None,
        "Learning rate of the first layer, at least 0 as all rates. This and every rate may be a schedule instead,"
        " '{kind=\"hyperbolic\", value=1, scale=50}', of kind steps, linear, hyperbolic, power, exponential, cosine or"
        " pieces.  [0.5; with flow 1]",
        kind="rate",
    )
    eta_v: Any = parameter(None, "Learning rate of the second layer; 0 freezes it.  [0.5; with flow 1]", kind="rate")
    sigma: Any = parameter(0.0, "Standard deviation of the label noise.", kind="rate")
    decay: Any = parameter(0.0, "Weight decay of the first layer.", kind="rate")
    decay_v: Any = parameter(0.0, "Weight decay of the second layer.", kind="rate")
    drift: Any = parameter(0.0, "Rate at which the teacher's vectors turn at random, with T kept.", kind="rate")
    mixture: Any = parameter(
        None, "The part of v in the backward weights of rule mixed, from 0 to 1; the rest is of b.", kind="rate"
    )
    tasks: Any = parameter(
        None,
        "Tasks learned one after the other: '{similarity=0.5, similarity_v=1, at=[0, 60], heads=1}' of teachers that"
        " are similar (M counts the units of all; similarities are from -1/(tasks - 1) to 1), or"
        " '{v_teacher=[[1, 0], [0, 1]], at=[0, 60]}' (and weights, order)."
        "  [at = [0, 100], similarity_v = 1, heads = 1, v_teacher = 1]",
        kind="table",
    )
    batch: int = parameter(1, "Examples of a step, of whose changes the mean is taken; alpha counts steps / N.")
    flow: bool = parameter(False, "Gradient flow, the limit of small learning rates: the ODEs without eta^2.")
    sphere: bool = parameter(False, "Keep the lengths of the student's vectors, after each step.")
    inputs: Any = parameter(
        None,
        "Inputs that are not isotropic, of N dimensions: '{kind=\"power_law\", exponent=1, groups=16}',"
        " '{kind=\"spiked\", spikes=[20, 5]}', '{kind=\"spectrum\", variances=[3, 0.5], fractions=[0.2, 0.8]}' or"
        ' \'{kind="hidden_manifold", f="erf", latent=100, groups=16}\'.',
        kind="table",
    )
    start: str = parameter(
        "random",
        "First layer at the start: random weights, or prepared (R_nn = r, Q = q 1).",
        choices=("random", "prepared"),
    )
    q: float = parameter(0.2, "Squared norm of the student vectors at the start.")
    r: float = parameter(0.0, "Overlap R_nn of a prepared start.")
    teacher: str = parameter(
        "isotropic",
        "Teacher vectors: isotropic (T = 1), graded (T_nn = n) or, with a random start, random (T = 1 on average).",
        choices=("isotropic", "graded", "random"),
    )
    v_scale: float = parameter(0.1, "Standard deviation of the random v at the start.")
    b_scale: float = parameter(1.0, "Standard deviation of the random feedback weights b.")
    R: Any = parameter(None, "R at the start instead, e.g. '[[0.1, 0], [0, 0.1]]'; needs Q.", takes="array_like")
    Q: Any = parameter(None, "Q at the start instead; needs R.", takes="array_like")
    T: Any = parameter(None, "T instead of the teacher's.", takes="array_like")
    v: Any = parameter(
        None, "v at the start instead of random: a number for all units, or an array.", takes="float or array_like"
    )
    v_teacher: Any = parameter(
        1.0, "The teacher's second layer: a number for all units, or an array.", takes="float or array_like"
    )
    b: Any = parameter(
        None,
        "Feedback weights (fa, kp, mixed) instead of random ones: a number for all units, or an array.",
        takes="float or array_like",
    )
    alpha_max: float = parameter(3000.0, "Last alpha (steps / N; with flow the time).")
    alpha_min: float = parameter(
        _FIRST, "First alpha after 0 of a logarithmic grid; a tenth of alpha_max if that is not above the default."
    )
    points: int = parameter(
        121,
        "Number of recorded alphas: multiples of 1/N, fewer where they are closer than that, and besides where another"
        " task begins or a rate jumps.",
    )
    spacing: str = parameter("log", "Spacing of the recorded alphas: log or linear.", choices=_SPACINGS)
    method: str = parameter(
        "both",
        "Simulate the network, or the reduced process (the same law, without the N); both is each of them.",
        choices=(*RUNS, "both"),
    )
    runs: Any = parameter(None, "Number of simulated runs.  [16 of the network, 256 reduced]", takes="int")
    reduced_runs: Any = parameter(
        None, "Number of reduced runs, if it is to be another one than that of the network.", takes="int"
    )
    normals: str = parameter(
        "fast", "Normal numbers of the simulation: fast, or numpy for NumPy's own.", choices=("fast", "numpy")
    )
    seed: int = parameter(1, "Seed of everything that is random.")
    ode_method: str = parameter(
        "DOP853",
        "Method of scipy.integrate.solve_ivp: DOP853, RK45, RK23, LSODA, Radau or BDF.",
        choices=("DOP853", "RK45", "RK23", "LSODA", "Radau", "BDF"),
    )
    rtol: float = parameter(1e-9, "Relative tolerance of the ODE solver; the absolute one is a hundredth of it.")

    if TYPE_CHECKING:
        not_given: ClassVar[tuple[str, ...]]  # rates at what is usual, which depends on flow; no field

    __repr__ = not_usual

    def __post_init__(self) -> None:
        super().__post_init__()
        usual = 1.0 if self.flow is True else 0.5
        not_given = tuple(name for name in ("eta", "eta_v") if getattr(self, name) is None)
        self._set(not_given=not_given, **dict.fromkeys(not_given, usual))
        for name in _TABLES:
            if hasattr(type(getattr(self, name)), "described" if name == "inputs" else "description"):
                self._set(**{name: _described(name, getattr(self, name))})
        if isinstance(self.rule, str) and self.rule == "dfa":
            from stdyn.model.rules import DFA

            self._set(rule="fa")
            warn(DFA, SameRuleWarning, stacklevel=3)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules to run, one or both."""
        from stdyn.model.rules import NAMES

        if not isinstance(self.rule, str) or self.rule not in (*NAMES, "both"):
            raise InputError(f'rule must be "fa", "bp", "kp", "mixed" or "both", but is {shown(self.rule)}')
        return ("fa", "bp") if self.rule == "both" else (self.rule,)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods to simulate by, one or both."""
        if not isinstance(self.method, str) or self.method not in (*RUNS, "both"):
            raise InputError(f'method must be "network", "reduced" or "both", but is {shown(self.method)}')
        return tuple(RUNS) if self.method == "both" else (self.method,)

    def number_of_runs(self, method: str, fewest: int = 1) -> int:
        """How many runs to simulate by this method.

        Parameters
        ----------
        method : {"network", "reduced"}
            How they are simulated.
        fewest : int, default 1
            How many there must be.

        Returns
        -------
        int
            Those given, else 16 of the network and 256 reduced ones.

        Raises
        ------
        InputError
            If fewer are given.
        """
        from stdyn.checks import integer

        name = "reduced_runs" if method == "reduced" and self.reduced_runs is not None else "runs"
        given = getattr(self, name)
        return RUNS[method] if given is None else integer(name, given, fewest, _MOST_RUNS)

    def problem(self, rule: str) -> "Problem":
        """The problem of one rule; the start is the same for all.

        Parameters
        ----------
        rule : {"fa", "bp", "kp", "mixed"}
            One of `rules`.

        Returns
        -------
        Problem
            For `integrate`, `simulate_network` and the others.

        Raises
        ------
        InputError
            If a field is not as it says.
        """
        from stdyn.model.beginning import drawn, start_of
        from stdyn.model.problem import RATES, SCHEDULED, Problem
        from stdyn.model.rules import WITH_FEEDBACK

        for name in SCHEDULED:
            if callable(getattr(self, name)):
                raise InputError(
                    f"{name} must be a number or a schedule with a name, which a file can hold, but is"
                    f" {shown(getattr(self, name))}"
                )
        try:
            start, tasks = start_of(self)
        except MemoryError as error:
            raise InputError(f"K = {self.K}, M = {self.M} and outputs = {self.outputs} are too many: {error}") from None
        names = ("N", "activation", "activation_teacher", "quadrature", "batch", "flow", "sphere", *RATES)
        rest = {name: getattr(self, name) for name in names}
        if rule in WITH_FEEDBACK:
            rest["b"] = drawn(self, "b", self.b, start.v.shape[0], self.b_scale)
        if rule == "mixed":
            rest["mixture"] = self.mixture
        return Problem(start, rule=rule, tasks=tasks, **rest)

    def check(self, fewest_runs: int = 1) -> None:
        """Refuse whatever cannot be used, before any work starts.

        Parameters
        ----------
        fewest_runs : int, default 1
            How many runs there must be.

        Raises
        ------
        InputError
            Naming the field, its value and what was expected.
        """
        from stdyn.checks import check_normals, check_settings, number
        from stdyn.model.beginning import start_of

        start_of(self)
        if number("r", self.r, -inf) != 0 and self.start != "prepared":
            raise InputError(
                f'r is the overlap of start = "prepared", but is {self.r} with start = {shown(self.start)}'
            )
        for rule in self.rules:
            self.problem(rule)
        self.alphas()
        for method in self.methods:
            self.rng(method)
            self.number_of_runs(method, fewest_runs)
        check_normals(self.normals)
        check_settings(self.ode_method, self.rtol, None, "ode_method")

    def without_use(self) -> dict[str, tuple[str, ...]]:
        """The parameters that change nothing, each with those that make it so.

        Returns
        -------
        dict of str to tuple of str
            Empty if all are of use.
        """
        from stdyn.model.beginning import without_use

        return without_use(self)

    @property
    def first_alpha(self) -> float:
        """alpha_min, or a tenth of alpha_max if that is not above an alpha_min that nobody has given."""
        from stdyn.checks import number

        first, last = number("alpha_min", self.alpha_min, 1e-12), number("alpha_max", self.alpha_max)
        return last / 10 if self.spacing == "log" and first == _FIRST and last <= _FIRST else first

    def beyond(self) -> dict[str, str]:
        """What begins after alpha_max only, and so is never seen.

        Returns
        -------
        dict of str to str
            Words, by parameter.
        """
        last = f"beyond alpha_max = {self.alpha_max:g}"
        found = {}
        for name, alphas in self.jumps().items():
            later = [alpha for alpha in alphas if alpha > self.alpha_max]
            if later and name == "tasks":
                found[name] = f"tasks: from alpha = {later[0]:g} on another one is learned, {last}"
            elif later:
                found[name] = f"{name}: it changes at alpha = {later[0]:g}, {last}"
        return found

    def check_given(self, names: Collection[str]) -> None:
        """Refuse an alpha_min that was given, and would be taken for the usual one.

        Parameters
        ----------
        names : collection of str
            Of the fields that were given.

        Raises
        ------
        InputError
            If it is among them and not below alpha_max.
        """
        if "alpha_min" in names and self.first_alpha != self.alpha_min:
            raise InputError(f"alpha_min must be below alpha_max = {self.alpha_max}, but is {self.alpha_min}")

    def alphas(self) -> "Array":
        """The recorded alphas: 0 and multiples of 1/N, so that simulation and theory share them exactly.

        Where another task begins or a rate jumps is among them: the multiple there, or those on both sides.

        Returns
        -------
        ndarray, shape (A,)
            Strictly increasing.

        Raises
        ------
        InputError
            If N, points, alpha_max, alpha_min or spacing is not as it says.
        """
        import numpy as np

        from stdyn.checks import check_memory, integer, number

        N, points = integer("N", self.N, 1), integer("points", self.points, 2, _MOST_POINTS)
        check_memory(f"points = {points}", 32.0 * points)
        last = number("alpha_max", self.alpha_max, 1 / N, 1e30)
        if not isinstance(self.spacing, str) or self.spacing not in _SPACINGS:
            raise InputError(f'spacing must be "log" or "linear", but is {shown(self.spacing)}')
        if self.spacing == "linear":
            grid = np.linspace(0, last, points)
        else:
            first = self.first_alpha
            if first >= last:
                raise InputError(f"alpha_min must be below alpha_max = {last}, but is {first}")
            grid = np.concatenate([[0], np.geomspace(first, last, points - 1)])
        steps = np.rint(grid * N)
        jumps = np.array([alpha for found in self.jumps().values() for alpha in found if alpha <= last])
        if jumps.size:
            there = np.append(np.floor(jumps * N * (1 + 1e-14)), np.ceil(jumps * N * (1 - 1e-14)))  # but for rounding
            steps = np.append(steps, there[there <= steps[-1]])
        return np.unique(steps) / N

    def jumps(self) -> dict[str, tuple[float, ...]]:
        """The alphas above 0 at which another task begins, and those at which a rate may jump.

        Returns
        -------
        dict of str to tuple of float
            By parameter; empty if there are none.
        """
        from stdyn.checks import UNITS, integer
        from stdyn.model import schedule
        from stdyn.model.beginning import teacher_of
        from stdyn.model.problem import RATES, SCHEDULED

        found: dict[str, tuple[float, ...]] = {}
        for name in SCHEDULED if self.rule == "mixed" else RATES:
            value = getattr(self, name)
            rate = schedule.rate(name, value) if isinstance(value, Mapping) else None
            if isinstance(rate, schedule.Schedule) and rate.kind in ("steps", "pieces"):
                found[name] = rate.breaks
        if self.tasks is not None:
            _, tasks = teacher_of(self, integer("M", self.M, 1, UNITS))
            found["tasks"] = () if tasks is None else tasks.breaks
        return found

    def rng(self, purpose: str) -> "np.random.Generator":
        """The generator that the runs of a method spawn their streams from, or that draws the samples of a scan.

        It is the same for all rules: they see the same examples.

        Parameters
        ----------
        purpose : {"network", "reduced", "samples"}
            Each has a stream of its own.

        Returns
        -------
        numpy.random.Generator
            A new one, from the seed.
        """
        import numpy as np

        from stdyn.model.beginning import stream

        return np.random.Generator(np.random.SFC64(stream(self.seed, purpose)))


_TABLES = tuple(f.name for f in fields(Experiment) if f.metadata.get("kind") in ("rate", "table"))


def _described(name: str, value: Any) -> Any:
    """The table of a schedule, of tasks or of inputs that are given as such."""
    if name == "inputs":
        if value.manifold is not None:  # groups alone would be of a teacher that sees the inputs
            raise InputError(
                'inputs must be the table {kind = "hidden_manifold", …} where they are a hidden manifold, whose teacher'
                " is in latent space, but are Inputs"
            )
        return value.described
    try:
        return value.description
    except InputError as error:  # of a Python function
        raise InputError(f"{name}: {error}") from None
