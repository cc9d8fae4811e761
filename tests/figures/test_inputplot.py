"""Inputs with a spectrum in pictures: points are the numbers, problems with inputs are named and told apart."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_problem
from drawn import ALPHAS, legends, made, unreadable

from stdyn import InputError, Inputs, Trajectory, inputplot, plot
from stdyn.figures import style
from stdyn.figures.pairs import pair_up

TWO = Inputs.spectrum([3.0, 0.5], [0.2, 0.8])
LONG = np.concatenate([[0], np.geomspace(0.1, 1e5, 241)])


def entries(figure):
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


def with_plateau(begin, end, problem, height=1e-2):
    """A curve that falls to `height` at about `begin` and on to nothing at about `end`."""
    x = np.log(LONG.clip(0.05))
    steps = [1 / (1 + np.exp(6 * (x - np.log(at)))) for at in (begin, end)]
    return made(problem, alphas=LONG), 0.3 * steps[0] + height * steps[1] + 1e-9


def theory(begin, end, **changes):
    plain, eps_g = with_plateau(begin, end, random_problem(2, 2, **changes))
    return replace(plain, eps_g_read=eps_g)


def test_lengths_are_those_of_the_plateaus():
    """By value in order, of every name, whatever the order they come in; none without a plateau."""
    ends = {0.0: 1000.0, 0.5: 300.0, 1.0: 100.0}
    curves = [
        (rule.upper(), x, theory(5.0, end, rule=rule)) for x, end in reversed(ends.items()) for rule in ("fa", "bp")
    ]
    flat = replace(made(random_problem(2, 2), alphas=LONG), eps_g_read=0.3 / (1 + (LONG / 1e3) ** 3))
    curves.append(("FA", 1.5, flat))  # flat at its start, and then it falls
    figure = inputplot.spectrum_figure(curves, [(name, 1 + x, each) for name, x, each in curves])
    assert not unreadable(figure)
    for ax, shift in ((figure.axes[2], 0), (figure.axes[3], 1)):
        for name, line in zip(("FA", "BP"), ax.lines, strict=True):
            assert line.get_label() == name
            assert list(line.get_xdata()) == [shift + x for x in (*ends, *([1.5] if name == "FA" else []))]
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True):
                if x - shift == 1.5:
                    assert np.isnan(y)
                else:
                    assert y == pytest.approx(ends[x - shift] - 5.0, rel=0.2)
        assert ax.get_xlim()[1] > 1.5 + shift  # what has none is on the axis
    assert figure.axes[3].get_xscale() == "log"
    shown = [line.get_label() for line in figure.axes[0].lines]
    assert shown == ["$a = 0$", "$a = 0.5$", "$a = 1$", "$a = 1.5$"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), curves[4][2].eps_g)


def held(runs=5, tested=True, gaussian=True, values=None, rule="fa"):
    """Theory and runs of one problem with two groups."""
    problem = random_problem(2, 2, inputs=TWO, N=20, rule=rule)
    eps_g = 1 / (1 + ALPHAS)
    rng = np.random.default_rng(1)

    def of_runs(seed, test):
        start = problem.start
        repeated = {n: np.broadcast_to(a, (runs, len(ALPHAS), *a.shape)) for n, a in start.state.items()}
        errors = eps_g * rng.lognormal(0.1 * seed, 0.1, (runs, len(ALPHAS)))
        errors = errors if values is None else np.full(errors.shape, values)
        attributes = {"examples": "30 that were given, each at most once"} if seed == 1 else {}
        return Trajectory.of(problem, ALPHAS, repeated, "network", eps_g_read=errors, attributes=attributes,
                             eps_g_test=1.5 * errors if test else None)  # fmt: skip

    still = {n: np.broadcast_to(a, (len(ALPHAS), *a.shape)) for n, a in problem.start.state.items()}
    line = Trajectory.of(
        problem, ALPHAS, still, "ode", eps_g_read=eps_g if values is None else np.full(len(ALPHAS), values)
    )
    return "FA", line, of_runs(1, tested), of_runs(0, False) if gaussian else None


@pytest.mark.parametrize(("tested", "gaussian"), [(True, True), (False, True), (True, False)])
def test_points_of_examples_are_means_and_standard_errors(tested, gaussian):
    """In both panels; right in per cent of the theory."""
    _, line, runs, other = result = held(tested=tested, gaussian=gaussian)
    figure = inputplot.examples_figure([result])
    assert not unreadable(figure)
    wanted = [runs.eps_g_test] * tested + [runs.eps_g] + [other.eps_g if gaussian else None] * gaussian
    left, right = figure.axes
    assert len(left.containers) == len(right.containers) == len(wanted)
    for errors, one, two in zip(wanted, left.containers, right.containers, strict=True):
        x = one.lines[0].get_xdata()
        at = np.searchsorted(ALPHAS, x)
        mean, error = errors.mean(axis=0)[at], errors.std(axis=0, ddof=1)[at] / np.sqrt(5)
        np.testing.assert_allclose(one.lines[0].get_ydata(), mean, rtol=1e-12)
        np.testing.assert_allclose(two.lines[0].get_ydata(), 100 * (mean / line.eps_g[at] - 1), rtol=1e-9, atol=1e-9)
        bars = np.array([each[:, 1] for each in two.lines[2][0].get_segments()])
        np.testing.assert_allclose(np.diff(bars)[:, 0], 200 * error / line.eps_g[at], rtol=1e-9)
    names = ["examples: test error"] * tested + ["examples: of overlaps"] + ["Gaussian inputs"] * gaussian
    assert [text.get_text() for text in right.get_legend().get_texts()] == names
    title = figure.get_suptitle().replace("\n", " ")
    assert "5 network runs on examples" in title
    assert ("on Gaussian inputs" in title) == gaussian
    assert "inputs of variances 0.5 to 3 (2 groups)" in title


@pytest.mark.parametrize("changes", [{"runs": 1}, {"values": 0.0}, {"values": np.nan}, {"values": 1e-18}])
def test_examples_of_any_kind(changes):
    """A single run, which has no standard error; nothing but 0, NaN or rounding: no warning, nothing cut off."""
    assert not unreadable(inputplot.examples_figure([held(**changes)]))


def test_what_is_not_meant_is_refused():
    name, line, runs, _ = held()
    with pytest.raises(InputError, match="solutions of the ODEs, but one is an ensemble of 5 runs"):
        inputplot.spectrum_figure([(name, 0.0, runs)], [(name, 1.0, line)])
    with pytest.raises(InputError, match="runs must be runs of networks, but one is a solution"):
        inputplot.examples_figure([(name, line, line, None)])


SPECTRA = {
    "isotropic inputs": Inputs.isotropic(),
    "inputs of variance 2": Inputs.spectrum([2.0], [1.0]),
    "inputs of variances 0.5 to 3 (2 groups)": TWO,
    r"inputs $\omega_j \propto j^{-0.5}$ (4 groups)": Inputs.power_law(0.5, 40, 4),
    "inputs of variances 1 to 9 (3 groups)": Inputs.spiked([9.0, 4.0], 20),
    "hidden manifold (D = 5, 3 groups)": Inputs.hidden_manifold("erf", 5, 20, 3, rng=np.random.default_rng(1)),
}


@pytest.mark.parametrize("words", SPECTRA)
def test_titles_name_the_spectrum(words):
    """In one line; isotropic inputs are not spoken of."""
    inputs = SPECTRA[words]
    assert style.inputs(inputs) == words
    said = style.parameters(random_problem(2, 2, inputs=inputs, N=20))
    assert (words in said) != inputs.is_isotropic
    assert "inputs" not in style.parameters(random_problem(2, 2, inputs=TWO, N=20), ["inputs"])


def test_legends_tell_inputs_apart():
    """What differs is in the legend, not in the title; two spectra that read alike have numbers."""
    alike = Inputs.spectrum([3.0, 0.5], [0.4, 0.6])
    some = [random_problem(2, 2, inputs=each) for each in (Inputs.isotropic(), TWO, alike)]
    figure = plot.generalization_figure(pair_up([made(each) for each in some]))
    said = " ".join(entries(figure))
    for words in ("isotropic inputs", "(2 groups) (1)", "(2 groups) (2)"):
        assert words in said
    assert "groups" not in figure.get_suptitle()


def test_captions_say_that_examples_are_given():
    """Of order parameters; runs on Gaussian inputs are runs."""
    _, line, runs, other = held()
    title = plot.order_parameters_figure(pair_up([line, runs])[0]).get_suptitle()
    assert "of 5 runs on given examples at N = 20" in title
    assert "examples" not in plot.order_parameters_figure(pair_up([line, other])[0]).get_suptitle()


def test_the_error_that_is_drawn_of_examples_is_that_of_the_overlaps():
    """Its axis says so where runs on examples are drawn; of other runs it does not."""
    _, line, runs, other = held(rule="bp")
    for some, said in (([line, runs], True), ([runs], True), ([line, other], False)):
        pairs = pair_up(some)
        for figure in (plot.generalization_figure(pairs), plot.order_parameters_figure(pairs[0])):
            assert not unreadable(figure)
            labels = [ax.get_ylabel() for ax in figure.axes if "generalization error" in ax.get_ylabel()]
            assert ["of the overlaps" in each for each in labels] == [said]


def test_scans_name_numbers_of_inputs():
    assert style.on_axis("inputs.exponent") == "exponent of the inputs' spectrum"
