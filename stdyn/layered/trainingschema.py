"""What the file of trainings must hold (docs/format.md): its schema, and what its parts say of each other."""

from typing import Any

import numpy as np

from stdyn.errors import InputError
from stdyn.files.schema import (
    INTEGERS,
    PROVENANCE,
    AnyPath,
    Expected,
    Schema,
    check,
    counted,
    entry,
    json_object,
    read,
    refusing,
)
from stdyn.files.table import Table
from stdyn.layered.history import ALIGNMENTS, RECORDS
from stdyn.layered.network import RULES
from stdyn.layered.training import GROWS, Training
from stdyn.text import shown

_MOST_LAYERS = 10**3
_ATTRIBUTES = {
    "coordinates": Expected("text", choices=("rule seed",)),
    "training_examples": Expected("integer", least=1, most=2**53),
    **PROVENANCE,
}
_ENDS = {"error": (0, 1), "loss": (0, np.inf), "angle": (0, 180 + 1e-6), "alignment": (-1 - 1e-6, 1 + 1e-6)}


class Checked:
    """What the schema has made of an open file of trainings.

    Attributes
    ----------
    attributes, description : dict
    schema : Schema
        By which its variables are read.
    sizes : dict of int
        The lengths of the axes.
    columns : dict of ndarray
        "rule", "seed", "epochs_done", "diverged_epoch", "diverged_batch", "wall_time" of every network.
    epochs : int
        How many there are to be.
    widths : tuple of int
        (n_0, …, n_L).
    """

    def __init__(self, table: Table) -> None:
        self.description = json_object(table.path, "description", str(table.read("description")))
        self.schema = schema(table)
        self.attributes, self.sizes = check(table, self.schema)
        for name, each in self.schema.variables.items():
            if each.axes == (name,) and name in table.names():
                read(table, name, each)
        self.columns = {name: self.read(table, name) for name in _COLUMNS}
        self.epochs = self.sizes["epoch"] - 1
        self.widths = tuple(self.sizes[f"unit_{l}"] for l in range(self.sizes["layer"] + 1))
        self.training = self._training(table.path)
        self._check_progress(table.path)

    def read(self, table: Table, name: str, run: Any = ()) -> np.ndarray:
        """A variable of the open file, checked; or that of a network."""
        return read(table, name, self.schema.variables[name], run)

    def _training(self, path: AnyPath) -> Training:
        """The parameters; if rules and seeds were added later, not all of their combinations may be there."""
        rules, seeds = self.columns["rule"].tolist(), self.columns["seed"].tolist()
        if len(set(zip(rules, seeds, strict=True))) < len(rules) or not rules:
            raise InputError(
                f"{path}: rule and seed must name every network once, but are {shown(rules)}, {shown(seeds)}"
            )
        values = dict(self.description)
        entry(path, "description: images", values.pop("images", None), str)
        for name in (name for name in GROWS if name in values):
            raise InputError(f"{path}: description must not hold {name}, of which the file has more")
        with refusing(path):
            found = Training(
                rule=list(dict.fromkeys(rules)), seeds=list(dict.fromkeys(seeds)), epochs=self.epochs, **values
            )
        if found.widths != self.widths[1:-1]:
            raise InputError(f"{path}: description: widths are {shown(found.widths)}, but those of W are {self.widths}")
        return found

    def _check_progress(self, path: AnyPath) -> None:
        for name in ("epochs_done", "diverged_epoch"):
            wrong = np.flatnonzero(self.columns[name] > self.epochs)
            if wrong.size:
                value = self.columns[name][wrong[0]]
                raise InputError(f"{path}: {name}[{wrong[0]}] must be at most the {self.epochs} epochs, but is {value}")
        epoch, batch, done = (self.columns[name] for name in ("diverged_epoch", "diverged_batch", "epochs_done"))
        wrong = np.flatnonzero(((epoch > 0) != (batch > 0)) | ((epoch > 0) & (epoch != done + 1)))
        if wrong.size:
            run = wrong[0]
            raise InputError(
                f"{path}: diverged_epoch must be that after epochs_done, or 0 like diverged_batch, but network {run}"
                f" has diverged_epoch {epoch[run]}, diverged_batch {batch[run]} and epochs_done {done[run]}"
            )

    def check_records(self, path: AnyPath, run: int, records: dict[str, np.ndarray]) -> None:
        """Refuse records of a network that are missing of epochs that are done."""
        done = int(self.columns["epochs_done"][run])
        begun = not np.isnan(records["test_error"][0])
        if done and not begun:
            raise InputError(f"{path}: epochs_done[{run}] is {done}, but there is no test_error of its start")
        for name in ("train_error", "test_error", "train_loss", "test_loss") if begun else ():
            there = np.isfinite(records[name])
            if not there[: done + 1].all() or there[done + 1 :].any():
                raise InputError(
                    f"{path}: {name} of network {run} must be there for epochs 0 to {done}, which are done, and for no"
                    f" others, but is for {shown(np.flatnonzero(there).tolist())}"
                )


_COLUMNS = ("rule", "seed", "epochs_done", "diverged_epoch", "diverged_batch", "wall_time")


def schema(table: Table) -> Schema:
    """Of networks with as many layers as the file says."""
    there = table.names()
    L = table.shape("layer")[0] if "layer" in there and len(table.shape("layer")) == 1 else 1
    if not 1 <= L <= _MOST_LAYERS:
        raise InputError(f"{table.path}: layer must count from 1 to at most {_MOST_LAYERS}, but has {L} values")
    expected = {
        "run": counted("run", needed=True),
        "epoch": counted("epoch", needed=True),
        "alpha": Expected(axes=("alpha",), least=0, most=1e30, increasing=True),
        "layer": counted("layer", 1, needed=True),
        "output": counted("output", needed=True),
        "description": Expected("JSON"),
        "rule": Expected("text", ("run",), choices=RULES),
        "seed": Expected("integer", ("run",), **INTEGERS),
        **{name: Expected("integer", ("run",), **INTEGERS) for name in _COLUMNS[2:5]},
        "wall_time": Expected(axes=("run",), least=0, nan=True),
    }
    expected |= {"hidden": counted("hidden", 1, needed=True)} if L > 1 else {}
    expected |= {f"unit_{l}": counted(f"unit_{l}", needed=True) for l in range(L + 1)}
    for time, recorded in (("epoch", RECORDS), ("alpha", ALIGNMENTS)):
        for name, (axes, _) in recorded.items():
            if L > 1 or "hidden" not in axes:
                least, most = _ENDS[name.rpartition("_")[2]]
                expected[name] = Expected(axes=("run", time, *axes), least=least, most=most, nan=True)
    for l in range(1, L + 1):
        units = f"unit_{l}", f"unit_{l - 1}"
        expected[f"W{l}"] = Expected(axes=("run", *units), least=-1e30, most=1e30, dtype=np.float32)
        expected[f"b{l}"] = Expected(axes=("run", units[0]), least=-1e30, most=1e30, dtype=np.float32)
    return Schema("training", expected, _ATTRIBUTES)
