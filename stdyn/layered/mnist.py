"""MNIST, or another set of labelled images in its IDX form: read from a folder, or fetched once and checked."""

import hashlib
import math
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stdyn.checks import check_numbers, check_path, integer
from stdyn.errors import InputError
from stdyn.layered.extra import fetching
from stdyn.layered.idx import Bytes, array_in, content_of
from stdyn.text import shown
from stdyn.values import Frozen

__all__ = ["FILES", "MIRRORS", "VARIABLE", "Images", "fetch", "load", "read"]

VARIABLE = "STDYN_MNIST"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FILES = {  # of the uncompressed files: (shape, SHA-256)
    "train-images-idx3-ubyte": (
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
_ROUNDING = 1e-12  # relative to the largest eigenvalue of a covariance: one below it is zero
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True, eq=False)
class Images(Frozen):
    """Labelled images to train and to test with.

    Parameters
    ----------
    train_images : ndarray of uint8, shape (P, n)
        One image a row: grey values from 0 to 255, of which the inputs of a network are 1/255.
    train_labels : ndarray of uint8, shape (P,)
        The class of each, from 0 on.
    test_images : ndarray of uint8, shape (P', n)
        As those to train with.
    test_labels : ndarray of uint8, shape (P',)
        The class of each.

    Raises
    ------
    InputError
        If shapes or types disagree.

    See Also
    --------
    load, stdyn.train, stdyn.Inputs.from_data

    Examples
    --------
    >>> images.inputs, images.classes
    (36, 4)
    >>> len(images.first(100).train_images)
    100
    >>> train, test = images.principal()
    >>> stdyn.Inputs.from_data(train, groups=3).groups
    3
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes

    def __post_init__(self) -> None:
        for name, ndim in (("train_images", 2), ("train_labels", 1), ("test_images", 2), ("test_labels", 1)):
            check_numbers(name, getattr(self, name))
            array = np.asarray(getattr(self, name))
            if array.dtype != np.uint8 or array.ndim != ndim or array.size == 0:
                raise InputError(
                    f"{name} must be an array of uint8 with {ndim} axes that is not empty, but has type {array.dtype}"
                    f" and shape {array.shape}"
                )
            object.__setattr__(self, name, array)
        super().__post_init__()
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if len(images) != len(labels):
                raise InputError(
                    f"{part}_labels must be as many as {part}_images, {len(images)}, but are {len(labels)}"
                )
        if self.train_images.shape[1] != self.test_images.shape[1]:
            raise InputError(
                "train_images and test_images must have as many pixels, but have"
                f" {self.train_images.shape[1]} and {self.test_images.shape[1]}"
            )

    @property
    def inputs(self) -> int:
        """Number of pixels, the inputs of a network."""
        return self.train_images.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes, the outputs of a network."""
        return 1 + int(max(self.train_labels.max(), self.test_labels.max()))

    def first(self, size: int) -> "Images":
        """The first examples to train with, and all to test with.

        Parameters
        ----------
        size : int
            How many.

        Returns
        -------
        Images
            Views of these.

        Raises
        ------
        InputError
            If there are not as many.
        """
        size = integer("train_size", size, 1, len(self.train_images))
        return Images(self.train_images[:size], self.train_labels[:size], self.test_images, self.test_labels)

    def principal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The images as inputs with a spectrum, along their principal axes.

        Both are centred by the mean of the training images and scaled so that these have a mean variance of 1. The axes
        are the eigenvectors of the training images' covariance, those of the largest eigenvalues first; directions in
        which no training image varies, such as constant pixels, are left out.

        Returns
        -------
        train : ndarray, shape (P, N)
            Of the training images; `Inputs.from_data(train, groups=None)` has a group for every direction.
        test : ndarray, shape (P', N)
            Of the test images.

        Raises
        ------
        InputError
            If all training images are alike.
        """
        varies = self.train_images.min(axis=0) < self.train_images.max(axis=0)
        if not varies.any():
            raise InputError("train_images must not be all alike")
        train, test = (images[:, varies].astype(float) for images in (self.train_images, self.test_images))
        mean = train.mean(axis=0)
        train -= mean
        eigenvalues, axes = np.linalg.eigh(train.T @ train / len(train))
        there = eigenvalues > _ROUNDING * eigenvalues[-1]
        axes = axes[:, there][:, ::-1] / np.sqrt(eigenvalues[there].mean())
        return train @ axes, (test - mean) @ axes

    @cached_property
    def sha256(self) -> str:
        """A digest of all images and labels."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def load(folder: str | os.PathLike[str] | None = None, other: bool = False) -> Images:
    """MNIST from a folder, from $STDYN_MNIST, or else fetched once.

    Parameters
    ----------
    folder : path, optional
        Where the four IDX files are, as they come (`train-images-idx3-ubyte.gz`) or uncompressed, or the root that
        torchvision has them below, in MNIST/raw; default: the value of $STDYN_MNIST, and if there is none, `fetch()`.
        A ~ at the beginning is the user's home.
    other : bool, default False
        Take a data set of the size of MNIST that is not MNIST, such as Fashion-MNIST. A set of another size needs no
        leave.

    Returns
    -------
    Images
        To train and to test with.

    Raises
    ------
    InputError
        If a file is missing, damaged, cut off, no IDX file of bytes, or of MNIST's size without its SHA-256; or if
        MNIST cannot be fetched.

    See Also
    --------
    fetch, Images, stdyn.train

    Examples
    --------
    >>> images = stdyn.mnist.load("images")  # a folder, here of smaller images
    >>> images.train_images.shape
    (300, 36)
    """
    return read(folder_of(folder), other)


def folder_of(folder: str | os.PathLike[str] | None = None, progress: bool = False, name: str = "folder") -> Path:
    """This folder, or that of $STDYN_MNIST, or else the one into which `fetch` has put MNIST."""
    argument = name
    given, name = (folder, name) if folder is not None else (os.environ.get(VARIABLE) or None, f"${VARIABLE}")
    if given is None:
        try:
            return fetch(progress=progress)
        except InputError as error:
            raise InputError(f"{error}. If it is on this machine, {_says_where(argument)}") from None
    path = check_path(name, given)
    try:
        path = path.expanduser()
    except RuntimeError:  # no such user
        raise InputError(f"{name} must be a folder, but is {shown(given)}: whose home that is, is not known") from None
    of_torchvision = path / "MNIST" / "raw"
    return of_torchvision if os.path.isdir(of_torchvision) and not _holds(path) else path


def _says_where(argument: str) -> str:
    """How MNIST that is here already is named."""
    return f"${VARIABLE} or {argument} says where"


def _holds(folder: Path) -> bool:
    """Whether a file of MNIST is in a folder."""
    return any(os.path.exists(folder / each) for name in FILES for each in _names(name))


def find(folder: Path, argument: str = "folder") -> dict[str, Path]:
    """The files in a folder, by name; refuses a folder that lacks one, and says which argument names it."""
    folder = check_path("folder", folder)
    try:
        found = folder.is_dir()
    except PermissionError:
        raise InputError(f"the folder {folder} with MNIST cannot be searched: permission denied") from None
    if not found:
        raise InputError(f"the folder {folder} with MNIST {_what_is_there(folder)} ({_says_where(argument)} it is)")
    return {name: _find(folder, name) for name in FILES}


def _what_is_there(path: Path) -> str:
    """Why this is no folder."""
    return "must be a folder, but is a file" if os.path.exists(path) else "does not exist"


def read(folder: Path, other: bool = False, argument: str = "folder") -> Images:
    """The images in a folder.

    Parameters
    ----------
    folder : Path
        Where the four IDX files are.
    other : bool, default False
        Take a data set of the size of MNIST that is not MNIST.
    argument : str, default "folder"
        What the folder is called in an error.

    Returns
    -------
    Images
        To train and to test with.

    Raises
    ------
    InputError
        As of `load`.

    See Also
    --------
    load

    Examples
    --------
    >>> from pathlib import Path
    >>> stdyn.mnist.read(Path("images")).classes
    4
    """
    arrays = []
    for name, path in find(folder, argument).items():
        shape, digest = FILES[name]
        content = content_of(path, len(shape))
        array = array_in(path, content, len(shape))
        if array.shape == shape and not other and hashlib.sha256(content).hexdigest() != digest:
            raise InputError(
                f"{path} has the size of MNIST's file, but not its SHA-256: it is damaged, or another data set"
                " (other=True, or --other-data, takes it all the same)"
            )
        arrays.append(array.reshape(len(array), math.prod(array.shape[1:])) if array.ndim == 3 else array)
    try:
        return Images(*arrays)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None


def _names(name: str) -> list[str]:
    """Those that a file may have, compressed or not; some write the first - before idx as a full stop."""
    return [f"{each}{suffix}" for each in (name, name.replace("-idx", ".idx")) for suffix in ("", ".gz")]


def _find(folder: Path, name: str) -> Path:
    names = _names(name)
    for each in names:
        if (folder / each).is_file():
            return folder / each
    raise InputError(f"the folder {folder} holds neither {names[0]} nor {names[1]}, which MNIST consists of")


def fetch(
    folder: str | os.PathLike[str] | None = None, mirrors: tuple[str, ...] = MIRRORS, progress: bool = False
) -> Path:
    """Download what is missing of MNIST into a folder.

    Parameters
    ----------
    folder : path, optional
        Default: the user's cache folder.
    mirrors : tuple of str
        Addresses of folders with the compressed files, tried in turn.
    progress : bool, default False
        Show progress bars.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If pooch or requests, of the extra `mnist`, is not installed, or no mirror gives files with MNIST's SHA-256. A
        file is put in its place only when it is whole and right.

    See Also
    --------
    load

    Notes
    -----
    What is in the folder is not looked at: `load` checks it.

    Examples
    --------
    >>> images = stdyn.mnist.load(stdyn.mnist.fetch())  # doctest: +SKIP
    """
    if folder is None:
        folder = fetching()[0].os_cache("stdyn") / "mnist"
    target = check_path("folder", folder).expanduser()
    if not isinstance(mirrors, list | tuple) or not all(isinstance(mirror, str) for mirror in mirrors):
        raise InputError(f"mirrors must be a tuple of addresses, but is {shown(mirrors)}")
    missing = [name for name in FILES if not any((target / f"{name}{suffix}").is_file() for suffix in ("", ".gz"))]
    if not missing:
        return target
    fetching()  # what it takes is there, or refused before a folder is made
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target) as temporary:
            for name in missing:
                os.replace(_from_a_mirror(name, mirrors, Path(temporary), progress), target / f"{name}.gz")
    except OSError as error:
        raise InputError(f"MNIST cannot be kept in the folder {target}: {error.strerror or error}") from None
    return target


def _from_a_mirror(name: str, mirrors: tuple[str, ...], folder: Path, progress: bool) -> Path:
    """The right file from the first mirror that has it."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}.gz"
        try:
            return _download(url, name, folder, progress)
        except InputError as error:
            failures.append(f"{url}: {error}")
    raise InputError(f"MNIST could not be fetched ({'; '.join(failures)})")


def _download(url: str, name: str, folder: Path, progress: bool) -> Path:
    pooch, requests = fetching()
    pooch.get_logger().setLevel("ERROR")  # it would advise to check the SHA-256 of the compressed file
    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, progressbar=progress and sys.stderr.isatty())
    try:
        path = Path(pooch.retrieve(url, known_hash=None, fname=f"{name}.gz", path=folder, downloader=downloader))
    except requests.HTTPError as error:
        raise InputError(
            f"the server answers {error.response.status_code if error.response is not None else error}"
        ) from None
    except requests.exceptions.ChunkedEncodingError:
        raise InputError("the file was cut off on its way") from None
    except requests.Timeout:
        raise InputError(f"no answer within {_TIMEOUT} s") from None
    except requests.RequestException as error:
        raise InputError(f"no connection ({_reason(error)})") from None
    content = _content_of_download(path, len(FILES[name][0]))
    if hashlib.sha256(content).hexdigest() != FILES[name][1]:
        raise InputError(f"what came ({len(content)} bytes uncompressed) does not have MNIST's SHA-256")
    return path


def _content_of_download(path: Path, ndim: int) -> bytes:
    try:
        return content_of(path, ndim)
    except InputError:
        raise InputError("what came is damaged or cut off") from None


def _reason(error: Exception) -> str:
    """The innermost cause in a few words."""
    cause: Any = error
    while getattr(cause, "args", None) and isinstance(cause.args[0], BaseException):
        cause = cause.args[0]
    reason = getattr(cause, "reason", cause)
    return str(reason).rpartition(": ")[2] or type(error).__name__
