"""Problems with everything that may change with alpha, small, by name."""

from dataclasses import replace

import numpy as np
from conftest import random_overlaps, random_problem

from stdyn import Problem, Tasks, initial, schedule, similar

BREAK = 1.5  # at which most of them jump or bend, between the alphas 1 and 2


def problems():
    """All of them, of few units."""
    plain = random_problem(2, 2, N=40)
    T, two_heads = similar(2, 0.5, at=[0, BREAK], heads=2)
    several = initial.prepared(2, 4, r=0.1, teacher=T, v=[[1, 0.5], [0.2, 1]], v_teacher=two_heads.v_teacher[0])
    T, one_head = similar(1, -0.3, -1, at=[0, BREAK])
    one = random_overlaps(2, 2, seed=3)
    back = Tasks([[1, 0], [0, 1], [1, 1]], at=[0, 0.5, BREAK, 5], order=[1, 0, 1, 2], weights=[[1], [0.5], [2]])
    nested = schedule.pieces(
        [0, 1], [schedule.linear([0, 0.5], [0, 0.1]), schedule.pieces([0, 0.5], [0.2, schedule.cosine(0.3, 2)])]
    )
    slower = schedule.hyperbolic(0.7, 2)
    return {
        "steps": replace(plain, eta=schedule.steps([0, BREAK], [0.5, 0.1])),
        "linear": replace(plain, eta_v=schedule.linear([0, BREAK], [0, 0.4]), decay=schedule.power(0.1, 1, 0.5)),
        "hyperbolic": replace(plain, eta=slower, decay_v=schedule.exponential(0.3, 1, 0.1)),
        "nested": replace(plain, sigma=nested),
        "drift": replace(plain, drift=0.2),
        "drift that ends": replace(plain, drift=schedule.steps([0, BREAK], [0.2, 0])),
        "batch": replace(plain, batch=7),
        "flow": Problem(plain.start, N=40, flow=True, rule="fa", b=plain.b),
        "sphere": replace(plain, sphere=True),
        "small": replace(plain, N=1),
        "kp": replace(plain, rule="kp", decay_v=0.3),
        "kp with a schedule": replace(plain, rule="kp", decay_v=schedule.steps([0, BREAK], [0.4, 0.1])),
        "kp of outputs": replace(random_problem(2, 2, 2, N=40), rule="kp"),
        "mixed": replace(plain, rule="mixed", mixture=0.3),
        "mixed with a schedule": replace(plain, rule="mixed", mixture=schedule.cosine(0, BREAK, 1)),
        "a head each": Problem(several, N=40, eta=0.3, eta_v=0.1, tasks=two_heads),
        "one head": Problem(replace(one, T=T, R=0.3 * one.R), N=40, eta=0.3, eta_v=0.1, tasks=one_head),
        "a task that comes back": Problem(one, N=40, rule="fa", b=[1, 2], eta=slower, eta_v=0.1, tasks=back),
    }


PROBLEMS = problems()
ALPHAS = np.array([0, 0.5, 1, BREAK, 2, 2.5])
