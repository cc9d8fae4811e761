"""Arguments that `plot` of values must refuse: before a figure is made, by name, with what was expected."""

from functools import partial

import numpy as np
from bad_arguments import Odd
from conftest import random_problem
from drawn import Made, escaping, made, plateau, saddle, scattered
from matplotlib.figure import Figure

import stdyn
from stdyn.scans.studies import STUDIED, Study

PROBLEM = random_problem(2, 3)
BP = random_problem(2, 2, rule="bp")


def comparison():
    alphas = np.array([0.0, 1.0])
    runs = stdyn.simulate_network(PROBLEM, alphas, runs=2, rng=1)
    return stdyn.compare(runs, stdyn.integrate(PROBLEM, alphas))


def study():
    values = np.array([0.1, 0.2])
    variations = stdyn.Variations(stdyn.Experiment(K=2, M=2, rule="bp"), {"eta": values.tolist()})
    return Study(variations, "eta", values, {"bp": dict.fromkeys(STUDIED, values)})


MAKE = {
    "trajectory": lambda: made(PROBLEM), "backpropagation": lambda: made(BP), "comparison": comparison,
    "fluctuations": lambda: scattered(made(PROBLEM)), "state": lambda: PROBLEM.start, "problem": lambda: PROBLEM,
    "fixed point": lambda: saddle(PROBLEM), "plateau": lambda: plateau(PROBLEM),
    "escape times": lambda: escaping(PROBLEM), "study": study, "scan": Made,
}  # fmt: skip
AGAINST = ("trajectory", "comparison", "fluctuations")
WITH_WHAT = (*AGAINST, "state", "problem", "fixed point", "study")
LINES = (*AGAINST, "plateau", "escape times", "study", "scan")


def drawn(kind, **given):
    """What plot of this kind draws, of R where there is a choice of entries."""
    if kind in AGAINST and {"diagonal", "entries", "color"} & given.keys():
        given = {"what": "R"} | given
    return MAKE[kind]().plot(**given)


def rows():
    for kind in MAKE:
        if kind != "backpropagation":
            for value in ("axes", 1, Odd(), [None]):
                yield partial(drawn, kind), "ax", value, "ax must be matplotlib Axes, or None"
            yield partial(drawn, kind), "ax", Figure().add_subplot(projection="3d"), "ax must be Axes of two dimensions"
    for kind in WITH_WHAT:
        for value in ("nothing", "", 1, ["R"], Odd()):
            yield partial(drawn, kind), "what", value, "what must be one of "
    for value in ("F", "alignment", "F_per_output", "alignment_per_output"):
        yield partial(drawn, "backpropagation"), "what", value, "backpropagation has no feedback weights"
    for value, reason in (("eps_g_per_task", "single task"), ("eps_g_test", "no error"), ("R_group", "isotropic")):
        yield partial(drawn, "trajectory"), "what", value, reason
    for kind in AGAINST:
        for value in (1, "yes", None, Odd()):
            yield partial(drawn, kind), "diagonal", value, "diagonal must be True or False"
        for what in ("eps_g", "v"):
            yield partial(drawn, kind, what=what), "diagonal", True, f"{what} has no diagonal"
        yield partial(drawn, kind, entries=[(0, 0)]), "diagonal", True, "entries are given"
        yield partial(drawn, kind, what="eps_g"), "entries", [(0,)], "entries must be None"
        for value in ([], "R", 1, {0: 1}, Odd()):
            yield partial(drawn, kind), "entries", value, "entries must be a list of tuples"
        for value in ([(0,)], [0], ["00"], [(0, 1, 2)], [None]):
            yield partial(drawn, kind), "entries", value, "entries must be tuples of 2 indices"
        for value in ([(0, 3)], [(2, 0)], [(-3, 0)], [(0.0, 1)], [(True, 0)], [("0", 0)]):
            yield partial(drawn, kind), "entries", value, "entries must be those of R"
        for value in (["red", "blue"], [(0, 0, 0)] * 7):
            yield partial(drawn, kind), "color", value, "color must be one colour, or 6"
    for kind in LINES:
        for value in ("no colour", 7, {"a": 1}, Odd()):
            yield partial(drawn, kind), "color", value, "color must be a colour of matplotlib"
        yield partial(drawn, kind), "color", ["red", None], "color must be a list of colours"
        yield partial(drawn, kind, color="red"), "c", "blue", "c must be given once"
        for name, value in (
            ("linewidth", "wide"),
            ("ls", "wavy"),
            ("marker", "no marker"),
            ("unknown", 1),
            ("figure", Figure()),
        ):
            yield partial(drawn, kind), name, value, "must be a property of matplotlib's lines"
        yield partial(drawn, kind, linewidth=1), "lw", 2, "lw must be given once"
    for kind in ("state", "problem", "fixed point"):
        for name, value in (("cmap", "no map"), ("vmin", "low"), ("unknown", 1)):
            yield partial(drawn, kind, what="R"), name, value, f"{name} must be of matplotlib's imshow"
        yield partial(drawn, kind, what="graph"), "color", "no colour", "color must be a colour"
    for value in ([], [1.0, 0.0], "late", Odd()):
        yield partial(drawn, "problem", what="rates"), "alphas", value, "alphas must"
    yield partial(drawn, "problem", what="R"), "alphas", [0.0, 1.0], "alphas must be left out"
    for value in (0, -1, "many", np.nan, Odd()):
        yield partial(drawn, "escape times"), "N", value, "N must be"
    for name in ("what", "x", "y"):
        for value in ("nothing", 1, Odd()):
            yield partial(drawn, "scan"), name, value, f"{name}: "
    for value in ("kp", 1, Odd()):
        yield partial(drawn, "scan"), "rule", value, "rule must be one of fa, bp"
    yield partial(drawn, "scan", x="eta", y="sigma"), "rule", None, "rule must be one of fa, bp"
    yield partial(drawn, "scan", x="eta", y="sigma", rule="fa"), "lw", 1, "lw must be left out"


PLOTS = list(rows())
