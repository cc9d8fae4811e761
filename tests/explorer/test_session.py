"""A page's requests: the newest is answered, the older ends, nothing grows without bound, a worker may die."""

import os
import signal
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from explorer_session import PATIENCE, Heard

import stdyn
from stdyn.explorer import curves, outbox, session
from stdyn.explorer.outbox import Outbox
from stdyn.explorer.slots import Slot, side_by_side
from stdyn.explorer.state import wanted
from stdyn.explorer.workers import WorkerLost, Workers

SMALL = {"K": 2, "M": 2, "alpha_max": 20, "points": 11, "runs": 0, "method": "reduced"}
LONG = {**SMALL, "K": 10, "M": 10, "alpha_max": 1e6, "rtol": 1e-13, "points": 1000, "ode_method": "RK23"}


@pytest.fixture
def heard():
    """A session that is closed after the test."""
    found = Heard()
    yield found
    found.close()
    found.workers.close()


def test_a_newer_request_ends_the_older_of_its_kind_and_no_other(heard):
    """Curves that would take minutes make room; what is copied meanwhile is answered beside them."""
    long = heard.ask("curves", state=LONG)
    copied = heard.ask("copy", state=SMALL, **{"as": "toml"})
    heard.until(lambda: heard.of(copied))
    assert not heard.of(long)
    began = time.perf_counter()
    short = heard.ask("curves", state=SMALL)
    heard.until(lambda: heard.of(short))
    assert time.perf_counter() - began < 10
    heard.until(lambda: not heard.busy())
    assert not heard.of(long)


def test_stop_ends_what_is_under_way_and_closing_ends_everything(heard):
    """Also what would take minutes; nothing is said afterwards."""
    for end in (lambda: heard.ask("stop", slot="curves"), heard.session.close):
        number = heard.ask("curves", state=LONG)
        time.sleep(0.05)
        end()
        assert heard.session.join(PATIENCE)
        assert not heard.of(number)
    said = len(heard.headers)
    heard.ask("curves", state=SMALL)
    assert heard.session.join(PATIENCE)
    assert len(heard.headers) == said


def test_runs_of_all_rules_grow_side_by_side_and_are_those_of_simulate(heard):
    """The rules take turns as they are shown; the last of each is what simulate gives."""
    state = {**SMALL, "runs": 3, "N": 3000, "alpha_max": 60}
    number = heard.ask("runs", state=state)
    heard.until(lambda: not heard.busy())
    rules = [header["rule"] for header in heard.headers]
    assert {header["id"] for header in heard.headers} == {number}
    assert {*rules} == {"fa", "bp"}
    assert sum(a != b for a, b in pairwise(rules)) > 1, rules
    of = wanted(state)
    for rule in ("fa", "bp"):
        *_, shown = (arrays[rule] for arrays in heard.arrays(number) if rule in arrays)
        simulated = curves.simulated(of, rule, threading.Event(), None)
        np.testing.assert_array_equal(shown["eps_g"], simulated.eps_g)


def test_runs_that_grow_are_said_at_a_pace_that_does_not_depend_on_how_many_they_are(heard, monkeypatch):
    """All that they have recorded, the more seldom the more it is; the whole at last, without waiting."""
    monkeypatch.setattr("stdyn.onlooker._OFTEN", 0.0)
    monkeypatch.setattr(session, "_PACE", 1 << 18)
    began = time.monotonic()
    state = {**SMALL, "rules": ["fa"], "runs": 8, "N": 2000, "alpha_max": 200, "points": 400}
    heard.ask("runs", state=state)
    heard.until(lambda: not heard.busy())
    sizes = [len(each) for each in heard.contents]
    counts = [header["arrays"]["fa"]["alphas"][1][0] for header in heard.headers]
    assert counts == sorted(set(counts))
    assert counts[-1] == 400
    assert len(counts) > 1
    assert sum(sizes[:-2]) <= (time.monotonic() - began) * (1 << 18)


def test_no_run_of_older_curves_is_said_after_the_newer_curves(heard):
    """However often they are asked for while runs grow."""
    for n in range(5):
        state = {**SMALL, "runs": 4, "N": 10**5, "alpha_max": 500, "points": 100, "seed": n + 1}
        number = heard.ask("curves", state=state)
        heard.until(lambda number=number: heard.of(number))
        number = heard.ask("runs", state=state)
        heard.until(lambda number=number: heard.of(number))
    last = heard.ask("curves", state=SMALL)
    heard.until(lambda: heard.of(last))
    heard.until(lambda: not heard.busy())
    newest = 0
    for header in heard.headers:
        if header["kind"] == "curves":
            newest = header["id"]
        else:
            assert header["id"] > newest


def test_very_many_runs_show_their_error_only(heard, monkeypatch):
    """All that they have recorded would be hundreds of megabytes, of which the page draws nothing else."""
    monkeypatch.setattr(session, "_MOST_SHOWN", 10)
    heard.ask("runs", state={**SMALL, "runs": 3, "rules": ["bp"]})
    heard.until(lambda: not heard.busy())
    assert {name for header in heard.headers for name in header["arrays"]["bp"]} == {"alphas", "eps_g"}


def test_a_refusal_names_the_parameter(heard):
    """So that the page can mark it."""
    for state, name in (({**SMALL, "K": 21}, "K"), ({**SMALL, "none": 1}, "none")):
        number = heard.ask("curves", state=state)
        heard.until(lambda number=number: heard.of(number))
        assert [(each["kind"], each["name"]) for each in heard.of(number)] == [("refused", name)]


def test_files_of_several_kinds_are_made_beside_each_other(heard, monkeypatch):
    """One does not end the other, as a newer one of the same kind does: here none is made before both are begun."""
    begun = threading.Barrier(2, timeout=PATIENCE)

    def saved(_, what, stop):
        begun.wait()
        return f"x.{what}", what.encode()

    monkeypatch.setattr(session.files, "saved", saved)
    numbers = {what: heard.ask("save", state=SMALL, what=what) for what in ("h5", "svg")}
    heard.until(lambda: not heard.busy())
    assert {each["id"]: each["kind"] for each in heard.headers} == dict.fromkeys(numbers.values(), "file")
    assert {*heard.contents} == {b"h5", b"svg"}


def test_a_slot_does_the_newest_and_one_at_a_time():
    """Of a thousand pieces of work at most the first, and the last, whose event is not set."""
    slot, done, at_once, most = Slot("x"), [], [0], [0]

    def work(number, stop):
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        stop.wait(0.2)
        at_once[0] -= 1
        done.append((number, stop.is_set()))

    for number in range(1000):
        slot.put(lambda stop, number=number: work(number, stop))
    while not slot.join(time.monotonic() + PATIENCE) or done[-1][0] != 999:
        time.sleep(0.01)
    assert most == [1]
    assert done[-1] == (999, False)
    assert all(ended for _, ended in done[:-1])


def test_what_is_called_side_by_side_raises_what_was_raised():
    """After all have ended."""
    ended = []

    def fail():
        raise stdyn.InputError("x must be y")

    with pytest.raises(stdyn.InputError, match="x must be y"):
        side_by_side([fail, lambda: ended.append(time.sleep(0.05))])
    assert ended == [None]


def test_what_a_page_has_not_read_is_bounded(monkeypatch):
    """Curves, runs and refusals are replaced by newer ones, no part of a spectrum; who makes a map waits for room."""
    monkeypatch.setattr(outbox, "LARGEST", 10_000)
    box = Outbox(lambda: None)
    for number in range(500):
        for rule in ("fa", "bp"):
            box.put({"kind": "runs", "id": number, "rule": rule}, bytes(1000))
        box.put({"kind": "curves", "id": number}, bytes(1000))
        box.put({"kind": "refused", "id": None}, bytes(10))
    assert box.size < 4000
    for number in range(3):
        box.put({"kind": "spectrum", "id": 1, "count": 3}, bytes([number]))
    assert [box.take()[-1] for _ in range(7)][-3:] == [0, 1, 2]
    assert box.size == 0
    stop, passed = threading.Event(), []

    def make():
        for number in range(100):
            box.wait(stop)
            box.put({"kind": "map", "id": number}, bytes(1000))
            passed.append(number)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    assert box.size < 12_000
    taken = []
    while thread.is_alive() or box.size:
        message = box.take()
        taken += [message] if message else []
    assert len(taken) == 100
    assert box.size == 0
    box.put({"kind": "map", "id": 1}, bytes(20_000))
    box.close()
    box.wait(stop)
    box.put({"kind": "map", "id": 1}, bytes(20_000))
    assert box.take() is None


def twice(number, stop):
    """Something for a worker to do."""
    return 2 * number


def wait_for_it(stop):
    """What ends when it is no longer wanted only."""
    while not stop():
        time.sleep(0.001)


def end_this_process(stop):
    """What no worker survives."""
    os.kill(os.getpid(), signal.SIGKILL)


def number_of_the_process(stop):
    """That of the worker."""
    return os.getpid()


@pytest.fixture(scope="module")
def workers():
    """A worker for several tests."""
    found = Workers()
    yield found
    found.close()
    with pytest.raises(WorkerLost, match="the explorer has ended"):
        found.call(threading.Event(), twice, 1)


def test_a_worker_is_told_that_what_it_does_is_no_longer_wanted(workers):
    """It is free for what comes next, and whoever waits goes on at once."""
    stop = threading.Event()
    assert workers.call(stop, twice, 4) == 8
    threading.Timer(0.2, stop.set).start()
    assert workers.call(stop, wait_for_it) is None
    assert workers.call(threading.Event(), twice, 5) == 10
    assert not os.listdir(workers._folder)


def test_a_worker_that_has_ended_is_started_again(workers):
    """What it was to do is done by the next; what ends every worker is given up."""
    process = workers.call(threading.Event(), number_of_the_process)
    os.kill(process, signal.SIGKILL)
    lost = workers.lost
    assert workers.call(threading.Event(), number_of_the_process) != process
    assert workers.lost == lost + 1
    with pytest.raises(WorkerLost, match="has ended 2 times"):
        workers.call(threading.Event(), end_this_process)
    assert workers.call(threading.Event(), twice, 3) == 6
