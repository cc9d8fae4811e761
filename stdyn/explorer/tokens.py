"""The token of the page: who has it may look. It is the same at every start, so that links go on working."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import sys
import tempfile
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

_SIZE = 32  # bytes of the secret
_LENGTH = 32  # characters of a token


def token_of(port: int) -> str:
    """The token of a port: of a secret in the user's cache folder, which nobody else can read.

    Where that cannot be kept, it is another one at every start.
    """
    try:
        secret = _kept(_folder() / "explorer-secret")
    except (OSError, RuntimeError):  # no folder that can be written into, no home
        secret = secrets.token_bytes(_SIZE)
    return urlsafe_b64encode(hmac.digest(secret, f"port {port}".encode(), hashlib.sha256)).decode()[:_LENGTH]


def _folder() -> Path:
    """The user's cache folder of stdyn."""
    said = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(said):
        return Path(said) / "stdyn"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "stdyn"


def _kept(path: Path) -> bytes:
    """The secret in a file; a new one if there is none, or others may know it."""
    with suppress(FileNotFoundError):
        found = _read(path)
        if found is not None:
            return found
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent)  # which only its owner can read
    try:
        with open(number, "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
        with suppress(FileExistsError):  # of another server, which has started at the same time
            os.link(name, path)
    finally:
        os.unlink(name)
    found = _read(path)
    if found is None:
        raise OSError(f"{path} is not the file that was written")
    return found


def _read(path: Path) -> bytes | None:
    """What is in a file of this user's, which others cannot read; None if it is none or has something else in it."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:  # a link
        return None
    with open(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
            return None
        content = file.read(_SIZE + 1)
    return content if len(content) == _SIZE else None
