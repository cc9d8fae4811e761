"""Layered networks: BP is the gradient, FA and DFA are not, random networks have their law, and bad ones are named."""

import numpy as np
import pytest
from layered_networks import a_feedback, loss, network_and_batch

from stdyn import InputError, mnist
from stdyn.layered import Network, random_feedback, random_network
from stdyn.layered import network as layers

WIDTHS = [(7, 4), (7, 5, 4), (7, 6, 5, 4), (7, 5, 6, 3, 4)]


@pytest.fixture(scope="module")
def images(image_folder):
    return mnist.load(image_folder)


def gradients(network, x, labels, rule="bp", feedback=None):
    """The directions along which a step of training lowers W and b, for a learning rate of 1."""
    h = layers.forward(network.W, network.b, x)
    error, _ = layers.output_error(h[-1], labels)
    delta = layers.backward(h, error, *layers.way_back(network.W, rule, feedback))
    W, biases = [each.copy(order="F") for each in network.W], [each.copy() for each in network.b]
    layers.add_step(W, biases, h, delta, 1 / len(x))
    return [[old - new for old, new in zip(*both, strict=True)] for both in ((network.W, W), (network.b, biases))]


def moved(network, kind, l, entry, by):
    """The network with one weight or bias changed."""
    arrays = {"W": [W.copy() for W in network.W], "b": [b.copy() for b in network.b]}
    arrays[kind][l][entry] += by
    return Network(tuple(arrays["W"]), tuple(arrays["b"]))


@pytest.mark.parametrize("widths", WIDTHS)
def test_backpropagation_is_the_gradient(widths):
    """Every weight and every bias of every layer, against central differences of the loss in double precision."""
    network, x, labels = network_and_batch(widths)
    step = 1e-6
    for kind, gradient in zip("Wb", gradients(network, x, labels), strict=True):
        for l, there in enumerate(gradient):
            for entry in np.ndindex(there.shape):
                up, down = (loss(moved(network, kind, l, entry, by), x, labels) for by in (step, -step))
                assert there[entry] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_feedback_alignment_is_not_the_gradient_below_the_last_layer(rule):
    """The control: with random feedback the last layer still gets the gradient, no other one does."""
    network, x, labels = network_and_batch((7, 6, 5, 4))
    true, _ = gradients(network, x, labels)
    given, _ = gradients(network, x, labels, rule, a_feedback(network, rule))
    assert np.array_equal(given[-1], true[-1])
    assert all(np.abs(one - other).max() > 0.01 for one, other in zip(given[:-1], true[:-1], strict=True))


@pytest.mark.parametrize("batch", [1, 10, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_feedback_alignment_with_the_transposed_weights_is_backpropagation(images, dtype, batch):
    """Bit for bit over 60 steps, B set to the W of each of them; in the memory order in which training puts B."""
    network = random_network((36, 25, 12, 4), np.random.default_rng(0), dtype=dtype)
    ends = []
    for rule in ("bp", "fa"):
        W, biases = [each.copy(order="F") for each in network.W], [each.copy() for each in network.b]
        rng = np.random.default_rng(1)
        for _ in range(60):
            some = rng.integers(0, 300, batch)
            h = layers.forward(W, biases, layers.inputs(images.train_images[some], dtype))
            error, _ = layers.output_error(h[-1], images.train_labels[some])
            B = None if rule == "bp" else [np.ascontiguousarray(each.T, dtype) for each in W[1:]]
            layers.add_step(W, biases, h, layers.backward(h, error, *layers.way_back(W, rule, B)), 0.1 / batch)
        ends.append([*W, *biases])
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))
    assert all(np.abs(one - start).max() > 0 for one, start in zip(ends[0], network.W, strict=False))


def test_random_networks_have_the_law_they_say():
    """Variance scale^2 / n_l and 0.25 for the feedback, of 30,000 and more entries: 5 standard errors (1e-6 each)."""
    rng = np.random.default_rng(0)
    widths = (300, 200, 150, 200)
    network = random_network(widths, rng, scale=2.0)
    entries = [W * np.sqrt(n) / 2 for W, n in zip(network.W, widths, strict=False)]
    entries += [B / 0.5 for B in random_feedback(widths, "fa", rng, scale=0.5)]
    for values in entries:
        assert abs(np.mean(values**2) - 1) < 5 * np.sqrt(2 / values.size)
        assert abs(np.mean(values)) < 5 / np.sqrt(values.size)
    assert all(W.dtype == np.float32 for W in network.W)
    assert not any(bias.any() for bias in network.b)


@pytest.mark.parametrize(
    ("W", "biases", "message"),
    [
        ([np.ones((3, 2))], [np.ones(2)], r"W\[0\] and b\[0\] must have shapes"),
        ([np.ones((3, 2)), np.ones((2, 4))], [np.ones(3), np.ones(2)], r"W\[1\] and b\[1\] must have shapes"),
        ([np.ones((3, 2), int)], [np.ones(3)], "must all be float32 or all float64"),
        ([np.ones((3, 2), np.float32)], [np.ones(3)], "must all be float32 or all float64"),
        ([], [], "at least one"),
    ],
)
def test_bad_networks_are_named(W, biases, message):
    """Shapes and types."""
    with pytest.raises(InputError, match=message):
        Network(tuple(W), tuple(biases))


def test_a_network_of_something_else_is_refused():
    """Not a list, and a type that is none of the two."""
    with pytest.raises(InputError, match="W must be a list or tuple of arrays, but is 5"):
        Network(5, 5)
    with pytest.raises(InputError, match="dtype must be float32 or float64, but is 'foo'"):
        random_network((5, 4), np.random.default_rng(0), dtype="foo")


@pytest.mark.parametrize("widths", [(5,), (5, 0), (5, 2.5), (5, "a"), 5, None])
def test_bad_widths_are_named(widths):
    """At least inputs and outputs, each an integer from 1 on."""
    with pytest.raises(InputError, match="widths must be"):
        random_network(widths, np.random.default_rng(0))
    with pytest.raises(InputError, match="widths must be"):
        random_feedback(widths, "fa", np.random.default_rng(0))
