"""The training of a layered network by BP, FA and DFA, epoch by epoch: one pass over the images, or all of them.

A second thread helps with large batches only (blas.py); several networks are trained side by side (runs.py).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stdyn.checks import RngLike, frozen_array, integer, number, spawning
from stdyn.errors import DivergenceWarning, InputError, TrainingInterrupted
from stdyn.executors import cores
from stdyn.layered.angles import feedback_angles, mean, update_angles
from stdyn.layered.blas import Array, Compute, side_by_side
from stdyn.layered.extra import thread_limits
from stdyn.layered.history import (
    ALIGNMENTS,
    EpochRecords,
    History,
    blank_records,
    history_until,
    put_records,
    recorded_alphas,
    recorded_steps,
)
from stdyn.layered.mnist import Images
from stdyn.layered.network import (
    Network,
    add_step,
    backward,
    check_rule,
    feedback_shapes,
    forward,
    inputs,
    output_error,
    way_back,
)
from stdyn.progress import bar
from stdyn.stopping import stoppable
from stdyn.text import shown

_DIVERGED = 100.0  # cross-entropy of a batch, in units of that of guessing, log(number of classes)
_TOGETHER = 1000  # images whose error is taken at once


@dataclass(frozen=True, eq=False)
class Setup:
    """What all epochs of a training have in common; `train_network` says what each is."""

    images: Images
    rule: str
    feedback: Sequence[Array] | None
    batch: int
    measured: int
    lr: float
    threads: int


def train_network(
    network: Network,
    images: Images,
    rule: str = "bp",
    feedback: Sequence[Array] | None = None,
    *,
    epochs: int,
    lr: float,
    batch: int = 10,
    rng: RngLike,
    measured: int = 200,
    threads: int | None = None,
    progress: bool = False,
) -> History:
    """Train a network by SGD: W^l -= lr times the mean of delta^l h^{l-1}^T over a batch (theory.md, section 8).

    Parameters
    ----------
    network : Network
        The start; it is not changed, so that several rules can start from the same one.
    images : Images
        What to train and test with, e.g. `stdyn.mnist.load()`.
    rule : {"bp", "fa", "dfa"}, default "bp"
        Backpropagation, feedback alignment, or direct feedback alignment.
    feedback : sequence of ndarray
        The matrices B of the hidden layers (`random_feedback`); needed for "fa" and "dfa", refused for "bp".
    epochs : int
        Passes over the images, each in a random order.
    lr : float
        Learning rate.
    batch : int, default 10
        Images of a step; 1 is example by example. What is left over at the end of an epoch is a smaller batch.
    rng : int or numpy.random.Generator
        Every epoch spawns the generator of its order from it.
    measured : int, default 200
        Number of batches of each epoch whose updates are compared with those of backpropagation.
    threads : int, optional
        1 or 2, default: 2 where there are as many cores. Has no influence on the result.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    History
        Errors, losses and angles after every epoch, and the network after the last one.

    Raises
    ------
    InputError
        Naming the argument, its value and what was expected; or if threadpoolctl, of the extra `mnist`, is not
        installed.
    TrainingInterrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt; its `history` has the epochs that were done.

    Warns
    -----
    DivergenceWarning
        If the cross-entropy of a batch exceeds a hundred times that of guessing; the history ends before that epoch.

    See Also
    --------
    random_network, random_feedback, stdyn.train, stdyn.mnist.load

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> widths = [images.inputs, 20, images.classes]
    >>> network, B = stdyn.layered.random_network(widths, rng), stdyn.layered.random_feedback(widths, "fa", rng)
    >>> history = stdyn.layered.train(network, images, "fa", B, epochs=3, lr=0.1, rng=rng)
    >>> bool(history.test_error[-1] < history.test_error[0])
    True
    """
    thread_limits()  # what it takes is there
    check(network, images, rule, feedback)
    epochs, batch, measured = integer("epochs", epochs, 0), integer("batch", batch, 1), integer("measured", measured, 1)
    setup = Setup(images, rule, feedback, batch, measured, number("lr", lr), check_threads(threads))
    return _train(network, setup, spawning(rng).spawn(epochs), progress)


train = train_network  # its public name; stdyn.train, in runs.py, trains many networks into a file


def _train(network: Network, setup: Setup, generators: list[np.random.Generator], progress: bool) -> History:
    """Train for an epoch with each of these generators."""
    P, epochs = len(setup.images.train_images), len(generators)
    alphas = recorded_alphas(P, setup.images.inputs, setup.batch, epochs)
    values = blank_records(network.widths, epochs, len(alphas))
    until = partial(history_until, values=values, alphas=alphas, P=P, rule=setup.rule, lr=setup.lr, batch=setup.batch)
    done = 0
    with stoppable():
        try:
            put_records(values, 0, start_records(network, setup))
            for epoch, rng in enumerate(bar(progress, generators, unit=" epochs"), 1):
                after, records = train_epoch(network, setup, epoch, rng)
                put_records(values, epoch, records)
                network, done = after, epoch
        except Diverged as error:
            warnings.warn(f"{setup.rule} {error}; lr = {setup.lr:g} is too large", DivergenceWarning, stacklevel=3)
            return until(done, network=network, diverged=(error.epoch, error.batch))
        except KeyboardInterrupt:
            raise TrainingInterrupted(f"interrupted after {done} epochs", until(done, network=network)) from None
    return until(done, network=network)


def check_threads(threads: int | None) -> int:
    """The number of threads: 1 or 2; by default 2 where there are as many cores."""
    return min(2, cores()) if threads is None else integer("threads", threads, 1, 2)


def check(network: Network, images: Images, rule: str, feedback: Sequence[Array] | None) -> None:
    """Refuse a network that does not go with its images, or feedback that does not go with its network."""
    if not isinstance(network, Network):
        raise InputError(f"network must be a stdyn.layered.Network, but is {type(network).__name__}")
    if not isinstance(images, Images):
        raise InputError(f"images must be stdyn.mnist.Images, but is {type(images).__name__}")
    widths = network.widths
    if widths[0] != images.inputs or widths[-1] < images.classes:
        raise InputError(
            f"network must have the {images.inputs} inputs of the images and at least their {images.classes} classes as"
            f" outputs, but its widths are {widths}"
        )
    if (check_rule(rule) == "bp") != (feedback is None):
        needed = "refused (backpropagation goes back through W)" if rule == "bp" else "needed"
        raise InputError(f'feedback is {needed} with rule = "{rule}"')
    if not all(np.isfinite(each).all() for each in (*network.W, *network.b)):
        raise InputError("network must have finite weights and biases")
    if feedback is not None:
        if not isinstance(feedback, list | tuple):
            raise InputError(f"feedback must be a list or tuple of matrices, but is {shown(feedback)}")
        there = [frozen_array(f"feedback[{l}]", B, (2,)).shape for l, B in enumerate(feedback)]
        wanted = feedback_shapes(widths, rule)
        if there != wanted:
            raise InputError(f'feedback must have shapes {wanted} with rule = "{rule}", but has {there}')
        largest = max((np.abs(B).max() for B in feedback), default=0)
        if largest > np.finfo(network.W[0].dtype).max:
            raise InputError(f"feedback must be finite as {network.W[0].dtype}, but has entries of {largest:g}")


# ---------------------------------------------------------------------------------------------------------------------
# One epoch


def error_and_loss(
    network: Network, images: NDArray[np.uint8], labels: NDArray[np.uint8], compute: Compute
) -> tuple[float, float]:
    """The fraction of images that get the wrong class, and the mean cross-entropy (in nats)."""
    wrong, loss = 0, 0.0
    for at in range(0, len(images), _TOGETHER):
        some, right = images[at : at + _TOGETHER], labels[at : at + _TOGETHER]
        a = forward(network.W, network.b, inputs(some, network.W[0].dtype), compute)[-1]
        wrong += int((a.argmax(axis=1) != right).sum())
        loss += float(output_error(a, right)[1].sum(dtype=float))
    return wrong / len(images), loss / len(images)


def train_epoch(network: Network, setup: Setup, epoch: int, rng: np.random.Generator) -> tuple[Network, EpochRecords]:
    """One pass over the images to train with, in an order that `rng` draws: the network after it, and its records.

    `epoch` counts from 1; `measured` batches, evenly spread, are looked at for the angles of the updates. Raises
    Diverged.
    """
    images, rule, batch, dtype = setup.images, setup.rule, setup.batch, network.W[0].dtype
    W, biases = ([each.copy(order="F") for each in arrays] for arrays in (network.W, network.b))
    feedback = None if setup.feedback is None else [np.ascontiguousarray(B, dtype) for B in setup.feedback]
    back, direct = way_back(W, rule, feedback)  # W changes in place
    order = rng.permutation(len(images.train_images))
    steps = -(-len(order) // batch)
    before = (epoch - 1) * steps
    looked_at = set(np.linspace(0, steps - 1, min(setup.measured, steps)).astype(int).tolist())
    grid = recorded_steps(epoch * steps)
    first = int(np.searchsorted(grid, before, side="right"))
    recorded = set(grid[first:].tolist())
    most = _DIVERGED * np.log(max(2, len(W[-1])))
    of_updates: list[tuple[Array, Array]] = []
    of_weights: list[tuple[Array, Array]] = []
    with side_by_side(setup.threads) as compute, np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            some = order[step * batch : (step + 1) * batch]
            h = forward(W, biases, inputs(images.train_images[some], dtype), compute)
            error, loss = output_error(h[-1], images.train_labels[some])
            if not loss.mean() <= most:
                raise Diverged(epoch, step + 1, float(loss.mean()))
            delta = backward(h, error, back, direct)
            if step in looked_at and rule != "bp":
                of_updates.append(update_angles(h, delta, backward(h, error, W[1:])))
            add_step(W, biases, h, delta, setup.lr / len(some), compute)
            if before + step + 1 in recorded:
                of_weights.append(feedback_angles(W, rule, feedback))
        after = Network(tuple(W), tuple(biases))
        updates, deltas = mean(of_updates) if of_updates else np.zeros((2, len(W)))
        at_end = _at_end(after, images, feedback_angles(W, rule, feedback), compute)
        at_end |= {"update_angle": updates, "delta_angle": deltas}
    if not np.isfinite(at_end["train_loss"]):
        raise Diverged(epoch, steps, float(at_end["train_loss"]))
    return after, EpochRecords(at_end, _cosines(of_weights), first)


def start_records(network: Network, setup: Setup) -> EpochRecords:
    """The records of epoch 0, before any step; there is no update yet (NaN)."""
    with side_by_side(setup.threads) as compute, np.errstate(over="ignore", invalid="ignore"):
        angles = feedback_angles(network.W, setup.rule, setup.feedback)
        at_end = _at_end(network, setup.images, angles, compute)
    none = np.full(len(network.W), np.nan)
    return EpochRecords(at_end | {"update_angle": none, "delta_angle": none}, _cosines([angles]), 0)


def _at_end(
    network: Network, images: Images, angles: tuple[Array, Array], compute: Compute
) -> dict[str, float | Array]:
    """The records that a network has without its history."""
    train_error, train_loss = error_and_loss(network, images.train_images, images.train_labels, compute)
    test_error, test_loss = error_and_loss(network, images.test_images, images.test_labels, compute)
    return {
        "train_error": train_error,
        "test_error": test_error,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "weight_angle": angles[0],
        "output_angle": angles[1],
    }


def _cosines(angles: Sequence[tuple[Array, Array]]) -> dict[str, Array]:
    """ALIGNMENTS by name, from the angles of the weights and of the outputs at some alphas."""
    of_each = zip(*angles, strict=True) if angles else ((), ())
    return {name: np.cos(np.radians(values)) for name, values in zip(ALIGNMENTS, of_each, strict=True)}


class Diverged(ArithmeticError):
    """A training that has diverged: epoch, batch (both from 1) and the cross-entropy of that batch."""

    def __init__(self, epoch: int, batch: int, loss: float) -> None:
        super().__init__(epoch, batch, loss)
        self.epoch, self.batch, self.loss = epoch, batch, loss

    def __str__(self) -> str:
        return f"diverged at epoch {self.epoch}, batch {self.batch} (mean cross-entropy of the batch {self.loss:.3g})"
