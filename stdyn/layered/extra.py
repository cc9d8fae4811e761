"""The extra `mnist`: packages that only fetching images and training on them need."""

from importlib import import_module
from types import ModuleType

from stdyn.errors import InputError


def _needed(name: str, done_by: str) -> ModuleType:
    """The package of this name; refuses what is done by it where it cannot be imported."""
    try:
        return import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        why = "is not installed" if missing else f"cannot be imported ({error})"
        raise InputError(f'{done_by} {name}, which {why}: pip install "stdyn[mnist]"') from None


def fetching() -> tuple[ModuleType, ModuleType]:
    """What fetches files, pooch, and what it does that by, requests, whose errors are told apart."""
    pooch, requests = (_needed(name, "MNIST is fetched by") for name in ("pooch", "requests"))
    return pooch, requests


def thread_limits() -> ModuleType:
    """What keeps BLAS in one thread, on which the last bits of a training depend."""
    return _needed("threadpoolctl", "the threads of BLAS are limited in training by")
