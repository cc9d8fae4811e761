"""What is refused of inputs with a spectrum: states that are none, axes that are not known, sizes, and no meaning."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_overlaps, random_problem
from test_inputs_in_theory import FRACTIONS, VARIANCES, overlaps_by_group, structured

import stdyn
from stdyn import InputError, Inputs, OrderParameters, Problem, fixed_points, integrate


def test_refused():
    """What has no meaning, or has not been worked out, for inputs with a spectrum, with the reason."""
    problem = structured(2, 2)
    with pytest.raises(InputError, match=r"drift must be 0 where inputs are not isotropic, but is 0\.1"):
        replace(problem, drift=0.1)
    with pytest.raises(InputError, match="sphere must be False for fluctuations"):
        stdyn.fluctuations(replace(problem, sphere=True), [0, 1])
    with pytest.raises(InputError, match="inputs must be isotropic for escape times"):
        stdyn.escape_times(problem, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="inputs must be those of the start"):
        replace(problem, inputs=Inputs.spectrum([1.0, 2.0], [0.5, 0.5]))
    with pytest.raises(InputError, match="sphere must be False for fixed points"):
        fixed_points(replace(problem, sphere=True), number_of_starts=0, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="T_hidden is not 0"):
        stdyn.critical_eta(structured(2, 2, rule="bp", sigma=0.0, decay=0.0, decay_v=0.0))


def test_too_many_groups_for_what_grows_with_their_square():
    """Fluctuations and fixed points refuse them before any work; plateaus are found, without a saddle."""
    inputs = Inputs.power_law(0.5, 300, groups=None)
    problem = Problem(stdyn.initial.prepared(2, 2, r=1e-3, inputs=inputs), eta=0.3, eta_v=0.0)
    with pytest.raises(InputError, match="inputs must be of fewer groups for fluctuations than 300"):
        stdyn.fluctuations(problem, [0, 1])
    for solve in (lambda p: fixed_points(p, [p.start]), stdyn.critical_eta):
        with pytest.raises(InputError, match=r"inputs must be of fewer groups for .* than 300"):
            solve(problem)
    found = stdyn.plateaus(integrate(problem, np.append(0, np.geomspace(0.1, 500, 100))))
    assert len(found) > 0
    assert all(each.saddle is None for each in found)


def test_axes_are_not_mistaken():
    """Other axes of the same variances are refused; those that were lost are asked for, and can be given again."""
    rng = np.random.default_rng(1)
    turns = [np.linalg.qr(rng.normal(size=(20, 20)))[0] for _ in range(2)]
    Omega = np.diag(np.linspace(0.5, 2, 20))
    one, other = (Inputs.from_covariance(turn @ Omega @ turn.T, groups=4) for turn in turns)
    other = Inputs(one.variances, one.fractions, axes=other.axes)
    W, W_teacher = rng.normal(size=(2, 2, 20)) / np.sqrt(20)
    problem = Problem(stdyn.initial.from_weights(W, W_teacher, inputs=one), N=20, eta=0.3, eta_v=0.3)
    with pytest.raises(InputError, match="inputs must have the axes of the start's"):
        replace(problem, inputs=other)
    lost = replace(problem, start=replace(problem.start, inputs=one.without_axes()), inputs=None)
    assert lost == problem
    X = rng.normal(size=(100, 20))
    for needs in (
        lambda p: stdyn.weights(p, 20, rng), lambda p: p.inputs.overlaps(W, W),
        lambda p: stdyn.simulate_network(p, [0, 1], rng=rng, examples=X),
    ):  # fmt: skip
        with pytest.raises(InputError, match="inputs must have their axes"):
            needs(lost)
        needs(replace(lost, inputs=one))
    assert replace(lost, inputs=one).inputs.axes is not None


def test_a_file_says_that_there_were_axes(tmp_path):
    """What comes of it is equal, but does not take examples along coordinates; the axes can be given again."""
    rng = np.random.default_rng(3)
    Omega = rng.normal(size=(12, 12))
    inputs = Inputs.from_covariance(Omega @ Omega.T + np.eye(12), groups=3)
    start = stdyn.initial.from_weights(*rng.normal(size=(2, 2, 12)) / 3, inputs=inputs)
    theory = integrate(Problem(start, N=12, eta=0.3, eta_v=0.3), [0, 1])
    theory.save(tmp_path / "a.h5")
    again = stdyn.load(tmp_path / "a.h5")
    assert again == theory
    again.save(tmp_path / "b.h5")
    for problem in (again.problem, stdyn.load(tmp_path / "b.h5").problem, again.problem_at(-1)):
        with pytest.raises(InputError, match="inputs must have their axes"):
            stdyn.simulate_network(problem, [0, 1], rng=rng, examples=rng.normal(size=(20, 12)))
    whole = replace(again.problem, inputs=inputs)
    assert stdyn.weights(whole, 12, rng)[0].shape == (2, 12)


def test_a_start_by_group_brings_its_inputs():
    """In the place of isotropic ones of which nothing was said; overlaps of few digits are taken as what they are."""
    problem, start = random_problem(2, 2), structured(2, 2).start
    assert replace(problem, start=start, b=None, rule="bp").inputs == start.inputs
    rng = np.random.default_rng(2)
    W_teacher = rng.normal(size=(2, 40)) / 6
    W = np.array([[0.3, 0.7], [0.2, -0.4], [1, 0.1]]) @ W_teacher  # singular
    inputs = Inputs.spectrum([2.0, 0.5], [0.5, 0.5])
    exact = stdyn.initial.from_weights(W, W_teacher, inputs=inputs)
    few = OrderParameters.by_group(
        inputs, *(each.astype(np.float32) for each in exact.groups), exact.v, exact.v_teacher
    )  # fmt: skip
    np.testing.assert_allclose(few.C_group, exact.C_group, atol=1e-6)


def test_states_that_are_none():
    """Each fault of a state by group is said with its name."""
    inputs = Inputs.spectrum(VARIANCES, FRACTIONS)
    r, q, t = overlaps_by_group(2, 2, 3)
    good = (r, q, t, [1.0, 1.0], [1.0, 1.0])
    for position, value, words in (
        (0, r[:2], "R_group must have 3 groups"),
        (1, np.full_like(q, np.nan), "Q_group"),
        (2, t[:, :1, :1], "T"),
        (1, q - 10 * np.eye(2), "no weights have these overlaps"),
        (0, r[:, :, 0], "R_group must have"),
        (1, q + np.array([[0, 1], [0, 0]]), "must be symmetric"),
    ):
        wrong = list(good)
        wrong[position] = value
        with pytest.raises(InputError, match=words):
            OrderParameters.by_group(inputs, *wrong)
    with pytest.raises(InputError, match="T_hidden must have no negative eigenvalue"):
        OrderParameters.by_group(inputs, *good, -np.eye(2))
    with pytest.raises(InputError, match="T_hidden must have shape"):
        OrderParameters.by_group(inputs, *good, np.eye(3))
    start = OrderParameters.by_group(inputs, *good)
    with pytest.raises(InputError, match=r"R must be the sum of inputs\.variances times R_group"):
        replace(start, R=start.R + 0.01)
    with pytest.raises(InputError, match="R_group needs inputs"):
        replace(start, inputs=None)
    plain = random_overlaps(2, 2)
    with pytest.raises(InputError, match="inputs must be"):
        Problem(plain, eta=1, eta_v=1, inputs=[1.0, 2.0])
