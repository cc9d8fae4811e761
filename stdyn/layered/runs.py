"""Many networks trained into one file: resumable after every epoch, by any executor, one writer."""

import os
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ParamSpec, TypeVar

from stdyn.checks import check_executor, check_memory, check_path, check_type
from stdyn.errors import DivergenceWarning, ExecutorLost, InputError, TrainingInterrupted, TrainingStopped, said
from stdyn.executors import try_out, worker_died
from stdyn.layered import mnist
from stdyn.layered.epochs import Diverged, Setup, check_threads, start_records, train_epoch
from stdyn.layered.extra import thread_limits
from stdyn.layered.history import EpochRecords
from stdyn.layered.mnist import Images
from stdyn.layered.network import Network
from stdyn.layered.training import Training
from stdyn.layered.trainingfile import Histories, State, opened
from stdyn.progress import Bar, bar
from stdyn.stopping import raise_what_came, stoppable

P = ParamSpec("P")
T = TypeVar("T")
_LOOK = 0.5  # seconds without a result after which it is seen whether a worker has died
Source = tuple[str, bool, int | None, str]  # folder, whether another data set is taken, how many to train with, SHA-256
Done = tuple[Network, EpochRecords, float]  # after an epoch: the network, the records, and the seconds it took


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
) -> Histories:
    """Train a network for every rule and seed into one file; called again, it goes on where it stopped.

    Parameters
    ----------
    training : Training
        Rules, seeds, widths and rates.
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
        Of each network, 1 or 2; default: 1 in an executor, else 2 if there are two cores. Does not change the result.
    overwrite : bool, default False
        Begin anew if the file exists.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    Histories
        Of all networks of the training.

    Raises
    ------
    InputError
        Before any work starts, if an argument, the data or the file cannot be used, or threadpoolctl, of the extra
        `mnist`, is not installed.
    TrainingInterrupted
        On Ctrl-C, SIGTERM or SIGHUP, a KeyboardInterrupt.
    TrainingStopped
        If the file cannot be written any more, or the executor has lost its workers.

    Warns
    -----
    DivergenceWarning
        A network diverged: its history ends with the epoch before.

    See Also
    --------
    Training, open_training, stdyn.layered.train, stdyn.layerplot.figures

    Notes
    -----
    An epoch that is done is committed, unless the last commit is 0.2 s ago or less; the file is whole whatever ends the
    training.

    Examples
    --------
    >>> training = stdyn.Training(rule=["fa", "bp"], widths=20, seeds=[1, 2], epochs=2)
    >>> histories = stdyn.train(training, "mnist.h5", "images")  # "images": a folder, here of smaller ones than MNIST
    >>> len(histories.histories)
    4
    """
    thread_limits()  # what it takes is there
    check_type("training", training, Training)
    target = check_path("path", path)
    check_executor(executor)
    threads = check_threads(threads if executor is None or threads is not None else 1)
    folder = os.path.abspath(mnist.folder_of(data, progress, name="data"))
    images = _read(folder, other_data, training.train_size)
    check_room(training, images)
    source = (folder, other_data, training.train_size, images.sha256)
    with opened(target, training, images, overwrite) as table:
        _train(State(table), target, training, source, threads, executor, progress)
    return Histories(target)


def check_room(training: Training, images: Images) -> None:
    """Refuse what can have no room: the weights of all networks and one that is trained, and the records.

    So is more to train with than there is.
    """
    if training.train_size is not None:
        images = images.first(training.train_size)
    layers, runs = training.layers(images), len(training.runs)
    weights = sum(float(above) * below for below, above in pairwise(layers))
    check_memory(f"widths = {training.widths}, in {runs} networks,", 4.0 * (runs + 1) * weights)
    check_memory(f"epochs = {training.epochs}, of {runs} networks,", 32.0 * runs * len(layers) * training.epochs)


def _train(
    state: State, path: Path, training: Training, source: Source, threads: int, executor: Executor | None,
    progress: bool,
) -> None:  # fmt: skip
    """Train what the file does not have yet; whatever stops it is said with how far it is."""
    runs = [state.position(*run) for run in training.runs]
    with stoppable(), bar(
        progress, total=len(runs) * training.epochs, initial=int(state.done[runs].sum()), unit=" epochs",
        smoothing=0.05,
    ) as shown:  # fmt: skip
        work = _Work(state, training, source, threads, executor or _Here(), shown)
        todo = [run for run in state.todo() if run in runs]
        try_out(executor if todo else None)
        try:
            _in_turns(work, todo, together=1 if executor is None else len(todo))
        except KeyboardInterrupt:
            raise TrainingInterrupted(f"interrupted: {state.said(path)}") from None
        except OSError as error:
            why = error.strerror or str(error)
            raise TrainingStopped(f"{path} cannot be written: {why}; {state.said(path)}") from error
        except ExecutorLost as lost:
            raise TrainingStopped(f"{lost}; {state.said(path)}") from None


def _read(folder: str, other: bool, size: int | None) -> Images:
    images = mnist.read(Path(folder), other, "data")
    return images if size is None else images.first(size)


@lru_cache(maxsize=1)
def _images(folder: str, other: bool, size: int | None, sha256: str) -> Images:
    """The images, read once in every process."""
    images = _read(folder, other, size)
    if images.sha256 != sha256:
        raise InputError(f"the images in {folder} must not change during a training, but have changed")
    return images


# ---------------------------------------------------------------------------------------------------------------------
# Epochs, here or elsewhere


def train_one(
    training: Training, rule: str, seed: int, epoch: int, network: Network | None, source: Source, threads: int
) -> Done:
    """The network after an epoch, the records of it, and the seconds it took; epoch 0 is the start."""
    began = time.perf_counter()
    images = _images(*source)
    layers = training.layers(images)
    feedback = training.feedback(rule, seed, layers)
    setup = Setup(images, rule, feedback, training.batch, training.measured, training.lr, threads)
    if network is None:
        after = training.network(seed, layers)
        records = start_records(after, setup)
    else:
        after, records = train_epoch(network, setup, epoch, training.rng(seed, "order", epoch))
    return after, records, time.perf_counter() - began


class _Here(Executor):
    """This process."""

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class _Work:
    """Hands epochs to an executor, and writes them when they are done."""

    state: State
    training: Training
    source: Source
    threads: int
    executor: Executor
    bar: Bar

    def submit(self, run: int) -> Future[Done]:
        """The next epoch of a network."""
        state = self.state
        which = state.rules[run], state.seeds[run], state.next_epoch(run), state.networks[run]
        try:
            return self.executor.submit(train_one, self.training, *which, self.source, self.threads)
        except (OSError, RuntimeError) as error:
            raise ExecutorLost(said(error)) from error

    def write(self, run: int, future: Future[Done]) -> None:
        """Write an epoch that is done, or that the network has diverged."""
        state, name = self.state, f"{self.state.rules[run]}, seed {self.state.seeds[run]}"
        try:
            network, records, seconds = future.result()
        except Diverged as error:
            state.diverge(run, error)
            said_so = f"{name}: {error}; lr = {self.training.lr:g} is too large"
            warnings.warn(said_so, DivergenceWarning, stacklevel=5)
            return
        except (MemoryError, OSError, RuntimeError) as error:
            raise_what_came(error)
            raise ExecutorLost(said(error)) from None
        self.bar.update(0 if state.networks[run] is None else 1)
        state.put(run, network, records, seconds)
        self.bar.set_postfix_str(f"{name}: test error {100 * records.at_end['test_error']:.2f} %", refresh=False)


def _in_turns(work: _Work, todo: list[int], together: int) -> None:
    """Train the networks `todo`, epoch by epoch in turns, so many at a time; what is done when it ends is written."""
    waiting, pending = deque(todo), dict[Future[Done], int]()
    lost: ExecutorLost | None = None
    dead = 0
    try:
        while pending or (waiting and lost is None):
            while waiting and lost is None and len(pending) < together:
                run = waiting.popleft()
                pending[work.submit(run)] = run
            arrived = wait(pending, _LOOK, FIRST_COMPLETED).done
            dead += not arrived and worker_died(work.executor)
            if dead > 1:  # and the pool had the time to say so
                raise ExecutorLost("a worker process ended while it wrote a result")
            for future in arrived:
                run = pending.pop(future)
                try:
                    work.write(run, future)
                except ExecutorLost as error:
                    lost = lost or error  # others may have arrived
                else:
                    waiting.extend([run] if work.state.unfinished(run) else [])
    finally:
        for future in pending:
            future.cancel()
        work.state.commit()
    if lost is not None:
        raise lost
