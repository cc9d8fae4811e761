"""How kernels are compiled: three sets of options, one stamp over the whole folder, and a word while it takes long.

numba keeps compiled functions on the disk and compiles anew when the file that holds the function has changed. It does
not look at other files, whose functions may be part of the machine code. So every kernel carries a digest of all files
of this folder in place of the date of its own.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import event

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FOLDER = Path(__file__).parent
_STAMP = sha256(b"".join(path.read_bytes() for path in sorted(_FOLDER.rglob("*.py")))).hexdigest()


def _kernel(**options: Any) -> Callable[[Callable], Any]:
    """A decorator: numba's njit with these options, kept on the disk under the stamp of the folder."""

    def decorate(function: Callable) -> Any:
        dispatcher = njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        if dispatcher is function:  # NUMBA_DISABLE_JIT
            return function
        file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if file is not None and hasattr(file, "_source_stamp"):
            file._source_stamp = _STAMP
            for name in ("load_overload", "save_overload"):
                setattr(dispatcher._cache, name, _alone(getattr(dispatcher._cache, name), dispatcher._cache.cache_path))
        else:  # private to numba, and gone
            warnings.warn(
                "this version of numba keeps its cache in another way: after an edit in stdyn/kernels, empty the"
                " folders __pycache__ there, or kernels of other files go on with the old code",
                RuntimeWarning,
                stacklevel=2,
            )
        return dispatcher

    return decorate


# Reassociation and fused multiply-add change a sum by rounding only; NaN, infinity and signed zero keep their meaning.
# But where a kernel calls another one, numba puts a copy into its machine code, and one of the copies is run: the first
# that the process has compiled or loaded. They were optimised in different surroundings, so that their last bits may
# differ, and with them those of a process that compiles and of one that loads.
compiled = _kernel(fastmath={"reassoc", "contract"})
# Each operation rounded as IEEE 754 says: the same bits in every copy, wherever a run stands in an array, on any
# processor. It must be said: a function that says nothing has the options of the one for which it is compiled.
ordered = _kernel(fastmath=False)
inlined = _kernel(fastmath=False, forceinline=True)  # a loop over a function vectorises only if that is inlined


def _alone(function: Callable, folder: str) -> Callable:
    """A function that loads from a folder of the cache or saves there, called by one process at a time.

    Two that save the first variants of a kernel at once may both call theirs number 1, of different types; and who
    loads may find a new index beside the old machine code.
    """

    @wraps(function)
    def locked(*arguments: Any) -> Any:
        with ExitStack() as stack:
            with suppress(OSError):  # a folder that cannot be written to, or a file system without locks
                file = stack.enter_context(open(Path(folder) / ".lock", "w"))
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
            return function(*arguments)

    return locked


class _Listener(event.Listener):
    """Passes a word on when a kernel is compiled for the first time, and is silent from then on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say: Callable[[str], None] | None = say

    def on_start(self, event: event.Event) -> None:
        module = event.data["dispatcher"].py_func.__module__ or ""  # none, where a text that was run has no name
        if self._say is not None and module.startswith("stdyn.kernels"):
            say, self._say = self._say, None
            say("compiling what is needed, once after it was installed …")

    def on_end(self, event: event.Event) -> None:
        """Nothing is to be said."""


def on_compile(say: Callable[[str], None]) -> AbstractContextManager:
    """While the context lasts: say(text) once, if a kernel is compiled, and not if all that are needed are kept."""
    return event.install_listener("numba:compile", _Listener(say))
