"""A scan in other forms: words, pictures and tables."""

from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn import html, showing
from stdyn.analysis.summary import censored
from stdyn.checks import check_memory
from stdyn.drawing import Axes, draw
from stdyn.model import cards
from stdyn.scans.points import FAILED, STATES, in_words
from stdyn.scans.quantities import plain
from stdyn.text import counted, listing

if TYPE_CHECKING:
    import pandas

_ROW = 200.0  # bytes of a row of the table, and as many for each column of texts
_OWN = ("point", "state", "run", "quantity", "value")  # columns of the table


class Forms:
    """What a scan can be made into; the class that it is of reads the file."""

    path: Any
    description: Any
    attributes: Any
    state: Any
    coordinates: Any
    summary: Any
    message: Any

    def plot(
        self, what: str = "plateau_length", ax: Axes | None = None, *, x: str | None = None, y: str | None = None,
        rule: str | None = None, color: Any = None, **kwargs: Any,
    ) -> Axes:  # fmt: skip
        """Draw a number of every point that is done against what varies, or as colours over two quantities.

        Parameters
        ----------
        what : str, default "plateau_length"
            A number of `summary`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot unless given.
        x : str, optional
            The quantity along the axis: one of `coordinates` or `summary`; the first that varies unless given.
        y : str, optional
            A second one: then `what` is shown by colours.
        rule : str, optional
            Draw the points of this rule only.
        color : color or list of colors, optional
            Of all points, or one for each rule.
        **kwargs
            What matplotlib's `Axes.plot` takes for the points.

        Returns
        -------
        matplotlib.axes.Axes
            Those that were drawn in.

        Raises
        ------
        InputError
            If there is no such quantity, no point is done, or a map is of more than one rule.

        Examples
        --------
        >>> ax = table.plot("eps_g_final", x="eta")
        """
        return draw("scan", self, what, ax, x=x, y=y, rule=rule, color=color, **kwargs)

    def to_dataframe(self) -> "pandas.DataFrame":
        """What came out of every point as a table with a row for every number.

        Returns
        -------
        pandas.DataFrame
            With the columns point, state ("todo", "done" or "failed"), the varied quantities by their names, run (of
            simulations), quantity (those of `summary`) and value, which is NaN where a point is not done. A varied
            quantity of the name of another column has "_varied" at the end of its.

        See Also
        --------
        to_xarray : Everything in the file, with named axes.

        Examples
        --------
        >>> frame = table.to_dataframe()
        >>> frame.query("quantity == 'eps_g_final'")[["point", "state", "eta"]]
           point state  eta
        2      0  done  0.2
        3      1  done  0.4
        """
        import pandas

        points, summary = len(self.state), self.summary
        check_memory("the table", _ROW * (1 + len(self.coordinates)) * sum(each.size for each in summary.values()))
        at = [np.repeat(np.arange(points), values.size // points) for values in summary.values()]
        point = np.concatenate(at)
        columns: dict[str, Any] = {"point": point, "state": np.array(STATES, dtype=object)[self.state[point]]}
        for name, values in self.coordinates.items():
            columns[f"{name}_varied" if name in _OWN else name] = values[point]
        if any(values.ndim > 1 for values in summary.values()):
            columns["run"] = np.concatenate([np.arange(each.size) % (each.size // points) for each in summary.values()])
        names = np.array([*summary], dtype=object)
        columns["quantity"] = np.repeat(names, [values.size for values in summary.values()])
        columns["value"] = np.concatenate([values.ravel() for values in summary.values()]).astype(float)
        return pandas.DataFrame(columns)

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def __str__(self) -> str:
        return f"<stdyn.Scan>\n{self.text()}"

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    def text(self) -> str:
        """What it is, how far it is and what came out, in lines.

        Returns
        -------
        str
            What `print` shows.
        """
        return listing(self._lines())

    def _lines(self) -> dict[str, str]:
        solve = dict(self.description["solve"])
        alphas = self.description["alphas"]
        lines = {
            "what": f"scan of {len(self.state)} points: {in_words(self.state)}",
            "varied": ", ".join(
                f"{name} ({len(set(plain(values)))} values)" for name, values in self.coordinates.items()
            ),
            "solver": ", ".join([solve.pop("function"), *(f"{name} = {value}" for name, value in solve.items())]),
            "alpha": f"{len(alphas)} values from {alphas[0]:g} to {alphas[-1]:g}",
            "kept": str(self.description["keep"]),
        }
        for name, values in self.summary.items():
            there = values[~np.isnan(values)]
            if there.size:
                low, middle, high = np.percentile(there, [5, 50, 95], method="nearest")
                lines[name] = f"median {middle:.4g}, 5 – 95 % {low:.4g} … {high:.4g}"
                if name in ("diverged_at", "failed_at") and np.isinf(there).all():
                    lines[name] = "none did"
                if name == "plateau_length":
                    lines[name] += f", not left: {100 * censored(there)[1]:.3g} %"
        wrong = np.flatnonzero(self.state == FAILED)
        if wrong.size:
            lines["first failure"] = f"point {wrong[0]}: {self.message[wrong[0]]}"
        lines |= {name: str(self.attributes[name]) for name in ("created", "versions")}
        return lines


def _line(scan: Any) -> str:
    """In one line, of what is known without a look into the file: which one it is, and how far."""
    varied = ", ".join(scan.attributes["coordinates"].split())
    over = f" over {varied}" if varied else ""
    return f"{scan.path.name}: {counted(len(scan.state), 'point')}{over}, {in_words(scan.state)}"


def _card(scan: Any) -> str:
    """For a notebook: its lines, and the errors that points end with, as far as they are there."""
    lines = scan._lines()
    del lines["what"]  # which is the heading
    points = counted(len(scan.state), "point")
    return html.card(f"Scan, {scan.path.name}: {points}, {in_words(scan.state)}", cards.table_of(lines), _curve(scan))


def _curve(scan: Any) -> str:
    """The errors at the end in order of their size."""
    errors = scan.summary.get("eps_g_final", np.empty(0))
    there = errors[np.isfinite(errors)]
    if there.size < 2:
        return ""
    shares = np.linspace(0, 100, html.POINTS)
    sizes = np.log10(np.maximum(np.percentile(there, shares), 1e-300))
    said = f"ε_g at the end, from {10 ** sizes[0]:.2g} to {10 ** sizes[-1]:.2g}, logarithmic, points in order of it"
    return html.sparkline(shares.tolist(), [sizes.tolist()], said, logarithmic=False)
