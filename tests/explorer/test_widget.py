"""The explorer in a notebook: Python and its views have the same parameters, and each view its own answers."""

import gc
import multiprocessing
import subprocess
import sys
import threading
import time
from multiprocessing.connection import wait
from queue import Empty

import numpy as np
import pytest
from own_activations import SOFTPLUS
from shown import check_html
from wire import lay

import stdyn
from stdyn.explorer.state import BEGINNING

pytest.importorskip("anywidget", reason='the widget needs anywidget: pip install ".[explore]"')
PATIENCE = 60.0  # seconds, on a slow machine that compiles
START = stdyn.initial.prepared(2, 2, q=0.2, r=0.05, v=[0.6, 0.4])
SMALL = {"K": 2, "M": 2, "alpha_max": 20.0, "points": 11}


@pytest.fixture
def explorer(monkeypatch):
    """One that is open, in a kernel that is none."""
    lay(monkeypatch)
    found = stdyn.Explorer(stdyn.Experiment(**SMALL, rule="both", runs=1))
    yield found
    found.close()


def say(explorer, kind, view="one", **more):
    """A message of a view."""
    explorer.comm.hear(method="custom", content={"kind": kind, "view": view, **more})


def heard(explorer, kind, view="one", number=None):
    """The answer of a kind: its header and its numbers, once it is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for _, data, buffers in list(explorer.comm.sent):
            said = data.get("content", {}) if data else {}
            if (said.get("kind"), said.get("view")) == (kind, view) and number in (None, said.get("id")):
                return said, np.frombuffer(buffers[0], dtype="<f8")
        time.sleep(0.01)
    raise AssertionError(f"no {kind}")


def numbers(header, values, rule, name):
    """An array of an answer."""
    begin, shape = header["arrays"][rule][name]
    return values[begin : begin + int(np.prod(shape))].reshape(shape)


def threads():
    """Those that answer pages."""
    return {each for each in threading.enumerate() if each.name.startswith("stdyn-explorer")}


def ended(before):
    """Whether only these are left, soon."""
    end = time.monotonic() + 5
    while time.monotonic() < end and threads() - before:
        time.sleep(0.01)
    return not threads() - before


# ---------------------------------------------------------------------------------------------------------------------
# What it is in Python


def test_it_begins_with_what_is_given():
    """Nothing, an experiment, a problem; also one whose activation is nobody else's."""
    with_softplus = stdyn.Problem(START, rule="bp", activation=SOFTPLUS, eta=0.5, eta_v=0.5)
    experiment = stdyn.Experiment(K=2, M=3, rule="kp", eta={"kind": "hyperbolic", "value": 0.5, "scale": 100}, seed=4)
    for begun in (None, experiment, with_softplus):
        explorer = stdyn.Explorer(begun)
        if begun is None:
            assert explorer.state == BEGINNING
            assert explorer.problems == {rule: stdyn.Experiment(K=3, M=3).problem(rule) for rule in ("fa", "bp")}
        elif begun is experiment:
            assert explorer.problems == {"kp": experiment.problem("kp")}
        else:
            assert explorer.problems == {"bp": with_softplus}
        explorer.close()


def test_only_what_is_not_usual_is_said_in_the_beginning():
    """Under gradient flow, too, where rates that are not said are others in an experiment than on the page."""
    explorer = stdyn.Explorer(stdyn.Experiment(K=2, flow=True, eta=0.5, rule="both"))
    assert explorer.state == {"eta_v": 1.0, "K": 2, "flow": True, "runs": 8}
    assert {(problem.eta, problem.eta_v) for problem in explorer.problems.values()} == {(0.5, 1.0)}
    explorer.close()


def test_experiment_problems_and_theory_are_those_that_are_set(explorer):
    """Solved as `integrate` does, and once; an angle is in the experiment's b."""
    explorer.state = explorer.state | {"eta": 0.8, "b_angle": 60, "rtol": 1e-6}
    experiment = explorer.experiment
    assert (experiment.rule, experiment.eta, experiment.rtol) == ("both", 0.8, 1e-6)
    b, v = np.ravel(explorer.problems["fa"].b), np.ravel(explorer.problems["fa"].start.v)
    assert b @ v / np.linalg.norm(b) / np.linalg.norm(v) == pytest.approx(0.5)
    for rule, problem in explorer.problems.items():
        assert problem == experiment.problem(rule)
        assert explorer.theory[rule] == stdyn.integrate(problem, np.r_[experiment.alphas()], rtol=1e-6)
    assert explorer.theory["fa"] is explorer.theory["fa"]
    explorer.state = explorer.state | {"rules": ["kp", "bp"]}
    assert list(explorer.theory) == ["bp", "kp"]
    assert explorer.experiment.rule == "bp"


def test_a_scan_is_opened(monkeypatch, tmp_path):
    """Its points are in the first message to a view."""
    lay(monkeypatch)
    points = stdyn.Variations(stdyn.Experiment(K=1, M=1), {"eta": [0.2, 0.4]})
    explorer = stdyn.Explorer(stdyn.scan(points, [0.0, 1.0], tmp_path / "eta.h5"))
    say(explorer, "begin")
    assert heard(explorer, "hello")[0]["scan"]["coordinates"] == ["eta"]
    explorer.close()


def test_what_is_no_state_is_refused_and_changes_nothing(explorer):
    """Set by a line of Python, by a notebook, or while changes are held back; nor can it be written to."""
    before = explorer.state
    values = ({"eta": -1}, {"eta": np.nan}, {"pace": 1}, {"K": 21}, {"eta": "0.1"}, {"rules": []}, {"eta": [1]})
    for wrong in (*values, 3, None, [("eta", 0.1)]):
        with pytest.raises(stdyn.InputError, match=r"must be|no parameter"):
            explorer.state = wrong
        with pytest.raises(stdyn.InputError), explorer.hold_trait_notifications():
            explorer.state = wrong
        with pytest.raises(stdyn.InputError):
            explorer.set_state({"state": wrong})
        assert explorer.state == before
    with pytest.raises(TypeError, match="read-only"):
        explorer.state["eta"] = 0.1
    explorer.state = {"eta": np.float64(0.25), "K": np.int64(2), "v": np.array([1.0, 2.0])}
    assert explorer.state == {"eta": 0.25, "K": 2, "v": [1.0, 2.0]}
    assert type(explorer.state["K"]) is int


def test_a_parameter_is_no_attribute(explorer):
    """Which would be set, and change nothing."""
    with pytest.raises(AttributeError, match=r"explorer\.state = explorer\.state \| {'eta': 0\.3}"):
        explorer.eta = 0.3
    explorer.mine = 0.3


def test_what_was_called_wrongly_ends_in_silence():
    """Python's words for it are the only ones."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'K'"):
        stdyn.Explorer(K=3)
    gc.collect()  # a warning, which fails a test, if closing what never was one does


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (stdyn.Experiment(K=21), "K must be from 1 to 20 here"),
        (stdyn.Problem(START, rule="bp", eta=lambda alpha: 0.1, eta_v=0.1), "named schedules only"),
        (3, "problem must be a Problem, an Experiment or a Scan, but is 3"),
        ("fa", "problem must be .* but is 'fa'"),
    ],
)
def test_what_the_page_cannot_show_is_refused(wrong, words):
    """Where it is made."""
    with pytest.raises(stdyn.InputError, match=words):
        stdyn.Explorer(wrong)


def test_it_shows_itself_in_words_where_no_page_is(explorer):
    """In one line and as a card, of whatever is set."""
    explorer.state = explorer.state | {"eta": {"kind": "steps", "at": [0, 10], "value": [0.5, 0.1]}}
    said = "alpha_max = 20.0, points = 11, runs = 1, eta = {'kind': 'steps', 'at': [0, 10], "
    assert repr(explorer) == f"<Explorer fa, bp: K = 2, M = 2, {said}'value': [0.5, 0.1]}}>"
    shown = explorer._repr_mimebundle_()[0]
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert "fa, bp" in check_html(shown["text/html"]).words


# ---------------------------------------------------------------------------------------------------------------------
# What it says to its views


def test_a_view_is_answered_with_what_integrate_finds(explorer):
    """And no other view is."""
    beginning = explorer.state
    explorer.state = explorer.state | {"seed": 3}  # a page that is reset is as in the beginning
    for view in ("one", "two"):
        say(explorer, "begin", view)
        hello, _ = heard(explorer, "hello", view)
        assert hello["state"] == beginning
    state = explorer.state | {"eta": 0.8}
    say(explorer, "curves", "two", id=1, state=state)
    header, values = heard(explorer, "curves", "two")
    for rule in ("fa", "bp"):
        experiment = stdyn.Experiment(**SMALL, eta=0.8, seed=3)
        theory = stdyn.integrate(experiment.problem(rule), experiment.alphas())
        for name in ("alphas", "eps_g", "R", "Q", "v"):
            np.testing.assert_array_equal(numbers(header, values, rule, name), getattr(theory, name))
    said = [data["content"] for _, data, _ in explorer.comm.sent if data.get("method") == "custom"]
    assert [each["view"] for each in said if each["kind"] == "curves"] == ["two"]


def test_what_is_moved_on_a_page_is_set_in_python(explorer):
    """And who observes it is told."""
    told = []
    explorer.observe(lambda change: told.append(change["new"]["eta"]), "state")
    explorer.comm.hear(method="update", state={"state": {**explorer.state, "eta": 0.9}})
    assert told == [0.9]
    assert explorer.experiment.eta == 0.9
    explorer.state = explorer.state | {"eta": 0.1}
    updates = [data["state"]["state"] for _, data, _ in explorer.comm.sent if (data or {}).get("method") == "update"]
    assert updates[-1]["eta"] == 0.1


def test_a_page_that_hears_nothing_is_told_that_the_kernel_is_there(explorer):
    """At once, while something is computed."""
    say(explorer, "there")
    assert heard(explorer, "there")
    assert explorer._sessions == {}


@pytest.mark.parametrize("message", [3, None, [], {}, {"kind": "curves"}, {"kind": [1], "view": {}, "id": "x"}])
def test_what_is_no_message_is_refused(explorer, message):
    """And the next one is answered."""
    explorer.comm.hear(method="custom", content=message)
    say(explorer, "begin", "next")
    assert heard(explorer, "hello", "next")


LONG = {"runs": 50, "N": 10**4, "method": "network", "alpha_max": 1e5}


@pytest.mark.parametrize("how", ["it is no longer shown", "closed"])
def test_a_view_that_ends_has_nothing_more_computed(explorer, how):
    """Runs that take an hour end within seconds."""
    before = threads()
    say(explorer, "runs", id=1, state=explorer.state | LONG)
    heard(explorer, "hello")
    time.sleep(0.3)
    assert threads() > before
    if how == "closed":
        explorer.close()
    else:
        say(explorer, "end")
    assert explorer._sessions == {}
    assert ended(before)


def test_the_worker_process_ends_with_the_last_view_and_begins_again(explorer):
    """As maps need one."""
    for view in ("one", "two"):
        say(explorer, "begin", view)
        before = {*multiprocessing.active_children()}
        assert "_Withdrawn" in explorer._workers.call(threading.Event(), repr)
        (worker,) = {*multiprocessing.active_children()} - before
        say(explorer, "end", view)
        assert wait([worker.sentinel], PATIENCE)  # join and is_alive say wrong things if threads wait for it at once


def test_views_that_are_forgotten_do_not_gather(explorer):
    """As of browsers that were closed without a word; one that speaks again is answered again."""
    for each in range(20):
        say(explorer, "begin", f"view {each}")
    assert len(explorer._sessions) == 16
    say(explorer, "curves", "view 0", id=1, state=explorer.state)
    assert heard(explorer, "curves", "view 0")
    assert len(explorer._sessions) == 16


# ---------------------------------------------------------------------------------------------------------------------
# In a kernel, and without anywidget


class Kernel:
    """A kernel, and what a notebook does with it."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.said = []  # messages that it has published

    def until(self, wanted):
        """The first message that is wanted, among those of now and before."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for message in self.said:
                if wanted(message):
                    return message
            try:
                self.said.append(self.client.get_iopub_msg(timeout=1))
            except Empty:
                continue
        raise AssertionError([message["msg_type"] for message in self.said])

    def run(self, code):
        """What a cell prints."""
        number = self.client.execute(code)
        mine = [message for message in self.said if message["parent_header"].get("msg_id") == number]
        self.until(
            lambda each: (
                each["parent_header"].get("msg_id") == number and each["content"].get("execution_state") == "idle"
            )
        )
        mine = [message for message in self.said if message["parent_header"].get("msg_id") == number]
        assert not [each for each in mine if each["msg_type"] == "error"], mine
        return "".join(each["content"]["text"] for each in mine if each["msg_type"] == "stream")

    def send(self, comm, **data):
        """A message to a widget."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def test_it_works_in_a_kernel():
    """The page is sent with it; curves, what is moved on the page, and what is set in a cell."""
    kernel = Kernel()
    try:
        given = ", ".join(f"{name}={value}" for name, value in SMALL.items())
        kernel.run(f"import stdyn\nexplorer = stdyn.Explorer(stdyn.Experiment({given}, rule='fa'))")
        opened = kernel.until(
            lambda each: each["msg_type"] == "comm_open" and "_esm" in each["content"]["data"]["state"]
        )
        comm, page = opened["content"]["comm_id"], opened["content"]["data"]["state"]
        assert "stdyn-explorer" in page["_esm"]
        assert ".stdyn-explorer" in page["_css"]
        assert page["state"]["K"] == 2

        state = {**page["state"], "eta": 0.8}
        kernel.send(comm, method="custom", content={"kind": "begin", "view": "one"})
        kernel.send(comm, method="custom", content={"kind": "curves", "id": 1, "view": "one", "state": state})
        answer = kernel.until(lambda each: each["content"].get("data", {}).get("content", {}).get("kind") == "curves")
        values = np.frombuffer(answer["buffers"][0], dtype="<f8")
        experiment = stdyn.Experiment(**SMALL, eta=0.8)
        theory = stdyn.integrate(experiment.problem("fa"), experiment.alphas())
        found = numbers(answer["content"]["data"]["content"], values, "fa", "eps_g")
        np.testing.assert_array_equal(found, theory.eps_g)

        kernel.send(comm, method="update", state={"state": state}, buffer_paths=[])
        assert kernel.run("print(explorer.experiment.eta)") == "0.8\n"
        kernel.run("explorer.state = explorer.state | {'eta': 0.3}")
        kernel.until(
            lambda each: (
                each["msg_type"] == "comm_msg"
                and each["content"]["data"].get("state", {}).get("state", {}).get("eta") == 0.3
            )
        )
    finally:
        kernel.close()


WITHOUT = """
import sys
sys.modules["anywidget"] = None
import stdyn
for names in (stdyn.__all__, dir(stdyn)):
    assert "Explorer" not in names and "integrate" in names
stdyn.Explorer
"""


def test_without_anywidget_it_says_what_it_needs():
    """In one line; who takes all names, or has them completed, does without it."""
    found = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=PATIENCE)
    assert found.stderr.splitlines()[-1].startswith(
        "ImportError: stdyn.Explorer needs anywidget: pip install 'stdyn[explore]'"
    )


def test_the_package_does_not_load_it():
    """Nor does a name beside it."""
    code = "import sys, stdyn; stdyn.Experiment(); print('anywidget' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert (found.stdout, found.stderr) == ("False\n", "")
