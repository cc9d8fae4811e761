"""A slider that is dragged: drafts on the way, in order and near, the solution where it is let go, and nothing late."""

import threading

import numpy as np
import pytest

import stdyn
from stdyn.explorer import curves
from stdyn.explorer.state import BEGINNING, wanted

QUIET = {**BEGINNING, "runs": 0}

LISTEN = """() => {
  const { explorer } = document.querySelector('.stdyn-explorer');
  window.drawn = [];
  window.asked = [];
  explorer.link.on('curves', (header, arrays) => window.drawn.push({
    state: header.state, draft: header.draft, alphas: [...arrays.fa.alphas.values], errors: [...arrays.fa.eps_g.values],
    runs: Object.keys(explorer.runs).length, said: document.querySelector('.stdyn-explorer .status').textContent,
  }));
  const { model } = explorer.link;
  const send = model.send;
  model.send = (message) => { window.asked.push(structuredClone(message)); send(message); };
}"""


def drag(shown, name, parts):
    """Drag a slider with the mouse through parts of its width, from 0 to 1; what was drawn meanwhile and afterwards."""
    slider = shown.slider(name)
    shown.page.evaluate("() => { window.drawn = []; window.asked = []; }")
    box = slider.bounding_box()
    place = [(box["x"] + 8 + part * (box["width"] - 16), box["y"] + box["height"] / 2) for part in parts]
    shown.page.mouse.move(*place[0])
    shown.page.mouse.down()
    for each in place:
        shown.page.mouse.move(*each)
        shown.page.wait_for_timeout(5)
    shown.page.mouse.up()
    shown.settled()
    return shown.page.evaluate("() => window.drawn")


@pytest.fixture
def listening(still):
    """The page at its beginning but without runs, with a memory of what it asked for and drew."""
    still.goes_to(QUIET)
    if not still.page.evaluate("() => 'drawn' in window"):
        still.page.evaluate(LISTEN)
    return still


def test_a_drag_of_100_steps(listening):
    """Drafts are drawn in the order of the drag, and near the solution; where it ends the solution is."""
    listening.goes_to(BEGINNING)
    listening.until("e => Object.keys(e.runs).length > 0")
    drawn = drag(listening, "eta", np.linspace(0.3, 0.8, 100))
    etas = [each["state"]["eta"] for each in drawn]
    assert etas == sorted(etas)
    assert len(set(etas)) > 3  # it follows the drag
    assert [each["draft"] for each in drawn] == [True] * (len(drawn) - 1) + [False]
    assert all(each["runs"] == 0 for each in drawn)  # those of before are gone
    for each in drawn[:: len(drawn) // 3]:
        found = wanted(each["state"])
        solution = stdyn.integrate(found.problem("fa"), each["alphas"], rtol=1e-10)
        np.testing.assert_allclose(each["errors"], solution.eps_g, rtol=0.02, atol=1e-7)
        assert each["alphas"][-1] == 1000
    state = listening.of("e => e.state")
    assert state["eta"] == etas[-1]
    listening.assert_shows(state)


def test_every_key_on_a_slider_ends_in_a_solution(listening):
    """Four steps by keys, each as it is wanted at the end."""
    for _ in range(4):
        listening.slider("sigma").press("ArrowRight")
        listening.settled()
        listening.assert_shows({**BEGINNING, "sigma": listening.of("e => e.state.sigma")})
    assert listening.of("e => e.state.sigma") == pytest.approx(0.004, rel=1e-12)


def test_a_slider_let_go_where_it_was_taken_shows_the_solution(listening):
    """No browser says that it has changed."""
    listening.slider("eta").press("Home")
    listening.settled()
    drawn = drag(listening, "eta", [0, 0.5, 1, 0.5, 0, 0])
    assert [each["draft"] for each in drawn][-1] is False
    listening.assert_shows(listening.of("e => e.state"))
    assert listening.of("e => e.state.eta") == 0.01


def test_what_takes_long_is_shortened_while_it_is_dragged(listening, monkeypatch):
    """It says up to where, and what is drawn is the beginning of the curve; the solution is whole."""
    monkeypatch.setattr(curves, "_PATIENCE", 0.003)
    drawn = drag(listening, "eta", np.linspace(0.4, 0.6, 8))
    drafts, final = drawn[:-1], drawn[-1]
    assert drafts
    for each in drafts:
        assert 0 <= each["alphas"][-1] < 1000
        assert "while it is dragged" in each["said"]
    assert "while it is dragged" not in final["said"]
    assert final["alphas"][-1] == 1000
    listening.assert_shows(final["state"])


def test_patience_is_that_of_the_thread(monkeypatch):
    """A draft that is quick is whole however long the machine does something else."""
    found = wanted({**BEGINNING, "K": 5, "M": 5})
    now = [0.0]
    monkeypatch.setattr(curves.time, "perf_counter", lambda: now[0])
    work = iter(np.linspace(0, 0.099, 10**6))
    monkeypatch.setattr(curves.time, "thread_time", lambda: next(work))
    for curve in curves.drafts(found, threading.Event()).values():
        assert not curve.header["cut"]
        assert curve.header["reached"] == 1000
    monkeypatch.setattr(curves.time, "thread_time", lambda: now[0])
    monkeypatch.setattr(curves.time, "perf_counter", lambda: now.append(now.pop() + 0.2) or now[0])
    assert all(curve.header["cut"] for curve in curves.drafts(found, threading.Event()).values())


def test_a_newer_request_ends_the_older(listening):
    """A solution that would take for ever is given up as soon as something else is wanted, and never drawn."""
    listening.page.evaluate("() => { window.drawn = []; }")
    endless = {**BEGINNING, "K": 20, "M": 20, "activation": "gelu", "alpha_max": 1e6, "runs": 0}
    listening.page.evaluate(
        "state => document.querySelector('.stdyn-explorer').explorer.link.curves(state, false)", endless
    )
    listening.until("e => e.link.busy")
    listening.page.wait_for_timeout(500)
    assert listening.page.locator(".status").inner_text()
    listening.typed("eta", "0.7")
    listening.assert_shows({**BEGINNING, "eta": 0.7})
    assert [each["state"] for each in listening.page.evaluate("() => window.drawn")] == [listening.of("e => e.state")]


def test_the_runs_that_are_shown_are_of_what_is_set(listening):
    """Those of a state that is left are gone with its curve, and none of them comes later."""
    few = {**BEGINNING, "runs": 2, "N": 100, "alpha_max": 50, "points": 21, "method": "network"}
    listening.goes_to({**few, "runs": 20, "N": 2000})
    listening.until("e => Object.keys(e.runs).length > 0")
    listening.goes_to(few)
    found = wanted(few)
    alphas = found.experiment.alphas()
    listening.until("(e, count) => ['fa', 'bp'].every(rule => e.runs[rule]?.alphas.shape[0] === count)", len(alphas))
    for rule in ("fa", "bp"):
        runs = stdyn.simulate_network(found.problem(rule), alphas, 2, rng=found.experiment.rng("network"))
        shown = listening.of(
            "(e, rule) => ({ shape: e.runs[rule].eps_g.shape, of: [...e.runs[rule].eps_g.values] })", rule
        )
        assert shown["shape"] == [2, len(alphas)]
        np.testing.assert_array_equal(shown["of"], runs.eps_g.ravel())
