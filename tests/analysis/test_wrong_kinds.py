"""Objects of another kind are refused by the name of the argument, everywhere in theory and analysis."""

import numpy as np
import pytest
from conftest import random_problem

import stdyn
from stdyn import InputError

PROBLEM = random_problem(2, 2, N=20)
THEORY = stdyn.integrate(PROBLEM, [0, 1, 2])
RUNS = stdyn.simulate_reduced(PROBLEM, [0, 1, 2], 4, rng=np.random.default_rng(1))
RNG = np.random.default_rng(1)
CALLS = [
    (stdyn.integrate, {"problem": PROBLEM, "alphas": [0, 1], "method": "LSODA", "rtol": 1e-6, "max_steps": 100}),
    (stdyn.simulate_network, {"problem": PROBLEM, "alphas": [0, 1], "rng": RNG}),
    (stdyn.simulate_reduced, {"problem": PROBLEM, "alphas": [0, 1], "rng": RNG}),
    (stdyn.fluctuations, {"problem": PROBLEM, "alphas": [0, 1], "points": 256, "method": "LSODA"}),
    (stdyn.fixed_points, {"problem": PROBLEM, "number_of_starts": 1, "rng": RNG}),
    (stdyn.fixed_points, {"problem": PROBLEM, "starts": [PROBLEM.start]}),
    (stdyn.critical_eta, {"problem": PROBLEM}),
    (stdyn.plateaus, {"trajectory": THEORY}),
    (stdyn.escape_times, {"problem": PROBLEM, "draws": 1, "rng": RNG}),
    (stdyn.compare, {"runs": RUNS, "theory": THEORY, "false_alarm": 0.1, "bias": 0.0}),
    (stdyn.match_teachers, {"runs": RUNS, "theory": THEORY}),
    (stdyn.z_scores, {"runs": RUNS, "predicted": stdyn.fluctuations(PROBLEM, [0, 1, 2], points=256)}),
    (stdyn.load_fluctuations, {"path": "no.h5"}),
    (stdyn.summary.summarise, {"trajectory": THEORY, "alphas": THEORY.alphas}),
    (stdyn.summary.plateau, {"alphas": THEORY.alphas, "eps_g": THEORY.eps_g}),
    (stdyn.summary.flat_stretches, {"alphas": THEORY.alphas, "eps_g": THEORY.eps_g}),
]


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        pytest.param(function, arguments, name, id=f"{function.__name__}-{name}")
        for function, arguments in CALLS
        for name in arguments
    ],
)
@pytest.mark.parametrize("wrong", [object(), {"a": 1}, "text"], ids=["object", "dict", "text"])
def test_an_object_of_another_kind_is_refused_by_name(function, arguments, name, wrong):
    with pytest.raises(InputError, match="no.h5|is not there" if (name, wrong) == ("path", "text") else name):
        function(**{**arguments, name: wrong})


def test_the_median_of_lengths_counts_what_is_not_left():
    """A plateau that is not left is longer than any that is; none does not count."""
    assert stdyn.summary.censored(np.array([1, 2, np.inf, np.nan])) == (2, 1 / 3)
    assert stdyn.summary.censored(np.array([1, np.inf, np.inf])) == (np.inf, 2 / 3)
    assert np.isnan(stdyn.summary.censored(np.array([np.nan, np.nan]))).all()
