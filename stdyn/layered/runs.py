"""Many networks trained into one file: resumable after every epoch, by any executor, one writer."""

import os
import time
import warnings
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import lru_cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stdyn.checks import check_executor
from stdyn.errors import DivergenceWarning, ExecutorLost, InputError, TrainingInterrupted, TrainingStopped, said
from stdyn.layered import mnist
from stdyn.layered.epochs import Diverged, check_threads, start_records, train_epoch
from stdyn.layered.mnist import Images
from stdyn.layered.network import Network
from stdyn.layered.training import Training
from stdyn.layered.trainingfile import Histories, State, opened

Source = tuple[str, bool, int | None, str]  # folder, whether another data set is taken, how many to train with, SHA-256


def train(
    training: Training,
    path: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    *,
    other_data: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> "Histories":
    """Train a network for every rule and seed into one file; called again, it goes on where it stopped.

    Parameters
    ----------
    training : Training
    path : path
        The file (docs/format.md). If it holds the same training, only what is missing is done: further rules, seeds
        and epochs are added. If it holds another one it is refused, with the first difference.
    data : path, optional
        The folder with the images, see `stdyn.mnist.load`; default: $STDYN_MNIST, or else fetched once.
    executor : concurrent.futures.Executor, optional
        Where to train; default: in this process. `stdyn.processes()` uses all cores. The result does not depend on it.
    other_data : bool, default False
        Take a data set of the size of MNIST that is not MNIST.
    threads : int, optional
        Of each network, 1 or 2, which helps with large batches; default: 1 in an executor, else 2 where there are as
        many cores. Has no influence on the result.
    overwrite : bool, default False
        Begin anew if the file exists.
    progress : bool, default False
        Show a progress bar if the screen is a terminal.

    Returns
    -------
    Histories

    Raises
    ------
    InputError
        Before any work starts, if an argument, the data or the file cannot be used.
    TrainingInterrupted
        On Ctrl-C, a KeyboardInterrupt.
    TrainingStopped
        If the file cannot be written any more, or the executor has lost its workers. In both cases every epoch that was
        done is in the file, which is whole.

    Notes
    -----
    After each epoch of each network its records and weights are committed (unless that was done 0.2 s ago or less):
    whatever ends the training, at most the epochs that were under way are lost. Where a network diverges, its history
    ends with the epoch before, and a DivergenceWarning says so.
    """
    if not isinstance(training, Training):
        raise InputError(f"training must be a stdyn.Training, but is {training!r}")
    check_executor(executor)
    target, folder = Path(path), os.path.abspath(mnist.folder_of(data, progress))
    threads = check_threads(threads if executor is None or threads is not None else 1)
    images = _read(folder, other_data, training.train_size)
    source: Source = (folder, other_data, training.train_size, images.sha256)
    with opened(target, training, images, overwrite) as table:
        state = State(table, images)
        todo = [run for run in state.todo() if (state.rules[run], state.seeds[run]) in training.runs]
        with tqdm(
            total=len(training.runs) * training.epochs,
            initial=sum(state.done[state.position(*run)] for run in training.runs),
            unit=" epochs", disable=not progress or None, smoothing=0.05,
        ) as bar:  # fmt: skip
            try:
                _run(state, todo, training, source, threads, executor, bar)
            except KeyboardInterrupt:
                raise TrainingInterrupted(f"interrupted: {state.said(target)}") from None
            except OSError as error:
                why = error.strerror or str(error)
                raise TrainingStopped(f"{target} cannot be written: {why}; {state.said(target)}") from error
            except ExecutorLost as lost:
                raise TrainingStopped(f"{lost}; {state.said(target)}") from None
    return Histories(target)


def _read(folder: str, other: bool, size: int | None) -> Images:
    images = mnist.read(Path(folder), other)
    return images if size is None else images.first(size)


@lru_cache(maxsize=1)
def _images(folder: str, other: bool, size: int | None, sha256: str) -> Images:
    """The images, read once in every process."""
    images = _read(folder, other, size)
    if images.sha256 != sha256:
        raise InputError(f"the images in {folder} must not change during a training, but have changed")
    return images


# ---------------------------------------------------------------------------------------------------------------------
# One epoch, here or elsewhere


def train_one(
    training: Training, rule: str, seed: int, epoch: int, network: Network | None, source: Source, threads: int
) -> tuple[Network, dict[str, Any], float]:
    """The network after an epoch, the records of it, and the seconds it took; epoch 0 is the start."""
    began = time.perf_counter()
    images = _images(*source)
    layers = training.layers(images)
    feedback = training.feedback(rule, seed, layers)
    if network is None:
        network = training.network(seed, layers)
        return network, start_records(network, images, rule, feedback, threads), time.perf_counter() - began
    rng = training.rng(seed, "order", epoch)
    network, records = train_epoch(
        network, images, rule, feedback, rng, epoch, training.lr, training.batch, training.measured, threads
    )
    return network, records, time.perf_counter() - began


class _Here(Executor):
    """This process."""

    def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


def _run(
    state: "State", todo: list[int], training: Training, source: Source, threads: int, executor: Executor | None,
    bar: tqdm,
) -> None:  # fmt: skip
    """Train the networks `todo`, epoch by epoch in turns, and write every epoch as it arrives."""
    waiting = deque(todo)
    pending: dict[Future[Any], int] = {}
    lost: ExecutorLost | None = None
    together = 1 if executor is None else len(todo)
    executor = executor or _Here()
    try:
        while waiting or pending:
            while waiting and len(pending) < together:
                run = waiting.popleft()
                which = state.rules[run], state.seeds[run], state.next_epoch(run), state.networks[run]
                try:
                    future = executor.submit(train_one, training, *which, source, threads)
                except RuntimeError as error:
                    raise ExecutorLost(said(error)) from error
                pending[future] = run
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                run = pending.pop(future)
                name = f"{state.rules[run]}, seed {state.seeds[run]}"
                try:
                    network, records, seconds = future.result()
                except Diverged as error:
                    state.diverge(run, error)
                    warnings.warn(
                        f"{name}: {error}; lr = {training.lr:g} is too large", DivergenceWarning, stacklevel=3
                    )
                    continue
                except (MemoryError, OSError, RuntimeError) as error:
                    lost = lost or ExecutorLost(said(error))  # others may have arrived
                    continue
                bar.update(0 if state.networks[run] is None else 1)
                state.put(run, network, records, seconds)
                bar.set_postfix_str(f"{name}: test error {100 * records['test_error']:.2f} %", refresh=False)
                if state.done[run] < state.epochs:
                    waiting.append(run)
            if lost is not None:
                waiting.clear()
    finally:
        for future in pending:
            future.cancel()
        state.commit()
    if lost is not None:
        raise lost
