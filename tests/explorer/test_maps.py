"""Maps: their numbers are those of `integrate`, at whatever place, and who has a part of one gets the rest."""

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from explorer_session import Heard

import stdyn
from stdyn.explorer.maps import QUANTITIES, SHAPE, STRIDES, Map, places
from stdyn.explorer.state import wanted
from stdyn.explorer.workers import Workers

SMALL = {"K": 2, "M": 2, "alpha_max": 60, "points": 41, "runs": 0}
HYPERBOLIC = {"kind": "hyperbolic", "value": 0.5, "scale": 20}
STATES = {
    "fa": (SMALL, "fa"),
    "kp": ({**SMALL, "rules": ["kp", "bp"], "decay": 0.01}, "kp"),
    "mixed": ({**SMALL, "rules": ["mixed"], "mixture": 0.3}, "mixed"),
    "outputs": ({**SMALL, "outputs": 2}, "fa"),
    "b given": ({**SMALL, "K": 3, "b": [0.5, -1, 0.25]}, "fa"),
    "turned": ({**SMALL, "b_angle": 60}, "fa"),
    "schedule": ({**SMALL, "eta_v": HYPERBOLIC}, "fa"),
    "tasks": ({**SMALL, "tasks": {"similarity": 0.5, "similarity_v": 1, "at": [0, 30], "heads": 1}}, "fa"),
    "inputs": ({**SMALL, "inputs": {"kind": "power_law", "exponent": 1, "groups": 4}}, "fa"),
    "flow": ({**SMALL, "flow": True}, "fa"),
    "sphere": ({**SMALL, "sphere": True}, "fa"),
    "linear grid": ({**SMALL, "spacing": "linear", "activation": "linear"}, "fa"),
}
CHOSEN = [(16, 32), (36, 11), (48, 64)]  # rows and columns


def solved(of, row, column):
    """What a map has at a place."""
    (at,) = np.flatnonzero((places() == (row, column)).all(axis=1))
    return of.solve(int(at))[0]


def turned(b, v, degrees):
    """b turned to an angle from v, without change of its length, in the plane of both."""
    along = v.ravel() / np.linalg.norm(v)
    across = b.ravel() - (b.ravel() @ along) * along
    across /= np.linalg.norm(across)
    angle = np.radians(degrees)
    return (np.linalg.norm(b) * (np.cos(angle) * along + np.sin(angle) * across)).reshape(b.shape)


@pytest.mark.parametrize("kind", ["eta_angle", "b_b"])
@pytest.mark.parametrize("name", STATES)
def test_its_numbers_are_those_of_integrate(name, kind):
    """At some places, of problems that are made here; to the tolerance of the map, whose solver they share."""
    state, rule = STATES[name]
    found = wanted(state)
    of, problem, alphas = Map.of(found, kind, rule), found.problem(rule), found.experiment.alphas()
    for row, column in CHOSEN:
        if kind == "eta_angle":
            eta, angle = 0.05 * 80 ** (column / (SHAPE[1] - 1)), 180 * row / (SHAPE[0] - 1)
            there = replace(problem, eta=eta, b=turned(problem.b, problem.start.v, angle))
        else:
            b = np.array(problem.b)
            b[(0, 0) if b.ndim > 1 else 0] = -3 + 6 * column / (SHAPE[1] - 1)
            b[(1, 0) if b.ndim > 1 else 1] = -3 + 6 * row / (SHAPE[0] - 1)
            there = replace(problem, b=b)
        theory = stdyn.integrate(there, alphas, "LSODA", 1e-8, error=False)
        numbers = stdyn.summary.summarise(theory, alphas)
        expected = [numbers[quantity] for quantity in QUANTITIES]
        np.testing.assert_allclose(solved(of, row, column), expected, rtol=2e-3, atol=1e-7)


def test_its_numbers_are_those_of_a_scan(tmp_path):
    """To the bit, by the same solver."""
    from functools import partial

    found = wanted(STATES["fa"][0])
    of = Map.of(found, "eta_angle", "fa")
    etas, angles = of.x.at([0, 16, 64], SHAPE[1]), of.y.at([8, 40], SHAPE[0])
    points = stdyn.Variations(replace(found.experiment, rule="fa"), {"eta": etas.tolist(), "b_angle": angles.tolist()})
    solve = partial(stdyn.integrate, method="LSODA", rtol=1e-6, error=False)
    scan = stdyn.scan(points, points.alphas(), tmp_path / "map.h5", solve)
    there = np.array([solved(of, row, column) for column in (0, 16, 64) for row in (8, 40)])
    for n, quantity in enumerate(QUANTITIES):
        np.testing.assert_array_equal(there[:, n], scan.summary[quantity])


def test_grids_get_finer():
    """Every place is there once, and so many first ones are the whole of a coarser grid."""
    assert len({(j, i) for j, i in places().tolist()}) == len(places()) == SHAPE[0] * SHAPE[1]
    for stride in STRIDES:
        grid = {(j, i) for j in range(0, SHAPE[0], stride) for i in range(0, SHAPE[1], stride)}
        assert {(j, i) for j, i in places()[: len(grid)].tolist()} == grid


def key(kind="eta_angle", rule="fa", **more):
    return Map.of(wanted({**SMALL, "K": 3, **more}), kind, rule).key()


@pytest.mark.parametrize(
    "moved",
    [{"eta": 1.0}, {"b_angle": 20}, {"runs": 5}, {"rtol": 1e-6}, {"rules": ["fa", "kp"]}, {"method": "network"}],
)
def test_what_a_map_does_not_depend_on_leaves_it(moved):
    """So that it need not be computed again."""
    assert key(**moved) == key()


@pytest.mark.parametrize(
    "moved", [{"sigma": 0.1}, {"seed": 2}, {"eta_v": 1.0}, {"alpha_max": 30}, {"N": 100}, {"K": 2}]
)
def test_what_it_depends_on_makes_another(moved):
    """Of either kind."""
    assert key(**moved) != key()
    assert key("b_b", **moved) != key("b_b")


def test_a_click_leaves_the_map_of_b():
    """Which has b given, of which the first two are those of the place; another b_3 makes another map."""
    b = wanted({**SMALL, "K": 3}).problem("fa").b.tolist()
    assert key("b_b") == key("b_b", b=[0.1, 2.0, b[2]]) != key("b_b", b=[0.1, 2.0, b[2] + 0.1])
    assert key("b_b") != key("b_b", eta=1.0)
    assert key("b_b", b_angle=70) != key("b_b")
    assert key() != key(rules=["kp"], rule="kp")


@pytest.mark.parametrize(
    ("state", "kind", "rule", "words"),
    [
        (SMALL, "eta", "fa", "map must be one of eta_angle, b_b, but is 'eta'"),
        (SMALL, ["eta"], "fa", "map must be one of"),
        (SMALL, "b_b", "bp", "rule must be one with feedback weights that is ticked, but is 'bp'"),
        (SMALL, "b_b", "kp", "rule must be one with feedback weights that is ticked, but is 'kp'"),
        ({**SMALL, "K": 1}, "b_b", "fa", "a map over b_1 and b_2 needs K of at least 2, but K is 1"),
        ({**SMALL, "K": 1}, "eta_angle", "fa", "this map has no points: b is parallel to v"),
        ({**SMALL, "v": 0}, "eta_angle", "fa", "this map has no points: b_angle is the angle of b to v, but v is zero"),
        ({**SMALL, "v": [1, 2], "b": [2, 4]}, "eta_angle", "fa", "this map has no points: b is parallel to v"),
        (
            {**SMALL, "eta": HYPERBOLIC},
            "eta_angle",
            "fa",
            "a map over eta needs a number",
        ),
    ],
)
def test_what_has_no_map_is_refused(state, kind, rule, words):
    """With words that say why, before anything is computed."""
    with pytest.raises(stdyn.InputError) as refused:
        Map.of(wanted(state), kind, rule)
    assert words in str(refused.value)


@pytest.mark.parametrize("angle", [0.0, 30.0, 137.5])
def test_it_says_where_the_experiment_is(angle):
    """On both of its axes."""
    found = wanted({**SMALL, "b_angle": angle, "eta": 0.7})
    np.testing.assert_allclose(Map.of(found, "eta_angle", "fa").here, (0.7, angle), atol=1e-5)
    np.testing.assert_array_equal(Map.of(found, "b_b", "fa").here, found.problem("fa").b)


@pytest.mark.parametrize("have", [None, 3, [], {}, {"key": "", "count": 9}, {"count": 9}])
def test_what_is_no_part_of_it_is_none(have):
    """A map begins at its beginning unless its own key is said with a number."""
    of = Map.of(wanted(SMALL), "b_b", "fa")
    assert of.done(have) == 0
    assert [of.done({"key": of.key(), "count": n}) for n in (7, -1, 10**30, "7", 2.5)] == [7, 0, len(places()), 0, 0]


def test_what_is_stopped_has_nothing():
    """Not a number of a solution that was cut."""
    of = Map.of(wanted(SMALL), "b_b", "fa")
    assert of.solve(0, lambda: True) == []
    looks = iter([False] * 5)
    assert of.solve(0, lambda: next(looks, True)) == []


class Page(Heard):
    """A page that looks at maps."""

    def map(self, state, **more):
        """Ask for one; the number of the request."""
        return self.ask("map", state=state, map="b_b", rule="fa", **more)

    def done(self, number, count):
        """The message that says that so many places of a request are done, once it is there."""
        said = lambda: [each for each in self.of(number) if each.get("done", -1) >= count]  # noqa: E731
        self.until(said)
        return said()[0]

    def values(self, number):
        """All values of a request by place."""
        parts = [(each["places"], each["values"]) for each in self.arrays(number) if each]
        return {
            tuple(at): of
            for places, values in parts
            for at, of in zip(places.astype(int).tolist(), values, strict=True)
        }


@pytest.fixture(scope="module")
def workers():
    found = Workers()
    yield found
    found.close()


def test_a_page_gets_the_rest_of_a_map_it_has(workers):
    """Of the worker process: the same numbers as here, from where the page has it on, and none after it is closed."""
    page = Page(workers)
    asked = page.map(SMALL)
    key = page.done(asked, 0)["key"]
    page.done(asked, 25)
    again = page.map({**SMALL, "runs": 3}, have={"key": key, "count": 20})
    assert page.done(again, 20)["done"] == 20
    page.done(again, 30)
    page.close()
    count = len(page.headers)
    of = Map.of(wanted(SMALL), "b_b", "fa")
    first, rest = page.values(asked), page.values(again)
    assert list(first)[:25] == [tuple(each) for each in places()[:25].tolist()]
    assert list(rest)[:10] == [tuple(each) for each in places()[20:30].tolist()]
    for (row, column), values in [*first.items()][:3] + [*rest.items()][:3]:
        np.testing.assert_array_equal(values, solved(of, row, column))
    assert len(page.headers) == count


def test_a_map_that_is_not_wanted_frees_the_worker(workers):
    """Which was at a point that takes many seconds."""
    page = Page(workers)
    workers.call(threading.Event(), _answer)
    page.map({"K": 20, "M": 20, "alpha_max": 10**5, "runs": 0})
    page.until(lambda: os.listdir(workers._folder))
    time.sleep(0.2)
    page.session.close()
    began = time.monotonic()
    assert workers.call(threading.Event(), _answer) == "free"
    assert time.monotonic() - began < 5


def _answer(_):
    return "free"


def test_a_worker_that_is_killed_is_replaced(workers):
    """The page is told, and gets every point."""
    workers.call(threading.Event(), _answer)
    children = set(multiprocessing.active_children())
    page = Page(workers)
    asked = page.map(SMALL)
    page.done(asked, 3)
    for child in children:
        os.kill(child.pid, signal.SIGKILL)
    page.done(asked, 40)
    page.close()
    assert "The worker process had ended, another was started." in [header.get("words") for header in page.headers]
    done = [header["done"] for header in page.headers]
    assert done == sorted(done)
    assert list(page.values(asked))[:40] == [tuple(each) for each in places()[:40].tolist()]
