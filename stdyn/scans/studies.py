"""Plateau, escape rate and final error by theory alone: a report of one problem, and how they depend on a quantity."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn import html, showing
from stdyn.analysis.escape import check_constant, plateaus
from stdyn.analysis.leaving import Plateau
from stdyn.checks import Array, check_type, time_grid
from stdyn.drawing import Axes, draw
from stdyn.errors import InputError
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.progress import bar
from stdyn.scans.variations import Variations
from stdyn.stopping import stoppable
from stdyn.text import columns
from stdyn.theory.critical import critical_eta
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.fixedpoints import autonomous, fixed_point, perfect_learning
from stdyn.theory.ode import integrate
from stdyn.values import Frozen

if TYPE_CHECKING:
    import pandas

_SETTLED = 0.01  # relative difference of an eps_g that no longer changes
_ROWS = 21  # of the table on a card, the heading with them
_LEARNED = 1e-9  # and an eps_g that is zero but for the tolerance of the ODEs

STUDIED = {
    "plateau_length": "length of the plateau in alpha; infinite if it is not left, NaN without a plateau",
    "plateau_predicted": "the same, with the end that the saddle implies",
    "plateau_height": "eps_g of the plateau",
    "saddle_eps_g": "eps_g of the saddle that it hangs on",
    "escape_rate": "largest eigenvalue of that saddle, per unit of alpha",
    "eps_g_infinity": "eps_g at alpha -> infinity, of the specialised student if it is stable; NaN if it is not known",
}


@dataclass(frozen=True, eq=False, repr=False)
class Study(Frozen):
    """Numbers of the theory against one quantity; prints as a table.

    Attributes
    ----------
    variations : Variations
        What was varied, and around which experiment.
    quantity : str
        The name of what varies.
    values : ndarray, shape (n,)
        Of the quantity.
    rules : dict
        For each rule a dict with an ndarray (n,) for each of "plateau_length" (in alpha; infinite if it is not left,
        NaN without a plateau), "plateau_predicted" (with the end that the saddle implies), "plateau_height",
        "saddle_eps_g", "escape_rate" (of the saddle that it hangs on) and "eps_g_infinity".
    interrupted : bool
        Whether Ctrl-C has ended it before the last value.

    See Also
    --------
    study : Makes it.
    theoryplot.study_figures : Its figure.

    Examples
    --------
    >>> found = stdyn.study(points, np.linspace(0, 100, 101))
    >>> found
    <Study 2 values of eta from 0.2 to 0.4, bp>
    >>> found.rules["bp"]["escape_rate"].round(3)
    array([0.013, 0.024])
    >>> print(found.csv())
    rule,eta,plateau_length,plateau_predicted,plateau_height,saddle_eps_g,escape_rate,eps_g_infinity
    bp,0.2,inf,...
    """

    variations: Variations
    quantity: str
    values: Array
    rules: dict[str, dict[str, Array]]
    interrupted: bool = False

    def plot(self, what: str = "plateau_length", ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw one of its numbers against what varies, a line for each rule.

        Parameters
        ----------
        what : str, default "plateau_length"
            One of the names of `rules`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        **kwargs
            What matplotlib's `Axes.plot` takes for the lines.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If there is no such number.

        Examples
        --------
        >>> ax = stdyn.study(points, np.linspace(0, 100, 101)).plot("eps_g_infinity")
        """
        return draw("study", self, what, ax, **kwargs)

    def csv(self) -> str:
        """All numbers in full, as comma-separated values.

        Returns
        -------
        str
            A line for every value and rule, after that of the names.
        """
        return "".join(",".join(row) + "\n" for row in self._rows(repr))

    def _rows(self, written: Callable[[float], str]) -> list[tuple[str, ...]]:
        rows = [("rule", self.quantity, *STUDIED)]
        for rule, numbers in self.rules.items():
            for n, value in enumerate(self.values):
                rows.append((rule, written(float(value)), *(written(float(numbers[name][n])) for name in STUDIED)))
        return rows

    def to_dataframe(self) -> "pandas.DataFrame":
        """The study as a table with a row for every number.

        Returns
        -------
        pandas.DataFrame
            With the columns rule, the varied quantity by its name, quantity (those of `rules`) and value.

        Examples
        --------
        >>> found = stdyn.study(points, np.linspace(0, 100, 101))
        >>> found.to_dataframe().query("quantity == 'eps_g_infinity'")[["rule", "eta"]]
           rule  eta
        10   bp  0.2
        11   bp  0.4
        """
        import pandas

        rules, names, n = list(self.rules), list(STUDIED), len(self.values)
        every = [self.rules[rule][name] for rule in rules for name in names]
        return pandas.DataFrame(
            {
                "rule": np.repeat(np.array(rules, dtype=object), len(names) * n),
                self.quantity: np.tile(self.values, len(rules) * len(names)),
                "quantity": np.tile(np.repeat(np.array(names, dtype=object), n), len(rules)),
                "value": np.concatenate(every) if every else np.empty(0),
            }
        )

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def __str__(self) -> str:
        return columns(self._in_short())

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    def _in_short(self) -> list[tuple[str, ...]]:
        return self._rows(lambda value: f"{value:.4g}")


def _line(study: Study) -> str:
    """In one line: what varies, and of which rules."""
    ended = ", interrupted" if study.interrupted else ""
    return f"{_varied(study)}, {', '.join(study.rules)}{ended}"


def _varied(study: Study) -> str:
    values = study.values
    if len(values) == 1:
        return f"{study.quantity} = {values[0]:g}"
    return f"{len(values)} values of {study.quantity}" + (f" from {values[0]:g} to {values[-1]:g}" * bool(len(values)))


def _card(study: Study) -> str:
    """For a notebook: the first lines of the table, and the length of the plateau as a curve for each rule."""
    rows = study._in_short()
    more = [f"… and {len(rows) - _ROWS} more lines"] if len(rows) > _ROWS else []
    curves = {rule: numbers["plateau_length"] for rule, numbers in study.rules.items()}
    said = f"length of the plateau against {study.quantity}, both logarithmic: {', '.join(curves)}"
    finite = [np.where(np.isfinite(each) & (each > 0), each, np.nan).tolist() for each in curves.values()]
    ended = [html.verdict("interrupted before the last value", False)] if study.interrupted else []
    title = f"Study, {_varied(study)}"
    curve = html.sparkline(study.values.tolist(), finite, said)
    return html.card(title, *ended, html.table(rows[:_ROWS]), html.lines(more), curve)


def report(theory: Trajectory, found: list[Plateau], points: list[FixedPoint]) -> str:
    """Plateaus, fixed points and critical learning rate of one problem, as tables."""
    problem = theory.problem
    rows = [("plateau from alpha", "to", "implied by saddle", "eps_g", "its saddle", "unstable", "rate", "distance")]
    for plateau in found:
        saddle = plateau.saddle
        of_saddle = ("none found", "", "", "") if saddle is None else (
            f"{saddle.eps_g:.5g}", str(saddle.unstable), f"{saddle.escape_rate:.4g}", f"{plateau.distance:.2g}"
        )  # fmt: skip
        implied = f"{plateau.predicted_end:.4g}" if saddle else ""
        rows.append((f"{plateau.start:.4g}", f"{plateau.end:.4g}", implied, f"{plateau.height:.5g}", *of_saddle))
    more = [("fixed point eps_g", "kind", "unstable", "zero modes", "largest eigenvalue", "found")]
    for point in points:
        counts = (str(point.unstable), str(point.zero_modes), f"{point.escape_rate:.4g}", str(point.found))
        more.append((f"{point.eps_g:.5g}", point.kind, *counts))
    try:
        critical = f"perfect learning is stable up to eta = {critical_eta(problem):.5g}"
    except InputError as refused:
        critical = f"critical eta: not defined ({refused})"
    saddles = [plateau.saddle for plateau in found if plateau.saddle is not None]
    moves = [f"the saddle of eps_g = {saddle.eps_g:.5g} is left along {saddle.moves()}" for saddle in saddles]
    plateaus = columns(rows) if found else "no plateau"
    fixed = columns(more) if points else "no fixed point was found"
    return "\n".join([f"{problem.rule}:", plateaus, "", fixed, *moves, critical])


@stoppable()
def study(variations: Variations, alphas: Array, *, progress: bool = False) -> Study:
    """The plateau, its saddle and the final error for every value of the quantity that varies.

    Parameters
    ----------
    variations : Variations
        A grid of one quantity of numbers, for one rule or both, in which eta is positive.
    alphas : array_like
        Recorded alphas of the ODEs; plateaus that are longer count as infinite.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    Study
        Of the values that are done, if Ctrl-C has ended it.

    Raises
    ------
    InputError
        Before any work starts, if not exactly one quantity varies, or not in numbers, if eta is 0, or anything changes
        with alpha.

    See Also
    --------
    scan : Solves any number of problems into a file.
    plateaus : The plateaus of one solution.

    Examples
    --------
    >>> committee = stdyn.Experiment(K=2, M=2, rule="bp", eta_v=0, v=1, start="prepared", r=0.05)
    >>> found = stdyn.study(stdyn.Variations(committee, {"eta": [0.2, 0.4]}), np.linspace(0, 400, 201))
    >>> found.values, found.rules["bp"]["plateau_length"].round()
    (array([0.2, 0.4]), array([244., 121.]))
    """
    check_type("variations", variations, Variations)
    alphas = time_grid(alphas)
    quantity, problems = studied(variations)
    rules: list[str] = [problem.rule for problem in problems]
    order = list(dict.fromkeys(rules))
    found: dict[str, list[dict[str, float]]] = {rule: [] for rule in order}
    interrupted = False
    try:
        pairs = zip(rules, problems, strict=True)
        for rule, problem in bar(progress, pairs, desc="study", total=len(rules), unit=" points", delay=2):
            found[rule].append(_numbers(problem, alphas))
    except KeyboardInterrupt:
        interrupted = True
    done = min(map(len, found.values()))
    if interrupted and not done:
        raise KeyboardInterrupt
    numbers = {rule: {name: np.array([row[name] for row in found[rule][:done]]) for name in STUDIED} for rule in order}
    return Study(variations, quantity, np.array(variations.axes[quantity], dtype=float)[:done], numbers, interrupted)


def studied(variations: Variations) -> tuple[str, list[Problem]]:
    """The quantity of a study and its problems; refused as `study` refuses them."""
    quantities = [name for name in variations.axes if name != "rule"]
    if len(quantities) != 1 or variations.samples:
        raise InputError(f"vary must be one quantity with its values, but is {', '.join(variations.vary) or 'nothing'}")
    (quantity,) = quantities
    if not np.issubdtype(variations.axes[quantity].dtype, np.number):
        raise InputError(f"vary must be a quantity of numbers, but is {quantity}")
    problems = list(variations)
    if any(problem.eta == 0 for problem in problems):
        raise InputError("eta must be positive in a study, but is 0: nothing moves")
    for problem in problems:
        check_constant(problem, "a study")
        autonomous(problem, "a study")
    return quantity, problems


def _numbers(problem: Problem, alphas: Array) -> dict[str, float]:
    """The numbers of STUDIED for one problem."""
    theory = integrate(problem, alphas, "LSODA")
    numbers = dict.fromkeys(STUDIED, np.nan) | {"eps_g_infinity": error_at_infinity(theory)}
    found = plateaus(theory)
    if found:
        plateau = found[0]
        numbers |= {"plateau_length": plateau.end - plateau.start, "plateau_height": plateau.height}
        numbers["plateau_predicted"] = plateau.predicted_end - plateau.start
        if plateau.saddle is not None:
            numbers |= {"saddle_eps_g": plateau.saddle.eps_g, "escape_rate": plateau.saddle.escape_rate}
    return numbers


def error_at_infinity(theory: Trajectory) -> float:
    """eps_g at alpha -> infinity; NaN if it is not known.

    That of the fixed point near perfect learning, or else of that near the trajectory's end, if nothing leaves it.
    Where none is found, as in families (K > M), eps_g at a hundred times the last alpha if it has settled, to 1 %.
    """
    if not len(theory.alphas) or theory.diverged_at is not None:
        return np.nan
    problem, starts = theory.problem, [theory.at(-1)]
    with suppress(InputError):  # K != M, or a frozen v that is not the teacher's
        starts.insert(0, perfect_learning(problem))
    for start in starts:
        point = fixed_point(problem, start)
        if point is not None and not point.unstable:
            return point.eps_g
    later = integrate(problem, [30 * theory.alphas[-1], 100 * theory.alphas[-1]], "LSODA").eps_g
    return float(later[1]) if abs(later[1] - later[0]) <= max(_SETTLED * later[1], _LEARNED) else np.nan
