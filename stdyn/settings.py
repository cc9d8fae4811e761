"""The parameters of a command, from options or a TOML file: the fields of a dataclass, each with its help."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stdyn.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Parameters = TypeVar("Parameters", bound="DataclassInstance")  # an Experiment, a Training


def parameter(default: Any, text: str, **more: Any) -> Any:
    """A field that is an option of a command: `kind` says its type, `many` that of several values."""
    return field(default=default, metadata={"help": text} | more)


def read_toml(path: Path, kind: "type[DataclassInstance]", tables: Collection[str] = ()) -> dict[str, Any]:
    """The keys of a TOML file, each the name of a field of `kind`, and the tables that may stand below them."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
    names = [f.name for f in fields(kind)]
    for key, value in values.items():
        if key in tables:
            if not isinstance(value, dict):
                raise InputError(f"{path}: {key} must be a table, [{key}], but is {value!r}")
            continue
        if isinstance(value, dict):
            allowed = f" but [{'] and ['.join(tables)}]" if tables else ""
            raise InputError(
                f"{path}: [{key}] is a table, but all keys stand at the top of the file, outside tables{allowed}"
            )
        check_name(key, [*names, *tables], f"{path}: there is no key")
    return values


def to_toml(experiment: "DataclassInstance") -> str:
    """An experiment as a TOML file, each key with its help as a comment."""
    import tomli_w

    entries = []
    for f in fields(experiment):
        value = getattr(experiment, f.name)
        line = f"# {f.name} =\n" if value is None else tomli_w.dumps({f.name: value})
        entries.append(f"# {f.metadata['help']}\n{line}")
    return "\n".join(entries)


def check_name(name: str, names: Sequence[str], refusal: str) -> None:
    """Refuse a name that is none of `names`, saying which is nearest."""
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.0)
        raise InputError(f"{refusal} {name!r}; the nearest one is {near[0]!r}")


def make(
    kind: type[Parameters],
    defaults: Mapping[str, Any],
    config: Path | None,
    options: Mapping[str, Any],
    tables: Collection[str] = (),
) -> Parameters:
    """The experiment of a command: its defaults, then the file (which may have these tables, too), then the options."""
    in_file = read_toml(config, kind, tables) if config else {}
    read = {name: value for name, value in in_file.items() if name not in tables}
    return from_values(dict(defaults) | read | dict(options), kind)


def from_values(values: Mapping[str, Any], kind: type[Parameters]) -> Parameters:
    """The experiment with these fields; refuses what is not a text where a text is wanted."""
    for f in fields(kind):
        value = values.get(f.name)
        if isinstance(f.default, str) and value is not None and not isinstance(value, str):
            raise InputError(f"{f.name} must be a text such as {f.default!r}, but is {value!r}")
    return kind(**values)
