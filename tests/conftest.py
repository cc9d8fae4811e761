"""Shared by the tests: random order parameters, and the reference trajectories of data/reference."""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, expit
from scipy.stats import norm

from stdyn import OrderParameters, Problem, kernels
from stdyn.command.main import main

NUMPY_FUNCTIONS = {  # g and g' by name, each by another formula than the package's where there is one
    "erf": (lambda x: erf(x / np.sqrt(2)), lambda x: 2 * norm.pdf(x)),
    "linear": (lambda x: np.asarray(x, dtype=float), lambda x: np.ones_like(x, dtype=float)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: np.heaviside(x, 0)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "gelu": (lambda x: x * norm.cdf(x), lambda x: norm.cdf(x) + x * norm.pdf(x)),
    "sigmoid": (expit, lambda x: expit(x) * expit(-x)),
    "square": (np.square, lambda x: 2 * x),
    "hermite2": (lambda x: np.polynomial.HermiteE([0, 0, 1])(x) / np.sqrt(2), lambda x: np.sqrt(2) * x),
    "hermite3": (
        lambda x: np.polynomial.HermiteE([0, 0, 0, 1])(x) / np.sqrt(6),
        lambda x: np.sqrt(3) * np.polynomial.HermiteE([0, 0, 1])(x) / np.sqrt(2),
    ),
}

EXTRA = ("pooch", "requests", "threadpoolctl")  # the packages of the extra mnist
REFERENCE = Path(__file__).parent.parent / "data" / "reference"


def random_overlaps(K, M, O=None, seed=0):
    """Order parameters of random weights of norm O(1), all overlaps different from zero; O=None: one output, 1-D v."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(K + M, 3 * (K + M))) / np.sqrt(3 * (K + M))
    C = W @ W.T
    shape = () if O is None else (O,)
    return OrderParameters(C[:K, K:], C[:K, :K], C[K:, K:], rng.normal(size=(K, *shape)), rng.normal(size=(M, *shape)))


def random_problem(K, M, O=None, seed=0, rule="fa", **changes):
    """A problem with nothing zero: noise, decay and both layers trained."""
    start = random_overlaps(K, M, O, seed)
    b = np.random.default_rng(seed + 1000).normal(size=start.v.shape) if rule == "fa" else None
    rates = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.2, "decay": 0.05, "decay_v": 0.02, "N": 50} | changes
    return Problem(start, rule=rule, b=b, **rates)


def reference(name):
    """The problem, the alphas and the columns (eps_g, R_i_n, Q_i_k, v_i) of a reference trajectory."""
    d = json.loads((REFERENCE / f"{name}.json").read_text())
    start = OrderParameters(d["R0"], d["Q0"], d["T"], d["v0"], d["vt"])
    b = d.get("fa")
    problem = Problem(start, rule="fa" if b else "bp", b=b, eta=d["eta"], eta_v=d["eta_v"], sigma=d["sigma"])
    table = np.genfromtxt(REFERENCE / f"{name}.csv", delimiter=",", names=True)
    return problem, table["t"], {column: table[column] for column in table.dtype.names if column != "t"}


REFERENCES = sorted(path.stem for path in REFERENCE.glob("*.csv"))


@pytest.fixture(scope="session", autouse=True)
def signals():
    """Those that whoever started the tests in the background has had ignored (a shell, nohup) are as in a terminal."""
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def gaussian_averages():
    """Averages over four fields computed by quadrature, without any closed form."""
    return json.loads((REFERENCE / "gaussian_averages.json").read_text())["cases"]


def idx(array):
    """The bytes of an IDX file of unsigned bytes."""
    sizes = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_images(folder, train=300, test=100, classes=4, side=6, seed=0, noise=60, compressed=True):
    """Four IDX files in MNIST's names: noisy copies of one random image for each class."""
    rng = np.random.default_rng(seed)
    prototypes = rng.integers(0, 200, (classes, side, side))
    folder.mkdir(parents=True, exist_ok=True)
    for part, number in (("train", train), ("t10k", test)):
        labels = rng.permutation(np.arange(number) % classes)
        images = np.clip(prototypes[labels] + rng.integers(-noise, noise + 1, (number, side, side)), 0, 255)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), mtime=0))
            else:
                (folder / name).write_bytes(idx(array))
    return folder


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """300 images to train with and 100 to test with, of 6 x 6 pixels and four classes that overlap a little."""
    return write_images(tmp_path_factory.mktemp("images"), noise=150)


@pytest.fixture(scope="session")
def whole_files(tmp_path_factory, image_folder):
    """A file of every kind and of every variant: {name: bytes}."""
    from damage import specimens  # of tests/files, which asks for it

    return specimens(tmp_path_factory.mktemp("whole_files"), image_folder)


@pytest.fixture
def start_process():
    """start_process(command, folder, …) runs it in a session of its own, of which nothing is left after the test."""
    started = []

    def call(command, folder, **more):
        process = subprocess.Popen(
            command, cwd=folder, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=listen_to_ctrl_c, **more,
        )  # fmt: skip
        started.append(process)
        return process

    yield call
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def listen_to_ctrl_c():
    """For the child process: whoever started the tests in the background has made them ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run("integrate", "--K", "2") runs the command in tmp_path and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main replaces it
    kernels.compile_silently()

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stdyn", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def without(monkeypatch, tmp_path_factory):
    """Hides packages of the extra, all of them unless it is said; no variable says where images are."""
    monkeypatch.delenv("STDYN_MNIST", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    def hide(*names):
        for name in names or EXTRA:
            monkeypatch.setitem(sys.modules, name, None)

    return hide
