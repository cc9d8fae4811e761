"""Results of any size that nothing was solved for, and whether a figure of them can be read."""

from dataclasses import fields
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from conftest import random_problem
from matplotlib.backends.backend_agg import FigureCanvasAgg

from stdyn import Trajectory
from stdyn.analysis.escape import EscapeTimes, Plateau
from stdyn.analysis.summary import SUMMARY
from stdyn.layered.history import History
from stdyn.layered.network import Network
from stdyn.scans.scanfile import Scan
from stdyn.theory.fixedpoint import FixedPoint
from stdyn.theory.scatter import Fluctuations, PerOrderParameter

ALPHAS = np.concatenate([[0], np.geomspace(0.1, 300, 12)])


def made(problem, runs=None, method="ode", alphas=ALPHAS, values=None):
    """A trajectory: random order parameters and a falling eps_g; or all `values` (0, NaN, 1e-18, …)."""
    rng = np.random.default_rng(1)
    start, A = problem.start, len(alphas)
    shape = () if runs is None else (runs,)
    fall = 1 / (1 + np.asarray(alphas))

    def entries(first):
        extra = (1,) * first.ndim
        noise = rng.normal(0, 0.05, (*shape, A, *first.shape)) if runs else 0
        found = first * fall.reshape(-1, *extra) + rng.normal(size=first.shape) + noise
        return found if values is None else np.full(found.shape, values)

    eps_g = fall * (1 + 0.3 * rng.random((*shape, A))) if values is None else np.full((*shape, A), values)
    state = {name: entries(first) for name, first in start.state.items()}
    return Trajectory.of(problem, np.asarray(alphas, dtype=float), state, method, eps_g_read=eps_g)


def results(K, M, O, rule, alphas=ALPHAS, runs=3, N=20, values=None, **changes):
    """Theory, network runs and reduced runs of one problem."""
    problem = random_problem(K, M, O, rule=rule, N=max(N, K + M), **changes)
    return [
        made(problem, None, "ode", alphas, values),
        made(problem, runs, "network", alphas, values),
        made(problem, runs, "reduced", alphas, values),
    ]


def scattered(theory, valid=0.5, std=0.01):
    """Fluctuations around a trajectory that are valid in the first part of the alphas."""
    A = len(theory.alphas)
    names = [field.name for field in fields(PerOrderParameter) if getattr(theory, field.name) is not None]
    each = {name: np.full(getattr(theory, name).shape, std) for name in names} | {"F": None}
    if theory.F is not None:
        each["F"] = np.full(A, std)
    numbers = np.where(np.arange(A) < valid * A, 0.0, 1.0)
    return Fluctuations(theory, np.zeros((A, 1, 1)), PerOrderParameter(**each), PerOrderParameter(**each), numbers,
                        numbers, 0.0)  # fmt: skip


def trained(rule, seed=1, widths=(9, 5, 4), epochs=5, values=None):
    """The history of a training of this many epochs; or all records `values`."""
    rng = np.random.default_rng(seed)
    E, L, alphas = epochs + 1, len(widths) - 1, np.concatenate([[0], np.geomspace(0.1, 10, 9)])[: 1 + 9 * bool(epochs)]
    shapes = {
        "train_error": (E,), "test_error": (E,), "train_loss": (E,), "test_loss": (E,), "weight_angle": (E, L - 1),
        "output_angle": (E, widths[-1]), "update_angle": (E, L), "delta_angle": (E, L),
        "alignment": (len(alphas), L - 1), "output_alignment": (len(alphas), widths[-1]),
    }  # fmt: skip
    records = {name: rng.random(shape) if values is None else np.full(shape, values) for name, shape in shapes.items()}
    network = Network([np.zeros((n, m)) for m, n in pairwise(widths)], [np.zeros(n) for n in widths[1:]])
    return History(rule, 0.1, 10, network, np.arange(E), alphas=alphas, seed=seed, **records)


class Made(Scan):
    """A scan that is in no file: random coordinates and summary, of which `fill` says what is otherwise."""

    axes = ("eta", "sigma")
    names = ("eps_g",)
    alphas = ALPHAS
    __setattr__ = object.__setattr__  # as what is in no file is set here

    def __init__(self, points=60, rules=("fa", "bp"), runs=(), fill=None, **coordinates):
        rng = np.random.default_rng(1)
        n = np.arange(points)
        self.attributes = {}
        self.path, self.state = "made.h5", np.ones(points, dtype=int)
        self.coordinates = {
            "rule": np.array(rules)[n % len(rules)], "eta": 0.1 * (1 + n // len(rules) % 3),
            "sigma": 0.1 * (n // len(rules) // 3 % 2), "draw": n // len(rules) // 6,
        } | coordinates  # fmt: skip
        shape = (points, *runs)
        bp = np.broadcast_to((self.coordinates["rule"] == "bp").reshape(-1, *[1] * len(runs)), shape)
        self.summary = {name: rng.random(shape) + 0.1 for name in SUMMARY}
        self.summary |= {"specialised": np.floor(3 * rng.random(shape)), "diverged_at": np.full(shape, np.inf)}
        self.summary |= {name: np.broadcast_to(value, shape).copy() for name, value in (fill or {}).items()}
        for name in ("b_norm", "b_smallest", "alignment_start", "alignment_final"):
            self.summary[name][bp] = np.nan
        self.description = {"solve": {"function": "stdyn.integrate"}, "alphas": ALPHAS.tolist()}
        self._shape = (*runs, len(ALPHAS))
        self._zero = fill is not None and not np.max(fill.get("eps_g_final", 1.0)) > 1e-10

    def problem(self, point):
        return random_problem(2, 2, rule=self.coordinates["rule"][point])

    def read(self, name, point=None):
        curve = np.full(self._shape, 1e-18 if self._zero else 1.0)
        return ALPHAS if name == "alpha" else curve / (1 + ALPHAS)


def saddle(problem, eps_g=0.1, size=1.0):
    """A fixed point with so large eigenvalues."""
    eigenvalues = size * np.linspace(1, -3, 8).astype(complex)
    return FixedPoint(problem, problem.start, eps_g, eigenvalues, np.eye(8, dtype=complex))


def plateau(problem, end=100.0):
    return Plateau(3.0, 10.0, end, 0.1, 0.05, saddle(problem), 0.1, 1.1 * end)


def escaping(problem, offsets=None):
    return EscapeTimes(saddle(problem), 0.05, 0.1, np.linspace(-10, 30, 40) if offsets is None else offsets)


def unreadable(figure):
    """What is wrong with a figure once it is drawn: what is cut off, and tick labels that overlap."""
    figure.set_dpi(50)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = figure.bbox.width + 1.5, figure.bbox.height + 1.5

    def cut(artist):
        box = artist.get_window_extent(renderer)
        return min(box.x0, box.y0) < -1.5 or box.x1 > width or box.y1 > height

    found = [f"legend {[t.get_text() for t in each.get_texts()]}" for each in legends(figure) if cut(each)]
    for text in figure.findobj(mpl.text.Text):
        if text.get_text() and text.get_visible() and cut(text) and _within_view(figure, text):
            found.append(f"text {text.get_text()!r}")
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            found += _overlapping(axis, renderer)
    return found


def legends(figure):
    return [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend() is not None)]


def _ticks(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible() and label.get_text()]


def _within_view(figure, text):
    """Whether a text is drawn: labels of ticks beyond the limits are not."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            everything = [label for tick in axis.get_major_ticks() + axis.get_minor_ticks()
                          for label in (tick.label1, tick.label2)]  # fmt: skip
            if text is axis.label:
                return axis.get_visible()
            if any(text is each for each in everything):
                return ax.axison and any(text is each for each in _ticks(axis))
    return True


def _overlapping(axis, renderer):
    boxes = sorted((label.get_window_extent(renderer) for label in _ticks(axis)), key=lambda box: (box.x0, box.y0))
    name = axis.get_label_text()
    return [f"ticks of {name!r}" for one, other in pairwise(boxes) if one.overlaps(other)
            and one.width * one.height and other.width * other.height]  # fmt: skip
