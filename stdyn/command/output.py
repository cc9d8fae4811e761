"""What a command writes and where: files that are checked before work starts, and figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click

from stdyn.errors import InputError


class Result(Protocol):
    """What is written into a file: a Trajectory, Fluctuations."""

    def save(self, path: Path, /, overwrite: bool = False) -> object: ...


class Drawing(Protocol):
    """A figure of matplotlib's."""

    def savefig(self, path: Path, /) -> None: ...


@dataclass(frozen=True)
class Target:
    """A file that a command is to write, and whether it may replace one that is there; `at` checks it."""

    path: Path
    force: bool

    @classmethod
    def at(cls, path: Path, force: bool) -> "Target":
        """The file at this path, checked before work starts; its folder is made."""
        from stdyn.files.paths import check_target

        if not _exists(path):
            _make_folder(path.parent)
        check_target(path, force)
        return cls(path, force)

    def save(self, result: Result, seconds: float) -> None:
        """Write what was computed, in so many seconds."""
        result.save(self.path, overwrite=self.force)
        click.echo(f"wrote {self.path}  ({seconds:.1f} s)")

    def save_text(self, text: str) -> None:
        """Write a text."""
        with self.path.open("w" if self.force else "x", encoding="utf-8") as file:
            file.write(text)
        click.echo(f"wrote {self.path}")


@dataclass(frozen=True)
class Figures:
    """Where a command's figures go, and in which format."""

    folder: Path
    suffix: str

    def make_folder(self) -> None:
        """Make the folder, or say why it cannot be used, or why no figure can be drawn."""
        from stdyn.figures.pages import ready
        from stdyn.files.paths import check_folder

        ready(self.suffix)
        _make_folder(self.folder)
        check_folder(self.folder, "its files")

    def save(self, drawn: Mapping[str, Drawing], name: str) -> None:
        """Write every figure, as name_its-own-name.suffix."""
        for figure_name, figure in drawn.items():
            path = self.folder / f"{name}_{figure_name}.{self.suffix}"
            verb = "replaced" if path.exists() else "wrote"
            figure.savefig(path)
            click.echo(f"{verb} {path}")


@dataclass(frozen=True)
class Output:
    """Where the files and the figures of a command go, what their names begin with, and whether files are replaced."""

    name: str
    data: Path
    figures: Figures
    force: bool

    def target(self, ending: str) -> Target:
        """The file name_ending, checked."""
        return Target.at(self.data / f"{plain(self.name)}_{ending}", self.force)

    def targets(self, kinds: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Target]:
        """The file of each kind, name_kind.h5, checked, and then a folder for the figures."""
        found = {kind: self.target(f"{'_'.join(kind)}.h5") for kind in kinds}
        self.figures.make_folder()
        return found

    def draw(self, drawn: Mapping[str, Drawing]) -> None:
        """Write every figure."""
        self.figures.save(drawn, self.name)


def resumable(path: Path) -> Path:
    """The path of a file that is gone on with if it is there, and checked if not."""
    return path if _exists(path) else Target.at(path, force=False).path


def plain(name: str) -> str:
    """A name that files can begin with."""
    if not name or Path(name).name != name:
        raise InputError(f"name must be the beginning of a file's name, without a folder, but is {name!r}")
    return name


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        raise InputError(f"the folder {path.parent} cannot be searched: permission denied") from None


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} cannot be made: {error.strerror}") from None
