"""The spectrum along a trajectory, in parts: the textbook's eigenvalues, and an end whenever it is asked for."""

import threading

import numpy as np
import pytest
import textbook
from explorer_session import Heard

import stdyn
from stdyn import InputError
from stdyn.explorer import spectra
from stdyn.explorer.messages import packed
from stdyn.explorer.outbox import Outbox
from stdyn.explorer.state import wanted

SMALL = {"K": 2, "M": 2, "alpha_max": 200.0, "points": 61}
STATES = {
    "erf": SMALL,
    "three outputs": SMALL | {"outputs": 3, "alpha_max": 20.0, "sigma": 0.1},
    "tasks": SMALL | {"outputs": 2, "tasks": {"similarity": 0.5, "at": [0, 40], "heads": 2}},
    "a rate that changes": SMALL | {"eta": {"kind": "hyperbolic", "value": 1.0, "scale": 50}},
    "inputs by groups": SMALL | {"inputs": {"kind": "spectrum", "variances": [3, 0.5], "fractions": [0.2, 0.8]}},
    "one unit": {"K": 1, "M": 1, "alpha_max": 5.0, "points": 7},
    "few alphas": SMALL | {"points": 2},
}


def parts(state, rule="fa", stop=None):
    """The parts of a state's spectrum."""
    return spectra.along(wanted(state), rule, stop or threading.Event())


@pytest.mark.parametrize("name", STATES)
def test_eigenvalues_are_those_of_the_textbook_equations(name):
    """Of the textbook's averages in NumPy, differentiated by differences, at some of the alphas; and so what grows."""
    found, of = list(parts(STATES[name])), wanted(STATES[name])
    alphas = np.array([part.alphas[0] for part in found])
    theory = stdyn.integrate(of.problem("fa"), of.experiment.alphas())
    assert set(alphas) <= set(theory.alphas)
    assert len(set(alphas)) == len(alphas) == found[0].count == min(41, len(theory.alphas))
    assert [alphas[0], *alphas[1:2]] == [0.0, theory.alphas[-1]]
    layout = theory.problem.state_layout
    states = layout.pack({place: getattr(theory, place) for place in layout.places})
    for part in found[:: max(1, len(found) // 4)]:
        (position,) = np.flatnonzero(theory.alphas == part.alphas[0])
        expected = np.linalg.eigvals(textbook.jacobian(theory.problem, states[position], part.alphas[0]))
        np.testing.assert_allclose(np.sort_complex(part.eigenvalues[0]), np.sort_complex(expected), atol=1e-6)
        arrays = part.arrays
        np.testing.assert_array_equal(arrays["real"], part.eigenvalues.real)
        clearly = np.abs(arrays["real"]) > 1e-5
        np.testing.assert_array_equal(arrays["grows"][clearly], (arrays["real"] > 0)[clearly])


def test_zero_does_not_grow():
    """Perfect learning at rates of zero: all eigenvalues are zero but for rounding, or do not grow."""
    state = SMALL | {"eta_v": 0.0, "R": [[1, 0], [0, 1]], "Q": [[1, 0], [0, 1]], "v": [1, 1]}
    found = next(parts(state, "bp"))
    zeros = np.abs(found.eigenvalues) < 1e-9
    assert zeros.any()
    assert not found.arrays["grows"][zeros].any()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 41])
def test_it_is_coarse_first(count):
    """Each place once, the ends first; the widest gap is no more than about twice the narrowest that there could be."""
    order = spectra._coarse_first(count)
    assert sorted(order) == list(range(count))
    assert order[:2] == [0, count - 1][: len(order)] or count == 1
    for done in range(2, count + 1):
        assert np.diff(sorted(order[:done])).max() <= 4 * np.ceil((count - 1) / (done - 1))


def test_it_ends_when_it_is_told_to():
    """Between two alphas, and before the first one."""
    stop, seen = threading.Event(), []
    for part in parts(SMALL, stop=stop):
        seen.append(part)
        if len(seen) == 3:
            stop.set()
    assert len(seen) == 3
    assert list(parts(SMALL, stop=stop)) == []


@pytest.mark.parametrize(("at", "last"), [([0.0, 50.0], 50.0), ([0.0, 0.002], 0.0)])
def test_a_trajectory_that_ends_early_has_its_own_alphas(at, last):
    """Of one that diverges, soon after a rate jumps, the spectrum ends where it does."""
    eta = {"kind": "steps", "at": at, "value": [0.1, 5.0]}
    found = list(parts(SMALL | {"activation": "linear", "eta": eta, "eta_v": 0.0, "v": [2.0, 2.0]}, "bp"))
    assert last <= max(part.alphas[0] for part in found) < last + 5
    assert len(found) == found[0].count


def test_what_has_no_derivatives_is_refused_before_anything_is_solved(monkeypatch):
    """A g with kinks, whose averages are by quadrature."""
    monkeypatch.setattr(spectra, "solution", None)  # which would be called
    with pytest.raises(InputError, match="activation must be smooth"):
        next(parts(SMALL | {"activation": "relu", "activation_teacher": "erf"}))


def test_a_page_gets_it_in_parts_until_it_looks_elsewhere():
    """Every part says how many there will be; after a stop there are no more."""
    page = Heard()
    number = page.ask("spectrum", state=SMALL | {"K": 6, "M": 6}, rule="fa")
    page.until(lambda: len(page.headers) >= 3)
    page.ask("stop", slot="spectrum")
    page.until(lambda: not page.busy())
    assert len(page.headers) < 41
    assert {(each["kind"], each["id"], each["count"]) for each in page.headers} == {("spectrum", number, 41)}
    page.close()


def test_no_part_takes_the_place_of_another_while_the_page_is_slow():
    """All that a page has not read yet of one spectrum waits for it."""
    outbox = Outbox(lambda: None)
    for part in parts(SMALL):
        outbox.put(*packed({"kind": "spectrum", "id": 5, "rule": "fa", "count": part.count}, part.arrays))
    assert len([*iter(outbox.take, None)]) == 41
