"""How plateau, escape and final error depend on a parameter, by theory alone; and the escape on N, beside runs."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from stdyn.errors import InputError
from stdyn.escape import Plateau, plateaus
from stdyn.fixedpoints import FixedPoint, critical_eta, fixed_point, perfect_learning
from stdyn.ode import integrate
from stdyn.problem import Array, Problem
from stdyn.summary import columns
from stdyn.trajectory import Trajectory
from stdyn.variations import Variations

STUDIED = {
    "plateau_length": "length of the plateau in alpha; infinite if it is not left, NaN without a plateau",
    "plateau_predicted": "the same, with the end that the saddle implies",
    "plateau_height": "eps_g of the plateau",
    "saddle_eps_g": "eps_g of the saddle that it hangs on",
    "escape_rate": "largest eigenvalue of that saddle, per unit of alpha",
    "eps_g_final": "eps_g of the stable fixed point of the specialised student; NaN if there is none",
}


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Numbers of the theory against one quantity; prints as a table.

    Attributes
    ----------
    variations : Variations
        What was varied, and around which experiment.
    quantity : str
    values : ndarray, shape (n,)
        Of the quantity.
    rules : dict
        For each rule, {name: ndarray (n,)} with the names of `STUDIED`.
    """

    variations: Variations
    quantity: str
    values: Array
    rules: dict[str, dict[str, Array]]

    def __repr__(self) -> str:
        rows = [("rule", self.quantity, *STUDIED)]
        for rule, numbers in self.rules.items():
            for n, value in enumerate(self.values):
                rows.append((rule, f"{value:.4g}", *(f"{numbers[name][n]:.4g}" for name in STUDIED)))
        return columns(rows)


def report(theory: Trajectory, found: list[Plateau], points: list[FixedPoint]) -> str:
    """Plateaus, fixed points and critical learning rate of one problem, as tables."""
    problem = theory.problem
    rows = [("plateau from alpha", "to", "implied by saddle", "eps_g", "its saddle", "unstable", "rate", "distance")]
    for plateau in found:
        saddle = plateau.saddle
        of_saddle = ("none found", "", "", "") if saddle is None else (
            f"{saddle.eps_g:.5g}", str(saddle.unstable), f"{saddle.escape_rate:.4g}", f"{plateau.distance:.2g}"
        )  # fmt: skip
        implied = f"{plateau.predicted_end:.4g}" if saddle else ""
        rows.append((f"{plateau.start:.4g}", f"{plateau.end:.4g}", implied, f"{plateau.height:.5g}", *of_saddle))
    more = [("fixed point eps_g", "kind", "unstable", "zero modes", "largest eigenvalue", "found")]
    for point in points:
        counts = (str(point.unstable), str(point.zero_modes), f"{point.escape_rate:.4g}", str(point.found))
        more.append((f"{point.eps_g:.5g}", point.kind, *counts))
    try:
        critical = f"perfect learning is stable up to eta = {critical_eta(problem):.5g}"
    except InputError as refused:
        critical = f"critical eta: not defined ({refused})"
    saddles = [f"the saddle of eps_g = {p.eps_g:.5g} is left along {p.moves()}" for p in points if p.kind == "saddle"]
    plateaus = columns(rows) if found else "no plateau"
    return "\n".join([f"{problem.rule}:", plateaus, "", columns(more), *saddles[:3], critical])


def study(variations: Variations, alphas: Array, *, progress: bool = False) -> Study:
    """The plateau, its saddle and the final error for every value of the quantity that varies.

    Parameters
    ----------
    variations : Variations
        A grid of one quantity of numbers, for one rule or both.
    alphas : array_like
        Recorded alphas of the ODEs; plateaus that are longer count as infinite.
    progress : bool, default False
        Show a progress bar.

    Raises
    ------
    InputError
        If not exactly one quantity varies.
    """
    quantities = [name for name in variations.axes if name != "rule"]
    if len(quantities) != 1 or variations.samples:
        raise InputError(f"vary must be one quantity with its values, but is {', '.join(variations.vary) or 'nothing'}")
    (quantity,) = quantities
    coordinates, values = variations.coordinates, np.array(variations.axes[quantity], dtype=float)
    rules = coordinates.get("rule", np.full(len(variations), variations.experiment.rule))
    rows = [
        _numbers(problem, alphas) for problem in tqdm(variations, unit=" points", disable=not progress or None, delay=2)
    ]
    found = {}
    for rule in dict.fromkeys(rules.tolist()):
        chosen = [row for row, of in zip(rows, rules, strict=True) if of == rule]
        found[rule] = {name: np.array([row[name] for row in chosen]) for name in STUDIED}
    return Study(variations, quantity, values, found)


def _numbers(problem: Problem, alphas: Array) -> dict[str, float]:
    """The numbers of STUDIED for one problem."""
    theory = integrate(problem, alphas, "LSODA")
    numbers = dict.fromkeys(STUDIED, np.nan) | {"eps_g_final": final_error(theory)}
    found = plateaus(theory)
    if found:
        plateau = found[0]
        numbers |= {"plateau_length": plateau.end - plateau.start, "plateau_height": plateau.height}
        numbers["plateau_predicted"] = plateau.predicted_end - plateau.start
        if plateau.saddle is not None:
            numbers |= {"saddle_eps_g": plateau.saddle.eps_g, "escape_rate": plateau.saddle.escape_rate}
    return numbers


def final_error(theory: Trajectory) -> float:
    """eps_g at alpha -> infinity: of the stable fixed point near perfect learning, else near the trajectory's end."""
    starts = []
    with suppress(InputError):  # K != M, or a frozen v that is not the teacher's
        starts.append(perfect_learning(theory.problem))
    if len(theory.alphas) and theory.diverged_at is None:
        starts.append(theory.at(-1))
    for start in starts:
        point = fixed_point(theory.problem, start)
        if point is not None and point.kind == "stable":
            return point.eps_g
    return np.nan
