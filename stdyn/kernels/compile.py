"""How kernels are compiled: four sets of options, one stamp over the whole folder, a word and a clock meanwhile.

numba keeps compiled functions on the disk and compiles anew when the file that holds the function has changed. It does
not look at other files, whose functions may be part of the machine code. So every kernel carries a digest of all files
of this folder in place of the date of its own.
"""

import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core import event

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FOLDER = Path(__file__).parent
_STAMP = sha256(b"".join(path.read_bytes() for path in sorted(_FOLDER.rglob("*.py")))).hexdigest()


if config.DISABLE_JIT:  # type: ignore[attr-defined]  # set at run time
    raise ImportError("NUMBA_DISABLE_JIT is set, but stdyn's kernels do not run without numba's compiler: unset it")


def _kernel(**options: Any) -> Callable[[Callable], Any]:
    """A decorator: numba's njit with these options, kept on the disk under the stamp of the folder."""

    def decorate(function: Callable) -> Any:
        dispatcher = njit(nogil=True, error_model="numpy", **options)(function)
        try:
            dispatcher.enable_caching()
        except RuntimeError:  # no folder that could be written to
            _not_kept("neither its folder nor the user's can be written to")
            return dispatcher
        file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if file is not None and hasattr(file, "_source_stamp"):
            file._source_stamp = _STAMP
            cache = dispatcher._cache
            cache.load_overload = _alone(_unless_damaged(cache.load_overload), cache.cache_path)
            cache.save_overload = _alone(_or_not_kept(cache.save_overload, file.flush), cache.cache_path)
        else:  # private to numba, and gone
            warnings.warn(
                "this version of numba keeps its cache in another way: after an edit in stdyn/kernels, empty the"
                " folders __pycache__ there, or kernels of other files go on with the old code",
                RuntimeWarning,
                stacklevel=2,
            )
        return dispatcher

    return decorate


@cache  # said once
def _not_kept(why: str) -> None:
    warnings.warn(
        f"compiled functions are not kept, so that every process compiles them anew: {why}"
        " (let the environment variable NUMBA_CACHE_DIR name a folder for them)",
        RuntimeWarning,
        stacklevel=4,
    )


def _unless_damaged(load: Callable) -> Callable:
    """`load`, but None for what cannot be read, as after a crash or on a full disk: it is compiled anew."""

    @wraps(load)
    def loaded(*arguments: Any) -> Any:
        with suppress(Exception):  # whatever comes of unpickling half a file
            return load(*arguments)
        return None

    return loaded


def _or_not_kept(save: Callable, flush: Callable) -> Callable:
    """`save`, but over what cannot be read; and a word, not an error, if the disk is full."""

    @wraps(save)
    def saved(*arguments: Any) -> None:
        try:
            try:
                save(*arguments)
            except OSError:
                raise
            except Exception:  # the index is damaged
                flush()
                save(*arguments)
        except OSError as error:
            _not_kept(f"{error.strerror}: {error.filename}")

    return saved


# Reassociation and fused multiply-add change a sum by rounding only; NaN, infinity and signed zero keep their meaning.
# But where a kernel calls another one, numba puts a copy into its machine code, and one of the copies is run: the first
# that the process has compiled or loaded. They were optimised in different surroundings, so that their last bits may
# differ, and with them those of a process that compiles and of one that loads.
compiled = _kernel(fastmath={"reassoc", "contract"})
# What sums over many points for other kernels is part of each of them, and has no copy of its own that could be run.
woven = _kernel(fastmath={"reassoc", "contract"}, forceinline=True)
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


class _Compilations(event.Listener):
    """Says once that kernels are compiled, and adds up the seconds that it takes; numba does one at a time."""

    def __init__(self) -> None:
        self.seconds = 0.0  # that ended
        self.silent = False  # since it has been said, or is not to be
        self._depth = 0  # one kernel needs another
        self._began = 0.0

    def on_start(self, event: event.Event) -> None:
        """A function is about to be compiled."""
        if self._depth == 0:
            self._began = time.perf_counter()
        self._depth += 1
        module = event.data["dispatcher"].py_func.__module__ or ""  # none, where a text that was run has no name
        if not self.silent and module.startswith("stdyn.kernels"):
            self.silent = True
            with suppress(OSError, ValueError, AttributeError):  # stderr: full, closed or None
                sys.stderr.write("stdyn: compiling what is needed, once after it was installed …\n")

    def on_end(self, event: event.Event) -> None:
        """It was compiled, or that failed."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._began


_compilations = _Compilations()
event.register("numba:compile", _compilations)


def compile_silently() -> None:
    """Do not say, from now on, that kernels are compiled."""
    _compilations.silent = True


class Stopwatch:
    """The seconds since it was made, but for those in which kernels were compiled."""

    def __init__(self) -> None:
        self._began, self._compiled = time.perf_counter(), _compilations.seconds

    @property
    def seconds(self) -> float:
        """How long it took until now."""
        return time.perf_counter() - self._began - (_compilations.seconds - self._compiled)
