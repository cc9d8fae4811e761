"""Where something jumps, such as a rate or the task that is learned: thin vertical lines in figures against alpha."""

from collections.abc import Iterable

from matplotlib.axes import Axes

from stdyn.figures import style
from stdyn.model.jumps import jumps
from stdyn.model.trajectory import Trajectory

GID = "jump"  # of the lines


def mark(ax: Axes, trajectories: Iterable[Trajectory]) -> None:
    """A line at every alpha at which something of these jumps."""
    draw(ax, _of(trajectories))


def draw(ax: Axes, found: Iterable[dict[str, list[float]]]) -> None:
    """A thin dotted line behind the curves at every alpha of these `jumps`; one is enough, also for twins."""
    figure, place = ax.figure, ax.get_subplotspec()
    twins = [each for each in figure.axes if place is not None and each.get_subplotspec() == place] or [ax]
    there = {line.get_xdata()[0] for each in twins for line in each.lines if line.get_gid() == GID}  # type: ignore[index]
    for alpha in sorted({alpha for each in found for alphas in each.values() for alpha in alphas} - there):
        ax.axvline(alpha, color="0.55", lw=0.8, ls=(0, (1, 2)), zorder=0, gid=GID)


def said(trajectories: Iterable[Trajectory]) -> str:
    """What the lines are; nothing if there is none."""
    return meaning(_of(trajectories))


def meaning(found: Iterable[dict[str, list[float]]]) -> str:
    """What the lines of these `jumps` are; nothing if there is none."""
    names = list(dict.fromkeys(name for each in found for name in each))
    rates = [style.label(name) for name in names if name != "task"]
    words = (["task switch"] if "task" in names else []) + ([f"jump of {' and '.join(rates)}"] if rates else [])
    return f"dotted upright: {', '.join(words)}" if words else ""


def _of(trajectories: Iterable[Trajectory]) -> list[dict[str, list[float]]]:
    return [jumps(each.problem, each.alphas[-1]) for each in trajectories if len(each.alphas)]
