"""How runs scatter around the theory, as a value."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn import html, showing
from stdyn.checks import Array, check_path
from stdyn.drawing import Axes, draw
from stdyn.files import store
from stdyn.files.format import Variables, to_dataset
from stdyn.model import cards, longform, problemtext
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.model.trajectoryvariables import check_writable
from stdyn.values import Frozen

if TYPE_CHECKING:
    import pandas
    import xarray

LIMIT = 0.02  # relative change of a predicted standard deviation by what linear noise leaves out: up to it, it is valid


@dataclass(frozen=True, eq=False)
class PerOrderParameter(Frozen):
    """One array for each order parameter, in the shapes of a theory's Trajectory; F is None for rule "bp"."""

    R: Array
    Q: Array
    v: Array
    F: Array | Any
    eps_g: Array


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations(Frozen):
    """How runs of N inputs scatter around the theory, without a parameter fitted (theory.md, section 5).

    Attributes
    ----------
    theory : Trajectory
        The solution of the ODEs, with `problem` and `alphas`.
    covariance : ndarray, shape (A, L, L)
        Covariance over runs of all order parameters, in the order R row by row, upper triangle of Q row by row, v row
        by row; proportional to 1/N.
    std : PerOrderParameter
        Standard deviations over runs, `.std.R` (A, K, M) and so on; of F and eps_g by the delta method.
    bias : PerOrderParameter
        Mean over runs minus theory, to order 1/N. These three are NaN from where a standard deviation exceeds 10000.
    nonlinearity, nonlinearity_eps_g : ndarray, shape (A,)
        By how much, relative to it, the standard deviation of some R, Q, v or F would change if the Jacobian were not
        that at the theory but its average over the predicted spread; and that of eps_g if it were not linear in them.
    quadrature_error : float
        Relative standard error of `std` by the quadrature of D: root mean square over order parameters and alphas.

    See Also
    --------
    fluctuations : Finds them.
    compare : Holds runs to them.

    Examples
    --------
    >>> found = stdyn.fluctuations(problem, [0, 10, 20], points=256)
    >>> found
    <Fluctuations FA, N = 200, K = M = 2, erf, 3 alphas from 0 to 20, valid everywhere>
    >>> found.std.R.shape, bool(found.std.R.max() < 0.01)
    ((3, 2, 2), True)
    >>> path = found.save("scatter.h5")
    >>> stdyn.load_fluctuations(path) == found
    True
    >>> found.to_xarray()["std_R"].dims
    ('alpha', 'student', 'teacher')
    >>> print(found.summary())
    <stdyn.Fluctuations> FA, N = 200, 3 alphas from 0 to 20
        R: standard deviation up to 0.0076, |bias| up to ...
    ...
    valid everywhere; quadrature to 1.5% of a standard deviation
    """

    theory: Trajectory
    covariance: Array
    std: PerOrderParameter
    bias: PerOrderParameter
    nonlinearity: Array
    nonlinearity_eps_g: Array
    quadrature_error: float

    @property
    def problem(self) -> Problem:
        """What was solved."""
        return self.theory.problem

    @property
    def alphas(self) -> Array:
        """Examples / N, shape (A,)."""
        return self.theory.alphas

    @property
    def valid(self) -> np.ndarray:
        """At which alphas linear noise is to be trusted, shape (A,): nonlinearity up to 0.02."""
        return self.nonlinearity <= LIMIT

    @property
    def valid_eps_g(self) -> np.ndarray:
        """The same for eps_g, whose own curvature counts too."""
        return self.valid & (self.nonlinearity_eps_g <= LIMIT)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write everything to an HDF5 file (docs/format.md); `load_fluctuations` reads it back.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; its folder must be there.
        overwrite : bool, default False
            Write over a file that is there.

        Returns
        -------
        pathlib.Path
            The path.

        Raises
        ------
        InputError
            If the file exists and `overwrite` is false, its folder cannot be written to, or a rate is a Python
            function.
        """
        check_writable(self.problem)
        return store.write(check_path("path", path), self._variables(), self._all_attributes(), overwrite)

    def plot(
        self, what: str = "eps_g", ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
        color: Any = None, **kwargs: Any,
    ) -> Axes:  # fmt: skip
        """Draw the theory against alpha, with a band of one predicted standard deviation where that is valid.

        Parameters
        ----------
        what : str, default "eps_g"
            "eps_g", "R", "Q", "v" or, with feedback weights, "F".
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
        >>> ax = noise.plot("F")
        """
        return draw("fluctuations", self, what, ax, diagonal=diagonal, entries=entries, color=color, **kwargs)

    def to_xarray(self) -> "xarray.Dataset":
        """Everything with named axes.

        Returns
        -------
        xarray.Dataset
            With the theory's variables, the covariance, and std_R, bias_R and so on.

        See Also
        --------
        to_dataframe : A row for every number.
        """
        return to_dataset(self._variables(), self._all_attributes())

    def _variables(self) -> Variables:
        variables = self.theory.variables()
        for kind, meaning in (("std", "standard deviation over runs of"), ("bias", "mean over runs minus theory of")):
            for name, values in vars(getattr(self, kind)).items():
                if values is not None:
                    variables[f"{kind}_{name}"] = (variables[name][0], values, f"{meaning} {name}")
        variables |= {
            "covariance": (
                ("alpha", "order_parameter", "order_parameter_2"),
                self.covariance,
                "covariance over runs of R row by row, the upper triangle of Q row by row, v row by row",
            ),
            "nonlinearity": (("alpha",), self.nonlinearity, "change of a standard deviation by the spread of J"),
            "nonlinearity_eps_g": (("alpha",), self.nonlinearity_eps_g, "and of that of eps_g by its own curvature"),
        }
        return variables

    def _all_attributes(self) -> dict[str, Any]:
        more = {"kind": "fluctuations", "quadrature_error": self.quadrature_error}
        return self.theory.all_attributes() | more

    def to_dataframe(self) -> "pandas.DataFrame":
        """The prediction as a table with a row for every number.

        Returns
        -------
        pandas.DataFrame
            With the columns alpha, quantity, i, j, theory, std, bias and valid: R, Q, v, F and eps_g of the ODEs, the
            standard deviation over runs, the mean over runs minus the ODEs, and whether both are to be believed there.
            i and j are where an entry stands: R_ij, v_i. They are <NA> of what is a number.

        See Also
        --------
        to_xarray : The same and the covariance, with named axes.

        Examples
        --------
        >>> table = stdyn.fluctuations(problem, [0, 5, 10], points=256).to_dataframe()
        >>> table.head(3)
           alpha quantity  i  j  theory  std  bias  valid
        0    0.0        R  0  0    0.05  0.0   0.0   True
        1    0.0        R  0  1    0.00  0.0   0.0   True
        2    0.0        R  1  0    0.00  0.0   0.0   True
        """
        variables, names = self._variables(), [name for name, _ in self._known()]
        frames = {
            number: longform.frame(
                {name: (variables[name][0], variables[f"{prefix}{name}"][1]) for name in names},
                {"alpha": self.alphas},
                ("alpha",),
            )
            for number, prefix in (("theory", ""), ("std", "std_"), ("bias", "bias_"))
        }
        table = frames["theory"].rename(columns={"value": "theory"})
        valid = [
            np.repeat(self.valid_eps_g if name == "eps_g" else self.valid, std[0].size if len(std) else 0)
            for name, std in self._known()
        ]
        more = {number: frames[number]["value"] for number in ("std", "bias")}
        return table.assign(**more, valid=np.concatenate(valid))

    def _known(self) -> list[tuple[str, Array]]:
        """The standard deviations that there are, by name."""
        pairs = [(each.name, getattr(self.std, each.name)) for each in fields(PerOrderParameter)]
        return [(name, std) for name, std in pairs if std is not None]

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    def summary(self) -> str:
        """What it is, in lines.

        Returns
        -------
        str
            What `print` shows.
        """
        problem = self.problem
        lines = [f"<stdyn.Fluctuations> {problem.rule.upper()}, N = {problem.N}, {self._span()}"]
        lines += [f"{name:>5}: standard deviation {std}, |bias| {bias}" for name, std, bias in self._largest()]
        return "\n".join(
            [*lines, f"{self._validity()}; quadrature to {self.quadrature_error:.1%} of a standard deviation"]
        )

    def _span(self) -> str:
        return f"{len(self.alphas)} alphas" + (
            f" from {self.alphas[0]:g} to {self.alphas[-1]:g}" if len(self.alphas) else ""
        )

    def _largest(self) -> list[tuple[str, str, str]]:
        """The largest standard deviation and bias by name, in words."""
        found = []
        for name, std in self._known():
            bias = getattr(self.bias, name)
            largest, furthest = (np.max(np.abs(x), initial=0, where=np.isfinite(x)) for x in (std, bias))
            found.append((name, f"up to {largest:.2g}", f"up to {furthest:.2g}"))
        return found

    def _validity(self) -> str:
        invalid = self.alphas[~self.valid]
        if not len(invalid):
            return "valid everywhere"
        return f"not valid at {len(invalid)} alphas, from {invalid[0]:g} to {invalid[-1]:g}"


def _line(found: Fluctuations) -> str:
    """In one line: what it is, and where it is valid."""
    problem = found.problem
    parts = [problem.rule.upper(), f"N = {problem.N}", problemtext.units(problem), problem.activations_text]
    return ", ".join([*parts, found._span(), found._validity()])


def _card(found: Fluctuations) -> str:
    """For a notebook: the largest standard deviations and biases, and that of eps_g as a curve."""
    positions = np.unique(np.linspace(0, len(found.alphas) - 1, min(html.POINTS, len(found.alphas))).astype(int))
    std = found.std.eps_g[positions]
    return html.card(
        f"Fluctuations, {problemtext.of_problem(found.problem)}",
        html.table([("", "standard deviation", "|bias|"), *found._largest()]),
        html.sparkline(
            found.alphas[positions].tolist(),
            [np.where(std > 0, std, np.nan).tolist()],
            "standard deviation of ε_g over runs against alpha, both logarithmic",
        ),
        cards.table_of(
            {
                "alpha": found._span(),
                "linear noise": found._validity(),
                "quadrature": f"to {found.quadrature_error:.1%} of a standard deviation",
            }
        ),
    )
