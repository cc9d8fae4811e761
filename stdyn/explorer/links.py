"""Links to the page: the state that one says, read as the page itself reads it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from stdyn.errors import InputError
from stdyn.explorer.messages import read
from stdyn.explorer.state import State
from stdyn.text import shown

_VIEW = "view"  # what the names begin with that say what is looked at
_LONGEST = 1 << 16  # characters


def state_of_link(link: str) -> State | None:
    """The state that a link says behind the #, None if it says none; a value is JSON, or a word."""
    if len(link) > _LONGEST:
        raise InputError(f"a link must be at most {_LONGEST} characters long, but {shown(link)} has {len(link)}")
    state: State = {}
    for name, text in parse_qsl(link.partition("#")[2], keep_blank_values=True):
        if not name.startswith(_VIEW):
            try:
                state[name] = read(text)
            except ValueError:
                state[name] = text
    return state or None
