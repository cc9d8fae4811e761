"""A file that changes all at once: against a plain file, and cut off at every single operation on the disk."""

import hashlib
import io
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile

import h5py
import numpy as np
import pytest

from stdyn import InputError
from stdyn.files import journal
from stdyn.files.journal import JournaledFile


@pytest.fixture
def path(tmp_path):
    """A file of 3 pages and a bit."""
    path = tmp_path / "table.bin"
    path.write_bytes(np.random.default_rng(1).bytes(13_000))
    return path


def write(file, at, data):
    """Write bytes at a position."""
    file.seek(at)
    file.write(data)


def changed(path):
    """What the file is to hold after `change`."""
    content = bytearray(path.read_bytes())
    content[100:105] = b"first"
    content[8190:8200] = b"two pages!"
    return bytes(content) + b"x" * 9000


def change(path):
    """Change two old places, append, and commit."""
    with JournaledFile(path, writable=True) as file:
        write(file, 100, b"first")
        write(file, 8190, b"two pages!")
        write(file, file.seek(0, os.SEEK_END), b"x" * 9000)
        file.commit()


def content(path):
    """What a reader sees: all that `readinto` gives."""
    with JournaledFile(path) as file:
        return file.read()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
@pytest.mark.parametrize("how", ["removed", "behind a link", "moved", "replaced", "in a folder that is gone"])
def test_a_file_that_somebody_takes_away_is_made_anew(tmp_path, monkeypatch, how):
    """With all that was ever committed; what another one has put in its place is left alone, and it is said."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for folder in ("elsewhere", "folder"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "folder" / "table.bin"
    path.write_bytes(np.random.default_rng(1).bytes(13_000))
    path.chmod(0o640)
    expected = changed(path)
    opened = path
    if how == "behind a link":
        opened = tmp_path / "link.bin"
        opened.symlink_to(path)
    with JournaledFile(opened, writable=True) as file:
        write(file, 100, b"first")
        file.commit()
        if how == "moved":
            path.rename(tmp_path / "moved.bin")
        elif how == "in a folder that is gone":
            shutil.rmtree(path.parent)
        else:
            path.unlink()
        if how == "replaced":
            path.write_bytes(b"another's")
        write(file, 8190, b"two pages!")
        write(file, file.seek(0, os.SEEK_END), b"x" * 9000)
        if how in ("removed", "behind a link", "moved"):
            file.commit()
            anew = path
        else:
            with pytest.raises(OSError, match="; what was to be in it is in ") as error:
                file.commit()
            (anew,) = (tmp_path / "elsewhere").iterdir()
            assert str(anew) in error.value.strerror
        file.commit()
    assert content(anew) == expected
    assert anew.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.rglob(".*journal"))
    if how == "replaced":
        assert path.read_bytes() == b"another's"


def test_it_reads_and_writes_like_a_plain_file(path):
    """2000 random operations beside a BytesIO: the same bytes are read, before and after commits."""
    rng, plain = np.random.default_rng(2), io.BytesIO(path.read_bytes())
    file = JournaledFile(path, writable=True)
    for _ in range(2000):
        at, length = int(rng.integers(0, 30_000)), int(rng.integers(0, 9_000))
        action = rng.choice(["read", "write", "truncate", "commit"], p=[0.5, 0.4, 0.05, 0.05])
        if action == "commit":
            file.commit()
            assert path.read_bytes() == plain.getvalue()
        elif action == "truncate":
            plain.truncate(at)
            if at > len(plain.getvalue()):
                plain.seek(0, os.SEEK_END)
                plain.write(bytes(at - len(plain.getvalue())))
            file.truncate(at)
        elif action == "write":
            data = rng.bytes(length)
            gap = at - len(plain.getvalue())
            for each in (plain, file):
                if gap > 0:
                    write(each, len(plain.getvalue()) if each is plain else file.seek(0, os.SEEK_END), bytes(gap))
                write(each, at, data)
        else:
            plain.seek(at)
            file.seek(at)
            assert file.read(length) == plain.read(length)
    file.close()


def test_nothing_is_on_the_disk_before_the_commit(path):
    """Neither in the file nor beside it; closing drops it."""
    before = path.read_bytes()
    with JournaledFile(path, writable=True) as file:
        write(file, 100, b"first")
        assert file.seek(100) == 100
        assert file.read(5) == b"first"
        assert path.read_bytes() == before
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


class Cut(BaseException):
    """The process is killed here."""


OPERATIONS = ("write", "truncate", "fsync", "unlink", "open")


class Scissors:
    """Counts the operations on the disk and cuts the process off at one of them; a write gets half done."""

    def __init__(self, monkeypatch, at, error=Cut):
        self.count, self.at, self.error = 0, at, error
        real_fsync, real_write, real_open = os.fsync, journal._write, open
        unlink = type(journal.Path()).unlink

        def cut():
            self.count += 1
            if self.count == self.at:
                raise self.error
            if self.count > self.at and self.error is Cut:
                raise Cut  # nothing happens after death

        def half_a_write(file, source):
            self.count += 1
            if self.count == self.at:
                real_write(file, source[: len(source) // 2])
                raise self.error
            if self.count > self.at and self.error is Cut:
                raise Cut
            real_write(file, source)

        def patched(real):
            def operation(*arguments, **keywords):
                cut()
                return real(*arguments, **keywords)

            return operation

        class File(io.FileIO):
            def truncate(self, size=None):
                cut()
                return super().truncate(size)

        def opened(name, mode="r", buffering=-1, opener=None):
            if "b" in mode and buffering == 0:
                return File(name, mode.replace("b", ""), opener=opener)
            return real_open(name, mode, buffering)

        monkeypatch.setattr(os, "fsync", patched(real_fsync))
        monkeypatch.setattr(journal, "_write", half_a_write)
        monkeypatch.setattr(type(journal.Path()), "unlink", patched(unlink))
        monkeypatch.setattr("builtins.open", opened)


def test_cut_off_at_any_operation_it_holds_the_old_or_the_new(path, tmp_path):
    """A commit is killed at its first, second, … operation on the disk: reader and next writer see one state."""
    old, new = path.read_bytes(), changed(path)
    seen, at = [], 0
    while True:
        at += 1
        copy = tmp_path / f"copy{at}.bin"
        shutil.copy(path, copy)
        with pytest.MonkeyPatch.context() as patch:
            scissors = Scissors(patch, at)
            try:
                change(copy)
            except Cut:
                pass
            else:
                break
        read = content(copy)
        assert read[: len(old)] == old or read == new
        seen.append(read == new)
        with JournaledFile(copy, writable=True) as file:
            assert file.read() == read
            assert not file.journal.exists()
        assert copy.read_bytes() == read
    assert scissors.count == at - 1 == len(seen) >= 9
    assert seen == sorted(seen)  # the old state, and from one operation on the new one
    assert seen[0] is False
    assert seen[-1] is True


@pytest.mark.parametrize("at", range(1, 9))
def test_a_full_disk_leaves_the_old_state_or_the_new(path, at, monkeypatch):
    """Until the journal is whole (5 operations) the file is what it was; then the next writer completes it."""
    old, new = path.read_bytes(), changed(path)
    with monkeypatch.context() as patch:
        Scissors(patch, at, OSError(28, "No space left on device"))
        with pytest.raises(OSError, match="No space left"):
            change(path)
    assert content(path) == (old if at <= 5 else new)
    if at <= 5:
        assert path.read_bytes() == old
        assert [each.name for each in path.parent.iterdir()] == [path.name]
    with JournaledFile(path, writable=True) as file:
        assert file.read() == (old if at <= 5 else new)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_journal_of_another_file_is_not_applied(path, tmp_path):
    """Left behind by a file that was moved away, it does not touch the one that has its name now."""
    copy = tmp_path / "copy.bin"
    shutil.copy(path, copy)
    with pytest.MonkeyPatch.context() as patch:
        Scissors(patch, 6)  # the journal is whole, the pages are not yet written
        with pytest.raises(Cut):
            change(copy)
    left = copy.with_name(f".{copy.name}.journal")
    assert left.exists()
    assert content(copy) == changed(path)
    os.replace(left, path.with_name(f".{path.name}.journal"))
    before = path.read_bytes()
    assert content(path) == before
    with JournaledFile(path, writable=True):
        pass
    assert path.read_bytes() == before


def _try_to_write(path, answers):
    try:
        JournaledFile(path, writable=True)
        answers.put("opened")
    except InputError as error:
        answers.put(str(error))


def test_a_second_writer_is_refused_and_readers_are_not(path):
    """In this process and in another one; after the first has closed it may write."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with JournaledFile(path, writable=True):
        with pytest.raises(InputError, match=r"table\.bin is being written by another process"):
            JournaledFile(path, writable=True)
        other = context.Process(target=_try_to_write, args=(path, answers))
        other.start()
        assert "is being written by another process" in answers.get(timeout=60)
        other.join()
        assert len(content(path)) == 13_000
    JournaledFile(path, writable=True).close()


def test_hdf5_works_in_it(tmp_path):
    """Chunked, compressed and text data sets: what was committed is there for plain h5py, what was not is not."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("R", (1000, 11, 3), "f8", chunks=(7, 11, 3), compression="gzip", shuffle=True)
        file.create_dataset("text", (1000,), h5py.string_dtype(), chunks=(10,))
    values = np.random.default_rng(1).random((1000, 11, 3))
    raw = JournaledFile(path, writable=True)
    file = h5py.File(raw, "r+")
    for first in range(0, 800, 100):
        file["R"][first : first + 100] = values[first : first + 100]
        file["text"][first + 50] = f"point {first}"
        file.flush()
        if first < 600:
            raw.commit()
    file.close()
    raw.close()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["R"][:600], values[:600])
        assert not file["R"][600:].any()
        assert file["text"].asstr()[550] == "point 500"
        assert file["text"].asstr()[650] == ""


# ---------------------------------------------------------------------------------------------------------------------
# What others have put at its name


def test_a_link_at_the_journals_name_is_not_written_through(path, tmp_path):
    """A commit makes a journal of its own; what the link leads to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    new = changed(path)
    path.with_name(f".{path.name}.journal").symlink_to(victim)
    with JournaledFile(path, writable=True) as file:
        assert not os.path.lexists(file.journal)
    with JournaledFile(path, writable=True) as file:
        file.journal.symlink_to(victim)  # while it is open
        write(file, 100, b"first")
        write(file, 8190, b"two pages!")
        write(file, file.seek(0, os.SEEK_END), b"x" * 9000)
        file.commit()
    assert victim.read_bytes() == b"precious"
    assert path.read_bytes() == new
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "victim"]


def left_journal(path):
    """The journal of a commit that was cut off after it was whole."""
    with pytest.MonkeyPatch.context() as patch:
        Scissors(patch, 6)
        with pytest.raises(Cut):
            change(path)
    return path.with_name(f".{path.name}.journal")


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links")
@pytest.mark.parametrize("what", ["link", "pipe", "socket", "dangling link"])
def test_what_is_no_file_at_the_journals_name_is_not_read(path, what, monkeypatch):
    """Not even a link to a journal that is whole; nor does a reader or writer wait for a pipe."""
    before, left = path.read_bytes(), path.with_name(f".{path.name}.journal")
    if what == "link":
        left = left_journal(path)
        left.rename(path.with_name("elsewhere"))
        left.symlink_to(path.with_name("elsewhere"))
        before = path.read_bytes()
    elif what == "pipe":
        os.mkfifo(left)
    elif what == "socket":
        monkeypatch.chdir(path.parent)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as there:
            there.bind(left.name)
    else:
        left.symlink_to(path.with_name("nowhere"))
    assert content(path) == before
    with JournaledFile(path, writable=True) as file:
        assert file.read() == before
    assert not os.path.lexists(left)


def journal_with(content, **changes):
    """A journal with another header, whose digest is right."""
    start = len(journal._MAGIC) + 32
    inode, size, count = journal._HEADER.unpack_from(content, start)
    header = journal._HEADER.pack(*({"inode": inode, "size": size, "count": count} | changes).values())
    body = header + content[start + journal._HEADER.size :]
    return journal._MAGIC + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize("changes", [{"size": 2**60}, {"count": 2**50}, {"count": 3}, {"size": 100}])
def test_a_journal_that_its_file_cannot_have_is_not_applied(path, changes):
    """It would make the file an exabyte long, or is longer than what it says; its digest is right."""
    left = left_journal(path)
    before = path.read_bytes()
    left.write_bytes(journal_with(left.read_bytes(), **changes))
    assert content(path) == before
    with JournaledFile(path, writable=True):
        pass
    assert path.read_bytes() == before


def test_a_journal_is_read_as_far_as_its_file_can_need(path):
    """One of 8 TB of nothing is left alone at once, whether or not its header says so many pages."""
    left = left_journal(path)
    before = path.read_bytes()
    whole = left.read_bytes()
    for count in (2, 2**31):
        left.write_bytes(journal_with(whole, count=count))
        os.truncate(left, len(journal._MAGIC) + 32 + journal._HEADER.size + 2**31 * 4104)
        assert content(path) == before
