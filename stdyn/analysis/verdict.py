"""What comes of holding runs to theory, as a value: it prints as a table, and draws itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

from stdyn import html, showing
from stdyn.checks import Array
from stdyn.drawing import Axes, draw
from stdyn.model import longform
from stdyn.text import columns, counted, message
from stdyn.values import Frozen, frozen

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Frozen):
    """The mean over runs of every order parameter and of eps_g, held to the theory; prints as a table.

    Held to fluctuations, the theory is that of runs of finite N: `theory` is the ODEs and the bias of order 1/N, and
    `standard_error` is predicted, not measured, so that a single run can be held to it.

    Attributes
    ----------
    alphas : ndarray, shape (A,)
        Those at which runs are held to the theory.
    mean, standard_error, theory, deviation, in_errors : dict of ndarray, shapes (A, …)
        For "R", "Q", "v", "eps_g", with feedback weights "F", with tasks "eps_g_per_task" and with test examples
        "eps_g_test" (neither if it is held to fluctuations): the mean over runs, its standard error, the ODEs, mean -
        theory, and that in standard errors.
    entries : int
        The number of deviations: of all order parameters at all alphas.
    false_alarm : float
        The probability with which `agrees` is False although the mean of the runs is the theory.
    bias : float
        A deviation of bias / N is granted beside it.
    negligible : float
        A deviation below ``negligible (1 + |theory|)`` is none: the accuracy of rounding and of the ODE solver.
    runs, N : int
        How many runs, and of how many inputs.
    rule, method : str
        Of the runs.
    predicted : bool
        Whether the standard errors are those of linear noise.
    notes : tuple of str
        What else the reader of the table must know: parameters that differ, runs that diverged.

    See Also
    --------
    compare : Makes it.
    Fluctuations : What runs of finite N are held to.

    Examples
    --------
    >>> verdict = stdyn.compare(runs, theory)
    >>> verdict
    <Comparison FA: 8 network runs at N = 200 agree with the ODEs>
    >>> if verdict:
    ...     print(f"no deviation exceeds {verdict.allowed:.1f} standard errors")
    no deviation exceeds 15.5 standard errors
    >>> verdict.deviation["R"].shape, bool(verdict.within("R").all())
    ((81, 2, 2), True)
    """

    alphas: Array
    mean: dict[str, Array]
    standard_error: dict[str, Array]
    theory: dict[str, Array]
    entries: int
    false_alarm: float
    bias: float
    negligible: float
    runs: int
    N: int
    rule: str
    method: str
    predicted: bool
    notes: tuple[str, ...]

    @property
    def allowed(self) -> float:
        """The number of standard errors that no ``|deviation|`` may exceed.

        If the mean of the runs is the theory and they are normal, the largest of them exceeds it with a probability of
        at most `false_alarm`: Student's t with runs - 1 degrees of freedom, Bonferroni over all entries. At finite N
        the mean is the theory only up to O(1/N): with enough runs, or where runs do not scatter at all, that is seen.
        With predicted standard errors it is the normal distribution instead of Student's.
        """
        return self._allowed_with(self.runs)

    def _allowed_with(self, runs: int) -> float:
        tail = self.false_alarm / (2 * self.entries)
        return float(norm.isf(tail) if self.predicted else student_t.isf(tail, runs - 1))

    @property
    def deviation(self) -> dict[str, Array]:
        """Mean over runs minus theory."""
        return frozen({name: self.mean[name] - self.theory[name] for name in self.mean})

    @property
    def in_errors(self) -> dict[str, Array]:
        """The deviation in standard errors."""
        return frozen({name: _ratio(deviation, self, name) for name, deviation in self.deviation.items()})

    def within(self, name: str) -> np.ndarray:
        """At each alpha, whether all entries of an order parameter deviate by no more than allowed.

        Parameters
        ----------
        name : str
            One of the names of `mean`.

        Returns
        -------
        ndarray of bool, shape (A,)
            True where they do not.
        """
        room = np.maximum(np.abs(self.deviation[name]) - self.bias / self.N, 0)
        return np.all(~(_ratio(room, self, name) > self.allowed).reshape(len(self.alphas), -1), axis=1)

    @property
    def agrees(self) -> bool:
        """Whether nothing deviates by more than allowed."""
        return all(bool(self.within(name).all()) for name in self.mean)

    def __bool__(self) -> bool:
        return self.agrees

    def plot(
        self, what: str = "eps_g", ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
        color: Any = None, **kwargs: Any,
    ) -> Axes:  # fmt: skip
        """Draw how far the mean over runs is from the theory, in standard errors against alpha, and what is allowed.

        Parameters
        ----------
        what : str, default "eps_g"
            "eps_g", "R", "Q", "v", "F", "eps_g_per_task" or "eps_g_test", as far as they were compared.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        diagonal : bool, default False
            Draw the entries on the diagonal only, of R and Q.
        entries : list of tuple of int, optional
            Draw these entries only, such as [(0, 0), (1, 2)].
        color : color or list of colors, optional
            Of all lines, or one for each.
        **kwargs
            What matplotlib's `Axes.plot` takes for the lines.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If there is no such quantity or entry.

        Examples
        --------
        >>> ax = verdict.plot("R", diagonal=True)
        """
        return draw("comparison", self, what, ax, diagonal=diagonal, entries=entries, color=color, **kwargs)

    def to_dataframe(self) -> "pandas.DataFrame":
        """The comparison as a table with a row for every number that was compared.

        Returns
        -------
        pandas.DataFrame
            With the columns alpha, quantity, i, j, mean, standard_error, theory, deviation and in_errors. i and j are
            where an entry stands: R_ij, v_i, of several outputs v_ij; of eps_g_per_task i is the task. They are <NA> of
            what is a number.

        Examples
        --------
        >>> table = verdict.to_dataframe()
        >>> table.groupby("quantity")["in_errors"].count()
        quantity
        F         81
        Q        324
        R        324
        eps_g     81
        v        162
        Name: in_errors, dtype: int64
        """
        numbers = ("mean", "standard_error", "theory", "deviation", "in_errors")
        named = ("alpha", "i", "j")  # the axes, as many as an array has
        frames = [
            longform.frame(
                {name: (named[: values.ndim], values) for name, values in getattr(self, number).items()},
                {"alpha": self.alphas},
                ("alpha",),
            ).rename(columns={"value": number})
            for number in numbers
        ]
        first, *rest = frames
        return first.assign(**{number: frame[number] for number, frame in zip(numbers[1:], rest, strict=True)})

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def __str__(self) -> str:
        return "\n".join([self._title(), columns(self._rows()), self._allowed_in_words(), *self.notes])

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    def _title(self) -> str:
        return (
            f"{self.rule}: {counted(self.runs, f'{self.method} run')} at N = {self.N} against"
            f" {'linear noise around ' * self.predicted}the ODEs,"
            f" {len(self.alphas)} alphas from {self.alphas[0]:g} to {self.alphas[-1]:g}"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        header = ("", "largest deviation", "at alpha", "in s.e.", "rms in s.e.", "within what is allowed")
        return [header, *(self._row(name) for name in self.mean)]

    def _allowed_in_words(self) -> str:
        granted = f" + {self.bias:g}/N" if self.bias else ""
        allowed = (
            f"allowed: {self.allowed:.1f} s.e.{granted} (false alarm {self.false_alarm:g} over {self.entries} entries)"
        )
        few = f"; with 32 runs {self._allowed_with(32):.1f} s.e." if self.runs < 32 and not self.predicted else ""
        freedom = np.inf if self.predicted else self.runs - 1
        expected = 1 if self.predicted else np.sqrt(freedom / (freedom - 2)) if freedom > 2 else np.nan
        rms = f"; rms without disagreement {expected:.1f} s.e." if np.isfinite(expected) else ""
        return allowed + few + rms

    def _row(self, name: str) -> tuple[str, ...]:
        in_errors = np.abs(self.in_errors[name])
        held = np.isfinite(in_errors)
        if not held.any():
            return name, "–", "–", "–", "–", "left out"
        deviation = np.where(held, np.abs(self.deviation[name]), 0).reshape(len(self.alphas), -1).max(axis=1)
        beyond = np.flatnonzero(~self.within(name))
        return (
            name,
            f"{deviation.max():.2g}",
            f"{self.alphas[deviation.argmax()]:.4g}",
            f"{in_errors[held].max():.2g}",
            f"{np.sqrt(np.mean(in_errors[held] ** 2)):.2g}",
            f"not from alpha = {self.alphas[beyond[0]]:.4g}" if beyond.size else "everywhere",
        )


def _ratio(deviation: Array, comparison: Comparison, name: str) -> Array:
    """deviation / standard error, where a negligible deviation counts as none; NaN where there is no standard error."""
    negligible = comparison.negligible * (1 + np.abs(comparison.theory[name]))
    error = comparison.standard_error[name]
    ratio = np.where(np.abs(deviation) <= negligible, 0.0, deviation / np.maximum(error, negligible))
    return np.where(np.isnan(error), np.nan, ratio)


def _line(comparison: Comparison) -> str:
    """In one line: whether they agree, and where not."""
    c = comparison
    one = c.runs == 1
    against = "linear noise around the ODEs" if c.predicted else "the ODEs"
    runs = f"{c.rule.upper()}: {counted(c.runs, f'{c.method} run')} at N = {c.N}"
    if c.agrees:
        return f"{runs} agree{'s' * one} with {against}"
    first = {name: np.flatnonzero(~c.within(name)) for name in c.mean}
    where = ", ".join(f"{name} from alpha = {c.alphas[there[0]]:.4g}" for name, there in first.items() if there.size)
    return f"{runs} disagree{'s' * one} with {against}: {where}"


def _card(comparison: Comparison) -> str:
    """For a notebook: the table, and the verdict in colour and in a word."""
    agrees = comparison.agrees
    return html.card(
        f"Comparison, {comparison._title()}",
        html.verdict("agrees" if agrees else "disagrees", agrees),
        html.table(comparison._rows()),
        html.lines([message(text, 600) for text in (comparison._allowed_in_words(), *comparison.notes)]),
    )
