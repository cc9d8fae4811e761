"""Angles are angles, exact at 0 and 180 degrees, and those of updates are those of the matrices."""

import numpy as np
import pytest
from layered_networks import a_feedback, network_and_batch

from stdyn.layered import network as layers
from stdyn.layered.angles import angle, output_angles, update_angles, weight_angles


def test_angles_are_exact_where_the_arc_cosine_is_not():
    """0, 90 and 180 degrees, and 1e-9 radian."""
    a = np.random.default_rng(0).standard_normal((5, 4))
    assert angle(a, a) == 0
    assert angle(a, 7 * a) < 1e-14
    assert angle(a, -a) == 180
    assert angle(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == pytest.approx(90, abs=1e-13)
    assert angle(np.array([1.0, 0.0]), np.array([1.0, 1e-9])) == pytest.approx(np.degrees(1e-9), rel=1e-9)
    assert np.isnan(angle(a, 0 * a))


def test_weights_and_feedback_have_the_angles_that_were_made():
    """0 with B = W^T, 180 with its opposite, 90 with what is orthogonal; a rotation by 30 degrees is 30 degrees."""
    network, *_ = network_and_batch((7, 6, 5, 4))
    away = [
        B - np.sum(B * W.T) / np.sum(W**2) * W.T for B, W in zip(a_feedback(network, "fa"), network.W[1:], strict=True)
    ]
    turned = [np.cos(np.pi / 6) * W.T / np.linalg.norm(W) + np.sin(np.pi / 6) * B / np.linalg.norm(B)
              for B, W in zip(away, network.W[1:], strict=True)]  # fmt: skip
    for feedback, degrees in (
        ([W.T for W in network.W[1:]], 0),
        ([-W.T for W in network.W[1:]], 180),
        (away, 90),
        (turned, 30),
    ):
        np.testing.assert_allclose(weight_angles(network.W, "fa", feedback), degrees, atol=1e-12)
    assert not weight_angles(network.W, "bp", None).any()


def test_the_way_back_of_direct_feedback_is_the_product_of_the_weights():
    """With B^l = W^{l+1}^T … W^L^T all angles are 0, for every output too; a column turned around is at 180."""
    network, *_ = network_and_batch((7, 6, 5, 3, 4))
    _, W2, W3, W4 = network.W
    feedback = [(W4 @ W3 @ W2).T, (W4 @ W3).T, W4.T.copy()]
    np.testing.assert_allclose(weight_angles(network.W, "dfa", feedback), 0, atol=1e-6)
    feedback[-1][:, 2] *= -1
    np.testing.assert_allclose(output_angles(network.W, "dfa", feedback), [0, 0, 180, 0], atol=1e-12)


@pytest.mark.parametrize("rule", ["fa", "dfa"])
def test_angles_of_updates_are_those_of_the_matrices(rule):
    """Against the changes of W written out, and the deltas of each example; the last layer's are 0 exactly."""
    network, x, labels = network_and_batch((7, 6, 5, 4), P=12)
    h = layers.forward(network.W, network.b, x)
    error, _ = layers.output_error(h[-1], labels)
    delta = layers.backward(h, error, *layers.way_back(network.W, rule, a_feedback(network, rule)))
    delta_bp = layers.backward(h, error, network.W[1:])
    updates, deltas = update_angles(h, delta, delta_bp)
    for l in range(3):
        one, other = delta[l].T @ h[l], delta_bp[l].T @ h[l]
        cosine = np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
        assert updates[l] == pytest.approx(np.degrees(np.arccos(min(1, cosine))), abs=1e-6)
        cosines = np.sum(delta[l] * delta_bp[l], axis=1)
        cosines /= np.linalg.norm(delta[l], axis=1) * np.linalg.norm(delta_bp[l], axis=1)
        assert deltas[l] == pytest.approx(np.degrees(np.arccos(np.minimum(1, cosines))).mean(), abs=1e-6)
    assert (updates[-1], deltas[-1]) == (0, 0)
    assert updates[0] > 10
