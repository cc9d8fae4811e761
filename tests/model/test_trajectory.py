"""The result: derived quantities, axes, restarts."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem

from stdyn import InputError, Problem, averages, initial, integrate, simulate_network


@pytest.mark.parametrize("O", [None, 1, 3])
def test_F_is_the_overlap_of_second_layer_and_feedback(O):
    """F = sum_io v_io b_io and its cosine, at every alpha and in every run; shapes follow those of v."""
    problem = random_problem(3, 2, O, N=20)
    theory = integrate(problem, [0, 1, 2])
    runs = simulate_network(problem, [0, 1, 2], runs=4, rng=np.random.default_rng(1))
    assert theory.F.shape == theory.alignment.shape == theory.eps_g.shape == (3,)
    assert runs.F.shape == runs.alignment.shape == runs.eps_g.shape == (4, 3)
    v, b = runs.v[2, 1], problem.b
    assert runs.F[2, 1] == pytest.approx(np.sum(v * b))
    assert runs.alignment[2, 1] == pytest.approx(np.sum(v * b) / np.linalg.norm(v) / np.linalg.norm(b))


def test_alignment_ends_of_its_range():
    """1 for v along b, -1 against it, 0 where v has no direction; None for BP, which has no feedback vector."""
    problem = random_problem(2, 2, eta=0.0, eta_v=0.0, decay=0.0, decay_v=0.0)
    for factor in (2.0, -3.0, 0.0):
        start = type(problem.start)(problem.start.R, problem.start.Q, problem.start.T, factor * problem.b, [1.0, 1.0])
        trajectory = integrate(type(problem)(start, rule="fa", b=problem.b, eta=0.0, eta_v=0.0), [0, 1])
        np.testing.assert_allclose(trajectory.alignment, np.sign(factor), atol=1e-15)
    bp = integrate(random_problem(2, 2, rule="bp"), [0, 1])
    assert bp.F is None
    assert bp.alignment is None


@pytest.mark.parametrize("O", [None, 1, 3])
def test_overlap_and_alignment_of_each_output(O):
    """Against loops over runs, alphas and outputs; F is their sum; one output left out of v is an axis of length 1."""
    problem = random_problem(3, 2, O, N=20)
    theory = integrate(problem, [0, 1, 2])
    runs = simulate_network(problem, [0, 1, 2], runs=4, rng=np.random.default_rng(1))
    n = O or 1
    assert theory.F_per_output.shape == theory.alignment_per_output.shape == (3, n)
    assert runs.F_per_output.shape == runs.alignment_per_output.shape == (4, 3, n)
    for run, j, o in np.ndindex(4, 3, n):
        v, b = runs.v[run, j].reshape(3, n)[:, o], problem.b.reshape(3, n)[:, o]
        F = sum(v[i] * b[i] for i in range(3))
        assert runs.F_per_output[run, j, o] == pytest.approx(F, abs=1e-14)
        assert runs.alignment_per_output[run, j, o] == pytest.approx(F / np.sqrt(sum(v**2) * sum(b**2)), abs=1e-14)
    np.testing.assert_allclose(runs.F_per_output.sum(axis=-1), runs.F, atol=1e-14)
    if n == 1:
        np.testing.assert_allclose(theory.alignment_per_output[:, 0], theory.alignment, atol=1e-15)


def test_an_output_without_direction_has_no_alignment():
    """0 where v or b of an output is zero, the others as they are; NaN of a diverged run stays; None for BP."""
    start = random_problem(2, 2, 3).start
    v, b = np.array([[0.0, 1, 3], [0, 2, 4]]), np.array([[1.0, 0, 3], [1, 0, 4]])
    start = type(start)(start.R, start.Q, start.T, v, start.v_teacher)
    still = integrate(Problem(start, rule="fa", b=b, eta=0.0, eta_v=0.0), [0, 1])
    np.testing.assert_allclose(still.alignment_per_output, [[0, 0, 1]] * 2, atol=1e-15)
    gone = replace(still, v=np.stack([v, np.full_like(v, np.nan)]))
    np.testing.assert_array_equal(gone.alignment_per_output[1], [np.nan] * 3)
    bp = integrate(random_problem(2, 2, 3, rule="bp"), [0, 1])
    assert bp.F_per_output is None
    assert bp.alignment_per_output is None


def test_turning_the_outputs_changes_nothing_but_what_is_of_single_outputs():
    """v, v~ and b times an orthogonal matrix: the same R, Q, F, alignment and eps_g, and v turned along."""
    problem = random_problem(3, 2, 3)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    start = replace(problem.start, v=problem.start.v @ turn, v_teacher=problem.start.v_teacher @ turn)
    one, other = (integrate(each, [1, 5]) for each in (problem, replace(problem, start=start, b=problem.b @ turn)))
    for name in ("R", "Q", "F", "alignment", "eps_g"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-8)
    np.testing.assert_allclose(one.v @ turn, other.v, atol=1e-8)
    assert np.abs(one.alignment_per_output - other.alignment_per_output).max() > 0.1


def test_eps_g_is_that_of_the_averages():
    """In every run at every alpha."""
    problem = random_problem(2, 3, 2, N=20)
    runs = simulate_network(problem, [0, 2], runs=2, rng=np.random.default_rng(1))
    s = runs.at(1, run=1)
    assert runs.eps_g[1, 1] == pytest.approx(averages.eps_g(s.R, s.Q, s.T, s.v, s.v_teacher), abs=1e-14)


def test_a_trajectory_can_be_continued_from_any_of_its_points():
    """The ODEs are autonomous: from the state at alpha = 3, one more unit is alpha = 4."""
    problem = random_problem(3, 2)
    whole = integrate(problem, [3, 4])
    rest = integrate(type(problem)(whole.at(0), N=50, rule="fa", b=problem.b, eta=0.7, eta_v=0.3, sigma=0.2,
                                   decay=0.05, decay_v=0.02), [1.0])  # fmt: skip
    np.testing.assert_allclose(rest.R[0], whole.R[1], atol=1e-8)
    with pytest.raises(InputError, match="run must be None, but is 2"):
        whole.at(0, run=2)


def test_the_end_of_perfect_learning_can_be_started_from():
    """Where R = Q = T the solver's error of 1e-9 can make C impossible; `at` mends Q by no more than that."""
    problem = Problem(initial.prepared(2, 2, r=0.1), eta=0.5, eta_v=0.5)
    trajectory = integrate(problem, np.geomspace(1, 20_000, 50))
    assert trajectory.eps_g[-1] < 1e-9
    changes = [np.abs(trajectory.at(j).Q - trajectory.Q[j]).max() for j in range(50)]
    assert 0 < max(changes) < 1e-7


def test_results_cannot_be_overwritten_in_memory():
    """Their arrays are read-only."""
    with pytest.raises(ValueError, match="read-only"):
        integrate(random_problem(1, 1), [0, 1]).R[0] = 0


def test_to_xarray_names_every_axis():
    """R is (run, alpha, student, teacher) and so on, with what each is."""
    problem = random_problem(3, 2, 2, N=20)
    data = simulate_network(problem, [0, 2], runs=4, rng=np.random.default_rng(1)).to_xarray()
    assert data.R.dims == ("run", "alpha", "student", "teacher")
    assert data.Q.dims == ("run", "alpha", "student", "student_2")
    assert data.v.dims == ("run", "alpha", "student", "output")
    assert data.b.dims == ("student", "output")
    assert data.F_per_output.dims == data.alignment_per_output.dims == ("run", "alpha", "output")
    np.testing.assert_allclose(data.F_per_output.sum("output"), data.F, atol=1e-14)
    assert "F_per_output" not in integrate(random_problem(3, 2), [0, 2]).to_xarray()  # its second layers have one axis
    assert data.attrs["eta"] == problem.eta
    assert data.eps_g.attrs["long_name"] == "generalization error"
    assert float(data.R.sel(run=1, alpha=0, student=2, teacher=1)) == pytest.approx(problem.start.R[2, 1])


def test_summary_says_what_it_is():
    """In words, for runs and theory, with the numbers that matter."""
    problem = random_problem(3, 2, N=20)
    text = simulate_network(problem, [0, 2], runs=4, rng=np.random.default_rng(1)).summary()
    assert "FA, 4 network runs at N = 20" in text
    assert "K = 3, M = 2, outputs = 1" in text
    assert "eta = 0.7" in text
    assert "of each output" not in text
    three = integrate(random_problem(2, 2, 3), [0, 2])
    last = ", ".join(f"{cosine:.4g}" for cosine in three.alignment_per_output[-1])
    assert f"of each output   {last} at the last alpha" in three.summary()
    assert "BP, ODEs" in integrate(random_problem(2, 2, rule="bp"), [0, 2]).summary()
