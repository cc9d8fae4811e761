"""Studies and the figures of theory beyond the mean: what they say and what is drawn."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from stdyn import (
    Experiment,
    InputError,
    Variations,
    escape_times,
    fixed_points,
    fluctuations,
    integrate,
    plateaus,
    simulate_network,
    simulate_reduced,
    study,
    theoryplot,
)
from stdyn.scans.studies import STUDIED, error_at_infinity, report

COMMITTEE = Experiment(K=2, M=2, eta_v=0.0, v=1.0, b=[1.0, 0.7], alpha_max=3000.0)


@pytest.fixture(scope="module")
def noisy():
    """A study of three learning rates with label noise, both rules."""
    experiment = Experiment(K=2, M=2, eta_v=0.0, v=1.0, b=[1.0, 0.7], sigma=0.2, alpha_max=10_000.0)
    return study(Variations(experiment, {"eta": [0.1, 0.2, 0.4]}), experiment.alphas())


def test_a_study_has_every_number_for_every_value(noisy):
    """In order of the values; the final error grows with eta, the plateau shortens, the saddle foretells its end."""
    assert noisy.quantity == "eta"
    np.testing.assert_array_equal(noisy.values, [0.1, 0.2, 0.4])
    assert list(noisy.rules) == ["fa", "bp"]
    for numbers in noisy.rules.values():
        assert list(numbers) == list(STUDIED)
        assert (np.diff(numbers["eps_g_infinity"]) > 0).all()
        assert (np.diff(numbers["plateau_length"]) < 0).all()
        assert (np.diff(numbers["escape_rate"]) > 0).all()
        np.testing.assert_allclose(numbers["plateau_predicted"], numbers["plateau_length"], rtol=0.2)
        np.testing.assert_allclose(numbers["saddle_eps_g"], numbers["plateau_height"], rtol=0.1)
    bp = noisy.rules["bp"]["eps_g_infinity"]
    assert bp[0] == pytest.approx(0.2**2 * 0.1 * 2 / np.sqrt(3) / (2 * np.pi), rel=0.2)  # Goldt et al., to O(eta)
    lines = str(noisy).splitlines()
    assert len(lines) == 7
    assert lines[0].split() == ["rule", "eta", *STUDIED]


def test_a_study_varies_one_quantity():
    """Two, or a sample, are refused."""
    for vary, more in (
        ({"eta": [0.1, 0.2], "sigma": [0.0, 0.1]}, {}),
        ({"eta": {"from": 0.1, "to": 0.2}}, {"number": 2}),
    ):
        with pytest.raises(InputError, match="vary must be one quantity with its values, but is eta"):
            study(Variations(COMMITTEE, vary, **more), COMMITTEE.alphas())


def test_error_at_infinity_without_a_specialised_point():
    """K = 1, M = 2: no perfect learning; the stable point that the trajectory ends on."""
    experiment = Experiment(K=1, M=2, eta_v=0.0, v=1.0, alpha_max=2000.0)
    theory = integrate(experiment.problem("bp"), experiment.alphas())
    assert error_at_infinity(theory) == pytest.approx(theory.eps_g[-1], rel=1e-6)


@pytest.mark.slow
def test_error_at_infinity_of_an_overparametrised_student():
    """K = 3, M = 2, both layers: it ends in a family of perfect students, or with noise where the ODEs do."""
    for sigma, least, most in ((0.0, 0.0, 1e-8), (0.2, 1e-4, 1e-2)):
        experiment = Experiment(K=3, M=2, alpha_max=3000.0, points=80, sigma=sigma)
        for rule in ("bp", "fa"):
            theory = integrate(experiment.problem(rule), experiment.alphas())
            assert least <= error_at_infinity(theory) <= most, (rule, sigma)


def test_figures_of_a_study(noisy):
    """One each; a line a rule, and the implied length dotted; eta is on the axis, not in the caption."""
    figures = theoryplot.study_figures(noisy)
    assert list(figures) == ["escape_rate_against_eta", "plateau_length_against_eta", "eps_g_infinity_against_eta"]
    (ax,) = figures["plateau_length_against_eta"].axes
    assert len(ax.lines) == 4
    np.testing.assert_allclose(ax.lines[0].get_ydata(), noisy.rules["fa"]["plateau_length"])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), noisy.rules["fa"]["plateau_predicted"])
    assert r"$\eta$" in ax.get_xlabel()
    title = figures["plateau_length_against_eta"].get_suptitle()
    assert r"$\eta$ =" not in title
    assert r"$\sigma$ = 0.2" in title


def test_figure_of_plateaus():
    """eps_g of both rules, the saddles' heights, the predicted ends; a row for each fixed point, what grows filled."""
    results = []
    for rule in ("fa", "bp"):
        theory = integrate(COMMITTEE.problem(rule), COMMITTEE.alphas())
        points = fixed_points(theory.problem, number_of_starts=20, rng=np.random.default_rng(1))
        results.append((theory, plateaus(theory), points))
        said = report(*results[-1])
        assert "perfect learning is stable up to eta = " in said
        assert f"{points[0].eps_g:.5g}" in said
    figure = theoryplot.plateaus_figure(results)
    errors, *spectra = figure.axes
    assert {"FA", "BP, its saddle", "FA, predicted end"} <= set(errors.get_legend_handles_labels()[1])
    for ax, (_, _, points) in zip(spectra, results, strict=True):
        assert len(ax.get_yticks()) == len(points)
        filled = [line for line in ax.lines if line.get_marker() in "so" and line.get_markerfacecolor() != "white"]
        assert sum(len(line.get_xdata()) for line in filled) == sum(point.unstable for point in points)


def test_spectra_show_every_eigenvalue():
    """Of linear units at a large rate, too; of many points twelve, the plateau's among them, and the title says so."""
    import matplotlib.pyplot as plt

    problem = Experiment(K=2, M=2, activation="linear", eta=2.0, eta_v=0.0, v=1.0).problem("bp")
    points = fixed_points(problem, number_of_starts=4, rng=np.random.default_rng(1))
    assert max(np.abs(point.eigenvalues.real).max() for point in points) > 2
    figure, ax = plt.subplots()
    theoryplot.spectra(ax, problem, points, [])
    for line in ax.lines:
        if len(line.get_xdata()) and line.get_marker() in "so":
            assert np.abs(line.get_xdata()).max() < ax.get_xlim()[1]
    plt.close(figure)
    figure, ax = plt.subplots()
    theoryplot.spectra(ax, problem, [replace(points[0], eigenvalues=1e5 * points[0].eigenvalues)], [])
    assert len(ax.get_xticks()) <= 9  # so that decades of them do not overlap
    plt.close(figure)
    theory = integrate(COMMITTEE.problem("bp"), COMMITTEE.alphas())
    found = plateaus(theory)
    many = [found[0].saddle] + 15 * fixed_points(theory.problem, [theory.at(-1)])
    figure, ax = plt.subplots()
    theoryplot.spectra(ax, theory.problem, many, found)
    assert ax.get_title() == "BP, 12 of 16 fixed points"
    assert f"{found[0].saddle.eps_g:.4f}" in [text.get_text() for text in ax.get_yticklabels()]
    plt.close(figure)


def test_report_without_perfect_learning():
    """Label noise: no critical eta, and it says why; no plateau is said, too."""
    theory = integrate(Experiment(K=2, M=2, sigma=0.1).problem("bp"), np.linspace(0, 1, 11))
    said = report(theory, plateaus(theory), [])
    assert "no plateau" in said
    assert "critical eta: not defined (sigma must be 0" in said


@pytest.fixture(scope="module")
def fluctuating():
    """Fluctuations to beyond where they are valid, one network and 50 reduced runs."""
    problem = Experiment(K=2, M=2, N=100).problem("fa")
    found = fluctuations(problem, np.concatenate([[0], np.geomspace(0.1, 300, 40)]), points=2**9)
    rng = np.random.default_rng(1)
    alphas = np.unique(np.rint(found.alphas * 100)) / 100
    found = fluctuations(problem, alphas, points=2**9)
    return found, simulate_network(problem, alphas, 1, rng=rng), simulate_reduced(problem, alphas, 50, rng=rng)


def test_figure_of_fluctuations(fluctuating):
    """The bands are one and two standard deviations, what is not valid is grey, z-scores are a density."""
    found, network, reduced = fluctuating
    assert not found.valid.all()
    figures = theoryplot.fluctuations_figures([found, found], [network, reduced])
    assert list(figures) == ["fa_fluctuations", "fa_fluctuations_2"]
    error, deviation, spread, scores = figures["fa_fluctuations"].axes
    last = np.unravel_index(np.abs(found.theory.R[-1]).argmax(), (2, 2))
    wide, narrow = (collection.get_paths()[0].vertices[:, 1] for collection in deviation.collections[:2])
    assert wide.max() == pytest.approx(2 * found.std.R[:, *last].max())
    assert narrow.max() == pytest.approx(found.std.R[:, *last].max())
    for ax in (error, deviation, spread):
        assert any(
            mpl.colors.to_hex(c.get_facecolor()[0]) == "#d9d9d9" for c in ax.collections if len(c.get_facecolor())
        )
    assert scores.get_legend_handles_labels()[1] == ["N(0, 1)", "1 network run", "50 reduced runs"]
    assert len(spread.lines) == 10  # five predicted, five measured


def test_figure_of_fluctuations_alone(fluctuating):
    """Without runs there are the bands."""
    figure = theoryplot.fluctuations_figures([fluctuating[0]], [])["fa_fluctuations"]
    assert len(figure.axes) == 4


def test_figure_of_escape_times():
    """Predicted median and band against N, and the law of the offsets; runs as markers and steps."""
    problem = Experiment(K=2, M=2, eta=1.5, eta_v=0.0, v=1.0, start="prepared").problem("bp")
    times = escape_times(problem, draws=40, rng=np.random.default_rng(1))
    seen = {100: times.at(100)[:20], 1000: times.at(1000)[:20]}
    figure = theoryplot.escape_figure([(problem, times, seen)])
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[0].get_ydata()[0], np.median(times.at(50)))
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["predicted", "N = 100", "N = 1 000"]
    for line in right.lines[1:]:
        np.testing.assert_allclose(line.get_xdata(), np.sort(times.offsets[:20]))
    assert "predicted: 5 %" in times.report("bp", seen)
