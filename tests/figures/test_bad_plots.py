"""Bad arguments of `plot`: an InputError of one line that names the argument, and no figure is left."""

import re
from itertools import groupby

import pytest
from bad_plots import MAKE, PLOTS, WITH_WHAT
from matplotlib import pyplot

import stdyn

OF_ONE = [list(rows) for _, rows in groupby(PLOTS, lambda row: (id(row[0]), row[1]))]


@pytest.mark.parametrize("rows", OF_ONE, ids=[f"{n}-{rows[0][1]}" for n, rows in enumerate(OF_ONE)])
def test_bad_arguments_of_plot_are_refused(rows):
    """Whatever they are, before a figure is made."""
    for call, argument, value, words in rows:
        with pytest.raises(stdyn.InputError) as error:
            call(**{argument: value})
        text = str(error.value)
        assert words in text
        assert len(text) < 500
        assert text.isprintable()
        assert re.search(rf"\b{argument}\b", text)
        assert not pyplot.get_fignums()


@pytest.mark.parametrize("kind", MAKE)
def test_what_is_refused_is_otherwise_drawn(kind):
    """The same calls without the bad argument."""
    drawn = MAKE[kind]()
    ax = drawn.plot()
    assert ax.has_data()
    assert kind not in WITH_WHAT or ax.get_xlabel()
    pyplot.close("all")
