"""Stiff ODEs and such that diverge at a finite alpha: by every method either solved or soon, and rightly, given up."""

import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import random_problem

from stdyn import DivergenceWarning, OrderParameters, Problem, SolverWarning, integrate
from stdyn.checks import METHODS
from stdyn.kernels.state import DIVERGED
from stdyn.theory import stepping, stiffness

EXPLICIT = ("DOP853", "RK45", "RK23")
IMPLICIT = ("LSODA", "Radau", "BDF")
HOPELESS = {  # and after how many steps of a million, at most, that is known
    "first layer": ({"decay": 1e9}, 100, 4000),
    "at rest": ({}, 1e308, 4000),
    "second layer": ({"eta_v": 1e8}, 100, 16_000),
    "ever stiffer": ({"activation": "square"}, 100, 64_000),
    "later": ({"activation": "square", "seed": 1}, 100, 16_000),
}
SLOW = ("second layer", "ever stiffer", "later")


def alpha_of_divergence(x, last):
    """Of x' = 60 x^3 - 12 x^2, from x to the last x.

    That is eta Q of one student with g = x^2, v = 1 and no teacher: with d = Q^1/2 x^2 the error and <x^4> = 3,
    <x^6> = 15, dQ/dalpha = -4 eta <d x g'/2> + 4 eta^2 <d^2 x^2> = -12 eta Q^2 + 60 eta^2 Q^3.
    """

    def integral(x):
        return 1 / x + 5 * np.log(5 - 1 / x)

    return (integral(last) - integral(x)) / 12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("eta", [1e-3, 1.0, 100.0])
def test_all_methods_diverge_where_the_exact_solution_does(method, eta):
    """Also where no two numbers are as close as the last alphas before (eta of 1 and more), and soon after the start.

    LSODA goes on there with steps that do not increase alpha.
    """
    x = 0.3 if eta <= 1 else 3.0
    start = OrderParameters(R=[[0.0]], Q=[[x / eta]], T=[[1.0]], v=[1.0], v_teacher=[0.0])
    problem = Problem(start, activation="square", eta=eta, eta_v=0.0)
    with pytest.warns(DivergenceWarning, match="the ODEs diverged at alpha = "):
        found = integrate(problem, [0, 1e-4, 100], method, 1e-7)
    assert found.alphas.tolist() == [0, 1e-4]
    np.testing.assert_allclose(found.diverged_at, alpha_of_divergence(x, eta * DIVERGED), rtol=2e-5)


@pytest.mark.parametrize(
    ("method", "changes", "last", "most"),
    [
        pytest.param(method, *case, id=f"{name}, {method}", marks=[pytest.mark.slow] * (name in SLOW))
        for name, case in HOPELESS.items()
        for method in EXPLICIT
        if name != "ever stiffer" or method == "RK23"  # the others take 15 seconds
    ],
)
def test_an_explicit_method_soon_says_that_it_would_need_too_many_steps(method, changes, last, most):
    """Where a layer relaxes at once; at rest, where the steps stay of the order of 10; before a divergence."""
    with pytest.warns(SolverWarning, match=f"{method} would by far exceed its limit of steps") as caught:
        found = integrate(random_problem(2, 2, **changes), [0, last], method)
    said = re.search(r"after (\d+) .* needs at least (\S+) more; .* are stiff: take LSODA", str(caught[0].message))
    count, needed = map(float, said.groups())
    assert count <= most
    assert needed >= 10**6
    assert found.alphas.tolist() == [0]
    assert found.diverged_at is None
    assert 0 < found.failed_at < last


def test_the_steps_that_are_said_to_be_needed_are_needed():
    """A tenth of the way at rest takes a tenth of them."""
    problem, words = random_problem(2, 2), r"after (\d+) it is at alpha = (\S+) and needs at least (\S+) more"
    with pytest.warns(SolverWarning) as caught:
        integrate(problem, [0, 1e5], max_steps=1000)
    count, _, needed = map(float, re.search(words, str(caught[0].message)).groups())
    taken = 0

    def counted(*arguments):
        nonlocal taken
        for solver in steps(*arguments):
            taken += 1
            yield solver

    steps = stepping._steps
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stepping, "_steps", counted)
        integrate(problem, [0, 1e4])
    np.testing.assert_allclose(10 * taken, count + needed, rtol=0.1)


@pytest.mark.parametrize("method", IMPLICIT)
def test_at_rest_other_methods_reach_any_alpha(method):
    found = integrate(random_problem(2, 2), [0, 1e6, 1e308], method)
    np.testing.assert_allclose(found.R[2], found.R[1], atol=1e-8)


def test_implicit_methods_agree_where_the_solution_diverges_that_others_do_not_reach():
    with pytest.warns(DivergenceWarning):
        ends = [
            integrate(random_problem(2, 2, activation="square"), [0, 100], method, 1e-7).diverged_at
            for method in IMPLICIT
        ]
    np.testing.assert_allclose(ends, ends[1], rtol=1e-5)


@pytest.mark.parametrize("method", EXPLICIT)
def test_stiffness_that_goes_away_is_no_reason_to_give_up(method):
    """The second layer relaxes at the rate eta_v Q = eta_v exp(-2 decay alpha); half of the steps are for 1 %.

    At the pace of its first thousand steps it would need a hundred times its limit.
    """
    start = OrderParameters(R=[[0.5]], Q=[[1.0]], T=[[1.0]], v=[1.0], v_teacher=[0.0])
    problem = Problem(start, activation="linear", eta=1e-6, eta_v=800.0, decay=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = integrate(problem, [0, 50, 1e4], method, 1e-6, max_steps=12_000)
    np.testing.assert_allclose(found.Q[:, 0, 0], np.exp(-0.04 * found.alphas), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("size", "hopeless"),
    [(lambda n: np.exp(n / 20_000), False), (lambda n: 1 + np.sqrt(n), True)],
    ids=["within the limit", "never"],
)
def test_a_divergence_that_an_explicit_method_reaches_is_waited_for(size, hopeless):
    """The rate of relaxation and of the steps is the square of a size that explodes at a finite alpha.

    If it grows exponentially step by step, 1e8 is reached after 400,000 steps of a million; if like their root, after
    1e16. The last alpha is reached by neither.
    """
    sizes = size(np.arange(1.0, 300_001))
    alphas = np.cumsum(3 / sizes**2)
    outlook = stiffness.Outlook(lambda _, s: -np.diag(s**2), explicit=True, last=1e9, max_steps=10**6)
    told = [
        outlook.hopeless(count, SimpleNamespace(t=alpha, y=np.array([y])))
        for count, (alpha, y) in enumerate(zip(alphas, sizes, strict=True), 1)
    ]
    assert any(told) == hopeless
