"""Options that several commands share, and the values that they make of them."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stdyn.command.choices import Choice, NameOrFile, varying
from stdyn.command.output import Figures, Output
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment
from stdyn.settings import from_values, of_no_use, parse, read_toml
from stdyn.text import shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., None]
Decorator = Callable[[Function], Function]


class _Name(click.Path):
    """A path; an empty text, of a variable of the shell that is not set, say, would be the folder that one is in."""

    def __init__(self, of_folder: bool) -> None:
        super().__init__(path_type=Path)
        self.of_folder = of_folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("a path must not be empty, but is ''", param, ctx)
        if not self.of_folder and isinstance(value, str) and value.endswith(("/", os.sep)):
            self.fail(f"{shown(value)} is the name of a folder; the name of a file was expected", param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="dir" if self.of_folder else "file")]


FILE, FOLDER = _Name(of_folder=False), _Name(of_folder=True)


class TomlValue(click.ParamType):
    """A number or an array, written as in a TOML file."""

    name = "value"
    wanted = "a number or an array such as 0.5 or '[0.1, 0.2]'"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if not isinstance(value, str):
            return value
        try:
            if "\n" in value:
                raise ValueError("more than one line")
            return parse(f"value = {value}")["value"]
        except ValueError:
            self.fail(f"{shown(value)} is not {self.wanted}", param, ctx)


class Rate(TomlValue):
    """A number, or the table of a schedule."""

    name = "rate"
    wanted = "a number or a table such as 0.5 or '{kind=\"linear\", at=[0, 10], value=[0, 1]}'"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if isinstance(value, str):
            with suppress(ValueError):
                return float(value)
        return super().convert(value, param, ctx)


class Table(TomlValue):
    """A table, written as in a TOML file."""

    name = "table"
    wanted = "a table such as '{key=0.5, other=[0, 60]}', as in TOML"


_KINDS = {"rate": Rate(), "table": Table()}  # of parameters of an experiment


class TomlOrText(TomlValue):
    """A word, or an array written as in a TOML file."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        return value if isinstance(value, str) and value.isalpha() else super().convert(value, param, ctx)


def experiment_options(
    without: tuple[str, ...] = (),
    tables: tuple[str, ...] = (),
    usual: "Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None" = None,
    of: "type[DataclassInstance]" = Experiment,
    not_both: tuple[str, ...] = (),
    **defaults: Any,
) -> Decorator:
    """Give a command the fields of Experiment (or `of`) as options, and --config; it gets the Experiment they make.

    If the file may have tables, it is an argument, and the command gets them as a dict too. `usual` says, of the other
    options of the command and of what is in the file, which values are usual instead of the defaults. Of the options
    that are `not_both` the word "both" is not offered.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(config: Path | None, **options: Any) -> None:
            given = {f.name: options.pop(f.name, None) for f in fields(of)}
            given = {name: value for name, value in given.items() if value not in (None, ())}
            in_file = read_toml(config, of, tables) if config else {}
            in_tables = {name: in_file.pop(name, {}) for name in tables}
            if "vary" in in_tables:
                in_tables["vary"] = _named(in_tables["vary"])
            more = {} if usual is None else usual(options, in_file)
            experiment = from_values(defaults | more | in_file | given, of)
            if isinstance(experiment, Experiment):
                experiment.check_given(in_file | given)
            varied = set(in_tables.get("vary", ()))
            varied.update(name.strip() for text in options.get("vary", ()) for name in _split(text)[0].split("="))
            varied.discard("N")  # the recorded alphas are multiples of 1/N, also where N varies
            for text in of_no_use(experiment, given, in_file, varied):
                click.echo(f"stdyn: {config}: {text}", err=True)
            if tables:
                options |= {"config": config, "tables": in_tables}
            function(experiment, **options)

        with_options: Function = command
        for f in reversed([f for f in fields(of) if f.name not in without]):
            with_options = _option_of(f, defaults.get(f.name, f.default), f.name in not_both)(with_options)
        if tables:
            return click.argument("config", type=FILE, required=False, metavar="[CONFIG.toml]")(with_options)
        text = "Read parameters from a TOML file; options win over it."
        return click.option("--config", type=FILE, help=text)(with_options)

    return decorate


def _named(vary: dict[str, Any]) -> dict[str, Any]:
    """The table [vary], in which eta.scale = […], a table in a table to TOML, is "eta.scale" = […]."""
    named: dict[str, Any] = {}
    for name, values in vary.items():
        if isinstance(values, dict) and values and not set(values) & {"from", "to", "number", "spacing"}:
            named |= {f"{name}.{key}": each for key, each in values.items()}
        else:
            named[name] = values
    return named


def _option_of(f: Field[Any], default: Any, not_both: bool) -> Decorator:
    """The option of a field; what is not given is None, or () where several values may be."""
    many = f.metadata.get("many")
    shown = " ".join(map(str, default)) if many else default
    said = f.metadata["help"].partition("; both is ")[0] + "." if not_both else f.metadata["help"]
    text = said + ("" if default is None else f"  [{shown}]")
    kind = f.metadata.get("kind") or (f.type if f.type in (int, float, str) else TomlValue())
    kind = many or (_KINDS[kind] if isinstance(kind, str) else kind)
    metavar = f"{f.name.upper().removesuffix('S')} ..." if many else None
    if "choices" in f.metadata:
        kind, metavar = _choice_of(f, not_both), metavar or "WORD"
    flag = "--" + f.name.replace("_", "-")
    if f.type is bool:
        return click.option(f.name, f"{flag}/--no-{flag[2:]}", is_flag=True, default=None, help=f.metadata["help"])
    return click.option(f.name, flag, type=kind, help=text, multiple=bool(many), metavar=metavar)


def _choice_of(f: Field[Any], not_both: bool) -> Choice:
    """The words of a field, which its help names; "both", where it cannot be, has an answer of its own."""
    words = f.metadata["choices"]
    if f.metadata.get("or_file"):
        return NameOrFile(words)
    also = ("dfa",) if "fa" in words and "dfa" not in words else ()  # taken as fa, which is said
    offered = [word for word in words if not (not_both and word == "both")]
    return Choice(offered, (*also, *words))


def output_options(name: str, said: str | None = None) -> Decorator:
    """Give a command --name, --data, --figures and --format; with its `force_option` they make the Output it gets.

    What the usual name is may be `said` otherwise.
    """

    def decorate(function: Function) -> Function:
        @figure_options
        @wraps(function)
        def command(*arguments: Any, name: str, data: Path, figures: Figures, force: bool, **options: Any) -> None:
            function(*arguments, output=Output(name, data, figures, force), **options)

        command = click.option("--data", type=FOLDER, default="data", help="Folder of the results.  [data]")(command)
        return click.option("--name", default=name, help=f"What the names of the files begin with.  [{said or name}]")(
            command
        )

    return decorate


def figure_options(function: Function) -> Function:
    """Give a command --figures and --format; it gets the Figures that they make."""

    @wraps(function)
    def command(*arguments: Any, figures: Path, suffix: str, **options: Any) -> None:
        function(*arguments, figures=Figures(figures, suffix), **options)

    formats = Choice(["png", "pdf", "svg"])
    command = click.option("--format", "suffix", type=formats, default="png", help="Of the figures.  [png]")(command)
    return click.option("--figures", type=FOLDER, default="figures", help="Folder of the figures.  [figures]")(command)


force_option = click.option("--force", is_flag=True, help="Overwrite existing results and figures.")
force_figures_option = click.option("--force", is_flag=True, help="Overwrite existing figures.")
force_anew_option = click.option("--force", is_flag=True, help="Begin anew if the file exists.")
workers_option = click.option("--workers", type=int, help="Number of worker processes.  [all cores]")


def refuse_options(names: Iterable[str], why: str) -> None:
    """Refuse options of this command that something else leaves without use."""
    for name in names:
        if on_command_line(name):
            value = click.get_current_context().params[name]
            said = shown(str(value) if isinstance(value, Path) else value)
            raise InputError(f"{name} is of no use with {why}, but is {said}")


def on_command_line(name: str) -> bool:
    """Whether an option of this command was given."""
    return click.get_current_context().get_parameter_source(name) == ParameterSource.COMMANDLINE


def write_config_option(what: str) -> Decorator:
    """Give a command --write-config, the file that it writes its parameters into."""
    return click.option("--write-config", type=FILE, help=f"Write the {what} as a TOML file, and do nothing else.")


def output_option(default: str) -> Decorator:
    """Give a command --output, the file it writes; the command says which it is by default."""
    return click.option("--output", "-o", type=FILE, help=f"The file to write.  [{default}]")


def vary_option(text: str) -> Decorator:
    """Give a command --vary; `assignment` reads what it gets."""
    return click.option("--vary", "-v", multiple=True, metavar="NAME=VALUES", help=text, shell_complete=varying)


def _split(text: str) -> tuple[str, str, str]:
    """NAME=VALUES in parts: where a list or table begins, or at the last =; a name may be in quotes, as in TOML."""
    begin = re.search(r"=\s*[\[{]", text)
    at = begin.start() if begin else max(text.rfind("="), 0)
    return re.sub(r"[\"']", "", text[:at]).strip(), text[at : at + 1], text[at + 1 :]


def assignment(text: str) -> tuple[str, Any]:
    """The name and the values in NAME=VALUES; names that are put equal to each other share the values."""
    names, is_one, values = _split(text)
    if not is_one or not names:
        raise InputError(f"--vary must be NAME=VALUES, such as 'eta=[0.1, 0.2]', but is {shown(text)}")
    if values.strip() == "each":
        return names, "each"
    try:
        parsed = parse(f"values = {values}")
        if len(parsed) > 1:
            raise ValueError("more than the values")
        return names, parsed["values"]
    except ValueError:
        raise InputError(f"--vary {names}: {shown(values)} is not a list or a table as in a TOML file") from None
