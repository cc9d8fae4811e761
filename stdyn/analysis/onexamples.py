"""How far theory and networks on given examples agree, in a table: errors on test examples, and of Gaussian inputs."""

from itertools import count

import numpy as np
from scipy.stats import t as student_t

from stdyn.analysis.comparison import check_sides
from stdyn.analysis.moments import mean_and_error
from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.model.trajectory import Trajectory
from stdyn.text import columns

_ROWS = 12  # of the table
_FALSE_ALARM = 1e-3
_MOST_ALLOWED = 20.0  # standard errors, within which a mean says little
_NOTHING = 1e-9  # relative to eps_g: a deviation that is rounding or the solver's


def errors_of(runs: Trajectory, gaussian: Trajectory | None = None) -> dict[str, tuple[Array, Array]]:
    """Alphas and errors (runs, A) by name.

    On test examples; of the overlaps of networks on examples, which is the error that they would have on Gaussian
    inputs; of networks on Gaussian inputs.
    """
    for each in (runs, gaussian):
        if each is not None and each.runs is None:
            raise InputError("runs must be runs of networks, but one is a solution of the ODEs")
    found = {} if runs.eps_g_test is None else {"test": (runs.alphas, runs.eps_g_test)}
    found["overlaps"] = runs.alphas, runs.eps_g
    return found if gaussian is None else found | {"Gaussian": (gaussian.alphas, gaussian.eps_g)}


def table(theory: Trajectory, runs: Trajectory, gaussian: Trajectory | None = None) -> str:
    """eps_g of theory, of networks on examples and of networks on Gaussian inputs at some alphas, and verdicts.

    A verdict says up to which alpha a mean is within what its standard error allows: Student's t, Bonferroni over the
    alphas, with a probability of 0.001 that it is not though the two are equal. Runs so few that this allows more than
    20 standard errors decide nothing, and how many would is said.
    """
    check_sides(runs, theory)
    found = errors_of(runs, gaussian)
    last = min(alphas[-1] for alphas, _ in found.values())
    alphas = theory.alphas[theory.alphas <= last * (1 + 1e-12)]
    shown = np.unique(np.linspace(0, len(alphas) - 1, _ROWS).round().astype(int))
    rows: list[tuple[str, ...]] = [("alpha", "theory", *(f"{name} ± s.e." for name in found))]
    for at in shown:
        row = [f"{alphas[at]:.4g}", f"{theory.eps_g[at]:.4f}"]
        for its_alphas, errors in found.values():
            there = int(np.abs(its_alphas - alphas[at]).argmin())
            mean, error = (float(each[0]) for each in mean_and_error(errors[:, there : there + 1]))
            row.append(f"{mean:.4f} ± {error:.4f}")
        rows.append(tuple(row))
    said = [_verdict(name, its_alphas, errors, theory) for name, (its_alphas, errors) in found.items()]
    return "\n".join([f"{theory.problem.rule}: generalization error eps_g", columns(rows), *said])


def _verdict(name: str, alphas: Array, errors: Array, theory: Trajectory) -> str:
    """Up to where a mean agrees with the theory, and how far it ever is from it."""
    expected = np.interp(alphas, theory.alphas, theory.eps_g)
    mean, error = mean_and_error(errors)
    runs, known = len(errors), np.isfinite(mean) & (expected > 0)
    apart = np.where(known, mean - expected, 0.0)
    relative = apart / np.where(known, expected, 1.0)
    furthest = int(np.abs(relative).argmax())
    far = f"furthest {100 * relative[furthest]:+.2g} % at alpha = {alphas[furthest]:.4g}"
    if runs < 2:
        return f"{name}: {far}; a single run has no standard error"
    allowed = _allowed(runs, len(alphas))
    nothing = np.abs(relative) <= _NOTHING
    beyond = np.flatnonzero((np.abs(apart) > allowed * error) & ~nothing)
    near = f"within 2 s.e. at {np.mean((np.abs(apart) <= 2 * error) | nothing):.0%}"
    if allowed > _MOST_ALLOWED:
        enough = next(n for n in count(runs + 1) if _allowed(n, len(alphas)) <= _MOST_ALLOWED)
        return f"{name}: {runs} runs are too few to decide, {enough} would be enough; {near}; {far}"
    if not beyond.size:
        where = "everywhere"
    else:
        first = "not even at alpha = 0" if beyond[0] == 0 else f"up to alpha = {alphas[beyond[0] - 1]:.4g}"
        where = f"{first}, and at {1 - len(beyond) / len(alphas):.0%} of all alphas"
    return f"{name}: within {allowed:.1f} s.e. of {runs} runs {where}; {near}; {far}"


def _allowed(runs: int, alphas: int) -> float:
    """Standard errors by which a mean of so many runs may be off at one of so many alphas."""
    return float(student_t.isf(_FALSE_ALARM / (2 * alphas), runs - 1))
