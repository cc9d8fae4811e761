"""Without the extra `mnist` everything is there but fetching and training, which say in one line what they take."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import EXTRA
from layered_networks import a_feedback

import stdyn
from stdyn import InputError, layered, mnist
from stdyn.layered import blas
from stdyn.layered.training import Training

HOW = 'which is not installed: pip install "stdyn[mnist]"'


@pytest.mark.parametrize("name", ["pooch", "requests"])
def test_a_fetch_says_what_it_takes(without, tmp_path, name):
    """`mnist.fetch` and `mnist.load`, each of two packages missing alone; no folder is made."""
    without(name)
    for call in (mnist.fetch, mnist.load, lambda: mnist.fetch(tmp_path / "images")):
        with pytest.raises(InputError, match=f"MNIST is fetched by {name}, {HOW}".replace("[", r"\[")):
            call()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_read_and_not_fetched(without, image_folder, monkeypatch):
    """From a folder, from the variable's, and by `fetch` into a folder where nothing is missing."""
    expected = mnist.load(image_folder)
    without()
    assert mnist.load(image_folder) == expected
    assert mnist.fetch(image_folder) == image_folder
    monkeypatch.setenv(mnist.VARIABLE, str(image_folder))
    assert mnist.load() == expected


def test_a_training_says_what_it_takes(without, image_folder, tmp_path):
    """`layered.train` and `stdyn.train`, before a file is made."""
    images = mnist.load(image_folder)
    network = layered.random_network((36, 5, 4), np.random.default_rng(0))
    without("threadpoolctl")
    said = f"the threads of BLAS are limited in training by threadpoolctl, {HOW}".replace("[", r"\[")
    with pytest.raises(InputError, match=said):
        layered.train(network, images, "fa", a_feedback(network, "fa"), epochs=1, lr=0.1, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match=said):
        stdyn.train(Training(widths=5, epochs=1), tmp_path / "new" / "t.h5", image_folder)
    blas._libraries.cache_clear()
    with pytest.raises(InputError, match=said), blas.side_by_side(1):  # in a worker elsewhere
        pass
    assert blas._limits == []
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_damaged_is_not_said_to_be_missing(without, tmp_path, monkeypatch):
    """One that is there, and itself imports what is not."""
    (tmp_path / "pooch.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pooch", raising=False)
    with pytest.raises(InputError, match=r"pooch, which cannot be imported .*no_such_package"):
        mnist.fetch()
    monkeypatch.delitem(sys.modules, "pooch", raising=False)


def test_nothing_else_takes_the_extra(image_folder, tmp_path):
    """A process that cannot find it: every public name, a solution that is saved and read, and images."""
    code = f"""
import importlib.abc, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {EXTRA}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hidden())
import numpy as np, stdyn, stdyn.command.main
for name in stdyn.__all__:
    getattr(stdyn, name)
start = stdyn.OrderParameters(R=[[0.1]], Q=[[0.5]], T=[[1.0]], v=[0.3], v_teacher=[1.0])
found = stdyn.integrate(stdyn.Problem(start, N=100, rule="bp", eta=0.5, eta_v=0.5), [0, 1])
found.save("found.h5")
assert stdyn.load("found.h5") == found
assert len(stdyn.mnist.load({str(image_folder)!r}).train_images) == 300
assert stdyn.layered.random_network((36, 5, 4), np.random.default_rng(0)).widths == (36, 5, 4)
assert not set(sys.modules) & set({EXTRA})
print(*stdyn.command.main.cli.commands)
"""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path, env=os.environ
    )
    assert found.stderr == ""
    assert "mnist" in found.stdout
