"""The training of layered networks by BP, FA and DFA: one pass over the images, or all of it.

A second thread helps with large batches only (`blas`); several networks are trained side by side (`stdyn.train`).
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stdyn.checks import frozen_array, integer, number
from stdyn.errors import DivergenceWarning, InputError, TrainingInterrupted
from stdyn.executors import cores
from stdyn.layered.angles import mean, output_angles, update_angles, weight_angles
from stdyn.layered.blas import Array, Run, side_by_side
from stdyn.layered.history import (
    ALIGNMENTS,
    History,
    blank_records,
    history,
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
    random_feedback,
    random_network,
    way_back,
)
from stdyn.simulation.streams import seed_sequence

__all__ = ["History", "Network", "random_feedback", "random_network", "train"]

_DIVERGED = 100.0  # cross-entropy of a batch, in units of that of guessing, log(number of classes)
_TOGETHER = 1000  # images whose error is taken at once


def train(
    network: Network,
    images: Images,
    rule: str = "bp",
    feedback: Sequence[Array] | None = None,
    *,
    epochs: int,
    lr: float,
    batch: int = 10,
    rng: np.random.Generator,
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
    feedback : sequence of ndarray
        The matrices B of the hidden layers (`random_feedback`); needed for "fa" and "dfa", refused for "bp".
    epochs, lr, batch : int, float, int
        batch = 1 is example by example. An epoch is a random order of all images; what is left over at its end is
        a smaller batch.
    rng : numpy.random.Generator
        Every epoch spawns the generator of its order from it.
    measured : int, default 200
        Number of batches of each epoch whose updates are compared with those of backpropagation.
    threads : int, optional
        1 or 2, default: 2 where there are as many cores. Has no influence on the result.
    progress : bool, default False
        Show a progress bar if the screen is a terminal.

    Returns
    -------
    History

    Raises
    ------
    InputError
        Naming the argument, its value and what was expected.
    TrainingInterrupted
        On Ctrl-C, a KeyboardInterrupt; its `history` has the epochs that were done.

    Warns
    -----
    DivergenceWarning
        If the cross-entropy of a batch exceeds a hundred times that of guessing; the history ends before that epoch.
    """
    check(network, images, rule, feedback)
    epochs, batch, measured = integer("epochs", epochs, 0), integer("batch", batch, 1), integer("measured", measured, 1)
    lr, threads = number("lr", lr), check_threads(threads)
    seed_sequence(rng)
    P = len(images.train_images)
    alphas = recorded_alphas(P, images.inputs, batch, epochs)
    values = blank_records(network.widths, epochs, len(alphas))
    done, rest = 0, {"rule": rule, "lr": lr, "batch": batch}
    try:
        put_records(values, 0, start_records(network, images, rule, feedback, threads))
        for epoch, child in enumerate(tqdm(rng.spawn(epochs), unit=" epochs", disable=not progress or None), 1):
            after, records = train_epoch(network, images, rule, feedback, child, epoch, lr, batch, measured, threads)
            put_records(values, epoch, records)
            network, done = after, epoch
    except Diverged as error:
        warnings.warn(f"{rule} {error}; lr = {lr:g} is too large", DivergenceWarning, stacklevel=2)
        return history(values, alphas, P, done, network, diverged=(error.epoch, error.batch), **rest)
    except KeyboardInterrupt:
        raise TrainingInterrupted(
            f"interrupted after {done} epochs", history(values, alphas, P, done, network, **rest)
        ) from None
    return history(values, alphas, P, done, network, **rest)


def check_threads(threads: int | None) -> int:
    """The number of threads: 1 or 2; by default 2 where there are as many cores."""
    return min(2, cores()) if threads is None else integer("threads", threads, 1, 2)


def check(network: Network, images: Images, rule: str, feedback: Sequence[Array] | None) -> None:
    """Refuse a network that does not go with its images, or feedback that does not go with its network."""
    if not isinstance(network, Network):
        raise InputError(f"network must be a stdyn.layered.Network, but is {network!r}")
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
            raise InputError(f"feedback must be a list or tuple of matrices, but is {feedback!r}")
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
    network: Network, images: NDArray[np.uint8], labels: NDArray[np.uint8], run: Run
) -> tuple[float, float]:
    """The fraction of images that get the wrong class, and the mean cross-entropy (in nats)."""
    wrong, loss = 0, 0.0
    for at in range(0, len(images), _TOGETHER):
        some, right = images[at : at + _TOGETHER], labels[at : at + _TOGETHER]
        a = forward(network.W, network.b, inputs(some, network.W[0].dtype), run)[-1]
        wrong += int((a.argmax(axis=1) != right).sum())
        loss += float(output_error(a, right)[1].sum(dtype=float))
    return wrong / len(images), loss / len(images)


def train_epoch(
    network: Network, images: Images, rule: str, feedback: Sequence[Array] | None, rng: np.random.Generator,
    epoch: int, lr: float, batch: int, measured: int, threads: int = 1,
) -> tuple[Network, dict[str, Any]]:  # fmt: skip
    """One pass over the images to train with, in an order that `rng` draws: the network after it, and its records.

    `epoch` counts from 1; `measured` batches, evenly spread, are looked at for the angles of the updates. Raises
    Diverged.
    """
    P, dtype = len(images.train_images), network.W[0].dtype
    W, b = ([each.copy(order="F") for each in arrays] for arrays in (network.W, network.b))
    feedback = None if feedback is None else [np.ascontiguousarray(B, dtype) for B in feedback]
    order, steps = rng.permutation(P), -(-P // batch)
    looked_at = set(np.linspace(0, steps - 1, min(measured, steps)).astype(int).tolist())
    grid = recorded_steps(epoch * steps)
    position = int(np.searchsorted(grid, (epoch - 1) * steps, side="right"))
    recorded = set(grid[position:].tolist())
    back, direct = way_back(W, rule, feedback)  # W changes in place
    most = _DIVERGED * np.log(max(2, len(W[-1])))
    angles, cosines = [], []
    with side_by_side(threads) as run, np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            some = order[step * batch : (step + 1) * batch]
            h = forward(W, b, inputs(images.train_images[some], dtype), run)
            error, loss = output_error(h[-1], images.train_labels[some])
            if not loss.mean() <= most:
                raise Diverged(epoch, step + 1, float(loss.mean()))
            delta = backward(h, error, back, direct)
            if step in looked_at and rule != "bp":
                angles.append(update_angles(h, delta, backward(h, error, W[1:])))
            add_step(W, b, h, delta, lr / len(some), run)
            if (epoch - 1) * steps + step + 1 in recorded:
                cosines.append((weight_angles(W, rule, feedback), output_angles(W, rule, feedback)))
        result = Network(tuple(W), tuple(b))
        records = _at_the_end(result, images, rule, feedback, run)
    if not np.isfinite(records["train_loss"]):
        raise Diverged(epoch, steps, records["train_loss"])
    records["update_angle"], records["delta_angle"] = mean(angles) if angles else np.zeros((2, len(W)))
    return result, records | _cosines(position, cosines)


def start_records(
    network: Network, images: Images, rule: str, feedback: Sequence[Array] | None, threads: int = 1
) -> dict[str, Any]:
    """The records of epoch 0, before any step; there is no update yet (NaN)."""
    with side_by_side(threads) as run, np.errstate(over="ignore", invalid="ignore"):
        records = _at_the_end(network, images, rule, feedback, run)
    none = np.full(len(network.W), np.nan)
    angles = [(records["weight_angle"], records["output_angle"])]
    return records | {"update_angle": none, "delta_angle": none} | _cosines(0, angles)


def _at_the_end(
    network: Network, images: Images, rule: str, feedback: Sequence[Array] | None, run: Run
) -> dict[str, Any]:
    """The records that a network has without its history."""
    train = error_and_loss(network, images.train_images, images.train_labels, run)
    test = error_and_loss(network, images.test_images, images.test_labels, run)
    return {
        "train_error": train[0], "test_error": test[0], "train_loss": train[1], "test_loss": test[1],
        "weight_angle": weight_angles(network.W, rule, feedback),
        "output_angle": output_angles(network.W, rule, feedback),
    }  # fmt: skip


def _cosines(position: int, angles: list[Any]) -> dict[str, Any]:
    """The records against alpha, from this position on."""
    weights, outputs = zip(*angles) if angles else ((), ())  # noqa: B905
    return {name: np.cos(np.radians(values)) for name, values in zip(ALIGNMENTS, (weights, outputs), strict=True)} | {
        "position": position
    }


class Diverged(ArithmeticError):
    """A training that has diverged: epoch, batch (both from 1) and the cross-entropy of that batch."""

    def __init__(self, epoch: int, batch: int, loss: float) -> None:
        super().__init__(epoch, batch, loss)
        self.epoch, self.batch, self.loss = epoch, batch, loss

    def __str__(self) -> str:
        return f"diverged at epoch {self.epoch}, batch {self.batch} (mean cross-entropy of the batch {self.loss:.3g})"
