"""The trainings in a file in other forms: words and tables."""

from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn import html, showing
from stdyn.checks import check_memory
from stdyn.layered.blas import Array
from stdyn.layered.history import ALIGNMENTS, RECORDS, History
from stdyn.text import columns, counted, listing, message

if TYPE_CHECKING:
    import pandas

_NOTE = "errors in %; of several networks: mean ± standard deviation"
_FIRST = {"hidden": 1, "layer": 1, "output": 0}  # numbers from which layers and outputs are counted
_ROW = 100.0  # bytes of a row of the table


class Forms:
    """What trainings can be made into; the class that they are of reads the file."""

    path: Any
    attributes: Any
    description: Any
    rules: Any
    seeds: Any
    epochs: Any
    epochs_done: Any
    wall_time: Any
    widths: Any
    histories: Any

    def to_dataframe(self) -> "pandas.DataFrame":
        """What was recorded of every network as a table with a row for every number.

        Returns
        -------
        pandas.DataFrame
            With the columns run, rule, seed, epoch, alpha, quantity, i and value. What is recorded at the end of every
            epoch has an epoch and no alpha, the cosines `alignment` and `output_alignment` an alpha and no epoch. i is
            the number of the layer, from 1, or that of the output, from 0; <NA> of what is a number.

        See Also
        --------
        to_xarray : Everything in the file, with named axes.

        Examples
        --------
        >>> trained = stdyn.train(stdyn.Training(widths=5, epochs=2, seeds=1), "few.h5", data="images")
        >>> table = trained.to_dataframe()
        >>> table.query("quantity == 'test_error'")[["run", "rule", "epoch"]].head(4).to_string(index=False)
        ' run rule  epoch\\n   0   fa      0\\n   0   fa      1\\n   0   fa      2\\n   1   bp      0'
        """
        import pandas

        begun = {(each.rule, each.seed): each for each in self.histories}
        sizes = [getattr(each, name).size for each in begun.values() for name in (*RECORDS, *ALIGNMENTS)]
        check_memory("the table", _ROW * sum(sizes))
        parts: list[dict[str, Any]] = [_blank()]
        for run, key in enumerate(zip(self.rules, self.seeds, strict=True)):
            if key in begun:
                parts += _records_of(run, begun[key])
        whole: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for name in ("epoch", "i"):
            whole[name] = pandas.arrays.IntegerArray(np.maximum(whole[name], 0), whole[name] < 0)
        return pandas.DataFrame(whole)

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def __str__(self) -> str:
        return f"<stdyn.Histories>\n{self.text()}"

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)

    def text(self) -> str:
        """What it is, how far it is and what came out, in lines.

        Returns
        -------
        str
            What `print` shows.
        """
        return listing(self._lines()) + f"\n\n{results(self.histories)}"

    def _lines(self) -> dict[str, str]:
        parameters = {name: value for name, value in self.description.items() if name not in ("images", "widths")}
        return {
            "what": f"{_size(self)}, {self.epochs_done.sum()} of {len(self.rules) * self.epochs} epochs",
            "parameters": ", ".join(f"{name} = {value}" for name, value in parameters.items() if value is not None),
            "images": f"{self.attributes['training_examples']} to train with",
            "sha256": str(self.description["images"]),
            "wall_time": f"{np.nansum(self.wall_time):.0f} s",
        } | {name: str(self.attributes[name]) for name in ("created", "versions")}  # fmt: skip


def _size(trained: Any) -> str:
    return f"{counted(len(trained.rules), 'network')} {'-'.join(map(str, trained.widths))}"


def _line(trained: Any) -> str:
    """In one line, of what is known without a look into the file."""
    rules = ", ".join(dict.fromkeys(trained.rules))
    done = f"{trained.epochs_done.sum()} of {len(trained.rules) * trained.epochs} epochs"
    return f"{trained.path.name}: {_size(trained)} by {rules}, {done}"


def _card(trained: Any) -> str:
    """For a notebook: the lines, the table of errors, and the test error of each rule as a curve."""
    lines = {name: message(text, 300) for name, text in trained._lines().items()}
    rows, diverged = _rows(trained.histories)
    means = {}
    for rule in dict.fromkeys(trained.rules):
        errors = [each.test_error for each in trained.histories if each.rule == rule]
        shortest = min(map(len, errors), default=0)
        means[rule] = np.mean([each[:shortest] for each in errors], axis=0) if shortest else np.empty(0)
    longest = max(map(len, means.values()), default=0)
    curves = [np.pad(each, (0, longest - len(each)), constant_values=np.nan).tolist() for each in means.values()]
    said = f"test error against epochs, mean over networks: {', '.join(means)}"
    return html.card(
        f"Histories, {trained.path.name}: {lines.pop('what')}",
        html.table(rows),
        html.lines([*diverged, _NOTE]),
        html.sparkline(list(range(longest)), curves, said, logarithmic=False),
        html.listing(lines),
    )


def _records_of(run: int, history: History) -> list[dict[str, Any]]:
    """The columns of a network, record by record."""
    found = []
    for recorded, at in ((RECORDS, "epoch"), (ALIGNMENTS, "alpha")):
        for name, (axes, _) in recorded.items():
            values = np.asarray(getattr(history, name))
            n, width = values.size, values.size // max(len(values), 1)
            part = _blank(n) | {"value": values.ravel()}
            part["run"][:], part["rule"][:], part["quantity"][:] = run, history.rule, name
            part["seed"][:] = -1 if history.seed is None else history.seed
            part[at][:] = np.repeat(history.epochs if at == "epoch" else history.alphas, width)
            if axes and n:
                part["i"][:] = np.tile(np.arange(width) + _FIRST[axes[0]], len(values))
            found.append(part)
    return found


def _blank(n: int = 0) -> dict[str, Any]:
    """The columns of n rows of which nothing is said."""
    numbers, texts = (lambda: np.full(n, -1)), (lambda: np.full(n, "", dtype=object))
    return {
        "run": numbers(), "rule": texts(), "seed": numbers(), "epoch": numbers(), "alpha": np.full(n, np.nan),
        "quantity": texts(), "i": numbers(), "value": np.full(n, np.nan),
    }  # fmt: skip


def results(histories: list[History]) -> str:
    """A table of the errors in per cent after the last epoch: mean and standard deviation over networks of a rule."""
    rows, diverged = _rows(histories)
    return "\n".join([columns(rows), *diverged, _NOTE])


def _rows(histories: list[History]) -> tuple[list[tuple[str, ...]], list[str]]:
    """The rows of the table, and a line for each network that diverged."""
    errors = (f"{name:>13}" for name in ("training", "test", "test - training", "lowest test"))
    rows = [("rule  ", "networks", "epochs", *errors)]
    for rule in dict.fromkeys(each.rule for each in histories):
        some = [each for each in histories if each.rule == rule and each.diverged is None]
        if some:
            rows.append((f"{rule:<6}", str(len(some)), *_results_of(some)))
    diverged = [
        f"{each.rule:<6}seed {each.seed}: diverged at epoch {each.diverged[0]}, batch {each.diverged[1]}"
        for each in histories
        if each.diverged is not None
    ]
    return rows, diverged


def _results_of(histories: list[History]) -> list[str]:
    """The numbers of epochs and the errors of some networks in words."""
    epochs = {len(each.epochs) - 1 for each in histories}
    train = 100 * np.array([each.train_error[-1] for each in histories])
    test = 100 * np.array([each.test_error[-1] for each in histories])
    lowest = 100 * np.array([each.test_error.min() for each in histories])
    said = "–".join(map(str, sorted({min(epochs), max(epochs)})))
    return [said, *(_spread(values) for values in (train, test, test - train, lowest))]


def _spread(values: Array) -> str:
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")
