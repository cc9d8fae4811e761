"""Trainings in a file: the same bits whoever trains, however it was stopped; what is added, and what is refused."""

import errno
import os
import signal
import sys
import time
from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np
import pytest
import xarray
from conftest import write_images

from stdyn import (
    DivergenceWarning,
    InputError,
    Training,
    TrainingInterrupted,
    TrainingStopped,
    layered,
    mnist,
    open_training,
    processes,
    train,
)
from stdyn.files import store
from stdyn.files.table import Table
from stdyn.layered import runs, trainingfile
from stdyn.layered.epochs import Diverged
from stdyn.layered.history import ALIGNMENTS, RECORDS

SMALL = Training(rule=("fa", "bp", "dfa"), widths=(9, 5), epochs=4, lr=0.1, batch=7, seeds=(1, 2))


def variables(path):
    """Every variable of the file but the times it took."""
    return {name: array for name, array in store.read(path)[0].items() if name != "wall_time"}


def assert_same(path, expected):
    """All variables bit by bit."""
    found = variables(path)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        equal_nan = np.asarray(array).dtype.kind == "f"
        assert np.array_equal(found[name], array, equal_nan=equal_nan), name


@pytest.fixture(scope="module")
def whole(image_folder, tmp_path_factory):
    """The file of SMALL, trained in this process without a stop."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    train(SMALL, path, image_folder)
    return path


# ---------------------------------------------------------------------------------------------------------------------
# What is in it


def test_the_file_has_what_layered_train_gives(whole, image_folder):
    """Every record of every network, and its weights, from the same weights, feedback and orders."""
    images = mnist.load(image_folder)
    found = open_training(whole)
    assert list(zip(found.rules, found.seeds, strict=True)) == SMALL.runs
    layers = SMALL.layers(images)
    assert layers == found.widths == (36, 9, 5, 4)
    for run, (rule, seed) in enumerate(SMALL.runs):
        alone = layered.train(
            SMALL.network(seed, layers), images, rule, SMALL.feedback(rule, seed, layers),
            epochs=4, lr=0.1, batch=7, rng=SMALL.rng(seed, "order"),
        )  # fmt: skip
        there = found.histories[run]
        assert (there.rule, there.seed, there.lr, there.batch, there.diverged) == (rule, seed, 0.1, 7, None)
        for name in ("epochs", "alphas", *RECORDS, *ALIGNMENTS):
            assert np.array_equal(getattr(there, name), getattr(alone, name), equal_nan=True), name
        for one, other in zip(there.network.W + there.network.b, alone.network.W + alone.network.b, strict=True):
            assert np.array_equal(one, other)
        feedback = found.feedback(run)
        assert rule == "bp" or np.array_equal(feedback[0], SMALL.feedback(rule, seed, layers)[0])


def test_networks_of_a_seed_start_alike(whole):
    """The same weights and so the same errors for the three rules; other seeds start from others."""
    start = {(h.rule, h.seed): h.train_loss[0] for h in open_training(whole).histories}
    assert start["fa", 1] == start["bp", 1] == start["dfa", 1] != start["fa", 2] == start["bp", 2]


def test_the_file_opens_in_xarray(whole):
    """Named axes; rule and seed as coordinates that span a grid."""
    with xarray.open_dataset(whole, engine="h5netcdf") as data:
        assert data.test_error.dims == ("run", "epoch")
        assert data.W2.dims == ("run", "unit_2", "unit_1")
        assert data.alignment.dims == ("run", "alpha", "hidden")
    data = open_training(whole).to_xarray()
    grid = data.test_error.set_index(run=["rule", "seed"]).unstack("run")
    assert dict(grid.sizes) == {"epoch": 5, "rule": 3, "seed": 2}
    assert "test error" not in data.W1.attrs["long_name"]


def test_the_text_has_the_final_errors(whole):
    """Mean and standard deviation over the two networks of each rule, in per cent."""
    found = open_training(whole)
    last = 100 * np.array([h.test_error[-1] for h in found.histories if h.rule == "dfa"])
    (line,) = [line for line in found.text().splitlines() if line.startswith("dfa")]
    assert f"{last.mean():.2f} ± {last.std(ddof=1):.2f}" in line
    assert line.split()[1:3] == ["2", "4"]
    assert "6 networks 36-9-5-4, 24 of 24 epochs" in str(found)


# ---------------------------------------------------------------------------------------------------------------------
# Who trains, and what stops it


def test_worker_processes_give_the_same_bits(whole, image_folder, tmp_path):
    """Two of them against this process."""
    with processes(2) as pool:
        train(SMALL, tmp_path / "t.h5", image_folder, pool)
    assert_same(tmp_path / "t.h5", variables(whole))


@pytest.mark.parametrize(("after", "said"), [(1, "0"), (6, "0"), (7, "0 to 1"), (20, "2 to 3")])
def test_ctrl_c_loses_at_most_the_epoch_under_way(whole, image_folder, tmp_path, monkeypatch, after, said):
    """Stopped after so many epochs (6 are the starts), they are in the file; the same call ends in the same bits.

    Fewer epochs than were begun are refused; how many are done is said.
    """
    path, original, calls = tmp_path / "t.h5", runs.train_one, []

    def train_one(*arguments):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(runs, "train_one", train_one)
    with pytest.raises(
        TrainingInterrupted, match=rf"interrupted: {max(0, after - 6)} epochs of 6 networks are in .*t\.h5"
    ):
        train(SMALL, path, image_folder)
    there = open_training(path)
    assert len(there.histories) == min(after, 6)
    assert there.epochs_done.sum() == max(0, after - 6)
    for history in there.histories:
        whole_one = next(h for h in open_training(whole).histories if (h.rule, h.seed) == (history.rule, history.seed))
        done = len(history.epochs)
        assert np.array_equal(history.test_loss, whole_one.test_loss[:done])
        assert np.array_equal(history.alignment, whole_one.alignment[: len(history.alphas)])
    with pytest.raises(InputError, match=f"at least the 4 that .* was begun for, of which {said} are done, but is 1"):
        train(replace(SMALL, epochs=1), path, image_folder)
    monkeypatch.setattr(runs, "train_one", original)
    train(SMALL, path, image_folder)
    assert_same(path, variables(whole))


@pytest.mark.slow
def test_killed_at_random_moments_it_loses_at_most_the_epochs_under_way(tmp_path, start_process):
    """SIGKILL after an epoch has been seen in the file, five times: the file is whole and has it; same bits."""
    images = write_images(tmp_path / "images", train=3000)
    both = {"rule": ("fa", "dfa"), "widths": (9, 5), "lr": 0.1, "batch": 7, "seeds": 1}
    options = ["--widths", "9", "5", "--rule", "fa", "dfa", "--epochs", "500", "--lr", "0.1", "--batch", "7"]
    command = [sys.executable, "-m", "stdyn", "mnist", "--data", str(images), *options, "--seeds", "1"]
    path, seen, rng = tmp_path / "data" / "mnist_9-5.h5", 0, np.random.default_rng(0)
    for _ in range(5):
        process, target = start_process(command, tmp_path), seen + int(rng.integers(4, 12))
        while process.poll() is None and seen < target:
            time.sleep(0.05)
            seen = int(open_training(path).epochs_done.sum()) if path.exists() else 0
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
        done = int(open_training(path).epochs_done.sum())
        assert done >= seen
        seen = done
    killed = open_training(path)
    again = train(Training(epochs=int(killed.epochs_done.max()), **both), tmp_path / "again.h5", images)
    assert killed.epochs_done.min() > 5
    for one, other in zip(killed.histories, again.histories, strict=True):
        done = len(one.epochs)
        assert np.array_equal(one.train_loss, other.train_loss[:done])
        assert np.array_equal(one.alignment, other.alignment[: len(one.alphas)])
        assert done < len(other.epochs) or np.array_equal(one.network.W[0], other.network.W[0])


def test_a_full_disk_stops_it_with_everything_that_was_committed(whole, image_folder, tmp_path, monkeypatch):
    """Full from the tenth commit on; the file has the nine before it, and room again is all that it takes to go on."""
    path, commit, count = tmp_path / "t.h5", Table.commit, []

    def full(self):
        count.append(self)
        if len(count) >= 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        commit(self)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "commit", full)
        patch.setattr(trainingfile, "_PAUSE", 0.0)
        with pytest.raises(TrainingStopped, match=r"t\.h5 cannot be written: No space left .* goes on from there"):
            train(SMALL, path, image_folder)
    assert open_training(path).epochs_done.sum() == 3  # and six starts
    train(SMALL, path, image_folder)
    assert_same(path, variables(whole))


def test_ctrl_c_while_an_epoch_is_written_waits_until_it_is_whole(whole, image_folder, tmp_path, monkeypatch):
    """SIGINT in the middle of the tenth row: the row is in the file, weights and all; the end is the same."""
    path, put, count = tmp_path / "t.h5", Table.put, []

    def interrupted(self, rows):
        count.append(rows)
        if len(count) != 10:
            return put(self, rows)
        ((run, row),) = rows.items()
        put(self, {run: {"epochs_done": row["epochs_done"]}})
        signal.raise_signal(signal.SIGINT)
        return put(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "put", interrupted)
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(TrainingInterrupted, match="interrupted: 4 epochs of 6 networks"):
                train(SMALL, path, image_folder)
        finally:
            signal.signal(signal.SIGINT, previous)
    assert open_training(path).epochs_done.sum() == 4
    train(SMALL, path, image_folder)
    assert_same(path, variables(whole))


class Losing(Executor):
    """Does three tasks and then has lost its workers."""

    def __init__(self):
        self.done = 0

    def submit(self, function, /, *arguments, **keywords):
        future = Future()
        self.done += 1
        if self.done > 3:
            future.set_exception(RuntimeError("all workers are gone"))
        else:
            future.set_result(function(*arguments, **keywords))
        return future


def test_lost_workers_stop_it(whole, image_folder, tmp_path):
    """One line, and the same call goes on."""
    with pytest.raises(TrainingStopped, match=r"the executor cannot go on .*all workers are gone.* goes on from there"):
        train(SMALL, tmp_path / "t.h5", image_folder, Losing())
    assert len(open_training(tmp_path / "t.h5").histories) == 3
    train(SMALL, tmp_path / "t.h5", image_folder)
    assert_same(tmp_path / "t.h5", variables(whole))


# ---------------------------------------------------------------------------------------------------------------------
# What is added


def test_rules_seeds_and_epochs_are_added(whole, image_folder, tmp_path):
    """In three calls what is otherwise trained in one, network by network; a finished file is not trained again."""
    path = tmp_path / "t.h5"
    parts = {"widths": (9, 5), "lr": 0.1, "batch": 7}
    train(Training(rule="bp", seeds=2, epochs=2, **parts), path, image_folder)
    train(Training(rule=("fa", "bp"), seeds=(1, 2), epochs=2, **parts), path, image_folder)
    found = train(SMALL, path, image_folder)
    expected = {(h.rule, h.seed): h for h in open_training(whole).histories}
    assert len(found) == 6
    for history in found.histories:
        one = expected[history.rule, history.seed]
        for name in ("alphas", *RECORDS, *ALIGNMENTS):
            assert np.array_equal(getattr(history, name), getattr(one, name), equal_nan=True), name
        assert np.array_equal(history.network.W[2], one.network.W[2])
    before = path.read_bytes()
    train(SMALL, path, image_folder)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["t.h5"]


def test_a_stop_while_it_grows_leaves_the_old_file(image_folder, tmp_path, monkeypatch):
    """The file with room for more takes its place only when everything is in it."""
    path = tmp_path / "t.h5"
    short = Training(rule="bp", widths=9, epochs=2, seeds=1)
    train(short, path, image_folder)
    before = path.read_bytes()

    def put(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Table, "put", put)
        with pytest.raises(KeyboardInterrupt):
            train(Training(rule="bp", widths=9, epochs=3, seeds=1), path, image_folder)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["t.h5"]


def test_a_divergence_ends_one_network_only(image_folder, tmp_path, monkeypatch):
    """FA made to diverge in its second epoch: its first is kept, BP goes on; calling again and growing leave it so."""
    path, original = tmp_path / "t.h5", runs.train_one
    training = Training(rule=("fa", "bp"), widths=9, epochs=3, lr=0.1, seeds=1)

    def train_one(training, rule, seed, epoch, *rest):
        if (rule, epoch) == ("fa", 2):
            raise Diverged(2, 5, 1e9)
        return original(training, rule, seed, epoch, *rest)

    monkeypatch.setattr(runs, "train_one", train_one)
    with pytest.warns(DivergenceWarning, match=r"fa, seed 1: diverged at epoch 2, batch 5 .* 1e\+09\); lr = 0.1 "):
        train(training, path, image_folder)
    for epochs in (3, 4):
        found = train(replace(training, epochs=epochs), path, image_folder)  # without a warning
        assert found.diverged == [(2, 5), None]
        assert found.epochs_done.tolist() == [1, epochs]
        assert [len(each.epochs) for each in found.histories] == [2, epochs + 1]
    assert "fa    seed 1: diverged at epoch 2, batch 5" in found.text()


def test_numbers_of_other_types_are_taken(whole, image_folder, tmp_path):
    """NumPy's, and integers written as floats: the same file, which can be gone on with."""
    training = Training(
        rule=np.array(SMALL.rule), widths=np.array(SMALL.widths), epochs=4.0, lr=np.float64(0.1), batch=7.0,
        seeds=np.array([1, 2]), measured=np.int32(200),
    )  # fmt: skip
    assert training == SMALL
    train(training, tmp_path / "t.h5", image_folder)
    assert_same(tmp_path / "t.h5", variables(whole))


def test_images_that_change_are_noticed(tmp_path):
    """Between two calls: another training, not that of the images read before; during one: refused."""
    folder = write_images(tmp_path / "images")
    short = Training(rule="bp", widths=9, epochs=1, seeds=1)
    first = train(short, tmp_path / "t.h5", folder).description["images"]
    write_images(folder, seed=5)
    assert train(short, tmp_path / "u.h5", folder).description["images"] == mnist.load(folder).sha256 != first
    with pytest.raises(InputError, match="must not change during a training"):
        runs.train_one(short, "bp", 1, 0, None, (str(folder), False, None, "another"), 1)


def test_growing_keeps_when_and_by_what_it_was_begun(image_folder, tmp_path, monkeypatch):
    """The first versions; a change is warned of, now and later."""
    path, old = tmp_path / "t.h5", {"versions": '{"stdyn": "0.0.9"}', "created": "2020-02-29T12:00:00+01:00"}
    with monkeypatch.context() as patch:
        patch.setattr(trainingfile, "provenance", lambda **more: old | more)
        trainingfile.create(path, [("bp", 1)], Training(rule="bp", widths=9, epochs=1), mnist.load(image_folder))
    for epochs in (2, 3):
        with pytest.warns(UserWarning, match=r"begun with other versions .*stdyn 0\.0\.9 -> "):
            found = train(Training(rule="bp", widths=9, epochs=epochs, seeds=1), path, image_folder)
        assert found.attributes["created"] == old["created"]


def test_a_file_that_is_being_written_is_not_replaced(whole, image_folder, tmp_path):
    """Not even with overwrite; afterwards it is."""
    path = tmp_path / "t.h5"
    path.write_bytes(whole.read_bytes())
    other = Training(rule="bp", widths=3, epochs=1, seeds=1)
    with Table(path, writable=True), pytest.raises(InputError, match="is being written by another process"):
        train(other, path, image_folder, overwrite=True)
    assert path.read_bytes() == whole.read_bytes()
    assert train(other, path, image_folder, overwrite=True).widths == (36, 3, 4)


def test_no_hidden_layer_and_part_of_the_images(image_folder, tmp_path):
    """Softmax regression on the first 50 images; there is nothing to align."""
    training = Training(rule="bp", widths=(), epochs=3, lr=0.5, batch=1, seeds=1, train_size=50)
    found = train(training, tmp_path / "t.h5", image_folder)
    assert found.widths == (36, 4)
    assert found.attributes["training_examples"] == 50
    (history,) = found.histories
    assert history.train_loss[-1] < history.train_loss[0]
    assert history.weight_angle.shape == (4, 0)


# ---------------------------------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.2}, "holds another training .*: lr is 0.1 there and 0.2 here"),
        ({"widths": (9, 6)}, r"holds another training .*: widths\[1\] is 5 there and 6 here"),
        ({"train_size": 20}, "holds another training .*: train_size is null there and 20 here"),
        ({"epochs": 3}, "epochs must be at least the 4 that .*whole.h5 was begun for, of which 4 are done, but is 3"),
    ],
)
def test_another_training_is_not_written_over(whole, image_folder, changes, message):
    """The first difference is named, and nothing changes; overwrite begins anew (tested on the command line)."""
    before = whole.read_bytes()
    values = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__} | changes
    with pytest.raises(InputError, match=message):
        train(Training(**values), whole, image_folder)
    assert whole.read_bytes() == before


def test_other_images_are_another_training(whole, tmp_path):
    """Of the same size."""
    with pytest.raises(InputError, match=r"holds another training .*: images is "):
        train(SMALL, whole, write_images(tmp_path / "others", seed=9))


def test_files_of_another_kind_are_refused(whole, image_folder, tmp_path):
    """By the reader of each kind, which names the right one."""
    from stdyn import load, open_scan

    with pytest.raises(InputError, match=r"holds a training, not a trajectory; stdyn\.open_training reads it"):
        load(whole)
    with pytest.raises(InputError, match=r"holds a training, not a scan; stdyn\.open_training reads it"):
        open_scan(whole)
    path = store.write(tmp_path / "x.h5", {}, {})
    with pytest.raises(InputError, match=r"holds a trajectory, not a training; stdyn\.load reads it"):
        open_training(path)
    with pytest.raises(InputError, match=r"holds a trajectory, not a training, and is not overwritten"):
        train(SMALL, path, image_folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "fb"}, "rule must be one of bp, fa, dfa, but is 'fb'"),
        ({"rule": ()}, r"rule must be at least one"),
        ({"rule": ("fa", "fa")}, "rule must not repeat 'fa'"),
        ({"seeds": (1, 1)}, "seeds must not repeat 1"),
        ({"seeds": -1}, "seeds must be at least 0, but is -1"),
        ({"widths": (10, 0)}, "widths must be at least 1, but is 0"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"lr": "fast"}, "lr must be a number, but is 'fast'"),
        ({"widths": "200"}, "widths must be an integer, but is '200'"),
        ({"seeds": 1.5}, "seeds must be an integer, but is 1.5"),
        ({"rule": ("fa", 3)}, "rule must be one of bp, fa, dfa, but is 3"),
        ({"feedback_scale": -1.0}, "feedback_scale must be finite and at least 0"),
        ({"train_size": 301}, "train_size must be at most 300, but is 301"),
    ],
)
def test_bad_parameters_are_named(image_folder, tmp_path, changes, message):
    """Before any work: no file is made."""
    with pytest.raises(InputError, match=message):
        train(Training(**changes), tmp_path / "t.h5", image_folder)
    assert not list(tmp_path.iterdir())
