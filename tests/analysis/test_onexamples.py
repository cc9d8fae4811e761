"""How far theory and networks on examples agree: the verdict is that of Student's t, rounding is no deviation."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem

from stdyn import InputError, Trajectory, compare
from stdyn.analysis import onexamples

ALPHAS = np.linspace(0, 10, 11)
EPS_G = 1 / (1 + ALPHAS)
PROBLEM = random_problem(2, 2)


def trajectory(eps_g, test=None):
    shape = np.shape(eps_g)
    names = {"R": PROBLEM.start.R, "Q": PROBLEM.start.Q, "v": PROBLEM.start.v}
    arrays = {name: np.broadcast_to(each, (*shape, *each.shape)) for name, each in names.items()}
    method = "ode" if len(shape) == 1 else "network"
    return Trajectory(PROBLEM, ALPHAS, *arrays.values(), method, eps_g_read=np.array(eps_g), eps_g_test=test)


def scattered(shift, runs=16):
    """Relative deviations of +- 1 % around a mean of `shift` (A,): a standard error of 0.01/sqrt(15)."""
    signs = np.where(np.arange(runs) % 2, 1.0, -1.0)[:, None]
    return EPS_G * (1 + shift + 0.01 * signs)


def test_a_verdict_says_up_to_where_means_agree():
    """Allowed is t at 0.001/22 on either side with 15 degrees: 5.3 s.e., 1.37 %; 2 s.e. are 0.52 %."""
    shift = np.array([0, 0, 0, 0.004, 0.006, 0.013, 0.0155, 0.013, 0.02, 0.05, -0.1])
    said = onexamples.table(trajectory(EPS_G), trajectory(scattered(shift))).splitlines()[-1]
    assert said == (
        "overlaps: within 5.3 s.e. of 16 runs up to alpha = 5, and at 64% of all alphas; within 2 s.e. at 36%;"
        " furthest -10 % at alpha = 10"
    )


@pytest.mark.parametrize(("runs", "decide"), [(2, False), (4, False), (5, True)])
def test_too_few_runs_decide_nothing(runs, decide):
    """At 11 alphas t at 0.001/22 on either side is 7003 for 2 runs, 28.9 for 4, 15.9 for 5."""
    said = onexamples.table(trajectory(EPS_G), trajectory(scattered(0.001 + 0 * ALPHAS, runs))).splitlines()[-1]
    assert said.startswith("overlaps: within 15.9 s.e. of 5 runs everywhere; within 2 s.e. at 100%; ") == decide
    few = f"overlaps: {runs} runs are too few to decide, 5 would be enough; within 2 s.e. at 100%; furthest"
    assert said.startswith(few) != decide


def test_the_table_has_means_and_standard_errors():
    """On test examples, of overlaps and of Gaussian inputs; what is within rounding is within."""
    runs = trajectory(scattered(0.1), test=scattered(1.0))
    text = onexamples.table(trajectory(EPS_G), runs, trajectory(np.tile(EPS_G, (5, 1)) * (1 + 1e-12))).splitlines()
    assert text[1].split() == ["alpha", "theory", "test", "±", "s.e.", "overlaps", "±", "s.e.", "Gaussian", "±", "s.e."]
    assert text[2].split() == ["0", "1.0000", "2.0000", "±", "0.0026", "1.1000", "±", "0.0026", "1.0000", "±", "0.0000"]
    assert "not even at alpha = 0, and at 0% of all alphas" in text[-3]
    assert "furthest +1e+02 %" in text[-3]
    assert "everywhere; within 2 s.e. at 100%" in text[-1]


def test_runs_of_which_some_are_not_finite():
    """Are left out of mean and error; one run alone has none."""
    errors = np.where(np.arange(16)[:, None] < 2, np.nan, scattered(0.0))
    mean, error = onexamples.mean_and_error(errors)
    np.testing.assert_allclose(mean, errors[2:].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(error, errors[2:].std(axis=0, ddof=1) / np.sqrt(14), rtol=1e-12)
    said = onexamples.table(trajectory(EPS_G), trajectory(scattered(-0.02 * (ALPHAS == 3), 1)))
    assert said.splitlines()[-1] == "overlaps: furthest -3 % at alpha = 3; a single run has no standard error"
    with pytest.raises(InputError, match="runs, the first argument, must be an ensemble"):
        onexamples.table(trajectory(EPS_G), trajectory(EPS_G))


def test_the_error_on_test_examples_is_held_to_eps_g():
    """In the comparison, a row of its own, with a note; it is not there without test examples."""
    runs = trajectory(scattered(0.0), test=scattered(np.where(ALPHAS > 5, 0.3, 0.0)))
    theory = trajectory(EPS_G)
    found = compare(runs, theory)
    np.testing.assert_array_equal(found.theory["eps_g_test"], EPS_G)
    np.testing.assert_array_equal(found.within("eps_g_test"), ALPHAS <= 5)
    assert found.within("eps_g").all()
    assert "eps_g_test" in str(found)
    assert any("test examples" in note for note in found.notes)
    without = compare(replace(runs, eps_g_test=None), theory)
    assert "eps_g_test" not in without.mean
    assert not without.notes
    assert found.entries == without.entries + len(ALPHAS)
