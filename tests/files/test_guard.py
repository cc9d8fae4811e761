"""Files that would hang HDF5, fill the memory or end the process: each is refused, with its name and both numbers."""

import os
import struct
import subprocess
import sys
import time
import zlib

import h5py
import numpy as np
import pytest
from test_store import solved

from stdyn import Experiment, InputError, Variations, load, scan
from stdyn.files import store
from stdyn.files.guard import GuardedFile
from stdyn.files.table import Table, create_table

resource = pytest.importorskip("resource")


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    """The file of a small trajectory."""
    return solved("network").save(tmp_path_factory.mktemp("guard") / "runs.h5")


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """The file of a small scan."""
    path = tmp_path_factory.mktemp("guard") / "scan.h5"
    experiment = Experiment(K=2, M=2, alpha_max=2)
    scan(Variations(experiment, {"draw": (1, 2), "rule": ("fa", "bp")}), experiment.alphas()[:4], path)
    return path


@pytest.fixture
def copy(trajectory, tmp_path):
    """A copy of it to be damaged."""
    path = tmp_path / "runs.h5"
    path.write_bytes(trajectory.read_bytes())
    return path


def put(path, at, data):
    """Overwrite some bytes."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def refusal(function, *arguments):
    """Why it is refused, in at most 5 s and 200 MB more than the process has taken before."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as error:
        function(*arguments)
    assert time.monotonic() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    return str(error.value)


# ---------------------------------------------------------------------------------------------------------------------
# Hangs and crashes


def test_texts_that_have_no_end_are_seen(copy):
    """A zeroed page of the collection of texts, in which HDF5 steps on by 0 bytes for ever."""
    collection = copy.read_bytes().index(b"GCOL")
    put(copy, collection + 520, bytes(512))
    found = refusal(load, copy)
    assert str(copy) in found
    assert "damaged HDF5 file" in found


@pytest.mark.parametrize(("number", "size"), [(0, 0), (0, 17), (1, 2**64 - 16), (1, 2**64 - 24)])
def test_lengths_that_lead_nowhere_are_seen(copy, number, size):
    """The length of the first text is such that the next one is itself, lies before it, or where none can be."""
    collection = copy.read_bytes().index(b"GCOL")
    put(copy, collection + 16, struct.pack("<HHIQ", number, 1, 0, size))
    assert "damaged HDF5 file" in refusal(load, copy)


def test_good_collections_are_walked_to_their_end(points):
    """Also those with room at their end, which is zeroed: no false alarm in any file of the tests is one in this."""
    with Table(points) as table:
        assert table.read("message").tolist() == [""] * 4
        assert table.read("rule").tolist() == ["fa", "bp", "fa", "bp"]
        assert len(table._raw._sound) >= 1


def test_an_attribute_with_a_text_of_gigabytes_is_refused(copy):
    """long_name of R is said to have 3 GB: HDF5 would set them aside."""
    content = copy.read_bytes()
    with Table(copy) as table:
        assert table.variables()["R"][2].startswith("student-teacher")
        collection = struct.pack("<Q", content.index(b"GCOL"))
    at = content.index(collection, content.index(b"long_name\0")) - 4
    put(copy, at, struct.pack("<I", 3 * 10**9))

    def look():
        with Table(copy) as table:
            table.variables()

    found = refusal(look)
    assert "3000000000 bytes" in found
    assert f"{len(content)} bytes" in found


def test_types_that_hdf5_does_not_check_are_refused(copy):
    """A list of axes whose type is neither list nor text crashes HDF5 when it is read; so do the H5DS functions."""
    content = copy.read_bytes()
    at = content.index(b"DIMENSION_LIST\0")
    put(copy, content.index(b"\x19\0\0\0\x10", at) + 1, b"\x5c")
    with Table(copy) as table:
        assert "does not say which its axes are" in refusal(table.variables)


# ---------------------------------------------------------------------------------------------------------------------
# Memory


def test_a_text_of_gigabytes_in_a_column_is_refused(points, tmp_path):
    """The reference to one message is said to be of a text of 4 GB."""
    path = tmp_path / "scan.h5"
    path.write_bytes(points.read_bytes())
    with h5py.File(path) as file:
        at = file["message"].id.get_chunk_info(0).byte_offset
    put(path, at, struct.pack("<IQI", 2**32 - 1, 4096, 1))
    found = refusal(store.read, path)
    assert f"'message' has a text of {2**32 - 1} bytes in a file of {path.stat().st_size}" in found


def test_many_references_to_one_text_are_added_up(tmp_path):
    """10,000 texts of 1 MB that are one and the same in the file would take 10 GB."""
    path = tmp_path / "texts.h5"
    others = {"point": (("point",), np.arange(10_000), "number")}
    create_table(path, 10_000, {"message": ((), str, "text")}, others, {})
    with Table(path, writable=True) as table:
        table.put({0: {"message": "x" * 10**6}})
        table.commit()
    with h5py.File(path, "r+") as file:
        chunk = file["message"].id.get_chunk_info(0)
        reference = path.read_bytes()[chunk.byte_offset : chunk.byte_offset + 16]
        for first in range(0, 10_000, file["message"].chunks[0]):
            file["message"].id.write_direct_chunk((first,), reference * file["message"].chunks[0])
    found = refusal(store.read, path)
    assert "10" in found
    assert str(path.stat().st_size) in found


DECLARED = {
    "values that are not stored": {"shape": (8 * 10**9,), "dtype": "u1", "chunks": (2**14,)},
    "values that are not stored, contiguous": {"shape": (10**9, 10), "dtype": "f8"},
    "a chunk that is not stored": {"shape": (2**29 - 1,), "dtype": "f8", "chunks": (2**29 - 1,)},
    "texts that are not stored": {"shape": (10**9,), "dtype": h5py.string_dtype(), "chunks": (2**14,)},
}


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED.keys())
def test_what_is_declared_is_compared_with_the_file(copy, declared):
    """Both numbers are said; one value of it can be read if its chunk is small."""
    with h5py.File(copy, "r+") as file:
        file.create_dataset("state", **declared)
    found = refusal(store.read, copy)
    assert "'state'" in found
    assert f"the file has {copy.stat().st_size} bytes" in found
    with Table(copy) as table:
        if declared.get("chunks", (0,))[0] < 2**20:
            assert not np.any(table.read("state", 7))
        else:
            assert "bytes of memory" in refusal(table.read, "state", 7)


def test_compressed_zeros_are_compared_with_the_file(copy):
    """4 GiB of zeros take 4 MB, which is what gzip makes of them."""
    with h5py.File(copy, "r+") as file:
        data = file.create_dataset("R2", (2**9, 2**20), "f8", chunks=(1, 2**20), compression="gzip")
        packed = zlib.compress(bytes(2**23))
        for first in range(2**9):
            data.id.write_direct_chunk((first, 0), packed)
    found = refusal(store.read, copy)
    assert f"take {2**32}" in found or "bytes of memory" in found
    with Table(copy) as table:
        assert not table.read("R2", 5).any()


def test_a_chunk_that_inflates_to_more_than_it_has_is_refused(copy):
    """A chunk of 1 MiB of which 1 MB is stored: it would inflate to 1 GiB before HDF5 sees that it is too long."""
    packer = zlib.compressobj()
    start = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = start + 63 * (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH))
    with h5py.File(copy, "r+") as file:
        data = file.create_dataset("bomb", (2**17,), "f8", chunks=(2**17,), compression="gzip")
        data.id.write_direct_chunk((0,), packed)
    found = refusal(store.read, copy)
    assert f"has a chunk of {2**20} bytes" in found
    assert str(len(packed)) in found


def test_a_scan_that_has_just_begun_is_read(tmp_path):
    """100,000 points: columns of nothing but fill values are as large as what they are to hold."""
    path = tmp_path / "begun.h5"
    points, alphas = 100_000, 200
    others = {"point": (("point",), np.arange(points), ""), "alpha": (("alpha",), np.arange(alphas) / 10, "")}
    columns = {"state": ((), np.uint8, ""), "eps_g": (("alpha",), float, "")}
    create_table(path, points, columns, others, {"kind": "scan", "coordinates": ""})
    with Table(path) as table:
        assert table.read("state").shape == (points,)
        assert np.isnan(table.read("eps_g", slice(0, 10))).all()
        assert table.read("eps_g").shape == (points, alphas)  # 160 MB


def test_filters_that_set_memory_aside_by_what_they_are_told_are_refused(copy):
    """Scale-offset takes the number of values from the file."""
    with h5py.File(copy, "r+") as file:
        file.create_dataset("packed", data=np.arange(1000), chunks=(100,), scaleoffset=0)
    with Table(copy) as table:
        assert "coded by HDF5's filters number 6" in refusal(table.read, "packed")


# ---------------------------------------------------------------------------------------------------------------------
# Random damage


CHILD = """
import resource, sys
from pathlib import Path
from stdyn.errors import InputError
from stdyn.files.table import Table
STATUS = Path("/proc/self/status")  # where there is none: ru_maxrss, which begins at that of who started the process
def most():
    lines = STATUS.read_text().splitlines() if STATUS.is_file() else []
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return (found or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0]
for path in sys.stdin:
    try:
        with Table(path.strip()) as table:
            table.variables()
        said = "read"
    except InputError as error:
        said = "refused" if path.strip() in str(error) else f"without its name: {error}"
    except BaseException as error:
        said = repr(error)
    print(most() // 1024, said.partition(chr(10))[0], flush=True)
"""


def damaged(content, rng):
    """Some pages of a file zeroed, or filled with random bytes or ones; or single bytes changed, or a few zeroed."""
    content, how = bytearray(content), rng.integers(5)
    for _ in range(rng.integers(1, 4)):
        size = int(rng.choice([512, 1024, 2048, 4096]))
        at = size * int(rng.integers(0, len(content) // size))
        if how < 3:
            content[at : at + size] = (bytes(size), rng.bytes(size), b"\xff" * size)[how]
        elif how == 3:
            for place in rng.integers(0, len(content), rng.integers(1, 64)):
                content[place] = rng.integers(256)
        else:
            few = int(rng.integers(1, 64))
            content[at : at + few] = bytes(few)
    return bytes(content)


@pytest.mark.parametrize("count", [150, pytest.param(600, marks=pytest.mark.slow)])
def test_no_random_damage_hangs_crashes_or_fills_the_memory(trajectory, points, tmp_path, count):
    """In a process of its own, with 10 s for each file. Before, one in 100 hung and one in 300 took gigabytes."""
    rng, sources = np.random.default_rng(count), [trajectory.read_bytes(), points.read_bytes()]
    path = tmp_path / "damaged.h5"
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = []
    try:
        for number in range(count):
            path.write_bytes(damaged(sources[number % 2], rng))
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            start = time.monotonic()
            memory, _, answer = process.stdout.readline().strip().partition(" ")
            assert time.monotonic() - start < 10
            assert answer in ("read", "refused"), (number, answer)
            assert int(memory) < 1000
            said.append(answer)
    finally:
        process.kill()
        process.communicate()
    assert said.count("refused") > count / 3


def test_peek_does_not_move(copy):
    """It reads elsewhere, and what is read next is what would have been."""
    with GuardedFile(copy) as file:
        file.seek(100)
        assert file.peek(0, 4) == b"\x89HDF"
        assert file.tell() == 100
        assert os.path.getsize(copy) == file.seek(0, os.SEEK_END)
