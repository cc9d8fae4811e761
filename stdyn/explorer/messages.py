"""Messages of the explorer: JSON from the page; to it a header of plain values, and arrays of 8-byte floats."""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]  # arrays by name, or more of such mappings

_WORD = 8  # bytes, on which arrays begin
_DIGITS = 18  # of a whole number; one that is longer is a float, as it is to the page


def read(text: str) -> Any:
    """What is said in JSON; a ValueError if it is none. NaN and infinities are none, nor is what is nested too deep."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def packed(header: Mapping[str, Any], arrays: Arrays | None = None, blob: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """The header, which says where each array begins and which shape it has, and all arrays one after the other.

    A blob, of a file say, stands alone: it is a header's whole content.
    """
    parts: list[bytes] = []
    place = 0

    def put(values: Any) -> Any:
        nonlocal place
        if isinstance(values, Mapping):
            return {str(name): put(each) for name, each in values.items()}
        array = np.ascontiguousarray(values, dtype="<f8")
        parts.append(array.tobytes())
        found, place = [place, list(array.shape)], place + array.size
        return found

    where = {} if arrays is None else put(arrays)
    return plain({**header, "arrays": where}), b"".join(parts) or blob


def framed(header: Mapping[str, Any], content: bytes) -> bytes:
    """One message of bytes: the length of the header, the header in JSON, filled to 8 bytes, and the content."""
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % _WORD)
    return struct.pack("<I", len(text)) + text + content


def plain(value: Any) -> Any:
    """A value as JSON has it: what is no finite number is a word, "inf", "-inf" or "nan"."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
