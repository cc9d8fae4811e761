"""The history of a training: what is recorded of it, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stdyn import html, showing
from stdyn.checks import check_type
from stdyn.layered.blas import Array
from stdyn.layered.network import Network, check_rule
from stdyn.values import Frozen

RECORDS = {  # at the end of every epoch: name -> (axes after the epoch, what it is)
    "train_error": ((), "fraction of the training images that get the wrong class"),
    "test_error": ((), "fraction of the test images that get the wrong class"),
    "train_loss": ((), "mean cross-entropy of the training images, nats"),
    "test_loss": ((), "mean cross-entropy of the test images, nats"),
    "weight_angle": (("hidden",), "angle between the way back of backpropagation and the feedback matrix, degrees"),
    "output_angle": (("output",), "angle between the vector of an output and its feedback vector, degrees"),
    "update_angle": (
        ("layer",),
        "angle between the change of W and that of backpropagation, mean of the epoch, degrees",
    ),
    "delta_angle": (("layer",), "angle between delta and that of backpropagation, mean of the epoch, degrees"),
}
ALIGNMENTS = {  # after some numbers of examples: name -> (axes after alpha, what it is)
    "alignment": (("hidden",), "cosine of weight_angle"),
    "output_alignment": (("output",), "cosine of output_angle"),
}

_A_DECADE = 12  # alphas at which the alignment is recorded

Records = dict[str, NDArray[np.float64]]  # of a whole training, by name


@dataclass(frozen=True, eq=False)
class EpochRecords(Frozen):
    """What is recorded of one epoch: RECORDS at its end, and ALIGNMENTS at the alphas from number `first` on."""

    at_end: Mapping[str, float | Array]
    alignments: Mapping[str, Array]
    first: int


@dataclass(frozen=True, eq=False, repr=False)
class History(Frozen):
    """What a training came to, epoch by epoch.

    Attributes
    ----------
    rule : {"bp", "fa", "dfa"}
        What errors went back through.
    lr, batch : float, int
        The learning rate, and the number of images of a step.
    network : Network
        After the last epoch.
    epochs : ndarray, shape (E+1,)
        0 (before the first step), 1, …, E.
    train_error, test_error : ndarray, shape (E+1,)
        Fraction of the images that get the wrong class.
    train_loss, test_loss : ndarray, shape (E+1,)
        Mean cross-entropy in nats.
    weight_angle : ndarray, shape (E+1, L-1)
        Of each hidden layer the angle in degrees between its feedback matrix and W^{l+1} transposed ("fa") or
        W^{l+1}^T … W^L^T ("dfa"), as vectors. Zero for "bp".
    output_angle : ndarray, shape (E+1, n_L)
        Of each output the angle between its vector in W^L and its column of the last feedback matrix.
    update_angle, delta_angle : ndarray, shape (E+1, L)
        Of each layer the angle between the change of W and that of backpropagation for the same network and batch, and
        between the delta of an example and that of backpropagation: means over batches of the epoch. NaN at epoch 0.
    alphas : ndarray, shape (A,)
        Examples / inputs, 0 and twelve a decade.
    alignment, output_alignment : ndarray, shapes (A, L-1), (A, n_L)
        The cosines of `weight_angle` and `output_angle` at these alphas.
    diverged : None, or tuple of (int, int)
        Epoch and batch, from 1, in which the cross-entropy grew without bound. The history ends with the epoch before.
    seed : int, optional
        Of the training, if `stdyn.Training` made it.

    See Also
    --------
    train : Trains many networks into a file.
    layered.train : Trains one.

    Examples
    --------
    >>> trained = stdyn.train(stdyn.Training(widths=5, epochs=2, seeds=1), "few.h5", data="images")
    >>> trained.histories[0]
    <History fa, 36-5-4, seed 1: 2 epochs, 72.00 % of the test images wrong>
    >>> trained.histories[0].weight_angle.shape
    (3, 1)
    """

    rule: str
    lr: float
    batch: int
    network: Network
    epochs: NDArray[np.int64]
    train_error: Array
    test_error: Array
    train_loss: Array
    test_loss: Array
    weight_angle: Array
    output_angle: Array
    update_angle: Array
    delta_angle: Array
    alphas: Array
    alignment: Array
    output_alignment: Array
    diverged: tuple[int, int] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        check_rule(self.rule)
        check_type("network", self.network, Network)
        super().__post_init__()

    @property
    def widths(self) -> tuple[int, ...]:
        """(n_0, …, n_L)."""
        return self.network.widths

    def __repr__(self) -> str:
        return showing.line(self, _line)

    def _repr_html_(self) -> str:
        return showing.in_notebook(self, _card)


def _line(history: History) -> str:
    """In one line: which network, how far, and how good."""
    seed = "" if history.seed is None else f", seed {history.seed}"
    widths = "-".join(map(str, history.widths))
    ended = "" if history.diverged is None else f", diverged at epoch {history.diverged[0]}"
    errors = f"{100 * history.test_error[-1]:.2f} % of the test images wrong"
    return f"{history.rule}, {widths}{seed}: {len(history.epochs) - 1} epochs, {errors}{ended}"


def _card(history: History) -> str:
    """For a notebook: the parameters, and the errors as curves."""
    lines = {
        "rate": f"lr = {history.lr:g}, batch = {history.batch}",
        "wrong at the end": f"{100 * history.train_error[-1]:.2f} % of the training images,"
        f" {100 * history.test_error[-1]:.2f} % of the test images",
    }
    if history.diverged is not None:
        lines["diverged"] = f"at epoch {history.diverged[0]}, batch {history.diverged[1]}"
    curves = [history.test_error.tolist(), history.train_error.tolist()]
    said = "test error and training error (dashed) against epochs"
    curve = html.sparkline(history.epochs.tolist(), curves, said, logarithmic=False)
    return html.card(f"History, {_line(history)}", html.listing(lines), curve)


def recorded_steps(last: int) -> NDArray[np.int64]:
    """The numbers of steps after which the alignment is recorded: 0, and twelve a decade up to `last`."""
    decades = np.arange(np.ceil(_A_DECADE * np.log10(max(last, 1))) + 1) / _A_DECADE
    steps = np.unique(np.rint(10**decades).astype(np.int64))
    return np.concatenate([[0], steps[steps <= last]])


def recorded_alphas(P: int, n: int, batch: int, epochs: int) -> NDArray[np.float64]:
    """The same as alphas: examples / inputs, of P examples an epoch and n inputs."""
    an_epoch = -(-P // batch)
    epoch, step = np.divmod(recorded_steps(epochs * an_epoch), an_epoch)
    return (epoch * P + np.minimum(step * batch, P)) / n


def blank_records(widths: Sequence[int], epochs: int, alphas: int) -> Records:
    """Room for all records of the epochs from 0 on, by name; NaN."""
    sizes = {"hidden": len(widths) - 2, "layer": len(widths) - 1, "output": widths[-1]}
    room = {name: (epochs + 1, axes) for name, (axes, _) in RECORDS.items()}
    room |= {name: (alphas, axes) for name, (axes, _) in ALIGNMENTS.items()}
    return {name: np.full((first, *(sizes[axis] for axis in axes)), np.nan) for name, (first, axes) in room.items()}


def put_records(values: Records, epoch: int, records: EpochRecords) -> None:
    """Fill in the records of an epoch."""
    for name, value in records.at_end.items():
        values[name][epoch] = value
    for name, cosines in records.alignments.items():
        if len(cosines):
            values[name][records.first : records.first + len(cosines)] = cosines


def history_until(
    epoch: int, values: Records, alphas: Array, P: int, network: Network, *, rule: str, lr: float, batch: int,
    diverged: tuple[int, int] | None = None, seed: int | None = None,
) -> History:  # fmt: skip
    """The history until the end of an epoch, of P examples each."""
    there = alphas * network.widths[0] <= epoch * P * (1 + 1e-12)
    return History(
        rule, lr, batch, network, np.arange(epoch + 1), alphas=alphas[there], diverged=diverged, seed=seed,
        **{name: values[name][: epoch + 1] for name in RECORDS},
        **{name: values[name][there] for name in ALIGNMENTS},
    )  # fmt: skip
