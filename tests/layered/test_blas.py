"""The products of a training step: those of NumPy, and the same bits in one thread and in two."""

import numpy as np
import pytest
from layered_networks import a_feedback
from threadpoolctl import threadpool_info, threadpool_limits

from stdyn import mnist
from stdyn.layered import blas, random_network, train


@pytest.fixture(scope="module")
def images(image_folder):
    return mnist.load(image_folder)


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
