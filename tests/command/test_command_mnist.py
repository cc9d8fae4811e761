"""stdyn mnist: what it writes and refuses, and plot of it."""

import warnings

import numpy as np
import pytest
from bad_options import changed
from command_helpers import SMALL, assert_refused, contents

import stdyn
from stdyn.layered.trainingfile import create as create_training

NETWORKS = ("mnist", "--widths", "9", "5", "--rule", "fa", "bp", "--batch", "7", "--workers", "1")
MNIST = (*NETWORKS, "--epochs", "2", "--lr", "0.1")


@pytest.fixture
def mnist_run(run, image_folder, monkeypatch):
    """run, with the small images where MNIST would be."""
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    return run


def test_mnist_trains_every_rule_and_seed(mnist_run, tmp_path):
    """Into one file, with a table and figures; options that take several values take them in either way."""
    code, out, err = mnist_run(*MNIST, "--seeds", "3", "--seeds", "4")
    assert code == 0, err
    figures = [f"figures/mnist_9-5_{name}.png" for name in ("angles", "errors", "fa_outputs")]
    assert list(contents(tmp_path)) == ["data/mnist_9-5.h5", *figures]
    found = stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5")
    assert list(zip(found.rules, found.seeds, strict=True)) == [("fa", 3), ("fa", 4), ("bp", 3), ("bp", 4)]
    assert found.widths == (36, 9, 5, 4)
    assert found.epochs_done.tolist() == [2] * 4
    for rule in ("fa", "bp"):
        last = 100 * np.array([each.test_error[-1] for each in found.histories if each.rule == rule])
        (line,) = [line for line in out.splitlines() if line.startswith(f"{rule} ")]
        assert f"{last.mean():.2f} ± {last.std(ddof=1):.2f}" in line
    assert all(name in out for name in figures)
    assert mnist_run("info", "data/mnist_9-5.h5")[1].strip() in out


def test_mnist_goes_on_where_it_stopped(mnist_run, tmp_path):
    """The same command does nothing more, more epochs are added; another learning rate needs --force."""
    mnist_run(*MNIST, "--seeds", "1")
    first = (tmp_path / "data" / "mnist_9-5.h5").read_bytes()
    assert mnist_run(*MNIST, "--seeds", "1")[0] == 0
    assert (tmp_path / "data" / "mnist_9-5.h5").read_bytes() == first
    assert_refused(
        mnist_run(*NETWORKS, "--seeds", "1", "--epochs", "2", "--lr", "0.2"),
        "another training",
        "lr is 0.1 there and 0.2",
        "--force",
    )
    assert (tmp_path / "data" / "mnist_9-5.h5").read_bytes() == first
    assert mnist_run(*NETWORKS, "--seeds", "1", "--epochs", "3", "--lr", "0.1")[0] == 0
    assert stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").epochs == 3
    assert mnist_run(*NETWORKS, "--seeds", "1", "--epochs", "2", "--lr", "0.2", "--force")[0] == 0
    assert stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").description["lr"] == 0.2


def test_mnist_is_an_experiment_in_a_file(mnist_run, tmp_path):
    """--write-config writes what --config reads; options win over it."""
    assert mnist_run(*MNIST, "--seeds", "7", "--write-config", "my.toml")[0] == 0
    assert mnist_run("mnist", "--config", "my.toml", "--rule", "dfa", "--workers", "1", "-o", "x.h5")[0] == 0
    found = stdyn.open_training(tmp_path / "x.h5")
    assert (found.rules, found.seeds, found.widths, found.description["batch"]) == (["dfa"], [7], (36, 9, 5, 4), 7)


def test_plot_draws_trainings(mnist_run, tmp_path):
    """The same figures again; with a trajectory, the alignment of both on one page."""
    mnist_run(*MNIST, "--seeds", "1")
    assert mnist_run("plot", "data/mnist_9-5.h5", "--figures", "again")[0] == 0
    for name in ("angles", "errors", "fa_outputs"):
        assert (tmp_path / "again" / f"mnist_9-5_{name}.png").exists()
    mnist_run("integrate", *SMALL, "-o", "data/ode.h5")
    assert mnist_run("plot", "data/ode.h5", "data/mnist_9-5.h5", "--name", "both", "--figures", "page")[0] == 0
    assert list(contents(tmp_path / "page")) == ["both_alignments.png"]
    assert_refused(mnist_run("plot", "data/mnist_9-5.h5", "data/mnist_9-5.h5", "--x", "eta"), "holds a training")
    empty = stdyn.Training(rule="bp", widths=3, epochs=1, seeds=1)
    create_training(tmp_path / "data" / "empty.h5", empty.runs, empty, stdyn.mnist.load())
    assert_refused(mnist_run("plot", "data/empty.h5"), "data/empty.h5 holds no network that has begun")
    (tmp_path / "data" / "copy.h5").write_bytes((tmp_path / "data" / "mnist_9-5.h5").read_bytes())
    assert_refused(mnist_run("plot", "data/mnist_9-5.h5", "data/copy.h5"), "holds a training, which is drawn alone")


def test_mnist_that_diverges_says_where(mnist_run, tmp_path):
    """Exit code 1 if nothing else came out; the history is in the file."""
    warnings.simplefilter("default")
    code, out, err = mnist_run(*NETWORKS, "--seeds", "1", "--epochs", "2", "--lr", "1e6")
    assert code == 1
    assert "stdyn: every training diverged" in err
    assert "fa    seed 1: diverged at epoch 1, batch " in out
    assert "stdyn: warning: fa, seed 1: diverged at epoch 1, batch " in err
    assert "lr = 1e+06 is too large" in err
    assert [len(each.epochs) for each in stdyn.open_training(tmp_path / "data" / "mnist_9-5.h5").histories] == [1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rule", "fa", "bb"], ["rule must be one of bp, fa, dfa, but is 'bb'"]),
        (["--widths", "20", "-3"], ["widths must be at least 1, but is -3"]),
        (["--widths", "20", "many"], ["--widths", "many"]),
        (["--widths"], ["--widths"]),
        (["--epochs", "0"], ["epochs must be at least 1, but is 0"]),
        (["--lr", "nan"], ["lr must be finite"]),
        (["--batch", "2.5"], ["--batch", "2.5"]),
        (["--train-size", "301"], ["train_size must be at most 300, but is 301"]),
        (["--data", "nowhere"], ["nowhere with MNIST does not exist"]),
        (["--data", "."], ["holds neither train-images-idx3-ubyte nor"]),
        (["--workers", "0"], ["workers must be at least 1, but is 0"]),
        (["--config", "missing.toml"], ["missing.toml cannot be read"]),
        (["--config", "wrong.toml"], ["there is no key 'width'; the nearest one is 'widths'"]),
        (["surplus"], ["surplus"]),
        (["--widths=20", "4", "-.5"], ["--widths", "-.5"]),
        (["--lr", ".1", ".2"], [".2"]),
    ],
)
def test_bad_trainings_are_refused(mnist_run, tmp_path, options, words):
    """One line, exit code 2, no data."""
    (tmp_path / "wrong.toml").write_text("width = [3]\n")
    assert_refused(mnist_run("mnist", *changed(("--epochs", "1"), *options)), *words)
    assert not list(tmp_path.rglob("*.h5"))
