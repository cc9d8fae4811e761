"""Runs whose exchangeable teacher units are renamed to lie as close to the theory's as they can."""

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from stdyn.analysis.comparison import check_sides
from stdyn.model.trajectory import Trajectory, nearest
from stdyn.stopping import stoppable
from stdyn.theory.quadrature import alike

_SPECIALISED = 0.5  # the theory is specialised if R_in of a student differ between teacher units by this share of R


@stoppable()
def match_teachers(runs: Trajectory, theory: Trajectory) -> Trajectory:
    """Runs whose exchangeable teacher units are renamed, in each run, to lie as close to the theory's as they can.

    Units of the teacher that have the same second layer and overlaps can be exchanged: which of them a student unit
    ends on is decided by chance, in each run anew. Before late R are averaged and drawn, their names must be made to
    agree. The order minimises sum_in (R_in - R_in of the theory)^2 at the last common alpha; nothing but R changes, and
    nothing at all where the theory has not specialised by then.

    Parameters
    ----------
    runs : Trajectory
        Of an ensemble.
    theory : Trajectory
        Of the ODEs, of the same problem.

    Returns
    -------
    Trajectory
        The runs, with columns of R in another order.

    Raises
    ------
    InputError
        If the two are not runs and theory of the same problem.

    See Also
    --------
    compare, simulate_network

    Notes
    -----
    This is for pictures. It renames the start too, where the units differ if their R do, and it leans to the theory:
    what `compare` says of matched R has no stated false-alarm probability.

    Examples
    --------
    >>> matched = stdyn.match_teachers(runs, theory)
    >>> bool(np.all(np.sort(matched.R) == np.sort(runs.R)))
    True
    """
    check_sides(runs, theory)
    if not len(theory.alphas):
        return runs
    R, R_group = np.array(runs.R), None if runs.R_group is None else np.array(runs.R_group)
    common = np.searchsorted(runs.alphas, theory.alphas[-1] + 0.5 / runs.problem.N, side="right") - 1
    last, start = max(0, int(common)), runs.problem.start
    in_theory = nearest(theory.alphas, runs.alphas[last : last + 1])[0]
    tasks = runs.problem.tasks
    v_teacher = start.v_teacher if tasks is None else np.moveaxis(tasks.v_teacher, 0, -1)  # of all tasks
    for units in alike(start.T, v_teacher, start.T_group):
        if len(units) == 1:
            continue
        wanted = theory.R[in_theory][:, units]
        if np.ptp(wanted, axis=1).max() < _SPECIALISED * np.abs(wanted).max():
            continue
        for run, mine in enumerate(R):
            there = np.nan_to_num(mine[last][:, units])
            order = linear_sum_assignment(np.sum((there[:, None, :] - wanted[:, :, None]) ** 2, axis=0))[1]
            mine[..., units] = mine[..., np.array(units)[order]]
            if R_group is not None:
                R_group[run][..., units] = R_group[run][..., np.array(units)[order]]
    return replace(runs, R=R, R_group=R_group, eps_g_read=runs.eps_g)  # which does not change
