"""How runs scatter around the theory, as a value."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn.checks import Array, check_path
from stdyn.drawing import Axes, draw
from stdyn.files import store
from stdyn.files.format import Variables, to_dataset
from stdyn.model.problem import Problem
from stdyn.model.trajectory import Trajectory
from stdyn.model.trajectoryvariables import check_writable
from stdyn.values import Frozen

if TYPE_CHECKING:
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
        >>> ax = stdyn.fluctuations(problem, [0, 5, 10], points=256).plot("F")
        """
        return draw("fluctuations", self, what, ax, diagonal=diagonal, entries=entries, color=color, **kwargs)

    def to_xarray(self) -> "xarray.Dataset":
        """An xarray.Dataset with the theory's variables, the covariance, and std_R, bias_R and so on."""
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

    def __repr__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """What it is, in lines."""
        problem, invalid = self.problem, self.alphas[~self.valid]
        span = f" from {self.alphas[0]:g} to {self.alphas[-1]:g}" if len(self.alphas) else ""
        lines = [f"<stdyn.Fluctuations> {problem.rule.upper()}, N = {problem.N}, {len(self.alphas)} alphas{span}"]
        for name in (each.name for each in fields(PerOrderParameter)):
            std, bias = getattr(self.std, name), getattr(self.bias, name)
            if std is not None:
                largest, furthest = (np.max(np.abs(x), initial=0, where=np.isfinite(x)) for x in (std, bias))
                lines.append(f"{name:>5}: standard deviation up to {largest:.2g}, |bias| up to {furthest:.2g}")
        where = "valid everywhere"
        if len(invalid):
            where = f"not valid at {len(invalid)} alphas, from {invalid[0]:g} to {invalid[-1]:g}"
        return "\n".join([*lines, f"{where}; quadrature to {self.quadrature_error:.1%} of a standard deviation"])
