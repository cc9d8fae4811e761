"""The figures of trainings: which are drawn, what is in them, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from stdyn import InputError, Training, integrate, layerplot, train
from stdyn.layered.history import ALIGNMENTS, RECORDS
from stdyn.model.experiment import Experiment


@pytest.fixture(scope="module")
def histories(image_folder, tmp_path_factory):
    """Two networks of each rule, two hidden layers, five epochs."""
    training = Training(rule=("fa", "bp", "dfa"), widths=(9, 5), epochs=5, lr=0.1, seeds=(1, 2))
    return train(training, tmp_path_factory.mktemp("t") / "t.h5", image_folder).histories


def lines(ax):
    """The lines that have a label."""
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def of(histories, rule, name):
    return np.array([getattr(each, name) for each in histories if each.rule == rule])


def test_figures_that_are_drawn(histories, image_folder):
    """Errors always; angles and a figure of the outputs for each rule that has feedback."""
    assert list(layerplot.figures(histories)) == ["errors", "angles", "fa_outputs", "dfa_outputs"]
    assert list(layerplot.figures([each for each in histories if each.rule == "bp"])) == ["errors"]


def test_errors_are_means_with_their_range(histories):
    """In per cent, training and test of each rule; the gap is their difference, the loss in nats."""
    left, middle, right = layerplot.figures(histories)["errors"].axes
    drawn = lines(left)
    assert list(drawn) == [f"{rule}, {part}" for rule in ("FA", "BP", "DFA") for part in ("test", "training")]
    test, train_ = of(histories, "fa", "test_error"), of(histories, "fa", "train_error")
    np.testing.assert_allclose(drawn["FA, test"].get_ydata(), 100 * test.mean(axis=0))
    np.testing.assert_allclose(lines(middle)["FA"].get_ydata(), 100 * (test - train_).mean(axis=0))
    np.testing.assert_allclose(lines(right)["FA, test"].get_ydata(), of(histories, "fa", "test_loss").mean(axis=0))
    band = left.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(100 * test.max())
    assert left.get_yscale() == right.get_yscale() == "log"


def test_angles_are_those_of_the_layers(histories):
    """One curve for each hidden layer of FA and DFA; the updates begin with epoch 1."""
    left, right = layerplot.figures(histories)["angles"].axes
    assert list(lines(left)) == [f"{rule}, hidden layer {l}" for rule in ("FA", "DFA") for l in (1, 2)]
    drawn = lines(right)["DFA, hidden layer 2"].get_ydata()
    np.testing.assert_allclose(drawn[1:], of(histories, "dfa", "update_angle")[:, 1:, 1].mean(axis=0))
    assert np.isnan(drawn[0])


def test_outputs_are_drawn_each(histories):
    """Four outputs of two networks against alpha, their mean, and the angles at the end."""
    left, right = layerplot.figures(histories)["fa_outputs"].axes
    assert len(left.get_lines()) == 4 * 2 + 2  # mean and zero
    np.testing.assert_allclose(
        lines(left)["mean"].get_ydata(), of(histories, "fa", "output_alignment").mean(axis=(0, 2))
    )
    np.testing.assert_allclose(
        lines(right)["their mean"].get_ydata(), of(histories, "fa", "output_angle")[:, -1].mean(axis=0)
    )


def shortened(history, epochs, **changes):
    """What the history of fewer epochs would be."""
    cut = {name: getattr(history, name)[: epochs + 1] for name in ("epochs", *RECORDS)}
    there = history.alphas <= epochs * 300 / 36
    cut |= {name: getattr(history, name)[there] for name in ("alphas", *ALIGNMENTS)}
    return replace(history, **cut, **changes)


def test_networks_that_got_to_different_epochs(histories):
    """Mean and band are over those that got so far, final angles of those that got furthest; the short one first."""
    some = [shortened(histories[0], 2), histories[1]]
    figures = layerplot.figures(some)
    left, right = figures["fa_outputs"].axes
    assert len(lines(left)["mean"].get_xdata()) == len(histories[1].alphas)
    np.testing.assert_allclose(lines(right)["networks"].get_ydata(), histories[1].output_angle[-1])
    drawn = lines(figures["errors"].axes[0])["FA, test"]
    band = figures["errors"].axes[0].collections[0]
    assert band.get_paths()[0].vertices[:, 0].max() == 5
    expected = 100 * histories[1].test_error
    expected[:3] = 50 * (histories[0].test_error[:3] + histories[1].test_error[:3])
    np.testing.assert_allclose(drawn.get_ydata(), expected)
    assert list(drawn.get_xdata()) == [0, 1, 2, 3, 4, 5]


def test_networks_that_diverged_are_left_out(histories):
    """Unless all of a rule did; the caption counts those that are drawn."""
    fa = [each for each in histories if each.rule == "fa"]
    diverged = shortened(fa[0], 0, diverged=(1, 3))
    figure = layerplot.errors_figure([diverged, fa[1]])
    np.testing.assert_allclose(lines(figure.axes[0])["FA, test"].get_ydata(), 100 * fa[1].test_error)
    assert "mean and range" not in figure.get_suptitle()
    assert list(lines(layerplot.errors_figure([diverged]).axes[0])["FA, test"].get_xdata()) == [0]
    assert layerplot.figures([diverged])["fa_outputs"].axes[0].get_xscale() == "linear"  # nothing but alpha = 0


def test_one_page_for_student_teacher_and_layers(histories):
    """The cosine of v and b of the ODEs on the left, that of W and B on the right, both against alpha."""
    experiment = Experiment(K=2, M=2, N=50, alpha_max=20, points=11)
    theory = [integrate(experiment.problem(rule), experiment.alphas()) for rule in ("fa", "bp")]
    left, right = layerplot.alignment_page(theory, histories).axes
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), theory[0].alignment)
    assert left.texts[0].get_text() == "line: ODE"
    drawn = lines(right)["FA, hidden layer 1"]
    late = slice(1, None)  # 0 is not on a logarithmic axis, and that of the ODEs begins before them
    np.testing.assert_allclose(drawn.get_ydata(), of(histories, "fa", "alignment")[:, late, 0].mean(axis=0))
    np.testing.assert_allclose(drawn.get_xdata(), histories[0].alphas[late])
    assert left.get_xscale() == right.get_xscale() == "log"
    with pytest.raises(InputError, match="must each have one of feedback alignment"):
        layerplot.alignment_page(theory[1:], histories)


def test_what_cannot_be_drawn_is_refused(histories, image_folder, tmp_path):
    """Nothing, and networks of different widths."""
    with pytest.raises(InputError, match="histories must be at least one"):
        layerplot.figures([])
    other = train(Training(rule="bp", widths=3, epochs=1, seeds=1), tmp_path / "t.h5", image_folder).histories
    with pytest.raises(InputError, match="histories must be of networks of the same widths"):
        layerplot.figures(histories + other)
