"""The training of a layered network: theory.md, section 8, written out; errors, alphas, divergence, interruption."""

import os

import numpy as np
import pytest
from layered_networks import RULES, a_feedback, loss

from stdyn import DivergenceWarning, InputError, TrainingInterrupted, mnist
from stdyn.layered import Network, epochs, random_network, train
from stdyn.layered import network as layers
from stdyn.layered.history import recorded_alphas, recorded_steps


@pytest.fixture(scope="module")
def images(image_folder):
    return mnist.load(image_folder)


def train_plainly(network, images, rule, feedback, order, lr, batch):
    """One pass over the images as theory.md writes it, example by example, in double precision."""
    W, biases = [np.array(each) for each in network.W], [np.array(each) for each in network.b]
    L = len(W)
    for at in range(0, len(order), batch):
        some = order[at : at + batch]
        dW, dbiases = [np.zeros_like(each) for each in W], [np.zeros_like(each) for each in biases]
        for mu in some:
            h = [images.train_images[mu] / 255]
            for l in range(L):
                a = W[l] @ h[-1] + biases[l]
                h.append(np.tanh(a) if l < L - 1 else np.exp(a) / np.exp(a).sum())
            error = h[-1] - (np.arange(len(biases[-1])) == images.train_labels[mu])
            delta = error
            for l in reversed(range(L)):
                dW[l] -= lr / len(some) * np.outer(delta, h[l])
                dbiases[l] -= lr / len(some) * delta
                if l > 0:
                    back = {"bp": W[l].T, "fa": feedback and feedback[l - 1], "dfa": feedback and feedback[l - 1]}[rule]
                    delta = (back @ (error if rule == "dfa" else delta)) * (1 - h[l] ** 2)
        W = [x + d for x, d in zip(W, dW, strict=True)]
        biases = [x + d for x, d in zip(biases, dbiases, strict=True)]
    return W, biases


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("rule", RULES)
def test_training_is_the_theory_written_out(images, rule, batch):
    """Two epochs in double precision against loops over examples and layers: all weights to 1e-11; 300 = 42 * 7 + 6."""
    network = random_network((36, 8, 6, 4), np.random.default_rng(1), dtype=np.float64)
    feedback = a_feedback(network, rule)
    found = train(network, images, rule, feedback, epochs=2, lr=0.05, batch=batch, rng=np.random.default_rng(2))
    plain = network
    for rng in np.random.default_rng(2).spawn(2):
        plain = Network(*map(tuple, train_plainly(plain, images, rule, feedback, rng.permutation(300), 0.05, batch)))
    for there, here in zip((*found.network.W, *found.network.b), (*plain.W, *plain.b), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-11)
    assert np.abs(found.network.W[0] - network.W[0]).max() > 0.01  # it has moved


def test_with_one_hidden_layer_fa_is_dfa(images):
    """Bit for bit: weights and everything that is recorded; with two hidden layers they differ."""
    for widths, same in (((36, 9, 4), True), ((36, 9, 8, 4), False)):
        network = random_network(widths, np.random.default_rng(0))
        fa, dfa = (
            train(network, images, rule, a_feedback(network, rule), epochs=3, lr=0.1, rng=np.random.default_rng(1))
            for rule in ("fa", "dfa")
        )
        pairs = [(getattr(fa, name), getattr(dfa, name)) for name in ("test_loss", "weight_angle", "update_angle")]
        pairs += zip(fa.network.W, dfa.network.W, strict=True)
        assert all(np.array_equal(one, other, equal_nan=True) for one, other in pairs) == same


def test_a_network_is_not_changed_by_its_training(images):
    """Several rules can start from the same one; its arrays cannot be written to."""
    network = random_network((36, 9, 4), np.random.default_rng(0))
    before = [W.copy() for W in network.W]
    first = [
        train(network, images, rule, a_feedback(network, rule), epochs=1, lr=0.1, rng=np.random.default_rng(1))
        for rule in RULES
    ]
    assert all(np.array_equal(one, other) for one, other in zip(before, network.W, strict=True))
    assert len({each.train_loss[0] for each in first}) == 1
    with pytest.raises(ValueError, match="read-only"):
        network.W[0][0, 0] = 1


def test_updates_of_backpropagation_are_at_no_angle_and_random_feedback_at_a_right_one(images):
    """Before learning a random direction of 2000 units is within 90 +- 10 degrees of the gradient's (5 s.d. are 6)."""
    network = random_network((36, 2000, 4), np.random.default_rng(0))
    assert not train(network, images, epochs=1, lr=0.01, rng=np.random.default_rng(1)).update_angle[1].any()
    fa = train(
        network, images, "fa", a_feedback(network, "fa"), epochs=1, lr=0.0, rng=np.random.default_rng(1), measured=5
    )
    assert abs(fa.delta_angle[1, 0] - 90) < 10
    assert abs(fa.weight_angle[0, 0] - 90) < 10
    assert np.isnan(fa.update_angle[0]).all()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns_and_feedback_aligns(images, rule):
    """Errors fall from that of guessing (3/4) to a few per cent; the angle to the feedback falls below 75 degrees."""
    network = random_network((36, 20, 10, 4), np.random.default_rng(0))
    found = train(
        network, images, rule, a_feedback(network, rule), epochs=20, lr=0.05, batch=5, rng=np.random.default_rng(1)
    )
    assert found.train_error[0] > 0.5
    assert found.train_error[-1] < 0.1
    assert found.train_loss[-1] < 0.3 < found.train_loss[0]
    assert found.test_error[-1] < 0.2
    if rule != "bp":
        assert (found.weight_angle[0] > 75).all()
        assert (found.weight_angle[-1] < 75).all()
        np.testing.assert_allclose(found.alignment[0], np.cos(np.radians(found.weight_angle[0])))


def test_errors_are_those_of_the_network(images):
    """The recorded ones against the outputs of the final network, image by image."""
    network = random_network((36, 9, 4), np.random.default_rng(0), dtype=np.float64)
    found = train(network, images, epochs=2, lr=0.1, rng=np.random.default_rng(1))
    for part in ("train", "test"):
        pixels, labels = getattr(images, f"{part}_images"), getattr(images, f"{part}_labels")
        W, biases = found.network.W, found.network.b
        outputs = np.tanh(pixels / 255 @ W[0].T + biases[0]) @ W[1].T + biases[1]
        assert getattr(found, f"{part}_error")[-1] == np.mean(outputs.argmax(axis=1) != labels)
        assert getattr(found, f"{part}_loss")[-1] == pytest.approx(loss(found.network, pixels / 255, labels), rel=1e-10)


def test_alphas_at_which_the_alignment_is_recorded(images):
    """Twelve a decade; those of fewer epochs are the first of those of more; a last, smaller batch is counted right."""
    steps = recorded_steps(1000)
    assert steps[0] == 0
    assert steps[-1] == 1000
    assert np.array_equal(recorded_steps(200), steps[steps <= 200])
    assert len(recorded_steps(10**6)) - len(recorded_steps(10**5)) == 12
    assert recorded_alphas(P=25, n=5, batch=10, epochs=2).tolist() == [0, 2, 4, 5, 7, 9, 10]
    network = random_network((36, 9, 4), np.random.default_rng(0))
    long, short = (
        train(network, images, "fa", a_feedback(network, "fa"), epochs=n, lr=0.1, batch=7, rng=np.random.default_rng(1))
        for n in (4, 2)
    )
    there = len(short.alphas)
    assert np.array_equal(long.alphas[:there], short.alphas)
    assert np.array_equal(long.alignment[:there], short.alignment)
    assert long.alphas[there] > 2 * 300 / 36
    assert np.isfinite(long.alignment).all()


def test_divergence_is_reported_and_keeps_the_history(images):
    """lr = 1e4, and 1e30, which overflows single precision: the start is left, and the network as it was."""
    network = random_network((36, 20, 4), np.random.default_rng(0))
    for lr in (1e4, 1e30):
        with pytest.warns(DivergenceWarning, match=r"bp diverged at epoch 1, batch \d+ .*lr = 1\S+ is too large"):
            found = train(network, images, epochs=3, lr=lr, rng=np.random.default_rng(1))
        assert found.diverged[0] == 1
        assert 1 < found.diverged[1] <= 30
        assert found.epochs.tolist() == [0]
        assert found.train_error.shape == (1,)
        assert np.array_equal(found.network.W[0], network.W[0])


def test_divergence_in_a_later_epoch(images, monkeypatch):
    """The epochs before are kept, with the network after them."""
    network = random_network((36, 20, 4), np.random.default_rng(0))
    whole = train(network, images, epochs=2, lr=0.1, rng=np.random.default_rng(1))
    seen = []

    def output_error(a, labels):
        seen.append(len(a))
        error, loss = layers.output_error(a, labels)
        return error, loss if sum(n == 10 for n in seen) < 64 else loss * np.nan

    monkeypatch.setattr(epochs, "output_error", output_error)
    with pytest.warns(DivergenceWarning, match="epoch 3, batch 4 "):
        found = train(network, images, epochs=5, lr=0.1, rng=np.random.default_rng(1))
    assert found.diverged == (3, 4)
    assert found.epochs.tolist() == [0, 1, 2]
    assert np.array_equal(found.train_loss, whole.train_loss)
    assert np.array_equal(found.network.W[1], whole.network.W[1])
    assert found.alphas[-1] <= 2 * 300 / 36


def test_an_interrupted_training_hands_over_its_history(images, monkeypatch):
    """Ctrl-C in the third epoch, and after it but before its records: two are there, with the network after them."""
    network = random_network((36, 9, 4), np.random.default_rng(0))
    whole = train(network, images, epochs=2, lr=0.1, rng=np.random.default_rng(1))
    original = epochs.train_epoch

    def train_epoch(*arguments):
        if arguments[2] == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    def put_records(values, epoch, records):
        if epoch == 3:
            raise KeyboardInterrupt

    def check(caught):
        history = caught.value.history
        assert np.array_equal(history.test_loss, whole.test_loss)
        assert np.array_equal(history.network.W[0], whole.network.W[0])
        assert history.epochs.tolist() == [0, 1, 2]

    put = epochs.put_records
    for name, function in (
        ("train_epoch", train_epoch),
        ("put_records", lambda *arguments: put_records(*arguments) or put(*arguments)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(epochs, name, function)
            with pytest.raises(TrainingInterrupted, match="interrupted after 2 epochs") as caught:
                train(network, images, epochs=4, lr=0.1, rng=np.random.default_rng(1))
            check(caught)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "epochs must be at least 0, but is -1"),
        ({"epochs": 1.5}, "epochs must be an integer, but is 1.5"),
        ({"batch": 0}, "batch must be at least 1, but is 0"),
        ({"lr": np.nan}, "lr must be finite"),
        ({"lr": -1.0}, "lr must be finite and at least 0, but is -1"),
        ({"measured": 0}, "measured must be at least 1"),
        ({"threads": 3}, "threads must be at most 2, but is 3"),
        ({"rng": np.random.Generator(np.random.RandomState(1)._bit_generator)}, "rng must be made from a seed"),
        ({"rule": np.array(["fa", "bp"])}, "rule must be one of bp, fa, dfa, but is array"),
        ({"rule": "fa", "feedback": 5}, "feedback must be a list or tuple of matrices, but is 5"),
        ({"rule": "fa", "feedback": [[[1.0, 2.0], [3.0]]]}, r"feedback\[0\] must be an array of numbers"),
        ({"rule": "fa", "feedback": [np.full((9, 4), 1e300)]}, "feedback must be finite as float32"),
        ({"network": Network((np.full((4, 36), np.nan),), (np.zeros(4),))}, "network must have finite weights"),
        ({"rng": -3}, "rng must be an int of at least 0 or a numpy.random.Generator"),
        ({"rule": "rtrl"}, "rule must be one of bp, fa, dfa, but is 'rtrl'"),
        ({"rule": "fa"}, 'feedback is needed with rule = "fa"'),
        ({"feedback": [np.ones((9, 4))]}, 'feedback is refused .* with rule = "bp"'),
        ({"rule": "fa", "feedback": [np.ones((4, 9))]}, r"feedback must have shapes \[\(9, 4\)\] .*\[\(4, 9\)\]"),
        ({"rule": "fa", "feedback": [np.full((9, 4), np.inf)]}, r"feedback\[0\] must be finite"),
        ({"network": "net"}, "network must be a stdyn.layered.Network"),
        ({"images": np.ones(3)}, "images must be stdyn.mnist.Images, but is ndarray"),
        ({"network": random_network((35, 4), np.random.default_rng(0))}, "must have the 36 inputs of the images"),
        ({"network": random_network((36, 3), np.random.default_rng(0))}, "at least their 4 classes"),
    ],
)
def test_bad_arguments_are_named(images, changes, message):
    """One message each, before any work."""
    arguments = {"network": random_network((36, 9, 4), np.random.default_rng(0)), "images": images}
    arguments |= {"epochs": 1, "lr": 0.1, "rng": np.random.default_rng(1)} | changes
    with pytest.raises(InputError, match=message):
        train(**arguments)


@pytest.mark.skipif(not os.environ.get("STDYN_MNIST"), reason="STDYN_MNIST does not say where MNIST is")
def test_mnist_is_learned():
    """784-100-10, one epoch: 4 to 12 % test error under all rules, at angles of 20 to 85 degrees."""
    images = mnist.load()
    network = random_network((784, 100, 10), np.random.default_rng(0))
    for rule in ("bp", "fa"):
        feedback = a_feedback(network, rule)
        found = train(network, images, rule, feedback, epochs=1, lr=0.01, rng=np.random.default_rng(1))
        assert 0.03 < found.test_error[1] < 0.12
        if rule == "fa":
            assert 20 < found.update_angle[1, 0] < 85
            assert 20 < found.weight_angle[1, 0] < 85
