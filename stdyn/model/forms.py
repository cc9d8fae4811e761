"""A trajectory in other forms: words, pictures, files and tables."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stdyn import showing
from stdyn.checks import check_path
from stdyn.drawing import Axes, draw
from stdyn.files import store
from stdyn.files.format import Variables, to_dataset
from stdyn.model import longform, trajectorycard, trajectorytext, trajectoryvariables
from stdyn.model.readings import Readings

if TYPE_CHECKING:
    import pandas
    import xarray


class Forms(Readings):
    """What a trajectory can be made into; the class that it is of has the fields."""

    def __repr__(self) -> str:
        return showing.line(self, trajectorytext.line)

    def __str__(self) -> str:
        return f"<stdyn.Trajectory>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, trajectorycard.of_trajectory)

    def summary(self) -> str:
        """What it is and where it comes from, in lines.

        Returns
        -------
        str
            What `print` shows below the heading.

        Examples
        --------
        >>> theory.summary().splitlines()[0]
        'what             FA, ODEs, N -> infinity'
        """
        return trajectorytext.summary(self)

    def variables(self) -> Variables:
        """Every array by name, for the file and for xarray.

        Returns
        -------
        dict of (tuple of str, ndarray, str)
            The axes of each, its values and its meaning (docs/format.md).

        Examples
        --------
        >>> axes, values, meaning = theory.variables()["R"]
        >>> axes
        ('alpha', 'student', 'teacher')
        """
        return trajectoryvariables.variables(self)

    def all_attributes(self) -> dict[str, Any]:
        """The problem's scalars, the method and where it comes from, for the file and for xarray.

        Returns
        -------
        dict
            Numbers and texts by name (docs/format.md).

        Examples
        --------
        >>> theory.all_attributes()["eta"]
        0.5
        """
        return trajectoryvariables.attributes(self)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write the trajectory to an HDF5 file (docs/format.md).

        Parameters
        ----------
        path : str or path
            Where to.
        overwrite : bool, default False
            Replace a file that is there.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        InputError
            If the file exists and `overwrite` is false, its folder cannot be written to, or a rate is a Python
            function.
        NotWritten
            If it could not be written to the end; what was is kept elsewhere.

        See Also
        --------
        stdyn.load : Reads it back.

        Examples
        --------
        >>> stdyn.load(theory.save("fa.h5", overwrite=True)) == theory
        True
        """
        trajectoryvariables.check_writable(self.problem)
        return store.write(check_path("path", path), self.variables(), self.all_attributes(), overwrite)

    def plot(
        self, what: str = "eps_g", ax: Axes | None = None, *, diagonal: bool = False, entries: Any = None,
        color: Any = None, **kwargs: Any,
    ) -> Axes:  # fmt: skip
        """Draw one of its quantities against alpha.

        Of an ensemble the median of eps_g with the range of the runs, else the mean with a band of one standard
        deviation.

        Parameters
        ----------
        what : str, default "eps_g"
            "eps_g", "R", "Q", "v", "F", "alignment", "cosines", "F_per_output", "alignment_per_output",
            "eps_g_per_task", "eps_g_test", "R_group" or "Q_group", as far as they are there.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        diagonal : bool, default False
            Draw the entries on the diagonal only, of R, Q and cosines.
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

        See Also
        --------
        OrderParameters.plot : The overlaps at one alpha.
        stdyn.plot : The figures of the command line.

        Examples
        --------
        >>> ax = theory.plot("R", diagonal=True, linewidth=1)
        """
        return draw("trajectory", self, what, ax, diagonal=diagonal, entries=entries, color=color, **kwargs)

    def to_xarray(self) -> "xarray.Dataset":
        """All that a file holds, with named axes.

        Returns
        -------
        xarray.Dataset
            Its axes are run, alpha, student, teacher, student_2, teacher_2, output, task, turn and group.

        See Also
        --------
        to_dataframe : A table with a row for every number.

        Examples
        --------
        >>> theory.to_xarray().R.sel(student=0, teacher=0, alpha=slice(0, 20)).dims
        ('alpha',)
        """
        return to_dataset(self.variables(), self.all_attributes())

    def to_dataframe(self, what: str | Sequence[str] | None = None) -> "pandas.DataFrame":
        """What changes with alpha as a table with a row for every number.

        Parameters
        ----------
        what : str or list of str, optional
            The quantities: "R", "Q", "v", "eps_g", "F", "alignment", "cosines", and what else is there. All but the
            cosines unless given.

        Returns
        -------
        pandas.DataFrame
            With the columns run (of an ensemble), alpha, quantity, group (of inputs with a spectrum), i, j and value.
            i and j are where an entry stands: R_ij, v_i, or of several outputs v_ij. They are <NA> of what is a number.

        Raises
        ------
        InputError
            If there is no such quantity.

        See Also
        --------
        to_xarray : The same with named axes.

        Examples
        --------
        >>> theory.to_dataframe("R").head(3)
           alpha quantity  i  j  value
        0    0.0        R  0  0   0.05
        1    0.0        R  0  1   0.00
        2    0.0        R  1  0   0.00
        >>> runs.to_dataframe(["eps_g", "F"]).groupby("quantity")["value"].count()
        quantity
        F        648
        eps_g    648
        Name: value, dtype: int64
        """
        return longform.of_trajectory(self, what)
