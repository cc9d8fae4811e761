"""How trainings show themselves, finished or not, and their table."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from shown import check, check_html

from stdyn import Histories, History, Training, mnist, open_training, train
from stdyn.layered.history import ALIGNMENTS, RECORDS
from stdyn.layered.trainingfile import create

SMALL = Training(rule=("fa", "bp"), widths=(6, 5), epochs=3, lr=0.1, batch=20, seeds=(1, 2))


@pytest.fixture(scope="module")
def trained(image_folder, tmp_path_factory):
    return train(SMALL, tmp_path_factory.mktemp("shown") / "four.h5", image_folder)


def test_trainings_in_one_line_and_in_a_notebook(trained):
    """How many networks and epochs; the table of errors, and the test error of each rule as a curve."""
    found = check(trained, "four.h5: 4 networks 36-6-5-4 by fa, bp, 12 of 12 epochs")
    assert found.tags.count("polyline") == 2
    lines = trained.text().splitlines()
    assert str(trained) == "<stdyn.Histories>\n" + trained.text()
    for line in lines[-3:-1]:  # the rows of the rules
        assert line.split()[0] in [words.strip() for words in found.words]
    assert lines[-1] in found.words


def test_a_history_in_one_line_and_in_a_notebook(trained):
    """Rule, layers, epochs and how many images are wrong; errors as curves, and where it diverged."""
    history = trained.histories[0]
    wrong = f"{100 * history.test_error[-1]:.2f} % of the test images wrong"
    found = check(history, f"fa, 36-6-5-4, seed 1: 3 epochs, {wrong}")
    assert found.tags.count("polyline") == 2
    diverged = replace(history, diverged=(4, 2), seed=None)
    assert "at epoch 4, batch 2" in check(diverged, "fa, 36-6-5-4: 3 epochs, ", "diverged at epoch 4").words


def test_trainings_that_have_not_begun_or_are_lost_show_themselves(trained, image_folder, tmp_path):
    """And what is half made."""
    path = tmp_path / "<b>new</b>".replace("/", "_")
    create(path, SMALL.runs, SMALL, mnist.load(image_folder))
    begun = open_training(path)
    assert check(begun, "<b>new<_b>: 4 networks 36-6-5-4 by fa, bp, 0 of 12 epochs").tags.count("polyline") == 0
    table = begun.to_dataframe()
    assert (len(table), list(table)) == (0, list(trained.to_dataframe()))
    lost = open_training(path)
    path.unlink()
    assert check(lost, "0 of 12 epochs").words == [repr(lost)]
    for cls in (Histories, History):
        assert repr(cls.__new__(cls)) == f"<{cls.__name__} that cannot be shown>"
        check_html(cls.__new__(cls)._repr_html_())


def test_trainings_as_a_table(trained):
    """Every record in a row of its network, epoch or alpha, and layer or output; there is no other row."""
    table = trained.to_dataframe()
    assert list(table) == ["run", "rule", "seed", "epoch", "alpha", "quantity", "i", "value"]
    names = (*RECORDS, *ALIGNMENTS)
    assert len(table) == sum(getattr(each, name).size for each in trained.histories for name in names)
    first = {"hidden": 1, "layer": 1, "output": 0}
    for row in table.itertuples():
        history = trained.histories[row.run]
        assert (row.rule, row.seed) == (history.rule, history.seed)
        axes = (RECORDS | ALIGNMENTS)[row.quantity][0]
        at_epoch = row.quantity in RECORDS
        assert (row.epoch is pandas.NA, np.isnan(row.alpha)) == (not at_epoch, at_epoch)
        position = row.epoch if at_epoch else int(np.flatnonzero(history.alphas == row.alpha)[0])
        assert (row.i is pandas.NA) == (not axes)
        where = (position, row.i - first[axes[0]]) if axes else (position,)
        np.testing.assert_equal(row.value, getattr(history, row.quantity)[where])
    shared = trained.to_xarray()["test_error"]
    mine = table[(table["quantity"] == "test_error")].pivot(index="run", columns="epoch", values="value")
    np.testing.assert_array_equal(mine.to_numpy(), shared.to_numpy())
