"""Progress bars: in terminals, in notebooks with widgets or without, in log files."""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

Bar = Any  # of tqdm, which takes its time to import

_SELDOM = 10.0  # seconds between two states of a bar, where each is a line of a file


def bar(progress: bool, iterable: Iterable[Any] | None = None, **how: Any) -> Bar:
    """A progress bar of tqdm on stderr if `progress`, else one that shows nothing; `how` are arguments of tqdm."""
    notebook = _in_notebook()
    if progress and notebook and find_spec("ipywidgets"):  # without these it would warn
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    return tqdm(iterable, disable=not progress, mininterval=0.1 if notebook or interactive() else _SELDOM, **how)


def interactive() -> bool:
    """Whether somebody watches: stderr is a terminal. Commands show progress then only."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # None, or closed
        return False


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this, whose stderr is shown by a browser and is no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})
