"""Numbers of a trajectory that theory and simulation share, against plain loops and an independent average."""

from math import sqrt

import numpy as np
import pytest
from brute_force import average
from conftest import NUMPY_FUNCTIONS, random_overlaps
from own_activations import HARD, SIGN, STEP, THRESHOLDS

from stdyn import Problem, integrate, simulate_network
from stdyn.analysis.summary import summarise


def function(activation):
    """g, and where it jumps or bends."""
    if activation.name in NUMPY_FUNCTIONS:
        return NUMPY_FUNCTIONS[activation.name][0], [0]
    return lambda x: activation(x)[0], THRESHOLDS[activation]


def eps_g(problem, R, Q, v):
    """1/2 <|Delta|^2>, pair by pair and output by output."""
    s, total = problem.start, 0.0
    C = np.block([[Q, R], [R.T, s.T]])
    functions = [function(problem.activations[0])] * s.K + [function(problem.activations[1])] * s.M
    u = np.vstack([v, -s.v_teacher])
    for a, (g, breaks) in enumerate(functions):
        for c, (h, more) in enumerate(functions):
            pair = average(lambda x, y, g=g, h=h: g(x) * h(y), C[np.ix_([a, c], [a, c])], breaks, more)
            for o in range(problem.outputs):
                total += u[a, o] * u[c, o] * pair / 2
    return total


@pytest.mark.parametrize(("student", "teacher"), [("relu", None), ("erf", SIGN), (HARD, STEP)])
def test_eps_g_F_alignment_and_the_summary_by_loops(student, teacher):
    """Of the ODEs and of two networks at N = 30, K = 3, M = 2, two outputs: eps_g to 1e-9, the others to 1e-13."""
    start, b = random_overlaps(3, 2, 2, seed=7), np.random.default_rng(2).normal(size=(3, 2))
    problem = Problem(
        start,
        N=30,
        activation=student,
        activation_teacher=teacher,
        rule="fa",
        b=b,
        eta=0.2,
        eta_v=0.1,
        quadrature=2**11,
    )  # fmt: skip
    alphas = np.array([0.0, 0.5, 1.0])
    theory = integrate(problem, alphas, error=False)
    runs = simulate_network(problem, alphas, 2, rng=np.random.default_rng(3))
    for trajectory, run in ((theory, ()), (runs, (0,)), (runs, (1,))):
        found = {name: float(values[run]) for name, values in summarise(trajectory, alphas).items()}
        R, Q, v = (getattr(trajectory, name)[run] for name in ("R", "Q", "v"))
        cosines = []
        for at in range(3):
            F = norm_v = norm_b = 0.0
            for i in range(3):
                for o in range(2):
                    F += v[at, i, o] * b[i, o]
                    norm_v += v[at, i, o] ** 2
                    norm_b += b[i, o] ** 2
            cosines.append(F / sqrt(norm_v * norm_b))
            assert trajectory.F[run][at] == pytest.approx(F, rel=1e-13)
            assert trajectory.alignment[run][at] == pytest.approx(cosines[-1], rel=1e-13)
            assert trajectory.eps_g[run][at] == pytest.approx(eps_g(problem, R[at], Q[at], v[at]), rel=1e-9)
        specialised = 0
        for i in range(3):
            specialised += max(abs(R[-1, i, n]) / sqrt(Q[-1, i, i] * start.T[n, n]) for n in range(2)) >= 0.9
        expected = {
            "eps_g_start": eps_g(problem, start.R, start.Q, start.v), "eps_g_final": trajectory.eps_g[run][-1],
            "b_norm": sqrt(norm_b), "b_smallest": min(sqrt(b[i, 0] ** 2 + b[i, 1] ** 2) for i in range(3)),
            "alignment_start": cosines[0], "alignment_final": cosines[-1], "specialised": specialised,
            "diverged_at": np.inf, "failed_at": np.inf,
        }  # fmt: skip
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)
