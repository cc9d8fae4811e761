"""How far the groups of the inputs' directions are from the spectrum that they stand for (theory.md, section 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stdyn.checks import Array, check_type
from stdyn.errors import InputError
from stdyn.model.problem import Problem
from stdyn.theory.ode import integrate


def binning_error(problem: Problem, alphas: ArrayLike, **settings: Any) -> dict[str, Array]:
    """What becomes of the solution if the groups of the inputs' directions are twice as wide, by name.

    Neighbouring groups are merged in pairs and the ODEs solved again. The error of bins is of second order in their
    width: that of the groups as they are is about a third of this difference, where the bins are narrow.

    Parameters
    ----------
    problem : Problem
        With inputs that are not isotropic, of at least two groups.
    alphas : array_like, shape (A,)
        Where it is wanted.
    **settings
        Of `integrate`.

    Returns
    -------
    dict of ndarray
        ``|difference|`` of "R" (A, K, M), "Q" (A, K, K), "v" and "eps_g" (A,), at the alphas that both solutions reach.

    Raises
    ------
    InputError
        As `integrate`, and if there are no two groups to be merged.

    See Also
    --------
    Inputs.merged : Inputs with groups twice as wide.

    Examples
    --------
    >>> inputs = stdyn.Inputs.power_law(exponent=1, N=1000, groups=32)
    >>> start = stdyn.initial.prepared(2, 2, q=0.2, r=0.05, inputs=inputs)
    >>> stdyn.binning_error(stdyn.Problem(start, eta=0.3, eta_v=0.3), [0, 10])["eps_g"].shape
    (2,)
    """
    check_type("problem", problem, Problem)
    if problem.inputs.groups < 2:
        raise InputError(f"problem must have inputs of at least two groups, but has {problem.inputs}")
    fine = integrate(problem, alphas, **settings)
    coarse = integrate(replace(problem, start=problem.start.merged(), inputs=None), alphas, **settings)
    both = min(len(fine.alphas), len(coarse.alphas))
    names = (*problem.layout.places, "eps_g")
    return {name: np.abs(getattr(fine, name)[:both] - getattr(coarse, name)[:both]) for name in names}
