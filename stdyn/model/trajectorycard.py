"""A trajectory in a notebook: what it is, and its generalization error as a curve (HTML)."""

from typing import Any

import numpy as np

from stdyn.checks import Array
from stdyn.html import POINTS, card, sparkline
from stdyn.model import problemtext, trajectorytext
from stdyn.model.cards import table_of

Trajectory = Any  # the class, which stands on this module


def of_trajectory(trajectory: Trajectory) -> str:
    """A trajectory: of what it is, and its generalization error."""
    lines, alphas = problemtext.parameters(trajectory.problem), trajectory.alphas
    title = f"Trajectory, {trajectorytext.what(trajectory).replace('->', '→')}"
    lines["alpha"] = trajectorytext.span(alphas) if len(alphas) else "none was reached"
    if trajectory.problem.tasks is not None:
        lines["tasks"] = trajectory.problem.tasks.words
    ends = trajectorytext.ends(trajectory)
    positions = _spread(alphas, int(min(POINTS, trajectorytext.affordable(trajectory) // (trajectory.runs or 1))))
    errors = trajectorytext.errors_at(trajectory, positions) if len(positions) else None
    curve = "" if errors is None else _curve(alphas[positions], errors)
    return card(title, table_of(lines | ends), curve)


def _spread(alphas: Array, count: int) -> np.ndarray:
    """So many positions, at equal distances in ln alpha, with the first alpha and the last one."""
    if len(alphas) <= count:
        return np.arange(len(alphas))
    there = np.flatnonzero(alphas > 0)
    if count < 2 or not len(there):
        return np.arange(0)
    wanted = np.geomspace(alphas[there[0]], alphas[-1], count)
    return np.unique(np.clip(np.searchsorted(alphas, wanted * (1 - 1e-9)), there[0], len(alphas) - 1))


def _curve(alphas: Array, errors: Array) -> str:
    """eps_g against alpha, of an ensemble its median and range."""
    if errors.ndim == 1:
        return sparkline(alphas.tolist(), [errors.tolist()], "ε_g against alpha, both logarithmic")
    known = ~np.isnan(errors).all(axis=0)
    there = errors[:, known]
    curves = [np.nanmedian(there, axis=0), np.nanmin(there, axis=0), np.nanmax(there, axis=0)]
    said = "median and range of ε_g against alpha, both logarithmic"
    return sparkline(alphas[known].tolist(), [each.tolist() for each in curves[: 3 if len(errors) > 1 else 1]], said)
