"""MNIST: what is read is what is there, what is wrong with a file is said, and a fetch leaves all or nothing."""

import functools
import gzip
import hashlib
import http.server
import os
import socket
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import idx, write_images

from stdyn import InputError, mnist

NAMES = list(mnist.FILES)


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / "images", train=20, test=8)


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def test_images_are_read_as_they_were_written(tmp_path):
    """Pixel by pixel, compressed, plain, and with a full stop before idx; also through $STDYN_MNIST."""
    folders = [write_images(tmp_path / f"{compressed}", 20, 8, compressed=compressed) for compressed in (True, False)]
    folders.append(write_images(tmp_path / "dots", 20, 8))
    for path in folders[2].iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    first, *others = (mnist.load(each) for each in folders)
    assert first.train_images.shape == (20, 36)
    assert (first.inputs, first.classes) == (36, 4)
    image = gzip.decompress((folders[0] / "train-images-idx3-ubyte.gz").read_bytes())[16 + 36 * 3 : 16 + 36 * 4]
    assert first.train_images[3].tolist() == list(image)
    assert all(each.sha256 == first.sha256 for each in others)
    assert first.first(5).train_images.shape == (5, 36)
    assert first.first(5).sha256 != first.sha256


def test_the_variable_says_where_the_images_are(folder, monkeypatch):
    """$STDYN_MNIST, unless a folder is given."""
    monkeypatch.setenv("STDYN_MNIST", str(folder))
    assert len(mnist.load().train_images) == 20
    with pytest.raises(InputError, match="elsewhere with MNIST does not exist"):
        mnist.load("elsewhere")


def test_principal_axes_of_images():
    """Uncorrelated, of mean variance 1, the largest first; without constant pixels and copies; test images likewise."""
    rng = np.random.default_rng(1)
    train, test = (rng.integers(0, 256, (number, 7)).astype(np.uint8) for number in (50, 20))
    for images in (train, test):
        images[:, 2] = images[:, 5]
    train[:, 4] = 9
    labels = [np.zeros(number, np.uint8) for number in (50, 20)]
    X, X_test = mnist.Images(train, labels[0], test, labels[1]).principal()
    assert (X.shape, X_test.shape) == ((50, 5), (20, 5))
    covariance = X.T @ X / 50
    variances = np.diag(covariance)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-13)
    assert variances.mean() == pytest.approx(1, rel=1e-13)
    assert (np.diff(variances) < 0).all()
    kept = [0, 1, 3, 5, 6]  # pixel 5 counts twice, as its copy does
    weights = np.sqrt([1, 1, 1, 2, 1])
    centred = ((images - train.mean(axis=0))[:, kept] * weights for images in (train.astype(float), test.astype(float)))
    C, C_test = centred
    scale = np.sqrt(np.mean(C**2))
    for one, other in ((X, C), (X_test, C_test)):  # distances and angles are those of the images, up to a factor
        np.testing.assert_allclose(one @ X.T, other @ C.T / scale**2, atol=1e-11)
    with pytest.raises(InputError, match="must not be all alike"):
        mnist.Images(np.full_like(train, 3), labels[0], test, labels[1]).principal()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("below", ["", "MNIST/raw"])
def test_the_folder_may_be_that_of_torchvision_and_below_the_home(tmp_path, monkeypatch, compressed, below):
    """~ is the home; torchvision's root has the files in MNIST/raw. Both in $STDYN_MNIST and as an argument."""
    write_images(tmp_path / "data" / below, 8, 4, compressed=compressed)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STDYN_MNIST", "~/data")
    images = mnist.load()
    assert images == mnist.load("~/data") == mnist.load(tmp_path / "data") == mnist.load(tmp_path / "data" / below)
    assert len(images.train_images) == 8
    if below:  # files in the folder itself win
        write_images(tmp_path / "data", 9, 4)
        assert len(mnist.load().train_images) == 9


@pytest.mark.skipif(not os.environ.get("STDYN_MNIST"), reason="STDYN_MNIST does not say where MNIST is")
def test_mnist_is_what_it_is_known_to_be():
    """60,000 and 10,000 digits of 28 x 28; the first is a 5, and there are 6742 ones to train with."""
    images = mnist.load()
    assert images.train_images.shape == (60_000, 784)
    assert images.test_images.shape == (10_000, 784)
    assert images.train_labels[0] == 5
    assert (images.train_labels == 1).sum() == 6742
    assert images.classes == 10
    assert abs(images.train_images.mean() / 255 - 0.1307) < 1e-4


def damage(folder, name, change):
    path = folder / f"{name}.gz"
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (NAMES[0], lambda b: b[: len(b) // 2], r"train-images-idx3-ubyte.gz is damaged or cut off"),
        (NAMES[1], lambda b: b[:15] + b"\xff\x00" + b[17:], r"train-labels-idx1-ubyte.gz is damaged or cut off"),
        (NAMES[0], lambda b: gzip.decompress(b)[:-1], r"must have 736 bytes .* but has 735 \(it is cut off\)"),
        (NAMES[0], lambda b: gzip.decompress(b) + b"1", r"must have 736 bytes .* but has more \(too many\)"),
        (NAMES[2], lambda b: b"", r"t10k-images-idx3-ubyte.gz is no IDX file .* nothing"),
        (NAMES[2], lambda b: b"<html>", r"is no IDX file of bytes with 3 axes: it begins with 3c68746d"),
        (NAMES[1], lambda b: idx(np.zeros(21)), "train_labels must be as many as train_images, 20, but are 21"),
        (NAMES[2], lambda b: idx(np.zeros((8, 5, 6))), "as many pixels, but have 36 and 30"),
        (NAMES[0], lambda b: idx(np.zeros((0, 6, 6))), "train_images must be .* not empty"),
    ],
)
def test_a_damaged_file_is_named(folder, name, change, message):
    """One message each."""
    damage(folder, name, change)
    with pytest.raises(InputError, match=message):
        mnist.load(folder)


def header(*shape):
    """What an IDX file with this shape begins with."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(2**32 - 1), r"declares the shape \(4294967295,\), 4294967295 bytes"),
        (header(20) + bytes(2**26), r"must have 28 bytes with shape \(20,\), but has more"),
    ],
)
def test_a_file_of_labels_that_expands_to_gigabytes_is_not_unpacked(folder, content, message):
    """It is read as far as its header says, and that is compared with the size of the file."""
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(content, 1))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message) as error:
            mnist.load(folder)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert f"{NAMES[1]}.gz" in str(error.value)


def test_a_missing_file_is_named(folder):
    """Whichever it is."""
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"images holds neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte\.gz"):
        mnist.load(folder)


def test_what_has_the_size_of_mnist_must_be_mnist(folder):
    """60,000 labels that are not MNIST's are refused; other=True takes them, and then misses the images to them."""
    damage(folder, NAMES[1], lambda b: idx(np.zeros(60_000)))
    with pytest.raises(InputError, match=r"train-labels\S+\.gz has the size of MNIST's file, but not its SHA-256"):
        mnist.load(folder)
    with pytest.raises(InputError, match="train_labels must be as many as train_images, 20"):
        mnist.load(folder, other=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": np.zeros((3, 4))}, "train_images must be an array of uint8 with 2 axes"),
        ({"test_labels": np.zeros((3, 1), np.uint8)}, "test_labels must be an array of uint8 with 1 axes"),
        ({"test_labels": np.zeros(2, np.uint8)}, "test_labels must be as many as test_images, 3, but are 2"),
    ],
)
def test_bad_arrays_are_named(changes, message):
    """Types and shapes."""
    arrays = {name: np.zeros((3, 4) if "images" in name else 3, np.uint8) for name in mnist.Images.__annotations__}
    with pytest.raises(InputError, match=message):
        mnist.Images(**arrays | changes)


@pytest.mark.parametrize(
    ("size", "must"), [(0, "at least 1"), (21, "at most 20"), ("3", "an integer"), (2.5, "an integer")]
)
def test_bad_train_size(folder, size, must):
    """From 1 to what is there."""
    with pytest.raises(InputError, match=f"train_size must be {must}, but is "):
        mnist.load(folder).first(size)


# ---------------------------------------------------------------------------------------------------------------------
# Fetching, from a server on this machine


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; those named in `cut` with their whole length in the header and half of their bytes."""

    cut: tuple[str, ...] = ()
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if not self.path.endswith(self.cut or ("-",)):
            return super().do_GET()
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """serve(folder, cut=()) returns the address of a server of the folder, and the list of what it was asked for."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    servers = []

    def start(folder, cut=()):
        asked: list[str] = []
        handler = type("Its", (Handler,), {"cut": cut, "asked": asked})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def small_mnist(folder, monkeypatch):
    """The small set, taken for MNIST: its sizes and digests are those that are checked."""
    known = {}
    for name, (shape, _) in mnist.FILES.items():
        content = gzip.decompress((folder / f"{name}.gz").read_bytes())
        size = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, 4 + 4 * len(shape), 4))
        known[name] = size, hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(mnist, "FILES", known)
    return folder


def test_mnist_is_fetched_once(small_mnist, serve, tmp_path, monkeypatch):
    """Four files; what is there is not asked for again, what is missing is. `load` fetches by itself."""
    address, asked = serve(small_mnist)
    target = tmp_path / "new" / "cache"
    assert mnist.fetch(target, (address,)) == target
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    assert mnist.load(target).sha256 == mnist.load(small_mnist).sha256
    assert len(asked) == 4
    mnist.fetch(target, (address,))
    assert len(asked) == 4
    (target / f"{NAMES[2]}.gz").unlink()
    mnist.fetch(target, (address,))
    assert asked[4:] == [f"/{NAMES[2]}.gz"]
    monkeypatch.delenv("STDYN_MNIST", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(mnist, "fetch", functools.partial(mnist.fetch, mirrors=(address,)))
    assert mnist.load().sha256 == mnist.load(small_mnist).sha256


def test_an_uncompressed_file_is_taken_too(small_mnist, serve, tmp_path):
    """Servers that decompress on the way: the bytes are what counts."""
    for path in small_mnist.iterdir():
        path.write_bytes(gzip.decompress(path.read_bytes()))
    address, _ = serve(small_mnist)
    assert mnist.load(mnist.fetch(tmp_path / "cache", (address,))).train_images.shape == (20, 36)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("wrong", r"what came \(28 bytes uncompressed\) does not have MNIST's SHA-256"),
        ("no gzip", "what came is damaged or cut off"),
        ("half", "what came is damaged or cut off"),
        ("cut", "the file was cut off on its way"),
        ("missing", "the server answers 404"),
    ],
)
def test_a_bad_file_is_refused_and_not_kept(small_mnist, serve, tmp_path, what, message):
    """The second of the four is bad: the first is kept, of the second there is no trace; a good server then goes on."""
    path = small_mnist / f"{NAMES[1]}.gz"
    good = path.read_bytes()
    if what == "wrong":
        path.write_bytes(gzip.compress(idx(np.full(20, 7))))
    elif what == "no gzip":
        path.write_bytes(b"\x1f\x8bnothing of the kind")
    elif what == "half":
        path.write_bytes(good[: len(good) // 2])
    elif what == "missing":
        path.unlink()
    address, _ = serve(small_mnist, cut=("train-labels-idx1-ubyte.gz",) if what == "cut" else ())
    target = tmp_path / "cache"
    with pytest.raises(InputError, match=rf"MNIST could not be fetched \({address}{NAMES[1]}\.gz: {message}"):
        mnist.fetch(target, (address,))
    assert [each.name for each in target.iterdir()] == [f"{NAMES[0]}.gz"]
    path.write_bytes(good)
    right, asked = serve(small_mnist)
    mnist.load(mnist.fetch(target, (address, right)) if what == "cut" else mnist.fetch(target, (right,)))
    assert f"/{NAMES[0]}.gz" not in asked


def test_without_a_network_the_way_out_is_named(tmp_path, monkeypatch):
    """A port at which nobody listens, and a name that does not exist; nothing is left behind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    fetch = mnist.fetch
    monkeypatch.setattr(
        mnist, "fetch", lambda progress: fetch(tmp_path / "cache", (address, "http://nowhere.invalid/"))
    )
    monkeypatch.delenv("STDYN_MNIST", raising=False)
    for name in ("folder", "--data", "--images"):
        with pytest.raises(InputError, match=rf"no connection \(.*refused.*\$STDYN_MNIST or {name} says where$"):
            mnist.folder_of(name=name)
    assert not list((tmp_path / "cache").iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file stands there."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"MNIST cannot be kept in the folder .*file/cache: Not a directory"):
        mnist.fetch(tmp_path / "file" / "cache", ("http://127.0.0.1:9/",))
