"""stdyn explore: what it prints, what it opens, how it ends, and that it leaves nothing behind."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
import time

import psutil
import pytest

import stdyn

pytest.importorskip("tornado", reason='the page needs tornado: pip install ".[explore]"')
from explorer_server import PATIENCE, Page, answer, cookie, parts

from stdyn.command import serving
from stdyn.explorer import tokens
from stdyn.explorer.links import state_of_link
from stdyn.explorer.source import Source
from stdyn.explorer.state import wanted

COMMAND = (sys.executable, "-m", "stdyn", "explore")
MAP = {"map": "eta_angle", "rule": "fa"}
SMALL = {"K": 2, "M": 2, "alpha_max": 20, "points": 11, "runs": 0, "method": "reduced"}
ENDLESS = {**SMALL, "N": 1000, "alpha_max": 1e6, "points": 1000, "runs": 20, "method": "network"}
SLOW = {**SMALL, "K": 5, "M": 5, "activation": "relu", "alpha_max": 1e4}


@pytest.fixture
def started(start_process, tmp_path, monkeypatch):
    """started(*arguments) starts the command, and gives its process and the address that it prints."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments, script=None):
        command = [*COMMAND, *map(str, arguments)] if script is None else [sys.executable, "-c", script]
        process = start_process(command, tmp_path)
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}(#.*)?", address), process.communicate()
        assert process.stdout.readline() == "Ctrl-C ends it.\n"
        return process, address

    return call


def ended(process, number):
    """Send a signal, and see the process end: its exit code, what else it had printed, seconds."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err, time.monotonic() - began


def used(process):
    """Seconds of work of a process and its children."""
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


def quiet(process):
    """Seconds until a process and its children do nothing any more."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        before = used(process)
        time.sleep(0.5)
        if used(process) - before <= 0.03:
            break
    return time.monotonic() - began - 0.5


def test_a_page_that_is_closed_stops_its_work_and_a_signal_ends_everything(started):
    """Runs that would take days and a map of slow points: nothing computes a moment after; no worker is left."""
    process, address = started("--port", "0", "--no-browser")
    there = psutil.Process(process.pid)

    async def work():
        async with Page(address) as page:
            assert (await page.asked("map", state=SMALL, **MAP))[0]["kind"] == "map"
            assert (await page.asked("runs", state=ENDLESS))[0]["kind"] == "runs"
            await page.ask("map", state=SLOW, **MAP)
            before, end = used(there), time.monotonic() + PATIENCE
            while used(there) < before + 0.2:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)

    asyncio.run(work())
    assert quiet(there) < 10
    workers = there.children(recursive=True)
    assert workers

    async def again():
        async with Page(address) as page:
            await page.ask("runs", state=ENDLESS)
            await page.ask("map", state=SLOW, **MAP)
            await asyncio.sleep(0.5)
            found = await asyncio.to_thread(ended, process, signal.SIGTERM)
            await page.end()
            assert page.socket.close_code == 1001
            return found

    code, out, err, seconds = asyncio.run(again())
    assert (code, err) == (128 + signal.SIGTERM, "stdyn: the explorer has ended\n")
    assert out == ""
    assert seconds < 10
    assert not psutil.wait_procs(workers, timeout=5)[1]


ASKS_NOBODY = """
import sys
import numpy as np
from stdyn.__main__ import main
from stdyn.explorer import session

def eigenvalues(*_):
    matrix = np.random.default_rng(1).normal(size=(1500, 1500))
    while True:
        np.linalg.eigvals(matrix)

session._ANSWERS["copy"] = eigenvalues
sys.argv = ["stdyn", "explore", "--port", "0", "--no-browser"]
main()
"""


def test_what_cannot_be_stopped_does_not_keep_it_and_what_is_started_next_has_the_address_of_before(started, run):
    """Its page was closed before; its libraries would wait for it as they are taken down, for ever.

    The links and the cookies of before open the page again, at its port. It begins with what a link says, which its
    address has behind the token.
    """
    process, address = started(script=ASKS_NOBODY)
    port, _ = parts(address)

    async def work():
        async with Page(address) as page:
            await page.ask("copy", state=SMALL, **{"as": "toml"})
            assert (await page.asked("curves", state=SMALL))[0]["kind"] == "curves"

    asyncio.run(work())
    assert ended(process, signal.SIGHUP)[:3] == (128 + signal.SIGHUP, "", "stdyn: the explorer has ended\n")

    said = "rules=%5B%22bp%22%5D&K=2&activation=relu&view=map&view.map.rule=fa"
    process, again = started(f"http://127.0.0.1:1/?token=of-another#{said}", "--port", port)
    assert again == f"{address}#{said}"
    assert answer(address, "/", {"Cookie": cookie(address)})[0] == 200
    out = process.stdout.readline() + process.stdout.readline()
    assert f"ssh -N -L {port}:127.0.0.1:{port} " in out
    words = f"port must be one that is free, but {port} is taken (--port 0 takes any)"
    assert run("explore", "--port", port, "--no-browser") == (2, "", f"stdyn: error: {words}\n")

    async def hello():
        async with Page(address) as page:
            return (await page.hear("hello"))[0]["state"]

    assert asyncio.run(hello()) == {"rules": ["bp"], "K": 2, "activation": "relu"}
    assert ended(process, signal.SIGINT)[0] == 130


@pytest.fixture
def opened(monkeypatch):
    """What was to be opened in a browser, and a server that ends then."""
    found, really = [], serving._open

    def open_it(to_open, address):
        really(to_open, address)
        found.append(to_open)

    async def serve(source, port, ready, token, once):
        ready(f"http://127.0.0.1:{port}/?token={token(port)}")
        while not found:
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(serving, "_open", open_it)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_the_browser_gets_an_address_for_one_visit(run, monkeypatch, opened, tmp_path):
    """The token itself would be seen by whoever lists the processes of the machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BROWSER", "some")
    monkeypatch.setattr(serving.webbrowser, "open", lambda address: True)
    code, out, err = run("explore", "--port", "7", "#K=2")
    assert (code, err) == (130, "stdyn: the explorer has ended\n")
    printed, rest = out.split("\n", 1)
    assert rest == "Ctrl-C ends it.\n"
    (address,) = opened
    pattern = r"http://127\.0\.0\.1:7/\?token=([\w-]{32})#K=2"
    tokens_of_both = [re.fullmatch(pattern, each)[1] for each in (printed, address)]
    assert tokens_of_both[0] == tokens.token_of(7) != tokens_of_both[1]


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_browser_it_says_how_the_page_is_reached(run, monkeypatch, opened, tmp_path, fails):
    """One that returns that it opened nothing, or that is none at all."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":none")

    def no_browser(address):
        if fails:
            raise serving.webbrowser.Error("could not locate runnable browser")
        return False

    monkeypatch.setattr(serving.webbrowser, "open", no_browser)
    code, out, _ = run("explore", "--port", "7")
    assert code == 130
    assert "ssh -N -L 7:127.0.0.1:7 " in out


def test_without_tornado_it_says_what_to_install(run, without):
    """In one line, before anything is read."""
    without("tornado")
    code, out, err = run("explore", "none.toml")
    assert (code, out) == (1, "")
    assert err == "stdyn: stdyn explore needs tornado, which pip install 'stdyn[explore]' brings\n"


def test_tokens_are_of_a_secret_that_nobody_else_can_read(monkeypatch, tmp_path):
    """The same at every start, and another for every port; a secret that others may know is replaced."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = tokens.token_of(8765)
    file = tmp_path / "stdyn" / "explorer-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tokens.token_of(8765) == first != tokens.token_of(8766)
    assert len(first) == 32
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    secret, other = file.read_bytes(), tmp_path / "other"
    for spoil in (
        lambda: file.chmod(0o640),
        lambda: file.write_bytes(b"short"),
        lambda: (file.unlink(), other.write_bytes(secret), other.chmod(0o600), file.symlink_to(other)),
        lambda: (file.unlink(), os.mkfifo(file, 0o600)),
    ):
        spoil()
        token = tokens.token_of(8765)
        assert token != first
        assert token == tokens.token_of(8765)
        assert file.read_bytes() != secret
        file.write_bytes(secret)
        assert tokens.token_of(8765) == first


def test_a_secret_that_cannot_be_kept_is_another_at_every_start(monkeypatch, tmp_path):
    """Rather than one that is known, or none."""
    (tmp_path / "stdyn").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tokens.token_of(1) != tokens.token_of(1)


def test_links_say_what_their_page_shows():
    """Values in JSON, or words; what is looked at is no parameter."""
    state = {"rules": ["fa"], "K": 2, "eta": {"kind": "steps", "at": [0, 5], "value": [0.5, 0.1]}, "activation": "relu"}
    parts_of_it = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in state.items()]
    said = "&".join([*parts_of_it, "view=plane", "view.plane.alpha=3"])
    assert state_of_link(f"http://localhost:1/?token=x#{said}") == state
    assert state_of_link("http://localhost:1/") is None
    assert Source.of_link("#").state == Source().state


def test_saved_files_are_what_a_page_begins_with(tmp_path):
    """The parameters of a file, the problem of a trajectory, the points of a scan; of others it says what they are."""
    experiment = stdyn.Experiment(K=2, M=3, eta=0.3, rule="bp", alpha_max=5.0, points=5)
    (tmp_path / "x.toml").write_text("K = 2\nM = 3\neta = 0.3\nrule = 'bp'\nalpha_max = 5.0\npoints = 5\n")
    found = Source.read(tmp_path / "x.toml").state
    assert (found["K"], found["M"], found["eta"], found["rules"], found["points"]) == (2, 3, 0.3, ["bp"], 5)
    problem = experiment.problem("bp")
    file = stdyn.integrate(problem, experiment.alphas()).save(tmp_path / "theory.h5")
    assert wanted(Source.read(file).state).problem("bp") == problem
    stdyn.scan(stdyn.Variations(experiment, {"eta": [0.1, 0.2]}), [0, 1], tmp_path / "scan.h5")
    assert len(Source.read(tmp_path / "scan.h5").scan) == 2
    fluctuations = stdyn.fluctuations(problem, [0, 1]).save(tmp_path / "fluctuations.h5")
    with pytest.raises(stdyn.InputError, match="holds a fluctuations, but the explorer shows"):
        Source.read(fluctuations)


OWN = """
import numpy as np
import stdyn
mine = stdyn.activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2)
"""


def test_an_activation_of_ones_own_may_be_named_on_its_page(tmp_path, monkeypatch):
    """By the file that the page begins with; a page that begins otherwise cannot have any file run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "x.toml").write_text('K = 1\nM = 1\nactivation = "own.py:mine"\n')
    source = Source.read(tmp_path / "x.toml")
    assert str(source.wanted(source.state).problem("bp").activation) == "own.py:mine"
    with pytest.raises(stdyn.InputError, match="activation must be one of"):
        Source().wanted(source.state)
    with pytest.raises(stdyn.InputError, match="activation must be one of"):
        Source.of_link("#activation=own.py:mine")
