"""How files are written: through links, in the mode of what they replace; kept elsewhere where they cannot be."""

import os
import stat
import subprocess
import sys
import tempfile

import pytest
from test_store import assert_same, solved

from stdyn import InputError, load
from stdyn.errors import NotWritten
from stdyn.files import paths
from stdyn.files.journal import journal_of

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
