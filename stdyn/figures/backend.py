"""matplotlib is loaded whatever its user has set: nothing of stdyn is shown on a screen."""

import os
import sys
from contextlib import suppress

from stdyn.errors import InputError
from stdyn.text import shown


def load_matplotlib() -> None:
    """Import matplotlib, also where $MPLBACKEND names a backend that is not there; InputError if it cannot be."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)  # it is checked by the import, which it would stop
    try:
        import matplotlib as mpl
    except Exception as error:
        raise InputError(f"no figures can be drawn, matplotlib cannot be imported: {in_a_line(error)}") from None
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            mpl.rcParams["backend"] = backend  # for what others draw


def in_a_line(error: Exception) -> str:
    """The kind and the words of an error."""
    return f"{type(error).__name__}: {shown(str(error))}"
