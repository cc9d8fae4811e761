"""Problems whose inputs are not isotropic, small, by name."""

from dataclasses import replace

import numpy as np
from conftest import random_overlaps
from protocols import PROBLEMS as PLAIN

from stdyn import Inputs, OrderParameters, Problem, schedule

THREE = Inputs.spectrum([3, 1, 0.2], [0.2, 0.3, 0.5])
ALPHAS = np.array([0, 0.5, 1, 1.5, 2, 2.5])


def by_group(inputs, K, M, O=None, seed=0, hidden=None):
    """Overlaps of vectors that are random in every group."""
    parts = [random_overlaps(K, M, O, seed + n) for n in range(inputs.groups)]
    p = inputs.fractions[:, None, None]
    groups = (p * np.array([getattr(part, name) for part in parts]) for name in "RQT")
    return OrderParameters.by_group(inputs, *groups, parts[0].v, parts[0].v_teacher, hidden)


def problems():
    """All of them, of few units; nothing is zero."""
    rates = {"N": 60, "eta": 0.5, "eta_v": 0.3, "sigma": 0.2, "decay": 0.05}
    plain = Problem(by_group(THREE, 2, 2), rule="fa", b=[1, -0.5], **rates)
    hidden = by_group(THREE, 2, 2, seed=5, hidden=[[0.3, 0.1], [0.1, 0.2]])
    wide = Inputs.spectrum([2.0], [1.0])
    return {
        "three groups": plain,
        "K and M": Problem(by_group(THREE, 2, 3, seed=9), **rates),
        "outputs": Problem(by_group(THREE, 2, 3, 2), rule="kp", b=[[1, 0.5], [0.5, 1]], decay_v=0.1, **rates),
        "hidden": replace(plain, start=hidden, rule="bp", b=None),
        "hidden, isotropic": Problem(by_group(Inputs.isotropic(), 2, 2, hidden=[[0.3, 0.1], [0.1, 0.2]]), **rates),
        "one group": Problem(random_overlaps(2, 2), inputs=wide, **rates),
        "spread": Problem(random_overlaps(2, 2), inputs=Inputs.power_law(1, 60, groups=7), **rates),
        "spheres and batches": replace(plain, sphere=True, decay=0, batch=3),
        "a schedule": replace(plain, eta=schedule.steps([0, 1.5], [0.5, 0.1]), rule="mixed", mixture=0.5),
        "tasks": replace(PLAIN["a task that comes back"], N=60, inputs=THREE),
        "flow": Problem(plain.start, N=60, flow=True),
        "points": replace(plain, activation="gelu", quadrature=2**11),
    }


PROBLEMS = problems()
