"""How files are written: through links, in the mode of what they replace; kept elsewhere where they cannot be."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from conftest import random_problem
from test_store import assert_same, solved

from stdyn import InputError, NotWritten, Training, load, open_scan, open_training, scan, train
from stdyn.files import paths
from stdyn.files.journal import journal_of
from stdyn.layered import trainingfile
from stdyn.scans import scanning

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links, modes and locks")


def test_a_link_stays_a_link(tmp_path):
    """What it leads to is replaced; a link that leads to nothing yet is written to where it leads."""
    (tmp_path / "disk").mkdir()
    for name in ("there", "dangling"):
        (tmp_path / f"{name}.h5").symlink_to(tmp_path / "disk" / f"{name}.h5")
    solved("network").save(tmp_path / "disk" / "there.h5")
    for name in ("there", "dangling"):
        solved().save(tmp_path / f"{name}.h5", overwrite=True)
        assert (tmp_path / f"{name}.h5").is_symlink()
        assert_same(load(tmp_path / "disk" / f"{name}.h5"), solved())
    assert sorted(os.listdir(tmp_path / "disk")) == ["dangling.h5", "there.h5"]
    with pytest.raises(InputError, match=r"dangling\.h5 exists"):
        solved().save(tmp_path / "dangling.h5")


@pytest.mark.parametrize("mode", [0o664, 0o600, 0o444])
def test_the_mode_of_what_is_replaced_stays(tmp_path, mode):
    """A new file has that of the umask."""
    path = solved().save(tmp_path / "a.h5")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(mode)
    solved("network").save(path, overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert load(path).runs == 3


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_name_may_have_255_bytes(tmp_path, letter):
    """So has the name of a file with a journal one that is short enough."""
    name = letter * ((255 - 3) // len(letter.encode())) + ".h5"
    assert_same(load(solved().save(tmp_path / name)), solved())
    assert len(os.fsencode(journal_of(tmp_path / name).name)) <= 255
    assert journal_of(tmp_path / "a.h5").name == ".a.h5.journal"


@pytest.mark.parametrize("what", ["a pipe", "a link to itself", "a folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, what):
    """Even if asked."""
    path = tmp_path / "a.h5"
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    before = os.lstat(path).st_mode
    with pytest.raises(InputError, match=r"a\.h5"):
        solved().save(path, overwrite=True)
    assert os.lstat(path).st_mode == before


def test_what_cannot_be_written_is_kept_elsewhere(tmp_path, monkeypatch):
    """A full disk: the error names the file, why, and where it is instead; the old file stays."""
    (tmp_path / "full").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    path = solved("network").save(tmp_path / "full" / "a.h5")
    before, write = path.read_bytes(), paths._write_new

    def full(where, image):
        if where.parent.name == "full":
            raise OSError(28, "No space left on device")
        write(where, image)

    monkeypatch.setattr(paths, "_write_new", full)
    with pytest.raises(NotWritten, match=r"full/a\.h5 cannot be written: No space left on device; .* is in ") as error:
        solved().save(path, overwrite=True)
    assert path.read_bytes() == before
    assert_same(load(error.value.elsewhere), solved())
    assert os.listdir(tmp_path / "other") == [error.value.elsewhere.name]


@pytest.mark.parametrize("room", [0, 100])
def test_a_text_is_written_whole_or_not_at_all(tmp_path, room):
    """No file of 0 bytes is left where files may not grow, nor in the folder for temporary files."""
    code = f"""
import io, resource, sys, tempfile
from pathlib import Path
from stdyn.files.paths import move_into_place
tempfile.tempdir = sys.argv[1]
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
move_into_place(io.BytesIO(bytes(1000)), Path(sys.argv[1]) / "a.toml", False)
"""
    process = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "NotWritten" in process.stderr
    assert "a.toml cannot be written: File too large" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_target_is_reserved(tmp_path):
    """Another one is refused as long as it is, be it by a link; what a killed process leaves is in nobody's way."""
    path, link = tmp_path / "a.h5", tmp_path / "link.h5"
    link.symlink_to(path)
    with paths.reserved(path):
        for other in (path, link):
            with pytest.raises(InputError, match="is being written by another process"), paths.reserved(other):
                pass
        with paths.reserved(tmp_path / "b.h5"):
            pass
    assert os.listdir(tmp_path) == ["link.h5"]
    code = "import os, sys; from pathlib import Path; from stdyn.files.paths import reserved\n"
    code += "with reserved(Path(sys.argv[1])): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    with paths.reserved(path):
        pass
    assert os.listdir(tmp_path) == ["link.h5"]


# ---------------------------------------------------------------------------------------------------------------------
# Room, before work starts

LIMITED = """
import io, resource, sys
from pathlib import Path
from stdyn.files.paths import ROOM, check_target, move_into_place
path = Path(sys.argv[1]) / "a.h5"
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
"""


def limited(code, *arguments):
    """What a process says in which files may not grow beyond a size."""
    command = [sys.executable, "-c", LIMITED + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("size", [0, 12_000])
def test_that_there_is_no_room_is_found_before_work_starts(tmp_path, size):
    """Though an empty file, or a small one, can be made. Nothing is left by the trial."""
    assert limited("check_target(path, False)", tmp_path, size) == ""
    said = limited("check_target(path, False, ROOM)", tmp_path, size)
    assert f"InputError: the folder {tmp_path} cannot be written to: File too large (wanted for a.h5, 65536" in said
    assert limited("check_target(path, False, ROOM)", tmp_path, paths.ROOM) == ""
    assert list(tmp_path.iterdir()) == []


def test_more_than_is_free_is_refused(tmp_path):
    """By what the file system says of itself: no file of that size is made."""
    free = shutil.disk_usage(tmp_path).free
    paths.check_target(tmp_path / "a.h5", False, free // 2)
    with pytest.raises(InputError, match=r"has no room for a\.h5: \d+ bytes are needed, but \d+ are free"):
        paths.check_target(tmp_path / "a.h5", False, free + 2**40)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_that_is_what_is_said(tmp_path):
    """Not what Python says of its folders for temporary files."""
    said = limited("move_into_place(io.BytesIO(bytes(1000)), path, False)", tmp_path, 0).splitlines()[-1]
    words = "cannot be written: File too large; nor could it be kept in a folder for temporary files"
    assert said == f"stdyn.errors.NotWritten: {tmp_path}/a.h5 {words}"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------------------
# Files that are written point by point: scans and trainings

PROBLEMS = [random_problem(2, 2, eta=eta) for eta in (0.1, 0.2)]


def scanned(path, images, overwrite=False, **_):
    return scan(PROBLEMS, np.linspace(0, 1, 3), path, overwrite=overwrite)


def trained(path, images, overwrite=False, epochs=2, rule="bp"):
    training = Training(rule=rule, widths=(3,), epochs=epochs, seeds=1)
    return train(training, path, images, overwrite=overwrite)


BOTH = pytest.mark.parametrize(
    ("begin", "module", "opened"), [(scanned, scanning, open_scan), (trained, trainingfile, open_training)]
)


@BOTH
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_of_two_that_begin_together_one_is_refused(
    tmp_path, image_folder, monkeypatch, begin, module, opened, overwrite, when
):
    """Whether the file is there yet or not; the words are of a second writer, and the first one is not disturbed."""
    path, create, seen = tmp_path / "a.h5", module.create, []
    if overwrite:
        begin(path, image_folder)

    def together(*arguments, **more):
        if when == "after":
            create(*arguments, **more)
        with monkeypatch.context() as patch:
            patch.setattr(module, "create", create)
            with pytest.raises(InputError, match=r"a\.h5 is being written by another process") as error:
                begin(path, image_folder, overwrite)
        seen.append(error)
        if when == "before":
            create(*arguments, **more)

    monkeypatch.setattr(module, "create", together)
    assert begin(path, image_folder, overwrite) == opened(path)
    assert len(seen) == 1
    assert os.listdir(tmp_path) == ["a.h5"]


@BOTH
def test_a_file_without_a_result_is_not_kept_elsewhere(tmp_path, image_folder, monkeypatch, begin, module, opened):
    """The disk is full as it is made: the error says so and no more; nothing is in the folder for temporary files."""
    (tmp_path / "other").mkdir()
    (tmp_path / "full").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    write = paths._write_new

    def full(where, image):
        if where.parent.name == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(where, image)

    monkeypatch.setattr(paths, "_write_new", full)
    with pytest.raises(NotWritten) as error:
        begin(tmp_path / "full" / "a.h5", image_folder)
    assert str(error.value) == f"{tmp_path}/full/a.h5 cannot be written: No space left on device"
    assert (error.value.elsewhere, error.value.why) == (None, "No space left on device")
    assert [os.listdir(tmp_path / name) for name in ("other", "full")] == [[], []]


@BOTH
def test_a_full_disk_is_refused_before_the_file_is_made(tmp_path, image_folder, monkeypatch, begin, module, opened):
    """An empty file could still be made, but nothing could be written into it."""
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(InputError, match=r"cannot be written to: No space left on device \(wanted for a\.h5"):
        begin(tmp_path / "a.h5", image_folder)
    assert os.listdir(tmp_path) == []


def _full(_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("more", [{"epochs": 3}, {"rule": "fa"}])
def test_a_training_that_has_no_room_to_grow_stays_as_it_is(tmp_path, image_folder, monkeypatch, more):
    """Its name is said, not that of the file beside it that was to take its place."""
    path = trained(tmp_path / "a.h5", image_folder).path
    before, write = path.read_bytes(), paths._write_new

    def full(where, image):
        _full(where)

    monkeypatch.setattr(paths, "_write_new", full)
    with pytest.raises(NotWritten) as error:
        trained(path, image_folder, **more)
    assert str(error.value) == f"{path} cannot be written: No space left on device; it is as it was"
    monkeypatch.setattr(paths, "_write_new", write)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(InputError, match=r"No space left on device \(wanted for a\.h5"):
        trained(path, image_folder, **more)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]
