"""What a command writes and where: files that are checked before work starts, and figures."""

import io
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from stdyn.errors import InputError, NotWritten, said
from stdyn.stopping import uninterrupted

Kind = TypeVar("Kind", bound=tuple[str, ...])

STOPPED_BY = 128  # and the number of the signal: the exit code, as shells say it


class Stopped(Exception):
    """The command ended before its work was done, for a reason that is not bad input: exit code 1, or of the signal."""


def note(path: Path) -> None:
    """Note a file that this command writes or takes over, for `interrupted`."""
    click.get_current_context().ensure_object(list).append(path)


def interrupted(files: Iterable[Path]) -> str:
    """What is said of an interruption that nothing else is said of: where that is which was done."""
    there = list(dict.fromkeys(path for path in files if _exists(path)))
    if not there:
        return "interrupted before anything was written"
    return f"interrupted; what was done until then is in {listed(there)}"


class Result(Protocol):
    """What is written into a file: a Trajectory, Fluctuations."""

    def save(self, path: Path, /, overwrite: bool = False) -> object: ...


class Drawing(Protocol):
    """A figure of matplotlib's."""

    def savefig(self, path: io.BytesIO, /, *, format: str) -> None: ...


class Wanted(Protocol):
    """What a file is to hold; it knows the files that hold it already, or as far as it came when interrupted."""

    @property
    def size(self) -> int:
        """The bytes that it will have at least, as far as they are known."""

    def found(self, path: Path, /) -> tuple[Any, bool]:
        """What is in the file, and whether it is complete; refuses a file of something else."""


@dataclass(frozen=True)
class Target:
    """A file that a command is to write, checked before work starts.

    `found` is what is there already of the same experiment, `complete` or as far as it came when it was interrupted.
    """

    path: Path
    force: bool
    found: Any = field(default=None, repr=False)
    complete: bool = False

    @classmethod
    def at(cls, path: Path, force: bool, wanted: Wanted | None = None) -> "Target":
        """The file at this path: checked, its folder made, and kept from other processes until the command ends."""
        target = cls.checked(path, force, wanted)
        target.reserve()
        return target

    @classmethod
    def checked(cls, path: Path, force: bool, wanted: Wanted | None = None) -> "Target":
        """The file at this path, if it can be written; nothing is made yet."""
        from stdyn.files.paths import check_not_locked, check_target

        _check_not_read(path)
        there = _exists(path) and not force and wanted is not None
        check_makeable(path.parent, path.name)
        if path.parent.is_dir():
            check_target(path, force or there)
            check_not_locked(path)
        target = cls(path, force, *(wanted.found(path) if there and wanted is not None else ()))
        if wanted is not None and not target.complete:
            check_makeable(path.parent, path.name, wanted.size)
        return target

    def reserve(self) -> None:
        """Make the folder, and keep the file from other processes until the command ends."""
        from stdyn.files.paths import check_target, reserved

        _make_folder(self.path.parent)
        with uninterrupted():  # between the lock and who takes it away
            click.get_current_context().with_resource(reserved(self.path))
        check_target(self.path, self.force or self.found is not None)

    def save(self, result: Result, seconds: float) -> None:
        """Write what was computed, in so many seconds."""
        with uninterrupted():
            try:
                result.save(self.path, overwrite=self.force or self.found is not None)
            except InputError as error:  # somebody has made the file, or taken the folder away, in the meantime
                raise _kept(result, self.path, str(error)) from error
            note(self.path)
        click.echo(f"wrote {self.path}  ({seconds:.1f} s)")

    def save_text(self, text: str) -> None:
        """Write a text, whole or not at all."""
        from stdyn.files.paths import move_into_place

        move_into_place(io.BytesIO(text.encode()), self.path, self.force)
        note(self.path)
        click.echo(f"wrote {self.path}")


@dataclass(frozen=True)
class Figures:
    """Where a command's figures go, and in which format."""

    folder: Path
    suffix: str

    def path(self, name: str, figure: str) -> Path:
        """Where a figure goes."""
        return self.folder / f"{name}_{figure}.{self.suffix}"

    def check(self, name: str, figures: Iterable[str], replace: bool, files: Collection[Path] = ()) -> None:
        """Refuse figures that are there, unless they may be replaced, or were drawn of these files as they are.

        And any, if matplotlib cannot draw.
        """
        from stdyn.figures.pages import ready
        from stdyn.files.paths import reserved

        ready(self.suffix)
        check_makeable(self.folder)
        if self.folder.is_dir():
            with reserved(self.path(plain(name), "*")):  # what is there may be what another process has just written
                pass
        newest = max((path.stat().st_mtime for path in files), default=float("inf"))
        for path in (self.path(plain(name), figure) for figure in figures):
            _check_not_read(path)
            if _exists(path) and not replace and path.stat().st_mtime < newest:
                raise InputError(f"the figure {path} exists and is not overwritten unless asked (--force)")

    def save(self, drawn: Mapping[str, Drawing], name: str, replace: bool) -> None:
        """Write every figure, as name_its-own-name.suffix, whole or not at all; one that is there only with `replace`.

        A figure that the command could not know of before work started is not replaced either. Where one cannot be
        written the others are; only then is it said. No other process writes those of the same name meanwhile.
        """
        from stdyn.files.paths import reserved

        _make_folder(self.folder)
        failed: dict[Path, Exception] = {}
        with reserved(self.path(name, "*")):
            for figure_name, figure in drawn.items():
                path = self.path(name, figure_name)
                try:
                    done = self._save(figure, path, replace)
                except Exception as error:
                    failed[path] = error
                else:
                    click.echo(done)
        if failed:
            first = next(iter(failed.values()))
            raise first if len(failed) == 1 else _not_written(failed, len(drawn)) from first

    def _save(self, figure: Drawing, path: Path, replace: bool) -> str:
        """Write a figure; what was done, in words."""
        from stdyn.files.paths import move_into_place

        there = _exists(path)
        if there and not replace:
            return f"{path} is there already"
        image = io.BytesIO()
        figure.savefig(image, format=self.suffix)
        move_into_place(image, path, replace)
        note(path)
        return f"{'replaced' if there else 'wrote'} {path}"


@dataclass(frozen=True)
class Output:
    """Where the files and the figures of a command go, what their names begin with, and whether files are replaced."""

    name: str
    data: Path
    figures: Figures
    force: bool

    def target(self, ending: str, figures: Iterable[str]) -> Target:
        """The file name_ending, checked, and the names of the figures."""
        target = Target.checked(self.path(ending), self.force)
        self.figures.check(self.name, figures, self.force)
        target.reserve()
        return target

    def check(self, kinds: Iterable[tuple[str, ...]], figures: Iterable[str]) -> None:
        """Refuse what cannot be written, before it is known what `targets` is to take over."""
        paths = [self.path(f"{'_'.join(kind)}.h5") for kind in kinds]
        there = [path for path in paths if _exists(path)]
        for path in paths:
            Target.checked(path, self.force or path in there)
        self.figures.check(self.name, figures, self.force, there)

    def targets(self, wanted: Mapping[Kind, Wanted], figures: Iterable[str]) -> dict[Kind, Target]:
        """The file of each kind, name_kind.h5, checked, and the names of the figures; only then is anything made.

        Files of the same experiment that are there are taken over.
        """
        found = {
            kind: Target.checked(self.path(f"{'_'.join(kind)}.h5"), self.force, each) for kind, each in wanted.items()
        }
        size = sum(wanted[kind].size for kind, each in found.items() if not each.complete)
        check_makeable(self.data, "its files", size)
        there = [target.path for target in found.values()] if all(each.complete for each in found.values()) else []
        self.figures.check(self.name, figures, self.force, there)
        for target in found.values():
            target.reserve()
        return found

    def draw(self, draw: Callable[[], Mapping[str, Drawing]], files: Iterable[Path]) -> None:
        """Draw and write every figure; whatever goes wrong, it is said in which files the results are."""
        draw_figures(draw, self.figures, self.name, self.force, files)

    def path(self, ending: str) -> Path:
        """The file name_ending."""
        return self.data / f"{plain(self.name)}_{ending}"


def draw_figures(
    draw: Callable[[], Mapping[str, Drawing]], figures: Figures, name: str, replace: bool, files: Iterable[Path]
) -> None:
    """Draw and write every figure; whatever goes wrong, it is said in which files the results are."""
    try:
        figures.save(draw(), name, replace)
    except KeyboardInterrupt:
        raise Stopped(f"interrupted while figures were drawn; what was computed is in {listed(files)}") from None
    except Exception as error:
        why = str(error) if isinstance(error, NotWritten | InputError) else said(error)
        raise Stopped(f"not all figures could be drawn ({why}); what was computed is in {listed(files)}") from error


def _kept(result: Result, path: Path, why: str) -> NotWritten:
    """Keep a result that cannot be written to its path in the folder for temporary files."""
    from stdyn.files.journal import elsewhere
    from stdyn.files.paths import NOWHERE

    try:
        instead = elsewhere(path)
        result.save(instead)
    except (OSError, InputError):
        return NotWritten(f"{why}; {NOWHERE}", why=why)
    return NotWritten(f"{why}; what was computed is in {instead}", instead, why)


def _not_written(failed: Mapping[Path, Exception], count: int) -> NotWritten:
    """What is said of several figures that could not be written, of so many."""
    first = next(iter(failed.values()))
    why = (first.why if isinstance(first, NotWritten) else "") or said(first)
    kept = [error.elsewhere for error in failed.values() if isinstance(error, NotWritten) and error.elsewhere]
    names = [Path(path.name) for path in kept]
    where = f"; {len(kept)} of them are in {kept[0].parent}, as {listed(names)}" if kept else ""
    return NotWritten(f"{len(failed)} of {count} figures, {listed(failed)}, cannot be written: {why}{where}", why=why)


def listed(files: Iterable[Path]) -> str:
    """Files in a sentence, of several the first and the last."""
    first, *others = map(str, files)
    return first if not others else f"{first} to {others[-1]}" if len(others) > 2 else ", ".join([first, *others])


def check_resumable(path: Path) -> None:
    """Refuse a file that can neither be gone on with nor made; nothing is made yet."""
    if _exists(path) and not path.is_dir():
        _check_not_read(path)
    else:  # by the time it is looked at again another process may have made it, which is to be gone on with, too
        Target.checked(path, force=True)


def resumable(path: Path) -> Path:
    """The path of a file that is gone on with if it is there; if not, its folder is made."""
    check_resumable(path)
    _make_folder(path.parent)
    return path


def plain(name: str) -> str:
    """A name that files can begin with."""
    if not name or Path(name).name != name:
        raise InputError(f"name must be the beginning of a file's name, without a folder, but is {name!r}")
    return name


def check_makeable(folder: Path, name: str = "its files", size: int = 0) -> None:
    """Refuse a folder that is not there and cannot be made, or has no room for a file of this size."""
    from stdyn.files.paths import ROOM, check_folder

    above = folder
    while not _exists(above) and above != above.parent:
        above = above.parent
    if above.is_dir():
        check_folder(above, name, max(ROOM, size))
    else:
        raise InputError(f"the folder {folder} cannot be made: {above} is not a folder")


def _check_not_read(path: Path) -> None:
    """Refuse to write to a file that the command reads."""
    for name, value in click.get_current_context().params.items():
        for given in value if isinstance(value, tuple) else [value]:
            text = given.rpartition(":")[0] if isinstance(given, str) else given  # file.py:name of an activation
            if name in _READ and text and _is_same(path, text):
                raise InputError(f"{path} is read by this command ({name}) and cannot be written by it, too")


def _is_same(path: Path, other: str | Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


_READ = ("config", "activation", "activation_teacher", "file", "files")  # parameters of the commands


def _exists(path: Path) -> bool:
    from stdyn.files.paths import exists

    return exists(path)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} cannot be made: {error.strerror}") from None
