"""How values show themselves: in one line, and as a card in a notebook; neither raises, nor warns of anything."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stdyn.errors import gathering
from stdyn.html import card
from stdyn.text import message

_LONGEST = 240  # characters of a line


def line(value: object, words: Callable[[Any], str]) -> str:
    """What a value is, <Class words>, whatever is in it: a repr must not raise, nor be more than a line."""
    try:
        with np.errstate(all="ignore"), gathering():  # nothing is warned of, either
            said = message(words(value), _LONGEST)
    except Exception:  # of something half made, or that somebody has filled with what is not meant
        said = "that cannot be shown"
    return f"<{type(value).__name__} {said}>"


def in_notebook(value: object, make: Callable[[Any], str]) -> str:
    """The card of a value, or if it cannot be made its line."""
    try:
        with np.errstate(all="ignore"), gathering():
            return make(value)
    except Exception:  # as of a repr
        return card(repr(value))
