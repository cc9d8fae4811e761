"""The layout of the state vector: Python's against the kernels', and against the names of its entries."""

import numpy as np
import pytest
from conftest import random_overlaps

from stdyn.kernels import state
from stdyn.model.layout import Block, Layout

SHAPES = [(1, 1, None), (2, 3, None), (5, 4, None), (3, 2, 2), (2, 2, 1)]


@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_the_layout_is_that_of_the_kernels(K, M, O):
    """Packed and unpacked by either, bit for bit; each has its own code."""
    start = random_overlaps(K, M, O, seed=K)
    layout, v = start.layout, start.v.reshape(K, -1)
    y = layout.pack(start.order_parameters)
    np.testing.assert_array_equal(y, state.pack(np.array(start.R), np.array(start.Q), np.array(v)))
    assert layout.size == len(y)
    for ours, theirs in zip(layout.unpack(y).values(), state.unpack(y, K, M, v.shape[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs.reshape(ours.shape))


@pytest.mark.parametrize(("K", "M", "O"), SHAPES)
def test_names_say_where_entries_stand(K, M, O):
    """An order parameter that is its own name, 10 i + n: the entry called R_in has this value, and so on."""
    layout = Layout.of(K, M, () if O is None else (O,))
    i, j = np.indices((6, 6)) + 1
    table = 10 * np.minimum(i, j) + np.maximum(i, j)  # symmetric, as Q is
    values = {"R": (10 * i + j)[:K, :M], "Q": table[:K, :K], "v": (10 * i + j)[:K, :O] if O else i[:K, 0]}
    if O == 1:
        values["v"] = i[:K, :1]
    for name, value in zip(layout.names, layout.pack(values), strict=True):
        assert float(name.partition("_")[2]) == value, name


def test_leading_axes_are_carried_along():
    """Many states at once, of runs and alphas."""
    start = random_overlaps(3, 2, 2)
    many = {name: np.stack([[values, 2 * values]] * 3) for name, values in start.order_parameters.items()}
    y = start.layout.pack(many)
    assert y.shape == (3, 2, start.layout.size)
    for name, values in start.layout.unpack(y).items():
        np.testing.assert_array_equal(values, many[name])


def test_axes_of_files():
    """What counts the same again is called …_2; the axis of a single output may be left out."""
    blocks = {block.name: block for block in Layout.of(2, 3, ()).blocks}
    assert [blocks[name].axes for name in "RQv"] == [("student", "teacher"), ("student", "student_2"), ("student",)]
    assert [blocks[name].shape for name in "RQv"] == [(2, 3), (2, 2), (2,)]
    assert Layout.of(2, 3, (4,)).blocks[2].axes == ("student", "output")


def test_a_block_may_have_leading_axes():
    """Overlaps by group, symmetric in the last two axes: all groups one after the other."""
    block = Block("Q_group", ("group", "student", "student"), (4, 2, 2), "eta", "of each group", symmetric=True)
    values = np.arange(4)[:, None, None] + np.array([[10.0, 20.0], [20.0, 30.0]])
    np.testing.assert_array_equal(block.take(values), (np.arange(4)[:, None] + [10, 20, 30]).ravel())
    np.testing.assert_array_equal(block.fill(block.take(values)), values)
    assert block.axes == ("group", "student", "student_2")
