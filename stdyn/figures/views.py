"""Views of what students do: in the plane of their teachers, as a map or a graph of who has learned whom, as a spectrum
along a trajectory, and as the ellipses that runs scatter in.

Axes in, Axes out; everything that is drawn keeps its numbers, so that a frame of an animation is one call. Units are
numbered from 1 in what is written, as in all figures.
"""  # fmt: skip

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from stdyn.checks import Array
from stdyn.errors import InputError
from stdyn.figures import style
from stdyn.figures.arguments import Colour, ComplexArray, checked
from stdyn.figures.maps import cosines_of, graph, heat_map, symbol
from stdyn.figures.scales import around_zero, level, time_axis
from stdyn.model.state import OrderParameters
from stdyn.model.trajectory import Trajectory, nearest
from stdyn.text import shown
from stdyn.theory.fixedpoint import zero_of
from stdyn.theory.fluctuations import Fluctuations

__all__ = ["ellipses", "specialisation", "specialisation_graph", "spectrum", "teachers_plane"]

_DASHES: tuple[style.Dash, ...] = ("-", "--", "-.", ":", (0, (6, 1)), (0, (4, 1, 1, 1, 1, 1)))  # of students
_TEACHERS = 2  # that span a plane
_ROUND = np.linspace(0, 2 * np.pi, 181)  # angles of a circle
_ROOM = 0.08  # beside what is drawn, of its size
_ELLIPSES = 5  # alphas at which they are drawn unless it is said
_SIGMAS = ((1, "-"), (2, "--"))
_NAME = re.compile(r"(R|Q|v)\[(\d+)(?:, ?(\d+))?\]")


# ---------------------------------------------------------------------------------------------------------------------
# The plane of two teachers


@checked
def teachers_plane(
    ax: Axes, of: OrderParameters | Trajectory, alpha: float | None = None, run: int | None = None,
    colours: Sequence[Colour] = (),
) -> Axes:  # fmt: skip
    """Students in the plane of two teachers, exactly, from the overlaps alone.

    A student is a line from the origin to its projection on the plane, with its marker there; the disc around it has
    the length that it has outside the plane as its radius, so that a student that is in the plane has none. Teachers
    are thick and black, with dotted circles of their lengths. Of a trajectory also the path of every student up to
    `alpha` is drawn, and the limits are the same at every alpha: one call is one frame of an animation.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    of : OrderParameters or Trajectory
        With M = 2 teacher units.
    alpha : float, optional
        Where on a trajectory; the nearest that was recorded is drawn. Default: the last.
    run : int, optional
        Which run, of an ensemble; counted from 0.
    colours : list of colours, optional
        One for each student.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with equal scales.

    Raises
    ------
    InputError
        If there are not two teacher units, or there is no such alpha or run.

    See Also
    --------
    specialisation : The same of any number of teachers, as a map.

    Notes
    -----
    With T = L L^T (Cholesky), teacher n is row n of L in an orthonormal basis of the plane whose first vector is along
    teacher 1, and student i is row i of R L^-T. Outside the plane it has the length ``sqrt(Q_ii - |x_i|^2)``. Of inputs
    that are not isotropic, lengths and angles are those of the fields: their standard deviations and correlations.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> ax = stdyn.views.teachers_plane(ax, theory, alpha=20)
    >>> ax.get_aspect()
    1.0
    """
    R, Q, T, position = _overlaps(of, alpha, run)
    K, M = R.shape[1:]
    if M != _TEACHERS:
        raise InputError(f"of must have M = 2 teacher units, which span a plane, but M = {M}")
    L = _root(T)
    x = R @ np.linalg.pinv(L).T
    outside = np.sqrt(np.maximum(np.diagonal(Q, axis1=1, axis2=2) - np.sum(x**2, axis=-1), 0))
    chosen = _colours(colours, K)
    for length in np.unique(np.linalg.norm(L, axis=1).round(12)):
        ax.plot(length * np.cos(_ROUND), length * np.sin(_ROUND), ls=(0, (1, 2)), color="0.6", lw=0.8, zorder=0.5)
    for i, colour in enumerate(chosen):
        dash = _DASHES[i % len(_DASHES)]
        if len(x) > 1:
            ax.plot(*x[: position + 1, i].T, ls=dash, color=colour, lw=1.1, gid="path")
        tip = x[position, i]
        faint = {"fc": (*to_rgb(colour), 0.10), "ec": (*to_rgb(colour), 0.6)}
        ax.add_patch(Circle((tip[0], tip[1]), outside[position, i], **faint, lw=0.7, ls=dash, gid="outside"))
        ax.plot([0, tip[0]], [0, tip[1]], color=colour, lw=1.8, marker=style.marker(i), markevery=[1], ms=7,
                mec="white", mew=0.6, label=f"student {i + 1}", gid="student", zorder=3)  # fmt: skip
    for n, (tip, text) in enumerate(zip(L, (r"$\tilde w_1$", r"$\tilde w_2$"), strict=True)):
        ax.plot([0, tip[0]], [0, tip[1]], "k-", lw=2.6, marker=_head(tip), markevery=[1], ms=9, gid="teacher", zorder=2)
        ax.annotate(text, tip, xytext=_beyond(tip, n), textcoords="offset points", ha="center", va="center")
    _limits(ax, np.concatenate([L, [[0, 0]]]), x.reshape(-1, 2), outside.ravel())
    ax.set_aspect("equal")
    ax.set_xlabel(r"component along $\tilde w_1$")
    ax.set_ylabel(r"component across $\tilde w_1$, in the plane")
    return ax


def _overlaps(
    of: OrderParameters | Trajectory, alpha: float | None, run: int | None
) -> tuple[Array, Array, Array, int]:
    """R (A, K, M), Q and T of a state or of one run, and the position of alpha."""
    if isinstance(of, OrderParameters):
        for name, value in (("alpha", alpha), ("run", run)):
            if value is not None:
                raise InputError(f"{name} must be None of OrderParameters, which have one place, but is {value:g}")
        return of.R[None], of.Q[None], of.T, 0
    if (run is None) != (of.runs is None) or (run is not None and not 0 <= run < (of.runs or 0)):
        wanted = "None, as there are no runs" if of.runs is None else f"a number from 0 to {of.runs - 1}"
        raise InputError(f"run must be {wanted}, but is {shown(run)}")
    if not len(of.alphas):
        raise InputError("of must have an alpha, but diverged before its first")
    if alpha is not None and not of.alphas[0] <= alpha <= of.alphas[-1]:
        raise InputError(f"alpha must be from {of.alphas[0]:g} to {of.alphas[-1]:g}, but is {alpha:g}")
    position = len(of.alphas) - 1 if alpha is None else int(nearest(of.alphas, np.array([alpha]))[0])
    R, Q = (of.R, of.Q) if run is None else (of.R[run], of.Q[run])
    return R, Q, of.T, position


def _root(T: Array) -> Array:
    """The lower triangular L of T = L L^T, also of teachers that are parallel or zero."""
    first = np.sqrt(T[0, 0])
    along = T[0, 1] / first if first else 0.0
    return np.array([[first, 0.0], [along, np.sqrt(max(T[1, 1] - along**2, 0.0))]])


def _head(tip: Array) -> tuple[int, int, float]:
    """A triangle that points the way of a vector, as a marker."""
    return 3, 0, float(np.degrees(np.arctan2(tip[1], tip[0]))) - 90


def _beyond(tip: Array, n: int) -> tuple[float, float]:
    """Where the name of a teacher stands, in points from its tip: of parallel ones not at the same place."""
    length = np.linalg.norm(tip)
    across, up = tip / length if length else (0.0, 1.0)
    return 13 * across - 4 * n * up, 13 * up + 4 * n * across


def _limits(ax: Axes, teachers: Array, students: Array, outside: Array) -> None:
    """Limits around all tips and discs, those to come as well."""
    known = np.isfinite(students).all(axis=1)
    low = np.concatenate([teachers, students[known] - outside[known, None]]).min(axis=0)
    high = np.concatenate([teachers, students[known] + outside[known, None]]).max(axis=0)
    room = _ROOM * float((high - low).max()) + 0.02
    ax.set_xlim(low[0] - room, high[0] + 2 * room)
    ax.set_ylim(low[1] - room, high[1] + 2 * room)


def _colours(given: Sequence[str], number: int) -> Sequence[str]:
    """Those that are given, one each, or the usual ones."""
    if given and len(given) != number:
        raise InputError(f"colours must be {number}, one for each student, but are {len(given)}")
    return given or style.colours(number)


# ---------------------------------------------------------------------------------------------------------------------
# Who has learned whom


@checked
def specialisation(ax: Axes, cosines: np.ndarray | OrderParameters) -> Axes:
    """The cosines of students and teachers as a map: blue where negative, red where positive, white where 0.

    Numbers stand in a map of up to 8 units, a minus in the cells of a larger one that are clearly negative.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    cosines : ndarray, shape (K, M), or OrderParameters
        R_in / sqrt(Q_ii T_nn), such as `OrderParameters.cosines`.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`; its last image, `ax.images[-1]`, is what a colour bar is made of.

    Raises
    ------
    InputError
        If the array has another number of axes than two.

    See Also
    --------
    specialisation_graph : The same as lines between units.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> ax = stdyn.views.specialisation(ax, theory.at(-1))
    >>> ax.images[-1].get_array().shape
    (2, 2)
    """
    heat_map(ax, cosines_of(cosines), 1.0)
    ax.set_xlabel("teacher unit $n$")
    ax.set_ylabel("student unit $i$")
    return ax


@checked
def specialisation_graph(ax: Axes, state: OrderParameters, colours: Sequence[Colour] = ()) -> Axes:
    """Students and teachers as two columns of dots, joined by lines as wide as their cosines.

    A line is full and orange where the cosine is positive, dashed and blue where it is negative.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    state : OrderParameters
        Of any numbers of units.
    colours : list of colours, optional
        Of the lines: that of positive cosines and that of negative ones.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, without axis lines.

    Raises
    ------
    InputError
        If there are not two colours, or none.

    See Also
    --------
    specialisation : The same as a map with numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> ax = stdyn.views.specialisation_graph(ax, theory.at(-1))
    >>> len([line for line in ax.lines if line.get_gid() == "cosine"])
    4
    """
    if colours and len(colours) != 2:
        raise InputError(f"colours must be 2, of positive and of negative cosines, but are {len(colours)}")
    graph(ax, state, *(colours or (style.COLOURS[1], style.COLOURS[0])))
    return ax


# ---------------------------------------------------------------------------------------------------------------------
# The spectrum along a trajectory


@checked
def spectrum(ax: Axes, trajectory: Trajectory, eigenvalues: ComplexArray, linear: float = 1e-3) -> Axes:
    """Real parts of the eigenvalues of the Jacobian at every alpha of a trajectory.

    Directions that grow are triangles in colour, all others grey dots. A real part of less than 1e-7 of the largest
    ``|eigenvalue|`` at its alpha counts as zero.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    trajectory : Trajectory
        Of the theory.
    eigenvalues : ndarray of complex, shape (A, L)
        Per unit of alpha, at each alpha.
    linear : float, default 1e-3
        Up to this distance from 0 the axis is linear, beyond it logarithmic.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        If there are not eigenvalues for each alpha, or `linear` is not positive.

    See Also
    --------
    stdyn.theoryplot.spectra : Those of fixed points.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> falling = -np.ones((len(theory.alphas), 1)) * [0.1, 0.2]
    >>> ax = stdyn.views.spectrum(ax, theory, falling)
    >>> ax.get_yscale()
    'symlog'
    """
    alphas, found = trajectory.alphas, np.asarray(eigenvalues)
    if found.ndim != 2 or len(found) != len(alphas):
        raise InputError(f"eigenvalues must have shape ({len(alphas)}, L), of each alpha, but have shape {found.shape}")
    if not 0 < linear < np.inf:
        raise InputError(f"linear must be positive and finite, but is {linear:g}")
    grows = found.real > zero_of(found)
    x, y = np.broadcast_to(alphas[:, None], found.shape), found.real
    level(ax, 0)
    ax.plot(x[~grows], y[~grows], ".", color="0.5", ms=3, mew=0, label="does not grow", gid="others")
    ax.plot(x[grows], y[grows], "^", color=style.COLOURS[1], ms=4, mew=0, label="grows", gid="grows")
    around_zero(ax.yaxis, float(np.abs(y[np.isfinite(y)]).max(initial=0)), linear)
    time_axis(ax, alphas, trajectory.problem)
    ax.set_ylabel(r"eigenvalues of the Jacobian, Re $\lambda$")
    return ax


# ---------------------------------------------------------------------------------------------------------------------
# How runs scatter


@checked
def ellipses(
    ax: Axes, found: Fluctuations, x: str = "R[0,0]", y: str = "R[0,1]", alphas: Sequence[float] = (),
    runs: Sequence[Trajectory] = (),
) -> Axes:  # fmt: skip
    """Where runs of N inputs are expected in the plane of two order parameters: ellipses of 1 and 2 std.

    Their centres are what the mean over runs is to order 1/N, the ODEs and the bias. The line is the ODEs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    found : Fluctuations
        Around a solution of the ODEs.
    x, y : str
        "R[0,0]", "Q[0,1]", "v[0]", … with indices from 0; v of several outputs has two.
    alphas : list of float, optional
        Where ellipses are drawn: the nearest alphas there are. Default: five of those at which linear noise is valid.
    runs : list of Trajectory, optional
        Ensembles whose runs are drawn as dots, at the alphas of theirs that are nearest.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        If there is no such order parameter or alpha, or `runs` has no runs in it.

    See Also
    --------
    stdyn.fluctuations : Which computes them.

    Notes
    -----
    In a plane an ellipse of 1 standard deviation has 39 % of normal runs in it, and that of 2 has 86 %.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> ax = stdyn.views.ellipses(ax, noise, "R[0,0]", "Q[0,0]", alphas=[2])
    >>> ax.get_xlabel()
    '$R_{11}$'
    """
    entries = [_entry_of(found, name, text) for name, text in (("x", x), ("y", y))]
    shown_at = _shown_at(found, alphas)
    for each in runs:
        if each.runs is None or not len(each.alphas):
            raise InputError("runs must be ensembles of runs, but one is a solution of the ODEs or has no alpha")
    theory = found.theory
    line = [getattr(theory, name)[(slice(None), *entry)] for name, entry, _ in entries]
    ax.plot(*line, color="0.4", lw=0.8, zorder=1, label="ODEs", gid="theory")
    places = [place for *_, place in entries]
    for number, (position, colour) in enumerate(zip(shown_at, style.colours(len(shown_at)), strict=True)):
        alpha, marker = found.alphas[position], style.marker(number)
        bias = [getattr(found.bias, name)[(position, *entry)] for name, entry, _ in entries]
        centre = np.array([curve[position] for curve in line]) + bias
        for each in runs:
            at = int(nearest(each.alphas, np.array([alpha]))[0])
            dots = [getattr(each, name)[(slice(None), at, *entry)] for name, entry, _ in entries]
            ax.plot(*dots, marker, color=colour, ms=2.5, mew=0, alpha=0.6, zorder=0.8, gid="runs")
        root = _symmetric_root(found.covariance[position][np.ix_(places, places)])
        for width, dash in _SIGMAS:
            around = centre[:, None] + width * root @ np.array([np.cos(_ROUND), np.sin(_ROUND)])
            ax.plot(*around, ls=dash, color="k", lw=0.9, gid=f"{width} sigma")
        ax.plot(*centre, ls="none", marker=marker, color=colour, mec="k", ms=6, label=rf"$\alpha$ = {alpha:.4g}",
                zorder=3, gid="centre")  # fmt: skip
    for (name, entry, _), axis in zip(entries, (ax.xaxis, ax.yaxis), strict=True):
        axis.set_label_text(symbol(name, entry))
    return ax


def _entry_of(found: Fluctuations, argument: str, text: str) -> tuple[str, tuple[int, ...], int]:
    """The name, the index and the place in the covariance of an order parameter that is called so."""
    layout, match = found.problem.layout, _NAME.fullmatch(text)
    indices = [tuple(int(part) for part in match.groups()[1:] if part is not None)] if match else []
    for block in layout.blocks:
        for position, entry in enumerate(zip(*block.entries, strict=True)):
            entry = tuple(int(index) for index in entry)[: len(block.shape)]
            same = {entry, entry[::-1]} if block.symmetric else {entry}
            if match and block.name == match[1] and indices[0] in same:
                return block.name, entry, layout.places[block.name].start + position
    K, M = found.theory.R.shape[1:]
    raise InputError(f"{argument} must be an order parameter of K = {K}, M = {M}, such as R[0,0], but is {shown(text)}")


def _shown_at(found: Fluctuations, alphas: Sequence[float]) -> list[int]:
    """The positions of these alphas, or of some at which linear noise is valid and runs scatter."""
    if not len(found.alphas):
        raise InputError("found must have an alpha, but has none")
    for alpha in alphas:
        if not found.alphas[0] <= alpha <= found.alphas[-1]:
            raise InputError(
                f"alphas must be from {found.alphas[0]:g} to {found.alphas[-1]:g}, but one of them is {alpha:g}"
            )
    if alphas:
        return [int(position) for position in np.unique(nearest(found.alphas, np.array(alphas, dtype=float)))]
    there = np.flatnonzero(found.valid & (found.alphas > 0))
    some = np.linspace(0, len(there) - 1, _ELLIPSES).round().astype(int)
    return [int(there[n]) for n in np.unique(some[some >= 0])] if len(there) else []


def _symmetric_root(C: Array) -> Array:
    """The symmetric root of a covariance, whose negative eigenvalues are rounding."""
    values, vectors = np.linalg.eigh((C + C.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
