"""The parameters of a command, from options or a TOML file: the fields of a dataclass, each with its help."""

import os
import stat
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stdyn.errors import InputError
from stdyn.text import shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LARGEST = 2**26  # bytes of a TOML file

Parameters = TypeVar("Parameters", bound="DataclassInstance")  # an Experiment, a Training
_KINDS = {"rate": "float, Schedule or table", "table": "table"}  # as docstrings call them


def parameter(default: Any, text: str, **more: Any) -> Any:
    """A field that is an option of a command: `kind` says its type, `many` that of several values.

    A "rate" is a number or a table, a "table" one. `takes` says in a docstring what a field of any type may be.
    `choices` are the words that the shell completes; beside them there is file.py:name if `or_file`.
    """
    return field(default=default, metadata={"help": text} | more)


def documented(kind: type[Parameters]) -> type[Parameters]:
    """The class, in whose docstring a line "{parameters}" has become its fields, as numpydoc has them.

    What a field is stands in one place, its help, and is read on the command line and in the docstring.
    """
    if kind.__doc__ is not None:  # as it is with python -OO
        before, _, after = kind.__doc__.partition("{parameters}")
        line = "\n" + before.rpartition("\n")[2]
        kind.__doc__ = before + line.join(each for f in fields(kind) for each in _documented(f)) + after
    return kind


def not_usual(value: "DataclassInstance") -> str:
    """What makes such a value again: its class, with those of its fields that are not at their defaults."""
    usual = getattr(value, "not_given", ())  # set by others
    given = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in usual}
    defaults = {f.name: f.default for f in fields(value)}
    said = (f"{name}={each!r}" for name, each in given.items() if repr(each) != repr(defaults[name]))
    return f"{type(value).__name__}({', '.join(said)})"


def _documented(f: Any) -> tuple[str, str]:
    """What a docstring says of a field: its name and type, and below it its help."""
    of_type, many = f.metadata.get("kind", f.type), f.metadata.get("many")
    takes = f"{many.__name__} or sequence of {many.__name__}" if many else _KINDS.get(of_type) or of_type.__name__
    usual = "optional" if f.default is None else f"default {f.default!r}"
    text, _, given = f.metadata["help"].partition("  [")
    text += f" Default: {given[:-1]}." if given else ""
    return f"{f.name} : {f.metadata.get('takes', takes)}, {usual}", f"    {text}"


def read_toml(path: Path, kind: "type[DataclassInstance]", tables: Collection[str] = ()) -> dict[str, Any]:
    """The keys of a TOML file, each the name of a field of `kind`, and the tables that may stand below them.

    A field that may be a table is one in braces or in a section of its own.
    """
    try:
        values = parse(_text(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
    names = [f.name for f in fields(kind)]
    may_be_tables = [f.name for f in fields(kind) if f.metadata.get("kind") in ("rate", "table")]
    for key, value in values.items():
        if key in may_be_tables:
            continue
        if key in tables:
            if not isinstance(value, dict):
                raise InputError(f"{path}: {key} must be a table, [{key}], but is {shown(value)}")
            continue
        if isinstance(value, dict):
            allowed = f" but [{'] and ['.join(tables)}]" if tables else ""
            raise InputError(
                f"{path}: [{key}] is a table, but all keys stand at the top of the file, outside tables{allowed}"
            )
        check_name(key, [*names, *tables], f"{path}: there is no key")
    return values


def parse(text: str) -> dict[str, Any]:
    """A TOML text; raises ValueError if it is none."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("its lists or tables are nested too deep") from None


def _text(path: Path) -> str:
    """What is in a file, in a pipe or at /dev/stdin, up to a limit; nothing is in a pipe that nobody writes into."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if hasattr(os, "set_blocking"):
            os.set_blocking(file.fileno(), True)
        content = file.read(_LARGEST + 1)
        is_pipe = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    if is_pipe and not content:
        raise InputError(f"{path} is a pipe that nobody writes into")
    if len(content) > _LARGEST:
        raise InputError(f"{path} is no TOML file of parameters: it has more than {_LARGEST} bytes")
    return content.decode("utf-8-sig")


def to_toml(experiment: "DataclassInstance", left_out: Collection[str] = ()) -> str:
    """An experiment as a TOML file, each key with its help as a comment; tables stand below all other keys.

    Of what is left out there is the key only, in a comment.
    """
    import tomli_w

    entries: list[str] = []
    tables: list[str] = []
    for f in fields(experiment):
        value = getattr(experiment, f.name)
        line = f"# {f.name} =\n" if value is None or f.name in left_out else tomli_w.dumps({f.name: value})
        (tables if isinstance(value, Mapping) else entries).append(f"# {f.metadata['help']}\n{line}")
    return "\n".join([*entries, *tables])


def check_name(name: str, names: Sequence[str], refusal: str, more: str = "") -> None:
    """Refuse a name that is none of `names`, saying which is near, or if none is, which there are, and what more."""
    if name not in names:
        others = f"there are {', '.join(names)}{more}"
        raise InputError(f"{refusal} {shown(name)}; {nearest(name, names) or others}")


def nearest(word: str, words: Sequence[str]) -> str:
    """Which of these words is most like one that is none of them, in a sentence; "" if none is."""
    near = get_close_matches(word[:100], words, n=1)
    return f"the nearest one is {shown(near[0])}" if near else ""


def of_no_use(made: Any, options: Mapping[str, Any], in_file: Mapping[str, Any], varied: Collection[str]) -> list[str]:
    """What a file says and another parameter leaves without use, in words; an option of that kind is refused.

    A file is for several commands and rules, an option for one. The quantities `varied` take other values.
    """
    for name in varied:
        if name in options:
            raise InputError(f"{name} is of no use where {name} varies, but is {shown(options[name])}")
    usual, notes = {f.name: f.default for f in fields(made)}, []
    for name, reasons in made.without_use().items():
        if any(each in varied for each in reasons):
            continue
        why = " and ".join(f"{each} = {shown(getattr(made, each))}" for each in reasons)
        if name in options:
            raise InputError(f"{name} is of no use with {why}, but is {shown(options[name])}")
        if name in in_file and in_file[name] != usual[name]:
            notes.append(f"{name} = {shown(in_file[name])} is of no use with {why}")
    return notes


def from_values(values: Mapping[str, Any], kind: type[Parameters]) -> Parameters:
    """The experiment with these fields; refuses what is not a text where a text is wanted."""
    for f in fields(kind):
        value = values.get(f.name)
        if isinstance(f.default, str) and value is not None and not isinstance(value, str):
            raise InputError(f"{f.name} must be a text such as {shown(f.default)}, but is {shown(value)}")
    return kind(**values)
