"""The file of trainings: how it is made, written epoch by epoch, grown, and read (docs/format.md)."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stdyn.checks import check_path, integer
from stdyn.errors import InputError, NotWritten
from stdyn.files.format import Variables, check_kind, to_dataset
from stdyn.files.paths import ROOM, check_target, exists, replace, reserved, temporary
from stdyn.files.provenance import check_same, provenance
from stdyn.files.table import Columns, Table, create_table, look, writing
from stdyn.layered.blas import Array
from stdyn.layered.epochs import Diverged
from stdyn.layered.history import (
    ALIGNMENTS,
    RECORDS,
    EpochRecords,
    History,
    Records,
    blank_records,
    history_until,
    put_records,
    recorded_alphas,
)
from stdyn.layered.mnist import Images
from stdyn.layered.network import Network
from stdyn.layered.training import Training
from stdyn.layered.trainingforms import Forms
from stdyn.layered.trainingschema import Checked
from stdyn.stopping import uninterrupted
from stdyn.values import Frozen

if TYPE_CHECKING:
    import xarray

_PAUSE = 0.2  # seconds between two commits, at least; epochs of real images take longer


class Histories(Forms, Frozen):
    """The trainings in a file, finished or not.

    Attributes
    ----------
    path : pathlib.Path
        Of the file.
    rules, seeds : list
        Rule and seed of every network.
    widths : tuple of int
        Those of the layers, inputs and outputs with them.
    epochs : int
        How many there are to be.
    epochs_done : ndarray, shape (runs,)
        How many are done of each network.
    training : Training
        The parameters; if rules and seeds were added later, not all of their combinations may be there.
    description : dict
        Those that are the same for all networks.
    attributes : dict
        Of the file: versions, when it was made.
    wall_time : ndarray, shape (runs,)
        Seconds that the epochs took.
    diverged : list
        For each network None, or epoch and batch in which it diverged.

    See Also
    --------
    train : Makes it.
    open_training : Reads it.
    layerplot.figures : All of its figures.

    Notes
    -----
    Two are equal if what was trained is, and what came out of it.

    Examples
    --------
    >>> trained = stdyn.train(stdyn.Training(widths=5, epochs=2, seeds=1), "few.h5", data="images")
    >>> trained
    <Histories few.h5: 2 networks 36-5-4 by fa, bp, 4 of 4 epochs>
    >>> trained.histories[0].test_error.shape
    (3,)
    >>> [B.shape for B in trained.feedback(0)], trained.feedback(1)
    ([(5, 4)], None)
    >>> trained.to_xarray()["test_error"].dims
    ('run', 'epoch')
    >>> print(trained.text())
    what             2 networks 36-5-4, 4 of 4 epochs
    ...
    """

    path: Path
    attributes: dict[str, Any]
    description: dict[str, Any]
    training: Training
    rules: list[str]
    seeds: list[int]
    epochs: int
    epochs_done: Array
    wall_time: Array
    diverged: list[tuple[int, int] | None]
    widths: tuple[int, ...]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._set(path=check_path("path", path))
        look(self.path, self._open)

    def _open(self, table: Table) -> Checked:
        check_kind(self.path, table.attributes, "training")
        checked = Checked(table)
        of = checked.columns
        diverged = [
            (int(epoch), int(batch)) if epoch else None
            for epoch, batch in zip(of["diverged_epoch"], of["diverged_batch"], strict=True)
        ]
        self._set(attributes=checked.attributes, description=checked.description, training=checked.training)
        self._set(rules=of["rule"].tolist(), seeds=of["seed"].tolist(), diverged=diverged, widths=checked.widths)
        self._set(epochs=checked.epochs, epochs_done=of["epochs_done"], wall_time=of["wall_time"])
        return checked

    def __len__(self) -> int:
        return len(self.rules)

    def _compared(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("training", "description", "epochs_done", "histories")}

    @cached_property
    def histories(self) -> list[History]:
        """The history of every network that has begun."""
        return look(self.path, self._histories)

    def _histories(self, table: Table) -> list[History]:
        checked = self._open(table)  # epochs may have been added
        every = [_records(table, checked, run) for run in range(len(self))]
        alphas, P = checked.read(table, "alpha"), self.attributes["training_examples"]
        return [
            history_until(
                int(self.epochs_done[run]), records, alphas, P, _network(table, checked, run),
                rule=self.rules[run], seed=self.seeds[run], lr=self.training.lr, batch=self.training.batch,
                diverged=self.diverged[run],
            )
            for run, records in enumerate(every)
            if not np.isnan(records["test_error"][0])
        ]  # fmt: skip

    def feedback(self, run: int) -> tuple[Array, ...] | None:
        """The feedback matrices of a network.

        Parameters
        ----------
        run : int
            The number of the network, from the end if it is negative.

        Returns
        -------
        tuple of ndarray, or None
            One for each hidden layer; None for backpropagation.
        """
        run = range(len(self))[integer("run", run, -len(self), len(self) - 1)]
        return self.training.feedback(self.rules[run], self.seeds[run], self.widths)

    def to_xarray(self) -> "xarray.Dataset":
        """Everything in the file with named axes.

        Returns
        -------
        xarray.Dataset
            In which rule and seed are coordinates of `run`.

        See Also
        --------
        to_dataframe : What was recorded, as a table.
        """
        made = look(self.path, lambda table: to_dataset(table.variables(), table.attributes))
        return made.set_coords(["rule", "seed"])


def open_training(path: str | os.PathLike[str]) -> Histories:
    """The trainings in a file, finished or not.

    Parameters
    ----------
    path : str or os.PathLike
        Of the file.

    Returns
    -------
    Histories
        What is in it is read when asked for.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, not from stdyn, or holds something else.

    See Also
    --------
    train : Makes the file, or goes on with it.
    load : Reads trajectories.

    Examples
    --------
    >>> trained = stdyn.train(stdyn.Training(widths=5, epochs=1, seeds=1), "again.h5", data="images")
    >>> stdyn.open_training("again.h5") == trained
    True
    """
    return Histories(path)


# ---------------------------------------------------------------------------------------------------------------------
# Writing


class State:
    """The networks and records of a file that is being written."""

    def __init__(self, table: Table) -> None:
        self.table, self.next = table, 0.0
        checked = Checked(table)
        of = checked.columns
        self.rules, self.seeds = of["rule"].tolist(), of["seed"].tolist()
        self.done, self.diverged, self.seconds = of["epochs_done"], of["diverged_epoch"] > 0, of["wall_time"]
        self.epochs = checked.epochs
        self.records = [_records(table, checked, run) for run in range(len(self.rules))]
        begun = [not np.isnan(records["test_error"][0]) for records in self.records]
        self.networks = [_network(table, checked, run) if there else None for run, there in enumerate(begun)]

    def position(self, rule: str, seed: int) -> int:
        return list(zip(self.rules, self.seeds, strict=True)).index((rule, seed))

    def todo(self) -> list[int]:
        """The networks that have epochs before them."""
        return [run for run in range(len(self.done)) if self.unfinished(run)]

    def unfinished(self, run: int) -> bool:
        """Whether a network has epochs before it."""
        return bool(self.done[run] < self.epochs and not self.diverged[run])

    def next_epoch(self, run: int) -> int:
        """The epoch that comes next for a network; 0 is its start."""
        return 0 if self.networks[run] is None else int(self.done[run]) + 1

    def put(self, run: int, network: Network, records: EpochRecords, seconds: float) -> None:
        """Write an epoch of a network; Ctrl-C waits until it is whole."""
        with uninterrupted():
            self._put(run, network, records, seconds)

    def _put(self, run: int, network: Network, records: EpochRecords, seconds: float) -> None:
        epoch = self.next_epoch(run)
        put_records(self.records[run], epoch, records)
        self.networks[run], self.done[run] = network, epoch
        self.seconds[run] = np.nan_to_num(self.seconds[run]) + seconds
        row = {"epochs_done": epoch, "wall_time": self.seconds[run]} | self.records[run]
        row |= {f"W{l}": W for l, W in enumerate(network.W, 1)}
        row |= {f"b{l}": bias for l, bias in enumerate(network.b, 1)}
        self.table.put({run: {name: value for name, value in row.items() if np.size(value)}})
        if time.monotonic() >= self.next:
            self.commit()

    def diverge(self, run: int, error: Diverged) -> None:
        """Write where a network has diverged."""
        with uninterrupted():
            self.diverged[run] = True
            self.table.put({run: {"diverged_epoch": error.epoch, "diverged_batch": error.batch}})
            self.commit()

    def commit(self) -> None:
        """Make permanent what was put; not sooner than a reader needs to read what was committed before."""
        self.table.commit()
        self.next = time.monotonic() + _PAUSE

    def said(self, path: Path) -> str:
        """How far it is, in words."""
        return f"{self.done.sum()} epochs of {len(self.done)} networks are in {path}; the same call goes on from there"


@contextmanager
def opened(path: Path, training: Training, images: Images, overwrite: bool) -> Iterator[Table]:
    """The file of a training, made, gone on with, or with room for what is new; no other process has it meanwhile."""
    with ExitStack() as stack:
        with reserved(path):
            if not exists(path):
                create(path, training.runs, training, images)
            elif overwrite:
                with writing(path, "training"):  # so that nobody else is
                    create(path, training.runs, training, images, overwrite)
            table = stack.enter_context(writing(path, "training"))
            runs = _runs_in(table, training, images)
            every = [*runs, *(run for run in training.runs if run not in runs)]
            if len(every) > len(runs) or training.epochs > table.shape("epoch")[0] - 1:
                _grow(path, table, every, training, images)
                stack.close()
                table = stack.enter_context(writing(path, "training"))
        yield table


def _runs_in(table: Table, training: Training, images: Images) -> list[tuple[str, int]]:
    """Rule and seed of every network in a file; refuses one of another training, or of more epochs."""
    there, path = Checked(table), table.path
    check_same(path, there.attributes, there.description, _description(training, images))
    if training.epochs < there.epochs:
        done = sorted({int(count) for count in there.columns["epochs_done"]})
        count = " to ".join(map(str, sorted({done[0], done[-1]})))
        raise InputError(
            f"epochs must be at least the {there.epochs} that {path} was begun for, of which {count} are done, but is"
            f" {training.epochs}"
        )
    return list(zip(there.columns["rule"].tolist(), there.columns["seed"].tolist(), strict=True))


def create(
    path: Path, runs: list[tuple[str, int]], training: Training, images: Images, overwrite: bool = False, **made: str
) -> None:
    """A file in which every epoch of these runs is still to be done; `made` says what is not of now."""
    axes = _axes(len(runs), training, images)
    others: Variables = {name: ((name,), *both) for name, both in axes.items() if len(both[0])}
    description = json.dumps(_description(training, images))
    others |= {
        "rule": (("run",), np.array([rule for rule, _ in runs], dtype=object), "learning rule"),
        "seed": (("run",), np.array([seed for _, seed in runs]), "seed of weights, feedback and order"),
        "description": ((), np.array(description, dtype=object), "what is trained, JSON"),
    }
    attributes = {"kind": "training", "coordinates": "rule seed", "training_examples": len(images.train_images)}
    attributes |= provenance(**made)
    create_table(
        path, len(runs), _columns_of_networks(len(axes["layer"][0])), others, attributes, overwrite, axis="run"
    )


def _axes(runs: int, training: Training, images: Images) -> dict[str, tuple[np.ndarray, str]]:
    """The axes of the file: values, and what they are. Without a hidden layer that of these is empty."""
    widths, epochs = training.layers(images), training.epochs
    L = len(widths) - 1
    axes: dict[str, tuple[np.ndarray, str]] = {
        "run": (np.arange(runs), "number of the network"),
        "epoch": (np.arange(epochs + 1), "number of passes over the images; 0: before the first step"),
        "alpha": (recorded_alphas(len(images.train_images), widths[0], training.batch, epochs), "examples / inputs"),
        "hidden": (np.arange(1, L), "number of the hidden layer"),
        "layer": (np.arange(1, L + 1), "number of the layer"),
        "output": (np.arange(widths[-1]), "class"),
    }
    return axes | {f"unit_{l}": (np.arange(width), f"units of layer {l}") for l, width in enumerate(widths)}


def _columns_of_networks(L: int) -> Columns:
    """What the file holds of every network with L layers."""
    table: Columns = {
        "epochs_done": ((), np.int64, "number of epochs that are done"),
        "diverged_epoch": ((), np.int64, "epoch in which it diverged; 0: it did not"),
        "diverged_batch": ((), np.int64, "batch of that epoch, from 1"),
        "wall_time": ((), float, "seconds that the epochs took"),
    }
    table |= {name: (("epoch", *axes), float, meaning) for name, (axes, meaning) in RECORDS.items()}
    table |= {name: (("alpha", *axes), float, meaning) for name, (axes, meaning) in ALIGNMENTS.items()}
    for l in range(1, L + 1):
        shape = (f"unit_{l}", f"unit_{l - 1}")
        table[f"W{l}"] = (shape, np.float32, f"weights of layer {l} after the last epoch done")
        table[f"b{l}"] = (shape[:1], np.float32, f"biases of layer {l} after the last epoch done")
    return {name: column for name, column in table.items() if L > 1 or "hidden" not in column[0]}


def _description(training: Training, images: Images) -> dict[str, Any]:
    """What all networks of a file share."""
    return training.fixed() | {"images": images.sha256}


def _grow(path: Path, table: Table, runs: list[tuple[str, int]], training: Training, images: Images) -> None:
    """Put a file with room for more networks or epochs, and all that is in the table, in the place of the file."""
    check_target(path, overwrite=True, room=max(ROOM, path.stat().st_size))
    larger = temporary(path)
    names = [name for name in table.names() if table.axes(name)[:1] == ("run",) and name not in ("run", "rule", "seed")]
    try:
        made = {name: table.attributes[name] for name in ("created", "versions")}
        create(larger, runs, training, images, **made)
        with Table(larger, writable=True) as new:
            for run in range(len(table.read("run"))):
                row = {name: table.read(name, run) for name in names}
                records = blank_records(training.layers(images), training.epochs, len(new.read("alpha")))
                for name in row.keys() & records.keys():
                    records[name][: len(row[name])] = row[name]
                new.put({run: row | {name: records[name] for name in row.keys() & records.keys()}})
            new.commit()
        replace(larger, path)
    except OSError as error:
        why = error.why if isinstance(error, NotWritten) else error.strerror or str(error)
        raise NotWritten(f"{path} cannot be written: {why}; it is as it was", why=why) from error
    finally:
        larger.unlink(missing_ok=True)


def _records(table: Table, checked: Checked, run: int) -> Records:
    """All records of a network."""
    values = blank_records(checked.widths, checked.epochs, checked.sizes["alpha"])
    found = {name: checked.read(table, name, run) if name in table.names() else empty for name, empty in values.items()}
    checked.check_records(table.path, run, found)
    return found


def _network(table: Table, checked: Checked, run: int) -> Network:
    """The network after its last epoch."""
    layers = range(1, len(checked.widths))
    W, biases = (tuple(checked.read(table, f"{name}{l}", run) for l in layers) for name in "Wb")
    return Network(W, biases)
