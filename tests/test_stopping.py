"""Signals while long work lasts: each is a KeyboardInterrupt, none is lost, and handlers of others are left alone."""
# ruff: noqa: PT012  (a signal comes in the middle of a block)

import os
import signal
import sys
import threading
import time
import weakref

import pytest

from stdyn.errors import InputError
from stdyn.stopping import SIGNALS, Signals, Terminated, stoppable, uninterrupted

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
