"""Layered networks: BP is the gradient, FA and DFA are what theory.md, section 8, says, and angles are angles."""

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from stdyn import DivergenceWarning, InputError, TrainingInterrupted, layered, mnist
from stdyn.layered import blas
from stdyn.layered import network as layers
from stdyn.layered.angles import angle, output_angles, update_angles, weight_angles
from stdyn.layered.epochs import Network, random_feedback, random_network, train
from stdyn.layered.history import recorded_alphas, recorded_steps

WIDTHS = [(7, 4), (7, 5, 4), (7, 6, 5, 4), (7, 5, 6, 3, 4)]
RULES = ("bp", "fa", "dfa")


@pytest.fixture(scope="module")
def images(image_folder):
    return mnist.load(image_folder)


def network_and_batch(widths, dtype=np.float64, P=9, seed=0):
    """A network with biases, and a batch of inputs and labels."""
    rng = np.random.default_rng(seed)
    network = random_network(widths, rng, scale=1.5, dtype=dtype)
    network = Network(network.W, tuple(0.3 * rng.standard_normal(b.shape).astype(dtype) for b in network.b))
    return network, rng.standard_normal((P, widths[0])).astype(dtype), rng.integers(0, widths[-1], P)


def loss(network, x, labels):
    """The mean cross-entropy, example by example, without any function of the package."""
    total = 0.0
    for h, right in zip(x, labels, strict=True):
        for l, (W, b) in enumerate(zip(network.W, network.b, strict=True)):
            h = W @ h + b
            h = np.tanh(h) if l < len(network.W) - 1 else h
        total += np.log(np.exp(h).sum()) - h[right]
    return total / len(x)


def gradients(network, x, labels, rule="bp", feedback=None):
    """The directions along which a step of training lowers W and b, for a learning rate of 1."""
    h = layers.forward(network.W, network.b, x)
    error, _ = layers.output_error(h[-1], labels)
    delta = layers.backward(h, error, *layers.way_back(network.W, rule, feedback))
    W, b = [each.copy(order="F") for each in network.W], [each.copy() for each in network.b]
    layers.add_step(W, b, h, delta, 1 / len(x))
    return [[old - new for old, new in zip(*both, strict=True)] for both in ((network.W, W), (network.b, b))]


def moved(network, kind, l, entry, by):
    """The network with one weight or bias changed."""
    arrays = {"W": [W.copy() for W in network.W], "b": [b.copy() for b in network.b]}
    arrays[kind][l][entry] += by
    return Network(tuple(arrays["W"]), tuple(arrays["b"]))


def a_feedback(network, rule, seed=5):
    return random_feedback(network.widths, rule, np.random.default_rng(seed))


# ---------------------------------------------------------------------------------------------------------------------
# The rules


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


def train_plainly(network, images, rule, feedback, order, lr, batch):
    """One pass over the images as theory.md writes it, example by example, in double precision."""
    W, b = [np.array(each) for each in network.W], [np.array(each) for each in network.b]
    L = len(W)
    for at in range(0, len(order), batch):
        some = order[at : at + batch]
        dW, db = [np.zeros_like(each) for each in W], [np.zeros_like(each) for each in b]
        for mu in some:
            h = [images.train_images[mu] / 255]
            for l in range(L):
                a = W[l] @ h[-1] + b[l]
                h.append(np.tanh(a) if l < L - 1 else np.exp(a) / np.exp(a).sum())
            error = h[-1] - (np.arange(len(b[-1])) == images.train_labels[mu])
            delta = error
            for l in reversed(range(L)):
                dW[l] -= lr / len(some) * np.outer(delta, h[l])
                db[l] -= lr / len(some) * delta
                if l > 0:
                    back = {"bp": W[l].T, "fa": feedback and feedback[l - 1], "dfa": feedback and feedback[l - 1]}[rule]
                    delta = (back @ (error if rule == "dfa" else delta)) * (1 - h[l] ** 2)
        W, b = [x + d for x, d in zip(W, dW, strict=True)], [x + d for x, d in zip(b, db, strict=True)]
    return W, b


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


@pytest.mark.parametrize("batch", [1, 10, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_feedback_alignment_with_the_transposed_weights_is_backpropagation(images, dtype, batch):
    """Bit for bit over 60 steps, B set to the W of each of them; in the memory order in which training puts B."""
    network = random_network((36, 25, 12, 4), np.random.default_rng(0), dtype=dtype)
    ends = []
    for rule in ("bp", "fa"):
        W, b = [each.copy(order="F") for each in network.W], [each.copy() for each in network.b]
        rng = np.random.default_rng(1)
        for _ in range(60):
            some = rng.integers(0, 300, batch)
            h = layers.forward(W, b, layers.inputs(images.train_images[some], dtype))
            error, _ = layers.output_error(h[-1], images.train_labels[some])
            B = None if rule == "bp" else [np.ascontiguousarray(each.T, dtype) for each in W[1:]]
            layers.add_step(W, b, h, layers.backward(h, error, *layers.way_back(W, rule, B)), 0.1 / batch)
        ends.append([*W, *b])
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))
    assert all(np.abs(one - start).max() > 0 for one, start in zip(ends[0], network.W, strict=False))


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


def test_the_same_seed_gives_the_same_bits_in_any_number_of_threads(images):
    """With 1 and 2 threads, and BLAS set to as many outside; layers so large that products are cut."""
    network = random_network((36, 400, 500, 4), np.random.default_rng(0))
    feedback = a_feedback(network, "fa")
    found = []
    for threads, seed in ((2, 1), (1, 1), (1, 2)):
        with threadpool_limits(threads):
            rng = np.random.default_rng(seed)
            found.append(train(network, images, "fa", feedback, epochs=2, lr=0.1, batch=60, rng=rng, threads=threads))
    assert blas._LARGE < 60 * 400 * 500
    for name in ("train_loss", "test_loss", "weight_angle", "update_angle", "delta_angle", "output_alignment"):
        assert np.array_equal(getattr(found[0], name), getattr(found[1], name), equal_nan=True), name
    for l in range(3):
        assert np.array_equal(found[0].network.W[l], found[1].network.W[l])
        assert not np.array_equal(found[0].network.W[l], found[2].network.W[l])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 3, 5), (7, 1, 9), (100, 401, 783), (3, 1, 4_000_000), (13, 2000, 500)])
def test_products_are_those_of_numpy(dtype, shape):
    """h W^T and W -= rate delta^T h, small, thin and cut in two, to rounding; what BLAS could not read is refused."""
    P, n, m = shape
    rng = np.random.default_rng(0)
    W = np.asfortranarray(rng.standard_normal((n, m)).astype(dtype))
    delta, h = rng.standard_normal((P, n)).astype(dtype), rng.standard_normal((P, m)).astype(dtype)
    exact_delta, exact_h, exact_W = (each.astype(np.longdouble if W.size < 1e6 else float) for each in (delta, h, W))
    scale = np.finfo(dtype).eps * 8
    for threads in (1, 2):
        changed = W.copy(order="F")
        with blas.side_by_side(threads) as run:
            found = blas.product(h, W, run)
            blas.subtract_product(changed, delta, h, 0.3, run)
        if W.size < 1e6:
            assert np.abs(found - exact_h @ exact_W.T).max() <= scale * np.sqrt(m) * 10
        assert np.abs(changed - (exact_W - 0.3 * exact_delta.T @ exact_h)).max() <= scale * (P + 1)
    with pytest.raises(TypeError, match="column by column"):
        blas.subtract_product(np.ones((4, 5), dtype), np.ones((2, 4), dtype), np.ones((2, 5), dtype), 1.0)
    with pytest.raises(TypeError, match="of one type"):
        blas.subtract_product(np.ones((4, 5), dtype).T, np.ones((2, 5), dtype), np.ones((2, 4), "f2"), 1.0)


def test_blas_gets_its_threads_back_when_the_last_training_ends():
    """Two blocks that overlap, as in two threads: one thread until the second is left, then as before."""

    def threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    with threadpool_limits(2):
        before = threads()
        first, second = blas.side_by_side(1), blas.side_by_side(2)
        first.__enter__()
        second.__enter__()
        assert set(threads()) == {1}
        first.__exit__(None, None, None)
        assert set(threads()) == {1}
        second.__exit__(None, None, None)
        assert threads() == before


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
    assert not any(b.any() for b in network.b)


# ---------------------------------------------------------------------------------------------------------------------
# Angles


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


# ---------------------------------------------------------------------------------------------------------------------
# Training


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
        W, b = found.network.W, found.network.b
        outputs = np.tanh(pixels / 255 @ W[0].T + b[0]) @ W[1].T + b[1]
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

    monkeypatch.setattr(layered, "output_error", output_error)
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
    original = layered.train_epoch

    def train_epoch(*arguments):
        if arguments[5] == 3:
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

    put = layered.put_records
    for name, function in (
        ("train_epoch", train_epoch),
        ("put_records", lambda *arguments: put_records(*arguments) or put(*arguments)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(layered, name, function)
            with pytest.raises(TrainingInterrupted, match="interrupted after 2 epochs") as caught:
                train(network, images, epochs=4, lr=0.1, rng=np.random.default_rng(1))
            check(caught)


# ---------------------------------------------------------------------------------------------------------------------
# Bad input


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
        ({"rng": 3}, "rng must be a numpy.random.Generator"),
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


@pytest.mark.parametrize(
    ("W", "b", "message"),
    [
        ([np.ones((3, 2))], [np.ones(2)], r"W\[0\] and b\[0\] must have shapes"),
        ([np.ones((3, 2)), np.ones((2, 4))], [np.ones(3), np.ones(2)], r"W\[1\] and b\[1\] must have shapes"),
        ([np.ones((3, 2), int)], [np.ones(3)], "must all be float32 or all float64"),
        ([np.ones((3, 2), np.float32)], [np.ones(3)], "must all be float32 or all float64"),
        ([], [], "at least one"),
    ],
)
def test_bad_networks_are_named(W, b, message):
    """Shapes and types."""
    with pytest.raises(InputError, match=message):
        Network(tuple(W), tuple(b))


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


# ---------------------------------------------------------------------------------------------------------------------
# On MNIST itself, where it is


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
