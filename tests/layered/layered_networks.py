"""Shared by the tests of this wing: networks, batches, feedback, and the loss written out."""

import numpy as np

from stdyn.layered import Network, random_feedback, random_network

RULES = ("bp", "fa", "dfa")


def network_and_batch(widths, dtype=np.float64, P=9, seed=0):
    """A network with biases, and a batch of inputs and labels."""
    rng = np.random.default_rng(seed)
    network = random_network(widths, rng, scale=1.5, dtype=dtype)
    network = Network(network.W, tuple(0.3 * rng.standard_normal(bias.shape).astype(dtype) for bias in network.b))
    return network, rng.standard_normal((P, widths[0])).astype(dtype), rng.integers(0, widths[-1], P)


def loss(network, x, labels):
    """The mean cross-entropy, example by example, without any function of the package."""
    total = 0.0
    for h, right in zip(x, labels, strict=True):
        for l, (W, bias) in enumerate(zip(network.W, network.b, strict=True)):
            h = W @ h + bias
            h = np.tanh(h) if l < len(network.W) - 1 else h
        total += np.log(np.exp(h).sum()) - h[right]
    return total / len(x)


def a_feedback(network, rule, seed=5):
    return random_feedback(network.widths, rule, np.random.default_rng(seed))
