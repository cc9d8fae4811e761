"""Signals while long work lasts: each is a KeyboardInterrupt, none is lost, and handlers of others are left alone."""
# ruff: noqa: PT012  (a signal comes in the middle of a block)

import os
import signal
import sys
import threading
import time
import weakref

import h5py
import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn.errors import InputError
from stdyn.layered import epochs, random_network
from stdyn.layered.mnist import Images
from stdyn.simulation import advancing
from stdyn.stopping import SIGNALS, Signals, Terminated, stoppable, uninterrupted
from stdyn.theory import fluctuations, stepping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@pytest.fixture(autouse=True)
def defaults():
    """The handlers that a process starts with."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in SIGNALS[1:]:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    """A signal to this process, which has its handler called before anything else is done."""
    os.kill(os.getpid(), number)
    time.sleep(0)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_is_a_keyboard_interrupt(number):
    """Its number is known; afterwards the handlers are those of before."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with pytest.raises(KeyboardInterrupt) as error, stoppable() as signals:
        send(number)
    assert signals.first == number
    assert isinstance(error.value, Terminated) == (number != signal.SIGINT)
    assert {each: signal.getsignal(each) for each in SIGNALS} == before


def test_handlers_of_others_and_ignored_signals_are_left_alone():
    """nohup has SIGHUP ignored; a user's own handler is called."""
    caught = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: caught.append("mine"))
    with stoppable() as signals:
        send(signal.SIGHUP)
        send(signal.SIGTERM)
    assert (caught, signals.first) == (["mine"], None)


def test_a_second_signal_does_not_disturb_what_is_kept():
    """Within three seconds of the first one, and not while something is held."""
    kept = []
    with pytest.raises(KeyboardInterrupt), stoppable():
        try:
            send(signal.SIGINT)
        except KeyboardInterrupt:
            send(signal.SIGINT)
            send(signal.SIGTERM)
            kept.append(1)
            raise
    assert kept == [1]


@pytest.mark.parametrize("number", SIGNALS)
def test_uninterrupted_puts_signals_off(number):
    """The block is done, then the signal comes; so does one that somebody else has a handler for."""
    done, caught = [], []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        send(number)
        done.append(1)
    assert done == [1]
    signal.signal(number, lambda *_: caught.append(len(done)))
    with uninterrupted():
        send(number)
        done.append(2)
    assert caught == [2]


class OfHost(Exception):
    """What a handler of somebody else's raises."""


HOSTS = {
    "SIGALRM": OfHost("host"),
    "SIGUSR1": TimeoutError("host"),
    "SIGTERM": SystemExit(3),
    "SIGINT": OSError("host"),
}


@pytest.fixture(params=HOSTS)
def host(request):
    """The number of a signal whose handler raises an exception, and that exception."""
    number, error = getattr(signal, request.param), HOSTS[request.param]

    def raising(*_):
        raise error

    before = signal.signal(number, raising)
    yield number, error
    assert signal.getsignal(number) is raising
    signal.signal(number, before)


def test_what_a_handler_of_a_host_raises_is_an_interruption_on_its_way(host):
    """So that everything is kept; at the end it is what the handler raised, with what was kept."""
    number, error = host
    way = []

    class Kept(KeyboardInterrupt):
        trajectory = 7

    with pytest.raises(type(error)) as found, stoppable(), stoppable():
        try:
            send(number)
        except Exception:
            way.append("taken for another error")
        except KeyboardInterrupt:
            way.append("kept")
            raise Kept from None
    assert found.value is error
    assert (way, error.trajectory) == (["kept"], 7)


def test_a_handler_of_a_host_waits_until_a_file_is_whole(host):
    """Once for each signal, all of them."""
    number, error = host
    done, caught = [], []
    signal.signal(signal.SIGUSR2, lambda *_: caught.append(len(done)))
    with pytest.raises(type(error)) as found, uninterrupted():
        for each in (number, number, signal.SIGUSR2):
            send(each)
        done.append(1)
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    assert found.value is error
    assert (done, caught) == ([1], [1])


@pytest.mark.parametrize(
    "solve", ["integrate", "simulate_network", "simulate_reduced", "fluctuations", "train_network"]
)
def test_what_was_reached_is_kept_when_a_host_stops_it(host, solve, monkeypatch):
    """The trajectory, or history, is with the exception of the host."""
    number, error = host
    rng, alphas = np.random.default_rng(1), np.linspace(0, 5, 11)
    problem = random_problem(2, 2, N=30)
    module, name, run = {
        "integrate": (stepping, "drift", lambda: stdyn.integrate(problem, alphas)),
        "simulate_network": (advancing, "_wait", lambda: stdyn.simulate_network(problem, alphas, 2, rng=rng)),
        "simulate_reduced": (advancing, "_wait", lambda: stdyn.simulate_reduced(problem, alphas, 2, rng=rng)),
        "fluctuations": (fluctuations, "propagate", lambda: stdyn.fluctuations(problem, alphas, points=2**8)),
        "train_network": (epochs, "train_epoch", lambda: trained(rng)),
    }[solve]
    function, count = getattr(module, name), iter(range(10**9))

    def signalled(*arguments):
        if next(count) == {"integrate": 45}.get(solve, 1):
            send(number)
        return function(*arguments)

    def propagated(*arguments):
        for found in function(*arguments):
            yield found
            send(number)

    monkeypatch.setattr(module, name, propagated if solve == "fluctuations" else signalled)
    with pytest.raises(type(error)) as found:
        run()
    assert found.value is error
    kept = error.history.epochs if solve == "train_network" else error.trajectory.alphas
    assert 1 <= np.size(kept) < 11


def trained(rng):
    images = Images(*(rng.integers(0, high, shape, np.uint8) for high, shape in 2 * ((9, (8, 4)), (2, (8,)))))
    return epochs.train_network(random_network([4, 3, 2], rng), images, epochs=5, lr=0.1, rng=rng)


@pytest.mark.parametrize("name", ["scan", "load"])
def test_what_a_handler_of_a_host_raises_is_no_damage_of_a_file(host, name, tmp_path, monkeypatch):
    """Wherever it comes."""
    number, error = host
    stdyn.integrate(random_problem(1, 1), [0, 1]).save(tmp_path / "t.h5")
    read, calls = h5py.File.__init__, []

    def signalled(*arguments, **more):
        if not calls:
            calls.append(1)
            send(number)
        return read(*arguments, **more)

    monkeypatch.setattr(h5py.File, "__init__", signalled)
    with pytest.raises(type(error)) as found:
        if name == "scan":
            stdyn.scan([random_problem(1, 1)], [0, 1], tmp_path / "s.h5")
        else:
            stdyn.load(tmp_path / "t.h5")
    assert found.value is error


def test_a_signal_that_python_would_ignore_comes_again(capsys):
    """In the callback of a weak reference an exception is dropped: the interruption comes right after."""

    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing, lambda _: send(signal.SIGTERM))
    with pytest.raises(Terminated), stoppable():
        del thing
        end = time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(0.001)
    assert reference() is None
    assert capsys.readouterr().err == ""


def test_what_a_signal_was_turned_into_is_an_interruption_again():
    """Numba, compiling, makes other errors of it. Those that say more are kept."""
    with pytest.raises(KeyboardInterrupt), stoppable():
        try:
            send(signal.SIGTERM)
        except KeyboardInterrupt:
            raise RuntimeError("of a compiler") from None
    with pytest.raises(InputError, match="kept"), stoppable():
        try:
            send(signal.SIGTERM)
        except KeyboardInterrupt:
            raise InputError("kept") from None
    with pytest.raises(RuntimeError), stoppable():
        raise RuntimeError("nobody has interrupted this")


def test_another_thread_has_nothing_to_do_with_signals():
    """No handler is set there, where Python does not allow it."""
    found = []

    def work():
        with stoppable() as signals, uninterrupted():
            found.append((signals.first, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, signal.SIG_DFL)]
    with stoppable() as outer, stoppable() as inner:
        assert inner is outer
        assert isinstance(signal.getsignal(signal.SIGTERM), Signals)
