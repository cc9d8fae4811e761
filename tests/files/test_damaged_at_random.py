"""Files of every kind with random damage: bytes, pages of zeros, cuts, blocks of elsewhere and of other files.

Each is given to its reader, to stdyn info, and, if that takes it, every fourth time to stdyn plot, in a process that
is killed if a file takes it longer than 10 s.
"""

import multiprocessing
import resource
import time

import numpy as np
import pytest

_LONGEST = 10.0  # seconds for a file
_MOST = 7 * 10**8  # bytes more than those of the process that was forked
_PAGE = 4096


def _bytes(data, rng, _):
    for at in rng.integers(len(data), size=rng.integers(1, 50)):
        data[at] = rng.integers(256)


def _bits(data, rng, _):
    for at in rng.integers(len(data), size=rng.integers(1, 8)):
        data[at] ^= 1 << int(rng.integers(8))


def _header(data, rng, _):
    for at in rng.integers(min(len(data), 3000), size=rng.integers(1, 30)):
        data[at] = rng.choice([0, 1, 2, 127, 128, 255])


def _zeros(data, rng, _):
    size = int(rng.choice([64, 512, _PAGE]))
    at = int(rng.integers(max(len(data) // size, 1))) * size
    data[at : at + size] = bytes(len(data[at : at + size]))


def _cut(data, rng, _):
    del data[int(rng.integers(len(data))) :]


def _noise(data, rng, _):
    size = int(rng.integers(8, 600))
    at = int(rng.integers(max(len(data) - size, 1)))
    data[at : at + size] = rng.bytes(len(data[at : at + size]))


def _copied(data, rng, _):
    size = int(rng.integers(8, 2000))
    at, to = rng.integers(max(len(data) - size, 1), size=2)
    data[to : to + size] = data[at : at + size]


def _spliced(data, rng, other):
    size = int(rng.integers(8, 3000))
    at = int(rng.integers(max(min(len(data), len(other)) - size, 1)))
    data[at : at + size] = other[at : at + size]


def _moved(data, rng, _):
    at = int(rng.integers(len(data)))
    if rng.integers(2):
        data[at:at] = rng.bytes(int(rng.integers(1, 100)))
    else:
        del data[at : at + int(rng.integers(1, 100))]


DAMAGE = (_bytes, _bits, _header, _zeros, _cut, _noise, _copied, _spliced, _moved)


def damaged(files, index):
    """File number `index`: its name, how it is damaged, and its bytes."""
    rng, names = np.random.default_rng([16, index]), sorted(files)
    name, other = names[index % len(names)], names[rng.integers(len(names))]
    data, how = bytearray(files[name]), DAMAGE[rng.integers(len(DAMAGE))]
    for _ in range(int(rng.choice([1, 1, 1, 3]))):
        if len(data):
            how(data, rng, files[other])
    return name, how.__name__, bytes(data)


def _work(files, first, last, folder, pipe):
    """Try files and say of each that it is done: (index, what went wrong, how much more memory it took until now)."""
    from damage import command, read
    from matplotlib.figure import Figure

    Figure.savefig = lambda *_, **__: None  # drawing takes long, and what is drawn is known by then
    pipe.send((first - 1, "", 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for index in range(first, last):
        name, how, data = damaged(files, index)
        path, wrong = folder / f"{index}.h5", ""
        path.write_bytes(data)
        try:
            if read(path) is None and command("info", path) is None and index % 4 == 0:
                command("plot", path, "--figures", folder / "figures")
        except BaseException as error:
            wrong = f"file {index} ({name}, {how}): {type(error).__name__}: {error}"
        path.unlink()
        pipe.send((index, wrong, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024))


def _try_all(files, indices, folder):
    """What went wrong with these files, how many were tried, and the most memory that a process took."""
    context = multiprocessing.get_context("spawn")
    wrong, tried, most, index = [], 0, 0, indices.start
    while index < indices.stop:
        mine, its = context.Pipe()
        process = context.Process(target=_work, args=(files, index, indices.stop, folder, its))
        process.start()
        its.close()
        ready = mine.poll(120) and mine.recv()
        assert ready
        while index < indices.stop:
            began = time.monotonic()
            try:
                if not mine.poll(_LONGEST):
                    raise EOFError
                index, said, memory = mine.recv()
            except (EOFError, ConnectionResetError):
                took = time.monotonic() - began
                name, how, _ = damaged(files, index)
                wrong.append(f"file {index} ({name}, {how}): {'hangs' if took >= _LONGEST else 'ends the process'}")
                tried, index = tried + 1, index + 1
                break
            wrong += [said] * bool(said)
            tried, most, index = tried + 1, max(most, memory), index + 1
        process.kill()
        process.join()
    return wrong, tried, most


def test_some_damaged_files_are_read_or_refused(whole_files, tmp_path):
    """60 of those below."""
    wrong, tried, most = _try_all(whole_files, range(60), tmp_path)
    assert (wrong, tried) == ([], 60)
    assert most < _MOST


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(whole_files, tmp_path):
    """2000 files: no traceback, none takes 10 s or 1 GB, none ends the process."""
    wrong, tried, most = _try_all(whole_files, range(60, 2060), tmp_path)
    assert (wrong, tried) == ([], 2000)
    assert most < _MOST
