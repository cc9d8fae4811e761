"""Where something jumps, such as a rate or the task that is learned."""

from math import nextafter

from stdyn.model.problem import SCHEDULED, Problem
from stdyn.model.schedule import Schedule

_SAME = 1e-9  # values that differ by less, relatively, are those of a schedule that bends


def jumps(problem: Problem, last: float) -> dict[str, list[float]]:
    """The alphas between 0 and the last at which each rate, or the task, jumps; of those that do.

    Where a schedule bends it does not jump.
    """
    found = {"task": [] if problem.tasks is None else list(problem.tasks.breaks)}
    for name in SCHEDULED:
        rate = getattr(problem, name)
        found[name] = [at for at in rate.breaks if _differs(rate, at)] if isinstance(rate, Schedule) else []
    within = {name: [at for at in alphas if 0 < at < last] for name, alphas in found.items()}
    return {name: alphas for name, alphas in within.items() if alphas}


def _differs(schedule: Schedule, alpha: float) -> bool:
    """Whether the values before and at an alpha differ by more than rounding."""
    before, after = schedule.at(nextafter(alpha, 0.0)), schedule.at(alpha)
    return abs(after - before) > _SAME * max(abs(after), abs(before))
