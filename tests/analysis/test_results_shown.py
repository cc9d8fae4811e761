"""How comparisons, fluctuations, fixed points, plateaus, escape times and studies show themselves, and their tables."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from conftest import random_problem
from shown import NAMELESS, check, check_html
from structured_problems import PROBLEMS as STRUCTURED

import stdyn
from stdyn import Comparison, EscapeTimes, FixedPoint, Flow, Fluctuations, Plateau, Study
from stdyn.theory.scatter import PerOrderParameter

PROBLEM = random_problem(2, 3, 2, N=60)
ALPHAS = np.array([0.0, 1.0, 2.0, 4.0])
THEORY = stdyn.integrate(PROBLEM, ALPHAS)
RUNS = stdyn.simulate_reduced(PROBLEM, ALPHAS, 6, rng=1)
WRONG = stdyn.integrate(replace(PROBLEM, eta=1.4), ALPHAS)
PREDICTED = stdyn.fluctuations(replace(PROBLEM, N=10**4), ALPHAS, points=256)
COMMITTEE = stdyn.Problem(stdyn.initial.prepared(2, 2, q=0.2, r=1e-3, v=[1, 1]), eta=0.5, eta_v=0)


@pytest.fixture(scope="module")
def points():
    """Perfect learning, and the saddle of the symmetric plateau."""
    return stdyn.fixed_points(COMMITTEE, number_of_starts=10, rng=1)[:2]


# ---------------------------------------------------------------------------------------------------------------------
# What they say


def test_a_comparison_in_one_line_and_in_a_notebook():
    """The verdict in a word and in a colour; every cell of the table that prints."""
    agrees, disagrees = stdyn.compare(RUNS, THEORY), stdyn.compare(RUNS, WRONG)
    assert repr(agrees) == "<Comparison FA: 6 reduced runs at N = 60 agree with the ODEs>"
    assert repr(disagrees).startswith(
        "<Comparison FA: 6 reduced runs at N = 60 disagree with the ODEs: R from alpha = "
    )
    single = stdyn.compare(RUNS.isel(run=0), stdyn.fluctuations(PROBLEM, ALPHAS, points=256))
    assert "1 reduced run at N = 60 agrees with linear noise around the ODEs" in repr(single)
    colours = []
    for verdict in (agrees, disagrees, single):
        found, html = check(verdict), verdict._repr_html_()
        assert ("✓ agrees" in html, "✗ disagrees" in html) == (verdict.agrees, not verdict.agrees)
        colours.append(html.split("background:")[1][:7])
        lines = str(verdict).splitlines()
        assert lines[0].startswith("fa: ")
        for cell in " ".join(lines[2 : 2 + len(verdict.mean)]).split():
            assert cell in " ".join(found.words)
        assert lines[-1] in found.words
    assert colours[0] == colours[2] != colours[1]


def test_what_prints_is_not_what_one_line_says():
    """print and str are the tables of before; the last entry of a list is one line."""
    for value in (stdyn.compare(RUNS, THEORY), PREDICTED):
        assert len(str(value).splitlines()) > 4
        assert f"{value}" == str(value)
        assert "\n" not in f"{[value]}"


def test_where_a_comparison_disagrees_is_where_it_does():
    """The first alpha of every quantity that is not within what is allowed, and of no other."""
    verdict = stdyn.compare(RUNS, WRONG)
    for name in verdict.mean:
        beyond = np.flatnonzero(~verdict.within(name))
        said = f"{name} from alpha = " in repr(verdict)
        assert said == bool(beyond.size)
        if said:
            assert f"{name} from alpha = {verdict.alphas[beyond[0]]:.4g}" in repr(verdict)


def test_fluctuations_show_themselves():
    """From where to where and where they are valid; a curve of the standard deviation of eps_g."""
    found = check(PREDICTED, "FA, N = 10000, K = 2, M = 3, 2 outputs, erf, 4 alphas from 0 to 4, valid everywhere")
    assert found.tags.count("polyline") == 1
    assert f"up to {PREDICTED.std.R.max():.2g}" in found.words
    later = replace(PREDICTED, nonlinearity=np.array([0, 0, 1.0, 1.0]))
    check(later, "not valid at 2 alphas, from 2 to 4")
    gone = replace(PREDICTED, std=unknown(PREDICTED.std), bias=unknown(PREDICTED.bias))
    assert check(gone).tags.count("polyline") == 0
    none = cut(PREDICTED, 0)
    assert check(none, "0 alphas").tags.count("polyline") == 0
    assert str(none).startswith("<stdyn.Fluctuations> FA, N = 10000, 0 alphas")


def unknown(values):
    """All of them NaN."""
    return PerOrderParameter(**{name: np.full_like(each, np.nan) for name, each in vars(values).items()})


def cut(found, length):
    """The first alphas of fluctuations."""
    per = [
        PerOrderParameter(**{name: each[:length] for name, each in vars(kind).items()})
        for kind in (found.std, found.bias)
    ]
    rest = (found.covariance[:length], found.nonlinearity[:length], found.nonlinearity_eps_g[:length])
    theory = replace(
        found.theory, alphas=found.alphas[:length], **{n: v[:length] for n, v in found.theory.arrays.items()}
    )
    return Fluctuations(theory, rest[0], *per, *rest[1:], 0.0)


def test_fixed_points_show_themselves(points):
    """Kind, largest eigenvalue and what it moves; the cosines of its vectors as a map."""
    stable, saddle = points
    check(stable, "eps_g = 0, stable, largest eigenvalue -0.02209")
    found = check(saddle, "eps_g = 0.0146448, saddle (1 unstable), largest eigenvalue 0.03162: ", saddle.moves())
    assert found.tags.count("rect") == 4
    assert saddle.moves() in found.words
    assert str(saddle) == repr(saddle)
    spiral = replace(saddle, eigenvalues=saddle.eigenvalues + 0.5j)
    assert any("0.03162 +0.5i" in words for words in check(spiral).words)
    many = replace(saddle, state=stdyn.initial.prepared(40, 30, r=0.1))
    assert check(many).tags.count("rect") == 24 * 24  # not more


def test_plateaus_show_themselves(points):
    """With and without a saddle, left and not left."""
    plateau = Plateau(5.0, 20.0, 233.0, 0.0148, 0.0074, points[1], 0.07, 240.0)
    check(plateau, "eps_g = 0.0148 from alpha = 5 to 233, saddle of eps_g = 0.014645")
    lonely = replace(plateau, saddle=None, end=np.inf, predicted_end=np.nan, distance=np.nan)
    assert "none found" in check(lonely, "from alpha = 5 on, not left, no saddle").words


def test_escape_times_show_themselves(points):
    """The median and the spread at the N of the problem; the law as a curve that rises."""
    times = EscapeTimes(points[1], 0.007, 0.03, np.linspace(10, 20, 41))
    middle = 15 + np.log(500) / 0.06
    found = check(times, f"at N = 500 runs leave eps_g = 0.014645 at alpha = {middle:.4g}", "41 draws")
    assert f"{15 + np.log(10**6) / 0.06:.4g}" in found.words
    (curve,) = [part for part in times._repr_html_().split("<") if part.startswith("polyline")]
    heights = [float(pair.split(",")[1]) for pair in curve.split('"')[1].split()]
    assert (np.diff(heights) < 0).all()  # down is up in a picture


NUMBERS = ("plateau_length", "plateau_predicted", "plateau_height", "saddle_eps_g", "escape_rate", "eps_g_infinity")


def study(n=3, **more):
    """A study whose numbers are made up, some of them unknown or infinite."""
    values = np.arange(1.0, n + 1)
    rules = {
        rule: {
            name: 10 * k + values + np.where(values == 2, [np.nan, np.inf][k % 2], 0) for k, name in enumerate(NUMBERS)
        }
        for rule in ("fa", "bp")
    }
    variations = stdyn.Variations(stdyn.Experiment(K=2, M=2), {"eta": list(values), "rule": ["fa", "bp"]})
    return Study(variations, "eta", values, rules, **more)


def test_studies_show_themselves():
    """What varies; the first lines of the table, and the length of the plateau of every rule as a curve."""
    found = check(study(), "3 values of eta from 1 to 3, fa, bp")
    assert found.tags.count("tr") == 7
    assert found.tags.count("polyline") == 2
    assert len(str(study()).splitlines()) == 7
    assert "✗ interrupted before the last value" in check(study(interrupted=True), "interrupted").words
    assert check(study(100)).tags.count("tr") == 21
    assert "… and 180 more lines" in check(study(100)).words


def test_a_flow_shows_itself():
    """The problem and the coordinates."""
    found = check(stdyn.flow(PROBLEM), "FA, K = 2, M = 3, 2 outputs, erf, 13 order parameters")
    assert any("R[0,0], R[0,1], …, v[1,1]" in words for words in found.words)
    check(stdyn.flow(STRUCTURED["a schedule"], 2.0), "at alpha = 2")


def test_what_others_wrote_is_text():
    """Notes of a comparison and names in it are no markup, and in one line; whatever is in it is no error."""
    verdict = stdyn.compare(RUNS, THEORY)
    named = replace(verdict, rule=NAMELESS, notes=(NAMELESS, "x" * 10**5))
    found = check(named)
    assert any("<script>" in words for words in found.words)
    nothing = replace(verdict, **{k: {n: v * np.nan for n, v in getattr(verdict, k).items()}
                                  for k in ("mean", "standard_error")})  # fmt: skip
    check(nothing)


@pytest.mark.parametrize("cls", [Comparison, Fluctuations, FixedPoint, Plateau, EscapeTimes, Study, Flow])
def test_what_is_half_made_shows_itself(cls):
    """As in a debugger; and what is not what it must be."""
    value = cls.__new__(cls)
    assert repr(value) == f"<{cls.__name__} that cannot be shown>"
    assert check_html(value._repr_html_()).words == [repr(value)]


# ---------------------------------------------------------------------------------------------------------------------
# Tables


@pytest.mark.parametrize("name", ["outputs", "tasks", "bp"])
def test_a_comparison_as_a_table(name):
    """Every number stands in a row of its alpha, quantity and indices, and there is no other row."""
    problem = random_problem(2, 2, rule="bp") if name == "bp" else PROBLEM if name == "outputs" else STRUCTURED["tasks"]
    runs, theory = stdyn.simulate_reduced(problem, ALPHAS, 3, rng=1), stdyn.integrate(problem, ALPHAS)
    verdict = stdyn.compare(runs, theory)
    table = verdict.to_dataframe()
    numbers = ["mean", "standard_error", "theory", "deviation", "in_errors"]
    assert list(table) == ["alpha", "quantity", "i", "j", *numbers]
    assert str(table.dtypes["i"]) == "Int64"
    assert len(table) == sum(values.size for values in verdict.mean.values())
    for row in table.itertuples():
        indices = tuple(int(index) for index in (row.i, row.j) if index is not pandas.NA)
        position = int(np.flatnonzero(verdict.alphas == row.alpha)[0])
        assert len(indices) == verdict.mean[row.quantity].ndim - 1
        for number in numbers:
            np.testing.assert_equal(getattr(row, number), getattr(verdict, number)[row.quantity][(position, *indices)])
    assert ("eps_g_per_task" in set(table["quantity"])) == (name == "tasks")


def test_fluctuations_as_a_table():
    """Theory, standard deviation and bias of every entry; valid as at its alpha, of eps_g with its own curvature."""
    found = replace(PREDICTED, nonlinearity=np.array([0, 0, 0, 1.0]), nonlinearity_eps_g=np.array([0, 0, 1.0, 1.0]))
    table = found.to_dataframe()
    assert list(table) == ["alpha", "quantity", "i", "j", "theory", "std", "bias", "valid"]
    assert set(table["quantity"]) == {"R", "Q", "v", "F", "eps_g"}
    there = table.set_index(["quantity", "alpha"])
    np.testing.assert_array_equal(there.loc[("R", 2.0), "std"], found.std.R[2].ravel())
    np.testing.assert_array_equal(there.loc[("Q", 4.0), "bias"], found.bias.Q[3].ravel())
    np.testing.assert_array_equal(there.loc[("v", 1.0), "theory"], found.theory.v[1].ravel())
    for alpha, valid, of_eps_g in zip(ALPHAS, found.valid, found.valid_eps_g, strict=True):
        assert (there.loc[("v", alpha), "valid"] == valid).all()
        assert (there.loc[("eps_g", alpha), "valid"] == of_eps_g).all()
    assert "F" not in set(
        stdyn.fluctuations(random_problem(1, 1, rule="bp"), [1.0], points=256).to_dataframe()["quantity"]
    )
    none = cut(found, 0).to_dataframe()
    assert (len(none), list(none)) == (0, list(table))


def test_a_study_as_a_table():
    """A row for every rule, value and number."""
    found = study()
    table = found.to_dataframe()
    assert list(table) == ["rule", "eta", "quantity", "value"]
    assert len(table) == 2 * 3 * 6
    for row in table.itertuples():
        expected = found.rules[row.rule][row.quantity][int(np.flatnonzero(found.values == row.eta)[0])]
        np.testing.assert_equal(row.value, expected)
